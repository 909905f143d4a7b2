/* SPDX-License-Identifier: BSD-2-Clause */
#include "cmd/arguments.h"

#include "cmd/command.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int arguments_fail(const struct arguments *arguments, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fprintf(stderr, "vouch %s: ", arguments->command);
    vfprintf(stderr, format, args);
    fprintf(stderr, "\n`vouch %s --help` shows how it is used.\n", arguments->command);
    va_end(args);
    return EXIT_USAGE;
}

static const struct argument *find(const struct arguments *arguments, struct bytes name)
{
    for (size_t i = 0; i < arguments->option_count; i++)
        if (bytes_is(name, arguments->options[i].name))
            return &arguments->options[i];
    return NULL;
}

static int read_option(struct arguments *arguments, int argc, char **argv, int *at)
{
    const char *word = argv[*at];
    size_t equals = bytes_find_byte(bytes_of(word), '=');
    const struct argument *option = find(arguments, bytes_first(bytes_of(word), equals));
    if (!option)
        return arguments_fail(arguments, "unknown option '%s'", word);
    if (option->flag) {
        if (equals != BYTES_NOT_FOUND)
            return arguments_fail(arguments, "%s takes no value", option->name);
        *option->flag = true;
    } else if (equals != BYTES_NOT_FOUND) {
        *option->value = word + equals + 1;
    } else if (*at + 1 < argc) {
        *option->value = argv[++*at];
    } else {
        return arguments_fail(arguments, "%s wants a value", option->name);
    }
    return -1;
}

int arguments_read(struct arguments *arguments, int argc, char **argv)
{
    bool options = true;
    for (int i = 1; i < argc; i++) {
        if (options && strcmp(argv[i], "--") == 0) {
            options = false;
        } else if (options && (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)) {
            fputs(arguments->usage, stdout);
            return EXIT_FINE;
        } else if (options && argv[i][0] == '-' && argv[i][1]) {
            int status = read_option(arguments, argc, argv, &i);
            if (status >= 0)
                return status;
        } else if (arguments->position_count == POSITIONS_MAX) {
            return arguments_fail(arguments, "too many arguments");
        } else {
            arguments->positions[arguments->position_count++] = argv[i];
        }
    }
    return -1;
}
