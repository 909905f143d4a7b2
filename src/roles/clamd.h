/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * clamd: asks clamd whether a message has a virus, by its command INSTREAM over TCP.
 *
 * A connection for each message, as many at once as there are messages: clamd has a thread for each anyway, and
 * a session (IDSESSION) would spare a handshake over loopback and cost the bookkeeping of who waits for what.
 * Sockets in the file system are not for edges, which have none.
 *
 * Nothing is a failure of the message: what goes wrong is CLAMD_FAILED with a sentence, and what follows from
 * that is the policy's. Results live in the arena. clamd is believed as far as its own answer goes, which is
 * bounded; needs a fiber.
 */
#ifndef VOUCH_ROLES_CLAMD_H
#define VOUCH_ROLES_CLAMD_H

#include "base/arena.h"
#include "base/ip.h"
#include "fiber/stream.h"

enum { CLAMD_REPLY_MAX = 1024, CLAMD_NAME_MAX = 200, CLAMD_CHUNK = 256 * 1024 };

enum clamd_status {
    CLAMD_CLEAN,
    CLAMD_FOUND,
    CLAMD_PARTLY, /* nothing found in what was scanned, which was not all */
    CLAMD_FAILED  /* no answer, or none that says whether */
};

struct clamd_result {
    enum clamd_status status;
    struct bytes name;    /* CLAMD_FOUND: of the signature, printable ASCII */
    struct bytes problem; /* CLAMD_FAILED: a sentence; CLAMD_PARTLY: how much was scanned */
};

struct clamd_request {
    struct ip ip;
    uint16_t port;
    struct bytes content;
    uint64_t most;    /* octets that are scanned */
    int64_t deadline;
};

void clamd_scan(struct arena *arena, const struct clamd_request *request, struct clamd_result *out);
/* The same over a connection, which is closed. */
void clamd_scan_over(struct arena *arena, struct transport *transport, const struct clamd_request *request,
                     struct clamd_result *out);

/* Reads the one answer to INSTREAM, without its final NUL: "stream: OK", "stream: NAME FOUND", "… ERROR". */
void clamd_reply_read(struct arena *arena, struct bytes reply, struct clamd_result *out);

#endif
