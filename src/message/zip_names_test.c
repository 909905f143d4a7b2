/* SPDX-License-Identifier: BSD-2-Clause */
#include "message/zip_names.h"

#include "message/charset.h"
#include "message/test.h"

static int prepare(void **state)
{
    charset_prepare();
    return create_arena(state);
}

static void u16(struct buf *to, unsigned value)
{
    buf_add_byte(to, (uint8_t)value);
    buf_add_byte(to, (uint8_t)(value >> 8));
}

static void u32(struct buf *to, size_t value)
{
    u16(to, (unsigned)(value & 0xffff));
    u16(to, (unsigned)(value >> 16));
}

enum { ENCRYPTED = 1, SIZES_BEHIND = 8 };

/* APPNOTE 4.3.7: local header and data. */
static void add_local(struct buf *to, const char *name, unsigned flags, const char *data)
{
    buf_add(to, BYTES("PK\003\004"));
    u16(to, 20), u16(to, flags), u16(to, 0), u32(to, 0), u32(to, 0);
    u32(to, flags & SIZES_BEHIND ? 0 : strlen(data)), u32(to, flags & SIZES_BEHIND ? 0 : strlen(data));
    u16(to, (unsigned)strlen(name)), u16(to, 0);
    buf_add_string(to, name);
    buf_add_string(to, data);
}

/* 4.3.12 */
static void add_entry(struct buf *to, const char *name, unsigned flags, size_t size)
{
    buf_add(to, BYTES("PK\001\002"));
    u16(to, 20), u16(to, 20), u16(to, flags), u16(to, 0), u32(to, 0), u32(to, 0), u32(to, size), u32(to, size);
    u16(to, (unsigned)strlen(name)), u16(to, 2), u16(to, 1), u16(to, 0), u16(to, 0), u32(to, 0), u32(to, 0);
    buf_add_string(to, name);
    buf_add_string(to, "EEC");
}

/* 4.3.16 */
static void add_end(struct buf *to, size_t count, size_t size, size_t offset, const char *comment)
{
    buf_add(to, BYTES("PK\005\006"));
    u16(to, 0), u16(to, 0), u16(to, (unsigned)count), u16(to, (unsigned)count), u32(to, size), u32(to, offset);
    u16(to, (unsigned)strlen(comment));
    buf_add_string(to, comment);
}

struct archive {
    struct buf file;
    size_t directory;
};

static void begin(struct archive *archive)
{
    buf_init(&archive->file, 64 << 20);
}

static struct zip_names read_parts(struct bytes head, struct bytes tail, size_t before, size_t max)
{
    struct zip_names zip;
    assert_int_equal(zip_names_read(arena, head, tail, before, max, &zip), OK);
    return zip;
}

static struct zip_names read_max(struct bytes head, struct bytes tail, size_t max)
{
    return read_parts(head, tail, 0, max);
}

static struct zip_names read_whole(const struct archive *archive)
{
    return read_max(buf_bytes(&archive->file), buf_bytes(&archive->file), 100);
}

static void make(struct archive *archive, const char *const *names, size_t count, unsigned flags,
                 const char *comment)
{
    begin(archive);
    for (size_t i = 0; i < count; i++)
        add_local(&archive->file, names[i], flags, "data");
    archive->directory = archive->file.len;
    for (size_t i = 0; i < count; i++)
        add_entry(&archive->file, names[i], flags, 4 + i);
    add_end(&archive->file, count, archive->file.len - archive->directory, archive->directory, comment);
}

static const char *const three[] = {"a.txt", "d/", "d/b.zip"};

static void the_directory_names_the_members(void **state)
{
    struct archive archive;
    (void)state;
    make(&archive, three, 3, 0, "a comment with PK\005\006 in it");
    struct zip_names zip = read_whole(&archive);
    assert_int_equal(zip.count, 3);
    assert_bytes(zip.members[0].name, "a.txt");
    assert_int_equal(zip.members[0].size, 4);
    assert_bytes(zip.members[2].name, "d/b.zip");
    assert_true(zip.members[2].archive && zip.nested);
    assert_false(zip.encrypted || zip.office || zip.macros || zip.cut || zip.broken);
    buf_free(&archive.file);
}

static void folders_are_no_members(void **state)
{
    struct archive archive;
    (void)state;
    begin(&archive);
    add_entry(&archive.file, "d/", 0, 0);
    add_end(&archive.file, 1, archive.file.len, 0, "");
    assert_int_equal(read_whole(&archive).count, 0);
    buf_free(&archive.file);
}

static void encryption_is_noticed(void **state)
{
    struct archive archive;
    (void)state;
    make(&archive, three, 1, ENCRYPTED, "");
    struct zip_names zip = read_whole(&archive);
    assert_true(zip.encrypted && zip.members[0].encrypted);
    buf_free(&archive.file);
}

static void macros_of_office_files_are_noticed_even_beyond_the_list(void **state)
{
    static const char *const names[] = {"[Content_Types].xml", "word/document.xml", "word/vbaProject.bin"};
    static const char *const open[] = {"mimetype", "META-INF/manifest.xml", "Basic/Standard/Module1.xml"};
    struct archive archive;
    (void)state;
    make(&archive, names, 3, 0, "");
    struct zip_names zip = read_max(buf_bytes(&archive.file), buf_bytes(&archive.file), 1);
    assert_true(zip.office && zip.macros && zip.cut);
    assert_int_equal(zip.count, 1);
    buf_free(&archive.file);
    make(&archive, names, 2, 0, "");
    assert_false(read_whole(&archive).macros);
    buf_free(&archive.file);
    make(&archive, open, 3, 0, "");
    zip = read_whole(&archive);
    assert_true(zip.office && zip.macros);
    buf_free(&archive.file);
}

static void only_the_end_is_needed(void **state)
{
    struct archive archive;
    (void)state;
    make(&archive, three, 3, 0, "");
    struct zip_names zip = read_max(bytes_first(buf_bytes(&archive.file), 10),
                                    bytes_skip(buf_bytes(&archive.file), archive.directory), 100);
    assert_int_equal(zip.count, 3);
    assert_false(zip.cut);
    /* The first entry lies before what was kept. */
    zip = read_max(bytes_first(buf_bytes(&archive.file), 10),
                   bytes_skip(buf_bytes(&archive.file), archive.directory + 1), 100);
    assert_int_equal(zip.count, 2);
    assert_true(zip.cut);
    buf_free(&archive.file);
}

static void what_stands_before_an_archive_does_not_matter(void **state)
{
    struct archive archive, other;
    (void)state;
    make(&archive, three, 3, 0, "");
    begin(&other);
    buf_add_string(&other.file, "MZ a program that unpacks itself");
    buf_add(&other.file, buf_bytes(&archive.file));
    assert_int_equal(read_whole(&other).count, 3);
    buf_free(&archive.file);
    buf_free(&other.file);
}

/* Programs go by the offset, or by what stands before the end record. */
static void two_directories_are_both_read(void **state)
{
    static const char *const bad[] = {"evil.exe"}, *const good[] = {"a.txt"};
    struct archive archive;
    (void)state;
    make(&archive, bad, 1, 0, "");
    size_t end = archive.file.len - 22;
    archive.file.len = end;
    size_t second = archive.file.len;
    add_entry(&archive.file, good[0], 0, 4);
    add_end(&archive.file, 1, archive.file.len - second, archive.directory, "");
    struct zip_names zip = read_whole(&archive);
    assert_true(zip.ambiguous && zip.broken);
    assert_int_equal(zip.count, 2);
    assert_bytes(zip.members[0].name, "a.txt");
    assert_bytes(zip.members[1].name, "evil.exe");
    /* The first of them lies in the beginning only. */
    zip = read_parts(buf_bytes(&archive.file), bytes_skip(buf_bytes(&archive.file), second), second, 9);
    assert_true(zip.ambiguous && zip.members[1].program);
    /* Neither: who knows? */
    zip = read_parts(BYTES("PK"), bytes_skip(buf_bytes(&archive.file), second), second, 9);
    assert_true(zip.unseen && !zip.ambiguous);
    buf_free(&archive.file);
    make(&archive, bad, 1, 0, "");
    zip = read_whole(&archive);
    assert_false(zip.ambiguous || zip.astray || zip.unseen || zip.broken);
    buf_free(&archive.file);
}

static void programs_displace_what_is_harmless(void **state)
{
    static const char *const names[] = {"a.txt", "b.txt", "c.exe", "d.zip", "e.js"};
    struct archive archive;
    (void)state;
    make(&archive, names, 5, 0, "");
    struct zip_names zip = read_max(buf_bytes(&archive.file), buf_bytes(&archive.file), 2);
    assert_int_equal(zip.count, 2);
    assert_bytes(zip.members[1].name, "c.exe");
    assert_bytes(zip.members[0].name, "e.js");
    assert_true(zip.cut && zip.unseen); /* d.zip is lost */
    buf_free(&archive.file);
    make(&archive, names, 3, 0, "");
    zip = read_max(buf_bytes(&archive.file), buf_bytes(&archive.file), 1);
    assert_bytes(zip.members[0].name, "c.exe");
    assert_true(zip.cut && !zip.unseen);
    buf_free(&archive.file);
}

static void without_a_directory_the_members_are_read(void **state)
{
    struct archive archive;
    (void)state;
    begin(&archive);
    add_local(&archive.file, "a.exe", 0, "data");
    add_local(&archive.file, "b.txt", SIZES_BEHIND, "of unknown length");
    add_local(&archive.file, "c.txt", ENCRYPTED, "x");
    struct zip_names zip = read_whole(&archive);
    assert_int_equal(zip.count, 3);
    assert_bytes(zip.members[2].name, "c.txt");
    assert_true(zip.broken && zip.encrypted);
    buf_free(&archive.file);
}

static void a_directory_that_is_none_is_broken(void **state)
{
    struct archive archive;
    (void)state;
    make(&archive, three, 3, 0, "");
    archive.file.ptr[archive.directory] = 'x';
    struct zip_names zip = read_whole(&archive);
    assert_true(zip.broken || zip.cut);
    assert_true(zip.count >= 2);
    buf_free(&archive.file);
}

static void names_are_of_code_page_437_unless_they_are_utf8(void **state)
{
    static const char *const names[] = {"gr\x81n.txt", "gr\xc3\xbcn.txt"};
    struct archive archive;
    (void)state;
    make(&archive, names, 2, 0, "");
    struct zip_names zip = read_whole(&archive);
    assert_bytes(zip.members[0].name, "grün.txt");
    assert_bytes(zip.members[1].name, "grün.txt");
    buf_free(&archive.file);
}

static void anything_else_gives_nothing(void **state)
{
    (void)state;
    struct zip_names zip = read_max(BYTES("no archive"), BYTES("no archive"), 100);
    assert_int_equal(zip.count, 0);
    assert_int_equal(read_max(BYTES(""), BYTES(""), 100).count, 0);
    assert_false(zip_names_is_zip(BYTES("PK")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_directory_names_the_members),
        cmocka_unit_test(folders_are_no_members),
        cmocka_unit_test(encryption_is_noticed),
        cmocka_unit_test(macros_of_office_files_are_noticed_even_beyond_the_list),
        cmocka_unit_test(only_the_end_is_needed),
        cmocka_unit_test(what_stands_before_an_archive_does_not_matter),
        cmocka_unit_test(two_directories_are_both_read),
        cmocka_unit_test(programs_displace_what_is_harmless),
        cmocka_unit_test(without_a_directory_the_members_are_read),
        cmocka_unit_test(a_directory_that_is_none_is_broken),
        cmocka_unit_test(names_are_of_code_page_437_unless_they_are_utf8),
        cmocka_unit_test(anything_else_gives_nothing),
    };
    return cmocka_run_group_tests(tests, prepare, destroy_arena);
}
