/* SPDX-License-Identifier: BSD-2-Clause */
#include "smtp/client_private.h"

#include "base/utf8.h"

#include <errno.h>
#include <stdio.h>

enum {
    PIECE = STREAM_BUFFER, /* has a deadline of its own */
    RATE_MIN = 4096        /* octets a second; slower than that the whole may not be for long */
};
/* For what a server says while it stops reading. */
#define LAST_WORDS_TIMEOUT (5 * SECOND)

bool client_uses_chunking(const struct client *client)
{
    return client->extensions.chunking && !client->without_chunking;
}

/* ---- looking at it ---- */

/* Bare CR or LF would be read by the server as it likes: none is ever sent (smuggling). `cr`: the
 * octet before was one. */
static bool has_bare_line_end(struct bytes part, bool *cr)
{
    while (part.len) {
        if (*cr && part.ptr[0] != '\n')
            return true;
        size_t next = bytes_find_byte(part, '\r');
        struct bytes text = bytes_skip(bytes_first(part, next), *cr);
        if (bytes_find_byte(text, '\n') != BYTES_NOT_FOUND)
            return true;
        *cr = next != BYTES_NOT_FOUND;
        part = bytes_skip(part, *cr ? next + 1 : part.len);
    }
    return false;
}

void client_content_look(struct client_content *content, const struct bytes *parts, size_t count)
{
    bool cr = false;
    uint8_t last = '\n'; /* nothing is a whole line */
    *content = (struct client_content){.parts = parts, .count = count};
    for (size_t i = 0; i < count; i++) {
        content->size += parts[i].len;
        content->bare_line_end = content->bare_line_end || has_bare_line_end(parts[i], &cr);
        content->eight_bit = content->eight_bit || !utf8_is_ascii(parts[i]);
        if (parts[i].len)
            last = parts[i].ptr[parts[i].len - 1];
    }
    content->bare_line_end |= cr;
    content->ends_line = last == '\n';
    content->size += content->ends_line ? 0 : 2;
}

/* ---- writing it ---- */

struct writing {
    struct client *client;
    int64_t limit; /* for the whole content */
    bool line_start, stuff;
};

static int64_t piece_deadline(const struct writing *w)
{
    int64_t deadline = loop_deadline(w->client->timeouts.block);
    return deadline < w->limit ? deadline : w->limit;
}

static int write_piece(struct writing *w, struct bytes piece)
{
    return stream_write(w->client->stream, piece, piece_deadline(w));
}

static int write_pieces(struct writing *w, struct bytes part)
{
    int failed = 0;
    while (part.len && !failed) {
        failed = write_piece(w, bytes_first(part, PIECE));
        part = bytes_skip(part, PIECE);
    }
    return failed;
}

/* rfc5321:4.5.2, also where a line goes on in the next part. */
static int write_stuffed(struct writing *w, struct bytes part)
{
    int failed = 0;
    while (part.len && !failed) {
        if (w->line_start && part.ptr[0] == '.')
            failed = write_piece(w, BYTES("."));
        size_t lf = bytes_find_byte(part, '\n');
        struct bytes line = bytes_first(part, lf == BYTES_NOT_FOUND ? part.len : lf + 1);
        if (!failed)
            failed = write_pieces(w, line);
        w->line_start = lf != BYTES_NOT_FOUND;
        part = bytes_skip(part, line.len);
    }
    return failed;
}

static int write_content(struct writing *w, const struct client_content *content)
{
    int failed = 0;
    for (size_t i = 0; i < content->count && !failed; i++)
        failed = w->stuff ? write_stuffed(w, content->parts[i]) : write_pieces(w, content->parts[i]);
    if (!failed && !content->ends_line)
        failed = write_piece(w, BYTES("\r\n"));
    if (!failed && w->stuff)
        failed = write_piece(w, BYTES(".\r\n"));
    return failed ? failed : stream_flush(w->client->stream, piece_deadline(w));
}

/* ---- replies ---- */

static void give_all(struct client_reply *replies, size_t count, const struct client_reply *reply)
{
    for (size_t i = 0; i < count; i++)
        replies[i] = *reply;
}

/* A server that will not have it may say so, and hang up in the middle. Only its refusal counts: it
 * cannot have taken what it has not got. */
static enum result read_last_words(struct client *client, size_t count, int failed,
                                   struct arena *arena, struct client_reply *replies,
                                   struct error *error)
{
    struct client_reply reply;
    struct client_reading reading = {.arena = arena, .reply = &reply};
    if (failed != -ECANCELED && stream_has_input(client->stream) &&
        client_read_reply(client, &reading, client_deadline(client, LAST_WORDS_TIMEOUT), NULL) ==
            OK &&
        reply.code >= 400) {
        client->broken = true;
        reply.stage = CLIENT_STAGE_CONTENT;
        give_all(replies, count, &reply);
        return OK;
    }
    return client_lose_by(client, error, failed);
}

/* One for all in SMTP, one for each in LMTP (rfc2033:4.2). */
static enum result read_final_replies(struct client *client, size_t count, struct arena *arena,
                                      struct client_reply *replies, struct error *error)
{
    int64_t deadline = client_deadline(client, client->timeouts.finish);
    client->in_doubt = true;
    for (size_t i = 0; i < count; i++) {
        struct client_reading reading = {.arena = arena, .reply = &replies[i]};
        enum result result = client_read_reply(client, &reading, deadline, error);
        if (result == OK && client_judge(client, &replies[i], false, error) != OK &&
            !replies[i].code)
            result = TEMP;
        if (result != OK)
            return result;
        replies[i].stage = CLIENT_STAGE_CONTENT;
        /* Where a transaction stands whose BDAT was refused nobody knows (rfc3030:2). */
        client->in_transaction |= client_uses_chunking(client) && replies[i].code >= 400;
        if (!client->lmtp || client->broken) {
            give_all(replies + i + 1, count - i - 1, &replies[i]);
            break;
        }
    }
    client->in_doubt = false;
    return OK;
}

/* The one chunk follows its command at once: that there is a recipient is known (rfc3030:2). */
static int write_chunk_command(struct writing *w, uint64_t size)
{
    char line[48];
    int length = snprintf(line, sizeof(line), "BDAT %llu LAST\r\n", (unsigned long long)size);
    return write_piece(w, bytes_from(line, (size_t)length));
}

enum result client_content_send(struct client *client, const struct client_content *content,
                                size_t count, struct arena *arena, struct client_reply *replies,
                                struct error *error)
{
    struct client_reply early;
    struct client_reading reading = {.arena = arena, .reply = &early};
    int64_t patience = client->timeouts.block + (int64_t)(content->size / RATE_MIN) * SECOND;
    struct writing w = {.client = client,
                        .limit = client_deadline(client, patience),
                        .line_start = true,
                        .stuff = !client_uses_chunking(client)};
    /* A reply that is there already would be taken for the one behind the content. */
    enum result result = client_check_silence(client, &reading, w.limit, error);
    if (result != OK) {
        give_all(replies, count, &early);
        return early.code ? OK : result;
    }
    client->in_transaction = false;
    int failed = w.stuff ? 0 : write_chunk_command(&w, content->size);
    if (!failed)
        failed = write_content(&w, content);
    if (failed)
        return read_last_words(client, count, failed, arena, replies, error);
    return read_final_replies(client, count, arena, replies, error);
}
