/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * auth_results_fixture: for tests: the methods of the IANA registry "Email Authentication Parameters"
 * (rfc8601:6), each with its result names and properties.
 */
#ifndef VOUCH_MESSAGE_AUTH_RESULTS_FIXTURE_H
#define VOUCH_MESSAGE_AUTH_RESULTS_FIXTURE_H

#include "message/auth_results.h"

#include <stdio.h>

/* Words apart by blanks; "header.*" is any header field. */
static const struct registered_method {
    const char *method, *results, *properties;
} registered_methods[] = {
    {"arc", "none pass fail", "smtp.remote-ip header.oldest-pass"}, /* rfc8617:10 */
    {"auth", "none pass fail temperror permerror", "smtp.auth smtp.mailfrom"},
    {"dkim", "none pass fail policy neutral temperror permerror",
     "header.d header.i header.b header.a header.s"}, /* b: RFC 6008 */
    {"dkim-adsp", "none pass unknown fail discard nxdomain temperror permerror", "header.from"},
    {"dkim-atps", "none pass fail temperror permerror", "header.from"}, /* RFC 6541 */
    {"dmarc", "none pass fail temperror permerror", "header.from policy.dmarc"},
    {"dnswl", "none pass temperror permerror",
     "dns.zone policy.ip policy.txt dns.sec"}, /* rfc8904:4 */
    {"domainkeys", "none pass fail policy neutral temperror permerror",
     "header.d header.from header.s header.sender"},
    {"iprev", "pass fail temperror permerror", "policy.iprev"},
    {"rrvs", "none unknown temperror permerror pass fail", "smtp.rrvs"}, /* rfc7293:11 */
    {"sender-id", "none pass fail softfail neutral policy temperror permerror", "header.*"},
    {"smime", "none pass fail policy neutral temperror permerror",
     "body.smime-part body.smime-identifier body.smime-serial body.smime-issuer"}, /* RFC 7281 */
    {"spf", "none pass fail softfail neutral policy temperror permerror",
     "smtp.mailfrom smtp.helo"},
    {"vbr", "none pass fail temperror permerror", "header.md header.mv"}, /* RFC 6212 */
};

static inline bool is_word_of(const char *words, struct bytes word)
{
    struct bytes rest = bytes_of(words), one;
    while (bytes_split(&rest, ' ', &one))
        if (bytes_equal(one, word) || (bytes_ends_with(one, BYTES(".*")) &&
                                       bytes_starts_with(word, bytes_first(one, one.len - 1))))
            return true;
    return false;
}

/* What of it is not registered, as a sentence; NULL: all is. */
static inline const char *why_not_registered(const struct auth_statement *statement)
{
    const struct registered_method *found = NULL;
    for (size_t i = 0; i < countof(registered_methods); i++)
        if (bytes_is(statement->method, registered_methods[i].method))
            found = &registered_methods[i];
    if (!found)
        return "the method is not registered";
    if (!is_word_of(found->results, bytes_of(auth_result_name(statement->result))))
        return "the result is not registered for the method";
    for (size_t i = 0; i < statement->property_count; i++) {
        const struct auth_property *property = &statement->properties[i];
        char text[256];
        snprintf(text, sizeof(text), BYTES_FMT "." BYTES_FMT, BYTES_ARG(property->type),
                 BYTES_ARG(property->name));
        if (!is_word_of(found->properties, bytes_of(text)))
            return "a property is not registered for the method";
    }
    return NULL;
}

#endif
