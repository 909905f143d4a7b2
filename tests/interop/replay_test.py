#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""usage: replay_test.py PATH-TO-VOUCH [TEST ...]

`vouch replay` and `vouch explain` over the ledger of a gateway that had mail of all kinds: without any network each
message gets the verdict of then, to the octet; another policy differs exactly where it must; and what explain says
would have changed a verdict is true of a policy that is so changed.
"""
import json
import os
import re
import shutil
import subprocess
import sys
import unittest

sys.dont_write_bytecode = True  # the source tree stays as it is

import world

world.require("nsd", "openssl")

GOOD, BAD = "127.0.0.10", "127.0.0.66"
KEY = {}
SECTIONS = """
policy default { temporary-attempts = 1 shadow = strict }
policy strict { junk-score = 1  dmarc = strict  spf-fail = reject }
policy closed { default-reject = yes }
"""


def records():
    KEY["good"] = world.DkimKey("genuine.example", "s1")
    return [KEY["good"].record,
            "genuine.example. TXT \"v=spf1 ip4:127.0.0.10 -all\"",
            "mail.genuine.example. A 127.0.0.10",
            "10.0.0.127.in-addr.arpa. PTR mail.genuine.example.",
            "_dmarc.genuine.example. TXT \"v=DMARC1; p=reject\"",
            "_dmarc.shop.example. TXT \"v=DMARC1; p=quarantine\"",
            "_dmarc.news.example. TXT \"v=DMARC1; p=none\"",
            "soft.example. TXT \"v=spf1 ip4:192.0.2.1 ~all\"",
            "fail.example. TXT \"v=spf1 ip4:192.0.2.1 -all\""]


# name: (client, HELO, MAIL FROM, From, recipient, signed)
MAILS = {
    "genuine": (GOOD, "mail.genuine.example", "a@genuine.example", "a@genuine.example", "alice", True),
    "forged": (BAD, "pc.example", "a@genuine.example", "a@genuine.example", "alice", False),
    "quarantined": (BAD, "pc.example", "a@shop.example", "a@shop.example", "alice", False),
    "marked": (BAD, "pc.example", "a@news.example", "a@news.example", "alice", False),
    "soft": (BAD, "pc.example", "a@soft.example", "a@soft.example", "alice", False),
    "fail": (BAD, "pc.example", "a@fail.example", "a@fail.example", "alice", False),
    "unknown": (BAD, "pc.example", "", "a@nowhere.example", "alice", False),
    "closed": (BAD, "pc.example", "a@soft.example", "a@soft.example", "bob", False),
    "postmaster": (BAD, "pc.example", "a@genuine.example", "a@genuine.example", "postmaster", False),
    "no-author": (BAD, "pc.example", "a@soft.example", "nobody", "alice", False),
    "eight-bit": (BAD, "pc.example", "a@soft.example", "a@s\u00fcd.example", "alice", False),
}


def without_network():
    """A way to run a program in a network namespace of its own, with nothing in it; None if there is none."""
    command = ["unshare", "--net", "--map-root-user"]
    if shutil.which("unshare") and subprocess.run(command + ["true"], stderr=subprocess.DEVNULL).returncode == 0:
        return command
    return None


class Replay(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.nsd = world.Nsd(records(), broken=["deadzone.example"])
        cls.gateway = world.Gateway(
            "gateway", "dns { servers = [127.0.0.1:%d] timeout = 300ms attempts = 2 }" % cls.nsd.port,
            sections=SECTIONS, users="alice\nbob policy=closed\npostmaster\n")
        cls.ids = {}
        for name, (client, helo, sender, author, recipient, signed) in MAILS.items():
            octets = world.message(author, recipient + "@here.example", "mail " + name)
            if name == "eight-bit":  # a Subject and an author that are no UTF-8
                octets = octets.replace("s\u00fcd".encode(), b"s\xfcd").replace(b"mail eight", b"m\xe4il eight")
            if signed:
                octets = KEY["good"].sign(octets)
            reply = cls.gateway.send(sender, recipient + "@here.example", octets, source=client, helo=helo)
            if not reply.id:
                raise AssertionError("%s: %s" % (name, reply))
            cls.ids[name] = reply.id
        cls.records = {name: cls.gateway.explain(id) for name, id in cls.ids.items()}

    @classmethod
    def tearDownClass(cls):
        cls.gateway.stop()
        cls.nsd.stop()

    def replay(self, *options, status=None, prefix=()):
        command = list(prefix) + [world.VOUCH, "replay", "--config", self.gateway.config, "--json"] + list(options)
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=world.PATIENCE)
        self.assertIn(done.returncode, (0, 1), done.stderr.decode())
        if status is not None:
            self.assertEqual(done.returncode, status, done.stdout.decode())
        return json.loads(done.stdout)

    def policy(self, name, text):
        """A copy of the configuration with other policies."""
        config = open(self.gateway.config).read().replace(SECTIONS.strip(), text)
        return self.gateway.write(name, config)

    # ---- the same policy ----

    def test_same_to_the_octet_without_network(self):
        """where there is no network at all, the ledger's mail gets the verdicts of then, to the octet"""
        prefix = without_network()
        if not prefix:
            self.skipTest("no network namespaces here")
        found = self.replay(status=0, prefix=prefix)
        self.assertEqual(found["remembered"], len(MAILS))
        self.assertEqual((found["judged"], found["identical"]), (len(MAILS), len(MAILS)), found)
        self.assertEqual((found["changed"], found["reclassed"], found["messages"]), (0, 0, []))

    def test_verdicts_are_what_they_must_be(self):
        """and these are not all alike"""
        got = {name: (record["verdict"]["action"], record["verdict"]["trust"])
               for name, record in self.records.items()}
        self.assertEqual(got["genuine"], ("accept", "business-class"))
        self.assertEqual(got["forged"], ("reject", "forged"))
        self.assertEqual(got["quarantined"], ("junk", "forged"))
        self.assertEqual(got["marked"], ("accept", "third-class"))
        self.assertEqual(got["closed"], ("reject", "third-class"))
        self.assertEqual(got["postmaster"], ("accept", "third-class"))
        self.assertEqual(got["no-author"], ("reject", "forged"))

    def test_score_is_the_sum(self):
        """each record's score is the sum of its contributions"""
        for name, record in self.records.items():
            verdict = record["verdict"]
            with self.subTest(name):
                if name == "postmaster":
                    self.assertNotIn("score", verdict)
                    continue
                self.assertEqual(verdict["score"], sum(c["points"] for c in verdict["contributions"]))

    # ---- another ----

    def test_other_threshold(self):
        """a lower threshold turns accepted mail into junk, and nothing else"""
        file = self.policy("lower.conf", SECTIONS.replace("policy default {", "policy default { junk-score = 2"))
        found = self.replay("--policy", file, status=1)
        expected = {self.ids[name] for name, record in self.records.items()
                    if record["verdict"]["action"] == "accept" and record["verdict"].get("score", -1) >= 200
                    and record["policy"] == "default"}
        self.assertTrue(expected)
        self.assertEqual({m["id"] for m in found["messages"] if m["before"] != m["after"]}, expected)
        self.assertEqual({(m["before"], m["after"]) for m in found["messages"]}, {("accept", "junk")})
        self.assertEqual(found["changed"], len(expected))

    def test_filters_and_limit(self):
        """the filters of `vouch log` restrict what is judged; --limit only what is listed"""
        file = self.policy("marking.conf", SECTIONS.replace("policy default {", "policy default { dmarc = mark"))
        found = self.replay("--policy", file, "--sender", "genuine.example", "--action", "reject", status=1)
        self.assertEqual([m["id"] for m in found["messages"]], [self.ids["forged"]])
        self.assertEqual(found["messages"][0]["after"], "accept")
        found = self.replay("--policy", file, "--limit", "1", status=1)
        self.assertEqual((len(found["messages"]), found["changed"]), (1, 2))

    def test_missing_policy(self):
        """mail whose policy the other configuration does not have is counted, not guessed at"""
        config = open(self.gateway.config).read().replace("policy closed", "policy other").replace("policy=closed", "")
        users = self.gateway.write("users-of-other", "alice\nbob\npostmaster\n")
        file = self.gateway.write("other.conf", re.sub(r'recipients = "[^"]*"', 'recipients = "%s"' % users, config))
        found = self.replay("--policy", file)
        self.assertEqual((found["without_policy"], found["judged"]), (1, len(MAILS) - 1))

    def test_text(self):
        """the text names the change"""
        file = self.policy("lower2.conf", SECTIONS.replace("policy default {", "policy default { junk-score = 2"))
        done = self.gateway.run("replay", "--config", self.gateway.config, "--policy", file)
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stdout.decode(), r"accept +-> junk +\d")
        self.assertIn(self.ids["soft"], done.stdout.decode())

    def test_labels(self):
        """with labels it says how many went wrong, and Brier's score"""
        labels = {name: "junk" if name in ("forged", "quarantined", "soft") else "ham" for name in MAILS}
        file = self.gateway.write("labels", "# by hand\n" + "".join(
            "%s %s\n" % (self.ids[name], label) for name, label in labels.items()))
        found = self.replay("--labels", file, status=0)
        scored = {name: record["verdict"] for name, record in self.records.items() if "score" in record["verdict"]}
        brier = sum((v["probability"] / 10000 - (labels[n] == "junk")) ** 2 for n, v in scored.items()) / len(scored)
        self.assertAlmostEqual(found["now"]["calibration"]["brier"], brier, 9)
        self.assertEqual(found["now"], found["then"])
        self.assertEqual(found["now"]["junk_taken"], sum(
            labels[n] == "junk" and r["verdict"]["action"] == "accept" for n, r in self.records.items()))
        bad = self.gateway.write("bad-labels", "x maybe\n")
        self.assertEqual(self.gateway.run("replay", "--config", self.gateway.config, "--labels", bad).returncode, 2)

    # ---- the shadow ----

    def test_shadow(self):
        """the shadow's disagreement stands in the ledger and in the log, and changes nothing"""
        verdict = self.records["soft"]["verdict"]
        self.assertEqual(verdict["action"], "accept")
        self.assertEqual((verdict["shadow"]["policy"], verdict["shadow"]["action"]), ("strict", "junk"))
        line = self.gateway.log_line(self.ids["soft"])
        self.assertEqual((line["shadow"], line["shadow_action"]), ("strict", "junk"))
        self.assertNotIn("shadow", self.records["forged"]["verdict"])
        self.assertIn("the policy strict would say junk", self.gateway.story(self.ids["soft"]))

    # ---- explain ----

    def test_explain(self):
        """explain shows each contribution with its sign, the thresholds, the class and why"""
        story = self.gateway.story(self.ids["soft"])
        for contribution in self.records["soft"]["verdict"]["contributions"]:
            self.assertIn(contribution["name"] + ": " + contribution["text"], story)
        self.assertIn("junk from 5, refused from 15", story)
        self.assertIn("Class: third-class. No domain answers for it.", story)

    def test_smallest_change(self):
        """and what would have changed it: of the points that the filter would have had to give, each is true"""
        changes = self.gateway.explain(self.ids["soft"])["changes"]
        self.assertTrue(changes)
        self.assertNotIn("accept", [change["action"] for change in changes])
        needed = [change for change in changes if "content filter" in change["text"] and change["action"] == "junk"]
        score = self.records["soft"]["verdict"]["score"]
        self.assertEqual(needed[0]["cost"], 500 - score)
        # What needs so many points more is what a threshold lower by as many gives.
        for threshold, action in ((score, "junk"), (score + 1, "accept")):
            file = self.policy("at-%d.conf" % threshold, SECTIONS.replace(
                "policy default {", "policy default { junk-score = %d.%02d" % divmod(threshold, 100)))
            found = self.replay("--policy", file)
            after = {m["id"]: m["after"] for m in found["messages"]}.get(self.ids["soft"], "accept")
            self.assertEqual(after, action)
        forged = self.gateway.story(self.ids["forged"])
        self.assertIn("(DKIM), it would have been accepted.", forged)

    # ---- headers ----

    def test_headers(self):
        """readers' filters find what they know from elsewhere, and a stranger's own are gone"""
        lie = ("X-Spam-Status: No, score=-99\r\nX-Spam-Score: -99\r\nX-Spam-Level:\r\nX-Vouch-Score: -99\r\n"
               "X-Spam-Flag: NO\r\n")
        octets = world.message("a@soft.example", "alice@here.example", "with lies", extra=lie)
        reply = self.gateway.send("a@soft.example", "alice@here.example", octets, source=BAD, helo="pc.example")
        mail = self.gateway.the_mail("alice", "with lies")
        verdict = self.gateway.explain(reply.id)["verdict"]
        score = "%g" % (verdict["score"] / 100)
        self.assertEqual(mail.fields("X-Spam-Score"), [score])
        status = " ".join(mail.field("X-Spam-Status").split())
        self.assertEqual(status, "No, score=%s required=5 tests=%s" % (
            score, ", ".join(c["name"] for c in verdict["contributions"])))
        self.assertEqual(mail.fields("X-Spam-Level"), ["*" * (verdict["score"] // 100)])
        self.assertEqual(mail.fields("X-Spam-Flag"), [])
        self.assertEqual(len(mail.fields("X-Vouch-Score")), 1)
        self.assertIn("class=third-class", mail.field("X-Vouch-Score"))
        line = self.gateway.log_line(reply.id)
        self.assertEqual((line["score"], line["class"]), (score, "third-class"))
        self.assertAlmostEqual(float(line["probability"]), verdict["probability"] / 100, 2)


if __name__ == "__main__":
    world.main()
