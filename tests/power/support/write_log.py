"""Reads what dm-log-writes recorded (Documentation/admin-guide/device-mapper/log-writes.rst).

Entries stand in the order in which they became certain: a write behind all others is listed when
the flush after it was carried out, just before that flush; a mark where it was set. So a power cut
before a flush leaves all that is listed before the group of that flush, any part of the group, and
all marks before the flush must be honoured."""

import struct

SECTOR_BYTES = 512
MAGIC = 0x6A736677736872
SUPER = struct.Struct("<QQQI")  # magic, version, entries, bytes of a sector
ENTRY = struct.Struct("<QQQQ")  # first sector, sectors, flags, bytes of a mark's text
FLUSH, FUA, DISCARD, MARK = 1, 2, 4, 8


class Group:
    """Writes between two flushes: (offset, data) each, and the marks set meanwhile."""

    def __init__(self):
        self.writes, self.marks = [], []


def read_entries(path):
    """(flags, offset of the write, data or the mark's text) of each."""
    with open(path, "rb") as file:
        magic, _, count, sector_bytes = SUPER.unpack(file.read(SUPER.size))
        if magic != MAGIC:
            raise ValueError(f"{path} is no log of writes")
        place = sector_bytes
        for _ in range(count):
            file.seek(place)
            sector, sectors, flags, text_bytes = ENTRY.unpack(file.read(ENTRY.size))
            text = file.read(text_bytes)
            place += sector_bytes
            data = b""
            if not flags & DISCARD:
                file.seek(place)
                data = file.read(sectors * SECTOR_BYTES)
                place += len(data) + -len(data) % sector_bytes
            yield flags, sector * SECTOR_BYTES, text if flags & MARK else data


def read_groups(path):
    """In order. A write that was forced through (FUA) is a group by itself: what is listed before
    it was certain before it was begun."""
    group = Group()
    for flags, offset, data in read_entries(path):
        if flags & MARK:
            group.marks.append(data.rstrip(b"\0").decode().replace("_", " "))
            continue
        if flags & (FLUSH | FUA):
            yield group
            group = Group()
        if data:
            group.writes.append((offset, data))
        if flags & FUA:
            yield group
            group = Group()


def apply(file, writes):
    for offset, data in writes:
        file.seek(offset)
        file.write(data)


def some_of(writes, chance, torn_bytes):
    """A random part of a group; with `torn_bytes` some are there only by parts of that size."""
    share = chance.random()
    for offset, data in writes:
        if chance.random() < share:
            if torn_bytes and chance.random() < 0.5:
                for at in range(0, len(data), torn_bytes):
                    if chance.random() < 0.5:
                        yield offset + at, data[at:at + torn_bytes]
            else:
                yield offset, data
