/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * data: finds the end of message data and its text, octet stream in, slices out (rfc5321:4.5.2).
 *
 * Pure and incremental: however the input is cut into pieces, the same text comes out. The only end
 * of data is CRLF "." CRLF; "\n.\n", "\r.\r", "\n.\r\n" and their kin are text (SMTP smuggling,
 * CVE-2023-51764 and others). Bare CR and LF are counted as found and always come out as CRLF, so
 * that the text has no other line end whatever the caller decides about them.
 *
 * With `chunked` (BDAT, rfc3030) there are no dots and no end: the octets are counted elsewhere.
 */
#ifndef VOUCH_SMTP_DATA_H
#define VOUCH_SMTP_DATA_H

#include "base/bytes.h"

enum smtp_data_state {
    SMTP_DATA_LINE_START, /* behind CRLF: a dot is stuffing or the end */
    SMTP_DATA_TEXT,
    SMTP_DATA_CR,     /* CR read, not known yet whether LF follows */
    SMTP_DATA_DOT,    /* dot at the start of a line, taken off */
    SMTP_DATA_DOT_CR, /* "." CR */
    SMTP_DATA_END
};

struct smtp_data {
    enum smtp_data_state state;
    bool chunked;
    bool bare_cr, bare_lf; /* seen so far */
    size_t line_length;    /* of the line under way, without its end */
    size_t longest_line;
};

void smtp_data_start(struct smtp_data *data, bool chunked);

/*
 * Takes octets from the front of *input and gives the next piece of text in *text (pointing into
 * the input or to constants; maybe empty). Call while it returns true; it returns false when the
 * input is used up, or at the end of data: then data->state is SMTP_DATA_END and *input is what
 * follows it.
 */
bool smtp_data_next(struct smtp_data *data, struct bytes *input, struct bytes *text);

/* After the last chunk of BDAT: what is still owed (a CR at the very end is bare; a last line
 * without an end gets one). */
struct bytes smtp_data_finish(struct smtp_data *data);

/* Whether the data had line ends other than CRLF. */
static inline bool smtp_data_has_bare(const struct smtp_data *data)
{
    return data->bare_cr || data->bare_lf;
}

/* Number of Received fields in the header of `content`, for loops (rfc5321:6.3). Stops at `limit`.
 */
unsigned smtp_data_count_received(struct bytes content, unsigned limit);

#endif
