"""A User-Mode Linux guest whose power can be cut, and its disk."""

import glob
import os
import shutil
import signal
import subprocess
import time

TREE = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", "..", ".."))
INIT = os.path.join(TREE, "tests", "power", "support", "guest_init.py")
MEMORY_MB = 160
DISK_MB = 96
UP_SECONDS_MAX = 60
TOOL_SECONDS_MAX = 60
CONSOLE_SHOWN = 4000  # characters of it, the last ones
TOOLS_PATH = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
E2FSCK_MENDED = 1  # its status when the journal was replayed, and nothing else had to be done


class CannotBoot(RuntimeError):
    """Here no guest can run (no ptrace, say); its text is the reason."""


def find_tool(name):
    return shutil.which(name, path=TOOLS_PATH)


def find_kernel():
    """HOLDFAST_UML names a linux.uml that is not installed but unpacked."""
    return shutil.which(os.environ.get("HOLDFAST_UML") or "linux.uml")


def find_modules():
    """The folder with the modules of the device mapper, beside the kernel; None without them."""
    prefix = os.path.dirname(os.path.dirname(os.path.realpath(find_kernel())))
    found = glob.glob(os.path.join(prefix, "lib/uml/modules/*/kernel/drivers/md/dm-log-writes.ko"))
    return os.path.dirname(found[0]) if found else None


def run_tool(name, *arguments):
    return subprocess.run([find_tool(name), *arguments], stdin=subprocess.DEVNULL, check=False,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          timeout=TOOL_SECONDS_MAX)


def make_file(path, size_mb):
    """A sparse one of zeros."""
    with open(path, "wb") as file:
        file.truncate(size_mb << 20)


class Disk:
    """An ext4 image in a file of its own."""

    def __init__(self, path):
        self.path = path

    def make(self):
        make_file(self.path, DISK_MB)
        made = run_tool("mkfs.ext4", "-q", "-F", self.path)
        if made.returncode != 0:
            raise RuntimeError(f"mkfs.ext4: {made.stdout}")

    def recover(self):
        """Replays the journal. Faults of the file system."""
        checked = run_tool("e2fsck", "-f", "-p", self.path)
        return [] if checked.returncode <= E2FSCK_MENDED else [f"e2fsck: {checked.stdout}"]

    def copy_out(self, folder):
        """Copies what the guest kept, its folder data, into `folder`."""
        run_tool("debugfs", "-R", f"rdump /data {folder}", self.path)
        os.makedirs(os.path.join(folder, "data"), exist_ok=True)  # cut before there was one


class Guest:
    """One boot. Its processes are a group of their own, which is killed as one: that is the cut."""

    def __init__(self, folder, disk, server, fsync, log=None):
        """`log`: a file of zeros, on which the writes to the disk are to be recorded."""
        self.said_path = os.path.join(folder, "said")
        self.console_path = os.path.join(folder, "console")
        with open(self.said_path, "wb") as said, open(self.console_path, "wb") as console:
            command = [
                find_kernel(), f"mem={MEMORY_MB}M", f"ubd0={disk.path}", "root=/dev/root",
                "rootfstype=hostfs", "rootflags=/", "ro", f"init={INIT}", f"uml_dir={folder}",
                "con=null", "con0=null,fd:1", "ssl=null", f"ssl0=null,fd:{said.fileno()}", "quiet",
                f"GUEST_SERVER={server}", f"GUEST_TREE={TREE}", f"GUEST_FSYNC={fsync}"]
            if log:
                command += [f"ubd1={log}", f"GUEST_MODULES={find_modules()}"]
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=console, stderr=subprocess.STDOUT,
                pass_fds=[said.fileno()], start_new_session=True,
                env={**os.environ, "TMPDIR": folder})

    def said(self):
        """The whole lines that it said so far; they reach us while it runs."""
        with open(self.said_path, errors="replace") as file:
            text = file.read()
        return text[:text.rfind("\n") + 1].splitlines()

    def has_ended(self):
        """Its id, and so its group's, stays taken until cut()."""
        return os.waitid(os.P_PID, self.process.pid,
                         os.WEXITED | os.WNOWAIT | os.WNOHANG) is not None

    def wait_until(self, word):
        """Waits for it to say so."""
        deadline = time.monotonic() + UP_SECONDS_MAX
        while time.monotonic() < deadline and not self.has_ended():
            if word in self.said():
                return
            time.sleep(0.01)
        with open(self.console_path, errors="replace") as file:
            console = file.read()[-CONSOLE_SHOWN:]
        if self.has_ended() and not self.said() and "Kernel panic" not in console:
            raise CannotBoot("linux.uml ends at once: " + " ".join(console.split())[-200:])
        raise RuntimeError(f"the guest did not say {word}; it said last:\n" +
                           "\n".join(self.said()[-10:] + [console]))

    def cut(self):
        """All of its processes end at once; what the guest had not written to its disk is gone."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
