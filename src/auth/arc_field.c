/* SPDX-License-Identifier: BSD-2-Clause */
#include "auth/arc_field.h"

#include "auth/dkim_tags.h"
#include "base/ascii.h"
#include "message/structured.h"

enum { INSTANCE_DIGITS_MAX = 2 }; /* rfc8617:4.2.1 */

static const char *const kind_names[] = {
    [ARC_AUTHENTICATION_RESULTS] = "ARC-Authentication-Results",
    [ARC_MESSAGE_SIGNATURE] = "ARC-Message-Signature",
    [ARC_SEAL] = "ARC-Seal",
};

const char *arc_kind_name(enum arc_kind kind)
{
    return kind_names[kind];
}

bool arc_kind_of(struct bytes name, enum arc_kind *out)
{
    if (!bytes_starts_with_nocase(name, BYTES("ARC-")))
        return false;
    for (int kind = 0; kind < ARC_KINDS; kind++) {
        if (bytes_is_nocase(name, kind_names[kind])) {
            *out = (enum arc_kind)kind;
            return true;
        }
    }
    return false;
}

static bool read_instance(struct bytes text, unsigned *out)
{
    uint64_t number;
    if (text.len > INSTANCE_DIGITS_MAX || !bytes_to_uint(text, 99, &number) || number == 0)
        return false;
    *out = (unsigned)number;
    return true;
}

enum result arc_auth_results_split(struct bytes value, unsigned *instance, struct bytes *payload,
                                   struct error *error)
{
    struct cursor c = cursor_over(value);
    *instance = 0;
    structured_skip(&c, NULL);
    cursor_expect(&c, 'i');
    structured_skip(&c, NULL);
    cursor_expect(&c, '=');
    structured_skip(&c, NULL);
    struct bytes digits = cursor_take_while(&c, ascii_is_digit);
    structured_skip(&c, NULL);
    cursor_expect(&c, ';');
    if (c.failed)
        return error_set(error, PERM, "it does not begin with an instance, as in \"i=1;\"");
    if (!read_instance(digits, instance))
        return error_set(error, PERM, "its instance (i=) is no number from 1 to 50");
    *payload = cursor_rest(&c);
    return OK;
}

/* The letters' case is free (rfc8617:3.9: strings of ABNF). */
static enum auth_result read_cv(const struct dkim_tags *tags)
{
    static const enum auth_result known[] = {AUTH_NONE, AUTH_PASS, AUTH_FAIL};
    const struct dkim_tag *tag = dkim_tags_find(tags, "cv");
    for (size_t i = 0; tag && i < countof(known); i++)
        if (bytes_is_nocase(tag->value, auth_result_name(known[i])))
            return known[i];
    return AUTH_UNKNOWN;
}

/* What the chain asks of a seal on top of its being a signature (rfc8617:4.1.3). */
static enum result check_seal(const struct dkim_tags *tags, const struct arc_signature *seal,
                              struct error *error)
{
    if (dkim_tags_find(tags, "h"))
        return error_set(error, PERM, "h= must not stand in a seal");
    if (seal->cv == AUTH_UNKNOWN)
        return error_set(error, PERM, "cv= says neither none nor pass nor fail");
    return OK;
}

/* Sealers must not list any field of ARC (rfc8617:4.1.2), yet some list the other two, and their
 * chains are whole; only a seal, which is made after the message signature, cannot be covered. */
static enum result check_header_names(const struct dkim_signature *signature, struct error *error)
{
    for (size_t i = 0; i < signature->header_name_count; i++)
        if (bytes_is(signature->header_names[i], "arc-seal"))
            return error_set(error, PERM, "h= must not list ARC-Seal");
    return OK;
}

enum result arc_signature_parse(struct arena *arena, enum arc_kind kind, struct bytes value,
                                struct arc_signature *out, struct error *error)
{
    struct dkim_tags tags;
    bool seal = kind == ARC_SEAL;
    *out = (struct arc_signature){.cv = AUTH_UNKNOWN};
    enum result result = dkim_tags_parse(value, &tags, error);
    if (result != OK)
        return result;
    const struct dkim_tag *instance = dkim_tags_find(&tags, "i");
    if (!instance || !read_instance(instance->value, &out->instance))
        return error_set(error, PERM,
                         instance ? "its instance (i=) is no number from 1 to 50"
                                  : "it has no instance (i=)");
    if (seal)
        out->cv = read_cv(&tags);
    result = dkim_signature_parse_arc(arena, &tags, seal, &out->signature, error);
    if (result != OK)
        return result == TEMP ? TEMP : PERM;
    return seal ? check_seal(&tags, out, error) : check_header_names(&out->signature, error);
}
