#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""usage: service_test.py PATH-TO-VOUCH [TEST ...]

The gateway as a service: what systemd sees of it, reloads, stops, and deaths of its processes. What was
answered 250 is there, once.
"""
import os
import pwd
import re
import signal
import socket
import ssl
import subprocess
import sys
import threading
import unittest

sys.dont_write_bytecode = True  # the source tree stays as it is

import world

world.require("nsd", "openssl")

# Passes a listening socket as descriptor 3, as systemd does.
LAUNCHER = """
import os, socket, sys
listener = socket.create_server(("127.0.0.1", int(sys.argv[1])))
os.dup2(listener.fileno(), 3)
os.set_inheritable(3, True)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="1", LISTEN_FDNAMES="smtp")
os.execv(sys.argv[2], sys.argv[2:])
"""


class NotifySocket:
    """What systemd listens on for services of Type=notify."""

    def __init__(self, name):
        self.path = "%s/%s.notify" % (world.folder(), name)
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.path)
        os.chmod(self.path, 0o777)
        self.socket.settimeout(world.PATIENCE)

    def next(self):
        return self.socket.recv(4096).decode().strip().split("\n")

    def pending(self):
        self.socket.setblocking(False)
        try:
            return self.next()
        except BlockingIOError:
            return None
        finally:
            self.socket.settimeout(world.PATIENCE)


class Service(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.nsd = world.Nsd([], name="nsd-service")

    @classmethod
    def tearDownClass(cls):
        cls.nsd.stop()

    def make(self, name, **options):
        return world.Gateway(name, self.nsd.port, **options)

    @staticmethod
    def mail(mark, recipient="alice@here.example", **options):
        return world.message("a@news.example", recipient, mark, **options)

    def send(self, gateway, mark, recipient="alice@here.example"):
        """As a peer does that is told to come again (421), as old edges do after a reload."""
        octets = self.mail(mark, recipient)

        def attempt():
            try:
                reply = gateway.send("a@news.example", recipient, octets)
            except OSError:
                return None
            return reply if reply.code not in (0, 421) else None
        return world.wait_until("an answer for " + mark, attempt)

    def begin_data(self, gateway, mark, recipient="alice@here.example"):
        """A session that stands in the middle of its message."""
        client = world.Client(gateway.port)
        client.hello()
        client.command("MAIL FROM:<a@news.example>")
        self.assertEqual(client.command("RCPT TO:<%s>" % recipient).code, 250)
        self.assertEqual(client.command("DATA").code, 354)
        client.send(self.mail(mark) + b"first half\r\n")
        return client

    def end_data(self, client):
        client.send(b"second half\r\n.\r\n")
        return client.reply()

    # ---- systemd ----

    def test_notify(self):
        """Type=notify: READY=1 when mail is taken, RELOADING=1 and READY=1, STOPPING=1"""
        notify = NotifySocket("notify")
        gateway = self.make("notify", environment={"NOTIFY_SOCKET": notify.path}, start=False)
        gateway.start(wait=False)
        self.assertIn("READY=1", notify.next())
        self.assertEqual(self.send(gateway, "ready").code, 250)
        gateway.daemon.process.send_signal(signal.SIGHUP)
        reloading = notify.next()
        self.assertIn("RELOADING=1", reloading)
        self.assertIn("READY=1", notify.next())
        self.assertEqual(self.send(gateway, "ready again").code, 250)
        gateway.stop()
        self.assertIn("STOPPING=1", notify.next())
        self.assertIsNone(notify.pending())

    def test_notify_reload_protocol(self):
        """RELOADING=1 comes with MONOTONIC_USEC, which Type=notify-reload needs"""
        notify = NotifySocket("notify-reload")
        gateway = self.make("notify-reload", environment={"NOTIFY_SOCKET": notify.path})
        self.assertIn("READY=1", notify.next())
        gateway.daemon.process.send_signal(signal.SIGHUP)
        reloading = notify.next()
        self.assertIn("RELOADING=1", reloading)
        self.assertTrue([line for line in reloading if re.match(r"MONOTONIC_USEC=\d+$", line)],
                        reloading)
        self.assertIn("READY=1", notify.next())
        gateway.stop()

    def test_socket_activation(self):
        """LISTEN_FDS: the socket of the service manager is used, also over a reload"""
        gateway = self.make("activated", start=False)
        normal = gateway.command()
        gateway.command = lambda: [sys.executable, "-c", LAUNCHER, str(gateway.port)] + normal
        gateway.start()
        self.assertEqual(self.send(gateway, "by activation").code, 250)
        inode = self.listener_inode(gateway)
        self.assertEqual(len(inode), 1)
        self.reload(gateway)
        self.assertEqual(self.send(gateway, "by activation again").code, 250)
        self.assertEqual(self.listener_inode(gateway), inode)
        gateway.stop()

    @staticmethod
    def listener_inode(gateway):
        found = set()
        for line in world.read_file("/proc/net/tcp").decode().splitlines()[1:]:
            parts = line.split()
            if parts[1] == "0100007F:%04X" % gateway.port and parts[3] == "0A":
                found.add(parts[9])
        return found

    def test_port_taken(self):
        """a port that is taken: exit code 1, and the reason is said"""
        port = world.free_port()
        with socket.create_server(("127.0.0.1", port)):
            gateway = self.make("taken", start=False, listen="[127.0.0.1:%d]" % port)
            done = subprocess.run(gateway.command(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                  timeout=world.PATIENCE)
        self.assertEqual(done.returncode, 1, done.stdout.decode())
        self.assertIn("cannot listen on 127.0.0.1 port %d" % port, done.stdout.decode())

    def test_bad_configuration(self):
        """exit code 2 and file:line for every fault: configuration, recipients, aliases"""
        gateway = self.make("bad", start=False)
        good = world.read_file(gateway.config).decode()

        def fails(pattern):
            for command in gateway.command(), [world.VOUCH, "config", "check", gateway.config]:
                done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                      timeout=world.PATIENCE)
                out = done.stdout.decode()
                self.assertEqual(done.returncode, 2, out)
                self.assertRegex(out, pattern)
        line = good.count("\n") + 1
        gateway.write("vouch.conf", good + "recipeints = 1\n")
        fails(r"vouch\.conf:%d:1: unknown key 'recipeints'" % line)
        gateway.write("vouch.conf", good + "limits { message-size = 10X }\nedges = many\n")
        fails(r"(?s)vouch\.conf:%d:.*vouch\.conf:%d:" % (line, line + 1))
        gateway.write("vouch.conf", good + "limits {\n")
        fails(r"vouch\.conf:\d+:\d+: ")
        gateway.write("vouch.conf", good)
        gateway.write("users", "alice\nbob quotta=1G\n../evil\n")
        fails(r"(?s)users:2: .*quotta.*users:3: ")
        gateway.write("users", "alice\n")
        gateway.write("aliases", "# comment\ninfo: alice\nsales: nobody\n")
        fails(r"aliases:3: ")
        gateway.write("aliases", "")
        gateway.write_config(tls='certificate mx { chain = "@DIR@/none.pem" key = "@DIR@/none.key" }')
        done = subprocess.run(gateway.command(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              timeout=world.PATIENCE)
        self.assertEqual(done.returncode, 2, done.stdout.decode())
        self.assertIn("none.pem", done.stdout.decode())

    def test_privileged(self):
        """started as root it becomes another account, and delivers"""
        if not world.IS_ROOT:
            self.skipTest("needs root")
        gateway = self.make("privileged", privileged=True, start=False, tls=True,
                            top="edges = 1\nuser = nobody")
        os.chmod(world.folder() + "/privileged.key", 0o600)  # root's alone
        nobody = pwd.getpwnam("nobody")
        os.chown(gateway.place, nobody.pw_uid, nobody.pw_gid)
        gateway.start()
        for role in "edge", "store", "courier", "keys":
            pid, = gateway.pids(role)
            status = world.read_file("/proc/%d/status" % pid).decode()
            self.assertRegex(status, r"(?m)^Uid:\t%d\t%d\t%d\t%d$" % ((nobody.pw_uid,) * 4))
            self.assertRegex(status, r"(?m)^NoNewPrivs:\t1$")
            self.assertRegex(status, r"(?m)^Seccomp:\t2$")
            self.assertRegex(status, r"(?m)^CapEff:\t0+$")
        self.assertEqual(self.send(gateway, "with less").code, 250)
        self.assertEqual(os.stat(gateway.the_mail("alice", "with less").path).st_uid, nobody.pw_uid)
        self.reload(gateway)
        self.assertEqual(self.send(gateway, "with less again").code, 250)
        with world.Client(gateway.port) as client:
            client.hello()
            self.assertEqual(client.start_tls().code, 220)
            self.assertEqual(client.hello().code, 250)
        gateway.stop()

    # ---- reload ----

    def reload(self, gateway, expect="configuration reloaded"):
        start = len(gateway.log_text())
        gateway.daemon.process.send_signal(signal.SIGHUP)
        gateway.wait_log(re.escape(expect), start)
        return start

    def test_reload_recipients(self):
        """SIGHUP: new users get mail, removed ones are refused, a broken file changes nothing"""
        gateway = self.make("recipients")
        self.assertEqual(self.send(gateway, "too early", "dave@here.example").code, 550)
        gateway.write("users", "alice\ndave\n")
        gateway.write("aliases", "info: dave\n")
        start = self.reload(gateway)
        gateway.wait_log("recipients reloaded", start)
        self.assertEqual(self.send(gateway, "in time", "info@here.example").code, 250)
        gateway.the_mail("dave", "in time")
        self.assertEqual(self.send(gateway, "gone", "bob@here.example").code, 550)
        gateway.write("users", "alice quota=many\n")
        self.reload(gateway, "the old configuration stays in force")
        self.assertEqual(self.send(gateway, "still there", "dave@here.example").code, 250)
        gateway.stop()

    def test_reload_configuration(self):
        """SIGHUP: a new listener, limit and domain; a session in DATA goes on and ends with 250"""
        gateway = self.make("reload", tls=True)
        second = world.free_port()
        old = self.begin_data(gateway, "over the reload")
        idle = world.Client(gateway.port)
        idle.hello()
        old_edges = set(gateway.pids("edge"))
        gateway.write_config(
            listen="[127.0.0.1:%d, 127.0.0.1:%d]" % (gateway.port, second),
            sections="limits { message-size = 64K }\n"
                     "domain new.example { recipients = \"@DIR@/users\" "
                     "deliver = \"maildir:@DIR@/mail/new/{user}\" }")
        chain, key = world.certificate("reload-2", "renewed.here.example")
        for name in chain, key:
            os.rename(name, name.replace("reload-2", "reload"))
        start = self.reload(gateway)
        for port in gateway.port, second:
            with world.Client(port) as client:
                self.assertIn("SIZE 65536", client.hello().lines)
                self.assertEqual(client.start_tls().code, 220)
                der = client.socket.getpeercert(binary_form=True)
                self.assertIn(b"renewed.here.example", der)
        self.assertEqual(world.send(second, "a@news.example", "alice@here.example",
                                    self.mail("on the second port")).code, 250)
        reply = gateway.send("a@news.example", "alice@new.example", self.mail("for the new domain"))
        self.assertEqual(reply.code, 250, reply)
        gateway.the_mail("new/alice", "for the new domain")
        # The old edge waits for the message, and answers others 421.
        self.assertEqual(idle.reply().code or idle.command("NOOP").code, 421)
        self.assertEqual(self.end_data(old).code, 250)
        gateway.the_mail("alice", "over the reload")
        old.close()
        idle.close()
        world.wait_until("the old edges end", lambda: not old_edges & set(gateway.pids("edge")))
        self.assertNotIn("killed", gateway.log_text()[start:])
        gateway.stop()

    def test_reload_broken(self):
        """SIGHUP with a broken configuration, certificate or taken port keeps the old one"""
        gateway = self.make("broken", tls=True)
        edges = set(gateway.pids("edge"))
        good = dict(gateway.parts)
        gateway.write_config(sections="limits { message-size = 10X }")
        start = self.reload(gateway, "the old configuration stays in force")
        self.assertRegex(gateway.log_text()[start:], r"vouch\.conf:\d+:\d+: ")
        self.assertEqual(self.send(gateway, "as before 1").code, 250)
        self.assertEqual(set(gateway.pids("edge")), edges)
        port = world.free_port()
        with socket.create_server(("127.0.0.1", port)):
            gateway.write_config(sections=good["sections"],
                                 listen="[127.0.0.1:%d, 127.0.0.1:%d]" % (gateway.port, port))
            self.reload(gateway, "the old configuration stays in force")
            self.assertEqual(self.send(gateway, "as before 2").code, 250)
        gateway.write_config(**good)
        world.write_file(world.folder() + "/broken.key", "no key at all\n")
        self.reload(gateway, "the old configuration stays in force")
        self.assertEqual(self.send(gateway, "as before 3").code, 250)
        self.assertFalse(gateway.daemon.ended())
        chain, key = world.certificate("broken", "mx.here.example")
        self.reload(gateway)
        self.assertEqual(self.send(gateway, "as before 4").code, 250)
        for i in range(1, 5):
            gateway.the_mail("alice", "as before %d" % i)
        gateway.stop()

    def test_reload_under_load(self):
        """reloads while mail comes: every message answered 250 is there, once"""
        gateway = self.make("load", top="edges = 2")
        answered, stop = [], threading.Event()

        def sender(number):
            count = 0
            while not stop.is_set():
                count += 1
                mark = "load %d.%d." % (number, count)
                try:
                    reply = gateway.send("a@news.example", "alice@here.example", self.mail(mark))
                except OSError:
                    continue  # turned away in the midst of a reload: a peer would come again
                if reply.code == 250:
                    answered.append(mark)
        threads = [threading.Thread(target=sender, args=(i,)) for i in range(3)]
        for thread in threads:
            thread.start()
        try:
            for _ in range(3):
                before = len(answered)
                self.reload(gateway)
                world.wait_until("mail after the reload", lambda: len(answered) > before + 3)
        finally:
            stop.set()
            for thread in threads:
                thread.join()
        octets = b"\n".join(mail.octets for mail in gateway.mails("alice"))
        for mark in answered:
            self.assertEqual(octets.count(("Subject: %s\n" % mark).encode()), 1, mark)
        gateway.stop()

    # ---- stop ----

    def test_stop(self):
        """SIGTERM: idle sessions hear 421, one in DATA ends with 250, exit status 0"""
        gateway = self.make("stop")
        busy = self.begin_data(gateway, "until the end")
        chunked = world.Client(gateway.port)
        chunked.hello()
        chunked.command("MAIL FROM:<a@news.example>")
        chunked.command("RCPT TO:<alice@here.example>")
        octets = self.mail("chunked to the end")
        chunked.send(b"BDAT %d\r\n" % len(octets) + octets)
        self.assertEqual(chunked.reply().code, 250)
        idle = world.Client(gateway.port)
        idle.hello()
        waiting = world.Client(gateway.port)
        waiting.hello()
        waiting.command("MAIL FROM:<a@news.example>")
        gateway.daemon.process.send_signal(signal.SIGTERM)
        for client in idle, waiting:
            reply = client.reply()
            self.assertEqual(reply.code, 421, reply)
            self.assertIn("4.3.2", reply.text)
            self.assertEqual(client.reply().code, 0)
        # No new sessions meanwhile.
        world.wait_until("the port is closed", lambda: self.refuses(gateway.port))
        self.assertFalse(gateway.daemon.ended())
        self.assertEqual(self.end_data(busy).code, 250)
        chunked.send(b"BDAT 6 LAST\r\nlast\r\n")
        self.assertEqual(chunked.reply().code, 250)
        self.assertEqual(chunked.reply().code, 421)
        self.assertEqual(gateway.stop(), 0)
        gateway.the_mail("alice", "until the end")
        gateway.the_mail("alice", "chunked to the end")

    @staticmethod
    def refuses(port):
        try:
            with socket.create_connection(("127.0.0.1", port), 1):
                return False
        except ConnectionRefusedError:
            return True

    def test_stop_with_lingering_session(self):
        """SIGTERM: a session that never ends its message is cut off after finish-timeout"""
        gateway = self.make("linger", sections="limits { finish-timeout = 1s }")
        client = self.begin_data(gateway, "never ends")
        self.assertEqual(gateway.stop(), 0)
        self.assertIn(client.reply().code, (0, 421))
        client.close()
        self.assertEqual(gateway.find_mail("alice", "never ends"), [])

    def send_all_along(self, gateway, name, count=4):
        """Threads that send until the gateway is gone: (threads, marks sent, marks answered 250)."""
        sent, answered = [], []

        def sender(number):
            try:
                for i in range(1000):
                    mark = "%s %d.%d." % (name, number, i)
                    sent.append(mark)
                    reply = gateway.send("a@news.example", "alice@here.example", self.mail(mark))
                    if reply.code == 250:
                        answered.append(mark)
            except (OSError, IndexError):
                pass
        threads = [threading.Thread(target=sender, args=(i,)) for i in range(count)]
        for thread in threads:
            thread.start()
        return threads, sent, answered

    def check_marks(self, gateway, sent, answered):
        """What was answered is there, and nothing is there twice."""
        octets = b"\n".join(mail.octets for mail in gateway.mails("alice"))
        for mark in sent:
            count = octets.count(("Subject: %s\n" % mark).encode())
            self.assertIn(count, (1,) if mark in answered else (0, 1), mark)

    def test_stop_under_load(self):
        """SIGTERM amid mail and retries of the spool: a clean end each time, nothing lost or doubled"""
        fake = world.FakeLmtp()
        fake.final["late@lmtp.example"] = "451 4.3.0 come back"
        gateway = self.make("stop-load", top="edges = 2", domain=world.Gateway.DOMAIN +
                            "domain lmtp.example { deliver = \"lmtp:127.0.0.1:%d\" }" % fake.port)
        for i in range(5):
            octets = self.mail("spooled %d." % i)
            reply = gateway.send("a@news.example", ["now@lmtp.example", "late@lmtp.example"], octets)
            self.assertEqual(reply.code, 250, reply)
        for i in range(4):
            threads, sent, answered = self.send_all_along(gateway, "stop %d" % i)
            world.wait_until("some mail", lambda: len(answered) > 10)
            gateway.stop()
            for thread in threads:
                thread.join()
            self.check_marks(gateway, sent, answered)
            if i == 2:
                fake.final["late@lmtp.example"] = "550 5.1.6 moved"
            gateway.start()
        gateway.stop()
        fake.close()

    # ---- deaths ----

    def kill_role(self, gateway, role):
        start = len(gateway.log_text())
        pid = gateway.pids(role)[0]
        os.kill(pid, signal.SIGKILL)
        gateway.wait_log(r"%s \d+ ended: killed by signal 9" % role, start)
        world.wait_until("%s again" % role, lambda: [p for p in gateway.pids(role) if p != pid])
        gateway.expect_alarms = True

    def test_kill_roles(self):
        """kill -9 of edge, store, courier, keys: service goes on, what was answered is there"""
        fake = world.FakeLmtp()
        gateway = self.make("deaths", domain=world.Gateway.DOMAIN +
                            "domain lmtp.example { deliver = \"lmtp:127.0.0.1:%d\" }" % fake.port)
        self.assertEqual(self.send(gateway, "before all").code, 250)
        for role in "edge", "store", "courier", "keys", "store", "edge":
            with self.subTest(role=role):
                self.kill_role(gateway, role)
                mark = "after a death of " + role
                for recipient in "alice@here.example", "x@lmtp.example":
                    reply = self.send(gateway, mark, recipient)
                    self.assertEqual(reply.code, 250, reply)
                self.assertTrue(gateway.find_mail("alice", mark))
        gateway.the_mail("alice", "before all")
        self.assertEqual(len(fake.taken), 6)
        self.assertTrue(gateway.explain(reply.id))
        gateway.expect_alarms = False
        for line in gateway.log_text().split("\n"):
            if world.ALARMS.search(line) and "ended: killed by signal 9" not in line:
                self.fail(line)
        gateway.expect_alarms = True
        gateway.stop()
        fake.close()

    def test_kill_edge_with_broken_file(self):
        """an edge dies while the file on disk is broken: the gateway lives, and recovers with the file"""
        gateway = self.make("half-edited")
        good = gateway.config_text()
        gateway.write("vouch.conf", good + "recipeints = 1\n")
        start = len(gateway.log_text())
        os.kill(gateway.pids("edge")[0], signal.SIGKILL)
        gateway.wait_log(r"edge \d+ ended: exit status 2", start)
        self.assertFalse(gateway.daemon.ended())
        gateway.write("vouch.conf", good)
        self.assertEqual(self.send(gateway, "recovered").code, 250)
        gateway.expect_alarms = True
        gateway.stop()

    def test_kill_store_in_transaction(self):
        """the store dies between RCPT and the end of data: the same session ends with 250"""
        gateway = self.make("store-dies")
        client = self.begin_data(gateway, "store died meanwhile")
        self.kill_role(gateway, "store")
        reply = self.end_data(client)
        self.assertEqual(reply.code, 250, reply)
        gateway.the_mail("alice", "store died meanwhile")
        client.close()
        gateway.stop()

    def test_kill_courier_in_delivery(self):
        """the courier dies while LMTP has the message: 451 or 250, and never both copies lost"""
        fake = world.FakeLmtp()
        release = threading.Event()

        def slowly(_):
            release.wait(world.PATIENCE)
            return "250 2.0.0 at last"
        fake.final["x@lmtp.example"] = slowly
        gateway = self.make("courier-dies",
                            domain="domain lmtp.example { deliver = \"lmtp:127.0.0.1:%d\" }" % fake.port)
        client = self.begin_data(gateway, "courier died", "x@lmtp.example")
        client.send(b".\r\n")
        pid, = gateway.pids("courier")
        world.wait_until("the courier waits for LMTP",
                         lambda: b"courier died" in b"".join(o for o in fake.seen))
        self.kill_role(gateway, "courier")
        reply = client.reply()
        self.assertEqual(reply.code, 451, reply)
        release.set()
        fake.final.clear()
        self.assertEqual(self.send(gateway, "courier died", "x@lmtp.example").code, 250)
        gateway.stop()
        fake.close()

    def test_kill_edge_in_delivery(self):
        """the edge dies while LMTP has the message: the peer's retry is not delivered twice"""
        fake = world.FakeLmtp()
        release = threading.Event()

        def slowly(_):
            release.wait(world.PATIENCE)
            return "250 2.0.0 at last"
        fake.final["x@lmtp.example"] = slowly
        gateway = self.make("edge-dies",
                            domain="domain lmtp.example { deliver = \"lmtp:127.0.0.1:%d\" }" % fake.port)
        octets = self.mail("edge died", "x@lmtp.example")
        client = world.Client(gateway.port)
        client.hello()
        client.command("MAIL FROM:<a@news.example>")
        client.command("RCPT TO:<x@lmtp.example>")
        client.command("DATA")
        client.send(world.stuffed(octets))
        world.wait_until("LMTP has it", lambda: b"edge died" in b"".join(o for o in fake.seen))
        self.kill_role(gateway, "edge")
        self.assertEqual(client.reply().code, 0)
        client.close()
        release.set()
        world.wait_until("the delivery", lambda: fake.taken)
        fake.final.clear()
        reply = gateway.send("a@news.example", "x@lmtp.example", octets)
        self.assertEqual(reply.code, 250, reply)
        self.assertIn("delivered before", gateway.explain(reply.id)["delivery"])
        self.assertEqual(len(fake.taken), 1)
        gateway.stop()
        fake.close()

    def test_kill_all(self):
        """kill -9 of the whole group right after each 250: all is there, once, after a restart too"""
        gateway = self.make("power")
        gateway.expect_alarms = True
        for i in range(4):
            reply = gateway.send("a@news.example", "alice@here.example",
                                 self.mail("survives %d." % i))
            gateway.kill()
            self.assertEqual(reply.code, 250, reply)
            gateway.the_mail("alice", "survives %d." % i)
            gateway.start()
        for i in range(4):
            gateway.the_mail("alice", "survives %d." % i)
        gateway.stop()

    def test_kill_all_under_load(self):
        """kill -9 of the group amid mail: what was answered 250 is there, nothing is there twice"""
        gateway = self.make("power-load", top="edges = 2")
        gateway.expect_alarms = True
        threads, sent, answered = self.send_all_along(gateway, "power")
        world.wait_until("some mail", lambda: len(answered) > 40)
        gateway.kill()
        for thread in threads:
            thread.join()
        gateway.start()
        self.check_marks(gateway, sent, answered)
        gateway.stop()

    def test_master_dies(self):
        """the master dies: the others end by themselves, and the ports are free"""
        gateway = self.make("master-dies")
        pids = [pid for pid, _ in world.process_children(gateway.daemon.process.pid)]
        self.assertGreaterEqual(len(pids), 4)
        gateway.daemon.process.kill()
        gateway.daemon.process.wait()
        world.wait_until("all end", lambda: not any(os.path.exists("/proc/%d" % p) for p in pids))
        gateway.close()
        gateway.start()
        self.assertEqual(self.send(gateway, "a new start").code, 250)
        gateway.expect_alarms = True
        gateway.stop()

    # ---- a lost reply ----

    def test_lost_reply(self):
        """an answer later than finish-timeout: 451, and the peer's retry makes no second copy"""
        fake = world.FakeLmtp()
        release = threading.Event()

        def slowly(_):
            release.wait(world.PATIENCE)
            return "250 2.0.0 at last"
        fake.final["slow@lmtp.example"] = slowly
        gateway = self.make("lost-reply", sections="limits { finish-timeout = 3s }",
                            domain=world.Gateway.DOMAIN + "domain lmtp.example { recipients = "
                            "\"@DIR@/slow\" deliver = \"lmtp:127.0.0.1:%d\" }" % fake.port,
                            files={"slow": "slow\n"}, aliases="both: alice, slow@lmtp.example\n")
        octets = self.mail("answered too late", "both@here.example")
        self.assertEqual(gateway.send("a@news.example", "both@here.example", octets).code, 451)
        gateway.the_mail("alice", "answered too late")
        release.set()
        world.wait_until("LMTP took it", lambda: fake.taken)
        fake.final.clear()
        reply = world.wait_until("the retry is taken", lambda: next(
            (r for r in [gateway.send("a@news.example", "both@here.example", octets)]
             if r.code == 250), None))
        self.assertEqual(gateway.explain(reply.id)["delivery"].count("delivered before"), 2)
        # Another client with the same message is another mail.
        reply = gateway.send("a@news.example", "both@here.example", octets, source="127.0.0.9")
        self.assertEqual(reply.code, 250)
        self.assertEqual(len(gateway.find_mail("alice", "answered too late")), 2)
        self.assertEqual(len(fake.taken), 2)
        gateway.stop()
        fake.close()


if __name__ == "__main__":
    world.main()
