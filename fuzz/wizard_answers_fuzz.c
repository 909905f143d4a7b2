/* SPDX-License-Identifier: BSD-2-Clause */
/* Answers to the SPF wizard, and any text as an SPF record to be mended. */
#include "auth/spf_record.h"
#include "base/domain.h"
#include "lint/spf_mend.h"
#include "lint/wizard.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_name(struct bytes name)
{
    require(domain_is_valid(name) && domain_label_count(name) > 1);
}

static void check_answers(struct arena *arena, struct bytes text)
{
    static struct wizard_answers answers;
    struct error error = {"unset"};
    answers = (struct wizard_answers){.source_count = 0};
    enum result result = wizard_answers_parse(arena, text, &answers, &error);
    require(result == OK || (result == PERM && strcmp(error.text, "unset") != 0));
    require(answers.source_count <= WIZARD_SOURCES_MAX);
    if (answers.domain.len)
        check_name(answers.domain);
    for (size_t i = 0; i < answers.source_count; i++) {
        const struct wizard_source *source = &answers.sources[i];
        if (!source->network.ip.family)
            check_name(source->name);
        if (source->bounce.len)
            check_name(source->bounce);
        if (source->delegated.len)
            check_name(source->delegated);
        if (source->client.len)
            check_name(source->client);
    }
    error = (struct error){"unset"};
    require(wizard_answers_check(&answers, &error) == OK || strcmp(error.text, "unset") != 0);
}

/* What was mended can be read, and mending it again changes nothing. */
static void check_mended(struct arena *arena, struct bytes text)
{
    struct spf_record record;
    if (!spf_record_has_version(text))
        return;
    struct bytes mended = spf_mend(arena, text, NULL);
    if (!mended.len)
        return; /* out of memory */
    require(spf_record_parse(arena, mended, &record, NULL, NULL) == OK);
    require(bytes_equal(spf_mend(arena, mended, NULL), mended));
    for (size_t i = 0; i < record.directive_count; i++)
        require(record.directives[i].mechanism != SPF_ALL ||
                record.directives[i].qualifier == '-' || record.directives[i].qualifier == '~');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_create(1 << 24);
    struct bytes text = bytes_from(size ? data : (const uint8_t *)"", size);
    check_answers(arena, text);
    check_mended(arena, text);
    arena_destroy(arena);
    return 0;
}
