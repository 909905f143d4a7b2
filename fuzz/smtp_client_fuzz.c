/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The SMTP and LMTP client against a server that says the input. The first two octets choose fragments
 * and what the client does; 0xff ends what the server says at once, the next part comes when the client
 * waits. Every call must return in bounded time with a consistent result, nothing may be sent after a
 * 421, and what is sent must be well-formed lines.
 */
#include "smtp/client.h"

#include "base/utf8.h"
#include "fiber/group.h"
#include "fiber/pipe.h"

#include <stdlib.h>
#include <string.h>

enum {
    LMTP = 1,
    HOLD_OPEN = 2,
    STEPS = 4,
    ASK = 8,
    STARTTLS = 16,
    AUTHENTICATE = 32,
    UTF8 = 64,
    WITHOUT_CHUNKING = 128
};

static void check(bool condition)
{
    if (!condition)
        abort();
}

struct scene {
    struct bytes input;
    uint8_t flags;
    struct transport *client_end, *server;
    struct client *client;
    struct arena *arena;
    struct buf sent; /* by the client */
    bool closing;    /* a 421 was seen */
    size_t sent_before_closing;
};

static bool take_some(struct scene *scene, int64_t deadline)
{
    uint8_t octets[4096];
    ssize_t count =
        scene->server->operations->read(scene->server, octets, sizeof(octets), deadline);
    if (count > 0)
        buf_add(&scene->sent, bytes_from(octets, (size_t)count));
    return count > 0;
}

static bool say(struct scene *scene, struct bytes text)
{
    while (text.len) {
        ssize_t count = scene->server->operations->write(scene->server, text, loop_deadline(DAY));
        if (count <= 0)
            return false;
        text = bytes_skip(text, (size_t)count);
    }
    return true;
}

static void serve(void *argument)
{
    struct scene *scene = argument;
    struct bytes rest = scene->input, part;
    bool more = true;
    while (more && bytes_split(&rest, 0xff, &part)) {
        more = say(scene, part) && take_some(scene, loop_deadline(2 * DAY));
        /* Until the client waits for us. */
        while (more && take_some(scene, loop_deadline(MILLISECOND)))
            ;
    }
    while (more && (scene->flags & HOLD_OPEN) && take_some(scene, loop_deadline(DAY)))
        ;
    scene->server->operations->close(scene->server);
}

static void check_reply(struct scene *scene, const struct client_reply *reply)
{
    check(!reply->code || (reply->code >= 200 && reply->code <= 599));
    check(memchr(reply->enhanced, '\0', sizeof(reply->enhanced)) != NULL);
    check(!reply->enhanced[0] || (unsigned)(reply->enhanced[0] - '0') == reply->code / 100);
    check(reply->text.len <= 1024);
    check((scene->flags & UTF8) || utf8_is_ascii(reply->text));
    for (struct bytes text = reply->text; text.len;) {
        size_t length = utf8_printable(text);
        check(length > 0);
        text = bytes_skip(text, length);
    }
    if (reply->code == 421 && !reply->local) {
        scene->closing = true;
        check(!scene->client || !client_is_usable(scene->client));
    }
}

static void check_result(struct scene *scene, enum result result, const struct client_reply *reply)
{
    check_reply(scene, reply);
    check(result != NONE);
    if (result == OK)
        check(reply->code >= 200 && reply->code < 400);
    if (result == PERM)
        check(reply->code >= 500);
    if (result == TEMP)
        check(reply->code == 0 || reply->code / 100 == 4);
}

/* OK: each has a reply. The array is as long as it must be, so that no more can be written. */
static void check_replies(struct scene *scene, enum result result,
                          const struct client_reply *replies, size_t count)
{
    size_t missing = 0;
    check(result == OK || result == TEMP);
    for (size_t i = 0; i < count; i++) {
        check_reply(scene, &replies[i]);
        check(replies[i].code < 300 || replies[i].code >= 400);
        missing += replies[i].code == 0;
    }
    check((result == OK) == (missing == 0));
    check(!missing || !client_is_usable(scene->client));
    if (client_is_in_doubt(scene->client))
        check(missing > 0 && !client_is_usable(scene->client));
}

static const struct client_recipient recipients[] = {
    {.mailbox = BYTES_INIT("c@d.example"), .original = BYTES_INIT("rfc822;c@e.example")},
    {.mailbox = BYTES_INIT("j\xc3\xb6@d.example"), .notify = 3},
    {.mailbox = BYTES_INIT("e@d.example")},
};

static const struct bytes parts[] = {BYTES_INIT("A: b\r\n\r"), BYTES_INIT("\n.x\r\n."),
                                     BYTES_INIT("")};

static void send_steps(struct scene *scene, const struct client_envelope *envelope)
{
    struct client_reply reply;
    struct error error;
    enum result result = client_mail(scene->client, envelope, scene->arena, &reply, &error);
    check_result(scene, result, &reply);
    for (size_t i = 0; i < countof(recipients) && result == OK; i++)
        check_result(scene,
                     client_recipient(scene->client, &recipients[i], scene->arena, &reply, &error),
                     &reply);
}

static void send_data(struct scene *scene)
{
    struct error error;
    size_t count = client_recipient_count(scene->client);
    check(count <= countof(recipients));
    struct client_reply *replies = calloc(count ? count : 1, sizeof(*replies));
    enum result result =
        client_data(scene->client, parts, countof(parts), scene->arena, replies, &error);
    check((result == PERM) == (count == 0));
    if (count)
        check_replies(scene, result, replies, count);
    check(client_recipient_count(scene->client) == 0);
    free(replies);
}

static void one_message(struct scene *scene)
{
    struct client_envelope envelope = {.sender = BYTES("a@b.example"),
                                       .size = 10,
                                       .smtputf8 = scene->flags & UTF8,
                                       .envelope_id = BYTES("x=y"),
                                       .submitter = BYTES("s@b.example")};
    struct client_reply *replies = calloc(countof(recipients), sizeof(*replies));
    struct error error;
    size_t count = scene->flags & UTF8 ? countof(recipients) : 1;
    if (scene->flags & STEPS) {
        send_steps(scene, &envelope);
        send_data(scene);
    } else if (scene->flags & ASK) {
        check_replies(scene,
                      client_ask(scene->client, &envelope, recipients, count, scene->arena,
                                 replies, &error),
                      replies, count);
        send_data(scene);
    } else {
        check_replies(scene,
                      client_send(scene->client, &envelope, recipients, count, parts,
                                  countof(parts), scene->arena, replies, &error),
                      replies, count);
    }
    free(replies);
}

static enum result upgrade(void *context, struct transport *plain, int64_t deadline,
                           struct transport **out, struct error *error)
{
    *out = plain;
    return OK;
}

static void note_closing(struct scene *scene)
{
    if (!scene->closing)
        return;
    /* What was said before the 421 arrives now. */
    fiber_sleep(SECOND);
    if (!scene->sent_before_closing)
        scene->sent_before_closing = scene->sent.len;
}

static void talk(struct scene *scene)
{
    static const struct client_timeouts timeouts = {MINUTE, MINUTE, MINUTE, MINUTE,
                                                    MINUTE, MINUTE, MINUTE, MINUTE};
    struct client_options options = {.hostname = "mx.example",
                                     .lmtp = scene->flags & LMTP,
                                     .without_chunking = scene->flags & WITHOUT_CHUNKING,
                                     .timeouts = timeouts};
    struct client_credentials credentials = {.user = BYTES("u"), .password = BYTES("p")};
    struct client_reply reply;
    struct error error;
    enum result result = client_open(scene->client_end, &options, scene->arena, &scene->client,
                                     &reply, &error);
    check_result(scene, result, &reply);
    check((result == OK) == (scene->client != NULL));
    if (!scene->client)
        return;
    if (scene->flags & STARTTLS)
        check_result(scene,
                     client_start_tls(scene->client, upgrade, NULL, scene->arena, &reply, &error),
                     &reply);
    note_closing(scene);
    if (scene->flags & AUTHENTICATE)
        check_result(scene,
                     client_authenticate(scene->client, &credentials, scene->arena, &reply, &error),
                     &reply);
    note_closing(scene);
    for (int i = 0; i < 3; i++) {
        one_message(scene);
        note_closing(scene);
    }
    if (client_is_usable(scene->client))
        (void)!client_reset(scene->client, scene->arena, &error);
    client_close(scene->client);
}

static void run(void *argument)
{
    struct scene *scene = argument;
    struct pipe_options options = {.fragment = scene->input.ptr[0]};
    scene->input = bytes_skip(scene->input, 2);
    scene->arena = arena_create(4 << 20);
    check(pipe_create(&options, &scene->client_end, &scene->server));
    struct fiber_group group;
    fiber_group_open(&group);
    check(fiber_group_start(&group, "server", serve, scene));
    int64_t from = loop_now();
    talk(scene);
    check(loop_now() - from <= HOUR);
    check(fiber_group_wait(&group, loop_deadline(5 * DAY)) == 0);
    fiber_group_close(&group);
    arena_destroy(scene->arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    struct scene scene = {.input = bytes_from(data, size), .flags = data[1]};
    buf_init(&scene.sent, 1 << 20);
    struct loop_options options = {.fake_clock = true};
    struct loop *loop = loop_create(&options);
    loop_run(loop, run, &scene);
    loop_destroy(loop);
    struct bytes sent = buf_bytes(&scene.sent), line;
    if (scene.sent_before_closing)
        check(sent.len == scene.sent_before_closing);
    check(!sent.len || bytes_ends_with(sent, BYTES("\r\n")));
    while (bytes_split(&sent, '\n', &line))
        check(!line.len ||
              (line.ptr[line.len - 1] == '\r' &&
               bytes_find_byte(bytes_first(line, line.len - 1), '\r') == BYTES_NOT_FOUND));
    buf_free(&scene.sent);
    return 0;
}
