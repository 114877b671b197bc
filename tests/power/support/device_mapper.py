"""dm-log-writes in the guest, by the device mapper's own calls, without udev and dmsetup.

Every write to the device goes on to the disk and is recorded on a second disk, in the order in
which it became certain (write_log.py reads that); marks of ours stand between."""

import ctypes
import fcntl
import os
import struct

SYS_FINIT_MODULE = 313  # x86-64
HEADER = struct.Struct("=3I I I I i I I I Q 128s 129s 7x")  # struct dm_ioctl
TARGET = struct.Struct("=QQiI16s")  # struct dm_target_spec; its parameters follow
DEVICE_CREATE, DEVICE_SUSPEND, TABLE_LOAD, TARGET_MESSAGE = 3, 6, 9, 14  # without a flag it resumes
NAME = b"logged"
SECTOR_BYTES = 512


def load_module(path):
    file = os.open(path, os.O_RDONLY)
    if ctypes.CDLL(None, use_errno=True).syscall(SYS_FINIT_MODULE, file, b"", 0) != 0:
        raise OSError(ctypes.get_errno(), f"loading {path}")
    os.close(file)


class LoggedDisk:
    """The device /dev/dm-0 over `disk`, recorded on `log`."""

    def __init__(self, modules, disk, log):
        for name in ("dm-mod.ko", "dm-log-writes.ko"):
            load_module(os.path.join(modules, name))
        self.control = os.open("/dev/mapper/control", os.O_RDWR)
        with open(disk, "rb") as file:
            sectors = file.seek(0, os.SEEK_END) // SECTOR_BYTES
        parameters = f"{disk} {log}".encode() + b"\0"
        parameters += b"\0" * (-len(parameters) % 8)
        self.call(DEVICE_CREATE)
        self.call(TABLE_LOAD, TARGET.pack(0, sectors, 0, 0, b"log-writes") + parameters)
        self.call(DEVICE_SUSPEND)

    def call(self, number, payload=b""):
        size = HEADER.size + len(payload)
        header = HEADER.pack(4, 0, 0, size, HEADER.size, bool(payload), 0, 0, 0, 0, 0, NAME, b"")
        request = 3 << 30 | HEADER.size << 16 | 0xFD << 8 | number  # _IOWR(DM_IOCTL, ...)
        fcntl.ioctl(self.control, request, bytearray(header + payload))

    def mark(self, text):
        """Recorded when the call returns, behind all that is certain by now."""
        self.call(TARGET_MESSAGE, struct.pack("=Q", 0) + b"mark " +
                  text.replace(" ", "_").encode() + b"\0")
