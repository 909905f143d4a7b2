/* SPDX-License-Identifier: BSD-2-Clause */
/* Replies built by hand, octet by octet, and what must become of them. */
#include "dns/decode.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

/* --- a packet under construction --- */

struct packet {
    uint8_t octets[70000];
    size_t length;
};

static struct packet p;
static struct arena *arena;

static void u8(unsigned value)
{
    p.octets[p.length++] = (uint8_t)value;
}

static void u16(unsigned value)
{
    u8(value >> 8);
    u8(value & 0xff);
}

static void u32(uint32_t value)
{
    u16(value >> 16);
    u16(value & 0xffff);
}

static void name(const char *text)
{
    while (*text) {
        size_t label = strcspn(text, ".");
        u8((unsigned)label);
        memcpy(p.octets + p.length, text, label);
        p.length += label;
        text += label;
        text += *text == '.';
    }
    u8(0);
}

enum { QUESTION = 0xc00c }; /* a pointer to the name in the question */

static void begin(unsigned flags, unsigned answers, unsigned authority, unsigned additional)
{
    p.length = 0;
    u16(0x1234), u16(flags), u16(1), u16(answers), u16(authority), u16(additional);
}

static void question(const char *text, unsigned type)
{
    name(text);
    u16(type), u16(1);
}

/* Everything of a record up to RDATA; the owner was written before. */
static void fixed(unsigned type, uint32_t ttl, unsigned length)
{
    u16(type), u16(1), u32(ttl), u16(length);
}

static void a_record(const char *owner, unsigned last, uint32_t ttl)
{
    name(owner);
    fixed(DNS_A, ttl, 4);
    u8(192), u8(0), u8(2), u8(last);
}

static void cname(const char *owner, const char *target, uint32_t ttl)
{
    name(owner);
    fixed(DNS_CNAME, ttl, (unsigned)strlen(target) + 2);
    name(target);
}

static void soa(const char *owner, uint32_t ttl, uint32_t minimum)
{
    name(owner);
    fixed(DNS_SOA, ttl, 22);
    u8(0), u8(0);
    u32(1), u32(2), u32(3), u32(4), u32(minimum);
}

static const struct dns_answer *decode_as(const char *text, enum dns_type type, bool trust_ad)
{
    /* A block of just this size, so that the sanitizer sees any octet read behind it. */
    struct bytes exact = arena_copy(arena, bytes_from(p.octets, p.length));
    return decode_answer(arena, exact, bytes_of(text), type, trust_ad);
}

static const struct dns_answer *decode(enum dns_type type)
{
    return decode_as("example.org", type, false);
}

#define assert_bytes(bytes, string) assert_true(bytes_is((bytes), (string)))

static void assert_failed(const struct dns_answer *answer, const char *problem)
{
    assert_int_equal(answer->status, DNS_FAILED);
    assert_int_equal(answer->count, 0);
    assert_string_equal(answer->problem, problem);
}

static int set_up(void **state)
{
    (void)state;
    arena = arena_create(4 << 20);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    arena_destroy(arena);
    return 0;
}

enum { OK_FLAGS = 0x8180 };

/* --- what is well-formed --- */

static void addresses_are_read_with_the_least_ttl(void **state)
{
    (void)state;
    begin(OK_FLAGS, 2, 0, 0);
    question("eXample.ORG", DNS_A);
    u16(QUESTION), fixed(DNS_A, 300, 4), u32(0xc0000201);
    u16(QUESTION), fixed(DNS_A, 60, 4), u32(0xc0000202);
    const struct dns_answer *a = decode(DNS_A);
    assert_int_equal(a->status, DNS_FOUND);
    assert_int_equal(a->count, 2);
    assert_int_equal(a->ttl, 60);
    assert_int_equal(a->records[0].ip.octets[3], 1);
    assert_int_equal(a->records[1].ip.octets[3], 2);
    assert_bytes(a->canonical, "example.org");
}

static void mapped_addresses_become_ipv4(void **state)
{
    (void)state;
    begin(OK_FLAGS, 1, 0, 0);
    question("example.org", DNS_AAAA);
    u16(QUESTION), fixed(DNS_AAAA, 300, 16);
    u32(0), u32(0), u32(0xffff), u32(0xc0000201);
    assert_int_equal(decode(DNS_AAAA)->records[0].ip.family, 4);
}

static void names_in_records_are_expanded_lowered_and_escaped(void **state)
{
    (void)state;
    begin(OK_FLAGS, 3, 0, 0);
    question("example.org", DNS_MX);
    u16(QUESTION), fixed(DNS_MX, 1, 2 + 5 + 2), u16(10), u8(4), u32(0x4d61494c), u16(QUESTION);
    u16(QUESTION), fixed(DNS_MX, 1, 3), u16(0), u8(0);
    u16(QUESTION), fixed(DNS_MX, 1, 2 + 5), u16(1), u8(3), u8('.'), u8(' '), u8(0xff), u8(0);
    const struct dns_answer *a = decode(DNS_MX);
    assert_int_equal(a->count, 3);
    assert_int_equal(a->records[0].preference, 10);
    assert_bytes(a->records[0].name, "mail.example.org");
    assert_int_equal(a->records[1].name.len, 0);
    assert_bytes(a->records[2].name, "\\.\\032\\255");
}

static void strings_of_a_text_are_joined_without_spaces(void **state)
{
    (void)state;
    begin(OK_FLAGS, 2, 0, 0);
    question("example.org", DNS_TXT);
    u16(QUESTION), fixed(DNS_TXT, 1, 7), u8(2), u16(0x6162), u8(0), u8(2), u16(0x6300);
    u16(QUESTION), fixed(DNS_TXT, 1, 1), u8(0);
    const struct dns_answer *a = decode(DNS_TXT);
    assert_true(bytes_equal(a->records[0].text, BYTES("abc\0")));
    assert_int_equal(a->records[1].text.len, 0);
}

static void other_types_come_as_they_are(void **state)
{
    (void)state;
    begin(OK_FLAGS, 1, 0, 0);
    question("example.org", DNS_TLSA);
    u16(QUESTION), fixed(DNS_TLSA, 1, 4), u32(0x03010100);
    assert_true(bytes_equal(decode(DNS_TLSA)->records[0].data, BYTES("\3\1\1\0")));
}

static void aliases_are_followed_in_any_order(void **state)
{
    (void)state;
    begin(OK_FLAGS, 3, 0, 0);
    question("example.org", DNS_A);
    a_record("c.example", 1, 300);
    cname("b.example", "C.example", 200);
    cname("EXAMPLE.org", "b.example", 100);
    const struct dns_answer *a = decode(DNS_A);
    assert_int_equal(a->status, DNS_FOUND);
    assert_int_equal(a->count, 1);
    assert_int_equal(a->ttl, 100);
    assert_bytes(a->canonical, "c.example");
}

static void records_of_other_names_are_ignored(void **state)
{
    (void)state;
    begin(OK_FLAGS, 3, 0, 0);
    question("example.org", DNS_A);
    a_record("evil.example", 66, 300);
    a_record("example.org", 1, 300);
    cname("evil.example", "example.org", 300);
    const struct dns_answer *a = decode(DNS_A);
    assert_int_equal(a->count, 1);
    assert_int_equal(a->records[0].ip.octets[3], 1);
    begin(OK_FLAGS, 1, 0, 0);
    question("example.org", DNS_A);
    a_record("sub.example.org", 66, 300);
    assert_int_equal(decode(DNS_A)->status, DNS_NO_DATA);
}

static void records_of_other_classes_are_ignored(void **state)
{
    (void)state;
    begin(OK_FLAGS, 1, 0, 0);
    question("example.org", DNS_A);
    u16(QUESTION), u16(DNS_A), u16(3), u32(1), u16(4), u32(0xc0000201);
    assert_int_equal(decode(DNS_A)->status, DNS_NO_DATA);
}

static void an_alias_asked_for_itself_is_the_answer(void **state)
{
    (void)state;
    begin(OK_FLAGS, 1, 0, 0);
    question("example.org", DNS_CNAME);
    cname("example.org", "b.example", 100);
    const struct dns_answer *a = decode(DNS_CNAME);
    assert_int_equal(a->status, DNS_FOUND);
    assert_bytes(a->records[0].name, "b.example");
    assert_bytes(a->canonical, "example.org");
}

static void a_ttl_with_the_top_bit_is_zero_rfc2181_8(void **state)
{
    (void)state;
    begin(OK_FLAGS, 1, 0, 0);
    question("example.org", DNS_A);
    a_record("example.org", 1, 0x80000001);
    assert_int_equal(decode(DNS_A)->ttl, 0);
}

static void negative_answers_live_as_long_as_the_soa_says_rfc2308_5(void **state)
{
    (void)state;
    begin(OK_FLAGS | 3, 0, 1, 0);
    question("a.example.org", DNS_A);
    soa("example.org", 900, 300);
    const struct dns_answer *a = decode_as("a.example.org", DNS_A, false);
    assert_int_equal(a->status, DNS_NO_NAME);
    assert_int_equal(a->ttl, 300);
    begin(OK_FLAGS, 0, 1, 0);
    question("a.example.org", DNS_A);
    soa("", 100, 300);
    a = decode_as("a.example.org", DNS_A, false);
    assert_int_equal(a->status, DNS_NO_DATA);
    assert_int_equal(a->ttl, 100);
    begin(OK_FLAGS, 0, 1, 0);
    question("a.example.org", DNS_A);
    soa("ple.org", 100, 300); /* not above the name */
    assert_int_equal(decode_as("a.example.org", DNS_A, false)->ttl, 0);
}

static void nxdomain_is_about_the_end_of_the_chain_rfc6604(void **state)
{
    (void)state;
    begin(OK_FLAGS | 3, 1, 1, 0);
    question("example.org", DNS_A);
    cname("example.org", "gone.example", 50);
    soa("example", 900, 300);
    const struct dns_answer *a = decode(DNS_A);
    assert_int_equal(a->status, DNS_NO_NAME);
    assert_int_equal(a->ttl, 50);
    assert_bytes(a->canonical, "gone.example");
}

static void ad_is_believed_only_when_trusted(void **state)
{
    (void)state;
    begin(OK_FLAGS | 0x20, 1, 0, 0);
    question("example.org", DNS_A);
    a_record("example.org", 1, 1);
    assert_false(decode_as("example.org", DNS_A, false)->authenticated);
    assert_true(decode_as("example.org", DNS_A, true)->authenticated);
    p.octets[3] &= (uint8_t)~0x20;
    assert_false(decode_as("example.org", DNS_A, true)->authenticated);
}

/* --- what is not --- */

static void only_a_reply_to_this_question_counts(void **state)
{
    (void)state;
    begin(OK_FLAGS, 0, 0, 0);
    question("example.com", DNS_A);
    assert_failed(decode(DNS_A), "reply to another question");
    begin(OK_FLAGS, 0, 0, 0);
    question("example.org", DNS_MX);
    assert_failed(decode(DNS_A), "reply to another question");
    begin(0x0180, 0, 0, 0); /* not a reply at all */
    question("example.org", DNS_A);
    assert_failed(decode(DNS_A), "malformed reply");
    begin(OK_FLAGS | 0x2800, 0, 0, 0); /* another opcode */
    question("example.org", DNS_A);
    assert_failed(decode(DNS_A), "malformed reply");
    begin(OK_FLAGS, 0, 0, 0);
    p.octets[5] = 0; /* no question */
    assert_failed(decode(DNS_A), "malformed reply");
    p.length = 0;
    assert_failed(decode(DNS_A), "malformed reply");
}

static void truncated_and_error_replies_are_failures(void **state)
{
    (void)state;
    begin(OK_FLAGS | 0x0200, 1, 0, 0);
    question("example.org", DNS_A);
    a_record("example.org", 1, 1);
    assert_failed(decode(DNS_A), "truncated reply");
    begin(OK_FLAGS | 2, 0, 0, 0);
    question("example.org", DNS_A);
    assert_failed(decode(DNS_A), "the server failed (SERVFAIL)");
    begin(OK_FLAGS | 5, 0, 0, 0);
    question("example.org", DNS_A);
    assert_failed(decode(DNS_A), "the server refused to answer (REFUSED)");
    begin(OK_FLAGS, 0, 0, 1);
    question("example.org", DNS_A);
    u8(0), fixed(41, 0x01000000, 0); /* BADVERS: the upper bits stand in OPT (rfc6891:6.1.3) */
    assert_failed(decode(DNS_A), "the server answered with an unusual error code");
}

static void a_referral_is_not_an_empty_answer_rfc2308_2_2(void **state)
{
    (void)state;
    begin(0x8000, 0, 1, 0);
    question("example.org", DNS_A);
    name("org"), fixed(DNS_NS, 1, 3), u8(1), u8('a'), u8(0);
    assert_failed(decode(DNS_A), "the server does not answer recursively");
}

static void a_loop_of_aliases_ends(void **state)
{
    (void)state;
    begin(OK_FLAGS, 2, 0, 0);
    question("example.org", DNS_A);
    cname("example.org", "b.example", 1);
    cname("b.example", "example.org", 1);
    assert_failed(decode(DNS_A), "too many CNAME records");
}

static void sixteen_aliases_are_followed_and_not_one_more(void **state)
{
    (void)state;
    for (unsigned links = 16; links <= 17; links++) {
        char from[20] = "example.org", to[20];
        begin(OK_FLAGS, links + 1, 0, 0);
        question("example.org", DNS_A);
        for (unsigned i = 0; i < links; i++) {
            memcpy(to, "a.example", 10);
            to[0] = (char)('a' + i);
            cname(from, to, 1);
            memcpy(from, to, 20);
        }
        a_record(from, 1, 1);
        if (links == 16)
            assert_int_equal(decode(DNS_A)->status, DNS_FOUND);
        else
            assert_failed(decode(DNS_A), "too many CNAME records");
    }
}

static void compression_loops_and_forward_pointers_are_malformed(void **state)
{
    (void)state;
    static const unsigned pointers[] = {0xc01d, 0xc01e, 0xc030, 0xffff};
    for (size_t i = 0; i < countof(pointers); i++) {
        begin(OK_FLAGS, 1, 0, 0);
        question("example.org", DNS_A);
        assert_int_equal(p.length, 0x1d);
        u16(pointers[i]), fixed(DNS_A, 1, 4), u32(0);
        assert_failed(decode(DNS_A), "malformed record");
    }
    begin(OK_FLAGS, 1, 0, 0);
    question("example.org", DNS_A);
    u8(1), u8('x'), u16(0xc01d); /* a label, then back to itself */
    fixed(DNS_A, 1, 4), u32(0);
    assert_failed(decode(DNS_A), "malformed record");
    begin(OK_FLAGS, 1, 0, 0);
    question("example.org", DNS_A);
    u8(0x41), u8(0); /* reserved label type */
    fixed(DNS_A, 1, 4), u32(0);
    assert_failed(decode(DNS_A), "malformed record");
}

static void a_name_over_255_octets_is_malformed(void **state)
{
    (void)state;
    begin(OK_FLAGS, 1, 0, 0);
    question("example.org", DNS_PTR);
    u16(QUESTION), fixed(DNS_PTR, 1, 4 * 64 + 1);
    for (int label = 0; label < 4; label++) {
        u8(63);
        for (int i = 0; i < 63; i++)
            u8('a');
    }
    u8(0);
    assert_failed(decode(DNS_PTR), "malformed record");
}

static void every_truncation_of_a_packet_is_a_failure(void **state)
{
    (void)state;
    begin(OK_FLAGS, 2, 1, 1);
    question("example.org", DNS_MX);
    cname("example.org", "b.example", 1);
    name("b.example"), fixed(DNS_MX, 1, 3), u16(1), u8(0);
    soa("example", 1, 1);
    u8(0), fixed(41, 0, 0);
    assert_int_equal(decode(DNS_MX)->status, DNS_FOUND);
    size_t whole = p.length;
    for (p.length = 0; p.length < whole; p.length++)
        assert_int_equal(decode(DNS_MX)->status, DNS_FAILED);
}

static void counts_that_lie_are_failures(void **state)
{
    (void)state;
    for (size_t count = 7; count <= 11; count += 2) {
        begin(OK_FLAGS, 1, 0, 0);
        question("example.org", DNS_A);
        a_record("example.org", 1, 1);
        p.octets[count - 1] = 0xff;
        p.octets[count] = 0xff;
        assert_failed(decode(DNS_A), "malformed record");
    }
}

static void rdata_of_the_wrong_length_is_malformed(void **state)
{
    (void)state;
    static const enum dns_type types[] = {DNS_A, DNS_AAAA, DNS_MX, DNS_PTR, DNS_NS, DNS_TXT};
    for (size_t i = 0; i < countof(types); i++) {
        for (unsigned length = 0; length <= 5; length++) {
            if (types[i] == DNS_A && length == 4)
                continue;
            begin(OK_FLAGS, 1, 0, 0);
            question("example.org", types[i]);
            u16(QUESTION), fixed(types[i], 1, length);
            for (unsigned at = 0; at < length; at++)
                u8(at == 0 ? 60 : 3); /* a label or string longer than what is there */
            assert_failed(decode(types[i]), "malformed record");
        }
    }
}

static void a_text_over_16_kib_is_refused(void **state)
{
    (void)state;
    for (unsigned strings = 64; strings <= 65; strings++) {
        begin(OK_FLAGS, 1, 0, 0);
        question("example.org", DNS_TXT);
        u16(QUESTION), fixed(DNS_TXT, 1, strings * 256);
        for (unsigned i = 0; i < strings; i++) {
            u8(255);
            memset(p.octets + p.length, 'x', 255);
            p.length += 255;
        }
        if (strings == 64)
            assert_int_equal(decode(DNS_TXT)->records[0].text.len, 64 * 255);
        else
            assert_failed(decode(DNS_TXT), "TXT record too long");
    }
}

static void more_records_than_anyone_needs_are_refused(void **state)
{
    (void)state;
    for (unsigned records = 1024; records <= 1025; records++) {
        begin(OK_FLAGS, records, 0, 0);
        question("example.org", DNS_A);
        for (unsigned i = 0; i < records; i++)
            u16(QUESTION), fixed(DNS_A, 1, 4), u32(i);
        if (records == 1024)
            assert_int_equal(decode(DNS_A)->count, 1024);
        else
            assert_failed(decode(DNS_A), "too many records");
    }
}

static void names_blown_up_by_compression_are_bounded(void **state)
{
    (void)state;
    /* One name of 1,000 octets in presentation form, then two octets for each further use of it. */
    begin(OK_FLAGS, 1001, 0, 0);
    question("example.org", DNS_PTR);
    u16(QUESTION), fixed(DNS_PTR, 1, 3 * 64 + 62);
    size_t at = p.length;
    for (int label = 0; label < 4; label++) {
        u8(label < 3 ? 63 : 60);
        for (int i = 0; i < (label < 3 ? 63 : 60); i++)
            u8(0xff);
    }
    u8(0);
    for (int i = 0; i < 1000; i++)
        u16(QUESTION), fixed(DNS_PTR, 1, 2), u16(0xc000 | (unsigned)at);
    assert_failed(decode(DNS_PTR), "answer too large");
    assert_true(arena_used(arena) < 1 << 20);
}

static void a_full_arena_is_a_failure_not_a_crash(void **state)
{
    (void)state;
    begin(OK_FLAGS, 2, 0, 0);
    question("example.org", DNS_TXT);
    for (int i = 0; i < 2; i++) {
        u16(QUESTION), fixed(DNS_TXT, 1, 201), u8(200);
        memset(p.octets + p.length, 'x', 200);
        p.length += 200;
    }
    for (size_t cap = 0; cap < 4000; cap += 16) {
        struct arena *small = arena_create(cap);
        const struct dns_answer *a = decode_answer(small, bytes_from(p.octets, p.length),
                                                   BYTES("example.org"), DNS_TXT, false);
        if (a->status == DNS_FAILED)
            assert_string_equal(a->problem, "out of memory");
        else
            assert_int_equal(a->records[1].text.len, 200);
        arena_destroy(small);
    }
}

/* --- names and questions --- */

static void a_question_has_recursion_ad_and_edns(void **state)
{
    (void)state;
    static const uint8_t expected[] = "\x12\x34\x01\x20\0\1\0\0\0\0\0\1"
                                      "\1A\2bc\0\0\x34\0\1"
                                      "\0\0\x29\x04\xd0\0\0\0\0\0\0";
    uint8_t out[DECODE_QUERY_MAX];
    size_t length = decode_write_query(BYTES("A.bc"), DNS_TLSA, 0x1234, out);
    assert_int_equal(length, sizeof(expected) - 1);
    assert_memory_equal(out, expected, length);
    assert_int_equal(decode_write_query(BYTES("a..b"), DNS_A, 1, out), 0);
}

static void names_survive_the_way_to_the_wire_and_back(void **state)
{
    (void)state;
    static const struct {
        const char *in, *out; /* NULL: not valid */
    } cases[] = {
        {"Example.ORG", "example.org"},
        {"example.org.", "example.org"},
        {"a\\.b.c", "a\\.b.c"},
        {"a\\046b.c", "a\\.b.c"},
        {"\\065", "a"},
        {"a\\\\.b", "a\\\\.b"},
        {"a\\", NULL},
        {"a\\25", NULL},
        {"a\\256", NULL},
        {".", ""},
        {"", ""},
        {"..", NULL},
        {"a b", "a\\032b"},
        {"_dmarc.x", "_dmarc.x"},
        {"a\\065..", NULL},
        {"a..", NULL},
        {"a\\.", "a\\."},
        {"a\\\\.", "a\\\\"},
    };
    for (size_t i = 0; i < countof(cases); i++) {
        char out[NAME_TEXT_MAX];
        size_t length;
        bool valid = name_normalize(bytes_of(cases[i].in), out, &length);
        assert_int_equal(valid, cases[i].out != NULL);
        if (valid)
            assert_bytes(bytes_from(out, length), cases[i].out);
        if (cases[i].in[0] && strcmp(cases[i].in, ".") != 0)
            assert_int_equal(name_is_valid(bytes_of(cases[i].in)), valid);
    }
}

static void the_longest_name_fits(void **state)
{
    (void)state;
    char text[600], out[NAME_TEXT_MAX];
    size_t length;
    for (size_t i = 0; i < 600; i++)
        text[i] = i % 64 == 63 ? '.' : 'a';
    assert_true(name_is_valid(bytes_from(text, 253)));
    assert_true(name_normalize(bytes_from(text, 253), out, &length));
    assert_int_equal(length, 253);
    assert_false(name_is_valid(bytes_from(text, 254)));
    assert_false(name_normalize(bytes_from(text, 254), out, &length));
    for (size_t i = 0; i < 600; i++)
        text[i] = i % 2 ? '.' : 'a';
    assert_true(name_normalize(bytes_from(text, 253), out, &length));
    assert_false(name_normalize(bytes_from(text, 255), out, &length));
    /* Escaped, the same limit holds for what the octets stand for. */
    uint8_t wire[NAME_WIRE_MAX] = {63};
    memset(wire + 1, 0xff, sizeof(wire) - 1);
    wire[64] = 63, wire[128] = 63, wire[192] = 61, wire[254] = 0;
    size_t position = 0;
    assert_true(name_from_wire(bytes_from(wire, 255), &position, out, &length));
    assert_int_equal(length, 250 * 4 + 3);
    uint8_t again[NAME_WIRE_MAX];
    assert_int_equal(name_to_wire(bytes_from(out, length), again), 255);
    assert_memory_equal(again, wire, 255);
    assert_true(name_is_valid(bytes_from(out, length)));
}

static void types_are_named_and_parsed(void **state)
{
    (void)state;
    char text[16];
    enum dns_type type;
    assert_string_equal(dns_type_name(DNS_TLSA, text), "TLSA");
    assert_string_equal(dns_type_name((enum dns_type)65, text), "TYPE65");
    assert_true(dns_type_parse(BYTES("tlsa"), &type) && type == DNS_TLSA);
    assert_true(dns_type_parse(BYTES("TYPE65"), &type) && (int)type == 65);
    assert_false(dns_type_parse(BYTES("TYPE65536"), &type));
    assert_false(dns_type_parse(BYTES("TYPE"), &type));
    assert_string_equal(dns_status_name(DNS_NO_NAME), "nxdomain");
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(addresses_are_read_with_the_least_ttl),
        TEST(mapped_addresses_become_ipv4),
        TEST(names_in_records_are_expanded_lowered_and_escaped),
        TEST(strings_of_a_text_are_joined_without_spaces),
        TEST(other_types_come_as_they_are),
        TEST(aliases_are_followed_in_any_order),
        TEST(records_of_other_names_are_ignored),
        TEST(records_of_other_classes_are_ignored),
        TEST(an_alias_asked_for_itself_is_the_answer),
        TEST(a_ttl_with_the_top_bit_is_zero_rfc2181_8),
        TEST(negative_answers_live_as_long_as_the_soa_says_rfc2308_5),
        TEST(nxdomain_is_about_the_end_of_the_chain_rfc6604),
        TEST(ad_is_believed_only_when_trusted),
        TEST(only_a_reply_to_this_question_counts),
        TEST(truncated_and_error_replies_are_failures),
        TEST(a_referral_is_not_an_empty_answer_rfc2308_2_2),
        TEST(a_loop_of_aliases_ends),
        TEST(sixteen_aliases_are_followed_and_not_one_more),
        TEST(compression_loops_and_forward_pointers_are_malformed),
        TEST(a_name_over_255_octets_is_malformed),
        TEST(every_truncation_of_a_packet_is_a_failure),
        TEST(counts_that_lie_are_failures),
        TEST(rdata_of_the_wrong_length_is_malformed),
        TEST(a_text_over_16_kib_is_refused),
        TEST(more_records_than_anyone_needs_are_refused),
        TEST(names_blown_up_by_compression_are_bounded),
        TEST(a_full_arena_is_a_failure_not_a_crash),
        TEST(a_question_has_recursion_ad_and_edns),
        TEST(names_survive_the_way_to_the_wire_and_back),
        TEST(the_longest_name_fits),
        TEST(types_are_named_and_parsed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
