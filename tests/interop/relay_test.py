#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""usage: relay_test.py PATH-TO-VOUCH [TEST ...]

Not an open relay, in any configuration that starts: every combination of the switches that could
matter meets every form of address that ever made a mail server relay. A recipient of another domain is
never accepted; what is accepted ends in a mailbox of ours, under its own name.

Switches of the whole gateway (own-networks, the default policy) are enumerated by gateways, those of a
listener (syntax, PROXY protocol, TLS) by listeners, those of a domain (catch-all, delivery, delimiter,
policy, recipients file or not) by domains: all of them meet, as each client of each gateway tries
each listener with each domain.
"""
import itertools
import os
import re
import sys
import unittest

sys.dont_write_bytecode = True  # the source tree stays as it is

import world

world.require("nsd")

FOREIGN = "victim.example"
# Domains of others, some of which look like ours (%s).
FOREIGN_DOMAINS = [
    FOREIGN, FOREIGN.upper(), FOREIGN + ".", "sub.%s", "mx.here.example", "%s.victim.example", "x%s",
    "%sx", "%s.victim.example.", "localhost", "[127.0.0.1]", "[192.0.2.1]", "[IPv6:::1]", "[%s]",
    "127.0.0.1", "example", "*.%s", "%s..", ".%s", "%s,victim.example", "%s:victim.example",
    "%s/victim.example", "%s#victim.example", "h\u0435re.%s",
]
# Local parts at our domain (%s) that mean another address to whoever unwraps them.
ROUTING_LOCALS = [
    "victim%%victim.example", "victim%%victim.example%%%s", "victim.example!victim",
    "%s!victim.example!victim", '"victim@victim.example"', '"victim%%victim.example"',
    '"victim.example!victim"', '"@victim.example:victim"', "alice+victim%%victim.example",
    "alice-victim%%victim.example", '"alice+victim@victim.example"', '"victim@victim.example+alice"',
    '"victim\\@victim.example"', '"> victim@victim.example"', '"victim@victim.example>"',
    '"victim@victim.example> ORCPT=rfc822;x"', '"a\\"b@victim.example"', "|victim", '"|/bin/sh"',
    "/etc/passwd", '"../../victim"', '"../bob"', '".."', '"alice/../bob"', '"alice\t"', "alice+../bob",
    '":include:/etc/passwd"', "victim=victim.example",
]
# Whole arguments of RCPT. %(f)s: a foreign domain, %(o)s: ours.
FOREIGN_ARGUMENTS = [
    "<@%(o)s:victim@%(f)s>", "<@%(o)s,@%(o)s:victim@%(f)s>", "<@%(o)s:victim@%(o)s@%(f)s>",
    '<"victim@%(o)s"@%(f)s>', '<"alice@%(o)s"@%(f)s>', "<alice@%(o)s@%(f)s>", "<alice%%%(o)s@%(f)s>",
    "<alice+x@%(f)s>", "<postmaster@%(f)s>", "<abuse@%(f)s>", "<Postmaster@%(f)s>",
    '<"postmaster"@%(f)s>', "victim@%(f)s", " <victim@%(f)s>", "< victim@%(f)s >", "<victim@%(f)s",
    "victim@%(f)s <alice@%(o)s>", "<victim@%(f)s> <alice@%(o)s>", "<victim@%(f)s,alice@%(o)s>",
    "<victim@%(f)s>,<alice@%(o)s>", "<victim@%(f)s>alice@%(o)s", "<victim@%(f)s>@%(o)s",
    "<victim@ %(f)s>", "<victim(alice@%(o)s)@%(f)s>", "<victim@(%(o)s)%(f)s>", "<victim@%(f)s(%(o)s)>",
    "\"alice@%(o)s\" <victim@%(f)s>", "<%(f)s!victim>", "<victim%%%(f)s>", "<@%(f)s>",
    "<victim@%(f)s> ORCPT=rfc822;alice@%(o)s", "<victim@%(f)s> NOTIFY=NEVER",
]
# Either refused, or one of our mailboxes and nothing else.
MIXED_ARGUMENTS = [
    "<@%(f)s:alice@%(o)s>", "<victim@%(f)s@%(o)s>", "<alice@%(o)s> <victim@%(f)s>",
    "<alice@%(o)s>,<victim@%(f)s>", "<alice@%(o)s,victim@%(f)s>", "<alice@%(o)s>victim@%(f)s",
    "alice@%(o)s victim@%(f)s", "alice@%(o)s,victim@%(f)s", "<alice@%(o)s> ORCPT=rfc822;victim@%(f)s",
    "<alice@%(o)s.>", "<alice@%(o)s > ", "<postmaster>", "<POSTMASTER>", "<\"postmaster\">",
    "<@%(f)s:postmaster>", "victim@%(f)s@%(o)s",
]
SENDERS = ["<victim@victim.example>", "<>", "<alice@here.example>", "<postmaster@here.example>",
           "<@here.example:victim@victim.example>", "<victim%victim.example@here.example>"]

DOMAINS = {
    "here.example": 'recipients = "@DIR@/users" aliases = "@DIR@/aliases" '
                    'deliver = "maildir:@DIR@/mail/{domain}/{user}"',
    "all.example": 'recipients = "@DIR@/users" catch-all = alice '
                   'deliver = "maildir:@DIR@/mail/{domain}/{user}"',
    "percent.example": 'recipients = "@DIR@/users" recipient-delimiter = "%" policy = loose '
                       'deliver = "maildir:@DIR@/mail/{domain}/{user}"',
    "bang.example": 'recipients = "@DIR@/users" recipient-delimiter = "!" catch-all = bob@here.example '
                    'deliver = "maildir:@DIR@/mail/{domain}/{user}"',
    "nothing.example": 'recipient-delimiter = "" '
                       'deliver = "maildir:@DIR@/mail/{domain}/{user}"',
    "asked.example": 'deliver = "lmtp:127.0.0.1:@LMTP@" policy = loose',
    "listed.example": 'recipients = "@DIR@/users" catch-all = alice deliver = "lmtp:127.0.0.1:@LMTP@"',
}
POLICIES = {
    "default": "policy default { }\npolicy loose { dmarc = off reject-bad-from = no }",
    "loose": "policy default { dmarc = off spf-fail = mark reject-bad-from = no "
             "trusted-forwarders = [127.0.0.0/8] trusted-lists = [victim.example] }\n"
             "policy loose { dmarc = mark }",
}
LISTENERS = [{"lenient-syntax": lenient, "proxy-protocol": proxy, "tls": tls}
             for lenient, proxy, tls in itertools.product(("no", "yes"), ("no", "yes"),
                                                          ("none", "starttls"))]


def arguments_for(domain):
    """(argument of RCPT, whether it is foreign for certain)"""
    foreign = [f % domain if "%s" in f else f for f in FOREIGN_DOMAINS]
    for name in foreign:
        yield "<victim@%s>" % name, True
        yield "<alice@%s>" % name, True
    # The forms are tried with a plain foreign domain and with one that looks like ours.
    for form in FOREIGN_ARGUMENTS:
        for name in (FOREIGN, "sub." + domain):
            yield form % {"f": name, "o": domain}, True
    for local in ROUTING_LOCALS:
        text = local % domain if "%s" in local else local.replace("%%", "%")
        yield "<%s@%s>" % (text, domain), False
        yield "<%s@%s>" % (text, FOREIGN), True
    for form in MIXED_ARGUMENTS:
        yield form % {"f": FOREIGN, "o": domain}, False


class Session:
    """Sends RCPTs in groups, so that thousands do not take thousands of round trips."""

    def __init__(self, port, proxy, sender, secure=False):
        self.client = world.Client(port, greeting=False)
        if proxy:
            self.client.send(b"PROXY TCP4 %s 127.0.0.1 40000 25\r\n" % proxy.encode())
        self.client.greeting = self.client.reply()
        self.client.hello()
        if secure:
            self.client.start_tls()
            self.client.hello()
        self.utf8 = self.client.command("MAIL FROM:%s SMTPUTF8" % sender)

    def recipients(self, arguments):
        for start in range(0, len(arguments), 40):
            group = arguments[start:start + 40]
            self.client.send(b"".join(b"RCPT TO:%s\r\n" % argument.encode() for argument in group))
            for argument in group:
                yield argument, self.client.reply()


class Relay(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.nsd = world.Nsd([], name="nsd-relay")

    @classmethod
    def tearDownClass(cls):
        cls.nsd.stop()

    def make(self, name, own_networks, policies, domains=None, top="", users="alice\nbob\n", **options):
        fake = world.FakeLmtp()
        # The mailbox server knows alice and bob, so that a name that is unwrapped on the way shows.
        knows = {"alice", "bob"}

        class Known(dict):
            def get(self, mailbox, default):
                local = mailbox.rpartition("@")[0].partition("+")[0]
                return default if local in knows else "550 5.1.1 no such user"
        fake.rcpt = Known()
        ports = [world.free_port() for _ in LISTENERS]
        listeners = "\n".join("listener l%d { address = 127.0.0.1:%d %s }" % (
            i, ports[i], " ".join("%s = %s" % item for item in LISTENERS[i].items()))
            for i in range(len(LISTENERS)))
        domain = "\n".join("domain %s { %s }" % item for item in (domains or DOMAINS).items())
        gateway = world.Gateway(
            name, self.nsd.port, tls=True, users=users,
            aliases=options.pop("aliases", "info: alice, bob@all.example, alice@listed.example\n"),
            top="edges = 1\n%s\n%s" % ("own-networks = [127.0.0.0/8, 192.0.2.0/24]" if own_networks
                                      else "", top),
            domain=domain.replace("@LMTP@", str(fake.port)),
            sections=POLICIES[policies] + "\n" + listeners +
            "\nrates { errors = 0 unknown-recipients = 0 tarpit = 0 connections = 0 network-connections = 0 }"
            "\nlimits { bad-commands = 10000 junk-commands = 10000 sessions-per-client = 1000 }",
            **options)
        return gateway, fake, ports

    def try_all(self, gateway, session, domain, ports):
        """All forms in one session. Gives back how many were accepted."""
        accepted = []
        forms = list(arguments_for(domain))
        self.assertEqual(session.utf8.code, 250, session.utf8)
        # That refusing is not all that it does.
        control = list(session.recipients(["<alice@%s>" % domain, "<postmaster>"]))
        if domain != "nothing.example":
            self.assertEqual(control[0][1].code, 250, control)
        for (argument, foreign), (_, reply) in zip(
                forms, session.recipients([argument for argument, _ in forms])):
            self.assertIn(reply.code // 100, (2, 4, 5), "%s: %s" % (argument, reply))
            if foreign:
                self.assertEqual(reply.code // 100, 5, "RELAY: RCPT TO:%s: %s" % (argument, reply))
            elif reply.code == 250:
                accepted.append(argument)
        return accepted

    def check_places(self, gateway, fake, domains):
        """Mail lies in folders of users of ours only, LMTP was asked for its own domains only."""
        places = {"%s/%s" % (domain, user) for domain in domains
                  for user in ("alice", "bob", "postmaster")}
        base = gateway.path("mail")
        for domain in os.listdir(base) if os.path.isdir(base) else []:
            for user in os.listdir(os.path.join(base, domain)):
                self.assertIn("%s/%s" % (domain, user), places)
        self.assertEqual(sorted(os.listdir(gateway.place)),
                         sorted(set(os.listdir(gateway.place)) &
                                {"aliases", "data", "log", "mail", "run", "users", "vouch.conf"}))
        for mailbox in fake.asked:
            self.assertIn(mailbox.rpartition("@")[2], ("asked.example", "listed.example"), mailbox)
        for mailbox, _ in fake.taken:
            self.assertRegex(mailbox, r"^(alice|bob)(\+[^@]*)?@(asked|listed)\.example$")

    def run_gateway(self, own_networks, policies):
        name = "relay-%s-%s" % ("own" if own_networks else "strangers", policies)
        gateway, fake, ports = self.make(name, own_networks, policies)
        tried = 0
        for i, (port, listener) in enumerate(zip(ports, LISTENERS)):
            proxied = listener["proxy-protocol"] == "yes"
            for j, domain in enumerate(DOMAINS):
                # Each sender meets each listener and each domain, if not each pair of them.
                for sender in (SENDERS if i == j else [SENDERS[(i + j) % len(SENDERS)]]):
                    session = Session(port, "192.0.2.9" if proxied else None, sender,
                                      listener["tls"] == "starttls")
                    accepted = self.try_all(gateway, session, domain, ports)
                    tried += len(list(arguments_for(domain)))
                    if accepted:
                        reply = session.client.data(world.message(
                            "anna@victim.example", "list", "not to be relayed"))
                        self.assertEqual(reply.code, 250, reply)
                    session.client.close()
        self.check_places(gateway, fake, DOMAINS)
        gateway.stop()
        fake.close()
        print("# %s: %d recipients tried" % (name, tried))

    def test_strangers(self):
        """strangers, default policy"""
        self.run_gateway(False, "default")

    def test_strangers_loose(self):
        """strangers, loosest policy"""
        self.run_gateway(False, "loose")

    def test_own_networks(self):
        """own networks (also by the PROXY protocol), default policy: they may not relay either"""
        self.run_gateway(True, "default")

    def test_own_networks_loose(self):
        """own networks, loosest policy"""
        self.run_gateway(True, "loose")

    def test_files_that_lead_elsewhere(self):
        """files that lead elsewhere in a roundabout way: does not start, or is not used

        (An alias that names another site's address plainly forwards: outbound_test.py.)"""
        domain = {"here.example": DOMAINS["here.example"]}
        cases = {
            "alias-percent": dict(aliases="info: victim%victim.example@here.example\n"),
            "alias-pipe": dict(aliases='info: "|/bin/cat"\n'),
            "alias-include": dict(aliases="info: :include:/etc/passwd\n"),
            "alias-slash": dict(aliases="info: /etc/passwd\n"),
            "user-slash": dict(users="alice\nbob\n../../victim\n"),
            "user-at": dict(users="alice\nbob\nvictim@victim.example\n"),
            "catch-all-routed": dict(domains={"here.example": domain["here.example"] +
                                              ' catch-all = "victim%victim.example@here.example"'}),
        }
        started = []
        for name, case in cases.items():
            with self.subTest(case=name):
                case = dict({"domains": domain, "aliases": "info: alice\n"}, **case)
                gateway, fake, ports = self.make("elsewhere-" + name, True, "loose", start=False, **case)
                done = gateway.run("config", "check", gateway.config)
                if done.returncode == 2:
                    self.assertRegex(done.stderr.decode(), r"(?m)^\S+:\d+: |^domain \S+: ")
                    fake.close()
                    continue
                gateway.start(wait=False)
                world.wait_until("it starts or not", lambda: gateway.daemon.ended() or
                                 "master: ready" in gateway.log_since_start())
                if gateway.daemon.ended():
                    self.assertEqual(gateway.daemon.process.returncode, 2, gateway.log_text())
                    self.assertRegex(gateway.log_text(), r"(?m)^\S+:\d+: |^domain \S+: ")
                    gateway.close()
                    fake.close()
                    continue
                started.append(name)
                for recipient in ("info@here.example", "postmaster@here.example", "abuse@here.example",
                                  "postmaster", "unknown@here.example", "victim@victim.example"):
                    reply = gateway.send("anna@victim.example", recipient, world.message(
                        "anna@victim.example", recipient, "via " + name))
                    delivery = gateway.explain(reply.id)["delivery"] if reply.code == 250 else ""
                    self.assertNotIn("victim.example", delivery, (name, recipient))
                    if recipient in ("unknown@here.example", "victim@victim.example"):
                        self.assertEqual(reply.code, 550, (name, recipient, reply))
                self.check_places(gateway, fake, domain)
                gateway.stop()
                fake.close()
        print("# started: " + " ".join(started))


if __name__ == "__main__":
    world.main()
