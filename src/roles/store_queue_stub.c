/* SPDX-License-Identifier: BSD-2-Clause */
/* Stands in until the queue is there. */
#include "roles/store_queue.h"
#define WEAK __attribute__((weak))
WEAK enum result store_queue_open(struct store *s, struct error *e) { (void)s; (void)e; return OK; }
WEAK void store_queue_start(struct store *s) { (void)s; }
WEAK void store_queue_stop(struct store *s) { (void)s; }
WEAK void store_queue_close(struct store *s) { (void)s; }
WEAK void store_queue_reload(struct store *s) { (void)s; }
WEAK enum result store_queue_add(struct store *s, struct arena *a, const struct queue_envelope *q, const struct bytes *p, size_t n, struct error *e)
{ (void)s; (void)a; (void)q; (void)p; (void)n; return error_set(e, TEMP, "stub"); }
WEAK enum result store_send_now(struct store *s, struct arena *a, const struct send_request *r, struct send_answer *w, int64_t d, struct error *e)
{ (void)s; (void)a; (void)r; (void)w; (void)d; return error_set(e, TEMP, "stub"); }
WEAK enum result store_queue_hold_account(struct store *s, struct bytes a, bool h, struct bytes r, struct error *e)
{ (void)s; (void)a; (void)h; (void)r; return error_set(e, TEMP, "stub"); }
WEAK bool store_queue_account_is_held(const struct store *s, struct bytes a, struct bytes *r) { (void)s; (void)a; *r = BYTES(""); return false; }
