/* SPDX-License-Identifier: BSD-2-Clause */
#include "roles/gather_parts.h"

#include "message/hop.h"
#include "message/mailbox.h"

enum { STATEMENTS_MAX = 30 };

const struct config_upstream *gather_find_upstream(const struct config *config,
                                                   const struct ip *client)
{
    for (size_t i = 0; client->family && i < config->upstream_count; i++)
        if (config_networks_contain(&config->upstreams[i].networks, client))
            return &config->upstreams[i];
    return NULL;
}

/* The index of the first Received field below that hop, or of the end of the header. */
static size_t end_of_hop(const struct message *message, const struct hop *hop)
{
    const struct header_field *field =
        message_field(message, "Received", hop->number ? hop->field + 1 : 0);
    return field ? (size_t)(field - message->fields) : message->field_count;
}

static bool is_trusted(const struct config_upstream *upstream, struct bytes authserv_id)
{
    for (size_t i = 0; i < upstream->authserv_ids.count; i++)
        if (bytes_equal_nocase(authserv_id, bytes_of(upstream->authserv_ids.items[i])))
            return true;
    return false;
}

/* Where we do not know the client ourselves, what the relay found by SPF serves for DMARC. */
static void take_spf(struct gather *gather, const struct auth_statement *statement)
{
    if (gather->spf_of_upstream || gather->evidence.client.family ||
        !bytes_is(statement->method, "spf"))
        return;
    for (size_t i = 0; i < statement->property_count; i++) {
        const struct auth_property *property = &statement->properties[i];
        if (!bytes_is(property->type, "smtp") || !bytes_is(property->name, "mailfrom"))
            continue;
        gather->spf = (struct spf_result){
            .result = statement->result,
            .domain = mailbox_domain_or_all(property->value),
            .problem = BYTES("")};
        gather->spf_of_upstream = true;
    }
}

static bool add_statement(struct gather *gather, struct bytes authserv_id,
                          const struct auth_statement *statement)
{
    struct evidence_item *item =
        evidence_add(gather->arena, &gather->evidence, CHECK_UPSTREAM, statement->result);
    if (!item)
        return false;
    item->reason = statement->reason;
    if (!evidence_property(gather->arena, item, "vouch", "authserv-id", authserv_id) ||
        !evidence_property(gather->arena, item, "vouch", "method", statement->method))
        return false;
    for (size_t i = 0; i < statement->property_count; i++) {
        const struct auth_property *property = &statement->properties[i];
        if (bytes_is(property->type, "vouch"))
            continue;
        const char *type = arena_string(gather->arena, property->type);
        const char *name = arena_string(gather->arena, property->name);
        if (!type || !name || !evidence_property(gather->arena, item, type, name, property->value))
            return false;
    }
    take_spf(gather, statement);
    return true;
}

/* What the relays said so far, for said_before(). */
struct said {
    struct bytes authserv_ids[STATEMENTS_MAX], methods[STATEMENTS_MAX];
    size_t count;
};

static bool said_before(const struct said *said, size_t count, struct bytes authserv_id,
                        struct bytes method)
{
    for (size_t i = 0; i < count; i++)
        if (bytes_equal_nocase(said->authserv_ids[i], authserv_id) &&
            bytes_equal_nocase(said->methods[i], method))
            return true;
    return false;
}

/* Of one field. A relay adds its own above whatever it left standing in its name: of each method the
 * topmost field that has it counts, so that a forged one below says nothing new. */
static bool add_statements(struct gather *gather, const struct auth_results *results,
                           struct said *said)
{
    size_t before = said->count;
    for (size_t i = 0; i < results->statement_count && said->count < STATEMENTS_MAX; i++) {
        const struct auth_statement *statement = &results->statements[i];
        /* Of a version or by a name that we do not know a result may mean anything (rfc8601:2.6, 4.1). */
        enum auth_result known;
        if (statement->version != 1 || !auth_result_parse(statement->result_text, &known) ||
            said_before(said, before, results->authserv_id, statement->method))
            continue;
        said->authserv_ids[said->count] = results->authserv_id;
        said->methods[said->count++] = statement->method;
        if (!add_statement(gather, results->authserv_id, statement))
            return false;
    }
    return true;
}

/*
 * rfc8601:4.1, 5: a field with the relay's name counts where the relay can have put it: above the Received
 * field of the hop before it. What stands below came from outside and may be anybody's invention.
 */
static bool read_results(struct gather *gather, size_t end)
{
    const struct message *message = &gather->message;
    size_t index = 0;
    struct said said = {.count = 0};
    const struct header_field *field;
    while ((field = message_field(message, "Authentication-Results", index)) &&
           (size_t)(field - message->fields) < end) {
        struct auth_results results;
        index = (size_t)(field - message->fields) + 1;
        if (auth_results_parse(gather->arena, field->value, &results, NULL) != OK ||
            results.version != 1 || !is_trusted(gather->upstream, results.authserv_id))
            continue;
        if (!add_statements(gather, &results, &said))
            return false;
    }
    return true;
}

/* Handed on among relays of ours, or within one of them. */
static bool is_inside(const struct config_upstream *upstream, const struct hop *hop)
{
    if (!hop->client.family)
        return hop->helo.len == 0; /* without "from": it began or was filtered on that host */
    return ip_is_loopback(&hop->client) || config_networks_contain(&upstream->networks, &hop->client);
}

/*
 * Down to `hops`, but only as long as the relay that wrote a field names another relay of ours: whoever
 * connects to the last of two relays and not to the first brings the second field himself, and could
 * name any client, one of our own networks, say. The hop at which it ended is in *out, for what the
 * relays may have written ends there; false: it names nobody.
 */
static bool find_client(const struct gather *gather, struct hop *out)
{
    const struct config_upstream *upstream = gather->upstream;
    enum result result = NONE;
    *out = (struct hop){0};
    for (unsigned number = 1; number <= upstream->hops; number++) {
        result = hop_at(&gather->message, number, out);
        if (out->number < number || !is_inside(upstream, out))
            break;
    }
    return result == OK;
}

bool gather_read_upstream(struct gather *gather)
{
    struct gather_envelope *envelope = &gather->envelope;
    struct hop hop;
    struct ip none = {0};
    /* Behind a relay that names nobody the client is unknown, not the relay. */
    bool known = find_client(gather, &hop);
    envelope->local = none;
    envelope->client = known ? hop.client : none;
    if (known)
        envelope->helo = hop.helo;
    gather->evidence.client = envelope->client;
    return read_results(gather, end_of_hop(&gather->message, &hop));
}
