/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The keys role as a process of its own, in its sandbox, asked as edges ask it: signatures that verify,
 * payloads that no honest edge sends, and its death. A failed check ends the program: cmocka's jumps do
 * not survive a fiber.
 */
#include "auth/accounts.h"
#include "auth/dkim.h"
#include "auth/dkim_record.h"
#include "auth/key_directory.h"
#include "base/log.h"
#include "dns/zone.h"
#include "os/files.h"
#include "roles/keys_client.h"
#include "roles/role.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define check(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: failed: %s (%s)\n", __FILE__, __LINE__, #condition,            \
                    world.error.text);                                                             \
            _exit(1);                                                                              \
        }                                                                                          \
    } while (0)

enum { NOW = 1800000000 };

static struct world {
    char folder[64], directory[96], config_file[96];
    struct arena *arena;
    struct zone *zone;
    struct error error;
    pid_t child;
    int result; /* pipe from the child: what prepare() gave */
    struct fiber_group group;
    struct ipc_channel *keys;
    struct keys_cache *cache;
} world;

static const char *extra = ""; /* more configuration */
static enum role_kind peer_kind = ROLE_EDGE; /* as whom the channel is opened */
static int try_in_sandbox = -1; /* what the child tries once its sandbox is closed */

/* ---- the world on disk ---- */

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *at)
{
    (void)status;
    (void)type;
    (void)at;
    return remove(path);
}

static void write_config(const char *more)
{
    FILE *file = fopen(world.config_file, "w");
    check(file != NULL);
    fprintf(file, "hostname = mx.example.org\nkey-directory = \"%s\"\nuser = nobody\n"
                  "run-directory = \"%s/run\"\n%s%s", world.directory, world.folder,
            more, extra);
    fclose(file);
}

static void make_domain(const char *name, bool both)
{
    struct key_state *state = arena_new(world.arena, struct key_state);
    struct bytes domain = bytes_of(name), text;
    EVP_PKEY *key;
    for (int i = 0; i < 1 + both; i++) {
        struct bytes selector = i ? BYTES("ed") : BYTES("rsa");
        check(dkim_private_key_make(i ? DKIM_KEY_ED25519 : DKIM_KEY_RSA, 2048, &key, &world.error) == OK);
        check(key_directory_store(world.arena, durable_kernel(), world.directory, domain, selector, key,
                                  &world.error) == OK);
        check(key_state_add(state, selector, i ? DKIM_KEY_ED25519 : DKIM_KEY_RSA, KEY_ACTIVE, NOW,
                            &world.error) == OK);
        check(dkim_record_text(world.arena, key, &text, &world.error) == OK);
        check(zone_add(world.zone, dkim_record_name(world.arena, selector, domain), DNS_TXT, 60, text));
        EVP_PKEY_free(key);
    }
    check(key_directory_write_state(world.arena, durable_kernel(), world.directory, domain, state,
                                    &world.error) == OK);
}

static int set_up(void **state)
{
    memset(&world, 0, sizeof(world));
    snprintf(world.folder, sizeof(world.folder), "/tmp/vouch-keys-role.XXXXXX");
    check(mkdtemp(world.folder) && chmod(world.folder, 0755) == 0);
    snprintf(world.directory, sizeof(world.directory), "%s/keys", world.folder);
    snprintf(world.config_file, sizeof(world.config_file), "%s/vouch.conf", world.folder);
    char *empty = NULL;
    check(asprintf(&empty, "%s/run/empty", world.folder) > 0);
    check(files_make_directories(empty, 0755) == 0);
    free(empty);
    world.arena = arena_create(64 << 20);
    world.zone = zone_create();
    extra = "";
    peer_kind = ROLE_EDGE;
    try_in_sandbox = -1;
    make_domain("example.org", true);
    make_domain("one.example", false);
    write_config("signing example.org one.example { }\n");
    return 0;
}

static int tear_down(void **state)
{
    if (world.child > 0) {
        kill(world.child, SIGKILL);
        waitpid(world.child, NULL, 0);
    }
    if (world.result > 0)
        close(world.result);
    nftw(world.folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    zone_destroy(world.zone);
    arena_destroy(world.arena);
    dkim_key_cache_clear();
    return 0;
}

/* ---- the role's process ---- */

static struct role role;
static int child_pipe;

static void report(char letter, const char *text)
{
    char line[600];
    int length = snprintf(line, sizeof(line), "%c%s", letter, text);
    if (write(child_pipe, line, (size_t)length) != length)
        _exit(9);
}

static int attempt(int number)
{
    char octet;
    int fd = -1;
    if (number == 0)
        fd = open(world.config_file, O_RDONLY);
    else if (number == 1)
        fd = open("/etc/passwd", O_RDONLY);
    else if (number == 2)
        fd = socket(AF_INET, SOCK_STREAM, 0);
    else if (number == 3)
        fd = socket(AF_UNIX, SOCK_STREAM, 0);
    else
        fd = open(world.folder, O_RDONLY | O_DIRECTORY);
    return fd >= 0 && (number > 1 || read(fd, &octet, 1) >= 0) ? 0 : 1;
}

static void run_role(void *argument)
{
    int fd = *(int *)argument;
    struct error error = {{0}};
    struct sandbox_report sandbox;
    fiber_group_open(&role.fibers);
    enum result result = keys_role.prepare(&role, &error);
    if (result == OK)
        result = role_enter_sandbox(&role, &sandbox, &error);
    if (result == OK && try_in_sandbox >= 0) {
        report(attempt(try_in_sandbox) ? 'r' : 'w', "");
        _exit(0);
    }
    report(result == OK ? '+' : result == PERM ? '-' : '?', error.text);
    if (result != OK)
        _exit(2);
    keys_role.peer(&role, peer_kind, 0, fd);
    keys_role.run(&role);
}

static void be_role(int fd)
{
    struct loop_options options = {.workers = keys_role.workers};
    struct buf errors;
    buf_init(&errors, 4096);
    role = (struct role){.definition = &keys_role, .unprivileged = geteuid() != 0,
                         .config_file = world.config_file};
    role.arena = arena_create(64 << 20);
    if (config_load(role.arena, role.config_file, &role.config, &errors) != OK) {
        fprintf(stderr, BYTES_FMT "\n", BYTES_ARG(buf_bytes(&errors)));
        _exit(8);
    }
    struct loop *loop = loop_create(&options);
    loop_run(loop, run_role, &fd);
    _exit(0);
}

/* Starts it; what it said of its start comes back: '+', '-' and a text, or 'k' for killed. */
static char start_role(int *edge_end)
{
    int pair[2], pipes[2];
    check(ipc_pair(pair) == 0 && pipe(pipes) == 0);
    fflush(NULL);
    world.child = fork();
    check(world.child >= 0);
    if (world.child == 0) {
        close(pair[0]);
        close(pipes[0]);
        child_pipe = pipes[1];
        be_role(pair[1]);
    }
    close(pair[1]);
    close(pipes[1]);
    char text[sizeof(world.error.text)] = {0};
    ssize_t length = read(pipes[0], text, sizeof(text) - 1);
    close(pipes[0]);
    *edge_end = pair[0];
    if (length <= 0) {
        int status;
        waitpid(world.child, &status, 0);
        world.child = 0;
        return WIFSIGNALED(status) ? 'k' : '0';
    }
    snprintf(world.error.text, sizeof(world.error.text), "%s", text + 1);
    return text[0];
}

/* ---- the edge's side ---- */

static void run_channel(void *argument)
{
    enum result ignored = ipc_run(argument, &world.group, NULL, NULL, NULL);
    (void)ignored;
}

static void in_fiber(void *argument)
{
    void (*test)(void) = *(void (**)(void))argument;
    fiber_group_open(&world.group);
    check(fiber_group_start(&world.group, "channel", run_channel, world.keys));
    world.cache = keys_cache_create();
    test();
    keys_cache_destroy(world.cache);
    ipc_channel_close(world.keys);
    fiber_group_close(&world.group);
}

static void as_edge(void (*test)(void))
{
    struct loop_options options = {0};
    int fd;
    /* First the process: it makes a loop of its own. */
    check(start_role(&fd) == '+');
    struct loop *loop = loop_create(&options);
    check(loop != NULL);
    world.keys = ipc_channel_open(fd, "keys");
    check(world.keys != NULL);
    loop_run(loop, in_fiber, &test);
    loop_destroy(loop);
}

#define TEXT                                                                                       \
    "From: Ann <ann@example.org>\r\nTo: bob@example.net\r\nSubject: a  test\r\n"                    \
    "Received: x\r\nX-Ticket: 7\r\n\r\nHello \r\n\r\n"

static struct keys_signing signing_for(struct bytes domain)
{
    return (struct keys_signing){.domain = domain, .now = NOW, .expire = 14 * 86400,
                                 .cache = world.cache, .deadline = loop_deadline(20 * SECOND)};
}

static enum result sign(struct bytes domain, struct buf *out)
{
    struct message message;
    struct keys_signing signing = signing_for(domain);
    static const char *const ticket[] = {"X-Ticket", "subject", NULL};
    signing.extra_headers = ticket;
    check(message_parse(world.arena, BYTES(TEXT), &message, &world.error) == OK);
    return keys_sign_message(world.keys, world.arena, &message, &signing, out, &world.error);
}

/* How many of the signatures pass. */
static size_t verified(const struct buf *fields, size_t *count)
{
    struct message message;
    struct dkim_results results;
    struct dkim_options options = {.now = NOW + 1, .deadline = NO_DEADLINE};
    size_t passed = 0;
    struct bytes whole = arena_printf(world.arena, BYTES_FMT TEXT, BYTES_ARG(buf_bytes(fields)));
    check(message_parse(world.arena, whole, &message, &world.error) == OK);
    dkim_verify(zone_dns(world.zone), world.arena, &message, &options, &results);
    for (size_t i = 0; i < results.count; i++)
        passed += results.signatures[i].result == AUTH_PASS;
    *count = results.count;
    return passed;
}

static void sign_and_verify(void)
{
    struct buf out;
    size_t count;
    buf_init(&out, 1 << 20);
    check(sign(BYTES("example.org"), &out) == OK);
    check(verified(&out, &count) == 2 && count == 2);
    check(bytes_find(buf_bytes(&out), BYTES("x=1801209600")) != BYTES_NOT_FOUND);
    check(bytes_find(buf_bytes(&out), BYTES("X-Ticket")) != BYTES_NOT_FOUND);
    check(bytes_find(buf_bytes(&out), BYTES("l=")) == BYTES_NOT_FOUND);
    /* From the cache, and in other case. */
    buf_clear(&out);
    check(sign(BYTES("example.org"), &out) == OK && verified(&out, &count) == 2);
    buf_clear(&out);
    check(sign(BYTES("Example.ORG"), &out) == OK && verified(&out, &count) == 2);
    buf_clear(&out);
    check(sign(BYTES("one.example"), &out) == OK && verified(&out, &count) == 1);
    buf_clear(&out);
    check(sign(BYTES("other.example"), &out) == NONE && out.len == 0);
    buf_free(&out);
}

static void an_edge_gets_signatures_that_verify(void **state)
{
    as_edge(sign_and_verify);
}

static void many_at_once_task(void *argument)
{
    struct buf out;
    size_t count;
    buf_init(&out, 1 << 20);
    check(sign(BYTES("example.org"), &out) == OK && verified(&out, &count) == 2);
    buf_free(&out);
    ++*(int *)argument;
}

static void many_at_once(void)
{
    struct fiber_group group;
    int done = 0;
    fiber_group_open(&group);
    for (int i = 0; i < 40; i++)
        check(fiber_group_start(&group, "sign", many_at_once_task, &done));
    check(fiber_group_wait(&group, loop_deadline(60 * SECOND)) == 0);
    fiber_group_close(&group);
    check(done == 40);
}

static void many_fibers_are_served_at_once(void **state)
{
    as_edge(many_at_once);
}

static void ask_for_lost_key(void)
{
    uint8_t hash[KEYS_HASH_SIZE] = {0};
    struct keys_signer signer = {world.keys, BYTES("example.org"), BYTES("gone"),
                                 loop_deadline(20 * SECOND)};
    struct bytes signature;
    check(keys_signer_sign(&signer, world.arena, DKIM_RSA_SHA256, bytes_from(hash, 32), &signature,
                           &world.error) == TEMP);
    signer.selector = BYTES("rsa");
    check(keys_signer_sign(&signer, world.arena, DKIM_RSA_SHA256, bytes_from(hash, 32), &signature,
                           &world.error) == OK);
    check(signature.len == 256);
}

static void a_key_that_is_gone_is_a_temporary_failure(void **state)
{
    as_edge(ask_for_lost_key);
}

/* ---- a hostile edge ---- */

static enum result throw(uint16_t type, const void *octets, size_t length)
{
    struct ipc_message message = {type, bytes_from(octets, length), {-1, -1, -1, -1}}, reply;
    return role_call(world.keys, world.arena, &message, &reply, loop_deadline(20 * SECOND), NULL);
}

static void be_hostile(void)
{
    struct buf payload;
    uint8_t noise[512];
    unsigned seed = 1;
    size_t count;
    buf_init(&payload, 1 << 20);
    /* Good requests cut off everywhere, and with something behind them. */
    struct keys_sign_request request = {.domain = BYTES("example.org"), .count = 1};
    request.items[0].selector = BYTES("rsa");
    request.items[0].hash = bytes_from(noise, KEYS_HASH_SIZE);
    memset(noise, 7, sizeof(noise));
    keys_sign_request_write(&payload, &request);
    for (size_t i = 0; i < payload.len; i++)
        check(throw(KEYS_SIGN, payload.ptr, i) == TEMP);
    check(throw(KEYS_SIGN, payload.ptr, payload.len) == OK);
    buf_add_byte(&payload, 0);
    check(throw(KEYS_SIGN, payload.ptr, payload.len) == TEMP);
    /* A path for a domain, and a hash of another length: not what is signed here. */
    buf_clear(&payload);
    keys_domain_write(&payload, BYTES("../../etc"));
    check(throw(KEYS_SELECTORS, payload.ptr, payload.len) == TEMP);
    buf_clear(&payload);
    request.items[0].hash.len = 31;
    keys_sign_request_write(&payload, &request);
    check(throw(KEYS_SIGN, payload.ptr, payload.len) == TEMP);
    for (int i = 0; i < 2000; i++) {
        size_t length = (seed = seed * 1103515245 + 12345) >> 16 & 255;
        for (size_t j = 0; j < length; j++)
            noise[j] = (uint8_t)((seed = seed * 1103515245 + 12345) >> 16);
        (void)!throw((uint16_t)(KEYS_SELECTORS + i % 5 - 1), noise, length);
    }
    buf_clear(&payload);
    check(sign(BYTES("example.org"), &payload) == OK && verified(&payload, &count) == 2);
    buf_free(&payload);
}

static void payloads_of_a_hostile_edge_are_refused(void **state)
{
    as_edge(be_hostile);
}

static void lose_role(void)
{
    struct buf out;
    buf_init(&out, 1 << 20);
    check(sign(BYTES("example.org"), &out) == OK);
    kill(world.child, SIGKILL);
    waitpid(world.child, NULL, 0);
    world.child = 0;
    buf_clear(&out);
    check(sign(BYTES("example.org"), &out) == TEMP && out.len == 0);
    struct ipc_channel *gone = world.keys;
    world.keys = NULL;
    check(sign(BYTES("example.org"), &out) == TEMP && out.len == 0);
    world.keys = gone;
    buf_free(&out);
}

static void without_the_keys_process_signing_fails_for_now(void **state)
{
    as_edge(lose_role);
}

/* ---- addresses ---- */

static enum result address(enum keys_codec codec, bool decode, struct bytes text, struct bytes *out)
{
    struct keys_address_request request = {codec, decode, text, NOW};
    return keys_address(world.keys, world.arena, &request, loop_deadline(20 * SECOND), out,
                        &world.error);
}

static void make_and_take_addresses(void)
{
    static const struct bytes plain = BYTES_INIT("ann@example.org"), far = BYTES_INIT("x@far.example");
    struct bytes made, back;
    check(address(KEYS_SRS, false, far, &made) == OK);
    check(bytes_ends_with(made, BYTES("=far.example=x@srs.example.org")));
    check(address(KEYS_SRS, true, made, &back) == OK && bytes_equal(back, far));
    check(address(KEYS_SRS, true, BYTES("SRS0=AAAA=AA=far.example=x@srs.example.org"), &back) == PERM);
    check(world.error.text[0]);
    check(address(KEYS_BATV, false, plain, &made) == OK);
    check(bytes_starts_with(made, BYTES("prvs=0")));
    check(address(KEYS_BATV, true, made, &back) == OK && bytes_equal(back, plain));
    check(address(KEYS_BATV, false, far, &made) == NONE); /* not listed */
    check(address(KEYS_SES, false, plain, &made) == NONE); /* not switched on */
    check(address((enum keys_codec)9, false, plain, &made) == TEMP);
}

static void return_paths_are_made_and_taken_apart_with_our_secrets(void **state)
{
    char *secrets = key_directory_path(world.arena, world.folder, BYTES("secrets"), "");
    FILE *file = fopen(secrets, "w");
    fputs("# ours\na secret of sufficient length\n", file);
    fclose(file);
    check(chmod(secrets, 0600) == 0);
    write_config("srs { domain = srs.example.org secrets = secrets }\n"
                 "batv { domains = [example.org] secrets = secrets }\n");
    as_edge(make_and_take_addresses);
}

/* ---- accounts ---- */

static void write_file(const char *name, const char *text)
{
    char *path = key_directory_path(world.arena, world.folder, bytes_of(name), "");
    path[strlen(path) - (path[strlen(path) - 1] == '/')] = '\0';
    FILE *file = fopen(path, "w");
    check(file != NULL);
    fputs(text, file);
    fclose(file);
    check(chmod(path, 0600) == 0);
}

#define ACCOUNTS "accounts { file = accounts }\n"

static void write_accounts(void)
{
    static const struct bytes send_as[] = {BYTES_INIT("sales@example.org")};
    struct account account = {.name = BYTES("anna@example.org"), .send_as = send_as, .send_as_count = 1};
    struct buf text;
    buf_init(&text, 4096);
    check(account_set_password(world.arena, &account, BYTES("correct horse"), false, &world.error) == OK);
    account_write(&text, &account);
    buf_add_byte(&text, '\n');
    write_file("accounts", arena_string(world.arena, buf_bytes(&text)));
    buf_free(&text);
}

static enum keys_sasl_status sasl(struct keys_sasl_question question, struct keys_sasl_answer *answer)
{
    check(keys_sasl(world.keys, world.arena, &question, loop_deadline(60 * SECOND), answer,
                    &world.error) == OK);
    return answer->status;
}

static enum keys_sasl_status plain(const char *name, const char *password,
                                   struct keys_sasl_answer *answer)
{
    struct bytes data =
        arena_printf(world.arena, "%c%s%c%s", 0, name, 0, password);
    return sasl((struct keys_sasl_question){.mechanism = BYTES("PLAIN"), .data_present = true,
                                            .data = data},
                answer);
}

static void verify_passwords(void)
{
    static struct keys_sasl_answer answer;
    check(plain("anna@example.org", "correct horse", &answer) == KEYS_SASL_DONE);
    check(bytes_is(answer.account, "anna@example.org"));
    check(answer.send_as_count == 1 && bytes_is(answer.send_as[0], "sales@example.org"));
    check(plain("anna@example.org", "wrong horse", &answer) == KEYS_SASL_REFUSED);
    check(bytes_is(answer.account, "anna@example.org") && answer.send_as_count == 0);
    check(plain("nobody@example.org", "correct horse", &answer) == KEYS_SASL_REFUSED);
    /* In several steps. */
    struct keys_sasl_question login = {.mechanism = BYTES("LOGIN")};
    check(sasl(login, &answer) == KEYS_SASL_CHALLENGE && bytes_is(answer.data, "Username:"));
    uint64_t id = answer.conversation;
    struct keys_sasl_question next = {.conversation = id, .data_present = true,
                                      .data = BYTES("anna@example.org")};
    check(sasl(next, &answer) == KEYS_SASL_CHALLENGE);
    next.data = BYTES("correct horse");
    check(sasl(next, &answer) == KEYS_SASL_DONE);
    /* It is over; so are those that were abandoned, and those that never were. */
    check(sasl(next, &answer) == KEYS_SASL_REFUSED);
    check(sasl(login, &answer) == KEYS_SASL_CHALLENGE);
    next.conversation = answer.conversation;
    next.abandon = true;
    check(sasl(next, &answer) == KEYS_SASL_REFUSED);
    next.abandon = false;
    check(sasl(next, &answer) == KEYS_SASL_REFUSED);
    next.conversation = 12345;
    check(sasl(next, &answer) == KEYS_SASL_REFUSED);
    check(sasl((struct keys_sasl_question){.mechanism = BYTES("NTLM")}, &answer) == KEYS_SASL_REFUSED);
    check(sasl((struct keys_sasl_question){.mechanism = BYTES("CRAM-MD5")}, &answer) ==
          KEYS_SASL_CHALLENGE);
    check(sasl((struct keys_sasl_question){.mechanism = BYTES("SCRAM-SHA-256"), .data_present = true,
                                           .data = BYTES("n,,n=anna@example.org,r=x")},
               &answer) == KEYS_SASL_CHALLENGE);
    /* An edge has no business with the courier's passwords. */
    struct keys_credentials found;
    check(keys_credentials(world.keys, world.arena, BYTES("smart"), loop_deadline(20 * SECOND), &found,
                           &world.error) == TEMP);
}

static void passwords_are_verified_in_the_sandbox(void **state)
{
    write_accounts();
    write_config(ACCOUNTS);
    as_edge(verify_passwords);
}

static void fill_the_table(void)
{
    static struct keys_sasl_answer answer;
    struct keys_sasl_question login = {.mechanism = BYTES("LOGIN")}, next = {.data_present = true};
    check(sasl(login, &answer) == KEYS_SASL_CHALLENGE);
    uint64_t first = answer.conversation, last = 0;
    for (int i = 0; i < 2100; i++) {
        struct arena_mark mark = arena_mark(world.arena);
        check(sasl(login, &answer) == KEYS_SASL_CHALLENGE);
        last = answer.conversation;
        arena_rewind(world.arena, mark);
    }
    next.data = BYTES("anna@example.org");
    next.conversation = first;
    check(sasl(next, &answer) == KEYS_SASL_REFUSED);
    next.conversation = last;
    check(sasl(next, &answer) == KEYS_SASL_CHALLENGE);
}

static void whoever_begins_without_end_only_loses_his_own(void **state)
{
    write_accounts();
    write_config(ACCOUNTS);
    as_edge(fill_the_table);
}

struct guess {
    int done, busy;
};

static void guess_task(void *argument)
{
    struct guess *guess = argument;
    struct keys_sasl_answer *answer = arena_new(world.arena, struct keys_sasl_answer);
    enum keys_sasl_status status = plain("anna@example.org", "wrong horse", answer);
    check(status == KEYS_SASL_REFUSED || status == KEYS_SASL_TEMPORARY);
    guess->done++;
    guess->busy += status == KEYS_SASL_TEMPORARY;
}

/* Three hundred passwords at once: some are put off, and a signature is made in the midst of them. */
static void guess_and_sign(void)
{
    struct fiber_group group;
    struct guess guess = {0};
    struct buf out;
    size_t signatures;
    buf_init(&out, 1 << 20);
    fiber_group_open(&group);
    for (int i = 0; i < 300; i++)
        check(fiber_group_start(&group, "guess", guess_task, &guess));
    fiber_sleep(100 * MILLISECOND);
    check(sign(BYTES("example.org"), &out) == OK && verified(&out, &signatures) == 2);
    check(guess.done - guess.busy < 150);
    check(fiber_group_wait(&group, loop_deadline(120 * SECOND)) == 0);
    fiber_group_close(&group);
    check(guess.done == 300 && guess.busy > 0 && guess.busy < 250);
    buf_free(&out);
}

static void guessing_does_not_keep_signatures_waiting(void **state)
{
    write_accounts();
    write_config("signing example.org { }\n" ACCOUNTS);
    as_edge(guess_and_sign);
}

static void ask_for_credentials(void)
{
    struct keys_credentials found;
    int64_t deadline = loop_deadline(20 * SECOND);
    check(keys_credentials(world.keys, world.arena, BYTES("smart"), deadline, &found, &world.error) == OK);
    check(bytes_is(found.user, "us") && bytes_is(found.password, "pass word "));
    check(keys_credentials(world.keys, world.arena, BYTES("other"), deadline, &found, &world.error) == NONE);
    /* And the courier has none with signatures and accounts. */
    struct keys_sasl_question question = {.mechanism = BYTES("LOGIN")};
    struct keys_sasl_answer *answer = arena_new(world.arena, struct keys_sasl_answer);
    struct buf out;
    buf_init(&out, 1 << 20);
    check(keys_sasl(world.keys, world.arena, &question, deadline, answer, &world.error) == TEMP);
    check(sign(BYTES("example.org"), &out) == TEMP);
    buf_free(&out);
}

static void the_courier_gets_the_passwords_of_its_routes(void **state)
{
    write_file("password", "pass word \n");
    write_config("signing example.org { }\n"
                 "route smart { hosts = [127.0.0.1:2525] tls = verify user = us password-file = password }\n");
    peer_kind = ROLE_COURIER;
    as_edge(ask_for_credentials);
}

/* ---- the sandbox ---- */

static void it_can_open_neither_files_nor_sockets_once_it_serves(void **state)
{
    for (int i = 0; i < 5; i++) {
        int fd;
        try_in_sandbox = i;
        char how = start_role(&fd);
        close(fd);
        if (how != 'r' && how != 'k')
            fprintf(stderr, "attempt %d: %c\n", i, how);
        check(how == 'r' || how == 'k');
        if (world.child)
            waitpid(world.child, NULL, 0);
        world.child = 0;
    }
}

/* ---- what it refuses to start with ---- */

static void refuses(const char *why)
{
    int fd;
    char how = start_role(&fd);
    close(fd);
    waitpid(world.child, NULL, 0);
    world.child = 0;
    if (how != '-' || !strstr(world.error.text, why))
        fprintf(stderr, "%c %s, not \"%s\"\n", how, world.error.text, why);
    check(how == '-' && strstr(world.error.text, why));
}

static void keys_and_secrets_that_others_may_read_are_refused(void **state)
{
    char *key = key_directory_path(world.arena, world.directory, BYTES("example.org"), "rsa.pem");
    char *secrets = key_directory_path(world.arena, world.folder, BYTES("secrets"), "");
    check(chmod(key, 0644) == 0);
    refuses("chmod 600");
    check(chmod(key, 0600) == 0);
    extra = "srs { domain = srs.example.org secrets = secrets }\n";
    write_config("");
    refuses("secrets");
    FILE *file = fopen(secrets, "w");
    fputs("# ours\na secret of sufficient length\n", file);
    fclose(file);
    check(chmod(secrets, 0640) == 0);
    refuses("chmod 600");
    check(chmod(secrets, 0600) == 0);
    file = fopen(secrets, "w");
    fputs("short\n", file);
    fclose(file);
    refuses("a secret has");
}

static void a_domain_that_is_to_be_signed_wants_an_active_key(void **state)
{
    struct key_state *keys = arena_new(world.arena, struct key_state);
    write_config("signing absent.example { }\n");
    refuses("no active key");
    write_config("signing one.example { }\n");
    check(key_state_add(keys, BYTES("rsa"), DKIM_KEY_RSA, KEY_NEW, NOW, &world.error) == OK);
    check(key_directory_write_state(world.arena, durable_kernel(), world.directory,
                                    BYTES("one.example"), keys, &world.error) == OK);
    refuses("no active key");
}

static void keys_that_are_not_what_the_state_says_are_refused(void **state)
{
    char *key = key_directory_path(world.arena, world.directory, BYTES("one.example"), "rsa.pem");
    char *file = key_directory_path(world.arena, world.directory, BYTES("one.example"), "state");
    struct key_state *keys = arena_new(world.arena, struct key_state);
    check(key_state_add(keys, BYTES("rsa"), DKIM_KEY_ED25519, KEY_ACTIVE, NOW, &world.error) == OK);
    check(key_directory_write_state(world.arena, durable_kernel(), world.directory,
                                    BYTES("one.example"), keys, &world.error) == OK);
    refuses("not of the algorithm");
    check(truncate(key, 100) == 0);
    refuses("no private key");
    check(unlink(key) == 0);
    refuses("rsa.pem");
    struct stat status;
    check(stat(file, &status) == 0 && truncate(file, status.st_size - 5) == 0);
    refuses("state: line");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_edge_gets_signatures_that_verify),
        TEST(many_fibers_are_served_at_once),
        TEST(a_key_that_is_gone_is_a_temporary_failure),
        TEST(payloads_of_a_hostile_edge_are_refused),
        TEST(without_the_keys_process_signing_fails_for_now),
        TEST(return_paths_are_made_and_taken_apart_with_our_secrets),
        TEST(passwords_are_verified_in_the_sandbox),
        TEST(whoever_begins_without_end_only_loses_his_own),
        TEST(guessing_does_not_keep_signatures_waiting),
        TEST(the_courier_gets_the_passwords_of_its_routes),
        TEST(it_can_open_neither_files_nor_sockets_once_it_serves),
        TEST(keys_and_secrets_that_others_may_read_are_refused),
        TEST(a_domain_that_is_to_be_signed_wants_an_active_key),
        TEST(keys_that_are_not_what_the_state_says_are_refused),
    };
    setvbuf(stdout, NULL, _IOLBF, 0);
    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
