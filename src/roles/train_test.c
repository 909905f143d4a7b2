/* SPDX-License-Identifier: BSD-2-Clause */
/* How the filter learns: what a message was before it lay in a mailbox, the models' files, what roles say. */
#include "filter/feature.h"
#include "filter/features_wire.h"
#include "os/ipc.h"
#include "roles/models.h"
#include "roles/original.h"
#include "roles/recall.h"
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
    readable_prepare();
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
             "Received: from b.example by mx.here.example with ESMTP\n"
             " id 1l0v1jmptsshk; Sun, 22 Nov 2026 07:01:00 +0000\n"
             "Received: from a.example by b.example; Sun, 22 Nov 2026 07:00:00 +0000\n"
             "From: anna@a.example\nMessage-ID: <1@a.example>\nSubject: hello\n\nText\n");
    assert_true(bytes_equal(lies.message.raw, bytes_of(SENT)));
    assert_true(bytes_equal(lies.message.raw, sent.message.raw));
    assert_true(bytes_equal(lies.identity, sent.identity));
    assert_true(bytes_is(lies.id, "1l0v1jmptsshk"));
    assert_int_equal(sent.id.len, 0);
}

static struct filter_features features_of(const struct message *message)
{
    struct mime mime;
    struct readable readable;
    struct filter_features made;
    assert_int_equal(mime_parse(arena, message, NULL, &mime, NULL), OK);
    assert_int_equal(readable_make(arena, message, &mime, &readable, NULL), OK);
    assert_int_equal(filter_features_make(arena, message, &readable, &made, NULL), OK);
    return made;
}

/* What the filter is asked about when a message comes is what it learns when the message lies in a mailbox. */
static void a_message_has_the_same_features_when_it_comes_and_when_it_lies(void **state)
{
    (void)state;
    struct message came;
    struct bytes raw = BYTES("X-Spam-Flag: NO\r\n" SENT);
    assert_int_equal(message_parse(arena, raw, &came, NULL), OK);
    struct original lies =
        find("Return-Path: <anna@a.example>\nDelivered-To: bob@here.example\nX-Vouch-Verdict: junk; id=1l0v1jmptsshk\n"
             "X-Vouch-Score: 12.3\nX-Spam-Status: Yes\nAuthentication-Results: mx.here.example; spf=pass\n"
             "Received: from b.example by mx.here.example with ESMTP\n id 1; Sun, 22 Nov 2026 07:01:00 +0000\n"
             "X-Spam-Flag: NO\n"
             "Received: from a.example by b.example; Sun, 22 Nov 2026 07:00:00 +0000\n"
             "From: anna@a.example\nMessage-ID: <1@a.example>\nSubject: hello\n\nText\n");
    struct filter_features a = features_of(&came), b = features_of(&lies.message);
    assert_int_equal(a.count, b.count);
    assert_true(a.count > 10);
    for (size_t i = 0; i < a.count; i++) {
        assert_true(a.list[i].hash == b.list[i].hash);
        assert_int_equal(a.list[i].component, b.list[i].component);
    }
}

static void blank_lines_at_its_end_do_not_make_another_message(void **state)
{
    (void)state;
    struct original a = find(SENT), b = find(SENT "\r\n\r\n \r\n");
    assert_true(bytes_equal(a.identity, b.identity));
}

static void an_index_of_a_mailbox_is_no_mail(void **state)
{
    (void)state;
    static const char *const texts[] = {"", "3 V1 N4 G0\n1 :x\n", "{\"id\":\"00001\",\"text\":\"From\"}\n",
                                        "\n\nFrom: a@b.example\n"};
    struct original found;
    struct error error;
    for (size_t i = 0; i < countof(texts); i++)
        assert_int_equal(original_find(arena, bytes_of(texts[i]), BYTES("mx.here.example"), &found, &error), PERM);
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
    static const char *const bad[] = {"", "..", "../x.example", "a/b.example", "Example.org", "other", "x.example/",
                                      "."};
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

static struct filter_features features_from(struct filter_feature *list, size_t count, uint64_t first)
{
    for (size_t i = 0; i < count; i++)
        list[i] = (struct filter_feature){.hash = feature_mix(first + i), .text = (const uint8_t *)"",
                                          .component = (uint8_t)(i % FILTER_COMPONENTS)};
    return (struct filter_features){.list = list, .count = count};
}

static void what_is_recalled_is_what_was_kept_in_turns_until_it_is_dropped(void **state)
{
    (void)state;
    struct recall *recall;
    struct error error;
    struct filter_feature list[2 * RECALL_FEATURES];
    struct filter_features next;
    uint8_t a[RECALL_IDENTITY] = {1}, b[RECALL_IDENTITY] = {2};
    assert_int_equal(recall_open(folder, MODEL_SHARED, 1, &recall, &error), OK);
    assert_false(recall_next(recall, true, &next));
    struct filter_features made = features_from(list, 10, 100);
    recall_keep(recall, bytes_from(a, sizeof(a)), &made, true);
    made = features_from(list, countof(list), 200);
    recall_keep(recall, bytes_from(b, sizeof(b)), &made, true);
    assert_false(recall_next(recall, false, &next));
    recall_close(recall);
    assert_int_equal(recall_open(folder, MODEL_SHARED, 1, &recall, &error), OK);
    assert_true(recall_next(recall, true, &next));
    assert_int_equal(next.count, 10);
    assert_true(next.list[9].hash == feature_mix(109) && next.list[9].component == 9 % FILTER_COMPONENTS);
    assert_true(recall_next(recall, true, &next));
    assert_int_equal(next.count, RECALL_FEATURES);
    recall_drop(recall, bytes_from(a, sizeof(a)), true);
    for (unsigned i = 0; i < 3; i++)
        assert_true(recall_next(recall, true, &next) && next.count == RECALL_FEATURES);
    recall_close(recall);
    /* Another model: none of it is its own. */
    assert_int_equal(recall_open(folder, MODEL_SHARED, 2, &recall, &error), OK);
    assert_false(recall_next(recall, true, &next));
    recall_close(recall);
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
    snprintf(path, sizeof(path), "%s/shared.recall", folder);
    unlink(path);
    assert_int_equal(rmdir(folder), 0);
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
    struct train_features features = {7, true, bytes_from(digest, sizeof(digest)), BYTES("id"), BYTES("features")};
    struct train_features read;
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
        cmocka_unit_test(a_message_has_the_same_features_when_it_comes_and_when_it_lies),
        cmocka_unit_test(blank_lines_at_its_end_do_not_make_another_message),
        cmocka_unit_test(an_index_of_a_mailbox_is_no_mail),
        cmocka_unit_test(an_id_that_a_stranger_wrote_is_none),
        cmocka_unit_test(another_message_has_another_identity),
        cmocka_unit_test(names_of_models_are_names_of_files),
        cmocka_unit_test(a_model_is_made_found_again_and_mapped),
        cmocka_unit_test(what_is_recalled_is_what_was_kept_in_turns_until_it_is_dropped),
        cmocka_unit_test(what_is_no_model_is_put_aside),
        cmocka_unit_test(features_travel_whole_or_not_at_all),
        cmocka_unit_test(what_roles_say_of_learning_is_read_as_written),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
