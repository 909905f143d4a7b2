#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""usage: dovecot_test.py PATH-TO-VOUCH [TEST ...]

Delivery by LMTP: to Dovecot by Unix socket and by TCP, and to a mailbox server of our own that fails as
it is told, for what must be true when some of several recipients fail after DATA.
"""
import grp
import os
import pwd
import re
import sys
import threading
import unittest

sys.dont_write_bytecode = True  # the source tree stays as it is

import world

world.require("nsd", "openssl")

DMARC = ["_dmarc.shop.example. TXT \"v=DMARC1; p=quarantine\""]


class Dovecot(world.Daemon):
    """A private Dovecot with LMTP only, all of it as one user."""

    def __init__(self, users):
        program = world.needs("dovecot")
        if not os.path.exists("/usr/lib/dovecot/lmtp"):
            raise unittest.SkipTest("dovecot-lmtpd is not installed")
        self.place = world.folder() + "/dovecot"
        self.port = world.free_port()
        self.socket = self.place + "/lmtp"
        os.makedirs(self.place + "/mail")
        account = pwd.getpwnam("nobody") if world.IS_ROOT else pwd.getpwuid(os.geteuid())
        group = grp.getgrgid(account.pw_gid).gr_name
        if world.IS_ROOT:
            os.chown(self.place + "/mail", account.pw_uid, account.pw_gid)
        internal = ("dovecot", "dovecot", "dovenull") if world.IS_ROOT else (
            account.pw_name, group, account.pw_name)
        world.write_file(self.place + "/users", "".join(
            "%s:{plain}x:%d:%d::%s/mail/%s::%s\n" % (user, account.pw_uid, account.pw_gid, self.place,
                                                     user, options)
            for user, options in users.items()))
        no_chroot = "" if world.IS_ROOT else "".join(
            "service %s {\n  chroot =\n}\n" % name for name in ("anvil", "stats", "dict", "config"))
        world.write_file(self.place + "/dovecot.conf", """
base_dir = {0}/run
state_dir = {0}/state
log_path = {0}/dovecot.log
protocols = lmtp
ssl = no
auth_mechanisms = plain
default_internal_user = {1}
default_internal_group = {2}
default_login_user = {3}
first_valid_uid = 1
first_valid_gid = 1
mail_location = maildir:~/Maildir
mail_plugins = quota
recipient_delimiter = +
lmtp_save_to_detail_mailbox = no
quota_full_tempfail = yes
passdb {{
  driver = static
  args = nopassword=y
}}
userdb {{
  driver = passwd-file
  args = username_format=%n {0}/users
}}
plugin {{
  quota = maildir:User quota
}}
service lmtp {{
  unix_listener {4} {{
    mode = 0666
  }}
  inet_listener lmtp {{
    address = 127.0.0.1
    port = {5}
  }}
}}
{6}
""".format(self.place, *internal, self.socket, self.port, no_chroot))
        super().__init__("dovecot", [program, "-F", "-c", self.place + "/dovecot.conf"],
                         self.place + "/out")
        world.wait_until("Dovecot's LMTP", lambda: self.ended() or self.greets())
        if self.ended():
            raise AssertionError("Dovecot does not start: " + self.log_text() + self.dovecot_log())

    def greets(self):
        try:
            with world.Client(self.port) as client:
                return client.greeting.code == 220
        except OSError:
            return False

    def dovecot_log(self):
        path = self.place + "/dovecot.log"
        return world.read_file(path).decode() if os.path.exists(path) else ""

    def find(self, user, text):
        return [mail for mail in world.list_maildir("%s/mail/%s/Maildir" % (self.place, user))
                if text.encode() in mail.octets]


def files_in(gateway, place):
    """What lies in the spool or in quarantine."""
    path = gateway.path("data/%s/new" % place)
    return sorted(os.listdir(path)) if os.path.isdir(path) else []


class ByDovecot(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.nsd = world.Nsd(DMARC, name="nsd-dovecot")
        cls.dovecot = Dovecot({"alice": "", "bob": "", "full": "userdb_quota_rule=*:bytes=1"})
        cls.gateway = world.Gateway("to-dovecot", cls.nsd.port, domain="""
domain unix.example { deliver = "lmtp:unix:%s" }
domain tcp.example { deliver = "lmtp:127.0.0.1:%d" }
domain listed.example { recipients = "@DIR@/users" aliases = "@DIR@/aliases"
                        deliver = "lmtp:127.0.0.1:%d" }
""" % (cls.dovecot.socket, cls.dovecot.port, cls.dovecot.port), users="alice\nghost\n",
                                    aliases="team: alice, ghost\n")

    @classmethod
    def tearDownClass(cls):
        cls.gateway.stop()
        cls.dovecot.stop()
        cls.nsd.stop()

    def send(self, recipients, mark, sender="a@news.example", **options):
        octets = world.message(sender or "a@news.example", "list", mark, **options)
        return self.gateway.send(sender, recipients, octets)

    def test_unix_and_tcp(self):
        """Dovecot takes mail by its Unix socket and by TCP"""
        for domain in "unix.example", "tcp.example":
            with self.subTest(domain=domain):
                mark = "by LMTP to " + domain
                reply = self.send("alice@" + domain, mark, body="dots:\r\n.\r\n..\r\nend\r\n")
                self.assertEqual(reply.code, 250, reply)
                mail, = self.dovecot.find("alice", mark)
                self.assertEqual(mail.body, b"dots:\n.\n..\nend\n")
                self.assertTrue(mail.field("Authentication-Results").startswith("mx.here.example;"))
                self.assertTrue(mail.field("X-Vouch-Verdict").startswith("accept;"))
                self.assertEqual(mail.field("Return-Path"), "<a@news.example>")
                self.assertEqual(self.gateway.explain(reply.id)["code"], 250)

    def test_one_connection(self):
        """several messages, and a large one, over the connection that is kept"""
        for i in range(5):
            self.assertEqual(self.send("bob@unix.example", "kept %d" % i).code, 250)
        body = "".join("%06d %s\r\n" % (i, "y" * 70) for i in range(20000))
        self.assertEqual(self.send("bob@unix.example", "kept large", body=body).code, 250)
        mail, = self.dovecot.find("bob", "kept large")
        self.assertEqual(mail.body, body.replace("\r\n", "\n").encode())

    def test_unknown_user(self):
        """an unknown user is refused at RCPT with Dovecot's own reply"""
        with world.Client(self.gateway.port) as client:
            client.hello()
            client.command("MAIL FROM:<a@news.example>")
            reply = client.command("RCPT TO:<nobody@unix.example>")
            self.assertEqual(reply.code, 550, reply)
            self.assertIn("5.1.1", reply.text)
            self.assertIn("User doesn't exist", reply.text)
            # The others of the same session are none the worse.
            self.assertEqual(client.command("RCPT TO:<bob@tcp.example>").code, 250)

    def test_null_sender(self):
        """<> and the detail of user+detail reach Dovecot"""
        self.assertEqual(self.send("alice+x@unix.example", "null and detail", sender="").code, 250)
        mail, = self.dovecot.find("alice", "null and detail")
        self.assertEqual(mail.field("Return-Path"), "<>")

    def test_junk(self):
        """junk goes to Dovecot with the mark for its filters"""
        self.assertEqual(self.send("alice@unix.example", "90% off", sender="x@shop.example").code, 250)
        mail, = self.dovecot.find("alice", "90% off")
        self.assertEqual(mail.field("X-Spam-Flag"), "YES")

    def test_postmaster(self):
        """postmaster works also where Dovecot knows no such user: a Maildir of our own takes it"""
        for recipient in "postmaster@unix.example", "Abuse@tcp.example", "postmaster":
            reply = self.send(recipient, "to " + recipient)
            self.assertEqual(reply.code, 250, reply)
            mails = [mail for mail in world.list_maildir(self.gateway.path("data/postmaster"))
                     if mail.field("Subject") == "to " + recipient]
            self.assertEqual(len(mails), 1, recipient)

    def test_quota_at_rcpt_or_data(self):
        """a full mailbox at Dovecot: its temporary failure is our reply, nothing is kept"""
        reply = self.send("full@tcp.example", "too much")
        self.assertEqual(reply.code // 100, 4, reply)
        self.assertEqual(self.dovecot.find("full", "too much"), [])
        self.assertEqual(files_in(self.gateway, "spool"), [])

    def test_part_fails(self):
        """one recipient full after DATA, the other delivered: 250, and the copy is in the spool"""
        reply = self.send(["alice@tcp.example", "full@tcp.example"], "half delivered")
        if 452 in [r.code for r in reply.rcpt]:
            self.skipTest("this Dovecot says so at RCPT already")
        self.assertEqual(reply.code, 250, reply)
        self.assertEqual(len(self.dovecot.find("alice", "half delivered")), 1)
        delivery = self.gateway.explain(reply.id)["delivery"]
        self.assertIn("alice@tcp.example=", delivery)
        self.assertRegex(delivery, "full@tcp.example=(spooled|quarantined)")

    def test_alias_to_lmtp(self):
        """a domain with a recipients file: who stands in it is taken, others are refused by us"""
        self.assertEqual(self.send("nobody@listed.example", "no").code, 550)
        self.assertEqual(self.send("alice@listed.example", "listed").code, 250)
        self.assertEqual(len(self.dovecot.find("alice", "listed")), 1)

    def test_utf8(self):
        """Dovecot does not offer SMTPUTF8: what needs it is refused for good (rfc6531:3.5), what only
        holds raw octets passes"""
        octets = ("From: Jürgen <a@news.example>\r\nTo: alice\r\nSubject: Grüße an Dovecot\r\n"
                  "\r\nÄÖÜ\r\n").encode()
        with world.Client(self.gateway.port) as client:
            client.hello()
            self.assertEqual(client.command("MAIL FROM:<a@news.example> SMTPUTF8").code, 250)
            reply = client.command("RCPT TO:<jürgen@unix.example>")
            self.assertEqual(reply.code // 100, 5, reply)
            self.assertEqual(client.command("RCPT TO:<alice@unix.example>").code, 250)
            reply = client.data(octets)
            self.assertEqual((reply.code, reply.text[:5]), (554, "5.6.9"), reply)
            self.assertEqual(client.command("MAIL FROM:<a@news.example> BODY=8BITMIME").code, 250)
            self.assertEqual(client.command("RCPT TO:<alice@unix.example>").code, 250)
            self.assertEqual(client.data(octets).code, 250)
            client.command("MAIL FROM:<jürgen@news.example> SMTPUTF8")
            reply = client.command("RCPT TO:<alice@unix.example>")
            self.assertEqual(reply.code // 100, 5, reply)
        mail, = self.dovecot.find("alice", "Grüße an Dovecot")
        self.assertEqual(mail.body.decode(), "ÄÖÜ\n")

    def test_strange_local_parts(self):
        """quoted local parts are quoted again for the mailbox server, or refused; never split"""
        for local in '"a b"', '"a> RCPT"', '"a\\"b"', '"a@b"', '"alice"':
            with self.subTest(local=local):
                with world.Client(self.gateway.port) as client:
                    client.hello()
                    client.command("MAIL FROM:<a@news.example>")
                    reply = client.command("RCPT TO:<%s@unix.example>" % local)
                    self.assertEqual(reply.code, 250 if local == '"alice"' else 550, reply)
                    self.assertIn("2.1.5" if reply.code == 250 else "User doesn't exist", reply.text)


class ByFake(unittest.TestCase):
    """Several recipients, one reply (what LMTP says after DATA, SMTP cannot say)."""

    @classmethod
    def setUpClass(cls):
        cls.nsd = world.Nsd(DMARC, name="nsd-fake")

    @classmethod
    def tearDownClass(cls):
        cls.nsd.stop()

    def make(self, name, **options):
        fake = world.FakeLmtp()
        gateway = world.Gateway(name, self.nsd.port, domain=world.Gateway.DOMAIN + """
domain lmtp.example { deliver = "lmtp:127.0.0.1:%d" }
domain known.example { recipients = "@DIR@/known" deliver = "lmtp:127.0.0.1:%d" }
""" % (fake.port, fake.port), files={"known": "x\ny\n"}, aliases="mixed: alice, x@known.example\n"
                                "alice: y@known.example, alice\n", **options)
        return fake, gateway

    def test_temporary(self):
        """451 after DATA for one of two: 250, spooled, delivered on retry, the other not again"""
        fake, gateway = self.make("temporary")
        fake.final["late@lmtp.example"] = "451 4.3.0 come back"
        octets = world.message("a@news.example", "list", "one is late")
        reply = gateway.send("a@news.example", ["prompt@lmtp.example", "late@lmtp.example"], octets)
        self.assertEqual(reply.code, 250, reply)
        self.assertEqual([m for m, _ in fake.taken], ["prompt@lmtp.example"])
        self.assertEqual(len(files_in(gateway, "spool")), 1)
        delivery = gateway.explain(reply.id)["delivery"]
        self.assertIn("late@lmtp.example=spooled", delivery)
        fake.final.clear()
        gateway.restart()  # the first retry is at the start
        world.wait_until("the retry", lambda: len(fake.taken) == 2 and
                         not files_in(gateway, "spool"))
        self.assertEqual([m for m, _ in fake.taken], ["prompt@lmtp.example", "late@lmtp.example"])
        # Both got the same octets, ours on top.
        self.assertEqual(fake.taken[0][1], fake.taken[1][1])
        self.assertIn(b"Authentication-Results: mx.here.example;", fake.taken[1][1])
        self.assertEqual(files_in(gateway, "quarantine"), [])
        gateway.restart()
        gateway.stop()
        self.assertEqual(len(fake.taken), 2)
        fake.close()

    def test_spooled_alias(self):
        """what an alias put into the spool goes to the mailbox that missed it, and to no other"""
        fake, gateway = self.make("spooled-alias")
        fake.final["y@known.example"] = "451 4.3.0 come back"
        fake.shut()
        # alice stands for y@known.example (down) and for her own Maildir.
        octets = world.message("a@news.example", "alice@here.example", "for both of alice")
        reply = gateway.send("a@news.example", "alice@here.example", octets)
        self.assertEqual(reply.code, 250, reply)
        gateway.the_mail("alice", "for both of alice")
        self.assertEqual(len(files_in(gateway, "spool")), 1)
        fake.open()
        fake.final.clear()
        gateway.restart()
        world.wait_until("the retry", lambda: not files_in(gateway, "spool"))
        self.assertEqual([m for m, _ in fake.taken], ["y@known.example"])
        gateway.the_mail("alice", "for both of alice")
        gateway.stop()
        fake.close()

    def test_spooled_maildir_of_alias(self):
        """the Maildir that missed its copy gets it, though its user is an alias for others too"""
        fake, gateway = self.make("spooled-maildir")
        # A file where the Maildir should be: it cannot be written now.
        world.write_file(gateway.path("mail/alice"), "in the way")
        octets = world.message("a@news.example", "alice@here.example", "not for y twice")
        reply = gateway.send("a@news.example", "alice@here.example", octets)
        self.assertEqual(reply.code, 250, reply)
        if not files_in(gateway, "spool"):
            self.skipTest("taken for a lasting failure here")
        os.unlink(gateway.path("mail/alice"))
        gateway.restart()
        world.wait_until("the retry", lambda: not files_in(gateway, "spool"))
        gateway.the_mail("alice", "not for y twice")
        self.assertEqual([m for m, _ in fake.taken], ["y@known.example"])
        gateway.stop()
        fake.close()

    def test_permanent(self):
        """552 after DATA for one of two: 250, the copy in quarantine, and postmaster is told"""
        fake, gateway = self.make("permanent")
        fake.final["never@lmtp.example"] = "552 5.2.2 too large for me"
        octets = world.message("a@news.example", "list", "one never")
        reply = gateway.send("a@news.example", ["prompt@lmtp.example", "never@lmtp.example"], octets)
        self.assertEqual(reply.code, 250, reply)
        quarantined, = files_in(gateway, "quarantine")
        text = world.read_file(gateway.path("data/quarantine/new/" + quarantined))
        self.assertIn(b"one never", text)
        self.assertIn(b"too+20large+20for+20me", text)
        self.assertIn("never@lmtp.example=quarantined", gateway.explain(reply.id)["delivery"])
        gateway.restart()  # the notice is in the spool, and that is tried at the start
        notice, = world.wait_until("the notice", lambda: gateway.find_mail("postmaster", reply.id))
        self.assertIn(b"never@lmtp.example", notice.octets)
        self.assertIn(b"too large for me", notice.octets)
        self.assertEqual(notice.field("Return-Path"), "<>")
        # The sender is never written to, and nothing is tried again.
        self.assertEqual([m for m, _ in fake.taken], ["prompt@lmtp.example"])
        gateway.stop()
        self.assertEqual(len(files_in(gateway, "quarantine")), 1)
        fake.close()

    def test_spooled_then_permanent(self):
        """spooled, then refused for good on retry: quarantine and a note"""
        fake, gateway = self.make("then-permanent")
        fake.final["moved@lmtp.example"] = "451 4.3.0 come back"
        octets = world.message("a@news.example", "list", "moved away")
        reply = gateway.send("a@news.example", ["prompt@lmtp.example", "moved@lmtp.example"], octets)
        self.assertEqual(reply.code, 250, reply)
        fake.final["moved@lmtp.example"] = "550 5.1.6 moved"
        gateway.restart()
        world.wait_until("quarantine", lambda: files_in(gateway, "quarantine"))
        gateway.restart()
        world.wait_until("the notice", lambda: gateway.find_mail("postmaster", reply.id))
        world.wait_until("the spool is empty", lambda: not files_in(gateway, "spool"))
        gateway.stop()
        fake.close()

    def test_all_fail(self):
        """all fail after DATA: the reply says so, and nothing is kept"""
        fake, gateway = self.make("all-fail")
        for answer, code in ("451 4.3.0 not now", 451), ("552 5.2.2 too large", 552):
            fake.final.update({"one@lmtp.example": answer, "two@lmtp.example": answer})
            octets = world.message("a@news.example", "list", "all fail")
            reply = gateway.send("a@news.example", ["one@lmtp.example", "two@lmtp.example"], octets)
            self.assertEqual(reply.code, code, reply)
            self.assertIn(answer[4:], reply.text)
        # One for now, one for good: the peer comes again.
        fake.final["one@lmtp.example"] = "451 4.3.0 not now"
        reply = gateway.send("a@news.example", ["one@lmtp.example", "two@lmtp.example"], octets)
        self.assertEqual(reply.code, 451, reply)
        self.assertEqual(files_in(gateway, "spool") + files_in(gateway, "quarantine"), [])
        gateway.stop()
        self.assertEqual(fake.taken, [])
        fake.close()

    def test_down(self):
        """the LMTP server is down at RCPT: 451; when it is back, mail flows again"""
        fake, gateway = self.make("down")
        octets = world.message("a@news.example", "x@lmtp.example", "after the pause")
        self.assertEqual(gateway.send("a@news.example", "x@lmtp.example", octets).code, 250)
        fake.shut()
        reply = gateway.send("a@news.example", "x@lmtp.example", octets)
        self.assertEqual((reply.code, reply.text[:5]), (451, "4.4.1"), reply)
        # Where a file lists the recipients, nobody is asked at RCPT: it shows at the end of data.
        reply = gateway.send("a@news.example", "x@known.example", octets)
        self.assertEqual((reply.code, reply.text[:5]), (451, "4.4.1"), reply)
        self.assertEqual(files_in(gateway, "spool"), [])
        fake.open()
        self.assertEqual(gateway.send("a@news.example", "x@lmtp.example", octets).code, 250)
        gateway.stop()
        fake.close()

    def test_dies_after_data(self):
        """the LMTP server goes away after the data: 451, and nothing is kept"""
        fake, gateway = self.make("dies-after")

        def dies(_):
            raise OSError("gone")
        fake.final["x@lmtp.example"] = dies
        octets = world.message("a@news.example", "x@lmtp.example", "no answer")
        reply = gateway.send("a@news.example", "x@lmtp.example", octets)
        self.assertEqual(reply.code, 451, reply)
        self.assertEqual(files_in(gateway, "spool"), [])
        fake.final.clear()
        self.assertEqual(gateway.send("a@news.example", "x@lmtp.example", octets).code, 250)
        gateway.stop()
        fake.close()

    def test_refused_early(self):
        """who is in our file, but not at the LMTP server: its reply comes at RCPT"""
        fake, gateway = self.make("refused-early")
        for answer, code in ("550 5.1.1 nobody", 550), ("452 4.2.2 full", 452):
            fake.rcpt["x@known.example"] = answer
            octets = world.message("a@news.example", "x@known.example", "not there")
            reply = gateway.send("a@news.example", "x@known.example", octets)
            self.assertEqual(reply.rcpt[0].code, code, reply)
            self.assertIn(answer[4:], reply.rcpt[0].text)
        self.assertEqual(files_in(gateway, "spool") + files_in(gateway, "quarantine"), [])
        gateway.stop()
        fake.close()

    def test_gone_between(self):
        """the server closes an idle connection: the next message gets a fresh one"""
        fake, gateway = self.make("gone-between")
        for i in range(3):
            octets = world.message("a@news.example", "x@lmtp.example", "fresh %d" % i)
            self.assertEqual(gateway.send("a@news.example", "x@lmtp.example", octets).code, 250)
            fake.shut()
            fake.open()
        self.assertEqual(len(fake.taken), 3)
        gateway.stop()
        fake.close()

    def test_mixed(self):
        """an alias for a Maildir and an LMTP mailbox: both get it, with one reply"""
        fake, gateway = self.make("mixed")
        octets = world.message("a@news.example", "mixed@here.example", "mixed kinds")
        self.assertEqual(gateway.send("a@news.example", "mixed@here.example", octets).code, 250)
        gateway.the_mail("alice", "mixed kinds")
        self.assertEqual(sorted(m for m, _ in fake.taken), ["x@known.example", "y@known.example"])
        gateway.stop()
        fake.close()

    def test_lost_reply(self):
        """LMTP slower than finish-timeout: 451, and the peer's retry is not delivered twice"""
        fake, gateway = self.make("lost-reply", sections="limits { finish-timeout = 3s }")
        release = threading.Event()

        def slowly(_):
            release.wait(world.PATIENCE)
            return "250 2.0.0 at last"
        fake.final["slow@lmtp.example"] = slowly
        octets = world.message("a@news.example", "list", "told too late")
        recipients = ["slow@lmtp.example", "alice@here.example"]
        reply = gateway.send("a@news.example", recipients, octets)
        self.assertEqual(reply.code, 451, reply)
        # Alice has hers; the answer for the other comes after we gave up.
        gateway.the_mail("alice", "told too late")
        self.assertEqual([m for m, _ in fake.taken if m == "slow@lmtp.example"], [])
        identity = re.search(r"message: id=(\w+),.*code=451", gateway.log_text()).group(1)
        release.set()
        world.wait_until("the late delivery", lambda: "slow@lmtp.example" in [m for m, _ in fake.taken])
        self.assertIn("slow@lmtp.example=", gateway.explain(identity)["delivery"])
        taken = len(fake.taken)
        fake.final.clear()
        # The same from the same client; also after a restart.
        for restart in False, True:
            if restart:
                gateway.restart()
            reply = gateway.send("a@news.example", recipients, octets)
            self.assertEqual(reply.code, 250, reply)
            self.assertIn("delivered before", gateway.explain(reply.id)["delivery"])
            self.assertEqual(len(fake.taken), taken)
            gateway.the_mail("alice", "told too late")
        # Another message is another message.
        other = world.message("a@news.example", "list", "told in time")
        self.assertEqual(gateway.send("a@news.example", recipients, other).code, 250)
        self.assertEqual(len(fake.taken), taken + 2)
        gateway.stop()
        fake.close()

    def test_retry_while_under_way(self):
        """a retry while the first delivery is still under way is not delivered beside it"""
        fake, gateway = self.make("under-way", sections="limits { finish-timeout = 3s }")
        release = threading.Event()

        def slowly(_):
            release.wait(world.PATIENCE)
            return "250 2.0.0 at last"
        fake.final["slow@lmtp.example"] = slowly
        octets = world.message("a@news.example", "list", "impatient")
        self.assertEqual(gateway.send("a@news.example", "slow@lmtp.example", octets).code, 451)
        self.assertEqual(gateway.send("a@news.example", "slow@lmtp.example", octets).code, 451)
        release.set()
        reply = world.wait_until("the answer", lambda: next(
            (r for r in [gateway.send("a@news.example", "slow@lmtp.example", octets)]
             if r.code == 250), None))
        self.assertIn("delivered before", gateway.explain(reply.id)["delivery"])
        gateway.stop()
        self.assertEqual(len([m for m, _ in fake.taken if m == "slow@lmtp.example"]), 1)
        fake.close()


if __name__ == "__main__":
    world.main()
