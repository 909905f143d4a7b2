/* SPDX-License-Identifier: BSD-2-Clause */
/* Evidence as JSON, and back: what the ledger keeps and a replay reads. */
#include "verdict/evidence.h"
#include "verdict/json_reader.h"

static void write_strings(struct json *json, const char *key, const struct bytes *strings, size_t count)
{
    json_key(json, key);
    json_begin_array(json);
    for (size_t i = 0; i < count; i++)
        json_add_bytes(json, strings[i]);
    json_end_array(json);
}

static void write_item(struct json *json, const struct evidence_item *item)
{
    json_begin_object(json);
    json_member(json, "check", check_name(item->check));
    json_member(json, "result", auth_result_name(item->result));
    if (item->reason.len)
        json_member_bytes(json, "reason", item->reason);
    json_key(json, "properties");
    json_begin_array(json);
    for (size_t i = 0; i < item->property_count; i++) {
        json_begin_array(json);
        json_add_bytes(json, item->properties[i].type);
        json_add_bytes(json, item->properties[i].name);
        json_add_bytes(json, item->properties[i].value);
        json_end_array(json);
    }
    json_end_array(json);
    json_member_integer(json, "elapsed_us", item->elapsed);
    json_end_object(json);
}

static void write_dns(struct json *json, const struct evidence_dns *dns)
{
    json_begin_object(json);
    json_member_bytes(json, "name", dns->name);
    json_member_bytes(json, "type", dns->type);
    json_member_bytes(json, "status", dns->status);
    json_member_integer(json, "ttl", dns->ttl);
    if (dns->authenticated)
        json_member_bool(json, "authenticated", true);
    if (dns->record_count)
        write_strings(json, "records", dns->records, dns->record_count);
    json_end_object(json);
}

void evidence_write(struct json *json, const struct evidence *evidence)
{
    char client[IP_TEXT_SIZE];
    json_begin_object(json);
    json_member_bytes(json, "id", evidence->id);
    json_member_integer(json, "received_at", evidence->received_at);
    json_member(json, "client", evidence->client.family ? ip_format(&evidence->client, client) : "");
    json_member_bytes(json, "client_name", evidence->client_name);
    json_member_bytes(json, "helo", evidence->helo);
    json_member_bytes(json, "mail_from", evidence->mail_from);
    write_strings(json, "recipients", evidence->recipients, evidence->recipient_count);
    json_member_bytes(json, "header_from", evidence->header_from);
    json_member_bytes(json, "message_id", evidence->message_id);
    json_member_bytes(json, "subject", evidence->subject);
    json_member_integer(json, "size", (int64_t)evidence->size);
    json_member_bytes(json, "tls", evidence->tls);
    if (evidence->account.len)
        json_member_bytes(json, "account", evidence->account);
    json_member_bool(json, "own_network", evidence->own_network);
    json_member_bool(json, "exempt", evidence->exempt);
    json_key(json, "items");
    json_begin_array(json);
    for (size_t i = 0; i < evidence->item_count; i++)
        write_item(json, &evidence->items[i]);
    json_end_array(json);
    json_key(json, "dns");
    json_begin_array(json);
    for (size_t i = 0; i < evidence->dns_count; i++)
        write_dns(json, &evidence->dns[i]);
    json_end_array(json);
    json_end_object(json);
}

static void read_strings(struct json_reader *reader, const json_t *object, const char *key,
                         struct bytes **out, size_t *count)
{
    const json_t *array = json_reader_array(reader, object, key);
    *count = json_array_size(array);
    *out = arena_alloc_array(reader->arena, *count, sizeof(**out));
    if (!*out) {
        reader->exhausted = true;
        *count = 0;
        return;
    }
    for (size_t i = 0; i < *count; i++)
        (*out)[i] = json_reader_element(reader, array, i);
}

static void read_item(struct json_reader *reader, const json_t *object, struct evidence *out)
{
    enum check check;
    enum auth_result result;
    if (!check_parse(json_reader_bytes(reader, object, "check"), &check) ||
        !auth_result_parse(json_reader_bytes(reader, object, "result"), &result)) {
        reader->malformed = true;
        return;
    }
    struct evidence_item *item = evidence_add(reader->arena, out, check, result);
    if (!item) {
        reader->exhausted = true;
        return;
    }
    item->reason = json_reader_bytes(reader, object, "reason");
    item->elapsed = json_reader_integer(reader, object, "elapsed_us");
    const json_t *properties = json_reader_array(reader, object, "properties");
    for (size_t i = 0; i < json_array_size(properties); i++) {
        const json_t *triple = json_array_get(properties, i);
        char *type = arena_string(reader->arena, json_reader_element(reader, triple, 0));
        char *name = arena_string(reader->arena, json_reader_element(reader, triple, 1));
        if (!type || !name ||
            !evidence_property(reader->arena, item, type, name, json_reader_element(reader, triple, 2)))
            reader->exhausted = true;
    }
}

static void read_dns(struct json_reader *reader, const json_t *object, struct evidence_dns *out)
{
    out->name = json_reader_bytes(reader, object, "name");
    out->type = json_reader_bytes(reader, object, "type");
    out->status = json_reader_bytes(reader, object, "status");
    out->ttl = (uint32_t)json_reader_integer(reader, object, "ttl");
    out->authenticated = json_reader_bool(reader, object, "authenticated");
    read_strings(reader, object, "records", &out->records, &out->record_count);
}

enum result evidence_read(struct arena *arena, struct bytes text, struct evidence *out,
                          struct error *error)
{
    struct json_reader reader;
    *out = (struct evidence){0};
    const json_t *root = json_reader_open(&reader, arena, text);
    out->id = json_reader_bytes(&reader, root, "id");
    out->received_at = json_reader_integer(&reader, root, "received_at");
    struct bytes client = json_reader_bytes(&reader, root, "client");
    if (client.len && !ip_parse(client, &out->client))
        reader.malformed = true;
    out->client_name = json_reader_bytes(&reader, root, "client_name");
    out->helo = json_reader_bytes(&reader, root, "helo");
    out->mail_from = json_reader_bytes(&reader, root, "mail_from");
    read_strings(&reader, root, "recipients", &out->recipients, &out->recipient_count);
    out->header_from = json_reader_bytes(&reader, root, "header_from");
    out->message_id = json_reader_bytes(&reader, root, "message_id");
    out->subject = json_reader_bytes(&reader, root, "subject");
    out->size = (uint64_t)json_reader_integer(&reader, root, "size");
    out->tls = json_reader_bytes(&reader, root, "tls");
    if (json_object_get(root, "account"))
        out->account = json_reader_bytes(&reader, root, "account");
    out->own_network = json_reader_bool(&reader, root, "own_network");
    out->exempt = json_reader_bool(&reader, root, "exempt");
    const json_t *items = json_reader_array(&reader, root, "items");
    for (size_t i = 0; i < json_array_size(items); i++)
        read_item(&reader, json_array_get(items, i), out);
    const json_t *dns = json_reader_array(&reader, root, "dns");
    out->dns = arena_alloc_array(arena, json_array_size(dns), sizeof(*out->dns));
    if (!out->dns)
        reader.exhausted = true;
    for (size_t i = 0; out->dns && i < json_array_size(dns); i++)
        read_dns(&reader, json_array_get(dns, i), &out->dns[out->dns_count++]);
    return json_reader_close(&reader, "evidence", error);
}
