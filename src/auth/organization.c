/* SPDX-License-Identifier: BSD-2-Clause */
#include "auth/organization.h"

#include "base/ascii.h"

#include <libpsl.h>
#include <string.h>

enum { NAME_OCTETS_MAX = 1020 }; /* 255 characters of four octets */

static psl_ctx_t *loaded;

enum result organization_load(const char *path, struct error *error)
{
    psl_ctx_t *list = path ? psl_load_file(path) : psl_latest(NULL);
    if (!list || psl_suffix_count(list) == 0) {
        psl_free(list);
        return error_set(error, PERM, "cannot read a public suffix list from %s",
                         path ? path : "the system");
    }
    psl_free(loaded);
    loaded = list;
    return OK;
}

void organization_unload(void)
{
    psl_free(loaded);
    loaded = NULL;
}

/* No empty label, so neither a dot at an end nor two in a row. */
static bool has_labels_only(struct bytes name)
{
    struct bytes label;
    if (name.len == 0)
        return false;
    while (bytes_split(&name, '.', &label))
        if (label.len == 0)
            return false;
    return true;
}

enum result organization_domain(struct bytes name, struct bytes *out)
{
    const psl_ctx_t *list = loaded ? loaded : psl_builtin();
    char text[NAME_OCTETS_MAX + 1];
    if (!list)
        return TEMP;
    if (!has_labels_only(name) || !bytes_to_cstring(name, text, sizeof(text)))
        return NONE;
    for (size_t i = 0; i < name.len; i++)
        text[i] = (char)ascii_lower((uint8_t)text[i]);
    const char *domain = psl_registrable_domain(list, text);
    if (!domain)
        return NONE;
    *out = bytes_skip(name, name.len - strlen(domain));
    return OK;
}
