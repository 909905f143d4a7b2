/* SPDX-License-Identifier: BSD-2-Clause */
#include "smtp/client_private.h"

#include "base/ascii.h"
#include "base/encode.h"
#include "base/utf8.h"
#include "message/unitext.h"
#include "smtp/server.h"

enum {
    MAILBOX_OCTETS_MAX = 1024,
    ENVELOPE_ID_MAX = 100,    /* encoded (rfc3461:5.4) */
    ORIGINAL_MAX = 500,       /* encoded, with its type */
    ORIGINAL_INPUT_MAX = 2000 /* longer cannot fit */
};

/* ---- what is refused before it is sent ---- */

/* An address goes into a command line: nothing in it may end the path or the line. */
static bool is_safe_mailbox(struct bytes mailbox)
{
    bool quoted = false;
    for (size_t i = 0; i < mailbox.len; i++) {
        uint8_t c = mailbox.ptr[i];
        if (ascii_is_control(c))
            return false;
        if (quoted && c == '\\' && i + 1 < mailbox.len && !ascii_is_control(mailbox.ptr[i + 1]))
            i++;
        else if (c == '"')
            quoted = !quoted;
        else if (!quoted && (c == ' ' || c == '<' || c == '>' || c == '\\'))
            return false;
    }
    return !quoted;
}

static bool is_mailbox(struct bytes mailbox)
{
    return mailbox.len <= MAILBOX_OCTETS_MAX && is_safe_mailbox(mailbox) && utf8_is_valid(mailbox);
}

static enum result refuse_utf8_address(const struct client *client, struct client_reply *refusal,
                                       struct error *error)
{
    return client_refuse(client, refusal, 553, "5.6.7",
                         BYTES("The next server takes no addresses that are not ASCII."), error);
}

enum result client_check_envelope(const struct client *client,
                                  const struct client_envelope *envelope,
                                  struct client_reply *refusal, struct error *error)
{
    const struct client_extensions *e = &client->extensions;
    if (!is_mailbox(envelope->sender))
        return client_refuse(client, refusal, 553, "5.1.7",
                             BYTES("The sender's address cannot be sent."), error);
    if (!e->smtputf8 && !utf8_is_ascii(envelope->sender))
        return refuse_utf8_address(client, refusal, error);
    if (!e->smtputf8 && envelope->smtputf8)
        return client_refuse(client, refusal, 554, "5.6.9",
                             BYTES("The next server does not take header fields in UTF-8."), error);
    if (!e->eight_bit && envelope->eight_bit && !client->just_send_8bit)
        return client_refuse(client, refusal, 554, "5.6.3",
                             BYTES("The next server takes 7-bit messages only, and this one "
                                   "would have to be changed."), error);
    if (e->size_max && envelope->size > e->size_max)
        return client_refuse(client, refusal, 552, "5.3.4",
                             BYTES("The message is larger than the next server takes."), error);
    if (envelope->require_tls && (!e->require_tls || !client->encrypted))
        return client_refuse(client, refusal, 550, "5.7.30",
                             BYTES("REQUIRETLS support required, which the next server lacks."),
                             error);
    return OK;
}

enum result client_check_recipient(const struct client *client,
                                   const struct client_recipient *recipient, bool utf8,
                                   struct client_reply *refusal, struct error *error)
{
    if (!recipient->mailbox.len || !is_mailbox(recipient->mailbox))
        return client_refuse(client, refusal, 553, "5.1.3",
                             BYTES("The recipient's address cannot be sent."), error);
    if (!utf8 && !utf8_is_ascii(recipient->mailbox))
        return refuse_utf8_address(client, refusal, error);
    return OK;
}

enum result client_refuse_bare(const struct client *client, struct client_reply *refusal,
                               struct error *error)
{
    return client_refuse(client, refusal, 554, "5.6.0",
                         BYTES("The message has line ends that are not CRLF."), error);
}

/* ---- MAIL ---- */

/* Left out where it would be longer than servers must take. */
static void write_xtext_parameter(struct buf *out, const char *name, struct bytes value, size_t max)
{
    struct buf encoded;
    buf_init(&encoded, max);
    xtext_encode(&encoded, value);
    if (!encoded.failed && encoded.len) {
        buf_printf(out, " %s=", name);
        buf_add(out, buf_bytes(&encoded));
    }
    buf_free(&encoded);
}

static void write_dsn(struct buf *out, const struct client_envelope *envelope)
{
    if (envelope->return_full || envelope->return_headers)
        buf_add_string(out, envelope->return_full ? " RET=FULL" : " RET=HDRS");
    write_xtext_parameter(out, "ENVID", envelope->envelope_id, ENVELOPE_ID_MAX);
}

void client_write_mail(struct buf *out, const struct client *client,
                       const struct client_envelope *envelope)
{
    const struct client_extensions *e = &client->extensions;
    buf_add_string(out, "MAIL FROM:<");
    buf_add(out, envelope->sender);
    buf_add_byte(out, '>');
    if (e->size && envelope->size)
        buf_printf(out, " SIZE=%llu", (unsigned long long)envelope->size);
    if (e->eight_bit && envelope->eight_bit)
        buf_add_string(out, " BODY=8BITMIME");
    if (client->utf8)
        buf_add_string(out, " SMTPUTF8");
    if (e->dsn)
        write_dsn(out, envelope);
    if (e->auth && envelope->auth_unknown)
        buf_add_string(out, " AUTH=<>");
    if (e->submitter && is_mailbox(envelope->submitter) && utf8_is_ascii(envelope->submitter))
        write_xtext_parameter(out, "SUBMITTER", envelope->submitter, MAILBOX_OCTETS_MAX);
    if (envelope->require_tls)
        buf_add_string(out, " REQUIRETLS");
    buf_add_string(out, "\r\n");
}

/* ---- RCPT ---- */

static void write_notify(struct buf *out, unsigned notify)
{
    static const struct {
        enum smtp_notify bit;
        const char *name;
    } names[] = {{SMTP_NOTIFY_SUCCESS, "SUCCESS"},
                 {SMTP_NOTIFY_FAILURE, "FAILURE"},
                 {SMTP_NOTIFY_DELAY, "DELAY"}};
    if (!notify)
        return;
    buf_add_string(out, " NOTIFY=");
    if (notify & SMTP_NOTIFY_NEVER) { /* goes with no other (rfc3461:4.1) */
        buf_add_string(out, "NEVER");
        return;
    }
    bool first = true;
    for (size_t i = 0; i < countof(names); i++) {
        if (!(notify & names[i].bit))
            continue;
        buf_printf(out, "%s%s", first ? "" : ",", names[i].name);
        first = false;
    }
}

/* rfc6533:3: as UTF-8 where the server takes that, else in ASCII; specials as code points. What is
 * written with code points already (`escaped`) is not to be so twice, and those of ASCII stay so. */
static void encode_utf8_address(struct buf *out, struct bytes address, bool escaped, bool utf8)
{
    uint32_t point;
    uint8_t octets[4];
    while (address.len) {
        size_t escape = escaped ? unitext_escape(address, &point) : 0;
        if (escape) {
            if (utf8 && point >= 0x80)
                buf_add(out, bytes_from(octets, utf8_encode(point, octets)));
            else
                buf_add(out, bytes_first(address, escape));
            address = bytes_skip(address, escape);
            continue;
        }
        size_t length = utf8_sequence(address);
        struct bytes character = bytes_first(address, length);
        uint8_t c = address.ptr[0];
        bool plain = length > 1 ? utf8 : ascii_is_graph(c) && c != '\\' && c != '+' && c != '=';
        if (plain)
            buf_add(out, character);
        else
            buf_printf(out, "\\x{%02X}", (unsigned)utf8_code_point(character));
        address = bytes_skip(address, length);
    }
}

static bool is_atom(struct bytes type)
{
    for (size_t i = 0; i < type.len; i++)
        if (!ascii_is_alnum(type.ptr[i]) && type.ptr[i] != '-')
            return false;
    return type.len > 0;
}

/* "rfc822;user@domain"; an address that is not ASCII has the type of RFC 6533. One that came with that
 * type may still be in its ASCII form. */
static void write_original(struct buf *out, struct bytes original, bool utf8)
{
    struct bytes address = original, type;
    if (!original.ptr || original.len > ORIGINAL_INPUT_MAX)
        return;
    bytes_split(&address, ';', &type);
    if (!is_atom(type) || !address.len || !utf8_is_valid(address))
        return;
    bool ascii = utf8_is_ascii(address), is_utf8 = bytes_is_nocase(type, "utf-8");
    if (!ascii && !is_utf8 && !bytes_is_nocase(type, "rfc822"))
        return;
    struct buf encoded;
    buf_init(&encoded, ORIGINAL_MAX);
    buf_add(&encoded, ascii ? type : BYTES("utf-8"));
    buf_add_byte(&encoded, ';');
    if (is_utf8 || !ascii)
        encode_utf8_address(&encoded, address, is_utf8, utf8);
    else
        xtext_encode(&encoded, address);
    if (!encoded.failed) {
        buf_add_string(out, " ORCPT=");
        buf_add(out, buf_bytes(&encoded));
    }
    buf_free(&encoded);
}

void client_write_recipient(struct buf *out, const struct client *client,
                            const struct client_recipient *recipient, bool utf8)
{
    buf_add_string(out, "RCPT TO:<");
    buf_add(out, recipient->mailbox);
    buf_add_byte(out, '>');
    if (client->extensions.dsn) {
        write_notify(out, recipient->notify);
        write_original(out, recipient->original, utf8);
    }
    buf_add_string(out, "\r\n");
}
