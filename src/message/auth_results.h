/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * auth_results: the results that authentication methods give, and the header field that carries
 * them (RFC 8601; methods and properties of the IANA registry).
 */
#ifndef VOUCH_MESSAGE_AUTH_RESULTS_H
#define VOUCH_MESSAGE_AUTH_RESULTS_H

#include "base/arena.h"
#include "base/buf.h"

/* The union of the result names of all methods (rfc8601:2.7, rfc7208:2.6, rfc5617, rfc8617). */
enum auth_result {
    AUTH_NONE, AUTH_PASS, AUTH_FAIL, AUTH_SOFTFAIL, AUTH_NEUTRAL, AUTH_POLICY, AUTH_TEMPERROR,
    AUTH_PERMERROR, AUTH_NXDOMAIN, AUTH_DISCARD, AUTH_UNKNOWN
};
const char *auth_result_name(enum auth_result result); /* "none", "pass", … */
bool auth_result_parse(struct bytes text, enum auth_result *out); /* also "hardfail" for fail */

struct auth_property {
    struct bytes type;  /* "smtp", "header", "body", "policy" */
    struct bytes name;  /* "mailfrom", "d", … */
    struct bytes value; /* unquoted */
};

/* One resinfo: method=result (reason) properties. */
struct auth_statement {
    struct bytes method;      /* "spf", "dkim", … lower case */
    unsigned version;         /* 1 when not given */
    enum auth_result result;
    struct bytes result_text; /* as written, when parsed */
    struct bytes reason;      /* reason="…", may be empty */
    struct bytes comment;     /* text of a comment behind the result, may be empty */
    struct auth_property *properties;
    size_t property_count;
};

struct auth_results {
    struct bytes authserv_id; /* unquoted */
    unsigned version;         /* 1 when not given */
    struct auth_statement *statements; /* empty: "; none" */
    size_t statement_count;
};

/* More of either, in one field or one statement, is PERM. The writer cuts off values that would be
 * longer than the third with their backslashes, so that no line can pass 998 octets. */
enum { AUTH_STATEMENTS_MAX = 100, AUTH_PROPERTIES_MAX = 100, AUTH_VALUE_MAX = 900 };

/* Parses a field's value (folded or not). PERM where it is not RFC 8601, with the position in the
 * error; TEMP at the arena's cap. Methods, property types and property names come lower-cased.
 * Read beyond the grammar, because large operators write it: '/' and '=' in unquoted values
 * ("header.b=Qgi/FoC0"), a final ';', and "name=value" without a property type, which is skipped. A
 * result name that is not known is AUTH_NONE with result_text as written (rfc8601:2.7.7). */
enum result auth_results_parse(struct arena *arena, struct bytes value, struct auth_results *out,
                               struct error *error) must_check;
/* Appends "Authentication-Results: …\r\n" (with the payload of rfc8601:2.2), each statement in
 * a line of its own, folded before column 78 where it can be, values quoted
 * when they are not a plain token / dot-atom, control characters and line ends never written. A
 * statement whose method, or a property whose type or name, is no Keyword is left out. result_text
 * is written only where it is a name that auth_result_parse() does not know. */
void auth_results_write(struct buf *out, const struct auth_results *results);
/* The same as "ARC-Authentication-Results: i=<instance>; …\r\n" (rfc8617:4.1.1). */
void auth_results_write_arc(struct buf *out, const struct auth_results *results, unsigned instance);

#endif
