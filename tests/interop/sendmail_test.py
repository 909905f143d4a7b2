#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""usage: sendmail_test.py PATH-TO-VOUCH [TEST ...]

`vouch sendmail` as cron, scripts and mail programs call it, against a server that does as it is told:
ports in their order, memory, TLS that is stripped or wrong, AUTH, exit codes of sysexits.h.
"""
import base64
import os
import re
import socket
import ssl
import stat
import subprocess
import sys
import threading
import unittest

sys.dont_write_bytecode = True  # the source tree stays as it is

import world

OK, USAGE, DATAERR, NOUSER, NOHOST, UNAVAILABLE, TEMPFAIL, PROTOCOL, NOPERM, CONFIG = \
    0, 64, 65, 67, 68, 69, 75, 76, 77, 78
LETTER = b"Subject: x\n\nHello.\n"


class Sink:
    """An SMTP server. `tls`: (chain, key) for STARTTLS, or from the start with `implicit`; `auth`: the
    password it wants; `replies`: by verb, or by "RCPT mailbox"."""

    def __init__(self, tls=None, implicit=False, auth=None, must_auth=False, replies=None, port=None):
        self.context = None
        if tls:
            self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.context.load_cert_chain(*tls)
        self.implicit, self.auth, self.must_auth = implicit, auth, must_auth
        self.replies = replies or {}
        self.lines = []     # all commands, in order
        self.plain = b""    # octets that came without TLS
        self.mails = []     # (MAIL line, [RCPT line], octets)
        self.sessions = 0
        self.port = port or world.free_port()
        self.listener = socket.create_server(("127.0.0.1", self.port))
        threading.Thread(target=self._accept, daemon=True).start()
        world.close_later(self)

    def close(self):
        try:
            self.listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.listener.close()

    def _accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.sessions += 1
            threading.Thread(target=self._guard, args=(connection,), daemon=True).start()

    def _guard(self, connection):
        try:
            self._serve(connection)
        except (OSError, ValueError):
            pass
        finally:
            connection.close()

    def _serve(self, connection):
        encrypted = authenticated = False
        if self.implicit:
            connection = self.context.wrap_socket(connection, server_side=True)
            encrypted = True
        file = connection.makefile("rb")

        def say(text):
            connection.sendall(text.encode() + b"\r\n")

        def take():
            line = file.readline()
            if not encrypted:
                self.plain += line
            return line
        say("220 sink.example ESMTP")
        sender, recipients = None, []
        while line := take():
            text = line.decode("utf-8", "replace").rstrip("\r\n")
            self.lines.append(text)
            verb = text.split(" ")[0].upper()
            mailbox = re.search(r"<(.*?)>", text)
            told = self.replies.get("%s %s" % (verb, mailbox.group(1) if mailbox else ""),
                                    self.replies.get(verb))
            if told:
                say(told)
            elif verb == "EHLO":
                words = ["sink.example", "8BITMIME", "DSN", "ENHANCEDSTATUSCODES", "PIPELINING"]
                if self.context and not encrypted:
                    words.append("STARTTLS")
                if self.auth and (encrypted or not self.context):
                    words.append("AUTH PLAIN LOGIN")
                for word in words[:-1]:
                    say("250-" + word)
                say("250 " + words[-1])
            elif verb == "STARTTLS" and self.context:
                say("220 go on")
                connection = self.context.wrap_socket(connection, server_side=True)
                file, encrypted = connection.makefile("rb"), True
            elif verb == "AUTH":
                secret = base64.b64decode(text.split(" ")[2]).split(b"\0")[2].decode()
                authenticated = secret == self.auth
                say("235 2.7.0 Welcome" if authenticated else "535 5.7.8 Wrong")
            elif verb == "MAIL" and self.must_auth and not authenticated:
                say("530 5.7.0 Authentication required")
            elif verb == "MAIL":
                sender, recipients = text, []
                say("250 2.1.0 Ok")
            elif verb == "RCPT" and sender is None:
                say("503 5.5.1 MAIL first")
            elif verb == "RCPT":
                recipients.append(text)
                say("250 2.1.5 Ok")
            elif verb == "DATA" and not recipients:
                say("503 5.5.1 RCPT first")
            elif verb == "DATA":
                say("354 go on")
                octets = b""
                while (piece := take()) != b".\r\n":
                    if not piece:
                        return
                    octets += piece[1:] if piece.startswith(b".") else piece
                self.mails.append((sender, recipients, octets))
                sender = None
                say("250 2.0.0 taken")
            elif verb == "QUIT":
                say("221 2.0.0 Bye")
                return
            else:
                sender = None if verb == "RSET" else sender
                say("250 2.0.0 Ok")


def free_home(name):
    place = os.path.join(world.folder(), "home-" + name)
    os.makedirs(place, exist_ok=True)
    return place


class Caller:
    """A user with a home and a configuration of his own."""

    def __init__(self, name, **keys):
        self.home = free_home(name)
        self.config = os.path.join(self.home, "sendmail.conf")
        self.set(**keys)

    def set(self, **keys):
        keys.setdefault("host", "127.0.0.1")
        keys.setdefault("from-domain", "here.example")
        lines = ["%s = %s" % (key.replace("_", "-"), value) for key, value in keys.items()]
        world.write_file(self.config, "\n".join(lines) + "\n")

    def run(self, *arguments, stdin=LETTER, program=None, environment=None):
        variables = {"PATH": os.environ["PATH"], "HOME": self.home, "VOUCH_SENDMAIL": self.config,
                     "LC_ALL": "C", **(environment or {})}
        for key in "ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS":
            if key in os.environ:
                variables[key] = os.environ[key]
        command = [program] if program else [world.VOUCH, "sendmail"]
        done = subprocess.run(command + list(arguments), input=stdin, capture_output=True,
                              timeout=world.PATIENCE, env=variables)
        self.status, self.out, self.error = done.returncode, done.stdout, done.stderr.decode()
        return done.returncode

    def memory(self):
        path = self.home + "/.cache/vouch/sendmail"
        return world.read_file(path).decode() if os.path.exists(path) else ""


def ports(*numbers):
    return "[%s]" % ", ".join(str(n) for n in numbers)


class Programs(unittest.TestCase):
    def test_cron(self):
        """as cron calls it: an unqualified From and recipient, a lone dot that is text"""
        sink = Sink()
        caller = Caller("cron", port=sink.port)
        self.assertEqual(caller.run("-i", "-FCronDaemon", "-oem", "-B8BITMIME", "root", stdin=(
            b"From: root (Cron Daemon)\nTo: root\nSubject: Cron\n\na\n.\nb\n")), OK, caller.error)
        sender, recipients, octets = sink.mails[0]
        self.assertEqual(recipients, ["RCPT TO:<root@here.example>"])
        self.assertRegex(sender, r"^MAIL FROM:<[^@>]+@here\.example>")
        self.assertIn(b"From: root@here.example (Cron Daemon)\r\n", octets)
        self.assertIn(b"To: root@here.example\r\n", octets)
        self.assertIn(b"\r\n\r\na\r\n.\r\nb\r\n", octets)

    def test_header(self):
        """-t: recipients of To, Cc and Bcc; Bcc goes; From, Date and Message-ID come"""
        sink = Sink()
        caller = Caller("header", port=sink.port)
        self.assertEqual(caller.run("-t", "-f", "news@here.example", "extra@b.example", stdin=(
            b"To: Some One <one@a.example>, two\nCc: one@a.example\nBcc: secret@b.example,\n"
            b" other@b.example\nSubject: x\n\nHello.\n.\nnot this\n")), OK, caller.error)
        sender, recipients, octets = sink.mails[0]
        self.assertEqual(sender.split(" SIZE")[0].split(" BODY")[0], "MAIL FROM:<news@here.example>")
        self.assertEqual([r[8:].strip("<>") for r in recipients],
                         ["one@a.example", "two@here.example", "secret@b.example", "other@b.example",
                          "extra@b.example"])
        self.assertNotIn(b"secret", octets)
        self.assertNotIn(b"other@", octets)
        for name in b"From: ", b"Date: ", b"Message-ID: <":
            self.assertEqual(octets.count(b"\r\n" + name) + octets.startswith(name), 1, octets)
        self.assertTrue(octets.endswith(b"\r\n\r\nHello.\r\n"), octets)

    def test_null_sender(self):
        """the null sender, DSN parameters and a message without any header"""
        sink = Sink()
        caller = Caller("dsn", port=sink.port)
        self.assertEqual(caller.run("-f", "<>", "-N", "success,delay", "-R", "hdrs", "-V", "id+1", "--",
                                    "u@b.example", stdin=b"just text\n"), OK, caller.error)
        sender, recipients, octets = sink.mails[0]
        self.assertTrue(sender.startswith("MAIL FROM:<>"), sender)
        self.assertIn("RET=HDRS", sender)
        self.assertIn("ENVID=id+2B1", sender)
        self.assertRegex(recipients[0], "NOTIFY=SUCCESS,DELAY")
        self.assertTrue(octets.endswith(b"\r\n\r\njust text\r\n"), octets)

    def test_links(self):
        """called as sendmail and newaliases, by links"""
        sink = Sink()
        caller = Caller("links", port=sink.port)
        links = os.path.join(world.folder(), "links")
        os.makedirs(links, exist_ok=True)
        for name in "sendmail", "newaliases", "mailq":
            os.symlink(world.VOUCH, os.path.join(links, name))
        self.assertEqual(caller.run("-ti", program=links + "/sendmail", stdin=b"To: a@b.example\n\nx\n"),
                         OK, caller.error)
        self.assertEqual(len(sink.mails), 1)
        self.assertEqual(caller.run(program=links + "/newaliases"), OK)
        self.assertIn(b"reload", caller.out)
        self.assertEqual(caller.run("--help", program=links + "/mailq"), OK)
        self.assertIn(b"usage: vouch mailq", caller.out)

    def test_smtp_session(self):
        """-bs: a session on standard input and output, through TLS and AUTH"""
        chain, key = world.certificate("bs", "localhost")
        sink = Sink(tls=(chain, key), auth="secret", must_auth=True)
        password = world.write_file(world.folder() + "/bs.password", "secret\n", 0o600)
        caller = Caller("bs", host="localhost", port=sink.port, authorities=chain, user="me",
                        password_file=password)
        self.assertEqual(caller.run("-bs", stdin=(
            b"EHLO me\nMAIL FROM:<a@here.example>\r\nRCPT TO:<b@b.example>\nDATA\nSubject: x\n\n"
            b"..text\n.\nQUIT\n")), OK, caller.error)
        self.assertTrue(caller.out.startswith(b"220 sink.example"), caller.out)
        self.assertIn(b"354 go on", caller.out)
        self.assertIn(b"taken", caller.out)
        self.assertTrue(caller.out.endswith(b"221 2.0.0 Bye\r\n"), caller.out)
        self.assertEqual(sink.mails[0][2], b"Subject: x\r\n\r\n.text\r\n")
        self.assertNotIn(b"MAIL", sink.plain)


class Statuses(unittest.TestCase):
    def test_no_server(self):
        """nobody answers: 75, and a sentence"""
        caller = Caller("nobody", port=ports(world.free_port(), world.free_port()))
        self.assertEqual(caller.run("a@b.example"), TEMPFAIL)
        self.assertIn("sendmail: 127.0.0.1 port", caller.error)
        self.assertEqual(caller.memory(), "")

    def test_refusals(self):
        """what the server says decides the status; the others get the message"""
        for reply, status in (("550 5.1.1 no such user", NOUSER), ("450 4.2.1 later", TEMPFAIL),
                              ("550 5.7.1 not you", NOPERM), ("554 5.3.0 no", UNAVAILABLE),
                              ("550 no enhanced code", NOUSER)):
            sink = Sink(replies={"RCPT bad@b.example": reply})
            caller = Caller("refusals", port=sink.port)
            self.assertEqual(caller.run("good@b.example", "bad@b.example"), status, caller.error)
            self.assertIn("bad@b.example: " + reply[:3], caller.error)
            self.assertIn("1 of 2 recipients", caller.error)
            self.assertEqual(len(sink.mails), 1)

    def test_usage(self):
        """arguments and configurations that are wrong"""
        caller = Caller("usage", port=world.free_port())
        for arguments, status in ((["-bd"], USAGE), (["-Z"], USAGE), (["-N", "sometimes", "a@b"], USAGE),
                                  ([], USAGE), (["-t"], DATAERR), (["-f"], USAGE), (["a@b", "-t"], USAGE),
                                  (["-q30m"], OK), (["-bi"], OK), (["a b@c d"], USAGE)):
            self.assertEqual(caller.run(*arguments), status, arguments)
            self.assertEqual(bool(caller.error), status != OK, arguments)
        world.write_file(caller.config, "host = mx.example\nhots = b\n")
        self.assertEqual(caller.run("a@b.example"), CONFIG)
        self.assertIn("sendmail.conf:2:1", caller.error)
        self.assertIn("'host'", caller.error)
        world.write_file(caller.config, 'host = mx.example\nuser = me\npassword-file = "p"\ntls = none\n')
        self.assertEqual(caller.run("a@b.example"), CONFIG)
        self.assertIn("without TLS", caller.error)

    def test_no_host(self):
        """a host that does not exist: 68; one that cannot be looked up: 75"""
        world.needs("nsd")
        dns = world.Nsd(["mx.example. A 127.0.0.1"])
        caller = Caller("dns", host="nothing.example")
        resolver = "127.0.0.1:%d" % dns.port
        self.assertEqual(caller.run("--resolver", resolver, "a@b.example"), NOHOST, caller.error)
        sink = Sink()
        caller.set(host="mx.example", port=sink.port, tls="may")
        self.assertEqual(caller.run("--resolver", resolver, "a@b.example"), OK, caller.error)


class Ports(unittest.TestCase):
    def test_order(self):
        """ports in their order; what worked is remembered for this user, and found anew when it fails"""
        first, third = world.free_port(), Sink()
        second = Sink(replies={"EHLO": "421 4.3.2 not now", "HELO": "421 4.3.2 not now"})
        caller = Caller("order", port=ports(first, second.port, third.port))
        self.assertEqual(caller.run("a@b.example"), OK, caller.error)
        self.assertEqual((second.sessions, len(third.mails)), (1, 1))
        self.assertEqual(caller.memory(), "127.0.0.1 %d\n" % third.port)
        mode = os.stat(caller.home + "/.cache/vouch/sendmail").st_mode
        self.assertEqual(stat.S_IMODE(mode), 0o600)
        self.assertEqual(caller.run("a@b.example"), OK, caller.error)
        self.assertEqual((second.sessions, len(third.mails)), (1, 2))
        third.close()
        late = Sink(port=first)
        self.assertEqual(caller.run("a@b.example"), OK, caller.error)
        self.assertEqual(len(late.mails), 1)
        self.assertEqual(caller.memory(), "127.0.0.1 %d\n" % first)

    def test_wants_auth(self):
        """a port that wants AUTH is passed over by who has no password"""
        submission, plain = Sink(must_auth=True), Sink()
        caller = Caller("wants-auth", port=ports(submission.port, plain.port))
        self.assertEqual(caller.run("a@b.example"), OK, caller.error)
        self.assertEqual((submission.sessions, len(plain.mails)), (1, 1))
        caller = Caller("wants-auth-only", port=submission.port)
        self.assertEqual(caller.run("a@b.example"), NOPERM, caller.error)


class Credentials(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.chain, cls.key = world.certificate("right", "localhost")
        cls.wrong = world.certificate("wrong", "elsewhere.example")
        cls.password = world.write_file(world.folder() + "/password", "s3cret-word\n", 0o600)

    def caller(self, name, *numbers, **keys):
        return Caller(name, host="localhost", port=ports(*numbers), user="me",
                      password_file=self.password, authorities=self.chain, **keys)

    def assert_kept(self, *sinks):
        for sink in sinks:
            self.assertNotIn(b"AUTH", sink.plain)
            self.assertNotIn(base64.b64encode(b"\0me\0s3cret-word"), sink.plain)
            self.assertEqual(sink.mails, [])
            self.assertFalse([line for line in sink.lines if line.startswith("AUTH")])

    def test_starttls(self):
        """a password goes over STARTTLS whose certificate is right, and over TLS from the start"""
        for implicit in False, True:
            sink = Sink(tls=(self.chain, self.key), implicit=implicit, auth="s3cret-word", must_auth=True)
            caller = self.caller("tls-%d" % implicit, "%d%s" % (sink.port, "/tls" if implicit else ""))
            self.assertEqual(caller.run("a@b.example"), OK, caller.error)
            self.assertEqual(len(sink.mails), 1)
            self.assertNotIn(b"AUTH", sink.plain)

    def test_stripped(self):
        """STARTTLS that was stripped: no password, no message; all ports are tried"""
        stripped, other = Sink(auth="s3cret-word"), Sink(auth="s3cret-word")
        caller = self.caller("stripped", stripped.port, other.port)
        self.assertEqual(caller.run("a@b.example"), PROTOCOL, caller.error)
        self.assertIn("does not offer TLS", caller.error)
        self.assertEqual((stripped.sessions, other.sessions), (1, 1))
        self.assert_kept(stripped, other)
        self.assertEqual(caller.memory(), "")

    def test_stripped_may(self):
        """nor where the user said that TLS is not needed"""
        stripped = Sink(auth="s3cret-word")
        caller = self.caller("may", stripped.port, tls="may")
        self.assertEqual(caller.run("a@b.example"), PROTOCOL, caller.error)
        self.assert_kept(stripped)

    def test_wrong_certificate(self):
        """a certificate for another name, and one of nobody's: nothing is sent"""
        for implicit in False, True:
            sink = Sink(tls=self.wrong, implicit=implicit, auth="s3cret-word")
            caller = self.caller("wrong-%d" % implicit, "%d%s" % (sink.port, "/tls" if implicit else ""))
            self.assertEqual(caller.run("a@b.example"), PROTOCOL, caller.error)
            self.assert_kept(sink)

    def test_injected(self):
        """what was said behind the reply to STARTTLS was not the server's"""
        sink = Sink(auth="s3cret-word", replies={
            "EHLO": "250-sink.example\r\n250 STARTTLS",
            "STARTTLS": "220 go on\r\n250-sink.example\r\n250 AUTH PLAIN"})
        caller = self.caller("injected", sink.port)
        self.assertEqual(caller.run("a@b.example"), PROTOCOL, caller.error)
        self.assert_kept(sink)

    def test_wrong_password(self):
        """a password that is wrong is not tried at the next port"""
        sinks = [Sink(tls=(self.chain, self.key), auth="other") for _ in range(2)]
        caller = self.caller("wrong-password", *[sink.port for sink in sinks])
        self.assertEqual(caller.run("a@b.example"), NOPERM, caller.error)
        self.assertEqual([sink.sessions for sink in sinks], [1, 0])
        self.assertNotIn("s3cret", caller.error)

    def test_open_password_file(self):
        """a password that others may read is not used"""
        sink = Sink(tls=(self.chain, self.key), auth="s3cret-word")
        caller = self.caller("open", sink.port)
        caller.set(host="localhost", port=sink.port, user="me",
                   password_file=world.write_file(world.folder() + "/open", "s3cret-word\n", 0o644))
        self.assertEqual(caller.run("a@b.example"), CONFIG)
        self.assertEqual(sink.sessions, 0)

    def test_loopback(self):
        """without TLS only to this host, and only where it was said so"""
        sink = Sink(auth="s3cret-word", must_auth=True)
        caller = self.caller("loopback", sink.port, tls="none")
        self.assertEqual(caller.run("a@b.example"), OK, caller.error)
        self.assertEqual(len(sink.mails), 1)


if __name__ == "__main__":
    world.main()
