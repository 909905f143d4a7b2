/* SPDX-License-Identifier: BSD-2-Clause */
#include "message/from_field.h"

#include "message/idn.h"

const char *from_status_name(enum from_status status)
{
    static const char *const names[] = {
        "ok", "absent", "several fields", "malformed", "several domains", "no domain",
    };
    return names[status];
}

static enum result set_status(struct arena *arena, struct from_field *out, enum from_status status,
                              const char *problem)
{
    out->status = status;
    out->problem = arena_copy(arena, bytes_of(problem));
    return out->problem.ptr ? OK : TEMP;
}

/* Adds the mailbox's domain to the list of different ones; PERM if it is no domain name. A full
 * list has decided the matter, and names cost time to convert. */
static enum result add_domain(struct arena *arena, struct from_field *out, struct bytes domain,
                              struct error *error)
{
    struct bytes ascii;
    if (domain.ptr[0] == '[' || out->domain_count == FROM_DOMAINS_MAX)
        return OK;
    enum result result = idn_to_ascii(arena, domain, &ascii, error);
    if (result != OK)
        return result;
    for (size_t i = 0; i < out->domain_count; i++)
        if (bytes_equal(out->domains[i], ascii))
            return OK;
    out->domains[out->domain_count++] = ascii;
    return OK;
}

static enum result describe_author(struct arena *arena, struct from_field *out)
{
    out->author = out->mailboxes.mailboxes[0];
    out->display_name =
        out->author.display_name.len ? out->author.display_name : out->author.comment;
    struct buf text;
    buf_init(&text, 2 * (out->author.local.len + out->author.domain.len) + 8);
    mailbox_write(&text, out->author.local, out->author.domain);
    out->address = arena_copy(arena, buf_bytes(&text));
    bool failed = text.failed || !out->address.ptr;
    buf_free(&text);
    return failed ? TEMP : OK;
}

static enum result decide(struct arena *arena, struct from_field *out, struct error *error)
{
    bool literal = false;
    for (size_t i = 0; i < out->mailboxes.count; i++) {
        struct bytes domain = out->mailboxes.mailboxes[i].domain;
        literal = literal || domain.ptr[0] == '[';
        enum result result = add_domain(arena, out, domain, error);
        if (result == PERM)
            return set_status(arena, out, FROM_MALFORMED, error->text);
        if (result != OK)
            return result;
    }
    /* A literal beside a name is a second identity as well. */
    if (out->domain_count > 1 || (out->domain_count == 1 && literal))
        return set_status(arena, out, FROM_SEVERAL_DOMAINS,
                          "the From field names addresses of several domains");
    if (out->domain_count == 0)
        return set_status(arena, out, FROM_NO_DOMAIN, "the From field names no domain");
    out->status = FROM_OK;
    out->domain = out->domains[0];
    return OK;
}

static enum result read_field(struct arena *arena, const struct message *message,
                              struct from_field *out, struct error *error)
{
    const struct header_field *field = message_field(message, "From", 0);
    if (!field)
        return set_status(arena, out, FROM_ABSENT, "there is no From field");
    if (message_field(message, "From", (size_t)(field - message->fields) + 1))
        return set_status(arena, out, FROM_SEVERAL_FIELDS, "there are several From fields");
    enum result result = address_list_parse(arena, field->value, &out->mailboxes, error);
    if (result == PERM)
        return set_status(arena, out, FROM_MALFORMED, error->text);
    if (result != OK)
        return result;
    if (out->mailboxes.count && describe_author(arena, out) != OK)
        return TEMP;
    return decide(arena, out, error);
}

enum result from_field_read(struct arena *arena, const struct message *message,
                            struct from_field *out, struct error *error)
{
    struct error problem = {0};
    *out = (struct from_field){0};
    if (read_field(arena, message, out, &problem) == OK)
        return OK;
    return error_set(error, TEMP, "no memory for the From field");
}
