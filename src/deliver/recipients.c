/* SPDX-License-Identifier: BSD-2-Clause */
/* Looking recipients up: users, aliases, details, catch-all and the roles that always work. */
#include "deliver/recipients.h"

#include "base/ascii.h"
#include "base/domain.h"
#include "deliver/recipients_private.h"
#include "message/mailbox.h"

#include <stdlib.h>

enum { ALIAS_TARGETS_MAX = 1000, ADDRESS_MAX = 2048 };

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

/* An alias, or a list's owner, whose targets are being followed. It is its own key: once in a look-up. */
struct step {
    struct {
        const struct place *place;
        const void *meaning;   /* struct alias or struct list_address */
    } key;
    const struct user *user;   /* of the alias's name */
    const struct bytes *targets;
    size_t count, next;
    struct step *from;
    bool open;
};

struct expansion {
    const struct recipients *recipients;
    struct arena *arena;
    struct recipient_lookup *out;
    struct map *steps;         /* all that were begun */
    struct map *known;         /* lower-cased addresses of the destinations */
    struct step *innermost;
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

char *recipients_maildir(struct arena *arena, const struct place *place, const struct user *user, struct bytes name)
{
    return user && user->maildir.len ? arena_string(arena, user->maildir)
                                     : fill_template(arena, place->maildir_template, name, place->name);
}

/* True: it is there already, or there is no memory to tell. */
static bool is_known(struct expansion *expansion, struct bytes address)
{
    struct buf lower;
    buf_init(&lower, ADDRESS_MAX);
    buf_add_lower(&lower, address);
    if (!expansion->known)
        expansion->known = map_create();
    bool known = expansion->known && map_get(expansion->known, buf_bytes(&lower));
    if (!known && (lower.failed || !expansion->known ||
                   !map_put(expansion->known, buf_bytes(&lower), expansion, NULL)))
        expansion->exhausted = known = true;
    buf_free(&lower);
    return known;
}

/* Quoted where it must be: where no file lists the users, the local part is the client's choice. Empty: it is
 * among the destinations already. */
static struct bytes new_address(struct expansion *expansion, struct bytes local, struct bytes domain)
{
    struct bytes address = {NULL, 0};
    struct buf text;
    buf_init(&text, ADDRESS_MAX);
    mailbox_write(&text, local, domain);
    if (text.failed)
        expansion->exhausted = true;
    else if (!is_known(expansion, buf_bytes(&text)))
        address = arena_copy(expansion->arena, buf_bytes(&text));
    buf_free(&text);
    return address;
}

static void add_destination(struct expansion *expansion, const struct place *place,
                        const struct user *user, struct bytes name)
{
    struct recipient_lookup *out = expansion->out;
    if (user && user->trap) {
        out->trap = true;
        return;
    }
    struct bytes address = new_address(expansion, name, place->name);
    if (!address.ptr)
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
        mailbox->maildir = recipients_maildir(expansion->arena, place, user, name);
        expansion->exhausted |= !mailbox->maildir;
    }
}

/* "announce-bounces+user=example.net": what a list's mail comes back to (message/verp.h), also where there are
 * no details. */
static struct bytes without_verp(const struct place *place, struct bytes local)
{
    struct bytes plain = bytes_first(local, bytes_find_byte(local, '+'));
    return place->lists && bytes_ends_with(plain, BYTES("-bounces")) ? plain : local;
}

static bool find_exactly(const struct place *place, struct bytes local, struct meaning *out)
{
    const struct list_address *list = place->lists ? recipients_local(place->lists, local) : NULL;
    out->place = place;
    out->user = recipients_local(place->users, local);
    out->alias = recipients_local(place->aliases, local);
    out->owner = !out->alias && !out->user && list && list->is_owner ? list : NULL;
    return out->user || out->alias || out->owner;
}

static bool find_local(const struct place *place, struct bytes local, struct meaning *out)
{
    if (find_exactly(place, local, out))
        return true;
    struct bytes plain = without_verp(place, local);
    if (plain.len == local.len)
        plain = without_detail(place, local);
    return plain.len < local.len && find_exactly(place, plain, out);
}

bool recipients_meaning(const struct recipients *recipients, struct arena *arena, const struct place *place,
                        struct bytes target, struct meaning *out)
{
    size_t at = bytes_rfind_byte(target, '@');
    *out = (struct meaning){0};
    if (at == BYTES_NOT_FOUND)
        return find_local(place, target, out);
    const struct place *other = recipients_place(recipients, bytes_skip(target, at + 1));
    if (other && !other->relay)
        return find_local(other, bytes_first(target, at), out);
    out->remote = mailbox_parse(arena, target, MAILBOX_UTF8, &out->mailbox, NULL) == OK &&
                  out->mailbox.domain.len > 0;
    return out->remote;
}

/* Another site's mailbox: it is forwarded. */
static void add_remote(struct expansion *expansion, const struct mailbox *mailbox)
{
    static const struct config_domain none;
    struct place elsewhere = {.kind = CONFIG_DELIVER_REMOTE, .name = mailbox->domain, .config = &none};
    add_destination(expansion, &elsewhere, NULL, mailbox->local);
}

/* Each alias once. One that leads back to itself means the user of that name: "alice: alice, archive". */
static void begin_step(struct expansion *expansion, const struct step *step)
{
    if (!expansion->steps)
        expansion->steps = map_create();
    struct bytes key = bytes_from(&step->key, sizeof(step->key));
    const struct step *old = expansion->steps ? map_get(expansion->steps, key) : NULL;
    if (old) {
        if (old->open && old->user)
            add_destination(expansion, old->key.place, old->user, old->user->name);
        return;
    }
    struct step *added = arena_new(expansion->arena, struct step);
    if (!added || !expansion->steps || !map_put(expansion->steps, key, added, NULL)) {
        expansion->exhausted = true;
        return;
    }
    *added = *step;
    added->from = expansion->innermost;
    added->open = true;
    expansion->innermost = added;
}

/* An alias wins over a user of the same name. */
static void add_meaning(struct expansion *expansion, const struct meaning *meaning)
{
    struct step step = {.key.place = meaning->place, .user = meaning->user};
    if (meaning->remote) {
        add_remote(expansion, &meaning->mailbox);
    } else if (meaning->alias) {
        step.key.meaning = meaning->alias;
        step.targets = meaning->alias->targets;
        step.count = meaning->alias->count;
        begin_step(expansion, &step);
    } else if (meaning->user) {
        add_destination(expansion, meaning->place, meaning->user, meaning->user->name);
    } else {
        step.key.meaning = meaning->owner;
        step.targets = &meaning->owner->list->owner;
        step.count = 1;
        begin_step(expansion, &step);
    }
}

/* Follows what was begun to its ends. However aliases name each other, this takes no longer than the table is;
 * and no stack. */
static void follow(struct expansion *expansion)
{
    struct meaning meaning;
    while (expansion->innermost && !expansion->exhausted) {
        struct step *step = expansion->innermost;
        if (step->next == step->count) {
            step->open = false;
            expansion->innermost = step->from;
        } else if (recipients_meaning(expansion->recipients, expansion->arena, step->key.place,
                                      step->targets[step->next++], &meaning)) {
            add_meaning(expansion, &meaning);
        }
    }
}

/* False: it leads nowhere. */
static bool expand_target(struct expansion *expansion, const struct place *place, struct bytes target)
{
    struct meaning meaning;
    size_t before = expansion->out->destination_count;
    bool trapped = expansion->out->trap;
    if (!recipients_meaning(expansion->recipients, expansion->arena, place, target, &meaning))
        return false;
    add_meaning(expansion, &meaning);
    follow(expansion);
    return expansion->exhausted || expansion->out->destination_count > before || (expansion->out->trap && !trapped);
}

static bool expand(struct expansion *expansion, const struct place *place, struct bytes local)
{
    struct meaning meaning = {0};
    if (!find_local(place, local, &meaning))
        return false;
    add_meaning(expansion, &meaning);
    follow(expansion);
    return expansion->exhausted || expansion->out->destination_count > 0 || expansion->out->trap;
}

static enum result end_expansion(struct expansion *expansion)
{
    map_destroy(expansion->steps, NULL);
    map_destroy(expansion->known, NULL);
    /* Who stands beside a trap in an alias gets the mail. */
    expansion->out->trap &= expansion->out->destination_count == 0;
    return expansion->exhausted || arena_exhausted(expansion->arena) ? TEMP : OK;
}

static struct bytes policy_of(const struct place *place, struct bytes local)
{
    /* What a relay's map holds are no users of ours. */
    if (place->relay)
        return bytes_of(place->config->policy);
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
    const struct recipient_lookup *out = expansion->out;
    /* A trap is nowhere. */
    if (postmaster.len && expand_target(expansion, place, postmaster) &&
        (out->destination_count || expansion->exhausted))
        return;
    if (expand(expansion, place, BYTES("postmaster")) && (out->destination_count || expansion->exhausted))
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
    struct expansion expansion = {.recipients = recipients, .arena = arena, .out = out};
    const struct place *place = domain.len ? recipients_place(recipients, domain) : recipients->first;
    if (!place || local.len == 0)
        return OK;
    out->policy = policy_of(place, local);
    out->exempt = is_role_name(local);
    out->status = RECIPIENT_HERE;
    if (place->relay) {
        lookup_relay(&expansion, place, local);
        return end_expansion(&expansion);
    }
    const struct list_address *list = place->lists ? recipients_local(place->lists, local) : NULL;
    if (list && !list->is_owner) {
        out->status = RECIPIENT_LIST;
        out->list = list->list->name;
        return OK;
    }
    if (!expand(&expansion, place, local)) {
        struct bytes catch_all = bytes_of(place->config->catch_all);
        if (place->ask) {
            add_destination(&expansion, place, NULL, arena_copy(arena, local));
            if (out->destination_count)
                out->destinations[0].role = out->exempt;
            out->status = RECIPIENT_ASK;
        } else if (out->exempt) {
            expand_role(&expansion, place);
        } else if (!catch_all.len || !expand_target(&expansion, place, catch_all)) {
            out->status = RECIPIENT_UNKNOWN;
        }
    }
    return end_expansion(&expansion);
}

enum result recipients_postmaster(const struct recipients *recipients, struct arena *arena,
                                  struct recipient_lookup *out)
{
    *out = (struct recipient_lookup){.status = RECIPIENT_HERE, .exempt = true, .policy = BYTES("default")};
    struct expansion expansion = {.recipients = recipients, .arena = arena, .out = out};
    if (!recipients->first) {
        out->status = RECIPIENT_UNKNOWN;
        return OK;
    }
    expand_role(&expansion, recipients->first);
    return end_expansion(&expansion);
}

bool recipients_leads(const struct recipients *recipients, const struct place *place,
                      struct bytes target)
{
    struct arena *scratch = arena_create(1 << 20);
    struct recipient_lookup found = {0};
    struct expansion expansion = {.recipients = recipients, .arena = scratch, .out = &found};
    bool leads = !scratch || expand_target(&expansion, place, target);
    if (scratch && end_expansion(&expansion) != OK)
        leads = true;
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
