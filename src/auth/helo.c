/* SPDX-License-Identifier: BSD-2-Clause */
#include "auth/helo.h"

#include "base/ascii.h"
#include "base/domain.h"

enum { SHOWN_MAX = 255 };

const char *helo_kind_name(enum helo_kind kind)
{
    static const char *const names[] = {"name", "literal", "unqualified", "malformed"};
    return names[kind];
}

/* ---- Kinds ---- */

/* Numbers of up to three digits are decimal, whatever zeros they begin with (rfc5321:4.1.3). */
static bool read_ipv4_literal(struct bytes text, struct ip *out)
{
    uint8_t octets[4];
    size_t count = 0;
    struct bytes rest = text, part;
    while (bytes_split(&rest, '.', &part)) {
        uint64_t value;
        if (count == sizeof(octets) || part.len > 3 || !bytes_to_uint(part, 255, &value))
            return false;
        octets[count++] = (uint8_t)value;
    }
    if (count != sizeof(octets))
        return false;
    *out = ip_from_v4(octets);
    return true;
}

/* Of the other kinds of literal none has been registered (rfc5321:8). */
static bool read_literal(struct bytes helo, struct ip *out)
{
    struct bytes tag = BYTES("IPv6:");
    if (!bytes_starts_with(helo, BYTES("[")) || !bytes_ends_with(helo, BYTES("]")))
        return false;
    struct bytes text = bytes_slice(helo, 1, helo.len - 1);
    if (bytes_starts_with_nocase(text, tag))
        return ip_parse_v6(bytes_skip(text, tag.len), out);
    return read_ipv4_literal(text, out);
}

static bool is_number(struct bytes label)
{
    for (size_t i = 0; i < label.len; i++)
        if (!ascii_is_digit(label.ptr[i]))
            return false;
    return true;
}

/* Names that mean something else on every host (rfc6761:6.3, rfc6762:3). */
static bool is_local_only(struct bytes name)
{
    static const struct bytes zones[] = {BYTES_INIT("localhost"), BYTES_INIT("localdomain"),
                                         BYTES_INIT("local")};
    for (size_t i = 0; i < countof(zones); i++)
        if (domain_is_within(name, zones[i]))
            return true;
    return false;
}

enum helo_kind helo_kind_of(struct bytes helo, struct ip *literal)
{
    struct bytes name = domain_strip_dot(helo);
    *literal = (struct ip){0};
    if (read_literal(helo, literal))
        return HELO_LITERAL;
    if (!domain_is_valid(name) || is_number(domain_last_labels(name, 1)))
        return HELO_MALFORMED;
    if (bytes_find_byte(name, '.') == BYTES_NOT_FOUND || is_local_only(name))
        return HELO_UNQUALIFIED;
    return HELO_NAME;
}

/* ---- The check ---- */

struct helo_check {
    struct dns *dns;
    struct arena *arena;
    const struct helo_request *request;
    struct helo_result *result;
    struct ip client;
    struct bytes name; /* without a dot at the end */
};

static void conclude(struct helo_check *check, enum auth_result result, const char *problem)
{
    struct error text;
    error_set(&text, NONE, "%s", problem);
    check->result->result = result;
    check->result->problem = problem[0] ? arena_copy(check->arena, bytes_of(text.text)) : BYTES("");
}

static void conclude_name(struct helo_check *check, enum auth_result result, const char *format)
{
    struct error text, sentence;
    /* The name first, so that it is sanitised and bounded; the sentence around it is ours. */
    error_set(&text, NONE, BYTES_FMT, BYTES_ARG(bytes_first(check->request->helo, SHOWN_MAX)));
    error_set(&sentence, NONE, "\"%s\" %s", text.text, format);
    conclude(check, result, sentence.text);
}

static bool is_own_name(const struct helo_check *check)
{
    const struct helo_request *request = check->request;
    for (size_t i = 0; i < request->own_name_count; i++) {
        struct bytes own = domain_strip_dot(request->own_names[i]);
        if (own.len && bytes_equal_nocase(own, check->name))
            return true;
    }
    return false;
}

static bool is_ourselves(const struct helo_check *check)
{
    return ip_is_loopback(&check->client) || ip_equal(&check->client, &check->request->own_address);
}

static void conclude_own(struct helo_check *check)
{
    check->result->own = true;
    conclude_name(check, AUTH_FAIL, "is our own, and the client is somebody else");
}

/* Where our name leads is not asked: nobody else can have that address. */
static void conclude_ourselves(struct helo_check *check)
{
    check->result->ourselves = true;
    conclude(check, AUTH_PASS, "");
}

static void check_literal(struct helo_check *check, const struct ip *literal)
{
    if (ip_equal(literal, &check->client))
        conclude(check, AUTH_PASS, "");
    else if (ip_equal(literal, &check->request->own_address))
        conclude_own(check);
    else
        conclude_name(check, AUTH_FAIL, "is not the client's address");
}

static bool leads_to_client(const struct helo_check *check, const struct dns_answer *answer)
{
    for (size_t i = 0; i < answer->count; i++)
        if (ip_equal(&answer->records[i].ip, &check->client))
            return true;
    return false;
}

static void check_name(struct helo_check *check, bool own)
{
    bool v4 = check->client.family == 4;
    const struct dns_answer *answer = dns_query(check->dns, check->arena, check->name,
                                                v4 ? DNS_A : DNS_AAAA, check->request->deadline);
    if (leads_to_client(check, answer))
        conclude(check, AUTH_PASS, "");
    else if (own)
        /* Also when DNS fails: what nobody else may use needs no proof against him. */
        conclude_own(check);
    else if (answer->status == DNS_FAILED)
        conclude_name(check, AUTH_TEMPERROR, "could not be looked up: the DNS did not answer");
    else if (answer->status == DNS_FOUND)
        conclude_name(check, AUTH_FAIL, "does not resolve to the client's address");
    else if (answer->status == DNS_NO_NAME)
        conclude_name(check, AUTH_NONE, "does not exist in the DNS");
    else
        conclude_name(check, AUTH_NONE,
                      v4 ? "has no IPv4 address in the DNS" : "has no IPv6 address in the DNS");
}

static void conclude_malformed(struct helo_check *check)
{
    struct ip ip;
    if (check->request->helo.len == 0)
        conclude(check, AUTH_PERMERROR, "the client gave no name");
    else if (ip_parse(check->request->helo, &ip))
        conclude_name(check, AUTH_PERMERROR, "is an address without the brackets of a literal");
    else if (check->request->helo.ptr[0] == '[')
        conclude_name(check, AUTH_PERMERROR, "is not a valid address literal");
    else
        conclude_name(check, AUTH_PERMERROR, "is neither a domain name nor an address literal");
}

static void judge(struct helo_check *check, const struct ip *literal)
{
    bool own = is_own_name(check);
    if (check->client.family == 0)
        conclude(check, AUTH_NONE, "the client has no IP address");
    else if (check->result->kind == HELO_MALFORMED)
        conclude_malformed(check);
    else if (check->result->kind == HELO_LITERAL)
        check_literal(check, literal);
    else if (own && is_ourselves(check))
        conclude_ourselves(check);
    else if (check->result->kind == HELO_NAME)
        check_name(check, own);
    else if (own)
        conclude_own(check);
    else
        conclude_name(check, AUTH_NEUTRAL, "is not a fully qualified name");
}

void helo_check(struct dns *dns, struct arena *arena, const struct helo_request *request,
                struct helo_result *result)
{
    struct ip literal;
    struct helo_check check = {
        .dns = dns,
        .arena = arena,
        .request = request,
        .result = result,
        .client =
            request->client.family == 6 ? ip_from_v6(request->client.octets) : request->client,
        .name = domain_strip_dot(request->helo),
    };
    *result = (struct helo_result){.kind = helo_kind_of(request->helo, &literal)};
    judge(&check, &literal);
}
