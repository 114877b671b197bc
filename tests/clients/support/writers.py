"""Clients whose every answer can be checked after a crash.

A Writer counts, appends unique words to a list, runs transactions of two keys, and replaces one
large value. It remembers up to where it was answered and up to where it may have sent; whatever a
recovered server holds must lie between the two, with no gap and no transaction by half."""

import time

from plain_client import Connection

KINDS = ("counter", "words", "pairs", "block")
IN_FLIGHT_MAX = {"counter": 3, "words": 1, "pairs": 1, "block": 1}  # sent and not yet answered
BLOCK_BYTES_MAX = 16384


def block(index):
    """The value of the large key after `index` changes: sizes vary, so that groups do."""
    return b"%d:" % index + b"x" * (index * 7919 % BLOCK_BYTES_MAX)


class Writer:
    """What one client wrote, and up to where it was answered."""

    def __init__(self, number, note=None):
        """`note(number, kind, count)` is called after each answer and before the next is sent."""
        self.number = number
        self.note = note
        self.answered = dict.fromkeys(KINDS, 0)
        self.sent = dict.fromkeys(KINDS, 0)

    def key(self, kind):
        return b"%s:%d" % (kind, self.number)

    def word(self, index):
        return b"<%d.%d>" % (self.number, index)

    def hear(self, kind, count):
        """For one who only hears of the answers: at most so much more was sent."""
        self.answered[kind] = count
        self.sent[kind] = count + IN_FLIGHT_MAX[kind]

    def hear_start(self):
        """Likewise: from now on some may be sent whose answer is never heard of."""
        for kind in KINDS:
            self.hear(kind, self.answered[kind])

    def on_answer(self, kind, count):
        self.answered[kind] = count
        if self.note:
            self.note(self.number, kind, count)

    def run(self, port, stop):
        try:
            connection = Connection(port)
            while not stop.is_set():
                self.count(connection)
                self.append(connection)
                self.transact(connection)
                self.replace(connection)
        except (ConnectionError, OSError):
            pass

    def count(self, connection):
        for _ in range(IN_FLIGHT_MAX["counter"]):  # a pipeline
            connection.send(b"INCR", self.key(b"counter"))
            self.sent["counter"] += 1
        for _ in range(IN_FLIGHT_MAX["counter"]):
            self.on_answer("counter", connection.read())

    def append(self, connection):
        self.sent["words"] += 1
        words = connection.ask(b"RPUSH", self.key(b"words"), self.word(self.sent["words"]))
        self.on_answer("words", words)

    def transact(self, connection):
        self.sent["pairs"] += 1
        for words in ((b"MULTI",), (b"INCR", self.key(b"left")), (b"INCR", self.key(b"right")),
                      (b"EXEC",)):
            connection.send(*words)
        for _ in range(4):
            reply = connection.read()
        assert reply[0] == reply[1], reply
        self.on_answer("pairs", reply[0])

    def replace(self, connection):
        self.sent["block"] += 1
        connection.ask(b"SET", self.key(b"block"), block(self.sent["block"]))
        self.on_answer("block", self.sent["block"])

    def adopt(self, ask):
        """Goes on from what a server holds; faults in it. `ask`: the reply to a command."""
        faults = []
        words = ask(b"LRANGE", self.key(b"words"), b"0", b"-1") or []
        if words != [self.word(index) for index in range(1, len(words) + 1)]:
            faults.append("words are missing or out of order")
        left, right = (int(ask(b"GET", self.key(side)) or 0) for side in (b"left", b"right"))
        if left != right:
            faults.append(f"half a transaction: {left} and {right}")
        value = ask(b"GET", self.key(b"block"))
        index = int(value.partition(b":")[0]) if value else 0
        if value and value != block(index):
            faults.append(f"block {index} is torn: {len(value)} bytes")
        counter = int(ask(b"GET", self.key(b"counter")) or 0)
        self.answered = dict(zip(KINDS, (counter, len(words), left, index)))
        self.sent = dict(self.answered)
        return faults

    def check(self, ask):
        """Faults in what a restarted server holds; goes on from there."""
        answered, sent = self.answered, self.sent
        faults = self.adopt(ask)
        for kind, found in self.answered.items():
            if not answered[kind] <= found <= sent[kind]:
                faults.append(f"{kind} at {found}, answered {answered[kind]}, sent {sent[kind]}")
        return faults


def compact(port, stop, pause_seconds=0.02):
    """Compacts again and again."""
    try:
        connection = Connection(port)
        while not stop.is_set():
            time.sleep(pause_seconds)
            try:
                connection.ask(b"BGREWRITEAOF")
            except AssertionError:
                pass  # one is in progress
    except (ConnectionError, OSError):
        pass


def check_all(port, writers):
    connection = Connection(port)
    return [f"writer {writer.number}: {fault}" for writer in writers
            for fault in writer.check(connection.ask)]
