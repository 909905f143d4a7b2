/* SPDX-License-Identifier: BSD-2-Clause */
/* Names of strangers in all places: lines of author, display name, Reply-To, then link text, URL and host in turn. */
#include "filter/phishing.h"

#include "base/domain.h"
#include "base/utf8.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { LINKS = 60 };

static struct bytes organization(struct bytes host)
{
    return domain_label_count(host) >= 2 && domain_is_valid(host) ? domain_last_labels(host, 2) : BYTES("");
}

static struct phishing_names *protected_names(void)
{
    static struct phishing_names *names;
    static const struct bytes domains[] = {BYTES_INIT("ours.example"), BYTES_INIT("paypal.com"),
                                           BYTES_INIT("bank.example"), BYTES_INIT("xn--bcher-kva.example"),
                                           BYTES_INIT("microsoft.com")};
    if (!names)
        require(phishing_names_compile(domains, 5, 1, organization, &names, NULL) == OK);
    return names;
}

static struct bytes next_line(struct bytes *rest)
{
    struct bytes line = BYTES("");
    if (rest->ptr)
        bytes_split(rest, '\n', &line);
    return line;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_create(16 << 20);
    struct bytes rest = bytes_from(data, size), author, contact;
    struct readable_link links[LINKS];
    struct phishing_findings found;
    if (!rest.ptr)
        rest = BYTES("");
    author = next_line(&rest);
    size_t at = bytes_rfind_byte(author, '@');
    struct readable readable = {.links = links};
    struct phishing_request request = {.author = author, .names = protected_names(), .readable = &readable,
                                       .organization = organization, .authenticated = size & 1, .list = size & 2};
    request.author_domain = at == BYTES_NOT_FOUND ? BYTES("") : arena_lower(arena, bytes_skip(author, at + 1));
    request.display_name = next_line(&rest);
    request.reply_to = next_line(&rest);
    contact = arena_lower(arena, next_line(&rest));
    request.contacts = &contact;
    request.contact_count = 1;
    for (; rest.ptr && readable.link_count < LINKS; readable.link_count++) {
        struct readable_link *link = &links[readable.link_count];
        *link = (struct readable_link){.html = true, .text = next_line(&rest)};
        link->url = next_line(&rest);
        link->host = arena_lower(arena, next_line(&rest));
    }
    require(phishing_examine(arena, &request, &found, NULL) == OK);
    require(found.count <= PHISHING_FINDINGS_MAX);
    for (size_t i = 0; i < found.count; i++) {
        require(phishing_kind_name(found.list[i].kind) && found.list[i].reason.len);
        require(found.list[i].claimed.len <= 103 && found.list[i].real.len <= 103);
        require(utf8_is_valid(found.list[i].reason));
    }
    /* Ours is never said to imitate anybody. */
    request.author = BYTES("a@ours.example");
    request.author_domain = BYTES("ours.example");
    request.reply_to = request.display_name = BYTES("");
    readable.link_count = 0;
    require(phishing_examine(arena, &request, &found, NULL) == OK && found.count == 0);
    arena_destroy(arena);
    return 0;
}
