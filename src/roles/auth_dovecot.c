/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A connection an exchange: they are made in microseconds, nothing has to be brought together again when
 * Dovecot restarts, and a service that holds back an answer (it delays failures) holds back only one.
 */
#include "auth/key_directory.h"
#include "fiber/loop.h"
#include "fiber/stream.h"
#include "os/socket.h"
#include "roles/auth.h"
#include "roles/auth_line.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

enum { GREETING_LINES_MAX = 200, PASSED_OVER_MAX = 100, REQUEST_ID = 1 };

struct auth_dovecot {
    struct stream *stream;
};

static void temporary(struct keys_sasl_answer *answer, struct bytes reason)
{
    *answer = (struct keys_sasl_answer){.status = KEYS_SASL_TEMPORARY, .reason = reason};
}

static enum result failure(struct error *error, int code)
{
    return error_set(error, TEMP, "the auth service: %s", code == -EPIPE ? "it hung up" : strerror(-code));
}

static enum result read_line(struct auth_dovecot *dovecot, struct arena *arena, int64_t deadline,
                             struct auth_line *out, struct error *error)
{
    struct bytes line;
    int code = stream_read_line(dovecot->stream, AUTH_LINE_MAX, &line, deadline);
    if (code)
        return failure(error, code);
    /* Copied: what the line is made of goes with the next one. */
    struct bytes copy = arena_copy(arena, bytes_trim_end(line));
    if (!copy.ptr)
        return error_set(error, TEMP, "no memory");
    return auth_line_read(arena, copy, out, error);
}

static enum result write_lines(struct auth_dovecot *dovecot, struct buf *text, int64_t deadline,
                               struct error *error)
{
    int code = text->failed ? -EMSGSIZE : stream_write(dovecot->stream, buf_bytes(text), deadline);
    if (!code)
        code = stream_flush(dovecot->stream, deadline);
    key_cleanse(buf_bytes(text));
    buf_free(text);
    return code ? failure(error, code) : OK;
}

/* Both sides greet without waiting for the other. *offered: whether it has the mechanism. */
static enum result greet(struct auth_dovecot *dovecot, struct arena *arena, struct bytes mechanism,
                         int64_t deadline, bool *offered, struct error *error)
{
    struct auth_line line = {.kind = AUTH_LINE_OTHER};
    bool version = false;
    uint32_t number;
    struct buf text;
    /* The service tells its clients apart by a process number, and takes no two connections of one. These
     * are no process's. */
    if (getrandom(&number, sizeof(number), 0) != sizeof(number))
        return error_set(error, TEMP, "no randomness");
    buf_init(&text, 256);
    auth_line_add_greeting(&text, (number & 0x3fffffff) | 0x40000000);
    enum result result = write_lines(dovecot, &text, deadline, error);
    *offered = false;
    for (size_t i = 0; result == OK && line.kind != AUTH_LINE_DONE; i++) {
        if (i == GREETING_LINES_MAX)
            return error_set(error, TEMP, "the auth service does not end its greeting");
        result = read_line(dovecot, arena, deadline, &line, error);
        if (result == OK && line.kind == AUTH_LINE_VERSION) {
            version = true;
            if (line.major != 1)
                return error_set(error, TEMP, "the auth service has another protocol: version %u", line.major);
        }
        if (result == OK && line.kind == AUTH_LINE_MECHANISM)
            *offered |= bytes_equal_nocase(line.mechanism, mechanism);
    }
    if (result == OK && !version)
        return error_set(error, TEMP, "the auth service did not say its version");
    return result;
}

static void to_answer(const struct auth_line *line, struct keys_sasl_answer *answer)
{
    *answer = (struct keys_sasl_answer){.account = bytes_first(line->user, KEYS_SASL_NAME_MAX)};
    if (line->kind == AUTH_LINE_CONTINUE) {
        answer->status = KEYS_SASL_CHALLENGE;
        answer->data = line->data;
    } else if (line->kind == AUTH_LINE_OK) {
        answer->status = line->user.len && line->user.len <= ACCOUNT_NAME_MAX ? KEYS_SASL_DONE
                                                                              : KEYS_SASL_TEMPORARY;
        if (answer->status != KEYS_SASL_DONE)
            temporary(answer, BYTES("the auth service did not say who it is"));
    } else {
        answer->status = line->temporary ? KEYS_SASL_TEMPORARY : KEYS_SASL_REFUSED;
        answer->reason = line->reason.len ? bytes_first(line->reason, KEYS_SASL_NAME_MAX)
                                          : BYTES("Dovecot says no");
    }
}

static enum result read_answer(struct auth_dovecot *dovecot, struct arena *arena, int64_t deadline,
                               struct keys_sasl_answer *answer, struct error *error)
{
    for (size_t i = 0; i < PASSED_OVER_MAX; i++) {
        struct auth_line line;
        enum result result = read_line(dovecot, arena, deadline, &line, error);
        if (result != OK)
            return result;
        bool is_answer = line.kind == AUTH_LINE_OK || line.kind == AUTH_LINE_FAIL ||
                         line.kind == AUTH_LINE_CONTINUE;
        if (is_answer && line.id == REQUEST_ID) {
            to_answer(&line, answer);
            return OK;
        }
    }
    return error_set(error, TEMP, "the auth service does not answer what was asked");
}

static enum result begin(struct auth_dovecot *dovecot, struct arena *arena,
                         const struct keys_sasl_question *question, int64_t deadline,
                         struct keys_sasl_answer *answer, struct error *error)
{
    const struct auth_line_request request = {
        .id = REQUEST_ID,
        .mechanism = question->mechanism,
        .secured = question->tls,
        .client = question->client,
        .local = question->local,
        .client_port = question->client_port,
        .local_port = question->local_port,
        .present = question->data_present,
        .data = question->data,
    };
    struct buf text;
    bool offered = false;
    enum result result = greet(dovecot, arena, question->mechanism, deadline, &offered, error);
    if (result != OK)
        return result;
    if (!offered) {
        *answer = (struct keys_sasl_answer){.status = KEYS_SASL_REFUSED,
                                            .reason = BYTES("Dovecot does not offer this mechanism")};
        return OK;
    }
    buf_init(&text, 2 * KEYS_SASL_DATA_MAX);
    auth_line_add_request(&text, &request);
    if (text.len > AUTH_LINE_MAX) { /* the service would hang up */
        key_cleanse(buf_bytes(&text));
        buf_free(&text);
        *answer = (struct keys_sasl_answer){.status = KEYS_SASL_MALFORMED, .reason = BYTES("too long")};
        return OK;
    }
    result = write_lines(dovecot, &text, deadline, error);
    return result == OK ? read_answer(dovecot, arena, deadline, answer, error) : result;
}

static struct auth_dovecot *open_connection(const char *path, int64_t deadline, struct error *error)
{
    struct auth_dovecot *dovecot = calloc(1, sizeof(*dovecot));
    struct transport *transport = NULL;
    int code = dovecot ? socket_connect_unix(path, deadline, &transport) : -ENOMEM;
    if (!code && !(dovecot->stream = stream_create(transport))) {
        transport->operations->close(transport);
        code = -ENOMEM;
    }
    if (!code)
        return dovecot;
    error_set(error, TEMP, "%s: %s", path, strerror(-code));
    free(dovecot);
    return NULL;
}

void auth_dovecot_begin(const char *path, struct arena *arena, const struct keys_sasl_question *question,
                        int64_t deadline, struct keys_sasl_answer *answer, struct auth_dovecot **out)
{
    struct error error = {{0}};
    *out = open_connection(path, deadline, &error);
    if (!*out || begin(*out, arena, question, deadline, answer, &error) != OK)
        temporary(answer, arena_copy(arena, bytes_of(error.text)));
    if (answer->status != KEYS_SASL_CHALLENGE) {
        auth_dovecot_close(*out);
        *out = NULL;
    }
}

void auth_dovecot_continue(struct auth_dovecot *dovecot, struct arena *arena, struct bytes data,
                           int64_t deadline, struct keys_sasl_answer *answer)
{
    struct error error = {{0}};
    struct buf text;
    buf_init(&text, 2 * KEYS_SASL_DATA_MAX);
    auth_line_add_response(&text, REQUEST_ID, data);
    enum result result = write_lines(dovecot, &text, deadline, &error);
    if (result == OK)
        result = read_answer(dovecot, arena, deadline, answer, &error);
    if (result != OK)
        temporary(answer, arena_copy(arena, bytes_of(error.text)));
    if (answer->status != KEYS_SASL_CHALLENGE)
        auth_dovecot_close(dovecot);
}

void auth_dovecot_close(struct auth_dovecot *dovecot)
{
    /* Hanging up abandons what is under way. */
    if (dovecot)
        stream_close(dovecot->stream);
    free(dovecot);
}
