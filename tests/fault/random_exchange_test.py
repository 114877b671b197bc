#!/usr/bin/env python3
"""P6 with random commands: what they left here redis-server 7.0 finds in the log, and back.

Every command that writes, of the difference test's grammar and beyond (those that redis-server 7.0
does not know must be in the log as commands that it knows), in transactions too, with a compaction
among them and a kill -9 at the end. Then all databases are compared: keys, values, deadlines.

    random_exchange_test.py [--seed N] [--commands N]    seed 0: one of chance

test-options: timeout=200
"""
import argparse
import glob
import os
import random
import shutil
import signal
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "clients", "support"))
sys.path.insert(0, os.path.join(HERE, "..", "difference", "support"))
from generate import Generator, Grammar  # noqa: E402
from holdfast import Server  # noqa: E402
from plain_client import Connection  # noqa: E402

REDIS = shutil.which("redis-server") or "/usr/bin/redis-server"
GRAMMARS = sorted(glob.glob(os.path.join(HERE, "..", "difference", "grammar", "*.grammar")))
DATABASES = 16
BATCH = 100
# Groups of the grammar that only talk, and commands that would end the test.
LEFT_OUT = {"SUBSCRIBE", "PSUBSCRIBE", "SSUBSCRIBE", "UNSUBSCRIBE", "PUNSUBSCRIBE", "SUNSUBSCRIBE",
            "HELLO", "RESET", "CLIENT", "CONFIG", "AUTH", "MULTI", "EXEC", "DISCARD", "WATCH",
            "WAIT", "junk", "SLOWLOG", "LATENCY", "MEMORY", "COMMAND", "INFO", "MONITOR"}
# What 7.0 does not have.
NEWER = """
20 SET key value {IFEQ value|IFNE value} [{EX seconds|PX milliseconds|KEEPTTL}] [GET]
8 DELIFEQ key value
8 DELEX key [{IFEQ value|IFNE value}]
10 MSETEX 1 key value [{NX|XX}] [{EX seconds|PX milliseconds|EXAT instant|PXAT instant_ms|KEEPTTL}]
10 MSETEX 2 key value key value [{NX|XX}] [{EX seconds|PX milliseconds|PXAT instant_ms|KEEPTTL}]
"""


def report(name, good, why=""):
    print(f"{'ok' if good else 'not ok'} - {name}" + (f"\n{why}" if why and not good else ""))


def grammar(with_newer):
    lines = []
    for path in GRAMMARS:
        with open(path, encoding="utf-8") as file:
            lines += file.read().splitlines()
    kept = [line for line in lines if line.strip() and not line.startswith("#") and
            line.split()[1].strip("{").split("|")[0] not in LEFT_OUT]
    return "\n".join(kept) + "\n" + (NEWER if with_newer else "")


class Writer:
    """Sends random commands and reads as many replies, errors among them."""

    def __init__(self, port, seed, with_newer):
        self.connection = Connection(port)
        self.rng = random.Random(seed)
        with tempfile.NamedTemporaryFile("w", suffix=".grammar") as file:
            file.write(grammar(with_newer))
            file.flush()
            self.generator = Generator(Grammar([file.name]), seed)

    def batch(self):
        commands = [self.generator.next() for _ in range(BATCH)]
        begin = self.rng.randrange(BATCH)
        commands.insert(begin, [b"MULTI"])
        commands.insert(self.rng.randint(begin + 1, min(begin + 12, len(commands))), [b"EXEC"])
        for words in commands:
            self.connection.send(*words)
        for _ in commands:
            self.connection.read_reply()


def contents(port):
    """Every key of every database: type, payload of the value, deadline."""
    connection = Connection(port)
    found = {}
    for database in range(DATABASES):
        connection.ask(b"SELECT", b"%d" % database)
        for key in connection.ask(b"KEYS", b"*"):
            kind = connection.ask(b"TYPE", key)
            found[database, key] = (kind, value_of(connection, kind, key),
                                    connection.ask(b"PEXPIRETIME", key))
    return found


def value_of(connection, kind, key):
    """All of a value, in an order that does not depend on the server."""
    if kind == b"string":
        return connection.ask(b"GET", key)
    if kind == b"list":
        return tuple(connection.ask(b"LRANGE", key, b"0", b"-1"))
    if kind == b"set":
        return tuple(sorted(connection.ask(b"SMEMBERS", key)))
    if kind == b"zset":
        return tuple(connection.ask(b"ZRANGE", key, b"0", b"-1", b"WITHSCORES"))
    if kind == b"hash":
        flat = connection.ask(b"HGETALL", key)
        return tuple(sorted(zip(flat[::2], flat[1::2])))
    return tuple(map(str, connection.ask(b"XRANGE", key, b"-", b"+"))), \
        str(connection.ask(b"XINFO", b"GROUPS", key))


def compact(port):
    connection = Connection(port)
    try:
        connection.ask(b"BGREWRITEAOF")
    except AssertionError:
        pass  # one goes on already
    while True:
        info = connection.ask(b"INFO", b"persistence")
        if b"aof_rewrite_in_progress:0" in info and b"aof_rewrite_scheduled:0" in info:
            return


def on_copy(server, program):
    """The other server on a copy of the log."""
    other = Server("--appendonly", "yes", program=program)
    target = os.path.join(other.folder, "appendonlydir")
    shutil.copytree(os.path.join(server.folder, "appendonlydir"), target)
    lock = os.path.join(target, "holdfast.lock")
    if os.path.exists(lock):
        os.remove(lock)
    return other


# Limits at which small collections take the form of large ones.
SMALL = ("--hash-max-listpack-entries", "2", "--zset-max-listpack-entries", "2",
         "--set-max-intset-entries", "2", "--list-max-listpack-size", "3")


def exchange(name, program, other_program, seed, commands, limits=()):
    # Redis's `everysec` keeps writes back while a sync goes on, and loses them with the process.
    with Server("--appendonly", "yes", "--appendfsync", "always", *limits,
                program=program) as server:
        writer = Writer(server.port, seed, with_newer=program is None)
        batches = commands // BATCH
        for i in range(batches):
            writer.batch()
            if i == batches // 2:
                compact(server.port)
        before = contents(server.port)
        server.stop(signal.SIGKILL)
        with on_copy(server, other_program) as other:
            after = contents(other.port)
            report(f"{name}: {commands} random commands leave the same {len(before)} keys",
                   after == before and len(before) > 0,
                   f"seed {seed}: here {sorted(set(before.items()) - set(after.items()))[:4]}, "
                   f"there {sorted(set(after.items()) - set(before.items()))[:4]}")
    return before


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=20261121)
    parser.add_argument("--commands", type=int, default=20000)
    options = parser.parse_args()
    seed = options.seed or random.SystemRandom().randrange(1, 2 ** 32)
    print(f"# seed {seed}")
    kept = exchange("our log in redis-server 7.0", None, REDIS, seed, options.commands)
    exchange("redis-server's log here", REDIS, None, seed + 1, options.commands)
    exchange("our log in redis-server 7.0, in large forms", None, REDIS, seed + 2,
             options.commands, SMALL)
    exchange("redis-server's log here, in large forms", REDIS, None, seed + 3, options.commands,
             SMALL)
    exchange("our log here, in large forms", None, None, seed + 4, options.commands,
             SMALL + ("--set-max-listpack-entries", "2"))
    changed = dict(kept)
    changed[next(iter(changed))] = (b"string", b"other", -1)
    report("control: one changed value is noticed", changed != kept)


main()
