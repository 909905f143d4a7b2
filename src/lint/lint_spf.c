/* SPDX-License-Identifier: BSD-2-Clause */
/* SPF records: syntax, what they include, what they cost, and whom they let in (RFC 7208). */
#include "base/domain.h"
#include "lint/lint.h"
#include "lint/record_text.h"
#include "lint/spf_mend.h"

struct spf_lint {
    struct lint *lint;
    struct section *section;
    struct spf_tree tree;
    const struct spf_tree_node *root;
    struct bytes fix; /* the corrected record, as a line of a zone */
};

static struct finding *find(struct spf_lint *spf, enum severity severity, enum harm harm,
                            struct bytes subject, const char *rfc, struct bytes text)
{
    struct finding *finding =
        section_find(spf->section, severity, harm, subject, rfc, BYTES_FMT, BYTES_ARG(text));
    finding->fix = spf->fix;
    return finding;
}

static void show_addresses(struct spf_lint *spf, const struct spf_tree_term *term, struct buf *line)
{
    const struct dns_answer *answers[] = {term->v4, term->v6};
    size_t count = 0;
    bool failed = false;
    for (size_t i = 0; i < countof(answers); i++) {
        count += answers[i] ? answers[i]->count : 0;
        failed |= answers[i] && answers[i]->status == DNS_FAILED;
    }
    if (failed)
        buf_add_string(line, ": the DNS gave no answer");
    else if (term->v4 && !count)
        buf_add_string(line, ": nothing there");
    else if (term->v4)
        buf_printf(line, ": %zu %s", count,
                   term->directive->mechanism == SPF_MX ? "MX hosts" : "addresses");
}

/* The tree, a line each; the depth was bounded when it was built. */
static void show(struct spf_lint *spf, const struct spf_tree_node *node, unsigned depth)
{
    if (node->state != SPF_TREE_RECORD) {
        section_show(spf->section, depth, BYTES_FMT ": " BYTES_FMT, BYTES_ARG(node->domain),
                     BYTES_ARG(node->problem));
        if (node->state != SPF_TREE_SYNTAX)
            return;
    }
    section_show(spf->section, depth, BYTES_FMT ": " BYTES_FMT, BYTES_ARG(node->domain),
                 BYTES_ARG(node->text));
    for (size_t i = 0; i < node->term_count; i++) {
        const struct spf_tree_term *term = &node->terms[i];
        struct buf line;
        buf_init(&line, 4096);
        buf_printf(&line, BYTES_FMT " uses %u", BYTES_ARG(term->text),
                   1 + (term->child ? term->child->cost : 0));
        if (!term->child)
            show_addresses(spf, term, &line);
        section_show(spf->section, depth + 1, BYTES_FMT, BYTES_ARG(buf_bytes(&line)));
        buf_free(&line);
        if (term->child)
            show(spf, term->child, depth + 2);
    }
}

static void check_all(struct spf_lint *spf)
{
    const struct spf_record *record = &spf->root->record;
    struct bytes domain = spf->root->domain;
    size_t at = record->directive_count;
    for (size_t i = 0; i < record->directive_count && at == record->directive_count; i++)
        if (record->directives[i].mechanism == SPF_ALL)
            at = i;
    if (at < record->directive_count) {
        char qualifier = (char)record->directives[at].qualifier;
        if (qualifier == '+')
            find(spf, SEVERITY_ERROR, HARM_FORGERY, domain, "rfc7208:5.1",
                 BYTES(
                     "\"+all\" allows every host of the world to send as the domain: the record is "
                     "worse than none."));
        else if (qualifier == '?')
            find(spf, SEVERITY_WARNING, HARM_FORGERY, domain, "rfc7208:8.2",
                 BYTES(
                     "\"?all\" says nothing about forgeries; \"~all\" lets receivers distrust them "
                     "without refusing forwarded mail."));
        if (at + 1 < record->directive_count)
            find(spf, SEVERITY_WARNING, HARM_MAIL_LOST, domain, "rfc7208:5.1",
                 BYTES("Terms stand behind \"all\", where nobody reads them: hosts named there are "
                       "not allowed to send."));
        if (record->redirect.len)
            find(spf, SEVERITY_WARNING, HARM_CLUTTER, domain, "rfc7208:6.1",
                 BYTES("The redirect is without effect, because the record has an \"all\"."));
        return;
    }
    if (!record->redirect.len)
        find(
            spf, SEVERITY_WARNING, HARM_FORGERY, domain, "rfc7208:4.7",
            BYTES("The record has no end (\"all\" or redirect), so hosts that it does not name are "
                  "treated as if there were no record."));
    else if (spf_tree_default(spf->root) == '+')
        find(spf, SEVERITY_ERROR, HARM_FORGERY, domain, "rfc7208:5.1",
             BYTES("The record that this one redirects to ends in \"+all\": every host may send as "
                   "the domain."));
}

static void check_network(struct spf_lint *spf, const struct spf_directive *directive)
{
    bool v4 = directive->mechanism == SPF_IP4;
    unsigned prefix = v4 ? directive->prefix4 : directive->prefix6;
    if ((!v4 && directive->mechanism != SPF_IP6) || directive->qualifier != '+')
        return;
    struct ip ip = v4 ? ip_from_v4(directive->network) : ip_from_v6(directive->network);
    const char *special = lint_special_address(&ip);
    if (prefix <= (v4 ? 8u : 19u))
        section_find(
            spf->section, SEVERITY_ERROR, HARM_FORGERY, directive->text, "rfc7208:5.6",
            "The network is huge (/%u): millions of strangers may send as the domain; name "
            "only the hosts that do.",
            prefix);
    else if (prefix < (v4 ? 16u : 32u))
        section_find(
            spf->section, SEVERITY_WARNING, HARM_FORGERY, directive->text, "rfc7208:5.6",
            "The network is very large (/%u), surely larger than the set of hosts that send.",
            prefix);
    else if (special)
        section_find(spf->section, SEVERITY_WARNING, HARM_CLUTTER, directive->text, "rfc7208:5.6",
                     "It is %s: no receiver ever sees mail from there.", special);
}

static void check_term(struct spf_lint *spf, const struct spf_tree_term *term)
{
    if (term->directive && term->directive->mechanism == SPF_PTR)
        find(spf, SEVERITY_WARNING, HARM_WEAKNESS, term->text, "rfc7208:5.5",
             BYTES(
                 "\"ptr\" must not be used: it is slow, it fails when a name server does, and some "
                 "receivers ignore it."));
    bool failed = (term->v4 && term->v4->status == DNS_FAILED) ||
                  (term->v6 && term->v6->status == DNS_FAILED);
    if (failed)
        section_dns_failed(spf->section, term->target, "asked for an SPF term");
    else if (term->v4 && term->void4 && (!term->v6 || term->void6) &&
             term->directive->mechanism != SPF_EXISTS)
        find(spf, SEVERITY_WARNING, HARM_WEAKNESS, term->text, "rfc7208:4.6.4",
             lint_name(
                 spf->section,
                 "The term names what has no %s: it matches nobody, and counts as one of the two "
                 "look-ups without an answer that are allowed.",
                 term->directive->mechanism == SPF_MX ? "MX record" : "address"));
}

static void check_child(struct spf_lint *spf, const struct spf_tree_term *term)
{
    const struct spf_tree_node *child = term->child;
    bool redirect = !term->directive;
    switch (child->state) {
    case SPF_TREE_RECORD:
    case SPF_TREE_MACRO:
        break;
    case SPF_TREE_FAILED:
        section_dns_failed(spf->section, child->domain, "asked for an included SPF record");
        return;
    default:
        find(spf, SEVERITY_ERROR, HARM_MAIL_LOST, term->text,
             redirect ? "rfc7208:6.1" : "rfc7208:5.2",
             lint_name(spf->section,
                       "What it names cannot be used (" BYTES_FMT
                       "), which makes the whole check a "
                       "permanent error.",
                       BYTES_ARG(child->problem)));
        return;
    }
    if (!redirect && child->state == SPF_TREE_RECORD && spf_tree_default(child) == '+' &&
        term->directive->qualifier == '+')
        find(spf, SEVERITY_ERROR, HARM_FORGERY, term->text, "rfc7208:5.2",
             BYTES("The included record ends in \"+all\": every host may send as the domain."));
}

static void check_below(struct spf_lint *spf, const struct spf_tree_node *node, bool top)
{
    for (size_t i = 0; i < node->term_count; i++) {
        if (node->terms[i].child) {
            check_child(spf, &node->terms[i]);
            check_below(spf, node->terms[i].child, false);
        } else if (top) {
            check_term(spf, &node->terms[i]);
        }
    }
}

/* The costliest includes, for who has to choose. */
static struct bytes name_costly(struct spf_lint *spf)
{
    const struct spf_tree_term *most = NULL;
    for (size_t i = 0; i < spf->root->term_count; i++) {
        const struct spf_tree_term *term = &spf->root->terms[i];
        if (term->child && (!most || term->child->cost > most->child->cost))
            most = term;
    }
    if (!most || most->child->cost < 2)
        return BYTES("");
    return lint_name(spf->section, ", most of them (%u) in " BYTES_FMT, 1 + most->child->cost,
                     BYTES_ARG(most->text));
}

static void check_costs(struct spf_lint *spf)
{
    const struct spf_tree_node *root = spf->root;
    section_show(spf->section, 0,
                 "uses %u of %d terms that ask the DNS, %u of %d look-ups without an "
                 "answer",
                 root->cost, SPF_TERMS_LIMIT, root->void4, SPF_VOID_LIMIT);
    if (root->cost > SPF_TERMS_LIMIT) {
        struct bytes names = name_costly(spf);
        struct finding *finding = section_find(
            spf->section, SEVERITY_ERROR, HARM_MAIL_LOST, root->domain, "rfc7208:4.6.4",
            "The record asks the DNS with %u terms" BYTES_FMT
            "; over 10 the check is a permanent error for mail that no earlier term allows: what "
            "can "
            "be, is written as addresses here, which must follow theirs.",
            root->cost, BYTES_ARG(names));
        finding->fix = record_text_zone_line(
            spf->section->arena, root->domain,
            spf_mend_flatten(spf->section->arena, root->text, root, SPF_TERMS_LIMIT));
    } else if (root->cost == SPF_TERMS_LIMIT)
        section_find(
            spf->section, SEVERITY_ADVICE, HARM_WEAKNESS, root->domain, "rfc7208:4.6.4",
            "All 10 terms that may ask the DNS are used: if a provider adds one, the check "
            "fails.");
    if (root->void4 > SPF_VOID_LIMIT)
        find(spf, SEVERITY_ERROR, HARM_MAIL_LOST, root->domain, "rfc7208:4.6.4",
             lint_name(spf->section,
                       "%u terms find nothing in the DNS; over 2 the check is a permanent error.",
                       root->void4));
    else if (root->void6 > SPF_VOID_LIMIT)
        find(spf, SEVERITY_WARNING, HARM_MAIL_LOST, root->domain, "rfc7208:4.6.4",
             lint_name(
                 spf->section,
                 "For a client with an IPv6 address %u terms find nothing; over 2 the check is a "
                 "permanent error.",
                 root->void6));
    if (root->text.len + root->domain.len > 450)
        section_find(
            spf->section, SEVERITY_WARNING, HARM_WEAKNESS, root->domain, "rfc7208:3.4",
            "The record has %zu octets; with over 450 (its name included) the answer may not "
            "fit into a small UDP packet, and some receivers do not get it.",
            root->text.len);
    else if (root->octets + root->domain.len > 450)
        section_find(
            spf->section, SEVERITY_ADVICE, HARM_WEAKNESS, root->domain, "rfc7208:3.4",
            "All TXT records of the name together have %zu octets; over 450 the answer may not "
            "fit into a small UDP packet.",
            root->octets);
}

static void check_several(struct spf_lint *spf)
{
    struct bytes texts[LINT_TEXTS_MAX];
    size_t count, kept = 0;
    lint_texts(spf->lint, spf->section, spf->lint->domain, "v=spf1", texts, &count);
    for (size_t i = 0; i < count; i++)
        if (spf_record_has_version(texts[i])) {
            section_show(spf->section, 1, BYTES_FMT, BYTES_ARG(texts[i]));
            texts[kept++] = texts[i];
        }
    section_find(spf->section, SEVERITY_ERROR, HARM_MAIL_LOST, spf->lint->domain, "rfc7208:4.5",
                 "There are %zu SPF records; with more than one every check is a permanent error.",
                 spf->root->texts)
        ->fix = record_text_zone_line(spf->section->arena, spf->lint->domain,
                                      spf_mend_join(spf->section->arena, texts, kept));
}

static bool takes_no_mail(struct spf_lint *spf)
{
    const struct dns_answer *mx = dns_query(spf->lint->dns, spf->section->arena, spf->lint->domain,
                                            DNS_MX, spf->lint->deadline);
    return mx->status == DNS_FOUND && mx->count == 1 && !mx->records[0].name.len;
}

static void check_none(struct spf_lint *spf)
{
    struct bytes texts[LINT_TEXTS_MAX];
    size_t count;
    bool no_mail = takes_no_mail(spf);
    struct bytes proposal = no_mail ? BYTES("v=spf1 -all") : BYTES("v=spf1 mx ~all");
    lint_texts(spf->lint, spf->section, spf->lint->domain, "v=spf", texts, &count);
    section_show(spf->section, 0, "no record");
    if (count) {
        struct bytes found = texts[0];
        size_t blank = bytes_find_byte(found, ' ');
        if (blank != BYTES_NOT_FOUND && bytes_skip(found, blank).len)
            proposal = spf_mend(
                spf->section->arena,
                lint_name(spf->section, "v=spf1" BYTES_FMT, BYTES_ARG(bytes_skip(found, blank))),
                NULL);
        section_find(spf->section, SEVERITY_ERROR, HARM_FORGERY, spf->lint->domain, "rfc7208:4.5",
                     "\"" BYTES_FMT "\" is no SPF record: one begins with \"v=spf1\" and a blank.",
                     BYTES_ARG(bytes_first(found, 40)))
            ->fix = record_text_zone_line(spf->section->arena, spf->lint->domain, proposal);
        return;
    }
    section_find(spf->section, SEVERITY_ERROR, HARM_FORGERY, spf->lint->domain, "rfc7208:3",
                 no_mail
                     ? "There is no SPF record: a domain without mail should say that nothing may "
                       "send as it."
                     : "There is no SPF record, so receivers cannot tell the domain's mail from "
                       "forgeries; `vouch spf wizard` makes one.")
        ->fix = record_text_zone_line(spf->section->arena, spf->lint->domain, proposal);
}

static void check_type_99(struct spf_lint *spf)
{
    const struct dns_answer *answer = dns_query(spf->lint->dns, spf->section->arena,
                                                spf->lint->domain, DNS_SPF, spf->lint->deadline);
    if (answer->status == DNS_FOUND)
        section_find(
            spf->section, SEVERITY_ADVICE, HARM_CLUTTER, spf->lint->domain, "rfc7208:3.1",
            "There is a record of the type SPF (99), which nobody asks for any more: delete "
            "it, the TXT record suffices.");
}

/* An alias can have no other record (rfc1034:3.6.2), and a name without an address greets nobody.
 */
static bool has_own_address(struct spf_lint *spf, struct bytes name)
{
    enum dns_type types[] = {DNS_A, DNS_AAAA};
    for (size_t i = 0; i < countof(types); i++) {
        const struct dns_answer *answer =
            dns_query(spf->lint->dns, spf->section->arena, name, types[i], spf->lint->deadline);
        if (answer->status == DNS_FOUND)
            return bytes_equal_nocase(answer->canonical, domain_strip_dot(name));
    }
    return false;
}

/* The HELO name has no record of the domain's: a bounce has no other domain (rfc7208:2.3, 10.1.3).
 */
static void check_helo_name(struct spf_lint *spf, struct bytes name, enum severity severity)
{
    struct section *section = spf->section;
    if (!has_own_address(spf, name))
        return;
    const struct dns_answer *answer = lint_ask(spf->lint, section, name, DNS_TXT);
    if (answer->status == DNS_FAILED)
        return;
    for (size_t i = 0; i < answer->count; i++)
        if (spf_record_has_version(answer->records[i].text)) {
            section_show(section, 0, BYTES_FMT ": " BYTES_FMT, BYTES_ARG(name),
                         BYTES_ARG(answer->records[i].text));
            return;
        }
    section_find(section, severity, HARM_WEAKNESS, name, "rfc7208:10.1.3",
                 "The host has no SPF record of its own, so bounces from it cannot be told from "
                 "forgeries that greet with its name.")
        ->fix = record_text_zone_line(section->arena, name, BYTES("v=spf1 a -all"));
}

/* MX hosts within the domain are taken for hosts that greet with their names. */
static void check_helo_names(struct spf_lint *spf)
{
    const struct lint_request *request = spf->lint->request;
    const struct dns_answer *mx = dns_query(spf->lint->dns, spf->section->arena, spf->lint->domain,
                                            DNS_MX, spf->lint->deadline);
    for (size_t i = 0; i < mx->count && i < LINT_HOSTS_MAX; i++) {
        struct bytes name = mx->records[i].name;
        if (domain_is_hostname(name) && domain_is_within(name, spf->lint->domain) &&
            !bytes_equal_nocase(name, spf->lint->domain))
            check_helo_name(spf, name, SEVERITY_ADVICE);
    }
    for (size_t i = 0; i < request->helo_count; i++)
        check_helo_name(spf, request->helo_names[i], SEVERITY_WARNING);
}

static void check_record(struct spf_lint *spf)
{
    struct arena *arena = spf->section->arena;
    spf->fix = record_text_zone_line(arena, spf->lint->domain,
                                     spf_mend(arena, spf->root->text, spf->root));
    if (spf->root->state == SPF_TREE_SYNTAX) {
        find(
            spf, SEVERITY_ERROR, HARM_MAIL_LOST, spf->root->domain, "rfc7208:4.6",
            lint_name(spf->section,
                      "The record cannot be read at \"" BYTES_FMT "\" (" BYTES_FMT "), which makes "
                      "every check a permanent error.",
                      BYTES_ARG(bytes_first(spf->root->fault, 60)), BYTES_ARG(spf->root->problem)));
        return;
    }
    check_all(spf);
    for (size_t i = 0; i < spf->root->record.directive_count; i++)
        check_network(spf, &spf->root->record.directives[i]);
    check_below(spf, spf->root, true);
    check_costs(spf);
    if (spf_tree_default(spf->root) != '-' && takes_no_mail(spf))
        section_find(
            spf->section, SEVERITY_WARNING, HARM_FORGERY, spf->lint->domain, "rfc7505:4.2",
            "The domain takes no mail (null MX), so receivers refuse mail from it anyway: end "
            "the record with \"-all\".")
            ->fix = record_text_zone_line(arena, spf->lint->domain, BYTES("v=spf1 -all"));
}

void lint_spf(struct lint *lint, struct section *section)
{
    struct spf_lint spf = {.lint = lint, .section = section, .fix = BYTES("")};
    spf_tree_build(&spf.tree, lint->dns, section->arena, lint->domain, lint->deadline);
    spf.root = spf.tree.root;
    if (!spf.root) {
        section->incomplete = true;
        return;
    }
    if (spf.root->state == SPF_TREE_FAILED)
        section_dns_failed(section, lint->domain, "asked for the SPF record");
    else if (spf.root->state == SPF_TREE_NONE)
        check_none(&spf);
    else
        show(&spf, spf.root, 0);
    if (spf.root->state == SPF_TREE_SEVERAL)
        check_several(&spf);
    else if (spf.root->state == SPF_TREE_RECORD || spf.root->state == SPF_TREE_SYNTAX)
        check_record(&spf);
    check_type_99(&spf);
    check_helo_names(&spf);
    if (!section->finding_count)
        section_find(section, SEVERITY_FINE, HARM_CLUTTER, lint->domain, "rfc7208",
                     "The record can be read, names its hosts, and stays within the limits.");
}
