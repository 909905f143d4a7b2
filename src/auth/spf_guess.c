/* SPDX-License-Identifier: BSD-2-Clause */
/* The best guess for domains that publish no SPF record. Declared in spf.h. */
#include "auth/spf.h"

#include "auth/organization.h"
#include "base/domain.h"
#include "message/mailbox.h"

/* What most domains would have published: their own hosts and those of their neighbourhood. */
static const struct dns_record guess = {.text = BYTES_INIT("v=spf1 a/24 mx/24 ptr")};

/* The record is tried by putting it in the place of what is published: it has no term that asks for
 * TXT, so any question for TXT is the one for the record. All others go down. */
struct guess_dns {
    struct dns dns; /* first */
    struct dns *below;
};

static const struct dns_answer *answer(struct dns *dns, struct arena *arena, struct bytes name,
                                       enum dns_type type, int64_t deadline)
{
    static const struct dns_answer found = {
        .status = DNS_FOUND, .canonical = BYTES_INIT(""), .count = 1, .records = &guess};
    if (type == DNS_TXT)
        return &found;
    return dns_query(((struct guess_dns *)dns)->below, arena, name, type, deadline);
}

/* "com", "co.uk": every host there has a name within, so that ptr would match them all. */
static bool is_top_level(struct bytes domain)
{
    struct bytes organization;
    return bytes_find_byte(domain, '.') == BYTES_NOT_FOUND ||
           organization_domain(domain, &organization) == NONE;
}

static struct bytes domain_of(const struct spf_request *request)
{
    struct bytes sender = request->sender.len ? request->sender : request->helo;
    return domain_strip_dot(mailbox_domain_or_all(sender));
}

void spf_check_guess(struct dns *dns, struct arena *arena, const struct spf_request *request,
                     struct spf_result *result)
{
    struct guess_dns guessing = {{answer}, dns};
    struct bytes domain = domain_of(request);
    if (is_top_level(domain)) {
        *result = (struct spf_result){.result = AUTH_NONE,
                                      .domain = domain,
                                      .problem = BYTES("no guess is made for top-level names")};
        return;
    }
    spf_check_mail_from(&guessing.dns, arena, request, result);
    if (result->result == AUTH_PERMERROR) {
        result->result = AUTH_NEUTRAL;
        result->problem = BYTES("");
    }
}
