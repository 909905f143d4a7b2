/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * public_suffix_suite: the tests of the Public Suffix List against organization_domain()
 * (rfc7489:3.2).
 *
 * usage: public_suffix_suite FOLDER
 *
 * FOLDER has public_suffix_list.dat, which is what the tests were written for, and tests/tests.txt:
 * a name and its registrable domain, or "null", a line. Names go through message/idn.h first, as
 * those of messages do; where the expectation is in UTF-8 it goes there too.
 */
#include "auth/organization.h"
#include "message/idn.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A name in A-labels; one that is no domain name stays as it is and must have no organization. */
static struct bytes a_labels(struct arena *arena, struct bytes name)
{
    struct bytes ascii;
    return idn_to_ascii(arena, name, &ascii, NULL) == OK ? ascii : name;
}

static bool run_line(struct arena *arena, struct bytes line)
{
    size_t space = bytes_find_byte(line, ' ');
    struct bytes name = bytes_first(line, space == BYTES_NOT_FOUND ? line.len : space);
    struct bytes expected = bytes_trim(bytes_skip(line, name.len));
    struct bytes got = BYTES("null"), organization;
    if (bytes_is(name, "null"))
        name = BYTES("");
    if (organization_domain(a_labels(arena, name), &organization) == OK)
        got = organization;
    if (bytes_equal_nocase(got, a_labels(arena, expected)))
        return true;
    printf("  " BYTES_FMT ": " BYTES_FMT ", expected " BYTES_FMT "\n", BYTES_ARG(name),
           BYTES_ARG(got), BYTES_ARG(expected));
    return false;
}

int main(int argc, char **argv)
{
    char path[4096], line[1024];
    struct error error;
    unsigned passed = 0, cases = 0;
    if (argc != 2) {
        fprintf(stderr, "usage: public_suffix_suite FOLDER\n");
        return 2;
    }
    snprintf(path, sizeof(path), "%s/public_suffix_list.dat", argv[1]);
    if (organization_load(path, &error) != OK) {
        fprintf(stderr, "%s\n", error.text);
        return 1;
    }
    snprintf(path, sizeof(path), "%s/tests/tests.txt", argv[1]);
    FILE *file = fopen(path, "r");
    struct arena *arena = arena_create(1 << 20);
    if (!file || !arena)
        return 1;
    while (fgets(line, sizeof(line), file)) {
        struct bytes text = bytes_trim(bytes_of(line));
        if (text.len == 0 || bytes_starts_with(text, BYTES("//")))
            continue;
        cases++;
        passed += run_line(arena, text);
        arena_reset(arena);
    }
    fclose(file);
    arena_destroy(arena);
    organization_unload();
    printf("public-suffix: %u/%u\n", passed, cases);
    return passed == cases && cases ? 0 : 1;
}
