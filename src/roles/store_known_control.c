/* SPDX-License-Identifier: BSD-2-Clause */
/* What the administrator can ask and change of what is known: contacts, greylist, history. */
#include "roles/store_known.h"

#include "base/ascii.h"
#include "base/domain.h"
#include "base/log.h"
#include "reputation/trap.h"

enum { LINES_MOST = 100000, LINE_MAX_OCTETS = CONTROL_TEXT_MAX };

/* Scanning: pages of keys, until all are seen or enough are found. */

struct scanning {
    struct control_call_state *call;
    struct known_rules rules;
    struct bytes wanted;      /* only lines that hold it */
    struct control_answer *answer;
    size_t capacity;
    /* Keys that were found, where something is to be done to them. */
    struct batch *batch;
    int64_t now;
    bool exhausted;
    uint8_t after[COUNTER_KEY_MAX];
    size_t after_length, seen;
};

typedef bool scan_each(void *context, struct bytes key, uint64_t value, int64_t expires_at);

static void add_field(struct buf *out, struct bytes text)
{
    if (out->len)
        buf_add_byte(out, '\t');
    for (size_t i = 0; i < text.len; i++)
        buf_add_byte(out, ascii_is_control(text.ptr[i]) ? '?' : text.ptr[i]);
}

static void add_number_field(struct buf *out, uint64_t number)
{
    buf_printf(out, "%s%llu", out->len ? "\t" : "", (unsigned long long)number);
}

/* Frees the line. */
static bool add_line(struct scanning *scanning, struct buf *line)
{
    struct control_answer *answer = scanning->answer;
    struct arena *arena = scanning->call->arena;
    bool wanted = !scanning->wanted.len || bytes_find_nocase(buf_bytes(line), scanning->wanted) != BYTES_NOT_FOUND;
    if (wanted && answer->name_count == scanning->capacity) {
        size_t capacity = scanning->capacity ? scanning->capacity * 2 : 256;
        struct bytes *more = arena_alloc_array(arena, capacity, sizeof(*more));
        for (size_t i = 0; more && i < answer->name_count; i++)
            more[i] = answer->names[i];
        scanning->exhausted |= !more;
        if (more) {
            answer->names = more;
            scanning->capacity = capacity;
        }
    }
    if (wanted && !line->failed && !scanning->exhausted)
        answer->names[answer->name_count++] = arena_copy(arena, buf_bytes(line));
    buf_free(line);
    return !scanning->exhausted && answer->name_count < LINES_MOST;
}

/* Remembers where to go on. */
static void note(struct scanning *scanning, struct bytes key)
{
    scanning->seen++;
    scanning->after_length = key.len <= sizeof(scanning->after) ? key.len : 0;
    for (size_t i = 0; i < scanning->after_length; i++)
        scanning->after[i] = key.ptr[i];
}

static enum result scan(struct store *store, struct scanning *scanning, struct bytes prefix, scan_each *each,
                        struct error *error)
{
    enum result result;
    do {
        scanning->seen = 0;
        result = counters_scan(store->counters, prefix, bytes_from(scanning->after, scanning->after_length),
                               COUNTER_SCAN_MAX, loop_epoch(), each, scanning, error);
    } while (result == OK && scanning->seen == COUNTER_SCAN_MAX && !scanning->exhausted &&
             scanning->answer->name_count < LINES_MOST);
    return result == OK && scanning->exhausted ? error_set(error, TEMP, "out of memory") : result;
}

static void fail(struct control_call_state *call, struct control_answer *answer, enum result result,
                 const char *text)
{
    answer->result = result;
    answer->text = arena_printf(call->arena, "%s", text);
}

/* Contacts */

static bool list_contact(void *context, struct bytes key, uint64_t value, int64_t expires_at)
{
    struct scanning *scanning = context;
    struct bytes owner, address;
    struct contact contact;
    struct buf line;
    note(scanning, key);
    if (!contact_read_key(key, value, expires_at, &owner, &address, &contact))
        return true;
    buf_init(&line, LINE_MAX_OCTETS);
    add_field(&line, owner);
    add_field(&line, address);
    add_number_field(&line, contact.count);
    add_number_field(&line, contact.answers);
    add_number_field(&line, contact.manual);
    add_number_field(&line, contact.until > 0 ? (uint64_t)contact.until : 0);
    return add_line(scanning, &line);
}

/* "*" or a mailbox as contacts are kept under. */
static bool owner_of(struct store *store, struct control_call_state *call, struct bytes account,
                     struct bytes *owner, struct control_answer *answer)
{
    *owner = bytes_is(account, "*") ? CONTACT_SITE : known_owner(store->recipients, call->arena, account);
    if (!owner->len)
        fail(call, answer, PERM, "the account must be a whole address, or * for all of the site");
    return owner->len > 0;
}

static void list_contacts(struct store *store, struct control_call_state *call,
                          const struct control_command *command, struct control_answer *answer)
{
    struct scanning *scanning = arena_new(call->arena, struct scanning);
    struct bytes owner = BYTES("");
    struct error error;
    if (!scanning || (command->account.len && !owner_of(store, call, command->account, &owner, answer)))
        return;
    *scanning = (struct scanning){.call = call, .wanted = command->text, .answer = answer};
    enum result result = scan(store, scanning, contact_prefix(call->arena, owner), list_contact, &error);
    if (result == OK && owner.len) {
        /* What was written by hand stands apart. */
        struct bytes parts[] = {BYTES("contact-manual:"), owner, bytes_from("", 1)};
        scanning->after_length = 0;
        result = scan(store, scanning, arena_concat(call->arena, parts, countof(parts)), list_contact, &error);
    }
    answer->count = answer->name_count;
    if (result != OK)
        fail(call, answer, result, error.text);
}

static void add_contact(struct store *store, struct control_call_state *call,
                        const struct control_command *command, struct control_answer *answer)
{
    struct batch batch = batch_in(call->arena);
    struct bytes owner, address;
    struct error error;
    if (!owner_of(store, call, command->account, &owner, answer))
        return;
    if (contact_address(call->arena, command->text, &address) != OK) {
        fail(call, answer, PERM, "the contact is no address");
        return;
    }
    contact_add(&batch, owner, address, loop_epoch());
    if (batch_run(&batch, store->counters, loop_epoch(), &error) != OK)
        fail(call, answer, TEMP, error.text);
    else
        answer->count = 1;
}

static enum result remove_contact(struct store *store, struct control_call_state *call, struct bytes owner,
                                  struct bytes address, struct control_answer *answer, struct error *error)
{
    struct arena_mark mark = arena_mark(call->arena);
    struct batch asked = batch_in(call->arena), batch = batch_in(call->arena);
    struct contact known;
    size_t index = contact_ask(&asked, owner, address);
    enum result result = batch_run(&asked, store->counters, loop_epoch(), error);
    if (result == OK && contact_read(&asked, index, &known)) {
        contact_remove(&batch, owner, address, &known);
        result = batch_run(&batch, store->counters, loop_epoch(), error);
        answer->count += result == OK;
    }
    arena_rewind(call->arena, mark);
    return result;
}

static void remove_contacts(struct store *store, struct control_call_state *call,
                            const struct control_command *command, struct control_answer *answer)
{
    struct bytes owner, address;
    struct error error;
    enum result result = OK;
    if (!owner_of(store, call, command->account, &owner, answer))
        return;
    if (command->text.len) {
        if (contact_address(call->arena, command->text, &address) != OK)
            address = command->text;
        result = remove_contact(store, call, owner, address, answer, &error);
    } else {
        struct control_answer all = {.result = OK};
        struct control_command everything = {.account = command->account};
        list_contacts(store, call, &everything, &all);
        for (size_t i = 0; i < all.name_count && result == OK; i++) {
            struct bytes rest = all.names[i], part;
            if (bytes_split(&rest, '\t', &part) && bytes_split(&rest, '\t', &address))
                result = remove_contact(store, call, owner, address, answer, &error);
        }
    }
    if (result != OK)
        fail(call, answer, result, error.text);
    else if (!answer->count)
        fail(call, answer, NONE, "there is no such contact");
}

/* The greylist */

static bool list_greylisted(void *context, struct bytes key, uint64_t value, int64_t expires_at)
{
    struct scanning *scanning = context;
    struct greylist_entry entry;
    struct buf line;
    note(scanning, key);
    if (!greylist_read_key(key, value, expires_at, &scanning->rules.of_greylist, &entry))
        return true;
    buf_init(&line, LINE_MAX_OCTETS * 2);
    /* The state of a network on its way to being white says how far it is. */
    add_field(&line, bytes_of(greylist_state_name(entry.state)));
    add_field(&line, entry.domain);
    add_field(&line, bytes_first(entry.sender, 300));
    add_field(&line, bytes_first(entry.recipient, 300));
    add_number_field(&line, entry.passed);
    add_number_field(&line, entry.since > 0 ? (uint64_t)entry.since : 0);
    add_number_field(&line, entry.until > 0 ? (uint64_t)entry.until : 0);
    return add_line(scanning, &line);
}

static void list_greylist(struct store *store, struct control_call_state *call,
                          const struct control_command *command, struct control_answer *answer)
{
    struct scanning *scanning = arena_new(call->arena, struct scanning);
    struct error error;
    if (!scanning)
        return;
    *scanning = (struct scanning){.call = call,
                                  .wanted = command->text,
                                  .answer = answer,
                                  .rules = known_rules_from(&store->role->config)};
    enum result result = scan(store, scanning, GREYLIST_PREFIX, list_greylisted, &error);
    answer->count = answer->name_count;
    if (result != OK)
        fail(call, answer, result, error.text);
}

/* What waits and concerns an address: its sender (as it is kept), or its recipient. */
static bool release_waiting(void *context, struct bytes key, uint64_t value, int64_t expires_at)
{
    struct scanning *scanning = context;
    struct greylist_entry entry;
    note(scanning, key);
    if (!greylist_read_key(key, value, expires_at, &scanning->rules.of_greylist, &entry) ||
        entry.state != GREYLIST_WAITING)
        return true;
    if (bytes_equal_nocase(entry.sender, scanning->wanted) || bytes_equal_nocase(entry.recipient, scanning->wanted) ||
        bytes_equal_nocase(entry.sender, greylist_sender(scanning->call->arena, scanning->wanted))) {
        struct bytes copy = arena_copy(scanning->call->arena, key);
        scanning->answer->count += greylist_release_key(scanning->batch, &scanning->rules.of_greylist, copy,
                                                        scanning->now);
    }
    scanning->exhausted |= scanning->batch->failed;
    return !scanning->exhausted;
}

static void release_greylist(struct store *store, struct control_call_state *call,
                             const struct control_command *command, struct control_answer *answer)
{
    struct batch batch = batch_in(call->arena);
    struct scanning *scanning = arena_new(call->arena, struct scanning);
    struct known_rules rules = known_rules_from(&store->role->config);
    struct bytes what = arena_lower(call->arena, command->text);
    struct ip_network network;
    struct error error;
    enum result result = OK;
    if (!scanning || !what.len) {
        fail(call, answer, PERM, "wants a domain, a network or an address");
        return;
    }
    *scanning = (struct scanning){
        .call = call, .wanted = what, .answer = answer, .rules = rules, .batch = &batch, .now = loop_epoch()};
    if (bytes_find_byte(what, '@') != BYTES_NOT_FOUND) {
        result = scan(store, scanning, GREYLIST_PREFIX, release_waiting, &error);
    } else {
        /* An address stands for its network. */
        if (ip_network_parse(what, &network))
            what = history_network(call->arena, &network.ip, 24, 64);
        else if (!domain_is_valid(what))
            result = error_set(&error, PERM, "it is neither a domain nor a network nor an address");
        if (result == OK)
            greylist_release(&batch, &rules.of_greylist, what, loop_epoch());
        answer->count = 1;
    }
    if (result == OK)
        result = batch_run(&batch, store->counters, loop_epoch(), &error);
    if (result != OK)
        fail(call, answer, result, error.text);
    else if (!answer->count)
        fail(call, answer, NONE, "nothing of it waits");
}

/* History */

/* The identities that a domain or network stands for. */
static size_t identities_of(struct control_call_state *call, struct bytes text, struct history_identity out[2])
{
    struct ip_network network;
    struct bytes name = arena_lower(call->arena, text);
    if (ip_network_parse(name, &network)) {
        out[0] = (struct history_identity){
            .kind = HISTORY_NETWORK,
            .name = history_network(call->arena, &network.ip, HISTORY_NETWORK_V4, HISTORY_NETWORK_V6)};
        return 1;
    }
    if (!domain_is_valid(name))
        return 0;
    out[0] = (struct history_identity){.kind = HISTORY_DKIM, .name = name};
    out[1] = (struct history_identity){.kind = HISTORY_SPF, .name = name};
    return 2;
}

static void show_one(struct control_call_state *call, struct control_answer *answer,
                     const struct history_identity *identity, const struct history *history, bool trapped)
{
    struct scanning scanning = {.call = call, .answer = answer, .capacity = 2};
    struct buf line;
    buf_init(&line, LINE_MAX_OCTETS);
    add_field(&line, bytes_of(history_kind_name(identity->kind)));
    add_field(&line, identity->name);
    add_number_field(&line, (uint64_t)history->first);
    add_number_field(&line, (uint64_t)history->last);
    add_number_field(&line, history->reset);
    add_number_field(&line, trapped);
    for (size_t i = 0; i < HISTORY_COUNTS; i++)
        add_number_field(&line, history->counts[i]);
    (void)!add_line(&scanning, &line);
}

static void show_reputation(struct store *store, struct control_call_state *call,
                            const struct control_command *command, struct control_answer *answer)
{
    struct known_rules rules = known_rules_from(&store->role->config);
    struct batch batch = batch_in(call->arena);
    struct history_identity identities[2];
    size_t asked[2], traps[2], count = identities_of(call, command->text, identities);
    struct error error;
    int64_t now = loop_epoch();
    for (size_t i = 0; i < count; i++) {
        asked[i] = history_ask(&batch, &rules.of_history, &identities[i], now);
        traps[i] = trap_ask(&batch, &identities[i]);
    }
    answer->names = arena_alloc_array(call->arena, 2, sizeof(*answer->names));
    if (!count || !answer->names || batch_run(&batch, store->counters, now, &error) != OK) {
        fail(call, answer, count ? TEMP : PERM, count ? "the counters cannot be read" : "it is no domain or network");
        return;
    }
    for (size_t i = 0; i < count; i++) {
        struct history history;
        history_read(&batch, asked[i], &rules.of_history, &identities[i], NULL, now, &history);
        if (history.last || batch_at(&batch, traps[i])->found)
            show_one(call, answer, &identities[i], &history, trap_read(&batch, traps[i], &history));
    }
    answer->count = answer->name_count;
    if (!answer->count)
        fail(call, answer, NONE, "nothing is known of it");
}

static void change_reputation(struct store *store, struct control_call_state *call,
                              const struct control_command *command, struct control_answer *answer)
{
    struct known_rules rules = known_rules_from(&store->role->config);
    struct batch batch = batch_in(call->arena);
    struct history_identity identities[2];
    size_t count = identities_of(call, command->text, identities);
    struct error error;
    int64_t now = loop_epoch();
    enum result result = count ? OK : error_set(&error, PERM, "it is no domain or network");
    if (command->verb == CONTROL_REPUTATION_FORGET) {
        for (size_t i = 0; i < count; i++) {
            history_forget(&batch, &rules.of_history, &identities[i], now);
            trap_forget(&batch, &identities[i]);
        }
        if (result == OK)
            result = batch_run(&batch, store->counters, now, &error);
    }
    for (size_t i = 0; i < count && command->verb == CONTROL_REPUTATION_COMPLAIN && result == OK; i++)
        result = known_complain(store->counters, &rules, call->arena, &identities[i],
                                command->account.len ? arena_lower(call->arena, command->account) : BYTES("admin"),
                                now, &error);
    if (result != OK)
        fail(call, answer, result, error.text);
    else
        answer->count = count;
}

void store_control_known(struct store *store, struct control_call_state *call,
                         const struct control_command *command, struct control_answer *answer)
{
    switch (command->verb) {
    case CONTROL_CONTACT_LIST:
        list_contacts(store, call, command, answer);
        return;
    case CONTROL_CONTACT_ADD:
        add_contact(store, call, command, answer);
        break;
    case CONTROL_CONTACT_REMOVE:
        remove_contacts(store, call, command, answer);
        break;
    case CONTROL_GREYLIST_LIST:
        list_greylist(store, call, command, answer);
        return;
    case CONTROL_GREYLIST_RELEASE:
        release_greylist(store, call, command, answer);
        break;
    case CONTROL_REPUTATION_SHOW:
        show_reputation(store, call, command, answer);
        return;
    default:
        change_reputation(store, call, command, answer);
        break;
    }
    if (answer->result == OK)
        log_info("control", "what is known of " BYTES_FMT "%s" BYTES_FMT " was changed", BYTES_ARG(command->text),
                 command->account.len ? ", account " : "", BYTES_ARG(command->account));
}
