/* SPDX-License-Identifier: BSD-2-Clause */
#include "state/counters.h"
#include "state/ledger.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[64], file[128];
static struct arena *arena;
static struct ledger *ledger;
static struct counters *counters;
static struct error error;

static void open_all(void)
{
    assert_int_equal(ledger_open(file, LEDGER_WRITE, &ledger, &error), OK);
    assert_int_equal(counters_open(folder, 16 << 20, &counters, &error), OK);
}

static void close_all(void)
{
    ledger_close(ledger);
    counters_close(counters);
    ledger = NULL;
    counters = NULL;
}

static int set_up(void **state)
{
    (void)state;
    snprintf(folder, sizeof(folder), "/tmp/vouch-state-XXXXXX");
    assert_non_null(mkdtemp(folder));
    snprintf(file, sizeof(file), "%s/ledger.sqlite", folder);
    arena = arena_create(16 << 20);
    open_all();
    return 0;
}

static int tear_down(void **state)
{
    char command[128];
    (void)state;
    close_all();
    arena_destroy(arena);
    snprintf(command, sizeof(command), "rm -rf '%s'", folder);
    return system(command);
}

static void append(const char *id, int64_t at, const char *sender, const char *recipient,
                   const char *action)
{
    struct bytes recipients[] = {bytes_of(recipient), BYTES("second@example.net")};
    struct ledger_entry entry = {.id = bytes_of(id),
                                 .received_at = at,
                                 .client = BYTES("192.0.2.1"),
                                 .sender = bytes_of(sender),
                                 .header_from = BYTES("author@from.example"),
                                 .recipients = recipients,
                                 .recipient_count = 2,
                                 .action = bytes_of(action),
                                 .trust = BYTES("third-class"),
                                 .code = 250,
                                 .policy = BYTES("default"),
                                 .evidence = BYTES("{\"e\":\"with 'quotes'; DROP TABLE message\"}"),
                                 .verdict = BYTES("{}"),
                                 .delivery = BYTES("")};
    assert_int_equal(ledger_append(ledger, &entry, 1, &error), OK);
}

static void what_is_written_is_found(void **state)
{
    struct ledger_entry found;
    (void)state;
    append("abc123", 1000, "a@sender.example", "x@example.org", "accept");
    assert_int_equal(ledger_find(ledger, arena, BYTES("abc123"), &found, &error), OK);
    assert_true(bytes_is(found.evidence, "{\"e\":\"with 'quotes'; DROP TABLE message\"}"));
    assert_int_equal(found.recipient_count, 2);
    assert_true(bytes_is(found.recipients[0], "x@example.org"));
    assert_int_equal(found.received_at, 1000);
    assert_int_equal(ledger_find(ledger, arena, BYTES("zzz"), &found, &error), NONE);
    assert_int_equal(ledger_find(ledger, arena, BYTES(""), &found, &error), NONE);
}

static void an_id_may_be_cut_short_where_it_is_clear(void **state)
{
    struct ledger_entry found;
    (void)state;
    append("abc123", 1000, "", "x@example.org", "accept");
    append("abd456", 1001, "", "x@example.org", "accept");
    append("abd4567", 1002, "", "x@example.org", "accept");
    assert_int_equal(ledger_find(ledger, arena, BYTES("abc"), &found, &error), OK);
    assert_true(bytes_is(found.id, "abc123"));
    assert_int_equal(ledger_find(ledger, arena, BYTES("ab"), &found, &error), PERM);
    /* One that is whole is meant, even if a longer one begins with it. */
    assert_int_equal(ledger_find(ledger, arena, BYTES("abd456"), &found, &error), OK);
    /* No character is a pattern. */
    assert_int_equal(ledger_find(ledger, arena, BYTES("ab%"), &found, &error), NONE);
    assert_int_equal(ledger_find(ledger, arena, BYTES("_bc"), &found, &error), NONE);
}

struct ids {
    char text[256];
};

static bool collect(void *context, const struct ledger_entry *entry)
{
    struct ids *ids = context;
    size_t length = strlen(ids->text);
    snprintf(ids->text + length, sizeof(ids->text) - length, "%s" BYTES_FMT, length ? " " : "",
             BYTES_ARG(entry->id));
    return true;
}

static void selects(struct ledger_filter filter, const char *expected)
{
    struct ids ids = {{0}};
    assert_int_equal(ledger_select(ledger, &filter, collect, &ids, &error), OK);
    assert_string_equal(ids.text, expected);
}

static void filters_select(void **state)
{
    (void)state;
    append("1", 1000, "a@sender.example", "x@example.org", "accept");
    append("2", 2000, "B@Sender.Example", "y@example.org", "reject");
    append("3", 3000, "c@other.example", "x@example.org", "junk");
    append("4", 4000, "", "z@notexample.org", "accept");
    selects((struct ledger_filter){0}, "1 2 3 4");
    selects((struct ledger_filter){.sender = BYTES("b@sender.example")}, "2");
    selects((struct ledger_filter){.sender = BYTES("sender.example")}, "1 2");
    selects((struct ledger_filter){.sender = BYTES("@other.example")}, "3");
    selects((struct ledger_filter){.sender = BYTES("from.example")}, "1 2 3 4");
    selects((struct ledger_filter){.recipient = BYTES("x@example.org")}, "1 3");
    selects((struct ledger_filter){.recipient = BYTES("example.org")}, "1 2 3");
    selects((struct ledger_filter){.recipient = BYTES("second@example.net")}, "1 2 3 4");
    selects((struct ledger_filter){.recipient = BYTES("%")}, "");
    selects((struct ledger_filter){.action = BYTES("reject")}, "2");
    selects((struct ledger_filter){.since = 2000, .until = 3000}, "2 3");
    selects((struct ledger_filter){.most = 2}, "3 4");
    selects((struct ledger_filter){.client = BYTES("192.0.2.2")}, "");
}

static void old_entries_expire(void **state)
{
    unsigned removed;
    (void)state;
    append("1", 1000, "", "x@example.org", "accept");
    append("2", 2000, "", "x@example.org", "accept");
    append("3", 3000, "", "x@example.org", "accept");
    assert_int_equal(ledger_expire(ledger, 2500, 1, &removed, &error), OK);
    assert_int_equal(removed, 1);
    selects((struct ledger_filter){0}, "2 3");
    assert_int_equal(ledger_expire(ledger, 2500, 10, &removed, &error), OK);
    assert_int_equal(removed, 1);
    selects((struct ledger_filter){0}, "3");
    selects((struct ledger_filter){.recipient = BYTES("x@example.org")}, "3");
}

static void entries_survive_a_kill(void **state)
{
    struct ledger_entry found;
    uint64_t value;
    (void)state;
    close_all();
    pid_t child = fork();
    if (child == 0) {
        open_all();
        append("killed", 1000, "", "x@example.org", "accept");
        if (counters_add(counters, BYTES("k"), 7, 1000, 2000, &value, &error) != OK)
            _exit(1);
        kill(getpid(), SIGKILL);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    open_all();
    assert_int_equal(ledger_find(ledger, arena, BYTES("killed"), &found, &error), OK);
    assert_int_equal(counters_get(counters, BYTES("k"), 1500, &value, &error), OK);
    assert_int_equal(value, 7);
}

static void a_foreign_file_is_refused(void **state)
{
    struct ledger *other = NULL;
    char path[160];
    (void)state;
    snprintf(path, sizeof(path), "%s/other", folder);
    FILE *out = fopen(path, "w");
    assert_non_null(out);
    for (int i = 0; i < 2000; i++)
        fputs("this is no database\n", out);
    fclose(out);
    assert_int_equal(ledger_open(path, LEDGER_WRITE, &other, &error), PERM);
    snprintf(path, sizeof(path), "%s/absent", folder);
    assert_int_equal(ledger_open(path, LEDGER_READ, &other, &error), NONE);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(what_is_written_is_found),
        CASE(an_id_may_be_cut_short_where_it_is_clear),
        CASE(filters_select),
        CASE(old_entries_expire),
        CASE(entries_survive_a_kill),
        CASE(a_foreign_file_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
