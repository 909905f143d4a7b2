#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""usage: rule_test.py PATH-TO-VOUCH [TEST ...]

`vouch rule test` and `vouch rule list` on messages as they come, and the page that explains the built-in tests.
"""
import json
import os
import re
import sys
import unittest

sys.dont_write_bytecode = True  # the source tree stays as it is

import world

SOURCE = os.environ.get("VOUCH_SOURCE", os.path.join(os.path.dirname(os.path.abspath(__file__)), "../.."))

ORDINARY = b"""Received: from a.sender.example (a.sender.example [192.0.2.1]) by mx.here.example with ESMTP;
 Sun, 22 Nov 2026 06:00:10 +0000
From: Alice <alice@sender.example>
To: bob@here.example
Subject: Lunch tomorrow
Date: Sun, 22 Nov 2026 06:00:00 +0000
Message-ID: <1@sender.example>

Shall we have lunch tomorrow? There is a new place near the station.
"""

JUNK = """Received: from x (x.example [192.0.2.1]) by mx.here.example with SMTP; Sun, 22 Nov 2026 06:00:10 +0000
From: "PayPal Support" <a837498374@evil.example>
Reply-To: <pay83749@gmail.com>
To: bob@here.example
Subject: Re: YOU HAVE WON A MILLION $$$
Date: Sun, 22 Nov 2026 06:00:00 +0000
Message-ID: nothing
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary=b

--b
Content-Type: text/html; charset=utf-8

<p>Log in at <a href="http://198.51.100.7/login">https://www.paypal.com/login</a> within a day, or else your
\u0430\u0441\u0441\u043eunt at P\u0430yPal will be closed. You have won.</p><form action="http://evil.example/x"><input></form>
--b
Content-Type: image/png; name="invoice.pdf.exe"
Content-Transfer-Encoding: base64

TVqQAAMAAAAEAAAA//8AALgAAAAAAAAA
--b--
""".encode()

CONFIG = """
hostname = mx.here.example
rule lottery { where = body pattern = "(?i)you have won" weight = 2.5 text = "No lotteries." }
rule never { where = subject pattern = "nothing of the kind" weight = 1 }
rule no-mailer { where = header field = X-Mailer pattern = "." negate = yes weight = 0.25 }
rule html-only { weight = 0 }
rule attachment-executable { weight = 4.5 }
phishing { protect = [paypal.com] }
"""


def config(text, name="rules.conf"):
    return world.write_file(world.folder() + "/" + name, text)


def run(octets, text=CONFIG, *options):
    status, out, err = world.vouch("rule", "test", "--json", "--config", config(text), *options, "-", stdin=octets)
    if not out:
        raise AssertionError(err)
    return status, json.loads(out)


def by_name(findings):
    return {finding["name"]: finding for finding in findings}


class Testing(unittest.TestCase):
    def test_an_ordinary_message(self):
        """an ordinary message matches nothing but what was made for it"""
        status, found = run(ORDINARY)
        self.assertEqual(status, 0)
        self.assertEqual([rule["name"] for rule in found["rules"]], ["no-mailer"])
        self.assertEqual((found["tests"], found["phishing"], found["total"]), ([], [], 0.25))

    def test_junk(self):
        """junk matches what it is made of, with what was seen"""
        status, found = run(JUNK)
        self.assertEqual(status, 1)
        rules, tests = by_name(found["rules"]), by_name(found["tests"])
        self.assertEqual(set(rules), {"lottery", "no-mailer"})
        self.assertEqual(rules["lottery"]["points"], 2.5)
        self.assertEqual(rules["lottery"]["reason"], '"You have won" in the text')
        for name in ("from-digits", "message-id-malformed", "subject-capitals", "subject-fake-reply", "subject-marks",
                     "text-mixed-scripts", "html-form", "link-address", "attachment-executable",
                     "attachment-disguised"):
            self.assertIn(name, tests)
        self.assertEqual(tests["attachment-executable"]["points"], 4.5)
        self.assertIn("invoice.pdf.exe", tests["attachment-executable"]["reason"])
        kinds = [finding["name"] for finding in found["phishing"]]
        self.assertEqual(sorted(kinds), ["display-name", "link-text"])
        points = sum(finding["points"] for finding in found["rules"] + found["tests"])
        self.assertAlmostEqual(found["total"], points, 2)

    def test_the_text_says_the_same(self):
        """the text says the same as the JSON"""
        found = run(JUNK)[1]
        status, out, err = world.vouch("rule", "test", "--config", config(CONFIG), "-", stdin=JUNK)
        self.assertEqual((status, err), (1, ""))
        for finding in found["rules"] + found["tests"]:
            self.assertRegex(out, r"(?m)^ *%.2f  %s +%s$" % (finding["points"], re.escape(finding["name"]),
                                                             re.escape(finding["reason"])))
        self.assertTrue(out.endswith("total %.2f\n" % found["total"]))

    def test_the_time_of_receipt(self):
        """a message is tested as of when it was received, or as of --now"""
        self.assertNotIn("date-past", by_name(run(ORDINARY)[1]["tests"]))
        self.assertIn("date-past", by_name(run(ORDINARY, CONFIG, "--now", "1900000000")[1]["tests"]))
        self.assertIn("date-future", by_name(run(ORDINARY, CONFIG, "--now", "1700000000")[1]["tests"]))

    def test_a_broken_pattern(self):
        """a pattern that is none is an error that names it"""
        status, out, err = world.vouch("rule", "test", "--config",
                                       config(CONFIG + 'rule bad { where = body pattern = "a(b" }\n', "bad.conf"), "-",
                                       stdin=ORDINARY)
        self.assertIn(status, (2, 3))
        self.assertEqual(out, "")
        self.assertIn("no regular expression", err)
        self.assertIn("missing closing parenthesis", err)

    def test_a_slow_pattern(self):
        """a pattern that explodes is given up, and said to be"""
        slow = CONFIG + 'rule slow { where = body pattern = "^(a|aa)+b" weight = 9 }\n'
        status, out, err = world.vouch("rule", "test", "--config", config(slow, "slow.conf"), "-",
                                       stdin=ORDINARY.replace(b"Shall we", b"a" * 900 + b"cb"))
        self.assertEqual(status, 0)
        self.assertIn("rule slow met its limit", err)
        self.assertNotIn("slow", out)


class Listing(unittest.TestCase):
    def test_the_list(self):
        """the list has the rules and all tests with the weights of the configuration"""
        status, out, _ = world.vouch("rule", "list", "--json", "--config", config(CONFIG))
        listed = json.loads(out)
        self.assertEqual(status, 0)
        self.assertEqual([rule["name"] for rule in listed["rules"]], ["lottery", "never", "no-mailer"])
        tests = by_name(listed["tests"])
        self.assertEqual(tests["html-only"]["points"], 0)
        self.assertEqual(tests["attachment-executable"]["points"], 4.5)

    def test_the_page(self):
        """doc/builtin-tests.md has each test with its points and its meaning, and no other"""
        _, out, _ = world.vouch("rule", "list", "--json", "--config", config("hostname = mx.here.example\n", "none.conf"))
        listed = {(test["name"], "%.1f" % test["points"], test["reason"]) for test in json.loads(out)["tests"]}
        with open(os.path.join(SOURCE, "doc/builtin-tests.md")) as page:
            rows = set(re.findall(r"(?m)^\| `([a-z0-9-]+)` \| (-?[0-9.]+) \| (.*) \|$", page.read()))
        self.assertEqual(rows, listed)


if __name__ == "__main__":
    world.main()
