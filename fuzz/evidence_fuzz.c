/* SPDX-License-Identifier: BSD-2-Clause */
/* Evidence out of the ledger: read, judged, explained and written again. */
#include "verdict/explain.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_create(8 << 20);
    struct policy policy = {.dmarc = size % 2 ? JUDGE_DMARC_ON : JUDGE_DMARC_STRICT,
                            .spf_fail_rejects = size % 3 == 0,
                            .reject_bad_from = true,
                            .junk_folder = true,
                            .temporary_attempts = 3};
    struct evidence evidence, again;
    struct verdict verdict, verdict_again;
    struct auth_results results;
    struct buf text, out;
    buf_init(&text, 8 << 20);
    buf_init(&out, 8 << 20);
    if (evidence_read(arena, bytes_from(data, size), &evidence, NULL) == OK) {
        struct json json = json_into(&text);
        evidence_write(&json, &evidence);
        if (!text.failed)
            require(evidence_read(arena, buf_bytes(&text), &again, NULL) != PERM);
        if (judge(arena, &policy, &evidence, &verdict) == OK) {
            require(verdict.code >= 200 && verdict.code < 600 && verdict.reason_count > 0);
            explain_write(&out, &evidence, &verdict, false);
            for (size_t i = 0; i < out.len; i++)
                require(out.ptr[i] == '\n' || out.ptr[i] >= 0x20);
            buf_clear(&out);
            json = json_into(&out);
            verdict_write(&json, &verdict);
            if (!out.failed)
                require(verdict_read(arena, buf_bytes(&out), &verdict_again, NULL) != PERM);
            if (explain_auth_results(arena, &evidence, BYTES("mx.example"), &results) == OK) {
                buf_clear(&out);
                auth_results_write(&out, &results);
            }
        }
    }
    buf_free(&out);
    buf_free(&text);
    arena_destroy(arena);
    return 0;
}
