/* SPDX-License-Identifier: BSD-2-Clause */
#include "cmd/demo_mail.h"

#include "auth/dkim_sign.h"
#include "base/encode.h"
#include "message/date.h"

#include <arpa/inet.h>
#include <openssl/x509.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

const struct demo_mail demo_mails[DEMO_MAILS] = {
    {"genuine and signed", "127.0.0.10", "mail.genuine.example", "anna@genuine.example",
     "you@vouch.example", "Anna <anna@genuine.example>", "Minutes of Tuesday", true},
    {"forged, the bank says p=reject", "127.0.0.66", "pc.botnet.example", "service@bank.example",
     "you@vouch.example", "Your Bank <service@bank.example>", "Please confirm your password", false},
    {"unsigned, SPF softfail", "127.0.0.67", "pc.botnet.example", "tom@softfail.example",
     "you@vouch.example", "Tom <tom@softfail.example>", "Sent from a hotel", false},
    {"a domain with p=quarantine, forged", "127.0.0.66", "pc.botnet.example", "news@shop.example",
     "you@vouch.example", "Shop <news@shop.example>", "90% off", false},
    {"no records at all", "127.0.0.13", "mail.plain.example", "joe@plain.example",
     "you@vouch.example", "Joe <joe@plain.example>", "Hello from the old days", false},
    {"unknown user", "127.0.0.10", "mail.genuine.example", "anna@genuine.example",
     "nobody@vouch.example", "Anna <anna@genuine.example>", "Are you there?", true},
    {"phishing, from a domain of its own", "127.0.0.68", "prize.example", "win@prize.example",
     "you@vouch.example", "\"service@bank.example\" <win@prize.example>", "URGENT!!! YOUR ACCOUNT", false,
     "<p>Dear customer,</p><p>please go to <a href=\"http://0x7f.1/login\">https://www.bank.example/</a> "
     "now.</p><p style=\"font-size:0\">minutes of the meeting on Tuesday</p>\r\n"},
};

bool demo_zone_fill(struct zone *zone, EVP_PKEY *key)
{
    struct error error;
    if (zone_load(zone,
                  BYTES("genuine.example TXT \"v=spf1 ip4:127.0.0.10 -all\"\n"
                        "genuine.example A 127.0.0.10\n"
                        "genuine.example MX 10 mail.genuine.example\n"
                        "mail.genuine.example A 127.0.0.10\n"
                        "mail.genuine.example TXT \"v=spf1 a -all\"\n"
                        "10.0.0.127.in-addr.arpa PTR mail.genuine.example\n"
                        "_dmarc.genuine.example TXT \"v=DMARC1; p=reject\"\n"
                        "bank.example TXT \"v=spf1 ip4:192.0.2.1 -all\"\n"
                        "_dmarc.bank.example TXT \"v=DMARC1; p=reject; rua=mailto:d@bank.example\"\n"
                        "shop.example TXT \"v=spf1 ip4:192.0.2.2 -all\"\n"
                        "_dmarc.shop.example TXT \"v=DMARC1; p=quarantine\"\n"
                        "prize.example A 127.0.0.68\n"
                        "prize.example TXT \"v=spf1 +all\"\n"
                        "softfail.example TXT \"v=spf1 ip4:192.0.2.3 ~all\"\n"
                        "plain.example A 127.0.0.13\n"
                        "mail.plain.example A 127.0.0.13\n"
                        "13.0.0.127.in-addr.arpa PTR mail.plain.example\n"),
                  &error) != OK)
        return false;
    unsigned char *der = NULL;
    int length = i2d_PUBKEY(key, &der);
    struct buf record;
    buf_init(&record, 4096);
    buf_add_string(&record, "v=DKIM1; k=rsa; p=");
    base64_encode(&record, bytes_from(der, length > 0 ? (size_t)length : 0));
    OPENSSL_free(der);
    bool fine = length > 0 && zone_add(zone, BYTES("demo._domainkey.genuine.example"), DNS_TXT, 60,
                                       buf_bytes(&record));
    buf_free(&record);
    return fine;
}

struct bytes demo_mail_text(struct arena *arena, const struct demo_mail *mail, EVP_PKEY *key,
                            int64_t now)
{
    struct buf text, date, signature;
    buf_init(&text, 64 * 1024);
    buf_init(&date, 128);
    buf_init(&signature, 16 * 1024);
    date_write(&date, now, 0);
    buf_printf(&text,
               "From: %s\r\nTo: <%s>\r\nSubject: %s\r\nDate: " BYTES_FMT "\r\n"
               "Message-ID: <demo.%lld.%s.%s>\r\n%s\r\n%s",
               mail->from, mail->recipient, mail->subject, BYTES_ARG(buf_bytes(&date)),
               (long long)now, mail->client, mail->sender,
               mail->html ? "MIME-Version: 1.0\r\nContent-Type: text/html; charset=utf-8\r\n" : "",
               mail->html ? mail->html : "This is a message of the demonstration.\r\n");
    struct message message;
    bool fine = !text.failed && message_parse(arena, buf_bytes(&text), &message, NULL) == OK;
    if (fine && mail->sign) {
        struct dkim_signing signing;
        dkim_signing_init(&signing, BYTES("genuine.example"), BYTES("demo"));
        signing.time = now;
        fine = dkim_sign(arena, &message, &signing, dkim_sign_with_key, key, &signature, NULL) == OK;
    }
    buf_add(&signature, buf_bytes(&text));
    struct bytes result = fine ? arena_copy(arena, buf_bytes(&signature)) : BYTES("");
    buf_free(&signature);
    buf_free(&date);
    buf_free(&text);
    return result;
}

static int connect_from(const char *client, uint16_t port)
{
    struct sockaddr_in from = {.sin_family = AF_INET}, to = {.sin_family = AF_INET, .sin_port = htons(port)};
    struct timeval patience = {.tv_sec = 30};
    inet_pton(AF_INET, client, &from.sin_addr);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    if (bind(fd, (struct sockaddr *)&from, sizeof(from)) != 0 ||
        connect(fd, (struct sockaddr *)&to, sizeof(to)) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

/* Reads one reply, of several lines perhaps; its code, or 0. */
static unsigned read_reply(int fd, char *reply, size_t size)
{
    size_t length = 0, line = 0;
    while (length + 1 < size && read(fd, reply + length, 1) == 1) {
        reply[++length] = '\0';
        if (reply[length - 1] != '\n')
            continue;
        if (length - line >= 4 && reply[line + 3] == ' ') {
            while (length && (reply[length - 1] == '\n' || reply[length - 1] == '\r'))
                reply[--length] = '\0';
            uint64_t code = 0;
            bytes_to_uint(bytes_from(reply + line, 3), 999, &code);
            return (unsigned)code;
        }
        line = length;
    }
    return 0;
}

static bool say(int fd, struct bytes text)
{
    while (text.len) {
        ssize_t count = send(fd, text.ptr, text.len, MSG_NOSIGNAL);
        if (count <= 0)
            return false;
        text = bytes_skip(text, (size_t)count);
    }
    return true;
}

bool demo_mail_send(const struct demo_mail *mail, uint16_t port, struct bytes text, char *reply,
                    size_t size)
{
    struct buf line;
    int fd = connect_from(mail->client, port);
    if (fd < 0)
        return false;
    buf_init(&line, 4096);
    buf_printf(&line, "EHLO %s\r\n", mail->helo);
    size_t ehlo = line.len;
    buf_printf(&line, "MAIL FROM:<%s>\r\n", mail->sender);
    size_t from = line.len;
    buf_printf(&line, "RCPT TO:<%s>\r\n", mail->recipient);
    size_t to = line.len;
    struct bytes all = buf_bytes(&line);
    const struct bytes steps[] = {bytes_first(all, ehlo), bytes_slice(all, ehlo, from),
                                  bytes_slice(all, from, to), BYTES("DATA\r\n")};
    unsigned code = read_reply(fd, reply, size);
    for (size_t i = 0; i < countof(steps) && code / 100 == 2; i++)
        code = say(fd, steps[i]) ? read_reply(fd, reply, size) : 0;
    if (code == 354 && say(fd, text) && say(fd, BYTES(".\r\n")))
        code = read_reply(fd, reply, size);
    say(fd, BYTES("QUIT\r\n"));
    buf_free(&line);
    close(fd);
    return code != 0;
}
