/* SPDX-License-Identifier: BSD-2-Clause */
#include "cmd/simulate.h"

#include "fiber/fiber.h"
#include "message/idn.h"
#include "roles/policy.h"

#include <stdio.h>
#include <string.h>

enum {
    MESSAGE_MEMORY = 64 << 20,
    STRIDE = 64, /* messages between two looks at the clock */
    NETWORK_BITS_4 = 24,
    NETWORK_BITS_6 = 64
};

struct remembered_id {
    struct remembered_id *next;
    struct bytes id;
};

struct scan {
    struct simulate *simulate;
    struct bytes needle;
    struct remembered_id *ids; /* newest first */
    size_t count;
    bool exhausted;
};

enum result simulate_init(struct simulate *simulate, const struct simulate_kind *kind,
                          struct arena *arena, struct bytes domain, struct bytes record,
                          struct dns *dns, struct error *error)
{
    *simulate = (struct simulate){.kind = kind, .arena = arena, .limit = SIMULATE_LIMIT};
    simulate->last = &simulate->messages;
    enum result result = idn_to_ascii(arena, domain, &simulate->domain, error);
    if (result != OK)
        return result == TEMP ? TEMP : error_set(error, PERM, "this is no domain name");
    struct bytes essence = record;
    if (record.len && kind->parse(arena, record, &essence, error) == NONE)
        return PERM;
    simulate->record = record.len ? record : (struct bytes){0};
    simulate->proposal = (struct replay_proposal){
        .name = arena_printf(arena, "%s" BYTES_FMT, kind->prefix, BYTES_ARG(simulate->domain)),
        .version = kind->version,
        .text = record.len ? essence : (struct bytes){0}};
    simulate->networks = map_create();
    if (!simulate->proposal.name.ptr || !simulate->networks ||
        !replay_today_init(&simulate->today, dns, arena))
        return error_set(error, TEMP, "out of memory");
    return OK;
}

void simulate_free(struct simulate *simulate)
{
    map_destroy(simulate->networks, NULL);
    replay_today_free(&simulate->today);
    simulate->networks = NULL;
}

/* What the kinds say of a message */

bool simulate_note_unknown(struct simulate_case *this)
{
    if (!this->replay.unknown)
        return false;
    if (!this->unknown.len)
        this->unknown = this->replay.first_unknown;
    return true;
}

void simulate_compare(struct simulate_case *this, const char *what, struct bytes before,
                      struct bytes after)
{
    if (!bytes_equal(before, after) && this->part_count < SIMULATE_PARTS)
        this->parts[this->part_count++] = (struct simulate_part){what, before, after};
}

struct bytes simulate_dmarc_text(struct simulate_case *this, const struct dmarc_result *dmarc)
{
    const char *name = auth_result_name(dmarc->result);
    bool asks = dmarc->policy_domain.len &&
                (dmarc->result == AUTH_FAIL || dmarc->result == AUTH_TEMPERROR);
    if (!asks)
        return bytes_of(name);
    return arena_printf(this->replay.arena, "%s, p=%s", name,
                        dmarc_policy_name(replay_policy(&this->replay, dmarc)));
}

/* Tallies */

static void count_part(struct simulate *simulate, struct simulate_tally *tally,
                       const struct simulate_part *part)
{
    struct simulate_transition **at = &tally->transitions;
    for (; *at; at = &(*at)->next)
        if (strcmp((*at)->part.what, part->what) == 0 &&
            bytes_equal((*at)->part.before, part->before) &&
            bytes_equal((*at)->part.after, part->after))
            break;
    if (!*at) {
        struct simulate_transition *fresh = arena_new(simulate->arena, struct simulate_transition);
        if (!fresh)
            return;
        fresh->part = (struct simulate_part){part->what, arena_copy(simulate->arena, part->before),
                                             arena_copy(simulate->arena, part->after)};
        *at = fresh;
    }
    (*at)->count++;
}

static void count_case(struct simulate_tally *tally, const struct simulate_case *this)
{
    tally->concerned++;
    tally->changed += this->part_count != 0;
    tally->unknown += this->unknown.len != 0;
    for (size_t i = 0; i < this->part_count; i++)
        count_part(this->simulate, tally, &this->parts[i]);
}

static struct simulate_network *network_of(struct simulate *simulate, const struct ip *client)
{
    uint8_t prefix = client->family == 4 ? NETWORK_BITS_4 : NETWORK_BITS_6;
    struct ip network = ip_masked(client, prefix);
    struct bytes key = bytes_from(&network, sizeof(network));
    struct simulate_network *found = map_get(simulate->networks, key);
    if (found)
        return found;
    found = arena_new(simulate->arena, struct simulate_network);
    if (!found || !map_put(simulate->networks, key, found, NULL))
        return NULL;
    found->network = (struct ip_network){network, prefix};
    return found;
}

static void keep_message(struct simulate *simulate, const struct simulate_case *this)
{
    const struct evidence *evidence = &this->evidence;
    if (simulate->limit && simulate->message_count >= simulate->limit)
        return;
    struct arena *arena = simulate->arena;
    struct simulate_message *kept = arena_new(arena, struct simulate_message);
    if (!kept)
        return;
    *kept = (struct simulate_message){.id = arena_copy(arena, evidence->id),
                                      .sender = arena_copy(arena, evidence->mail_from),
                                      .header_from = arena_copy(arena, evidence->header_from),
                                      .client_name = arena_copy(arena, evidence->client_name),
                                      .unknown = arena_copy(arena, this->unknown),
                                      .client = evidence->client,
                                      .received_at = evidence->received_at,
                                      .part_count = this->part_count};
    for (size_t i = 0; i < this->part_count; i++)
        kept->parts[i] = (struct simulate_part){this->parts[i].what,
                                                arena_copy(arena, this->parts[i].before),
                                                arena_copy(arena, this->parts[i].after)};
    *simulate->last = kept;
    simulate->last = &kept->next;
    simulate->message_count++;
}

static void count(struct simulate *simulate, const struct simulate_case *this)
{
    int64_t at = this->evidence.received_at;
    struct simulate_network *network = network_of(simulate, &this->evidence.client);
    if (!simulate->total.concerned || at < simulate->oldest)
        simulate->oldest = at;
    if (!simulate->total.concerned || at > simulate->newest)
        simulate->newest = at;
    simulate->differing += this->differs;
    count_case(&simulate->total, this);
    if (network) {
        count_case(&network->tally, this);
        if (!network->client_name.len)
            network->client_name = arena_copy(simulate->arena, this->evidence.client_name);
    }
    if (this->part_count || this->unknown.len)
        keep_message(simulate, this);
}

/* One message */

/* The same rules, with what was found before and after. */
static void compare_verdicts(struct simulate_case *this, struct bytes policy_name)
{
    struct simulate *simulate = this->simulate;
    struct arena *arena = this->replay.arena;
    char *name = arena_string(arena, policy_name);
    if (!simulate->config || !name)
        return;
    const struct config_policy *section = config_policy_find(simulate->config, name);
    struct policy policy;
    struct evidence before, after;
    struct verdict verdicts[2];
    if (strcmp(section->name, name) != 0) {
        simulate->without_policy++;
        return;
    }
    if (policy_from_config(arena, simulate->config, section, &policy) == OK &&
        replay_evidence(&this->replay, &this->before, &before) &&
        replay_evidence(&this->replay, &this->after, &after) &&
        judge(arena, &policy, &before, &verdicts[0]) == OK &&
        judge(arena, &policy, &after, &verdicts[1]) == OK)
        simulate_compare(this, "verdict", bytes_of(action_name(verdicts[0].action)),
                         bytes_of(action_name(verdicts[1].action)));
}

static bool asked_for_record(const struct simulate_case *this)
{
    for (size_t i = 0; i < this->evidence.dns_count; i++)
        if (bytes_is(this->evidence.dns[i].type, "TXT") &&
            bytes_equal_nocase(this->evidence.dns[i].name, this->simulate->proposal.name))
            return true;
    return false;
}

static enum result look_at(struct simulate *simulate, struct arena *arena,
                           const struct ledger_entry *entry)
{
    struct simulate_case *this = arena_new(arena, struct simulate_case);
    struct error error;
    if (!this)
        return TEMP;
    this->simulate = simulate;
    if (evidence_read(arena, entry->evidence, &this->evidence, &error) != OK) {
        simulate->unreadable++;
        return OK;
    }
    if (!asked_for_record(this) && !simulate->kind->concerns(this))
        return OK;
    if (!replay_open(&this->replay, arena, &this->evidence, &simulate->proposal, &simulate->today))
        return TEMP;
    simulate->kind->evaluate(this);
    if (this->part_count && !this->unknown.len)
        compare_verdicts(this, entry->policy);
    replay_close(&this->replay);
    if (this->concerned)
        count(simulate, this);
    return arena_exhausted(arena) || arena_exhausted(simulate->arena) ? TEMP : OK;
}

/* The ledger */

/* Without reading the whole evidence: whether it can have to do with the record. The DNS questions stand
 * in it in lower case, as json.h writes them. */
static bool may_concern(const struct scan *scan, const struct ledger_entry *entry)
{
    struct bytes domain = scan->simulate->domain;
    return memmem(entry->evidence.ptr, entry->evidence.len, scan->needle.ptr, scan->needle.len) ||
           bytes_ends_with_nocase(entry->sender, domain) ||
           bytes_ends_with_nocase(entry->header_from, domain);
}

static bool scan_entry(void *context, const struct ledger_entry *entry)
{
    struct scan *scan = context;
    scan->simulate->remembered++;
    if (!may_concern(scan, entry))
        return true;
    struct remembered_id *kept = arena_new(scan->simulate->arena, struct remembered_id);
    struct bytes id = arena_copy(scan->simulate->arena, entry->id);
    scan->exhausted = !kept || !id.ptr;
    if (scan->exhausted)
        return false;
    *kept = (struct remembered_id){scan->ids, id};
    scan->ids = kept;
    scan->count++;
    return true;
}

static void show_progress(const struct simulate *simulate, size_t done, size_t all)
{
    if (simulate->progress)
        fprintf(stderr, "\r%zu of %zu messages looked at ...", done, all);
}

/* One after the other, so that no reading of the ledger stays open while DNS is waited for. */
static enum result look_at_all(struct simulate *simulate, struct ledger *ledger,
                               const struct scan *scan, struct error *error)
{
    struct arena *arena = arena_create(MESSAGE_MEMORY);
    enum result result = arena ? OK : error_set(error, TEMP, "out of memory");
    size_t done = 0;
    for (const struct remembered_id *at = scan->ids; at && result == OK; at = at->next) {
        struct ledger_entry entry;
        if (done++ % STRIDE == 0) {
            show_progress(simulate, done - 1, scan->count);
            if (fiber_current())
                fiber_yield();
        }
        result = ledger_find(ledger, arena, at->id, &entry, error);
        if (result == OK && look_at(simulate, arena, &entry) != OK)
            result = error_set(error, TEMP, "out of memory");
        if (result == NONE)
            result = OK; /* it became too old meanwhile */
        arena_reset(arena);
    }
    if (simulate->progress)
        fprintf(stderr, "\r\033[K");
    arena_destroy(arena);
    return result;
}

enum result simulate_ledger(struct simulate *simulate, struct ledger *ledger,
                            const struct ledger_filter *filter, struct error *error)
{
    struct scan scan = {.simulate = simulate,
                        .needle = arena_printf(simulate->arena, "\"name\":\"" BYTES_FMT "\"",
                                               BYTES_ARG(simulate->proposal.name))};
    if (!scan.needle.ptr)
        return error_set(error, TEMP, "out of memory");
    enum result result = ledger_select(ledger, filter, scan_entry, &scan, error);
    if (result != OK)
        return TEMP;
    if (scan.exhausted)
        return error_set(error, TEMP, "out of memory");
    return look_at_all(simulate, ledger, &scan, error) == OK ? OK : TEMP;
}
