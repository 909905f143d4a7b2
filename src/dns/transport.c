/* SPDX-License-Identifier: BSD-2-Clause */
#include "dns/transport.h"

#include "dns/answer.h"
#include "dns/decode.h"
#include "fiber/descriptor.h"

#include <ares.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <unistd.h>

enum {
    RECEIVE_BUFFER = 1 << 20, /* as far as the system allows */
    UNDER_WAY_MAX = 20000,    /* c-ares tells questions apart by 16 bits of id, and the name */
    SERVERS_MAX = 16,
    EVENTS_MAX = 32,
    ROUNDS_MAX = 32, /* of reading before others may run; c-ares takes half a TCP reply in one */
    BURST_MAX = 100, /* questions sent in one PACE: a socket's buffer holds about 270 */
    UNREAD_MAX = 50, /* questions sent before replies are looked for, even if it is not our turn */
};
static const int64_t TICK = 50 * MILLISECOND; /* how exactly c-ares's own time-outs are kept */
static const int64_t PACE = MILLISECOND;

struct transport_state {
    struct dns dns; /* first: a struct dns * of ours is a struct transport_state * */
    ares_channel channel;
    bool trust_ad;
    /* c-ares's sockets are in an epoll set of their own, which is one descriptor of the loop. */
    int poll;
    struct descriptor *descriptor;
    /* The fiber that waits for that descriptor now; NULL if nobody does. */
    struct fiber *driver;
    struct question *first, *last; /* those that a fiber waits for, oldest first */
    int64_t burst_at;              /* when the present burst began */
    unsigned burst;                /* questions in it */
    unsigned unread;               /* questions sent since replies were last looked for */
    bool left;                     /* there was more to read: it does not announce itself again */
    uint16_t ids[128];
    size_t ids_left;
    struct dns_transport_counts counts;
};

struct question {
    struct question *next, *previous;
    struct transport_state *transport;
    struct fiber *fiber; /* NULL: nobody waits any more; freed when c-ares has done with it */
    bool done;
    struct arena *arena;
    struct bytes name;
    enum dns_type type;
    const struct dns_answer *answer;
};

/* --- questions --- */

static void link_question(struct question *question)
{
    struct transport_state *t = question->transport;
    question->previous = t->last;
    if (t->last)
        t->last->next = question;
    else
        t->first = question;
    t->last = question;
}

static void unlink_question(struct question *question)
{
    struct transport_state *t = question->transport;
    if (question->previous)
        question->previous->next = question->next;
    else
        t->first = question->next;
    if (question->next)
        question->next->previous = question->previous;
    else
        t->last = question->previous;
}

static const char *problem_of(int status)
{
    switch (status) {
    case ARES_ETIMEOUT:
        return "timed out";
    case ARES_ECONNREFUSED:
        return "no DNS server could be reached";
    case ARES_ESERVFAIL:
        return "the server failed (SERVFAIL)";
    case ARES_EREFUSED:
        return "the server refused to answer (REFUSED)";
    default:
        return ares_strerror(status);
    }
}

/* c-ares calls this exactly once for each question, perhaps from within ares_send(). */
static void on_reply(void *argument, int status, int timeouts, unsigned char *reply, int length)
{
    struct question *question = argument;
    struct transport_state *t = question->transport;
    (void)timeouts;
    t->counts.under_way--;
    if (!question->fiber) {
        free(question);
        return;
    }
    if (status == ARES_SUCCESS && length >= 0)
        question->answer = decode_answer(question->arena, bytes_from(reply, (size_t)length),
                                         question->name, question->type, t->trust_ad);
    else
        question->answer = answer_failed(question->arena, problem_of(status));
    question->done = true;
    fiber_wake(question->fiber);
}

static bool draw_id(struct transport_state *t, uint16_t *id)
{
    if (t->ids_left == 0) {
        if (getrandom(t->ids, sizeof(t->ids), 0) != (ssize_t)sizeof(t->ids))
            return false;
        t->ids_left = countof(t->ids);
    }
    *id = t->ids[--t->ids_left];
    return true;
}

/* --- sockets --- */

static void on_socket(void *argument, ares_socket_t fd, int readable, int writable)
{
    struct transport_state *t = argument;
    struct epoll_event event = {.data.fd = fd};
    if (readable)
        event.events |= EPOLLIN;
    if (writable)
        event.events |= EPOLLOUT;
    if (!event.events)
        epoll_ctl(t->poll, EPOLL_CTL_DEL, fd, NULL);
    else if (epoll_ctl(t->poll, EPOLL_CTL_MOD, fd, &event) != 0 && errno == ENOENT)
        epoll_ctl(t->poll, EPOLL_CTL_ADD, fd, &event);
}

/* Lets c-ares read, write and time out whatever is due. */
static void process(struct transport_state *t)
{
    struct epoll_event events[EVENTS_MAX];
    int count = 1;
    for (int round = 0; round < ROUNDS_MAX && count > 0; round++) {
        count = epoll_wait(t->poll, events, EVENTS_MAX, 0);
        for (int i = 0; i < count; i++) {
            bool failed = events[i].events & (EPOLLERR | EPOLLHUP);
            bool reads = failed || events[i].events & EPOLLIN;
            bool writes = events[i].events & EPOLLOUT;
            /* A descriptor number that was closed and reused by an earlier one of these events is
             * no harm: c-ares's sockets do not block. */
            ares_process_fd(t->channel, reads ? events[i].data.fd : ARES_SOCKET_BAD,
                            writes ? events[i].data.fd : ARES_SOCKET_BAD);
        }
    }
    ares_process_fd(t->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
    t->unread = 0;
    t->left = count > 0;
}

/* Waits for the sockets on behalf of all. 0, or the error of this fiber's own wait. */
static int drive(struct transport_state *t, int64_t deadline)
{
    int64_t tick = loop_deadline(TICK);
    t->driver = fiber_current();
    int error = 0;
    if (t->left)
        error = fiber_yield();
    else
        error = descriptor_wait_readable(t->descriptor, tick < deadline ? tick : deadline);
    t->driver = NULL;
    if (error == ETIMEDOUT && loop_now() < deadline)
        error = 0;
    process(t);
    return error;
}

/* Somebody must drive while any fiber waits. */
static void hand_over(struct transport_state *t)
{
    if (t->driver)
        return;
    for (struct question *q = t->first; q; q = q->next) {
        if (!q->done) {
            fiber_wake(q->fiber);
            return;
        }
    }
}

/* --- asking --- */

static bool open_descriptor(struct transport_state *t)
{
    if (!t->descriptor)
        t->descriptor = descriptor_open(t->poll);
    return t->descriptor != NULL;
}

/* Holds a question back while too many were sent at once: what overflows the server's buffer is
 * lost, comes again all at once after the time-out, and is lost again. */
static int pace(struct transport_state *t, int64_t deadline)
{
    for (;;) {
        int64_t now = loop_now();
        if (now - t->burst_at >= PACE) {
            t->burst_at = now;
            t->burst = 0;
        }
        if (t->burst < BURST_MAX) {
            t->burst++;
            return 0;
        }
        int64_t next = t->burst_at + PACE;
        int error = fiber_sleep_until(next < deadline ? next : deadline);
        if (error || loop_now() >= deadline)
            return error ? error : ETIMEDOUT;
    }
}

static void wait_for(struct question *question, int64_t deadline)
{
    struct transport_state *t = question->transport;
    int error = 0;
    while (!question->done && !error)
        error = t->driver ? fiber_park(deadline) : drive(t, deadline);
}

static const struct dns_answer *finish(struct question *question, int64_t deadline)
{
    struct transport_state *t = question->transport;
    struct arena *arena = question->arena;
    const struct dns_answer *answer = question->answer;
    unlink_question(question);
    if (question->done) {
        free(question);
    } else {
        question->fiber = NULL;
        answer = answer_failed(arena, loop_now() >= deadline ? "timed out" : "cancelled");
    }
    hand_over(t);
    t->counts.failed += answer->status == DNS_FAILED;
    return answer;
}

static const struct dns_answer *query(struct dns *dns, struct arena *arena, struct bytes name,
                                      enum dns_type type, int64_t deadline)
{
    struct transport_state *t = (struct transport_state *)dns;
    uint8_t packet[DECODE_QUERY_MAX];
    uint16_t id;
    require(fiber_current());
    if (t->counts.under_way >= UNDER_WAY_MAX)
        return answer_failed(arena, "too many DNS questions under way");
    if (fiber_is_cancelled() || loop_now() >= deadline || pace(t, deadline) != 0)
        return answer_failed(arena, "no time left to ask");
    if (!open_descriptor(t) || !draw_id(t, &id))
        return answer_failed(arena, "no resources to ask");
    size_t length = decode_write_query(name, type, id, packet);
    if (!length)
        return answer_empty(arena, DNS_NO_NAME, name, 0);
    struct question *question = calloc(1, sizeof(*question));
    if (!question)
        return answer_out_of_memory();
    *question = (struct question){
        .transport = t, .fiber = fiber_current(), .arena = arena, .name = name, .type = type};
    link_question(question);
    t->counts.asked++;
    t->counts.under_way++;
    ares_send(t->channel, packet, (int)length, on_reply, question);
    if (++t->unread >= UNREAD_MAX)
        process(t);
    wait_for(question, deadline);
    return finish(question, deadline);
}

/* --- the transport --- */

static int set_servers(struct transport_state *t, const struct dns_transport_options *options)
{
    if (options->server_count == 0)
        return ARES_SUCCESS;
    struct ares_addr_port_node nodes[SERVERS_MAX] = {0};
    if (options->server_count > SERVERS_MAX)
        return ARES_EBADQUERY;
    for (size_t i = 0; i < options->server_count; i++) {
        const struct dns_server *server = &options->servers[i];
        struct ares_addr_port_node *node = &nodes[i];
        node->next = i + 1 < options->server_count ? node + 1 : NULL;
        node->family = server->ip.family == 6 ? AF_INET6 : AF_INET;
        memcpy(&node->addr, server->ip.octets, server->ip.family == 6 ? 16 : 4);
        node->udp_port = node->tcp_port = server->port ? server->port : 53;
    }
    return ares_set_servers_ports(t->channel, nodes);
}

/* How many servers there are, and whether all of them are on this host. */
static size_t count_servers(struct transport_state *t, bool *all_local)
{
    struct ares_addr_port_node *nodes = NULL;
    size_t count = 0;
    *all_local = true;
    if (ares_get_servers_ports(t->channel, &nodes) != ARES_SUCCESS)
        nodes = NULL;
    for (struct ares_addr_port_node *node = nodes; node; node = node->next, count++) {
        struct ip ip = node->family == AF_INET6 ? ip_from_v6((const uint8_t *)&node->addr)
                                                : ip_from_v4((const uint8_t *)&node->addr);
        *all_local = *all_local && ip_is_loopback(&ip);
    }
    ares_free_data(nodes);
    *all_local = *all_local && count > 0;
    return count;
}

static int open_channel(struct transport_state *t, const struct dns_transport_options *options,
                        int flags)
{
    struct ares_options ares = {
        .flags = ARES_FLAG_NOSEARCH | ARES_FLAG_NOALIASES | ARES_FLAG_EDNS | flags,
        .timeout = options->timeout ? (int)(options->timeout / MILLISECOND) : 2000,
        .tries = options->attempts ? (int)options->attempts : 3,
        .ednspsz = DECODE_UDP_SIZE,
        .socket_receive_buffer_size = RECEIVE_BUFFER,
        .sock_state_cb = on_socket,
        .sock_state_cb_data = t,
    };
    int mask = ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_EDNSPSZ |
               ARES_OPT_SOCK_STATE_CB | ARES_OPT_NOROTATE | ARES_OPT_SOCK_RCVBUF;
    int status = ares_init_options(&t->channel, &ares, mask);
    if (status != ARES_SUCCESS)
        return status;
    status = set_servers(t, options);
    if (status != ARES_SUCCESS) {
        ares_destroy(t->channel);
        t->channel = NULL;
    }
    return status;
}

static int open_tuned_channel(struct transport_state *t,
                              const struct dns_transport_options *options)
{
    int status = open_channel(t, options, 0);
    if (status != ARES_SUCCESS)
        return status;
    bool all_local;
    size_t count = count_servers(t, &all_local);
    t->trust_ad = options->trust_ad || all_local;
    int flags = 0;
    /* One server that says SERVFAIL will say it again; of several the next may know better. */
    if (count == 1)
        flags |= ARES_FLAG_NOCHECKRESP;
    /* Over a network a new source port now and then makes forged replies harder (rfc5452:9.2). */
    if (all_local)
        flags |= ARES_FLAG_STAYOPEN;
    ares_destroy(t->channel);
    t->channel = NULL;
    return open_channel(t, options, flags);
}

struct dns *dns_transport_create(const struct dns_transport_options *options, struct error *error)
{
    struct transport_state *t = calloc(1, sizeof(*t));
    if (!t) {
        error_set(error, TEMP, "out of memory");
        return NULL;
    }
    t->dns.query = query;
    t->poll = epoll_create1(EPOLL_CLOEXEC);
    int status = ares_library_init(ARES_LIB_INIT_NONE);
    if (status == ARES_SUCCESS)
        status = open_tuned_channel(t, options);
    if (t->poll < 0 || status != ARES_SUCCESS) {
        error_set(error, TEMP, "cannot set up DNS: %s",
                  t->poll < 0 ? strerror(errno) : ares_strerror(status));
        dns_transport_destroy(&t->dns);
        return NULL;
    }
    return &t->dns;
}

void dns_transport_destroy(struct dns *dns)
{
    struct transport_state *t = (struct transport_state *)dns;
    if (!t)
        return;
    require(!t->first);
    if (t->channel)
        ares_destroy(t->channel); /* calls back for what nobody waits for */
    if (t->descriptor)
        descriptor_close(t->descriptor);
    else if (t->poll >= 0)
        close(t->poll);
    ares_library_cleanup();
    free(t);
}

struct dns_transport_counts dns_transport_counts(const struct dns *dns)
{
    return ((const struct transport_state *)dns)->counts;
}
