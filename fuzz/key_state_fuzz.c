/* SPDX-License-Identifier: BSD-2-Clause */
/* The state file of a key directory: what is read, written and read again stays the same. */
#include "auth/key_state.h"
#include "base/domain.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_entry(const struct key_state *state, size_t index)
{
    const struct key_entry *entry = &state->entries[index];
    require(key_selector_is_valid(entry->selector) && domain_is_valid(entry->selector));
    require(bytes_find_byte(entry->selector, '/') == BYTES_NOT_FOUND);
    require(entry->since >= 0 && entry->phase <= KEY_REVOKED);
    for (size_t i = 0; i < index; i++) {
        const struct key_entry *other = &state->entries[i];
        require(!bytes_equal_nocase(other->selector, entry->selector));
        require(entry->phase > KEY_ACTIVE || other->phase != entry->phase || other->type != entry->type);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct key_state state, again;
    struct error error = {"unset"};
    struct buf once, twice;
    struct bytes text = bytes_from(size ? data : (const uint8_t *)"", size);
    if (key_state_parse(text, &state, &error) != OK) {
        require(strcmp(error.text, "unset") != 0);
        return 0;
    }
    require(state.count <= KEY_STATE_MAX);
    for (size_t i = 0; i < state.count; i++)
        check_entry(&state, i);
    buf_init(&once, 1 << 20);
    buf_init(&twice, 1 << 20);
    key_state_write(&once, &state);
    if (once.len <= KEY_STATE_TEXT_MAX) {
        require(key_state_parse(buf_bytes(&once), &again, NULL) == OK);
        require(again.count == state.count);
        key_state_write(&twice, &again);
        require(bytes_equal(buf_bytes(&once), buf_bytes(&twice)));
    }
    buf_free(&once);
    buf_free(&twice);
    return 0;
}
