#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""usage: clients_test.py PATH-TO-VOUCH [TEST ...]

Mail clients and servers of other makes send mail to the gateway, which lands in a Maildir: swaks,
msmtp, curl, Python's smtplib, Postfix; and what only a raw socket does: pipelined groups, BDAT.
"""
import os
import pwd
import re
import smtplib
import socket
import ssl
import subprocess
import sys
import unittest

sys.dont_write_bytecode = True  # the source tree stays as it is

import world

world.require("nsd", "openssl")

RECORDS = [
    "sender.example. TXT \"v=spf1 ip4:127.0.0.0/8 -all\"",
    "sender.example. A 127.0.0.1",
    "_dmarc.sender.example. TXT \"v=DMARC1; p=reject\"",
    "mail.sender.example. A 127.0.0.20",
    "20.0.0.127.in-addr.arpa. PTR mail.sender.example.",
    "xn--grn-ioa.example. TXT \"v=spf1 ip4:127.0.0.0/8 -all\"",
]


class Clients(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.nsd = world.Nsd(RECORDS)
        cls.gateway = world.Gateway("gateway", cls.nsd.port, tls=True, top="edges = 2",
                                    users="alice\nbob\ncarol\npostfix\ngrün\n")
        cls.port = cls.gateway.port

    @classmethod
    def tearDownClass(cls):
        cls.gateway.stop()
        cls.nsd.stop()

    def run_program(self, *arguments, stdin=b""):
        done = subprocess.run(arguments, input=stdin, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=world.PATIENCE,
                              env=dict(os.environ, PATH=world.PATH))
        self.assertEqual(done.returncode, 0, done.stdout.decode("utf-8", "replace"))
        return done.stdout.decode("utf-8", "replace")

    def check(self, mark, user="alice", sender="anna@sender.example", protocol="ESMTP",
              recipient=None):
        """All that a delivered file must bear, and its log line."""
        mail = self.gateway.the_mail(user, mark)
        self.assertEqual(mail.field("Return-Path"), "<%s>" % sender)
        self.assertEqual(mail.field("Delivered-To"), "%s@here.example" % user)
        received = mail.fields("Received")[0]
        self.assertRegex(received, r"^from \S+ \(.*\[127\.0\.0\.\d+\]\)")
        self.assertIn(" by mx.here.example ", received)
        self.assertIn(" with %s " % protocol, received)
        self.assertIn(" for <%s>;" % (recipient or user + "@here.example"), received)
        identity = re.search(r" id (\w+)", received).group(1)
        results = mail.fields("Authentication-Results")[0]
        self.assertTrue(results.startswith("mx.here.example;"), results)
        self.assertIn("spf=pass", results)
        self.assertIn("smtp.mailfrom=", results)
        self.assertRegex(mail.field("X-Vouch-Verdict"), r"^accept; class=.*; id=" + identity)
        self.assertTrue(mail.field("X-Vouch-Reason"))
        self.assertTrue(mail.field("Received-SPF").startswith("pass "), mail.field("Received-SPF"))
        # Ours stand above what came with the message.
        order = [line.split(":")[0] for line in mail.head.decode("utf-8", "replace").split("\n")
                 if not line.startswith(("\t", " "))]
        self.assertEqual(order[:2], ["Return-Path", "Delivered-To"])
        self.assertLess(order.index("Authentication-Results"), order.index("Received"))
        self.assertLess(order.index("Received"), order.index("From"))
        self.assertNotIn(b"\r", mail.octets)
        # The mail is not readable by others.
        self.assertEqual(os.stat(mail.path).st_mode & 0o077, 0)
        line = self.gateway.log_line(identity)
        self.assertEqual(line["from"], sender)
        self.assertEqual(line["action"], "accept")
        self.assertEqual(line["code"], "250")
        self.assertEqual(line["spf"], "pass")
        self.assertEqual(line["delivery"], "%s@here.example=delivered" % user)
        return mail

    def test_swaks(self):
        """swaks delivers, and is told the id"""
        program = world.needs("swaks")
        out = self.run_program(program, "--server", "127.0.0.1:%d" % self.port, "--from",
                               "anna@sender.example", "--to", "alice@here.example", "--helo",
                               "client.example", "--header", "From: anna@sender.example",
                               "--header", "Subject: by swaks")
        mail = self.check("by swaks")
        self.assertEqual(re.search(r"id=(\w+)", out).group(1),
                         re.search(r"id=(\w+)", mail.field("X-Vouch-Verdict")).group(1))
        self.assertIn("dmarc=pass", mail.fields("Authentication-Results")[0])

    def test_swaks_tls_pipeline(self):
        """swaks over STARTTLS with pipelining"""
        program = world.needs("swaks")
        out = subprocess.run([program, "--support"], stdout=subprocess.PIPE,
                             stderr=subprocess.STDOUT).stdout.decode()
        if re.search(r"TLS not available", out):
            self.skipTest("swaks lacks TLS")
        self.run_program(program, "--server", "127.0.0.1:%d" % self.port, "--from",
                         "anna@sender.example", "--to", "alice@here.example", "--tls", "--pipeline",
                         "--header", "Subject: swaks in TLS", "--header", "From: anna@sender.example")
        mail = self.check("swaks in TLS", protocol="ESMTPS")
        self.assertRegex(mail.fields("Received")[0], r"TLSv?1\.[23]")

    def test_swaks_unknown_user(self):
        """swaks is refused at RCPT for an unknown user, with a reply that says so"""
        program = world.needs("swaks")
        done = subprocess.run([program, "--server", "127.0.0.1:%d" % self.port, "--from",
                               "anna@sender.example", "--to", "nobody@here.example"],
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.assertEqual(done.returncode, 24, done.stdout.decode())
        self.assertIn("550 5.1.1", done.stdout.decode())

    def test_msmtp(self):
        """msmtp over STARTTLS, the certificate checked"""
        program = world.needs("msmtp")
        chain = world.folder() + "/gateway.pem"
        config = world.write_file(world.folder() + "/msmtprc", """
account default
host localhost
port %d
from anna@sender.example
domain client.example
auth off
tls on
tls_starttls on
tls_fingerprint %s
syslog off
""" % (self.port, self.fingerprint(chain)), 0o600)
        octets = world.message("anna@sender.example", "bob@here.example", "by msmtp")
        self.run_program(program, "-C", config, "bob@here.example",
                         stdin=octets.replace(b"\r\n", b"\n"))
        self.check("by msmtp", user="bob", protocol="ESMTPS")

    @staticmethod
    def fingerprint(chain):
        out = world.openssl("x509", "-in", chain, "-noout", "-fingerprint", "-sha256").decode()
        return out.strip().rpartition("=")[2]

    def test_curl(self):
        """curl smtp:// with a message of 3 MB"""
        program = world.needs("curl")
        body = "".join("%06d %s\r\n" % (i, "x" * 70) for i in range(38000))
        octets = world.message("anna@sender.example", "carol@here.example", "by curl", body)
        file = world.write_file(world.folder() + "/curl.eml", octets)
        self.run_program(program, "-sS", "--url", "smtp://127.0.0.1:%d/client.example" % self.port,
                         "--mail-from", "anna@sender.example", "--mail-rcpt", "carol@here.example",
                         "--upload-file", file)
        mail = self.check("by curl", user="carol")
        self.assertEqual(mail.body, body.replace("\r\n", "\n").encode())

    def test_curl_tls(self):
        """curl demands TLS and trusts only this certificate"""
        program = world.needs("curl")
        file = world.write_file(world.folder() + "/curl-tls.eml", world.message(
            "anna@sender.example", "alice@here.example", "curl in TLS"))
        self.run_program(program, "-sS", "--ssl-reqd", "--cacert", world.folder() + "/gateway.pem",
                         "--connect-to", "mx.here.example:%d:127.0.0.1:%d" % (self.port, self.port),
                         "--url", "smtp://mx.here.example:%d/client.example" % self.port,
                         "--mail-from", "anna@sender.example", "--mail-rcpt", "alice@here.example",
                         "--upload-file", file)
        self.check("curl in TLS", protocol="ESMTPS")

    def test_smtplib(self):
        """smtplib: the extensions, several recipients, dots and 8-bit text arrive as they were"""
        with smtplib.SMTP("127.0.0.1", self.port, "client.example", world.PATIENCE) as client:
            client.ehlo()
            for extension in ("pipelining", "size", "8bitmime", "smtputf8", "chunking", "starttls",
                              "enhancedstatuscodes", "limits"):
                self.assertTrue(client.has_extn(extension), extension)
            self.assertFalse(client.has_extn("dsn"), "DSN is not for strangers")
            self.assertFalse(client.has_extn("auth"))
            self.assertEqual(client.vrfy("alice")[0], 252)
            body = ".\r\n..\r\n.dot\r\nKäse\r\n\r\n\r\nend\r\n"
            octets = world.message("anna@sender.example", "alice@here.example", "by smtplib", body)
            refused = client.sendmail("anna@sender.example",
                                      ["alice@here.example", "bob@here.example",
                                       "nobody@here.example"], octets, ["body=8bitmime"])
            self.assertEqual(list(refused), ["nobody@here.example"])
            self.assertEqual(refused["nobody@here.example"][0], 550)
        for user in "alice", "bob":
            mail = self.gateway.the_mail(user, "by smtplib")
            self.assertEqual(mail.body.decode(), body.replace("\r\n", "\n"))
            # With several recipients none is named to the others (rfc5321:7.2).
            self.assertNotIn(" for ", mail.fields("Received")[0])

    def test_smtplib_tls(self):
        """smtplib over STARTTLS; the name in the certificate is right"""
        context = ssl.create_default_context(cafile=world.folder() + "/gateway.pem")
        with smtplib.SMTP("127.0.0.1", self.port, "client.example", world.PATIENCE) as client:
            client._host = "mx.here.example"  # what the certificate is checked against
            client.starttls(context=context)
            client.ehlo()
            self.assertFalse(client.has_extn("starttls"), "offered inside TLS")
            client.sendmail("anna@sender.example", ["alice@here.example"], world.message(
                "anna@sender.example", "alice@here.example", "smtplib in TLS"))
        mail = self.check("smtplib in TLS", protocol="ESMTPS")
        identity = re.search(r"id=(\w+)", mail.field("X-Vouch-Verdict")).group(1)
        self.assertRegex(self.gateway.log_line(identity)["tls"], r"^TLSv?1\.[23]")

    def test_smtputf8(self):
        """SMTPUTF8: a recipient and a sender in UTF-8"""
        with smtplib.SMTP("127.0.0.1", self.port, "client.example", world.PATIENCE) as client:
            client.ehlo()
            octets = ("From: Jürgen <jürgen@grün.example>\r\nTo: <grün@here.example>\r\n"
                      "Subject: Grüße aus UTF-8\r\nDate: Sat, 21 Nov 2026 12:00:00 +0000\r\n"
                      "Message-ID: <utf8@grün.example>\r\n\r\nÄÖÜ\r\n").encode()
            client.sendmail("jürgen@grün.example", ["grün@here.example"], octets,
                            ["SMTPUTF8", "BODY=8BITMIME"])
        mail = self.gateway.the_mail("grün", "Grüße aus UTF-8")
        self.assertIn("Return-Path: <jürgen@grün.example>\n".encode(), mail.octets)
        self.assertIn(b" with UTF8SMTP", mail.head)
        self.assertIn("spf=pass", mail.fields("Authentication-Results")[0])

    def test_smtputf8_undeclared(self):
        """a UTF-8 address without SMTPUTF8 is refused (rfc6531:3.5)"""
        with world.Client(self.port) as client:
            client.hello()
            self.assertEqual(client.command("MAIL FROM:<jürgen@grün.example>").code, 550)
            self.assertEqual(client.command("MAIL FROM:<anna@sender.example>").code, 250)
            self.assertEqual(client.command("RCPT TO:<grün@here.example>").code, 553)

    def test_helo(self):
        """a client of the old days: HELO, and nothing declared"""
        with smtplib.SMTP("127.0.0.1", self.port, "client.example", world.PATIENCE) as client:
            client.helo("client.example")
            client.mail("anna@sender.example")
            client.rcpt("alice@here.example")
            self.assertEqual(client.data(world.message(
                "anna@sender.example", "alice@here.example", "by HELO"))[0], 250)
        self.check("by HELO", protocol="SMTP")

    def test_verified_name(self):
        """the client's name is in Received when its address leads there and back"""
        octets = world.message("anna@sender.example", "alice@here.example", "with a name")
        reply = self.gateway.send("anna@sender.example", "alice@here.example", octets,
                                  source="127.0.0.20", helo="liar.example")
        self.assertEqual(reply.code, 250)
        mail = self.check("with a name")
        self.assertIn("from liar.example (mail.sender.example [127.0.0.20])",
                      mail.fields("Received")[0])
        self.assertIn("iprev=pass", mail.fields("Authentication-Results")[0])

    def test_pipelining(self):
        """two messages in one pipelined group each, and QUIT; replies in order (rfc2920)"""
        first, second = (world.stuffed(world.message(
            "anna@sender.example", "alice@here.example", "pipelined %d" % i)) for i in (1, 2))
        with world.Client(self.port) as client:
            client.hello()
            client.send(b"MAIL FROM:<anna@sender.example>\r\nRCPT TO:<nobody@here.example>\r\n"
                        b"RCPT TO:<alice@here.example>\r\nDATA\r\n")
            self.assertEqual([client.reply().code for _ in range(4)], [250, 550, 250, 354])
            # The end of data ends a group too (rfc2920:3.1), the next commands come along.
            client.send(first + b"RSET\r\nMAIL FROM:<anna@sender.example>\r\n"
                        b"RCPT TO:<alice@here.example>\r\nDATA\r\n")
            self.assertEqual([client.reply().code for _ in range(5)], [250, 250, 250, 250, 354])
            client.send(second + b"QUIT\r\n")
            self.assertEqual([client.reply().code for _ in range(3)], [250, 221, 0])
        self.gateway.the_mail("alice", "pipelined 1")
        self.gateway.the_mail("alice", "pipelined 2")

    def test_pipelined_starttls(self):
        """what was pipelined behind STARTTLS is dropped (rfc3207:4.2, CVE-2011-0411)"""
        with world.Client(self.port) as client:
            client.hello()
            client.send(b"STARTTLS\r\nMAIL FROM:<injected@sender.example>\r\n")
            self.assertEqual(client.reply().code, 220)
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            client.socket = context.wrap_socket(client.socket)
            client.file = client.socket.makefile("rb")
            self.assertEqual(client.command("RCPT TO:<alice@here.example>").code, 503)
            self.assertEqual(client.command("MAIL FROM:<anna@sender.example>").code, 503, "no EHLO")

    def test_bdat(self):
        """BDAT: chunks that cut lines anywhere, a dot alone, pipelined (rfc3030)"""
        octets = world.message("anna@sender.example", "alice@here.example", "by BDAT",
                               "first\r\n.\r\nQUIT\r\nlast\r\n")
        cuts = [0, 7, octets.index(b"\r\n") + 1, octets.index(b".\r\nQUIT") + 1, len(octets)]
        with world.Client(self.port) as client:
            client.hello()
            group = b"MAIL FROM:<anna@sender.example> BODY=8BITMIME\r\nRCPT TO:<alice@here.example>\r\n"
            for start, end in zip(cuts, cuts[1:]):
                group += b"BDAT %d\r\n" % (end - start) + octets[start:end]
            client.send(group + b"BDAT 0 LAST\r\n")
            self.assertEqual([client.reply().code for _ in range(7)], [250] * 7)
        mail = self.check("by BDAT")
        self.assertEqual(mail.body, b"first\n.\nQUIT\nlast\n")

    def test_bdat_refused(self):
        """a chunk without a recipient is swallowed, not read as commands"""
        with world.Client(self.port) as client:
            client.hello()
            client.command("MAIL FROM:<anna@sender.example>")
            client.command("RCPT TO:<nobody@here.example>")
            client.send(b"BDAT 28 LAST\r\nMAIL FROM:<evil@x.example>\r\n")
            self.assertEqual(client.reply().code // 100, 5)
            self.assertEqual(client.command("RSET").code, 250)
            self.assertEqual(client.command("NOOP").code, 250)

    def test_no_smuggling(self):
        """false ends of data do not end it, and the message is refused"""
        for end in b"\n.\n", b"\n.\r\n", b"\r\n.\n", b"\r.\r":
            with self.subTest(end=end), world.Client(self.port) as client:
                client.hello()
                client.command("MAIL FROM:<anna@sender.example>")
                client.command("RCPT TO:<alice@here.example>")
                client.command("DATA")
                client.send(world.message("anna@sender.example", "alice@here.example", "smuggler") +
                            b"x" + end + b"MAIL FROM:<evil@sender.example>\r\nRCPT TO:"
                            b"<alice@here.example>\r\nDATA\r\nSubject: smuggled\r\n\r\n\r\n.\r\n")
                reply = client.reply()
                self.assertEqual(reply.code, 550, reply)
                self.assertIn("5.6.11", reply.text)
                self.assertEqual(client.command("NOOP").code, 250)
        self.assertEqual(self.gateway.find_mail("alice", "smuggle"), [])

    def test_size(self):
        """a message that declares more than we take is refused at MAIL"""
        with world.Client(self.port) as client:
            client.hello()
            reply = client.command("MAIL FROM:<anna@sender.example> SIZE=99999999999")
            self.assertEqual(reply.code, 552)

    def test_postfix(self):
        """Postfix relays to us, with TLS, in one session for several messages"""
        program = world.needs("postfix")
        if not world.IS_ROOT:
            self.skipTest("a Postfix of our own needs root")
        postfix = Postfix(program, self.port)
        try:
            for i in range(3):
                octets = world.message("anna@sender.example", "postfix@here.example",
                                       "by Postfix %d" % i, body="Grüße\r\n.\r\nend\r\n",
                                       extra="MIME-Version: 1.0\r\nContent-Type: text/plain; "
                                             "charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n")
                postfix.inject("anna@sender.example", ["postfix@here.example"], octets)
            world.wait_until("all mail of Postfix",
                             lambda: len(self.gateway.mails("postfix")) == 3 or postfix.bounced())
            for i in range(3):
                mail = self.check("by Postfix %d" % i, user="postfix", protocol="ESMTPS")
                self.assertEqual(mail.body.decode(), "Grüße\n.\nend\n")
                self.assertEqual(len(mail.fields("Received")), 2)
            # A recipient that does not exist is Postfix's to bounce, not ours.
            postfix.inject("anna@sender.example", ["nobody@here.example"], world.message(
                "anna@sender.example", "nobody@here.example", "Postfix to nobody"))
            world.wait_until("Postfix hears of it", postfix.bounced)
            self.assertIn("550 5.1.1", postfix.log())
        finally:
            postfix.stop()


class Listeners(unittest.TestCase):
    """What depends on where the client comes from and on which port it comes in."""

    @classmethod
    def setUpClass(cls):
        cls.nsd = world.Nsd(RECORDS, name="nsd-listeners")
        cls.ports = {name: world.free_port() for name in ("implicit", "proxy", "closed", "lenient")}
        cls.addresses = "[127.0.0.1:@PORT@, \"[::1]:@PORT@\"]" if has_ipv6() else "[127.0.0.1:@PORT@]"
        cls.gateway = world.Gateway(
            "listeners", cls.nsd.port, tls=True, start=False,
            top="edges = 1\nown-networks = [127.0.0.88, 192.0.2.88]", sections="""
listener implicit { address = 127.0.0.1:%(implicit)d tls = implicit }
listener proxy { address = 127.0.0.1:%(proxy)d proxy-protocol = yes proxy-from = [127.0.0.77] }
listener closed { address = 127.0.0.1:%(closed)d proxy-protocol = yes proxy-from = [192.0.2.1] }
listener lenient { address = 127.0.0.1:%(lenient)d lenient-syntax = yes tls = none }
""" % cls.ports)
        cls.gateway.write_config(listen=cls.addresses.replace("@PORT@", str(cls.gateway.port)))
        cls.gateway.start()

    @classmethod
    def tearDownClass(cls):
        cls.gateway.stop()
        cls.nsd.stop()

    def send(self, client, mark):
        return client.transaction("anna@sender.example", ["alice@here.example"], world.message(
            "Anna <anna@sender.example>", "alice@here.example", mark))

    def test_ipv6(self):
        """a session over IPv6"""
        if not has_ipv6():
            self.skipTest("no IPv6 here")
        with smtplib.SMTP("::1", self.gateway.port, "client.example", world.PATIENCE) as client:
            client.sendmail("b@plain.example", ["alice@here.example"], world.message(
                "b@plain.example", "alice@here.example", "over IPv6"))
        self.assertIn("[IPv6:::1]", self.gateway.the_mail("alice", "over IPv6").fields("Received")[0])

    def test_implicit_tls(self):
        """TLS from the first octet"""
        context = ssl.create_default_context(cafile=world.folder() + "/listeners.pem")
        context.check_hostname = False
        with smtplib.SMTP_SSL("127.0.0.1", self.ports["implicit"], "client.example",
                              timeout=world.PATIENCE, context=context) as client:
            client.ehlo()
            self.assertFalse(client.has_extn("starttls"))
            client.sendmail("anna@sender.example", ["alice@here.example"], world.message(
                "anna@sender.example", "alice@here.example", "implicit TLS"))
        mail = self.gateway.the_mail("alice", "implicit TLS")
        self.assertIn(" with ESMTPS ", mail.fields("Received")[0])

    def test_proxy(self):
        """PROXY protocol, both versions: the client is the one that the proxy names"""
        v1 = b"PROXY TCP4 192.0.2.9 192.0.2.25 40000 25\r\n"
        v2 = (b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c" + socket.inet_aton("192.0.2.9") +
              socket.inet_aton("192.0.2.25") + b"\x9c\x40\0\x19")
        for version, header in (1, v1), (2, v2):
            with self.subTest(version=version), \
                    world.Client(self.ports["proxy"], "127.0.0.77", greeting=False) as client:
                client.send(header)
                self.assertEqual(client.reply().code, 220)
                client.hello()
                reply = self.send(client, "by proxy %d" % version)
                # 192.0.2.9 may not send for sender.example, which asks to refuse.
                self.assertEqual((reply.code, reply.text[:6]), (550, "5.7.26"), reply)
                self.assertEqual(self.gateway.explain(reply.id)["client"], "192.0.2.9")

    def test_proxy_own_network(self):
        """own networks are those of the client, not of the proxy"""
        for address, code in ("192.0.2.88", 250), ("192.0.2.9", 501):
            with world.Client(self.ports["proxy"], "127.0.0.77", greeting=False) as client:
                client.send(b"PROXY TCP4 %s 192.0.2.25 40000 25\r\n" % address.encode())
                client.reply()
                client.hello()
                self.assertEqual(client.command("MAIL FROM: anna@sender.example").code, code)

    def test_proxy_of_strangers(self):
        """whoever is not the proxy is not heard on its port"""
        for port in self.ports["proxy"], self.ports["closed"]:
            with world.Client(port, "127.0.0.1", greeting=False) as client:
                try:
                    client.send(b"PROXY TCP4 192.0.2.88 192.0.2.25 40000 25\r\n")
                except OSError:
                    pass
                self.assertEqual(client.reply().code, 0)

    def test_own_network(self):
        """own networks: sloppy syntax, bare line ends mended; no checks stand in the way"""
        with world.Client(self.gateway.port, "127.0.0.88") as client:
            # Notifications are not made yet, so they are not promised, either.
            self.assertNotIn("DSN", client.hello().lines)
            self.assertEqual(client.command("MAIL FROM: anna@sender.example").code, 250)
            self.assertEqual(client.command("RCPT TO:<alice@here.example>").code, 250)
            client.command("DATA")
            client.send(b"From: anna@sender.example\nSubject: bare but ours\n\nline\n.\nend\r\n.\r\n")
            self.assertEqual(client.reply().code, 250)
        mail = self.gateway.the_mail("alice", "bare but ours")
        self.assertEqual(mail.body, b"line\n.\nend\n")

    def test_strict_and_lenient(self):
        """sloppy commands: refused by default, taken where the listener says so"""
        for port, code in (self.gateway.port, 501), (self.ports["lenient"], 250):
            for line in ("MAIL FROM: <anna@sender.example>", "MAIL FROM:anna@sender.example",
                         "MAIL FROM:<anna@sender.example>  SIZE=1"):
                with self.subTest(line=line, code=code), world.Client(port) as client:
                    client.hello()
                    self.assertEqual(client.command(line).code, code)

    def test_no_tls(self):
        """tls = none: not offered, and refused"""
        with world.Client(self.ports["lenient"]) as client:
            self.assertNotIn("STARTTLS", client.hello().lines)
            self.assertEqual(client.command("STARTTLS").code, 502)


def has_ipv6():
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
            return True
    except OSError:
        return False


class Postfix:
    """A private instance whose queue lies in our folder and that relays all to one port."""

    def __init__(self, program, port):
        self.program = program
        self.place = world.folder() + "/postfix"
        os.makedirs(self.place + "/queue")
        os.makedirs(self.place + "/data")
        os.chown(self.place + "/data", pwd.getpwnam("postfix").pw_uid, -1)
        world.write_file(self.place + "/main.cf", """
compatibility_level = 3.6
queue_directory = {0}/queue
data_directory = {0}/data
maillog_file_prefixes = {0}
maillog_file = {0}/log
myhostname = mail.sender.example
mydestination =
mynetworks = 127.0.0.0/8
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
alias_maps =
relayhost = [127.0.0.1]:{1}
smtp_tls_security_level = encrypt
smtp_bind_address = 127.0.0.20
smtp_helo_name = mail.sender.example
smtp_destination_concurrency_limit = 1
default_transport = smtp
relay_transport = smtp
notify_classes =
""".format(self.place, port))
        master = world.read_file("/usr/share/postfix/master.cf.dist").decode() \
            if os.path.exists("/usr/share/postfix/master.cf.dist") \
            else world.read_file("/etc/postfix/master.cf").decode()
        # No port of its own; and no chroot, which would have to be filled.
        master = re.sub(r"(?m)^smtp +inet.*$", "", master)
        master = re.sub(r"(?m)^(\w+ +\w+ +\S+ +\S+ +)y", r"\1n", master)
        world.write_file(self.place + "/master.cf", master)
        world.close_later(self)
        self.run("start")

    def run(self, command):
        done = subprocess.run([self.program, "-c", self.place, command], stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, env=dict(os.environ, PATH=world.PATH))
        if done.returncode and command == "start":
            raise AssertionError("postfix start: " + done.stdout.decode() + self.log())

    def log(self):
        path = self.place + "/log"
        return world.read_file(path).decode() if os.path.exists(path) else ""

    def bounced(self):
        return "status=bounced" in self.log()

    def inject(self, sender, recipients, octets):
        done = subprocess.run([world.find_program("sendmail"), "-C", self.place, "-i", "-f", sender] +
                              recipients, input=octets.replace(b"\r\n", b"\n"),
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        if done.returncode:
            raise AssertionError("sendmail: " + done.stdout.decode())

    def stop(self):
        self.run("stop")

    close = stop


if __name__ == "__main__":
    world.main()
