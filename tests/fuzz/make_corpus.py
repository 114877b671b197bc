#!/usr/bin/env python3
"""Writes the small corpora that stand beside the targets: restore_corpus/ and rdb_reader_corpus/, a
value of each type of the RDB format. The bytes are put together here, so that nothing is needed but
this file; run it from any folder when a type comes to be, and commit what it writes."""

import os
import struct

HERE = os.path.dirname(os.path.abspath(__file__))


def text(data):
    assert len(data) < 64
    return bytes([len(data)]) + data


def ziplist(elements):
    return struct.pack("<IIH", 11 + len(elements), 10, 0xffff) + elements + b"\xff"


def listpack(elements, count):
    return struct.pack("<IH", 7 + len(elements), count) + elements + b"\xff"


def short(*items):
    """Elements of a listpack: bytes below 64 long, integers from 0 to 127."""
    out = b""
    for item in items:
        if isinstance(item, int):
            out += bytes([item, 1])
        else:
            out += bytes([0x80 | len(item)]) + item + bytes([1 + len(item)])
    return out


def stream(version):
    """Two entries, 1-0 and 2-0, one group with a consumer that has the first pending."""
    block = short(2, 0, 1, b"f", 0, 2, 0, 0, b"v", 4, 2, 1, 0, b"w", 4)
    raw = [struct.pack(">QQ", ms, 0) for ms in (1, 2)]
    time = struct.pack("<Q", 1000)
    tail = b"\x02" + b"\x02\x00"
    tail += b"" if version == 1 else b"\x01\x00" + b"\x00\x00" + b"\x02"
    tail += b"\x01" + text(b"g") + b"\x02\x00" + (b"" if version == 1 else b"\x02")
    tail += b"\x01" + raw[0] + time + b"\x01"
    tail += b"\x01" + text(b"c") + time + (time if version == 3 else b"") + b"\x01" + raw[0]
    return b"\x01" + text(raw[0]) + text(listpack(block, 15)) + tail


BASE = struct.pack("<Q", 4000)
NO_DEADLINE = b"\xff" * 8
VALUES = {  # name: type and value, as DUMP has them
    "string": b"\x00" + text(b"text"),
    "string_number": b"\x00\xc1\x2c\x01",
    "string_lzf": b"\x00\xc3\x05\x0a\x00a\xe0\x00\x00",
    "list": b"\x01\x02" + text(b"a") + text(b"12"),
    "list_ziplist": b"\x0a" + text(ziplist(b"\x00\x01a\x03\xfe\x0c\x03\x02bc\x04\xf3")),
    "list_quicklist": b"\x0e\x01" + text(ziplist(b"\x00\x01a\x03\xc0\x00\x80\x04\xf0\xff\xff\x7f")),
    "list_quicklist_2": b"\x12\x02\x01" + text(b"abc") + b"\x02"
                        + text(listpack(short(b"a", 5), 2)),
    "set": b"\x02\x02" + text(b"a") + text(b"b"),
    "set_intset": b"\x0b" + text(struct.pack("<IIhh", 2, 2, 1, 300)),
    "set_listpack": b"\x14" + text(listpack(short(b"a", 7), 2)),
    "zset": b"\x03\x03" + text(b"a") + text(b"1.5") + text(b"b") + b"\xfe" + text(b"c") + b"\xff",
    "zset_2": b"\x05\x01" + text(b"a") + struct.pack("<d", 1.5),
    "zset_ziplist": b"\x0c" + text(ziplist(b"\x00\x01a\x03\x031.5")),
    "zset_listpack": b"\x11" + text(listpack(short(b"a", 1, b"b", b"2.5"), 4)),
    "hash": b"\x04\x01" + text(b"f") + text(b"v"),
    "hash_zipmap": b"\x09" + text(b"\x01\x01f\x02\x01vv.\xff"),
    "hash_ziplist": b"\x0d" + text(ziplist(b"\x00\x01f\x03\xf2")),
    "hash_listpack": b"\x10" + text(listpack(short(b"f", 1, b"g", b"v"), 4)),
    "hash_2": b"\x16\x02" + text(b"f") + text(b"v") + BASE + text(b"g") + text(b"w") + NO_DEADLINE,
    "hash_metadata": b"\x18" + BASE + b"\x02\x05" + text(b"f") + text(b"v") + b"\x00" + text(b"g")
                     + text(b"w"),
    "hash_listpack_ex": b"\x19" + BASE + text(listpack(short(b"f", b"v", 100, b"g", 1, 0), 6)),
    "stream": b"\x0f" + stream(1),
    "stream_2": b"\x13" + stream(2),
    "stream_3": b"\x15" + stream(3),
}


def rdb_file():
    """Everything at once, with the elements that stand between keys; the target adds a checksum."""
    out = b"REDIS0011" + b"\xfa" + text(b"redis-ver") + text(b"7.2.0") + b"\xfe\x00\xfb\x20\x01"
    for number, value in enumerate(VALUES.values()):
        if number == 1:
            out += b"\xfc" + struct.pack("<Q", 4000000000000) + b"\xf8\x05"
        out += value[:1] + text(b"k%d" % number) + value[1:]
    out += b"\xfa" + text(b"holdfast-producers") + text(text(b"k22") + b"\x3c\x05\x01" + text(b"p")
                                                        + text(b"m") + struct.pack(">QQ", 1, 0))
    out += b"\xfe\x01\xf7\x01\x01\x05\x05" + text(b"mod") + b"\x00"
    return out + b"\xff"


def write(folder, name, data):
    os.makedirs(os.path.join(HERE, folder), exist_ok=True)
    with open(os.path.join(HERE, folder, name), "wb") as file:
        file.write(data)


def main():
    for name, value in VALUES.items():
        write("restore_corpus", name, value)
    write("rdb_reader_corpus", "all_types", b"\x07" + rdb_file())


if __name__ == "__main__":
    main()
