/* SPDX-License-Identifier: BSD-2-Clause */
/* What a check found, copied out of its scratch memory into a result, with strings that end with NUL. */
#include "library/library.h"

struct bytes library_text(struct arena *arena, struct bytes text)
{
    uint8_t *to = arena_alloc(arena, text.len + 1);
    size_t length = 0;
    if (!to)
        return (struct bytes){NULL, 0};
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.ptr[i];
        if (c == '\r' || c == '\n')
            continue;
        to[length++] = c == '\t' ? ' ' : c < ' ' || c == 0x7f ? '?' : c;
    }
    return bytes_from(to, length);
}

struct bytes library_field(struct arena *arena, struct bytes text)
{
    uint8_t *to = arena_alloc(arena, text.len + 1);
    if (!to)
        return (struct bytes){NULL, 0};
    for (size_t i = 0; i < text.len; i++)
        to[i] = text.ptr[i] ? text.ptr[i] : '?';
    return bytes_from(to, text.len);
}

/* Each of the slices that follow, NULL at the end. */
static void renew(struct arena *arena, struct bytes *const *slices)
{
    for (; *slices; slices++)
        **slices = library_text(arena, **slices);
}
#define RENEW(arena, ...) renew((arena), (struct bytes *const[]){__VA_ARGS__, NULL})

static void copy_spf(struct arena *arena, const struct spf_result *from, struct spf_result *to)
{
    *to = *from;
    to->steps = NULL;
    to->step_count = 0;
    RENEW(arena, &to->domain, &to->mechanism, &to->problem, &to->explanation, &to->record);
}

static bool copy_dkim(struct arena *arena, const struct dkim_results *from, struct dkim_results *to)
{
    *to = *from;
    to->signatures = arena_alloc_array(arena, from->count, sizeof(*to->signatures));
    if (!to->signatures)
        return false;
    for (size_t i = 0; i < from->count; i++) {
        struct dkim_signature_result *signature = &to->signatures[i];
        *signature = from->signatures[i];
        RENEW(arena, &signature->problem, &signature->domain, &signature->selector,
              &signature->identity, &signature->algorithm, &signature->signature,
              &signature->header_list);
    }
    return true;
}

static void copy_dmarc(struct arena *arena, const struct dmarc_result *from, struct dmarc_result *to)
{
    *to = *from;
    to->identifiers = NULL;
    to->steps = NULL;
    to->identifier_count = to->step_count = 0;
    to->record.rua = to->record.ruf = to->record.fo = (struct bytes){NULL, 0};
    RENEW(arena, &to->problem, &to->author_domain, &to->policy_domain, &to->organizational_domain,
          &to->record_text);
}

static bool copy_statement(struct arena *arena, const struct auth_statement *from,
                           struct auth_statement *to)
{
    *to = *from;
    to->properties = arena_alloc_array(arena, from->property_count, sizeof(*to->properties));
    if (!to->properties)
        return false;
    /* What was not parsed has no text of its result. */
    if (!to->result_text.len)
        to->result_text = bytes_of(auth_result_name(from->result));
    RENEW(arena, &to->method, &to->result_text, &to->reason, &to->comment);
    for (size_t i = 0; i < from->property_count; i++) {
        struct auth_property *property = &to->properties[i];
        *property = from->properties[i];
        RENEW(arena, &property->type, &property->name, &property->value);
    }
    return true;
}

bool library_copy_statements(struct arena *arena, const struct auth_results *from,
                             struct auth_results *to)
{
    *to = *from;
    RENEW(arena, &to->authserv_id);
    to->statements = arena_alloc_array(arena, from->statement_count, sizeof(*to->statements));
    for (size_t i = 0; to->statements && i < from->statement_count; i++)
        if (!copy_statement(arena, &from->statements[i], &to->statements[i]))
            return false;
    return to->statements && !arena_exhausted(arena);
}

static bool copy_arc(struct vouch_result *result, const struct arc_results *from)
{
    struct arc_results *to = &result->arc;
    *to = *from;
    RENEW(result->arena, &to->problem);
    to->sets = arena_alloc_array(result->arena, from->count, sizeof(*to->sets));
    result->arc_sets = arena_alloc_array(result->arena, from->count, sizeof(*result->arc_sets));
    for (size_t i = 0; to->sets && result->arc_sets && i < from->count; i++) {
        struct arc_set *set = &to->sets[i];
        *set = from->sets[i];
        RENEW(result->arena, &set->domain, &set->selector, &set->message_domain, &set->authserv_id,
              &set->seal_problem, &set->message_problem);
        set->auth_results = (struct auth_results){0};
        if (!library_copy_statements(result->arena, &from->sets[i].auth_results,
                                     &result->arc_sets[i].results))
            return false;
    }
    return to->sets && result->arc_sets;
}

static bool write_field(struct vouch_result *result, const struct auth_results *results)
{
    struct buf text;
    buf_init(&text, LIBRARY_FIELD_MAX);
    auth_results_write(&text, results);
    struct bytes whole = buf_bytes(&text);
    struct bytes value = bytes_trim(bytes_skip(whole, bytes_find_byte(whole, ':') + 1));
    result->field = library_field(result->arena, whole);
    result->field_value = library_field(result->arena, value);
    bool fine = !text.failed && result->field.ptr && result->field_value.ptr;
    buf_free(&text);
    return fine;
}

bool library_copy(struct vouch_result *result, const struct library_check *check)
{
    struct arena *arena = result->arena;
    struct auth_results results;
    struct library_check copy = *check; /* the report is made on its scratch memory */
    if (!library_report(&copy, &results) || !write_field(result, &results) ||
        !library_copy_statements(arena, &results, &result->said.results))
        return false;
    copy_spf(arena, &check->spf, &result->spf);
    copy_spf(arena, &check->spf_helo, &result->spf_helo);
    copy_dmarc(arena, &check->dmarc, &result->dmarc);
    bool helo = check->methods & VOUCH_SPF_HELO, mail_from = check->methods & VOUCH_SPF;
    return (!helo || library_report_spf(check, true, arena, &result->spf_helo_field)) &&
           (!mail_from || library_report_spf(check, false, arena, &result->spf_field)) &&
           copy_dkim(arena, &check->dkim, &result->dkim) && copy_arc(result, &check->arc) &&
           !arena_exhausted(arena);
}
