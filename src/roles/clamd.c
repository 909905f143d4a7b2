/* SPDX-License-Identifier: BSD-2-Clause */
#include "roles/clamd.h"

#include "base/ascii.h"
#include "os/socket.h"

#include <errno.h>
#include <string.h>

/* ---- answers ---- */

/* In sentences and headers: whatever is no printable ASCII becomes '?'. */
static struct bytes printable(struct arena *arena, struct bytes text)
{
    uint8_t *out = arena_alloc(arena, text.len);
    if (!out)
        return BYTES("");
    for (size_t i = 0; i < text.len; i++)
        out[i] = ascii_is_print(text.ptr[i]) ? text.ptr[i] : '?';
    return bytes_from(out, text.len);
}

void clamd_reply_read(struct arena *arena, struct bytes reply, struct clamd_result *out)
{
    static const struct bytes stream = BYTES_INIT("stream: "), found = BYTES_INIT(" FOUND");
    struct bytes answer = bytes_trim(reply);
    bool is_answer = bytes_starts_with(answer, stream);
    *out = (struct clamd_result){.status = CLAMD_FAILED};
    if (is_answer)
        answer = bytes_skip(answer, stream.len);
    if (is_answer && bytes_is(answer, "OK")) {
        out->status = CLAMD_CLEAN;
    } else if (is_answer && bytes_ends_with(answer, found)) {
        struct bytes name = bytes_trim(bytes_first(answer, answer.len - found.len));
        out->status = CLAMD_FOUND;
        out->name = printable(arena, bytes_first(name.len ? name : BYTES("unnamed"), CLAMD_NAME_MAX));
    } else {
        struct bytes shown = printable(arena, bytes_first(answer, CLAMD_NAME_MAX));
        out->problem = arena_printf(arena, "clamd says \"" BYTES_FMT "\"", BYTES_ARG(shown));
    }
}

/* ---- a scan ---- */

static void fail(struct arena *arena, struct clamd_result *out, const char *doing, int code)
{
    bool endless = code == -EMSGSIZE || code == -ENOBUFS;
    const char *why = code == -EPIPE ? "it hung up" : endless ? "it does not end its answer" : strerror(-code);
    *out = (struct clamd_result){.status = CLAMD_FAILED,
                                 .problem = arena_printf(arena, "clamd, %s: %s", doing, why)};
}

static int send_chunk(struct stream *stream, struct bytes chunk, int64_t deadline)
{
    uint8_t length[4] = {(uint8_t)(chunk.len >> 24), (uint8_t)(chunk.len >> 16), (uint8_t)(chunk.len >> 8),
                         (uint8_t)chunk.len};
    int code = stream_write(stream, bytes_from(length, sizeof(length)), deadline);
    return code || !chunk.len ? code : stream_write(stream, chunk, deadline);
}

static int send_content(struct stream *stream, struct bytes content, int64_t deadline)
{
    /* The "z" says that commands and answers end in NUL; the literal's own is sent. */
    int code = stream_write(stream, bytes_from("zINSTREAM", sizeof("zINSTREAM")), deadline);
    for (size_t at = 0; at < content.len && !code; at += CLAMD_CHUNK)
        code = send_chunk(stream, bytes_slice(content, at, at + CLAMD_CHUNK), deadline);
    if (!code)
        code = send_chunk(stream, BYTES(""), deadline);
    return code ? code : stream_flush(stream, deadline);
}

/* The octets before the NUL. */
static int read_reply(struct stream *stream, struct bytes *reply, int64_t deadline)
{
    for (;;) {
        struct bytes buffered = stream_buffered(stream);
        size_t end = bytes_find_byte(bytes_first(buffered, CLAMD_REPLY_MAX), '\0');
        *reply = bytes_first(buffered, end);
        if (end != BYTES_NOT_FOUND)
            return 0;
        if (buffered.len >= CLAMD_REPLY_MAX)
            return -EMSGSIZE;
        int code = stream_fill(stream, deadline);
        if (code)
            return code;
    }
}

void clamd_scan_over(struct arena *arena, struct transport *transport, const struct clamd_request *request,
                     struct clamd_result *out)
{
    struct bytes reply, content = bytes_first(request->content, request->most);
    struct stream *stream = stream_create(transport);
    if (!stream) {
        transport->operations->close(transport);
        fail(arena, out, "connecting", -ENOMEM);
        return;
    }
    /* It may have answered and hung up before it had everything: beyond its own limit, for instance. */
    int sent = send_content(stream, content, request->deadline);
    int code = sent == -ETIMEDOUT || sent == -ECANCELED ? sent : read_reply(stream, &reply, request->deadline);
    if (code)
        fail(arena, out, sent ? "sending" : "waiting for its answer", sent ? sent : code);
    else
        clamd_reply_read(arena, reply, out);
    stream_close(stream);
    /* What was said before the end of the message is no answer to all of it. */
    if (sent && out->status == CLAMD_CLEAN)
        fail(arena, out, "sending", sent);
    if (out->status == CLAMD_CLEAN && content.len < request->content.len) {
        out->status = CLAMD_PARTLY;
        out->problem = arena_printf(arena, "the first %zu octets of %zu were scanned", content.len,
                                    request->content.len);
    }
}

void clamd_scan(struct arena *arena, const struct clamd_request *request, struct clamd_result *out)
{
    struct transport *transport = NULL;
    int code = socket_connect(&request->ip, request->port, NULL, request->deadline, &transport);
    if (code)
        fail(arena, out, "connecting", code);
    else
        clamd_scan_over(arena, transport, request, out);
}
