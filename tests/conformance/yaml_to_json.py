#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Turns YAML files of several documents into one JSON array each, on standard output.

usage: yaml_to_json.py FILE

All scalars become strings: an address must not turn into a number, nor "none" into null. Characters
that JSON readers refuse are escaped.
"""
import json
import sys

import yaml


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    with open(sys.argv[1], encoding="utf-8") as file:
        documents = [d for d in yaml.load_all(file, Loader=yaml.BaseLoader) if d]
    json.dump(documents, sys.stdout)
    print()


main()
