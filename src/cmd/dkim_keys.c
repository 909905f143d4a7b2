/* SPDX-License-Identifier: BSD-2-Clause */
#include "cmd/dkim_keys.h"

#include "auth/dkim_record.h"
#include "cmd/command.h"

#include <stdio.h>
#include <string.h>

bool dkim_wanted_parse(const char *algorithm, struct dkim_wanted *out)
{
    out->rsa = strcmp(algorithm, "ed25519") != 0;
    out->ed25519 = strcmp(algorithm, "rsa") != 0;
    return strcmp(algorithm, "both") == 0 || !out->rsa || !out->ed25519;
}

const char *dkim_keys_directory(const struct world *world, const char *option)
{
    return option ? option : world->config.key_directory;
}

/* YYYYMMDD and a letter for the algorithm; a number behind it on the second of a day. A selector given for
 * both keys gets the letter, too: two records cannot share a name. */
static struct bytes name_key(struct world *world, const struct dkim_wanted *wanted,
                             enum dkim_key_type type, struct key_state *state)
{
    struct buf day;
    const char *letter = type == DKIM_KEY_ED25519 ? "e" : "r";
    struct bytes name = {NULL, 0};
    if (wanted->selector && wanted->rsa && wanted->ed25519)
        return arena_printf(world->arena, "%s-%s", wanted->selector, dkim_key_type_name(type));
    if (wanted->selector)
        return bytes_of(wanted->selector);
    buf_init(&day, 64);
    key_time_write(&day, world->now);
    for (unsigned number = 1; number <= KEY_STATE_MAX + 1; number++) {
        name = arena_printf(world->arena, "%.4s%.2s%.2s%s", (char *)day.ptr, (char *)day.ptr + 5,
                            (char *)day.ptr + 8, letter);
        if (number > 1)
            name = arena_printf(world->arena, BYTES_FMT "%u", BYTES_ARG(name), number);
        if (!key_state_find(state, name))
            break;
    }
    buf_free(&day);
    return name;
}

static enum result make_key(struct world *world, const char *directory, struct bytes domain,
                            const struct dkim_wanted *wanted, enum dkim_key_type type,
                            struct key_state *state, struct error *error)
{
    EVP_PKEY *key = NULL;
    struct bytes selector = name_key(world, wanted, type, state);
    /* First into the state in memory: what cannot stand there is not made at all. */
    enum result result = key_state_add(state, selector, type, wanted->phase, world->now, error);
    if (result == OK)
        result = dkim_private_key_make(type, wanted->bits, &key, error);
    if (result == OK)
        result = key_directory_store(world->arena, durable_kernel(), directory, domain, selector, key,
                                     error);
    EVP_PKEY_free(key);
    return result;
}

enum result dkim_keys_make(struct world *world, const char *directory, struct bytes domain,
                           const struct dkim_wanted *wanted, struct key_state *state)
{
    struct error error;
    enum result result = OK;
    if (wanted->rsa)
        result = make_key(world, directory, domain, wanted, DKIM_KEY_RSA, state, &error);
    if (wanted->ed25519 && result == OK)
        result = make_key(world, directory, domain, wanted, DKIM_KEY_ED25519, state, &error);
    if (result == OK)
        result = key_directory_write_state(world->arena, durable_kernel(), directory, domain, state,
                                           &error);
    if (result != OK)
        fprintf(stderr, "vouch %s: %s\n", world->command, error.text);
    return result;
}

void dkim_keys_write_record(struct buf *out, struct arena *arena, struct bytes domain,
                            struct bytes selector, struct bytes text)
{
    struct bytes name = dkim_record_name(arena, selector, domain);
    buf_printf(out, "Name and value, for the web page of a DNS provider (type TXT):\n\n  " BYTES_FMT
                    "\n  " BYTES_FMT "\n\n",
               BYTES_ARG(name), BYTES_ARG(text));
    buf_add_string(out, "Zone file (BIND, NSD, Knot, PowerDNS):\n\n");
    dkim_record_write_zone(out, name, text, DKIM_RECORD_TTL);
    buf_add_string(out, "\nData file of tinydns:\n\n");
    dkim_record_write_tinydns(out, name, text, DKIM_RECORD_TTL);
    buf_add_byte(out, '\n');
}

void dkim_keys_write_json(struct json *json, struct arena *arena, struct bytes domain,
                          const struct key_entry *entry, struct bytes text)
{
    struct bytes name = dkim_record_name(arena, entry->selector, domain);
    struct buf form;
    buf_init(&form, 64 * 1024);
    json_begin_object(json);
    json_member_bytes(json, "selector", entry->selector);
    json_member(json, "algorithm", dkim_key_type_name(entry->type));
    json_member(json, "phase", key_phase_name(entry->phase));
    key_time_write(&form, entry->since);
    json_member_bytes(json, "since", buf_bytes(&form));
    if (text.len) {
        json_member_bytes(json, "name", name);
        json_member_bytes(json, "value", text);
        buf_clear(&form);
        dkim_record_write_zone(&form, name, text, DKIM_RECORD_TTL);
        json_member_bytes(json, "zone", bytes_trim_end(buf_bytes(&form)));
        buf_clear(&form);
        dkim_record_write_tinydns(&form, name, text, DKIM_RECORD_TTL);
        json_member_bytes(json, "tinydns", bytes_trim_end(buf_bytes(&form)));
    }
    json_end_object(json);
    buf_free(&form);
}
