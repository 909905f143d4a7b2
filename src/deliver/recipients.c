/* SPDX-License-Identifier: BSD-2-Clause */
/* Looking recipients up: users, aliases, details, catch-all and the roles that always work. */
#include "deliver/recipients.h"

#include "base/ascii.h"
#include "base/domain.h"
#include "deliver/recipients_private.h"
#include "message/mailbox.h"

#include <stdlib.h>

enum { ALIAS_TARGETS_MAX = 1000, ALIAS_DEPTH_MAX = 20 };

struct place *recipients_place(const struct recipients *recipients, struct bytes domain)
{
    char lower[254];
    domain = domain_strip_dot(domain);
    if (domain.len == 0 || domain.len >= sizeof(lower))
        return NULL;
    for (size_t i = 0; i < domain.len; i++)
        lower[i] = (char)ascii_lower(domain.ptr[i]);
    return map_get(recipients->places, bytes_from(lower, domain.len));
}

void *recipients_local(struct map *map, struct bytes local)
{
    uint8_t lower[256];
    if (local.len > sizeof(lower))
        return NULL;
    for (size_t i = 0; i < local.len; i++)
        lower[i] = ascii_lower(local.ptr[i]);
    return map_get(map, bytes_from(lower, local.len));
}

/* "user+detail" without the detail; the whole if there is no delimiter. */
static struct bytes without_detail(const struct place *place, struct bytes local)
{
    struct bytes delimiters = bytes_of(place->config->delimiter);
    for (size_t at = 1; at < local.len; at++)
        if (bytes_find_byte(delimiters, local.ptr[at]) != BYTES_NOT_FOUND)
            return bytes_first(local, at);
    return local;
}

struct expansion {
    const struct recipients *recipients;
    struct arena *arena;
    struct recipient_lookup *out;
    bool exhausted;
};

/* The folder: the template with {domain} and {user} filled in from our own files' spelling. */
static char *fill_template(struct arena *arena, struct bytes template, struct bytes user,
                           struct bytes domain)
{
    struct buf path;
    buf_init(&path, 4096);
    while (template.len) {
        if (bytes_starts_with(template, BYTES("{user}"))) {
            buf_add(&path, user);
            template = bytes_skip(template, 6);
        } else if (bytes_starts_with(template, BYTES("{domain}"))) {
            buf_add_lower(&path, domain);
            template = bytes_skip(template, 8);
        } else {
            buf_add_byte(&path, template.ptr[0]);
            template = bytes_skip(template, 1);
        }
    }
    char *result = path.failed ? NULL : arena_string(arena, buf_bytes(&path));
    buf_free(&path);
    return result;
}

/* Quoted where it must be: where no file lists the users, the local part is the client's choice. */
static struct bytes write_address(struct arena *arena, struct bytes local, struct bytes domain)
{
    struct buf text;
    buf_init(&text, 2048);
    mailbox_write(&text, local, domain);
    struct bytes address = text.failed ? (struct bytes){NULL, 0} : arena_copy(arena, buf_bytes(&text));
    buf_free(&text);
    return address;
}

static void add_destination(struct expansion *expansion, const struct place *place,
                        const struct user *user, struct bytes name)
{
    struct recipient_lookup *out = expansion->out;
    struct bytes address = write_address(expansion->arena, name, place->name);
    for (size_t i = 0; i < out->destination_count; i++)
        if (bytes_equal_nocase(out->destinations[i].address, address))
            return;
    if (out->destination_count % 4 == 0) {
        struct destination *more =
            arena_alloc_array(expansion->arena, out->destination_count + 4, sizeof(*more));
        if (!more || out->destination_count >= ALIAS_TARGETS_MAX) {
            expansion->exhausted = true;
            return;
        }
        for (size_t i = 0; i < out->destination_count; i++)
            more[i] = out->destinations[i];
        out->destinations = more;
    }
    struct destination *mailbox = &out->destinations[out->destination_count++];
    *mailbox = (struct destination){.address = address, .kind = place->kind, .lmtp = place->lmtp};
    mailbox->quota = user && user->has_quota ? user->quota : place->config->quota;
    if (place->kind == CONFIG_DELIVER_MAILDIR) {
        mailbox->maildir = user && user->maildir.len
                               ? arena_string(expansion->arena, user->maildir)
                               : fill_template(expansion->arena, place->maildir_template, name, place->name);
        expansion->exhausted |= !mailbox->maildir;
    }
    expansion->exhausted |= !address.ptr;
}

static bool expand(struct expansion *expansion, const struct place *place, struct bytes local,
                   unsigned depth);

/* Another site's mailbox: it is forwarded. */
static bool add_remote(struct expansion *expansion, struct bytes target)
{
    struct mailbox mailbox;
    if (mailbox_parse(expansion->arena, target, MAILBOX_UTF8, &mailbox, NULL) != OK || !mailbox.domain.len)
        return false;
    struct place elsewhere = {.kind = CONFIG_DELIVER_REMOTE, .name = mailbox.domain};
    static const struct config_domain none;
    elsewhere.config = &none;
    add_destination(expansion, &elsewhere, NULL, mailbox.local);
    return true;
}

static bool expand_target(struct expansion *expansion, const struct place *place,
                          struct bytes target, unsigned depth)
{
    size_t at = bytes_rfind_byte(target, '@');
    if (at == BYTES_NOT_FOUND)
        return expand(expansion, place, target, depth);
    const struct place *other = recipients_place(expansion->recipients, bytes_skip(target, at + 1));
    if (!other || other->relay)
        return add_remote(expansion, target);
    return expand(expansion, other, bytes_first(target, at), depth);
}

/* A user wins over an alias of the same name: "alice: alice, archive" would otherwise never end. */
static bool expand_exactly(struct expansion *expansion, const struct place *place,
                           struct bytes local, unsigned depth)
{
    const struct alias *alias = recipients_local(place->aliases, local);
    const struct user *user = recipients_local(place->users, local);
    if (alias && depth < ALIAS_DEPTH_MAX) {
        bool found = false;
        for (size_t i = 0; i < alias->count; i++) {
            /* An alias that names itself means the user of that name. */
            if (bytes_equal_nocase(alias->targets[i], local)) {
                if (user)
                    add_destination(expansion, place, user, user->name);
                found |= user != NULL;
            } else {
                found |= expand_target(expansion, place, alias->targets[i], depth + 1);
            }
        }
        return found;
    }
    if (user)
        add_destination(expansion, place, user, user->name);
    const struct list_address *list = place->lists ? recipients_local(place->lists, local) : NULL;
    if (!user && list && list->is_owner && depth < ALIAS_DEPTH_MAX)
        return expand_target(expansion, place, list->list->owner, depth + 1);
    return user != NULL;
}

/* "announce-bounces+user=example.net": what a list's mail comes back to (message/verp.h), also where there are
 * no details. */
static struct bytes without_verp(const struct place *place, struct bytes local)
{
    struct bytes plain = bytes_first(local, bytes_find_byte(local, '+'));
    return place->lists && bytes_ends_with(plain, BYTES("-bounces")) ? plain : local;
}

static bool expand(struct expansion *expansion, const struct place *place, struct bytes local,
                   unsigned depth)
{
    if (depth > ALIAS_DEPTH_MAX)
        return false;
    if (expand_exactly(expansion, place, local, depth))
        return true;
    struct bytes plain = without_verp(place, local);
    if (plain.len == local.len)
        plain = without_detail(place, local);
    return plain.len < local.len && expand_exactly(expansion, place, plain, depth);
}

static struct bytes policy_of(const struct place *place, struct bytes local)
{
    const struct user *user = recipients_local(place->users, local);
    if (!user)
        user = recipients_local(place->users, without_detail(place, local));
    return user && user->policy.len ? user->policy : bytes_of(place->config->policy);
}

static bool is_role_name(struct bytes local)
{
    return bytes_is_nocase(local, "postmaster") || bytes_is_nocase(local, "abuse");
}

/* postmaster and abuse always work (rfc5321:4.5.1, rfc2142): the configured mailbox, else one made
 * for the purpose. */
static void expand_role(struct expansion *expansion, const struct place *place)
{
    struct bytes postmaster = expansion->recipients->postmaster;
    if (postmaster.len && expand_target(expansion, place, postmaster, 1))
        return;
    if (expand(expansion, place, BYTES("postmaster"), 1))
        return;
    add_destination(expansion, place, NULL, BYTES("postmaster"));
}

/* A domain that we are backup MX for: its mail goes to the primary. */
static void lookup_relay(struct expansion *expansion, const struct place *place, struct bytes local)
{
    struct recipient_lookup *out = expansion->out;
    out->relay = true;
    if (place->any_user)
        out->status = RECIPIENT_ASK;
    else if (!out->exempt && !recipients_local(place->users, local))
        out->status = RECIPIENT_UNKNOWN;
    if (out->status != RECIPIENT_UNKNOWN)
        add_destination(expansion, place, NULL, local);
}

enum result recipients_lookup(const struct recipients *recipients, struct arena *arena,
                              struct bytes local, struct bytes domain, struct recipient_lookup *out)
{
    *out = (struct recipient_lookup){.status = RECIPIENT_FOREIGN};
    struct expansion expansion = {recipients, arena, out, false};
    const struct place *place = domain.len ? recipients_place(recipients, domain) : recipients->first;
    if (!place || local.len == 0)
        return OK;
    out->policy = policy_of(place, local);
    out->exempt = is_role_name(local);
    out->status = RECIPIENT_HERE;
    if (place->relay) {
        lookup_relay(&expansion, place, local);
        return expansion.exhausted ? TEMP : OK;
    }
    const struct list_address *list = place->lists ? recipients_local(place->lists, local) : NULL;
    if (list && !list->is_owner) {
        out->status = RECIPIENT_LIST;
        out->list = list->list->name;
        return OK;
    }
    if (!expand(&expansion, place, local, 0)) {
        struct bytes catch_all = bytes_of(place->config->catch_all);
        if (place->ask) {
            add_destination(&expansion, place, NULL, arena_copy(arena, local));
            if (out->destination_count)
                out->destinations[0].role = out->exempt;
            out->status = RECIPIENT_ASK;
        } else if (out->exempt) {
            expand_role(&expansion, place);
        } else if (!catch_all.len || !expand_target(&expansion, place, catch_all, 1)) {
            out->status = RECIPIENT_UNKNOWN;
        }
    }
    return expansion.exhausted ? TEMP : OK;
}

enum result recipients_postmaster(const struct recipients *recipients, struct arena *arena,
                                  struct recipient_lookup *out)
{
    *out = (struct recipient_lookup){.status = RECIPIENT_HERE, .exempt = true, .policy = BYTES("default")};
    struct expansion expansion = {recipients, arena, out, false};
    if (!recipients->first) {
        out->status = RECIPIENT_UNKNOWN;
        return OK;
    }
    expand_role(&expansion, recipients->first);
    return expansion.exhausted ? TEMP : OK;
}

bool recipients_leads(const struct recipients *recipients, const struct place *place,
                      struct bytes target)
{
    struct arena *scratch = arena_create(1 << 20);
    struct recipient_lookup found = {0};
    struct expansion expansion = {recipients, scratch, &found, false};
    bool leads = !scratch || expand_target(&expansion, place, target, 1);
    arena_destroy(scratch);
    return leads;
}

const struct mailing_list *recipients_list(const struct recipients *recipients, struct bytes name)
{
    for (size_t i = 0; i < recipients->list_count; i++)
        if (bytes_equal(recipients->lists[i].name, name))
            return &recipients->lists[i];
    return NULL;
}

bool mailing_list_has(const struct mailing_list *list, struct bytes address)
{
    return recipients_local(list->index, address) != NULL;
}

bool mailing_list_admits(const struct mailing_list *list, struct bytes author)
{
    if (list->post == CONFIG_LIST_ANYONE || (author.len && bytes_equal_nocase(author, list->owner)))
        return true;
    return list->post == CONFIG_LIST_MEMBERS && author.len && mailing_list_has(list, author);
}

/* Reports to it are about the list's mail: nobody writes from there himself. */
static bool is_bounces_address(const struct recipients *recipients, const struct mailbox *mailbox)
{
    const struct place *place = recipients_place(recipients, mailbox->domain);
    struct bytes plain = bytes_first(mailbox->local, bytes_find_byte(mailbox->local, '+'));
    return place && place->lists && recipients_local(place->lists, plain) && bytes_ends_with(plain, BYTES("-bounces"));
}

bool recipients_owns(const struct recipients *recipients, struct bytes account, struct bytes address)
{
    struct arena *scratch = arena_create(1 << 20);
    struct recipient_lookup found;
    struct mailbox mailbox;
    bool owns = scratch && mailbox_parse(scratch, address, MAILBOX_UTF8, &mailbox, NULL) == OK &&
                !is_bounces_address(recipients, &mailbox) &&
                recipients_lookup(recipients, scratch, mailbox.local, mailbox.domain, &found) == OK &&
                found.status == RECIPIENT_HERE && !found.relay && found.destination_count == 1 &&
                found.destinations[0].kind != CONFIG_DELIVER_REMOTE &&
                bytes_equal_nocase(found.destinations[0].address, account);
    arena_destroy(scratch);
    return owns;
}

struct recipients *recipients_hold(struct recipients *recipients)
{
    recipients->references++;
    return recipients;
}

void recipients_free(struct recipients *recipients)
{
    if (!recipients || --recipients->references)
        return;
    for (size_t i = 0; i < recipients->map_count; i++)
        map_destroy(recipients->maps[i], NULL);
    free(recipients->maps);
    map_destroy(recipients->places, NULL);
    arena_destroy(recipients->arena);
    free(recipients);
}
