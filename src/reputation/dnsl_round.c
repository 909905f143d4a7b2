/* SPDX-License-Identifier: BSD-2-Clause */
#include "reputation/dnsl_round.h"

#include "auth/organization.h"
#include "base/domain.h"

struct dnsl_lane {
    struct dnsl_round *round;
    size_t list;
    struct dnsl_question *first, *last; /* all of the list */
    struct dnsl_question *waiting;      /* the first that no fiber has taken */
    size_t fibers;
    bool was_asked, may_ask;            /* dnsl_health_may_ask(): once a message */
    bool noted_silence, noted_answer;
};

struct dnsl_host {
    struct bytes name;
    struct dnsl_host *next;
};

struct dnsl_round *dnsl_round_begin(struct arena *parent, struct dnsl_health *health, struct dns *dns,
                                    int64_t deadline)
{
    struct arena *arena = arena_create_child(parent, DNSL_ROUND_MEMORY);
    struct dnsl_round *round = arena ? arena_new(arena, struct dnsl_round) : NULL;
    size_t count = dnsl_health_count(health);
    struct dnsl_lane *lanes = round ? arena_alloc_array(arena, count, sizeof(*lanes)) : NULL;
    if (!lanes)
        return NULL;
    *round = (struct dnsl_round){.arena = arena, .health = health, .dns = dns, .deadline = deadline, .lanes = lanes};
    for (size_t i = 0; i < count; i++)
        lanes[i] = (struct dnsl_lane){.round = round, .list = i};
    fiber_group_open(&round->group);
    return round;
}

void dnsl_round_end(struct dnsl_round *round)
{
    if (round)
        fiber_group_close(&round->group);
}

static const struct dnsl_list *list_at(const struct dnsl_round *round, size_t index)
{
    return dnsl_health_list(round->health, index);
}

bool dnsl_round_wants(const struct dnsl_round *round, unsigned uses)
{
    for (size_t i = 0; i < dnsl_health_count(round->health); i++)
        if (list_at(round, i)->config->uses & uses)
            return true;
    return false;
}

/* Answers */

static bool is_cancelled(void)
{
    return fiber_current() && fiber_is_cancelled();
}

static void set_problem(struct dnsl_round *round, struct dnsl_result *result, enum dnsl_status status,
                        const char *what, struct bytes why)
{
    struct bytes text = arena_printf(round->arena, "%s" BYTES_FMT, what, BYTES_ARG(why));
    result->status = status;
    result->code_count = 0;
    result->problem = text.ptr ? text : bytes_of(what);
}

/* Whether the list answers at all, as seen by this message; what came out of the cache says nothing of that. */
static void note(struct dnsl_lane *lane, const struct dnsl_result *result, int64_t started)
{
    bool answered = result->status != DNSL_FAILED;
    bool *noted = answered ? &lane->noted_answer : &lane->noted_silence;
    if (!result->answer || *noted || is_cancelled() || loop_now() == started)
        return;
    *noted = true;
    dnsl_health_note(lane->round->health, lane->list, answered);
}

/* What a list that is not known to work says of somebody does not count. */
static void ask_list(struct dnsl_lane *lane, struct dnsl_question *question)
{
    struct dnsl_round *round = lane->round;
    struct dnsl_health *health = round->health;
    struct dnsl_result *result = &question->result;
    enum dnsl_part part = dnsl_health_part_of(&question->subject);
    struct bytes why;
    int64_t started = loop_now();
    if (dnsl_health_state(health, lane->list, part, &why) == DNSL_OFF) {
        set_problem(round, result, DNSL_ERROR, "the list is switched off: ", why);
        return;
    }
    dnsl_ask(round->dns, round->arena, list_at(round, lane->list), &question->subject, round->deadline, result);
    note(lane, result, started);
    if (result->status != DNSL_LISTED)
        return;
    enum dnsl_state state = dnsl_health_await(health, lane->list, part, round->dns, round->deadline, &why);
    if (state == DNSL_OFF)
        set_problem(round, result, DNSL_ERROR, "the list is switched off: ", why);
    else if (state == DNSL_UNTESTED)
        set_problem(round, result, DNSL_FAILED, "the list is not known to work: ", why);
}

static void answer(struct dnsl_lane *lane, struct dnsl_question *question)
{
    int64_t started = loop_now();
    if (!lane->was_asked) {
        lane->was_asked = true;
        lane->may_ask = dnsl_health_may_ask(lane->round->health, lane->list);
    }
    if (lane->may_ask)
        ask_list(lane, question);
    else
        set_problem(lane->round, &question->result, DNSL_FAILED,
                    "the list has not answered for some time and is left out for a while", BYTES(""));
    question->elapsed = loop_now() - started;
    question->done = true;
    fiber_signal_all(&lane->round->progress);
}

static void work_on_lane(void *argument)
{
    struct dnsl_lane *lane = argument;
    while (lane->waiting && !is_cancelled()) {
        struct dnsl_question *question = lane->waiting;
        lane->waiting = question->next_of_list;
        answer(lane, question);
    }
    lane->fibers--;
}

static void set_to_work(struct dnsl_lane *lane)
{
    if (lane->fibers >= DNSL_LANE_FIBERS)
        return;
    lane->fibers++;
    if (fiber_current() && fiber_group_start(&lane->round->group, "dnslist", work_on_lane, lane))
        return;
    if (fiber_current() && lane->fibers > 1)
        lane->fibers--; /* the others will come to it */
    else
        work_on_lane(lane);
}

/* Questions */

static bool is_same(const struct dnsl_subject *a, const struct dnsl_subject *b)
{
    return a->ip.family == b->ip.family && (a->ip.family ? ip_equal(&a->ip, &b->ip) : bytes_equal(a->name, b->name));
}

static bool was_asked(const struct dnsl_lane *lane, enum config_dnslist_use use, const struct dnsl_subject *subject)
{
    for (const struct dnsl_question *question = lane->first; question; question = question->next_of_list)
        if (question->use == use && is_same(&question->subject, subject))
            return true;
    return false;
}

/* `subject` is in the round's arena. */
static void add(struct dnsl_lane *lane, enum config_dnslist_use use, const struct dnsl_subject *subject,
                struct bytes host)
{
    struct dnsl_round *round = lane->round;
    if (was_asked(lane, use, subject))
        return;
    struct dnsl_question *question =
        round->count < DNSL_QUESTIONS_MAX ? arena_new(round->arena, struct dnsl_question) : NULL;
    if (!question) {
        round->left_out++;
        return;
    }
    *question = (struct dnsl_question){.list = lane->list, .use = use, .subject = *subject, .host = host};
    question->result = (struct dnsl_result){
        .status = DNSL_FAILED, .problem = BYTES("the list did not answer in time"), .text = BYTES("")};
    round->count++;
    if (round->last)
        round->last->next = question;
    else
        round->first = question;
    round->last = question;
    if (lane->last)
        lane->last->next_of_list = question;
    else
        lane->first = question;
    lane->last = question;
    if (!lane->waiting)
        lane->waiting = question;
    set_to_work(lane);
}

static void add_to_lists(struct dnsl_round *round, enum config_dnslist_use use, const struct dnsl_subject *subject,
                         struct bytes host)
{
    if (subject->ip.family && !dnsl_is_askable(&subject->ip))
        return;
    for (size_t i = 0; i < dnsl_health_count(round->health); i++) {
        const struct config_dnslist *config = list_at(round, i)->config;
        if ((config->uses & use) && (subject->ip.family != 6 || config->ipv6))
            add(&round->lanes[i], use, subject, host);
    }
}

static bool copy_name(struct dnsl_round *round, struct bytes name, struct bytes *out)
{
    name = domain_strip_dot(name);
    *out = domain_is_valid(name) && domain_label_count(name) > 1 ? arena_lower(round->arena, name) : BYTES("");
    return out->len > 0;
}

void dnsl_round_add(struct dnsl_round *round, enum config_dnslist_use use, const struct dnsl_subject *subject)
{
    struct dnsl_subject copy = *subject;
    if (copy.ip.family || copy_name(round, subject->name, &copy.name))
        add_to_lists(round, use, &copy, BYTES(""));
}

void dnsl_round_add_name(struct dnsl_round *round, enum config_dnslist_use use, struct bytes name)
{
    struct dnsl_subject whole = {.name = BYTES("")}, part;
    if (!copy_name(round, name, &whole.name))
        return;
    part = whole;
    if (organization_domain(whole.name, &part.name) != OK)
        part = whole; /* a suffix itself: it has no part that is somebody's */
    for (size_t i = 0; i < dnsl_health_count(round->health); i++) {
        const struct config_dnslist *config = list_at(round, i)->config;
        if (!(config->uses & use))
            continue;
        add(&round->lanes[i], use, &part, BYTES(""));
        if (!config->registrable)
            add(&round->lanes[i], use, &whole, BYTES(""));
    }
}

/* Hosts of URLs: their addresses */

static void look_up_host(struct dnsl_round *round, const struct dnsl_host *host, enum dns_type type)
{
    const struct dns_answer *found = dns_query(round->dns, round->arena, host->name, type, round->deadline);
    for (size_t i = 0; i < found->count && i < DNSL_HOST_ADDRESSES && !is_cancelled(); i++) {
        struct dnsl_subject subject = {.ip = found->records[i].ip, .name = BYTES("")};
        add_to_lists(round, CONFIG_DNSLIST_URL_ADDRESS, &subject, host->name);
    }
}

static bool wants_ipv6(const struct dnsl_round *round)
{
    for (size_t i = 0; i < dnsl_health_count(round->health); i++) {
        const struct config_dnslist *config = list_at(round, i)->config;
        if (config->ipv6 && (config->uses & CONFIG_DNSLIST_URL_ADDRESS))
            return true;
    }
    return false;
}

static void look_up_hosts(void *argument)
{
    struct dnsl_round *round = argument;
    while (round->next_host && !is_cancelled()) {
        const struct dnsl_host *host = round->next_host;
        round->next_host = host->next;
        look_up_host(round, host, DNS_A);
        if (wants_ipv6(round))
            look_up_host(round, host, DNS_AAAA);
    }
    round->host_fibers--;
    fiber_signal_all(&round->progress);
}

void dnsl_round_add_host(struct dnsl_round *round, struct bytes name)
{
    struct bytes copy;
    struct dnsl_host *host;
    if (!dnsl_round_wants(round, CONFIG_DNSLIST_URL_ADDRESS) || !copy_name(round, name, &copy))
        return;
    for (host = round->hosts; host; host = host->next)
        if (bytes_equal(host->name, copy))
            return;
    host = round->host_count < DNSL_HOSTS_MAX ? arena_new(round->arena, struct dnsl_host) : NULL;
    if (!host) {
        round->left_out++;
        return;
    }
    round->host_count++;
    *host = (struct dnsl_host){.name = copy};
    if (round->last_host)
        round->last_host->next = host;
    else
        round->hosts = host;
    round->last_host = host;
    round->next_host = round->next_host ? round->next_host : host;
    if (round->host_fibers >= DNSL_LANE_FIBERS)
        return;
    round->host_fibers++;
    if (!fiber_current() || !fiber_group_start(&round->group, "dnslist-host", look_up_hosts, round))
        look_up_hosts(round);
}

/* Waiting */

bool dnsl_round_wait(struct dnsl_round *round, int64_t deadline)
{
    return !round->group.count || !fiber_current() || fiber_group_wait(&round->group, deadline) == 0;
}

static bool is_open(const struct dnsl_round *round, enum config_dnslist_use use)
{
    for (const struct dnsl_question *question = round->first; question; question = question->next)
        if (question->use == use && !question->done && list_at(round, question->list)->config->early)
            return true;
    return false;
}

bool dnsl_round_wait_early(struct dnsl_round *round, enum config_dnslist_use use, int64_t deadline)
{
    bool in_time = true;
    while (is_open(round, use) && in_time && fiber_current())
        in_time = fiber_signal_wait(&round->progress, deadline) == 0;
    return !is_open(round, use);
}
