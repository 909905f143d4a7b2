/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The public library as a whole: a message and the answers of DNS, both of a stranger. The input is
 * "MAIL-FROM LF ANSWER NUL ANSWER NUL … NUL NUL MESSAGE"; the answers are given in turn, as packets if they
 * begin with '#', as TXT records otherwise.
 */
#include <vouch.h>

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define ASSERT(condition) ((condition) ? (void)0 : abort())

struct answers {
    const uint8_t *at, *begin, *end;
};

static enum vouch_dns resolve(void *argument, const char *name, int type, int milliseconds,
                              struct vouch_dns_answer *answer)
{
    struct answers *answers = argument;
    ASSERT(name[0] && milliseconds > 0);
    if (answers->at == answers->end)
        answers->at = answers->begin;
    const uint8_t *from = answers->at;
    const uint8_t *stop = from < answers->end ? memchr(from, 0, (size_t)(answers->end - from)) : NULL;
    size_t length = (size_t)((stop ? stop : answers->end) - from);
    answers->at = stop ? stop + 1 : answers->end;
    if (!length)
        return VOUCH_DNS_NO_NAME;
    if (from[0] == '#')
        return vouch_dns_answer_set_packet(answer, from + 1, length - 1);
    if (type == VOUCH_DNS_TXT)
        return vouch_dns_answer_add_text(answer, from, length) ? VOUCH_DNS_FAILED : VOUCH_DNS_FOUND;
    if (type == VOUCH_DNS_A && length >= 4)
        return vouch_dns_answer_add_address(answer, from, 4) ? VOUCH_DNS_FAILED : VOUCH_DNS_FOUND;
    if (type == VOUCH_DNS_MX || type == VOUCH_DNS_PTR)
        return vouch_dns_answer_add_name(answer, "a.example", 1) ? VOUCH_DNS_FAILED : VOUCH_DNS_FOUND;
    return VOUCH_DNS_NO_DATA;
}

/* One field and no more, whatever is in it. */
static void check_field(const char *field, const char *name)
{
    size_t length = strlen(field);
    ASSERT(length > 2 && strncmp(field, name, strlen(name)) == 0);
    ASSERT(strcmp(field + length - 2, "\r\n") == 0);
    for (size_t i = 0; i < length; i++) {
        ASSERT(field[i] != '\r' || field[i + 1] == '\n');
        ASSERT(field[i] != '\n' || (i > 0 && field[i - 1] == '\r'));
        ASSERT(field[i] != '\n' || i + 1 == length || field[i + 1] == ' ' || field[i + 1] == '\t');
    }
}

static void check_result(const struct vouch_result *result)
{
    struct vouch_auth_results *read = vouch_auth_results_create();
    const char *value = vouch_result_field_value(result);
    ASSERT(read && vouch_result_methods(result) == VOUCH_ALL);
    check_field(vouch_result_field(result), "Authentication-Results: ");
    check_field(vouch_spf_field(result, VOUCH_SPF), "Received-SPF: ");
    ASSERT(vouch_auth_results_parse(read, value, strlen(value)) == VOUCH_OK);
    size_t count = vouch_auth_results_count(read);
    ASSERT(count == vouch_auth_results_count(vouch_result_auth_results(result)));
    for (size_t i = 0; i < count; i++)
        ASSERT(strcmp(vouch_auth_results_answer(read, i),
                      vouch_auth_results_answer(vouch_result_auth_results(result), i)) == 0);
    vouch_auth_results_destroy(read);
    for (size_t i = 0; i < vouch_dkim_count(result); i++)
        ASSERT(vouch_dkim_domain(result, i) && vouch_dkim_headers(result, i));
    for (size_t i = 0; i < vouch_arc_count(result); i++)
        ASSERT(vouch_arc_domain(result, i) && vouch_arc_authserv_id(result, i));
    /* A pass has an identifier behind it. */
    if (vouch_result_answer(result, VOUCH_DMARC) == VOUCH_RESULT_PASS)
        ASSERT(vouch_dmarc_spf_aligned(result) || vouch_dmarc_dkim_aligned(result) >= 0);
}

static void check_message(const uint8_t *data, size_t size, const char *from, struct answers *answers)
{
    struct vouch_context *context = vouch_context_create();
    struct vouch_message *message = vouch_message_create();
    struct vouch_result *result;
    vouch_context_set_resolver(context, resolve, answers);
    vouch_context_set_now(context, 1700000000);
    ASSERT(vouch_message_add(message, data, size / 2) == VOUCH_OK);
    ASSERT(vouch_message_add(message, data + size / 2, size - size / 2) == VOUCH_OK);
    if (vouch_message_finish(message) == VOUCH_OK) {
        ASSERT(vouch_check(context, VOUCH_ALL, message, "192.0.2.1", "a.example", from, &result) ==
               VOUCH_OK);
        vouch_message_destroy(message);
        check_result(result);
        vouch_result_destroy(result);
    } else {
        ASSERT(strlen(vouch_message_error(message)) > 0);
        vouch_message_destroy(message);
    }
    vouch_context_destroy(context);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *line = memchr(data, '\n', size);
    char from[256] = "";
    if (!line || line - data >= (ptrdiff_t)sizeof(from))
        return 0;
    memcpy(from, data, (size_t)(line - data));
    const uint8_t *rest = line + 1, *end = data + size;
    const uint8_t *message = memmem(rest, (size_t)(end - rest), "\0\0", 2);
    if (!message)
        return 0;
    struct answers answers = {rest, rest, message};
    check_message(message + 2, (size_t)(end - message - 2), from, &answers);
    return 0;
}
