/* SPDX-License-Identifier: BSD-2-Clause */
/* vouch dkim verify: all signatures of one message. */
#include "auth/dkim.h"
#include "base/json.h"
#include "cmd/command.h"
#include "cmd/world.h"
#include "fiber/loop.h"

#include <stdio.h>
#include <string.h>

static const char usage[] =
    "usage: vouch dkim verify [options] FILE|-\n"
    "\n"
    "Verifies every DKIM signature of a message (RFC 6376, 8301, 8463).\n"
    "\n"
    WORLD_USAGE
    "\n"
    "examples:\n"
    "  vouch dkim verify message.eml\n"
    "  vouch dkim verify --json --resolver 127.0.0.1:5300 - < message.eml\n"
    "\n"
    "exit status: 0 at least one signature passed, 1 none did, 2 usage, 3 none did and DNS failed\n";

static const char *overall(const struct dkim_results *dkim, int *status)
{
    const char *name = "none";
    *status = EXIT_NEGATIVE;
    for (size_t i = 0; i < dkim->count; i++) {
        enum auth_result result = dkim->signatures[i].result;
        if (result == AUTH_PASS) {
            *status = EXIT_FINE;
            return "pass";
        }
        if (i == 0)
            name = auth_result_name(result);
        if (result == AUTH_TEMPERROR)
            *status = EXIT_TEMPORARY;
    }
    return name;
}

static void write_time(struct json *json, int64_t time)
{
    if (time)
        json_add_integer(json, time);
    else
        json_add_null(json);
}

/* h= is mostly folded, and white space means nothing in it. (rfc6376:3.5) */
static void write_headers(struct json *json, struct bytes list)
{
    struct buf plain;
    buf_init(&plain, list.len + 1);
    for (size_t i = 0; i < list.len; i++)
        if (!strchr(" \t\r\n", list.ptr[i]))
            buf_add_byte(&plain, list.ptr[i]);
    json_member_bytes(json, "headers", buf_bytes(&plain));
    buf_free(&plain);
}

static void write_json(struct buf *out, const struct dkim_results *dkim, const char *result)
{
    struct json json = json_into(out);
    json_begin_object(&json);
    json_member(&json, "result", result);
    json_key(&json, "signatures");
    json_begin_array(&json);
    for (size_t i = 0; i < dkim->count; i++) {
        const struct dkim_signature_result *signature = &dkim->signatures[i];
        json_begin_object(&json);
        json_member(&json, "result", auth_result_name(signature->result));
        json_member_bytes(&json, "domain", signature->domain);
        json_member_bytes(&json, "selector", signature->selector);
        json_member_bytes(&json, "identity", signature->identity);
        json_member_bytes(&json, "algorithm", signature->algorithm);
        json_member_integer(&json, "key_bits", signature->key_bits);
        write_headers(&json, signature->header_list);
        json_member_bool(&json, "testing", signature->key_testing);
        json_member_bool(&json, "body_length_used", signature->body_length_used);
        json_member_bool(&json, "expired", signature->expired);
        json_member_bool(&json, "from_future", signature->from_future);
        json_key(&json, "made");
        write_time(&json, signature->made);
        json_key(&json, "expires");
        write_time(&json, signature->expires);
        json_member_bytes(&json, "problem", signature->problem);
        json_end_object(&json);
    }
    json_end_array(&json);
    json_member_integer(&json, "ignored", (int64_t)dkim->ignored);
    json_end_object(&json);
    buf_add_byte(out, '\n');
}

/* What an administrator should know and the result does not say. */
static void write_notes(struct buf *out, const struct dkim_signature_result *signature)
{
    if (signature->body_length_used)
        buf_add_string(out, "  note: anything can be added behind the part of the body that is signed (l=);\n"
                            "        such a signature gets no credit\n");
    if (signature->key_testing)
        buf_add_string(out, "  note: the domain is testing this key (t=y); its mail counts as unsigned\n");
    if (signature->from_future)
        buf_add_string(out, "  note: it was made in the future (t=); the signer's clock is wrong, or ours\n");
}

static void write_text(struct buf *out, const struct dkim_results *dkim, const char *result)
{
    if (dkim->count == 0)
        buf_printf(out, "%s: the message has no DKIM signature\n", result);
    for (size_t i = 0; i < dkim->count; i++) {
        const struct dkim_signature_result *signature = &dkim->signatures[i];
        buf_printf(out, "%s: d=" BYTES_FMT " s=" BYTES_FMT " a=" BYTES_FMT,
                   auth_result_name(signature->result), BYTES_ARG(signature->domain),
                   BYTES_ARG(signature->selector), BYTES_ARG(signature->algorithm));
        if (signature->key_bits)
            buf_printf(out, " (%u bits)", signature->key_bits);
        if (signature->problem.len)
            buf_printf(out, ": " BYTES_FMT, BYTES_ARG(signature->problem));
        buf_add_byte(out, '\n');
        write_notes(out, signature);
    }
    if (dkim->ignored)
        buf_printf(out, "%zu further signature%s not looked at: %d are the limit\n", dkim->ignored,
                   dkim->ignored == 1 ? " was" : "s were", DKIM_SIGNATURES_MAX);
}

static int run_verify(struct world *world)
{
    struct message message;
    struct dkim_results dkim = {0};
    struct dkim_options dkim_options = {.now = world->now, .deadline = loop_deadline(20 * SECOND)};
    int status = world_parse_message(world, world->context, &message);
    if (status >= 0)
        return status;
    dkim_verify(world->dns, world->arena, &message, &dkim_options, &dkim);
    const char *result = overall(&dkim, &status);
    struct buf out;
    buf_init(&out, 4 << 20);
    if (world->options->json)
        write_json(&out, &dkim, result);
    else
        write_text(&out, &dkim, result);
    world_print(&out);
    return status;
}

int dkim_verify_command(int argc, char **argv)
{
    struct world_options options = {0};
    const struct argument table[] = {WORLD_ARGUMENTS(options)};
    struct arguments arguments = {"dkim verify", usage, table, countof(table), {NULL}, 0};
    return world_run_message(&arguments, argc, argv, &options, run_verify);
}
