/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lexer: the tokens of a configuration text. Reports its own faults and goes on behind them; it
 * never fails. Words are slices of the text, or of the arena where escapes were undone.
 */
#ifndef VOUCH_CONFIG_LEXER_H
#define VOUCH_CONFIG_LEXER_H

#include "config/syntax.h"

enum config_token_kind {
    CONFIG_WORD, /* bare or quoted */
    CONFIG_EQUALS,
    CONFIG_OPEN,   /* { */
    CONFIG_CLOSE,  /* } */
    CONFIG_LIST,   /* [ */
    CONFIG_UNLIST, /* ] */
    CONFIG_COMMA,
    CONFIG_NEWLINE,
    CONFIG_BROKEN, /* a fault has been reported: drop the statement */
    CONFIG_END
};

struct config_token {
    enum config_token_kind kind;
    struct config_word word;
    bool quoted;
};

struct config_lexer {
    struct arena *arena;
    struct config_faults *faults;
    struct bytes text;
    size_t position;
    struct config_place place;
};

/* In names a '=' or '{' ends a word; in values '=' may stand inside one, and so may [...] and {...}
 * (an address literal, a placeholder). */
enum config_lexer_mode { CONFIG_NAMES, CONFIG_VALUES };

/* Checks that the text is UTF-8; what follows an octet that is not is left out. */
struct config_lexer config_lexer_over(struct arena *arena, struct config_faults *faults,
                                      const struct config_source *source);
struct config_token config_lexer_next(struct config_lexer *lexer, enum config_lexer_mode mode);
/* Recovers from a fault: on to the end of the line. What is gone by is not reported again. Returns
 * how many more '{' than '}' stood there. */
int config_lexer_skip_line(struct config_lexer *lexer);

#endif
