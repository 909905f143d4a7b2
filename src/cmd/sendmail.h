/* SPDX-License-Identifier: BSD-2-Clause */
/* sendmail: private to the files of `vouch sendmail`. */
#ifndef VOUCH_CMD_SENDMAIL_H
#define VOUCH_CMD_SENDMAIL_H

#include "cmd/submit.h"

/* -bs: what a program says on standard input goes to the server, what that says to standard output.
 * `sender` is who calls us: to find out whether the server lets him in. As a fiber; the status. */
int sendmail_relay(const struct submit *submit, struct bytes sender, struct error *error);

/* `vouch mailq`, and -bp. */
int mailq_list(const char *config_file, const char *command);

/* The exit status that fits what a server said. */
int sendmail_status(const struct client_reply *reply);

#endif
