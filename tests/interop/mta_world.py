# SPDX-License-Identifier: BSD-2-Clause
"""Other people's mail servers, each on an address of its own of 127.0.0.0/8, for the tests of sending.

    mta_world.Postfix(port, ...)     Debian's, with private folders; one smtpd an address
    mta_world.DovecotAuth(user, password)  its SASL
    mta_world.Exim(...), Opensmtpd(...)   unpacked by tools/unpack-deb, in a root folder of their own
    mta_world.Authority()            issues certificates
    mta_world.SignedNsd, Unbound     a signed root zone and who validates it
    mta_world.HttpsServer            MTA-STS policies
    mta_world.Signing(domain)        keys of `vouch dkim keygen`; verifies what was signed

A server has `address`, `mails(user)` and `grey(on)`: whether mail to grey@ is put off by 451. All take
the mailboxes USERS of any domain of theirs, and refuse others by 550.
"""
import functools
import hashlib
import http.server
import json
import os
import pwd
import re
import shutil
import ssl
import subprocess
import sys
import threading
import unittest

import world

SOURCE = os.environ.get("VOUCH_SOURCE") or os.path.abspath(
    os.path.join(os.path.dirname(__file__), "..", ".."))
UNPACKED = os.environ.get("VOUCH_UNPACKED") or os.path.join(SOURCE, "build", "mta")
USERS = ("ann", "ben", "grey", "big", "grün")
MAX_SIZE = 10 * 1000 * 1000


def require_root():
    if not world.IS_ROOT:
        raise unittest.SkipTest("mail servers of our own need root")


# ---- certificates ----


class Authority:
    """A certificate authority; `file` is what to trust."""

    def __init__(self, name="authority"):
        self.place = "%s/%s" % (world.folder(), name)
        os.makedirs(self.place)
        self.file, self.key = self.place + "/ca.pem", self.place + "/ca.key"
        world.openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                      "-days", "30", "-subj", "/CN=Test authority", "-keyout", self.key, "-out", self.file)

    def issue(self, *names, days=30, algorithm=("ec", "-pkeyopt", "ec_paramgen_curve:P-256")):
        """Paths of the chain and the key. `days` -1: it has expired."""
        base = "%s/%s%s" % (self.place, names[0], ".expired" if days < 0 else "")
        chain, key = base + ".pem", base + ".key"
        world.openssl("req", "-newkey", *algorithm, "-nodes", "-subj", "/CN=" + names[0], "-keyout", key, "-out", base + ".csr")
        world.write_file(base + ".ext", "subjectAltName=%s\n" % ",".join("DNS:" + n for n in names))
        world.openssl("x509", "-req", "-in", base + ".csr", "-CA", self.file, "-CAkey", self.key,
                      "-CAcreateserial", "-days", str(days), "-extfile", base + ".ext", "-out", chain)
        os.chmod(key, 0o644)
        return chain, key


def tlsa(chain):
    """Data of a TLSA record 3 1 1: the server's own key, hashed."""
    public = world.openssl("x509", "-in", chain, "-noout", "-pubkey")
    return "3 1 1 " + hashlib.sha256(world.openssl("pkey", "-pubin", "-outform", "DER",
                                                   stdin=public)).hexdigest()


# ---- DNS that is signed and validated ----


class SignedNsd(world.Nsd):
    """The root zone signed by ldns; `anchor` is the file of its key."""

    def start_again(self):
        def run(*arguments):
            done = subprocess.run(arguments, cwd=self.place, stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE)
            if done.returncode:
                raise AssertionError("%s: %s" % (arguments[0], done.stderr.decode()))
            return done.stdout.decode().strip()
        keygen = world.find_program("ldns-keygen")
        keys = [run(keygen, "-r", "/dev/urandom", "-a", "ECDSAP256SHA256", *flags, ".")
                for flags in ((), ("-k",))]
        run(world.find_program("ldns-signzone"), "-o", ".", "-f", "root.zone", "root.zone", *keys)
        self.anchor = "%s/%s.key" % (self.place, keys[1])
        super().start_again()


class Unbound(world.Daemon):
    """Validates what an Nsd says. `insecure`: domains that count as unsigned, `bogus`: names under
    which nothing is as signed as it must be, so that the answer is SERVFAIL."""

    def __init__(self, nsd, insecure=(), bogus=(), name="unbound"):
        self.port = world.free_port()
        place = "%s/%s" % (world.folder(), name)
        world.write_file(place + "/unbound.conf", """
server:
  interface: 127.0.0.1
  port: {1}
  do-daemonize: no
  do-ip6: no
  use-syslog: no
  username: ""
  chroot: ""
  directory: "{0}"
  pidfile: "{0}/pid"
  trust-anchor-file: "{2}"
  do-not-query-localhost: no
  qname-minimisation: no
  num-threads: 1
  val-log-level: 2
{3}
stub-zone:
  name: "."
  stub-addr: 127.0.0.1@{4}
remote-control:
  control-enable: no
""".format(place, self.port, nsd.anchor, "\n".join(["  domain-insecure: " + name for name in insecure] + [
            '  trust-anchor: "%s. DS 1 13 2 %s"' % (name, "00" * 32) for name in bogus]), nsd.port))
        super().__init__(name, [world.find_program("unbound"), "-d", "-c", place + "/unbound.conf"],
                         place + "/log")
        world.wait_until("unbound answers", lambda: self.ended() or world.dns_asks(self.port, "ns"))
        if self.ended():
            raise AssertionError("unbound does not start: " + self.log_text())


class HttpsServer:
    """MTA-STS policies. `policies` maps a domain to text or None (404); `certificates` a domain to
    chain and key, "" those of all others. `asked` are the domains of all requests."""

    def __init__(self, address, port, certificates, policies):
        self.policies, self.asked = policies, []
        self.contexts = {}
        for domain, (chain, key) in certificates.items():
            self.contexts[domain] = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.contexts[domain].load_cert_chain(chain, key)
        self.contexts[""].sni_callback = self.choose
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                domain = (self.headers.get("Host") or "").partition(":")[0].partition(".")[2]
                outer.asked.append(domain)
                text = outer.policies.get(domain)
                if self.path != "/.well-known/mta-sts.txt" or text is None:
                    self.send_error(404)
                    return
                self.send_response(200)
                self.send_header("Content-Type", "text/plain")
                self.end_headers()
                self.wfile.write(text.encode())

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            def handle_error(self, *_):  # clients that do not like the certificate
                pass
        self.server = Server((address, port), Handler)
        self.server.socket = self.contexts[""].wrap_socket(self.server.socket, server_side=True,
                                                           do_handshake_on_connect=False)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        world.close_later(self)

    def choose(self, connection, name, _):
        connection.context = self.contexts.get((name or "").partition(".")[2], self.contexts[""])

    def close(self):
        self.server.shutdown()
        self.server.server_close()


# ---- mail servers ----


class Postfix:
    """`address` takes mail for all of *.postfix.example and `domains`, with STARTTLS if there is a
    certificate; `more` are further smtpd: {address: [parameter=value, ...]}."""

    def __init__(self, port, address="127.0.1.1", name="postfix", certificate=None, more=None,
                 domains=("postfix.example",), parameters="", accept_only=None):
        require_root()
        self.program = world.needs("postfix")
        self.address, self.port = address, port
        self.place = "%s/%s" % (world.folder(), name)
        for part, owner in (("queue", None), ("data", "postfix"), ("mail", "nobody")):
            os.makedirs("%s/%s" % (self.place, part))
            if owner:
                os.chown("%s/%s" % (self.place, part), pwd.getpwnam(owner).pw_uid, -1)
        self.greylisting = False
        world.write_file(self.place + "/domains", "".join("%s x\n" % domain for domain in domains))
        self.domains, self.users = domains, list(USERS)
        self.write_users()
        tls = "" if not certificate else """
smtpd_tls_security_level = may
smtpd_tls_chain_files = %s %s
smtpd_tls_received_header = yes
smtpd_tls_loglevel = 1
""" % (certificate[1], certificate[0])
        world.write_file(self.place + "/main.cf", """
compatibility_level = 3.6
queue_directory = {0}/queue
data_directory = {0}/data
maillog_file_prefixes = {0}
maillog_file = {0}/log
myhostname = mx.postfix.example
mydestination =
mynetworks = 127.255.255.255/32
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
alias_maps =
virtual_mailbox_domains = texthash:{0}/domains
virtual_mailbox_maps = texthash:{0}/users
virtual_mailbox_base = {0}/mail
virtual_uid_maps = static:{1}
virtual_gid_maps = static:{2}
virtual_minimum_uid = 1
virtual_mailbox_limit = 0
message_size_limit = {3}
smtpd_relay_restrictions = reject_unauth_destination
smtpd_recipient_restrictions = reject_unlisted_recipient,
    check_policy_service inet:127.0.0.1:{6}
smtpd_peername_lookup = no
notify_classes =
{4}
{5}
""".format(self.place, pwd.getpwnam("nobody").pw_uid, pwd.getpwnam("nobody").pw_gid, MAX_SIZE, tls,
           parameters, self.serve_policy()))
        master = world.read_file("/usr/share/postfix/master.cf.dist").decode() \
            if os.path.exists("/usr/share/postfix/master.cf.dist") \
            else world.read_file("/etc/postfix/master.cf").decode()
        master = re.sub(r"(?m)^smtp +inet.*$", "", master)
        # No chroot, which would have to be filled.
        master = re.sub(r"(?m)^(\w+ +\w+ +\S+ +\S+ +)y", r"\1n", master)
        for where, options in {address: [], **(more or {})}.items():
            master += "\n%s:%d inet n - n - - smtpd" % (where, port)
            master += "".join("\n  -o { %s }" % option for option in options)
        world.write_file(self.place + "/master.cf", master + "\n")
        world.close_later(self)
        self.start()

    def write_users(self):
        world.write_file(self.place + "/users", "".join(
            "%s@%s %s/\n" % (user, domain, user) for domain in self.domains for user in self.users))

    def forget(self, user):
        """Known from its next start."""
        self.users.remove(user)
        self.write_users()

    def serve_policy(self):
        """Answers what smtpd asks of each recipient (SMTPD_POLICY_README)."""
        listener = world.socket.create_server(("127.0.0.1", 0))
        world.close_later(listener)

        def serve(connection):
            recipient = ""
            with connection, connection.makefile("rb") as file:
                for line in file:
                    name, _, value = line.decode().strip().partition("=")
                    if name == "recipient":
                        recipient = value
                    elif not name:
                        greylisted = self.greylisting and recipient.startswith("grey@")
                        connection.sendall(b"action=451 4.7.1 Greylisted\n\n" if greylisted
                                           else b"action=dunno\n\n")

        def accept():
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                threading.Thread(target=serve, args=(connection,), daemon=True).start()
        threading.Thread(target=accept, daemon=True).start()
        return listener.getsockname()[1]

    def grey(self, on):
        self.greylisting = on

    def run(self, command):
        done = subprocess.run([self.program, "-c", self.place, command], stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, env=dict(os.environ, PATH=world.PATH))
        if done.returncode and command == "start":
            raise AssertionError("postfix start: " + done.stdout.decode() + self.log())

    def start(self):
        self.run("start")
        wait_smtp(self.address, self.port)

    def answers(self):
        try:
            world.socket.create_connection((self.address, self.port), 5).close()
            return True
        except OSError:
            return False

    def stop(self):
        self.run("stop")

    close = stop

    def log(self):
        path = self.place + "/log"
        return world.read_file(path).decode() if os.path.exists(path) else ""

    def mails(self, user):
        return world.list_maildir("%s/mail/%s" % (self.place, user))


class DovecotAuth(world.Daemon):
    """The SASL service alone: `socket` is for Postfix."""

    def __init__(self, user, password, name="dovecot"):
        program = world.needs("dovecot")
        place = "%s/%s" % (world.folder(), name)
        self.socket = place + "/auth"
        world.write_file(place + "/users", "%s:{PLAIN}%s\n" % (user, password))
        world.write_file(place + "/dovecot.conf", """
base_dir = {0}/run
state_dir = {0}/run
log_path = {0}/log
auth_verbose = yes
protocols =
ssl = no
auth_mechanisms = plain login scram-sha-256
passdb {{
  driver = passwd-file
  args = {0}/users
}}
userdb {{
  driver = static
  args = uid=65534 gid=65534 home=/
}}
service auth {{
  unix_listener {1} {{
    mode = 0666
  }}
}}
service anvil {{
  chroot =
}}
""".format(place, self.socket))
        super().__init__(name, [program, "-F", "-c", place + "/dovecot.conf"], place + "/out")
        world.wait_until("Dovecot's socket", lambda: self.ended() or os.path.exists(self.socket))
        if self.ended():
            raise AssertionError("Dovecot does not start: " + self.log_text())


def wait_smtp(address, port, daemon=None):
    def answers():
        if daemon and daemon.ended():
            raise AssertionError("%s ended: %s" % (daemon.name, daemon.log_text()))
        try:
            with world.socket.create_connection((address, port), 5) as connection:
                return connection.recv(3) == b"220"
        except OSError:
            return False
    world.wait_until("an SMTP server at %s" % address, answers, 20)


class Root:
    """A folder in which one unpacked program runs as in a system of its own."""

    def __init__(self, package, program, accounts):
        require_root()
        source = os.path.join(UNPACKED, package)
        if not os.path.exists(source + "/.complete"):
            raise unittest.SkipTest("%s is not unpacked: tools/unpack-deb build/mta %s" % (
                package, package))
        self.place = "%s/%s" % (world.folder(), package)
        shutil.copytree(source, self.place, symlinks=True)
        os.chmod(self.place, 0o755)
        for name in ("dev", "tmp", "run", "etc", "bin", "lib64", "var/spool", "var/log", "mail", "home"):
            os.makedirs("%s/%s" % (self.place, name), exist_ok=True)
        os.symlink("../run", self.place + "/var/run")
        os.chmod(self.place + "/tmp", 0o1777)
        users = [("root", 0), ("nobody", 65534)] + [
            (name, 60001 + i) for i, name in enumerate(accounts)]
        world.write_file(self.place + "/etc/passwd", "".join(
            "%s:x:%d:%d::/home:/bin/sh\n" % (name, number, number) for name, number in users))
        world.write_file(self.place + "/etc/group", "".join(
            "%s:x:%d:\n" % user for user in users))
        world.write_file(self.place + "/etc/services", "smtp 25/tcp\nsubmissions 465/tcp\n")
        world.write_file(self.place + "/etc/hosts", "127.0.0.1 localhost\n")
        world.write_file(self.place + "/etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files\n")
        world.write_file(self.place + "/etc/resolv.conf", "nameserver 127.0.0.1\n")
        os.chown(self.place + "/mail", 65534, 65534)
        self.uids = dict(users)
        # Where no devices can be made, plain files do: nobody reads randomness from there.
        for device, minor in (("null", 3), ("urandom", 9)):
            try:
                os.mknod("%s/dev/%s" % (self.place, device), 0o20666, os.makedev(1, minor))
            except PermissionError:
                world.write_file("%s/dev/%s" % (self.place, device), "", 0o666)
            os.chmod("%s/dev/%s" % (self.place, device), 0o666)
        self.add_program(os.path.realpath("/bin/sh"), "/bin/sh")
        for path in program:
            self.add_program(None, path)

    def add_program(self, path, name):
        if path:
            shutil.copy(path, self.place + name)
        libraries = os.pathsep.join("%s/%s" % (self.place, folder) for folder in (
            "usr/lib", "usr/lib/%s-linux-gnu" % os.uname().machine))
        found = subprocess.run(["ldd", self.place + name], stdout=subprocess.PIPE,
                               env=dict(os.environ, LD_LIBRARY_PATH=libraries)).stdout.decode()
        if "not found" in found:
            raise unittest.SkipTest("%s lacks libraries: %s" % (name, " ".join(
                re.findall(r"(\S+) => not found", found))))
        for library in re.findall(r"(/\S+) \(0x", found):
            inside = library if not library.startswith(self.place) else library[len(self.place):]
            # The loader has a fixed place, libraries are found in its standard path.
            is_loader = os.path.basename(inside).startswith("ld-linux")
            target = self.place + inside if is_loader else \
                "%s/usr/lib/%s-linux-gnu/%s" % (self.place, os.uname().machine, os.path.basename(inside))
            if not os.path.exists(target):
                os.makedirs(os.path.dirname(target), exist_ok=True)
                shutil.copy(library, target)
        link = self.place + "/lib"
        if not os.path.exists(link):
            os.symlink("usr/lib", link)
        elif not os.path.islink(link):
            inner = "%s/%s-linux-gnu" % (link, os.uname().machine)
            if not os.path.exists(inner):
                os.symlink("../usr/lib/%s-linux-gnu" % os.uname().machine, inner)

    def write(self, name, text, mode=0o644):
        return world.write_file(self.place + name, text, mode)

    def command(self, *arguments):
        return [world.needs("chroot"), self.place] + list(arguments)

    def mails(self, user):
        return world.list_maildir("%s/mail/%s" % (self.place, user))


class Exim(Root):
    CONFIG = """
primary_hostname = mx.exim.example
local_interfaces = <; @ADDRESS@.@PORT@
log_file_path = /var/log/exim/%slog
spool_directory = /var/spool/exim
message_size_limit = @SIZE@
smtputf8_advertise_hosts = *
tls_advertise_hosts = *
tls_certificate = /etc/mx.pem
tls_privatekey = /etc/mx.key
chunking_advertise_hosts = *
dsn_advertise_hosts = *
pipelining_advertise_hosts = *
acl_smtp_rcpt = rcpt
host_lookup =
rfc1413_query_timeout = 0s
deliver_drop_privilege = true
queue_run_in_order = false
allow_utf8_domains = true
begin acl
rcpt:
  defer local_parts = grey
        condition = ${if exists{/tmp/grey}}
        message = 4.7.1 Greylisted
  deny !local_parts = @USERS@
        message = 5.1.1 No such user here
  accept domains = *exim.example
  deny message = 5.7.1 No relaying
begin routers
all:
  driver = accept
  local_parts = @USERS@
  transport = maildir
begin transports
maildir:
  driver = appendfile
  maildir_format
  directory = /mail/$local_part_data
  create_directory
  delivery_date_add
  envelope_to_add
  return_path_add
"""

    def __init__(self, port, certificate, address="127.0.1.2"):
        super().__init__("exim4-daemon-light", ["/usr/sbin/exim4"], ["Debian-exim"])
        self.address, self.port = address, port
        # Debian's takes the first of two files.
        os.makedirs(self.place + "/etc/exim4", exist_ok=True)
        config = self.CONFIG.replace("@ADDRESS@", address).replace("@PORT@", str(port)).replace(
            "@SIZE@", str(MAX_SIZE)).replace("@USERS@", " : ".join(USERS))
        for place in ("/etc/exim4/exim4.conf", "/var/lib/exim4/config.autogenerated"):
            self.write(place, config)
        for name in ("var/spool/exim", "var/log/exim", "mail"):
            os.makedirs("%s/%s" % (self.place, name), exist_ok=True)
            os.chown("%s/%s" % (self.place, name), self.uids["Debian-exim"], self.uids["Debian-exim"])
        self.write("/etc/mx.pem", world.read_file(certificate[0]))
        self.write("/etc/mx.key", world.read_file(certificate[1]))
        self.daemon = world.Daemon("exim", self.command("/usr/sbin/exim4", "-bdf", "-q1h", "-oX",
                                                        "<; [%s]:%d" % (address, port)),
                                   self.place + "/output")
        wait_smtp(address, port, self.daemon)

    def grey(self, on):
        path = self.place + "/tmp/grey"
        if on:
            world.write_file(path, "")
        elif os.path.exists(path):
            os.unlink(path)

    def log(self):
        return "".join(world.read_file("%s/var/log/exim/%s" % (self.place, name)).decode("utf-8", "replace")
                       for name in os.listdir(self.place + "/var/log/exim"))


class Opensmtpd(Root):
    def __init__(self, port, certificate, address="127.0.1.3"):
        super().__init__("opensmtpd", ["/usr/sbin/smtpd", "/usr/libexec/opensmtpd/mail.maildir"],
                         ["opensmtpd", "opensmtpq"] + [user for user in USERS if user.isascii()])
        self.address, self.port, self.daemon = address, port, None
        os.makedirs(self.place + "/var/lib/opensmtpd/empty", exist_ok=True)
        os.chmod(self.place + "/mail", 0o1777)
        self.write("/etc/mailname", "mx.smtpd.example\n")
        self.write("/etc/mx.pem", world.read_file(certificate[0]))
        self.write("/etc/mx.key", world.read_file(certificate[1]), 0o600)
        os.chown(self.place + "/etc/mx.key", 0, 0)
        self.grey(False)

    def grey(self, on):
        filter = 'filter grey phase rcpt-to match rcpt-to { "grey@smtpd.example" } reject ' \
                 '"451 4.7.1 Greylisted"\n' if on else ""
        self.write("/etc/smtpd.conf", filter + """
smtp max-message-size "%d"
pki main cert "/etc/mx.pem"
pki main key "/etc/mx.key"
listen on %s port %d tls pki main hostname mx.smtpd.example %s
action "local" maildir "/mail/%%{user.username}"
match from any for domain "smtpd.example" action "local"
""" % (MAX_SIZE, self.address, self.port, "filter grey" if on else ""))
        if self.daemon:
            self.daemon.stop()
        self.daemon = world.Daemon("smtpd", self.command("/usr/sbin/smtpd", "-d"), self.place + "/output")
        wait_smtp(self.address, self.port, self.daemon)

    def log(self):
        return self.daemon.log_text()


# ---- signatures ----

# Run by a Python that has the module dkim, which need not be the one that runs this.
VERIFY = r"""
import json, sys
import dkim
task = json.load(sys.stdin)
octets = bytes.fromhex(task["message"])
records = {k.encode(): v.encode() for k, v in task["records"].items()}
def dns(name, timeout=5):
    return records.get(name.rstrip(b"."), b"")
found = {"dkim": [], "arc": None}
for index in range(task["count"]):
    try:
        found["dkim"].append(bool(dkim.DKIM(octets).verify(idx=index, dnsfunc=dns)))
    except dkim.DKIMException as error:
        found["dkim"].append(str(error))
if task["arc"]:
    result, _, why = dkim.arc_verify(octets, dnsfunc=dns)
    found["arc"] = [result.decode() if result else None, str(why)]
print(json.dumps(found))
"""


@functools.lru_cache()
def python_with_dkim():
    for program in sys.executable, "/usr/bin/python3":
        if subprocess.run([program, "-c", "import dkim, nacl"], stderr=subprocess.DEVNULL).returncode == 0:
            return program
    raise unittest.SkipTest("python3-dkim is not installed")


class Signing:
    """Active keys of a domain, in `directory`; `zone` are the records to publish."""

    def __init__(self, *domains):
        self.directory = os.path.join(world.folder(), "keys")
        self.records, self.zone = {}, []
        for domain in domains:
            code, text, error = world.vouch("dkim", "keygen", "--json", "--active", "--selector", "s",
                                            "--key-directory", self.directory, domain)
            if code:
                raise AssertionError(error)
            made = json.loads(text)
            self.records.update((key["name"], key["value"]) for key in made["keys"])
            self.zone += [key["zone"] for key in made["keys"]]

    def verify(self, octets, arc=False):
        """{"dkim": [True or why not, ...], "arc": [result, why]} as python3-dkim sees it."""
        octets = re.sub(rb"(?<!\r)\n", b"\r\n", octets)
        head = octets.partition(b"\r\n\r\n")[0]
        task = {"message": octets.hex(), "records": self.records, "arc": arc,
                "count": len(re.findall(rb"(?mi)^DKIM-Signature:", head))}
        done = subprocess.run([python_with_dkim(), "-c", VERIFY], input=json.dumps(task).encode(),
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        if done.returncode:
            raise AssertionError(done.stderr.decode())
        return json.loads(done.stdout)


    def opendkim(self, octets):
        """What OpenDKIM says of a message in a file."""
        program = world.needs("opendkim")
        base = world.folder() + "/opendkim"
        data = "".join("%s %s\n" % record for record in self.records.items())
        config = world.write_file(base + ".conf", "Mode v\nUserID %s\nTestDNSData file:%s\n" % (
            pwd.getpwuid(os.getuid()).pw_name, world.write_file(base + ".data", data)))
        file = world.write_file(base + ".eml", re.sub(rb"(?<!\r)\n", b"\r\n", octets))
        done = subprocess.run([program, "-x", config, "-v", "-v", "-t", file], stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT)
        return done.stdout.decode("utf-8", "replace")


# ---- the queue of a gateway ----


def queue(gateway, *arguments, status=0):
    done = gateway.run("queue", arguments[0], "--config", gateway.config, *arguments[1:])
    if done.returncode not in (status, 1):
        raise AssertionError("vouch queue %s: %d %s" % (arguments, done.returncode, done.stderr.decode()))
    return done.stdout.decode()


def queued(gateway, *filters):
    return [json.loads(line) for line in queue(gateway, "list", "--json", *filters).splitlines()]


def wait_delivery(gateway, recipient, status="sent", start=0):
    """The line in the log about a recipient; its keys."""
    found = gateway.wait_log(r'(?m)delivery: (id=[^\n]*\bto="?%s"?,[^\n]*\bstatus=%s\b.*)$' % (
        re.escape(recipient), status), start, patience=8)
    return world.parse_log(found.group(1))
