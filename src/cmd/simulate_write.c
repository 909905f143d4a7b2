/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/json.h"
#include "cmd/moment.h"
#include "cmd/simulate.h"
#include "lint/lint_report.h"

#include <stdlib.h>

enum { NETWORKS_SHOWN = 20 };

struct network_list {
    struct simulate_network **items;
    size_t count;
};

static size_t weight(const struct simulate_tally *tally)
{
    return tally->changed + tally->unknown;
}

static int by_weight(const void *a, const void *b)
{
    const struct simulate_network *x = *(struct simulate_network *const *)a;
    const struct simulate_network *y = *(struct simulate_network *const *)b;
    if (weight(&x->tally) != weight(&y->tally))
        return weight(&x->tally) > weight(&y->tally) ? -1 : 1;
    return bytes_compare(bytes_from(x->network.ip.octets, 16), bytes_from(y->network.ip.octets, 16));
}

/* Those where something changes or is unknown, the most first. */
static struct network_list list_networks(const struct simulate *simulate)
{
    struct network_list list = {0};
    size_t position = 0;
    struct bytes key;
    void *value;
    list.items = arena_alloc_array(simulate->arena, map_count(simulate->networks), sizeof(*list.items));
    while (list.items && map_next(simulate->networks, &position, &key, &value))
        if (weight(&((struct simulate_network *)value)->tally))
            list.items[list.count++] = value;
    if (list.count)
        qsort(list.items, list.count, sizeof(*list.items), by_weight);
    return list;
}

static const char *network_text(const struct ip_network *network, char out[IP_TEXT_SIZE])
{
    return network->ip.family ? ip_format(&network->ip, out) : "unknown";
}

/* Text */

static void add_safe(struct buf *out, struct bytes text)
{
    lint_add_safe(out, text, false);
}

static const char *plural(size_t count)
{
    return count == 1 ? "" : "s";
}

static void add_part(struct buf *out, const struct simulate_part *part)
{
    buf_printf(out, "%s " BYTES_FMT " -> " BYTES_FMT, part->what, BYTES_ARG(part->before),
               BYTES_ARG(part->after));
}

static void add_transitions(struct buf *out, const struct simulate_tally *tally, unsigned indent)
{
    for (const struct simulate_transition *at = tally->transitions; at; at = at->next) {
        buf_printf(out, "%*s%6zu  ", (int)indent, "", at->count);
        add_part(out, &at->part);
        buf_add_byte(out, '\n');
    }
    if (tally->unknown)
        buf_printf(out, "%*s%6zu  cannot be told\n", (int)indent, "", tally->unknown);
}

static void add_proposal(struct buf *out, const struct simulate *simulate)
{
    struct bytes name = simulate->proposal.name;
    if (simulate->record.ptr) {
        buf_printf(out, "If " BYTES_FMT " published the record\n  ", BYTES_ARG(name));
        add_safe(out, simulate->record);
        buf_add_byte(out, '\n');
    } else {
        buf_printf(out, "If " BYTES_FMT " published no %s record:\n", BYTES_ARG(name),
                   simulate->kind->protocol);
    }
}

static void add_numbers(struct buf *out, const struct simulate *simulate)
{
    const struct simulate_tally *total = &simulate->total;
    char from[MOMENT_TEXT_SIZE], to[MOMENT_TEXT_SIZE];
    buf_printf(out, "\nLooked at %zu message%s of that time in the ledger.\n", simulate->remembered,
               plural(simulate->remembered));
    if (!total->concerned) {
        buf_printf(out, "The %s result of none of them hangs on this record.\n",
                   simulate->kind->protocol);
        return;
    }
    buf_printf(out, "The %s result of %zu hangs on this record (%s to %s).\n",
               simulate->kind->protocol, total->concerned, moment_format(simulate->oldest, from),
               moment_format(simulate->newest, to));
    if (!total->changed && !total->unknown)
        buf_add_string(out, "Nothing changes.\n");
    else if (!total->changed)
        buf_printf(out, "Nothing is seen to change; for %zu it cannot be told.\n", total->unknown);
    else
        buf_printf(out, "%zu message%s would change:\n", total->changed, plural(total->changed));
    if (total->changed)
        add_transitions(out, total, 0);
}

static void add_remarks(struct buf *out, const struct simulate *simulate)
{
    size_t asked = simulate->today.asked, differing = simulate->differing;
    if (asked)
        buf_printf(out,
                   "\n%zu question%s that nobody asked when the mail came %s put to today's DNS.\n",
                   asked, plural(asked), asked == 1 ? "was" : "were");
    if (differing)
        buf_printf(out,
                   "\nChecked again with the record of their time, %zu message%s not what the ledger\n"
                   "says: DNS was slow then, or the check is another one now. Compared is what the check\n"
                   "gives today.\n",
                   differing, differing == 1 ? " gives" : "s give");
    if (simulate->without_policy)
        buf_printf(out,
                   "\nFor %zu message%s no verdict was compared: their policy is not in the configuration.\n",
                   simulate->without_policy, plural(simulate->without_policy));
    if (simulate->unreadable)
        buf_printf(out, "\n%zu message%s cannot be read and %s left out.\n", simulate->unreadable,
                   plural(simulate->unreadable), simulate->unreadable == 1 ? "is" : "are");
}

static void add_networks(struct buf *out, const struct simulate *simulate)
{
    struct network_list list = list_networks(simulate);
    char ip[IP_TEXT_SIZE];
    if (list.count)
        buf_add_string(out, "\nBy network of the client:\n");
    for (size_t i = 0; i < list.count && i < NETWORKS_SHOWN; i++) {
        const struct simulate_network *network = list.items[i];
        buf_printf(out, "  %s", network_text(&network->network, ip));
        if (network->network.ip.family)
            buf_printf(out, "/%u", network->network.prefix);
        if (network->client_name.len) {
            buf_add_string(out, " (");
            add_safe(out, network->client_name);
            buf_add_string(out, ")");
        }
        buf_printf(out, ": %zu of %zu message%s\n", network->tally.changed,
                   network->tally.concerned, plural(network->tally.concerned));
        add_transitions(out, &network->tally, 4);
    }
    if (list.count > NETWORKS_SHOWN)
        buf_printf(out, "  and %zu more networks\n", list.count - NETWORKS_SHOWN);
}

static void add_message(struct buf *out, const struct simulate_message *message)
{
    char when[MOMENT_TEXT_SIZE], ip[IP_TEXT_SIZE];
    buf_printf(out, "  %s " BYTES_FMT " %s <", moment_format(message->received_at, when),
               BYTES_ARG(message->id),
               message->client.family ? ip_format(&message->client, ip) : "unknown");
    add_safe(out, message->sender);
    buf_add_string(out, "> From: ");
    add_safe(out, message->header_from.len ? message->header_from : BYTES("(none)"));
    buf_add_string(out, "\n      ");
    for (size_t i = 0; i < message->part_count; i++) {
        buf_add_string(out, i ? "; " : "");
        add_part(out, &message->parts[i]);
    }
    if (message->unknown.len) {
        buf_add_string(out, message->part_count ? "; " : "");
        buf_add_string(out, message->part_count ? "more cannot be told, unknown is: "
                                                : "cannot be told, unknown is: ");
        add_safe(out, message->unknown);
    }
    buf_add_byte(out, '\n');
}

void simulate_write_text(struct buf *out, const struct simulate *simulate)
{
    add_proposal(out, simulate);
    add_numbers(out, simulate);
    add_remarks(out, simulate);
    add_networks(out, simulate);
    if (!simulate->messages)
        return;
    buf_add_string(out, "\nThe messages, newest first:\n");
    for (const struct simulate_message *at = simulate->messages; at; at = at->next)
        add_message(out, at);
    if (simulate->limit && simulate->message_count == simulate->limit)
        buf_printf(out, "  (not more than %zu are listed; see --limit)\n", simulate->limit);
}

/* JSON */

static void part_json(struct json *json, const struct simulate_part *part)
{
    json_member(json, "what", part->what);
    json_member_bytes(json, "before", part->before);
    json_member_bytes(json, "after", part->after);
}

static void tally_json(struct json *json, const struct simulate_tally *tally)
{
    json_member_integer(json, "concerned", (int64_t)tally->concerned);
    json_member_integer(json, "changed", (int64_t)tally->changed);
    json_member_integer(json, "unknown", (int64_t)tally->unknown);
    json_key(json, "transitions");
    json_begin_array(json);
    for (const struct simulate_transition *at = tally->transitions; at; at = at->next) {
        json_begin_object(json);
        part_json(json, &at->part);
        json_member_integer(json, "count", (int64_t)at->count);
        json_end_object(json);
    }
    json_end_array(json);
}

static void networks_json(struct json *json, const struct simulate *simulate)
{
    struct network_list list = list_networks(simulate);
    char ip[IP_TEXT_SIZE];
    json_key(json, "networks");
    json_begin_array(json);
    for (size_t i = 0; i < list.count; i++) {
        const struct simulate_network *network = list.items[i];
        json_begin_object(json);
        json_member(json, "address", network_text(&network->network, ip));
        json_member_integer(json, "prefix", network->network.prefix);
        json_member_bytes(json, "client_name", network->client_name);
        tally_json(json, &network->tally);
        json_end_object(json);
    }
    json_end_array(json);
}

static void message_json(struct json *json, const struct simulate_message *message)
{
    char ip[IP_TEXT_SIZE];
    json_begin_object(json);
    json_member_bytes(json, "id", message->id);
    json_member_integer(json, "received_at", message->received_at);
    json_member(json, "client", message->client.family ? ip_format(&message->client, ip) : "");
    json_member_bytes(json, "client_name", message->client_name);
    json_member_bytes(json, "mail_from", message->sender);
    json_member_bytes(json, "header_from", message->header_from);
    json_key(json, "changes");
    json_begin_array(json);
    for (size_t i = 0; i < message->part_count; i++) {
        json_begin_object(json);
        part_json(json, &message->parts[i]);
        json_end_object(json);
    }
    json_end_array(json);
    json_member_bytes(json, "unknown", message->unknown);
    json_end_object(json);
}

void simulate_write_json(struct buf *out, const struct simulate *simulate)
{
    struct json json = json_into(out);
    json_begin_object(&json);
    json_member_bytes(&json, "name", simulate->proposal.name);
    json_key(&json, "record");
    if (simulate->record.ptr)
        json_add_bytes(&json, simulate->record);
    else
        json_add_null(&json);
    json_member_integer(&json, "remembered", (int64_t)simulate->remembered);
    tally_json(&json, &simulate->total);
    json_member_integer(&json, "differing", (int64_t)simulate->differing);
    json_member_integer(&json, "without_policy", (int64_t)simulate->without_policy);
    json_member_integer(&json, "unreadable", (int64_t)simulate->unreadable);
    json_member_integer(&json, "asked_today", (int64_t)simulate->today.asked);
    networks_json(&json, simulate);
    json_key(&json, "messages");
    json_begin_array(&json);
    for (const struct simulate_message *at = simulate->messages; at; at = at->next)
        message_json(&json, at);
    json_end_array(&json);
    json_end_object(&json);
    buf_add_byte(out, '\n');
}
