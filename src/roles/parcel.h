/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * parcel: a payload that may be larger than a frame. Up to IPC_PAYLOAD_MAX it travels in the frame, beyond
 * that in a memfd as the message's last descriptor; a thousand recipients make such a one.
 */
#ifndef VOUCH_ROLES_PARCEL_H
#define VOUCH_ROLES_PARCEL_H

#include "os/ipc.h"

enum { PARCEL_MAX = 3 << 20, PARCEL_SLOT = IPC_DESCRIPTORS_MAX - 1 };

/* Puts `payload` into the message; it must outlive the message. False: out of memory. */
bool parcel_pack(struct ipc_message *message, struct bytes payload) must_check;
/* Closes what parcel_pack() opened. */
void parcel_release(struct ipc_message *message);
/* The payload of a hostile peer's message, copied into the arena if it came in a memfd. False if it is
 * longer than PARCEL_MAX, is no file, or memory is out. Does not wait. */
bool parcel_unpack(const struct ipc_message *message, struct arena *arena,
                   struct bytes *payload) must_check;
/* The octets that parcel_unpack() will take from the arena. */
size_t parcel_size(const struct ipc_message *message);

#endif
