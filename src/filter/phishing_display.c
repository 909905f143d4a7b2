/* SPDX-License-Identifier: BSD-2-Clause */
/* phishing_display: the display name of From, which is all of the author that most people see. */
#include "filter/phishing_hosts.h"
#include "filter/phishing_private.h"

#include "base/ascii.h"
#include "base/domain.h"
#include "base/utf8.h"
#include "message/mailbox.h"

enum { NAME_MAX = 400, WORDS_MAX = 24, BRAND_MIN = 5, BRAND_OWN_MIN = 6 };

static bool is_part_of_address(uint8_t c)
{
    return ascii_is_alnum(c) || c == '.' || c == '-' || c == '_' || c == '+' || c == '@' || c >= 0x80;
}

/* The next run of octets that an address or a domain may be made of. */
static bool next_token(struct bytes *rest, struct bytes *token)
{
    size_t from = 0, to;
    while (from < rest->len && !is_part_of_address(rest->ptr[from]))
        from++;
    for (to = from; to < rest->len && is_part_of_address(rest->ptr[to]);)
        to++;
    *token = bytes_slice(*rest, from, to);
    *rest = bytes_skip(*rest, to);
    while (token->len && (token->ptr[token->len - 1] == '.' || token->ptr[token->len - 1] == '-'))
        token->len--;
    return to > from;
}

/* Services that write on behalf of somebody say so, and let the answers go to him. */
static bool is_on_behalf(const struct phishing_look *look, struct bytes address)
{
    static const char *const words[] = {" via ", "(via ", " über ", " on behalf of ", " im auftrag ", " par ", " por "};
    const struct phishing_request *request = look->request;
    if (bytes_equal_nocase(request->reply_to, address))
        return true;
    for (size_t i = 0; i < countof(words); i++)
        if (bytes_find_nocase(request->display_name, bytes_of(words[i])) != BYTES_NOT_FOUND)
            return true;
    return false;
}

static bool is_authors(const struct phishing_look *look, struct bytes organization)
{
    return bytes_equal(organization, look->author.domain);
}

/* True: it is an address or a domain, and has been dealt with. */
static bool look_at_token(struct phishing_look *look, struct bytes token)
{
    size_t at = bytes_rfind_byte(token, '@');
    struct bytes domain = arena_lower(look->arena, at == BYTES_NOT_FOUND ? token : bytes_skip(token, at + 1));
    struct phishing_name name;
    if (!domain.ptr || !domain_is_fully_qualified(domain))
        return false;
    if (!phishing_name_read(look->arena, domain, look->request->organization, &name)) {
        look->exhausted = true;
        return true;
    }
    if (!name.domain.len)
        return false;
    bool same_name = bytes_equal(name.label, look->author.label); /* example.com, example.de */
    if (is_authors(look, name.domain) || (at == BYTES_NOT_FOUND && same_name))
        return true;
    bool is_protected = phishing_is_protected(look, name.domain);
    bool is_free = phishing_is_free_mail(domain);
    if (at != BYTES_NOT_FOUND && is_on_behalf(look, token))
        return true;
    /* A name with a dot in it may be a domain by chance, so those count only where they are protected. */
    if (is_protected && !is_free)
        phishing_found(look, PHISHING_DISPLAY_NAME, token, look->request->author, "the name says", "and the address");
    else if (at != BYTES_NOT_FOUND && at > 0)
        phishing_found(look, PHISHING_DISPLAY_OTHER, token, look->request->author, "the name says", "and the address");
    return true;
}

/* ---- a protected name without its domain ---- */

/* What stands beside the name of an organization that writes in its own name. */
static bool is_filler(struct bytes looks)
{
    static const char *const fillers[] = {
        "account", "accounts", "alert", "alerts", "and", "bank", "billing", "care", "center", "centre", "client",
        "co", "com", "company", "contact", "corp", "corporation", "customer", "customers", "de", "department",
        "dept", "desk", "fraud", "gmbh", "group", "help", "helpdesk", "inc", "info", "information", "invoice", "it",
        "kundenservice", "limited", "llc", "ltd", "mail", "message", "news", "no", "noreply", "notice",
        "notification", "notifications", "notify", "of", "office", "official", "online", "payment", "payments",
        "plc", "reply", "sa", "secure", "security", "service", "services", "shop", "sicherheit", "store", "support",
        "system", "team", "the", "update", "updates", "verification", "your",
    };
    for (size_t i = 0; i < countof(fillers); i++) {
        struct skeleton filler;
        confusable_skeleton(bytes_of(fillers[i]), &filler);
        if (bytes_equal(skeleton_bytes(&filler), looks))
            return true;
    }
    return false;
}

static bool is_letter_or_digit(uint8_t c)
{
    return ascii_is_alnum(c) || c >= 0x80 || c == '$' || c == '|';
}

struct words {
    struct skeleton list[WORDS_MAX];
    size_t count;
};

static void read_words(struct bytes text, struct words *words)
{
    size_t i = 0;
    words->count = 0;
    while (i < text.len && words->count < WORDS_MAX) {
        size_t from = i;
        while (i < text.len && is_letter_or_digit(text.ptr[i]))
            i++;
        if (i > from)
            confusable_skeleton(bytes_slice(text, from, i), &words->list[words->count++]);
        else
            i++;
    }
}

static void look_at_words(struct phishing_look *look, struct bytes display_name)
{
    struct words words;
    const struct phishing_name *brand = NULL;
    size_t others = 0, place = 0;
    read_words(display_name, &words);
    for (size_t i = 0; i < words.count && !brand; i++) {
        struct bytes looks = skeleton_bytes(&words.list[i]);
        brand = looks.len >= BRAND_MIN ? phishing_names_find_looks(look->request->names, looks) : NULL;
        if (brand && brand->own && looks.len < BRAND_OWN_MIN)
            brand = NULL;
        place = i;
    }
    for (size_t i = 0; i < words.count && brand; i++)
        others += i != place && !is_filler(skeleton_bytes(&words.list[i]));
    /* Whoever has the name as his own domain, under whatever suffix, may call himself so. */
    if (!brand || phishing_is_protected(look, look->author.domain) || bytes_equal(brand->label, look->author.label))
        return;
    enum phishing_kind kind = others ? PHISHING_DISPLAY_OTHER : PHISHING_DISPLAY_NAME;
    if (!others || (others == 1 && place == 0 && !brand->own))
        phishing_found(look, kind, brand->domain, look->request->author, "the name is that of", "and the address");
}

void phishing_look_at_display_name(struct phishing_look *look)
{
    struct bytes display_name = bytes_first(look->request->display_name, NAME_MAX), rest = display_name, token;
    bool has_address = false;
    for (size_t i = 0; i < WORDS_MAX && next_token(&rest, &token); i++)
        has_address |= look_at_token(look, token);
    if (!has_address)
        look_at_words(look, display_name);
}
