#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""usage: quarantine_test.py PATH-TO-VOUCH [TEST ...]

`vouch quarantine` against a gateway that runs: what a policy puts aside is listed, shown, released, learned, deleted.
"""
import json
import sys
import unittest

sys.dont_write_bytecode = True  # the source tree stays as it is

import world

SECTIONS = """
rule aside { where = subject pattern = "ASIDE" action = quarantine text = "Put aside by a rule." }
"""
SENDER = "eve@sender.example"


def setUpModule():
    world.require("nsd")


class Quarantine(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.dns = world.Nsd(["sender.example. TXT \"v=spf1 ip4:127.0.0.10 -all\"",
                             "far.example. MX 10 mx.far.example.", "mx.far.example. A 127.0.0.1"])
        cls.gateway = world.Gateway("quarantine", cls.dns.port, sections=SECTIONS,
                                    aliases="team: alice, bob\n")

    @classmethod
    def tearDownClass(cls):
        cls.gateway.stop()

    def setUp(self):
        self.run_command("purge", "--all", status=None)

    def run_command(self, verb, *arguments, status=0):
        done = self.gateway.run("quarantine", verb, "--config", self.gateway.config, *arguments)
        if status is not None:
            self.assertEqual(done.returncode, status, (verb, arguments, done.stdout, done.stderr))
        return done.stdout

    def entries(self, *filters, status=0):
        return [json.loads(line) for line in
                self.run_command("list", "--json", *filters, status=status).decode().splitlines()]

    def put(self, recipients, subject, sender=SENDER, **more):
        octets = world.message(sender, "undisclosed@here.example", subject="ASIDE " + subject, **more)
        reply = self.gateway.send(sender, recipients, octets, source="127.0.0.10", helo="mail.sender.example")
        self.assertEqual(reply.code, 250, reply)
        return reply.id, octets

    def test_empty(self):
        """an empty quarantine, and what wants an argument"""
        self.assertIn(b"empty", self.run_command("list", status=1))
        for verb in "release", "purge":
            self.run_command(verb, status=2)
            self.run_command(verb, "--all", status=1)
        self.run_command("train", "--all", status=2)
        self.run_command("show", status=2)
        self.run_command("show", "nothing", status=1)
        for verb in "list", "show", "release", "train", "purge":
            self.assertIn(b"examples:", self.run_command(verb, "--help"))

    def test_listed(self):
        """a message for an alias is listed once for each mailbox, with its reason"""
        id, octets = self.put("team@here.example", "=?utf-8?Q?caf=C3=A9?=")
        found = self.entries()
        self.assertEqual([entry["id"] for entry in found], [id, id])
        self.assertEqual({entry["mailbox"] for entry in found}, {"alice@here.example", "bob@here.example"})
        self.assertEqual({entry["recipient"] for entry in found}, {"team@here.example"})
        self.assertEqual(found[0]["subject"], "ASIDE caf\u00e9")
        self.assertEqual((found[0]["sender"], found[0]["from"]), (SENDER, SENDER))
        self.assertIn("Put aside by a rule.", found[0]["reason"])
        self.assertRegex(found[0]["score"], r"^[-+0-9.]+$")
        self.assertGreater(found[0]["size"], len(octets))
        text = self.run_command("list").decode()
        self.assertIn("2 messages", text)
        self.assertIn("caf\u00e9", text)
        self.assertEqual(len(self.entries("--recipient", "bob@here.example")), 1)
        self.assertEqual(len(self.entries("--sender", SENDER, "--younger", "1h", "--reason", "BY A RULE")), 2)
        for filters in ("--older", "1h"), ("--sender", "a@b.example"), ("--reason", "virus"):
            self.entries(*filters, status=1)
        self.assertFalse(self.gateway.find_mail("alice", id))

    def test_shown(self):
        """shown safely, as it came, and with its story"""
        id, octets = self.put("alice@here.example", "shown", body="Hello \x1b[31mred\x07.\r\nhttp://a.example/x\r\n")
        text = self.run_command("show", id)
        self.assertIn(b"Hello", text)
        self.assertIn(b"Put aside by a rule.", text)
        self.assertIn(b"http://a.example/x", text)
        self.assertFalse([octet for octet in text if octet < 32 and octet not in b"\n\t"])
        self.assertEqual(self.run_command("show", "--raw", id), octets)
        self.assertIn("red", json.loads(self.run_command("show", "--json", id))["text"])
        self.gateway.explain(id)
        self.assertIn(b"aside", self.run_command("show", "--explain", id).lower())
        self.run_command("show", "--raw", "--explain", id, status=2)

    def test_released(self):
        """released to one recipient, then to the other; learned as ham"""
        id, octets = self.put(["alice@here.example", "bob@here.example"], "for two")
        start = len(self.gateway.log_text())
        self.assertIn(b"1 message released", self.run_command("release", "--recipient", "bob@here.example", id))
        mail = self.gateway.the_mail("bob", "for two")
        self.assertIn("id=" + id, mail.field("X-Vouch-Released"))
        self.assertEqual(mail.field("Return-Path"), "<%s>" % SENDER)
        self.assertTrue(mail.octets.endswith(octets.replace(b"\r\n", b"\n")))
        self.assertFalse(self.gateway.find_mail("alice", "for two"))
        self.assertEqual([entry["mailbox"] for entry in self.entries()], ["alice@here.example"])
        self.run_command("release", "--no-train", "--all", "--younger", "1h")
        self.gateway.the_mail("alice", "for two")
        self.entries(status=1)
        self.run_command("release", id, status=1)
        self.assertIn("released", self.gateway.log_text()[start:])
        # What was learned once, is known as such.
        file = self.gateway.write("released.eml", octets)
        world.wait_until("it is learned", lambda: b" 1 known" in self.train("ham", file))

    def train(self, word, file):
        return self.gateway.run("train", word, "--config", self.gateway.config, file).stdout

    def test_released_from_another_start(self):
        """what lies in quarantine survives a restart"""
        id, _ = self.put("carol@here.example", "patient")
        self.gateway.restart()
        self.run_command("release", id)
        self.gateway.the_mail("carol", "patient")

    def test_learned(self):
        """learned as junk, and still there"""
        id, octets = self.put("alice@here.example", "learned")
        self.assertIn(b"1 message learned", self.run_command("train", id, "spam"))
        self.assertEqual(len(self.entries()), 1)
        file = self.gateway.write("learned.eml", octets)
        self.assertIn(b" 1 known", self.train("spam", file))

    def test_deleted(self):
        """deleted, but never what is younger than asked; nobody is told"""
        id, _ = self.put(["alice@here.example", "bob@here.example"], "deleted")
        self.run_command("purge", "--all", "--older", "1h", status=1)
        self.assertEqual(len(self.entries()), 2)
        done = json.loads(self.run_command("purge", "--json", "--recipient", "alice@here.example"))
        self.assertEqual((done["count"], done["failed"]), (1, 0))
        self.run_command("purge", id)
        self.entries(status=1)
        done = self.gateway.run("queue", "list", "--config", self.gateway.config)
        self.assertEqual(done.returncode, 1, done.stdout)

    def test_gone(self):
        """a mailbox that is gone is said to be, and the message stays"""
        id, _ = self.put("carol@here.example", "gone")
        self.gateway.write("users", "alice\nbob\n")
        self.gateway.restart()
        done = self.gateway.run("quarantine", "release", "--config", self.gateway.config, id)
        self.assertEqual(done.returncode, 1, done)
        self.assertIn(b"is gone", done.stderr)
        self.assertEqual(len(self.entries()), 1)
        self.gateway.write("users", "alice\nbob\ncarol\n")
        self.gateway.restart()
        self.run_command("release", id)


if __name__ == "__main__":
    world.main()
