#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""usage: hashcash_test.py PATH-TO-VOUCH [TEST ...]

Stamps together with the program of the inventor of hashcash: what one mints, the other accepts.
"""
import json
import subprocess
import sys
import time
import unittest

sys.dont_write_bytecode = True  # the source tree stays as it is

import world

HASHCASH = world.require("hashcash")[0]
RESOURCES = ["joe@example.org", "some.body+tag@sub.example.net", "r" * 80 + "@example.org"]
BITS = "16"


def run(*arguments, stdin=b""):
    return subprocess.run(arguments, input=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          timeout=world.PATIENCE)


def mint_here(*arguments):
    done = run(world.VOUCH, "hashcash", "mint", "--bits", BITS, *arguments)
    assert done.returncode == 0, done
    return done.stdout.decode().split("\n")[:-1]


def mint_there(*arguments):
    done = run(HASHCASH, "-m", "-q", "-b", BITS, *arguments)
    assert done.returncode == 0, done
    return done.stdout.decode().strip()


def accepted_there(stamp, resource, *options):
    # -y: that it was not asked whether the stamp was spent counts as nothing.
    return run(HASHCASH, "-c", "-y", "-b", BITS, "-r", resource, *options, stamp).returncode == 0


def checked_here(stamp, resource, *options):
    done = run(world.VOUCH, "hashcash", "check", "--json", "--bits", BITS, "--resource", resource, *options,
               stamp)
    answer = json.loads(done.stdout)
    assert (done.returncode == 0) == (answer["result"] == "pass"), done
    return answer["result"]


class Hashcash(unittest.TestCase):
    def test_ours_hold_there(self):
        for resource, stamp in zip(RESOURCES, mint_here(*RESOURCES)):
            self.assertTrue(accepted_there(stamp, resource), stamp)
            self.assertEqual(checked_here(stamp, resource), "pass")

    def test_theirs_hold_here(self):
        for resource in RESOURCES:
            stamp = mint_there(resource)
            self.assertEqual(checked_here(stamp, resource), "pass", stamp)

    def test_theirs_with_extension_and_seconds_hold_here(self):
        for options in ["-x", "name=value"], ["-z", "12"], ["-z", "10"]:
            stamp = mint_there(*options, RESOURCES[0])
            self.assertEqual(checked_here(stamp, RESOURCES[0]), "pass", stamp)

    def test_ours_with_minutes_and_seconds_hold_there(self):
        for form in "%y%m%d%H%M", "%y%m%d%H%M%S":
            date = time.strftime(form, time.gmtime())
            stamp = mint_here("--date", date, RESOURCES[0])[0]
            self.assertIn(":%s:" % date, stamp)
            self.assertTrue(accepted_there(stamp, RESOURCES[0]), stamp)

    def test_neither_takes_a_stamp_for_somebody_else(self):
        stamp = mint_here(RESOURCES[0])[0]
        self.assertFalse(accepted_there(stamp, RESOURCES[1]))
        self.assertEqual(checked_here(stamp, RESOURCES[1]), "none")

    def test_neither_takes_one_with_too_few_bits(self):
        stamp = run(world.VOUCH, "hashcash", "mint", "--bits", "8", RESOURCES[0]).stdout.decode().strip()
        self.assertFalse(accepted_there(stamp, RESOURCES[0]))
        self.assertEqual(checked_here(stamp, RESOURCES[0]), "fail")

    def test_neither_takes_one_that_has_expired(self):
        date = time.strftime("%y%m%d", time.gmtime(time.time() - 40 * 86400))
        stamp = mint_here("--date", date, RESOURCES[0])[0]
        self.assertFalse(accepted_there(stamp, RESOURCES[0]))
        self.assertEqual(checked_here(stamp, RESOURCES[0]), "policy")

    def test_neither_takes_one_of_the_future(self):
        date = time.strftime("%y%m%d", time.gmtime(time.time() + 5 * 86400))
        stamp = mint_here("--date", date, RESOURCES[0])[0]
        self.assertFalse(accepted_there(stamp, RESOURCES[0]))
        self.assertEqual(checked_here(stamp, RESOURCES[0]), "policy")

    def test_one_field_of_a_message_does_for_both(self):
        theirs = run(HASHCASH, "-m", "-q", "-X", "-b", BITS, RESOURCES[0]).stdout.decode().strip()
        ours = mint_here("--header", RESOURCES[1])[0]
        text = "From: a@example.com\nSubject: stamped\n%s\n%s\n\nHello.\n" % (theirs, ours)
        path = world.write_file(world.folder() + "/message.eml", text)
        for resource in RESOURCES[:2]:
            done = run(world.VOUCH, "hashcash", "check", "--bits", BITS, "--resource", resource, "--file", path)
            self.assertEqual(done.returncode, 0, done)
            done = run(HASHCASH, "-c", "-y", "-X", "-b", BITS, "-r", resource, stdin=text.encode())
            self.assertEqual(done.returncode, 0, done)


if __name__ == "__main__":
    world.main()
