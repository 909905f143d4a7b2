/* SPDX-License-Identifier: BSD-2-Clause */
#include "dns/answer.h"

const struct dns_answer *answer_out_of_memory(void)
{
    static const struct dns_answer answer = {
        .status = DNS_FAILED,
        .canonical = BYTES_INIT(""),
        .problem = "out of memory",
    };
    return &answer;
}

const struct dns_answer *answer_empty(struct arena *arena, enum dns_status status,
                                      struct bytes canonical, uint32_t ttl)
{
    struct dns_answer *answer = arena_new(arena, struct dns_answer);
    struct bytes name = arena_copy(arena, canonical);
    if (!answer || !name.ptr)
        return answer_out_of_memory();
    *answer = (struct dns_answer){.status = status, .ttl = ttl, .canonical = name};
    return answer;
}

const struct dns_answer *answer_failed(struct arena *arena, const char *problem)
{
    struct dns_answer *answer = arena_new(arena, struct dns_answer);
    if (!answer)
        return answer_out_of_memory();
    *answer = (struct dns_answer){
        .status = DNS_FAILED,
        .canonical = BYTES(""),
        .problem = problem,
    };
    return answer;
}

const struct dns_answer *answer_copy(struct arena *arena, const struct dns_answer *answer)
{
    struct dns_answer *copy = arena_new(arena, struct dns_answer);
    struct dns_record *records = arena_alloc_array(arena, answer->count, sizeof(*records));
    if (!copy || !records)
        return answer_out_of_memory();
    *copy = *answer;
    copy->canonical = arena_copy(arena, answer->canonical);
    copy->records = records;
    if (answer->problem)
        copy->problem = arena_string(arena, bytes_of(answer->problem));
    for (size_t i = 0; i < answer->count; i++) {
        records[i] = answer->records[i];
        records[i].name = arena_copy(arena, records[i].name);
        records[i].text = arena_copy(arena, records[i].text);
        records[i].data = arena_copy(arena, records[i].data);
    }
    return arena_exhausted(arena) ? answer_out_of_memory() : copy;
}
