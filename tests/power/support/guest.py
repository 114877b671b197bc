"""A User-Mode Linux guest whose power can be cut."""

import glob
import os
import shutil
import signal
import subprocess
import time

TREE = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", "..", ".."))
INIT = os.path.join(TREE, "tests", "power", "support", "guest_init.py")
REGISTERS = "tests/power/whole_registers.so"  # in the folder of what is built
MEMORY_MB = 160
UP_SECONDS_MAX = 60
TOOL_SECONDS_MAX = 60
CONSOLE_SHOWN = 4000  # characters of it, the last ones
TOOLS_PATH = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
# Measured at each boot for 0.8 s, and for RAID only, which no disk here is.
SKIPPED_CALLS = "initcall_blacklist=raid6_select_algo,calibrate_xor_blocks"


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


def preloads():
    """What lets it run on any processor (whole_registers.c), if that was built."""
    path = os.path.join(os.environ.get("HOLDFAST_BUILD") or os.path.join(TREE, "build"), REGISTERS)
    return {"LD_PRELOAD": path} if os.path.exists(path) else {}


def run_tool(name, *arguments):
    return subprocess.run([find_tool(name), *arguments], stdin=subprocess.DEVNULL, check=False,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          timeout=TOOL_SECONDS_MAX)


def make_file(path, size_mb):
    """A sparse one of zeros."""
    with open(path, "wb") as file:
        file.truncate(size_mb << 20)


class Guest:
    """One boot. Its processes are a group of their own, which is killed as one: that is the cut."""

    def __init__(self, folder, disk, log=None, **settings):
        """`log`: a file of zeros, on which the writes to the disk are to be recorded; `settings`:
        what guest_init.py finds as GUEST_ and the name in capitals."""
        self.said_path = os.path.join(folder, "said")
        self.console_path = os.path.join(folder, "console")
        settings.update(tree=TREE, kind=disk.kind)
        with open(self.said_path, "wb") as said, open(self.console_path, "wb") as console:
            command = [
                find_kernel(), f"mem={MEMORY_MB}M", f"ubd0={disk.path}", "root=/dev/root",
                "rootfstype=hostfs", "rootflags=/", "ro", f"init={INIT}", f"uml_dir={folder}",
                "con=null", "con0=null,fd:1", "ssl=null", f"ssl0=null,fd:{said.fileno()}", "quiet",
                SKIPPED_CALLS]
            if log:
                command.append(f"ubd1={log}")
                settings["modules"] = find_modules()
            command += [f"GUEST_{name.upper()}={value}" for name, value in settings.items()]
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=console, stderr=subprocess.STDOUT,
                pass_fds=[said.fileno()], start_new_session=True,
                env={**os.environ, "TMPDIR": folder, **preloads()})

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
        over = False
        while not over:
            over = self.has_ended() or time.monotonic() > deadline  # before its last words are read
            if word in self.said():
                return
            time.sleep(0.01)
        with open(self.console_path, errors="replace") as file:
            console = file.read()[-CONSOLE_SHOWN:]
        self.see_why_not(console)
        raise RuntimeError(f"the guest did not say {word}; it said last:\n" +
                           "\n".join(self.said()[-10:] + [console]))

    def see_why_not(self, console):
        """CannotBoot, if it is not the server's fault that it did not say a word."""
        if "unknown" in self.said():
            raise CannotBoot("the guest's kernel does not know the file system")
        if "ptrace set fp regs failed" in console:
            raise CannotBoot("linux.uml does not know all of this processor's registers, and "
                             f"{REGISTERS}, which mends that, is not built (make power-programs)")
        if self.has_ended() and not self.said() and "Kernel panic" not in console:
            raise CannotBoot("linux.uml ends at once: " + " ".join(console.split())[-200:])

    def cut(self):
        """All of its processes end at once; what the guest had not written to its disk is gone."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
