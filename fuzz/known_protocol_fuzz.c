/* SPDX-License-Identifier: BSD-2-Clause */
/* What an edge and the store may say to each other of senders when one of them was taken over: what is read is what
 * was written, and nothing else is read. */
#include "base/domain.h"
#include "roles/known_protocol.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void same(struct bytes payload, struct buf *written)
{
    require(!written->failed);
    require(bytes_equal(payload, buf_bytes(written)));
}

static void check_identities(const struct history_identity *identities, size_t count)
{
    require(count <= KNOWN_IDENTITIES_MAX);
    for (size_t i = 0; i < count; i++) {
        require(identities[i].kind < HISTORY_KINDS && identities[i].name.len <= HISTORY_NAME_MAX);
        require(identities[i].kind == HISTORY_NETWORK || domain_is_valid(identities[i].name));
    }
}

static void check_address(struct bytes address)
{
    require(address.len <= KNOWN_ADDRESS_MAX && bytes_find_byte(address, 0) == BYTES_NOT_FOUND);
}

static void read_question(struct bytes payload, struct arena *arena, struct buf *out)
{
    static struct known_question question;
    if (!known_question_read(payload, arena, &question))
        return;
    check_identities(question.identities, question.identity_count);
    require(question.recipient_count <= KNOWN_RECIPIENTS_MAX && question.delay >= 0);
    for (size_t i = 0; i < question.recipient_count; i++)
        check_address(question.recipients[i]);
    known_question_write(out, &question);
    same(payload, out);
}

static void read_answer(struct bytes payload, struct buf *out)
{
    static struct known_answer answer;
    if (!known_answer_read(payload, &answer))
        return;
    require(answer.identity_count <= KNOWN_IDENTITIES_MAX && answer.contact_count <= KNOWN_CONTACTS_MAX);
    require(answer.greylist < GREYLIST_STATES && answer.age >= 0);
    for (size_t i = 0; i < answer.identity_count; i++) {
        uint64_t ham, spam;
        history_verdicts(&answer.history[i], &ham, &spam);
        require(ham + spam <= HISTORY_VERDICTS_MOST || ham + spam == answer.history[i].counts[HISTORY_HAM] +
                                                                         answer.history[i].counts[HISTORY_SPAM]);
        require(ham + spam <= HISTORY_VERDICTS_MOST);
    }
    known_answer_write(out, &answer);
    same(payload, out);
}

static void read_outcome(struct bytes payload, struct buf *out)
{
    static struct known_outcome outcome;
    if (!known_outcome_read(payload, &outcome))
        return;
    check_identities(outcome.identities, outcome.identity_count);
    require(outcome.class < KNOWN_CLASSES && outcome.greylist < KNOWN_GREYLISTS);
    require(outcome.answered_count <= KNOWN_CONTACTS_MAX && outcome.learned_count <= KNOWN_LEARNED_MAX);
    check_address(outcome.owner);
    for (size_t i = 0; i < outcome.learned_count; i++)
        check_address(outcome.learned[i]);
    known_outcome_write(out, &outcome);
    same(payload, out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buf out;
    if (!size)
        return 0;
    struct bytes payload = bytes_from(data + 1, size - 1);
    struct arena *arena = arena_create(16 << 20);
    buf_init(&out, 1 << 20);
    if (data[0] % 3 == 0)
        read_question(payload, arena, &out);
    else if (data[0] % 3 == 1)
        read_answer(payload, &out);
    else
        read_outcome(payload, &out);
    buf_free(&out);
    arena_destroy(arena);
    return 0;
}
