/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * accounts: who may submit mail, read from a plain file: an account a line, '#' begins a comment.
 *
 *     anna@example.org  password=$y$j9T$...  scram=10000:<salt>:<StoredKey>:<ServerKey>
 *                       [cram-md5=<secret>]  [send-as=sales@example.org,@example.net]  [disabled=yes]
 *
 * (in one line). The name is a mailbox or a bare word; `password` is any hash that crypt(5) knows and that
 * begins with '$', `scram` the keys of SCRAM-SHA-256 (rfc5802:3), `cram-md5` the password itself in base64:
 * whoever reads the file has it. Without `password` or `scram` the mechanisms that need it refuse the account.
 *
 * A table is immutable, and may be read by several threads at once. It owns all that its accounts point to
 * and wipes that memory when it is freed. Every fault is told at once ("file:line: ..."), and a file with
 * one is not taken.
 */
#ifndef VOUCH_AUTH_ACCOUNTS_H
#define VOUCH_AUTH_ACCOUNTS_H

#include "base/arena.h"
#include "base/buf.h"
#include "os/durable.h"

enum {
    ACCOUNT_NAME_MAX = 254,
    ACCOUNT_PASSWORD_MIN = 8,    /* characters, of a new one */
    ACCOUNT_PASSWORD_MAX = 255,  /* octets (rfc4616:2) */
    ACCOUNT_HASH_MAX = 383,      /* octets: what crypt(5) makes at most */
    ACCOUNT_SALT_MAX = 64,
    ACCOUNT_SEND_AS_MAX = 256,
    ACCOUNT_SEND_AS_TEXT_MAX = 16 * 1024,
    ACCOUNTS_LINE_MAX = 20 * 1024,
    ACCOUNTS_FILE_MAX = 64 << 20,
    SCRAM_KEY_SIZE = 32,
    SCRAM_ITERATIONS_MIN = 4096, /* rfc7677:4 */
    SCRAM_ITERATIONS = 10000,    /* of what we make: 5 ms for the client */
    SCRAM_ITERATIONS_MAX = 10000000
};

struct account_scram {
    uint32_t iterations;         /* 0: there are no keys */
    struct bytes salt;
    uint8_t stored_key[SCRAM_KEY_SIZE], server_key[SCRAM_KEY_SIZE];
};

struct account {
    struct bytes name;           /* as the file writes it */
    struct bytes password;       /* crypt(5); empty: none */
    struct account_scram scram;
    struct bytes cram_secret;    /* the octets; empty: none */
    const struct bytes *send_as; /* "user@example.org", "@example.net" or "*", besides the name */
    size_t send_as_count;
    bool disabled;               /* may do nothing, whatever it knows */
};

struct accounts;

/* From a file, which others than its owner (root, or whom we run as) and its group may not read, nor the
 * group write. NONE: there is no such file; PERM: a fault; TEMP: memory or the disk. `errors` gets a line
 * a fault. Blocks. */
enum result accounts_load(const char *path, struct accounts **out, struct buf *errors) must_check;
/* From text; `file` is its name in what is said about faults. */
enum result accounts_parse(struct bytes text, const char *file, struct accounts **out,
                           struct buf *errors) must_check;
void accounts_free(struct accounts *accounts); /* NULL is fine */

size_t accounts_count(const struct accounts *accounts);
/* In the order of the file; index below accounts_count(). */
const struct account *accounts_at(const struct accounts *accounts, size_t index);

/* ASCII case does not count. NULL: there is none. The disabled ones are found, too. */
const struct account *accounts_find(const struct accounts *accounts, struct bytes name);

/*
 * Whether it is the password of `account`, which accounts_find() gave for `name`, NULL included: that, a
 * disabled account and one without a hash take as long as a wrong password, so that nobody learns who
 * has an account. Takes some 30 ms of one core and a few MB: call it from a worker thread.
 */
bool accounts_verify_password(const struct accounts *accounts, const struct account *account,
                              struct bytes name, struct bytes password) must_check;

/* SCRAM keys to go on with for a name that has none, so that the client learns nothing: always the same
 * salt for a name while the file's first account stays as it is. No password fits. The salt lies in
 * `salt`. */
void accounts_scram_decoy(const struct accounts *accounts, struct bytes name,
                          uint8_t salt[ACCOUNT_SALT_MAX], struct account_scram *out);

/* Making and changing */

/* A name or an entry of send-as. PERM with the reason. */
enum result account_check_name(struct bytes name, struct error *error) must_check;
enum result account_check_send_as(struct bytes entry, struct error *error) must_check;

/*
 * Sets the yescrypt hash and the SCRAM keys, and the CRAM-MD5 secret if asked for (else it is taken away);
 * they lie in the arena. PERM: shorter than ACCOUNT_PASSWORD_MIN characters, too long, has forbidden
 * characters (RFC 4013), or is the account's name. TEMP: memory. Takes as long as a verification.
 */
enum result account_set_password(struct arena *arena, struct account *account, struct bytes password,
                                 bool cram_md5, struct error *error) must_check;

/* The line of an account, without line end. */
void account_write(struct buf *out, const struct account *account);

enum accounts_change {
    ACCOUNTS_ADD,     /* PERM if there is one of the name; makes the file (mode 600) */
    ACCOUNTS_REPLACE, /* NONE if there is none of the name */
    ACCOUNTS_REMOVE   /* the same; only the name is used */
};

/*
 * Changes one line of the file; the others, comments and their order stay, and so do mode and owner. A crash
 * leaves the old file or the new one. A file with faults is not changed (PERM). Two at once do not lose a
 * change: TEMP, and *busy is true, if somebody else is at it (lock on path + ".lock", which stays). Blocks.
 */
enum result accounts_edit(struct durable *durable, const char *path, enum accounts_change change,
                          const struct account *account, bool *busy, struct error *error) must_check;

#endif
