/* SPDX-License-Identifier: BSD-2-Clause */
/* DKIM keys at the selectors given, or at those that are common (RFC 6376, 8301). */
#include "auth/dkim_key.h"
#include "auth/dkim_tags.h"
#include "fiber/group.h"
#include "lint/lint.h"

static const char *const common[] = {
    "default",
    "dkim",
    "mail",
    "email",
    "smtp",
    "mx",
    "key1",
    "key2",
    "k1",
    "k2",
    "k3",
    "s1",
    "s2",
    "s1024",
    "s2048",
    "sel1",
    "sel2",
    "selector",
    "selector1",
    "selector2",
    "google",
    "mandrill",
    "mailjet",
    "mailo",
    "mailgun",
    "mg",
    "mte1",
    "mte2",
    "pm",
    "postmark",
    "smtpapi",
    "sendgrid",
    "sm",
    "em",
    "everlytickey1",
    "everlytickey2",
    "mxvault",
    "zendesk1",
    "zendesk2",
    "hs1",
    "hs2",
    "fm1",
    "fm2",
    "fm3",
    "protonmail",
    "protonmail2",
    "protonmail3",
    "zoho",
    "zmail",
    "yandex",
    "turbo-smtp",
    "cm",
    "sig1",
    "dkim1",
    "dkim2",
    "rsa",
    "ed25519",
    "2024",
    "2025",
    "2026",
};

/* A name that nobody publishes: what answers for it answers for every name. */
static const char unlikely[] = "vouch-lint-asks-for-no-such-selector";

struct asking {
    struct lint *lint;
    struct section *section;
    struct bytes selector, name;
    bool given;  /* by the administrator; else guessed */
    bool local;  /* of a key of this host */
    bool signs;  /* with which it signs */
    const struct dns_answer *answer;
};

/* What the keys found add up to. */
struct tally {
    size_t found, failed, rsa;
};

static void ask(void *argument)
{
    struct asking *asking = argument;
    asking->answer = dns_query(asking->lint->dns, asking->section->arena, asking->name, DNS_TXT,
                               asking->lint->deadline);
}

static void judge_tags(struct section *section, struct bytes name, struct bytes text)
{
    struct dkim_tags tags;
    if (dkim_tags_parse(text, &tags, NULL) != OK)
        return;
    const struct dkim_tag *hashes = dkim_tags_find(&tags, "h");
    const struct dkim_tag *granularity = dkim_tags_find(&tags, "g");
    if (hashes && !dkim_tags_lists(hashes->value, "sha256"))
        section_find(
            section, SEVERITY_ERROR, HARM_MAIL_LOST, name, "rfc8301:3.1",
            "The key allows only SHA-1 (h=sha1), which receivers refuse: remove the h= tag.");
    if (granularity)
        section_find(section, SEVERITY_ADVICE, HARM_CLUTTER, name, "rfc6376:c.2",
                     "The tag g= comes from DomainKeys and means nothing in DKIM: remove it.");
    if (!dkim_tags_find(&tags, "v"))
        section_find(section, SEVERITY_ADVICE, HARM_CLUTTER, name, "rfc6376:3.6.1",
                     "The record should begin with v=DKIM1.");
}

/* Whatever is wrong with bits: how it is mended is the same. */
static void judge_key(struct section *section, struct bytes name, const struct dkim_key *key)
{
    unsigned bits = dkim_key_bits(key);
    const struct dkim_key_record *record = dkim_key_record(key);
    bool rsa = record->type == DKIM_KEY_RSA;
    section_show(section, 0, BYTES_FMT ": %s, %u bits%s", BYTES_ARG(name), rsa ? "RSA" : "Ed25519",
                 bits, record->testing ? ", testing" : "");
    if (rsa && bits < 2048)
        section_find(section, SEVERITY_WARNING, HARM_FORGERY, name, "rfc8301:3.2",
                     "The RSA key has %u bits; 2048 are asked for, and fewer can be broken by who "
                     "spends enough: make a new one with `vouch dkim keygen`.",
                     bits);
    if (record->testing)
        section_find(section, SEVERITY_WARNING, HARM_WEAKNESS, name, "rfc6376:3.6.1",
                     "The key says that it is being tested (t=y), so receivers treat the mail as "
                     "unsigned: remove t=y when signing works.");
}

static bool allows_sha256(struct bytes text)
{
    struct dkim_tags tags;
    if (dkim_tags_parse(text, &tags, NULL) != OK)
        return false;
    const struct dkim_tag *hashes = dkim_tags_find(&tags, "h");
    return !hashes || dkim_tags_lists(hashes->value, "sha256");
}

/* How many records at the name are keys of the type that receivers can use. */
static size_t count_keys(const struct asking *asking, enum dkim_key_type type)
{
    const struct dns_answer *answer = asking->answer;
    const struct dkim_key *key;
    size_t count = 0;
    for (size_t i = 0; answer && answer->status == DNS_FOUND && i < answer->count; i++) {
        struct bytes text = answer->records[i].text;
        count += dkim_key_find(text, &key, NULL) == OK && dkim_key_record(key)->type == type &&
                 allows_sha256(text);
    }
    return count;
}

static void judge_record(struct section *section, struct bytes name, struct bytes text)
{
    struct error error;
    struct dkim_tags tags;
    const struct dkim_key *key;
    if (dkim_tags_parse(text, &tags, NULL) == OK) {
        const struct dkim_tag *data = dkim_tags_find(&tags, "p");
        if (data && !data->value.len) {
            section_show(section, 0, BYTES_FMT ": revoked", BYTES_ARG(name));
            section_find(section, SEVERITY_ADVICE, HARM_CLUTTER, name, "rfc6376:3.6.1",
                         "The key is revoked (p= is empty): mail signed with it fails; delete the "
                         "record when no such mail is under way any more.");
            return;
        }
    }
    judge_tags(section, name, text);
    enum result result = dkim_key_find(text, &key, &error);
    if (result == OK) {
        judge_key(section, name, key);
        return;
    }
    section_show(section, 0, BYTES_FMT ": %s", BYTES_ARG(name), error.text);
    if (result == NONE)
        section_find(section, SEVERITY_WARNING, HARM_MAIL_LOST, name, "rfc6376:3.6.1",
                     "The record is no DKIM key for mail (%s).", error.text);
    else
        section_find(section, SEVERITY_ERROR, HARM_MAIL_LOST, name, "rfc6376:3.6.1",
                     "The key cannot be used (%s), so every signature with it fails.", error.text);
}

static void judge_absence(struct asking *asking)
{
    if (asking->signs)
        section_find(asking->section, SEVERITY_ERROR, HARM_MAIL_LOST, asking->name,
                     "rfc6376:3.6.2",
                     "There is no key at the selector, and this host signs with it: publish the "
                     "record that `vouch dkim keygen` made.");
    else if (asking->given)
        section_find(asking->section, SEVERITY_ERROR, HARM_MAIL_LOST, asking->name,
                     "rfc6376:3.6.2",
                     "There is no key at the selector: signatures that name it fail.");
}

static void judge(struct asking *asking, struct tally *tally)
{
    const struct dns_answer *answer = asking->answer;
    struct section *section = asking->section;
    if (!answer || answer->status == DNS_FAILED) {
        tally->failed++;
        if (asking->given || asking->local)
            section_dns_failed(section, asking->name, answer ? answer->problem : NULL);
        return;
    }
    if (answer->status != DNS_FOUND) {
        judge_absence(asking);
        return;
    }
    tally->found++;
    tally->rsa += count_keys(asking, DKIM_KEY_RSA);
    if (answer->count > 1)
        section_find(section, SEVERITY_ERROR, HARM_MAIL_LOST, asking->name, "rfc6376:3.6.2.2",
                     "There are %zu TXT records; with more than one, which of them is the key is "
                     "left to chance.",
                     answer->count);
    for (size_t i = 0; i < answer->count; i++)
        judge_record(section, asking->name, answer->records[i].text);
}

/* The selectors to ask for: those given, or the common ones, and the local ones, once each. */
struct list {
    struct asking *items;
    size_t count;
};

static struct asking *add(struct lint *lint, struct section *section, struct list *list,
                          struct bytes selector)
{
    for (size_t i = 0; i < list->count; i++)
        if (bytes_equal_nocase(list->items[i].selector, selector))
            return &list->items[i];
    struct asking *asking = &list->items[list->count++];
    *asking = (struct asking){.lint = lint, .section = section, .selector = selector};
    asking->name = lint_name(section, BYTES_FMT "._domainkey." BYTES_FMT, BYTES_ARG(selector),
                             BYTES_ARG(lint->domain));
    return asking;
}

static bool make_list(struct lint *lint, struct section *section, struct list *list)
{
    const struct lint_request *request = lint->request;
    size_t most = request->selector_count + request->local_selector_count + countof(common);
    list->count = 0;
    list->items = arena_alloc_array(section->arena, most, sizeof(*list->items));
    if (!list->items)
        return false;
    for (size_t i = 0; i < request->selector_count; i++)
        add(lint, section, list, request->selectors[i])->given = true;
    for (size_t i = 0; i < request->local_selector_count; i++) {
        struct asking *asking = add(lint, section, list, request->local_selectors[i].name);
        asking->local = true;
        asking->signs = request->local_selectors[i].signs;
    }
    for (size_t i = 0; !request->selector_count && i < countof(common); i++)
        add(lint, section, list, bytes_of(common[i]));
    return true;
}

static bool has_wildcard(struct lint *lint, struct section *section)
{
    struct bytes name =
        lint_name(section, "%s._domainkey." BYTES_FMT, unlikely, BYTES_ARG(lint->domain));
    if (dns_query(lint->dns, section->arena, name, DNS_TXT, lint->deadline)->status != DNS_FOUND)
        return false;
    section_find(section, SEVERITY_WARNING, HARM_WEAKNESS, name, "rfc6376:6.1.2",
                 "A wildcard answers for every selector, so keys cannot be looked for here: name "
                 "them with --selector, and remove the wildcard.");
    return true;
}

/* Only where all answered can it be said that there is no RSA key. */
static void check_algorithms(struct section *section, const struct list *list,
                             const struct tally *tally)
{
    for (size_t i = 0; i < list->count && !tally->rsa && !tally->failed; i++)
        if (count_keys(&list->items[i], DKIM_KEY_ED25519))
            section_find(section, SEVERITY_ADVICE, HARM_WEAKNESS, list->items[i].name, "rfc8463:3",
                         "Many receivers cannot check Ed25519 yet, and no RSA key was found: sign "
                         "with one as well.");
}

static void judge_all(struct lint *lint, struct section *section, struct list *list, bool wildcard)
{
    struct tally tally = {0, 0, 0};
    bool guessed = !lint->request->selector_count;
    for (size_t i = 0; i < list->count; i++)
        if (!wildcard || list->items[i].given || list->items[i].local)
            judge(&list->items[i], &tally);
    if (!wildcard)
        check_algorithms(section, list, &tally);
    if (guessed && tally.failed)
        section_dns_failed(section, lint->domain, "asked for DKIM keys");
    if (!guessed || wildcard || tally.found || tally.failed)
        return;
    section_show(section, 0, "no key at %zu common selectors", countof(common));
    section_find(section, SEVERITY_ADVICE, HARM_WEAKNESS, lint->domain, "rfc6376:3.6.2.1",
                 "No key was found at the common selectors; they cannot be listed, so name those "
                 "in use with --selector, or begin to sign.");
}

void lint_dkim(struct lint *lint, struct section *section)
{
    struct list list;
    struct fiber_group group;
    if (!make_list(lint, section, &list)) {
        section->incomplete = true;
        return;
    }
    fiber_group_open(&group);
    for (size_t i = 0; i < list.count; i++)
        if (!fiber_group_start(&group, "dkim", ask, &list.items[i]))
            section->incomplete = true;
    bool wildcard = !lint->request->selector_count && has_wildcard(lint, section);
    fiber_group_wait(&group, NO_DEADLINE);
    fiber_group_close(&group);
    judge_all(lint, section, &list, wildcard);
    if (!section->finding_count)
        section_find(section, SEVERITY_FINE, HARM_CLUTTER, lint->domain, "rfc6376:3.6.1",
                     "Every key found can be used.");
}
