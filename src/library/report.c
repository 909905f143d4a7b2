/* SPDX-License-Identifier: BSD-2-Clause */
/* What a check found, as Authentication-Results: properties of rfc8601:2.7 and the IANA registry. */
#include "library/library.h"

enum { PROPERTIES_MAX = 6 };

struct report {
    struct library_check *check;
    struct auth_results *out;
    bool exhausted;
};

static struct auth_statement *add(struct report *report, const char *method,
                                  enum auth_result result, struct bytes reason)
{
    struct auth_statement *statement =
        &report->out->statements[report->out->statement_count];
    struct auth_property *properties =
        arena_alloc_array(report->check->arena, PROPERTIES_MAX, sizeof(*properties));
    report->exhausted = report->exhausted || !properties;
    report->out->statement_count++;
    *statement = (struct auth_statement){.method = bytes_of(method),
                                         .version = 1,
                                         .result = result,
                                         .reason = reason,
                                         .properties = properties};
    return statement;
}

static void property(struct auth_statement *statement, const char *type, const char *name,
                     struct bytes value)
{
    if (!value.len || !statement->properties || statement->property_count == PROPERTIES_MAX)
        return;
    statement->properties[statement->property_count++] =
        (struct auth_property){bytes_of(type), bytes_of(name), value};
}

/* Only the domain: nobody checked who wrote the local part (rfc8601:2.7.2). <> is reported as it was
 * checked. */
static struct bytes sender_of(struct report *report)
{
    struct bytes sender = report->check->request.sender;
    return sender.len ? bytes_skip(sender, bytes_rfind_byte(sender, '@') + 1)
                      : report->check->request.helo;
}

static void add_spf(struct report *report)
{
    struct library_check *check = report->check;
    if (check->methods & VOUCH_SPF_HELO)
        property(add(report, "spf", check->spf_helo.result, check->spf_helo.problem), "smtp", "helo",
                 check->request.helo);
    if (check->methods & VOUCH_SPF)
        property(add(report, "spf", check->spf.result, check->spf.problem), "smtp", "mailfrom",
                 sender_of(report));
}

static void add_dkim(struct report *report)
{
    const struct dkim_results *dkim = &report->check->dkim;
    if (!dkim->count)
        add(report, "dkim", AUTH_NONE, BYTES("no signature"));
    for (size_t i = 0; i < dkim->count; i++) {
        const struct dkim_signature_result *signature = &dkim->signatures[i];
        struct auth_statement *statement =
            add(report, "dkim", signature->result, signature->problem);
        property(statement, "header", "d", signature->domain);
        property(statement, "header", "i", signature->identity);
        property(statement, "header", "s", signature->selector);
        property(statement, "header", "a", signature->algorithm);
        /* rfc6008: so much tells signatures of one domain apart. */
        property(statement, "header", "b", bytes_first(signature->signature, 8));
    }
}

static void add_arc(struct report *report)
{
    const struct library_check *check = report->check;
    const struct arc_results *arc = &check->arc;
    char text[IP_TEXT_SIZE];
    /* There is no other registered result for a chain that could not be checked (rfc8617:10.1). */
    enum auth_result result = arc->result == AUTH_TEMPERROR ? AUTH_FAIL : arc->result;
    struct auth_statement *statement = add(report, "arc", result, arc->problem);
    if (arc->result == AUTH_PASS)
        property(statement, "header", "oldest-pass",
                 arena_printf(check->arena, "%u", arc->oldest_pass));
    /* rfc8617:10.2 */
    if (arc->result != AUTH_NONE && check->request.ip.family)
        property(statement, "smtp", "remote-ip",
                 arena_copy(check->arena, bytes_of(ip_format(&check->request.ip, text))));
}

static void add_dmarc(struct report *report)
{
    const struct dmarc_result *dmarc = &report->check->dmarc;
    struct auth_statement *statement = add(report, "dmarc", dmarc->result, dmarc->problem);
    property(statement, "header", "from", dmarc->author_domain);
    if (dmarc->result == AUTH_PASS || dmarc->result == AUTH_FAIL)
        property(statement, "policy", "dmarc", bytes_of(dmarc_policy_name(dmarc->effective)));
}

bool library_report(struct library_check *check, struct auth_results *out)
{
    struct report report = {check, out, false};
    *out = (struct auth_results){.authserv_id = bytes_of(check->context->authserv_id), .version = 1};
    out->statements =
        arena_alloc_array(check->arena, check->dkim.count + 8, sizeof(*out->statements));
    if (!out->statements)
        return false;
    add_spf(&report);
    if (check->methods & VOUCH_DKIM)
        add_dkim(&report);
    if (check->methods & VOUCH_ARC)
        add_arc(&report);
    if (check->methods & VOUCH_DMARC)
        add_dmarc(&report);
    return !report.exhausted && !arena_exhausted(check->arena);
}

bool library_report_spf(const struct library_check *check, bool helo, struct arena *arena,
                        struct bytes *out)
{
    struct buf text;
    buf_init(&text, LIBRARY_FIELD_MAX);
    spf_write_received(&text, &check->request, helo ? &check->spf_helo : &check->spf,
                       helo ? "helo" : "mailfrom");
    *out = library_field(arena, buf_bytes(&text));
    bool fine = !text.failed && out->ptr;
    buf_free(&text);
    return fine;
}
