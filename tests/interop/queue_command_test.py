#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""usage: queue_command_test.py PATH-TO-VOUCH [TEST ...]

`vouch queue` and `vouch mailq` against a gateway that runs, and against the disk when none does.
"""
import json
import os
import socket
import stat
import sys
import unittest

sys.dont_write_bytecode = True  # the source tree stays as it is

import world

SECTIONS = """
host printers { networks = [127.0.0.0/8] senders = ["@here.example"] }
route nowhere { hosts = ["127.0.0.1:%d"] tls = none }
queue { retry-first = 1h }
""" % world.free_port()


def setUpModule():
    world.require("nsd")


class Queue(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.dns = world.Nsd(["a.example. MX 10 mx.a.example.", "mx.a.example. A 127.0.0.1",
                             "b.example. MX 10 mx.a.example."])
        cls.gateway = world.Gateway("queue", cls.dns.port, sections=SECTIONS)

    def queue(self, *arguments, status=0):
        done = self.gateway.run("queue", arguments[0], "--config", self.gateway.config, *arguments[1:])
        self.assertEqual(done.returncode, status, (arguments, done.stdout, done.stderr))
        return done.stdout.decode(), done.stderr.decode()

    def entries(self, *filters, status=0):
        return [json.loads(line) for line in self.queue("list", "--json", *filters, status=status)[0].splitlines()]

    def mailq(self):
        done = self.gateway.run("mailq", "--config", self.gateway.config)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout.decode()

    def put(self, sender, recipient):
        reply = self.gateway.send(sender, recipient, world.message(sender, recipient))
        self.assertEqual(reply.code, 250, reply)
        return self.entries("--recipient", recipient)[-1]["id"]

    def test_empty(self):
        """an empty queue, and a socket for nobody else"""
        self.assertEqual(self.mailq(), "Mail queue is empty\n")
        self.assertIn("empty", self.queue("list", status=1)[0])
        mode = os.stat(self.gateway.path("run/control")).st_mode
        self.assertEqual(stat.S_IMODE(mode), 0o600)
        self.queue("drop", status=2)
        self.queue("drop", "--all", status=1)
        self.queue("show", "nothing", status=1)

    def test_life(self):
        """listed, shown, held, released, tried, dropped"""
        one = self.put("me@here.example", "one@a.example")
        two = self.put("me@here.example", "two@b.example")
        self.assertEqual({e["id"] for e in self.entries()}, {one, two})
        self.assertEqual([e["id"] for e in self.entries("--recipient", "b.example")], [two])
        self.assertEqual([e["id"] for e in self.entries("--older", "1h", status=1)], [])
        listed = self.mailq()
        self.assertIn(one, listed)
        lines = self.queue("list")[0].splitlines()
        self.assertRegex(lines[0], r"^ID +AGE +SIZE +STATE +NEXT +SENDER -> RECIPIENTS$")
        for entry in (one, two):
            self.assertEqual(len([line for line in lines if line.startswith(entry + " ")]), 1, lines)
        self.assertEqual(lines[-1].split(",")[0], "2 messages")
        self.assertRegex(listed, r"-- \d+ Kbytes in 2 Requests\.\n$")
        shown = self.queue("show", "--headers", one)[0]
        self.assertIn("<one@a.example>", shown)
        self.assertIn("Subject: A message", shown)
        self.assertIn("Hello.", self.queue("show", "--message", one)[0])
        self.assertIn("1 message held", self.queue("hold", one, "--text", "looked at")[0])
        self.assertEqual([(e["id"], e["held_reason"]) for e in self.entries("--held")], [(one, "looked at")])
        self.assertIn("(looked at)", self.mailq())
        self.queue("release", "--held")
        self.assertEqual(self.entries("--held", status=1), [])
        self.queue("retry", "--recipient", "a.example")
        stats = json.loads(self.queue("stats", "--json")[0])
        self.assertEqual(stats["messages"], 2)
        self.assertIn("2 messages dropped", self.queue("drop", "--sender", "me@here.example")[0])
        self.assertEqual(self.mailq(), "Mail queue is empty\n")

    def test_disk(self):
        """without a gateway the disk is read, and nothing can be done"""
        kept = self.put("me@here.example", "kept@a.example")
        self.gateway.stop()
        out, error = self.queue("list", "--json")
        self.assertEqual(json.loads(out)["id"], kept)
        self.assertIn("not running", error)
        self.assertIn("Hello.", self.queue("show", "--message", kept)[0])
        self.assertIn("Messages     1", self.queue("stats")[0])
        self.assertIn("not running", self.queue("drop", kept, status=3)[1])
        self.gateway.start()
        self.assertEqual([e["id"] for e in self.entries()], [kept])
        self.queue("drop", "--all")

    def test_stalled(self):
        """who connects and says nothing, or nonsense, holds up nobody"""
        idle = []
        for _ in range(40):
            connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            connection.connect(self.gateway.path("run/control"))
            idle.append(connection)
        idle[-1].send(b"nonsense")
        self.assertEqual(self.mailq(), "Mail queue is empty\n")
        self.assertEqual(idle[-1].recv(10), b"")
        for connection in idle:
            connection.close()


if __name__ == "__main__":
    world.main()
