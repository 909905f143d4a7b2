#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""usage: spoof_test.py PATH-TO-VOUCH [TEST ...]

Somebody who authenticates perfectly as himself (SPF, DKIM) tries to pass for somebody else, by what parsers of header,
envelope and signatures read in different ways. Whatever he does: the message is refused, or it is not delivered as the
victim's, neither by Authentication-Results nor by its class.
"""
import base64
import hashlib
import re
import sys
import unittest

sys.dont_write_bytecode = True  # the source tree stays as it is

import world

world.require("nsd", "openssl")

GOOD, EVIL = "127.0.0.10", "127.0.0.66"
VICTIM, ATTACKER = "victim.example", "evil.example"
CEO = b"ceo@victim.example"
ME = b"me@evil.example"
KEYS = {}
# In which DNS a name ends elsewhere than a careless reader thinks: the name in d=, and in the zone.
DOMAINS = {
    "a bracket": ("victim.example(.evil.example", r"victim.example\(.evil.example"),
    "a NUL": ("victim.example\0.evil.example", r"victim.example\000.evil.example"),
    "a quote": ('victim.example".evil.example', r"victim.example\034.evil.example"),
    "a blank": ("victim.example .evil.example", r"victim.example\032.evil.example"),
    "a semicolon": ("victim.example\\;.evil.example", r"victim.example\092\059.evil.example"),
    "a slash": ("victim.example/.evil.example", r"victim.example/.evil.example"),
}


def records():
    KEYS["victim"] = world.DkimKey(VICTIM, "s1")
    KEYS["evil"] = world.DkimKey(ATTACKER, "s1")
    public = KEYS["evil"].record.partition(" TXT ")[2]
    return [key.record for key in KEYS.values()] + [
        "s1._domainkey.%s. TXT %s" % (zone, public) for _, zone in DOMAINS.values()] + [
        'victim.example. TXT "v=spf1 ip4:127.0.0.10 -all"',
        '_dmarc.victim.example. TXT "v=DMARC1; p=reject"',
        "mail.victim.example. A 127.0.0.10",
        'evil.example. TXT "v=spf1 ip4:127.0.0.66 -all"',
        '_dmarc.evil.example. TXT "v=DMARC1; p=none"',
        'mail.evil.example. TXT "v=spf1 ip4:127.0.0.66 -all"',
        "mail.evil.example. A 127.0.0.66",
    ]


_count = 0


def compose(*lines, body=b"Please pay.\r\n"):
    """A message with these header lines, and what a decent one has besides."""
    global _count
    _count += 1
    rest = [b"To: alice@here.example", b"Subject: spoof-%d-" % _count, b"Date: Mon, 16 Nov 2026 10:00:00 +0000",
            b"Message-ID: <spoof.%d@evil.example>" % _count]
    return b"\r\n".join(list(lines) + rest) + b"\r\n\r\n" + body


def sign(key, octets, d=None, tags=b"", headers=(b"from", b"subject"), length=None):
    """A signature (relaxed) over these fields, the lowest of each name."""
    head, _, body = octets.partition(b"\r\n\r\n")
    hashed = body if length is None else body[:length]
    if length is not None:
        tags += b" l=%d;" % length
    value = b" v=1; a=rsa-sha256; c=relaxed/simple; d=%s; s=s1; h=%s;%s bh=%s; b=" % (
        (d or key.domain).encode("utf-8"), b":".join(headers), tags,
        base64.b64encode(hashlib.sha256(hashed).digest()))
    fields = [re.split(rb"[ \t]*:", field, maxsplit=1) for field in re.split(rb"\r\n(?![ \t])", head)]
    signed = b""
    for wanted in headers:
        for i in reversed(range(len(fields))):
            if fields[i][0].lower() == wanted:
                signed += key._relax_header(*fields.pop(i)) + b"\r\n"
                break
    signed += key._relax_header(b"DKIM-Signature", value)
    signature = base64.b64encode(world.openssl("dgst", "-sha256", "-sign", key.file, stdin=signed))
    return b"DKIM-Signature:" + value + signature + b"\r\n" + octets


class Spoof(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.nsd = world.Nsd(records())
        cls.gateway = world.Gateway("spoof", "dns { servers = [127.0.0.1:%d] timeout = 300ms attempts = 2 }" %
                                    cls.nsd.port)

    @classmethod
    def tearDownClass(cls):
        cls.gateway.stop()
        cls.nsd.stop()

    def found(self, octets):
        marker = re.search(rb"spoof-\d+-", octets).group().decode()
        return self.gateway.find_mail("alice", marker) + self.gateway.find_mail("alice", marker, ".Junk")

    def results_of(self, mail):
        """All that a reader could take for our Authentication-Results."""
        head = re.sub(rb"\r?\n[ \t]+", b" ", mail.head)
        return [line for line in re.split(rb"\r\n|\n|\r", head)
                if re.match(rb"(?i)authentication-results[ \t]*:", line) and b"mx.here.example" in line.lower()]

    def attack(self, name, octets, sender="me@evil.example", helo="mail.evil.example", source=EVIL, signed=True):
        """True if it was delivered, but not as the victim's."""
        with self.subTest(name):
            octets = sign(KEYS["evil"], octets) if signed else octets
            reply = world.send(self.gateway.port, sender, "alice@here.example", octets, source=source, helo=helo)
            if reply.code != 250:
                self.assertTrue(reply.code == 0 or reply.code >= 400, reply)
                self.assertEqual(self.found(octets), [])
                return False
            mails = self.found(octets)
            self.assertEqual(len(mails), 1, "%s: delivered %d times" % (name, len(mails)))
            head = mails[0].head.decode("utf-8", "replace")
            for line in self.results_of(mails[0]):
                for part in line.split(b";"):
                    self.assertFalse(re.search(rb"dmarc\s*=\s*pass", part) and
                                     re.search(rb"header\.from\s*=\s*\S*victim\.example(?![.\w])", part), head)
            verdict = [line for line in mails[0].fields("X-Vouch-Verdict")]
            self.assertEqual(len(verdict), 1, head)
            author = (self.gateway.explain(reply.id)["header_from"] or "").lower()
            if re.search("class=(first|business)", verdict[0]):
                self.assertFalse(author.endswith("@victim.example"), head)
                # Nor has it a second field for others to read as they like.
                self.assertEqual(len(re.findall(rb"(?im)^from[ \t]*:", mails[0].head)), 1, head)
            return True

    def test_the_victims_own_mail_is_the_victims(self):
        """what the attacks are to be measured by: the genuine message passes as the victim's"""
        octets = sign(KEYS["victim"], compose(b"From: " + CEO))
        self.assertEqual(world.send(self.gateway.port, "ceo@victim.example", "alice@here.example", octets, source=GOOD,
                                    helo="mail.victim.example").code, 250)
        mail, = self.found(octets)
        self.assertRegex(mail.field("Authentication-Results"), r"dmarc=pass[^;]* header\.from=victim\.example")
        self.assertIn("class=business", mail.field("X-Vouch-Verdict"))
        self.assertTrue(self.attack("as himself", compose(b"From: " + ME)))

    def test_from(self):
        """From with two addresses, groups, routes, comments, quotes, encoded words and odd octets"""
        for name, value in {
                "plain": CEO,
                "a list": ME + b", " + CEO,
                "a list, victim first": CEO + b", " + ME,
                "two brackets": b"<" + CEO + b"><" + ME + b">",
                "two brackets, attacker first": b"<" + ME + b"><" + CEO + b">",
                "bracket in bracket": b"<<" + CEO + b">" + ME + b">",
                "address and bracket": CEO + b" <" + ME + b">",
                "bracket and address": b"<" + ME + b"> " + CEO,
                "bracket and address, victim first": b"<" + CEO + b"> " + ME,
                "quoted name": b'"' + CEO + b'" <' + ME + b">",
                "quoted name that does not end": b'"' + CEO + b" <" + ME + b">",
                "escaped quote": b'"\\"' + CEO + b'" <' + ME + b'>\\""',
                "comment": b"(" + CEO + b") " + ME,
                "comment behind": b"<" + ME + b"> (<" + CEO + b">)",
                "comment within": b"ceo@victim.example(.evil.example)",
                "comment in the domain": b"ceo@(evil.example)victim.example",
                "nested comment": b"(a(b" + ME + b")) <" + CEO + b">",
                "comment that does not end": b"<" + CEO + b"> (x <" + ME + b">",
                "route": b"<@evil.example:" + CEO + b">",
                "route, turned": b"<@victim.example:" + ME + b">",
                "routes": b"<@evil.example,@victim.example:" + ME + b">",
                "group": b"x: " + CEO + b", " + ME + b";",
                "empty group first": b"x:; <" + CEO + b">",
                "group in group": b"x: y: " + CEO + b";, " + ME + b";",
                "two at": b"ceo@victim.example@evil.example",
                "two at, turned": b"me@evil.example@victim.example",
                "quoted local": b'"ceo@victim.example"@evil.example',
                "quoted local, turned": b'"me@evil.example"@victim.example',
                "quoted local with bracket": b'"<ceo@victim.example>"@evil.example',
                "NUL": b"ceo@victim.example\0@evil.example",
                "NUL, turned": b"me@evil.example\0.victim.example",
                "NUL in the name": b"\0<" + CEO + b">, <" + ME + b">",
                "backspace": b"ceo@victim.example\b.evil.example",
                "bare CR": b"<" + ME + b">\rFrom: <" + CEO + b">",
                "bare LF": b"<" + ME + b">\nFrom: <" + CEO + b">",
                "encoded word": b"=?utf-8?b?" + base64.b64encode(CEO) + b"?=",
                "encoded word and address": b"=?utf-8?b?" + base64.b64encode(b"<" + CEO + b">") + b"?= <" + ME + b">",
                "encoded word with quote": b"=?utf-8?b?" + base64.b64encode(b'"' + CEO + b'"') + b"?=<" + ME + b">",
                "encoded word with comma": b"=?utf-8?q?=3Cceo=40victim.example=3E=2C?= <" + ME + b">",
                "encoded word with NUL": b"=?utf-8?b?" + base64.b64encode(CEO + b"\0") + b"?=@evil.example",
                "encoded word with line": b"=?utf-8?q?x=0D=0AFrom:_ceo=40victim.example?= <" + ME + b">",
                "encoded local": b"=?utf-8?q?ceo=40victim.example?=@evil.example",
                "domain literal": b"ceo@[victim.example]",
                "dot behind": b"ceo@victim.example.",
                "upper case": b"CEO@VICTIM.EXAMPLE",
                "subdomain": b"ceo@pay.victim.example",
                "folded domain": b"ceo@victim.\r\n example",
                "folded from the start": b"\r\n <" + CEO + b">",
                "line of blanks": b"<" + ME + b">\r\n \t\r\n , <" + CEO + b">",
                "very long name": b"x" * 990 + b"\r\n <" + CEO + b">",
                "many addresses": b", ".join([ME] * 400 + [CEO]),
                "empty": b"",
                "only brackets": b"<>",
                "full-width letters": "ceo@ｖｉｃｔｉｍ.ｅｘａｍｐｌｅ".encode(),
                "ideographic dot": "ceo@victim。example".encode(),
                "soft hyphen": "ceo@vic\u00adtim.example".encode(),
                "zero width": "ceo@victim.example\u200b".encode(),
                "full-width at": "ceo＠victim.example <me@evil.example>".encode(),
                "bad UTF-8": b"ceo@victim.example\xff, " + ME,
                "A-label with the letters": b"ceo@xn--victim-.example",
        }.items():
            self.attack("From: " + name, compose(b"From: " + value))

    def test_from_fields(self):
        """several From fields, and names that are nearly From"""
        victim, me = b"From: " + CEO, b"From: " + ME
        for name, lines in {
                "two": (me, victim),
                "two, victim first": (victim, me),
                "blank before the colon": (b"From : " + CEO, me),
                "blank before the colon, behind": (me, b"From : " + CEO),
                "blank before the colon alone": (b"From : " + CEO,),
                "tab before the colon": (me, b"From\t: " + CEO),
                "folded name": (me, b"From\r\n : " + CEO),
                "folded name first": (b"From\r\n : " + CEO, me),
                "blank in front": (b" From: " + CEO, me),
                "blank in front, behind": (me, b"X-A: b", b" From: " + CEO),
                "NUL behind the name": (b"From\0: " + CEO, me),
                "NUL before the name": (b"\0From: " + CEO, me),
                "upper case": (b"FROM: " + CEO, me),
                "octet over 127 in the name": (b"From\xa0: " + CEO, me),
                "mbox line": (b"From ceo@victim.example Mon Nov 16 10:00:00 2026", me),
                "line that is no field": (b"nonsense", victim, me),
                "resent": (b"Resent-From: " + ME, b"Resent-Sender: " + ME, victim),
                "sender": (b"Sender: " + ME, victim),
                "sender, turned": (b"Sender: " + CEO, me),
                "reply-to": (b"Reply-To: " + CEO, me),
                "no from but sender": (b"Sender: " + CEO,),
                "none": (),
                "bare CR in a field before": (b"X-A: b\rFrom: " + CEO, me),
                "bare LF in a field before": (b"X-A: b\nFrom: " + CEO, me),
                "empty line with CR": (me, b"\r", victim),
        }.items():
            self.attack(name, compose(*lines))
        self.attack("From behind the header", compose(me, body=victim + b"\r\n\r\nPay.\r\n"))

    def test_envelope(self):
        """what passes SPF is somebody else than who is written to be the author"""
        octets = [b"From: " + CEO]
        for name, sender, helo in (
                ("another domain", "me@evil.example", "mail.evil.example"),
                ("no sender", "", "mail.evil.example"),
                ("no sender, and the victim's name", "", "mail.victim.example"),
                ("the victim's name", "me@evil.example", "victim.example"),
                ("the victim's, helo of the attacker", "ceo@victim.example", "mail.evil.example"),
                ("a subdomain", "ceo@none.victim.example", "mail.evil.example"),
                ("a route", "@evil.example:ceo@victim.example", "mail.evil.example"),
                ("a route, turned", "@victim.example:me@evil.example", "mail.evil.example"),
                ("two at", "ceo@victim.example@evil.example", "mail.evil.example"),
                ("two at, turned", "me@evil.example@victim.example", "mail.evil.example"),
                ("a list", "me@evil.example,ceo@victim.example", "mail.evil.example"),
                ("quoted", '"ceo@victim.example"@evil.example', "mail.evil.example"),
                ("quoted, turned", '"me@evil.example"@victim.example', "mail.evil.example"),
                ("quoted with bracket", '"me@evil.example> x"@victim.example', "mail.evil.example"),
                ("a bracket", "me@evil.example(.victim.example", "mail.evil.example"),
                ("a bracket, turned", "me@victim.example(.evil.example", "mail.evil.example"),
                ("a NUL", "me@evil.example\0.victim.example", "mail.evil.example"),
                ("a NUL, turned", "me@victim.example\0.evil.example", "mail.evil.example"),
                ("full-width letters", "me@ｖictim.example", "mail.evil.example"),
                ("two brackets", "me@evil.example><ceo@victim.example", "mail.evil.example"),
                ("helo with a bracket", "", "mail.victim.example(.evil.example"),
                ("helo with a blank", "", "mail.evil.example victim.example")):
            for signed in False, True:
                self.attack("MAIL FROM: %s%s" % (name, " (signed)" if signed else ""), compose(*octets), sender=sender,
                            helo=helo, signed=signed)

    def test_signature(self):
        """signatures whose d= ends elsewhere than it looks, that cover another message, or only its beginning"""
        for name, (d, _) in DOMAINS.items():
            self.attack("d= with " + name, sign(KEYS["evil"], compose(b"From: " + CEO), d=d), signed=False)
        for name, d, tags in (
                ("the victim's with another key", VICTIM, b""),
                ("two d=", "evil.example; d=victim.example", b""),
                ("i= of the victim", ATTACKER, b" i=ceo@victim.example;"),
                ("i= over d=", VICTIM, b" i=me@evil.example;"),
                ("an address", "x@victim.example", b""),
                ("a whole zone", "example", b""),
                ("a dot in front", ".victim.example", b""),
                ("full-width letters", "ｖictim.example", b"")):
            self.attack("d=: " + name, sign(KEYS["evil"], compose(b"From: " + CEO), d=d, tags=tags), signed=False)
        author = b"From: " + CEO

        def genuine(**options):
            return sign(KEYS["victim"], compose(author, body=b"Hello.\r\n"), **options)
        self.attack("a From before the genuine one", b"From: " + ME + b"\r\n" + genuine())
        self.attack("a From of the victim before", b"From: other@victim.example\r\n" + genuine(), signed=False)
        self.attack("a From behind the genuine one", genuine().replace(author, author + b"\r\nFrom: " + ME),
                    signed=False)
        self.attack("a From behind that is no field", genuine().replace(author, author + b"\r\nFrom\0: " + ME),
                    signed=False)
        self.attack("another From", genuine().replace(author, b"From: other@victim.example"), signed=False)
        self.attack("another body", genuine().replace(b"Hello.", b"Pay me."), signed=False)
        self.attack("another body behind the signed length", genuine(length=8) + b"Pay me.\r\n", signed=False)
        self.attack("another body, no length signed", genuine(length=0).replace(b"Hello.", b"Pay me."), signed=False)
        self.attack("no From signed", sign(KEYS["victim"], compose(b"From: " + ME), headers=(b"subject",)).replace(
            b"From: " + ME, b"From: " + CEO), signed=False)

    def test_arc_and_results(self):
        """what others say that they have seen, in our name or theirs"""
        seal = (b"ARC-Seal: i=1; a=rsa-sha256; cv=none; d=%s; s=s1; t=1; b=AAAA",
                b"ARC-Message-Signature: i=1; a=rsa-sha256; d=%s; s=s1; h=from; bh=AAAA; b=AAAA")
        said = b"dmarc=pass header.from=victim.example; spf=pass smtp.mailfrom=victim.example"
        for domain in b"evil.example", b"victim.example", b"here.example":
            self.attack("ARC of " + domain.decode(), compose(
                *(line % domain for line in seal), b"ARC-Authentication-Results: i=1; " + domain + b"; " + said,
                b"From: " + CEO))
        for line in (b"Authentication-Results: mx.here.example; ", b"Authentication-Results: mx.here.example 1; ",
                     b"AUTHENTICATION-RESULTS: MX.HERE.EXAMPLE; ", b"Authentication-Results:\r\n mx.here.example; ",
                     b"Authentication-Results: (x) mx.here.example (y) ; ", b'Authentication-Results: "mx.here.example"; ',
                     b"Authentication-Results : mx.here.example; ", b"Authentication-Results: x (\r\n) ; a=b\r\n"
                     b"Authentication-Results: mx.here.example.; "):
            self.attack("in our name: " + repr(line), compose(line + said, b"From: " + CEO))
            self.attack("in our name, of himself: " + repr(line), compose(line + said, b"From: " + ME))


if __name__ == "__main__":
    sys.exit(world.main())
