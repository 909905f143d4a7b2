/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a list in DNS answers. Input: a line with the subject (address or name), a line with codes of the
 * configuration separated by blanks, a line with the addresses that it answers, then its TXT record.
 */
#include "base/ascii.h"
#include "base/clock.h"
#include "base/utf8.h"
#include "dns/zone.h"
#include "reputation/dnsl.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { CODES_MAX = 8, ADDRESSES_MAX = 40 };

/* A list that answers so, whatever it is asked. */
struct liar {
    struct dns dns;
    struct dns_answer addresses, texts;
    size_t asked;
};

static const struct dns_answer *lie(struct dns *dns, struct arena *arena, struct bytes name, enum dns_type type,
                                    int64_t deadline)
{
    struct liar *liar = (struct liar *)dns;
    liar->asked++;
    require(bytes_ends_with(name, BYTES(".l.example")) && name.len <= 253);
    return type == DNS_A ? &liar->addresses : &liar->texts;
}

static struct config_strings read_codes(struct arena *arena, struct bytes line)
{
    struct config_strings codes = {arena_alloc_array(arena, CODES_MAX, sizeof(char *)), 0};
    struct bytes word;
    while (codes.count < CODES_MAX && bytes_split(&line, ' ', &word))
        codes.items[codes.count++] = arena_string(arena, word);
    return codes;
}

static size_t read_addresses(struct bytes line, struct dns_record records[ADDRESSES_MAX])
{
    struct bytes word;
    size_t count = 0;
    while (count < ADDRESSES_MAX && bytes_split(&line, ' ', &word))
        count += ip_parse(word, &records[count].ip);
    return count;
}

static void check_text(struct bytes text, size_t most)
{
    require(text.len <= most && utf8_is_valid(text));
    for (size_t i = 0; i < text.len; i++)
        require(!ascii_is_control(text.ptr[i]));
    require(!text.len || (text.ptr[0] != ' ' && text.ptr[text.len - 1] != ' '));
}

static void check(const struct dnsl_list *list, const struct liar *liar, const struct dnsl_result *result)
{
    require((result->code_count > 0) == (result->status == DNSL_LISTED));
    require((result->problem.len > 0) == (result->status == DNSL_ERROR || result->status == DNSL_FAILED));
    require(result->code_count <= DNSL_CODES_MAX && liar->asked <= 2);
    check_text(result->text, DNSL_TEXT_MAX);
    for (size_t i = 0; i < result->code_count; i++) {
        const uint8_t *octets = result->codes[i].octets;
        int points;
        require(result->codes[i].family == 4 && octets[0] == 127 && !(octets[1] == 255 && octets[2] == 255));
        require(list->first_is_listed || octets[1] || octets[2] || octets[3] != 1);
        if (dnsl_points(list, &result->codes[i], &points))
            require(result->text_answer != NULL);
        for (size_t k = 0; k < i; k++)
            require(!ip_equal(&result->codes[i], &result->codes[k]));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes rest = bytes_from(size ? data : (const uint8_t *)"", size), lines[3];
    struct arena *arena = arena_create(8 << 20);
    struct dns_record addresses[ADDRESSES_MAX] = {{.preference = 0}}, text = {.preference = 0};
    char name[] = "l", zone[] = "l.example";
    for (size_t i = 0; i < countof(lines); i++)
        if (!bytes_split(&rest, '\n', &lines[i]))
            lines[i] = BYTES("");
    struct config_dnslist config = {.name = name, .zone = zone, .weight = 300,
                                    .codes = read_codes(arena, lines[1])};
    struct dnsl_list list;
    struct dnsl_result result;
    struct dnsl_subject subject = {.name = BYTES("")};
    struct liar liar = {.dns = {lie}};
    text.text = rest.ptr ? rest : BYTES("");
    size_t count = read_addresses(lines[2], addresses);
    liar.addresses = (struct dns_answer){
        .status = count ? DNS_FOUND : DNS_NO_NAME, .count = count, .records = addresses};
    liar.texts = (struct dns_answer){.status = DNS_FOUND, .count = 1, .records = &text};
    if (!ip_parse(lines[0], &subject.ip))
        subject.name = lines[0];
    require(dnsl_list_read(arena, &config, &list) && list.code_count <= config.codes.count);
    dnsl_ask(&liar.dns, arena, &list, &subject, NO_DEADLINE, &result);
    check(&list, &liar, &result);
    arena_destroy(arena);
    return 0;
}
