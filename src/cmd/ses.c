/* SPDX-License-Identifier: BSD-2-Clause */
/* vouch ses encode, vouch ses decode: Signed Envelope Sender by hand. */
#include "auth/ses.h"

#include "cmd/codec.h"
#include "cmd/command.h"

#include <stdio.h>
#include <sys/random.h>

static const char encode_usage[] =
    "usage: vouch ses encode --secrets FILE [options] ADDRESS...\n"
    "\n"
    "Prints the envelope sender with a signature (SES=...). An address that is signed, and the null\n"
    "sender, are printed unchanged.\n"
    "\n"
    CODEC_USAGE
    "  --id NUMBER             the message id in the signature (default: a random one for each)\n"
    "  --fixed                 without a time: valid as long as the secret is in use\n"
    "\n"
    "examples:\n"
    "  vouch ses encode --secrets /etc/vouch/ses.secrets user@example.org\n"
    "\n"
    "exit status: 0 fine, 1 an address cannot be signed, 2 usage\n";

static const char decode_usage[] =
    "usage: vouch ses decode --secrets FILE [options] ADDRESS...\n"
    "\n"
    "Prints the address without its signature, if it was signed with one of the secrets in the last ten\n"
    "days. With --json also message id and time, by which validations can be counted.\n"
    "\n"
    CODEC_USAGE
    "\n"
    "examples:\n"
    "  vouch ses decode --json --secrets /etc/vouch/ses.secrets SES=FNUX3H5XG-0ENV03S=user@example.org\n"
    "\n"
    "exit status: 0 fine, 1 no signature, a forged or an expired one, 2 usage\n";

struct ses_arguments {
    struct codec_options codec;
    const char *id;
    bool fixed;
};

static void encode(struct codec *codec, struct bytes address, struct codec_answer *answer)
{
    struct ses_options options = *(const struct ses_options *)codec->context;
    uint32_t random;
    /* Short numbers make short addresses. */
    if (options.message_id == 0) {
        if (getrandom(&random, sizeof(random), 0) != sizeof(random))
            panic("getrandom");
        options.message_id = random | 1;
    }
    answer->result = ses_encode(codec->arena, &options, address, &answer->address, &answer->error);
}

static void decode(struct codec *codec, struct bytes address, struct codec_answer *answer)
{
    struct ses_address found;
    answer->result = ses_decode(codec->arena, codec->context, address, &found, &answer->error);
    answer->address = found.address;
    answer->signed_by_ses = true;
    answer->message_id = found.message_id;
    answer->time = (int64_t)(found.tick * SES_TICK_SECONDS);
}

static int run(struct arguments *arguments, struct ses_arguments *given, bool encodes)
{
    struct ses_options options = {.fixed = given->fixed};
    struct codec codec = {.encodes = encodes, .context = &options};
    int status = codec_number(arguments, "--id", given->id, 1, UINT64_MAX, &options.message_id);
    if (status < 0)
        status = codec_open(arguments, &given->codec, &codec);
    if (status >= 0)
        return status;
    options.secrets = codec.secrets;
    options.now = codec.now;
    return codec_run(arguments, &given->codec, &codec, encodes ? encode : decode);
}

int ses_encode_command(int argc, char **argv)
{
    struct ses_arguments given = {0};
    const struct argument table[] = {CODEC_ARGUMENTS(given.codec),
                                     {"--id", &given.id, NULL},
                                     {"--fixed", NULL, &given.fixed}};
    struct arguments arguments = {"ses encode", encode_usage, table, countof(table), {NULL}, 0};
    int status = arguments_read(&arguments, argc, argv);
    return status >= 0 ? status : run(&arguments, &given, true);
}

int ses_decode_command(int argc, char **argv)
{
    struct ses_arguments given = {0};
    const struct argument table[] = {CODEC_ARGUMENTS(given.codec)};
    struct arguments arguments = {"ses decode", decode_usage, table, countof(table), {NULL}, 0};
    int status = arguments_read(&arguments, argc, argv);
    return status >= 0 ? status : run(&arguments, &given, false);
}
