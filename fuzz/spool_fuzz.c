/* SPDX-License-Identifier: BSD-2-Clause */
/* A file of the spool: our own line, then a stranger's message; after a crash perhaps neither is whole. */
#include "deliver/spool.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes file = bytes_from(data, size), message, again_message;
    struct spool_entry entry, again;
    struct arena *arena = arena_create(4 << 20);
    struct buf line;
    buf_init(&line, 4 << 20);
    if (spool_parse(arena, file, &entry, &message, NULL) == OK) {
        require(message.len < size);
        require(bytes_equal(message, bytes_skip(file, size - message.len)));
        /* What was read, written and read again, says the same. */
        spool_write_line(&line, &entry);
        require(!line.failed);
        require(spool_parse(arena, buf_bytes(&line), &again, &again_message, NULL) == OK);
        require(again_message.len == 0);
        require(again.folder == entry.folder && again.smtputf8 == entry.smtputf8);
        require(again.spooled_at == entry.spooled_at && again.tell == entry.tell);
        require(again.notify == entry.notify && again.require_tls == entry.require_tls);
        require(bytes_equal(again.original, entry.original));
        require(bytes_equal(again.envelope_id, entry.envelope_id));
        require(bytes_equal(again.forward_sender, entry.forward_sender));
        require(again.prefix_octets == entry.prefix_octets);
        require(bytes_equal(again.id, entry.id) && bytes_equal(again.sender, entry.sender));
        require(bytes_equal(again.recipient, entry.recipient));
        require(bytes_equal(again.mailbox, entry.mailbox) && bytes_equal(again.reason, entry.reason));
    }
    buf_free(&line);
    arena_destroy(arena);
    return 0;
}
