/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * auth: private to the files of the auth role, which verifies passwords that others keep: Dovecot, over the
 * socket of its auth service, or PAM. It answers KEYS_SASL of edges (roles/keys_protocol.h), and only there
 * is it known what was typed. It has no mail and no signing keys. Which of the two: the configuration names one.
 *
 * auth.c          the role, its conversations, and what an account may send as
 * auth_dovecot.c  the client of Dovecot's auth service; auth_line.h is what they say
 * auth_pam.c      PLAIN and LOGIN against PAM
 * auth_sandbox.c  what is left to a process that runs PAM
 *
 * With Dovecot it may connect to Unix sockets, and nothing else: no files, no network.
 *
 * With PAM it must do what PAM's modules do. It runs as the account of the configuration with no
 * capabilities and with the group that owns /etc/shadow, and not as root: pam_unix then starts its helper
 * unix_chkpwd, which finds itself in that group. It may still
 *  - read (not change) what lies under /etc, /usr, /lib*, /bin, /sbin, /run, /proc and /var/lib/sss, as far as
 *    that account and that group may: not the signing keys, which are root's;
 *  - write /run/faillock and /dev/null;
 *  - start programs from those folders, which inherit all of these restrictions, and never gain rights
 *    by starting (no_new_privs);
 *  - talk to Unix sockets (the log, nscd, sssd, systemd).
 * It has no other network, listens nowhere, signals nobody, and sees nothing of mail or queue. Modules that
 * want more (LDAP or Kerberos by themselves, files in home folders, root) do not work; those that have a
 * daemon for it (sssd, nslcd, winbind) do. What the kernel's version does not offer is logged at the start.
 * Run without root, only modules that need no rights work.
 */
#ifndef VOUCH_ROLES_AUTH_H
#define VOUCH_ROLES_AUTH_H

#include "auth/accounts.h"
#include "roles/keys_protocol.h"
#include "roles/role.h"


/* ---- Dovecot ---- */

struct auth_dovecot;

/* One exchange, on a connection of its own. *out is NULL unless the answer is KEYS_SASL_CHALLENGE. Slices of
 * the answer lie in the arena. The account is as Dovecot names it; send_as is left empty. */
void auth_dovecot_begin(const char *path, struct arena *arena, const struct keys_sasl_question *question,
                        int64_t deadline, struct keys_sasl_answer *answer, struct auth_dovecot **out);
/* The next step; closes it unless the answer is KEYS_SASL_CHALLENGE. */
void auth_dovecot_continue(struct auth_dovecot *dovecot, struct arena *arena, struct bytes data,
                           int64_t deadline, struct keys_sasl_answer *answer);
/* Gives it up; NULL is fine. */
void auth_dovecot_close(struct auth_dovecot *dovecot);

/* ---- PAM ---- */

enum { AUTH_PAM_NAME_MAX = 254, AUTH_PAM_REASON_MAX = 160 };

/* What PLAIN and LOGIN know so far; a plain struct that is wiped by auth_pam_forget(). */
struct auth_pam {
    bool login;             /* LOGIN, else PLAIN */
    bool named;             /* LOGIN: the name was given */
    char name[AUTH_PAM_NAME_MAX + 1];
    char password[ACCOUNT_PASSWORD_MAX + 1];
};

bool auth_pam_knows(struct bytes mechanism);
/* One message of the client. KEYS_SASL_CHALLENGE: *challenge goes to him; KEYS_SASL_DONE: name and password
 * are there, to be verified; else KEYS_SASL_REFUSED or KEYS_SASL_MALFORMED. */
enum keys_sasl_status auth_pam_step(struct auth_pam *pam, bool present, struct bytes data,
                                    struct bytes *challenge);
void auth_pam_forget(struct auth_pam *pam);

struct auth_pam_check {
    const char *service;
    const char *folder;      /* of services, for tests; NULL: the system's */
    const char *client;      /* address */
    struct auth_pam *pam;
    enum keys_sasl_status status;      /* DONE, REFUSED or TEMPORARY */
    char name[AUTH_PAM_NAME_MAX + 1];  /* DONE: as PAM has it then */
    char reason[AUTH_PAM_REASON_MAX];
};
/* Asks PAM whether it is the password, and whether the account may be used. Blocks, perhaps for long. */
void auth_pam_verify(struct auth_pam_check *check);
/* PERM: there is no such service (PAM would take "other" for it, which is seldom what was meant). */
enum result auth_pam_find_service(const char *service, struct error *error) must_check;

/* ---- the sandbox of PAM ---- */

/* Before the sandbox: opens what is needed for auth_sandbox_thread(). */
enum result auth_sandbox_prepare(struct error *error) must_check;
/* Where root: becomes `user` with the group of /etc/shadow, for good. */
enum result auth_sandbox_become(const char *user, struct error *error) must_check;
/* Behind sandbox_enter(): system calls, for all threads. */
enum result auth_sandbox_calls(struct error *error) must_check;
/* Files, for the calling thread, once. False: it could not be done, and nothing may be verified. */
bool auth_sandbox_thread(void);

#endif
