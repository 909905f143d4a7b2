#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""usage: train_test.py PATH-TO-VOUCH [TEST ...]

How the filter learns, at a gateway that runs: `vouch train` with all that it reads, users who move mail in their
Maildirs, traps; what it makes of mail that comes then; what survives kill -9.
"""
import glob
import grp
import json
import mailbox
import os
import pwd
import random
import signal
import subprocess
import sys
import unittest

sys.dont_write_bytecode = True  # the source tree stays as it is

import world

world.require("nsd")

HAM_WORDS = """minutes agenda harbour library violin garden rehearsal grandmother railway timetable bakery lantern
    compiler lecture orchard kettle cathedral sailing notebook chess museum pottery weather mountain""".split()
SPAM_WORDS = """jackpot refinance casino miracle enlargement unsecured winner offshore pharmacy guaranteed bonus
    viagra millionaire investment debt lottery prize replica discount urgent inheritance credits slim profit""".split()
COUNT = 60
SETTINGS = "policy default { reject-score = 0 }\nfilter { %s }\n"


def letter(words, number, end="\r\n"):
    """The same at each call."""
    chance = random.Random("%s %d" % (words[0], number))
    text = "".join(" ".join(chance.choice(words) for _ in range(9)) + "\n" for _ in range(9))
    octets = ("From: %s <%s%d@sender.example>\nTo: alice@here.example\nSubject: %s %s\n"
              "Date: Sun, 22 Nov 2026 %02d:%02d:00 +0000\nMessage-ID: <%s.%d@sender.example>\n\n%s" % (
                  chance.choice(words), chance.choice(words), number, chance.choice(words), chance.choice(words),
                  number // 60 % 24, number % 60, words[0], number, text))
    return octets.replace("\n", end).encode()


def ham(number, end="\r\n"):
    return letter(HAM_WORDS, number, end)


def spam(number, end="\r\n"):
    return letter(SPAM_WORDS, number, end)


def folder_of(name, make, first, count):
    place = os.path.join(world.folder(), name)
    for number in range(first, first + count):
        world.write_file("%s/%03d" % (place, number), make(number, "\n"))
    return place


class Trained(world.Gateway):
    def __init__(self, name, dns, settings="", **options):
        super().__init__(name, dns, sections=SETTINGS % settings, **options)

    def train(self, *arguments, stdin=b"", status=0):
        """(learned, corrected, known, unreadable)"""
        done = self.run("train", "--config", self.config, "--json", *arguments, stdin=stdin)
        if done.returncode != status:
            raise AssertionError("vouch train %s: %d %s" % (arguments, done.returncode, done.stderr.decode()))
        told = json.loads(done.stdout)
        return told["learned"], told["changed"], told["known"], told["unreadable"]

    def judged(self, octets, recipient="alice@here.example", sender="a@sender.example"):
        """The filter's evidence of a message that comes by SMTP, and the message's record."""
        reply = self.send(sender, recipient, octets)
        if reply.code != 250:
            raise AssertionError(reply)
        record = self.explain(reply.id)
        found = [item for item in record["evidence"]["items"] if item["check"] == "filter"]
        return {name: value for _, name, value in found[0]["properties"]} if found else {}, record

    def points(self, octets, **options):
        return float(self.judged(octets, **options)[0].get("points", "nan"))

    def move(self, mail, to):
        """As an IMAP server does it."""
        place = self.path("mail/alice/" + to)
        os.makedirs(place + "/cur", exist_ok=True)
        os.rename(mail.path, "%s/cur/%s:2,S" % (place, os.path.basename(mail.path).partition(":")[0]))


class ByCommand(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.nsd = world.Nsd([], name="nsd-train")
        cls.gateway = Trained("train", cls.nsd.port, "least-messages = 50")

    @classmethod
    def tearDownClass(cls):
        cls.gateway.stop()
        cls.nsd.stop()

    def test_no_opinion(self):
        """a filter that has learned nothing has no opinion"""
        self.assertNotIn("points", self.gateway.judged(ham(900))[0])

    def test_folder(self):
        """a folder of messages: all are learned, and at the second run all are known"""
        place = folder_of("ham-folder", ham, 0, 20)
        self.assertEqual(self.gateway.train("ham", place), (20, 0, 0, 0))
        self.assertEqual(self.gateway.train("ham", place), (0, 0, 20, 0))

    def test_interrupted(self):
        """a run that was cut short is begun again: only the rest is learned"""
        place = folder_of("ham-more", ham, 20, 10)
        self.assertEqual(self.gateway.train("ham", place + "/020", place + "/021", place + "/022"), (3, 0, 0, 0))
        self.assertEqual(self.gateway.train("ham", place), (7, 0, 3, 0))

    def test_mbox(self):
        """an mbox, with a quoted "From " and an empty line before it: each message once, the same as its file"""
        quoted = ham(30, "\n") + b"\n>From the harbour\n>>From deeper\n\nFrom: is no separator\n"
        plain = quoted.replace(b">From the", b"From the").replace(b">>From deeper", b">From deeper")
        text = b""
        for octets in [quoted] + [ham(number, "\n") for number in range(31, 40)]:
            text += b"From sender@sender.example Sun Nov 22 07:00:00 2026\n" + octets + b"\n"
        path = world.write_file(world.folder() + "/archive.mbox", text)
        self.assertEqual(self.gateway.train("ham", path), (10, 0, 0, 0))
        self.assertEqual(self.gateway.train("ham", path), (0, 0, 10, 0))
        self.assertEqual(self.gateway.train("ham", "-", stdin=plain), (0, 0, 1, 0))
        self.assertEqual(self.gateway.train("ham", "-", stdin=ham(35)), (0, 0, 1, 0))

    def test_maildir(self):
        """a Maildir: new and cur, not tmp, and not what its server keeps beside them"""
        box = mailbox.Maildir(world.folder() + "/Maildir")
        for number in range(40, 50):
            key = box.add(ham(number, "\n"))
            if number % 2:
                os.rename("%s/Maildir/new/%s" % (world.folder(), key), "%s/Maildir/cur/%s:2,S" % (world.folder(), key))
        world.write_file(world.folder() + "/Maildir/tmp/half", ham(51, "\n"))
        world.write_file(world.folder() + "/Maildir/dovecot-uidlist", b"3 V1 N4 G0\n1 :x\n")
        self.assertEqual(self.gateway.train("ham", world.folder() + "/Maildir"), (10, 0, 0, 0))

    def test_many_names(self):
        """as many names as a shell makes of an asterisk"""
        place = folder_of("ham-names", ham, 50, COUNT - 50)
        known = folder_of("ham-again", ham, 0, 50)
        self.assertEqual(self.gateway.train("ham", *sorted(glob.glob(known + "/*") + glob.glob(place + "/*"))),
                         (COUNT - 50 + 1, 0, 49, 0))  # number 30 came with more text in the mbox

    def test_one_class(self):
        """with one class alone there is no opinion yet"""
        self.assertNotIn("points", self.gateway.judged(ham(901))[0])

    def test_spam(self):
        """spam after all the ham"""
        self.assertEqual(self.gateway.train("spam", folder_of("spam-folder", spam, 0, COUNT - 1)), (COUNT - 1, 0, 0, 0))
        self.assertEqual(self.gateway.train("spam", "-", stdin=spam(COUNT - 1)), (1, 0, 0, 0))

    def test_unreadable(self):
        """what is no mail: exit status 1, and the rest is learned"""
        path = world.write_file(world.folder() + "/no-mail", b"\x00\x01\x02 just octets\n" * 10)
        self.assertEqual(self.gateway.train("ham", path, "-", stdin=ham(0), status=1), (0, 0, 1, 1))
        self.assertEqual(self.gateway.train("ham", "/nonexistent", "-", stdin=ham(0), status=1), (0, 0, 1, 0))

    def test_usage(self):
        """2 for arguments that are wrong, 3 when no gateway runs"""
        for arguments in ((), ("ham",), ("good", "-"), ("ham", "-", "--nothing"), ("--user",)):
            self.assertEqual(self.gateway.run("train", *arguments, "--config", self.gateway.config).returncode, 2)
        other = Trained("not-running", self.nsd.port, start=False)
        self.assertEqual(other.run("train", "--config", other.config, "ham", "-", stdin=ham(0)).returncode, 3)
        text = self.gateway.run("train", "--config", self.gateway.config, "ham", "-", stdin=ham(0))
        self.assertEqual(text.stdout, b"ham: 0 learned, 0 corrected, 1 known before, 0 unreadable\n")

    def test_new_mail(self):
        """new spam by SMTP is scored high and filed as junk, new ham low"""
        for number in range(100, 105):
            found, record = self.gateway.judged(ham(number))
            self.assertLess(float(found["points"]), -3, found)
            self.assertEqual(record["action"], "accept", record)
            found, record = self.gateway.judged(spam(number))
            self.assertGreater(float(found["points"]), 5, found)
            self.assertEqual(record["action"], "junk")
        mail = self.gateway.the_mail("alice", "jackpot.103@", ".Junk")
        self.assertGreater(float(mail.field("X-Spam-Score")), 5)
        self.assertEqual(mail.field("X-Spam-Flag"), "YES")
        mail = self.gateway.the_mail("alice", "minutes.103@")
        self.assertLess(float(mail.field("X-Spam-Score")), 5)

    def test_same_features(self):
        """what came by SMTP and lies in a mailbox now is the message that was sent: learned once"""
        self.assertEqual(self.gateway.train("ham", "-", stdin=ham(103)), (1, 0, 0, 0))
        path = self.gateway.the_mail("alice", "minutes.103@").path
        self.assertEqual(self.gateway.train("ham", path), (0, 0, 1, 0))
        # To forget it by its file takes back all that learning the octets sent had done.
        before = self.gateway.judged(ham(104))[0]
        self.assertEqual(self.gateway.train("forget", path), (0, 1, 0, 0))
        after = self.gateway.judged(ham(104))[0]
        self.assertEqual(int(before["ham"]), int(after["ham"]) + 1)
        self.assertEqual(self.gateway.train("forget", path), (0, 0, 1, 0))

    def test_correction(self):
        """ham that was learned as spam is corrected: the counts say so, and so does the opinion"""
        octets = letter(["tulip", "windmill", "dyke", "polder", "canal", "clog"], 0)
        before = self.gateway.judged(ham(105))[0]
        self.assertEqual(self.gateway.train("spam", "-", stdin=octets), (1, 0, 0, 0))
        wrong = self.gateway.points(octets)
        self.assertEqual(self.gateway.train("ham", "-", stdin=octets), (0, 1, 0, 0))
        after = self.gateway.judged(ham(105))[0]
        self.assertEqual((int(after["ham"]), int(after["spam"])), (int(before["ham"]) + 1, int(before["spam"])))
        self.assertLess(self.gateway.points(octets), wrong)
        self.assertEqual(self.gateway.train("forget", "-", stdin=octets), (0, 1, 0, 0))

    def test_kill(self):
        """the model outlives kill -9 of the store, of the edge, and of everything"""
        before = self.gateway.judged(spam(110))[0]
        self.gateway.expect_alarms = True
        for role in "store", "edge":
            pid = self.gateway.pids(role)[0]
            os.kill(pid, signal.SIGKILL)
            world.wait_until("a new " + role, lambda: [p for p in self.gateway.pids(role) if p != pid])

            def again():
                try:
                    return self.gateway.judged(spam(111))[0]
                except (AssertionError, OSError):
                    return None
            after = world.wait_until("mail is judged", again)
            self.assertEqual(after["spam"], before["spam"])
            self.assertEqual(after["ham"], before["ham"])
            self.assertGreater(float(after["points"]), 5)
        self.gateway.kill()
        self.gateway.start()
        self.assertGreater(self.gateway.points(spam(112)), 5)
        self.assertLess(self.gateway.points(ham(112)), -3)
        # And it goes on to learn.
        self.assertEqual(self.gateway.train("ham", "-", stdin=ham(0)), (0, 0, 1, 0))
        self.assertEqual(self.gateway.train("ham", "-", stdin=ham(200)), (1, 0, 0, 0))

    def test_spam_first(self):
        """in which order the folders are given does not matter"""
        other = Trained("spam-first", self.nsd.port, "least-messages = 20")
        self.assertEqual(other.train("spam", folder_of("spam-first-spam", spam, 0, COUNT))[0], COUNT)
        self.assertEqual(other.train("ham", folder_of("spam-first-ham", ham, 0, COUNT))[0], COUNT)
        self.assertGreater(other.points(spam(300)), 5)
        self.assertLess(other.points(ham(300)), -3)
        # Nor does a long row of one class alone make the filter forget the other.
        self.assertEqual(other.train("ham", folder_of("spam-first-more", ham, 400, 200))[0], 200)
        self.assertGreater(other.points(spam(301)), 3)
        other.stop()

    def test_group(self):
        """a member of control-group may train, and nothing else"""
        if not world.IS_ROOT:
            raise unittest.SkipTest("only root becomes somebody else")
        nobody = pwd.getpwnam("nobody")
        group = grp.getgrgid(nobody.pw_gid).gr_name
        gateway = Trained("group", self.nsd.port, top='edges = 1\ncontrol-group = "%s"' % group)

        def as_nobody(gid, *arguments):
            return subprocess.run([world.VOUCH, *arguments, "--config", gateway.config], input=ham(1), timeout=60,
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE, user=nobody.pw_uid, group=gid,
                                  extra_groups=[])
        done = as_nobody(nobody.pw_gid, "train", "ham", "-")
        self.assertEqual((done.returncode, done.stdout.partition(b",")[0]), (0, b"ham: 1 learned"), done.stderr)
        done = as_nobody(nobody.pw_gid, "queue", "list")
        self.assertNotEqual(done.returncode, 0)
        self.assertIn(b"may train, no more", done.stderr)
        others = next(g.gr_gid for g in grp.getgrall() if g.gr_gid not in (0, nobody.pw_gid))
        self.assertNotEqual(as_nobody(others, "train", "ham", "-").returncode, 0)
        gateway.stop()


TWO_DOMAINS = world.Gateway.DOMAIN + """
domain there.example { recipients = "@DIR@/there"  deliver = "maildir:@DIR@/mail/{user}.there" }
"""


class ByUsers(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.nsd = world.Nsd([], name="nsd-users")

    @classmethod
    def tearDownClass(cls):
        cls.nsd.stop()

    def test_watch(self):
        """mail moved into .Junk is learned as spam, moved back as ham, and to the bin not at all; each once"""
        gateway = Trained("watch", self.nsd.port, "watch = yes")
        for number in 1, 2, 3:
            gateway.judged(ham(number))
        gateway.move(gateway.the_mail("alice", "minutes.2@"), ".Trash")
        gateway.move(gateway.the_mail("alice", "minutes.1@"), ".Junk")
        gateway.wait_log("alice@here.example moved a message: spam")
        self.assertEqual(gateway.train("spam", "-", stdin=ham(1)), (0, 0, 1, 0))
        # He thought again.
        start = len(gateway.log_text())
        mail = gateway.the_mail("alice", "minutes.1@", ".Junk")
        os.rename(mail.path, gateway.path("mail/alice/cur/" + os.path.basename(mail.path)))
        gateway.wait_log("alice@here.example moved a message: ham", start)
        self.assertEqual(gateway.train("ham", "-", stdin=ham(1)), (0, 0, 1, 0))
        # And again, with a restart between moving and looking.
        gateway.stop()
        start = len(gateway.log_text())
        gateway.move(gateway.the_mail("alice", "minutes.1@"), ".Junk")
        gateway.move(gateway.the_mail("alice", "minutes.3@"), ".Junk")
        gateway.start()
        world.wait_until("both are learned", lambda: gateway.log_text()[start:].count("moved a message: spam") == 2)
        found = gateway.judged(ham(4))[0]
        self.assertEqual((found["ham"], found["spam"]), ("0", "2"))
        # Nothing was learned of what lies where it was put, nor of what was thrown away.
        self.assertEqual(gateway.train("forget", "-", stdin=ham(2)), (0, 0, 1, 0))
        gateway.stop()

    def test_trap(self):
        """what comes to a trap is learned as spam, and nobody gets it"""
        gateway = Trained("trap", self.nsd.port, users="alice\nold trap\n")
        reply = gateway.send("a@sender.example", "old@here.example", spam(1))
        self.assertEqual(reply.code, 250, reply)
        gateway.explain(reply.id)
        world.wait_until("it is learned", lambda: gateway.train("spam", "-", stdin=spam(1)) == (0, 0, 1, 0))
        self.assertEqual(gateway.mails("old") + gateway.mails("old", ".Junk"), [])
        gateway.send("a@sender.example", "old@here.example", spam(1))
        self.assertEqual(gateway.judged(ham(1))[0]["spam"], "1")
        gateway.stop()

    def test_domains(self):
        """with per-domain a domain's own model learns what its users say, and counts for its mail alone"""
        gateway = Trained("domains", self.nsd.port, "per-domain = yes  least-messages = 20", domain=TWO_DOMAINS,
                          files={"there": "alice\n"})
        # here.example likes what there.example calls spam.
        for domain, good, bad, name in (("here.example", ham, spam, "here"), ("there.example", spam, ham, "there")):
            first = 0 if name == "here" else 500
            for class_, make in (("ham", good), ("spam", bad)):
                place = folder_of("domain-%s-%s" % (name, class_), make, first, COUNT)
                self.assertEqual(gateway.train("--domain", domain, class_, place), (COUNT, 0, 0, 0))
        files = os.listdir(gateway.path("data/filter"))
        for name in "shared", "here.example", "there.example":
            self.assertIn(name + ".model", files)
        # A name that is none of ours makes no model.
        self.assertEqual(gateway.train("--domain", "stranger.example", "ham", "-", stdin=ham(700)), (1, 0, 0, 0))
        self.assertNotIn("stranger.example.model", os.listdir(gateway.path("data/filter")))
        here, there = (gateway.judged(ham(800), recipient="alice@%s.example" % name)[0] for name in ("here", "there"))
        self.assertEqual(here["model"], "both")
        self.assertLess(float(here["points"]) + 3, float(there["points"]))
        gateway.stop()


if __name__ == "__main__":
    world.main()
