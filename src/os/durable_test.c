/* SPDX-License-Identifier: BSD-2-Clause */
/* Unit tests of durable, durable_fake and files. */
#include "base/arena.h"
#include "os/durable_fake.h"
#include "os/files.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <seccomp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

struct fixture {
    struct arena *arena;
    struct durable_fake *fake;
    struct durable *disk;
    char folder[64]; /* a real one */
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    f->arena = arena_create(1 << 24);
    f->fake = durable_fake_create();
    f->disk = durable_fake_table(f->fake);
    memcpy(f->folder, "/tmp/vouch-durable-XXXXXX", 26);
    assert_non_null(mkdtemp(f->folder));
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    char command[128];
    snprintf(command, sizeof(command), "rm -rf %s", f->folder);
    int failed = system(command);
    durable_fake_destroy(f->fake);
    arena_destroy(f->arena);
    free(f);
    return failed;
}

/* A file as delivery makes one: `syncs` says which of the two syncs of a Maildir are done. */
enum { SYNC_FILE = 1, SYNC_FOLDER = 2, SYNC_BOTH = 3 };
static void deliver(struct durable *disk, const char *text, int syncs)
{
    int fd = disk->create(disk, "/mail/tmp/1", 0600);
    assert_true(fd >= 0);
    assert_int_equal(disk->write(disk, fd, bytes_of(text)), 0);
    if (syncs & SYNC_FILE)
        assert_int_equal(disk->sync(disk, fd), 0);
    assert_int_equal(disk->close(disk, fd), 0);
    assert_int_equal(disk->rename(disk, "/mail/tmp/1", "/mail/new/1"), 0);
    if (syncs & SYNC_FOLDER)
        assert_int_equal(disk->sync_directory(disk, "/mail/new"), 0);
}

static void make_maildir(struct fixture *f)
{
    durable_fake_add_directory(f->fake, "/mail/tmp/");
    durable_fake_add_directory(f->fake, "/mail/new");
}

static size_t count_files(struct fixture *f)
{
    struct durable_fake_file *files;
    return durable_fake_list(f->fake, f->arena, &files);
}

static void synced_file_and_entry_survive_a_crash(void **state)
{
    struct fixture *f = *state;
    struct durable_fake_file *files;
    make_maildir(f);
    deliver(f->disk, "hello", SYNC_BOTH);
    durable_fake_crash(f->fake);
    assert_int_equal(durable_fake_list(f->fake, f->arena, &files), 1);
    assert_string_equal(files[0].path, "/mail/new/1");
    assert_true(bytes_is(files[0].content, "hello"));
}

static void data_without_sync_is_gone_after_a_crash(void **state)
{
    struct fixture *f = *state;
    struct bytes content;
    make_maildir(f);
    deliver(f->disk, "hello", SYNC_FOLDER);
    assert_true(durable_fake_read(f->fake, "/mail/new/1", f->arena, &content));
    assert_true(bytes_is(content, "hello"));
    durable_fake_crash(f->fake);
    assert_true(durable_fake_read(f->fake, "/mail/new/1", f->arena, &content));
    assert_int_equal(content.len, 0);
}

static void entry_without_sync_of_the_folder_is_gone_after_a_crash(void **state)
{
    struct fixture *f = *state;
    make_maildir(f);
    deliver(f->disk, "hello", SYNC_FILE);
    assert_int_equal(count_files(f), 1);
    durable_fake_crash(f->fake);
    assert_int_equal(count_files(f), 0);
}

static void rename_between_folders_needs_both_synced_to_forget_the_old_name(void **state)
{
    struct fixture *f = *state;
    make_maildir(f);
    durable_fake_add_file(f->fake, "/mail/tmp/1", BYTES("x"));
    assert_int_equal(f->disk->rename(f->disk, "/mail/tmp/1", "/mail/new/1"), 0);
    assert_int_equal(f->disk->sync_directory(f->disk, "/mail/new"), 0);
    assert_int_equal(count_files(f), 1);
    durable_fake_crash(f->fake);
    assert_int_equal(count_files(f), 2);
}

static void unlink_without_sync_is_undone_by_a_crash(void **state)
{
    struct fixture *f = *state;
    durable_fake_add_file(f->fake, "/spool/a", BYTES("x"));
    assert_int_equal(f->disk->unlink(f->disk, "/spool/a"), 0);
    assert_int_equal(f->disk->unlink(f->disk, "/spool/a"), -ENOENT);
    assert_int_equal(count_files(f), 0);
    durable_fake_crash(f->fake);
    assert_int_equal(count_files(f), 1);
    assert_int_equal(f->disk->unlink(f->disk, "/spool/a"), 0);
    assert_int_equal(f->disk->sync_directory(f->disk, "/spool"), 0);
    durable_fake_crash(f->fake);
    assert_int_equal(count_files(f), 0);
}

static void new_folder_needs_its_parent_synced(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(f->disk->make_directory(f->disk, "/a", 0700), 0);
    assert_int_equal(f->disk->make_directory(f->disk, "/a", 0700), -EEXIST);
    assert_int_equal(f->disk->make_directory(f->disk, "/x/y", 0700), -ENOENT);
    durable_fake_crash(f->fake);
    assert_false(durable_fake_has_directory(f->fake, "/a"));
    assert_int_equal(f->disk->make_directory(f->disk, "/a", 0700), 0);
    assert_int_equal(f->disk->sync_directory(f->disk, "/"), 0);
    durable_fake_crash(f->fake);
    assert_true(durable_fake_has_directory(f->fake, "/a"));
}

static void crash_after_n_operations_fails_all_later_ones(void **state)
{
    struct fixture *f = *state;
    make_maildir(f);
    durable_fake_crash_after(f->fake, 2);
    int fd = f->disk->create(f->disk, "/mail/tmp/1", 0600);
    assert_true(fd >= 0);
    assert_int_equal(f->disk->write(f->disk, fd, BYTES("x")), 0);
    assert_int_equal(f->disk->sync(f->disk, fd), -EIO);
    assert_int_equal(f->disk->rename(f->disk, "/mail/tmp/1", "/mail/new/1"), -EIO);
    durable_fake_crash(f->fake);
    assert_int_equal(count_files(f), 0);
    assert_int_equal(f->disk->sync(f->disk, fd), -EBADF);
    assert_true(f->disk->create(f->disk, "/mail/tmp/1", 0600) >= 0);
}

static void full_disk_cuts_the_write_short(void **state)
{
    struct fixture *f = *state;
    struct bytes content;
    durable_fake_fill_after(f->fake, 3);
    int fd = f->disk->create(f->disk, "/a", 0600);
    assert_int_equal(f->disk->write(f->disk, fd, BYTES("ab")), 0);
    assert_int_equal(f->disk->write(f->disk, fd, BYTES("cd")), -ENOSPC);
    assert_true(durable_fake_read(f->fake, "/a", f->arena, &content));
    assert_true(bytes_is(content, "abc"));
    durable_fake_fill_after(f->fake, SIZE_MAX);
    assert_int_equal(f->disk->write(f->disk, fd, BYTES("d")), 0);
}

static void ignored_sync_is_as_if_it_were_not_there(void **state)
{
    struct fixture *f = *state;
    struct bytes content;
    make_maildir(f);
    durable_fake_ignore_sync(f->fake, 1); /* the folder's */
    deliver(f->disk, "hello", SYNC_BOTH);
    durable_fake_crash(f->fake);
    assert_int_equal(count_files(f), 0);
    durable_fake_ignore_sync(f->fake, 0); /* the file's */
    deliver(f->disk, "hello", SYNC_BOTH);
    durable_fake_crash(f->fake);
    assert_true(durable_fake_read(f->fake, "/mail/new/1", f->arena, &content));
    assert_int_equal(content.len, 0);
    struct durable_fake_counts counts = durable_fake_count(f->fake);
    assert_int_equal(counts.file_syncs, 2);
    assert_int_equal(counts.directory_syncs, 2);
}

static void partial_crash_is_repeated_by_its_seed(void **state)
{
    struct fixture *f = *state;
    size_t seen[3] = {0};
    for (uint64_t seed = 0; seed < 64; seed++) {
        struct durable_fake *a = durable_fake_create(), *b = durable_fake_create();
        struct durable_fake_file *first, *second;
        durable_fake_add_directory(a, "/mail/tmp"), durable_fake_add_directory(a, "/mail/new");
        durable_fake_add_directory(b, "/mail/tmp"), durable_fake_add_directory(b, "/mail/new");
        deliver(durable_fake_table(a), "hello", 0);
        deliver(durable_fake_table(b), "hello", 0);
        durable_fake_crash_partly(a, seed);
        durable_fake_crash_partly(b, seed);
        size_t count = durable_fake_list(a, f->arena, &first);
        assert_int_equal(count, durable_fake_list(b, f->arena, &second));
        for (size_t i = 0; i < count; i++)
            assert_true(bytes_equal(first[i].content, second[i].content));
        seen[!count ? 0 : first[0].content.len ? 2 : 1]++;
        durable_fake_destroy(a);
        durable_fake_destroy(b);
    }
    /* lost, there but empty, and whole: each happens */
    assert_true(seen[0] && seen[1] && seen[2]);
}

static void injected_failure_happens_once_and_has_no_effect(void **state)
{
    struct fixture *f = *state;
    durable_fake_fail(f->fake, 1, EDQUOT);
    assert_int_equal(f->disk->make_directory(f->disk, "/a", 0700), 0);
    assert_int_equal(f->disk->make_directory(f->disk, "/b", 0700), -EDQUOT);
    assert_false(durable_fake_has_directory(f->fake, "/b"));
    assert_int_equal(f->disk->make_directory(f->disk, "/b", 0700), 0);
}

static void *deliver_many(void *argument)
{
    struct durable *disk = argument;
    static int next;
    for (int i = 0; i < 200; i++) {
        char from[32], to[32];
        int number = __atomic_add_fetch(&next, 1, __ATOMIC_RELAXED);
        snprintf(from, sizeof(from), "/tmp/%d", number);
        snprintf(to, sizeof(to), "/new/%d", number);
        int fd = disk->create(disk, from, 0600);
        if (fd < 0 || disk->write(disk, fd, bytes_of(to)) || disk->sync(disk, fd) ||
            disk->close(disk, fd) || disk->rename(disk, from, to) ||
            disk->sync_directory(disk, "/new"))
            abort();
    }
    return NULL;
}

static void fake_may_be_used_by_several_threads(void **state)
{
    struct fixture *f = *state;
    pthread_t threads[4];
    struct durable_fake_file *files;
    durable_fake_add_directory(f->fake, "/tmp");
    durable_fake_add_directory(f->fake, "/new");
    for (size_t i = 0; i < countof(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, deliver_many, f->disk), 0);
    for (size_t i = 0; i < countof(threads); i++)
        pthread_join(threads[i], NULL);
    durable_fake_crash(f->fake);
    assert_int_equal(durable_fake_list(f->fake, f->arena, &files), 800);
    for (size_t i = 0; i < 800; i++)
        assert_true(bytes_is(files[i].content, files[i].path));
    assert_int_equal(durable_fake_count(f->fake).open, 0);
}

static void path(const struct fixture *f, const char *name, char out[128])
{
    snprintf(out, 128, "%s/%s", f->folder, name);
}

static void kernel_does_what_the_table_says(void **state)
{
    struct fixture *f = *state;
    struct durable *disk = durable_kernel();
    struct error error;
    struct bytes content;
    char from[128], folder[128], to[128];
    path(f, "a", from), path(f, "d", folder), path(f, "d/b", to);
    int fd = disk->create(disk, from, 0600);
    assert_true(fd >= 0);
    assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
    assert_int_equal(disk->create(disk, from, 0600), -EEXIST);
    assert_int_equal(disk->write(disk, fd, BYTES("hello")), 0);
    assert_int_equal(disk->start_sync(disk, fd), 0);
    assert_int_equal(disk->sync(disk, fd), 0);
    assert_int_equal(disk->close(disk, fd), 0);
    assert_int_equal(disk->close(disk, fd), -EBADF);
    assert_int_equal(disk->make_directory(disk, folder, 0700), 0);
    assert_int_equal(disk->rename(disk, from, to), 0);
    assert_int_equal(disk->sync_directory(disk, folder), 0);
    assert_int_equal(disk->sync_directory(disk, to), -ENOTDIR);
    assert_int_equal(files_read(f->arena, to, 100, &content, &error), OK);
    assert_true(bytes_is(content, "hello"));
    assert_int_equal(disk->unlink(disk, to), 0);
    assert_int_equal(disk->unlink(disk, to), -ENOENT);
}

static void put(const char *name, const char *text)
{
    FILE *file = fopen(name, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static void read_takes_up_to_the_cap_and_no_more(void **state)
{
    struct fixture *f = *state;
    char name[128];
    struct bytes content;
    struct error error;
    path(f, "a", name);
    put(name, "12345");
    assert_int_equal(files_read(f->arena, name, 5, &content, &error), OK);
    assert_true(bytes_is(content, "12345"));
    assert_int_equal(content.ptr[5], 0);
    assert_int_equal(files_read(f->arena, name, 4, &content, &error), PERM);
    put(name, "");
    assert_int_equal(files_read(f->arena, name, 0, &content, &error), OK);
    assert_int_equal(content.len, 0);
}

static void read_refuses_what_is_not_a_regular_file(void **state)
{
    struct fixture *f = *state;
    char name[128];
    struct bytes content;
    struct error error;
    path(f, "fifo", name);
    assert_int_equal(mkfifo(name, 0600), 0);
    assert_int_equal(files_read(f->arena, name, 5, &content, &error), PERM); /* and does not hang */
    assert_int_equal(files_read(f->arena, f->folder, 5, &content, &error), PERM);
    assert_int_equal(files_read(f->arena, "/dev/zero", 5, &content, &error), PERM);
    path(f, "absent", name);
    assert_int_equal(files_read(f->arena, name, 5, &content, &error), NONE);
}

static void read_copes_with_files_that_say_size_zero(void **state)
{
    struct fixture *f = *state;
    struct bytes content;
    struct error error;
    assert_int_equal(files_read(f->arena, "/proc/self/status", 1 << 16, &content, &error), OK);
    assert_true(bytes_starts_with(content, BYTES("Name:")));
    assert_int_equal(files_read(f->arena, "/proc/self/status", 16, &content, &error), PERM);
}

static void read_of_a_memfd_starts_at_its_beginning(void **state)
{
    struct fixture *f = *state;
    struct bytes content;
    struct error error;
    int fd = memfd_create("test", MFD_CLOEXEC);
    assert_int_equal(write(fd, "hello", 5), 5);
    assert_int_equal(files_read_descriptor(f->arena, fd, 5, &content, &error), OK);
    assert_true(bytes_is(content, "hello"));
    assert_int_equal(files_read_descriptor(f->arena, fd, 4, &content, &error), PERM);
    close(fd);
}

static void replace_leaves_no_temporary_file(void **state)
{
    struct fixture *f = *state;
    char name[128];
    struct bytes content;
    struct error error;
    path(f, "a", name);
    for (int i = 0; i < 2; i++) {
        struct bytes text = i ? BYTES("new") : BYTES("old");
        assert_int_equal(files_replace(durable_kernel(), name, text, 0640, &error), OK);
        assert_int_equal(files_read(f->arena, name, 5, &content, &error), OK);
        assert_true(bytes_equal(content, text));
    }
    struct stat status;
    assert_int_equal(stat(name, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0640);
    assert_int_equal(unlink(name), 0);
    assert_int_equal(rmdir(f->folder), 0); /* so it was the only file */
    assert_int_equal(mkdir(f->folder, 0700), 0);
    path(f, "no/a", name);
    assert_int_equal(files_replace(durable_kernel(), name, BYTES("x"), 0600, &error), PERM);
}

static void replace_and_crash_partly(struct fixture *f, size_t operations, uint64_t seed)
{
    struct durable_fake *fake = durable_fake_create();
    struct bytes content;
    durable_fake_add_file(fake, "/etc/a", BYTES("old"));
    durable_fake_crash_after(fake, operations);
    enum result result =
        files_replace(durable_fake_table(fake), "/etc/a", BYTES("new"), 0600, NULL);
    durable_fake_crash_partly(fake, seed);
    assert_true(durable_fake_read(fake, "/etc/a", f->arena, &content));
    assert_true(bytes_is(content, "new") || (result != OK && bytes_is(content, "old")));
    durable_fake_destroy(fake);
}

/* The old or the new content, whole, wherever it is cut off; and the new one once OK was said. */
static void replace_is_atomic_at_every_crash(void **state)
{
    struct fixture *f = *state;
    for (size_t operations = 0;; operations++) {
        struct durable_fake *fake = durable_fake_create();
        struct bytes content;
        durable_fake_add_file(fake, "/etc/a", BYTES("old"));
        durable_fake_crash_after(fake, operations);
        enum result result =
            files_replace(durable_fake_table(fake), "/etc/a", BYTES("new"), 0600, NULL);
        durable_fake_crash(fake);
        assert_true(durable_fake_read(fake, "/etc/a", f->arena, &content));
        assert_true(bytes_is(content, result == OK ? "new" : "old"));
        durable_fake_destroy(fake);
        for (uint64_t seed = 0; seed < 16; seed++)
            replace_and_crash_partly(f, operations, seed);
        if (result == OK)
            break;
        assert_true(operations < 20);
    }
}

static void replace_without_any_one_sync_is_noticed(void **state)
{
    struct fixture *f = *state;
    for (size_t sync = 0; sync < 2; sync++) {
        struct durable_fake *fake = durable_fake_create();
        struct bytes content = BYTES("");
        durable_fake_add_file(fake, "/etc/a", BYTES("old"));
        durable_fake_ignore_sync(fake, sync);
        assert_int_equal(
            files_replace(durable_fake_table(fake), "/etc/a", BYTES("new"), 0600, NULL), OK);
        durable_fake_crash(fake);
        assert_true(durable_fake_read(fake, "/etc/a", f->arena, &content));
        assert_false(bytes_is(content, "new"));
        durable_fake_destroy(fake);
    }
}

static void replace_on_a_full_disk_keeps_the_old_file_and_cleans_up(void **state)
{
    struct fixture *f = *state;
    struct durable_fake_file *files;
    durable_fake_add_file(f->fake, "/etc/a", BYTES("old"));
    durable_fake_fill_after(f->fake, 1);
    assert_int_equal(files_replace(f->disk, "/etc/a", BYTES("new"), 0600, NULL), TEMP);
    assert_int_equal(durable_fake_list(f->fake, f->arena, &files), 1);
    assert_true(bytes_is(files[0].content, "old"));
    assert_int_equal(durable_fake_count(f->fake).open, 0);
}

static void make_directories_makes_all_and_minds_none_that_is_there(void **state)
{
    struct fixture *f = *state;
    char name[128];
    struct stat status;
    path(f, "x//y/z/", name);
    assert_int_equal(files_make_directories(name, 0700), 0);
    assert_int_equal(files_make_directories(name, 0700), 0);
    assert_int_equal(stat(name, &status), 0);
    assert_true(S_ISDIR(status.st_mode));
    path(f, "x/file", name);
    put(name, "");
    assert_int_equal(files_make_directories(name, 0700), -ENOTDIR);
    path(f, "x/file/y", name);
    assert_int_equal(files_make_directories(name, 0700), -ENOTDIR);
    assert_int_equal(files_make_directories("", 0700), -ENOENT);
    assert_int_equal(files_make_directories("/", 0700), 0);
}

/* 0, or the line that was not as it must be. */
static int leave_folder(int folder)
{
    static const char *const bad[] = {
        "../secret",   "/etc/passwd",       "link", "up/secret",       "", "..",
        "./../secret", "file/../../secret", "up/",  "dir/../../secret"};
    for (size_t i = 0; i < countof(bad); i++)
        if (files_open_beneath(folder, bad[i], O_RDONLY, 0) >= 0)
            return 1000 + (int)i;
    int fd = files_open_beneath(folder, "file", O_RDONLY, 0);
    if (fd < 0 || fcntl(fd, F_GETFD) != FD_CLOEXEC || close(fd))
        return __LINE__;
    fd = files_open_beneath(folder, "dir//made", O_WRONLY | O_CREAT, 0600);
    if (fd < 0 || close(fd))
        return __LINE__;
    if (files_open_beneath(folder, "dir/made", O_WRONLY | O_CREAT | O_EXCL, 0600) != -EEXIST)
        return __LINE__;
    return files_open_beneath(folder, "absent/x", O_RDONLY, 0) == -ENOENT ? 0 : __LINE__;
}

static int leave_folder_without_openat2(int folder)
{
    scmp_filter_ctx context = seccomp_init(SCMP_ACT_ALLOW);
    if (!context || seccomp_rule_add(context, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(openat2), 0) ||
        seccomp_load(context))
        return __LINE__;
    seccomp_release(context);
    return leave_folder(folder);
}

static void open_beneath_cannot_leave_the_folder(void **state)
{
    struct fixture *f = *state;
    char name[128];
    path(f, "in", name);
    assert_int_equal(mkdir(name, 0700), 0);
    path(f, "in/file", name);
    put(name, "x");
    path(f, "secret", name);
    put(name, "x");
    path(f, "in/link", name);
    assert_int_equal(symlink("../secret", name), 0);
    path(f, "in/up", name);
    assert_int_equal(symlink("..", name), 0);
    path(f, "in", name);
    int folder = open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(folder >= 0);
    assert_int_equal(mkdirat(folder, "dir", 0700), 0);
    assert_int_equal(leave_folder(folder), 0);
    fflush(NULL);
    pid_t pid = fork(); /* the filter stays */
    if (pid == 0) {
        int line = leave_folder_without_openat2(folder);
        if (line)
            dprintf(2, "line %d\n", line);
        _exit(line != 0);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    close(folder);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(synced_file_and_entry_survive_a_crash),
        TEST(data_without_sync_is_gone_after_a_crash),
        TEST(entry_without_sync_of_the_folder_is_gone_after_a_crash),
        TEST(rename_between_folders_needs_both_synced_to_forget_the_old_name),
        TEST(unlink_without_sync_is_undone_by_a_crash),
        TEST(new_folder_needs_its_parent_synced),
        TEST(crash_after_n_operations_fails_all_later_ones),
        TEST(full_disk_cuts_the_write_short),
        TEST(ignored_sync_is_as_if_it_were_not_there),
        TEST(partial_crash_is_repeated_by_its_seed),
        TEST(injected_failure_happens_once_and_has_no_effect),
        TEST(fake_may_be_used_by_several_threads),
        TEST(kernel_does_what_the_table_says),
        TEST(read_takes_up_to_the_cap_and_no_more),
        TEST(read_refuses_what_is_not_a_regular_file),
        TEST(read_copes_with_files_that_say_size_zero),
        TEST(read_of_a_memfd_starts_at_its_beginning),
        TEST(replace_leaves_no_temporary_file),
        TEST(replace_is_atomic_at_every_crash),
        TEST(replace_without_any_one_sync_is_noticed),
        TEST(replace_on_a_full_disk_keeps_the_old_file_and_cleans_up),
        TEST(make_directories_makes_all_and_minds_none_that_is_there),
        TEST(open_beneath_cannot_leave_the_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
