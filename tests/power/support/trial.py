"""What the tests of power cuts share: what was answered, what a disk holds, how they report."""

import os
import shutil
import tempfile

from disk import FILE_SYSTEMS, why_not
from guest import CannotBoot, find_kernel
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
    """Recovers a disk and loads what it has into a server here: faults, the base of its log."""
    server = Server("--appendonly", "yes")
    data = os.path.join(server.folder, "data")
    server.config += ["--dir", data]
    faults = disk.recover(server.folder)
    base = base_of_log(data)
    try:
        with server:
            return faults + check_all(server.port, writers), base
    except RuntimeError as error:
        return faults + [str(error)], base


def report(name, good, why=""):
    print(f"{'ok' if good else 'not ok'} - {name}" + (f"\n{why}" if why and not good else ""),
          flush=True)


def add_options(parser):
    parser.add_argument("--file-system", dest="kinds", nargs="+", choices=FILE_SYSTEMS,
                        default=list(FILE_SYSTEMS))
    parser.add_argument("--seconds", type=float,
                        help="go on for so long, an equal part on each file system")


def why_not_here(kind):
    if not find_kernel():
        return "there is no linux.uml (package user-mode-linux), nor does HOLDFAST_UML name one"
    return why_not(kind)


def run_on_each(kinds, names, run):
    """Calls run(folder, kind) for each file system; where no guest can have it, the tests of these
    names are skipped."""
    for kind in kinds:
        reason = why_not_here(kind)
        folder = tempfile.mkdtemp(prefix="power-", dir=os.environ.get("TMPDIR"))
        try:
            if not reason:
                run(folder, kind)
        except CannotBoot as error:
            reason = error
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        for name in names if reason else []:
            print(f"skip - {name} ({kind}): {reason}")
