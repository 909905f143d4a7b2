/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * syntax: what stands in a configuration file, before anybody knows what it means: a tree of blocks
 * with entries, every word with its place, and the faults found on the way.
 *
 * All memory is in the arena. Faults are collected, not returned: reading goes on after one, so that
 * one run shows them all. When the arena is full things are left out of the tree; the caller asks
 * arena_exhausted() at the end.
 */
#ifndef VOUCH_CONFIG_SYNTAX_H
#define VOUCH_CONFIG_SYNTAX_H

#include "base/arena.h"
#include "base/buf.h"

enum {
    CONFIG_FAULTS_SHOWN = 100,    /* more are only counted */
    CONFIG_INCLUDE_DEPTH = 8,     /* files within files */
    CONFIG_INCLUDES = 1000,       /* files in all: snippets may be included often */
    CONFIG_BLOCK_DEPTH = 8,
    CONFIG_FILE_SIZE = 16 << 20,
};

/* One file or text. `name` is how messages call it, and the base of relative paths, unless it is
 * `nameless`. */
struct config_source {
    const char *name;
    bool nameless;
    struct bytes text;
    unsigned order; /* in which sources were opened */
    const struct config_source *parent;
};

struct config_place {
    const struct config_source *source;
    unsigned line, column; /* from 1; columns count characters */
};

struct config_word {
    struct bytes text;
    struct config_place at;
    struct config_word *next;
};

struct config_value {
    struct config_place at;
    bool list;
    struct config_word *words;
    size_t count;
};

struct config_entry {
    struct config_word key;
    struct config_value value;
    struct config_entry *next;
};

struct config_block {
    struct config_word name;       /* empty for the top level */
    struct config_word *arguments;
    size_t argument_count;
    struct config_entry *entries, **entries_end;
    struct config_block *blocks, **blocks_end;
    struct config_block *parent, *next;
    unsigned depth;
    void *element;                 /* the struct that it fills, once bound */
};

struct config_fault {
    struct config_place at;
    struct bytes text;
    size_t number; /* in which they were found */
};

struct config_faults {
    struct arena *arena;
    struct config_fault *items;
    size_t count; /* of all; the first CONFIG_FAULTS_SHOWN are kept */
};

bool config_faults_init(struct config_faults *faults, struct arena *arena) must_check;
/* Whether more would only be counted: spares the work of a good message. */
bool config_faults_full(const struct config_faults *faults);
void config_fault_add(struct config_faults *faults, struct config_place at, const char *format, ...)
    printf_like(3, 4);
/* "file:line:column: message" a line, in the order of the text. */
void config_faults_write(struct config_faults *faults, struct buf *out);

/* A word as messages quote it: 'word', not too long. */
const char *config_quote(struct arena *arena, struct bytes word);

/* `source` and its includes as a tree. NULL only when the arena is full. */
struct config_block *config_read_tree(struct arena *arena, struct config_source *source,
                                      struct config_faults *faults);

/* The entry of that key in the block, or NULL. */
const struct config_entry *config_block_find(const struct config_block *block, const char *key);

/* The whole file into the arena. PERM with a sentence when it cannot be read. */
enum result config_source_read(struct arena *arena, const char *path, struct bytes *text,
                               struct error *error) must_check;
/* Whether the file at `path` is `source` or one of those that include it. */
bool config_source_is_open(const struct config_source *source, const char *path);
/* `path` seen from the folder of the file that names it. NULL at the arena's cap. */
char *config_source_path(struct arena *arena, const struct config_source *source,
                         struct bytes path);

#endif
