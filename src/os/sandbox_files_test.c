/* SPDX-License-Identifier: BSD-2-Clause */
/* Unit tests of sandbox: the role with files, threads, accounts, reports and the master. */
#include "os/sandbox_fixture.h"

static int work_with_database(void)
{
    char name[128];
    sqlite3 *database;
    in(writable, "db", name);
    if (sqlite3_open(name, &database) ||
        sqlite3_exec(database,
                     "pragma journal_mode=wal; pragma synchronous=full;"
                     "create table if not exists t(a); insert into t values(1);"
                     "pragma wal_checkpoint(truncate); vacuum;",
                     NULL, NULL, NULL))
        return 2;
    return sqlite3_close(database) ? 3 : SUCCEEDED;
}

static int deliver_durably(void)
{
    struct durable *disk = durable_kernel();
    char tmp[128], new[128], from[128], to[128];
    in(writable, "tmp", tmp), in(writable, "new", new), in(writable, "tmp/1", from),
        in(writable, "new/1", to);
    if ((disk->make_directory(disk, tmp, 0700) && errno != EEXIST) ||
        (disk->make_directory(disk, new, 0700) && errno != EEXIST))
        return 2;
    int fd = disk->create(disk, from, 0600);
    if (fd < 0 || disk->write(disk, fd, BYTES("x")) || disk->start_sync(disk, fd) ||
        disk->sync(disk, fd) || disk->close(disk, fd))
        return 3;
    if (disk->rename(disk, from, to) || disk->sync_directory(disk, new))
        return 4;
    return outcome(disk->unlink(disk, to));
}

static int read_readable(void)
{
    char name[128], text[8];
    in(readable, "file", name);
    int fd = open(name, O_RDONLY);
    return fd >= 0 && read(fd, text, sizeof(text)) == 1 ? SUCCEEDED : FAILED;
}

static int write_readable(void)
{
    char name[128];
    in(readable, "file", name);
    return outcome(open(name, O_WRONLY));
}

static int truncate_readable(void)
{
    char name[128];
    in(readable, "file", name);
    return outcome(open(name, O_RDONLY | O_TRUNC));
}

ATTEMPT(read_outside, open(outside, O_RDONLY))
static int create_outside(void)
{
    char name[128];
    in(folder, "new-file", name);
    return outcome(open(name, O_WRONLY | O_CREAT, 0600));
}
static int move_outside(void)
{
    char from[128], to[128];
    in(writable, "moving", from), in(folder, "moved", to);
    int fd = open(from, O_WRONLY | O_CREAT, 0600);
    if (fd < 0)
        return 2;
    return outcome(rename(from, to));
}
static int make_device(void)
{
    char name[128];
    in(writable, "device", name);
    return outcome(mknod(name, S_IFIFO | 0600, 0));
}
static int leave_by_dots(void)
{
    char name[128];
    in(writable, "../outside", name);
    return outcome(open(name, O_RDONLY));
}

static void store_works_beneath_its_paths(void **state)
{
    (void)state;
    struct sandbox sandbox = files_sandbox();
    WORKS(sandbox, everyday_work);
    WORKS(sandbox, work_with_database);
    WORKS(sandbox, deliver_durably);
    WORKS(sandbox, read_readable);
}

static void store_reaches_nothing_else(void **state)
{
    (void)state;
    struct sandbox sandbox = files_sandbox();
    if (landlock_abi() < 3)
        skip();
    PREVENTED(sandbox, write_readable);
    PREVENTED(sandbox, truncate_readable);
    PREVENTED(sandbox, read_outside);
    PREVENTED(sandbox, create_outside);
    PREVENTED(sandbox, move_outside);
    PREVENTED(sandbox, leave_by_dots);
    PREVENTED(sandbox, open_for_reading);
    PREVENTED(sandbox, open_for_writing);
    PREVENTED(sandbox, open_proc);
    PREVENTED(sandbox, list_root);
    KILLS(sandbox, make_device);
    KILLS(sandbox, link_file);
    KILLS(sandbox, make_symlink);
    KILLS(sandbox, socket_tcp);
    KILLS(sandbox, execute);
}

static void missing_path_is_a_permanent_error(void **state)
{
    (void)state;
    struct sandbox_path path = {"/nonexistent", true};
    struct sandbox sandbox = {
        .role = "test", .files = SANDBOX_FILES, .paths = &path, .path_count = 1};
    struct sandbox_report report;
    struct error error;
    if (landlock_abi() < 2)
        skip();
    assert_int_equal(sandbox_enter(&sandbox, &report, &error), PERM);
    assert_non_null(strstr(error.text, "/nonexistent"));
}

static int work_with_lmdb(void)
{
    MDB_env *environment;
    MDB_txn *transaction;
    MDB_dbi table;
    MDB_val key = {1, empty}, value = {1, empty};
    if (mdb_env_create(&environment) || mdb_env_open(environment, writable, 0, 0600))
        return 2;
    for (int i = 0; i < 2; i++)
        if (mdb_txn_begin(environment, NULL, 0, &transaction) ||
            mdb_dbi_open(transaction, NULL, 0, &table) ||
            mdb_put(transaction, table, &key, &value, 0) || mdb_txn_commit(transaction))
            return 3;
    if (mdb_txn_begin(environment, NULL, MDB_RDONLY, &transaction) ||
        mdb_get(transaction, table, &key, &value))
        return 4;
    mdb_txn_abort(transaction);
    if (mdb_env_sync(environment, 1))
        return 5;
    mdb_env_close(environment);
    return SUCCEEDED;
}

static void store_can_use_lmdb(void **state)
{
    (void)state;
    struct sandbox sandbox = files_sandbox();
    WORKS(sandbox, work_with_lmdb);
}

/* ---- threads that ran before ---- */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static bool go;
static int thread_result[3];

static void *worker(void *argument)
{
    int index = *(int *)argument;
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, NULL);
    pthread_mutex_lock(&lock);
    while (!go)
        pthread_cond_wait(&changed, &lock);
    pthread_mutex_unlock(&lock);
    int inside = read_readable(), outside_result = read_outside();
    thread_result[index] = inside == SUCCEEDED && outside_result == FAILED && getuid() != 0;
    return NULL;
}

static int check_threads(void)
{
    pthread_t threads[3];
    int numbers[] = {0, 1, 2};
    struct sandbox sandbox = files_sandbox();
    struct sandbox_report report;
    struct error error;
    sandbox.explain = true;
    for (size_t i = 0; i < 3; i++)
        if (pthread_create(&threads[i], NULL, worker, &numbers[i]))
            return 2;
    if (sandbox_enter(&sandbox, &report, &error) != OK) {
        dprintf(2, "%s\n", error.text);
        return 3;
    }
    if (report.threads < 3)
        return 4;
    pthread_mutex_lock(&lock);
    go = true;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
    for (size_t i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    return thread_result[0] && thread_result[1] && thread_result[2] ? SUCCEEDED : FAILED;
}

static void threads_that_ran_before_are_restricted_too(void **state)
{
    (void)state;
    if (landlock_abi() < 3)
        skip();
    int status = in_child(check_threads);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), SUCCEEDED);
}

/* ---- the rest of the promise ---- */

static int ask_limits(void)
{
    struct rlimit core, files;
    if (getrlimit(RLIMIT_CORE, &core) || getrlimit(RLIMIT_NOFILE, &files))
        return 2;
    return core.rlim_cur == 0 && core.rlim_max == 0 && files.rlim_cur > 16 ? SUCCEEDED : FAILED;
}

static void no_core_is_dumped_and_descriptors_stay(void **state)
{
    (void)state;
    WORKS(base_sandbox(false), ask_limits);
}

static int ids(void)
{
    return getuid() != 0 && geteuid() != 0 && getgid() != 0 && getegid() != 0 ? SUCCEEDED : FAILED;
}

static void root_is_given_up(void **state)
{
    (void)state;
    WORKS(base_sandbox(false), ids);
}

/* The owner of a process's /proc entries is root when it is not dumpable: nobody of the same user
 * may attach to it or read its memory. */
static void role_is_not_dumpable(void **state)
{
    (void)state;
    int ready[2];
    assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
    pid_t pid = fork();
    if (pid == 0) {
        struct sandbox sandbox = base_sandbox(false);
        struct sandbox_report report;
        /* An ordinary user who is dumpable: becoming one has ended that, so it is set again. */
        if (geteuid() == 0 && (setresuid(NOBODY, NOBODY, NOBODY) || prctl(PR_SET_DUMPABLE, 1)))
            _exit(NO_SANDBOX);
        sandbox.user = sandbox.chroot_to = NULL;
        if (sandbox_enter(&sandbox, &report, NULL) != OK || write(ready[1], "r", 1) != 1)
            _exit(NO_SANDBOX);
        for (;;)
            poll(NULL, 0, -1);
    }
    close(ready[1]);
    char got;
    char name[64];
    struct stat status;
    assert_int_equal(read(ready[0], &got, 1), 1);
    close(ready[0]);
    snprintf(name, sizeof(name), "/proc/%d/maps", (int)pid);
    assert_int_equal(stat(name, &status), 0);
    assert_int_equal(status.st_uid, 0);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}

static int lose_parent(void)
{
    int ready[2];
    if (pipe2(ready, O_CLOEXEC))
        return 2;
    if (fork() == 0) {
        struct sandbox sandbox = base_sandbox(false);
        struct sandbox_report report;
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (sandbox_enter(&sandbox, &report, NULL) != OK || write(ready[1], "r", 1) != 1)
            _exit(NO_SANDBOX);
        for (;;)
            poll(NULL, 0, -1);
    }
    char got;
    return read(ready[0], &got, 1) == 1 ? SUCCEEDED : FAILED;
}

/* The kernel clears the parent-death signal when the user changes; a role without master must not
 * live on. */
static void role_still_dies_with_its_parent(void **state)
{
    (void)state;
    int held[2];
    char got;
    assert_int_equal(pipe(held), 0);
    assert_int_equal(in_child(lose_parent), 0);
    close(held[1]);
    struct pollfd wanted = {.fd = held[0], .events = POLLIN};
    assert_int_equal(poll(&wanted, 1, 10000), 1);
    assert_int_equal(read(held[0], &got, 1), 0);
    close(held[0]);
}

static void unsafe_configuration_is_refused(void **state)
{
    (void)state;
    struct sandbox_report report;
    struct sandbox sandbox = {.role = "test", .user = "no-such-account"};
    assert_int_equal(sandbox_enter(&sandbox, &report, NULL), PERM);
    sandbox.user = "root";
    assert_int_equal(sandbox_enter(&sandbox, &report, NULL), PERM);
    sandbox.user = "0";
    assert_int_equal(sandbox_enter(&sandbox, &report, NULL), PERM);
    if (geteuid() != 0)
        return;
    sandbox.user = "65534";
    sandbox.chroot_to = folder; /* not empty */
    assert_int_equal(sandbox_enter(&sandbox, &report, NULL), PERM);
    sandbox.chroot_to = "/nonexistent";
    assert_int_equal(sandbox_enter(&sandbox, &report, NULL), PERM);
}

/* A system (a container, an old kernel) that refuses all of it. */
static int enter_where_all_is_refused(void)
{
    struct sandbox sandbox = base_sandbox(false);
    struct sandbox_report report;
    struct error error;
    sandbox.user = geteuid() == 0 ? "65534" : NULL;
    scmp_filter_ctx context = seccomp_init(SCMP_ACT_ALLOW);
    static const int calls[] = {SCMP_SYS(seccomp), SCMP_SYS(chroot), SCMP_SYS(setresuid)};
    if (!context || seccomp_rule_add(context, SCMP_ACT_ERRNO(ENOSYS), 444, 0))
        return 2;
    for (size_t i = 0; i < countof(calls); i++)
        if (seccomp_rule_add(context, SCMP_ACT_ERRNO(EPERM), calls[i], 0))
            return 3;
    if (seccomp_load(context))
        return 4;
    seccomp_release(context);
    if (sandbox_enter(&sandbox, &report, &error) != OK) {
        dprintf(2, "%s\n", error.text);
        return 5;
    }
    if (report.seccomp || report.landlock_abi || report.chrooted || report.user_dropped)
        return 6;
    if (!strstr(report.missing, "seccomp") || !strstr(report.missing, "Landlock"))
        return 7;
    if (sandbox.user && (!strstr(report.missing, "chroot") || !strstr(report.missing, "user")))
        return 8;
    return SUCCEEDED;
}

static void what_the_system_refuses_is_reported(void **state)
{
    (void)state;
    int status = in_child(enter_where_all_is_refused);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), SUCCEEDED);
}

/* ---- the master ---- */

static int spawn_sandboxed_child(void)
{
    char name[] = "true";
    char *const argv[] = {name, NULL};
    pid_t pid = fork();
    if (pid == 0)
        execv("/bin/true", argv);
    int status;
    if (waitpid(pid, &status, 0) != pid || status)
        return 2;
    pid = fork();
    if (pid == 0) {
        struct sandbox sandbox = base_sandbox(geteuid() != 0);
        struct sandbox_report report;
        if (sandbox_enter(&sandbox, &report, NULL) != OK || !report.seccomp)
            _exit(NO_SANDBOX);
        _exit(open_for_reading() == FAILED && everyday_work() == SUCCEEDED ? 0 : 1);
    }
    if (waitpid(pid, &status, 0) != pid || status)
        return 3;
    pid = fork();
    if (pid == 0)
        for (;;)
            pause();
    return kill(pid, SIGTERM) || waitpid(pid, &status, 0) != pid ? 4 : SUCCEEDED;
}

static void master_can_start_sandboxed_children_but_not_attack(void **state)
{
    (void)state;
    struct sandbox sandbox = {.role = "master", .may_spawn = true};
    WORKS(sandbox, spawn_sandboxed_child);
    KILLS(sandbox, trace_other);
    KILLS(sandbox, read_other);
    KILLS(sandbox, load_bpf);
    KILLS(sandbox, make_ring);
}

static int signal_own_thread(void)
{
    return outcome(syscall(SYS_tgkill, getpid(), syscall(SYS_gettid), 0));
}

static void own_thread_may_be_signalled(void **state)
{
    (void)state;
    WORKS(base_sandbox(false), signal_own_thread);
}

static void explanation_names_the_call_and_the_process_still_dies(void **state)
{
    (void)state;
    int said[2], kept = dup(STDERR_FILENO);
    char text[512] = "";
    char expected[64];
    struct sandbox sandbox = base_sandbox(false);
    sandbox.explain = true;
    assert_int_equal(pipe2(said, O_CLOEXEC), 0);
    dup2(said[1], STDERR_FILENO);
    int status = run(sandbox, false, socket_tcp);
    dup2(kept, STDERR_FILENO);
    close(kept);
    close(said[1]);
    assert_true(was_killed(status));
    assert_true(read(said[0], text, sizeof(text) - 1) > 0);
    close(said[0]);
    snprintf(expected, sizeof(expected), "test: the sandbox refused system call %d\n",
             (int)SYS_socket);
    assert_non_null(strstr(text, expected));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(store_works_beneath_its_paths),
        cmocka_unit_test(store_can_use_lmdb),
        cmocka_unit_test(store_reaches_nothing_else),
        cmocka_unit_test(missing_path_is_a_permanent_error),
        cmocka_unit_test(threads_that_ran_before_are_restricted_too),
        cmocka_unit_test(no_core_is_dumped_and_descriptors_stay),
        cmocka_unit_test(root_is_given_up),
        cmocka_unit_test(role_is_not_dumpable),
        cmocka_unit_test(role_still_dies_with_its_parent),
        cmocka_unit_test(unsafe_configuration_is_refused),
        cmocka_unit_test(what_the_system_refuses_is_reported),
        cmocka_unit_test(master_can_start_sandboxed_children_but_not_attack),
        cmocka_unit_test(own_thread_may_be_signalled),
        cmocka_unit_test(explanation_names_the_call_and_the_process_still_dies),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
