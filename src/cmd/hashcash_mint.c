/* SPDX-License-Identifier: BSD-2-Clause */
/* vouch hashcash mint: makes stamps on all cores. */
#include "auth/hashcash_mint.h"

#include "base/json.h"
#include "cmd/codec.h"
#include "cmd/command.h"

#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

static const char usage[] =
    "usage: vouch hashcash mint [options] RESOURCE...\n"
    "\n"
    "Makes a hashcash stamp for each RESOURCE, which for mail is the address of a recipient. On a terminal\n"
    "it shows how the work goes on and how long it takes on average; each further bit doubles that.\n"
    "\n"
    "  --bits N                zero bits of the stamp, 1 to 48 (default 20)\n"
    "  --threads N             (default: one a core)\n"
    "  --date DATE             YYMMDD, YYMMDDhhmm or YYMMDDhhmmss in UTC (default: today)\n"
    "  --now EPOCH             as if it were then (seconds since 1970)\n"
    "  --header                print whole header fields: X-Hashcash: ...\n"
    "  --json                  for machines, one object a line\n"
    "\n"
    "examples:\n"
    "  vouch hashcash mint user@example.org\n"
    "  vouch hashcash mint --bits 26 --header user@example.org other@example.net\n"
    "\n"
    "exit status: 0 fine, 1 it cannot be made, 2 usage\n";

struct mint_arguments {
    const char *bits, *threads, *date, *now;
    bool header, json;
};

struct work {
    unsigned bits;
    double began;
    bool shown;
};

static double seconds_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static unsigned count_cores(void)
{
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof(set), &set) != 0)
        return 1;
    int count = CPU_COUNT(&set);
    return count < 1 ? 1 : count > HASHCASH_THREADS_MAX ? HASHCASH_THREADS_MAX : (unsigned)count;
}

static void print_duration(FILE *out, double seconds)
{
    static const struct {
        double seconds;
        const char *name;
    } units[] = {{365.25 * 86400, "years"}, {86400, "days"}, {3600, "hours"}, {60, "minutes"}};
    for (size_t i = 0; i < countof(units); i++) {
        if (seconds >= 2 * units[i].seconds) {
            fprintf(out, "%.0f %s", seconds / units[i].seconds, units[i].name);
            return;
        }
    }
    fprintf(out, "%.1f seconds", seconds);
}

/* Luck has no memory: what is left is on average as long as the whole, however long it went on. */
static bool show_progress(void *context, uint64_t tried)
{
    struct work *work = context;
    double elapsed = seconds_now() - work->began;
    double rate = elapsed > 0 ? (double)tried / elapsed : 0;
    if (rate <= 0)
        return true;
    fprintf(stderr, "\r%u bits: %.0f million tried in ", work->bits, (double)tried / 1e6);
    print_duration(stderr, elapsed);
    fprintf(stderr, ", %.1f million a second; one stamp takes ", rate / 1e6);
    print_duration(stderr, (double)(UINT64_C(1) << work->bits) / rate);
    fprintf(stderr, " on average\033[K");
    fflush(stderr);
    work->shown = true;
    return true;
}

static void print_stamp(const struct mint_arguments *given, const struct hashcash_stamp *stamp,
                        uint64_t tried, double seconds)
{
    if (!given->json) {
        printf("%s" BYTES_FMT "\n", given->header ? "X-Hashcash: " : "", BYTES_ARG(stamp->text));
        fflush(stdout);
        return;
    }
    struct buf out;
    buf_init(&out, 64 * 1024);
    struct json json = json_into(&out);
    json_begin_object(&json);
    json_member_bytes(&json, "resource", stamp->resource);
    json_member_bytes(&json, "stamp", stamp->text);
    json_member_integer(&json, "bits", stamp->bits);
    json_member_integer(&json, "tried", (int64_t)tried);
    json_key(&json, "seconds");
    json_add_number(&json, seconds);
    json_end_object(&json);
    buf_add_byte(&out, '\n');
    fwrite(out.ptr, 1, out.len, stdout);
    fflush(stdout);
    buf_free(&out);
}

static int mint_one(struct arena *arena, struct hashcash_minting *minting,
                    const struct mint_arguments *given, const char *resource)
{
    struct work work = {minting->bits, seconds_now(), false};
    struct hashcash_stamp stamp;
    struct error error;
    uint64_t tried;
    minting->resource = bytes_of(resource);
    minting->context = &work;
    if (getrandom(minting->random, sizeof(minting->random), 0) != sizeof(minting->random))
        panic("getrandom");
    enum result result = hashcash_mint(arena, minting, &stamp, &tried, &error);
    if (work.shown)
        fprintf(stderr, "\r\033[K");
    if (result == OK) {
        print_stamp(given, &stamp, tried, seconds_now() - work.began);
        return EXIT_FINE;
    }
    fprintf(stderr, "vouch hashcash mint: %s: %s\n", resource, error.text);
    return result == TEMP ? EXIT_TEMPORARY : EXIT_NEGATIVE;
}

static int read_options(const struct arguments *arguments, const struct mint_arguments *given,
                        struct hashcash_minting *minting)
{
    uint64_t bits = HASHCASH_BITS_DEFAULT, threads = count_cores();
    int status = codec_number(arguments, "--bits", given->bits, 1, HASHCASH_MINT_BITS_MAX, &bits);
    if (status < 0)
        status = codec_number(arguments, "--threads", given->threads, 1, HASHCASH_THREADS_MAX,
                              &threads);
    if (status < 0)
        status = codec_time(arguments, given->now, &minting->date);
    if (status >= 0)
        return status;
    minting->bits = (unsigned)bits;
    minting->threads = (unsigned)threads;
    if (given->date) {
        if (!hashcash_read_date(bytes_of(given->date), &minting->date))
            return arguments_fail(arguments, "--date wants YYMMDD, YYMMDDhhmm or YYMMDDhhmmss, not "
                                  "'%s'", given->date);
        minting->date_digits = (unsigned)bytes_of(given->date).len;
    }
    if (isatty(STDERR_FILENO))
        minting->progress = show_progress;
    return -1;
}

int hashcash_mint_command(int argc, char **argv)
{
    struct mint_arguments given = {0};
    struct hashcash_minting minting = {.bits = 0};
    const struct argument table[] = {
        {"--bits", &given.bits, NULL},     {"--threads", &given.threads, NULL},
        {"--date", &given.date, NULL},     {"--now", &given.now, NULL},
        {"--header", NULL, &given.header}, {"--json", NULL, &given.json}};
    struct arguments arguments = {"hashcash mint", usage, table, countof(table), {NULL}, 0};
    int status = arguments_read(&arguments, argc, argv);
    if (status >= 0)
        return status;
    if (arguments.position_count == 0)
        return arguments_fail(&arguments, "wants whom the stamp is for");
    status = read_options(&arguments, &given, &minting);
    if (status >= 0)
        return status;
    struct arena *arena = arena_create(1 << 20);
    int worst = arena ? EXIT_FINE : EXIT_TEMPORARY;
    for (size_t i = 0; arena && i < arguments.position_count; i++) {
        status = mint_one(arena, &minting, &given, arguments.positions[i]);
        worst = status > worst ? status : worst;
        arena_reset(arena);
    }
    arena_destroy(arena);
    return worst;
}
