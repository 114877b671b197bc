#!/usr/bin/env python3
"""Row K: the server is killed 200 times at random moments, while clients count, append unique
words and run transactions, and the log is compacted. Nothing that was answered is lost, no word is
missing or out of order, no transaction is there by half. KILL_SEED repeats a run.

test-options: timeout=400, alone
"""
import os
import random
import signal
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "clients",
                                "support"))
from holdfast import Server  # noqa: E402
from plain_client import Connection  # noqa: E402

KILLS = 200
WRITERS = 6
RUN_SECONDS = (0.02, 0.25)


class Writer:
    """What one client wrote, and up to where it was answered."""

    def __init__(self, number):
        self.number = number
        self.counter = self.words = self.pairs = 0  # answered
        self.sent_counter = self.sent_words = self.sent_pairs = 0  # perhaps

    def key(self, kind):
        return b"%s:%d" % (kind, self.number)

    def word(self, index):
        return b"<%d.%d>" % (self.number, index)

    def run(self, port, stop):
        try:
            connection = Connection(port)
            while not stop.is_set():
                self.count(connection)
                self.append(connection)
                self.transact(connection)
        except (ConnectionError, OSError):
            pass

    def count(self, connection):
        for _ in range(3):  # a pipeline
            connection.send(b"INCR", self.key(b"counter"))
            self.sent_counter += 1
        for _ in range(3):
            self.counter = connection.read()

    def append(self, connection):
        self.sent_words += 1
        connection.ask(b"APPEND", self.key(b"words"), self.word(self.sent_words))
        self.words = self.sent_words

    def transact(self, connection):
        self.sent_pairs += 1
        for words in ((b"MULTI",), (b"INCR", self.key(b"left")), (b"INCR", self.key(b"right")),
                      (b"EXEC",)):
            connection.send(*words)
        for _ in range(4):
            reply = connection.read()
        assert reply[0] == reply[1], reply
        self.pairs = reply[0]

    def check(self, read):
        """Faults in what a restarted server holds; goes on from there."""
        faults = []
        counter = int(read(self.key(b"counter")) or 0)
        if not self.counter <= counter <= self.sent_counter:
            faults.append(f"counter {counter}, answered {self.counter}, sent {self.sent_counter}")
        text = read(self.key(b"words")) or b""
        words = text.count(b"<")
        if text != b"".join(self.word(index) for index in range(1, words + 1)):
            faults.append("words are missing or out of order")
        if not self.words <= words <= self.sent_words:
            faults.append(f"{words} words, answered {self.words}, sent {self.sent_words}")
        left, right = (int(read(self.key(side)) or 0) for side in (b"left", b"right"))
        if left != right:
            faults.append(f"half a transaction: {left} and {right}")
        if not self.pairs <= left <= self.sent_pairs:
            faults.append(f"{left} transactions, answered {self.pairs}, sent {self.sent_pairs}")
        self.counter = self.sent_counter = counter
        self.words = self.sent_words = words
        self.pairs = self.sent_pairs = left
        return faults


def compact(port, stop):
    try:
        connection = Connection(port)
        while not stop.is_set():
            time.sleep(0.02)
            try:
                connection.ask(b"BGREWRITEAOF")
            except AssertionError:
                pass  # one is in progress
    except (ConnectionError, OSError):
        pass


def run_and_kill(server, writers, chance):
    stop = threading.Event()
    threads = [threading.Thread(target=writer.run, args=(server.port, stop)) for writer in writers]
    threads.append(threading.Thread(target=compact, args=(server.port, stop)))
    for thread in threads:
        thread.start()
    time.sleep(chance.uniform(*RUN_SECONDS))
    server.stop(signal.SIGKILL)
    stop.set()
    for thread in threads:
        thread.join()


def check(server, writers):
    connection = Connection(server.port)
    faults = []
    for writer in writers:
        faults += [f"writer {writer.number}: {fault}" for fault in
                   writer.check(lambda key: connection.ask(b"GET", key))]
    return faults


def kill_often(seed):
    chance = random.Random(seed)
    writers = [Writer(number) for number in range(WRITERS)]
    compactions = 0
    with Server("--appendonly", "yes", "--auto-aof-rewrite-percentage", "0", "--aof-segment-size",
                "1mb") as server:
        for kill in range(KILLS):
            run_and_kill(server, writers, chance)
            server.start(server.port)
            faults = check(server, writers)
            if faults:
                return f"kill {kill + 1}: " + "; ".join(faults), writers, 0
            manifest = os.path.join(server.folder, "appendonlydir", "appendonly.aof.manifest")
            with open(manifest) as file:
                compactions += ".base.rdb" in file.read()
    return None, writers, compactions


def report(name, good, why=""):
    print(f"{'ok' if good else 'not ok'} - {name}" + (f"\n{why}" if why and not good else ""))


def main():
    seed = int(os.environ.get("KILL_SEED", random.randrange(1 << 32)))
    fault, writers, compactions = kill_often(seed)
    report(f"P1 after each of {KILLS} kills all that was answered is there", fault is None,
           f"KILL_SEED={seed}: {fault}")
    report("the log was compacted between the kills", compactions > KILLS // 2, str(compactions))
    report("every client wrote", all(writer.counter > 100 for writer in writers))

    # The control: a history in which one more was answered than the server kept must be refused.
    writer = Writer(99)
    writer.counter = writer.sent_counter = 5
    writer.words = writer.sent_words = 2
    store = {b"counter:99": b"4", b"words:99": b"<99.1>", b"left:99": b"1"}
    faults = Writer(99).check(store.get) + writer.check(store.get)
    report("a lost answer, a lost word and half a transaction are caught",
           len([fault for fault in faults if "answered" in fault]) >= 2 and
           any("half" in fault for fault in faults), str(faults))


main()
