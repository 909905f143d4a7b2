#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""usage: simulate_test.py PATH-TO-VOUCH [TEST ...]

`vouch spf simulate` and `vouch dmarc simulate` over the ledger of a gateway that had mail of all kinds: the
record that is live changes nothing, and another one changes exactly the mail that it must.
"""
import json
import re
import sys
import unittest

sys.dont_write_bytecode = True  # the source tree stays as it is

import world

world.require("nsd", "openssl")

KEY = {}
# What is published of records that are tried, by the name where they stand.
LIVE = {
    "org.example": "v=spf1 mx include:_spf.esp.example exists:%{i}._x.%{d} ip4:127.0.0.14 ?ip4:127.0.0.15 "
                   "exp=why.org.example -all",
    "_spf.esp.example": "v=spf1 ip4:127.0.0.12 ~all",
    "soft.example": "v=spf1 ip4:127.0.0.20 ~all",
    "redirected.example": "v=spf1 redirect=org.example",
    "ptr.example": "v=spf1 ptr -all",
    "broken.example": "v=spf1 ip4:127.0.0.300 -all",
    "loop.example": "v=spf1 include:loop.example -all",
    "mail.org.example": "v=spf1 a -all",
    "unsure.example": "v=spf1 a:www.deadzone.example -all",
}
POLICIES = {
    "none.example": "v=DMARC1; p=none",
    "quarantine.example": "v=DMARC1; p=quarantine; sp=none; np=reject",
    "reject.example": "v=DMARC1; p=reject; aspf=s",
    "org.example": "v=DMARC1; p=reject; adkim=s",
    "testing.example": "v=DMARC1; p=reject; t=y",
    "own.quarantine.example": "v=DMARC1; p=reject",
    "odd.example": "v=DMARC1; p=nonsense",
}
HALF = "v=DMARC1; p=reject; pct=50"


def records():
    KEY["reject"] = world.DkimKey("reject.example", "s1")
    KEY["news"] = world.DkimKey("news.org.example", "s1")
    lines = ['%s. TXT %s' % (name, world.zone_text(text)) for name, text in LIVE.items()]
    lines += ['_dmarc.%s. TXT %s' % (name, world.zone_text(text)) for name, text in POLICIES.items()]
    return lines + [key.record for key in KEY.values()] + [
        "_dmarc.half.example. TXT " + world.zone_text(HALF),
        "org.example. MX 10 mail.org.example.",
        'org.example. TXT "another-txt=of no concern"',
        "mail.org.example. A 127.0.0.11",
        "127.0.0.13._x.org.example. A 127.0.0.2",
        'why.org.example. TXT "%{i} is no server of %{d}"',
        "16.0.0.127.in-addr.arpa. PTR host.ptr.example.",
        "host.ptr.example. A 127.0.0.16",
        "sub.quarantine.example. A 127.0.0.1",
        "reject.example. A 127.0.0.1",
        'reject.example. TXT "v=spf1 ip4:127.0.0.30 -all"',
        'bounce.reject.example. TXT "v=spf1 ip4:127.0.0.30 -all"',
        'stranger.example. TXT "v=spf1 ip4:127.0.0.40 -all"',
    ]


# name: (client's last octet, HELO, MAIL FROM, From, key)
MAILS = {
    "mx": (11, "mail.org.example", "a@org.example", "a@org.example", None),
    "include": (12, "esp.example", "a@org.example", "a@org.example", None),
    "exists": (13, "pc.example", "a@org.example", "a@org.example", None),
    "ip4": (14, "pc.example", "a@org.example", "a@org.example", None),
    "neutral": (15, "pc.example", "a@org.example", "a@org.example", None),
    "fail": (66, "pc.example", "a@org.example", "a@org.example", None),
    "null": (11, "mail.org.example", "", "postmaster@org.example", None),
    "null-fail": (66, "mail.org.example", "", "a@stranger.example", None),
    "redirect": (12, "pc.example", "a@redirected.example", "a@stranger.example", None),
    "soft-pass": (20, "pc.example", "a@soft.example", "a@soft.example", None),
    "softfail": (66, "pc.example", "a@soft.example", "a@soft.example", None),
    "ptr": (16, "pc.example", "a@ptr.example", "a@ptr.example", None),
    "ptr-fail": (66, "pc.example", "a@ptr.example", "a@ptr.example", None),
    "broken": (66, "pc.example", "a@broken.example", "a@stranger.example", None),
    "loop": (66, "pc.example", "a@loop.example", "a@stranger.example", None),
    "unsure": (66, "pc.example", "a@unsure.example", "a@stranger.example", None),
    "dead": (66, "pc.example", "a@deadzone.example", "a@stranger.example", None),
    "norecord": (66, "pc.example", "a@norecord.example", "a@norecord.example", None),
    "signed": (66, "pc.example", "a@stranger.example", "a@reject.example", "reject"),
    "aligned": (30, "pc.example", "a@reject.example", "a@reject.example", None),
    "relaxed": (30, "pc.example", "a@bounce.reject.example", "a@reject.example", None),
    "forged": (66, "pc.example", "a@stranger.example", "a@reject.example", None),
    "none": (66, "pc.example", "a@stranger.example", "a@none.example", None),
    "quarantine": (66, "pc.example", "a@stranger.example", "a@quarantine.example", None),
    "sub": (66, "pc.example", "a@stranger.example", "a@sub.quarantine.example", None),
    "absent": (66, "pc.example", "a@stranger.example", "a@absent.quarantine.example", None),
    "own": (66, "pc.example", "a@stranger.example", "a@own.quarantine.example", None),
    "testing": (66, "pc.example", "a@stranger.example", "a@testing.example", None),
    "odd": (66, "pc.example", "a@stranger.example", "a@odd.example", None),
    "news": (66, "pc.example", "a@stranger.example", "a@org.example", "news"),
    "elsewhere": (40, "pc.example", "a@stranger.example", "a@stranger.example", None),
}


class Simulate(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.nsd = world.Nsd(records(), broken=["deadzone.example"])
        cls.gateway = world.Gateway(
            "gateway", "dns { servers = [127.0.0.1:%d] timeout = 300ms attempts = 2 }" % cls.nsd.port,
            sections="policy default { spf-fail = reject temporary-attempts = 1 }")
        cls.ids = {}
        for name, (client, helo, sender, author, key) in MAILS.items():
            octets = world.message(author, "alice@here.example", "mail " + name)
            if key:
                octets = KEY[key].sign(octets)
            reply = cls.gateway.send(sender, "alice@here.example", octets,
                                     source="127.0.0.%d" % client, helo=helo)
            if not reply.id:
                raise AssertionError("%s: %s" % (name, reply))
            cls.ids[reply.id] = name
        for id in cls.ids:
            cls.gateway.explain(id)

    @classmethod
    def tearDownClass(cls):
        cls.gateway.stop()
        cls.nsd.stop()

    def simulate(self, kind, domain, record, *more, status=None):
        done = self.gateway.run(kind, "simulate", "--config", self.gateway.config, "--json",
                                "--record", record, domain, *more)
        self.assertIn(done.returncode, (0, 1, 3), done.stderr.decode())
        found = json.loads(done.stdout)
        if status is not None:
            self.assertEqual(done.returncode, status, found)
        return found

    def changes(self, kind, domain, record, *more):
        """{name of the mail: {what: (before, after)}}, of all that change."""
        found = self.simulate(kind, domain, record, *more)
        changed = {self.ids[m["id"]]: {c["what"]: (c["before"], c["after"]) for c in m["changes"]}
                   for m in found["messages"] if m["changes"]}
        self.assertEqual(len(changed), found["changed"])
        self.assertEqual(sum(n["changed"] for n in found["networks"]), found["changed"])
        return changed

    def concerned(self, kind, domain, record):
        return self.simulate(kind, domain, record)["concerned"]

    # ---- the live record ----

    def test_live_spf(self):
        """an SPF record that is live changes nothing, whatever the mail; no question is left open"""
        for name, record in LIVE.items():
            with self.subTest(name):
                found = self.simulate("spf", name, record, "--offline", status=0)
                self.assertEqual((found["changed"], found["unknown"], found["differing"]), (0, 0, 0), found)
                self.assertGreater(found["concerned"], 0)

    def test_live_dmarc(self):
        """a DMARC record that is live changes nothing, whatever the mail; no question is left open"""
        for name, record in POLICIES.items():
            with self.subTest(name):
                found = self.simulate("dmarc", name, record, "--offline", status=0)
                self.assertEqual((found["changed"], found["unknown"], found["differing"]), (0, 0, 0), found)
                self.assertGreater(found["concerned"], 0)

    def test_live_none(self):
        """no record where there is none changes nothing"""
        for kind, name in ("spf", "norecord.example"), ("dmarc", "norecord.example"):
            found = self.simulate(kind, name, "", "--offline", status=0)
            self.assertEqual(found["concerned"], 1)
            self.assertIsNone(found["record"])

    def test_dns_failed(self):
        """where DNS failed at the domain itself, no record would have come through"""
        found = self.simulate("spf", "deadzone.example", "v=spf1 -all", "--offline", status=0)
        self.assertEqual((found["concerned"], found["changed"]), (1, 0))

    # ---- other records ----

    def test_spf_without_include(self):
        """without the include the mail of that provider fails, also by way of a redirect; DMARC follows"""
        record = LIVE["org.example"].replace("include:_spf.esp.example ", "")
        # Nobody went on to exists: for these before.
        found = self.simulate("spf", "org.example", record, "--offline", status=3)
        self.assertEqual({self.ids[m["id"]]: m["unknown"] for m in found["messages"]},
                         dict.fromkeys(("include", "redirect"), "127.0.0.12._x.org.example A"))
        self.assertEqual(self.changes("spf", "org.example", record), {
            "include": {"MAIL FROM": ("pass", "fail"), "DMARC": ("pass", "fail, p=reject"),
                        "verdict": ("accept", "reject")},
            "redirect": {"MAIL FROM": ("pass", "fail"), "verdict": ("accept", "reject")}})

    def test_spf_of_provider(self):
        """a record that others include changes their mail"""
        self.assertEqual(self.changes("spf", "_spf.esp.example", "v=spf1 -all"), {
            "include": {"MAIL FROM": ("pass", "fail"), "DMARC": ("pass", "fail, p=reject"),
                        "verdict": ("accept", "reject")},
            "redirect": {"MAIL FROM": ("pass", "fail"), "verdict": ("accept", "reject")}})

    def test_spf_softer(self):
        """~all for -all: what failed softfails"""
        record = LIVE["org.example"].replace("-all", "~all")
        self.assertEqual(self.changes("spf", "org.example", record, "--offline"), {
            "fail": {"MAIL FROM": ("fail", "softfail")}})

    def test_spf_harder(self):
        """-all for ~all: what softfailed fails, and is refused where DMARC says nothing"""
        record = LIVE["soft.example"].replace("~all", "-all")
        self.assertEqual(self.changes("spf", "soft.example", record, "--offline"), {
            "softfail": {"MAIL FROM": ("softfail", "fail"), "verdict": ("accept", "reject")}})

    def test_spf_broken(self):
        """a broken record is said to be broken, and tried all the same"""
        record = "v=spf1 ip4:300.0.0.1 -all"
        found = self.changes("spf", "soft.example", record, "--offline")
        self.assertEqual({name: change["MAIL FROM"][1] for name, change in found.items()},
                         {"soft-pass": "permerror", "softfail": "permerror"})
        done = self.gateway.run("spf", "simulate", "--config", self.gateway.config, "--record", record,
                                "soft.example")
        self.assertIn(b"this record is broken", done.stderr)

    def test_spf_helo(self):
        """a record for a HELO name: HELO, and the null sender, change; the mail of its domain does not"""
        found = self.changes("spf", "mail.org.example", "v=spf1 -all", "--offline")
        self.assertEqual({name: sorted(change) for name, change in found.items()},
                         {"mx": ["HELO"], "null": ["DMARC", "HELO", "MAIL FROM", "verdict"]})
        found = self.changes("spf", "mail.org.example", "v=spf1 +all", "--offline")
        self.assertEqual({name: sorted(change) for name, change in found.items()},
                         {"null-fail": ["HELO", "MAIL FROM", "verdict"]})

    def test_spf_none(self):
        """without a record"""
        found = self.changes("spf", "soft.example", "", "--offline")
        self.assertEqual({name: change["MAIL FROM"] for name, change in found.items()},
                         {"soft-pass": ("pass", "none"), "softfail": ("softfail", "none")})

    def test_spf_new(self):
        """a record where there was none"""
        found = self.changes("spf", "norecord.example", "v=spf1 -all", "--offline")
        self.assertEqual(found["norecord"]["MAIL FROM"], ("none", "fail"))
        self.assertEqual(list(found), ["norecord"])

    def test_spf_questions(self):
        """what was not asked then is asked of today's DNS; offline it cannot be told"""
        record = "v=spf1 a:sub.quarantine.example ~all"
        offline = self.simulate("spf", "soft.example", record, "--offline", status=3)
        self.assertEqual((offline["changed"], offline["unknown"]), (0, 2))
        self.assertEqual({m["unknown"] for m in offline["messages"]}, {"sub.quarantine.example A"})
        self.assertEqual(self.changes("spf", "soft.example", record),
                         {"soft-pass": {"MAIL FROM": ("pass", "softfail")}})
        online = self.simulate("spf", "soft.example", record)
        self.assertEqual((online["unknown"], online["asked_today"]), (0, 1))
        # A name that DNS cannot tell of today leaves it open, too.
        dead = self.simulate("spf", "soft.example", "v=spf1 a:www.deadzone.example ~all", status=3)
        self.assertEqual(dead["unknown"], 2)

    def test_dmarc_policy(self):
        """another policy changes what happens to what fails, and nothing else"""
        self.assertEqual(self.changes("dmarc", "none.example", "v=DMARC1; p=reject", "--offline"), {
            "none": {"DMARC": ("fail, p=none", "fail, p=reject"), "verdict": ("accept", "reject")}})
        found = self.changes("dmarc", "reject.example", "v=DMARC1; p=none; aspf=s", "--offline")
        self.assertEqual(found, {
            name: {"DMARC": ("fail, p=reject", "fail, p=none"), "verdict": ("reject", "accept")}
            for name in ("forged", "relaxed")})

    def test_dmarc_alignment(self):
        """relaxed for strict alignment: the mail of a subdomain's envelope, or signature, passes"""
        self.assertEqual(self.changes("dmarc", "reject.example", "v=DMARC1; p=reject"), {
            "relaxed": {"DMARC": ("fail, p=reject", "pass"), "verdict": ("reject", "accept")}})
        found = self.changes("dmarc", "org.example", "v=DMARC1; p=reject")
        self.assertEqual(found, {
            "news": {"DMARC": ("fail, p=reject", "pass"), "verdict": ("reject", "accept")}})

    def test_dmarc_subdomains(self):
        """sp= and np= are for domains below without a record of their own"""
        domain = "quarantine.example"
        self.assertEqual(
            self.changes("dmarc", domain, "v=DMARC1; p=quarantine; sp=reject; np=reject", "--offline"),
            {"sub": {"DMARC": ("fail, p=none", "fail, p=reject"), "verdict": ("accept", "reject")}})
        self.assertEqual(
            self.changes("dmarc", domain, "v=DMARC1; p=quarantine; sp=none; np=none", "--offline"),
            {"absent": {"DMARC": ("fail, p=reject", "fail, p=none"), "verdict": ("reject", "accept")}})
        self.assertEqual(
            self.changes("dmarc", domain, "v=DMARC1; p=none; sp=none; np=reject", "--offline"),
            {"quarantine": {"DMARC": ("fail, p=quarantine", "fail, p=none"), "verdict": ("junk", "accept")}})

    def test_dmarc_own_record(self):
        """a first record of a subdomain, and none any more"""
        found = self.changes("dmarc", "sub.quarantine.example", "v=DMARC1; p=reject", "--offline")
        self.assertEqual(found, {
            "sub": {"DMARC": ("fail, p=none", "fail, p=reject"), "verdict": ("accept", "reject")}})
        found = self.changes("dmarc", "own.quarantine.example", "")
        self.assertEqual(list(found), ["own"])

    def test_dmarc_none(self):
        """without a record there is no result"""
        found = self.changes("dmarc", "testing.example", "", "--offline")
        self.assertEqual(found["testing"]["DMARC"], ("fail, p=quarantine", "none"))

    def test_dmarc_suffix_list(self):
        """--discovery suffix-list: t= and np= are unknown to RFC 7489"""
        found = self.changes("dmarc", "testing.example", "v=DMARC1; p=reject; t=y", "--discovery",
                             "suffix-list")
        self.assertEqual(found, {})
        found = self.changes("dmarc", "testing.example", "v=DMARC1; p=quarantine; t=y", "--discovery",
                             "suffix-list")
        self.assertEqual(found["testing"]["DMARC"], ("fail, p=reject", "fail, p=quarantine"))

    def test_percentage(self):
        """pct= takes those messages that the gateway took"""
        other = world.Gateway("sampling", self.nsd.port,
                              sections="authentication { dmarc-discovery = suffix-list }")
        ids = [other.send("a@stranger.example", "alice@here.example",
                          world.message("a@half.example", "alice@here.example"),
                          source="127.0.0.66", helo="pc.example").id for _ in range(24)]
        actions = {id: other.explain(id)["action"] for id in ids}
        self.assertEqual(set(actions.values()), {"junk", "reject"})

        def simulate(record):
            done = other.run("dmarc", "simulate", "--config", other.config, "--json", "--offline",
                             "--record", record, "half.example")
            return json.loads(done.stdout)
        found = simulate(HALF)
        self.assertEqual((found["concerned"], found["changed"], found["differing"]), (24, 0, 0), found)
        found = simulate(HALF.replace("50", "100"))
        self.assertEqual({m["id"] for m in found["messages"]},
                         {id for id in ids if actions[id] == "junk"})
        other.stop()

    # ---- the command ----

    def test_text(self):
        """the summary comes first, then the networks, then the list, which --limit cuts"""
        arguments = ["spf", "simulate", "--config", self.gateway.config, "--offline", "--record",
                     "v=spf1 -all"]
        done = self.gateway.run(*arguments, "org.example")
        text = done.stdout.decode()
        self.assertEqual(done.returncode, 1, text)
        self.assertRegex(text, r"MAIL FROM pass -> fail")
        self.assertIn("127.0.0.0/24", text)
        places = [text.index(part) for part in ("would change", "By network", "newest first")]
        self.assertEqual(places, sorted(places))
        self.assertTrue(all(line.isprintable() for line in text.splitlines()))
        full = len(re.findall(r"(?m)^  \d{4}-", text))
        cut = self.gateway.run(*arguments, "--limit", "2", "org.example").stdout.decode()
        self.assertEqual(len(re.findall(r"(?m)^  \d{4}-", cut)), 2)
        self.assertGreater(full, 2)

    def test_time(self):
        """--since and --until cut the ledger"""
        found = self.simulate("spf", "org.example", "v=spf1 -all", "--until", "2001-01-01", status=0)
        self.assertEqual((found["remembered"], found["concerned"]), (0, 0))
        found = self.simulate("spf", "org.example", "v=spf1 -all", "--since", "1h", "--offline")
        self.assertEqual(found["remembered"], len(MAILS))

    def test_usage(self):
        """what is wrong with the arguments is said, with status 2"""
        for arguments in (["spf", "simulate", "example.org"], ["spf", "simulate", "--record", "v=spf1"],
                          ["spf", "simulate", "--record", "v=DMARC1; p=none", "example.org"],
                          ["spf", "simulate", "--record", "v=spf1", "no domain"],
                          ["dmarc", "simulate", "--record", "v=spf1 -all", "example.org"],
                          ["dmarc", "simulate", "--record", "", "--limit", "x", "example.org"],
                          ["dmarc", "simulate", "--record", "", "--since", "x", "example.org"]):
            done = self.gateway.run(*arguments, "--config", self.gateway.config)
            self.assertEqual((done.returncode, done.stdout), (2, b""), arguments)
            self.assertTrue(done.stderr)
        done = self.gateway.run("spf", "simulate", "--ledger", "/nonexistent", "--record", "v=spf1", "a.example")
        self.assertEqual(done.returncode, 3)


if __name__ == "__main__":
    world.main()
