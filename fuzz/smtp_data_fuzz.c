/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Message data in two fragmentations, against a reading of rfc5321:4.5.2 that is as simple and slow
 * as can be: one octet at a time over the whole input.
 */
#include "smtp/data.h"

#include "base/buf.h"

#include <stdlib.h>

static void check(bool condition)
{
    if (!condition)
        abort();
}

struct outcome {
    struct buf text;
    bool ended, bare_cr, bare_lf;
    size_t used;
};

static void run(struct bytes input, size_t piece, bool chunked, struct outcome *out)
{
    struct smtp_data data;
    *out = (struct outcome){0};
    buf_init(&out->text, SIZE_MAX / 2);
    smtp_data_start(&data, chunked);
    while (out->used < input.len && data.state != SMTP_DATA_END) {
        struct bytes part = bytes_first(bytes_skip(input, out->used), piece), text;
        size_t had = part.len;
        while (smtp_data_next(&data, &part, &text))
            buf_add(&out->text, text);
        out->used += had - part.len;
    }
    out->ended = data.state == SMTP_DATA_END;
    if (chunked)
        buf_add(&out->text, smtp_data_finish(&data));
    out->bare_cr = data.bare_cr;
    out->bare_lf = data.bare_lf;
}

/* Whether the octets at `at` are CRLF. */
static bool is_crlf(struct bytes input, size_t at)
{
    return at + 1 < input.len && input.ptr[at] == '\r' && input.ptr[at + 1] == '\n';
}

static void reference(struct bytes input, bool chunked, struct outcome *out)
{
    *out = (struct outcome){0};
    buf_init(&out->text, SIZE_MAX / 2);
    bool line_start = true, line_empty = true;
    size_t i = 0;
    while (i < input.len) {
        if (line_start && !chunked && input.ptr[i] == '.') {
            i++;
            if (is_crlf(input, i)) {
                out->ended = true;
                i += 2;
                break;
            }
            line_start = false;
            continue;
        }
        line_start = false;
        if (is_crlf(input, i)) {
            buf_add(&out->text, BYTES("\r\n"));
            line_start = line_empty = true;
            i += 2;
        } else if (input.ptr[i] == '\n') {
            out->bare_lf = line_empty = true;
            buf_add(&out->text, BYTES("\r\n"));
            i++;
        } else if (input.ptr[i] == '\r') {
            /* One at the very end of the input is not known to be bare unless that is all. */
            if (i + 1 < input.len || chunked) {
                out->bare_cr = line_empty = true;
                buf_add(&out->text, BYTES("\r\n"));
            }
            i++;
        } else {
            buf_add_byte(&out->text, input.ptr[i++]);
            line_empty = false;
        }
    }
    if (chunked && !line_empty)
        buf_add(&out->text, BYTES("\r\n"));
    out->used = i;
}

static void compare(const struct outcome *a, const struct outcome *b)
{
    check(bytes_equal(buf_bytes(&a->text), buf_bytes(&b->text)));
    check(a->ended == b->ended && a->used == b->used);
    check(a->bare_cr == b->bare_cr && a->bare_lf == b->bare_lf);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1)
        return 0;
    bool chunked = data[0] & 1;
    struct bytes input = bytes_from(data + 1, size - 1);
    struct outcome whole, cut, simple;
    run(input, SIZE_MAX, chunked, &whole);
    run(input, (data[0] >> 1) + 1u, chunked, &cut);
    reference(input, chunked, &simple);
    compare(&whole, &cut);
    compare(&whole, &simple);
    buf_free(&whole.text);
    buf_free(&cut.text);
    buf_free(&simple.text);
    return 0;
}
