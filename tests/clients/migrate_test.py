#!/usr/bin/python3
"""MIGRATE: keys move between servers, Holdfast and redis-server; none is lost on the way."""
import os
import socket
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "support"))
from holdfast import Server, Skip, contains, equal, eventually, free_port, run_tests  # noqa: E402
from holdfast import test  # noqa: E402

try:
    import redis
except ImportError:
    redis = None

HOST = "127.0.0.1"


def connect(server, **options):
    if redis is None:
        raise RuntimeError("python3-redis is not installed")
    return redis.Redis(port=server.port, decode_responses=True, **options)


def migrate(client, port, *words, timeout=5000, database=0, key=""):
    return client.execute_command("MIGRATE", HOST, port, key, database, timeout, *words)


def refusal(client, port, *words, **options):
    try:
        return f"no refusal but {migrate(client, port, *words, **options)}"
    except redis.ResponseError as error:
        return str(error)


def fill(client):
    client.flushall()
    client.set("text", "a" * 1000, px=600000)
    client.rpush("list", *range(1000))
    client.hset("hash", mapping={f"field:{i}": i for i in range(1000)})
    client.zadd("zset", {f"member:{i}": i for i in range(1000)})
    client.sadd("set", *range(1000))
    client.xadd("stream", {"a": 1}, id="5-1")
    return ["text", "list", "hash", "zset", "set", "stream"]


def state(client):
    return (client.get("text"), client.lrange("list", 0, -1), client.hgetall("hash"),
            client.zrange("zset", 0, -1, withscores=True), client.smembers("set"),
            client.xrange("stream"))


def there_and_back(server, other):
    here, there = connect(server), connect(other, password="secret", db=3)
    keys = fill(here)
    there.flushall()
    expected = state(here)
    equal(migrate(here, other.port, "AUTH", "secret", "KEYS", *keys, database=3), "OK")
    equal(here.dbsize(), 0, "keys that stayed")
    equal(state(there) == expected, True, "all arrived as it was")
    equal(500000 < there.pttl("text") <= 600000, True, "the deadline")
    equal(migrate(there, server.port, "KEYS", *keys), "OK")
    equal(there.dbsize(), 0, "keys that stayed there")
    equal(state(here) == expected, True, "all came back as it was")


@test("keys of every type move to redis-server and back")
def _(server):
    with Server("--requirepass", "secret", program="/usr/bin/redis-server") as other:
        there_and_back(server, other)


@test("keys of every type move to a server of the same kind and back")
def _(server):
    with Server("--requirepass", "secret") as other:
        there_and_back(server, other)


@test("COPY leaves a key where it is, REPLACE takes the place of one, else it stays")
def _(server):
    with Server() as other:
        here, there = connect(server), connect(other)
        here.flushall()
        here.mset({"a": 1, "b": 2})
        equal(migrate(here, other.port, "COPY", key="a"), "OK")
        equal((here.get("a"), there.get("a")), ("1", "1"))
        here.set("a", 3)
        contains(refusal(here, other.port, "KEYS", "a", "b"),
                 "Target instance replied with error: BUSYKEY")
        equal((here.get("a"), there.get("a")), ("3", "1"))
        equal((here.get("b"), there.get("b")), (None, "2"))
        equal(migrate(here, other.port, "REPLACE", "KEYS", "a", "nothing"), "OK")
        equal((here.get("a"), there.get("a")), (None, "3"))
        equal(migrate(here, other.port, key="a"), "NOKEY")


@test("what cannot arrive stays")
def _(server):
    here = connect(server)
    here.flushall()
    here.set("a", 1)
    contains(refusal(here, free_port(), key="a"), "IOERR error or timeout")
    with Server("--requirepass", "secret") as other:
        there = connect(other, password="secret")
        contains(refusal(here, other.port, key="a"), "NOAUTH")
        contains(refusal(here, other.port, "AUTH", "wrong", key="a"), "WRONGPASS")
        contains(refusal(here, other.port, "AUTH", "secret", key="a", database=99),
                 "DB index is out of range")
        contains(refusal(here, other.port, "KEYS", "a", key="a"), "must be set to the empty string")
        if not server.is_reference():  # it sends the keys without waiting for SELECT
            equal(there.dbsize(), 0, "keys that went astray")
    equal(here.get("a"), "1")


@test("a key that goes to where it is stays")
def _(server):
    here = connect(server)
    here.flushall()
    here.mset({"a": 1, "b": 2})
    contains(refusal(here, server.port, "REPLACE", "KEYS", "a", "b", timeout=500), "IOERR")
    equal(here.mget("a", "b"), ["1", "2"])


class Silent:
    """Takes connections, and answers when it is told to."""

    def __init__(self):
        self.listener = socket.create_server((HOST, 0))
        self.port = self.listener.getsockname()[1]

    def answer(self, *answers):
        """One answer for each piece that comes."""
        peer, _ = self.listener.accept()
        for answer in answers:
            peer.recv(1 << 20)
            peer.sendall(answer)
        return peer


def migrate_aside(client, port, out, **options):
    thread = threading.Thread(target=lambda: out.append(refusal(client, port, **options)))
    thread.start()
    return thread


@test("nobody else waits while a key is on its way, and a key that changes stays")
def _(server):
    if server.is_reference():
        raise Skip("Redis stands still until MIGRATE is done")
    here, other, silent, answers = connect(server), connect(server), Silent(), []
    here.flushall()
    here.mset({"a": 1, "b": 1})
    thread = migrate_aside(here, silent.port, answers, key="a", timeout=20000)
    eventually(lambda: other.info("clients")["blocked_clients"] == 1, about="a waiting client")
    equal(other.get("a"), "1")
    other.set("a", 2)
    silent.answer(b"+OK\r\n", b"+OK\r\n")
    thread.join()
    contains(answers[0], "1 keys were changed on their way and stay here, too")
    equal(other.get("a"), "2")
    thread = migrate_aside(here, silent.port, answers, key="b", timeout=300)
    thread.join()
    contains(answers[1], "IOERR error or timeout reading to target instance")
    equal(other.get("b"), "1")


@test("a client that goes while its key is on its way takes nothing along")
def _(server):
    if server.is_reference():
        raise Skip("Redis stands still until MIGRATE is done")
    here, silent = connect(server), Silent()
    here.flushall()
    here.set("a", 1)
    with socket.create_connection((HOST, server.port)) as client:
        client.sendall(f"MIGRATE {HOST} {silent.port} a 0 20000\r\n".encode())
        eventually(lambda: here.info("clients")["blocked_clients"] == 1, about="a waiting client")
    eventually(lambda: here.info("clients")["blocked_clients"] == 0, about="its end")
    silent.answer(b"+OK\r\n", b"+OK\r\n")
    equal(here.get("a"), "1")


@test("a server ends although a key is on its way, and has it after a restart")
def _(server):
    if server.is_reference():
        raise Skip("Redis stands still until MIGRATE is done")
    silent = Silent()
    with Server() as other:
        client = connect(other)
        client.set("a", 1)
        with socket.create_connection((HOST, other.port)) as waiting:
            waiting.sendall(f"MIGRATE {HOST} {silent.port} a 0 3600000\r\n".encode())
            eventually(lambda: client.info("clients")["blocked_clients"] == 1,
                       about="a waiting client")
            equal(other.stop(), 0, "exit status")
            other.start(other.port)
        equal(connect(other).get("a"), "1")


@test("a key that has moved is not there after a kill -9 and a restart")
def _(server):
    with Server() as other, Server("--appendonly", "yes", "--appendfsync", "always") as durable:
        client = connect(durable)
        client.mset({"a": 1, "b": 2})
        equal(migrate(client, other.port, key="a"), "OK")
        durable.restart()
        client = connect(durable)
        equal((client.get("a"), client.get("b")), (None, "2"))


run_tests()
