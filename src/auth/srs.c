/* SPDX-License-Identifier: BSD-2-Clause */
#include "auth/srs.h"

#include "auth/signed_address.h"
#include "base/ascii.h"
#include "base/encode.h"

#include <string.h>

enum { DAY_SECONDS = 86400, TIME_SLOTS = 1024, HASH_LEAST = 4, HASH_PARTS_MAX = 3 };

static const uint8_t base32[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

static enum result no_memory(struct error *error)
{
    return error_set(error, TEMP, "no memory for an SRS address");
}

static bool is_separator(uint8_t c)
{
    return c == '=' || c == '+' || c == '-';
}

static uint8_t separator(const struct srs_options *options)
{
    return options->separator ? options->separator : '=';
}

static unsigned hash_length(const struct srs_options *options)
{
    return options->hash_length ? options->hash_length : SRS_HASH_LENGTH;
}

static unsigned hash_least(const struct srs_options *options)
{
    return options->hash_least ? options->hash_least : hash_length(options);
}

enum result srs_check_options(const struct srs_options *options, struct error *error)
{
    if (options->secrets.count == 0)
        return error_set(error, PERM, "SRS needs a secret");
    if (options->domain.len == 0)
        return error_set(error, PERM, "SRS needs a domain for the rewritten addresses");
    if (options->separator && !is_separator(options->separator))
        return error_set(error, PERM, "the separator of SRS is one of = + -");
    if (hash_length(options) < HASH_LEAST || hash_length(options) > SRS_HASH_LENGTH_MAX)
        return error_set(error, PERM, "the length of the SRS hash lies between %d and %d",
                         HASH_LEAST, SRS_HASH_LENGTH_MAX);
    if (hash_least(options) < HASH_LEAST || hash_least(options) > hash_length(options))
        return error_set(error, PERM, "the least length of the SRS hash lies between %d and %u",
                         HASH_LEAST, hash_length(options));
    if (options->age_limit > SRS_AGE_LIMIT_MAX)
        return error_set(error, PERM, "SRS addresses can be valid for %d days at most",
                         SRS_AGE_LIMIT_MAX);
    return OK;
}

/* The parts of addresses */

/* Whether the local part is `tag`, a separator, and more; *rest is what follows the tag. */
static bool has_tag(struct bytes local, struct bytes tag, struct bytes *rest)
{
    if (!bytes_starts_with_nocase(local, tag) || local.len < tag.len + 1 ||
        !is_separator(local.ptr[tag.len]))
        return false;
    *rest = bytes_skip(local, tag.len);
    return true;
}

/* Takes a part that is not empty and the "=" behind it. */
static bool take_part(struct bytes *rest, struct bytes *part)
{
    size_t end = bytes_find_byte(*rest, '=');
    if (end == BYTES_NOT_FOUND || end == 0)
        return false;
    *part = bytes_first(*rest, end);
    *rest = bytes_skip(*rest, end + 1);
    return true;
}

/* "=HHHH=B=tail" of SRS1; the tail begins with a separator and is not empty behind it. */
static bool take_guarded(struct bytes rest, struct bytes *hash, struct bytes *host,
                         struct bytes *tail)
{
    rest = bytes_skip(rest, 1);
    if (!take_part(&rest, hash) || !take_part(&rest, host))
        return false;
    *tail = rest;
    return rest.len > 1 && is_separator(rest.ptr[0]);
}

static bool is_ours(const struct srs_options *options, struct bytes domain)
{
    for (size_t i = 0; i < options->local_domain_count; i++)
        if (bytes_equal_nocase(domain, options->local_domains[i]))
            return true;
    return bytes_equal_nocase(domain, options->domain);
}

/* To the address in *out, if it is one: also of what is signed, nothing else leaves here. */
static enum result restore(struct arena *arena, struct bytes tag, struct bytes local,
                           struct bytes domain, struct bytes *out, struct error *error)
{
    struct mailbox checked;
    struct bytes whole = arena_printf(arena, BYTES_FMT BYTES_FMT, BYTES_ARG(tag), BYTES_ARG(local));
    struct bytes copy = whole.ptr ? signed_address_write(arena, whole, domain) : whole;
    if (!copy.ptr)
        return no_memory(error);
    enum result result = signed_address_parse(arena, copy, &checked, error);
    if (result == OK)
        *out = copy;
    return result;
}

/* Hash and time */

/* All digits of the hash in base 64; `parts` are lower-cased already. */
static bool make_hash(struct bytes secret, const struct bytes *parts, size_t count,
                      uint8_t out[SRS_HASH_LENGTH_MAX])
{
    uint8_t mac[SECRETS_MAC_SIZE];
    struct buf text;
    if (!secrets_mac(secret, parts, count, mac))
        return false;
    buf_init(&text, 64);
    base64_encode(&text, bytes_from(mac, sizeof(mac)));
    bool good = !text.failed && text.len > SRS_HASH_LENGTH_MAX;
    if (good)
        memcpy(out, text.ptr, SRS_HASH_LENGTH_MAX);
    buf_free(&text);
    return good;
}

static bool lower_parts(struct arena *arena, const struct bytes *parts, size_t count,
                        struct bytes out[HASH_PARTS_MAX])
{
    for (size_t i = 0; i < count; i++) {
        out[i] = arena_lower(arena, parts[i]);
        if (!out[i].ptr)
            return false;
    }
    return true;
}

static enum result sign(struct arena *arena, const struct srs_options *options,
                        const struct bytes *parts, size_t count,
                        uint8_t out[SRS_HASH_LENGTH_MAX], struct error *error)
{
    struct bytes lower[HASH_PARTS_MAX];
    if (!lower_parts(arena, parts, count, lower) ||
        !make_hash(options->secrets.items[0], lower, count, out))
        return no_memory(error);
    return OK;
}

/* All secrets are tried, and each comparison is whole, so that time tells nothing. */
static enum result verify(struct arena *arena, const struct srs_options *options,
                          struct bytes claimed, const struct bytes *parts, size_t count,
                          struct error *error)
{
    struct bytes lower[HASH_PARTS_MAX];
    bool good = false;
    if (claimed.len < hash_least(options) || claimed.len > SRS_HASH_LENGTH_MAX)
        return error_set(error, PERM, "the hash of the SRS address has %zu characters, not %u",
                         claimed.len, hash_length(options));
    claimed = arena_lower(arena, claimed);
    if (!claimed.ptr || !lower_parts(arena, parts, count, lower))
        return no_memory(error);
    for (size_t i = 0; i < options->secrets.count; i++) {
        uint8_t hash[SRS_HASH_LENGTH_MAX];
        if (!make_hash(options->secrets.items[i], lower, count, hash))
            return no_memory(error);
        for (size_t k = 0; k < sizeof(hash); k++)
            hash[k] = ascii_lower(hash[k]);
        good |= bytes_equal_constant_time(bytes_from(hash, claimed.len), claimed);
    }
    if (!good)
        return error_set(error, PERM,
                         "the hash of the SRS address is wrong: it was made up, or signed with a "
                         "secret that is not in use any more");
    return OK;
}

static unsigned today(const struct srs_options *options)
{
    return (unsigned)((options->now > 0 ? options->now : 0) / DAY_SECONDS % TIME_SLOTS);
}

static int base32_value(uint8_t c)
{
    c = ascii_upper(c);
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    return c >= '2' && c <= '7' ? c - '2' + 26 : -1;
}

static enum result check_time(const struct srs_options *options, struct bytes text,
                              struct error *error)
{
    int high = text.len == 2 ? base32_value(text.ptr[0]) : -1;
    int low = text.len == 2 ? base32_value(text.ptr[1]) : -1;
    unsigned limit = options->age_limit ? options->age_limit : SRS_AGE_LIMIT;
    if (high < 0 || low < 0)
        return error_set(error, PERM, "the time of the SRS address is malformed");
    unsigned age = (today(options) + TIME_SLOTS - ((unsigned)high << 5 | (unsigned)low)) % TIME_SLOTS;
    if (age <= limit || age == TIME_SLOTS - 1)
        return OK;
    if (age >= TIME_SLOTS / 2)
        return error_set(error, PERM, "the SRS address is of a day in the future");
    return error_set(error, PERM, "the SRS address is %u days old, and it was valid for %u", age,
                     limit);
}

/* Encoding */

static enum result encode_plain(struct arena *arena, const struct srs_options *options,
                                const struct mailbox *sender, struct bytes *out,
                                struct error *error)
{
    uint8_t hash[SRS_HASH_LENGTH_MAX];
    const uint8_t time[] = {base32[today(options) >> 5], base32[today(options) & 31]};
    const struct bytes parts[] = {bytes_from(time, sizeof(time)), sender->domain, sender->local};
    enum result result = sign(arena, options, parts, countof(parts), hash, error);
    if (result != OK)
        return result;
    struct bytes local = arena_printf(
        arena, "SRS0%c%.*s=%.2s=" BYTES_FMT "=" BYTES_FMT, separator(options),
        (int)hash_length(options), (const char *)hash, (const char *)time,
        BYTES_ARG(sender->domain), BYTES_ARG(sender->local));
    return signed_address_make(arena, local, options->domain, "rewritten", out, error);
}

static enum result encode_guarded(struct arena *arena, const struct srs_options *options,
                                  struct bytes host, struct bytes tail, struct bytes *out,
                                  struct error *error)
{
    uint8_t hash[SRS_HASH_LENGTH_MAX];
    const struct bytes parts[] = {host, tail};
    enum result result = sign(arena, options, parts, countof(parts), hash, error);
    if (result != OK)
        return result;
    struct bytes local =
        arena_printf(arena, "SRS1%c%.*s=" BYTES_FMT "=" BYTES_FMT, separator(options),
                     (int)hash_length(options), (const char *)hash, BYTES_ARG(host), BYTES_ARG(tail));
    return signed_address_make(arena, local, options->domain, "rewritten", out, error);
}

enum result srs_encode(struct arena *arena, const struct srs_options *options,
                       struct bytes address, struct bytes *out, struct error *error)
{
    struct mailbox sender;
    struct bytes rest, hash, host, tail, first;
    require(srs_check_options(options, NULL) == OK);
    *out = address;
    if (address.len == 0 || bytes_is(address, "<>"))
        return error_set(error, NONE, "the null sender is never rewritten");
    enum result result = signed_address_parse(arena, address, &sender, error);
    if (result != OK)
        return result;
    bool is_first = has_tag(sender.local, BYTES("SRS0"), &rest);
    bool is_further = !is_first && has_tag(sender.local, BYTES("SRS1"), &rest);
    if ((is_first || is_further) && bytes_equal_nocase(sender.domain, options->domain))
        return error_set(error, PERM, "it is an SRS address of our own already");
    if (is_ours(options, sender.domain))
        return error_set(error, NONE, "senders of our own domains are not rewritten");
    if (is_first && rest.len > 1)
        return encode_guarded(arena, options, sender.domain, rest, out, error);
    /* Only the first forwarder is kept: from there the way back is known, if it is one. */
    if (is_further && take_guarded(rest, &hash, &host, &tail)) {
        result = restore(arena, BYTES("SRS0"), tail, host, &first, NULL);
        if (result == TEMP)
            return no_memory(error);
        if (result == OK)
            return encode_guarded(arena, options, host, tail, out, error);
    }
    return encode_plain(arena, options, &sender, out, error);
}

/* Decoding */

static enum result decode_first(struct arena *arena, const struct srs_options *options,
                                struct bytes rest, struct bytes *out, struct error *error)
{
    struct bytes hash, time, host;
    rest = bytes_skip(rest, 1);
    if (!take_part(&rest, &hash))
        return error_set(error, PERM, "the SRS address has no hash");
    if (!take_part(&rest, &time))
        return error_set(error, PERM, "the SRS address has no time");
    if (!take_part(&rest, &host))
        return error_set(error, PERM, "the SRS address has no host");
    if (rest.len == 0)
        return error_set(error, PERM, "the SRS address has no user");
    const struct bytes parts[] = {time, host, rest};
    enum result result = verify(arena, options, hash, parts, countof(parts), error);
    if (result == OK)
        result = check_time(options, time, error);
    return result == OK ? restore(arena, BYTES(""), rest, host, out, error) : result;
}

static enum result decode_further(struct arena *arena, const struct srs_options *options,
                                  struct bytes rest, struct bytes *out, struct error *error)
{
    struct bytes hash, host, tail;
    if (!take_guarded(rest, &hash, &host, &tail))
        return error_set(error, PERM, "the SRS1 address lacks hash, host or what SRS0 held");
    const struct bytes parts[] = {host, tail};
    enum result result = verify(arena, options, hash, parts, countof(parts), error);
    return result == OK ? restore(arena, BYTES("SRS0"), tail, host, out, error) : result;
}

enum result srs_decode(struct arena *arena, const struct srs_options *options,
                       struct bytes address, struct bytes *out, struct error *error)
{
    struct mailbox mailbox;
    struct bytes rest;
    require(srs_check_options(options, NULL) == OK);
    *out = address;
    if (address.len == 0 || bytes_is(address, "<>"))
        return error_set(error, NONE, "the null address is no SRS address");
    enum result result = signed_address_parse(arena, address, &mailbox, error);
    if (result != OK)
        return result;
    bool is_first = has_tag(mailbox.local, BYTES("SRS0"), &rest);
    if (!is_first && !has_tag(mailbox.local, BYTES("SRS1"), &rest))
        return error_set(error, NONE, "it is no SRS address");
    if (!bytes_equal_nocase(mailbox.domain, options->domain))
        return error_set(error, NONE, "it is an SRS address of another domain");
    return is_first ? decode_first(arena, options, rest, out, error)
                    : decode_further(arena, options, rest, out, error);
}
