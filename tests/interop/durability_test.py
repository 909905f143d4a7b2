#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""usage: durability_test.py PATH-TO-VOUCH [TEST ...]

Processes that are killed while mail is submitted and sent on, and a disk that fills up: what was answered
250 arrives, and nothing arrives twice but what was under way when somebody died.
"""
import os
import re
import signal
import subprocess
import sys
import threading
import time
import unittest

sys.dont_write_bytecode = True  # the source tree stays as it is

import submission_world
import world
from submission_world import ANNA, Sink, Site

MESSAGES, WRITERS, IN_FLIGHT_SECONDS = 400, 8, 3
GENEROUS = "messages-per-hour = 1000000 recipients-per-hour = 1000000 connections = 100 soft-limit = 100"


class Scene:
    pass


def setUpModule():
    world.require("nsd", "openssl")
    Scene.certificates = submission_world.Certificates()
    Scene.dns = world.Nsd(["remote.example. MX 10 mx.remote.example.", "mx.remote.example. A 127.0.0.1"])


def number_of(octets):
    return int(re.search(rb"\r\nSubject: number (\d+)\r\n", octets).group(1))


class Writer(threading.Thread):
    """Submits messages, a session for a few, and goes on after whatever happens."""

    def __init__(self, site, numbers, taken, pause):
        super().__init__(daemon=True)
        self.site, self.numbers, self.taken, self.pause = site, list(numbers), taken, pause

    def run(self):
        while self.numbers:
            try:
                with self.site.user() as user:
                    for _ in range(10):
                        if not self.numbers or not self.submit(user):
                            break
            except (OSError, AssertionError, ValueError, IndexError):
                time.sleep(0.1)

    def submit(self, user):
        number = self.numbers.pop(0)  # only once: what got no answer may or may not arrive
        reply = user.transaction(ANNA, ["to@remote.example"], world.message(
            ANNA, "to@remote.example", "number %d" % number, body="x" * 70 * (number % 5) + "\r\n"))
        if reply.code == 250:
            self.taken.append(number)
        time.sleep(self.pause)
        return reply.code == 250


class Killed(unittest.TestCase):
    def arrivals(self, sink):
        found = {}
        for (_, _, octets), moment in zip(list(sink.mails), list(sink.times)):
            found.setdefault(number_of(octets), []).append(moment)
        return found

    def check(self, sink, taken, kills):
        """All that was taken arrives; twice only what came shortly before somebody died."""
        world.wait_until("all that was taken arrives", lambda: set(taken) <= set(self.arrivals(sink)), 40)
        time.sleep(2.5)  # longer than the pause before another attempt
        found = self.arrivals(sink)
        again = {number: moments for number, moments in found.items() if len(moments) > 1}
        for number, moments in again.items():
            for first, second in zip(moments, moments[1:]):
                self.assertTrue([k for k in kills if first - 0.5 <= k <= second and k - first < IN_FLIGHT_SECONDS],
                                "%d came again, %.2f s later, after no death: %s" % (number, second - first, [k - first for k in kills]))
        print("# %d answered 250, %d arrived, %d twice, after %d deaths" % (
            len(taken), len(found), len(again), len(kills)))
        self.assertLessEqual(len(again), 60)

    def run_writers(self, site, disturb, pause=0.01):
        taken = []
        writers = [Writer(site, range(i, MESSAGES, WRITERS), taken, pause) for i in range(WRITERS)]
        for writer in writers:
            writer.start()
        disturb()
        for writer in writers:
            writer.join(world.PATIENCE)
        return taken

    def test_roles(self):
        """store, courier, edges and keys are killed again and again"""
        sink, kills = Sink(), []
        sink.pause = 0.02
        site = Site("roles", Scene.dns.port, sink, Scene.certificates, submission=GENEROUS)
        site.expect_alarms = True

        def disturb():
            for role in "courier", "store", "edge", "store", "courier", "keys", "store":
                pids = world.wait_until("a process %s" % role, lambda role=role: site.pids(role))
                os.kill(pids[0], signal.SIGKILL)
                kills.append(time.monotonic())
                time.sleep(0.7)
        taken = self.run_writers(site, disturb, 0.08)
        self.assertGreater(len(taken), MESSAGES // 4)
        self.check(sink, taken, kills)
        self.assertIn("empty", site.run("mailq", "--config", site.config).stdout.decode())
        site.stop()

    def test_all(self):
        """all processes at once, in the midst of it, twice; started again, the rest is sent"""
        sink, kills = Sink(), []
        sink.pause = 0.02
        site = Site("all", Scene.dns.port, sink, Scene.certificates, submission=GENEROUS)
        site.expect_alarms = True

        def disturb():
            for _ in range(2):
                reached = len(sink.mails) + 40
                world.wait_until("some have arrived", lambda: len(sink.mails) >= reached, 20)
                site.kill()
                kills.append(time.monotonic())
                site.start()
        taken = self.run_writers(site, disturb, 0.05)
        self.assertGreater(len(taken), MESSAGES // 4)
        self.check(sink, taken, kills)
        self.assertIn("empty", site.run("mailq", "--config", site.config).stdout.decode())
        site.stop()


class Mount:
    """A small file system of its own."""

    def __init__(self, path, size):
        self.path = path
        os.makedirs(path, exist_ok=True)
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=%s" % size, "tmpfs", path],
                              capture_output=True)
        if done.returncode:
            raise unittest.SkipTest("no file system can be mounted here: " + done.stderr.decode().strip())
        world.close_later(self)

    def close(self):
        subprocess.run(["umount", "-l", self.path], capture_output=True)


class Full(unittest.TestCase):
    def test_disk(self):
        """a full disk: 452 4.3.1, nothing that was taken is lost, and it goes on when there is room again"""
        if not world.IS_ROOT:
            raise unittest.SkipTest("mounting a small file system needs root")
        sink = Sink()
        sink.replies["RCPT"] = "450 4.2.0 later"
        site = Site("full", Scene.dns.port, sink, Scene.certificates, top="edges = 1", start=False,
                    submission=GENEROUS)
        Mount(site.path("data"), "24m")
        site.start()
        taken, refused = [], []
        body = (b"x" * 76 + b"\r\n") * 6000
        with site.user() as user:
            for number in range(80):
                octets = world.message(ANNA, "to@remote.example", "number %d" % number) + body
                reply = user.transaction(ANNA, ["to@remote.example"], octets)
                if reply.code == 250:
                    taken.append(number)
                else:
                    refused.append(reply)
                if len(refused) == 5:
                    break
        self.assertGreater(len(taken), 5)
        self.assertEqual(len(refused), 5)
        for reply in refused:
            self.assertEqual((reply.code, reply.text[:5]), (452, "4.3.1"), reply)
        # Room by what is sent: all of it, and more is taken then.
        sink.replies.clear()
        site.queue("retry", "--recipient", "remote.example")

        def arrived():
            return {number_of(mail[2]) for mail in list(sink.mails)} >= set(taken)
        world.wait_until("all arrive", arrived, 40)

        def works():
            reply = site.submit("number 1000")
            return reply.code == 250
        world.wait_until("mail is taken again", works, 20)
        world.wait_until("it arrives", lambda: 1000 in {number_of(m[2]) for m in list(sink.mails)}, 20)
        self.assertEqual({number_of(m[2]) for m in sink.mails} - {1000}, set(taken))
        site.stop()


if __name__ == "__main__":
    world.main()
