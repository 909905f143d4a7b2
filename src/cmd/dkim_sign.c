/* SPDX-License-Identifier: BSD-2-Clause */
/* vouch dkim sign: a message with DKIM-Signature fields before it. */
#include "auth/dkim_sign.h"
#include "base/clock.h"
#include "cmd/command.h"
#include "cmd/dkim_keys.h"
#include "config/value.h"
#include "message/message.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] =
    "usage: vouch dkim sign --domain D [--key FILE --selector S] [options] FILE|-\n"
    "\n"
    "Signs a message and prints it (RFC 6376, 8301, 8463): relaxed canonicalization, fields that a\n"
    "forger would add are closed (oversigned), and the body is signed whole. Without --key the active\n"
    "keys of the key directory sign.\n"
    "\n"
    "  --domain NAME           the signing domain (d=)\n"
    "  --key FILE              private key (PEM), RSA or Ed25519; may stand again, for both\n"
    "  --selector NAME         its selector (s=); one for each --key, in the same order\n"
    "  --identity MAILBOX      i=; its domain is the signing domain or below it\n"
    "  --expire DURATION       how long the signature holds, such as 14d (the default); 0s: for ever\n"
    "  --header NAME           a further field to sign; may stand again\n"
    "  --key-directory FOLDER  instead of the configuration's (/etc/vouch/keys)\n"
    WORLD_USAGE
    "\n"
    "examples:\n"
    "  vouch dkim sign --domain example.org message.eml > signed.eml\n"
    "  vouch dkim sign --domain example.org --key a.pem --selector a --key b.pem --selector b -\n"
    "\n"
    "exit status: 0 signed, 1 it cannot be signed, 2 usage\n";

/* Options that may stand several times. */
struct several {
    const char *items[DKIM_NAMES_MAX + 1]; /* ends with NULL */
    size_t count;
};

struct signing_options {
    const char *domain, *identity, *expire, *directory, *file;
    struct several keys, selectors, headers;
};

/* The key of one signature. */
struct signer {
    struct bytes selector;
    EVP_PKEY *key;
};

struct signers {
    struct signer items[DKIM_NAMES_MAX];
    size_t count;
};

static bool complain(const char *text)
{
    fprintf(stderr, "vouch dkim sign: %s\n", text);
    return false;
}

static bool complain_of_keys(const char *directory, struct bytes domain, const char *what,
                             const char *cure, const char *command)
{
    fprintf(stderr, "vouch dkim sign: %s of " BYTES_FMT " in %s; %s: vouch dkim %s " BYTES_FMT "\n", what,
            BYTES_ARG(domain), directory, cure, command, BYTES_ARG(domain));
    return false;
}

static bool load_files(struct world *world, const struct signing_options *options,
                       struct signers *signers)
{
    struct error error;
    if (options->keys.count != options->selectors.count)
        return complain("each --key wants a --selector");
    for (size_t i = 0; i < options->keys.count; i++) {
        struct signer *signer = &signers->items[signers->count];
        signer->selector = bytes_of(options->selectors.items[i]);
        if (key_file_load(world->arena, options->keys.items[i], &signer->key, &error) != OK)
            return complain(error.text);
        signers->count++;
        if (dkim_private_key_bits(signer->key) < DKIM_SIGNING_BITS_MIN &&
            dkim_private_key_type(signer->key) == DKIM_KEY_RSA)
            complain("warning: the RSA key has fewer than 2048 bits (RFC 8301)");
    }
    return true;
}

static bool load_active(struct world *world, const struct signing_options *options,
                        struct signers *signers)
{
    const char *directory = dkim_keys_directory(world, options->directory);
    struct bytes domain = key_directory_domain(world->arena, bytes_of(options->domain));
    struct key_state *state = arena_new(world->arena, struct key_state);
    struct error error = {{0}};
    if (!state || !domain.len)
        return complain("--domain wants the name of a domain");
    enum result result = key_directory_read_state(world->arena, directory, domain, state, &error);
    if (result == NONE || (result == OK && state->count == 0))
        return complain_of_keys(directory, domain, "there are no keys", "make some", "keygen");
    if (result != OK)
        return complain(error.text);
    for (size_t i = 0; i < state->count && signers->count < DKIM_NAMES_MAX; i++) {
        struct signer *signer = &signers->items[signers->count];
        if (state->entries[i].phase != KEY_ACTIVE)
            continue;
        signer->selector = state->entries[i].selector;
        if (key_directory_load(world->arena, directory, domain, signer->selector, &signer->key,
                               &error) != OK)
            return complain(error.text);
        signers->count++;
    }
    return signers->count || complain_of_keys(directory, domain, "there is no active key",
                                              "publish and switch to new ones", "rotate");
}

static bool sign(struct world *world, const struct signing_options *options,
                 const struct signers *signers, int64_t expire, struct bytes content,
                 struct buf *out)
{
    struct message message;
    struct error error;
    if (message_parse(world->arena, content, &message, &error) != OK)
        return complain(error.text);
    for (size_t i = 0; i < signers->count; i++) {
        struct dkim_signing signing;
        dkim_signing_init(&signing, bytes_of(options->domain), signers->items[i].selector);
        signing.algorithm = dkim_key_type_algorithm(dkim_private_key_type(signers->items[i].key));
        signing.identity = bytes_of(options->identity);
        signing.time = world->now;
        signing.expiration = expire ? world->now + expire / SECOND : 0;
        signing.extra_headers = options->headers.items;
        if (dkim_sign(world->arena, &message, &signing, dkim_sign_with_key, signers->items[i].key, out,
                      &error) != OK)
            return complain(error.text);
    }
    buf_add(out, content);
    return !out->failed || complain("out of memory");
}

static int run_sign(struct world *world)
{
    const struct signing_options *options = world->context;
    struct signers signers = {.count = 0};
    struct bytes content;
    struct buf out;
    int64_t expire = 14 * DAY;
    const char *wrong = options->expire ? config_read_duration(bytes_of(options->expire), &expire) : NULL;
    if (wrong) {
        fprintf(stderr, "vouch dkim sign: --expire %s\n", wrong);
        return EXIT_USAGE;
    }
    bool fine = options->keys.count || options->selectors.count
                    ? load_files(world, options, &signers)
                    : load_active(world, options, &signers);
    int status = EXIT_USAGE;
    buf_init(&out, (size_t)1 << 30);
    if (fine && world_read_message(world, options->file, &content))
        status = sign(world, options, &signers, expire, content, &out) ? EXIT_FINE : EXIT_NEGATIVE;
    while (signers.count)
        EVP_PKEY_free(signers.items[--signers.count].key);
    if (status == EXIT_FINE)
        world_print(&out);
    else
        buf_free(&out);
    return status;
}

/* Takes "NAME VALUE" and "NAME=VALUE" out of the arguments. False: no value, or too many. */
static bool take_several(int *argc, char **argv, const char *name, struct several *out)
{
    struct bytes prefix = bytes_of(name);
    int kept = 1;
    for (int i = 1; i < *argc; i++) {
        struct bytes word = bytes_of(argv[i]);
        bool joined = bytes_starts_with(word, prefix) && word.len > prefix.len &&
                      word.ptr[prefix.len] == '=';
        if (bytes_is(word, "--")) {
            while (i < *argc)
                argv[kept++] = argv[i++];
            break;
        }
        if (!joined && !bytes_equal(word, prefix)) {
            argv[kept++] = argv[i];
            continue;
        }
        if (out->count == DKIM_NAMES_MAX || (!joined && i + 1 == *argc))
            return false;
        out->items[out->count++] = joined ? argv[i] + prefix.len + 1 : argv[++i];
    }
    *argc = kept;
    return true;
}

int dkim_sign_command(int argc, char **argv)
{
    struct signing_options signing = {0};
    struct world_options options = {0};
    const struct argument table[] = {{"--domain", &signing.domain, NULL},
                                     {"--identity", &signing.identity, NULL},
                                     {"--expire", &signing.expire, NULL},
                                     {"--key-directory", &signing.directory, NULL},
                                     WORLD_ARGUMENTS(options)};
    struct arguments arguments = {"dkim sign", usage, table, countof(table), {NULL}, 0};
    char **words = calloc((size_t)argc + 1, sizeof(*words));
    if (!words)
        return EXIT_TEMPORARY;
    memcpy(words, argv, (size_t)argc * sizeof(*words));
    int status = EXIT_USAGE;
    if (!take_several(&argc, words, "--key", &signing.keys) ||
        !take_several(&argc, words, "--selector", &signing.selectors) ||
        !take_several(&argc, words, "--header", &signing.headers))
        arguments_fail(&arguments, "--key, --selector and --header want a value");
    else
        status = arguments_read(&arguments, argc, words);
    free(words);
    if (status >= 0)
        return status;
    if (arguments.position_count != 1)
        return arguments_fail(&arguments, "wants one message file, or - for standard input");
    if (!signing.domain)
        return arguments_fail(&arguments, "wants --domain");
    signing.file = arguments.positions[0];
    return world_run(&arguments, &options, run_sign, &signing);
}
