/* SPDX-License-Identifier: BSD-2-Clause */
#include "smtp/server.h"

#include "smtp/proxy.h"
#include "smtp/session.h"

#include <errno.h>
#include <stdio.h>

/* A balancer sends its header at once. */
#define PROXY_TIMEOUT (10 * SECOND)
/* A client that does not take its last reply is not waited for. */
#define FAREWELL_TIMEOUT (1 * SECOND)

struct smtp_session_options *smtp_session_options(struct smtp_session *session)
{
    return &((struct session *)session)->options;
}

/*
 * Straight from the transport and not an octet more than the header: what follows may be the first
 * TLS record, which is not the stream's.
 */
static bool read_proxy_octets(struct session *s, struct buf *header, struct smtp_proxy *proxy)
{
    struct transport *transport = stream_transport(s->public.stream);
    int64_t deadline = session_deadline(s, PROXY_TIMEOUT);
    for (;;) {
        size_t wanted = smtp_proxy_wanted(buf_bytes(header));
        uint8_t *to = buf_reserve(header, wanted);
        ssize_t count = to ? transport->operations->read(transport, to, wanted, deadline) : -1;
        if (count <= 0)
            return false;
        header->len += (size_t)count;
        enum smtp_proxy_result result = smtp_proxy_parse(buf_bytes(header), proxy);
        if (result != SMTP_PROXY_MORE)
            return result == SMTP_PROXY_OK;
    }
}

SMTP_NOINLINE static bool read_proxy_header(struct session *s)
{
    struct smtp_proxy proxy;
    struct buf header;
    buf_init(&header, SMTP_PROXY_MAX);
    bool good = read_proxy_octets(s, &header, &proxy);
    buf_free(&header);
    if (!good || proxy.local)
        return good;
    s->public.proxy = s->public.client;
    s->public.client = proxy.source;
    s->public.client_port = proxy.source_port;
    s->public.local = proxy.destination;
    s->public.local_port = proxy.destination_port;
    return true;
}

static bool keep_tls_info(struct session *s, const struct tls_info *info)
{
    struct arena *arena = s->public.arena;
    s->public.tls = true;
    s->public.tls_client_verified = info->peer_verified;
    s->public.tls_version = arena_copy(arena, bytes_of(info->version));
    s->public.tls_cipher = arena_copy(arena, bytes_of(info->cipher));
    s->public.tls_server_name = arena_copy(arena, bytes_of(info->server_name));
    return s->public.tls_server_name.ptr != NULL;
}

SMTP_NOINLINE bool session_start_tls(struct session *s)
{
    struct tls_info info;
    struct error error;
    struct stream *stream = s->public.stream;
    struct transport *plain = stream_transport(stream), *encrypted;
    /* tls_accept() owns the plain transport from here on; without one the stream only fails. */
    stream_replace_transport(stream, NULL);
    int64_t deadline = session_deadline(s, s->server->limits.command_timeout);
    if (tls_accept(s->server->tls, plain, deadline, &encrypted, &info, &error) != OK) {
        const char *why = arena_string(s->public.arena, bytes_of(error.text));
        session_close(s, why ? why : "TLS handshake failed");
        return false;
    }
    stream_replace_transport(stream, encrypted);
    if (!keep_tls_info(s, &info))
        session_abort(s, "4.3.1", "Out of memory for this session", "session memory limit");
    return !s->why;
}

/* Before the first octet of SMTP. False with the reason in s->why. */
static bool open_session(struct session *s)
{
    if (s->server->proxy_protocol && !read_proxy_header(s)) {
        session_close(s, "no PROXY header");
        return false;
    }
    return !s->server->implicit_tls || session_start_tls(s);
}

static struct session *create_session(const struct smtp_server *server, struct stream *stream)
{
    struct arena *arena = arena_create(server->limits.memory_per_session);
    struct session *s = arena ? arena_new(arena, struct session) : NULL;
    struct arena *scratch = s ? arena_create_child(arena, server->limits.memory_per_session) : NULL;
    if (!scratch) {
        arena_destroy(arena);
        return NULL;
    }
    s->server = server;
    s->scratch = scratch;
    s->public.arena = arena;
    s->public.stream = stream;
    s->public.started_at = loop_now();
    s->public.submission = server->submission;
    s->public.owner = server->owner;
    s->deadline = loop_deadline(server->limits.session_timeout);
    s->options = (struct smtp_session_options){
        .offer_dsn = server->offer_dsn,
        .offer_submitter = server->offer_submitter,
        .auth_mechanisms = server->auth_mechanisms,
        .auth_without_tls = server->auth_without_tls,
        .require_auth = server->require_auth,
        .offer_requiretls = server->offer_requiretls,
        .lenient = server->lenient,
        .bare_line_ends = server->bare_line_ends,
        .greeting_delay = server->limits.greeting_delay,
        .message_size = server->limits.message_size,
    };
    return s;
}

void smtp_serve(const struct smtp_server *server, struct stream *stream, struct ip client,
                uint16_t client_port, struct ip local, uint16_t local_port)
{
    struct session *s = create_session(server, stream);
    if (!s) {
        stream_close(stream);
        return;
    }
    s->public.client = client;
    s->public.client_port = client_port;
    s->public.local = local;
    s->public.local_port = local_port;
    if (open_session(s))
        session_run(s);
    fiber_shield(); /* the last reply goes out even if this fiber was cancelled */
    stream_flush(stream, loop_deadline(FAREWELL_TIMEOUT));
    fiber_unshield();
    if (server->handler.closed)
        server->handler.closed(server->handler.context, &s->public, s->why);
    stream_close(stream);
    arena_destroy(s->public.arena);
}
