/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is global, and why two threads may call the library at once.
 *
 * - Written once, before the first handle exists: the secret key of map_hash(), the digests and tables of
 *   auth (pthread_once() each). library_prepare() does it under a pthread_once(), so that afterwards they are
 *   only read. The public suffix list in the same way, before a context can be told to use it.
 * - Of the thread: its loop (fiber/loop.c), its ready keys (auth/dkim_key.c) and its hash context
 *   (auth/dkim_hash.c). The first exists during a call only; the others are freed when the thread ends.
 * - Never written here: the sink of log.c. Nothing is logged.
 * - c-ares counts its users without a lock when channels come and go: `transports` is that lock. It is
 *   held over fork(), so that a child never finds it taken.
 *
 * tests/interop/library_test.py looks for variables beyond these.
 *
 * Destructors of threads point into the library, which must therefore not be unloaded before they end: the
 * shared library is linked with -z nodelete.
 */
#include "library/library.h"

#include "auth/dkim_key.h"
#include "auth/organization.h"
#include "base/map.h"

#include <ares.h>
#include <openssl/err.h>

#include <pthread.h>

static pthread_once_t once = PTHREAD_ONCE_INIT, suffix_once = PTHREAD_ONCE_INIT;
static pthread_mutex_t transports = PTHREAD_MUTEX_INITIALIZER;
static pthread_key_t thread_key;
static bool works;

static void leave_thread(void *unused)
{
    (void)unused;
    dkim_key_cache_clear();
}

static void lock(void)
{
    pthread_mutex_lock(&transports);
}

static void unlock(void)
{
    pthread_mutex_unlock(&transports);
}

static void prepare(void)
{
    /* dkim_digest() takes it for granted. */
    EVP_MD *digest = EVP_MD_fetch(NULL, "SHA256", NULL);
    if (!digest) {
        ERR_clear_error();
        return;
    }
    EVP_MD_free(digest);
    map_hash(BYTES(""));
    works = ares_library_init(ARES_LIB_INIT_NONE) == ARES_SUCCESS &&
            pthread_key_create(&thread_key, leave_thread) == 0 &&
            pthread_atfork(lock, unlock, unlock) == 0;
}

bool library_prepare(void)
{
    pthread_once(&once, prepare);
    return works;
}

static void load_suffixes(void)
{
    /* Without one the built-in list serves. */
    enum result ignored = organization_load(NULL, NULL);
    (void)ignored;
}

void library_prepare_suffixes(void)
{
    pthread_once(&suffix_once, load_suffixes);
}

void library_enter_thread(void)
{
    if (!pthread_getspecific(thread_key))
        pthread_setspecific(thread_key, &works);
}

struct dns *library_open_transport(const struct dns_transport_options *options,
                                   struct error *error)
{
    lock();
    struct dns *transport = dns_transport_create(options, error);
    unlock();
    return transport;
}

void library_close_transport(struct dns *transport)
{
    lock();
    dns_transport_destroy(transport);
    unlock();
}
