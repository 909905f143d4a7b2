#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""usage: practices_test.py PATH-TO-VOUCH [TEST ...]

`vouch helo check`, `vouch adsp check` and `vouch vbr check` with a real name server: what they print,
and their exit statuses.
"""
import json
import os
import sys
import unittest

sys.dont_write_bytecode = True  # the source tree stays as it is

import world

world.require("nsd", "openssl")

RECORDS = [
    "mail.client.example. A 192.0.2.1",
    "mail.client.example. AAAA 2001:db8::1",
    "all.example. MX 10 mail.all.example.",
    "_adsp._domainkey.all.example. TXT \"dkim=all\"",
    "discard.example. A 192.0.2.9",
    "_adsp._domainkey.discard.example. TXT \"dkim=disc\" \"ardable; t=s\"",
    "silent.example. A 192.0.2.9",
    # A wildcard covers the place of the record, too.
    "wild.example. A 192.0.2.9",
    "*.wild.example. TXT \"v=spf1 -all\"",
    "xn--bcher-kva.example. A 192.0.2.9",
    "_adsp._domainkey.xn--bcher-kva.example. TXT \"dkim=unknown\"",
    "bank.example. TXT \"v=spf1 ip4:192.0.2.1 -all\"",
    "bank.example._vouch.trusty.example. TXT \"trans\" \"action list\"",
    "bank.example._vouch.crook.example. TXT \"all\"",
]


def setUpModule():
    global nsd, key
    key = world.DkimKey("bank.example", "s1")
    nsd = world.Nsd(RECORDS + [key.record], broken=["broken.example"])
    world.close_later(nsd)


def vouch(*arguments, stdin=b"", resolver=None):
    """Exit status, standard output, standard error."""
    return world.vouch(*arguments, "--resolver", "127.0.0.1:%d" % (resolver or nsd.port), stdin=stdin)


def answer(*arguments, stdin=b""):
    """Exit status and what --json gives."""
    status, out, _ = vouch(*arguments, "--json", stdin=stdin)
    return status, json.loads(out)


class Helo(unittest.TestCase):
    def check(self, ip, name, result, status, *more):
        got, found = answer("helo", "check", "--ip", ip, *more, name)
        self.assertEqual((found["result"], got), (result, status), found)
        return found

    def test_results_and_exit_statuses(self):
        self.check("192.0.2.1", "mail.client.example", "pass", 0)
        self.check("2001:db8::1", "mail.client.example", "pass", 0)
        self.check("192.0.2.2", "mail.client.example", "fail", 1)
        self.check("192.0.2.1", "nowhere.example", "none", 1)
        self.check("192.0.2.1", "localhost", "neutral", 1)
        self.check("192.0.2.1", "192.0.2.1", "permerror", 1)
        self.check("192.0.2.1", "mail.broken.example", "temperror", 3)
        self.assertEqual(self.check("192.0.2.1", "[192.0.2.1]", "pass", 0)["kind"], "literal")

    def test_own_names(self):
        found = self.check("192.0.2.1", "mx.here.example", "fail", 1,
                           "--own", "a.example,mx.here.example")
        self.assertTrue(found["own"])

    def test_text(self):
        status, out, _ = vouch("helo", "check", "--ip", "192.0.2.2", "mail.client.example")
        self.assertEqual(status, 1)
        self.assertEqual(out.splitlines()[0], "fail")
        self.assertIn("does not resolve to the client's address", out)

    def test_loopback_is_ourselves(self):
        """a loopback client may use our name for what it is, not for where the name leads"""
        arguments = ("helo", "check", "--ip", "127.0.0.1", "--own", "mx.here.example", "mx.here.example")
        status, out, _ = vouch(*arguments)
        self.assertEqual(status, 0)
        self.assertIn("it is our own name", out)
        self.assertNotIn("leads to the client", out)
        self.assertTrue(answer(*arguments)[1]["ourselves"])
        self.assertIn("leads to the client", vouch("helo", "check", "--ip", "192.0.2.1",
                                                   "mail.client.example")[1])

    def test_usage(self):
        for arguments in (["mail.example"], ["--ip", "x", "mail.example"], ["--ip", "192.0.2.1"]):
            self.assertEqual(vouch("helo", "check", *arguments)[0], 2)


class Adsp(unittest.TestCase):
    def check(self, domain, result, practice, status):
        got, found = answer("adsp", "check", domain)
        author, = found["authors"]
        self.assertEqual((author["result"], author["practice"], got), (result, practice, status))

    def test_domains(self):
        self.check("all.example", "fail", "all", 0)
        self.check("discard.example", "discard", "discardable", 0)
        self.check("b\u00fccher.example", "unknown", "unknown", 0)
        self.check("silent.example", "none", None, 1)
        self.check("wild.example", "none", None, 1)
        self.check("nowhere.example", "nxdomain", None, 1)
        self.check("broken.example", "temperror", None, 3)

    def test_text(self):
        status, out, _ = vouch("adsp", "check", "all.example")
        self.assertEqual((status, out.splitlines()[0]), (0, "all"))
        self.assertIn("dkim=all", out)

    def test_messages(self):
        mail = world.message("a@all.example", "b@x.example")
        status, found = answer("adsp", "check", "-", stdin=mail)
        self.assertEqual((status, found["authors"][0]["result"]), (1, "fail"))
        path = world.write_file(world.folder() + "/signed.eml",
                                key.sign(world.message("a@bank.example", "b@x.example")))
        status, found = answer("adsp", "check", path)
        self.assertEqual((status, found["authors"][0]["result"]), (0, "pass"))

    def test_every_author_is_looked_at_rfc5617_3(self):
        mail = world.message("a@all.example, b@discard.example", "b@x.example")
        status, found = answer("adsp", "check", "-", stdin=mail)
        self.assertEqual(status, 1)
        self.assertEqual([author["result"] for author in found["authors"]], ["fail", "discard"])

    def test_without_an_author(self):
        status, out, _ = vouch("adsp", "check", "-", stdin=b"Subject: x\r\n\r\n")
        self.assertEqual((status, out.splitlines()[0]), (1, "permerror"))

    def test_usage(self):
        self.assertEqual(vouch("adsp", "check")[0], 2)
        self.assertEqual(vouch("adsp", "check", "no such/file")[0], 2)


class Vbr(unittest.TestCase):
    def mail(self, certifiers, content="transaction"):
        info = "VBR-Info: md=bank.example; mc=%s;\r\n mv=%s;\r\n" % (content, certifiers)
        return world.message("a@bank.example", "b@x.example", extra=info)

    def check(self, mail, result, status, *arguments):
        got, found = answer("vbr", "check", *arguments, "-", stdin=mail)
        self.assertEqual((found["result"], got), (result, status), found)
        return found

    def test_dkim_and_a_trusted_certifier(self):
        mail = key.sign(self.mail("other.example:trusty.example"))
        found = self.check(mail, "pass", 0, "--certifier", "trusty.example")
        self.assertEqual(found["certifier"], "trusty.example")
        self.assertEqual(found["authenticated"], [{"domain": "bank.example", "method": "DKIM"}])
        self.check(self.mail("trusty.example"), "none", 1, "--certifier", "trusty.example")

    def test_spf(self):
        mail = self.mail("trusty.example")
        arguments = ["--certifier", "trusty.example", "--from", "a@bank.example", "--ip"]
        self.check(mail, "pass", 0, *arguments, "192.0.2.1")
        self.check(mail, "none", 1, *arguments, "192.0.2.2")

    def test_certifiers_that_are_not_trusted_are_not_asked(self):
        mail = key.sign(self.mail("crook.example"))
        found = self.check(mail, "neutral", 1, "--certifier", "trusty.example")
        self.assertEqual(found["questions"], [])

    def test_several_certifiers(self):
        mail = self.mail("crook.example:trusty.example")
        said = ["--authenticated", "bank.example"]
        for arguments in (["--certifier", "a.example", "--certifier=trusty.example"],
                          ["--certifier", "a.example, trusty.example"]):
            self.check(mail, "pass", 0, *said, *arguments)
        too_many = ",".join("c%d.example" % i for i in range(6))
        self.assertEqual(vouch("vbr", "check", "--certifier", too_many, "-", stdin=mail)[0], 2)

    def test_another_kind_of_mail(self):
        said = ["--authenticated", "bank.example", "--certifier", "trusty.example"]
        self.check(self.mail("trusty.example", "all"), "fail", 1, *said)
        self.check(self.mail("trusty.example", "list"), "pass", 0, *said)

    def test_text_and_usage(self):
        mail = key.sign(self.mail("trusty.example"))
        status, out, _ = vouch("vbr", "check", "--certifier", "trusty.example", "-", stdin=mail)
        self.assertEqual((status, out.splitlines()[0]), (0, "pass"))
        self.assertIn("bank.example._vouch.trusty.example -> transaction list", out)
        self.assertEqual(vouch("vbr", "check", "-", stdin=mail)[0], 2)
        self.assertEqual(vouch("vbr", "check", "--certifier", "trusty.example")[0], 2)


if __name__ == "__main__":
    world.main()
