/* SPDX-License-Identifier: BSD-2-Clause */
#include "smtp/data.h"

#include "base/result.h"

#include <string.h>

static const struct bytes crlf = BYTES_INIT("\r\n");

void smtp_data_start(struct smtp_data *data, bool chunked)
{
    *data = (struct smtp_data){.state = SMTP_DATA_LINE_START, .chunked = chunked};
}

static void end_line(struct smtp_data *data, size_t length)
{
    length += data->line_length;
    if (length > data->longest_line)
        data->longest_line = length;
    data->line_length = 0;
}

/* A bare CR or LF counts as an end of line for lengths, and as text for dots: only CRLF makes the
 * next dot special. */
static struct bytes bare(struct smtp_data *data, bool *which)
{
    *which = true;
    end_line(data, 0);
    data->state = SMTP_DATA_TEXT;
    return crlf;
}

/* How far both memchr below look at first, and at most: else a peer could have each of his bare CRs
 * or LFs paid for with a scan of the whole buffer. */
enum { WINDOW_MIN = 128, WINDOW_MAX = 4096 };

/*
 * The long run: whole lines of plain text at once. Stops before anything that is not simply copied:
 * a bare CR or LF, a dot at the start of a line, a CR at the end of the input. The state is
 * LINE_START or TEXT, and is kept up to date.
 */
static size_t scan_text(struct smtp_data *data, struct bytes input)
{
    const uint8_t *at = input.ptr, *end = input.ptr + input.len;
    size_t widest = WINDOW_MIN;
    while (at < end) {
        if (data->state == SMTP_DATA_LINE_START && *at == '.' && !data->chunked)
            break;
        size_t window = (size_t)(end - at) < widest ? (size_t)(end - at) : widest;
        const uint8_t *cr = memchr(at, '\r', window);
        const uint8_t *stop = cr ? cr : at + window;
        const uint8_t *lf = memchr(at, '\n', (size_t)(stop - at));
        if (lf)
            stop = lf;
        if (stop > at)
            data->state = SMTP_DATA_TEXT;
        size_t length = (size_t)(stop - at);
        if (lf || !cr || cr + 1 == end || cr[1] != '\n') {
            data->line_length += length;
            at = stop;
            if (lf || cr)
                break;
            widest = widest < WINDOW_MAX ? widest * 2 : WINDOW_MAX;
            continue;
        }
        end_line(data, length);
        data->state = SMTP_DATA_LINE_START;
        widest = WINDOW_MIN;
        at = cr + 2;
    }
    return (size_t)(at - input.ptr);
}

static struct bytes next_of_text(struct smtp_data *data, struct bytes *input)
{
    size_t length = scan_text(data, *input);
    struct bytes text = bytes_first(*input, length);
    *input = bytes_skip(*input, length);
    if (length)
        return text;
    /* Nothing to copy: what stands here is special. */
    uint8_t octet = input->ptr[0];
    *input = bytes_skip(*input, 1);
    if (octet == '\r') {
        data->state = SMTP_DATA_CR;
        return text;
    }
    if (octet == '\n')
        return bare(data, &data->bare_lf);
    data->state = SMTP_DATA_DOT;
    return text;
}

/* Behind a CR. The octet that follows a bare one is looked at again. */
static struct bytes next_of_cr(struct smtp_data *data, struct bytes *input)
{
    if (input->ptr[0] != '\n')
        return bare(data, &data->bare_cr);
    *input = bytes_skip(*input, 1);
    end_line(data, 0);
    data->state = SMTP_DATA_LINE_START;
    return crlf;
}

bool smtp_data_next(struct smtp_data *data, struct bytes *input, struct bytes *text)
{
    *text = (struct bytes){NULL, 0};
    if (data->state == SMTP_DATA_END || input->len == 0)
        return false;
    switch (data->state) {
    case SMTP_DATA_LINE_START:
    case SMTP_DATA_TEXT:
        *text = next_of_text(data, input);
        break;
    case SMTP_DATA_CR:
        *text = next_of_cr(data, input);
        break;
    case SMTP_DATA_DOT:
        /* The dot is gone (rfc5321:4.5.2); anything but CR goes on as text. */
        if (input->ptr[0] == '\r') {
            *input = bytes_skip(*input, 1);
            data->state = SMTP_DATA_DOT_CR;
        } else {
            data->state = SMTP_DATA_TEXT;
        }
        break;
    case SMTP_DATA_DOT_CR:
        if (input->ptr[0] == '\n') {
            *input = bytes_skip(*input, 1);
            data->state = SMTP_DATA_END;
            return false;
        }
        *text = bare(data, &data->bare_cr);
        break;
    case SMTP_DATA_END:
        break;
    }
    return true;
}

struct bytes smtp_data_finish(struct smtp_data *data)
{
    struct bytes owed = {NULL, 0};
    if (data->state == SMTP_DATA_CR)
        owed = bare(data, &data->bare_cr);
    else if (data->state == SMTP_DATA_TEXT && data->line_length)
        owed = crlf;
    end_line(data, 0);
    data->state = SMTP_DATA_END;
    return owed;
}

unsigned smtp_data_count_received(struct bytes content, unsigned limit)
{
    static const struct bytes name = BYTES_INIT("received");
    unsigned count = 0;
    while (content.len && count < limit) {
        size_t lf = bytes_find_byte(content, '\n');
        struct bytes line = bytes_first(content, lf);
        if (line.len == 0 || (line.len == 1 && line.ptr[0] == '\r'))
            break;
        if (bytes_starts_with_nocase(line, name)) {
            line = bytes_skip(line, name.len);
            while (line.len && (line.ptr[0] == ' ' || line.ptr[0] == '\t'))
                line = bytes_skip(line, 1);
            count += line.len && line.ptr[0] == ':';
        }
        if (lf == BYTES_NOT_FOUND)
            break;
        content = bytes_skip(content, lf + 1);
    }
    return count;
}
