/* SPDX-License-Identifier: BSD-2-Clause */
#include "outbound/https.h"

#include "fiber/stream.h"
#include "os/socket.h"

#include <errno.h>
#include <string.h>

static enum result send_request(struct stream *stream, struct bytes name, const char *path,
                                int64_t deadline, struct error *error)
{
    struct buf request;
    buf_init(&request, 4096);
    /* "close" lets the end of the connection be the end of the answer. */
    buf_printf(&request,
               "GET %s HTTP/1.1\r\nHost: " BYTES_FMT "\r\nUser-Agent: vouch\r\n"
               "Accept: text/plain\r\nConnection: close\r\n\r\n",
               path, BYTES_ARG(name));
    int problem = stream_write(stream, buf_bytes(&request), deadline);
    buf_free(&request);
    if (!problem)
        problem = stream_flush(stream, deadline);
    return problem ? error_set(error, TEMP, "the connection broke: %s", strerror(-problem)) : OK;
}

static enum result receive(struct arena *arena, struct stream *stream, int64_t deadline,
                           struct https_response *out, struct error *error)
{
    struct buf answer;
    int problem;
    /* Chunks have heads of their own. */
    buf_init(&answer, HTTPS_HEAD_MAX + 2 * HTTPS_BODY_MAX);
    while (!answer.failed && (problem = stream_fill(stream, deadline)) == 0) {
        struct bytes some = stream_buffered(stream);
        buf_add(&answer, some);
        stream_consume(stream, some.len);
    }
    bool large = answer.failed;
    struct bytes text = arena_copy(arena, buf_bytes(&answer));
    buf_free(&answer);
    if (large)
        return error_set(error, PERM, "the answer is larger than 64 KB");
    if (!text.ptr)
        return error_set(error, TEMP, "out of memory");
    /* Some servers end without a word, or never; what came may be whole nevertheless. */
    enum result result = https_response_parse(arena, text, out, error);
    if (result == NONE)
        return error_set(error, TEMP,
                         problem == -ETIMEDOUT ? "the answer did not come in time"
                                               : "the answer is cut off");
    return result;
}

static enum result talk(struct arena *arena, struct transport *secure, struct bytes name,
                        const char *path, int64_t deadline, struct https_response *out,
                        struct error *error)
{
    struct stream *stream = stream_create(secure);
    if (!stream) {
        secure->operations->close(secure);
        return error_set(error, TEMP, "out of memory");
    }
    enum result result = send_request(stream, name, path, deadline, error);
    if (result == OK)
        result = receive(arena, stream, deadline, out, error);
    stream_close(stream);
    return result;
}

enum result https_get_with(struct tls_client *client, struct arena *arena, const struct ip *ip,
                           uint16_t port, struct bytes name, const char *path, int64_t deadline,
                           struct https_response *out, enum tls_failure *failure,
                           struct error *error)
{
    struct transport *plain, *secure;
    struct tls_info info;
    struct tls_peer peer = {.name = name, .verify = TLS_VERIFY_NAME};
    int problem = socket_connect(ip, port, NULL, deadline, &plain);
    if (failure)
        *failure = TLS_FAILURE_CONNECTION;
    if (problem)
        return error_set(error, TEMP, "no connection: %s", strerror(-problem));
    enum result result =
        tls_connect_to(client, plain, &peer, deadline, &secure, &info, failure, error);
    return result == OK ? talk(arena, secure, name, path, deadline, out, error) : result;
}

enum result https_get(struct arena *arena, const struct ip *ip, uint16_t port, struct bytes name,
                      const char *path, const char *ca_file, int64_t deadline,
                      struct https_response *out, struct error *error)
{
    struct tls_client *client = tls_client_create(ca_file, error);
    if (!client)
        return TEMP;
    enum result result =
        https_get_with(client, arena, ip, port, name, path, deadline, out, NULL, error);
    tls_client_destroy(client);
    return result;
}
