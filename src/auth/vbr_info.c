/* SPDX-License-Identifier: BSD-2-Clause */
#include "auth/vbr_info.h"

#include "base/ascii.h"
#include "base/domain.h"
#include "message/structured.h"

static const char *const content_names[] = {"all", "list", "transaction"};

const char *vbr_content_name(enum vbr_content content)
{
    return content_names[content];
}

/* ---- The field ---- */

enum { ELEMENT_DOMAIN, ELEMENT_CONTENT, ELEMENT_CERTIFIERS, ELEMENT_COUNT };
static const char *const element_names[] = {"md", "mc", "mv"};

static bool is_name_octet(uint8_t c)
{
    return ascii_is_alnum(c) || c == '-' || c == '_';
}

static bool is_value_octet(uint8_t c)
{
    return ascii_is_graph(c) && c != ';' && c != '(';
}

static size_t element_index(struct bytes name)
{
    size_t index = 0;
    while (index < ELEMENT_COUNT && !bytes_is_nocase(name, element_names[index]))
        index++;
    return index;
}

static enum result take_value(struct cursor *c, size_t index, struct bytes values[ELEMENT_COUNT],
                              struct error *error)
{
    const char *name = element_names[index];
    structured_skip(c, NULL);
    struct bytes value = cursor_take_while(c, is_value_octet);
    structured_skip(c, NULL);
    if (c->failed || (!cursor_at_end(c) && cursor_peek(c) != ';'))
        return error_set(error, PERM, "%s= has white space or other characters inside", name);
    if (value.len == 0)
        return error_set(error, PERM, "%s= is empty", name);
    if (values[index].len)
        return error_set(error, PERM, "%s= stands twice", name);
    values[index] = value;
    return OK;
}

/* Up to and including the next ";". */
static enum result take_element(struct cursor *c, struct bytes values[ELEMENT_COUNT],
                                struct error *error)
{
    enum result result = OK;
    structured_skip(c, NULL);
    size_t index = element_index(cursor_take_while(c, is_name_octet));
    structured_skip(c, NULL);
    if (index < ELEMENT_COUNT && cursor_accept(c, '='))
        result = take_value(c, index, values, error);
    else
        cursor_take_until(c, ';');
    cursor_accept(c, ';');
    if (c->failed)
        return error_set(error, PERM, "the field has a malformed comment or line end");
    return result;
}

/* At least two labels: domain-name of rfc4871, which the grammar refers to. */
static bool is_domain_name(struct bytes name)
{
    return domain_is_valid(name) && bytes_find_byte(name, '.') != BYTES_NOT_FOUND;
}

static bool are_domain_names(struct bytes list)
{
    struct bytes name;
    while (bytes_split(&list, ':', &name))
        if (!is_domain_name(name))
            return false;
    return true;
}

static bool read_content(struct bytes text, enum vbr_content *out)
{
    for (size_t i = 0; i < countof(content_names); i++) {
        if (bytes_is_nocase(text, content_names[i])) {
            *out = (enum vbr_content)i;
            return true;
        }
    }
    return false;
}

enum result vbr_info_parse(struct bytes value, struct vbr_info *out, struct error *error)
{
    struct bytes values[ELEMENT_COUNT] = {{NULL, 0}};
    struct cursor c = cursor_over(value);
    *out = (struct vbr_info){0};
    while (!cursor_at_end(&c)) {
        enum result result = take_element(&c, values, error);
        if (result != OK)
            return result;
    }
    for (size_t i = 0; i < ELEMENT_COUNT; i++)
        if (values[i].len == 0)
            return error_set(error, PERM, "%s= is missing", element_names[i]);
    if (!is_domain_name(values[ELEMENT_DOMAIN]))
        return error_set(error, PERM, "md= is not a domain name");
    if (!read_content(values[ELEMENT_CONTENT], &out->content))
        return error_set(error, PERM, "mc= is none of all, list and transaction");
    if (!are_domain_names(values[ELEMENT_CERTIFIERS]))
        return error_set(error, PERM, "mv= is not a list of domain names");
    out->domain = values[ELEMENT_DOMAIN];
    out->certifiers = values[ELEMENT_CERTIFIERS];
    return OK;
}

bool vbr_info_names(const struct vbr_info *info, struct bytes certifier)
{
    struct bytes rest = info->certifiers, name;
    while (bytes_split(&rest, ':', &name))
        if (bytes_equal_nocase(name, certifier))
            return true;
    return false;
}

/* ---- The record ---- */

bool vbr_record_is_valid(struct bytes text)
{
    bool word = false;
    for (size_t i = 0; i < text.len; i++) {
        if (!ascii_is_lower(text.ptr[i]) && text.ptr[i] != ' ')
            return false;
        word = word || text.ptr[i] != ' ';
    }
    return word;
}

bool vbr_record_vouches(struct bytes text, enum vbr_content content)
{
    struct bytes rest = text, word;
    if (!vbr_record_is_valid(text))
        return false;
    while (bytes_split(&rest, ' ', &word))
        if (bytes_is(word, content_names[content]) || bytes_is(word, content_names[VBR_ALL]))
            return true;
    return false;
}
