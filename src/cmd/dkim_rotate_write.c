/* SPDX-License-Identifier: BSD-2-Clause */
#include "auth/dkim_record.h"
#include "cmd/dkim_rotate.h"

#include <stdio.h>

static struct json begin_event(struct buf *out, const struct rotate *r, const char *event)
{
    struct json json = json_into(out);
    json_begin_object(&json);
    if (event)
        json_member(&json, "event", event);
    json_member_bytes(&json, "domain", r->domain);
    return json;
}

static void end_event(struct json *json)
{
    json_end_object(json);
    buf_add_byte(json->out, '\n');
}

/* At once: somebody may read it who is to publish what is awaited. */
static void print_now(struct buf *out)
{
    world_print(out);
    fflush(stdout);
}

static void write_state_json(struct buf *out, struct rotate *r, const char *event)
{
    struct json json = begin_event(out, r, event);
    json_key(&json, "keys");
    json_begin_array(&json);
    for (size_t i = 0; i < r->state->count; i++)
        dkim_keys_write_json(&json, r->world->arena, r->domain, &r->state->entries[i], BYTES(""));
    json_end_array(&json);
    end_event(&json);
}

static void write_state_text(struct buf *out, struct rotate *r)
{
    static const char *const meanings[] = {"not signing yet; run `vouch dkim rotate` to go on",
                                           "signs",
                                           "signs no more; its record stays until --finish",
                                           "revoked"};
    if (r->state->count == 0)
        buf_printf(out, "There are no keys of " BYTES_FMT " in %s.\n", BYTES_ARG(r->domain), r->folder);
    for (size_t i = 0; i < r->state->count; i++) {
        const struct key_entry *entry = &r->state->entries[i];
        buf_printf(out, "%-8s %-8s " BYTES_FMT " since ", key_phase_name(entry->phase),
                   dkim_key_type_name(entry->type), BYTES_ARG(entry->selector));
        key_time_write(out, entry->since);
        buf_printf(out, ": %s\n", meanings[entry->phase]);
    }
}

void rotate_show_state(struct rotate *r, const char *event)
{
    struct buf out;
    buf_init(&out, 1 << 20);
    if (r->world->options->json)
        write_state_json(&out, r, event);
    else
        write_state_text(&out, r);
    world_print(&out);
}

/* What is to be published */

static struct bytes record_of(struct rotate *r, const struct dkim_awaited *awaited,
                              const struct key_entry *entry)
{
    struct bytes text = bytes_of(dkim_record_revoked(entry->type));
    struct error error;
    if (awaited->key && dkim_record_text(r->world->arena, awaited->key, &text, &error) != OK)
        fprintf(stderr, "vouch dkim rotate: %s\n", error.text);
    return text;
}

static void announce_text(struct buf *out, struct rotate *r, const struct dkim_awaited *awaited,
                          const struct key_entry *entry)
{
    if (awaited->key)
        buf_printf(out, "# To be published: the %s key " BYTES_FMT " of " BYTES_FMT "\n\n",
                   dkim_key_type_name(entry->type), BYTES_ARG(entry->selector), BYTES_ARG(r->domain));
    else
        buf_printf(out, "# To be published in place of the old record: " BYTES_FMT " is revoked\n\n",
                   BYTES_ARG(entry->selector));
    dkim_keys_write_record(out, r->world->arena, r->domain, entry->selector,
                           record_of(r, awaited, entry));
}

void rotate_announce(struct rotate *r)
{
    struct buf out;
    struct json json;
    size_t count = 0;
    buf_init(&out, 4 << 20);
    for (size_t i = 0; i < r->await.count; i++) {
        const struct dkim_awaited *awaited = &r->await.records[i];
        const struct key_entry *entry = key_state_find(r->state, awaited->selector);
        if (awaited->answered || !entry)
            continue;
        if (r->world->options->json && count == 0) {
            json = begin_event(&out, r, "publish");
            json_key(&json, "keys");
            json_begin_array(&json);
        }
        if (r->world->options->json)
            dkim_keys_write_json(&json, r->world->arena, r->domain, entry,
                                 record_of(r, awaited, entry));
        else
            announce_text(&out, r, awaited, entry);
        count++;
    }
    if (r->world->options->json && count) {
        json_end_array(&json);
        end_event(&json);
    }
    print_now(&out);
}

static void write_switched_json(struct buf *out, struct rotate *r, bool reloaded)
{
    struct json json = begin_event(out, r, "active");
    json_key(&json, "keys");
    json_begin_array(&json);
    for (size_t i = 0; i < r->await.count; i++) {
        const struct key_entry *entry = key_state_find(r->state, r->await.records[i].selector);
        if (entry && entry->phase == KEY_ACTIVE)
            dkim_keys_write_json(&json, r->world->arena, r->domain, entry, BYTES(""));
    }
    json_end_array(&json);
    json_member_bool(&json, "reloaded", reloaded);
    end_event(&json);
}

static void write_switched_text(struct buf *out, struct rotate *r, bool reloaded)
{
    for (size_t i = 0; i < r->await.count; i++) {
        const struct key_entry *entry = key_state_find(r->state, r->await.records[i].selector);
        if (entry && entry->phase == KEY_ACTIVE)
            buf_printf(out, "Active now: the %s key " BYTES_FMT ".\n", dkim_key_type_name(entry->type),
                       BYTES_ARG(entry->selector));
    }
    if (key_state_count(r->state, KEY_RETIRED))
        buf_printf(out,
                   "Old keys are retired. Leave their records where they are; once mail signed by them\n"
                   "has arrived or expired, run: vouch dkim rotate --finish " BYTES_FMT "\n",
                   BYTES_ARG(r->domain));
    if (reloaded)
        buf_printf(out, "The gateway was told to reload (process %d).\n", r->reload);
    else if (!r->reload)
        buf_printf(out, "Reload the gateway now (systemctl reload vouch, or SIGHUP to its master), so\n"
                        "that it signs with them.\n");
}

void rotate_show_switched(struct rotate *r, bool reloaded)
{
    struct buf out;
    buf_init(&out, 1 << 20);
    if (r->world->options->json)
        write_switched_json(&out, r, reloaded);
    else
        write_switched_text(&out, r, reloaded);
    print_now(&out);
}

void rotate_show_not_yet(struct rotate *r, const struct key_entry *entry, int64_t due)
{
    struct buf out, time;
    buf_init(&out, 64 * 1024);
    buf_init(&time, 64);
    key_time_write(&time, due);
    if (r->world->options->json) {
        struct json json = begin_event(&out, r, "not-yet");
        json_member_bytes(&json, "selector", entry->selector);
        json_member_bytes(&json, "until", buf_bytes(&time));
        end_event(&json);
    } else {
        buf_printf(&out, "Not yet: mail signed by " BYTES_FMT " may be under way until " BYTES_FMT ".\n",
                   BYTES_ARG(entry->selector), BYTES_ARG(buf_bytes(&time)));
    }
    buf_free(&time);
    world_print(&out);
}

void rotate_show_revoked(struct rotate *r, struct bytes selector)
{
    struct buf out;
    buf_init(&out, 64 * 1024);
    if (r->world->options->json) {
        struct json json = begin_event(&out, r, "revoked");
        json_member_bytes(&json, "selector", selector);
        end_event(&json);
    } else {
        buf_printf(&out, "Revoked: " BYTES_FMT ". Its private key is removed; its record may go in some"
                         " months.\n", BYTES_ARG(selector));
    }
    print_now(&out);
}
