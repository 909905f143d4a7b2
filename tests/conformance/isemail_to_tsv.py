# SPDX-License-Identifier: BSD-2-Clause
"""Prints a test file of isemail as lines of: id, category, diagnosis, address in hexadecimal.

The files write control characters as the symbols for them (U+2400 and on).
"""
import sys
import xml.etree.ElementTree

for test in xml.etree.ElementTree.parse(sys.argv[1]).getroot().iter("test"):
    text = test.findtext("address") or ""
    text = "".join(chr(ord(c) - 0x2400) if 0x2400 <= ord(c) < 0x2421 else c for c in text)
    print(test.get("id"), test.findtext("category"), test.findtext("diagnosis"),
          text.encode().hex(), sep="\t")
