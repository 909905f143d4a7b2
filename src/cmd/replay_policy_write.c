/* SPDX-License-Identifier: BSD-2-Clause */
#include "cmd/moment.h"
#include "cmd/replay_policy.h"
#include "verdict/points.h"

static void add_count(struct buf *out, size_t count, const char *what)
{
    if (count)
        buf_printf(out, "  %zu %s\n", count, what);
}

static void add_transitions(struct buf *out, const struct replay_policies *replay)
{
    for (int before = 0; before <= ACTION_REJECT; before++)
        for (int after = 0; after <= ACTION_REJECT; after++)
            if (before != after && replay->transitions[before][after])
                buf_printf(out, "  %-10s -> %-10s %zu\n", action_name((enum action)before),
                           action_name((enum action)after), replay->transitions[before][after]);
}

static void add_difference(struct buf *out, const struct replay_difference *difference)
{
    char when[MOMENT_TEXT_SIZE], before[POINTS_TEXT_SIZE], after[POINTS_TEXT_SIZE];
    buf_printf(out, "%s " BYTES_FMT " %s -> %s", moment_format(difference->received_at, when),
               BYTES_ARG(difference->id), action_name(difference->before), action_name(difference->after));
    if (difference->trust_before != difference->trust_after)
        buf_printf(out, ", %s -> %s", trust_class_name(difference->trust_before),
                   trust_class_name(difference->trust_after));
    if (difference->scored_before)
        buf_printf(out, ", %s -> %s points", points_plain(difference->score_before, before),
                   points_plain(difference->score_after, after));
    buf_printf(out, ", <" BYTES_FMT ">, From " BYTES_FMT "\n    " BYTES_FMT "\n", BYTES_ARG(difference->sender),
               BYTES_ARG(difference->header_from), BYTES_ARG(difference->reason));
}

static void add_tally(struct buf *out, const char *what, const struct replay_tally *tally)
{
    buf_printf(out, "%s: %zu of ham lost, %zu of junk taken; ", what, tally->ham_lost, tally->junk_taken);
    calibration_write(out, &tally->calibration);
}

void replay_policies_write_text(struct buf *out, const struct replay_policies *replay)
{
    size_t begin = out->len;
    buf_printf(out, "%zu messages judged again: %zu with another action, %zu in another class, %zu the same to the "
                    "octet.\n",
               replay->judged, replay->changed, replay->reclassed, replay->identical);
    add_transitions(out, replay);
    add_count(out, replay->older, "were judged by a release that kept no scores");
    add_count(out, replay->unjudged, "others were refused before anything was checked");
    add_count(out, replay->without_policy, "others came under a policy that the configuration does not have");
    add_count(out, replay->unreadable, "others cannot be read");
    if (replay->labels) {
        add_tally(out, "Then", &replay->before);
        add_tally(out, "Now", &replay->after);
    }
    for (const struct replay_difference *d = replay->differences; d; d = d->next)
        add_difference(out, d);
    if (replay->changed + replay->reclassed > replay->difference_count)
        buf_printf(out, "... and %zu more (see --limit)\n",
                   replay->changed + replay->reclassed - replay->difference_count);
    /* Peers chose some of these words: nothing of them steers the terminal. */
    for (size_t i = begin; i < out->len; i++)
        if ((out->ptr[i] < 0x20 && out->ptr[i] != '\n') || out->ptr[i] == 0x7f)
            out->ptr[i] = '?';
}

static void json_difference(struct json *json, const struct replay_difference *difference)
{
    json_begin_object(json);
    json_member_bytes(json, "id", difference->id);
    json_member_integer(json, "received_at", difference->received_at);
    json_member_bytes(json, "mail_from", difference->sender);
    json_member_bytes(json, "header_from", difference->header_from);
    json_member(json, "before", action_name(difference->before));
    json_member(json, "after", action_name(difference->after));
    json_member(json, "trust_before", trust_class_name(difference->trust_before));
    json_member(json, "trust_after", trust_class_name(difference->trust_after));
    if (difference->scored_before)
        json_member_integer(json, "score_before", difference->score_before);
    json_member_integer(json, "score_after", difference->score_after);
    json_member_bytes(json, "text", difference->reason);
    json_end_object(json);
}

static void json_tally(struct json *json, const char *name, const struct replay_tally *tally)
{
    json_key(json, name);
    json_begin_object(json);
    json_member_integer(json, "ham_lost", (int64_t)tally->ham_lost);
    json_member_integer(json, "junk_taken", (int64_t)tally->junk_taken);
    json_key(json, "calibration");
    calibration_write_json(json, &tally->calibration);
    json_end_object(json);
}

void replay_policies_write_json(struct buf *out, const struct replay_policies *replay)
{
    struct json json = json_into(out);
    json_begin_object(&json);
    json_member_integer(&json, "remembered", (int64_t)replay->remembered);
    json_member_integer(&json, "judged", (int64_t)replay->judged);
    json_member_integer(&json, "identical", (int64_t)replay->identical);
    json_member_integer(&json, "changed", (int64_t)replay->changed);
    json_member_integer(&json, "reclassed", (int64_t)replay->reclassed);
    json_member_integer(&json, "older", (int64_t)replay->older);
    json_member_integer(&json, "unjudged", (int64_t)replay->unjudged);
    json_member_integer(&json, "without_policy", (int64_t)replay->without_policy);
    json_member_integer(&json, "unreadable", (int64_t)replay->unreadable);
    if (replay->labels) {
        json_tally(&json, "then", &replay->before);
        json_tally(&json, "now", &replay->after);
    }
    json_key(&json, "messages");
    json_begin_array(&json);
    for (const struct replay_difference *d = replay->differences; d; d = d->next)
        json_difference(&json, d);
    json_end_array(&json);
    json_end_object(&json);
    buf_add_byte(out, '\n');
}
