/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * auth_line: one line of the protocol between Dovecot's auth service and its clients (version 1.2):
 * fields with tabs between them. What the service says is read as if it were hostile.
 *
 * Results lie in the arena or point into the line.
 */
#ifndef VOUCH_ROLES_AUTH_LINE_H
#define VOUCH_ROLES_AUTH_LINE_H

#include "base/arena.h"
#include "base/buf.h"

enum { AUTH_LINE_MAX = 8192, AUTH_LINE_FIELDS_MAX = 64 };

enum auth_line_kind {
    AUTH_LINE_VERSION,
    AUTH_LINE_MECHANISM,
    AUTH_LINE_DONE,     /* of the greeting */
    AUTH_LINE_OK,
    AUTH_LINE_CONTINUE,
    AUTH_LINE_FAIL,
    AUTH_LINE_OTHER     /* to be passed over */
};

struct auth_line {
    enum auth_line_kind kind;
    uint32_t major, minor;  /* VERSION */
    struct bytes mechanism; /* MECHANISM */
    uint32_t id;            /* OK, CONTINUE, FAIL: of the request */
    struct bytes user;      /* OK, FAIL; may be empty */
    struct bytes data;      /* CONTINUE: decoded */
    struct bytes reason;    /* FAIL: "reason" or "code"; may be empty */
    bool temporary;         /* FAIL: nothing is known about the password */
};

/* Without line end. PERM: not what the protocol has; TEMP: the arena's cap. */
enum result auth_line_read(struct arena *arena, struct bytes line, struct auth_line *out,
                           struct error *error) must_check;

/* One request. Empty values are left out. `present`: there is an initial response, which may be empty. */
struct auth_line_request {
    uint32_t id;
    struct bytes mechanism;
    bool secured;
    struct bytes client, local; /* addresses */
    uint32_t client_port, local_port;
    bool present;
    struct bytes data;
};
void auth_line_add_greeting(struct buf *out, uint32_t process);
void auth_line_add_request(struct buf *out, const struct auth_line_request *request);
void auth_line_add_response(struct buf *out, uint32_t id, struct bytes data);

/* A value as a field: tabs, line ends, NUL and 1 are escaped by a 1 before them. */
void auth_line_escape(struct buf *out, struct bytes value);
bool auth_line_unescape(struct arena *arena, struct bytes field, struct bytes *out) must_check;

#endif
