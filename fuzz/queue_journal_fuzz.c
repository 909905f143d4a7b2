/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A queue whose journals are the input. The first octet says how: as they are, or as parts that get a
 * head and a good checksum here, which no fuzzer would guess, some of them spoiled again. Whatever is
 * read must leave a queue that works.
 */
#include "base/cursor.h"
#include "os/durable_fake.h"
#include "queue/journal.h"
#include "queue/queue.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { JOURNAL_FIRST = 3 };

static void add_header(struct buf *out, uint32_t number, uint64_t sequence)
{
    struct journal_header header = {number, sequence};
    journal_header_write(out, &header);
}

/* Parts: kind, behind, step of the sequence, key, length of the payload; then the payload. */
static void build(struct durable_fake *fake, struct bytes input)
{
    static const enum journal_kind kinds[] = {JOURNAL_ENVELOPE, JOURNAL_ENVELOPE, JOURNAL_REMOVE,
                                              JOURNAL_NOTE};
    struct cursor c = cursor_over(input);
    uint32_t number = JOURNAL_FIRST;
    uint64_t sequence = 5;
    struct buf file;
    char path[] = "/data/queue/journal-00000003";
    buf_init(&file, 4 << 20);
    add_header(&file, number, sequence);
    while (!cursor_at_end(&c)) {
        uint8_t what = cursor_u8(&c), behind = cursor_u8(&c), step = cursor_u8(&c);
        uint8_t key = cursor_u8(&c), length = cursor_u8(&c);
        size_t start = file.len;
        sequence += step > 250 ? step - 255 : step > 240 ? 2 : 0;
        journal_record_begin(&file, kinds[what & 3], key & 7, sequence++, behind & 3);
        buf_add(&file, bytes_first(cursor_rest(&c), length));
        (void)cursor_take(&c, length < cursor_rest(&c).len ? length : cursor_rest(&c).len);
        journal_record_end(file.ptr + start, file.len - start, number);
        if (what & 64)
            file.ptr[start + behind % (file.len - start)] ^= 4;
        if ((what & 128) && number < 9) {
            durable_fake_add_file(fake, path, buf_bytes(&file));
            buf_clear(&file);
            path[sizeof(path) - 2] = (char)('0' + ++number);
            sequence -= what >> 4 & 3;
            add_header(&file, number, sequence);
        }
    }
    durable_fake_add_file(fake, path, buf_bytes(&file));
    buf_free(&file);
}

static void seen(void *context, uint32_t number, const struct queue_envelope *envelope)
{
    (void)number;
    require(envelope->id.len > 0 && envelope->recipient_count <= QUEUE_RECIPIENTS_MAX);
    ++*(size_t *)context;
}

static void use(struct queue *queue, struct arena *arena)
{
    size_t count = 0;
    for (uint32_t n = QUEUE_NO_ITEM; (n = queue_next(queue, n)) != QUEUE_NO_ITEM; count++) {
        struct queue_hold hold;
        struct queue_envelope envelope;
        struct bytes content;
        struct arena_mark mark = arena_mark(arena);
        require(queue_hold(queue, n, &hold, NULL) == OK);
        /* A damaged one is told apart, and nothing more is asked of it. */
        if (queue_read_envelope(queue, &hold, arena, &envelope, NULL) == OK)
            require(queue_id_is_valid(envelope.id));
        if (queue_read_content(queue, &hold, arena, &content, NULL) == OK)
            require(content.len == 0 || content.ptr);
        queue_release(queue, &hold);
        arena_rewind(arena, mark);
    }
    require(count == queue_count(queue));
    for (uint32_t n = QUEUE_NO_ITEM; (n = queue_next(queue, n)) != QUEUE_NO_ITEM;) {
        struct queue_change change = {.kind = QUEUE_REMOVE, .number = n};
        queue_commit(queue, &change, 1);
        require(change.result == OK);
    }
    for (int i = 0; i < 100 && queue_wants_upkeep(queue); i++)
        queue_commit(queue, NULL, 0);
    require(queue_count(queue) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct durable_fake *fake = durable_fake_create();
    struct arena *arena = arena_create(64 << 20);
    struct queue_options options = {.segment_octets = 4096, .compact_octets = 256};
    struct bytes input = bytes_from(data, size);
    size_t messages = 0;
    struct queue_visitor visitor = {.context = &messages, .message = seen};
    struct queue *queue;
    durable_fake_add_directory(fake, "/data/queue");
    durable_fake_add_file(fake, "/data/queue/body-00000001", input);
    if (size && data[0] & 1)
        build(fake, bytes_skip(input, 1));
    else
        durable_fake_add_file(fake, "/data/queue/journal-00000001", input);
    require(queue_open(durable_fake_table(fake), "/data", &options, &visitor, &queue, NULL) == OK);
    require(messages <= queue_count(queue));
    use(queue, arena);
    queue_close(queue);
    /* What was removed stays so. */
    durable_fake_crash(fake);
    require(queue_open(durable_fake_table(fake), "/data", &options, NULL, &queue, NULL) == OK);
    require(queue_count(queue) == 0);
    queue_close(queue);
    require(durable_fake_count(fake).open == 0);
    durable_fake_destroy(fake);
    arena_destroy(arena);
    return 0;
}
