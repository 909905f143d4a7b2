/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A stamp is "head" + counter. The head is made to end so early in a block of SHA-1 that the counter and
 * the padding fit behind it; the blocks before that one are hashed once. So each try is one compression
 * of one block, in which only the counter changes: hence the compression function itself, which
 * the library calls low level, and not a digest context that costs more than the hash.
 */
#define OPENSSL_SUPPRESS_DEPRECATED

#include "auth/hashcash_mint.h"

#include "base/ascii.h"
#include "base/encode.h"
#include "base/utf8.h"

#include <openssl/sha.h>

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>

enum {
    BLOCK = 64,
    /* Two digits say which thread, nine count: more than anybody tries. */
    THREAD_DIGITS = 2,
    COUNTER_DIGITS = 11,
    PADDING_LEAST = 9, /* a bit, and the length in eight octets */
    RANDOM_DIGITS = 16,
    REPORT_EVERY = 64, /* steps of 64 tries */
    PROGRESS_NANOSECONDS = 250000000
};

static const uint8_t digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

struct mint {
    SHA_CTX start;         /* after all whole blocks of the head */
    uint8_t block[BLOCK];  /* the last one, padded */
    size_t counter_at;     /* in that block */
    uint32_t masks[2];     /* bits of the first two words that must be zero */
    atomic_bool stop;
    atomic_uint_fast64_t tried;
    pthread_mutex_t lock;
    pthread_cond_t found_one;
    bool found;            /* under the lock, and `counter` with it */
    uint8_t counter[COUNTER_DIGITS];
};

struct worker {
    struct mint *mint;
    unsigned number;
    pthread_t thread;
};

/* The text */

static enum result check(const struct hashcash_minting *minting, struct error *error)
{
    unsigned digit_count = minting->date_digits;
    const struct bytes words[] = {minting->resource, minting->extension};
    if (minting->bits > HASHCASH_MINT_BITS_MAX)
        return error_set(error, PERM, "stamps of more than %d bits are not made here",
                         HASHCASH_MINT_BITS_MAX);
    if (minting->threads > HASHCASH_THREADS_MAX)
        return error_set(error, PERM, "%d threads are the most", HASHCASH_THREADS_MAX);
    if (digit_count && digit_count != 6 && digit_count != 10 && digit_count != 12)
        return error_set(error, PERM, "the date of a stamp has 6, 10 or 12 digits");
    if (minting->resource.len == 0)
        return error_set(error, PERM, "a stamp is for somebody");
    for (size_t i = 0; i < countof(words); i++) {
        if (words[i].len > HASHCASH_STAMP_MAX)
            return error_set(error, PERM, "a stamp is not that long");
        for (size_t k = 0; k < words[i].len; k++)
            if (words[i].ptr[k] == ':' || words[i].ptr[k] == ' ' ||
                ascii_is_control(words[i].ptr[k]))
                return error_set(error, PERM, "a stamp cannot hold colons and white space");
        if (!utf8_is_valid(words[i]))
            return error_set(error, PERM, "a stamp is written in UTF-8");
    }
    return OK;
}

static bool add_date(struct buf *out, const struct hashcash_minting *minting)
{
    time_t date = (time_t)minting->date;
    struct tm parts;
    if (!gmtime_r(&date, &parts) || parts.tm_year < 100 || parts.tm_year > 199)
        return false;
    buf_printf(out, "%02d%02d%02d", parts.tm_year % 100, parts.tm_mon + 1, parts.tm_mday);
    if (minting->date_digits >= 10)
        buf_printf(out, "%02d%02d", parts.tm_hour, parts.tm_min);
    if (minting->date_digits == 12)
        buf_printf(out, "%02d", parts.tm_sec);
    return true;
}

/* Everything before the counter. As many random digits as are needed to begin a new block if the
 * counter does not fit into the old one. */
static enum result write_head(struct buf *out, const struct hashcash_minting *minting,
                              unsigned bits, struct error *error)
{
    struct buf random;
    buf_printf(out, "1:%u:", bits);
    if (!add_date(out, minting))
        return error_set(error, PERM, "stamps have dates from 2000 to 2099");
    buf_add_byte(out, ':');
    buf_add(out, minting->resource);
    buf_add_byte(out, ':');
    buf_add(out, minting->extension);
    buf_add_byte(out, ':');
    size_t count = RANDOM_DIGITS, at = (out->len + count + 1) % BLOCK;
    if (at + COUNTER_DIGITS + PADDING_LEAST > BLOCK)
        count += BLOCK - at;
    buf_init(&random, 64);
    base64_encode(&random, bytes_from(minting->random, sizeof(minting->random)));
    bool good = !random.failed && random.len >= count;
    if (good)
        buf_add(out, bytes_first(buf_bytes(&random), count));
    buf_free(&random);
    buf_add_byte(out, ':');
    if (out->len + COUNTER_DIGITS > HASHCASH_STAMP_MAX)
        return error_set(error, PERM, "a stamp is not that long");
    return good && !out->failed ? OK : error_set(error, TEMP, "no memory for a stamp");
}

static void prepare(struct mint *mint, struct bytes head, unsigned bits)
{
    uint64_t length = (head.len + COUNTER_DIGITS) * 8;
    SHA1_Init(&mint->start);
    while (head.len >= BLOCK) {
        SHA1_Transform(&mint->start, head.ptr);
        head = bytes_skip(head, BLOCK);
    }
    require(head.len + COUNTER_DIGITS + PADDING_LEAST <= BLOCK);
    memcpy(mint->block, head.ptr, head.len);
    mint->counter_at = head.len;
    mint->block[head.len + COUNTER_DIGITS] = 0x80;
    for (unsigned i = 0; i < 8; i++)
        mint->block[BLOCK - 1 - i] = (uint8_t)(length >> 8 * i);
    mint->masks[0] = bits >= 32 ? UINT32_MAX : bits ? ~(UINT32_MAX >> bits) : 0;
    mint->masks[1] = bits > 32 ? ~(UINT32_MAX >> (bits - 32)) : 0;
}

/* The work */

static void announce(struct mint *mint, const uint8_t *counter)
{
    pthread_mutex_lock(&mint->lock);
    if (!mint->found)
        memcpy(mint->counter, counter, COUNTER_DIGITS);
    mint->found = true;
    pthread_cond_signal(&mint->found_one);
    pthread_mutex_unlock(&mint->lock);
    atomic_store(&mint->stop, true);
}

/* All 64 values of the last digit. */
static bool try_last_digit(const struct mint *mint, uint8_t *block, size_t last)
{
    SHA_CTX context = mint->start;
    for (size_t i = 0; i < 64; i++) {
        block[last] = digits[i];
        context.h0 = mint->start.h0;
        context.h1 = mint->start.h1;
        context.h2 = mint->start.h2;
        context.h3 = mint->start.h3;
        context.h4 = mint->start.h4;
        SHA1_Transform(&context, block);
        if (!(context.h0 & mint->masks[0]) && !(context.h1 & mint->masks[1]))
            return true;
    }
    return false;
}

static void write_digits(uint8_t *out, size_t count, uint64_t value)
{
    for (; count > 0; count--, value >>= 6)
        out[count - 1] = digits[value & 63];
}

static void *work(void *argument)
{
    struct worker *worker = argument;
    struct mint *mint = worker->mint;
    uint8_t block[BLOCK];
    memcpy(block, mint->block, BLOCK);
    uint8_t *counter = block + mint->counter_at;
    uint64_t steps = 0, reported = 0;
    write_digits(counter, THREAD_DIGITS, worker->number);
    while (!atomic_load_explicit(&mint->stop, memory_order_relaxed)) {
        write_digits(counter + THREAD_DIGITS, COUNTER_DIGITS - THREAD_DIGITS - 1, steps++);
        bool found = try_last_digit(mint, block, mint->counter_at + COUNTER_DIGITS - 1);
        if (found || steps % REPORT_EVERY == 0) {
            atomic_fetch_add(&mint->tried, (steps - reported) * 64);
            reported = steps;
        }
        if (found)
            announce(mint, counter);
    }
    return NULL;
}

static void add_nanoseconds(struct timespec *time, long nanoseconds)
{
    time->tv_nsec += nanoseconds;
    if (time->tv_nsec >= 1000000000) {
        time->tv_nsec -= 1000000000;
        time->tv_sec++;
    }
}

/* Until one has found it, or the caller has had enough. */
static bool wait_for_it(struct mint *mint, const struct hashcash_minting *minting)
{
    struct timespec next;
    clock_gettime(CLOCK_MONOTONIC, &next);
    pthread_mutex_lock(&mint->lock);
    bool go_on = true;
    while (!mint->found && go_on) {
        add_nanoseconds(&next, PROGRESS_NANOSECONDS);
        while (!mint->found && pthread_cond_timedwait(&mint->found_one, &mint->lock, &next) == 0)
            ;
        if (!mint->found && minting->progress) {
            pthread_mutex_unlock(&mint->lock);
            go_on = minting->progress(minting->context, atomic_load(&mint->tried));
            pthread_mutex_lock(&mint->lock);
        }
    }
    bool found = mint->found;
    pthread_mutex_unlock(&mint->lock);
    return found;
}

static void open_mint(struct mint *mint)
{
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&mint->found_one, &attributes);
    pthread_condattr_destroy(&attributes);
    pthread_mutex_init(&mint->lock, NULL);
    atomic_init(&mint->stop, false);
    atomic_init(&mint->tried, 0);
}

static enum result run(struct mint *mint, const struct hashcash_minting *minting,
                       struct worker *workers, struct error *error)
{
    unsigned wanted = minting->threads ? minting->threads : 1, started = 0;
    for (; started < wanted; started++) {
        workers[started] = (struct worker){.mint = mint, .number = started};
        if (pthread_create(&workers[started].thread, NULL, work, &workers[started]) != 0)
            break;
    }
    bool found = started && wait_for_it(mint, minting);
    atomic_store(&mint->stop, true);
    for (unsigned i = 0; i < started; i++)
        pthread_join(workers[i].thread, NULL);
    if (!started)
        return error_set(error, TEMP, "no thread can be started");
    return found ? OK : error_set(error, NONE, "it was ended before a stamp was found");
}

enum result hashcash_mint(struct arena *arena, const struct hashcash_minting *minting,
                          struct hashcash_stamp *out, uint64_t *tried, struct error *error)
{
    unsigned bits = minting->bits ? minting->bits : HASHCASH_BITS_DEFAULT;
    struct mint mint = {0};
    struct worker *workers = arena_alloc_array(arena, HASHCASH_THREADS_MAX, sizeof(*workers));
    struct buf text;
    enum result result = check(minting, error);
    *out = (struct hashcash_stamp){0};
    if (result != OK)
        return result;
    buf_init(&text, 4096);
    result = workers ? write_head(&text, minting, bits, error)
                     : error_set(error, TEMP, "no memory for a stamp");
    if (result == OK) {
        open_mint(&mint);
        prepare(&mint, buf_bytes(&text), bits);
        result = run(&mint, minting, workers, error);
        pthread_cond_destroy(&mint.found_one);
        pthread_mutex_destroy(&mint.lock);
    }
    if (tried)
        *tried = atomic_load(&mint.tried);
    if (result == OK) {
        buf_add(&text, bytes_from(mint.counter, COUNTER_DIGITS));
        struct bytes stamp = arena_copy(arena, buf_bytes(&text));
        result = stamp.ptr ? hashcash_parse(stamp, out, error)
                           : error_set(error, TEMP, "no memory for a stamp");
        require(result != OK || out->bits >= bits);
    }
    buf_free(&text);
    return result;
}
