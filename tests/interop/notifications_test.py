#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""usage: notifications_test.py PATH-TO-VOUCH [TEST ...]

What comes back: delivery status notifications as the sender asked for them (rfc3461, rfc3464), reports to
tagged and rewritten return paths (BATV, SRS), and mail that must not travel without TLS (rfc8689).
"""
import email
import email.policy
import re
import sys
import time
import unittest

sys.dont_write_bytecode = True  # the source tree stays as it is

import submission_world
import world
from submission_world import ANNA, Sink, Site, User

FAR = "127.0.80.1"  # a stranger


class Scene:
    pass


def setUpModule():
    world.require("nsd", "openssl")
    certificates = submission_world.Certificates()
    Scene.signing = submission_world.make_signing()
    Scene.dns = world.Nsd(Scene.signing.zone + [
        "remote.example. MX 10 mx.remote.example.", "mx.remote.example. A 127.0.0.1",
        'spf.example. TXT "v=spf1 ip4:127.0.80.0/24 -all"', "spf.example. MX 10 mx.remote.example."])
    Scene.sink, Scene.dsn_sink = Sink(), Sink(words=["8BITMIME", "DSN", "ENHANCEDSTATUSCODES"])
    Scene.site = Site("site", Scene.dns.port, Scene.sink, certificates, signing=Scene.signing, more="""
route dsn { domains = [dsn.example] hosts = ["127.0.0.1:%d"] tls = none }
queue { retry-first = 1s retry-most = 1s delay-warning = 1s lifetime = 1m }
srs { domain = srs.here.example secrets = "@DIR@/srs.secrets" }
""" % Scene.dsn_sink.port)
    Scene.tagging = Site("tagging", Scene.dns.port, Scene.sink, certificates, signing=Scene.signing, top="edges = 1",
                         more='batv { domains = [here.example] secrets = "@DIR@/batv.secrets" }')


def tearDownModule():
    Scene.site.stop()
    Scene.tagging.stop()


def report_parts(mail):
    """The message, the text, the fields of each recipient's part, and the third part."""
    parsed = email.message_from_bytes(mail.octets, policy=email.policy.default)
    assert parsed.get_content_type() == "multipart/report", parsed.get_content_type()
    assert parsed.get_param("report-type") == "delivery-status"
    text, status, returned = parsed.get_payload()
    assert status.get_content_type() == "message/delivery-status"
    return parsed, text.get_content(), status.get_payload(), returned


class Notifications(unittest.TestCase):
    def submit(self, mark, recipient, notify=None, extra="", mail_extra="", site=None):
        with (site or Scene.site).user() as user:
            reply = user.command("MAIL FROM:<%s>%s" % (ANNA, mail_extra))
            self.assertEqual(reply.code, 250, reply)
            reply = user.command("RCPT TO:<%s>%s%s" % (recipient, " NOTIFY=" + notify if notify else "", extra))
            self.assertEqual(reply.code, 250, reply)
            reply = user.data(world.message(ANNA, recipient, mark, body="the secret body of %s\r\n" % mark))
            self.assertEqual(reply.code, 250, reply)

    def report(self, mark, site=None):
        """The report about a message of this subject, in the sender's mailbox."""
        site = site or Scene.site
        found = world.wait_until("a report on " + mark, lambda: site.find_mail("anna", "Subject: " + mark), 20)
        self.assertEqual(len(found), 1)
        return found[0]

    def assert_no_report(self, mark, after):
        """No report, though one that was asked for later has come."""
        self.submit("witness " + mark, after, "FAILURE,SUCCESS")
        self.report("witness " + mark)
        self.assertEqual(Scene.site.find_mail("anna", "Subject: " + mark), [])

    def test_offered(self):
        """DSN is offered to users, and to nobody else; its parameters are refused where it is not"""
        with Scene.site.user() as user:
            self.assertIn("DSN", user.words.lines)
            self.assertIn("REQUIRETLS", user.words.lines)
        with world.Client(Scene.site.port, FAR) as client:
            self.assertNotIn("DSN", client.hello().lines)

    def test_failure(self):
        """refused by the next server: one report that people and programs can read, headers only, signed"""
        Scene.sink.replies["RCPT gone@remote.example"] = "550 5.1.1 no such mailbox"
        self.submit("of failure", "gone@remote.example", mail_extra=" ENVID=id+2B1",
                    extra=" ORCPT=rfc822;first+2Bx@remote.example")
        mail = self.report("of failure")
        parsed, text, status, returned = report_parts(mail)
        self.assertEqual(mail.fields("Return-Path"), ["<>"])
        self.assertEqual(mail.field("Auto-Submitted"), "auto-replied")
        self.assertRegex(mail.field("From"), "@here.example")
        self.assertEqual(mail.field("To"), ANNA if mail.field("To") == ANNA else "<%s>" % ANNA)
        self.assertIn("gone@remote.example", text)
        self.assertIn("no such mailbox", text)
        message, recipient = status
        self.assertEqual(message["Original-Envelope-Id"], "id+1")
        self.assertEqual(message["Reporting-MTA"], "dns; mx.here.example")
        self.assertEqual(recipient["Final-Recipient"].lower(), "rfc822; gone@remote.example")
        self.assertEqual(recipient["Original-Recipient"].lower(), "rfc822; first+x@remote.example")
        self.assertEqual((recipient["Action"], recipient["Status"]), ("failed", "5.1.1"))
        self.assertRegex(recipient["Diagnostic-Code"], "smtp; ?550 5.1.1 no such mailbox")
        self.assertEqual(returned.get_content_type(), "text/rfc822-headers")
        self.assertNotIn(b"the secret body", mail.octets)
        signed = re.sub(rb"(?s)^.*?(?=DKIM-Signature:)", b"", mail.octets)
        self.assertEqual(Scene.signing.verify(signed)["dkim"], [True, True])

    def test_never(self):
        """NOTIFY=NEVER, and NOTIFY=SUCCESS when it failed: silence (rfc3461:4.1)"""
        Scene.sink.replies["RCPT gone@remote.example"] = "550 5.1.1 no such mailbox"
        self.submit("of never", "gone@remote.example", "NEVER")
        self.submit("of only success", "gone@remote.example", "SUCCESS")
        self.assert_no_report("of never", "gone@remote.example")
        self.assertEqual(Scene.site.find_mail("anna", "Subject: of only success"), [])

    def test_success(self):
        """NOTIFY=SUCCESS: "relayed" from us where the next server has no DSN, else it is the next's to tell"""
        self.submit("of success", "fine@remote.example", "SUCCESS")
        _, text, status, _ = report_parts(self.report("of success"))
        self.assertEqual((status[1]["Action"], status[1]["Status"][0]), ("relayed", "2"))
        self.assertIn("fine@remote.example", text)
        self.submit("passed on", "fine@dsn.example", "SUCCESS,FAILURE", " ORCPT=rfc822;fine@dsn.example",
                    " RET=HDRS ENVID=abc")
        sender, recipients, _ = Scene.dsn_sink.wait("Subject: passed on")
        self.assertIn("RET=HDRS", sender)
        self.assertIn("ENVID=abc", sender)
        self.assertRegex(recipients[0], "NOTIFY=(SUCCESS,FAILURE|FAILURE,SUCCESS)")
        self.assertIn("ORCPT=rfc822;fine@dsn.example", recipients[0])
        self.assert_no_report("passed on", "fine@remote.example")

    def test_delay(self):
        """NOTIFY=DELAY: told once that it waits, and it is delivered later; without, no word"""
        Scene.sink.replies["RCPT slow@remote.example"] = "450 4.2.0 not now"
        self.submit("of delay", "slow@remote.example", "DELAY")
        self.submit("not of delay", "slow@remote.example", "FAILURE")
        for _ in range(2):
            Scene.site.wait_log(r"to=slow@remote\.example,.*attempts=2,.*status=deferred")
        # What waits is looked at once a minute, and at the start, unless it is just being tried.
        for _ in range(10):
            time.sleep(1)
            Scene.site.restart()
            time.sleep(0.5)
            if Scene.site.find_mail("anna", "Subject: of delay"):
                break
        _, text, status, _ = report_parts(self.report("of delay"))
        self.assertEqual((status[1]["Action"], status[1]["Status"][0]), ("delayed", "4"))
        self.assertIn("Will-Retry-Until", status[1])
        Scene.sink.replies.pop("RCPT slow@remote.example")
        Scene.sink.wait("Subject: of delay")
        Scene.sink.wait("Subject: not of delay")
        self.assertEqual(len([m for m in Scene.site.mails("anna") if b"Subject: not of delay" in m.octets]), 0)

    def test_null_sender(self):
        """nothing comes back to <>"""
        Scene.sink.replies["RCPT gone@remote.example"] = "550 5.1.1 no such mailbox"
        with Scene.site.user() as user:
            reply = user.transaction("", ["gone@remote.example"], world.message(ANNA, "gone@remote.example", "of null"))
        self.assertEqual(reply.code, 250)
        self.assert_no_report("of null", "gone@remote.example")

    def test_require_tls(self):
        """REQUIRETLS: known only on TLS (rfc8689:2); a server that lacks it does not get the mail"""
        with world.Client(Scene.site.port, FAR) as client:
            self.assertNotIn("REQUIRETLS", client.hello().lines)
            reply = client.command("MAIL FROM:<x@remote.example> REQUIRETLS")
            self.assertEqual(reply.code // 100, 5, reply)
        self.submit("needs tls", "fine@remote.example", mail_extra=" REQUIRETLS")
        _, _, status, returned = report_parts(self.report("needs tls"))
        self.assertRegex(status[1]["Status"], r"5\.7\.(30|10|4)")
        self.assertEqual(Scene.sink.find("Subject: needs tls"), [])
        with Scene.site.user() as user:
            self.assertEqual(user.command("MAIL FROM:<%s> REQUIRETLS=yes" % ANNA).code, 501)


class ReturnPaths(unittest.TestCase):
    def report_on(self, mark, to):
        """As another server writes one."""
        return ("From: Mail Delivery System <mailer-daemon@remote.example>\r\nTo: %s\r\nSubject: Undelivered: %s\r\n"
                "Date: %s\r\nMessage-ID: <%d@remote.example>\r\nMIME-Version: 1.0\r\nContent-Type: multipart/report; "
                "report-type=delivery-status; boundary=b\r\n\r\n--b\r\n\r\nIt failed.\r\n--b\r\nContent-Type: "
                "message/delivery-status\r\n\r\nReporting-MTA: dns; mx.remote.example\r\n\r\nFinal-Recipient: rfc822; "
                "gone@remote.example\r\nAction: failed\r\nStatus: 5.1.1\r\n\r\n--b--\r\n" % (
                    to, mark, time.strftime("%a, %d %b %Y %H:%M:%S +0000", time.gmtime()),
                    time.monotonic_ns())).encode()

    def send_report(self, site, mark, to):
        return world.send(site.port, "", to, self.report_on(mark, to), source=FAR, helo="mx.remote.example")

    def test_tags(self):
        """BATV: the return path of what leaves bears a tag, From and the mail to people here do not"""
        site = Scene.tagging
        self.assertEqual(site.submit("tagged").code, 250)
        sender, _, octets = Scene.sink.wait("Subject: tagged")
        path = re.match(r"MAIL FROM:<(prvs=[0-9a-f]{10}=anna@here\.example)>", sender).group(1)
        self.assertNotIn(b"prvs=", octets)
        self.assertEqual(site.submit("inside", ["bert@here.example"]).code, 250)
        self.assertEqual(site.the_mail("bert", "Subject: inside").fields("Return-Path"), ["<%s>" % ANNA])
        # The report comes back.
        reply = self.send_report(site, "to the tag", path)
        self.assertEqual(reply.code, 250, reply)
        site.the_mail("anna", "Undelivered: to the tag")
        # A tag takes reports only, and this is said after the data.
        reply = world.send(site.port, "x@remote.example", path, world.message("x@remote.example", ANNA, "to a tag"),
                           source=FAR)
        self.assertEqual([r.code for r in reply.rcpt], [250])
        self.assertEqual(reply.code, 550, reply)
        # Who makes up a tag, or changes one, is told so.
        for forged in ("prvs=0123456789=anna@here.example", path.replace("anna", "bert"),
                       path.replace(path[5:15], path[5:8] + "0" * 7)):
            reply = self.send_report(site, "forged", forged)
            self.assertEqual(reply.code, 550, (forged, reply))
        # In the first week reports to untagged addresses may be about what was sent before.
        reply = self.send_report(site, "untagged", ANNA)
        self.assertEqual(reply.code, 250, reply)
        self.assertEqual(site.find_mail("anna", "forged"), [])

    def test_failure_of_tagged(self):
        """a report of our own finds its way back through the tag"""
        Scene.sink.replies["RCPT gone@remote.example"] = "550 5.1.1 no such mailbox"
        self.assertEqual(Scene.tagging.submit("tagged failure", ["gone@remote.example"]).code, 250)
        mail = world.wait_until("a report", lambda: Scene.tagging.find_mail("anna", "Subject: tagged failure"), 20)[0]
        self.assertNotIn("prvs=", mail.field("To"))

    def test_srs(self):
        """SRS: forwarded while the client waits, and its report goes back to the sender"""
        site = Scene.site
        reply = world.send(site.port, "writer@spf.example", "away@here.example", world.message(
            "writer@spf.example", "away@here.example", "forwarded"), source=FAR, helo="mx.remote.example")
        self.assertEqual(reply.code, 250, reply)
        sender, recipients, _ = Scene.sink.find("Subject: forwarded")[0]  # it is there already
        self.assertEqual(recipients[0].split(" NOTIFY")[0], "RCPT TO:<someone@remote.example>")
        path = re.match(r"MAIL FROM:<(SRS0[=+-][^<>]+=spf\.example=writer@srs\.here\.example)>", sender).group(1)
        reply = self.send_report(site, "to srs", path)
        self.assertEqual(reply.code, 250, reply)
        sender, recipients, _ = Scene.sink.wait("Undelivered: to srs")
        self.assertEqual(recipients[0].split(" NOTIFY")[0], "RCPT TO:<writer@spf.example>")
        self.assertTrue(sender.startswith("MAIL FROM:<>"), sender)
        for to, from_ in ((path, "x@remote.example"), (path.replace("writer", "other"), ""),
                          ("anyone@srs.here.example", "")):
            reply = world.send(site.port, from_, to, self.report_on("abuse", to), source=FAR)
            self.assertEqual(reply.code // 100, 5, (to, from_, reply))
        self.assertEqual(Scene.sink.find("Undelivered: abuse"), [])

    def test_late_failure(self):
        """a forwarded message that waited, and was refused then: its sender, whom SPF vouches for, is told"""
        Scene.sink.replies["RCPT someone@remote.example"] = "450 4.2.0 later"
        reply = world.send(Scene.site.port, "writer@spf.example", "away@here.example", world.message(
            "writer@spf.example", "away@here.example", "refused late"), source=FAR)
        self.assertEqual(reply.code, 250, reply)
        Scene.sink.replies["RCPT someone@remote.example"] = "550 5.1.1 moved"
        sender, recipients, octets = Scene.sink.wait("Subject: refused late")
        Scene.sink.replies.pop("RCPT someone@remote.example")
        self.assertTrue(sender.startswith("MAIL FROM:<>"), sender)
        self.assertEqual(recipients[0].split(" ORCPT")[0].split(" NOTIFY")[0], "RCPT TO:<writer@spf.example>")
        self.assertIn(b"To: <writer@spf.example>", octets)

    def test_no_backscatter(self):
        """forwarded mail that the next server refuses is refused here, and nobody gets a report"""
        Scene.sink.replies["RCPT someone@remote.example"] = "550 5.1.1 moved"
        try:
            for sender in "writer@spf.example", "x@nospf.example":
                reply = world.send(Scene.site.port, sender, "away@here.example", world.message(
                    sender, "away@here.example", "refused at once"), source=FAR)
                self.assertEqual(reply.code, 550, reply)
            Scene.sink.replies["RCPT someone@remote.example"] = "450 4.2.0 later"
            reply = world.send(Scene.site.port, "x@nospf.example", "away@here.example", world.message(
                "x@nospf.example", "away@here.example", "not now"), source=FAR)
            self.assertEqual(reply.code // 100, 4, reply)
            # A return path that SPF vouches for may be told later.
            reply = world.send(Scene.site.port, "writer@spf.example", "away@here.example", world.message(
                "writer@spf.example", "away@here.example", "queued for a friend"), source=FAR)
            self.assertEqual(reply.code, 250, reply)
        finally:
            Scene.sink.replies.pop("RCPT someone@remote.example")
        Scene.sink.wait("Subject: queued for a friend")
        self.assertEqual(Scene.sink.find("Subject: refused at once"), [])
        self.assertEqual(Scene.sink.find("Subject: not now"), [])


if __name__ == "__main__":
    world.main()
