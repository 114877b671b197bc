#!/usr/bin/env python3
"""Row P: real power cuts. A guest of User-Mode Linux runs the server on its own ext4, XFS or
Btrfs, under writers and compaction; it is killed at random times, in recovery, too. The disk is
recovered, a server here loads what it has: nothing that was answered is lost, no word is missing or
out of order, no transaction is there by half. Then the guest goes on from the same disk.

    power_cut_test.py [--cuts N | --seconds N] [--file-system NAME...]    cuts: on each of them
                      POWER_SEED chooses the moments

test-options: timeout=600, soak
"""
import argparse
import concurrent.futures
import os
import random
import signal
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "support"), os.path.join(HERE, "..", "clients", "support")]
from disk import Disk  # noqa: E402
from guest import Guest  # noqa: E402
from holdfast import server_program  # noqa: E402
from trial import History, add_options, check_disk, report, run_on_each  # noqa: E402

GUESTS = 2  # at a time: most of a cut's time is waiting for the boot
CUTS = 18  # on each file system, without --cuts and --seconds
CUTS_MIN = 5  # of each guest with --seconds, however slow the machine is
LOAD_SECONDS = (0.02, 1.0)
RECOVERY_SECONDS = (0.0, 0.3)
RECOVERY_SHARE = 0.15  # of the cuts come while the server starts
CONTROL_CUTS_MAX = 15
NAMES = ("P1 after each power cut all that was answered is there",
         "a server that answers before its disk has the write is caught")


class Trial:
    """A disk that lives through cut after cut, and what the writers were told."""

    def __init__(self, folder, kind, chance, fsync):
        self.folder, self.chance, self.fsync = folder, chance, fsync
        os.makedirs(folder)
        self.disk = Disk(os.path.join(folder, "disk"), kind)
        self.disk.make()
        self.history = History()
        self.bases = set()  # of the log, seen after cuts: a compaction makes a new one
        self.cuts = self.cuts_in_recovery = 0

    def cut(self):
        """Boots, cuts, recovers, checks. Faults."""
        guest = Guest(self.folder, self.disk, server=server_program(), fsync=self.fsync)
        try:
            if self.cuts and self.chance.random() < RECOVERY_SHARE:
                self.cuts_in_recovery += 1
                guest.wait_until("mounted")
                time.sleep(self.chance.uniform(*RECOVERY_SECONDS))
            else:
                guest.wait_until("up")
                time.sleep(self.chance.uniform(*LOAD_SECONDS))
        finally:
            guest.cut()
        self.cuts += 1
        faults = self.history.hear_all(guest.said())
        found, base = check_disk(self.disk, self.history.writers)
        self.bases.add(base)
        return faults + found


STOP = threading.Event()


def cut_often(trial, cuts, seconds=0):
    """At least so many cuts and for so long, or until a cut has faults, which are returned."""
    deadline = time.monotonic() + seconds
    while not STOP.is_set() and (trial.cuts < cuts or time.monotonic() < deadline):
        faults = trial.cut()
        if faults:
            return faults
    return []


def test_what_is_kept(folder, kind, cuts, seconds, seed):
    """`cuts`: so many; if 0, as many as fit the time."""
    begin = time.monotonic()
    trials = [Trial(os.path.join(folder, f"kept-{number}"), kind, random.Random(seed + number),
                    "always") for number in range(GUESTS)]
    limits = (-(-cuts // GUESTS), 0) if cuts else (CUTS_MIN, seconds)
    with concurrent.futures.ThreadPoolExecutor(GUESTS) as pool:
        faults = [fault for trial, found in zip(trials, pool.map(
                      lambda trial: cut_often(trial, *limits), trials))
                  for fault in [f"disk {trial.folder}, cut {trial.cuts}: {text}" for text in found]]
    cuts = sum(trial.cuts for trial in trials)
    in_recovery = sum(trial.cuts_in_recovery for trial in trials)
    answers = sum(trial.history.answers for trial in trials)
    compacted = sum(len(trial.bases) for trial in trials)
    print(f"# cuts on {kind}: {cuts} in {time.monotonic() - begin:.0f} s, {in_recovery} while the "
          f"server started, {compacted} bases of the log, {answers} answers, "
          f"{len(faults)} faults")
    report(f"{NAMES[0]} ({kind})", not faults, f"POWER_SEED={seed}: " + "\n".join(faults))
    report(f"the log was compacted between the cuts ({kind})", compacted > GUESTS,
           f"{compacted} bases of {GUESTS} logs")
    report(f"every client was answered ({kind})",
           all(min(writer.answered.values()) > 0
               for trial in trials for writer in trial.history.writers))


def test_control(folder, kind, seed):
    """The same server, told to answer before its disk has the write."""
    trial = Trial(os.path.join(folder, "control"), kind, random.Random(seed), "no")
    faults = cut_often(trial, CONTROL_CUTS_MAX)
    print(f"{kind}: control: {trial.cuts} cuts, {len(faults)} faults, "
          f"such as: {(faults or ['none'])[0]}")
    report(f"{NAMES[1]} ({kind})", any("answered" in fault for fault in faults), "; ".join(faults))


def end_early(*_):
    STOP.set()  # the guests are cut, and none is started
    sys.exit(1)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--cuts", type=int, default=0)
    add_options(parser)
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, end_early)
    signal.signal(signal.SIGINT, end_early)
    seed = int(os.environ.get("POWER_SEED", random.randrange(1 << 32)))
    seconds = (options.seconds or 0) / len(options.kinds)
    cuts = options.cuts or (0 if seconds else CUTS)

    def run(folder, kind):
        test_what_is_kept(folder, kind, cuts, seconds, seed)
        test_control(folder, kind, seed)

    run_on_each(options.kinds, NAMES, run)


main()
