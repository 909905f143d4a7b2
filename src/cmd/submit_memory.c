/* SPDX-License-Identifier: BSD-2-Clause */
#include "cmd/submit_memory.h"

#include "os/files.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MEMORY_MAX = 16 * 1024, LINES_MAX = 64 };

/* A home that is not ours (sudo, CGI) is no place to leave files in. */
static bool is_ours(const char *folder)
{
    struct stat status;
    return folder && folder[0] == '/' && stat(folder, &status) == 0 && S_ISDIR(status.st_mode) &&
           status.st_uid == geteuid();
}

char *submit_memory_path(struct arena *arena, const char *home, const char *cache_home)
{
    if (cache_home && *cache_home)
        return is_ours(cache_home)
                   ? arena_string(arena, arena_printf(arena, "%s/vouch/sendmail", cache_home))
                   : NULL;
    return is_ours(home) ? arena_string(arena, arena_printf(arena, "%s/.cache/vouch/sendmail", home))
                         : NULL;
}

/* "mail.example.org 465/tls" */
static bool read_line(struct bytes line, struct bytes *host, struct submit_port *port)
{
    size_t space = bytes_find_byte(line, ' ');
    uint64_t number;
    if (space == BYTES_NOT_FOUND || space == 0)
        return false;
    *host = bytes_first(line, space);
    struct bytes rest = bytes_skip(line, space + 1);
    bool implicit = bytes_ends_with(rest, BYTES("/tls"));
    if (!bytes_to_uint(bytes_first(rest, rest.len - (implicit ? 4 : 0)), UINT16_MAX, &number) || !number)
        return false;
    *port = (struct submit_port){(uint16_t)number, implicit};
    return true;
}

bool submit_memory_find(struct bytes text, const char *host, struct submit_port *port)
{
    struct bytes line, name;
    while (text.len && bytes_split(&text, '\n', &line))
        if (read_line(line, &name, port) && bytes_is(name, host))
            return true;
    return false;
}

void submit_memory_change(struct buf *out, struct bytes text, const char *host,
                          const struct submit_port *port)
{
    struct bytes line, name;
    struct submit_port other;
    if (port)
        buf_printf(out, "%s %u%s\n", host, port->number, port->implicit ? "/tls" : "");
    for (size_t lines = 1; text.len && lines < LINES_MAX && bytes_split(&text, '\n', &line);) {
        if (!read_line(line, &name, &other) || bytes_is(name, host))
            continue;
        buf_add(out, line);
        buf_add_byte(out, '\n');
        lines++;
    }
}

struct bytes submit_memory_read(struct arena *arena, const char *path)
{
    struct bytes text;
    if (!path || files_read(arena, path, MEMORY_MAX, &text, NULL) != OK)
        return BYTES("");
    return text;
}

void submit_memory_write(struct arena *arena, const char *path, struct bytes text, const char *host,
                         const struct submit_port *port)
{
    struct buf content;
    if (!path)
        return;
    size_t slash = bytes_rfind_byte(bytes_of(path), '/');
    char *folder = arena_string(arena, bytes_first(bytes_of(path), slash));
    if (!folder || files_make_directories(folder, 0700) != 0)
        return;
    buf_init(&content, MEMORY_MAX);
    submit_memory_change(&content, text, host, port);
    if (!content.failed && files_replace(durable_kernel(), path, buf_bytes(&content), 0600, NULL) != OK)
        buf_clear(&content); /* a hint that could not be kept: the next mail probes again */
    buf_free(&content);
}
