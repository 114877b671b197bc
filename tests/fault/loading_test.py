#!/usr/bin/env python3
"""What a client meets while a large log is loaded: -LOADING for data, answers for the rest."""
import os
import signal
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "clients",
                                "support"))
from holdfast import Server, free_port  # noqa: E402
from plain_client import Connection, encode  # noqa: E402

KEYS = 1_500_000  # loading them takes a good part of a second on any machine
BATCH = 10_000
LOADING = "-LOADING Redis is loading the dataset in memory"


def report(name, good, why=""):
    print(f"{'ok' if good else 'not ok'} - {name}" + (f"\n{why}" if why and not good else ""))


def fill(port):
    connection = Connection(port)
    for first in range(0, KEYS, BATCH):
        connection.socket.sendall(b"".join(encode(b"SET", b"key:%d" % i, b"%d" % i)
                                           for i in range(first, first + BATCH)))
        for _ in range(BATCH):
            connection.read()


def text(reply):
    return str(reply).strip() if isinstance(reply, AssertionError) else reply


def ask(connection, *words):
    connection.send(*words)
    return text(connection.read_reply())


def launch(server):
    """Starts the process without waiting until it is ready, and connects as soon as it listens."""
    server.launch()
    until = time.monotonic() + 20
    while True:
        try:
            return Connection(server.port)
        except ConnectionRefusedError:
            if time.monotonic() > until:
                raise
            time.sleep(0.002)


def while_it_loads(server):
    connection = launch(server)
    lines = ((b"GET", b"key:1"), (b"PING",), (b"SET", b"a", b"1"), (b"DBSIZE",),
             (b"CONFIG", b"GET", b"appendonly"), (b"SELECT", b"1"), (b"INFO", b"persistence"))
    connection.socket.sendall(b"".join(encode(*words) for words in lines))  # for one turn
    said = {words: text(connection.read_reply()) for words in lines}
    info = said[b"INFO", b"persistence"]
    for words in said:
        if words[0] in (b"GET", b"PING", b"SET", b"DBSIZE"):
            report(f"{words[0].decode()} is answered with LOADING", said[words] == LOADING,
                   repr(said[words]))
    report("CONFIG GET is answered", said[b"CONFIG", b"GET", b"appendonly"] ==
           [b"appendonly", b"yes"], repr(said))
    report("SELECT is answered", said[b"SELECT", b"1"] == b"OK", repr(said))
    fields = dict(line.split(b":", 1) for line in info.split(b"\r\n") if b":" in line)
    report("INFO tells how far it is", fields.get(b"loading") == b"1" and
           0 < int(fields[b"loading_loaded_bytes"]) < int(fields[b"loading_total_bytes"]),
           info.decode())
    return connection


def main():
    with Server("--appendonly", "yes", "--appendfsync", "no", "--save", "") as server:
        fill(server.port)
        server.stop(signal.SIGKILL)
        server.port = free_port()
        connection = while_it_loads(server)
        connection.send(b"SHUTDOWN", b"NOSAVE")
        report("SHUTDOWN ends a server that loads", server.process.wait(20) == 0)
        connection = while_it_loads(server)
        until = time.monotonic() + 60
        while ask(connection, b"DBSIZE") == LOADING and time.monotonic() < until:
            time.sleep(0.01)
        connection.ask(b"SELECT", b"0")
        report("then all keys are there", ask(connection, b"DBSIZE") == KEYS)
        report("and can be written", ask(connection, b"SET", b"a", b"1") == b"OK")


main()
