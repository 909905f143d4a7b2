#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""usage: dkim_test.py PATH-TO-VOUCH [TEST ...]

DKIM with other people's programs: what `vouch dkim sign` makes is verified by OpenDKIM and by python3-dkim,
what they sign by `vouch dkim verify` with keys that nsd answers; and the life of keys, from keygen to
revocation, with two name servers that learn of a new zone one after the other.
"""
import json
import os
import pwd
import re
import socket
import struct
import subprocess
import sys
import unittest

import world
from world import folder, needs, wait_until, write_file

DOMAIN = "sender.example"
USER = pwd.getpwuid(os.getuid()).pw_name

# Run by a Python that has the module dkim, which need not be the one that runs this.
DKIMPY = r"""
import json, sys
import dkim
task = json.load(sys.stdin)
message = bytes.fromhex(task["message"])
if task["what"] == "sign":
    extra = {"include_headers": [h.encode() for h in task["headers"]]} if task.get("headers") else {}
    field = dkim.sign(message, task["selector"].encode(), task["domain"].encode(), task["key"].encode(),
                      canonicalize=tuple(c.encode() for c in task["canonical"]),
                      signature_algorithm=task["algorithm"].encode(), **extra)
    print(field.hex())
else:
    records = {k.encode(): v.encode() for k, v in task["records"].items()}
    found = []
    signer = dkim.DKIM(message)
    for index in range(task["count"]):
        try:
            found.append(bool(signer.verify(idx=index, dnsfunc=lambda name, timeout=5:
                                            records.get(name.rstrip(b"."), b""))))
        except dkim.DKIMException as error:
            found.append(str(error))
    print(json.dumps(found))
"""


def python_with_dkim():
    for program in sys.executable, "/usr/bin/python3":
        if subprocess.run([program, "-c", "import dkim, nacl"], stderr=subprocess.DEVNULL).returncode == 0:
            return program
    raise unittest.SkipTest("python3-dkim is not installed")


def dkimpy(**task):
    done = subprocess.run([python_with_dkim(), "-c", DKIMPY], input=json.dumps(task).encode(),
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    if done.returncode:
        raise AssertionError(done.stderr.decode())
    return done.stdout.decode().strip()


def vouch(*arguments, stdin=b"", status=0):
    done = subprocess.run([world.VOUCH] + list(arguments), input=stdin, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, timeout=world.PATIENCE)
    if status is not None and done.returncode != status:
        raise AssertionError("vouch %s: %d\n%s%s" % (arguments, done.returncode, done.stdout.decode(),
                                                     done.stderr.decode()))
    return done.stdout if status is not None else done


# ---- keys and messages ----


class Keys:
    """Made once by keygen: `records` by name, `files` by algorithm."""

    def __init__(self):
        self.directory = os.path.join(folder(), "keys")
        made = json.loads(vouch("dkim", "keygen", "--json", "--active", "--selector", "s",
                                "--key-directory", self.directory, DOMAIN))
        self.keys = {key["algorithm"]: key for key in made["keys"]}
        self.records = {key["name"]: key["value"] for key in made["keys"]}
        self.zone = [key["zone"] for key in made["keys"]]

    def file(self, algorithm):
        return "%s/%s/%s.pem" % (self.directory, DOMAIN, self.keys[algorithm]["selector"])


_keys = None


def keys():
    global _keys
    _keys = _keys or Keys()
    return _keys


HEAD = b"From: Ann <ann@sender.example>\r\nTo: bob@here.example\r\nSubject: A test\r\n"
DATE = b"Date: Sat, 21 Nov 2026 10:00:00 +0000\r\nMessage-ID: <1@sender.example>\r\n"

# rfc5322:4.5, which python3-dkim does not read, nor OpenDKIM from a file.
BLANK = "blank before the colon"

MESSAGES = {
    "plain": HEAD + DATE + b"\r\nHello.\r\n",
    "empty body": HEAD + DATE + b"\r\n",
    "blank lines at the end": HEAD + DATE + b"\r\nHello.\r\n\r\n\r\n\r\n",
    "white space in the body": HEAD + DATE + b"\r\n a  b\t c \t\r\n\t\r\n \r\nx\r\n \r\n",
    "8-bit body": HEAD + DATE + b"Content-Type: text/plain; charset=iso-8859-1\r\n"
                  b"Content-Transfer-Encoding: 8bit\r\n\r\nGr\xfc\xdfe \xff\xfe\r\n",
    "UTF-8 in the header": "From: Ann <ann@sender.example>\r\nTo: bob@here.example\r\n"
                           "Subject: Grüße aus München\r\n".encode() + DATE + b"\r\nHello.\r\n",
    "folded": b"From: Ann\r\n <ann@sender.example>\r\nTo: bob@here.example,\r\n\tcarol@here.example\r\n"
              b"Subject: A\r\n  folded \r\n\t subject\t \r\n" + DATE + b"\r\nHello.\r\n",
    "odd spacing": b"FROM: Ann <ann@sender.example>\r\nto:bob@here.example\r\nSubject:    \r\n" + DATE +
                   b"\r\nHello.\r\n",
    BLANK: b"To : bob@here.example\r\nFrom : Ann <ann@sender.example>\r\n" + DATE + b"\r\nHello.\r\n",
    "duplicates": b"Received: by a\r\nReceived: by b\r\n" + HEAD + b"To: carol@here.example\r\n"
                  b"Subject: again\r\nList-Id: <l.sender.example>\r\nResent-From: x@sender.example\r\n"
                  b"Resent-From: y@sender.example\r\n" + DATE + b"\r\nHello.\r\n",
    "long": HEAD + b"References: " + b"\r\n ".join(b"<%d@sender.example>" % i for i in range(200)) + b"\r\n" +
            DATE + b"\r\n" + b"x" * 900 + b"\r\n" + b"line\r\n" * 20000,
}


def signed(octets, *arguments):
    return vouch("dkim", "sign", "--domain", DOMAIN, "--key-directory", keys().directory, *arguments, "-",
                 stdin=octets)


class ByOthers(unittest.TestCase):
    def test_dkimpy(self):
        """python3-dkim verifies both signatures of all kinds of messages"""
        for name, octets in MESSAGES.items():
            if name == BLANK:
                continue
            with self.subTest(name):
                whole = signed(octets)
                self.assertTrue(whole.endswith(octets))
                found = json.loads(dkimpy(what="verify", message=whole.hex(), records=keys().records,
                                          count=2))
                self.assertEqual(found, [True, True])

    def test_dkimpy_refuses(self):
        """python3-dkim refuses what was changed, and a field that was added"""
        whole = signed(MESSAGES["plain"])
        for changed in (whole.replace(b"Hello", b"Hallo"), whole.replace(b"A test", b"B test"),
                        b"Subject: more\r\n" + whole, b"Reply-To: evil@x.example\r\n" + whole):
            found = json.loads(dkimpy(what="verify", message=changed.hex(), records=keys().records, count=2))
            self.assertNotIn(True, found)
        for changed in (b"Sender: list@x.example\r\n" + whole, b"List-Post: <x>\r\n" + whole,
                        b"Resent-From: c@x.example\r\nResent-To: d@x.example\r\n" + whole):
            found = json.loads(dkimpy(what="verify", message=changed.hex(), records=keys().records, count=2))
            self.assertEqual(found, [True, True])

    def test_opendkim(self):
        """OpenDKIM verifies both signatures of all kinds of messages"""
        program = needs("opendkim")
        data = "".join("%s %s\n" % record for record in keys().records.items())
        config = write_file(folder() + "/opendkim.conf",
                            "Mode v\nUserID %s\nTestDNSData file:%s\n" % (
                                USER, write_file(folder() + "/opendkim.data", data)))
        for name, octets in MESSAGES.items():
            if name == BLANK:
                continue
            with self.subTest(name):
                file = write_file(folder() + "/opendkim.eml", signed(octets))
                done = subprocess.run([program, "-x", config, "-v", "-v", "-t", file],
                                      stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
                said = done.stdout.decode("utf-8", "replace")
                self.assertEqual(done.returncode, 0, said)
                self.assertEqual(len(re.findall(r"dkim=pass [^;]*header.a=(?:rsa|ed25519)-sha256", said)), 2,
                                 said)
                file = write_file(folder() + "/opendkim.eml", signed(octets).replace(b"ann@", b"eve@"))
                done = subprocess.run([program, "-x", config, "-v", "-v", "-t", file],
                                      stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
                self.assertNotIn("dkim=pass", done.stdout.decode("utf-8", "replace"))


# ---- name servers ----


class Nsd(world.Daemon):
    """Zones with names of their own, on an address of its own: text by name of the zone."""

    def __init__(self, name, address, port, zones):
        self.place = os.path.join(folder(), name)
        self.port, self.address = port, address
        os.makedirs(self.place)
        files = {zone: (zone.strip(".") or "root") + ".zone" for zone in zones}
        write_file(self.place + "/nsd.conf", world.nsd_config(self.place, address, port, files))
        self.zones = zones
        self.write(zones)
        self.start()

    def write(self, zones):
        for zone, records in zones.items():
            lines = ["$ORIGIN %s" % zone, "$TTL 5", "@ SOA ns1 hostmaster 1 3600 600 86400 1"]
            write_file("%s/%s.zone" % (self.place, zone.strip(".") or "root"),
                       "\n".join(lines + list(records)) + "\n")

    def start(self):
        super().__init__(os.path.basename(self.place),
                         [needs("nsd"), "-d", "-c", self.place + "/nsd.conf"], self.place + "/log")
        wait_until("nsd answers", lambda: self.ended() or self.answers())
        if self.ended():
            raise AssertionError(self.log_text() + world.read_file(self.place + "/nsd.log").decode())

    def answers(self):
        query = struct.pack(">6H", 4711, 0, 1, 0, 0, 0) + world.dns_name(DOMAIN) + struct.pack(">2H", 6, 1)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
            asking.settimeout(0.5)
            try:
                asking.connect((self.address, self.port))
                asking.send(query)
                return len(asking.recv(4096)) > 12
            except OSError:
                return False

    def port_is_free(self):
        try:
            for kind in socket.SOCK_DGRAM, socket.SOCK_STREAM:
                with socket.socket(socket.AF_INET, kind) as probe:
                    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, kind == socket.SOCK_STREAM)
                    probe.bind((self.address, self.port))
        except OSError:
            return False
        return True

    def publish(self, records):
        """The zone with these records besides those that make it one."""
        self.close()
        # Its children may hold the port for a moment longer.
        wait_until("the port is free", self.port_is_free)
        self.write({DOMAIN + ".": NAME_SERVERS + list(records)})
        self.start()


NAME_SERVERS = ["@ NS ns1", "@ NS ns2", "ns1 A 127.0.0.2", "ns2 A 127.0.0.3"]


class FromOthers(unittest.TestCase):
    """Keys are answered by nsd."""

    @classmethod
    def setUpClass(cls):
        cls.dns = world.Nsd(keys().zone)

    @classmethod
    def tearDownClass(cls):
        cls.dns.close()

    def verify(self, octets, status=0):
        done = vouch("dkim", "verify", "--json", "--resolver", "127.0.0.1:%d" % self.dns.port, "-",
                     stdin=octets, status=status)
        return json.loads(done)

    def test_ours(self):
        """The zone lines of keygen are good for nsd, and our signatures verify with what it answers"""
        for name, octets in MESSAGES.items():
            with self.subTest(name):
                found = self.verify(signed(octets))
                self.assertEqual([s["result"] for s in found["signatures"]], ["pass", "pass"])
                self.assertEqual([s["algorithm"] for s in found["signatures"]],
                                 ["rsa-sha256", "ed25519-sha256"])
                for signature in found["signatures"]:
                    self.assertRegex(signature["headers"], r"\A[!-~]+\Z")  # unfolded
                    self.assertIn("from", signature["headers"].lower().split(":"))

    def test_no_length(self):
        """l= is never written, x= is, and lies behind any queue's life"""
        whole = signed(MESSAGES["plain"])
        self.assertNotRegex(whole, rb"[;\s]l=")
        times = [int(t) for t in re.findall(rb"[;\s][tx]=(\d+)", whole)]
        self.assertEqual(times[1] - times[0], 14 * 86400)
        names = [n.lower() for n in re.search(rb"h=([^;]*);", whole).group(1).replace(b"\r\n\t", b"")
                 .decode().split(":")]
        self.assertEqual(names.count("from"), 2)
        for name in names:
            self.assertFalse(name.startswith(("resent-", "list-")) or name == "sender", name)

    def test_dkimpy(self):
        """What python3-dkim signs passes, by both algorithms and all canonicalizations"""
        for name, octets in MESSAGES.items():
            for algorithm in ("rsa", "ed25519") if name != BLANK else ():
                for canonical in ("simple", "simple"), ("relaxed", "simple"), ("relaxed", "relaxed"):
                    with self.subTest("%s %s %s/%s" % ((name, algorithm) + canonical)):
                        key = keys().keys[algorithm]
                        pem = world.read_file(keys().file(algorithm)).decode()
                        if algorithm == "ed25519":  # it wants the bare octets
                            der = world.openssl("pkey", "-in", keys().file(algorithm), "-outform", "DER")
                            pem = __import__("base64").b64encode(der[-32:]).decode()
                        field = dkimpy(what="sign", message=octets.hex(), selector=key["selector"],
                                       domain=DOMAIN, key=pem, canonical=canonical,
                                       algorithm=algorithm + "-sha256")
                        found = self.verify(bytes.fromhex(field) + octets)
                        self.assertEqual(found["result"], "pass", found)

    def test_opendkim(self):
        """What OpenDKIM signs as a milter passes"""
        program = needs("opendkim")
        port = world.free_port()
        config = write_file(folder() + "/opensign.conf", """
Mode s
UserID %s
Syslog no
Socket inet:%d@127.0.0.1
Domain %s
Selector %s
KeyFile %s
Canonicalization relaxed/relaxed
OversignHeaders From
PidFile %s/opendkim.pid
RequireSafeKeys no
InternalHosts 127.0.0.1
""" % (USER, port, DOMAIN, keys().keys["rsa"]["selector"], keys().file("rsa"), folder()))
        daemon = world.Daemon("opendkim", [program, "-f", "-x", config], folder() + "/opendkim.log")
        try:
            for name, octets in MESSAGES.items():
                with self.subTest(name):
                    field = sign_by_milter(port, octets)
                    found = self.verify(field + octets)
                    self.assertEqual(found["result"], "pass", found)
        finally:
            daemon.close()


def sign_by_milter(port, octets):
    """The DKIM-Signature field that a milter adds. Milter protocol, version 6, no more of it than needed."""
    def connect():
        try:
            return socket.create_connection(("127.0.0.1", port), 5)
        except OSError:
            return None
    with wait_until("the milter listens", connect) as connection:
        file = connection.makefile("rb")

        def read():
            length = struct.unpack(">I", file.read(4))[0]
            packet = file.read(length)
            return packet[:1], packet[1:]

        def send(command, data=b"", answered=True):
            connection.sendall(struct.pack(">I", len(data) + 1) + command + data)
            return read() if answered else None

        # Actions: adds headers, changes headers, quarantine …; no protocol step is left out.
        send(b"O", struct.pack(">III", 6, 0x1ff, 0))
        send(b"C", b"localhost\0" + b"4" + struct.pack(">H", 4711) + b"127.0.0.1\0")
        send(b"H", b"client.example\0")
        send(b"M", b"<ann@sender.example>\0")
        send(b"R", b"<bob@here.example>\0")
        send(b"T")
        head, _, body = octets.partition(b"\r\n\r\n")
        for field in re.split(rb"\r\n(?![ \t])", head):
            name, _, value = field.partition(b":")
            # As mail servers do: without the blank behind the colon, line ends as LF.
            value = value[1:] if value.startswith(b" ") else value
            send(b"L", name.rstrip() + b"\0" + value.replace(b"\r\n", b"\n") + b"\0")
        send(b"N")
        for at in range(0, len(body), 60000):
            send(b"B", body[at:at + 60000])
        answer = send(b"E")
        found = b""
        while answer[0] not in b"actrd":
            if answer[0] in (b"i", b"h"):
                data = answer[1][4:] if answer[0] == b"i" else answer[1]
                name, value = data.split(b"\0")[:2]
                if name.lower() == b"dkim-signature":
                    found = name + b": " + value.lstrip(b" ").replace(b"\n", b"\r\n") + b"\r\n"
            answer = read()
        return found


# ---- the life of keys ----


class Life(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.port = world.free_port()
        cls.directory = os.path.join(folder(), "life")
        zone = {DOMAIN + ".": NAME_SERVERS}
        cls.first = Nsd("ns1", "127.0.0.2", cls.port, zone)
        cls.second = Nsd("ns2", "127.0.0.3", cls.port, zone)
        # It stands for a resolver: it knows the name servers, and answers the keys as the first does.
        cls.resolver = Nsd("resolver", "127.0.0.4", cls.port, zone)

    @classmethod
    def tearDownClass(cls):
        for server in cls.first, cls.second, cls.resolver:
            server.close()

    def run_vouch(self, command, *arguments, status=0):
        return vouch("dkim", command, *arguments, "--key-directory", self.directory, "--resolver",
                     "127.0.0.4:%d" % self.port, *(() if command == "keygen" else ("--port", str(self.port))),
                     status=status)

    def rotate(self, *arguments, status=0):
        done = self.run_vouch("rotate", *arguments, DOMAIN, status=None)
        self.assertEqual(done.returncode, status, (done.stdout + done.stderr).decode())
        return done.stdout.decode(), done.stderr.decode()

    def phases(self):
        found = json.loads(self.rotate("--status", "--json")[0])
        return {key["selector"]: key["phase"] for key in found["keys"]}

    def zone_lines(self, text):
        """What an administrator would paste: the parts of the output that are of a zone file."""
        return re.findall(r"(?m)^\S+\. \d+ IN TXT (?:\( (?:.|\n)*? \)|\".*\")$", text)

    def test_life(self):
        """rotate: publish, wait for every server, switch, retire, revoke; resumed at each step"""
        made, _ = self.rotate("--timeout", "0", status=1)
        self.assertEqual(len(self.zone_lines(made)), 2)  # all at once: the zone is edited once
        self.assertEqual(set(self.phases().values()), {"new"})
        first = sorted(self.phases())
        everything = json.loads(self.run_vouch("keygen", "--json", "--selector", "other", "--algorithm",
                                               "rsa", "else.example"))
        self.assertEqual(everything["keys"][0]["phase"], "new")

        lines = [world.read_file("%s/%s/%s.txt" % (self.directory, DOMAIN, s)).decode().strip()
                 for s in first]
        zone = ["%s._domainkey TXT %s" % (s, world.zone_text(t)) for s, t in zip(first, lines)]
        self.first.publish(zone)
        made, said = self.rotate("--timeout", "0", status=1)
        self.assertEqual(len(self.zone_lines(made)), 2)
        for selector in first:
            self.assertRegex(said, selector + r".*1 of 2 name servers have it; ns2\.sender\.example")
        self.assertEqual(set(self.phases().values()), {"new"})

        # One of the records everywhere: it is not to be published any more, and nothing is switched.
        for server in self.first, self.second, self.resolver:
            server.publish(zone[:1])
        made, said = self.rotate("--timeout", "0", status=1)
        self.assertEqual(len(self.zone_lines(made)), 1)
        self.assertNotIn(first[0], made)
        self.assertIn("key %s of" % first[1], made)
        self.assertIn("2 of 2 name servers have it", said)
        self.assertEqual(set(self.phases().values()), {"new"})
        self.first.publish(zone)
        self.second.publish([])
        self.resolver.publish([])

        # The second server gets the zone while it waits.
        waiting = subprocess.Popen(
            [world.VOUCH, "dkim", "rotate", "--timeout", "60s", "--key-directory", self.directory,
             "--resolver", "127.0.0.4:%d" % self.port, "--port", str(self.port), DOMAIN],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.second.publish(zone)
        self.resolver.publish(zone)
        out, err = waiting.communicate(timeout=world.PATIENCE)
        self.assertEqual(waiting.returncode, 0, (out + err).decode())
        self.assertIn("Reload the gateway", out.decode())
        self.assertEqual(out.count(b"Active now"), 2)
        self.assertEqual(self.phases(), {s: "active" for s in first})

        found = json.loads(self.run_vouch("check-key", "--all", "--json", DOMAIN))
        self.assertEqual([key["good"] for key in found["keys"]], [True, True])
        self.assertEqual({s["name"] for s in found["keys"][0]["name_servers"]},
                         {"ns1.sender.example", "ns2.sender.example"})
        self.assertTrue(found["keys"][0]["private_key"])

        # Again: the old keys are retired, and revoked when their time has come.
        made, _ = self.rotate("--timeout", "0", "--selector", "next", "--json", status=1)
        published, state = [json.loads(line) for line in made.splitlines()]
        self.assertEqual([published["event"], state["event"]], ["publish", "state"])
        self.assertEqual([key["name"] for key in published["keys"]],
                         ["next-%s._domainkey.%s" % (a, DOMAIN) for a in ("rsa", "ed25519")])
        self.assertEqual({key["phase"] for key in published["keys"]}, {"new"})
        self.assertEqual(sorted(key["phase"] for key in state["keys"]), ["active"] * 2 + ["new"] * 2)
        second = sorted(s for s, phase in self.phases().items() if phase == "new")
        self.assertEqual(second, ["next-ed25519", "next-rsa"])
        lines = [world.read_file("%s/%s/%s.txt" % (self.directory, DOMAIN, s)).decode().strip()
                 for s in second]
        zone += ["%s._domainkey TXT %s" % (s, world.zone_text(t)) for s, t in zip(second, lines)]
        for server in self.first, self.second, self.resolver:
            server.publish(zone)
        nobody = subprocess.Popen(["true"])
        nobody.wait()  # its number is free now
        made, said = self.rotate("--timeout", "0", "--json", "--reload-pid", str(nobody.pid), status=1)
        active, state = [json.loads(line) for line in made.splitlines()]
        self.assertEqual([active["event"], active["reloaded"], state["event"]], ["active", False, "state"])
        self.assertEqual(sorted(key["selector"] for key in active["keys"]), second)
        self.assertIn("No such process", said)
        self.assertIn("systemctl reload vouch", said)
        self.assertEqual(self.phases(), dict({s: "retired" for s in first}, **{s: "active" for s in second}))
        said, _ = self.rotate("--finish", status=1)
        self.assertIn("Not yet", said)

        later = str(int(__import__("time").time()) + 16 * 86400)
        made, said = self.rotate("--finish", "--now", later, "--timeout", "0", status=1)
        self.assertEqual(len(self.zone_lines(made)), 2)
        self.assertEqual(said.count("not revoked there"), 2)
        revoked = ["%s._domainkey TXT %s" % (s, '"v=DKIM1; p="') for s in first]
        for server in self.first, self.second, self.resolver:
            server.publish(revoked + zone[2:])
        made, _ = self.rotate("--finish", "--now", later, "--timeout", "0", "--json")
        events = [json.loads(line) for line in made.splitlines()]
        self.assertEqual([event["event"] for event in events], ["revoked", "revoked", "state"])
        self.assertEqual(sorted(event["selector"] for event in events[:2]), first)
        self.assertEqual(self.phases(), dict({s: "revoked" for s in first}, **{s: "active" for s in second}))
        left = sorted(os.listdir("%s/%s" % (self.directory, DOMAIN)))
        self.assertEqual(left, ["next-ed25519.pem", "next-ed25519.txt", "next-rsa.pem", "next-rsa.txt", "state"])

    def test_unwritten(self):
        """Nothing is called active before the state says so on disk"""
        directory = os.path.join(folder(), "unwritten")
        server = "127.0.0.4:%d" % self.port
        command = [world.VOUCH, "dkim", "rotate", "--key-directory", directory, "--name-servers", server,
                   "--resolver", server, "--timeout", "0", DOMAIN]
        vouch("dkim", "keygen", "--key-directory", directory, "--algorithm", "rsa", "--selector", "u", DOMAIN)
        text = world.read_file("%s/%s/u.txt" % (directory, DOMAIN)).decode().strip()
        self.resolver.publish(["u._domainkey TXT %s" % world.zone_text(text)])
        state = "%s/%s/state" % (directory, DOMAIN)
        before = world.read_file(state)
        # No file may grow: root, too, is stopped by that.
        done = subprocess.run(["sh", "-c", "trap '' XFSZ; ulimit -f 0; exec \"$@\"", "sh"] + command,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.assertEqual(done.returncode, 1, done)
        self.assertIn(b"File too large", done.stderr)
        self.assertNotIn(b"Active", done.stdout)
        self.assertEqual(world.read_file(state), before)
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.assertEqual(done.returncode, 0, done)
        self.assertIn(b"Active now: the rsa key u.", done.stdout)
        self.assertNotIn(b"To be published", done.stdout)  # it is there already

    def test_what_is_wrong(self):
        """check-key names what is wrong, and where"""
        key = self.phases()
        self.assertEqual(key["next-rsa"], "active")
        text = world.read_file("%s/%s/next-rsa.txt" % (self.directory, DOMAIN)).decode().strip()
        good = "next-rsa._domainkey TXT %s" % world.zone_text(text)

        def check(first, second, status, *says):
            self.first.publish(first)
            self.second.publish(second)
            self.resolver.publish(first)
            done = self.run_vouch("check-key", DOMAIN, "next-rsa", status=None)
            said = done.stdout.decode()
            self.assertEqual(done.returncode, status, said + done.stderr.decode())
            for part in says:
                self.assertIn(part, said)
        check([good], [good], 0, "good:", "2 name servers", "our private key")
        check([good], [], 1, "ns2.sender.example (127.0.0.3) has no such record")
        check([good, 'next-rsa._domainkey TXT "v=DKIM1; p="'], [good], 1, "has 2 records")
        check([good.replace("k=rsa", "t=y; k=rsa")] * 1, [good], 1, "another record", "testing")
        check(["next-rsa._domainkey CNAME alias", good.replace("next-rsa", "alias", 1)],
              ["next-rsa._domainkey CNAME alias", good.replace("next-rsa", "alias", 1)], 1)
        alias = ["next-rsa._domainkey CNAME alias", good.replace("next-rsa._domainkey", "alias", 1)]
        check(alias, alias, 0, "alias (CNAME) of alias.sender.example")
        other = json.loads(self.run_vouch("keygen", "--json", "--selector", "x", "--algorithm", "rsa",
                                          "x.example"))["keys"][0]["value"]
        wrong = ["next-rsa._domainkey TXT %s" % world.zone_text(other)]
        check(wrong, wrong, 1, "not the public half")
        self.second.close()
        done = self.run_vouch("check-key", DOMAIN, "next-rsa", status=None)
        self.assertIn("does not answer", done.stdout.decode())
        self.second.start()

    def test_tinydns(self):
        """The line for tinydns means the same text"""
        made = json.loads(self.run_vouch("keygen", "--json", "--selector", "tiny", "tiny.example"))
        for key in made["keys"]:
            name, text, ttl = key["tinydns"].split(":")
            self.assertEqual(name, "'" + key["name"])
            self.assertEqual(re.sub(r"\\(\d{3})", lambda m: chr(int(m.group(1), 8)), text), key["value"])


# ---- what is said when something is wrong ----


class Errors(unittest.TestCase):
    def fails(self, *arguments, status=2, stdin=b""):
        done = vouch(*arguments, stdin=stdin, status=None)
        self.assertEqual(done.returncode, status, done)
        self.assertEqual(done.stdout, b"")
        return done.stderr.decode()

    def test_no_keys(self):
        """sign without keys says how to make some; keygen's errors begin with its name"""
        place = os.path.join(folder(), "without-keys")
        said = self.fails("dkim", "sign", "--key-directory", place, "--domain", "other.example", "-")
        self.assertIn("no keys of other.example", said)
        self.assertIn("vouch dkim keygen other.example", said)
        vouch("dkim", "keygen", "--key-directory", place, "--selector", "a", "other.example")
        said = self.fails("dkim", "sign", "--key-directory", place, "--domain", "other.example", "-")
        self.assertIn("vouch dkim rotate other.example", said)
        said = self.fails("dkim", "keygen", "--key-directory", place, "--selector", "a", "other.example",
                          status=1)
        self.assertTrue(said.startswith("vouch dkim keygen: "), said)
        said = self.fails("dkim", "rotate", "--key-directory", place, "--selector", "/", "third.example",
                          status=1)
        self.assertTrue(said.startswith("vouch dkim rotate: "), said)

    def test_reload_pid(self):
        """what is no process is refused before anything is done"""
        for pid in "1", "x", "-5":
            place = os.path.join(folder(), "nopid")
            said = self.fails("dkim", "rotate", "--key-directory", place, "--reload-pid=" + pid, DOMAIN)
            self.assertIn("--reload-pid", said)
            self.assertFalse(os.path.exists(place))

    def test_message_files(self):
        """what is wrong with a message file is said under the command's name"""
        message = world.write_file(folder() + "/message.eml", MESSAGES["plain"])
        for command in (["dkim", "verify"], ["check"], ["arc", "verify"], ["domainkeys", "verify"],
                        ["hashcash", "check", "--resource", "a@here.example", "--file"],
                        ["dmarc", "check"], ["dkim", "sign", "--domain", DOMAIN,
                                           "--key-directory", keys().directory]):
            name = "vouch %s: " % " ".join(command[:2 if len(command) > 1 else 1])
            with self.subTest(name):
                self.assertEqual(self.fails(*command, "/nonexist"),
                                 name + "/nonexist: No such file or directory\n")
                self.assertEqual(self.fails(*command, folder()), name + folder() + ": Is a directory\n")
                self.assertEqual(self.fails(*command, message + "/x"),
                                 name + message + "/x: Not a directory\n")

    def test_secrets(self):
        """a file of secrets that the gateway would refuse is warned of, with the mode that it takes"""
        for mode, warned in (0o600, False), (0o640, True), (0o604, True), (0o620, True):
            secrets = world.write_file(folder() + "/batv.secrets", "a secret that is long enough\n", mode)
            done = vouch("batv", "encode", "--secrets", secrets, "ann@sender.example", status=None)
            self.assertEqual(done.returncode, 0, done)
            self.assertEqual(b"chmod 600 " + secrets.encode() in done.stderr, warned, (oct(mode), done))
        said = self.fails("batv", "encode", "--secrets", "/nonexist", "ann@sender.example")
        self.assertEqual(said, "vouch batv encode: /nonexist: No such file or directory\n")
        said = self.fails("batv", "encode", "--secrets", folder(), "ann@sender.example")
        self.assertIn("Is a directory", said)

    def test_full_disk(self):
        """help that nobody got is no success"""
        for words in ["help"], ["--help"], ["version"], ["--version"], ["dkim", "rotate", "--help"]:
            with open("/dev/full", "wb") as full:
                done = subprocess.run([world.VOUCH] + words, stdout=full, stderr=subprocess.PIPE)
            self.assertEqual(done.returncode, 3, words)
            self.assertIn(b"No space left", done.stderr)

    def test_unknown_commands(self):
        said = self.fails("report", "shwo", "x")
        self.assertTrue(said.startswith("vouch: there is no command 'report shwo'"), said)
        self.assertIn("\n  report show ", said)
        self.assertNotIn("dkim", said)
        self.assertTrue(self.fails("dkim").startswith("vouch: 'dkim' wants a second word:\n"))
        self.assertTrue(self.fails("repo", "x").startswith("vouch: there is no command 'repo'"))
        listed = vouch("help").decode()
        self.assertLess(listed.index("Domains: what to publish"), listed.index("report show"))
        self.assertLess(listed.index("report show"), listed.index("\nSigning"))


# ---- the gateway ----


class InTheGateway(unittest.TestCase):
    """Keys are read at the start and at a reload, and nowhere else."""

    def test_reload(self):
        """a reload takes new keys; with a bad key the old ones stay in force"""
        dns = world.Nsd([], name="nsd-gateway")
        gateway = world.Gateway("new-keys", dns.port, top="edges = 1\nkey-directory = keys",
                                sections="signing %s { }" % DOMAIN, start=False)
        directory = gateway.path("keys")
        vouch("dkim", "keygen", "--active", "--algorithm", "rsa", "--selector", "a", "--key-directory",
              directory, DOMAIN)
        gateway.start()
        old = gateway.pids("keys")
        self.assertEqual(len(old), 1)
        at = len(gateway.log_text())
        gateway.daemon.process.send_signal(world.signal.SIGHUP)
        gateway.wait_log("reload: configuration reloaded", at)
        wait_until("a new keys process alone", lambda: len(gateway.pids("keys")) == 1 and
                   gateway.pids("keys") != old)
        now = gateway.pids("keys")
        os.chmod("%s/%s/a.pem" % (directory, DOMAIN), 0o644)
        at = len(gateway.log_text())
        gateway.daemon.process.send_signal(world.signal.SIGHUP)
        gateway.wait_log("old configuration stays", at)
        self.assertIn("chmod 600", gateway.log_text()[at:])
        wait_until("the old keys process alone", lambda: gateway.pids("keys") == now)
        os.chmod("%s/%s/a.pem" % (directory, DOMAIN), 0o600)
        gateway.expect_alarms = True
        os.kill(now[0], world.signal.SIGKILL)
        wait_until("keys are back", lambda: gateway.pids("keys") and gateway.pids("keys") != now)
        gateway.stop()
        dns.close()

    def test_start(self):
        """without an active key for a domain that is to be signed it does not start, and says why"""
        gateway = world.Gateway("nokeys", world.free_port(), top="edges = 1\nkey-directory = keys",
                                sections="signing %s { }" % DOMAIN, start=False)
        gateway.start(wait=False)
        wait_until("it ends", gateway.daemon.ended)
        self.assertEqual(gateway.daemon.process.returncode, 2)
        self.assertIn("no active key", gateway.log_text())
        gateway.expect_alarms = True
        gateway.close()


if __name__ == "__main__":
    world.require("nsd", "openssl")
    world.main()
