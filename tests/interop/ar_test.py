#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""usage: ar_test.py PATH-TO-VOUCH [TEST ...]

`vouch ar parse`: what it shows of Authentication-Results fields (RFC 8601), and its exit statuses.
"""
import json
import os
import pty
import subprocess
import sys
import unittest

sys.dont_write_bytecode = True  # the source tree stays as it is

import world

MAIL = (b"Authentication-Results: mx.example.org;\r\n"
        b" spf=pass smtp.mailfrom=example.net;\r\n"
        b" dkim=fail (2048-bit key) reason=\"body hash did not verify\"\r\n"
        b"  header.d=example.net header.b=AbC/1+2=\r\n"
        b"Received: from a by b; Tue, 14 Nov 2023 22:13:20 +0000\r\n"
        b"authentication-results: other.example 1; none\r\n"
        b"ARC-Authentication-Results: i=1; third.example; none\r\n"
        b"From: a@example.net\r\n"
        b"\r\n"
        b"Authentication-Results: body.example; spf=pass\r\n")
BAD = b"Authentication-Results: mx.example.org; spf\r\n"


def vouch(*arguments, stdin=b""):
    """Exit status, standard output, standard error."""
    done = subprocess.run([world.VOUCH, "ar", "parse", *arguments], input=stdin,
                          capture_output=True, timeout=world.PATIENCE)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def read(*arguments, stdin=b""):
    """Exit status, and what --json gives."""
    status, out, _ = vouch("--json", *arguments, stdin=stdin)
    return status, json.loads(out)


def read_one(text):
    status, (field,) = read("--text", text)
    assert status == 0, field
    return field


class Message(unittest.TestCase):
    def test_fields_come_from_the_top_and_others_do_not(self):
        status, fields = read("-", stdin=MAIL)
        self.assertEqual(status, 0)
        self.assertEqual([field["authserv_id"] for field in fields],
                         ["mx.example.org", "other.example"])
        spf, dkim = fields[0]["statements"]
        self.assertEqual((spf["method"], spf["version"], spf["result"]), ("spf", 1, "pass"))
        self.assertEqual(spf["properties"],
                         [{"type": "smtp", "name": "mailfrom", "value": "example.net"}])
        self.assertEqual((dkim["result"], dkim["comment"], dkim["reason"]),
                         ("fail", "2048-bit key", "body hash did not verify"))
        self.assertEqual([entry["value"] for entry in dkim["properties"]],
                         ["example.net", "AbC/1+2="])
        self.assertEqual(fields[1]["statements"], [])

    def test_text(self):
        status, out, _ = vouch("-", stdin=MAIL)
        self.assertEqual(status, 0)
        self.assertEqual(out.splitlines(), [
            "mx.example.org says:",
            "  spf          pass smtp.mailfrom=example.net",
            "  dkim         fail header.d=example.net header.b=AbC/1+2="
            "  \"body hash did not verify\"  (2048-bit key)",
            "",
            "other.example says that nothing was checked."])

    def test_a_field_that_cannot_be_read_hides_no_other(self):
        status, fields = read("-", stdin=BAD + MAIL + BAD)
        self.assertEqual(status, 1)
        self.assertEqual([field.get("authserv_id") for field in fields],
                         [None, "mx.example.org", "other.example"])
        self.assertIn("expected", fields[0]["error"])
        status, out, _ = vouch("-", stdin=BAD + MAIL)
        self.assertEqual(status, 1)
        self.assertTrue(out.startswith("A field cannot be read: "), out)
        self.assertIn("mx.example.org says:", out)

    def test_none_at_all(self):
        mail = b"From: a@example.net\r\n\r\nAuthentication-Results: x; none\r\n"
        self.assertEqual(vouch("-", stdin=mail)[:2],
                         (1, "There is no Authentication-Results field.\n"))
        self.assertEqual(read("-", stdin=mail), (1, []))
        self.assertEqual(read("-"), (1, []))

    def test_a_file_with_line_ends_of_unix(self):
        path = world.write_file(world.folder() + "/unix.eml", MAIL.replace(b"\r\n", b"\n"))
        status, fields = read(path)
        self.assertEqual((status, len(fields)), (0, 2))


class Text(unittest.TestCase):
    def test_properties_of_the_registered_methods(self):
        for method, properties in (
                ("arc", "smtp.remote-ip=192.0.2.1 header.oldest-pass=0"),
                ("auth", "smtp.auth=a@x.example smtp.mailfrom=b@x.example"),
                ("dkim", "header.d=x header.i=@x header.b=Ab header.a=rsa-sha256 header.s=s"),
                ("dkim-adsp", "header.from=a@x.example"), ("dkim-atps", "header.from=a@x.example"),
                ("dmarc", "header.from=x.example policy.dmarc=reject"),
                ("dnswl", "dns.zone=l.example policy.ip=127.0.0.2 dns.sec=yes"),
                ("domainkeys", "header.d=x header.from=a@x header.s=s header.sender=b@x"),
                ("iprev", "policy.iprev=192.0.2.1"), ("rrvs", "smtp.rrvs=a@x.example"),
                ("sender-id", "header.resent-from=x.example"),
                ("smime", "body.smime-part=1.2 body.smime-identifier=a@x.example"),
                ("spf", "smtp.mailfrom=x.example smtp.helo=mx.x.example"),
                ("vbr", "header.md=x.example header.mv=v.example")):
            statement, = read_one("id; %s=pass %s" % (method, properties))["statements"]
            self.assertEqual(statement["method"], method)
            self.assertEqual(" ".join("%(type)s.%(name)s=%(value)s" % entry
                                      for entry in statement["properties"]), properties)

    def test_results_as_they_were_written(self):
        found = read_one("id; x-new=Perhaps; dkim=hardfail; spf/2=pass")["statements"]
        self.assertEqual([(one["method"], one["version"], one["result"]) for one in found],
                         [("x-new", 1, "Perhaps"), ("dkim", 1, "hardfail"), ("spf", 2, "pass")])

    def test_versions_are_pointed_out(self):
        _, out, _ = vouch("--text", "id 2; spf/3=pass")
        self.assertIn("id says (in version 2 of the field, which may mean something else):", out)
        self.assertIn("pass by version 3 of the method", out)
        _, out, _ = vouch("--text", "id 1; spf/1=pass")
        self.assertNotIn("version", out)

    def test_values_with_blanks_are_quoted(self):
        _, out, _ = vouch("--text", "id; smime=pass body.smime-issuer=\"CN=A, O=B\" header.x=\"\"")
        self.assertIn("body.smime-issuer=\"CN=A, O=B\" header.x=\"\"\n", out)

    def test_faults_have_their_place(self):
        for text, place in ("", 1), ("x", 2), ("x; spf=pass smtp.mailfrom", 26):
            status, (field,) = read("--text", text)
            self.assertEqual(status, 1)
            self.assertTrue(field["error"].endswith("at octet %d" % place), field)

    def test_what_a_terminal_would_obey_is_not_shown(self):
        hostile = "id; dkim=pass (\u202e) header.d=\"a\u009b31mb\u2066\" reason=\"\u00fc\u0085\""
        _, out, _ = vouch("--text", hostile)
        self.assertEqual(out, "id says:\n  dkim         pass header.d=a?31mb?  \"\u00fc?\"  (?)\n")
        status, out, _ = vouch("-", stdin=b"Authentication-Results: \x1b[2J; spf=pass\r\n\r\n")
        self.assertEqual(status, 1)
        self.assertNotIn("\x1b", out)
        status, out, _ = vouch("-", stdin=b"Authentication-Results: x; spf=\xff\x9b\r\n\r\n")
        self.assertEqual(status, 1)

    def test_json_keeps_every_character(self):
        statement, = read_one("id; dkim=pass header.i=\"\u202ea \\\\b\"@x.example")["statements"]
        self.assertEqual(statement["properties"][0]["value"], "\u202ea \\b@x.example")

    def test_json_on_a_terminal(self):
        """not even there are control characters written"""
        controller, terminal = pty.openpty()
        subprocess.run([world.VOUCH, "ar", "parse", "--json", "--text", "id; a=pass b.c=\"\u009b2J\""],
                       stdout=terminal, timeout=world.PATIENCE, check=True)
        shown = os.read(controller, 4096)
        os.close(terminal)
        os.close(controller)
        self.assertNotIn("\u009b".encode(), shown)

    def test_large_input_is_no_trouble(self):
        text = b"Authentication-Results: x" + b"; a=pass b.c=d" * 100 + b"\r\n"
        status, fields = read("-", stdin=text * 200 + b"\r\n")
        self.assertEqual((status, len(fields)), (0, 200))
        self.assertEqual(read("-", stdin=b"Authentication-Results: x" + b"; a=pass" * 101 +
                              b"\r\n\r\n")[0], 1)


class Usage(unittest.TestCase):
    def test_wrong_arguments(self):
        for arguments in ([], ["a", "b"], ["--text"], ["--text", "x; none", "-"], ["--colour", "-"],
                          ["/nowhere/at/all.eml"]):
            status, out, error = vouch(*arguments)
            self.assertEqual((status, out), (2, ""), arguments)
            self.assertTrue(error, arguments)

    def test_help(self):
        status, out, _ = vouch("--help")
        self.assertEqual(status, 0)
        self.assertIn("examples:", out)


if __name__ == "__main__":
    world.main()
