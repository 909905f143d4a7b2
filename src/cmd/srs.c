/* SPDX-License-Identifier: BSD-2-Clause */
/* vouch srs encode, vouch srs decode: the Sender Rewriting Scheme by hand. */
#include "auth/srs.h"

#include "cmd/codec.h"
#include "cmd/command.h"

#include <stdio.h>

#define SRS_USAGE                                                                                  \
    "  --domain NAME           the domain in which the rewritten addresses lie\n"                   \
    "  --hash-length N         characters of the hash (default 4)\n"

static const char encode_usage[] =
    "usage: vouch srs encode --secrets FILE --domain NAME [options] ADDRESS...\n"
    "\n"
    "Prints the envelope sender under which mail of ADDRESS is forwarded. A sender that must stay as it\n"
    "is (the null sender, one of our own domains) is printed unchanged.\n"
    "\n"
    CODEC_USAGE SRS_USAGE
    "  --local A,B,...         further domains of ours, whose senders are not rewritten\n"
    "  --separator C           the character behind SRS0 and SRS1: = (default), + or -\n"
    "\n"
    "examples:\n"
    "  vouch srs encode --secrets /etc/vouch/srs.secrets --domain example.com user@example.org\n"
    "  vouch srs encode --secrets - --domain example.com --json user@example.org < srs.secrets\n"
    "\n"
    "exit status: 0 fine, 1 an address cannot be rewritten, 2 usage\n";

static const char decode_usage[] =
    "usage: vouch srs decode --secrets FILE --domain NAME [options] ADDRESS...\n"
    "\n"
    "Prints to whom a bounce to the rewritten ADDRESS belongs, if it was really made with one of the\n"
    "secrets, and not too long ago. An SRS1 address gives the SRS0 address of the first forwarder.\n"
    "\n"
    CODEC_USAGE SRS_USAGE
    "  --hash-least N          accept shorter hashes down to N characters (default: --hash-length)\n"
    "  --days N                how old an address may be (default 21)\n"
    "\n"
    "examples:\n"
    "  vouch srs decode --secrets /etc/vouch/srs.secrets --domain example.com \\\n"
    "      SRS0=oB8y=JL=example.org=user@example.com\n"
    "\n"
    "exit status: 0 fine, 1 not an SRS address of ours, forged or expired, 2 usage\n";

struct srs_arguments {
    struct codec_options codec;
    const char *domain, *local, *separator, *hash_length, *hash_least, *days;
};

enum { LOCAL_DOMAINS_MAX = 1000 };

static int read_numbers(const struct arguments *arguments, const struct srs_arguments *given,
                        struct srs_options *options)
{
    uint64_t length = 0, least = 0, days = 0;
    int status = codec_number(arguments, "--hash-length", given->hash_length, 4,
                              SRS_HASH_LENGTH_MAX, &length);
    if (status < 0)
        status = codec_number(arguments, "--hash-least", given->hash_least, 4, SRS_HASH_LENGTH_MAX,
                              &least);
    if (status < 0)
        status = codec_number(arguments, "--days", given->days, 1, SRS_AGE_LIMIT_MAX, &days);
    options->hash_length = (unsigned)length;
    options->hash_least = (unsigned)least;
    options->age_limit = (unsigned)days;
    return status;
}

static int read_options(const struct arguments *arguments, const struct srs_arguments *given,
                        struct srs_options *options, struct bytes *domains)
{
    struct bytes rest = bytes_of(given->local ? given->local : ""), domain;
    if (!given->domain || !given->domain[0])
        return arguments_fail(arguments, "wants --domain NAME");
    options->domain = bytes_of(given->domain);
    options->local_domains = domains;
    while (given->local && bytes_split(&rest, ',', &domain)) {
        if (options->local_domain_count == LOCAL_DOMAINS_MAX)
            return arguments_fail(arguments, "--local takes %d domains at most", LOCAL_DOMAINS_MAX);
        domains[options->local_domain_count++] = bytes_trim(domain);
    }
    if (given->separator && bytes_of(given->separator).len != 1)
        return arguments_fail(arguments, "--separator is one of = + -");
    options->separator = given->separator ? (uint8_t)given->separator[0] : 0;
    return read_numbers(arguments, given, options);
}

static void encode(struct codec *codec, struct bytes address, struct codec_answer *answer)
{
    answer->result = srs_encode(codec->arena, codec->context, address, &answer->address,
                                &answer->error);
}

static void decode(struct codec *codec, struct bytes address, struct codec_answer *answer)
{
    answer->result = srs_decode(codec->arena, codec->context, address, &answer->address,
                                &answer->error);
}

static int run(struct arguments *arguments, struct srs_arguments *given, bool encodes)
{
    struct bytes domains[LOCAL_DOMAINS_MAX];
    struct srs_options options = {.now = 0};
    struct codec codec = {.encodes = encodes, .context = &options};
    struct error error;
    int status = read_options(arguments, given, &options, domains);
    if (status < 0)
        status = codec_open(arguments, &given->codec, &codec);
    if (status >= 0)
        return status;
    options.secrets = codec.secrets;
    options.now = codec.now;
    if (srs_check_options(&options, &error) != OK) {
        arena_destroy(codec.arena);
        return arguments_fail(arguments, "%s", error.text);
    }
    return codec_run(arguments, &given->codec, &codec, encodes ? encode : decode);
}

int srs_encode_command(int argc, char **argv)
{
    struct srs_arguments given = {0};
    const struct argument table[] = {CODEC_ARGUMENTS(given.codec),
                                     {"--domain", &given.domain, NULL},
                                     {"--local", &given.local, NULL},
                                     {"--separator", &given.separator, NULL},
                                     {"--hash-length", &given.hash_length, NULL}};
    struct arguments arguments = {"srs encode", encode_usage, table, countof(table), {NULL}, 0};
    int status = arguments_read(&arguments, argc, argv);
    return status >= 0 ? status : run(&arguments, &given, true);
}

int srs_decode_command(int argc, char **argv)
{
    struct srs_arguments given = {0};
    const struct argument table[] = {CODEC_ARGUMENTS(given.codec),
                                     {"--domain", &given.domain, NULL},
                                     {"--hash-length", &given.hash_length, NULL},
                                     {"--hash-least", &given.hash_least, NULL},
                                     {"--days", &given.days, NULL}};
    struct arguments arguments = {"srs decode", decode_usage, table, countof(table), {NULL}, 0};
    int status = arguments_read(&arguments, argc, argv);
    return status >= 0 ? status : run(&arguments, &given, false);
}
