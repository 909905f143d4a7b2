/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * keys: private to the keys role's files. The only process with signing keys and secrets; it has neither
 * files nor network once it serves, so that a gateway that was broken into can be made to sign, but not
 * to give the keys away.
 *
 * keys.c          the role, and signatures
 * keys_load.c     reads keys and secrets before the sandbox closes
 */
#ifndef VOUCH_ROLES_KEYS_H
#define VOUCH_ROLES_KEYS_H

#include "auth/dkim_sign.h"
#include "auth/key_directory.h"
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

/* One a line of a file; the first is used to make, all to accept. */
struct keys_secrets {
    struct bytes *items;
    size_t count;
};

struct keys {
    struct role *role;
    struct map *domains; /* by name: struct keys_domain, in the role's arena */
    struct keys_secrets secrets[KEYS_CODECS];
};

/* PERM: a file cannot be read, others may read it, or a domain of the configuration has no active key. */
enum result keys_load(struct keys *keys, struct error *error) must_check;
void keys_unload(struct keys *keys);

#endif
