/* SPDX-License-Identifier: BSD-2-Clause */
#include "lint/bimi.h"

#include "auth/dkim_tags.h"
#include "base/ascii.h"

static bool is_https(struct bytes uri)
{
    if (!bytes_starts_with_nocase(uri, BYTES("https://")) || uri.len == 8)
        return false;
    for (size_t i = 0; i < uri.len; i++)
        if (!ascii_is_graph(uri.ptr[i]))
            return false;
    return true;
}

enum result bimi_record_parse(struct bytes text, struct bimi_record *out, struct error *error)
{
    struct dkim_tags tags;
    struct error syntax;
    *out = (struct bimi_record){BYTES(""), BYTES("")};
    if (!bytes_starts_with_nocase(bytes_trim_start(text), BYTES("v=BIMI")))
        return error_set(error, NONE, "not a BIMI record");
    if (dkim_tags_parse(text, &tags, &syntax) != OK)
        return error_set(error, PERM, "%s", syntax.text);
    if (!bytes_is(tags.list[0].name, "v") || !bytes_is(tags.list[0].value, "BIMI1"))
        return error_set(error, PERM, "it does not begin with v=BIMI1");
    const struct dkim_tag *location = dkim_tags_find(&tags, "l");
    const struct dkim_tag *evidence = dkim_tags_find(&tags, "a");
    if (!location)
        return error_set(error, PERM, "it has no l= with the place of the logo");
    if (location->value.len && !is_https(location->value))
        return error_set(error, PERM, "l= is no https address");
    if (evidence && evidence->value.len && !is_https(evidence->value))
        return error_set(error, PERM, "a= is no https address");
    out->location = location->value;
    if (evidence)
        out->evidence = evidence->value;
    return OK;
}
