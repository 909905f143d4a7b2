/* SPDX-License-Identifier: BSD-2-Clause */
/* What the store has the courier send. */
#include "roles/store_queue_private.h"

#include "base/log.h"
#include "roles/memfd.h"
#include "roles/store_policies.h"
#include "roles/store_tls_report.h"

#include <unistd.h>

static size_t octets_of(const struct send_request *request)
{
    size_t octets = 256 + request->content.len + request->sender.len + request->envelope_id.len +
                    request->submitter.len + request->domain.len + request->policy.id.len +
                    request->policy.text.len;
    for (size_t i = 0; i < request->recipient_count; i++)
        octets += request->recipients[i].address.len + request->recipients[i].original.len + 9;
    return octets;
}

static enum result call(struct store *store, struct arena *arena, const struct send_request *request,
                        int content_fd, struct send_answer *answer, int64_t deadline, bool *sent,
                        struct error *error)
{
    struct buf payload;
    struct ipc_message reply;
    struct ipc_channel *courier = store_courier(store, deadline);
    if (!courier)
        return error_set(error, TEMP, "the courier does not answer");
    buf_init(&payload, IPC_PAYLOAD_MAX);
    send_request_write(&payload, request, content_fd >= 0);
    struct ipc_message message = {COURIER_SEND, buf_bytes(&payload), {content_fd, -1, -1, -1}};
    enum result result;
    if (payload.failed) {
        result = error_set(error, TEMP, "too many recipients for one attempt");
    } else {
        *sent = true;
        result = role_call(courier, arena, &message, &reply, deadline, error);
        if (result == OK && !send_answer_read(reply.payload, arena, request->recipient_count, answer))
            result = error_set(error, TEMP, "the courier gives no answer that can be read");
    }
    buf_free(&payload);
    return result == OK ? OK : TEMP;
}

enum result store_queue_send(void *context, struct arena *arena, const struct send_request *request,
                             int content_fd, struct send_answer *answer, int64_t deadline, bool *sent,
                             struct error *error)
{
    struct store *store = context;
    struct send_request with_policy = *request;
    int fd = content_fd;
    *sent = false;
    with_policy.policy = store_policy_find(store, arena, request->domain);
    if (fd < 0 && request->content.ptr && octets_of(&with_policy) > PROTOCOL_INLINE_MAX) {
        fd = memfd_of(request->content);
        if (fd < 0)
            return error_set(error, TEMP, "out of memory");
    }
    enum result result = call(store, arena, &with_policy, fd, answer, deadline, sent, error);
    if (result == OK)
        store_policy_keep(store, request->domain, &answer->policy);
    if (fd >= 0 && fd != content_fd)
        close(fd);
    return result;
}

enum result store_send_now(struct store *store, struct arena *arena, const struct send_request *request,
                           struct send_answer *answer, int64_t deadline, struct error *error)
{
    bool sent;
    struct store_queue *queue = store->queue;
    enum result result =
        queue ? queue->send(queue->send_context, arena, request, -1, answer, deadline, &sent, error)
              : store_queue_send(store, arena, request, -1, answer, deadline, &sent, error);
    if (result == OK)
        store_tls_count(store, answer->events, answer->event_count);
    return result;
}
