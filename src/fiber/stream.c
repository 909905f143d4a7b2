/* SPDX-License-Identifier: BSD-2-Clause */
#include "fiber/stream.h"

#include "fiber/private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { TURN = 16 };
static const int64_t replace_patience = 30 * SECOND;

struct stream {
    struct transport *transport;
    struct loop *loop;
    /* Input not consumed is at [in_start, in_end). A buffer that is empty stays until the next call
     * that reads, because the slice returned last may point into it. */
    uint8_t *in;
    /* Output not sent is at [out_start, out_end). */
    uint8_t *out;
    uint16_t in_start, in_end;
    uint16_t searched; /* octets after in_start known to hold no LF */
    uint16_t out_start, out_end;
    uint8_t operations;
    bool reading, writing; /* a fiber is inside */
    int read_error, write_error;
};

struct stream *stream_create(struct transport *transport)
{
    struct stream *stream = calloc(1, sizeof(*stream));
    if (!stream)
        return NULL;
    stream->transport = transport;
    stream->loop = loop_current();
    return stream;
}

static void release_input(struct stream *stream)
{
    if (stream->in)
        buffer_give(stream->loop, stream->in);
    stream->in = NULL;
    stream->in_start = stream->in_end = stream->searched = 0;
}

static void release_output(struct stream *stream)
{
    if (stream->out)
        buffer_give(stream->loop, stream->out);
    stream->out = NULL;
    stream->out_start = stream->out_end = 0;
}

void stream_close(struct stream *stream)
{
    if (!stream)
        return;
    require(!stream->reading && !stream->writing);
    release_input(stream);
    release_output(stream);
    if (stream->transport)
        stream->transport->operations->close(stream->transport);
    free(stream);
}

struct transport *stream_transport(struct stream *stream)
{
    return stream->transport;
}

size_t stream_replace_transport(struct stream *stream, struct transport *transport)
{
    if (stream->transport)
        (void)stream_flush(stream, loop_deadline(replace_patience));
    size_t dropped = stream_buffered(stream).len;
    release_input(stream);
    release_output(stream);
    stream->transport = transport;
    stream->read_error = stream->write_error = 0;
    return dropped;
}

struct bytes stream_buffered(const struct stream *stream)
{
    if (!stream->in)
        return (struct bytes){NULL, 0};
    return bytes_from(stream->in + stream->in_start, stream->in_end - stream->in_start);
}

void stream_consume(struct stream *stream, size_t count)
{
    require(count <= stream_buffered(stream).len);
    stream->in_start = (uint16_t)(stream->in_start + count);
    stream->searched = count < stream->searched ? (uint16_t)(stream->searched - count) : 0;
}

/* What a later call may find mended (another deadline, a shield) is not kept. */
static int fail_reading(struct stream *stream, int error)
{
    if (error != -ETIMEDOUT && error != -ECANCELED && error != -ENOMEM)
        stream->read_error = error;
    return error;
}

/* A peer that is always quicker than we are would never make us wait: its fiber would keep the
 * thread, and not learn that it was cancelled. */
static int take_turns(struct stream *stream)
{
    if (fiber_gives_up(fiber_self()))
        return -ECANCELED;
    return ++stream->operations % TURN == 0 ? -fiber_yield() : 0;
}

/* The buffer with room at its end. The caller has seen that it is not full of unconsumed input. */
static void make_room(struct stream *stream)
{
    size_t count = stream->in_end - stream->in_start;
    if (stream->in_start && stream->in_end == STREAM_BUFFER) {
        memmove(stream->in, stream->in + stream->in_start, count);
        stream->in_start = 0;
        stream->in_end = (uint16_t)count;
    }
}

static int prepare_input(struct stream *stream, int64_t deadline)
{
    if (stream->in_start != stream->in_end) {
        make_room(stream);
        return 0;
    }
    release_input(stream);
    int error = stream->transport->operations->wait(stream->transport, deadline);
    if (error)
        return error;
    stream->in = buffer_take(stream->loop);
    return stream->in ? 0 : -ENOMEM;
}

static int fill(struct stream *stream, int64_t deadline)
{
    int error = take_turns(stream);
    if (!error)
        error = prepare_input(stream, deadline);
    if (error)
        return error;
    ssize_t count = stream->transport->operations->read(stream->transport,
                                                        stream->in + stream->in_end,
                                                        STREAM_BUFFER - stream->in_end, deadline);
    if (count <= 0)
        return count ? (int)count : -EPIPE;
    stream->in_end = (uint16_t)(stream->in_end + count);
    return 0;
}

int stream_fill(struct stream *stream, int64_t deadline)
{
    require(!stream->reading);
    if (stream->read_error)
        return stream->read_error;
    if (!stream->transport)
        return -ENOTCONN;
    if (stream_buffered(stream).len == STREAM_BUFFER)
        return -ENOBUFS;
    stream->reading = true;
    int error = fill(stream, deadline);
    stream->reading = false;
    return error ? fail_reading(stream, error) : 0;
}

bool stream_has_input(struct stream *stream)
{
    if (stream_buffered(stream).len)
        return true;
    if (!stream->transport || stream->read_error)
        return false;
    return stream->transport->operations->wait(stream->transport, 0) == 0;
}

int stream_read_line(struct stream *stream, size_t max, struct bytes *line, int64_t deadline)
{
    if (max > STREAM_BUFFER)
        max = STREAM_BUFFER;
    for (;;) {
        struct bytes window = bytes_first(stream_buffered(stream), max);
        struct bytes fresh = bytes_skip(window, stream->searched);
        size_t position = bytes_find_byte(fresh, '\n');
        if (position != BYTES_NOT_FOUND) {
            *line = bytes_first(window, window.len - fresh.len + position + 1);
            stream_consume(stream, line->len);
            return 0;
        }
        if (window.len == max)
            return -EMSGSIZE;
        stream->searched = (uint16_t)window.len;
        int error = stream_fill(stream, deadline);
        if (error)
            return error;
    }
}

static int fail_writing(struct stream *stream, int error)
{
    stream->write_error = error;
    return error;
}

/* How much is left when it fails is in *bytes. */
static int send_all(struct stream *stream, struct bytes *bytes, int64_t deadline)
{
    while (bytes->len) {
        int error = take_turns(stream);
        if (error)
            return error;
        ssize_t count =
            stream->transport->operations->write(stream->transport, *bytes, deadline);
        if (count < 0)
            return (int)count;
        *bytes = bytes_skip(*bytes, (size_t)count);
    }
    return 0;
}

static int flush(struct stream *stream, int64_t deadline)
{
    struct bytes rest = bytes_from(stream->out + stream->out_start,
                                   stream->out_end - stream->out_start);
    int error = send_all(stream, &rest, deadline);
    stream->out_start = (uint16_t)(stream->out_end - rest.len);
    if (!error)
        release_output(stream);
    else if (error != -ECANCELED)
        fail_writing(stream, error);
    return error;
}

static int check_writing(struct stream *stream)
{
    require(!stream->writing);
    if (stream->write_error)
        return stream->write_error;
    return stream->transport ? 0 : -ENOTCONN;
}

int stream_flush(struct stream *stream, int64_t deadline)
{
    int error = check_writing(stream);
    if (error || !stream->out)
        return error;
    stream->writing = true;
    error = flush(stream, deadline);
    stream->writing = false;
    return error;
}

/* There is room. */
static int collect(struct stream *stream, struct bytes bytes)
{
    if (!stream->out && !(stream->out = buffer_take(stream->loop)))
        return -ENOMEM;
    memcpy(stream->out + stream->out_end, bytes.ptr, bytes.len);
    stream->out_end = (uint16_t)(stream->out_end + bytes.len);
    return 0;
}

/* What fits into a buffer is taken whole or not at all. */
int stream_write(struct stream *stream, struct bytes bytes, int64_t deadline)
{
    int error = check_writing(stream);
    if (!error && bytes.len > (size_t)(STREAM_BUFFER - stream->out_end))
        error = stream_flush(stream, deadline);
    if (error)
        return error;
    if (bytes.len < STREAM_BUFFER)
        return bytes.len ? collect(stream, bytes) : 0;
    stream->writing = true;
    error = send_all(stream, &bytes, deadline);
    stream->writing = false;
    /* Part of `bytes` may have gone: whoever wrote on would write into the middle of it. */
    return error ? fail_writing(stream, error) : 0;
}
