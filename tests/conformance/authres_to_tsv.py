# SPDX-License-Identifier: BSD-2-Clause
"""Turns the doctests of Python's authres into checks, one a line, on standard output.

A statement of the doctests counts when it says what a field's text means or how it is written. The
others (imports, assignments, methods of Python objects) are listed as "left out".

  value    FIELD  PATH  WANTED     what a part of a parsed field is; PATH as in "0.properties.1.name"
  written  FIELD  -     -          this text, parsed and written, is the same text
  valid    FIELD  -     -          parses
  invalid  FIELD  -     -          does not
  left-out SOURCE -     -
"""
import ast
import doctest
import sys

parsed = {}  # variable -> the field text that it was parsed from


def emit(kind, text, path="-", wanted="-"):
    text = text.removeprefix("Authentication-Results: ").removeprefix("authentication-results: ")
    print(kind, text, path, wanted, sep="\t")


def parse_calls(tree):
    """The texts given to a method "parse", with the variable that takes the result."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call):
            call = node.value
            if isinstance(call.func, ast.Attribute) and call.func.attr == "parse":
                yield node.targets[0].id, call.args[0].value


def attribute_path(node):
    """arobj.results[0].properties[1].name -> ("arobj", ["results", 0, "properties", 1, "name"])"""
    path = []
    while not isinstance(node, ast.Name):
        if isinstance(node, ast.Attribute):
            path.insert(0, node.attr)
            node = node.value
        elif isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant):
            path.insert(0, node.slice.value)
            node = node.value
        else:
            return None, None
    return node.id, path


def check_value(tree, want):
    """str(arobj.results[0].method), or the same without str()."""
    node = tree.body[0].value
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "str":
        node = node.args[0]
    name, path = attribute_path(node)
    if name not in parsed or not path or "." in str(path[-1]):
        return False
    if path[0] == "results":
        path = path[1:]
    emit("value", parsed[name], ".".join(map(str, path)), want)
    return True


def check(example):
    source, want = example.source.strip(), example.want.strip()
    try:
        tree = ast.parse(source)
    except SyntaxError:
        return False
    calls = list(parse_calls(tree))
    for name, text in calls:
        refused = want.startswith("Syntax error")
        if not refused:
            parsed[name] = text
        emit("invalid" if refused else "valid", text)
    if calls:
        return True
    if source.startswith("for result in arobj.results"):
        words = [ast.literal_eval(line) for line in want.splitlines()]
        for i, word in enumerate(words):
            emit("value", parsed["arobj"], f"{i // 2}.{('method', 'result')[i % 2]}", word)
        return True
    try:
        text = ast.literal_eval(want)
    except SyntaxError:  # printed by an exception handler
        return False
    if not isinstance(text, str):
        return False
    if text.startswith("Authentication-Results: "):
        emit("written", text)
        return True
    return isinstance(tree.body[0], ast.Expr) and check_value(tree, text)


with open(sys.argv[1], encoding="utf-8") as file:
    # The module's docstring ends in the middle of the file, at quotes on a line of their own.
    for example in doctest.DocTestParser().get_examples(file.read().replace('\n"""\n', "\n\n")):
        if not check(example):
            emit("left-out", " ".join(example.source.split()))
