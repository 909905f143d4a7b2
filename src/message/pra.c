/* SPDX-License-Identifier: BSD-2-Clause */
#include "message/pra.h"

#include "message/address.h"
#include "message/idn.h"

/* The fields that count. Those that hold only white space are as if they were not there. */
struct fields {
    const struct header_field *resent_sender; /* the first */
    const struct header_field *resent_from;   /* the first */
    const struct header_field *sender, *from;
    size_t sender_count, from_count;
    /* Step 1: a Resent-From stands before the first Resent-Sender, with a Received or Return-Path
     * between them: then they belong to different resent blocks, and the upper block is newer. */
    bool blocks_differ;
};

static struct fields collect(const struct message *message)
{
    struct fields found = {0};
    bool trace_below_resent_from = false;
    for (size_t i = 0; i < message->field_count; i++) {
        const struct header_field *field = &message->fields[i];
        if (bytes_trim(field->value).len == 0)
            continue;
        if (bytes_is_nocase(field->name, "Received") ||
            bytes_is_nocase(field->name, "Return-Path")) {
            trace_below_resent_from = found.resent_from != NULL;
        } else if (bytes_is_nocase(field->name, "Resent-Sender")) {
            if (!found.resent_sender) {
                found.resent_sender = field;
                found.blocks_differ = trace_below_resent_from;
            }
        } else if (bytes_is_nocase(field->name, "Resent-From")) {
            if (!found.resent_from)
                found.resent_from = field;
        } else if (bytes_is_nocase(field->name, "Sender")) {
            found.sender = field;
            found.sender_count++;
        } else if (bytes_is_nocase(field->name, "From")) {
            found.from = field;
            found.from_count++;
        }
    }
    return found;
}

/* Step 6, reached from the step that the sentence names. */
static const struct header_field *none(struct pra *out, struct bytes problem)
{
    out->problem = problem;
    return NULL;
}

static const struct header_field *selected(struct pra *out, const struct header_field *field,
                                           struct bytes name, struct bytes reason)
{
    out->field = name;
    out->reason = reason;
    return field;
}

/* Steps 1 to 4. */
static const struct header_field *select_field(const struct fields *found, struct pra *out)
{
    if (found->resent_sender && !found->blocks_differ)
        return selected(out, found->resent_sender, BYTES("Resent-Sender"),
                        BYTES("step 1: it is the first Resent-Sender field"));
    if (found->resent_from)
        return selected(out, found->resent_from, BYTES("Resent-From"),
                        found->resent_sender
                            ? BYTES("step 2: it is the first Resent-From field; the Resent-Sender "
                                    "field is of an older hop, because a trace field stands "
                                    "between them")
                            : BYTES("step 2: it is the first Resent-From field, and there is no "
                                    "Resent-Sender field"));
    if (found->sender_count > 1)
        return none(out, BYTES("step 3: there are several Sender fields"));
    if (found->sender)
        return selected(out, found->sender, BYTES("Sender"),
                        BYTES("step 3: it is the only Sender field, and the message was not "
                              "resent"));
    if (found->from_count > 1)
        return none(out, BYTES("step 4: there are several From fields"));
    if (!found->from)
        return none(out, BYTES("step 4: there is no Resent-Sender, Resent-From, Sender or From "
                               "field with content"));
    return selected(out, found->from, BYTES("From"),
                    BYTES("step 4: it is the only From field, and there is no Sender field"));
}

static enum result malformed(struct arena *arena, struct pra *out, const char *what)
{
    *out = (struct pra){.field = out->field};
    out->problem =
        arena_printf(arena, "step 5: the " BYTES_FMT " field %s", BYTES_ARG(out->field), what);
    return out->problem.ptr ? NONE : TEMP;
}

static enum result write_mailbox(struct arena *arena, struct pra *out)
{
    struct buf text;
    buf_init(&text, 2 * (out->local.len + out->domain.len) + 8);
    mailbox_write(&text, out->local, out->domain);
    out->mailbox = arena_copy(arena, buf_bytes(&text));
    bool failed = text.failed || !out->mailbox.ptr;
    buf_free(&text);
    return failed ? TEMP : OK;
}

/* Step 5. */
static enum result read_mailbox(struct arena *arena, struct bytes value, struct pra *out)
{
    struct address_list list;
    struct bytes ascii;
    enum result result = address_list_parse(arena, value, &list, NULL);
    if (result == PERM)
        return malformed(arena, out, "is not an address");
    if (result != OK)
        return TEMP;
    if (list.group_count)
        return malformed(arena, out, "names a group");
    if (list.count != 1)
        return malformed(arena, out, "names several mailboxes");
    out->local = list.mailboxes[0].local;
    out->domain = list.mailboxes[0].domain;
    if (out->domain.len == 0 || out->domain.ptr[0] == '[')
        return malformed(arena, out, "names a mailbox without a domain name");
    result = idn_to_ascii(arena, out->domain, &ascii, NULL);
    if (result == PERM)
        return malformed(arena, out, "names a mailbox whose domain is no domain name");
    return result == OK ? write_mailbox(arena, out) : TEMP;
}

enum result pra_find(struct arena *arena, const struct message *message, struct pra *out)
{
    struct fields found = collect(message);
    *out = (struct pra){0};
    const struct header_field *field = select_field(&found, out);
    return field ? read_mailbox(arena, field->value, out) : NONE;
}
