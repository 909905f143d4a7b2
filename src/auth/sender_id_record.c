/* SPDX-License-Identifier: BSD-2-Clause */
#include "auth/sender_id_record.h"

#include "auth/spf_record.h"
#include "base/ascii.h"
#include "base/cursor.h"

static bool is_name_octet(uint8_t c)
{
    return ascii_is_alnum(c) || c == '-' || c == '_' || c == '.';
}

/* scope = "/" scope-id *( "," scope-id ). A scope-id counts as a whole: "prattle" is not "pra". */
static void read_scopes(struct cursor *c, struct sender_id_version *out)
{
    cursor_expect(c, '/');
    do {
        struct bytes name = cursor_take_while(c, is_name_octet);
        if (name.len == 0 || !ascii_is_alpha(name.ptr[0]))
            cursor_fail(c);
        out->mfrom |= bytes_is_nocase(name, "mfrom");
        out->pra |= bytes_is_nocase(name, "pra");
    } while (!c->failed && cursor_accept(c, ','));
}

bool sender_id_version_read(struct bytes text, struct sender_id_version *out)
{
    struct cursor c = cursor_over(text);
    *out = (struct sender_id_version){0};
    if (spf_record_has_version(text)) {
        *out = (struct sender_id_version){.mfrom = true, .pra = true, .len = 6};
        return true;
    }
    if (!cursor_accept_nocase(&c, BYTES("spf2.")))
        return false;
    if (cursor_take_while(&c, ascii_is_digit).len == 0)
        return false;
    read_scopes(&c, out);
    if (c.failed || (!cursor_at_end(&c) && cursor_peek(&c) != ' '))
        return false;
    out->spf2 = true;
    out->len = c.position;
    return true;
}

void sender_id_choose(struct sender_id_choice *choice, struct bytes text, enum spf_scope scope)
{
    struct sender_id_version version;
    if (!sender_id_version_read(text, &version))
        return;
    if (scope == SPF_SCOPE_NONE ? version.spf2
                                : !(scope == SPF_SCOPE_PRA ? version.pra : version.mfrom))
        return;
    /* rfc4406:4.4, step 4. */
    if (choice->spf2 && !version.spf2)
        return;
    size_t before = choice->spf2 == version.spf2 ? choice->count : 0;
    *choice = (struct sender_id_choice){text, version.len, before + 1, version.spf2};
}
