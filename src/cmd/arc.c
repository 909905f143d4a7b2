/* SPDX-License-Identifier: BSD-2-Clause */
/* vouch arc verify and vouch arc seal: the chain of one message, read and continued. */
#include "auth/arc_seal.h"
#include "auth/key_directory.h"
#include "base/json.h"
#include "base/utf8.h"
#include "cmd/command.h"
#include "cmd/world.h"
#include "fiber/loop.h"
#include "message/date.h"

#include <stdio.h>

static const char verify_usage[] =
    "usage: vouch arc verify [options] FILE|-\n"
    "\n"
    "Verifies the chain of seals (ARC, RFC 8617) that mailing lists and forwarders left on a "
    "message:\n"
    "who sealed it, what each of them had found, and whether all of it still holds.\n"
    "\n" WORLD_USAGE "\n"
    "examples:\n"
    "  vouch arc verify message.eml\n"
    "  vouch arc verify --json --resolver 127.0.0.1:5300 - < message.eml\n"
    "\n"
    "exit status: 0 the chain holds, 1 it fails or there is none, 2 usage, 3 DNS failed\n";

static const char seal_usage[] =
    "usage: vouch arc seal --domain D --selector S --key FILE [options] FILE|-\n"
    "\n"
    "Verifies the chain of a message, adds a set of its own (RFC 8617) and prints the message as "
    "it is\n"
    "sent over SMTP (lines end in CRLF). What is sealed are the results in the message's own\n"
    "Authentication-Results under the authserv-id, or those that are given.\n"
    "\n"
    "  --domain NAME           the sealing domain (d=)\n"
    "  --selector NAME         the selector of its key (s=)\n"
    "  --key FILE              the private key (PEM), RSA or Ed25519\n"
    "  --authserv-id ID        whose results to seal (default: the domain)\n"
    "  --results TEXT          seal these, such as \"spf=pass smtp.mailfrom=a@example.org; "
    "dkim=none\"\n" WORLD_USAGE "\n"
    "examples:\n"
    "  vouch arc seal --domain lists.example.org --selector a --key a.pem message.eml > "
    "sealed.eml\n"
    "  vouch arc seal --domain example.org --selector a --key a.pem --results spf=pass - < "
    "message.eml\n"
    "\n"
    "exit status: 0 sealed, 1 it must not or cannot be sealed, 2 usage, 3 DNS failed\n";

static int complain(const char *text, int status)
{
    fprintf(stderr, "vouch arc seal: %s\n", text);
    return status;
}

/* What strangers wrote, without what a terminal would act on. */
static void put_text(struct buf *out, struct bytes text)
{
    while (text.len) {
        size_t length = utf8_sequence(text);
        bool control = length == 1 ? text.ptr[0] < 0x20 || text.ptr[0] == 0x7f
                                   : length == 2 && text.ptr[0] == 0xc2 && text.ptr[1] < 0xa0;
        buf_add(out, length == 0 || control ? BYTES("?") : bytes_first(text, length));
        text = bytes_skip(text, length ? length : 1);
    }
}

/* -1: go on, else the exit status. */
static int read_and_verify(struct world *world, const char *file, struct message *message,
                           struct arc_results *arc)
{
    struct arc_options options = {.now = world->now, .deadline = loop_deadline(20 * SECOND)};
    int status = world_parse_message(world, file, message);
    if (status < 0)
        arc_verify(world->dns, world->arena, message, &options, arc);
    return status;
}

/* ---- verify, for machines ---- */

static void write_statements(struct json *json, const struct auth_results *results)
{
    json_key(json, "results");
    json_begin_array(json);
    for (size_t i = 0; i < results->statement_count; i++) {
        const struct auth_statement *statement = &results->statements[i];
        json_begin_object(json);
        json_member_bytes(json, "method", statement->method);
        json_member_bytes(json, "result", statement->result_text);
        json_key(json, "properties");
        json_begin_array(json);
        for (size_t k = 0; k < statement->property_count; k++) {
            const struct auth_property *property = &statement->properties[k];
            json_begin_object(json);
            json_member_bytes(json, "type", property->type);
            json_member_bytes(json, "name", property->name);
            json_member_bytes(json, "value", property->value);
            json_end_object(json);
        }
        json_end_array(json);
        json_end_object(json);
    }
    json_end_array(json);
}

static void write_json_set(struct json *json, const struct arc_set *set)
{
    json_begin_object(json);
    json_member_integer(json, "instance", set->instance);
    json_member_bytes(json, "domain", set->domain);
    json_member_bytes(json, "selector", set->selector);
    json_member_bytes(json, "message_domain", set->message_domain);
    json_member_integer(json, "time", set->time);
    json_member(json, "cv", auth_result_name(set->cv));
    json_member_bytes(json, "authserv_id", set->authserv_id);
    write_statements(json, &set->auth_results);
    json_member(json, "seal", auth_result_name(set->seal));
    json_member_bytes(json, "seal_problem", set->seal_problem);
    json_member(json, "message_signature", auth_result_name(set->message_signature));
    json_member_bytes(json, "message_problem", set->message_problem);
    json_end_object(json);
}

static void write_json(struct buf *out, const struct arc_results *arc)
{
    struct json json = json_into(out);
    json_begin_object(&json);
    json_member(&json, "result", auth_result_name(arc->result));
    json_member_bytes(&json, "problem", arc->problem);
    json_member_integer(&json, "oldest_pass", arc->oldest_pass);
    json_member_bool(&json, "exhausted", arc->exhausted);
    json_key(&json, "sets");
    json_begin_array(&json);
    for (size_t i = 0; i < arc->count; i++)
        write_json_set(&json, &arc->sets[i]);
    json_end_array(&json);
    json_end_object(&json);
    buf_add_byte(out, '\n');
}

/* ---- verify, for people ---- */

static void write_found(struct buf *out, const struct arc_set *set)
{
    const struct auth_results *results = &set->auth_results;
    buf_add_string(out, "     ");
    if (!set->authserv_id.len) {
        buf_add_string(out, "What it had found cannot be read.\n");
        return;
    }
    put_text(out, set->authserv_id);
    buf_add_string(out, results->statement_count ? " had found:" : " had checked nothing.\n");
    if (!results->statement_count)
        return;
    for (size_t i = 0; i < results->statement_count; i++) {
        const struct auth_statement *statement = &results->statements[i];
        buf_add_string(out, i ? ", " : " ");
        put_text(out, statement->method);
        buf_add_byte(out, '=');
        put_text(out, statement->result_text);
        if (!statement->property_count)
            continue;
        buf_add_string(out, " (");
        put_text(out, statement->properties[0].value);
        buf_add_byte(out, ')');
    }
    buf_add_string(out, ".\n");
}

static void write_chain_before(struct buf *out, const struct arc_set *set)
{
    if (set->cv == AUTH_NONE)
        buf_add_string(out, "     There was no chain before it.\n");
    else if (set->cv == AUTH_PASS)
        buf_add_string(out, "     It says that the chain before it held.\n");
    else if (set->cv == AUTH_FAIL)
        buf_add_string(out, "     It says that the chain before it was broken.\n");
}

static void write_judgement(struct buf *out, const char *what, enum auth_result result,
                            const char *good, const char *bad, struct bytes problem)
{
    const char *word = result == AUTH_PASS        ? good
                       : result == AUTH_FAIL      ? bad
                       : result == AUTH_NONE      ? "not looked at"
                       : result == AUTH_TEMPERROR ? "cannot be told now"
                                                  : "void";
    buf_printf(out, "     %s: %s", what, word);
    if (problem.len) {
        buf_add_string(out, ", because ");
        put_text(out, problem);
    }
    buf_add_string(out, ".\n");
}

static void write_set(struct buf *out, const struct arc_set *set)
{
    buf_printf(out, "%3u. ", set->instance);
    if (!set->domain.len) {
        buf_add_string(out, "There is no readable seal here.\n");
        return;
    }
    put_text(out, set->domain);
    buf_add_string(out, " sealed it");
    if (set->time) {
        buf_add_string(out, " on ");
        date_write(out, set->time, 0);
    }
    buf_add_string(out, " (selector ");
    put_text(out, set->selector);
    buf_add_string(out, ").\n");
    write_chain_before(out, set);
    write_found(out, set);
    write_judgement(out, "Its seal", set->seal, "good", "broken", set->seal_problem);
    write_judgement(out, "The message as it left there", set->message_signature, "unchanged",
                    "changed since", set->message_problem);
}

static void write_text(struct buf *out, const struct arc_results *arc)
{
    if (arc->result == AUTH_NONE) {
        buf_add_string(out, "none: the message has no ARC chain\n");
        return;
    }
    buf_printf(out, "%s: ", auth_result_name(arc->result));
    if (arc->result == AUTH_PASS)
        buf_printf(out, "the chain holds; %zu %s it", arc->count,
                   arc->count == 1 ? "server sealed" : "servers sealed");
    else
        put_text(out, arc->problem);
    buf_add_byte(out, '\n');
    for (size_t i = 0; i < arc->count; i++)
        write_set(out, &arc->sets[i]);
    if (arc->result == AUTH_PASS && arc->oldest_pass > 1)
        buf_printf(out, "The message was changed before set %u was made, and not after it.\n",
                   arc->oldest_pass);
    else if (arc->result == AUTH_PASS && arc->count > 1)
        buf_add_string(out, "The message was not changed since the first set was made.\n");
    if (arc->exhausted)
        buf_add_string(out, "Nobody may seal this message again.\n");
}

static int run_verify(struct world *world)
{
    struct message message;
    struct arc_results arc;
    int status = read_and_verify(world, world->context, &message, &arc);
    if (status >= 0)
        return status;
    struct buf out;
    buf_init(&out, 64 << 20);
    if (world->options->json)
        write_json(&out, &arc);
    else
        write_text(&out, &arc);
    world_print(&out);
    return world_exit_status(arc.result);
}

int arc_verify_command(int argc, char **argv)
{
    struct world_options options = {0};
    const struct argument table[] = {WORLD_ARGUMENTS(options)};
    struct arguments arguments = {"arc verify", verify_usage, table, countof(table), {NULL}, 0};
    return world_run_message(&arguments, argc, argv, &options, run_verify);
}

/* ---- seal ---- */

struct sealing_options {
    const char *domain, *selector, *key, *authserv_id, *results, *file;
};

static bool read_results(struct world *world, const struct sealing_options *options,
                         const struct message *message, struct auth_results *found)
{
    struct bytes id = bytes_of(options->authserv_id ? options->authserv_id : options->domain);
    struct error error = {"out of memory"};
    if (!options->results) {
        enum result result = arc_seal_collect_results(world->arena, message, id, found);
        if (result == NONE)
            fprintf(stderr,
                    "vouch arc seal: the message has no Authentication-Results of " BYTES_FMT
                    ", so none are sealed\n",
                    BYTES_ARG(id));
        return result != TEMP;
    }
    struct bytes text = arena_printf(world->arena, "x; %s", options->results);
    if (auth_results_parse(world->arena, text, found, &error) != OK) {
        fprintf(stderr, "vouch arc seal: --results: %s\n", error.text);
        return false;
    }
    found->authserv_id = id;
    return true;
}

static void write_sealed_json(struct buf *out, const struct arc_results *arc, struct bytes set)
{
    struct json json = json_into(out);
    json_begin_object(&json);
    json_member_integer(&json, "instance", (int64_t)arc->count + 1);
    json_member(&json, "cv", auth_result_name(arc->result));
    json_member_bytes(&json, "header", set);
    json_end_object(&json);
    buf_add_byte(out, '\n');
}

static int seal(struct world *world, const struct sealing_options *options, EVP_PKEY *key,
                const struct message *message, const struct arc_results *arc)
{
    struct auth_results found;
    struct buf set, out;
    struct error error;
    if (!read_results(world, options, message, &found))
        return EXIT_USAGE;
    struct arc_sealing sealing = {
        .algorithm = dkim_key_type_algorithm(dkim_private_key_type(key)),
        .domain = bytes_of(options->domain),
        .selector = bytes_of(options->selector),
        .time = world->now,
        .auth_results = &found,
    };
    buf_init(&set, 1 << 20);
    buf_init(&out, (size_t)1 << 30);
    enum result result =
        arc_seal(world->arena, message, &sealing, arc, dkim_sign_with_key, key, &set, &error);
    if (result != OK)
        complain(error.text, EXIT_NEGATIVE);
    /* A chain that must not go on goes through as it is. */
    if (result == OK && world->options->json) {
        write_sealed_json(&out, arc, buf_bytes(&set));
    } else if (result == OK || (result == NONE && !world->options->json)) {
        buf_add(&out, result == OK ? buf_bytes(&set) : BYTES(""));
        buf_add(&out, message->raw);
    }
    buf_free(&set);
    world_print(&out);
    return result == OK ? EXIT_FINE : result == TEMP ? EXIT_TEMPORARY : EXIT_NEGATIVE;
}

static int run_seal(struct world *world)
{
    const struct sealing_options *options = world->context;
    struct message message;
    struct arc_results arc;
    struct error error;
    EVP_PKEY *key;
    if (key_file_load(world->arena, options->key, &key, &error) != OK)
        return complain(error.text, EXIT_USAGE);
    int status = read_and_verify(world, options->file, &message, &arc);
    /* To seal now would mark the chain as broken for good (rfc8617:5.2.1). */
    if (status < 0 && arc.result == AUTH_TEMPERROR) {
        fprintf(stderr, "vouch arc seal: try again later: " BYTES_FMT "\n", BYTES_ARG(arc.problem));
        status = EXIT_TEMPORARY;
    } else if (status < 0) {
        status = seal(world, options, key, &message, &arc);
    }
    EVP_PKEY_free(key);
    return status;
}

int arc_seal_command(int argc, char **argv)
{
    struct sealing_options sealing = {0};
    struct world_options options = {0};
    const struct argument table[] = {
        {"--domain", &sealing.domain, NULL},   {"--selector", &sealing.selector, NULL},
        {"--key", &sealing.key, NULL},         {"--authserv-id", &sealing.authserv_id, NULL},
        {"--results", &sealing.results, NULL}, WORLD_ARGUMENTS(options)};
    struct arguments arguments = {"arc seal", seal_usage, table, countof(table), {NULL}, 0};
    int status = arguments_read(&arguments, argc, argv);
    if (status >= 0)
        return status;
    if (!sealing.domain || !sealing.selector || !sealing.key)
        return arguments_fail(&arguments, "wants --domain, --selector and --key");
    if (arguments.position_count != 1)
        return arguments_fail(&arguments, "wants one message file, or - for standard input");
    sealing.file = arguments.positions[0];
    return world_run(&arguments, &options, run_seal, &sealing);
}
