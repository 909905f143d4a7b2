/* SPDX-License-Identifier: BSD-2-Clause */
#include "verdict/explain.h"

#include "base/utf8.h"
#include "message/date.h"
#include "verdict/points.h"

struct ink {
    struct buf *out;
    bool colour;
};

/* Text of a stranger: what can be shown stays, the rest becomes '?'. */
static void add_clean(struct ink *ink, struct bytes text)
{
    while (text.len) {
        size_t length = utf8_printable(text);
        if (length)
            buf_add(ink->out, bytes_first(text, length));
        else
            buf_add_byte(ink->out, '?');
        length = utf8_sequence(text);
        text = bytes_skip(text, length ? length : 1);
    }
}

static void set_colour(struct ink *ink, const char *code)
{
    if (ink->colour)
        buf_printf(ink->out, "\033[%sm", code);
}

static void add_coloured(struct ink *ink, const char *code, const char *text)
{
    set_colour(ink, code);
    buf_add_string(ink->out, text);
    set_colour(ink, "0");
}

static const char *result_colour(enum auth_result result)
{
    switch (result) {
    case AUTH_PASS:
        return "32";
    case AUTH_FAIL:
    case AUTH_PERMERROR:
    case AUTH_DISCARD:
        return "31";
    case AUTH_NONE:
    case AUTH_NEUTRAL:
    case AUTH_UNKNOWN:
        return "2";
    default:
        return "33";
    }
}

static void add_line(struct ink *ink, const char *label, struct bytes value)
{
    if (!value.len)
        return;
    buf_printf(ink->out, "  %-10s ", label);
    add_clean(ink, value);
    buf_add_byte(ink->out, '\n');
}

static void add_item(struct ink *ink, const struct evidence_item *item, bool last)
{
    buf_add_string(ink->out, last ? "  `- " : "  |- ");
    buf_printf(ink->out, "%-11s ", check_name(item->check));
    add_coloured(ink, result_colour(item->result), auth_result_name(item->result));
    for (size_t i = 0; i < item->property_count; i++) {
        const struct auth_property *property = &item->properties[i];
        if (!property->value.len)
            continue;
        buf_add_byte(ink->out, ' ');
        if (!bytes_is(property->type, "vouch")) {
            add_clean(ink, property->type);
            buf_add_byte(ink->out, '.');
        }
        add_clean(ink, property->name);
        buf_add_byte(ink->out, '=');
        add_clean(ink, property->value);
    }
    buf_add_byte(ink->out, '\n');
    if (item->reason.len) {
        buf_add_string(ink->out, last ? "                 " : "  |              ");
        add_clean(ink, item->reason);
        buf_add_byte(ink->out, '\n');
    }
}

static void add_dns(struct ink *ink, const struct evidence_dns *dns)
{
    buf_add_string(ink->out, "  ");
    add_clean(ink, dns->name);
    buf_add_byte(ink->out, ' ');
    add_clean(ink, dns->type);
    buf_add_string(ink->out, " -> ");
    if (!dns->record_count)
        add_clean(ink, dns->status);
    for (size_t i = 0; i < dns->record_count; i++) {
        buf_add_string(ink->out, i ? "; " : "");
        add_clean(ink, dns->records[i]);
    }
    buf_printf(ink->out, " (ttl %u%s)\n", dns->ttl, dns->authenticated ? ", authenticated" : "");
}

static void add_verdict(struct ink *ink, const struct verdict *verdict)
{
    const char *colour = verdict->action == ACTION_ACCEPT                                    ? "1;32"
                         : verdict->action == ACTION_REJECT || verdict->action == ACTION_DISCARD ? "1;31"
                                                                                             : "1;33";
    buf_add_string(ink->out, "Verdict: ");
    add_coloured(ink, colour, action_name(verdict->action));
    buf_printf(ink->out, ", %s, %u %s ", trust_class_name(verdict->trust), verdict->code,
               verdict->enhanced);
    add_clean(ink, verdict->text);
    buf_add_byte(ink->out, '\n');
    for (size_t i = 0; i < verdict->reason_count; i++) {
        const struct reason *reason = &verdict->reasons[i];
        buf_printf(ink->out, "  %-9s ", reason_effect_name(reason->effect));
        add_clean(ink, reason->text);
        buf_add_byte(ink->out, '\n');
    }
}

/* Signed, and in a column: what speaks against the message first, the strongest first. */
static void add_contribution(struct ink *ink, const struct contribution *contribution)
{
    char points[POINTS_TEXT_SIZE];
    buf_add_string(ink->out, "  ");
    set_colour(ink, contribution->points > 0 ? "31" : "32");
    buf_printf(ink->out, "%7s", points_format(contribution->points, points));
    set_colour(ink, "0");
    buf_add_string(ink->out, "  ");
    add_clean(ink, contribution->name);
    buf_add_string(ink->out, ": ");
    add_clean(ink, contribution->text);
    buf_add_byte(ink->out, '\n');
}

static void add_contributions(struct ink *ink, const struct verdict *verdict)
{
    bool shown[CONTRIBUTIONS_MAX] = {false};
    size_t count = verdict->contribution_count < CONTRIBUTIONS_MAX ? verdict->contribution_count : CONTRIBUTIONS_MAX;
    for (size_t n = 0; n < count; n++) {
        size_t next = count;
        for (size_t i = 0; i < count; i++)
            if (!shown[i] &&
                (next == count || verdict->contributions[i].points > verdict->contributions[next].points))
                next = i;
        shown[next] = true;
        add_contribution(ink, &verdict->contributions[next]);
    }
}

static void add_score(struct ink *ink, const struct verdict *verdict)
{
    char score[POINTS_TEXT_SIZE], chance[POINTS_TEXT_SIZE], limit[POINTS_TEXT_SIZE];
    if (verdict->trust_reason.len) {
        buf_printf(ink->out, "Class: %s. ", trust_class_name(verdict->trust));
        add_clean(ink, verdict->trust_reason);
        buf_add_byte(ink->out, '\n');
    }
    if (!verdict->scored)
        return;
    buf_printf(ink->out, "Score: %s points, junk with %s per cent (junk from %s", points_plain(verdict->score, score),
               points_percent(verdict->probability, chance), points_plain(verdict->junk_score, limit));
    if (verdict->quarantine_score)
        buf_printf(ink->out, ", quarantine from %s", points_plain(verdict->quarantine_score, limit));
    if (verdict->reject_score)
        buf_printf(ink->out, ", refused from %s", points_plain(verdict->reject_score, limit));
    buf_add_string(ink->out, ")\n");
    add_contributions(ink, verdict);
}

static void add_shadow(struct ink *ink, const struct shadow *shadow)
{
    char score[POINTS_TEXT_SIZE];
    if (!shadow->policy.len)
        return;
    buf_add_string(ink->out, "Shadow: the policy ");
    add_clean(ink, shadow->policy);
    buf_printf(ink->out, " would say %s (%s, %s points): ", action_name(shadow->action),
               trust_class_name(shadow->trust), points_plain(shadow->score, score));
    add_clean(ink, shadow->text);
    buf_add_byte(ink->out, '\n');
}

void explain_write_changes(struct buf *out, const struct counterfactual *changes, size_t count)
{
    struct ink ink = {out, false};
    buf_add_string(out, count ? "What would have changed that, the smallest first:\n"
                              : "No single change of the evidence would have changed that.\n");
    for (size_t i = 0; i < count; i++) {
        buf_add_string(out, "  - ");
        add_clean(&ink, changes[i].text);
        buf_add_byte(out, '\n');
    }
}

static void add_time(struct ink *ink, int64_t epoch)
{
    buf_printf(ink->out, "  %-10s ", "received");
    date_write(ink->out, epoch, 0);
    buf_add_byte(ink->out, '\n');
}

void explain_write(struct buf *out, const struct evidence *evidence, const struct verdict *verdict,
                   bool colour)
{
    struct ink ink = {out, colour};
    char client[IP_TEXT_SIZE];
    buf_add_string(out, "Message ");
    add_clean(&ink, evidence->id);
    buf_add_byte(out, '\n');
    add_time(&ink, evidence->received_at);
    add_line(&ink, "client", evidence->client.family ? bytes_of(ip_format(&evidence->client, client))
                                                     : BYTES(""));
    add_line(&ink, "name", evidence->client_name);
    add_line(&ink, "helo", evidence->helo);
    add_line(&ink, "mail from", evidence->mail_from.len ? evidence->mail_from : BYTES("<>"));
    for (size_t i = 0; i < evidence->recipient_count; i++)
        add_line(&ink, i ? "" : "rcpt to", evidence->recipients[i]);
    add_line(&ink, "from", evidence->header_from);
    add_line(&ink, "subject", evidence->subject);
    add_line(&ink, "message-id", evidence->message_id);
    if (evidence->size)
        buf_printf(out, "  %-10s %llu octets\n", "size", (unsigned long long)evidence->size);
    add_line(&ink, "tls", evidence->tls);
    buf_add_string(out, "Evidence:\n");
    for (size_t i = 0; i < evidence->item_count; i++)
        add_item(&ink, &evidence->items[i], i + 1 == evidence->item_count);
    add_verdict(&ink, verdict);
    add_score(&ink, verdict);
    add_shadow(&ink, &verdict->shadow);
    if (evidence->dns_count)
        buf_add_string(out, "DNS answers it rests on:\n");
    for (size_t i = 0; i < evidence->dns_count; i++)
        add_dns(&ink, &evidence->dns[i]);
}
