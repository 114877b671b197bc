#!/usr/bin/env python3
"""Row D: what a disk may hold after a power cut. A guest runs the server under writers and
compaction while dm-log-writes records every write to its ext4. From the record come states of the
disk: what was certain at a flush, and with it any part of what was not, by whole writes or by
sectors of 512 bytes. Each is recovered and loaded, and must hold all that was answered by then.

    disk_states_test.py [--states N]    about so many; POWER_SEED chooses which

test-options: timeout=300, alone
"""
import argparse
import collections
import concurrent.futures
import copy
import os
import random
import signal
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "support"), os.path.join(HERE, "..", "clients", "support")]
from guest import CannotBoot, Disk, Guest, find_modules, make_file  # noqa: E402
from holdfast import server_program  # noqa: E402
from trial import History, check_disk, report, run_in_folder  # noqa: E402
from write_log import apply, read_groups, some_of  # noqa: E402

LOAD_SECONDS = 4
LOG_MB = 2048  # sparse
STATES = 150
CONTROL_STATES = 30
ANSWERS_MIN = 200
CHECKERS = 2
KINDS = ("prefix", "writes", "sectors")
NAMES = ("P1 each state that a power cut may leave on a disk holds all that was answered",
         "the disk of a server that answers before its disk has the write is caught")


class Record:
    """A run of the server, write by write."""

    def __init__(self, folder, fsync):
        os.makedirs(folder)
        self.folder = folder
        self.before = os.path.join(folder, "before")
        self.log = os.path.join(folder, "log")
        disk = Disk(os.path.join(folder, "disk"))
        disk.make()
        copy_file(disk.path, self.before)
        make_file(self.log, LOG_MB)
        guest = Guest(folder, disk, server_program(), fsync, self.log)
        try:
            guest.wait_until("up")
            time.sleep(LOAD_SECONDS)
        finally:
            guest.cut()
        self.faults = [line for line in guest.said() if line.startswith("fault")]
        self.group_count = sum(1 for _ in read_groups(self.log))
        self.answers = 0

    def states(self, chance, count):
        """About `count` of them: (name, disk, writers)."""
        history = History()
        share = count / max(self.group_count, 1)
        path = os.path.join(self.folder, "certain")
        copy_file(self.before, path)
        for number, group in enumerate(read_groups(self.log)):
            history.hear_all(group.marks)
            wanted = int(share) + (chance.random() < share % 1)
            for turn in range(wanted):
                kind = KINDS[chance.randrange(3) if group.writes else 0]
                state = Disk(os.path.join(self.folder, f"state-{number}-{turn}"))
                copy_file(path, state.path)
                if kind != "prefix":
                    with open(state.path, "r+b") as file:
                        apply(file, some_of(group.writes, chance, kind == "sectors"))
                yield f"{kind} {number}", state, copy.deepcopy(history.writers)
            with open(path, "r+b") as file:
                apply(file, group.writes)
        self.answers = history.answers


def copy_file(source, target):
    subprocess.run(["cp", "--sparse=always", source, target], check=True)


def check_state(name, disk, writers):
    try:
        faults = disk.recover()
        return [f"{name}: {fault}" for fault in faults + check_disk(disk, writers)[0]]
    finally:
        os.unlink(disk.path)


def check_states(record, chance, count):
    """(states checked, faults)"""
    checked, faults, running = 0, list(record.faults), collections.deque()
    with concurrent.futures.ThreadPoolExecutor(CHECKERS) as pool:
        for state in record.states(chance, count):
            running.append(pool.submit(check_state, *state))
            checked += 1
            if len(running) > CHECKERS:
                faults += running.popleft().result()
        for one in running:
            faults += one.result()
    return checked, faults


def test_states(folder, states, seed):
    begin = time.monotonic()
    record = Record(os.path.join(folder, "kept"), "always")
    checked, faults = check_states(record, random.Random(seed), states)
    print(f"{checked} states of {record.group_count} groups of writes and {record.answers} answers "
          f"in {time.monotonic() - begin:.0f} s; {len(faults)} faults")
    report(NAMES[0], not faults, f"POWER_SEED={seed}: " + "\n".join(faults[:40]))
    report("the record is long enough", checked >= states // 2 and record.answers >= ANSWERS_MIN,
           f"{checked} states, {record.answers} answers")


def test_control(folder, seed):
    """The same server, told to answer before its disk has the write."""
    record = Record(os.path.join(folder, "control"), "no")
    checked, faults = check_states(record, random.Random(seed), CONTROL_STATES)
    print(f"control: {checked} states, {len(faults)} faults, such as: {(faults or ['none'])[0]}")
    report(NAMES[1], any("answered" in fault for fault in faults), "\n".join(faults))


def run(folder, states, seed):
    if not find_modules():
        raise CannotBoot("beside linux.uml there is no module dm-log-writes")
    test_states(folder, states, seed)
    test_control(folder, seed)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--states", type=int, default=STATES)
    states = parser.parse_args().states
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that the guest is ended, too
    seed = int(os.environ.get("POWER_SEED", random.randrange(1 << 32)))
    run_in_folder(NAMES, lambda folder: run(folder, states, seed))


main()
