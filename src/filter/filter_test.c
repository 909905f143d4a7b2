/* SPDX-License-Identifier: BSD-2-Clause */
#include "filter/feature.h"
#include "filter/model.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <threads.h>

#include <cmocka.h>

enum { SLOTS = 1 << 16 };

struct world {
    struct arena *arena;
    void *memory;
    size_t size;
    struct filter_model model;
};

static int set_up(void **state)
{
    struct world *w = calloc(1, sizeof(*w));
    w->arena = arena_create(64 << 20);
    w->size = filter_model_size(SLOTS);
    w->memory = aligned_alloc(64, w->size);
    assert_int_equal(filter_model_create(w->memory, w->size, 42, &w->model, NULL), OK);
    *state = w;
    return 0;
}

static int tear_down(void **state)
{
    struct world *w = *state;
    arena_destroy(w->arena);
    free(w->memory);
    free(w);
    return 0;
}

static struct filter_features features_of(struct arena *arena, struct bytes raw)
{
    struct message *message = arena_new(arena, struct message);
    struct mime *mime = arena_new(arena, struct mime);
    struct readable *readable = arena_new(arena, struct readable);
    struct filter_features features;
    assert_int_equal(message_parse(arena, raw, message, NULL), OK);
    assert_int_equal(mime_parse(arena, message, NULL, mime, NULL), OK);
    assert_int_equal(readable_make(arena, message, mime, readable, NULL), OK);
    assert_int_equal(filter_features_make(arena, message, readable, &features, NULL), OK);
    return features;
}

/* Letters of two kinds of writers; the number makes each another one. */
static struct filter_features letter(struct world *w, bool spam, unsigned i)
{
    static const char *const offers[] = {"pills", "loans", "watches", "prizes", "casino"};
    static const char *const work[] = {"meeting", "compiler", "review", "invoice", "garden"};
    return features_of(w->arena, arena_printf(w->arena,
        "From: %s%u@%s.example\r\nSubject: %s %s\r\nMessage-ID: <%u@x>\r\n\r\n%s number %u %s\r\n%s\r\n",
        spam ? "offer" : "anna", i, spam ? "cheap" : "office", spam ? "FREE" : "about the",
        (spam ? offers : work)[i % 5], i, spam ? "Buy now our wonderful" : "Could you please look at", i,
        (spam ? offers : work)[(i + 1) % 5],
        spam ? "Click here http://cheap.example/buy !!!" : "Thanks, and see you on Monday."));
}

static void learn(struct world *w, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        struct filter_features ham = letter(w, false, i), spam = letter(w, true, i);
        filter_train(&w->model, &ham, false, false);
        filter_train(&w->model, &spam, true, false);
    }
}

static struct filter_result ask(const struct filter_model *model, const struct filter_features *features)
{
    struct filter_result result;
    filter_classify(model, features, FILTER_WITH_CLUES, &result);
    return result;
}

static void untrained_model_has_no_opinion(void **state)
{
    struct world *w = *state;
    struct filter_features spam = letter(w, true, 1000);
    learn(w, FILTER_TRAINED_MIN - 1);
    struct filter_result result = ask(&w->model, &spam);
    assert_false(result.opinion);
    assert_true(result.log_odds == 0 && result.points == 0 && result.probability == 0.5);
    assert_int_equal(result.clue_count, 0);
    learn(w, 1);
    assert_true(ask(&w->model, &spam).opinion);
}

static void learning_separates_what_was_not_seen_before(void **state)
{
    struct world *w = *state;
    learn(w, 40);
    for (unsigned i = 500; i < 520; i++) {
        struct filter_features ham = letter(w, false, i), spam = letter(w, true, i);
        assert_true(ask(&w->model, &spam).probability > 0.9);
        assert_true(ask(&w->model, &ham).probability < 0.1);
    }
}

static void points_are_five_for_each_factor_of_ten(void **state)
{
    struct world *w = *state;
    learn(w, 40);
    struct filter_features spam = letter(w, true, 700);
    struct filter_result r = ask(&w->model, &spam);
    assert_true(fabs(r.points - 5 * log10(r.probability / (1 - r.probability))) < 1e-6);
}

static void clues_name_the_words(void **state)
{
    struct world *w = *state;
    learn(w, 40);
    struct filter_features spam = letter(w, true, 700);
    struct filter_result r = ask(&w->model, &spam);
    bool named = false;
    assert_true(r.clue_count > 3);
    for (size_t i = 0; i < r.clue_count; i++) {
        named |= strcmp(r.clues[i].text, "subject: FREE") == 0 || strcmp(r.clues[i].text, "Subject: FREE") == 0;
        assert_true(i == 0 || fabs(r.clues[i].weight) <= fabs(r.clues[i - 1].weight));
        assert_true(r.clues[i].spam > 0 || r.clues[i].ham > 0);
    }
    assert_true(named);
}

static void clues_are_printable_whatever_the_message_holds(void **state)
{
    struct world *w = *state;
    learn(w, 30);
    struct filter_features odd = features_of(w->arena,
        BYTES("Subject: \x1b[31m\xff\xfe evil\r\nX-\x01Y: a\r\n\r\n\x1b[2J\x80\x81 \x1b]0;x\x07 abcd\r\n"));
    for (unsigned i = 0; i < 3; i++)
        filter_train(&w->model, &odd, true, false);
    struct filter_result r = ask(&w->model, &odd);
    for (size_t i = 0; i < r.clue_count; i++)
        for (const char *c = r.clues[i].text; *c; c++)
            assert_true((unsigned char)*c >= 0x20 && (unsigned char)*c != 0x7f);
}

static void unlearning_restores_counts_and_takes_the_opinion_back(void **state)
{
    struct world *w = *state;
    learn(w, 30);
    struct filter_features one = features_of(w->arena, BYTES("Subject: zebra\r\n\r\nstripes quagga okapi\r\n"));
    struct filter_counts before = filter_model_counts(&w->model);
    struct filter_result fresh = ask(&w->model, &one);
    filter_train(&w->model, &one, true, false);
    struct filter_result learned = ask(&w->model, &one);
    assert_int_equal(filter_model_counts(&w->model).spam, before.spam + 1);
    filter_train(&w->model, &one, true, true);
    struct filter_result forgotten = ask(&w->model, &one);
    assert_int_equal(filter_model_counts(&w->model).spam, before.spam);
    assert_int_equal(filter_model_counts(&w->model).ham, before.ham);
    assert_true(learned.raw > fresh.raw + 1);
    assert_true(forgotten.raw < learned.raw - 0.5);
    for (size_t i = 0; i < one.count; i++) {
        const struct model_slot *slot = model_find(&w->model, model_place(&w->model, one.list[i].hash));
        struct filter_features known = letter(w, true, 1);
        bool also_known = false;
        for (size_t j = 0; j < known.count; j++)
            also_known |= known.list[j].hash == one.list[i].hash;
        if (slot && !also_known && one.list[i].component == FILTER_WORDS)
            assert_int_equal(model_value(slot).spam, 0);
    }
}

static void unlearning_does_not_go_beyond_no_opinion(void **state)
{
    struct world *w = *state;
    learn(w, 30);
    struct filter_features spam = letter(w, true, 900);
    for (unsigned i = 0; i < 200; i++)
        filter_train(&w->model, &spam, true, true);
    struct filter_result r = ask(&w->model, &spam);
    for (unsigned c = 0; c < FILTER_COMPONENTS; c++)
        assert_true(r.component[c] > -0.01);
}

static void same_examples_make_the_same_model(void **state)
{
    struct world *w = *state;
    void *other = aligned_alloc(64, w->size);
    struct filter_model first = w->model, second;
    learn(w, 25);
    assert_int_equal(filter_model_create(other, w->size, 42, &second, NULL), OK);
    w->model = second;
    learn(w, 25);
    assert_memory_equal(w->memory, other, w->size);
    w->model = first;
    free(other);
}

static void read_only_model_is_not_trained(void **state)
{
    struct world *w = *state;
    struct filter_model reader;
    learn(w, 2);
    assert_int_equal(filter_model_open(w->memory, w->size, &reader, NULL), OK);
    struct filter_features spam = letter(w, true, 3);
    filter_train(&reader, &spam, true, false);
    assert_int_equal(filter_model_counts(&reader).trained, 4);
}

static void foreign_blocks_are_refused(void **state)
{
    struct world *w = *state;
    struct filter_model model;
    assert_int_equal(filter_model_open(w->memory, w->size - 1, &model, NULL), PERM);
    assert_int_equal(filter_model_open(w->memory, 0, &model, NULL), PERM);
    assert_int_equal(filter_model_open((uint8_t *)w->memory + 8, w->size, &model, NULL), PERM);
    assert_int_equal(filter_model_open(w->memory, filter_model_size(SLOTS / 2), &model, NULL), PERM);
    struct model_head *head = w->memory;
    head->version++;
    assert_int_equal(filter_model_open(w->memory, w->size, &model, NULL), PERM);
    head->version--;
    head->magic[0] ^= 1;
    assert_int_equal(filter_model_open(w->memory, w->size, &model, NULL), PERM);
}

static void sane(const struct filter_result *r)
{
    assert_true(isfinite(r->raw) && isfinite(r->log_odds) && isfinite(r->points));
    assert_true(r->probability >= 0 && r->probability <= 1 && fabs(r->log_odds) <= 14);
    for (unsigned c = 0; c < FILTER_COMPONENTS; c++)
        assert_true(fabs(r->component[c]) <= 20);
    for (size_t i = 0; i < r->clue_count; i++)
        assert_true(isfinite(r->clues[i].weight));
}

static void garbage_behind_a_valid_head_gives_sane_values(void **state)
{
    struct world *w = *state;
    uint64_t chance = 7;
    struct model_head *head = w->memory;
    for (unsigned round = 0; round < 20; round++) {
        uint64_t *words = (uint64_t *)((uint8_t *)w->memory + MODEL_HEAD);
        for (size_t i = 0; i < (w->size - MODEL_HEAD) / 8; i++)
            words[i] = round % 2 ? UINT64_MAX : (chance = feature_mix(chance + i));
        head->ham = head->spam = head->trained = feature_mix(round + 1);
        head->scale = feature_mix(round + 2);
        head->scale_seen = UINT64_MAX;
        struct filter_features spam = letter(w, true, round);
        struct filter_result r = ask(&w->model, &spam);
        sane(&r);
        filter_train(&w->model, &spam, true, round % 3 == 0);
        r = ask(&w->model, &spam);
        sane(&r);
    }
}

static void full_model_keeps_what_is_frequent(void **state)
{
    struct world *w = *state;
    size_t size = filter_model_size(FILTER_SLOTS_MIN);
    void *memory = aligned_alloc(64, size);
    assert_int_equal(filter_model_create(memory, size, 1, &w->model, NULL), OK);
    learn(w, 100);
    assert_true(filter_model_used(&w->model) <= FILTER_SLOTS_MIN);
    struct filter_features spam = letter(w, true, 5000), ham = letter(w, false, 5000);
    assert_true(ask(&w->model, &spam).probability > 0.8);
    assert_true(ask(&w->model, &ham).probability < 0.2);
    free(memory);
}

static void what_a_delivery_adds_changes_nothing(void **state)
{
    struct world *w = *state;
    struct filter_features plain = features_of(w->arena, BYTES("Subject: a\r\n\r\nword\r\n"));
    struct filter_features delivered = features_of(w->arena,
        BYTES("Return-Path: <a@b.example>\r\nDelivered-To: c@d.example\r\nX-Spam-Status: Yes, score=9\r\n"
              "X-Vouch-Class: third-class\r\nAuthentication-Results: x; spf=fail\r\nSubject: a\r\n\r\nword\r\n"));
    assert_int_equal(plain.count, delivered.count);
    for (size_t i = 0; i < plain.count; i++)
        assert_true(plain.list[i].hash == delivered.list[i].hash);
}

static void features_are_bounded_and_each_is_there_once(void **state)
{
    struct world *w = *state;
    struct buf raw;
    buf_init(&raw, 8 << 20);
    uint64_t chance = 3;
    for (unsigned i = 0; i < 900; i++)
        buf_printf(&raw, "X-%016llx: %u\r\n", (unsigned long long)(chance = feature_mix(chance + 1)), i);
    buf_add_string(&raw, "\r\n");
    for (unsigned i = 0; i < 100000; i++)
        buf_printf(&raw, "%llx%s", (unsigned long long)(chance = feature_mix(chance + 1)), i % 5 ? " " : "\r\n");
    struct filter_features features = features_of(w->arena, buf_bytes(&raw));
    buf_free(&raw);
    assert_true(features.count <= FEATURE_COUNT_MAX);
    size_t counts[FILTER_COMPONENTS] = {0};
    for (size_t i = 0; i < features.count; i++) {
        counts[features.list[i].component]++;
        for (size_t j = i + 1; j < features.count && j < i + 50; j++)
            assert_true(features.list[i].hash != features.list[j].hash);
    }
    for (unsigned c = 0; c < FILTER_COMPONENTS; c++)
        assert_true(counts[c] > 200); /* none was crowded out */
}

static void combining_trusts_a_domain_the_more_it_has_learned(void **state)
{
    (void)state;
    struct filter_result domain = {.opinion = true, .log_odds = 4, .ham = 20, .spam = 20};
    struct filter_result shared = {.opinion = true, .log_odds = -4, .ham = 5000, .spam = 5000}, both;
    filter_combine(&domain, &shared, &both);
    assert_true(both.log_odds < -2 && both.log_odds > -4);
    domain.ham = domain.spam = 200;
    filter_combine(&domain, &shared, &both);
    assert_true(fabs(both.log_odds) < 1e-9);
    domain.ham = domain.spam = 20000;
    filter_combine(&domain, &shared, &both);
    assert_true(both.log_odds > 3.5);
    domain.opinion = false;
    filter_combine(&domain, &shared, &both);
    assert_true(both.log_odds == -4);
    shared.opinion = false;
    filter_combine(&domain, &shared, &both);
    assert_false(both.opinion);
}

struct reader {
    const struct filter_model *model;
    const struct filter_features *features;
    bool stop, insane;
    unsigned long asked;
};

static int read_along(void *argument)
{
    struct reader *reader = argument;
    while (!__atomic_load_n(&reader->stop, __ATOMIC_RELAXED)) {
        struct filter_result r;
        filter_classify(reader->model, reader->features, FILTER_WITH_CLUES, &r);
        reader->insane |= !isfinite(r.raw) || fabs(r.raw) > 14 || r.probability < 0 || r.probability > 1;
        __atomic_fetch_add(&reader->asked, 1, __ATOMIC_RELAXED);
    }
    return 0;
}

static void reader_beside_the_trainer_sees_sane_values(void **state)
{
    struct world *w = *state;
    struct filter_model model;
    assert_int_equal(filter_model_open(w->memory, w->size, &model, NULL), OK);
    struct filter_features spam = letter(w, true, 1);
    struct reader reader = {.model = &model, .features = &spam};
    thrd_t thread;
    learn(w, 25);
    assert_int_equal(thrd_create(&thread, read_along, &reader), thrd_success);
    while (__atomic_load_n(&reader.asked, __ATOMIC_RELAXED) < 200)
        learn(w, 5);
    __atomic_store_n(&reader.stop, true, __ATOMIC_RELAXED);
    thrd_join(thread, NULL);
    assert_false(reader.insane);
}

int main(void)
{
    readable_prepare();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(untrained_model_has_no_opinion, set_up, tear_down),
        cmocka_unit_test_setup_teardown(learning_separates_what_was_not_seen_before, set_up, tear_down),
        cmocka_unit_test_setup_teardown(points_are_five_for_each_factor_of_ten, set_up, tear_down),
        cmocka_unit_test_setup_teardown(clues_name_the_words, set_up, tear_down),
        cmocka_unit_test_setup_teardown(clues_are_printable_whatever_the_message_holds, set_up, tear_down),
        cmocka_unit_test_setup_teardown(unlearning_restores_counts_and_takes_the_opinion_back, set_up, tear_down),
        cmocka_unit_test_setup_teardown(unlearning_does_not_go_beyond_no_opinion, set_up, tear_down),
        cmocka_unit_test_setup_teardown(same_examples_make_the_same_model, set_up, tear_down),
        cmocka_unit_test_setup_teardown(read_only_model_is_not_trained, set_up, tear_down),
        cmocka_unit_test_setup_teardown(foreign_blocks_are_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(garbage_behind_a_valid_head_gives_sane_values, set_up, tear_down),
        cmocka_unit_test_setup_teardown(full_model_keeps_what_is_frequent, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_a_delivery_adds_changes_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(features_are_bounded_and_each_is_there_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(combining_trusts_a_domain_the_more_it_has_learned, set_up, tear_down),
        cmocka_unit_test_setup_teardown(reader_beside_the_trainer_sees_sane_values, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
