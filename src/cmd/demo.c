/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vouch demo: the gateway on high ports of 127.0.0.1 with a DNS of its own, shown at work.
 *
 * Starts a small name server and `vouch serve --unprivileged`, sends seven messages from several loopback
 * addresses, prints what was decided and why, submits one that leaves, and leaves the gateway running until
 * Ctrl-C.
 */
#include "cmd/command.h"
#include "cmd/demo_dns.h"
#include "cmd/demo_mail.h"
#include "cmd/demo_send.h"
#include "cmd/world.h"
#include "os/files.h"
#include "os/process.h"
#include "state/ledger.h"
#include "tls/tls.h"
#include "verdict/judge.h"

#include <limits.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { SMTP_PORT = 2525, SUBMISSION_PORT = 2587, SUBMISSIONS_PORT = 2465, ELSEWHERE_PORT = 2526, DNS_PORT = 5354 };

static const char usage[] =
    "usage: vouch demo [--once] [--port N] [--submission-port N] [--submissions-port N]\n"
    "                  [--elsewhere-port N] [--dns-port N] DIRECTORY\n"
    "\n"
    "Shows the gateway at work, with nothing to prepare: starts it unprivileged on 127.0.0.1 with a\n"
    "configuration and a small DNS of its own, sends it genuine and forged messages, prints what was\n"
    "decided and why, and leaves it running until Ctrl-C.\n"
    "\n"
    "  DIRECTORY      for configuration, mail and ledger; made if absent\n"
    "  --once         stop after the table\n"
    "  --port N       SMTP port (default 2525)\n"
    "  --submission-port N   port for users, with STARTTLS (default 2587)\n"
    "  --submissions-port N  port for users, with TLS from the start (default 2465)\n"
    "  --elsewhere-port N    port of the server that mail is sent to (default 2526)\n"
    "  --dns-port N   port of the demonstration's name server (default 5354)\n"
    "\n"
    "example:\n"
    "  vouch demo /tmp/vouch-demo\n"
    "\n"
    "exit status: 0 all was decided as it should be, 1 not, 2 usage\n";

struct demo {
    char directory[PATH_MAX];
    struct demo_ports ports;
    bool once;
    EVP_PKEY *key;
    struct zone *zone;
    struct arena *arena;
    pid_t dns, gateway, elsewhere;
};

static volatile sig_atomic_t interrupted;

static void interrupt(int signal_number)
{
    (void)signal_number;
    interrupted = 1;
}

static char *path_of(struct demo *demo, const char *name)
{
    return arena_string(demo->arena, arena_printf(demo->arena, "%s/%s", demo->directory, name));
}

static bool write_file(struct demo *demo, const char *name, struct bytes content)
{
    struct error error;
    if (files_replace(durable_kernel(), path_of(demo, name), content, 0644, &error) == OK)
        return true;
    fprintf(stderr, "vouch demo: %s\n", error.text);
    return false;
}

static bool write_files(struct demo *demo)
{
    struct error error;
    struct bytes config = arena_printf(
        demo->arena,
        "# Made by `vouch demo`. `vouch config describe` tells what each key means.\n"
        "hostname = mx.vouch.example\n"
        "data-directory = \"%s/data\"\n"
        "run-directory = \"%s/run\"\n"
        "edges = 2\n"
        "\n"
        "listener smtp { address = [127.0.0.1:%u] }\n"
        "listener submission { address = [127.0.0.1:%u]  submission = yes }\n"
        "listener submissions { address = [127.0.0.1:%u]  submission = yes  tls = implicit }\n"
        "accounts { file = \"%s/accounts\" }\n"
        "key-directory = \"%s/keys\"\n"
        "signing vouch.example { }\n"
        "queue { smtp-port = %u }\n"
        "certificate demo { chain = \"%s/tls.pem\"  key = \"%s/tls.key\" }\n"
        "dns { servers = [127.0.0.1:%u] }\n"
        "limits { greeting-delay = 0 }\n"
        "\n"
        "domain vouch.example {\n"
        "    recipients = \"%s/users\"\n"
        "    deliver = \"maildir:%s/mail/{user}\"\n"
        "}\n",
        demo->directory, demo->directory, demo->ports.smtp, demo->ports.submission,
        demo->ports.submissions, demo->directory, demo->directory, demo->ports.elsewhere, demo->directory,
        demo->directory, demo->ports.dns, demo->directory, demo->directory);
    struct tls_server *tls = tls_server_create(&error);
    bool fine = files_make_directories(demo->directory, 0755) == 0 && tls &&
                tls_server_add_self_signed(tls, "mx.vouch.example", path_of(demo, "tls.pem"),
                                           path_of(demo, "tls.key"), &error) == OK;
    if (!fine)
        fprintf(stderr, "vouch demo: cannot prepare %s\n", demo->directory);
    tls_server_destroy(tls);
    return fine && write_file(demo, "vouch.conf", config) &&
           write_file(demo, "users", BYTES("you quota=1G\nfriend\n"));
}

static bool start_dns(struct demo *demo)
{
    int fd = demo_dns_bind(demo->ports.dns);
    if (fd < 0) {
        fprintf(stderr, "vouch demo: cannot use UDP port %u of 127.0.0.1: %s (--dns-port takes another)\n",
                demo->ports.dns, strerror(-fd));
        return false;
    }
    fflush(NULL);
    demo->dns = fork();
    if (demo->dns == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        signal(SIGINT, SIG_IGN);
        demo_dns_serve(fd, demo->zone);
    }
    close(fd);
    return demo->dns > 0;
}

static bool start_gateway(struct demo *demo)
{
    char *config = path_of(demo, "vouch.conf"), *log = path_of(demo, "log");
    fflush(NULL);
    demo->gateway = fork();
    if (demo->gateway == 0) {
        prctl(PR_SET_PDEATHSIG, SIGTERM);
        signal(SIGINT, SIG_IGN);
        if (!freopen(log, "w", stderr))
            _exit(1);
        execl("/proc/self/exe", "vouch", "serve", "--unprivileged", "--config", config, (char *)NULL);
        _exit(1);
    }
    for (int i = 0; i < 100 && demo->gateway > 0; i++) {
        struct bytes text;
        usleep(100 * 1000);
        if (files_read(demo->arena, log, 1 << 20, &text, NULL) == OK &&
            bytes_find(text, BYTES("master: ready")) != BYTES_NOT_FOUND)
            return true;
        if (waitpid(demo->gateway, NULL, WNOHANG) != 0)
            break;
    }
    fprintf(stderr, "vouch demo: the gateway does not start; see %s\n", log);
    return false;
}

static const char *colour_of(unsigned code, struct bytes action)
{
    if (!world_has_colour())
        return "";
    return code == 250 ? bytes_is(action, "junk") ? "\033[33m" : "\033[32m" : "\033[31m";
}

/* Broken at 76 columns, indented. */
static void print_wrapped(const char *text)
{
    size_t column = 0;
    struct bytes rest = bytes_of(text), word;
    while (bytes_split(&rest, ' ', &word)) {
        if (column == 0 || column + 1 + word.len > 76)
            column = (size_t)printf("%s      " BYTES_FMT, column ? "\n" : "", BYTES_ARG(word));
        else
            column += (size_t)printf(" " BYTES_FMT, BYTES_ARG(word));
    }
    printf("\n");
}

/* What the gateway did with the message whose id stands in the reply, and why. */
static struct bytes decided_action(struct demo *demo, const char *reply, struct bytes *why)
{
    const char *id = strstr(reply, "id=");
    struct ledger *ledger;
    struct ledger_entry entry;
    struct verdict verdict;
    *why = BYTES("");
    /* The ledger is written a moment after the reply. */
    for (int i = 0; id && i < 30; i++) {
        usleep(100 * 1000);
        if (ledger_open(path_of(demo, "data/ledger.sqlite"), LEDGER_READ, &ledger, NULL) != OK)
            continue;
        enum result result = ledger_find(ledger, demo->arena, bytes_of(id + 3), &entry, NULL);
        ledger_close(ledger);
        if (result != OK)
            continue;
        if (verdict_read(demo->arena, entry.verdict, &verdict, NULL) == OK)
            *why = verdict.text;
        return entry.action;
    }
    return reply[0] == '5' ? BYTES("reject") : BYTES("?");
}

static bool show(struct demo *demo)
{
    static const char *const expected[DEMO_MAILS] = {"accept", "reject", "accept",
                                                     "junk",   "accept", "reject", "junk"};
    bool fine = true;
    printf("\n  %-36s %-12s %-30s %s\n", "message", "client", "from", "decision");
    for (size_t i = 0; i < DEMO_MAILS; i++) {
        const struct demo_mail *mail = &demo_mails[i];
        char reply[2048] = "";
        uint64_t code = 0;
        struct bytes text = demo_mail_text(demo->arena, mail, demo->key, time(NULL));
        if (!text.len || !demo_mail_send(mail, demo->ports.smtp, text, reply, sizeof(reply))) {
            fprintf(stderr, "vouch demo: no conversation with the gateway\n");
            return false;
        }
        bytes_to_uint(bytes_first(bytes_of(reply), 3), 999, &code);
        struct bytes why, action = decided_action(demo, reply, &why);
        const char *colour = colour_of((unsigned)code, action);
        printf("\n  %-36s %-12s %-30s %s" BYTES_FMT "%s\n", mail->what, mail->client, mail->sender,
               colour, BYTES_ARG(action), *colour ? "\033[0m" : "");
        print_wrapped(reply);
        if (code == 250 && why.len)
            print_wrapped(arena_string(demo->arena, why));
        if (!bytes_is(action, expected[i])) {
            printf("      (this should have been %s)\n", expected[i]);
            fine = false;
        }
    }
    return fine;
}

static void explain_rest(struct demo *demo)
{
    printf("\nThe gateway goes on listening on 127.0.0.1 port %u. Send it something:\n\n"
           "  swaks --server 127.0.0.1:%u --from anna@genuine.example --to you@vouch.example\n\n"
           "  mail      %s/mail/you/   (junk: .Junk)\n"
           "  log       %s/log\n"
           "  config    %s/vouch.conf\n\n"
           "  build/vouch log --config %s/vouch.conf\n"
           "  build/vouch explain --config %s/vouch.conf ID\n\n"
           "Ctrl-C stops it.\n",
           demo->ports.smtp, demo->ports.smtp, demo->directory, demo->directory, demo->directory,
           demo->directory, demo->directory);
    fflush(stdout);
}

static void stop(pid_t child, int signal_number)
{
    if (child > 0) {
        kill(child, signal_number);
        waitpid(child, NULL, 0);
    }
}

static int run(struct demo *demo)
{
    int status = EXIT_NEGATIVE;
    signal(SIGINT, interrupt);
    signal(SIGTERM, interrupt);
    demo->elsewhere = demo_elsewhere_start(demo->directory, demo->ports.elsewhere);
    if (demo->elsewhere && write_files(demo) && start_dns(demo) && start_gateway(demo)) {
        bool fine = show(demo);
        fine &= demo_send_show(demo->arena, demo->directory, &demo->ports);
        status = fine ? EXIT_FINE : EXIT_NEGATIVE;
        if (!demo->once) {
            explain_rest(demo);
            while (!interrupted && waitpid(demo->gateway, NULL, WNOHANG) == 0)
                usleep(200 * 1000);
        }
    }
    stop(demo->gateway, SIGTERM);
    stop(demo->dns, SIGKILL);
    stop(demo->elsewhere, SIGKILL);
    return status;
}

static bool read_port(const char *text, uint16_t *port)
{
    uint64_t value;
    if (!text)
        return true;
    if (!bytes_to_uint(bytes_of(text), 65535, &value) || value == 0)
        return false;
    *port = (uint16_t)value;
    return true;
}

/* Kept from run to run, so that the mail of earlier ones still verifies. */
static EVP_PKEY *open_key(struct demo *demo)
{
    FILE *file = fopen(path_of(demo, "dkim.pem"), "r");
    EVP_PKEY *key = file ? PEM_read_PrivateKey(file, NULL, NULL, NULL) : NULL;
    if (file)
        fclose(file);
    if (key)
        return key;
    key = EVP_RSA_gen(2048);
    umask(077);
    file = fopen(path_of(demo, "dkim.pem"), "w");
    umask(022);
    if (!file || !key || PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL) != 1)
        fprintf(stderr, "vouch demo: cannot keep the key in %s\n", demo->directory);
    if (file)
        fclose(file);
    return key;
}

int demo_command(int argc, char **argv)
{
    struct demo demo = {
        .ports = {SMTP_PORT, SUBMISSION_PORT, SUBMISSIONS_PORT, ELSEWHERE_PORT, DNS_PORT}};
    const char *port = NULL, *submission = NULL, *submissions = NULL, *elsewhere = NULL, *dns_port = NULL;
    const struct argument table[] = {{"--once", NULL, &demo.once},
                                     {"--port", &port, NULL},
                                     {"--submission-port", &submission, NULL},
                                     {"--submissions-port", &submissions, NULL},
                                     {"--elsewhere-port", &elsewhere, NULL},
                                     {"--dns-port", &dns_port, NULL}};
    struct arguments arguments = {"demo", usage, table, countof(table), {NULL}, 0};
    int status = arguments_read(&arguments, argc, argv);
    if (status >= 0)
        return status;
    if (arguments.position_count != 1)
        return arguments_fail(&arguments, "wants a directory");
    if (!read_port(port, &demo.ports.smtp) || !read_port(dns_port, &demo.ports.dns) ||
        !read_port(submission, &demo.ports.submission) || !read_port(submissions, &demo.ports.submissions) ||
        !read_port(elsewhere, &demo.ports.elsewhere))
        return arguments_fail(&arguments, "ports are numbers from 1 to 65535");
    if (files_make_directories(arguments.positions[0], 0755) != 0 ||
        !realpath(arguments.positions[0], demo.directory))
        return arguments_fail(&arguments, "cannot make %s", arguments.positions[0]);
    demo.arena = arena_create(64 << 20);
    demo.key = demo.arena ? open_key(&demo) : NULL;
    demo.zone = zone_create();
    if (demo.arena && demo.key && demo.zone && demo_zone_fill(demo.zone, demo.key) &&
        demo_send_prepare(demo.arena, demo.directory, demo.zone))
        status = run(&demo);
    else
        status = EXIT_NEGATIVE;
    zone_destroy(demo.zone);
    EVP_PKEY_free(demo.key);
    arena_destroy(demo.arena);
    return status;
}
