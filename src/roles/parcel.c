/* SPDX-License-Identifier: BSD-2-Clause */
#include "roles/parcel.h"

#include "os/files.h"
#include "roles/memfd.h"

#include <sys/stat.h>
#include <unistd.h>

bool parcel_pack(struct ipc_message *message, struct bytes payload)
{
    message->payload = payload;
    message->descriptors[PARCEL_SLOT] = -1;
    if (payload.len <= IPC_PAYLOAD_MAX)
        return true;
    int fd = payload.len <= PARCEL_MAX ? memfd_of(payload) : -1;
    message->payload = BYTES("");
    message->descriptors[PARCEL_SLOT] = fd;
    return fd >= 0;
}

void parcel_release(struct ipc_message *message)
{
    if (message->descriptors[PARCEL_SLOT] >= 0)
        close(message->descriptors[PARCEL_SLOT]);
    message->descriptors[PARCEL_SLOT] = -1;
}

size_t parcel_size(const struct ipc_message *message)
{
    struct stat status;
    int fd = message->descriptors[PARCEL_SLOT];
    if (fd < 0 || fstat(fd, &status) != 0 || status.st_size < 0 || status.st_size > PARCEL_MAX)
        return 0;
    return (size_t)status.st_size;
}

bool parcel_unpack(const struct ipc_message *message, struct arena *arena, struct bytes *payload)
{
    struct error error;
    *payload = message->payload;
    if (message->descriptors[PARCEL_SLOT] < 0)
        return true;
    return message->payload.len == 0 &&
           files_read_descriptor(arena, message->descriptors[PARCEL_SLOT], PARCEL_MAX, payload,
                                 &error) == OK;
}
