/* SPDX-License-Identifier: BSD-2-Clause */
/* The sandbox's rules, as Landlock has them. */
#include "os/landlock.h"
#include "os/sandbox_private.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

static const uint64_t READING = LANDLOCK_READ_FILE | LANDLOCK_READ_DIR;
/* No devices, sockets, pipes or links. LANDLOCK_REFER is renaming between folders: tmp/ to new/. */
static const uint64_t WRITING = LANDLOCK_READ_FILE | LANDLOCK_READ_DIR | LANDLOCK_WRITE_FILE |
                                LANDLOCK_REMOVE_DIR | LANDLOCK_REMOVE_FILE | LANDLOCK_MAKE_DIR |
                                LANDLOCK_MAKE_REG | LANDLOCK_REFER | LANDLOCK_TRUNCATE;

static uint64_t net_of(const struct sandbox *sandbox)
{
    uint64_t net = 0;
    if (!sandbox->may_listen)
        net |= LANDLOCK_BIND_TCP;
    if (!sandbox->may_connect_network || sandbox->connect_ports)
        net |= LANDLOCK_CONNECT_TCP;
    return net;
}

static bool wants_writing(const struct sandbox *sandbox)
{
    for (size_t i = 0; i < sandbox->path_count; i++)
        if (sandbox->paths[i].write)
            return true;
    return false;
}

static struct landlock_ruleset handled(const struct sandbox *sandbox, int abi, struct sandbox_report *report)
{
    struct landlock_ruleset ruleset = {.files = landlock_files_of_abi(abi)};
    if (abi < 2 && sandbox->files == SANDBOX_FILES && wants_writing(sandbox)) {
        /* The first ABI refuses every rename between folders, and a Maildir lives by them. */
        ruleset.files = 0;
        sandbox_missing(report, "Landlock for files (its ABI 1 cannot rename between folders)");
    }
    if (abi >= 4)
        ruleset.net = net_of(sandbox);
    else
        sandbox_missing(report, "Landlock for TCP (ABI %d)", abi);
    if (abi >= 6)
        ruleset.scoped = LANDLOCK_ABSTRACT_UNIX_SOCKET | LANDLOCK_SIGNAL;
    else
        sandbox_missing(report, "Landlock for signals (ABI %d)", abi);
    return ruleset;
}

static enum result add_paths(int ruleset, const struct sandbox *sandbox, uint64_t handled_files,
                             struct error *error)
{
    if (sandbox->files != SANDBOX_FILES || !handled_files)
        return OK;
    for (size_t i = 0; i < sandbox->path_count; i++) {
        uint64_t allowed = sandbox->paths[i].write ? WRITING : READING;
        int failed = landlock_add_path(ruleset, sandbox->paths[i].path, allowed & handled_files);
        if (failed)
            return error_set(error, PERM, "%s: sandbox: %s: %s", sandbox->role,
                             sandbox->paths[i].path, strerror(-failed));
    }
    return OK;
}

static enum result add_ports(int ruleset, const struct sandbox *sandbox, uint64_t handled_net,
                             struct error *error)
{
    int failed = 0;
    if ((handled_net & LANDLOCK_BIND_TCP) && sandbox->may_bind_source)
        failed = landlock_add_port(ruleset, LANDLOCK_BIND_TCP, 0); /* 0: a port of the kernel's choice */
    if ((handled_net & LANDLOCK_CONNECT_TCP) && sandbox->may_connect_network)
        for (size_t i = 0; i < sandbox->connect_port_count && !failed; i++)
            failed = landlock_add_port(ruleset, LANDLOCK_CONNECT_TCP, sandbox->connect_ports[i]);
    /* EAFNOSUPPORT: a kernel without IP, where there is nothing to allow. */
    if (failed && failed != -EAFNOSUPPORT)
        return error_set(error, PERM, "%s: sandbox: Landlock port: %s", sandbox->role,
                         strerror(-failed));
    return OK;
}

enum result sandbox_landlock_prepare(const struct sandbox *sandbox, int *fd,
                                     struct sandbox_report *report, struct error *error)
{
    *fd = -1;
    int abi = landlock_abi();
    if (!abi) {
        sandbox_missing(report, "Landlock");
        return OK;
    }
    struct landlock_ruleset ruleset = handled(sandbox, abi, report);
    int created = landlock_create(&ruleset, abi);
    if (created < 0) {
        sandbox_missing(report, "Landlock (%s)", strerror(-created));
        return OK;
    }
    enum result result = add_paths(created, sandbox, ruleset.files, error);
    if (result == OK)
        result = add_ports(created, sandbox, ruleset.net, error);
    if (result != OK) {
        close(created);
        return result;
    }
    report->landlock_abi = abi;
    *fd = created;
    return OK;
}
