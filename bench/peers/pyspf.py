#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""pyspf's side of bench/run-auth: pyspf.py ZONE CHECKS. DNS is a table in memory. Prints "N in SECONDS" of
processor time."""
import sys
import time

import spf

TABLE = {}


def read_zone(path):
    for line in open(path):
        name, kind, value = line.rstrip("\n").split(" ", 2)
        if kind == "TXT":
            value = (value.strip('"').encode(),)
        elif kind == "MX":
            preference, host = value.split()
            value = (int(preference), host)
        TABLE.setdefault((name, kind), []).append(((name, kind), value))


def look_up(name, kind, *_, **__):
    return TABLE.get((name.lower().rstrip("."), kind), [])


def check(number):
    last = number % 64 * 4
    result = spf.check2("203.0.113.%d" % last, "somebody@example.org", "mail.example.org")[0]
    if result != ("pass" if last >= 128 else "fail"):
        sys.exit("pyspf: wrong result %s" % result)


read_zone(sys.argv[1])
spf.DNSLookup = look_up
count = int(sys.argv[2])
for i in range(64):
    check(i)
start = time.thread_time()
for i in range(count):
    check(i)
print("%d in %.6f" % (count, time.thread_time() - start))
