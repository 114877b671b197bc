#!/usr/bin/python3 -ES
"""The first and only process of the guest: mounts the disk, starts the server on it, and runs
writers against it until the power goes.

In the environment (from the kernel's command line):
    GUEST_SERVER    the server, as the host sees it    GUEST_FSYNC    its appendfsync
    GUEST_TREE      the folder of the sources         GUEST_KIND     the file system of the disk
    GUEST_COPY_TO   if set, a folder of the host: no server, what the disk holds is copied there
    GUEST_MODULES   if set, where the kernel's modules of the device mapper are: then the disk's
                    writes are recorded on a second disk, and what is said is marked there, too
What it has to say goes to the serial line, a line each, and is with the host when the write
returns:
    mounted                the server is about to start
    at NUMBER KIND COUNT   what the server held when it had started
    up                     the load begins
    KIND NUMBER COUNT      an answer arrived
    copied                 to the host, and the disk is unmounted
    unknown                the kernel does not know the file system
    fault TEXT             something the host must hear of"""

import ctypes
import fcntl
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.environ["GUEST_TREE"], "tests", "clients", "support"))
from device_mapper import LoggedDisk  # noqa: E402
from plain_client import Connection  # noqa: E402
from writers import KINDS, Writer, compact  # noqa: E402

WRITERS = 6
PORT = 6379
LIFE_SECONDS_MAX = 40  # the guest ends by itself when nobody cuts its power
START_SECONDS_MAX = 30
COMPACTION_PAUSE_SECONDS = 0.1  # each syncs much; the log must live between two
DISK, HOST = "/mnt/disk", "/mnt/host"
POWER_OFF = 0x4321FEDC  # LINUX_REBOOT_CMD_POWER_OFF
SIOCSIFFLAGS, IFF_UP = 0x8914, 1


LIBC = ctypes.CDLL(None, use_errno=True)


class UnknownFileSystem(Exception):
    """The kernel has no such."""


def check(status, what):
    if status != 0:
        raise OSError(ctypes.get_errno(), what)


def mount(kind, source, target, options=""):
    os.makedirs(target, exist_ok=True)
    check(LIBC.mount(source.encode(), target.encode(), kind.encode(), 0, options.encode()),
          f"mounting {source} on {target}")


def set_up():
    """A function that marks a text among the writes, if these are recorded."""
    mount("proc", "proc", "/proc")
    mount("tmpfs", "tmpfs", "/mnt")
    mark, device = lambda text: None, "/dev/ubda"
    if os.environ.get("GUEST_MODULES"):
        mark = LoggedDisk(os.environ["GUEST_MODULES"], device, "/dev/ubdb").mark
        device = "/dev/dm-0"
    with open("/proc/filesystems") as file:
        if os.environ["GUEST_KIND"] not in file.read().split():
            raise UnknownFileSystem
    mount(os.environ["GUEST_KIND"], device, DISK)
    with socket.socket() as any_socket:  # as `ip link set lo up`
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", IFF_UP))
    return mark


def copy_out(folder):
    """To a folder of the host."""
    mount("hostfs", "none", HOST, folder)
    if os.path.exists(DISK + "/data"):
        shutil.copytree(DISK + "/data", HOST + "/data", copy_function=shutil.copyfile)
    for target in (HOST, DISK):
        check(LIBC.umount(target.encode()), f"unmounting {target}")


def start_server():
    """A connection to it, once it answers."""
    log = os.open("/dev/console", os.O_WRONLY)
    server = subprocess.Popen(
        [os.environ["GUEST_SERVER"], "--port", str(PORT), "--bind", "127.0.0.1", "--save", "",
         "--dir", DISK + "/data", "--appendonly", "yes", "--appendfsync", os.environ["GUEST_FSYNC"],
         "--auto-aof-rewrite-percentage", "0", "--aof-segment-size", "1mb"],
        cwd="/", stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    deadline = time.monotonic() + START_SECONDS_MAX
    while server.poll() is None and time.monotonic() < deadline:
        try:
            connection = Connection(PORT)
            if connection.ask(b"PING") == b"PONG":
                return connection
        except (OSError, AssertionError):
            time.sleep(0.01)
    raise RuntimeError(f"the server did not start, status {server.poll()}")


def run(say):
    mark = set_up()
    if os.environ.get("GUEST_COPY_TO"):
        copy_out(os.environ["GUEST_COPY_TO"])
        say("copied")
        return

    def tell(text):
        mark(text)
        say(text)

    say("mounted")
    os.makedirs(DISK + "/data", exist_ok=True)
    connection = start_server()
    stop = threading.Event()
    writers = [Writer(number, lambda *answer: tell("{1} {0} {2}".format(*answer)))
               for number in range(WRITERS)]
    for writer in writers:
        for fault in writer.adopt(connection.ask):
            say(f"fault {fault}")
        for kind in KINDS:
            say(f"at {writer.number} {kind} {writer.answered[kind]}")
    threads = [threading.Thread(target=writer.run, args=(PORT, stop)) for writer in writers]
    threads.append(threading.Thread(target=compact, args=(PORT, stop, COMPACTION_PAUSE_SECONDS)))
    tell("up")
    for thread in threads:
        thread.start()
    threads[0].join()
    raise RuntimeError("a client ended before the power did")


def end_of_life(*_):
    raise TimeoutError("nobody cut the power")


def main():
    signal.signal(signal.SIGALRM, end_of_life)
    signal.alarm(LIFE_SECONDS_MAX)
    line = os.open("/dev/ttyS0", os.O_WRONLY)

    def say(text):
        os.write(line, text.encode() + b"\n")

    try:
        run(say)
    except UnknownFileSystem:
        say("unknown")
    except Exception as error:
        say(f"fault {error!r}")
    LIBC.reboot(POWER_OFF)


main()
