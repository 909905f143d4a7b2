/* SPDX-License-Identifier: BSD-2-Clause */
#include "lint/finding.h"

#include <string.h>

const char *severity_name(enum severity severity)
{
    static const char *const names[] = {"error", "warning", "advice", "fine"};
    return names[severity];
}

const char *harm_name(enum harm harm)
{
    static const char *const names[] = {"mail lost", "forgery", "weakness", "clutter"};
    return names[harm];
}

void section_init(struct section *section, struct arena *arena, const char *topic, const char *name)
{
    *section = (struct section){.name = name, .topic = topic, .arena = arena};
}

/* A larger array in the arena, or NULL. */
static void *grow(struct section *section, const void *items, size_t count, size_t *capacity,
                  size_t most, size_t size)
{
    if (count < *capacity)
        return (void *)items;
    size_t wanted = *capacity ? *capacity * 2 : 16;
    void *larger = count < most ? arena_alloc_array(section->arena, wanted, size) : NULL;
    if (!larger) {
        section->incomplete = true;
        return NULL;
    }
    if (count)
        memcpy(larger, items, count * size);
    *capacity = wanted;
    return larger;
}

void section_show(struct section *section, unsigned depth, const char *format, ...)
{
    void *lines = grow(section, section->lines, section->line_count, &section->line_capacity,
                       SECTION_LINES_MAX, sizeof(*section->lines));
    va_list args;
    va_start(args, format);
    struct bytes text = arena_vprintf(section->arena, format, args);
    va_end(args);
    if (!lines || !text.ptr)
        return;
    section->lines = lines;
    section->lines[section->line_count++] = (struct section_line){depth, text};
}

static struct finding *known(const struct section *section, const struct finding *like)
{
    for (size_t i = 0; i < section->finding_count; i++)
        if (bytes_equal(section->findings[i].subject, like->subject) &&
            bytes_equal(section->findings[i].text, like->text))
            return &section->findings[i];
    return NULL;
}

struct finding *section_find(struct section *section, enum severity severity, enum harm harm,
                             struct bytes subject, const char *rfc_section, const char *format, ...)
{
    static struct finding lost;
    struct finding finding = {.severity = severity,
                              .harm = harm,
                              .subject = arena_copy(section->arena, subject),
                              .section = rfc_section,
                              .fix = BYTES("")};
    va_list args;
    va_start(args, format);
    finding.text = arena_vprintf(section->arena, format, args);
    va_end(args);
    lost = finding;
    if (!finding.text.ptr || !finding.subject.ptr)
        return &lost;
    struct finding *same = known(section, &finding);
    if (same)
        return same;
    void *findings =
        grow(section, section->findings, section->finding_count, &section->finding_capacity,
             SECTION_FINDINGS_MAX, sizeof(*section->findings));
    if (!findings)
        return &lost;
    section->findings = findings;
    section->findings[section->finding_count] = finding;
    return &section->findings[section->finding_count++];
}

void section_dns_failed(struct section *section, struct bytes subject, const char *problem)
{
    section->failures++;
    section_find(section, SEVERITY_WARNING, HARM_MAIL_LOST, subject, NULL,
                 "The DNS gave no answer (%s); what is there could not be judged, and others who "
                 "ask may defer mail.",
                 problem ? problem : "it failed")
        ->dns_failure = true;
}

int finding_compare(const struct finding *a, const struct finding *b)
{
    if (a->severity != b->severity)
        return a->severity < b->severity ? -1 : 1;
    return a->harm == b->harm ? 0 : a->harm < b->harm ? -1 : 1;
}
