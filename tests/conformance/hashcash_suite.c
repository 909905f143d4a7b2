/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * hashcash_suite: the stamps that the documentation and the tests of Debian's hashcash program show.
 *
 * usage: hashcash_suite FILE
 *
 * FILE is JSON: "stamps", each with the stamp and how many zero bits its SHA-1 begins with. Those of
 * version 0 must be counted right and refused as such; those of version 1 must be read, and hold if they
 * have the bits that they claim. Exit code 1 if anything differs.
 */
#include "auth/hashcash.h"

#include <jansson.h>
#include <openssl/evp.h>

#include <stdio.h>
#include <string.h>

static bool run_stamp(const char *text, unsigned bits)
{
    struct hashcash_stamp stamp;
    struct error error = {""};
    uint8_t digest[20];
    const char *problem;
    struct bytes stamp_text = bytes_of(text);
    require(EVP_Digest(stamp_text.ptr, stamp_text.len, digest, NULL, EVP_sha1(), NULL) == 1);
    if (hashcash_zero_bits(digest) != bits)
        return false;
    enum result result = hashcash_parse(stamp_text, &stamp, &error);
    if (text[0] == '0')
        return result == PERM && strstr(error.text, "version 0");
    struct hashcash_request request = {.recipients = &stamp.resource, .recipient_count = 1};
    if (result != OK || stamp.bits != bits || memcmp(stamp.digest, digest, sizeof(digest)) != 0)
        return false;
    request.now = stamp.date;
    request.bits = stamp.claimed_bits;
    enum auth_result expected = bits >= stamp.claimed_bits ? AUTH_PASS : AUTH_FAIL;
    return hashcash_check_stamp(&stamp, &request, &problem) == expected;
}

int main(int argc, char **argv)
{
    json_error_t fault;
    json_t *suite = argc == 2 ? json_load_file(argv[1], 0, &fault) : NULL;
    unsigned passed = 0, cases = 0;
    json_t *item;
    size_t i;
    if (!suite) {
        fprintf(stderr, "usage: hashcash_suite FILE (a JSON file that can be read)\n");
        return 2;
    }
    json_array_foreach(json_object_get(suite, "stamps"), i, item) {
        const char *text = json_string_value(json_object_get(item, "stamp"));
        json_t *bits = json_object_get(item, "sha1_leading_zero_bits");
        cases++;
        if (text && json_is_integer(bits) && run_stamp(text, (unsigned)json_integer_value(bits)))
            passed++;
        else
            printf("  FAILED: %s\n", text ? text : "a stamp that is no text");
    }
    json_decref(suite);
    printf("hashcash: %u/%u\n", passed, cases);
    return passed == cases && cases ? 0 : 1;
}
