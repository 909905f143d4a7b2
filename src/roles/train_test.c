/* SPDX-License-Identifier: BSD-2-Clause */
/* How the filter learns: what a message was before it lay in a mailbox, the models' files, what roles say. */
#include "filter/feature.h"
#include "filter/features_wire.h"
#include "os/ipc.h"
#include "roles/models.h"
#include "roles/original.h"
#include "roles/train.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static struct arena *arena;
static char folder[] = "/tmp/vouch-models-XXXXXX";

static int set_up(void **state)
{
    (void)state;
    arena = arena_create(16 << 20);
    return arena ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    arena_destroy(arena);
    return 0;
}

#define SENT                                                                                       \
    "Received: from a.example by b.example; Sun, 22 Nov 2026 07:00:00 +0000\r\n"                  \
    "From: anna@a.example\r\nMessage-ID: <1@a.example>\r\nSubject: hello\r\n\r\nText\r\n"

static struct original find(const char *content)
{
    struct original found;
    struct error error;
    assert_int_equal(original_find(arena, bytes_of(content), BYTES("mx.here.example"), &found, &error), OK);
    return found;
}

static void what_was_put_before_a_message_is_taken_off(void **state)
{
    (void)state;
    struct original sent = find(SENT);
    struct original lies =
        find("Return-Path: <anna@a.example>\nDelivered-To: bob@here.example\n"
             "X-Vouch-Verdict: junk; class=third-class; id=1l0v1jmptsshk\nX-Spam-Flag: YES\n"
             "Authentication-Results: mx.here.example; spf=pass\n"
             "Received: from b.example by mx.here.example with ESMTP\n id 1l0v1jmptsshk; Sun, 22 Nov 2026 07:01:00 +0000\n"
             "Received: from a.example by b.example; Sun, 22 Nov 2026 07:00:00 +0000\n"
             "From: anna@a.example\nMessage-ID: <1@a.example>\nSubject: hello\n\nText\n");
    assert_true(bytes_equal(lies.message.raw, bytes_of(SENT)));
    assert_true(bytes_equal(lies.message.raw, sent.message.raw));
    assert_true(bytes_equal(lies.identity, sent.identity));
    assert_true(bytes_is(lies.id, "1l0v1jmptsshk"));
    assert_int_equal(sent.id.len, 0);
}

/* Above our Received field is what we wrote; below it is a stranger's, who may write what he likes. */
static void an_id_that_a_stranger_wrote_is_none(void **state)
{
    (void)state;
    struct original found = find("Received: from x by mx.here.example; Sun, 22 Nov 2026 07:01:00 +0000\n"
                                 "X-Vouch-Verdict: accept; id=1l0v1jmptsshk\nFrom: a@b.example\n\nx\n");
    assert_int_equal(found.id.len, 0);
    found = find("X-Vouch-Verdict: accept; id=1l0v1jmptsshk\nFrom: a@b.example\n\nx\n");
    assert_int_equal(found.id.len, 0);
    assert_null(message_field(&found.message, "X-Vouch-Verdict", 0));
}

static void another_message_has_another_identity(void **state)
{
    (void)state;
    struct original a = find("From: a@b.example\n\nx\n"), b = find("From: a@b.example\n\ny\n");
    assert_false(bytes_equal(a.identity, b.identity));
}

static void names_of_models_are_names_of_files(void **state)
{
    (void)state;
    assert_true(model_name_is_valid(BYTES("shared")));
    assert_true(model_name_is_valid(BYTES("example.org")));
    static const char *const bad[] = {"", "..", "../x.example", "a/b.example", "Example.org", "other", "x.example/", "."};
    for (size_t i = 0; i < countof(bad); i++)
        assert_false(model_name_is_valid(bytes_of(bad[i])));
}

static void a_model_is_made_found_again_and_mapped(void **state)
{
    (void)state;
    struct model *made, *mapped;
    struct error error;
    assert_non_null(mkdtemp(folder));
    assert_int_equal(model_open(folder, MODEL_SHARED, FILTER_SLOTS_MIN, &made, &error), OK);
    int fd = model_descriptor(folder, MODEL_SHARED);
    assert_true(fd >= 0);
    assert_int_equal(fcntl(fd, F_GETFL) & O_ACCMODE, O_RDONLY);
    assert_int_equal(model_map(fd, MODEL_SHARED, &mapped, &error), OK);
    close(fd);
    struct filter_feature list[] = {{.hash = 12345, .text = (const uint8_t *)"", .component = FILTER_WORDS}};
    struct filter_features features = {.list = list, .count = 1};
    filter_train(&made->filter, &features, true, false);
    /* Without a word between them. */
    assert_int_equal(filter_model_counts(&mapped->filter).spam, 1);
    model_close(made);
    assert_int_equal(model_open(folder, MODEL_SHARED, FILTER_SLOTS_MIN, &made, &error), OK);
    assert_int_equal(filter_model_counts(&made->filter).spam, 1);
    model_close(made);
    model_close(mapped);
}

static void what_is_no_model_is_put_aside(void **state)
{
    (void)state;
    char path[256], aside[256];
    struct model *model;
    struct error error;
    struct stat status;
    snprintf(path, sizeof(path), "%s/shared.model", folder);
    snprintf(aside, sizeof(aside), "%s/shared.model.old", folder);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs("not a model at all", file);
    fclose(file);
    assert_int_equal(model_open(folder, MODEL_SHARED, FILTER_SLOTS_MIN, &model, &error), OK);
    assert_int_equal(filter_model_counts(&model->filter).trained, 0);
    model_close(model);
    assert_int_equal(stat(aside, &status), 0);
    assert_int_equal(status.st_size, 18);
    /* Another size in the configuration: the same. */
    assert_int_equal(model_open(folder, MODEL_SHARED, FILTER_SLOTS_MIN * 2, &model, &error), OK);
    assert_int_equal(model->size, filter_model_size((size_t)FILTER_SLOTS_MIN * 2));
    model_close(model);
    unlink(path);
    unlink(aside);
    rmdir(folder);
}

static void features_travel_whole_or_not_at_all(void **state)
{
    (void)state;
    struct filter_feature list[] = {{.hash = UINT64_MAX, .text = (const uint8_t *)"", .component = FILTER_GRAMS},
                                    {.hash = 7, .text = (const uint8_t *)"", .component = FILTER_WORDS}};
    struct filter_features features = {.list = list, .count = 2}, read;
    struct buf wire;
    buf_init(&wire, 1024);
    filter_features_write(&wire, &features);
    assert_true(filter_features_read(arena, buf_bytes(&wire), &read));
    assert_int_equal(read.count, 2);
    assert_true(read.list[0].hash == UINT64_MAX && read.list[0].component == FILTER_GRAMS);
    assert_true(read.list[1].hash == 7 && read.list[1].component == FILTER_WORDS);
    assert_false(filter_features_read(arena, bytes_first(buf_bytes(&wire), wire.len - 1), &read));
    wire.ptr[8] = FILTER_COMPONENTS;
    assert_false(filter_features_read(arena, buf_bytes(&wire), &read));
    buf_free(&wire);
}

static void what_roles_say_of_learning_is_read_as_written(void **state)
{
    (void)state;
    uint8_t digest[TRAIN_IDENTITY_SIZE] = {1, 2, 3};
    struct train_features features = {7, true, bytes_from(digest, sizeof(digest)), BYTES("id"), BYTES("features")}, read;
    struct train_work work = {9, BYTES("message")}, read_work;
    struct buf wire;
    buf_init(&wire, 1024);
    train_features_write(&wire, &features);
    assert_true(train_features_read(buf_bytes(&wire), &read));
    assert_true(read.job == 7 && read.made && bytes_is(read.id, "id") && bytes_is(read.features, "features"));
    for (size_t length = 0; length < wire.len; length++)
        assert_false(train_features_read(bytes_first(buf_bytes(&wire), length), &read));
    buf_add_byte(&wire, 0);
    assert_false(train_features_read(buf_bytes(&wire), &read));
    buf_clear(&wire);
    features.identity = BYTES("short");
    train_features_write(&wire, &features);
    assert_false(train_features_read(buf_bytes(&wire), &read));
    buf_clear(&wire);
    train_work_write(&wire, &work);
    assert_true(train_work_read(buf_bytes(&wire), &read_work));
    assert_true(read_work.job == 9 && bytes_is(read_work.content, "message"));
    buf_free(&wire);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_put_before_a_message_is_taken_off),
        cmocka_unit_test(an_id_that_a_stranger_wrote_is_none),
        cmocka_unit_test(another_message_has_another_identity),
        cmocka_unit_test(names_of_models_are_names_of_files),
        cmocka_unit_test(a_model_is_made_found_again_and_mapped),
        cmocka_unit_test(what_is_no_model_is_put_aside),
        cmocka_unit_test(features_travel_whole_or_not_at_all),
        cmocka_unit_test(what_roles_say_of_learning_is_read_as_written),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
