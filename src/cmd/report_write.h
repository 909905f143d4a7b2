/* SPDX-License-Identifier: BSD-2-Clause */
/* report_write: what other operators report, for people and for machines. */
#ifndef VOUCH_CMD_REPORT_WRITE_H
#define VOUCH_CMD_REPORT_WRITE_H

#include "base/json.h"
#include "cmd/report_table.h"
#include "report/report.h"

/* A report as one JSON object. Nothing is left out but the message that a failure report is about. */
void report_write_json(struct json *json, const char *file, const struct report *report);
/* A report for an administrator. `most`: lines of a table; SIZE_MAX for all. False: no memory. */
bool report_write_text(struct buf *out, const struct report *report, size_t most);

/* The table of one or more aggregate reports. */
void report_write_table_json(struct json *json, struct report_table *table);
void report_write_table_text(struct buf *out, struct report_table *table, size_t most);

/* Text of strangers for a terminal: what could steer it, or turn the direction of writing, becomes '?'. */
void report_write_safely(struct buf *out, struct bytes text);

#endif
