/* SPDX-License-Identifier: BSD-2-Clause */
/* vouch domainkeys verify: the DomainKeys signature of one message. */
#include "auth/domainkeys.h"
#include "base/json.h"
#include "cmd/command.h"
#include "cmd/world.h"
#include "fiber/loop.h"

#include <stdio.h>

static const char usage[] =
    "usage: vouch domainkeys verify [options] FILE|-\n"
    "\n"
    "Verifies the DomainKeys signature of a message (RFC 4870, the system that DKIM replaced) and, where\n"
    "there is no good one, shows what the sender's domain says about its mail. The result is for study: a\n"
    "signature of 2007 proves nothing today, since it rests on SHA-1.\n"
    "\n"
    WORLD_USAGE
    "\n"
    "examples:\n"
    "  vouch domainkeys verify message.eml\n"
    "  vouch domainkeys verify --json --resolver 127.0.0.1:5300 - < message.eml\n"
    "\n"
    "exit status: 0 the signature is good (pass), 1 any other result, 2 usage, 3 temperror\n";

static void write_json(struct buf *out, const struct domainkeys_result *result)
{
    struct json json = json_into(out);
    json_begin_object(&json);
    json_member(&json, "result", auth_result_name(result->result));
    json_member_bytes(&json, "problem", result->problem);
    json_member_bytes(&json, "sender", result->sender);
    json_member_bytes(&json, "sender_field", result->sender_field);
    json_member_integer(&json, "signatures", (int64_t)result->signatures);
    json_member_bytes(&json, "domain", result->domain);
    json_member_bytes(&json, "selector", result->selector);
    json_member_integer(&json, "key_bits", result->key_bits);
    json_member_bool(&json, "testing", result->key_testing);
    json_key(&json, "policy");
    if (result->policy.found) {
        json_begin_object(&json);
        json_member_bytes(&json, "record", result->policy.record);
        json_member_bool(&json, "signs_all", result->policy.signs_all);
        json_member_bool(&json, "testing", result->policy.testing);
        json_member_bytes(&json, "report", result->policy.report);
        json_member_bytes(&json, "note", result->policy.note);
        json_end_object(&json);
    } else {
        json_add_null(&json);
    }
    json_end_object(&json);
    buf_add_byte(out, '\n');
}

static void write_policy(struct buf *out, const struct domainkeys_policy *policy)
{
    if (!policy->found) {
        buf_add_string(out, "  policy      the sender's domain publishes none\n");
        return;
    }
    buf_printf(out, "  policy      " BYTES_FMT "\n", BYTES_ARG(policy->record));
    buf_printf(out, "              the domain signs %s of its mail%s\n",
               policy->signs_all ? "all" : "some", policy->testing ? ", and is still testing" : "");
    if (policy->note.len)
        buf_printf(out, "              its note: " BYTES_FMT "\n", BYTES_ARG(policy->note));
}

static void write_text(struct buf *out, const struct domainkeys_result *result)
{
    bool verified = result->result == AUTH_PASS || result->result == AUTH_POLICY;
    buf_printf(out, "%s%s" BYTES_FMT "\n", auth_result_name(result->result),
               result->problem.len ? ": " : "", BYTES_ARG(result->problem));
    if (result->sender.len)
        buf_printf(out, "  sender      " BYTES_FMT " (in the " BYTES_FMT " field)\n",
                   BYTES_ARG(result->sender), BYTES_ARG(result->sender_field));
    if (result->signatures > 1)
        buf_printf(out, "  signatures  %zu; the first that fits the sender counts\n",
                   result->signatures);
    if (result->domain.len)
        buf_printf(out, "  signed by   d=" BYTES_FMT " s=" BYTES_FMT "\n", BYTES_ARG(result->domain),
                   BYTES_ARG(result->selector));
    if (result->key_bits)
        buf_printf(out, "  key         RSA, %u bits%s\n", result->key_bits,
                   result->key_testing ? ", in testing (t=y)" : "");
    if (!verified && result->sender.len && result->result != AUTH_TEMPERROR)
        write_policy(out, &result->policy);
}

static int run_verify(struct world *world)
{
    struct message message;
    struct domainkeys_result result;
    int status = world_parse_message(world, world->context, &message);
    if (status >= 0)
        return status;
    domainkeys_verify(world->dns, world->arena, &message, loop_deadline(20 * SECOND), &result);
    struct buf out;
    buf_init(&out, 4 << 20);
    if (world->options->json)
        write_json(&out, &result);
    else
        write_text(&out, &result);
    world_print(&out);
    return world_exit_status(result.result);
}

int domainkeys_verify_command(int argc, char **argv)
{
    struct world_options options = {0};
    const struct argument table[] = {WORLD_ARGUMENTS(options)};
    struct arguments arguments = {"domainkeys verify", usage, table, countof(table), {NULL}, 0};
    return world_run_message(&arguments, argc, argv, &options, run_verify);
}
