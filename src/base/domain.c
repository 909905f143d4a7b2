/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/domain.h"

#include "base/ascii.h"

enum { LABEL_MAX = 63, NAME_MAX_OCTETS = 253 };

static bool label_is_valid(struct bytes label, bool underscores)
{
    if (label.len == 0 || label.len > LABEL_MAX)
        return false;
    if (label.ptr[0] == '-' || label.ptr[label.len - 1] == '-')
        return false;
    for (size_t i = 0; i < label.len; i++) {
        uint8_t c = label.ptr[i];
        if (!ascii_is_alnum(c) && c != '-' && !(underscores && c == '_'))
            return false;
    }
    return true;
}

static bool labels_are_valid(struct bytes name, bool underscores)
{
    if (name.len == 0 || name.len > NAME_MAX_OCTETS)
        return false;
    struct bytes label;
    while (bytes_split(&name, '.', &label))
        if (!label_is_valid(label, underscores))
            return false;
    return true;
}

bool domain_is_valid(struct bytes name)
{
    return labels_are_valid(name, true);
}

bool domain_is_hostname(struct bytes name)
{
    if (!labels_are_valid(name, false))
        return false;
    struct bytes last = domain_last_labels(name, 1);
    for (size_t i = 0; i < last.len; i++)
        if (!ascii_is_digit(last.ptr[i]))
            return true;
    return false;
}

bool domain_is_fully_qualified(struct bytes name)
{
    return bytes_find_byte(name, '.') != BYTES_NOT_FOUND && domain_is_hostname(name);
}

size_t domain_label_count(struct bytes name)
{
    size_t count = name.len ? 1 : 0;
    for (size_t i = 0; i < name.len; i++)
        count += name.ptr[i] == '.';
    return count;
}

struct bytes domain_last_labels(struct bytes name, size_t count)
{
    if (count == 0)
        return bytes_skip(name, name.len);
    for (size_t i = name.len; i > 0; i--)
        if (name.ptr[i - 1] == '.' && --count == 0)
            return bytes_skip(name, i);
    return name;
}

struct bytes domain_parent(struct bytes name)
{
    size_t dot = bytes_find_byte(name, '.');
    return bytes_skip(name, dot == BYTES_NOT_FOUND ? name.len : dot + 1);
}

bool domain_is_within(struct bytes name, struct bytes ancestor)
{
    if (name.len == ancestor.len)
        return bytes_equal_nocase(name, ancestor);
    return name.len > ancestor.len && ancestor.len && bytes_ends_with_nocase(name, ancestor) &&
           name.ptr[name.len - ancestor.len - 1] == '.';
}

struct bytes domain_strip_dot(struct bytes name)
{
    if (name.len && name.ptr[name.len - 1] == '.')
        name.len--;
    return name;
}
