/* SPDX-License-Identifier: BSD-2-Clause */
/* A file with mail in it: each message lies within the file, none is empty, they are as many as there are lines to
 * part them, and reading stops when it is told to. */
#include "cmd/mail_source.c" /* commands are in no library */

#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct seen {
    size_t messages, octets, most;
};

static bool count(void *context, const char *where, struct bytes message)
{
    struct seen *seen = context;
    require(where[0] == '/' && message.len > 0);
    seen->messages++;
    seen->octets += message.len;
    return seen->messages < seen->most;
}

static size_t separators(const uint8_t *data, size_t size)
{
    struct bytes rest = bytes_from(data, size), line;
    size_t found = 0;
    while (rest.len && bytes_split(&rest, '\n', &line))
        found += bytes_starts_with(line, BYTES("From "));
    return found;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static int fd = -1;
    static char path[32];
    struct error error;
    if (fd < 0) {
        fd = memfd_create("mail", MFD_CLOEXEC);
        snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    }
    require(fd >= 0 && ftruncate(fd, 0) == 0 && pwrite(fd, data, size, 0) == (ssize_t)size);
    struct seen all = {.most = SIZE_MAX}, first = {.most = 1};
    require(mail_source_read(path, count, &all, &error) == OK);
    require(all.octets <= size && all.messages <= separators(data, size) + 1);
    bool mbox = size >= 5 && bytes_starts_with(bytes_from(data, size), BYTES("From "));
    if (size && !mbox)
        require(all.messages == 1 && all.octets == size);
    require(mail_source_read(path, count, &first, &error) == OK);
    require(first.messages == (all.messages > 0));
    return 0;
}
