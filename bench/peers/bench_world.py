# SPDX-License-Identifier: BSD-2-Clause
"""What the gateway's and the queue's benchmarks share: processes and what they cost, a name server, Postfix as
an instance of its own, and what the disk can do without anybody."""
import glob
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time

children, instances = [], []
# So that what was started is ended, too.
signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))


def say(text):
    print(text, flush=True)


def write(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as file:
        file.write(text)
    return path


def start(command, log, **more):
    child = subprocess.Popen(command, stdout=open(log, "ab"), stderr=subprocess.STDOUT,
                             stdin=subprocess.DEVNULL, start_new_session=True, **more)
    children.append(child)
    return child


def stop(child):
    if child.poll() is None:
        child.terminate()
        try:
            child.wait(30)
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, signal.SIGKILL)
            child.wait()


def finish(folder):
    """At the end of it all: whatever still runs, and the folder."""
    for instance in list(instances):
        instance.stop()
    for child in children:
        stop(child)
    if "BENCH_KEEP" not in os.environ:
        shutil.rmtree(folder, ignore_errors=True)


def wait_port(port, seconds=30):
    deadline = time.time() + seconds
    while time.time() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.05)
    sys.exit("nothing listens on port %d" % port)


def port_is_free(port):
    """Programs that share their port would share the mail with one that was left over."""
    with socket.socket() as probe:
        if probe.connect_ex(("127.0.0.1", port)) == 0:
            sys.exit(f"something listens on port {port} already")


def start_nsd(folder, port, zones):
    """`zones`: name and file of each."""
    config = f"""server:
  ip-address: 127.0.0.1@{port}
  username: ""
  zonesdir: "{folder}"
  database: ""
  pidfile: "{folder}/pid"
  xfrdfile: ""
  zonelistfile: "{folder}/zonelist"
  server-count: 1
  reuseport: no
  rrl-ratelimit: 0
  rrl-whitelist-ratelimit: 0
remote-control:
  control-enable: no
"""
    reverse = write(folder + "/reverse", "$ORIGIN 127.in-addr.arpa.\n$TTL 3600\n@ SOA ns.example. h.example. "
                    "1 3600 600 86400 300\n@ NS ns.example.\n1.0.0 PTR mail.sender0.example.\n")
    for name, path in list(zones.items()) + [("127.in-addr.arpa", reverse)]:
        config += f'zone:\n  name: {name}\n  zonefile: "{path}"\n'
    child = start(["nsd", "-d", "-c", write(folder + "/nsd.conf", config)], folder + "/log")
    wait_port(port)
    return child


def processes(pattern):
    found = []
    for path in glob.glob("/proc/[0-9]*"):
        try:
            line = open(path + "/cmdline").read().replace("\0", " ")
            if re.search(pattern, line):
                found.append(int(path[6:]))
        except OSError:
            pass
    return found


def family(pid):
    """A process and its children."""
    found = [pid]
    for path in glob.glob("/proc/[0-9]*/stat"):
        try:
            if int(open(path).read().rsplit(")", 1)[1].split()[1]) == pid:
                found.append(int(path.split("/")[2]))
        except (OSError, ValueError):
            pass
    return found


def cpu_of(pids):
    """Seconds, those of children that have ended among them."""
    total = 0
    for pid in pids:
        try:
            fields = open("/proc/%d/stat" % pid).read().rsplit(")", 1)[1].split()
            total += int(fields[11]) + int(fields[12]) + int(fields[13]) + int(fields[14])
        except OSError:
            pass
    return total / os.sysconf("SC_CLK_TCK")


def pss_of(pids):
    """Octets; what processes share is divided among them."""
    total = 0
    for pid in pids:
        try:
            match = re.search(r"^Pss:\s+(\d+)", open(f"/proc/{pid}/smaps_rollup").read(), re.M)
            total += int(match.group(1)) * 1024
        except OSError:
            pass
    return total


def settle(server):
    """Waits until a server has stopped preparing itself (rspamd compiles its patterns after the start)."""
    deadline = time.time() + 120
    while time.time() < deadline:
        before = cpu_of(server.pids)
        time.sleep(1)
        if cpu_of(server.pids) - before < 0.05:
            return


class Postfix:
    """An instance of its own in the folder; `settings` are lines of main.cf."""

    def start_postfix(self, folder, port, settings):
        self.folder, config = folder, folder + "/etc"
        os.makedirs(folder + "/spool")
        os.makedirs(folder + "/data")
        shutil.chown(folder + "/data", "postfix")
        os.chmod(folder, 0o755)
        write(config + "/main.cf", f"""compatibility_level = 3.6
queue_directory = {folder}/spool
data_directory = {folder}/data
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
mail_owner = postfix
setgid_group = postdrop
myhostname = mx.local.example
mydestination =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
smtpd_peername_lookup = no
smtpd_client_connection_count_limit = 0
smtpd_client_connection_rate_limit = 0
smtpd_client_message_rate_limit = 0
default_process_limit = 200
local_recipient_maps =
maillog_file = {folder}/maillog
maillog_file_prefixes = {folder}
{settings}""")
        write(config + "/master.cf", self.services(port))
        instances.append(self)
        subprocess.run(["postfix", "-c", config, "start"], check=True, stdout=subprocess.DEVNULL,
                       stderr=open(folder + "/start.log", "w"))
        wait_port(port)

    @staticmethod
    def services(port):
        shipped = "/usr/share/postfix/master.cf.dist"
        text = open(shipped if os.path.exists(shipped) else "/etc/postfix/master.cf").read()
        text = re.sub(r"^smtp(\s+inet\s+)(.*)$", rf"127.0.0.1:{port}\1\2", text, count=1, flags=re.M)
        # No chroot: the private spool has no copy of the system's files.
        text = re.sub(r"^(\S+\s+(?:inet|unix|fifo|pass)\s+\S+\s+\S+\s+)y(\s)", r"\1n\2", text, flags=re.M)
        return text if "postlog" in text else text + "postlog unix-dgram n - n - 1 postlogd\n"

    @property
    def pids(self):
        return family(int(open(self.folder + "/spool/pid/master.pid").read().split()[0]))

    def stop(self):
        subprocess.run(["postfix", "-c", self.folder + "/etc", "stop"], stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL)
        if self in instances:
            instances.remove(self)


def raw_disk(folder, count=2000, together=20):
    """Create, write, fsync, rename, fsync of the folder at the same concurrency: the disk's own limit."""
    os.makedirs(folder + "/tmp")
    os.makedirs(folder + "/new")
    body = os.urandom(7000)
    started = time.time()
    for first in range(0, count, together):
        names = [str(i) for i in range(first, first + together)]
        files = []
        for name in names:
            fd = os.open(f"{folder}/tmp/{name}", os.O_CREAT | os.O_EXCL | os.O_WRONLY)
            os.write(fd, body)
            files.append(fd)
        for fd in files:
            os.fsync(fd)
            os.close(fd)
        for name in names:
            os.rename(f"{folder}/tmp/{name}", f"{folder}/new/{name}")
        fd = os.open(folder + "/new", os.O_RDONLY)
        os.fsync(fd)
        os.close(fd)
    return count / (time.time() - started)


def raw_append(path, octets, syncs=1, count=4000, together=20):
    """Appends to files that have their space already, with that many syncs for each batch of messages."""
    batch = os.urandom(octets * together)
    files = [os.open(f"{path}{i}", os.O_CREAT | os.O_EXCL | os.O_WRONLY) for i in range(syncs)]
    for fd in files:
        os.posix_fallocate(fd, 0, count * octets)
        os.fsync(fd)
    started = time.time()
    for _ in range(0, count, together):
        for i, fd in enumerate(files):
            os.write(fd, batch if i == 0 else batch[:4096])
            os.fdatasync(fd)
    seconds = time.time() - started
    for fd in files:
        os.close(fd)
    return count / seconds
