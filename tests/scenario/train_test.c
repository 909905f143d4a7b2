/* SPDX-License-Identifier: BSD-2-Clause */
/* The store and the edges that make features for it: slow ones, dead ones, hostile ones, none. */
#include "store_world.h"

#include "filter/feature.h"
#include "filter/features_wire.h"
#include "roles/models.h"
#include "roles/store_train.h"

static const char letter[] = "From: a@b.example\r\nSubject: hello\r\n\r\nText\r\n";

/* Somebody who has a message learned. */
struct pupil {
    enum train_class class;
    bool done;
    enum result result;
    enum train_outcome outcome;
    struct error error;
};

static void learn_fiber(void *argument)
{
    struct pupil *pupil = argument;
    struct train_request request = {.content = bytes_of(letter), .class = pupil->class};
    pupil->result = store_train(the_store(), &request, &pupil->outcome, &pupil->error);
    pupil->done = true;
}

static void begin(struct pupil *pupil, enum train_class class)
{
    *pupil = (struct pupil){.class = class};
    check(fiber_group_start(&world.group, "pupil", learn_fiber, pupil));
    fiber_yield();
}

static void await(const struct pupil *pupil)
{
    for (int i = 0; i < 1000 && !pupil->done; i++)
        fiber_yield();
    check(pupil->done);
}

/* The number of the job that the store gives away, 0 for none; its content is the letter. */
static uint64_t ask_for_work(void)
{
    struct ipc_message request = {.type = TRAIN_WORK, .descriptors = {-1, -1, -1, -1}}, answer;
    struct train_work work;
    struct bytes payload;
    struct error error;
    check(role_call(world.edge, world.arena, &request, &answer, loop_deadline(MINUTE), &error) == OK);
    check(parcel_unpack(&answer, world.arena, &payload) && train_work_read(payload, &work));
    check(!work.job || bytes_is(work.content, letter));
    return work.job;
}

/* When this is answered, what was sent before it has been seen. */
static void round_trip(void)
{
    struct ipc_message request, answer;
    struct error error;
    struct buf payload;
    buf_init(&payload, 64);
    ipc_add_bytes(&payload, BYTES("none.example"));
    request = (struct ipc_message){STORE_MODEL, buf_bytes(&payload), {-1, -1, -1, -1}};
    check(role_call(world.edge, world.arena, &request, &answer, loop_deadline(MINUTE), &error) == OK);
    check(answer.descriptors[0] < 0);
    buf_free(&payload);
}

static void send_payload(struct bytes payload)
{
    struct ipc_message message = {.type = TRAIN_FEATURES, .descriptors = {-1, -1, -1, -1}};
    struct error error;
    check(parcel_pack(&message, payload));
    check(ipc_send(world.edge, &message, loop_deadline(MINUTE), &error) == OK);
    parcel_release(&message);
    round_trip();
}

static void send_features(uint64_t job, bool made, struct bytes features)
{
    static const uint8_t identity[TRAIN_IDENTITY_SIZE] = {1, 2, 3};
    struct train_features answer = {job, made, bytes_from(identity, sizeof(identity)), BYTES(""), features};
    struct buf payload;
    buf_init(&payload, 1 << 20);
    train_features_write(&payload, &answer);
    send_payload(buf_bytes(&payload));
    buf_free(&payload);
}

static void send_good_features(uint64_t job)
{
    struct filter_feature list[] = {{.hash = 12345, .text = (const uint8_t *)"", .component = FILTER_WORDS}};
    struct filter_features features = {.list = list, .count = 1};
    struct buf wire;
    buf_init(&wire, 1024);
    filter_features_write(&wire, &features);
    send_features(job, true, buf_bytes(&wire));
    buf_free(&wire);
}

static struct filter_counts counts(void)
{
    struct model *model;
    struct error error;
    int fd = model_descriptor(world_path("data/filter"), MODEL_SHARED);
    check(fd >= 0 && model_map(fd, MODEL_SHARED, &model, &error) == OK);
    struct filter_counts found = filter_model_counts(&model->filter);
    close(fd);
    model_close(model);
    return found;
}

static void start(void)
{
    more_config = "filter { size = 1M }\n";
    world_create();
    store_start();
}

static void end(void)
{
    store_stop();
    world_destroy();
}

STORY(a_message_that_an_edge_reads_is_learned_once)
{
    struct pupil pupil;
    start();
    begin(&pupil, TRAIN_SPAM);
    send_good_features(ask_for_work());
    await(&pupil);
    check(pupil.result == OK && pupil.outcome == TRAIN_LEARNED && counts().spam == 1);
    begin(&pupil, TRAIN_SPAM);
    send_good_features(ask_for_work());
    await(&pupil);
    check(pupil.result == OK && pupil.outcome == TRAIN_KNOWN && counts().spam == 1);
    begin(&pupil, TRAIN_HAM);
    send_good_features(ask_for_work());
    await(&pupil);
    check(pupil.result == OK && pupil.outcome == TRAIN_CHANGED && counts().spam == 0 && counts().ham == 1);
    end();
}

STORY(without_an_edge_learning_is_put_off)
{
    struct pupil pupil;
    start();
    int64_t began = loop_now();
    begin(&pupil, TRAIN_SPAM);
    while (!pupil.done)
        fiber_sleep(SECOND);
    check(pupil.result == TEMP && loop_now() - began <= 2 * MINUTE);
    check(counts().spam == 0);
    end();
}

STORY(what_a_dead_edge_had_is_given_to_the_next)
{
    struct pupil pupil;
    start();
    begin(&pupil, TRAIN_SPAM);
    uint64_t job = ask_for_work();
    check(job != 0);
    lose(&world.edge);
    world.edge = join(ROLE_EDGE);
    int64_t began = loop_now();
    uint64_t again = 0;
    while (!again)
        again = ask_for_work();
    check(again == job && loop_now() - began < MINUTE && !pupil.done);
    send_good_features(again);
    await(&pupil);
    check(pupil.result == OK && pupil.outcome == TRAIN_LEARNED);
    /* The slow one comes after all: nothing is learned twice. */
    send_good_features(job);
    check(counts().spam == 1);
    end();
}

STORY(another_edge_cannot_answer_for_the_one_that_got_the_job)
{
    struct pupil pupil;
    start();
    begin(&pupil, TRAIN_SPAM);
    uint64_t job = ask_for_work();
    struct ipc_channel *first = world.edge;
    world.edge = join(ROLE_EDGE);
    send_good_features(job);
    check(!pupil.done && counts().trained == 0);
    lose(&world.edge);
    world.edge = first;
    send_good_features(job);
    await(&pupil);
    check(pupil.result == OK && pupil.outcome == TRAIN_LEARNED);
    end();
}

STORY(traps_teach_only_so_much_in_a_day)
{
    unsigned given = 0;
    start();
    for (unsigned i = 0; i < 30; i++)
        store_train_trap(the_store(), bytes_of(letter), BYTES("192.0.2.1"));
    store_train_trap(the_store(), bytes_of(letter), BYTES("198.51.100.1"));
    /* What waits for features is in the store's hands until then. */
    for (uint64_t job = ask_for_work(); job && given < 40; given++) {
        send_good_features(job);
        job = given < 20 ? ask_for_work() : 0;
    }
    check(given == 21);
    end();
}

/* Of a mebibyte each, 32 fit. */
STORY(copies_that_wait_are_bounded_in_octets)
{
    struct train_request request = {.class = TRAIN_SPAM};
    unsigned given = 0;
    start();
    uint8_t *large = calloc(1, TRAIN_MESSAGE_MAX);
    check(large != NULL);
    request.content = bytes_from(large, TRAIN_MESSAGE_MAX);
    for (unsigned i = 0; i < 40; i++)
        store_train_later(the_store(), &request);
    free(large);
    /* Room is made by what is done with. */
    struct ipc_message message = {.type = TRAIN_WORK, .descriptors = {-1, -1, -1, -1}}, answer;
    struct train_work work = {0};
    struct bytes payload;
    struct error error;
    do {
        struct arena *arena = arena_create(64 << 20);
        check(arena && ipc_call(world.edge, arena, &message, &answer, loop_deadline(MINUTE), &error) == OK);
        check(parcel_unpack(&answer, arena, &payload) && train_work_read(payload, &work));
        parcel_release(&answer);
        uint64_t job = work.job;
        if (job)
            send_features(job, false, BYTES(""));
        given += job != 0;
        arena_destroy(arena);
    } while (work.job);
    check(given == 32);
    end();
}

STORY(what_a_hostile_edge_sends_is_not_learned)
{
    struct pupil pupil;
    start();
    begin(&pupil, TRAIN_SPAM);
    uint64_t job = ask_for_work();
    send_payload(BYTES("nothing of the kind"));
    send_payload(BYTES(""));
    send_good_features(job + 1);
    check(!pupil.done && counts().trained == 0);
    send_features(job, true, BYTES("not a multiple of nine"));
    await(&pupil);
    check(pupil.result == TEMP && counts().trained == 0);
    begin(&pupil, TRAIN_SPAM);
    /* Of a component that there is not. */
    send_features(ask_for_work(), true, BYTES("12345678\xff"));
    await(&pupil);
    check(pupil.result == TEMP && counts().trained == 0);
    begin(&pupil, TRAIN_SPAM);
    send_features(ask_for_work(), false, BYTES(""));
    await(&pupil);
    check(pupil.result == OK && pupil.outcome == TRAIN_UNREADABLE && counts().trained == 0);
    end();
}

/* Features before the job was given away: a guess. */
STORY(features_of_a_job_that_nobody_was_given_are_not_learned)
{
    struct pupil pupil;
    start();
    begin(&pupil, TRAIN_SPAM);
    send_good_features(1);
    check(!pupil.done && counts().trained == 0);
    send_good_features(ask_for_work());
    await(&pupil);
    check(pupil.outcome == TRAIN_LEARNED);
    end();
}

STORY(whoever_waits_when_the_gateway_stops_is_told)
{
    struct pupil pupil;
    start();
    begin(&pupil, TRAIN_SPAM);
    store_stop();
    check(pupil.done && pupil.result == TEMP);
    world_destroy();
}

STORY(what_nobody_waits_for_is_copied_and_bounded)
{
    start();
    char text[sizeof(letter)];
    memcpy(text, letter, sizeof(letter));
    struct train_request request = {.content = bytes_from(text, sizeof(text) - 1), .class = TRAIN_SPAM};
    for (int i = 0; i < 1000; i++)
        store_train_later(the_store(), &request);
    memset(text, 'x', sizeof(text));
    send_good_features(ask_for_work());
    check(counts().spam == 1);
    size_t more = 0;
    for (uint64_t job; more < 1000 && (job = ask_for_work()) != 0; more++)
        send_features(job, false, BYTES(""));
    check(more > 0 && more < 300);
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_message_that_an_edge_reads_is_learned_once),
        cmocka_unit_test(without_an_edge_learning_is_put_off),
        cmocka_unit_test(what_a_dead_edge_had_is_given_to_the_next),
        cmocka_unit_test(another_edge_cannot_answer_for_the_one_that_got_the_job),
        cmocka_unit_test(traps_teach_only_so_much_in_a_day),
        cmocka_unit_test(copies_that_wait_are_bounded_in_octets),
        cmocka_unit_test(what_a_hostile_edge_sends_is_not_learned),
        cmocka_unit_test(features_of_a_job_that_nobody_was_given_are_not_learned),
        cmocka_unit_test(whoever_waits_when_the_gateway_stops_is_told),
        cmocka_unit_test(what_nobody_waits_for_is_copied_and_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
