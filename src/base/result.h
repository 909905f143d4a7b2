/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * result: how a function says what became of it.
 *
 * OK    it worked.
 * NONE  there is nothing there (no record, no such user, end of input). Not an error.
 * TEMP  it did not work now and may work later (DNS time-out, disk full): 4xx in SMTP.
 * PERM  it will never work as asked (malformed, forbidden, too long): 5xx in SMTP.
 *
 * Whoever returns TEMP or PERM says why in a `struct error`, in a sentence that can stand in a log
 * line or behind an SMTP reply code. A caller that does not want the sentence passes NULL.
 * Bugs are not results: they call panic(), and the master restarts the role.
 */
#ifndef VOUCH_BASE_RESULT_H
#define VOUCH_BASE_RESULT_H

#define must_check __attribute__((warn_unused_result))
#define printf_like(fmt, args) __attribute__((format(printf, fmt, args)))

enum result { OK, NONE, TEMP, PERM };

struct error {
    char text[512]; /* NUL-terminated, cut off if longer; never contains CR or LF */
};

/* Writes the sentence into `error` (which may be NULL) and returns `result`, so that a function can
 * end with `return error_set(error, PERM, "...")`. Control characters are replaced by '?'. */
enum result error_set(struct error *error, enum result result, const char *format, ...)
    printf_like(3, 4);

/* The name of a result for logs: "ok", "none", "temp", "perm". */
const char *result_name(enum result result);

/* Says what broke on standard error and aborts. Only for states that cannot be (bugs), never for
 * anything that a peer, a file or an administrator can cause. */
_Noreturn void panic(const char *format, ...) printf_like(1, 2);

#define require(condition)                                                                         \
    do {                                                                                           \
        if (!(condition))                                                                          \
            panic("%s:%d: %s", __FILE__, __LINE__, #condition);                                    \
    } while (0)

#define countof(array) (sizeof(array) / sizeof((array)[0]))

#endif
