#!/usr/bin/python3
"""redis-benchmark, the tests of its default list whose commands exist so far.
test-options: timeout=240

Only that every request is answered without an error is tested: figures are for `make bench`."""

import csv
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "support"))

from holdfast import contains, equal, run_tests, test  # noqa: E402

# Of the default list, what is run in other ways, too; whole_list runs all of it.
TESTS = {"ping_inline": "PING_INLINE", "ping_mbulk": "PING_MBULK", "set": "SET", "get": "GET",
         "incr": "INCR", "mset": "MSET (10 keys)"}


def benchmark(server, *arguments):
    """Rows of its CSV output by name of the test. An error reply ends it with a message."""
    command = ["redis-benchmark", "-p", str(server.port), "--csv", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=200)
    said = done.stdout + done.stderr
    equal(done.returncode, 0, f"status of {' '.join(command)}, which said {said}")
    equal([line for line in done.stderr.splitlines() if "rror" in line], [], "error lines")
    rows = list(csv.reader(line for line in done.stdout.splitlines() if line.startswith('"')))
    equal(rows[0][:2], ["test", "rps"])
    return {row[0]: float(row[1]) for row in rows[1:]}


def check(server, names, *arguments):
    rows = benchmark(server, "-t", ",".join(names), *arguments)
    equal(sorted(rows), sorted(TESTS[name] for name in names))
    for name, per_second in rows.items():
        if per_second <= 0:
            raise AssertionError(f"{name}: {per_second} requests per second")


@test("redis-benchmark runs the whole of its default list", seconds=200)
def whole_list(server):
    rows = benchmark(server, "-n", "20000", "-c", "50", "-P", "16", "-r", "10000")
    begins = ("PING_INLINE", "PING_MBULK", "SET", "GET", "INCR", "LPUSH", "RPUSH", "LPOP", "RPOP",
              "SADD", "HSET", "SPOP", "ZADD", "ZPOPMIN", "LPUSH (needed", "LRANGE_100",
              "LRANGE_300", "LRANGE_500", "LRANGE_600", "MSET")
    equal([name for name, begin in zip(rows, begins) if not name.startswith(begin)], [])
    equal(len(rows), len(begins))


@test("redis-benchmark runs its list with 50 clients", seconds=120)
def default_list(server):
    check(server, list(TESTS), "-n", "20000", "-c", "50")


@test("redis-benchmark runs its list with 50 clients and pipelines of 16", seconds=120)
def pipelined(server):
    check(server, list(TESTS), "-n", "100000", "-c", "50", "-P", "16", "-r", "100000")


@test("redis-benchmark runs its list in RESP3")
def resp3(server):
    check(server, list(TESTS), "-n", "10000", "-3")


@test("redis-benchmark runs its list from three threads with random keys", seconds=120)
def threads(server):
    check(server, ["set", "get", "incr"],
          "-n", "50000", "-c", "60", "--threads", "3", "-r", "1000000")


@test("redis-benchmark writes and reads values of 100 KB")
def large_values(server):
    check(server, ["set", "get"], "-n", "2000", "-d", "100000", "-r", "100")


@test("redis-benchmark works without keeping connections")
def no_keepalive(server):
    check(server, ["ping_mbulk"], "-n", "2000", "-k", "0")


@test("redis-benchmark runs a command given on its command line, with client-side caching on")
def own_command(server):
    rows = benchmark(server, "-n", "5000", "-r", "100", "--enable-tracking",
                     "SET", "key:__rand_int__", "v")
    equal(len(rows), 1)
    contains(server.ask("DBSIZE").decode(), ":")


@test("redis-benchmark leaves exactly the count of increments it asked for")
def exact_increments(server):
    server.ask("FLUSHALL")
    benchmark(server, "-n", "30000", "-c", "50", "-P", "8", "INCR", "exact")
    equal(server.ask("GET", "exact"), b"$5\r\n30000\r\n+OK\r\n")


run_tests()
