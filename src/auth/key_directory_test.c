/* SPDX-License-Identifier: BSD-2-Clause */
#include "auth/key_directory.h"

#include "auth/dkim_record.h"
#include "os/files.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

static char folder[64];
static struct arena *arena;
static struct error error;
static EVP_PKEY *rsa, *ed25519;

static int set_up(void **unused)
{
    snprintf(folder, sizeof(folder), "/tmp/vouch-keys-test.XXXXXX");
    arena = arena_create(8 << 20);
    return mkdtemp(folder) && arena && dkim_private_key_make(DKIM_KEY_RSA, 2048, &rsa, &error) == OK &&
                   dkim_private_key_make(DKIM_KEY_ED25519, 0, &ed25519, &error) == OK
               ? 0
               : -1;
}

static int tear_down(void **unused)
{
    char *domain = key_directory_path(arena, folder, BYTES("example.org"), "");
    char *state = key_directory_path(arena, folder, BYTES("example.org"), "state");
    unlink(state);
    rmdir(domain);
    rmdir(folder);
    arena_destroy(arena);
    EVP_PKEY_free(rsa);
    EVP_PKEY_free(ed25519);
    dkim_key_cache_clear();
    return 0;
}

static enum result store(const char *selector, EVP_PKEY *key)
{
    return key_directory_store(arena, durable_kernel(), folder, BYTES("example.org"),
                               bytes_of(selector), key, &error);
}

static enum result load(const char *selector, EVP_PKEY **key)
{
    return key_directory_load(arena, folder, BYTES("example.org"), bytes_of(selector), key, &error);
}

static unsigned mode_of(const char *name)
{
    struct stat status;
    assert_int_equal(stat(key_directory_path(arena, folder, BYTES("example.org"), name), &status), 0);
    return status.st_mode & 07777;
}

static void keys_are_stored_for_their_owner_only_and_read_back(void **unused)
{
    EVP_PKEY *key = NULL;
    struct bytes text;
    assert_int_equal(store("r", rsa), OK);
    assert_int_equal(store("e", ed25519), OK);
    assert_int_equal(mode_of("r.pem"), 0600);
    assert_int_equal(mode_of(""), 0700);
    assert_int_equal(load("r", &key), OK);
    assert_int_equal(EVP_PKEY_eq(key, rsa), 1);
    EVP_PKEY_free(key);
    assert_int_equal(load("e", &key), OK);
    assert_int_equal(EVP_PKEY_eq(key, ed25519), 1);
    EVP_PKEY_free(key);
    assert_int_equal(files_read(arena, key_directory_path(arena, folder, BYTES("example.org"), "r.txt"),
                                4096, &text, &error), OK);
    assert_true(dkim_private_key_fits_record(arena, rsa, bytes_trim(text)));
    assert_false(dkim_private_key_fits_record(arena, ed25519, bytes_trim(text)));
}

static void a_key_is_never_overwritten(void **unused)
{
    assert_int_equal(store("r", ed25519), PERM);
    assert_non_null(strstr(error.text, "already"));
}

static void a_key_that_others_may_read_is_refused(void **unused)
{
    EVP_PKEY *key = NULL;
    char *path = key_directory_path(arena, folder, BYTES("example.org"), "r.pem");
    assert_int_equal(chmod(path, 0640), 0);
    assert_int_equal(load("r", &key), PERM);
    assert_non_null(strstr(error.text, "chmod 600"));
    assert_int_equal(chmod(path, 0604), 0);
    assert_int_equal(load("r", &key), PERM);
    assert_int_equal(chmod(path, 0600), 0);
    if (geteuid() == 0) {
        assert_int_equal(chown(path, 12345, (gid_t)-1), 0);
        assert_int_equal(load("r", &key), PERM);
        assert_non_null(strstr(error.text, "another account"));
        assert_int_equal(chown(path, 0, (gid_t)-1), 0);
    }
    assert_int_equal(load("absent", &key), NONE);
    assert_null(key);
}

static void what_is_no_usable_key_is_refused_without_asking_for_a_passphrase(void **unused)
{
    static const char locked[] =
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIGbMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAjQ\n"
        "-----END ENCRYPTED PRIVATE KEY-----\n";
    EVP_PKEY *key = NULL, *curve = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
    struct buf pem;
    buf_init(&pem, 4096);
    assert_int_equal(dkim_private_key_write(&pem, curve, &error), OK);
    assert_int_equal(dkim_private_key_read(buf_bytes(&pem), &key, &error), PERM);
    assert_int_equal(dkim_private_key_read(bytes_of(locked), &key, &error), PERM);
    assert_int_equal(dkim_private_key_read(BYTES(""), &key, &error), PERM);
    assert_int_equal(dkim_private_key_make(DKIM_KEY_RSA, 1024, &key, &error), PERM);
    assert_null(key);
    EVP_PKEY_free(curve);
    buf_free(&pem);
}

static void the_state_is_there_once_it_was_written(void **unused)
{
    struct key_state *state = arena_new(arena, struct key_state);
    assert_int_equal(key_directory_read_state(arena, folder, BYTES("example.org"), state, &error), NONE);
    assert_int_equal(key_state_add(state, BYTES("r"), DKIM_KEY_RSA, KEY_ACTIVE, 1, &error), OK);
    assert_int_equal(key_directory_write_state(arena, durable_kernel(), folder, BYTES("example.org"),
                                               state, &error), OK);
    state->count = 0;
    assert_int_equal(key_directory_read_state(arena, folder, BYTES("example.org"), state, &error), OK);
    assert_int_equal(state->count, 1);
}

static void no_domain_leads_out_of_the_directory(void **unused)
{
    assert_null(key_directory_domain(arena, BYTES("..")).ptr);
    assert_null(key_directory_domain(arena, BYTES("a/b")).ptr);
    assert_null(key_directory_domain(arena, BYTES("")).ptr);
    assert_true(bytes_is(key_directory_domain(arena, BYTES("Example.ORG.")), "example.org"));
}

static void removed_keys_are_gone(void **unused)
{
    EVP_PKEY *key = NULL;
    assert_int_equal(key_directory_remove(arena, durable_kernel(), folder, BYTES("example.org"),
                                          BYTES("r"), &error), OK);
    assert_int_equal(key_directory_remove(arena, durable_kernel(), folder, BYTES("example.org"),
                                          BYTES("e"), &error), OK);
    assert_int_equal(load("r", &key), NONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_are_stored_for_their_owner_only_and_read_back),
        cmocka_unit_test(a_key_is_never_overwritten),
        cmocka_unit_test(a_key_that_others_may_read_is_refused),
        cmocka_unit_test(what_is_no_usable_key_is_refused_without_asking_for_a_passphrase),
        cmocka_unit_test(the_state_is_there_once_it_was_written),
        cmocka_unit_test(no_domain_leads_out_of_the_directory),
        cmocka_unit_test(removed_keys_are_gone),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
