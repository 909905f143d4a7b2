/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * report_table: the records of aggregate reports summed up: one row for what has the same source, author's
 * domain, results and disposition. Owns all it holds.
 */
#ifndef VOUCH_CMD_REPORT_TABLE_H
#define VOUCH_CMD_REPORT_TABLE_H

#include "base/map.h"
#include "report/aggregate_report.h"

struct report_row {
    struct ip source;
    struct bytes header_from;
    enum aggregate_alignment dmarc, spf, dkim;
    enum aggregate_disposition disposition;
    uint64_t messages;
};

struct report_table {
    struct arena *arena;
    struct map *index;      /* what rows have in common, to the number of the row + 1 */
    struct buf rows;        /* struct report_row */
    uint64_t messages;
    uint64_t dmarc[3];      /* by enum aggregate_alignment */
    uint64_t disposition[5]; /* by enum aggregate_disposition */
};

/* False: no memory; report_table_close() is due in any case. */
bool report_table_open(struct report_table *table);
void report_table_close(struct report_table *table);
bool report_table_add(struct report_table *table, const struct aggregate_report *report);
/* Most messages first, then by address. Nothing may be added afterwards. */
const struct report_row *report_table_rows(struct report_table *table, size_t *count);

#endif
