/* SPDX-License-Identifier: BSD-2-Clause */
/* What a context's cache asks: the transport of the call, or the caller's resolver. */
#include "library/library.h"

#include "dns/answer.h"
#include "dns/decode.h"
#include "fiber/loop.h"

enum { RECORDS_MAX = 256, DEFAULT_TTL = 60, TEXT_MAX = DECODE_TEXT_MAX };

struct vouch_dns_answer {
    struct arena *arena;
    struct bytes name;
    enum dns_type type;
    uint32_t ttl;
    struct dns_record *records;
    size_t count;
    bool failed; /* a record was not taken */
    const struct dns_answer *decoded;
};

/* A new record, or NULL. */
static struct dns_record *add_record(struct vouch_dns_answer *answer)
{
    if (!answer || answer->count == RECORDS_MAX)
        return NULL;
    if (!answer->records)
        answer->records = arena_alloc_array(answer->arena, RECORDS_MAX, sizeof(*answer->records));
    return answer->records ? &answer->records[answer->count] : NULL;
}

static int take(struct vouch_dns_answer *answer, bool fine)
{
    if (!answer)
        return -1;
    if (fine)
        answer->count++;
    else
        answer->failed = true;
    return fine ? 0 : -1;
}

EXPORTED int vouch_dns_answer_add_text(struct vouch_dns_answer *answer, const void *text,
                                       size_t length)
{
    struct dns_record *record = add_record(answer);
    bool fine = record && answer->type == DNS_TXT && length <= TEXT_MAX && (text || !length);
    if (fine) {
        record->text = arena_copy(answer->arena, bytes_from(text, length));
        fine = record->text.ptr != NULL;
    }
    return take(answer, fine);
}

EXPORTED int vouch_dns_answer_add_address(struct vouch_dns_answer *answer, const void *octets,
                                          size_t length)
{
    struct dns_record *record = add_record(answer);
    bool fine = record && octets &&
                ((answer->type == DNS_A && length == 4) || (answer->type == DNS_AAAA && length == 16));
    if (fine)
        record->ip = length == 4 ? ip_from_v4(octets) : ip_from_v6(octets);
    return take(answer, fine);
}

EXPORTED int vouch_dns_answer_add_name(struct vouch_dns_answer *answer, const char *name,
                                       unsigned preference)
{
    struct dns_record *record = add_record(answer);
    char text[NAME_TEXT_MAX];
    size_t length;
    bool fine = record && name && (answer->type == DNS_MX || answer->type == DNS_PTR) &&
                preference <= UINT16_MAX && name_normalize(bytes_of(name), text, &length);
    if (fine) {
        record->name = arena_copy(answer->arena, bytes_from(text, length));
        record->preference = (uint16_t)preference;
        fine = record->name.ptr != NULL;
    }
    return take(answer, fine);
}

EXPORTED void vouch_dns_answer_set_ttl(struct vouch_dns_answer *answer, uint32_t seconds)
{
    if (answer)
        answer->ttl = seconds;
}

EXPORTED enum vouch_dns vouch_dns_answer_set_packet(struct vouch_dns_answer *answer,
                                                    const void *packet, size_t length)
{
    static const enum vouch_dns statuses[] = {[DNS_FOUND] = VOUCH_DNS_FOUND,
                                              [DNS_NO_DATA] = VOUCH_DNS_NO_DATA,
                                              [DNS_NO_NAME] = VOUCH_DNS_NO_NAME,
                                              [DNS_FAILED] = VOUCH_DNS_FAILED};
    if (!answer || !packet)
        return VOUCH_DNS_FAILED;
    answer->decoded = decode_answer(answer->arena, bytes_from(packet, length), answer->name,
                                    answer->type, false);
    return statuses[answer->decoded->status];
}

/* What the callback said, as the layers above know it. */
static const struct dns_answer *conclude(struct vouch_dns_answer *given, enum vouch_dns status)
{
    if (given->failed || (unsigned)status > VOUCH_DNS_NO_NAME)
        return answer_failed(given->arena, "the resolver failed");
    if (given->decoded)
        return given->decoded;
    if (status == VOUCH_DNS_NO_NAME)
        return answer_empty(given->arena, DNS_NO_NAME, given->name, given->ttl);
    if (status == VOUCH_DNS_NO_DATA || !given->count)
        return answer_empty(given->arena, DNS_NO_DATA, given->name, given->ttl);
    struct dns_answer *answer = arena_new(given->arena, struct dns_answer);
    struct bytes name = arena_copy(given->arena, given->name);
    if (!answer || !name.ptr)
        return answer_out_of_memory();
    *answer = (struct dns_answer){.status = DNS_FOUND,
                                  .ttl = given->ttl,
                                  .canonical = name,
                                  .count = given->count,
                                  .records = given->records};
    return answer;
}

static const struct dns_answer *ask_caller(struct vouch_context *context, struct arena *arena,
                                           struct bytes name, enum dns_type type, int64_t left)
{
    struct vouch_dns_answer given = {.arena = arena, .name = name, .type = type, .ttl = DEFAULT_TTL};
    char text[NAME_TEXT_MAX + 1];
    size_t length;
    if (!name_normalize(name, text, &length) || !length)
        return answer_empty(arena, DNS_NO_NAME, name, 0);
    text[length] = '\0';
    enum vouch_dns status = context->resolve(context->resolve_argument, text, type,
                                             (int)((left - 1) / MILLISECOND + 1), &given);
    return conclude(&given, status);
}

const struct dns_answer *library_resolve(struct dns *below, struct arena *arena, struct bytes name,
                                         enum dns_type type, int64_t deadline)
{
    struct vouch_context *context = (struct vouch_context *)(void *)below;
    if (!context->resolve)
        return context->transport->query(context->transport, arena, name, type, deadline);
    int64_t left = deadline - loop_now();
    if (left <= 0)
        return answer_failed(arena, "timed out");
    return ask_caller(context, arena, name, type, left);
}
