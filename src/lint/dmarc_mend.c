/* SPDX-License-Identifier: BSD-2-Clause */
#include "lint/dmarc_mend.h"

#include "auth/dmarc_uri.h"
#include "base/ascii.h"
#include "base/buf.h"
#include "base/domain.h"

enum { WORD_MAX = 24, RECORD_MAX = 8192, ADDRESSES_MAX = 20 };

/* Letters to be put in, taken out or changed to get from one word to the other. */
static size_t distance(struct bytes a, struct bytes b)
{
    size_t row[WORD_MAX + 1];
    for (size_t j = 0; j <= b.len; j++)
        row[j] = j;
    for (size_t i = 1; i <= a.len; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= b.len; j++) {
            size_t above = row[j];
            size_t best = diagonal + (ascii_lower(a.ptr[i - 1]) != ascii_lower(b.ptr[j - 1]));
            if (above + 1 < best)
                best = above + 1;
            if (row[j - 1] + 1 < best)
                best = row[j - 1] + 1;
            row[j] = best;
            diagonal = above;
        }
    }
    return row[b.len];
}

bool dmarc_mend_policy(struct bytes word, enum dmarc_policy *out)
{
    size_t nearest = SIZE_MAX;
    if (word.len > WORD_MAX)
        return false;
    for (int i = DMARC_POLICY_NONE; i <= DMARC_POLICY_REJECT; i++) {
        struct bytes name = bytes_of(dmarc_policy_name(i));
        size_t found = distance(word, name);
        if (found <= name.len / 3 && found < nearest) {
            nearest = found;
            *out = i;
        }
    }
    return nearest != SIZE_MAX;
}

static bool is_printable(struct bytes value)
{
    for (size_t i = 0; i < value.len; i++)
        if (!ascii_is_print(value.ptr[i]) && value.ptr[i] != '\t')
            return false;
    return true;
}

/* The value of the first tag of that name that counts (rfc9989:4.8); ptr NULL if there is none. */
static struct bytes value_of(struct bytes text, const char *wanted)
{
    struct bytes tag;
    while (bytes_split(&text, ';', &tag)) {
        size_t equals = bytes_find_byte(tag, '=');
        if (equals == BYTES_NOT_FOUND ||
            !bytes_is_nocase(bytes_trim(bytes_first(tag, equals)), wanted))
            continue;
        struct bytes value = bytes_trim(bytes_skip(tag, equals + 1));
        if (is_printable(value))
            return value;
    }
    return (struct bytes){NULL, 0};
}

/* One entry of rua= or ruf= without its size limit, which exists no more; false if nobody can be
 * made out. */
static bool add_address(struct buf *out, struct bytes entry, bool first)
{
    entry = bytes_trim(bytes_first(entry, bytes_find_byte(entry, '!')));
    struct bytes mailbox = entry;
    if (bytes_starts_with_nocase(entry, BYTES("mailto:")))
        mailbox = bytes_skip(entry, 7);
    while (mailbox.len && mailbox.ptr[0] == '/')
        mailbox = bytes_skip(mailbox, 1);
    size_t at = bytes_find_byte(mailbox, '@');
    if (!at || at == BYTES_NOT_FOUND || !domain_is_valid(bytes_skip(mailbox, at + 1)))
        return false;
    for (size_t i = 0; i < mailbox.len; i++)
        if (!ascii_is_print(mailbox.ptr[i]) || ascii_is_wsp(mailbox.ptr[i]) ||
            bytes_find_byte(BYTES(":\"\\<>"), mailbox.ptr[i]) != BYTES_NOT_FOUND)
            return false;
    struct buf uri;
    buf_init(&uri, RECORD_MAX);
    buf_printf(&uri, "mailto:" BYTES_FMT, BYTES_ARG(mailbox));
    bool fine = !uri.failed && dmarc_uri_is_valid(buf_bytes(&uri));
    if (fine)
        buf_printf(out, "%s" BYTES_FMT, first ? "" : ",", BYTES_ARG(buf_bytes(&uri)));
    buf_free(&uri);
    return fine;
}

/* "; rua=..." with all of the list that is, or can be made, an address; how many those are. */
static size_t add_list(struct buf *out, const char *tag, struct bytes list)
{
    struct buf addresses;
    struct bytes entry;
    size_t count = 0, seen = 0;
    buf_init(&addresses, RECORD_MAX);
    while (list.len && seen++ < ADDRESSES_MAX && bytes_split(&list, ',', &entry))
        count += add_address(&addresses, entry, count == 0);
    if (count)
        buf_printf(out, "; %s=" BYTES_FMT, tag, BYTES_ARG(buf_bytes(&addresses)));
    buf_free(&addresses);
    return count;
}

static bool has_receiver(struct bytes list)
{
    struct bytes entry;
    size_t seen = 0;
    while (list.len && seen++ < ADDRESSES_MAX && bytes_split(&list, ',', &entry))
        if (bytes_starts_with_nocase(bytes_trim(entry), BYTES("mailto:")) &&
            dmarc_uri_is_valid(entry))
            return true;
    return false;
}

/* "r" and "relaxed", "y" and "yes": the first letter counts, if it is one of those. */
static void add_letter(struct buf *out, struct bytes text, const char *tag, const char *letters)
{
    struct bytes value = value_of(text, tag);
    uint8_t letter = value.len ? ascii_lower(value.ptr[0]) : 0;
    if (letter && bytes_find_byte(bytes_of(letters), letter) != BYTES_NOT_FOUND)
        buf_printf(out, "; %s=%c", tag, letter);
}

static void add_failure_options(struct buf *out, struct bytes text)
{
    struct bytes value = value_of(text, "fo"), rest = value, option;
    if (!value.len || value.len > WORD_MAX)
        return;
    while (bytes_split(&rest, ':', &option)) {
        option = bytes_trim(option);
        if (option.len != 1 ||
            bytes_find_byte(BYTES("01ds"), ascii_lower(option.ptr[0])) == BYTES_NOT_FOUND)
            return;
    }
    buf_printf(out, "; fo=" BYTES_FMT, BYTES_ARG(value));
}

struct bytes dmarc_mend(struct arena *arena, struct bytes text, struct bytes domain, bool below)
{
    struct buf out;
    enum dmarc_policy policy = DMARC_POLICY_NONE, subdomains, absent;
    struct bytes rua = value_of(text, "rua");
    buf_init(&out, RECORD_MAX);
    if (!dmarc_mend_policy(value_of(text, "p"), &policy))
        policy = DMARC_POLICY_NONE;
    bool sp = dmarc_mend_policy(value_of(text, "sp"), &subdomains);
    bool np = dmarc_mend_policy(value_of(text, "np"), &absent);
    if (below && sp && subdomains == DMARC_POLICY_NONE)
        sp = false;
    if (policy == DMARC_POLICY_NONE && has_receiver(rua))
        policy = DMARC_POLICY_QUARANTINE;
    buf_printf(&out, "v=DMARC1; p=%s", dmarc_policy_name(policy));
    if (sp)
        buf_printf(&out, "; sp=%s", dmarc_policy_name(subdomains));
    if (np)
        buf_printf(&out, "; np=%s", dmarc_policy_name(absent));
    if (!add_list(&out, "rua", rua))
        buf_printf(&out, "; rua=mailto:dmarc@" BYTES_FMT, BYTES_ARG(domain));
    size_t failure_reports = add_list(&out, "ruf", value_of(text, "ruf"));
    if (failure_reports)
        add_failure_options(&out, text);
    add_letter(&out, text, "adkim", "rs");
    add_letter(&out, text, "aspf", "rs");
    add_letter(&out, text, "psd", "ynu");
    add_letter(&out, text, "t", "yn");
    struct bytes mended = out.failed ? BYTES("") : arena_copy(arena, buf_bytes(&out));
    buf_free(&out);
    return mended.ptr ? mended : BYTES("");
}
