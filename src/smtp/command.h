/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * command: one command line of SMTP, read into a struct (rfc5321:4.1.1).
 *
 * Pure: no state of the session is looked at; whether the command may come now is decided
 * elsewhere. Slices point into the line, or into the arena where a quoted string had to be
 * unquoted. Addresses may be UTF-8 here; whether SMTPUTF8 was given is for the caller to check
 * (rfc6531:3.5).
 */
#ifndef VOUCH_SMTP_COMMAND_H
#define VOUCH_SMTP_COMMAND_H

#include "base/arena.h"
#include "message/mailbox.h"

enum smtp_verb {
    SMTP_HELO,
    SMTP_EHLO,
    SMTP_MAIL,
    SMTP_RCPT,
    SMTP_DATA,
    SMTP_BDAT,
    SMTP_RSET,
    SMTP_NOOP,
    SMTP_QUIT,
    SMTP_HELP,
    SMTP_VRFY,
    SMTP_EXPN,
    SMTP_STARTTLS,
    SMTP_AUTH,
    SMTP_FOREIGN, /* another protocol's request (HTTP): a web browser tricked into talking to us */
    SMTP_UNKNOWN
};

enum smtp_syntax {
    SMTP_SYNTAX_GOOD,
    SMTP_SYNTAX_LINE,     /* line end, or octets that no command has, and no verb: 500 5.5.2 */
    SMTP_SYNTAX_VERB,     /* 500 5.5.1 */
    SMTP_SYNTAX_ARGUMENT, /* 501 5.5.4 */
    SMTP_SYNTAX_PATH,     /* 501 5.1.7 or 5.1.3 */
    SMTP_SYNTAX_MEMORY    /* arena full: 452 4.3.1 */
};

struct smtp_parameter {
    struct bytes keyword;
    struct bytes value; /* ptr NULL without "=" */
};

enum { SMTP_PARAMETERS_MAX = 16 };

struct smtp_command {
    enum smtp_verb verb;
    struct bytes argument; /* all behind the verb, trimmed; for HELO and EHLO the domain */
    struct path path;      /* MAIL, RCPT */
    struct smtp_parameter parameters[SMTP_PARAMETERS_MAX];
    size_t parameter_count;
    uint64_t chunk_size; /* BDAT */
    bool last;
    bool lenient_used; /* only the lenient switch made this valid */
};

/* `line` with its line end. With `lenient` also the forms that real clients send: blanks in other
 * places, no angle brackets, a bare LF at the end, host names that are none. `error` says what is
 * wrong when the result is not GOOD. */
enum smtp_syntax smtp_command_parse(struct arena *arena, struct bytes line, bool lenient,
                                    struct smtp_command *out, struct error *error);

#endif
