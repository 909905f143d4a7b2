#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""usage: outbound_test.py PATH-TO-VOUCH [TEST ...]

What we send is taken by Postfix, Exim and OpenSMTPD: plain, large and internationalized mail, several
recipients of which one is refused, greylisting; over STARTTLS, with signatures that hold.
"""
import re
import sys
import unittest

sys.dont_write_bytecode = True  # the source tree stays as it is

import mta_world
import world
from mta_world import queue, queued, wait_delivery

ME = "alice@here.example"
PORT = world.free_port()
ZONE = """
here.example. MX 10 mx.here.example.
mx.here.example. A 127.0.0.1
postfix.example. MX 10 mx.postfix.example.
mx.postfix.example. A 127.0.1.1
exim.example. MX 10 mx.exim.example.
xn--grn-hoa.exim.example. MX 10 mx.exim.example.
mx.exim.example. A 127.0.1.2
smtpd.example. MX 10 mx.smtpd.example.
mx.smtpd.example. A 127.0.1.3
"""
SECTIONS = """
host machine { networks = [127.0.0.0/8] senders = ["@here.example"] }
signing here.example { }
queue { smtp-port = %d retry-first = 1h ipv6 = no authorities = "%s" }
log { level = debug }
"""


def setUpModule():
    global gateway, signing, authority
    world.require("nsd", "openssl")
    mta_world.require_root()
    authority = mta_world.Authority()
    signing = mta_world.Signing("here.example")
    dns = world.Nsd(ZONE.strip().split("\n") + signing.zone)
    gateway = world.Gateway("outbound", dns.port, tls=True,
                            top='edges = 1\nkey-directory = "%s"' % signing.directory,
                            sections=SECTIONS % (PORT, authority.file))


def tearDownModule():
    gateway.stop()


class Receivers:
    """Each test for each server; made by the classes at the end."""

    server = None
    domain = None
    tls = None    # in its Received field
    utf8 = True
    broken_tls = False

    @classmethod
    def setUpClass(cls):
        cls.server = cls.start(authority.issue("mx." + cls.domain, algorithm=("rsa:2048",)))

    def to(self, user):
        return "%s@%s" % (user, self.domain)

    def put(self, recipients, octets, sender=ME, options=""):
        """Accepted for the queue; where the log stood before."""
        start = len(gateway.log_text())
        with world.Client(gateway.port) as client:
            client.hello()
            reply = client.command("MAIL FROM:<%s>%s" % (sender, options))
            self.assertEqual(reply.code, 250, reply)
            for recipient in recipients:
                reply = client.command("RCPT TO:<%s>" % recipient)
                self.assertEqual(reply.code, 250, (recipient, reply))
            reply = client.data(octets)
            self.assertEqual(reply.code, 250, reply)
        return start

    def arrived(self, user, text, patience=8):
        def look():
            return [mail for mail in self.server.mails(user) if text.encode() in mail.octets]
        found = world.wait_until("'%s' for %s at %s" % (text, user, self.domain), look, patience)
        self.assertEqual(len(found), 1, "delivered %d times" % len(found))
        return found[0]

    def check_signed(self, mail):
        # What the server put above is not signed; its delivery fields do no harm to ours.
        found = signing.verify(mail.octets)
        self.assertEqual(found["dkim"], [True, True], (found, mail.octets[:3000].decode("utf-8", "replace")))

    def test_plain(self):
        """{0} takes a plain message over STARTTLS, signed"""
        start = self.put([self.to("ann")], world.message(
            ME, self.to("ann"), "plain to " + self.domain, body="Hello.\r\n.\r\n..two\r\n\r\n\r\n"))
        line = wait_delivery(gateway, self.to("ann"), start=start)
        if self.broken_tls and "SSL routines" in self.server.log():
            self.assertEqual(line["security"], "none", line)
        else:
            self.assertEqual(line["security"], "opportunistic", line)
            self.assertRegex(line["tls"], r"^TLSv1\.[23]$")
        self.assertIn("mx.%s[%s:%d]" % (self.domain, self.server.address, PORT), line["relay"])
        mail = self.arrived("ann", "plain to " + self.domain)
        self.assertRegex(mail.fields("Received")[0], self.tls)
        self.assertIn("mx.here.example", mail.fields("Received")[0])
        self.assertEqual(mail.body.replace(b"\r\n", b"\n").rstrip(b"\n"), b"Hello.\n.\n..two")
        self.check_signed(mail)
        self.assertEqual(len(re.findall("dkim=pass", signing.opendkim(mail.octets))), 2,
                         signing.opendkim(mail.octets))
        self.assertEqual(queued(gateway), [])

    def test_eight_bit(self):
        """{0} takes 8-bit text in a line of 900 octets, unharmed"""
        body = "Grüße " + "x" * 900 + "\r\n" + "ü" * 400 + "\r\n"
        self.put([self.to("ben")], world.message(
            ME, self.to("ben"), "eight bits", body=body,
            extra="MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n"
                  "Content-Transfer-Encoding: 8bit\r\n"), options=" BODY=8BITMIME")
        mail = self.arrived("ben", "eight bits")
        self.assertIn(("ü" * 400).encode(), mail.octets)
        self.check_signed(mail)

    def test_utf8(self):
        """{0} and SMTPUTF8: an address that is not ASCII"""
        recipient = self.to("grün")
        start = self.put([recipient], world.message(ME, recipient, "Grüße"), options=" SMTPUTF8")
        if self.utf8:
            wait_delivery(gateway, recipient, start=start)
            mail = self.arrived("grün", "Subject: Grüße")
            self.check_signed(mail)
            return
        line = wait_delivery(gateway, recipient, "(bounced|failed)", start=start)
        self.assertRegex(line["dsn"], r"^5\.6\.[79]$")  # rfc6531:3.6, rfc6532
        self.notification("gr(ün|=C3=BCn)@")

    def test_large(self):
        """{0} takes 2 MB, and is not offered what is larger than its SIZE"""
        line = "0123456789" * 7 + "\r\n"
        start = self.put([self.to("big")], world.message(
            ME, self.to("big"), "two megabytes", body=line * (2 * 1024 * 1024 // len(line))))
        wait_delivery(gateway, self.to("big"), start=start)
        mail = self.arrived("big", "two megabytes")
        self.assertEqual(mail.body.replace(b"\r\n", b"\n").count(b"\n"), 2 * 1024 * 1024 // len(line))
        self.check_signed(mail)
        start = self.put([self.to("big")], world.message(
            ME, self.to("big"), "too large", body=line * (11 * 1000 * 1000 // len(line))))
        wait_delivery(gateway, self.to("big"), "(bounced|failed)", start=start)
        self.notification(r"too large")

    def notification(self, pattern):
        """The one in our sender's mailbox whose text or original header holds this."""
        def look():
            return [mail for mail in gateway.mails("alice")
                    if re.search(pattern.encode(), mail.octets) and b"Action: failed" in mail.octets
                    and self.domain.encode() in mail.octets]
        found = world.wait_until("a notification with " + pattern, look, 8)
        self.assertEqual(len(found), 1)
        return found[0]

    def test_partly_refused(self):
        """{0} refuses one of three recipients: the sender is told of that one only"""
        wanted = [self.to("ann"), self.to("nobody-here"), self.to("ben")]
        start = self.put(wanted, world.message(ME, ", ".join(wanted), "to three"))
        wait_delivery(gateway, wanted[0], start=start)
        wait_delivery(gateway, wanted[2], start=start)
        self.arrived("ann", "to three")
        self.arrived("ben", "to three")
        mail = self.notification("nobody-here")
        self.assertEqual(mail.fields("Return-Path"), ["<>"])
        text = mail.octets.decode().replace("\r\n", "\n")
        self.assertRegex(text, r"(?m)^Final-Recipient: rfc822; *nobody-here@" + re.escape(self.domain))
        self.assertNotRegex(text, r"(?m)^Final-Recipient: rfc822; *ann@")
        self.assertRegex(text, r"(?m)^Action: failed$")
        self.assertRegex(text, r"(?m)^Status: 5\.\d+\.\d+$")
        self.assertRegex(text, r"(?m)^Diagnostic-Code: smtp; *550")
        self.assertRegex(text, r"(?m)^Remote-MTA: dns; *mx\." + re.escape(self.domain))
        self.assertIn("Subject: to three", text)
        self.assertNotIn("\nHello.\n", text)
        self.assertEqual(queued(gateway), [])

    def test_greylisted(self):
        """{0} greylists: it waits, and goes after `vouch queue retry`"""
        recipient = self.to("grey")
        self.server.grey(True)
        try:
            start = self.put([recipient], world.message(ME, recipient, "try again"))
            line = wait_delivery(gateway, recipient, "deferred", start=start)
            self.assertIn("451", line["reply"])
            listed = world.wait_until("it waits", lambda: queued(gateway, "--recipient", recipient))
            self.assertEqual(len(listed), 1)
            self.assertIn("reylisted", queue(gateway, "list"))
            self.assertEqual(self.server.mails("grey"), [])
        finally:
            self.server.grey(False)
        start = len(gateway.log_text())
        queue(gateway, "retry", "--recipient", recipient)
        wait_delivery(gateway, recipient, start=start)
        self.check_signed(self.arrived("grey", "try again"))
        world.wait_until("the queue is empty", lambda: not queued(gateway))

    def test_delivery_status(self):
        """{0} and NOTIFY=SUCCESS: told by it, or by us where it does not know DSN"""
        with world.Client(gateway.port) as client:
            client.hello()
            client.command("MAIL FROM:<%s> RET=HDRS ENVID=env+2B1" % ME)
            client.command("RCPT TO:<%s> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;%s" % (
                self.to("ann"), self.to("ann")))
            reply = client.data(world.message(ME, self.to("ann"), "tell me"))
            self.assertEqual(reply.code, 250)
        self.arrived("ann", "Subject: tell me")
        if self.dsn:
            self.assertEqual(self.told("tell me"), [])
        else:
            mail = world.wait_until("told", lambda: self.told("tell me"), 8)[0]
            self.assertRegex(mail.octets, rb"(?m)^Action: relayed\r?$")
            self.assertRegex(mail.octets, rb"(?m)^Original-Envelope-Id: env\+1\r?$")

    def told(self, subject):
        return [mail for mail in gateway.mails("alice") if b"Subject: " + subject.encode() in mail.octets
                and self.domain.encode() in mail.octets]


def described(cls):
    """The texts of the tests with the name of the server in them."""
    for name in dir(Receivers):
        if name.startswith("test_"):
            function = getattr(Receivers, name)

            def copy(self, function=function):
                function(self)
            copy.__doc__ = function.__doc__.replace("{0}", cls.__name__.replace("To", ""))
            copy.__code__ = copy.__code__.replace(co_firstlineno=function.__code__.co_firstlineno)
            setattr(cls, name, copy)
    return cls


@described
class ToPostfix(Receivers, unittest.TestCase):
    domain = "postfix.example"
    tls = r"\(using TLSv1\.[23] with cipher"
    dsn = True

    @staticmethod
    def start(certificate):
        return mta_world.Postfix(PORT, certificate=certificate)


@described
class ToExim(Receivers, unittest.TestCase):
    domain = "exim.example"
    tls = r"with (utf8)?esmtps \(TLS1\.[23]\)"
    dsn = True

    @staticmethod
    def start(certificate):
        return mta_world.Exim(PORT, certificate)


@described
class ToOpenSMTPD(Receivers, unittest.TestCase):
    domain = "smtpd.example"
    tls = r"with ESMTPS? "
    utf8 = False
    dsn = True
    # 6.8 cannot answer a handshake with OpenSSL 3 (its issue 1171), but offers STARTTLS all the same: then mail
    # has to get there without.
    broken_tls = True

    @staticmethod
    def start(certificate):
        return mta_world.Opensmtpd(PORT, certificate)


if __name__ == "__main__":
    world.main()
