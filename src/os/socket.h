/* SPDX-License-Identifier: BSD-2-Clause */
/* socket: addresses of sockets as struct ip and port; listening and connecting. */
#ifndef VOUCH_OS_SOCKET_H
#define VOUCH_OS_SOCKET_H

#include "base/ip.h"
#include "fiber/stream.h"

/* A bound, listening, close-on-exec, non-blocking TCP socket, or -errno. IPv6 sockets are v6-only. */
int socket_listen(const struct ip *ip, uint16_t port, int backlog);
/* One connection, or -errno (-EAGAIN when none waits). Close-on-exec, non-blocking, TCP_NODELAY. */
int socket_accept(int listener, struct ip *client, uint16_t *client_port);
/* The own end. 0 or -errno. */
int socket_local(int fd, struct ip *ip, uint16_t *port);

/* Connects (waits as a fiber). *out is a plain transport. 0 or -errno. `from` may be NULL. */
int socket_connect(const struct ip *ip, uint16_t port, const struct ip *from, int64_t deadline,
                   struct transport **out);
int socket_connect_unix(const char *path, int64_t deadline, struct transport **out);

/* "192.0.2.1:25", "[2001:db8::1]:25", "localhost:53" is not taken: addresses only. `default_port` when
 * none is given (0: required). */
bool socket_parse_address(struct bytes text, uint16_t default_port, struct ip *ip, uint16_t *port);

#endif
