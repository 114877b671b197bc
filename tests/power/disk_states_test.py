#!/usr/bin/env python3
"""Row D: what a disk may hold after a power cut. A guest runs the server under writers and
compaction while dm-log-writes records every write to its ext4, XFS or Btrfs. From the record come
states of the disk: what was certain at a flush, and with it any part of what was not, by whole
writes or by sectors. Each is recovered and loaded, and must hold all that was answered by then.

    disk_states_test.py [--states N | --seconds N] [--file-system NAME...]
                        states: so many on each; seconds: record after record for so long
                        POWER_SEED chooses which

test-options: timeout=600, soak
"""
import argparse
import collections
import concurrent.futures
import copy
import os
import random
import shutil
import signal
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "support"), os.path.join(HERE, "..", "clients", "support")]
from disk import Disk  # noqa: E402
from guest import CannotBoot, Guest, find_modules, make_file  # noqa: E402
from holdfast import server_program  # noqa: E402
from trial import History, add_options, check_disk, report, run_on_each  # noqa: E402
from write_log import apply, read_groups, some_of  # noqa: E402

LOAD_SECONDS = 4
LOG_MB = 2048  # sparse
STATES = {"ext4": 500, "xfs": 15, "btrfs": 15}  # by default; of a record, with --seconds
CONTROL_STATES = 30
ANSWERS_MIN = 200
SAID_MIN = ANSWERS_MIN + 100  # lines of a guest that had so many, and what it says before
CHECKERS = 2
KINDS = ("prefix", "writes", "sectors")
NAMES = ("P1 each state that a power cut may leave on a disk holds all that was answered",
         "the disk of a server that answers before its disk has the write is caught")


class Record:
    """A run of the server, write by write."""

    def __init__(self, folder, kind, fsync):
        os.makedirs(folder)
        self.folder, self.kind = folder, kind
        self.before = os.path.join(folder, "before")
        self.log = os.path.join(folder, "log")
        disk = Disk(os.path.join(folder, "disk"), kind)
        disk.make()
        copy_file(disk.path, self.before)
        make_file(self.log, LOG_MB)
        guest = Guest(folder, disk, self.log, server=server_program(), fsync=fsync)
        try:
            guest.wait_until("up")
            time.sleep(LOAD_SECONDS)
            while len(guest.said()) < SAID_MIN and not guest.has_ended():  # a busy machine
                time.sleep(0.1)
        finally:
            guest.cut()
        self.faults = [line for line in guest.said() if line.startswith("fault")]
        self.group_count = sum(1 for _ in read_groups(self.log))
        self.answers = 0

    def states(self, chance, count):
        """`count` of them, evenly over the groups from a random start: (name, disk, writers)."""
        history = History()
        share, start = count / max(self.group_count, 1), chance.random()
        path = os.path.join(self.folder, "certain")
        copy_file(self.before, path)
        for number, group in enumerate(read_groups(self.log)):
            history.hear_all(group.marks)
            wanted = int((number + 1) * share + start) - int(number * share + start)
            for turn in range(wanted):
                kind = KINDS[chance.randrange(3) if group.writes else 0]
                state = Disk(os.path.join(self.folder, f"state-{number}-{turn}"), self.kind)
                copy_file(path, state.path)
                if kind != "prefix":
                    torn_bytes = state.system.sector_bytes if kind == "sectors" else 0
                    with open(state.path, "r+b") as file:
                        apply(file, some_of(group.writes, chance, torn_bytes))
                yield f"{kind} {number}", state, copy.deepcopy(history.writers)
            with open(path, "r+b") as file:
                apply(file, group.writes)
        self.answers = history.answers


def copy_file(source, target):
    subprocess.run(["cp", "--sparse=always", source, target], check=True)


def check_state(name, disk, writers):
    try:
        return [f"{name}: {fault}" for fault in check_disk(disk, writers)[0]]
    finally:
        os.unlink(disk.path)


def check_states(record, chance, count):
    """(states checked, faults); ends after the first that has faults."""
    checked, faults, running = 0, list(record.faults), collections.deque()
    with concurrent.futures.ThreadPoolExecutor(CHECKERS) as pool:
        for state in record.states(chance, count):
            running.append(pool.submit(check_state, *state))
            checked += 1
            if len(running) > CHECKERS:
                faults += running.popleft().result()
            if faults:
                break
        for one in running:
            faults += one.result()
    return checked, faults


class Sums:
    """Of several records."""

    def __init__(self):
        self.records = self.states = self.groups = self.answers = 0
        self.faults = []

    def add_record(self, folder, kind, fsync, chance, count):
        """Runs the server and checks `count` states of its disk."""
        path = os.path.join(folder, "record")
        record = Record(path, kind, fsync)
        checked, faults = check_states(record, chance, count)
        shutil.rmtree(path)
        self.records += 1
        self.states += checked
        self.groups += record.group_count
        self.answers += record.answers
        self.faults += faults


def test_states(folder, kind, count, seconds, seed):
    """Of record after record until `seconds` have passed."""
    begin, chance, sums = time.monotonic(), random.Random(seed), Sums()
    while not sums.records or not sums.faults and time.monotonic() < begin + seconds:
        sums.add_record(folder, kind, "always", chance, count)
    print(f"# states on {kind}: {sums.states} in {time.monotonic() - begin:.0f} s, of "
          f"{sums.records} records, {sums.groups} groups of writes, {sums.answers} answers, "
          f"{len(sums.faults)} faults")
    report(f"{NAMES[0]} ({kind})", not sums.faults,
           f"POWER_SEED={seed}: " + "\n".join(sums.faults[:40]))
    report(f"the record is long enough ({kind})", sums.states >= sums.records * (count - 1) and
           sums.answers >= sums.records * ANSWERS_MIN,
           f"{sums.states} states, {sums.answers} answers")


def test_control(folder, kind, seed):
    """The same server, told to answer before its disk has the write."""
    sums = Sums()
    sums.add_record(folder, kind, "no", random.Random(seed), CONTROL_STATES)
    print(f"{kind}: control: {sums.states} states, {len(sums.faults)} faults, "
          f"such as: {(sums.faults or ['none'])[0]}")
    report(f"{NAMES[1]} ({kind})", any("answered" in fault for fault in sums.faults),
           "\n".join(sums.faults))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--states", type=int, default=0)
    add_options(parser)
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that the guest is ended, too
    seed = int(os.environ.get("POWER_SEED", random.randrange(1 << 32)))
    seconds = (options.seconds or 0) / len(options.kinds)

    def run(folder, kind):
        if not find_modules():
            raise CannotBoot("beside linux.uml there is no module dm-log-writes")
        test_states(folder, kind, options.states or STATES[kind], seconds, seed)
        test_control(folder, kind, seed)

    run_on_each(options.kinds, NAMES, run)


main()
