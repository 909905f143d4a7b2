/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Evidence as it will be read back: JSON holds UTF-8 only, and its writer puts U+FFFD in the place of each octet
 * that is none (base/json.h). What is judged and what is remembered must be the same, else a replay could differ.
 */
#include "base/utf8.h"
#include "verdict/evidence.h"

static bool clean(struct arena *arena, struct bytes *text)
{
    static const uint8_t replacement[] = {0xef, 0xbf, 0xbd};
    if (utf8_is_valid(*text))
        return true;
    struct bytes rest = *text;
    /* Each octet can become three. */
    uint8_t *out = text->len > SIZE_MAX / 3 ? NULL : arena_alloc(arena, text->len * 3);
    size_t length = 0;
    if (!out)
        return false;
    while (rest.len) {
        size_t sequence = utf8_sequence(rest);
        for (size_t i = 0; i < (sequence ? sequence : sizeof(replacement)); i++)
            out[length++] = sequence ? rest.ptr[i] : replacement[i];
        rest = bytes_skip(rest, sequence ? sequence : 1);
    }
    *text = bytes_from(out, length);
    return true;
}

bool evidence_clean(struct arena *arena, struct evidence *evidence)
{
    struct bytes *const texts[] = {&evidence->id,         &evidence->client_name, &evidence->helo,
                                   &evidence->mail_from,  &evidence->header_from, &evidence->message_id,
                                   &evidence->subject,    &evidence->tls,         &evidence->account};
    bool fine = true;
    for (size_t i = 0; i < countof(texts); i++)
        fine = clean(arena, texts[i]) && fine;
    for (size_t i = 0; i < evidence->recipient_count; i++)
        fine = clean(arena, &evidence->recipients[i]) && fine;
    for (size_t i = 0; i < evidence->item_count; i++) {
        struct evidence_item *item = &evidence->items[i];
        fine = clean(arena, &item->reason) && fine;
        for (size_t k = 0; k < item->property_count; k++)
            fine = clean(arena, &item->properties[k].type) && clean(arena, &item->properties[k].name) &&
                   clean(arena, &item->properties[k].value) && fine;
    }
    return fine;
}
