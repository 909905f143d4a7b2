/* SPDX-License-Identifier: BSD-2-Clause */
#include "os/socket.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { ACCEPT_TRIES = 16 };
static const int64_t unix_backlog_pause = 10 * MILLISECOND;

union address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    struct sockaddr_un local;
    struct sockaddr_storage storage;
};

/* 0 for a struct ip that holds no address. */
static socklen_t address_from(const struct ip *ip, uint16_t port, union address *out)
{
    memset(out, 0, sizeof(*out));
    if (ip->family == 4) {
        out->v4.sin_family = AF_INET;
        out->v4.sin_port = htons(port);
        memcpy(&out->v4.sin_addr, ip->octets, 4);
        return sizeof(out->v4);
    }
    if (ip->family == 6) {
        out->v6.sin6_family = AF_INET6;
        out->v6.sin6_port = htons(port);
        memcpy(&out->v6.sin6_addr, ip->octets, 16);
        return sizeof(out->v6);
    }
    return 0;
}

/* Family 0 and port 0 for what is not IP (a Unix socket). */
static void address_to(const union address *address, struct ip *ip, uint16_t *port)
{
    *ip = (struct ip){0};
    *port = 0;
    if (address->any.sa_family == AF_INET) {
        *ip = ip_from_v4((const uint8_t *)&address->v4.sin_addr);
        *port = ntohs(address->v4.sin_port);
    } else if (address->any.sa_family == AF_INET6) {
        *ip = ip_from_v6((const uint8_t *)&address->v6.sin6_addr);
        *port = ntohs(address->v6.sin6_port);
    }
}

static bool set_on(int fd, int level, int option)
{
    const int on = 1;
    return !setsockopt(fd, level, option, &on, sizeof(on));
}

static int open_tcp(const union address *address)
{
    int fd = socket(address->any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    return fd < 0 ? -errno : fd;
}

static int close_with(int fd, int error)
{
    close(fd);
    return error;
}

int socket_listen(const struct ip *ip, uint16_t port, int backlog)
{
    union address address;
    socklen_t size = address_from(ip, port, &address);
    if (!size)
        return -EAFNOSUPPORT;
    int fd = open_tcp(&address);
    if (fd < 0)
        return fd;
    if (!set_on(fd, SOL_SOCKET, SO_REUSEADDR) ||
        (ip->family == 6 && !set_on(fd, IPPROTO_IPV6, IPV6_V6ONLY)) ||
        bind(fd, &address.any, size) || listen(fd, backlog))
        return close_with(fd, -errno);
    return fd;
}

/* What accept(2) says of a connection that died in the queue: not of the listener. */
static bool concerns_connection(int error)
{
    switch (error) {
    case EINTR:
    case ECONNABORTED:
    case ENETDOWN:
    case EPROTO:
    case ENOPROTOOPT:
    case EHOSTDOWN:
    case ENONET:
    case EHOSTUNREACH:
    case ENETUNREACH:
        return true;
    default:
        return false;
    }
}

int socket_accept(int listener, struct ip *client, uint16_t *client_port)
{
    union address address = {0};
    int fd = -1;
    for (int tries = 0; fd < 0 && tries < ACCEPT_TRIES; tries++) {
        socklen_t size = sizeof(address);
        fd = accept4(listener, &address.any, &size, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd < 0 && !concerns_connection(errno))
            return -errno;
    }
    if (fd < 0)
        return -EAGAIN;
    address_to(&address, client, client_port);
    (void)set_on(fd, IPPROTO_TCP, TCP_NODELAY); /* fails on a Unix socket, which has no delay */
    return fd;
}

int socket_local(int fd, struct ip *ip, uint16_t *port)
{
    union address address = {0};
    socklen_t size = sizeof(address);
    if (getsockname(fd, &address.any, &size))
        return -errno;
    address_to(&address, ip, port);
    return 0;
}

static int bind_source(int fd, const struct ip *from)
{
    union address address;
    socklen_t size = address_from(from, 0, &address);
    /* The port is chosen at connect(), so that one source can have more than 28,000 of them. */
    (void)set_on(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT);
    return bind(fd, &address.any, size) ? -errno : 0;
}

/* Waits until a connect() under way has come to its end. */
static int wait_connected(struct descriptor *descriptor, int64_t deadline)
{
    for (;;) {
        int error = descriptor_wait_writable(descriptor, deadline);
        if (error)
            return -error;
        socklen_t size = sizeof(error);
        if (getsockopt(descriptor_fd(descriptor), SOL_SOCKET, SO_ERROR, &error, &size))
            return -errno;
        if (error)
            return -error;
        union address peer;
        size = sizeof(peer);
        if (!getpeername(descriptor_fd(descriptor), &peer.any, &size))
            return 0;
        if (errno != ENOTCONN)
            return -errno;
    }
}

/* Takes over `fd`, on which connect() has said `started`: 0 or -EINPROGRESS. Registered only now:
 * before connect() epoll calls a socket hung up. */
static int finish(int fd, int started, int64_t deadline, struct transport **out)
{
    struct descriptor *descriptor = descriptor_open(fd);
    if (!descriptor)
        return close_with(fd, -errno);
    int error = started ? wait_connected(descriptor, deadline) : 0;
    struct transport *transport = error ? NULL : transport_over(descriptor);
    if (!transport) {
        descriptor_close(descriptor);
        return error ? error : -ENOMEM;
    }
    *out = transport;
    return 0;
}

int socket_connect(const struct ip *ip, uint16_t port, const struct ip *from, int64_t deadline,
                   struct transport **out)
{
    union address address;
    socklen_t size = address_from(ip, port, &address);
    if (!size || (from && from->family != ip->family))
        return -EAFNOSUPPORT;
    int fd = open_tcp(&address);
    if (fd < 0)
        return fd;
    (void)set_on(fd, IPPROTO_TCP, TCP_NODELAY);
    int error = from ? bind_source(fd, from) : 0;
    if (!error && connect(fd, &address.any, size))
        error = errno == EINTR ? -EINPROGRESS : -errno;
    if (error && error != -EINPROGRESS)
        return close_with(fd, error);
    return finish(fd, error, deadline, out);
}

static socklen_t local_address(const char *path, union address *out)
{
    size_t length = strlen(path);
    memset(out, 0, sizeof(*out));
    if (!length || length >= sizeof(out->local.sun_path))
        return 0;
    out->local.sun_family = AF_UNIX;
    memcpy(out->local.sun_path, path, length);
    /* '@' stands for the NUL that begins an abstract name. */
    if (path[0] == '@')
        out->local.sun_path[0] = 0;
    return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length + (path[0] != '@'));
}

int socket_connect_unix(const char *path, int64_t deadline, struct transport **out)
{
    union address address;
    socklen_t size = local_address(path, &address);
    if (!size)
        return -ENAMETOOLONG;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -errno;
    /* A Unix socket connects at once or, while the server's queue is full, not at all; nothing
     * tells when there is room. */
    while (connect(fd, &address.any, size)) {
        if (errno == EINTR)
            continue;
        if (errno != EAGAIN)
            return close_with(fd, -errno);
        if (loop_now() >= deadline)
            return close_with(fd, -ETIMEDOUT);
        int64_t again = loop_deadline(unix_backlog_pause);
        int error = fiber_sleep_until(again < deadline ? again : deadline);
        if (error)
            return close_with(fd, -error);
    }
    return finish(fd, 0, deadline, out);
}

static bool parse_port(struct bytes text, uint16_t *port)
{
    uint64_t number;
    if (!bytes_to_uint(text, UINT16_MAX, &number) || !number)
        return false;
    *port = (uint16_t)number;
    return true;
}

static bool parse_bracketed(struct bytes text, uint16_t default_port, struct ip *ip, uint16_t *port)
{
    size_t end = bytes_find_byte(text, ']');
    if (end == BYTES_NOT_FOUND || !ip_parse_v6(bytes_slice(text, 1, end), ip))
        return false;
    struct bytes rest = bytes_skip(text, end + 1);
    if (rest.len)
        return rest.ptr[0] == ':' && parse_port(bytes_skip(rest, 1), port);
    *port = default_port;
    return default_port != 0;
}

bool socket_parse_address(struct bytes text, uint16_t default_port, struct ip *ip, uint16_t *port)
{
    struct ip parsed;
    uint16_t number;
    size_t colon = bytes_find_byte(text, ':');
    bool valid;
    if (text.len && text.ptr[0] == '[') {
        valid = parse_bracketed(text, default_port, &parsed, &number);
    } else if (colon != BYTES_NOT_FOUND && ip_parse_v4(bytes_first(text, colon), &parsed)) {
        valid = parse_port(bytes_skip(text, colon + 1), &number);
    } else {
        number = default_port;
        valid = default_port && ip_parse(text, &parsed);
    }
    if (!valid)
        return false;
    *ip = parsed;
    *port = number;
    return true;
}
