/* SPDX-License-Identifier: BSD-2-Clause */
#include "auth/accounts_private.h"

#include "base/ascii.h"
#include "base/domain.h"
#include "base/encode.h"
#include "base/utf8.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Names */

static bool is_special(uint8_t c)
{
    return !ascii_is_graph(c) || bytes_find_byte(BYTES("()<>[]:;@\\,\"#"), c) != BYTES_NOT_FOUND;
}

/* A dot-atom (rfc5321:4.1.2) or its UTF-8 form (rfc6531:3.3). What would need quotes, and '#', cannot
 * be written in our file. */
static bool is_local_part(struct bytes local)
{
    if (!local.len || local.ptr[0] == '.' || local.ptr[local.len - 1] == '.' ||
        bytes_find(local, BYTES("..")) != BYTES_NOT_FOUND)
        return false;
    while (local.len) {
        size_t step = local.ptr[0] < 128 ? !is_special(local.ptr[0]) : utf8_printable(local);
        if (!step)
            return false;
        local = bytes_skip(local, step);
    }
    return true;
}

enum result account_check_name(struct bytes name, struct error *error)
{
    size_t at = bytes_rfind_byte(name, '@');
    struct bytes local = bytes_first(name, at), domain = bytes_skip(name, at + 1);
    if (!name.len || name.len > ACCOUNT_NAME_MAX)
        return error_set(error, PERM, "a name has 1 to %d octets", ACCOUNT_NAME_MAX);
    if (!is_local_part(local))
        return error_set(error, PERM, "'" BYTES_FMT "' is neither a mailbox nor a plain word",
                         BYTES_ARG(name));
    if (at == BYTES_NOT_FOUND)
        return name.ptr[0] == '-' ? error_set(error, PERM, "a name does not begin with '-'") : OK;
    if (!utf8_is_ascii(domain))
        return error_set(error, PERM, "'" BYTES_FMT "': write the domain in its ASCII form (xn--)",
                         BYTES_ARG(name));
    if (!domain_is_hostname(domain))
        return error_set(error, PERM, "'" BYTES_FMT "' is no mailbox: bad domain", BYTES_ARG(name));
    return OK;
}

enum result account_check_send_as(struct bytes entry, struct error *error)
{
    if (bytes_is(entry, "*"))
        return OK;
    if (entry.len && entry.ptr[0] == '@')
        return entry.len <= ACCOUNT_NAME_MAX && domain_is_hostname(bytes_skip(entry, 1))
                   ? OK
                   : error_set(error, PERM, "'" BYTES_FMT "' is no @domain", BYTES_ARG(entry));
    if (bytes_find_byte(entry, '@') == BYTES_NOT_FOUND)
        return error_set(error, PERM, "'" BYTES_FMT "' is not user@domain, @domain or *",
                         BYTES_ARG(entry));
    return account_check_name(entry, error);
}

/* The file's form */

bool accounts_next_line(struct bytes *rest, struct bytes *whole, struct bytes *content)
{
    if (!bytes_split(rest, '\n', whole))
        return false;
    *content = bytes_trim(bytes_first(*whole, bytes_find_byte(*whole, '#')));
    return true;
}

struct bytes accounts_next_word(struct bytes *line)
{
    *line = bytes_trim_start(*line);
    size_t end = 0;
    while (end < line->len && !ascii_is_wsp(line->ptr[end]))
        end++;
    struct bytes word = bytes_first(*line, end);
    *line = bytes_skip(*line, end);
    return word;
}

struct reading {
    struct accounts *accounts;
    const char *file;
    unsigned line;
    struct buf *errors;
    unsigned faults;
    bool out_of_memory;
};

static void fault(struct reading *reading, const char *format, ...) printf_like(2, 3);

static void fault(struct reading *reading, const char *format, ...)
{
    va_list args;
    if (++reading->faults > ACCOUNTS_FAULTS_MAX)
        return;
    buf_printf(reading->errors, "%s:%u: ", reading->file, reading->line);
    va_start(args, format);
    buf_vprintf(reading->errors, format, args);
    va_end(args);
    buf_add_byte(reading->errors, '\n');
}

static bool decode(struct reading *reading, struct bytes text, size_t least, size_t most,
                   struct bytes *out)
{
    if (!text.len || text.len > most * 4 / 3 + 4)
        return false;
    bool good = base64_decode(reading->accounts->arena, text, out);
    if (!good && arena_exhausted(reading->accounts->arena))
        reading->out_of_memory = true;
    return good && out->len >= least && out->len <= most;
}

static void read_hash(struct reading *reading, struct account *account, struct bytes value)
{
    /* Dovecot's files have {SHA512-CRYPT}$6$…, {BLF-CRYPT}$2y$…, {CRYPT}… */
    size_t brace = bytes_find_byte(value, '}');
    if (value.len && value.ptr[0] == '{' && brace != BYTES_NOT_FOUND &&
        bytes_ends_with_nocase(bytes_first(value, brace), BYTES("CRYPT")))
        value = bytes_skip(value, brace + 1);
    if (accounts_hash_is_known(value))
        account->password = value;
    else
        fault(reading, "password: not a hash of crypt(5) that begins with '$'");
}

static void copy_key(uint8_t to[SCRAM_KEY_SIZE], struct bytes decoded)
{
    memcpy(to, decoded.ptr, SCRAM_KEY_SIZE);
    OPENSSL_cleanse((void *)decoded.ptr, decoded.len);
}

static void read_scram(struct reading *reading, struct account *account, struct bytes value)
{
    struct bytes iterations = {NULL, 0}, salt = iterations, stored = iterations, server = iterations;
    struct bytes rest = value, salt_octets, stored_octets, server_octets;
    uint64_t count = 0;
    bool four = bytes_split(&rest, ':', &iterations) && bytes_split(&rest, ':', &salt) &&
                bytes_split(&rest, ':', &stored) && bytes_split(&rest, ':', &server) && !rest.ptr;
    if (!four)
        fault(reading, "scram: expected ITERATIONS:SALT:STOREDKEY:SERVERKEY");
    else if (!bytes_to_uint(iterations, SCRAM_ITERATIONS_MAX, &count) || count < SCRAM_ITERATIONS_MIN)
        fault(reading, "scram: iterations are %d to %d", SCRAM_ITERATIONS_MIN, SCRAM_ITERATIONS_MAX);
    else if (!decode(reading, salt, 1, ACCOUNT_SALT_MAX, &salt_octets))
        fault(reading, "scram: the salt is base64 of 1 to %d octets", ACCOUNT_SALT_MAX);
    else if (!decode(reading, stored, SCRAM_KEY_SIZE, SCRAM_KEY_SIZE, &stored_octets) ||
             !decode(reading, server, SCRAM_KEY_SIZE, SCRAM_KEY_SIZE, &server_octets))
        fault(reading, "scram: a key is base64 of %d octets", SCRAM_KEY_SIZE);
    else {
        account->scram.iterations = (uint32_t)count;
        account->scram.salt = salt_octets;
        copy_key(account->scram.stored_key, stored_octets);
        copy_key(account->scram.server_key, server_octets);
    }
}

static void read_send_as(struct reading *reading, struct account *account, struct bytes value)
{
    struct bytes rest = value, entry;
    struct error error;
    size_t count = 1;
    for (size_t i = 0; i < value.len; i++)
        count += value.ptr[i] == ',';
    if (!value.len || value.len > ACCOUNT_SEND_AS_TEXT_MAX || count > ACCOUNT_SEND_AS_MAX) {
        fault(reading, "send-as: 1 to %d addresses, in at most %d octets", ACCOUNT_SEND_AS_MAX,
              ACCOUNT_SEND_AS_TEXT_MAX);
        return;
    }
    struct bytes *items = arena_alloc_array(reading->accounts->arena, count, sizeof(*items));
    if (!items) {
        reading->out_of_memory = true;
        return;
    }
    for (size_t i = 0; bytes_split(&rest, ',', &entry); i++) {
        if (account_check_send_as(entry, &error) != OK)
            fault(reading, "send-as: %s", error.text);
        items[i] = entry;
    }
    account->send_as = items;
    account->send_as_count = count;
}

enum option { PASSWORD, SCRAM, CRAM_MD5, SEND_AS, DISABLED, OPTIONS };
static const char *const option_names[OPTIONS] = {"password", "scram", "cram-md5", "send-as", "disabled"};

static void read_option(struct reading *reading, struct account *account, struct bytes word,
                        unsigned *seen)
{
    size_t equals = bytes_find_byte(word, '=');
    struct bytes key = bytes_first(word, equals), value = bytes_skip(word, equals + 1);
    unsigned option = 0;
    while (option < OPTIONS && !bytes_is(key, option_names[option]))
        option++;
    if (equals == BYTES_NOT_FOUND) {
        /* Not shown: it may be a password. */
        fault(reading, "expected key=value behind the name (known: password, scram, cram-md5, "
                       "send-as, disabled)");
        return;
    }
    if (option == OPTIONS) {
        fault(reading, "unknown key '" BYTES_FMT "' (known: password, scram, cram-md5, send-as, "
                       "disabled)", BYTES_ARG(bytes_first(key, 32)));
        return;
    }
    if (*seen & 1u << option)
        fault(reading, "%s stands here twice", option_names[option]);
    *seen |= 1u << option;
    switch ((enum option)option) {
    case PASSWORD:
        read_hash(reading, account, value);
        break;
    case SCRAM:
        read_scram(reading, account, value);
        break;
    case CRAM_MD5:
        if (!decode(reading, value, 1, ACCOUNT_PASSWORD_MAX, &account->cram_secret))
            fault(reading, "cram-md5: base64 of 1 to %d octets", ACCOUNT_PASSWORD_MAX);
        break;
    case SEND_AS:
        read_send_as(reading, account, value);
        break;
    case DISABLED:
        account->disabled = bytes_is(value, "yes");
        if (!account->disabled && !bytes_is(value, "no"))
            fault(reading, "disabled is yes or no");
        break;
    case OPTIONS:
        break;
    }
}

static void read_line(struct reading *reading, struct bytes line)
{
    struct accounts *accounts = reading->accounts;
    struct account *account = &accounts->items[accounts->count];
    struct bytes name = accounts_next_word(&line);
    struct error error;
    unsigned seen = 0;
    void *old = NULL;
    *account = (struct account){.name = name};
    if (account_check_name(name, &error) != OK) {
        fault(reading, "%s", error.text);
        return;
    }
    accounts->count++;
    for (struct bytes word = accounts_next_word(&line); word.len; word = accounts_next_word(&line))
        read_option(reading, account, word, &seen);
    struct bytes key = arena_lower(accounts->arena, name);
    if (!key.ptr || !map_put(accounts->map, key, account, &old))
        reading->out_of_memory = true;
    if (old)
        fault(reading, "the account '" BYTES_FMT "' stands here twice", BYTES_ARG(name));
}

static void read_text(struct reading *reading)
{
    struct accounts *accounts = reading->accounts;
    struct bytes rest = accounts->text, whole, content;
    while (accounts_next_line(&rest, &whole, &content) && !reading->out_of_memory &&
           reading->faults < ACCOUNTS_FAULTS_MAX) {
        reading->line++;
        if (!content.len)
            continue;
        if (content.len > ACCOUNTS_LINE_MAX)
            fault(reading, "longer than %d octets", ACCOUNTS_LINE_MAX);
        else
            read_line(reading, content);
    }
}

/* Room for the table; NONE: there is none for so many. */
static enum result make_table(struct accounts *accounts)
{
    struct bytes rest = accounts->text, whole, content;
    size_t count = 0;
    while (accounts_next_line(&rest, &whole, &content))
        count += content.len > 0;
    if (count > ACCOUNTS_MAX)
        return NONE;
    accounts->items = arena_alloc_array(accounts->arena, count, sizeof(*accounts->items));
    accounts->with_hash = arena_alloc_array(accounts->arena, count, sizeof(*accounts->with_hash));
    return accounts->items && accounts->with_hash ? OK : TEMP;
}

/* `text` comes from malloc() and becomes the table's. */
static enum result parse_owned(struct bytes text, const char *file, struct accounts **out,
                               struct buf *errors)
{
    struct accounts *accounts = calloc(1, sizeof(*accounts));
    struct reading reading = {.accounts = accounts, .file = file, .errors = errors};
    struct error error;
    if (!accounts) {
        OPENSSL_clear_free((void *)text.ptr, text.len);
        buf_printf(errors, "%s: no memory\n", file);
        return TEMP;
    }
    accounts->text = text;
    accounts->arena = arena_create(SIZE_MAX / 2);
    accounts->map = map_create();
    enum result result = accounts->arena && accounts->map ? make_table(accounts) : TEMP;
    if (result == OK)
        read_text(&reading);
    if (result == NONE)
        buf_printf(errors, "%s: more than %d accounts\n", file, ACCOUNTS_MAX);
    if (result == NONE || reading.faults) {
        accounts_free(accounts);
        return PERM;
    }
    for (size_t i = 0; i < accounts->count; i++)
        if (accounts->items[i].password.len)
            accounts->with_hash[accounts->with_hash_count++] = &accounts->items[i];
    if (result == OK && reading.out_of_memory)
        result = TEMP;
    if (result == OK)
        result = accounts_prepare_decoys(accounts, &error);
    if (result != OK) {
        buf_printf(errors, "%s: no memory\n", file);
        accounts_free(accounts);
        return TEMP;
    }
    *out = accounts;
    return OK;
}

enum result accounts_parse(struct bytes text, const char *file, struct accounts **out,
                           struct buf *errors)
{
    if (text.len > ACCOUNTS_FILE_MAX) {
        buf_printf(errors, "%s: longer than %d octets\n", file, ACCOUNTS_FILE_MAX);
        return PERM;
    }
    uint8_t *copy = malloc(text.len + 1);
    if (!copy) {
        buf_printf(errors, "%s: no memory\n", file);
        return TEMP;
    }
    if (text.len)
        memcpy(copy, text.ptr, text.len);
    return parse_owned(bytes_from(copy, text.len), file, out, errors);
}

/* Files */

enum result accounts_check_mode(const struct stat *status, const char *path, struct error *error)
{
    unsigned mode = status->st_mode & 0777;
    if (!S_ISREG(status->st_mode))
        return error_set(error, PERM, "%s: not a regular file", path);
    if (mode & (S_IRWXO | S_IWGRP))
        return error_set(error, PERM, "%s: others than its owner and group may read it, or others than "
                                      "its owner may write it (mode %03o): chmod 640 %s",
                         path, mode, path);
    if (status->st_uid != 0 && status->st_uid != geteuid() && geteuid() != 0)
        return error_set(error, PERM, "%s: it belongs to another user", path);
    return OK;
}

static enum result read_file(int fd, const char *path, uint8_t **text, size_t *length,
                             struct error *error)
{
    struct stat status;
    *text = NULL;
    *length = 0;
    if (fstat(fd, &status))
        return error_set(error, TEMP, "%s: %s", path, strerror(errno));
    enum result result = accounts_check_mode(&status, path, error);
    if (result != OK)
        return result;
    if (status.st_size < 0 || status.st_size > ACCOUNTS_FILE_MAX)
        return error_set(error, PERM, "%s: longer than %d octets", path, ACCOUNTS_FILE_MAX);
    size_t size = (size_t)status.st_size;
    *text = malloc(size + 1);
    if (!*text)
        return error_set(error, TEMP, "%s: no memory", path);
    while (*length < size) {
        ssize_t count = pread(fd, *text + *length, size - *length, (off_t)*length);
        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0)
            return error_set(error, TEMP, "%s: %s", path, strerror(errno));
        if (count == 0)
            break;
        *length += (size_t)count;
    }
    return OK;
}

enum result accounts_load(const char *path, struct accounts **out, struct buf *errors)
{
    struct error error;
    uint8_t *text = NULL;
    size_t length = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0) {
        int code = errno;
        buf_printf(errors, "%s: %s\n", path, strerror(code));
        return code == ENOENT || code == ENOTDIR ? NONE
               : code == ENOMEM || code == EMFILE || code == ENFILE ? TEMP : PERM;
    }
    enum result result = read_file(fd, path, &text, &length, &error);
    close(fd);
    if (result == OK)
        return parse_owned(bytes_from(text, length), path, out, errors);
    OPENSSL_clear_free(text, length);
    buf_printf(errors, "%s\n", error.text);
    return result;
}

/* The table */

static void wipe(struct bytes secret)
{
    if (secret.len)
        OPENSSL_cleanse((void *)secret.ptr, secret.len);
}

void accounts_free(struct accounts *accounts)
{
    if (!accounts)
        return;
    for (size_t i = 0; i < accounts->count; i++) {
        wipe(accounts->items[i].scram.salt);
        wipe(accounts->items[i].cram_secret);
    }
    if (accounts->items)
        OPENSSL_cleanse(accounts->items, accounts->count * sizeof(*accounts->items));
    map_destroy(accounts->map, NULL);
    arena_destroy(accounts->arena);
    OPENSSL_clear_free((void *)accounts->text.ptr, accounts->text.len);
    OPENSSL_clear_free(accounts, sizeof(*accounts));
}

size_t accounts_count(const struct accounts *accounts)
{
    return accounts->count;
}

const struct account *accounts_at(const struct accounts *accounts, size_t index)
{
    require(index < accounts->count);
    return &accounts->items[index];
}

const struct account *accounts_find(const struct accounts *accounts, struct bytes name)
{
    uint8_t lowered[ACCOUNT_NAME_MAX];
    if (name.len > sizeof(lowered))
        return NULL;
    for (size_t i = 0; i < name.len; i++)
        lowered[i] = ascii_lower(name.ptr[i]);
    return map_get(accounts->map, bytes_from(lowered, name.len));
}
