/* SPDX-License-Identifier: BSD-2-Clause */
#include "auth/domainkeys_signature.h"

#include "auth/dkim_tags.h"
#include "base/ascii.h"
#include "base/domain.h"
#include "message/message.h"

/* More names than a header has fields are of no use, and would take up a message's memory. */
enum { FIELD_NAMES_MAX = 2 * HEADER_FIELDS_MAX };

static bool is_plain(struct bytes value)
{
    for (size_t i = 0; i < value.len; i++)
        if (!ascii_is_print(value.ptr[i]) && !ascii_is_space(value.ptr[i]))
            return false;
    return true;
}

/* Stricter than DKIM's lists: a tag is one small letter, a value has ASCII only (appendix A). */
static enum result check_syntax(const struct dkim_tags *tags, struct error *error)
{
    for (size_t i = 0; i < tags->count; i++) {
        const struct dkim_tag *tag = &tags->list[i];
        if (tag->name.len != 1 || tag->name.ptr[0] < 'a' || tag->name.ptr[0] > 'z')
            return error_set(error, PERM, "\"" BYTES_FMT "\" is no tag of DomainKeys",
                             BYTES_ARG(bytes_first(tag->name, 32)));
        if (!is_plain(tag->value))
            return error_set(error, PERM, "tag " BYTES_FMT "= is not plain ASCII",
                             BYTES_ARG(tag->name));
    }
    return OK;
}

static void read_texts(struct arena *arena, const struct dkim_tags *tags,
                       struct domainkeys_signature *out)
{
    struct bytes domain = dkim_tags_value(tags, "d"), selector = dkim_tags_value(tags, "s");
    out->signature_text = dkim_tags_value(tags, "b");
    if (domain_is_valid(domain))
        out->domain = arena_lower(arena, domain);
    if (domain_is_valid(selector))
        out->selector = selector;
}

static enum result require_tags(const struct dkim_tags *tags, struct error *error)
{
    static const char *const required[] = {"b", "c", "d", "s"};
    for (size_t i = 0; i < countof(required); i++)
        if (!dkim_tags_find(tags, required[i]))
            return error_set(error, PERM, "the signature has no %s= tag", required[i]);
    if (!dkim_tags_find(tags, "q") && dkim_tags_find(tags, "a"))
        return error_set(error, PERM, "the signature has no q= tag");
    return OK;
}

static enum result unknown(struct error *error, const char *what, struct bytes value)
{
    return error_set(error, NONE, "%s \"" BYTES_FMT "\" is not known", what,
                     BYTES_ARG(bytes_first(value, 32)));
}

/* What else there is must be passed over (rfc4870:3.7.3 rule 4). */
static enum result read_methods(const struct dkim_tags *tags, struct domainkeys_signature *out,
                                struct error *error)
{
    const struct dkim_tag *algorithm = dkim_tags_find(tags, "a");
    const struct dkim_tag *query = dkim_tags_find(tags, "q");
    struct bytes canonicalization = dkim_tags_value(tags, "c");
    if (algorithm && !bytes_is(algorithm->value, "rsa-sha1"))
        return unknown(error, "algorithm", algorithm->value);
    if (query && !bytes_is(query->value, "dns"))
        return unknown(error, "query method", query->value);
    if (bytes_is(canonicalization, "nofws"))
        out->canonicalization = DOMAINKEYS_NOFWS;
    else if (!bytes_is(canonicalization, "simple"))
        return unknown(error, "canonicalization", canonicalization);
    return OK;
}

/* White space anywhere in h= does not count (rfc4870:3.3). */
static struct bytes squeeze(struct arena *arena, struct bytes text, size_t *colons)
{
    uint8_t *to = arena_alloc(arena, text.len);
    size_t count = 0;
    for (size_t i = 0; to && i < text.len; i++) {
        if (ascii_is_space(text.ptr[i]))
            continue;
        to[count++] = ascii_lower(text.ptr[i]);
        *colons += text.ptr[i] == ':';
    }
    return to ? bytes_from(to, count) : (struct bytes){NULL, 0};
}

static enum result read_field_names(struct arena *arena, const struct dkim_tags *tags,
                                    struct domainkeys_signature *out, struct error *error)
{
    const struct dkim_tag *tag = dkim_tags_find(tags, "h");
    size_t colons = 0;
    if (!tag)
        return OK;
    struct bytes list = squeeze(arena, tag->value, &colons), name;
    if (colons >= FIELD_NAMES_MAX)
        return error_set(error, PERM, "h= lists more than %d fields", FIELD_NAMES_MAX);
    out->field_names = arena_alloc_array(arena, colons + 1, sizeof(*out->field_names));
    if (!list.ptr || !out->field_names)
        return error_set(error, TEMP, "out of memory for this message");
    out->lists_fields = true;
    while (bytes_split(&list, ':', &name)) {
        if (name.len == 0)
            return error_set(error, PERM, "h= holds an empty field name");
        out->field_names[out->field_name_count++] = name;
    }
    return OK;
}

enum result domainkeys_signature_parse(struct arena *arena, struct bytes value,
                                       struct domainkeys_signature *out, struct error *error)
{
    struct dkim_tags tags;
    *out = (struct domainkeys_signature){0};
    enum result result = dkim_tags_parse(value, &tags, error);
    if (result != OK)
        return result;
    read_texts(arena, &tags, out);
    if ((result = check_syntax(&tags, error)) != OK || (result = require_tags(&tags, error)) != OK)
        return result;
    if ((result = dkim_tags_check_names(arena, out->domain, out->selector, error)) != OK ||
        (result = read_methods(&tags, out, error)) != OK ||
        (result = read_field_names(arena, &tags, out, error)) != OK)
        return result;
    return dkim_tags_octets(arena, &tags, "b", &out->signature, error);
}

bool domainkeys_signature_covers(const struct domainkeys_signature *signature, const char *name)
{
    for (size_t i = 0; i < signature->field_name_count; i++)
        if (bytes_is(signature->field_names[i], name))
            return true;
    return !signature->lists_fields;
}
