/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * submit_config: where `vouch sendmail` hands mail in: sendmail.conf, in the notation of vouch.conf.
 *
 * /etc/vouch/sendmail.conf is read first, then the user's own; what stands in the second wins. Strings
 * live in the arena.
 */
#ifndef VOUCH_CMD_SUBMIT_CONFIG_H
#define VOUCH_CMD_SUBMIT_CONFIG_H

#include "base/arena.h"
#include "base/buf.h"

enum { SUBMIT_PORTS_MAX = 8 };

enum submit_tls {
    SUBMIT_TLS_VERIFY, /* nothing without TLS and a certificate that is right */
    SUBMIT_TLS_MAY,    /* TLS where it is offered, with any certificate; no credentials */
    SUBMIT_TLS_NONE
};

struct submit_port {
    uint16_t number;
    bool implicit; /* TLS from the first octet (rfc8314:3) */
};

struct submit_config {
    char *host;
    struct submit_port ports[SUBMIT_PORTS_MAX]; /* in the order in which they are tried */
    size_t port_count;
    char *user, *password_file; /* "": no AUTH */
    char *from_domain;          /* "": as the system says */
    bool tls_given;
    enum submit_tls tls;        /* as given, or as fits the host */
    char *authorities;          /* PEM file; "": the system's */
    char *helo;                 /* "": as the system says */
};

/* `file`: read this and nothing else; NULL: /etc and `home`/.config (which may be NULL). PERM: the
 * faults are in `errors`, a line each. TEMP: memory. */
enum result submit_config_load(struct arena *arena, const char *file, const char *home,
                               struct submit_config *out, struct buf *errors) must_check;
/* The defaults, changed by one text; for tests. */
enum result submit_config_parse(struct arena *arena, struct bytes text, struct submit_config *out,
                                struct buf *errors) must_check;

/* localhost, 127.0.0.0/8, ::1. */
bool submit_host_is_loopback(const char *host);

#endif
