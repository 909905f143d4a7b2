#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""usage: dnslist_test.py PATH-TO-VOUCH [TEST ...]

Lists in DNS as their operators serve them: rbldnsd with address and name lists, nsd with lists as ordinary
zones; `vouch dnslist check` and `vouch dnslist test`, and the gateway that asks them.
"""
import json
import os
import socket
import sys
import threading
import unittest

sys.dont_write_bytecode = True  # the source tree stays as it is

import world

world.require("nsd", "rbldnsd")

# A client's address that is on no list, and one that is.
FINE, LISTED = "192.0.2.9", "192.0.2.7"

RECORDS = [
    # A list as an ordinary zone, with reasons, for addresses and names.
    "2.0.0.127.plain.example. A 127.0.0.2",
    "2.0.0.0.0.0.f.7.f.f.f.f." + "0." * 20 + "plain.example. A 127.0.0.2",
    "test.plain.example. A 127.0.0.2",
    "7.2.0.192.plain.example. A 127.0.0.4",
    "7.2.0.192.plain.example. A 127.0.0.10",
    "7.2.0.192.plain.example. TXT \"Sends\" \" spam\"",
    "spam.example.plain.example. A 127.0.0.2",
    # One that lists everything, one that lists nothing, one that does not serve us, one that is parked.
    "*.wild.example. A 127.0.0.2",
    "nothing.example. A 192.0.2.80",
    "*.closed.example. A 127.255.255.254",
    "*.closed.example. TXT \"Error: open resolver; https://closed.example/\"",
    "*.parked.example. A 203.0.113.80",
    # One that speaks for clients.
    "2.0.0.127.good.example. A 127.0.0.2",
    "9.2.0.192.good.example. A 127.0.5.2",
    # The world of the mail.
    "9.2.0.192.in-addr.arpa. PTR mail.sender.example.",
    "mail.sender.example. A 192.0.2.9",
    "7.2.0.192.in-addr.arpa. PTR 192-0-2-7.dsl.isp.example.",
    "192-0-2-7.dsl.isp.example. A 192.0.2.7",
    "sender.example. TXT \"v=spf1 a:mail.sender.example -all\"",
    "sender.example.ratings.example. TXT \"Status: good Rating: 80\"",
]

ADDRESSES = """:127.0.0.2:Listed, see http://bl.example/?$
127.0.0.2
192.0.2.7
192.0.2.64/27
192.0.2.8:127.0.0.10:Policy
"""
NAMES = """:127.0.1.2:Name used in spam: $
test
.spam.example
"""


class Rbldnsd(world.Daemon):
    """rbldnsd with an address list, bl.example, and a name list, names.example."""

    def __init__(self):
        self.port = world.free_port()
        self.place = os.path.join(world.folder(), "rbldnsd")
        world.write_file(self.place + "/addresses", ADDRESSES)
        world.write_file(self.place + "/names", NAMES)
        user = ["-u", "nobody"] if world.IS_ROOT else []
        super().__init__("rbldnsd", [world.find_program("rbldnsd"), "-n", "-q"] + user +
                         ["-b", "127.0.0.1/%d" % self.port, "-w", self.place, "-c", "1",
                          "bl.example:ip4set:addresses", "names.example:dnset:names"], self.place + "/log")
        world.wait_until("rbldnsd answers",
                         lambda: self.ended() or world.dns_asks(self.port, "2.0.0.127.bl.example", 1))
        if self.ended():
            raise AssertionError("rbldnsd does not start: " + self.log_text())


class Resolver:
    """Sends questions about rbldnsd's zones there, and all others to nsd, as a resolver would in the end."""

    def __init__(self, rbldnsd, nsd):
        self.port = world.free_port()
        self.lists, self.others = rbldnsd, nsd
        self.open = True
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", self.port))
        self.socket.settimeout(0.2)
        threading.Thread(target=self.serve, daemon=True).start()
        world.close_later(self)

    def ask(self, question):
        of_lists = b"\2bl\7example\0" in question or b"\5names\7example\0" in question
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
            asking.settimeout(5)
            asking.sendto(question, ("127.0.0.1", self.lists if of_lists else self.others))
            return asking.recv(4096)

    def serve(self):
        while self.open:
            try:
                question, client = self.socket.recvfrom(4096)
                self.socket.sendto(self.ask(question), client)
            except OSError:
                continue

    def close(self):
        self.open = False


def setUpModule():
    global nsd, rbldnsd, resolver
    nsd = world.Nsd(RECORDS, broken=["broken.example"])
    rbldnsd = Rbldnsd()
    resolver = Resolver(rbldnsd.port, nsd.port)


def vouch(*arguments, port=None):
    return world.vouch("dnslist", *arguments, "--resolver", "127.0.0.1:%d" % (port or resolver.port))


def answer(*arguments, port=None):
    """Exit status and what --json gives."""
    status, out, _ = vouch(*arguments, "--json", port=port)
    return status, json.loads(out)


class Check(unittest.TestCase):
    def check(self, zone, subject, result, status, port=None):
        got, found = answer("check", "--zone", zone, subject, port=port)
        self.assertEqual((found["result"], got), (result, status), found)
        return found["lists"][0]

    def test_rbldnsd(self):
        """addresses and names as rbldnsd serves them, asked directly"""
        found = self.check("bl.example", LISTED, "listed", 1, rbldnsd.port)
        self.assertEqual(found["text"], "Listed, see http://bl.example/?192.0.2.7")
        self.assertEqual([code["code"] for code in found["codes"]], ["127.0.0.2"])
        self.assertEqual(found["self-test"], "works")
        self.check("bl.example", "192.0.2.70", "listed", 1, rbldnsd.port)
        self.check("bl.example", FINE, "not listed", 0, rbldnsd.port)
        found = self.check("names.example", "www.spam.example", "listed", 1, rbldnsd.port)
        self.assertEqual(found["text"], "Name used in spam: spam.example")
        self.check("names.example", "other.example", "not listed", 0, rbldnsd.port)

    def test_nsd(self):
        """several answers and a reason of several strings"""
        found = self.check("plain.example", LISTED, "listed", 1, nsd.port)
        self.assertEqual(sorted(code["code"] for code in found["codes"]), ["127.0.0.10", "127.0.0.4"])
        self.assertEqual(found["text"], "Sends spam")
        self.check("plain.example", "spam.example", "listed", 1, nsd.port)
        self.check("plain.example", "2001:db8::1", "not listed", 0, nsd.port)

    def test_lists_that_do_not_work(self):
        """what a list says does not count if it lists everything, does not serve us, or is parked"""
        found = self.check("wild.example", LISTED, "not listed", 0)
        self.assertEqual((found["status"], found["self-test"]), ("listed", "off"))
        found = self.check("closed.example", LISTED, "not listed", 0)
        self.assertEqual(found["status"], "error")
        self.assertIn("127.255.255.254", found["problem"])
        self.assertEqual(self.check("parked.example", LISTED, "not listed", 0)["status"], "error")
        self.check("broken.example", LISTED, "temperror", 3)

    def test_text_and_usage(self):
        status, out, _ = vouch("check", "--zone", "bl.example", LISTED)
        self.assertEqual((status, out.splitlines()[0]), (1, "listed"))
        self.assertIn("http://bl.example/?192.0.2.7", out)
        for arguments in ([LISTED], ["--zone", "a b", LISTED], ["--zone", "bl.example"],
                          ["--zone", "bl.example", "--list", "x", LISTED], ["--zone", "bl.example", "no name"]):
            self.assertEqual(vouch("check", *arguments)[0], 2, arguments)

    def test_configured_lists(self):
        """lists of a configuration, with their codes"""
        config = world.write_file(world.folder() + "/lists.conf", """hostname = mx.here.example
dnslist plain {
    zone = plain.example
    use = [client]
    weight = 2.5
    codes = ["127.0.0.10=off", "127.0.0.4/30=4"]
}
dnslist names { zone = names.example use = [from, url] }
dnslist good { zone = good.example use = [client] weight = -3 ipv6 = no }
""")
        status, found = answer("check", "--config", config, LISTED)
        points = {code["code"]: code["points"] for code in found["lists"][0]["codes"]}
        self.assertEqual((status, points), (1, {"127.0.0.10": "off", "127.0.0.4": "+4"}))
        status, found = answer("check", "--config", config, FINE)
        self.assertEqual((status, [one["status"] for one in found["lists"]]), (0, ["not listed", "listed"]))
        status, found = answer("check", "--config", config, "a.b.spam.example")
        self.assertEqual((status, found["lists"][0]["subject"]), (1, "spam.example"))
        self.assertEqual(answer("check", "--config", config, "--list", "good", LISTED)[0], 0)
        status, found = answer("test", "--config", config)
        self.assertEqual((status, {one["state"] for one in found}), (0, {"works"}), found)


class SelfTest(unittest.TestCase):
    def states(self, zone, status, port=None):
        got, found = answer("test", "--zone", zone, port=port)
        self.assertEqual(got, status, found)
        return {one["part"]: one["state"] for one in found}

    def test_rfc5782_5(self):
        self.assertEqual(self.states("plain.example", 0), {"IPv4": "works", "IPv6": "works", "names": "works"})
        self.assertEqual(self.states("bl.example", 1, rbldnsd.port)["IPv4"], "works")
        self.assertEqual(self.states("names.example", 1, rbldnsd.port)["names"], "works")
        for zone in "wild.example", "nothing.example", "closed.example", "parked.example":
            self.assertEqual(set(self.states(zone, 1).values()), {"off"}, zone)
        self.assertEqual(set(self.states("broken.example", 3).values()), {"untested"})

    def test_text(self):
        status, out, _ = vouch("test", "--zone", "wild.example")
        self.assertEqual(status, 1)
        self.assertIn("it seems to list everything", out)


class Gateway(unittest.TestCase):
    """The client is whom the proxy names."""

    SECTIONS = """
listener proxy { address = 127.0.0.1:%d proxy-protocol = yes proxy-from = [127.0.0.77] }
dnslist bl { zone = bl.example use = [client] weight = 3 codes = ["127.0.0.10=off"] }
dnslist names { zone = names.example use = [url, from] weight = 4 }
dnslist good { zone = good.example use = [client] weight = -3 }
dnslist wild { zone = wild.example use = [client, url] weight = 50 }
dnslist early { zone = plain.example use = [client] early = %s }
rating ratings { zone = ratings.example }
"""

    def start(self, name, early):
        self.port = world.free_port()
        self.gateway = world.Gateway(name, resolver.port, sections=self.SECTIONS % (self.port, early))
        self.addCleanup(self.gateway.close)

    def connect(self, client):
        session = world.Client(self.port, "127.0.0.77", greeting=False)
        session.send(b"PROXY TCP4 %s 192.0.2.25 40000 25\r\n" % client.encode())
        session.reply()
        session.hello("mail.sender.example")
        return session

    def items(self, reply, check):
        record = self.gateway.explain(reply.id)
        found = []
        for item in record["evidence"]["items"]:
            if item["check"] == check:
                found.append((item["result"], {name: value for kind, name, value in item["properties"]
                                               if kind == "vouch"}))
        return found

    def test_evidence(self):
        """what the lists say of client, author and body is evidence; what they all say counts for nothing"""
        self.start("evidence", "no")
        mail = world.message("anna@sender.example", "alice@here.example", "offer",
                             body="See http://www.spam.example/x and https://www.fine.example/\r\n")
        with self.connect(FINE) as session:
            reply = session.transaction("anna@sender.example", ["alice@here.example"], mail)
        white = self.items(reply, "dnswl")
        self.assertEqual([(result, one["list"], one["code"]) for result, one in white],
                         [("pass", "good", "127.0.5.2")])
        urls = [(result, one["list"], one["subject"]) for result, one in self.items(reply, "uribl")
                if result == "fail"]
        self.assertEqual(urls, [("fail", "names", "spam.example")])
        self.assertEqual([result for result, _ in self.items(reply, "dnsbl")], ["permerror"])
        self.assertEqual([(result, one["rating"]) for result, one in self.items(reply, "rating")],
                         [("pass", "80")])
        self.assertEqual([result for result, _ in self.items(reply, "rdns")], ["pass"])
        self.gateway.wait_log(r"the list wild \(wild.example, IPv4\) is switched off")
        self.gateway.stop()

    def test_listed_client(self):
        self.start("listed", "no")
        with self.connect(LISTED) as session:
            reply = session.transaction("b@other.example", ["alice@here.example"],
                                        world.message("b@other.example", "alice@here.example", "hello"))
        listed = {one["list"] for result, one in self.items(reply, "dnsbl") if result == "fail"}
        self.assertEqual(listed, {"bl", "early"})
        self.assertEqual([(result, one["class"]) for result, one in self.items(reply, "rdns")],
                         [("policy", "generic")])
        self.gateway.stop()

    def test_early(self):
        """a list that decides early refuses at RCPT, with its reason"""
        self.start("early", "reject")
        with self.connect(LISTED) as session:
            self.assertEqual(session.command("MAIL FROM:<b@other.example>").code, 250)
            reply = session.command("RCPT TO:<alice@here.example>")
            self.assertEqual((reply.code, reply.text[:5]), (550, "5.7.1"), reply)
            self.assertIn("Sends spam", reply.text)
        with self.connect(FINE) as session:
            session.command("MAIL FROM:<anna@sender.example>")
            self.assertEqual(session.command("RCPT TO:<alice@here.example>").code, 250)
        self.gateway.stop()


if __name__ == "__main__":
    world.main()
