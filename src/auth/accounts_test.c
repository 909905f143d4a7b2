/* SPDX-License-Identifier: BSD-2-Clause */
#include "auth/accounts.h"
#include "auth/saslprep.h"
#include "base/encode.h"
#include "os/durable_fake.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <cmocka.h>

/* "a long password" with sha512-crypt (few rounds) and bcrypt (cost 4), made with mkpasswd's library. */
#define SHA512_HASH                                                                                \
    "$6$rounds=1000$saltsalt$"                                                                     \
    "XEZ2J/ZJcoCdRmbV9BWzD2aaPbEDVZqpQgmIE65FgP6LpXopynHPmaSDsw/fOWxZl5LEENGqURihfQpq0ZkKw0"
#define BCRYPT_HASH "$2b$04$abcdefghijklmnopqrstuunJ0u00SLiuoTA7qEltWZhxMUdJFZu5q"
/* rfc7677:3: user "user", password "pencil". */
#define RFC_SCRAM                                                                                  \
    "scram=4096:W22ZaJ0SNY7soEsUEjb6gQ==:WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:"            \
    "wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU="

static struct accounts *parse(const char *text)
{
    struct accounts *accounts = NULL;
    struct buf errors;
    buf_init(&errors, 65536);
    enum result result = accounts_parse(bytes_of(text), "file", &accounts, &errors);
    if (result != OK)
        print_error(BYTES_FMT, BYTES_ARG(buf_bytes(&errors)));
    buf_free(&errors);
    assert_int_equal(result, OK);
    return accounts;
}

static void assert_fault(const char *text, const char *expected)
{
    struct accounts *accounts = NULL;
    struct buf errors;
    buf_init(&errors, 1 << 20);
    assert_int_equal(accounts_parse(bytes_of(text), "file", &accounts, &errors), PERM);
    assert_null(accounts);
    if (bytes_find(buf_bytes(&errors), bytes_of(expected)) == BYTES_NOT_FOUND) {
        print_error("wanted '%s', got: " BYTES_FMT, expected, BYTES_ARG(buf_bytes(&errors)));
        fail();
    }
    buf_free(&errors);
}

static void reads_accounts_with_comments_and_blank_lines(void **state)
{
    (void)state;
    struct accounts *accounts = parse("# who may send\n\n"
                                      "Anna@Example.org password=" SHA512_HASH
                                      "  send-as=sales@example.org,@example.net # of the shop\r\n"
                                      "  robot\t" RFC_SCRAM " disabled=yes\n"
                                      "cam cram-md5=c2VjcmV0LXdvcmQ=");
    assert_int_equal(accounts_count(accounts), 3);
    const struct account *anna = accounts_find(accounts, BYTES("anna@EXAMPLE.org"));
    assert_non_null(anna);
    assert_true(bytes_is(anna->name, "Anna@Example.org"));
    assert_int_equal(anna->send_as_count, 2);
    assert_true(bytes_is(anna->send_as[1], "@example.net"));
    assert_false(anna->disabled);
    const struct account *robot = accounts_find(accounts, BYTES("robot"));
    assert_non_null(robot);
    assert_true(robot->disabled);
    assert_int_equal(robot->scram.iterations, 4096);
    assert_int_equal(robot->scram.salt.len, 16);
    const struct account *cam = accounts_find(accounts, BYTES("cam"));
    assert_true(bytes_is(cam->cram_secret, "secret-word"));
    assert_ptr_equal(accounts_at(accounts, 2), cam);
    assert_null(accounts_find(accounts, BYTES("anna")));
    assert_null(accounts_find(accounts, BYTES("")));
    accounts_free(accounts);
}

static void names_file_and_line_of_every_fault(void **state)
{
    (void)state;
    assert_fault("a\nb\nA\n", "file:3: the account 'A' stands here twice");
    assert_fault("a b\n", "file:1: expected key=value");
    assert_fault("a colour=red\n", "unknown key 'colour'");
    assert_fault("a password=plaintext\n", "file:1: password:");
    assert_fault("a password=\n", "file:1: password:");
    assert_fault("a disabled=maybe\n", "disabled is yes or no");
    assert_fault("a disabled=no disabled=yes\n", "disabled stands here twice");
    assert_fault("a@ disabled=no\n", "bad domain");
    assert_fault("@b disabled=no\n", "neither a mailbox");
    assert_fault("a@b@c\n", "neither a mailbox");
    assert_fault("a@\xc3\xa4.example\n", "ASCII form");
    assert_fault("-a\n", "does not begin");
    assert_fault("a send-as=b\n", "is not user@domain");
    assert_fault("a send-as=@\n", "is no @domain");
    assert_fault("a send-as=\n", "send-as: 1 to");
    assert_fault("a send-as=*,,*\n", "is not user@domain");
    assert_fault("a cram-md5=!\n", "cram-md5: base64");
    assert_fault("a scram=1:2:3\n", "scram: expected");
    assert_fault("a scram=4095:W22Z:WG5d:WG5d\n", "scram: iterations");
    assert_fault("a scram=4096::WG5d:WG5d\n", "scram: the salt");
    assert_fault("a scram=4096:W22Z:WG5d:WG5d\n", "scram: a key");
    assert_fault("a scram=4096:W22Z:WG5d:WG5d:\n", "scram: expected");
    assert_fault("x\na/b@c d=1\n\ny =\n", "file:4: unknown key ''");
}

static void a_fault_does_not_show_a_value(void **state)
{
    (void)state;
    struct accounts *accounts = NULL;
    struct buf errors;
    buf_init(&errors, 65536);
    assert_int_equal(accounts_parse(BYTES("a password=TopSecret1\nb TopSecret2\n"
                                          "c scram=4096:TopSecret3:x:y\nd cram-md5=TopSecret4!\n"),
                                    "file", &accounts, &errors), PERM);
    assert_true(bytes_find(buf_bytes(&errors), BYTES("TopSecret")) == BYTES_NOT_FOUND);
    buf_free(&errors);
}

static void verifies_any_hash_of_crypt(void **state)
{
    (void)state;
    struct accounts *accounts = parse("a password=" SHA512_HASH "\nb password={BLF-CRYPT}" BCRYPT_HASH
                                      "\nc disabled=yes password=" BCRYPT_HASH "\nd\n");
    for (size_t i = 0; i < 4; i++) {
        const struct account *account = accounts_at(accounts, i);
        assert_int_equal(accounts_verify_password(accounts, account, account->name,
                                                  BYTES("a long password")), i < 2);
        assert_false(accounts_verify_password(accounts, account, account->name, BYTES("a long passwore")));
        assert_false(accounts_verify_password(accounts, account, account->name, BYTES("")));
        assert_false(accounts_verify_password(accounts, account, account->name,
                                              bytes_from("a long password\0", 16)));
    }
    /* The decoy of an unknown name is somebody's hash: his password must not open it. */
    for (size_t i = 0; i < 16; i++) {
        char name[2] = {(char)('e' + i), 0};
        assert_false(accounts_verify_password(accounts, NULL, bytes_of(name), BYTES("a long password")));
    }
    uint8_t longest[ACCOUNT_PASSWORD_MAX + 1];
    memset(longest, 'x', sizeof(longest));
    assert_false(accounts_verify_password(accounts, accounts_at(accounts, 0), BYTES("a"),
                                          bytes_from(longest, sizeof(longest))));
    accounts_free(accounts);
    accounts = parse("");
    assert_false(accounts_verify_password(accounts, NULL, BYTES("e"), BYTES("a long password")));
    accounts_free(accounts);
}

static struct bytes line_of(struct buf *buf, const struct account *account)
{
    buf_init(buf, 65536);
    account_write(buf, account);
    assert_false(buf->failed);
    return buf_bytes(buf);
}

static void a_new_password_is_verified_after_a_round_trip(void **state)
{
    (void)state;
    struct arena *arena = arena_create(1 << 20);
    struct bytes entries[2] = {BYTES("sales@example.org"), BYTES("@example.net")};
    struct account account = {.name = BYTES("anna@example.org"), .send_as = entries, .send_as_count = 2};
    struct error error;
    struct buf line;
    assert_int_equal(account_set_password(arena, &account, BYTES("correct horse"), true, &error), OK);
    assert_true(bytes_starts_with(account.password, BYTES("$y$")));
    assert_true(account.scram.iterations >= SCRAM_ITERATIONS_MIN);
    struct accounts *accounts = parse((const char *)arena_string(arena, line_of(&line, &account)));
    const struct account *read = accounts_find(accounts, account.name);
    assert_non_null(read);
    assert_true(accounts_verify_password(accounts, read, read->name, BYTES("correct horse")));
    assert_false(accounts_verify_password(accounts, read, read->name, BYTES("correct horsf")));
    assert_memory_equal(read->scram.stored_key, account.scram.stored_key, SCRAM_KEY_SIZE);
    assert_memory_equal(read->scram.server_key, account.scram.server_key, SCRAM_KEY_SIZE);
    assert_true(bytes_equal(read->scram.salt, account.scram.salt));
    assert_true(bytes_is(read->cram_secret, "correct horse"));
    assert_int_equal(read->send_as_count, 2);
    buf_free(&line);
    accounts_free(accounts);
    /* Without CRAM-MD5 the password itself is nowhere. */
    assert_int_equal(account_set_password(arena, &account, BYTES("correct horse"), false, &error), OK);
    assert_true(bytes_find(line_of(&line, &account), BYTES("cram-md5")) == BYTES_NOT_FOUND);
    buf_free(&line);
    arena_destroy(arena);
}

/* rfc5802:3, computed another way: what a client proves fits the stored key. */
static void scram_keys_are_those_of_the_password(void **state)
{
    (void)state;
    struct arena *arena = arena_create(1 << 20);
    struct account account = {.name = BYTES("anna")};
    struct error error;
    uint8_t salted[32], client[32], stored[32], server[32];
    unsigned length;
    assert_int_equal(account_set_password(arena, &account, BYTES("correct horse"), false, &error), OK);
    assert_int_equal(PKCS5_PBKDF2_HMAC("correct horse", -1, account.scram.salt.ptr,
                                       (int)account.scram.salt.len, (int)account.scram.iterations,
                                       EVP_sha256(), 32, salted), 1);
    HMAC(EVP_sha256(), salted, 32, (const uint8_t *)"Client Key", 10, client, &length);
    HMAC(EVP_sha256(), salted, 32, (const uint8_t *)"Server Key", 10, server, &length);
    EVP_Digest(client, 32, stored, NULL, EVP_sha256(), NULL);
    assert_memory_equal(stored, account.scram.stored_key, 32);
    assert_memory_equal(server, account.scram.server_key, 32);
    arena_destroy(arena);
}

static void bad_passwords_are_refused(void **state)
{
    (void)state;
    struct arena *arena = arena_create(1 << 20);
    struct account account = {.name = BYTES("anna.long@example.org")};
    struct error error;
    const char *bad[] = {"", "seven77", "\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4", "ANNA.LONG@example.org",
                         "anna.long", "with\tcontrol", "not utf-8 \xff\xff"};
    for (size_t i = 0; i < countof(bad); i++)
        assert_int_equal(account_set_password(arena, &account, bytes_of(bad[i]), false, &error), PERM);
    assert_int_equal(account_set_password(arena, &account, bytes_from("12345678\0", 9), false, &error), PERM);
    uint8_t longest[ACCOUNT_PASSWORD_MAX + 1];
    memset(longest, 'x', sizeof(longest));
    assert_int_equal(account_set_password(arena, &account, bytes_from(longest, sizeof(longest)), false,
                                          &error), PERM);
    assert_int_equal(account_set_password(arena, &account, bytes_from(longest, ACCOUNT_PASSWORD_MAX), false,
                                          &error), OK);
    arena_destroy(arena);
}

/* rfc4013:3, and that both forms of one password are one. */
static void passwords_are_prepared(void **state)
{
    (void)state;
    struct arena *arena = arena_create(1 << 20);
    struct bytes out;
    struct error error;
    assert_int_equal(saslprep(arena, BYTES("I\xc2\xadX"), &out, &error), OK);
    assert_true(bytes_is(out, "IX"));
    assert_int_equal(saslprep(arena, BYTES("\xe2\x85\xa8"), &out, &error), OK);
    assert_true(bytes_is(out, "IX"));
    assert_int_equal(saslprep(arena, BYTES("USER"), &out, &error), OK);
    assert_true(bytes_is(out, "USER"));
    assert_int_equal(saslprep(arena, BYTES("\x07"), &out, &error), PERM);
    assert_int_equal(saslprep(arena, BYTES("\xd8\xa7\x31"), &out, &error), PERM);
    struct account account = {.name = BYTES("anna")};
    struct buf line;
    assert_int_equal(account_set_password(arena, &account, BYTES("Stra\xc3\x9f" "e u\xcc\x88" "ber"), false,
                                          &error), OK);
    struct accounts *accounts = parse((const char *)arena_string(arena, line_of(&line, &account)));
    const struct account *read = accounts_at(accounts, 0);
    assert_true(accounts_verify_password(accounts, read, read->name, BYTES("Stra\xc3\x9f" "e \xc3\xbc" "ber")));
    buf_free(&line);
    accounts_free(accounts);
    arena_destroy(arena);
}

static void a_decoy_is_always_the_same_and_nobody_elses(void **state)
{
    (void)state;
    struct accounts *accounts = parse("a " RFC_SCRAM "\n"), *again = parse("a " RFC_SCRAM "\nb\n");
    struct accounts *other = parse("a " RFC_SCRAM " password=" BCRYPT_HASH "\n");
    uint8_t salts[4][ACCOUNT_SALT_MAX];
    struct account_scram decoys[4];
    accounts_scram_decoy(accounts, BYTES("x"), salts[0], &decoys[0]);
    accounts_scram_decoy(again, BYTES("X"), salts[1], &decoys[1]);
    accounts_scram_decoy(accounts, BYTES("y"), salts[2], &decoys[2]);
    accounts_scram_decoy(other, BYTES("x"), salts[3], &decoys[3]);
    assert_int_equal(decoys[0].iterations, 4096);
    assert_true(bytes_equal(decoys[0].salt, decoys[1].salt));
    assert_false(bytes_equal(decoys[0].salt, decoys[2].salt));
    assert_false(bytes_equal(decoys[0].salt, decoys[3].salt));
    assert_memory_not_equal(decoys[0].stored_key, decoys[2].stored_key, SCRAM_KEY_SIZE);
    accounts_free(accounts);
    accounts_free(again);
    accounts_free(other);
}

/* Editing, on a file system that forgets what was not synced. */

static const char before[] = "# ours\nanna disabled=yes # on leave\n\n  # others\nbob\ncarl";

static void assert_file(struct durable_fake *fake, const char *expected)
{
    struct arena *arena = arena_create(1 << 20);
    struct bytes content;
    assert_true(durable_fake_read(fake, "/nowhere-real/accounts", arena, &content));
    assert_string_equal(arena_string(arena, content), expected);
    arena_destroy(arena);
}

static enum result edit(struct durable_fake *fake, enum accounts_change change, const char *name)
{
    struct account account = {.name = bytes_of(name)};
    struct error error;
    bool busy;
    return accounts_edit(durable_fake_table(fake), "/nowhere-real/accounts", change, &account, &busy,
                         &error);
}

static struct durable_fake *make_fake(void)
{
    struct durable_fake *fake = durable_fake_create();
    durable_fake_add_file(fake, "/nowhere-real/accounts", bytes_of(before));
    return fake;
}

static void an_edit_keeps_the_other_lines(void **state)
{
    (void)state;
    struct durable_fake *fake = make_fake();
    assert_int_equal(edit(fake, ACCOUNTS_ADD, "BOB"), PERM);
    assert_int_equal(edit(fake, ACCOUNTS_REPLACE, "dora"), NONE);
    assert_int_equal(edit(fake, ACCOUNTS_REMOVE, "dora"), NONE);
    assert_int_equal(edit(fake, ACCOUNTS_ADD, "bad name"), PERM);
    assert_file(fake, before);
    assert_int_equal(edit(fake, ACCOUNTS_ADD, "dora"), OK);
    assert_file(fake, "# ours\nanna disabled=yes # on leave\n\n  # others\nbob\ncarl\ndora\n");
    assert_int_equal(edit(fake, ACCOUNTS_REPLACE, "ANNA"), OK);
    assert_file(fake, "# ours\nANNA  # on leave\n\n  # others\nbob\ncarl\ndora\n");
    assert_int_equal(edit(fake, ACCOUNTS_REMOVE, "carl"), OK);
    assert_int_equal(edit(fake, ACCOUNTS_REMOVE, "bob"), OK);
    assert_file(fake, "# ours\nANNA  # on leave\n\n  # others\ndora\n");
    durable_fake_crash(fake);
    assert_file(fake, "# ours\nANNA  # on leave\n\n  # others\ndora\n");
    assert_int_equal(durable_fake_count(fake).open, 0);
    durable_fake_destroy(fake);
}

static void adding_to_no_file_makes_one(void **state)
{
    (void)state;
    struct durable_fake *fake = durable_fake_create();
    durable_fake_add_directory(fake, "/nowhere-real");
    assert_int_equal(edit(fake, ACCOUNTS_REMOVE, "bob"), NONE);
    assert_int_equal(edit(fake, ACCOUNTS_ADD, "bob"), OK);
    durable_fake_crash(fake);
    assert_file(fake, "bob\n");
    durable_fake_destroy(fake);
}

static void a_file_with_faults_is_not_changed(void **state)
{
    (void)state;
    struct durable_fake *fake = durable_fake_create();
    durable_fake_add_file(fake, "/nowhere-real/accounts", BYTES("anna\nbob password=x\n"));
    assert_int_equal(edit(fake, ACCOUNTS_REMOVE, "anna"), PERM);
    assert_file(fake, "anna\nbob password=x\n");
    durable_fake_destroy(fake);
}

static void a_second_editor_is_kept_out(void **state)
{
    (void)state;
    struct durable_fake *fake = make_fake();
    struct durable *durable = durable_fake_table(fake);
    struct account account = {.name = BYTES("dora")};
    struct error error;
    bool busy;
    int lock = durable->lock(durable, "/nowhere-real/accounts.lock");
    assert_true(lock >= 0);
    assert_int_equal(accounts_edit(durable, "/nowhere-real/accounts", ACCOUNTS_ADD, &account, &busy, &error),
                     TEMP);
    assert_true(busy);
    durable->close(durable, lock);
    assert_int_equal(edit(fake, ACCOUNTS_ADD, "dora"), OK);
    durable_fake_destroy(fake);
}

static bool is_old_or_new(struct durable_fake *fake, bool must_be_new)
{
    struct arena *arena = arena_create(1 << 20);
    struct bytes content;
    bool there = durable_fake_read(fake, "/nowhere-real/accounts", arena, &content);
    bool is_new = there && bytes_is(content, "# ours\nanna disabled=yes # on leave\n\n  # others\nbob\ncarl\ndora\n");
    bool is_old = there && bytes_is(content, before);
    arena_destroy(arena);
    return is_new || (is_old && !must_be_new);
}

static void a_crash_leaves_the_old_file_or_the_new_one(void **state)
{
    (void)state;
    size_t operations = 0;
    bool done = false;
    for (; !done; operations++) {
        assert_true(operations < 100);
        for (uint64_t seed = 0; seed < 8; seed++) {
            struct durable_fake *fake = make_fake();
            durable_fake_crash_after(fake, operations);
            done = edit(fake, ACCOUNTS_ADD, "dora") == OK;
            durable_fake_crash_torn(fake, seed);
            assert_true(is_old_or_new(fake, done));
            /* And what the crash left does not stand in the way. */
            enum result again = edit(fake, ACCOUNTS_ADD, "dora");
            assert_true(again == OK || (again == PERM && is_old_or_new(fake, true)));
            assert_true(is_old_or_new(fake, true));
            durable_fake_destroy(fake);
        }
    }
    assert_true(operations > 6);
}

static void a_full_disk_changes_nothing(void **state)
{
    (void)state;
    struct durable_fake *fake = make_fake();
    durable_fake_fill_after(fake, 10);
    assert_int_equal(edit(fake, ACCOUNTS_ADD, "dora"), TEMP);
    assert_file(fake, before);
    durable_fake_fill_after(fake, SIZE_MAX);
    assert_int_equal(edit(fake, ACCOUNTS_ADD, "dora"), OK);
    durable_fake_destroy(fake);
}

/* Real files: modes and links. */

static void write_file(const char *path, const char *text, mode_t mode)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    assert_int_equal(fchmod(fd, mode), 0);
    close(fd);
}

static enum result load(const char *path, struct buf *errors)
{
    struct accounts *accounts = NULL;
    buf_init(errors, 65536);
    enum result result = accounts_load(path, &accounts, errors);
    accounts_free(accounts);
    return result;
}

static void files_that_others_may_read_are_refused(void **state)
{
    (void)state;
    char folder[] = "/tmp/accounts_test.XXXXXX", path[64], link[64], lock[64];
    struct buf errors;
    struct stat status;
    struct error error;
    bool busy;
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/file", folder);
    snprintf(link, sizeof(link), "%s/link", folder);
    snprintf(lock, sizeof(lock), "%s/file.lock", folder);
    assert_int_equal(load(path, &errors), NONE);
    buf_free(&errors);
    assert_int_equal(load(folder, &errors), PERM);
    buf_free(&errors);
    const struct { mode_t mode; enum result result; } rows[] = {
        {0600, OK}, {0640, OK}, {0400, OK}, {0644, PERM}, {0660, PERM}, {0604, PERM}, {0602, PERM}};
    struct account account = {.name = BYTES("bob")};
    for (size_t i = 0; i < countof(rows); i++) {
        write_file(path, "anna\n", rows[i].mode);
        assert_int_equal(load(path, &errors), rows[i].result);
        buf_free(&errors);
        enum result edited = accounts_edit(durable_kernel(), path, ACCOUNTS_ADD, &account, &busy, &error);
        if (geteuid() == 0 || rows[i].mode != 0400)
            assert_int_equal(edited, rows[i].result);
        assert_int_equal(stat(path, &status), 0);
        assert_int_equal(status.st_mode & 0777, rows[i].mode);
        unlink(path);
    }
    write_file(path, "anna\n", 0640);
    assert_int_equal(symlink("file", link), 0);
    assert_int_equal(accounts_edit(durable_kernel(), link, ACCOUNTS_ADD, &account, &busy, &error), OK);
    assert_int_equal(lstat(link, &status), 0);
    assert_true(S_ISLNK(status.st_mode));
    if (geteuid() == 0) { /* owner and group stay */
        assert_int_equal(chown(path, 65534, 65533), 0);
        assert_int_equal(accounts_edit(durable_kernel(), path, ACCOUNTS_REMOVE, &account, &busy, &error), OK);
        assert_int_equal(stat(path, &status), 0);
        assert_int_equal(status.st_uid, 65534);
        assert_int_equal(status.st_gid, 65533);
        assert_int_equal(status.st_mode & 0777, 0640);
    }
    unlink(link);
    unlink(path);
    unlink(lock);
    assert_int_equal(rmdir(folder), 0); /* nothing else was left */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_accounts_with_comments_and_blank_lines),
        cmocka_unit_test(names_file_and_line_of_every_fault),
        cmocka_unit_test(a_fault_does_not_show_a_value),
        cmocka_unit_test(verifies_any_hash_of_crypt),
        cmocka_unit_test(a_new_password_is_verified_after_a_round_trip),
        cmocka_unit_test(scram_keys_are_those_of_the_password),
        cmocka_unit_test(bad_passwords_are_refused),
        cmocka_unit_test(passwords_are_prepared),
        cmocka_unit_test(a_decoy_is_always_the_same_and_nobody_elses),
        cmocka_unit_test(an_edit_keeps_the_other_lines),
        cmocka_unit_test(adding_to_no_file_makes_one),
        cmocka_unit_test(a_file_with_faults_is_not_changed),
        cmocka_unit_test(a_second_editor_is_kept_out),
        cmocka_unit_test(a_crash_leaves_the_old_file_or_the_new_one),
        cmocka_unit_test(a_full_disk_changes_nothing),
        cmocka_unit_test(files_that_others_may_read_are_refused),
    };
    return cmocka_run_group_tests_name("accounts", tests, NULL, NULL);
}
