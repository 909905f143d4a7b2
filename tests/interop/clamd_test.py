#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""usage: clamd_test.py PATH-TO-VOUCH [TEST ...]

A real clamd on a port of loopback, offline, with a database of two signatures of our own: a string, and the
test file of EICAR by its digest. First by `vouch rule test --scan`, then behind the gateway.
"""
import base64
import functools
import hashlib
import json
import os
import socket
import sys
import threading
import unittest

sys.dont_write_bytecode = True  # the source tree stays as it is

import world

world.require("clamd", "nsd")

MARK = b"this-string-is-the-virus-of-our-tests-6b1f"
# The test file that all scanners know, written so that this file is not taken for it.
EICAR = b"X5O!P%@AP[4\\PZX54(P^)7CC)7}$" + b"EICAR-STANDARD-ANTIVIRUS-TEST-FILE" + b"!$H+H*"
LIMIT = 2 * 1024 * 1024


def message(body, kind="text/plain", subject="lunch"):
    return (b"From: Alice <alice@sender.example>\r\nTo: alice@here.example\r\nSubject: " + subject.encode() +
            b"\r\nDate: Sun, 22 Nov 2026 06:00:00 +0000\r\nMessage-ID: <1@sender.example>\r\n"
            b"MIME-Version: 1.0\r\nContent-Type: " + kind.encode() + b"\r\n\r\n" + body)


def attached(octets):
    return message(b"--b\r\n\r\nsee there\r\n--b\r\nContent-Type: application/octet-stream\r\n"
                   b"Content-Disposition: attachment; filename=\"report.dat\"\r\n"
                   b"Content-Transfer-Encoding: base64\r\n\r\n" + base64.encodebytes(octets).replace(b"\n", b"\r\n") + b"--b--\r\n",
                   "multipart/mixed; boundary=b")


class Clamd(world.Daemon):
    """In the foreground, with a configuration and signatures of its own; asks nobody for news."""

    def __init__(self, name="clamd"):
        self.place = os.path.join(world.folder(), name)
        self.port = world.free_port()
        database = self.place + "/database"
        os.makedirs(database)
        world.write_file(database + "/test.ndb", "Test.String:0:*:%s\n" % MARK.hex())
        world.write_file(database + "/test.hdb", "%s:%d:Test.Eicar\n" % (hashlib.md5(EICAR).hexdigest(), len(EICAR)))
        world.write_file(self.place + "/clamd.conf", """
Foreground yes
TCPSocket %d
TCPAddr 127.0.0.1
DatabaseDirectory %s
TemporaryDirectory %s
StreamMaxLength %d
OfficialDatabaseOnly no
ConcurrentDatabaseReload no
""" % (self.port, database, self.place, LIMIT))
        self.start_again()

    def start_again(self):
        super().__init__("clamd", [world.find_program("clamd"), "-c", self.place + "/clamd.conf"],
                         self.place + "/log")
        world.wait_until("clamd answers", lambda: self.ended() or self.answers())
        if self.ended():
            raise AssertionError("clamd does not start: " + self.log_text())

    def answers(self):
        try:
            with socket.create_connection(("127.0.0.1", self.port), 5) as connection:
                connection.sendall(b"zPING\0")
                return connection.recv(100) == b"PONG\0"
        except OSError:
            return False


class Impostor:
    """Something at clamd's address that takes whatever comes and answers what it was given."""

    def __init__(self, answer):
        self.answer = answer
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()
        world.close_later(self)

    def serve(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            with connection:
                seen = b""
                while not seen.endswith(b"\0\0\0\0"):
                    octets = connection.recv(65536)
                    if not octets:
                        break
                    seen += octets
                try:
                    connection.sendall(self.answer)
                except OSError:
                    pass

    def close(self):
        self.listener.close()


clamd = None


def setUpModule():
    global clamd
    clamd = Clamd()


@functools.lru_cache(None)
def config(port, extra=""):
    return world.write_file("%s/clamd-%d-%d.conf" % (world.folder(), port, len(extra)), """
hostname = mx.here.example
clamd { server = 127.0.0.1:%d %s }
""" % (port, extra))


def scan(octets, port=None, extra=""):
    """Exit status, and what `vouch rule test` says of the virus."""
    status, out, err = world.vouch("rule", "test", "--scan", "--json", "--config",
                                   config(port or clamd.port, extra), "-", stdin=octets)
    if not out:
        raise AssertionError(err)
    return status, json.loads(out)["virus"]


class Scanning(unittest.TestCase):
    def test_a_clean_message_is_clean(self):
        """a clean message is clean"""
        self.assertEqual(scan(message(b"hello\r\n")), (0, {"result": "clean", "name": "", "problem": ""}))

    def test_a_string_is_found_in_the_text(self):
        """a string of the database is found in the text"""
        status, virus = scan(message(b"look: " + MARK + b"\r\n"))
        self.assertEqual((status, virus["result"]), (1, "found"))
        self.assertRegex(virus["name"], r"^Test\.String")

    def test_what_is_attached_is_decoded(self):
        """what is attached is decoded: the string, and the file of EICAR"""
        for octets, name in (b"MZ.." + MARK, "Test.String"), (EICAR, "Test.Eicar"):
            status, virus = scan(attached(octets))
            self.assertEqual((status, virus["result"]), (1, "found"))
            self.assertTrue(virus["name"].startswith(name), virus)

    def test_a_large_message_goes_in_pieces(self):
        """a message of several pieces is scanned to its end"""
        text = b"nothing but words in this line of text\r\n" * 40000
        self.assertEqual(scan(message(text))[1]["result"], "clean")
        self.assertEqual(scan(message(text + MARK))[1]["result"], "found")

    def test_beyond_our_limit_the_rest_is_not_scanned_and_that_is_said(self):
        """beyond our limit the rest is not scanned, and that is said"""
        text = b"nothing but words in this line of text\r\n" * 30000
        status, virus = scan(message(text + MARK), extra="size = 1M")
        self.assertEqual((status, virus["result"]), (0, "partly"))
        self.assertIn("1048576", virus["problem"])
        self.assertEqual(scan(message(MARK + text), extra="size = 1M")[1]["result"], "found")

    def test_beyond_its_limit_it_is_no_answer(self):
        """more than clamd takes is no answer, and no all-clear"""
        status, virus = scan(message(b"x" * 70 + b"\r\n" + b"y\r\n" * LIMIT), extra="size = 25M")
        self.assertEqual((status, virus["result"]), (3, "failed"))

    def test_many_at_once(self):
        """twenty messages at once each have their own answer"""
        results = [None] * 20

        def one(i):
            results[i] = scan(message(MARK if i % 2 else b"hello\r\n"))[1]["result"]
        config(clamd.port)
        threads = [threading.Thread(target=one, args=(i,)) for i in range(len(results))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(results, ["clean", "found"] * 10)

    def test_nobody_there(self):
        """nobody at the address is a failure"""
        status, virus = scan(message(b"hello\r\n"), port=world.free_port())
        self.assertEqual((status, virus["result"]), (3, "failed"))
        self.assertIn("connecting", virus["problem"])

    def test_something_else_there(self):
        """what answers otherwise is a failure, whatever it says"""
        for answer in b"220 mail ESMTP\r\n", b"", b"\0", b"OK\0", b"x" * 100000, b"stream: OK", b"\xff" * 50 + b"\0":
            status, virus = scan(message(b"hello\r\n"), port=Impostor(answer).port, extra="timeout = 5s")
            self.assertEqual((status, virus["result"]), (3, "failed"), answer[:30])
            self.assertTrue(virus["problem"].isprintable())

    def test_a_name_is_shown_as_it_may_be(self):
        """a name of a virus is bounded and printable"""
        status, virus = scan(message(b"hello\r\n"), port=Impostor(b"stream: \x1b[31m" + b"n" * 900 + b" FOUND\0").port)
        self.assertEqual((status, virus["result"]), (1, "found"))
        self.assertEqual(len(virus["name"]), 200)
        self.assertTrue(virus["name"].isprintable())


SECTIONS = """
clamd { server = 127.0.0.1:%d timeout = 10s %s }
policy default { virus = %s }
rule lottery { where = body pattern = "(?i)you have won" weight = 7.5 }
rule never-mind { where = subject pattern = "^ADV:" action = reject text = "No advertisements, please." }
"""


class Gateways(unittest.TestCase):
    """The gateway with clamd behind it: one gateway for each policy about viruses and about a clamd that is away."""

    @classmethod
    def setUpClass(cls):
        cls.nsd = world.Nsd(["sender.example. TXT \"v=spf1 ip4:127.0.0.10 -all\""])

    @classmethod
    def tearDownClass(cls):
        cls.nsd.stop()

    def gateway(self, name, port=None, virus="reject", failure=""):
        gateway = world.Gateway(name, self.nsd.port, sections=SECTIONS % (port or clamd.port, failure, virus))
        self.addCleanup(gateway.stop)
        return gateway

    def send(self, gateway, octets):
        return gateway.send("alice@sender.example", "alice@here.example", octets, source="127.0.0.10",
                            helo="mail.sender.example")

    def test_infected_mail_is_refused(self):
        """infected mail is refused with the name of the virus, clean mail delivered"""
        gateway = self.gateway("refusing")
        reply = self.send(gateway, attached(EICAR))
        self.assertEqual(reply.code, 550, reply)
        self.assertIn("Test.Eicar", reply.text)
        self.assertEqual(self.send(gateway, message(b"hello\r\n", subject="clean one")).code, 250)
        self.assertIn(b"Subject: clean one", gateway.the_mail("alice", "clean one").octets)
        self.assertFalse(gateway.find_mail("alice", "report.dat"))

    def test_infected_mail_is_quarantined_where_the_policy_says_so(self):
        """infected mail is accepted and kept from the mailbox where the policy says so"""
        gateway = self.gateway("quarantining", virus="quarantine")
        self.assertEqual(self.send(gateway, message(MARK)).code, 250)
        self.assertFalse(gateway.find_mail("alice", MARK.decode()))

    def test_infected_mail_is_marked_where_the_policy_says_so(self):
        """infected mail is delivered as junk where the policy only marks it"""
        gateway = self.gateway("marking", virus="mark")
        self.assertEqual(self.send(gateway, message(MARK)).code, 250)
        self.assertTrue(gateway.find_mail("alice", MARK.decode(), inner=".Junk"))

    def test_without_clamd_mail_waits(self):
        """while clamd is away mail is put off, and taken when it is back"""
        own = Clamd("coming-and-going")
        gateway = self.gateway("waiting", own.port)
        self.assertEqual(self.send(gateway, message(b"hello\r\n", subject="before")).code, 250)
        own.stop()
        reply = self.send(gateway, message(b"hello\r\n", subject="between"))
        self.assertEqual(reply.code, 451, reply)
        self.assertFalse(gateway.find_mail("alice", "Subject: between"))
        own.start_again()
        self.assertEqual(self.send(gateway, message(b"hello\r\n", subject="after")).code, 250)

    def test_without_clamd_mail_is_taken_where_the_configuration_says_so(self):
        """with failure = accept mail is taken without clamd, and the story says so"""
        gateway = self.gateway("taking", world.free_port(), failure="failure = accept")
        self.assertEqual(self.send(gateway, message(b"hello\r\n", subject="unscanned")).code, 250)
        mail = gateway.the_mail("alice", "Subject: unscanned")
        self.assertIn(b"X-Vouch-", mail.octets)

    def test_rules_decide(self):
        """rules of the configuration count, and may refuse by themselves"""
        gateway = self.gateway("ruling")
        reply = self.send(gateway, message(b"hello\r\n", subject="ADV: cheap"))
        self.assertEqual(reply.code, 550, reply)
        self.assertIn("No advertisements, please.", reply.text)
        self.assertEqual(self.send(gateway, message(b"You have won.\r\n", subject="winner")).code, 250)
        self.assertTrue(gateway.find_mail("alice", "Subject: winner", inner=".Junk"))


if __name__ == "__main__":
    world.main()
