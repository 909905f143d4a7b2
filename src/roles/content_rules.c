/* SPDX-License-Identifier: BSD-2-Clause */
#include "roles/content_rules.h"

#include "auth/organization.h"
#include "base/clock.h"
#include "message/address.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { RULES_TIME = 200 * 1000 }; /* microseconds of processor time for all patterns of one message */

/* ---- compiling ---- */

static enum result compile_rules(const struct config *config, struct content_rules *out, struct error *error)
{
    struct rule_source *sources = calloc(config->rule_count + 1, sizeof(*sources));
    if (!sources)
        return error_set(error, TEMP, "no memory for rules");
    for (size_t i = 0; i < config->rule_count; i++) {
        const struct config_rule *rule = &config->rules[i];
        static const enum rule_where where[] = {
            [CONFIG_RULE_HEADER] = RULE_HEADER,
            [CONFIG_RULE_BODY] = RULE_BODY,
            [CONFIG_RULE_HTML] = RULE_HTML,
            [CONFIG_RULE_URL] = RULE_URL,
            [CONFIG_RULE_SUBJECT] = RULE_SUBJECT,
            [CONFIG_RULE_ATTACHMENT] = RULE_ATTACHMENT,
            [CONFIG_RULE_RAW] = RULE_RAW,
        };
        sources[i] = (struct rule_source){.name = bytes_of(rule->name),
                                          .where = where[rule->where],
                                          .field = bytes_of(rule->field),
                                          .pattern = bytes_of(rule->pattern),
                                          .negate = rule->negate};
    }
    enum result result = rules_compile(sources, config->rule_count, &out->rules, error);
    free(sources);
    return result;
}

static enum result compile_names(const struct config *config, struct content_rules *out, struct error *error)
{
    size_t count = config->phishing.protect.count, own = 0;
    for (size_t i = 0; i < config->domain_count; i++)
        own += config->domains[i].names.count;
    struct bytes *names = calloc(own + count + 1, sizeof(*names));
    if (!names)
        return error_set(error, TEMP, "no memory for protected names");
    size_t used = 0;
    for (size_t i = 0; i < config->domain_count; i++)
        for (size_t j = 0; j < config->domains[i].names.count; j++)
            names[used++] = bytes_of(config->domains[i].names.items[j]);
    for (size_t i = 0; i < count; i++)
        names[used++] = bytes_of(config->phishing.protect.items[i]);
    enum result result = phishing_names_compile(names, used, own, content_rules_organization, &out->names, error);
    free(names);
    return result;
}

enum result content_rules_compile(const struct config *config, struct content_rules **out, struct error *error)
{
    struct content_rules *rules = calloc(1, sizeof(*rules));
    if (!rules)
        return error_set(error, TEMP, "no memory for rules");
    rules->config = config;
    enum result result = compile_rules(config, rules, error);
    if (result == OK)
        result = compile_names(config, rules, error);
    if (result == OK)
        *out = rules;
    else
        content_rules_free(rules);
    return result;
}

void content_rules_free(struct content_rules *rules)
{
    if (!rules)
        return;
    rules_free(rules->rules);
    phishing_names_free(rules->names);
    free(rules);
}

/* ---- questions ---- */

int content_rules_points(const struct config *config, const struct builtin_test *test)
{
    for (size_t i = 0; i < config->rule_count; i++)
        if (!config->rules[i].pattern[0] && !strcmp(config->rules[i].name, test->name))
            return config->rules[i].weight;
    return test->points;
}

bool content_rules_is_ours(const void *context, struct bytes domain)
{
    const struct config *config = context;
    for (size_t i = 0; i < config->domain_count; i++)
        for (size_t j = 0; j < config->domains[i].names.count; j++)
            if (bytes_equal_nocase(bytes_of(config->domains[i].names.items[j]), domain))
                return true;
    return bytes_equal_nocase(bytes_of(config->hostname), domain);
}

struct bytes content_rules_organization(struct bytes host)
{
    struct bytes found;
    return organization_domain(host, &found) == OK ? found : BYTES("");
}

/* ---- one message ---- */

static int64_t processor_time(void *context)
{
    struct timespec now;
    (void)context;
    if (clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now))
        return 0;
    return (int64_t)now.tv_sec * SECOND + now.tv_nsec / 1000;
}

static void examine_rules(struct arena *arena, const struct content_request *request, struct content_findings *out)
{
    const struct pattern_time time = {processor_time, NULL, processor_time(NULL) + RULES_TIME};
    out->rules_done = rules_examine(request->rules->rules, arena, request->message, request->readable, &time,
                                    &out->rules, NULL) == OK;
}

/* The first address; empty if there is none, or it cannot be read. */
static struct bytes reply_to_of(struct arena *arena, const struct message *message)
{
    enum { VALUE_MAX = 8 * 1024 };
    const struct header_field *field = message_field(message, "Reply-To", 0);
    struct address_list list;
    if (!field || address_list_parse(arena, bytes_first(field->value, VALUE_MAX), &list, NULL) != OK || !list.count)
        return BYTES("");
    const struct mailbox *first = &list.mailboxes[0];
    return arena_printf(arena, BYTES_FMT "@" BYTES_FMT, BYTES_ARG(first->local), BYTES_ARG(first->domain));
}

static void examine_names(struct arena *arena, const struct content_request *request, struct content_findings *out)
{
    const struct phishing_request phishing = {
        .author = request->facts.author,
        .author_domain = request->facts.author_domain,
        .display_name = request->readable->from_name,
        .reply_to = reply_to_of(arena, request->message),
        .authenticated = request->facts.authenticated,
        .list = message_field(request->message, "List-Id", 0),
        .contacts = request->contacts,
        .contact_count = request->contact_count,
        .names = request->rules->names,
        .readable = request->readable,
        .organization = content_rules_organization,
    };
    out->phishing_done = phishing_examine(arena, &phishing, &out->phishing, NULL) == OK;
}

void content_rules_examine(struct arena *arena, const struct content_request *request, struct content_findings *out)
{
    const struct config *config = request->rules->config;
    struct builtin_facts facts = request->facts;
    facts.is_ours = content_rules_is_ours;
    facts.context = config;
    *out = (struct content_findings){.rules_done = false};
    examine_rules(arena, request, out);
    out->builtin_done = builtin_tests_examine(arena, request->message, request->readable, &facts, &out->builtin,
                                              NULL) == OK;
    if (config->phishing.on)
        examine_names(arena, request, out);
    else
        out->phishing_done = true;
}
