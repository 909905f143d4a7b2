#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""usage: account_limits_test.py PATH-TO-VOUCH [TEST ...]

How much an account may send, and what becomes of one that looks stolen: it is held with what it has in the
queue, postmaster is told, and vouch user release ends it.
"""
import json
import os
import sys
import time
import unittest

sys.dont_write_bytecode = True  # the source tree stays as it is

import submission_world
import world
from submission_world import ANNA, BERT, Sink, Site


class Scene:
    pass


def setUpModule():
    world.require("nsd", "openssl")
    Scene.certificates = submission_world.Certificates()
    Scene.dns = world.Nsd(["%s.example. MX 10 mx.remote.example." % name for name in ("remote", "other", "third")] +
                          ["mx.remote.example. A 127.0.0.1"])


class Limits(unittest.TestCase):
    def site(self, name, submission, **options):
        self.sink = Sink()
        site = Site(name, Scene.dns.port, self.sink, Scene.certificates, top="edges = 1", submission=submission,
                    **options)
        self.addCleanup(site.stop)
        return site

    def assert_put_off(self, reply):
        self.assertEqual((reply.code, reply.text[:5]), (450, "4.7.1"), reply)

    def held(self, site):
        done = site.run("user", "release", "--config", site.config, "--json")
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout)["held"]

    def release(self, site, account=ANNA, status=0):
        done = site.run("user", "release", "--config", site.config, account)
        self.assertEqual(done.returncode, status, done.stderr + done.stdout)
        return done.stdout.decode()

    def assert_told(self, site, text):
        """Postmaster has one mail about the account."""
        mail = world.wait_until("a mail to postmaster", lambda: site.find_mail("carol", ANNA), 8)
        self.assertEqual(len(mail), 1)
        self.assertIn(ANNA, mail[0].field("Subject"))
        self.assertRegex(mail[0].body.decode(), text)

    def test_messages(self):
        """messages-per-hour: slower near the limit, then 450 4.7.1, for this account only, after a restart, too"""
        site = self.site("messages", "messages-per-hour = 10 soft-limit = 90")
        took = []
        for i in range(9):
            began = time.monotonic()
            self.assertEqual(site.submit("message %d." % i).code, 250)
            took.append(time.monotonic() - began)
        self.assertLess(max(took[:8]), 1.5, took)
        self.assertGreater(took[8], 1.5, took)
        with site.user() as slow:  # the tenth waits for long
            slow.command("MAIL FROM:<%s>" % ANNA)
            slow.command("RCPT TO:<to@remote.example>")
            slow.command("DATA")
            slow.send(world.message(ANNA, "to@remote.example", "message 10.") + b".\r\n")

            def over():
                reply = site.submit("message 11.", source="127.0.70.1")
                return reply.code == 450 and reply
            reply = over()
            self.assertTrue(reply)
            self.assert_put_off(reply)
            self.assertIn("messages an hour", reply.text)
        site.restart()
        self.assert_put_off(site.submit("message 12."))
        self.assertEqual(site.submit("of bert", login=BERT, sender=BERT).code, 250)
        self.assertEqual(self.held(site), [])
        for i in range(9):
            self.sink.wait("Subject: message %d.\r\n" % i)
        self.sink.wait("Subject: of bert")
        self.assertEqual(self.sink.find("Subject: message 11."), [])

    def test_recipients(self):
        """recipients, recipient domains and octets are counted, too; a message over the limit is not taken"""
        site = self.site("recipients", "recipients-per-hour = 5 domains-per-day = 3 hold = no octets-per-day = 1M")
        many = ["u%d@remote.example" % i for i in range(6)]
        self.assert_put_off(site.submit("many", many))
        site = self.site("domains", "domains-per-day = 3 hold = no")
        self.assertEqual(site.submit("domains", ["a@d%d.example" % i for i in range(3)]).code, 250)
        self.assert_put_off(site.submit("more domains", ["a@d4.example"]))
        self.assertEqual(site.submit("again", ["b@d1.example"]).code in (250, 450), True)
        site = self.site("octets", "octets-per-day = 20K hold = no")
        with site.user() as user:
            large = world.message(ANNA, "to@remote.example", "large", body="x" * 70 + "\r\n") + b"y" * 60 + b"\r\n"
            large += (b"z" * 70 + b"\r\n") * 100
            self.assertEqual(user.transaction(ANNA, ["to@remote.example"], large).code, 250)
            self.assert_put_off(user.transaction(ANNA, ["a@remote.example", "b@remote.example"], large))

    def test_connections(self):
        """connections: another session of the account is not let in, until one has ended"""
        site = self.site("connections", "connections = 2")
        first, second = site.user(), site.user()
        with site.user(login=None) as third:
            reply = third.login("PLAIN")
            self.assertEqual((reply.code, reply.text[:5]), (421, "4.7.0"), reply)
        with site.user(login=BERT):
            pass
        first.close()

        def enters():
            with site.user(login=None) as user:
                return user.login("PLAIN").code == 235
        world.wait_until("room for a session", enters, 10)
        second.close()

    def test_senders(self):
        """senders-per-day: held, with its queue; postmaster is told; released, all goes"""
        site = self.site("senders", "senders-per-day = 3")
        self.sink.replies["RCPT late@remote.example"] = "450 4.2.0 later"
        self.assertEqual(site.submit("waits", ["late@remote.example"]).code, 250)
        for i in range(2):
            self.assertEqual(site.submit("sender %d" % i, sender="s%d@anna.example" % i).code, 250)
        reply = site.submit("sender 3", sender="s3@anna.example")
        self.assert_put_off(reply)
        self.assertIn("postmaster", reply.text)
        self.assert_put_off(site.submit("no more"))
        self.assertEqual(self.held(site), [ANNA])
        self.assertEqual(site.submit("of bert", login=BERT, sender=BERT).code, 250)
        self.assert_told(site, r"(?s)sender addresses.*vouch user release " + ANNA)
        # Its mail waits, also when the next server would take it, when tried by hand, and after a restart.
        self.sink.replies.clear()
        site.queue("retry", "--recipient", "late@remote.example")
        site.restart()
        self.assertEqual(self.held(site), [ANNA])
        self.assertEqual(site.submit("bert again", login=BERT, sender=BERT).code, 250)
        self.sink.wait("Subject: bert again")
        time.sleep(1.5)  # longer than the pause between two attempts
        self.assertEqual(self.sink.find("Subject: waits"), [])
        self.assertIn("may send again", self.release(site))
        self.sink.wait("Subject: waits")
        self.release(site, status=1)
        self.assertEqual(self.held(site), [])
        # What was counted does not hold it again.
        self.assertEqual(site.submit("again", sender="s3@anna.example").code, 250)
        self.assertEqual(self.held(site), [])
        self.assertEqual(len(site.find_mail("carol", ANNA)), 1)

    def test_networks(self):
        """networks-per-day: a password that is used everywhere is everybody's"""
        site = self.site("networks", "networks-per-day = 2")
        for network in 61, 62:
            for host in 1, 2:
                reply = site.submit("from %d.%d" % (network, host), source="127.0.%d.%d" % (network, host))
                self.assertEqual(reply.code, 250, reply)
        self.assert_put_off(site.submit("from 63", source="127.0.63.1"))
        self.assert_put_off(site.submit("from 61 again", source="127.0.61.1"))
        self.assertEqual(self.held(site), [ANNA])
        self.assert_told(site, "networks")

    def test_unknown_recipients(self):
        """unknown-recipients: who writes to many that do not exist is held by what other servers say"""
        site = self.site("unknown", "unknown-recipients = 40")
        self.sink.replies["RCPT"] = "550 5.1.1 no such user"
        for part in range(3):
            reply = site.submit("old list %d" % part, ["u%d.%d@remote.example" % (part, i) for i in range(20)])
            self.assertEqual(reply.code, 250, reply)
        time.sleep(2)
        self.assertEqual(self.held(site), [])  # one domain's word holds nobody
        for name in "other", "third":
            reply = site.submit("old list", ["u%d@%s.example" % (i, name) for i in range(2)])
            self.assertEqual(reply.code, 250, reply)
        world.wait_until("the account is held", lambda: self.held(site) == [ANNA], 8)
        self.assert_put_off(site.submit("one more"))
        self.assert_told(site, "(?s)recipients.*unknown")

    def test_unknown_here(self):
        """… and by what we say of our own users"""
        site = self.site("unknown-here", "unknown-recipients = 40")
        with site.user() as user:
            user.command("MAIL FROM:<%s>" % ANNA)
            for i in range(15):
                self.assertEqual(user.command("RCPT TO:<u%d@here.example>" % i).code // 100 in (4, 5), True)
        # Fifteen are few.
        self.assertEqual(site.submit("fine", ["bert@here.example"]).code, 250)

    def test_only_put_off(self):
        """hold = no: put off, and nothing else"""
        site = self.site("putoff", "senders-per-day = 2 hold = no")
        for i in range(2):
            self.assertEqual(site.submit("s", sender="s%d@anna.example" % i).code, 250)
        self.assert_put_off(site.submit("s", sender="s3@anna.example"))
        self.assertEqual(site.submit("known", sender="s0@anna.example").code in (250, 450), True)
        self.assertEqual(self.held(site), [])


if __name__ == "__main__":
    world.main()
