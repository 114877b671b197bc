#!/usr/bin/python3
"""What people keep in collections, done with Python's client, Debian's python3-redis.

test-options: timeout=240
"""

import os
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "support"))

from holdfast import equal, eventually, run_tests, test  # noqa: E402

try:
    import redis
except ImportError:
    print("not ok - python3-redis is installed\n  apt-get install python3-redis")
    sys.exit(1)

JOBS = 2000
WORKERS = 6


def connect(server, **options):
    return redis.Redis(port=server.port, socket_timeout=60, decode_responses=True, **options)


def empty(server):
    client = connect(server)
    client.flushall()
    return client


def in_threads(count, work):
    """Runs work(index) in each of `count` threads and returns what they returned."""
    results, failures = [None] * count, []

    def run(index):
        try:
            results[index] = work(index)
        except Exception as error:  # told to the caller
            failures.append(repr(error))

    threads = [threading.Thread(target=run, args=(i,), daemon=True) for i in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(100)
    equal(failures, [])
    return results


@test("a queue of jobs: each is done once, in whichever worker, and none is left")
def job_queue(server):
    client = empty(server)

    def work(_):
        own, done = connect(server), []
        while (job := own.blmove("jobs", "running", 5, "RIGHT", "LEFT")) != "end":
            done.append(int(job))
            equal(own.lrem("running", 1, job), 1)
        own.lrem("running", 1, "end")
        return done

    def produce():
        for number in range(JOBS):
            client.lpush("jobs", number)
        for _ in range(WORKERS):
            client.lpush("jobs", "end")

    producer = threading.Thread(target=produce, daemon=True)
    producer.start()
    done = in_threads(WORKERS, work)
    producer.join(60)
    equal(sorted(sum(done, [])), list(range(JOBS)))
    equal(client.exists("jobs", "running"), 0)


@test("who waits for a list is woken in the order of coming")
def fair_waiting(server):
    client = empty(server)
    got = []

    def wait(index):
        got.append((index, connect(server).blpop("gate", 30)))

    threads = []
    for index in range(4):
        threads.append(threading.Thread(target=wait, args=(index,), daemon=True))
        threads[-1].start()
        waiting = index + 1
        eventually(lambda: client.info("clients")["blocked_clients"] == waiting)
    for index in range(4):
        client.rpush("gate", index)
        eventually(lambda: len(got) == index + 1)
    for thread in threads:
        thread.join(30)
    equal(got, [(i, ("gate", str(i))) for i in range(4)])


@test("a leaderboard: scores, ranks, a page around a player")
def leaderboard(server):
    client = empty(server)
    expected = {f"player:{i}": (i * 7919) % 10007 for i in range(3000)}
    for name, score in expected.items():
        client.zadd("board", {name: score // 2})
    with client.pipeline() as pipe:
        for name, score in expected.items():
            pipe.zincrby("board", score - score // 2, name)
        pipe.execute()
    order = sorted(expected, key=lambda name: (-expected[name], name))
    equal(client.zrevrange("board", 0, 9, withscores=True),
          [(name, float(expected[name])) for name in order[:10]])
    player = order[1234]
    rank = client.zrevrank("board", player)
    equal(rank, 1234)
    equal(client.zrevrange("board", rank - 2, rank + 2), order[1232:1237])
    low, high = 2000, 3000
    equal(client.zcount("board", low, f"({high}"),
          sum(low <= score < high for score in expected.values()))
    equal(client.zremrangebyrank("board", 0, -101), 2900)
    equal(client.zrevrange("board", 0, -1), order[:100])


@test("a session: fields of their own, counters, and fields that go after their time")
def session(server):
    server.need_command("HPEXPIRE")
    client = empty(server)
    client.hset("session", mapping={"user": "alice", "visits": 1, "token": "abc"})
    equal(client.hincrby("session", "visits", 2), 3)
    equal(client.execute_command("HPEXPIRE", "session", 60, "FIELDS", 1, "token"), [1])
    eventually(lambda: client.hlen("session") == 2)
    equal(client.hgetall("session"), {"user": "alice", "visits": "3"})
    equal(client.execute_command("HPEXPIRE", "session", 30, "FIELDS", 2, "user", "visits"), [1, 1])
    eventually(lambda: client.exists("session") == 0)


@test("tags: what carries all of them, what carries one of them, how many share them")
def tags(server):
    client = empty(server)
    red, round_ = set(range(0, 3000, 2)), set(range(0, 3000, 3))
    client.sadd("red", *red)
    client.sadd("round", *round_)
    equal(client.sinter("red", "round"), {str(i) for i in red & round_})
    equal(client.sunionstore("either", "red", "round"), len(red | round_))
    equal(client.sdiff("round", "red"), {str(i) for i in round_ - red})
    equal(client.execute_command("SINTERCARD", 2, "red", "round", "LIMIT", 10), 10)
    equal({int(member) for member in client.sscan_iter("either", count=50)}, red | round_)


@test("a stream with a group: every entry is acknowledged once, also those of one who died")
def stream_group(server):
    client = empty(server)
    client.xgroup_create("events", "workers", "0", mkstream=True)
    for number in range(JOBS):
        client.xadd("events", {"number": number})
    lost = client.xreadgroup("workers", "dead", {"events": ">"}, count=50)
    equal(len(lost[0][1]), 50)

    def work(index):
        own, done = connect(server), []
        while entries := own.xreadgroup("workers", f"worker-{index}", {"events": ">"}, count=20):
            for identity, fields in entries[0][1]:
                done.append(int(fields["number"]))
                equal(own.xack("events", "workers", identity), 1)
        return done

    done = sum(in_threads(WORKERS, work), [])
    equal(client.xpending("events", "workers")["pending"], 50)
    claimed = client.execute_command("XAUTOCLAIM", "events", "workers", "heir", 0, "0",
                                     "COUNT", 100)
    for identity, fields in claimed[1]:
        done.append(int(fields["number"]))
        client.xack("events", "workers", identity)
    equal(sorted(done), list(range(JOBS)))
    equal(client.xpending("events", "workers")["pending"], 0)
    equal(client.xtrim("events", maxlen=10, approximate=False), JOBS - 10)


@test("places: who is near, sorted by distance")
def places(server):
    client = empty(server)
    client.geoadd("cities", (13.361389, 38.115556, "Palermo", 15.087269, 37.502669, "Catania",
                             12.496366, 41.902782, "Rome"))
    equal(client.geosearch("cities", longitude=15, latitude=37, radius=200, unit="km", sort="ASC"),
          ["Catania", "Palermo"])
    equal(round(client.geodist("cities", "Palermo", "Catania", "km")), 166)


@test("visitors of a day, exactly in a bitmap and nearly in a HyperLogLog")
def visitors(server):
    client = empty(server)
    with client.pipeline() as pipe:
        for user in range(0, 30000, 3):
            pipe.setbit("seen", user, 1)
            pipe.pfadd("unique", f"user-{user}")
        pipe.execute()
    equal(client.bitcount("seen"), 10000)
    equal(client.bitpos("seen", 0), 1)
    counted = client.pfcount("unique")
    equal(abs(counted - 10000) < 300, True)


@test("all of it is there after a restart, and after a compaction and a restart")
def restart(server):
    client = empty(server)
    client.rpush("list", *range(5000))
    client.hset("hash", mapping={f"field:{i}": i for i in range(5000)})
    client.sadd("set", *[f"member:{i}" for i in range(5000)])
    client.zadd("zset", {f"member:{i}": i / 7 for i in range(5000)})
    for i in range(500):
        client.xadd("stream", {"i": i}, id=f"{i + 1}-1")
    client.xgroup_create("stream", "group", "0")
    client.xreadgroup("group", "me", {"stream": ">"}, count=7)
    message = ["XADD", "orders", "IDMP", "shop-1", "order-17", "*", "total", 5]
    order = client.execute_command(*message)

    def state(own):
        return (own.lrange("list", 0, -1), own.hgetall("hash"), own.smembers("set"),
                own.zrange("zset", 0, -1, withscores=True), own.xrange("stream"),
                [entry["message_id"]
                 for entry in own.xpending_range("stream", "group", "-", "+", 20)])

    expected = state(client)
    for compact in (False, True):
        if compact:
            client.bgrewriteaof()
            eventually(lambda: client.info("persistence")["aof_rewrite_in_progress"] == 0 and
                       client.info("persistence")["aof_rewrite_scheduled"] == 0)
        server.restart()
        client = connect(server)
        equal(state(client) == expected, True)
        equal(client.execute_command(*message), order)
        equal(client.xlen("orders"), 1)


run_tests()
