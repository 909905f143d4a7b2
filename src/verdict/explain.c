/* SPDX-License-Identifier: BSD-2-Clause */
#include "verdict/explain.h"

#include "base/utf8.h"
#include "message/date.h"
#include "message/mailbox.h"

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
    if (evidence->dns_count)
        buf_add_string(out, "DNS answers it rests on:\n");
    for (size_t i = 0; i < evidence->dns_count; i++)
        add_dns(&ink, &evidence->dns[i]);
}

/* Values of Authentication-Results have no quotes of their own: the writer puts those that are due
 * (rfc8601:2.2). An address of SMTP stands in the evidence as it was given. */
static struct bytes unquoted(struct arena *arena, struct bytes value)
{
    struct mailbox mailbox;
    if (!bytes_starts_with(value, BYTES("\"")) ||
        mailbox_parse(arena, value, MAILBOX_UTF8 | MAILBOX_LENIENT, &mailbox, NULL) != OK)
        return value;
    return arena_printf(arena, BYTES_FMT "@" BYTES_FMT, BYTES_ARG(mailbox.local),
                        BYTES_ARG(mailbox.domain));
}

/* SPF and Sender ID say nothing of who in a domain it was, so that the local part is left out
 * (rfc8601:2.7.2, 4). The ledger has it, and so has Received-SPF. */
static struct bytes authenticated_part(struct arena *arena, enum check check, struct bytes value)
{
    if (check == CHECK_SPF || check == CHECK_SENDER_ID)
        return bytes_skip(value, bytes_rfind_byte(value, '@') + 1);
    return unquoted(arena, value);
}

/* Only what is registered for the method may stand in the header (rfc8601:4): every failure of a chain
 * is a fail (rfc8617:4.4, 5.2.1), and no certifier to ask is none (RFC 6212). */
static enum auth_result registered_result(enum check check, enum auth_result result)
{
    if (check == CHECK_ARC)
        return result == AUTH_NONE || result == AUTH_PASS ? result : AUTH_FAIL;
    return check == CHECK_VBR && result == AUTH_NEUTRAL ? AUTH_NONE : result;
}

/* Our own properties are for the ledger; only registered ones stand in the header. */
static bool copy_properties(struct arena *arena, const struct evidence_item *item,
                            struct auth_statement *statement)
{
    statement->properties =
        arena_alloc_array(arena, item->property_count, sizeof(*statement->properties));
    for (size_t i = 0; statement->properties && i < item->property_count; i++) {
        if (bytes_is(item->properties[i].type, "vouch"))
            continue;
        struct auth_property *property = &statement->properties[statement->property_count++];
        *property = item->properties[i];
        property->value = authenticated_part(arena, item->check, property->value);
    }
    return statement->properties != NULL;
}

static bool add_statement(struct arena *arena, const struct evidence_item *item, struct bytes method,
                          struct auth_results *out)
{
    struct auth_statement *statement = &out->statements[out->statement_count++];
    *statement = (struct auth_statement){.method = method,
                                         .version = 1,
                                         .result = registered_result(item->check, item->result),
                                         .reason = item->reason};
    return copy_properties(arena, item, statement);
}

static enum result report(struct arena *arena, const struct evidence *evidence, struct bytes authserv_id,
                          bool of_relays, struct auth_results *out)
{
    *out = (struct auth_results){.authserv_id = authserv_id, .version = 1};
    out->statements = arena_alloc_array(arena, evidence->item_count, sizeof(*out->statements));
    if (!out->statements)
        return TEMP;
    for (size_t i = 0; i < evidence->item_count; i++) {
        const struct evidence_item *item = &evidence->items[i];
        struct bytes method = of_relays && item->check == CHECK_UPSTREAM
                                  ? evidence_value(item, "vouch", "method")
                                  : bytes_of(check_method(item->check));
        if (method.len && !add_statement(arena, item, method, out))
            return TEMP;
    }
    return OK;
}

enum result explain_auth_results(struct arena *arena, const struct evidence *evidence,
                                 struct bytes authserv_id, struct auth_results *out)
{
    return report(arena, evidence, authserv_id, false, out);
}

enum result explain_sealed_results(struct arena *arena, const struct evidence *evidence,
                                   struct bytes authserv_id, struct auth_results *out)
{
    return report(arena, evidence, authserv_id, true, out);
}
