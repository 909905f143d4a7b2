/* SPDX-License-Identifier: BSD-2-Clause */
#include "fiber/pipe.h"

#include "fiber/sync.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { CAPACITY = 64 * 1024, FIRST_PARCELS = 16 };

/* Octets that arrive at the same moment. */
struct parcel {
    int64_t at;
    size_t count;
};

/* One direction: octets in a ring, and when they arrive in another. */
struct way {
    uint8_t *octets;
    size_t start, count;
    struct parcel *parcels;
    size_t parcel_start, parcel_count, parcel_capacity;
    int64_t end_at; /* when the writer's end shows; NO_DEADLINE while it is open */
    bool reader_gone;
    struct fiber_signal readable, writable;
};

struct end {
    struct transport transport; /* first */
    struct pipe *pipe;
    struct way *in, *out;
    bool closed;
};

struct pipe {
    struct pipe_options options;
    struct way ways[2];
    struct end ends[2];
    bool broken;
};

static struct end *end_of(struct transport *transport)
{
    return (struct end *)(void *)transport;
}

static struct parcel *parcel_at(struct way *way, size_t index)
{
    return &way->parcels[(way->parcel_start + index) % way->parcel_capacity];
}

/* Octets that have arrived. */
static size_t arrived(struct way *way)
{
    size_t count = 0;
    for (size_t i = 0; i < way->parcel_count && parcel_at(way, i)->at <= loop_now(); i++)
        count += parcel_at(way, i)->count;
    return count;
}

static bool at_end(struct way *way)
{
    return !way->count && way->end_at <= loop_now();
}

/* The next moment at which something will arrive that has not. */
static int64_t next_arrival(struct way *way)
{
    return way->parcel_count ? parcel_at(way, 0)->at : way->end_at;
}

static int pipe_wait(struct transport *transport, int64_t deadline)
{
    struct end *end = end_of(transport);
    while (!end->pipe->broken && !arrived(end->in) && !at_end(end->in)) {
        if (deadline <= loop_now())
            return -ETIMEDOUT;
        int64_t arrival = next_arrival(end->in);
        int error = fiber_signal_wait(&end->in->readable, arrival < deadline ? arrival : deadline);
        if (error == ECANCELED)
            return -error;
    }
    return 0;
}

static void take_parcels(struct way *way, size_t count)
{
    while (count) {
        struct parcel *first = parcel_at(way, 0);
        size_t part = count < first->count ? count : first->count;
        first->count -= part;
        count -= part;
        if (first->count)
            break;
        way->parcel_start = (way->parcel_start + 1) % way->parcel_capacity;
        way->parcel_count--;
    }
}

static void take_octets(struct way *way, uint8_t *to, size_t count, size_t capacity)
{
    size_t straight = capacity - way->start;
    if (straight > count)
        straight = count;
    memcpy(to, way->octets + way->start, straight);
    memcpy(to + straight, way->octets, count - straight);
    way->start = (way->start + count) % capacity;
    way->count -= count;
    take_parcels(way, count);
}

static ssize_t pipe_read(struct transport *transport, uint8_t *to, size_t size, int64_t deadline)
{
    struct end *end = end_of(transport);
    const struct pipe_options *options = &end->pipe->options;
    int error = pipe_wait(transport, deadline);
    if (error)
        return error;
    if (end->pipe->broken)
        return -ECONNRESET;
    size_t count = arrived(end->in);
    if (count > size)
        count = size;
    if (options->fragment && count > options->fragment)
        count = options->fragment;
    take_octets(end->in, to, count, options->capacity);
    if (count)
        fiber_signal_all(&end->in->writable);
    return (ssize_t)count;
}

static bool grow_parcels(struct way *way)
{
    size_t capacity = way->parcel_capacity ? way->parcel_capacity * 2 : FIRST_PARCELS;
    struct parcel *parcels = calloc(capacity, sizeof(*parcels));
    if (!parcels)
        return false;
    for (size_t i = 0; i < way->parcel_count; i++)
        parcels[i] = *parcel_at(way, i);
    free(way->parcels);
    way->parcels = parcels;
    way->parcel_start = 0;
    way->parcel_capacity = capacity;
    return true;
}

static bool add_parcel(struct way *way, int64_t at, size_t count)
{
    if (way->parcel_count && parcel_at(way, way->parcel_count - 1)->at == at) {
        parcel_at(way, way->parcel_count - 1)->count += count;
        return true;
    }
    if (way->parcel_count == way->parcel_capacity && !grow_parcels(way))
        return false;
    *parcel_at(way, way->parcel_count++) = (struct parcel){at, count};
    return true;
}

static void add_octets(struct way *way, struct bytes from, size_t capacity)
{
    size_t position = (way->start + way->count) % capacity;
    size_t straight = capacity - position;
    if (straight > from.len)
        straight = from.len;
    memcpy(way->octets + position, from.ptr, straight);
    memcpy(way->octets, from.ptr + straight, from.len - straight);
    way->count += from.len;
}

static ssize_t pipe_write(struct transport *transport, struct bytes from, int64_t deadline)
{
    struct end *end = end_of(transport);
    struct way *way = end->out;
    const struct pipe_options *options = &end->pipe->options;
    while (!end->pipe->broken && !way->reader_gone && way->count == options->capacity) {
        int error = fiber_signal_wait(&way->writable, deadline);
        if (error)
            return -error;
    }
    if (end->pipe->broken)
        return -ECONNRESET;
    if (way->reader_gone)
        return -EPIPE;
    from = bytes_first(from, options->capacity - way->count);
    if (!from.len)
        return 0;
    if (!add_parcel(way, loop_deadline(options->delay), from.len))
        return -ENOMEM;
    add_octets(way, from, options->capacity);
    fiber_signal_all(&way->readable);
    return (ssize_t)from.len;
}

static void wake_all(struct pipe *pipe)
{
    for (size_t i = 0; i < countof(pipe->ways); i++) {
        fiber_signal_all(&pipe->ways[i].readable);
        fiber_signal_all(&pipe->ways[i].writable);
    }
}

static void free_pipe(struct pipe *pipe)
{
    for (size_t i = 0; i < countof(pipe->ways); i++) {
        free(pipe->ways[i].octets);
        free(pipe->ways[i].parcels);
    }
    free(pipe);
}

static void pipe_close(struct transport *transport)
{
    struct end *end = end_of(transport);
    struct pipe *pipe = end->pipe;
    end->closed = true;
    end->out->end_at = loop_deadline(pipe->options.delay);
    end->in->reader_gone = true;
    wake_all(pipe);
    if (pipe->ends[0].closed && pipe->ends[1].closed)
        free_pipe(pipe);
}

static const struct transport_operations pipe_operations = {
    .wait = pipe_wait,
    .read = pipe_read,
    .write = pipe_write,
    .close = pipe_close,
};

bool pipe_create(const struct pipe_options *options, struct transport **a, struct transport **b)
{
    struct pipe *pipe = calloc(1, sizeof(*pipe));
    if (!pipe)
        return false;
    if (options)
        pipe->options = *options;
    if (!pipe->options.capacity)
        pipe->options.capacity = CAPACITY;
    for (size_t i = 0; i < countof(pipe->ways); i++) {
        pipe->ways[i].end_at = NO_DEADLINE;
        pipe->ways[i].octets = malloc(pipe->options.capacity);
        pipe->ends[i] = (struct end){
            .transport.operations = &pipe_operations,
            .pipe = pipe,
            .in = &pipe->ways[i],
            .out = &pipe->ways[!i],
        };
    }
    if (!pipe->ways[0].octets || !pipe->ways[1].octets) {
        free_pipe(pipe);
        return false;
    }
    *a = &pipe->ends[0].transport;
    *b = &pipe->ends[1].transport;
    return true;
}

void pipe_break(struct transport *transport)
{
    struct pipe *pipe = end_of(transport)->pipe;
    pipe->broken = true;
    wake_all(pipe);
}
