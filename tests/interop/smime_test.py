#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""usage: smime_test.py PATH-TO-VOUCH [TEST ...]

Messages that `openssl cms`, `openssl smime` and `gpg` signed or encrypted, looked at by `vouch smime
check` and `vouch openpgp check`. The authority and all keys are made on the spot.
"""
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import unittest

sys.dont_write_bytecode = True  # the source tree stays as it is

import world

world.require("openssl")

AUTHOR = "alice@signer.example"
HEADER = (b"From: Alice <alice@signer.example>\r\nTo: bob@here.example\r\nSubject: signed\r\n"
          b"Date: Sat, 21 Nov 2026 12:00:00 +0000\r\nMIME-Version: 1.0\r\n")
# Trailing blanks, dots, a "From " and 8-bit text: all that careless programs change.
CONTENT = ("Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
           "Grüße, \r\n.\r\nFrom here on\r\n-- \r\nAlice\r\n").encode()
YEAR = 365 * 86400


def run(*arguments, stdin=b"", status=0):
    done = subprocess.run(arguments, input=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          timeout=world.PATIENCE, env=dict(os.environ, PATH=world.PATH, LC_ALL="C"))
    if status is not None and done.returncode != status:
        raise AssertionError("%s: exit %d\n%s\n%s" % (" ".join(arguments), done.returncode,
                             done.stdout.decode("utf-8", "replace"),
                             done.stderr.decode("utf-8", "replace")))
    return done


def crlf(text):
    return re.sub(rb"\r?\n", b"\r\n", text)


class Keys:
    """An authority, and certificates by it."""

    def __init__(self, folder):
        self.folder = folder
        self.authority("ca", "Test Authority")
        self.authority("stranger", "Some Other Authority")
        self.make("alice", "email:" + AUTHOR)
        self.make("bob", "email:bob@elsewhere.example")
        self.make("subject", None, subject="/CN=Alice/emailAddress=" + AUTHOR)
        self.make("curve", "email:" + AUTHOR, key=("ec", "-pkeyopt", "ec_paramgen_curve:P-256"))
        self.make("server", "email:" + AUTHOR, usage="serverAuth")
        self.make("unknown", "email:" + AUTHOR, by="stranger")
        self.make("middle", None, usage=None, subject="/CN=Middle", authority=True)
        self.make("below", "email:" + AUTHOR, by="middle")

    def path(self, name):
        return os.path.join(self.folder, name)

    def authority(self, name, common_name):
        run("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "3650",
            "-keyout", self.path(name + ".key"), "-out", self.path(name + ".pem"),
            "-subj", "/O=Test/CN=" + common_name, "-addext", "keyUsage=keyCertSign,cRLSign")

    def make(self, name, alternative, subject="/CN=Someone", usage="emailProtection", by="ca",
             key=("rsa:2048",), authority=False):
        extensions = ["basicConstraints=critical,CA:%s" % ("TRUE" if authority else "FALSE")]
        extensions += ["keyUsage=keyCertSign" if authority else "keyUsage=digitalSignature"]
        if usage:
            extensions += ["extendedKeyUsage=" + usage]
        if alternative:
            extensions += ["subjectAltName=" + alternative]
        with open(self.path(name + ".ext"), "w") as file:
            file.write("\n".join(extensions) + "\n")
        run("openssl", "req", "-new", "-newkey", *key, "-nodes", "-subj", subject,
            "-keyout", self.path(name + ".key"), "-out", self.path(name + ".csr"))
        run("openssl", "x509", "-req", "-in", self.path(name + ".csr"), "-CA",
            self.path(by + ".pem"), "-CAkey", self.path(by + ".key"), "-CAcreateserial",
            "-days", "365", "-extfile", self.path(name + ".ext"),
            "-out", self.path(name + ".pem"))

    def sign(self, name, *options, content=CONTENT, program="cms"):
        """A signed message, as it comes over SMTP."""
        signed = run("openssl", program, "-sign", "-binary", "-crlfeol", "-signer", self.path(name + ".pem"),
                     "-inkey", self.path(name + ".key"), *options, stdin=content).stdout
        return HEADER + crlf(re.sub(rb"^MIME-Version: 1.0\r?\n", b"", signed))


class Smime(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="vouch-smime-")
        cls.keys = Keys(cls.folder)

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.folder)

    def check(self, message, result, problem="", authorities="ca", now=None, status=None):
        arguments = [world.VOUCH, "smime", "check", "--json"]
        if authorities:
            arguments += ["--authorities", self.keys.path(authorities + ".pem")]
        if now:
            arguments += ["--now", str(int(now))]
        done = run(*arguments, "-", stdin=message,
                   status=status if status is not None else (0 if result == "pass" else 1))
        answer = json.loads(done.stdout)
        self.assertEqual(answer["result"], result, answer)
        self.assertIn(problem, answer["problem"])
        return answer

    def test_detached_signatures_pass(self):
        for program in ("cms", "smime"):
            for name in ("alice", "subject", "curve"):
                answer = self.check(self.keys.sign(name, program=program), "pass")
                self.assertEqual(answer["identifier"], AUTHOR)
                self.assertEqual(answer["part"], "")
                self.assertFalse(answer["opaque"])
                serial = run("openssl", "x509", "-in", self.keys.path(name + ".pem"), "-noout",
                             "-serial").stdout.decode().strip().split("=")[1]
                self.assertEqual(answer["serial"].upper(), serial)
                self.assertEqual(answer["issuer"], "CN=Test Authority,O=Test")

    def test_opaque_signatures_pass(self):
        for options in (("-nodetach",), ("-nodetach", "-stream")):
            self.assertTrue(self.check(self.keys.sign("alice", *options), "pass")["opaque"])

    def test_other_forms_of_signatures_pass(self):
        for options in (("-noattr",), ("-nosmimecap",), ("-keyid",), ("-md", "sha512"),
                        ("-keyopt", "rsa_padding_mode:pss"), ("-econtent_type", "pkcs7-data")):
            with self.subTest(options):
                self.check(self.keys.sign("alice", *options), "pass")
        self.check(self.keys.sign("alice", "-nodetach", "-noattr"), "pass")

    def test_the_text_form_tells_an_administrator(self):
        done = run(world.VOUCH, "smime", "check", "--authorities", self.keys.path("ca.pem"), "-",
                   stdin=self.keys.sign("alice"))
        self.assertTrue(done.stdout.startswith(b"pass: the signature is good"), done.stdout)

    def test_a_certificate_below_an_intermediate_passes_when_that_comes_along(self):
        self.check(self.keys.sign("below", "-certfile", self.keys.path("middle.pem")), "pass")
        self.check(self.keys.sign("below"), "policy", "not trusted")

    def test_changed_content_fails(self):
        message = self.keys.sign("alice")
        for old, new in ((b"Alice\r\n", b"Alise\r\n"), (b"-- \r\n", b"--\r\n"),
                         (b"charset=utf-8", b"charset=UTF-8")):
            changed = message.replace(old, new, 1) if old != b"Alice\r\n" else \
                message.replace(b"\r\nAlice\r\n", b"\r\nAlise\r\n", 1)
            self.assertNotEqual(changed, message)
            self.check(changed, "fail", "not what was signed")
        # Without attributes there is only the signature to tell.
        changed = self.keys.sign("alice", "-noattr").replace(b"From here", b"From there", 1)
        self.check(changed, "fail", "not of the key")

    def test_a_header_field_that_is_not_signed_may_change(self):
        self.check(self.keys.sign("alice").replace(b"Subject: signed", b"Subject: other", 1), "pass")

    def test_a_changed_signature_fails_or_is_malformed(self):
        message = self.keys.sign("alice")
        lines = message.split(b"\r\n")
        last = max(i for i, line in enumerate(lines) if re.fullmatch(rb"[A-Za-z0-9+/]{64}", line))
        flipped = bytearray(lines[last])
        flipped[20] = ord("A") if flipped[20] != ord("A") else ord("B")
        lines[last] = bytes(flipped)
        self.check(b"\r\n".join(lines), "fail")
        # Cut off in the middle.
        head, tail = message.split(b"MII", 1)
        closing = tail[tail.index(b"\r\n\r\n------"):]
        self.check(head + b"MII" + tail[:500] + closing, "permerror")

    def test_an_expired_certificate_is_policy(self):
        message = self.keys.sign("alice")
        self.check(message, "policy", "expired", now=time.time() + 2 * YEAR)
        self.check(message, "policy", "not yet valid", now=time.time() - 2 * YEAR)

    def test_another_author_is_policy(self):
        answer = self.check(self.keys.sign("bob"), "policy", "bob@elsewhere.example")
        self.assertEqual(answer["identifier"], "bob@elsewhere.example")

    def test_an_unknown_authority_is_policy(self):
        self.check(self.keys.sign("unknown"), "policy", "not trusted")
        self.check(self.keys.sign("unknown"), "pass", authorities="stranger")
        self.check(self.keys.sign("alice"), "policy", "not trusted", authorities="stranger")

    def test_the_system_authorities_do_not_know_ours(self):
        self.check(self.keys.sign("alice"), "policy", authorities=None)

    def test_a_certificate_for_servers_is_policy(self):
        self.check(self.keys.sign("server"), "policy", "purpose")

    def test_weak_digests_are_policy(self):
        self.check(self.keys.sign("alice", "-md", "sha1"), "policy", "too weak")

    def test_a_missing_certificate_is_neutral(self):
        self.check(self.keys.sign("alice", "-nocerts"), "neutral", "not in the message")

    def test_of_several_signers_the_author_counts(self):
        both = ("-signer", self.keys.path("alice.pem"), "-inkey", self.keys.path("alice.key"))
        self.check(self.keys.sign("bob", *both), "pass")

    def test_encrypted_is_neutral(self):
        for options in (("-aes256",), ("-aes-256-gcm",)):
            encrypted = run("openssl", "cms", "-encrypt", *options, self.keys.path("alice.pem"),
                            stdin=CONTENT).stdout
            message = HEADER + crlf(re.sub(rb"^MIME-Version: 1.0\r?\n", b"", encrypted))
            self.assertTrue(self.check(message, "neutral", "encrypted")["encrypted"])

    def test_certificates_alone_are_neutral(self):
        run("openssl", "crl2pkcs7", "-nocrl", "-certfile", self.keys.path("alice.pem"), "-outform",
            "DER", "-out", self.keys.path("certs.p7c"))
        body = run("openssl", "base64", "-in", self.keys.path("certs.p7c")).stdout
        message = HEADER + (b"Content-Type: application/pkcs7-mime; smime-type=certs-only; name=a.p7c\r\n"
                            b"Content-Transfer-Encoding: base64\r\n\r\n") + crlf(body)
        self.check(message, "neutral", "without a signature")

    def test_a_signed_part_of_a_longer_message_is_policy(self):
        signed = self.keys.sign("alice").replace(HEADER, b"", 1)
        message = HEADER + (b"Content-Type: multipart/mixed; boundary=outer\r\n\r\n--outer\r\n" + signed +
                            b"\r\n--outer\r\nContent-Type: text/plain\r\n\r\na list's footer\r\n--outer--\r\n")
        answer = self.check(message, "policy", "only a part")
        self.assertEqual(answer["part"], "1")

    def test_a_forwarded_signature_is_not_the_authors(self):
        message = HEADER + (b"Content-Type: message/rfc822\r\n\r\n" + self.keys.sign("alice"))
        self.check(message, "none")

    def test_a_third_part_is_malformed(self):
        message = self.keys.sign("alice")
        boundary = re.search(rb'boundary="([^"]+)"', message).group(1)
        closing = b"--" + boundary + b"--"
        message = message.replace(closing, b"--" + boundary + b"\r\n\r\nmore\r\n" + closing, 1)
        self.check(message, "permerror", "two parts")

    def test_missing_authorities_are_said(self):
        done = run(world.VOUCH, "smime", "check", "--authorities", "/nonexistent.pem", "-",
                   stdin=self.keys.sign("alice"), status=2)
        self.assertIn(b"cannot load", done.stderr)


class Openpgp(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.gpg = world.needs("gpg")
        # The path of gpg's sockets must be short.
        cls.folder = tempfile.mkdtemp(prefix="vouch-gpg-", dir="/tmp")
        cls.run_gpg("--quick-gen-key", "Alice <%s>" % AUTHOR, "rsa2048", "sign")
        listing = cls.run_gpg("--with-colons", "--list-keys").decode()
        cls.fingerprint = re.search(r"^fpr:+([0-9A-F]+):", listing, re.M).group(1)
        cls.run_gpg("--quick-add-key", cls.fingerprint, "rsa2048", "encrypt")

    @classmethod
    def tearDownClass(cls):
        subprocess.run(["gpgconf", "--homedir", cls.folder, "--kill", "all"], check=False)
        shutil.rmtree(cls.folder, ignore_errors=True)

    @classmethod
    def run_gpg(cls, *arguments, stdin=b""):
        return run(cls.gpg, "--homedir", cls.folder, "--batch", "--yes", "--pinentry-mode", "loopback",
                   "--passphrase", "", "--trust-model", "always", "--digest-algo", "SHA512",
                   *arguments, stdin=stdin).stdout

    def check(self, message, result, status=0):
        done = run(world.VOUCH, "openpgp", "check", "--json", "-", stdin=message, status=status)
        answer = json.loads(done.stdout)
        self.assertEqual(answer["result"], result, answer)
        return answer

    def claims(self, answer, form):
        self.assertEqual(answer["form"], form)
        self.assertEqual(answer["key"], self.fingerprint)
        self.assertEqual(answer["hash"], "SHA512")
        self.assertLess(abs(answer["created"] - time.time()), 600)
        self.assertFalse(answer["encrypted"])

    def signed(self, signature):
        return HEADER + (b'Content-Type: multipart/signed; micalg=pgp-sha512; boundary="b";\r\n'
                         b' protocol="application/pgp-signature"\r\n\r\n--b\r\n' + CONTENT +
                         b"\r\n--b\r\nContent-Type: application/pgp-signature\r\n\r\n" +
                         crlf(signature) + b"\r\n--b--\r\n")

    def test_detached_signatures(self):
        signature = self.run_gpg("--armor", "--detach-sign", "--sender", AUTHOR, stdin=CONTENT)
        answer = self.check(self.signed(signature), "neutral")
        self.claims(answer, "multipart/signed")
        self.assertEqual(answer["signer"], AUTHOR)
        self.assertIn("not verified", answer["problem"])

    def test_cleartext(self):
        text = self.run_gpg("--clearsign", stdin=b"Hello\n- a list\nFrom me\n")
        message = HEADER + b"Content-Type: text/plain\r\n\r\nsome words first\r\n\r\n" + crlf(text)
        self.claims(self.check(message, "neutral"), "cleartext")

    def test_cleartext_in_quoted_printable(self):
        text = crlf(self.run_gpg("--clearsign", stdin=b"Hello\n"))
        message = HEADER + (b"Content-Type: text/plain\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n" +
                            text.replace(b"=", b"=3D"))
        self.claims(self.check(message, "neutral"), "cleartext")

    def test_signed_message_in_the_text(self):
        text = self.run_gpg("--armor", "--sign", "--compress-algo", "none", stdin=b"Hello\n")
        answer = self.check(HEADER + b"\r\n" + crlf(text), "neutral")
        self.assertEqual(answer["form"], "inline")
        self.assertTrue(self.fingerprint.endswith(answer["key"]))

    def test_encrypted(self):
        text = crlf(self.run_gpg("--armor", "--encrypt", "-r", AUTHOR, stdin=CONTENT * 20000))
        answer = self.check(HEADER + b"\r\n" + text, "neutral")
        self.assertTrue(answer["encrypted"])
        message = HEADER + (b'Content-Type: multipart/encrypted; boundary="b";\r\n'
                            b' protocol="application/pgp-encrypted"\r\n\r\n'
                            b"--b\r\nContent-Type: application/pgp-encrypted\r\n\r\nVersion: 1\r\n"
                            b"\r\n--b\r\nContent-Type: application/octet-stream\r\n\r\n" + text +
                            b"\r\n--b--\r\n")
        answer = self.check(message, "neutral")
        self.assertEqual(answer["form"], "multipart/encrypted")
        self.assertTrue(answer["encrypted"])

    def test_nothing_and_rubbish(self):
        self.check(HEADER + b"\r\nHello\r\n", "none", status=1)
        self.check(self.signed(b"-----BEGIN PGP SIGNATURE-----\n\nAAAA\n-----END PGP SIGNATURE-----\n"),
                   "permerror", status=1)
        self.check(self.signed(b"no armor"), "permerror", status=1)


if __name__ == "__main__":
    world.main()
