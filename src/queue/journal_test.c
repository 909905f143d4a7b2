/* SPDX-License-Identifier: BSD-2-Clause */
/* Unit tests of envelopes, checksums and journal segments as they are written. */
#include "os/durable_fake.h"
#include "queue/crc32c.h"
#include "queue/envelope.h"
#include "queue/journal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

enum { SEGMENT = 7, FIRST = 100 };

static void the_checksum_is_castagnoli_rfc3720_B_4(void **state)
{
    (void)state;
    uint8_t octets[48] = {0};
    assert_int_equal(crc32c(0, bytes_from(octets, 32)), 0x8a9136aa);
    memset(octets, 0xff, 32);
    assert_int_equal(crc32c(0, bytes_from(octets, 32)), 0x62a8ab43);
    for (int i = 0; i < 32; i++)
        octets[i] = (uint8_t)i;
    assert_int_equal(crc32c(0, bytes_from(octets, 32)), 0x46dd794e);
    for (size_t i = 0; i < sizeof(octets); i++) {
        struct bytes all = bytes_from(octets, i);
        assert_int_equal(crc32c(0, all), crc32c_portable(0, all));
        assert_int_equal(crc32c(crc32c(0, bytes_first(all, 5)), bytes_skip(all, 5)), crc32c(0, all));
    }
}

static struct queue_recipient recipients[] = {
    {.address = BYTES_INIT("a@example.org"),
     .notify = 6,
     .original = BYTES_INIT("rfc822;A@example.org"),
     .attempts = 300,
     .next_try = 1795300000,
     .code = 451,
     .enhanced = BYTES_INIT("4.7.1"),
     .text = BYTES_INIT("Greylisted"),
     .host = BYTES_INIT("mx.example.org"),
     .tried_at = 1795299000,
     .delay_told = true},
    {.address = BYTES_INIT("b@example.net"), .bounce_wanted = true, .relayed = true, .next_try = -1},
};

static struct queue_envelope example(void)
{
    return (struct queue_envelope){.id = BYTES("0123456789abc"),
                                   .queued_at = 1795297381,
                                   .expires_at = 1795729381,
                                   .sender = BYTES("s@example.com"),
                                   .account = BYTES("s"),
                                   .origin = QUEUE_ORIGIN_OURS,
                                   .envelope_id = BYTES("QQ314159"),
                                   .return_headers = true,
                                   .smtputf8 = true,
                                   .require_tls = true,
                                   .held = true,
                                   .submitter = BYTES("x@example.com"),
                                   .held_reason = BYTES("by hand"),
                                   .recipients = recipients,
                                   .recipient_count = 2};
}

static void an_envelope_is_read_as_it_was_written(void **state)
{
    (void)state;
    struct arena *arena = arena_create(1 << 20);
    struct queue_envelope envelope = example(), read, head;
    struct buf written, again;
    buf_init(&written, 1 << 20);
    buf_init(&again, 1 << 20);
    queue_envelope_write(&written, &envelope);
    assert_false(written.failed);
    assert_int_equal(queue_envelope_read(arena, buf_bytes(&written), &read, NULL), OK);
    queue_envelope_write(&again, &read);
    assert_true(bytes_equal(buf_bytes(&written), buf_bytes(&again)));
    assert_true(bytes_equal(read.held_reason, envelope.held_reason));
    assert_true(bytes_equal(read.submitter, envelope.submitter));
    assert_true(bytes_equal(read.envelope_id, envelope.envelope_id));
    assert_true(read.held && read.require_tls && read.smtputf8 && read.return_headers);
    assert_false(read.return_full || read.eight_bit || read.tls_optional);
    assert_int_equal(read.origin, QUEUE_ORIGIN_OURS);
    assert_int_equal(read.expires_at, 1795729381);
    assert_int_equal(read.recipient_count, 2);
    assert_int_equal(read.recipients[0].attempts, 300);
    assert_int_equal(read.recipients[0].notify, 6);
    assert_true(bytes_is(read.recipients[0].text, "Greylisted"));
    assert_true(bytes_is(read.recipients[0].host, "mx.example.org"));
    assert_true(read.recipients[0].delay_told && !read.recipients[0].bounce_wanted);
    assert_true(read.recipients[1].bounce_wanted && read.recipients[1].relayed);
    assert_int_equal(read.recipients[1].next_try, -1);
    assert_int_equal(queue_envelope_peek(buf_bytes(&written), &head), OK);
    assert_int_equal(head.recipient_count, 2);
    for (size_t i = 0; i < written.len; i++)
        assert_int_equal(queue_envelope_read(arena, bytes_first(buf_bytes(&written), i), &read, NULL),
                         PERM);
    envelope.id = BYTES("not/an/id");
    queue_envelope_write(&again, &envelope);
    assert_true(again.failed);
    buf_free(&written);
    buf_free(&again);
    arena_destroy(arena);
}

static struct buf text;
static uint64_t seen[16];
static size_t seen_count;

static void add_record(uint64_t sequence, uint32_t behind)
{
    size_t start = text.len;
    journal_record_begin(&text, JOURNAL_NOTE, 0, sequence, behind);
    buf_printf(&text, "record %d", (int)sequence);
    journal_record_end(text.ptr + start, text.len - start, SEGMENT);
}

static void each(void *context, const struct journal_record *record)
{
    (void)context;
    seen[seen_count++] = record->sequence;
}

/* Two batches of three records: 100 to 102, 103 to 105. */
static int set_up(void **state)
{
    (void)state;
    struct journal_header header = {SEGMENT, FIRST};
    buf_init(&text, 1 << 20);
    journal_header_write(&text, &header);
    for (uint32_t i = 0; i < 6; i++)
        add_record(FIRST + i, i % 3);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    buf_free(&text);
    return 0;
}

static struct journal_scan scan_text(uint64_t limit, bool last)
{
    struct durable_fake *fake = durable_fake_create();
    struct durable *durable = durable_fake_table(fake);
    durable_fake_add_file(fake, "/j", buf_bytes(&text));
    struct journal_scan scan = {.durable = durable,
                                .fd = durable->open(durable, "/j", false),
                                .size = text.len,
                                .limit = limit,
                                .last = last,
                                .each = each};
    seen_count = 0;
    assert_true(journal_header_read(buf_bytes(&text), &scan.header));
    assert_int_equal(journal_scan(&scan, NULL), OK);
    assert_int_equal(durable->close(durable, scan.fd), 0);
    durable_fake_destroy(fake);
    return scan;
}

enum { RECORD = JOURNAL_RECORD_OCTETS + 10, LAST = FIRST + 6 };

static void spoil(size_t record)
{
    text.ptr[JOURNAL_HEADER_OCTETS + record * RECORD + RECORD - 1] ^= 1;
}

static void a_whole_journal_is_read_and_zeros_behind_it_are_its_end(void **state)
{
    (void)state;
    struct journal_scan scan = scan_text(UINT64_MAX, true);
    assert_int_equal(seen_count, 6);
    assert_int_equal(scan.next_sequence, LAST);
    assert_false(scan.torn || scan.lost);
    for (int i = 0; i < 5000; i++)
        buf_add_byte(&text, 0);
    scan = scan_text(UINT64_MAX, true);
    assert_int_equal(seen_count, 6);
    assert_false(scan.torn || scan.lost);
}

static void a_torn_batch_is_no_damage_and_what_follows_in_it_does_not_count(void **state)
{
    (void)state;
    spoil(4);
    struct journal_scan scan = scan_text(UINT64_MAX, true);
    assert_int_equal(seen_count, 4);
    assert_true(scan.torn);
    assert_int_equal(scan.lost, 0);
    assert_int_equal(scan.next_sequence, FIRST + 4);
}

static void a_bad_record_before_a_later_batch_is_damage_and_all_others_are_read(void **state)
{
    (void)state;
    spoil(1);
    struct journal_scan scan = scan_text(UINT64_MAX, true);
    assert_int_equal(scan.lost, 2); /* the third cannot be told from one that was torn off */
    assert_int_equal(seen_count, 4);
    assert_int_equal(seen[1], FIRST + 3);
    assert_int_equal(scan.next_sequence, LAST);
    /* When a later segment exists it was durable all the same. */
    scan = scan_text(LAST, false);
    assert_int_equal(scan.lost, 1);
    assert_int_equal(seen_count, 5);
}

static void records_missing_at_the_end_of_an_older_segment_are_damage(void **state)
{
    (void)state;
    spoil(5);
    struct journal_scan scan = scan_text(LAST, false);
    assert_int_equal(scan.lost, 1);
    assert_int_equal(seen_count, 5);
}

static void records_that_a_later_segment_numbers_again_do_not_count(void **state)
{
    (void)state;
    struct journal_scan scan = scan_text(FIRST + 3, false);
    assert_int_equal(seen_count, 3);
    assert_int_equal(scan.lost, 0);
    scan = scan_text(FIRST, false);
    assert_int_equal(seen_count, 0);
    assert_int_equal(scan.lost, 0);
}

static void a_record_of_another_segment_does_not_count(void **state)
{
    (void)state;
    struct journal_header header = {SEGMENT + 1, FIRST};
    struct buf other;
    buf_init(&other, 1000);
    journal_header_write(&other, &header);
    memcpy(text.ptr, other.ptr, other.len);
    buf_free(&other);
    (void)scan_text(UINT64_MAX, true);
    assert_int_equal(seen_count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_checksum_is_castagnoli_rfc3720_B_4),
        cmocka_unit_test(an_envelope_is_read_as_it_was_written),
        cmocka_unit_test_setup_teardown(a_whole_journal_is_read_and_zeros_behind_it_are_its_end,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            a_torn_batch_is_no_damage_and_what_follows_in_it_does_not_count, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            a_bad_record_before_a_later_batch_is_damage_and_all_others_are_read, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            records_missing_at_the_end_of_an_older_segment_are_damage, set_up, tear_down),
        cmocka_unit_test_setup_teardown(records_that_a_later_segment_numbers_again_do_not_count,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_record_of_another_segment_does_not_count, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests_name("journal", tests, NULL, NULL);
}
