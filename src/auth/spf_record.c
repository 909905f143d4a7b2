/* SPDX-License-Identifier: BSD-2-Clause */
#include "auth/spf_record.h"

#include "auth/spf_macro.h"
#include "base/ascii.h"

#include <string.h>

static const struct bytes version = BYTES_INIT("v=spf1");

struct parser {
    struct spf_record *record;
    struct bytes term;
    const char *problem;
};

static bool fail(struct parser *p, const char *problem)
{
    p->problem = problem;
    return false;
}

bool spf_record_has_version(struct bytes text)
{
    return bytes_starts_with_nocase(text, version) &&
           (text.len == version.len || text.ptr[version.len] == ' ');
}

/* ---- Prefix lengths and networks (rfc7208:5.6) ---- */

/* The number of digits at the end of `text`. */
static size_t trailing_digits(struct bytes text)
{
    size_t count = 0;
    while (count < text.len && ascii_is_digit(text.ptr[text.len - 1 - count]))
        count++;
    return count;
}

/* "0" or digits without a leading zero, at most `max`. */
static bool parse_prefix(struct bytes digits, unsigned max, uint8_t *out)
{
    uint64_t value;
    if ((digits.len > 1 && digits.ptr[0] == '0') || !bytes_to_uint(digits, max, &value))
        return false;
    *out = (uint8_t)value;
    return true;
}

/*
 * Cuts `slashes` followed by digits off the end of *text. No domain-spec can end in such a thing (a
 * top label has a letter or hyphen and no slash), so this is never ambiguous.
 */
static bool cut_prefix(struct parser *p, struct bytes *text, size_t slashes, unsigned max,
                       uint8_t *out)
{
    size_t digits = trailing_digits(*text);
    if (digits == 0 || text->len < digits + slashes)
        return true;
    struct bytes before = bytes_first(*text, text->len - digits);
    for (size_t i = 0; i < slashes; i++)
        if (before.ptr[before.len - 1 - i] != '/')
            return true;
    if (!parse_prefix(bytes_skip(*text, before.len), max, out))
        return fail(p, "the prefix length is not a number in range");
    *text = bytes_first(before, before.len - slashes);
    return true;
}

/* Dotted quad without leading zeros; four numbers, no more and no fewer. */
static bool parse_ip4(struct bytes text, uint8_t out[16])
{
    size_t i = 0;
    for (size_t part = 0; part < 4; part++) {
        if (part && (i >= text.len || text.ptr[i++] != '.'))
            return false;
        unsigned value = 0;
        size_t start = i;
        while (i < text.len && i - start < 4 && ascii_is_digit(text.ptr[i]))
            value = value * 10 + (unsigned)(text.ptr[i++] - '0');
        if (i == start || value > 255 || (i - start > 1 && text.ptr[start] == '0'))
            return false;
        out[part] = (uint8_t)value;
    }
    return i == text.len;
}

/* An IPv4-mapped network stays IPv6 here: it matches no IPv4 client (rfc7208:5). */
static bool parse_ip6(struct bytes text, uint8_t out[16])
{
    struct ip ip;
    if (!ip_parse_v6(text, &ip))
        return false;
    if (ip.family == 6) {
        memcpy(out, ip.octets, 16);
    } else {
        memset(out, 0, 10);
        memset(out + 10, 0xff, 2);
        memcpy(out + 12, ip.octets, 4);
    }
    return true;
}

static bool parse_network(struct parser *p, struct spf_directive *d, struct bytes rest)
{
    bool four = d->mechanism == SPF_IP4;
    if (rest.len < 2 || rest.ptr[0] != ':')
        return fail(p, "an address is missing");
    rest = bytes_skip(rest, 1);
    if (!cut_prefix(p, &rest, 1, four ? 32 : 128, four ? &d->prefix4 : &d->prefix6))
        return false;
    if (four ? !parse_ip4(rest, d->network) : !parse_ip6(rest, d->network))
        return fail(p, four ? "not an IPv4 network" : "not an IPv6 network");
    return true;
}

/* ---- Terms (rfc7208:4.6.1) ---- */

static bool parse_domain_spec(struct parser *p, struct bytes text, struct bytes *out)
{
    struct ip ip;
    if (text.len == 0)
        return fail(p, "a domain name is missing");
    if (!spf_domain_spec_is_valid(text))
        return fail(p, ip_parse(text, &ip)
                           ? "an address where a domain name belongs (use ip4 or ip6)"
                           : "not a valid domain name");
    *out = text;
    return true;
}

/* rest: what stands behind the mechanism's name. */
static bool parse_arguments(struct parser *p, struct spf_directive *d, struct bytes rest)
{
    switch (d->mechanism) {
    case SPF_ALL:
        return rest.len == 0 || fail(p, "\"all\" takes no argument");
    case SPF_IP4:
    case SPF_IP6:
        return parse_network(p, d, rest);
    case SPF_A:
    case SPF_MX:
        if (!cut_prefix(p, &rest, 2, 128, &d->prefix6) || !cut_prefix(p, &rest, 1, 32, &d->prefix4))
            return false;
        break;
    default:
        break;
    }
    if (rest.len == 0)
        return d->mechanism != SPF_INCLUDE && d->mechanism != SPF_EXISTS
                   ? true
                   : fail(p, "a domain name is missing");
    if (rest.ptr[0] != ':')
        return fail(p, "not a valid prefix length");
    return parse_domain_spec(p, bytes_skip(rest, 1), &d->domain_spec);
}

static bool find_mechanism(struct bytes name, uint8_t *out)
{
    static const struct bytes names[] = {
        [SPF_ALL] = BYTES_INIT("all"), [SPF_INCLUDE] = BYTES_INIT("include"),
        [SPF_A] = BYTES_INIT("a"),     [SPF_MX] = BYTES_INIT("mx"),
        [SPF_PTR] = BYTES_INIT("ptr"), [SPF_IP4] = BYTES_INIT("ip4"),
        [SPF_IP6] = BYTES_INIT("ip6"), [SPF_EXISTS] = BYTES_INIT("exists"),
    };
    if (name.len == 0)
        return false;
    /* The first two tests are only for speed. */
    for (uint8_t i = 0; i < countof(names); i++) {
        if (name.len == names[i].len && ascii_lower(name.ptr[0]) == names[i].ptr[0] &&
            bytes_equal_nocase(name, names[i])) {
            *out = i;
            return true;
        }
    }
    return false;
}

/* redirect and exp stand at most once (rfc7208:6). */
static bool parse_known_modifier(struct parser *p, struct bytes value, struct bytes *spec,
                                 struct bytes *text)
{
    if (spec->len)
        return fail(p, "the modifier is given twice");
    *text = p->term;
    return parse_domain_spec(p, value, spec);
}

/* A modifier of a known name is never taken for an unknown one (rfc7208:12: "where name is not any
 * known modifier"). */
static bool parse_modifier(struct parser *p, struct bytes name, struct bytes value)
{
    if (!ascii_is_alpha(name.ptr[0]))
        return fail(p, "a modifier's name must begin with a letter");
    if (bytes_equal_nocase(name, BYTES("redirect")))
        return parse_known_modifier(p, value, &p->record->redirect, &p->record->redirect_text);
    if (bytes_equal_nocase(name, BYTES("exp")))
        return parse_known_modifier(p, value, &p->record->explanation,
                                    &p->record->explanation_text);
    /* The grammar lets any macro letter stand in a modifier that other documents define. */
    return spf_macro_is_valid(value, SPF_MACRO_STRING) || fail(p, "invalid macro or character");
}

static bool is_name_octet(uint8_t c)
{
    return ascii_is_alnum(c) || c == '-' || c == '_' || c == '.';
}

static bool parse_term(struct parser *p)
{
    struct bytes rest = p->term;
    uint8_t qualifier = rest.ptr[0];
    bool qualified = qualifier == '+' || qualifier == '-' || qualifier == '~' || qualifier == '?';
    if (qualified)
        rest = bytes_skip(rest, 1);
    size_t end = 0;
    while (end < rest.len && is_name_octet(rest.ptr[end]))
        end++;
    struct bytes name = bytes_first(rest, end);
    rest = bytes_skip(rest, end);
    if (!qualified && name.len && rest.len && rest.ptr[0] == '=')
        return parse_modifier(p, name, bytes_skip(rest, 1));

    struct spf_directive *d = &p->record->directives[p->record->directive_count];
    if (!find_mechanism(name, &d->mechanism))
        return fail(p, "no such mechanism");
    d->text = p->term;
    d->qualifier = qualified ? qualifier : '+';
    d->prefix4 = 32;
    d->prefix6 = 128;
    p->record->directive_count++;
    return parse_arguments(p, d, rest);
}

/* Takes the next term; only SP stands between terms (rfc7208:4.6.1). */
static bool next_term(struct bytes *rest, struct bytes *term)
{
    const uint8_t *at = rest->ptr, *end = rest->ptr + rest->len;
    while (at < end && *at == ' ')
        at++;
    if (at == end)
        return false;
    const uint8_t *space = memchr(at, ' ', (size_t)(end - at));
    const uint8_t *stop = space ? space : end;
    *term = bytes_from(at, (size_t)(stop - at));
    *rest = bytes_from(stop, (size_t)(end - stop));
    return true;
}

/* Room for one more directive; it doubles, so that most records take one small allocation. */
static bool make_room(struct arena *arena, struct spf_record *record, size_t *room)
{
    if (record->directive_count < *room)
        return true;
    size_t more = *room ? 2 * *room : 12;
    struct spf_directive *directives = arena_alloc_array(arena, more, sizeof(*directives));
    if (!directives)
        return false;
    if (record->directive_count)
        memcpy(directives, record->directives, record->directive_count * sizeof(*directives));
    record->directives = directives;
    *room = more;
    return true;
}

enum result spf_record_parse_terms(struct arena *arena, struct bytes text, size_t start,
                                   struct spf_record *out, struct bytes *where, struct error *error)
{
    struct parser p = {.record = out};
    *out = (struct spf_record){.text = text};
    if (where)
        *where = (struct bytes){0};
    struct bytes rest = bytes_skip(text, start);
    size_t count = 0, room = 0;
    while (next_term(&rest, &p.term)) {
        if (++count > SPF_RECORD_TERMS_MAX)
            return error_set(error, PERM, "more than %d terms", SPF_RECORD_TERMS_MAX);
        if (!make_room(arena, out, &room))
            return error_set(error, TEMP, "out of memory");
        if (parse_term(&p))
            continue;
        if (where)
            *where = p.term;
        return error_set(error, PERM, "syntax error in \"%.*s\": %s",
                         (int)(p.term.len > 100 ? 100 : p.term.len), (const char *)p.term.ptr,
                         p.problem);
    }
    return OK;
}

enum result spf_record_parse(struct arena *arena, struct bytes text, struct spf_record *out,
                             struct bytes *where, struct error *error)
{
    if (spf_record_has_version(text))
        return spf_record_parse_terms(arena, text, version.len, out, where, error);
    *out = (struct spf_record){.text = text};
    if (where)
        *where = (struct bytes){0};
    return error_set(error, PERM, "not an SPF record");
}
