#!/usr/bin/python3
"""Eight processes change the same keys at once, and no change may be lost."""

import multiprocessing
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "support"))

from holdfast import equal, run_tests, test  # noqa: E402

try:
    import redis
except ImportError:
    print("not ok - python3-redis is installed\n  apt-get install python3-redis")
    sys.exit(1)

CONTENDERS = 8
CHANGES = 150  # of each contender


def connect(server):
    return redis.Redis(port=server.port, socket_timeout=60, single_connection_client=True)


def contend(server, change):
    """Runs change(client, contender, turn) CHANGES times in each of eight processes."""
    barrier = multiprocessing.Barrier(CONTENDERS)
    outcome = multiprocessing.Queue()

    def work(contender):
        try:
            client = connect(server)
            client.ping()
            barrier.wait(30)
            for turn in range(CHANGES):
                change(client, contender, turn)
            outcome.put(None)
        except Exception as error:  # told to the parent
            outcome.put(f"contender {contender}: {error!r}")

    processes = [multiprocessing.Process(target=work, args=(i,), daemon=True)
                 for i in range(CONTENDERS)]
    for process in processes:
        process.start()
    failures = [outcome.get(timeout=80) for _ in processes]
    for process in processes:
        process.join()
    equal([failure for failure in failures if failure], [])


def increment_by_watch(client, *_):
    with client.pipeline() as pipe:
        while True:
            try:
                pipe.watch("counter")
                value = int(pipe.get("counter") or 0)
                pipe.multi()
                pipe.set("counter", value + 1)
                pipe.execute()
                return
            except redis.WatchError:
                continue


@test("a WATCH loop with eight contenders loses no update")
def watch_loop(server):
    connect(server).flushall()
    contend(server, increment_by_watch)
    equal(connect(server).get("counter"), str(CONTENDERS * CHANGES).encode())


@test("a SET IFEQ loop with eight contenders loses no update")
def compare_and_set_loop(server):
    server.need_command("DELIFEQ")
    client = connect(server)
    client.flushall()
    client.set("counter", 0)

    def increment(client, *_):
        while True:
            value = int(client.get("counter"))
            if client.execute_command("SET", "counter", value + 1, "IFEQ", value):
                return

    contend(server, increment)
    equal(client.get("counter"), str(CONTENDERS * CHANGES).encode())


@test("money moved between accounts by eight contenders is neither made nor lost")
def transfers(server):
    client = connect(server)
    client.flushall()
    accounts = [f"account:{i}" for i in range(5)]
    client.mset({account: 1000 for account in accounts})

    def transfer(client, contender, turn):
        source = accounts[(contender + turn) % 5]
        target = accounts[(contender * 3 + turn * 7 + 1) % 5]
        with client.pipeline() as pipe:
            while True:
                try:
                    pipe.watch(source, target)
                    amount = min(int(pipe.get(source)), turn % 13)
                    pipe.multi()
                    pipe.decrby(source, amount)
                    pipe.incrby(target, amount)
                    pipe.execute()
                    return
                except redis.WatchError:
                    continue

    contend(server, transfer)
    balances = [int(balance) for balance in client.mget(accounts)]
    equal(sum(balances), 5000)
    equal([balance for balance in balances if balance < 0], [])


@test("a lock lets one of eight contenders in at a time")
def mutual_exclusion(server):
    client = connect(server)
    client.flushall()
    compare_and_delete = not server.is_reference()

    def release(client, token):
        if compare_and_delete:
            equal(client.execute_command("DELIFEQ", "lock", token), 1)
            return
        with client.pipeline() as pipe:
            pipe.watch("lock")
            equal(pipe.get("lock"), token)
            pipe.multi()
            pipe.delete("lock")
            pipe.execute()

    def enter(client, contender, turn):
        token = f"{contender}:{turn}".encode()
        while not client.set("lock", token, nx=True, px=60_000):
            pass
        # Not atomic on purpose: an update is lost if two are in here at once.
        client.set("unguarded", int(client.get("unguarded") or 0) + 1)
        release(client, token)

    contend(server, enter)
    equal(client.get("unguarded"), str(CONTENDERS * CHANGES).encode())
    equal(client.exists("lock"), 0)


@test("SETNX, GETDEL and RENAME each let exactly one of eight contenders win")
def one_winner(server):
    client = connect(server)
    client.flushall()
    for name in ("prize", "title"):
        client.mset({f"{name}:{turn}": 1 for turn in range(CHANGES)})

    def grab(client, contender, turn):
        if client.setnx(f"seat:{turn}", contender):
            client.incr(f"winners:seat:{turn}")
        if client.getdel(f"prize:{turn}") is not None:
            client.incr(f"winners:prize:{turn}")
        try:
            client.rename(f"title:{turn}", f"taken:{turn}")
            client.incr(f"winners:title:{turn}")
        except redis.ResponseError as error:
            equal(str(error), "no such key")

    contend(server, grab)
    for turn in range(CHANGES):
        for name in ("seat", "prize", "title"):
            equal(client.get(f"winners:{name}:{turn}"), b"1", f"winners of {name} {turn}")


run_tests()
