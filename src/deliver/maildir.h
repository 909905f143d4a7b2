/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * maildir: durable delivery into Maildirs, many messages at a time.
 *
 * A batch writes all files into tmp/, starts writing them out, fsyncs each, renames all into new/, and
 * fsyncs each folder once; only then is any of them reported as delivered. That order is what makes the
 * 250 true. Everything here blocks: one worker thread runs one batch at a time.
 */
#ifndef VOUCH_DELIVER_MAILDIR_H
#define VOUCH_DELIVER_MAILDIR_H

#include "base/bytes.h"
#include "base/result.h"
#include "os/durable.h"

enum { MAILDIR_NAME_SIZE = 192 };

struct maildir_job {
    const char *maildir;      /* made if absent */
    const char *folder;       /* Maildir++ folder such as ".Junk", or NULL for the inbox */
    struct bytes pieces[3];   /* written one after another */
    char name[MAILDIR_NAME_SIZE]; /* unique file name: maildir_unique_name() */
    /* Results. */
    enum result result;       /* OK: durable in new/ */
    struct error error;
    /* Private. */
    int fd;
    bool renamed;
};

/*
 * "<epoch>.M<microseconds>P<pid>Q<counter>.<hostname>,S=<size>": unique on this host. `epoch_microseconds`
 * is wall time.
 */
void maildir_unique_name(char out[MAILDIR_NAME_SIZE], int64_t epoch_microseconds, uint64_t counter,
                         const char *hostname, uint64_t size);

/* The name for delivering what lies in a file of ours under `name` once more: the same but for the size. A
 * delivery that a crash repeats so replaces its file instead of adding another. */
void maildir_name_again(char out[MAILDIR_NAME_SIZE], const char *name, uint64_t size);

/* Delivers all jobs; each says in `result` what became of it. A job that fails leaves no file in new/. */
void maildir_commit(struct durable *durable, struct maildir_job *const *jobs, size_t count);

/* The octets that a maildir holds, its folders included, from the S= in the names (stat for others). */
enum result maildir_usage(const char *maildir, uint64_t *octets, struct error *error) must_check;

#endif
