/* SPDX-License-Identifier: BSD-2-Clause */
#include "reputation/rdns.h"

#include "auth/organization.h"
#include "base/ascii.h"
#include "base/domain.h"
#include "reputation/rdns_address.h"

#include <stdio.h>

const char *rdns_class_name(enum rdns_class class)
{
    static const char *const names[] = {"unknown", "none", "unconfirmed", "generic", "confirmed"};
    return names[class];
}

/* Only lines of consumers are called that. */
static const char *const line_words[] = {
    "adsl", "broadband", "catv", "cgn", "cgnat", "cablemodem", "cpe", "dhcp", "dial", "dialin", "dialup",
    "dip", "dsl", "dslam", "dyn", "dynamic", "dynip", "dynamicip", "dyns", "fttb", "fttc", "ftth", "fttp",
    "fttx", "gpon", "gprs", "hdsl", "hsd", "lte", "ppp", "pppoe", "pppoa", "pptp", "residential", "sdsl", "umts",
    "unassigned", "unused", "vdsl", "wimax", "xdsl",
};

/* These say the same beside a number, or beside each other. */
static const char *const weak_words[] = {
    "bb", "cable", "client", "clients", "cm", "cust", "customer", "customers", "fiber", "fibre", "home", "host",
    "hotspot", "ip", "ipv", "lines", "members", "mob", "mobile", "modem", "nat", "pool", "pools", "res", "resi",
    "rev", "reverse", "sub", "subs", "subscriber", "subscribers", "unknown", "user", "users", "wifi", "wireless",
    "wlan",
};

static const char *const server_words[] = {
    "bounce", "bounces", "delivery", "email", "emails", "eml", "esmtp", "exchange", "exim", "imap", "list", "lists",
    "lmtp", "mail", "mails", "mda", "mgw", "milter", "mout", "msa", "msg", "msgs", "mta", "mtas", "mx", "mxs",
    "newsletter", "news", "notification", "notifications", "notify", "out", "outbound", "outgoing", "pmta", "pop",
    "post", "postfix", "postmaster", "relay", "relays", "send", "sender", "smarthost", "smtp", "smtpd", "submission",
};

/* "mailout", "smtp-auth", "mxrelay", "hotmail": whatever begins or ends so. */
static const char *const server_parts[] = {"mail", "smtp", "relay", "mta"};

static bool is_of(struct bytes word, const char *const *list, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (bytes_is(word, list[i]))
            return true;
    return false;
}

static bool is_server_word(struct bytes word)
{
    if (is_of(word, server_words, countof(server_words)))
        return true;
    for (size_t i = 0; i < countof(server_parts); i++)
        if (bytes_starts_with(word, bytes_of(server_parts[i])) || bytes_ends_with(word, bytes_of(server_parts[i])))
            return true;
    return false;
}

/* What the words of a name say. */
struct words {
    struct bytes line, weak; /* the first of each */
    size_t weak_count;       /* different ones */
    bool server;
    size_t digits;           /* in the host's part, all together */
};

static void look_at_word(struct bytes word, struct words *words)
{
    if (is_server_word(word)) {
        words->server = true;
    } else if (is_of(word, line_words, countof(line_words))) {
        if (!words->line.len)
            words->line = word;
    } else if (is_of(word, weak_words, countof(weak_words))) {
        if (!words->weak.len)
            words->weak = word;
        words->weak_count += !bytes_equal(words->weak, word) || !words->weak_count;
    }
}

/* Words are runs of letters: "dsl12-34" has "dsl". */
static void look_at_words(struct bytes host, struct words *words)
{
    *words = (struct words){.line = BYTES(""), .weak = BYTES("")};
    for (size_t i = 0; i < host.len;) {
        size_t start = i;
        while (i < host.len && ascii_is_lower(host.ptr[i]))
            i++;
        if (i > start)
            look_at_word(bytes_slice(host, start, i), words);
        else
            words->digits += ascii_is_digit(host.ptr[i++]);
    }
}

/* Where the registrable part begins. */
static size_t host_length(struct bytes name)
{
    struct bytes organizational;
    if (organization_domain(name, &organizational) != OK)
        organizational = domain_last_labels(name, 2);
    return name.len - organizational.len;
}

static bool say(char why[RDNS_WHY_SIZE], const char *what, struct bytes text)
{
    if (why)
        snprintf(why, RDNS_WHY_SIZE, "%s %.*s", what, (int)(text.len > 60 ? 60 : text.len), (const char *)text.ptr);
    return true;
}

static bool is_of_mail(struct bytes registrable)
{
    for (size_t i = 0; i < countof(server_parts); i++)
        if (bytes_find(registrable, bytes_of(server_parts[i])) != BYTES_NOT_FOUND)
            return true;
    return false;
}

static bool judge_name(const struct ip *ip, struct bytes name, char why[RDNS_WHY_SIZE])
{
    enum { LONG_NUMBER = 4 };
    size_t host_len = host_length(name);
    struct words words;
    struct bytes found;
    enum rdns_address address = rdns_address_find(ip, name, host_len, &found);
    look_at_words(bytes_first(name, host_len), &words);
    if (words.server && !(address == RDNS_ADDRESS_WHOLE && words.line.len))
        return false;
    /* Who sends for others numbers his servers so, and is often called after it. */
    if (address == RDNS_ADDRESS_PART && is_of_mail(bytes_skip(name, host_len)))
        address = RDNS_ADDRESS_NONE;
    if (address >= RDNS_ADDRESS_PART)
        return say(why, "the address", found);
    if (words.line.len)
        return say(why, "the word", words.line);
    if (words.weak.len && (address == RDNS_ADDRESS_LAST || words.weak_count > 1 || words.digits >= LONG_NUMBER))
        return say(why, "the word", words.weak);
    return false;
}

bool rdns_is_generic(const struct ip *ip, struct bytes name, char why[RDNS_WHY_SIZE])
{
    uint8_t lower[RDNS_NAME_MAX];
    if (why)
        why[0] = 0;
    name = domain_strip_dot(name);
    if (!domain_is_valid(name) || name.len > sizeof(lower))
        return false;
    for (size_t i = 0; i < name.len; i++)
        lower[i] = ascii_lower(name.ptr[i]);
    return judge_name(ip, bytes_from(lower, name.len), why);
}

void rdns_classify(const struct ip *ip, enum auth_result iprev, struct bytes name, struct rdns_result *result)
{
    *result = (struct rdns_result){.class = RDNS_UNCONFIRMED};
    if (rdns_is_generic(ip, name, result->why))
        result->class = RDNS_GENERIC;
    else if (iprev == AUTH_PASS)
        result->class = RDNS_CONFIRMED;
    else if (iprev == AUTH_TEMPERROR)
        result->class = RDNS_UNKNOWN;
    else if (!name.len)
        result->class = RDNS_NONE;
}
