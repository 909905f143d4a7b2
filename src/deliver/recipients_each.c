/* SPDX-License-Identifier: BSD-2-Clause */
/* Every mailbox that lies in a Maildir here. */
#include "deliver/recipients_private.h"

enum { PATH_ROOM = 64 * 1024 };

static bool each_user(const struct place *place, struct arena *arena,
                      bool (*each)(void *context, struct bytes address, const char *maildir), void *context)
{
    size_t position = 0;
    struct bytes key;
    void *value;
    while (map_next(place->users, &position, &key, &value)) {
        const struct user *user = value;
        struct arena_mark mark = arena_mark(arena);
        const char *maildir = recipients_maildir(arena, place, user, user->name);
        struct bytes address = arena_printf(arena, BYTES_FMT "@" BYTES_FMT, BYTES_ARG(user->name),
                                            BYTES_ARG(place->name));
        bool go_on = !maildir || !address.ptr || each(context, address, maildir);
        arena_rewind(arena, mark);
        if (!go_on)
            return false;
    }
    return true;
}

void recipients_each_maildir(const struct recipients *recipients,
                             bool (*each)(void *context, struct bytes address, const char *maildir),
                             void *context)
{
    struct arena *arena = arena_create(PATH_ROOM);
    size_t position = 0;
    struct bytes key;
    void *value;
    while (arena && map_next(recipients->places, &position, &key, &value)) {
        const struct place *place = value;
        if (place->kind == CONFIG_DELIVER_MAILDIR && place->users && !place->relay &&
            !each_user(place, arena, each, context))
            break;
    }
    arena_destroy(arena);
}
