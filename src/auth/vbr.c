/* SPDX-License-Identifier: BSD-2-Clause */
#include "auth/vbr.h"

#include "auth/vbr_info.h"
#include "base/domain.h"

enum { QUESTIONS_MAX = VBR_CERTIFIERS_MAX * VBR_FIELDS_MAX };

/* What the fields say about one domain that is authenticated. */
struct claim {
    struct bytes domain; /* lower case */
    unsigned named;      /* bit i: the trusted certifier i is named */
};

struct vbr_check {
    struct dns *dns;
    struct arena *arena;
    const struct vbr_request *request;
    struct vbr_result *result;
    size_t certifier_count;
    struct claim claims[VBR_FIELDS_MAX];
    size_t claim_count;
    size_t well_formed, malformed;
    enum vbr_content content; /* of all well-formed fields */
    struct bytes domain;      /* of the first of them */
    bool contents_differ;
    struct error syntax; /* of the first malformed field */
};

static void conclude(struct vbr_check *check, enum auth_result result, const char *problem)
{
    check->result->result = result;
    check->result->problem = arena_copy(check->arena, bytes_of(problem));
}

/* ---- Reading the fields ---- */

static bool is_authenticated(const struct vbr_check *check, struct bytes domain)
{
    const struct vbr_request *request = check->request;
    for (size_t i = 0; i < request->authenticated_count; i++)
        if (bytes_equal_nocase(domain_strip_dot(request->authenticated[i]), domain))
            return true;
    return false;
}

static struct claim *claim_of(struct vbr_check *check, struct bytes domain)
{
    for (size_t i = 0; i < check->claim_count; i++)
        if (bytes_equal_nocase(check->claims[i].domain, domain))
            return &check->claims[i];
    struct claim *claim = &check->claims[check->claim_count++];
    *claim = (struct claim){.domain = arena_lower(check->arena, domain)};
    return claim;
}

static void add_info(struct vbr_check *check, const struct vbr_info *info)
{
    if (check->well_formed++ == 0) {
        check->content = info->content;
        check->domain = info->domain;
    }
    check->contents_differ = check->contents_differ || info->content != check->content;
    if (!is_authenticated(check, info->domain))
        return;
    struct claim *claim = claim_of(check, info->domain);
    for (size_t i = 0; i < check->certifier_count; i++)
        if (vbr_info_names(info, check->request->certifiers[i]))
            claim->named |= 1U << i;
}

/* Further fields than the limit are not looked at (rfc5518:8). */
static void read_fields(struct vbr_check *check, const struct message *message)
{
    const struct header_field *field = message_field(message, "VBR-Info", 0);
    for (size_t i = 0; field && i < VBR_FIELDS_MAX; i++) {
        struct vbr_info info;
        if (vbr_info_parse(field->value, &info, check->malformed ? NULL : &check->syntax) == OK)
            add_info(check, &info);
        else
            check->malformed++;
        field = message_field(message, "VBR-Info", (size_t)(field - message->fields) + 1);
    }
}

/* ---- Asking ---- */

/* Of several records those in another format are discarded; one must be left (rfc5518:5). */
static const struct dns_record *only_record(const struct dns_answer *answer, const char **why)
{
    const struct dns_record *record = NULL;
    for (size_t i = 0; i < answer->count; i++) {
        if (!vbr_record_is_valid(answer->records[i].text))
            continue;
        if (record) {
            *why = "several records where one may be";
            return NULL;
        }
        record = &answer->records[i];
    }
    *why = "no record of the right format";
    return record;
}

static void keep_question(struct vbr_check *check, struct bytes name, struct bytes found,
                          bool vouches)
{
    struct vbr_result *result = check->result;
    if (!result->questions)
        result->questions =
            arena_alloc_array(check->arena, QUESTIONS_MAX, sizeof(*result->questions));
    if (result->questions && result->question_count < QUESTIONS_MAX)
        result->questions[result->question_count++] = (struct vbr_question){name, found, vouches};
}

/* OK: vouched for; NONE: not; TEMP: not known. */
static enum result ask(struct vbr_check *check, struct bytes domain, struct bytes certifier)
{
    const char *why = "no record";
    struct bytes name = arena_printf(check->arena, BYTES_FMT "._vouch." BYTES_FMT,
                                     BYTES_ARG(domain), BYTES_ARG(domain_strip_dot(certifier)));
    if (!name.ptr)
        return TEMP;
    const struct dns_answer *answer =
        dns_query(check->dns, check->arena, name, DNS_TXT, check->request->deadline);
    if (answer->status == DNS_FAILED) {
        keep_question(check, name, BYTES("the DNS did not answer"), false);
        return TEMP;
    }
    const struct dns_record *record = answer->count ? only_record(answer, &why) : NULL;
    bool vouches = record && vbr_record_vouches(record->text, check->content);
    keep_question(check, name, record ? record->text : bytes_of(why), vouches);
    return vouches ? OK : NONE;
}

/* The certifier who is preferred comes first, whichever field names him. */
static void ask_certifiers(struct vbr_check *check)
{
    bool failed = false;
    for (size_t i = 0; i < check->certifier_count; i++) {
        for (size_t j = 0; j < check->claim_count; j++) {
            const struct claim *claim = &check->claims[j];
            if (!(claim->named & 1U << i))
                continue;
            enum result vouched = ask(check, claim->domain, check->request->certifiers[i]);
            failed = failed || vouched == TEMP;
            if (vouched != OK)
                continue;
            check->result->domain = claim->domain;
            check->result->certifier = check->request->certifiers[i];
            conclude(check, AUTH_PASS, "");
            return;
        }
    }
    if (failed)
        conclude(check, AUTH_TEMPERROR, "the DNS did not answer for a certifier");
    else if (check->result->question_count)
        conclude(check, AUTH_FAIL, "no trusted certifier that is named vouches for such mail");
    else
        conclude(check, AUTH_NEUTRAL, "only certifiers are named that are not trusted here");
}

static void judge(struct vbr_check *check)
{
    struct error text;
    if (check->well_formed) {
        check->result->domain = arena_lower(check->arena, check->domain);
        check->result->content = bytes_of(vbr_content_name(check->content));
    }
    if (check->contents_differ) {
        conclude(check, AUTH_PERMERROR, "the VBR-Info fields name different kinds of mail (mc=)");
    } else if (check->claim_count) {
        check->result->domain = check->claims[0].domain;
        ask_certifiers(check);
    } else if (check->well_formed) {
        conclude(check, AUTH_NONE, "no domain of a VBR-Info field (md=) is authenticated");
    } else if (check->malformed) {
        error_set(&text, PERM, "the VBR-Info field is malformed: %s", check->syntax.text);
        conclude(check, AUTH_PERMERROR, text.text);
    } else {
        conclude(check, AUTH_NONE, "the message has no VBR-Info field");
    }
}

void vbr_check(struct dns *dns, struct arena *arena, const struct message *message,
               const struct vbr_request *request, struct vbr_result *result)
{
    struct vbr_check check = {
        .dns = dns,
        .arena = arena,
        .request = request,
        .result = result,
        .certifier_count = request->certifier_count < VBR_CERTIFIERS_MAX ? request->certifier_count
                                                                         : VBR_CERTIFIERS_MAX,
    };
    *result = (struct vbr_result){.result = AUTH_NONE};
    read_fields(&check, message);
    judge(&check);
    /* A domain or an answer that could not be kept might have changed the result. */
    if (arena_exhausted(arena) && result->result != AUTH_PASS)
        conclude(&check, AUTH_TEMPERROR, "out of memory");
}
