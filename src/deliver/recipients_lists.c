/* SPDX-License-Identifier: BSD-2-Clause */
/* Reading the sections about other sites' recipients: domains that we relay for, and mailing lists. */
#include "deliver/recipients_private.h"
#include "message/mailbox.h"

enum { MEMBERS_MAX = 100000 };

/* Relays */

struct relay_users {
    struct map *map;
    const struct config_relay *relay;
};

static void read_relay_user(struct loading *loading, struct bytes line, void *context)
{
    const struct relay_users *users = context;
    size_t at = bytes_rfind_byte(line, '@');
    if (at != BYTES_NOT_FOUND && !config_strings_contain(&users->relay->domains, bytes_skip(line, at + 1)))
        recipients_fault(loading, "'" BYTES_FMT "' is in none of the relay's domains", BYTES_ARG(line));
    else if (at == 0 || bytes_find_byte(line, ' ') != BYTES_NOT_FOUND)
        recipients_fault(loading, "'" BYTES_FMT "' is no recipient", BYTES_ARG(line));
    else if (at == BYTES_NOT_FOUND)
        recipients_insert(loading, users->map, line, users->map);
    else
        /* For one of several domains: known in all of them, which the primary sorts out. */
        recipients_insert(loading, users->map, bytes_first(line, at), users->map);
}

static void load_relay(struct loading *loading, const struct config_relay *relay)
{
    struct recipients *recipients = loading->recipients;
    struct map *users = recipients_new_map(loading), *aliases = recipients_new_map(loading);
    struct config_domain *section = arena_new(recipients->arena, struct config_domain);
    if (!users || !aliases || !section)
        return;
    section->catch_all = section->delimiter = arena_string(recipients->arena, BYTES(""));
    section->policy = arena_string(recipients->arena, bytes_of(relay->policy));
    if (relay->recipients[0])
        recipients_read_lines(loading, relay->recipients, "relay: recipients", read_relay_user,
                              &(struct relay_users){users, relay});
    for (size_t i = 0; i < relay->domains.count; i++) {
        struct place *place = arena_new(recipients->arena, struct place);
        if (!place) {
            recipients_fault(loading, "out of memory");
            return;
        }
        *place = (struct place){.name = arena_lower(recipients->arena, bytes_of(relay->domains.items[i])),
                                .config = section,
                                .users = users,
                                .aliases = aliases,
                                .kind = CONFIG_DELIVER_REMOTE,
                                .relay = true,
                                .any_user = !relay->recipients[0]};
        if (recipients_place(recipients, place->name))
            recipients_fault(loading, "relay " BYTES_FMT ": it is a domain of ours, too", BYTES_ARG(place->name));
        else
            recipients_insert(loading, recipients->places, place->name, place);
    }
}

void recipients_load_relays(struct loading *loading, const struct config *config)
{
    for (size_t i = 0; i < config->relay_count; i++)
        load_relay(loading, &config->relays[i]);
}

/* Lists */

static void read_member(struct loading *loading, struct bytes line, void *context)
{
    struct mailing_list *list = context;
    struct arena *arena = loading->recipients->arena;
    struct mailbox mailbox;
    if (mailbox_parse(arena, line, MAILBOX_UTF8, &mailbox, NULL) != OK || !mailbox.domain.len) {
        recipients_fault(loading, "'" BYTES_FMT "' is no mail address", BYTES_ARG(line));
        return;
    }
    if (mailing_list_has(list, line))
        return;
    if (list->member_count == MEMBERS_MAX) {
        recipients_fault(loading, "more than %d members", MEMBERS_MAX);
        return;
    }
    if (list->member_count % 256 == 0) {
        struct bytes *more = arena_alloc_array(arena, list->member_count + 256, sizeof(*more));
        if (!more) {
            recipients_fault(loading, "out of memory");
            return;
        }
        for (size_t i = 0; i < list->member_count; i++)
            more[i] = list->members[i];
        list->members = more;
    }
    list->members[list->member_count++] = line;
    recipients_insert(loading, list->index, line, list);
}

static bool add_address(struct loading *loading, struct place *place, const struct mailing_list *list,
                        struct bytes local, const char *suffix)
{
    struct list_address *address = arena_new(loading->recipients->arena, struct list_address);
    struct bytes name = arena_printf(loading->recipients->arena, BYTES_FMT "%s", BYTES_ARG(local), suffix);
    if (!address || !name.ptr)
        return false;
    *address = (struct list_address){list, suffix[0] != '\0'};
    if (recipients_local(place->users, name) || recipients_local(place->aliases, name))
        recipients_fault(loading, "list " BYTES_FMT ": '" BYTES_FMT "' is a user or alias, too",
                         BYTES_ARG(list->name), BYTES_ARG(name));
    return recipients_insert(loading, place->lists, name, address);
}

/* The owner is ours or anybody: a bare name is one of the list's domain. */
static struct bytes owner_of(struct loading *loading, const struct config_list *section, struct bytes domain)
{
    struct bytes owner = bytes_of(section->owner);
    if (bytes_find_byte(owner, '@') != BYTES_NOT_FOUND)
        return arena_copy(loading->recipients->arena, owner);
    return arena_printf(loading->recipients->arena, BYTES_FMT "@" BYTES_FMT, BYTES_ARG(owner),
                        BYTES_ARG(domain));
}

static void load_list(struct loading *loading, const struct config_list *section, struct mailing_list *list)
{
    struct recipients *recipients = loading->recipients;
    struct arena *arena = recipients->arena;
    struct bytes address = bytes_of(section->address);
    size_t at = bytes_rfind_byte(address, '@');
    struct place *place =
        at == BYTES_NOT_FOUND ? NULL : recipients_place(recipients, bytes_skip(address, at + 1));
    *list = (struct mailing_list){.name = arena_copy(arena, bytes_of(section->name)),
                                  .address = arena_copy(arena, address),
                                  .post = section->post};
    if (!place || place->relay) {
        recipients_fault(loading, "list %s: its address '%s' is in no domain of ours", section->name,
                         section->address);
        return;
    }
    list->owner = owner_of(loading, section, place->name);
    list->index = recipients_new_map(loading);
    if (!place->lists)
        place->lists = recipients_new_map(loading);
    if (!list->index || !place->lists)
        return;
    const char *what = arena_string(arena, arena_printf(arena, "list %s: members", section->name));
    recipients_read_lines(loading, section->members, what ? what : "members", read_member, list);
    struct bytes local = bytes_first(list->address, at);
    if (!add_address(loading, place, list, local, "") || !add_address(loading, place, list, local, "-owner") ||
        !add_address(loading, place, list, local, "-bounces"))
        recipients_fault(loading, "list %s cannot be used", section->name);
    else if (!recipients_leads(recipients, place, list->owner))
        recipients_fault(loading, "list %s: its owner '%s' leads nowhere", section->name, section->owner);
}

/* A member of ours that leads nowhere would miss everything, and nobody would know. */
static void check_member(struct loading *loading, const struct mailing_list *list, struct bytes member,
                         struct arena *scratch)
{
    struct mailbox mailbox;
    struct recipient_lookup found = {.status = RECIPIENT_FOREIGN};
    if (mailbox_parse(scratch, member, MAILBOX_UTF8, &mailbox, NULL) != OK ||
        recipients_lookup(loading->recipients, scratch, mailbox.local, mailbox.domain, &found) != OK)
        recipients_fault(loading, "list " BYTES_FMT ": out of memory", BYTES_ARG(list->name));
    else if (found.status == RECIPIENT_LIST)
        recipients_fault(loading,
                         "list " BYTES_FMT ": its member '" BYTES_FMT "' is a list itself, which would be sent on "
                         "under the wrong name", BYTES_ARG(list->name), BYTES_ARG(member));
    else if (found.status == RECIPIENT_UNKNOWN)
        recipients_fault(loading, "list " BYTES_FMT ": its member '" BYTES_FMT "' is no user or alias of ours",
                         BYTES_ARG(list->name), BYTES_ARG(member));
}

/* When all lists are known, and where mail of theirs goes. */
static void check_members(struct loading *loading)
{
    struct arena *scratch = arena_create(4 << 20);
    if (!scratch)
        recipients_fault(loading, "out of memory");
    for (size_t i = 0; scratch && i < loading->recipients->list_count; i++) {
        const struct mailing_list *list = &loading->recipients->lists[i];
        for (size_t m = 0; m < list->member_count; m++) {
            check_member(loading, list, list->members[m], scratch);
            arena_reset(scratch);
        }
    }
    arena_destroy(scratch);
}

void recipients_load_lists(struct loading *loading, const struct config *config)
{
    struct recipients *recipients = loading->recipients;
    recipients->lists = arena_alloc_array(recipients->arena, config->list_count, sizeof(*recipients->lists));
    for (size_t i = 0; recipients->lists && i < config->list_count; i++)
        load_list(loading, &config->lists[i], &recipients->lists[recipients->list_count++]);
    if (!loading->failed)
        check_members(loading);
}
