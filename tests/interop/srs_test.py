#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""usage: srs_test.py PATH-TO-VOUCH [TEST ...]

Sender rewriting together with postsrsd, with shared secrets: what one makes, the other takes apart.
"""
import json
import os
import socket
import subprocess
import sys
import unittest
import urllib.parse

sys.dont_write_bytecode = True  # the source tree stays as it is

import world

POSTSRSD = world.require("postsrsd")[0]
OURS = "forwarder.example"
SENDERS = ["test@otherdomain.com", "Some.Body@Other-Domain.example", "user-with-dash@domain-with-dash.com",
           "user+with+plus@domain.com", "a=b=c@domain.com", "x%y!z@domain.somewhere.example"]
FOREIGN = ["SRS0=opaque+string@otherdomain.com", "SRS0-abcd=2W=a.example=joe@b.example",
           "SRS0+abcd=2W=a.example=joe@b.example", "SRS1=X=thirddomain.com==opaque+string@otherdomain.com",
           "SRS1=X=third.example=+abcd=2W=a.example=joe@b.example"]


class Postsrsd(world.Daemon):
    """Answers on two ports: forward and reverse, in the protocol of Postfix's tcp_table."""

    def __init__(self, name, secrets, *options):
        self.forward, self.reverse = world.free_port(), world.free_port()
        self.secrets = world.write_file("%s/%s.secrets" % (world.folder(), name), secrets, 0o600)
        super().__init__(name, [POSTSRSD, "-s", self.secrets, "-d", OURS, "-l", "127.0.0.1",
                                "-f", str(self.forward), "-r", str(self.reverse)] + list(options),
                         "%s/%s.log" % (world.folder(), name))
        world.wait_until("postsrsd listens", lambda: self.ended() or self.listens())
        if self.ended():
            raise AssertionError("postsrsd does not start: " + self.log_text())

    def listens(self):
        try:
            for port in self.forward, self.reverse:
                socket.create_connection(("127.0.0.1", port), 1).close()
            return True
        except OSError:
            return False

    def ask(self, port, address):
        """The new address, or None."""
        with socket.create_connection(("127.0.0.1", port), world.PATIENCE) as asking:
            asking.sendall(("get %s\n" % urllib.parse.quote(address, safe="@=+-!")).encode())
            line = asking.makefile("rb").readline().decode().strip()
        code, _, text = line.partition(" ")
        return urllib.parse.unquote(text) if code == "200" else None

    def encode(self, address):
        return self.ask(self.forward, address)

    def decode(self, address):
        return self.ask(self.reverse, address)


def vouch(direction, secrets, address, *options):
    """The new address, or None."""
    done = subprocess.run([world.VOUCH, "srs", direction, "--json", "--secrets", secrets, "--domain",
                           OURS] + list(options) + ["--", address], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, timeout=world.PATIENCE)
    answer = json.loads(done.stdout)
    if answer["result"] == "ok":
        assert done.returncode == 0, done
        return answer["rewritten"]
    assert answer["problem"] and (done.returncode == 1 or direction == "encode"), done
    return None


class Srs(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.peer = Postsrsd("postsrsd", "shared-secret\nan older one\n")
        cls.secrets = cls.peer.secrets

    @classmethod
    def tearDownClass(cls):
        cls.peer.stop()

    def test_both_make_the_same_address(self):
        for sender in SENDERS:
            theirs = self.peer.encode(sender)
            self.assertTrue(theirs and theirs.startswith("SRS0="), theirs)
            self.assertEqual(vouch("encode", self.secrets, sender), theirs)

    def test_theirs_decode_here(self):
        for sender in SENDERS:
            self.assertEqual(vouch("decode", self.secrets, self.peer.encode(sender)), sender)

    def test_ours_decode_there(self):
        for sender in SENDERS:
            ours = vouch("encode", self.secrets, sender)
            self.assertEqual(self.peer.decode(ours), sender)

    def test_second_forwarders_agree_in_both_directions(self):
        for sender in FOREIGN:
            theirs = self.peer.encode(sender)
            self.assertTrue(theirs and theirs.startswith("SRS1="), theirs)
            ours = vouch("encode", self.secrets, sender)
            self.assertEqual(ours, theirs)
            back = vouch("decode", self.secrets, theirs)
            self.assertTrue(back.startswith("SRS0"), back)
            self.assertEqual(back, self.peer.decode(ours))

    def test_changed_case_decodes_alike(self):
        theirs = self.peer.encode("test@otherdomain.com")
        for changed in theirs.lower(), theirs.upper():
            here = vouch("decode", self.secrets, changed)
            self.assertEqual(here.lower(), "test@otherdomain.com")
            self.assertEqual(here, self.peer.decode(changed))

    def test_neither_takes_what_is_forged(self):
        theirs = self.peer.encode("test@otherdomain.com")
        forged = theirs.replace("=test@", "=tess@")
        self.assertIsNone(self.peer.decode(forged))
        self.assertIsNone(vouch("decode", self.secrets, forged))

    def test_both_leave_our_own_senders_alone(self):
        self.assertEqual(self.peer.encode("joe@" + OURS), "joe@" + OURS)
        self.assertIsNone(vouch("encode", self.secrets, "joe@" + OURS))

    def test_an_older_secret_still_verifies(self):
        for change in "a new one\nshared-secret\n", "a new one\nanother\nshared-secret\n":
            newer = world.write_file(world.folder() + "/newer.secrets", change, 0o600)
            theirs = self.peer.encode("test@otherdomain.com")
            self.assertEqual(vouch("decode", newer, theirs), "test@otherdomain.com")
        newer = world.write_file(world.folder() + "/newer.secrets", "a new one\n", 0o600)
        self.assertIsNone(vouch("decode", newer, theirs))
        older = world.write_file(world.folder() + "/older.secrets", "an older one\n", 0o600)
        ours = vouch("encode", older, "test@otherdomain.com")
        self.assertEqual(self.peer.decode(ours), "test@otherdomain.com")

    def test_other_separators_and_longer_hashes(self):
        for separator in "+-":
            peer = Postsrsd("postsrsd" + separator, "shared-secret\n", "-a", separator, "-n", "8", "-N", "6")
            try:
                theirs = peer.encode("test@otherdomain.com")
                self.assertTrue(theirs.startswith("SRS0" + separator), theirs)
                self.assertEqual(vouch("encode", peer.secrets, "test@otherdomain.com", "--separator=" +
                                       separator, "--hash-length", "8"), theirs)
                # Without knowing of either, too: a longer hash is better, not worse.
                self.assertEqual(vouch("decode", peer.secrets, theirs), "test@otherdomain.com")
                self.assertIsNone(peer.decode(vouch("encode", peer.secrets, "test@otherdomain.com")))
            finally:
                peer.stop()


if __name__ == "__main__":
    world.main()
