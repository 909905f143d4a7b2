/* SPDX-License-Identifier: BSD-2-Clause */
#include "cmd/spf_steps.h"

#include "base/ascii.h"

static void add_shown(struct buf *out, struct bytes text)
{
    for (size_t i = 0; i < text.len; i++)
        buf_add_byte(out, ascii_is_control(text.ptr[i]) ? '?' : text.ptr[i]);
}

void spf_steps_write_text(struct buf *out, const struct spf_step *steps, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct spf_step *step = &steps[i];
        buf_printf(out, "  %*s", (int)(step->depth * 2), "");
        if (step->term.len) {
            add_shown(out, step->term);
            buf_printf(out, " -> %s", spf_step_outcome_name(step->outcome));
        } else {
            add_shown(out, step->name);
            buf_add_byte(out, ':');
        }
        if (step->found.len) {
            buf_add_byte(out, ' ');
            add_shown(out, step->found);
        }
        buf_add_byte(out, '\n');
    }
}

void spf_steps_write_json(struct json *json, const struct spf_step *steps, size_t count)
{
    json_begin_array(json);
    for (size_t i = 0; i < count; i++) {
        const struct spf_step *step = &steps[i];
        json_begin_object(json);
        json_member_integer(json, "depth", step->depth);
        json_member_bytes(json, "term", step->term);
        json_member_bytes(json, "name", step->name);
        json_member_bytes(json, "found", step->found);
        json_member(json, "outcome", spf_step_outcome_name(step->outcome));
        json_end_object(json);
    }
    json_end_array(json);
}
