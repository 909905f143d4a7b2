/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The answer of a report destination. The first line of the input is the kind ("f": failure reports)
 * and the domain whose reports are meant; each other line is a TXT record of the destination.
 */
#include "auth/dmarc_report.h"
#include "base/domain.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { TEXTS_MAX = 20 };

static void check(const struct dmarc_destination *destination, struct bytes host)
{
    bool confirmed = destination->status == DMARC_DESTINATION_CONFIRMED ||
                     destination->status == DMARC_DESTINATION_MOVED;
    require(confirmed || destination->status == DMARC_DESTINATION_REFUSED);
    require(confirmed == (destination->problem.len == 0));
    require(!confirmed || destination->record.len);
    require((destination->status == DMARC_DESTINATION_MOVED) == (destination->replacement.count > 0));
    for (size_t i = 0; i < destination->replacement.count; i++)
        require(bytes_equal(destination->replacement.items[i].host, host));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_create(1 << 22);
    struct bytes rest = bytes_from(size ? data : (const uint8_t *)"", size), head = BYTES("");
    struct bytes texts[TEXTS_MAX], host = BYTES("b.test");
    size_t count = 0;
    bytes_split(&rest, '\n', &head);
    while (count < TEXTS_MAX && bytes_split(&rest, '\n', &texts[count]))
        count++;
    bool failure = bytes_starts_with(head, BYTES("f"));
    struct dmarc_destination destination = {0};
    dmarc_report_read_answer(arena, texts, count, host,
                             failure ? DMARC_REPORT_FAILURE : DMARC_REPORT_AGGREGATE, &destination);
    check(&destination, host);
    struct bytes question = dmarc_report_question(arena, bytes_skip(head, 1), host);
    require(question.len == 0 || (domain_is_valid(question) &&
                                  bytes_ends_with(question, BYTES("._report._dmarc.b.test"))));
    arena_destroy(arena);
    return 0;
}
