/* SPDX-License-Identifier: BSD-2-Clause */
#include "auth/accounts_private.h"

#include "auth/saslprep.h"
#include "base/ascii.h"
#include "base/encode.h"

#include <crypt.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <stdlib.h>
#include <string.h>

enum { SALT_SIZE = 16, PREPARED_MAX = 8 * ACCOUNT_PASSWORD_MAX };

bool accounts_hash_is_known(struct bytes hash)
{
    char text[ACCOUNT_HASH_MAX + 1];
    /* Any word could be one of DES, a forgotten password in the clear too. */
    if (!hash.len || hash.ptr[0] != '$')
        return false;
    for (size_t i = 0; i < hash.len; i++)
        if (!ascii_is_graph(hash.ptr[i]))
            return false;
    if (!bytes_to_cstring(hash, text, sizeof(text)))
        return false;
    int kind = crypt_checksalt(text);
    return kind != CRYPT_SALT_INVALID && kind != CRYPT_SALT_METHOD_DISABLED;
}

static bool hmac(struct bytes key, struct bytes text, uint8_t out[SCRAM_KEY_SIZE])
{
    return HMAC(EVP_sha256(), key.ptr, (int)key.len, text.ptr, text.len, out, NULL) != NULL;
}

/* Verifying */

/* crypt(5) of the password under a setting, which may be a whole hash, compared with `hash`. The work does
 * not depend on what is compared. */
static bool matches(const char *password, const char *setting, struct bytes hash)
{
    struct crypt_data *data = calloc(1, sizeof(*data));
    if (!data)
        return false;
    const char *made = crypt_rn(password, setting, data, (int)sizeof(*data));
    bool equal = made && made[0] != '*' && bytes_equal_constant_time(bytes_of(made), hash);
    OPENSSL_clear_free(data, sizeof(*data));
    return equal;
}

/* A name without an account costs what one of the accounts costs, always the same for a name. */
static struct bytes decoy_hash(const struct accounts *accounts, struct bytes name)
{
    uint8_t digest[SCRAM_KEY_SIZE], lowered[ACCOUNT_NAME_MAX];
    struct bytes known = bytes_first(name, sizeof(lowered));
    for (size_t i = 0; i < known.len; i++)
        lowered[i] = ascii_lower(known.ptr[i]);
    if (!accounts->with_hash_count ||
        !hmac(bytes_from(accounts->decoy_key, sizeof(accounts->decoy_key)),
              bytes_from(lowered, known.len), digest))
        return bytes_of(accounts->decoy_setting);
    uint32_t number = (uint32_t)digest[28] << 24 | (uint32_t)digest[29] << 16 |
                      (uint32_t)digest[30] << 8 | digest[31];
    return accounts->with_hash[number % accounts->with_hash_count]->password;
}

bool accounts_verify_password(const struct accounts *accounts, const struct account *account,
                              struct bytes name, struct bytes password)
{
    bool real = account && account->password.len;
    struct bytes hash = real ? account->password : decoy_hash(accounts, name);
    char setting[ACCOUNT_HASH_MAX + 1], text[PREPARED_MAX + 1], raw[ACCOUNT_PASSWORD_MAX + 1];
    struct bytes prepared = {NULL, 0};
    struct arena *arena = arena_create(64 * 1024);
    if (!arena || !bytes_to_cstring(hash, setting, sizeof(setting))) {
        arena_destroy(arena);
        return false;
    }
    /* Empty or too long: the same work with another password. */
    bool possible = password.len && bytes_to_cstring(password, raw, sizeof(raw));
    if (!possible)
        bytes_to_cstring(BYTES("impossible"), raw, sizeof(raw));
    bool differs = possible && saslprep(arena, password, &prepared, NULL) == OK &&
                   !bytes_equal(prepared, password) && prepared.len &&
                   bytes_to_cstring(prepared, text, sizeof(text));
    /* Ours are made of the prepared form (rfc4616:2), those of other programs of what was typed. */
    bool good = matches(raw, setting, hash);
    if (differs)
        good |= matches(text, setting, hash);
    if (prepared.len)
        OPENSSL_cleanse((void *)prepared.ptr, prepared.len);
    OPENSSL_cleanse(text, sizeof(text));
    OPENSSL_cleanse(raw, sizeof(raw));
    OPENSSL_cleanse(setting, sizeof(setting));
    arena_destroy(arena);
    return good && possible && real && !account->disabled;
}

enum result accounts_prepare_decoys(struct accounts *accounts, struct error *error)
{
    const struct account *first = accounts->count ? &accounts->items[0] : NULL;
    uint8_t secret[ACCOUNT_HASH_MAX + SCRAM_KEY_SIZE];
    size_t length = 0;
    if (!crypt_gensalt_rn("$y$", 0, NULL, 0, accounts->decoy_setting,
                          (int)sizeof(accounts->decoy_setting)))
        return error_set(error, TEMP, "no salt from the system");
    if (first) {
        length = bytes_first(first->password, ACCOUNT_HASH_MAX).len;
        if (length)
            memcpy(secret, first->password.ptr, length);
        memcpy(secret + length, first->scram.server_key, SCRAM_KEY_SIZE);
        length += SCRAM_KEY_SIZE;
    } else if (RAND_bytes(secret, SCRAM_KEY_SIZE) == 1) {
        length = SCRAM_KEY_SIZE;
    }
    bool good = length && hmac(BYTES("accounts without keys"), bytes_from(secret, length),
                               accounts->decoy_key);
    OPENSSL_cleanse(secret, sizeof(secret));
    accounts->decoy_iterations = SCRAM_ITERATIONS;
    for (size_t i = 0; i < accounts->count; i++)
        if (accounts->items[i].scram.iterations) {
            accounts->decoy_iterations = accounts->items[i].scram.iterations;
            break;
        }
    return good ? OK : error_set(error, TEMP, "the library refuses HMAC");
}

void accounts_scram_decoy(const struct accounts *accounts, struct bytes name,
                          uint8_t salt[ACCOUNT_SALT_MAX], struct account_scram *out)
{
    struct bytes key = bytes_from(accounts->decoy_key, sizeof(accounts->decoy_key));
    uint8_t lowered[ACCOUNT_NAME_MAX], made[SCRAM_KEY_SIZE] = {0};
    struct bytes known = bytes_first(name, sizeof(lowered));
    for (size_t i = 0; i < known.len; i++)
        lowered[i] = ascii_lower(known.ptr[i]);
    /* Each is a key for the next, so none of them tells of another. */
    bool good = hmac(key, bytes_from(lowered, known.len), made);
    memcpy(salt, made, SALT_SIZE);
    *out = (struct account_scram){.iterations = accounts->decoy_iterations,
                                  .salt = bytes_from(salt, SALT_SIZE)};
    struct bytes chain = bytes_from(made, sizeof(made));
    good = good && hmac(key, chain, out->stored_key) &&
           hmac(key, bytes_from(out->stored_key, SCRAM_KEY_SIZE), out->server_key);
    if (!good) /* never the zeroes that everybody knows */
        require(RAND_bytes(out->stored_key, SCRAM_KEY_SIZE) == 1);
}

/* Making */

static size_t count_characters(struct bytes text)
{
    size_t count = 0;
    for (size_t i = 0; i < text.len; i++)
        count += (text.ptr[i] & 0xc0) != 0x80;
    return count;
}

/* rfc5802:3 */
static bool make_scram(struct arena *arena, struct bytes password, struct account_scram *out)
{
    uint8_t salted[SCRAM_KEY_SIZE] = {0}, client_key[SCRAM_KEY_SIZE], salt[SALT_SIZE];
    struct bytes key = bytes_from(salted, sizeof(salted));
    *out = (struct account_scram){.iterations = SCRAM_ITERATIONS};
    bool good = RAND_bytes(salt, sizeof(salt)) == 1 &&
                PKCS5_PBKDF2_HMAC((const char *)password.ptr, (int)password.len, salt, SALT_SIZE,
                                  SCRAM_ITERATIONS, EVP_sha256(), SCRAM_KEY_SIZE, salted) == 1 &&
                hmac(key, BYTES("Client Key"), client_key) &&
                hmac(key, BYTES("Server Key"), out->server_key) &&
                EVP_Digest(client_key, sizeof(client_key), out->stored_key, NULL, EVP_sha256(), NULL) == 1;
    out->salt = arena_copy(arena, bytes_from(salt, sizeof(salt)));
    OPENSSL_cleanse(salted, sizeof(salted));
    OPENSSL_cleanse(client_key, sizeof(client_key));
    return good && out->salt.ptr;
}

static bool make_hash(struct arena *arena, const char *password, struct bytes *out)
{
    char setting[CRYPT_GENSALT_OUTPUT_SIZE];
    struct crypt_data *data = calloc(1, sizeof(*data));
    /* The default cost of yescrypt, and octets from the system. */
    const char *made = data && crypt_gensalt_rn("$y$", 0, NULL, 0, setting, (int)sizeof(setting))
                           ? crypt_rn(password, setting, data, (int)sizeof(*data))
                           : NULL;
    *out = made && made[0] != '*' ? arena_copy(arena, bytes_of(made)) : (struct bytes){NULL, 0};
    OPENSSL_clear_free(data, sizeof(*data));
    return out->len > 0;
}

enum result account_set_password(struct arena *arena, struct account *account, struct bytes password,
                                 bool cram_md5, struct error *error)
{
    struct bytes prepared;
    struct error why;
    char text[ACCOUNT_PASSWORD_MAX + 1];
    if (password.len > ACCOUNT_PASSWORD_MAX)
        return error_set(error, PERM, "a password has at most %d octets", ACCOUNT_PASSWORD_MAX);
    enum result result = saslprep(arena, password, &prepared, &why);
    if (result != OK)
        return error_set(error, result, "the password is %s", why.text);
    if (count_characters(prepared) < ACCOUNT_PASSWORD_MIN)
        return error_set(error, PERM, "a password has at least %d characters", ACCOUNT_PASSWORD_MIN);
    if (bytes_equal_nocase(prepared, account->name) ||
        bytes_equal_nocase(prepared, bytes_first(account->name, bytes_rfind_byte(account->name, '@'))))
        return error_set(error, PERM, "the password is the account's name");
    if (!bytes_to_cstring(prepared, text, sizeof(text)))
        return error_set(error, PERM, "a password has at most %d octets, and no NUL among them",
                         ACCOUNT_PASSWORD_MAX);
    bool good = make_hash(arena, text, &account->password) &&
                make_scram(arena, prepared, &account->scram);
    OPENSSL_cleanse(text, sizeof(text));
    account->cram_secret = cram_md5 ? prepared : (struct bytes){NULL, 0};
    if (!cram_md5)
        OPENSSL_cleanse((void *)prepared.ptr, prepared.len);
    return good ? OK : error_set(error, TEMP, "no memory, or no randomness");
}

void account_write(struct buf *out, const struct account *account)
{
    buf_add(out, account->name);
    if (account->password.len)
        buf_printf(out, " password=" BYTES_FMT, BYTES_ARG(account->password));
    if (account->scram.iterations) {
        buf_printf(out, " scram=%u:", account->scram.iterations);
        base64_encode(out, account->scram.salt);
        buf_add_byte(out, ':');
        base64_encode(out, bytes_from(account->scram.stored_key, SCRAM_KEY_SIZE));
        buf_add_byte(out, ':');
        base64_encode(out, bytes_from(account->scram.server_key, SCRAM_KEY_SIZE));
    }
    if (account->cram_secret.len) {
        buf_add_string(out, " cram-md5=");
        base64_encode(out, account->cram_secret);
    }
    for (size_t i = 0; i < account->send_as_count; i++) {
        buf_add_string(out, i ? "," : " send-as=");
        buf_add(out, account->send_as[i]);
    }
    if (account->disabled)
        buf_add_string(out, " disabled=yes");
}
