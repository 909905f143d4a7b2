/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * content: the text of a message while it arrives: on the heap as long as it is small, then in a
 * memfd, and at the end one contiguous slice either way.
 *
 * The content owns memory and descriptor; release it with smtp_content_free(). Appending fails only
 * when the system refuses or the room is full: `failed` becomes and stays true and nothing more is kept.
 * Limits on size are the caller's, but for what all messages of the process may hold together.
 */
#ifndef VOUCH_SMTP_CONTENT_H
#define VOUCH_SMTP_CONTENT_H

#include "base/bytes.h"

/* What all messages of a process that are in memfds hold together: many clients that each send a
 * large message and never end it must not take the machine's memory. Small messages are not in it,
 * so that these still come through. */
struct smtp_content_room {
    uint64_t most; /* 0: no limit. One message alone may be larger. */
    uint64_t held;
};

struct smtp_content {
    struct smtp_content_room *room; /* NULL: no limit */
    uint64_t held;                  /* of the room */
    uint8_t *heap;
    size_t capacity;
    size_t in_memory; /* more than this goes to the memfd */
    uint64_t length;
    int fd;        /* -1 while on the heap */
    void *mapping; /* after smtp_content_finish() where there is a memfd */
    bool failed;
};

/* `room` must outlive the content; NULL: no limit. `expected`: the size announced, 0 if unknown;
 * memory is taken for it, but never above `in_memory`, since announcing costs a peer nothing. */
void smtp_content_start(struct smtp_content *content, struct smtp_content_room *room,
                        size_t in_memory, uint64_t expected);
void smtp_content_add(struct smtp_content *content, struct bytes bytes);
/* The whole, valid until smtp_content_free(). False when it failed. */
bool smtp_content_finish(struct smtp_content *content, struct bytes *out);
void smtp_content_free(struct smtp_content *content);

#endif
