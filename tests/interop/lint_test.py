#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""`vouch lint` and `vouch spf wizard` against a real name server (nsd) and a real HTTPS server:

a domain with many faults, each of which is found; a clean one of which nothing is said but "nothing
wrong"; and records that the wizard makes, tries before they are published and verifies afterwards.
"""
import http.server
import json
import re
import ssl
import subprocess
import sys
import threading
import unittest

import world

world.require("nsd", "openssl")

# Nothing is ever sent to these addresses; they only have to look like public ones.
MX1, MX1_V6, MX2, WEB = "9.9.20.1", "2620:fe::201", "9.9.20.2", "9.9.20.80"


def reverse(address):
    return ".".join(reversed(address.split("."))) + ".in-addr.arpa."


def weak_key_record(name):
    key = world.openssl("genrsa", "1024")
    path = world.write_file(world.folder() + "/weak.key", key)
    public = world.openssl("rsa", "-in", path, "-pubout", "-outform", "DER")
    import base64
    return "%s TXT %s" % (name, world.zone_text("v=DKIM1; t=y; p=" + base64.b64encode(public).decode()))


def clean_records():
    key = world.DkimKey("clean.example", "s2026")
    ptr6 = "1.0.2.0." + "0." * 20 + "e.f.0.0.0.2.6.2.ip6.arpa."
    return [
        "clean.example. MX 10 mx1.clean.example.", "clean.example. MX 20 mx2.clean.example.",
        "clean.example. A " + WEB, "mx1.clean.example. A " + MX1, "mx1.clean.example. AAAA " + MX1_V6,
        "mx2.clean.example. A " + MX2, reverse(MX1) + " PTR mx1.clean.example.",
        reverse(MX2) + " PTR mx2.clean.example.", ptr6 + " PTR mx1.clean.example.",
        'clean.example. TXT "v=spf1 mx -all"', 'clean.example. TXT "spf2.0/pra ?all"',
        'mx1.clean.example. TXT "v=spf1 a -all"', 'mx2.clean.example. TXT "v=spf1 a -all"',
        key.record, '_dmarc.clean.example. TXT "v=DMARC1; p=reject; rua=mailto:dmarc@clean.example"',
        '_mta-sts.clean.example. TXT "v=STSv1; id=20260101;"', "mta-sts.clean.example. A 127.0.0.1",
        '_smtp._tls.clean.example. TXT "v=TLSRPTv1; rua=mailto:tls@clean.example"',
        "2.0.0.127.bl.example. A 127.0.0.2",
    ]


def bad_records():
    includes = " ".join("include:i%d.bad.example" % i for i in range(9))
    lines = [
        "bad.example. MX 10 alias.bad.example.", "bad.example. MX 20 private.bad.example.",
        "bad.example. MX 30 nowhere.bad.example.", "bad.example. MX 40 mx.bad.example.",
        "alias.bad.example. CNAME mx.bad.example.", "private.bad.example. A 10.1.2.3",
        "mx.bad.example. A 9.9.30.1", reverse("9.9.30.1") + " PTR dyn-9-9-30-1.pool.isp.example.",
        "dyn-9-9-30-1.pool.isp.example. A 9.9.30.1",
        "bad.example. TXT " + world.zone_text(
            "v=spf1 ptr ip4:8.0.0.0/8 include:none.bad.example a:void.bad.example %s +all ip4:9.9.30.7" %
            includes),
        'bad.example. SPF "v=spf1 -all"',
        'bad.example. TXT "spf2.0/pra ip:1"',
        weak_key_record("default._domainkey.bad.example."),
        's1._domainkey.bad.example. TXT "v=DKIM1; p="', 's2._domainkey.bad.example. TXT "v=DKIM1; p=%%%"',
        'mail._domainkey.bad.example. TXT "v=DKIM1; h=sha1; p=AAAA"',
        '_domainkey.bad.example. TXT "o=-; t=y"', '_adsp._domainkey.bad.example. TXT "dkim=discardable"',
        '_dmarc.bad.example. TXT "v=DMARC1; p=none; pct=50; rua=mailto:x@reports.elsewhere.example; '
        'bogus=1"',
        '_mta-sts.bad.example. TXT "v=STSv1; id=2026-01-01"',
        '_smtp._tls.bad.example. TXT "v=TLSRPTv1; rua=tls@bad.example"',
        "_25._tcp.mx.bad.example. TLSA 3 1 1 0102030405",
        'default._bimi.bad.example. TXT "v=BIMI1; l=http://bad.example/logo.svg"',
        "1.30.9.9.bl.example. A 127.0.0.4",
        '1.30.9.9.bl.example. TXT "spam seen"', "2.0.0.127.closed.example. A 127.255.255.254",
        "2.0.0.127.world.example. A 127.0.0.2", "1.0.0.127.world.example. A 127.0.0.2",
    ]
    lines += ['i%d.bad.example. TXT "v=spf1 ip4:9.9.31.%d -all"' % (i, i) for i in range(9)]
    return lines


def other_records():
    return [
        'twice.example. TXT "v=spf1 a -all"', 'twice.example. TXT "v=spf1 mx -all"', "twice.example. A 9.9.40.1",
        "null.example. MX 0 .", 'null.example. TXT "v=spf1 -all"',
        '_dmarc.null.example. TXT "v=DMARC1; p=reject; rua=mailto:d@null.example"',
        "my.example. A 9.9.42.1", '_dmarc.my.example. TXT "v=DMARC1; p=rejct; rua=dmarc@my.example; pct=50"',
        'typo.example. TXT "v=spf1 ip:9.9.41.1 mx ~all"', "typo.example. MX 10 mx1.clean.example.",
        'flat.example. TXT "v=spf1 include:_spf.big.example ~all"',
        '_spf.big.example. TXT "v=spf1 ip4:9.9.50.0/24 include:_a.big.example ~all"',
        '_a.big.example. TXT "v=spf1 ip4:9.9.51.0/24 ~all"',
        '_spf.esp.example. TXT "v=spf1 ip4:9.9.52.0/24 -all"',
        "out.shop.example. A 9.9.60.1", "shop.example. MX 10 mx.shop.example.", "mx.shop.example. A 9.9.60.2",
        "many.example. A 9.9.70.1",
    ] + ['_spf.p%d.example. TXT "v=spf1 a:many.example a:many.example ip4:9.9.71.%d -all"' % (i, i)
         for i in range(5)]


class PolicyServer:
    """Gives out an MTA-STS policy over TLS."""

    def __init__(self, name, policy, status=200):
        self.certificate, key = world.certificate("mta-sts", name)

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                found = self.path == "/.well-known/mta-sts.txt" and self.headers["Host"] == name
                self.send_response(status if found else 404)
                self.send_header("Content-Type", "text/plain; charset=utf-8")
                self.end_headers()
                self.wfile.write(policy.encode())

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate, key)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.place = "127.0.0.1:%d" % self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        world.close_later(self)

    def close(self):
        self.server.shutdown()
        self.server.server_close()


POLICY = "version: STSv1\r\nmode: enforce\r\nmx: *.clean.example\r\nmax_age: 1209600\r\n"


class Base(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.nsd = world.Nsd(clean_records() + bad_records() + other_records(),
                            name="nsd-" + cls.__name__, broken=["broken.example"])

    @classmethod
    def tearDownClass(cls):
        cls.nsd.stop()

    def vouch(self, *arguments, stdin=b"", nsd=None):
        return subprocess.run([world.VOUCH, *arguments, "--resolver",
                               "127.0.0.1:%d" % (nsd or self.nsd).port],
                              input=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              timeout=world.PATIENCE)

    def json(self, *arguments, status=None, **options):
        done = self.vouch(*arguments, "--json", **options)
        if status is not None:
            self.assertEqual(done.returncode, status, done.stdout.decode() + done.stderr.decode())
        return json.loads(done.stdout)


class Lint(Base):
    def findings(self, found, topic):
        return [f for f in found["findings"] if f["topic"] == topic and f["severity"] != "fine"]

    def assert_found(self, found, topic, words, severity):
        for finding in self.findings(found, topic):
            if words in finding["text"]:
                self.assertEqual(finding["severity"], severity, finding)
                return finding
        self.fail("no finding of %s with \"%s\" in %s" % (
            topic, words, json.dumps(self.findings(found, topic), indent=1)))

    def test_clean(self):
        """of a domain where all is right it says that nothing is wrong"""
        server = PolicyServer("mta-sts.clean.example", POLICY)
        done = self.vouch("lint", "Clean.Example.", "--selector", "s2026", "--helo", "mx1.clean.example",
                          "--address", MX1, "--dnsbl", "bl.example", "--https-at", server.place,
                          "--ca-file", server.certificate)
        text = done.stdout.decode()
        self.assertEqual(done.returncode, 0, text)
        self.assertIn("nothing wrong", text)
        self.assertNotIn("What is wrong", text)
        self.assertIn("The policy is enforced and names every MX host", text)
        self.assertIn("uses 1 of 10 terms", text)

    def test_bad(self):
        """each of many faults is found, and the worst stand first"""
        found = self.json("lint", "bad.example", "--dnsbl", "bl.example,closed.example",
                          "--dnsbl=world.example", "--helo", "nohost.bad.example", status=1)
        for topic, words, severity in (
                ("mx", "points to an alias", "warning"), ("mx", "a private address", "warning"),
                ("mx", "has no address", "warning"), ("reverse", "like a customer's line", "warning"),
                ("reverse", "The HELO name has no address", "error"),
                ("spf", '"+all" allows every host', "error"), ("spf", '"ptr" must not be used', "warning"),
                ("spf", "The network is huge", "error"), ("spf", "cannot be used (the name does not exist)", "error"),
                ("spf", 'behind "all"', "warning"), ("spf", "over 10 the check", "error"),
                ("spf", "names what has no address", "warning"), ("spf", "type SPF (99)", "advice"),
                ("spf", "no SPF record of its own", "advice"), ("sender-id", "cannot be read", "warning"),
                ("dkim", "has 1024 bits", "warning"), ("dkim", "being tested", "warning"),
                ("dkim", "revoked", "advice"), ("dkim", "not base64", "error"),
                ("dkim", "only SHA-1", "error"), ("adsp", "policy of DomainKeys", "advice"),
                ("adsp", "discardable", "warning"), ("dmarc", "policy is none", "warning"),
                ("dmarc", "pct= exists no more", "advice"), ("dmarc", "has not agreed", "warning"),
                ("dmarc", "no tag of DMARC", "warning"), ("mta-sts", "cannot be used", "error"),
                ("tlsrpt", "cannot be used", "error"), ("tlsa", "digest has 5 octets", "error"),
                ("tlsa", "does not say that the record is signed", "warning"),
                ("tlsa", "Only 1 of 4", "warning"), ("bimi", "no https address", "warning"),
                ("dnsbl", "spam seen", "error"), ("dnsbl", "does not answer this resolver", "advice"),
                ("dnsbl", "lists 127.0.0.1", "advice")):
            with self.subTest(topic + ": " + words):
                self.assert_found(found, topic, words, severity)
        order = [f["severity"] for f in found["findings"]]
        self.assertEqual(order, sorted(order, key=["error", "warning", "advice", "fine"].index))
        self.assertGreaterEqual(found["errors"] + found["warnings"], 15)
        fix = self.assert_found(found, "spf", '"+all" allows', "error")["fix"]
        self.assertTrue(fix.startswith('bad.example. IN TXT "v=spf1 ip4:8.0.0.0/8 a:void.bad.example '), fix)
        self.assertTrue(fix.endswith(' ~all"'), fix)
        for word in "ptr", "none.bad", "+all", "9.9.30.7":
            self.assertNotIn(word, fix)
        tree = [line["text"] for s in found["published"] if s["topic"] == "spf" for line in s["lines"]]
        self.assertIn("i0.bad.example: v=spf1 ip4:9.9.31.0 -all", tree)
        self.assertIn("uses 12 of 10 terms that ask the DNS, 2 of 2 look-ups without an answer", tree)

    def test_text(self):
        """for people it says everything in plain sentences, without colour in a file"""
        text = self.vouch("lint", "bad.example").stdout.decode()
        self.assertNotIn("\033", text)
        self.assertRegex(text, r"\d+ errors, \d+ warnings, \d+ pieces of advice")
        self.assertIn("publish: bad.example. IN TXT", text)
        self.assertIn("publish: the record of number", text)

    def test_several(self):
        """two SPF records are an error, and one record out of both is proposed"""
        found = self.json("lint", "twice.example", "--no-fetch", status=1)
        fix = self.assert_found(found, "spf", "There are 2 SPF records", "error")["fix"]
        self.assertIn(fix, ('twice.example. IN TXT "v=spf1 a mx -all"', 'twice.example. IN TXT "v=spf1 mx a -all"'))
        self.assert_found(found, "dmarc", "There is no DMARC record", "error")

    def test_typo(self):
        """a mistyped mechanism is found and mended"""
        found = self.json("lint", "typo.example", status=1)
        fix = self.assert_found(found, "spf", 'cannot be read at "ip:9.9.41.1"', "error")["fix"]
        self.assertEqual(fix, 'typo.example. IN TXT "v=spf1 ip4:9.9.41.1 mx ~all"')

    def test_null_mx(self):
        """a domain that takes and sends no mail and says so has no errors"""
        found = self.json("lint", "null.example", status=0)
        self.assertEqual(found["errors"] + found["warnings"], 0, found["findings"])

    def test_no_domain(self):
        """a domain that does not exist is an error"""
        found = self.json("lint", "nothing.example", status=1)
        self.assert_found(found, "mx", "does not exist", "error")
        self.assertEqual(len(found["findings"]), 1, found["findings"])

    def test_policy_faults(self):
        """an MTA-STS policy that does not name an MX host, or that is not trusted, is an error"""
        server = PolicyServer("mta-sts.clean.example", POLICY.replace("*.clean", "mx1.clean"))
        at = ("lint", "clean.example", "--selector", "s2026", "--https-at", server.place)
        found = self.json(*at, "--ca-file", server.certificate, status=1)
        finding = self.assert_found(found, "mta-sts", "does not name the MX host", "error")
        self.assertEqual(finding["subject"], "mx2.clean.example")
        found = self.json(*at, status=1)
        self.assert_found(found, "mta-sts", "cannot be fetched", "error")

    def test_dns_failure(self):
        """where the DNS fails nothing is claimed, and the exit status says so"""
        found = self.json("lint", "broken.example", "--no-fetch", status=3)
        self.assertEqual(found["errors"], 0, found["findings"])
        self.assertGreater(found["dns_failures"], 5)
        self.assertEqual([f["severity"] for f in found["findings"]], ["warning"], found["findings"])
        self.assertIn("any question about the domain", found["findings"][0]["text"])

    def test_no_resolver(self):
        """a resolver that does not answer is told once, and nothing is claimed"""
        done = subprocess.run([world.VOUCH, "lint", "clean.example", "--resolver",
                               "127.0.0.1:%d" % world.free_port()], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, timeout=world.PATIENCE)
        text = done.stdout.decode()
        self.assertEqual(done.returncode, 3, text)
        self.assertEqual(" ".join(text.split()).count("Our resolver answered none"), 1, text)
        self.assertIn("0 errors, 1 warning (", text)
        for claim in "no TLSA", "DANE is not", "no record", "There is no", "publish:":
            self.assertNotIn(claim, text)

    def test_key_directory(self):
        """the selectors of this machine's keys are tried, too"""
        folder = world.folder() + "/lint-keys"
        made = world.vouch("dkim", "keygen", "--active", "--key-directory", folder, "clean.example")
        self.assertEqual(made[0], 0, made)
        found = self.json("lint", "clean.example", "--no-fetch", "--key-directory", folder, status=1)
        self.assert_found(found, "dkim", "this host signs with it", "error")
        found = self.json("lint", "clean.example", "--no-fetch", "--key-directory", "/nonexistent", status=0)
        self.assertNotIn("signs with", json.dumps(found))

    def test_one_correction(self):
        """all findings about a DMARC record propose the same one"""
        found = self.json("lint", "my.example", status=1)
        fixes = {f["fix"] for f in self.findings(found, "dmarc")}
        self.assertEqual(fixes, {'_dmarc.my.example. IN TXT "v=DMARC1; p=reject; '
                                 'rua=mailto:dmarc@my.example"'})
        self.assert_found(found, "dmarc", "p=rejct is no policy", "error")
        self.assert_found(found, "dmarc", "no address to send", "warning")

    def test_usage(self):
        """wrong arguments are refused"""
        for arguments in (["lint"], ["lint", "a..b"], ["lint", "clean.example", "--address", "here"],
                          ["lint", "clean.example", "--selector"]):
            done = subprocess.run([world.VOUCH] + arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            self.assertEqual(done.returncode, 2, arguments)
            self.assertTrue(done.stderr)


class Wizard(Base):
    def wizard(self, *arguments, status=0, **options):
        return self.json("spf", "wizard", *arguments, status=status, **options)

    def texts(self, found):
        return {(r["name"], r["version"]): r["text"] for r in found["records"]}

    def test_streams(self):
        """own MX, hosts, a provider and a relay make one record that lets them in and nobody else"""
        found = self.wizard("shop.example", "--own-mx", "--host", "out.shop.example", "--host=9.9.61.0/28",
                            "--provider", "_spf.big.example", "--relay", "2620:fe::77",
                            "--forwarded-users", "no")
        texts = self.texts(found)
        self.assertEqual(texts["shop.example", "v=spf1"],
                         "v=spf1 ip4:9.9.61.0/28 ip6:2620:fe::77 mx a:out.shop.example "
                         "include:_spf.big.example -all")
        self.assertEqual(texts["shop.example", "spf2.0"],
                         "spf2.0/pra ip4:9.9.61.0/28 ip6:2620:fe::77 mx a:out.shop.example "
                         "include:_spf.big.example ?all")
        for host in "mx", "out":
            self.assertEqual(texts[host + ".shop.example", "v=spf1"], "v=spf1 a -all")
        self.assertEqual((found["default"], found["dns_terms"]), ("-all", 4))
        tried = {(t["domain"], t["ip"], t["identity"]): t["found"] for t in found["trials"]}
        for address in "9.9.61.0", "2620:fe::77", "9.9.60.1", "9.9.60.2", "9.9.50.0":
            self.assertEqual(tried["shop.example", address, "mailfrom"], "pass", tried)
        self.assertEqual(tried["shop.example", "203.0.113.250", "mailfrom"], "fail")
        self.assertEqual(tried["out.shop.example", "9.9.60.1", "helo"], "pass")
        self.assertEqual(tried["out.shop.example", "203.0.113.250", "helo"], "fail")

    def test_defaults(self):
        """what the record ends in depends on what is known"""
        for extra, end, result in ((["--forwarded-users=yes"], "~all", "softfail"), ([], "~all", "softfail"),
                                   (["--incomplete"], "?all", "neutral"),
                                   (["--forwarded-users=no"], "-all", "fail")):
            found = self.wizard("shop.example", "--own-mx", *extra)
            self.assertEqual(found["default"], end)
            self.assertTrue(found["default_why"])
            self.assertIn(result, [t["found"] for t in found["trials"] if t["stranger"]])
        found = self.wizard("shop.example", "--never-sends")
        self.assertEqual(self.texts(found)["shop.example", "v=spf1"], "v=spf1 -all")

    def test_esp(self):
        """a service for mailings gets a name for its bounces, and no place in the main record"""
        found = self.wizard("shop.example", "--own-mx", "--esp",
                            "News=_spf.esp.example,bounce=b.shop.example,client=news.shop.example,"
                            "delegated=e.shop.example")
        texts = self.texts(found)
        self.assertEqual(texts["shop.example", "v=spf1"], "v=spf1 mx ~all")
        self.assertEqual(texts["b.shop.example", "v=spf1"], "v=spf1 include:_spf.esp.example -all")
        self.assertEqual(texts["e.shop.example", "v=spf1"], "v=spf1 include:_spf.esp.example -all")
        self.assertEqual(texts["news.shop.example", "spf2.0"], "spf2.0/pra include:_spf.esp.example ?all")
        self.assertTrue(any("DKIM" in note for note in found["notes"]), found["notes"])
        self.assertIn(("b.shop.example", "9.9.52.0", "pass"),
                      [(t["domain"], t["ip"], t["found"]) for t in found["trials"]])
        found = self.wizard("shop.example", "--own-mx", "--esp", "News=_spf.esp.example")
        self.assertEqual(self.texts(found)["shop.example", "v=spf1"],
                         "v=spf1 mx include:_spf.esp.example ~all")

    def test_never_over_ten(self):
        """what would need more than ten look-ups is written as addresses, or refused"""
        arguments = ["shop.example", "--own-mx", "--host", "out.shop.example"]
        for i in range(3):
            arguments += ["--provider", "_spf.p%d.example" % i]
        found = self.wizard(*arguments)
        self.assertEqual(found["dns_terms"], 10)
        self.assertEqual(self.texts(found)["shop.example", "v=spf1"],
                         "v=spf1 ip4:9.9.60.2 a:out.shop.example " +
                         " ".join("include:_spf.p%d.example" % i for i in range(3)) + " ~all")
        self.assertTrue(any("addresses" in note for note in found["notes"]))
        done = self.vouch("spf", "wizard", *arguments, "--provider=_spf.p3.example")
        self.assertEqual(done.returncode, 1)
        self.assertIn(b"look-ups", done.stderr)
        found = self.wizard("shop.example", "--own-mx", "--provider=_spf.big.example", *arguments[4:])
        self.assertLessEqual(found["dns_terms"], 10)

    def test_forms(self):
        """the record is shown as zone lines, split at 255 octets, and for tinydns"""
        networks = ["--host=9.8.%d.0/24" % i for i in range(30)]
        found = self.wizard("shop.example", "--own-mx", *networks)
        main = [r for r in found["records"] if r["version"] == "v=spf1" and r["name"] == "shop.example"][0]
        strings = re.findall(r'"([^"]*)"', main["bind"])
        self.assertEqual("".join(strings), main["text"])
        self.assertGreater(len(strings), 1)
        self.assertLessEqual(max(map(len, strings)), 255)
        self.assertTrue(main["bind"].startswith("shop.example. IN TXT "))
        self.assertEqual(main["tinydns"], "'shop.example:" + main["text"].replace(":", "\\072") + ":3600")

    def test_verify(self):
        """what it proposes, published in a real name server, verifies; before that it does not"""
        arguments = ["shop.example", "--own-mx", "--host", "out.shop.example", "--esp",
                     "News=_spf.esp.example,bounce=b.shop.example", "--verify"]
        found = self.wizard(*arguments, status=1)
        self.assertEqual({r["published"] for r in found["records"]}, {"missing"})
        lines = [r["bind"] for r in found["records"]]
        published = world.Nsd(other_records() + lines, name="published")
        found = self.wizard(*arguments, nsd=published)
        self.assertEqual({r["published"] for r in found["records"]}, {"published"})
        self.assertEqual([t for t in found["trials"] if t["found"] != t["expected"]], [])
        lint = self.json("lint", "shop.example", nsd=published)
        self.assertEqual([f for f in lint["findings"] if f["topic"] in ("spf", "sender-id") and
                          f["severity"] != "fine"], [])
        published.stop()
        # What lint advises to who has no Sender ID record is right for the wizard, too.
        plain = [line for line in lines if "spf2.0" not in line]
        published = world.Nsd(other_records() + plain, name="plain")
        lint = self.json("lint", "shop.example", nsd=published)
        fix = [f["fix"] for f in lint["findings"] if f["topic"] == "sender-id"]
        published.stop()
        published = world.Nsd(other_records() + plain + fix, name="advised")
        found = self.wizard(*arguments, nsd=published)
        self.assertEqual({r["published"] for r in found["records"]}, {"published"})
        published.stop()
        changed = [line.replace("v=spf1 mx", "v=spf1 ip4:9.9.9.9 mx") for line in lines]
        published = world.Nsd(other_records() + changed, name="changed")
        found = self.wizard(*arguments, nsd=published, status=1)
        different = [r for r in found["records"] if r["published"] == "different"]
        self.assertEqual([r["name"] for r in different], ["shop.example"])
        self.assertIn("ip4:9.9.9.9", different[0]["live"])
        published.stop()

    def test_answers(self):
        """answers from a file do what options do; a wrong line is named"""
        path = world.write_file(world.folder() + "/answers", "# the shop\ndomain = shop.example\n"
                                "own-mx = yes\nhost = 9.9.62.1\nforwarded-users = no\n")
        found = self.wizard("--answers", path)
        self.assertEqual(self.texts(found)["shop.example", "v=spf1"], "v=spf1 ip4:9.9.62.1 mx -all")
        path = world.write_file(world.folder() + "/wrong", "domain = shop.example\nmx = yes\n")
        done = self.vouch("spf", "wizard", "--answers", path)
        self.assertEqual(done.returncode, 2)
        self.assertIn(b"line 2", done.stderr)

    def test_refusals(self):
        """what cannot work is refused with a reason"""
        for arguments, status, words in (
                (["shop.example", "--provider", "nothing.example"], 1, b"cannot be included"),
                (["shop.example", "--host", "nohost.example"], 1, b"has no address"),
                (["null.example", "--own-mx"], 1, b"no MX hosts"),
                (["shop.example", "--provider", "bad.example"], 1, b"+all"),
                (["shop.example", "--never-sends", "--own-mx"], 2, b"never sends"),
                (["shop.example", "--host", "-x-"], 2, b"no full name"),
                (["shop.example", "--host", "300.1.1.1"], 2, b"no IP address"),
                (["broken.example", "--own-mx"], 3, b"DNS"),
                (["shop.example"], 2, b"description")):
            done = self.vouch("spf", "wizard", *arguments)
            self.assertEqual((done.returncode, words in done.stderr), (status, True), (arguments, done))

    def test_dialogue(self):
        """on a terminal it asks, and asks again when it does not understand"""
        import os
        import pty
        answers = ["-", "shop.example", "no", "", "", "out.shop.example 9.9.62.1", "none", "no", "", "maybe", "yes", ""]
        parent, child = pty.openpty()
        process = subprocess.Popen([world.VOUCH, "spf", "wizard", "--resolver",
                                    "127.0.0.1:%d" % self.nsd.port], stdin=child,
                                   stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        os.close(child)
        os.write(parent, "".join(a + "\n" for a in answers).encode())
        text = process.communicate(timeout=world.PATIENCE)[0].decode()
        os.close(parent)
        self.assertEqual(process.returncode, 0, text)
        self.assertIn("v=spf1 ip4:9.9.62.1 mx a:out.shop.example ~all", text)
        self.assertIn("wants yes or no", text)
        self.assertIn("no full name", text)
        self.assertIn("Tried as if it were published", text)


if __name__ == "__main__":
    world.main()
