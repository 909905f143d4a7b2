/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * json: writes JSON (RFC 8259) into a buf, compactly and without a tree.
 *
 * The writer keeps the commas; the caller keeps the nesting. Octets that are not valid UTF-8 become
 * U+FFFD, so that hostile mail cannot make invalid JSON. Failure is the buf's sticky `failed`.
 * (The names keep clear of jansson's, which is what we read JSON with.)
 *
 *   struct json j = json_into(&buf);
 *   json_begin_object(&j); json_key(&j, "result"); json_add_string(&j, "pass"); json_end_object(&j);
 */
#ifndef VOUCH_BASE_JSON_H
#define VOUCH_BASE_JSON_H

#include "base/buf.h"

struct json {
    struct buf *out;
    bool comma; /* something stands before the next value at this level */
};

struct json json_into(struct buf *out);

void json_begin_object(struct json *j);
void json_end_object(struct json *j);
void json_begin_array(struct json *j);
void json_end_array(struct json *j);
void json_key(struct json *j, const char *key);

void json_add_string(struct json *j, const char *string); /* NULL writes null */
void json_add_bytes(struct json *j, struct bytes bytes);
void json_add_integer(struct json *j, int64_t value);
void json_add_number(struct json *j, double value); /* shortest form that reads back the same */
void json_add_bool(struct json *j, bool value);
void json_add_null(struct json *j);

/* Key and value at once. */
void json_member(struct json *j, const char *key, const char *string);
void json_member_bytes(struct json *j, const char *key, struct bytes bytes);
void json_member_integer(struct json *j, const char *key, int64_t value);
void json_member_bool(struct json *j, const char *key, bool value);

#endif
