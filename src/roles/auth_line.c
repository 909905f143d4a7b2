/* SPDX-License-Identifier: BSD-2-Clause */
#include "roles/auth_line.h"

#include "base/encode.h"

/* Values */

static const struct {
    uint8_t octet, letter;
} escapes[] = {{0, '0'}, {1, '1'}, {'\t', 't'}, {'\r', 'r'}, {'\n', 'n'}};

void auth_line_escape(struct buf *out, struct bytes value)
{
    for (size_t i = 0; i < value.len; i++) {
        uint8_t octet = value.ptr[i];
        for (size_t k = 0; k < countof(escapes); k++) {
            if (escapes[k].octet == value.ptr[i]) {
                buf_add_byte(out, 1);
                octet = escapes[k].letter;
            }
        }
        buf_add_byte(out, octet);
    }
}

bool auth_line_unescape(struct arena *arena, struct bytes field, struct bytes *out)
{
    uint8_t *to = arena_alloc(arena, field.len);
    size_t length = 0;
    if (!to)
        return false;
    for (size_t i = 0; i < field.len; i++) {
        uint8_t octet = field.ptr[i];
        if (octet == 1 && i + 1 < field.len) {
            octet = field.ptr[++i];
            for (size_t k = 0; k < countof(escapes); k++) {
                if (escapes[k].letter == field.ptr[i])
                    octet = escapes[k].octet;
            }
        }
        to[length++] = octet;
    }
    *out = bytes_from(to, length);
    return true;
}

/* Reading */

static bool take_number(struct bytes *rest, uint32_t *out)
{
    struct bytes field;
    uint64_t number;
    if (!bytes_split(rest, '\t', &field) || !bytes_to_uint(field, UINT32_MAX, &number))
        return false;
    *out = (uint32_t)number;
    return true;
}

/* What stands behind the id of OK and FAIL. */
static enum result read_parameters(struct arena *arena, struct bytes rest, struct auth_line *out,
                                   struct error *error)
{
    struct bytes field, code = {NULL, 0};
    bool fine = true;
    while (fine && bytes_split(&rest, '\t', &field)) {
        size_t equals = bytes_find_byte(field, '=');
        struct bytes key = bytes_first(field, equals);
        struct bytes value = equals == BYTES_NOT_FOUND ? BYTES("") : bytes_skip(field, equals + 1);
        if (bytes_is(key, "user"))
            fine = auth_line_unescape(arena, value, &out->user);
        else if (bytes_is(key, "reason"))
            fine = auth_line_unescape(arena, value, &out->reason);
        else if (bytes_is(key, "code"))
            code = value;
        else if (bytes_is(key, "temp"))
            out->temporary = true;
    }
    if (bytes_is(code, "temp_fail"))
        out->temporary = true;
    if (!out->reason.len)
        out->reason = code;
    return fine ? OK : error_set(error, TEMP, "no memory");
}

static enum result malformed(struct error *error, const char *what)
{
    return error_set(error, PERM, "the auth service sent a malformed line: %s", what);
}

static enum result read_continue(struct arena *arena, struct bytes rest, struct auth_line *out,
                                 struct error *error)
{
    struct bytes field;
    if (!rest.ptr) {
        out->data = BYTES("");
        return OK;
    }
    if (!bytes_split(&rest, '\t', &field) || rest.ptr)
        return malformed(error, "CONT");
    if (base64_decode(arena, field, &out->data))
        return OK;
    return arena_exhausted(arena) ? error_set(error, TEMP, "no memory") : malformed(error, "CONT");
}

static const struct {
    const char *word;
    enum auth_line_kind kind;
} words[] = {{"VERSION", AUTH_LINE_VERSION}, {"MECH", AUTH_LINE_MECHANISM}, {"DONE", AUTH_LINE_DONE},
             {"OK", AUTH_LINE_OK}, {"CONT", AUTH_LINE_CONTINUE}, {"FAIL", AUTH_LINE_FAIL}};

enum result auth_line_read(struct arena *arena, struct bytes line, struct auth_line *out,
                           struct error *error)
{
    struct bytes rest = line.ptr ? line : BYTES(""), word;
    size_t fields = 1;
    *out = (struct auth_line){.kind = AUTH_LINE_OTHER};
    for (size_t i = 0; i < line.len; i++)
        fields += line.ptr[i] == '\t';
    if (line.len > AUTH_LINE_MAX || fields > AUTH_LINE_FIELDS_MAX)
        return malformed(error, "too long");
    if (!bytes_split(&rest, '\t', &word))
        return malformed(error, "empty");
    for (size_t i = 0; i < countof(words); i++)
        if (bytes_is(word, words[i].word))
            out->kind = words[i].kind;
    switch (out->kind) {
    case AUTH_LINE_VERSION:
        if (!take_number(&rest, &out->major) || !take_number(&rest, &out->minor))
            return malformed(error, "VERSION");
        return OK;
    case AUTH_LINE_MECHANISM:
        if (!bytes_split(&rest, '\t', &out->mechanism) || !out->mechanism.len)
            return malformed(error, "MECH");
        return OK;
    case AUTH_LINE_OK:
        if (!take_number(&rest, &out->id))
            return malformed(error, "OK");
        return read_parameters(arena, rest, out, error);
    case AUTH_LINE_FAIL:
        if (!take_number(&rest, &out->id))
            return malformed(error, "FAIL");
        return read_parameters(arena, rest, out, error);
    case AUTH_LINE_CONTINUE:
        if (!take_number(&rest, &out->id))
            return malformed(error, "CONT");
        return read_continue(arena, rest, out, error);
    case AUTH_LINE_DONE:
    case AUTH_LINE_OTHER:
        return OK;
    }
    return OK;
}

/* Writing */

void auth_line_add_greeting(struct buf *out, uint32_t process)
{
    buf_printf(out, "VERSION\t1\t2\nCPID\t%u\n", process);
}

static void add_value(struct buf *out, const char *key, struct bytes value)
{
    if (!value.len)
        return;
    buf_printf(out, "\t%s=", key);
    auth_line_escape(out, value);
}

static void add_port(struct buf *out, const char *key, uint32_t port)
{
    if (port)
        buf_printf(out, "\t%s=%u", key, port);
}

void auth_line_add_request(struct buf *out, const struct auth_line_request *request)
{
    buf_printf(out, "AUTH\t%u\t", request->id);
    auth_line_escape(out, request->mechanism);
    buf_add_string(out, "\tservice=smtp\tnologin");
    if (request->secured)
        buf_add_string(out, "\tsecured");
    add_value(out, "lip", request->local);
    add_value(out, "rip", request->client);
    add_port(out, "lport", request->local_port);
    add_port(out, "rport", request->client_port);
    if (request->present) { /* must be the last */
        buf_add_string(out, "\tresp=");
        base64_encode(out, request->data);
    }
    buf_add_byte(out, '\n');
}

void auth_line_add_response(struct buf *out, uint32_t id, struct bytes data)
{
    buf_printf(out, "CONT\t%u\t", id);
    base64_encode(out, data);
    buf_add_byte(out, '\n');
}
