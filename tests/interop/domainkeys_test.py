#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""usage: domainkeys_test.py PATH-TO-VOUCH [TEST ...]

`vouch domainkeys verify`, `vouch dkim verify` and `vouch dmarc check` with a real name server, and
signatures that the openssl program made: what they print, and their exit statuses.
"""
import base64
import json
import sys
import unittest

sys.dont_write_bytecode = True  # the source tree stays as it is

import world

world.require("nsd", "openssl")

HEADER = b"From: Ann <ann@news.old.example>\r\nTo: bob@example.net\r\nSubject: a  test\r\n"

RECORDS = [
    "_domainkey.news.old.example. TXT \"o=-; n=we sign all\"",
    "news.old.example. A 192.0.2.1",
    "_dmarc.shop.example. TXT \"v=DMARC1; p=reject; sp=quarantine; adkim=s; "
    "rua=mailto:a@shop.example,mailto:b@reports.test,mailto:c@stranger.test,https://x.test/;\"",
    "shop.example._report._dmarc.reports.test. TXT \"v=DMARC1\"",
    "a.shop.example. A 192.0.2.1",
    "_dmarc.half.example. TXT \"v=DMARC1; p=reject; pct=30; t=y\"",
]


def setUpModule():
    global nsd, old_pem, key
    old_pem = world.folder() + "/old.pem"
    world.openssl("genrsa", "-out", old_pem, "1024")
    public = world.openssl("rsa", "-in", old_pem, "-pubout", "-outform", "DER")
    text = base64.b64encode(public).decode()
    old = "s1._domainkey.old.example. TXT \"k=rsa; g=ann; p=\" \"%s\"" % text
    testing = "t1._domainkey.old.example. TXT \"t=y; p=\" \"%s\"" % text
    key = world.DkimKey("shop.example", "k1")
    nsd = world.Nsd(RECORDS + [old, testing, key.record], broken=["broken.example"])
    world.close_later(nsd)


def vouch(*arguments, stdin=b""):
    """Exit status, standard output, standard error."""
    return world.vouch(*arguments, "--resolver", "127.0.0.1:%d" % nsd.port, stdin=stdin)


def answer(*arguments, stdin=b""):
    """Exit status and what --json gives."""
    status, out, err = vouch(*arguments, "--json", stdin=stdin)
    return status, json.loads(out)


def domainkeys_signed(selector, canonical, message, method="simple"):
    signature = world.openssl("dgst", "-sha1", "-sign", old_pem, stdin=canonical)
    tags = b"a=rsa-sha1; q=dns; c=%s; d=old.example; s=%s;\r\n b=%s" % (
        method.encode(), selector.encode(), base64.b64encode(signature))
    return b"DomainKey-Signature: " + tags + b"\r\n" + message


class DomainKeys(unittest.TestCase):
    def test_a_signature_of_openssl_passes(self):
        signed = domainkeys_signed("s1", HEADER + b"\r\nHello\r\n", HEADER + b"\r\nHello\r\n\r\n")
        status, out, _ = vouch("domainkeys", "verify", "-", stdin=signed)
        self.assertEqual(status, 0)
        self.assertIn("pass\n", out)
        self.assertIn("ann@news.old.example (in the From field)", out)
        self.assertIn("d=old.example s=s1", out)
        self.assertNotIn("policy", out)

    def test_nofws_does_not_see_white_space(self):
        canonical = b"From:Ann<ann@news.old.example>\r\nTo:bob@example.net\r\nSubject:atest\r\n\r\nHello\r\n"
        signed = domainkeys_signed("s1", canonical, HEADER + b"\r\n Hel lo \r\n", "nofws")
        self.assertEqual(answer("domainkeys", "verify", "-", stdin=signed)[1]["result"], "pass")

    def test_a_changed_body_fails_and_the_policy_is_shown(self):
        signed = domainkeys_signed("s1", HEADER + b"\r\nHello\r\n", HEADER + b"\r\nHullo\r\n")
        status, out, _ = vouch("domainkeys", "verify", "-", stdin=signed)
        self.assertEqual(status, 1)
        self.assertTrue(out.startswith("fail: "))
        self.assertIn("the domain signs all of its mail", out)

    def test_a_key_in_testing_gives_no_pass(self):
        signed = domainkeys_signed("t1", HEADER + b"\r\nx\r\n", HEADER + b"\r\nx\r\n")
        status, result = answer("domainkeys", "verify", "-", stdin=signed)
        self.assertEqual((status, result["result"], result["testing"]), (1, "policy", True))

    def test_unsigned_mail_of_a_domain_that_signs_all_fails(self):
        status, result = answer("domainkeys", "verify", "-", stdin=HEADER + b"\r\nx\r\n")
        self.assertEqual((status, result["result"], result["policy"]["signs_all"]), (1, "fail", True))
        status, result = answer("domainkeys", "verify", "-", stdin=b"From: a@b.example\r\n\r\nx\r\n")
        self.assertEqual((status, result["result"], result["policy"]), (1, "none", None))

    def test_dns_failures_are_temporary(self):
        field = b"DomainKey-Signature: q=dns; c=simple; d=broken.example; s=x; b=AAAA\r\n"
        message = field + b"From: a@broken.example\r\n\r\nx\r\n"
        self.assertEqual(answer("domainkeys", "verify", "-", stdin=message)[0], 3)


class Dmarc(unittest.TestCase):
    def test_a_domain_is_enough(self):
        status, out, _ = vouch("dmarc", "check", "--domain", "a.shop.example")
        self.assertEqual(status, 0)
        for sentence in ("found: the policy for mail of a.shop.example is quarantine",
                         "1. asked _dmarc.a.shop.example: no record",
                         "2. asked _dmarc.shop.example: v=DMARC1; p=reject",
                         "<- this record applies", "3. asked _dmarc.example: no record",
                         "The organizational domain is shop.example: it is the shortest name",
                         "a.shop.example has no record of its own",
                         "shall be treated as suspicious (quarantine), says sp=",
                         "For DKIM only the very same domain is aligned (strict)",
                         "rua mailto:a@shop.example: fine, of the same organization",
                         "rua mailto:b@reports.test: fine, another organization that has agreed",
                         "rua mailto:c@stranger.test: gets no reports",
                         "rua https://x.test/: gets no reports"):
            self.assertIn(sentence, out)

    def test_both_modes(self):
        status, result = answer("dmarc", "check", "--domain", "half.example")
        self.assertEqual((status, result["discovery"], result["percent"]), (0, "tree-walk", 100))
        self.assertEqual(result["effective_policy"], "quarantine")
        status, result = answer("dmarc", "check", "--domain", "half.example", "--discovery", "suffix-list")
        self.assertEqual((status, result["discovery"], result["percent"]), (0, "suffix-list", 30))
        self.assertEqual(result["effective_policy"], "reject")
        status, out, _ = vouch("dmarc", "check", "--domain", "half.example", "--discovery", "suffix-list")
        self.assertIn("This is for 30% of it (pct=); the rest shall be treated as suspicious", out)

    def test_what_is_not_there_or_cannot_be_asked(self):
        status, out, _ = vouch("dmarc", "check", "--domain", "nothing.test")
        self.assertEqual(status, 1)
        self.assertIn("none: the domain has no DMARC record", out)
        self.assertEqual(answer("dmarc", "check", "--domain", "broken.example")[0], 3)
        self.assertEqual(answer("dmarc", "check", "--domain", "a..b")[1]["result"], "permerror")
        self.assertEqual(vouch("dmarc", "check", "--domain", "x.test", "file.eml")[0], 2)
        self.assertEqual(vouch("dmarc", "check")[0], 2)

    def test_each_identifier_is_explained(self):
        signed = key.sign(b"From: a@shop.example\r\nTo: b@here.example\r\nSubject: x\r\n"
                          b"Date: Thu, 01 Jan 2026 00:00:00 +0000\r\nMessage-ID: <1@shop.example>\r\n\r\nx\r\n")
        status, out, _ = vouch("dmarc", "check", "-", stdin=signed)
        self.assertEqual(status, 0)
        self.assertIn("pass: shop.example stands behind this message", out)
        self.assertIn("DKIM pass for shop.example: aligned, it is the author's domain itself", out)
        self.assertIn("SPF  was not checked (no --ip)", out)
        status, out, _ = vouch("dmarc", "check", "-", stdin=signed.replace(b"From: a@", b"From: a@a."))
        self.assertEqual(status, 1)
        self.assertIn("DKIM fail for shop.example: does not count, since it did not pass", out)
        status, out, _ = vouch("dkim", "verify", "-", stdin=signed)
        self.assertEqual(status, 0)


if __name__ == "__main__":
    world.main()
