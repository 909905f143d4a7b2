#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""usage: mechanisms_test.py PATH-TO-VOUCH [TEST ...]

Each mechanism by itself, over real SMTP with nsd as DNS: the same message to a gateway with default
settings and to one where only that mechanism is switched on. What differs is the reply, a header field
or the trust class.
"""
import base64
import json
import os
import re
import struct
import sys
import unittest

sys.dont_write_bytecode = True

import world

world.require("nsd", "openssl")

GOOD, BAD, RELAY, FORWARDER = "127.0.0.10", "127.0.0.66", "127.0.0.30", "127.0.0.71"
HELO = "mail.genuine.example"
KEYS = {}
SECRETS = "a secret of the tests\n"


def records():
    KEYS["dkim"] = world.DkimKey("genuine.example", "s1")
    KEYS["testing"] = world.DkimKey("genuine.example", "t1")
    KEYS["arc"] = world.DkimKey("sealer.example", "arc")
    KEYS["old"] = world.DkimKey("old.example", "dk")
    return [KEYS["dkim"].record, KEYS["arc"].record, KEYS["old"].record,
            KEYS["testing"].record.replace("v=DKIM1;", "v=DKIM1; t=y;"),
            "genuine.example. TXT \"v=spf1 ip4:127.0.0.10 -all\"",
            "genuine.example. A 127.0.0.10",
            "mail.genuine.example. A 127.0.0.10",
            "10.0.0.127.in-addr.arpa. PTR mail.genuine.example.",
            "bank.example. TXT \"v=spf1 ip4:192.0.2.1 -all\"",
            "_dmarc.bank.example. TXT \"v=DMARC1; p=reject\"",
            "_dmarc.pct.example. TXT \"v=DMARC1; p=reject; pct=0\"",
            "spfonly.example. TXT \"v=spf1 ip4:192.0.2.1 -all\"",
            "norecord.example. A 127.0.0.20",
            "forwarder.example. A 127.0.0.71",
            "list.example. TXT \"v=spf1 exists:%{ir}.seen.list.example -all\"",
            "71.0.0.127.seen.list.example. A 127.0.0.2",
            "sid.example. TXT \"spf2.0/pra ip4:192.0.2.1 -all\"",
            "_domainkey.old.example. TXT \"o=-; n=all is signed\"",
            "old.example. A 127.0.0.10",
            "adsp.example. A 127.0.0.10",
            "_adsp._domainkey.adsp.example. TXT \"dkim=all\"",
            "genuine.example._vouch.certifier.example. TXT \"all\"",
            "sealer.example. A 127.0.0.10"]


def sign_domainkeys(message, key):
    """c=simple, no h=: everything below the signature as it is (rfc4870:3.3, 3.4)."""
    head, _, body = message.partition(b"\r\n\r\n")
    body = re.sub(rb"(\r\n)+$", b"\r\n", body)
    path = world.write_file(key.file + ".text", head + b"\r\n\r\n" + body)
    signature = world.openssl("dgst", "-sha1", "-sign", key.file, path)
    field = "DomainKey-Signature: a=rsa-sha1; s=%s; d=%s; c=simple; q=dns;\r\n b=%s;\r\n" % (
        key.selector, key.domain, base64.b64encode(signature).decode())
    return field.encode() + message


def gateway(name, **options):
    keys = '\nkey-directory = "@DIR@/keys"'
    options["top"] = "edges = 1" + keys + "\n" + options.pop("more", "")
    os.makedirs(os.path.join(world.folder(), name, "keys"))
    options.setdefault("users", "alice\nbob\n")
    # The world makes the folder; keys were put there before.
    os.rename(os.path.join(world.folder(), name), os.path.join(world.folder(), name + ".keys"))
    made = world.Gateway(name, "dns { servers = [127.0.0.1:%d] timeout = 500ms attempts = 2 }" %
                         Mechanisms.nsd.port, start=False, **options)
    os.rename(os.path.join(world.folder(), name + ".keys", "keys"), made.path("keys"))
    os.rmdir(os.path.join(world.folder(), name + ".keys"))
    return made


class Mechanisms(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.nsd = world.Nsd(records())
        cls.plain = gateway("plain")
        cls.plain.start()
        cls.count = 0

    @classmethod
    def tearDownClass(cls):
        cls.plain.stop()
        cls.nsd.stop()

    def switched(self, authentication="", **options):
        """A gateway with only this changed."""
        type(self).count += 1
        if authentication:
            options["sections"] = (options.get("sections", "") +
                                   "\nauthentication { %s }\n" % authentication)
        made = gateway("switched%d" % self.count, **options)
        made.start()
        self.addCleanup(made.stop)
        return made

    def deliver(self, at, octets, sender="x@genuine.example", source=GOOD, helo=HELO,
                recipient="alice@here.example", inner=""):
        reply = at.send(sender, recipient, octets, source=source, helo=helo)
        self.assertEqual(reply.code, 250, reply)
        mails = [mail for mail in at.mails(recipient.split("@")[0], inner)
                 if "id=" + reply.id in " ".join(mail.fields("X-Vouch-Verdict"))]
        self.assertEqual(len(mails), 1)
        mails[0].id = reply.id
        return mails[0]

    def both(self, other, octets, **options):
        """Delivered by default settings, and by the other gateway."""
        return self.deliver(self.plain, octets, **options), self.deliver(other, octets, **options)

    def results(self, mail):
        return mail.field("Authentication-Results")

    def trust(self, mail):
        return re.search(r"class=([a-z-]+)", mail.field("X-Vouch-Verdict")).group(1)

    def evidence(self, mail):
        return " ".join(mail.fields("X-Vouch-Evidence"))

    def run_vouch(self, *arguments, stdin=b""):
        done = self.plain.run(*arguments, stdin=stdin)
        self.assertEqual(done.returncode, 0, done.stderr.decode() + done.stdout.decode())
        return done.stdout

    # ---- SPF extras ----

    def test_best_guess(self):
        """labelled a guess, beside spf=none, and nothing follows from it"""
        octets = world.message("a@norecord.example", "alice@here.example", "guess")
        off, on = self.both(self.switched("spf-guess = yes"), octets, sender="a@norecord.example")
        self.assertNotIn("guess", self.evidence(off))
        self.assertIn("spf-guess=pass", self.evidence(on))
        for mail in off, on:
            self.assertIn("spf=none", self.results(mail))
            self.assertEqual(self.trust(mail), "third-class")

    def forwarder_case(self, keys, source, helo):
        octets = world.message("ceo@bank.example", "alice@here.example", "forwarded")
        reply = self.plain.send("ceo@bank.example", "alice@here.example", octets, source=source,
                                helo=helo)
        self.assertEqual(reply.code, 550, reply)
        other = self.switched(sections="forwarder alumni { %s }" % keys)
        junk = self.deliver(other, octets, sender="ceo@bank.example", source=source, helo=helo,
                            inner=".Junk")
        self.assertIn("forwarder=pass", self.evidence(junk))
        filtering = self.switched(sections="forwarder alumni { %s filters = yes }" % keys)
        inbox = self.deliver(filtering, octets, sender="ceo@bank.example", source=source, helo=helo)
        self.assertEqual(self.trust(inbox), "third-class")
        # Nobody else gains by it.
        reply = other.send("ceo@bank.example", "alice@here.example", octets, source=BAD, helo=helo)
        self.assertEqual(reply.code, 550, reply)

    def test_forwarder_by_address(self):
        """a forwarder on the list breaks SPF without being a forger; one that filters reaches the inbox"""
        self.forwarder_case("networks = [127.0.0.71]", FORWARDER, "whatever.example")

    def test_forwarder_by_helo(self):
        """a HELO name counts only if it resolves to the client"""
        self.forwarder_case("names = [.forwarder.example]", FORWARDER, "forwarder.example")

    def test_forwarder_by_include(self):
        """an SPF record lists the forwarders, here with exists: and a macro"""
        self.forwarder_case("spf-include = list.example", FORWARDER, "whatever.example")

    # ---- HELO ----

    def test_helo(self):
        """switched off, the name in HELO is not looked at"""
        octets = world.message("a@genuine.example", "alice@here.example", "helo")
        on, off = self.both(self.switched("helo = no"), octets)
        self.assertIn("helo=pass", self.evidence(on))
        self.assertNotIn("helo=", self.evidence(off))

    def test_bad_helo(self):
        """a client that calls itself by our name is refused where the policy says so"""
        octets = world.message("a@genuine.example", "alice@here.example", "our name")
        # Loopback is never a stranger, so a proxy says where the client is.
        proxied = {"listener": "proxy-protocol = yes"}

        def send(at, helo):
            with world.Client(at.port, greeting=False) as client:
                client.send(b"PROXY TCP4 192.0.2.66 127.0.0.1 4711 25\r\n")
                self.assertEqual(client.reply().code, 220)
                client.hello(helo)
                return client.transaction("a@genuine.example", ["alice@here.example"], octets)
        lenient = self.switched(**proxied)
        strict = self.switched(sections="policy default { bad-helo = reject }", **proxied)
        for helo in "mx.here.example", "[192.0.2.200]":
            reply = send(lenient, helo)
            self.assertEqual(reply.code, 250, reply)
            self.assertIn("helo=fail", self.evidence(lenient.the_mail("alice", reply.id)))
            reply = send(strict, helo)
            self.assertEqual(reply.code, 550, reply)
            self.assertTrue(reply.text.startswith("5.7.1 "), reply)
        # rfc5321:4.1.4: a name that resolves elsewhere is not refused.
        self.assertEqual(send(strict, HELO).code, 250)

    # ---- Sender ID ----

    def test_sender_id(self):
        """a fail for the responsible address is reported, or refused by policy (rfc4406:5.3)"""
        octets = world.message("boss@sid.example", "alice@here.example", "sender id")
        off, on = self.both(self.switched("sender-id = yes"), octets)
        self.assertNotIn("sender-id=", self.results(off))
        self.assertIn("sender-id=fail", self.results(on))
        self.assertIn("header.from=sid.example", self.results(on))
        strict = self.switched("sender-id = yes", sections="policy default { sender-id-fail = reject }")
        reply = strict.send("x@genuine.example", "alice@here.example", octets, source=GOOD, helo=HELO)
        self.assertEqual(reply.code, 550, reply)
        self.assertTrue(reply.text.startswith("5.7.1 Sender ID (PRA)"), reply)

    def test_submitter(self):
        """offered with Sender ID; one that is not the header's is refused (rfc4405:4.2)"""
        octets = world.message("boss@genuine.example", "alice@here.example", "submitter")
        with world.Client(self.plain.port, GOOD) as client:
            self.assertNotIn("SUBMITTER", client.hello(HELO).lines)
            self.assertEqual(client.command("MAIL FROM:<x@genuine.example> SUBMITTER=a@b.example").code,
                             555)
        on = self.switched("sender-id = yes")
        strict = self.switched("sender-id = yes", sections="policy default { sender-id-fail = reject }")
        alien = world.message("boss@sid.example", "alice@here.example", "submitter")
        twice = b"Sender: a@genuine.example\r\nSender: b@genuine.example\r\n" + octets
        for gateway, submitter, mail, code, text in (
                (on, "boss@genuine.example", octets, 250, "2.0.0"),
                (on, "boss@GENUINE.example", octets, 250, "2.0.0"),
                (on, "other@genuine.example", octets, 550, "5.7.1 Submitter does not match header."),
                (on, "a@genuine.example", twice, 554, "5.7.7 Cannot verify submitter address."),
                (strict, "boss@sid.example", alien, 550, "5.7.1 Submitter not allowed.")):
            with world.Client(gateway.port, GOOD) as client:
                self.assertIn("SUBMITTER", client.hello(HELO).lines)
                self.assertEqual(client.command("MAIL FROM:<x@genuine.example> SUBMITTER=%s" %
                                                submitter).code, 250)
                client.command("RCPT TO:<alice@here.example>")
                reply = client.data(mail)
                self.assertEqual(reply.code, code, reply)
                self.assertTrue(reply.text.startswith(text), reply)

    # ---- DomainKeys, ADSP ----

    def test_domainkeys(self):
        """a signature is reported, and never lifts the class"""
        octets = sign_domainkeys(world.message("a@old.example", "alice@here.example", "domainkeys"),
                                 KEYS["old"])
        off, on = self.both(self.switched("domainkeys = yes"), octets, sender="", source=BAD)
        self.assertNotIn("domainkeys=", self.results(off))
        self.assertIn("domainkeys=pass", self.results(on))
        self.assertIn("header.d=old.example", self.results(on))
        self.assertEqual(self.trust(on), "third-class")
        broken = self.deliver(self.switched("domainkeys = yes"), octets.replace(b"Hello", b"Hullo"),
                              sender="", source=BAD)
        self.assertIn("domainkeys=fail", self.results(broken))

    def test_adsp(self):
        """what the author's domain says of its signatures is reported, never followed"""
        octets = world.message("a@adsp.example", "alice@here.example", "adsp")
        off, on = self.both(self.switched("adsp = yes"), octets)
        self.assertNotIn("dkim-adsp=", self.results(off))
        self.assertIn("dkim-adsp=fail", self.results(on))

    # ---- DKIM ----

    def test_dkim(self):
        """switched off, a signature is not looked at, and lifts nothing"""
        octets = KEYS["dkim"].sign(world.message("a@genuine.example", "alice@here.example", "signed"))
        on, off = self.both(self.switched("dkim = no"), octets, sender="", source=BAD)
        self.assertIn("dkim=pass", self.results(on))
        self.assertEqual(self.trust(on), "business-class")
        self.assertNotIn("dkim=", self.results(off))
        self.assertEqual(self.trust(off), "third-class")

    def test_dkim_key_in_testing(self):
        """rfc6376:3.6.1: t=y is as good as unsigned"""
        octets = KEYS["testing"].sign(world.message("a@genuine.example", "alice@here.example", "t=y"))
        mail = self.deliver(self.plain, octets, sender="", source=BAD)
        self.assertNotIn("dkim=pass", self.results(mail))
        self.assertEqual(self.trust(mail), "third-class")

    def test_too_many_signatures(self):
        """ten are looked at; that there were more is said"""
        octets = world.message("a@genuine.example", "alice@here.example", "signed too often")
        for _ in range(12):
            octets = KEYS["dkim"].sign(octets)
        mail = self.deliver(self.plain, octets)
        self.assertEqual(self.results(mail).count("dkim=pass"), 10)
        self.assertIn("2 further signatures were not looked at", self.results(mail))

    def test_dkim_replays(self):
        """the same signature again is counted"""
        octets = KEYS["dkim"].sign(world.message("a@genuine.example", "alice@here.example", "replayed"))
        uncounted = self.switched("replays = no")

        def seen(at):
            found = []
            for recipient in "alice", "bob", "alice":
                # Another envelope each time, as replays have.
                mail = self.deliver(at, octets, sender=recipient + str(len(found)) + "@genuine.example",
                                    recipient=recipient + "@here.example")
                record = at.explain(mail.id)  # it is written: so it is counted
                item = [i for i in record["evidence"]["items"] if i["check"] == "dkim"][0]
                found.append([value for _, name, value in item["properties"] if name == "seen"])
            return found
        self.assertEqual(seen(self.plain), [[], ["1"], ["2"]])
        self.assertEqual(seen(uncounted), [[], [], []])

    def test_dkim_signing(self):
        """mail of own hosts in the name of a domain that we sign for gets two signatures; others' none"""
        signing = gateway("signing", more="own-networks = [127.0.0.10]",
                          sections="signing here.example { }")
        made = self.run_vouch("dkim", "keygen", "--json", "--active", "--key-directory",
                              signing.path("keys"), "here.example")
        signing.start()
        self.addCleanup(signing.stop)
        octets = world.message("alice@here.example", "bob@here.example", "from our own")
        mail = self.deliver(signing, octets, sender="alice@here.example", recipient="bob@here.example")
        # What own hosts send is not judged, and nothing is said that a reader could take for a failure.
        self.assertEqual(self.results(mail), "mx.here.example; none")
        self.assertEqual(mail.fields("Received-SPF") + mail.fields("X-Vouch-Evidence"), [])
        fields = mail.fields("DKIM-Signature")
        self.assertEqual(sorted(re.search(r"\ba=([a-z0-9-]+)", f).group(1) for f in fields),
                         ["ed25519-sha256", "rsa-sha256"])
        for field in fields:
            self.assertRegex(field, r"\bd=here\.example\b")
            self.assertRegex(field, r"\bx=[0-9]+")
            self.assertNotRegex(field, r"\bl=")
        keys = self.published(made, "here.example")
        nsd = world.Nsd(keys, name="nsd.signing")
        self.addCleanup(nsd.stop)
        done = self.plain.run("dkim", "verify", "--json", "--resolver", "127.0.0.1:%d" % nsd.port, "-",
                              stdin=mail.octets)
        found = json.loads(done.stdout)
        self.assertEqual([s["result"] for s in found["signatures"]], ["pass", "pass"], done.stdout)
        # Not for a stranger who writes the same From (the score of so much that fails makes it junk), nor for an
        # author whom we do not sign for.
        stranger = self.deliver(signing, octets, sender="x@genuine.example", source=BAD, inner=".Junk")
        self.assertEqual(stranger.fields("DKIM-Signature"), [])
        other = world.message("a@genuine.example", "bob@here.example", "not ours")
        self.assertEqual(self.deliver(signing, other).fields("DKIM-Signature"), [])

    def published(self, made, domain):
        """Zone lines of the keys that keygen made."""
        found = []
        for key in json.loads(made)["keys"]:
            found.append("%s._domainkey.%s. TXT %s" % (key["selector"], domain,
                                                       world.zone_text(key["value"])))
        return found

    def test_without_the_keys_role_nothing_goes_unsigned(self):
        """mail that must be signed is put off while the process that signs is away"""
        signing = gateway("orphaned", more="own-networks = [127.0.0.10]",
                          sections="signing here.example { }\nlimits { finish-timeout = 3s }")
        self.run_vouch("dkim", "keygen", "--active", "--key-directory", signing.path("keys"),
                       "here.example")
        signing.start()
        self.addCleanup(signing.stop)
        signing.expect_alarms = True
        octets = world.message("alice@here.example", "bob@here.example", "orphan")
        stopped = signing.pids("keys")[0]
        os.kill(stopped, 19)  # SIGSTOP: there, but silent
        reply = signing.send("alice@here.example", "bob@here.example", octets, source=GOOD, helo=HELO)
        os.kill(stopped, 18)
        self.assertEqual(reply.code, 451, reply)
        self.assertEqual(signing.find_mail("bob", "orphan"), [])

    def test_config_check_reads_keys_and_secrets(self):
        """what would keep the gateway from starting is told before"""
        secrets = self.secrets_file("checked.secrets")
        loose = world.write_file(world.folder() + "/loose.secrets", SECRETS, mode=0o644)
        empty = world.write_file(world.folder() + "/empty.secrets", "", mode=0o600)
        batv = 'batv { domains = [here.example] secrets = "%s" }'
        for name, sections, said in (
                ("checked1", batv % secrets, None), ("checked2", batv % loose, "loose.secrets"),
                ("checked3", batv % empty, "empty.secrets"), ("checked4", batv % "/none", "/none"),
                ("checked5", "signing here.example { }", "no active key"),
                ("checked6", "authentication { smime = yes smime-authorities = /none }", "/none")):
            made = gateway(name, sections=sections)
            done = made.run("config", "check", "--json", "--config", made.config)
            found = json.loads(done.stdout)
            self.assertEqual(done.returncode, 2 if said else 0, (name, found))
            self.assertEqual(found["result"], "errors" if said else "fine")
            self.assertTrue(not said or said in found["errors"][0], found)
            if said:
                with self.assertRaises(AssertionError):
                    made.start()  # it was right
                made.close()

    # ---- ARC ----

    def sealed(self, octets, results):
        return self.run_vouch("arc", "seal", "--domain", "sealer.example", "--selector", "arc", "--key",
                              KEYS["arc"].file, "--results", results, "--resolver",
                              "127.0.0.1:%d" % self.nsd.port, "-", stdin=octets)

    def test_arc(self):
        """a trusted sealer that saw DMARC pass overrides a fail, and the verdict says so (rfc8617:7.2.1)"""
        octets = self.sealed(world.message("ceo@bank.example", "alice@here.example", "by a list"),
                             "dmarc=pass header.from=bank.example")
        envelope = {"sender": "x@genuine.example", "source": GOOD, "helo": HELO}
        reply = self.plain.send("x@genuine.example", "alice@here.example", octets, source=GOOD, helo=HELO)
        self.assertEqual(reply.code, 550, reply)
        trusting = self.switched(sections="policy default { trusted-sealers = [sealer.example] }")
        mail = self.deliver(trusting, octets, **envelope)
        self.assertIn("arc=pass", self.results(mail))
        self.assertIn("dmarc=fail", self.results(mail))
        self.assertIn("local policy", mail.field("X-Vouch-Reason"))
        self.assertEqual(self.trust(mail), "business-class")
        self.assertIn("sealer.example saw DMARC pass", trusting.story(mail.id))
        # A chain that was broken on the way says nothing, and neither does one without a DMARC pass.
        for bad in octets.replace(b"Hello", b"Hullo"), \
                self.sealed(world.message("ceo@bank.example", "alice@here.example", "by a list"),
                            "dmarc=pass header.from=other.example"):
            reply = trusting.send("x@genuine.example", "alice@here.example", bad, source=GOOD, helo=HELO)
            in_junk = reply.code == 250 and trusting.explain(reply.id)["action"] == "junk"
            self.assertTrue(reply.code == 550 or in_junk, reply)
        off = self.switched("arc = no",
                            sections="policy default { trusted-sealers = [sealer.example] }")
        self.assertEqual(off.send("x@genuine.example", "alice@here.example", octets, source=GOOD,
                                  helo=HELO).code, 550)

    def test_arc_seal(self):
        """mail that is handed on is sealed, chain after chain"""
        domain = world.Gateway.DOMAIN.replace("aliases =", "arc-seal = here.example\n    aliases =")
        sealing = gateway("sealing", domain=domain, sections="signing here.example { }")
        made = self.run_vouch("dkim", "keygen", "--json", "--active", "--key-directory",
                              sealing.path("keys"), "here.example")
        sealing.start()
        self.addCleanup(sealing.stop)
        octets = self.sealed(world.message("a@genuine.example", "alice@here.example", "to be sealed"),
                             "spf=pass smtp.mailfrom=a@genuine.example")
        off = self.deliver(self.plain, octets)
        on = self.deliver(sealing, octets)
        self.assertEqual(len(off.fields("ARC-Seal")), 1)
        self.assertEqual(len(on.fields("ARC-Seal")), 2)
        self.assertIn("spf=pass", [f for f in on.fields("ARC-Authentication-Results")
                                   if f.startswith("i=2")][0])
        nsd = world.Nsd(self.published(made, "here.example") + [KEYS["arc"].record],
                        name="nsd.sealing")
        self.addCleanup(nsd.stop)
        found = json.loads(self.run_vouch("arc", "verify", "--json", "--resolver",
                                          "127.0.0.1:%d" % nsd.port, "-", stdin=on.octets))
        self.assertEqual(found["result"], "pass", found)

    # ---- VBR, hashcash ----

    def test_vbr(self):
        """vouched for by somebody whom we believe: first-class (rfc5518)"""
        octets = world.message("a@genuine.example", "alice@here.example", "vouched for",
                               extra="VBR-Info: md=genuine.example; mc=all; mv=certifier.example;\r\n")
        on = self.switched("vbr-certifiers = [certifier.example]")
        off_mail, on_mail = self.both(on, octets)
        self.assertEqual(self.trust(off_mail), "business-class")
        self.assertEqual(self.trust(on_mail), "first-class")
        self.assertIn("vbr=pass", self.results(on_mail))
        self.assertIn("header.mv=certifier.example", self.results(on_mail))
        # Not for whoever merely says so.
        forged = self.deliver(on, octets, sender="", source=BAD, helo="pc.example")
        self.assertEqual(self.trust(forged), "third-class")

    def test_hashcash(self):
        """a stamp counts once, for its recipient"""
        stamp = self.run_vouch("hashcash", "mint", "--bits", "16", "alice@here.example").decode().strip()
        extra = "X-Hashcash: %s\r\n" % stamp
        octets = world.message("a@genuine.example", "alice@here.example", "stamped", extra=extra)
        on = self.switched("hashcash = 16")
        off_mail, on_mail = self.both(on, octets)
        self.assertNotIn("hashcash", self.evidence(off_mail))
        self.assertIn("hashcash=pass", self.evidence(on_mail))
        # The same message may come again, as after a lost reply; another may not use the stamp.
        other = world.message("a@genuine.example", "alice@here.example", "again stamped", extra=extra)
        self.assertIn("hashcash=policy", self.evidence(self.deliver(on, other)))
        wrong = world.message("a@genuine.example", "bob@here.example", "not for bob", extra=extra)
        self.assertNotIn("hashcash=pass", self.evidence(
            self.deliver(on, wrong, recipient="bob@here.example")))

    # ---- S/MIME, OpenPGP ----

    def test_smime(self):
        """a signature is verified against the authorities, and never lifts the class"""
        place = world.folder() + "/smime"
        world.write_file(place + "/body", "Content-Type: text/plain\r\n\r\nsigned\r\n")
        world.openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30", "-subj",
                      "/CN=ann", "-addext", "subjectAltName=email:ann@genuine.example", "-addext",
                      "keyUsage=digitalSignature", "-addext", "extendedKeyUsage=emailProtection",
                      "-keyout", place + "/key", "-out", place + "/certificate")
        signed = world.openssl("smime", "-sign", "-in", place + "/body", "-signer",
                               place + "/certificate", "-inkey", place + "/key", "-binary")
        signed = re.sub(rb"\r?\n", b"\r\n", signed)
        octets = (b"From: ann@genuine.example\r\nTo: alice@here.example\r\nSubject: smime\r\n"
                  b"Date: Sat, 21 Nov 2026 10:00:00 +0000\r\nMessage-ID: <smime@test.example>\r\n" + signed)
        off, on = self.both(self.switched("smime = yes"), octets, sender="", source=BAD)
        self.assertNotIn("smime=", self.results(off))
        self.assertIn("smime=policy", self.results(on))  # nobody knows that authority
        self.assertIn("ann@genuine.example", self.results(on))
        trusting = self.switched('smime = yes smime-authorities = "%s/certificate"' % place)
        mail = self.deliver(trusting, octets, sender="", source=BAD)
        self.assertIn("smime=pass", self.results(mail))
        self.assertEqual(self.trust(mail), "third-class")
        broken = self.deliver(trusting, octets.replace(b"\r\nsigned", b"\r\nSigned"), sender="", source=BAD)
        self.assertIn("smime=fail", self.results(broken))

    def test_openpgp(self):
        """who claims to have signed is noted, and nothing more"""
        issuer = b"\x09\x10" + bytes.fromhex("0123456789abcdef")  # subpacket 16: issuer
        body = (b"\x04\x00\x01\x08\x00\x00" + struct.pack(">H", len(issuer)) + issuer + b"\xab\xcd" +
                b"\x00\x08\xff")
        armor = base64.b64encode(b"\xc2" + bytes([len(body)]) + body).decode()
        text = ("--b\r\nContent-Type: text/plain\r\n\r\nsigned\r\n--b\r\n"
                "Content-Type: application/pgp-signature\r\n\r\n-----BEGIN PGP SIGNATURE-----\r\n\r\n"
                "%s\r\n-----END PGP SIGNATURE-----\r\n--b--\r\n" % armor)
        octets = world.message("a@genuine.example", "alice@here.example", "pgp", text, extra=(
            "MIME-Version: 1.0\r\nContent-Type: multipart/signed; boundary=b; micalg=pgp-sha256;\r\n"
            " protocol=\"application/pgp-signature\"\r\n"))
        off, on = self.both(self.switched("openpgp = yes"), octets, sender="", source=BAD)
        self.assertNotIn("openpgp", self.evidence(off))
        self.assertIn("openpgp=neutral", self.evidence(on))
        self.assertEqual(self.trust(on), "third-class")

    # ---- return paths ----

    def return_path_case(self, codec, on, tagged):
        bounce = world.message("mailer@genuine.example", tagged, "report " + codec)
        reply = self.plain.send("", tagged, bounce, source=GOOD, helo=HELO)
        self.assertEqual(reply.code, 550, reply)
        reply = on.send("", tagged, bounce, source=GOOD, helo=HELO)
        self.assertEqual(reply.code, 250, reply)
        mail = on.the_mail("alice", "report " + codec)
        self.assertIn("return-path=pass", self.evidence(mail))
        # Another's tag: the last letter or digit of it changed.
        head, _, tail = tagged.partition("=alice@") if "=alice@" in tagged else tagged.rpartition("=")
        forged = head[:-1] + ("0" if head[-1] != "0" else "1") + tagged[len(head):]
        reply = on.send("", forged, bounce, source=GOOD, helo=HELO)
        self.assertEqual(reply.code, 550, reply)

    def secrets_file(self, name):
        return world.write_file(world.folder() + "/" + name, SECRETS, mode=0o600)

    def test_batv(self):
        """a tag of ours leads to the mailbox; one that is not is refused"""
        secrets = self.secrets_file("batv.secrets")
        tagged = self.run_vouch("batv", "encode", "--secrets", secrets,
                                "alice@here.example").decode().strip()
        on = self.switched(sections='batv { domains = [here.example] secrets = "%s" }' % secrets)
        self.return_path_case("batv", on, tagged)
        # Of a recipient that was refused nothing is said of the message that another one gets.
        nobody = self.run_vouch("batv", "encode", "--secrets", secrets,
                                "nobody@here.example").decode().strip()
        octets = world.message("mailer@genuine.example", "bob@here.example", "for bob alone")
        reply = on.send("", [nobody, "bob@here.example"], octets, source=GOOD, helo=HELO)
        self.assertEqual([r.code for r in reply.rcpt], [550, 250])
        self.assertNotIn("return-path", self.evidence(on.the_mail("bob", "for bob alone")))

    def test_ses(self):
        """a signed envelope sender of ours leads to the mailbox; a forged one is refused"""
        secrets = self.secrets_file("ses.secrets")
        tagged = self.run_vouch("ses", "encode", "--secrets", secrets,
                                "alice@here.example").decode().strip()
        on = self.switched(sections='ses { domains = [here.example] secrets = "%s" }' % secrets)
        self.return_path_case("ses", on, tagged)

    def test_srs(self):
        """a forged SRS address is told apart from one of ours"""
        secrets = self.secrets_file("srs.secrets")
        ours = self.run_vouch("srs", "encode", "--secrets", secrets, "--domain", "srs.here.example",
                              "joe@genuine.example").decode().strip()
        on = self.switched(sections='srs { domain = srs.here.example secrets = "%s" }' % secrets)
        octets = world.message("mailer@genuine.example", ours, "srs")
        # It goes on to joe@genuine.example, whose domain has no server here: what is said is of that.
        self.assertIn("genuine.example", on.send("", ours, octets, source=GOOD, helo=HELO).text)
        self.assertIn("takes reports only", on.send("a@genuine.example", ours, octets, source=GOOD, helo=HELO).text)
        forged = "SRS0=AAAA" + ours[9:]
        self.assertIn("No return path of ours", on.send("", forged, octets, source=GOOD, helo=HELO).text)
        self.assertNotIn("return path", self.plain.send("", ours, octets, source=GOOD, helo=HELO).text)

    # ---- behind another relay ----

    def behind(self, octets, results=""):
        trace = ("%sReceived: from %s (%s [%s])\r\n\tby relay.here.example with ESMTP id 1;\r\n"
                 "\tSat, 21 Nov 2026 10:00:00 +0000\r\n" % (results, HELO, HELO, GOOD))
        return trace.encode() + octets

    def test_upstream_client(self):
        """behind a relay of ours SPF is checked for whom the relay had the mail from"""
        octets = self.behind(world.message("a@genuine.example", "alice@here.example", "relayed"))
        on = self.switched(sections="upstream relay { networks = [127.0.0.30] }")
        off_mail, on_mail = self.both(on, octets, source=RELAY, helo="relay.here.example")
        self.assertIn("spf=fail", self.results(off_mail))
        self.assertIn("spf=pass", self.results(on_mail))
        self.assertIn("iprev=pass", self.results(on_mail))
        self.assertEqual(self.trust(on_mail), "business-class")
        # Who is not the relay cannot tell such a story.
        stranger = self.deliver(on, octets, source=BAD, helo="relay.here.example")
        self.assertIn("spf=fail", self.results(stranger))

    def test_upstream_results(self):
        """what a relay of ours found overrides a DMARC fail here (rfc8601:4.1)"""
        message = world.message("ceo@bank.example", "alice@here.example", "seen upstream")
        results = ("Authentication-Results: relay.here.example;\r\n"
                   "\tdmarc=pass header.from=bank.example\r\n")
        octets = self.behind(message, results)
        sections = "upstream relay { networks = [127.0.0.30] %s }"
        off = self.switched(sections=sections % "")
        on = self.switched(sections=sections % "authserv-ids = [relay.here.example]")
        options = {"source": RELAY, "helo": "relay.here.example"}
        self.assertEqual(off.send("x@genuine.example", "alice@here.example", octets, **options).code, 550)
        mail = self.deliver(on, octets, **options)
        self.assertIn("local policy", mail.field("X-Vouch-Reason"))
        # Below the hop before the relay it is a stranger's invention.
        below = self.behind(b"Received: from a by b; Sat, 21 Nov 2026 09:00:00 +0000\r\n" +
                            results.encode() + message)
        self.assertEqual(on.send("x@genuine.example", "alice@here.example", below, **options).code, 550)

    def test_upstream_without_a_hop(self):
        """where the relay names nobody, its SPF result serves for DMARC"""
        results = "Authentication-Results: relay.here.example; spf=pass smtp.mailfrom=ceo@bank.example\r\n"
        octets = results.encode() + world.message("ceo@bank.example", "alice@here.example", "spf upstream")
        on = self.switched(sections="upstream relay { networks = [127.0.0.30] hops = 0 "
                                    "authserv-ids = [relay.here.example] }")
        mail = self.deliver(on, octets, sender="ceo@bank.example", source=RELAY,
                            helo="relay.here.example")
        self.assertIn("dmarc=pass", mail.fields("Authentication-Results")[0])

    # ---- DMARC ----

    def test_dmarc_modes(self):
        """pct= is followed by RFC 7489 only; switched off, nothing is refused"""
        octets = world.message("ceo@bank.example", "alice@here.example", "dmarc")
        reply = self.plain.send("x@genuine.example", "alice@here.example", octets, source=GOOD, helo=HELO)
        self.assertEqual(reply.code, 550, reply)
        self.assertTrue(reply.text.startswith("5.7.26 "), reply)
        sampled = world.message("ceo@pct.example", "alice@here.example", "sampled")
        reply = self.plain.send("x@genuine.example", "alice@here.example", sampled, source=GOOD, helo=HELO)
        self.assertEqual(reply.code, 550, reply)
        older = self.switched("dmarc-discovery = suffix-list")
        self.deliver(older, sampled, inner=".Junk")
        off = self.switched("dmarc = no")
        self.assertNotIn("dmarc=", self.results(self.deliver(off, octets)))


if __name__ == "__main__":
    world.main()
