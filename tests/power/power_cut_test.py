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
import shutil
import signal
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "support"), os.path.join(HERE, "..", "clients", "support")]
from guest import CannotBoot, Disk, Guest, find_kernel, find_tool  # noqa: E402
from holdfast import Server, server_program  # noqa: E402
from writers import Writer, check_all  # noqa: E402

WRITERS = 6  # as in guest_init.py
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
        self.writers = [Writer(number) for number in range(WRITERS)]
        self.cuts = self.cuts_in_recovery = self.compacted = self.answers = 0

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
        faults = self.hear(guest.said()) + self.disk.recover()
        return faults + self.check()

    def hear(self, lines):
        """Takes in what the guest said."""
        faults = []
        for line in lines:
            words = line.split()
            if words[0] == "fault":
                faults.append(f"in the guest: {line}")
            elif words[0] == "at":
                held = self.writers[int(words[1])].answered[words[2]]
                if held != int(words[3]):
                    faults.append(f"the guest recovered {line}, we {held}")
            elif words[0] == "up":  # from here on some may be written that is never answered
                for writer in self.writers:
                    writer.hear_start()
            elif len(words) == 3:
                self.writers[int(words[1])].hear(words[0], int(words[2]))
                self.answers += 1
        return faults

    def check(self):
        """Loads what the disk has into a server here."""
        server = Server("--appendonly", "yes")
        data = os.path.join(server.folder, "data")
        server.config += ["--dir", data]
        self.disk.copy_out(server.folder)
        manifest = os.path.join(data, "appendonlydir", "appendonly.aof.manifest")
        if os.path.exists(manifest):
            with open(manifest) as file:
                self.compacted += ".base.rdb" in file.read()
        try:
            with server:
                return check_all(server.port, self.writers)
        except RuntimeError as error:
            return [str(error)]


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


def report(name, good, why=""):
    print(f"{'ok' if good else 'not ok'} - {name}" + (f"\n{why}" if why and not good else ""),
          flush=True)


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
    seconds = time.monotonic() - begin
    print(f"{cuts} cuts in {seconds:.0f} s, {in_recovery} of them while the server "
          f"started; {sum(trial.answers for trial in trials)} answers; {len(faults)} faults")
    report(NAMES[0], not faults, f"POWER_SEED={seed}: " + "\n".join(faults))
    compacted = sum(trial.compacted for trial in trials)
    report("the log was compacted between the cuts", compacted > cuts // 2, f"{compacted}")
    report("every client was answered", all(min(writer.answered.values()) > trial.cuts
                                            for trial in trials for writer in trial.writers))


def test_control(folder, seed):
    """The same server, told to answer before its disk has the write."""
    trial = Trial(os.path.join(folder, "control"), random.Random(seed), "no")
    faults = cut_often(trial, CONTROL_CUTS_MAX)
    print(f"control: {trial.cuts} cuts, {len(faults)} faults, such as: {(faults or ['none'])[0]}")
    report(NAMES[1], any("answered" in fault for fault in faults), "; ".join(faults))


def why_not_here():
    if not find_kernel():
        return "there is no linux.uml (package user-mode-linux), nor does HOLDFAST_UML name one"
    missing = [tool for tool in ("mkfs.ext4", "e2fsck", "debugfs") if not find_tool(tool)]
    return f"no {', '.join(missing)} (package e2fsprogs)" if missing else None


def skip(reason):
    for name in NAMES:
        print(f"skip - {name}: {reason}")


def end_early(*_):
    STOP.set()  # the guests are cut, and none is started
    sys.exit(1)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--cuts", type=int, default=0)
    cuts = parser.parse_args().cuts
    if reason := why_not_here():
        skip(reason)
        return
    signal.signal(signal.SIGTERM, end_early)
    signal.signal(signal.SIGINT, end_early)
    seed = int(os.environ.get("POWER_SEED", random.randrange(1 << 32)))
    folder = tempfile.mkdtemp(prefix="power-", dir=os.environ.get("TMPDIR"))
    try:
        test_what_is_kept(folder, cuts, seed)
        test_control(folder, seed)
    except CannotBoot as error:
        skip(error)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


main()
