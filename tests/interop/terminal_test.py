#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""usage: terminal_test.py PATH-TO-VOUCH [TEST ...]

What strangers write never reaches a terminal as more than text: not what terminals obey, and not what
turns the direction of what stands behind it. Programs get every octet.
"""
import json
import os
import pty
import subprocess
import sys
import unittest

sys.dont_write_bytecode = True  # the source tree stays as it is

import world

FIELD = "mx.example; spf=pass reason=\"good \u202eevil\" smtp.mailfrom=a@b.example"
RECEIVED = ("Received: from x ([192.0.2.1]) by \x1b]0;owned\x07; Tue, 14 Nov 2023 22:13:20 +0000\r\n"
            "From: a@b.example\r\n\r\nx\r\n").encode()


def on_terminal(*arguments, stdin=b""):
    """What a terminal gets, standard error included."""
    master, slave = pty.openpty()
    process = subprocess.Popen([world.VOUCH, *arguments], stdin=subprocess.PIPE, stdout=slave, stderr=slave,
                               env={**os.environ, "TERM": "xterm"})
    os.close(slave)
    process.stdin.write(stdin)
    process.stdin.close()
    out = b""
    try:
        while chunk := os.read(master, 65536):
            out += chunk
    except OSError:
        pass  # Linux says EIO at the end
    os.close(master)
    process.wait(timeout=60)
    return out


class Terminal(unittest.TestCase):
    def test_direction(self):
        """text that would read backwards"""
        out = on_terminal("ar", "parse", "--text", FIELD).decode()
        self.assertIn("good ?evil", out)
        piped = subprocess.run([world.VOUCH, "ar", "parse", "--json", "--text", FIELD],
                               stdout=subprocess.PIPE, check=True).stdout
        self.assertEqual(json.loads(piped)[0]["statements"][0]["reason"], "good \u202eevil")

    def test_escape(self):
        """a sequence that would set the window's title"""
        out = on_terminal("check", "--resolver", "127.0.0.1:9", "-", stdin=RECEIVED)
        self.assertIn(b"by ?]0", out)
        self.assertNotIn(b"\x1b]", out)
        self.assertNotIn(b"\x07", out)


if __name__ == "__main__":
    world.main()
