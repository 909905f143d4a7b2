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
    CONFIG_ENDPOINTS,   /* struct config_endpoints */
    CONFIG_HOSTS,       /* struct config_hosts */
    CONFIG_ADDRESSES,   /* struct config_strings: user@domain, or @domain for all of it */
    CONFIG_POINTS,      /* int, hundredths: "2.5", "-3"; `least` and `most` in hundredths */
    CONFIG_TEXTS        /* struct config_strings, each as `check` wants it */
};

enum { CONFIG_CHOICES = 8, CONFIG_KEYS = 40 };

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

/* Keys of the sections about judgement (schema_judgement.c). */
enum {
    CONFIG_DNSLIST_KEYS = 8,
    CONFIG_RATING_KEYS = 3,
    CONFIG_RULE_KEYS = 7,
    CONFIG_REPUTATION_KEYS = 10,
    CONFIG_RATES_KEYS = 15,
    CONFIG_GREYLIST_KEYS = 3,
    CONFIG_FILTER_KEYS = 6,
    CONFIG_QUARANTINE_KEYS = 1,
    CONFIG_CLAMD_KEYS = 4,
    CONFIG_PHISHING_KEYS = 3,
    CONFIG_STATE_KEYS = 4
};
extern const struct config_key config_dnslist_keys[CONFIG_DNSLIST_KEYS];
extern const struct config_key config_rating_keys[CONFIG_RATING_KEYS];
extern const struct config_key config_rule_keys[CONFIG_RULE_KEYS];
extern const struct config_key config_reputation_keys[CONFIG_REPUTATION_KEYS];
extern const struct config_key config_rates_keys[CONFIG_RATES_KEYS];
extern const struct config_key config_greylist_keys[CONFIG_GREYLIST_KEYS];
extern const struct config_key config_filter_keys[CONFIG_FILTER_KEYS];
extern const struct config_key config_quarantine_keys[CONFIG_QUARANTINE_KEYS];
extern const struct config_key config_clamd_keys[CONFIG_CLAMD_KEYS];
extern const struct config_key config_phishing_keys[CONFIG_PHISHING_KEYS];
extern const struct config_key config_state_keys[CONFIG_STATE_KEYS];

/* Keys of the sections about sending (schema_sending.c). */
enum {
    CONFIG_ACCOUNTS_KEYS = 8,
    CONFIG_SUBMISSION_KEYS = 15,
    CONFIG_MACHINE_KEYS = 2,
    CONFIG_QUEUE_KEYS = 17,
    CONFIG_ROUTE_KEYS = 8,
    CONFIG_RELAY_KEYS = 4,
    CONFIG_LIST_KEYS = 7,
    CONFIG_FORWARDING_KEYS = 2
};
extern const struct config_key config_accounts_keys[CONFIG_ACCOUNTS_KEYS];
extern const struct config_key config_submission_keys[CONFIG_SUBMISSION_KEYS];
extern const struct config_key config_machine_keys[CONFIG_MACHINE_KEYS];
extern const struct config_key config_queue_keys[CONFIG_QUEUE_KEYS];
extern const struct config_key config_route_keys[CONFIG_ROUTE_KEYS];
extern const struct config_key config_relay_keys[CONFIG_RELAY_KEYS];
extern const struct config_key config_list_keys[CONFIG_LIST_KEYS];
extern const struct config_key config_forwarding_keys[CONFIG_FORWARDING_KEYS];

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
