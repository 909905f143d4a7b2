/* SPDX-License-Identifier: BSD-2-Clause */
/* The JSON of a TLS report; and the same octets as a time. */
#include "report/tls_report.h"

#include "base/utf8.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_text(struct bytes text)
{
    require(text.ptr && utf8_is_valid(text) && bytes_find_byte(text, '\0') == BYTES_NOT_FOUND);
}

static void check_policy(const struct tls_report_policy *policy)
{
    check_text(policy->type_name);
    check_text(policy->domain);
    require((policy->type == TLS_REPORT_STS) == bytes_is_nocase(policy->type_name, "sts"));
    for (size_t i = 0; i < policy->string_count; i++)
        check_text(policy->strings[i]);
    for (size_t i = 0; i < policy->mx_host_count; i++)
        check_text(policy->mx_hosts[i]);
    for (size_t i = 0; i < policy->failure_count; i++) {
        check_text(policy->failures[i].result_type);
        check_text(policy->failures[i].receiving_mx_hostname);
        require(policy->failures[i].sending_mta.family <= 6);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_create(64 << 20);
    struct tls_report report;
    struct error error = {"unset"};
    struct bytes text = bytes_from(size ? data : (const uint8_t *)"", size);
    int64_t epoch = INT64_MIN;
    enum result result = tls_report_read(arena, text, &report, &error);
    require(result == OK || result == PERM);
    require(result == OK || strcmp(error.text, "unset") != 0);
    if (result == OK) {
        require(report.organization_name.len && report.policy_count >= 1);
        require(report.begin <= report.end);
        for (size_t i = 0; i < report.policy_count; i++)
            check_policy(&report.policies[i]);
    }
    if (tls_report_read_time(text, &epoch))
        require(epoch >= INT64_C(-62167305600) && epoch <= INT64_C(253402387200));
    arena_destroy(arena);
    return 0;
}
