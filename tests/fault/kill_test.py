#!/usr/bin/env python3
"""Row K: the server is killed 200 times at random moments, while clients count, append unique
words and run transactions, and the log is compacted. Nothing that was answered is lost, no word is
missing or out of order, no transaction is there by half. KILL_SEED repeats a run.

test-options: timeout=400
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
from writers import Writer, check_all, compact  # noqa: E402

KILLS = 200
WRITERS = 6
RUN_SECONDS = (0.02, 0.25)


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


def kill_often(seed):
    chance = random.Random(seed)
    writers = [Writer(number) for number in range(WRITERS)]
    compactions = 0
    with Server("--appendonly", "yes", "--auto-aof-rewrite-percentage", "0", "--aof-segment-size",
                "1mb") as server:
        for kill in range(KILLS):
            run_and_kill(server, writers, chance)
            server.start(server.port)
            faults = check_all(server.port, writers)
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
    report("every client wrote", all(writer.answered["counter"] > 100 for writer in writers))

    # The control: a history in which one more was answered than the server kept must be refused.
    writer = Writer(99)
    writer.answered.update(counter=5, words=2)
    writer.sent.update(counter=5, words=2)
    store = {b"counter:99": b"4", b"words:99": [b"<99.1>"], b"left:99": b"1"}
    faults = writer.check(lambda _, key, *rest: store.get(key))
    report("a lost answer, a lost word and half a transaction are caught",
           len([fault for fault in faults if "answered" in fault]) >= 2 and
           any("half" in fault for fault in faults), str(faults))


main()
