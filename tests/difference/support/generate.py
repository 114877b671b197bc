"""Random commands from a seed and a grammar file.

A line of the grammar is a weight and a syntax:
    UPPER     a word of the command, sent in random case
    lower     an argument of that kind, see the functions below
    [x]       x or nothing            {x|y}  one of them
    x* x+     x several times, from none / from one on

So that two servers can agree, deadlines are far away or long past and hardly ever equal."""

import random
import re
import time

MANY_MAX = 3  # repetitions of x* and x+
MUTATED_SHARE = 0.05  # commands of which something is dropped, added or replaced by junk

KEYS = [b"k%d" % i for i in range(8)] * 4
KEYS += [b"", b"{tag}a", b"{tag}b", b"with space", b"\x00\xff\r\n", b"1", b"K1", b"long" * 20]
CHANNELS = [b"c1", b"c2", b"c3", b"news.1", b"news.2", b"", b"\x00\xff"]
PATTERNS = [b"*", b"k*", b"k?", b"k[1-3]", b"k[^1-3]", b"*1", b"[", b"k[", b"\\*", b"", b"news.*",
            b"c?", b"*{tag}*", b"k\\1", b"[a-z][0-9]", b"[z-a]*", b"?", b"**1", b"nothing"]
WORDS = [b"", b"a", b"hello", b"Hello World", b"\x00", b"\xff\xfe", b"value\r\n", b"0", b"x" * 44,
         b"x" * 45, b"abcdefghij", b"the quick brown fox", b"-", b"+", b".", b"OK", b"nil"]
NUMBERS = [b"0", b"1", b"-1", b"2", b"10", b"-10", b"100", b"9223372036854775807",
           b"-9223372036854775808", b"9223372036854775806", b"-9223372036854775807", b"4294967296",
           b"9999", b"10000", b"10001", b"2147483647", b"2147483648"]
FLOATS = [b"0", b"0.0", b"1.5", b"-1.5", b"3.14159", b"1e3", b"1e-3", b"-0", b"0.1", b"1e17",
          b"1e300", b"5.0e-324", b"123456789.987654321", b"1E5", b".5", b"5.", b"+1", b"0x10",
          b"1e-10"]
JUNK = [b"", b"abc", b"-1", b"-2", b"0", b"1.0", b" 1", b"1 ", b"+1", b"01", b"-0", b"0x1", b"1e2",
        b"nan", b"inf", b"-inf", b"infinity", b"9223372036854775808", b"-9223372036854775809",
        b"1e400", b"99999999999999999999999999", b"\x00", b"1\x00", b"NX", b"GET", b"*", b"x" * 300,
        b"quo'te\"", b"new\nline", b"tab\t"]
CONFIG_NAMES = [b"maxclients", b"timeout", b"notify-keyspace-events", b"slowlog-max-len", b"nosuch",
                b"maxmemory-policy", b"proto-max-bulk-len", b"tcp-keepalive", b"hz-", b"databases",
                b"slowlog-log-slower-than", b"client-query-buffer-limit", b"appendonly-",
                b"requirepass"]


MEMBERS = [b"a", b"b", b"c", b"d", b"", b"1", b"2", b"-3", b"10", b"2000000000", b"9999999999999",
           b"m" * 63, b"m" * 64, b"m" * 65, b"\x00\xff", b"field", b"with space", b"abc", b"abd"]
BOUNDS = [b"-inf", b"+inf", b"inf", b"(1", b"(5.5", b"(-inf", b"(0", b"0", b"nan", b"(", b"x"]
LEX = [b"-", b"+", b"[a", b"(a", b"[b", b"(c", b"[", b"(", b"[m", b"a", b"", b"(-", b"[1"]


class Arguments:
    """One method for each kind of argument; it returns bytes."""

    def __init__(self, rng):
        self.rng = rng
        self.now = int(time.time())

    def number(self, low, high):
        return b"%d" % self.rng.randint(low, high)

    def key(self):
        return self.rng.choice(KEYS)

    def value(self):
        rng = self.rng
        dice = rng.random()
        if dice < 0.35:
            return rng.choice(NUMBERS) if dice < 0.1 else self.number(-200, 20000)
        if dice < 0.45:
            return rng.choice(FLOATS)
        if dice < 0.55:
            return rng.choice(JUNK)
        if dice < 0.8:
            return rng.choice(WORDS)
        return bytes(rng.choices(b"abcd\x00 \r\n\"'\xc3\xa4", k=rng.randint(1, 80)))

    def letters(self):
        return bytes(self.rng.choices(b"abcd", k=self.rng.randint(0, 30)))

    def big(self):
        return self.rng.choice((b"x", b"ab\r\n")) * self.rng.choice((100, 1000, 4096, 20000))

    def integer(self):
        return self.rng.choice(NUMBERS) if self.rng.random() < 0.3 else self.number(-100, 100)

    def count(self):
        """A small number that is not negative, mostly."""
        return self.integer() if self.rng.random() < 0.1 else self.number(0, 6)

    def element(self):
        dice = self.rng.random()
        if dice < 0.01:
            return self.big()
        return self.value() if dice < 0.2 else self.rng.choice(MEMBERS)

    def member(self):
        dice = self.rng.random()
        if dice < 0.2:
            return b"m%d" % self.rng.randint(0, 300)
        return self.value() if dice < 0.22 else self.rng.choice(MEMBERS)

    def score(self):
        dice = self.rng.random()
        if dice < 0.06:
            return self.rng.choice(JUNK)
        return self.rng.choice(FLOATS) if dice < 0.3 else self.number(-10, 10)

    def bound(self):
        return self.rng.choice(BOUNDS) if self.rng.random() < 0.4 else self.score()

    def bitoffset(self):
        dice = self.rng.random()
        if dice < 0.03:
            return self.rng.choice((b"4294967296", b"-1", b"x", b"#-1", b"", b"#99999999999999999"))
        return (b"#" if dice > 0.8 else b"") + self.number(0, 90)

    def bittype(self):
        if self.rng.random() < 0.04:
            return self.rng.choice((b"u64", b"i65", b"u0", b"x8", b"i", b"", b"i-1", b"U8"))
        return self.rng.choice((b"u", b"i")) + self.rng.choice((b"1", b"2", b"5", b"8", b"16",
                                                               b"31", b"32", b"63"))

    def longitude(self):
        return self.rng.choice((b"181", b"nan", b"x", b"-180", b"180")) \
            if self.rng.random() < 0.05 else b"%.6f" % self.rng.uniform(-180, 180)

    def latitude(self):
        return self.rng.choice((b"86", b"-90", b"", b"85.05112878", b"0")) \
            if self.rng.random() < 0.05 else b"%.6f" % self.rng.uniform(-85, 85)

    def metres(self):
        return self.rng.choice((b"-1", b"x", b"0", b"1", b"100", b"1000", b"5000"))

    def hllkey(self):
        return self.rng.choice((b"hll1", b"hll2", b"hll3"))

    def fieldvalue(self):
        return self.number(-300, 70000)

    def sortpattern(self):
        return self.rng.choice((b"k*", b"k*->a", b"*", b"*->b", b"k*->", b"nothing_*"))

    def newid(self):
        """Of an entry to be added: mostly above those before."""
        dice = self.rng.random()
        if dice < 0.1:
            return self.streamid()
        self.last_id = getattr(self, "last_id", 100) + 1
        return b"%d-%d" % (self.last_id // 3, self.last_id % 3) if dice < 0.9 else \
            b"%d-*" % (self.last_id // 3)

    def streamid(self):
        dice = self.rng.random()
        if dice < 0.05:
            return self.rng.choice(JUNK)
        last = getattr(self, "last_id", 100)
        number = self.rng.randint(max(0, last - 60), last + 2)
        return b"%d-%d" % (number // 3, number % 3) if dice < 0.85 else b"%d" % (number // 3)

    def rangeid(self):
        dice = self.rng.random()
        return b"-" if dice < 0.2 else b"+" if dice < 0.4 else \
            (b"(" if dice < 0.5 else b"") + self.streamid()

    def group(self):
        return self.rng.choice((b"g1", b"g2", b""))

    def consumer(self):
        return self.rng.choice((b"alice", b"bob", b"c3"))

    def lexkey(self):
        """Of sorted sets whose scores are all equal: else ranges by member mean nothing."""
        return self.rng.choice((b"lex1", b"lex2", b"lex3"))

    def lex(self):
        return self.rng.choice(LEX)

    def float(self):
        return self.rng.choice(FLOATS)

    def index(self):
        return self.rng.choice(NUMBERS) if self.rng.random() < 0.2 else self.number(-25, 25)

    def offset(self):
        """Where SETRANGE writes: near, or far beyond what a string may be long."""
        return self.rng.choice((b"536870912", b"9223372036854775807", b"-1", b"600")) \
            if self.rng.random() < 0.1 else self.number(0, 60)

    def seconds(self):
        """A time to live: from a day on, so that none ends during a run."""
        if self.rng.random() < 0.08:
            return self.rng.choice((b"0", b"-1", b"9223372036854775807", b"abc", b"",
                                    b"-9223372036854775808", b"9223372036854775"))
        return self.number(86_400, 10 ** 9)

    def milliseconds(self):
        if self.rng.random() < 0.08:
            return self.rng.choice((b"0", b"-1", b"9223372036854775807", b"-9223372036854775808",
                                    b"1.5", b""))
        return self.number(86_400_000, 10 ** 12)

    def past(self):
        """A deadline in seconds that is long over, or no deadline at all."""
        return self.rng.choice((b"1", b"1000000000", b"0", b"-1", b"-9223372036854775808"))

    def instant(self):
        if self.rng.random() < 0.05:
            return self.rng.choice((b"0", b"-1", b"9223372036854775807", b"abc"))
        return b"%d" % (self.now + self.rng.randint(86_400, 10 ** 9))

    def instant_ms(self):
        if self.rng.random() < 0.05:
            return self.rng.choice((b"0", b"-1", b"9223372036854775807", b"abc"))
        return b"%d" % (1000 * self.now + self.rng.randint(86_400_000, 10 ** 12))

    def pattern(self):
        return self.rng.choice(PATTERNS)

    def channel(self):
        return self.rng.choice(CHANNELS)

    def database(self):
        return self.rng.choice((b"0", b"1", b"2")) if self.rng.random() < 0.93 else \
            self.rng.choice((b"15", b"16", b"-1", b"abc", b"9223372036854775808", b"2147483648"))

    def home(self):
        """Mostly database 0, so that connections meet."""
        return b"0" if self.rng.random() < 0.8 else self.database()

    def name(self):
        return self.rng.choice((b"", b"worker", b"a b", b"x\n", b"worker-2", b"\xff", b"~"))

    def config(self):
        return self.rng.choice(CONFIG_NAMES)

    def junk(self):
        return self.rng.choice(JUNK)

    def events(self):
        """Classes of notifications, without those that depend on when an expiry is noticed."""
        return self.rng.choice((b"", b"KEg$", b"Kg", b"E$m", b"KEg$mn", b"Kn", b"KEz", b"g$",
                                b"KEgd"))


class Grammar:
    """The syntaxes of some files, each as a tree of (operator, parts)."""

    def __init__(self, paths, without=(), arguments=Arguments):
        """`without`: commands that are left out. `arguments`: the class that knows their kinds."""
        self.weights, self.syntaxes, self.arguments = [], [], arguments
        for path in paths:
            with open(path) as file:
                for line in file:
                    self.add(line.split("# ")[0].strip(), without)

    def add(self, line, without):
        if line and line.split()[1] not in without:
            weight, syntax = line.split(None, 1)
            self.weights.append(float(weight))
            self.syntaxes.append(self.parse(syntax))

    def parse(self, syntax):
        tokens = re.findall(r"[\[\]{}|*+]|[^\s\[\]{}|*+]+", syntax)
        tokens.reverse()

        def sequence():
            parts = []
            while tokens and tokens[-1] not in "]}|":
                part = item()
                if tokens and tokens[-1] in "*+":
                    part = (tokens.pop(), part)
                parts.append(part)
            return ("all", parts)

        def item():
            token = tokens.pop()
            if token in "[{":
                choices = [sequence()]
                while tokens[-1] == "|":
                    tokens.pop()
                    choices.append(sequence())
                tokens.pop()
                return ("maybe" if token == "[" else "one", choices)
            if token[0].islower() and hasattr(self.arguments, token):
                return ("argument", token)
            return ("word", [token.encode(), token.lower().encode(), token.capitalize().encode()])

        return sequence()


class Generator:
    """An endless row of commands. The same seed gives the same row."""

    def __init__(self, grammar, seed):
        self.rng = random.Random(seed)
        self.arguments = grammar.arguments(self.rng)
        self.grammar = grammar
        self.upcoming = []

    def write(self, tree, command):
        kind, parts = tree
        rng = self.rng
        if kind == "all":
            for part in parts:
                self.write(part, command)
        elif kind == "word":
            command.append(parts[0] if rng.random() < 0.8 else rng.choice(parts))
        elif kind == "argument":
            command.append(getattr(self.arguments, parts)())
        elif kind == "one":
            self.write(rng.choice(parts), command)
        elif kind == "maybe":
            if rng.random() < 0.5:
                self.write(rng.choice(parts), command)
        else:
            low = 0 if kind == "*" else 1
            for _ in range(rng.randint(low, MANY_MAX)):
                self.write(parts, command)

    def next(self, may_be_mutated=True):
        if not self.upcoming:
            self.upcoming = self.rng.choices(self.grammar.syntaxes, self.grammar.weights, k=1000)
        command = []
        self.write(self.upcoming.pop(), command)
        if may_be_mutated and self.rng.random() < MUTATED_SHARE:
            self.mutate(command)
        return command

    def mutate(self, command):
        rng = self.rng
        dice = rng.random()
        place = rng.randrange(1, len(command) + 1)
        if dice < 0.3 and len(command) > 1:
            command.pop()
        elif dice < 0.6 or place == len(command):
            command.insert(place, self.arguments.junk())
        else:
            command[place] = self.arguments.junk()
