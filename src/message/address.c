/* SPDX-License-Identifier: BSD-2-Clause */
#include "message/address.h"

#include "base/ascii.h"
#include "base/utf8.h"
#include "message/structured.h"

#include <string.h>

struct parser {
    struct cursor c;
    struct arena *arena;
    struct octets names;     /* display names and phrases */
    struct octets addresses; /* local parts and domains */
    struct address_list *list;
    size_t capacity;
    struct bytes comment; /* the last one of the address that is read */
    struct bytes group;
    bool in_group;
    bool out_of_memory;
};

/* Words with dots between them. Whether they were a phrase or a local part shows only behind them,
 * so both readings are kept, and nothing is read twice. */
struct words {
    struct bytes phrase, local;
    bool is_local; /* word *("." word) */
};

static void skip(struct parser *p)
{
    structured_skip(&p->c, &p->comment);
}

static void read_words(struct parser *p, struct words *words)
{
    size_t phrase = p->names.used, local = p->addresses.used;
    bool word_due = true, spaced = false;
    words->is_local = true;
    for (;;) {
        int next = cursor_peek(&p->c);
        size_t from = p->addresses.used;
        if (next == '"')
            structured_quoted_string(&p->c, &p->addresses);
        else if (next == '.')
            octets_add(&p->addresses, cursor_take(&p->c, 1));
        else if (next >= 0 && structured_is_atext((uint8_t)next))
            octets_add(&p->addresses, cursor_take_while(&p->c, structured_is_atext));
        else
            break;
        words->is_local = words->is_local && (next == '.') != word_due;
        word_due = next == '.';
        if (spaced)
            octets_add_byte(&p->names, ' ');
        octets_add(&p->names, octets_since(&p->addresses, from));
        size_t before = p->c.position;
        skip(p);
        spaced = p->c.position > before;
    }
    words->is_local = words->is_local && !word_due && !p->c.failed;
    words->phrase = octets_since(&p->names, phrase);
    words->local = octets_since(&p->addresses, local);
}

static bool is_literal_text(uint8_t c)
{
    return c >= 0x80 || (ascii_is_graph(c) && c != '[' && c != ']' && c != '\\');
}

static void read_literal(struct parser *p)
{
    octets_add(&p->addresses, cursor_take(&p->c, 1));
    while (!p->c.failed && cursor_peek(&p->c) != ']') {
        struct bytes text = cursor_take_while(&p->c, is_literal_text);
        octets_add(&p->addresses, text);
        size_t before = p->c.position;
        if (cursor_peek(&p->c) != '(')
            structured_skip(&p->c, NULL);
        if (text.len == 0 && p->c.position == before)
            cursor_fail(&p->c);
    }
    octets_add(&p->addresses, cursor_take(&p->c, 1));
}

static struct bytes read_domain(struct parser *p)
{
    size_t start = p->addresses.used;
    skip(p);
    if (cursor_peek(&p->c) == '[') {
        read_literal(p);
        skip(p);
        return octets_since(&p->addresses, start);
    }
    do {
        if (p->addresses.used > start)
            octets_add_byte(&p->addresses, '.');
        skip(p);
        struct bytes atom = cursor_take_while(&p->c, structured_is_atext);
        if (atom.len == 0)
            cursor_fail(&p->c);
        octets_add(&p->addresses, atom);
        skip(p);
    } while (cursor_accept(&p->c, '.'));
    return octets_since(&p->addresses, start);
}

static void add_mailbox(struct parser *p, const struct mailbox *mailbox)
{
    struct address_list *list = p->list;
    if (p->c.failed)
        return;
    if (list->count == ADDRESS_LIST_MAX || !utf8_is_valid(mailbox->local) ||
        !utf8_is_valid(mailbox->domain)) {
        cursor_fail(&p->c);
        return;
    }
    if (list->count == p->capacity) {
        size_t capacity = p->capacity ? p->capacity * 4 : 2;
        struct mailbox *grown = arena_alloc_array(p->arena, capacity, sizeof(*grown));
        if (!grown) {
            p->out_of_memory = true;
            cursor_fail(&p->c);
            return;
        }
        for (size_t i = 0; i < list->count; i++)
            grown[i] = list->mailboxes[i];
        list->mailboxes = grown;
        p->capacity = capacity;
    }
    struct mailbox *added = &list->mailboxes[list->count++];
    *added = *mailbox;
    added->group = p->group;
    added->in_group = p->in_group;
    added->comment = structured_comment_text(p->arena, p->comment);
}

/* The obsolete source route "@a,@b:" (rfc5322:4.4); what it says is dropped. */
static void skip_route(struct parser *p)
{
    size_t start = p->addresses.used;
    while (cursor_peek(&p->c) == '@' || cursor_peek(&p->c) == ',') {
        if (cursor_take(&p->c, 1).ptr[0] == '@')
            read_domain(p);
        skip(p);
    }
    cursor_expect(&p->c, ':');
    p->addresses.used = start;
}

static void read_angle(struct parser *p, struct bytes display_name, bool irregular)
{
    struct words words;
    cursor_expect(&p->c, '<');
    skip(p);
    int next = cursor_peek(&p->c);
    if (next == '@' || next == ',') {
        skip_route(p);
        skip(p);
    }
    read_words(p, &words);
    if (!words.is_local)
        cursor_fail(&p->c);
    cursor_expect(&p->c, '@');
    struct bytes domain = read_domain(p);
    cursor_expect(&p->c, '>');
    skip(p);
    add_mailbox(p, &(struct mailbox){.display_name = display_name,
                                     .local = words.local,
                                     .domain = domain,
                                     .irregular = irregular});
}

static bool is_irregular_name_octet(uint8_t c)
{
    return c >= 0x80 || (ascii_is_graph(c) && !strchr(",;:\\<>()\"", c));
}

/* A display name that needed quotes and has none: goes on to the angle bracket. */
static void read_irregular_name(struct parser *p, size_t start)
{
    for (;;) {
        int next = cursor_peek(&p->c);
        if (next == '<')
            break;
        size_t before = p->c.position;
        if (next == '"') {
            size_t used = p->names.used;
            structured_quoted_string(&p->c, &p->names);
            p->names.used = used;
        } else if (next >= 0 && is_irregular_name_octet((uint8_t)next)) {
            p->c.position++;
        } else {
            skip(p);
        }
        if (p->c.failed || p->c.position == before) {
            cursor_fail(&p->c);
            return;
        }
    }
    size_t used = p->names.used;
    struct bytes raw = bytes_trim(bytes_slice(p->c.input, start, p->c.position));
    for (size_t i = 0; i < raw.len; i++)
        if (!ascii_is_control(raw.ptr[i]))
            octets_add_byte(&p->names, raw.ptr[i]);
    read_angle(p, octets_since(&p->names, used), true);
}

static void read_group_start(struct parser *p, struct bytes name)
{
    cursor_expect(&p->c, ':');
    if (p->in_group || name.len == 0 || p->list->group_count == ADDRESS_LIST_MAX) {
        cursor_fail(&p->c);
        return;
    }
    p->list->group_count++;
    p->group = name;
    p->in_group = true;
}

static void read_group_end(struct parser *p)
{
    cursor_expect(&p->c, ';');
    p->in_group = false;
    p->group = (struct bytes){NULL, 0};
    skip(p);
}

/* One mailbox, or the start of a group. */
static void read_address(struct parser *p)
{
    struct words words;
    size_t start = p->c.position, names = p->names.used;
    read_words(p, &words);
    switch (cursor_peek(&p->c)) {
    case '<':
        read_angle(p, words.phrase, false);
        return;
    case ':':
        read_group_start(p, words.phrase);
        return;
    case '@':
        break;
    default:
        p->names.used = names;
        read_irregular_name(p, start);
        return;
    }
    /* Without this a long list would keep each address as a name too. */
    p->names.used = names;
    struct bytes domain = {NULL, 0};
    if (words.is_local) {
        p->c.position++;
        domain = read_domain(p);
    }
    int next = cursor_peek(&p->c);
    if (words.is_local && next != '<' && (next == ',' || next == ';' || next == -1))
        add_mailbox(p, &(struct mailbox){.local = words.local, .domain = domain});
    else
        read_irregular_name(p, start);
}

static void read_list(struct parser *p)
{
    bool separated = true;
    skip(p);
    while (!cursor_at_end(&p->c)) {
        if (cursor_accept(&p->c, ',')) {
            separated = true;
            skip(p);
        } else if (p->in_group && cursor_peek(&p->c) == ';') {
            read_group_end(p);
            separated = false;
        } else if (separated) {
            bool was_in_group = p->in_group;
            p->comment = (struct bytes){NULL, 0};
            read_address(p);
            separated = p->in_group && !was_in_group;
            skip(p);
        } else {
            cursor_fail(&p->c);
        }
    }
    if (p->in_group)
        cursor_fail(&p->c);
}

enum result address_list_parse(struct arena *arena, struct bytes value, struct address_list *out,
                               struct error *error)
{
    *out = (struct address_list){0};
    struct parser p = {.c = cursor_over(value), .arena = arena, .list = out};
    /* Phrases and irregular names can both be kept of one text. */
    if (!octets_create(arena, 2 * value.len, &p.names) ||
        !octets_create(arena, value.len + 1, &p.addresses))
        return error_set(error, TEMP, "no memory for addresses");
    read_list(&p);
    if (p.out_of_memory)
        return error_set(error, TEMP, "no memory for addresses");
    if (p.c.failed)
        return error_set(error, PERM, "not an address list, at octet %zu", p.c.position + 1);
    if (out->count == 0 && out->group_count == 0)
        return error_set(error, PERM, "no address");
    return OK;
}
