/* SPDX-License-Identifier: BSD-2-Clause */
#include "auth/adsp.h"

#include "auth/dkim_tags.h"
#include "base/ascii.h"
#include "base/domain.h"

static const char *const practice_names[] = {"unknown", "all", "discardable"};

const char *adsp_practice_name(enum adsp_practice practice)
{
    return practice_names[practice];
}

/* ---- The record (rfc5617:4.2.1) ---- */

/* hyphenated-word of RFC 4871: a letter first, no hyphen last. */
static bool is_hyphenated_word(struct bytes word)
{
    if (word.len == 0 || !ascii_is_alpha(word.ptr[0]) || word.ptr[word.len - 1] == '-')
        return false;
    for (size_t i = 0; i < word.len; i++)
        if (!ascii_is_alnum(word.ptr[i]) && word.ptr[i] != '-')
            return false;
    return true;
}

/* WSP only, where signatures may be folded (rfc5617:4.1). */
static bool has_line_end(struct bytes text)
{
    return bytes_find_byte(text, '\r') != BYTES_NOT_FOUND ||
           bytes_find_byte(text, '\n') != BYTES_NOT_FOUND;
}

enum result adsp_record_parse(struct bytes text, enum adsp_practice *practice, struct error *error)
{
    struct dkim_tags tags;
    struct error syntax;
    *practice = ADSP_UNKNOWN;
    /* Not even white space stands before it. */
    if (!bytes_starts_with(text, BYTES("dkim")))
        return error_set(error, NONE, "it does not begin with dkim=");
    if (has_line_end(text))
        return error_set(error, NONE, "there is a line end in it");
    if (dkim_tags_parse(text, &tags, &syntax) != OK)
        return error_set(error, NONE, "%s", syntax.text);
    struct bytes value = tags.list[0].value;
    if (!bytes_is(tags.list[0].name, "dkim"))
        return error_set(error, NONE, "it does not begin with dkim=");
    if (!is_hyphenated_word(value))
        return error_set(error, NONE, "dkim= is not a word");
    for (size_t i = 0; i < countof(practice_names); i++)
        if (bytes_is_nocase(value, practice_names[i]))
            *practice = (enum adsp_practice)i;
    return OK;
}

/* ---- The check (rfc5617:4.3, 5.4) ---- */

struct adsp_check {
    struct dns *dns;
    struct arena *arena;
    struct bytes domain;
    int64_t deadline;
    struct adsp_result *result;
};

static void conclude(struct adsp_check *check, enum auth_result result, const char *problem)
{
    check->result->result = result;
    check->result->problem = arena_copy(check->arena, bytes_of(problem));
}

static void conclude_domain(struct adsp_check *check, enum auth_result result, const char *problem)
{
    struct error text;
    error_set(&text, NONE, BYTES_FMT " %s", BYTES_ARG(bytes_first(check->domain, 255)), problem);
    conclude(check, result, text.text);
}

static bool is_author_signed(const struct dkim_results *dkim, struct bytes domain)
{
    for (size_t i = 0; dkim && i < dkim->count; i++) {
        const struct dkim_signature_result *signature = &dkim->signatures[i];
        if (signature->result == AUTH_PASS && !signature->key_testing &&
            bytes_equal_nocase(signature->domain, domain))
            return true;
    }
    return false;
}

/*
 * Whether the domain is in scope: it exists, with records of whatever type. MX is what others ask
 * for as well, so it is likely to be cached.
 */
static bool exists(struct adsp_check *check)
{
    const struct dns_answer *answer =
        dns_query(check->dns, check->arena, check->domain, DNS_MX, check->deadline);
    if (answer->status == DNS_FAILED)
        conclude_domain(check, AUTH_TEMPERROR, "could not be looked up: the DNS did not answer");
    else if (answer->status == DNS_NO_NAME)
        conclude_domain(check, AUTH_NXDOMAIN, "does not exist in the DNS");
    return answer->status == DNS_FOUND || answer->status == DNS_NO_DATA;
}

/*
 * Records in another format count as not there (rfc5617:4.1): they come from wildcards more often
 * than not. Several that are ADSP records have no defined meaning (rfc5617:4.3).
 */
static size_t select_record(const struct dns_answer *answer, struct adsp_result *result,
                            struct error *ignored)
{
    size_t count = 0;
    for (size_t i = 0; i < answer->count; i++) {
        enum adsp_practice practice;
        if (adsp_record_parse(answer->records[i].text, &practice, ignored) != OK)
            continue;
        result->practice = practice;
        result->record = answer->records[i].text;
        count++;
    }
    return count;
}

static void conclude_practice(struct adsp_check *check)
{
    check->result->found = true;
    switch (check->result->practice) {
    case ADSP_ALL:
        conclude_domain(check, AUTH_FAIL, "signs all its mail, and this has no signature of it");
        break;
    case ADSP_DISCARDABLE:
        conclude_domain(check, AUTH_DISCARD,
                        "asks to discard mail that has no signature of it, as this");
        break;
    case ADSP_UNKNOWN:
        conclude_domain(check, AUTH_UNKNOWN, "does not say that it signs all its mail");
        break;
    }
}

static void fetch_record(struct adsp_check *check)
{
    struct error ignored = {""}, text;
    struct bytes name =
        arena_printf(check->arena, "_adsp._domainkey." BYTES_FMT, BYTES_ARG(check->domain));
    if (!name.ptr) {
        conclude(check, AUTH_TEMPERROR, "out of memory");
        return;
    }
    const struct dns_answer *answer =
        dns_query(check->dns, check->arena, name, DNS_TXT, check->deadline);
    if (answer->status == DNS_FAILED) {
        conclude_domain(check, AUTH_TEMPERROR,
                        "has an ADSP record perhaps, but the DNS did not answer");
        return;
    }
    size_t count = select_record(answer, check->result, &ignored);
    if (count == 1) {
        conclude_practice(check);
        return;
    }
    if (count > 1) {
        check->result->practice = ADSP_UNKNOWN;
        check->result->record = (struct bytes){NULL, 0};
        conclude_domain(check, AUTH_PERMERROR, "has several ADSP records");
        return;
    }
    error_set(&text, NONE, "has no ADSP record%s%s",
              answer->count ? "; what is found there is none: " : "", ignored.text);
    conclude_domain(check, AUTH_NONE, text.text);
}

void adsp_check(struct dns *dns, struct arena *arena, struct bytes author_domain,
                const struct dkim_results *dkim, int64_t deadline, struct adsp_result *result)
{
    struct adsp_check check = {.dns = dns,
                               .arena = arena,
                               .domain = domain_strip_dot(author_domain),
                               .deadline = deadline,
                               .result = result};
    *result = (struct adsp_result){.result = AUTH_NONE};
    if (!domain_is_valid(check.domain))
        conclude(&check, AUTH_PERMERROR, "there is no author domain");
    else if (is_author_signed(dkim, check.domain))
        conclude(&check, AUTH_PASS, "");
    else if (exists(&check))
        fetch_record(&check);
}
