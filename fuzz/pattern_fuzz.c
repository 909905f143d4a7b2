/* SPDX-License-Identifier: BSD-2-Clause */
/* Any pattern over any text: it is refused with a sentence, or compiles and finds something within the text. */
#include "filter/pattern.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes input = bytes_from(data, size);
    size_t line = bytes_find_byte(input, '\n');
    struct bytes text = line == BYTES_NOT_FOUND ? input : bytes_skip(input, line + 1), match = BYTES("");
    struct bytes source = bytes_first(input, line);
    struct pattern *pattern = NULL;
    struct error error = {{0}};
    const char *fault = rule_pattern_fault(source);
    if (fault)
        require(strlen(fault) > 20 && !strchr(fault, '\n') && !strchr(fault, '\r'));
    enum result result = pattern_compile(source, &pattern, &error);
    require((result == OK) == !fault);
    if (result != OK)
        return 0;
    struct pattern_matcher *matcher = pattern_matcher_create();
    require(matcher);
    enum pattern_found found = pattern_find(pattern, matcher, text, NULL, &match);
    if (found == PATTERN_YES && match.len)
        require(match.ptr >= text.ptr && match.ptr + match.len <= text.ptr + text.len);
    /* The same again: nothing stays in the matcher. */
    struct bytes again = BYTES("");
    require(pattern_find(pattern, matcher, text, NULL, &again) == found && again.len == match.len);
    pattern_matcher_free(matcher);
    pattern_free(pattern);
    return 0;
}
