/* SPDX-License-Identifier: BSD-2-Clause */
#include "cmd/report_table.h"

#include <stdlib.h>
#include <string.h>

enum { TABLE_MAX = 256 << 20 };

bool report_table_open(struct report_table *table)
{
    *table = (struct report_table){.arena = arena_create(TABLE_MAX), .index = map_create()};
    buf_init(&table->rows, TABLE_MAX);
    return table->arena && table->index;
}

void report_table_close(struct report_table *table)
{
    map_destroy(table->index, NULL);
    buf_free(&table->rows);
    arena_destroy(table->arena);
}

static void write_key(struct buf *key, const struct report_row *row)
{
    buf_clear(key);
    buf_add(key, bytes_from(row->source.octets, sizeof(row->source.octets)));
    buf_printf(key, "%d %d %d %d %d ", row->source.family, row->dmarc, row->spf, row->dkim,
               row->disposition);
    buf_add_lower(key, row->header_from);
}

static bool add_row(struct report_table *table, struct report_row *row, struct bytes key)
{
    struct report_row *rows = (struct report_row *)table->rows.ptr;
    uintptr_t place = (uintptr_t)map_get(table->index, key);
    if (place) {
        rows[place - 1].messages += row->messages;
        return true;
    }
    row->header_from = arena_copy(table->arena, row->header_from);
    buf_add(&table->rows, bytes_from(row, sizeof(*row)));
    return row->header_from.ptr && !table->rows.failed &&
           map_put(table->index, key, (void *)(uintptr_t)(table->rows.len / sizeof(*row)), NULL);
}

bool report_table_add(struct report_table *table, const struct aggregate_report *report)
{
    struct buf key;
    bool fine = true;
    buf_init(&key, 64 * 1024);
    for (size_t i = 0; i < report->record_count && fine; i++) {
        const struct aggregate_record *record = &report->records[i];
        struct report_row row = {.source = record->source,
                                 .header_from = record->header_from,
                                 .dmarc = aggregate_dmarc_result(record),
                                 .spf = record->spf,
                                 .dkim = record->dkim,
                                 .disposition = record->disposition,
                                 .messages = record->count};
        write_key(&key, &row);
        table->messages += row.messages;
        table->dmarc[row.dmarc] += row.messages;
        table->disposition[row.disposition] += row.messages;
        fine = !key.failed && add_row(table, &row, buf_bytes(&key));
    }
    buf_free(&key);
    return fine;
}

static int compare(const void *left, const void *right)
{
    const struct report_row *a = left, *b = right;
    if (a->messages != b->messages)
        return a->messages > b->messages ? -1 : 1;
    if (a->source.family != b->source.family)
        return a->source.family - b->source.family;
    int order = memcmp(a->source.octets, b->source.octets, sizeof(a->source.octets));
    if (order == 0)
        order = bytes_compare(a->header_from, b->header_from);
    return order ? order : (int)a->disposition - (int)b->disposition;
}

const struct report_row *report_table_rows(struct report_table *table, size_t *count)
{
    *count = table->rows.len / sizeof(struct report_row);
    if (*count)
        qsort(table->rows.ptr, *count, sizeof(struct report_row), compare);
    return (const struct report_row *)table->rows.ptr;
}
