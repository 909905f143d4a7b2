/* SPDX-License-Identifier: BSD-2-Clause */
/* Evidence as Authentication-Results. */
#include "verdict/explain.h"

#include "message/mailbox.h"

/* Values of Authentication-Results have no quotes of their own: the writer puts those that are due
 * (rfc8601:2.2). An address of SMTP stands in the evidence as it was given. */
static struct bytes unquoted(struct arena *arena, struct bytes value)
{
    struct mailbox mailbox;
    if (!bytes_starts_with(value, BYTES("\"")) ||
        mailbox_parse(arena, value, MAILBOX_UTF8 | MAILBOX_LENIENT, &mailbox, NULL) != OK)
        return value;
    return arena_printf(arena, BYTES_FMT "@" BYTES_FMT, BYTES_ARG(mailbox.local),
                        BYTES_ARG(mailbox.domain));
}

/* SPF and Sender ID say nothing of who in a domain it was, so that the local part is left out
 * (rfc8601:2.7.2, 4). The ledger has it, and so has Received-SPF. */
static struct bytes authenticated_part(struct arena *arena, enum check check, struct bytes value)
{
    if (check == CHECK_SPF || check == CHECK_SENDER_ID)
        return bytes_skip(value, bytes_rfind_byte(value, '@') + 1);
    return unquoted(arena, value);
}

/* Only what is registered for the method may stand in the header (rfc8601:4): every failure of a chain
 * is a fail (rfc8617:4.4, 5.2.1), and no certifier to ask is none (RFC 6212). */
static enum auth_result registered_result(enum check check, enum auth_result result)
{
    if (check == CHECK_ARC)
        return result == AUTH_NONE || result == AUTH_PASS ? result : AUTH_FAIL;
    /* rfc8904:2: there is no "fail" of a white list. */
    if (check == CHECK_DNSWL)
        return result == AUTH_PASS || result == AUTH_TEMPERROR || result == AUTH_PERMERROR ? result : AUTH_NONE;
    return check == CHECK_VBR && result == AUTH_NEUTRAL ? AUTH_NONE : result;
}

/* Our own properties are for the ledger; only registered ones stand in the header. */
static bool copy_properties(struct arena *arena, const struct evidence_item *item,
                            struct auth_statement *statement)
{
    statement->properties =
        arena_alloc_array(arena, item->property_count, sizeof(*statement->properties));
    for (size_t i = 0; statement->properties && i < item->property_count; i++) {
        if (bytes_is(item->properties[i].type, "vouch"))
            continue;
        struct auth_property *property = &statement->properties[statement->property_count++];
        *property = item->properties[i];
        property->value = authenticated_part(arena, item->check, property->value);
    }
    return statement->properties != NULL;
}

/* One statement for each list of addresses (rfc8904:2): what several records say is one list of its policy.ip. */
static bool is_reported(const struct evidence *evidence, size_t index)
{
    const struct evidence_item *item = &evidence->items[index];
    struct bytes list = evidence_value(item, "vouch", "list"), use = evidence_value(item, "vouch", "use");
    if (item->check != CHECK_DNSWL)
        return true;
    if (use.len && !bytes_is(use, "client"))
        return false;
    for (size_t i = 0; i < index; i++)
        if (evidence->items[i].check == CHECK_DNSWL && list.len &&
            bytes_equal(evidence_value(&evidence->items[i], "vouch", "list"), list) &&
            bytes_equal(evidence_value(&evidence->items[i], "vouch", "use"), use))
            return false;
    return true;
}

static bool join_answers(struct arena *arena, const struct evidence *evidence, const struct evidence_item *item,
                         struct auth_statement *statement)
{
    struct bytes list = evidence_value(item, "vouch", "list"), use = evidence_value(item, "vouch", "use");
    for (size_t k = 0; k < statement->property_count; k++) {
        struct auth_property *property = &statement->properties[k];
        if (!bytes_is(property->type, "policy") || !bytes_is(property->name, "ip") || !list.len)
            continue;
        for (size_t i = (size_t)(item - evidence->items) + 1; i < evidence->item_count; i++) {
            const struct evidence_item *other = &evidence->items[i];
            struct bytes code = evidence_value(other, "policy", "ip");
            if (other->check != CHECK_DNSWL || !code.len || property->value.len > AUTH_VALUE_MAX / 2 ||
                !bytes_equal(evidence_value(other, "vouch", "list"), list) ||
                !bytes_equal(evidence_value(other, "vouch", "use"), use))
                continue;
            property->value =
                arena_printf(arena, BYTES_FMT "," BYTES_FMT, BYTES_ARG(property->value), BYTES_ARG(code));
            if (!property->value.ptr)
                return false;
        }
    }
    return true;
}

static bool add_statement(struct arena *arena, const struct evidence *evidence, const struct evidence_item *item,
                          struct bytes method, struct auth_results *out)
{
    struct auth_statement *statement = &out->statements[out->statement_count++];
    *statement = (struct auth_statement){.method = method,
                                         .version = 1,
                                         .result = registered_result(item->check, item->result),
                                         .reason = item->reason};
    return copy_properties(arena, item, statement) &&
           (item->check != CHECK_DNSWL || join_answers(arena, evidence, item, statement));
}

static enum result report(struct arena *arena, const struct evidence *evidence, struct bytes authserv_id,
                          bool of_relays, struct auth_results *out)
{
    *out = (struct auth_results){.authserv_id = authserv_id, .version = 1};
    out->statements = arena_alloc_array(arena, evidence->item_count, sizeof(*out->statements));
    if (!out->statements)
        return TEMP;
    for (size_t i = 0; i < evidence->item_count; i++) {
        const struct evidence_item *item = &evidence->items[i];
        struct bytes method = of_relays && item->check == CHECK_UPSTREAM
                                  ? evidence_value(item, "vouch", "method")
                                  : bytes_of(check_method(item->check));
        if (method.len && is_reported(evidence, i) && !add_statement(arena, evidence, item, method, out))
            return TEMP;
    }
    return OK;
}

enum result explain_auth_results(struct arena *arena, const struct evidence *evidence,
                                 struct bytes authserv_id, struct auth_results *out)
{
    return report(arena, evidence, authserv_id, false, out);
}

enum result explain_sealed_results(struct arena *arena, const struct evidence *evidence,
                                   struct bytes authserv_id, struct auth_results *out)
{
    return report(arena, evidence, authserv_id, true, out);
}
