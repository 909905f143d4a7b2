/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * filter: how likely a message is junk, by what it says and how it is made, as learned from people's examples.
 *
 * The model lives in a block of memory of fixed size that the caller owns: a file that one process maps
 * read-write and trains, while others map it read-only and classify at the same time, without a lock. Each
 * value is one aligned word, stored at once; a reader may meet a message that is half learned, which moves its
 * opinion by less than that message does. Nothing in the block is an offset or a length that is followed, and
 * every number is brought within its bounds when it is read: a block that was torn by a crash, or is altogether
 * foreign behind a valid header, gives a wrong opinion at worst. Crashes need no repair: at most the message
 * that was being learned is half in it.
 *
 * Features are made once for a message and serve any number of models (a domain's own, and the shared one).
 * Nothing here learns from its own opinion: filter_train() is told by people, or by traps.
 *
 * No allocation outside the arena, no files, no clock, no chance: the same calls give the same results.
 */
#ifndef VOUCH_FILTER_FILTER_H
#define VOUCH_FILTER_FILTER_H

#include "message/readable.h"

/* ---- the features of a message ---- */

/*
 * The views of a message. Each has a model of its own, a logistic regression, and their log-odds are averaged:
 * what one takes for granted (all mail by this path was ham) the others may contradict, which one regression
 * over everything would not let them. doc/filter-notes.md has the measurements behind this.
 */
enum filter_component {
    FILTER_HEADER, /* words of the header, each with its field, and how the message is put together */
    FILTER_GRAMS,  /* sequences of four octets of the text and of the HTML source */
    FILTER_WORDS,  /* words of text and subject, parts of URLs */
    FILTER_COMPONENTS
};
const char *filter_component_name(enum filter_component component);

struct filter_feature; /* feature.h */

struct filter_features {
    struct filter_feature *list; /* each once; in any order of components */
    size_t count;
    struct bytes text;             /* unused; features point into message and arena */
    const struct message *message; /* whose fields features name; or NULL: then clues do not say where */
};

/* Bounded by the first octets of text and header, whatever the size of the message; linear. All in the arena
 * and in the message, which must both outlive it. OK, or TEMP at the arena's cap. Fields that a delivery adds
 * (ours and Delivered-To, X-Spam-Status and their like) say nothing here: no model learns its own verdicts. */
enum result filter_features_make(struct arena *arena, const struct message *message,
                                 const struct readable *readable, struct filter_features *out,
                                 struct error *error) must_check;

/* ---- the model ---- */

/* A handle, by value: the block with its geometry, checked once. Copy it freely; the block must outlive it. */
struct filter_model {
    const void *memory;
    void *writable; /* the same block, or NULL: read only */
    uint64_t seed;
    uint32_t buckets; /* a power of two */
};

enum {
    FILTER_SLOTS_DEFAULT = 1 << 21, /* features that a model remembers; what is rare and old makes way */
    FILTER_SLOTS_MIN = 1 << 10,
    FILTER_SLOTS_MAX = 1 << 28
};

/* Octets of the block for so many features (rounded up to a power of two, and to the limits above). */
size_t filter_model_size(size_t slots);

/* Makes an empty model in `memory` (aligned to 64 octets; as large as filter_model_size() said). `seed` must be
 * chance: it keeps strangers from choosing words that meet in the table. PERM if the size is no model's. */
enum result filter_model_create(void *memory, size_t size, uint64_t seed, struct filter_model *out,
                                struct error *error) must_check;
/* PERM if it is no model, or one of another version or size; then a new one is to be made and trained anew. */
enum result filter_model_open(const void *memory, size_t size, struct filter_model *out,
                              struct error *error) must_check;
/* The same for the one that trains. */
enum result filter_model_open_writable(void *memory, size_t size, struct filter_model *out,
                                       struct error *error) must_check;

struct filter_counts {
    uint64_t ham, spam; /* messages learned and not unlearned */
    uint64_t trained;   /* calls of filter_train(): changes whenever the model does */
};
struct filter_counts filter_model_counts(const struct filter_model *model);

/* Slots in use; reads the whole table. */
size_t filter_model_used(const struct filter_model *model);

/* ---- opinions ---- */

enum { FILTER_CLUES = 12, FILTER_CLUE_TEXT = 64, FILTER_TRAINED_MIN = 20 };

struct filter_clue {
    char text[FILTER_CLUE_TEXT]; /* "subject:offer", "free money"; printable UTF-8, NUL-terminated */
    double weight;               /* above 0: towards junk; natural logarithm of odds, about */
    uint32_t ham, spam;          /* messages of each class that had it */
};

struct filter_result {
    bool opinion;        /* false: trained with fewer than FILTER_TRAINED_MIN of a class; the rest says nothing */
    double probability;  /* that it is junk, calibrated; 0.5 without opinion */
    double log_odds;     /* natural logarithm of p/(1-p); 0 without opinion */
    double raw;          /* the same, but also given where there is no opinion yet: for measurements */
    double points;       /* 5*log10(p/(1-p)): adds up with other evidence */
    double component[FILTER_COMPONENTS]; /* log-odds as each view for itself sees it, not calibrated */
    uint64_t ham, spam;  /* what the model was trained with */
    size_t features, known; /* of the message; those that the model has seen */
    size_t clue_count;
    struct filter_clue clues[FILTER_CLUES]; /* the strongest first */
};

enum filter_want { FILTER_PLAIN, FILTER_WITH_CLUES };

/* Safe beside a process that trains. Clues cost a little, so only those who show them ask for them. */
void filter_classify(const struct filter_model *model, const struct filter_features *features,
                     enum filter_want want, struct filter_result *out);

/* One opinion of two: that of a domain's own model counts the more, the more it has been trained. Either may
 * be without opinion. Clues are those of both. */
void filter_combine(const struct filter_result *domain, const struct filter_result *shared,
                    struct filter_result *out);

/* Learns that a message is spam or ham, or, with `undo`, forgets that it was learned so: counts are as before
 * (those of a feature stop at 65,535), weights go back towards having no opinion. Only on a writable model (else
 * it does nothing), by one process at a time. */
void filter_train(struct filter_model *model, const struct filter_features *features, bool spam, bool undo);
/* Reminds the model of a message that it has learned, and that others of the other class came since: whoever is
 * taught all ham, and then all spam, calls everything spam but for this. Counts and calibration stay. */
void filter_rehearse(struct filter_model *model, const struct filter_features *features, bool spam);

#endif
