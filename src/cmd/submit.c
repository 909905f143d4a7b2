/* SPDX-License-Identifier: BSD-2-Clause */
#include "cmd/submit.h"

#include "base/ascii.h"
#include "cmd/submit_memory.h"
#include "cmd/tap.h"
#include "dns/transport.h"
#include "fiber/loop.h"
#include "os/files.h"
#include "os/socket.h"
#include "tls/tls.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

enum { ADDRESSES_MAX = 8, HOSTS_FILE_MAX = 1 << 20, PASSWORD_MAX = 1024 };
#define CONNECT_TIMEOUT (15 * SECOND)
#define TLS_TIMEOUT (60 * SECOND)

/* One run of submit_run(). */
struct run {
    const struct submit *submit;
    submit_use *use;
    void *context;
    struct tls_client *tls;
    struct client_credentials credentials;
    struct ip addresses[ADDRESSES_MAX];
    size_t address_count;
    /* The failure to report: of all, the one that says most. */
    int status, weight;
    struct error why;
    struct submit_connection connection;
    bool verified; /* the TLS of this connection */
};

/* How much a failure says: that a port is closed says least. */
enum weight { UNREACHABLE, REFUSED, UNSUITABLE, INSECURE, FINAL };

static void say(const struct run *run, const char *format, ...) printf_like(2, 3);
static void say(const struct run *run, const char *format, ...)
{
    va_list args;
    if (!run->submit->verbose)
        return;
    va_start(args, format);
    fputs("vouch sendmail: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
}

static int fail(struct run *run, enum weight weight, int status, const struct error *error)
{
    say(run, "%s", error->text);
    if (run->status == EX_OK || (int)weight > run->weight) {
        run->status = status;
        run->weight = (int)weight;
        run->why = *error;
    }
    return weight == FINAL ? status : SUBMIT_NEXT;
}

/* Addresses of the host */

static void add_address(struct run *run, const struct ip *ip)
{
    for (size_t i = 0; i < run->address_count; i++)
        if (ip_equal(&run->addresses[i], ip))
            return;
    if (run->address_count < ADDRESSES_MAX)
        run->addresses[run->address_count++] = *ip;
}

static struct bytes next_word(struct bytes *line)
{
    *line = bytes_trim(*line);
    size_t end = 0;
    while (end < line->len && !ascii_is_space(line->ptr[end]))
        end++;
    struct bytes word = bytes_first(*line, end);
    *line = bytes_skip(*line, end);
    return word;
}

static void read_hosts_file(struct run *run, struct bytes host)
{
    struct bytes text, line, word;
    if (files_read(run->submit->arena, "/etc/hosts", HOSTS_FILE_MAX, &text, NULL) != OK)
        return;
    while (text.len && bytes_split(&text, '\n', &line)) {
        struct ip ip;
        line = bytes_first(line, bytes_find_byte(line, '#'));
        if (!ip_parse(next_word(&line), &ip))
            continue;
        while ((word = next_word(&line)).len)
            if (bytes_equal_nocase(word, host))
                add_address(run, &ip);
    }
}

static int ask_dns(struct run *run, struct bytes host)
{
    struct dns_server server;
    struct error error;
    struct dns_transport_options options = {0};
    if (run->submit->resolver) {
        if (!socket_parse_address(bytes_of(run->submit->resolver), 53, &server.ip, &server.port)) {
            (void)error_set(&error, PERM, "'%s' is no address of a name server", run->submit->resolver);
            return fail(run, FINAL, EX_USAGE, &error);
        }
        options.servers = &server;
        options.server_count = 1;
    }
    struct dns *dns = dns_transport_create(&options, &error);
    if (!dns)
        return fail(run, FINAL, EX_OSERR, &error);
    static const enum dns_type types[] = {DNS_AAAA, DNS_A};
    bool failed = false;
    for (size_t i = 0; i < countof(types); i++) {
        const struct dns_answer *answer =
            dns_query(dns, run->submit->arena, host, types[i], loop_deadline(30 * SECOND));
        failed |= answer->status == DNS_FAILED;
        for (size_t k = 0; answer->status == DNS_FOUND && k < answer->count; k++)
            add_address(run, &answer->records[k].ip);
    }
    dns_transport_destroy(dns);
    if (run->address_count)
        return EX_OK;
    (void)error_set(&error, TEMP, failed ? "the address of " BYTES_FMT " cannot be looked up now"
                                         : "there is no host " BYTES_FMT, BYTES_ARG(host));
    return fail(run, FINAL, failed ? EX_TEMPFAIL : EX_NOHOST, &error);
}

static int find_addresses(struct run *run)
{
    struct bytes host = bytes_of(run->submit->config->host);
    struct ip ip;
    if (ip_parse(host, &ip))
        add_address(run, &ip);
    else if (bytes_is_nocase(host, "localhost")) {
        add_address(run, &(struct ip){.family = 4, .octets = {127, 0, 0, 1}});
        add_address(run, &(struct ip){.family = 6, .octets = {[15] = 1}});
    } else
        read_hosts_file(run, host);
    return run->address_count ? EX_OK : ask_dns(run, host);
}

/* One connection */

static enum result secure(struct run *run, struct transport *plain, int64_t deadline,
                          struct transport **out, struct error *error)
{
    const struct submit_config *config = run->submit->config;
    /* With `may` any certificate will do, because no credentials go this way. */
    bool verify = config->tls == SUBMIT_TLS_VERIFY || *config->user;
    struct bytes name = bytes_of(config->host);
    struct tls_peer peer = {.name = name,
                            .verify = verify ? TLS_VERIFY_NAME : TLS_VERIFY_NOTHING};
    struct tls_info info;
    struct transport *inner;
    enum result result = tls_connect_to(run->tls, plain, &peer, deadline, &inner, &info, NULL, error);
    if (result != OK)
        return result;
    *out = tap_over(inner);
    if (!*out) {
        inner->operations->close(inner);
        return error_set(error, TEMP, "out of memory");
    }
    run->connection.transport = *out;
    run->verified = verify;
    say(run, "%s, %s", info.version, verify ? "certificate verified" : "certificate not verified");
    return OK;
}

static enum result upgrade(void *context, struct transport *plain, int64_t deadline,
                           struct transport **out, struct error *error)
{
    struct transport *inner = tap_take(plain);
    plain->operations->close(plain);
    return secure(context, inner, deadline, out, error);
}

static int open_transport(struct run *run, const struct ip *ip, const struct submit_port *port,
                          struct error *error)
{
    char text[IP_TEXT_SIZE];
    struct transport *plain;
    int code = socket_connect(ip, port->number, NULL, loop_deadline(CONNECT_TIMEOUT), &plain);
    say(run, "%s port %u: %s", ip_format(ip, text), port->number, code ? strerror(-code) : "connected");
    if (code) {
        (void)error_set(error, TEMP, "%s port %u: %s", run->submit->config->host, port->number,
                        strerror(-code));
        return fail(run, UNREACHABLE, EX_TEMPFAIL, error);
    }
    if (port->implicit) {
        struct error why;
        struct transport *encrypted;
        if (secure(run, plain, loop_deadline(TLS_TIMEOUT), &encrypted, &why) == OK)
            return EX_OK;
        (void)error_set(error, PERM, "%s port %u: %s", run->submit->config->host, port->number, why.text);
        return fail(run, INSECURE, EX_PROTOCOL, error);
    }
    run->connection.transport = tap_over(plain);
    if (run->connection.transport)
        return EX_OK;
    plain->operations->close(plain);
    (void)error_set(error, TEMP, "out of memory");
    return fail(run, FINAL, EX_OSERR, error);
}

/* What the server said, or what we found, in a sentence with the port. */
static void explain(struct run *run, const struct submit_port *port, const char *what,
                    const struct client_reply *reply, const struct error *why, struct error *error)
{
    const char *host = run->submit->config->host;
    if (reply->code && !reply->local)
        (void)error_set(error, TEMP, "%s port %u: %s: %u %s%s" BYTES_FMT, host, port->number, what,
                        reply->code, reply->enhanced, reply->enhanced[0] ? " " : "",
                        BYTES_ARG(reply->text));
    else
        (void)error_set(error, TEMP, "%s port %u: %s: %s", host, port->number, what, why->text);
}

static int start_tls(struct run *run, const struct submit_port *port, struct error *error)
{
    struct client *client = run->connection.client;
    const struct submit_config *config = run->submit->config;
    struct client_reply reply = {0};
    struct error why = {{0}};
    if (config->tls == SUBMIT_TLS_NONE)
        return EX_OK;
    bool needed = config->tls == SUBMIT_TLS_VERIFY || *config->user;
    if (!client_extensions(client)->starttls) {
        if (!needed)
            return EX_OK;
        (void)error_set(error, PERM, "%s port %u does not offer TLS, and nothing is sent without it",
                        config->host, port->number);
        return fail(run, INSECURE, EX_PROTOCOL, error);
    }
    if (client_start_tls(client, upgrade, run, run->submit->arena, &reply, &why) == OK)
        return EX_OK;
    explain(run, port, "STARTTLS", &reply, &why, error);
    if (!needed && client_is_usable(client))
        return EX_OK;
    return fail(run, INSECURE, EX_PROTOCOL, error);
}

static int authenticate(struct run *run, const struct submit_port *port, struct error *error)
{
    const struct submit_config *config = run->submit->config;
    struct client_reply reply = {0};
    struct error why = {{0}};
    bool spoken_plainly = config->tls == SUBMIT_TLS_NONE && submit_host_is_loopback(config->host);
    if (!*config->user)
        return EX_OK;
    /* start_tls() has seen to it; this is the last gate, and the only one that matters. */
    if (!run->verified && !spoken_plainly) {
        (void)error_set(error, PERM, "%s port %u: no credentials without verified TLS", config->host,
                        port->number);
        return fail(run, INSECURE, EX_PROTOCOL, error);
    }
    enum result result = client_authenticate(run->connection.client, &run->credentials,
                                             run->submit->arena, &reply, &why);
    if (result == OK)
        return EX_OK;
    explain(run, port, "AUTH", &reply, &why, error);
    /* A password that is wrong here is not tried at the next port. */
    if (result == PERM && !reply.local)
        return fail(run, FINAL, EX_NOPERM, error);
    return fail(run, UNSUITABLE, reply.local ? EX_PROTOCOL : EX_TEMPFAIL, error);
}

static int converse(struct run *run, const struct submit_port *port, struct error *error)
{
    const struct submit_config *config = run->submit->config;
    struct client_reply reply = {0};
    struct error why = {{0}};
    /* Where it was said so, this host's own loopback is as good as TLS. */
    bool trusted = config->tls == SUBMIT_TLS_NONE && submit_host_is_loopback(config->host);
    struct client_options options = {.hostname = run->submit->helo,
                                     .encrypted = port->implicit || (trusted && *config->user)};
    if (client_open(run->connection.transport, &options, run->submit->arena, &run->connection.client,
                    &reply, &why) != OK) {
        explain(run, port, "greeting", &reply, &why, error);
        return fail(run, REFUSED, reply.code / 100 == 5 ? EX_UNAVAILABLE : EX_TEMPFAIL, error);
    }
    int status = port->implicit ? EX_OK : start_tls(run, port, error);
    if (status == EX_OK)
        status = authenticate(run, port, error);
    if (status != EX_OK)
        return status;
    status = run->use(run->context, &run->connection, error);
    return status == SUBMIT_NEXT ? fail(run, UNSUITABLE, EX_NOPERM, error) : status;
}

/* SUBMIT_NEXT, or the status of it all. */
static int try_port(struct run *run, const struct submit_port *port, struct error *error)
{
    if (port->implicit && run->submit->config->tls == SUBMIT_TLS_NONE)
        return SUBMIT_NEXT;
    int status = SUBMIT_NEXT;
    for (size_t i = 0; i < run->address_count && status == SUBMIT_NEXT; i++) {
        run->connection = (struct submit_connection){0};
        run->verified = false;
        status = open_transport(run, &run->addresses[i], port, error);
        if (status == EX_OK)
            status = converse(run, port, error);
        client_close(run->connection.client);
    }
    return status;
}

static bool same_port(const struct submit_port *a, const struct submit_port *b)
{
    return a->number == b->number && a->implicit == b->implicit;
}

/* What worked last comes first, if it is still one of those that are wanted. */
static int try_ports(struct run *run, struct error *error)
{
    const struct submit *submit = run->submit;
    const struct submit_config *config = submit->config;
    struct bytes memory = submit_memory_read(submit->arena, submit->memory);
    struct submit_port last;
    bool known = false;
    if (submit_memory_find(memory, config->host, &last))
        for (size_t i = 0; i < config->port_count; i++)
            known |= same_port(&config->ports[i], &last);
    int status = known ? try_port(run, &last, error) : SUBMIT_NEXT;
    const struct submit_port *worked = NULL;
    for (size_t i = 0; i < config->port_count && status == SUBMIT_NEXT; i++) {
        if (known && same_port(&config->ports[i], &last))
            continue;
        status = try_port(run, &config->ports[i], error);
        worked = &config->ports[i];
    }
    if (status == SUBMIT_NEXT) {
        if (known)
            submit_memory_write(submit->arena, submit->memory, memory, config->host, NULL);
        if (run->status == EX_OK) {
            (void)error_set(&run->why, PERM, "%s: no port is left to try with tls = none", config->host);
            run->status = EX_CONFIG;
        }
        *error = run->why;
        return run->status;
    }
    if (worked && config->port_count > 1 && status != EX_NOPERM)
        submit_memory_write(submit->arena, submit->memory, memory, config->host, worked);
    return status;
}

static int read_password(struct run *run, struct error *error)
{
    const struct submit_config *config = run->submit->config;
    struct bytes text;
    struct stat status;
    if (!*config->user)
        return EX_OK;
    if (stat(config->password_file, &status) == 0 && (status.st_mode & 07) != 0) {
        (void)error_set(error, PERM, "%s: others may read it; chmod o= it", config->password_file);
        return EX_CONFIG;
    }
    enum result result =
        files_read(run->submit->arena, config->password_file, PASSWORD_MAX, &text, error);
    if (result == NONE)
        (void)error_set(error, PERM, "%s: there is no such file", config->password_file);
    if (result != OK)
        return EX_CONFIG;
    text = bytes_first(text, bytes_find_byte(text, '\n'));
    run->credentials = (struct client_credentials){.user = bytes_of(config->user),
                                                   .password = bytes_trim_end(text)};
    return EX_OK;
}

int submit_run(const struct submit *submit, submit_use *use, void *context, struct error *error)
{
    const struct submit_config *config = submit->config;
    struct run run = {.submit = submit, .use = use, .context = context};
    int status = read_password(&run, error);
    if (status != EX_OK)
        return status;
    if (config->tls != SUBMIT_TLS_NONE) {
        run.tls = tls_client_create(*config->authorities ? config->authorities : NULL, error);
        if (!run.tls)
            return EX_CONFIG;
    }
    status = find_addresses(&run);
    if (status == EX_OK)
        status = try_ports(&run, error);
    else
        *error = run.why;
    tls_client_destroy(run.tls);
    return status;
}

struct transport *submit_take_transport(struct submit_connection *connection)
{
    return connection->transport ? tap_take(connection->transport) : NULL;
}
