"""The guest's disk: made, recovered and read, on each file system.

ext4 is recovered and read here, by e2fsprogs. For the others a fresh guest does so: it mounts the
disk, which replays the journal, copies what was kept to a folder of the host and unmounts; then
the file system's own program checks it here."""

import os
import typing

from guest import CannotBoot, Guest, find_tool, make_file, run_tool

E2FSCK_MENDED = 1  # its status when the journal was replayed, and nothing else had to be done


class FileSystem(typing.NamedTuple):
    package: str
    tools: tuple
    size_mb: int  # near the least that its mkfs takes
    make: tuple
    check: tuple  # changes nothing
    sector_bytes: int  # what it takes to be written whole or not at all


FILE_SYSTEMS = {
    "ext4": FileSystem("e2fsprogs", ("mkfs.ext4", "e2fsck", "debugfs"), 96,
                       ("mkfs.ext4", "-q", "-F"), (), 512),
    "xfs": FileSystem("xfsprogs", ("mkfs.xfs", "xfs_repair"), 320,
                      ("mkfs.xfs", "-q", "-f"), ("xfs_repair", "-n"), 512),
    # A superblock of 4096 bytes, without which it is not mounted.
    "btrfs": FileSystem("btrfs-progs", ("mkfs.btrfs", "btrfs"), 160,
                        ("mkfs.btrfs", "-q", "-f"), ("btrfs", "check", "--readonly"), 4096),
}


class Disk:
    """An image in a file of its own."""

    def __init__(self, path, kind):
        """`kind`: a name of FILE_SYSTEMS."""
        self.path, self.kind = path, kind
        self.system = FILE_SYSTEMS[kind]

    def make(self):
        make_file(self.path, self.system.size_mb)
        made = run_tool(*self.system.make, self.path)
        if made.returncode != 0:
            raise RuntimeError(f"{self.system.make[0]}: {made.stdout}")

    def recover(self, folder):
        """Replays the journal and copies what the guest kept, its folder data, into `folder`.
        Faults of the file system."""
        faults = self.recover_here(folder) if self.kind == "ext4" else self.recover_there(folder)
        os.makedirs(os.path.join(folder, "data"), exist_ok=True)  # cut before there was one
        return faults

    def recover_here(self, folder):
        checked = run_tool("e2fsck", "-f", "-p", self.path)
        run_tool("debugfs", "-R", f"rdump /data {folder}", self.path)
        return [] if checked.returncode <= E2FSCK_MENDED else [f"e2fsck: {checked.stdout}"]

    def recover_there(self, folder):
        guest = Guest(folder, self, copy_to=folder)
        try:
            guest.wait_until("copied")
        except CannotBoot:
            raise
        except RuntimeError as error:
            return [str(error)]
        finally:
            guest.cut()
        checked = run_tool(*self.system.check, self.path)
        return [] if checked.returncode == 0 else [f"{self.system.check[0]}: {checked.stdout}"]


def why_not(kind):
    """What is missing here for disks of this kind, or None."""
    system = FILE_SYSTEMS[kind]
    missing = [tool for tool in system.tools if not find_tool(tool)]
    return f"no {', '.join(missing)} (package {system.package})" if missing else None
