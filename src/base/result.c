/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/result.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum result error_set(struct error *error, enum result result, const char *format, ...)
{
    if (!error)
        return result;
    va_list args;
    va_start(args, format);
    /* Not straight into place: the old sentence may be part of the new one. */
    char text[sizeof(error->text)];
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    memcpy(error->text, text, strlen(text) + 1);
    for (char *c = error->text; *c; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7f)
            *c = '?';
    return result;
}

const char *result_name(enum result result)
{
    static const char *const names[] = {"ok", "none", "temp", "perm"};
    return names[result];
}

void panic(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fputs("vouch: panic: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    abort();
}
