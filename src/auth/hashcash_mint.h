/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * hashcash_mint: makes stamps (auth/hashcash.h), with as many threads as are wanted.
 *
 * This is work: 2^bits SHA-1 hashes on average. It blocks the thread that asks, which sleeps meanwhile;
 * never to be called from a fiber. Date and random numbers are given by the caller.
 */
#ifndef VOUCH_AUTH_HASHCASH_MINT_H
#define VOUCH_AUTH_HASHCASH_MINT_H

#include "auth/hashcash.h"

enum { HASHCASH_MINT_BITS_MAX = 48, HASHCASH_THREADS_MAX = 256, HASHCASH_RANDOM = 27 };

struct hashcash_minting {
    struct bytes resource;    /* whom it is for */
    struct bytes extension;   /* may be empty */
    unsigned bits;            /* 0: the default */
    unsigned threads;         /* 0: one */
    int64_t date;             /* epoch seconds, of the years 2000 to 2099 */
    unsigned date_digits;     /* 6 (the day; also 0), 10 (the minute) or 12 (the second) */
    uint8_t random[HASHCASH_RANDOM]; /* so that no two stamps are the same */
    /* May be NULL. Called from time to time (each quarter of a second) by the thread that asked, with
     * how many hashes were tried; false ends it. */
    bool (*progress)(void *context, uint64_t tried);
    void *context;
};

/* The stamp lies in the arena; *tried (which may be NULL) is how many hashes it took. NONE: `progress`
 * ended it. PERM: what is wanted cannot be made, the error says why. TEMP: no memory, no threads. */
enum result hashcash_mint(struct arena *arena, const struct hashcash_minting *minting,
                          struct hashcash_stamp *out, uint64_t *tried, struct error *error)
    must_check;

#endif
