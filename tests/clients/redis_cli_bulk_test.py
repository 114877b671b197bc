#!/usr/bin/python3
"""redis-cli as scripts use it: mass insertion, scans, figures.

test-options: timeout=240
"""

import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "support"))

from holdfast import contains, equal, matches, run_tests, test  # noqa: E402
from terminal import Terminal  # noqa: E402

KEYS = 1_000_000


def command_line(server, *arguments):
    return ["redis-cli", "-p", str(server.port), *arguments]


def cli(server, *arguments, **options):
    """redis-cli's output; it must succeed."""
    done = subprocess.run(command_line(server, *arguments), capture_output=True, timeout=120,
                          **options)
    output = done.stdout.decode(errors="replace") + done.stderr.decode(errors="replace")
    equal(done.returncode, 0, f"status of redis-cli {' '.join(arguments)}, which said {output}")
    return output


def cli_stopped(server, last, *arguments):
    """The output of a command that goes on until it is stopped, when `last` was seen in it."""
    with Terminal(command_line(server, *arguments)) as terminal:
        seen = terminal.expect(last)
        terminal.type("\x03")
    return seen


def million_keys():
    for begin in range(0, KEYS, 1000):
        commands = []
        for i in range(begin, begin + 1000):
            key, value = f"pipe:{i}", f"value {i}"
            commands.append(f"*3\r\n$3\r\nSET\r\n${len(key)}\r\n{key}\r\n"
                            f"${len(value)}\r\n{value}\r\n")
        yield "".join(commands).encode()


@test("redis-cli --pipe inserts a million keys, every one of them answered", seconds=200)
def pipe(server):
    path = os.path.join(server.folder, "million")
    with open(path, "wb") as file:
        file.writelines(million_keys())
    with open(path, "rb") as file:
        output = cli(server, "--pipe", stdin=file)
    os.unlink(path)
    contains(output, f"errors: 0, replies: {KEYS}")
    equal(cli(server, "DBSIZE").strip(), str(KEYS))
    for i in (0, 1, 77777, KEYS - 1):
        equal(cli(server, "GET", f"pipe:{i}").strip(), f"value {i}")


@test("redis-cli --scan returns every key exactly once while nothing changes", seconds=120)
def scan(server):
    names = cli(server, "--scan").split()
    equal(len(names), KEYS)
    equal(len(set(names)), KEYS)


@test("redis-cli --scan with a pattern returns the keys that match, and only them", seconds=120)
def scan_pattern(server):
    names = cli(server, "--scan", "--pattern", "pipe:1234?").split()
    equal(sorted(names), [f"pipe:1234{digit}" for digit in range(10)])
    names = cli(server, "--scan", "--pattern", "pipe:*[02468]99999").split()
    equal(sorted(names), [f"pipe:{digit}99999" for digit in (2, 4, 6, 8)])


@test("redis-cli --bigkeys finds the longest string among a million", seconds=120)
def bigkeys(server):
    cli(server, "SET", "pipe:longest", "x" * 5000)
    output = cli(server, "--bigkeys")
    contains(output, 'Biggest string found \'"pipe:longest"\' has 5000 bytes')
    contains(output, f"Sampled {KEYS + 1} keys in the keyspace!")
    matches(output, rf"{KEYS + 1} strings with \d+ bytes \(100\.00% of keys")
    cli(server, "DEL", "pipe:longest")


@test("redis-cli --memkeys finds the key that takes most memory")
def memkeys(server):
    cli(server, "FLUSHALL")
    cli(server, "SET", "thin", "x")
    cli(server, "SET", "fat", "x" * 100_000)
    output = cli(server, "--memkeys")
    matches(output, r"Biggest string found '\"fat\"' has 1\d{5} bytes")


@test("redis-cli --bigkeys and --memkeys know every type")
def big_collections(server):
    cli(server, "FLUSHALL")
    for command in (("RPUSH", "list"), ("SADD", "set"), ("HSET", "hash"), ("ZADD", "zset"),
                    ("XADD", "stream", "*")):
        cli(server, *command, *[str(number) for number in range(1000)])
    output = cli(server, "--bigkeys")
    for kind, size in (("list", "1000 items"), ("set", "1000 members"), ("hash", "500 fields"),
                       ("zset", "500 members"), ("stream", "1 entries")):
        contains(output, f"Biggest {kind:>6} found '\"{kind}\"' has {size}")
    output = cli(server, "--memkeys")
    for kind in ("list", "set", "hash", "zset", "stream"):
        matches(output, rf"Biggest {kind:>6} found '\"{kind}\"' has [1-9]\d* bytes")


@test("redis-cli --stat prints rows of figures")
def stat(server):
    output = cli_stopped(server, r"(?:\n[\d. ]+[KMG]?\s.*){2}", "--stat", "-i", "0.2")
    matches(output, r"keys\s+mem\s+clients\s+blocked\s+requests\s+connections")
    matches(output, r"\d+\s+[\d.]+[BKMG]\s+\d+\s+0\s+\d+ \(\+\d+\)\s+\d+")


@test("redis-cli --latency measures round trips")
def latency(server):
    output = cli_stopped(server, r"\(\d\d+ samples\)", "--latency")
    matches(output, r"min: \d+, max: \d+, avg: \d+\.\d+ \(\d+ samples\)")


@test("redis-cli reads a value from standard input and prints it raw")
def standard_input(server):
    value = bytes(range(256)) * 1000
    equal(cli(server, "-x", "SET", "binary", input=value).strip(), "OK")
    done = subprocess.run(command_line(server, "--raw", "GET", "binary"), capture_output=True,
                          timeout=60)
    equal(done.stdout, value + b"\n")


@test("redis-cli repeats a command, selects a database, writes CSV and JSON")
def options(server):
    cli(server, "FLUSHALL")
    equal(cli(server, "-r", "5", "INCR", "counter").split(), ["1", "2", "3", "4", "5"])
    equal(cli(server, "-n", "4", "GET", "counter").strip(), "")
    equal(cli(server, "--csv", "MGET", "counter", "none").strip(), '"5",NULL')
    equal(cli(server, "--json", "MGET", "counter", "none").strip(), '["5",null]')
    address = f"redis://127.0.0.1:{server.port}/2"
    equal(cli(server, "-u", address, "SET", "there", "1").strip(), "OK")
    equal(cli(server, "-n", "2", "DBSIZE").strip(), "1")


@test("redis-cli -e ends with an error status when the reply is an error")
def error_status(server):
    done = subprocess.run(command_line(server, "-e", "GET"), capture_output=True, timeout=60)
    equal(done.returncode, 1)
    contains((done.stdout + done.stderr).decode(), "wrong number of arguments for 'get' command")


@test("redis-cli executes a script of commands from standard input in order")
def script(server):
    commands = "SET a 1\nINCR a\nMULTI\nINCR a\nINCR a\nEXEC\nGET a\n"
    output = cli(server, input=commands.encode())
    equal(re.sub(r"\s+", " ", output).strip(), "OK 2 OK QUEUED QUEUED 3 4 4")


run_tests()
