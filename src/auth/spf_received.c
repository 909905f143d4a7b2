/* SPDX-License-Identifier: BSD-2-Clause */
#include "auth/spf.h"

#include "base/ascii.h"

#include <string.h>

/*
 * Most values here were chosen by the peer (HELO, sender, the terms of his record), so each is
 * bounded, made printable and quoted, and lines are folded before column 78 (rfc7208:9.1: no
 * invalid characters, not excessively long, no malicious data). Folding happens only between words.
 */
enum { LINE_MAX_COLUMN = 78, VALUE_MAX = 320, MECHANISM_MAX = 120 };

struct writer {
    struct buf *out;
    size_t column;
};

/* A word that is not broken; the space before it becomes a line end where it would not fit. */
static void write_word(struct writer *w, struct bytes word)
{
    if (w->column + 1 + word.len > LINE_MAX_COLUMN) {
        buf_add_string(w->out, "\r\n");
        w->column = 0;
    }
    buf_add_byte(w->out, ' ');
    buf_add(w->out, word);
    w->column += 1 + word.len;
}

/* Octets that mean something in a comment, and all unprintable ones, become '?'. */
static size_t clean(struct bytes text, size_t max, const char *special, uint8_t *out)
{
    size_t len = text.len < max ? text.len : max;
    for (size_t i = 0; i < len; i++) {
        uint8_t c = text.ptr[i];
        out[i] = !ascii_is_print(c) || strchr(special, c) ? '?' : c;
    }
    return len;
}

struct comment {
    uint8_t text[2 * 255 + 256];
    size_t len;
};

static void comment_add(struct comment *comment, struct bytes text)
{
    size_t room = sizeof(comment->text) - comment->len;
    size_t max = room < 255 ? room : 255;
    comment->len += clean(text, max, "()\\\"", comment->text + comment->len);
}

static void compose(struct comment *comment, const struct spf_request *request,
                    const struct spf_result *result)
{
    static const char *const sentences[][2] = {
        [AUTH_NONE] = {"domain of ", " gives no SPF policy for "},
        [AUTH_PASS] = {"domain of ", " designates as permitted sender "},
        [AUTH_FAIL] = {"domain of ", " does not designate as permitted sender "},
        [AUTH_SOFTFAIL] = {"domain of ", " discourages mail from "},
        [AUTH_NEUTRAL] = {"domain of ", " neither permits nor denies "},
        [AUTH_POLICY] = {"local policy on ", " for "},
        [AUTH_TEMPERROR] = {"temporary error in looking up ", " for "},
        [AUTH_PERMERROR] = {"permanent error in the policy of ", " for "},
    };
    char ip[IP_TEXT_SIZE];
    size_t index = (size_t)result->result <= AUTH_PERMERROR ? (size_t)result->result : AUTH_NONE;
    struct bytes receiver = request->receiver.len ? request->receiver : BYTES("unknown");
    comment_add(comment, receiver);
    comment_add(comment, BYTES(": "));
    comment_add(comment, bytes_of(sentences[index][0]));
    comment_add(comment, result->domain.len ? result->domain : BYTES("unknown"));
    comment_add(comment, bytes_of(sentences[index][1]));
    comment_add(comment, bytes_of(ip_format(&request->ip, ip)));
}

static void write_comment(struct writer *w, const struct comment *comment)
{
    uint8_t word[sizeof(comment->text) + 2];
    struct bytes rest = bytes_from(comment->text, comment->len), part;
    bool first = true;
    while (bytes_split(&rest, ' ', &part)) {
        size_t len = 0;
        if (first)
            word[len++] = '(';
        memcpy(word + len, part.ptr, part.len);
        len += part.len;
        if (!rest.ptr)
            word[len++] = ')';
        write_word(w, bytes_from(word, len));
        first = false;
    }
}

static bool is_atext(uint8_t c)
{
    return ascii_is_alnum(c) || (c && strchr("!#$%&'*+-/=?^_`{|}~", c));
}

/* rfc5322:3.2.3 */
static bool is_dot_atom(struct bytes text)
{
    struct bytes atom;
    if (text.len == 0)
        return false;
    while (bytes_split(&text, '.', &atom)) {
        if (atom.len == 0)
            return false;
        for (size_t i = 0; i < atom.len; i++)
            if (!is_atext(atom.ptr[i]))
                return false;
    }
    return true;
}

static void write_pair(struct writer *w, const char *key, struct bytes value, size_t max)
{
    uint8_t pair[32 + 2 * VALUE_MAX + 4], printable[VALUE_MAX];
    size_t len = strlen(key);
    struct bytes shown = bytes_from(printable, clean(value, max, "", printable));
    bool quoted = !is_dot_atom(shown);
    memcpy(pair, key, len);
    pair[len++] = '=';
    if (quoted)
        pair[len++] = '"';
    for (size_t i = 0; i < shown.len; i++) {
        if (quoted && (shown.ptr[i] == '"' || shown.ptr[i] == '\\'))
            pair[len++] = '\\';
        pair[len++] = shown.ptr[i];
    }
    if (quoted)
        pair[len++] = '"';
    pair[len++] = ';';
    write_word(w, bytes_from(pair, len));
}

void spf_write_received(struct buf *out, const struct spf_request *request,
                        const struct spf_result *result, const char *identity)
{
    struct writer w = {.out = out};
    struct comment comment = {.len = 0};
    struct bytes field = BYTES("Received-SPF:");
    char ip[IP_TEXT_SIZE];
    buf_add(out, field);
    w.column = field.len;
    write_word(&w, bytes_of(auth_result_name(result->result)));
    compose(&comment, request, result);
    write_comment(&w, &comment);
    if (request->receiver.len)
        write_pair(&w, "receiver", request->receiver, 255);
    write_pair(&w, "identity", bytes_of(identity), 32);
    write_pair(&w, "client-ip", bytes_of(ip_format(&request->ip, ip)), IP_TEXT_SIZE);
    write_pair(&w, "helo", request->helo, 255);
    if (strcmp(identity, "mailfrom") == 0)
        write_pair(&w, "envelope-from", request->sender, VALUE_MAX);
    if (result->mechanism.len)
        write_pair(&w, "mechanism", result->mechanism, MECHANISM_MAX);
    if (result->problem.len)
        write_pair(&w, "problem", result->problem, VALUE_MAX);
    buf_add_string(out, "\r\n");
}
