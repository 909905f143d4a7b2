#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""usage: outbound_tls_test.py PATH-TO-VOUCH [TEST ...]

How secure mail leaves: DANE with a signed zone (nsd) that unbound validates, MTA-STS with a web server,
REQUIRETLS and TLS-Required, to a Postfix that offers good, wrong, expired certificates, or none; and what
TLSRPT counts of it.
"""
import os
import re
import sys
import unittest

sys.dont_write_bytecode = True  # the source tree stays as it is

import mta_world
import world
from mta_world import queue, queued, wait_delivery

ME = "alice@here.example"
PORT, WEB_PORT = world.free_port(), world.free_port()
GOOD, PLAIN, WRONG, EXPIRED, VOUCH = ("127.0.1.%d" % i for i in (1, 4, 5, 6, 9))
WEB = "127.0.2.1"


def policy(mode, *patterns):
    return "version: STSv1\r\nmode: %s\r\n%smax_age: 86400\r\n" % (
        mode, "".join("mx: %s\r\n" % pattern for pattern in patterns))


# Domain: where its MX is, whose key its TLSA record names, its MTA-STS policy.
DOMAINS = {
    "plain": (PLAIN, None, None),
    "any": (WRONG, None, None),
    "dane": (WRONG, WRONG, None),
    "dane-wrong": (GOOD, WRONG, None),
    "dane-plain": (PLAIN, GOOD, None),
    "dane-insecure": (GOOD, WRONG, None),
    "dane-servfail": (GOOD, "bogus", None),
    "dane-sts": (WRONG, WRONG, policy("enforce", "mx.elsewhere.example")),
    "sts": (GOOD, None, policy("enforce", "*.sts.example")),
    "sts-name": (WRONG, None, policy("enforce", "mx.sts-name.example")),
    "sts-expired": (EXPIRED, None, policy("enforce", "mx.sts-expired.example")),
    "sts-plain": (PLAIN, None, policy("enforce", "mx.sts-plain.example")),
    "sts-mx": (GOOD, None, policy("enforce", "mx.elsewhere.example")),
    "sts-testing": (WRONG, None, policy("testing", "mx.sts-testing.example")),
    "sts-none": (WRONG, None, policy("none")),
    "sts-web": (WRONG, None, policy("enforce", "mx.sts-web.example")),
    "sts-404": (WRONG, None, None),
    "require": (VOUCH, VOUCH, None),
    "sts-require": (VOUCH, None, policy("enforce", "mx.sts-require.example")),
}
SECTIONS = """
host machine { networks = [127.0.0.0/8] senders = ["@here.example"] }
queue { smtp-port = %d mta-sts-port = %d retry-first = 1h ipv6 = no authorities = "%s" }
log { level = debug }
"""


class Next(world.Gateway):
    """A server of another name, so that nothing looks like a loop."""

    def config_text(self):
        return super().config_text().replace("mx.here.example", "mx.require.example")


def setUpModule():
    global gateway, postfix, web
    world.require("nsd", "unbound", "openssl", "ldns-signzone", "ldns-keygen")
    mta_world.require_root()
    authority = mta_world.Authority()
    names = ["mx.%s.example" % name for name in DOMAINS]
    certificates = {GOOD: authority.issue(*names),
                    WRONG: mta_world.Authority("other").issue("elsewhere.example"),
                    EXPIRED: authority.issue("mx.sts-expired.example", days=-1),
                    VOUCH: authority.issue("mx.require.example", "mx.sts-require.example")}
    zone = ["here.example. MX 10 mx.here.example.", "mx.here.example. A 127.0.0.1"]
    policies = {}
    for name, (address, key, text) in DOMAINS.items():
        domain = name + ".example"
        zone += ["%s. MX 10 mx.%s." % (domain, domain), "mx.%s. A %s" % (domain, address)]
        if key:
            key = GOOD if key == "bogus" else key
            zone.append("_%d._tcp.mx.%s. TLSA %s" % (PORT, domain, mta_world.tlsa(certificates[key][0])))
        if text or name.startswith("sts"):
            policies[domain] = text
            zone += ['_mta-sts.%s. TXT "v=STSv1; id=1;"' % domain, "mta-sts.%s. A %s" % (domain, WEB)]
    resolver = mta_world.Unbound(mta_world.SignedNsd(zone), insecure=["dane-insecure.example"],
                                   bogus=["_tcp.mx.dane-servfail.example"])
    web_names = ["mta-sts." + domain for domain in policies]
    web = mta_world.HttpsServer(WEB, WEB_PORT, {
        "": authority.issue(*web_names),
        "sts-web.example": authority.issue("mta-sts.sts-web.example", days=-1)}, policies)

    def chain(address):
        return "smtpd_tls_chain_files=%s %s" % tuple(reversed(certificates[address]))
    postfix = mta_world.Postfix(PORT, GOOD, certificate=certificates[GOOD], more={
        PLAIN: ["smtpd_tls_security_level=none"], WRONG: [chain(WRONG)], EXPIRED: [chain(EXPIRED)]},
        domains=[name + ".example" for name in DOMAINS])
    Next("next", resolver.port, listen="[%s:%d]" % (VOUCH, PORT), users="ann\nben\n",
         domain=world.Gateway.DOMAIN.replace("domain here.example",
                                             "domain require.example sts-require.example"),
         sections='certificate mx { chain = "%s" key = "%s" }\nlog { level = debug }' % certificates[VOUCH])
    gateway = world.Gateway("tls", resolver.port, tls=True,
                            sections=SECTIONS % (PORT, WEB_PORT, authority.file))
    # All goes out at once; the tests look at what became of it.
    for name in DOMAINS:
        put("ann@%s.example" % name)


def put(recipient, subject="to all", extra="", options=""):
    start = len(gateway.log_text())
    with world.Client(gateway.port) as client:
        client.hello()
        if "REQUIRETLS" in options:
            client.start_tls()
            client.hello()
        for line in ("MAIL FROM:<%s>%s" % (ME, options), "RCPT TO:<%s>" % recipient):
            reply = client.command(line)
            assert reply.code == 250, (line, reply)
        reply = client.data(world.message(ME, recipient, subject, extra=extra))
        assert reply.code == 250, reply
    return start


class Security(unittest.TestCase):
    def delivered(self, name, security, recipient="ann", start=0):
        line = wait_delivery(gateway, "%s@%s.example" % (recipient, name), start=start)
        self.assertEqual(line["security"], security, line)
        return line

    def deferred(self, name, pattern):
        """It waits, and says why to who looks at the queue."""
        recipient = "ann@%s.example" % name
        wait_delivery(gateway, recipient, "deferred")
        entry, = queued(gateway, "--recipient", recipient)
        listed = queue(gateway, "list", "--recipient", recipient)
        self.assertRegex(entry["recipients"][0]["text"], pattern)
        self.assertEqual(entry["recipients"][0]["code"] // 100, 4)
        self.assertRegex(re.sub(r"\s+", " ", listed), pattern)
        self.assertFalse([mail for mail in postfix.mails("ann") if recipient.encode() in mail.octets])
        return entry["recipients"][0]

    # without policies

    def test_no_starttls(self):
        """no STARTTLS and no policy: delivered without"""
        self.assertNotIn("tls", self.delivered("plain", "none"))

    def test_opportunistic(self):
        """any certificate will do where there is no policy"""
        self.assertRegex(self.delivered("any", "opportunistic")["tls"], "^TLSv1")

    # DANE

    def test_dane(self):
        """DANE: the key counts, whatever the name and the authority (rfc7672:3.1.1)"""
        self.delivered("dane", "dane")

    def test_dane_wrong(self):
        """DANE: another key: not delivered"""
        self.deferred("dane-wrong", r"(?i)(DANE|TLSA)")

    def test_dane_no_starttls(self):
        """DANE: no STARTTLS: not delivered"""
        self.deferred("dane-plain", r"(?i)(STARTTLS|TLS)")

    def test_dane_servfail(self):
        """DANE: TLSA records that cannot be had: not delivered (rfc7672:2.1.1)"""
        self.deferred("dane-servfail", r"(?i)TLSA")

    def test_dane_insecure(self):
        """DANE: records that are not validated do not count"""
        self.delivered("dane-insecure", "opportunistic")

    def test_dane_before_sts(self):
        """DANE overrides MTA-STS (rfc8461:2)"""
        self.delivered("dane-sts", "dane")

    # MTA-STS

    def test_sts(self):
        """MTA-STS enforce: delivered to a host that is verified"""
        self.delivered("sts", "mta-sts")
        self.assertIn("sts.example", web.asked)

    def test_sts_name(self):
        """MTA-STS enforce: a certificate for another name, of a stranger: not delivered"""
        self.deferred("sts-name", r"(?i)certificate")

    def test_sts_expired(self):
        """MTA-STS enforce: an expired certificate: not delivered"""
        self.deferred("sts-expired", r"(?i)expired")

    def test_sts_plain(self):
        """MTA-STS enforce: no STARTTLS: not delivered"""
        self.deferred("sts-plain", r"(?i)(STARTTLS|TLS)")

    def test_sts_mx(self):
        """MTA-STS enforce: no MX that the policy names: not delivered"""
        self.deferred("sts-mx", r"(?i)MTA-STS")

    def test_sts_testing(self):
        """MTA-STS testing, none: delivered all the same"""
        self.delivered("sts-testing", "opportunistic")
        self.delivered("sts-none", "opportunistic")

    def test_sts_web(self):
        """MTA-STS: a policy that is not to be had (expired certificate, 404) is none"""
        self.delivered("sts-web", "opportunistic")
        self.delivered("sts-404", "opportunistic")
        self.assertNotIn("sts-web.example", web.asked)
        self.assertIn("sts-404.example", web.asked)

    # rfc8689

    def test_tls_optional(self):
        """TLS-Required: No: neither DANE nor MTA-STS stands in the way (rfc8689:5)"""
        for name, security in (("dane-wrong", "opportunistic"), ("sts-plain", "none"),
                               ("sts-name", "opportunistic"), ("sts-mx", None)):
            recipient = "ben@%s.example" % name
            start = put(recipient, "not so important", extra="TLS-Required: No\r\n")
            # It waits with what else there is for a destination that could not be used.
            queue(gateway, "retry", "--recipient", recipient)
            line = wait_delivery(gateway, recipient, start=start)
            if security:
                self.assertEqual(line["security"], security, (name, line))

    def test_require_tls(self):
        """REQUIRETLS: goes to who knows it and can be verified (rfc8689:4.2.1)"""
        for name, security in (("require", "dane"), ("sts-require", "mta-sts")):
            start = put("ben@%s.example" % name, "secret", options=" REQUIRETLS")
            self.delivered(name, security, "ben", start)

    def test_require_tls_refused(self):
        """REQUIRETLS: a next hop that cannot: returned to the sender (rfc8689:4.2.1, 5.7.30)"""
        for name in "sts", "dane":
            recipient = "ben@%s.example" % name
            start = put(recipient, "secret for " + name, options=" REQUIRETLS")
            line = wait_delivery(gateway, recipient, "bounced", start)
            self.assertEqual(line["dsn"], "5.7.30", line)
            world.wait_until("the sender is told", lambda: [
                mail for mail in gateway.mails("alice") if b"secret for " + name.encode() in mail.octets], 8)
            self.assertFalse([m for m in postfix.mails("ben") if recipient.encode() in m.octets])
        for name in "any", "plain":
            recipient = "ben@%s.example" % name
            start = put(recipient, "secret", options=" REQUIRETLS")
            line = wait_delivery(gateway, recipient, "(bounced|deferred)", start)
            self.assertRegex(line["dsn"], r"^[45]\.7\.", line)
            self.assertFalse([m for m in postfix.mails("ben") if recipient.encode() in m.octets])

    def test_sts_restart(self):
        """MTA-STS: a policy outlives a restart, though its server has vanished (rfc8461:10.2)"""
        recipient = "ann@sts-name.example"
        wait_delivery(gateway, recipient, "deferred")
        gateway.stop()
        kept, web.policies["sts-name.example"] = web.policies["sts-name.example"], None
        gateway.start()
        start = len(gateway.log_text())
        queue(gateway, "retry", "--recipient", recipient)
        try:
            wait_delivery(gateway, recipient, "deferred", start)
        finally:
            web.policies["sts-name.example"] = kept
        self.deferred("sts-name", r"(?i)certificate")

    # rfc8460

    def test_reports(self):
        """TLSRPT: sessions are counted under their policy, failures by kind (rfc8460:4.3)"""
        gateway.stop()
        rows = []
        for day in os.listdir(gateway.path("data/tls-report")):
            for line in world.read_file(gateway.path("data/tls-report/" + day)).decode().splitlines():
                rows.append(" ".join(bytes.fromhex(part.strip("-")).decode() for part in line.split()[1:]))
        expected = [
            ("dane", "tlsa", ""),
            ("dane-wrong", "tlsa", "(validation-failure|tlsa-invalid)"),
            ("dane-plain", "tlsa", "starttls-not-supported"),
            ("dane-sts", "tlsa", ""),
            ("sts", "sts", ""),
            ("sts-name", "sts", "(certificate-not-trusted|certificate-host-mismatch)"),
            ("sts-expired", "sts", "certificate-expired"),
            ("sts-plain", "sts", "starttls-not-supported"),
            ("sts-mx", "sts", "(validation-failure|sts-policy-invalid|certificate-host-mismatch)"),
            ("sts-testing", "sts", "(certificate-not-trusted|certificate-host-mismatch)"),
            ("sts-web", "sts", "sts-webpki-invalid"),
            ("sts-404", "sts", "sts-policy-fetch-error"),
            ("any", "no-policy-found", ""),
            ("plain", "no-policy-found", "starttls-not-supported"),
        ]
        for name, kind, result in expected:
            with self.subTest(domain=name):
                mine = [row for row in rows if re.search(r"^%s\.example " % name, row)]
                self.assertTrue([row for row in mine if kind in row and re.search(result, row)],
                                (kind, result, mine))


if __name__ == "__main__":
    world.main()
