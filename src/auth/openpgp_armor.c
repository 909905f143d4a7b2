/* SPDX-License-Identifier: BSD-2-Clause */
/* openpgp_armor: the text form of OpenPGP data (rfc9580:6.2). */
#include "auth/openpgp_packet.h"
#include "message/mime_decode.h"

#include <stdio.h>

/* Takes a line off the front, with blanks and line end off its end. */
static bool take_line(struct bytes *rest, struct bytes *line)
{
    if (rest->len == 0)
        return false;
    size_t end = bytes_find_byte(*rest, '\n');
    size_t length = end == BYTES_NOT_FOUND ? rest->len : end + 1;
    *line = bytes_trim_end(bytes_first(*rest, length));
    *rest = bytes_skip(*rest, length);
    return true;
}

size_t openpgp_find_armor(struct bytes text, const char *kind)
{
    char wanted[80];
    struct bytes line, rest = text;
    int length = snprintf(wanted, sizeof(wanted), "-----BEGIN PGP %s-----", kind);
    struct bytes marker = bytes_from(wanted, (size_t)length);
    for (size_t at = 0; take_line(&rest, &line); at = text.len - rest.len)
        if (bytes_equal(line, marker))
            return at;
    return BYTES_NOT_FOUND;
}

/* "Version: x" and the like; the empty line behind them is sometimes lost, so the first line that is no
 * header ends them, too. */
static void skip_headers(struct bytes *rest)
{
    struct bytes line, before = *rest;
    while (take_line(rest, &line)) {
        if (line.len == 0)
            return;
        if (bytes_find(line, BYTES(": ")) == BYTES_NOT_FOUND && !bytes_ends_with(line, BYTES(":"))) {
            *rest = before;
            return;
        }
        before = *rest;
    }
}

bool openpgp_dearmor(struct bytes text, const char *kind, struct buf *out, struct bytes *rest)
{
    struct bytes line, body = text;
    size_t at = openpgp_find_armor(text, kind);
    if (at == BYTES_NOT_FOUND)
        return false;
    body = bytes_skip(text, at);
    take_line(&body, &line);
    skip_headers(&body);
    struct mime_decoder decoder = mime_decoder_for(MIME_BASE64);
    size_t before = out->len;
    while (take_line(&body, &line) && !bytes_starts_with(line, BYTES("-----"))) {
        bool checksum = line.len == 5 && line.ptr[0] == '=';
        if (!checksum && out->len - before < OPENPGP_ARMOR_MAX)
            mime_decode(&decoder, line, out);
    }
    mime_decode_end(&decoder, out);
    if (rest)
        *rest = body;
    return out->len > before;
}
