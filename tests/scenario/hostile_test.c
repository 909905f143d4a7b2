/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An edge that was taken over: every field, size and descriptor that it can send to the store is hostile.
 * The store may refuse it and its mail, but must go on serving the others, in bounded memory and time.
 */
#include "store_world.h"

#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>

/* Sends it as it is; the result of the call. */
static enum result send_raw(uint16_t type, struct bytes payload, const int descriptors[IPC_DESCRIPTORS_MAX])
{
    struct ipc_message message = {.type = type, .payload = payload}, reply;
    struct error error;
    for (size_t i = 0; descriptors && i < IPC_DESCRIPTORS_MAX; i++)
        message.descriptors[i] = descriptors[i];
    return role_call(world.edge, world.arena, &message, &reply, loop_deadline(2 * MINUTE), &error);
}

/* A delivery that is right but for the descriptor its content is said to be in. */
static unsigned deliver_descriptor(int fd)
{
    const struct mail mail = {.id = "m1", .recipients = "alice@vouch.example"};
    struct delivery_request request;
    struct delivery_answer answer = {0};
    struct ipc_message reply;
    struct error error;
    struct buf payload;
    fill_request(&mail, &request);
    request.in_descriptor = true;
    buf_init(&payload, PARCEL_MAX);
    delivery_request_write(&payload, &request);
    struct ipc_message message = {STORE_DELIVER, buf_bytes(&payload), {fd, -1, -1, -1}};
    enum result result =
        role_call(world.edge, world.arena, &message, &reply, loop_deadline(2 * MINUTE), &error);
    buf_free(&payload);
    if (result == OK)
        check(delivery_answer_read(reply.payload, &answer));
    return answer.reply.code;
}

static void check_alive(void)
{
    static unsigned count;
    char id[32];
    snprintf(id, sizeof(id), "alive%u", count++);
    const struct mail mail = {.id = id, .recipients = "bob@vouch.example"};
    check(deliver_code(&mail) == 250);
    check(in_mailbox(id, "bob@vouch.example") == 1);
}

static int64_t real_milliseconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static size_t open_descriptors(void)
{
    size_t count = 0;
    DIR *directory = opendir("/proc/self/fd");
    check(directory != NULL);
    while (readdir(directory))
        count++;
    closedir(directory);
    return count;
}

STORY(what_is_no_file_is_not_read)
{
    int pipes[2], pair[2];
    world_create();
    store_start();
    check(pipe2(pipes, O_CLOEXEC) == 0);
    check(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
    int event = eventfd(0, EFD_CLOEXEC), poll = epoll_create1(EPOLL_CLOEXEC);
    int folder = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const int all[] = {pipes[0], pipes[1], pair[0], event, poll, folder, world.real[0]};
    int64_t begun = real_milliseconds();
    for (size_t i = 0; i < countof(all); i++)
        check(deliver_descriptor(all[i]) / 100 != 2);
    check(real_milliseconds() - begun < 2000);
    check(files_in("/mail/alice/") == 0);
    check_alive();
    const int ours[] = {pipes[0], pipes[1], pair[0], pair[1], event, poll, folder};
    for (size_t i = 0; i < countof(ours); i++)
        close(ours[i]);
    store_stop();
    world_destroy();
}

/* Whoever closes a socket last waits for its data to be taken, if its owner said that it should linger. */
STORY(a_socket_that_lingers_does_not_hold_the_store)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof(at);
    struct linger linger = {.l_onoff = 1, .l_linger = 30};
    char octets[65536] = {0};
    world_create();
    store_start();
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    check(bind(listener, (struct sockaddr *)&at, sizeof(at)) == 0 && listen(listener, 1) == 0);
    check(getsockname(listener, (struct sockaddr *)&at, &length) == 0);
    check(connect(fd, (struct sockaddr *)&at, sizeof(at)) == 0);
    check(setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)) == 0);
    while (send(fd, octets, sizeof(octets), MSG_DONTWAIT | MSG_NOSIGNAL) > 0)
        ;
    /* The last copy is the store's. */
    struct ipc_message message = {.type = STORE_RECORD, .payload = BYTES("x"), .descriptors = {fd, fd, fd, fd}};
    struct error error;
    check(ipc_send(world.edge, &message, loop_deadline(SECOND), &error) == OK);
    close(fd);
    int64_t begun = real_milliseconds();
    check_alive();
    check(real_milliseconds() - begun < 5000);
    close(listener);
    store_stop();
    world_destroy();
}

STORY(sizes_that_are_lies_are_refused)
{
    world_create();
    store_start();
    int sparse = memfd_create("x", MFD_CLOEXEC), none = memfd_create("x", MFD_CLOEXEC);
    check(ftruncate(sparse, (off_t)1 << 40) == 0);
    check(deliver_descriptor(sparse) / 100 != 2);
    check(deliver_descriptor(-1) / 100 != 2);
    check(the_store()->content_octets == 0);
    /* An empty message is one. */
    check(deliver_descriptor(none) == 250);
    /* A parcel that says nothing, lies about its size, or comes beside a payload. */
    const int parcel[IPC_DESCRIPTORS_MAX] = {-1, -1, -1, sparse}, empty[] = {-1, -1, -1, none};
    check(send_raw(STORE_DELIVER, BYTES(""), parcel) == OK); /* answered: 451 */
    check(send_raw(STORE_RECORD, BYTES(""), parcel) == TEMP);
    check(send_raw(STORE_RECORD, BYTES("x"), empty) == TEMP);
    check_alive();
    close(sparse);
    close(none);
    store_stop();
    world_destroy();
}

STORY(what_cannot_be_read_gets_no_answer_or_a_temporary_one)
{
    uint8_t octets[512];
    uint32_t state = 1;
    world_create();
    store_start();
    size_t before = open_descriptors();
    for (unsigned i = 0; i < 2000; i++) {
        size_t length = i % sizeof(octets);
        for (size_t k = 0; k < length; k++) {
            state = state * 1103515245 + 12345;
            octets[k] = k % 4 == 3 ? (uint8_t)(state >> 16) % 8 : (uint8_t)((state >> 16) % 256 < 200 ? 0 : state >> 8);
        }
        enum result result =
            send_raw((uint16_t)(CONTROL_LISTENER + i % 14), bytes_from(octets, length), NULL);
        check(result == OK || result == TEMP);
    }
    check(open_descriptors() == before);
    check_alive();
    store_stop();
    world_destroy();
}

STORY(descriptors_nobody_asked_for_are_closed)
{
    const int four[] = {1, 1, 1, 1};
    world_create();
    store_start();
    size_t before = open_descriptors();
    for (unsigned i = 0; i < 300; i++)
        check(send_raw(i % 2 ? STORE_RECIPIENT : STORE_DELIVER, BYTES("x"), four) != PERM);
    check(open_descriptors() == before);
    check_alive();
    store_stop();
    world_destroy();
}

STORY(names_that_would_break_lines_are_refused)
{
    struct mail mail = {.id = "m1\r\nBcc: x", .recipients = "alice@vouch.example"};
    world_create();
    store_start();
    check(deliver_code(&mail) / 100 != 2);
    mail.id = "";
    check(deliver_code(&mail) / 100 != 2);
    mail.id = "../../../etc/x";
    check(deliver_code(&mail) / 100 != 2);
    check(files_in("/") == 0);
    check_alive();
    store_stop();
    world_destroy();
}

STORY(only_our_own_mailboxes_are_written)
{
    world_create();
    store_start();
    static const char *const strangers[] = {"x@elsewhere.example", "../alice@vouch.example", "x",
                                            "@vouch.example"};
    for (size_t i = 0; i < countof(strangers); i++) {
        const struct mail mail = {.id = "m1", .recipients = strangers[i]};
        check(deliver_code(&mail) / 100 != 2);
    }
    check(files_in("/") == 0);
    /* What an LMTP server is asked for is written so that it stays one address. */
    const struct mail odd = {.id = "m2", .recipients = "a>\r\nRCPT_TO:<b@lmtp.example"};
    check(deliver_code(&odd) != 0);
    for (size_t i = 0; i < world.script_count; i++)
        check(!strpbrk(world.scripts[i].recipient, "\r\n") || strchr(world.scripts[i].recipient, '"'));
    store_stop();
    world_destroy();
}

/* ---- floods ---- */

static size_t answered, most_octets;

static void deliver_large(void *argument)
{
    const struct mail *mail = argument;
    struct delivery_request request;
    struct ipc_message reply;
    struct error error;
    struct buf payload;
    int fd = memfd_create("large", MFD_CLOEXEC);
    check(ftruncate(fd, 48 << 20) == 0);
    fill_request(mail, &request);
    request.in_descriptor = true;
    buf_init(&payload, PARCEL_MAX);
    delivery_request_write(&payload, &request);
    struct ipc_message message = {STORE_DELIVER, buf_bytes(&payload), {fd, -1, -1, -1}};
    enum result result =
        role_call(world.edge, world.arena, &message, &reply, loop_deadline(HOUR), &error);
    check(result == OK);
    answered++;
    buf_free(&payload);
    close(fd);
}

static void watch_octets(void *argument)
{
    (void)argument;
    while (fiber_sleep(MILLISECOND) == 0)
        if (the_store()->content_octets > most_octets)
            most_octets = the_store()->content_octets;
}

/* All at once they would not fit; so some wait, and all are answered. */
STORY(large_messages_at_the_same_time_take_turns)
{
    struct fiber_group group;
    static struct mail mails[6];
    static char ids[6][16];
    world_create();
    store_start();
    answered = most_octets = 0;
    world.courier_delay = 10 * SECOND;
    fiber_group_open(&group);
    struct fiber_group watching;
    fiber_group_open(&watching);
    check(fiber_group_start(&watching, "watch", watch_octets, NULL));
    for (size_t i = 0; i < countof(mails); i++) {
        snprintf(ids[i], sizeof(ids[i]), "large%zu", i);
        mails[i] = (struct mail){.id = ids[i], .recipients = "one@lmtp.example"};
        check(fiber_group_start(&group, "large", deliver_large, &mails[i]));
    }
    fiber_sleep(5 * SECOND);
    /* Small ones pass meanwhile. */
    check_alive();
    check(fiber_group_wait(&group, loop_deadline(HOUR)) == 0);
    fiber_group_close(&watching);
    check(answered == countof(mails));
    check(most_octets > 48 << 20 && most_octets <= 512 << 20);
    check(the_store()->content_octets == 0);
    store_stop();
    world_destroy();
}

STORY(a_flood_of_records_is_cut_not_kept)
{
    struct buf payload;
    char evidence[100001];
    world_create();
    store_start();
    memset(evidence, 'x', sizeof(evidence) - 1);
    evidence[sizeof(evidence) - 1] = '\0';
    struct ledger_record record = {.id = BYTES("flood"), .client = BYTES("192.0.2.1"),
                                   .action = BYTES("reject"), .evidence = bytes_of(evidence),
                                   .verdict = BYTES("{}")};
    size_t most = 0;
    for (unsigned i = 0; i < 3000; i++) {
        struct error error;
        buf_init(&payload, PARCEL_MAX);
        ledger_record_write(&payload, &record);
        struct ipc_message message = {STORE_RECORD, buf_bytes(&payload), {-1, -1, -1, -1}};
        check(ipc_send(world.edge, &message, loop_deadline(MINUTE), &error) == OK);
        buf_free(&payload);
        if (the_store()->ledger_octets > most)
            most = the_store()->ledger_octets;
    }
    fiber_sleep(10 * SECOND);
    check(most <= 66 << 20);
    check(the_store()->ledger_waiting == 0 && the_store()->ledger_octets == 0);
    check_alive();
    store_stop();
    world_destroy();
}

STORY(attempts_count_within_any_window)
{
    static const int64_t windows[] = {0, 1, 4 * HOUR, INT64_MAX};
    world_create();
    store_start();
    for (size_t i = 0; i < countof(windows); i++) {
        struct attempt_question question = {.key = BYTES("key"), .window = windows[i]};
        struct buf payload;
        buf_init(&payload, 256);
        attempt_question_write(&payload, &question);
        check(send_raw(STORE_ATTEMPT, buf_bytes(&payload), NULL) == OK);
        buf_free(&payload);
    }
    store_stop();
    world_destroy();
}

STORY(patience_beyond_all_clocks_is_no_matter)
{
    world_create();
    store_start();
    const struct mail mail = {.id = "m1", .recipients = "alice@vouch.example", .patience = INT64_MAX};
    check(deliver_code(&mail) == 250);
    store_stop();
    world_destroy();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_no_file_is_not_read),
        cmocka_unit_test(a_socket_that_lingers_does_not_hold_the_store),
        cmocka_unit_test(sizes_that_are_lies_are_refused),
        cmocka_unit_test(what_cannot_be_read_gets_no_answer_or_a_temporary_one),
        cmocka_unit_test(descriptors_nobody_asked_for_are_closed),
        cmocka_unit_test(names_that_would_break_lines_are_refused),
        cmocka_unit_test(only_our_own_mailboxes_are_written),
        cmocka_unit_test(large_messages_at_the_same_time_take_turns),
        cmocka_unit_test(a_flood_of_records_is_cut_not_kept),
        cmocka_unit_test(attempts_count_within_any_window),
        cmocka_unit_test(patience_beyond_all_clocks_is_no_matter),
    };
    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
