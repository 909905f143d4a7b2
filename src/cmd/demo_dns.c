/* SPDX-License-Identifier: BSD-2-Clause */
#include "cmd/demo_dns.h"

#include "base/cursor.h"
#include "dns/name.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { HEADER = 12, REPLY_MAX = 4096, CLASS_IN = 1, RCODE_SERVFAIL = 2, RCODE_NXDOMAIN = 3 };

/* Appends to a fixed reply; `full` is sticky. */
struct packet {
    uint8_t *octets;
    size_t length, size;
    bool full;
};

static void put(struct packet *packet, const void *octets, size_t count)
{
    if (packet->full || count > packet->size - packet->length) {
        packet->full = true;
        return;
    }
    memcpy(packet->octets + packet->length, octets, count);
    packet->length += count;
}

static void put_u16(struct packet *packet, unsigned value)
{
    put(packet, (uint8_t[]){(uint8_t)(value >> 8), (uint8_t)value}, 2);
}

static void put_name(struct packet *packet, struct bytes name)
{
    uint8_t wire[NAME_WIRE_MAX];
    put(packet, wire, name_to_wire(name, wire));
}

static void put_text(struct packet *packet, struct bytes text)
{
    do {
        struct bytes string = bytes_first(text, 255);
        put(packet, (uint8_t[]){(uint8_t)string.len}, 1);
        put(packet, string.ptr, string.len);
        text = bytes_skip(text, string.len);
    } while (text.len);
}

static void put_record(struct packet *packet, struct bytes owner, enum dns_type type,
                       const struct dns_record *record)
{
    put_name(packet, owner);
    put_u16(packet, type);
    put_u16(packet, CLASS_IN);
    put_u16(packet, 0);
    put_u16(packet, 60);
    size_t length_at = packet->length;
    put_u16(packet, 0);
    switch (type) {
    case DNS_A:
        put(packet, record->ip.octets, 4);
        break;
    case DNS_AAAA:
        put(packet, record->ip.octets, 16);
        break;
    case DNS_MX:
        put_u16(packet, record->preference);
        put_name(packet, record->name);
        break;
    case DNS_TXT:
        put_text(packet, record->text);
        break;
    case DNS_PTR:
    case DNS_NS:
        put_name(packet, record->name);
        break;
    default:
        put(packet, record->data.ptr, record->data.len);
    }
    if (!packet->full) {
        size_t length = packet->length - length_at - 2;
        packet->octets[length_at] = (uint8_t)(length >> 8);
        packet->octets[length_at + 1] = (uint8_t)length;
    }
}

size_t demo_dns_answer(struct dns *dns, struct bytes query, uint8_t *reply, size_t size)
{
    char name[NAME_TEXT_MAX];
    size_t length, position = HEADER;
    if (query.len < HEADER || query.ptr[2] & 0x80 || !name_from_wire(query, &position, name, &length))
        return 0;
    struct cursor cursor = {.input = query, .position = position};
    unsigned type = cursor_u16(&cursor), class = cursor_u16(&cursor);
    if (cursor.failed || class != CLASS_IN || size < cursor.position)
        return 0;
    struct arena *arena = arena_create(1 << 20);
    if (!arena)
        return 0;
    const struct dns_answer *answer =
        dns_query(dns, arena, bytes_from(name, length), (enum dns_type)type, INT64_MAX);
    unsigned rcode = answer->status == DNS_FAILED    ? RCODE_SERVFAIL
                     : answer->status == DNS_NO_NAME ? RCODE_NXDOMAIN
                                                     : 0;
    struct packet packet = {reply, 0, size, false};
    put(&packet, query.ptr, cursor.position);
    size_t whole = packet.length, count = 0;
    for (; count < answer->count && !packet.full; count++) {
        put_record(&packet, bytes_from(name, length), (enum dns_type)type, &answer->records[count]);
        if (!packet.full)
            whole = packet.length;
    }
    if (packet.full)
        count = 0, whole = cursor.position;
    reply[2] = (uint8_t)(0x84 | (query.ptr[2] & 1) | (packet.full ? 2 : 0));
    reply[3] = (uint8_t)(0x80 | rcode);
    static const uint8_t one[2] = {0, 1}, none[6] = {0};
    memcpy(reply + 4, one, 2);
    reply[6] = (uint8_t)(count >> 8);
    reply[7] = (uint8_t)count;
    memcpy(reply + 8, none, 4);
    arena_destroy(arena);
    return whole;
}

int demo_dns_bind(uint16_t port)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons(port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    if (bind(fd, (struct sockaddr *)&address, sizeof(address)) != 0) {
        int error = errno;
        close(fd);
        return -error;
    }
    return fd;
}

void demo_dns_serve(int fd, struct zone *zone)
{
    uint8_t query[REPLY_MAX], reply[REPLY_MAX];
    for (;;) {
        struct sockaddr_in peer;
        socklen_t peer_length = sizeof(peer);
        ssize_t count =
            recvfrom(fd, query, sizeof(query), 0, (struct sockaddr *)&peer, &peer_length);
        if (count < 0 && errno != EINTR)
            _exit(1);
        if (count <= 0)
            continue;
        /* EDNS of the query allows as much as our resolver asks for (1232 octets). */
        size_t length =
            demo_dns_answer(zone_dns(zone), bytes_from(query, (size_t)count), reply, 1232);
        if (length)
            sendto(fd, reply, length, 0, (struct sockaddr *)&peer, peer_length);
    }
}
