/* SPDX-License-Identifier: BSD-2-Clause */
/* A verdict as JSON, and back. Records of older releases lack what is newer: it is 0 or empty then. */
#include "verdict/json_reader.h"
#include "verdict/judge.h"
#include "verdict/points.h"

static void write_reasons(struct json *json, const struct verdict *verdict)
{
    json_key(json, "reasons");
    json_begin_array(json);
    for (size_t i = 0; i < verdict->reason_count; i++) {
        json_begin_object(json);
        json_member(json, "check", check_name(verdict->reasons[i].check));
        json_member(json, "effect", reason_effect_name(verdict->reasons[i].effect));
        json_member_bytes(json, "text", verdict->reasons[i].text);
        json_end_object(json);
    }
    json_end_array(json);
}

static void write_contributions(struct json *json, const struct verdict *verdict)
{
    json_key(json, "contributions");
    json_begin_array(json);
    for (size_t i = 0; i < verdict->contribution_count; i++) {
        const struct contribution *contribution = &verdict->contributions[i];
        json_begin_object(json);
        json_member(json, "check", check_name(contribution->check));
        json_member_integer(json, "item",
                            contribution->item == CONTRIBUTION_NO_ITEM ? -1 : (int64_t)contribution->item);
        json_member_bytes(json, "name", contribution->name);
        json_member_integer(json, "points", contribution->points);
        json_member_bytes(json, "text", contribution->text);
        json_end_object(json);
    }
    json_end_array(json);
}

static void write_shadow(struct json *json, const struct shadow *shadow)
{
    json_key(json, "shadow");
    json_begin_object(json);
    json_member_bytes(json, "policy", shadow->policy);
    json_member(json, "action", action_name(shadow->action));
    json_member(json, "trust", trust_class_name(shadow->trust));
    json_member_integer(json, "score", shadow->score);
    json_member_bytes(json, "text", shadow->text);
    json_end_object(json);
}

void verdict_write(struct json *json, const struct verdict *verdict)
{
    json_begin_object(json);
    json_member(json, "action", action_name(verdict->action));
    json_member(json, "trust", trust_class_name(verdict->trust));
    json_member_integer(json, "code", verdict->code);
    json_member(json, "enhanced", verdict->enhanced);
    json_member_bytes(json, "text", verdict->text);
    write_reasons(json, verdict);
    if (verdict->judged) {
        json_member_bool(json, "judged", true);
        json_member_bytes(json, "trust_reason", verdict->trust_reason);
    }
    if (verdict->scored) {
        json_member_bool(json, "scored", true);
        json_member_integer(json, "score", verdict->score);
        json_member_integer(json, "probability", verdict->probability);
        json_member_integer(json, "junk_score", verdict->junk_score);
        json_member_integer(json, "quarantine_score", verdict->quarantine_score);
        json_member_integer(json, "reject_score", verdict->reject_score);
        write_contributions(json, verdict);
    }
    if (verdict->shadow.policy.len)
        write_shadow(json, &verdict->shadow);
    json_end_object(json);
}

static int read_points(struct json_reader *reader, const json_t *object, const char *key)
{
    const int most = 100000000;
    return points_within(json_reader_integer(reader, object, key), -most, most);
}

static void read_reasons(struct json_reader *reader, const json_t *root, struct verdict *out)
{
    const json_t *reasons = json_reader_array(reader, root, "reasons");
    out->reasons = arena_alloc_array(reader->arena, json_array_size(reasons), sizeof(*out->reasons));
    if (!out->reasons)
        reader->exhausted = true;
    for (size_t i = 0; out->reasons && i < json_array_size(reasons); i++) {
        const json_t *object = json_array_get(reasons, i);
        struct reason *reason = &out->reasons[out->reason_count++];
        if (!check_parse(json_reader_bytes(reader, object, "check"), &reason->check) ||
            !reason_effect_parse(json_reader_bytes(reader, object, "effect"), &reason->effect))
            reader->malformed = true;
        reason->text = json_reader_bytes(reader, object, "text");
    }
}

static void read_contributions(struct json_reader *reader, const json_t *root, struct verdict *out)
{
    const json_t *list = json_reader_array(reader, root, "contributions");
    size_t count = json_array_size(list);
    if (count > CONTRIBUTIONS_MAX)
        reader->malformed = true;
    if (count == 0 || reader->malformed)
        return;
    out->contributions = arena_alloc_array(reader->arena, count, sizeof(*out->contributions));
    if (!out->contributions)
        reader->exhausted = true;
    for (size_t i = 0; out->contributions && i < count; i++) {
        const json_t *object = json_array_get(list, i);
        struct contribution *contribution = &out->contributions[out->contribution_count++];
        if (!check_parse(json_reader_bytes(reader, object, "check"), &contribution->check))
            reader->malformed = true;
        int64_t item = json_reader_integer(reader, object, "item");
        contribution->item = item < 0 ? CONTRIBUTION_NO_ITEM : (size_t)item;
        contribution->name = json_reader_bytes(reader, object, "name");
        contribution->points = read_points(reader, object, "points");
        contribution->text = json_reader_bytes(reader, object, "text");
    }
}

static void read_shadow(struct json_reader *reader, const json_t *root, struct shadow *out)
{
    const json_t *object = json_object_get(root, "shadow");
    if (!object)
        return;
    out->policy = json_reader_bytes(reader, object, "policy");
    if (!action_parse(json_reader_bytes(reader, object, "action"), &out->action) ||
        !trust_class_parse(json_reader_bytes(reader, object, "trust"), &out->trust))
        reader->malformed = true;
    out->score = read_points(reader, object, "score");
    out->text = json_reader_bytes(reader, object, "text");
}

enum result verdict_read(struct arena *arena, struct bytes text, struct verdict *out,
                         struct error *error)
{
    struct json_reader reader;
    *out = (struct verdict){0};
    const json_t *root = json_reader_open(&reader, arena, text);
    if (!action_parse(json_reader_bytes(&reader, root, "action"), &out->action) ||
        !trust_class_parse(json_reader_bytes(&reader, root, "trust"), &out->trust) ||
        !bytes_to_cstring(json_reader_bytes(&reader, root, "enhanced"), out->enhanced,
                          sizeof(out->enhanced)))
        reader.malformed = true;
    out->code = (unsigned)json_reader_integer(&reader, root, "code");
    out->text = json_reader_bytes(&reader, root, "text");
    read_reasons(&reader, root, out);
    out->judged = json_reader_bool(&reader, root, "judged");
    out->scored = json_reader_bool(&reader, root, "scored");
    out->trust_reason = json_reader_bytes(&reader, root, "trust_reason");
    out->score = read_points(&reader, root, "score");
    out->probability = points_within(json_reader_integer(&reader, root, "probability"), 0, 10000);
    out->junk_score = read_points(&reader, root, "junk_score");
    out->quarantine_score = read_points(&reader, root, "quarantine_score");
    out->reject_score = read_points(&reader, root, "reject_score");
    read_contributions(&reader, root, out);
    read_shadow(&reader, root, &out->shadow);
    return json_reader_close(&reader, "verdict", error);
}
