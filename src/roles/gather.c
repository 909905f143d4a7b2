/* SPDX-License-Identifier: BSD-2-Clause */
#include "roles/gather.h"

#include "roles/gather_parts.h"

enum { SUBJECT_MAX = 500, MESSAGE_ID_MAX = 300 };

static void set_client(struct gather *gather)
{
    const struct gather_envelope *envelope = &gather->envelope;
    gather->evidence.client = envelope->client;
    gather->evidence.helo = envelope->helo;
    gather->spf_request = (struct spf_request){.ip = envelope->client,
                                               .helo = envelope->helo,
                                               .sender = envelope->sender,
                                               .receiver = bytes_of(gather->config->hostname),
                                               .now = envelope->now,
                                               .deadline = gather->deadline};
}

/* Out of memory it is left out, and shows in the arena. Of own hosts nothing would follow from it. */
static void begin_reputation(struct gather *gather)
{
    gather->reputation_begun = !config_networks_contain(&gather->config->own_networks, &gather->evidence.client) &&
                               gather_reputation_begin(gather);
}

void gather_begin(struct gather *gather, const struct config *config, struct dns *dns,
                  struct arena *arena, const struct gather_envelope *envelope)
{
    *gather = (struct gather){
        .config = config, .arena = arena, .now = envelope->now, .envelope = *envelope};
    gather->deadline = loop_deadline(config->authentication.timeout);
    gather->evidence = (struct evidence){
        .received_at = envelope->now, .mail_from = envelope->sender, .account = envelope->account};
    set_client(gather);
    dns_recorder_init(&gather->recorder, dns, arena);
    fiber_group_open(&gather->checks);
    gather->iprev.result = AUTH_TEMPERROR;
    gather->helo.result = AUTH_TEMPERROR;
    gather->spf.result = AUTH_TEMPERROR;
    gather->spf_helo.result = AUTH_TEMPERROR;
    gather->forwarder_found = NONE;
    gather->upstream = gather_find_upstream(config, &envelope->client);
    if (!gather->upstream && envelope->client.family && !envelope->account.len) {
        gather_check_client(gather);
        begin_reputation(gather);
    }
}

void gather_end(struct gather *gather)
{
    fiber_group_close(&gather->checks);
    gather_reputation_end(gather);
    gather_structure_end(gather);
}

/*
 * What the author's domain asks for must not hang on what a stranger says. So neither the time that
 * he took between MAIL and the end of the data, nor the questions that his SPF record cost, nor a key
 * whose server is slow leave less than this for the checks that follow: else a forger would get a
 * temporary error at will, and in the end his mail accepted.
 */
static void begin_message(struct gather *gather)
{
    gather->deadline = loop_deadline(gather->config->authentication.timeout);
    gather->recorder.limit = gather->recorder.count + DNS_RECORDER_LOOKUPS;
}

static bool begin_behind_upstream(struct gather *gather)
{
    if (!gather_read_upstream(gather))
        return false;
    set_client(gather);
    if (gather->envelope.client.family) {
        /* Elsewhere these come before the message, with look-ups of their own. */
        gather->recorder.limit += DNS_RECORDER_LOOKUPS;
        gather_check_client(gather);
        begin_reputation(gather);
    }
    return true;
}

static struct bytes text_of(struct gather *gather, const char *name, size_t most)
{
    const struct header_field *field = message_field(&gather->message, name, 0);
    return field ? bytes_first(header_unfold(gather->arena, field->value), most) : BYTES("");
}

enum result gather_read(struct gather *gather, struct bytes content, struct error *error)
{
    struct evidence *evidence = &gather->evidence;
    enum result result = message_parse(gather->arena, content, &gather->message, error);
    if (result == OK)
        result = from_field_read(gather->arena, &gather->message, &gather->from, error);
    if (result != OK)
        return result;
    evidence->size = content.len;
    evidence->subject = text_of(gather, "Subject", SUBJECT_MAX);
    evidence->message_id = text_of(gather, "Message-ID", MESSAGE_ID_MAX);
    return OK;
}

static bool looks_at_urls(const struct gather *gather)
{
    unsigned uses = 0;
    for (size_t i = 0; i < gather->config->dnslist_count; i++)
        uses |= gather->config->dnslists[i].uses;
    return gather->reputation_begun && uses & (CONFIG_DNSLIST_URL | CONFIG_DNSLIST_URL_ADDRESS);
}

enum result gather_message(struct gather *gather, struct bytes content, struct error *error)
{
    /* Their last questions end at that time; they must be seen to have failed, too. */
    fiber_group_wait(&gather->checks, gather->deadline + SECOND);
    begin_message(gather);
    enum result result = gather_read(gather, content, error);
    if (result != OK)
        return result;
    bool fine = !gather->upstream || begin_behind_upstream(gather);
    if (fine) {
        gather_check_message(gather);
        const struct readable *readable = looks_at_urls(gather) ? gather_readable(gather) : NULL;
        fine = !gather->reputation_begun || gather_reputation_message(gather, readable, readable != NULL);
        gather_check_last(gather);
        gather_check_dmarc(gather);
        fine = fine && gather_add_items(gather) &&
               (!gather->reputation_begun || gather_reputation_items(gather)) && gather_add_answers(gather);
    }
    if (!fine || arena_exhausted(gather->arena))
        return error_set(error, TEMP, "Not enough memory to check this message.");
    return OK;
}
