#!/usr/bin/python3
"""Instructions of the hot path, counted by callgrind on the server itself, beside those on file.

What runs between the reading of a socket and the sending of replies is counted, for pipelines of 16
over one connection: repeatable to a fraction of a percent, whatever else the machine does.

    instructions.py build/holdfast-server            compares with instructions.tsv
    instructions.py build/holdfast-server --write    puts the counts on file

Ends with 1 if anything takes over 3 % more than is on file."""
import os
import re
import socket
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
FILE = os.path.join(HERE, "instructions.tsv")
COUNTED = "connection_input_run_gathered"  # everything of a command but the system's calls
PARTS = ("resp_parser_next", "dispatch_run", "resp_writer_bulk", "resp_writer_ok")
ALLOWED = 1.03
PIPELINE = 16
ROUNDS = 100
KEYS = 1600
START_SECONDS_MAX = 60


def encode(*words):
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word)
                                              for word in words)


def key(number):
    return b"key:%012d" % (number * 7919 % KEYS)


CASES = {
    "GET": (lambda i: encode(b"GET", key(i)), 71),
    "SET": (lambda i: encode(b"SET", key(i), b"v" * 64), 5),
    "INCR": (lambda i: encode(b"INCRBY", b"num" + key(i), b"1000000"), 10),
    "MSET of 10": (lambda i: encode(b"MSET", *(word for k in range(10) for word in
                                               (key(10 * i + k), b"v" * 64))), 5),
}


class Counted:
    """A server under callgrind."""

    def __init__(self, program, folder, log):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.folder = folder
        self.process = subprocess.Popen(
            ["valgrind", "--tool=callgrind", f"--toggle-collect={COUNTED}",
             "--callgrind-out-file=" + os.path.join(folder, "out"), os.path.abspath(program),
             "--port", str(port), "--dir", folder, "--save", "", "--appendonly", log],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            cwd=folder)
        until = time.monotonic() + START_SECONDS_MAX
        while True:
            try:
                self.socket = socket.create_connection(("127.0.0.1", port), timeout=30)
                return
            except OSError:
                if time.monotonic() > until or self.process.poll() is not None:
                    sys.exit("instructions: the server did not start under valgrind")
                time.sleep(0.1)

    def send(self, requests, reply_size):
        self.socket.sendall(b"".join(requests))
        owed = len(requests) * reply_size
        while owed > 0:
            data = self.socket.recv(min(owed, 65536))
            if not data or data.startswith(b"-"):
                sys.exit(f"instructions: {data!r}")
            owed -= len(data)

    def run(self, case):
        request, reply_size = CASES[case]
        for i in range(ROUNDS):
            self.send([request(PIPELINE * i + j) for j in range(PIPELINE)], reply_size)

    def control(self, option):
        subprocess.run(["callgrind_control", option, str(self.process.pid)], check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def count(self, case):
        """Instructions a command, in all and of some parts."""
        self.run(case)  # everything is there and warm
        self.control("--zero")
        self.run(case)
        before = set(os.listdir(self.folder))
        self.control("--dump")
        dump = (set(os.listdir(self.folder)) - before).pop()
        text = subprocess.run(["callgrind_annotate", "--inclusive=yes", "--threshold=100",
                               os.path.join(self.folder, dump)], check=True,
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout.decode()
        commands = PIPELINE * ROUNDS
        counts = {}
        for name in (COUNTED,) + PARTS:
            found = re.search(r"^ *([\d,]+) .*:" + name + r"(?: \[|$)", text, re.MULTILINE)
            if found:
                counts[name] = int(found.group(1).replace(",", "")) / commands
        return counts

    def stop(self):
        self.process.kill()
        self.process.wait()


def measure(program):
    found = {}
    for log in ("no", "yes"):
        with tempfile.TemporaryDirectory() as folder:
            server = Counted(program, folder, log)
            try:
                server.run("MSET of 10")
                for case in CASES:
                    for name, count in server.count(case).items():
                        part = "all" if name == COUNTED else name
                        found[f"{case}, appendonly {log}", part] = count
            finally:
                server.stop()
    return found


def read_file():
    with open(FILE, encoding="utf-8") as file:
        rows = [line.rstrip("\n").split("\t") for line in file if not line.startswith("#")]
    return {(row[0], row[1]): float(row[2]) for row in rows}


def write_file(found):
    with open(FILE, "w", encoding="utf-8") as file:
        file.write("# Instructions a command: written by instructions.py --write.\n")
        for (case, part), count in found.items():
            file.write(f"{case}\t{part}\t{count:.1f}\n")


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    found = measure(sys.argv[1])
    if "--write" in sys.argv:
        write_file(found)
    known = read_file()
    worse = 0
    print(f"{'instructions a command':28} {'part':20} {'on file':>9} {'now':>9}")
    for name, count in found.items():
        on_file = known.get(name, 0)
        grown = count > on_file * ALLOWED
        worse += grown
        print(f"{name[0]:28} {name[1]:20} {on_file:9.1f} {count:9.1f}"
              f"{'  MORE' if grown else ''}")
    missing = set(known) - set(found)
    for name in missing:
        print(f"{name[0]:28} {name[1]:20} {known[name]:9.1f} {'-':>9}  GONE")
    sys.exit(1 if worse or missing else 0)


main()
