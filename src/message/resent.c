/* SPDX-License-Identifier: BSD-2-Clause */
#include "message/resent.h"

#include "base/ascii.h"
#include "base/utf8.h"
#include "message/date.h"
#include "message/header.h"

static void write_address(struct buf *out, const char *field, struct bytes name,
                          struct bytes address)
{
    struct header_writer w;
    header_begin(&w, out, field);
    header_space(&w);
    if (name.len && utf8_is_ascii(name)) {
        header_put_quoted(&w, bytes_first(name, 200));
        header_space(&w);
        header_put(&w, BYTES("<"));
        header_put(&w, address);
        header_put(&w, BYTES(">"));
    } else {
        header_put(&w, address);
    }
    header_end(&w);
}

void resent_write(struct buf *out, const struct resent *resent)
{
    struct header_writer w;
    write_address(out, "Resent-From", resent->name, resent->from);
    if (resent->to.len)
        write_address(out, "Resent-To", (struct bytes){NULL, 0}, resent->to);
    buf_add(out, BYTES("Resent-Date: "));
    date_write(out, resent->date, resent->zone);
    buf_add(out, BYTES("\r\n"));
    header_begin(&w, out, "Resent-Message-ID");
    header_word(&w, BYTES("<"));
    header_put(&w, resent->id);
    header_put(&w, BYTES("@"));
    header_put(&w, resent->host);
    header_put(&w, BYTES(">"));
    header_end(&w);
}

/* The names may be folded anywhere around the colons (rfc6376:3.5). */
static bool names_resent(struct bytes list)
{
    struct bytes name;
    while (bytes_split(&list, ':', &name))
        if (bytes_starts_with_nocase(bytes_trim_start(name), BYTES("Resent-")))
            return true;
    return false;
}

static bool signs_resent(struct bytes value)
{
    struct bytes tag, rest = value.ptr ? value : BYTES("");
    while (bytes_split(&rest, ';', &tag)) {
        size_t equals = bytes_find_byte(tag, '=');
        if (equals != BYTES_NOT_FOUND && bytes_is(bytes_trim(bytes_first(tag, equals)), "h") &&
            names_resent(bytes_skip(tag, equals + 1)))
            return true;
    }
    return false;
}

bool resent_breaks_signature(const struct message *message)
{
    for (size_t i = 0; i < message->field_count; i++) {
        const struct header_field *field = &message->fields[i];
        bool signature = bytes_is_nocase(field->name, "DKIM-Signature") ||
                         bytes_is_nocase(field->name, "ARC-Message-Signature");
        if (signature && signs_resent(field->value))
            return true;
    }
    return false;
}
