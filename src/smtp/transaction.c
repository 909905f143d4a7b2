/* SPDX-License-Identifier: BSD-2-Clause */
#include "smtp/session.h"

#include "base/encode.h"
#include "base/utf8.h"

#include <string.h>

enum { ENVELOPE_ID_MAX = 100, ORIGINAL_MAX = 500, AUTH_MAX = 500 }; /* rfc3461:4.4, 4.2 */
enum { DEFERRED_MAX = 1000 };   /* where the recipients of a message have no limit */
enum { SUBMITTER_MAX = 500 }; /* RFC 4405 names none; as for AUTH, which holds the same */

/* ---- beginning and end ---- */

static void free_content(void *content)
{
    smtp_content_free(content);
}

static struct transaction *transaction_begin(struct session *s)
{
    struct arena *arena = arena_create_child(s->public.arena, s->server->limits.memory_per_session);
    if (!arena)
        return NULL;
    struct transaction *t = arena_new(arena, struct transaction);
    if (t)
        t->content.fd = -1;
    if (!t || !arena_defer(arena, free_content, &t->content)) {
        arena_destroy(arena);
        return NULL;
    }
    t->public.arena = arena;
    t->public.content_fd = -1;
    s->transaction = t;
    s->public.transaction = &t->public;
    return t;
}

/* Without asking the handler. */
static void transaction_drop(struct session *s)
{
    struct arena *arena = s->transaction->public.arena;
    s->transaction = NULL;
    s->public.transaction = NULL;
    arena_destroy(arena);
    session_unshield(s);
}

void transaction_end(struct session *s)
{
    if (!s->transaction)
        return;
    if (s->server->handler.reset)
        s->server->handler.reset(s->server->handler.context, &s->public);
    transaction_drop(s);
}

static void set_reply(struct smtp_reply *reply, unsigned code, const char *enhanced,
                      const char *text)
{
    *reply = (struct smtp_reply){.code = code, .text = bytes_of(text)};
    memcpy(reply->enhanced, enhanced, strnlen(enhanced, sizeof(reply->enhanced) - 1));
}

static void out_of_memory(struct smtp_reply *reply)
{
    set_reply(reply, 452, "4.3.1", "Out of memory for this session, try again later");
}

void transaction_check_memory(struct session *s, struct smtp_reply *reply)
{
    if (smtp_reply_is_positive(reply) && arena_exhausted(s->transaction->public.arena))
        out_of_memory(reply);
}

static struct bytes keep(struct transaction *t, struct bytes bytes)
{
    return bytes.len ? arena_copy(t->public.arena, bytes) : (struct bytes){NULL, 0};
}

/* The copy of a part of `text`, within the copy of `text` where it is one: thousands of recipients
 * are kept at a time. */
static struct bytes keep_part(struct transaction *t, struct bytes part, struct bytes text,
                              struct bytes text_kept)
{
    uintptr_t at = (uintptr_t)part.ptr - (uintptr_t)text.ptr;
    if (part.len && text_kept.ptr && at <= text.len && part.len <= text.len - at)
        return bytes_slice(text_kept, at, at + part.len);
    return keep(t, part);
}

/* ---- parameters ----
 * Each function reads one parameter's value; false with *reply set when it does not like it. */

/* Which offer lets a client give the parameter. */
enum offer { OFFER_ALWAYS, OFFER_DSN, OFFER_SUBMITTER, OFFER_REQUIRETLS };

struct parameter {
    const char *keyword;
    enum offer offer;
    bool (*read)(struct session *s, struct smtp_recipient *recipient, struct bytes value,
                 struct smtp_reply *reply);
};

static bool refuse(struct smtp_reply *reply, const char *text)
{
    set_reply(reply, 501, "5.5.4", text);
    return false;
}

static bool read_size(struct session *s, struct smtp_recipient *recipient, struct bytes value,
                      struct smtp_reply *reply)
{
    struct smtp_transaction *t = &s->transaction->public;
    /* At most 20 digits (rfc1870:3); beyond 64 bits is more than anyone takes. */
    if (value.len == 0 || value.len > 20)
        return refuse(reply, "SIZE needs a number");
    for (size_t i = 0; i < value.len; i++)
        if (value.ptr[i] < '0' || value.ptr[i] > '9')
            return refuse(reply, "SIZE needs a number");
    if (!bytes_to_uint(value, UINT64_MAX, &t->declared_size))
        t->declared_size = UINT64_MAX;
    if (s->options.message_size && t->declared_size > s->options.message_size) {
        set_reply(reply, 552, "5.3.4", "Message is larger than we take");
        return false;
    }
    return true;
}

static bool read_body(struct session *s, struct smtp_recipient *recipient, struct bytes value,
                      struct smtp_reply *reply)
{
    struct smtp_transaction *t = &s->transaction->public;
    if (bytes_is_nocase(value, "7BIT"))
        t->body = SMTP_BODY_7BIT;
    else if (bytes_is_nocase(value, "8BITMIME"))
        t->body = SMTP_BODY_8BITMIME;
    else
        return refuse(reply, "BODY is 7BIT or 8BITMIME here"); /* BINARYMIME is not offered */
    return true;
}

static bool read_smtputf8(struct session *s, struct smtp_recipient *recipient, struct bytes value,
                          struct smtp_reply *reply)
{
    if (value.ptr)
        return refuse(reply, "SMTPUTF8 has no value");
    s->transaction->public.smtputf8 = true;
    return true;
}

/* xtext of a mailbox, or "<>" (rfc4954:5). */
static bool read_auth(struct session *s, struct smtp_recipient *recipient, struct bytes value,
                      struct smtp_reply *reply)
{
    struct smtp_transaction *t = &s->transaction->public;
    struct mailbox mailbox;
    if (bytes_is(value, "<>"))
        return true;
    if (value.len == 0 || value.len > AUTH_MAX || !xtext_decode(t->arena, value, &t->auth) ||
        mailbox_parse(t->arena, t->auth, MAILBOX_UTF8 | MAILBOX_LENIENT, &mailbox, NULL) != OK) {
        t->auth = (struct bytes){NULL, 0};
        return refuse(reply, "AUTH needs an address in xtext, or <>");
    }
    t->null_auth = false;
    return true;
}

/* xtext of a mailbox (rfc4405:4); <> is none, there is always somebody responsible. */
static bool read_submitter(struct session *s, struct smtp_recipient *recipient, struct bytes value,
                           struct smtp_reply *reply)
{
    struct smtp_transaction *t = &s->transaction->public;
    struct mailbox mailbox;
    unsigned options = MAILBOX_UTF8 | (s->options.lenient ? MAILBOX_LENIENT : 0);
    if (value.len == 0 || value.len > SUBMITTER_MAX ||
        !xtext_decode(t->arena, value, &t->submitter) ||
        mailbox_parse(t->arena, t->submitter, options, &mailbox, NULL) != OK) {
        t->submitter = (struct bytes){NULL, 0};
        if (!arena_exhausted(t->arena))
            return refuse(reply, "SUBMITTER needs an address in xtext");
        out_of_memory(reply);
        return false;
    }
    t->submitter_given = true;
    t->submitter_local = mailbox.local;
    t->submitter_domain = mailbox.domain;
    return true;
}

static bool read_return(struct session *s, struct smtp_recipient *recipient, struct bytes value,
                        struct smtp_reply *reply)
{
    struct smtp_transaction *t = &s->transaction->public;
    t->return_full = bytes_is_nocase(value, "FULL");
    t->return_headers = bytes_is_nocase(value, "HDRS");
    return t->return_full || t->return_headers || refuse(reply, "RET is FULL or HDRS");
}

/* Only printable ASCII may be encoded in it (rfc3461:4.4). */
static bool is_printable(struct bytes text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.ptr[i] < 0x20 || text.ptr[i] > 0x7e)
            return false;
    return true;
}

static bool read_envelope_id(struct session *s, struct smtp_recipient *recipient,
                             struct bytes value, struct smtp_reply *reply)
{
    struct smtp_transaction *t = &s->transaction->public;
    if (value.len == 0 || value.len > ENVELOPE_ID_MAX ||
        !xtext_decode(t->arena, value, &t->envelope_id) || !is_printable(t->envelope_id)) {
        t->envelope_id = (struct bytes){NULL, 0};
        return refuse(reply, "ENVID needs xtext of at most 100 octets");
    }
    return true;
}

static bool read_notify(struct session *s, struct smtp_recipient *recipient, struct bytes value,
                        struct smtp_reply *reply)
{
    static const struct {
        const char *name;
        unsigned bit;
    } words[] = {{"NEVER", SMTP_NOTIFY_NEVER},
                 {"SUCCESS", SMTP_NOTIFY_SUCCESS},
                 {"FAILURE", SMTP_NOTIFY_FAILURE},
                 {"DELAY", SMTP_NOTIFY_DELAY}};
    struct bytes word;
    while (bytes_split(&value, ',', &word)) {
        unsigned bit = 0;
        for (size_t i = 0; i < countof(words); i++)
            if (bytes_is_nocase(word, words[i].name))
                bit = words[i].bit;
        if (!bit || (recipient->notify & bit))
            return refuse(reply, "NOTIFY is NEVER, or some of SUCCESS, FAILURE and DELAY");
        recipient->notify |= bit;
    }
    /* NEVER stands alone (rfc3461:4.1). */
    if ((recipient->notify & SMTP_NOTIFY_NEVER) && recipient->notify != SMTP_NOTIFY_NEVER)
        return refuse(reply, "NOTIFY=NEVER cannot be combined");
    return recipient->notify != 0 || refuse(reply, "NOTIFY needs a value");
}

/* addr-type ";" xtext (rfc3461:4.2); with type utf-8 it may be unencoded UTF-8 (rfc6533:3). */
static bool read_original(struct session *s, struct smtp_recipient *recipient, struct bytes value,
                          struct smtp_reply *reply)
{
    struct arena *arena = s->transaction->public.arena;
    size_t semicolon = bytes_find_byte(value, ';');
    struct bytes type = bytes_first(value, semicolon);
    if (semicolon == BYTES_NOT_FOUND || type.len == 0 || value.len > ORIGINAL_MAX)
        return refuse(reply, "ORCPT needs a type and an address in xtext");
    struct bytes address = bytes_skip(value, semicolon + 1);
    bool decoded = bytes_is_nocase(type, "utf-8") && !utf8_is_ascii(address)
                       ? (recipient->original = arena_copy(arena, address)).ptr != NULL
                       : xtext_decode(arena, address, &recipient->original);
    if (!decoded || address.len == 0 || !utf8_is_valid(recipient->original))
        return refuse(reply, "ORCPT needs a type and an address in xtext");
    for (size_t i = 0; i < recipient->original.len; i++)
        if (recipient->original.ptr[i] < 0x20 || recipient->original.ptr[i] == 0x7f)
            return refuse(reply, "ORCPT holds a control character");
    recipient->original_type = arena_copy(arena, type);
    return true;
}

/* Only over TLS, else it would not have been offered (rfc8689:2). */
static bool read_require_tls(struct session *s, struct smtp_recipient *recipient,
                             struct bytes value, struct smtp_reply *reply)
{
    if (value.ptr)
        return refuse(reply, "REQUIRETLS has no value");
    s->transaction->public.require_tls = true;
    return true;
}

static const struct parameter mail_parameters[] = {
    {"SIZE", OFFER_ALWAYS, read_size},
    {"BODY", OFFER_ALWAYS, read_body},
    {"SMTPUTF8", OFFER_ALWAYS, read_smtputf8},
    {"AUTH", OFFER_ALWAYS, read_auth},
    {"RET", OFFER_DSN, read_return},
    {"ENVID", OFFER_DSN, read_envelope_id},
    {"SUBMITTER", OFFER_SUBMITTER, read_submitter},
    {"REQUIRETLS", OFFER_REQUIRETLS, read_require_tls},
};
static const struct parameter recipient_parameters[] = {
    {"NOTIFY", OFFER_DSN, read_notify},
    {"ORCPT", OFFER_DSN, read_original},
};

static bool is_offered(const struct session *s, enum offer offer)
{
    switch (offer) {
    case OFFER_DSN:
        return s->options.offer_dsn;
    case OFFER_SUBMITTER:
        return s->options.offer_submitter;
    case OFFER_REQUIRETLS:
        return s->options.offer_requiretls && s->public.tls;
    case OFFER_ALWAYS:
        break;
    }
    return true;
}

static bool read_parameters(struct session *s, const struct smtp_command *command,
                            const struct parameter *known, size_t known_count,
                            struct smtp_recipient *recipient, struct smtp_reply *reply)
{
    /* HELO offers no extensions (rfc5321:2.2.1), but some clients send SIZE all the same. */
    if (command->parameter_count && !s->public.esmtp) {
        if (!s->options.lenient) {
            set_reply(reply, 555, "5.5.4", "Parameters need EHLO");
            return false;
        }
        s->public.lenient_syntax = true;
    }
    for (size_t i = 0; i < command->parameter_count; i++) {
        const struct smtp_parameter *given = &command->parameters[i];
        const struct parameter *found = NULL;
        for (size_t k = 0; k < known_count && !found; k++)
            if (bytes_is_nocase(given->keyword, known[k].keyword))
                found = &known[k];
        if (!found || !is_offered(s, found->offer)) {
            set_reply(reply, 555, "5.5.4", "Unknown parameter");
            return false;
        }
        if (!found->read(s, recipient, given->value, reply))
            return false;
    }
    return true;
}

/* ---- MAIL ---- */

static bool prepare_mail(struct session *s, const struct smtp_command *command,
                         struct smtp_reply *reply)
{
    struct transaction *t = s->transaction;
    const struct path *path = &command->path;
    t->public.null_auth = true;
    if (!read_parameters(s, command, mail_parameters, countof(mail_parameters), NULL, reply))
        return false;
    if (!utf8_is_ascii(path->text) && !t->public.smtputf8) {
        set_reply(reply, 550, "5.6.7", "A non-ASCII sender needs SMTPUTF8"); /* rfc6531:3.5 */
        return false;
    }
    if (!utf8_is_ascii(t->public.submitter) && !t->public.smtputf8)
        return refuse(reply, "A non-ASCII submitter needs SMTPUTF8");
    t->public.sender = keep(t, path->text);
    t->public.sender_local = keep_part(t, path->mailbox.local, path->text, t->public.sender);
    t->public.sender_domain = keep_part(t, path->mailbox.domain, path->text, t->public.sender);
    return true;
}

SMTP_NOINLINE void transaction_mail(struct session *s, const struct smtp_command *command)
{
    if (!s->public.helo.len) {
        session_bad(s, 503, "5.5.1", "Say EHLO first");
        return;
    }
    if (s->transaction) {
        session_bad(s, 503, "5.5.1", "A message is under way; send RSET first");
        return;
    }
    if (s->options.require_auth && !s->public.account.len) {
        /* rfc4954:6; with STARTTLS first, where that is still to come (rfc3207:4). */
        session_bad(s, 530, "5.7.0",
                    s->server->tls && !s->public.tls ? "Must issue a STARTTLS command first"
                                                     : "Authentication required");
        return;
    }
    struct smtp_reply reply;
    if (!transaction_begin(s)) {
        out_of_memory(&reply);
        session_reply(s, &reply);
        return;
    }
    if (!prepare_mail(s, command, &reply)) {
        transaction_drop(s);
        if (reply.code == 552 || reply.code == 452)
            session_reply(s, &reply);
        else
            session_bad(s, reply.code, reply.enhanced, (const char *)reply.text.ptr);
        return;
    }
    set_reply(&reply, 250, "2.1.0", "Sender OK");
    transaction_check_memory(s, &reply);
    if (!smtp_reply_is_positive(&reply)) {
        transaction_drop(s);
        session_reply(s, &reply);
        return;
    }
    if (s->server->handler.mail)
        s->server->handler.mail(s->server->handler.context, &s->public, &reply);
    transaction_check_memory(s, &reply);
    if (smtp_reply_is_positive(&reply)) {
        session_reply(s, &reply);
        return;
    }
    /* Who is refused and asks again, and again, is a nuisance. */
    if (session_count_junk(s))
        session_reply(s, &reply);
    transaction_end(s);
}

/* ---- RCPT ---- */

static bool reserve_recipient(struct transaction *t)
{
    struct smtp_transaction *public = &t->public;
    if (public->recipient_count < t->recipient_capacity)
        return true;
    size_t capacity = t->recipient_capacity ? t->recipient_capacity * 2 : 4;
    struct smtp_recipient *grown = arena_alloc_array(public->arena, capacity, sizeof(*grown));
    if (!grown)
        return false;
    if (public->recipient_count)
        memcpy(grown, public->recipients, public->recipient_count * sizeof(*grown));
    public->recipients = grown;
    t->recipient_capacity = capacity;
    return true;
}

static bool prepare_recipient(struct session *s, const struct smtp_command *command,
                              struct smtp_recipient *recipient, struct smtp_reply *reply)
{
    struct transaction *t = s->transaction;
    const struct path *path = &command->path;
    if (!read_parameters(s, command, recipient_parameters, countof(recipient_parameters), recipient,
                         reply))
        return false;
    if (!utf8_is_ascii(path->text) && !t->public.smtputf8) {
        set_reply(reply, 553, "5.6.7", "A non-ASCII recipient needs SMTPUTF8");
        return false;
    }
    recipient->mailbox = keep(t, path->text);
    recipient->local = keep_part(t, path->mailbox.local, path->text, recipient->mailbox);
    recipient->domain = keep_part(t, path->mailbox.domain, path->text, recipient->mailbox);
    return true;
}

/* The recipient is added, the handler asked, and the recipient taken off again if he said no. */
static void add_recipient(struct session *s, const struct smtp_recipient *recipient,
                          struct smtp_reply *reply)
{
    struct transaction *t = s->transaction;
    if (!reserve_recipient(t)) {
        out_of_memory(reply);
        return;
    }
    struct smtp_recipient *added = &t->public.recipients[t->public.recipient_count++];
    *added = *recipient;
    transaction_check_memory(s, reply);
    if (smtp_reply_is_positive(reply) && s->server->handler.recipient)
        s->server->handler.recipient(s->server->handler.context, &s->public, added, reply);
    transaction_check_memory(s, reply);
    if (!smtp_reply_is_positive(reply))
        t->public.recipient_count--;
}

/* Recipients that are to come again later: as many as fit into a message are nothing unusual, those behind them
 * count as commands that lead nowhere. False: it was too much. */
static bool count_deferred(struct session *s)
{
    size_t limit = s->server->limits.recipients;
    return s->deferred++ < (limit ? limit : DEFERRED_MAX) || session_count_junk(s);
}

SMTP_NOINLINE void transaction_recipient(struct session *s, const struct smtp_command *command)
{
    struct transaction *t = s->transaction;
    if (!t || t->receiving) {
        session_bad(s, 503, "5.5.1", t ? "BDAT has begun" : "Say MAIL first");
        return;
    }
    size_t limit = s->server->limits.recipients;
    if (limit && t->public.recipient_count >= limit) {
        if (count_deferred(s))
            session_say(s, 452, "4.5.3", "Too many recipients"); /* rfc5321:4.5.3.1.10 */
        return;
    }
    struct smtp_reply reply;
    struct smtp_recipient recipient = {0};
    if (!prepare_recipient(s, command, &recipient, &reply)) {
        session_bad(s, reply.code, reply.enhanced, (const char *)reply.text.ptr);
        return;
    }
    set_reply(&reply, 250, "2.1.5", "Recipient OK");
    add_recipient(s, &recipient, &reply);
    if (!smtp_reply_is_positive(&reply))
        s->public.rejected_recipients++;
    /* Who tries names one after the other does so in sessions of bounded length. */
    if (reply.code >= 500 ? !session_count_junk(s) : reply.code >= 400 && !count_deferred(s))
        return;
    session_reply(s, &reply);
}
