/* SPDX-License-Identifier: BSD-2-Clause */
#include "reputation/greylist.h"

#include "base/ascii.h"

#include <string.h>

enum { ASKED_WHITE, ASKED_PASSED, ASKED_TRY };
enum {
    NETWORK_V4 = 24,
    NETWORK_V6 = 64,
    SENDER_MAX = 1024,
    RANDOM_LEAST = 8,
    TAG_DIGITS = 10,
    SUBJECT_MAX = COUNTER_KEY_MAX - 32
};

static const char try_word[] = "try:", passed_word[] = "passed:", white_word[] = "white:";

const char *greylist_state_name(enum greylist_state state)
{
    static const char *const names[GREYLIST_STATES] = {"new", "waiting", "passed", "white"};
    return state < GREYLIST_STATES ? names[state] : "";
}

const char *greylist_kind(const struct greylist_try *attempt)
{
    return attempt->domain.len ? "domain" : "triplet";
}

/* Senders */

static bool is_hexadecimal(struct bytes text)
{
    for (size_t i = 0; i < text.len; i++)
        if (!ascii_is_digit(text.ptr[i]) && !(ascii_lower(text.ptr[i]) >= 'a' && ascii_lower(text.ptr[i]) <= 'f'))
            return false;
    return text.len > 0;
}

/* "prvs=KDDDSSSSSS=local" (the tag of auth/batv.h), "prvs=local=KDDDSSSSSS" as early drafts had it, and
 * "btv1==DDDSSSSSS==local", which some appliances make. */
static struct bytes without_batv(struct bytes local)
{
    size_t equals;
    if (bytes_starts_with_nocase(local, BYTES("btv1=="))) {
        struct bytes rest = bytes_skip(local, 6);
        equals = bytes_find(rest, BYTES("=="));
        return equals == BYTES_NOT_FOUND ? local : bytes_skip(rest, equals + 2);
    }
    if (!bytes_starts_with_nocase(local, BYTES("prvs=")))
        return local;
    struct bytes rest = bytes_skip(local, 5);
    equals = bytes_find_byte(rest, '=');
    if (equals == TAG_DIGITS && is_hexadecimal(bytes_first(rest, equals)))
        return bytes_skip(rest, equals + 1);
    equals = bytes_rfind_byte(rest, '=');
    if (equals != BYTES_NOT_FOUND && is_hexadecimal(bytes_skip(rest, equals + 1)))
        return bytes_first(rest, equals);
    return local;
}

/* "SRS0=HHHH=TT=host=local" without HHHH and TT, "SRS1=HHHH=B==HHHH=TT=host=local" without the hashes and TT, and
 * "SES=sig=local" without the signature. */
static struct bytes without_signature(struct bytes local)
{
    bool srs0 = bytes_starts_with_nocase(local, BYTES("SRS0")), srs1 = bytes_starts_with_nocase(local, BYTES("SRS1"));
    struct bytes part, rest = local;
    if (bytes_starts_with_nocase(local, BYTES("SES="))) {
        rest = bytes_skip(local, 4);
        size_t equals = bytes_find_byte(rest, '=');
        return equals == BYTES_NOT_FOUND ? local : bytes_skip(rest, equals + 1);
    }
    if ((!srs0 && !srs1) || local.len < 6 || bytes_find_byte(BYTES("=+-"), local.ptr[4]) == BYTES_NOT_FOUND)
        return local;
    rest = bytes_skip(local, 5);
    if (srs1) {
        size_t inner = bytes_find(rest, BYTES("=="));
        if (inner == BYTES_NOT_FOUND)
            return local;
        rest = bytes_skip(rest, inner + 2);
    }
    for (int i = 0; i < 2; i++)
        if (!bytes_split(&rest, '=', &part) || !rest.ptr)
            return local;
    return rest;
}

static bool is_separator(uint8_t c)
{
    return bytes_find_byte(BYTES("-+=._/#"), c) != BYTES_NOT_FOUND;
}

/* A word of letters and digits without sense: long, and both. */
static bool is_random(struct bytes word)
{
    size_t digits = 0, letters = 0;
    for (size_t i = 0; i < word.len; i++) {
        digits += ascii_is_digit(word.ptr[i]);
        letters += ascii_is_alpha(word.ptr[i]);
    }
    return word.len >= RANDOM_LEAST && digits > 1 && letters > 0;
}

/* A copy in lower case for keys, which are parted by NUL, and lists, which are parted by TAB. */
static struct bytes printable(struct arena *arena, struct bytes text)
{
    uint8_t *copy = arena_alloc(arena, text.len);
    for (size_t i = 0; copy && i < text.len; i++)
        copy[i] = ascii_is_control(text.ptr[i]) ? '?' : ascii_lower(text.ptr[i]);
    return bytes_from(copy, copy ? text.len : 0);
}

static void add_word(struct buf *out, struct bytes word)
{
    bool in_number = false;
    if (is_random(word)) {
        buf_add_byte(out, '#');
        return;
    }
    for (size_t i = 0; i < word.len; i++) {
        bool digit = ascii_is_digit(word.ptr[i]);
        if (!digit)
            buf_add_byte(out, ascii_lower(word.ptr[i]));
        else if (!in_number)
            buf_add_byte(out, '#');
        in_number = digit;
    }
}

struct bytes greylist_sender(struct arena *arena, struct bytes sender)
{
    struct buf out;
    size_t at = bytes_rfind_byte(sender, '@');
    struct bytes local = without_signature(without_batv(bytes_first(sender, at)));
    struct bytes domain = at == BYTES_NOT_FOUND ? BYTES("") : bytes_slice(sender, at, at + 256);
    local = bytes_first(local, SENDER_MAX);
    buf_init(&out, SENDER_MAX + 256);
    for (size_t from = 0, i = 0; i <= local.len; i++) {
        if (i < local.len && !is_separator(local.ptr[i]))
            continue;
        add_word(&out, bytes_slice(local, from, i));
        if (i < local.len)
            buf_add_byte(&out, local.ptr[i]);
        from = i + 1;
    }
    buf_add_lower(&out, domain);
    struct bytes copy = out.failed ? (struct bytes){NULL, 0} : printable(arena, buf_bytes(&out));
    buf_free(&out);
    return copy;
}

/* Keys */

static struct bytes network_of(struct arena *arena, const struct ip *client)
{
    char text[IP_TEXT_SIZE];
    unsigned prefix = client->family == 6 ? NETWORK_V6 : NETWORK_V4;
    if (!client->family)
        return BYTES("unknown");
    struct ip network = ip_masked(client, prefix);
    return arena_printf(arena, "%s/%u", ip_format(&network, text), prefix);
}

/* "domain:example.org", or "triplet:192.0.2.0/24" NUL sender NUL recipient; short enough to be part of a key. */
static struct bytes subject_of(struct arena *arena, const struct greylist_try *attempt)
{
    if (attempt->domain.len) {
        struct bytes parts[] = {BYTES("domain:"), attempt->domain};
        return batch_key_within(arena, parts, countof(parts), SUBJECT_MAX);
    }
    struct bytes parts[] = {BYTES("triplet:"),
                            network_of(arena, &attempt->client),
                            bytes_from("", 1),
                            greylist_sender(arena, attempt->sender),
                            bytes_from("", 1),
                            printable(arena, attempt->recipient)};
    for (size_t i = 0; i < countof(parts); i++)
        if (!parts[i].ptr)
            return (struct bytes){NULL, 0};
    return batch_key_within(arena, parts, countof(parts), SUBJECT_MAX);
}

static struct bytes key_of(struct arena *arena, const char *word, struct bytes subject)
{
    struct bytes parts[] = {GREYLIST_PREFIX, bytes_of(word), subject};
    return subject.ptr ? batch_key(arena, parts, countof(parts)) : (struct bytes){NULL, 0};
}

static struct bytes white_key(struct arena *arena, struct bytes domain_or_network)
{
    struct bytes parts[] = {GREYLIST_PREFIX, bytes_of(white_word), domain_or_network};
    return batch_key(arena, parts, countof(parts));
}

static struct bytes white_key_of(struct arena *arena, const struct greylist_try *attempt)
{
    return white_key(arena, attempt->domain.len ? attempt->domain : network_of(arena, &attempt->client));
}

/* Questions */

size_t greylist_ask(struct batch *batch, const struct greylist_try *attempt)
{
    struct bytes subject = subject_of(batch->arena, attempt);
    size_t index = batch_get(batch, white_key_of(batch->arena, attempt));
    batch_get(batch, key_of(batch->arena, passed_word, subject));
    batch_get(batch, key_of(batch->arena, try_word, subject));
    return index;
}

static int64_t since(int64_t then, int64_t now)
{
    return now > then ? now - then : 0;
}

enum greylist_state greylist_read(const struct batch *batch, size_t asked, const struct greylist_rules *rules,
                                  int64_t delay, int64_t now, int64_t *age)
{
    const struct counter_operation *white = batch_at(batch, asked + ASKED_WHITE);
    const struct counter_operation *passed = batch_at(batch, asked + ASKED_PASSED);
    const struct counter_operation *attempt = batch_at(batch, asked + ASKED_TRY);
    *age = 0;
    if (white->found && rules->pass && white->value >= rules->pass)
        return GREYLIST_WHITE;
    if (passed->found) {
        *age = since((int64_t)passed->value, now);
        return GREYLIST_PASSED;
    }
    if (!attempt->found)
        return GREYLIST_NEW;
    *age = since((int64_t)attempt->value, now);
    /* Past the window it is a new try, whatever the counter's own expiry says (rfc6647:5). */
    if (*age > rules->window) {
        *age = 0;
        return GREYLIST_NEW;
    }
    return *age < delay ? GREYLIST_WAITING : GREYLIST_PASSED;
}

void greylist_write_try(struct batch *batch, const struct greylist_rules *rules, const struct greylist_try *attempt,
                        int64_t now)
{
    batch_first(batch, key_of(batch->arena, try_word, subject_of(batch->arena, attempt)), now, now + rules->window);
}

void greylist_write_pass(struct batch *batch, const struct greylist_rules *rules,
                         const struct greylist_try *attempt, bool counts, int64_t now)
{
    struct bytes subject = subject_of(batch->arena, attempt);
    struct bytes passed = key_of(batch->arena, passed_word, subject);
    /* The value is the first time, the expiry follows the last. */
    batch_first(batch, passed, now, now + rules->keep);
    batch_add(batch, passed, 0, now + rules->keep);
    batch_remove(batch, key_of(batch->arena, try_word, subject));
    if (counts)
        batch_add(batch, white_key_of(batch->arena, attempt), 1, now + rules->keep);
}

void greylist_release(struct batch *batch, const struct greylist_rules *rules, struct bytes what, int64_t now)
{
    batch_set(batch, white_key(batch->arena, what), rules->pass ? (int64_t)rules->pass : 1, now + rules->keep);
}

void greylist_forget(struct batch *batch, struct bytes what)
{
    batch_remove(batch, white_key(batch->arena, what));
}

/* Listing */

static bool take(struct bytes *rest, const char *word)
{
    if (!bytes_starts_with(*rest, bytes_of(word)))
        return false;
    *rest = bytes_skip(*rest, strlen(word));
    return true;
}

bool greylist_read_key(struct bytes key, uint64_t value, int64_t expires_at, const struct greylist_rules *rules,
                       struct greylist_entry *out)
{
    struct bytes rest = key;
    *out = (struct greylist_entry){.since = (int64_t)value, .until = expires_at};
    if (!take(&rest, "greylist:"))
        return false;
    if (take(&rest, white_word)) {
        out->state = rules->pass && value >= rules->pass ? GREYLIST_WHITE : GREYLIST_PASSED;
        out->domain = rest;
        out->passed = value;
        out->since = 0;
        return rest.len > 0;
    }
    if (take(&rest, passed_word))
        out->state = GREYLIST_PASSED;
    else if (take(&rest, try_word))
        out->state = GREYLIST_WAITING;
    else
        return false;
    if (take(&rest, "domain:")) {
        out->domain = rest;
        return rest.len > 0;
    }
    out->triplet = true;
    if (!take(&rest, "triplet:") || !bytes_split(&rest, 0, &out->domain) || !bytes_split(&rest, 0, &out->sender))
        return false;
    out->recipient = rest;
    return out->domain.len > 0;
}

bool greylist_release_key(struct batch *batch, const struct greylist_rules *rules, struct bytes key, int64_t now)
{
    struct bytes rest = key;
    if (!take(&rest, "greylist:") || !take(&rest, try_word))
        return false;
    batch_set(batch, key_of(batch->arena, passed_word, rest), now, now + rules->keep);
    batch_remove(batch, key);
    return true;
}
