/* SPDX-License-Identifier: BSD-2-Clause */
#include "cmd/repeated.h"

#include "cmd/command.h"

#include <stdio.h>
#include <string.h>

static bool add(struct repeated *option, struct bytes value)
{
    struct bytes item;
    if (option->whole) {
        if (option->count == REPEATED_MAX)
            return false;
        option->values[option->count++] = value;
        return true;
    }
    while (bytes_split(&value, ',', &item)) {
        item = bytes_trim(item);
        if (!item.len)
            continue;
        if (option->count == REPEATED_MAX)
            return false;
        option->values[option->count++] = item;
    }
    return true;
}

static struct repeated *find(struct repeated *options, size_t count, struct bytes word)
{
    size_t equals = bytes_find_byte(word, '=');
    for (size_t i = 0; i < count; i++)
        if (bytes_is(bytes_first(word, equals), options[i].name))
            return &options[i];
    return NULL;
}

int repeated_take(struct repeated *options, size_t option_count, const char *command, int *argc,
                  char **argv)
{
    int kept = 0;
    bool over = false;
    for (int i = 0; i < *argc; i++) {
        struct bytes word = bytes_of(argv[i]), value;
        over |= i > 0 && strcmp(argv[i], "--") == 0;
        struct repeated *option = over || i == 0 ? NULL : find(options, option_count, word);
        if (!option) {
            argv[kept++] = argv[i];
            continue;
        }
        size_t equals = bytes_find_byte(word, '=');
        if (equals != BYTES_NOT_FOUND) {
            value = bytes_skip(word, equals + 1);
        } else if (i + 1 < *argc) {
            value = bytes_of(argv[++i]);
        } else {
            fprintf(stderr, "vouch %s: %s wants a value\n", command, option->name);
            return EXIT_USAGE;
        }
        if (!add(option, value)) {
            fprintf(stderr, "vouch %s: more than %d values of %s\n", command, REPEATED_MAX,
                    option->name);
            return EXIT_USAGE;
        }
    }
    *argc = kept;
    return -1;
}
