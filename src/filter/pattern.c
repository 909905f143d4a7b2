/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * PCRE2's own limits hold for each place at which a match may begin, and its machine code knows the number of
 * steps alone. So what a call can cost is bounded by that limit times the length of what it is given, which is
 * why it is given windows.
 */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "filter/pattern.h"

#include <pcre2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    STEPS_MAX = 5000,          /* from one place; a window has less places than that to step back to */
    DEPTH_MAX = 5000,
    HEAP_MAX = 4096,           /* KiB; of the interpreter, where there is no machine code */
    STACK_MIN = 32 * 1024,     /* of the machine code: not the fiber's */
    STACK_MOST = 256 * 1024,
    WINDOWS_A_LOOK = 8,        /* asking for the time costs as much as a short pattern in a window */
    SHOWN_MAX = 20             /* octets of a pattern in a message */
};

/* \C would tear characters apart; an offset limit is what makes the windows. */
static const uint32_t options = PCRE2_UTF | PCRE2_UCP | PCRE2_MATCH_INVALID_UTF | PCRE2_NEVER_BACKSLASH_C |
                                PCRE2_USE_OFFSET_LIMIT;

struct pattern {
    pcre2_code *code;
};

struct pattern_matcher {
    pcre2_match_context *context;
    pcre2_match_data *data;
    pcre2_jit_stack *stack;
    unsigned windows; /* looked at so far */
};

/* NULL with *code, or the number of PCRE2's error and the place. */
static pcre2_code *compile(struct bytes text, int *number, size_t *place)
{
    pcre2_compile_context *context = pcre2_compile_context_create(NULL);
    *number = 0;
    *place = 0;
    if (!context)
        return NULL;
    pcre2_set_max_pattern_length(context, PATTERN_MAX);
    pcre2_code *code = pcre2_compile(text.len ? text.ptr : (const uint8_t *)"", text.len, options, number, place,
                                     context);
    pcre2_compile_context_free(context);
    return code;
}

static const char *describe(struct bytes text, int number, size_t place)
{
    static _Thread_local char sentence[320];
    uint8_t reason[200];
    char near[SHOWN_MAX + 1];
    if (pcre2_get_error_message(number, reason, sizeof(reason)) < 0)
        reason[0] = '\0';
    struct bytes rest = bytes_first(bytes_skip(text, place), SHOWN_MAX);
    for (size_t i = 0; i < rest.len; i++)
        near[i] = rest.ptr[i] < 0x20 || rest.ptr[i] >= 0x7f ? '?' : (char)rest.ptr[i];
    near[rest.len] = '\0';
    snprintf(sentence, sizeof(sentence), "is no regular expression: %s, at octet %zu%s%s%s", (const char *)reason,
             place + 1, rest.len ? " (before \"" : " (its end", near, rest.len ? "\")" : ")");
    return sentence;
}

const char *rule_pattern_fault(struct bytes pattern)
{
    int number;
    size_t place;
    pcre2_code *code = compile(pattern, &number, &place);
    if (!code)
        return describe(pattern, number, place);
    pcre2_code_free(code);
    return NULL;
}

enum result pattern_compile(struct bytes text, struct pattern **out, struct error *error)
{
    int number;
    size_t place;
    pcre2_code *code = compile(text, &number, &place);
    if (!code)
        return error_set(error, number ? PERM : TEMP, "%s", describe(text, number, place));
    struct pattern *pattern = calloc(1, sizeof(*pattern));
    if (!pattern) {
        pcre2_code_free(code);
        return error_set(error, TEMP, "no memory for a pattern");
    }
    /* Where there is no machine code (another processor, no memory for it) it is interpreted. */
    (void)pcre2_jit_compile(code, PCRE2_JIT_COMPLETE);
    pattern->code = code;
    *out = pattern;
    return OK;
}

void pattern_free(struct pattern *pattern)
{
    if (!pattern)
        return;
    pcre2_code_free(pattern->code);
    free(pattern);
}

struct pattern_matcher *pattern_matcher_create(void)
{
    struct pattern_matcher *matcher = calloc(1, sizeof(*matcher));
    if (!matcher)
        return NULL;
    matcher->context = pcre2_match_context_create(NULL);
    matcher->data = pcre2_match_data_create(1, NULL);
    matcher->stack = pcre2_jit_stack_create(STACK_MIN, STACK_MOST, NULL);
    /* Without machine code in PCRE2 there is no stack for it either. */
    if (!matcher->context || !matcher->data) {
        pattern_matcher_free(matcher);
        return NULL;
    }
    pcre2_set_match_limit(matcher->context, STEPS_MAX);
    pcre2_set_depth_limit(matcher->context, DEPTH_MAX);
    pcre2_set_heap_limit(matcher->context, HEAP_MAX);
    if (matcher->stack)
        pcre2_jit_stack_assign(matcher->context, NULL, matcher->stack);
    return matcher;
}

void pattern_matcher_free(struct pattern_matcher *matcher)
{
    if (!matcher)
        return;
    pcre2_match_context_free(matcher->context);
    pcre2_match_data_free(matcher->data);
    pcre2_jit_stack_free(matcher->stack);
    free(matcher);
}

/* At or shortly before `at`: where a character begins. */
static size_t character_start(struct bytes text, size_t at)
{
    for (size_t back = 0; back < 4 && back < at && at < text.len; back++)
        if ((text.ptr[at - back] & 0xc0) != 0x80)
            return at - back;
    return at;
}

/* Matches that begin at `from` or behind it, before `to`. */
static enum pattern_found find_in_window(const struct pattern *pattern, struct pattern_matcher *matcher,
                                         struct bytes text, size_t from, size_t to, struct bytes *match)
{
    size_t begin = from > PATTERN_BEHIND ? character_start(text, from - PATTERN_BEHIND) : 0;
    size_t end = to < text.len && text.len - to > PATTERN_AHEAD ? character_start(text, to + PATTERN_AHEAD) : text.len;
    struct bytes seen = bytes_slice(text, begin, end);
    uint32_t place = (begin ? PCRE2_NOTBOL : 0) | (end < text.len ? PCRE2_NOTEOL : 0);
    pcre2_set_offset_limit(matcher->context, to < text.len ? to - begin - 1 : PCRE2_UNSET);
    int found = pcre2_match(pattern->code, seen.len ? seen.ptr : (const uint8_t *)"", seen.len, from - begin, place,
                            matcher->data, matcher->context);
    if (found == PCRE2_ERROR_NOMATCH)
        return PATTERN_NO;
    if (found < 0)
        return PATTERN_LIMIT;
    const size_t *ends = pcre2_get_ovector_pointer(matcher->data);
    *match = bytes_slice(seen, ends[0], ends[1]); /* \K can turn them round: empty */
    return PATTERN_YES;
}

enum pattern_found pattern_find(const struct pattern *pattern, struct pattern_matcher *matcher, struct bytes text,
                                const struct pattern_time *time, struct bytes *match)
{
    size_t from = 0;
    do {
        size_t to = text.len - from > PATTERN_WINDOW ? character_start(text, from + PATTERN_WINDOW) : text.len;
        if (time && time->now && matcher->windows++ % WINDOWS_A_LOOK == 0 && time->now(time->context) >= time->until)
            return PATTERN_LIMIT;
        enum pattern_found found = find_in_window(pattern, matcher, text, from, to, match);
        if (found != PATTERN_NO)
            return found;
        from = to;
    } while (from < text.len);
    return PATTERN_NO;
}
