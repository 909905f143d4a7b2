/* SPDX-License-Identifier: BSD-2-Clause */
#include "outbound/tlsrpt.h"

#include "base/ascii.h"
#include "base/domain.h"
#include "outbound/mta_sts.h"

/* mailto: with an address, or https: with a host; "!" must be encoded (rfc8460:3). */
static bool uri_is_valid(struct bytes uri)
{
    for (size_t i = 0; i < uri.len; i++)
        if (!ascii_is_graph(uri.ptr[i]) || uri.ptr[i] == '!')
            return false;
    if (bytes_starts_with_nocase(uri, BYTES("mailto:"))) {
        struct bytes address = bytes_skip(uri, 7);
        size_t at = bytes_rfind_byte(address, '@');
        return at != BYTES_NOT_FOUND && at > 0 && domain_is_valid(bytes_skip(address, at + 1));
    }
    if (!bytes_starts_with_nocase(uri, BYTES("https://")))
        return false;
    struct bytes host = bytes_skip(uri, 8);
    host = bytes_first(host, bytes_find_byte(host, '/'));
    return domain_is_valid(bytes_first(host, bytes_find_byte(host, ':')));
}

static bool read_field(void *context, struct bytes name, struct bytes value)
{
    struct tlsrpt_record *record = context;
    struct bytes uri;
    if (!bytes_is(name, "rua") || record->destination_count)
        return true; /* unknown fields are passed over */
    while (bytes_split(&value, ',', &uri)) {
        uri = bytes_trim(uri);
        if (!uri_is_valid(uri) || record->destination_count == TLSRPT_DESTINATIONS_MAX)
            return false;
        record->destinations[record->destination_count++] = uri;
    }
    return true;
}

enum result tlsrpt_record_parse(struct bytes text, struct tlsrpt_record *out, struct error *error)
{
    *out = (struct tlsrpt_record){.destination_count = 0};
    struct bytes version = bytes_trim_end(bytes_first(text, bytes_find_byte(text, ';')));
    if (!bytes_is(version, "v=TLSRPTv1"))
        return error_set(error, NONE, "not a TLSRPT record");
    enum result result = mta_sts_fields(text, read_field, out, error);
    if (result != OK)
        return result;
    return out->destination_count ? OK : error_set(error, PERM, "it has no rua=");
}
