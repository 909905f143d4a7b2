/* SPDX-License-Identifier: BSD-2-Clause */
#include "smtp/client_private.h"

#include "base/utf8.h"

#include <string.h>

/*
 * Octets of commands that may be on their way without their replies. A server that writes replies
 * does not read: what it has not read must fit between us, or both would wait for each other
 * (rfc2920:3.1).
 */
enum { WINDOW = 4096 };

/* RSET, MAIL, RCPT ... RCPT, DATA: commands and their replies, as many under way as may be. */
struct exchange {
    struct client *client;
    const struct client_envelope *envelope;
    const struct client_recipient *recipients;
    size_t recipient_count;
    struct arena *arena;
    struct client_reply *replies; /* of all recipients */
    struct error *error;
    size_t *asked; /* recipients that are asked, in turn; the others were refused here */
    size_t asked_count;
    bool reset, data;
    uint16_t *lengths; /* of each command */
    size_t command_count, written, answered;
    size_t under_way; /* octets */
    size_t accepted;
    struct client_reply mail, go_ahead; /* to MAIL and DATA */
};

enum command { RESET, MAIL, RECIPIENT, DATA };

static enum command command_at(const struct exchange *x, size_t index)
{
    if (x->reset && index == 0)
        return RESET;
    index -= x->reset;
    if (index == 0)
        return MAIL;
    return index <= x->asked_count ? RECIPIENT : DATA;
}

static enum client_stage stage_of(enum command command)
{
    static const enum client_stage stages[] = {[RESET] = CLIENT_STAGE_OTHER,
                                               [MAIL] = CLIENT_STAGE_MAIL,
                                               [RECIPIENT] = CLIENT_STAGE_RECIPIENT,
                                               [DATA] = CLIENT_STAGE_DATA};
    return stages[command];
}

/* Which recipient the command is about. */
static size_t recipient_at(const struct exchange *x, size_t index)
{
    return x->asked[index - x->reset - 1];
}

static int64_t timeout_of(const struct exchange *x, size_t index)
{
    const struct client_timeouts *timeouts = &x->client->timeouts;
    switch (command_at(x, index)) {
    case RESET:
        return timeouts->command;
    case MAIL:
        return timeouts->mail;
    case RECIPIENT:
        return timeouts->recipient;
    case DATA:
        return timeouts->data;
    }
    return 0;
}

/* ---- writing ---- */

static void build(const struct exchange *x, size_t index, struct buf *line)
{
    buf_clear(line);
    switch (command_at(x, index)) {
    case RESET:
        buf_add_string(line, "RSET\r\n");
        break;
    case MAIL:
        client_write_mail(line, x->client, x->envelope);
        break;
    case RECIPIENT:
        client_write_recipient(line, x->client, &x->recipients[recipient_at(x, index)],
                               x->client->utf8);
        break;
    case DATA:
        buf_add_string(line, "DATA\r\n");
        break;
    }
}

static bool is_refused(const struct client_reply *reply)
{
    return reply->code >= 300;
}

/* What is known already may make the next command needless. */
static bool is_needless(const struct exchange *x, size_t index)
{
    if (is_refused(&x->mail))
        return true;
    return command_at(x, index) == DATA && x->answered == index && !x->accepted;
}

static bool has_room(const struct exchange *x, size_t length)
{
    const struct client *client = x->client;
    if (x->written == x->answered)
        return true;
    return client->extensions.pipelining && !client->without_pipelining &&
           x->under_way + length <= WINDOW;
}

/* As many commands as may be under way. */
static enum result write_window(struct exchange *x, struct buf *line, int64_t deadline)
{
    while (x->written < x->command_count) {
        if (is_needless(x, x->written)) {
            x->command_count = x->written;
            break;
        }
        build(x, x->written, line);
        if (line->failed)
            return client_lose(x->client, x->error, "out of memory");
        if (!has_room(x, line->len))
            break;
        int failed = stream_write(x->client->stream, buf_bytes(line), deadline);
        if (failed)
            return client_lose_by(x->client, x->error, failed);
        x->lengths[x->written++] = (uint16_t)line->len;
        x->under_way += line->len;
    }
    int failed = stream_flush(x->client->stream, deadline);
    return failed ? client_lose_by(x->client, x->error, failed) : OK;
}

/* ---- reading ---- */

/* Another 552 says with its enhanced code what it means. */
void client_mend_recipient(struct client_reply *reply)
{
    bool too_many = !reply->enhanced[0] || !strcmp(reply->enhanced, "5.5.3");
    if (reply->code != 552 || !too_many)
        return;
    reply->code = 452;
    if (reply->enhanced[0])
        reply->enhanced[0] = '4';
}

static void take_recipient(struct exchange *x, size_t index, const struct client_reply *reply)
{
    struct client_reply *to = &x->replies[recipient_at(x, index)];
    *to = *reply;
    client_mend_recipient(to);
    if (!is_refused(to))
        x->accepted++;
}

static enum result read_answer(struct exchange *x, int64_t deadline)
{
    struct client_reply reply;
    struct client_reading reading = {.arena = x->arena, .reply = &reply};
    size_t index = x->answered;
    enum command command = command_at(x, index);
    enum result result = client_read_reply(x->client, &reading, deadline, x->error);
    if (result != OK)
        return result;
    result = client_judge(x->client, &reply, command == DATA, x->error);
    if (!reply.code)
        return result;
    reply.stage = stage_of(command);
    x->under_way -= x->lengths[index];
    x->answered++;
    if (command == MAIL || reply.code == 421)
        x->mail = reply;
    if (command == RECIPIENT && reply.code != 421)
        take_recipient(x, index, &reply);
    if (command == DATA)
        x->go_ahead = reply;
    if (command == RESET && reply.code >= 300 && !x->client->broken)
        return client_lose(x->client, x->error, "RSET was refused");
    return x->client->broken ? TEMP : OK;
}

/* ---- the whole ---- */

/* Whoever had no last word has none; or the refusal of MAIL, or the 421 that came instead. */
static enum result end_broken(struct exchange *x, enum result result)
{
    bool refused = is_refused(&x->mail), all = refused && x->mail.code != 421;
    size_t missing = 0;
    for (size_t i = 0; i < x->asked_count; i++) {
        struct client_reply *reply = &x->replies[x->asked[i]];
        if (all || !is_refused(reply))
            *reply = refused ? x->mail : (struct client_reply){0};
        missing += !reply->code;
    }
    x->accepted = 0;
    return missing ? result : OK;
}

static enum result run_commands(struct exchange *x, struct buf *line)
{
    while (x->answered < x->command_count) {
        int64_t deadline = client_deadline(x->client, timeout_of(x, x->answered));
        enum result result = OK;
        if (x->written == x->answered) {
            struct client_reading reading = {.arena = x->arena, .reply = &x->go_ahead};
            result = client_check_silence(x->client, &reading, deadline, x->error);
            if (result != OK && x->go_ahead.code)
                x->mail = x->go_ahead;
        }
        if (result == OK)
            result = write_window(x, line, deadline);
        if (result == OK && x->answered < x->command_count)
            result = read_answer(x, deadline);
        if (result != OK)
            return result;
    }
    return OK;
}

/* MAIL was refused: that is the last word to all that were asked. */
static enum result end_refused(struct exchange *x)
{
    for (size_t i = 0; i < x->asked_count; i++)
        x->replies[x->asked[i]] = x->mail;
    /* A server that takes recipients all the same is none to go on with. */
    if (x->accepted && x->go_ahead.code < 400)
        x->client->broken = true;
    x->accepted = 0;
    return OK;
}

/* Local refusals of single recipients; the rest is `asked`. */
static bool choose_asked(struct exchange *x)
{
    x->asked = arena_alloc_array(x->arena, x->recipient_count, sizeof(*x->asked));
    x->lengths = arena_alloc_array(x->arena, x->recipient_count + 3, sizeof(*x->lengths));
    if (!x->asked || !x->lengths)
        return false;
    for (size_t i = 0; i < x->recipient_count; i++)
        if (client_check_recipient(x->client, &x->recipients[i], x->client->utf8, &x->replies[i],
                                   x->error) == OK)
            x->asked[x->asked_count++] = i;
    return true;
}

static bool needs_smtputf8(const struct client *client, const struct client_envelope *envelope,
                           const struct client_recipient *recipients, size_t count)
{
    if (!client->extensions.smtputf8)
        return false;
    bool needed = envelope->smtputf8 || !utf8_is_ascii(envelope->sender);
    for (size_t i = 0; i < count && !needed; i++)
        needed = !utf8_is_ascii(recipients[i].mailbox);
    return needed;
}

void client_begin(struct client *client, bool utf8)
{
    client->recipients = 0;
    client->in_doubt = false;
    client->utf8 = utf8;
}

/* A DATA that was taken although no recipient was (rfc2920:3.1). */
static enum result end_empty_data(struct exchange *x)
{
    struct client *client = x->client;
    struct client_reply reply;
    struct client_reading reading = {.arena = x->arena, .reply = &reply};
    if (x->go_ahead.code != 0 && x->go_ahead.code < 400 && !client->broken) {
        if (client->lmtp) /* must not come (rfc2033:4.2): how many replies would follow? */
            return client_lose(client, x->error, "the server takes content for nobody");
        client->in_transaction = false;
        if (client_command(client, BYTES(".\r\n"), false, client->timeouts.finish, &reading,
                           NULL) == OK)
            return OK; /* it took an empty message, for nobody */
    }
    return OK;
}

/* Through MAIL, RCPT and perhaps DATA. OK: all recipients have a reply, of RCPT where nothing came
 * before it, and x->accepted of them may be sent the content. */
static enum result exchange_run(struct exchange *x)
{
    struct client *client = x->client;
    struct buf line;
    client_begin(client, needs_smtputf8(client, x->envelope, x->recipients, x->recipient_count));
    if (!choose_asked(x))
        return error_set(x->error, TEMP, "SMTP: out of memory");
    if (!x->asked_count)
        return OK;
    x->reset = client->in_transaction;
    x->command_count = (size_t)x->reset + 1 + x->asked_count + x->data;
    client->in_transaction = true;
    client->mails++;
    buf_init(&line, CLIENT_COMMAND_MAX);
    enum result result = run_commands(x, &line);
    buf_free(&line);
    if (result != OK)
        return end_broken(x, result);
    result = is_refused(&x->mail) ? end_refused(x) : OK;
    if (result == OK && !x->accepted)
        (void)end_empty_data(x);
    client->recipients = x->accepted;
    return result;
}

static void refuse_all(struct client_reply *replies, size_t count, const struct client_reply *reply)
{
    for (size_t i = 0; i < count; i++)
        replies[i] = *reply;
}

/* The replies to those who were accepted get their places. */
static void place(struct exchange *x, const struct client_reply *finals, bool for_each)
{
    size_t place = 0;
    for (size_t i = 0; i < x->asked_count; i++) {
        struct client_reply *reply = &x->replies[x->asked[i]];
        if (!is_refused(reply))
            *reply = finals[for_each ? place++ : 0];
    }
}

static enum result send_content(struct exchange *x, const struct client_content *content)
{
    struct client *client = x->client;
    struct client_reply none = {0};
    client->recipients = 0;
    if (x->data && is_refused(&x->go_ahead) && x->go_ahead.code >= 400) {
        place(x, &x->go_ahead, false);
        return OK;
    }
    struct client_reply *finals = arena_alloc_array(x->arena, x->accepted, sizeof(*finals));
    if (!finals) {
        place(x, &none, false);
        return client_lose(client, x->error, "out of memory");
    }
    enum result result =
        client_content_send(client, content, x->accepted, x->arena, finals, x->error);
    place(x, finals, true);
    return result;
}

enum result client_ask(struct client *client, const struct client_envelope *envelope,
                       const struct client_recipient *recipients, size_t recipient_count,
                       struct arena *arena, struct client_reply *replies, struct error *error)
{
    struct client_reply refusal = {0};
    struct exchange x = {.client = client,
                         .envelope = envelope,
                         .recipients = recipients,
                         .recipient_count = recipient_count,
                         .arena = arena,
                         .replies = replies,
                         .error = error};
    refuse_all(replies, recipient_count, &refusal);
    if (client->broken)
        return client_refuse_use(client, error);
    if (client_check_envelope(client, envelope, &refusal, error) != OK) {
        refuse_all(replies, recipient_count, &refusal);
        return OK;
    }
    return exchange_run(&x);
}

enum result client_send(struct client *client, const struct client_envelope *envelope,
                        const struct client_recipient *recipients, size_t recipient_count,
                        const struct bytes *parts, size_t part_count, struct arena *arena,
                        struct client_reply *replies, struct error *error)
{
    struct client_reply refusal = {0};
    struct client_content content;
    struct client_envelope whole = *envelope;
    struct exchange x = {.client = client,
                         .envelope = &whole,
                         .recipients = recipients,
                         .recipient_count = recipient_count,
                         .arena = arena,
                         .replies = replies,
                         .error = error,
                         .data = !client_uses_chunking(client)};
    refuse_all(replies, recipient_count, &refusal);
    if (client->broken)
        return client_refuse_use(client, error);
    client_content_look(&content, parts, part_count);
    whole.size = content.size;
    whole.eight_bit |= content.eight_bit;
    enum result result = client_check_envelope(client, &whole, &refusal, error);
    if (content.bare_line_end)
        result = client_refuse_bare(client, &refusal, error);
    if (result != OK) {
        refuse_all(replies, recipient_count, &refusal);
        return OK;
    }
    result = exchange_run(&x);
    return result == OK && x.accepted ? send_content(&x, &content) : result;
}
