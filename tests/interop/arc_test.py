#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""usage: arc_test.py PATH-TO-VOUCH [TEST ...]

ARC with dkimpy, both ways: what one seals the other verifies, chains that both made by turns, and what
must break them. Keys lie in nsd, which both ask.
"""
import json
import os
import subprocess
import sys
import unittest

sys.dont_write_bytecode = True  # the source tree stays as it is

import world

world.require("nsd", "openssl")

# dkimpy is a package of the system, which another python may not see.
PYTHON = next((python for python in (sys.executable, "/usr/bin/python3")
               if subprocess.run([python, "-c", "import authres, dkim, dns.resolver"],
                                 capture_output=True).returncode == 0), None)
if not PYTHON:
    print("skipped: python3-dkim is not installed")
    sys.exit(world.SKIPPED)

PEER = r'''
import json, sys
import dkim, dns.resolver
job = json.loads(sys.argv[1])
message = sys.stdin.buffer.read()
resolver = dns.resolver.Resolver(configure=False)
resolver.nameservers, resolver.port = ["127.0.0.1"], job["port"]

def ask(name, timeout=5):
    try:
        answer = resolver.resolve(name.decode().rstrip("."), "TXT")
    except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
        return None
    return b"".join(answer[0].strings)

if job["do"] == "verify":
    cv, results, comment = dkim.arc_verify(message, dnsfunc=ask)
    # It says nothing where the newest seal says cv=fail.
    print(json.dumps({"cv": cv.decode() if cv else "fail"}))
else:
    with open(job["key"], "rb") as file:
        key = file.read()
    fields = dkim.arc_sign(message, job["selector"].encode(), job["domain"].encode(), key,
                           job["id"].encode())
    sys.stdout.buffer.write(b"".join(fields) + message)
'''
RESULTS = "Authentication-Results: %s; spf=pass smtp.mailfrom=ann@author.example; dmarc=pass"


class Sealing(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.keys = {name: world.DkimKey(name, "s1") for name in ("vouch.example", "peer.example")}
        cls.keys["edwards.example"] = world.DkimKey("edwards.example", "s1", "ed25519")
        for key in cls.keys.values():
            os.chmod(key.file, 0o600)
        cls.nsd = world.Nsd([key.record for key in cls.keys.values()], broken=["broken.example"])
        cls.message = world.message("Ann <ann@author.example>", "list@vouch.example", "an  ARC test",
                                    "Hello, \r\n\r\n  list.\r\n\r\n")

    @classmethod
    def tearDownClass(cls):
        cls.nsd.stop()

    # Each seals what it finds in the message under its own name.

    def vouch(self, *arguments, stdin):
        return subprocess.run([world.VOUCH, "arc"] + list(arguments) +
                              ["--resolver", "127.0.0.1:%d" % self.nsd.port, "-"], input=stdin,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=world.PATIENCE)

    def peer(self, stdin, **job):
        done = subprocess.run([PYTHON, "-c", PEER, json.dumps(dict(job, port=self.nsd.port))],
                              input=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              timeout=world.PATIENCE)
        self.assertEqual(done.returncode, 0, done.stderr.decode())
        return done.stdout

    def seal(self, octets, domain="vouch.example", status=0):
        octets = (RESULTS % domain).encode() + b"\r\n" + octets
        done = self.vouch("seal", "--domain", domain, "--selector", "s1", "--key",
                          self.keys[domain].file, stdin=octets)
        self.assertEqual(done.returncode, status, done.stderr.decode())
        return done.stdout

    def peer_seal(self, octets, found=None, name="peer.example"):
        # dkimpy takes cv= from the arc statement of the results that it seals.
        line = RESULTS % name + "; arc=" + (found or self.verify(octets)["result"])
        return self.peer(line.encode() + b"\r\n" + octets, do="sign", domain="peer.example", selector="s1",
                         key=self.keys["peer.example"].file, id=name)

    def verify(self, octets, status=None):
        done = self.vouch("verify", "--json", stdin=octets)
        found = json.loads(done.stdout)
        expected = {"pass": 0, "temperror": 3}.get(found["result"], 1)
        self.assertEqual(done.returncode, expected, done.stderr.decode())
        return found

    def peer_verify(self, octets):
        return json.loads(self.peer(octets, do="verify"))["cv"]

    def assert_both(self, octets, result, sets):
        found = self.verify(octets)
        self.assertEqual((found["result"], len(found["sets"])), (result, sets), found)
        self.assertEqual(self.peer_verify(octets), result)
        return found

    def test_no_chain(self):
        """a message without a chain is none to both"""
        self.assert_both(self.message, "none", 0)

    def test_vouch_seals(self):
        """a seal of vouch verifies with dkimpy; the results that were found are in it"""
        sealed = self.seal(self.message)
        found = self.assert_both(sealed, "pass", 1)
        self.assertEqual(found["sets"][0]["domain"], "vouch.example")
        self.assertEqual([(r["method"], r["result"]) for r in found["sets"][0]["results"]],
                         [("spf", "pass"), ("dmarc", "pass")])
        lines = sealed[:sealed.index(b"\r\nAuthentication-Results")].split(b"\r\n")
        self.assertLessEqual(max(len(line) for line in lines), 78)

    def test_peer_seals(self):
        """a seal of dkimpy verifies with vouch"""
        found = self.assert_both(self.peer_seal(self.message), "pass", 1)
        self.assertEqual(found["sets"][0]["domain"], "peer.example")
        self.assertEqual(found["sets"][0]["authserv_id"], "peer.example")

    def test_by_turns(self):
        """a chain of both by turns holds, and nothing was changed since the first set"""
        octets = self.message
        for turn in range(4):
            octets = self.seal(octets) if turn % 2 == 0 else \
                self.peer_seal(octets, name="mx%d.peer.example" % turn)
            found = self.assert_both(octets, "pass", turn + 1)
        self.assertEqual([s["cv"] for s in found["sets"]], ["none", "pass", "pass", "pass"])
        self.assertEqual(found["oldest_pass"], 0)
        self.assertEqual([s["message_signature"] for s in found["sets"]], ["pass"] * 4)

    def test_list_footer(self):
        """a list that adds a footer and seals: the chain holds, and vouch says who changed it"""
        octets = self.peer_seal(self.seal(self.message) + b"-- \r\nour list\r\n")
        # The sealer had found the chain broken: that is what it says (rfc8617:5.1.2).
        self.assert_both(octets, "fail", 2)
        # A list that verifies first and changes then says pass, and the message signature tells.
        honest = self.peer_seal(self.seal(self.message) + b"-- \r\nour list\r\n", "pass")
        found = self.assert_both(honest, "pass", 2)
        self.assertEqual(found["oldest_pass"], 2)
        text = self.vouch("verify", stdin=honest).stdout.decode()
        self.assertIn("changed before set 2", text)

    def test_mangled_body(self):
        """a changed body breaks the chain for both, whoever sealed"""
        for sealed in self.seal(self.message), self.peer_seal(self.message):
            self.assert_both(sealed.replace(b"list.\r\n", b"lists.\r\n"), "fail", 1)

    def test_mangled_results(self):
        """results that were changed after sealing break the seal"""
        for sealed in self.seal(self.message), self.peer_seal(self.message):
            head, separator, body = sealed.partition(b"ARC-Authentication-Results")
            changed = head + separator + body.replace(b"spf=pass", b"spf=fail", 1)
            self.assertNotEqual(changed, sealed)
            self.assert_both(changed, "fail", 1)

    def test_broken_chain_is_marked(self):
        """vouch marks a broken chain with cv=fail, and neither of them continues it"""
        broken = self.peer_seal(self.message).replace(b"list.\r\n", b"lists.\r\n")
        marked = self.seal(broken)
        found = self.verify(marked)
        self.assertEqual((found["result"], found["exhausted"]), ("fail", True))
        self.assertEqual(found["sets"][1]["cv"], "fail")
        self.assertEqual(self.peer_verify(marked), "fail")
        again = self.seal(marked, status=1)
        self.assertEqual(again.count(b"ARC-Seal:"), 2)
        self.assertTrue(again.endswith(marked))

    def test_results_given(self):
        """--results seals what is given, under the authserv-id that is given"""
        done = self.vouch("seal", "--domain", "vouch.example", "--selector", "s1", "--key",
                          self.keys["vouch.example"].file, "--authserv-id", "mx.vouch.example", "--results",
                          "spf=softfail smtp.mailfrom=a@b.example; dkim=none", stdin=self.message)
        self.assertEqual(done.returncode, 0, done.stderr.decode())
        found = self.assert_both(done.stdout, "pass", 1)["sets"][0]
        self.assertEqual(found["authserv_id"], "mx.vouch.example")
        self.assertEqual([r["result"] for r in found["results"]], ["softfail", "none"])

    def test_ed25519(self):
        """vouch seals with Ed25519 and verifies it"""
        self.assertEqual(self.verify(self.seal(self.message, "edwards.example"))["result"], "pass")

    def test_dns_fails(self):
        """a key that cannot be fetched is temperror, and nothing is sealed"""
        sealed = self.seal(self.message).replace(b"d=vouch.example", b"d=broken.example")
        self.assertEqual(self.verify(sealed)["result"], "temperror")
        self.assertEqual(self.seal(sealed, status=3), b"")


if __name__ == "__main__":
    world.main()
