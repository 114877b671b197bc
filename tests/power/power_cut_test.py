#!/usr/bin/env python3
"""Row P: real power cuts. A guest of User-Mode Linux runs the server on its own ext4, under
writers and compaction; it is killed at random times, in recovery, too. The disk is recovered, a
server here loads what it has: nothing that was answered is lost, no word is missing or out of
order, no transaction is there by half. Then the guest goes on from the same disk.

    power_cut_test.py [--cuts N]    else as many as fit the time; POWER_SEED chooses the moments

test-options: timeout=300, alone
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
from guest import Disk, Guest  # noqa: E402
from holdfast import server_program  # noqa: E402
from trial import History, check_disk, report, run_in_folder  # noqa: E402

GUESTS = 2  # at a time: most of a cut's time is waiting for the boot
CUTS_MIN = 5  # of each guest, however slow the machine is
BUDGET_SECONDS = 40  # for the cuts without --cuts
LOAD_SECONDS = (0.02, 1.0)
RECOVERY_SECONDS = (0.0, 0.3)
RECOVERY_SHARE = 0.15  # of the cuts come while the server starts
CONTROL_CUTS_MAX = 15
NAMES = ("P1 after each power cut all that was answered is there",
         "a server that answers before its disk has the write is caught")


class Trial:
    """A disk that lives through cut after cut, and what the writers were told."""

    def __init__(self, folder, chance, fsync):
        self.folder, self.chance, self.fsync = folder, chance, fsync
        os.makedirs(folder)
        self.disk = Disk(os.path.join(folder, "disk"))
        self.disk.make()
        self.history = History()
        self.bases = set()  # of the log, seen after cuts: one a compaction
        self.cuts = self.cuts_in_recovery = 0

    def cut(self):
        """Boots, cuts, recovers, checks. Faults."""
        guest = Guest(self.folder, self.disk, server_program(), self.fsync)
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
        faults = self.history.hear_all(guest.said()) + self.disk.recover()
        found, base = check_disk(self.disk, self.history.writers)
        self.bases.add(base)
        return faults + found


STOP = threading.Event()


def cut_often(trial, cuts):
    """Cuts until a cut has faults, which are returned."""
    deadline = time.monotonic() + BUDGET_SECONDS
    while not STOP.is_set() and (trial.cuts < (cuts or CUTS_MIN) or
                                 not cuts and time.monotonic() < deadline):
        faults = trial.cut()
        if faults:
            return faults
    return []


def test_what_is_kept(folder, cuts, seed):
    begin = time.monotonic()
    trials = [Trial(os.path.join(folder, f"kept-{number}"), random.Random(seed + number), "always")
              for number in range(GUESTS)]
    with concurrent.futures.ThreadPoolExecutor(GUESTS) as pool:
        faults = [fault for trial, found in zip(trials, pool.map(
                      lambda trial: cut_often(trial, -(-cuts // GUESTS)), trials))
                  for fault in [f"disk {trial.folder}, cut {trial.cuts}: {text}" for text in found]]
    cuts = sum(trial.cuts for trial in trials)
    in_recovery = sum(trial.cuts_in_recovery for trial in trials)
    answers = sum(trial.history.answers for trial in trials)
    seconds = time.monotonic() - begin
    print(f"{cuts} cuts in {seconds:.0f} s, {in_recovery} of them while the server "
          f"started; {answers} answers; {len(faults)} faults")
    report(NAMES[0], not faults, f"POWER_SEED={seed}: " + "\n".join(faults))
    compacted = sum(len(trial.bases) for trial in trials)
    report("the log was compacted between the cuts", compacted > cuts // 2, f"{compacted}")
    report("every client was answered",
           all(min(writer.answered.values()) > trial.cuts
               for trial in trials for writer in trial.history.writers))


def test_control(folder, seed):
    """The same server, told to answer before its disk has the write."""
    trial = Trial(os.path.join(folder, "control"), random.Random(seed), "no")
    faults = cut_often(trial, CONTROL_CUTS_MAX)
    print(f"control: {trial.cuts} cuts, {len(faults)} faults, such as: {(faults or ['none'])[0]}")
    report(NAMES[1], any("answered" in fault for fault in faults), "; ".join(faults))


def end_early(*_):
    STOP.set()  # the guests are cut, and none is started
    sys.exit(1)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--cuts", type=int, default=0)
    cuts = parser.parse_args().cuts
    signal.signal(signal.SIGTERM, end_early)
    signal.signal(signal.SIGINT, end_early)
    seed = int(os.environ.get("POWER_SEED", random.randrange(1 << 32)))
    run_in_folder(NAMES, lambda folder: (test_what_is_kept(folder, cuts, seed),
                                         test_control(folder, seed)))


main()
