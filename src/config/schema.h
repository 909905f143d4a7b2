/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * schema: the one table of sections and keys. What binds a file to the structs, what checks it and
 * what describes it read this and nothing else, so that they cannot disagree.
 *
 * All of it is constant. A default is text in the file's own notation, read by the same code.
 */
#ifndef VOUCH_CONFIG_SCHEMA_H
#define VOUCH_CONFIG_SCHEMA_H

#include "config/config.h"

enum config_type {
    CONFIG_BOOL,        /* bool */
    CONFIG_NUMBER,      /* unsigned */
    CONFIG_COUNT,       /* uint64_t */
    CONFIG_SIZE,        /* uint64_t, octets */
    CONFIG_DURATION,    /* int64_t, microseconds */
    CONFIG_CHOICE,      /* int: the place in `choices` */
    CONFIG_CHOICE_BOOL, /* bool: whether it is the second of two */
    CONFIG_CHOICE_TEXT, /* char *: the word itself */
    CONFIG_TEXT,        /* char * */
    CONFIG_PATH,        /* char *, made relative to the file */
    CONFIG_DOMAIN,      /* char *, as written */
    CONFIG_DOMAINS,     /* struct config_strings, lower case */
    CONFIG_NAMES,       /* the same; a name may begin with a dot: all below it */
    CONFIG_TOKENS,      /* struct config_strings: words of letters, digits, '-', '_' and '.' */
    CONFIG_NETWORKS,    /* struct config_networks */
    CONFIG_ENDPOINTS    /* struct config_endpoints */
};

enum { CONFIG_CHOICES = 4, CONFIG_KEYS = 24 };

struct config_key {
    const char *name;
    enum config_type type;
    size_t offset;         /* into the section's struct */
    bool required;
    const char *fallback;  /* NULL: "", no items */
    int64_t least, most;   /* numbers, sizes, durations; `most` of a list is its length */
    const char *choices[CONFIG_CHOICES];
    uint16_t port;         /* endpoints: the port when none is written; 0: it must be */
    /* What else must hold, as the end of a sentence "KEY ...", or NULL when it does. */
    const char *(*check)(struct bytes text);
    const char *example;   /* where there is no default */
    const char *meaning;   /* sentences */
};

struct config_section {
    const char *name;      /* "" is the top level */
    /* Named sections may stand several times and fill an array in struct config; others are in it. */
    const char *arguments; /* as written in the manual: "NAME", "NAME ..."; NULL: none */
    bool many_arguments;
    const char *example;   /* an argument */
    size_t size;           /* of one element */
    size_t array, count;   /* offsets into struct config */
    size_t argument;       /* offset of `char *name` or, with many, of `struct config_strings` */
    const char *meaning;
    const struct config_key *keys;
    size_t key_count;
};

extern const struct config_section config_sections[];
extern const size_t config_section_count;

/* NULL when there is none of that name. */
const struct config_section *config_section_find(struct bytes name);
const struct config_key *config_key_find(const struct config_section *section, struct bytes name);

/* The known name nearest to `name`, or NULL when none is near: of the keys of a section, or of the
 * sections. */
const char *config_key_nearest(const struct config_section *section, struct bytes name);
const char *config_section_nearest(struct bytes name);
const char *config_word_nearest(struct bytes word, const char *const *known, size_t count);

/* "text", "number", "size", ... */
const char *config_type_name(enum config_type type);

#endif
