#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""report_facts: what other people's report files say, established without our code.

usage: report_facts.py SUITES/dmarc >report-expected.tsv
       report_facts.py --dump FILE

Reads reports with Python's own parsers of XML, JSON, mail, gzip and zip, and writes a row for each file:
path, kind, read or refused, records (or policies), messages (or sessions), a digest over every value, and
what it is about, or why it is refused. The digest is taken of the lines that --dump shows; report_suite.c
makes the same lines from what our reader gives.
"""
import email
import email.utils
import gzip
import hashlib
import io
import ipaddress
import json
import os
import re
import sys
import xml.etree.ElementTree as ElementTree
import zipfile
from datetime import datetime, timezone

FOLDERS = ["stalwart-mail-auth", "mox", "opendmarc"]
NEW = "{urn:ietf:params:xml:ns:dmarc-2.0}"
BLANKS = " \t\r\n"


class Refused(Exception):
    pass


def child(element, path):
    found = element
    for name in path.split("/"):
        found = next((c for c in found if c.tag == name or c.tag == NEW + name), None)
        if found is None:
            return None
    return found


def children(element, name):
    return [c for c in element if c.tag in (name, NEW + name)]


def text(element, path):
    found = child(element, path) if element is not None else None
    return (found.text or "").strip(BLANKS) if found is not None else ""


def whole_number(value):
    if not re.fullmatch(r"[0-9]+(\.0+)?", value):
        raise Refused(f"no number: {value!r}")
    return int(value.split(".")[0])


def aggregate(content):
    try:
        root = ElementTree.fromstring(content)
    except ElementTree.ParseError as problem:
        raise Refused(f"XML: {problem}")
    if root.tag.split("}")[-1] != "feedback":
        raise Refused(f"root is {root.tag}")
    metadata, policy = child(root, "report_metadata"), child(root, "policy_published")
    lines = ["aggregate", f"rfc9990 {int(root.tag.startswith(NEW))}", "version " + text(root, "version")]
    for name in ("org_name", "email", "extra_contact_info", "report_id", "error", "generator"):
        lines.append(f"{name} {text(metadata, name)}")
    for name in ("begin", "end"):
        lines.append(f"{name} {whole_number(text(metadata, 'date_range/' + name))}")
    names = ("domain", "p", "sp", "np", "adkim", "aspf", "pct", "testing", "fo", "discovery_method")
    lines.append("policy " + "|".join(text(policy, name) for name in names))
    messages = 0
    records = children(root, "record")
    for record in records:
        row, evaluated = child(record, "row"), child(record, "row/policy_evaluated")
        identifiers = child(record, "identifiers")
        if identifiers is None:
            identifiers = child(record, "identities")
        try:
            source = ipaddress.ip_address(text(row, "source_ip"))
        except ValueError as problem:
            raise Refused(str(problem))
        count = whole_number(text(row, "count"))
        messages += count
        values = [str(source), str(count)]
        values += [text(evaluated, name) for name in ("disposition", "dkim", "spf")]
        values += [text(identifiers, name) for name in ("header_from", "envelope_from", "envelope_to")]
        lines.append("record " + "|".join(values))
        for reason in children(evaluated, "reason"):
            lines.append("reason " + text(reason, "type") + "|" + text(reason, "comment"))
        results = child(record, "auth_results")
        for kind, names in (("dkim", ("domain", "selector", "result", "human_result")),
                            ("spf", ("domain", "scope", "result", "human_result"))):
            for result in children(results, kind):
                lines.append(kind + " " + "|".join(text(result, name) for name in names))
    if not records:
        raise Refused("no record")
    about = f"{text(metadata, 'org_name')} about {text(policy, 'domain')}"
    return "aggregate", len(records), messages, about, lines


def address(value):
    return str(ipaddress.ip_address(value)) if value else ""


def epoch(value):
    """Microsoft writes no zone, and means UTC."""
    time = datetime.fromisoformat(value.replace("Z", "+00:00"))
    return int((time if time.tzinfo else time.replace(tzinfo=timezone.utc)).timestamp())


def tls(content):
    try:
        root = json.loads(content)
    except ValueError as problem:
        raise Refused(f"JSON: {problem}")
    if "policies" not in root or "organization-name" not in root:
        raise Refused("JSON, but no TLS report")
    lines = ["tls"]
    for name in ("organization-name", "contact-info", "report-id"):
        lines.append(f"{name} {root.get(name) or ''}")
    for name in ("start-datetime", "end-datetime"):
        lines.append(f"{name} {epoch(root['date-range'][name])}")
    sessions = 0
    domains = set()
    for entry in root["policies"]:
        policy, summary = entry["policy"], entry["summary"]
        good = summary.get("total-successful-session-count") or 0
        bad = summary.get("total-failure-session-count") or 0
        sessions += good + bad
        domains.add(policy.get("policy-domain") or "?")
        lines.append(f"policy {policy.get('policy-type') or ''}|{policy.get('policy-domain') or ''}|{good}|{bad}")
        for name in ("policy-string", "mx-host"):
            values = policy.get(name) or []
            for value in [values] if isinstance(values, str) else values:
                lines.append(f"{name} {value}")
        for failure in entry.get("failure-details") or []:
            lines.append("failure " + "|".join([
                failure.get("result-type") or "", address(failure.get("sending-mta-ip")),
                address(failure.get("receiving-ip")), failure.get("receiving-mx-hostname") or "",
                failure.get("receiving-mx-helo") or "", str(failure.get("failed-session-count") or 0),
                failure.get("additional-information") or "", failure.get("failure-reason-code") or ""]))
    about = f"{root['organization-name']} about {', '.join(sorted(domains))}"
    return "tls", len(root["policies"]), sessions, about, lines


def crlf(content):
    return re.sub(rb"\r\n|\r|\n", b"\r\n", content)


def failure(content, boundary):
    """By the octets: header fields and parts are cut out here, not by the email module."""
    parts = re.split(rb"(?:^|\r\n)--" + re.escape(boundary.encode()) + rb"(?:--)?[ \t]*(?:\r\n|$)", crlf(content))
    bodies = []
    for part in parts[1:]:
        header, _, body = part.partition(b"\r\n\r\n")
        kind = re.search(rb"(?im)^content-type:[ \t]*([^;\s]+)", header)
        bodies.append((kind.group(1).lower().decode() if kind else "", body))
    fields = []
    body = next(b for kind, b in bodies if kind == "message/feedback-report").decode()
    for line in re.sub(r"\r\n(?=[ \t])", "", body).split("\r\n"):
        if line:
            name, _, value = line.partition(":")
            fields.append((name.strip().lower(), value.strip(BLANKS)))

    def every(name):
        return [value for key, value in fields if key == name.lower()]

    def one(name, default=""):
        return (every(name) or [default])[0]

    lines = ["failure", "feedback-type " + one("Feedback-Type").lower(), "version " + one("Version")]
    for name in ("User-Agent", "Original-Envelope-Id", "Original-Mail-From", "Reporting-MTA"):
        lines.append(f"{name} {one(name)}")
    for name in ("Original-Rcpt-To", "Reported-Domain", "Reported-URI", "Authentication-Results"):
        lines += [f"{name} {value}" for value in every(name)]
    lines += ["Auth-Failure " + value.split()[0].lower() for value in every("Auth-Failure")]
    date = email.utils.parsedate_tz(one("Arrival-Date") or one("Received-Date"))
    lines.append(f"arrival {email.utils.mktime_tz(date) if date else ''}")
    source = one("Source-IP").split()
    lines.append(f"source {address(source[0]) if source else ''}|{one('Source-Port', '0')}|{one('Incidents', '1')}")
    for name in ("Delivery-Result", "Identity-Alignment"):
        lines.append(f"{name} {one(name).lower()}")
    for name in ("DKIM-Domain", "DKIM-Identity", "DKIM-Selector", "DKIM-Selector-DNS", "DKIM-ADSP-DNS",
                 "SPF-DNS", "DKIM-Canonicalized-Header", "DKIM-Canonicalized-Body"):
        lines.append(f"{name} {one(name)}")
    about = [(kind, b) for kind, b in bodies if kind in ("message/rfc822", "text/rfc822-headers")]
    if about:
        kind, message = about[0]
        lines.append(f"message {int(kind == 'text/rfc822-headers')}|{message.decode('latin-1')}")
    return "failure", 1, int(one("Incidents", "1")), ", ".join(every("Reported-Domain")) or "?", lines


def plain(content):
    start = content.lstrip()[:1]
    if start == b"<":
        return aggregate(content)
    if start == b"{":
        return tls(content)
    raise Refused("neither XML nor JSON")


def unpacked(content):
    if content[:2] == b"\x1f\x8b":
        return plain(gzip.decompress(content))
    if content[:4] == b"PK\3\4":
        archive = zipfile.ZipFile(io.BytesIO(content))
        return plain(archive.read(archive.infolist()[0]))
    return plain(content)


def read(path):
    content = open(path, "rb").read()
    if not path.endswith(".eml"):
        return unpacked(content)
    message = email.message_from_bytes(content)
    for part in message.walk():
        if part.get_content_type() == "message/feedback-report":
            return failure(content, message.get_boundary())
    for part in message.walk():
        if part.get_content_maintype() == "application":
            return unpacked(part.get_payload(decode=True))
    raise Refused("no attachment")


def dump(lines):
    return "".join(line + "\n" for line in lines)


def main():
    if sys.argv[1] == "--dump":
        sys.stdout.buffer.write(dump(read(sys.argv[2])[4]).encode())
        return
    root = sys.argv[1]
    print("# Made by report_facts.py. file, kind, read or refused, records, messages, digest, about")
    for folder in FOLDERS:
        for directory, folders, files in sorted(os.walk(os.path.join(root, folder))):
            for name in sorted(files):
                path = os.path.join(directory, name)
                try:
                    kind, records, messages, about, lines = read(path)
                    digest = hashlib.sha256(dump(lines).encode()).hexdigest()[:16]
                    row = [kind, "read", records, messages, digest, about]
                except Refused as problem:
                    kind = "aggregate" if name.endswith(".xml") else "none"
                    row = [kind, "refused", 0, 0, "-", problem]
                print(os.path.relpath(path, root), *row, sep="\t")


main()
