# SPDX-License-Identifier: BSD-2-Clause
"""Turns the doctests of Python's authres into checks, one a line, on standard output.

A statement of the doctests counts when it says what a field's text means or how it is written. The
others (imports, assignments, methods of Python objects) are listed as "left out".

  value    FIELD  PATH  WANTED     what a part of a parsed field is; PATH as in "0.properties.1.name";
                                   a property that is not there is "None"
  built    FIELD  PARTS -          these parts, written, are this text; statements and, in them, parts
                                   ("header_d=example.org") are set apart by the octets 1E and 1F
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


METHODS = {"SMTPAUTH": "auth", "SPF": "spf", "DKIM": "dkim", "DKIMADSP": "dkim-adsp", "VBR": "vbr",
           "ARC": "arc", "IPRev": "iprev", "SMIME": "smime", "RRVS": "rrvs", "SenderID": "sender-id",
           "DMARC": "dmarc"}
CLASS = "AuthenticationResult"
built = {}  # variable -> the statement that was constructed, as parts
waiting = []  # constructors whose text stands in an example to come: variable, source


def statement_parts(call):
    """DKIMAuthenticationResult(result='pass', header_d='x') -> "method=dkim<1F>result=pass<1F>..."."""
    name = call.func.attr if isinstance(call.func, ast.Attribute) else ""
    if not name.endswith(CLASS) or name.removesuffix(CLASS) not in METHODS:
        return None
    parts = ["method=" + METHODS[name.removesuffix(CLASS)]]
    for word in sorted(call.keywords, key=lambda word: word.arg == "policy"):  # shown last
        parts.append({"policy": "policy_dmarc"}.get(word.arg, word.arg) + "=" + word.value.value)
    return "\x1f".join(parts)


def check_constructor(tree, source):
    """dar_pass = authres.DKIMAuthenticationResult(...): what it is, is told where it is shown."""
    node = tree.body[0]
    if not isinstance(node, ast.Assign) or not isinstance(node.value, ast.Call):
        return False
    parts = statement_parts(node.value)
    if parts:
        built[node.targets[0].id] = parts
        waiting.append((node.targets[0].id, source))
    return parts is not None


def check_header(tree, text):
    """str(authres.AuthenticationResultsHeader(authserv_id=..., results=[...]))"""
    emit("written", text)
    words = {word.arg: word.value for word in tree.body[0].value.args[0].keywords}
    if "results" not in words:
        return
    found = []
    identity, *statements = text.removeprefix("Authentication-Results: ").split("; ")
    for node, statement in zip(words["results"].elts, statements):
        is_variable = isinstance(node, ast.Name)
        parts = built.get(node.id) if is_variable else statement_parts(node)
        found.append(parts)
        if is_variable and parts:
            waiting[:] = [entry for entry in waiting if entry[0] != node.id]
            emit("built", f"{identity}; {statement}", parts)
    if all(found):
        emit("built", text, "\x1e".join(found))


def check_absent(source, want):
    """try: str(arobj.results[0].smtp_mailfrom) except AttributeError: there is no such property. (Of
    methods that it does not know, authres has no attributes at all.)"""
    tree = ast.parse(source).body[0]
    if not isinstance(tree, ast.Try) or "object has no attribute" not in want:
        return False
    name, path = attribute_path(tree.body[0].value.args[0])
    if want.startswith(f"'{CLASS}'") and path[-1].replace("_", ".", 1) in parsed[name].lower():
        return False
    emit("value", parsed[name], ".".join(map(str, path[1:])), "None")
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
    if check_constructor(tree, source):
        return True
    try:
        text = ast.literal_eval(want)
    except SyntaxError:  # printed by an exception handler
        return check_absent(source, want)
    if not isinstance(text, str):
        return False
    if text.startswith("Authentication-Results: "):
        check_header(tree, text)
        return True
    return isinstance(tree.body[0], ast.Expr) and check_value(tree, text)


with open(sys.argv[1], encoding="utf-8") as file:
    # The module's docstring ends in the middle of the file, at quotes on a line of their own.
    for example in doctest.DocTestParser().get_examples(file.read().replace('\n"""\n', "\n\n")):
        if not check(example):
            emit("left-out", " ".join(example.source.split()))
for _, source in waiting:
    emit("left-out", " ".join(source.split()))
