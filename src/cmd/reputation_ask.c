/* SPDX-License-Identifier: BSD-2-Clause */
#include "cmd/reputation_ask.h"

#include "cmd/command.h"
#include "cmd/moment.h"
#include "cmd/world.h"

#include <stdio.h>

enum { MEMORY_MAX = 256 << 20, FAULTS_MAX = 64 * 1024 };

static int complain(const struct reputation_ask *ask, int status, struct bytes text)
{
    fprintf(stderr, "vouch %s: ", ask->arguments->command);
    world_show(stderr, text);
    fputc('\n', stderr);
    return status;
}

static bool load(struct reputation_ask *ask)
{
    struct buf errors;
    buf_init(&errors, FAULTS_MAX);
    const char *file = ask->config_file ? ask->config_file : "/etc/vouch/vouch.conf";
    enum result result = config_load(ask->arena, file, &ask->config, &errors);
    if (result != OK)
        world_show(stderr, buf_bytes(&errors));
    buf_free(&errors);
    return result == OK;
}

int reputation_ask(struct reputation_ask *ask, const struct control_command *command)
{
    struct error error = {{0}};
    ask->arena = arena_create(MEMORY_MAX);
    if (!ask->arena)
        return complain(ask, EXIT_TEMPORARY, BYTES("out of memory"));
    if (command->text.len > CONTROL_TEXT_MAX || command->account.len > CONTROL_TEXT_MAX)
        return complain(ask, EXIT_USAGE, BYTES("that is too long"));
    if (!load(ask))
        return EXIT_USAGE;
    enum result result = control_call(&ask->config, ask->arena, command, NULL, NULL, &ask->answer, &error);
    if (result != OK)
        return complain(ask, result == PERM ? EXIT_USAGE : EXIT_TEMPORARY, bytes_of(error.text));
    if (ask->answer.result == OK)
        return -1;
    return complain(ask,
                    ask->answer.result == TEMP   ? EXIT_TEMPORARY
                    : ask->answer.result == PERM ? EXIT_USAGE
                                                 : EXIT_NEGATIVE,
                    ask->answer.text.len ? ask->answer.text : BYTES("there is nothing"));
}

void reputation_done(struct reputation_ask *ask)
{
    arena_destroy(ask->arena);
    ask->arena = NULL;
}

struct bytes reputation_word(struct bytes *line)
{
    struct bytes word = BYTES("");
    return line->ptr && bytes_split(line, '\t', &word) ? word : BYTES("");
}

uint64_t reputation_number(struct bytes *line)
{
    uint64_t number = 0;
    return bytes_to_uint(reputation_word(line), UINT64_MAX / 2, &number) ? number : 0;
}

const char *reputation_moment(uint64_t epoch, char out[32])
{
    if (!epoch || epoch > INT64_MAX / 2)
        return "-";
    return moment_format((int64_t)epoch, out);
}

void reputation_member_moment(struct json *json, const char *key, uint64_t epoch)
{
    json_key(json, key);
    if (epoch && epoch <= INT64_MAX / 2)
        json_add_integer(json, (int64_t)epoch);
    else
        json_add_null(json);
}

void reputation_column(struct buf *out, struct bytes word, size_t width)
{
    buf_add(out, word);
    for (size_t i = word.len; i < width; i++)
        buf_add_byte(out, ' ');
    buf_add_string(out, "  ");
}
