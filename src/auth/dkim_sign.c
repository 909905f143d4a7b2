/* SPDX-License-Identifier: BSD-2-Clause */
#include "auth/dkim_sign.h"

#include "auth/dkim_hash.h"
#include "auth/dkim_key.h"
#include "base/ascii.h"
#include "base/domain.h"
#include "base/encode.h"

#include <openssl/err.h>
#include <openssl/rsa.h>

#include <inttypes.h>
#include <string.h>

enum { LINE_MAX_COLUMN = 76, FIELD_TEXT_MAX = 100 * 1024 };

/* rfc6376:5.4.1, and the fields that decide how the body is shown. */
const char *const dkim_default_headers[] = {
    "From",         "Reply-To",     "Subject",          "Date",
    "To",           "Cc",           "Message-ID",       "In-Reply-To",
    "References",   "MIME-Version", "Content-Type",     "Content-Transfer-Encoding",
    "Resent-From",  "Resent-To",    "Resent-Date",      "Resent-Cc",
    "List-Id",      "List-Help",    "List-Unsubscribe", "List-Unsubscribe-Post",
    "List-Subscribe", "List-Post",  "List-Owner",       "List-Archive",
    NULL};
/* Those that a replayer would add; not those that lists and forwarders rightly add. */
const char *const dkim_default_sealed[] = {
    "From", "Reply-To", "Subject",      "Date",         "To", "Cc", "Message-ID", "In-Reply-To",
    "References", "MIME-Version", "Content-Type", "Content-Transfer-Encoding",
    NULL};

void dkim_signing_init(struct dkim_signing *signing, struct bytes domain, struct bytes selector)
{
    *signing = (struct dkim_signing){
        .algorithm = DKIM_RSA_SHA256,
        .domain = domain,
        .selector = selector,
        .header_canonicalization = DKIM_RELAXED,
        .body_canonicalization = DKIM_RELAXED,
    };
}

/* The field's text under way, folded between words. */
struct writer {
    struct buf text;
    size_t column;
};

static void write_word(struct writer *w, struct bytes word)
{
    buf_add(&w->text, word);
    w->column += word.len;
}

static void fold(struct writer *w)
{
    buf_add_string(&w->text, "\r\n\t");
    w->column = 8;
}

/* A tag, its ";" included, on a new line if it does not fit on this one. */
static void write_tag(struct writer *w, const char *name, struct bytes value)
{
    if (w->column + strlen(name) + value.len + 3 > LINE_MAX_COLUMN)
        fold(w);
    else
        write_word(w, BYTES(" "));
    write_word(w, bytes_of(name));
    write_word(w, BYTES("="));
    write_word(w, value);
    write_word(w, BYTES(";"));
}

static void write_time(struct writer *w, const char *name, int64_t time)
{
    char digits[24];
    int length = snprintf(digits, sizeof(digits), "%" PRId64, time);
    if (time > 0)
        write_tag(w, name, bytes_from(digits, (size_t)length));
}

static bool is_in(const char *const *list, const char *name)
{
    for (; *list; list++)
        if (bytes_is_nocase(bytes_of(name), *list))
            return true;
    return false;
}

static void write_name(struct writer *w, const char *name, size_t times)
{
    for (size_t i = 0; i < times; i++) {
        bool first = buf_bytes(&w->text).ptr[w->text.len - 1] == '=';
        if (!first)
            write_word(w, BYTES(":"));
        if (w->column + strlen(name) + 1 > LINE_MAX_COLUMN)
            fold(w);
        write_word(w, bytes_of(name));
    }
}

static void write_header_list(struct writer *w, const struct message *message,
                              const struct dkim_signing *signing)
{
    const char *const *headers = signing->headers ? signing->headers : dkim_default_headers;
    const char *const *sealed = signing->sealed ? signing->sealed : dkim_default_sealed;
    const char *const *extra = signing->extra_headers;
    fold(w);
    write_word(w, BYTES("h="));
    if (!is_in(headers, "From"))
        write_name(w, "From", message_field_count(message, "From") + 1);
    for (const char *const *name = headers; *name; name++) {
        bool once_more = is_in(sealed, *name) || bytes_is_nocase(bytes_of(*name), "From");
        write_name(w, *name, message_field_count(message, *name) + once_more);
    }
    /* One that stands in the list already would be signed once more, that is, sealed. */
    for (; extra && *extra; extra++)
        if (!is_in(headers, *extra) && !bytes_is_nocase(bytes_of(*extra), "From"))
            write_name(w, *extra, message_field_count(message, *extra));
    write_word(w, BYTES(";"));
}

static bool identity_is_valid(struct bytes identity, struct bytes domain)
{
    for (size_t i = 0; i < identity.len; i++)
        if (!ascii_is_graph(identity.ptr[i]) || identity.ptr[i] == ';' || identity.ptr[i] == '=')
            return false;
    size_t at = bytes_rfind_byte(identity, '@');
    return identity.len == 0 ||
           (at != BYTES_NOT_FOUND && domain_is_within(bytes_skip(identity, at + 1), domain));
}

static bool names_are_valid(const char *const *names)
{
    for (; *names; names++) {
        struct bytes name = bytes_of(*names);
        /* The field under way is signed anyway and must not be listed (rfc6376:5.4). */
        if (name.len == 0 || bytes_is_nocase(name, "DKIM-Signature"))
            return false;
        for (size_t i = 0; i < name.len; i++)
            if (!ascii_is_graph(name.ptr[i]) || name.ptr[i] == ':' || name.ptr[i] == ';')
                return false;
    }
    return true;
}

static enum result check(const struct message *message, const struct dkim_signing *signing,
                         struct error *error)
{
    if (signing->algorithm == DKIM_RSA_SHA1)
        return error_set(error, PERM, "rsa-sha1 must not be used for signing (RFC 8301)");
    if (!domain_is_valid(signing->domain) || !domain_is_valid(signing->selector))
        return error_set(error, PERM, "the signing domain or selector is no valid name");
    if (!identity_is_valid(signing->identity, signing->domain))
        return error_set(error, PERM, "the signing identity is not within the domain");
    if (!message_field_count(message, "From"))
        return error_set(error, PERM, "a message without From cannot be signed");
    if ((signing->headers && !names_are_valid(signing->headers)) ||
        (signing->sealed && !names_are_valid(signing->sealed)) ||
        (signing->extra_headers && !names_are_valid(signing->extra_headers)))
        return error_set(error, PERM, "the list of fields to sign holds an invalid name");
    return OK;
}

static bool hash_body(const struct message *message, const struct dkim_signing *signing,
                      struct dkim_unsigned *out)
{
    if (signing->body_hash.len == sizeof(out->body_hash)) {
        memcpy(out->body_hash, signing->body_hash.ptr, sizeof(out->body_hash));
        return true;
    }
    struct dkim_body_hash body = {
        .canonicalization = signing->body_canonicalization,
        .digest = dkim_digest(signing->algorithm),
    };
    struct dkim_body_hash *const wanted[] = {&body};
    dkim_hash_bodies(message->body, wanted, 1);
    if (body.failed || body.hash.len != sizeof(out->body_hash))
        return false;
    memcpy(out->body_hash, body.hash.octets, sizeof(out->body_hash));
    return true;
}

static bool write_body_hash(struct writer *w, const struct dkim_unsigned *out)
{
    struct buf text;
    buf_init(&text, 128);
    base64_encode(&text, bytes_from(out->body_hash, sizeof(out->body_hash)));
    write_tag(w, "bh", buf_bytes(&text));
    bool good = !text.failed;
    buf_free(&text);
    return good;
}

static bool write_field(struct writer *w, const struct message *message,
                        const struct dkim_signing *signing, struct dkim_unsigned *out)
{
    char canonicalization[32];
    int length = snprintf(canonicalization, sizeof(canonicalization), "%s/%s",
                          dkim_canonicalization_name(signing->header_canonicalization),
                          dkim_canonicalization_name(signing->body_canonicalization));
    write_word(w, BYTES("DKIM-Signature:"));
    write_tag(w, "v", BYTES("1"));
    write_tag(w, "a", bytes_of(dkim_algorithm_name(signing->algorithm)));
    write_tag(w, "c", bytes_from(canonicalization, (size_t)length));
    write_tag(w, "d", signing->domain);
    write_tag(w, "s", signing->selector);
    if (signing->identity.len)
        write_tag(w, "i", signing->identity);
    write_time(w, "t", signing->time);
    write_time(w, "x", signing->expiration);
    write_header_list(w, message, signing);
    if (!hash_body(message, signing, out) || !write_body_hash(w, out))
        return false;
    fold(w);
    write_word(w, BYTES("b="));
    return !w->text.failed;
}

/* Hashes header and field by the very code that verifies, from the field as it was written. */
static enum result hash_field(struct arena *arena, const struct message *message,
                              struct dkim_unsigned *out, struct error *error)
{
    size_t colon = bytes_find_byte(out->field, ':');
    struct header_field field = {.raw = out->field,
                                 .name = bytes_first(out->field, colon),
                                 .value = bytes_skip(out->field, colon + 1)};
    /* The parser wants b= and gets a stand-in; the hash leaves it out. */
    struct bytes filled = arena_printf(arena, BYTES_FMT "AA==", BYTES_ARG(field.value));
    struct dkim_signature signature;
    enum result result = dkim_signature_parse(arena, filled, false, &signature, error);
    if (result != OK)
        return result;
    signature.signature_span = (struct bytes){NULL, 0};
    const struct dkim_header_index *index = dkim_header_index(arena, message);
    struct dkim_hash hash;
    if (!index || !dkim_hash_header(arena, index, &signature, &field,
                                    dkim_digest(out->algorithm), &hash) ||
        hash.len != sizeof(out->hash))
        return error_set(error, TEMP, "out of memory for a signature");
    memcpy(out->hash, hash.octets, sizeof(out->hash));
    return OK;
}

enum result dkim_sign_prepare(struct arena *arena, const struct message *message,
                              const struct dkim_signing *signing, struct dkim_unsigned *out,
                              struct error *error)
{
    *out = (struct dkim_unsigned){.algorithm = signing->algorithm};
    enum result result = check(message, signing, error);
    if (result != OK)
        return result;
    struct writer w = {.column = 0};
    buf_init(&w.text, FIELD_TEXT_MAX);
    if (write_field(&w, message, signing, out))
        out->field = arena_copy(arena, buf_bytes(&w.text));
    buf_free(&w.text);
    if (!out->field.ptr)
        return error_set(error, TEMP, "out of memory for a signature");
    return hash_field(arena, message, out, error);
}

void dkim_sign_write(struct buf *out, const struct dkim_unsigned *prepared,
                     struct bytes signature)
{
    struct buf text;
    buf_init(&text, FIELD_TEXT_MAX);
    base64_encode(&text, signature);
    struct bytes rest = buf_bytes(&text);
    size_t room = LINE_MAX_COLUMN - 8 - 2;
    buf_add(out, prepared->field);
    while (rest.len) {
        buf_add(out, bytes_first(rest, room));
        rest = bytes_skip(rest, room);
        room = LINE_MAX_COLUMN - 8;
        if (rest.len)
            buf_add_string(out, "\r\n\t");
    }
    buf_add_string(out, "\r\n");
    out->failed |= text.failed;
    buf_free(&text);
}

enum result dkim_sign(struct arena *arena, const struct message *message,
                      const struct dkim_signing *signing, dkim_signer *signer, void *context,
                      struct buf *out, struct error *error)
{
    struct dkim_unsigned prepared;
    struct bytes signature;
    enum result result = dkim_sign_prepare(arena, message, signing, &prepared, error);
    if (result != OK)
        return result;
    result = signer(context, arena, prepared.algorithm,
                    bytes_from(prepared.hash, sizeof(prepared.hash)), &signature, error);
    if (result != OK)
        return result;
    dkim_sign_write(out, &prepared, signature);
    return out->failed ? error_set(error, TEMP, "out of memory for a signature") : OK;
}

static bool sign_rsa(EVP_PKEY *key, struct bytes hash, uint8_t *signature, size_t *size)
{
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(key, NULL);
    bool good = context && EVP_PKEY_sign_init(context) == 1 &&
                EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PADDING) == 1 &&
                EVP_PKEY_CTX_set_signature_md(context, dkim_digest(DKIM_RSA_SHA256)) == 1 &&
                EVP_PKEY_sign(context, signature, size, hash.ptr, hash.len) == 1;
    EVP_PKEY_CTX_free(context);
    return good;
}

static bool sign_ed25519(EVP_PKEY *key, struct bytes hash, uint8_t *signature, size_t *size)
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool good = context && EVP_DigestSignInit(context, NULL, NULL, NULL, key) == 1 &&
                EVP_DigestSign(context, signature, size, hash.ptr, hash.len) == 1;
    EVP_MD_CTX_free(context);
    return good;
}

enum result dkim_sign_with_key(void *context, struct arena *arena, enum dkim_algorithm algorithm,
                               struct bytes hash, struct bytes *signature, struct error *error)
{
    EVP_PKEY *key = context;
    bool rsa = algorithm == DKIM_RSA_SHA256;
    int type = EVP_PKEY_get_base_id(key);
    if (type != (rsa ? EVP_PKEY_RSA : EVP_PKEY_ED25519))
        return error_set(error, PERM, "the private key is not of the algorithm %s",
                         dkim_algorithm_name(algorithm));
    if (rsa && EVP_PKEY_get_bits(key) < DKIM_RSA_BITS_MIN)
        return error_set(error, PERM, "the private key is shorter than %d bits (RFC 8301)",
                         DKIM_RSA_BITS_MIN);
    size_t size = (size_t)EVP_PKEY_get_size(key);
    uint8_t *octets = arena_alloc(arena, size);
    if (!octets)
        return error_set(error, TEMP, "out of memory for a signature");
    if (!(rsa ? sign_rsa : sign_ed25519)(key, hash, octets, &size)) {
        ERR_clear_error();
        return error_set(error, PERM, "the private key cannot sign");
    }
    *signature = bytes_from(octets, size);
    return OK;
}
