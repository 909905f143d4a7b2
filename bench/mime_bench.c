/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The structure parser on a message of 20 MB as they come (text and a large attachment in base64), and on
 * messages of 5 MB that were made to be slow. Megabytes a second of CPU time; all must stay within a
 * small factor of each other, because time is linear.
 */
#include "message/mime.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { USUAL = 20 << 20, NASTY = 5 << 20 };

static double cpu_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void fill(struct buf *out, size_t size, const char *line)
{
    while (out->len < size)
        buf_add_string(out, line);
}

static void make_usual(struct buf *out)
{
    buf_add_string(out, "Subject: x\r\nContent-Type: multipart/mixed; boundary=\"=_part\"\r\n\r\n"
                        "--=_part\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n");
    fill(out, 1 << 20, "A line of text as people write it, with a dash - or two -- in it.\r\n");
    buf_add_string(out, "--=_part\r\nContent-Type: application/pdf; name=a.pdf\r\n"
                        "Content-Transfer-Encoding: base64\r\n\r\n");
    fill(out, USUAL,
         "QmFzZTY0IGxpbmVzIGFyZSBzZXZlbnR5LXNpeCBvY3RldHMgbG9uZywgYW5kIHRoaXMgaXMgb24\r\n");
    buf_add_string(out, "--=_part--\r\n");
}

/* Multiparts in each other; the boundaries of all begin alike. */
static void nest(struct buf *out, const char *boundary)
{
    for (unsigned i = 0; i < MIME_DEPTH_MAX; i++)
        buf_printf(out, "Content-Type: multipart/mixed; boundary=\"%s%u\"\r\n\r\n--%s%u\r\n", boundary, i,
                   boundary, i);
    buf_add_string(out, "\r\n");
}

static void make_short_dashes(struct buf *out)
{
    nest(out, "b");
    fill(out, NASTY, "--\r\n");
}

static void make_almost(struct buf *out)
{
    static const char long_part[] = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    char line[128];
    nest(out, long_part);
    snprintf(line, sizeof(line), "--%sx\r\n", long_part);
    fill(out, NASTY, line);
}

static void make_parts(struct buf *out)
{
    buf_add_string(out, "Content-Type: multipart/mixed; boundary=b\r\n\r\n");
    fill(out, NASTY, "--b\r\n\r\n");
}

static void make_fields(struct buf *out)
{
    buf_add_string(out, "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n");
    fill(out, NASTY, "a:\r\n");
}

static void make_parameters(struct buf *out)
{
    buf_add_string(out, "Content-Type: multipart/mixed; boundary=b\r\n\r\n");
    while (out->len < NASTY) {
        buf_add_string(out, "--b\r\nContent-Type: a/b");
        for (unsigned i = 0; i < 1000; i++)
            buf_printf(out, ";a*%u=b", i % 100);
        buf_add_string(out, "\r\n\r\n");
    }
}

static void make_encoded_messages(struct buf *out)
{
    for (unsigned i = 0; i < MIME_DEPTH_MAX; i++)
        buf_add_string(out, "Content-Type: message/rfc822\r\n"
                            "Content-Transfer-Encoding: quoted-printable\r\n\r\n");
    fill(out, NASTY, "the same at each level\r\n");
}

/* Runs until it took half a second. */
static void measure(const char *name, void (*make)(struct buf *))
{
    struct buf text;
    struct message message;
    struct mime mime = {0};
    unsigned rounds = 0;
    buf_init(&text, 2 * USUAL);
    make(&text);
    struct arena *arena = arena_create(256 << 20);
    if (!arena || text.failed || message_parse(arena, buf_bytes(&text), &message, NULL) != OK)
        exit(1);
    double start = cpu_seconds(), seconds;
    do {
        struct arena_mark mark = arena_mark(arena);
        if (mime_parse(arena, &message, NULL, &mime, NULL) != OK)
            exit(1);
        if (rounds++ == 0)
            printf("mime %-18s %5zu parts, %6zu KB of memory, ", name, mime.part_count,
                   arena_used(arena) / 1024);
        arena_rewind(arena, mark);
        seconds = cpu_seconds() - start;
    } while (seconds < 0.5);
    printf("%7.0f MB/s\n", (double)text.len * rounds / seconds / 1e6);
    arena_destroy(arena);
    buf_free(&text);
}

static void measure_decoding(const char *name, enum mime_encoding encoding, const char *line)
{
    struct buf text, out;
    unsigned rounds = 0;
    buf_init(&text, 2 * USUAL);
    buf_init(&out, 2 * USUAL);
    fill(&text, USUAL, line);
    double start = cpu_seconds(), seconds;
    do {
        struct mime_decoder decoder = mime_decoder_for(encoding);
        buf_clear(&out);
        mime_decode(&decoder, buf_bytes(&text), &out);
        mime_decode_end(&decoder, &out);
        rounds++;
        seconds = cpu_seconds() - start;
    } while (seconds < 0.5);
    printf("mime %-18s %7.0f MB/s\n", name, (double)text.len * rounds / seconds / 1e6);
    buf_free(&text);
    buf_free(&out);
}

int main(void)
{
    measure("usual", make_usual);
    measure("short dashes", make_short_dashes);
    measure("almost boundaries", make_almost);
    measure("many parts", make_parts);
    measure("many fields", make_fields);
    measure("many parameters", make_parameters);
    measure("encoded messages", make_encoded_messages);
    measure_decoding("base64", MIME_BASE64,
                     "QmFzZTY0IGxpbmVzIGFyZSBzZXZlbnR5LXNpeCBvY3RldHMgbG9uZywgYW5kIHRoaXMgaXMgb24\r\n");
    measure_decoding("quoted-printable", MIME_QUOTED_PRINTABLE,
                     "Text with umlauts: gr=C3=BC=C3=9Fe, and a soft line break at its end =\r\n");
    measure_decoding("hostile qp", MIME_QUOTED_PRINTABLE, "= = =x =\t=\r");
    return 0;
}
