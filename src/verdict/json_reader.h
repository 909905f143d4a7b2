/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * json_reader: reads what json.h wrote, through jansson, with one sticky error for the whole read.
 *
 * A missing member gives the empty value; a member of another type is malformed. Strings are copied
 * into the arena. Private to src/verdict.
 */
#ifndef VOUCH_VERDICT_JSON_READER_H
#define VOUCH_VERDICT_JSON_READER_H

#include "base/arena.h"

#include <jansson.h>

struct json_reader {
    struct arena *arena;
    json_t *root;
    bool malformed, exhausted;
    json_error_t problem;
};

const json_t *json_reader_open(struct json_reader *reader, struct arena *arena, struct bytes text);
struct bytes json_reader_bytes(struct json_reader *reader, const json_t *object, const char *key);
int64_t json_reader_integer(struct json_reader *reader, const json_t *object, const char *key);
bool json_reader_bool(struct json_reader *reader, const json_t *object, const char *key);
const json_t *json_reader_array(struct json_reader *reader, const json_t *object, const char *key);
struct bytes json_reader_element(struct json_reader *reader, const json_t *array, size_t index);
/* Frees the tree; OK, PERM (malformed) or TEMP (arena at its cap). `what` is for the sentence. */
enum result json_reader_close(struct json_reader *reader, const char *what, struct error *error)
    must_check;

#endif
