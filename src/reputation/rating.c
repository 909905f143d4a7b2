/* SPDX-License-Identifier: BSD-2-Clause */
#include "reputation/rating.h"

#include "base/ascii.h"
#include "base/cursor.h"
#include "base/domain.h"

const char *rating_status_name(enum rating_status status)
{
    static const char *const names[] = {"unknown", "good", "bad"};
    return names[status];
}

static bool is_word(uint8_t c)
{
    return ascii_is_alnum(c) || c == '-' || c == '_' || c == '.' || c == '%' || c == '+' || c == '/';
}

static bool is_between(uint8_t c)
{
    return !is_word(c) && c != ':' && c != '=';
}

/* What stands behind "Key:"; the key may have blanks around its colon. Empty if it is no key. */
static struct bytes value_of(struct cursor *c)
{
    size_t before = c->position;
    cursor_take_while(c, is_between);
    if (!cursor_accept(c, ':') && !cursor_accept(c, '=')) {
        c->position = before;
        return BYTES("");
    }
    cursor_take_while(c, is_between);
    return cursor_take_while(c, is_word);
}

static bool read_status(struct bytes word, enum rating_status *out)
{
    for (int i = RATING_UNKNOWN; i <= RATING_BAD; i++)
        if (bytes_is_nocase(word, rating_status_name((enum rating_status)i))) {
            *out = (enum rating_status)i;
            return true;
        }
    return false;
}

/* "80", "80.5", "80%", "80/100", "-3": the whole number, within its bounds. */
static bool read_value(struct bytes word, unsigned *out)
{
    bool below = bytes_starts_with(word, BYTES("-"));
    struct cursor c = cursor_over(bytes_skip(word, below || bytes_starts_with(word, BYTES("+")) ? 1 : 0));
    unsigned value = 0;
    bool any = false;
    while (cursor_peek(&c) >= '0' && cursor_peek(&c) <= '9') {
        unsigned digit = (unsigned)cursor_u8(&c) - '0';
        any = true;
        if (value <= RATING_BEST)
            value = value * 10 + digit;
    }
    *out = below ? 0 : value > RATING_BEST ? RATING_BEST : value;
    return any;
}

static unsigned usual_value(enum rating_status status)
{
    return status == RATING_GOOD ? RATING_BEST : status == RATING_BAD ? 0 : RATING_BEST / 2;
}

bool rating_parse(struct bytes text, struct rating *out)
{
    struct cursor c = cursor_over(bytes_first(text, RATING_TEXT_MAX));
    bool found = false, rated = false;
    struct rating rating = {RATING_UNKNOWN, 0};
    while (!cursor_at_end(&c)) {
        cursor_take_while(&c, is_between);
        struct bytes word = cursor_take_while(&c, is_word);
        enum rating_status status;
        if (!word.len) {
            cursor_u8(&c); /* a colon without a key */
        } else if (bytes_is_nocase(word, "status") && read_status(value_of(&c), &status)) {
            if (found && status != rating.status)
                return false;
            rating.status = status;
            found = true;
        } else if (bytes_is_nocase(word, "rating")) {
            unsigned value;
            if (read_value(value_of(&c), &value) && !rated) {
                rating.value = value;
                rated = true;
            }
        }
    }
    if (!found)
        return false;
    if (!rated)
        rating.value = usual_value(rating.status);
    *out = rating;
    return true;
}

static void conclude(struct rating_result *result, enum auth_result what, const char *problem)
{
    result->result = what;
    result->problem = bytes_of(problem);
}

static void read_answer(const struct dns_answer *answer, struct rating_result *result)
{
    bool found = false;
    for (size_t i = 0; i < answer->count && i < RATING_RECORDS_MAX; i++) {
        struct rating rating;
        if (!rating_parse(answer->records[i].text, &rating))
            continue;
        if (found && rating.status != result->rating.status) {
            conclude(result, AUTH_PERMERROR, "its records contradict each other");
            return;
        }
        if (!found)
            result->rating = rating;
        found = true;
    }
    static const enum auth_result results[] = {AUTH_NEUTRAL, AUTH_PASS, AUTH_FAIL};
    if (found)
        conclude(result, results[result->rating.status], "");
    else
        conclude(result, AUTH_PERMERROR, "its record has no status that is known");
}

void rating_check(struct dns *dns, struct arena *arena, struct bytes zone, struct bytes domain, int64_t deadline,
                  struct rating_result *result)
{
    *result = (struct rating_result){.name = BYTES("")};
    conclude(result, AUTH_NONE, "it is not rated");
    if (!domain_is_valid(domain))
        return;
    const struct bytes parts[] = {domain, BYTES("."), zone};
    struct bytes name = arena_concat(arena, parts, countof(parts));
    if (!name.ptr) {
        conclude(result, AUTH_TEMPERROR, "out of memory");
        return;
    }
    result->name = name;
    result->answer = dns_query(dns, arena, name, DNS_TXT, deadline);
    if (result->answer->status == DNS_FAILED)
        conclude(result, AUTH_TEMPERROR, "the DNS did not answer");
    else if (result->answer->count)
        read_answer(result->answer, result);
}
