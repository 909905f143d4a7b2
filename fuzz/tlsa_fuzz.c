/* SPDX-License-Identifier: BSD-2-Clause */
/* TLSA records: what is usable fits its types, and their text can stand in a report. */
#include "outbound/dane.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_create(1 << 20);
    struct tls_tlsa records[8];
    struct dane dane = {.records = records};
    size_t each = size / countof(records) + 1;
    struct bytes rest = bytes_from(size ? data : (const uint8_t *)"", size);
    /* The input as one record, and cut into several. */
    if (tls_tlsa_read(rest, &records[0])) {
        require(size >= 4 && records[0].data.len == size - 3);
        dane.count = 1;
        require(dane_text(arena, &dane).len);
    }
    dane.count = 0;
    while (rest.len) {
        struct tls_tlsa *record = &records[dane.count];
        if (tls_tlsa_read(bytes_first(rest, each), record)) {
            bool usable = tls_tlsa_is_usable(record);
            require(!usable || ((record->usage == 2 || record->usage == 3) && record->selector < 2 &&
                                record->matching < 3));
            require(!usable || record->matching != 1 || record->data.len == 32);
            require(!usable || record->matching != 2 || record->data.len == 64);
            dane.count++;
        }
        rest = bytes_skip(rest, each);
    }
    struct bytes text = dane_text(arena, &dane);
    size_t lines = 1;
    for (size_t i = 0; i < text.len; i++) {
        require(text.ptr[i] == '\n' || (text.ptr[i] >= ' ' && text.ptr[i] < 0x7f));
        lines += text.ptr[i] == '\n';
    }
    require(dane.count == 0 || lines == dane.count);
    arena_destroy(arena);
    return 0;
}
