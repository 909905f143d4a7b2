# SPDX-License-Identifier: BSD-2-Clause
"""Vouch and rspamd with everything switched on, as bench/run-gateway compares them.

On both: SPF, DKIM, DMARC, ARC; four lists and ratings in the same zones; Bayes learned from the same messages in the
same order; phishing, structure and pattern tests; rate limits too high to matter; greylisting whose clients have
passed; a record of each message. First-class mail is filtered, too. Nothing is refused for its score, so that both
write every message. Off on both: clamd. Off on rspamd: what asks servers on the Internet (fuzzy hashes, ASN,
phishtank, updates), and its neural network.
"""
import http.client
import os
import shutil
import socket
import subprocess

from bench_world import start, stop, wait_port, write

LISTS = "lists.example"

VOUCH = f"""
upstream relay {{ networks = [127.0.0.1] }}
policy default {{
    reject-score = 0
    greylist = auto
    skip-filter = no
    attachments = [executable, disguised, macro]
    attachment = mark
}}
dnslist client {{ zone = client.{LISTS}  use = [client]  codes = ["127.0.0.2=4", "127.0.0.4/30=4"] }}
dnslist white {{ zone = white.{LISTS}  use = [client]  weight = -3 }}
dnslist names {{ zone = names.{LISTS}  use = [name, helo, sender, from, dkim]  weight = 3 }}
dnslist url {{ zone = url.{LISTS}  use = [url]  weight = 4 }}
rating ratings {{ zone = ratings.{LISTS} }}
reputation {{ history = yes  contacts = yes  traps = yes }}
rates {{
    connections = 10000000  network-connections = 10000000  connections-per-window = 10000000
    messages = 10000000  recipients = 10000000  octets = 1T  errors = 10000000  network-messages = 10000000
    helo-messages = 10000000  domain-messages = 10000000  recipient-messages = 10000000
}}
filter {{ enabled = yes }}
phishing {{ enabled = yes  protect = [paypal.com, ebay.com] }}
rule lottery {{ where = body  pattern = "(?i)\\\\b(won|winner of) the lottery\\\\b"  weight = 2.5 }}
rule million {{ where = body  pattern = "(?i)\\\\b(million|thousand) (us )?dollars\\\\b"  weight = 1 }}
rule remove {{ where = body  pattern = "(?i)to be removed from (this|our) (mailing )?list"  weight = 0.5 }}
rule urgent {{ where = subject  pattern = "(?i)^urgent\\\\b"  weight = 1 }}
rule numbers {{ where = url  pattern = "://[0-9.]+/"  weight = 1.5 }}
rule mailer {{ where = header  field = X-Mailer  pattern = "(?i)bulk|blast"  weight = 2 }}
rule font {{ where = html  pattern = "(?i)<font size=.?[+]?[67]"  weight = 0.5 }}
"""

# Modules of Debian's configuration that need servers on the Internet, or would be switched on without an equal here.
OFF = ("fuzzy_check", "asn", "neural", "rspamd_update", "antivirus", "dcc", "p0f", "spamassassin", "url_redirector",
       "elastic", "clickhouse", "metric_exporter", "external_services", "bimi", "aws_s3", "dkim_signing", "mx_check")


def rspamd_settings(etc, cache, redis, controller, greylist_delay):
    """Into a copy of Debian's configuration; what is not named here is as Debian has it."""
    for name in OFF:
        write(f"{etc}/override.d/{name}.conf", "enabled = false;\n")
    rules = ""
    for name, zone, checks in (("CLIENT", "client", "'from'"), ("WHITE", "white", "'from'"),
                               ("NAMES", "names", "'helo', 'rdns', 'dkim', 'replyto'"), ("URL", "url", "'urls'"),
                               ("RATING", "ratings", "'dkim'")):
        more = 'selector = { smtp = "from(\'smtp\'):domain"; mime = "from(\'mime\'):domain"; }; no_ip = true;' \
            if name == "NAMES" else ""
        rules += f"""BENCH_{name} {{ symbol = "BENCH_{name}"; rbl = "{zone}.{LISTS}"; checks = [{checks}]; {more}
    ignore_whitelist = true; exclude_users = false; unknown = true; disable_monitoring = true; }}\n"""
    write(etc + "/modules.d/rbl.conf", f"rbl {{ default_exclude_local = false; rbls {{ {rules} }} }}\n")
    write(etc + "/local.d/rbl_group.conf", 'symbols = { BENCH_CLIENT { weight = 4; } BENCH_WHITE { weight = -3; } '
          'BENCH_NAMES { weight = 3; } BENCH_URL { weight = 4; } BENCH_RATING { weight = -2.4; } }\n')
    write(etc + "/override.d/phishing.conf", "phishtank_enabled = false;\n")
    write(etc + "/override.d/redis.conf", f'servers = "127.0.0.1:{redis}";\n')
    write(etc + "/override.d/actions.conf", "reject = null;\n")
    write(etc + "/override.d/greylist.conf", f"timeout = {greylist_delay}s; expire = 1d;\n")
    bucket = "{ burst = 100000000; rate = \"100000000 / 1m\"; }"
    write(etc + "/override.d/ratelimit.conf",
          f"rates {{ bench_ip {{ selector = \"ip\"; bucket = {bucket}; }} to_ip {{ bucket = {bucket}; }} "
          f"to {{ bucket = {bucket}; }} }}\n")
    # The client that the relay's Received field names.
    write(etc + "/override.d/external_relay.conf",
          'enabled = true;\nrules { BENCH_RELAY { strategy = "local"; } }\n')
    # It would not learn what it knows already.
    statistic = open("/etc/rspamd/statistic.conf").read()
    write(etc + "/statistic.conf", "\n".join(line for line in statistic.split("\n") if "learn_condition" not in line))
    write(etc + "/override.d/milter_headers.conf", 'use = ["authentication-results", "x-spamd-result", '
          '"x-spam-status", "x-spam-level"]; skip_local = false; authenticated_headers = [];\n')
    options = open(etc + "/override.d/options.inc").read()
    write(etc + "/override.d/options.inc", options + f'hs_cache_dir = "{cache}";\n')
    if controller:
        write(etc + "/override.d/worker-controller.inc",
              f'bind_socket = "127.0.0.1:{controller}"; count = 1; secure_ip = ["127.0.0.1"]; enabled = true;\n')


def start_redis(folder, port, dump=None):
    os.makedirs(folder)
    if dump:
        shutil.copy(dump, folder + "/dump.rdb")
    child = start(["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no",
                   "--dir", folder], folder + "/log")
    wait_port(port)
    return child


def save_redis(port):
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(b"SAVE\r\n")
        connection.recv(64)


def turns(folder):
    found = [(label, part) for label in ("ham", "spam") for part in os.listdir(f"{folder}/learn/{label}")]
    return sorted(found, key=lambda turn: (int(turn[1]), turn[0]))


def learn_rspamd(port, folder):
    """How many of each kind it took, in the order that Vouch learns them in."""
    connection, learned = http.client.HTTPConnection("127.0.0.1", port, timeout=60), {"ham": 0, "spam": 0}
    for label, part in turns(folder):
        place = f"{folder}/learn/{label}/{part}"
        for name in sorted(os.listdir(place)):
            with open(f"{place}/{name}", "rb") as file:
                connection.request("POST", "/learn" + label, file.read(), {"Connection": "keep-alive"})
            reply = connection.getresponse()
            reply.read()
            learned[label] += reply.status == 200
    return learned


def learn_vouch(vouch, config, folder):
    """In turns, as users teach: a block of each, again and again. Whom greylisting would put off has passed."""
    learned = {}
    for label, part in turns(folder):
        place = f"{folder}/learn/{label}/{part}"
        ask_vouch(vouch, ["train"], ["--json", "--config", config, label, place])
        learned[label] = learned.get(label, 0) + len(os.listdir(place))
    networks, domains = ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24"), [f"sender{n}.example" for n in range(10)]
    for who in (*networks, *domains):
        ask_vouch(vouch, ["greylist", "release"], ["--config", config, who])
    ask_vouch(vouch, ["contacts", "add"], ["--config", config, "--account", "you@local.example",
                                           "friend@partner.example"])
    return learned


def ask_vouch(vouch, command, arguments):
    done = subprocess.run([vouch] + command + arguments, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"vouch {' '.join(command)} failed: {done.stdout}{done.stderr}")
