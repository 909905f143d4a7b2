/* SPDX-License-Identifier: BSD-2-Clause */
/* ADSP records: the input as one record, and each line of it as a record of the same name. */
#include "auth/adsp.h"
#include "base/ascii.h"
#include "base/clock.h"
#include "dns/zone.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { RECORDS_MAX = 20 };

static void check_record(struct bytes text)
{
    enum adsp_practice practice;
    struct error error = {"unset"};
    if (adsp_record_parse(text, &practice, &error) != OK) {
        require(strcmp(error.text, "unset") != 0 && practice == ADSP_UNKNOWN);
        return;
    }
    require(bytes_starts_with(text, BYTES("dkim")));
    struct bytes value = bytes_trim(bytes_skip(text, 4));
    require(bytes_starts_with(value, BYTES("=")));
    value = bytes_trim(bytes_first(bytes_skip(value, 1), bytes_find_byte(value, ';') - 1));
    require(value.len && ascii_is_alpha(value.ptr[0]));
    require((practice == ADSP_UNKNOWN) ==
            !(bytes_is_nocase(value, "all") || bytes_is_nocase(value, "discardable")));
}

static void check_records(struct bytes text)
{
    struct zone *zone = zone_create();
    struct arena *arena = arena_create(4 << 20);
    struct bytes rest = text, line;
    struct adsp_result result;
    size_t valid = 0;
    enum adsp_practice practice, only = ADSP_UNKNOWN;
    require(zone_add(zone, BYTES("d.example"), DNS_A, 60, BYTES("192.0.2.1")));
    for (size_t i = 0; i < RECORDS_MAX && bytes_split(&rest, '\n', &line); i++) {
        if (!zone_add(zone, BYTES("_adsp._domainkey.d.example"), DNS_TXT, 60, line) ||
            adsp_record_parse(line, &practice, NULL) != OK)
            continue;
        valid++;
        only = practice;
    }
    adsp_check(zone_dns(zone), arena, BYTES("d.example"), NULL, NO_DEADLINE, &result);
    require(result.found == (valid == 1) && result.problem.len);
    require((result.result == AUTH_NONE) == (valid == 0));
    require((result.result == AUTH_PERMERROR) == (valid > 1));
    require(valid != 1 || (result.practice == only && result.record.len));
    arena_destroy(arena);
    zone_destroy(zone);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes text = bytes_from(size ? data : (const uint8_t *)"", size);
    check_record(text);
    check_records(text);
    return 0;
}
