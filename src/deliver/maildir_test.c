/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Durability of Maildir delivery, on a file system that forgets at a crash what was not fsynced: what was
 * reported as delivered is there, whole and once; what was not is not.
 */
#include "deliver/maildir.h"

#include "os/durable_fake.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

enum { JOBS = 6 };

static struct durable_fake *fake;
static struct arena *arena;
static struct maildir_job jobs[JOBS];
static struct maildir_job *list[JOBS];

/* Six messages for two existing mailboxes, one new one, and one Junk folder. */
static int set_up(void **state)
{
    static const char *const maildirs[JOBS] = {"/mail/alice", "/mail/alice", "/mail/bob",
                                               "/mail/carol", "/mail/alice", "/mail/new/dave"};
    static const char *const existing[] = {"/mail/alice/tmp", "/mail/alice/new", "/mail/alice/cur",
                                           "/mail/bob/tmp",   "/mail/bob/new",   "/mail/bob/cur",
                                           "/mail/carol/tmp", "/mail/carol/new", "/mail/carol/cur"};
    (void)state;
    fake = durable_fake_create();
    arena = arena_create(16 << 20);
    for (size_t i = 0; i < countof(existing); i++)
        durable_fake_add_directory(fake, existing[i]);
    for (size_t i = 0; i < JOBS; i++) {
        jobs[i] = (struct maildir_job){.maildir = maildirs[i],
                                       .folder = i == 4 ? ".Junk" : NULL,
                                       .pieces = {BYTES("Return-Path: <>\n"), BYTES("Subject: x\n\n"),
                                                  BYTES("body\n")}};
        maildir_unique_name(jobs[i].name, 1795297381000000, i, "mx.example.org", 33);
        list[i] = &jobs[i];
    }
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    assert_int_equal(durable_fake_count(fake).open, 0);
    durable_fake_destroy(fake);
    arena_destroy(arena);
    return 0;
}

static bool is_delivered(const struct maildir_job *job)
{
    char path[512];
    struct bytes content;
    snprintf(path, sizeof(path), "%s%s%s/new/%s", job->maildir, job->folder ? "/" : "",
             job->folder ? job->folder : "", job->name);
    if (!durable_fake_read(fake, path, arena, &content))
        return false;
    return bytes_is(content, "Return-Path: <>\nSubject: x\n\nbody\n");
}

static size_t files_in_new(void)
{
    struct durable_fake_file *files;
    size_t count = durable_fake_list(fake, arena, &files), found = 0;
    for (size_t i = 0; i < count; i++)
        found += strstr(files[i].path, "/new/") && !strstr(files[i].path, "/tmp/");
    return found;
}

static void commit(void)
{
    maildir_commit(durable_fake_table(fake), list, JOBS);
}

static void what_was_delivered_survives_a_crash(void **state)
{
    (void)state;
    commit();
    durable_fake_crash(fake);
    for (size_t i = 0; i < JOBS; i++) {
        assert_int_equal(jobs[i].result, OK);
        assert_true(is_delivered(&jobs[i]));
    }
    assert_int_equal(files_in_new(), JOBS);
}

/* The plug is pulled after each single operation: OK means there, and nothing is there twice. */
static void a_crash_at_any_point_loses_nothing_that_was_reported(void **state)
{
    commit();
    size_t operations = durable_fake_count(fake).operations;
    assert_true(operations > 4 * JOBS);
    for (size_t after = 0; after <= operations; after++) {
        for (uint64_t seed = 0; seed < 4; seed++) {
            tear_down(state);
            set_up(state);
            durable_fake_crash_after(fake, after);
            commit();
            if (seed == 0)
                durable_fake_crash(fake);
            else
                durable_fake_crash_partly(fake, seed);
            size_t reported = 0;
            for (size_t i = 0; i < JOBS; i++) {
                reported += jobs[i].result == OK;
                if (jobs[i].result == OK)
                    assert_true(is_delivered(&jobs[i]));
            }
            assert_true(files_in_new() >= reported);
            assert_true(files_in_new() <= JOBS);
        }
    }
}

/* Were any single fsync missing from the source, a message reported as delivered would be lost. */
static void no_fsync_can_be_left_out(void **state)
{
    commit();
    struct durable_fake_counts counts = durable_fake_count(fake);
    size_t syncs = counts.file_syncs + counts.directory_syncs;
    assert_int_equal(counts.file_syncs, JOBS);
    for (size_t skip = 0; skip < syncs; skip++) {
        tear_down(state);
        set_up(state);
        durable_fake_ignore_sync(fake, skip);
        commit();
        durable_fake_crash(fake);
        size_t lost = 0;
        for (size_t i = 0; i < JOBS; i++)
            lost += jobs[i].result == OK && !is_delivered(&jobs[i]);
        if (lost == 0)
            print_error("leaving out fsync %zu of %zu loses nothing\n", skip, syncs);
        assert_true(lost > 0);
    }
}

/* The cost: one fsync a message and one a folder, however many messages it gets. */
static void folders_are_synced_once_a_batch(void **state)
{
    (void)state;
    for (size_t i = 0; i < JOBS; i++) {
        jobs[i].maildir = "/mail/alice";
        jobs[i].folder = NULL;
    }
    commit();
    assert_int_equal(durable_fake_count(fake).file_syncs, JOBS);
    assert_int_equal(durable_fake_count(fake).directory_syncs, 1);
}

static void a_full_disk_fails_what_does_not_fit_and_nothing_else(void **state)
{
    for (size_t octets = 0; octets < JOBS * 33; octets += 7) {
        tear_down(state);
        set_up(state);
        durable_fake_fill_after(fake, octets);
        commit();
        size_t delivered = 0;
        for (size_t i = 0; i < JOBS; i++) {
            assert_true(jobs[i].result == OK || jobs[i].result == TEMP);
            assert_int_equal(jobs[i].result == OK, is_delivered(&jobs[i]));
            delivered += jobs[i].result == OK;
        }
        assert_int_equal(delivered, octets / 33);
        assert_int_equal(files_in_new(), delivered);
        durable_fake_crash(fake);
        for (size_t i = 0; i < JOBS; i++)
            if (jobs[i].result == OK)
                assert_true(is_delivered(&jobs[i]));
    }
}

static void any_single_failure_is_reported_or_harmless(void **state)
{
    commit();
    size_t operations = durable_fake_count(fake).operations;
    for (size_t skip = 0; skip < operations; skip++) {
        tear_down(state);
        set_up(state);
        durable_fake_fail(fake, skip, EIO);
        commit();
        durable_fake_crash(fake);
        for (size_t i = 0; i < JOBS; i++)
            if (jobs[i].result == OK)
                assert_true(is_delivered(&jobs[i]));
    }
}

static void a_path_that_is_too_long_fails_for_good(void **state)
{
    (void)state;
    static char path[5000];
    memset(path, 'x', sizeof(path) - 1);
    path[0] = '/';
    jobs[0].maildir = path;
    commit();
    assert_int_equal(jobs[0].result, PERM);
    assert_int_equal(jobs[1].result, OK);
}

static void write_file(const char *folder, const char *name, const char *text)
{
    char path[512];
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

/* The real file system: sizes from the names where they are, from stat elsewhere, folders included. */
static void usage_counts_all_folders(void **state)
{
    (void)state;
    char root[] = "/tmp/vouch-maildir-XXXXXX", path[512], command[600];
    uint64_t octets;
    struct error error;
    assert_non_null(mkdtemp(root));
    static const char *const folders[] = {"new", "cur", "tmp", ".Junk", ".Junk/new", ".Junk/cur"};
    for (size_t i = 0; i < countof(folders); i++) {
        snprintf(path, sizeof(path), "%s/%s", root, folders[i]);
        assert_int_equal(mkdir(path, 0700), 0);
    }
    snprintf(path, sizeof(path), "%s/new", root);
    write_file(path, "1.a.host,S=1000", "short");
    snprintf(path, sizeof(path), "%s/cur", root);
    write_file(path, "2.b.host:2,S", "12345");
    snprintf(path, sizeof(path), "%s/.Junk/cur", root);
    write_file(path, "3.c.host,S=200:2,RS", "x");
    snprintf(path, sizeof(path), "%s/tmp", root);
    write_file(path, "4.d.host,S=999999", "x");
    assert_int_equal(maildir_usage(root, &octets, &error), OK);
    assert_int_equal(octets, 1000 + 5 + 200);
    assert_int_equal(maildir_usage("/nonexistent/maildir", &octets, &error), OK);
    assert_int_equal(octets, 0);
    snprintf(command, sizeof(command), "rm -rf '%s'", root);
    assert_int_equal(system(command), 0);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(what_was_delivered_survives_a_crash),
        CASE(a_crash_at_any_point_loses_nothing_that_was_reported),
        CASE(no_fsync_can_be_left_out),
        CASE(folders_are_synced_once_a_batch),
        CASE(a_full_disk_fails_what_does_not_fit_and_nothing_else),
        CASE(any_single_failure_is_reported_or_harmless),
        CASE(a_path_that_is_too_long_fails_for_good),
        CASE(usage_counts_all_folders),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
