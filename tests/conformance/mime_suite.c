/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mime_suite: the messages of Apache mime4j against message/mime.h.
 *
 * usage: mime_suite FOLDER...
 *
 * A folder has x.msg, x.xml (fields, preambles, bodies as they stand in the message, epilogues) and
 * x_decoded.xml, which names a file with the decoded content for each leaf. What we find is written in
 * the form of x.xml and must be the same, and so must all leaves, decoded. Line ends are not compared:
 * what we parse has CRLF throughout. Headers are read with lines that are no fields passed over, but for
 * the messages that are there to show the other way, which begin with "malformedHeaderStartsBody".
 *
 * Where RFCs say otherwise, explanations[] tells what is changed before it is compared again; such a
 * message is counted apart.
 */
#include "message/mime.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FILE_MAX = 8 << 20 };

static bool read_file(const char *folder, struct bytes name, const char *suffix, struct buf *out)
{
    char path[4096], piece[65536];
    size_t got;
    snprintf(path, sizeof(path), "%s/" BYTES_FMT "%s", folder, BYTES_ARG(name), suffix);
    FILE *file = fopen(path, "rb");
    if (!file)
        return false;
    buf_clear(out);
    while ((got = fread(piece, 1, sizeof(piece), file)) > 0)
        buf_add(out, bytes_from(piece, got));
    fclose(file);
    return !out->failed;
}

/* Without CR, so that only the content is compared. */
static void drop_line_ends(struct buf *text)
{
    size_t length = 0;
    for (size_t i = 0; i < text->len; i++)
        if (text->ptr[i] != '\r')
            text->ptr[length++] = text->ptr[i];
    text->len = length;
}

static void add_escaped(struct buf *out, struct bytes text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.ptr[i] == '&')
            buf_add_string(out, "&amp;");
        else if (text.ptr[i] == '<')
            buf_add_string(out, "&lt;");
        else if (text.ptr[i] == '>')
            buf_add_string(out, "&gt;");
        else
            buf_add_byte(out, text.ptr[i]);
}

static void add_element(struct buf *out, const char *name, struct bytes text)
{
    buf_printf(out, "<%s>\n", name);
    add_escaped(out, text);
    buf_printf(out, "</%s>\n", name);
}

/* Recurses no deeper than the parser does. */
static void write_part(struct buf *out, const struct mime_part *part)
{
    const char *element = part->parent && part->parent->kind == MIME_MULTIPART ? "body-part" : "message";
    buf_printf(out, "<%s>\n<header>\n", element);
    for (size_t i = 0; i < part->field_count; i++) {
        struct bytes raw = part->fields[i].raw;
        if (bytes_ends_with(raw, BYTES("\r\n")))
            raw.len -= 2;
        add_element(out, "field", raw);
    }
    buf_add_string(out, "</header>\n");
    if (part->kind == MIME_MULTIPART) {
        buf_add_string(out, "<multipart>\n");
        if (part->preamble.len)
            add_element(out, "preamble", part->preamble);
    } else if (part->kind == MIME_LEAF) {
        add_element(out, "body", part->body);
    }
    for (const struct mime_part *child = part->first_child; child; child = child->next)
        write_part(out, child);
    if (part->kind == MIME_MULTIPART) {
        if (part->epilogue.len)
            add_element(out, "epilogue", part->epilogue);
        buf_add_string(out, "</multipart>\n");
    }
    buf_printf(out, "</%s>\n", element);
}

/* An element that is there and empty is as good as none. */
static void drop_empty(struct buf *text, const char *element)
{
    char empty[64];
    int length = snprintf(empty, sizeof(empty), "<%s>\n</%s>\n", element, element);
    for (;;) {
        size_t at = bytes_find(buf_bytes(text), bytes_from(empty, (size_t)length));
        if (at == BYTES_NOT_FOUND)
            return;
        memmove(text->ptr + at, text->ptr + at + length, text->len - at - (size_t)length);
        text->len -= (size_t)length;
    }
}

static void show_difference(struct bytes got, struct bytes expected)
{
    size_t at = 0;
    while (at < got.len && at < expected.len && got.ptr[at] == expected.ptr[at])
        at++;
    size_t from = at > 60 ? at - 60 : 0;
    printf("    expected: " BYTES_FMT "\n", BYTES_ARG(bytes_slice(expected, from, at + 100)));
    printf("    got:      " BYTES_FMT "\n", BYTES_ARG(bytes_slice(got, from, at + 100)));
}

/* Where we differ, and why. */
static const struct explanation {
    const char *name;
    const char *expected; /* this is taken out of what is expected */
    const char *got;      /* this is taken out of what we have */
    const char *why;
} explanations[] = {
#define EPILOGUE                                                                                   \
    "<epilogue>\n\n</epilogue>\n", "",                                                            \
        "rfc2046:5.1.1: the CRLF behind the closing delimiter is no epilogue"
    {"attachment-filename-encoding-Latin1", EPILOGUE},
    {"attachment-filename-encoding-UTF8", EPILOGUE},
    {"empty-preamble", EPILOGUE},
    {"ticket-60931", EPILOGUE},
    {"twopart", EPILOGUE},
    {"malformedHeaderStartsBody-nocrlfcrlf", "",
     "AnotherHeader: is this an header or the first part of the body?\n",
     "rfc5322:3.5: no line of a body is lost"},
    {"malformedHeaderStartsBody-noheader", "", "The whole text should be recognized as body.\n",
     "rfc5322:3.5: no line of a body is lost"},
};

static unsigned explained; /* messages that needed one */
static const struct explanation *explanation; /* the one that the current message needed */

static void take_out(struct buf *text, const char *what)
{
    size_t length = strlen(what), at = length ? bytes_find(buf_bytes(text), bytes_of(what)) : 0;
    if (length == 0 || at == BYTES_NOT_FOUND)
        return;
    memmove(text->ptr + at, text->ptr + at + length, text->len - at - length);
    text->len -= length;
}

static bool same_if_explained(struct bytes name, struct buf *got, struct buf *expected)
{
    for (size_t i = 0; i < countof(explanations); i++) {
        if (!bytes_is(name, explanations[i].name))
            continue;
        take_out(expected, explanations[i].expected);
        take_out(got, explanations[i].got);
        explanation = &explanations[i];
        return bytes_equal(buf_bytes(got), buf_bytes(expected));
    }
    return false;
}

static bool check_structure(const char *folder, struct bytes name, const struct mime *mime)
{
    struct buf got, expected;
    buf_init(&got, FILE_MAX);
    buf_init(&expected, FILE_MAX);
    bool good = read_file(folder, name, ".xml", &expected);
    if (good) {
        write_part(&got, mime->root);
        drop_line_ends(&got);
        drop_line_ends(&expected);
        drop_empty(&expected, "preamble");
        drop_empty(&expected, "epilogue");
        good = !got.failed && (bytes_equal(buf_bytes(&got), buf_bytes(&expected)) ||
                               same_if_explained(name, &got, &expected));
        if (!good) {
            printf("  " BYTES_FMT ": another structure\n", BYTES_ARG(name));
            show_difference(buf_bytes(&got), buf_bytes(&expected));
        }
    }
    buf_free(&got);
    buf_free(&expected);
    return good;
}

/* Takes the next file name, name="...", from the text. */
static bool next_file(struct bytes *rest, struct bytes *file)
{
    static const char *const elements[] = {"<text-body name=\"", "<binary-body name=\""};
    size_t best = BYTES_NOT_FOUND;
    for (size_t i = 0; i < countof(elements); i++) {
        size_t at = bytes_find(*rest, bytes_of(elements[i]));
        if (at != BYTES_NOT_FOUND && (best == BYTES_NOT_FOUND || at + strlen(elements[i]) < best))
            best = at + strlen(elements[i]);
    }
    if (best == BYTES_NOT_FOUND)
        return false;
    *rest = bytes_skip(*rest, best);
    *file = bytes_first(*rest, bytes_find_byte(*rest, '"'));
    return true;
}

static bool check_leaf(const char *folder, struct bytes name, struct bytes file,
                       const struct mime_part *part)
{
    struct buf got, expected;
    buf_init(&got, FILE_MAX);
    buf_init(&expected, FILE_MAX);
    bool good = read_file(folder, file, "", &expected);
    mime_part_decode(part, &got);
    drop_line_ends(&got);
    drop_line_ends(&expected);
    good = good && !got.failed &&
           (bytes_equal(buf_bytes(&got), buf_bytes(&expected)) ||
            same_if_explained(name, &got, &expected));
    if (!good) {
        printf("  " BYTES_FMT ": another content\n", BYTES_ARG(file));
        show_difference(buf_bytes(&got), buf_bytes(&expected));
    }
    buf_free(&got);
    buf_free(&expected);
    return good;
}

static bool check_contents(const char *folder, struct bytes name, const struct mime *mime)
{
    struct buf decoded;
    struct bytes rest, file;
    bool good = true;
    buf_init(&decoded, FILE_MAX);
    if (!read_file(folder, name, "_decoded.xml", &decoded))
        return false;
    rest = buf_bytes(&decoded);
    for (const struct mime_part *part = mime->root; part; part = mime_next(part)) {
        if (part->kind != MIME_LEAF)
            continue;
        if (!next_file(&rest, &file)) {
            printf("  " BYTES_FMT ": more leaves than expected\n", BYTES_ARG(name));
            good = false;
            break;
        }
        good &= check_leaf(folder, name, file, part);
    }
    if (good && next_file(&rest, &file)) {
        printf("  " BYTES_FMT ": " BYTES_FMT " is missing\n", BYTES_ARG(name), BYTES_ARG(file));
        good = false;
    }
    buf_free(&decoded);
    return good;
}

static bool run_message(const char *folder, struct bytes name)
{
    struct arena *arena = arena_create(64 << 20);
    struct buf file;
    struct message message;
    struct mime mime;
    struct mime_options options = {
        .skip_bad_lines = !bytes_starts_with(name, BYTES("malformedHeaderStartsBody"))};
    struct error error;
    bool good = false;
    buf_init(&file, FILE_MAX);
    if (!arena || !read_file(folder, name, ".msg", &file)) {
        printf("  " BYTES_FMT ": cannot be read\n", BYTES_ARG(name));
    } else if (message_parse(arena, message_normalize(arena, buf_bytes(&file)), &message, &error) !=
                   OK ||
               mime_parse(arena, &message, &options, &mime, &error) != OK) {
        printf("  " BYTES_FMT ": %s\n", BYTES_ARG(name), error.text);
    } else {
        explanation = NULL;
        good = check_structure(folder, name, &mime);
        good &= check_contents(folder, name, &mime);
        if (good && explanation) {
            explained++;
            printf("  " BYTES_FMT ": differs: %s\n", BYTES_ARG(name), explanation->why);
        }
    }
    buf_free(&file);
    arena_destroy(arena);
    return good;
}

static void run_folder(const char *folder, unsigned *cases, unsigned *passed)
{
    struct dirent **entries;
    int count = scandir(folder, &entries, NULL, alphasort);
    for (int i = 0; i < count; i++) {
        struct bytes name = bytes_of(entries[i]->d_name);
        if (bytes_ends_with(name, BYTES(".msg"))) {
            name.len -= 4;
            ++*cases;
            *passed += run_message(folder, name);
        }
        free(entries[i]);
    }
    if (count >= 0)
        free(entries);
}

int main(int argc, char **argv)
{
    unsigned cases = 0, passed = 0;
    for (int i = 1; i < argc; i++)
        run_folder(argv[i], &cases, &passed);
    printf("mime4j: %u/%u, %u differ as explained, %u fail\n", passed - explained, cases, explained,
           cases - passed);
    return passed == cases && cases ? 0 : 1;
}
