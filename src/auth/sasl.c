/* SPDX-License-Identifier: BSD-2-Clause */
#include "auth/sasl_private.h"

#include "auth/saslprep.h"
#include "base/ascii.h"
#include "base/encode.h"
#include "base/utf8.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <stdlib.h>
#include <string.h>

enum { ARENA_MAX = 64 * 1024, CRAM_RANDOM = 16, MD5_OCTETS = 16, DECOY_OCTETS = 12 };

/* ---- results ---- */

enum sasl_status sasl_refuse(struct sasl *sasl, const char *reason)
{
    sasl->reason = reason;
    return SASL_REFUSED;
}

enum sasl_status sasl_malformed(struct sasl *sasl, const char *reason)
{
    sasl->reason = reason;
    return SASL_MALFORMED;
}

enum sasl_status sasl_temporary(struct sasl *sasl)
{
    sasl->reason = "out of memory or random numbers";
    return SASL_TEMPORARY;
}

static enum sasl_status let_in(struct sasl *sasl)
{
    if (!sasl->account || sasl->account->disabled)
        return sasl_refuse(sasl, "the account is disabled");
    sasl->done = true;
    return SASL_DONE;
}

/* ---- names ---- */

bool sasl_claim(struct sasl *sasl, struct bytes name)
{
    struct bytes prepared;
    sasl->claimed = arena_copy(sasl->arena, bytes_first(name, ACCOUNT_NAME_MAX));
    enum result result = saslprep(sasl->arena, name, &prepared, NULL);
    /* What cannot be prepared is nobody's name (rfc4616:2), and goes on as such. */
    sasl->account =
        result == OK && prepared.len ? accounts_find(sasl->accounts, prepared) : NULL;
    return result != TEMP && sasl->claimed.ptr;
}

bool sasl_may_act_as(const struct sasl *sasl, struct bytes authorization)
{
    struct bytes prepared;
    if (!authorization.len)
        return true;
    return sasl->account && saslprep(sasl->arena, authorization, &prepared, NULL) == OK &&
           bytes_equal_nocase(prepared, sasl->account->name);
}

/* ---- PLAIN and LOGIN ---- */

static enum sasl_status verify_password(struct sasl *sasl, struct bytes authorization,
                                        struct bytes password)
{
    bool good = accounts_verify_password(sasl->accounts, sasl->account, sasl->claimed, password);
    if (!sasl->account)
        return sasl_refuse(sasl, "there is no such account");
    if (sasl->account->disabled)
        return sasl_refuse(sasl, "the account is disabled");
    if (!sasl->account->password.len)
        return sasl_refuse(sasl, "the account has no password");
    if (!good)
        return sasl_refuse(sasl, "wrong password");
    if (!sasl_may_act_as(sasl, authorization))
        return sasl_refuse(sasl, "it may not act for another");
    return let_in(sasl);
}

/* [authzid] NUL authcid NUL passwd (rfc4616:2). */
static enum sasl_status step_plain(struct sasl *sasl, bool present, struct bytes message,
                                   struct buf *out)
{
    struct bytes rest = message, authorization, name, password;
    if (!present)
        return sasl->step ? sasl_malformed(sasl, "no message") : SASL_CHALLENGE;
    bool fine = message.len && utf8_is_valid(message) && bytes_split(&rest, '\0', &authorization) &&
                bytes_split(&rest, '\0', &name) && bytes_split(&rest, '\0', &password) && !rest.ptr;
    if (!fine || !name.len || !password.len)
        return sasl_malformed(sasl, "not a message of PLAIN");
    if (!sasl_claim(sasl, name))
        return sasl_temporary(sasl);
    return verify_password(sasl, authorization, password);
}

/* Never standardised: the name, then the password, each after a question that all clients ignore. */
static enum sasl_status step_login(struct sasl *sasl, bool present, struct bytes message,
                                   struct buf *out)
{
    if (!present) {
        if (sasl->step)
            return sasl_malformed(sasl, "no message");
        buf_add_string(out, "Username:");
        return SASL_CHALLENGE;
    }
    if (!message.len || !utf8_is_valid(message))
        return sasl_malformed(sasl, "not a message of LOGIN");
    if (sasl->claimed.ptr)
        return verify_password(sasl, BYTES(""), message);
    if (!sasl_claim(sasl, message))
        return sasl_temporary(sasl);
    buf_add_string(out, "Password:");
    return SASL_CHALLENGE;
}

/* ---- CRAM-MD5 ---- */

/* Looks like a Message-ID, and is never the same twice (rfc2195:2). */
static enum sasl_status challenge_cram(struct sasl *sasl, struct buf *out)
{
    uint8_t octets[CRAM_RANDOM];
    struct buf text;
    if (RAND_bytes(octets, sizeof(octets)) != 1)
        return sasl_temporary(sasl);
    buf_init(&text, SASL_CHALLENGE_MAX);
    buf_add_byte(&text, '<');
    hex_encode(&text, bytes_from(octets, sizeof(octets)));
    buf_add_byte(&text, '@');
    buf_add(&text, sasl->hostname);
    buf_add_byte(&text, '>');
    sasl->challenge = text.failed ? (struct bytes){NULL, 0} : arena_copy(sasl->arena, buf_bytes(&text));
    buf_free(&text);
    buf_add(out, sasl->challenge);
    return sasl->challenge.ptr ? SASL_CHALLENGE : sasl_temporary(sasl);
}

static enum sasl_status verify_cram(struct sasl *sasl, struct bytes given)
{
    static const uint8_t decoy[DECOY_OCTETS];
    uint8_t digest[MD5_OCTETS];
    unsigned length = 0;
    struct buf text;
    bool real = sasl->account && sasl->account->cram_secret.len;
    struct bytes key = real ? sasl->account->cram_secret : bytes_from(decoy, sizeof(decoy));
    if (!HMAC(EVP_md5(), key.ptr, (int)key.len, sasl->challenge.ptr, sasl->challenge.len, digest,
              &length) ||
        length != MD5_OCTETS)
        return sasl_temporary(sasl);
    buf_init(&text, 2 * MD5_OCTETS);
    hex_encode(&text, bytes_from(digest, sizeof(digest)));
    bool good = !text.failed && bytes_equal_constant_time(buf_bytes(&text), given);
    if (text.ptr)
        explicit_bzero(text.ptr, text.len);
    buf_free(&text);
    if (!sasl->account)
        return sasl_refuse(sasl, "there is no such account");
    if (!real)
        return sasl_refuse(sasl, "the account has no secret for CRAM-MD5");
    return good ? let_in(sasl) : sasl_refuse(sasl, "wrong digest");
}

static enum sasl_status step_cram(struct sasl *sasl, bool present, struct bytes message,
                                  struct buf *out)
{
    if (!sasl->step)
        return present ? sasl_malformed(sasl, "this mechanism has no initial response")
                       : challenge_cram(sasl, out);
    /* Names may have blanks in them; the digest has none. */
    size_t blank = bytes_rfind_byte(message, ' ');
    if (!present || blank == BYTES_NOT_FOUND || !blank ||
        message.len - blank - 1 != 2 * MD5_OCTETS || !utf8_is_valid(message))
        return sasl_malformed(sasl, "not a message of CRAM-MD5");
    if (!sasl_claim(sasl, bytes_first(message, blank)))
        return sasl_temporary(sasl);
    return verify_cram(sasl, bytes_skip(message, blank + 1));
}

/* ---- EXTERNAL ---- */

static enum sasl_status choose_address(struct sasl *sasl)
{
    const struct account *found = NULL;
    for (size_t i = 0; i < sasl->email_count; i++) {
        const struct account *account = accounts_find(sasl->accounts, sasl->emails[i]);
        if (account && found && account != found)
            return sasl_refuse(sasl, "the certificate is of several accounts, and he does not say which");
        if (account)
            found = account;
    }
    if (!found)
        return sasl_refuse(sasl, "the certificate is of no account");
    return sasl_claim(sasl, found->name) ? let_in(sasl) : sasl_temporary(sasl);
}

/* The message is the authorization identity, or empty (rfc4422:A). */
static enum sasl_status step_external(struct sasl *sasl, bool present, struct bytes message,
                                      struct buf *out)
{
    if (!present)
        return sasl->step ? sasl_malformed(sasl, "no message") : SASL_CHALLENGE;
    if (!utf8_is_valid(message) || bytes_find_byte(message, '\0') != BYTES_NOT_FOUND)
        return sasl_malformed(sasl, "not a message of EXTERNAL");
    if (!sasl->email_count)
        return sasl_refuse(sasl, "there is no certificate with a mail address");
    if (!message.len)
        return choose_address(sasl);
    if (!sasl_claim(sasl, message))
        return sasl_temporary(sasl);
    for (size_t i = 0; sasl->account && i < sasl->email_count; i++)
        if (bytes_equal_nocase(sasl->emails[i], sasl->account->name))
            return let_in(sasl);
    return sasl_refuse(sasl, "the certificate is not of that account");
}

/* ---- the exchange ---- */

static const struct sasl_mechanism {
    const char *name;
    enum sasl_status (*step)(struct sasl *sasl, bool present, struct bytes message, struct buf *out);
    bool costly;
} mechanisms[] = {
    {"PLAIN", step_plain, true},
    {"LOGIN", step_login, true},
    {"CRAM-MD5", step_cram, false},
    {"SCRAM-SHA-256", sasl_step_scram, false},
    {"SCRAM-SHA-256-PLUS", sasl_step_scram, false},
    {"EXTERNAL", step_external, false},
};

static const struct sasl_mechanism *find_mechanism(struct bytes name)
{
    for (size_t i = 0; i < countof(mechanisms); i++)
        if (bytes_is(name, mechanisms[i].name))
            return &mechanisms[i];
    return NULL;
}

bool sasl_mechanism_is_known(struct bytes mechanism)
{
    return find_mechanism(mechanism) != NULL;
}

static bool keep(struct arena *arena, struct bytes given, struct bytes *out)
{
    *out = arena_copy(arena, given);
    return out->ptr != NULL;
}

static bool set_up(struct sasl *sasl, const struct sasl_setup *setup)
{
    size_t count = setup->email_count < SASL_EMAILS_MAX ? setup->email_count : SASL_EMAILS_MAX;
    bool fine = keep(sasl->arena, setup->hostname, &sasl->hostname) &&
                keep(sasl->arena, bytes_first(setup->exporter, SASL_BINDING_MAX), &sasl->exporter) &&
                keep(sasl->arena, bytes_first(setup->end_point, SASL_BINDING_MAX), &sasl->end_point);
    for (size_t i = 0; i < count && fine; i++)
        fine = keep(sasl->arena, setup->emails[i], &sasl->emails[i]);
    sasl->email_count = count;
    sasl->accounts = setup->accounts;
    sasl->offers_plus = setup->offers_plus;
    sasl->scram.bound = bytes_ends_with(setup->mechanism, BYTES("-PLUS"));
    return fine;
}

struct sasl *sasl_start(const struct sasl_setup *setup)
{
    const struct sasl_mechanism *mechanism = find_mechanism(setup->mechanism);
    struct sasl *sasl = mechanism ? calloc(1, sizeof(*sasl)) : NULL;
    if (!sasl)
        return NULL;
    sasl->mechanism = mechanism;
    sasl_scram_init(&sasl->scram);
    sasl->arena = arena_create(ARENA_MAX);
    if (sasl->arena && set_up(sasl, setup))
        return sasl;
    sasl_free(sasl);
    return NULL;
}

void sasl_free(struct sasl *sasl)
{
    if (!sasl)
        return;
    sasl_scram_wipe(&sasl->scram);
    arena_destroy(sasl->arena);
    explicit_bzero(sasl, sizeof(*sasl));
    free(sasl);
}

bool sasl_is_costly(const struct sasl *sasl)
{
    return sasl->mechanism->costly;
}

enum sasl_status sasl_step(struct sasl *sasl, bool present, struct bytes message, struct buf *out)
{
    if (sasl->over)
        return sasl_refuse(sasl, "the exchange is over");
    enum sasl_status status = SASL_MALFORMED;
    if (message.len <= SASL_MESSAGE_MAX)
        status = sasl->mechanism->step(sasl, present, message, out);
    else
        sasl->reason = "the message is too long";
    if (status == SASL_CHALLENGE && out->failed)
        status = sasl_temporary(sasl);
    sasl->step++;
    sasl->over = status != SASL_CHALLENGE;
    return status;
}

const struct account *sasl_account(const struct sasl *sasl)
{
    return sasl->done ? sasl->account : NULL;
}

struct bytes sasl_claimed(const struct sasl *sasl)
{
    return sasl->claimed;
}

const char *sasl_reason(const struct sasl *sasl)
{
    return sasl->reason ? sasl->reason : "";
}

struct bytes sasl_peek_name(struct bytes mechanism, struct bytes message)
{
    struct bytes rest = message, part = BYTES("");
    if (bytes_is(mechanism, "PLAIN")) {
        rest = bytes_skip(message, bytes_find_byte(message, '\0'));
        rest = bytes_skip(rest, 1);
        return bytes_first(rest, bytes_find_byte(rest, '\0'));
    }
    if (bytes_is(mechanism, "LOGIN") || bytes_is(mechanism, "EXTERNAL"))
        return message;
    if (bytes_is(mechanism, "CRAM-MD5"))
        return bytes_first(message, bytes_rfind_byte(message, ' '));
    /* The third and following parts of SCRAM's; "," and "=" in names are rare, and then the name is known
     * in another form here. */
    for (size_t i = 0; message.ptr && i < 4 && bytes_split(&rest, ',', &part); i++)
        if (i >= 2 && bytes_starts_with(part, BYTES("n=")))
            return bytes_skip(part, 2);
    return BYTES("");
}
