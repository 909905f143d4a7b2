/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mailbox: one address, and the Mailbox and Path of SMTP commands (rfc5321:4.1.2, rfc6531:3.3).
 *
 * Slices point into the text given where nothing had to be unquoted, else into the arena. The local
 * part is whatever stands before the last "@" outside quotes, kept in its case. Source routes are
 * read and dropped (rfc5321:C). A text beyond the limits below is PERM before any other work.
 */
#ifndef VOUCH_MESSAGE_MAILBOX_H
#define VOUCH_MESSAGE_MAILBOX_H

#include "base/arena.h"
#include "base/buf.h"

/* What only header fields have (name, comment, group) is empty for a mailbox of SMTP. */
struct mailbox {
    /* Unquoted, words joined by single spaces. RFC 2047 words are left as they are, octets above
     * 127 may be of any charset. May be empty. */
    struct bytes display_name;
    struct bytes comment; /* the last comment at the address, where old programs put the name */
    struct bytes local;   /* unquoted, without white space and comments; valid UTF-8 */
    struct bytes domain;  /* the same; a literal has its brackets: "[192.0.2.1]" */
    struct bytes group;   /* name of the group that it stands in */
    bool in_group;
    bool irregular; /* the name needed quotes and had none (message/address.h) */
};

/* What we accept; rfc5321:4.5.3.1 demands 64, 255 and 256 at least. */
enum { MAILBOX_LOCAL_MAX = 255, MAILBOX_DOMAIN_MAX = 255, PATH_MAX_OCTETS = 1024 };

enum {
    MAILBOX_UTF8 = 1,    /* SMTPUTF8 was given: UTF-8 in both parts (rfc6531:3.3) */
    MAILBOX_LENIENT = 2, /* dots anywhere in the local part, underscores in the domain, and for
                            paths no brackets or blanks before them: what real clients send */
};

/* The whole of `text` is one Mailbox, without brackets. Only `local` and `domain` are set. */
enum result mailbox_parse(struct arena *arena, struct bytes text, unsigned options,
                          struct mailbox *out, struct error *error) must_check;

struct path {
    bool null;              /* <> */
    struct bytes text;      /* the mailbox as written, without brackets and route */
    struct mailbox mailbox; /* domain empty for <postmaster> */
};

/* The argument of MAIL FROM: or RCPT TO:, up to the path's end; *rest becomes what follows it
 * (empty or beginning with a blank). <> and <postmaster> are read, the caller decides where they
 * may stand. */
enum result path_parse(struct arena *arena, struct bytes text, unsigned options, struct path *out,
                       struct bytes *rest, struct error *error) must_check;

/* Appends local@domain, the local part quoted where it must be; no "@" if the domain is empty. */
void mailbox_write(struct buf *out, struct bytes local, struct bytes domain);

/* What stands behind the last "@" of an address that was read before; empty where there is none. */
struct bytes mailbox_domain(struct bytes address);
/* The same where a domain may stand alone: without "@" it is the whole text. */
struct bytes mailbox_domain_or_all(struct bytes text);

#endif
