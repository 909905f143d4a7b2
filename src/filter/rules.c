/* SPDX-License-Identifier: BSD-2-Clause */
#include "filter/rules.h"

#include "base/utf8.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

struct rule {
    size_t source;
    struct bytes name, field;
    enum rule_where where;
    bool negate;
    struct pattern *pattern;
    atomic_bool reported;
};

struct rules {
    struct arena *arena;
    struct rule *list;
    size_t count;
    /* To spare making one for each message; whoever comes while it is taken makes his own. */
    _Atomic(struct pattern_matcher *) spare;
};

/* ---- compiling ---- */

static enum result add_rule(struct rules *rules, const struct rule_source *source, size_t index, struct error *error)
{
    struct rule *rule = &rules->list[rules->count];
    struct error why = {{0}};
    rule->source = index;
    rule->where = source->where;
    rule->negate = source->negate;
    rule->name = arena_copy(rules->arena, source->name);
    rule->field = arena_copy(rules->arena, source->field);
    enum result result = pattern_compile(source->pattern, &rule->pattern, &why);
    if (result != OK)
        return error_set(error, result, "rule " BYTES_FMT ": its pattern %s", BYTES_ARG(source->name), why.text);
    rules->count++;
    return OK;
}

enum result rules_compile(const struct rule_source *sources, size_t count, struct rules **out, struct error *error)
{
    enum result result = OK;
    struct rules *rules = calloc(1, sizeof(*rules));
    if (rules)
        rules->arena = arena_create(16 << 20);
    if (rules && rules->arena)
        rules->list = arena_alloc_array(rules->arena, count, sizeof(*rules->list));
    if (!rules || !rules->list) {
        rules_free(rules);
        return error_set(error, TEMP, "no memory for rules");
    }
    for (size_t i = 0; i < count && result == OK; i++)
        if (sources[i].pattern.len)
            result = add_rule(rules, &sources[i], i, error);
    if (result == OK && arena_exhausted(rules->arena))
        result = error_set(error, TEMP, "no memory for rules");
    if (result == OK)
        *out = rules;
    else
        rules_free(rules);
    return result;
}

void rules_free(struct rules *rules)
{
    if (!rules)
        return;
    for (size_t i = 0; i < rules->count; i++)
        pattern_free(rules->list[i].pattern);
    pattern_matcher_free(atomic_load(&rules->spare));
    arena_destroy(rules->arena);
    free(rules);
}

/* ---- what is looked at; made when the first rule wants it ---- */

struct examination {
    struct arena *arena;
    const struct message *message;
    const struct readable *readable;
    const struct pattern_time *time;
    struct pattern_matcher *matcher;
    struct bytes *values;  /* of header fields; ptr NULL: not decoded yet */
    struct buf html;
    size_t *html_ends;     /* where each part ends in it */
    size_t html_count;
    bool html_read, exhausted;
};

static struct bytes field_value(struct examination *examination, size_t index)
{
    static const struct bytes nothing = BYTES_INIT("");
    struct mime_text text;
    if (!examination->values)
        examination->values = arena_alloc_array(examination->arena, examination->message->field_count + 1,
                                                sizeof(*examination->values));
    if (!examination->values) {
        examination->exhausted = true;
        return nothing;
    }
    struct bytes *value = &examination->values[index];
    if (value->ptr)
        return *value;
    struct bytes field = bytes_first(examination->message->fields[index].value, RULES_FIELD_MAX);
    if (mime_words_decode(examination->arena, header_unfold(examination->arena, field), &text))
        *value = text.octets.ptr ? text.octets : nothing;
    else
        examination->exhausted = true;
    return value->ptr ? *value : nothing;
}

static void read_html(struct examination *examination)
{
    const struct mime *mime = examination->readable->mime;
    examination->html_read = true;
    if (!mime || !mime->root)
        return;
    examination->html_ends = arena_alloc_array(examination->arena, mime->part_count + 1, sizeof(size_t));
    if (!examination->html_ends) {
        examination->exhausted = true;
        return;
    }
    for (const struct mime_part *part = mime->root; part; part = mime_next_own(part)) {
        if (part->kind != MIME_LEAF || !mime_is(part, "text", "html"))
            continue;
        /* What is decoded is never longer than what is encoded, so what is left is always enough. */
        struct mime_decoder decoder = mime_decoder_for(part->encoding);
        mime_decode(&decoder, bytes_first(part->body, RULES_HTML_MAX - examination->html.len), &examination->html);
        mime_decode_end(&decoder, &examination->html);
        if (examination->html.failed || examination->html_count > mime->part_count)
            return;
        examination->html_ends[examination->html_count++] = examination->html.len;
    }
}

/* ---- matching ---- */

struct looked {
    enum pattern_found found;
    struct bytes match;
};

/* True: no further text need be looked at. */
static bool look_at(struct examination *examination, const struct rule *rule, struct bytes text, struct looked *looked)
{
    looked->found = pattern_find(rule->pattern, examination->matcher, text, examination->time, &looked->match);
    return looked->found != PATTERN_NO;
}

static void look_at_header(struct examination *examination, const struct rule *rule, struct looked *looked)
{
    const struct message *message = examination->message;
    if (!rule->field.len) {
        look_at(examination, rule, bytes_first(message->header, RULES_HEADER_MAX), looked);
        return;
    }
    for (size_t i = 0; i < message->field_count; i++)
        if (bytes_equal_nocase(message->fields[i].name, rule->field) &&
            look_at(examination, rule, field_value(examination, i), looked))
            return;
}

static void look_at_html(struct examination *examination, const struct rule *rule, struct looked *looked)
{
    if (!examination->html_read)
        read_html(examination);
    size_t from = 0;
    for (size_t i = 0; i < examination->html_count; i++) {
        struct bytes part = bytes_slice(buf_bytes(&examination->html), from, examination->html_ends[i]);
        if (look_at(examination, rule, part, looked))
            return;
        from = examination->html_ends[i];
    }
}

static void look(struct examination *examination, const struct rule *rule, struct looked *looked)
{
    const struct readable *readable = examination->readable;
    bool done = false;
    switch (rule->where) {
    case RULE_HEADER:
        look_at_header(examination, rule, looked);
        return;
    case RULE_BODY:
        look_at(examination, rule, readable->text, looked);
        return;
    case RULE_HTML:
        look_at_html(examination, rule, looked);
        return;
    case RULE_URL:
        for (size_t i = 0; i < readable->link_count && !done; i++)
            done = look_at(examination, rule, readable->links[i].url, looked);
        return;
    case RULE_SUBJECT:
        look_at(examination, rule, readable->subject, looked);
        return;
    case RULE_ATTACHMENT:
        for (size_t i = 0; i < readable->attachment_count && !done; i++)
            done = look_at(examination, rule, readable->attachments[i].name, looked);
        return;
    case RULE_RAW:
        look_at(examination, rule, bytes_first(examination->message->raw, RULES_RAW_MAX), looked);
        return;
    }
}

/* ---- what is told of it ---- */

struct bytes rules_shown(struct arena *arena, struct bytes text, size_t most)
{
    uint8_t *out = arena_alloc(arena, most + 4);
    size_t used = 0, i = 0;
    bool blank = false;
    if (!out)
        return (struct bytes){NULL, 0};
    text = bytes_trim(text);
    while (i < text.len) {
        struct bytes rest = bytes_skip(text, i);
        size_t length = utf8_printable(rest);
        bool white = rest.ptr[0] == ' ' || rest.ptr[0] == '\t' || rest.ptr[0] == '\r' || rest.ptr[0] == '\n';
        if (used + (length ? length : 1) > most) {
            memcpy(out + used, "…", 3);
            used += 3;
            break;
        }
        if (length && !white)
            memcpy(out + used, rest.ptr, length);
        else if (white && !blank)
            out[used] = ' ';
        else if (!white)
            out[used] = '?';
        used += length && !white ? length : white && blank ? 0 : 1;
        blank = white;
        i += length ? length : 1;
    }
    return bytes_from(out, used);
}

static struct bytes place_of(const struct rule *rule)
{
    switch (rule->where) {
    case RULE_HEADER:
        return rule->field.len ? rule->field : BYTES("the header");
    case RULE_BODY:
        return BYTES("the text");
    case RULE_HTML:
        return BYTES("HTML");
    case RULE_URL:
        return BYTES("a URL");
    case RULE_SUBJECT:
        return BYTES("Subject");
    case RULE_ATTACHMENT:
        return BYTES("the name of an attachment");
    case RULE_RAW:
        break;
    }
    return BYTES("the message");
}

static void examine_rule(struct examination *examination, struct rule *rule, struct rule_matches *out)
{
    struct looked looked = {.found = PATTERN_NO, .match = BYTES("")};
    look(examination, rule, &looked);
    if (looked.found == PATTERN_LIMIT) {
        out->limited++;
        if (!atomic_exchange(&rule->reported, true))
            out->reported[out->reported_count++] = rule->name;
        return;
    }
    if ((looked.found == PATTERN_YES) == rule->negate)
        return;
    struct rule_match *match = &out->list[out->count++];
    *match = (struct rule_match){.rule = rule->source, .name = rule->name, .place = place_of(rule)};
    if (!rule->negate)
        match->seen = rules_shown(examination->arena, looked.match, RULES_SEEN_MAX);
}

enum result rules_examine(const struct rules *shared, struct arena *arena, const struct message *message,
                          const struct readable *readable, const struct pattern_time *time, struct rule_matches *out,
                          struct error *error)
{
    struct rules *rules = (struct rules *)shared; /* only its atomic members change */
    struct examination examination = {.arena = arena, .message = message, .readable = readable, .time = time};
    *out = (struct rule_matches){.count = 0};
    if (!rules->count)
        return OK;
    out->list = arena_alloc_array(arena, rules->count, sizeof(*out->list));
    out->reported = arena_alloc_array(arena, rules->count, sizeof(*out->reported));
    examination.matcher = atomic_exchange(&rules->spare, NULL);
    if (!examination.matcher)
        examination.matcher = pattern_matcher_create();
    if (!out->list || !out->reported || !examination.matcher) {
        pattern_matcher_free(examination.matcher);
        return error_set(error, TEMP, "no memory to look for rules");
    }
    buf_init(&examination.html, RULES_HTML_MAX);
    for (size_t i = 0; i < rules->count; i++)
        examine_rule(&examination, &rules->list[i], out);
    buf_free(&examination.html);
    pattern_matcher_free(atomic_exchange(&rules->spare, examination.matcher));
    if (examination.exhausted || arena_exhausted(arena))
        return error_set(error, TEMP, "no memory to look for rules");
    return OK;
}
