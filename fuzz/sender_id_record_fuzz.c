/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * TXT records of one domain, one a line. The version section is what its grammar says and ends at a
 * blank; its terms are read as those of an SPF record are; and which record counts does not depend
 * on their order.
 */
#include "auth/sender_id_record.h"
#include "auth/spf_record.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* ",pra," occurs in ",mfrom,pra,". */
static bool names(struct bytes scopes, const char *scope)
{
    struct bytes name;
    while (bytes_split(&scopes, ',', &name))
        if (bytes_is_nocase(name, scope))
            return true;
    return false;
}

static void check_version(struct bytes text, const struct sender_id_version *version)
{
    struct bytes section = bytes_first(text, version->len);
    require(version->len <= text.len);
    require(version->len == text.len || text.ptr[version->len] == ' ');
    require(bytes_find_byte(section, ' ') == BYTES_NOT_FOUND);
    if (!version->spf2) {
        require(bytes_is_nocase(section, "v=spf1") && version->mfrom && version->pra);
        return;
    }
    size_t slash = bytes_find_byte(section, '/');
    struct bytes minor = bytes_slice(section, 5, slash), scopes = bytes_skip(section, slash + 1);
    require(bytes_starts_with_nocase(section, BYTES("spf2.")) && slash != BYTES_NOT_FOUND);
    require(minor.len && scopes.len);
    for (size_t i = 0; i < minor.len; i++)
        require(minor.ptr[i] >= '0' && minor.ptr[i] <= '9');
    require(version->pra == names(scopes, "pra") && version->mfrom == names(scopes, "mfrom"));
}

/* "v=spf1" in place of the version section gives the same terms. */
static void check_terms(struct arena *arena, struct bytes text, size_t start)
{
    struct spf_record record, same;
    struct bytes rest = bytes_skip(text, start);
    uint8_t *copy = malloc(6 + rest.len); /* exact, so that an over-read is seen */
    require(copy);
    memcpy(copy, "v=spf1", 6);
    if (rest.len)
        memcpy(copy + 6, rest.ptr, rest.len);
    enum result result = spf_record_parse_terms(arena, text, start, &record, NULL, NULL);
    require(result == spf_record_parse(arena, bytes_from(copy, 6 + rest.len), &same, NULL, NULL));
    require(record.directive_count == same.directive_count);
    if (result == OK) {
        require(bytes_equal(record.redirect, same.redirect));
        require(bytes_equal(record.explanation, same.explanation));
        for (size_t i = 0; i < record.directive_count; i++)
            require(bytes_equal(record.directives[i].text, same.directives[i].text));
    }
    free(copy);
}

/* How many would count, the plain way: all spf2.0 ones with the scope, else all of v=spf1. */
static size_t expected_count(const struct bytes *texts, size_t count, enum spf_scope scope)
{
    size_t spf1 = 0, spf2 = 0;
    for (size_t i = 0; i < count; i++) {
        struct sender_id_version version;
        if (!sender_id_version_read(texts[i], &version))
            continue;
        if (!version.spf2)
            spf1++;
        else if (scope != SPF_SCOPE_NONE)
            spf2 += scope == SPF_SCOPE_PRA ? version.pra : version.mfrom;
    }
    return spf2 ? spf2 : spf1;
}

static void check_choice(const struct bytes *texts, size_t count, enum spf_scope scope)
{
    struct sender_id_choice forth = {0}, back = {0};
    for (size_t i = 0; i < count; i++) {
        sender_id_choose(&forth, texts[i], scope);
        sender_id_choose(&back, texts[count - 1 - i], scope);
    }
    require(forth.count == expected_count(texts, count, scope) && back.count == forth.count);
    require(back.spf2 == forth.spf2 && (scope != SPF_SCOPE_NONE || !forth.spf2));
    if (forth.count == 1)
        require(forth.record.ptr == back.record.ptr && forth.version_len == back.version_len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    enum { TEXTS_MAX = 8 };
    struct bytes texts[TEXTS_MAX], rest = bytes_from(size ? data : (const uint8_t *)"", size);
    struct arena *arena = arena_create(4 << 20);
    size_t count = 0;
    require(arena);
    while (count < TEXTS_MAX && bytes_split(&rest, '\n', &texts[count]))
        count++;
    for (size_t i = 0; i < count; i++) {
        struct sender_id_version version;
        if (!sender_id_version_read(texts[i], &version))
            continue;
        check_version(texts[i], &version);
        check_terms(arena, texts[i], version.len);
    }
    for (enum spf_scope scope = SPF_SCOPE_NONE; scope <= SPF_SCOPE_PRA; scope++)
        check_choice(texts, count, scope);
    arena_destroy(arena);
    return 0;
}
