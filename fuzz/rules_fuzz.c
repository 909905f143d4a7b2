/* SPDX-License-Identifier: BSD-2-Clause */
/* Rules of all kinds and the built-in tests over any message: what is shown is printable and bounded, a rule and its
 * opposite never both hold, and the same message always gives the same. */
#include "filter/builtin_tests.h"
#include "filter/rules.h"

#include "base/utf8.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { KINDS = RULE_RAW + 1, RULES = 2 * KINDS };

static struct rules *compiled(void)
{
    static struct rules *rules;
    static struct rule_source sources[RULES];
    for (size_t i = 0; i < RULES && !rules; i++)
        sources[i] = (struct rule_source){.name = BYTES("r"), .where = (enum rule_where)(i / 2), .negate = i % 2,
                                          .field = i / 2 ? BYTES("") : BYTES("Subject"),
                                          .pattern = BYTES("(?i)[a-d]+.{0,9}\\d|\\W\\pL{3}")};
    if (!rules)
        require(rules_compile(sources, RULES, &rules, NULL) == OK);
    return rules;
}

static void check_shown(struct bytes seen)
{
    require(seen.len <= 100);
    while (seen.len) {
        size_t length = utf8_printable(seen);
        require(length);
        seen = bytes_skip(seen, length);
    }
}

static bool is_ours(const void *context, struct bytes domain)
{
    (void)context;
    return bytes_is_nocase(domain, "ours.example");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_create(64 << 20);
    struct bytes raw = message_normalize(arena, bytes_from(data, size)), recipient = BYTES("a@ours.example");
    struct message message;
    struct mime mime;
    struct readable readable;
    struct rule_matches matches, again;
    struct builtin_findings found;
    if (!raw.ptr || message_parse(arena, raw, &message, NULL) != OK ||
        mime_parse(arena, &message, NULL, &mime, NULL) != OK ||
        readable_make(arena, &message, &mime, &readable, NULL) != OK) {
        arena_destroy(arena);
        return 0;
    }
    require(rules_examine(compiled(), arena, &message, &readable, NULL, &matches, NULL) == OK);
    require(rules_examine(compiled(), arena, &message, &readable, NULL, &again, NULL) == OK);
    require(matches.count == again.count && matches.limited == again.limited && again.reported_count == 0);
    require(matches.limited || matches.count == KINDS); /* a rule, or else its opposite */
    for (size_t i = 0; i < matches.count; i++)
        check_shown(matches.list[i].seen);
    const struct builtin_facts facts = {.received_at = 1780000000, .author = BYTES("a@ours.example"),
                                        .author_domain = BYTES("ours.example"), .recipients = &recipient,
                                        .recipient_count = 1, .is_ours = is_ours};
    require(builtin_tests_examine(arena, &message, &readable, &facts, &found, NULL) == OK);
    require(found.count <= builtin_test_count());
    for (size_t i = 0; i < found.count; i++)
        check_shown(found.list[i].seen);
    arena_destroy(arena);
    return 0;
}
