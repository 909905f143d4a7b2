/* SPDX-License-Identifier: BSD-2-Clause */
/* Where a message goes: the mailboxes, and the addresses elsewhere, that its recipients lead to. */
#include "roles/store_deliver.h"

#include "base/log.h"
#include "base/map.h"
#include "message/mailbox.h"
#include "smtp/server.h"

struct finding {
    struct delivering *delivering;
    struct map *seen;     /* address -> index of its destination, from 1 on */
};

static bool make_room(struct delivering *delivering)
{
    struct arena *arena = delivering->arena;
    if (delivering->count < delivering->capacity)
        return true;
    size_t more = delivering->capacity ? delivering->capacity * 2 : 4;
    struct destination *destinations = arena_alloc_array(arena, more, sizeof(*destinations));
    const struct delivery_recipient **given = arena_alloc_array(arena, more, sizeof(*given));
    bool *relayed = arena_alloc_array(arena, more, sizeof(*relayed));
    enum result *gone = arena_alloc_array(arena, more, sizeof(*gone));
    if (!destinations || !given || !relayed || !gone)
        return false;
    for (size_t i = 0; i < delivering->count; i++) {
        destinations[i] = delivering->destinations[i];
        given[i] = delivering->given[i];
        relayed[i] = delivering->relayed[i];
        gone[i] = delivering->gone[i];
    }
    delivering->destinations = destinations;
    delivering->given = given;
    delivering->relayed = relayed;
    delivering->gone = gone;
    delivering->capacity = more;
    return true;
}

static bool add_destination(struct delivering *delivering, const struct delivery_recipient *given,
                            const struct destination *destination, bool relayed, enum result gone)
{
    if (!make_room(delivering))
        return false;
    delivering->given[delivering->count] = given;
    delivering->relayed[delivering->count] = relayed;
    delivering->gone[delivering->count] = gone;
    delivering->destinations[delivering->count++] = *destination;
    return true;
}

static bool add_once(struct finding *finding, const struct delivery_recipient *given,
                     const struct destination *destination, bool relayed, size_t *index)
{
    struct delivering *delivering = finding->delivering;
    uintptr_t place = (uintptr_t)map_get(finding->seen, destination->address);
    if (place) {
        *index = place - 1;
        return true;
    }
    *index = delivering->count;
    place = delivering->count + 1;
    return map_put(finding->seen, destination->address, (void *)place, NULL) &&
           add_destination(delivering, given, destination, relayed, OK);
}

/* It leads to several: the sender hears of that, and nothing of each of them but its failure. */
static const struct delivery_recipient *without_success(struct arena *arena,
                                                        const struct delivery_recipient *given)
{
    struct delivery_recipient *copy = arena_new(arena, struct delivery_recipient);
    if (!copy)
        return NULL;
    *copy = *given;
    copy->notify &= ~(unsigned)SMTP_NOTIFY_SUCCESS;
    if (given->notify && !copy->notify)
        copy->notify = SMTP_NOTIFY_NEVER;
    return copy;
}

static bool look_up(struct finding *finding, struct bytes local, struct bytes domain, struct bytes address,
                    bool elsewhere, struct recipient_lookup *found)
{
    struct arena *arena = finding->delivering->arena;
    if (recipients_lookup(finding->delivering->recipients, arena, local, domain, found) != OK)
        return false;
    /* The edge says whether it may be sent on: ours alone are not asked for. */
    if (found->status != RECIPIENT_FOREIGN || !elsewhere)
        return true;
    found->destinations = arena_new(arena, struct destination);
    if (!found->destinations)
        return false;
    found->destinations[found->destination_count++] =
        (struct destination){.address = address, .kind = CONFIG_DELIVER_REMOTE};
    return true;
}

/* It was welcome at RCPT; since then the recipients were read anew. */
static bool add_gone(struct delivering *delivering, const struct delivery_recipient *given,
                     enum recipient_status status)
{
    struct destination nowhere = {.address = given->mailbox, .kind = CONFIG_DELIVER_MAILDIR};
    return add_destination(delivering, given, &nowhere, false, status == RECIPIENT_LIST ? TEMP : PERM);
}

static bool find_recipient(struct finding *finding, const struct delivery_recipient *recipient,
                           struct lead *lead)
{
    struct delivering *delivering = finding->delivering;
    struct recipient_lookup found;
    size_t index;
    if (!look_up(finding, recipient->local, recipient->domain, recipient->mailbox, recipient->elsewhere, &found))
        return false;
    *lead = (struct lead){.targets = found.destination_count, .given = recipient};
    if (!found.destination_count)
        return add_gone(delivering, recipient, found.status);
    if (found.destination_count > 1 && recipient->notify & SMTP_NOTIFY_SUCCESS)
        lead->given = without_success(delivering->arena, recipient);
    for (size_t i = 0; i < found.destination_count && lead->given; i++) {
        if (!add_once(finding, lead->given, &found.destinations[i], found.relay, &index))
            return false;
        if (i == 0)
            lead->first = index;
    }
    return lead->given != NULL;
}

/* The members were looked up when they were read; what has changed since then is one member less. */
static bool find_member(struct finding *finding, const struct mailing_list *list, struct bytes member)
{
    struct mailbox mailbox;
    struct recipient_lookup found;
    size_t index;
    if (mailbox_parse(finding->delivering->arena, member, MAILBOX_UTF8, &mailbox, NULL) != OK ||
        !look_up(finding, mailbox.local, mailbox.domain, member, true, &found))
        return false;
    /* A list that is a member of another would be a copy under the wrong name. */
    if (!found.destination_count)
        log_warning("list", BYTES_FMT ": its member " BYTES_FMT " leads nowhere", BYTES_ARG(list->name),
                    BYTES_ARG(member));
    for (size_t i = 0; i < found.destination_count; i++)
        if (!add_once(finding, NULL, &found.destinations[i], found.relay, &index))
            return false;
    return true;
}

static bool find_all(struct finding *finding)
{
    struct delivering *delivering = finding->delivering;
    const struct delivery_request *request = delivering->request;
    const struct mailing_list *list =
        request->list.len ? recipients_list(delivering->recipients, request->list) : NULL;
    for (size_t i = 0; list && i < list->member_count; i++)
        if (!find_member(finding, list, list->members[i]))
            return false;
    for (size_t i = 0; i < request->recipient_count && !request->list.len; i++)
        if (!find_recipient(finding, &request->recipients[i], &delivering->leads[i]))
            return false;
    return true;
}

bool store_find_destinations(struct delivering *delivering)
{
    struct arena *arena = delivering->arena;
    struct finding finding = {delivering, map_create()};
    delivering->leads =
        arena_alloc_array(arena, delivering->request->recipient_count, sizeof(struct lead));
    bool fine = finding.seen && delivering->leads && find_all(&finding);
    map_destroy(finding.seen, NULL);
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
    /* Its members are many, and its signature would speak for it. */
    if (delivery_is_junk(request) && request->origin != ORIGIN_OURS) {
        *refusal = (struct protocol_reply){550, BYTES("5.7.1"),
                                           BYTES("This message looks like junk, which does not go to a list.")};
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
