/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Questions and answers of counters in Redis.
 *
 * A counter is a string "VALUE EXPIRY" under PREFIX "c:" KEY. Whether it has expired is said by the asker's clock, as
 * in LMDB; Redis' own expiry (as many seconds from when it was written) only cleans up. The last turn of a process
 * stands under PREFIX "t:" and its name in hex. One call of the script is one batch: Redis does nothing else meanwhile.
 */
#include "state/counters_shared.h"

#include <string.h>

enum { NUMBERS_MAX = 96 };

/* counter_apply() does the same. Numbers are doubles: exact up to COUNTER_VALUE_MAX. Nothing is written before all is
 * known to fit, and the turn is written first, so that a Redis that may not write (memory, replica) writes nothing. */
const char counters_script[] =
    "local now, turn = tonumber(ARGV[1]), tonumber(ARGV[2])\n"
    "if turn > 0 then\n"
    "  local last = redis.call('GET', KEYS[1])\n"
    "  if last and tonumber(last) >= turn then return {2} end\n"
    "end\n"
    "local stored = redis.call('MGET', unpack(KEYS, 2))\n"
    "local value, ends = {}, {}\n"
    "for i = 1, #KEYS - 1 do\n"
    "  local key, v, e = KEYS[i + 1], nil, nil\n"
    "  if stored[i] then v, e = string.match(stored[i], '^(%d+) (%d+)$') end\n"
    "  value[key], ends[key] = tonumber(v or 0), tonumber(e or 0)\n"
    "end\n"
    "local function within(v) return math.max(0, math.min(v, 9007199254740991)) end\n"
    "local answer, touched, list, fits, found = {1}, {}, {}, true, true\n"
    "for i = 1, #KEYS - 1 do\n"
    "  local key = KEYS[i + 1]\n"
    "  local kind, if_new, extend, delta, expires, most =\n"
    "    string.match(ARGV[i + 2], '^(%d)(%d)(%d) (-?%d+) (%d+) (%d+)$')\n"
    "  delta, expires, most = tonumber(delta), tonumber(expires), tonumber(most)\n"
    "  local was, v, e = ends[key] > now, value[key], ends[key]\n"
    "  if not was then v, e = 0, 0 end\n"
    "  if if_new == '1' and found then kind = '0' end\n"
    "  found = was\n"
    "  local says, changes = nil, kind == '1' or kind == '3' or (kind == '2' and not was)\n"
    "  if kind == '4' then\n"
    "    changes, says, v, e = was, v, 0, 0\n"
    "  elseif kind == '1' and was then\n"
    "    v = within(v + delta)\n"
    "    if extend == '1' and expires > e then e = expires end\n"
    "  elseif changes then\n"
    "    v, e = within(delta), expires\n"
    "  end\n"
    "  value[key], ends[key] = v, e\n"
    "  if changes and not touched[key] then touched[key] = true; list[#list + 1] = key end\n"
    "  if most > 0 and (says or v) > most then fits = false end\n"
    "  answer[i + 1] = string.format('%.0f %.0f %d', says or v, e, was and 1 or 0)\n"
    "end\n"
    "if not fits then answer[1] = 0; return answer end\n"
    "if turn > 0 then redis.call('SET', KEYS[1], ARGV[2], 'EX', 2592000) end\n"
    "for _, key in ipairs(list) do\n"
    "  local left = ends[key] - now\n"
    "  if left > 0 then\n"
    "    redis.call('SET', key, string.format('%.0f %.0f', value[key], ends[key]),\n"
    "      'EX', string.format('%.0f', math.min(left, 315360000)))\n"
    "  else\n"
    "    redis.call('DEL', key)\n"
    "  end\n"
    "end\n"
    "return answer\n";

static int64_t within(int64_t value)
{
    return value > COUNTER_VALUE_MAX ? COUNTER_VALUE_MAX : value < -COUNTER_VALUE_MAX ? -COUNTER_VALUE_MAX : value;
}

static void add_turn_key(const struct counters_shared *shared, const struct counters_turn *turn, struct buf *out)
{
    buf_add(out, shared->prefix);
    buf_add_string(out, "t:");
    for (unsigned i = 0; i < TURN_OWNER_SIZE; i++)
        buf_printf(out, "%02x", turn->owner[i]);
}

static void add_operation(struct buf *out, const struct counter_operation *operation)
{
    int64_t expires_at = within(operation->expires_at);
    uint64_t most = operation->most > COUNTER_VALUE_MAX ? 0 : operation->most;
    buf_printf(out, "%d%d%d %lld %lld %llu", operation->kind, operation->if_new, operation->extend,
               (long long)within(operation->delta), (long long)(expires_at < 0 ? 0 : expires_at),
               (unsigned long long)most);
}

/* Where the words of a question lie in its storage, which moves while it grows. */
struct places {
    size_t ends[REDIS_ARGUMENTS_MAX];
    size_t count;
};

static void end_word(struct places *places, const struct buf *storage)
{
    places->ends[places->count++] = storage->len;
}

bool counters_wire_ask(const struct counters_shared *shared, const struct counters_turn *turn,
                       const struct counter_operation *operations, size_t count, int64_t now, struct buf *storage,
                       struct redis_command *command)
{
    struct places places = {.count = 0};
    buf_add_string(storage, shared->script);
    end_word(&places, storage);
    buf_printf(storage, "%zu", count + 1);
    end_word(&places, storage);
    add_turn_key(shared, turn, storage);
    end_word(&places, storage);
    for (size_t i = 0; i < count; i++) {
        buf_add(storage, shared->prefix);
        buf_add_string(storage, "c:");
        buf_add(storage, operations[i].key);
        end_word(&places, storage);
    }
    buf_printf(storage, "%lld", (long long)now);
    end_word(&places, storage);
    buf_printf(storage, "%llu", (unsigned long long)turn->number);
    end_word(&places, storage);
    for (size_t i = 0; i < count; i++) {
        add_operation(storage, &operations[i]);
        end_word(&places, storage);
    }
    redis_command_begin(command, "EVALSHA");
    for (size_t i = 0, from = 0; i < places.count; from = places.ends[i++])
        redis_command_add(command, bytes_slice(buf_bytes(storage), from, places.ends[i]));
    return !storage->failed;
}

static bool read_operation(const struct redis_reply *reply, struct counter_operation *operation)
{
    struct bytes rest = reply->text, value, ends, found;
    uint64_t ends_at, was;
    if (reply->kind != REDIS_TEXT || reply->text.len > NUMBERS_MAX || !bytes_split(&rest, ' ', &value) ||
        !bytes_split(&rest, ' ', &ends) || !bytes_split(&rest, ' ', &found) || rest.ptr ||
        !bytes_to_uint(value, COUNTER_VALUE_MAX, &operation->value) ||
        !bytes_to_uint(ends, COUNTER_VALUE_MAX, &ends_at) || !bytes_to_uint(found, 1, &was))
        return false;
    operation->ends_at = (int64_t)ends_at;
    operation->found = was;
    return true;
}

bool counters_wire_read(const struct redis_reply *reply, struct counter_operation *operations, size_t count,
                        enum wire_outcome *outcome)
{
    if (reply->kind != REDIS_ARRAY || reply->count == 0 || reply->elements[0]->kind != REDIS_NUMBER)
        return false;
    int64_t said = reply->elements[0]->number;
    *outcome = said == 1 ? WIRE_DONE : said == 0 ? WIRE_EXCEEDS : WIRE_AGAIN;
    if (said == 2)
        return reply->count == 1;
    if (said < 0 || said > 2 || reply->count != count + 1)
        return false;
    for (size_t i = 0; i < count; i++)
        if (!read_operation(reply->elements[i + 1], &operations[i]))
            return false;
    return said == 1 || counters_exceed(operations, count);
}

void counters_wire_pattern(const struct counters_shared *shared, struct bytes prefix, struct buf *out)
{
    struct bytes parts[] = {shared->prefix, BYTES("c:"), prefix};
    for (size_t p = 0; p < countof(parts); p++)
        for (size_t i = 0; i < parts[p].len; i++) {
            uint8_t octet = parts[p].ptr[i];
            if (octet && strchr("*?[]\\^-", octet))
                buf_add_byte(out, '\\');
            buf_add_byte(out, octet);
        }
    buf_add_byte(out, '*');
}

bool counters_wire_key(const struct counters_shared *shared, struct bytes name, struct bytes *key)
{
    if (!bytes_starts_with(name, shared->prefix))
        return false;
    name = bytes_skip(name, shared->prefix.len);
    if (!bytes_starts_with(name, BYTES("c:")))
        return false;
    *key = bytes_skip(name, 2);
    return key->len > 0 && key->len <= COUNTER_KEY_MAX && key->ptr[0] != COUNTERS_OWN;
}
