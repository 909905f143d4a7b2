/* SPDX-License-Identifier: BSD-2-Clause */
#include "auth/smime_blob.h"

#include "base/cursor.h"

enum {
    INTEGER = 0x02,
    OID = 0x06,
    SEQUENCE = 0x30,
    SET = 0x31,
    CONTEXT_0 = 0xa0,
    CONTEXT_1 = 0xa1,
    CONSTRUCTED = 0x20,
    NESTED_MAX = 64 /* objects of indefinite length in each other */
};

struct element {
    uint8_t tag;
    bool indefinite;
    size_t length; /* of the content, where it is not indefinite */
};

static struct element read_element(struct cursor *c)
{
    struct element element = {.tag = cursor_u8(c)};
    if ((element.tag & 0x1f) == 0x1f) /* tags of more than one octet do not occur in CMS */
        cursor_fail(c);
    uint8_t first = cursor_u8(c);
    element.length = first;
    if (first == 0x80) {
        element.indefinite = true;
        element.length = 0;
        if (!(element.tag & CONSTRUCTED))
            cursor_fail(c);
    } else if (first > 0x80) {
        element.length = 0;
        if (first > 0x84)
            cursor_fail(c);
        for (unsigned i = first & 0x7fu; i-- && !c->failed;)
            element.length = element.length << 8 | cursor_u8(c);
    }
    if (element.length > cursor_rest(c).len)
        cursor_fail(c);
    return element;
}

/* Passes over the content of an element whose head was read. */
static void skip_content(struct cursor *c, struct element element)
{
    size_t open = element.indefinite;
    if (!open)
        cursor_take(c, element.length);
    while (open && !c->failed) {
        struct element inner = read_element(c);
        if (inner.tag == 0 && inner.length == 0 && !inner.indefinite)
            open--;
        else if (!inner.indefinite)
            cursor_take(c, inner.length);
        else if (++open > NESTED_MAX)
            cursor_fail(c);
    }
}

/* Whether the element that was opened at `start` has no more content; takes its end. */
static bool at_end(struct cursor *c, struct element element, size_t start)
{
    if (c->failed)
        return true;
    if (!element.indefinite)
        return c->position >= start + element.length;
    if (cursor_peek(c) != 0 || cursor_peek_at(c, 1) != 0)
        return false;
    c->position += 2;
    return true;
}

/* The number of elements in a set whose head was read. */
static size_t count_content(struct cursor *c, struct element element)
{
    size_t count = 0, start = c->position;
    while (!at_end(c, element, start)) {
        skip_content(c, read_element(c));
        count++;
    }
    return count;
}

static enum smime_kind kind_of(struct bytes oid)
{
    /* 1.2.840.113549.1.7.x and 1.2.840.113549.1.9.16.1.x */
    static const uint8_t pkcs7[] = {0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07};
    static const uint8_t smime[] = {0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x10, 0x01};
    if (oid.len == sizeof(pkcs7) + 1 && bytes_starts_with(oid, bytes_from(pkcs7, sizeof(pkcs7)))) {
        uint8_t last = oid.ptr[sizeof(pkcs7)];
        if (last == 2)
            return SMIME_SIGNED;
        return last == 3 || last == 6 ? SMIME_ENCRYPTED : SMIME_OTHER;
    }
    if (oid.len == sizeof(smime) + 1 && bytes_starts_with(oid, bytes_from(smime, sizeof(smime))))
        return oid.ptr[sizeof(smime)] == 23 ? SMIME_ENCRYPTED : SMIME_OTHER;
    return SMIME_OTHER;
}

static void expect(struct cursor *c, struct element element, uint8_t tag)
{
    if (element.tag != tag)
        cursor_fail(c);
}

/* SignedData (rfc5652:5.1). */
static void read_signed_data(struct cursor *c, struct smime_blob *blob)
{
    expect(c, read_element(c), SEQUENCE);
    struct element element = read_element(c);
    expect(c, element, INTEGER); /* version */
    skip_content(c, element);
    element = read_element(c);
    expect(c, element, SET);
    blob->digest_algorithms = count_content(c, element);
    element = read_element(c);
    expect(c, element, SEQUENCE); /* the content */
    size_t start = c->position;
    skip_content(c, element);
    blob->content = c->position - start;
    element = read_element(c);
    if (element.tag == CONTEXT_0) {
        blob->certificates = count_content(c, element);
        element = read_element(c);
    }
    if (element.tag == CONTEXT_1) {
        blob->revocation_lists = count_content(c, element);
        element = read_element(c);
    }
    expect(c, element, SET);
    blob->signers = count_content(c, element);
}

struct smime_blob smime_blob_read(struct bytes object)
{
    struct smime_blob blob = {.kind = SMIME_MALFORMED};
    struct cursor c = cursor_over(object);
    expect(&c, read_element(&c), SEQUENCE);
    struct element type = read_element(&c);
    expect(&c, type, OID);
    enum smime_kind kind = kind_of(cursor_take(&c, type.length));
    expect(&c, read_element(&c), CONTEXT_0);
    if (kind == SMIME_SIGNED && !c.failed)
        read_signed_data(&c, &blob);
    if (!c.failed)
        blob.kind = kind;
    return blob;
}
