/* SPDX-License-Identifier: BSD-2-Clause */
/* vouch dkim keygen: a new signing key, and its DNS record ready to paste. */
#include "auth/dkim_record.h"
#include "cmd/command.h"
#include "cmd/dkim_keys.h"

#include <stdio.h>

static const char usage[] =
    "usage: vouch dkim keygen [options] DOMAIN\n"
    "\n"
    "Makes signing keys for a domain, stores them in the key directory, and prints the DNS records to be\n"
    "published. The keys do not sign until they are made active: publish the records, then run\n"
    "`vouch dkim rotate DOMAIN`, which waits until all name servers answer them.\n"
    "\n"
    "  --selector NAME         the selector (default: after the day, such as 20261121r); for two keys\n"
    "                          -rsa and -ed25519 are put behind it\n"
    "  --algorithm A           rsa, ed25519 or both (default: both, so that receivers can choose)\n"
    "  --bits N                of an RSA key: 2048 (the default) to 4096\n"
    "  --active                the keys sign at the gateway's next reload, published or not\n"
    "  --key-directory FOLDER  instead of the configuration's (/etc/vouch/keys)\n"
    WORLD_USAGE
    "\n"
    "examples:\n"
    "  vouch dkim keygen example.org\n"
    "  vouch dkim keygen --algorithm rsa --selector mail --active example.org\n"
    "\n"
    "exit status: 0 the keys are there, 1 they could not be made, 2 usage\n";

struct keygen {
    const char *domain, *selector, *algorithm, *bits, *directory;
    bool active;
};

static struct bytes text_of(struct world *world, const char *directory, struct bytes domain,
                            const struct key_entry *entry)
{
    EVP_PKEY *key = NULL;
    struct bytes text = {NULL, 0};
    struct error error;
    if (key_directory_load(world->arena, directory, domain, entry->selector, &key, &error) == OK &&
        dkim_record_text(world->arena, key, &text, &error) != OK)
        text = (struct bytes){NULL, 0};
    EVP_PKEY_free(key);
    return text;
}

static void write_text(struct buf *out, struct world *world, const char *directory,
                       struct bytes domain, const struct key_state *state, size_t from)
{
    for (size_t i = from; i < state->count; i++) {
        const struct key_entry *entry = &state->entries[i];
        buf_printf(out, "# %s key " BYTES_FMT " of " BYTES_FMT ", stored in %s/" BYTES_FMT "/" BYTES_FMT
                        ".pem\n\n",
                   entry->type == DKIM_KEY_RSA ? "RSA" : "Ed25519", BYTES_ARG(entry->selector),
                   BYTES_ARG(domain), directory, BYTES_ARG(domain), BYTES_ARG(entry->selector));
        dkim_keys_write_record(out, world->arena, domain, entry->selector,
                               text_of(world, directory, domain, entry));
    }
    if (state->count > from && state->entries[from].phase == KEY_ACTIVE)
        buf_printf(out, "# Publish this before the gateway reloads: from then on it signs with it.\n");
    else
        buf_printf(out, "# Publish this, then run: vouch dkim rotate " BYTES_FMT "\n",
                   BYTES_ARG(domain));
}

static void write_json(struct buf *out, struct world *world, const char *directory,
                       struct bytes domain, const struct key_state *state, size_t from)
{
    struct json json = json_into(out);
    json_begin_object(&json);
    json_member_bytes(&json, "domain", domain);
    json_member(&json, "key_directory", directory);
    json_key(&json, "keys");
    json_begin_array(&json);
    for (size_t i = from; i < state->count; i++)
        dkim_keys_write_json(&json, world->arena, domain, &state->entries[i],
                             text_of(world, directory, domain, &state->entries[i]));
    json_end_array(&json);
    json_end_object(&json);
    buf_add_byte(out, '\n');
}

static int run_keygen(struct world *world)
{
    const struct keygen *keygen = world->context;
    const char *directory = dkim_keys_directory(world, keygen->directory);
    struct bytes domain = key_directory_domain(world->arena, bytes_of(keygen->domain));
    struct dkim_wanted wanted = {.selector = keygen->selector, .bits = DKIM_SIGNING_BITS_MIN};
    struct key_state *state = arena_new(world->arena, struct key_state);
    uint64_t bits;
    struct error error;
    wanted.phase = keygen->active ? KEY_ACTIVE : KEY_NEW;
    if (!domain.len || !state) {
        fprintf(stderr, "vouch dkim keygen: '%s' is no domain\n", keygen->domain);
        return EXIT_USAGE;
    }
    if (keygen->bits && !bytes_to_uint(bytes_of(keygen->bits), DKIM_RSA_BITS_MAX, &bits)) {
        fprintf(stderr, "vouch dkim keygen: --bits wants 2048 to 4096, not '%s'\n", keygen->bits);
        return EXIT_USAGE;
    }
    if (keygen->bits)
        wanted.bits = (unsigned)bits;
    if (!dkim_wanted_parse(keygen->algorithm ? keygen->algorithm : "both", &wanted)) {
        fprintf(stderr, "vouch dkim keygen: --algorithm wants rsa, ed25519 or both\n");
        return EXIT_USAGE;
    }
    enum result result =
        key_directory_read_state(world->arena, directory, domain, state, &error);
    if (result != OK && result != NONE) {
        fprintf(stderr, "vouch dkim keygen: %s\n", error.text);
        return EXIT_NEGATIVE;
    }
    size_t before = state->count;
    if (dkim_keys_make(world, directory, domain, &wanted, state) != OK)
        return EXIT_NEGATIVE;
    struct buf out;
    buf_init(&out, 1 << 20);
    if (world->options->json)
        write_json(&out, world, directory, domain, state, before);
    else
        write_text(&out, world, directory, domain, state, before);
    world_print(&out);
    return EXIT_FINE;
}

int dkim_keygen_command(int argc, char **argv)
{
    struct keygen keygen = {0};
    struct world_options options = {0};
    const struct argument table[] = {{"--selector", &keygen.selector, NULL},
                                     {"--algorithm", &keygen.algorithm, NULL},
                                     {"--bits", &keygen.bits, NULL},
                                     {"--active", NULL, &keygen.active},
                                     {"--key-directory", &keygen.directory, NULL},
                                     WORLD_ARGUMENTS(options)};
    struct arguments arguments = {"dkim keygen", usage, table, countof(table), {NULL}, 0};
    int status = arguments_read(&arguments, argc, argv);
    if (status >= 0)
        return status;
    if (arguments.position_count != 1)
        return arguments_fail(&arguments, "wants one domain");
    keygen.domain = arguments.positions[0];
    return world_run(&arguments, &options, run_keygen, &keygen);
}
