/* SPDX-License-Identifier: BSD-2-Clause */
#include "cmd/codec.h"

#include "cmd/command.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

enum { SECRETS_FILE_MAX = 64 * 1024 };

int codec_number(const struct arguments *arguments, const char *option, const char *text,
                 uint64_t least, uint64_t most, uint64_t *out)
{
    uint64_t number;
    if (!text)
        return -1;
    if (!bytes_to_uint(bytes_of(text), most, &number) || number < least)
        return arguments_fail(arguments, "%s wants a number from %" PRIu64 " to %" PRIu64
                              ", not '%s'", option, least, most, text);
    *out = number;
    return -1;
}

int codec_time(const struct arguments *arguments, const char *text, int64_t *out)
{
    uint64_t now = (uint64_t)time(NULL);
    if (text && !bytes_to_uint(bytes_of(text), INT64_MAX / 2, &now))
        return arguments_fail(arguments, "--now wants seconds since 1970, not '%s'", text);
    *out = (int64_t)now;
    return -1;
}

/* As the gateway looks at it, which would refuse the file; but whose machine this is, is not ours to say. */
static void warn_if_open(FILE *file, const char *name, const char *command)
{
    struct stat status;
    if (fstat(fileno(file), &status) == 0 && S_ISREG(status.st_mode) && (status.st_mode & (S_IRWXG | S_IRWXO)))
        fprintf(stderr, "vouch %s: warning: others than its owner may read %s, and the gateway will not "
                        "take it; try: chmod 600 %s\n", command, name, name);
}

static int read_secrets(const struct arguments *arguments, const char *name, struct codec *codec)
{
    static uint8_t text[SECRETS_FILE_MAX];
    struct error error;
    FILE *file = strcmp(name, "-") == 0 ? stdin : fopen(name, "rb");
    if (!file) {
        fprintf(stderr, "vouch %s: %s: %s\n", arguments->command, name, strerror(errno));
        return EXIT_USAGE;
    }
    warn_if_open(file, name, arguments->command);
    size_t length = fread(text, 1, sizeof(text), file);
    int problem = ferror(file) ? errno : 0;
    bool whole = length < sizeof(text);
    if (file != stdin)
        fclose(file);
    enum result result = OK;
    if (problem || !whole)
        result = error_set(&error, PERM, "%s", problem ? strerror(problem) : "it is too large");
    else
        result = secrets_parse(codec->arena, bytes_from(text, length), &codec->secrets, &error);
    explicit_bzero(text, sizeof(text));
    if (result == OK)
        return -1;
    fprintf(stderr, "vouch %s: %s: %s\n", arguments->command, name, error.text);
    return EXIT_USAGE;
}

int codec_open(const struct arguments *arguments, const struct codec_options *options,
               struct codec *codec)
{
    if (!options->secrets)
        return arguments_fail(arguments, "wants --secrets FILE");
    if (arguments->position_count == 0)
        return arguments_fail(arguments, "wants an address");
    int status = codec_time(arguments, options->now, &codec->now);
    if (status >= 0)
        return status;
    codec->arena = arena_create(1 << 20);
    if (!codec->arena) {
        fprintf(stderr, "vouch: out of memory\n");
        return EXIT_TEMPORARY;
    }
    status = read_secrets(arguments, options->secrets, codec);
    if (status >= 0)
        arena_destroy(codec->arena);
    return status;
}

static void print_json(const char *address, const struct codec_answer *answer)
{
    struct buf out;
    buf_init(&out, 64 * 1024);
    struct json json = json_into(&out);
    json_begin_object(&json);
    json_member(&json, "address", address);
    json_member(&json, "result", result_name(answer->result));
    json_key(&json, "rewritten");
    if (answer->result == OK)
        json_add_bytes(&json, answer->address);
    else
        json_add_null(&json);
    if (answer->result == OK && answer->signed_by_ses) {
        /* As text: it has 64 bits, and readers of JSON have 53. */
        char number[24];
        snprintf(number, sizeof(number), "%" PRIu64, answer->message_id);
        json_member(&json, "message_id", number);
        json_member_integer(&json, "signed_at", answer->time);
        json_member_bool(&json, "fixed", answer->time == 0);
    }
    json_member(&json, "problem", answer->result == OK ? "" : answer->error.text);
    json_end_object(&json);
    buf_add_byte(&out, '\n');
    fwrite(out.ptr, 1, out.len, stdout);
    buf_free(&out);
}

static void print_text(const struct codec *codec, const char *command, const char *address,
                       const struct codec_answer *answer)
{
    if (answer->result == OK)
        printf(BYTES_FMT "\n", BYTES_ARG(answer->address));
    else if (answer->result == NONE && codec->encodes)
        printf("%s\n", address);
    if (answer->result != OK)
        fprintf(stderr, "vouch %s: %s: %s\n", command, address, answer->error.text);
}

static int status_of(const struct codec *codec, enum result result)
{
    if (result == OK || (result == NONE && codec->encodes))
        return EXIT_FINE;
    return result == TEMP ? EXIT_TEMPORARY : EXIT_NEGATIVE;
}

int codec_run(const struct arguments *arguments, const struct codec_options *options,
              struct codec *codec, codec_function *function)
{
    int worst = EXIT_FINE;
    for (size_t i = 0; i < arguments->position_count; i++) {
        const char *address = arguments->positions[i];
        struct codec_answer answer = {.result = NONE};
        function(codec, bytes_of(address), &answer);
        if (options->json)
            print_json(address, &answer);
        else
            print_text(codec, arguments->command, address, &answer);
        int status = status_of(codec, answer.result);
        worst = status > worst ? status : worst;
    }
    arena_destroy(codec->arena);
    return worst;
}
