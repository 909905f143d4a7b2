# SPDX-License-Identifier: BSD-2-Clause
"""What the interop tests share: a private world of real programs on free ports of 127.0.0.1.

    world.Nsd(records)         nsd with one zone, the root, that holds these records
    world.Gateway(name, ...)   `vouch serve --unprivileged` with a configuration of its own
    world.Client(port)         an SMTP client that says what it is told, octet by octet
    world.main()               runs the tests of the calling file and prints TAP

Everything lies in one temporary folder that goes at the end; every process started is ended. Nothing
waits for a fixed time: wait_until() looks until something is true, or fails at its deadline.
"""
import base64
import email
import email.policy
import hashlib
import json
import os
import pwd
import random
import re
import shutil
import signal
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
import threading
import time
import unittest

SKIPPED = 77
PATIENCE = 60  # seconds; only ever used up by what is broken
# Daemons lie outside the path of ordinary users.
PATH = os.environ.get("PATH", "") + ":/usr/local/sbin:/usr/sbin:/sbin"

VOUCH = os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else os.environ.get("VOUCH", "vouch"))
IS_ROOT = os.geteuid() == 0


def find_program(name):
    return shutil.which(name, path=PATH)


def require(*names):
    """The paths of programs without which a whole file cannot run: exits with 77."""
    for name in names:
        if not find_program(name):
            print("skipped: %s is not installed" % name)
            sys.exit(SKIPPED)
    return [find_program(name) for name in names]


def needs(name):
    """The path of a program without which one test cannot run."""
    if not find_program(name):
        raise unittest.SkipTest("%s is not installed" % name)
    return find_program(name)


def wait_until(what, condition, patience=PATIENCE):
    """Gives back the first true value of condition(); AssertionError at the deadline."""
    deadline = time.monotonic() + patience
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError("waited %d s in vain: %s" % (patience, what))
        time.sleep(0.02)


def free_port():
    """Below the range from which the kernel takes ports for clients, so that it stays free."""
    while True:
        port = random.SystemRandom().randrange(14000, 31000)
        try:
            for kind in socket.SOCK_STREAM, socket.SOCK_DGRAM:
                with socket.socket(socket.AF_INET, kind) as probe:
                    probe.bind(("127.0.0.1", port))
        except OSError:
            continue
        if port not in _ports_given:
            _ports_given.add(port)
            return port


_ports_given = set()
_folder = None
_running = []  # whatever has a close()


def folder():
    """The temporary folder of this run. Others may pass through: some daemons change their account."""
    global _folder
    if not _folder:
        _folder = os.path.realpath(tempfile.mkdtemp(prefix="vouch-interop."))
        os.chmod(_folder, 0o755)
    return _folder


def write_file(path, text, mode=0o644):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path + ".new", "wb") as file:
        file.write(text if isinstance(text, bytes) else text.encode())
    os.chmod(path + ".new", mode)
    os.rename(path + ".new", path)
    return path


def read_file(path):
    with open(path, "rb") as file:
        return file.read()


def close_later(thing):
    """Its close() is called at the end, whatever happens."""
    _running.append(thing)


def close_all():
    while _running:
        _running.pop().close()
    if _folder:
        if os.environ.get("VOUCH_KEEP"):
            print("# kept: " + _folder)
        else:
            shutil.rmtree(_folder, ignore_errors=True)


# ---- processes ----


class Daemon:
    """A child in a process group of its own; what it prints goes to a file."""

    def __init__(self, name, arguments, log, **options):
        self.name = name
        self.log = log
        self.process = subprocess.Popen(arguments, stdin=subprocess.DEVNULL, stdout=open(log, "ab"),
                                        stderr=subprocess.STDOUT, start_new_session=True, **options)
        _running.append(self)

    def log_text(self):
        return read_file(self.log).decode("utf-8", "replace")

    def ended(self):
        return self.process.poll() is not None

    def stop(self, how=signal.SIGTERM):
        """Ends it and gives back the exit status."""
        if not self.ended():
            self.process.send_signal(how)
        try:
            return self.process.wait(PATIENCE)
        finally:
            self.close()

    def close(self):
        """Also what is left of its group."""
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except OSError:
            pass
        self.process.wait()
        if self in _running:
            _running.remove(self)


def process_children(pid):
    """Direct children, as a list of (pid, command line)."""
    found = []
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        try:
            stat = read_file("/proc/%s/stat" % name).rpartition(b")")[2].split()
            if int(stat[1]) == pid and stat[0] != b"Z":
                line = read_file("/proc/%s/cmdline" % name).replace(b"\0", b" ").strip()
                found.append((int(name), line.decode("utf-8", "replace")))
        except OSError:
            continue
    return found


# ---- DNS ----


def dns_name(name):
    return b"".join(bytes([len(part)]) + part.encode() for part in name.split(".") if part) + b"\0"


def dns_asks(port, name, kind=6):
    """Whether a server answers at all."""
    query = struct.pack(">6H", 4711, 0x0100, 1, 0, 0, 0) + dns_name(name) + struct.pack(">2H", kind, 1)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        asking.settimeout(0.5)
        try:
            asking.connect(("127.0.0.1", port))
            asking.send(query)
            return len(asking.recv(4096)) > 12
        except OSError:
            return False


def zone_text(text):
    """Character strings of TXT data, each of at most 255 octets."""
    escaped = [text[i:i + 200].replace("\\", "\\\\").replace('"', '\\"')
               for i in range(0, len(text), 200)]
    return " ".join('"%s"' % part for part in escaped or [""])


def nsd_config(place, address, port, zones):
    """`zones`: the file in the folder `place` by name of the zone."""
    config = """
server:
  ip-address: %s@%d
  server-count: 1
  username: ""
  chroot: ""
  zonesdir: "%s"
  database: ""
  zonelistfile: "%s/zone.list"
  xfrdfile: "%s/xfrd.state"
  pidfile: "%s/nsd.pid"
  logfile: "%s/nsd.log"
remote-control:
  control-enable: no
""" % ((address, port) + (place,) * 5)
    for zone, file in zones.items():
        config += 'zone:\n  name: "%s"\n  zonefile: "%s"\n' % (zone, file)
    return config


class Nsd(Daemon):
    """`records` are lines of a zone file with full names. `broken`: zones answered with SERVFAIL."""

    def __init__(self, records, name="nsd", broken=()):
        self.port = free_port()
        self.place = os.path.join(folder(), name)
        os.makedirs(self.place)
        lines = ["$TTL 60", "@ SOA ns. hostmaster. 1 3600 600 86400 60", "@ NS ns.", "ns. A 127.0.0.1"]
        write_file(self.place + "/root.zone", "\n".join(lines + [r.strip() for r in records]) + "\n")
        files = {".": "root.zone", **{zone: "there-is-none.zone" for zone in broken}}
        write_file(self.place + "/nsd.conf", nsd_config(self.place, "127.0.0.1", self.port, files))
        self.start_again()

    def start_again(self):
        super().__init__(os.path.basename(self.place),
                         [find_program("nsd"), "-d", "-c", self.place + "/nsd.conf"],
                         self.place + "/log")
        wait_until("nsd answers", lambda: self.ended() or dns_asks(self.port, "ns"))
        if self.ended():
            raise AssertionError("nsd does not start: " + self.log_text() +
                                 read_file(self.place + "/nsd.log").decode())


def vouch(*arguments, stdin=b""):
    """Exit status, standard output, standard error."""
    done = subprocess.run([VOUCH, *arguments], input=stdin, capture_output=True, timeout=PATIENCE)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def silent_port():
    """A UDP port that takes everything and says nothing; it stays open until the end."""
    port = free_port()
    silent = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    silent.bind(("127.0.0.1", port))
    _running.append(silent)
    return port


# ---- keys and signatures, made by the openssl program ----


def openssl(*arguments, stdin=b""):
    program = needs("openssl")
    done = subprocess.run([program] + list(arguments), input=stdin, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE)
    if done.returncode:
        raise AssertionError("openssl %s: %s" % (arguments[0], done.stderr.decode()))
    return done.stdout


def certificate(name, common_name, days=30):
    """Paths of a self-signed certificate and its key."""
    chain, key = "%s/%s.pem" % (folder(), name), "%s/%s.key" % (folder(), name)
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
            "-days", str(days), "-subj", "/CN=" + common_name, "-addext",
            "subjectAltName=DNS:" + common_name, "-keyout", key + ".new", "-out", chain + ".new")
    os.chmod(key + ".new", 0o644)
    os.rename(chain + ".new", chain)
    os.rename(key + ".new", key)
    return chain, key


class DkimKey:
    """Signs as rfc6376 says, relaxed/relaxed; independent of the gateway's own code."""

    def __init__(self, domain, selector, kind="rsa"):
        self.domain, self.selector, self.kind = domain, selector, kind
        self.file = "%s/dkim.%s.%s.key" % (folder(), selector, domain)
        if kind == "rsa":
            openssl("genrsa", "-out", self.file, "2048")
            der = openssl("rsa", "-in", self.file, "-pubout", "-outform", "DER")
        else:
            openssl("genpkey", "-algorithm", "ed25519", "-out", self.file)
            # rfc8463:4.2: the key alone, without the SubjectPublicKeyInfo around it.
            der = openssl("pkey", "-in", self.file, "-pubout", "-outform", "DER")[-32:]
        public = base64.b64encode(der).decode()
        self.record = "%s._domainkey.%s. TXT %s" % (
            selector, domain, zone_text("v=DKIM1; k=%s; p=%s" % (kind, public)))

    @staticmethod
    def _relax_header(name, value):
        value = re.sub(rb"[ \t]+", b" ", value.replace(b"\r\n", b"")).strip()
        return name.lower().strip() + b":" + value

    @staticmethod
    def _relax_body(body):
        lines = [re.sub(rb"[ \t]+", b" ", line).rstrip(b" ") for line in body.split(b"\r\n")]
        while lines and not lines[-1]:
            lines.pop()
        return b"".join(line + b"\r\n" for line in lines)

    def sign(self, message, headers=(b"from", b"to", b"subject", b"date", b"message-id"), time=None):
        """The message with a DKIM-Signature before it."""
        head, _, body = message.partition(b"\r\n\r\n")
        fields = [re.split(rb"[ \t]*:", field, maxsplit=1)
                  for field in re.split(rb"\r\n(?![ \t])", head)]
        body_hash = base64.b64encode(hashlib.sha256(self._relax_body(body)).digest()).decode()
        value = (" v=1; a=%s-sha256; c=relaxed/relaxed; d=%s; s=%s;\r\n\th=%s;\r\n\tbh=%s;\r\n\tb=" % (
            self.kind, self.domain, self.selector, ":".join(h.decode() for h in headers),
            body_hash)).encode()
        signed = b""
        left = list(fields)
        for wanted in headers:
            for i in reversed(range(len(left))):
                if left[i][0].lower() == wanted:
                    signed += self._relax_header(*left.pop(i)) + b"\r\n"
                    break
        signed += self._relax_header(b"DKIM-Signature", value)
        if self.kind == "rsa":
            signature = openssl("dgst", "-sha256", "-sign", self.file, stdin=signed)
        else:
            # rfc8463:3: Ed25519 signs the SHA-256 hash. openssl wants a file to sign in one go.
            path = write_file(self.file + ".hash", hashlib.sha256(signed).digest())
            signature = openssl("pkeyutl", "-sign", "-inkey", self.file, "-rawin", "-in", path)
        text = base64.b64encode(signature).decode()
        folded = "\r\n\t ".join(text[i:i + 70] for i in range(0, len(text), 70))
        return b"DKIM-Signature:" + value + folded.encode() + b"\r\n" + message


_message_count = 0


def message(sender, recipient, subject="A message", body="Hello.\r\n", extra="", message_id=None):
    """CRLF octets with what a decent message has. `extra`: whole header lines."""
    global _message_count
    _message_count += 1
    message_id = message_id or "%d.%d.%d@test.example" % (time.time(), os.getpid(), _message_count)
    text = ("From: %s\r\nTo: %s\r\nSubject: %s\r\nDate: %s\r\nMessage-ID: <%s>\r\n%s\r\n%s" % (
        sender, recipient, subject, time.strftime("%a, %d %b %Y %H:%M:%S +0000", time.gmtime()),
        message_id, extra, body))
    return text.encode()


# ---- SMTP ----


class Reply:
    def __init__(self, code, lines):
        self.code = code
        self.lines = lines
        self.text = " ".join(lines)

    @property
    def id(self):
        found = re.search(r"\bid=([0-9A-Za-z]+)", self.text)
        return found and found.group(1)

    def __repr__(self):
        return "%s %s" % (self.code, self.text)


class Client:
    """A connection to an SMTP server. A reply of code 0 means that it ended."""

    def __init__(self, port, source="127.0.0.1", greeting=True, timeout=PATIENCE):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout, (source, 0))
        self.file = self.socket.makefile("rb")
        self.greeting = self.reply() if greeting else None

    def send(self, octets):
        self.socket.sendall(octets)

    def reply(self):
        lines = []
        while True:
            try:
                line = self.file.readline()
            except ConnectionError:
                line = b""
            if not line.endswith(b"\n"):
                return Reply(0, lines)
            line = line.decode("utf-8", "replace").rstrip("\r\n")
            lines.append(line[4:])
            if line[3:4] != "-":
                return Reply(int(line[:3]), lines)

    def command(self, line):
        self.send(line.encode() + b"\r\n")
        return self.reply()

    def hello(self, name="client.example"):
        return self.command("EHLO " + name)

    def start_tls(self, name="mx.here.example"):
        reply = self.command("STARTTLS")
        if reply.code == 220:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
            self.socket = context.wrap_socket(self.socket, server_hostname=name)
            self.file = self.socket.makefile("rb")
        return reply

    def data(self, octets):
        """DATA and the message, dots stuffed; the reply to its end, or to DATA."""
        reply = self.command("DATA")
        if reply.code != 354:
            return reply
        self.send(stuffed(octets))
        return self.reply()

    def transaction(self, sender, recipients, octets):
        """The reply to the end of data, or the first that stands in the way; all RCPT's in .rcpt."""
        replies = []
        reply = self.command("MAIL FROM:<%s>" % sender)
        if reply.code == 250:
            for recipient in recipients:
                replies.append(self.command("RCPT TO:<%s>" % recipient))
            good = [r for r in replies if r.code == 250]
            reply = self.data(octets) if good else replies[-1]
            if not good:
                self.command("RSET")
        reply.rcpt = replies
        return reply

    def close(self):
        self.file.close()
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def stuffed(octets):
    if not octets.endswith(b"\r\n"):
        octets += b"\r\n"
    return re.sub(rb"(?m)^\.", b"..", octets) + b".\r\n"


def send(port, sender, recipients, octets, source="127.0.0.1", helo="client.example"):
    """One message in one session; the reply as of Client.transaction()."""
    if isinstance(recipients, str):
        recipients = [recipients]
    with Client(port, source) as client:
        client.hello(helo)
        reply = client.transaction(sender, recipients, octets)
        try:
            client.command("QUIT")
        except OSError:
            pass  # it may have closed already, having told us 421
        return reply


# ---- a mailbox server that does as it is told ----


class FakeLmtp:
    """LMTP on a TCP port. `rcpt` and `final` map a mailbox to the reply to give (else 250); a
    callable is called with the mailbox and gives the reply, as late as it likes."""

    def __init__(self, port=None):
        self.rcpt, self.final = {}, {}
        self.taken = []  # (mailbox, octets with CRLF), in order
        self.asked = []  # mailboxes of all RCPT
        self.seen = []   # octets of all messages, whatever was answered
        self.port = port or free_port()
        self.listener = None
        self.connections = []
        self.open()
        _running.append(self)

    def open(self):
        self.listener = socket.create_server(("127.0.0.1", self.port))
        threading.Thread(target=self._accept, args=(self.listener,), daemon=True).start()

    def shut(self):
        """Gone, with all its connections."""
        # Wakes the accept() of the thread, which a close alone does not.
        try:
            self.listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.listener.close()
        while self.connections:
            connection = self.connections.pop()
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    close = shut

    def _accept(self, listener):
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            self.connections.append(connection)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    @staticmethod
    def _answer(table, mailbox):
        answer = table.get(mailbox, "250 2.0.0 Ok")
        return answer(mailbox) if callable(answer) else answer

    def _serve(self, connection):
        file = connection.makefile("rb")

        def say(text):
            connection.sendall(text.encode() + b"\r\n")
        recipients = []
        try:
            say("220 fake LMTP")
            for line in file:
                line = line.decode().rstrip("\r\n")
                verb = line.upper()
                if verb.startswith("LHLO"):
                    say("250-fake\r\n250-PIPELINING\r\n250-ENHANCEDSTATUSCODES\r\n250-SMTPUTF8\r\n"
                        "250 8BITMIME")
                elif verb.startswith("RCPT"):
                    mailbox = re.search(r"<(.*)>", line).group(1)
                    self.asked.append(mailbox)
                    answer = self._answer(self.rcpt, mailbox)
                    if answer.startswith("2"):
                        recipients.append(mailbox)
                    say(answer)
                elif verb.startswith("DATA"):
                    say("354 go on" if recipients else "503 5.5.1 no recipients")
                    octets = b""
                    while recipients:
                        text = file.readline()
                        if not text:
                            return
                        if text == b".\r\n":
                            break
                        octets += text[1:] if text.startswith(b".") else text
                    self.seen.append(octets)
                    for mailbox in recipients:
                        answer = self._answer(self.final, mailbox)
                        if answer.startswith("2"):
                            self.taken.append((mailbox, octets))
                        say(answer)
                    recipients = []
                elif verb.startswith("QUIT"):
                    say("221 2.0.0 Bye")
                    return
                else:
                    if verb.startswith("RSET"):
                        recipients = []
                    say("250 2.0.0 Ok")
        except OSError:
            pass
        finally:
            file.close()
            connection.close()
            if connection in self.connections:
                self.connections.remove(connection)


# ---- the gateway ----


class Mail:
    """A delivered file: `octets` as it lies there, `fields(name)` unfolded, from the top."""

    def __init__(self, path):
        self.path = path
        self.octets = read_file(path)
        self.head, _, self.body = self.octets.partition(b"\n\n")
        self.parsed = email.message_from_bytes(self.octets, policy=email.policy.compat32)

    def fields(self, name):
        values = self.parsed.get_all(name) or []
        return [re.sub(r"\s+", " ", str(value)).strip() for value in values]

    def field(self, name):
        """The only one of its name."""
        values = self.fields(name)
        if len(values) != 1:
            raise AssertionError("%d fields %s in\n%s" % (len(values), name, self.head.decode()))
        return values[0]


def list_maildir(path, inner=""):
    found = []
    for part in "new", "cur":
        place = os.path.join(path, inner, part)
        if os.path.isdir(place):
            found += [os.path.join(place, name) for name in os.listdir(place)]
    return [Mail(name) for name in sorted(found, key=os.path.basename)]


# What a sanitizer or a panic prints. None of it may be in a log.
ALARMS = re.compile(r"AddressSanitizer|LeakSanitizer|runtime error:|panic|Assertion|stack smashing|"
                    r"not complete on this system|malformed request|killed by signal")


class Gateway:
    """`vouch serve`. `top`: keys outside sections; `listener`: keys of the listener; `sections`:
    the rest, where @DIR@ stands for its folder; `files`: written there. A default domain,
    here.example, delivers to Maildirs unless `domain` says otherwise."""

    DOMAIN = """
domain here.example {
    recipients = "@DIR@/users"
    aliases = "@DIR@/aliases"
    deliver = "maildir:@DIR@/mail/{user}"
}
"""

    def __init__(self, name, dns, top="edges = 1", listener="", domain=DOMAIN, sections="",
                 files=None, users="alice\nbob\ncarol\n", aliases="", start=True, environment=None,
                 privileged=False, tls=False, listen=None):
        self.name = name
        self.place = os.path.join(folder(), name)
        self.port = free_port()
        self.dns = dns
        self.daemon = None
        self.environment = environment or {}
        self.privileged = privileged
        self.expect_alarms = False  # for tests that kill processes
        self.parts = {"top": top, "listener": listener, "domain": domain, "sections": sections,
                      "tls": "", "listen": listen or "[127.0.0.1:%d]" % self.port}
        os.makedirs(self.place)
        for file, text in dict({"users": users, "aliases": aliases}, **(files or {})).items():
            self.write(file, text)
        if tls:
            chain, key = certificate(name, "mx.here.example")
            self.parts["tls"] = 'certificate mx { chain = "%s" key = "%s" }' % (chain, key)
        self.write_config()
        if start:
            self.start()

    def path(self, name):
        return os.path.join(self.place, name)

    def write(self, name, text):
        return write_file(self.path(name), text)

    @property
    def config(self):
        return self.path("vouch.conf")

    def config_text(self):
        parts = self.parts
        dns = ("dns { servers = [127.0.0.1:%d] }" % self.dns) if isinstance(self.dns, int) else self.dns
        # Of no effect but for `vouch config check`, which looks for it.
        user = "" if self.privileged or "user =" in parts["top"] else "user = %s\n" % (
            pwd.getpwuid(os.geteuid()).pw_name)
        text = user + """hostname = mx.here.example
data-directory = "@DIR@/data"
run-directory = "@DIR@/run"
%s
listener smtp { address = %s
%s }
%s
%s
%s
%s
""" % (parts["top"], parts["listen"], parts["listener"], parts["tls"], dns, parts["domain"],
       parts["sections"])
        # What strangers get wrong in a row has tests of its own; the others would wait for greetings.
        if "rates {" not in text:
            text += "rates { tarpit = 0 errors = 0 unknown-recipients = 0 }\n"
        return text.replace("@DIR@", self.place)

    def write_config(self, **changed):
        self.parts.update(changed)
        self.write("vouch.conf", self.config_text())

    def command(self):
        return [VOUCH, "serve", "--config", self.config] + ([] if self.privileged else
                                                           ["--unprivileged"])

    def start(self, wait=True, **options):
        environment = dict(os.environ, **self.environment)
        environment.pop("JOURNAL_STREAM", None)
        self.started_at = len(self.log_text())
        self.daemon = Daemon(self.name, self.command(), self.path("log"), env=environment, **options)
        _running.insert(_running.index(self.daemon), self)
        if wait:
            self.wait_ready()
        return self

    def wait_ready(self):
        wait_until("%s is ready" % self.name,
                   lambda: self.daemon.ended() or "master: ready" in self.log_since_start())
        if self.daemon.ended():
            raise AssertionError("%s does not start:\n%s" % (self.name, self.log_text()))

    def log_text(self):
        path = self.path("log")
        return read_file(path).decode("utf-8", "replace") if os.path.exists(path) else ""

    def log_since_start(self):
        return self.log_text()[self.started_at:]

    def wait_log(self, pattern, start=0, patience=PATIENCE):
        return wait_until("'%s' in the log of %s:\n%s" % (pattern, self.name, ""),
                          lambda: re.search(pattern, self.log_text()[start:]), patience)

    def pids(self, role):
        return [pid for pid, line in process_children(self.daemon.process.pid)
                if line.startswith("vouch: %s " % role)]

    def stop(self):
        """SIGTERM; the exit status, which is 0, and a log without alarms."""
        status = self.daemon.stop()
        self.close()
        if status != 0:
            raise AssertionError("%s ended with status %s:\n%s" % (self.name, status, self.log_text()))
        self.check_log()
        return status

    def restart(self):
        self.stop()
        self.start()

    def kill(self):
        """Power loss, but for the kernel: the whole group at once."""
        os.killpg(self.daemon.process.pid, signal.SIGKILL)
        self.daemon.process.wait()
        self.close()

    def close(self):
        if self.daemon:
            self.daemon.close()
        if self in _running:
            _running.remove(self)

    def check_log(self):
        if self.expect_alarms:
            return
        for line in self.log_text().split("\n"):
            if ALARMS.search(line):
                raise AssertionError("%s: %s\n%s" % (self.name, line, self.log_text()[-6000:]))

    # mail

    def mails(self, user, inner=""):
        return list_maildir(self.path("mail/" + user), inner)

    def find_mail(self, user, text, inner=""):
        """All files of a mailbox that hold this text."""
        return [mail for mail in self.mails(user, inner) if text.encode() in mail.octets]

    def the_mail(self, user, text, inner=""):
        found = self.find_mail(user, text, inner)
        if len(found) != 1:
            raise AssertionError("%d files with '%s' in the mailbox of %s" % (len(found), text, user))
        return found[0]

    def send(self, sender, recipients, octets, **options):
        return send(self.port, sender, recipients, octets, **options)

    # what it knows

    def run(self, *arguments, stdin=b"", check=False):
        done = subprocess.run([VOUCH] + list(arguments), input=stdin, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, timeout=PATIENCE)
        if check and done.returncode:
            raise AssertionError("vouch %s: %d %s" % (arguments, done.returncode, done.stderr.decode()))
        return done

    def explain(self, id):
        """The ledger's record; it is written a moment after the reply."""
        def look():
            done = self.run("explain", "--config", self.config, "--json", id)
            return json.loads(done.stdout) if done.returncode == 0 else None
        return wait_until("%s in the ledger" % id, look)

    def story(self, id):
        self.explain(id)
        return self.run("explain", "--config", self.config, id, check=True).stdout.decode()

    def ledger(self, *filters):
        done = self.run("log", "--config", self.config, "--json", *filters)
        return [json.loads(line) for line in done.stdout.decode().splitlines()]

    def log_line(self, id, subject="message"):
        """The keys of the line that was logged for a message."""
        found = self.wait_log(r"(?m)%s: (id=%s, .*)$" % (subject, id)).group(1)
        return parse_log(found)


def parse_log(text):
    values = {}
    for key, quoted, plain in re.findall(r'(\w+)=(?:"((?:[^"\\]|\\.)*)"|([^,]*))(?:, |$)', text):
        values.setdefault(key, quoted or plain)
    return values


# ---- running ----


class TapResult(unittest.TestResult):
    def __init__(self):
        super().__init__()
        self.number = 0

    def _line(self, ok, test, remark=""):
        self.number += 1
        name = test.shortDescription() or getattr(test, "_testMethodName", str(test))
        print("%s %d - %s%s" % ("ok" if ok else "not ok", self.number, name.replace("#", "no. "), remark))
        sys.stdout.flush()

    def _failed(self, test, error):
        for line in self._exc_info_to_string(error, test).rstrip().split("\n"):
            print("# " + line)
        self._line(False, test)

    def addSuccess(self, test):
        super().addSuccess(test)
        self._line(True, test)

    def addError(self, test, error):
        super().addError(test, error)
        self._failed(test, error)

    def addFailure(self, test, error):
        super().addFailure(test, error)
        self._failed(test, error)

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self._line(True, test, " # SKIP " + reason)

    def addSubTest(self, test, subtest, error):
        super().addSubTest(test, subtest, error)
        if error:
            self._failed(subtest, error)


class InOrder(unittest.TestLoader):
    """Tests run in the order in which they stand in the file."""

    def getTestCaseNames(self, testCaseClass):
        names = super().getTestCaseNames(testCaseClass)
        return sorted(names, key=lambda name: getattr(testCaseClass, name).__code__.co_firstlineno)


def main():
    """Runs all tests of the calling file, or those whose names are given behind the program."""
    if not os.access(VOUCH, os.X_OK):
        print("usage: %s PATH-TO-VOUCH [TEST ...]" % sys.argv[0])
        sys.exit(2)
    loader = InOrder()
    if sys.argv[2:]:
        loader.testNamePatterns = ["*%s*" % name for name in sys.argv[2:]]
    suite = loader.loadTestsFromModule(sys.modules["__main__"])
    result = TapResult()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    began = time.monotonic()
    try:
        suite.run(result)
    finally:
        close_all()
    print("1..%d" % result.number)
    failed = len(result.failures) + len(result.errors)
    skipped = len(result.skipped)
    print("# %d passed, %d failed, %d skipped in %.1f s" % (
        result.number - failed - skipped, failed, skipped, time.monotonic() - began))
    if failed:
        sys.exit(1)
    sys.exit(SKIPPED if skipped and skipped == result.number else 0)
