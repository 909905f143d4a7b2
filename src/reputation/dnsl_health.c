/* SPDX-License-Identifier: BSD-2-Clause */
#include "reputation/dnsl_health.h"

#include "base/log.h"
#include "fiber/fiber.h"
#include "fiber/sync.h"

#include <stdio.h>

enum { WHY_SIZE = 300 };

struct part_health {
    enum dnsl_state state;
    bool testing;
    bool tried;              /* a test has ended, whatever came of it */
    int64_t due;             /* when it is to be tested again, once it was tried */
    char why[WHY_SIZE];      /* a sentence, unless it works */
};

struct list_health {
    struct dnsl_list list;
    struct part_health parts[DNSL_PARTS];
    unsigned silent;         /* messages in a row without an answer */
    int64_t asleep_until;    /* nobody asks before then */
    int64_t pause;           /* how long it slept last */
};

struct dnsl_health {
    struct list_health *lists;
    size_t count;
    struct fiber_signal tested;
};

const char *dnsl_part_name(enum dnsl_part part)
{
    static const char *const names[] = {"IPv4", "IPv6", "names"};
    return names[part];
}

const char *dnsl_state_name(enum dnsl_state state)
{
    static const char *const names[] = {"untested", "works", "off"};
    return names[state];
}

struct dnsl_health *dnsl_health_create(struct arena *arena, const struct config *config)
{
    struct dnsl_health *health = arena_new(arena, struct dnsl_health);
    struct list_health *lists = arena_alloc_array(arena, config->dnslist_count, sizeof(*lists));
    if (!health || !lists)
        return NULL;
    for (size_t i = 0; i < config->dnslist_count; i++) {
        if (!dnsl_list_read(arena, &config->dnslists[i], &lists[i].list))
            return NULL;
        for (int part = 0; part < DNSL_PARTS; part++)
            if (!config->dnslists[i].test)
                lists[i].parts[part].state = DNSL_WORKS;
            else
                snprintf(lists[i].parts[part].why, WHY_SIZE, "it was not tested yet");
    }
    *health = (struct dnsl_health){.lists = lists, .count = config->dnslist_count};
    return health;
}

size_t dnsl_health_count(const struct dnsl_health *health)
{
    return health->count;
}

const struct dnsl_list *dnsl_health_list(const struct dnsl_health *health, size_t index)
{
    return &health->lists[index].list;
}

unsigned dnsl_health_parts(const struct dnsl_list *list)
{
    const unsigned addresses = CONFIG_DNSLIST_CLIENT | CONFIG_DNSLIST_URL_ADDRESS;
    unsigned parts = 0;
    if (list->config->uses & addresses)
        parts |= 1U << DNSL_V4 | (list->config->ipv6 ? 1U << DNSL_V6 : 0);
    if (list->config->uses & ~addresses)
        parts |= 1U << DNSL_NAMES;
    return parts;
}

enum dnsl_part dnsl_health_part_of(const struct dnsl_subject *subject)
{
    return subject->ip.family == 4 ? DNSL_V4 : subject->ip.family == 6 ? DNSL_V6 : DNSL_NAMES;
}

static struct part_health *part_at(const struct dnsl_health *health, size_t index, enum dnsl_part part)
{
    return &health->lists[index].parts[part];
}

static enum dnsl_state tell(const struct part_health *part, struct bytes *why)
{
    if (why)
        *why = part->state == DNSL_WORKS ? BYTES("") : bytes_of(part->why);
    return part->state;
}

enum dnsl_state dnsl_health_state(const struct dnsl_health *health, size_t index, enum dnsl_part part,
                                  struct bytes *why)
{
    return tell(part_at(health, index, part), why);
}

/* Lists that do not answer */

static int64_t sooner(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static void note(struct list_health *list, bool answered)
{
    if (answered) {
        if (list->silent >= DNSL_DEAD_AFTER)
            log_info("dnslist", "the list " BYTES_FMT " (" BYTES_FMT ") answers again", BYTES_ARG(list->list.name),
                     BYTES_ARG(list->list.zone));
        list->silent = 0;
        list->pause = 0;
        return;
    }
    if (list->silent < DNSL_DEAD_AFTER && ++list->silent < DNSL_DEAD_AFTER)
        return;
    if (!list->pause)
        log_warning("dnslist", "the list " BYTES_FMT " (" BYTES_FMT ") does not answer; mail goes on without it",
                    BYTES_ARG(list->list.name), BYTES_ARG(list->list.zone));
    list->pause = list->pause ? sooner(2 * list->pause, DNSL_PAUSE_MOST) : DNSL_PAUSE;
    list->asleep_until = loop_now() + list->pause;
}

/* The test */

/* rfc5782:5. The mapped addresses are made by hand: struct ip would have them as IPv4. */
static struct dnsl_subject test_subject(enum dnsl_part part, bool listed)
{
    struct dnsl_subject subject = {.name = BYTES("")};
    uint8_t last = listed ? 2 : 1;
    if (part == DNSL_V4)
        subject.ip = (struct ip){4, {127, 0, 0, last}};
    else if (part == DNSL_V6)
        subject.ip = (struct ip){6, {[10] = 0xff, [11] = 0xff, [12] = 127, [15] = last}};
    else
        subject.name = listed ? BYTES("test") : BYTES("invalid");
    return subject;
}

static const char *test_entry(enum dnsl_part part, bool listed)
{
    static const char *const names[DNSL_PARTS][2] = {
        {"127.0.0.1", "127.0.0.2"}, {"::FFFF:7F00:1", "::FFFF:7F00:2"}, {"INVALID", "TEST"}};
    return names[part][listed];
}

/* What came of both questions; `why` gets the sentence. */
static enum dnsl_state judge_test(enum dnsl_part part, const struct dnsl_result *has, const struct dnsl_result *lacks,
                                  char why[WHY_SIZE])
{
    const struct dnsl_result *odd = has->status == DNSL_ERROR ? has : lacks->status == DNSL_ERROR ? lacks : NULL;
    const struct dnsl_result *failed = has->status == DNSL_FAILED     ? has
                                       : lacks->status == DNSL_FAILED ? lacks
                                                                      : NULL;
    if (odd) {
        snprintf(why, WHY_SIZE, BYTES_FMT, BYTES_ARG(odd->problem));
        return DNSL_OFF;
    }
    if (lacks->status == DNSL_LISTED) {
        snprintf(why, WHY_SIZE, "it lists %s, which no list may have: it seems to list everything",
                 test_entry(part, false));
        return DNSL_OFF;
    }
    if (failed) {
        snprintf(why, WHY_SIZE, "it could not be tested: " BYTES_FMT, BYTES_ARG(failed->problem));
        return DNSL_UNTESTED;
    }
    if (has->status != DNSL_LISTED) {
        snprintf(why, WHY_SIZE, "it does not have its test entry, %s: it seems to list nothing",
                 test_entry(part, true));
        return DNSL_OFF;
    }
    why[0] = 0;
    return DNSL_WORKS;
}

static void say(const struct list_health *list, enum dnsl_part part, enum dnsl_state before, enum dnsl_state after,
                const char *why)
{
    if (after == DNSL_OFF && before != DNSL_OFF)
        log_warning("dnslist",
                    "the list " BYTES_FMT " (" BYTES_FMT ", %s) is switched off until it works again: %s",
                    BYTES_ARG(list->list.name), BYTES_ARG(list->list.zone), dnsl_part_name(part), why);
    if (after == DNSL_WORKS && before == DNSL_OFF)
        log_info("dnslist", "the list " BYTES_FMT " (" BYTES_FMT ", %s) works again", BYTES_ARG(list->list.name),
                 BYTES_ARG(list->list.zone), dnsl_part_name(part));
}

/* A test that the DNS did not answer leaves what was known before; only who was never tested stays unknown. */
static void conclude(struct list_health *list, enum dnsl_part which, enum dnsl_state state, const char *why)
{
    struct part_health *part = &list->parts[which];
    part->tried = true;
    if (state != DNSL_UNTESTED)
        note(list, true);
    part->due = loop_now() + (state == DNSL_WORKS ? DNSL_TEST_EVERY : DNSL_TEST_AGAIN);
    if (state == DNSL_UNTESTED && part->state != DNSL_UNTESTED)
        return;
    say(list, which, part->state, state, why);
    part->state = state;
    snprintf(part->why, sizeof(part->why), "%s", why);
}

/* Both questions; the one who asks may have less time than a test has, or be cancelled: then nothing is known. */
static void test(struct dnsl_health *health, size_t index, enum dnsl_part which, struct dns *dns, int64_t deadline)
{
    struct list_health *list = &health->lists[index];
    struct part_health *part = &list->parts[which];
    struct dnsl_subject listed = test_subject(which, true), unlisted = test_subject(which, false);
    struct dnsl_result has, lacks;
    struct arena *arena = arena_create(1 << 20);
    char why[WHY_SIZE];
    int64_t whole = loop_deadline(DNSL_TEST_TIMEOUT);
    if (!arena)
        return;
    part->testing = true;
    dnsl_ask(dns, arena, &list->list, &listed, deadline, &has);
    dnsl_ask(dns, arena, &list->list, &unlisted, deadline, &lacks);
    part->testing = false;
    enum dnsl_state state = judge_test(which, &has, &lacks, why);
    bool too_short = state == DNSL_UNTESTED && deadline < whole && loop_now() >= deadline;
    if (!too_short && !(fiber_current() && fiber_is_cancelled()))
        conclude(list, which, state, why);
    arena_destroy(arena);
    fiber_signal_all(&health->tested);
}

enum dnsl_state dnsl_health_await(struct dnsl_health *health, size_t index, enum dnsl_part which, struct dns *dns,
                                  int64_t deadline, struct bytes *why)
{
    struct part_health *part = part_at(health, index, which);
    while (part->state == DNSL_UNTESTED && part->testing)
        if (fiber_signal_wait(&health->tested, deadline) != 0)
            return tell(part, why);
    if (part->state == DNSL_UNTESTED && !(part->tried && loop_now() < part->due))
        test(health, index, which, dns, sooner(deadline, loop_deadline(DNSL_TEST_TIMEOUT)));
    return tell(part, why);
}

enum dnsl_state dnsl_health_test(struct dnsl_health *health, size_t index, enum dnsl_part which, struct dns *dns,
                                 int64_t deadline, struct bytes *why)
{
    test(health, index, which, dns, deadline);
    return tell(part_at(health, index, which), why);
}

bool dnsl_health_may_ask(struct dnsl_health *health, size_t index)
{
    struct list_health *list = &health->lists[index];
    if (list->silent < DNSL_DEAD_AFTER)
        return true;
    if (loop_now() < list->asleep_until)
        return false;
    /* This one tries; the others go on without it until it has its answer. */
    list->asleep_until = loop_now() + list->pause;
    return true;
}

void dnsl_health_note(struct dnsl_health *health, size_t index, bool answered)
{
    note(&health->lists[index], answered);
}

/* The fiber */

/* Whether it is time to see if a list that did not answer does again. */
static bool is_awaking(const struct list_health *list)
{
    return list->silent >= DNSL_DEAD_AFTER && list->asleep_until <= loop_now();
}

/* Tests what is due; the time at which something is due next. */
static int64_t test_what_is_due(struct dnsl_health *health, struct dns *dns)
{
    int64_t next = loop_deadline(DNSL_TEST_AGAIN);
    for (size_t i = 0; i < health->count && !fiber_is_cancelled(); i++) {
        unsigned parts = health->lists[i].list.config->test ? dnsl_health_parts(&health->lists[i].list) : 0;
        for (int which = 0; which < DNSL_PARTS; which++) {
            struct part_health *part = &health->lists[i].parts[which];
            if (!(parts & 1U << which))
                continue;
            if (!part->testing && (!part->tried || part->due <= loop_now() || is_awaking(&health->lists[i])))
                test(health, i, (enum dnsl_part)which, dns, loop_deadline(DNSL_TEST_TIMEOUT));
            if (part->tried)
                next = sooner(next, part->due);
        }
    }
    return next;
}

void dnsl_health_run(struct dnsl_health *health, struct dns *dns)
{
    if (!health->count)
        return;
    while (!fiber_is_cancelled()) {
        int64_t next = test_what_is_due(health, dns);
        if (fiber_sleep_until(next > loop_now() ? next : loop_now() + SECOND) != 0)
            return;
    }
}
