/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * VBR-Info fields and the records of certifiers. The input as the value of a field, as a record,
 * and as a message whose fields are checked against a zone where every question is answered by the
 * first line.
 */
#include "auth/vbr.h"
#include "auth/vbr_info.h"
#include "base/ascii.h"
#include "base/clock.h"
#include "base/domain.h"
#include "dns/answer.h"
#include "field.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_info(struct bytes value)
{
    struct vbr_info info;
    struct error error = {"unset"};
    struct bytes rest, name;
    if (vbr_info_parse(value, &info, &error) != OK) {
        require(strcmp(error.text, "unset") != 0);
        return;
    }
    require(info.content <= VBR_TRANSACTION && domain_is_valid(info.domain));
    require(field_lies_within(info.domain, value) && field_lies_within(info.certifiers, value));
    rest = info.certifiers;
    while (bytes_split(&rest, ':', &name))
        require(domain_is_valid(name) && vbr_info_names(&info, name));
    require(!vbr_info_names(&info, BYTES("")));
}

static void check_record(struct bytes text)
{
    for (enum vbr_content content = VBR_ALL; content <= VBR_TRANSACTION; content++) {
        if (!vbr_record_vouches(text, content))
            continue;
        require(vbr_record_is_valid(text));
        require(bytes_find(text, BYTES("all")) != BYTES_NOT_FOUND ||
                bytes_find(text, bytes_of(vbr_content_name(content))) != BYTES_NOT_FOUND);
    }
}

/* A certifier who answers every question with the same record, or not at all. */
struct certifier {
    struct dns dns;
    struct bytes text;
    size_t questions;
};

static const struct dns_answer *answer(struct dns *dns, struct arena *arena, struct bytes name,
                                       enum dns_type type, int64_t deadline)
{
    struct certifier *certifier = (struct certifier *)dns;
    struct dns_answer *found = arena_new(arena, struct dns_answer);
    struct dns_record *record = arena_new(arena, struct dns_record);
    (void)deadline;
    require(type == DNS_TXT && bytes_find(name, BYTES("._vouch.")) != BYTES_NOT_FOUND);
    require(bytes_ends_with(name, BYTES("a.example")) || bytes_ends_with(name, BYTES("b.example")));
    certifier->questions++;
    if (!found || !record || bytes_is(certifier->text, "FAIL"))
        return answer_failed(arena, "failed");
    record->text = certifier->text;
    *found = (struct dns_answer){.status = DNS_FOUND, .count = 1, .records = record};
    return found;
}

static void check_message(struct bytes text)
{
    static const struct bytes trusted[] = {BYTES_INIT("a.example"), BYTES_INIT("b.example")};
    static const struct bytes authenticated[] = {BYTES_INIT("md.example"), BYTES_INIT("x.example")};
    struct arena *arena = arena_create(8 << 20);
    struct certifier certifier = {{answer}, BYTES(""), 0};
    struct vbr_request request = {trusted, countof(trusted), authenticated, countof(authenticated),
                                  NO_DEADLINE};
    struct message message;
    struct vbr_result result;
    struct bytes rest = text;
    bytes_split(&rest, '\n', &certifier.text);
    struct bytes content = message_normalize(arena, rest.ptr ? rest : BYTES(""));
    if (message_parse(arena, content, &message, NULL) == OK) {
        vbr_check(&certifier.dns, arena, &message, &request, &result);
        bool passed = result.result == AUTH_PASS;
        require(passed == (result.certifier.len != 0) && passed == (result.problem.len == 0));
        require(!passed || (vbr_record_is_valid(certifier.text) && certifier.questions));
        require(!passed || bytes_equal(result.domain, authenticated[0]) ||
                bytes_equal(result.domain, authenticated[1]));
        require(certifier.questions == result.question_count);
        require(certifier.questions <= countof(trusted) * countof(authenticated));
        require(message_field(&message, "VBR-Info", 0) || result.result == AUTH_NONE);
    }
    arena_destroy(arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes text = bytes_from(size ? data : (const uint8_t *)"", size);
    check_info(text);
    check_record(text);
    check_message(text);
    return 0;
}
