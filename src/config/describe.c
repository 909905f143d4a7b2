/* SPDX-License-Identifier: BSD-2-Clause */
#include "config/describe.h"

#include "base/ascii.h"
#include "base/json.h"
#include "config/schema.h"
#include "config/value.h"

enum { LINE_WIDTH = 100 };

/* Words of `text` as lines that begin with `prefix`. */
static void write_wrapped(struct buf *out, const char *prefix, struct bytes text)
{
    size_t indent = bytes_of(prefix).len, column = 0;
    struct bytes rest = text, word;
    while (bytes_split(&rest, ' ', &word)) {
        if (column == 0 || column + 1 + word.len > LINE_WIDTH) {
            buf_add_string(out, column ? "\n" : "");
            buf_add_string(out, prefix);
            column = indent;
        } else {
            buf_add_byte(out, ' ');
            column++;
        }
        buf_add(out, word);
        column += word.len;
    }
    buf_add_byte(out, '\n');
}

static bool has_bounds(const struct config_key *key)
{
    return key->type == CONFIG_NUMBER || key->type == CONFIG_COUNT || key->type == CONFIG_SIZE ||
           key->type == CONFIG_DURATION;
}

static void write_quantity(struct buf *out, const struct config_key *key, int64_t value)
{
    if (key->type == CONFIG_SIZE)
        config_write_size(out, (uint64_t)value);
    else if (key->type == CONFIG_DURATION)
        config_write_duration(out, value);
    else
        buf_printf(out, "%lld", (long long)value);
}

/* "size from 64K to 2G", "one of plain, json". */
static void write_type(struct buf *out, const struct config_key *key)
{
    if (!key->choices[0])
        buf_add_string(out, config_type_name(key->type));
    for (size_t i = 0; i < CONFIG_CHOICES && key->choices[i]; i++)
        buf_printf(out, "%s%s", i ? ", " : "one of ", key->choices[i]);
    if (!has_bounds(key))
        return;
    if (key->least || key->most == INT64_MAX) {
        buf_add_string(out, " from ");
        write_quantity(out, key, key->least);
    }
    if (key->most != INT64_MAX) {
        buf_add_string(out, key->least ? " to " : " up to ");
        write_quantity(out, key, key->most);
    }
}

/* "Required.", "Default: 50M.", "No default." */
static void write_default(struct buf *out, const struct config_key *key)
{
    if (key->required)
        buf_add_string(out, "Required.");
    else if (key->fallback)
        buf_printf(out, "Default: %s.", key->fallback);
    else
        buf_add_string(out, "No default.");
}

static const char *shown_value(const struct config_key *key)
{
    return key->fallback ? key->fallback : key->example;
}

static void describe_key(struct buf *out, const struct config_section *section,
                         const struct config_key *key)
{
    bool top = !section->name[0];
    const char *indent = top ? "" : "    ";
    struct buf line;
    buf_init(&line, 1024);
    buf_add_string(&line, "Type: ");
    write_type(&line, key);
    buf_add_string(&line, ". ");
    write_default(&line, key);
    buf_add_byte(out, '\n');
    const char *prefix = top ? "# " : "    # ";
    write_wrapped(out, prefix, bytes_of(key->meaning));
    write_wrapped(out, prefix, buf_bytes(&line));
    buf_free(&line);
    /* Only what must be set is not commented out. */
    buf_printf(out, "%s%s%s = %s\n", top && key->required ? "" : "#", indent, key->name,
               shown_value(key));
}

void config_describe(struct buf *out)
{
    write_wrapped(out, "# ",
                  BYTES("Configuration of Vouch: every section and key with its meaning, type and "
                        "default. Lines that begin with '#' and a key show the default, or an "
                        "example where there is none; take the '#' away (and that of the section's "
                        "first and last line) and change them. vouch.conf(5) describes the "
                        "notation; vouch config check tells what is wrong with a file."));
    for (size_t i = 0; i < config_section_count; i++) {
        const struct config_section *section = &config_sections[i];
        if (i) {
            buf_add_byte(out, '\n');
            write_wrapped(out, "# ", bytes_of(section->meaning));
            buf_printf(out, "#%s%s%s {\n", section->name, section->arguments ? " " : "",
                       section->arguments ? section->example : "");
        }
        for (size_t k = 0; k < section->key_count; k++)
            describe_key(out, section, &section->keys[k]);
        if (i)
            buf_add_string(out, "#}\n");
    }
}

static void markdown_key(struct buf *out, const struct config_key *key)
{
    buf_printf(out, "| `%s` | ", key->name);
    write_type(out, key);
    buf_add_string(out, " | ");
    if (key->required)
        buf_add_string(out, "required");
    else if (key->fallback)
        buf_printf(out, "`%s`", key->fallback);
    buf_printf(out, " | %s |\n", key->meaning);
}

void config_describe_markdown(struct buf *out)
{
    for (size_t i = 0; i < config_section_count; i++) {
        const struct config_section *section = &config_sections[i];
        if (i)
            buf_printf(out, "### `%s%s%s`\n\n%s\n\n", section->name, section->arguments ? " " : "",
                       section->arguments ? section->arguments : "", section->meaning);
        else
            buf_printf(out, "### Top level\n\n%s\n\n", section->meaning);
        buf_add_string(out, "| key | type | default | meaning |\n|---|---|---|---|\n");
        for (size_t k = 0; k < section->key_count; k++)
            markdown_key(out, &section->keys[k]);
        buf_add_byte(out, '\n');
    }
}

/* Text for roff: a backslash is an escape, a dot or apostrophe at the start of a line a request. */
static void write_roff(struct buf *out, const char *text)
{
    for (const char *c = text; *c; c++) {
        if (c == text && (*c == '.' || *c == '\''))
            buf_add_string(out, "\\&");
        if (*c == '\\')
            buf_add_string(out, "\\e");
        else if (*c == '-')
            buf_add_string(out, "\\-");
        else
            buf_add_byte(out, (uint8_t)*c);
        /* A sentence a line: roff sets the space between sentences. */
        if (*c == '.' && c[1] == ' ' && ascii_is_upper((uint8_t)c[2])) {
            buf_add_byte(out, '\n');
            c++;
        }
    }
    buf_add_byte(out, '\n');
}

static void manual_key(struct buf *out, const struct config_key *key)
{
    buf_printf(out, ".It Ic %s\n", key->name);
    write_roff(out, key->meaning);
    struct buf line;
    buf_init(&line, 1024);
    buf_add_byte(&line, '(');
    write_type(&line, key);
    buf_add_string(&line, key->required ? "; required)" : key->fallback ? "; default " : ")");
    if (!key->required && key->fallback)
        buf_printf(&line, "%s)", key->fallback);
    buf_add_byte(&line, '\0');
    if (!line.failed)
        write_roff(out, (const char *)line.ptr);
    buf_free(&line);
}

void config_describe_manual(struct buf *out)
{
    for (size_t i = 0; i < config_section_count; i++) {
        const struct config_section *section = &config_sections[i];
        if (i)
            buf_printf(out, ".Ss %s%s%s\n", section->name, section->arguments ? " " : "",
                       section->arguments ? section->arguments : "");
        else
            buf_add_string(out, ".Ss Top level\n");
        write_roff(out, section->meaning);
        buf_add_string(out, ".Bl -tag -width Ds\n");
        for (size_t k = 0; k < section->key_count; k++)
            manual_key(out, &section->keys[k]);
        buf_add_string(out, ".El\n");
    }
}

static void json_of_key(struct json *json, const struct config_key *key)
{
    json_begin_object(json);
    json_member(json, "name", key->name);
    json_member(json, "type", config_type_name(key->type));
    json_member_bool(json, "required", key->required);
    if (key->fallback)
        json_member(json, "default", key->fallback);
    if (key->choices[0]) {
        json_key(json, "choices");
        json_begin_array(json);
        for (size_t i = 0; i < CONFIG_CHOICES && key->choices[i]; i++)
            json_add_string(json, key->choices[i]);
        json_end_array(json);
    }
    json_member(json, "meaning", key->meaning);
    json_end_object(json);
}

void config_describe_json(struct buf *out)
{
    struct json json = json_into(out);
    json_begin_array(&json);
    for (size_t i = 0; i < config_section_count; i++) {
        const struct config_section *section = &config_sections[i];
        json_begin_object(&json);
        json_member(&json, "section", section->name);
        if (section->arguments)
            json_member(&json, "arguments", section->arguments);
        json_member(&json, "meaning", section->meaning);
        json_key(&json, "keys");
        json_begin_array(&json);
        for (size_t k = 0; k < section->key_count; k++)
            json_of_key(&json, &section->keys[k]);
        json_end_array(&json);
        json_end_object(&json);
    }
    json_end_array(&json);
    buf_add_byte(out, '\n');
}
