#!/usr/bin/env python3
"""Snapshots: SAVE, BGSAVE, save points and SHUTDOWN, loaded again here and in redis-server; what
happens when they cannot be written; compaction that begins by itself.

test-options: timeout=200
"""
import os
import shutil
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "clients",
                                "support"))
from holdfast import Server  # noqa: E402
from plain_client import Connection  # noqa: E402

REDIS = shutil.which("redis-server") or "/usr/bin/redis-server"
WAIT_SECONDS_MAX = 20


def report(name, good, why=""):
    print(f"{'ok' if good else 'not ok'} - {name}" + (f"\n{why}" if why and not good else ""))


def fill(connection, count):
    for i in range(count):
        connection.ask(b"SET", b"key:%d" % i, b"value %d " % i * (i % 40))
    connection.ask(b"SET", b"number", b"-12345")
    connection.ask(b"SET", b"late", b"x", b"PXAT", b"4000000000000")
    connection.ask(b"SELECT", b"3")
    connection.ask(b"SET", b"other", b"database")
    connection.ask(b"SELECT", b"0")


def contents(port):
    connection = Connection(port)
    found = {}
    for database in (b"0", b"3"):
        connection.ask(b"SELECT", database)
        for key in connection.ask(b"KEYS", b"*"):
            found[database, key] = (connection.ask(b"GET", key),
                                    connection.ask(b"PEXPIRETIME", key))
    return found


def info(connection, name):
    text = connection.ask(b"INFO", b"persistence").decode()
    return dict(line.split(":", 1) for line in text.split("\r\n") if ":" in line).get(name)


def wait_for(connection, name, value):
    deadline = time.monotonic() + WAIT_SECONDS_MAX
    while info(connection, name) != value and time.monotonic() < deadline:
        time.sleep(0.02)
    return info(connection, name) == value


def load_elsewhere(server, program, *config):
    """What a server holds that starts with only the snapshot of another."""
    with Server("--appendonly", "no", *config, program=program) as other:
        other.stop()
        shutil.copy(os.path.join(server.folder, "dump.rdb"), other.folder)
        other.start()
        return contents(other.port)


def test_snapshots():
    with Server("--appendonly", "no") as server:
        connection = Connection(server.port)
        fill(connection, 500)
        before = contents(server.port)
        report("SAVE answers OK", connection.ask(b"SAVE") == b"OK")
        report("redis-server loads our snapshot", load_elsewhere(server, REDIS) == before)
        report("we load our snapshot", load_elsewhere(server, None) == before)
        connection.ask(b"SET", b"more", b"1")
        report("BGSAVE begins", connection.ask(b"BGSAVE") == b"Background saving started")
        connection.ask(b"PING")
        report("BGSAVE ends well", wait_for(connection, "rdb_saves", "2") and
               info(connection, "rdb_last_bgsave_status") == "ok")
        report("the snapshot of BGSAVE is whole", len(load_elsewhere(server, REDIS)) ==
               len(before) + 1)
        report("what is saved counts as saved",
               info(connection, "rdb_changes_since_last_save") == "0")
    with Server("--appendonly", "no", program=REDIS) as redis:
        connection = Connection(redis.port)
        fill(connection, 500)
        connection.ask(b"SAVE")
        report("we load redis-server's snapshot",
               load_elsewhere(redis, None) == contents(redis.port))
        test_snapshot_becomes_base(redis)


def test_snapshot_becomes_base(redis):
    with Server("--appendonly", "yes") as server:
        server.stop()
        shutil.rmtree(os.path.join(server.folder, "appendonlydir"))
        shutil.copy(os.path.join(redis.folder, "dump.rdb"), server.folder)
        server.start()
        good = contents(server.port) == contents(redis.port)
        Connection(server.port).ask(b"SET", b"new", b"1")
        server.restart()
        report("a snapshot becomes the first base of a new log",
               good and contents(server.port) == {**contents(redis.port),
                                                  (b"0", b"new"): (b"1", -1)})


def test_save_points_and_shutdown():
    with Server("--appendonly", "no", "--save", "1 1") as server:
        connection = Connection(server.port)
        connection.ask(b"SET", b"a", b"1")
        report("a save point saves", wait_for(connection, "rdb_saves", "1"))
        connection.ask(b"SET", b"b", b"2")
        server.stop()
        server.start()
        connection = Connection(server.port)
        report("SIGTERM saves where there are save points", connection.ask(b"GET", b"b") == b"2")
        os.remove(os.path.join(server.folder, "dump.rdb"))
        os.mkdir(os.path.join(server.folder, "dump.rdb"))  # nothing can be renamed to that
        connection.ask(b"BGSAVE")
        report("a snapshot that cannot be written is told of",
               wait_for(connection, "rdb_last_bgsave_status", "err"))
        time.sleep(0.05)
        try:
            refused = connection.ask(b"SET", b"c", b"3")
        except AssertionError as error:
            refused = str(error)
        report("writes are refused then", "MISCONF" in str(refused), str(refused))
        report("reads are not", connection.ask(b"GET", b"a") == b"1")
        report("nothing of it is left behind",
               not [name for name in os.listdir(server.folder) if name.startswith("temp-")])
        os.rmdir(os.path.join(server.folder, "dump.rdb"))
        report("it is tried again", wait_for(connection, "rdb_last_bgsave_status", "ok"))
        time.sleep(0.05)
        report("and writes are taken again", connection.ask(b"SET", b"c", b"3") == b"OK")


def log_size(server):
    folder, size = os.path.join(server.folder, "appendonlydir"), 0
    for name in os.listdir(folder):
        try:
            size += os.path.getsize(os.path.join(folder, name))
        except FileNotFoundError:
            pass  # it has just gone
    return size


def test_compaction_by_itself():
    with Server("--appendonly", "yes", "--auto-aof-rewrite-min-size", "100kb") as server:
        connection = Connection(server.port)
        for i in range(2000):
            connection.ask(b"SET", b"key:%d" % (i % 10), b"%d" % i * 100)
        report("a log that has doubled is compacted", wait_for(connection, "aof_rewrites", "1") or
               int(info(connection, "aof_rewrites")) > 0)
        wait_for(connection, "aof_rewrite_in_progress", "0")
        deadline = time.monotonic() + 20  # the old files go by and by
        while log_size(server) >= 400_000 and time.monotonic() < deadline:
            time.sleep(0.05)
        report("and is small then", log_size(server) < 400_000, str(log_size(server)))
        before = contents(server.port)
        server.restart()
        report("and holds what it held", contents(server.port) == before)


test_snapshots()
test_save_points_and_shutdown()
test_compaction_by_itself()
