#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""usage: redis_test.py PATH-TO-VOUCH [TEST ...]

Two gateways that share their counters by a real Redis; and Redis away, slow, or with another password: mail flows,
and what was counted meanwhile is added exactly.
"""
import os
import signal
import socket
import sys
import unittest

sys.dont_write_bytecode = True  # the source tree stays as it is

import submission_world
import world
from submission_world import ANNA, BERT, PASSWORD, Sink, Site

SECRET = "a-secret-of-a-test"


class Redis:
    """redis-server on a port of its own, with a password and append-only files, so that it forgets nothing."""

    def __init__(self, name):
        self.name = name
        self.port = world.free_port()
        self.place = os.path.join(world.folder(), name)
        os.makedirs(self.place)
        self.start()

    def start(self):
        self.daemon = world.Daemon(self.name, [
            world.find_program("redis-server"), "--port", str(self.port), "--bind", "127.0.0.1", "--dir", self.place,
            "--requirepass", SECRET, "--save", "", "--appendonly", "yes", "--appendfsync", "no"],
            os.path.join(self.place, "log"))
        world.wait_until("Redis answers", self.answers)

    def answers(self):
        try:
            return self.ask("PING") == b"+PONG"
        except OSError:
            return False

    def ask(self, *words):
        """The first line of the answer."""
        def encoded(words):
            return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in words)
        with socket.create_connection(("127.0.0.1", self.port), world.PATIENCE) as connection:
            file = connection.makefile("rb")
            connection.sendall(encoded([b"AUTH", SECRET.encode()]))
            file.readline()
            connection.sendall(encoded([word.encode() for word in words]))
            return file.readline().strip()

    def kill(self):
        self.daemon.stop(signal.SIGKILL)

    def freeze(self):
        """When this returns it does nothing any more."""
        pid = self.daemon.process.pid
        os.kill(pid, signal.SIGSTOP)
        world.wait_until("Redis is stopped", lambda: world.read_file("/proc/%d/stat" % pid).rpartition(b")")[2]
                         .split()[0] == b"T")

    def thaw(self):
        os.kill(self.daemon.process.pid, signal.SIGCONT)


class Scene:
    pass


def setUpModule():
    world.require("nsd", "openssl", "redis-server")
    Scene.certificates = submission_world.Certificates()
    Scene.dns = world.Nsd(["remote.example. MX 10 mx.remote.example.", "mx.remote.example. A 127.0.0.1"])
    Scene.sink = Sink()


class Shared(unittest.TestCase):
    def gateways(self, name, submission="", accounts="failure-delay = 10ms", secret=SECRET, timeout="100ms"):
        """Two with one Redis; both are up."""
        self.redis = Redis("redis-" + name)
        self.addCleanup(self.redis.daemon.close)
        secret = world.write_file(os.path.join(self.redis.place, "password"), secret + "\n", 0o600)
        state = 'state { redis = 127.0.0.1:%d password-file = "%s" timeout = %s }' % (self.redis.port, secret, timeout)
        self.sites = []
        for number in "one", "two":
            site = Site("%s-%s" % (name, number), Scene.dns.port, Scene.sink, Scene.certificates, top="edges = 1",
                        submission=submission, accounts=accounts, more=state)
            self.sites.append(site)
            self.addCleanup(site.stop)
        return self.sites

    def wait_shared(self):
        for site in self.sites:
            site.wait_log("counters are shared by Redis")

    def wait_away(self):
        for site in self.sites:
            site.wait_log("is away", site.mark)

    def wait_back(self):
        for site in self.sites:
            site.wait_log("is back", site.mark)

    def mark(self):
        for site in self.sites:
            site.mark = len(site.log_text())

    def submit(self, site, subject, code=250):
        reply = site.submit(subject)
        self.assertEqual(reply.code, code, reply)
        return reply

    def fill(self, times, what):
        for i in range(times):
            for site in self.sites:
                self.submit(site, "%s %d" % (what, i))

    def test_limit(self):
        """a limit of an account holds for both gateways together"""
        one, two = self.gateways("limit", "messages-per-hour = 6 soft-limit = 100 hold = no")
        self.wait_shared()
        self.fill(3, "limit")
        self.assertIn("messages an hour", self.submit(one, "too many", 450).text)
        self.submit(two, "too many", 450)
        self.assertEqual(two.submit("of bert", login=BERT, sender=BERT).code, 250)

    def test_failures(self):
        """failed attempts to authenticate on one gateway close the door of the other"""
        one, two = self.gateways("failures", accounts="failures = 5 failure-delay = 10ms")
        self.wait_shared()

        def attempt(site, password):
            with site.user(login=None) as user:
                return user.login("PLAIN", ANNA, password).code
        for i in range(5):
            self.assertEqual(attempt(one, "wrong%d" % i), 535)
        self.assertNotEqual(attempt(two, PASSWORD), 235)

    def test_away(self):
        """Redis killed: mail flows, limits go on with what is known; back, and the sum is exact"""
        one, two = self.gateways("away", "messages-per-hour = 12 soft-limit = 100 hold = no")
        self.wait_shared()
        self.fill(3, "before")  # 6
        self.mark()
        self.redis.kill()
        self.wait_away()
        self.fill(2, "away")  # 10, of which each knows 8
        reply = one.send("far@remote.example", ["anna@here.example"], world.message("far@remote.example",
                                                                                     "anna@here.example", "comes in"))
        self.assertTrue(reply.code == 250, reply)
        one.the_mail("anna", "Subject: comes in")
        self.redis.start()
        self.wait_back()
        self.fill(1, "after")  # 12
        self.submit(one, "too many", 450)
        self.submit(two, "too many", 450)

    def test_slow(self):
        """Redis that does not answer: mail flows; what it was asked is counted once"""
        one, two = self.gateways("slow", "messages-per-hour = 8 soft-limit = 100 hold = no")
        self.wait_shared()
        self.fill(1, "before")  # 2
        self.mark()
        self.redis.freeze()
        self.fill(2, "slow")  # 6
        self.wait_away()
        self.redis.thaw()
        self.wait_back()
        self.fill(1, "after")  # 8
        self.submit(one, "too many", 450)
        self.submit(two, "too many", 450)

    def test_restart(self):
        """a gateway that is restarted while Redis is away still adds what it counted before"""
        one, two = self.gateways("restart", "messages-per-hour = 4 soft-limit = 100 hold = no")
        self.wait_shared()
        self.mark()
        self.redis.kill()
        self.wait_away()
        self.fill(2, "away")  # 4
        one.kill()
        self.redis.start()
        one.start()
        two.wait_log("is back", two.mark)
        one.wait_log("counters are shared by Redis", one.mark)
        self.submit(one, "too many", 450)
        self.submit(two, "too many", 450)

    def test_password(self):
        """with another password mail flows, and the log says why nothing is shared"""
        one, two = self.gateways("password", "messages-per-hour = 2 soft-limit = 100 hold = no", secret="wrong")
        one.wait_log("WRONGPASS")
        self.fill(2, "alone")
        self.submit(one, "too many", 450)
        self.assertEqual(self.redis.ask("DBSIZE"), b":0")


if __name__ == "__main__":
    world.main()
