/* SPDX-License-Identifier: BSD-2-Clause */
#include "message/received.h"

#include "base/ascii.h"
#include "base/cursor.h"
#include "base/domain.h"
#include "message/header.h"
#include "message/structured.h"

#include <string.h>

enum { NAME_MAX_OCTETS = 255, ID_MAX_OCTETS = 128, TEXT_MAX_OCTETS = 512 };

const char *received_protocol(const struct received *received)
{
    /* [UTF-8][LMTP][TLS + 2 * authenticated]. RFC 3848 has no names without EHLO, LMTP always has
     * it; of SMTPUTF8 the same holds (rfc6531:4.3). */
    static const char *const names[2][2][4] = {
        {{"ESMTP", "ESMTPS", "ESMTPA", "ESMTPSA"}, {"LMTP", "LMTPS", "LMTPA", "LMTPSA"}},
        {{"UTF8SMTP", "UTF8SMTPS", "UTF8SMTPA", "UTF8SMTPSA"},
         {"UTF8LMTP", "UTF8LMTPS", "UTF8LMTPA", "UTF8LMTPSA"}},
    };
    bool plain = !received->extended && !received->lmtp && !received->tls &&
                 !received->authenticated && !received->smtputf8;
    return plain ? "SMTP"
                 : names[received->smtputf8][received->lmtp]
                        [received->tls + 2 * received->authenticated];
}

/* A name or an address literal: what else was said there is made harmless, not dropped. */
static bool is_name_octet(uint8_t c)
{
    return ascii_is_alnum(c) || c >= 0x80 || (c && strchr(".-_[]:", c));
}

static bool is_id_octet(uint8_t c)
{
    return c == '.' || (c < 0x80 && structured_is_atext(c));
}

static void put_filtered(struct header_writer *w, struct bytes text, size_t max,
                         bool (*allowed)(uint8_t))
{
    text = bytes_first(text, max);
    while (text.len) {
        size_t run = 0;
        while (run < text.len && allowed(text.ptr[run]))
            run++;
        header_put(w, bytes_first(text, run));
        if (run < text.len)
            header_put(w, BYTES("?"));
        text = bytes_skip(text, run + 1);
    }
}

static void write_from(struct header_writer *w, const struct received *received)
{
    struct ip ip;
    header_word(w, BYTES("from "));
    if (received->helo.len)
        put_filtered(w, received->helo, NAME_MAX_OCTETS, is_name_octet);
    else
        header_put(w, BYTES("unknown"));
    if (received->client.family == 0)
        return;
    header_word(w, BYTES("("));
    /* A name like an address would be read as the client's. */
    if (domain_is_valid(received->client_name) && !ip_parse(received->client_name, &ip)) {
        buf_add_lower(w->out, received->client_name);
        header_put(w, BYTES(" "));
    }
    ip_add_literal(w->out, &received->client);
    header_put(w, BYTES(")"));
}

static void write_with(struct header_writer *w, const struct received *received)
{
    header_word(w, BYTES("with "));
    header_put(w, bytes_of(received_protocol(received)));
    if (!received->tls || received->tls_version.len == 0)
        return;
    header_word(w, BYTES("("));
    put_filtered(w, received->tls_version, ID_MAX_OCTETS, is_id_octet);
    if (received->tls_cipher.len) {
        header_put(w, BYTES(" "));
        put_filtered(w, received->tls_cipher, ID_MAX_OCTETS, is_id_octet);
    }
    header_put(w, BYTES(")"));
}

/* Nearly anything can stand in a quoted local part; readers of trace fields do not expect it, and
 * the clause is optional. */
static bool recipient_is_plain(struct bytes recipient)
{
    for (size_t i = 0; i < recipient.len; i++)
        if (ascii_is_space(recipient.ptr[i]) || ascii_is_control(recipient.ptr[i]) ||
            strchr("<>();\"\\", recipient.ptr[i]))
            return false;
    return recipient.len && recipient.len <= TEXT_MAX_OCTETS;
}

void received_write(struct buf *out, const struct received *received)
{
    struct header_writer w;
    header_begin(&w, out, "Received");
    write_from(&w, received);
    header_word(&w, BYTES("by "));
    put_filtered(&w, received->by, NAME_MAX_OCTETS, is_name_octet);
    write_with(&w, received);
    header_word(&w, BYTES("id "));
    if (received->id.len)
        put_filtered(&w, received->id, ID_MAX_OCTETS, is_id_octet);
    else
        header_put(&w, BYTES("unknown"));
    if (recipient_is_plain(received->recipient)) {
        header_word(&w, BYTES("for <"));
        header_put(&w, received->recipient);
        header_put(&w, BYTES(">"));
    }
    header_put(&w, BYTES(";"));
    header_space(&w);
    date_write(out, received->epoch, received->zone);
    header_end(&w);
}

/* Reading. */

/* Takes a comment with those inside it; one that is not closed goes to the end. */
static struct bytes take_comment(struct cursor *c)
{
    size_t depth = 0, start = c->position + 1;
    do {
        int octet = cursor_peek(c);
        if (octet < 0)
            return bytes_skip(c->input, start);
        c->position += octet == '\\' && cursor_peek_at(c, 1) >= 0 ? 2 : 1;
        depth += octet == '(';
        depth -= octet == ')';
    } while (depth);
    return bytes_slice(c->input, start, c->position - 1);
}

/* A word, a path in angle brackets, or a quoted string with what is glued to it. */
static struct bytes take_word(struct cursor *c)
{
    size_t start = c->position;
    bool quoted = false, bracketed = false;
    for (;;) {
        int octet = cursor_peek(c);
        bool inside = quoted || bracketed;
        if (octet < 0 ||
            (!inside && (ascii_is_space((uint8_t)octet) || octet == '(' || octet == ';')))
            break;
        if (octet == '\\' && quoted && cursor_peek_at(c, 1) >= 0)
            c->position++;
        else if (octet == '"')
            quoted = !quoted;
        else if (!quoted && (octet == '<' || octet == '>'))
            bracketed = octet == '<';
        c->position++;
    }
    return bytes_slice(c->input, start, c->position);
}

static bool parse_address(struct bytes text, struct ip *ip)
{
    if (bytes_starts_with(text, BYTES("[")))
        text = bytes_skip(text, 1);
    if (bytes_ends_with(text, BYTES("]")))
        text.len--;
    if (bytes_starts_with_nocase(text, BYTES("IPv6:")))
        text = bytes_skip(text, 5);
    return text.len < IP_TEXT_SIZE && ip_parse(text, ip);
}

static bool is_comment_separator(uint8_t c)
{
    return ascii_is_space(c) || c == '(' || c == ')' || c == ',';
}

static bool is_comment_word(uint8_t c)
{
    return !is_comment_separator(c);
}

/* The first address among the comment's words. */
static void find_address(struct bytes comment, bool bracketed, struct ip *client)
{
    struct cursor c = cursor_over(comment);
    while (client->family == 0 && !cursor_at_end(&c)) {
        cursor_take_while(&c, is_comment_separator);
        struct bytes word = cursor_take_while(&c, is_comment_word);
        struct ip ip;
        if ((!bracketed || bytes_starts_with(word, BYTES("["))) && parse_address(word, &ip))
            *client = ip;
    }
}

/* "mail.example.org [192.0.2.1] (may be forged)" and its many relatives. */
static void read_client(struct bytes comment, struct received_trace *out)
{
    struct cursor c = cursor_over(comment);
    struct bytes first = cursor_take_while(&c, is_comment_word);
    struct ip ip;
    /* qmail gives what the client said a comment of its own. Names of hosts are not in capitals. */
    if (bytes_is(first, "HELO") || bytes_is(first, "EHLO"))
        return;
    if (out->client_name.len == 0 && domain_is_valid(first) && !ip_parse(first, &ip) &&
        bytes_find_byte(first, '.') != BYTES_NOT_FOUND)
        out->client_name = first;
    find_address(comment, true, &out->client);
    find_address(comment, false, &out->client);
}

static struct bytes without_brackets(struct bytes path)
{
    if (bytes_starts_with(path, BYTES("<")))
        path = bytes_skip(path, 1);
    if (bytes_ends_with(path, BYTES(">")))
        path.len--;
    return path;
}

/* The slot that a clause's name stands for; NULL if the word is no such name. */
static struct bytes *find_clause(struct received_trace *out, struct bytes word)
{
    static const char *const names[] = {"from", "by", "via", "with", "id", "for"};
    struct bytes *const slots[] = {&out->from, &out->by, &out->via,
                                   &out->with, &out->id, &out->recipient};
    for (size_t i = 0; i < countof(names); i++)
        if (bytes_is_nocase(word, names[i]))
            return slots[i];
    return NULL;
}

enum result received_parse(struct bytes value, struct received_trace *out, struct error *error)
{
    struct cursor c = cursor_over(value);
    struct bytes *due = NULL, *last = NULL;
    *out = (struct received_trace){0};
    for (;;) {
        cursor_take_while(&c, ascii_is_space);
        int next = cursor_peek(&c);
        if (next < 0 || next == ';')
            break;
        if (next == '(') {
            struct bytes comment = take_comment(&c);
            if (last == &out->from)
                read_client(comment, out);
            continue;
        }
        struct bytes word = take_word(&c);
        if (due && due->ptr == NULL) {
            *due = word;
            last = due;
            due = NULL;
        } else {
            due = find_clause(out, word);
        }
    }
    out->recipient = without_brackets(out->recipient);
    if (out->client.family == 0)
        parse_address(out->from, &out->client);
    if (cursor_accept(&c, ';')) {
        out->date_text = bytes_trim(cursor_rest(&c));
        out->has_date = date_parse(out->date_text, &out->date, NULL) == OK;
    }
    if (out->from.len == 0 && out->by.len == 0)
        return error_set(error, PERM, "not a Received field: neither from nor by");
    return OK;
}
