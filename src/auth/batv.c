/* SPDX-License-Identifier: BSD-2-Clause */
#include "auth/batv.h"

#include "auth/signed_address.h"
#include "base/ascii.h"

enum { DAY_SECONDS = 86400, DAY_SLOTS = 1000, DAY_LENGTH = 4, MAC_OCTETS = 3, TAG_LENGTH = 10 };

static enum result no_memory(struct error *error)
{
    return error_set(error, TEMP, "no memory for a BATV address");
}

enum result batv_check_options(const struct batv_options *options, struct error *error)
{
    if (options->secrets.count == 0)
        return error_set(error, PERM, "BATV needs a secret");
    if (options->key > 9)
        return error_set(error, PERM, "the key of BATV is one digit");
    if (options->days > BATV_DAYS_MAX)
        return error_set(error, PERM, "BATV addresses can be valid for %d days at most",
                         BATV_DAYS_MAX);
    return OK;
}

static unsigned life(const struct batv_options *options)
{
    return options->days ? options->days : BATV_DAYS;
}

static unsigned today(const struct batv_options *options)
{
    return (unsigned)((options->now > 0 ? options->now : 0) / DAY_SECONDS % DAY_SLOTS);
}

enum result batv_encode(struct arena *arena, const struct batv_options *options,
                        struct bytes address, struct bytes *out, struct error *error)
{
    struct mailbox sender;
    uint8_t mac[SECRETS_MAC_SIZE];
    require(batv_check_options(options, NULL) == OK);
    *out = address;
    if (address.len == 0 || bytes_is(address, "<>"))
        return error_set(error, NONE, "the null sender has no tag");
    enum result result = signed_address_parse(arena, address, &sender, error);
    if (result != OK)
        return result;
    if (bytes_starts_with_nocase(sender.local, BYTES("prvs=")))
        return error_set(error, NONE, "it has a tag already");
    struct bytes day = arena_printf(arena, "%u%03u", options->key,
                                    (today(options) + life(options)) % DAY_SLOTS);
    struct bytes plain = signed_address_write(arena, sender.local, sender.domain);
    if (!day.ptr || !plain.ptr)
        return no_memory(error);
    const struct bytes parts[] = {day, arena_lower(arena, plain)};
    if (!parts[1].ptr ||
        !secrets_mac(options->secrets.items[0], parts, countof(parts), mac))
        return no_memory(error);
    struct bytes local = arena_printf(arena, "prvs=" BYTES_FMT "%02x%02x%02x=" BYTES_FMT,
                                      BYTES_ARG(day), mac[0], mac[1], mac[2],
                                      BYTES_ARG(sender.local));
    return signed_address_make(arena, local, sender.domain, "tagged", out, error);
}

/* "KDDDSSSSSS=local" into its parts. */
static bool split_tag(struct bytes rest, struct bytes *day, uint8_t mac[MAC_OCTETS],
                      struct bytes *local)
{
    if (rest.len < TAG_LENGTH + 2 || rest.ptr[TAG_LENGTH] != '=')
        return false;
    for (size_t i = 0; i < DAY_LENGTH; i++)
        if (!ascii_is_digit(rest.ptr[i]))
            return false;
    for (size_t i = 0; i < MAC_OCTETS; i++) {
        int high = ascii_hex_value(rest.ptr[DAY_LENGTH + 2 * i]);
        int low = ascii_hex_value(rest.ptr[DAY_LENGTH + 2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        mac[i] = (uint8_t)(high << 4 | low);
    }
    *day = bytes_first(rest, DAY_LENGTH);
    *local = bytes_skip(rest, TAG_LENGTH + 1);
    return true;
}

static enum result check_mac(struct arena *arena, const struct batv_options *options,
                             struct bytes day, struct bytes plain, struct bytes mac,
                             struct error *error)
{
    bool lower = false, as_written = false;
    struct bytes parts[] = {day, plain};
    enum result result = secrets_verify(&options->secrets, parts, 2, mac, &as_written, error);
    if (result != OK)
        return result;
    parts[1] = arena_lower(arena, plain);
    if (!parts[1].ptr)
        return no_memory(error);
    result = secrets_verify(&options->secrets, parts, 2, mac, &lower, error);
    if (result == OK && !lower && !as_written)
        return error_set(error, PERM,
                         "the tag of the address is wrong: it was made up, or signed with a secret "
                         "that is not in use any more");
    return result;
}

static enum result check_day(const struct batv_options *options, struct bytes day,
                             struct error *error)
{
    uint64_t last = 0;
    require(bytes_to_uint(bytes_skip(day, 1), DAY_SLOTS - 1, &last));
    unsigned left = ((unsigned)last + DAY_SLOTS - today(options)) % DAY_SLOTS;
    if (left <= life(options) + 1)
        return OK;
    if (left < DAY_SLOTS / 2)
        return error_set(error, PERM, "the tag of the address is of a day in the future");
    return error_set(error, PERM, "the tag of the address ran out %u days ago", DAY_SLOTS - left);
}

enum result batv_decode(struct arena *arena, const struct batv_options *options,
                        struct bytes address, struct bytes *out, struct error *error)
{
    struct mailbox mailbox;
    struct bytes day, local;
    uint8_t mac[MAC_OCTETS];
    require(batv_check_options(options, NULL) == OK);
    *out = address;
    if (address.len == 0 || bytes_is(address, "<>"))
        return error_set(error, NONE, "the null address has no tag");
    enum result result = signed_address_parse(arena, address, &mailbox, error);
    if (result != OK)
        return result;
    if (!bytes_starts_with_nocase(mailbox.local, BYTES("prvs=")))
        return error_set(error, NONE, "the address has no BATV tag");
    if (!split_tag(bytes_skip(mailbox.local, 5), &day, mac, &local))
        return error_set(error, PERM, "the tag of the address is malformed");
    struct bytes plain = signed_address_write(arena, local, mailbox.domain);
    if (!plain.ptr)
        return no_memory(error);
    result = check_mac(arena, options, day, plain, bytes_from(mac, sizeof(mac)), error);
    if (result == OK)
        result = check_day(options, day, error);
    if (result == OK)
        *out = plain;
    return result;
}
