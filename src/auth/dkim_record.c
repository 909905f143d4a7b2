/* SPDX-License-Identifier: BSD-2-Clause */
#include "auth/dkim_record.h"

#include "base/ascii.h"
#include "base/encode.h"

enum { RECORD_MAX = 4096 };

enum result dkim_record_text(struct arena *arena, EVP_PKEY *key, struct bytes *out,
                             struct error *error)
{
    struct bytes data;
    struct buf text;
    enum result result = dkim_private_key_public(arena, key, &data, error);
    if (result != OK)
        return result;
    buf_init(&text, RECORD_MAX);
    buf_add_string(&text, dkim_record_revoked(dkim_private_key_type(key)));
    base64_encode(&text, data);
    *out = text.failed ? (struct bytes){NULL, 0} : arena_copy(arena, buf_bytes(&text));
    buf_free(&text);
    return out->ptr ? OK : error_set(error, TEMP, "out of memory for a key record");
}

const char *dkim_record_revoked(enum dkim_key_type type)
{
    return type == DKIM_KEY_ED25519 ? "v=DKIM1; k=ed25519; p=" : "v=DKIM1; k=rsa; p=";
}

struct bytes dkim_record_name(struct arena *arena, struct bytes selector, struct bytes domain)
{
    return arena_printf(arena, BYTES_FMT "._domainkey." BYTES_FMT, BYTES_ARG(selector),
                        BYTES_ARG(domain));
}

/* rfc1035:5.1: \ before a quote or itself, \DDD for what does not print. */
static void add_zone_string(struct buf *out, struct bytes text)
{
    buf_add_byte(out, '"');
    for (size_t i = 0; i < text.len; i++) {
        uint8_t octet = text.ptr[i];
        if (octet == '"' || octet == '\\')
            buf_printf(out, "\\%c", octet);
        else if (octet < ' ' || octet > '~')
            buf_printf(out, "\\%03u", octet);
        else
            buf_add_byte(out, octet);
    }
    buf_add_byte(out, '"');
}

void dkim_record_write_zone(struct buf *out, struct bytes name, struct bytes text, unsigned ttl)
{
    bool several = text.len > DKIM_RECORD_STRING_MAX;
    buf_printf(out, BYTES_FMT ". %u IN TXT %s", BYTES_ARG(name), ttl, several ? "( " : "");
    for (bool first = true; first || text.len; first = false) {
        buf_add_string(out, first ? "" : "\n    ");
        add_zone_string(out, bytes_first(text, DKIM_RECORD_STRING_MAX));
        text = bytes_skip(text, DKIM_RECORD_STRING_MAX);
    }
    buf_add_string(out, several ? " )\n" : "\n");
}

/* What its line format gives a meaning, white space at ends above all, goes as \ooo. It cuts long
 * texts into strings by itself. */
void dkim_record_write_tinydns(struct buf *out, struct bytes name, struct bytes text, unsigned ttl)
{
    buf_printf(out, "'" BYTES_FMT ":", BYTES_ARG(name));
    for (size_t i = 0; i < text.len; i++) {
        uint8_t octet = text.ptr[i];
        if (ascii_is_graph(octet) && octet != ':' && octet != '\\')
            buf_add_byte(out, octet);
        else
            buf_printf(out, "\\%03o", octet);
    }
    buf_printf(out, ":%u\n", ttl);
}
