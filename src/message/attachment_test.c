/* SPDX-License-Identifier: BSD-2-Clause */
#include "message/attachment.h"

#include "base/encode.h"
#include "message/test.h"

static int prepare(void **state)
{
    readable_prepare();
    return create_arena(state);
}

static struct readable read_message(struct bytes raw)
{
    struct message *message = arena_new(arena, struct message);
    struct mime *mime = arena_new(arena, struct mime);
    struct readable readable;
    assert_int_equal(message_parse(arena, raw, message, NULL), OK);
    assert_int_equal(mime_parse(arena, message, NULL, mime, NULL), OK);
    assert_int_equal(readable_make(arena, message, mime, &readable, NULL), OK);
    return readable;
}

/* A message that is one attachment, in base64 with lines of 76 digits. */
static struct readable read_attachment(const char *fields, struct bytes content)
{
    struct buf text, digits;
    buf_init(&text, 64 << 20);
    buf_init(&digits, 64 << 20);
    base64_encode(&digits, content);
    buf_printf(&text, "%s\nContent-Transfer-Encoding: base64\n\n", fields);
    for (size_t i = 0; i < digits.len; i += 76) {
        buf_add(&text, bytes_slice(buf_bytes(&digits), i, i + 76));
        buf_add_byte(&text, '\n');
    }
    struct bytes raw = message_normalize(arena, buf_bytes(&text));
    buf_free(&text);
    buf_free(&digits);
    return read_message(raw);
}

static struct readable_attachment one(const char *fields, struct bytes content)
{
    struct readable readable = read_attachment(fields, content);
    assert_int_equal(readable.attachment_count, 1);
    return readable.attachments[0];
}

static void programs_are_known_by_name(void **state)
{
    static const char *const yes[] = {"a.exe",  "A.EXE", "x.scr",        "a.b.js", "a.exe.", "a.rdp", "a.one",
                                      "a.vhd", "a.iso", "a.appinstaller", "a.searchConnector-ms", "a.msixbundle",
                                      "a.exe ", "a.lnk", "a.exe::$DATA", "a.hta",  "a.vbs\""};
    static const char *const no[] = {"a.pdf", "exe", "a.exe.txt", "", "a.", ".", "a.html", "js.zip"};
    (void)state;
    for (size_t i = 0; i < countof(yes); i++)
        if (!attachment_is_executable(bytes_of(yes[i])))
            fail_msg("%s is a program", yes[i]);
    for (size_t i = 0; i < countof(no); i++)
        if (attachment_is_executable(bytes_of(no[i])))
            fail_msg("%s is no program", no[i]);
}

static void names_that_hide_their_end(void **state)
{
    static const char *const yes[] = {"a.pdf.exe", "a.pdf .exe", "a.jpg                       .scr",
                                      "\xe2\x80\xae"
                                      "fdp.exe",
                                      "x\xe2\x80\xae"
                                      "cod.txt"};
    static const char *const no[] = {"a.exe", "setup.1.2.exe", "a.tar.gz",
                                     "a.pdf", "a.exe.txt",     "report final.doc"};
    (void)state;
    for (size_t i = 0; i < countof(yes); i++)
        if (!attachment_is_disguised(bytes_of(yes[i])))
            fail_msg("%s is disguised", yes[i]);
    for (size_t i = 0; i < countof(no); i++)
        if (attachment_is_disguised(bytes_of(no[i])))
            fail_msg("%s is not disguised", no[i]);
}

static void a_program_is_one_whatever_its_type_says(void **state)
{
    (void)state;
    struct readable_attachment item = one("Content-Type: image/png; name=a.png", BYTES("MZ\x90\0\3"));
    assert_true(item.executable && item.disguised);
    assert_bytes(item.type, "image/png");
    item = one("Content-Type: application/octet-stream; name=a.bin", BYTES("\177ELF\2"));
    assert_true(item.executable && !item.disguised);
    item = one("Content-Type: audio/x-wav; name=a.exe", BYTES("x"));
    assert_true(item.executable && item.disguised);
    item = one("Content-Type: application/pdf; name=a.pdf", BYTES("PK\003\004"));
    assert_true(item.disguised && !item.executable);
    item = one("Content-Type: application/pdf; name=a.pdf", BYTES("%PDF-1.4"));
    assert_false(item.disguised || item.executable);
    item = one("Content-Type: text/x-sh\nContent-Disposition: attachment; filename=a.sh", BYTES("#!/bin/sh\n"));
    assert_true(item.executable && !item.disguised);
}

static void names_in_rfc2231_and_in_encoded_words(void **state)
{
    (void)state;
    assert_bytes(one("Content-Type: x/y; name*=koi8-r''%F0.txt", BYTES("x")).name, "П.txt");
    assert_bytes(
        one("Content-Type: x/y\nContent-Disposition: attachment; filename*0*=utf-8''%e2%82; filename*1*=%ac.txt",
            BYTES("x"))
            .name,
        "€.txt");
    assert_bytes(one("Content-Type: x/y; name=\"=?gb2312?B?xOO6ww==?=.txt\"", BYTES("x")).name, "你好.txt");
    assert_bytes(one("Content-Type: x/y", BYTES("x")).name, "");
}

static void sizes_are_computed(void **state)
{
    (void)state;
    for (size_t size = 0; size < 400; size++)
        assert_int_equal(one("Content-Type: x/y", repeat("x", size)).size, size);
    assert_int_equal(one("Content-Type: x/y", repeat("x", 1 << 20)).size, 1 << 20);
    struct readable plain = read_message(BYTES("Content-Type: x/y\r\n\r\nabc\r\n"));
    assert_int_equal(plain.attachments[0].size, 5);
    struct readable quoted =
        read_message(BYTES("Content-Type: x/y\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\na=3Db=\r\nc"));
    assert_int_equal(quoted.attachments[0].size, 4);
}

static void old_office_files_with_macros(void **state)
{
    struct bytes parts[] = {BYTES("\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"), repeat("x", 49148 - 8 - 12),
                            BYTES("_\0V\0B\0A\0_\0P\0R\0O\0J\0E\0C\0T\0"), repeat("y", 100000)};
    (void)state;
    assert_true(one("Content-Type: application/msword; name=a.doc", arena_concat(arena, parts, 4)).macros);
    parts[2] = BYTES("no macro");
    assert_false(one("Content-Type: application/msword; name=a.doc", arena_concat(arena, parts, 4)).macros);
    parts[2] = BYTES("E\0n\0c\0r\0y\0p\0t\0e\0d\0P\0a\0c\0k\0a\0g\0e\0");
    assert_true(read_attachment("Content-Type: application/msword", arena_concat(arena, parts, 4)).flags &
                READABLE_ENCRYPTED);
}

/* One member, "a.pdf.exe", encrypted or not; `size` octets of data. */
static struct bytes zip_of(const char *name, size_t size, bool encrypted)
{
    struct bytes length = bytes_from((uint8_t[]){(uint8_t)strlen(name), 0}, 2);
    struct bytes flags = bytes_from((uint8_t[]){encrypted, 0}, 2);
    struct bytes directory_size = bytes_from((uint8_t[]){(uint8_t)(46 + strlen(name)), 0, 0, 0}, 4);
    struct bytes parts[] = {BYTES("PK\003\004\024\0"),
                            flags,
                            BYTES("\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"),
                            length,
                            BYTES("\0\0"),
                            bytes_of(name),
                            repeat("z", size),
                            BYTES("PK\001\002\024\0\024\0"),
                            flags,
                            BYTES("\0\0\0\0\0\0\0\0\0\0\0\0\0\0\7\0\0\0"),
                            length,
                            BYTES("\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"),
                            bytes_of(name),
                            BYTES("PK\005\006\0\0\0\0\1\0\1\0"),
                            directory_size,
                            BYTES("\0\0\0\0\0\0")};
    return arena_concat(arena, parts, countof(parts));
}

static void members_of_archives_are_listed(void **state)
{
    static const size_t sizes[] = {0, 1, 2, 3, 1000, 70000, 3 << 20};
    (void)state;
    for (size_t i = 0; i < countof(sizes); i++) {
        struct readable readable =
            read_attachment("Content-Type: application/zip; name=a.zip", zip_of("a.pdf.exe", sizes[i], false));
        assert_int_equal(readable.attachment_count, 2);
        assert_false(readable.attachments[0].member || readable.attachments[0].executable);
        assert_true(readable.attachments[1].member && !readable.attachments[1].part);
        assert_bytes(readable.attachments[1].name, "a.pdf.exe");
        assert_true(readable.attachments[1].executable && readable.attachments[1].disguised);
        assert_int_equal(readable.attachments[1].size, 7);
        assert_false(readable.flags & (READABLE_ENCRYPTED | READABLE_CUT));
    }
    assert_true(read_attachment("Content-Type: application/zip", zip_of("a", 9, true)).flags & READABLE_ENCRYPTED);
}

/* Lines that are not of whole groups of four digits: the end cannot be decoded alone. */
static void an_archive_in_odd_lines_is_read_too(void **state)
{
    struct buf text, digits;
    (void)state;
    buf_init(&text, 1 << 20);
    buf_init(&digits, 1 << 20);
    base64_encode(&digits, zip_of("b.exe", 200000, false));
    buf_add_string(&text, "Content-Type: application/zip\r\nContent-Transfer-Encoding: base64\r\n\r\n");
    for (size_t i = 0; i < digits.len; i += 71) {
        buf_add(&text, bytes_slice(buf_bytes(&digits), i, i + 71));
        buf_add_string(&text, "\r\n");
    }
    struct readable readable = read_message(buf_bytes(&text));
    assert_int_equal(readable.attachment_count, 2);
    assert_bytes(readable.attachments[1].name, "b.exe");
    buf_free(&text);
    buf_free(&digits);
}

/* --- What is to be hidden ----------------------------------------------------------------------------- */

static bool is_listed(const struct readable *readable, const char *name)
{
    for (size_t i = 0; i < readable->attachment_count; i++)
        if (bytes_is(readable->attachments[i].name, name))
            return readable->attachments[i].executable;
    return false;
}

static struct readable read_lines(const char *text)
{
    return read_message(message_normalize(arena, bytes_of(text)));
}

static void texts_with_names_are_files_too(void **state)
{
    (void)state;
    struct readable r = read_lines("Content-Type: text/plain; name=invoice.exe\n\nMZ");
    assert_true(is_listed(&r, "invoice.exe") && r.attachments[0].shown && r.text.len);
    r = read_lines("Content-Type: text/html\nContent-Disposition: inline; filename=a.hta\n\n<p>x");
    assert_true(is_listed(&r, "a.hta"));
    r = read_lines("Content-Type: text/plain\n\nMZ");
    assert_int_equal(r.attachment_count, 0);
}

static void files_in_uuencode_are_listed(void **state)
{
    (void)state;
    struct readable r = read_lines("Subject: x\n\nhi\nbegin 644 evil.exe\n#35H`\n`\nend\n");
    assert_true(is_listed(&r, "evil.exe"));
    r = read_lines("Subject: x\n\nWe begin 644 evil.exe\n#\nbegin 6 x.exe\nbegin 644\nbegin ");
    assert_int_equal(r.attachment_count, 0);
}

static void all_names_of_a_file_count_and_the_ends_of_long_ones(void **state)
{
    (void)state;
    struct readable r =
        read_lines("Content-Type: x/y; name=a.js\nContent-Disposition: attachment; filename=a.txt\n\nx");
    assert_int_equal(r.attachment_count, 2);
    assert_bytes(r.attachments[0].name, "a.txt");
    assert_true(is_listed(&r, "a.js"));
    r = read_lines("Content-Type: x/y; name=b.txt\nContent-Disposition: attachment; filename=a.txt\n\nx");
    assert_int_equal(r.attachment_count, 1);
    struct bytes parts[] = {BYTES("Content-Type: x/y; name=\""), repeat("a", 1100), BYTES(".js"), repeat(".", 1100),
                            BYTES("\"\r\n\r\nx")};
    r = read_message(arena_concat(arena, parts, countof(parts)));
    assert_true(r.attachment_count == 1 && r.attachments[0].executable);
}

static struct bytes zip_of_two(const char *first, const char *second)
{
    struct bytes one = zip_of(first, 1, false), two = zip_of(second, 1, false);
    size_t entry = 30 + strlen(first) + 1, end = one.len - 22, from = 30 + strlen(second) + 1;
    struct bytes size = bytes_from((uint8_t[]){(uint8_t)(92 + strlen(first) + strlen(second)), 0, 0, 0}, 4);
    struct bytes parts[] = {bytes_slice(one, entry, end), bytes_slice(two, from, two.len - 22),
                            BYTES("PK\005\006\0\0\0\0\2\0\2\0"), size, BYTES("\0\0\0\0\0\0")};
    return arena_concat(arena, parts, countof(parts));
}

static void a_document_hides_no_programs(void **state)
{
    (void)state;
    struct readable r = read_attachment("Content-Type: application/zip", zip_of_two("[Content_Types].xml", "i.exe"));
    assert_int_equal(r.attachment_count, 2);
    assert_true(is_listed(&r, "i.exe"));
    r = read_attachment("Content-Type: application/zip", zip_of_two("META-INF/manifest.xml", "content.xml"));
    assert_int_equal(r.attachment_count, 1);
}

static void an_archive_is_found_by_its_end(void **state)
{
    static const char *const before[] = {"XXXX", "PK00"};
    static const char *const types[] = {"Content-Type: application/octet-stream", "Content-Type: application/zip",
                                        "Content-Type: application/x-y; name=a.zip"};
    (void)state;
    for (size_t i = 0; i < countof(before); i++)
        for (size_t k = 0; k < countof(types); k++) {
            struct bytes parts[] = {bytes_of(before[i]), zip_of("i.exe", 90000, false)};
            struct readable r = read_attachment(types[k], arena_concat(arena, parts, 2));
            assert_true(is_listed(&r, "i.exe"));
        }
    struct readable r = read_attachment("Content-Type: application/octet-stream", repeat("x", 99999));
    assert_int_equal(r.attachment_count, 1);
    assert_false(r.flags & (READABLE_CUT | READABLE_BROKEN));
}

static void what_matters_displaces_what_does_not(void **state)
{
    struct bytes parts[] = {BYTES("Content-Type: multipart/mixed; boundary=b\r\n\r\n"),
                            repeat("--b\r\nContent-Type: image/gif; name=a.gif\r\n\r\nGIF\r\n", 210),
                            BYTES("--b\r\nContent-Type: x/y; name=evil.exe\r\n\r\nMZ\r\n"), BYTES("--b--\r\n")};
    (void)state;
    struct readable r = read_message(arena_concat(arena, parts, countof(parts)));
    assert_int_equal(r.attachment_count, READABLE_ATTACHMENTS_MAX);
    assert_true(is_listed(&r, "evil.exe"));
    assert_true((r.flags & READABLE_CUT) && !(r.flags & READABLE_UNSEEN));
}

static void attachments_beyond_the_limit_are_left_out_and_flagged(void **state)
{
    struct bytes parts[] = {BYTES("Content-Type: multipart/mixed; boundary=b\r\n\r\n"),
                            repeat("--b\r\nContent-Type: x/y\r\n\r\nz\r\n", READABLE_ATTACHMENTS_MAX + 1),
                            BYTES("--b--\r\n")};
    (void)state;
    struct readable readable = read_message(arena_concat(arena, parts, countof(parts)));
    assert_int_equal(readable.attachment_count, READABLE_ATTACHMENTS_MAX);
    assert_true((readable.flags & READABLE_CUT) && (readable.flags & READABLE_UNSEEN));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(programs_are_known_by_name),
        cmocka_unit_test(names_that_hide_their_end),
        cmocka_unit_test(a_program_is_one_whatever_its_type_says),
        cmocka_unit_test(names_in_rfc2231_and_in_encoded_words),
        cmocka_unit_test(sizes_are_computed),
        cmocka_unit_test(old_office_files_with_macros),
        cmocka_unit_test(members_of_archives_are_listed),
        cmocka_unit_test(an_archive_in_odd_lines_is_read_too),
        cmocka_unit_test(texts_with_names_are_files_too),
        cmocka_unit_test(files_in_uuencode_are_listed),
        cmocka_unit_test(all_names_of_a_file_count_and_the_ends_of_long_ones),
        cmocka_unit_test(a_document_hides_no_programs),
        cmocka_unit_test(an_archive_is_found_by_its_end),
        cmocka_unit_test(what_matters_displaces_what_does_not),
        cmocka_unit_test(attachments_beyond_the_limit_are_left_out_and_flagged),
    };
    return cmocka_run_group_tests(tests, prepare, destroy_arena);
}
