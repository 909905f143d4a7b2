/* SPDX-License-Identifier: BSD-2-Clause */
/* What an edge and the keys role may send each other when one of them was taken over. */
#include "base/domain.h"
#include "roles/keys_protocol.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void same(struct bytes payload, struct buf *written)
{
    require(!written->failed);
    require(bytes_equal(payload, buf_bytes(written)));
}

static void read_requests(unsigned kind, struct bytes payload, struct buf *out)
{
    struct bytes domain;
    struct keys_sign_request sign;
    struct keys_address_request address;
    if (kind == 0 && keys_domain_read(payload, &domain)) {
        require(domain_is_valid(domain));
        keys_domain_write(out, domain);
        same(payload, out);
    } else if (kind == 1 && keys_sign_request_read(payload, &sign)) {
        require(sign.count > 0 && sign.count <= KEYS_SELECTORS_MAX && domain_is_valid(sign.domain));
        for (size_t i = 0; i < sign.count; i++)
            require(sign.items[i].hash.len == KEYS_HASH_SIZE);
        keys_sign_request_write(out, &sign);
        same(payload, out);
    } else if (kind == 2 && keys_address_request_read(payload, &address)) {
        require(address.codec < KEYS_CODECS && address.now >= 0);
        keys_address_request_write(out, &address);
        same(payload, out);
    }
}

static void read_answers(unsigned kind, struct bytes payload, struct buf *out)
{
    struct keys_selectors selectors;
    struct keys_signatures signatures;
    struct keys_address_answer address;
    if (kind == 3 && keys_selectors_read(payload, &selectors)) {
        require(selectors.count <= KEYS_SELECTORS_MAX);
        for (size_t i = 0; i < selectors.count; i++)
            require(selectors.items[i].algorithm != DKIM_RSA_SHA1);
        keys_selectors_write(out, &selectors);
        same(payload, out);
    } else if (kind == 4 && keys_signatures_read(payload, &signatures)) {
        require(signatures.count <= KEYS_SELECTORS_MAX);
        keys_signatures_write(out, &signatures);
        same(payload, out);
    } else if (kind == 5 && keys_address_answer_read(payload, &address)) {
        require(address.result <= PERM);
        keys_address_answer_write(out, &address);
        same(payload, out);
    }
}

static void read_sasl(unsigned kind, struct bytes payload, struct buf *out)
{
    static struct keys_sasl_question question;
    static struct keys_sasl_answer reply;
    struct keys_credentials credentials;
    struct bytes route;
    if (kind == 6 && keys_sasl_question_read(payload, &question)) {
        require(question.email_count <= KEYS_SASL_NAMES_MAX && question.data.len <= KEYS_SASL_DATA_MAX);
        require(question.conversation || question.mechanism.len);
        keys_sasl_question_write(out, &question);
        same(payload, out);
    } else if (kind == 7 && keys_sasl_answer_read(payload, &reply)) {
        require(reply.status < KEYS_SASL_STATUSES && reply.send_as_count <= KEYS_SASL_SEND_AS_MAX);
        require(reply.status != KEYS_SASL_DONE || reply.account.len);
        keys_sasl_answer_write(out, &reply);
        same(payload, out);
    } else if (kind == 8 && keys_credentials_question_read(payload, &route)) {
        keys_credentials_question_write(out, route);
        same(payload, out);
    } else if (kind == 9 && keys_credentials_answer_read(payload, &credentials)) {
        keys_credentials_answer_write(out, &credentials);
        same(payload, out);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buf out;
    if (size < 1 || size > IPC_PAYLOAD_MAX)
        return 0;
    struct bytes payload = bytes_from(data + 1, size - 1);
    buf_init(&out, 4 << 20);
    read_requests(data[0] % 10, payload, &out);
    read_answers(data[0] % 10, payload, &out);
    read_sasl(data[0] % 10, payload, &out);
    buf_free(&out);
    return 0;
}
