#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""libvouch as a stranger meets it: installed with make, found with pkg-config, linked both ways.

examples/check.c asks a real name server (nsd) through the built-in resolver and through one of its own;
threads check side by side; the header stands in C++; and nothing global is in it that nobody has looked at.
"""
import json
import os
import re
import subprocess
import sys
import unittest

import world

world.require("nsd", "openssl", "cc", "make", "pkg-config", "nm", "objdump")

SOURCE = os.environ.get("VOUCH_SOURCE") or os.path.abspath(os.path.dirname(__file__) + "/../..")
BUILD = os.path.abspath(os.path.join(os.path.dirname(world.VOUCH), "..", ".."))
PLACE = world.folder() + "/installed"
PREFIX = "/opt/vouch"
LIBRARY = PLACE + PREFIX + "/lib"
WARNINGS = ["-Wall", "-Wextra", "-Werror", "-Wstrict-prototypes", "-Wmissing-prototypes"]

# Everything that can change after the program began, and why two threads may (src/library/prepare.c).
GLOBALS = {
    "once": "pthread_once", "suffix_once": "pthread_once", "context_once": "pthread_once",
    "digests_once": "pthread_once", "base64_once": "pthread_once",
    "transports": "the lock itself",
    "works": "written under once", "thread_key": "written under once",
    "key": "of map_hash(): written under once", "keyed": "of map_hash(): written under once",
    "loaded": "the suffix list: written under suffix_once",
    "context_key": "written under context_once",
    "digests": "written under digests_once", "base64_table": "written under base64_once",
    "tombstone": "only its address is used",
    "cache": "of the thread (dkim_key.c)", "loop_of_thread": "of the thread",
}


def run(*arguments, stdin=b"", environment=None, check=True):
    done = subprocess.run(list(arguments), input=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          env=dict(os.environ, **(environment or {})), timeout=300)
    if check and done.returncode:
        raise AssertionError("%s: %d\n%s%s" % (" ".join(arguments), done.returncode, done.stdout.decode(),
                                               done.stderr.decode()))
    return done


def sanitizers():
    options = json.loads(world.read_file(BUILD + "/meson-info/intro-buildoptions.json"))
    value = [o["value"] for o in options if o["name"] == "b_sanitize"][0]
    return [] if value == "none" else ["-fsanitize=" + value]


def compiler():
    """Sanitizers of different compilers do not mix: the one that built the library."""
    commands = json.loads(world.read_file(BUILD + "/compile_commands.json"))
    words = [word for word in commands[0]["command"].split()[:2] if "ccache" not in word]
    return words[:1]


def pkg_config(*arguments):
    """The sysroot stands in for a real installation."""
    text = run("pkg-config", *arguments, "vouch", environment={
        "PKG_CONFIG_PATH": LIBRARY + "/pkgconfig"}).stdout.decode()
    return [word.replace(PREFIX, PLACE + PREFIX) for word in text.split()]


def install():
    if not os.path.exists(BUILD + "/src/library/libvouch.a"):
        print("skipped: the library is not built")
        sys.exit(world.SKIPPED)
    run("make", "-s", "-C", SOURCE, "install-library", "BUILD=" + BUILD, "DESTDIR=" + PLACE,
        "PREFIX=" + PREFIX)


MESSAGE = (b"From: Anne <anne@example.org>\r\nTo: bert@here.example\r\nSubject: tea\r\n"
           b"Date: Tue, 14 Nov 2023 22:13:20 +0000\r\nMessage-ID: <1@example.org>\r\n\r\nAt five?\r\n")
ENVELOPE = ["--ip", "192.0.2.1", "--helo", "mx.example.org", "--from", "anne@example.org"]


def set_up():
    global keys, nsd, signed
    install()
    keys = [world.DkimKey("example.org", "r"), world.DkimKey("example.org", "e", "ed25519")]
    nsd = world.Nsd(["example.org. TXT " + world.zone_text("v=spf1 mx -all"), "example.org. MX 10 mx.example.org.",
                     "mx.example.org. A 192.0.2.1",
                     "_dmarc.example.org. TXT " + world.zone_text("v=DMARC1; p=reject")] +
                    [key.record for key in keys])
    signed = MESSAGE
    for key in keys:
        signed = key.sign(signed)


def build(name, source, *arguments, language=None):
    output = world.folder() + "/" + name
    run(*(language or compiler()), "-g", *WARNINGS[:3 if language else None], *sanitizers(), source, "-o", output,
        *pkg_config("--cflags"), *arguments)
    return output


def link_shared():
    return pkg_config("--libs") + ["-Wl,-rpath," + LIBRARY]


def link_static():
    """The archive, and what it needs as shared libraries."""
    words = pkg_config("--static", "--libs")
    return [LIBRARY + "/libvouch.a" if word == "-lvouch" else word for word in words]


class Installed(unittest.TestCase):
    def check_program(self, program):
        server = "127.0.0.1:%d" % nsd.port
        for way in [], ["--own"]:
            good = run(program, *ENVELOPE, "--server", server, *way, stdin=signed)
            text = good.stdout.decode()
            for expected in ("SPF: pass\n", "DKIM: pass\n", "DMARC: pass\n", "ARC: none\n",
                             "  pass: d=example.org s=r a=rsa-sha256\n",
                             "  pass: d=example.org s=e a=ed25519-sha256\n",
                             "Authentication-Results: mx.here.example;"):
                self.assertIn(expected, text, "%s %s" % (program, way))
            self.assertEqual(good.stderr, b"")
            forged = run(program, "--ip", "198.51.100.7", "--from", "anne@example.org", "--server",
                         server, *way, stdin=signed.replace(b"five", b"nine"), check=False)
            self.assertEqual(forged.returncode, 1)
            for expected in ("SPF: fail", "DKIM: fail", "DMARC: fail", "example.org asks for: reject"):
                self.assertIn(expected, forged.stdout.decode())
            # What the checker says has no line that a reader could take for another field.
            field = forged.stdout.decode().partition("Authentication-Results: ")[2]
            for line in field.rstrip("\n").split("\r\n")[1:-1]:
                self.assertRegex(line, r"^[ \t]\S")

    def test_example_with_shared_library(self):
        """examples/check.c with the shared library, with either resolver"""
        program = build("check-shared", SOURCE + "/examples/check.c", *link_shared(), "-lresolv")
        needed = run("objdump", "-p", program).stdout.decode()
        self.assertRegex(needed, r"NEEDED +libvouch\.so\.1\n")
        self.check_program(program)

    def test_example_with_archive(self):
        """examples/check.c with the archive, with either resolver"""
        program = build("check-archive", SOURCE + "/examples/check.c", *link_static(), "-lresolv")
        self.assertNotIn("libvouch", run("objdump", "-p", program).stdout.decode())
        self.check_program(program)

    def test_example_without_any_shared_library(self):
        """examples/check.c linked -static"""
        if sanitizers():
            raise unittest.SkipTest("sanitizers are shared")
        output = world.folder() + "/check-static"
        done = run(*compiler(), SOURCE + "/examples/check.c", "-static", "-o", output,
                   *pkg_config("--static", "--cflags", "--libs"), "-lresolv", check=False)
        if done.returncode and b"cannot find -l" in done.stderr:
            raise unittest.SkipTest("some library has no archive")
        self.assertEqual(done.returncode, 0, done.stderr.decode())
        self.check_program(output)

    def test_no_error_of_valgrind(self):
        """valgrind finds neither an error nor a leak, with either resolver"""
        valgrind = world.needs("valgrind")
        if sanitizers():
            raise unittest.SkipTest("this build has sanitizers of its own")
        program = build("check-valgrind", SOURCE + "/examples/check.c", *link_shared(), "-lresolv")
        for way in [], ["--own"]:
            run(valgrind, "-q", "--error-exitcode=9", "--leak-check=full", "--show-leak-kinds=definite,indirect",
                "--errors-for-leak-kinds=definite,indirect", program, *ENVELOPE,
                "--server", "127.0.0.1:%d" % nsd.port, *way, stdin=signed)

    def test_threads(self):
        """eight threads and a child of them check side by side"""
        program = build("threads", SOURCE + "/tests/interop/library_threads.c", *link_shared(), "-pthread")
        done = run(program, "127.0.0.1:%d" % nsd.port, "8", "15", stdin=signed)
        self.assertEqual(done.stdout + done.stderr, b"")

    def test_header_in_other_languages(self):
        """the header alone compiles as C99, C11 and C++ without a warning"""
        source = world.folder() + "/alone."
        text = "#include <vouch.h>\n#include <vouch.h>\n%sint main(%s) { return vouch_abi_version() != VOUCH_ABI_VERSION; }\n"
        world.write_file(source + "c", text % ("", "void"))
        world.write_file(source + "cc", text % ("namespace { struct vouch_result *nothing; }\n", "") +
                         "int used() { return vouch_result_methods(nothing); }\n")
        for standard in "c99", "c11":
            run(build("alone-" + standard, source + "c", "-std=" + standard, "-Wpedantic", *link_shared()))
        cxx = "clang++" if "clang" in compiler()[0] else "g++"
        world.needs(cxx)
        run(build("alone-cxx", source + "cc", "-Wpedantic", *link_shared(), language=[cxx, "-std=c++11"]))


class Symbols(unittest.TestCase):
    def declared(self):
        header = world.read_file(SOURCE + "/include/vouch.h").decode()
        code = re.sub(r"/\*.*?\*/", "", header, flags=re.S)
        types = set(re.findall(r"typedef [^;]*?\b(vouch_\w+)\(", code))
        return set(re.findall(r"\b(vouch_\w+)\(", code)) - types

    def test_exported(self):
        """the shared library shows exactly what the header declares, under a versioned node"""
        lines = run("nm", "-D", "--defined-only", LIBRARY + "/libvouch.so").stdout.decode().split("\n")
        shown = {line.split()[2] for line in lines if line and line.split()[1] != "A"}
        self.assertEqual(shown, {name + "@@VOUCH_1" for name in self.declared()})
        self.assertRegex(run("objdump", "-p", LIBRARY + "/libvouch.so").stdout.decode(),
                         r"SONAME +libvouch\.so\.1\n")

    def test_archive(self):
        """the archive defines nothing else that a program could stumble over"""
        lines = run("nm", "-g", "--defined-only", LIBRARY + "/libvouch.a").stdout.decode().split("\n")
        shown = {line.split()[2] for line in lines if len(line.split()) == 3}
        self.assertEqual({name for name in shown if not name.startswith("__")}, self.declared())

    def test_globals(self):
        """every variable that can change is one that was thought about"""
        found = set()
        for line in run("objdump", "-t", LIBRARY + "/libvouch.a").stdout.decode().split("\n"):
            match = re.match(r"^[0-9a-f]+ .{7} (\S+)\t([0-9a-f]+) (?:\.hidden )?(\S+)$", line)
            if not match or not re.match(r"\.(data|bss|tbss|tdata)|\*COM\*", match.group(1)):
                continue
            section, size, name = match.groups()
            if section.startswith(".data.rel.ro") or name.startswith((".", "__odr_asan", "__asan")) or not int(size, 16):
                continue
            found.add(name.split(".")[0])  # "key.0" is a static of a function
        if not sanitizers():  # which make constants writable for redzones of their own
            self.assertEqual(found - set(GLOBALS), set())
        self.assertIn("loaded", found)

    def test_foreign_functions(self):
        """nothing in it prints, ends the program (but for bugs), or touches signal dispositions"""
        lines = run("nm", "-D", "--undefined-only", LIBRARY + "/libvouch.so").stdout.decode().split("\n")
        used = {line.split()[-1].split("@")[0] for line in lines if line.strip()}
        for name in ("printf", "puts", "putchar", "__printf_chk", "perror", "syslog", "exit", "_exit", "sigaction", "signal",
                     "fork", "execve", "setenv", "chdir", "umask", "setlocale", "system"):
            self.assertNotIn(name, used)


set_up()
world.main()
