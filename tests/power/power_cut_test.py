#!/usr/bin/env python3
"""Row P: real power cuts. A guest of User-Mode Linux runs the server on its own ext4, under
writers and compaction; it is killed at random times, in recovery, too. The disk is recovered, a
server here loads what it has: nothing that was answered is lost, no word is missing or out of
order, no transaction is there by half. Then the guest goes on from the same disk.

    power_cut_test.py [--cuts N]    else as many as fit the time; POWER_SEED chooses the moments

test-options: timeout=300, alone
"""
import argparse
import os
import random
import shutil
import signal
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "support"), os.path.join(HERE, "..", "clients", "support")]
from guest import Disk, Guest, find_kernel, find_tool  # noqa: E402
from holdfast import Server, server_program  # noqa: E402
from writers import Writer, check_all  # noqa: E402

WRITERS = 6  # as in guest_init.py
CUTS_MIN = 5
BUDGET_SECONDS = 45  # for the cuts without --cuts
LOAD_SECONDS = (0.02, 1.0)
RECOVERY_SECONDS = (0.0, 0.3)
RECOVERY_SHARE = 0.15  # of the cuts come while the server starts
CONTROL_CUTS_MAX = 5
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
            elif len(words) == 3:
                self.writers[int(words[1])].set_answered(words[0], int(words[2]))
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


def cut_often(trial, cuts):
    """Faults of the first cut that has some."""
    deadline = time.monotonic() + BUDGET_SECONDS
    while trial.cuts < (cuts or CUTS_MIN) or not cuts and time.monotonic() < deadline:
        faults = trial.cut()
        if faults:
            return faults
    return []


def report(name, good, why=""):
    print(f"{'ok' if good else 'not ok'} - {name}" + (f"\n{why}" if why and not good else ""),
          flush=True)


def run(folder, cuts, seed):
    begin = time.monotonic()
    trial = Trial(os.path.join(folder, "kept"), random.Random(seed), "always")
    faults = cut_often(trial, cuts)
    seconds = time.monotonic() - begin
    print(f"{trial.cuts} cuts in {seconds:.0f} s, {trial.cuts_in_recovery} of them while the "
          f"server started; {trial.answers} answers; {len(faults)} faults")
    report(NAMES[0], not faults, f"POWER_SEED={seed}, cut {trial.cuts}: " + "; ".join(faults))
    report("the log was compacted between the cuts", trial.compacted > trial.cuts // 2,
           f"{trial.compacted} of {trial.cuts}")
    report("every client was answered", all(min(writer.answered.values()) > trial.cuts
                                            for writer in trial.writers))

    # The control: the same server, told to answer first.
    trial = Trial(os.path.join(folder, "control"), random.Random(seed), "no")
    faults = cut_often(trial, CONTROL_CUTS_MAX)
    print(f"control: {trial.cuts} cuts, {len(faults)} faults, such as: {(faults or ['none'])[0]}")
    report(NAMES[1], any("answered" in fault for fault in faults), "; ".join(faults))


def why_not_here():
    if not find_kernel():
        return "there is no linux.uml (package user-mode-linux), nor does HOLDFAST_UML name one"
    missing = [tool for tool in ("mkfs.ext4", "e2fsck", "debugfs") if not find_tool(tool)]
    return f"no {', '.join(missing)} (package e2fsprogs)" if missing else None


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--cuts", type=int, default=0)
    cuts = parser.parse_args().cuts
    reason = why_not_here()
    if reason:
        for name in NAMES:
            print(f"skip - {name}: {reason}")
        return
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that the guest is ended, too
    seed = int(os.environ.get("POWER_SEED", random.randrange(1 << 32)))
    folder = tempfile.mkdtemp(prefix="power-", dir=os.environ.get("TMPDIR"))
    try:
        run(folder, cuts, seed)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


main()
