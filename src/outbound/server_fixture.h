/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * server_fixture: mail servers in memory that do as they are told, behind the connect function of struct
 * outbound. Included by test programs only.
 */
#ifndef VOUCH_OUTBOUND_SERVER_FIXTURE_H
#define VOUCH_OUTBOUND_SERVER_FIXTURE_H

#include "fiber/pipe.h"
#include "outbound/deliver.h"
#include "outbound/zone_fixture.h"

#include <errno.h>
#include <openssl/pem.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

struct fake_server {
    const char *ip;
    bool refuses;           /* no connection */
    bool hangs;             /* no answer at all to the connection */
    const char *greeting;   /* NULL: "220 fake.example" */
    const char *extensions; /* "SIZE 1000", "DSN", …, separated by commas */
    struct tls_server *tls; /* NULL: no STARTTLS */
    bool breaks_tls;        /* takes STARTTLS and hangs up */
    bool speaks_nonsense;   /* takes STARTTLS and goes on without TLS */
    const char *mail, *recipient, *content; /* replies; NULL: 250 */
    const char *data;       /* refuses; NULL: 354 */
    unsigned most_recipients; /* 452 4.5.3 beyond; 0: no limit */
    bool hangs_up_after_data; /* the content is taken and nobody says so */
    /* What happened. */
    unsigned connections, messages, recipients, encrypted, logins;
    char mail_line[512], last_recipient[256];
};

static struct fake_server *servers;
static size_t server_count;
static struct fiber_group server_fibers;
static unsigned refused_connections;

struct served {
    struct fake_server *server;
    struct stream *stream;
    unsigned taken;
    bool tls, in_mail;
};

static inline void say(struct served *s, const char *line)
{
    stream_write(s->stream, bytes_of(line), loop_deadline(MINUTE));
    stream_write(s->stream, BYTES("\r\n"), loop_deadline(MINUTE));
    stream_flush(s->stream, loop_deadline(MINUTE));
}

static inline void say_extensions(struct served *s)
{
    char line[128];
    struct bytes rest = bytes_of(s->server->extensions ? s->server->extensions : ""), word;
    while (rest.len && bytes_split(&rest, ',', &word)) {
        snprintf(line, sizeof(line), "250-" BYTES_FMT, BYTES_ARG(word));
        say(s, line);
    }
    if (s->server->tls && !s->tls)
        say(s, "250-STARTTLS");
    say(s, "250 ENHANCEDSTATUSCODES");
}

/* False: the connection ends. */
static inline bool serve_tls(struct served *s)
{
    struct tls_info info;
    struct error error;
    say(s, "220 2.0.0 go ahead");
    if (s->server->breaks_tls)
        return false;
    if (s->server->speaks_nonsense) {
        stream_fill(s->stream, loop_deadline(MINUTE));
        say(s, "500 what did you say?");
        return false;
    }
    struct transport *plain = stream_transport(s->stream), *secure;
    stream_replace_transport(s->stream, NULL);
    if (tls_accept(s->server->tls, plain, loop_deadline(MINUTE), &secure, &info, &error) != OK)
        return false;
    stream_replace_transport(s->stream, secure);
    s->tls = true;
    s->server->encrypted++;
    return true;
}

static inline bool serve_data(struct served *s)
{
    struct bytes line;
    if (!s->taken) {
        say(s, "554 5.5.1 no recipients");
        return true;
    }
    if (s->server->data) {
        say(s, s->server->data);
        return true;
    }
    say(s, "354 go ahead");
    do {
        if (stream_read_line(s->stream, 4096, &line, loop_deadline(MINUTE)) != 0)
            return false;
    } while (!bytes_is(line, ".\r\n"));
    s->server->messages++;
    if (s->server->hangs_up_after_data)
        return false;
    say(s, s->server->content ? s->server->content : "250 2.0.0 taken");
    s->taken = 0;
    return true;
}

static inline void serve_recipient(struct served *s, struct bytes line)
{
    struct fake_server *server = s->server;
    if (bytes_find(line, BYTES("<bad")) != BYTES_NOT_FOUND) {
        say(s, "550 5.1.1 nobody of that name");
    } else if (bytes_find(line, BYTES("<grey")) != BYTES_NOT_FOUND) {
        say(s, "450 4.7.1 later");
    } else if (server->recipient) {
        say(s, server->recipient);
    } else if (server->most_recipients && s->taken >= server->most_recipients) {
        say(s, "452 4.5.3 too many");
    } else {
        s->taken++;
        server->recipients++;
        snprintf(server->last_recipient, sizeof(server->last_recipient), BYTES_FMT, BYTES_ARG(line));
        say(s, "250 2.1.5 fine");
    }
}

static inline bool serve_line(struct served *s, struct bytes line)
{
    if (bytes_starts_with_nocase(line, BYTES("EHLO"))) {
        say(s, "250-fake.example");
        say_extensions(s);
    } else if (bytes_starts_with_nocase(line, BYTES("STARTTLS"))) {
        return serve_tls(s);
    } else if (bytes_starts_with_nocase(line, BYTES("AUTH PLAIN"))) {
        s->server->logins++;
        say(s, "235 2.7.0 welcome");
    } else if (bytes_starts_with_nocase(line, BYTES("MAIL"))) {
        s->taken = 0;
        snprintf(s->server->mail_line, sizeof(s->server->mail_line), BYTES_FMT, BYTES_ARG(line));
        say(s, s->server->mail ? s->server->mail : "250 2.1.0 fine");
        return !s->server->mail || !bytes_starts_with(bytes_of(s->server->mail), BYTES("421"));
    } else if (bytes_starts_with_nocase(line, BYTES("RCPT"))) {
        serve_recipient(s, line);
    } else if (bytes_starts_with_nocase(line, BYTES("DATA"))) {
        return serve_data(s);
    } else if (bytes_starts_with_nocase(line, BYTES("QUIT"))) {
        say(s, "221 bye");
        return false;
    } else {
        s->taken = 0;
        say(s, "250 2.0.0 fine");
    }
    return true;
}

static inline void serve(void *argument)
{
    struct served *s = argument;
    struct bytes line;
    const char *greeting = s->server->greeting;
    say(s, greeting ? greeting : "220 fake.example ESMTP");
    while (!(greeting && greeting[0] != '2') &&
           stream_read_line(s->stream, 4096, &line, loop_deadline(DAY)) == 0 && serve_line(s, line))
        continue;
    stream_close(s->stream);
    free(s);
}

static inline int connect_fake(void *context, const struct ip *ip, uint16_t port, const struct ip *from,
                               int64_t deadline, struct transport **out)
{
    char text[IP_TEXT_SIZE];
    struct transport *theirs;
    ip_format(ip, text);
    for (size_t i = 0; i < server_count; i++) {
        struct fake_server *server = &servers[i];
        if (strcmp(server->ip, text) != 0)
            continue;
        if (server->hangs) {
            fiber_sleep_until(deadline);
            return -ETIMEDOUT;
        }
        if (server->refuses)
            break;
        server->connections++;
        assert_true(pipe_create(NULL, out, &theirs));
        struct served *s = calloc(1, sizeof(*s));
        assert_non_null(s);
        s->server = server;
        s->stream = stream_create(theirs);
        assert_true(fiber_group_start(&server_fibers, "fake", serve, s));
        return 0;
    }
    refused_connections++;
    return -ECONNREFUSED;
}

/* "3 1 1" of a certificate in a PEM file as hexadecimal RDATA. */
static inline void tlsa_of(const char *chain_file, char out[80])
{
    unsigned char *der = NULL, digest[32];
    unsigned size = sizeof(digest);
    FILE *file = fopen(chain_file, "r");
    X509 *x509 = PEM_read_X509(file, NULL, NULL, NULL);
    fclose(file);
    int length = i2d_PUBKEY(X509_get0_pubkey(x509), &der);
    EVP_Digest(der, (size_t)length, digest, &size, EVP_sha256(), NULL);
    size_t at = (size_t)snprintf(out, 80, "030101");
    for (size_t i = 0; i < 32; i++)
        at += (size_t)snprintf(out + at, 80 - at, "%02x", digest[i]);
    OPENSSL_free(der);
    X509_free(x509);
}

#endif
