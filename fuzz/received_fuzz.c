/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Received fields. What others wrote gives slices of itself; what we write of a peer's words is one
 * field, in which our own words are found again where we put them.
 */
#include "field.h"
#include "message/received.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_read(struct bytes value)
{
    struct received_trace trace;
    if (received_parse(value, &trace, NULL) != OK)
        return;
    require(trace.from.len || trace.by.len);
    const struct bytes parts[] = {trace.from, trace.by,        trace.via,         trace.with,
                                  trace.id,   trace.recipient, trace.client_name, trace.date_text};
    for (size_t i = 0; i < countof(parts); i++)
        require(field_lies_within(parts[i], value));
    require(trace.has_date || trace.date.epoch == 0 || trace.date_text.len);
}

static void check_written(struct bytes text, unsigned flags)
{
    struct bytes parts[6] = {{NULL, 0}};
    for (size_t i = 0; i < countof(parts) && bytes_split(&text, 0, &parts[i]); i++)
        ;
    struct received received = {
        .helo = parts[0],
        .client_name = parts[1],
        .id = parts[2],
        .recipient = parts[3],
        .tls_version = parts[4],
        .tls_cipher = parts[5],
        .by = BYTES("mx.example.org"),
        .extended = flags & 1,
        .tls = flags & 2,
        .authenticated = flags & 4,
        .smtputf8 = flags & 8,
        .lmtp = flags & 16,
        .epoch = 880127706,
        .zone = -90,
    };
    struct received_trace trace;
    struct buf out;
    if (flags & 32)
        require(ip_parse(BYTES("192.0.2.1"), &received.client));
    buf_init(&out, 1 << 20);
    received_write(&out, &received);
    require(!out.failed);
    require(received_parse(field_check(buf_bytes(&out), "Received"), &trace, NULL) == OK);
    require(bytes_is(trace.by, "mx.example.org"));
    require(bytes_is(trace.with, received_protocol(&received)));
    require(trace.has_date && trace.date.epoch == received.epoch);
    if (flags & 32)
        require(ip_equal(&trace.client, &received.client));
    buf_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    check_read(bytes_from(data, size));
    if (size)
        check_written(bytes_from(data + 1, size - 1), data[0]);
    return 0;
}
