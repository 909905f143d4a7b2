/* SPDX-License-Identifier: BSD-2-Clause */
#include "auth/dkim_signature.h"

#include "auth/dkim_tags.h"
#include "base/ascii.h"
#include "base/domain.h"
#include "base/utf8.h"
#include "message/idn.h"

#include <string.h>

enum { TIME_DIGITS_MAX = 12, LENGTH_DIGITS_MAX = 76, DIGEST_SHA256 = 32, DIGEST_SHA1 = 20 };
/* Names in h= of a signature of ARC, of which a message can have fifty: more than fields twice over
 * cannot be of use. */
enum { ARC_HEADER_NAMES_MAX = 2 * HEADER_FIELDS_MAX };

const char *dkim_algorithm_name(enum dkim_algorithm algorithm)
{
    static const char *const names[] = {"rsa-sha256", "ed25519-sha256", "rsa-sha1"};
    return names[algorithm];
}

/* d= is a domain of at least two labels (rfc6376:3.5). Underscores are let through: names with them
 * can be asked in DNS, and real signers use them. */
static bool is_signing_domain(struct bytes domain)
{
    return domain_is_valid(domain) && bytes_find_byte(domain, '.') != BYTES_NOT_FOUND;
}

/* Internationalized messages may carry U-labels; they are asked as A-labels (rfc8616:5). */
static struct bytes to_ascii(struct arena *arena, struct bytes name)
{
    struct bytes ascii;
    if (utf8_is_ascii(name) || idn_to_ascii(arena, name, &ascii, NULL) != OK)
        return name;
    return ascii;
}

static void read_texts(struct arena *arena, const struct dkim_tags *tags,
                       struct dkim_signature *out)
{
    out->algorithm_text = dkim_tags_value(tags, "a");
    out->header_list = dkim_tags_value(tags, "h");
    out->signature_text = dkim_tags_value(tags, "b");
    struct bytes domain = to_ascii(arena, dkim_tags_value(tags, "d"));
    struct bytes selector = to_ascii(arena, dkim_tags_value(tags, "s"));
    if (is_signing_domain(domain))
        out->domain = arena_lower(arena, domain);
    if (domain_is_valid(selector))
        out->selector = selector;
}

static enum result require_tags(const struct dkim_tags *tags, bool historic, struct error *error)
{
    static const char *const required[] = {"v", "a", "b", "bh", "d", "h", "s"};
    for (size_t i = 0; i < countof(required); i++)
        if (!dkim_tags_find(tags, required[i]))
            return error_set(error, PERM, "the signature has no %s= tag", required[i]);
    struct bytes version = dkim_tags_value(tags, "v");
    if (!bytes_is(version, "1") && !(historic && bytes_is(version, "0.5")))
        return error_set(error, PERM, "signature version \"" BYTES_FMT "\" is not 1",
                         BYTES_ARG(bytes_first(version, 32)));
    return OK;
}

static enum result read_algorithm(struct dkim_signature *out, struct error *error)
{
    for (int i = DKIM_RSA_SHA256; i <= DKIM_RSA_SHA1; i++) {
        if (bytes_is(out->algorithm_text, dkim_algorithm_name(i))) {
            out->algorithm = i;
            return OK;
        }
    }
    return error_set(error, NONE, "algorithm \"" BYTES_FMT "\" is not known",
                     BYTES_ARG(bytes_first(out->algorithm_text, 32)));
}

static enum result read_canonicalization(const struct dkim_tags *tags, struct dkim_signature *out,
                                         struct error *error)
{
    const struct dkim_tag *tag = dkim_tags_find(tags, "c");
    if (!tag)
        return OK; /* simple/simple, as the struct was cleared */
    struct bytes rest = tag->value.ptr ? tag->value : BYTES(""), header;
    bool known = bytes_split(&rest, '/', &header) &&
                 dkim_canonicalization_parse(header, &out->header_canonicalization);
    /* One name alone is that of the header; the body is simple then (rfc6376:3.5). */
    if (known && rest.ptr)
        known = dkim_canonicalization_parse(rest, &out->body_canonicalization);
    if (known)
        return OK;
    return error_set(error, NONE, "canonicalization \"" BYTES_FMT "\" is not known",
                     BYTES_ARG(bytes_first(tag->value, 32)));
}

static enum result read_query(const struct dkim_tags *tags, struct error *error)
{
    const struct dkim_tag *tag = dkim_tags_find(tags, "q");
    if (!tag || dkim_tags_lists(tag->value, "dns/txt"))
        return OK;
    return error_set(error, NONE, "query method \"" BYTES_FMT "\" is not known",
                     BYTES_ARG(bytes_first(tag->value, 32)));
}

/* Splits h= at its colons into names without white space around them; false if one is no field name,
 * or is empty where that is not `lenient`ly passed over. */
static bool split_header_list(struct bytes text, bool lenient, struct dkim_signature *out)
{
    size_t at = 0;
    do {
        while (at < text.len && ascii_is_space(text.ptr[at]))
            at++;
        size_t start = at;
        while (at < text.len && ascii_is_graph(text.ptr[at]) && text.ptr[at] != ':')
            at++;
        if (at > start)
            out->header_names[out->header_name_count++] = bytes_slice(text, start, at);
        else if (!lenient)
            return false;
        while (at < text.len && ascii_is_space(text.ptr[at]))
            at++;
        if (at < text.len && text.ptr[at] != ':')
            return false;
    } while (at++ < text.len);
    return true;
}

static enum result read_header_list(struct arena *arena, bool arc, struct dkim_signature *out,
                                    struct error *error)
{
    struct bytes list = out->header_list;
    uint8_t *lower = arena_alloc(arena, list.len);
    size_t count = 1;
    for (size_t i = 0; lower && i < list.len; i++) {
        lower[i] = ascii_lower(list.ptr[i]);
        count += lower[i] == ':';
    }
    if (arc && count > ARC_HEADER_NAMES_MAX)
        return error_set(error, PERM, "h= lists more than %d fields", ARC_HEADER_NAMES_MAX);
    out->header_names = arena_alloc_array(arena, count, sizeof(*out->header_names));
    if (!lower || !out->header_names)
        return error_set(error, TEMP, "out of memory for this message");
    if (!split_header_list(bytes_from(lower, list.len), arc, out))
        return error_set(error, PERM, "h= holds something that is no field name");
    if (arc)
        return OK;
    for (size_t i = 0; i < out->header_name_count; i++)
        if (bytes_is(out->header_names[i], "from"))
            return OK;
    return error_set(error, PERM, "the From field is not signed");
}

static enum result read_hashes(struct arena *arena, const struct dkim_tags *tags,
                               struct dkim_signature *out, struct error *error)
{
    enum result result = dkim_tags_octets(arena, tags, "b", &out->signature, error);
    if (result == OK)
        result = dkim_tags_octets(arena, tags, "bh", &out->body_hash, error);
    if (result != OK)
        return result;
    size_t expected = out->algorithm == DKIM_RSA_SHA1 ? DIGEST_SHA1 : DIGEST_SHA256;
    if (out->body_hash.len != expected)
        return error_set(error, PERM, "bh= holds %zu octets, not the %zu of its hash",
                         out->body_hash.len, expected);
    return OK;
}

/* Decodes dkim-quoted-printable (rfc6376:2.11): white space is dropped, =XX is one octet. */
static enum result decode_quoted(struct arena *arena, struct bytes text, struct bytes *out,
                                 struct error *error)
{
    uint8_t *to = arena_alloc(arena, text.len);
    if (!to)
        return error_set(error, TEMP, "out of memory for this message");
    size_t count = 0;
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.ptr[i];
        if (ascii_is_space(c))
            continue;
        if (c == '=') {
            int high = text.len - i > 2 ? ascii_hex_value(text.ptr[i + 1]) : -1;
            int low = text.len - i > 2 ? ascii_hex_value(text.ptr[i + 2]) : -1;
            if (high < 0 || low < 0)
                return error_set(error, PERM, "i= has a \"=\" without two hexadecimal digits");
            c = (uint8_t)(high << 4 | low);
            i += 2;
        }
        to[count++] = c;
    }
    *out = bytes_from(to, count);
    return OK;
}

struct bytes dkim_signature_identity_domain(const struct dkim_signature *signature)
{
    size_t at = bytes_rfind_byte(signature->identity, '@');
    return bytes_skip(signature->identity,
                      at == BYTES_NOT_FOUND ? signature->identity.len : at + 1);
}

static enum result read_identity(struct arena *arena, const struct dkim_tags *tags,
                                 struct dkim_signature *out, struct error *error)
{
    const struct dkim_tag *tag = dkim_tags_find(tags, "i");
    if (!tag) {
        uint8_t *identity = arena_alloc(arena, out->domain.len + 1);
        if (!identity)
            return error_set(error, TEMP, "out of memory for this message");
        identity[0] = '@';
        memcpy(identity + 1, out->domain.ptr, out->domain.len);
        out->identity = bytes_from(identity, out->domain.len + 1);
        return OK;
    }
    enum result result = decode_quoted(arena, tag->value, &out->identity, error);
    if (result != OK)
        return result;
    struct bytes domain = to_ascii(arena, dkim_signature_identity_domain(out));
    if (!domain_is_valid(domain))
        return error_set(error, PERM, "i= is no address with a domain");
    if (!domain_is_within(domain, out->domain))
        return error_set(error, PERM, "the domain of i= is not within d=");
    out->identity_is_subdomain = domain.len != out->domain.len;
    return OK;
}

/* A number of at most `digits` digits; one too large for us counts as the largest. */
static bool read_number(struct bytes text, size_t digits, uint64_t *out)
{
    if (text.len == 0 || text.len > digits)
        return false;
    for (size_t i = 0; i < text.len; i++)
        if (!ascii_is_digit(text.ptr[i]))
            return false;
    if (!bytes_to_uint(text, INT64_MAX, out))
        *out = INT64_MAX;
    return true;
}

static enum result read_time(const struct dkim_tags *tags, const char *name, bool *has,
                             int64_t *out, struct error *error)
{
    const struct dkim_tag *tag = dkim_tags_find(tags, name);
    uint64_t number;
    if (!tag)
        return OK;
    if (!read_number(tag->value, TIME_DIGITS_MAX, &number))
        return error_set(error, PERM, "%s= is not a time", name);
    *has = true;
    *out = (int64_t)number;
    return OK;
}

static enum result read_numbers(const struct dkim_tags *tags, struct dkim_signature *out,
                                struct error *error)
{
    const struct dkim_tag *length = dkim_tags_find(tags, "l");
    if (length) {
        if (!read_number(length->value, LENGTH_DIGITS_MAX, &out->length))
            return error_set(error, PERM, "l= is not a number");
        out->has_length = true;
    }
    enum result result = read_time(tags, "t", &out->has_time, &out->time, error);
    if (result == OK)
        result = read_time(tags, "x", &out->has_expiration, &out->expiration, error);
    if (result == OK && out->has_time && out->has_expiration && out->expiration <= out->time)
        return error_set(error, PERM, "the signature expires (x=) before it was made (t=)");
    return result;
}

enum result dkim_signature_parse(struct arena *arena, struct bytes value, bool historic,
                                 struct dkim_signature *out, struct error *error)
{
    struct dkim_tags tags;
    *out = (struct dkim_signature){0};
    enum result result = dkim_tags_parse(value, &tags, error);
    if (result != OK)
        return result;
    read_texts(arena, &tags, out);
    result = require_tags(&tags, historic, error);
    if (result != OK)
        return result;
    out->signature_span = dkim_tags_find(&tags, "b")->span;
    if ((result = dkim_tags_check_names(arena, out->domain, out->selector, error)) != OK ||
        (result = read_algorithm(out, error)) != OK ||
        (result = read_canonicalization(&tags, out, error)) != OK ||
        (result = read_query(&tags, error)) != OK ||
        (result = read_header_list(arena, false, out, error)) != OK ||
        (result = read_identity(arena, &tags, out, error)) != OK ||
        (result = read_hashes(arena, &tags, out, error)) != OK)
        return result;
    return read_numbers(&tags, out, error);
}

static enum result read_arc_message_tags(struct arena *arena, const struct dkim_tags *tags,
                                         struct dkim_signature *out, struct error *error)
{
    enum result result;
    if (!dkim_tags_find(tags, "c"))
        out->header_canonicalization = out->body_canonicalization = DKIM_RELAXED;
    if ((result = read_canonicalization(tags, out, error)) != OK ||
        (result = read_query(tags, error)) != OK ||
        (result = read_header_list(arena, true, out, error)) != OK ||
        (result = read_hashes(arena, tags, out, error)) != OK)
        return result;
    return read_numbers(tags, out, error);
}

enum result dkim_signature_parse_arc(struct arena *arena, const struct dkim_tags *tags, bool seal,
                                     struct dkim_signature *out, struct error *error)
{
    static const char *const required[] = {"a", "b", "d", "s", "bh", "h"};
    enum { OF_SEAL = 4 };
    enum result result;
    *out = (struct dkim_signature){0};
    read_texts(arena, tags, out);
    for (size_t i = 0; i < (seal ? OF_SEAL : countof(required)); i++)
        if (!dkim_tags_find(tags, required[i]))
            return error_set(error, PERM, "there is no %s= tag", required[i]);
    out->signature_span = dkim_tags_find(tags, "b")->span;
    if ((result = dkim_tags_check_names(arena, out->domain, out->selector, error)) != OK ||
        (result = read_algorithm(out, error)) != OK)
        return result;
    if (out->algorithm == DKIM_RSA_SHA1)
        return error_set(error, PERM, "rsa-sha1 is no longer acceptable (RFC 8301)");
    if (!seal)
        return read_arc_message_tags(arena, tags, out, error);
    out->header_canonicalization = DKIM_RELAXED;
    result = dkim_tags_octets(arena, tags, "b", &out->signature, error);
    return result == OK ? read_time(tags, "t", &out->has_time, &out->time, error) : result;
}

bool dkim_signature_is_expired(const struct dkim_signature *signature, int64_t now)
{
    return signature->has_expiration && signature->expiration < now;
}
