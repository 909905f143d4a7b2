/* SPDX-License-Identifier: BSD-2-Clause */
#include "smtp/client_private.h"

#include "base/encode.h"
#include "base/utf8.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

enum { CREDENTIAL_MAX = 1024, ANSWER_MAX = 4 * CREDENTIAL_MAX, MD5_OCTETS = 16 };

/* One AUTH (RFC 4954) under way. */
struct dialogue {
    struct client *client;
    const struct client_credentials *credentials;
    struct arena *arena;
    struct client_reply *reply;
    struct error *error;
    struct bytes challenge; /* of the last 334, decoded; ptr NULL: it is malformed */
};

static void wipe(struct buf *buf)
{
    if (buf->ptr)
        OPENSSL_cleanse(buf->ptr, buf->capacity);
    buf_free(buf);
}

static enum result fail(struct dialogue *d, const char *why)
{
    return client_refuse(d->client, d->reply, 535, "5.7.8", bytes_of(why), d->error);
}

/* A line, and its reply. NONE: a challenge came. OK: we are in. */
static enum result exchange_line(struct dialogue *d, struct bytes line)
{
    struct client *client = d->client;
    struct bytes raw = {0};
    struct client_reading reading = {
        .arena = d->arena, .reply = d->reply, .line_max = CLIENT_AUTH_LINE_MAX, .raw = &raw};
    enum result result = client_converse(
        client, line, client_deadline(client, client->timeouts.command), &reading, d->error);
    if (result != OK)
        return result;
    unsigned code = d->reply->code;
    if (code >= 400)
        return client_result(client, d->reply, d->error);
    if (code == 235)
        return OK;
    *d->reply = (struct client_reply){0};
    if (code != 334)
        return client_lose(client, d->error, "the server's reply does not fit the command");
    if (!base64_decode(d->arena, raw, &d->challenge))
        d->challenge = (struct bytes){0};
    return NONE;
}

/* `start`: "AUTH PLAIN " or "" in front of the encoded text, which is secret. */
static enum result say(struct dialogue *d, const char *start, struct bytes text)
{
    struct buf line;
    buf_init(&line, CLIENT_AUTH_LINE_MAX);
    /* At once, so that nothing of it stays behind when it grows. */
    (void)!buf_reserve(&line, ANSWER_MAX * 2);
    buf_add_string(&line, start);
    base64_encode(&line, text);
    buf_add_string(&line, "\r\n");
    enum result result = line.failed ? fail(d, "the credentials are too long")
                                     : exchange_line(d, buf_bytes(&line));
    wipe(&line);
    return result;
}

/* What comes must be a challenge. */
static enum result expect_challenge(struct dialogue *d, enum result result)
{
    if (result == NONE)
        return OK;
    if (result != OK)
        return result;
    *d->reply = (struct client_reply){0};
    return client_lose(d->client, d->error, "the server let us in too early");
}

/* What comes must be the end. */
static enum result expect_end(struct dialogue *d, enum result result)
{
    return result == NONE ? client_lose(d->client, d->error, "the server asks for too much")
                          : result;
}

static enum result auth_plain(struct dialogue *d)
{
    struct buf text;
    buf_init(&text, ANSWER_MAX);
    (void)!buf_reserve(&text, ANSWER_MAX);
    buf_add_byte(&text, '\0');
    buf_add(&text, d->credentials->user);
    buf_add_byte(&text, '\0');
    buf_add(&text, d->credentials->password);
    enum result result = text.failed ? fail(d, "the credentials are too long")
                                     : say(d, "AUTH PLAIN ", buf_bytes(&text));
    wipe(&text);
    return expect_end(d, result);
}

static enum result auth_login(struct dialogue *d)
{
    enum result result = expect_challenge(d, exchange_line(d, BYTES("AUTH LOGIN\r\n")));
    if (result == OK)
        result = expect_challenge(d, say(d, "", d->credentials->user));
    return result == OK ? expect_end(d, say(d, "", d->credentials->password)) : result;
}

static enum result auth_external(struct dialogue *d)
{
    if (!d->credentials->user.len) /* rfc4954:4: an empty initial response is "=" */
        return expect_end(d, exchange_line(d, BYTES("AUTH EXTERNAL =\r\n")));
    return expect_end(d, say(d, "AUTH EXTERNAL ", d->credentials->user));
}

/* RFC 2195 */
static enum result answer_cram(struct dialogue *d)
{
    if (!d->challenge.ptr)
        return client_lose(d->client, d->error, "the server's challenge is malformed");
    struct bytes password = d->credentials->password;
    uint8_t digest[MD5_OCTETS];
    unsigned length = 0;
    struct buf text;
    if (!HMAC(EVP_md5(), password.ptr ? password.ptr : (const uint8_t *)"", (int)password.len,
              d->challenge.ptr, d->challenge.len, digest, &length) ||
        length != MD5_OCTETS) {
        d->client->broken = true;
        return fail(d, "CRAM-MD5 cannot be computed");
    }
    buf_init(&text, ANSWER_MAX);
    buf_add(&text, d->credentials->user);
    buf_add_byte(&text, ' ');
    hex_encode(&text, bytes_from(digest, length));
    enum result result = say(d, "", buf_bytes(&text));
    buf_free(&text);
    return result;
}

static enum result auth_cram(struct dialogue *d)
{
    enum result result = expect_challenge(d, exchange_line(d, BYTES("AUTH CRAM-MD5\r\n")));
    return result == OK ? expect_end(d, answer_cram(d)) : result;
}

/* The server's proof comes as a last challenge, whose answer is empty (rfc4954:4). */
static enum result finish_scram(struct dialogue *d, struct client_scram *scram, enum result result)
{
    if (result == NONE && client_scram_verify(scram, d->arena, d->challenge))
        return expect_end(d, exchange_line(d, BYTES("\r\n")));
    if (result != NONE && result != OK)
        return result;
    d->client->broken = true;
    return fail(d, "the server did not prove that it knows the password");
}

static enum result run_scram(struct dialogue *d, struct client_scram *scram)
{
    const char *why;
    struct buf text;
    buf_init(&text, CLIENT_AUTH_LINE_MAX);
    client_scram_first(scram, &text);
    enum result result =
        expect_challenge(d, say(d, "AUTH SCRAM-SHA-256 ", buf_bytes(&text)));
    buf_clear(&text);
    if (result == OK) {
        if (client_scram_final(scram, d->arena, d->challenge, &text, &why)) {
            result = finish_scram(d, scram, say(d, "", buf_bytes(&text)));
        } else {
            d->client->broken = true;
            result = fail(d, why);
        }
    }
    buf_free(&text);
    return result;
}

static enum result auth_scram(struct dialogue *d)
{
    struct client_scram scram;
    enum result result = client_scram_start(&scram, d->credentials->user, d->credentials->password)
                             ? run_scram(d, &scram)
                             : client_lose(d->client, d->error, "no random octets");
    client_scram_end(&scram);
    return result;
}

static unsigned usable_mechanisms(const struct client *client,
                                  const struct client_credentials *credentials)
{
    unsigned usable = credentials->mechanisms ? credentials->mechanisms : ~(unsigned)CLIENT_EXTERNAL;
    usable &= client->extensions.mechanisms;
    if (!client->encrypted)
        usable &= ~(unsigned)(CLIENT_PLAIN | CLIENT_LOGIN);
    if (!utf8_is_ascii(credentials->user) || !utf8_is_ascii(credentials->password))
        usable &= ~(unsigned)CLIENT_SCRAM_SHA_256;
    return usable;
}

static bool is_credential(struct bytes text)
{
    return text.len <= CREDENTIAL_MAX && bytes_find_byte(text, '\0') == BYTES_NOT_FOUND;
}

enum result client_authenticate(struct client *client, const struct client_credentials *credentials,
                                struct arena *arena, struct client_reply *reply,
                                struct error *error)
{
    static const struct {
        enum client_mechanism mechanism;
        enum result (*run)(struct dialogue *d);
    } mechanisms[] = {{CLIENT_EXTERNAL, auth_external},
                      {CLIENT_SCRAM_SHA_256, auth_scram},
                      {CLIENT_PLAIN, auth_plain},
                      {CLIENT_LOGIN, auth_login},
                      {CLIENT_CRAM_MD5, auth_cram}};
    struct dialogue d = {client, credentials, arena, reply, error, {0}};
    *reply = (struct client_reply){0};
    if (client->broken)
        return client_refuse_use(client, error);
    if (!is_credential(credentials->user) || !is_credential(credentials->password))
        return fail(&d, "the credentials cannot be sent");
    unsigned usable = usable_mechanisms(client, credentials);
    for (size_t i = 0; i < countof(mechanisms); i++)
        if (usable & mechanisms[i].mechanism)
            return mechanisms[i].run(&d);
    return fail(&d, client->extensions.auth && !client->encrypted
                        ? "the server offers no authentication that is safe without TLS"
                        : "the server offers no authentication that we know");
}
