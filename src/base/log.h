/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * log: structured lines, `key=value` as Postfix users read them, or JSON.
 *
 *   struct log_line line;
 *   log_begin(&line, LOG_LEVEL_INFO, "smtpd");
 *   log_bytes(&line, "from", sender);
 *   log_end(&line);
 *
 * gives `smtpd: from=<a@example.org>`-like text with one line per event. Values are sanitised: no
 * control character, quote or line end of a peer reaches the log raw. A line is bounded
 * (LOG_LINE_MAX); what does not fit is cut off. The sink writes; base does no I/O itself.
 */
#ifndef VOUCH_BASE_LOG_H
#define VOUCH_BASE_LOG_H

#include "base/buf.h"

enum log_level { LOG_LEVEL_DEBUG, LOG_LEVEL_INFO, LOG_LEVEL_WARNING, LOG_LEVEL_ERROR };
enum log_format { LOG_FORMAT_PLAIN, LOG_FORMAT_JSON };
enum { LOG_LINE_MAX = 8192 };

/* Where lines go: without a line end. Set once at start; before that, lines are dropped. */
typedef void log_sink(void *context, enum log_level level, struct bytes line);
void log_set_sink(log_sink *sink, void *context, enum log_format format, enum log_level least);
/* Debug lines only of subjects that begin with one of these words (comma-separated); "" is all. */
void log_set_filter(const char *subjects);
/* Whether a line of this level and subject would be written: guard for costly debug lines. */
bool log_wants(enum log_level level, const char *subject);

struct log_line {
    enum log_level level;
    const char *subject;
    bool wanted;
    struct buf text;
};

void log_begin(struct log_line *line, enum log_level level, const char *subject);
void log_string(struct log_line *line, const char *key, const char *value); /* NULL: left out */
void log_bytes(struct log_line *line, const char *key, struct bytes value);
void log_integer(struct log_line *line, const char *key, int64_t value);
void log_end(struct log_line *line);

/* One line with a single message: `subject: text` (key "message" in JSON). */
void log_debug(const char *subject, const char *format, ...) printf_like(2, 3);
void log_info(const char *subject, const char *format, ...) printf_like(2, 3);
void log_warning(const char *subject, const char *format, ...) printf_like(2, 3);
void log_error(const char *subject, const char *format, ...) printf_like(2, 3);

#endif
