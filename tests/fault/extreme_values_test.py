#!/usr/bin/env python3
"""P1, P6 with extreme values: what hostile but legal commands left comes back from the log.

Random commands of all types with extreme arguments - limits of integers and doubles, IDs and
counters at their ends, names that the codec uses itself, rows around the limits of packed forms,
payloads of DUMP with changed bytes and a right checksum - while the limits of packed forms change.
Errors are welcome. After some of them, in turn: every key through DUMP and RESTORE; kill -9 and a
start from the log, from a new base of it, from dump.rdb alone. Each time all keys must be as
before: type, value, deadline, deadlines of fields, all that a stream knows of itself.

    extreme_values_test.py [--seed N] [--episodes N]    seed 0: one of chance

An episode is a server of its own; episode i has the seed N + i. HOLDFAST_TEST_LONG=1: 25 times as
many, of chance.

test-options: timeout=300
"""
import argparse
import glob
import os
import random
import shutil
import signal
import struct
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "clients", "support"))
sys.path.insert(0, os.path.join(HERE, "..", "difference", "support"))
from generate import Arguments, Generator, Grammar  # noqa: E402
from holdfast import Server  # noqa: E402
from plain_client import Connection, encode  # noqa: E402

TOOL = os.path.join(os.path.abspath(os.environ.get("HOLDFAST_BUILD", "build")), "holdfast-log")
GRAMMARS = sorted(glob.glob(os.path.join(HERE, "..", "difference", "grammar", "*.grammar")))
GRAMMARS.append(os.path.join(HERE, "support", "extreme.grammar"))
# Commands that only talk, that end what others left, and random ones that wait for ever.
LEFT_OUT = {"SUBSCRIBE", "PSUBSCRIBE", "SSUBSCRIBE", "UNSUBSCRIBE", "PUNSUBSCRIBE", "SUNSUBSCRIBE",
            "HELLO", "RESET", "CLIENT", "CONFIG", "AUTH", "MULTI", "EXEC", "DISCARD", "WATCH",
            "WAIT", "junk", "SLOWLOG", "LATENCY", "MEMORY", "COMMAND", "INFO", "PUBLISH",
            "SPUBLISH", "PUBSUB", "{FLUSHDB|FLUSHALL}", "KEYS", "SCAN", "TIME", "ROLE"}
DATABASES = 16
BATCH = 250  # commands
EPISODES = 16
EPISODES_LONG = 400
DEADLINES_SECONDS = 0.01  # then the short ones are over
ROUNDS = 8  # of an episode: some batches, then a check
DIFFERENCES_SHOWN = 3
COMMANDS_SHOWN = 12
BULK_MAX = 1 << 20  # bytes of the least proto-max-bulk-len

INTEGERS = [0, 1, -1, 2 ** 63 - 1, 2 ** 63 - 2, -2 ** 63, 1 - 2 ** 63, 2 ** 63, 2 ** 64 - 1,
            2 ** 64 - 2, 2 ** 31 - 1, 2 ** 31, -2 ** 31, 2 ** 32 - 1, 2 ** 32, 127, 128, -128, -129,
            255, 256, 4095, 4096, -4096, 8191, 32767, 32768, -32769, 8388607, -8388609, 2 ** 53 + 1]
DOUBLES = [b"inf", b"-inf", b"nan", b"-0", b"0", b"-0.0", b"1.7976931348623157e308",
           b"-1.7976931348623157e308", b"5e-324", b"-5e-324", b"2.2250738585072014e-308", b"0.1",
           b"9007199254740993", b"-9007199254740993", b"9223372036854775807", b"1e17", b"1e-7",
           b"123456789012345678901234567890", b"3.0000000000000004", b"1e400", b"1e-400"]
NAMES = [b"", b"\x00", b"\xff", b"\xfe\xff", b"\x00\xffnobody has it yet\xff\x00", b"\xfa",
         b"REDIS0011", b"#TS:1\r\n", b"*1\r\n$4\r\nPING\r\n", b"\r\n", b"-", b"+", b"$", b">", b"*",
         b"(", b"[", b"0-0", b"0", b"-0", b"00", b" 1", b"1\x00", b"value", b"\xf5\xff\x00\xc3"]
# Around where the length of a listpack's element, of a length of RDB and of a packed row changes.
LENGTHS = [62, 63, 64, 65, 127, 128, 255, 256, 4094, 4095, 4096, 4097, 16383, 16384]
LENGTHS_LARGE = [65535, 65536, 65537, 100000]
ROWS = [99, 100, 101, 127, 128, 129, 511, 512, 513, 600, 2050, 4095, 4096, 4097, 5000]
PARTS = [b"0", b"1", b"2", b"", b"\x00\xff\r\n", b"long" * 20]
IDS = [b"0-0", b"0-1", b"0", b"1-0", b"18446744073709551615-18446744073709551615",
       b"18446744073709551615-18446744073709551614", b"18446744073709551615-0",
       b"0-18446744073709551615", b"9223372036854775807-9223372036854775807",
       b"9223372036854775808-0", b"18446744073709551615", b"1-18446744073709551615"]
LIMITS = ["hash-max-listpack-entries", "hash-max-listpack-value", "set-max-intset-entries",
          "set-max-listpack-entries", "set-max-listpack-value", "zset-max-listpack-entries",
          "zset-max-listpack-value", "stream-node-max-bytes", "stream-node-max-entries"]
# Not hll-sparse-max-bytes: GET shows how a HyperLogLog is kept.
LIMIT_VALUES = ["0", "1", "2", "64", "128", "5000", "100000", "9223372036854775807"]
LIST_SIZES = ["-5", "-1", "0", "1", "3", "2147483647", "-2147483648"]
# Of which family of commands a key mostly is: keys of a family have a type, mostly.
FAMILIES = (("HGETDEL", b"h"), ("H", b"h"), ("X", b"x"), ("Z", b"z"), ("BZ", b"z"), ("GEO", b"z"),
            ("PF", b"p"), ("SORT", b"l"), ("SETBIT", b"s"), ("SETRANGE", b"s"), ("SETEX", b"s"),
            ("SETNX", b"s"), ("STRLEN", b"s"), ("SUBSTR", b"s"), ("SET", b"s"), ("SELECT", b"s"),
            ("S", b"m"), ("LCS", b"s"), ("L", b"l"), ("R", b"l"), ("BL", b"l"), ("BR", b"l"),
            ("BIT", b"s"), ("GET", b"s"), ("INCR", b"s"), ("DECR", b"s"), ("APPEND", b"s"),
            ("M", b"s"))
LETTERS = (b"h", b"x", b"z", b"p", b"s", b"m", b"l")
GENERAL = ("RENAME", "RANDOMKEY", "RESTORE", "MOVE")


def report(name, good, why=""):
    print(f"{'ok' if good else 'not ok'} - {name}" + (f"\n{why}" if why and not good else ""),
          flush=True)


# --- what is sent --------------------------------------------------------------------------------

class ExtremeArguments(Arguments):
    """Kinds as in the grammar of the difference test, with a share of extreme values."""

    def __init__(self, rng):
        super().__init__(rng)
        self.command = []  # as far as it is written

    def family(self):
        name = self.command[0].decode().upper()
        found = [letter for prefix, letter in FAMILIES if name.startswith(prefix)]
        if found and not name.startswith(GENERAL):
            return found[0]
        return self.command[1][:1] if len(self.command) > 1 else None  # as the key before

    def key(self):
        letter = self.family()
        if letter not in LETTERS or self.rng.random() < 0.02:
            letter = self.rng.choice(LETTERS)
        if self.rng.random() < 0.01:
            return self.rng.choice(NAMES)
        # What streams can do needs entries and groups: they are fewer.
        return letter + self.rng.choice(PARTS[:2] if self.rng.random() < 0.3 or
                                        letter == b"x" and self.rng.random() < 0.6 else PARTS)

    hllkey = lexkey = key

    def extreme(self):
        dice = self.rng.random()
        if dice < 0.4:
            return b"%d" % self.rng.choice(INTEGERS)
        if dice < 0.5:
            return self.rng.choice(DOUBLES)
        if dice < 0.8:
            return self.rng.choice(NAMES)
        length = self.rng.choice(LENGTHS if dice < 0.99 else LENGTHS_LARGE)
        return (self.rng.choice((b"x", b"\x00", b"ab")) * length)[:length] if dice < 0.9 else \
            self.rng.randbytes(length)

    def mostly(self, usual, share, extreme):
        return extreme() if self.rng.random() < share else usual()

    def whole(self):
        return self.most() if self.rng.random() < 0.3 else b"%d" % self.rng.choice(INTEGERS)

    def most(self):
        """Of what a counter can say."""
        return b"%d" % (2 ** 63 - self.rng.randint(1, 3))

    def value(self):
        return self.mostly(super().value, 0.5, self.extreme)

    def element(self):
        return self.mostly(super().element, 0.3, self.extreme)

    def member(self):
        return self.mostly(super().member, 0.25, self.extreme)

    def integer(self):
        return self.mostly(super().integer, 0.5, self.whole)

    def count(self):
        return self.mostly(super().count, 0.15, self.whole)

    def index(self):
        return self.mostly(super().index, 0.2, self.whole)

    def double(self):
        return self.rng.choice(DOUBLES)

    def score(self):
        return self.mostly(super().score, 0.4, self.double)

    def float(self):
        return self.mostly(super().float, 0.4, self.double)

    def metres(self):
        return self.mostly(super().metres, 0.5, lambda: self.rng.choice((b"30000", b"1e300")))

    def fieldvalue(self):
        return self.mostly(super().fieldvalue, 0.3, self.whole)

    def offset(self):
        return self.mostly(super().offset, 0.02, lambda: b"%d" % (BULK_MAX + 5))

    def id(self):
        return self.rng.choice(IDS)

    def streamid(self):
        return self.mostly(super().streamid, 0.2, self.id)

    def newid(self):
        return self.mostly(super().newid, 0.03, self.id)

    def group(self):
        return self.mostly(lambda: b"g1", 0.3, lambda: self.rng.choice(NAMES[:9]))

    def consumer(self):
        return self.mostly(super().consumer, 0.2, lambda: self.rng.choice(NAMES))

    def milliseconds(self):
        """Sometimes over before all keys are looked at."""
        return self.mostly(super().milliseconds, 0.05, lambda: b"1")

    def instant_ms(self):
        return self.mostly(super().instant_ms, 0.05, lambda: b"%d" % (time.time() * 1000 + 2))

    def lex(self):
        return self.mostly(super().lex, 0.2, lambda: self.rng.choice((b"[", b"(")) + self.member())


class ExtremeGenerator(Generator):
    """Commands of the grammar, long rows, payloads and limits."""

    def __init__(self, seed):
        super().__init__(Grammar(GRAMMARS, LEFT_OUT, ExtremeArguments), seed)

    def write(self, tree, command):
        self.arguments.command = command
        super().write(tree, command)

    def one(self):
        dice = self.rng.random()
        if dice < 0.005:
            return self.row()
        if dice < 0.015:
            return self.limit()
        command = self.next(may_be_mutated=False)
        waits = command[0].upper().startswith(b"B") and b"0.001" in command
        if dice > 0.95 and not waits:
            self.mutate(command)
        return command

    def row(self):
        """Many elements: around where a packed form ends."""
        rng = self.rng
        count = rng.choice(ROWS)
        begin = rng.choice((0, -count // 2, 2 ** 31 - 10, 2 ** 63 - count))
        length = rng.choice((0, 0, 0, 20, 61))
        elements = [(b"%d" % (begin + i)).ljust(length, b".") for i in range(count)]
        kind, words = rng.choice(((b"l", [b"RPUSH"]), (b"m", [b"SADD"]), (b"z", [b"ZADD"]),
                                  (b"h", [b"HSET"]), (b"x", [b"XADD", b"*"]), (b"p", [b"PFADD"])))
        words.insert(1, kind + rng.choice(PARTS))
        if kind in b"zhx":
            values = [self.arguments.double() if rng.random() < 0.1 else b"%d" % i
                      for i in range(count)]
            values = [b"7" if value in (b"nan", b"1e400") else value for value in values]
            pairs = zip(values, elements) if kind == b"z" else zip(elements, values)
            return words + [word for pair in pairs for word in pair]
        return words + elements

    def limit(self):
        name, value = random_limit(self.rng)
        return [b"CONFIG", b"SET", name.encode(), value.encode()]


def random_limit(rng):
    if rng.random() < 0.15:
        return "list-max-listpack-size", rng.choice(LIST_SIZES)
    return rng.choice(LIMITS), rng.choice(LIMIT_VALUES)


def checksum_table():
    table = []
    for number in range(256):
        for _ in range(8):
            number = number >> 1 ^ (0x95ac9329ac4bc9b5 if number & 1 else 0)
        table.append(number)
    return table


CHECKSUM_TABLE = checksum_table()


def damaged(payload, rng):
    """A payload of DUMP with a changed byte or two, and a checksum that is right again."""
    body = bytearray(payload[:-8])
    for _ in range(rng.randint(1, 2)):
        place = rng.randrange(len(body) - 2)
        body[place] = rng.choice((0, 1, 0x7f, 0x80, 0xff, body[place] ^ 1 << rng.randrange(8)))
    checksum = 0
    for byte in body:
        checksum = CHECKSUM_TABLE[(checksum ^ byte) & 0xff] ^ checksum >> 8
    return bytes(body) + struct.pack("<Q", checksum)


# --- what is there -------------------------------------------------------------------------------

def pipeline(connection, commands):
    connection.socket.sendall(b"".join(encode(*words) for words in commands))
    return [connection.read_reply() for _ in commands]


def without(flat, *names):
    """A map of RESP2 as a dict, without what is not kept or depends on how it is kept."""
    pairs = dict(zip(flat[::2], flat[1::2]))
    for name in names:
        pairs.pop(name, None)
    return pairs


PRODUCERS = (b"idmp-duration", b"idmp-maxsize")  # that DUMP has not


def stream_view(full):
    # Counted since the start only; and messages are forgotten as time goes.
    view = without(full, b"radix-tree-keys", b"radix-tree-nodes", b"iids-duplicates",
                   b"pids-tracked", b"iids-tracked", b"iids-added")
    producers = [view.pop(name, None) for name in PRODUCERS]
    view[b"groups"] = sorted((without(group) for group in view[b"groups"]),
                             key=lambda group: group[b"name"])
    for group in view[b"groups"]:
        group[b"consumers"] = sorted((without(one, b"seen-time", b"active-time")
                                      for one in group[b"consumers"]), key=lambda one: one[b"name"])
    return (str(view), producers)


def hash_view(connection, key, flat):
    fields = flat[::2]
    deadlines = connection.ask(b"HPEXPIRETIME", key, b"FIELDS", b"%d" % len(fields), *fields)
    return tuple(sorted(zip(fields, flat[1::2], deadlines)))


def zset_view(flat):
    """A packed score is never -0."""
    return tuple(b"0" if i % 2 and word == b"-0" else word for i, word in enumerate(flat))


ASK = {b"string": (b"GET",), b"list": (b"LRANGE", b"0", b"-1"), b"set": (b"SMEMBERS",),
       b"zset": (b"ZRANGE", b"0", b"-1", b"WITHSCORES"), b"hash": (b"HGETALL",)}


def view_of(connection, kind, key, reply):
    if kind == b"stream":
        return stream_view(reply)
    if kind == b"hash":
        return hash_view(connection, key, reply)
    if kind == b"zset":
        return zset_view(reply)
    if kind == b"string":
        return (reply,)
    return tuple(sorted(reply) if kind == b"set" else reply)


def question(kind, key):
    if kind == b"stream":
        return (b"XINFO", b"STREAM", key, b"FULL", b"COUNT", b"0")
    return (ASK[kind][0], key, *ASK[kind][1:])


def contents(port):
    """Every key of every database: (type, value, deadline)."""
    connection = Connection(port)
    found = {}
    for database in range(DATABASES):
        connection.ask(b"SELECT", b"%d" % database)
        keys = connection.ask(b"KEYS", b"*")
        kinds = pipeline(connection, [(b"TYPE", key) for key in keys])
        deadlines = pipeline(connection, [(b"PEXPIRETIME", key) for key in keys])
        replies = pipeline(connection, [question(*pair) for pair in zip(kinds, keys)])
        for key, kind, deadline, reply in zip(keys, kinds, deadlines, replies):
            found[database, key] = (kind, view_of(connection, kind, key, reply), deadline)
    return found


# --- an episode ----------------------------------------------------------------------------------

class Fault(Exception):
    """What was found; its text says it."""


def cut(value, length_max=700):
    text = str(value)
    return text if len(text) <= length_max else text[:length_max] + f"... ({len(text)})"


class Episode:
    """One server, one seed."""

    def __init__(self, server, seed):
        self.server, self.seed = server, seed
        self.rng = random.Random(seed)
        self.generator = ExtremeGenerator(seed)
        self.history = []
        self.payloads = []  # of keys that were, to be restored
        self.connection = None
        self.checks = [self.check_payloads, self.check_log, self.check_base, self.check_snapshot]

    def run(self):
        self.connection = Connection(self.server.port)
        for number in range(ROUNDS):
            for _ in range(self.rng.randint(1, 3)):
                self.batch()
            time.sleep(DEADLINES_SECONDS)
            self.checks[number % len(self.checks)]()

    def batch(self):
        commands = [self.generator.one() for _ in range(BATCH)]
        commands += [self.restore_again() for _ in range(4) if self.payloads]
        self.rng.shuffle(commands)
        commands = [[b"XGROUP", b"CREATE", b"x" + part, b"g1", b"0", b"MKSTREAM"]
                    for part in PARTS[:2]] + commands
        if self.rng.random() < 0.3:  # the walk goes on among the writes
            commands.insert(self.rng.randrange(BATCH // 2), [b"BGREWRITEAOF"])
        begin = self.rng.randrange(BATCH)
        commands.insert(begin, [b"MULTI"])
        commands.insert(begin + self.rng.randint(1, 12), [b"EXEC"])
        self.history += commands
        try:
            pipeline(self.connection, commands)
            pipeline(self.connection, [(b"SELECT", b"0")])
        except OSError as error:
            raise Fault(f"{error!r} while commands were answered") from error

    def restore_again(self):
        key, payload = self.rng.choice(self.payloads)
        if self.rng.random() < 0.8:
            payload = damaged(payload, self.rng)
        return [b"RESTORE", key, self.generator.arguments.milliseconds(), payload, b"REPLACE"]

    def compare(self, before, after, about):
        if before == after:
            return
        keys = [key for key in sorted(before.keys() | after.keys())
                if before.get(key) != after.get(key)]
        lines = [f"{about}: {len(keys)} of {len(before)} keys differ"]
        for key in keys[:DIFFERENCES_SHOWN]:
            lines += [f"  {key}:", *first_difference(before.get(key), after.get(key))]
            lines += [f"    sent: {cut(words, 300)}" for words in self.history
                      if key[1] in words[1:]][-COMMANDS_SHOWN:]
        raise Fault("\n".join(lines))

    # --- checks

    def check_payloads(self):
        """DUMP and RESTORE under another name; then that takes the place of the first."""
        before = contents(self.server.port)
        connection = Connection(self.server.port)
        for (database, key), (_, _, deadline) in sorted(before.items()):
            copy = b"copy of " + key
            connection.ask(b"SELECT", b"%d" % database)
            payload = connection.ask(b"DUMP", key)
            try:
                connection.ask(b"RESTORE", copy, b"%d" % max(deadline, 0), payload, b"ABSTTL",
                               b"REPLACE")
            except AssertionError as error:
                raise Fault(f"{database, key} is refused by RESTORE: {error}; "
                            f"DUMP: {cut(payload)}") from error
            connection.ask(b"RENAME", copy, key)
            if len(payload) < 2000:
                self.payloads = self.payloads[-200:] + [(key, payload)]
        self.compare(without_producers(before), without_producers(contents(self.server.port)),
                     "after DUMP and RESTORE")

    def restart(self, server, about):
        """With other limits than before: what is packed here was not, and the other way."""
        words = [word for _ in range(8) for word in random_limit(self.rng)]
        words = [f"--{word}" if i % 2 == 0 else word for i, word in enumerate(words)]
        server.config = server.config[:4] + words + ["--proto-max-bulk-len", f"{BULK_MAX}"]
        try:
            server.start()
        except RuntimeError as error:
            raise Fault(f"{about}: {error}") from error

    def check_log(self):
        before = contents(self.server.port)
        self.server.stop(signal.SIGKILL)
        folder = os.path.join(self.server.folder, "appendonlydir")
        found = subprocess.run([TOOL, "verify", folder], stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, check=False)
        if found.returncode != 0:
            raise Fault(f"holdfast-log verify: {cut(found.stdout.decode(errors='replace'))}")
        self.restart(self.server, "a start from the log")
        self.compare(before, contents(self.server.port), "after a start from the log")
        self.connection = Connection(self.server.port)
        self.connection.ask(b"CONFIG", b"SET", b"proto-max-bulk-len", b"512mb")

    def check_base(self):
        try:
            self.connection.ask(b"BGREWRITEAOF")
        except AssertionError:
            pass  # one goes on already
        info = b""
        while b"aof_rewrite_in_progress:0" not in info or b"aof_rewrite_scheduled:0" not in info:
            info = self.connection.ask(b"INFO", b"persistence")
        if b"aof_last_bgrewrite_status:ok" not in info:
            raise Fault("BGREWRITEAOF failed")
        self.check_log()

    def check_snapshot(self):
        self.connection.ask(b"SAVE")
        other = Server("--appendonly", "no", "--enable-debug-command", "yes")
        try:
            shutil.copy(os.path.join(self.server.folder, "dump.rdb"), other.folder)
            self.restart(other, "a start from dump.rdb")
            self.compare(contents(self.server.port), contents(other.port),
                         "after a start from dump.rdb")
        finally:
            other.__exit__()


def without_producers(found):
    return {key: (kind, value[:1] if kind == b"stream" else value, deadline)
            for key, (kind, value, deadline) in found.items()}


def first_difference(one, other):
    if one is None or other is None or one[0] != other[0] or one[2] != other[2]:
        return [f"    before: {cut(one)}", f"    after:  {cut(other)}"]
    place = next((i for i, pair in enumerate(zip(one[1], other[1])) if pair[0] != pair[1]),
                 min(len(one[1]), len(other[1])))
    parts = [str(value[1][place:place + 1]) for value in (one, other)]
    begin = max(0, len(os.path.commonprefix(parts)) - 200)
    return [f"    {one[0].decode()}, first difference at {place}, byte {begin}",
            f"    before: {cut(parts[0][begin:])}", f"    after:  {cut(parts[1][begin:])}"]


def run_episode(seed):
    """What was found, or None."""
    with Server("--appendonly", "yes", "--appendfsync", "always") as server:
        episode = Episode(server, seed)
        try:
            episode.run()
        except Fault as fault:
            return f"{fault}\nthe server's log ends:\n{server.log()[-9000:]}"
        except OSError as error:
            return f"{error!r}\nthe server's log ends:\n{server.log()[-9000:]}"
    return None


# --- the control ---------------------------------------------------------------------------------

MADE = [("SET", "s", "1"), ("RPUSH", "l", "a", "b"), ("SADD", "m", "a", "b"),
        ("ZADD", "z", "0.1", "a"), ("HSET", "h", "f", "v", "g", "w"),
        ("XADD", "x", "5-0", "f", "v"), ("XADD", "x", "6-0", "f", "v"),
        ("XGROUP", "CREATE", "x", "g", "0"),
        ("XREADGROUP", "GROUP", "g", "c", "COUNT", "1", "STREAMS", "x", ">")]
CHANGES = [("APPEND", "s", "0"), ("LSET", "l", "1", "c"), ("SREM", "m", "a"), ("DEL", "h"),
           ("ZADD", "z", "0.10000000000000002", "a"), ("HSET", "h", "g", "x"),
           ("PEXPIREAT", "s", "9000000000000"), ("MOVE", "s", "1"),
           ("HPEXPIREAT", "h", "9000000000000", "FIELDS", "1", "f"), ("XDEL", "x", "6-0"),
           ("XSETID", "x", "6-0", "ENTRIESADDED", "9"), ("XGROUP", "SETID", "x", "g", "6-0"),
           ("XGROUP", "CREATECONSUMER", "x", "g", "d"), ("XACK", "x", "g", "5-0"),
           ("XCLAIM", "x", "g", "c", "0", "5-0", "RETRYCOUNT", "7", "JUSTID")]


class Forgetful(Episode):
    """What it starts forgets one thing."""

    def restart(self, server, about):
        super().restart(server, about)
        Connection(server.port).ask(b"XACK", b"x", b"g", b"5-0")


def make(connection):
    connection.ask(b"FLUSHALL")
    for words in MADE:
        connection.ask(*(word.encode() for word in words))


def noticed(function, *arguments):
    try:
        function(*arguments)
    except Fault:
        return True
    return False


def control():
    """Each small change is noticed, and a start that forgets something."""
    with Server("--appendonly", "yes") as server:
        episode = Forgetful(server, 1)
        episode.connection = Connection(server.port)
        unnoticed = []
        for change in CHANGES:
            make(episode.connection)
            before = contents(server.port)
            episode.connection.ask(*(word.encode() for word in change))
            if not noticed(episode.compare, before, contents(server.port), "control"):
                unnoticed.append(change)
        report(f"control: each of {len(CHANGES)} small changes is noticed", not unnoticed,
               f"not noticed: {unnoticed}")
        for check in (episode.check_snapshot, episode.check_base, episode.check_log):
            episode.connection = Connection(server.port)
            make(episode.connection)
            report(f"control: {check.__name__} notices what a start forgot", noticed(check))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=20261126)
    parser.add_argument("--episodes", type=int, default=EPISODES)
    options = parser.parse_args()
    if os.environ.get("HOLDFAST_TEST_LONG") == "1":
        options.seed, options.episodes = 0, EPISODES_LONG
    seed = options.seed or random.SystemRandom().randrange(1, 2 ** 32)
    print(f"# seed {seed}", flush=True)
    control()
    for i in range(options.episodes):
        why = run_episode(seed + i)
        report(f"what extreme commands left comes back, episode {i}", why is None,
               f"again: tests/fault/extreme_values_test.py --seed {seed + i} --episodes 1\n{why}")


main()
