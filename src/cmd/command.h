/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * command: the subcommands of `vouch`. One file each; each parses its own arguments and returns the exit
 * status.
 */
#ifndef VOUCH_CMD_COMMAND_H
#define VOUCH_CMD_COMMAND_H

#include "base/bytes.h"
#include "base/result.h"

/* Exit statuses that scripts can rely on, on top of what a command's manual page says. */
enum {
    EXIT_FINE = 0,    /* it worked; for checks: pass */
    EXIT_NEGATIVE = 1, /* it worked, and the answer is no (fail, refused, not found) */
    EXIT_USAGE = 2,    /* the arguments or the configuration are wrong */
    EXIT_TEMPORARY = 3 /* it could not be told now (DNS failed) */
};

struct command {
    const char *name;      /* "serve", or two words: "spf check"; NULL: a heading in the list */
    const char *summary;   /* one line for `vouch help` */
    int (*run)(int argc, char **argv); /* argv[0] is the last word of the name */
    bool internal;         /* not listed */
};

int serve_command(int argc, char **argv);
int demo_command(int argc, char **argv);
int check_command(int argc, char **argv);
int explain_command(int argc, char **argv);
int log_command(int argc, char **argv);
int replay_command(int argc, char **argv);
int lint_command(int argc, char **argv);
int spf_check_command(int argc, char **argv);
int spf_wizard_command(int argc, char **argv);
int spf_simulate_command(int argc, char **argv);
int senderid_check_command(int argc, char **argv);
int dkim_verify_command(int argc, char **argv);
int dkim_sign_command(int argc, char **argv);
int dkim_keygen_command(int argc, char **argv);
int dkim_rotate_command(int argc, char **argv);
int dkim_check_key_command(int argc, char **argv);
int dmarc_check_command(int argc, char **argv);
int dmarc_simulate_command(int argc, char **argv);
int arc_verify_command(int argc, char **argv);
int arc_seal_command(int argc, char **argv);
int domainkeys_verify_command(int argc, char **argv);
int adsp_check_command(int argc, char **argv);
int helo_check_command(int argc, char **argv);
int vbr_check_command(int argc, char **argv);
int dnslist_check_command(int argc, char **argv);
int dnslist_test_command(int argc, char **argv);
int smime_check_command(int argc, char **argv);
int openpgp_check_command(int argc, char **argv);
int srs_encode_command(int argc, char **argv);
int srs_decode_command(int argc, char **argv);
int batv_encode_command(int argc, char **argv);
int batv_decode_command(int argc, char **argv);
int ses_encode_command(int argc, char **argv);
int ses_decode_command(int argc, char **argv);
int hashcash_mint_command(int argc, char **argv);
int hashcash_check_command(int argc, char **argv);
int report_show_command(int argc, char **argv);
int ar_parse_command(int argc, char **argv);
int config_check_command(int argc, char **argv);
int config_describe_command(int argc, char **argv);
int queue_list_command(int argc, char **argv);
int queue_show_command(int argc, char **argv);
int queue_hold_command(int argc, char **argv);
int queue_release_command(int argc, char **argv);
int queue_retry_command(int argc, char **argv);
int queue_drop_command(int argc, char **argv);
int queue_bounce_command(int argc, char **argv);
int queue_stats_command(int argc, char **argv);
int mailq_command(int argc, char **argv);
int quarantine_list_command(int argc, char **argv);
int quarantine_show_command(int argc, char **argv);
int quarantine_release_command(int argc, char **argv);
int quarantine_train_command(int argc, char **argv);
int quarantine_purge_command(int argc, char **argv);
int sendmail_command(int argc, char **argv);
int newaliases_command(int argc, char **argv);
int user_add_command(int argc, char **argv);
int user_passwd_command(int argc, char **argv);
int user_del_command(int argc, char **argv);
int user_list_command(int argc, char **argv);
int user_check_command(int argc, char **argv);
int user_release_command(int argc, char **argv);
int train_command(int argc, char **argv);
int contacts_list_command(int argc, char **argv);
int contacts_add_command(int argc, char **argv);
int contacts_remove_command(int argc, char **argv);
int greylist_list_command(int argc, char **argv);
int greylist_release_command(int argc, char **argv);
int reputation_show_command(int argc, char **argv);
int reputation_forget_command(int argc, char **argv);
int reputation_complain_command(int argc, char **argv);
int rule_test_command(int argc, char **argv);
int rule_list_command(int argc, char **argv);
int role_command(int argc, char **argv);

#endif
