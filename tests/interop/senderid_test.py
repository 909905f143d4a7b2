#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""usage: senderid_test.py PATH-TO-VOUCH [TEST ...]

`vouch senderid check` with a real name server: what it prints, and its exit statuses.
"""
import json
import sys
import unittest

sys.dont_write_bytecode = True  # the source tree stays as it is

import world

world.require("nsd")

RECORDS = [
    "lists.example. TXT \"spf2.0/pra ip4:192.0.2.1 -all\"",
    "lists.example. TXT \"v=spf1 -all\"",
    # As long records are published: in several strings.
    "old.example. TXT \"v=spf1 ip4:\" \"192.0.2.1 exp=why.example -all\"",
    "why.example. TXT \"%{s} does not send from %{i}\"",
    "included.example. TXT \"spf2.0/mfrom,pra include:lists.example ?all\"",
    "steered.example. TXT \"v=spf1 x=\\027[31m -all\"",
]

LIST_MAIL = b"From: ann@home.example\r\nSender: Lists <owner@lists.example>\r\n\r\nHello\r\n"


def setUpModule():
    global nsd
    nsd = world.Nsd(RECORDS, broken=["broken.example"])
    world.close_later(nsd)


def vouch(*arguments, stdin=b""):
    """Exit status, standard output, standard error."""
    return world.vouch("senderid", "check", *arguments,
                       "--resolver", "127.0.0.1:%d" % nsd.port, stdin=stdin)


def answer(*arguments, stdin=b""):
    """Exit status and what --json gives."""
    status, out, _ = vouch(*arguments, "--json", stdin=stdin)
    return status, json.loads(out)


class SenderId(unittest.TestCase):
    def check(self, result, status, *arguments, stdin=b""):
        got, found = answer(*arguments, stdin=stdin)
        self.assertEqual((found["result"], got), (result, status), found)
        return found

    def test_the_pra_of_a_message(self):
        found = self.check("pass", 0, "--ip", "192.0.2.1", "-", stdin=LIST_MAIL)
        self.assertEqual(found["pra"]["field"], "Sender")
        self.assertEqual(found["mailbox"], "owner@lists.example")
        self.assertIn("step 3", found["pra"]["reason"])
        self.assertEqual(found["record"], "spf2.0/pra ip4:192.0.2.1 -all")
        self.assertFalse(found["fell_back"])
        self.check("fail", 1, "--ip", "192.0.2.9", "-", stdin=LIST_MAIL)

    def test_a_message_without_pra(self):
        message = b"Sender: a@lists.example\nSender: b@lists.example\n\n"
        found = self.check("none", 1, "--ip", "192.0.2.1", "-", stdin=message)
        self.assertIn("step 3", found["pra"]["problem"])

    def test_without_a_client_nothing_is_asked(self):
        found = self.check(None, 0, "-", stdin=LIST_MAIL)
        self.assertEqual(found["steps"], [])

    def test_a_given_mailbox(self):
        found = self.check("pass", 0, "--ip", "192.0.2.1", "--pra", "<a@old.example>")
        self.assertTrue(found["fell_back"])
        found = self.check("fail", 1, "--ip", "192.0.2.9", "--pra", "a@old.example")
        self.assertEqual(found["explanation"], "a@old.example does not send from 192.0.2.9")
        self.check("pass", 0, "--ip", "192.0.2.1", "--pra", "a@included.example")

    def test_scopes(self):
        envelope = "--scope", "mfrom", "--from"
        self.check("fail", 1, "--ip", "192.0.2.1", *envelope, "a@lists.example")
        self.check("fail", 1, "--ip", "192.0.2.9", *envelope, "<>", "--helo", "old.example")
        self.check("none", 1, "--ip", "192.0.2.1", *envelope, "a@missing.example")

    def test_a_missing_domain_fails(self):
        found = self.check("fail", 1, "--ip", "192.0.2.1", "--pra", "a@missing.example")
        self.assertIn("does not exist", found["problem"])

    def test_dns_that_fails(self):
        self.check("temperror", 3, "--ip", "192.0.2.1", "--pra", "a@broken.example")

    def test_text(self):
        status, out, _ = vouch("--ip", "192.0.2.1", "-", stdin=LIST_MAIL)
        self.assertEqual(status, 0)
        self.assertEqual(out, """\
pass
  The client may send mail for this domain.
  PRA          owner@lists.example
  taken from   Sender
  because      step 3: it is the only Sender field, and the message was not resent
  domain       lists.example
  record       spf2.0/pra ip4:192.0.2.1 -all
  chosen as    the spf2.0 record for this check
  decided by   ip4:192.0.2.1
  used         0 of 10 DNS terms, 0 of 2 void look-ups
  lists.example: spf2.0/pra ip4:192.0.2.1 -all
  ip4:192.0.2.1 -> match
""")

    def test_a_record_does_not_steer_the_terminal(self):
        _, out, _ = vouch("--ip", "192.0.2.1", "--pra", "a@steered.example")
        self.assertTrue(out.startswith("permerror\n"), out)
        self.assertNotIn("\033", out)

    def test_usage(self):
        for arguments in ([], ["--scope", "mfrom", "-"], ["--scope", "both", "-"],
                          ["--pra", "a@lists.example"], ["--ip", "1.2.3", "-"],
                          ["--from", "a@lists.example", "-"], ["-", "-"],
                          ["/nonexistent/message.eml"]):
            status, out, error = vouch(*arguments)
            self.assertEqual((status, out), (2, ""), arguments)
            self.assertTrue(error, arguments)


if __name__ == "__main__":
    world.main()
