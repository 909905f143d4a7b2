/* SPDX-License-Identifier: BSD-2-Clause */
/* The lists of report addresses in rua= and ruf=. */
#include "auth/dmarc_uri.h"
#include "base/ascii.h"
#include "base/domain.h"

#include "field.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct dmarc_uri *uri, struct bytes text)
{
    require(uri->text.len && field_lies_within(uri->text, text));
    require(dmarc_uri_is_valid(uri->text));
    for (size_t i = 0; i < uri->text.len; i++)
        require(ascii_is_graph(uri->text.ptr[i]) && uri->text.ptr[i] != ',' && uri->text.ptr[i] != '!');
    require(uri->host.len == 0 || domain_is_valid(uri->host));
    for (size_t i = 0; i < uri->host.len; i++)
        require(ascii_lower(uri->host.ptr[i]) == uri->host.ptr[i]);
    require(uri->mailbox.len == 0 || (uri->mailto && uri->host.len));
    require(uri->mailbox.len == 0 || bytes_rfind_byte(uri->mailbox, '@') != BYTES_NOT_FOUND);
    for (size_t i = 0; i < uri->mailbox.len; i++)
        require(!ascii_is_control(uri->mailbox.ptr[i]));
    require(uri->limited || uri->size_max == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_create(1 << 22);
    struct dmarc_uri_list list;
    struct bytes text = bytes_from(size ? data : (const uint8_t *)"", size), rest = text, entry;
    size_t valid = 0;
    enum result result = dmarc_uri_list_parse(arena, text, &list);
    require((result == OK) == (list.count > 0) && (result == OK || result == NONE));
    require(list.count <= DMARC_URIS_MAX && (list.ignored == 0 || list.count == DMARC_URIS_MAX));
    while (bytes_split(&rest, ',', &entry))
        valid += dmarc_uri_is_valid(entry);
    require(valid == list.count + list.ignored);
    for (size_t i = 0; i < list.count; i++)
        check(&list.items[i], text);
    arena_destroy(arena);
    return 0;
}
