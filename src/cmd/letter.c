/* SPDX-License-Identifier: BSD-2-Clause */
#include "cmd/letter.h"

#include "base/ascii.h"
#include "base/encode.h"
#include "base/utf8.h"
#include "message/address.h"
#include "message/date.h"
#include "message/header.h"
#include "message/message.h"

enum { ENCODED_WORD_OCTETS = 42 }; /* make 56 characters of base64; a word has 75 (rfc2047:2) */

struct bytes letter_cut_at_dot(struct bytes text)
{
    struct bytes rest = text, line;
    while (rest.len && bytes_split(&rest, '\n', &line))
        if (bytes_is(line, ".") || bytes_is(line, ".\r"))
            return bytes_first(text, (size_t)(line.ptr - text.ptr));
    return text;
}

/* Addresses */

/* Where a scan of an address list stands. */
struct scan {
    struct bytes text;
    size_t at;
    bool quoted, in_angle, has_at;
    unsigned comments;
    size_t word_end; /* of the only word of this address; 0: there is none */
    size_t words;
};

static void next_address(struct scan *scan)
{
    scan->has_at = false;
    scan->word_end = 0;
    scan->words = 0;
}

/* Takes one octet of a word (or a quoted string); words are told apart by what stands between them. */
static void take_word(struct scan *scan)
{
    if (scan->words == 0 || scan->word_end != scan->at)
        scan->words++;
    scan->word_end = scan->at + 1;
}

/* Steps over quotes and comments; false: the octet is of the list itself. */
static bool skip_quoting(struct scan *scan, uint8_t octet)
{
    bool inside = scan->quoted || scan->comments;
    if (inside && octet == '\\' && scan->at + 1 < scan->text.len) {
        if (scan->quoted) {
            take_word(scan);
            scan->at++;
            take_word(scan);
        } else {
            scan->at++;
        }
        return true;
    }
    if (!scan->comments && octet == '"') {
        scan->quoted = !scan->quoted;
        take_word(scan);
        return true;
    }
    if (!scan->quoted && octet == '(')
        scan->comments++;
    else if (scan->comments && octet == ')') {
        scan->comments--;
        return true;
    }
    if (scan->quoted)
        take_word(scan);
    return scan->quoted || scan->comments;
}

void letter_qualify(struct buf *out, struct bytes list, struct bytes domain)
{
    struct scan scan = {.text = list};
    size_t copied = 0;
    for (; scan.at <= list.len; scan.at++) {
        bool end = scan.at == list.len;
        uint8_t octet = end ? ',' : list.ptr[scan.at];
        if (!end && skip_quoting(&scan, octet))
            continue;
        if (octet == '<') {
            next_address(&scan);
            scan.in_angle = true;
        } else if (octet == ',' || octet == ';' || octet == '>') {
            if (scan.words == 1 && !scan.has_at && (octet == '>') == scan.in_angle) {
                buf_add(out, bytes_slice(list, copied, scan.word_end));
                buf_add_byte(out, '@');
                buf_add(out, domain);
                copied = scan.word_end;
            }
            next_address(&scan);
            scan.in_angle = false;
            scan.has_at = octet == '>'; /* nothing is added behind it */
        } else if (octet == ':' && !scan.in_angle) {
            next_address(&scan); /* that was the name of a group */
        } else if (octet == '@') {
            scan.has_at = true;
        } else if (!ascii_is_space(octet)) {
            take_word(&scan);
        }
    }
    buf_add(out, bytes_skip(list, copied));
}

/* The list as it is if it is a proper one, else completed. */
static enum result parse_list(struct arena *arena, struct bytes value, struct bytes domain,
                              struct bytes *text, struct address_list *list, struct error *error)
{
    *text = value;
    enum result result = address_list_parse(arena, value, list, error);
    if (result != PERM)
        return result;
    struct buf qualified;
    buf_init(&qualified, HEADER_MAX * 2);
    letter_qualify(&qualified, value, domain);
    struct bytes copy = qualified.failed ? value : arena_copy(arena, buf_bytes(&qualified));
    buf_free(&qualified);
    if (!copy.ptr)
        return error_set(error, TEMP, "out of memory");
    result = address_list_parse(arena, copy, list, error);
    if (result == OK)
        *text = copy;
    return result;
}

static enum result add_recipient(struct arena *arena, const struct mailbox *mailbox,
                                 struct bytes domain, struct letter *letter, struct error *error)
{
    struct buf text;
    if (letter->recipient_count == LETTER_RECIPIENTS_MAX)
        return error_set(error, PERM, "more than %d recipients", LETTER_RECIPIENTS_MAX);
    buf_init(&text, 4096);
    mailbox_write(&text, mailbox->local, mailbox->domain.len ? mailbox->domain : domain);
    struct bytes address = text.failed ? (struct bytes){NULL, 0} : arena_copy(arena, buf_bytes(&text));
    buf_free(&text);
    if (!address.ptr)
        return error_set(error, TEMP, "out of memory");
    /* One copy each, however often a mailbox is named. */
    for (size_t i = 0; i < letter->recipient_count; i++)
        if (bytes_equal(letter->recipients[i], address))
            return OK;
    letter->recipients[letter->recipient_count++] = address;
    return OK;
}

enum result letter_add_recipients(struct arena *arena, struct bytes list, struct bytes domain,
                                  struct letter *letter, struct error *error)
{
    struct address_list parsed;
    struct error why;
    struct bytes text;
    if (!letter->recipients)
        letter->recipients = arena_alloc_array(arena, LETTER_RECIPIENTS_MAX, sizeof(struct bytes));
    if (!letter->recipients)
        return error_set(error, TEMP, "out of memory");
    enum result result = parse_list(arena, list, domain, &text, &parsed, &why);
    if (result != OK)
        return error_set(error, result, "'" BYTES_FMT "' is no address: %s",
                         BYTES_ARG(bytes_first(list, 200)), why.text);
    for (size_t i = 0; i < parsed.count && result == OK; i++)
        result = add_recipient(arena, &parsed.mailboxes[i], domain, letter, error);
    return result;
}

/* The header */

static bool name_is_one_of(struct bytes name, const char *const *names)
{
    for (; *names; names++)
        if (bytes_is_nocase(name, *names))
            return true;
    return false;
}

static bool holds_addresses(struct bytes name)
{
    static const char *const names[] = {"From", "Sender", "Reply-To", "To", "Cc", "Resent-From",
                                        "Resent-Sender", "Resent-To", "Resent-Cc", NULL};
    return name_is_one_of(name, names);
}

static bool names_recipients(struct bytes name, bool resent)
{
    static const char *const first[] = {"To", "Cc", "Bcc", NULL};
    static const char *const again[] = {"Resent-To", "Resent-Cc", "Resent-Bcc", NULL};
    return name_is_one_of(name, resent ? again : first);
}

static enum result take_recipients(struct arena *arena, const struct message *message,
                                   struct bytes domain, struct letter *out, struct error *error)
{
    bool resent = false;
    for (size_t i = 0; i < message->field_count; i++)
        resent |= names_recipients(message->fields[i].name, true);
    for (size_t i = 0; i < message->field_count; i++) {
        const struct header_field *field = &message->fields[i];
        struct bytes value = header_unfold(arena, field->value);
        struct address_list ignored;
        struct error why;
        /* An empty Bcc is allowed, and an empty To is common. A group without members, too. */
        if (!names_recipients(field->name, resent) || !value.len ||
            (address_list_parse(arena, value, &ignored, &why) == OK && !ignored.count))
            continue;
        enum result result = letter_add_recipients(arena, value, domain, out, error);
        if (result != OK)
            return result;
    }
    return OK;
}

/* A display name as it may stand before an address: quoted, or where it is not ASCII, as encoded words
 * (rfc2047:5). */
static void put_name(struct header_writer *w, struct bytes name)
{
    bool ascii = true;
    for (size_t i = 0; i < name.len; i++)
        ascii &= name.ptr[i] < 0x80;
    if (ascii) {
        header_space(w);
        header_put_quoted(w, name);
        return;
    }
    while (name.len) {
        size_t take = 0, step;
        while (take < name.len && (step = utf8_sequence(bytes_skip(name, take))) > 0 &&
               take + step <= ENCODED_WORD_OCTETS)
            take += step;
        if (!take) {
            name = bytes_skip(name, 1); /* not UTF-8: nobody could show it */
            continue;
        }
        struct buf word;
        buf_init(&word, 128);
        buf_add_string(&word, "=?utf-8?B?");
        base64_encode(&word, bytes_first(name, take));
        buf_add_string(&word, "?=");
        header_word(w, buf_bytes(&word));
        buf_free(&word);
        name = bytes_skip(name, take);
    }
}

static void add_missing(struct buf *out, const struct message *message,
                        const struct letter_sender *sender)
{
    struct header_writer w;
    if (!message_field(message, "From", 0)) {
        header_begin(&w, out, "From");
        if (sender->full_name.len)
            put_name(&w, sender->full_name);
        header_space(&w);
        header_put(&w, BYTES("<"));
        header_put(&w, sender->address);
        header_put(&w, BYTES(">"));
        header_end(&w);
    }
    if (!message_field(message, "Date", 0)) {
        buf_add_string(out, "Date: ");
        date_write(out, sender->now, sender->zone);
        buf_add_string(out, "\r\n");
    }
    if (!message_field(message, "Message-ID", 0)) {
        header_begin(&w, out, "Message-ID");
        header_space(&w);
        header_put(&w, BYTES("<"));
        header_put(&w, sender->message_id);
        header_put(&w, BYTES(">"));
        header_end(&w);
    }
}

static enum result add_field(struct arena *arena, struct buf *out, const struct header_field *field,
                             struct bytes domain)
{
    struct address_list list;
    struct bytes text;
    struct error why;
    struct bytes value = field->value;
    if (bytes_is_nocase(field->name, "Bcc") || bytes_is_nocase(field->name, "Resent-Bcc"))
        return OK;
    /* Lines may be folded: what is rewritten is the whole value, folds included. */
    bool rewrite = holds_addresses(field->name) && bytes_trim(value).len &&
                   parse_list(arena, value, domain, &text, &list, &why) == OK && text.ptr != value.ptr;
    if (!rewrite) {
        buf_add(out, field->raw);
        if (!bytes_ends_with(field->raw, BYTES("\r\n")))
            buf_add_string(out, "\r\n");
        return arena_exhausted(arena) ? TEMP : OK;
    }
    buf_add(out, field->name);
    buf_add_byte(out, ':');
    buf_add(out, text);
    buf_add_string(out, "\r\n");
    return OK;
}

enum result letter_prepare(struct arena *arena, struct bytes raw, const struct letter_sender *sender,
                           bool want_recipients, struct letter *out, struct error *error)
{
    struct message message;
    struct buf header;
    *out = (struct letter){0};
    enum result result = message_parse(arena, raw, &message, error);
    if (result == OK && want_recipients)
        result = take_recipients(arena, &message, sender->domain, out, error);
    if (result != OK)
        return result;
    buf_init(&header, 4 * HEADER_MAX);
    add_missing(&header, &message, sender);
    for (size_t i = 0; i < message.field_count && result == OK; i++)
        result = add_field(arena, &header, &message.fields[i], sender->domain);
    buf_add_string(&header, "\r\n");
    out->header = header.failed ? (struct bytes){NULL, 0} : arena_copy(arena, buf_bytes(&header));
    out->body = message.body;
    buf_free(&header);
    return result == OK && out->header.ptr ? OK : error_set(error, TEMP, "out of memory");
}
