/* SPDX-License-Identifier: BSD-2-Clause */
#include "auth/ses.h"

#include "auth/signed_address.h"
#include "base/ascii.h"

#include <string.h>

enum {
    HASH_OCTETS = 10,
    NUMBER_OCTETS = 20, /* 64 + 6 + 80 bits, and some that stay zero */
    TICK_SLOTS = 63,
    FIXED = 63,
    DIGITS_MAX = 29 /* of a number of 150 bits */
};

static const uint8_t digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";
enum { BASE = sizeof(digits) - 1 };

static enum result no_memory(struct error *error)
{
    return error_set(error, TEMP, "no memory for a signed address");
}

/* The signature as a number */

struct signature {
    uint64_t message_id;
    uint8_t time_code;
    uint8_t hash[HASH_OCTETS];
};

static void pack(const struct signature *signature, uint8_t number[NUMBER_OCTETS])
{
    unsigned __int128 head = (unsigned __int128)signature->message_id << 6 | signature->time_code;
    for (size_t i = NUMBER_OCTETS - HASH_OCTETS; i > 0; i--, head >>= 8)
        number[i - 1] = (uint8_t)head;
    memcpy(number + NUMBER_OCTETS - HASH_OCTETS, signature->hash, HASH_OCTETS);
}

/* False if it has more than 150 bits. */
static bool unpack(const uint8_t number[NUMBER_OCTETS], struct signature *out)
{
    unsigned __int128 head = 0;
    for (size_t i = 0; i < NUMBER_OCTETS - HASH_OCTETS; i++)
        head = head << 8 | number[i];
    out->message_id = (uint64_t)(head >> 6);
    out->time_code = (uint8_t)(head & 63);
    memcpy(out->hash, number + NUMBER_OCTETS - HASH_OCTETS, HASH_OCTETS);
    return head >> 70 == 0;
}

/* Divides in place; gives back the remainder. */
static unsigned divide(uint8_t number[NUMBER_OCTETS])
{
    unsigned rest = 0;
    for (size_t i = 0; i < NUMBER_OCTETS; i++) {
        rest = rest << 8 | number[i];
        number[i] = (uint8_t)(rest / BASE);
        rest %= BASE;
    }
    return rest;
}

static struct bytes write_number(uint8_t number[NUMBER_OCTETS], uint8_t out[DIGITS_MAX])
{
    static const uint8_t zero[NUMBER_OCTETS];
    size_t at = DIGITS_MAX;
    while (at > 0 && memcmp(number, zero, NUMBER_OCTETS) != 0)
        out[--at] = digits[divide(number)];
    return bytes_from(out + at, DIGITS_MAX - at);
}

static int digit_value(uint8_t c)
{
    c = ascii_upper(c);
    if (ascii_is_upper(c))
        return c - 'A';
    if (ascii_is_digit(c))
        return c - '0' + 26;
    return c == '_' ? 36 : c == '-' ? 37 : -1;
}

static bool read_number(struct bytes text, uint8_t number[NUMBER_OCTETS])
{
    if (text.len == 0 || text.len > DIGITS_MAX || digit_value(text.ptr[0]) == 0)
        return false;
    memset(number, 0, NUMBER_OCTETS);
    for (size_t i = 0; i < text.len; i++) {
        int value = digit_value(text.ptr[i]);
        unsigned carry = (unsigned)value;
        if (value < 0)
            return false;
        for (size_t k = NUMBER_OCTETS; k > 0; k--) {
            carry += number[k - 1] * (unsigned)BASE;
            number[k - 1] = (uint8_t)carry;
            carry >>= 8;
        }
        if (carry)
            return false;
    }
    return true;
}

/* The hash */

/* What is signed; `head` takes the two numbers. Gives back how many parts there are, 0 at the arena's
 * cap. */
static size_t signed_parts(struct arena *arena, uint64_t tick, uint64_t message_id,
                           struct bytes local, struct bytes domain, uint8_t head[16],
                           struct bytes parts[4])
{
    for (unsigned i = 0; i < 8; i++) {
        head[i] = (uint8_t)(tick >> (56 - 8 * i));
        head[8 + i] = (uint8_t)(message_id >> (56 - 8 * i));
    }
    parts[0] = bytes_from(head, 16);
    parts[1] = local;
    parts[2] = BYTES("@");
    parts[3] = arena_lower(arena, domain);
    return parts[3].ptr ? 4 : 0;
}

static uint64_t tick_now(const struct ses_options *options)
{
    return (uint64_t)(options->now > 0 ? options->now : 0) / SES_TICK_SECONDS;
}

/* Encoding */

enum result ses_encode(struct arena *arena, const struct ses_options *options,
                       struct bytes address, struct bytes *out, struct error *error)
{
    struct mailbox sender;
    require(options->secrets.count);
    *out = address;
    if (address.len == 0 || bytes_is(address, "<>"))
        return error_set(error, NONE, "the null sender is never signed");
    enum result result = signed_address_parse(arena, address, &sender, error);
    if (result != OK)
        return result;
    if (bytes_starts_with_nocase(sender.local, BYTES("SES=")))
        return error_set(error, NONE, "it is signed already");
    uint64_t tick = options->fixed ? 0 : tick_now(options);
    struct signature signature = {options->message_id,
                                  options->fixed ? FIXED : (uint8_t)(tick % TICK_SLOTS), {0}};
    uint8_t head[16], mac[SECRETS_MAC_SIZE], number[NUMBER_OCTETS], text[DIGITS_MAX];
    struct bytes parts[4];
    size_t count = signed_parts(arena, tick, options->message_id, sender.local, sender.domain, head,
                                parts);
    if (count == 0 || !secrets_mac(options->secrets.items[0], parts, count, mac))
        return no_memory(error);
    memcpy(signature.hash, mac, HASH_OCTETS);
    pack(&signature, number);
    struct bytes sig = write_number(number, text);
    struct bytes local = arena_printf(arena, "SES=" BYTES_FMT "=" BYTES_FMT, BYTES_ARG(sig),
                                      BYTES_ARG(sender.local));
    return signed_address_make(arena, local, sender.domain, "signed", out, error);
}

/* Decoding */

/* The tick that the time code means, the latest that is not after the next one; its age in ticks. */
static uint64_t find_tick(const struct ses_options *options, uint8_t time_code, uint64_t *age)
{
    uint64_t latest = tick_now(options) + 1;
    uint64_t back = (latest % TICK_SLOTS + TICK_SLOTS - time_code) % TICK_SLOTS;
    *age = back ? back - 1 : 0;
    return latest > back ? latest - back : 0;
}

static enum result split_signed(struct bytes local, struct signature *signature, struct bytes *rest,
                                struct error *error)
{
    uint8_t number[NUMBER_OCTETS];
    struct bytes sig = bytes_skip(local, 4);
    size_t end = bytes_find_byte(sig, '=');
    if (end == BYTES_NOT_FOUND || end + 1 == sig.len)
        return error_set(error, PERM, "the signed address lacks its signature or its user");
    *rest = bytes_skip(sig, end + 1);
    if (!read_number(bytes_first(sig, end), number) || !unpack(number, signature))
        return error_set(error, PERM, "the signature of the address is malformed");
    return OK;
}

static enum result verify(struct arena *arena, const struct ses_options *options,
                          const struct signature *signature, struct bytes local,
                          struct bytes domain, struct ses_address *out, struct error *error)
{
    uint8_t head[16];
    struct bytes parts[4];
    uint64_t age = 0;
    bool good;
    out->fixed = signature->time_code == FIXED;
    out->message_id = signature->message_id;
    out->tick = out->fixed ? 0 : find_tick(options, signature->time_code, &age);
    size_t count = signed_parts(arena, out->tick, out->message_id, local, domain, head, parts);
    if (count == 0)
        return no_memory(error);
    enum result result = secrets_verify(&options->secrets, parts, count,
                                        bytes_from(signature->hash, HASH_OCTETS), &good, error);
    if (result != OK)
        return result;
    if (!good)
        return error_set(error, PERM,
                         "the signature of the address is wrong: it was made up, is older than two "
                         "weeks, or was made with a secret that is not in use any more");
    if (age >= SES_LIFE_TICKS)
        return error_set(error, PERM, "the signature of the address ran out after %d days",
                         SES_LIFE_TICKS / 4);
    return OK;
}

enum result ses_decode(struct arena *arena, const struct ses_options *options,
                       struct bytes address, struct ses_address *out, struct error *error)
{
    struct mailbox mailbox;
    struct signature signature;
    struct bytes local;
    require(options->secrets.count);
    *out = (struct ses_address){.address = address};
    if (address.len == 0 || bytes_is(address, "<>"))
        return error_set(error, NONE, "the null address is not signed");
    enum result result = signed_address_parse(arena, address, &mailbox, error);
    if (result != OK)
        return result;
    if (!bytes_starts_with_nocase(mailbox.local, BYTES("SES=")))
        return error_set(error, NONE, "the address is not signed by SES");
    result = split_signed(mailbox.local, &signature, &local, error);
    if (result == OK)
        result = verify(arena, options, &signature, local, mailbox.domain, out, error);
    if (result != OK)
        return result;
    out->address = signed_address_write(arena, local, mailbox.domain);
    return out->address.ptr ? OK : no_memory(error);
}
