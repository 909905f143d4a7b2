#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""usage: submission_test.py PATH-TO-VOUCH [TEST ...]

Users who send, with the programs that they use: who may, as whom, what becomes of the message, and that
nobody else may (rfc6409, rfc4954, rfc8314).
"""
import email
import email.policy
import os
import re
import smtplib
import ssl
import subprocess
import sys
import time
import unittest

sys.dont_write_bytecode = True  # the source tree stays as it is

import submission_world
import world
from submission_world import ANNA, BERT, HOST, PASSWORD, Sink, User

STARTTLS, IMPLICIT = "starttls", "implicit"


class Scene:
    """One site for most tests, and one that mends more."""


def setUpModule():
    world.require("nsd", "openssl")
    Scene.certificates = submission_world.Certificates()
    Scene.signing = submission_world.make_signing()
    Scene.dns = world.Nsd(Scene.signing.zone + ["remote.example. MX 10 mx.remote.example.",
                                               "mx.remote.example. A 127.0.0.1"])
    Scene.sink = Sink()
    Scene.site = submission_world.Site(
        "site", Scene.dns.port, Scene.sink, Scene.certificates, signing=Scene.signing, more="""
host printer { networks = [127.0.5.0/24] senders = [printer@here.example] }
""", submission="messages-per-hour = 10000")
    Scene.plain = Sink(words=["ENHANCEDSTATUSCODES"])
    Scene.mending = submission_world.Site(
        "mending", Scene.dns.port, Scene.plain, Scene.certificates, signing=Scene.signing,
        submission="hide-client = yes seven-bit = yes foreign-from = add-sender", top="edges = 1")


def tearDownModule():
    Scene.site.stop()
    Scene.mending.stop()


def run(*command, stdin=b"", **environment):
    return subprocess.run(command, input=stdin, capture_output=True, timeout=world.PATIENCE,
                          env=dict(os.environ, HOME=world.folder(), LC_ALL="C.UTF-8", **environment))


def letter(subject, sender=ANNA):
    return ("From: %s\nTo: to@remote.example\nSubject: %s\n\nHello.\n" % (sender, subject)).encode()


class Programs(unittest.TestCase):
    """Each submits through both ports with all mechanisms that it knows."""

    def check(self, program, mechanism, kind, send):
        subject = "%s %s %s" % (program, mechanism, kind)
        start = len(Scene.site.log_text())
        with self.subTest(subject):
            done = send(subject, Scene.site.ports[kind])
            self.assertEqual(done.returncode, 0, done.stderr.decode() + done.stdout.decode())
            sender, recipients, octets = Scene.sink.wait("Subject: " + subject + "\r\n")
            self.assertTrue(sender.startswith("MAIL FROM:<%s>" % ANNA), sender)
            self.assertEqual([r[:29] for r in recipients], ["RCPT TO:<to@remote.example>"])
            self.assertEqual(Scene.signing.verify(octets)["dkim"], [True, True], octets)
            Scene.site.wait_log(r"auth: client=127\.0\.0\.1, account=%s, mechanism=%s, result=ok" % (
                ANNA, mechanism), start)
            # rfc3848: the protocol in Received tells of TLS and AUTH.
            self.assertRegex(octets, rb"(?s)\nReceived: from .{1,200}with ESMTPSA")

    def both(self, program, mechanisms, make):
        for mechanism in mechanisms:
            for kind in STARTTLS, IMPLICIT:
                self.check(program, mechanism, kind,
                           lambda subject, port, m=mechanism, k=kind: make(m, k, subject, port))

    def test_msmtp(self):
        """msmtp: PLAIN, LOGIN, SCRAM-SHA-256, CRAM-MD5, and EXTERNAL with a certificate"""
        program = world.needs("msmtp")

        def send(mechanism, kind, subject, port):
            chain, key = Scene.certificates.client
            config = world.write_file(world.folder() + "/msmtprc", """
account default
host 127.0.0.1
port %d
tls on
tls_starttls %s
tls_trust_file %s
auth %s
user %s
password %s
from %s
%s
""" % (port, "on" if kind == STARTTLS else "off", Scene.certificates.authority, mechanism.lower(), ANNA,
                PASSWORD, ANNA,
                "tls_cert_file %s\ntls_key_file %s" % (chain, key) if mechanism == "EXTERNAL" else ""), 0o600)
            return run(program, "-C", config, "-t", stdin=letter(subject))
        self.both("msmtp", ("PLAIN", "LOGIN", "SCRAM-SHA-256", "CRAM-MD5", "EXTERNAL"), send)

    def test_swaks(self):
        """swaks: PLAIN, LOGIN, CRAM-MD5"""
        program = world.needs("swaks")

        def send(mechanism, kind, subject, port):
            return run(program, "--server", "127.0.0.1", "--port", str(port), "--helo", "laptop.example",
                       "--tls" if kind == STARTTLS else "--tlsc", "--auth", mechanism, "--auth-user", ANNA,
                       "--auth-password", PASSWORD, "--from", ANNA, "--to", "to@remote.example",
                       "--header", "Subject: " + subject)
        mechanisms = ["PLAIN", "LOGIN"]
        if run("perl", "-MDigest::HMAC_MD5", "-e1").returncode == 0 or run("perl", "-MDigest::MD5", "-e1").returncode == 0:
            mechanisms.append("CRAM-MD5")
        self.both("swaks", mechanisms, send)

    def test_curl(self):
        """curl: PLAIN, LOGIN, CRAM-MD5, SCRAM-SHA-256 where built in, EXTERNAL"""
        program = world.needs("curl")
        mechanisms = ["PLAIN", "LOGIN", "CRAM-MD5", "EXTERNAL"]
        if b"GSASL" in run(program, "--version").stdout:
            mechanisms.append("SCRAM-SHA-256")

        def send(mechanism, kind, subject, port):
            file = world.write_file(world.folder() + "/curl.eml", letter(subject).replace(b"\n", b"\r\n"))
            chain, key = Scene.certificates.client
            # rfc4422:A: the user goes as identity to act as.
            credentials = ["--user", ANNA + ":", "--cert", chain, "--key", key] if mechanism == "EXTERNAL" \
                else ["--user", "%s:%s" % (ANNA, PASSWORD)]
            return run(program, "-sS", "--url", "%s://%s:%d/laptop.example" % (
                "smtp" if kind == STARTTLS else "smtps", HOST, port), "--ssl-reqd", "--resolve",
                "%s:%d:127.0.0.1" % (HOST, port), "--cacert", Scene.certificates.authority, *credentials,
                "--login-options", "AUTH=" + mechanism, "--mail-from", ANNA, "--mail-rcpt",
                "to@remote.example", "--upload-file", file)
        self.both("curl", mechanisms, send)

    def test_smtplib(self):
        """Python's smtplib: the mechanism that it likes best, and each by its name"""
        def send(mechanism, kind, subject, port):
            context = ssl.create_default_context(cafile=Scene.certificates.authority)
            if kind == IMPLICIT:
                server = smtplib.SMTP_SSL("localhost", port, context=context)
            else:
                server = smtplib.SMTP("localhost", port)
                server.starttls(context=context)
            with server:
                server.ehlo()
                server.user, server.password = ANNA, PASSWORD
                server.auth(mechanism, getattr(server, "auth_" + mechanism.lower().replace("-", "_")))
                refused = server.sendmail(ANNA, ["to@remote.example"], letter(subject).decode())
            return subprocess.CompletedProcess([], len(refused), b"", b"")
        self.both("smtplib", ("PLAIN", "LOGIN", "CRAM-MD5"), send)

    def test_mutt(self):
        """mutt: PLAIN and LOGIN"""
        program = world.needs("mutt")

        def send(mechanism, kind, subject, port):
            config = world.write_file(world.folder() + "/muttrc", """
set from="%s" realname="" use_from=yes hostname=here.example copy=no smtp_pass="%s"
set smtp_url="%s://%s@localhost:%d/"
set ssl_starttls=yes ssl_force_tls=yes certificate_file="%s" ssl_ca_certificates_file="%s"
set smtp_authenticators="%s" sendmail="/bin/false" postponed=/dev/null record=/dev/null
""" % (ANNA, PASSWORD, "smtp" if kind == STARTTLS else "smtps", ANNA.replace("@", "%40"), port,
                Scene.certificates.authority, Scene.certificates.authority, mechanism.lower()), 0o600)
            return run(program, "-n", "-F", config, "-s", subject, "--", "to@remote.example", stdin=b"Hello.\n")
        self.both("mutt", ("PLAIN", "LOGIN"), send)

    def test_s_nail(self):
        """s-nail: PLAIN, LOGIN"""
        program = world.needs("s-nail")

        def send(mechanism, kind, subject, port):
            options = ["v15-compat", "mta=%s://%s:%s@localhost:%d" % (
                "smtp" if kind == STARTTLS else "smtps", ANNA.replace("@", "%40"), PASSWORD.replace(" ", "%20"), port),
                "smtp-auth=" + mechanism.lower(), "tls-ca-file=" + Scene.certificates.authority,
                "tls-verify=strict", "from=" + ANNA, "hostname=here.example", "sendwait", "record=/dev/null"]
            if kind == STARTTLS:
                options.append("smtp-use-starttls")
            return run(program, "-:/", *[o for option in options for o in ("-S", option)], "-s", subject,
                       "to@remote.example", stdin=b"Hello.\n")
        self.both("s-nail", ("PLAIN", "LOGIN"), send)

    def test_nodemailer(self):
        """nodemailer: PLAIN, LOGIN, CRAM-MD5"""
        program = world.needs("node")
        modules = "/usr/share/nodejs:/usr/lib/nodejs"
        if run(program, "-e", "require('nodemailer')", NODE_PATH=modules).returncode:
            raise unittest.SkipTest("nodemailer is not installed")
        script = world.write_file(world.folder() + "/nodemailer.js", """
const [port, secure, method, user, pass, subject, ca] = process.argv.slice(2);
require('nodemailer').createTransport({
    host: 'localhost', port: +port, secure: secure === 'true', requireTLS: true, authMethod: method,
    auth: {user, pass}, tls: {ca: require('fs').readFileSync(ca)},
}).sendMail({from: user, to: 'to@remote.example', subject, text: 'Hello.'}, (error) => {
    if (error) { console.error(error); process.exit(1); }
});
""")

        def send(mechanism, kind, subject, port):
            return run(program, script, str(port), "true" if kind == IMPLICIT else "false", mechanism, ANNA,
                       PASSWORD, subject, Scene.certificates.authority, NODE_PATH=modules)
        self.both("nodemailer", ("PLAIN", "LOGIN", "CRAM-MD5"), send)

    def test_gsasl(self):
        """gsasl: all mechanisms, SCRAM-SHA-256-PLUS among them"""
        program = world.needs("gsasl")
        for mechanism in "PLAIN", "LOGIN", "CRAM-MD5", "SCRAM-SHA-256", "SCRAM-SHA-256-PLUS":
            # It binds to the exporter of TLS 1.3 (rfc9266:2).
            with self.subTest(mechanism):
                start = len(Scene.site.log_text())
                done = run(program, "--client", "--smtp", "--connect=localhost:%d" % Scene.site.ports[STARTTLS],
                           "--starttls", "--x509-ca-file=" + Scene.certificates.authority, "--hostname=localhost",
                           "--service=smtp", "--mechanism=" + mechanism, "--authentication-id=" + ANNA,
                           "--authorization-id=" + ANNA, "--password=" + PASSWORD,
                           *(() if mechanism.endswith("PLUS") else ("--no-cb",)))
                self.assertEqual(done.returncode, 0, done.stderr.decode() + done.stdout.decode())
                Scene.site.wait_log(r"account=%s, mechanism=%s, result=ok" % (ANNA, mechanism), start)


class Authentication(unittest.TestCase):
    def test_only_encrypted(self):
        """rfc4954:4, rfc8314:3.3: without TLS AUTH is neither offered nor taken"""
        for port in Scene.site.ports[STARTTLS], Scene.site.port:
            with world.Client(port) as client:
                words = client.hello().lines
                self.assertFalse([w for w in words if w.startswith("AUTH")], words)
                self.assertIn("STARTTLS", words)
                reply = client.command("AUTH PLAIN AGEAYg==")
                self.assertIn(reply.code, (502, 503, 504, 530, 538), reply)
                self.assertEqual(client.command("MAIL FROM:<%s>" % ANNA).code,
                                 530 if port != Scene.site.port else 250)
        with Scene.site.user(login=None) as user:
            self.assertIn("AUTH SCRAM-SHA-256-PLUS SCRAM-SHA-256 PLAIN LOGIN CRAM-MD5", user.words.lines)
            self.assertNotIn("STARTTLS", user.words.lines)
        with User(Scene.site, client=Scene.certificates.client) as user:  # rfc4422:A
            self.assertIn("AUTH SCRAM-SHA-256-PLUS SCRAM-SHA-256 PLAIN LOGIN CRAM-MD5 EXTERNAL", user.words.lines)

    def test_not_on_port_25(self):
        """where the world delivers there is no AUTH, with or without TLS"""
        with User(Scene.site, "relay") as user:
            self.assertFalse([w for w in user.words.lines if w.startswith("AUTH")], user.words.lines)
            self.assertEqual(user.login("PLAIN").code // 100, 5)

    def test_mail_needs_auth(self):
        """rfc4954:6, rfc6409:4.3: MAIL without AUTH is 530 5.7.0, whoever is named, also by an own host"""
        for kind in STARTTLS, IMPLICIT:
            for source in "127.0.0.1", "127.0.5.1":
                with Scene.site.user(kind, login=None, source=source) as user:
                    for sender in ANNA, "", "printer@here.example":
                        reply = user.command("MAIL FROM:<%s>" % sender)
                        self.assertEqual((reply.code, reply.text[:5]), (530, "5.7.0"), reply)
                    self.assertEqual(user.command("RCPT TO:<to@remote.example>").code, 503)

    def test_mechanisms(self):
        """all mechanisms, with a binding to the certificate (rfc5929:4); a wrong binding is refused"""
        for kind in STARTTLS, IMPLICIT:
            for mechanism in "PLAIN", "LOGIN", "CRAM-MD5", "SCRAM-SHA-256", "SCRAM-SHA-256-PLUS", "EXTERNAL":
                client = Scene.certificates.client if mechanism == "EXTERNAL" else None
                with self.subTest(mechanism), User(Scene.site, kind, client=client) as user:
                    reply = user.login(mechanism)
                    self.assertEqual((reply.code, reply.text[:5]), (235, "2.7.0"), reply)
                    self.assertEqual(user.login("PLAIN").code, 503)  # rfc4954:4: only once
        with User(Scene.site, source="127.0.40.1") as user:
            self.assertEqual(user.login("SCRAM-SHA-256-PLUS", plus_binding=b"x" * 32).code, 535)
        # rfc5802:6: who can bind and was not offered it has somebody in the middle.
        with User(Scene.site, source="127.0.40.1") as user:
            self.assertEqual(user.login("SCRAM-SHA-256", gs2=b"y,,").code // 100, 5)
        with User(Scene.site, source="127.0.40.1") as user:
            self.assertEqual(user.login("EXTERNAL").code // 100, 5)

    def test_disabled(self):
        """who has no secret of a mechanism cannot use it; a disabled account nothing"""
        Scene.site.add_account("carol@here.example", "--disabled")
        with User(Scene.site, source="127.0.41.1") as user:
            self.assertEqual(user.login("CRAM-MD5", BERT).code, 535)
        with User(Scene.site, source="127.0.41.1") as user:
            self.assertEqual(user.login("PLAIN", "carol@here.example").code, 535)

    def test_wrong_password(self):
        """rfc4954:6: 535 5.7.8, the same for an account that is not there, and each later than the one before"""
        site = submission_world.Site("guesses", Scene.dns.port, Scene.sink, Scene.certificates, top="edges = 1",
                                     accounts="failure-delay = 200ms failures = 4")
        took = []
        for name, mechanism in ((ANNA, "PLAIN"), ("nobody@here.example", "PLAIN"), (ANNA, "LOGIN"),
                                (ANNA, "SCRAM-SHA-256")):
            with User(site, source="127.0.42.%d" % (len(took) + 1)) as user:
                began = time.monotonic()
                reply = user.login(mechanism, name, "wrong password")
                took.append(time.monotonic() - began)
                self.assertEqual((reply.code, reply.text[:5]), (535, "5.7.8"), reply)
                self.assertNotIn("nobody", reply.text)
        for i, seconds in enumerate(took):
            self.assertGreaterEqual(seconds, 0.2 * 2 ** i, took)
        # The network is full now, and not only the address.
        for name in ANNA, BERT:
            with User(site, source="127.0.42.200") as user:
                reply = user.login("PLAIN", name)
                self.assertEqual((reply.code, reply.text[:5]), (421, "4.7.0"), reply)
                self.assertEqual(user.command("NOOP").code, 0)
        # Others are not concerned.
        with User(site, source="127.0.43.1") as user:
            self.assertEqual(user.login("PLAIN").code, 235)
        self.assertIn("result=refused", site.log_text())
        self.assertNotIn("wrong password", site.log_text().replace("reason=\"wrong password\"", ""))
        site.stop()

    def test_lock_out(self):
        """an account under attack works from where its user has been, and only from there"""
        site = submission_world.Site("attacked", Scene.dns.port, Scene.sink, Scene.certificates, top="edges = 1",
                                     accounts="failure-delay = 0 failures = 2")
        with User(site, source="127.0.50.1") as user:
            self.assertEqual(user.login("PLAIN").code, 235)
        for network in range(100, 150):
            with User(site, source="127.0.%d.1" % network) as user:
                last = user.login("PLAIN", password="guess %d" % network)
        self.assertEqual(last.code, 535)
        with User(site, source="127.0.99.1") as user:
            reply = user.login("PLAIN")
            self.assertEqual((reply.code, reply.text[:5]), (454, "4.7.0"), reply)
        with User(site, source="127.0.50.77") as user:
            self.assertEqual(user.login("PLAIN").code, 235)
        with User(site, source="127.0.99.1") as user:  # another account is not concerned
            self.assertEqual(user.login("PLAIN", BERT).code, 235)
        # Even guesses from his own network (a colleague's machine) do not lock him out.
        for guess in range(4):
            with User(site, source="127.0.50.9") as user:
                self.assertEqual(user.login("PLAIN", password="guess %d" % guess).code, 535)
        with User(site, source="127.0.50.1") as user:
            self.assertEqual(user.login("PLAIN").code, 235)
        site.stop()


class Identity(unittest.TestCase):
    def attempt(self, sender, author, extra="", login=ANNA, site=None):
        with (site or Scene.site).user(login=login) as user:
            return user.transaction(sender, ["to@remote.example"],
                                    world.message(author, "to@remote.example", extra=extra))

    def test_senders(self):
        """MAIL FROM: own address, detail, alias, what the account may send as, and <> (rfc8098:3)"""
        for sender in (ANNA, "Anna@HERE.example", "anna+list@here.example", "sales@here.example",
                       "any.one@anna.example", ""):
            self.assertEqual(self.attempt(sender, ANNA).code, 250, sender)

    def test_foreign_senders(self):
        """MAIL FROM of others is refused, with the address and a reason that people can read"""
        for sender in (BERT, "both@here.example", "director@remote.example", "x@sub.anna.example",
                       "nobody@here.example", "postmaster@here.example", "away@here.example",
                       "anna@remote.example"):
            reply = self.attempt(sender, ANNA)
            self.assertIn(reply.code, (550, 553), sender)
            self.assertTrue(reply.text.startswith("5.7.1 "), reply)
            self.assertIn(sender, reply.text)

    def test_foreign_authors(self):
        """From and Sender of others are refused; so is one of several authors"""
        for author, extra in ((BERT, ""), ("Director <director@remote.example>", ""),
                              ("%s, %s" % (ANNA, BERT), ""), (ANNA, "Sender: %s\r\n" % BERT),
                              ("anna@here.example <bert@here.example>", ""),
                              ("both@here.example", "")):
            reply = self.attempt(ANNA, author, extra)
            self.assertIn(reply.code, (550, 553), (author, extra, reply))
            self.assertIn("5.7.1", reply.text)
            self.assertRegex(reply.text, "bert@|director@|both@")
        self.assertEqual(self.attempt("", "Anna <%s>" % ANNA).code, 250)
        self.assertEqual(self.attempt("", BERT).code // 100, 5)
        self.assertEqual(self.attempt(ANNA, "sales@here.example", "Sender: %s\r\n" % ANNA).code, 250)

    def test_add_sender(self):
        """foreign-from = add-sender: Sender tells who it was (rfc5322:3.6.2), and it is not signed"""
        # A colleague it must not be: our own return path would make DMARC pass for him.
        self.assertEqual(self.attempt(ANNA, BERT, "X-Mark: from bert\r\n", site=Scene.mending).code, 550)
        reply = self.attempt(ANNA, "else@elsewhere.example", "X-Mark: from else\r\n", site=Scene.mending)
        self.assertEqual(reply.code, 250, reply)
        octets = Scene.plain.wait("X-Mark: from else")[2]
        self.assertIn(b"\r\nSender: %s\r\n" % ANNA.encode(), octets)
        self.assertNotIn(b"DKIM-Signature", octets)
        self.assertEqual(self.attempt(ANNA, ANNA, "X-Mark: from anna\r\n", site=Scene.mending).code, 250)
        octets = Scene.plain.wait("X-Mark: from anna")[2]
        self.assertNotIn(b"\r\nSender:", octets)
        self.assertEqual(Scene.signing.verify(octets)["dkim"], [True, True])

    def test_signed_as_its_own(self):
        """an own domain without a key is not signed in another's name"""
        self.assertEqual(self.attempt(ANNA, "me@anna.example", "X-Mark: other domain\r\n").code, 250)
        self.assertNotIn(b"DKIM-Signature", Scene.sink.wait("X-Mark: other domain")[2])


class Mended(unittest.TestCase):
    def send(self, octets, site=None, sink=None, mark="mark"):
        site, sink = site or Scene.site, sink or Scene.sink
        with site.user() as user:
            reply = user.transaction(ANNA, ["to@remote.example"], octets.replace(b"\n", b"\r\n"))
        if reply.code != 250:
            return reply
        return sink.wait(mark)[2]

    def test_missing_fields(self):
        """rfc6409:8: Date and Message-ID are added, and signed; Bcc goes"""
        octets = self.send(b"From: anna@here.example\nBcc: secret@remote.example\nSubject: fields\n"
                           b"Return-Path: <x@remote.example>\n\nmark fields\n", mark="mark fields")
        head = email.message_from_bytes(octets, policy=email.policy.default)
        self.assertEqual(len(head.get_all("Date")), 1)
        self.assertRegex(head["Message-ID"], r"^<[^<>@ ]+@mx\.here\.example>$")
        self.assertNotIn(b"secret@", octets)
        self.assertNotIn(b"Return-Path", octets)
        self.assertEqual(Scene.signing.verify(octets)["dkim"], [True, True])
        for tag in re.findall(rb"(?s)DKIM-Signature:.*?\bh=([^;]*);", octets):
            names = [n.strip().lower() for n in tag.split(b":")]
            for name in b"date", b"message-id", b"from", b"subject":
                self.assertIn(name, names)

    def test_present_fields(self):
        """what is there stays as it is"""
        octets = self.send(b"From: anna@here.example\nDate: Thu, 1 Jan 2026 00:00:00 +0100\nX-Odd:  a   b\n"
                           b"Message-ID: <own@here.example>\n\nmark present\n", mark="mark present")
        self.assertIn(b"\r\nDate: Thu, 1 Jan 2026 00:00:00 +0100\r\nX-Odd:  a   b\r\n", octets)
        self.assertIn(b"\r\nMessage-ID: <own@here.example>\r\n", octets)
        self.assertEqual(octets.lower().count(b"\r\nmessage-id:"), 1)

    def test_refused(self):
        """no From, two, or one that is none: refused, and told so"""
        for head in (b"To: x@remote.example\n", b"From: anna@here.example\nFrom: anna@here.example\n",
                     b"From: anna\n", b"From:\n"):
            reply = self.send(head + b"Subject: x\n\nrefused\n")
            self.assertEqual(getattr(reply, "code", 250) // 100, 5, (head, reply))
            self.assertRegex(reply.text, r"5\.\d\.\d .*From")
        self.assertEqual(Scene.sink.find("\r\nrefused"), [])

    def test_received(self):
        """the user's address stands in Received, unless it is hidden"""
        octets = self.send(b"From: anna@here.example\n\nmark received\n", mark="mark received")
        self.assertRegex(octets.partition(b"\r\n\r\n")[0], rb"(?s)Received: from laptop\.example .*127\.0\.0\.1")
        octets = self.send(b"From: anna@here.example\n\nmark hidden\n", Scene.mending, Scene.plain, "mark hidden")
        head = octets.partition(b"\r\n\r\n")[0]
        self.assertIn(b"Received:", head)
        self.assertNotIn(b"laptop", head)
        self.assertNotIn(b"127.0.0.1", head)

    def test_seven_bit(self):
        """8-bit mail is converted before it is signed (rfc6376:5.3), so that a server without 8BITMIME gets it"""
        octets = self.send("From: anna@here.example\nMIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\n"
                           "Content-Transfer-Encoding: 8bit\nX-Mark: seven\n\nGrüße aus Köln\n".encode(),
                           Scene.mending, Scene.plain, "X-Mark: seven")
        self.assertTrue(octets.isascii())
        parsed = email.message_from_bytes(octets, policy=email.policy.default)
        self.assertEqual(parsed.get_content().strip(), "Grüße aus Köln")
        self.assertEqual(Scene.signing.verify(octets)["dkim"], [True, True])

    def test_not_converted(self):
        """what somebody else signed is not converted: 5.6.3 comes back (rfc6152:3), and nothing leaves"""
        self.assertIsInstance(Scene.mending, submission_world.Site)
        with Scene.mending.user() as user:
            octets = ("From: anna@here.example\r\nMessage-ID: <signed@here.example>\r\nDKIM-Signature: v=1; a=rsa-sha256; "
                      "d=other.example; s=x; h=from; bh=YQ==; b=YQ==\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; "
                      "charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\nGrüße\r\n").encode()
            reply = user.transaction(ANNA, ["to@remote.example"], octets)
        self.assertEqual(reply.code, 250, reply)
        bounce = world.wait_until("a bounce", lambda: Scene.mending.find_mail("anna", "<signed@here.example>"), 20)
        self.assertIn(b"5.6.3", bounce[0].octets)
        self.assertEqual(Scene.plain.find("<signed@here.example>"), [])


class Relaying(unittest.TestCase):
    STRANGER = "127.0.30.1"

    def recipient(self, recipient, sender="x@remote.example", source=STRANGER):
        with world.Client(Scene.site.port, source) as client:
            client.hello()
            reply = client.command("MAIL FROM:<%s>" % sender)
            return client.command("RCPT TO:%s" % recipient) if reply.code == 250 else reply

    def test_strangers(self):
        """port 25 takes nothing of strangers that would leave, however it is written (rfc5321:3.6, C)"""
        recipients = (
            "<user@remote.example>", "<user@remote.example.>", "<USER@Remote.Example>",
            "<user%remote.example@here.example>", "<user%remote.example@[127.0.0.1]>",
            "<user%remote.example@mx.here.example>", "<user%remote.example>",
            '<"user@remote.example"@here.example>', '<"user%remote.example"@here.example>',
            '<"user@remote.example">', "<@here.example:user@remote.example>",
            "<@mx.here.example,@here.example:user@remote.example>", "<@remote.example:nobody@here.example>",
            "<remote.example!user@here.example>", "<here.example!remote.example!user@here.example>",
            "<remote.example!user>", "<user@[10.1.2.3]>", "<user@[IPv6:2001:db8::1]>", "<user@[127.0.0.1]>",
            "<user@localhost>", "<user@remote.example@here.example>", "<user@here.example@remote.example>",
            "<user@sub.here.example>", "<postmaster@remote.example>", "<postmaster@[10.1.2.3]>",
            "<user:remote.example@here.example>", "user@remote.example", "<user>",
            "<SRS0=AAAA=AA=remote.example=user@here.example>",
            "<prvs=0123abcdef=user@remote.example>")
        for sender in "x@remote.example", "", ANNA, "postmaster@here.example", "printer@here.example":
            for recipient in recipients:
                reply = self.recipient(recipient, sender)
                self.assertEqual(reply.code // 100, 5, (sender, recipient, reply))
        self.assertEqual(self.recipient("<postmaster>").code, 250)
        self.assertEqual(self.recipient("<@far.example:anna@here.example>").code, 250)  # rfc5321:3.3: ignored

    def test_postmaster_stays(self):
        """mail to postmaster, in all spellings that are taken, ends here"""
        for recipient in "<postmaster>", "<Postmaster@here.example>", "<postmaster@[127.0.0.1]>", "<postmaster@mx.here.example>":
            with world.Client(Scene.site.port, self.STRANGER) as client:
                client.hello()
                client.command("MAIL FROM:<x@remote.example>")
                if client.command("RCPT TO:" + recipient).code == 250:
                    reply = client.data(world.message("x@remote.example", "postmaster", "for the postmaster " + recipient))
                    self.assertEqual(reply.code, 250, reply)
                    Scene.site.the_mail("carol", "for the postmaster " + recipient)
        self.assertEqual(Scene.sink.find("for the postmaster"), [])

    def test_users_do_not_open_it(self):
        """old tricks do not work for users either, and AUTH on one connection is none on another"""
        with Scene.site.user() as user:
            user.command("MAIL FROM:<%s>" % ANNA)
            for recipient in "<user%remote.example@here.example>", '<"user@remote.example"@here.example>', \
                    "<remote.example!user@here.example>":
                self.assertEqual(user.command("RCPT TO:" + recipient).code, 550, recipient)
            self.assertEqual(user.command("RCPT TO:<user@remote.example>").code, 250)
            self.assertEqual(self.recipient("<user@remote.example>", ANNA).code, 550)

    def test_own_hosts(self):
        """a host by list relays as its senders only, from its network only, and is signed"""
        reply = world.send(Scene.site.port, "printer@here.example", "to@remote.example", world.message(
            "printer@here.example", "to@remote.example", "a page"), source="127.0.5.9")
        self.assertEqual(reply.code, 250, reply)
        octets = Scene.sink.wait("Subject: a page")[2]
        self.assertEqual(Scene.signing.verify(octets)["dkim"], [True, True])
        for sender, author, source in ((ANNA, ANNA, "127.0.5.9"), ("printer@here.example", ANNA, "127.0.5.9"),
                                       ("", ANNA, "127.0.5.9"), ("director@remote.example",) * 2 + ("127.0.5.9",),
                                       ("printer@here.example",) * 2 + ("127.0.6.9",)):
            reply = world.send(Scene.site.port, sender, "to@remote.example",
                               world.message(author, "to@remote.example", "not a page"), source=source)
            self.assertEqual(reply.code // 100, 5, (sender, author, source, reply))
        self.assertEqual(Scene.sink.find("not a page"), [])


if __name__ == "__main__":
    world.main()
