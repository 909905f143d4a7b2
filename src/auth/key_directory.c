/* SPDX-License-Identifier: BSD-2-Clause */
#include "auth/key_directory.h"

#include "auth/dkim_record.h"
#include "base/domain.h"
#include "os/files.h"

#include <openssl/crypto.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Secrets */

void key_cleanse(struct bytes secret)
{
    if (secret.len)
        OPENSSL_cleanse((void *)secret.ptr, secret.len);
}

static enum result check_owner(int fd, const char *path, struct error *error)
{
    struct stat status;
    if (fstat(fd, &status))
        return error_set(error, TEMP, "%s: %s", path, strerror(errno));
    if (status.st_mode & (S_IRWXG | S_IRWXO))
        return error_set(error, PERM,
                         "%s: others than its owner may read it (mode %03o): chmod 600 %s", path,
                         (unsigned)(status.st_mode & 0777), path);
    if (status.st_uid != 0 && status.st_uid != geteuid())
        return error_set(error, PERM, "%s: it belongs to another account", path);
    return OK;
}

enum result key_file_read(struct arena *arena, const char *path, size_t max, struct bytes *out,
                          struct error *error)
{
    struct error why;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0)
        return error_set(error, errno == ENOENT || errno == ENOTDIR ? NONE : PERM, "%s: %s", path,
                         strerror(errno));
    enum result result = check_owner(fd, path, error);
    if (result == OK) {
        result = files_read_descriptor(arena, fd, max, out, &why);
        if (result != OK)
            error_set(error, result, "%s: %s", path, why.text);
    }
    close(fd);
    return result;
}

enum result key_file_load(struct arena *arena, const char *path, EVP_PKEY **out,
                          struct error *error)
{
    struct bytes pem;
    struct error why;
    enum result result = key_file_read(arena, path, KEY_FILE_MAX, &pem, error);
    if (result != OK)
        return result;
    result = dkim_private_key_read(pem, out, &why);
    key_cleanse(pem);
    return result == OK ? OK : error_set(error, result, "%s: %s", path, why.text);
}

/* Names */

struct bytes key_directory_domain(struct arena *arena, struct bytes domain)
{
    domain = domain_strip_dot(domain);
    /* Valid names hold neither "/" nor an empty label, so they stay within the directory. */
    return domain_is_valid(domain) ? arena_lower(arena, domain) : (struct bytes){NULL, 0};
}

char *key_directory_path(struct arena *arena, const char *directory, struct bytes domain,
                         const char *name)
{
    struct bytes path = arena_printf(arena, "%s/" BYTES_FMT "%s%s", directory, BYTES_ARG(domain),
                                     *name ? "/" : "", name);
    return path.ptr ? arena_string(arena, path) : NULL;
}

static char *key_path(struct arena *arena, const char *directory, struct bytes domain,
                      struct bytes selector, const char *suffix)
{
    struct bytes name = arena_printf(arena, BYTES_FMT ".%s", BYTES_ARG(selector), suffix);
    char *text = name.ptr ? arena_string(arena, name) : NULL;
    return text ? key_directory_path(arena, directory, domain, text) : NULL;
}

static enum result no_memory(struct error *error)
{
    return error_set(error, TEMP, "out of memory for keys");
}

/* The state */

enum result key_directory_read_state(struct arena *arena, const char *directory,
                                     struct bytes domain, struct key_state *out,
                                     struct error *error)
{
    struct bytes text;
    struct error why;
    out->count = 0;
    char *path = key_directory_path(arena, directory, domain, "state");
    if (!path)
        return no_memory(error);
    enum result result = files_read(arena, path, KEY_STATE_TEXT_MAX, &text, error);
    if (result != OK)
        return result;
    if (key_state_parse(text, out, &why) != OK)
        return error_set(error, PERM, "%s: %s", path, why.text);
    return OK;
}

enum result key_directory_write_state(struct arena *arena, struct durable *durable,
                                      const char *directory, struct bytes domain,
                                      const struct key_state *state, struct error *error)
{
    struct buf text;
    char *path = key_directory_path(arena, directory, domain, "state");
    if (!path)
        return no_memory(error);
    buf_init(&text, KEY_STATE_TEXT_MAX);
    key_state_write(&text, state);
    enum result result = text.failed
                             ? error_set(error, PERM, "%s: it would become too long", path)
                             : files_replace(durable, path, buf_bytes(&text), 0644, error);
    buf_free(&text);
    return result;
}

/* Keys */

enum result key_directory_load(struct arena *arena, const char *directory, struct bytes domain,
                               struct bytes selector, EVP_PKEY **out, struct error *error)
{
    char *path = key_path(arena, directory, domain, selector, "pem");
    return path ? key_file_load(arena, path, out, error) : no_memory(error);
}

static int make_folder(struct arena *arena, struct durable *durable, const char *directory,
                       struct bytes domain)
{
    char *path = key_directory_path(arena, directory, domain, "");
    if (!path)
        return -ENOMEM;
    int code = files_make_directories(directory, 0755);
    if (code)
        return code;
    code = durable->make_directory(durable, path, 0700);
    if (code == -EEXIST)
        return 0;
    return code ? code : durable->sync_directory(durable, directory);
}

/* Never over a key that is there: it may sign at this moment. */
static int create_file(struct durable *durable, const char *path, struct bytes content, mode_t mode)
{
    int fd = durable->create(durable, path, mode);
    if (fd < 0)
        return fd;
    int code = durable->write(durable, fd, content);
    if (!code)
        code = durable->sync(durable, fd);
    int closed = durable->close(durable, fd);
    return code ? code : closed;
}

static enum result store_files(struct arena *arena, struct durable *durable, const char *folder,
                               const char *pem_path, const char *record_path, struct bytes pem,
                               struct bytes record, struct error *error)
{
    struct bytes line = arena_printf(arena, BYTES_FMT "\n", BYTES_ARG(record));
    int code = create_file(durable, pem_path, pem, 0600);
    if (code == -EEXIST)
        return error_set(error, PERM, "%s: there is such a key already", pem_path);
    if (!code)
        code = durable->sync_directory(durable, folder);
    if (code)
        return error_set(error, PERM, "%s: %s", pem_path, strerror(-code));
    return line.ptr ? files_replace(durable, record_path, line, 0644, error) : no_memory(error);
}

enum result key_directory_store(struct arena *arena, struct durable *durable,
                                const char *directory, struct bytes domain, struct bytes selector,
                                EVP_PKEY *key, struct error *error)
{
    struct bytes record;
    struct buf pem;
    char *folder = key_directory_path(arena, directory, domain, "");
    char *pem_path = key_path(arena, directory, domain, selector, "pem");
    char *record_path = key_path(arena, directory, domain, selector, "txt");
    if (!folder || !pem_path || !record_path)
        return no_memory(error);
    enum result result = dkim_record_text(arena, key, &record, error);
    if (result != OK)
        return result;
    int code = make_folder(arena, durable, directory, domain);
    if (code)
        return error_set(error, PERM, "%s: %s", folder, strerror(-code));
    buf_init(&pem, KEY_FILE_MAX);
    result = dkim_private_key_write(&pem, key, error);
    if (result == OK)
        result = store_files(arena, durable, folder, pem_path, record_path, buf_bytes(&pem), record,
                             error);
    key_cleanse(buf_bytes(&pem));
    buf_free(&pem);
    return result;
}

enum result key_directory_remove(struct arena *arena, struct durable *durable,
                                 const char *directory, struct bytes domain,
                                 struct bytes selector, struct error *error)
{
    static const char *const suffixes[] = {"pem", "txt"};
    for (size_t i = 0; i < countof(suffixes); i++) {
        char *path = key_path(arena, directory, domain, selector, suffixes[i]);
        int code = path ? durable->unlink(durable, path) : -ENOMEM;
        if (code && code != -ENOENT)
            return error_set(error, PERM, "%s: %s", path ? path : directory, strerror(-code));
    }
    char *folder = key_directory_path(arena, directory, domain, "");
    if (!folder || durable->sync_directory(durable, folder))
        return error_set(error, TEMP, "%s: the removal may not be durable", directory);
    return OK;
}
