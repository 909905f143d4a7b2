/* SPDX-License-Identifier: BSD-2-Clause */
#include "cmd/ledger_file.h"

#include "cmd/command.h"

#include <stdio.h>

bool ledger_file_config(struct arena *arena, const char *file, struct config *out)
{
    struct buf errors;
    buf_init(&errors, 64 * 1024);
    bool fine = config_load(arena, file, out, &errors) == OK;
    if (!fine)
        fprintf(stderr, BYTES_FMT, BYTES_ARG(buf_bytes(&errors)));
    buf_free(&errors);
    return fine;
}

struct ledger *ledger_file_open(const struct ledger_place *place, struct arena *arena, int *status)
{
    struct ledger *ledger = NULL;
    struct error error;
    const char *file = place->ledger;
    if (!file) {
        struct config config;
        if (ledger_file_config(arena, place->config ? place->config : LEDGER_CONFIG_DEFAULT, &config))
            file = arena_string(arena, arena_printf(arena, "%s/ledger.sqlite", config.data_directory));
        if (!file) {
            *status = EXIT_USAGE;
            return NULL;
        }
    }
    enum result result = ledger_open(file, LEDGER_READ, &ledger, &error);
    if (result != OK) {
        fprintf(stderr, "vouch: %s\n", error.text);
        *status = result == NONE ? EXIT_NEGATIVE : EXIT_TEMPORARY;
    }
    return ledger;
}

void ledger_file_entry_json(struct json *json, const struct ledger_entry *entry)
{
    json_begin_object(json);
    json_member_bytes(json, "id", entry->id);
    json_member_integer(json, "received_at", entry->received_at);
    json_member_bytes(json, "client", entry->client);
    json_member_bytes(json, "mail_from", entry->sender);
    json_member_bytes(json, "header_from", entry->header_from);
    json_key(json, "recipients");
    json_begin_array(json);
    for (size_t i = 0; i < entry->recipient_count; i++)
        json_add_bytes(json, entry->recipients[i]);
    json_end_array(json);
    json_member_bytes(json, "action", entry->action);
    json_member_bytes(json, "trust", entry->trust);
    json_member_integer(json, "code", entry->code);
    json_member_bytes(json, "policy", entry->policy);
    json_member_bytes(json, "delivery", entry->delivery);
}
