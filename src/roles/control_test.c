/* SPDX-License-Identifier: BSD-2-Clause */
/* Unit tests of control: payloads, what a filter lets through, and whole calls over the socket. */
#include "roles/control_server.h"

#include "fiber/offload.h"
#include "os/ipc_packet.h"
#include "roles/memfd.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

enum { MANY = 1200 };

static struct arena *arena;
static struct buf written;
static char folder[] = "/tmp/vouch-control-XXXXXX";
static char nobody[] = "";
static struct config config = {.run_directory = folder, .control_group = nobody};

static int set_up(void **state)
{
    (void)state;
    arena = arena_create((size_t)512 << 20);
    buf_init(&written, 64 << 20);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    buf_free(&written);
    arena_destroy(arena);
    return 0;
}

#define assert_bytes(a, b) assert_true(bytes_equal((a), (b)))

static struct queue_envelope envelope(void)
{
    static struct queue_recipient recipients[] = {
        {.address = BYTES_INIT("one@A.example"), .attempts = 2, .code = 451,
         .text = BYTES_INIT("Greylisted, come again"), .host = BYTES_INIT("mx.a.example")},
        {.address = BYTES_INIT("two@b.example")}};
    return (struct queue_envelope){.id = BYTES("1m0v0zw7tr800"),
                                   .queued_at = 1000,
                                   .expires_at = 9000,
                                   .sender = BYTES("me@here.example"),
                                   .account = BYTES("me"),
                                   .size = 77,
                                   .recipients = recipients,
                                   .recipient_count = countof(recipients)};
}

static void no_part_of_a_command_is_a_command(void **state)
{
    (void)state;
    struct bytes ids[] = {BYTES("abc"), BYTES("def")};
    struct control_command command = {.verb = CONTROL_QUEUE_ACT, .action = CONTROL_DROP,
                                      .filter = {.ids = ids, .id_count = 2, .sender = BYTES("<>"),
                                                 .recipient = BYTES("b.example"), .older_than = 60,
                                                 .held_only = true, .limit = 7},
                                      .text = BYTES("why")}, read;
    control_command_write(&written, &command);
    assert_true(control_command_read(buf_bytes(&written), arena, &read));
    assert_int_equal(read.action, CONTROL_DROP);
    assert_int_equal(read.filter.id_count, 2);
    assert_bytes(read.filter.ids[1], ids[1]);
    assert_bytes(read.filter.recipient, command.filter.recipient);
    assert_int_equal(read.filter.older_than, 60);
    assert_true(read.filter.held_only && read.filter.limit == 7);
    for (size_t i = 0; i < written.len; i++)
        assert_false(control_command_read(bytes_first(buf_bytes(&written), i), arena, &read));
    buf_add_byte(&written, 0);
    assert_false(control_command_read(buf_bytes(&written), arena, &read));
}

static void a_command_that_makes_no_sense_is_refused(void **state)
{
    (void)state;
    struct bytes bad[] = {BYTES("../x")};
    const struct control_command commands[] = {
        {.verb = CONTROL_QUEUE_ACT},                                /* what? */
        {.verb = CONTROL_PING, .action = CONTROL_DROP},
        {.verb = CONTROL_ACCOUNT_RELEASE},                          /* whose? */
        {.verb = CONTROL_QUEUE_CONTENT},                            /* which? */
        {.verb = CONTROL_VERBS},
        {.verb = CONTROL_QUEUE_SELECT, .filter = {.ids = bad, .id_count = 1}},
        {.verb = CONTROL_QUEUE_SELECT, .filter = {.older_than = -1}}};
    struct control_command read;
    for (size_t i = 0; i < countof(commands); i++) {
        buf_clear(&written);
        control_command_write(&written, &commands[i]);
        assert_false(control_command_read(buf_bytes(&written), arena, &read));
    }
}

static void an_answer_comes_back_as_it_was(void **state)
{
    (void)state;
    struct control_entry entry = {.envelope = envelope(), .state = CONTROL_HELD, .next_try = 5};
    struct bytes names[] = {BYTES("alice")};
    struct control_destination destination = {.name = BYTES("a.example"), .messages = 3, .failures = 2};
    struct control_answer answer = {.result = TEMP, .text = BYTES("later"), .count = 9,
                                    .entries = &entry, .entry_count = 1, .names = names, .name_count = 1,
                                    .stats = {.messages = 4, .memory_octets = 8, .oldest = 6,
                                              .destinations = &destination, .listed = 1}}, read;
    control_answer_write(&written, &answer);
    assert_true(control_answer_read(buf_bytes(&written), arena, &read));
    assert_int_equal(read.result, TEMP);
    assert_bytes(read.text, answer.text);
    assert_int_equal(read.entries[0].state, CONTROL_HELD);
    assert_int_equal(read.entries[0].envelope.size, 77);
    assert_bytes(read.entries[0].envelope.recipients[0].text, entry.envelope.recipients[0].text);
    assert_bytes(read.names[0], names[0]);
    assert_int_equal(read.stats.memory_octets, 8);
    assert_int_equal(read.stats.destinations[0].failures, 2);
    for (size_t i = 0; i < written.len; i++)
        assert_false(control_answer_read(bytes_first(buf_bytes(&written), i), arena, &read));
}

static bool matches(struct control_filter filter)
{
    struct queue_envelope given = envelope();
    return control_filter_matches(&filter, &given, 1100);
}

static void all_of_a_filter_must_hold(void **state)
{
    (void)state;
    assert_true(matches((struct control_filter){0}));
    assert_true(matches((struct control_filter){.recipient = BYTES("a.EXAMPLE")}));
    assert_true(matches((struct control_filter){.recipient = BYTES("TWO@b.example")}));
    assert_false(matches((struct control_filter){.recipient = BYTES("example")}));
    assert_false(matches((struct control_filter){.sender = BYTES("<>")}));
    assert_true(matches((struct control_filter){.reason = BYTES("greylist"), .account = BYTES("me")}));
    assert_false(matches((struct control_filter){.reason = BYTES("greylist"), .account = BYTES("you")}));
    assert_true(matches((struct control_filter){.older_than = 100}));
    assert_false(matches((struct control_filter){.older_than = 101}));
    assert_true(matches((struct control_filter){.younger_than = 101}));
    assert_false(matches((struct control_filter){.younger_than = 100}));
    assert_false(matches((struct control_filter){.held_only = true}));
}

/* Calls */

static size_t contents_taken;
static struct fiber_group group;
static struct control_server server;

static void answer_test(void *context, struct control_call_state *call,
                        const struct control_command *command, struct control_answer *answer,
                        int *content_fd)
{
    (void)context;
    contents_taken += command->content.len > 0;
    if (command->verb == CONTROL_QUEUE_SELECT)
        for (size_t i = 0; i < MANY; i++) {
            struct control_entry entry = {.envelope = envelope(), .next_try = (int64_t)i};
            if (!control_emit(call, &entry))
                return;
            answer->count++;
        }
    if (command->verb == CONTROL_QUEUE_CONTENT) {
        struct control_entry *entry = arena_new(call->arena, struct control_entry);
        *entry = (struct control_entry){.envelope = envelope()};
        answer->entries = entry;
        answer->entry_count = 1;
        *content_fd = memfd_of(BYTES("Subject: x\r\n\r\n"));
    }
    if (command->verb == CONTROL_ACCOUNT_RELEASE) {
        answer->result = NONE;
        answer->text = BYTES("no such account");
    }
}

struct asking {
    struct control_command command;
    struct control_answer answer;
    struct error error;
    enum result result;
    size_t entries, pages;
    bool in_order;
};

static bool count_page(void *context, const struct control_answer *page)
{
    struct asking *asking = context;
    for (size_t i = 0; i < page->entry_count; i++)
        asking->in_order &= page->entries[i].next_try == (int64_t)asking->entries++;
    asking->pages++;
    return true;
}

static void ask(void *argument)
{
    struct asking *asking = argument;
    asking->in_order = true;
    asking->result = control_call(&config, arena, &asking->command, count_page, asking, &asking->answer,
                                  &asking->error);
}

/* On a worker, so that the server runs meanwhile. */
static struct asking asked(struct control_command command)
{
    struct asking asking = {.command = command};
    offload(ask, &asking);
    return asking;
}

static int raw_client(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    snprintf(address.sun_path, sizeof(address.sun_path), "%s/control", folder);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    return fd;
}

static void send_raw(int fd, struct bytes payload)
{
    uint8_t header[IPC_FRAME_HEADER];
    struct ipc_frame frame = {.type = CONTROL_COMMAND, .id = 1, .payload = payload};
    ipc_frame_header(&frame, header);
    assert_int_equal(ipc_packet_send(fd, header, payload, NULL, 0), 0);
}

static void answers_of_each_kind(void)
{
    struct bytes id = BYTES("1m0v0zw7tr800");
    struct asking asking = asked((struct control_command){.verb = CONTROL_PING});
    assert_int_equal(asking.result, OK);
    assert_int_equal(asking.answer.result, OK);
    asking = asked((struct control_command){.verb = CONTROL_QUEUE_SELECT});
    assert_int_equal(asking.result, OK);
    assert_int_equal(asking.entries, MANY);
    assert_int_equal(asking.answer.count, MANY);
    assert_true(asking.pages == 3 && asking.in_order);
    asking = asked((struct control_command){.verb = CONTROL_QUEUE_CONTENT,
                                            .filter = {.ids = &id, .id_count = 1}});
    assert_int_equal(asking.result, OK);
    assert_bytes(asking.answer.content, BYTES("Subject: x\r\n\r\n"));
    assert_bytes(asking.answer.entries[0].envelope.id, id);
    asking = asked((struct control_command){.verb = CONTROL_ACCOUNT_RELEASE, .account = BYTES("x")});
    assert_int_equal(asking.result, OK);
    assert_int_equal(asking.answer.result, NONE);
    assert_bytes(asking.answer.text, BYTES("no such account"));
}

/* One reads nothing of a long answer, one talks nonsense, and more come than there is room for. */
static void bad_clients_hold_up_nobody(void)
{
    int clients[CONTROL_CLIENTS_MAX + 4];
    control_command_write(&written, &(struct control_command){.verb = CONTROL_QUEUE_SELECT});
    int stalled = raw_client(), nonsense = raw_client();
    send_raw(stalled, buf_bytes(&written));
    send_raw(nonsense, BYTES("nonsense"));
    assert_int_equal(asked((struct control_command){.verb = CONTROL_PING}).result, OK);
    char octet;
    assert_int_equal(recv(nonsense, &octet, 1, 0), 0);
    for (size_t i = 0; i < countof(clients); i++) {
        clients[i] = raw_client();
        /* Each is let in before the next comes: connect() would wait for us. */
        assert_int_equal(asked((struct control_command){.verb = CONTROL_PING}).result, OK);
    }
    assert_true(server.client_count <= CONTROL_CLIENTS_MAX);
    for (size_t i = 0; i < countof(clients); i++)
        close(clients[i]);
    close(stalled);
    close(nonsense);
}

/* What its sender could still change, or what is no memory at all, is not read. */
static void only_sealed_content_is_read(void)
{
    uint8_t header[IPC_FRAME_HEADER];
    struct control_command command = {.verb = CONTROL_TRAIN, .text = BYTES("spam")};
    command.content = BYTES("Subject: x\r\n\r\n");
    assert_int_equal(asked(command).answer.result, OK);
    assert_int_equal(contents_taken, 1);
    buf_clear(&written);
    control_command_write(&written, &command);
    int bad[] = {memfd_of(command.content), open("/dev/zero", O_RDONLY | O_CLOEXEC)};
    for (size_t i = 0; i < countof(bad); i++) {
        int fd = raw_client();
        struct ipc_frame frame = {
            .type = CONTROL_COMMAND, .id = 1, .payload = buf_bytes(&written), .descriptors = 1};
        ipc_frame_header(&frame, header);
        assert_int_equal(ipc_packet_send(fd, header, frame.payload, &bad[i], 1), 0);
        assert_int_equal(asked((struct control_command){.verb = CONTROL_PING}).result, OK);
        assert_int_equal(contents_taken, 1);
        close(fd);
        close(bad[i]);
    }
    buf_clear(&written);
}

static void serve(void *argument)
{
    struct error error;
    struct stat status;
    (void)argument;
    assert_int_equal(asked((struct control_command){.verb = CONTROL_PING}).result, NONE);
    int fd = control_listen(&config, &error);
    assert_true(fd >= 0);
    char path[64];
    snprintf(path, sizeof(path), "%s/control", folder);
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
    fiber_group_open(&group);
    server = (struct control_server){.group = &group, .account = geteuid(), .answer = answer_test};
    assert_true(control_server_start(&server, fd));
    answers_of_each_kind();
    only_sealed_content_is_read();
    bad_clients_hold_up_nobody();
    fiber_group_close(&group);
    assert_int_equal(server.client_count, 0);
    /* A gateway that died leaves its socket behind; the next one takes its place. */
    assert_int_equal(asked((struct control_command){.verb = CONTROL_PING}).result, NONE);
    fd = control_listen(&config, &error);
    assert_true(fd >= 0);
    close(fd);
    control_unlink(&config);
    assert_int_not_equal(stat(path, &status), 0);
}

static void a_call_gets_its_answer_whatever_other_clients_do(void **state)
{
    (void)state;
    assert_non_null(mkdtemp(folder));
    struct loop *loop = loop_create(&(struct loop_options){.workers = 1});
    loop_run(loop, serve, NULL);
    loop_destroy(loop);
    rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(no_part_of_a_command_is_a_command, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_command_that_makes_no_sense_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_answer_comes_back_as_it_was, set_up, tear_down),
        cmocka_unit_test_setup_teardown(all_of_a_filter_must_hold, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_call_gets_its_answer_whatever_other_clients_do, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
