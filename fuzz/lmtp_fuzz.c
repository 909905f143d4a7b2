/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The LMTP client against a server that sends the input, in fragments whose size is the first
 * octet, and takes what it gets. Every call must return in bounded time with a consistent result,
 * and what the client sends must be well-formed lines.
 */
#include "smtp/lmtp.h"

#include "fiber/group.h"
#include "fiber/pipe.h"

#include <stdlib.h>
#include <string.h>

static void check(bool condition)
{
    if (!condition)
        abort();
}

struct scene {
    struct bytes input;
    size_t fragment;
    struct transport *client, *server;
    struct buf sent; /* by the client */
};

static void send_input(void *argument)
{
    struct scene *scene = argument;
    struct bytes rest = scene->input;
    while (rest.len) {
        ssize_t count = scene->server->operations->write(scene->server, rest, loop_deadline(DAY));
        if (count <= 0)
            return;
        rest = bytes_skip(rest, (size_t)count);
    }
}

static void take_output(void *argument)
{
    struct scene *scene = argument;
    uint8_t octets[4096];
    ssize_t count;
    while ((count = scene->server->operations->read(scene->server, octets, sizeof(octets),
                                                    loop_deadline(DAY))) > 0)
        buf_add(&scene->sent, bytes_from(octets, (size_t)count));
}

static void check_reply(enum result result, const struct lmtp_reply *reply)
{
    check(result != NONE);
    if (result == OK)
        check(reply->code >= 200 && reply->code < 400);
    if (reply->code)
        check(reply->code >= 200 && reply->code <= 599);
    check(memchr(reply->enhanced, '\0', sizeof(reply->enhanced)) != NULL);
    check(reply->text.len <= 2048);
    for (size_t i = 0; i < reply->text.len; i++)
        check(reply->text.ptr[i] >= 0x20 && reply->text.ptr[i] < 0x7f);
}

static void one_message(struct lmtp *lmtp, struct arena *arena)
{
    struct lmtp_reply reply, replies[2];
    struct error error;
    struct lmtp_envelope envelope = {.sender = BYTES("a@b.example"), .size = 10, .eight_bit = true};
    enum result result = lmtp_mail(lmtp, &envelope, arena, &reply, &error);
    check_reply(result, &reply);
    for (int i = 0; i < 2 && result == OK; i++)
        check_reply(lmtp_recipient(lmtp, BYTES("c@d.example"), arena, &reply, &error), &reply);
    size_t count = lmtp_recipient_count(lmtp);
    check(count <= 2);
    struct bytes parts[] = {BYTES("A: b\r\n\r"), BYTES("\n.x\r\n."), BYTES("")};
    result = lmtp_send(lmtp, parts, countof(parts), arena, replies, &error);
    for (size_t i = 0; i < count; i++) {
        check(result != OK || replies[i].code);
        check(replies[i].code < 300 || replies[i].code >= 400);
        check_reply(replies[i].code >= 400 || !replies[i].code ? TEMP : OK, &replies[i]);
    }
}

static void talk(struct scene *scene)
{
    static const struct lmtp_timeouts timeouts = {MINUTE, MINUTE, MINUTE};
    struct arena *arena = arena_create(1 << 20);
    struct lmtp *lmtp;
    struct lmtp_reply reply;
    struct error error;
    enum result result =
        lmtp_open(scene->client, "mx.example", &timeouts, arena, &lmtp, &reply, &error);
    check_reply(result, &reply);
    for (int i = 0; result == OK && i < 2; i++)
        one_message(lmtp, arena);
    if (result == OK && lmtp_is_usable(lmtp))
        (void)!lmtp_reset(lmtp, arena, &error);
    if (result == OK)
        lmtp_close(lmtp);
    arena_destroy(arena);
}

static void run(void *argument)
{
    struct scene *scene = argument;
    struct pipe_options options = {.fragment = scene->fragment};
    check(pipe_create(&options, &scene->client, &scene->server));
    struct fiber_group group;
    fiber_group_open(&group);
    check(fiber_group_start(&group, "send", send_input, scene));
    check(fiber_group_start(&group, "take", take_output, scene));
    int64_t from = loop_now();
    talk(scene);
    check(loop_now() - from <= HOUR);
    check(fiber_group_wait(&group, loop_deadline(2 * DAY)) == 0);
    fiber_group_close(&group);
    scene->server->operations->close(scene->server);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1)
        return 0;
    struct scene scene = {.input = bytes_from(data + 1, size - 1), .fragment = data[0]};
    buf_init(&scene.sent, 1 << 20);
    struct loop_options options = {.fake_clock = true};
    struct loop *loop = loop_create(&options);
    loop_run(loop, run, &scene);
    loop_destroy(loop);
    struct bytes sent = buf_bytes(&scene.sent), line;
    check(!sent.len || bytes_ends_with(sent, BYTES("\r\n")));
    while (bytes_split(&sent, '\n', &line))
        check(!line.len ||
              (line.ptr[line.len - 1] == '\r' &&
               bytes_find_byte(bytes_first(line, line.len - 1), '\r') == BYTES_NOT_FOUND));
    buf_free(&scene.sent);
    return 0;
}
