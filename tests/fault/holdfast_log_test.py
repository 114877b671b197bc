#!/usr/bin/env python3
"""holdfast-log on logs that a server wrote; and logs of redis-server and Holdfast loaded by each
other, also while they are being written.

test-options: timeout=200
"""
import os
import shutil
import signal
import subprocess
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "clients",
                                "support"))
from holdfast import Server  # noqa: E402
from plain_client import Connection  # noqa: E402

TOOL = os.path.join(os.path.abspath(os.environ["HOLDFAST_BUILD"]), "holdfast-log")
REDIS = shutil.which("redis-server") or "/usr/bin/redis-server"
RESULTS = []


def report(name, good, why=""):
    print(f"{'ok' if good else 'not ok'} - {name}" + (f"\n{why}" if why and not good else ""))


def tool(*words, **options):
    return subprocess.run([TOOL, *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          check=False, **options)


def log_folder(server):
    return os.path.join(server.folder, "appendonlydir")


def increments(server):
    return sorted(os.path.join(log_folder(server), name) for name in os.listdir(log_folder(server))
                  if name.endswith(".incr.aof"))


def fill(connection, first, last):
    for i in range(first, last):
        connection.ask(b"SET", b"key:%d" % i, b"value %d" % i)
        connection.ask(b"INCR", b"counter")
        if i % 3 == 0:
            connection.ask(b"SET", b"gone:%d" % i, b"x", b"EX", b"1000")
        if i % 5 == 0:
            connection.ask(b"MULTI")
            connection.ask(b"SELECT", b"2")
            connection.ask(b"APPEND", b"text", b"<%d>" % i)
            connection.ask(b"SELECT", b"0")
            connection.ask(b"EXEC")
        if i % 7 == 0:
            connection.ask(b"DEL", b"key:%d" % (i // 2))
        if i % 11 == 0:
            connection.ask(b"PEXPIRE", b"key:%d" % i, b"900000")
        if i % 13 == 0:
            connection.ask(b"INCRBYFLOAT", b"float", b"0.5")


def contents(port):
    """All keys of two databases with values and deadlines."""
    connection = Connection(port)
    found = {}
    for database in (b"0", b"2"):
        connection.ask(b"SELECT", database)
        for key in connection.ask(b"KEYS", b"*"):
            found[database, key] = (connection.ask(b"GET", key),
                                    connection.ask(b"PEXPIRETIME", key))
    return found


def wait_for_rewrite(connection):
    connection.ask(b"BGREWRITEAOF")
    while True:
        info = connection.ask(b"INFO", b"persistence")
        if b"aof_rewrite_in_progress:0" in info and b"aof_rewrite_scheduled:0" in info:
            return


def test_tool():
    with Server("--appendonly", "yes") as server:
        connection = Connection(server.port)
        fill(connection, 0, 100)
        wait_for_rewrite(connection)
        fill(connection, 100, 200)
        report("verify finds a log in order while it is written",
               tool("verify", log_folder(server)).returncode == 0)
        before = contents(server.port)
        listing = tool("list", log_folder(server)).stdout.decode()
        report("list names files, offsets and keys", "base" in listing and "key:150" in listing and
               "durable" in listing, listing[:500])
        exported = tool("export", log_folder(server)).stdout
        with Server("--appendonly", "no", program=REDIS) as redis:
            subprocess.run(["redis-cli", "-p", str(redis.port), "--pipe"], input=exported,
                           stdout=subprocess.DEVNULL, check=True)
            report("what is exported makes the same keys in redis-server",
                   contents(redis.port) == before)
        server.stop(signal.SIGKILL)
        damage_and_repair(server)
    report("wrong usage says so", tool("frobnicate", "/nowhere").returncode in (2, 3) and
           tool().returncode == 2)


def damage_and_repair(server):
    path = increments(server)[-1]
    with open(path, "rb+") as file:
        file.seek(2000)
        byte = file.read(1)
        file.seek(2000)
        file.write(bytes([byte[0] ^ 1]))
    found = tool("verify", log_folder(server))
    report("verify says where a log is damaged", found.returncode == 1 and b" at byte " in
           found.stdout, found.stdout.decode())
    try:
        server.start()
        report("P3 a damaged log is refused", False)
        server.stop()
    except RuntimeError as error:
        report("P3 a damaged log is refused", "holdfast-log repair" in str(error), str(error))
    size = os.path.getsize(path)
    looked = tool("repair", log_folder(server))
    report("repair changes nothing unless it is told to", looked.returncode == 1 and
           os.path.getsize(path) == size, looked.stdout.decode())
    cut = tool("repair", "--cut", log_folder(server))
    report("repair --cut copies and cuts", cut.returncode == 0 and
           os.path.isdir(log_folder(server) + ".before-repair") and os.path.getsize(path) < size,
           cut.stdout.decode())
    server.start()
    connection = Connection(server.port)
    report("the repaired log loads", connection.ask(b"GET", b"key:99") == b"value 99")
    connection.ask(b"SET", b"after", b"1")
    server.stop()
    report("and goes on", tool("verify", log_folder(server)).returncode == 0)


def copy_and_start(folder, program, *config):
    """A server on a copy of a log."""
    other = Server("--appendonly", "yes", *config, program=program)
    shutil.copytree(folder, os.path.join(other.folder, "appendonlydir"))
    lock = os.path.join(other.folder, "appendonlydir", "holdfast.lock")
    if os.path.exists(lock):
        os.remove(lock)
    return other


def test_exchange(name, program, other_program, *config):
    with Server("--appendonly", "yes", *config, program=program) as server:
        connection = Connection(server.port)
        fill(connection, 0, 120)
        wait_for_rewrite(connection)
        fill(connection, 120, 240)
        stop = threading.Event()
        writer = threading.Thread(target=write_on, args=(server.port, stop))
        writer.start()
        copies = [copy_and_start(log_folder(server), other_program) for _ in range(3)]
        stop.set()
        writer.join()
        good = True
        for copy in copies:
            with copy:
                good = good and contents(copy.port).get((b"0", b"key:239")) == (b"value 239", -1)
        report(f"{name}: loaded while it is written", good)
        before = contents(server.port)
        server.stop(signal.SIGKILL)
        with copy_and_start(log_folder(server), other_program) as other:
            after = contents(other.port)
            report(f"{name}: loaded after kill -9, the same keys, values and deadlines",
                   after == before, str(set(after.items()) ^ set(before.items()))[:500])
            Connection(other.port).ask(b"SET", b"back", b"1")
            other.stop()
            with copy_and_start(log_folder(other), program) as again:
                report(f"{name}: and back", contents(again.port) == {**before, (b"0", b"back"):
                                                                     (b"1", -1)})


def write_on(port, stop):
    connection = Connection(port)
    i = 0
    while not stop.is_set():
        i += 1
        connection.ask(b"SET", b"busy:%d" % (i % 100), b"x" * (i % 500))


def main():
    test_tool()
    holdfast = None
    test_exchange("our log in redis-server 7.0", holdfast, REDIS)
    test_exchange("redis-server's log here", REDIS, holdfast)
    test_exchange("redis-server's log without RDB here", REDIS, holdfast,
                  "--aof-use-rdb-preamble", "no")


main()
