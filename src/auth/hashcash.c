/* SPDX-License-Identifier: BSD-2-Clause */
#include "auth/hashcash.h"

#include "base/ascii.h"
#include "base/utf8.h"
#include "message/date.h"

#include <openssl/evp.h>

enum { DAY_SECONDS = 86400, VALIDITY_DAYS = 28, SKEW_DAYS = 2, DIGEST_BITS = 160 };

unsigned hashcash_zero_bits(const uint8_t digest[20])
{
    unsigned bits = 0;
    while (bits < DIGEST_BITS && !(digest[bits / 8] & (0x80 >> bits % 8)))
        bits++;
    return bits;
}

/* Parsing */

static bool is_leap(int year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static unsigned days_in_month(int year, unsigned month)
{
    static const uint8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    return days[month - 1] + (month == 2 && is_leap(year) ? 1U : 0U);
}

bool hashcash_read_date(struct bytes text, int64_t *epoch)
{
    unsigned pairs[6] = {0};
    if (text.len != 6 && text.len != 10 && text.len != 12)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        if (!ascii_is_digit(text.ptr[i]))
            return false;
        pairs[i / 2] = pairs[i / 2] * 10 + (text.ptr[i] - '0');
    }
    int year = 2000 + (int)pairs[0];
    if (pairs[1] < 1 || pairs[1] > 12 || pairs[2] < 1 ||
        pairs[2] > days_in_month(year, pairs[1]) || pairs[3] > 23 || pairs[4] > 59 || pairs[5] > 59)
        return false;
    *epoch = date_days(year, pairs[1], pairs[2]) * DAY_SECONDS + pairs[3] * 3600 + pairs[4] * 60 +
             pairs[5];
    return true;
}

static bool is_stamp_text(struct bytes text)
{
    for (size_t i = 0; i < text.len; i++)
        if (ascii_is_control(text.ptr[i]) || text.ptr[i] == ' ')
            return false;
    return utf8_is_valid(text);
}

static bool is_base64(struct bytes text)
{
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.ptr[i];
        if (!ascii_is_alnum(c) && c != '+' && c != '/' && c != '=')
            return false;
    }
    return true;
}

/* Between the colons: version, bits, date, resource, extension, random, counter. */
enum { FIELDS = 7 };

static bool split_fields(struct bytes text, struct bytes fields[FIELDS])
{
    struct bytes rest = text;
    size_t count = 0;
    while (count < FIELDS && bytes_split(&rest, ':', &fields[count]))
        count++;
    return count == FIELDS && !rest.ptr;
}

enum result hashcash_parse(struct bytes text, struct hashcash_stamp *out, struct error *error)
{
    struct bytes fields[FIELDS];
    uint64_t bits;
    *out = (struct hashcash_stamp){0};
    text = bytes_trim(text);
    if (text.len == 0)
        return error_set(error, PERM, "the stamp is empty");
    if (text.len > HASHCASH_STAMP_MAX)
        return error_set(error, PERM, "the stamp is longer than %d octets", HASHCASH_STAMP_MAX);
    if (!is_stamp_text(text))
        return error_set(error, PERM, "the stamp has characters that no stamp has");
    if (bytes_starts_with(text, BYTES("0:")))
        return error_set(error, PERM, "the stamp is of version 0, which is not in use any more");
    if (!bytes_starts_with(text, BYTES("1:")))
        return error_set(error, PERM, "the stamp is not of version 1");
    if (!split_fields(text, fields))
        return error_set(error, PERM, "the stamp has not the %d parts of version 1", FIELDS);
    if (!bytes_to_uint(fields[1], DIGEST_BITS, &bits))
        return error_set(error, PERM, "the stamp claims no number of bits");
    if (!hashcash_read_date(fields[2], &out->date))
        return error_set(error, PERM, "the date of the stamp is malformed");
    if (fields[3].len == 0)
        return error_set(error, PERM, "the stamp is for nobody");
    if (!is_base64(fields[5]) || !is_base64(fields[6]) || fields[6].len == 0)
        return error_set(error, PERM, "random part or counter of the stamp are malformed");
    if (EVP_Digest(text.ptr, text.len, out->digest, NULL, EVP_sha1(), NULL) != 1)
        return error_set(error, PERM, "the stamp cannot be hashed here");
    out->text = text;
    out->claimed_bits = (unsigned)bits;
    out->bits = hashcash_zero_bits(out->digest);
    out->resource = fields[3];
    out->extension = fields[4];
    out->random = fields[5];
    out->counter = fields[6];
    return OK;
}

/* Checking */

/* As mailboxes are: the local part in its case, the domain without. */
static bool is_for(struct bytes resource, struct bytes recipient)
{
    size_t at = bytes_rfind_byte(recipient, '@');
    if (at == BYTES_NOT_FOUND)
        return bytes_equal(resource, recipient);
    return resource.len == recipient.len && bytes_equal_nocase(resource, recipient) &&
           bytes_equal(bytes_first(resource, at), bytes_first(recipient, at));
}

static bool is_for_one(struct bytes resource, const struct hashcash_request *request)
{
    for (size_t i = 0; i < request->recipient_count; i++)
        if (is_for(resource, request->recipients[i]))
            return true;
    return false;
}

enum auth_result hashcash_check_stamp(const struct hashcash_stamp *stamp,
                                      const struct hashcash_request *request, const char **problem)
{
    unsigned wanted = request->bits ? request->bits : HASHCASH_BITS_DEFAULT;
    int64_t skew = SKEW_DAYS * DAY_SECONDS;
    int64_t validity = request->validity > 0 ? request->validity : VALIDITY_DAYS * DAY_SECONDS;
    *problem = "";
    if (!is_for_one(stamp->resource, request)) {
        *problem = "the stamp is not for a recipient of this message";
        return AUTH_NONE;
    }
    if (stamp->bits < stamp->claimed_bits) {
        *problem = "the stamp has fewer bits than it claims";
        return AUTH_FAIL;
    }
    if (stamp->claimed_bits < wanted) {
        *problem = "the stamp claims fewer bits than are demanded";
        return AUTH_FAIL;
    }
    if (stamp->date > request->now + skew) {
        *problem = "the date of the stamp lies in the future";
        return AUTH_POLICY;
    }
    /* Written so that no sum can overflow, whatever the configuration says. */
    if (request->now - skew - stamp->date > validity) {
        *problem = "the stamp has expired";
        return AUTH_POLICY;
    }
    return AUTH_PASS;
}

static unsigned rank(enum auth_result result)
{
    switch (result) {
    case AUTH_PASS:
        return 5;
    case AUTH_POLICY:
        return 4;
    case AUTH_FAIL:
        return 3;
    case AUTH_PERMERROR:
        return 2;
    default:
        return 1;
    }
}

/* A stamp that is folded has white space where it was: none belongs to it. */
static struct bytes remove_space(struct arena *arena, struct bytes value)
{
    size_t len = 0;
    value = bytes_first(value, HASHCASH_STAMP_MAX * 2);
    uint8_t *copy = arena_alloc(arena, value.len + 1);
    for (size_t i = 0; i < value.len && copy; i++)
        if (!ascii_is_space(value.ptr[i]))
            copy[len++] = value.ptr[i];
    return bytes_from(copy, len);
}

static enum result look_at(struct arena *arena, struct bytes value,
                           const struct hashcash_request *request, struct hashcash_result *best,
                           unsigned *best_rank)
{
    struct hashcash_result this = {.result = AUTH_PERMERROR};
    struct error error;
    const char *problem = "";
    struct bytes text = remove_space(arena, value);
    if (!text.ptr)
        return TEMP;
    if (hashcash_parse(text, &this.stamp, &error) == OK)
        this.result = hashcash_check_stamp(&this.stamp, request, &problem);
    else
        problem = error.text;
    bool more = rank(this.result) == *best_rank && this.result == AUTH_PASS &&
                this.stamp.claimed_bits > best->stamp.claimed_bits;
    if (rank(this.result) <= *best_rank && !more)
        return OK;
    this.problem = arena_copy(arena, bytes_of(problem));
    if (!this.problem.ptr && problem[0])
        return TEMP;
    *best_rank = rank(this.result);
    *best = this;
    return OK;
}

enum result hashcash_check(struct arena *arena, const struct message *message,
                           const struct hashcash_request *request, struct hashcash_result *result)
{
    size_t seen = 0;
    unsigned best_rank = 0;
    *result = (struct hashcash_result){.result = AUTH_NONE};
    for (size_t i = 0; i < message->field_count && seen < HASHCASH_STAMPS_MAX; i++) {
        const struct header_field *field = &message->fields[i];
        if (!bytes_is_nocase(field->name, "x-hashcash") && !bytes_is_nocase(field->name, "hashcash"))
            continue;
        seen++;
        if (look_at(arena, field->value, request, result, &best_rank) != OK)
            return TEMP;
    }
    return OK;
}
