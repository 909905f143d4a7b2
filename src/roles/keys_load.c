/* SPDX-License-Identifier: BSD-2-Clause */
#include "roles/keys.h"

static enum result no_memory(struct error *error)
{
    return error_set(error, TEMP, "out of memory for keys");
}

/* Signs once: what does not work is to be known now, and the library loads what it loads lazily. */
static enum result try_key(struct arena *arena, const struct keys_key *key, struct error *error)
{
    static const uint8_t hash[KEYS_HASH_SIZE];
    struct bytes signature;
    enum result result = dkim_sign_with_key(key->key, arena, key->algorithm,
                                            bytes_from(hash, sizeof(hash)), &signature, error);
    if (result == OK && signature.len > KEYS_SIGNATURE_MAX)
        result = error_set(error, PERM, "the key is longer than %d bits", DKIM_RSA_BITS_MAX);
    return result;
}

static enum result add_key(struct keys *keys, struct keys_domain *domain,
                           const struct key_entry *entry, struct error *error)
{
    struct arena *arena = keys->role->arena;
    struct keys_key *key = &domain->keys[domain->count];
    struct error why;
    key->selector = arena_copy(arena, entry->selector);
    key->algorithm = dkim_key_type_algorithm(entry->type);
    if (!key->selector.ptr)
        return no_memory(error);
    enum result result = key_directory_load(arena, keys->role->config.key_directory, domain->name,
                                            entry->selector, &key->key, error);
    if (result != OK)
        return result == NONE ? PERM : result;
    domain->count++;
    if (dkim_private_key_type(key->key) != entry->type)
        return error_set(error, PERM, "the key " BYTES_FMT " of " BYTES_FMT " is not of the algorithm %s",
                         BYTES_ARG(key->selector), BYTES_ARG(domain->name),
                         dkim_key_type_name(entry->type));
    if (entry->type == DKIM_KEY_RSA && dkim_private_key_bits(key->key) < DKIM_SIGNING_BITS_MIN)
        return error_set(error, PERM, "the key " BYTES_FMT " of " BYTES_FMT " is shorter than %d bits",
                         BYTES_ARG(key->selector), BYTES_ARG(domain->name), DKIM_SIGNING_BITS_MIN);
    if (try_key(arena, key, &why) != OK)
        return error_set(error, PERM, "the key " BYTES_FMT " of " BYTES_FMT " cannot be used: %s",
                         BYTES_ARG(key->selector), BYTES_ARG(domain->name), why.text);
    return OK;
}

/* NONE: there is nothing of it in the key directory. */
static enum result load_domain(struct keys *keys, struct bytes name, struct error *error)
{
    struct arena *arena = keys->role->arena;
    struct key_state *state = arena_new(arena, struct key_state);
    struct keys_domain *domain = arena_new(arena, struct keys_domain);
    if (!state || !domain)
        return no_memory(error);
    domain->name = name;
    enum result result = key_directory_read_state(arena, keys->role->config.key_directory, name,
                                                  state, error);
    for (size_t i = 0; i < state->count && result == OK; i++)
        if (state->entries[i].phase == KEY_ACTIVE)
            result = add_key(keys, domain, &state->entries[i], error);
    if (!map_put(keys->domains, name, domain, NULL)) {
        while (domain->count)
            EVP_PKEY_free(domain->keys[--domain->count].key);
        return no_memory(error);
    }
    return result;
}

/* Only what the configuration signs for: a key that nobody asks for is a key that nobody can misuse. */
static enum result load_listed(struct keys *keys, const char *listed, struct error *error)
{
    const char *directory = keys->role->config.key_directory;
    struct bytes name = key_directory_domain(keys->role->arena, bytes_of(listed));
    enum result result = map_get(keys->domains, name) ? OK : load_domain(keys, name, error);
    const struct keys_domain *found = map_get(keys->domains, name);
    if (result == TEMP || result == PERM || (found && found->count))
        return result;
    return error_set(error, PERM,
                     "signing %s: there is no active key of it in %s; `vouch dkim keygen %s` makes one, "
                     "`vouch dkim rotate %s` makes it active once it is published",
                     listed, directory, listed, listed);
}

static enum result load_domains(struct keys *keys, struct error *error)
{
    const struct config *config = &keys->role->config;
    enum result result = OK;
    for (size_t i = 0; i < config->signing_count && result == OK; i++)
        for (size_t j = 0; j < config->signings[i].domains.count && result == OK; j++)
            result = load_listed(keys, config->signings[i].domains.items[j], error);
    return result;
}

enum result keys_load(struct keys *keys, struct error *error)
{
    keys->domains = map_create();
    if (!keys->domains)
        return no_memory(error);
    dkim_prepare();
    enum result result = load_domains(keys, error);
    if (result == OK)
        result = keys_address_load(keys, error);
    if (result == OK)
        result = keys_sasl_load(keys, error);
    return result;
}

static void free_domain(void *pointer)
{
    struct keys_domain *domain = pointer;
    while (domain->count)
        EVP_PKEY_free(domain->keys[--domain->count].key);
}

void keys_unload(struct keys *keys)
{
    map_destroy(keys->domains, free_domain);
    keys->domains = NULL;
    keys_address_unload(keys);
    keys_sasl_unload(keys);
}
