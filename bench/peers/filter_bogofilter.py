#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""usage: filter_bogofilter.py PLACE EVENTS SCORES FOLDER

Plays "ham|spam FILE" (learn) and "score FILE" with bogofilter, and writes its spamicity for each score. Events of one
kind that follow each other go to one process (bulk mode), so that a process is started for each message only where
classifying and learning alternate.
"""
import itertools
import os
import subprocess
import sys
import time

place, events, scores, folder = sys.argv[1:5]
BASE = ["bogofilter", "-d", folder, "-C"]
os.makedirs(folder, exist_ok=True)


def run(arguments, names):
    done = subprocess.run(BASE + arguments, input="".join("%s/%s\n" % (place, name) for name in names).encode(),
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    return done.stdout.decode().split("\n")


def cpu():
    spent = os.times()
    return spent.children_user + spent.children_system


count = {"score": 0, "learn": 0}
spent = {"score": 0.0, "learn": 0.0}
wall = {"score": 0.0, "learn": 0.0}
with open(events) as file, open(scores, "w") as out:
    rows = [line.split() for line in file]
    for what, group in itertools.groupby(rows, key=lambda row: row[0]):
        names = [row[1] for row in group]
        kind = "score" if what == "score" else "learn"
        before, start = cpu(), time.monotonic()
        if what == "score":
            lines = run(["-TT", "-e", "-b"], names)
            for i in range(len(names)):
                words = lines[i].split() if i < len(lines) else []
                out.write("%s\n" % (words[-1] if words else "0.52"))
        else:
            run(["-s" if what == "spam" else "-n", "-b"], names)
        count[kind] += len(names)
        spent[kind] += cpu() - before
        wall[kind] += time.monotonic() - start
print("scored=%d scoring=%.4f learned=%d learning=%.4f wall=%.4f" % (
    count["score"], spent["score"], count["learn"], spent["learn"], sum(wall.values())))
