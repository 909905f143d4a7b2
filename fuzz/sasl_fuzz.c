/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A SASL exchange with a hostile client: the first octet is the mechanism and switches, the rest its
 * messages, a line each ("-": none).
 *
 * What must hold: nobody gets in without a password or certificate (the fuzzer knows one password, which it
 * may find); an exchange that is over stays so; challenges are text that SMTP can carry.
 */
#include "auth/sasl.h"

#include <stdlib.h>

/* "a" has the password "pw" with a hash that is fast to compute; "s" has keys for SCRAM that fit nothing. */
static const char file[] =
    "a@x.example password=$1$abcdefgh$IQtUouv7y7Q9dRWkQEPCc. cram-md5=cHc=\n"
    "s@x.example scram=4096:AAAAAAAAAAAAAAAAAAAAAA==:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=:"
    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA= disabled=yes\n";

static const struct bytes mechanisms[] = {
    BYTES_INIT("PLAIN"),         BYTES_INIT("LOGIN"),
    BYTES_INIT("CRAM-MD5"),      BYTES_INIT("SCRAM-SHA-256"),
    BYTES_INIT("SCRAM-SHA-256-PLUS"), BYTES_INIT("EXTERNAL"),
};

static struct accounts *accounts;

static void check(bool condition)
{
    if (!condition)
        abort();
}

static void load(void)
{
    struct buf faults;
    buf_init(&faults, 4096);
    check(accounts_parse(bytes_from(file, sizeof(file) - 1), "fuzz", &accounts, &faults) == OK);
    buf_free(&faults);
}

static void check_challenge(struct bytes text)
{
    for (size_t i = 0; i < text.len; i++)
        check(text.ptr[i] >= 0x20 && text.ptr[i] < 0x7f);
}

static void converse(struct sasl *sasl, struct bytes mechanism, struct bytes rest, bool certified)
{
    enum sasl_status status = SASL_CHALLENGE;
    struct bytes message;
    struct buf out;
    buf_init(&out, SASL_MESSAGE_MAX);
    bool over = false;
    for (int i = 0; i < 8 && rest.ptr && bytes_split(&rest, '\n', &message); i++) {
        buf_clear(&out);
        bool present = !bytes_is(message, "-");
        struct bytes name = sasl_peek_name(mechanism, message);
        check(name.len <= message.len);
        status = sasl_step(sasl, present, present ? message : BYTES(""), &out);
        check(!over || status == SASL_REFUSED);
        over = over || status != SASL_CHALLENGE;
        check(!out.failed || status != SASL_CHALLENGE);
        if (status == SASL_CHALLENGE)
            check_challenge(buf_bytes(&out));
        if (status == SASL_DONE) {
            check(sasl_account(sasl) && !sasl_account(sasl)->disabled);
            check(certified || !bytes_is(mechanism, "EXTERNAL"));
            check(!bytes_starts_with(mechanism, BYTES("SCRAM")));
        }
        if (status == SASL_REFUSED || status == SASL_MALFORMED)
            check(sasl_reason(sasl)[0] != '\0');
    }
    check(status == SASL_DONE || over || !sasl_account(sasl));
    buf_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct bytes emails[] = {BYTES_INIT("a@x.example"), BYTES_INIT("s@x.example")};
    if (!size)
        return 0;
    if (!accounts)
        load();
    struct sasl_setup setup = {
        .accounts = accounts,
        .mechanism = mechanisms[data[0] % 8 % countof(mechanisms)],
        .hostname = BYTES("mx.example"),
        .offers_plus = data[0] & 8,
        .exporter = data[0] & 16 ? BYTES("0123456789abcdef0123456789abcdef") : BYTES(""),
        .end_point = data[0] & 32 ? BYTES("fedcba9876543210fedcba9876543210") : BYTES(""),
        .emails = emails,
        .email_count = data[0] & 64 ? 2 : 0,
    };
    struct sasl *sasl = sasl_start(&setup);
    check(sasl != NULL);
    converse(sasl, setup.mechanism, bytes_from(data + 1, size - 1), setup.email_count > 0);
    sasl_free(sasl);
    return 0;
}
