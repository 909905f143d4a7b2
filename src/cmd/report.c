/* SPDX-License-Identifier: BSD-2-Clause */
/* vouch report show: what other operators report about mail in our name. */
#include "cmd/arguments.h"
#include "cmd/command.h"
#include "cmd/report_write.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] =
    "usage: vouch report show [--all] [--json] FILE...|-\n"
    "\n"
    "Shows reports of other mail operators: DMARC aggregate reports (XML), DMARC and other failure\n"
    "reports (mail in the Abuse Reporting Format), and TLS reports (JSON). A file is the report itself,\n"
    "that in gzip or zip, or the mail that brought it; - is standard input. Several files are shown one\n"
    "after the other, and the aggregate reports among them summed up at the end.\n"
    "\n"
    "A report is a claim of whoever sent it: this does not check the mail that brought it\n"
    "(`vouch check` does).\n"
    "\n"
    "  --all                   all lines of the tables, not only the first 50\n"
    "  --json                  for machines, one object a line\n"
    "\n"
    "examples:\n"
    "  vouch report show google.com!example.org!1661558400!1661644799.zip\n"
    "  vouch report show --json Maildir/new/*\n"
    "\n"
    "exit status: 0 all were read, 1 one was refused, 2 usage, or a file could not be read\n";

enum { LINES_SHOWN = 50, ARENA_MAX = 256 << 20, OUTPUT_MAX = 512 << 20 };

struct show {
    bool all, json;
    struct report_table total;
    size_t aggregates; /* in the total */
};

/* Prints what is in the buffer and empties it. False: something was lost. */
static bool print(struct buf *out)
{
    bool fine = !out->failed && fwrite(out->ptr, 1, out->len, stdout) == out->len;
    buf_clear(out);
    return fine;
}

static bool read_file(const char *file, struct buf *out)
{
    FILE *in = strcmp(file, "-") == 0 ? stdin : fopen(file, "rb");
    uint8_t *to;
    bool fine = in != NULL;
    while (fine && out->len <= REPORT_SIZE_MAX && (to = buf_reserve(out, 64 * 1024))) {
        size_t count = fread(to, 1, 64 * 1024, in);
        out->len += count;
        if (count == 0)
            break;
    }
    fine = fine && !ferror(in) && !out->failed;
    if (!fine)
        fprintf(stderr, "vouch report show: %s: %s\n", file, strerror(errno));
    if (in && in != stdin)
        fclose(in);
    return fine;
}

static int refuse(const struct show *show, const char *file, enum result result,
                  const struct error *error)
{
    struct buf out;
    buf_init(&out, 64 * 1024);
    if (show->json) {
        struct json json = json_into(&out);
        json_begin_object(&json);
        json_member(&json, "file", file);
        json_member(&json, "refused", error->text);
        json_end_object(&json);
        buf_add_byte(&out, '\n');
        print(&out);
    } else {
        report_write_safely(&out, bytes_of(error->text));
        fprintf(stderr, "vouch report show: %s: %s: %.*s\n", file,
                result == PERM ? "refused" : "cannot be told", (int)out.len, (const char *)out.ptr);
    }
    buf_free(&out);
    return result == PERM ? EXIT_NEGATIVE : EXIT_TEMPORARY;
}

static bool write_report(struct show *show, const char *file, const struct report *report,
                         struct buf *out)
{
    bool fine = true;
    if (show->json) {
        struct json json = json_into(out);
        report_write_json(&json, file, report);
    } else {
        fine = report_write_text(out, report, show->all ? SIZE_MAX : LINES_SHOWN);
    }
    buf_add_byte(out, '\n');
    if (report->kind == REPORT_AGGREGATE) {
        fine = fine && report_table_add(&show->total, &report->aggregate);
        show->aggregates++;
    }
    return print(out) && fine;
}

static int show_file(struct show *show, const char *file)
{
    struct buf content, out;
    struct arena *arena = arena_create(ARENA_MAX);
    struct report report;
    struct error error = {"no memory"};
    int status = EXIT_USAGE;
    buf_init(&content, REPORT_SIZE_MAX + 256 * 1024);
    buf_init(&out, OUTPUT_MAX);
    if (read_file(file, &content)) {
        enum result result = arena ? report_read(arena, buf_bytes(&content), &report, &error) : TEMP;
        if (result != OK)
            status = refuse(show, file, result, &error);
        else if (write_report(show, file, &report, &out))
            status = EXIT_FINE;
        else
            status = refuse(show, file, TEMP, &(struct error){"no memory, or no room for the output"});
    }
    buf_free(&content);
    buf_free(&out);
    arena_destroy(arena);
    return status;
}

static bool show_total(struct show *show)
{
    struct buf out;
    buf_init(&out, OUTPUT_MAX);
    if (show->json) {
        struct json json = json_into(&out);
        json_begin_object(&json);
        json_member_integer(&json, "total_of", (int64_t)show->aggregates);
        report_write_table_json(&json, &show->total);
        json_end_object(&json);
        buf_add_byte(&out, '\n');
    } else {
        buf_printf(&out, "All %zu DMARC reports together\n", show->aggregates);
        report_write_table_text(&out, &show->total, show->all ? SIZE_MAX : LINES_SHOWN);
    }
    bool fine = print(&out);
    buf_free(&out);
    return fine;
}

/* Files may be many more than a command's other arguments, so they are taken out first. */
static char **take_files(int *argc, char **argv, size_t *count)
{
    char **files = calloc((size_t)*argc + 1, sizeof(*files));
    int kept = 1;
    bool options = true;
    for (int i = 1; files && i < *argc; i++) {
        if (options && strcmp(argv[i], "--") == 0)
            options = false;
        else if (options && argv[i][0] == '-' && argv[i][1])
            argv[kept++] = argv[i];
        else
            files[(*count)++] = argv[i];
    }
    *argc = kept;
    return files;
}

static int show_files(struct show *show, char **files, size_t count)
{
    int worst = EXIT_FINE;
    if (!report_table_open(&show->total)) {
        fprintf(stderr, "vouch report show: no memory\n");
        worst = EXIT_TEMPORARY;
    }
    for (size_t i = 0; i < count && worst != EXIT_TEMPORARY; i++) {
        int status = show_file(show, files[i]);
        worst = status > worst ? status : worst;
    }
    if (show->aggregates > 1 && worst != EXIT_TEMPORARY && !show_total(show))
        worst = EXIT_TEMPORARY;
    report_table_close(&show->total);
    return worst;
}

int report_show_command(int argc, char **argv)
{
    struct show show = {0};
    size_t count = 0;
    const struct argument table[] = {{"--all", NULL, &show.all}, {"--json", NULL, &show.json}};
    struct arguments arguments = {"report show", usage, table, countof(table), {NULL}, 0};
    char **files = take_files(&argc, argv, &count);
    int status = files ? arguments_read(&arguments, argc, argv) : EXIT_TEMPORARY;
    if (status < 0)
        status = count ? show_files(&show, files, count)
                       : arguments_fail(&arguments, "wants report files, or - for standard input");
    free(files);
    return status;
}
