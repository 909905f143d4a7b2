/* SPDX-License-Identifier: BSD-2-Clause */
/* builtin_tests_header: tests of the fields other than Subject. */
#include "filter/builtin_tests_private.h"
#include "filter/phishing_hosts.h"

#include "base/ascii.h"
#include "base/domain.h"
#include "base/utf8.h"
#include "message/received.h"

enum {
    HOUR = 3600,
    DAY = 24 * HOUR,
    ZONE_MOST = 14 * 60,  /* Line Islands */
    ZONE_LEAST = -12 * 60,
    RECEIVED_MAX = 30,    /* fields that are looked at */
    RECEIVED_VALUE_MAX = 2000,
    NAMED_MAX = 100       /* addresses of To and Cc that are compared */
};

static bool is_ours(const struct builtin_look *look, struct bytes domain)
{
    const struct builtin_facts *facts = look->facts;
    return domain.len && facts->is_ours && facts->is_ours(facts->context, domain);
}

/* ---- Date ---- */

bool builtin_no_date(struct builtin_look *look)
{
    return !look->counts[BUILTIN_DATE];
}

bool builtin_date_malformed(struct builtin_look *look)
{
    look->seen = look->fields[BUILTIN_DATE];
    return look->date_malformed;
}

bool builtin_date_future(struct builtin_look *look)
{
    look->seen = look->fields[BUILTIN_DATE];
    return look->has_date && look->date.epoch > look->facts->received_at + 6 * HOUR;
}

bool builtin_date_past(struct builtin_look *look)
{
    look->seen = look->fields[BUILTIN_DATE];
    return look->has_date && look->date.epoch < look->facts->received_at - 14 * DAY;
}

bool builtin_date_zone(struct builtin_look *look)
{
    look->seen = look->fields[BUILTIN_DATE];
    return look->has_date && !look->date.zone_unknown &&
           (look->date.zone > ZONE_MOST || look->date.zone < ZONE_LEAST);
}

/* ---- Message-ID and what it answers ---- */

/* The right side of the first message identifier in the text. */
static struct bytes id_domain(struct bytes text)
{
    size_t open = bytes_find_byte(text, '<');
    struct bytes rest = open == BYTES_NOT_FOUND ? BYTES("") : bytes_skip(text, open + 1);
    struct bytes id = bytes_first(rest, bytes_find_byte(rest, '>'));
    size_t at = bytes_rfind_byte(id, '@');
    return at == BYTES_NOT_FOUND || id.len == rest.len ? BYTES("") : bytes_skip(id, at + 1);
}

bool builtin_no_message_id(struct builtin_look *look)
{
    return !look->counts[BUILTIN_MESSAGE_ID];
}

bool builtin_message_id_malformed(struct builtin_look *look)
{
    struct bytes id = bytes_trim(look->fields[BUILTIN_MESSAGE_ID]);
    look->seen = id;
    if (!look->counts[BUILTIN_MESSAGE_ID])
        return false;
    if (id.len < 5 || id.ptr[0] != '<' || id.ptr[id.len - 1] != '>')
        return true;
    struct bytes inside = bytes_slice(id, 1, id.len - 1);
    size_t at = bytes_find_byte(inside, '@');
    for (size_t i = 0; i < inside.len; i++)
        if (ascii_is_space(inside.ptr[i]) || inside.ptr[i] == '<' || inside.ptr[i] == '>')
            return true;
    return at == BYTES_NOT_FOUND || at == 0 || at + 1 == inside.len;
}

bool builtin_message_id_ours(struct builtin_look *look)
{
    struct bytes domain = id_domain(look->fields[BUILTIN_MESSAGE_ID]);
    look->seen = look->fields[BUILTIN_MESSAGE_ID];
    /* Lists and forwarders send our own mail back, with the author that it had. */
    return is_ours(look, domain) && !look->facts->authenticated && !is_ours(look, look->facts->author_domain);
}

/* Who invents an answer does not know our identifiers, but may know our domain. */
bool builtin_reply_to_ours(struct builtin_look *look)
{
    struct bytes answered = look->fields[BUILTIN_IN_REPLY_TO];
    look->seen = answered;
    return look->counts[BUILTIN_REFERENCES] && is_ours(look, id_domain(answered)) &&
           !is_ours(look, look->facts->author_domain);
}

/* ---- addresses ---- */

bool builtin_no_recipient(struct builtin_look *look)
{
    return !look->counts[BUILTIN_TO] && !look->counts[BUILTIN_CC] && !look->counts[BUILTIN_LIST_ID] &&
           !look->counts[BUILTIN_LIST_UNSUBSCRIBE];
}

bool builtin_recipient_malformed(struct builtin_look *look)
{
    look->seen = look->fields[BUILTIN_TO];
    return look->to_malformed;
}

static bool is_address(const struct mailbox *mailbox, struct bytes address)
{
    size_t at = bytes_rfind_byte(address, '@');
    return at != BYTES_NOT_FOUND && bytes_equal_nocase(mailbox->local, bytes_first(address, at)) &&
           bytes_equal_nocase(mailbox->domain, bytes_skip(address, at + 1));
}

static bool names(const struct address_list *list, struct bytes address)
{
    for (size_t i = 0; i < list->count && i < NAMED_MAX; i++)
        if (is_address(&list->mailboxes[i], address))
            return true;
    return false;
}

bool builtin_recipient_not_named(struct builtin_look *look)
{
    const struct builtin_facts *facts = look->facts;
    if (!facts->recipient_count || look->counts[BUILTIN_LIST_ID] || look->counts[BUILTIN_LIST_UNSUBSCRIBE] ||
        (!look->to.count && !look->cc.count))
        return false;
    for (size_t i = 0; i < facts->recipient_count && i < NAMED_MAX; i++)
        if (names(&look->to, facts->recipients[i]) || names(&look->cc, facts->recipients[i]))
            return false;
    return look->to.count < NAMED_MAX && look->cc.count < NAMED_MAX;
}

bool builtin_from_is_to(struct builtin_look *look)
{
    const struct builtin_facts *facts = look->facts;
    look->seen = facts->author;
    if (facts->authenticated || !facts->author.len)
        return false;
    for (size_t i = 0; i < facts->recipient_count && i < NAMED_MAX; i++)
        if (bytes_equal_nocase(facts->recipients[i], facts->author))
            return true;
    return false;
}

bool builtin_from_digits(struct builtin_look *look)
{
    struct bytes local = bytes_first(look->facts->author, bytes_rfind_byte(look->facts->author, '@'));
    size_t digits = 0;
    for (size_t i = 0; i < local.len; i++)
        digits += ascii_is_digit(local.ptr[i]);
    look->seen = look->facts->author;
    return digits >= 5 && 2 * digits >= local.len;
}

/* Each is looked at as it stands, since only hosts count. */
bool builtin_reply_to_many(struct builtin_look *look)
{
    struct bytes rest = look->fields[BUILTIN_REPLY_TO], part, first = BYTES("");
    look->seen = rest;
    if (!rest.len)
        return false;
    for (size_t i = 0; i < NAMED_MAX && bytes_split(&rest, ',', &part); i++) {
        size_t at = bytes_rfind_byte(part, '@');
        struct bytes domain = at == BYTES_NOT_FOUND ? BYTES("") : bytes_trim(bytes_skip(part, at + 1));
        domain = bytes_first(domain, bytes_find_byte(domain, '>'));
        if (!phishing_is_free_mail(domain))
            continue;
        if (first.len && !bytes_equal_nocase(first, domain))
            return true;
        first = domain;
    }
    return false;
}

/* ---- the header as a whole ---- */

/* rfc5322:3.6. Several From fields are another check's, and worth more. */
bool builtin_duplicate_field(struct builtin_look *look)
{
    static const enum builtin_field single[] = {BUILTIN_DATE,     BUILTIN_MESSAGE_ID, BUILTIN_SUBJECT,
                                                BUILTIN_TO,       BUILTIN_CC,         BUILTIN_SENDER,
                                                BUILTIN_REPLY_TO, BUILTIN_IN_REPLY_TO, BUILTIN_REFERENCES};
    static const char *const shown[BUILTIN_FIELDS] = {
        [BUILTIN_DATE] = "Date",         [BUILTIN_MESSAGE_ID] = "Message-ID",   [BUILTIN_SUBJECT] = "Subject",
        [BUILTIN_TO] = "To",             [BUILTIN_CC] = "Cc",                   [BUILTIN_SENDER] = "Sender",
        [BUILTIN_REPLY_TO] = "Reply-To", [BUILTIN_IN_REPLY_TO] = "In-Reply-To", [BUILTIN_REFERENCES] = "References"};
    for (size_t i = 0; i < countof(single); i++)
        if (look->counts[single[i]] > 1) {
            look->seen = bytes_of(shown[single[i]]);
            return true;
        }
    return false;
}

bool builtin_header_octets(struct builtin_look *look)
{
    const struct message *message = look->message;
    for (size_t i = 0; i < message->field_count; i++)
        if (!utf8_is_valid(message->fields[i].raw)) {
            look->seen = message->fields[i].name;
            return true;
        }
    return false;
}

bool builtin_header_malformed(struct builtin_look *look)
{
    look->seen = bytes_first(look->message->body, bytes_find_byte(look->message->body, '\r'));
    return look->message->malformed;
}

/* ---- Received ---- */

static bool read_received(const struct builtin_look *look, size_t *from, struct received_trace *out)
{
    const struct header_field *field;
    while ((field = message_field(look->message, "Received", *from))) {
        *from = (size_t)(field - look->message->fields) + 1;
        if (field->value.len <= RECEIVED_VALUE_MAX && received_parse(field->value, out, NULL) == OK)
            return true;
    }
    return false;
}

/* Mail that went through us before says so truly; it then has an author of ours, or comes back by a list. */
bool builtin_received_forged(struct builtin_look *look)
{
    struct received_trace trace;
    size_t from = 0;
    bool passes = look->facts->own_trace;
    if (look->facts->authenticated || look->counts[BUILTIN_LIST_ID] || is_ours(look, look->facts->author_domain))
        return false;
    for (size_t i = 0; i < RECEIVED_MAX && read_received(look, &from, &trace); i++) {
        if (!is_ours(look, trace.by)) {
            passes = false;
        } else if (!passes) {
            look->seen = trace.by;
            return true;
        }
    }
    return false;
}

bool builtin_received_future(struct builtin_look *look)
{
    struct received_trace trace;
    size_t from = 0;
    for (size_t i = 0; i < RECEIVED_MAX && read_received(look, &from, &trace); i++)
        if (trace.has_date && trace.date.epoch > look->facts->received_at + 2 * HOUR) {
            look->seen = trace.date_text;
            return true;
        }
    return false;
}

/* ---- lists ---- */

bool builtin_list_unsubscribe(struct builtin_look *look)
{
    struct bytes value = look->fields[BUILTIN_LIST_UNSUBSCRIBE];
    return bytes_find_nocase(value, BYTES("<https:")) != BYTES_NOT_FOUND ||
           bytes_find_nocase(value, BYTES("<mailto:")) != BYTES_NOT_FOUND;
}
