/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * stream: a buffered, bidirectional byte stream over a transport (a plain socket, TLS, a pipe).
 *
 * The stream owns its transport and buffers. An idle stream holds no buffers: it waits for the
 * transport first and takes a buffer from a shared cache only to read into, and gives it back when
 * everything was consumed. Reading and writing may be done by different fibers (one each; a second
 * is a bug and panics).
 *
 * After an error every further call in that direction returns the same error. Not kept: a read's
 * -ETIMEDOUT, and an -ECANCELED that left no octets half-written; so one may read on with another
 * deadline, and say goodbye under a shield.
 */
#ifndef VOUCH_FIBER_STREAM_H
#define VOUCH_FIBER_STREAM_H

#include "base/bytes.h"
#include "base/buf.h"
#include "fiber/descriptor.h"

#include <sys/types.h>

struct stream;

/* What a stream runs over. Each call returns the count, 0 at end of stream (read only), or -errno
 * (-ETIMEDOUT, -ECANCELED, -ECONNRESET, …). They wait; they do not return -EAGAIN. */
struct transport {
    const struct transport_operations *operations;
};
struct transport_operations {
    /* Waits until read() has something to say, without needing a buffer. 0 or -errno. A deadline in
     * the past (0) asks whether it has, and does not wait: -ETIMEDOUT says that it has not. */
    int (*wait)(struct transport *, int64_t deadline);
    ssize_t (*read)(struct transport *, uint8_t *to, size_t size, int64_t deadline);
    ssize_t (*write)(struct transport *, struct bytes from, int64_t deadline);
    /* Polite end (TLS close_notify), best effort, bounded; then close and free. */
    void (*close)(struct transport *);
};

enum { STREAM_BUFFER = 16 * 1024 };

/* Plain transport over a connected socket; takes over the descriptor. NULL when memory is out (the
 * descriptor is then still the caller's). */
struct transport *transport_over(struct descriptor *descriptor);
/* The descriptor under a plain transport (for STARTTLS, getpeername); NULL for other kinds. */
struct descriptor *transport_descriptor(struct transport *transport);

/* Takes over the transport. NULL when memory is out (it is then still the caller's). */
struct stream *stream_create(struct transport *transport);
/* Closes the transport too; NULL is fine. Output that was not flushed is lost. No other fiber
 * may be inside a call. */
void stream_close(struct stream *stream);
struct transport *stream_transport(struct stream *stream);
/* Exchanges the transport (plain -> TLS) after flushing; buffered input is dropped (rfc3207:4.2,
 * CVE-2011-0411); returns how many octets were dropped. The old transport is not closed: the new
 * one owns it. NULL takes it away for the time of a handshake (every call then gives -ENOTCONN):
 * whoever makes the new one owns it then, and the stream may be closed as it is. */
size_t stream_replace_transport(struct stream *stream, struct transport *transport);

/* What has been read and not consumed; valid until the next call that reads. */
struct bytes stream_buffered(const struct stream *stream);
void stream_consume(struct stream *stream, size_t count);
/* Reads at least one octet more: 0, -errno, or -EPIPE at end of stream. -ENOBUFS when the buffer
 * (`STREAM_BUFFER`) is full of unconsumed input. */
int stream_fill(struct stream *stream, int64_t deadline);
/* Whether input is at hand (buffered, or readable without waiting). Does not wait. */
bool stream_has_input(struct stream *stream);
/*
 * Reads up to and including the next LF, at most `max` octets; *line is the text with the LF (and
 * CR) still on, valid until the next call that reads; it is already consumed.
 * 0, -errno, -EPIPE at end of stream, -EMSGSIZE if no LF within `max` (nothing consumed). More than
 * STREAM_BUFFER for `max` counts as STREAM_BUFFER.
 */
int stream_read_line(struct stream *stream, size_t max, struct bytes *line, int64_t deadline);

/* Collects output; sends by itself when a buffer is full. 0 or -errno. */
int stream_write(struct stream *stream, struct bytes bytes, int64_t deadline);
int stream_flush(struct stream *stream, int64_t deadline);

#endif
