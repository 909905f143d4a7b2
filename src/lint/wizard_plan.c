/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/domain.h"
#include "lint/spf_mend.h"
#include "lint/spf_tree.h"
#include "lint/wizard.h"

enum { TERMS_MAX = 2 * WIZARD_SOURCES_MAX + 4, FLAT_MAX = 100, ADDRESSES_MAX = 8 };

/* A term of the main record, and what it would be with addresses instead of names. */
struct term {
    struct bytes text;
    struct bytes flat; /* " ip4:… ip6:…"; empty if that cannot be done */
    size_t flat_count; /* addresses in it */
    unsigned cost;     /* terms that ask the DNS */
    bool foreign;      /* the addresses are somebody else's to change */
};

struct making {
    struct wizard_plan *plan;
    struct error *error;
    struct term terms[TERMS_MAX];
    size_t count;
};

static void note(struct wizard_plan *plan, struct bytes text)
{
    if (plan->note_count < WIZARD_NOTES_MAX && text.ptr)
        plan->notes[plan->note_count++] = text;
}

static void add_record(struct wizard_plan *plan, struct bytes name, const char *version,
                       struct bytes text, const char *why)
{
    for (size_t i = 0; i < plan->record_count; i++)
        if (bytes_equal_nocase(plan->records[i].name, name) &&
            bytes_is(plan->records[i].version, version))
            return;
    if (plan->record_count < WIZARD_RECORDS_MAX)
        plan->records[plan->record_count++] =
            (struct wizard_record){name, bytes_of(version), text, why};
}

static void add_trial(struct wizard_plan *plan, struct bytes domain, struct bytes what,
                      const struct ip *ip, bool helo, bool stranger, enum auth_result expected)
{
    if (plan->trial_count < WIZARD_TRIALS_MAX)
        plan->trials[plan->trial_count++] =
            (struct wizard_trial){domain, what, *ip, helo, stranger, expected, AUTH_NONE};
}

static struct ip stranger(void)
{
    /* An address for documentation (rfc5737:3), which nobody can have. */
    static const uint8_t octets[4] = {203, 0, 113, 250};
    return ip_from_v4(octets);
}

/* The addresses of a host into `flat`, and a trial for each; how many there are, -1: DNS failed. */
static int add_addresses(struct making *making, struct bytes host, struct buf *flat, bool as_sender)
{
    struct wizard_plan *plan = making->plan;
    enum dns_type types[] = {DNS_A, DNS_AAAA};
    int count = 0;
    for (size_t i = 0; i < countof(types); i++) {
        const struct dns_answer *answer =
            dns_query(plan->dns, plan->arena, host, types[i], plan->deadline);
        if (answer->status == DNS_FAILED)
            return -1;
        for (size_t j = 0; j < answer->count && j < ADDRESSES_MAX; j++, count++) {
            char text[IP_TEXT_SIZE];
            const struct ip *ip = &answer->records[j].ip;
            buf_printf(flat, " ip%u:%s", ip->family, ip_format(ip, text));
            if (as_sender)
                add_trial(plan, plan->answers->domain, host, ip, false, false, AUTH_PASS);
        }
    }
    return count;
}

static struct term *add_term(struct making *making, struct bytes text, unsigned cost)
{
    if (making->count == TERMS_MAX || !text.ptr)
        return NULL;
    struct term *term = &making->terms[making->count++];
    *term = (struct term){.text = text, .flat = BYTES(""), .cost = cost};
    return term;
}

static void keep_flat(struct making *making, struct term *term, struct buf *flat, size_t count)
{
    if (term && count && count <= FLAT_MAX && !flat->failed) {
        term->flat = arena_copy(making->plan->arena, bytes_skip(buf_bytes(flat), 1));
        term->flat_count = count;
    }
    buf_free(flat);
}

/* An alias can have no other record (rfc1034:3.6.2). */
static bool is_alias(struct wizard_plan *plan, struct bytes host)
{
    const struct dns_answer *answer =
        dns_query(plan->dns, plan->arena, host, DNS_A, plan->deadline);
    return answer->status == DNS_FOUND &&
           !bytes_equal_nocase(answer->canonical, domain_strip_dot(host));
}

/* A host that greets with its name gets a record for bounces, if the name is the domain's own. */
static void add_helo(struct making *making, struct bytes host)
{
    struct wizard_plan *plan = making->plan;
    struct ip nobody = stranger();
    if (!domain_is_within(host, plan->answers->domain) ||
        bytes_equal_nocase(host, plan->answers->domain) || is_alias(plan, host))
        return;
    size_t before = plan->record_count;
    add_record(plan, host, "v=spf1", BYTES("v=spf1 a -all"),
               "The host greets with this name; bounces have no other domain to check.");
    if (plan->record_count == before)
        return;
    enum dns_type types[] = {DNS_A, DNS_AAAA};
    for (size_t i = 0; i < countof(types); i++) {
        const struct dns_answer *answer =
            dns_query(plan->dns, plan->arena, host, types[i], plan->deadline);
        for (size_t j = 0; j < answer->count && j < ADDRESSES_MAX; j++)
            add_trial(plan, host, host, &answer->records[j].ip, true, false, AUTH_PASS);
    }
    add_trial(plan, host, BYTES("a stranger"), &nobody, true, true, AUTH_FAIL);
}

static enum result add_mx(struct making *making)
{
    struct wizard_plan *plan = making->plan;
    const struct dns_answer *mx =
        dns_query(plan->dns, plan->arena, plan->answers->domain, DNS_MX, plan->deadline);
    struct buf flat;
    int count = 0;
    if (mx->status == DNS_FAILED)
        return error_set(making->error, TEMP, "the DNS does not say which the MX hosts are");
    if (mx->status != DNS_FOUND || !mx->records[0].name.len)
        return error_set(making->error, PERM,
                         "the domain has no MX hosts, so they cannot be what sends its mail");
    if (mx->count > 10)
        return error_set(making->error, PERM,
                         "there are more than 10 MX hosts; name those that send "
                         "as hosts instead");
    struct term *term = add_term(making, BYTES("mx"), 1);
    buf_init(&flat, 64 * 1024);
    for (size_t i = 0; i < mx->count; i++) {
        int found = add_addresses(making, mx->records[i].name, &flat, true);
        if (found < 0) {
            buf_free(&flat);
            return error_set(making->error, TEMP,
                             "the DNS does not give the addresses of " BYTES_FMT,
                             BYTES_ARG(mx->records[i].name));
        }
        count += found;
        add_helo(making, mx->records[i].name);
    }
    keep_flat(making, term, &flat, (size_t)count);
    return OK;
}

static enum result add_host(struct making *making, struct bytes host)
{
    struct wizard_plan *plan = making->plan;
    bool own = bytes_equal_nocase(host, plan->answers->domain);
    struct buf flat;
    buf_init(&flat, 64 * 1024);
    int count = add_addresses(making, host, &flat, true);
    if (count <= 0) {
        buf_free(&flat);
        return count < 0
                   ? error_set(making->error, TEMP,
                               "the DNS does not give the addresses of " BYTES_FMT, BYTES_ARG(host))
                   : error_set(making->error, PERM, "the host " BYTES_FMT " has no address",
                               BYTES_ARG(host));
    }
    struct bytes text =
        own ? BYTES("a") : arena_printf(plan->arena, "a:" BYTES_FMT, BYTES_ARG(host));
    keep_flat(making, add_term(making, text, 1), &flat, (size_t)count);
    add_helo(making, host);
    return OK;
}

static enum result add_network(struct making *making, const struct ip_network *network)
{
    struct wizard_plan *plan = making->plan;
    char text[IP_TEXT_SIZE];
    struct ip ip = ip_masked(&network->ip, network->prefix);
    bool one = network->prefix == (ip.family == 4 ? 32 : 128);
    struct bytes what = arena_printf(plan->arena, "%s", ip_format(&ip, text));
    add_term(making,
             one ? arena_printf(plan->arena, "ip%u:%s", ip.family, text)
                 : arena_printf(plan->arena, "ip%u:%s/%u", ip.family, text, network->prefix),
             0);
    add_trial(plan, plan->answers->domain, what, &ip, false, false, AUTH_PASS);
    if (network->prefix < (ip.family == 4 ? 16 : 32))
        note(plan, arena_printf(plan->arena,
                                "The network %s/%u is very large: everybody in it can send as "
                                "the domain.",
                                text, network->prefix));
    return OK;
}

/* One address that an included record allows, for a trial. */
static bool sample(const struct spf_tree_node *node, struct ip *out)
{
    for (size_t i = 0; i < node->record.directive_count; i++) {
        const struct spf_directive *directive = &node->record.directives[i];
        if (directive->qualifier != '+')
            return false; /* what stands behind it may be refused */
        if (directive->mechanism == SPF_IP4) {
            *out = ip_from_v4(directive->network);
            return true;
        }
    }
    for (size_t i = 0; i < node->term_count; i++)
        if (node->terms[i].child && node->terms[i].child->state == SPF_TREE_RECORD &&
            sample(node->terms[i].child, out))
            return true;
    return false;
}

static enum result check_include(struct making *making, const struct spf_tree *tree,
                                 struct bytes name)
{
    if (!tree->root)
        return error_set(making->error, TEMP, "out of memory");
    if (tree->root->state == SPF_TREE_FAILED || tree->failures)
        return error_set(making->error, TEMP,
                         "the DNS does not give all that " BYTES_FMT " includes", BYTES_ARG(name));
    if (tree->root->state != SPF_TREE_RECORD)
        return error_set(making->error, PERM,
                         BYTES_FMT " cannot be included: " BYTES_FMT
                                   "; ask the provider which name it is",
                         BYTES_ARG(name), BYTES_ARG(tree->root->problem));
    if (spf_tree_default(tree->root) == '+')
        return error_set(making->error, PERM,
                         "the record of " BYTES_FMT
                         " ends in +all: including it would let everybody in",
                         BYTES_ARG(name));
    return OK;
}

/* The record of a name of its own: what the ESP sends is allowed, nothing else. */
static void add_own_name(struct making *making, struct bytes name, struct bytes include,
                         const struct spf_tree_node *root, const char *why)
{
    struct wizard_plan *plan = making->plan;
    struct ip ip, nobody = stranger();
    add_record(plan, name, "v=spf1",
               arena_printf(plan->arena, "v=spf1 include:" BYTES_FMT " -all", BYTES_ARG(include)),
               why);
    if (sample(root, &ip))
        add_trial(plan, name, include, &ip, false, false, AUTH_PASS);
    add_trial(plan, name, BYTES("a stranger"), &nobody, false, true, AUTH_FAIL);
}

static void add_esp(struct making *making, const struct wizard_source *source,
                    const struct spf_tree_node *root)
{
    struct wizard_plan *plan = making->plan;
    if (source->bounce.len)
        add_own_name(making, source->bounce, source->name, root,
                     "Bounces of the ESP's mail go to this name (MAIL FROM).");
    if (source->delegated.len) {
        add_own_name(
            making, source->delegated, source->name, root,
            "The ESP sends with this name; if it is delegated to the ESP (NS or CNAME), the ESP "
            "must publish this.");
        note(plan, arena_printf(
                       plan->arena,
                       "Delegate " BYTES_FMT " to " BYTES_FMT
                       " with the NS or CNAME records that it gives, and check with --verify that "
                       "it publishes the SPF record.",
                       BYTES_ARG(source->delegated), BYTES_ARG(source->title)));
    }
    if (source->client.len) {
        struct bytes text = arena_printf(plan->arena, "spf2.0/pra include:" BYTES_FMT " ?all",
                                         BYTES_ARG(source->name));
        if (!bytes_equal_nocase(source->client, plan->answers->domain))
            add_record(plan, source->client, "spf2.0", text,
                       "The ESP writes this name into From or Sender.");
    }
    struct bytes author = source->client.len ? source->client : plan->answers->domain;
    note(plan,
         arena_printf(plan->arena,
                      "Have " BYTES_FMT " sign with DKIM as " BYTES_FMT
                      ": publish the key or CNAME that it gives at SELECTOR._domainkey." BYTES_FMT
                      "; that is what DMARC needs when the bounces go elsewhere.",
                      BYTES_ARG(source->title), BYTES_ARG(author), BYTES_ARG(author)));
}

static enum result add_include(struct making *making, const struct wizard_source *source)
{
    struct wizard_plan *plan = making->plan;
    struct spf_tree tree;
    struct buf flat;
    struct ip ip;
    size_t count = 0;
    spf_tree_build(&tree, plan->dns, plan->arena, source->name, plan->deadline);
    enum result result = check_include(making, &tree, source->name);
    if (result != OK)
        return result;
    if (source->kind == WIZARD_ESP)
        add_esp(making, source, tree.root);
    /* With a name of its own for bounces the ESP needs no place, and no look-ups, in the main
     * record. */
    if (source->kind == WIZARD_ESP && (source->bounce.len || source->delegated.len))
        return OK;
    struct term *term =
        add_term(making, arena_printf(plan->arena, "include:" BYTES_FMT, BYTES_ARG(source->name)),
                 1 + tree.root->cost);
    buf_init(&flat, 64 * 1024);
    bool flattens = spf_tree_flatten(tree.root, &flat, &count);
    if (term)
        term->foreign = true;
    keep_flat(making, flattens ? term : NULL, &flat, count);
    if (sample(tree.root, &ip))
        add_trial(plan, plan->answers->domain, source->name, &ip, false, false, AUTH_PASS);
    return OK;
}

static enum result add_sources(struct making *making)
{
    const struct wizard_answers *answers = making->plan->answers;
    enum result result = OK;
    /* Addresses first: they are found without a look-up. */
    for (size_t i = 0; i < answers->source_count && result == OK; i++)
        if (answers->sources[i].network.ip.family)
            result = add_network(making, &answers->sources[i].network);
    if (result == OK && answers->own_mx)
        result = add_mx(making);
    if (result == OK && answers->web_only)
        result = add_host(making, answers->domain);
    for (size_t i = 0; i < answers->source_count && result == OK; i++) {
        const struct wizard_source *source = &answers->sources[i];
        if (source->kind == WIZARD_PROVIDER || source->kind == WIZARD_ESP)
            result = add_include(making, source);
        else if (!source->network.ip.family)
            result = add_host(making, source->name);
    }
    return result;
}

static unsigned total(const struct making *making)
{
    unsigned cost = 0;
    for (size_t i = 0; i < making->count; i++)
        cost += making->terms[i].cost;
    return cost;
}

/* Own hosts before those of others, who change their addresses without a word. */
static struct term *choose_to_flatten(struct making *making)
{
    struct term *best = NULL;
    for (size_t i = 0; i < making->count; i++) {
        struct term *term = &making->terms[i];
        if (!term->cost || !term->flat.len)
            continue;
        if (!best || (best->foreign && !term->foreign) ||
            (best->foreign == term->foreign && term->cost > best->cost))
            best = term;
    }
    return best;
}

static enum result limit_cost(struct making *making)
{
    struct wizard_plan *plan = making->plan;
    while (total(making) > SPF_TERMS_LIMIT) {
        struct term *term = choose_to_flatten(making);
        if (!term)
            return error_set(
                making->error, PERM,
                "the record would need %u look-ups, 10 are allowed: let some providers send "
                "with a subdomain of their own (--esp NAME=include,bounce=SUBDOMAIN)",
                total(making));
        note(plan, arena_printf(
                       plan->arena,
                       "\"" BYTES_FMT "\" is written as addresses, because more than 10 look-ups "
                       "are not allowed%s: run the wizard again when they change.",
                       BYTES_ARG(term->text),
                       term->foreign ? "; they are the provider's, who changes them without a word"
                                     : ""));
        term->text = term->flat;
        term->cost = 0;
    }
    plan->terms = total(making);
    return OK;
}

static void choose_end(struct wizard_plan *plan)
{
    const struct wizard_answers *answers = plan->answers;
    if (answers->never_sends) {
        plan->end = '-';
        plan->end_why = "Nothing sends as the domain, so everything else is a forgery.";
    } else if (answers->incomplete) {
        plan->end = '?';
        plan->end_why =
            "There may be hosts that are not named yet, and their mail must not suffer: say "
            "~all when the DMARC reports name no more of them.";
    } else if (answers->forwarding == WIZARD_NOT_FORWARDED) {
        plan->end = '-';
        plan->end_why =
            "All hosts are named and recipients do not have the mail forwarded, so what comes "
            "from elsewhere is a forgery.";
    } else {
        plan->end = '~';
        plan->end_why =
            answers->forwarding == WIZARD_FORWARDED
                ? "Some recipients have the mail forwarded, and it then comes from hosts that "
                  "cannot be named: -all would lose it."
                : "It is not known whether recipients have the mail forwarded, which -all "
                  "would lose; distrust is enough where DMARC decides.";
    }
}

static void write_main(struct making *making)
{
    struct wizard_plan *plan = making->plan;
    struct buf terms;
    struct ip nobody = stranger();
    buf_init(&terms, 64 * 1024);
    for (size_t i = 0; i < making->count; i++)
        buf_printf(&terms, " " BYTES_FMT, BYTES_ARG(making->terms[i].text));
    struct bytes list = buf_bytes(&terms), domain = plan->answers->domain;
    add_record(plan, domain, "v=spf1",
               arena_printf(plan->arena, "v=spf1" BYTES_FMT " %call", BYTES_ARG(list), plan->end),
               "Who may send as the domain.");
    /* Lists and forwarders keep the author's address, so about them it must say nothing
     * (rfc4406:3.4). */
    add_record(plan, domain, "spf2.0",
               arena_printf(plan->arena, "spf2.0/pra" BYTES_FMT " %call", BYTES_ARG(list),
                            plan->answers->never_sends ? '-' : '?'),
               plan->answers->never_sends
                   ? "The same for the few that still check Sender ID."
                   : "The same for the few that still check Sender ID, who would otherwise refuse "
                     "mail of lists; \"spf2.0/pra ?all\", which opts out, does as well.");
    buf_free(&terms);
    add_trial(plan, domain, BYTES("a stranger"), &nobody, false, true,
              plan->end == '-'   ? AUTH_FAIL
              : plan->end == '~' ? AUTH_SOFTFAIL
                                 : AUTH_NEUTRAL);
}

enum result wizard_plan_make(struct wizard_plan *plan, struct dns *dns, struct arena *arena,
                             const struct wizard_answers *answers, int64_t deadline,
                             struct error *error)
{
    struct making *making = arena_new(arena, struct making);
    *plan =
        (struct wizard_plan){.answers = answers, .arena = arena, .dns = dns, .deadline = deadline};
    if (!making)
        return error_set(error, TEMP, "out of memory");
    making->plan = plan;
    making->error = error;
    choose_end(plan);
    enum result result = wizard_answers_check(answers, error);
    if (result == OK)
        result = add_sources(making);
    if (result == OK)
        result = limit_cost(making);
    if (result != OK)
        return result;
    write_main(making);
    if (answers->never_sends)
        note(plan,
             arena_printf(arena,
                          "Say also that forgeries are to be refused (_dmarc." BYTES_FMT ". IN TXT "
                          "\"v=DMARC1; p=reject\"), and, if the domain takes no mail either, that, "
                          "too (" BYTES_FMT ". IN MX 0 .).",
                          BYTES_ARG(answers->domain), BYTES_ARG(answers->domain)));
    return arena_exhausted(arena) ? error_set(error, TEMP, "out of memory") : OK;
}
