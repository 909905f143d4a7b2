/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * library: what the files behind include/vouch.h share. Nobody else includes it.
 *
 * prepare.c says what is global and why that is safe, session.c how a plain thread runs code that was
 * written for fibers, resolve.c how a caller's resolver becomes a struct dns; check.c does the checks on
 * scratch memory, found.c copies what they found into a result.
 */
#ifndef VOUCH_LIBRARY_LIBRARY_H
#define VOUCH_LIBRARY_LIBRARY_H

#include "auth/arc.h"
#include "auth/dkim.h"
#include "auth/dmarc.h"
#include "auth/spf.h"
#include "base/buf.h"
#include "base/clock.h"
#include "dns/transport.h"

#include <vouch.h>

/* What the shared library and the archive show; nothing else can be seen from outside. */
#define EXPORTED __attribute__((visibility("default")))

enum {
    LIBRARY_SERVERS_MAX = 8,
    LIBRARY_NAME_MAX = 255,
    LIBRARY_SCRATCH_MAX = 64 << 20, /* of one call: beyond the message itself */
    LIBRARY_RESULT_MAX = 16 << 20,
    LIBRARY_FIELD_MAX = 1 << 20
};

struct vouch_context {
    struct dns below; /* first: what the cache asks; see resolve.c */
    struct dns *cache, *transport;
    struct dns_server servers[LIBRARY_SERVERS_MAX];
    size_t server_count;
    vouch_resolve *resolve;
    void *resolve_argument;
    int64_t timeout; /* microseconds */
    int64_t now;     /* 0: the clock's */
    enum dmarc_mode dmarc_mode;
    char authserv_id[LIBRARY_NAME_MAX + 1], hostname[LIBRARY_NAME_MAX + 1];
    struct error error;
};

enum message_state { MESSAGE_OPEN, MESSAGE_FINISHED, MESSAGE_BROKEN };

struct vouch_message {
    enum message_state state;
    struct buf text;
    struct arena *arena;
    struct message message;
    struct error error;
};

/* All strings in it end with NUL, which their length does not count (library_text()). */
struct vouch_auth_results {
    struct arena *arena;
    struct auth_results results;
    bool parsed; /* then its arrays have no room for more */
    struct buf field;
    struct error error;
};

/* The structs of the checks, with all slices copied as by library_text(). */
struct vouch_result {
    struct arena *arena;
    unsigned methods;
    struct spf_result spf, spf_helo;
    struct bytes spf_field, spf_helo_field;
    struct dkim_results dkim;
    struct dmarc_result dmarc;
    struct arc_results arc;
    struct vouch_auth_results *arc_sets; /* one for each set; of the result's arena */
    struct bytes field, field_value;
    struct vouch_auth_results said;
};

/* What one call of vouch_check() works on; it lives on that call's scratch arena. */
struct library_check {
    struct vouch_context *context;
    struct arena *arena;
    unsigned methods;
    const struct message *message;
    struct spf_request request;
    int64_t now, deadline;
    struct spf_result spf, spf_helo;
    struct dkim_results dkim;
    struct dmarc_result dmarc;
    struct arc_results arc;
};

/* prepare.c. False: OpenSSL lacks what nothing works without. Before anything else, on any thread. */
bool library_prepare(void) must_check;
/* Before the public suffix list is used, on any thread. */
void library_prepare_suffixes(void);
/* The present thread's caches are freed when it ends. */
void library_enter_thread(void);
/* c-ares counts its users without a lock. */
struct dns *library_open_transport(const struct dns_transport_options *options,
                                   struct error *error);
void library_close_transport(struct dns *transport);

/* session.c: runs `function` where it may ask context->cache. OK or TEMP. */
enum result library_run(struct vouch_context *context, void (*function)(void *), void *argument,
                        struct error *error) must_check;

/* resolve.c */
const struct dns_answer *library_resolve(struct dns *below, struct arena *arena, struct bytes name,
                                         enum dns_type type, int64_t deadline);

/* found.c: a copy that ends with NUL, without folds; other control characters are '?'. ptr NULL at the cap. */
struct bytes library_text(struct arena *arena, struct bytes text);
/* The same with line ends kept: of fields that we wrote. */
struct bytes library_field(struct arena *arena, struct bytes text);
/* False at the cap. */
bool library_copy(struct vouch_result *result, const struct library_check *check) must_check;
bool library_copy_statements(struct arena *arena, const struct auth_results *from,
                             struct auth_results *to) must_check;

/* report.c: the field of a check, in its arena. False at the cap. */
bool library_report(struct library_check *check, struct auth_results *out) must_check;
bool library_report_spf(const struct library_check *check, bool helo, struct arena *arena,
                        struct bytes *out) must_check;

enum vouch_answer library_answer(enum auth_result result);
enum vouch_status library_status(enum result result);

static inline const char *library_string(struct bytes text)
{
    return text.ptr ? (const char *)text.ptr : "";
}

#endif
