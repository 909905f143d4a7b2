/* SPDX-License-Identifier: BSD-2-Clause */
/* vouch sendmail: hands mail in at a server, as programs expect of /usr/sbin/sendmail. */
#include "cmd/sendmail.h"

#include "base/domain.h"
#include "cmd/command.h"
#include "cmd/letter.h"
#include "cmd/sendmail_options.h"
#include "cmd/submit_memory.h"
#include "cmd/world.h"
#include "fiber/loop.h"
#include "message/message.h"
#include "os/files.h"

#include <errno.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

enum { MESSAGE_MAX = 200 << 20 };

static const char usage[] =
    "usage: vouch sendmail [options] [recipient ...] < message\n"
    "       vouch sendmail -bs | -bp | -bi\n"
    "\n"
    "Hands a message in at a mail server, for programs that know only sendmail: cron, PHP, scripts. Works\n"
    "with the gateway on this host and with any other: it tries ports 587, 465 and 25 in turn, sends a\n"
    "password over verified TLS only, and remembers which port worked.\n"
    "\n"
    "  -t            recipients are those of To, Cc and Bcc, and those named as arguments\n"
    "  -i, -oi       a line with only a dot does not end the message\n"
    "  -f ADDRESS    the envelope sender (also -r); <> for none\n"
    "  -F NAME       full name, where the message has no From\n"
    "  -N WHEN       notifications: never, or some of success,failure,delay\n"
    "  -R WHAT       what they bring back: full or hdrs\n"
    "  -V ID         the envelope id that they name\n"
    "  -v            tell what happens\n"
    "  -bs           speak SMTP on standard input and output\n"
    "  -bp           list the queue, as vouch mailq does\n"
    "  -bi           rebuild aliases: nothing to do\n"
    "  -q            run the queue: nothing to do\n"
    "  --config FILE           instead of /etc/vouch/sendmail.conf and ~/.config/vouch/sendmail.conf\n"
    "  --resolver HOST[:PORT]  ask this name server\n"
    "\n"
    "Options of other mail systems are taken and have no effect: -B -G -O -U -bm -m -n -oem -odb ...\n"
    "Keys of sendmail.conf: host, port, user, password-file, from-domain, tls, authorities, helo.\n"
    "\n"
    "examples:\n"
    "  vouch sendmail -t < message.eml\n"
    "  printf 'Subject: backup done\\n\\nAll is well.\\n' | vouch sendmail -i root\n"
    "  vouch sendmail -v -f '<>' -- user@example.org < report.eml\n"
    "\n"
    "exit status: 0 taken by the server, 64 usage, 65 bad message, 67 no such recipient, 68 no such\n"
    "host, 69 refused, 75 try again later, 76 not secure, 77 not allowed, 78 bad configuration\n";

struct sending {
    struct sendmail_options options;
    struct submit_config config;
    struct submit submit;
    struct arena *arena;
    struct bytes user, full_name; /* who calls us */
    struct bytes domain, address;
    struct bytes sender;          /* of the envelope; empty: <> */
    struct letter letter;
    int status;
    struct error error;
};

static int complain(int status, const char *text)
{
    fputs("sendmail: ", stderr);
    world_show(stderr, bytes_of(text));
    fputc('\n', stderr);
    return status;
}

/* Who calls */

static bool is_login_name(struct bytes name)
{
    for (size_t i = 0; i < name.len; i++)
        if (name.ptr[i] <= ' ' || name.ptr[i] == 0x7f || strchr("<>()[]\\,;:@\"", name.ptr[i]))
            return false;
    return name.len > 0 && name.len <= 64;
}

/* The environment names one of several accounts of one number, never somebody else's. */
static struct passwd *find_account(void)
{
    static const char *const variables[] = {"LOGNAME", "USER"};
    for (size_t i = 0; i < countof(variables); i++) {
        const char *name = getenv(variables[i]);
        struct passwd *account = name && *name ? getpwnam(name) : NULL;
        if (account && account->pw_uid == getuid())
            return account;
    }
    return getpwuid(getuid());
}

static void find_user(struct sending *sending)
{
    const struct passwd *account = find_account();
    const char *name = getenv("NAME");
    sending->user = account && is_login_name(bytes_of(account->pw_name))
                        ? arena_copy(sending->arena, bytes_of(account->pw_name))
                        : arena_printf(sending->arena, "uid%u", (unsigned)getuid());
    struct bytes full = bytes_of(sending->options.full_name);
    if (!sending->options.full_name)
        full = name && *name ? bytes_of(name) : bytes_of(account ? account->pw_gecos : NULL);
    /* Room, telephone and so on follow the name. */
    if (!sending->options.full_name && !(name && *name))
        full = bytes_first(full, bytes_find_byte(full, ','));
    sending->full_name = arena_copy(sending->arena, bytes_first(bytes_trim(full), 200));
}

/* from-domain, /etc/mailname, the host's name. */
static void find_domain(struct sending *sending)
{
    char name[256] = "";
    struct bytes text;
    sending->domain = bytes_of(sending->config.from_domain);
    if (sending->domain.len)
        return;
    if (files_read(sending->arena, "/etc/mailname", sizeof(name), &text, NULL) == OK) {
        text = bytes_trim(bytes_first(text, bytes_find_byte(text, '\n')));
        if (domain_is_hostname(text)) {
            sending->domain = text;
            return;
        }
    }
    if (gethostname(name, sizeof(name) - 1) != 0 || !domain_is_hostname(bytes_of(name)))
        snprintf(name, sizeof(name), "localhost");
    sending->domain = arena_copy(sending->arena, bytes_of(name));
}

static int find_sender(struct sending *sending)
{
    const char *given = sending->options.sender;
    struct letter letter = {0};
    sending->address = arena_printf(sending->arena, BYTES_FMT "@" BYTES_FMT, BYTES_ARG(sending->user),
                                    BYTES_ARG(sending->domain));
    sending->sender = sending->address;
    if (!given)
        return EX_OK;
    sending->sender = BYTES("");
    if (!*given || strcmp(given, "<>") == 0)
        return EX_OK;
    if (letter_add_recipients(sending->arena, bytes_of(given), sending->domain, &letter,
                              &sending->error) != OK ||
        letter.recipient_count != 1)
        return complain(EX_USAGE, "-f wants one address");
    sending->sender = letter.recipients[0];
    /* Where the message has no From, he is its author, too. */
    sending->address = sending->sender;
    return EX_OK;
}

/* The message */

static bool read_input(struct sending *sending, struct bytes *raw)
{
    struct buf text;
    buf_init(&text, MESSAGE_MAX);
    uint8_t *to;
    size_t count = 1;
    while (count && (to = buf_reserve(&text, 64 * 1024))) {
        count = fread(to, 1, 64 * 1024, stdin);
        text.len += count;
    }
    struct bytes read = buf_bytes(&text);
    if (!sending->options.dot_is_text)
        read = letter_cut_at_dot(read);
    *raw = ferror(stdin) ? (struct bytes){NULL, 0} : message_normalize(sending->arena, read);
    bool fits = !text.failed && raw->ptr;
    buf_free(&text);
    return fits;
}

static int zone_of(time_t now)
{
    struct tm local;
    return localtime_r(&now, &local) ? (int)(local.tm_gmtoff / 60) : 0;
}

static int prepare(struct sending *sending)
{
    struct arena *arena = sending->arena;
    struct bytes raw;
    uint64_t random = 0;
    time_t now = time(NULL);
    if (!read_input(sending, &raw))
        return complain(EX_IOERR, "the message cannot be read, or is too large");
    if (getrandom(&random, sizeof(random), 0) != sizeof(random))
        random = (uint64_t)getpid();
    struct letter_sender sender = {
        .address = sending->address,
        .full_name = sending->full_name,
        .domain = sending->domain,
        .message_id = arena_printf(arena, "%llx.%016llx@" BYTES_FMT, (unsigned long long)now,
                                   (unsigned long long)random, BYTES_ARG(sending->domain)),
        .now = now,
        .zone = zone_of(now)};
    enum result result = letter_prepare(arena, raw, &sender, sending->options.take_recipients,
                                        &sending->letter, &sending->error);
    if (result != OK)
        return complain(result == PERM ? EX_DATAERR : EX_OSERR, sending->error.text);
    for (int i = 0; i < sending->options.recipient_count; i++)
        if (letter_add_recipients(arena, bytes_of(sending->options.recipients[i]), sending->domain,
                                  &sending->letter, &sending->error) != OK)
            return complain(EX_USAGE, sending->error.text);
    if (sending->letter.recipient_count)
        return EX_OK;
    if (sending->options.take_recipients)
        return complain(EX_DATAERR, "there is no recipient in the header");
    return complain(EX_USAGE, "whom is it for? Name recipients, or use -t to take those of the header");
}

/* Sending */

int sendmail_status(const struct client_reply *reply)
{
    struct bytes enhanced = bytes_of(reply->enhanced);
    if (reply->code / 100 == 2)
        return EX_OK;
    if (reply->code / 100 != 5)
        return EX_TEMPFAIL;
    if (bytes_starts_with(enhanced, BYTES("5.7.")) || reply->code == 530 || reply->code == 535)
        return EX_NOPERM;
    if (bytes_starts_with(enhanced, BYTES("5.1.2")))
        return EX_NOHOST;
    if (bytes_starts_with(enhanced, BYTES("5.1.")) ||
        (!enhanced.len && (reply->code == 550 || reply->code == 551 || reply->code == 553)))
        return EX_NOUSER;
    if (bytes_starts_with(enhanced, BYTES("5.6.")) || reply->code == 552)
        return EX_DATAERR;
    return EX_UNAVAILABLE;
}

static int report(struct sending *sending, const struct client_reply *replies, size_t count,
                  const struct error *why)
{
    const struct letter *letter = &sending->letter;
    int status = EX_OK;
    size_t failures = 0;
    for (size_t i = 0; i < count; i++) {
        int one = replies[i].code ? sendmail_status(&replies[i]) : EX_TEMPFAIL;
        if (one == EX_OK)
            continue;
        /* What can be tried again is said last: a caller that does would send the rest twice. */
        if (status == EX_OK || status == EX_TEMPFAIL)
            status = one;
        if (failures++)
            complain(0, sending->error.text);
        if (replies[i].code)
            (void)error_set(&sending->error, PERM, BYTES_FMT ": %u %s%s" BYTES_FMT,
                            BYTES_ARG(letter->recipients[i]), replies[i].code, replies[i].enhanced,
                            replies[i].enhanced[0] ? " " : "", BYTES_ARG(replies[i].text));
        else
            (void)error_set(&sending->error, TEMP, BYTES_FMT ": %s", BYTES_ARG(letter->recipients[i]),
                            why->text);
    }
    if (failures && failures < count) {
        complain(0, sending->error.text);
        (void)error_set(&sending->error, PERM, "it was sent to the other %zu of %zu recipients",
                        count - failures, count);
    }
    return status;
}

static bool wants_auth(const struct client_reply *replies, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (replies[i].code != 530)
            return false;
    return true;
}

static int deliver(void *context, struct submit_connection *connection, struct error *error)
{
    struct sending *sending = context;
    const struct letter *letter = &sending->letter;
    const struct sendmail_options *options = &sending->options;
    struct client_envelope envelope = {.sender = sending->sender,
                                       .return_full = options->return_full,
                                       .return_headers = options->return_headers,
                                       .envelope_id = bytes_of(options->envelope_id)};
    size_t count = letter->recipient_count;
    struct client_recipient *recipients =
        arena_alloc_array(sending->arena, count, sizeof(struct client_recipient));
    struct client_reply *replies = arena_alloc_array(sending->arena, count, sizeof(struct client_reply));
    struct bytes parts[] = {letter->header, letter->body};
    struct error why = {{0}};
    if (!recipients || !replies) {
        (void)error_set(error, TEMP, "out of memory");
        return EX_OSERR;
    }
    for (size_t i = 0; i < count; i++)
        recipients[i] = (struct client_recipient){.mailbox = letter->recipients[i],
                                                  .notify = options->notify};
    if (client_send(connection->client, &envelope, recipients, count, parts, countof(parts),
                    sending->arena, replies, &why) != OK &&
        !why.text[0])
        (void)error_set(&why, TEMP, "the connection was lost");
    int status = report(sending, replies, count, &why);
    *error = sending->error;
    /* "Authentication required" (rfc4954:6): another port may take it from this host without. */
    return wants_auth(replies, count) && !*sending->config.user ? SUBMIT_NEXT : status;
}

static void send_fiber(void *argument)
{
    struct sending *sending = argument;
    struct error error = {{0}};
    sending->status = sending->options.mode == SENDMAIL_SMTP
                          ? sendmail_relay(&sending->submit, sending->address, &error)
                          : submit_run(&sending->submit, deliver, sending, &error);
    sending->error = error;
}

static int run(struct sending *sending)
{
    struct loop_options options = {0};
    struct loop *loop = loop_create(&options);
    const char *home = getenv("HOME");
    if (!loop)
        return complain(EX_OSERR, "out of memory");
    sending->submit = (struct submit){
        .arena = sending->arena,
        .config = &sending->config,
        .resolver = sending->options.resolver,
        .memory = submit_memory_path(sending->arena, home, getenv("XDG_CACHE_HOME")),
        .helo = *sending->config.helo ? sending->config.helo
                                      : arena_string(sending->arena, sending->domain),
        .verbose = sending->options.verbose};
    loop_run(loop, send_fiber, sending);
    loop_destroy(loop);
    return sending->status == EX_OK ? EX_OK : complain(sending->status, sending->error.text);
}

static int load_config(struct sending *sending)
{
    struct buf errors;
    const char *file = sending->options.config ? sending->options.config : getenv("VOUCH_SENDMAIL");
    buf_init(&errors, 64 * 1024);
    enum result result = submit_config_load(sending->arena, file && *file ? file : NULL, getenv("HOME"),
                                            &sending->config, &errors);
    world_show(stderr, buf_bytes(&errors));
    buf_free(&errors);
    if (result == TEMP)
        return complain(EX_OSERR, "out of memory");
    return result == OK ? EX_OK : EX_CONFIG;
}

static int work(struct sending *sending)
{
    int status = load_config(sending);
    if (status != EX_OK)
        return status;
    find_user(sending);
    find_domain(sending);
    status = find_sender(sending);
    if (status == EX_OK && sending->options.mode == SENDMAIL_DELIVER)
        status = prepare(sending);
    return status == EX_OK ? run(sending) : status;
}

int newaliases_command(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    puts("Aliases are read when the gateway starts and when it is reloaded; there is nothing to rebuild.");
    return EX_OK;
}

int sendmail_command(int argc, char **argv)
{
    struct sending sending = {0};
    signal(SIGPIPE, SIG_IGN);
    if (!sendmail_options_read(argc, argv, &sending.options, &sending.error)) {
        complain(EX_USAGE, sending.error.text);
        fputs("`vouch sendmail --help` shows how it is used.\n", stderr);
        return EX_USAGE;
    }
    switch (sending.options.mode) {
    case SENDMAIL_HELP:
        fputs(usage, stdout);
        return EX_OK;
    case SENDMAIL_LIST:
        return mailq_list(NULL, "sendmail -bp");
    case SENDMAIL_ALIASES:
        return newaliases_command(0, NULL);
    case SENDMAIL_NOTHING:
        return EX_OK;
    default:
        break;
    }
    sending.arena = arena_create((size_t)1 << 30);
    if (!sending.arena)
        return complain(EX_OSERR, "out of memory");
    int status = work(&sending);
    arena_destroy(sending.arena);
    return status;
}
