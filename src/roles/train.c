/* SPDX-License-Identifier: BSD-2-Clause */
#include "roles/train.h"

#include "os/ipc.h"

static const char *const classes[TRAIN_CLASSES] = {"ham", "spam", "forget"};

const char *train_class_name(enum train_class class)
{
    return classes[class];
}

bool train_class_parse(struct bytes word, enum train_class *out)
{
    for (int i = 0; i < TRAIN_CLASSES; i++) {
        if (bytes_is(word, classes[i])) {
            *out = (enum train_class)i;
            return true;
        }
    }
    return false;
}

void train_work_write(struct buf *out, const struct train_work *work)
{
    ipc_add_u64(out, work->job);
    ipc_add_bytes(out, work->content);
}

bool train_work_read(struct bytes payload, struct train_work *work)
{
    struct cursor cursor = cursor_over(payload);
    work->job = cursor_u64(&cursor);
    work->content = ipc_take_bytes(&cursor);
    return !cursor.failed && cursor_at_end(&cursor);
}

void train_features_write(struct buf *out, const struct train_features *features)
{
    ipc_add_u64(out, features->job);
    ipc_add_u8(out, features->made);
    ipc_add_bytes(out, features->identity);
    ipc_add_bytes(out, features->id);
    ipc_add_bytes(out, features->features);
}

bool train_features_read(struct bytes payload, struct train_features *features)
{
    struct cursor cursor = cursor_over(payload);
    features->job = cursor_u64(&cursor);
    uint8_t made = cursor_u8(&cursor);
    features->made = made == 1;
    features->identity = ipc_take_bytes(&cursor);
    features->id = ipc_take_bytes(&cursor);
    features->features = ipc_take_bytes(&cursor);
    return !cursor.failed && cursor_at_end(&cursor) && made <= 1 && features->id.len <= TRAIN_ID_MAX &&
           (!made || features->identity.len == TRAIN_IDENTITY_SIZE);
}
