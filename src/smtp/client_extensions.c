/* SPDX-License-Identifier: BSD-2-Clause */
#include "smtp/client_private.h"

static void read_size(struct client_extensions *e, struct bytes rest)
{
    struct bytes word;
    e->size = true;
    if (!bytes_split(&rest, ' ', &word) || !bytes_to_uint(word, UINT64_MAX, &e->size_max))
        e->size_max = 0;
}

static void read_mechanisms(struct client_extensions *e, struct bytes rest)
{
    static const struct {
        const char *name;
        enum client_mechanism mechanism;
    } known[] = {{"PLAIN", CLIENT_PLAIN},
                 {"LOGIN", CLIENT_LOGIN},
                 {"CRAM-MD5", CLIENT_CRAM_MD5},
                 {"SCRAM-SHA-256", CLIENT_SCRAM_SHA_256},
                 {"EXTERNAL", CLIENT_EXTERNAL}};
    struct bytes word;
    e->auth = true;
    while (bytes_split(&rest, ' ', &word))
        for (size_t i = 0; i < countof(known); i++)
            if (bytes_is_nocase(word, known[i].name))
                e->mechanisms |= known[i].mechanism;
}

/* "MAILMAX=10 RCPTMAX=100" (rfc9422:4). A limit of 0 or one that cannot be read says nothing. */
static void read_limits(struct client_extensions *e, struct bytes rest)
{
    struct bytes word, name;
    while (bytes_split(&rest, ' ', &word)) {
        uint64_t value;
        if (!bytes_split(&word, '=', &name) || !word.ptr || !bytes_to_uint(word, 999999, &value))
            continue;
        if (bytes_is_nocase(name, "MAILMAX"))
            e->mail_max = (uint32_t)value;
        else if (bytes_is_nocase(name, "RCPTMAX"))
            e->recipient_max = (uint32_t)value;
        else if (bytes_is_nocase(name, "RCPTDOMAINMAX"))
            e->domain_max = (uint32_t)value;
    }
}

static bool read_flag(struct client_extensions *e, struct bytes word)
{
    const struct {
        const char *keyword;
        bool *flag;
    } flags[] = {{"8BITMIME", &e->eight_bit},     {"SMTPUTF8", &e->smtputf8},
                 {"PIPELINING", &e->pipelining},  {"CHUNKING", &e->chunking},
                 {"DSN", &e->dsn},                {"STARTTLS", &e->starttls},
                 {"REQUIRETLS", &e->require_tls}, {"SUBMITTER", &e->submitter},
                 {"ENHANCEDSTATUSCODES", &e->enhanced_status_codes}};
    for (size_t i = 0; i < countof(flags); i++) {
        if (!bytes_is_nocase(word, flags[i].keyword))
            continue;
        *flags[i].flag = true;
        return true;
    }
    return false;
}

void client_extensions_line(void *context, struct bytes text)
{
    struct client_extensions *e = context;
    struct bytes word;
    if (!text.ptr || !bytes_split(&text, ' ', &word) || read_flag(e, word))
        return;
    struct bytes rest = bytes_trim_start(text);
    if (bytes_is_nocase(word, "SIZE")) {
        read_size(e, rest);
    } else if (bytes_is_nocase(word, "AUTH")) {
        read_mechanisms(e, rest);
    } else if (bytes_starts_with_nocase(word, BYTES("AUTH="))) {
        /* The form of before RFC 2554, which some servers add: the first mechanism behind "=". */
        read_mechanisms(e, bytes_skip(word, 5));
        read_mechanisms(e, rest);
    } else if (bytes_is_nocase(word, "LIMITS")) {
        read_limits(e, rest);
    }
}
