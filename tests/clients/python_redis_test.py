#!/usr/bin/python3
"""Realistic jobs done with Python's client, Debian's python3-redis.

test-options: timeout=240
"""

import os
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "support"))

from holdfast import Server, contains, equal, eventually, run_tests, test  # noqa: E402

try:
    import redis
except ImportError:
    print("not ok - python3-redis is installed\n  apt-get install python3-redis")
    sys.exit(1)

MEGABYTE = 1024 * 1024


def connect(server, **options):
    return redis.Redis(port=server.port, socket_timeout=60, **options)


def empty(server, **options):
    client = connect(server, **options)
    client.flushall()
    return client


def refused(call, text):
    """`call` must end with an error reply that begins with `text`."""
    try:
        result = call()
    except redis.RedisError as error:
        contains(str(error), text)
        return
    raise AssertionError(f"expected an error with {text!r}, the reply was {result!r}")


# --- cache, lock, rate limiter -------------------------------------------------------------------

@test("a cache answers from memory until the time of an entry is over")
def cache(server):
    client = empty(server)
    computed = []

    def price(name, seconds):
        if (found := client.get(f"price:{name}")) is not None:
            return int(found)
        computed.append(name)
        client.set(f"price:{name}", len(name) * 100, px=int(seconds * 1000))
        return len(name) * 100

    equal([price("apple", 60), price("apple", 60)], [500, 500])
    equal(computed, ["apple"])
    ttl = client.pttl("price:apple")
    if not 0 < ttl <= 60_000:
        raise AssertionError(f"the cached entry has {ttl} ms to live")
    equal(price("fig", 0.05), 300)
    eventually(lambda: client.get("price:fig") is None, about="the end of an entry of 50 ms")
    eventually(lambda: client.dbsize() == 1, about="the removal of the ended entry")
    equal(price("fig", 60), 300)
    equal(computed, ["apple", "fig", "fig"])
    equal(client.getex("price:fig", persist=True), b"300")
    equal(client.ttl("price:fig"), -1)


def release_by_watch(client, name, token):
    """Deletes the lock if it is still ours, where there is no single command for it."""
    with client.pipeline() as pipe:
        try:
            pipe.watch(name)
            if pipe.get(name) != token:
                return False
            pipe.multi()
            pipe.delete(name)
            return pipe.execute() == [1]
        except redis.WatchError:
            return False


def check_lock(server, release):
    client = empty(server)
    equal(client.set("lock", b"mine", nx=True, px=60_000), True)
    equal(client.set("lock", b"theirs", nx=True, px=60_000), None)
    equal(release(client, "lock", b"theirs"), False)
    equal(client.get("lock"), b"mine")
    equal(release(client, "lock", b"mine"), True)
    equal(client.exists("lock"), 0)
    # A lock whose time is over belongs to the next one, and its old owner cannot take it away.
    equal(client.set("lock", b"slow", nx=True, px=30), True)
    eventually(lambda: client.set("lock", b"next", nx=True, px=60_000), about="the end of the lock")
    equal(release(client, "lock", b"slow"), False)
    equal(client.get("lock"), b"next")


@test("a lock is taken with SET NX PX and released by its owner only, with WATCH")
def lock_with_watch(server):
    check_lock(server, release_by_watch)


@test("a lock is released by its owner only, with DELIFEQ and with DELEX")
def lock_with_compare(server):
    server.need_command("DELIFEQ")
    check_lock(server, lambda client, name, token:
               client.execute_command("DELIFEQ", name, token) == 1)
    check_lock(server, lambda client, name, token:
               client.execute_command("DELEX", name, "IFEQ", token) == 1)


@test("a lock is renewed by its owner only, with SET IFEQ")
def lock_renewed(server):
    server.need_command("DELIFEQ")
    client = empty(server)
    client.set("lock", "mine", px=60_000)
    equal(client.execute_command("SET", "lock", "theirs", "IFEQ", "theirs", "PX", 1), None)
    equal(client.execute_command("SET", "lock", "mine", "IFEQ", "mine", "PX", 120_000), True)
    if client.pttl("lock") <= 60_000:
        raise AssertionError("the lock's time was not renewed")
    equal(client.execute_command("SET", "lock", "new", "IFEQ", "mine", "GET", get=True), b"mine")
    equal(client.get("lock"), b"new")


def allowed(client, user, limit):
    """A fixed window: true for the first `limit` calls of a window of a minute."""
    with client.pipeline(transaction=True) as pipe:
        pipe.incr(f"rate:{user}")
        pipe.expire(f"rate:{user}", 60, nx=True)
        count, _ = pipe.execute()
    return count <= limit


@test("a rate limiter lets exactly its limit through, from eight threads at once")
def rate_limiter(server):
    client = empty(server)
    passed = []

    def visit():
        own = connect(server)
        for _ in range(40):
            if allowed(own, "visitor", 100):
                passed.append(1)

    threads = [threading.Thread(target=visit) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    equal(len(passed), 100)
    equal(client.get("rate:visitor"), b"320")
    if not 0 < client.ttl("rate:visitor") <= 60:
        raise AssertionError("the window has no end")


# --- messages ------------------------------------------------------------------------------------

def next_message(pubsub, seconds=20):
    """The next message, of whatever kind."""
    return eventually(lambda: pubsub.get_message(timeout=0.1), seconds, "a message")


@test("messages reach subscribers of channels and of patterns, in order")
def messages(server):
    client = connect(server)
    with client.pubsub() as pubsub:
        pubsub.subscribe("news")
        pubsub.psubscribe("weather.*")
        equal(next_message(pubsub)["type"], "subscribe")
        equal(next_message(pubsub)["type"], "psubscribe")
        equal(client.publish("news", "one"), 1)
        equal(client.publish("weather.coast", "rain"), 1)
        equal(client.publish("elsewhere", "nobody"), 0)
        equal(client.publish("news", b"\x00\xff"), 1)
        equal(next_message(pubsub)["data"], b"one")
        message = next_message(pubsub)
        equal((message["pattern"], message["channel"], message["data"]),
              (b"weather.*", b"weather.coast", b"rain"))
        equal(next_message(pubsub)["data"], b"\x00\xff")
        equal(client.pubsub_numsub("news", "none"), [(b"news", 1), (b"none", 0)])
        equal(client.pubsub_numpat(), 1)
        equal(client.pubsub_channels("n*"), [b"news"])
        pubsub.unsubscribe("news")
        equal(next_message(pubsub)["type"], "unsubscribe")
        equal(client.publish("news", "gone"), 0)
    eventually(lambda: client.pubsub_numpat() == 0, about="the end of the subscription")


@test("ten thousand messages reach each of five subscribers, none lost, none out of order")
def many_messages(server):
    client = connect(server)
    count, subscribers, received = 10_000, [], [[] for _ in range(5)]
    for _ in received:
        pubsub = connect(server).pubsub()
        pubsub.subscribe("flood")
        equal(next_message(pubsub)["type"], "subscribe")
        subscribers.append(pubsub)

    def listen(pubsub, messages):
        while len(messages) < count:
            if message := pubsub.get_message(timeout=10):
                messages.append(int(message["data"]))

    threads = [threading.Thread(target=listen, args=pair) for pair in zip(subscribers, received)]
    for thread in threads:
        thread.start()
    for begin in range(0, count, 500):
        with client.pipeline(transaction=False) as pipe:
            for i in range(begin, begin + 500):
                pipe.publish("flood", i)
            equal(pipe.execute(), [5] * 500)
    for thread in threads:
        thread.join()
    for messages in received:
        equal(messages, list(range(count)))


@test("a subscriber comes back with its channels after the server was restarted")
def resubscribes(server):
    with Server() as own:
        client = connect(own)
        pubsub = client.pubsub(ignore_subscribe_messages=True)
        pubsub.subscribe("news")
        pubsub.psubscribe("n?ws")
        eventually(lambda: pubsub.get_message(timeout=0.1) is None and pubsub.subscribed)
        own.restart()

        def heard():
            try:
                connect(own).publish("news", "after the restart")
                message = pubsub.get_message(timeout=0.2)
                return message and message["data"] == b"after the restart"
            except redis.ConnectionError:
                return False

        eventually(heard, about="a message after the restart")
        equal(client.pubsub_numsub("news"), [(b"news", 1)])
        pubsub.close()


def events_of(pubsub):
    """Keyspace events that have come, as "database event key", without the key-space half."""
    seen = []
    while message := pubsub.get_message(timeout=0.3):
        if message["type"] == "pmessage":
            channel = message["channel"].decode()
            if channel.startswith("__keyevent@"):
                seen.append(f"{channel[11:].replace('__:', ' ')} {message['data'].decode()}")
    return seen


@test("keyspace notifications tell what happens to keys")
def notifications(server):
    client = empty(server)
    equal(client.config_set("notify-keyspace-events", "KEAmn"), True)
    try:
        with client.pubsub() as pubsub:
            pubsub.psubscribe("__key*__:*")
            equal(next_message(pubsub)["type"], "psubscribe")
            client.set("a", 1)
            client.incr("a")
            client.append("a", "x")
            client.expire("a", 100)
            client.persist("a")
            client.rename("a", "b")
            client.get("missing")
            client.copy("b", "c")
            client.setrange("c", 5, "y")
            client.delete("b", "c")
            equal(events_of(pubsub), [
                "0 new a", "0 set a", "0 incrby a", "0 append a", "0 expire a", "0 persist a",
                "0 new b", "0 rename_from a", "0 rename_to b", "0 keymiss missing", "0 new c",
                "0 copy_to c", "0 setrange c", "0 del b", "0 del c"])
            client.set("short", 1, px=20)
            eventually(lambda: "0 expired short" in events_of(pubsub), about="the event of expiry")
    finally:
        client.config_set("notify-keyspace-events", "")


# --- tracking ------------------------------------------------------------------------------------

class TrackingCache:
    """Values read once are kept here until the server says by redirection that they changed."""

    def __init__(self, server, *options):
        self.listener = connect(server).pubsub()
        self.listener.subscribe("__redis__:invalidate")
        equal(next_message(self.listener)["type"], "subscribe")
        listener_id = self.find_listener(server)
        self.client = connect(server, single_connection_client=True)
        self.client.execute_command("CLIENT", "TRACKING", "ON", "REDIRECT", listener_id, *options)
        self.kept, self.asked = {}, 0

    def find_listener(self, server):
        clients = connect(server).client_list(_type="pubsub")
        return max(int(client["id"]) for client in clients)

    def get(self, key):
        if key not in self.kept:
            self.asked += 1
            self.kept[key] = self.client.get(key)
        return self.kept[key]

    def hear(self):
        while message := self.listener.get_message(timeout=0.2):
            if message["type"] == "message":
                for key in message["data"] or list(self.kept):
                    self.kept.pop(key, None)

    def close(self):
        self.listener.close()
        self.client.close()


@test("a client-side cache is told which of its keys changed, by redirection")
def tracking(server):
    client = empty(server)
    client.mset({"a": 1, "b": 2})
    cache = TrackingCache(server)
    equal([cache.get(b"a"), cache.get(b"b"), cache.get(b"a")], [b"1", b"2", b"1"])
    equal(cache.asked, 2)
    client.set("a", "new")
    eventually(lambda: cache.hear() or b"a" not in cache.kept, about="the invalidation of a")
    equal(sorted(cache.kept), [b"b"])
    equal(cache.get(b"a"), b"new")
    client.set("a", "newer")
    client.flushall()
    eventually(lambda: cache.hear() or not cache.kept, about="the invalidation of all")
    cache.close()


@test("a client-side cache in broadcast mode is told of every change under its prefix")
def tracking_broadcast(server):
    client = empty(server)
    cache = TrackingCache(server, "BCAST", "PREFIX", "user:")
    cache.kept = {b"user:1": b"old", b"other": b"old"}
    client.set("other", 1)
    client.set("user:1", 1)
    eventually(lambda: cache.hear() or b"user:1" not in cache.kept, about="the invalidation")
    equal(cache.kept, {b"other": b"old"})
    cache.close()


# --- sizes and bytes -----------------------------------------------------------------------------

@test("a value of 100 MB is written, read, appended to and cut into exactly")
def big_value(server):
    client = empty(server)
    value = os.urandom(MEGABYTE) * 100
    equal(client.set("big", value), True)
    equal(client.strlen("big"), len(value))
    if client.get("big") != value:
        raise AssertionError("the value read is not the value written")
    equal(client.append("big", b"tail"), len(value) + 4)
    equal(client.getrange("big", -10, -1), value[-6:] + b"tail")
    equal(client.setrange("big", 50 * MEGABYTE, b"middle"), len(value) + 4)
    half = 50 * MEGABYTE
    equal(client.getrange("big", half - 2, half + 7),
          value[half - 2:half] + b"middle" + value[half + 6:half + 8])
    equal(client.getdel("big")[-4:], b"tail")
    equal(client.dbsize(), 0)


@test("a pipeline of 100,000 commands is answered in order")
def long_pipeline(server):
    client = empty(server)
    with client.pipeline(transaction=False) as pipe:
        for i in range(50_000):
            pipe.set(f"key:{i}", i)
            pipe.get(f"key:{i // 2}")
        replies = pipe.execute()
    equal(len(replies), 100_000)
    for i in range(50_000):
        if replies[2 * i] is not True or replies[2 * i + 1] != str(i // 2).encode():
            raise AssertionError(f"replies to pair {i}: {replies[2 * i]!r}, {replies[2 * i + 1]!r}")
    equal(client.dbsize(), 50_000)


@test("a transaction of 20,000 commands runs as one")
def long_transaction(server):
    client = empty(server)
    with client.pipeline(transaction=True) as pipe:
        for _ in range(20_000):
            pipe.incr("counter")
        equal(pipe.execute(), list(range(1, 20_001)))


@test("keys and values keep every byte")
def binary_safe(server):
    client = empty(server)
    names = [bytes([byte]) for byte in range(256)]
    names += [b"", b"a\x00b", b"\r\n", b"$3\r\nfoo\r\n", b" x ", b"\xff" * 1000, b"[a]"]
    for name in names:
        equal(client.set(name, name + b"\x00value\r\n"), True)
    equal(client.dbsize(), len(names))
    for name in names:
        equal(client.get(name), name + b"\x00value\r\n")
    equal(sorted(client.keys()), sorted(names))
    equal(sorted(client.scan_iter(count=7)), sorted(names))
    equal(client.keys(rb"\*"), [b"*"])
    equal(client.keys(rb"\[a\]"), [b"[a]"])
    equal(client.delete(*names), len(names))


@test("text goes in and out as text when the client decodes replies")
def text(server):
    client = empty(server, decode_responses=True)
    client.set("grüße", "żółw 🐢")
    equal(client.get("grüße"), "żółw 🐢")
    equal(client.keys("gr*e"), ["grüße"])


# --- SCAN ----------------------------------------------------------------------------------------

@test("SCAN returns every key that was there all the time, while the table grows and shrinks")
def scan_while_writing(server):
    client = empty(server)
    lasting = {f"lasting:{i}".encode() for i in range(5_000)}
    with client.pipeline(transaction=False) as pipe:
        for key in lasting:
            pipe.set(key, 1)
        pipe.execute()
    stop, rounds = threading.Event(), []

    def churn():
        own = connect(server)
        while not stop.is_set():
            with own.pipeline(transaction=False) as pipe:
                for i in range(20_000):
                    pipe.set(f"passing:{i}", 1)
                pipe.execute()
            with own.pipeline(transaction=False) as pipe:
                for i in range(0, 20_000, 100):
                    pipe.delete(*(f"passing:{j}" for j in range(i, i + 100)))
                pipe.execute()
            rounds.append(1)

    thread = threading.Thread(target=churn)
    thread.start()
    try:
        for count in (10, 100, 1000) * 2:
            seen = set(client.scan_iter(count=count))
            missing = lasting - seen
            equal(sorted(missing)[:10], [], f"{len(missing)} keys missing at COUNT {count}")
    finally:
        stop.set()
        thread.join()
    if not rounds:
        raise AssertionError("nothing was written meanwhile")


@test("SCAN filters by pattern and by type and never returns what does not exist")
def scan_filters(server):
    client = empty(server)
    for i in range(300):
        client.set(f"user:{i}", i)
        client.set(f"order:{i}", i)
    equal(len(set(client.scan_iter("user:*"))), 300)
    equal(set(client.scan_iter("user:12?", count=5)), {f"user:12{i}".encode() for i in range(10)})
    equal(len(set(client.scan_iter(_type="string"))), 600)
    equal(list(client.scan_iter(_type="hash")), [])
    equal(list(client.scan_iter("nothing*")), [])
    for name in client.scan_iter(count=10):
        client.delete(name)
    equal(client.dbsize(), 0)


# --- what clients ask and administrators do ------------------------------------------------------

@test("INFO, CLIENT LIST, CONFIG, SLOWLOG, COMMAND and MEMORY are understood by the client")
def introspection(server):
    client = empty(server, client_name="inspector")
    info = client.info()
    equal(info["redis_mode"], "standalone")
    equal(info["tcp_port"], server.port)
    equal(info["role"], "master")
    for field in ("redis_version", "process_id", "uptime_in_seconds", "connected_clients",
                  "used_memory", "used_memory_human", "maxmemory", "total_commands_processed",
                  "keyspace_hits", "expired_keys", "evicted_keys", "instantaneous_ops_per_sec",
                  "loading", "run_id"):
        contains(info, field)
    client.set("a", 1, ex=100)
    client.select(3)
    client.set("b", 1)
    client.select(0)
    keyspace = client.info("keyspace")
    equal((keyspace["db0"]["keys"], keyspace["db0"]["expires"]), (1, 1))
    equal((keyspace["db3"]["keys"], keyspace["db3"]["expires"]), (1, 0))
    contains([entry["name"] for entry in client.client_list()], "inspector")
    own = connect(server, single_connection_client=True)
    own.client_setname("me")
    equal(own.client_getname(), "me")
    contains([entry["id"] for entry in own.client_list()], str(own.client_id()))
    equal(client.config_get("maxclients"), {"maxclients": "10000"})
    equal(client.config_set("slowlog-log-slower-than", 0), True)
    client.set("slow", "x")
    client.config_set("slowlog-log-slower-than", 10_000)
    contains([entry["command"] for entry in client.slowlog_get(128)], b"SET slow x")
    equal(client.slowlog_reset(), True)
    commands = client.command()
    equal(commands["get"]["arity"], 2)
    contains(commands["set"]["flags"], "write")
    equal(client.command_getkeys("MSET", "a", 1, "b", 2), ["a", "b"])
    if not 20 < client.memory_usage("slow") < 200:
        raise AssertionError("memory of a small key")
    seconds, microseconds = client.time()
    if abs(seconds - time.time()) > 5 or not 0 <= microseconds < 1_000_000:
        raise AssertionError(f"TIME is {seconds}.{microseconds:06d}, the clock says {time.time()}")


@test("errors of the server become the client's exceptions, inside a transaction too")
def errors(server):
    client = empty(server)
    client.set("word", "x")
    refused(lambda: client.incr("word"), "value is not an integer or out of range")
    refused(lambda: client.execute_command("GET"), "wrong number of arguments for 'get' command")
    refused(lambda: client.execute_command("NOSUCH", "a"), "unknown command 'NOSUCH'")
    refused(lambda: client.expire("word", 2 ** 63), "value is not an integer or out of range")
    refused(lambda: client.setrange("word", 2 ** 30, "x"), "string exceeds maximum allowed size")
    refused(lambda: client.rename("none", "other"), "no such key")
    with client.pipeline() as pipe:
        pipe.set("a", 1)
        pipe.incr("word")
        pipe.set("b", 2)
        replies = pipe.execute(raise_on_error=False)
    equal([replies[0], replies[2]], [True, True])
    contains(str(replies[1]), "not an integer")
    with client.pipeline() as pipe:
        pipe.set("a", "never")
        pipe.execute_command("SET", "b")
        refused(pipe.execute, "wrong number of arguments for 'set' command")
    equal(client.mget("a", "b"), [b"1", b"2"])


@test("a password keeps out who does not know it")
def password(server):
    with Server("--requirepass", "open sesame") as own:
        refused(lambda: connect(own).get("a"), "Authentication required")
        refused(lambda: connect(own, password="guess").get("a"),
                "invalid username-password pair or user is disabled")
        client = connect(own, password="open sesame")
        equal(client.set("a", 1), True)
        equal(connect(own, username="default", password="open sesame").get("a"), b"1")
        client.config_set("requirepass", "")
        equal(connect(own).get("a"), b"1")


@test("a Unix socket has the mode that was asked for and serves like TCP")
def unix_socket(server):
    path = os.path.join(server.folder, "unix.sock")
    with Server("--unixsocket", path, "--unixsocketperm", "700"):
        equal(oct(os.stat(path).st_mode & 0o777), oct(0o700))
        client = redis.Redis(unix_socket_path=path, socket_timeout=60)
        equal(client.set("a", b"x" * MEGABYTE), True)
        equal(client.strlen("a"), MEGABYTE)
    eventually(lambda: not os.path.exists(path), about="the removal of the socket")


@test("a pool of connections serves thirty threads")
def pool(server):
    client = empty(server)
    failures = []

    def work(number):
        try:
            for i in range(100):
                client.set(f"{number}:{i}", i)
                equal(client.get(f"{number}:{i}"), str(i).encode())
                client.incr("total")
        except Exception as error:  # reported by the main thread
            failures.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(30)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    equal(failures, [])
    equal(client.get("total"), b"3000")
    equal(client.dbsize(), 3001)


@test("MONITOR shows what others do")
def monitor(server):
    client = empty(server)
    with client.monitor() as monitor:
        client.set("watched", 'quo"te\n')
        seen = eventually(lambda: (lambda line: line if "watched" in line["command"] else None)(
            monitor.next_command()), about="the command")
        equal(seen["db"], 0)
        equal(seen["command"], 'SET watched quo"te\\n')


@test("databases are separate, and keys move, copy and swap between them")
def databases(server):
    zero, one = empty(server), connect(server, db=1)
    zero.set("a", "zero")
    equal(one.get("a"), None)
    equal(zero.move("a", 1), True)
    equal(one.get("a"), b"zero")
    equal(one.copy("a", "b", destination_db=0), True)
    equal(zero.get("b"), b"zero")
    equal(zero.swapdb(0, 1), True)
    equal((zero.get("a"), one.get("b")), (b"zero", b"zero"))
    one.flushdb()
    equal((zero.dbsize(), one.dbsize()), (1, 0))


run_tests()
