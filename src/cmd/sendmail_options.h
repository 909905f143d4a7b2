/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sendmail_options: the command line of sendmail, as programs have used it for decades.
 *
 * Letters may stand together ("-ti"), a value behind its letter or in the next argument. Options end at
 * "--" or at the first argument that is none, so that no address of a stranger is ever taken for an
 * option. Pure; strings point into argv.
 */
#ifndef VOUCH_CMD_SENDMAIL_OPTIONS_H
#define VOUCH_CMD_SENDMAIL_OPTIONS_H

#include "base/bytes.h"
#include "base/result.h"

enum sendmail_mode {
    SENDMAIL_DELIVER, /* -bm: a message from standard input */
    SENDMAIL_SMTP,    /* -bs: an SMTP session on standard input and output */
    SENDMAIL_LIST,    /* -bp: what mailq prints */
    SENDMAIL_ALIASES, /* -bi: what newaliases does */
    SENDMAIL_NOTHING, /* -q: the queue runs by itself */
    SENDMAIL_HELP
};

struct sendmail_options {
    enum sendmail_mode mode;
    bool take_recipients;    /* -t */
    bool dot_is_text;        /* -i, -oi: a line with a dot alone does not end the message */
    bool verbose;            /* -v */
    const char *sender;      /* -f, -r; NULL: who calls us */
    const char *full_name;   /* -F */
    const char *envelope_id; /* -V */
    unsigned notify;         /* -N: of enum smtp_notify; 0: not said */
    bool return_full, return_headers; /* -R */
    const char *config, *resolver;    /* --config, --resolver */
    char **recipients;
    int recipient_count;
};

/* False: `error` says what is wrong. */
bool sendmail_options_read(int argc, char **argv, struct sendmail_options *out,
                           struct error *error) must_check;

#endif
