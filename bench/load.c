/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * load: makes and sends the mail of the gateway benchmark.
 *
 *   load make DIRECTORY MESSAGES DOMAINS SIZE   distinct signed messages and a zone for nsd
 *   load send DIRECTORY PORT SESSIONS COUNT     sends COUNT messages over SESSIONS connections
 *   load idle PORT CONNECTIONS SECONDS [tls]    holds that many idle connections
 *
 * The same client for every server: one transaction after another on each connection, MAIL, RCPT and
 * DATA in one write where PIPELINING is offered, as mail servers do it.
 */
#include "auth/dkim_sign.h"
#include "base/encode.h"
#include "message/date.h"

#include <arpa/inet.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { DOMAINS_MAX = 100, MESSAGE_MAX = 1 << 20 };

static _Noreturn void fail(const char *what)
{
    perror(what);
    exit(1);
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static unsigned number(const char *text)
{
    uint64_t value;
    if (!bytes_to_uint(bytes_of(text), 10000000, &value)) {
        fprintf(stderr, "load: '%s' is no number\n", text);
        exit(2);
    }
    return (unsigned)value;
}

static void write_whole(const char *path, struct bytes content)
{
    FILE *file = fopen(path, "wb");
    if (!file || fwrite(content.ptr, 1, content.len, file) != content.len || fclose(file) != 0)
        fail(path);
}

/* Words of random letters: no two bodies are alike, none compresses to nothing. */
static void add_body(struct buf *text, unsigned size)
{
    uint8_t noise[64];
    size_t start = text->len;
    while (text->len - start < size) {
        RAND_bytes(noise, sizeof(noise));
        for (size_t i = 0; i < sizeof(noise); i++)
            buf_add_byte(text, noise[i] % 7 == 0 ? ' ' : (uint8_t)('a' + noise[i] % 26));
        buf_add_string(text, "\r\n");
    }
}

static void make_message(const char *directory, unsigned index, unsigned domain, EVP_PKEY *key,
                         unsigned size)
{
    struct arena *arena = arena_create(8 << 20);
    struct buf text, out, date;
    char path[512], name[64];
    buf_init(&text, MESSAGE_MAX);
    buf_init(&out, MESSAGE_MAX);
    buf_init(&date, 128);
    date_write(&date, time(NULL), 0);
    snprintf(name, sizeof(name), "sender%u.example", domain);
    buf_printf(&text,
               "From: User %u <user%u@%s>\r\nTo: <you@local.example>\r\nSubject: Message %u\r\n"
               "Date: " BYTES_FMT "\r\nMessage-ID: <%u.%ld@%s>\r\nMIME-Version: 1.0\r\n"
               "Content-Type: text/plain; charset=us-ascii\r\n\r\n",
               index, index, name, index, BYTES_ARG(buf_bytes(&date)), index, (long)getpid(), name);
    add_body(&text, size);
    struct message message;
    struct dkim_signing signing;
    dkim_signing_init(&signing, bytes_of(name), BYTES("bench"));
    if (message_parse(arena, buf_bytes(&text), &message, NULL) != OK ||
        dkim_sign(arena, &message, &signing, dkim_sign_with_key, key, &out, NULL) != OK)
        fail("sign");
    buf_add(&out, buf_bytes(&text));
    snprintf(path, sizeof(path), "%s/messages/%u", directory, index);
    write_whole(path, buf_bytes(&out));
    buf_free(&date);
    buf_free(&out);
    buf_free(&text);
    arena_destroy(arena);
}

static void add_key(struct buf *zone, EVP_PKEY *key, unsigned domain)
{
    unsigned char *der = NULL;
    int length = i2d_PUBKEY(key, &der);
    struct buf text;
    buf_init(&text, 8192);
    buf_add_string(&text, "v=DKIM1; k=rsa; p=");
    base64_encode(&text, bytes_from(der, (size_t)length));
    OPENSSL_free(der);
    buf_printf(zone, "bench._domainkey.sender%u TXT", domain);
    for (struct bytes rest = buf_bytes(&text); rest.len; rest = bytes_skip(rest, 250))
        buf_printf(zone, " \"" BYTES_FMT "\"", BYTES_ARG(bytes_first(rest, 250)));
    buf_add_string(zone, "\n");
    buf_free(&text);
}

static int make(const char *directory, unsigned messages, unsigned domains, unsigned size)
{
    static EVP_PKEY *keys[DOMAINS_MAX];
    struct buf zone;
    char path[512];
    if (domains == 0 || domains > DOMAINS_MAX)
        domains = DOMAINS_MAX;
    snprintf(path, sizeof(path), "%s/messages", directory);
    mkdir(directory, 0755);
    mkdir(path, 0755);
    buf_init(&zone, 4 << 20);
    buf_add_string(&zone, "$ORIGIN example.\n$TTL 3600\n@ SOA ns h 1 3600 600 86400 300\n@ NS ns\n"
                          "ns A 127.0.0.1\nlocal A 127.0.0.1\n");
    for (unsigned i = 0; i < domains; i++) {
        keys[i] = EVP_RSA_gen(2048);
        buf_printf(&zone,
                   "sender%u TXT \"v=spf1 include:spf.sender%u.example -all\"\n"
                   "spf.sender%u TXT \"v=spf1 ip4:192.0.2.0/24 ip4:127.0.0.0/8 ~all\"\n"
                   "sender%u MX 10 mail.sender%u\nsender%u A 127.0.0.1\nmail.sender%u A 127.0.0.1\n"
                   "_dmarc.sender%u TXT \"v=DMARC1; p=reject\"\n",
                   i, i, i, i, i, i, i, i);
        add_key(&zone, keys[i], i);
    }
    snprintf(path, sizeof(path), "%s/zone", directory);
    write_whole(path, buf_bytes(&zone));
    for (unsigned i = 0; i < messages; i++)
        make_message(directory, i, i % domains, keys[i % domains], size);
    for (unsigned i = 0; i < domains; i++)
        EVP_PKEY_free(keys[i]);
    buf_free(&zone);
    return 0;
}

/* Sending */

static struct bytes *contents;
static unsigned content_count, port, wanted;
static atomic_uint next_message, refused;

static int connect_to(unsigned to)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)to),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0)
        fail("connect");
    return fd;
}

struct line_reader {
    int fd;
    char buffer[8192];
    size_t length, position;
};

/* One reply; its code. Multi-line replies are read to their end. */
static unsigned read_reply(struct line_reader *reader, char *line, size_t size)
{
    for (;;) {
        size_t length = 0;
        for (;;) {
            if (reader->position == reader->length) {
                ssize_t count = read(reader->fd, reader->buffer, sizeof(reader->buffer));
                if (count <= 0) {
                    fprintf(stderr, "load: the server hung up\n");
                    exit(1);
                }
                reader->length = (size_t)count;
                reader->position = 0;
            }
            char c = reader->buffer[reader->position++];
            if (c == '\n')
                break;
            if (length + 1 < size)
                line[length++] = c;
        }
        line[length] = '\0';
        if (length >= 4 && line[3] == ' ')
            return (unsigned)((line[0] - '0') * 100 + (line[1] - '0') * 10 + line[2] - '0');
    }
}

static void write_all(int fd, struct bytes text)
{
    while (text.len) {
        ssize_t count = write(fd, text.ptr, text.len);
        if (count <= 0)
            fail("write");
        text = bytes_skip(text, (size_t)count);
    }
}

static void *send_messages(void *argument)
{
    struct line_reader reader = {.fd = connect_to(port)};
    char line[1024];
    (void)argument;
    read_reply(&reader, line, sizeof(line));
    write_all(reader.fd, BYTES("EHLO mail.sender0.example\r\n"));
    read_reply(&reader, line, sizeof(line));
    for (unsigned i; (i = atomic_fetch_add(&next_message, 1)) < wanted;) {
        struct bytes content = contents[i % content_count];
        char commands[512];
        int length = snprintf(commands, sizeof(commands),
                              "MAIL FROM:<user%u@sender%u.example>\r\nRCPT TO:<you@local.example>\r\nDATA\r\n",
                              i % content_count, i % content_count % 10);
        write_all(reader.fd, bytes_from(commands, (size_t)length));
        read_reply(&reader, line, sizeof(line));
        read_reply(&reader, line, sizeof(line));
        if (read_reply(&reader, line, sizeof(line)) != 354) {
            fprintf(stderr, "load: DATA: %s\n", line);
            exit(1);
        }
        write_all(reader.fd, content);
        if (read_reply(&reader, line, sizeof(line)) != 250) {
            if (atomic_fetch_add(&refused, 1) == 0)
                fprintf(stderr, "load: %s\n", line);
        }
    }
    write_all(reader.fd, BYTES("QUIT\r\n"));
    read_reply(&reader, line, sizeof(line));
    close(reader.fd);
    return NULL;
}

static void load_contents(const char *directory)
{
    static uint8_t buffer[MESSAGE_MAX];
    contents = calloc(1000000, sizeof(*contents));
    for (;; content_count++) {
        char path[512];
        snprintf(path, sizeof(path), "%s/messages/%u", directory, content_count);
        FILE *file = fopen(path, "rb");
        if (!file)
            break;
        /* Bodies hold letters and blanks: no line begins with a dot, so there is nothing to stuff. */
        size_t size = fread(buffer, 1, sizeof(buffer) - 3, file);
        memcpy(buffer + size, ".\r\n", 3);
        uint8_t *copy = malloc(size + 3);
        if (!contents || !copy)
            fail("memory");
        memcpy(copy, buffer, size + 3);
        contents[content_count] = bytes_from(copy, size + 3);
        fclose(file);
    }
    if (!content_count)
        fail(directory);
}

static int send_load(const char *directory, unsigned sessions, unsigned count)
{
    pthread_t threads[1024];
    if (sessions == 0 || sessions > 1024)
        return 2;
    load_contents(directory);
    wanted = count;
    double started = now();
    for (unsigned i = 0; i < sessions; i++)
        if (pthread_create(&threads[i], NULL, send_messages, NULL) != 0)
            fail("thread");
    for (unsigned i = 0; i < sessions; i++)
        pthread_join(threads[i], NULL);
    double took = now() - started;
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    double cpu = (double)usage.ru_utime.tv_sec + (double)usage.ru_utime.tv_usec / 1e6 +
                 (double)usage.ru_stime.tv_sec + (double)usage.ru_stime.tv_usec / 1e6;
    printf("{\"messages\":%u,\"refused\":%u,\"seconds\":%.3f,\"rate\":%.1f,\"client_us\":%.1f}\n", count,
           atomic_load(&refused), took, count / took, cpu / count * 1e6);
    return atomic_load(&refused) != 0;
}

static int idle(unsigned connections, unsigned seconds, bool tls)
{
    struct rlimit limit = {200000, 200000};
    setrlimit(RLIMIT_NOFILE, &limit);
    SSL_CTX *context = tls ? SSL_CTX_new(TLS_client_method()) : NULL;
    for (unsigned i = 0; i < connections; i++) {
        struct line_reader reader = {.fd = connect_to(port)};
        char line[1024];
        read_reply(&reader, line, sizeof(line));
        write_all(reader.fd, BYTES("EHLO idle.example\r\n"));
        read_reply(&reader, line, sizeof(line));
        if (tls) {
            write_all(reader.fd, BYTES("STARTTLS\r\n"));
            read_reply(&reader, line, sizeof(line));
            SSL *ssl = SSL_new(context);
            SSL_set_fd(ssl, reader.fd);
            if (SSL_connect(ssl) != 1)
                fail("TLS");
        }
    }
    printf("connected\n");
    fflush(stdout);
    sleep(seconds);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 6 && strcmp(argv[1], "make") == 0)
        return make(argv[2], number(argv[3]), number(argv[4]), number(argv[5]));
    if (argc == 6 && strcmp(argv[1], "send") == 0) {
        port = number(argv[3]);
        return send_load(argv[2], number(argv[4]), number(argv[5]));
    }
    if (argc >= 5 && strcmp(argv[1], "idle") == 0) {
        port = number(argv[2]);
        return idle(number(argv[3]), number(argv[4]), argc > 5);
    }
    fprintf(stderr, "usage: load make|send|idle ... (see the top of bench/load.c)\n");
    return 2;
}
