/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * hop: the Received field that tells from whom a server of ours took a message, for mail that is
 * looked at later or behind a relay. What such a field says is true only if a server that is trusted
 * wrote it: the caller says which one that is.
 *
 * Slices point into the message. Fields below the one that was asked for are never looked at.
 */
#ifndef VOUCH_MESSAGE_HOP_H
#define VOUCH_MESSAGE_HOP_H

#include "message/message.h"
#include "message/received.h"

struct hop {
    size_t field;             /* index in the message */
    unsigned number;          /* from the top, from 1 */
    struct ip client;
    struct bytes helo;        /* as the field has it behind "from" */
    struct bytes by;
};

/* The Received field of that number from the top. NONE: there are fewer, or it names no client. */
enum result hop_at(const struct message *message, unsigned number, struct hop *out) must_check;
/* The topmost one whose "by" is that host. */
enum result hop_by(const struct message *message, struct bytes host, struct hop *out) must_check;
/* The topmost one whose client came over a network: not from loopback. */
enum result hop_outside(const struct message *message, struct hop *out) must_check;

#endif
