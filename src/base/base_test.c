/* SPDX-License-Identifier: BSD-2-Clause */
/* Unit tests of all of base. */
#include "base/arena.h"
#include "base/ascii.h"
#include "base/buf.h"
#include "base/bytes.h"
#include "base/cursor.h"
#include "base/domain.h"
#include "base/encode.h"
#include "base/ip.h"
#include "base/json.h"
#include "base/log.h"
#include "base/map.h"
#include "base/result.h"
#include "base/utf8.h"

#include <limits.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define assert_bytes(bytes, literal) assert_true(bytes_equal((bytes), BYTES(literal)))

/* --- ascii, bytes --- */

static void octets_above_127_are_in_no_class(void **state)
{
    for (int c = 128; c < 256; c++) {
        uint8_t o = (uint8_t)c;
        assert_false(ascii_is_alpha(o) || ascii_is_digit(o) || ascii_is_print(o) ||
                     ascii_is_graph(o) || ascii_is_control(o) || ascii_is_space(o));
        assert_int_equal(ascii_lower(o), o);
        assert_int_equal(ascii_hex_value(o), -1);
    }
    assert_false(ascii_is_alpha('@') || ascii_is_alpha('[') || ascii_is_alpha('`'));
    assert_int_equal(ascii_hex_value('F'), 15);
    assert_int_equal(ascii_hex_value('g'), -1);
}

static void slices_compare_by_content(void **state)
{
    assert_int_equal(bytes_of(NULL).len, 0);
    assert_true(bytes_equal((struct bytes){NULL, 0}, BYTES("")));
    assert_true(bytes_equal_nocase(BYTES("Example.ORG"), BYTES("eXAMPLE.org")));
    assert_false(bytes_equal_nocase(BYTES("[\\"), BYTES("{|")));
    assert_true(bytes_is_nocase(BYTES("MAIL"), "mail"));
    assert_true(bytes_compare(BYTES("a"), BYTES("ab")) < 0);
    assert_true(bytes_compare(BYTES("b"), BYTES("ab")) > 0);
    assert_true(bytes_compare(BYTES("\xff"), BYTES("a")) > 0);
    assert_int_equal(bytes_compare(BYTES("a\0b"), BYTES("a\0b")), 0);
    assert_true(bytes_equal_constant_time(BYTES("secret"), BYTES("secret")));
    assert_false(bytes_equal_constant_time(BYTES("secret"), BYTES("secreT")));
    assert_false(bytes_equal_constant_time(BYTES("secret"), BYTES("secre")));
}

static void positions_beyond_the_end_are_clamped(void **state)
{
    struct bytes b = BYTES("hello");
    assert_bytes(bytes_slice(b, 1, 3), "el");
    assert_bytes(bytes_slice(b, 3, 100), "lo");
    assert_int_equal(bytes_slice(b, 4, 2).len, 0);
    assert_int_equal(bytes_skip(b, 6).len, 0);
    assert_bytes(bytes_first(b, SIZE_MAX), "hello");
    assert_int_equal(bytes_skip((struct bytes){NULL, 0}, 3).len, 0);
    assert_true(bytes_starts_with(b, BYTES("")) && bytes_ends_with(b, BYTES("")));
    assert_true(bytes_ends_with_nocase(b, BYTES("LLO")));
    assert_false(bytes_starts_with(BYTES("he"), b));
}

static void the_first_and_the_last_occurrence_are_found(void **state)
{
    struct bytes b = BYTES("a.b.C\0d");
    assert_int_equal(bytes_find_byte(b, '.'), 1);
    assert_int_equal(bytes_rfind_byte(b, '.'), 3);
    assert_int_equal(bytes_find_byte(b, 0), 5);
    assert_int_equal(bytes_find_byte(b, 'x'), BYTES_NOT_FOUND);
    assert_int_equal(bytes_rfind_byte(BYTES(""), 'x'), BYTES_NOT_FOUND);
    assert_int_equal(bytes_find(b, BYTES(".C")), 3);
    assert_int_equal(bytes_find(b, BYTES(".c")), BYTES_NOT_FOUND);
    assert_int_equal(bytes_find_nocase(b, BYTES(".c")), 3);
    assert_int_equal(bytes_find(b, BYTES("")), 0);
    assert_int_equal(bytes_find_nocase(BYTES("a"), BYTES("ab")), BYTES_NOT_FOUND);
}

static void splitting_gives_empty_parts_too(void **state)
{
    static const struct {
        const char *in, *out; /* the parts, each followed by '|' */
    } cases[] = {{"a,,b", "a||b|"}, {"a,", "a||"}, {"", "|"}, {",", "||"}, {"abc", "abc|"}};
    for (size_t i = 0; i < countof(cases); i++) {
        struct bytes rest = bytes_of(cases[i].in), part;
        struct buf out;
        buf_init(&out, 100);
        while (bytes_split(&rest, ',', &part)) {
            buf_add(&out, part);
            buf_add_byte(&out, '|');
        }
        assert_true(bytes_is(buf_bytes(&out), cases[i].out));
        buf_free(&out);
    }
}

static void trimming_takes_blanks_and_line_ends(void **state)
{
    assert_bytes(bytes_trim(BYTES(" \t\r\n a b \r\n")), "a b");
    assert_bytes(bytes_trim_start(BYTES(" a ")), "a ");
    assert_bytes(bytes_trim_end(BYTES(" a ")), " a");
    assert_int_equal(bytes_trim(BYTES(" \n")).len, 0);
    assert_bytes(bytes_trim(BYTES("\va\f")), "\va\f");
}

static void numbers_are_digits_only_and_bounded(void **state)
{
    uint64_t n = 7;
    static const char *const bad[] = {"",   "+1",  "-1",  " 1",
                                      "1 ", "0x1", "256", "99999999999999999999"};
    for (size_t i = 0; i < countof(bad); i++)
        assert_false(bytes_to_uint(bytes_of(bad[i]), 255, &n));
    assert_int_equal(n, 7);
    assert_true(bytes_to_uint(BYTES("255"), 255, &n) && n == 255);
    assert_true(bytes_to_uint(BYTES("18446744073709551615"), UINT64_MAX, &n) && n == UINT64_MAX);
    assert_false(bytes_to_uint(BYTES("18446744073709551616"), UINT64_MAX, &n));
}

static void a_c_string_must_fit_and_hold_no_nul(void **state)
{
    char out[4] = "xyz";
    assert_true(bytes_to_cstring(BYTES("abc"), out, sizeof(out)));
    assert_string_equal(out, "abc");
    assert_false(bytes_to_cstring(BYTES("abcd"), out, sizeof(out)));
    assert_string_equal(out, "");
    assert_false(bytes_to_cstring(BYTES("a\0b"), out, sizeof(out)));
    assert_false(bytes_to_cstring(BYTES(""), out, 0));
}

/* --- arena --- */

static void memory_is_zeroed_and_aligned(void **state)
{
    struct arena *a = arena_create(1 << 20);
    for (size_t size = 0; size < 3000; size += 37) {
        uint8_t *memory = arena_alloc(a, size);
        assert_int_equal((uintptr_t)memory % _Alignof(max_align_t), 0);
        for (size_t i = 0; i < size; i++)
            assert_int_equal(memory[i], 0);
        memset(memory, 0xff, size);
    }
    assert_ptr_not_equal(arena_alloc(a, 0), arena_alloc(a, 0));
    arena_reset(a);
    uint8_t *again = arena_alloc(a, 100);
    assert_int_equal(again[99], 0);
    arena_destroy(a);
    arena_destroy(NULL);
}

static void the_cap_holds_until_reset(void **state)
{
    struct arena *a = arena_create(10000);
    assert_non_null(arena_alloc(a, 8000));
    assert_false(arena_exhausted(a));
    assert_null(arena_alloc(a, 4000));
    assert_true(arena_exhausted(a));
    assert_true(arena_used(a) <= 10000);
    assert_non_null(arena_alloc(a, 1000)); /* what still fits is given */
    arena_reset(a);
    assert_false(arena_exhausted(a));
    assert_int_equal(arena_used(a), 0);
    assert_null(arena_alloc(a, SIZE_MAX));
    assert_null(arena_alloc_array(a, SIZE_MAX / 8, 16));
    assert_true(arena_exhausted(a));
    assert_null(arena_copy(a, bytes_from("x", SIZE_MAX - 1)).ptr);
    arena_destroy(a);
}

static void a_child_counts_against_its_parent(void **state)
{
    struct arena *parent = arena_create(10000);
    struct arena *child = arena_create_child(parent, 100000);
    struct arena *small = arena_create_child(parent, 1000);
    assert_null(arena_alloc(small, 2000));
    assert_non_null(arena_alloc(child, 6000));
    assert_null(arena_alloc(child, 6000));
    assert_null(arena_alloc(parent, 6000));
    assert_true(arena_used(parent) >= 6000);
    arena_destroy(child);
    assert_true(arena_used(parent) < 6000);
    assert_non_null(arena_alloc(parent, 6000));
    arena_destroy(parent); /* and `small` with it */
}

static char order[64];

static void note(void *pointer)
{
    size_t length = strlen(order);
    order[length] = *(const char *)pointer;
    order[length + 1] = '\0';
}

static bool defer_note(struct arena *arena, char letter)
{
    static char letters[128];
    char *own = &letters[letter & 127];
    *own = letter;
    return arena_defer(arena, note, own);
}

static void deferred_functions_run_last_first_children_before(void **state)
{
    struct arena *a = arena_create(1 << 20), *child;
    order[0] = '\0';
    assert_true(defer_note(a, '1'));
    assert_true(arena_defer(a, note, arena_string(a, BYTES("2"))));
    child = arena_create_child(a, 1 << 16);
    assert_true(defer_note(child, 'c'));
    arena_reset(a);
    assert_string_equal(order, "c21");
    assert_true(defer_note(a, '3'));
    arena_destroy(a);
    assert_string_equal(order, "c213");
}

static void nothing_is_deferred_at_the_cap(void **state)
{
    struct arena *a = arena_create(0);
    order[0] = '\0';
    assert_false(defer_note(a, '1'));
    arena_destroy(a);
    assert_string_equal(order, "");
}

static void rewinding_releases_what_came_since_and_nests(void **state)
{
    struct arena *a = arena_create(1 << 20);
    char *kept = arena_string(a, BYTES("kept"));
    order[0] = '\0';
    assert_true(defer_note(a, 'k'));
    struct arena_mark outer = arena_mark(a);
    size_t before = arena_used(a);
    assert_true(defer_note(a, 'o'));
    for (int i = 0; i < 100; i++)
        assert_non_null(arena_alloc(a, 1000));
    struct arena_mark inner = arena_mark(a);
    assert_true(defer_note(a, 'i'));
    struct arena *child = arena_create_child(a, 1 << 16);
    assert_true(defer_note(child, 'c'));
    arena_rewind(a, inner);
    assert_string_equal(order, "ci");
    arena_rewind(a, outer);
    assert_string_equal(order, "cio");
    assert_int_equal(arena_used(a), before);
    assert_string_equal(kept, "kept");
    uint8_t *reused = arena_alloc(a, 200);
    for (size_t i = 0; i < 200; i++)
        assert_int_equal(reused[i], 0);
    arena_destroy(a);
}

static void a_child_older_than_the_mark_may_go_before_the_rewind(void **state)
{
    struct arena *a = arena_create(1 << 20);
    struct arena *oldest = arena_create_child(a, 1 << 16);
    struct arena *older = arena_create_child(a, 1 << 16);
    char *text = arena_string(oldest, BYTES("still here"));
    struct arena_mark mark = arena_mark(a);
    order[0] = '\0';
    struct arena *younger = arena_create_child(a, 1 << 16);
    assert_true(defer_note(younger, 'y'));
    arena_destroy(older);
    arena_rewind(a, mark);
    assert_string_equal(order, "y");
    assert_string_equal(text, "still here");
    arena_destroy(a);
}

static void copies_are_independent(void **state)
{
    struct arena *a = arena_create(1 << 20);
    char text[] = "AbC";
    struct bytes copy = arena_copy(a, bytes_of(text)), lower = arena_lower(a, bytes_of(text));
    char *string = arena_string(a, bytes_of(text));
    struct bytes printed = arena_printf(a, "%s-%d", text, 42);
    text[0] = 'x';
    assert_bytes(copy, "AbC");
    assert_bytes(lower, "abc");
    assert_string_equal(string, "AbC");
    assert_bytes(printed, "AbC-42");
    assert_non_null(arena_copy(a, BYTES("")).ptr);
    arena_destroy(a);
}

/* --- buf --- */

static void appending_stops_at_the_maximum_and_says_so(void **state)
{
    struct buf b;
    buf_init(&b, 10);
    buf_add_string(&b, "12345");
    buf_add(&b, BYTES("678901"));
    assert_true(b.failed);
    assert_bytes(buf_bytes(&b), "12345");
    buf_add_byte(&b, 'x'); /* would fit, but failure sticks */
    assert_bytes(buf_bytes(&b), "12345");
    buf_clear(&b);
    assert_false(b.failed);
    buf_printf(&b, "%s", "0123456789"); /* exactly the maximum */
    assert_false(b.failed);
    assert_bytes(buf_bytes(&b), "0123456789");
    buf_printf(&b, "%d", 1);
    assert_true(b.failed);
    buf_clear(&b);
    buf_printf(&b, "%s", "01234567890");
    assert_true(b.failed);
    buf_free(&b);
    buf_init(&b, SIZE_MAX);
    assert_null(buf_reserve(&b, SIZE_MAX / 2 + 2));
    assert_true(b.failed);
    buf_free(&b);
}

static void octets_are_consumed_from_the_front(void **state)
{
    struct buf b;
    buf_init(&b, 1000);
    buf_add_lower(&b, BYTES("ABC\xc4"));
    buf_add_lower(&b, BYTES("D"));
    assert_bytes(buf_bytes(&b), "abc\xc4"
                                "d");
    buf_consume(&b, 2);
    assert_bytes(buf_bytes(&b), "c\xc4"
                                "d");
    buf_truncate(&b, 1);
    buf_truncate(&b, 100);
    assert_bytes(buf_bytes(&b), "c");
    buf_consume(&b, 100);
    assert_int_equal(b.len, 0);
    uint8_t *room = buf_reserve(&b, 3);
    memcpy(room, "xyz", 3);
    b.len += 3;
    assert_bytes(buf_bytes(&b), "xyz");
    buf_free(&b);
    buf_add_string(&b, "again"); /* usable after being freed */
    assert_bytes(buf_bytes(&b), "again");
    buf_free(&b);
}

/* --- cursor --- */

static void binary_is_read_in_network_order_and_fails_once_for_all(void **state)
{
    struct cursor c =
        cursor_over(BYTES("\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f"));
    assert_int_equal(cursor_u8(&c), 1);
    assert_int_equal(cursor_u16(&c), 0x0203);
    assert_int_equal(cursor_u32(&c), 0x04050607);
    assert_true(cursor_u64(&c) == 0x08090a0b0c0d0e0f);
    assert_true(cursor_at_end(&c) && !c.failed);
    assert_int_equal(cursor_u8(&c), 0);
    assert_true(c.failed);
    c = cursor_over(BYTES("abc"));
    assert_int_equal(cursor_u32(&c), 0);
    assert_true(c.failed && cursor_at_end(&c));
    assert_int_equal(cursor_u8(&c),
                     0); /* nothing more after a failure, though three octets stand there */
    assert_int_equal(cursor_take(&c, 1).len, 0);
    assert_int_equal(cursor_peek(&c), -1);
    assert_int_equal(cursor_rest(&c).len, 0);
    assert_false(cursor_accept(&c, 'a'));
    c = cursor_over(BYTES("abc"));
    assert_int_equal(cursor_take(&c, SIZE_MAX).len, 0);
    assert_true(c.failed);
}

static void text_is_taken_piece_by_piece(void **state)
{
    struct cursor c = cursor_over(BYTES("From: 123abc;rest"));
    assert_true(cursor_accept_nocase(&c, BYTES("FROM")));
    assert_false(cursor_accept_nocase(&c, BYTES("FROM")));
    cursor_expect(&c, ':');
    assert_int_equal(cursor_peek_at(&c, 1), '1');
    assert_true(cursor_accept(&c, ' '));
    assert_bytes(cursor_take_while(&c, ascii_is_digit), "123");
    assert_bytes(cursor_take_while(&c, ascii_is_digit), "");
    assert_bytes(cursor_take_until(&c, ';'), "abc");
    assert_int_equal(cursor_peek(&c), ';');
    assert_false(c.failed);
    assert_bytes(cursor_take_until(&c, '!'), ";rest");
    assert_int_equal(cursor_peek(&c), -1);
    assert_int_equal(cursor_peek_at(&c, SIZE_MAX), -1);
    cursor_expect(&c, 'x');
    assert_true(c.failed);
}

/* --- map --- */

static size_t released;

static void release(void *value)
{
    released += (uintptr_t)value;
}

static struct bytes number_key(char out[32], size_t i)
{
    return bytes_from(out, (size_t)snprintf(out, 32, "key%zu", i));
}

static void a_map_keeps_what_was_put_through_growth_and_removal(void **state)
{
    enum { COUNT = 5000 };
    char text[32];
    struct map *map = map_create();
    void *old;
    for (size_t i = 1; i <= COUNT; i++)
        assert_true(map_put(map, number_key(text, i), (void *)i, NULL));
    for (size_t i = 1; i <= COUNT; i += 2)
        assert_ptr_equal(map_remove(map, number_key(text, i)), (void *)i);
    assert_int_equal(map_count(map), COUNT / 2);
    for (size_t i = 1; i <= COUNT; i++)
        assert_ptr_equal(map_get(map, number_key(text, i)), i % 2 ? NULL : (void *)i);
    assert_null(map_remove(map, BYTES("nothing")));
    assert_true(map_put(map, BYTES("key2"), (void *)7, &old));
    assert_ptr_equal(old, (void *)2);
    assert_true(map_put(map, BYTES("key2"), (void *)2, NULL));
    assert_true(map_put(map, BYTES("new"), (void *)1, &old));
    assert_null(old);
    size_t position = 0, sum = 0;
    struct bytes key;
    void *value;
    while (map_next(map, &position, &key, &value)) {
        sum += (uintptr_t)value;
        if ((uintptr_t)value > 100)
            assert_ptr_equal(map_remove(map, key), value);
    }
    assert_int_equal(sum, (size_t)COUNT / 2 * (COUNT / 2 + 1) + 1);
    released = 0;
    map_destroy(map, release);
    assert_int_equal(released, 50 * 51 + 1);
    map_destroy(NULL, release);
}

static void a_map_does_not_grow_by_coming_and_going(void **state)
{
    /* Tombstones must be cleared away, or a search would never end. */
    struct map *map = map_create();
    char text[32];
    for (size_t i = 1; i < 100000; i++) {
        assert_true(map_put(map, number_key(text, i), (void *)i, NULL));
        assert_ptr_equal(map_remove(map, number_key(text, i)), (void *)i);
    }
    assert_int_equal(map_count(map), 0);
    assert_null(map_get(map, BYTES("key1")));
    map_destroy(map, NULL);
}

static void keys_are_octets_and_copied(void **state)
{
    struct map *map = map_create();
    char key[] = "a\0b";
    assert_true(map_put(map, bytes_from(key, 3), (void *)1, NULL));
    assert_true(map_put(map, BYTES("a"), (void *)2, NULL));
    assert_true(map_put(map, BYTES(""), (void *)3, NULL));
    key[0] = 'x';
    assert_ptr_equal(map_get(map, BYTES("a\0b")), (void *)1);
    assert_ptr_equal(map_get(map, BYTES("a")), (void *)2);
    assert_ptr_equal(map_get(map, (struct bytes){NULL, 0}), (void *)3);
    assert_null(map_get(map, bytes_from(key, 3)));
    map_destroy(map, NULL);
}

static void hashes_depend_on_every_octet_and_the_length(void **state)
{
    uint8_t data[40] = {0};
    for (size_t i = 0; i < sizeof(data); i++) {
        uint64_t before = map_hash(bytes_from(data, sizeof(data)));
        data[i] = 1;
        assert_true(map_hash(bytes_from(data, sizeof(data))) != before);
        data[i] = 0;
        assert_true(map_hash(bytes_from(data, i)) != before);
    }
    assert_true(map_hash(BYTES("same")) == map_hash(BYTES("same")));
}

/* --- encode --- */

static void base64_goes_there_and_back_rfc4648_10(void **state)
{
    static const struct {
        const char *plain, *text;
    } cases[] = {{"", ""},
                 {"f", "Zg=="},
                 {"fo", "Zm8="},
                 {"foo", "Zm9v"},
                 {"foob", "Zm9vYg=="},
                 {"fooba", "Zm9vYmE="},
                 {"foobar", "Zm9vYmFy"}};
    struct arena *a = arena_create(1 << 20);
    for (size_t i = 0; i < countof(cases); i++) {
        struct buf b;
        struct bytes out;
        buf_init(&b, 100);
        base64_encode(&b, bytes_of(cases[i].plain));
        assert_true(bytes_is(buf_bytes(&b), cases[i].text));
        assert_true(base64_decode(a, bytes_of(cases[i].text), &out));
        assert_true(bytes_is(out, cases[i].plain));
        buf_free(&b);
    }
    struct bytes out;
    assert_true(base64_decode(a, BYTES(" Zm9v\r\n\tYg = =\n"), &out));
    assert_bytes(out, "foob");
    assert_true(base64_decode(a, BYTES("Zm9vYg"), &out)); /* padding may be missing at the end */
    assert_bytes(out, "foob");
    assert_true(base64_decode(a, BYTES("+/+/"), &out));
    assert_bytes(out, "\xfb\xff\xbf");
    static const char *const bad[] = {"Z",    "Zg=",  "Zg===", "Zg==Zg==", "Zm9v=", "Zm9v====",
                                      "====", "Zm9*", "Zm-_",  "=Zg=",     "Zm8=="};
    for (size_t i = 0; i < countof(bad); i++)
        if (base64_decode(a, bytes_of(bad[i]), &out))
            fail_msg("accepted: %s", bad[i]);
    arena_destroy(a);
}

static void hexadecimal_goes_there_and_back(void **state)
{
    struct arena *a = arena_create(1 << 20);
    struct buf b;
    struct bytes out;
    buf_init(&b, 100);
    hex_encode(&b, BYTES("\x00\xff\x1a"));
    assert_bytes(buf_bytes(&b), "00ff1a");
    assert_true(hex_decode(a, BYTES("00Ff1A"), &out));
    assert_bytes(out, "\x00\xff\x1a");
    assert_false(hex_decode(a, BYTES("0"), &out));
    assert_false(hex_decode(a, BYTES("0g"), &out));
    assert_true(hex_decode(a, BYTES(""), &out));
    buf_free(&b);
    arena_destroy(a);
}

static void xtext_goes_there_and_back_rfc3461_4(void **state)
{
    struct arena *a = arena_create(1 << 20);
    struct buf b;
    struct bytes out;
    buf_init(&b, 100);
    xtext_encode(&b, BYTES("a+b=c d\x80~"));
    assert_bytes(buf_bytes(&b), "a+2Bb+3Dc+20d+80~");
    assert_true(xtext_decode(a, buf_bytes(&b), &out));
    assert_bytes(out, "a+b=c d\x80~");
    static const char *const bad[] = {"a=b", "a b", "+2b", "+2", "+", "+GG", "\x80", "a\tb"};
    for (size_t i = 0; i < countof(bad); i++)
        assert_false(xtext_decode(a, bytes_of(bad[i]), &out));
    buf_free(&b);
    arena_destroy(a);
}

/* --- json, utf8 --- */

static void json_has_its_commas_and_escapes(void **state)
{
    struct buf b;
    buf_init(&b, 1000);
    struct json j = json_into(&b);
    json_begin_object(&j);
    json_member(&j, "a", "x\"\\\n\x01\x7f");
    json_member_integer(&j, "min", INT64_MIN);
    json_key(&j, "list");
    json_begin_array(&j);
    json_add_bool(&j, true);
    json_begin_array(&j);
    json_end_array(&j);
    json_begin_object(&j);
    json_end_object(&j);
    json_add_null(&j);
    json_add_string(&j, NULL);
    json_end_array(&j);
    json_member_bytes(&j, "u", BYTES("\xc3\xa9\xff\xed\xa0\x80"));
    json_member_bool(&j, "no", false);
    json_end_object(&j);
    assert_bytes(
        buf_bytes(&b),
        "{\"a\":\"x\\\"\\\\\\n\\u0001\\u007f\",\"min\":-9223372036854775808,"
        "\"list\":[true,[],{},null,null],"
        "\"u\":\"\xc3\xa9\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\",\"no\":false}");
    buf_free(&b);
}

static void numbers_read_back_the_same(void **state)
{
    static const double numbers[] = {0, 0.1, 1.0 / 3, -1e300, 123456789.125, 5e-324};
    struct buf b;
    buf_init(&b, 1000);
    for (size_t i = 0; i < countof(numbers); i++) {
        char text[64];
        struct json j = json_into(&b);
        buf_clear(&b);
        json_add_number(&j, numbers[i]);
        assert_true(bytes_to_cstring(buf_bytes(&b), text, sizeof(text)));
        assert_true(strtod(text, NULL) == numbers[i]);
    }
    buf_clear(&b);
    struct json j = json_into(&b);
    json_add_number(&j, 0.1);
    json_add_number(&j, NAN);
    assert_bytes(buf_bytes(&b), "0.1,null");
    buf_free(&b);
}

static void what_could_disguise_text_is_not_printable(void **state)
{
    static const char *const hidden[] = {"\033", "\x7f", "\n", "\xc2\x9b", "\xd8\x9c", "\xe2\x80\x8f",
                                         "\xe2\x80\xa8", "\xe2\x80\xae", "\xe2\x81\xa6", "\xff"};
    static const char *const shown[] = {"a", "\xc2\xa0", "\xc3\xbc", "\xe2\x80\xa6", "\xe2\x82\xac",
                                        "\xf0\x9f\x98\x80"};
    (void)state;
    for (size_t i = 0; i < countof(hidden); i++)
        assert_int_equal(utf8_printable(bytes_of(hidden[i])), 0);
    for (size_t i = 0; i < countof(shown); i++)
        assert_int_equal(utf8_printable(bytes_of(shown[i])), strlen(shown[i]));
    assert_int_equal(utf8_printable(BYTES("")), 0);
}

static void characters_have_numbers_and_octets_rfc3629_3(void **state)
{
    static const uint32_t points[] = {0, 0x7f, 0x80, 0x7ff, 0x800, 0xd7ff, 0xe000, 0xffff, 0x10000, 0x10ffff};
    uint8_t octets[4];
    for (size_t i = 0; i < countof(points); i++) {
        struct bytes character = bytes_from(octets, utf8_encode(points[i], octets));
        assert_int_equal(utf8_sequence(character), character.len);
        assert_int_equal(utf8_code_point(character), points[i]);
    }
    assert_int_equal(utf8_encode(0x20ac, octets), 3);
    assert_memory_equal(octets, "\xe2\x82\xac", 3);
}

static void only_shortest_forms_and_real_characters_are_utf8_rfc3629_4(void **state)
{
    static const char *const good[] = {"",
                                       "a",
                                       "\xc2\x80",
                                       "\xdf\xbf",
                                       "\xe0\xa0\x80",
                                       "\xed\x9f\xbf",
                                       "\xee\x80\x80",
                                       "\xf0\x90\x80\x80",
                                       "\xf4\x8f\xbf\xbf"};
    static const char *const bad[] = {"\x80",
                                      "\xc0\x80",
                                      "\xc1\xbf",
                                      "\xc2",
                                      "\xc2\x41",
                                      "\xe0\x9f\xbf",
                                      "\xed\xa0\x80",
                                      "\xf0\x8f\xbf\xbf",
                                      "\xf4\x90\x80\x80",
                                      "\xf5\x80\x80\x80",
                                      "\xff",
                                      "\xe2\x82"};
    for (size_t i = 0; i < countof(good); i++)
        assert_true(utf8_is_valid(bytes_of(good[i])));
    for (size_t i = 0; i < countof(bad); i++) {
        assert_false(utf8_is_valid(bytes_of(bad[i])));
        assert_int_equal(utf8_sequence(bytes_of(bad[i])), 0);
        assert_false(utf8_is_ascii(bytes_of(bad[i])));
    }
    assert_true(utf8_is_ascii(BYTES("a\x7f\0")));
    /* Wherever it stands in or behind whole words. */
    uint8_t text[21];
    memset(text, 'a', sizeof(text));
    for (size_t length = 0; length <= sizeof(text); length++) {
        assert_true(utf8_is_ascii(bytes_from(text, length)));
        for (size_t at = 0; at < length; at++) {
            text[at] = 0x80;
            assert_false(utf8_is_ascii(bytes_from(text, length)));
            text[at] = 'a';
        }
    }
}

/* --- ip --- */

static void assert_ip(const char *text, const char *canonical)
{
    struct ip ip;
    char out[IP_TEXT_SIZE];
    if (!ip_parse(bytes_of(text), &ip))
        fail_msg("not parsed: %s", text);
    assert_string_equal(ip_format(&ip, out), canonical);
}

static void addresses_are_parsed_and_written_canonically_rfc5952_4(void **state)
{
    assert_ip("192.0.2.1", "192.0.2.1");
    assert_ip("0.0.0.0", "0.0.0.0");
    assert_ip("2001:DB8:0:0:1:0:0:1", "2001:db8::1:0:0:1");
    assert_ip("2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1");
    assert_ip("::", "::");
    assert_ip("::ffff:192.0.2.1", "192.0.2.1");
    assert_ip("::FFFF:c000:0201", "192.0.2.1");
    assert_ip("1111:2222:3333:4444:5555:6666:123.123.123.123",
              "1111:2222:3333:4444:5555:6666:7b7b:7b7b");
    static const char *const bad[] = {
        "",        "1.2.3",     "1.2.3.4.5", "1.2.3.256",     "1.2.3.04", "1.2.3.4.", ".1.2.3.4",
        "1..3.4",  " 1.2.3.4",  "1.2.3.4 ",  "0x1.2.3.4",     ":",        ":::",      "1::2::3",
        "12345::", "fe80::1%1", "[::1]",     "1:2:3:4:5:6:7", "::1.2.3",  "1.2.3.+4"};
    struct ip ip;
    for (size_t i = 0; i < countof(bad); i++)
        if (ip_parse(bytes_of(bad[i]), &ip))
            fail_msg("parsed: %s", bad[i]);
    assert_false(ip_parse(BYTES("1.2.3.4\0"), &ip));
    assert_false(ip_parse_v4(BYTES("::1"), &ip));
    assert_false(ip_parse_v6(BYTES("1.2.3.4"), &ip));
    char out[IP_TEXT_SIZE];
    assert_string_equal(ip_format(&(struct ip){0}, out), "unknown");
}

static bool contains(const char *network_text, const char *ip_text)
{
    struct ip_network network;
    struct ip ip;
    assert_true(ip_network_parse(bytes_of(network_text), &network));
    assert_true(ip_parse(bytes_of(ip_text), &ip));
    return ip_in_network(&ip, &network);
}

static void networks_hold_the_addresses_of_their_prefix(void **state)
{
    assert_true(contains("192.0.2.0/24", "192.0.2.255"));
    assert_false(contains("192.0.2.0/24", "192.0.3.0"));
    assert_true(contains("192.0.2.77/25", "192.0.2.127"));
    assert_false(contains("192.0.2.77/25", "192.0.2.128"));
    assert_true(contains("0.0.0.0/0", "255.255.255.255"));
    assert_false(contains("0.0.0.0/0", "::1"));
    assert_false(contains("::/0", "192.0.2.1"));
    assert_true(contains("192.0.2.1", "192.0.2.1"));
    assert_false(contains("192.0.2.1/32", "192.0.2.0"));
    assert_true(contains("2001:db8::/33", "2001:db8:7fff::1"));
    assert_false(contains("2001:db8::/33", "2001:db8:8000::1"));
    assert_true(contains("::ffff:192.0.2.0/120", "192.0.2.9"));
    static const char *const bad[] = {"192.0.2.0/33", "192.0.2.0/", "192.0.2.0/-1",
                                      "::/129",       "/8",         "::ffff:192.0.2.0/24",
                                      "192.0.2.0/8/8"};
    struct ip_network network;
    for (size_t i = 0; i < countof(bad); i++)
        assert_false(ip_network_parse(bytes_of(bad[i]), &network));
}

static void literals_and_reversed_names_are_written(void **state)
{
    struct ip v4, v6;
    struct buf b;
    buf_init(&b, 200);
    assert_true(ip_parse(BYTES("192.0.2.1"), &v4) && ip_parse(BYTES("2001:db8::567:89ab"), &v6));
    ip_add_literal(&b, &v4);
    ip_add_literal(&b, &v6);
    assert_bytes(buf_bytes(&b), "[192.0.2.1][IPv6:2001:db8::567:89ab]"); /* rfc5321:4.1.3 */
    buf_clear(&b);
    ip_add_reversed(&b, &v4);
    assert_bytes(buf_bytes(&b), "1.2.0.192");
    buf_clear(&b);
    ip_add_reversed(&b, &v6); /* the example of rfc3596:2.5, other digits */
    assert_bytes(buf_bytes(&b), "b.a.9.8.7.6.5.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2");
    buf_free(&b);
    assert_int_equal(ip_masked(&v4, 9).octets[1], 0);
    assert_int_equal(ip_masked(&v6, 128).octets[15], 0xab);
    assert_true(ip_parse(BYTES("127.3.2.1"), &v4) && ip_is_loopback(&v4));
    assert_true(ip_parse(BYTES("::1"), &v6) && ip_is_loopback(&v6));
    assert_true(ip_parse(BYTES("::2"), &v6) && !ip_is_loopback(&v6));
}

/* --- domain --- */

static void names_are_valid_by_their_labels(void **state)
{
    static const char *const hostnames[] = {"example.org", "a", "1.example",
                                            "xn--bcher-kva.example", "a-b.c--d"};
    static const char *const bad[] = {"",      ".",         "a.",  ".a",   "a..b",
                                      "-a.b",  "a-.b",      "a b", "a.b-", "b\xc3\xbc.de",
                                      "a\\.b", "[1.2.3.4]", "*.a"};
    for (size_t i = 0; i < countof(hostnames); i++)
        assert_true(domain_is_hostname(bytes_of(hostnames[i])));
    for (size_t i = 0; i < countof(bad); i++)
        assert_false(domain_is_valid(bytes_of(bad[i])));
    assert_true(domain_is_valid(BYTES("_dmarc.example.org")));
    assert_false(domain_is_hostname(BYTES("_dmarc.example.org")));
    assert_false(domain_is_hostname(BYTES("192.0.2.1")));
    assert_true(domain_is_valid(BYTES("192.0.2.1")));
    assert_false(domain_is_fully_qualified(BYTES("localhost")));
    assert_true(domain_is_fully_qualified(BYTES("a.b")));
    char name[300];
    for (size_t i = 0; i < sizeof(name); i++)
        name[i] = i % 64 == 63 ? '.' : 'a';
    assert_true(domain_is_valid(bytes_from(name, 63)));
    assert_true(domain_is_valid(bytes_from(name, 253)));
    assert_false(domain_is_valid(bytes_from(name, 254)));
    memset(name, 'a', 64);
    assert_false(domain_is_valid(bytes_from(name, 64)));
}

static void labels_are_counted_and_cut(void **state)
{
    struct bytes name = BYTES("a.b.example.org");
    assert_int_equal(domain_label_count(name), 4);
    assert_int_equal(domain_label_count(BYTES("")), 0);
    assert_bytes(domain_last_labels(name, 2), "example.org");
    assert_bytes(domain_last_labels(name, 4), "a.b.example.org");
    assert_bytes(domain_last_labels(name, 9), "a.b.example.org");
    assert_bytes(domain_last_labels(name, 0), "");
    assert_bytes(domain_parent(name), "b.example.org");
    assert_bytes(domain_parent(BYTES("org")), "");
    assert_bytes(domain_strip_dot(BYTES("org.")), "org");
    assert_bytes(domain_strip_dot(BYTES("")), "");
    assert_true(domain_is_within(BYTES("a.Example.ORG"), BYTES("example.org")));
    assert_true(domain_is_within(BYTES("example.org"), BYTES("EXAMPLE.org")));
    assert_false(domain_is_within(BYTES("badexample.org"), BYTES("example.org")));
    assert_false(domain_is_within(BYTES("org"), BYTES("example.org")));
    assert_false(domain_is_within(BYTES("org"), BYTES("")));
}

/* --- log --- */

static char logged[LOG_LINE_MAX + 1];
static size_t lines;

static void sink(void *context, enum log_level level, struct bytes line)
{
    assert_ptr_equal(context, &lines);
    assert_true(line.len <= LOG_LINE_MAX);
    memcpy(logged, line.ptr, line.len);
    logged[line.len] = '\0';
    lines++;
}

static void log_to_test(enum log_format format, enum log_level least)
{
    lines = 0;
    log_set_sink(sink, &lines, format, least);
    log_set_filter("");
}

static int no_log(void **state)
{
    log_set_sink(NULL, NULL, LOG_FORMAT_PLAIN, LOG_LEVEL_INFO);
    log_set_filter("");
    return 0;
}

static void plain_lines_quote_what_is_not_one_word(void **state)
{
    struct log_line line;
    log_to_test(LOG_FORMAT_PLAIN, LOG_LEVEL_INFO);
    log_begin(&line, LOG_LEVEL_INFO, "smtpd");
    log_bytes(&line, "from", BYTES("<a@example.org>"));
    log_string(&line, "none", NULL);
    log_bytes(&line, "helo", BYTES("two \"words\"\r\n\\ \xc3\xa9\xff\xc2\x9b"));
    log_integer(&line, "size", -5);
    log_end(&line);
    assert_string_equal(logged,
                        "smtpd: from=<a@example.org>, helo=\"two \\\"words\\\"\\x0d\\x0a\\\\ "
                        "\xc3\xa9\\xff\\xc2\\x9b\", size=-5");
    log_warning("dns", "no answer from %s\n\xc2\x9b", "x");
    assert_string_equal(logged, "dns: warning: no answer from x???");
}

static void json_lines_are_valid(void **state)
{
    struct log_line line;
    log_to_test(LOG_FORMAT_JSON, LOG_LEVEL_INFO);
    log_begin(&line, LOG_LEVEL_ERROR, "smtpd");
    log_bytes(&line, "from", BYTES("a\"b\n"));
    log_integer(&line, "size", 5);
    log_end(&line);
    assert_string_equal(logged, "{\"level\":\"error\",\"subject\":\"smtpd\",\"from\":\"a\\\"b\\n\","
                                "\"size\":5}");
    log_info("x", "hello");
    assert_string_equal(logged, "{\"level\":\"info\",\"subject\":\"x\",\"message\":\"hello\"}");
}

static void lines_are_bounded_and_stay_well_formed(void **state)
{
    char large[3000];
    memset(large, '\x01', sizeof(large));
    for (int format = LOG_FORMAT_PLAIN; format <= LOG_FORMAT_JSON; format++) {
        struct log_line line;
        log_to_test((enum log_format)format, LOG_LEVEL_INFO);
        log_begin(&line, LOG_LEVEL_INFO, "smtpd");
        for (int i = 0; i < 20; i++)
            log_bytes(&line, "key", bytes_from(large, sizeof(large)));
        log_integer(&line, "last", 1);
        log_end(&line);
        assert_int_equal(lines, 1);
        assert_non_null(strstr(logged, format == LOG_FORMAT_JSON ? "\"last\":1}" : "last=1"));
    }
    memset(large, 'x', sizeof(large) - 1);
    large[sizeof(large) - 1] = '\0';
    log_to_test(LOG_FORMAT_PLAIN, LOG_LEVEL_INFO);
    log_info("x", "%s", large); /* cut off, not lost */
    assert_true(strlen(logged) > 1000);
    assert_memory_equal(logged, "x: xxx", 6);
}

static void levels_and_subjects_are_filtered(void **state)
{
    assert_false(log_wants(LOG_LEVEL_ERROR, "smtpd")); /* no sink yet */
    log_to_test(LOG_FORMAT_PLAIN, LOG_LEVEL_WARNING);
    log_info("smtpd", "no");
    assert_int_equal(lines, 0);
    log_error("smtpd", "yes");
    assert_int_equal(lines, 1);
    log_to_test(LOG_FORMAT_PLAIN, LOG_LEVEL_DEBUG);
    log_set_filter("dns, spf");
    assert_true(log_wants(LOG_LEVEL_DEBUG, "spf.macro"));
    assert_true(log_wants(LOG_LEVEL_DEBUG, "dns"));
    assert_false(log_wants(LOG_LEVEL_DEBUG, "smtpd"));
    assert_true(log_wants(LOG_LEVEL_INFO, "smtpd"));
}

/* --- result --- */

static void errors_are_one_printable_line_and_may_quote_themselves(void **state)
{
    struct error error;
    assert_int_equal(error_set(&error, PERM, "bad %s", "line\r\nend"), PERM);
    assert_string_equal(error.text, "bad line??end");
    assert_int_equal(error_set(&error, TEMP, "file x: %s", error.text), TEMP);
    assert_string_equal(error.text, "file x: bad line??end");
    assert_int_equal(error_set(NULL, NONE, "x"), NONE);
    char large[1000];
    memset(large, 'x', sizeof(large) - 1);
    large[sizeof(large) - 1] = '\0';
    error_set(&error, PERM, "%s", large);
    assert_int_equal(strlen(error.text), sizeof(error.text) - 1);
    assert_string_equal(result_name(TEMP), "temp");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(octets_above_127_are_in_no_class),
        cmocka_unit_test(slices_compare_by_content),
        cmocka_unit_test(positions_beyond_the_end_are_clamped),
        cmocka_unit_test(the_first_and_the_last_occurrence_are_found),
        cmocka_unit_test(splitting_gives_empty_parts_too),
        cmocka_unit_test(trimming_takes_blanks_and_line_ends),
        cmocka_unit_test(numbers_are_digits_only_and_bounded),
        cmocka_unit_test(a_c_string_must_fit_and_hold_no_nul),
        cmocka_unit_test(memory_is_zeroed_and_aligned),
        cmocka_unit_test(the_cap_holds_until_reset),
        cmocka_unit_test(a_child_counts_against_its_parent),
        cmocka_unit_test(deferred_functions_run_last_first_children_before),
        cmocka_unit_test(nothing_is_deferred_at_the_cap),
        cmocka_unit_test(rewinding_releases_what_came_since_and_nests),
        cmocka_unit_test(a_child_older_than_the_mark_may_go_before_the_rewind),
        cmocka_unit_test(copies_are_independent),
        cmocka_unit_test(appending_stops_at_the_maximum_and_says_so),
        cmocka_unit_test(octets_are_consumed_from_the_front),
        cmocka_unit_test(binary_is_read_in_network_order_and_fails_once_for_all),
        cmocka_unit_test(text_is_taken_piece_by_piece),
        cmocka_unit_test(a_map_keeps_what_was_put_through_growth_and_removal),
        cmocka_unit_test(a_map_does_not_grow_by_coming_and_going),
        cmocka_unit_test(keys_are_octets_and_copied),
        cmocka_unit_test(hashes_depend_on_every_octet_and_the_length),
        cmocka_unit_test(base64_goes_there_and_back_rfc4648_10),
        cmocka_unit_test(hexadecimal_goes_there_and_back),
        cmocka_unit_test(xtext_goes_there_and_back_rfc3461_4),
        cmocka_unit_test(json_has_its_commas_and_escapes),
        cmocka_unit_test(numbers_read_back_the_same),
        cmocka_unit_test(only_shortest_forms_and_real_characters_are_utf8_rfc3629_4),
        cmocka_unit_test(characters_have_numbers_and_octets_rfc3629_3),
        cmocka_unit_test(what_could_disguise_text_is_not_printable),
        cmocka_unit_test(addresses_are_parsed_and_written_canonically_rfc5952_4),
        cmocka_unit_test(networks_hold_the_addresses_of_their_prefix),
        cmocka_unit_test(literals_and_reversed_names_are_written),
        cmocka_unit_test(names_are_valid_by_their_labels),
        cmocka_unit_test(labels_are_counted_and_cut),
        cmocka_unit_test_setup_teardown(plain_lines_quote_what_is_not_one_word, no_log, no_log),
        cmocka_unit_test_setup_teardown(json_lines_are_valid, no_log, no_log),
        cmocka_unit_test_setup_teardown(lines_are_bounded_and_stay_well_formed, no_log, no_log),
        cmocka_unit_test_setup_teardown(levels_and_subjects_are_filtered, no_log, no_log),
        cmocka_unit_test(errors_are_one_printable_line_and_may_quote_themselves),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
