/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * config_doc: prints what the documentation says about the keys, for tools/update-docs and for the
 * test that it is not stale. A tool of the build; it is not installed.
 */
#include "config/config.h"
#include "config/describe.h"

#include <stdio.h>
#include <string.h>

int main(int argc, char **argv)
{
    struct buf out;
    buf_init(&out, 1 << 20);
    const char *form = argc == 2 ? argv[1] : "";
    if (strcmp(form, "file") == 0)
        config_describe(&out);
    else if (strcmp(form, "markdown") == 0)
        config_describe_markdown(&out);
    else if (strcmp(form, "manual") == 0)
        config_describe_manual(&out);
    bool written = out.len && !out.failed && fwrite(out.ptr, 1, out.len, stdout) == out.len &&
                   fflush(stdout) == 0;
    if (!written)
        fprintf(stderr, "usage: config_doc file|markdown|manual\n");
    buf_free(&out);
    return written ? 0 : 2;
}
