/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A whole SPF check over a zone made of the input. Lines: client's address, HELO, sender, then
 * lines of a zone. The limits hold, results have what they promise, and what goes into a header is
 * harmless.
 */
#include "auth/spf.h"

#include "base/ascii.h"
#include "base/clock.h"
#include "dns/zone.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
    LINES_MAX = 64,
    /* The record, ten terms of one question and ten hosts, the client's names, exp. */
    QUESTIONS_MAX = 1 + 10 * 11 + 11 + 1,
};

static void check_received(const struct spf_request *request, const struct spf_result *result)
{
    struct buf out;
    size_t column = 0;
    buf_init(&out, 1 << 16);
    spf_write_received(&out, request, result, "mailfrom");
    require(!out.failed && bytes_ends_with(buf_bytes(&out), BYTES(";\r\n")));
    for (size_t i = 0; i + 2 < out.len; i++) {
        column++;
        if (out.ptr[i] == '\r') {
            require(out.ptr[i + 1] == '\n' && out.ptr[i + 2] == ' ');
            i++;
            column = 0;
        } else {
            require(ascii_is_print(out.ptr[i]) && column < 998);
        }
    }
    buf_free(&out);
}

static void check_result(const struct spf_result *result)
{
    bool error = result->result == AUTH_NONE || result->result == AUTH_TEMPERROR ||
                 result->result == AUTH_PERMERROR;
    require(result->result <= AUTH_PERMERROR && result->result != AUTH_POLICY);
    require((result->problem.len != 0) == error);
    require(result->terms <= 10 && result->void_lookups <= 3);
    require(result->void_lookups <= 2 || result->result == AUTH_PERMERROR);
    require(error || (result->mechanism.len && result->record.len));
    require(result->explanation.len == 0 || result->result == AUTH_FAIL);
    require(result->explanation.len <= SPF_EXPLANATION_MAX);
    for (size_t i = 0; i < result->explanation.len; i++)
        require(ascii_is_print(result->explanation.ptr[i]));
    require(result->step_count <= SPF_STEPS_MAX);
    for (size_t i = 0; i < result->step_count; i++) {
        unsigned deepest = i ? result->steps[i - 1].depth + 1 : 0;
        require(result->steps[i].depth <= deepest);
    }
}

static void run(struct zone *zone, const struct spf_request *request, bool helo)
{
    struct arena *arena = arena_create(32 << 20);
    struct spf_result result;
    size_t before = zone_question_count(zone);
    require(arena);
    if (helo)
        spf_check_helo(zone_dns(zone), arena, request, &result);
    else
        spf_check_mail_from(zone_dns(zone), arena, request, &result);
    require(zone_question_count(zone) - before <= QUESTIONS_MAX);
    check_result(&result);
    check_received(request, &result);
    arena_destroy(arena);
}

static bool is_delay(struct bytes line)
{
    return bytes_find_nocase(line, BYTES("DELAY")) != BYTES_NOT_FOUND;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes rest = bytes_from(size ? data : (const uint8_t *)"", size), line, head[3];
    for (size_t i = 0; i < countof(head); i++)
        if (!bytes_split(&rest, '\n', &head[i]))
            head[i] = BYTES("");
    struct zone *zone = zone_create();
    for (size_t i = 0; rest.ptr && i < LINES_MAX && bytes_split(&rest, '\n', &line); i++) {
        /* There is no loop here to wait in. */
        enum result ignored = is_delay(line) ? OK : zone_load(zone, line, NULL);
        (void)ignored;
    }
    struct spf_request request = {
        .helo = head[1],
        .sender = head[2],
        .receiver = BYTES("mx.receiver.example"),
        .now = 1700000000,
        .deadline = NO_DEADLINE,
        .trace = size % 2,
    };
    if (!ip_parse(head[0], &request.ip))
        request.ip = ip_from_v4((const uint8_t[]){192, 0, 2, 1});
    run(zone, &request, false);
    run(zone, &request, true);
    zone_destroy(zone);
    return 0;
}
