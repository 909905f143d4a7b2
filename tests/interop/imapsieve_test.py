#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""usage: imapsieve_test.py PATH-TO-VOUCH [TEST ...]

A real Dovecot with the scripts of examples/dovecot: what users move into and out of Junk over IMAP is learned by the
gateway, which delivers to that Dovecot by LMTP.
"""
import grp
import imaplib
import json
import os
import pwd
import shutil
import subprocess
import sys
import unittest

sys.dont_write_bytecode = True  # the source tree stays as it is

import world

world.require("nsd", "dovecot", "sievec")
for module in "/usr/lib/dovecot/imap", "/usr/lib/dovecot/lmtp", "/usr/lib/dovecot/modules/lib95_imap_sieve_plugin.so":
    if not os.path.exists(module):
        print("skipped: there is no %s" % module)
        sys.exit(world.SKIPPED)

EXAMPLES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../examples/dovecot")
# Not root, as Dovecot wants it: the account of the mailboxes, and one group that is the gateway's control-group.
ACCOUNT = pwd.getpwnam("nobody") if world.IS_ROOT else pwd.getpwuid(os.geteuid())
GROUP = grp.getgrgid(ACCOUNT.pw_gid).gr_name


class Dovecot(world.Daemon):
    """LMTP and IMAP for users whose password is anything, with 90-vouch.conf of the examples."""

    def __init__(self, vouch_config):
        self.place = world.folder() + "/dovecot"
        self.port, self.lmtp = world.free_port(), world.free_port()
        scripts = self.place + "/vouch"
        os.makedirs(self.place + "/mail")
        shutil.copytree(EXAMPLES, scripts)
        # A wrapper for what an installed system has in its PATH and in /etc.
        world.write_file(scripts + "/vouch", "#!/bin/sh\nexec %s \"$@\"\n" % world.VOUCH, 0o755)
        script = world.read_file(scripts + "/vouch-learn").decode()
        world.write_file(scripts + "/vouch-learn",
                         script.replace("set -u\n", "set -u\nPATH=%s:$PATH VOUCH_CONFIG=%s\n" % (scripts, vouch_config)),
                         0o755)
        if world.IS_ROOT:
            os.chown(self.place + "/mail", ACCOUNT.pw_uid, ACCOUNT.pw_gid)
        internal = ("dovecot", "dovecot", "dovenull") if world.IS_ROOT else (ACCOUNT.pw_name, GROUP, ACCOUNT.pw_name)
        no_chroot = "" if world.IS_ROOT else "".join(
            "service %s {\n  chroot =\n}\n" % name for name in ("anvil", "stats", "dict", "config", "imap-login"))
        ours = world.read_file(scripts + "/90-vouch.conf").decode().replace("/etc/dovecot/vouch", scripts)
        world.write_file(self.place + "/dovecot.conf", """
base_dir = {0}/run
default_vsz_limit = 0 # the sanitizers map more than there is
state_dir = {0}/state
log_path = {0}/dovecot.log
protocols = lmtp imap
ssl = no
disable_plaintext_auth = no
auth_mechanisms = plain
auth_username_format = %Lu
default_internal_user = {1}
default_internal_group = {2}
default_login_user = {3}
first_valid_uid = 1
first_valid_gid = 1
mail_home = {0}/mail/%n
mail_location = maildir:~/Maildir
passdb {{
  driver = static
  args = nopassword=y
}}
userdb {{
  driver = static
  args = uid={4} gid={5} allow_all_users=yes
}}
namespace inbox {{
  inbox = yes
  mailbox Junk {{
    auto = create
  }}
  mailbox Trash {{
    auto = create
  }}
  mailbox Archive {{
    auto = create
  }}
}}
service lmtp {{
  inet_listener lmtp {{
    address = 127.0.0.1
    port = {6}
  }}
}}
service imap-login {{
  inet_listener imap {{
    address = 127.0.0.1
    port = {7}
  }}
  inet_listener imaps {{
    port = 0
  }}
}}
{8}
{9}
""".format(self.place, *internal, ACCOUNT.pw_uid, ACCOUNT.pw_gid, self.lmtp, self.port, no_chroot, ours))
        # As the head of 90-vouch.conf says.
        compiled = subprocess.run([world.find_program("sievec"), "-c", self.place + "/dovecot.conf", scripts],
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.compiled = compiled.returncode, compiled.stdout.decode()
        super().__init__("dovecot", [world.find_program("dovecot"), "-F", "-c", self.place + "/dovecot.conf"],
                         self.place + "/out")
        world.wait_until("Dovecot", lambda: self.ended() or self.answers())
        if self.ended():
            raise AssertionError("Dovecot does not start: " + self.log_text() + self.dovecot_log())

    def answers(self):
        try:
            with world.Client(self.lmtp) as lmtp, world.Client(self.port, greeting=False):
                return lmtp.greeting.code == 220
        except OSError:
            return False

    def dovecot_log(self):
        path = self.place + "/dovecot.log"
        return world.read_file(path).decode() if os.path.exists(path) else ""

    def login(self, user):
        client = imaplib.IMAP4("127.0.0.1", self.port, timeout=world.PATIENCE)
        client.login(user, "any")
        return client


class ByImap(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.nsd = world.Nsd(['sender.example. TXT "v=spf1 ip4:127.1.1.0/24 -all"'], name="nsd-imapsieve")
        top = "edges = 1" + ('\ncontrol-group = "%s"' % GROUP if world.IS_ROOT else "")
        cls.gateway = world.Gateway("imapsieve", cls.nsd.port, top=top, start=False)
        cls.dovecot = Dovecot(cls.gateway.config)
        cls.gateway.write_config(domain="""
domain here.example { recipients = "@DIR@/users"  deliver = "lmtp:127.0.0.1:%d" }
""" % cls.dovecot.lmtp)
        cls.gateway.start()

    @classmethod
    def tearDownClass(cls):
        cls.gateway.stop()
        cls.dovecot.stop()
        cls.nsd.stop()

    def deliver(self, subject):
        """The octets that were sent; the message lies in the inbox then."""
        octets = world.message("a@sender.example", "alice@here.example", subject, "about %s\r\n" % subject)
        reply = self.gateway.send("a@sender.example", "alice@here.example", octets, source="127.1.1.1")
        self.assertEqual(reply.code, 250, reply)
        return octets

    def move(self, source, subject, target):
        client = self.dovecot.login("alice@here.example")
        try:
            self.assertEqual(client.select(source)[0], "OK")

            def found():
                client.noop()
                return client.uid("SEARCH", "SUBJECT", '"%s"' % subject)[1][0]
            uid = world.wait_until("%s in %s" % (subject, source), found)
            status, told = client.uid("MOVE", uid.decode(), target)
            self.assertEqual(status, "OK", told)
        finally:
            client.logout()

    def known(self, class_, octets):
        """Whether it has been learned so; it is learned by asking if not, and so that is taken back."""
        done = self.gateway.run("train", "--config", self.gateway.config, class_, "-", stdin=octets, check=True)
        if b" 1 known" in done.stdout:
            return True
        self.gateway.run("train", "--config", self.gateway.config, "forget", "-", stdin=octets, check=True)
        return False

    def test_scripts(self):
        """the scripts of the examples compile"""
        self.assertEqual(self.dovecot.compiled[0], 0, self.dovecot.compiled[1])

    def test_junk(self):
        """moved into Junk: spam; out of it again: ham; into Trash: nothing more"""
        octets = self.deliver("a turnip")
        self.assertTrue(self.knows_nothing(octets))
        self.move("INBOX", "a turnip", "Junk")
        self.assertTrue(self.known("spam", octets), self.dovecot.dovecot_log())
        self.move("Junk", "a turnip", "Archive")
        self.assertTrue(self.known("ham", octets), self.dovecot.dovecot_log())
        self.move("Archive", "a turnip", "Trash")
        self.assertTrue(self.known("ham", octets))

    def test_trash(self):
        """thrown away, from the inbox or from Junk: nothing is learned of it"""
        octets = self.deliver("a radish")
        self.move("INBOX", "a radish", "Trash")
        self.assertTrue(self.knows_nothing(octets))
        octets = self.deliver("a parsnip")
        self.move("INBOX", "a parsnip", "Junk")
        self.move("Junk", "a parsnip", "Trash")
        self.assertTrue(self.known("spam", octets), self.dovecot.dovecot_log())

    def test_reporter(self):
        """his word counts in the history of the sender, under his address"""
        self.deliver("a leek")
        self.move("INBOX", "a leek", "Junk")
        self.assertNotIn("vouch-learn", "\n".join(line for line in self.dovecot.dovecot_log().split("\n")
                                                  if "rror" in line))
        world.wait_until("his report", lambda: self.reports() > 0)

    def reports(self):
        done = self.gateway.run("reputation", "show", "--config", self.gateway.config, "--json", "sender.example")
        return done.returncode == 0 and sum(line["reports"]["junk"]["reporters"] for line in json.loads(done.stdout))

    def test_gateway_away(self):
        """a gateway that is away does not hold up the user's move"""
        self.deliver("a swede")
        self.move("INBOX", "a swede", "Archive")
        self.gateway.stop()
        try:
            self.move("Archive", "a swede", "Junk")
            self.move("Junk", "a swede", "Archive")
        finally:
            self.gateway.start()

    def knows_nothing(self, octets):
        done = self.gateway.run("train", "--config", self.gateway.config, "forget", "-", stdin=octets, check=True)
        return b" 1 known" in done.stdout


if __name__ == "__main__":
    world.main()
