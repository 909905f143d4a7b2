/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A message that is submitted: what is let through has one author field, Date, Message-ID and no
 * Bcc, and needs nothing when it is submitted again; its body is the one that came.
 */
#include "message/submission.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct submission_options options = {
    .id = BYTES_INIT("1.abc"),
    .host = BYTES_INIT("mail.example.org"),
    .date = 880127706,
    .sender = BYTES_INIT("alice@example.org"),
    .look_alikes = {.authserv_id = BYTES_INIT("mx.example.org")}};

static void check_lines(struct bytes header)
{
    struct bytes line;
    if (!header.len)
        return;
    while (bytes_split(&header, '\n', &line))
        require(line.len <= 999);
}

static void check_written(struct arena *arena, const struct message *before, struct bytes text)
{
    struct message message;
    struct submission submission;
    enum result result = message_parse(arena, text, &message, NULL);
    require(result != OK || !message.malformed);
    if (result != OK)
        return; /* grown beyond a limit */
    require(bytes_equal(message.body, before->body));
    require(message_field_count(&message, "From") == 1);
    require(message_field(&message, "Date", 0) && message_field(&message, "Message-ID", 0));
    require(!message_field(&message, "Bcc", 0) && !message_field(&message, "Resent-Bcc", 0));
    require(!message_field(&message, "Delivered-To", 0));
    require(!message_field(&message, "Return-Path", 0));
    check_lines(message.header);
    result = submission_check(arena, &message, &options, &submission, NULL);
    require((result == OK && submission.changes == 0) || result == TEMP);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_create(32 << 20);
    struct bytes text = bytes_from(size ? data : (const uint8_t *)"", size);
    struct message message;
    struct submission submission;
    struct buf out;
    if (message_parse(arena, text, &message, NULL) == OK) {
        enum result result = submission_check(arena, &message, &options, &submission, NULL);
        require(result != NONE && (result != PERM || bytes_of(submission.enhanced).len));
        if (result == OK) {
            buf_init(&out, 2 * size + 4096);
            submission_write(&out, &message, &options, &submission);
            require(!out.failed);
            check_written(arena, &message, buf_bytes(&out));
            buf_free(&out);
        }
    }
    arena_destroy(arena);
    return 0;
}
