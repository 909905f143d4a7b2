/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * key_directory: signing keys on disk.
 *
 *     KEYDIR/DOMAIN/state         which keys there are (auth/key_state.h)
 *     KEYDIR/DOMAIN/SELECTOR.pem  private key, readable by its owner only
 *     KEYDIR/DOMAIN/SELECTOR.txt  the text of its DNS record
 *
 * These functions block. What is read lives in the arena; keys are freed with EVP_PKEY_free(). Every
 * error names the file. Changes are durable, and leave the old or the new content at a crash.
 */
#ifndef VOUCH_AUTH_KEY_DIRECTORY_H
#define VOUCH_AUTH_KEY_DIRECTORY_H

#include "auth/key_state.h"
#include "os/durable.h"

enum { KEY_FILE_MAX = 64 * 1024 };

/* A file of secrets. PERM: its group or others may read or write it, or it belongs to neither root
 * nor us; NONE: there is none. */
enum result key_file_read(struct arena *arena, const char *path, size_t max, struct bytes *out,
                          struct error *error) must_check;
/* A private key from such a file. */
enum result key_file_load(struct arena *arena, const char *path, EVP_PKEY **out,
                          struct error *error) must_check;
/* Overwrites what was secret. */
void key_cleanse(struct bytes secret);

/* The domain in lower case if it may name a folder; else an empty slice. */
struct bytes key_directory_domain(struct arena *arena, struct bytes domain);
/* KEYDIR/DOMAIN/NAME; NULL at the arena's cap. */
char *key_directory_path(struct arena *arena, const char *directory, struct bytes domain,
                         const char *name);

/* NONE: the domain has no folder or no state. */
enum result key_directory_read_state(struct arena *arena, const char *directory,
                                     struct bytes domain, struct key_state *out,
                                     struct error *error) must_check;
enum result key_directory_write_state(struct arena *arena, struct durable *durable,
                                      const char *directory, struct bytes domain,
                                      const struct key_state *state, struct error *error)
    must_check;

enum result key_directory_load(struct arena *arena, const char *directory, struct bytes domain,
                               struct bytes selector, EVP_PKEY **out, struct error *error)
    must_check;
/* Makes the domain's folder if need be, and both files of a key. PERM: there is such a key. */
enum result key_directory_store(struct arena *arena, struct durable *durable,
                                const char *directory, struct bytes domain, struct bytes selector,
                                EVP_PKEY *key, struct error *error) must_check;
/* Removes both files. */
enum result key_directory_remove(struct arena *arena, struct durable *durable,
                                 const char *directory, struct bytes domain,
                                 struct bytes selector, struct error *error) must_check;

#endif
