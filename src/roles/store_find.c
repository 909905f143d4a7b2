/* SPDX-License-Identifier: BSD-2-Clause */
/* Where a message goes: the mailboxes, and the addresses elsewhere, that its recipients lead to. */
#include "roles/store_deliver.h"

#include "base/map.h"
#include "message/mailbox.h"

static bool add_destination(struct delivering *delivering, const struct delivery_recipient *given,
                            const struct destination *destination, bool relayed)
{
    struct arena *arena = delivering->arena;
    if (delivering->count == delivering->capacity) {
        size_t more = delivering->capacity ? delivering->capacity * 2 : 4;
        struct destination *destinations = arena_alloc_array(arena, more, sizeof(*destinations));
        const struct delivery_recipient **all_given =
            arena_alloc_array(arena, more, sizeof(*all_given));
        bool *all_relayed = arena_alloc_array(arena, more, sizeof(*all_relayed));
        if (!destinations || !all_given || !all_relayed)
            return false;
        for (size_t i = 0; i < delivering->count; i++) {
            destinations[i] = delivering->destinations[i];
            all_given[i] = delivering->given[i];
            all_relayed[i] = delivering->relayed[i];
        }
        delivering->destinations = destinations;
        delivering->given = all_given;
        delivering->relayed = all_relayed;
        delivering->capacity = more;
    }
    delivering->given[delivering->count] = given;
    delivering->relayed[delivering->count] = relayed;
    delivering->destinations[delivering->count++] = *destination;
    return true;
}

static bool add_once(struct delivering *delivering, const struct delivery_recipient *given,
                     const struct destination *destination, bool relayed, struct map *seen)
{
    if (map_get(seen, destination->address))
        return true;
    return map_put(seen, destination->address, delivering, NULL) &&
           add_destination(delivering, given, destination, relayed);
}

static bool find_address(struct delivering *delivering, const struct delivery_recipient *given,
                         struct bytes local, struct bytes domain, struct bytes address, bool elsewhere,
                         struct map *seen)
{
    struct recipient_lookup found;
    struct destination remote = {.address = address, .kind = CONFIG_DELIVER_REMOTE};
    if (recipients_lookup(delivering->recipients, delivering->arena, local, domain, &found) != OK)
        return false;
    /* The edge says whether it may be sent on: ours alone are not asked for. */
    if (found.status == RECIPIENT_FOREIGN)
        return !elsewhere || add_once(delivering, given, &remote, false, seen);
    for (size_t i = 0; i < found.destination_count; i++)
        if (!add_once(delivering, given, &found.destinations[i], found.relay, seen))
            return false;
    return true;
}

static bool find_members(struct delivering *delivering, const struct mailing_list *list, struct map *seen)
{
    struct mailbox mailbox;
    for (size_t i = 0; i < list->member_count; i++) {
        enum result result = mailbox_parse(delivering->arena, list->members[i], MAILBOX_UTF8, &mailbox, NULL);
        /* A list that is a member of another would be a copy under the wrong name. */
        if (result != OK || !find_address(delivering, NULL, mailbox.local, mailbox.domain, list->members[i],
                                          true, seen))
            return false;
    }
    return true;
}

bool store_find_destinations(struct delivering *delivering)
{
    const struct delivery_request *request = delivering->request;
    struct map *seen = map_create();
    bool fine = seen != NULL;
    const struct mailing_list *list =
        request->list.len ? recipients_list(delivering->recipients, request->list) : NULL;
    if (list && fine)
        fine = find_members(delivering, list, seen);
    for (size_t i = 0; i < request->recipient_count && fine && !request->list.len; i++) {
        const struct delivery_recipient *recipient = &request->recipients[i];
        fine = find_address(delivering, recipient, recipient->local, recipient->domain, recipient->mailbox,
                            recipient->elsewhere, seen);
    }
    map_destroy(seen, NULL);
    struct arena *arena = delivering->arena;
    delivering->outcomes = arena_alloc_array(arena, delivering->count, sizeof(struct store_outcome));
    delivering->taken = arena_alloc_array(arena, delivering->count, sizeof(bool));
    return fine && delivering->outcomes && delivering->taken;
}

/* What he says of himself counts only if it was authenticated. */
bool store_may_post(const struct delivering *delivering, struct protocol_reply *refusal)
{
    const struct delivery_request *request = delivering->request;
    const struct mailing_list *list =
        request->list.len ? recipients_list(delivering->recipients, request->list) : NULL;
    if (!request->list.len)
        return true;
    if (!list) {
        *refusal = (struct protocol_reply){451, BYTES("4.3.5"), BYTES("This list has just gone. Please try again.")};
        return false;
    }
    bool fine = mailing_list_admits(list, request->author);
    if (!fine)
        *refusal = (struct protocol_reply){
            550, BYTES("5.7.2"),
            list->post == CONFIG_LIST_OWNER ? BYTES("Only its owner may write to this list.")
                                            : BYTES("Only members may write to this list, from the address that "
                                                    "they are members with, and authenticated.")};
    return fine;
}
