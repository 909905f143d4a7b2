#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""usage: verdicts_test.py PATH-TO-VOUCH [TEST ...]

What the gateway decides of genuine, forged and odd mail, over real SMTP with nsd as DNS: the reply, the
delivered header, the ledger's story, and that `vouch check` comes to the same verdict on the file.
"""
import json
import os
import re
import sys
import unittest

sys.dont_write_bytecode = True  # the source tree stays as it is

import world

world.require("nsd", "openssl")

GOOD, BAD = "127.0.0.10", "127.0.0.66"  # the genuine domains' server, and somebody else's
KEYS = {}


def records():
    KEYS["rsa"] = world.DkimKey("genuine.example", "s1")
    KEYS["ed25519"] = world.DkimKey("genuine.example", "s2", "ed25519")
    KEYS["other"] = world.DkimKey("other.example", "s1")
    lines = [key.record for key in KEYS.values()]
    lines += [
        "genuine.example. TXT \"v=spf1 ip4:127.0.0.10 -all\"",
        "mail.genuine.example. A 127.0.0.10",
        "mail.genuine.example. TXT \"v=spf1 a -all\"",
        "10.0.0.127.in-addr.arpa. PTR mail.genuine.example.",
        "_dmarc.genuine.example. TXT \"v=DMARC1; p=reject\"",
        "bank.example. TXT \"v=spf1 ip4:192.0.2.1 -all\"",
        "_dmarc.bank.example. TXT \"v=DMARC1; p=reject; rua=mailto:d@bank.example\"",
        "_dmarc.shop.example. TXT \"v=DMARC1; p=quarantine\"",
        "_dmarc.news.example. TXT \"v=DMARC1; p=none\"",
        "_dmarc.testing.example. TXT \"v=DMARC1; p=quarantine; t=y\"",
        "strict.example. TXT \"v=spf1 ip4:192.0.2.1 exp=why.strict.example -all\"",
        "why.strict.example. TXT \"%{i} is none of %{d}'s servers; see our page\"",
        "silentfail.example. TXT \"v=spf1 -all\"",
        "softfail.example. TXT \"v=spf1 ~all\"",
        "other.example. A 127.0.0.99",
    ]
    return lines


SECTIONS = """
policy default { temporary-attempts = 2 }
policy spf { spf-fail = reject }
policy strict { dmarc = strict  trusted-forwarders = [127.0.0.77] }
policy trusting { trusted-forwarders = [127.0.0.77] trusted-lists = [other.example] }
policy marking { dmarc = mark }
policy flat { junk-folder = no }
"""
USERS = """# who lives here
alice
bob
carol
spf policy=spf
strict policy=strict
trusting policy=trusting
marking policy=marking
flat policy=flat
tiny quota=2K
"""
ALIASES = """
info: alice, bob
both: alice, info
sales: carol
carol: carol, archive@second.example
"""
DOMAINS = world.Gateway.DOMAIN + """
domain second.example {
    recipients = "@DIR@/second"
    deliver = "maildir:@DIR@/mail/second/{user}"
    catch-all = everything
}
domain third.example also-third.example {
    recipients = "@DIR@/third"
    deliver = "maildir:@DIR@/mail/{domain}/{user}"
    recipient-delimiter = "-"
}
"""


class Verdicts(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.nsd = world.Nsd(records(), broken=["broken.example"])
        cls.gateway = world.Gateway(
            "gateway", "dns { servers = [127.0.0.1:%d] timeout = 300ms attempts = 2 }" % cls.nsd.port,
            sections=SECTIONS, users=USERS, aliases=ALIASES, domain=DOMAINS,
            files={"second": "archive\neverything\n", "third": "dora\n"})

    @classmethod
    def tearDownClass(cls):
        cls.gateway.stop()
        cls.nsd.stop()

    def send(self, octets, recipients="alice@here.example", sender="x@genuine.example", source=BAD,
             helo="pc.botnet.example"):
        return self.gateway.send(sender, recipients, octets, source=source, helo=helo)

    def assert_reply(self, reply, code, enhanced=None):
        self.assertEqual(reply.code, code, reply)
        if enhanced:
            self.assertTrue(reply.text.startswith(enhanced + " "), reply)

    def check_file(self, octets, expected, ip, sender, helo, policy="default"):
        """`vouch check` on the message as it was sent, or as it was delivered."""
        done = self.gateway.run("check", "--config", self.gateway.config, "--json", "--ip", ip,
                                "--helo", helo, "--from", sender, "--policy", policy, "-",
                                stdin=octets)
        found = json.loads(done.stdout)
        self.assertEqual(found["result"], expected, done.stdout.decode())
        self.assertEqual(done.returncode, {"accept": 0, "tempfail": 3}.get(expected, 1))
        return found

    # ---- genuine ----

    def test_genuine_signed(self):
        """signed and from its own server: DMARC pass by both, and nobody's word but ours"""
        octets = KEYS["rsa"].sign(world.message("Anna <anna@genuine.example>", "alice@here.example",
                                                "genuine and signed", "  spaced   text \r\n\r\n\r\n"))
        reply = self.send(octets, source=GOOD, sender="anna@genuine.example",
                          helo="mail.genuine.example")
        self.assert_reply(reply, 250, "2.0.0")
        mail = self.gateway.the_mail("alice", "genuine and signed")
        results = mail.field("Authentication-Results")
        for part in ("iprev=pass", "spf=pass", "dkim=pass", "header.d=genuine.example", "header.s=s1",
                     "dmarc=pass", "header.from=genuine.example"):
            self.assertIn(part, results)
        self.assertTrue(mail.field("X-Vouch-Verdict").startswith("accept; class=business-class; id=" +
                                                                 reply.id))
        record = self.gateway.explain(reply.id)
        self.assertEqual((record["action"], record["code"], record["header_from"]),
                         ("accept", 250, "anna@genuine.example"))
        self.assertEqual(record["delivery"], "alice@here.example=delivered")
        story = self.gateway.story(reply.id)
        self.assertIn("genuine.example", story)
        # The delivered file, LF and with our fields on top, is judged the same: the signature holds.
        found = self.check_file(mail.octets, "accept", GOOD, "anna@genuine.example",
                                "mail.genuine.example")
        self.assertEqual(found["verdict"]["trust"], "business-class")
        dkim = [item for item in found["evidence"]["items"] if item["check"] == "dkim"]
        self.assertEqual([item["result"] for item in dkim], ["pass"], found)

    def test_genuine_ed25519(self):
        """an Ed25519 signature alone carries DMARC, from any address (rfc8463)"""
        octets = KEYS["ed25519"].sign(world.message("anna@genuine.example", "alice@here.example",
                                                    "genuine by ed25519"))
        self.assert_reply(self.send(octets, sender="bounce@other.example"), 250)
        results = self.gateway.the_mail("alice", "genuine by ed25519").field("Authentication-Results")
        self.assertIn("header.a=ed25519-sha256", results)
        self.assertIn("dmarc=pass", results)

    def test_signature_broken(self):
        """one octet changed under the signature: refused as the forgery that it is"""
        octets = KEYS["rsa"].sign(world.message("anna@genuine.example", "alice@here.example", "changed",
                                                "Pay 100 Euro.\r\n")).replace(b"100", b"900")
        reply = self.send(octets, sender="anna@genuine.example")
        self.assert_reply(reply, 550, "5.7.26")
        record = self.gateway.explain(reply.id)
        dkim = [item for item in record["evidence"]["items"] if item["check"] == "dkim"]
        self.assertEqual(dkim[0]["result"], "fail")

    # ---- forged ----

    def test_dmarc_reject(self):
        """forged under p=reject: 550 5.7.26 with reason and id, and the ledger tells the story"""
        octets = world.message("Your Bank <service@bank.example>", "alice@here.example", "password!")
        reply = self.send(octets, sender="service@bank.example")
        self.assert_reply(reply, 550, "5.7.26")
        self.assertIn("Mail from bank.example must be signed or sent from its own servers "
                      "(DMARC p=reject): SPF fail, no DKIM signature. id=", reply.text)
        self.assertEqual(self.gateway.find_mail("alice", "password!"), [])
        record = self.gateway.explain(reply.id)
        self.assertEqual((record["action"], record["trust"], record["code"]), ("reject", "forged", 550))
        self.assertEqual(record["recipients"], ["alice@here.example"])
        self.assertEqual(record["client"], BAD)
        # The DNS answers on which it rests are kept.
        self.assertIn("_dmarc.bank.example", [d["name"] for d in record["evidence"]["dns"]])
        story = self.gateway.story(reply.id)
        for word in ("bank.example", BAD, "p=reject", "v=DMARC1; p=reject", "answered 550"):
            self.assertIn(word, story)
        self.assertIn(reply.id, [r["id"] for r in self.gateway.ledger("--action", "reject")])
        line = self.gateway.log_line(reply.id)
        self.assertEqual((line["code"], line["enhanced"], line["dmarc"]), ("550", "5.7.26", "fail"))
        self.check_file(octets, "reject", BAD, "service@bank.example", "pc.botnet.example")

    def test_strangers_rescue_nothing(self):
        """a List-Id, a signature of an unknown domain, a self-made ARC set: refused all the same"""
        extra = ("List-Id: <announce.lists.example>\r\nPrecedence: list\r\n"
                 "ARC-Seal: i=1; a=rsa-sha256; cv=none; d=other.example; s=s1; t=1; b=AAAA\r\n"
                 "ARC-Message-Signature: i=1; a=rsa-sha256; d=other.example; s=s1; h=from; bh=AAAA; "
                 "b=AAAA\r\nARC-Authentication-Results: i=1; other.example; dmarc=pass\r\n")
        octets = KEYS["other"].sign(world.message("service@bank.example", "alice@here.example",
                                                  "rescued?", extra=extra))
        reply = self.send(octets, sender="bounce@other.example")
        self.assert_reply(reply, 550, "5.7.26")
        self.assertIn("no aligned DKIM", reply.text)

    def test_trusted(self):
        """what the policy trusts turns p=reject into junk, but not under dmarc = strict"""
        octets = world.message("service@bank.example", "trusting@here.example", "forwarded 1")
        self.assert_reply(self.send(octets, "trusting@here.example", source="127.0.0.77"), 250)
        mail = self.gateway.the_mail("trusting", "forwarded 1", ".Junk")
        self.assertEqual(mail.field("X-Spam-Flag"), "YES")
        octets = KEYS["other"].sign(world.message("service@bank.example", "trusting@here.example",
                                                  "by the list"))
        self.assert_reply(self.send(octets, "trusting@here.example"), 250)
        self.gateway.the_mail("trusting", "by the list", ".Junk")
        octets = world.message("service@bank.example", "strict@here.example", "forwarded 2")
        self.assert_reply(self.send(octets, "strict@here.example", source="127.0.0.77"), 550, "5.7.26")

    def test_dmarc_quarantine(self):
        """forged under p=quarantine: accepted, and in the folder .Junk of the Maildir"""
        octets = world.message("Shop <news@shop.example>", "alice@here.example", "90% off")
        reply = self.send(octets, sender="news@shop.example")
        self.assert_reply(reply, 250)
        mail = self.gateway.the_mail("alice", "90% off", ".Junk")
        self.assertEqual(self.gateway.find_mail("alice", "90% off"), [])
        self.assertEqual(mail.field("X-Spam-Flag"), "YES")
        self.assertTrue(mail.field("X-Vouch-Verdict").startswith("junk; class=forged;"))
        self.assertEqual(self.gateway.explain(reply.id)["action"], "junk")
        self.check_file(mail.octets, "junk", BAD, "news@shop.example", "pc.botnet.example")

    def test_no_junk_folder(self):
        """junk-folder = no: only marked"""
        self.assert_reply(self.send(world.message("news@shop.example", "flat@here.example", "flat junk"),
                                    "flat@here.example"), 250)
        mail = self.gateway.the_mail("flat", "flat junk")
        self.assertIn("dmarc=fail", mail.field("Authentication-Results"))

    def test_dmarc_none(self):
        """forged under p=none, or t=y: accepted, with dmarc=fail written down"""
        for domain in "news.example", "testing.example":
            octets = world.message("a@" + domain, "alice@here.example", "from " + domain)
            self.assert_reply(self.send(octets, sender="a@" + domain), 250)
            mail = self.gateway.the_mail("alice", "from " + domain)
            self.assertIn("dmarc=fail", mail.field("Authentication-Results"))
            self.assertTrue(mail.field("X-Vouch-Verdict").startswith("accept; class=third-class;"))

    def test_dmarc_mark(self):
        """dmarc = mark: p=reject is only written down"""
        octets = world.message("service@bank.example", "marking@here.example", "marked")
        self.assert_reply(self.send(octets, "marking@here.example"), 250)
        self.assertIn("dmarc=fail", self.gateway.the_mail("marking", "marked").field(
            "Authentication-Results"))

    # ---- SPF ----

    def test_spf_fail_reject(self):
        """spf-fail = reject: 550 5.7.23 with the domain's own explanation"""
        octets = world.message("a@strict.example", "spf@here.example", "SPF fails")
        reply = self.send(octets, "spf@here.example", sender="a@strict.example")
        self.assert_reply(reply, 550, "5.7.23")
        self.assertIn("127.0.0.66 is none of strict.example's servers; see our page", reply.text)
        self.assertTrue(reply.id)
        reply = self.send(world.message("a@silentfail.example", "spf@here.example"),
                          "spf@here.example", sender="a@silentfail.example")
        self.assert_reply(reply, 550, "5.7.23")

    def test_spf_fail_mark(self):
        """spf-fail = mark: accepted; Received-SPF says fail, softfail is no fail"""
        for domain, result in ("strict.example", "fail"), ("softfail.example", "softfail"):
            octets = world.message("a@" + domain, "alice@here.example", "marked for " + domain)
            self.assert_reply(self.send(octets, sender="a@" + domain), 250)
            mail = self.gateway.the_mail("alice", "marked for " + domain)
            self.assertTrue(mail.field("Received-SPF").startswith(result + " "), mail.head)
            self.assertIn("spf=%s " % result, mail.field("Authentication-Results"))

    def test_null_sender(self):
        """<> is checked as postmaster@HELO and that counts for DMARC (rfc7208:2.4)"""
        octets = world.message("MAILER-DAEMON@genuine.example", "alice@here.example", "a bounce")
        reply = self.send(octets, sender="", source=GOOD, helo="mail.genuine.example")
        self.assert_reply(reply, 250)
        mail = self.gateway.the_mail("alice", "a bounce")
        self.assertEqual(mail.field("Return-Path"), "<>")
        self.assertIn("smtp.mailfrom=mail.genuine.example",
                      mail.field("Authentication-Results"))
        self.assertIn("dmarc=pass", mail.field("Authentication-Results"))

    def test_helo_pass_is_not_dmarc(self):
        """a HELO pass beside a failing MAIL FROM does not count for DMARC (rfc9989)"""
        reply = self.send(world.message("a@genuine.example", "alice@here.example"),
                          sender="a@other.example", source=GOOD, helo="mail.genuine.example")
        self.assert_reply(reply, 550, "5.7.26")

    # ---- odd ----

    def test_from_fields(self):
        """no From, two From fields, From of two domains: refused; two mailboxes of one domain: fine"""
        def replaced(field):
            return world.message("@@", "alice@here.example", "odd From").replace(
                b"From: @@\r\n", field.encode())
        for field in ("", "From: a@news.example\r\nFrom: b@news.example\r\n",
                      "From: a@news.example, b@other.example\r\nSender: a@news.example\r\n",
                      "From: nobody at all\r\n", "From:\r\n", "From: undisclosed:;\r\n"):
            with self.subTest(field=field):
                reply = self.send(replaced(field), sender="a@news.example")
                self.assert_reply(reply, 550, "5.7.1")
                self.assertEqual(self.gateway.explain(reply.id)["action"], "reject")
        for field in ("From: a@news.example, b@news.example\r\nSender: a@news.example\r\n",
                      "From: \"b@bank.example\" <a@news.example>\r\n",
                      "From: A (b@bank.example) <a@news.example>\r\n", "from : a@news.example\r\n"):
            with self.subTest(field=field):
                self.assert_reply(self.send(replaced(field), sender="a@news.example"), 250)

    def test_two_mailboxes_of_bank(self):
        """two mailboxes of one domain are still under its policy (rfc9989:5.3.1)"""
        octets = world.message("a@bank.example, b@bank.example", "alice@here.example")
        self.assert_reply(self.send(octets), 550, "5.7.26")

    def test_look_alikes(self):
        """forged results of ours are removed, those of others stay; a signature still holds"""
        extra = ("Authentication-Results: mx.here.example; dmarc=pass header.from=bank.example\r\n"
                 "Authentication-Results: MX.here.EXAMPLE (really) 1; spf=pass\r\n"
                 "Authentication-Results: \"mx.here.example\"; spf=pass\r\n"
                 "Authentication-Results: mx.elsewhere.example; dkim=fail\r\n"
                 "Received-SPF: pass (forged)\r\nX-Spam-Flag: NO\r\nX-Spam-Status: No, score=-100\r\n"
                 "X-Vouch-Verdict: accept; class=first-class; id=000\r\nReturn-Path: <evil@x.example>\r\n"
                 "Delivered-To: evil@x.example\r\nX-Spammer: kept\r\n")
        octets = KEYS["rsa"].sign(
            world.message("anna@genuine.example", "alice@here.example", "look-alikes", extra=extra),
            (b"from", b"subject", b"authentication-results", b"received-spf"))
        self.assert_reply(self.send(octets, sender="anna@genuine.example", source=GOOD,
                                    helo="mail.genuine.example"), 250)
        mail = self.gateway.the_mail("alice", "look-alikes")
        self.assertEqual(len(mail.fields("Authentication-Results")), 2)
        self.assertTrue(mail.fields("Authentication-Results")[0].startswith("mx.here.example; iprev"))
        self.assertIn("dkim=pass", mail.fields("Authentication-Results")[0])
        self.assertEqual(mail.fields("Authentication-Results")[1], "mx.elsewhere.example; dkim=fail")
        self.assertTrue(mail.field("Received-SPF").startswith("pass (mx.here.example"),
                        mail.field("Received-SPF"))
        self.assertEqual(mail.fields("X-Spam-Flag"), [])
        self.assertEqual(len(mail.fields("X-Spam-Status")), 1)
        self.assertTrue(mail.field("X-Spam-Status").startswith("No, score="), mail.field("X-Spam-Status"))
        self.assertNotIn("000", mail.field("X-Vouch-Verdict"))
        self.assertEqual(mail.field("Return-Path"), "<anna@genuine.example>")
        self.assertEqual(mail.field("X-Spammer"), "kept")
        self.assertNotIn(b"really", mail.octets)

    def test_loop(self):
        """more than a hundred Received fields are a loop"""
        extra = "Received: from a by b; Sat, 21 Nov 2026 12:00:00 +0000\r\n" * 101
        reply = self.send(world.message("a@news.example", "alice@here.example", extra=extra))
        self.assert_reply(reply, 554, "5.4.6")

    # ---- recipients ----

    def test_postmaster(self):
        """postmaster and abuse get what others would not; also without a domain, in any case"""
        for i, recipient in enumerate(("postmaster@here.example", "Abuse@here.example", "POSTMASTER",
                                       "postmaster@third.example")):
            octets = world.message("service@bank.example", recipient, "complaint %d" % i)
            self.assert_reply(self.send(octets, recipient, sender="service@bank.example"), 250)
        for i in range(3):
            mail = self.gateway.the_mail("postmaster", "complaint %d" % i)
            self.assertIn("dmarc=fail", mail.field("Authentication-Results"))
        octets = world.message("a@news.example", "abuse@here.example", "two From for abuse",
                               extra="From: b@news.example\r\n")
        self.assert_reply(self.send(octets, "abuse@here.example"), 250)

    def test_recipients_refused(self):
        """unknown 550 5.1.1, foreign 550 5.7.1; both are logged"""
        with world.Client(self.gateway.port) as client:
            client.hello()
            client.command("MAIL FROM:<a@news.example>")
            self.assert_reply(client.command("RCPT TO:<nobody@here.example>"), 550, "5.1.1")
            self.assert_reply(client.command("RCPT TO:<alice@elsewhere.example>"), 550, "5.7.1")
            self.assert_reply(client.command("RCPT TO:<archive@here.example>"), 550, "5.1.1")
            self.assert_reply(client.command("RCPT TO:<>"), 501, "5.1.3")
            self.assert_reply(client.command("DATA"), 554)
        self.gateway.wait_log(r"recipient: id=.*to=nobody@here\.example, code=550, enhanced=5\.1\.1")
        self.gateway.wait_log(r"recipient: id=.*to=alice@elsewhere\.example, code=550, enhanced=5\.7\.1")

    def test_forms_of_recipients(self):
        """case, detail, domain aliases, catch-all, aliases of aliases; each mailbox once"""
        def deliver(recipients, mark):
            self.assert_reply(self.send(world.message("a@news.example", "list", mark), recipients), 250)
        deliver("ALICE+news@Here.EXAMPLE", "form 1")
        self.gateway.the_mail("alice", "form 1")
        deliver("whoever@second.example", "form 2")
        self.gateway.the_mail("second/everything", "form 2")
        deliver("both@here.example", "form 3")
        self.gateway.the_mail("alice", "form 3")
        self.gateway.the_mail("bob", "form 3")
        deliver(["info@here.example", "bob@here.example", "alice+x@here.example"], "form 4")
        self.gateway.the_mail("alice", "form 4")
        self.gateway.the_mail("bob", "form 4")
        deliver("sales@here.example", "form 5")
        self.gateway.the_mail("carol", "form 5")
        self.gateway.the_mail("second/archive", "form 5")
        deliver("dora-shop@also-third.example", "form 6")
        self.gateway.the_mail("also-third.example/dora", "form 6")
        deliver("\"alice\"@here.example", "form 7")
        self.gateway.the_mail("alice", "form 7")

    def test_policies_differ(self):
        """a recipient under another policy gets 452 4.5.3, and its own transaction works"""
        octets = world.message("a@strict.example", "list", "policies differ")
        with world.Client(self.gateway.port) as client:
            client.hello()
            reply = client.transaction("a@strict.example",
                                       ["alice@here.example", "spf@here.example",
                                        "postmaster@here.example", "bob@here.example"], octets)
            self.assertEqual([r.code for r in reply.rcpt], [250, 452, 452, 250])
            self.assert_reply(reply.rcpt[1], 452, "4.5.3")
            self.assert_reply(reply, 250)
            self.assert_reply(client.transaction("a@strict.example", ["spf@here.example"], octets),
                              550, "5.7.23")
        self.gateway.the_mail("bob", "policies differ")

    def test_quota(self):
        """over quota: 452 4.2.2 at RCPT, by the declared size or by what lies there"""
        with world.Client(self.gateway.port) as client:
            client.hello()
            client.command("MAIL FROM:<a@news.example> SIZE=4000")
            self.assert_reply(client.command("RCPT TO:<tiny@here.example>"), 452, "4.2.2")
            client.command("RSET")
            octets = world.message("a@news.example", "tiny@here.example", "fills it", "x" * 70 + "\r\n")
            replies = []
            for _ in range(6):
                replies.append(client.transaction("a@news.example", ["tiny@here.example"], octets))
                if replies[-1].code != 250:
                    break
            self.assertGreater(len(replies), 1)
            self.assert_reply(replies[-1], 452, "4.2.2")
        # The user cleans up, and there is room again.
        for mail in self.gateway.mails("tiny"):
            os.unlink(mail.path)

    # ---- DNS failures ----

    def test_dns_servfail(self):
        """SERVFAIL where DMARC decides: put off twice (451 4.7.5), then accepted and marked"""
        octets = world.message("a@broken.example", "alice@here.example", "broken DNS")
        for _ in range(2):
            reply = self.send(octets, sender="a@broken.example")
            self.assert_reply(reply, 451, "4.7.5")
            self.assertIn("broken.example", reply.text)
            self.assertEqual(self.gateway.explain(reply.id)["action"], "tempfail")
        reply = self.send(octets, sender="a@broken.example", source="127.0.0.67")
        self.assert_reply(reply, 250)
        mail = self.gateway.the_mail("alice", "broken DNS")
        self.assertIn("dmarc=temperror", mail.field("Authentication-Results"))
        # Another sender counts for himself.
        self.assert_reply(self.send(octets, sender="b@broken.example"), 451)

    def test_dns_servfail_exempt(self):
        """postmaster is reached while DNS fails"""
        octets = world.message("a@broken.example", "postmaster@here.example", "DNS is broken")
        self.assert_reply(self.send(octets, "postmaster@here.example", sender="c@broken.example"), 250)

    def test_spf_temperror(self):
        """SPF temperror where SPF decides: 451 4.7.24"""
        octets = world.message("a@news.example", "spf@here.example", "SPF undecided")
        # DMARC of other.example says nothing, so SPF of the envelope would decide.
        octets = octets.replace(b"a@news.example", b"a@other.example")
        reply = self.send(octets, "spf@here.example", sender="d@broken.example")
        self.assert_reply(reply, 451, "4.7.24")


class DnsDown(unittest.TestCase):
    """A resolver that says nothing at all, and comes back."""

    def test_silent(self):
        """no answer from DNS: 451 for the first attempts, then accepted"""
        port = world.silent_port()
        gateway = world.Gateway(
            "silent", "dns { servers = [127.0.0.1:%d] timeout = 100ms attempts = 1 }" % port,
            sections="policy default { temporary-attempts = 1 }")
        octets = world.message("a@news.example", "alice@here.example", "in the silence")
        reply = gateway.send("a@news.example", "alice@here.example", octets)
        self.assertEqual(reply.code, 451, reply)
        self.assertRegex(reply.text, r"^4\.7\.(5|24) ")
        # The count is the store's and outlives a restart.
        gateway.restart()
        reply = gateway.send("a@news.example", "alice@here.example", octets)
        self.assertEqual(reply.code, 250, reply)
        mail = gateway.the_mail("alice", "in the silence")
        self.assertIn("temperror", mail.field("Authentication-Results"))
        gateway.stop()

    def test_stopped(self):
        """a name server that is stopped (port closed): 451; started again: judged"""
        records = ["_dmarc.bank.example. TXT \"v=DMARC1; p=reject\""]
        nsd = world.Nsd(records, name="nsd-stopped")
        port = nsd.port
        nsd.stop()
        gateway = world.Gateway(
            "stopped", "dns { servers = [127.0.0.1:%d] timeout = 100ms attempts = 2 }" % port,
            sections="policy default { temporary-attempts = 1000 }")
        octets = world.message("a@bank.example", "alice@here.example", "while it is down")
        self.assertEqual(gateway.send("a@bank.example", "alice@here.example", octets).code, 451)
        nsd.start_again()
        # A failure may be remembered for a moment, but not for long.
        reply = world.wait_until("DNS is asked again", lambda: next(
            (r for r in [gateway.send("a@bank.example", "alice@here.example", octets)]
             if r.code != 451), None))
        self.assertEqual(reply.code, 550, reply)
        gateway.stop()
        nsd.stop()


if __name__ == "__main__":
    world.main()
