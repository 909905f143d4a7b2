/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A whole header. Its PRA is one mailbox with a domain name, read back as the same from what was
 * written, or there is a reason for none. Fields of white space change nothing; a field added on
 * top that decides the matter does.
 */
#include "base/utf8.h"
#include "field.h"
#include "message/address.h"
#include "message/idn.h"
#include "message/pra.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Each of them ignored, also where it would stand between a Resent-From and a Resent-Sender. */
static const char blank_fields[] = "Resent-Sender: \r\nResent-From:\r\nReceived:\t\r\n"
                                   "Return-Path:\r\n \r\nSender:\r\n\t\r\nFrom: \t \r\n";

static bool is_field_of_pra(struct bytes name)
{
    return bytes_is(name, "Resent-Sender") || bytes_is(name, "Resent-From") ||
           bytes_is(name, "Sender") || bytes_is(name, "From");
}

static void check_mailbox(struct arena *arena, const struct pra *pra)
{
    struct address_list list;
    struct bytes ascii;
    require(is_field_of_pra(pra->field) && pra->reason.len && !pra->problem.len);
    require(utf8_is_valid(pra->mailbox));
    for (size_t i = 0; i < pra->mailbox.len; i++)
        require(!ascii_is_control(pra->mailbox.ptr[i]));
    require(idn_to_ascii(arena, pra->domain, &ascii, NULL) != PERM);
    enum result result = address_list_parse(arena, pra->mailbox, &list, NULL);
    require(result != PERM);
    if (result != OK)
        return;
    require(list.count == 1 && list.group_count == 0);
    require(bytes_equal(list.mailboxes[0].local, pra->local));
    require(bytes_equal(list.mailboxes[0].domain, pra->domain));
}

/* The PRA of `top` and the input behind it; false where that is no message, or memory ran out. A
 * field between them takes a continuation line with which the input may begin. */
static bool find(struct arena *arena, const char *top, struct bytes input, struct pra *pra,
                 enum result *result)
{
    static const char between[] = "Subject: x\r\n";
    struct message message;
    struct buf text;
    buf_init(&text, strlen(top) + sizeof(between) + input.len);
    buf_add_string(&text, top);
    buf_add_string(&text, between);
    buf_add(&text, input);
    require(!text.failed);
    struct bytes header = arena_copy(arena, buf_bytes(&text));
    buf_free(&text);
    if (!header.ptr || message_parse(arena, header, &message, NULL) != OK)
        return false;
    *result = pra_find(arena, &message, pra);
    return *result != TEMP;
}

static void check_same(const struct pra *a, enum result a_result, const struct pra *b,
                       enum result b_result)
{
    require(a_result == b_result && bytes_equal(a->mailbox, b->mailbox));
    require(bytes_equal(a->field, b->field) && bytes_equal(a->reason, b->reason));
    require(bytes_equal(a->problem, b->problem));
}

/* Whatever stands below: step 1 takes what is on top; step 2 takes it unless step 1 finds a
 * Resent-Sender of the same block; and one malformed on top is not passed over. */
static void check_tops(struct arena *arena, struct bytes input)
{
    struct pra pra;
    enum result result;
    if (find(arena, "Resent-Sender: top@a.example\r\n", input, &pra, &result))
        require(result == OK && bytes_is(pra.mailbox, "top@a.example"));
    if (find(arena, "Resent-From: top@a.example\r\nReceived: x\r\n", input, &pra, &result))
        require(result == OK && bytes_is(pra.mailbox, "top@a.example"));
    if (find(arena, "Resent-Sender: a@a.example, b@b.example\r\n", input, &pra, &result))
        require(result == NONE && pra.problem.len);
    if (find(arena, "Sender: a@a.example\r\nSender: a@a.example\r\n", input, &pra, &result))
        require(result == NONE || bytes_starts_with(pra.field, BYTES("Resent-")));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    /* Small enough at times that memory runs out in the middle. */
    size_t cap = size && data[size - 1] == 0 ? 1024 + 4 * size : 64 << 20;
    struct arena *arena = arena_create(cap);
    struct bytes input = bytes_from(data, size);
    struct pra pra, other;
    enum result result, other_result;
    if (!arena)
        return 0;
    if (find(arena, "", input, &pra, &result)) {
        if (result == OK)
            check_mailbox(arena, &pra);
        else
            require(pra.problem.len && !pra.mailbox.len && !pra.domain.len && !pra.reason.len);
        if (find(arena, blank_fields, input, &other, &other_result))
            check_same(&pra, result, &other, other_result);
    }
    check_tops(arena, input);
    arena_destroy(arena);
    return 0;
}
