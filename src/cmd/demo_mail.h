/* SPDX-License-Identifier: BSD-2-Clause */
/* demo_mail: the world of `vouch demo`: its zone, its messages, and a small client that sends them. */
#ifndef VOUCH_CMD_DEMO_MAIL_H
#define VOUCH_CMD_DEMO_MAIL_H

#include "dns/zone.h"

#include <openssl/evp.h>

struct demo_mail {
    const char *what;     /* for the table */
    const char *client;   /* loopback address it is sent from */
    const char *helo, *sender, *recipient, *from, *subject;
    bool sign;            /* as genuine.example */
    const char *html;     /* the body, as HTML; NULL: a line of text */
};

enum { DEMO_MAILS = 7 };
extern const struct demo_mail demo_mails[DEMO_MAILS];

/* Who lives in the demonstration's DNS. `key` is published for genuine.example. */
bool demo_zone_fill(struct zone *zone, EVP_PKEY *key);
/* The message's text, signed where it says so. Empty on failure. */
struct bytes demo_mail_text(struct arena *arena, const struct demo_mail *mail, EVP_PKEY *key,
                            int64_t now);
/* Sends it to 127.0.0.1:port and gives the last reply (of DATA, or of what was refused). False if there
 * was no conversation. */
bool demo_mail_send(const struct demo_mail *mail, uint16_t port, struct bytes text, char *reply,
                    size_t size);

#endif
