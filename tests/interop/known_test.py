#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""usage: known_test.py PATH-TO-VOUCH [TEST ...]

What the real gateway remembers of senders, and what `vouch reputation`, `vouch contacts` and `vouch greylist` show and
change of it. Clients are other addresses of 127.0.0.0/8.
"""
import json
import re
import sys
import time
import unittest

sys.dont_write_bytecode = True  # the source tree stays as it is

import submission_world
import world

world.require("nsd")

RECORDS = [
    'sender.example. TXT "v=spf1 ip4:127.1.1.0/24 -all"',
    'news.sender.example. TXT "v=spf1 ip4:127.1.1.0/24 -all"',
    'remote.example. TXT "v=spf1 ip4:127.1.2.0/24 -all"',
]


class Story(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.dns = world.Nsd(RECORDS, name="nsd-" + cls.__name__)

    def gateway(self, name, sections="", **options):
        gateway = world.Gateway(name, self.dns.port, sections=sections, **options)
        self.addCleanup(lambda: gateway.daemon and not gateway.daemon.ended() and gateway.stop())
        return gateway

    def ask(self, gateway, *arguments, status=0):
        done = gateway.run(*arguments[:2], "--config", gateway.config, *arguments[2:])
        self.assertEqual(done.returncode, status, done.stderr.decode())
        return done.stdout.decode()

    def ask_json(self, gateway, *arguments):
        done = gateway.run(*arguments[:2], "--config", gateway.config, "--json", *arguments[2:])
        return json.loads(done.stdout) if done.stdout else []

    def mail(self, gateway, sender, recipient="alice@here.example", source="127.1.1.1"):
        return world.send(gateway.port, sender, recipient, world.message(sender, recipient), source)


class History(Story):
    def wait_messages(self, gateway, name, count):
        """What is remembered is written a moment after the reply."""
        def look():
            found = {one["kind"]: one for one in self.ask_json(gateway, "reputation", "show", name)}
            return found if any(one["messages"] >= count - 0.05 for one in found.values()) else None
        return world.wait_until("%d messages of %s" % (count, name), look)

    def test_an_organization_is_remembered_over_a_restart_until_it_is_forgotten(self):
        gateway = self.gateway("history")
        self.ask(gateway, "reputation", "show", "sender.example", status=1)
        for _ in range(3):
            self.assertEqual(self.mail(gateway, "a@news.sender.example").code, 250)
        begun = time.time()
        found = self.wait_messages(gateway, "sender.example", 3)
        self.assertEqual(list(found), ["spf"])
        self.assertLess(abs(found["spf"]["first"] - begun), 60)
        self.assertFalse(found["spf"]["trapped"])
        gateway.restart()
        self.assertIn("messages    3", self.ask(gateway, "reputation", "show", "a@news.sender.example"))
        self.ask(gateway, "reputation", "complain", "--source", "isp.example", "sender.example")
        self.assertIn("complaints  1", self.ask(gateway, "reputation", "show", "sender.example"))
        self.ask(gateway, "reputation", "forget", "sender.example")
        self.ask(gateway, "reputation", "show", "sender.example", status=1)

    def test_who_is_not_authenticated_is_remembered_by_his_network(self):
        gateway = self.gateway("network")
        self.assertEqual(self.mail(gateway, "a@sender.example", source="127.9.8.7").code, 250)
        found = self.wait_messages(gateway, "127.9.8.200", 1)
        self.assertEqual(found["network"]["identity"], "127.9.8.0/24")
        self.ask(gateway, "reputation", "show", "sender.example", status=1)

    def test_the_next_message_is_judged_with_what_is_known(self):
        gateway = self.gateway("evidence")
        self.assertEqual(self.mail(gateway, "a@sender.example").code, 250)
        self.wait_messages(gateway, "sender.example", 1)
        story = gateway.explain(self.mail(gateway, "a@sender.example").id)
        items = [item for item in story["evidence"]["items"] if item["check"] == "history"]
        self.assertEqual(len(items), 1, items)
        self.assertIn('"sender.example"', json.dumps(items))

    def test_a_report_of_abuse_is_a_complaint_about_whoever_was_authenticated(self):
        """rfc5965: the message comes back with what we put on top of it; only then it is ours"""
        gateway = self.gateway("arf")
        self.assertEqual(self.mail(gateway, "a@sender.example").code, 250)
        self.wait_messages(gateway, "sender.example", 1)
        octets = gateway.mails("alice")[0].octets

        def complain(subject, kind="abuse", status=0):
            report = (b"From: Abuse <fbl@reports.isp.example>\nTo: abuse@here.example\nMIME-Version: 1.0\n"
                      b"Content-Type: multipart/report; report-type=feedback-report; boundary=b\n\n"
                      b"--b\nContent-Type: text/plain\n\nSomebody complained.\n"
                      b"--b\nContent-Type: message/feedback-report\n\nFeedback-Type: " + kind.encode() +
                      b"\nUser-Agent: test/1\nVersion: 1\n\n--b\nContent-Type: message/rfc822\n\n" + subject +
                      b"\n--b--\n")
            done = gateway.run("reputation", "complain", "--config", gateway.config, "--json", "--arf", "-",
                               stdin=report)
            self.assertEqual(done.returncode, status, done.stderr.decode())
        complain(octets)
        self.assertIn("complaints  1", self.ask(gateway, "reputation", "show", "sender.example"))
        for _ in range(4):
            complain(octets)
        before = self.ask(gateway, "reputation", "show", "sender.example")
        complain(octets, "not-spam", status=1)
        # Fields of ours that stand below the Received field are somebody else's.
        verdict = re.search(rb"(?m)^X-Vouch-Verdict: .*\n", octets).group()
        complain(octets.replace(verdict, b"").replace(b"\nFrom:", b"\n" + verdict + b"From:"), status=1)
        complain(octets.replace(verdict, b"X-Vouch-Verdict: accept; id=0123456789abc\n"), status=1)
        complain(b"From: a@sender.example\n\nHello.\n", status=1)
        self.assertEqual(self.ask(gateway, "reputation", "show", "sender.example"), before)
        done = gateway.run("reputation", "complain", "--config", gateway.config, "--arf", "-", stdin=octets)
        self.assertEqual(done.returncode, 1, done.stderr.decode())
        self.ask(gateway, "reputation", "complain", "--arf", "-", "sender.example", status=2)

    def test_a_trap_takes_mail_and_tells_of_its_sender(self):
        gateway = self.gateway("trap", users="alice\nold-list trap\n")
        self.assertEqual(self.mail(gateway, "a@sender.example", "old-list@here.example").code, 250)
        found = self.wait_messages(gateway, "sender.example", 1)
        self.assertEqual(found["spf"]["traps"], 1)
        self.assertTrue(found["spf"]["trapped"])
        self.assertFalse(gateway.mails("old-list"))


class Greylist(Story):
    POLICY = "policy default { greylist = on greylist-delay = 1s }\n"

    def test_a_client_passes_when_it_comes_again_and_one_is_released(self):
        gateway = self.gateway("greylist", self.POLICY)
        source = "127.9.1.1"
        self.ask(gateway, "greylist", "list", status=1)
        self.assertEqual(self.mail(gateway, "a@nobody.example", source=source).code // 100, 4)
        waiting = world.wait_until("a waiting try", lambda: self.ask_json(gateway, "greylist", "list", "waiting"))
        self.assertEqual((waiting[0]["of"], waiting[0]["sender"]), ("127.9.1.0/24", "a@nobody.example"))

        def again():
            return self.mail(gateway, "a@nobody.example", source="127.9.1.2").code == 250
        world.wait_until("the retry to pass", again)
        self.assertEqual(self.mail(gateway, "b@nobody.example", source="127.9.2.1").code // 100, 4)
        world.wait_until("another waiting try", lambda: "b@nobody.example" in
                         self.ask(gateway, "greylist", "list", status=0))
        self.ask(gateway, "greylist", "release", "b@nobody.example")
        self.assertEqual(self.mail(gateway, "b@nobody.example", source="127.9.2.1").code, 250)
        self.ask(gateway, "greylist", "release", "127.9.3.0/24")
        self.assertEqual(self.mail(gateway, "c@nobody.example", source="127.9.3.3").code, 250)
        self.ask(gateway, "greylist", "release", "d@nobody.example", status=1)
        self.ask(gateway, "greylist", "release", "no/thing", status=2)


class Contacts(Story):
    def test_whom_an_account_writes_to_is_its_contact(self):
        sink, certificates = submission_world.Sink(), submission_world.Certificates()
        world.close_later(sink)
        site = submission_world.Site("contacts", self.dns.port, sink, certificates)
        self.addCleanup(lambda: site.daemon and not site.daemon.ended() and site.stop())
        anna = submission_world.ANNA
        self.ask(site, "contacts", "list", status=1)
        self.assertEqual(site.submit("hello", ["Carl@Remote.example"]).code, 250)
        known = world.wait_until("a contact", lambda: self.ask_json(site, "contacts", "list", "--account", anna))
        self.assertEqual((known[0]["address"], known[0]["written"], known[0]["manual"]),
                         ("carl@remote.example", 1, False))
        self.assertEqual(self.ask_json(site, "contacts", "list", "--account", "*")[0]["accounts"], 1)
        self.assertEqual(self.mail(site, "carl@remote.example", anna, "127.1.2.1").code, 250)
        world.wait_until("an answer", lambda: "answered 1" in self.ask(site, "contacts", "list", "--account", anna))
        self.ask(site, "contacts", "add", "dora@remote.example")
        self.assertIn("written by hand", self.ask(site, "contacts", "list", "dora"))
        self.ask(site, "contacts", "remove", "--account", anna, "--all")
        self.ask(site, "contacts", "list", "--account", anna, status=1)
        self.ask(site, "contacts", "remove", "--account", anna, "carl@remote.example", status=1)
        self.ask(site, "contacts", "add", "nonsense", status=2)


if __name__ == "__main__":
    sys.exit(world.main())
