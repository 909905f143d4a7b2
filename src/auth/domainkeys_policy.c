/* SPDX-License-Identifier: BSD-2-Clause */
/* The policy record of a sending domain (rfc4870:3.6). Declared in domainkeys.h. */
#include "auth/dkim_tags.h"
#include "auth/domainkeys.h"
#include "base/ascii.h"

static bool is_printable(struct bytes text)
{
    for (size_t i = 0; i < text.len; i++)
        if (!ascii_is_print(text.ptr[i]) && text.ptr[i] != '\t')
            return false;
    return true;
}

static struct bytes copy_of(struct arena *arena, const struct dkim_tags *tags, const char *name)
{
    const struct dkim_tag *tag = dkim_tags_find(tags, name);
    return tag ? arena_copy(arena, tag->value) : BYTES("");
}

enum result domainkeys_policy_parse(struct arena *arena, struct bytes text,
                                    struct domainkeys_policy *out, struct error *error)
{
    struct dkim_tags tags;
    *out = (struct domainkeys_policy){0};
    if (!is_printable(text))
        return error_set(error, PERM, "the policy record is not plain ASCII");
    if (bytes_trim(text).len && dkim_tags_parse(text, &tags, error) != OK)
        return PERM;
    if (!bytes_trim(text).len)
        tags.count = 0; /* all tags are optional */
    const struct dkim_tag *outbound = dkim_tags_find(&tags, "o");
    const struct dkim_tag *flags = dkim_tags_find(&tags, "t");
    out->found = true;
    out->signs_all = outbound && bytes_is(outbound->value, "-");
    out->testing = flags && dkim_tags_lists(flags->value, "y");
    out->report = copy_of(arena, &tags, "r");
    out->note = copy_of(arena, &tags, "n");
    out->record = arena_copy(arena, text);
    if (arena_exhausted(arena))
        return error_set(error, TEMP, "out of memory for a policy record");
    return OK;
}
