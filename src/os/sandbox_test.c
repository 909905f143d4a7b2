/* SPDX-License-Identifier: BSD-2-Clause */
/* Unit tests of sandbox: what a role without files and one with the network may do. */
#include "os/sandbox_fixture.h"

static void every_role_can_work(void **state)
{
    (void)state;
    assert_works(base_sandbox(false), "everyday work", everyday_work);
}

static int abort_itself(void)
{
    abort();
}

static void panic_still_ends_in_sigabrt(void **state)
{
    (void)state;
    int status = run(base_sandbox(true), geteuid() == 0, abort_itself);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGABRT);
}

static void role_without_files_reaches_none(void **state)
{
    (void)state;
    struct sandbox sandbox = base_sandbox(false);
    PREVENTED(sandbox, open_for_reading);
    PREVENTED(sandbox, open_for_writing);
    PREVENTED(sandbox, open_proc);
    PREVENTED(sandbox, list_root);
    PREVENTED(sandbox, stat_file);
    KILLS(sandbox, unlink_file);
    KILLS(sandbox, make_folder);
    KILLS(sandbox, link_file);
    KILLS(sandbox, make_symlink);
}

static void role_without_network_has_no_sockets(void **state)
{
    (void)state;
    struct sandbox sandbox = base_sandbox(false);
    KILLS(sandbox, socket_tcp);
    KILLS(sandbox, socket_udp);
    KILLS(sandbox, socket_unix);
    KILLS(sandbox, connect_unix);
    KILLS(sandbox, accept_one);
    KILLS(sandbox, bind_listener);
    KILLS(sandbox, listen_again);
}

static void no_role_can_start_or_touch_processes(void **state)
{
    (void)state;
    struct sandbox sandbox = base_sandbox(false);
    PREVENTED(sandbox, fork_child);
    PREVENTED(sandbox, start_thread_raw);
    KILLS(sandbox, execute);
    KILLS(sandbox, execute_descriptor);
    KILLS(sandbox, signal_other);
    KILLS(sandbox, signal_other_thread);
    KILLS(sandbox, trace_other);
    KILLS(sandbox, trace_me);
    KILLS(sandbox, read_other);
}

static void no_role_can_widen_what_it_may(void **state)
{
    (void)state;
    struct sandbox sandbox = base_sandbox(false);
    KILLS(sandbox, become_root);
    KILLS(sandbox, make_namespace);
    KILLS(sandbox, make_ring);
    KILLS(sandbox, load_bpf);
    KILLS(sandbox, change_root_again);
    KILLS(sandbox, raise_limit);
    KILLS(sandbox, executable_memory);
    KILLS(sandbox, make_memory_executable);
    PREVENTED(sandbox, attach_filter);
    PREVENTED(sandbox, set_ulp);
    KILLS(sandbox, terminal_input);
}

static void network_role_has_tcp_and_udp_only(void **state)
{
    (void)state;
    struct sandbox sandbox = base_sandbox(false);
    sandbox.may_connect_network = true;
    WORKS(sandbox, everyday_work);
    WORKS(sandbox, socket_tcp);
    WORKS(sandbox, socket_udp);
    WORKS(sandbox, connect_tcp);
    KILLS(sandbox, socket_raw);
    KILLS(sandbox, socket_mptcp);
    KILLS(sandbox, socket_unix);
    KILLS(sandbox, socket_netlink);
    KILLS(sandbox, socket_packet);
    KILLS(sandbox, socket_vsock);
    KILLS(sandbox, bind_socket);
    KILLS(sandbox, accept_one);
    PREVENTED(sandbox, open_for_reading);
}

static void tcp_alone_is_no_udp(void **state)
{
    (void)state;
    struct sandbox sandbox = base_sandbox(false);
    sandbox.may_connect_network = sandbox.tcp_only = true;
    WORKS(sandbox, everyday_work);
    WORKS(sandbox, socket_tcp);
    WORKS(sandbox, connect_tcp);
    KILLS(sandbox, socket_udp);
    KILLS(sandbox, socket_unix);
}

static void network_role_reaches_its_ports_only(void **state)
{
    (void)state;
    struct sandbox sandbox = base_sandbox(false);
    uint16_t other = 53;
    sandbox.may_connect_network = true;
    sandbox.connect_ports = &listener_port;
    sandbox.connect_port_count = 1;
    WORKS(sandbox, connect_tcp);
    KILLS(sandbox, connect_fast_open);
    if (landlock_abi() < 4)
        return;
    sandbox.connect_ports = &other;
    PREVENTED(sandbox, connect_tcp);
    sandbox.connect_port_count = 0;
    PREVENTED(sandbox, connect_tcp);
}

static int bind_ephemeral_then_port(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(fd, (struct sockaddr *)&address, sizeof(address)))
        return 2;
    address.sin_port = htons(22222);
    fd = socket(AF_INET, SOCK_STREAM, 0);
    return outcome(bind(fd, (struct sockaddr *)&address, sizeof(address)));
}

static void source_address_may_be_bound_but_no_port(void **state)
{
    (void)state;
    struct sandbox sandbox = base_sandbox(false);
    sandbox.may_connect_network = sandbox.may_bind_source = true;
    WORKS(sandbox, bind_socket);
    KILLS(sandbox, listen_again);
    if (landlock_abi() >= 4)
        PREVENTED(sandbox, bind_ephemeral_then_port);
}

static int accept_waiting(void)
{
    int fd;
    while ((fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK)) < 0)
        if (errno != EAGAIN)
            return FAILED;
    return SUCCEEDED;
}

static void edge_may_accept(void **state)
{
    (void)state;
    struct sandbox sandbox = base_sandbox(false);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(listener_port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    for (int i = 0; i < 2; i++) {
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
        close(fd);
    }
    sandbox.may_accept = true;
    WORKS(sandbox, accept_waiting);
    KILLS(sandbox, listen_again);
    KILLS(sandbox, socket_tcp);
}

static void unix_role_may_connect_to_paths(void **state)
{
    (void)state;
    struct sandbox sandbox = base_sandbox(false);
    sandbox.may_connect_unix = true;
    WORKS(sandbox, connect_unix);
    KILLS(sandbox, socket_tcp);
}

static int connect_abstract(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    socklen_t size = sizeof(address);
    if (getsockname(abstract_listener, (struct sockaddr *)&address, &size))
        return 2;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    return outcome(connect(fd, (struct sockaddr *)&address, size));
}

static void unix_role_cannot_reach_abstract_sockets_outside(void **state)
{
    (void)state;
    struct sandbox sandbox = base_sandbox(false);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (landlock_abi() < 6)
        skip();
    abstract_listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    /* Only the family: the kernel chooses an abstract name. */
    assert_int_equal(bind(abstract_listener, (struct sockaddr *)&address, sizeof(sa_family_t)), 0);
    assert_int_equal(listen(abstract_listener, 4), 0);
    assert_int_equal(in_child(connect_abstract), SUCCEEDED);
    sandbox.may_connect_unix = true;
    PREVENTED(sandbox, connect_abstract);
    close(abstract_listener);
}

/* ---- files ---- */


int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_role_can_work),
        cmocka_unit_test(panic_still_ends_in_sigabrt),
        cmocka_unit_test(role_without_files_reaches_none),
        cmocka_unit_test(role_without_network_has_no_sockets),
        cmocka_unit_test(no_role_can_start_or_touch_processes),
        cmocka_unit_test(no_role_can_widen_what_it_may),
        cmocka_unit_test(network_role_has_tcp_and_udp_only),
        cmocka_unit_test(tcp_alone_is_no_udp),
        cmocka_unit_test(network_role_reaches_its_ports_only),
        cmocka_unit_test(source_address_may_be_bound_but_no_port),
        cmocka_unit_test(edge_may_accept),
        cmocka_unit_test(unix_role_may_connect_to_paths),
        cmocka_unit_test(unix_role_cannot_reach_abstract_sockets_outside),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
