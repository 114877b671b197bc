"""Which replies of two servers count as the same.

The bytes must be equal, except for commands whose reply depends on the clock, on the process or on
an order that is nobody's promise: those are compared by the rules of the table RULES. Every other
difference must stand in explained.tsv."""

import collections
import itertools
import os
import re

import resp

CLOCK_TOLERANCE_MS = 30_000  # two servers on a busy machine get the same command this far apart
EXPLAINED = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "explained.tsv")


def same_kind(_, reference, subject):
    """Of the same type, whatever is in it."""
    return reference[:1] == subject[:1] and (reference[1:2] == b"-") == (subject[1:2] == b"-")


def near(unit_ms):
    """Integers that differ by no more than the clock may."""
    tolerance = max(CLOCK_TOLERANCE_MS // unit_ms, 1)

    def compare(_, reference, subject):
        if reference[:1] != b":" or subject[:1] != b":":
            return False
        one, other = int(reference[1:]), int(subject[1:])
        return one == other or (one >= 0 and other >= 0 and abs(one - other) <= tolerance)
    return compare


def unordered(_, reference, subject):
    """The same frames in any order, in an array or a set."""
    one, other = resp.children(reference), resp.children(subject)
    return None not in (one, other) and reference[:1] == subject[:1] \
        and sorted(one) == sorted(other)


def unordered_pairs(_, reference, subject):
    """The same names and values in any order, in a map or in a flat array of both."""
    one, other = resp.children(reference), resp.children(subject)
    if None in (one, other) or reference[:1] != subject[:1]:
        return False
    return sorted(zip(one[::2], one[1::2])) == sorted(zip(other[::2], other[1::2]))


def scanned(command, reference, subject):
    """The same keys when the scan is over at once; else the shape, for no order is promised."""
    one, other = resp.children(reference), resp.children(subject)
    if None in (one, other) or len(one) != 2 or len(other) != 2:
        return False
    if one[0] == other[0] == b"$1\r\n0\r\n" and len(command) > 1 and command[1] == b"0":
        return unordered(command, one[1], other[1])
    return same_kind(command, one[0], other[0]) and same_kind(command, one[1], other[1])


def in_any_order(_, reference, subject):
    """The same tree of frames when the order within each aggregate does not count."""
    return ordered(reference) == ordered(subject)


def ordered(frame):
    inner = resp.children(frame)
    if inner is None:
        return frame
    return frame[:frame.index(b"\r\n") + 2] + b"".join(sorted(map(ordered, inner)))


def each_in_any_order(_, reference, subject):
    """The same replies one after the other; within each, order does not count."""
    one, other = resp.children(reference), resp.children(subject)
    return None not in (one, other) and list(map(ordered, one)) == list(map(ordered, other))


OWN_FIELDS = (b"radix-tree-keys", b"radix-tree-nodes", b"idle", b"inactive", b"seen-time",
              b"active-time")


def described(command, reference, subject):
    """The same names and values, but for times and what each server is made of."""
    return without_own(reference) == without_own(subject)


def without_own(frame):
    inner = resp.children(frame)
    if inner is None:
        return b":" if frame[:1] == b":" and len(frame) > 12 else frame  # a time
    kept = []
    skips = False
    for element in inner:
        if skips:
            skips = False
        elif element[:1] == b"$" and resp.text(element) in OWN_FIELDS:
            skips = True
        else:
            kept.append(without_own(element))
    return b"(" + b" ".join(kept) + b")"


def timed(command, reference, subject):
    """The same, but for how long ago something was."""
    if resp.children(reference) is None or resp.children(subject) is None:
        return reference == subject
    one, other = resp.children(reference), resp.children(subject)
    if len(one) != len(other) or reference[:1] != subject[:1]:
        return False
    return all(a == b or (a[:1] == b[:1] == b":" and i == 2 and len(one) == 4)
               or timed(command, a, b) for i, (a, b) in enumerate(zip(one, other)))


def chosen(command, reference, subject):
    """The same elements, alone or in pairs, flat or not; of one, or of a negative
    count, the shape."""
    if len(command) < 3 or command[2][:1] == b"-":
        return same_kind(command, reference, subject)
    if len(command) > 3 and resp.children(reference) and resp.children(reference)[0][:1] != b"*":
        return unordered_pairs(command, reference, subject)
    return in_any_order(command, reference, subject)


def scanned_part(command, reference, subject):
    """SSCAN and its like: the same as of SCAN, in pairs where there are values."""
    one, other = resp.children(reference), resp.children(subject)
    if None in (one, other) or len(one) != 2 or len(other) != 2:
        return False
    if one[0] == other[0] == b"$1\r\n0\r\n" and command[2] == b"0":
        rule = unordered if command[0].upper() == b"SSCAN" else unordered_pairs
        return rule(command, one[1], other[1])
    return same_kind(command, one[0], other[0]) and same_kind(command, one[1], other[1])


def settings(command, reference, subject):
    """The same values for settings that are named; a pattern shows what each server has."""
    if any(b"*" in name for name in command[2:]):
        return same_kind(command, reference, subject)
    return unordered_pairs(command, reference, subject)


HELLO_OWN = (b"server", b"version", b"id")  # what each server says of itself


def greeting(command, reference, subject):
    """What Redis says, in its order; more may follow."""
    one, other = resp.children(reference), resp.children(subject)
    if None in (one, other) or reference[:1] != subject[:1] or len(one) > len(other):
        return False
    for i in range(0, len(one), 2):
        own = resp.text(one[i]) in HELLO_OWN and same_kind(command, one[i + 1], other[i + 1])
        if one[i] != other[i] or not (own or one[i + 1] == other[i + 1]):
            return False
    return True


# By the first word of a command, or the first two. What is an error is always compared exactly.
RULES = {
    b"TTL": near(1000), b"PTTL": near(1), b"EXPIRETIME": near(1000), b"PEXPIRETIME": near(1),
    # Redis shares small integers: a new one has been idle for as long as all of its like.
    b"OBJECT IDLETIME": same_kind, b"LASTSAVE": near(1000),
    b"KEYS": unordered, b"PUBSUB CHANNELS": unordered, b"PUBSUB SHARDCHANNELS": unordered,
    b"COMMAND LIST": unordered, b"COMMAND INFO": in_any_order, b"SCAN": scanned, b"HELLO": greeting,
    b"CONFIG GET": settings,
    b"RANDOMKEY": same_kind, b"TIME": same_kind, b"INFO": same_kind, b"CLIENT ID": same_kind,
    b"CLIENT LIST": same_kind, b"CLIENT INFO": same_kind, b"MEMORY USAGE": same_kind,
    b"MEMORY STATS": same_kind, b"LOLWUT": same_kind, b"SLOWLOG GET": same_kind,
    b"COMMAND DOCS": same_kind, b"MEMORY DOCTOR": same_kind, b"MEMORY MALLOC-STATS": same_kind,
    b"CLIENT NO-EVICT": same_kind, b"LATENCY HISTOGRAM": same_kind,
    b"SMEMBERS": unordered, b"SORT": unordered, b"GEORADIUS": unordered,
    b"GEOSEARCH": unordered, b"GEORADIUSBYMEMBER": unordered,
    b"SINTER": unordered, b"SUNION": unordered, b"SDIFF": unordered,
    b"SPOP": unordered, b"SRANDMEMBER": chosen, b"HKEYS": unordered, b"HVALS": unordered,
    b"HGETALL": unordered_pairs, b"HRANDFIELD": chosen, b"ZRANDMEMBER": chosen,
    b"SSCAN": scanned_part, b"HSCAN": scanned_part, b"ZSCAN": scanned_part,
    b"EXEC": each_in_any_order, b"XINFO STREAM": described, b"XINFO CONSUMERS": described,
    b"XPENDING": timed, b"XINFO GROUPS": timed,
}


def rule_of(command):
    if not command:
        return None
    first = command[0].upper()
    if b" ".join(command).upper() in (b"COMMAND", b"COMMAND INFO"):
        return same_kind  # all commands of each server
    return RULES.get(first) or (RULES.get(first + b" " + command[1].upper())
                                if len(command) > 1 else None)


def show(data, length_max=300):
    """Bytes as one readable line."""
    if isinstance(data, list):
        return " ".join(show(argument, 80) or '""' for argument in data)
    line = repr(bytes(data[:length_max]))[2:-1]
    return line + (f"... ({len(data)} bytes)" if len(data) > length_max else "")


class Explanations:
    """The table of known differences and how often each was met."""

    def __init__(self, path=EXPLAINED):
        self.rows, self.met = [], {}
        with open(path, encoding="utf-8") as file:
            for number, line in enumerate(file, 1):
                line = line.rstrip("\n")
                if not line or line.startswith("#"):
                    continue
                columns = line.split("\t")
                if len(columns) != 4:
                    raise ValueError(f"{path}:{number}: {len(columns)} columns, not 4")
                self.rows.append([re.compile(column, re.IGNORECASE) for column in columns[:3]]
                                 + [columns[3]])

    def find(self, command, reference, subject):
        """True if a row fits this command and these replies; that is noted."""
        return self.explain(show(command), show(reference, 4000), show(subject, 4000))

    def explain(self, *seen):
        """The same with the three columns as text."""
        for *patterns, reason in self.rows:
            if all(pattern.fullmatch(part) for pattern, part in zip(patterns, seen)):
                self.note(reason)
                return True
        return False

    def note(self, reason):
        self.met[reason] = self.met.get(reason, 0) + 1


class Answers:
    """Cuts a stream of replies into frames and tells which command of a batch each answers.

    Subscribing commands answer by pushes, as many as they have arguments; messages answer nothing.
    The array that answers an EXEC is taken apart. Redis 7.0 puts messages to oneself between its
    elements, where no client looks for them; they are given out behind it, as by Redis 7.2."""

    def __init__(self, commands, data):
        self.expected = collections.deque(enumerate(commands))  # not wholly answered yet
        self.last = (len(commands) - 1, commands[-1])
        self.data = data
        self.confirmed = 0  # pushes that the first expected command has answered with
        self.queued = []  # what waits for EXEC
        self.elements = 0  # of EXEC's array, still to come
        self.held = []  # messages that stood between them
        self.moved = False

    def __iter__(self):
        """Yields (index, command, frame)."""
        for answer in self.in_sequence():
            if self.elements > 0 and resp.push_kind(answer[2]) in resp.MESSAGES:
                self.held.append(answer)
                self.moved = True
                continue
            yield answer
            if self.elements == 0 and self.held:
                yield from self.held
                self.held = []
        yield from self.held

    def in_sequence(self):
        begin = 0
        while begin < len(self.data):
            frame = resp.frame_at(self.data, begin)
            kind = resp.push_kind(frame)
            place, command = self.expected[0] if self.expected else self.last
            if kind in resp.SUBSCRIPTIONS and command[0].lower() == kind:
                self.confirm(command)
            elif kind is None:
                if self.confirmed:  # an unsubscription from all: another reply ends it
                    self.advance()
                    place, command = self.expected[0] if self.expected else self.last
                frame = self.answer(place, command, frame)
            begin += len(frame)
            pushes = []
            if kind is None and frame[:1] in (b"*", b"~", b"%") and b"message\r\n" in frame:
                pushes, frame = resp.without_pushes(frame)
            yield place, command, frame
            yield from ((place, command, push) for push in pushes)

    def advance(self):
        if self.expected:
            self.expected.popleft()
        self.confirmed = 0
        self.elements = max(self.elements - 1, 0)

    def confirm(self, command):
        self.confirmed += 1
        if self.confirmed == len(command) - 1:
            self.advance()

    def answer(self, place, command, frame):
        """Notes that `frame` answers `command`; returns how much of it is taken now."""
        self.advance()
        name = command[0].upper()
        if frame == b"+QUEUED\r\n":
            self.queued.append(command)
        elif name == b"EXEC" and frame[:1] == b"*" and frame[1:2] != b"-":
            self.expected.extendleft((place, each) for each in reversed(self.queued))
            self.elements = len(self.queued)
            self.queued = []
            return frame[:frame.index(b"\r\n") + 2]
        elif name in (b"MULTI", b"EXEC", b"DISCARD", b"RESET") and frame[:1] != b"-" or \
                frame.startswith(b"-EXECABORT"):
            self.queued = []
        return frame


def invalidations_first(answers):
    """Of pushes that come without a reply between them."""
    result = []
    for pushed, run in itertools.groupby(
            answers, lambda answer: resp.push_kind(answer[2]) in resp.MESSAGES):
        if pushed:
            run = sorted(run, key=lambda answer: resp.push_kind(answer[2]) != b"invalidate")
        result += run
    return result


def in_one_order(answers):
    """Brings into one order what has none: the frames of an UNSUBSCRIBE from all, the messages that
    one PUBLISH sends by several patterns, invalidations that come together, and these beside other
    messages."""
    ordered_answers, answers = [], invalidations_first(answers)
    for group, run in itertools.groupby(answers, order_group):
        run = list(run)
        if group == (b"invalidate",):
            run = sorted({frame: (place, command, frame) for place, command, frame in run}.values(),
                         key=lambda answer: answer[2])
        elif group and len(run) > 1:
            run = with_sorted_names(run)
        ordered_answers += run
    return ordered_answers


def with_sorted_names(run):
    """The same pushes with their second elements in order; the others, which count, stay."""
    frames = [resp.children(frame) for _, _, frame in run]
    names = sorted(frame[1] for frame in frames)
    result = []
    for (place, command, whole), name, frame in zip(run, names, frames):
        header = whole[:whole.index(b"\r\n") + 2]
        result.append((place, command, header + frame[0] + name + b"".join(frame[2:])))
    return result


def order_group(answer):
    """What answers have in common when their order is nobody's promise; else None."""
    _, command, frame = answer
    kind = resp.push_kind(frame)
    if kind == b"pmessage":
        inner = resp.children(frame)
        return kind, inner[2], inner[3]
    if kind in resp.SUBSCRIPTIONS and len(command) == 1 and command[0].lower() == kind:
        return (kind,)
    return (kind,) if kind == b"invalidate" else None


MESSAGES_BEHIND = "messages to oneself come behind the array of EXEC, not between its elements"


class Comparer:
    """Compares two streams of replies to the same commands."""

    def __init__(self, explanations):
        self.explanations = explanations

    def same(self, command, reference, subject):
        """Do the two frames mean the same reply to this command?"""
        if reference == subject:
            return True
        rule = rule_of(command)
        if rule and reference[:1] != b"-" and subject[:1] != b"-" \
                and resp.push_kind(reference) is None and rule(command, reference, subject):
            return True
        return self.explanations.find(command, reference, subject)

    def differences(self, commands, reference, subject):
        """Yields (index of the command, command, reference's frame, subject's frame)."""
        if reference == subject:
            return
        answers = Answers(commands, reference), Answers(commands, subject)
        one, other = (in_one_order(each) for each in answers)
        if answers[0].moved and not answers[1].moved:
            self.explanations.note(MESSAGES_BEHIND)
        nothing = (len(commands) - 1, commands[-1], b"<nothing>")
        for ours, theirs in itertools.zip_longest(one, other, fillvalue=nothing):
            place, command, _ = theirs if ours is nothing else ours
            if not self.same(command, ours[2], theirs[2]):
                yield place, command, ours[2], theirs[2]
