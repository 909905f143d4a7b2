/* SPDX-License-Identifier: BSD-2-Clause */
#include "message/idn.h"

#include "base/domain.h"
#include "base/utf8.h"

#include <idn2.h>
#include <string.h>

/* The A-label form as the library's own string (to be freed by it), or NULL with the reason. */
static char *convert(struct bytes domain, const char **reason)
{
    char input[IDN_INPUT_MAX + 1];
    uint8_t *output = NULL;
    *reason = "too long or with a NUL in it";
    if (domain.len > IDN_INPUT_MAX || !bytes_to_cstring(domain, input, sizeof(input)))
        return NULL;
    *reason = "not UTF-8";
    if (!utf8_is_valid(domain))
        return NULL;
    int status =
        idn2_lookup_u8((const uint8_t *)input, &output, IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL);
    if (status != IDN2_OK) {
        *reason = idn2_strerror(status);
        return NULL;
    }
    /* The mapping can bring forth ASCII characters that no host name has ("℀" is "a/c"). */
    if (!domain_is_valid(bytes_of((const char *)output))) {
        *reason = "not a domain name when mapped to ASCII";
        idn2_free(output);
        return NULL;
    }
    return (char *)output;
}

enum result idn_to_ascii(struct arena *arena, struct bytes domain, struct bytes *out,
                         struct error *error)
{
    if (utf8_is_ascii(domain)) {
        if (!domain_is_valid(domain))
            return error_set(error, PERM, "\"" BYTES_FMT "\" is not a domain name",
                             BYTES_ARG(bytes_first(domain, 255)));
        *out = arena_lower(arena, domain);
    } else {
        const char *reason;
        char *ascii = convert(domain, &reason);
        if (!ascii)
            return error_set(error, PERM, "bad internationalized domain name: %s", reason);
        *out = arena_lower(arena, bytes_of(ascii));
        idn2_free(ascii);
    }
    return out->ptr ? OK : error_set(error, TEMP, "no memory for a domain name");
}

bool idn_equal(struct bytes a, struct bytes b)
{
    if (bytes_equal_nocase(a, b))
        return true;
    if (utf8_is_ascii(a) && utf8_is_ascii(b))
        return false;
    const char *reason;
    char *left = convert(a, &reason);
    char *right = left ? convert(b, &reason) : NULL;
    bool equal = right && bytes_equal_nocase(bytes_of(left), bytes_of(right));
    idn2_free(left);
    idn2_free(right);
    return equal;
}
