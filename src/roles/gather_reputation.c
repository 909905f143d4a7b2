/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What lists in DNS say about the client, the names that a message uses, and the hosts in its body.
 *
 * They have fibers, look-ups and memory of their own: neither a slow list nor a message full of names takes from
 * SPF, DKIM and DMARC what those need. So they do not ask through the recorder; of their answers those on which an
 * item rests are put among the recorded ones at the end, and not what was found on no list.
 * (gather_reputation_items.c)
 */
#include "roles/gather_reputation.h"

#include "base/ascii.h"
#include "base/domain.h"
#include "message/idn.h"
#include "message/mailbox.h"
#include "roles/gather_parts.h"
#include "roles/gather_reputation_parts.h"

enum {
    DOMAINS_OF_FROM = 3,  /* that lists are asked about */
    RATED_MAX = 8,        /* domains that are rated, by each who rates */
    RATINGS_MAX = 32,     /* questions to those, all together */
    REPLY_TEXT_MAX = 200  /* octets of a list's reason in a reply */
};

static bool is_askable(const struct gather *gather)
{
    return !gather->envelope.account.len;
}

static void set_deadline(struct gather *gather)
{
    struct gather_reputation *reputation = gather->reputation;
    reputation->deadline = loop_deadline(gather->config->reputation.timeout);
    if (reputation->round)
        reputation->round->deadline = reputation->deadline;
}

/* Made by whichever part comes first. */
static bool ensure(struct gather *gather)
{
    const struct config *config = gather->config;
    if (gather->reputation)
        return true;
    struct gather_reputation *made = arena_new(gather->arena, struct gather_reputation);
    if (!made)
        return false;
    *made = (struct gather_reputation){
        .dns = gather->recorder.below, .arena = gather->arena, .health = gather->envelope.lists};
    fiber_group_open(&made->group);
    if (config->dnslist_count) {
        if (!made->health)
            made->health = dnsl_health_create(gather->arena, config);
        made->round = made->health ? dnsl_round_begin(gather->arena, made->health, made->dns, 0) : NULL;
        if (!made->round)
            return false;
    }
    gather->reputation = made;
    set_deadline(gather);
    return true;
}

void gather_reputation_end(struct gather *gather)
{
    if (!gather->reputation)
        return;
    dnsl_round_end(gather->reputation->round);
    fiber_group_close(&gather->reputation->group);
}

/* The envelope */

/* In A-labels; what is no domain name is no subject. */
static void ask_name(struct gather *gather, enum config_dnslist_use use, struct bytes name)
{
    struct dnsl_round *round = gather->reputation->round;
    struct bytes ascii;
    if (!name.len || !dnsl_round_wants(round, use))
        return;
    if (idn_to_ascii(round->arena, domain_strip_dot(name), &ascii, NULL) == OK)
        dnsl_round_add_name(round, use, ascii);
}

bool gather_reputation_begin(struct gather *gather)
{
    if (!is_askable(gather))
        return true;
    if (!ensure(gather))
        return false;
    struct dnsl_round *round = gather->reputation->round;
    gather->reputation->early_deadline = loop_deadline(GATHER_EARLY_WAIT);
    if (!round)
        return true;
    struct dnsl_subject client = {.ip = gather->evidence.client, .name = BYTES("")};
    struct ip literal;
    if (client.ip.family)
        dnsl_round_add(round, CONFIG_DNSLIST_CLIENT, &client);
    if (helo_kind_of(gather->evidence.helo, &literal) == HELO_NAME)
        ask_name(gather, CONFIG_DNSLIST_HELO, gather->evidence.helo);
    ask_name(gather, CONFIG_DNSLIST_SENDER, mailbox_domain(gather->evidence.mail_from));
    return true;
}

/* The message */

static void ask_about_authors(struct gather *gather)
{
    const struct from_field *from = &gather->from;
    for (size_t i = 0; i < from->domain_count && i < DOMAINS_OF_FROM; i++)
        ask_name(gather, CONFIG_DNSLIST_FROM, from->domains[i]);
    for (size_t i = 0; i < gather->dkim.count; i++)
        if (gather->dkim.signatures[i].result == AUTH_PASS)
            ask_name(gather, CONFIG_DNSLIST_DKIM, gather->dkim.signatures[i].domain);
    if (gather->config->authentication.iprev && gather->iprev.result == AUTH_PASS)
        ask_name(gather, CONFIG_DNSLIST_NAME, gather->iprev.name);
}

static void ask_about_hosts(struct gather *gather)
{
    struct gather_reputation *reputation = gather->reputation;
    for (size_t i = 0; i < reputation->hosts.count; i++) {
        const struct uribl_host *host = &reputation->hosts.hosts[i];
        if (host->ip.family) {
            struct dnsl_subject subject = {.ip = host->ip, .name = BYTES("")};
            dnsl_round_add(reputation->round, CONFIG_DNSLIST_URL_ADDRESS, &subject);
        } else {
            dnsl_round_add_name(reputation->round, CONFIG_DNSLIST_URL, host->host);
            dnsl_round_add_host(reputation->round, host->host);
        }
    }
}

/* Ratings */

struct rated {
    struct bytes domains[RATED_MAX];
    bool authenticated[RATED_MAX];
    size_t count;
};

static void add_rated(struct rated *rated, struct bytes domain, bool authenticated)
{
    domain = gather_organization(domain_strip_dot(domain));
    for (size_t i = 0; i < rated->count; i++)
        if (bytes_equal_nocase(rated->domains[i], domain)) {
            rated->authenticated[i] |= authenticated;
            return;
        }
    if (rated->count == RATED_MAX || !domain_is_valid(domain))
        return;
    rated->domains[rated->count] = domain;
    rated->authenticated[rated->count++] = authenticated;
}

static void ask_rating(void *argument)
{
    struct rating_question *question = argument;
    struct gather_reputation *reputation = question->reputation;
    int64_t started = loop_now();
    rating_check(reputation->dns, reputation->arena, bytes_of(question->rating->zone), question->domain,
                 reputation->deadline, &question->result);
    question->elapsed = loop_now() - started;
    question->done = !fiber_current() || !fiber_is_cancelled();
}

static bool ask_for_ratings(struct gather *gather)
{
    const struct config *config = gather->config;
    struct gather_reputation *reputation = gather->reputation;
    struct rated rated = {.count = 0};
    for (size_t i = 0; i < gather->dkim.count; i++)
        if (gather->dkim.signatures[i].result == AUTH_PASS)
            add_rated(&rated, gather->dkim.signatures[i].domain, true);
    if (gather->spf.result == AUTH_PASS && gather->evidence.mail_from.len)
        add_rated(&rated, gather->spf.domain, true);
    add_rated(&rated, gather->from.domain, false);
    size_t wanted = rated.count * config->rating_count;
    reputation->ratings = arena_alloc_array(gather->arena, wanted < RATINGS_MAX ? wanted : RATINGS_MAX,
                                            sizeof(*reputation->ratings));
    if (!reputation->ratings)
        return false;
    for (size_t i = 0; i < wanted && i < RATINGS_MAX; i++) {
        struct rating_question *question = &reputation->ratings[reputation->rating_count++];
        size_t domain = i / config->rating_count;
        *question = (struct rating_question){.reputation = reputation,
                                             .rating = &config->ratings[i % config->rating_count],
                                             .domain = arena_lower(gather->arena, rated.domains[domain]),
                                             .authenticated = rated.authenticated[domain]};
        if (!fiber_current() || !fiber_group_start(&reputation->group, "rating", ask_rating, question))
            ask_rating(question);
    }
    return true;
}

bool gather_reputation_message(struct gather *gather, const struct readable *readable, bool have_readable)
{
    if (!is_askable(gather))
        return true;
    if (!ensure(gather))
        return false;
    struct gather_reputation *reputation = gather->reputation;
    set_deadline(gather);
    if (have_readable && uribl_collect(gather->arena, readable, gather->config->reputation.urls,
                                       &reputation->hosts) != OK)
        return false;
    if (reputation->round) {
        ask_about_hosts(gather);
        /* Behind a relay of ours the client's name is only being looked up now. */
        if (gather->upstream && fiber_current() && dnsl_round_wants(reputation->round, CONFIG_DNSLIST_NAME))
            fiber_group_wait(&gather->checks, gather->deadline + SECOND);
        ask_about_authors(gather);
    }
    return !gather->config->rating_count || ask_for_ratings(gather);
}

/* Before the message */

/* Replies are ASCII (rfc5321:4.2). */
static struct bytes ascii_text(struct arena *arena, struct bytes text)
{
    struct bytes first = bytes_first(text, REPLY_TEXT_MAX);
    uint8_t *out = arena_alloc(arena, first.len);
    for (size_t i = 0; out && i < first.len; i++)
        out[i] = ascii_is_print(first.ptr[i]) ? first.ptr[i] : '?';
    return bytes_from(out, out ? first.len : 0);
}

static struct gather_early *make_early(struct gather *gather, const struct dnsl_question *question, struct ip code,
                                       int points)
{
    struct gather_early *early = arena_new(gather->arena, struct gather_early);
    const struct dnsl_list *list = dnsl_health_list(gather->reputation->health, question->list);
    char client[IP_TEXT_SIZE];
    if (!early)
        return NULL;
    *early = (struct gather_early){.list = list, .code = code, .points = points};
    early->reason = ascii_text(gather->arena, question->result.text);
    early->reply = arena_printf(gather->arena, "Client host [%s] is listed in " BYTES_FMT "%s" BYTES_FMT,
                                ip_format(&question->subject.ip, client), BYTES_ARG(list->zone),
                                early->reason.len ? ": " : ".", BYTES_ARG(early->reason));
    return early->reply.ptr ? early : NULL;
}

static struct gather_early *find_early(struct gather *gather)
{
    struct gather_reputation *reputation = gather->reputation;
    const struct dnsl_question *strongest = NULL;
    struct ip code = {0};
    int most = 0, points;
    for (const struct dnsl_question *q = reputation->round->first; q; q = q->next) {
        const struct dnsl_list *list = dnsl_health_list(reputation->health, q->list);
        if (!q->done || q->use != CONFIG_DNSLIST_CLIENT || !list->config->early || q->result.status != DNSL_LISTED)
            continue;
        for (size_t i = 0; i < q->result.code_count; i++)
            if (dnsl_points(list, &q->result.codes[i], &points) && points > most) {
                most = points;
                code = q->result.codes[i];
                strongest = q;
            }
    }
    return strongest ? make_early(gather, strongest, code, most) : NULL;
}

const struct gather_early *gather_early_listed(struct gather *gather)
{
    struct gather_reputation *reputation = gather->reputation;
    if (!reputation || !reputation->round)
        return NULL;
    if (!reputation->early_known) {
        reputation->early_known =
            dnsl_round_wait_early(reputation->round, CONFIG_DNSLIST_CLIENT, reputation->early_deadline);
        reputation->early = find_early(gather);
    }
    return reputation->early;
}
