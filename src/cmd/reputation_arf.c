/* SPDX-License-Identifier: BSD-2-Clause */
#include "cmd/reputation_arf.h"

#include "auth/organization.h"
#include "cmd/command.h"
#include "cmd/ledger_file.h"
#include "cmd/reputation_ask.h"
#include "cmd/world.h"
#include "message/from_field.h"
#include "report/failure_report.h"
#include "roles/original.h"
#include "roles/store_known.h"
#include "state/ledger.h"

enum { MEMORY_MAX = 256 << 20 };

/* Complaints of users; a report of a failed authentication is none (rfc5965:7.3). */
static bool is_complaint(struct bytes type)
{
    return bytes_is(type, "abuse") || bytes_is(type, "fraud") || bytes_is(type, "virus");
}

static enum result read_report(struct arena *arena, struct bytes content, struct reputation_arf *out,
                               struct failure_report *report, struct error *error)
{
    struct message message;
    struct mime mime;
    struct from_field from;
    struct bytes text = message_normalize(arena, content);
    if (!text.ptr)
        return error_set(error, TEMP, "out of memory");
    enum result result = message_parse(arena, text, &message, error);
    if (result == OK)
        result = mime_parse(arena, &message, NULL, &mime, error);
    if (result == OK)
        result = failure_report_read(arena, &mime, report, error);
    if (result == NONE)
        return error_set(error, NONE, "it is no report of abuse (multipart/report; message/feedback-report)");
    if (result == OK)
        result = from_field_read(arena, &message, &from, error);
    if (result != OK)
        return result;
    if (!is_complaint(report->feedback_type))
        return error_set(error, NONE, "a report of type '" BYTES_FMT "' is no complaint",
                         BYTES_ARG(bytes_first(report->feedback_type, 40)));
    if (from.status != FROM_OK)
        return error_set(error, NONE, "nobody says who complains: " BYTES_FMT, BYTES_ARG(from.problem));
    if (organization_domain(from.domain, &out->source) != OK)
        out->source = from.domain;
    return OK;
}

static enum result ask_ledger(struct arena *arena, const struct config *config, struct reputation_arf *out,
                              struct error *error)
{
    struct ledger *ledger;
    struct ledger_entry entry;
    struct evidence evidence;
    char *file = arena_string(arena, arena_printf(arena, "%s/ledger.sqlite", config->data_directory));
    if (!file)
        return error_set(error, TEMP, "out of memory");
    enum result result = ledger_open(file, LEDGER_READ, &ledger, error);
    if (result != OK)
        return result == NONE ? error_set(error, NONE, "there is no ledger yet") : result;
    result = ledger_find(ledger, arena, out->id, &entry, error);
    /* An id that was cut short is none of ours. */
    if (result == NONE || (result == OK && !bytes_equal(entry.id, out->id)))
        result = error_set(error, NONE, "the ledger has no message " BYTES_FMT, BYTES_ARG(out->id));
    if (result == OK)
        result = evidence_read(arena, entry.evidence, &evidence, error);
    if (result == OK)
        out->count = known_identities(&evidence, out->identities);
    ledger_close(ledger);
    return result == OK && !out->count ? error_set(error, NONE, "nobody was authenticated for it") : result;
}

enum result reputation_arf_read(struct arena *arena, const struct config *config, struct bytes content,
                                struct reputation_arf *out, struct error *error)
{
    struct failure_report report;
    struct original original;
    *out = (struct reputation_arf){.count = 0};
    enum result result = read_report(arena, content, out, &report, error);
    if (result == OK && !report.has_message)
        return error_set(error, NONE, "the message that it is about did not come with it");
    if (result == OK)
        result = original_find(arena, report.message, bytes_of(config->hostname), &original, error);
    if (result != OK)
        return result;
    out->id = original.id;
    if (!out->id.len)
        return error_set(error, NONE, "the message that it is about does not say that it came by us");
    return ask_ledger(arena, config, out, error);
}

/* A name stands for what it signed and for what it sent. */
static bool is_repeated(const struct reputation_arf *found, size_t index)
{
    for (size_t i = 0; i < index; i++)
        if (bytes_equal(found->identities[i].name, found->identities[index].name))
            return true;
    return false;
}

static int complain_about(const struct arguments *arguments, const char *config_file,
                          const struct reputation_arf *found, struct bytes source, bool machine)
{
    int status = EXIT_FINE;
    uint64_t counted = 0;
    for (size_t i = 0; i < found->count && status != EXIT_TEMPORARY && status != EXIT_USAGE; i++) {
        struct reputation_ask ask = {.arguments = arguments, .config_file = config_file};
        if (is_repeated(found, i))
            continue;
        int one = reputation_ask(&ask, &(struct control_command){.verb = CONTROL_REPUTATION_COMPLAIN,
                                                                 .text = found->identities[i].name,
                                                                 .account = source});
        counted += one < 0 ? ask.answer.count : 0;
        status = one < 0 ? status : one;
        reputation_done(&ask);
    }
    if (machine)
        printf("{\"id\":\"" BYTES_FMT "\",\"identities\":%llu}\n", BYTES_ARG(found->id), (unsigned long long)counted);
    return status;
}

int reputation_arf_complain(const struct arguments *arguments, const char *config_file, const char *file,
                            struct bytes source, bool machine)
{
    struct config config;
    struct reputation_arf found;
    struct world world = {.command = arguments->command, .arena = arena_create(MEMORY_MAX)};
    struct bytes content;
    struct error error = {{0}};
    int status = EXIT_USAGE;
    if (!world.arena)
        return EXIT_TEMPORARY;
    if (ledger_file_config(world.arena, config_file ? config_file : LEDGER_CONFIG_DEFAULT, &config) &&
        world_read_message(&world, file, &content)) {
        enum result result = reputation_arf_read(world.arena, &config, content, &found, &error);
        if (result != OK) {
            fprintf(stderr, "vouch %s: ", arguments->command);
            world_show(stderr, bytes_of(error.text));
            fputc('\n', stderr);
        }
        status = result == TEMP   ? EXIT_TEMPORARY
                 : result == PERM ? EXIT_USAGE
                 : result == NONE ? EXIT_NEGATIVE
                                  : complain_about(arguments, config_file, &found,
                                                   source.len ? source : found.source, machine);
    }
    arena_destroy(world.arena);
    return status;
}
