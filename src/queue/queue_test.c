/* SPDX-License-Identifier: BSD-2-Clause */
/* The queue without crashes: ids, holds, notes, large messages, locks, damage, memory. */
#include "base/log.h"
#include "os/durable_fake.h"
#include "queue/queue.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { SEGMENT = 8192, MANY = 200000, OCTETS_A_MESSAGE = 90 };

static struct durable_fake *fake;
static struct arena *arena;
static struct queue *queue;
static unsigned errors_logged;

static void count_errors(void *context, enum log_level level, struct bytes line)
{
    (void)context, (void)line;
    errors_logged += level == LOG_LEVEL_ERROR;
}

static enum result open_with(bool read_only, const struct queue_visitor *visitor,
                             struct queue **out)
{
    struct queue_options options = {
        .read_only = read_only, .segment_octets = SEGMENT, .compact_octets = 4096};
    return queue_open(durable_fake_table(fake), "/data", &options, visitor, out, NULL);
}

static int set_up(void **state)
{
    (void)state;
    fake = durable_fake_create();
    arena = arena_create(64 << 20);
    durable_fake_add_directory(fake, "/data");
    errors_logged = 0;
    log_set_sink(count_errors, NULL, LOG_FORMAT_PLAIN, LOG_LEVEL_INFO);
    assert_int_equal(open_with(false, NULL, &queue), OK);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    queue_close(queue);
    assert_int_equal(durable_fake_count(fake).open, 0);
    durable_fake_destroy(fake);
    arena_destroy(arena);
    return 0;
}

static void reopen(const struct queue_visitor *visitor)
{
    queue_close(queue);
    assert_int_equal(open_with(false, visitor, &queue), OK);
}

static struct queue_recipient someone = {.address = BYTES_INIT("a@example.org")};
static struct queue_envelope envelope;

static struct queue_change addition(const char *id, struct bytes content)
{
    envelope = (struct queue_envelope){.id = bytes_of(id),
                                       .queued_at = 5,
                                       .expires_at = 6,
                                       .recipients = &someone,
                                       .recipient_count = 1};
    return (struct queue_change){.kind = QUEUE_ADD,
                                 .envelope = &envelope,
                                 .content = {content},
                                 .content_fd = -1};
}

static uint32_t add(const char *id, struct bytes content)
{
    struct queue_change change = addition(id, content);
    queue_commit(queue, &change, 1);
    assert_int_equal(change.result, OK);
    return change.number;
}

static void remove_message(uint32_t number)
{
    struct queue_change change = {.kind = QUEUE_REMOVE, .number = number};
    queue_commit(queue, &change, 1);
    assert_int_equal(change.result, OK);
}

static struct bytes content_of(uint32_t number)
{
    struct queue_hold hold;
    struct bytes content;
    assert_int_equal(queue_hold(queue, number, &hold, NULL), OK);
    assert_int_equal(queue_read_content(queue, &hold, arena, &content, NULL), OK);
    queue_release(queue, &hold);
    return content;
}

static struct bytes pattern(size_t length)
{
    uint8_t *octets = arena_alloc(arena, length);
    assert_non_null(octets);
    for (size_t i = 0; i < length; i++)
        octets[i] = (uint8_t)(i * 7 + i / 256);
    return bytes_from(octets, length);
}

static void ids_of_any_form_are_found_and_ours_are_kept_whole(void **state)
{
    (void)state;
    char id[14];
    uint32_t ours = add("g0zyxwvtsrqpn", BYTES("1")), other = add("Other1", BYTES("2"));
    uint32_t like = add("zzzzzzzzzzzzz", BYTES("3")); /* more than 64 bits */
    assert_int_equal(queue_find(queue, BYTES("Other1")), other);
    assert_int_equal(queue_find(queue, BYTES("zzzzzzzzzzzzz")), like);
    assert_int_equal(queue_find(queue, BYTES("Other2")), QUEUE_NO_ITEM);
    assert_int_equal(queue_find(queue, BYTES("g0zyxwvtsrqpm")), QUEUE_NO_ITEM);
    reopen(NULL);
    ours = queue_find(queue, BYTES("g0zyxwvtsrqpn"));
    assert_true(bytes_is(content_of(ours), "1"));
    assert_false(queue_item_id(queue_item(queue, queue_find(queue, BYTES("zzzzzzzzzzzzz"))), id));
    assert_int_equal(queue_count(queue), 3);
}

static void our_own_id_comes_back_as_text(void **state)
{
    (void)state;
    char id[14];
    uint32_t number = add("01zyxwvtsrqpn", BYTES("x"));
    assert_true(queue_item_id(queue_item(queue, number), id));
    assert_string_equal(id, "01zyxwvtsrqpn");
}

static void an_id_that_is_there_already_is_refused_and_a_bad_one_too(void **state)
{
    (void)state;
    uint32_t number = add("Id1", BYTES("one"));
    struct queue_change changes[2] = {addition("Id1", BYTES("two")), {.kind = QUEUE_REMOVE, .number = 99}};
    queue_commit(queue, changes, 2);
    assert_int_equal(changes[0].result, NONE);
    assert_int_equal(changes[0].number, QUEUE_NO_ITEM);
    assert_int_equal(changes[1].result, TEMP);
    assert_true(bytes_is(content_of(number), "one"));
    changes[0] = addition("../x", BYTES("two"));
    queue_commit(queue, changes, 1);
    assert_int_equal(changes[0].result, PERM);
    assert_int_equal(queue_count(queue), 1);
}

static void nothing_is_changed_after_its_removal_in_one_batch(void **state)
{
    (void)state;
    uint32_t number = add("Id1", BYTES("one"));
    struct queue_envelope same = envelope;
    struct queue_change changes[2] = {
        {.kind = QUEUE_REMOVE, .number = number},
        {.kind = QUEUE_UPDATE, .number = number, .envelope = &same}};
    queue_commit(queue, changes, 2);
    assert_int_equal(changes[0].result, OK);
    assert_int_equal(changes[1].result, TEMP);
    reopen(NULL);
    assert_int_equal(queue_count(queue), 0);
}

static void a_message_larger_than_a_segment_and_one_from_a_descriptor_are_kept(void **state)
{
    (void)state;
    struct bytes large = pattern(5 * SEGMENT), huge = pattern(700000);
    durable_fake_add_file(fake, "/memfd", huge);
    struct queue_change changes[3] = {addition("Large1", large)};
    struct queue_envelope second = envelope, third = envelope, first = envelope;
    second.id = BYTES("Fd1");
    third.id = BYTES("Fd2");
    changes[0].envelope = &first;
    int fd = durable_fake_table(fake)->open(durable_fake_table(fake), "/memfd", false);
    changes[1] = (struct queue_change){.kind = QUEUE_ADD, .envelope = &second,
                                       .content = {BYTES("Head: x\r\n")}, .content_fd = fd,
                                       .content_octets = huge.len};
    changes[2] = changes[1];
    changes[2].envelope = &third;
    changes[2].content_octets = 1000;
    queue_commit(queue, changes, 3);
    durable_fake_table(fake)->close(durable_fake_table(fake), fd);
    for (int i = 0; i < 3; i++)
        assert_int_equal(changes[i].result, OK);
    reopen(NULL);
    assert_true(bytes_equal(content_of(queue_find(queue, BYTES("Large1"))), large));
    struct bytes read = content_of(queue_find(queue, BYTES("Fd1")));
    assert_true(bytes_starts_with(read, BYTES("Head: x\r\n")));
    assert_true(bytes_equal(bytes_skip(read, 9), huge));
    read = content_of(queue_find(queue, BYTES("Fd2")));
    assert_true(bytes_equal(bytes_skip(read, 9), bytes_first(huge, 1000)));
}

static bool gather(void *context, struct bytes piece)
{
    buf_add(context, piece);
    return true;
}

static bool stop(void *context, struct bytes piece)
{
    (void)context, (void)piece;
    return false;
}

static void a_message_is_streamed_whole_or_the_reader_is_told(void **state)
{
    (void)state;
    struct bytes content = pattern(600000);
    uint32_t number = add("Big1", content);
    struct queue_hold hold;
    struct buf read;
    buf_init(&read, 1 << 20);
    assert_int_equal(queue_hold(queue, number, &hold, NULL), OK);
    assert_int_equal(queue_stream_content(queue, &hold, gather, &read, NULL), OK);
    assert_true(bytes_equal(buf_bytes(&read), content));
    assert_int_equal(queue_stream_content(queue, &hold, stop, NULL, NULL), TEMP);
    hold.sum ^= 1;
    buf_clear(&read);
    assert_int_equal(queue_stream_content(queue, &hold, gather, &read, NULL), PERM);
    queue_release(queue, &hold);
    buf_free(&read);
}

static void what_is_held_is_not_written_over(void **state)
{
    (void)state;
    struct bytes content = pattern(3000);
    uint32_t number = add("Held1", content);
    struct queue_hold hold;
    assert_int_equal(queue_hold(queue, number, &hold, NULL), OK);
    remove_message(number);
    char id[16];
    for (int i = 0; i < 200; i++) {
        snprintf(id, sizeof(id), "Fill%d", i);
        remove_message(add(id, bytes_first(pattern(2900), 2900)));
        while (queue_wants_upkeep(queue))
            queue_commit(queue, NULL, 0);
    }
    struct bytes read;
    struct queue_envelope old;
    assert_int_equal(queue_read_content(queue, &hold, arena, &read, NULL), OK);
    assert_true(bytes_equal(read, content));
    assert_int_equal(queue_read_envelope(queue, &hold, arena, &old, NULL), OK);
    assert_true(bytes_is(old.id, "Held1"));
    queue_release(queue, &hold);
    while (queue_wants_upkeep(queue))
        queue_commit(queue, NULL, 0);
    assert_true(queue_figures(queue).journal_segments <= 1 + 1);
}

static void an_empty_queue_does_not_grow_on_the_disk(void **state)
{
    (void)state;
    char id[16];
    for (int i = 0; i < 2000; i++) {
        snprintf(id, sizeof(id), "M%d", i);
        remove_message(add(id, bytes_first(pattern(1500), 1500)));
    }
    struct queue_figures figures = queue_figures(queue);
    assert_true(figures.body_octets <= 2 * SEGMENT);
    assert_true(figures.journal_segments <= 6);
}

static void a_body_whose_sync_failed_is_not_written_again(void **state)
{
    (void)state;
    (void)add("Before", BYTES("before"));
    uint32_t before = queue_item(queue, queue_find(queue, BYTES("Before")))->body.segment;
    /* The next batch: write of the body, its sync. */
    durable_fake_fail(fake, 1, EIO);
    struct queue_change change = addition("Failed", BYTES("failed"));
    queue_commit(queue, &change, 1);
    assert_int_equal(change.result, TEMP);
    uint32_t after = queue_item(queue, add("After", BYTES("after")))->body.segment;
    assert_int_not_equal(after, before);
}

/* The records of a batch that failed may be on the disk; no body is put where they point to. */
static void after_a_failed_batch_nothing_is_written_over_until_it_is_annulled(void **state)
{
    (void)state;
    remove_message(add("Gone", pattern(4000)));
    struct queue_change change = addition("Failed", pattern(3000));
    durable_fake_fail(fake, 3, EIO); /* body: write, sync; journal: write, sync */
    queue_commit(queue, &change, 1);
    assert_int_equal(change.result, TEMP);
    durable_fake_crash_after(fake, 2); /* the next batch comes as far as its body */
    change = addition("Next", bytes_skip(pattern(3600), 100));
    queue_commit(queue, &change, 1);
    assert_int_equal(change.result, TEMP);
    durable_fake_kill(fake);
    reopen(NULL);
    uint32_t failed = queue_find(queue, BYTES("Failed"));
    assert_int_not_equal(failed, QUEUE_NO_ITEM);
    assert_true(bytes_equal(content_of(failed), pattern(3000)));
}

static void only_one_server_opens_it_and_others_may_look(void **state)
{
    (void)state;
    struct queue *other;
    (void)add("Id1", BYTES("one"));
    assert_int_equal(open_with(false, NULL, &other), TEMP);
    assert_null(other);
    assert_int_equal(open_with(true, NULL, &other), OK);
    assert_int_equal(queue_count(other), 1);
    queue_close(other);
}

static unsigned notes_seen;

static void see_note(void *context, struct bytes key, struct bytes value)
{
    (void)context;
    assert_true(bytes_is(key, "example.org"));
    assert_true(bytes_is(value, "dead"));
    notes_seen++;
}

static void the_newest_note_counts_and_an_empty_one_forgets(void **state)
{
    (void)state;
    struct queue_visitor visitor = {.note = see_note};
    struct queue_change changes[4] = {
        {.kind = QUEUE_NOTE, .key = BYTES("example.org"), .value = BYTES("slow")},
        {.kind = QUEUE_NOTE, .key = BYTES("example.org"), .value = BYTES("dead")},
        {.kind = QUEUE_NOTE, .key = BYTES("example.net"), .value = BYTES("slow")},
        {.kind = QUEUE_NOTE, .key = BYTES("example.net"), .value = BYTES("")}};
    queue_commit(queue, changes, 4);
    assert_int_equal(queue_figures(queue).notes, 1);
    notes_seen = 0;
    reopen(&visitor);
    assert_int_equal(notes_seen, 1);
    changes[0].value = pattern(70000);
    queue_commit(queue, changes, 1);
    assert_int_equal(changes[0].result, PERM);
}

static void spoil(const char *path, size_t offset)
{
    struct durable *durable = durable_fake_table(fake);
    int fd = durable->open(durable, path, true);
    assert_true(fd >= 0);
    assert_int_equal(durable->write_at(durable, fd, BYTES("\x55\xaa\x55"), offset), 0);
    assert_int_equal(durable->close(durable, fd), 0);
}

static void damage_is_told_loudly_and_costs_only_what_is_damaged(void **state)
{
    (void)state;
    char id[16];
    for (int i = 0; i < 10; i++) {
        snprintf(id, sizeof(id), "M%d", i);
        (void)add(id, bytes_of(id));
    }
    struct queue_place third = queue_item(queue, queue_find(queue, BYTES("M3")))->record;
    struct queue_place body = queue_item(queue, queue_find(queue, BYTES("M5")))->body;
    spoil("/data/queue/journal-00000001", third.offset + 60);
    spoil("/data/queue/body-00000001", body.offset);
    reopen(NULL);
    assert_int_equal(errors_logged, 1);
    assert_int_equal(queue_count(queue), 9);
    assert_int_equal(queue_find(queue, BYTES("M3")), QUEUE_NO_ITEM);
    struct queue_hold hold;
    struct bytes content;
    assert_int_equal(queue_hold(queue, queue_find(queue, BYTES("M5")), &hold, NULL), OK);
    assert_int_equal(queue_read_content(queue, &hold, arena, &content, NULL), PERM);
    queue_release(queue, &hold);
    assert_true(bytes_is(content_of(queue_find(queue, BYTES("M9"))), "M9"));
    /* Emptied, the damaged journal is set aside. */
    for (uint32_t n = QUEUE_NO_ITEM; (n = queue_next(queue, n)) != QUEUE_NO_ITEM;)
        remove_message(n);
    while (queue_wants_upkeep(queue))
        queue_commit(queue, NULL, 0);
    assert_true(durable_fake_read(fake, "/data/queue/damaged-journal-00000001", arena, &content));
    reopen(NULL);
    assert_int_equal(queue_count(queue), 0);
}

/* The number of a segment that is lost is never given to another one, or its messages would lie in both. */
static void a_lost_body_segment_costs_its_contents_only(void **state)
{
    (void)state;
    (void)add("Lost1", BYTES("lost"));
    queue_close(queue);
    struct durable *durable = durable_fake_table(fake);
    assert_int_equal(durable->unlink(durable, "/data/queue/body-00000001"), 0);
    assert_int_equal(open_with(false, NULL, &queue), OK);
    assert_int_equal(errors_logged, 1);
    uint32_t lost = queue_find(queue, BYTES("Lost1"));
    uint32_t kept = add("New1", BYTES("new"));
    assert_int_not_equal(queue_item(queue, kept)->body.segment, queue_item(queue, lost)->body.segment);
    struct queue_hold hold;
    struct queue_envelope read;
    struct bytes content;
    assert_int_equal(queue_hold(queue, lost, &hold, NULL), OK);
    assert_int_equal(queue_read_envelope(queue, &hold, arena, &read, NULL), OK);
    assert_int_equal(queue_read_content(queue, &hold, arena, &content, NULL), PERM);
    queue_release(queue, &hold);
    remove_message(lost);
    assert_true(bytes_is(content_of(kept), "new"));
}

static void a_message_costs_less_than_90_octets_of_memory(void **state)
{
    (void)state;
    enum { BATCH = 500 };
    static struct queue_change changes[BATCH];
    static struct queue_envelope envelopes[BATCH];
    static char ids[BATCH][14];
    queue_close(queue);
    struct queue_options options = {.segment_octets = 1 << 20};
    assert_int_equal(queue_open(durable_fake_table(fake), "/data", &options, NULL, &queue, NULL), OK);
    /* A fake sync copies the whole file: small contents. */
    for (unsigned n = 0; n < MANY;) {
        for (unsigned i = 0; i < BATCH; i++, n++) {
            snprintf(ids[i], sizeof(ids[i]), "01%011u", n);
            changes[i] = addition(ids[i], BYTES("x"));
            envelopes[i] = envelope;
            changes[i].envelope = &envelopes[i];
        }
        queue_commit(queue, changes, BATCH);
    }
    assert_int_equal(queue_count(queue), MANY);
    size_t memory = queue_figures(queue).memory_octets;
    print_message("# %zu octets a message\n", memory / MANY);
    assert_true(memory / MANY < OCTETS_A_MESSAGE);
    for (unsigned n = 0; n < MANY; n += 9973) {
        char id[14];
        snprintf(id, sizeof(id), "01%011u", n);
        assert_true(bytes_is(content_of(queue_find(queue, bytes_of(id))), "x"));
    }
}

#define WITH(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH(ids_of_any_form_are_found_and_ours_are_kept_whole),
        WITH(our_own_id_comes_back_as_text),
        WITH(an_id_that_is_there_already_is_refused_and_a_bad_one_too),
        WITH(nothing_is_changed_after_its_removal_in_one_batch),
        WITH(a_message_larger_than_a_segment_and_one_from_a_descriptor_are_kept),
        WITH(a_message_is_streamed_whole_or_the_reader_is_told),
        WITH(what_is_held_is_not_written_over),
        WITH(an_empty_queue_does_not_grow_on_the_disk),
        WITH(a_body_whose_sync_failed_is_not_written_again),
        WITH(after_a_failed_batch_nothing_is_written_over_until_it_is_annulled),
        WITH(only_one_server_opens_it_and_others_may_look),
        WITH(the_newest_note_counts_and_an_empty_one_forgets),
        WITH(damage_is_told_loudly_and_costs_only_what_is_damaged),
        WITH(a_lost_body_segment_costs_its_contents_only),
        WITH(a_message_costs_less_than_90_octets_of_memory),
    };
    return cmocka_run_group_tests_name("queue", tests, NULL, NULL);
}
