/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dkim_canonical: the two canonicalizations of header fields and bodies (rfc6376:3.4).
 *
 * Canonical octets go to a sink in large runs: what canonicalization leaves unchanged is passed on
 * where it lies, short pieces are gathered first. Nothing is allocated and nothing fails.
 */
#ifndef VOUCH_AUTH_DKIM_CANONICAL_H
#define VOUCH_AUTH_DKIM_CANONICAL_H

#include "message/message.h"

enum dkim_canonicalization { DKIM_SIMPLE, DKIM_RELAXED };
const char *dkim_canonicalization_name(enum dkim_canonicalization canonicalization);
bool dkim_canonicalization_parse(struct bytes text, enum dkim_canonicalization *out);

typedef void dkim_sink_function(void *context, struct bytes run);
enum { DKIM_SINK_PENDING = 2048 };

struct dkim_sink {
    dkim_sink_function *write;
    void *context;
    size_t pending_count;
    uint8_t pending[DKIM_SINK_PENDING];
};

void dkim_sink_open(struct dkim_sink *sink, dkim_sink_function *write, void *context);
void dkim_sink_add(struct dkim_sink *sink, struct bytes run);
void dkim_sink_flush(struct dkim_sink *sink); /* call it once all is added */

void dkim_canonical_body(struct dkim_sink *sink, enum dkim_canonicalization canonicalization,
                         struct bytes body);
/* One header field with its CRLF. */
void dkim_canonical_field(struct dkim_sink *sink, enum dkim_canonicalization canonicalization,
                          const struct header_field *field);
/* The signature field itself: without `omitted` (a part of field->value: what stands behind "b=")
 * and without its final CRLF (rfc6376:3.7). */
void dkim_canonical_signature(struct dkim_sink *sink, enum dkim_canonicalization canonicalization,
                              const struct header_field *field, struct bytes omitted);

#endif
