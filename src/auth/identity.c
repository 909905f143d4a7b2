/* SPDX-License-Identifier: BSD-2-Clause */
#include "auth/identity.h"

#include "auth/organization.h"
#include "base/domain.h"
#include "base/utf8.h"
#include "message/idn.h"

/* --- Entries ------------------------------------------------------------------------------------
 */

/* "user" covers "user" and "user+anything". */
static bool local_matches(const struct identity *identity, struct bytes owned, struct bytes local)
{
    if (bytes_equal_nocase(owned, local))
        return true;
    return identity->delimiter && local.len > owned.len &&
           local.ptr[owned.len] == identity->delimiter &&
           bytes_equal_nocase(owned, bytes_first(local, owned.len));
}

static bool entry_matches(const struct identity *identity, struct bytes entry, struct bytes local,
                          struct bytes domain)
{
    if (bytes_is(entry, "*"))
        return true;
    size_t at = bytes_rfind_byte(entry, '@');
    if (at == BYTES_NOT_FOUND || local.len == 0)
        return false;
    if (at > 0 && !local_matches(identity, bytes_first(entry, at), local))
        return false;
    return idn_equal(bytes_skip(entry, at + 1), domain);
}

/* The account's name is no pattern, whatever it looks like, and may be no address at all. */
static bool is_address(struct bytes account)
{
    size_t at = bytes_rfind_byte(account, '@');
    return at != BYTES_NOT_FOUND && at > 0 && at + 1 < account.len;
}

bool identity_owns(const struct identity *identity, struct bytes local, struct bytes domain)
{
    if (domain.len == 0)
        return false;
    for (size_t i = 0; i < identity->entry_count; i++)
        if (entry_matches(identity, identity->entries[i], local, domain))
            return true;
    return is_address(identity->account) &&
           entry_matches(identity, identity->account, local, domain);
}

enum result identity_check_entry(struct bytes entry, struct error *error)
{
    size_t at = bytes_rfind_byte(entry, '@');
    if (bytes_is(entry, "*"))
        return OK;
    struct bytes domain = bytes_skip(entry, at + 1);
    bool valid = at != BYTES_NOT_FOUND && utf8_is_valid(entry) && domain.len > 0 &&
                 (!utf8_is_ascii(domain) || domain_is_valid(domain));
    for (size_t i = 0; i < entry.len && valid; i++)
        valid = entry.ptr[i] > ' ' && entry.ptr[i] != 0x7f && entry.ptr[i] != '*';
    if (!valid)
        return error_set(error, PERM, "\"" BYTES_FMT "\" is neither user@domain, @domain nor *",
                         BYTES_ARG(bytes_first(entry, 255)));
    return OK;
}

/* --- Decisions ----------------------------------------------------------------------------------
 */

static enum result refuse(struct arena *arena, struct identity_decision *out, unsigned code,
                          const char *what, struct bytes address, struct error *error)
{
    out->refused = true;
    out->code = code;
    out->enhanced = "5.7.1";
    out->text = address.len ? arena_printf(arena, "%s <" BYTES_FMT "> is not yours to use", what,
                                           BYTES_ARG(bytes_first(address, 255)))
                            : bytes_of(what);
    return out->text.ptr ? OK : error_set(error, TEMP, "no memory for a reply");
}

/* As a reply can show it: the address unquoted, what is not printable ASCII replaced. */
static struct bytes shown(struct arena *arena, struct bytes local, struct bytes domain)
{
    struct bytes text =
        arena_printf(arena, BYTES_FMT "@" BYTES_FMT, BYTES_ARG(local), BYTES_ARG(domain));
    uint8_t *copy = text.ptr ? arena_alloc(arena, text.len) : NULL;
    for (size_t i = 0; copy && i < text.len; i++)
        copy[i] = text.ptr[i] >= ' ' && text.ptr[i] < 0x7f ? text.ptr[i] : '?';
    return bytes_from(copy, copy ? text.len : 0);
}

static enum result refuse_mailbox(struct arena *arena, struct identity_decision *out, unsigned code,
                                  const char *what, const struct mailbox *mailbox,
                                  struct error *error)
{
    struct bytes address = shown(arena, mailbox->local, mailbox->domain);
    if (!address.ptr)
        return error_set(error, TEMP, "no memory for a reply");
    return refuse(arena, out, code, what, address, error);
}

static bool owns(const struct identity *identity, const struct mailbox *mailbox)
{
    return identity_owns(identity, mailbox->local, mailbox->domain);
}

enum result identity_check_sender(struct arena *arena, const struct identity *identity,
                                  struct bytes sender, struct identity_decision *out,
                                  struct error *error)
{
    struct mailbox mailbox;
    *out = (struct identity_decision){.enhanced = ""};
    if (sender.len == 0)
        return OK;
    enum result result =
        mailbox_parse(arena, sender, MAILBOX_UTF8 | MAILBOX_LENIENT, &mailbox, error);
    if (result == TEMP)
        return TEMP;
    if (result == PERM)
        return refuse(arena, out, 553, "the sender address cannot be read", (struct bytes){NULL, 0},
                      error);
    if (owns(identity, &mailbox))
        return OK;
    return refuse_mailbox(arena, out, 553, "sender address", &mailbox, error);
}

static enum result refuse_from(struct arena *arena, struct identity_decision *out, const char *why,
                               struct error *error)
{
    return refuse(arena, out, 550, why, (struct bytes){NULL, 0}, error);
}

/* A Sender can only be set where the identity has an address for it. */
static bool may_add_sender(const struct identity *identity, enum identity_policy policy)
{
    return policy == IDENTITY_ADD_SENDER && is_address(identity->account);
}

static enum result check_from(struct arena *arena, const struct identity *identity,
                              const struct from_field *from, enum identity_policy policy,
                              struct identity_decision *out, struct error *error)
{
    switch (from->status) {
    case FROM_ABSENT:
        return refuse_from(arena, out, "the message has no From field", error);
    case FROM_SEVERAL_FIELDS:
        return refuse_from(arena, out, "the message has several From fields", error);
    case FROM_MALFORMED:
        return refuse_from(arena, out, "the From field cannot be read", error);
    default:
        break;
    }
    if (from->mailboxes.count == 0)
        return refuse_from(arena, out, "the From field has no address", error);
    if (from->mailboxes.count > IDENTITY_AUTHORS_MAX)
        return refuse_from(arena, out, "the From field has too many addresses", error);
    for (size_t i = 0; i < from->mailboxes.count; i++) {
        const struct mailbox *mailbox = &from->mailboxes.mailboxes[i];
        if (owns(identity, mailbox))
            continue;
        if (!may_add_sender(identity, policy))
            return refuse_mailbox(arena, out, 550, "From address", mailbox, error);
        out->set_sender = true;
        return OK;
    }
    out->owns_authors = true;
    return OK;
}

/* Every Sender field counts, for a reader may look at any of them. One that is not theirs is
 * replaced by the account where the policy replaces at all. */
static enum result check_sender_field(struct arena *arena, const struct identity *identity,
                                      const struct message *message, enum identity_policy policy,
                                      struct identity_decision *out, struct error *error)
{
    struct address_list list;
    const struct header_field *field = message_field(message, "Sender", 0);
    if (!field || out->set_sender)
        return OK;
    bool several = message_field(message, "Sender", (size_t)(field - message->fields) + 1) != NULL;
    /* An empty one names nobody; it must not be a way to say "none" to us and something to others.
     */
    enum result result = address_list_parse(arena, field->value, &list, error);
    if (result == TEMP)
        return TEMP;
    bool readable = result == OK && list.count == 1 && list.group_count == 0 && !several;
    if (readable && owns(identity, &list.mailboxes[0]))
        return OK;
    if (may_add_sender(identity, policy)) {
        out->set_sender = true;
        return OK;
    }
    if (!readable)
        return refuse_from(arena, out,
                           several ? "the message has several Sender fields"
                                   : "the Sender field is not one address",
                           error);
    return refuse_mailbox(arena, out, 550, "Sender address", &list.mailboxes[0], error);
}

enum result identity_check(struct arena *arena, const struct identity *identity,
                           struct bytes sender, const struct message *message,
                           enum identity_policy policy, struct identity_decision *out,
                           struct error *error)
{
    struct from_field from;
    enum result result = identity_check_sender(arena, identity, sender, out, error);
    if (result != OK || out->refused)
        return result;
    result = from_field_read(arena, message, &from, error);
    if (result == OK)
        result = check_from(arena, identity, &from, policy, out, error);
    if (result == OK && !out->refused)
        result = check_sender_field(arena, identity, message, policy, out, error);
    return result;
}

/* --- Signing ------------------------------------------------------------------------------------
 */

static struct bytes organization(struct bytes domain)
{
    struct bytes found;
    return organization_domain(domain, &found) == OK ? found : domain;
}

/* Relaxed alignment is the wider one: what is not aligned so is not aligned at all (rfc9989:4.4).
 * The suffix list may know less than a receiver, so one name within the other counts as well. */
static bool is_aligned(struct bytes a, struct bytes b)
{
    return domain_is_within(a, b) || domain_is_within(b, a) ||
           bytes_equal_nocase(organization(a), organization(b));
}

/* Lower-case A-labels, in memory of its own; false if it is none. */
static bool ascii_domain(struct arena *arena, struct bytes domain, struct bytes *out)
{
    return idn_to_ascii(arena, domain_strip_dot(domain), out, NULL) == OK;
}

bool identity_may_sign(const struct identity *identity, const struct from_field *from,
                       struct bytes domain)
{
    struct bytes signer, author;
    bool readable = from->status == FROM_OK || from->status == FROM_SEVERAL_DOMAINS ||
                    from->status == FROM_NO_DOMAIN;
    if (!readable || !from->mailboxes.count || from->mailboxes.count > IDENTITY_AUTHORS_MAX)
        return false;
    struct arena *scratch = arena_create(1024 * 1024);
    bool allowed = scratch && ascii_domain(scratch, domain, &signer);
    for (size_t i = 0; i < from->mailboxes.count && allowed; i++) {
        const struct mailbox *mailbox = &from->mailboxes.mailboxes[i];
        if (owns(identity, mailbox) || mailbox->domain.ptr[0] == '[')
            continue;
        allowed = ascii_domain(scratch, mailbox->domain, &author) && !is_aligned(author, signer);
    }
    arena_destroy(scratch);
    return allowed;
}
