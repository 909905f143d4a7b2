/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * keys: private to the keys role's files. The only process with signing keys and secrets; it has neither
 * files nor network once it serves, so that a gateway that was broken into can be made to sign, but not
 * to give the keys away.
 *
 * keys.c          the role, and signatures
 * keys_load.c     reads keys before the sandbox closes
 * keys_address.c  secrets, and return paths made with them
 * keys_sasl.c     accounts whose passwords it verifies, and the courier's own passwords
 */
#ifndef VOUCH_ROLES_KEYS_H
#define VOUCH_ROLES_KEYS_H

#include "auth/dkim_sign.h"
#include "auth/key_directory.h"
#include "auth/secrets.h"
#include "base/map.h"
#include "roles/keys_protocol.h"
#include "roles/role.h"

/* An active key. */
struct keys_key {
    struct bytes selector;
    enum dkim_algorithm algorithm;
    EVP_PKEY *key;
};

struct keys_domain {
    struct bytes name;
    struct keys_key keys[KEYS_SELECTORS_MAX];
    size_t count;
};

struct keys {
    struct role *role;
    struct map *domains; /* by name: struct keys_domain, in the role's arena */
    struct secrets secrets[KEYS_CODECS]; /* empty: not switched on */
    struct bytes *local_domains;
    size_t local_domain_count;
    struct keys_sasl *sasl;
};

/* PERM: a file cannot be read, others may read it, or a domain of the configuration has no active key. */
enum result keys_load(struct keys *keys, struct error *error) must_check;
void keys_unload(struct keys *keys);

enum result keys_address_load(struct keys *keys, struct error *error) must_check;
void keys_address_unload(struct keys *keys);
/* KEYS_ADDRESS; *out and results as roles/keys_protocol.h has them. */
enum result keys_address_answer(struct keys *keys, struct arena *arena,
                                const struct keys_address_request *asked, struct bytes *out,
                                struct error *error) must_check;

/* PERM: the accounts file or a route's password cannot be read or has a fault. */
enum result keys_sasl_load(struct keys *keys, struct error *error) must_check;
void keys_sasl_unload(struct keys *keys);
/* KEYS_SASL and KEYS_CREDENTIALS, replied to. False: malformed. */
bool keys_sasl_answer_request(struct keys *keys, struct ipc_request *request) must_check;
bool keys_credentials_answer_request(struct keys *keys, struct ipc_request *request) must_check;

#endif
