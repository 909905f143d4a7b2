/* SPDX-License-Identifier: BSD-2-Clause */
#include "reputation/rdns_address.h"

#include "base/ascii.h"

#include <string.h>

enum {
    NUMBERS_MAX = 64,
    GAP_MAX = 3,          /* octets between two numbers of one address */
    DIGITS_IN_PART = 4,   /* of two octets: "2-1" may be anything */
    NIBBLES = 32,
    NIBBLES_LEAST = 12,   /* of an IPv6 address, in a row … */
    NIBBLES_NONZERO = 4,  /* … so many of which say something */
    GROUPS_LEAST = 3,
    GROUPS_NONZERO = 2
};

static const char hex_digits[] = "0123456789abcdef";

/* A run of decimal digits. */
struct number {
    size_t at, len;
    unsigned value; /* 256: more than an octet holds */
};

static size_t find_numbers(struct bytes name, struct number numbers[NUMBERS_MAX])
{
    size_t count = 0;
    for (size_t i = 0; i < name.len && count < NUMBERS_MAX;) {
        if (!ascii_is_digit(name.ptr[i])) {
            i++;
            continue;
        }
        struct number number = {.at = i};
        for (; i < name.len && ascii_is_digit(name.ptr[i]); i++)
            number.value = number.value > 255 ? 256 : number.value * 10 + (name.ptr[i] - '0');
        number.len = i - number.at;
        if (number.len > 3 || number.value > 255)
            number.value = 256;
        numbers[count++] = number;
    }
    return count;
}

/* How many numbers from `numbers` on are the address's octets from `octet` on, in steps of +1 or -1. */
static size_t run_of(const struct ip *ip, const struct number *numbers, size_t count, int octet, int step)
{
    size_t run = 0;
    for (; run < count && octet >= 0 && octet < 4; run++, octet += step) {
        const struct number *number = &numbers[run];
        if (number->value != ip->octets[octet])
            break;
        if (run && number->at - (numbers[run - 1].at + numbers[run - 1].len) > GAP_MAX)
            break;
    }
    return run;
}

static struct bytes span_of(struct bytes name, const struct number *numbers, size_t run)
{
    return bytes_slice(name, numbers[0].at, numbers[run - 1].at + numbers[run - 1].len);
}

static size_t digits_of(const struct number *numbers, size_t run)
{
    size_t digits = 0;
    for (size_t i = 0; i < run; i++)
        digits += numbers[i].len;
    return digits;
}

static bool only_separators(struct bytes name, const struct number *a, const struct number *b)
{
    for (size_t i = a->at + a->len; i < b->at; i++)
        if (!strchr("-._x", name.ptr[i]))
            return false;
    return true;
}

static enum rdns_address weigh_run(struct bytes name, size_t host_len, const struct number *numbers, size_t run)
{
    size_t end = run ? numbers[run - 1].at + numbers[run - 1].len : 0;
    if (run >= 3)
        return RDNS_ADDRESS_WHOLE;
    if (run == 2 && end <= host_len && digits_of(numbers, run) >= DIGITS_IN_PART &&
        only_separators(name, &numbers[0], &numbers[1]))
        return RDNS_ADDRESS_PART;
    return RDNS_ADDRESS_NONE;
}

static void better(enum rdns_address kind, struct bytes span, enum rdns_address *best, struct bytes *found)
{
    if (kind <= *best)
        return;
    *best = kind;
    *found = span;
}

static enum rdns_address find_decimal(const struct ip *ip, struct bytes name, size_t host_len, struct bytes *found)
{
    struct number numbers[NUMBERS_MAX];
    size_t count = find_numbers(name, numbers);
    enum rdns_address best = RDNS_ADDRESS_NONE;
    for (size_t i = 0; i < count; i++) {
        for (int octet = 0; octet < 4; octet++)
            for (int step = -1; step <= 1; step += 2) {
                size_t run = run_of(ip, numbers + i, count - i, octet, step);
                if (run)
                    better(weigh_run(name, host_len, numbers + i, run), span_of(name, numbers + i, run), &best,
                           found);
            }
        if (numbers[i].value == ip->octets[3] && numbers[i].at + numbers[i].len <= host_len)
            better(RDNS_ADDRESS_LAST, span_of(name, numbers + i, 1), &best, found);
    }
    return best;
}

static bool find_text(struct bytes name, const char *text, size_t len, struct bytes *found)
{
    size_t at = bytes_find(name, bytes_from(text, len));
    if (at == BYTES_NOT_FOUND)
        return false;
    *found = bytes_slice(name, at, at + len);
    return true;
}

/* "192000002001" and "001002000192"; the address as one number. */
static bool find_joined(const struct ip *ip, struct bytes name, struct bytes *found)
{
    char forwards[12], backwards[12], number[10];
    uint32_t value = 0;
    size_t len = 0;
    for (int i = 0; i < 4; i++) {
        unsigned octet = ip->octets[i];
        char three[3] = {(char)('0' + octet / 100), (char)('0' + octet / 10 % 10), (char)('0' + octet % 10)};
        memcpy(forwards + 3 * i, three, 3);
        memcpy(backwards + 3 * (3 - i), three, 3);
        value = value << 8 | octet;
    }
    for (uint32_t scale = 1000000000; scale; scale /= 10)
        number[len++] = (char)('0' + value / scale % 10);
    return find_text(name, forwards, 12, found) || find_text(name, backwards, 12, found) ||
           (number[0] != '0' && find_text(name, number, 10, found));
}

/* "c0000201", "010200c0", and with a dash or dot between the octets. */
static bool find_hex(const struct ip *ip, struct bytes name, struct bytes *found)
{
    static const char separators[] = {0, '-', '.'};
    for (size_t s = 0; s < sizeof(separators); s++)
        for (int backwards = 0; backwards < 2; backwards++) {
            char text[12];
            size_t len = 0;
            for (int i = 0; i < 4; i++) {
                uint8_t octet = ip->octets[backwards ? 3 - i : i];
                if (i && separators[s])
                    text[len++] = separators[s];
                text[len++] = hex_digits[octet >> 4];
                text[len++] = hex_digits[octet & 15];
            }
            if (find_text(name, text, len, found))
                return true;
        }
    return false;
}

/* IPv6 */

/* The nibbles in the name without what separates them; where each came from. */
static size_t strip(struct bytes name, uint8_t nibbles[256], size_t at[256])
{
    size_t count = 0;
    for (size_t i = 0; i < name.len && count < 256; i++) {
        if (strchr("-._:", name.ptr[i]) && name.ptr[i])
            continue;
        at[count] = i;
        nibbles[count++] = name.ptr[i];
    }
    return count;
}

static bool says_something(const uint8_t *digits, size_t len)
{
    size_t nonzero = 0;
    for (size_t i = 0; i < len; i++)
        nonzero += digits[i] != '0';
    return nonzero >= NIBBLES_NONZERO;
}

static bool find_nibbles(const struct ip *ip, struct bytes name, struct bytes *found)
{
    uint8_t text[256], wanted[2][NIBBLES];
    size_t at[256], count = strip(name, text, at);
    for (size_t i = 0; i < NIBBLES; i++) {
        uint8_t octet = ip->octets[i / 2];
        wanted[0][i] = (uint8_t)hex_digits[i % 2 ? octet & 15 : octet >> 4];
        wanted[1][NIBBLES - 1 - i] = wanted[0][i];
    }
    for (int way = 0; way < 2; way++)
        for (size_t from = 0; from + NIBBLES_LEAST <= NIBBLES; from++) {
            const uint8_t *part = wanted[way] + from;
            size_t where = says_something(part, NIBBLES_LEAST)
                               ? bytes_find(bytes_from(text, count), bytes_from(part, NIBBLES_LEAST))
                               : BYTES_NOT_FOUND;
            if (where != BYTES_NOT_FOUND) {
                *found = bytes_slice(name, at[where], at[where + NIBBLES_LEAST - 1] + 1);
                return true;
            }
        }
    return false;
}

/* A group of one to four hexadecimal digits that begins at `at`; its length, or 0. */
static size_t group_at(struct bytes name, size_t at, unsigned *value)
{
    size_t len = 0;
    *value = 0;
    while (at + len < name.len && ascii_hex_value(name.ptr[at + len]) >= 0 && len < 5) {
        *value = *value << 4 | (unsigned)ascii_hex_value(name.ptr[at + len]);
        len++;
    }
    return len <= 4 ? len : 0;
}

/* How many groups from that place on are the address's from `group` on; 0 if next to all of them are zero. */
static size_t groups_from(const struct ip *ip, struct bytes name, size_t at, unsigned group, size_t *end)
{
    size_t count = 0, nonzero = 0;
    while (group < 8) {
        unsigned value, wanted = (unsigned)ip->octets[2 * group] << 8 | ip->octets[2 * group + 1];
        size_t len = group_at(name, at, &value);
        if (!len || value != wanted)
            break;
        group++;
        count++;
        nonzero += value != 0;
        *end = at += len;
        if (at >= name.len || !strchr("-._x", name.ptr[at]))
            break;
        at++;
    }
    return nonzero >= GROUPS_NONZERO ? count : 0;
}

static bool find_groups(const struct ip *ip, struct bytes name, struct bytes *found)
{
    for (size_t at = 0; at < name.len; at++) {
        if (at && ascii_is_alnum(name.ptr[at - 1]) && name.ptr[at - 1] != 'x')
            continue;
        for (unsigned group = 0; group + GROUPS_LEAST <= 8; group++) {
            size_t end = at;
            if (groups_from(ip, name, at, group, &end) >= GROUPS_LEAST) {
                *found = bytes_slice(name, at, end);
                return true;
            }
        }
    }
    return false;
}

enum rdns_address rdns_address_find(const struct ip *ip, struct bytes name, size_t host_len, struct bytes *found)
{
    *found = BYTES("");
    if (ip->family == 6)
        return find_nibbles(ip, name, found) || find_groups(ip, name, found) ? RDNS_ADDRESS_WHOLE
                                                                              : RDNS_ADDRESS_NONE;
    if (ip->family != 4)
        return RDNS_ADDRESS_NONE;
    if (find_joined(ip, name, found) || find_hex(ip, name, found))
        return RDNS_ADDRESS_WHOLE;
    return find_decimal(ip, name, host_len, found);
}
