/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The DNS transport against a real name server (nsd, started here on a free port of 127.0.0.1 as
 * the current user) and against a small server of our own that misbehaves as told. Exit 77: no nsd.
 */
#include "dns/cache.h"
#include "dns/transport.h"
#include "fiber/group.h"

#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* --- asking, from fibers --- */

struct asker {
    const char *name;
    enum dns_type type;
    int64_t deadline; /* from now; 0: 10 s */
    bool cancelled;   /* after 100 ms */
    struct dns *dns;
    const struct dns_answer *answer;
    int64_t took;
};

struct scene {
    struct dns_transport_options options;
    struct asker *askers;
    size_t count;
    struct dns_transport_counts counts;
    struct error error;
    bool cached;
};

static struct arena *arena;

static void run_asker(void *argument)
{
    struct asker *asker = argument;
    int64_t began = loop_now_fresh();
    int64_t deadline = loop_deadline(asker->deadline ? asker->deadline : 10 * SECOND);
    asker->answer = dns_query(asker->dns, arena, bytes_of(asker->name), asker->type, deadline);
    asker->took = loop_now_fresh() - began;
}

static void run_scene(void *argument)
{
    struct scene *scene = argument;
    struct dns *transport = dns_transport_create(&scene->options, &scene->error);
    if (!transport)
        return;
    struct dns *cache = scene->cached ? dns_cache_create(transport, NULL) : NULL;
    struct fiber_group patient, cancelled;
    fiber_group_open(&patient);
    fiber_group_open(&cancelled);
    for (size_t i = 0; i < scene->count; i++) {
        struct fiber_group *group = scene->askers[i].cancelled ? &cancelled : &patient;
        scene->askers[i].dns = cache ? cache : transport;
        require(fiber_group_start(group, "asker", run_asker, &scene->askers[i]));
    }
    if (cancelled.count) {
        fiber_sleep(100 * MILLISECOND);
        fiber_group_cancel(&cancelled);
    }
    fiber_group_wait(&patient, NO_DEADLINE);
    fiber_group_close(&patient);
    fiber_group_close(&cancelled);
    scene->counts = dns_transport_counts(transport);
    dns_cache_destroy(cache);
    dns_transport_destroy(transport);
}

static struct dns_server local(uint16_t port)
{
    static const uint8_t loopback[4] = {127, 0, 0, 1};
    return (struct dns_server){ip_from_v4(loopback), port};
}

/* All at the same time. The answers stay until the end of the test. */
static struct scene play(const struct dns_transport_options *options, struct asker *askers,
                         size_t count)
{
    struct scene scene = {.options = *options, .askers = askers, .count = count};
    struct loop *loop = loop_create(&(struct loop_options){0});
    loop_run(loop, run_scene, &scene);
    loop_destroy(loop);
    for (size_t i = 0; i < count; i++)
        if (!askers[i].answer)
            fail_msg("%s: not asked: %s", askers[i].name, scene.error.text);
    return scene;
}

static const struct dns_answer *ask_port(uint16_t port, const char *name, enum dns_type type)
{
    struct dns_server server = local(port);
    struct dns_transport_options options = {.servers = &server, .server_count = 1};
    struct asker asker = {.name = name, .type = type};
    play(&options, &asker, 1);
    return asker.answer;
}

#define assert_bytes(bytes, string) assert_true(bytes_is((bytes), (string)))

/* --- nsd --- */

static struct {
    char folder[64];
    uint16_t port;
    pid_t pid;
} nsd;

static uint16_t free_port(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    require(fd >= 0 && bind(fd, (struct sockaddr *)&address, length) == 0 &&
            getsockname(fd, (struct sockaddr *)&address, &length) == 0);
    close(fd);
    return ntohs(address.sin_port);
}

static FILE *create_file(const char *name)
{
    char path[128];
    snprintf(path, sizeof(path), "%s/%s", nsd.folder, name);
    FILE *file = fopen(path, "w");
    require(file);
    return file;
}

static void write_configuration(void)
{
    FILE *file = create_file("nsd.conf");
    fprintf(file,
            "server:\n  ip-address: 127.0.0.1@%u\n  do-ip6: no\n  username: \"\"\n  chroot: \"\"\n"
            "  zonesdir: \"%s\"\n  database: \"\"\n  pidfile: \"%s/pid\"\n  xfrdfile: \"%s/xfrd\"\n"
            "  xfrdir: \"%s\"\n  zonelistfile: \"%s/zones\"\n  logfile: \"%s/log\"\n"
            "  server-count: 1\n  rrl-ratelimit: 0\n"
            "remote-control:\n  control-enable: no\n"
            "zone:\n  name: example.test\n  zonefile: example.test\n"
            "zone:\n  name: broken.test\n  zonefile: missing\n",
            nsd.port, nsd.folder, nsd.folder, nsd.folder, nsd.folder, nsd.folder, nsd.folder);
    fclose(file);
}

static void write_text(FILE *file, const char *name, int strings)
{
    fprintf(file, "%s 60 TXT", name);
    for (int i = 0; i < strings; i++) {
        fprintf(file, " \"");
        for (int octet = 0; octet < 250; octet++)
            fputc('a' + i % 26, file);
        fputc('"', file);
    }
    fputc('\n', file);
}

static void write_zone(void)
{
    FILE *file = create_file("example.test");
    fprintf(file, "$ORIGIN example.test.\n"
                  "@ 3600 SOA ns postmaster 1 3600 600 86400 77\n"
                  "@ 3600 NS ns\n"
                  "ns 3600 A 127.0.0.1\n"
                  "@ 300 A 192.0.2.1\n"
                  "@ 200 A 192.0.2.2\n"
                  "@ 300 AAAA 2001:db8::1\n"
                  "@ 300 MX 10 Mail\n"
                  "@ 300 MX 20 other.example.\n"
                  "@ 300 TXT \"v=spf1 \" \"-all\"\n"
                  "null 300 MX 0 .\n"
                  "_25._tcp.mail 300 TLSA 3 1 1 00112233445566778899aabbccddeeff"
                  "00112233445566778899aabbccddeeff\n"
                  "1.2.0.192.rev 300 PTR mail\n"
                  "www 50 CNAME alias\nalias 100 CNAME @\n"
                  "dangling 100 CNAME nothing\n");
    write_text(file, "kilo", 4);   /* over 512 octets, under 1232 */
    write_text(file, "large", 12); /* over 1232 */
    fclose(file);
}

static bool start_nsd(void)
{
    snprintf(nsd.folder, sizeof(nsd.folder), "/tmp/vouch-dns-test-XXXXXX");
    require(mkdtemp(nsd.folder));
    nsd.port = free_port();
    write_configuration();
    write_zone();
    char path[128];
    snprintf(path, sizeof(path), "%s/nsd.conf", nsd.folder);
    nsd.pid = fork();
    if (nsd.pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGTERM); /* it must not outlive a test that was killed */
        execl("/usr/sbin/nsd", "nsd", "-d", "-c", path, (char *)NULL);
        _exit(127);
    }
    for (int tries = 0; tries < 100; tries++) {
        if (waitpid(nsd.pid, NULL, WNOHANG) == nsd.pid) {
            nsd.pid = 0;
            return false;
        }
        if (ask_port(nsd.port, "example.test", DNS_A)->status == DNS_FOUND)
            return true;
        poll(NULL, 0, 50);
    }
    return false;
}

static void stop_nsd(void)
{
    if (nsd.pid) {
        kill(nsd.pid, SIGTERM);
        waitpid(nsd.pid, NULL, 0);
    }
    static const char *const names[] = {"nsd.conf", "example.test", "pid", "xfrd", "zones", "log"};
    for (size_t i = 0; i < countof(names); i++) {
        char path[128];
        snprintf(path, sizeof(path), "%s/%s", nsd.folder, names[i]);
        unlink(path);
    }
    rmdir(nsd.folder);
}

static void records_come_over_udp(void **state)
{
    (void)state;
    const struct dns_answer *a = ask_port(nsd.port, "EXAMPLE.test", DNS_A);
    assert_int_equal(a->status, DNS_FOUND);
    assert_int_equal(a->count, 2);
    assert_int_equal(a->ttl, 200);
    assert_bytes(a->canonical, "example.test");
    assert_false(a->authenticated);
    a = ask_port(nsd.port, "example.test", DNS_AAAA);
    assert_int_equal(a->records[0].ip.family, 6);
    a = ask_port(nsd.port, "example.test", DNS_MX);
    assert_int_equal(a->count, 2);
    for (size_t i = 0; i < 2; i++)
        assert_bytes(a->records[i].name,
                     a->records[i].preference == 10 ? "mail.example.test" : "other.example");
    assert_bytes(ask_port(nsd.port, "example.test", DNS_TXT)->records[0].text, "v=spf1 -all");
    assert_int_equal(ask_port(nsd.port, "null.example.test", DNS_MX)->records[0].name.len, 0);
    a = ask_port(nsd.port, "_25._tcp.mail.example.test", DNS_TLSA);
    assert_int_equal(a->records[0].data.len, 35);
    assert_int_equal(a->records[0].data.ptr[3], 0);
    a = ask_port(nsd.port, "1.2.0.192.rev.example.test", DNS_PTR);
    assert_bytes(a->records[0].name, "mail.example.test");
}

static void absence_of_name_and_of_type_differ(void **state)
{
    (void)state;
    const struct dns_answer *a = ask_port(nsd.port, "nothing.example.test", DNS_A);
    assert_int_equal(a->status, DNS_NO_NAME);
    assert_int_equal(a->ttl, 77);
    a = ask_port(nsd.port, "ns.example.test", DNS_MX);
    assert_int_equal(a->status, DNS_NO_DATA);
    assert_int_equal(a->ttl, 77);
    a = ask_port(nsd.port, "rev.example.test", DNS_A); /* exists only through the name below it */
    assert_int_equal(a->status, DNS_NO_DATA);
}

static void aliases_are_followed(void **state)
{
    (void)state;
    const struct dns_answer *a = ask_port(nsd.port, "www.example.test", DNS_A);
    assert_int_equal(a->status, DNS_FOUND);
    assert_int_equal(a->count, 2);
    assert_int_equal(a->ttl, 50);
    assert_bytes(a->canonical, "example.test");
    assert_int_equal(ask_port(nsd.port, "dangling.example.test", DNS_A)->status, DNS_NO_NAME);
    a = ask_port(nsd.port, "www.example.test", DNS_CNAME);
    assert_bytes(a->records[0].name, "alias.example.test");
}

static void what_does_not_fit_in_udp_comes_over_tcp(void **state)
{
    (void)state;
    const struct dns_answer *a = ask_port(nsd.port, "large.example.test", DNS_TXT);
    assert_int_equal(a->status, DNS_FOUND);
    assert_int_equal(a->records[0].text.len, 12 * 250);
    assert_int_equal(a->records[0].text.ptr[12 * 250 - 1], 'a' + 11);
    a = ask_port(nsd.port, "kilo.example.test", DNS_TXT);
    assert_int_equal(a->records[0].text.len, 4 * 250);
}

static void server_errors_are_failures(void **state)
{
    (void)state;
    const struct dns_answer *a = ask_port(nsd.port, "a.broken.test", DNS_A);
    assert_int_equal(a->status, DNS_FAILED);
    assert_string_equal(a->problem, "the server failed (SERVFAIL)");
    a = ask_port(nsd.port, "elsewhere.test", DNS_A);
    assert_int_equal(a->status, DNS_FAILED);
    assert_string_equal(a->problem, "the server refused to answer (REFUSED)");
}

enum { MANY = 1000 };

static void a_thousand_questions_at_once_are_all_answered(void **state)
{
    (void)state;
    static struct asker askers[MANY];
    static const char *const names[] = {"example.test", "nothing.example.test",
                                        "large.example.test", "www.example.test"};
    for (size_t i = 0; i < MANY; i++)
        askers[i] = (struct asker){.name = names[i % 4], .type = i % 4 == 2 ? DNS_TXT : DNS_A};
    struct dns_server server = local(nsd.port);
    struct dns_transport_options options = {.servers = &server, .server_count = 1};
    struct scene scene = play(&options, askers, MANY);
    for (size_t i = 0; i < MANY; i++)
        assert_int_equal(askers[i].answer->status, i % 4 == 1 ? DNS_NO_NAME : DNS_FOUND);
    assert_int_equal(scene.counts.asked, MANY);
    assert_int_equal(scene.counts.failed, 0);
    assert_int_equal(scene.counts.under_way, 0);
}

static void the_cache_asks_the_server_once(void **state)
{
    (void)state;
    struct asker askers[10];
    for (size_t i = 0; i < 10; i++)
        askers[i] = (struct asker){.name = "example.test", .type = DNS_A};
    struct dns_server server = local(nsd.port);
    struct scene scene = {.options = {.servers = &server, .server_count = 1},
                          .askers = askers,
                          .count = 10,
                          .cached = true};
    struct loop *loop = loop_create(&(struct loop_options){0});
    loop_run(loop, run_scene, &scene);
    loop_destroy(loop);
    assert_int_equal(scene.counts.asked, 1);
    assert_int_equal(askers[9].answer->count, 2);
}

/* --- a server that misbehaves --- */

enum behaviour {
    SILENT,
    FAILS,         /* SERVFAIL */
    FORGES,        /* wrong id, wrong question, then the truth */
    SLOW,          /* answers after 300 ms */
    FORGETFUL,     /* drops the first question */
    LARGE,         /* 1,200 octets in UDP, and no TCP */
    GARBAGE,       /* the right id and question, then nonsense */
    AUTHENTICATED, /* AD */
    NO_EDNS        /* FORMERR while there is an OPT record */
};

static struct {
    enum behaviour behaviour;
    int fd;
    uint16_t port;
    pthread_t thread;
    int asked;
} fake;

/* The length of header and question of a query as we write it. */
static size_t question_end(const uint8_t *packet, size_t length)
{
    size_t at = 12;
    while (at < length && packet[at])
        at += packet[at] + 1u;
    return at + 5;
}

static void send_reply(const struct sockaddr_in *to, const uint8_t *packet, size_t length)
{
    sendto(fake.fd, packet, length, 0, (const struct sockaddr *)to, sizeof(*to));
}

/* Turns the query into a reply with one address, and so many octets of other records. */
static void answer_with(const struct sockaddr_in *to, const uint8_t *query, size_t length,
                        uint8_t last, size_t padding)
{
    static const uint8_t address[] = {0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2};
    uint8_t reply[2048] = {0};
    size_t end = question_end(query, length);
    memcpy(reply, query, end);
    reply[2] = 0x81;
    reply[3] = fake.behaviour == AUTHENTICATED ? 0xa0 : 0x80;
    reply[7] = 1;
    reply[11] = padding > 0;
    memcpy(reply + end, address, sizeof(address));
    end += sizeof(address);
    reply[end++] = last;
    if (padding) {
        reply[end + 2] = 250; /* a private type at the root */
        reply[end + 9] = (uint8_t)(padding >> 8);
        reply[end + 10] = (uint8_t)padding;
        end += 11 + padding;
    }
    send_reply(to, reply, end);
}

static void answer_code(const struct sockaddr_in *to, const uint8_t *query, size_t length,
                        uint8_t code)
{
    uint8_t reply[512] = {0};
    size_t end = question_end(query, length);
    memcpy(reply, query, end);
    reply[2] = 0x81;
    reply[3] = 0x80 | code;
    reply[11] = 0;
    send_reply(to, reply, end);
}

static void forge(const struct sockaddr_in *to, uint8_t *query, size_t length)
{
    query[0] ^= 0x55;
    answer_with(to, query, length, 66, 0);
    query[0] ^= 0x55;
    query[13] ^= 1;
    answer_with(to, query, length, 66, 0);
    query[13] ^= 1;
}

static void misbehave(const struct sockaddr_in *to, uint8_t *query, size_t length)
{
    switch (fake.behaviour) {
    case SILENT:
        return;
    case FAILS:
        answer_code(to, query, length, 2);
        return;
    case FORGES:
        forge(to, query, length);
        break;
    case SLOW:
        poll(NULL, 0, 300);
        break;
    case FORGETFUL:
        if (fake.asked == 1)
            return;
        break;
    case GARBAGE:
        query[2] = 0x81;
        memset(query + 6, 0xff, 4);
        send_reply(to, query, length);
        return;
    case NO_EDNS:
        if (query[11]) {
            answer_code(to, query, length, 1);
            return;
        }
        break;
    case LARGE:
    case AUTHENTICATED:
        break;
    }
    answer_with(to, query, length, 1, fake.behaviour == LARGE ? 1100 : 0);
}

/* Ends when an empty datagram comes. */
static void *serve(void *argument)
{
    uint8_t query[1024];
    struct sockaddr_in from;
    for (;;) {
        socklen_t size = sizeof(from);
        ssize_t length =
            recvfrom(fake.fd, query, sizeof(query), 0, (struct sockaddr *)&from, &size);
        if (length < 12)
            return argument;
        fake.asked++;
        misbehave(&from, query, (size_t)length);
    }
}

static void start_fake(enum behaviour behaviour)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof(address);
    fake.fd = socket(AF_INET, SOCK_DGRAM, 0);
    require(fake.fd >= 0 && bind(fake.fd, (struct sockaddr *)&address, length) == 0 &&
            getsockname(fake.fd, (struct sockaddr *)&address, &length) == 0);
    fake.port = ntohs(address.sin_port);
    fake.behaviour = behaviour;
    fake.asked = 0;
    require(pthread_create(&fake.thread, NULL, serve, NULL) == 0);
}

static void stop_fake(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons(fake.port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    send_reply(&address, (const uint8_t *)"", 0);
    pthread_join(fake.thread, NULL);
    close(fake.fd);
}

/* Asks it, with fast time-outs; the askers' answers are the result. */
static struct scene play_fake(enum behaviour behaviour, struct asker *askers, size_t count)
{
    start_fake(behaviour);
    struct dns_server server = local(fake.port);
    struct dns_transport_options options = {
        .servers = &server, .server_count = 1, .timeout = 100 * MILLISECOND, .attempts = 2};
    if (behaviour == SLOW)
        options.timeout = 2 * SECOND;
    struct scene scene = play(&options, askers, count);
    stop_fake();
    return scene;
}

static void a_silent_server_times_out_after_all_attempts(void **state)
{
    (void)state;
    struct asker asker = {.name = "example.test", .type = DNS_A};
    play_fake(SILENT, &asker, 1);
    assert_int_equal(asker.answer->status, DNS_FAILED);
    assert_string_equal(asker.answer->problem, "timed out");
    assert_int_equal(fake.asked, 2);
    assert_in_range(asker.took, 250 * MILLISECOND, 3 * SECOND); /* 100 + 200 ms */
}

static void nobody_waits_past_his_deadline(void **state)
{
    (void)state;
    struct asker askers[] = {
        {.name = "a.test", .type = DNS_A, .deadline = 50 * MILLISECOND},
        {.name = "b.test", .type = DNS_A, .deadline = 20 * MILLISECOND},
        {.name = "c.test", .type = DNS_A, .deadline = 80 * MILLISECOND},
    };
    play_fake(SILENT, askers, 3);
    for (size_t i = 0; i < 3; i++) {
        assert_string_equal(askers[i].answer->problem, "timed out");
        assert_in_range(askers[i].took, askers[i].deadline - MILLISECOND,
                        askers[i].deadline + 60 * MILLISECOND);
    }
}

static void a_lost_question_is_asked_again(void **state)
{
    (void)state;
    struct asker asker = {.name = "example.test", .type = DNS_A};
    play_fake(FORGETFUL, &asker, 1);
    assert_int_equal(asker.answer->status, DNS_FOUND);
    assert_int_equal(fake.asked, 2);
}

static void those_who_stay_get_their_answer_when_the_first_leaves(void **state)
{
    (void)state;
    struct asker askers[] = {
        {.name = "a.test", .type = DNS_A, .deadline = 50 * MILLISECOND},
        {.name = "b.test", .type = DNS_A, .cancelled = true},
        {.name = "c.test", .type = DNS_A},
    };
    play_fake(SLOW, askers, 3);
    assert_string_equal(askers[0].answer->problem, "timed out");
    assert_string_equal(askers[1].answer->problem, "cancelled");
    assert_int_equal(askers[2].answer->status, DNS_FOUND);
}

static void forged_replies_are_not_believed(void **state)
{
    (void)state;
    struct asker asker = {.name = "example.test", .type = DNS_A};
    play_fake(FORGES, &asker, 1);
    assert_int_equal(asker.answer->status, DNS_FOUND);
    assert_int_equal(asker.answer->records[0].ip.octets[3], 1);
    assert_int_equal(fake.asked, 1);
}

static void over_512_octets_come_in_udp_thanks_to_edns(void **state)
{
    (void)state;
    struct asker asker = {.name = "example.test", .type = DNS_A};
    play_fake(LARGE, &asker, 1);
    assert_int_equal(asker.answer->status, DNS_FOUND);
    assert_int_equal(fake.asked, 1);
}

static void a_server_without_edns_is_asked_without(void **state)
{
    (void)state;
    struct asker asker = {.name = "example.test", .type = DNS_A};
    play_fake(NO_EDNS, &asker, 1);
    assert_int_equal(asker.answer->status, DNS_FOUND);
    assert_int_equal(fake.asked, 2);
}

static void garbage_is_a_failure(void **state)
{
    (void)state;
    struct asker asker = {.name = "example.test", .type = DNS_A};
    play_fake(GARBAGE, &asker, 1);
    assert_int_equal(asker.answer->status, DNS_FAILED);
}

static void ad_of_a_server_on_this_host_is_believed(void **state)
{
    (void)state;
    struct asker asker = {.name = "example.test", .type = DNS_A};
    play_fake(AUTHENTICATED, &asker, 1);
    assert_true(asker.answer->authenticated);
}

static void the_next_server_is_asked_when_the_first_fails(void **state)
{
    (void)state;
    start_fake(FAILS);
    struct dns_server servers[] = {local(fake.port), local(nsd.port)};
    struct dns_transport_options options = {.servers = servers, .server_count = 2};
    struct asker asker = {.name = "example.test", .type = DNS_A};
    play(&options, &asker, 1);
    stop_fake();
    assert_int_equal(asker.answer->status, DNS_FOUND);
    assert_int_equal(fake.asked, 1);
}

static void a_port_where_nobody_listens_is_a_failure(void **state)
{
    (void)state;
    const struct dns_answer *a = ask_port(free_port(), "example.test", DNS_A);
    assert_int_equal(a->status, DNS_FAILED);
    assert_string_equal(a->problem, "no DNS server could be reached");
}

static int set_up(void **state)
{
    (void)state;
    arena = arena_create(64 << 20);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    arena_destroy(arena);
    return 0;
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(records_come_over_udp),
        TEST(absence_of_name_and_of_type_differ),
        TEST(aliases_are_followed),
        TEST(what_does_not_fit_in_udp_comes_over_tcp),
        TEST(server_errors_are_failures),
        TEST(a_thousand_questions_at_once_are_all_answered),
        TEST(the_cache_asks_the_server_once),
        TEST(a_silent_server_times_out_after_all_attempts),
        TEST(nobody_waits_past_his_deadline),
        TEST(a_lost_question_is_asked_again),
        TEST(those_who_stay_get_their_answer_when_the_first_leaves),
        TEST(forged_replies_are_not_believed),
        TEST(over_512_octets_come_in_udp_thanks_to_edns),
        TEST(a_server_without_edns_is_asked_without),
        TEST(garbage_is_a_failure),
        TEST(ad_of_a_server_on_this_host_is_believed),
        TEST(the_next_server_is_asked_when_the_first_fails),
        TEST(a_port_where_nobody_listens_is_a_failure),
    };
    if (access("/usr/sbin/nsd", X_OK) != 0) {
        puts("skipped: nsd not found");
        return 77;
    }
    arena = arena_create(64 << 20);
    bool started = start_nsd();
    arena_destroy(arena);
    int failures = started ? cmocka_run_group_tests(tests, NULL, NULL) : 1;
    if (!started)
        puts("nsd did not start");
    stop_nsd();
    return failures;
}
