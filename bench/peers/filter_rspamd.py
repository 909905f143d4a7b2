#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""usage: filter_rspamd.py PLACE EVENTS SCORES FOLDER

Plays "ham|spam FILE" (learn) and "score FILE" with rspamd whose only task is its Bayes classifier, on a redis-server
of its own, through one HTTP connection that is kept. Its score is the weight of BAYES_SPAM less that of BAYES_HAM,
which is finer than the percentage that it prints; 0 where it gives neither, because its probability is too near a
half. One message learned is enough for an opinion (min_learns), and learning is not refused for what it knows.
"""
import http.client
import json
import os
import shutil
import socket
import subprocess
import sys
import time

place, events, scores, folder = (os.path.abspath(path) for path in sys.argv[1:5])
CONFIG = """
lua_path = "/usr/share/rspamd/lualib/?.lua";
options {
    pidfile = "%(folder)s/rspamd.pid"; filters = ""; tempdir = "%(folder)s"; dns { nameserver = ["127.0.0.1:1"]; }
    history_rows = 10; control_socket = "%(folder)s/control.sock mode=0600"; hs_cache_dir = "%(cache)s";
    cache_file = "%(folder)s/symbols.cache"; disable_hyperscan = true; task_timeout = 30s;
}
logging { type = "file"; filename = "%(folder)s/rspamd.log"; level = "warning"; }
worker "controller" { bind_socket = "127.0.0.1:%(port)d"; count = 1; secure_ip = ["127.0.0.1"]; }
metric "default" {
    actions { reject = 1000000; }
    symbol "BAYES_SPAM" { score = 1000.0; } symbol "BAYES_HAM" { score = -1000.0; }
}
group "statistics" { symbols = { "BAYES_SPAM" { weight = 1000.0; } "BAYES_HAM" { weight = -1000.0; } } }
redis { servers = "127.0.0.1:%(redis)d"; }
classifier "bayes" {
    tokenizer { name = "osb"; }
    backend = "redis"; servers = "127.0.0.1:%(redis)d"; new_schema = true;
    min_tokens = 1; min_learns = 1;
    statfile { symbol = "BAYES_HAM"; spam = false; }
    statfile { symbol = "BAYES_SPAM"; spam = true; }
}
"""


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def await_port(port, process):
    end = time.monotonic() + 300
    while time.monotonic() < end and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.05)
    sys.exit("nothing listens on port %d" % port)


def cpu(pids):
    total = 0
    for pid in pids:
        try:
            with open("/proc/%d/stat" % pid) as file:
                fields = file.read().rpartition(")")[2].split()
                total += int(fields[11]) + int(fields[12])
        except OSError:
            pass
    return total / os.sysconf("SC_CLK_TCK")


def children(pid):
    with open("/proc/%d/task/%d/children" % (pid, pid)) as file:
        return [int(child) for child in file.read().split()]


class Rspamd:
    def __init__(self):
        self.daemon = self.redis = None

    def start(self):
        os.makedirs(folder, exist_ok=True)
        # Compiled patterns, which both protocols share.
        cache = os.path.join(os.path.dirname(folder), "rspamd-cache")
        os.makedirs(cache, exist_ok=True)
        ports = {"folder": folder, "cache": cache, "port": free_port(), "redis": free_port()}
        with open(folder + "/rspamd.conf", "w") as file:
            file.write(CONFIG % ports)
        if os.geteuid() == 0:
            shutil.chown(folder, "_rspamd", "_rspamd")
            shutil.chown(cache, "_rspamd", "_rspamd")
        self.redis = subprocess.Popen(["redis-server", "--port", str(ports["redis"]), "--bind", "127.0.0.1", "--save",
                                       "", "--appendonly", "no", "--dir", folder], stdout=subprocess.DEVNULL)
        await_port(ports["redis"], self.redis)
        user = ["-u", "_rspamd", "-g", "_rspamd"] if os.geteuid() == 0 else []
        self.daemon = subprocess.Popen(["rspamd", "-f", "-c", folder + "/rspamd.conf"] + user,
                                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        await_port(ports["port"], self.daemon)
        self.http = http.client.HTTPConnection("127.0.0.1", ports["port"], timeout=60)
        self.redis_port = ports["redis"]

    def pids(self):
        return [self.redis.pid, self.daemon.pid] + children(self.daemon.pid)

    def ask(self, path, body):
        self.http.request("POST", path, body, {"Connection": "keep-alive"})
        reply = self.http.getresponse()
        return reply.status, json.loads(reply.read())

    def size(self):
        with socket.create_connection(("127.0.0.1", self.redis_port)) as s:
            s.sendall(b"INFO memory\r\n")
            text = s.recv(65536).decode()
        return int(text.split("used_memory:")[1].split()[0])

    def stop(self):
        for process in (each for each in (self.daemon, self.redis) if each):
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()


def main():
    count, spent, wall, refused = {"score": 0, "learn": 0}, {"score": 0.0, "learn": 0.0}, 0.0, 0
    rspamd = Rspamd()
    try:
        rspamd.start()
        with open(events) as file, open(scores, "w") as out:
            rows = [line.split() for line in file]
            start = time.monotonic()
            mark = cpu(rspamd.pids())
            for what, name in rows:
                kind = "score" if what == "score" else "learn"
                with open(os.path.join(place, name), "rb") as message:
                    text = message.read()
                begun = time.monotonic()
                if kind == "score":
                    _, reply = rspamd.ask("/checkv2", text)
                    symbols = reply.get("symbols", {})
                    out.write("%.17g\n" % sum(symbols.get(symbol, {}).get("score", 0)
                                              for symbol in ("BAYES_SPAM", "BAYES_HAM")))
                else:
                    status, reply = rspamd.ask("/learn" + what, text)
                    refused += status != 200
                count[kind] += 1
                spent[kind] += time.monotonic() - begun
            wall = time.monotonic() - start
            total = cpu(rspamd.pids()) - mark
        # Both kinds share processes, so processor time is split as the time that passed was.
        passed = spent["score"] + spent["learn"]
        print("scored=%d scoring=%.4f learned=%d learning=%.4f wall=%.4f size=%d refused=%d" % (
            count["score"], total * spent["score"] / passed, count["learn"], total * spent["learn"] / passed, wall,
            rspamd.size(), refused))
    finally:
        rspamd.stop()


main()
