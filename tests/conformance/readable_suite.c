/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * readable_suite: what a person would read of the messages of Apache mime4j.
 *
 * usage: readable_suite FOLDER...
 *
 * The folders have no opinion about that, so it is asked for what must be true of any message: texts are UTF-8
 * within their limits, each leaf is either read as text or listed as an attachment, links lie in the text, and each
 * word of a text/plain part that is ASCII comes out again.
 */
#include "base/ascii.h"
#include "base/utf8.h"
#include "message/readable.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FILE_MAX = 8 << 20 };

static bool read_file(const char *folder, const char *name, struct buf *out)
{
    char path[4096], piece[65536];
    size_t got;
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    FILE *file = fopen(path, "rb");
    if (!file)
        return false;
    buf_clear(out);
    while ((got = fread(piece, 1, sizeof(piece), file)) > 0)
        buf_add(out, bytes_from(piece, got));
    fclose(file);
    return !out->failed;
}

static const char *complaint_about_texts(const struct readable *r)
{
    const struct bytes texts[] = {r->text, r->plain, r->hidden, r->subject, r->from_name};
    for (size_t i = 0; i < countof(texts); i++)
        if (!utf8_is_valid(texts[i]))
            return "a text is not UTF-8";
    if (r->text.len > READABLE_TEXT_MAX || r->plain.len > READABLE_TEXT_MAX || r->hidden.len > READABLE_HIDDEN_MAX)
        return "a text is too long";
    for (size_t i = 0; i < r->text.len; i++)
        if (ascii_is_control(r->text.ptr[i]) && r->text.ptr[i] != '\n')
            return "a control character is in the text";
    return NULL;
}

static const char *complaint_about_links(const struct readable *r)
{
    for (size_t i = 0; i < r->link_count; i++) {
        const struct readable_link *link = &r->links[i];
        if (!link->url.len || !link->scheme.len)
            return "a link leads nowhere";
        if (link->text.len &&
            (link->text.ptr < r->text.ptr || link->text.ptr + link->text.len > r->text.ptr + r->text.len))
            return "a link's text is not in the text";
    }
    return NULL;
}

static bool is_listed(const struct readable *r, const struct mime_part *part)
{
    for (size_t i = 0; i < r->attachment_count; i++)
        if (r->attachments[i].part == part)
            return true;
    return false;
}

/* As a file and nothing else: a text that bears a file's name is both. */
static bool is_only_file(const struct readable *r, const struct mime_part *part)
{
    for (size_t i = 0; i < r->attachment_count; i++)
        if (r->attachments[i].part == part && !r->attachments[i].shown)
            return true;
    return false;
}

/* Each word of letters, in order, somewhere behind the one before. */
static bool has_words(struct bytes text, struct bytes words)
{
    for (size_t i = 0; i < words.len;) {
        size_t start = i;
        while (i < words.len && ascii_is_alnum(words.ptr[i]))
            i++;
        struct bytes word = bytes_slice(words, start, i);
        size_t at = word.len ? bytes_find(text, word) : 0;
        if (at == BYTES_NOT_FOUND)
            return false;
        text = bytes_skip(text, at + word.len);
        i += word.len == 0;
    }
    return true;
}

/* Of leaves that are plainly text or plainly none; `plain` is where the next text/plain is to be found. */
static const char *complaint_about_parts(const struct readable *r)
{
    struct bytes plain = r->plain;
    for (const struct mime_part *part = r->mime->root; part; part = mime_next(part)) {
        if (part->kind != MIME_LEAF || bytes_is(part->type, "multipart"))
            continue;
        bool attachment = bytes_is(part->disposition.word, "attachment") || !bytes_is(part->type, "text");
        if (attachment && !is_listed(r, part))
            return "an attachment is not listed";
        if (attachment || !mime_is(part, "text", "plain"))
            continue;
        if (is_only_file(r, part))
            return "a text is listed as an attachment";
        struct buf decoded;
        buf_init(&decoded, part->body.len + 16);
        mime_part_decode(part, &decoded);
        bool usual =
            utf8_is_ascii(buf_bytes(&decoded)) && bytes_find_byte(buf_bytes(&decoded), 27) == BYTES_NOT_FOUND;
        bool found = !usual || has_words(plain, buf_bytes(&decoded));
        buf_free(&decoded);
        if (!found)
            return "a word of a text is missing";
    }
    return NULL;
}

static const char *complaint_about(struct arena *arena, struct bytes text)
{
    struct message message;
    struct mime mime;
    struct readable readable;
    struct bytes raw = message_normalize(arena, text);
    if (message_parse(arena, raw, &message, NULL) != OK || mime_parse(arena, &message, NULL, &mime, NULL) != OK)
        return "it cannot be parsed";
    if (readable_make(arena, &message, &mime, &readable, NULL) != OK)
        return "it cannot be read";
    const char *complaint = complaint_about_texts(&readable);
    if (!complaint)
        complaint = complaint_about_links(&readable);
    return complaint ? complaint : complaint_about_parts(&readable);
}

static int is_message(const struct dirent *entry)
{
    size_t length = strlen(entry->d_name);
    return length > 4 && strcmp(entry->d_name + length - 4, ".msg") == 0;
}

static int run_folder(const char *folder, int *failed)
{
    struct dirent **entries = NULL;
    int count = scandir(folder, &entries, is_message, alphasort);
    struct buf text;
    buf_init(&text, FILE_MAX);
    for (int i = 0; i < count; i++) {
        struct arena *arena = arena_create(64 << 20);
        const char *complaint = read_file(folder, entries[i]->d_name, &text)
                                    ? complaint_about(arena, buf_bytes(&text))
                                    : "cannot be opened";
        if (complaint) {
            printf("%s: %s\n", entries[i]->d_name, complaint);
            ++*failed;
        }
        arena_destroy(arena);
        free(entries[i]);
    }
    free(entries);
    buf_free(&text);
    return count > 0 ? count : 0;
}

int main(int argc, char **argv)
{
    int count = 0, failed = 0;
    readable_prepare();
    for (int i = 1; i < argc; i++)
        count += run_folder(argv[i], &failed);
    printf("%d messages, %d wrong\n", count, failed);
    return failed || count == 0 ? 1 : 0;
}
