"""What the tests of power cuts share: what was answered, what a disk holds, how they report."""

import os
import shutil
import tempfile

from guest import CannotBoot, find_kernel, find_tool
from holdfast import Server
from writers import Writer, check_all

WRITERS = 6  # as in guest_init.py


class History:
    """What the guest's writers were answered, as far as it said so (lines: guest_init.py)."""

    def __init__(self):
        self.writers = [Writer(number) for number in range(WRITERS)]
        self.answers = 0

    def hear(self, line):
        """A fault, or None."""
        words = line.split()
        if words[0] == "fault":
            return f"in the guest: {line}"
        if words[0] == "at":
            held = self.writers[int(words[1])].answered[words[2]]
            return None if held == int(words[3]) else f"the guest recovered {line}, we {held}"
        if words[0] == "up":  # from here on some may be written that is never answered
            for writer in self.writers:
                writer.hear_start()
        elif len(words) == 3:
            self.writers[int(words[1])].hear(words[0], int(words[2]))
            self.answers += 1
        return None

    def hear_all(self, lines):
        return [fault for fault in map(self.hear, lines) if fault]


def base_of_log(data):
    """The name of the snapshot that the log begins with, None if there is none."""
    try:
        with open(os.path.join(data, "appendonlydir", "appendonly.aof.manifest")) as file:
            return next((line.split()[1] for line in file if ".base." in line), None)
    except OSError:
        return None


def check_disk(disk, writers):
    """Loads what a recovered disk has into a server here: faults, and the base of its log."""
    server = Server("--appendonly", "yes")
    data = os.path.join(server.folder, "data")
    server.config += ["--dir", data]
    disk.copy_out(server.folder)
    base = base_of_log(data)
    try:
        with server:
            return check_all(server.port, writers), base
    except RuntimeError as error:
        return [str(error)], base


def why_not_here():
    if not find_kernel():
        return "there is no linux.uml (package user-mode-linux), nor does HOLDFAST_UML name one"
    missing = [tool for tool in ("mkfs.ext4", "e2fsck", "debugfs") if not find_tool(tool)]
    return f"no {', '.join(missing)} (package e2fsprogs)" if missing else None


def report(name, good, why=""):
    print(f"{'ok' if good else 'not ok'} - {name}" + (f"\n{why}" if why and not good else ""),
          flush=True)


def run_in_folder(names, run):
    """Calls run(folder); where no guest can be had, the tests of these names are skipped."""
    reason = why_not_here()
    folder = tempfile.mkdtemp(prefix="power-", dir=os.environ.get("TMPDIR"))
    try:
        if not reason:
            run(folder)
    except CannotBoot as error:
        reason = error
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    for name in names if reason else []:
        print(f"skip - {name}: {reason}")
