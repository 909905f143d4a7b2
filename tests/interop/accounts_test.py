#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""usage: accounts_test.py PATH-TO-VOUCH [TEST ...]

Accounts: made and changed on a terminal, told to a gateway that runs, and verified by it from the file, by a
real Dovecot and by PAM.
"""
import grp
import json
import os
import pty
import pwd
import re
import select
import smtplib
import ssl
import stat
import subprocess
import sys
import termios
import time
import unittest

sys.dont_write_bytecode = True  # the source tree stays as it is

import world

PASSWORD = "correct horse battery"


def user(*arguments, stdin=""):
    return subprocess.run([world.VOUCH, "user", *arguments], input=stdin.encode(), stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, timeout=world.PATIENCE)


class Terminal:
    """A command on a terminal; `screen` is what it has shown."""

    def __init__(self, *arguments):
        self.screen = b""
        self.master, slave = pty.openpty()
        self.process = subprocess.Popen([world.VOUCH, "user", *arguments], stdin=slave, stdout=slave,
                                        stderr=slave, start_new_session=True)
        self.slave = slave

    def echoes(self):
        return bool(termios.tcgetattr(self.slave)[3] & termios.ECHO)

    def wait(self, text):
        end = time.monotonic() + world.PATIENCE
        while text not in self.screen:
            if not select.select([self.master], [], [], max(0, end - time.monotonic()))[0]:
                raise AssertionError("no %r in %r" % (text, self.screen))
            self.screen += os.read(self.master, 4096)

    def type(self, text):
        os.write(self.master, text.encode() + b"\n")

    def end(self):
        status = self.process.wait(timeout=world.PATIENCE)
        while select.select([self.master], [], [], 0)[0]:
            self.screen += os.read(self.master, 4096)
        os.close(self.slave)
        os.close(self.master)
        return status


class Commands(unittest.TestCase):
    def setUp(self):
        self.file = os.path.join(world.folder(), "%s.accounts" % self.id().split(".")[-1])

    def lines(self):
        return world.read_file(self.file).decode().splitlines()

    def test_life(self):
        """an account from its making to its end"""
        made = user("add", "--accounts", self.file, "--password-stdin", "--send-as", "@shop.example",
                    "anna@here.example", stdin=PASSWORD + "\n")
        self.assertEqual(made.returncode, 0, made.stderr)
        self.assertEqual(stat.S_IMODE(os.stat(self.file).st_mode), 0o600)
        self.assertNotIn(PASSWORD, "".join(self.lines()))
        self.assertRegex(self.lines()[0], r"^anna@here\.example password=\$y\$\S+ scram=\d+:\S+ "
                                          r"send-as=@shop\.example$")
        again = user("add", "--accounts", self.file, "--generate", "Anna@Here.example")
        self.assertEqual(again.returncode, 1)
        check = ("check", "--accounts", self.file, "--password-stdin", "ANNA@here.example")
        self.assertEqual(user(*check, stdin=PASSWORD).returncode, 0)
        self.assertEqual(user(*check, stdin=PASSWORD + "x").returncode, 1)
        changed = user("passwd", "--accounts", self.file, "--generate", "--json", "anna@here.example")
        new = json.loads(changed.stdout)["password"]
        self.assertRegex(new, r"^([a-z2-9]{5}-){3}[a-z2-9]{5}$")
        self.assertEqual(user(*check, stdin=PASSWORD).returncode, 1)
        self.assertEqual(user(*check, stdin=new + "\r\n").returncode, 0)
        self.assertIn("send-as=@shop.example", self.lines()[0])
        listed = json.loads(user("list", "--accounts", self.file, "--json").stdout)
        self.assertEqual(listed, [{"account": "anna@here.example", "password": True, "scram": True,
                                   "cram_md5": False, "disabled": False, "send_as": ["@shop.example"]}])
        gone = ("del", "--accounts", self.file, "anna@here.example")
        self.assertEqual(user(*gone).returncode, 0)
        self.assertEqual(user(*gone).returncode, 1)
        self.assertEqual(self.lines(), [])

    def test_comments(self):
        """what people wrote into the file stays"""
        world.write_file(self.file, "# ours\n\nbob disabled=yes # on leave\n", 0o640)
        user("add", "--accounts", self.file, "--generate", "robot")
        done = user("passwd", "--accounts", self.file, "--generate", "bob")
        self.assertEqual(done.returncode, 0, done.stderr)
        lines = self.lines()
        self.assertEqual(lines[:2], ["# ours", ""])
        self.assertRegex(lines[2], r"^bob password=\S+ scram=\S+ disabled=yes  # on leave$")
        self.assertTrue(lines[3].startswith("robot "))
        self.assertEqual(stat.S_IMODE(os.stat(self.file).st_mode), 0o640)

    def test_faults(self):
        """usage, faults, and files that others may read"""
        world.write_file(self.file, "anna\nanna\n", 0o600)
        for command in (("list",), ("add", "--generate", "bob"), ("del", "anna")):
            found = user(command[0], "--accounts", self.file, *command[1:])
            self.assertEqual(found.returncode, 2)
            self.assertIn(b"accounts:2: ", found.stderr)
        world.write_file(self.file, "anna\n", 0o644)
        found = user("list", "--accounts", self.file)
        self.assertEqual(found.returncode, 2)
        self.assertIn(b"chmod 640", found.stderr)
        os.chmod(self.file, 0o600)
        for wrong in (("add", "--generate", "no name"), ("add", "--generate", "--password-stdin", "x"),
                      ("add", "--generate", "--send-as", "bob", "x"), ("del",), ("list", "x")):
            self.assertEqual(user(wrong[0], "--accounts", self.file, *wrong[1:]).returncode, 2, wrong)
        self.assertEqual(user("add", "--accounts", self.file, "--password-stdin", "x", stdin="short").returncode, 1)
        self.assertEqual(user("add", "--accounts", self.file, "x").returncode, 2)  # no terminal
        self.assertEqual(self.lines(), ["anna"])

    def test_at_once(self):
        """ten at once: all are there afterwards"""
        running = [subprocess.Popen([world.VOUCH, "user", "add", "--accounts", self.file, "--generate",
                                     "u%d" % i], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
                   for i in range(10)]
        self.assertEqual([p.wait(timeout=world.PATIENCE) for p in running], [0] * 10)
        self.assertEqual(sorted(line.split()[0] for line in self.lines()), ["u%d" % i for i in range(10)])

    def test_terminal(self):
        """asked twice, without echo"""
        terminal = Terminal("add", "--accounts", self.file, "anna@here.example")
        terminal.wait(b"New password: ")
        self.assertFalse(terminal.echoes())
        terminal.type(PASSWORD)
        terminal.wait(b"The same again: ")
        terminal.type(PASSWORD)
        self.assertEqual(terminal.end(), 0)
        self.assertNotIn(PASSWORD.encode(), terminal.screen)
        terminal = Terminal("check", "--accounts", self.file, "anna@here.example")
        terminal.wait(b"Password: ")
        terminal.type(PASSWORD)
        self.assertEqual(terminal.end(), 0)

    def test_mistyped(self):
        """two that differ change nothing"""
        terminal = Terminal("add", "--accounts", self.file, "anna@here.example")
        terminal.wait(b"New password: ")
        terminal.type(PASSWORD)
        terminal.wait(b"The same again: ")
        terminal.type(PASSWORD + "x")
        self.assertEqual(terminal.end(), 2)
        self.assertFalse(os.path.exists(self.file))

    def test_interrupted(self):
        """the terminal echoes again"""
        terminal = Terminal("add", "--accounts", self.file, "anna@here.example")
        terminal.wait(b"New password: ")
        self.assertFalse(terminal.echoes())
        terminal.process.send_signal(2)
        terminal.process.wait(timeout=world.PATIENCE)
        self.assertTrue(terminal.echoes())
        self.assertEqual(terminal.end(), -2)
        self.assertFalse(os.path.exists(self.file))


class Dovecot(world.Daemon):
    """A private Dovecot with nothing but its auth service."""

    def __init__(self, users):
        program = world.needs("dovecot")
        self.place = world.folder() + "/dovecot"
        self.socket = self.place + "/auth-client"
        os.makedirs(self.place)
        account = pwd.getpwuid(os.geteuid())
        group = grp.getgrgid(account.pw_gid).gr_name
        internal = ("dovecot", "dovecot", "dovenull") if world.IS_ROOT else (
            account.pw_name, group, account.pw_name)
        world.write_file(self.place + "/users", "".join(
            "%s:{plain}%s:::::%s\n" % (name, password, extra) for name, password, extra in users), 0o644)
        no_chroot = "" if world.IS_ROOT else "".join(
            "service %s {\n  chroot =\n}\n" % name for name in ("anvil", "stats", "dict", "config"))
        config = world.write_file(self.place + "/dovecot.conf", """
base_dir = {0}/run
state_dir = {0}/state
log_path = {0}/dovecot.log
protocols =
ssl = no
auth_mechanisms = plain login
auth_failure_delay = 0
default_internal_user = {1}
default_internal_group = {2}
default_login_user = {3}
passdb {{
  driver = passwd-file
  args = {0}/users
}}
userdb {{
  driver = static
  args = uid=65534 gid=65534 home=/nonexistent
}}
service auth {{
  unix_listener {4} {{
    mode = 0666
  }}
}}
{5}
""".format(self.place, *internal, self.socket, no_chroot))
        os.chmod(world.folder(), 0o755)
        super().__init__("dovecot", [program, "-F", "-c", config], self.place + "/output")
        world.wait_until("Dovecot listens", lambda: self.ended() or os.path.exists(self.socket))


def submission(name, accounts, **options):
    port = world.free_port()
    gateway = world.Gateway(
        name, world.silent_port(), tls=True,
        sections="listener submission { address = [127.0.0.1:%d] submission = yes }\n"
                 "accounts { %s failure-delay = 0s }\n" % (port, accounts), **options)
    gateway.submission = port
    return gateway


def login(gateway, name, password, mechanism="PLAIN"):
    """The code of the reply to AUTH, over TLS; 0 if the session ended (a reload ends edges)."""
    try:
        return try_login(gateway, name, password, mechanism)
    except (smtplib.SMTPException, OSError):
        return 0


def try_login(gateway, name, password, mechanism):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with smtplib.SMTP("127.0.0.1", gateway.submission, timeout=world.PATIENCE) as client:
        client.starttls(context=context)
        # An edge that ends says 421 here.
        if client.ehlo("client.example")[0] != 250:
            return 0
        if mechanism not in client.esmtp_features.get("auth", "").split():
            raise AssertionError("%s is not offered: %s" % (mechanism, client.esmtp_features))
        client.user, client.password = name, password
        method = getattr(client, "auth_" + mechanism.lower().replace("-", "_"))
        try:
            return client.auth(mechanism, method)[0]
        except smtplib.SMTPAuthenticationError as refused:
            return refused.smtp_code


class Verified(unittest.TestCase):
    def test_file(self):
        """a gateway that runs learns of changes at once"""
        gateway = submission("file", 'file = "@DIR@/accounts"', start=False)
        config = ("--config", gateway.config)
        self.assertEqual(user("add", *config, "--password-stdin", "anna@here.example",
                              stdin=PASSWORD).returncode, 0)
        gateway.start()
        self.assertEqual(login(gateway, "anna@here.example", PASSWORD), 235)
        self.assertEqual(login(gateway, "anna@here.example", PASSWORD, "LOGIN"), 235)
        self.assertEqual(login(gateway, "anna@here.example", PASSWORD + "x"), 535)
        self.assertEqual(login(gateway, "bob@here.example", PASSWORD), 535)
        told = user("add", *config, "--password-stdin", "--json", "bob@here.example", stdin=PASSWORD)
        self.assertEqual(json.loads(told.stdout)["reload_sent"], True, told.stderr)
        world.wait_until("bob may send", lambda: login(gateway, "bob@here.example", PASSWORD) == 235)
        self.assertEqual(user("del", *config, "anna@here.example").returncode, 0)
        world.wait_until("anna may not", lambda: login(gateway, "anna@here.example", PASSWORD) == 535)
        gateway.stop()
        told = user("passwd", *config, "--generate", "--json", "bob@here.example")
        self.assertEqual(json.loads(told.stdout)["gateway_runs"], False)

    def test_dovecot(self):
        """Dovecot knows the accounts"""
        dovecot = Dovecot([("anna@here.example", PASSWORD, ""), ("bob", "b" * 20, "")])
        for privileged in (False, True) if world.IS_ROOT else (False,):
            gateway = submission("dovecot-%s" % privileged, 'dovecot = "%s"' % dovecot.socket,
                                 privileged=privileged,
                                 top="edges = 1\nuser = nobody" if privileged else "edges = 1")
            for mechanism in ("PLAIN", "LOGIN"):
                self.assertEqual(login(gateway, "anna@here.example", PASSWORD, mechanism), 235)
                self.assertEqual(login(gateway, "anna@here.example", "wrong", mechanism), 535)
                self.assertEqual(login(gateway, "bob", "b" * 20, mechanism), 235)
                self.assertEqual(login(gateway, "nobody", "b" * 20, mechanism), 535)
            self.sends_as(gateway, "bob", "b" * 20, "bob@here.example", 250)
            self.sends_as(gateway, "bob", "b" * 20, "anna@here.example", 553)
            self.sends_as(gateway, "anna@here.example", PASSWORD, "anna@here.example", 250)
            if not privileged and world.IS_ROOT:
                gateway.stop()
        dovecot.stop()
        self.assertEqual(login(gateway, "anna@here.example", PASSWORD), 454)
        gateway.stop()

    @unittest.skipUnless(world.IS_ROOT, "services of PAM lie in a folder of root's")
    def test_pam(self):
        """PAM knows the accounts"""
        service = "vouch-test-%d" % os.getpid()
        path = "/etc/pam.d/" + service
        try:
            world.write_file(path, "auth requisite pam_succeed_if.so quiet user in anna\n"
                                   "auth required pam_permit.so\naccount required pam_permit.so\n")
            for privileged in (False, True):
                gateway = submission("pam-%s" % privileged, "pam = %s" % service, privileged=privileged,
                                     top="edges = 1\nuser = nobody" if privileged else "edges = 1")
                self.assertEqual(login(gateway, "anna", PASSWORD), 235)
                self.assertEqual(login(gateway, "anna", PASSWORD, "LOGIN"), 235)
                self.assertEqual(login(gateway, "anna@here.example", PASSWORD), 235)
                self.assertEqual(login(gateway, "bob", PASSWORD), 535)
                self.sends_as(gateway, "anna", PASSWORD, "anna@here.example", 250)
                self.sends_as(gateway, "anna", PASSWORD, "root@here.example", 553)
                if privileged:
                    self.restricted(gateway)
                gateway.stop()
        finally:
            os.unlink(path)

    def restricted(self, gateway):
        """What the process that runs PAM cannot do."""
        (pid,) = gateway.pids("auth")
        for task in os.listdir("/proc/%d/task" % pid):
            status = world.read_file("/proc/%d/task/%s/status" % (pid, task)).decode()
            self.assertRegex(status, r"CapEff:\s0+\n")
            self.assertRegex(status, r"NoNewPrivs:\s1\n")
            self.assertRegex(status, r"Seccomp:\s2\n")
            self.assertRegex(status, r"Uid:\s%d\s" % pwd.getpwnam("nobody").pw_uid)
            groups = re.search(r"Groups:\s*(.*?)\s*\n", status).group(1).split()
            self.assertLessEqual(set(groups), {str(os.stat("/etc/shadow").st_gid)})

    def sends_as(self, gateway, name, password, sender, code):
        with world.Client(gateway.submission) as client:
            client.hello()
            client.start_tls()
            client.hello()
            plain = world.base64.b64encode(("\0%s\0%s" % (name, password)).encode()).decode()
            self.assertEqual(client.command("AUTH PLAIN " + plain).code, 235)
            self.assertEqual(client.command("MAIL FROM:<%s>" % sender).code, code)


if __name__ == "__main__":
    world.main()
