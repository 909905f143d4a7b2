#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""usage: rates_test.py PATH-TO-VOUCH [TEST ...]

What the real gateway does with clients that guess recipients, make errors, send too much or choose the wrong MX
host; and that it remembers over a restart. Clients are other addresses of 127.0.0.0/8, each with a network of its
own unless the test is about networks.
"""
import json
import sys
import time
import unittest

sys.dont_write_bytecode = True  # the source tree stays as it is

import world

world.require("nsd")

RATES = """
rates { window = 10m unknown-recipients = 6 tarpit = 1500ms tarpit-most = 6s errors = 12 messages = 3
        connections = 4 network-connections = 6 }
"""
OPEN_LIMITS = "limits { sessions-per-client = 1000 }\n"


class Story(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.dns = world.Nsd(["sender.example. TXT \"v=spf1 -all\""], name="nsd-" + cls.__name__)

    def gateway(self, name, sections, edges=1, listener=""):
        gateway = world.Gateway(name, self.dns.port, top="edges = %d" % edges, sections=sections + OPEN_LIMITS,
                                listener=listener)
        self.addCleanup(lambda: gateway.daemon and not gateway.daemon.ended() and gateway.stop())
        return gateway

    def greeting_time(self, gateway, source):
        begun = time.monotonic()
        with world.Client(gateway.port, source) as client:
            self.assertEqual(client.greeting.code, 220, client.greeting)
            client.command("QUIT")
        return time.monotonic() - begun

    def guess(self, gateway, source, count, prefix="nobody"):
        """Replies to RCPT of so many names that do not exist, in one session, until it ends."""
        replies = []
        with world.Client(gateway.port, source) as client:
            if client.greeting.code != 220:
                return [client.greeting]
            client.hello()
            client.command("MAIL FROM:<x@nowhere.example>")
            for number in range(count):
                replies.append(client.command("RCPT TO:<%s%d@here.example>" % (prefix, number)))
                if replies[-1].code in (0, 421):
                    if replies[-1].code == 421:
                        self.assertEqual(client.reply().code, 0)
                    break
        return replies

    def mail(self, gateway, source, recipient="alice@here.example"):
        return world.send(gateway.port, "x@nowhere.example", recipient,
                          world.message("x@nowhere.example", recipient), source)


class Guessers(Story):
    def test_a_guesser_waits_for_the_greeting_and_others_do_not(self):
        gateway = self.gateway("tarpit", RATES)
        self.assertEqual([r.code for r in self.guess(gateway, "127.1.1.1", 2)], [550, 550])
        self.assertLess(self.greeting_time(gateway, "127.1.1.1"), 1.4)  # two are free
        self.guess(gateway, "127.1.1.1", 2)
        self.assertGreaterEqual(self.greeting_time(gateway, "127.1.1.1"), 3.0)
        self.assertLess(self.greeting_time(gateway, "127.1.2.1"), 1.4)

    def test_harvesting_closes_the_session_and_a_restart_forgets_nothing(self):
        gateway = self.gateway("harvest", RATES, edges=2)
        replies = self.guess(gateway, "127.1.1.1", 30)
        self.assertEqual([r.code for r in replies], [550] * 6 + [421])
        self.assertIn("4.7.0", replies[-1].text)
        self.assertIn("unknown recipients", replies[-1].text)
        self.assertTrue(gateway.wait_log("rates: .*unknown recipients"))
        gateway.stop()
        gateway.start()
        self.assertGreaterEqual(self.greeting_time(gateway, "127.1.1.1"), 4.0)
        self.assertEqual([r.code for r in self.guess(gateway, "127.1.1.1", 30)], [421])
        self.assertEqual(self.mail(gateway, "127.1.2.1").code, 250)

    def test_guesses_from_a_whole_network_are_counted_together(self):
        gateway = self.gateway("network", "rates { unknown-recipients = 2 tarpit = 0 }\n")
        guessed = 0
        for last in range(1, 30):
            codes = [r.code for r in self.guess(gateway, "127.1.1.%d" % last, 2)]
            guessed += codes.count(550)
            if 421 in codes:
                break
        self.assertIn(421, codes)
        self.assertTrue(10 <= guessed <= 15, guessed)

    def test_who_sends_good_mail_is_forgiven(self):
        gateway = self.gateway("forgiven", RATES.replace("messages = 3", "messages = 0"))
        self.guess(gateway, "127.1.1.1", 4)
        with world.Client(gateway.port, "127.1.1.1") as client:
            client.hello()
            for _ in range(4):
                reply = client.transaction("x@nowhere.example", ["alice@here.example", "bob@here.example"],
                                           world.message("x@nowhere.example", "alice@here.example"))
                self.assertEqual(reply.code, 250)
            client.command("QUIT")
        world.wait_until("it is forgiven", lambda: self.greeting_time(gateway, "127.1.1.1") < 1.4)


class Limits(Story):
    def test_errors_turn_a_client_away_and_only_it(self):
        gateway = self.gateway("errors", RATES)
        with world.Client(gateway.port, "127.1.1.1") as client:
            for _ in range(13):
                self.assertEqual(client.command("NONSENSE").code, 500)

        def refused():
            with world.Client(gateway.port, "127.1.1.1") as client:
                return client.greeting.code == 421 and "errors from your address 127.1.1.1" in client.greeting.text
        world.wait_until("the errors are counted", refused)
        self.assertEqual(self.mail(gateway, "127.1.2.1").code, 250)
        gateway.stop()
        gateway.start()
        self.assertTrue(refused())

    def test_messages_of_an_address_are_limited_over_all_edges(self):
        gateway = self.gateway("messages", RATES, edges=3)
        codes = [self.mail(gateway, "127.1.1.1") for _ in range(6)]
        self.assertEqual([r.code for r in codes], [250] * 3 + [450] * 3)
        self.assertIn("3 in 10 minutes are allowed", codes[-1].text)
        self.assertEqual(self.mail(gateway, "127.1.2.1").code, 250)

    def test_simultaneous_connections_are_limited_over_all_edges(self):
        gateway = self.gateway("connections", "rates { connections = 8 network-connections = 0 }\n", edges=3)
        clients = [world.Client(gateway.port, "127.1.1.1") for _ in range(30)]
        admitted = [c for c in clients if c.greeting.code == 220]
        self.assertTrue(8 <= len(admitted) <= 10, len(admitted))
        self.assertTrue(all(c.greeting.code == 421 for c in clients if c not in admitted))
        for client in clients:
            client.close()

        def again():
            with world.Client(gateway.port, "127.1.1.1") as client:
                return client.greeting.code == 220
        world.wait_until("it may come again", again)

    def test_own_networks_are_exempt(self):
        gateway = self.gateway("own", RATES + "own-networks = [127.1.1.0/24]\n")
        self.assertEqual([r.code for r in self.guess(gateway, "127.1.1.1", 15)], [550] * 15)
        self.assertLess(self.greeting_time(gateway, "127.1.1.1"), 1.4)
        for _ in range(5):
            self.assertEqual(self.mail(gateway, "127.1.1.1").code, 250)


class Nolisting(Story):
    def setUp(self):
        self.best, self.worst = world.free_port(), world.free_port()
        self.here = self.gateway(self.id().rpartition(".")[2], """
listener best { address = [127.0.0.1:%d] tls = none nolisting = refuse }
listener worst { address = [127.0.0.1:%d] tls = none nolisting = trap }
""" % (self.best, self.worst), edges=2)

    def visit_best(self, source):
        with world.Client(self.best, source) as client:
            self.assertEqual(client.greeting.code, 421)
            self.assertIn("4.3.2", client.greeting.text)
            self.assertIn("next MX", client.greeting.text)
            self.assertEqual(client.reply().code, 0)

    def visit_worst(self, source):
        reply = world.send(self.worst, "x@nowhere.example", "alice@here.example", b"Subject: x\r\n\r\nx\r\n", source)
        self.assertEqual(reply.code, 450)
        self.assertIn("4.3.2", reply.text)

    def evidence(self, source):
        reply = self.mail(self.here, source)
        self.assertEqual(reply.code, 250)
        return json.dumps(self.here.explain(reply.id)["evidence"])

    def test_who_tries_the_next_host_is_known_to_do_so_also_after_a_restart(self):
        self.visit_best("127.1.1.1")
        self.assertIn("tried-next", self.evidence("127.1.1.1"))
        self.assertNotIn("tried-next", self.evidence("127.1.2.1"))
        self.here.stop()
        self.here.start()
        self.assertIn("tried-next", self.evidence("127.1.1.1"))

    def test_who_comes_by_the_trap_is_known_by_it(self):
        self.visit_worst("127.1.1.1")
        world.wait_until("the trap is remembered", lambda: '"trap"' in self.evidence("127.1.1.1"))
        self.visit_best("127.1.3.1")
        self.visit_worst("127.1.3.1")
        self.assertNotIn('"trap"', self.evidence("127.1.3.1"))


if __name__ == "__main__":
    world.main()
