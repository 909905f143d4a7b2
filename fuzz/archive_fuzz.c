/* SPDX-License-Identifier: BSD-2-Clause */
/* A gzip or zip archive of a stranger, by itself and as a whole report. */
#include "report/packed.h"
#include "report/report.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_create(256 << 20);
    struct bytes content = bytes_from(size ? data : (const uint8_t *)"", size);
    struct error error = {"unset"};
    struct report report;
    struct buf out;
    buf_init(&out, PACKED_ROOM_MAX);
    enum result result = packed_read(content, &out, &error);
    require(result == OK || result == PERM);
    require(result == OK || strcmp(error.text, "unset") != 0);
    require(result != OK || packed_kind_of(content) != PACKED_NOT);
    require(result != OK || (out.len <= PACKED_SIZE_MAX && out.len <= PACKED_RATIO_MAX * size));
    buf_free(&out);
    error = (struct error){"unset"};
    enum result whole = report_read(arena, content, &report, &error);
    require(whole == OK || whole == PERM);
    require(whole == OK || strcmp(error.text, "unset") != 0);
    require(whole != OK || result == OK || packed_kind_of(content) == PACKED_NOT);
    arena_destroy(arena);
    return 0;
}
