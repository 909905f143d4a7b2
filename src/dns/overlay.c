/* SPDX-License-Identifier: BSD-2-Clause */
#include "dns/overlay.h"

#include "base/domain.h"
#include "dns/answer.h"

struct dns_overlay_text {
    struct dns_overlay_text *next;
    struct bytes name, version;
    struct bytes text; /* ptr NULL: records are taken away only */
};

static bool has_version(struct bytes text, struct bytes version)
{
    if (!version.len)
        return true;
    if (!bytes_starts_with_nocase(text, version))
        return false;
    struct bytes rest = bytes_skip(text, version.len);
    return !rest.len || bytes_find_byte(BYTES(" \t;,/"), rest.ptr[0]) != BYTES_NOT_FOUND;
}

/* What was set for this name, from `from` on. */
static const struct dns_overlay_text *next_of(const struct dns_overlay_text *from,
                                              struct bytes name)
{
    while (from && !bytes_equal_nocase(from->name, name))
        from = from->next;
    return from;
}

static bool is_replaced(const struct dns_overlay *overlay, struct bytes name, struct bytes text)
{
    const struct dns_overlay_text *set = next_of(overlay->texts, name);
    for (; set; set = next_of(set->next, name))
        if (has_version(text, set->version))
            return true;
    return false;
}

static const struct dns_answer *merge(const struct dns_overlay *overlay, struct arena *arena,
                                      struct bytes name, const struct dns_answer *below)
{
    size_t capacity = below->status == DNS_FOUND ? below->count : 0, count = 0;
    const struct dns_overlay_text *first = next_of(overlay->texts, name), *set;
    for (set = first; set; set = next_of(set->next, name))
        capacity++;
    struct dns_record *records = arena_alloc_array(arena, capacity, sizeof(*records));
    struct dns_answer *answer = arena_new(arena, struct dns_answer);
    if (!records || !answer)
        return answer_out_of_memory();
    for (size_t i = 0; below->status == DNS_FOUND && i < below->count; i++)
        if (!is_replaced(overlay, name, below->records[i].text))
            records[count++] = below->records[i];
    for (set = first; set; set = next_of(set->next, name))
        if (set->text.ptr)
            records[count++] = (struct dns_record){.text = set->text};
    *answer = (struct dns_answer){
        .status = count ? DNS_FOUND : DNS_NO_DATA,
        .ttl = below->ttl,
        .canonical = below->status == DNS_FOUND ? below->canonical : arena_lower(arena, name),
        .count = count,
        .records = records,
    };
    /* What is copied outlives the overlay, as answers of other layers do. */
    return answer_copy(arena, answer);
}

static const struct dns_answer *query(struct dns *dns, struct arena *arena, struct bytes name,
                                      enum dns_type type, int64_t deadline)
{
    struct dns_overlay *overlay = (struct dns_overlay *)dns;
    const struct dns_answer *below =
        overlay->below->query(overlay->below, arena, name, type, deadline);
    struct bytes plain = domain_strip_dot(name);
    const struct dns_overlay_text *set = next_of(overlay->texts, plain);
    if (!set)
        return below;
    if (type == DNS_TXT)
        return merge(overlay, arena, plain, below);
    /* A name with a record exists. */
    for (; set && below->status == DNS_NO_NAME; set = next_of(set->next, plain))
        if (set->text.ptr)
            return answer_empty(arena, DNS_NO_DATA, below->canonical, below->ttl);
    return below;
}

void dns_overlay_init(struct dns_overlay *overlay, struct dns *below, struct arena *arena)
{
    *overlay = (struct dns_overlay){.dns = {query}, .below = below, .arena = arena};
}

bool dns_overlay_set_txt(struct dns_overlay *overlay, struct bytes name, struct bytes version,
                         struct bytes text)
{
    struct bytes plain = arena_lower(overlay->arena, domain_strip_dot(name));
    struct bytes kept = text.ptr ? arena_copy(overlay->arena, text) : text;
    if (!plain.ptr || (text.ptr && !kept.ptr))
        return false;
    struct dns_overlay_text **last = &overlay->texts;
    for (; *last; last = &(*last)->next) {
        struct dns_overlay_text *set = *last;
        if (bytes_equal(set->name, plain) && bytes_equal_nocase(set->version, version)) {
            set->text = kept;
            return true;
        }
    }
    struct dns_overlay_text *set = arena_new(overlay->arena, struct dns_overlay_text);
    struct bytes word = arena_copy(overlay->arena, version);
    if (!set || !word.ptr)
        return false;
    *set = (struct dns_overlay_text){.name = plain, .version = word, .text = kept};
    *last = set;
    return true;
}
