"""As much of RESP2 and RESP3 as it takes to cut a stream of replies into frames and look inside."""

LINE_TYPES = b"+-:_#,("
BULK_TYPES = b"$=!"
SEQUENCE_TYPES = b"*~>"
PAIR_TYPES = b"%|"
# Redis may send a message to oneself in the midst of a reply; it is no element of it.
MESSAGE_STARTS = (b">", b"*4\r\n$8\r\npmessage\r\n", b"*3\r\n$7\r\nmessage\r\n",
                  b"*3\r\n$8\r\nsmessage\r\n")


def encode(command):
    """A command, a list of bytes, as a client sends it."""
    parts = [b"*%d\r\n" % len(command)]
    for argument in command:
        parts.append(b"$%d\r\n%b\r\n" % (len(argument), argument))
    return b"".join(parts)


def frame_end(data, begin):
    """Where the frame that begins there ends. IndexError or ValueError if it is not whole."""
    kind = data[begin]
    line_end = data.index(b"\r\n", begin) + 2
    if kind in LINE_TYPES:
        return line_end
    count = int(data[begin + 1:line_end - 2])
    if kind in BULK_TYPES:
        end = line_end if count < 0 else line_end + count + 2
        if end > len(data):
            raise IndexError("half a bulk string")
        return end
    if kind in PAIR_TYPES:
        count = 2 * count + (1 if kind == ord("|") else 0)  # stands before what it is of
    elif kind not in SEQUENCE_TYPES:
        raise ValueError(f"no such type: {data[begin:begin + 40]!r}")
    end = line_end
    for _ in range(count):
        while data.startswith(MESSAGE_STARTS, end):
            end = frame_end(data, end)
        end = frame_end(data, end)
    return end


def frame_at(data, begin):
    """The frame that begins there; what is not whole is taken as it is."""
    try:
        return data[begin:frame_end(data, begin)]
    except (IndexError, ValueError):
        return data[begin:]


def count_frames(data):
    count, begin = 0, 0
    try:
        while begin < len(data):
            begin = frame_end(data, begin)
            count += 1
    except (IndexError, ValueError):
        pass
    return count


def children(frame):
    """The frames inside an aggregate one, or None if it is not one that is whole."""
    if not frame or frame[0] not in SEQUENCE_TYPES + PAIR_TYPES:
        return None
    try:
        begin = frame.index(b"\r\n") + 2
        if frame[1:2] == b"-":
            return None
        inner = []
        while begin < len(frame):
            end = frame_end(frame, begin)
            inner.append(frame[begin:end])
            begin = end
        return inner
    except (IndexError, ValueError):
        return None


def without_pushes(frame):
    """The messages in the midst of an aggregate, and the aggregate without them."""
    inner = children(frame) or []
    pushes = [each for each in inner if each.startswith(MESSAGE_STARTS)]
    if not pushes:
        return [], frame
    rest = b"".join(each for each in inner if not each.startswith(MESSAGE_STARTS))
    return pushes, frame[:frame.index(b"\r\n") + 2] + rest


def text(frame):
    """The bytes of a bulk or a line, without what frames them; None for anything else."""
    if frame[:1] in (b"$", b"="):
        line_end = frame.index(b"\r\n") + 2
        return frame[line_end:-2] if frame[1:2] != b"-" else None
    return frame[1:-2] if frame and frame[0] in LINE_TYPES else None


MESSAGES = {b"message", b"pmessage", b"smessage", b"invalidate"}
SUBSCRIPTIONS = {b"subscribe", b"psubscribe", b"ssubscribe",
                 b"unsubscribe", b"punsubscribe", b"sunsubscribe"}


def push_kind(frame):
    """The first word of what is pushed, or looks in RESP2 as if it were; None for a plain reply."""
    if frame[:1] not in (b">", b"*"):
        return None
    first = children(frame)
    word = text(first[0]) if first else None
    return word if word in MESSAGES or word in SUBSCRIPTIONS else None


def value(frame):
    """A frame as Python sees it: bytes, int, list, dict for a map, frozenset for a set, None."""
    kind = frame[:1]
    if kind in (b"*", b"~", b">", b"%"):
        inner = children(frame)
        if inner is None:
            return None
        if kind == b"%":
            return dict(zip(map(value, inner[::2]), map(value, inner[1::2])))
        values = [value(each) for each in inner]
        return frozenset(values) if kind == b"~" and not any(
            isinstance(each, (dict, list)) for each in values) else values
    if kind == b":":
        return int(frame[1:])
    return None if kind == b"_" else text(frame)
