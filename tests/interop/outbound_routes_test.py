#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""usage: outbound_routes_test.py PATH-TO-VOUCH [TEST ...]

Where mail goes, with Postfix as everybody else: mail exchangers that refuse, smart hosts with a password
(Dovecot's SASL), the fallback relay, backup MX for a primary that comes and goes, aliases that lead
elsewhere, and lists.
"""
import re
import sys
import unittest

sys.dont_write_bytecode = True  # the source tree stays as it is

import mta_world
import world
from mta_world import queue, queued, wait_delivery

ME = "alice@here.example"
MACHINE, STRANGER = "127.0.0.9", "127.0.0.50"
PORT = world.free_port()
MAIN, SMART, BADSMART, REFUSING, FALLBACK, OLD, PRIMARY, NOBODY = (
    "127.0.1.%d" % i for i in (1, 10, 11, 12, 13, 14, 20, 99))
PASSWORD = "not a word %d" % PORT
ZONE = """
here.example. MX 10 mx.here.example.
here.example. TXT "v=spf1 -all"
mx.here.example. A 127.0.0.1
mx.main.example. A {main}
mx.refusing.example. A {refusing}
old.example. MX 10 mx.old.example.
mx.old.example. A {old}
mx.nobody.example. A {nobody}
main.example. MX 10 mx.main.example.
nolisting.example. MX 10 mx.nobody.example.
nolisting.example. MX 20 mx.main.example.
refuses.example. MX 10 mx.refusing.example.
refuses.example. MX 20 mx.main.example.
bare.example. A {main}
null.example. MX 0 .
down.example. MX 10 mx.nobody.example.
backup.example. MX 10 mx.nobody.example.
smart.example.net. A {smart}
other.example.net. A {badsmart}
author.example. MX 10 mx.main.example.
author.example. TXT "v=spf1 ip4:{stranger} -all"
nospf.example. MX 10 mx.main.example.
""".format(main=MAIN, smart=SMART, badsmart=BADSMART, refusing=REFUSING, old=OLD, nobody=NOBODY, stranger=STRANGER)
DOMAINS = ["main.example", "nolisting.example", "refuses.example", "bare.example", "smart.example",
           "badsmart.example", "old.example", "down.example", "author.example", "nospf.example"]
SECTIONS = """
host machine {{ networks = [{machine}] senders = ["@here.example"] }}
signing here.example {{ }}
queue {{ smtp-port = {port} retry-first = 1h ipv6 = no authorities = "{authorities}"
    fallback-relay = ["{fallback}:{port}"] }}
route smart {{ domains = [smart.example] hosts = ["smart.example.net:{port}"] tls = verify
    user = gateway password-file = "{password}" }}
route badsmart {{ domains = [badsmart.example] hosts = ["other.example.net:{port}"] tls = verify
    user = gateway password-file = "{password}" }}
relay backup.example {{ primary = ["{primary}:{port}"] }}
srs {{ domain = srs.here.example secrets = "{secrets}" }}
list announce {{ address = announce@here.example members = "@DIR@/members" owner = alice@here.example
    description = "News of the house" }}
log {{ level = debug }}
"""
ALIASES = """
away: ann@main.example
lost: nobody-here@main.example
later: grey@main.example
both: bob, ben@main.example
mixed: bob, nobody-here@main.example
"""


def secret_file(name, text):
    return world.write_file("%s/%s" % (world.folder(), name), text + "\n", 0o600)


def setUpModule():
    global gateway, signing, author, postfix, primary
    world.require("nsd", "openssl", "dovecot")
    mta_world.require_root()
    authority = mta_world.Authority()
    signing = mta_world.Signing("here.example")
    author = world.DkimKey("author.example", "a")
    signing.records["a._domainkey.author.example"] = "".join(
        re.findall(r'"([^"]*)"', author.record))
    dns = world.Nsd(ZONE.strip().split("\n") + signing.zone + [author.record])
    sasl = mta_world.DovecotAuth("gateway", PASSWORD)
    good, bad = authority.issue("smart.example.net"), authority.issue("elsewhere.example.net")

    def smart(certificate):
        return ["smtpd_tls_security_level=encrypt", "smtpd_tls_chain_files=%s %s" % (certificate[1], certificate[0]),
                "smtpd_sasl_auth_enable=yes", "smtpd_sasl_type=dovecot", "smtpd_sasl_path=" + sasl.socket,
                "smtpd_sasl_security_options=noanonymous", "smtpd_sasl_authenticated_header=yes",
                "smtpd_recipient_restrictions=permit_sasl_authenticated, reject"]
    postfix = mta_world.Postfix(PORT, MAIN, certificate=good, domains=DOMAINS, more={
        SMART: smart(good), BADSMART: smart(bad), FALLBACK: ["myhostname=fallback.example"],
        OLD: ["smtpd_discard_ehlo_keywords=8bitmime, chunking, pipelining, dsn, smtputf8, size, starttls"],
        REFUSING: ["smtpd_delay_reject=no", "smtpd_client_restrictions=reject"]})
    primary = mta_world.Postfix(PORT, PRIMARY, name="primary", domains=["backup.example"])
    gateway = world.Gateway(
        "routes", dns.port, tls=True, top='edges = 1\nkey-directory = "%s"' % signing.directory,
        aliases=ALIASES, files={"members": "bob@here.example\nann@main.example\nben@main.example\n" + ME + "\n"},
        domain=world.Gateway.DOMAIN.replace("aliases =", "arc-seal = here.example\n    aliases ="),
        sections=SECTIONS.format(machine=MACHINE, port=PORT, authorities=authority.file, fallback=FALLBACK,
                                 secrets=secret_file("secrets", "a secret of the tests"),
                                 password=secret_file("password", PASSWORD),
                                 primary=PRIMARY))


def tearDownModule():
    gateway.stop()


def put(recipient, subject, sender=ME, **options):
    start = len(gateway.log_text())
    reply = gateway.send(sender, recipient, world.message(sender, recipient, subject, **options), source=MACHINE)
    assert reply.code == 250, reply
    return start


def strange(recipient, octets, sender="stranger@nospf.example"):
    return gateway.send(sender, recipient, octets, source=STRANGER)


def arrived(server, user, text, count=1):
    def look():
        found = [mail for mail in server.mails(user) if text.encode() in mail.octets]
        return found if len(found) >= count else None
    return world.wait_until("'%s' for %s" % (text, user), look, 10)[0]


class Routes(unittest.TestCase):
    def test_next_host(self):
        """the next MX, when the best does not answer (nolisting) or refuses all (554)"""
        for domain in "nolisting.example", "refuses.example":
            start = put("ann@" + domain, "by the second of " + domain)
            line = wait_delivery(gateway, "ann@" + domain, start=start)
            self.assertIn("mx.main.example[%s:%d]" % (MAIN, PORT), line["relay"])
            self.assertEqual(line["attempts"], "1")
            arrived(postfix, "ann", "by the second of " + domain)

    def test_no_mx(self):
        """no MX: the address of the domain itself"""
        self.assertIn("bare.example[", wait_delivery(gateway, "ann@bare.example", start=put(
            "ann@bare.example", "bare"))["relay"])

    def test_one_connection(self):
        """one connection for several messages to one host"""
        before = len(re.findall("(?m)smtpd.*: connect from", postfix.log()))
        for i in range(5):
            wait_delivery(gateway, "ben@main.example", start=put("ben@main.example", "one of five"))
        self.assertLessEqual(len(re.findall("(?m)smtpd.*: connect from", postfix.log())) - before, 1)
        arrived(postfix, "ben", "one of five", 5)

    def test_old_server(self):
        """a server without extensions takes 7 bits; what is signed in 8 is not converted (5.6.3)"""
        start = put("ben@old.example", "seven bits", body=".\r\n..dots\r\n.\r\n")
        wait_delivery(gateway, "ben@old.example", start=start)
        mail = arrived(postfix, "ben", "seven bits")
        self.assertEqual(mail.body.rstrip(b"\n"), b".\n..dots\n.")
        self.assertEqual(signing.verify(mail.octets)["dkim"], [True, True])
        recipient = "ann@old.example"
        start = len(gateway.log_text())
        with world.Client(gateway.port, MACHINE) as client:
            client.hello()
            client.command("MAIL FROM:<%s> BODY=8BITMIME" % ME)
            client.command("RCPT TO:<%s>" % recipient)
            reply = client.data(world.message(
                ME, recipient, "eight bits", body="Grüße\r\n", extra="MIME-Version: 1.0\r\nContent-Type: "
                "text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n"))
            self.assertEqual(reply.code, 250, reply)
        self.assertEqual(wait_delivery(gateway, recipient, "bounced", start)["dsn"], "5.6.3")
        self.told(recipient)

    def test_null_mx(self):
        """a null MX: told at once, nobody is asked (rfc7505)"""
        start = len(gateway.log_text())
        reply = gateway.send(ME, "ann@null.example", world.message(ME, "ann@null.example", "null"), source=MACHINE)
        if reply.code == 250:
            self.assertEqual(wait_delivery(gateway, "ann@null.example", "bounced", start)["dsn"], "5.1.10")
            self.told("ann@null.example")
        else:
            self.assertRegex(reply.text, r"^5\.1\.10 ")

    def told(self, recipient):
        return world.wait_until("a notification about " + recipient, lambda: [
            mail for mail in gateway.mails("alice") if b"Action: failed" in mail.octets and
            recipient.encode() in mail.octets], 10)[0]

    def test_smart_host(self):
        """a smart host that verifies gets the password (Dovecot's SASL) and the mail"""
        start = put("ann@smart.example", "by the smart host")
        line = wait_delivery(gateway, "ann@smart.example", start=start)
        self.assertEqual(line["security"], "verified", line)
        mail = arrived(postfix, "ann", "by the smart host")
        self.assertRegex(mail.fields("Received")[0], r"Authenticated sender: gateway")
        self.assertEqual(signing.verify(mail.octets)["dkim"], [True, True])

    def test_smart_host_not_verified(self):
        """a smart host with another name in its certificate gets neither; nor does the fallback relay"""
        start = put("ann@badsmart.example", "not by that one")
        line = wait_delivery(gateway, "ann@badsmart.example", "deferred", start)
        self.assertRegex(line["reply"], r"(?i)certificate|verif")
        # A fallback that cannot be verified would be a way around tls = verify.
        again = len(gateway.log_text())
        queue(gateway, "retry", "--recipient", "ann@badsmart.example")
        line = wait_delivery(gateway, "ann@badsmart.example", "deferred", again)
        self.assertIn("secure enough", line["reply"])
        self.assertFalse([mail for mail in postfix.mails("ann") if b"not by that one" in mail.octets])
        self.assertNotIn(PASSWORD, gateway.log_text())
        queue(gateway, "drop", "--recipient", "ann@badsmart.example")

    def test_fallback(self):
        """the fallback relay takes what could not be delivered at the first attempt"""
        start = put("ann@down.example", "by the fallback")
        line = wait_delivery(gateway, "ann@down.example", "deferred", start)
        self.assertEqual(line["attempts"], "1")
        queue(gateway, "retry", "--recipient", "ann@down.example")
        line = wait_delivery(gateway, "ann@down.example", start=start)
        self.assertIn(FALLBACK, line["relay"])
        arrived(postfix, "ann", "by the fallback")


class Backup(unittest.TestCase):
    def test_backup(self):
        """backup MX: the primary's answers are ours; while it is down mail for who is known waits"""
        def mail(subject, user="ann"):
            return world.message("stranger@nospf.example", user + "@backup.example", subject)
        # up
        reply = strange("ann@backup.example", mail("while up"))
        self.assertEqual(reply.code, 250, reply)
        arrived(primary, "ann", "while up")
        self.assertEqual(queued(gateway, "--recipient", "backup.example"), [])
        reply = strange("nobody-here@backup.example", mail("to nobody"))
        self.assertRegex(str(reply), r"^550 5\.1\.1 ")
        primary.grey(True)
        self.assertEqual(strange("grey@backup.example", mail("greylisted")).code // 10, 45)
        primary.grey(False)
        # down
        primary.stop()
        world.wait_until("it is down", lambda: not primary.answers())
        for count in range(2):
            reply = strange("ann@backup.example", mail("while down %d" % count))
            self.assertEqual(reply.code, 250, reply)
        self.assertEqual(strange("ben@backup.example", mail("who is he?")).code, 450)
        self.assertRegex(str(strange("nobody-here@backup.example", mail("nobody"))), r"^(550|450) ")
        self.assertEqual(len(queued(gateway, "--recipient", "backup.example")), 2)
        # It comes back, and knows the recipient no more: nobody's return path was verified.
        start = len(gateway.log_text())
        primary.start()
        entries = queued(gateway, "--recipient", "backup.example")
        queue(gateway, "retry", entries[0]["id"])
        wait_delivery(gateway, "ann@backup.example", start=start)
        queue(gateway, "retry", "--recipient", "backup.example")
        arrived(primary, "ann", "while down 0")
        arrived(primary, "ann", "while down 1")
        world.wait_until("all is gone", lambda: not queued(gateway, "--recipient", "backup.example"), 10)
        self.assertEqual(postfix.mails("stranger"), [])

    def test_refused_later(self):
        """what the primary refuses later goes to nobody whose return path was not verified"""
        reply = strange("big@backup.example", world.message(
            "ann@nospf.example", "big@backup.example", "first"), sender="ann@nospf.example")
        self.assertEqual(reply.code, 250, reply)
        primary.stop()
        world.wait_until("it is down", lambda: not primary.answers())
        reply = strange("big@backup.example", world.message(
            "ann@nospf.example", "big@backup.example", "to be refused"), sender="ann@nospf.example")
        self.assertEqual(reply.code, 250, reply)
        primary.forget("big")
        start = len(gateway.log_text())
        primary.start()
        queue(gateway, "retry", "--recipient", "backup.example")
        wait_delivery(gateway, "big@backup.example", "(bounced|failed|dropped|quarantined)", start)
        world.wait_until("it is gone", lambda: not queued(gateway, "--recipient", "backup.example"), 10)
        self.assertFalse([mail for mail in postfix.mails("ann") if b"to be refused" in mail.octets])
        # Kept, not thrown away.
        self.assertTrue([mail for mail in world.list_maildir(gateway.path("data/quarantine"))
                         if b"to be refused" in mail.octets])


class Forwarding(unittest.TestCase):
    def test_forward(self):
        """an alias leads elsewhere: SRS return path, ARC set, the author's signature intact"""
        octets = author.sign(world.message("ann@author.example", "away@here.example", "forwarded"))
        reply = strange("away@here.example", octets, sender="ann@author.example")
        self.assertEqual(reply.code, 250, reply)
        mail = arrived(postfix, "ann", "Subject: forwarded")
        path = mail.fields("Return-Path")[0].strip("<>")
        self.assertRegex(path, r"^(?i:SRS0)=.*=author\.example=ann@srs\.here\.example$")
        found = signing.verify(mail.octets, arc=True)
        self.assertEqual(found["dkim"][-1], True, found)
        self.assertEqual(found["arc"][0], "pass", found)
        self.assertIn("spf=pass", mail.field("ARC-Authentication-Results"))
        self.assertEqual(queued(gateway), [])
        # The way back is open for reports, and for nothing else.
        reply = strange(path, world.message("<MAILER-DAEMON@main.example>", path, "came back"), sender="")
        self.assertEqual(reply.code, 250, reply)
        back = arrived(postfix, "ann", "Subject: came back")
        self.assertEqual(back.fields("Return-Path"), ["<>"])
        reply = strange(path, world.message("x@nospf.example", path, "no report"), sender="x@nospf.example")
        self.assertEqual(reply.code // 100, 5, reply)

    def test_forward_no_spf(self):
        """without an SPF record the return path stays"""
        reply = strange("away@here.example", world.message("ben@nospf.example", "away@here.example", "as it is"),
                        sender="ben@nospf.example")
        self.assertEqual(reply.code, 250, reply)
        self.assertEqual(arrived(postfix, "ann", "Subject: as it is").fields("Return-Path"),
                         ["<ben@nospf.example>"])

    def test_forward_refused(self):
        """the next host's 550 reaches our client: there is no bounce"""
        reply = strange("lost@here.example", world.message("ben@nospf.example", "lost@here.example", "lost"),
                        sender="ben@nospf.example")
        self.assertRegex(str(reply), r"^550 5\.1\.1 ")
        self.assertEqual(queued(gateway), [])
        self.assertFalse([mail for mail in postfix.mails("ben") if b"lost" in mail.octets])


    def test_forward_later(self):
        """the next host's 451 is ours, too, and nothing is queued"""
        octets = world.message("ben@nospf.example", "later@here.example", "later")
        postfix.grey(True)
        try:
            reply = strange("later@here.example", octets, sender="ben@nospf.example")
            self.assertEqual(reply.code // 10, 45, reply)
        finally:
            postfix.grey(False)
        self.assertEqual(queued(gateway), [])
        self.assertEqual(strange("later@here.example", octets, sender="ben@nospf.example").code, 250)
        arrived(postfix, "grey", "Subject: later")

    def test_forward_and_keep(self):
        """an alias to here and elsewhere; if only one of them takes it, there is no bounce"""
        reply = strange("both@here.example", world.message("ben@nospf.example", "both@here.example", "to both"),
                        sender="ben@nospf.example")
        self.assertEqual(reply.code, 250, reply)
        arrived(postfix, "ben", "Subject: to both")
        self.assertEqual(len(gateway.find_mail("bob", "Subject: to both")), 1)
        reply = strange("mixed@here.example", world.message("ben@nospf.example", "mixed@here.example", "to one"),
                        sender="ben@nospf.example")
        self.assertEqual(reply.code, 250, reply)
        self.assertEqual(len(gateway.find_mail("bob", "Subject: to one")), 1)
        self.assertTrue([mail for mail in world.list_maildir(gateway.path("data/quarantine"))
                         if b"Subject: to one" in mail.octets])
        self.assertEqual(queued(gateway), [])
        self.assertFalse([mail for mail in postfix.mails("ben") if b"Subject: to one" in mail.octets])


class Lists(unittest.TestCase):
    def test_list(self):
        """a list: List-* fields, a return path for each member, its own signature"""
        put("announce@here.example", "Dear all")
        mails = {"ann": arrived(postfix, "ann", "Subject: Dear all"),
                 "ben": arrived(postfix, "ben", "Subject: Dear all"),
                 "bob": world.wait_until("bob's", lambda: gateway.find_mail("bob", "Dear all"), 10)[0]}
        for user, mail in mails.items():
            domain = "here.example" if user == "bob" else "main.example"
            self.assertRegex(mail.field("List-Id"), r'^"?News of the house"? <announce\.here\.example>$')
            self.assertIn("mailto:announce@here.example", mail.field("List-Post"))
            self.assertRegex(mail.field("List-Unsubscribe"), r"^<mailto:")
            self.assertEqual(mail.fields("From"), [ME])
            if domain != "here.example":
                self.assertEqual(mail.fields("Return-Path"),
                                 ["<announce-bounces+%s=%s@here.example>" % (user, domain)])
            found = signing.verify(mail.octets)["dkim"]
            self.assertTrue(found and all(value is True for value in found), (user, found))
            signed = [field for field in mail.fields("DKIM-Signature") if "List-Id" in field]
            self.assertTrue(signed, mail.fields("DKIM-Signature"))

    def test_list_bounce(self):
        """what comes back from a member goes to the owner"""
        path = "announce-bounces+ann=main.example@here.example"
        report = world.message("MAILER-DAEMON@main.example", path, "Undelivered")
        reply = strange(path, report, sender="")
        self.assertEqual(reply.code, 250, reply)
        world.wait_until("the owner has it", lambda: gateway.find_mail("alice", "Subject: Undelivered"), 10)
        put("announce-owner@here.example", "to the owner")
        world.wait_until("the owner has it", lambda: gateway.find_mail("alice", "Subject: to the owner"), 10)

    def test_list_strangers(self):
        """who is no member may not write to it"""
        reply = strange("announce@here.example", world.message(
            "stranger@nospf.example", "announce@here.example", "spam"))
        self.assertEqual(reply.code // 100, 5, reply)


if __name__ == "__main__":
    world.main()
