/* SPDX-License-Identifier: BSD-2-Clause */
/* vouch batv encode, vouch batv decode: Bounce Address Tag Validation by hand. */
#include "auth/batv.h"

#include "cmd/codec.h"
#include "cmd/command.h"

#include <stdio.h>

static const char encode_usage[] =
    "usage: vouch batv encode --secrets FILE [options] ADDRESS...\n"
    "\n"
    "Prints the envelope sender with a tag (prvs=...) that shows, when a bounce comes back, that the mail\n"
    "was really sent from here. An address that has a tag, and the null sender, are printed unchanged.\n"
    "\n"
    CODEC_USAGE
    "  --key DIGIT             names the key in the tag (default 0)\n"
    "  --days N                how long the tag is valid (default 7)\n"
    "\n"
    "examples:\n"
    "  vouch batv encode --secrets /etc/vouch/batv.secrets user@example.org\n"
    "\n"
    "exit status: 0 fine, 1 an address cannot be tagged, 2 usage\n";

static const char decode_usage[] =
    "usage: vouch batv decode --secrets FILE [options] ADDRESS...\n"
    "\n"
    "Prints the address without its tag, if the tag was made with one of the secrets and is still valid.\n"
    "\n"
    CODEC_USAGE
    "  --days N                how long tags are valid here (default 7)\n"
    "\n"
    "examples:\n"
    "  vouch batv decode --secrets /etc/vouch/batv.secrets prvs=0786656740=user@example.org\n"
    "\n"
    "exit status: 0 fine, 1 no tag, a forged or an expired one, 2 usage\n";

struct batv_arguments {
    struct codec_options codec;
    const char *key, *days;
};

static void encode(struct codec *codec, struct bytes address, struct codec_answer *answer)
{
    answer->result = batv_encode(codec->arena, codec->context, address, &answer->address,
                                 &answer->error);
}

static void decode(struct codec *codec, struct bytes address, struct codec_answer *answer)
{
    answer->result = batv_decode(codec->arena, codec->context, address, &answer->address,
                                 &answer->error);
}

static int run(struct arguments *arguments, struct batv_arguments *given, bool encodes)
{
    struct batv_options options = {.key = 0};
    struct codec codec = {.encodes = encodes, .context = &options};
    uint64_t key = 0, days = 0;
    int status = codec_number(arguments, "--key", given->key, 0, 9, &key);
    if (status < 0)
        status = codec_number(arguments, "--days", given->days, 1, BATV_DAYS_MAX, &days);
    if (status < 0)
        status = codec_open(arguments, &given->codec, &codec);
    if (status >= 0)
        return status;
    options.secrets = codec.secrets;
    options.now = codec.now;
    options.key = (unsigned)key;
    options.days = (unsigned)days;
    return codec_run(arguments, &given->codec, &codec, encodes ? encode : decode);
}

int batv_encode_command(int argc, char **argv)
{
    struct batv_arguments given = {0};
    const struct argument table[] = {CODEC_ARGUMENTS(given.codec),
                                     {"--key", &given.key, NULL},
                                     {"--days", &given.days, NULL}};
    struct arguments arguments = {"batv encode", encode_usage, table, countof(table), {NULL}, 0};
    int status = arguments_read(&arguments, argc, argv);
    return status >= 0 ? status : run(&arguments, &given, true);
}

int batv_decode_command(int argc, char **argv)
{
    struct batv_arguments given = {0};
    const struct argument table[] = {CODEC_ARGUMENTS(given.codec), {"--days", &given.days, NULL}};
    struct arguments arguments = {"batv decode", decode_usage, table, countof(table), {NULL}, 0};
    int status = arguments_read(&arguments, argc, argv);
    return status >= 0 ? status : run(&arguments, &given, false);
}
