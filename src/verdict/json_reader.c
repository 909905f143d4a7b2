/* SPDX-License-Identifier: BSD-2-Clause */
#include "verdict/json_reader.h"

const json_t *json_reader_open(struct json_reader *reader, struct arena *arena, struct bytes text)
{
    *reader = (struct json_reader){.arena = arena};
    reader->root = json_loadb(text.len ? (const char *)text.ptr : "", text.len, JSON_ALLOW_NUL,
                              &reader->problem);
    reader->malformed = !json_is_object(reader->root);
    return reader->root;
}

static struct bytes copy_string(struct json_reader *reader, const json_t *value)
{
    if (!value)
        return BYTES("");
    if (!json_is_string(value)) {
        reader->malformed = true;
        return BYTES("");
    }
    struct bytes copy =
        arena_copy(reader->arena, bytes_from(json_string_value(value), json_string_length(value)));
    if (!copy.ptr) {
        reader->exhausted = true;
        return BYTES("");
    }
    return copy;
}

struct bytes json_reader_bytes(struct json_reader *reader, const json_t *object, const char *key)
{
    return copy_string(reader, json_object_get(object, key));
}

int64_t json_reader_integer(struct json_reader *reader, const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    if (value && !json_is_integer(value))
        reader->malformed = true;
    return json_integer_value(value);
}

bool json_reader_bool(struct json_reader *reader, const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    if (value && !json_is_boolean(value))
        reader->malformed = true;
    return json_is_true(value);
}

const json_t *json_reader_array(struct json_reader *reader, const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    if (value && !json_is_array(value))
        reader->malformed = true;
    return json_is_array(value) ? value : NULL;
}

struct bytes json_reader_element(struct json_reader *reader, const json_t *array, size_t index)
{
    return copy_string(reader, json_array_get(array, index));
}

enum result json_reader_close(struct json_reader *reader, const char *what, struct error *error)
{
    json_decref(reader->root);
    if (reader->malformed)
        return error_set(error, PERM, "malformed %s in the ledger: %s", what,
                         reader->problem.text[0] ? reader->problem.text : "unexpected structure");
    if (reader->exhausted)
        return error_set(error, TEMP, "not enough memory to read the %s", what);
    return OK;
}
