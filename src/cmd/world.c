/* SPDX-License-Identifier: BSD-2-Clause */
#include "cmd/world.h"

#include "auth/organization.h"
#include "base/utf8.h"
#include "cmd/command.h"
#include "dns/cache.h"
#include "dns/transport.h"
#include "fiber/loop.h"
#include "os/socket.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MESSAGE_MAX = 200 << 20 };

struct starting {
    struct world *world;
    const struct arguments *arguments;
    int (*run)(struct world *world);
    int status;
};

static bool read_config(struct world *world)
{
    struct buf errors;
    buf_init(&errors, 64 * 1024);
    const char *file = world->options->config;
    enum result result = OK;
    if (!file && access("/etc/vouch/vouch.conf", R_OK) == 0)
        file = "/etc/vouch/vouch.conf";
    if (file)
        result = config_load(world->arena, file, &world->config, &errors);
    else
        /* Commands need no gateway: all defaults, under a name that is nobody's. */
        result = config_parse(world->arena, BYTES("hostname = vouch.invalid\n"), NULL, &world->config,
                              &errors);
    if (result != OK)
        fprintf(stderr, BYTES_FMT, BYTES_ARG(buf_bytes(&errors)));
    buf_free(&errors);
    return result == OK;
}

static bool open_dns(struct starting *starting, struct dns **transport)
{
    struct world *world = starting->world;
    struct dns_server servers[8];
    size_t count = 0;
    struct error error;
    if (world->options->resolver) {
        if (!socket_parse_address(bytes_of(world->options->resolver), 53, &servers[0].ip,
                                  &servers[0].port)) {
            arguments_fail(starting->arguments, "'%s' is no address of a name server",
                           world->options->resolver);
            return false;
        }
        count = 1;
    }
    for (; !world->options->resolver && count < world->config.dns.servers.count && count < 8; count++)
        servers[count] = (struct dns_server){world->config.dns.servers.items[count].ip,
                                             world->config.dns.servers.items[count].port};
    struct dns_transport_options options = {.servers = servers,
                                            .server_count = count,
                                            .timeout = world->config.dns.timeout,
                                            .attempts = world->config.dns.attempts,
                                            .trust_ad = world->config.dns.trust_ad};
    *transport = dns_transport_create(&options, &error);
    if (!*transport) {
        fprintf(stderr, "vouch: %s\n", error.text);
        return false;
    }
    struct dns_cache_options cache = {0};
    world->dns = dns_cache_create(*transport, &cache);
    return world->dns != NULL;
}

static void world_fiber(void *argument)
{
    struct starting *starting = argument;
    struct dns *transport = NULL;
    starting->status = EXIT_USAGE;
    const char *list = starting->world->config.authentication.suffix_list;
    struct error error;
    /* Without one of ours the library's own list serves. */
    if (list && *list && organization_load(list, &error) != OK) {
        fprintf(stderr, "vouch: %s\n", error.text);
        return;
    }
    if (open_dns(starting, &transport))
        starting->status = starting->run(starting->world);
    dns_cache_destroy(starting->world->dns);
    dns_transport_destroy(transport);
}

int world_run(const struct arguments *arguments, const struct world_options *options,
              int (*run)(struct world *world), void *context)
{
    struct world world = {.options = options, .command = arguments->command, .context = context};
    struct starting starting = {&world, arguments, run, EXIT_USAGE};
    uint64_t now;
    struct loop_options loop_options = {0};
    if (options->now) {
        if (!bytes_to_uint(bytes_of(options->now), INT64_MAX / 2, &now))
            return arguments_fail(arguments, "--now wants seconds since 1970, not '%s'", options->now);
    }
    world.arena = arena_create((size_t)4 << 30);
    struct loop *loop = loop_create(&loop_options);
    if (!world.arena || !loop) {
        fprintf(stderr, "vouch: out of memory\n");
        return EXIT_TEMPORARY;
    }
    world.now = options->now ? (int64_t)now : loop_epoch();
    world.colour = world_has_colour();
    if (read_config(&world))
        loop_run(loop, world_fiber, &starting);
    loop_destroy(loop);
    arena_destroy(world.arena);
    return starting.status;
}

int world_run_message(struct arguments *arguments, int argc, char **argv,
                      const struct world_options *options, int (*run)(struct world *world))
{
    int status = arguments_read(arguments, argc, argv);
    if (status >= 0)
        return status;
    if (arguments->position_count != 1)
        return arguments_fail(arguments, "wants one message file, or - for standard input");
    return world_run(arguments, options, run, (void *)(uintptr_t)arguments->positions[0]);
}

bool world_has_colour(void)
{
    const char *none = getenv("NO_COLOR"), *terminal = getenv("TERM");
    return isatty(STDOUT_FILENO) && !(none && *none) && !(terminal && strcmp(terminal, "dumb") == 0);
}

static bool complain(const struct world *world, const char *file, const char *text)
{
    fprintf(stderr, "vouch %s: %s: %s\n", world->command, file, text);
    return false;
}

bool world_read_message(struct world *world, const char *file, struct bytes *out)
{
    FILE *in = strcmp(file, "-") == 0 ? stdin : fopen(file, "rb");
    struct buf text;
    buf_init(&text, MESSAGE_MAX);
    if (!in)
        return complain(world, file, strerror(errno));
    uint8_t *to;
    while ((to = buf_reserve(&text, 64 * 1024))) {
        size_t count = fread(to, 1, 64 * 1024, in);
        text.len += count;
        if (count == 0)
            break;
    }
    /* A folder opens, and cannot be read. */
    int problem = ferror(in) ? errno : 0;
    *out = message_normalize(world->arena, buf_bytes(&text));
    bool fits = !text.failed && out->ptr;
    buf_free(&text);
    if (in != stdin)
        fclose(in);
    if (problem || !fits)
        return complain(world, file, problem ? strerror(problem) : "too large");
    return true;
}

int world_parse_message(struct world *world, const char *file, struct message *out)
{
    struct bytes content;
    struct error error;
    if (!world_read_message(world, file, &content))
        return EXIT_USAGE;
    if (message_parse(world->arena, content, out, &error) == OK)
        return -1;
    fprintf(stderr, "vouch %s: %s\n", world->command, error.text);
    return EXIT_NEGATIVE;
}

int world_exit_status(enum auth_result result)
{
    return result == AUTH_PASS        ? EXIT_FINE
           : result == AUTH_TEMPERROR ? EXIT_TEMPORARY
                                      : EXIT_NEGATIVE;
}

/* One of our own: of the codes that commands use. Not: those that hide text or move about. */
static size_t colour_code(struct bytes text)
{
    static const char *const codes[] = {"0", "1", "2", "31", "32", "33", "34", "35", "36",
                                        "1;31", "1;32", "1;33", "1;34", "1;35", "1;36"};
    struct bytes rest = bytes_skip(text, 2);
    size_t end = bytes_find_byte(bytes_first(rest, 5), 'm');
    if (!bytes_starts_with(text, BYTES("\033[")) || end == BYTES_NOT_FOUND)
        return 0;
    for (size_t i = 0; i < countof(codes); i++)
        if (bytes_is(bytes_first(rest, end), codes[i]))
            return 2 + end + 1;
    return 0;
}

static size_t shown_as_it_is(struct bytes text)
{
    if (text.ptr[0] == '\n' || text.ptr[0] == '\t')
        return 1;
    if (bytes_starts_with(text, BYTES("\r\n")))
        return 2;
    size_t length = colour_code(text);
    return length ? length : utf8_printable(text);
}

void world_show(FILE *file, struct bytes text)
{
    while (text.len) {
        size_t run = 0, length;
        while (run < text.len && (length = shown_as_it_is(bytes_skip(text, run))) > 0)
            run += length;
        fwrite(text.ptr, 1, run, file);
        text = bytes_skip(text, run);
        if (!text.len)
            break;
        fputc('?', file);
        length = utf8_sequence(text);
        text = bytes_skip(text, length ? length : 1);
    }
}

void world_print(struct buf *text)
{
    /* Programs get every octet; a terminal would obey some of them. */
    if (isatty(STDOUT_FILENO))
        world_show(stdout, buf_bytes(text));
    else
        fwrite(text->ptr, 1, text->len, stdout);
    buf_free(text);
}
