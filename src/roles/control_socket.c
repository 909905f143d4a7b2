/* SPDX-License-Identifier: BSD-2-Clause */
/* The socket file of the master, and the asking side for commands: plain blocking calls, no loop. */
#include "roles/control.h"

#include "os/files.h"
#include "os/ipc_packet.h"
#include "roles/memfd.h"

#include <errno.h>
#include <grp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum { BACKLOG = 16, PATIENCE_SECONDS = 600, CONTENT_MAX = 256 << 20 };

static bool socket_address(const struct config *config, const char *suffix, struct sockaddr_un *out)
{
    memset(out, 0, sizeof(*out));
    out->sun_family = AF_UNIX;
    int length = snprintf(out->sun_path, sizeof(out->sun_path), "%s/control%s", config->run_directory,
                          suffix);
    return length > 0 && (size_t)length < sizeof(out->sun_path);
}

static int failed(int fd, struct error *error, const char *what, const char *path)
{
    (void)error_set(error, PERM, "cannot %s %s: %s", what, path, strerror(errno));
    if (fd >= 0)
        close(fd);
    return -1;
}

/* Its members may train. */
static bool give_to_group(const struct config *config, const char *path, struct error *error)
{
    if (!config->control_group[0])
        return true;
    const struct group *group = getgrnam(config->control_group);
    if (!group)
        return error_set(error, PERM, "control-group: there is no group %s", config->control_group) == OK;
    if (chown(path, (uid_t)-1, group->gr_gid) != 0 || chmod(path, 0660) != 0)
        return error_set(error, PERM, "control-group: cannot give %s to %s: %s", path, config->control_group,
                         strerror(errno)) == OK;
    return true;
}

/* Bound under another name first: what connects under the right one meets a socket that listens, and
 * nobody but us had a moment to. */
int control_listen(const struct config *config, struct error *error)
{
    struct sockaddr_un temporary, final;
    struct stat status;
    if (!socket_address(config, ".new", &temporary) || !socket_address(config, "", &final)) {
        (void)error_set(error, PERM, "run-directory: the path is too long for a socket in it");
        return -1;
    }
    int code = files_make_directories(config->run_directory, 0755);
    if (code) {
        errno = -code;
        return failed(-1, error, "make", config->run_directory);
    }
    if (lstat(final.sun_path, &status) == 0 && !S_ISSOCK(status.st_mode)) {
        errno = EEXIST;
        return failed(-1, error, "make the socket", final.sun_path);
    }
    unlink(temporary.sun_path);
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    mode_t mask = umask(0177);
    int bound = fd < 0 ? -1 : bind(fd, (struct sockaddr *)&temporary, sizeof(temporary));
    umask(mask);
    if (bound != 0 || listen(fd, BACKLOG) != 0)
        return failed(fd, error, "listen on", temporary.sun_path);
    if (!give_to_group(config, temporary.sun_path, error)) {
        close(fd);
        unlink(temporary.sun_path);
        return -1;
    }
    if (rename(temporary.sun_path, final.sun_path) != 0) {
        fd = failed(fd, error, "make the socket", final.sun_path);
        unlink(temporary.sun_path);
    }
    return fd;
}

void control_unlink(const struct config *config)
{
    struct sockaddr_un address;
    if (socket_address(config, "", &address))
        unlink(address.sun_path);
}

/* The asking side */

static enum result connect_control(const struct config *config, int *out, struct error *error)
{
    struct sockaddr_un address;
    struct ucred peer;
    socklen_t size = sizeof(peer);
    if (!socket_address(config, "", &address))
        return error_set(error, PERM, "run-directory: the path is too long for a socket in it");
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return error_set(error, TEMP, "no socket: %s", strerror(errno));
    if (connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0) {
        int code = errno;
        close(fd);
        if (code == EACCES || code == EPERM)
            return error_set(error, PERM, "%s: only the account that started the gateway (root, mostly) may ask it",
                             address.sun_path);
        if (code == ENOENT || code == ECONNREFUSED)
            return error_set(error, NONE, "vouch serve is not running with this configuration (%s)",
                             address.sun_path);
        return error_set(error, TEMP, "%s: %s", address.sun_path, strerror(code));
    }
    /* The gateway's account is root's or, where it runs without privileges, ours. */
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0 ||
        (peer.uid != 0 && peer.uid != geteuid())) {
        close(fd);
        return error_set(error, PERM, "%s is not the gateway's", address.sun_path);
    }
    *out = fd;
    return OK;
}

static enum result await_socket(int fd, short events, time_t until, struct error *error)
{
    struct pollfd waiting = {.fd = fd, .events = events};
    for (;;) {
        time_t left = until - time(NULL);
        int ready = poll(&waiting, 1, left > 0 ? (int)left * 1000 : 0);
        if (ready > 0)
            return OK;
        if (ready == 0)
            return error_set(error, TEMP, "the gateway does not answer");
        if (errno != EINTR)
            return error_set(error, TEMP, "%s", strerror(errno));
    }
}

static enum result send_command(int fd, const struct control_command *command, time_t until,
                                struct error *error)
{
    struct buf payload;
    uint8_t header[IPC_FRAME_HEADER];
    int content = command->content.ptr ? memfd_of_sealed(command->content) : -1;
    if (command->content.ptr && content < 0)
        return error_set(error, TEMP, "no memory for the message");
    buf_init(&payload, IPC_PAYLOAD_MAX);
    control_command_write(&payload, command);
    if (payload.failed) {
        buf_free(&payload);
        if (content >= 0)
            close(content);
        return error_set(error, PERM, "too much is asked for at once");
    }
    struct ipc_frame frame = {.type = CONTROL_COMMAND, .id = 1, .payload = buf_bytes(&payload),
                              .descriptors = content >= 0};
    ipc_frame_header(&frame, header);
    enum result result = OK;
    int code;
    while ((code = ipc_packet_send(fd, header, frame.payload, &content, content >= 0)) == -EAGAIN && result == OK)
        result = await_socket(fd, POLLOUT, until, error);
    buf_free(&payload);
    if (content >= 0)
        close(content);
    if (result == OK && code)
        return error_set(error, TEMP, "the gateway does not listen: %s", strerror(-code));
    return result;
}

/* The payload stands in the frame or in descriptor 0, the content in descriptor 1. */
static enum result read_answer(const struct ipc_frame *frame, const struct ipc_packet *packet,
                               struct arena *arena, struct control_answer *answer, struct error *error)
{
    struct bytes payload = frame->payload, content = {NULL, 0};
    size_t used = 0;
    enum result result = OK;
    if (frame->descriptors & 1)
        result = files_read_descriptor(arena, packet->descriptors[used++], CONTROL_ANSWER_MAX, &payload,
                                       error);
    if (result == OK && frame->descriptors & 2)
        result = files_read_descriptor(arena, packet->descriptors[used++], CONTENT_MAX, &content, error);
    if (result != OK)
        return result;
    if (!(frame->descriptors & 1))
        payload = arena_copy(arena, payload);
    if (!payload.ptr)
        return error_set(error, TEMP, "out of memory");
    if (!control_answer_read(payload, arena, answer))
        return error_set(error, TEMP, "the gateway's answer cannot be read: is it another version?");
    answer->content = content;
    return OK;
}

/* The next frame, which is a page or the reply: *frame points into the buffer. */
static enum result receive_frame(int fd, uint8_t *buffer, struct ipc_packet *packet,
                                 struct ipc_frame *frame, struct error *error)
{
    const char *complaint;
    time_t until = time(NULL) + PATIENCE_SECONDS;
    int code;
    while ((code = ipc_packet_receive(fd, buffer, IPC_FRAME_MAX, packet)) == -EAGAIN) {
        enum result result = await_socket(fd, POLLIN, until, error);
        if (result != OK)
            return result;
    }
    if (code < 0)
        return error_set(error, TEMP, "the gateway does not answer: %s", strerror(-code));
    /* Closed without a word: it has seen who we are. */
    if (code == 0)
        return error_set(error, PERM, "the gateway closed the connection: "
                                      "only root and the account that started it may ask");
    if (ipc_frame_parse(packet->octets, packet->count, frame, &complaint))
        return OK;
    ipc_packet_close_descriptors(packet->descriptors, packet->count);
    return error_set(error, TEMP, "the gateway's answer is not readable: %s", complaint);
}

/* NONE: the page was given, more is to come. */
static enum result receive_answer(int fd, uint8_t *buffer, struct arena *arena, control_page *page,
                                  void *context, struct control_answer *answer, struct error *error)
{
    struct ipc_packet packet;
    struct ipc_frame frame;
    enum result result = receive_frame(fd, buffer, &packet, &frame, error);
    if (result != OK)
        return result;
    bool is_page = frame.flags == 0 && frame.id == 0;
    struct arena_mark mark = arena_mark(arena);
    if (!is_page && (frame.flags != IPC_FRAME_REPLY || frame.id != 1))
        result = error_set(error, TEMP, "the gateway is too busy, or does not know this command");
    else
        result = read_answer(&frame, &packet, arena, answer, error);
    ipc_packet_close_descriptors(packet.descriptors, packet.count);
    if (result != OK || !is_page)
        return result;
    bool go_on = !page || page(context, answer);
    arena_rewind(arena, mark);
    *answer = (struct control_answer){.result = OK};
    return go_on ? NONE : OK;
}

enum result control_call(const struct config *config, struct arena *arena,
                         const struct control_command *command, control_page *page, void *context,
                         struct control_answer *answer, struct error *error)
{
    int fd = -1;
    enum result result = connect_control(config, &fd, error);
    if (result != OK)
        return result;
    uint8_t *buffer = malloc(IPC_FRAME_MAX);
    result = buffer ? send_command(fd, command, time(NULL) + PATIENCE_SECONDS, error)
                    : error_set(error, TEMP, "out of memory");
    if (result == OK)
        do
            result = receive_answer(fd, buffer, arena, page, context, answer, error);
        while (result == NONE);
    free(buffer);
    close(fd);
    return result;
}
