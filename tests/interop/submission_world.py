# SPDX-License-Identifier: BSD-2-Clause
"""What the tests of submission share.

    Sink()             the next server: takes mail, or says what it is told to
    Site(name, ...)    a gateway with listeners for submission, accounts, and a route to a sink
    User(site, ...)    a connection to one of its listeners, encrypted, that can authenticate
"""
import base64
import hashlib
import hmac
import os
import re
import socket
import ssl
import subprocess
import threading
import time

import mta_world
import world

PASSWORD = "correct horse battery"
ANNA, BERT = "anna@here.example", "bert@here.example"
HOST = "mx.here.example"


# ---- the next server ----


class Sink:
    """`words`: what it offers; `replies`: by verb, by "RCPT mailbox" or by "." (the end of the data)."""

    def __init__(self, words=("8BITMIME", "ENHANCEDSTATUSCODES", "PIPELINING"), port=None):
        self.words, self.replies = list(words), {}
        self.mails = []     # (MAIL line, [RCPT line], octets)
        self.times = []     # when each was taken
        self.pause = 0      # before it is
        self.port = port or world.free_port()
        self.listener = socket.create_server(("127.0.0.1", self.port), backlog=256)
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
            threading.Thread(target=self._guard, args=(connection,), daemon=True).start()

    def _guard(self, connection):
        try:
            self._serve(connection)
        except (OSError, ValueError):
            pass
        finally:
            connection.close()

    def _serve(self, connection):
        file = connection.makefile("rb")

        def say(text):
            connection.sendall(text.encode() + b"\r\n")
        say("220 sink.example ESMTP")
        sender, recipients = None, []
        while line := file.readline():
            text = line.decode("utf-8", "replace").rstrip("\r\n")
            verb = text.split(" ")[0].upper()
            mailbox = re.search(r"<(.*?)>", text)
            told = self.replies.get("%s %s" % (verb, mailbox.group(1) if mailbox else ""),
                                    self.replies.get(verb))
            if told:
                say(told)
            elif verb == "EHLO":
                words = ["sink.example", *self.words]
                for word in words[:-1]:
                    say("250-" + word)
                say("250 " + words[-1])
            elif verb == "MAIL":
                sender, recipients = text, []
                say("250 2.1.0 Ok")
            elif verb == "RCPT":
                recipients.append(text)
                say("250 2.1.5 Ok")
            elif verb == "DATA" and not recipients:
                say("503 5.5.1 RCPT first")
            elif verb == "DATA":
                say("354 go on")
                octets = b""
                while (piece := file.readline()) != b".\r\n":
                    if not piece:
                        return
                    octets += piece[1:] if piece.startswith(b".") else piece
                told = self.replies.get(".", "250 2.0.0 taken")
                time.sleep(self.pause)
                if told.startswith("2"):
                    self.times.append(time.monotonic())
                    self.mails.append((sender, recipients, octets))
                say(told)
            elif verb == "QUIT":
                say("221 2.0.0 Bye")
                return
            else:
                say("250 2.0.0 Ok")

    def find(self, text):
        return [mail for mail in list(self.mails) if text.encode() in mail[2]]

    def wait(self, text, patience=20):
        """The only mail with this text: MAIL line, RCPT lines, octets."""
        found = world.wait_until("%s at the next server" % text, lambda: self.find(text), patience)
        if len(found) != 1:
            raise AssertionError("%d messages with %s" % (len(found), text))
        return found[0]


# ---- the gateway ----


class Certificates:
    """An authority, the server's certificate, and one of a client with anna's address."""

    def __init__(self):
        self.authority, key = self.path("authority.pem"), self.path("authority.key")
        world.openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                      "-days", "30", "-subj", "/CN=Authority", "-keyout", key, "-out", self.authority)
        self.key = key
        self.server = self.issue("server", "DNS:%s,DNS:localhost,IP:127.0.0.1" % HOST)
        self.client = self.issue("client", "email:" + ANNA)

    @staticmethod
    def path(name):
        place = os.path.join(world.folder(), "certificates")
        os.makedirs(place, exist_ok=True)
        return os.path.join(place, name)

    def issue(self, name, alternative):
        """Paths of the certificate and its key."""
        chain, key, request = (self.path(name + end) for end in (".pem", ".key", ".csr"))
        extensions = world.write_file(self.path(name + ".ext"), "subjectAltName=%s\n" % alternative)
        world.openssl("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                      "-subj", "/CN=" + name, "-keyout", key, "-out", request)
        world.openssl("x509", "-req", "-in", request, "-CA", self.authority, "-CAkey", self.key,
                      "-CAcreateserial", "-days", "30", "-extfile", extensions, "-out", chain)
        os.chmod(key, 0o644)
        return chain, key


class Site(world.Gateway):
    """here.example with anna, bert and carol, who is postmaster. `accounts` and `submission`: keys of these
    sections; `more`: other sections."""

    def __init__(self, name, dns, sink, certificates, accounts="failure-delay = 10ms", submission="",
                 more="", users="anna\nbert\ncarol\n", top="edges = 2", signing=None, start=True):
        self.sink, self.certificates = sink, certificates
        self.ports = {"starttls": world.free_port(), "implicit": world.free_port()}
        secrets = {"srs.secrets": "the secret of a test\n", "batv.secrets": "another secret of a test\n"}
        if signing:
            top += '\nkey-directory = "%s"' % signing.directory
            more += "\nsigning here.example { }"
        sections = """
listener submission { address = [%s] submission = yes }
listener submissions { address = [%s] submission = yes tls = implicit }
certificate mx { chain = "%s" key = "%s" }
accounts {
    file = "@DIR@/accounts"
    client-authorities = "%s"
    mechanisms = [SCRAM-SHA-256-PLUS, SCRAM-SHA-256, PLAIN, LOGIN, CRAM-MD5, EXTERNAL]
    %s
}
submission { %s }
route all { hosts = ["127.0.0.1:%d"] tls = none }
%s
%s
""" % (self.addresses("starttls"), self.addresses("implicit"), *certificates.server,
            certificates.authority, accounts, submission, sink.port,
            "" if "queue {" in more else "queue { retry-first = 1s retry-most = 1s }", more)
        super().__init__(name, dns, top=top, sections=sections, users=users, start=False,
                         files=secrets, aliases="postmaster: carol\nsales: anna\nboth: anna, bert\n"
                         "away: someone@remote.example\n", listen=None)
        for file in "accounts", "srs.secrets", "batv.secrets":
            if os.path.exists(self.path(file)):
                os.chmod(self.path(file), 0o600)
        self.add_account(ANNA, "--cram-md5", "--send-as", "@anna.example")
        self.add_account(BERT)
        if start:
            self.start()

    def addresses(self, kind):
        return "0.0.0.0:%d" % self.ports[kind]

    def add_account(self, name, *options):
        done = subprocess.run([world.VOUCH, "user", "add", "--accounts", self.path("accounts"),
                               "--password-stdin", *options, name], input=PASSWORD.encode(),
                              capture_output=True, timeout=world.PATIENCE)
        if done.returncode:
            raise AssertionError(done.stderr.decode())

    def user(self, kind="starttls", login=ANNA, source="127.0.0.1"):
        user = User(self, kind, source)
        if login:
            reply = user.login("PLAIN", login)
            if reply.code != 235:
                raise AssertionError(str(reply))
        return user

    def submit(self, subject, recipients=("to@remote.example",), sender=ANNA, login=ANNA, **options):
        """One message of a user; the reply."""
        with self.user(login=login, **options) as user:
            return user.transaction(sender, list(recipients),
                                    world.message(sender or login, recipients[0], subject))

    def queue(self, *arguments):
        done = self.run("queue", arguments[0], "--config", self.config, *arguments[1:])
        return done.stdout.decode()


# ---- users ----


def encoded(octets):
    return base64.b64encode(octets).decode() or "="


def channel_binding(certificate):
    """tls-server-end-point (rfc5929:4.1) of a certificate with a SHA-256 signature."""
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(world.read_file(certificate).decode())).digest()


class User(world.Client):
    def __init__(self, site, kind="starttls", source="127.0.0.1", helo="laptop.example", client=None):
        self.site = site
        context = ssl.create_default_context(cafile=site.certificates.authority)
        if client:
            context.load_cert_chain(*client)
        if kind == "implicit":
            raw = socket.create_connection(("127.0.0.1", site.ports[kind]), world.PATIENCE, (source, 0))
            self.socket = context.wrap_socket(raw, server_hostname=HOST)
            self.file = self.socket.makefile("rb")
            self.greeting = self.reply()
        else:
            super().__init__(site.ports["starttls"] if kind == "starttls" else site.port, source)
            self.plain_words = self.hello(helo)
            if self.command("STARTTLS").code != 220:
                raise AssertionError("no STARTTLS")
            self.socket = context.wrap_socket(self.socket, server_hostname=HOST)
            self.file = self.socket.makefile("rb")
        self.words = self.hello(helo)

    def login(self, mechanism, name=ANNA, password=PASSWORD, plus_binding=None, gs2=None):
        """The last reply."""
        if mechanism == "PLAIN":
            return self.command("AUTH PLAIN " + encoded(b"\0%s\0%s" % (name.encode(), password.encode())))
        if mechanism == "LOGIN":
            reply = self.command("AUTH LOGIN")
            for text in name, password:
                reply = self.command(encoded(text.encode())) if reply.code == 334 else reply
            return reply
        if mechanism == "CRAM-MD5":
            challenge = base64.b64decode(self.command("AUTH CRAM-MD5").lines[0])
            digest = hmac.new(password.encode(), challenge, "md5").hexdigest()
            return self.command(encoded(("%s %s" % (name, digest)).encode()))
        if mechanism == "EXTERNAL":
            return self.command("AUTH EXTERNAL =")
        return self.scram(mechanism, name, password, plus_binding, gs2)

    def scram(self, mechanism, name, password, binding, gs2):
        """rfc5802:3, 5"""
        header = gs2 or (b"p=tls-server-end-point,," if mechanism.endswith("PLUS") else b"n,,")
        binding = binding or channel_binding(self.site.certificates.server[0])
        bare = b"n=%s,r=%s" % (name.encode(), base64.b64encode(os.urandom(18)))
        reply = self.command("AUTH %s %s" % (mechanism, encoded(header + bare)))
        if reply.code != 334:
            return reply
        first = base64.b64decode(reply.lines[0])
        values = dict(part.split(b"=", 1) for part in first.split(b","))
        bound = header + (binding if mechanism.endswith("PLUS") else b"")
        final = b"c=%s,r=%s" % (base64.b64encode(bound), values[b"r"])
        salted = hashlib.pbkdf2_hmac("sha256", password.encode(), base64.b64decode(values[b"s"]),
                                     int(values[b"i"]))
        key = hmac.new(salted, b"Client Key", "sha256").digest()
        signed = b",".join((bare, first, final))
        signature = hmac.new(hashlib.sha256(key).digest(), signed, "sha256").digest()
        proof = bytes(a ^ b for a, b in zip(key, signature))
        reply = self.command(encoded(final + b",p=" + base64.b64encode(proof)))
        if reply.code == 334:  # the server's proof
            server = hmac.new(hmac.new(salted, b"Server Key", "sha256").digest(), signed, "sha256").digest()
            if base64.b64decode(reply.lines[0]) != b"v=" + base64.b64encode(server):
                raise AssertionError("the server does not know the account")
            reply = self.command("")
        return reply


def make_signing():
    return mta_world.Signing("here.example")
