#!/usr/bin/env python3
"""Plants small faults in C sources, one at a time, and says which of them no test notices.

    utils/mutate/mutate.py [--build DIR] [--jobs N] [--sample N] [--seed N] [--longest N]
                           [--only WORD] FILE...

Each mutant (mutants.py) is compiled as make would compile the source, and linked before the archive
into one test program after the other until one fails, dies or outlives its limit: killed. The
program of the source's name is tried first, then those that killed the most of its mutants a second
so far. Not counted is a mutant that does not compile, or whose object is that of the source or of
another mutant. A survivor that survivors.tsv explains is not run. Nothing in the tree is written
but DIR/mutate. The programs are built already, by gcc.
First each program is run with the sources as they are, compiled for gcov: it must pass, and is
tried only on mutants of lines that it ran. One that forks is tried on all: its children may end
without a count.
The status is 1 if a survivor is not explained, or an explanation fits no mutant.
"""

import argparse
import collections
import concurrent.futures
import contextlib
import csv
import glob
import hashlib
import json
import math
import os
import queue
import random
import resource
import shlex
import shutil
import signal
import subprocess
import sys
import threading
import time

HOME = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HOME, "..", "check"))
sys.dont_write_bytecode = True

from mutants import find_mutants  # noqa: E402
from source import Tree  # noqa: E402

TESTS_FILE = "utils/mutate/tests.tsv"
SURVIVORS_FILE = "utils/mutate/survivors.tsv"
MEMORY_MAX = 8 << 30  # bytes of address space of a program: a mutant may ask for all there is
FILE_MAX = 1 << 30  # bytes of a file it may write
PROGRESS_EVERY = 25  # mutants
SLOWER_MAX = 5  # times what a program took without a mutant, if that is more than tests.tsv allows
CPU_SLOWER_MAX = 3  # the same of processor time, however busy the machine is: an endless loop
CPU_MIN = 1  # seconds of it that each may use, too
IDLE_CPU = 0.02  # seconds of processor time: who uses less waits
IDLE_LONGER_MAX = 4  # times the longest it waits without a mutant: it will not come
IDLE_MIN = 3  # seconds that each may wait, too
LOOK_EVERY = 0.1  # seconds
OWN_WORTH, OTHER_WORTH = 1, 0.1  # mutants that a program killed before the first one
FAILED = b"[  FAILED  ]"  # what cmocka says at once of a test, before it goes on to the next
SAID_MAX = 1 << 16  # bytes of what it says that are looked at
LINKER = ["-fuse-ld=gold"] if shutil.which("ld.gold") else []  # half the time of the usual one
# A function that a mutant no longer declares must not wait for the linker to be missed.
WARNINGS = ["-Wno-error", "-Werror=implicit-function-declaration"]
COMPILE_SECONDS = 120  # as good as never; a compiler that hangs ends the run


def read_rows(path, columns):
    """The rows of a tab-separated file; lines that begin with # are remarks."""
    if not os.path.exists(path):
        return []
    with open(path, newline="") as file:
        rows = [row for row in csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
                if row and not row[0].startswith("#")]
    for row in rows:
        if len(row) != columns or not all(row):
            sys.exit(f"{path}: not {columns} columns: {row}")
    return rows


# --- what is run ----------------------------------------------------------------------------------

class Reached:
    """What a program ran of a source, by gcov's account."""

    def __init__(self, account):
        self.functions = {function["name"] for function in account["functions"]
                          if function["execution_count"] > 0}
        self.lines = collections.Counter()  # with a 0 for each that did not run
        for line in account["lines"]:
            self.lines[line["line_number"]] += line["count"]

    def has(self, mutant):
        if mutant.function not in self.functions:
            return False
        counts = [self.lines[line] for line in range(mutant.line, mutant.last_line + 1)
                  if line in self.lines]
        return not counts or any(counts)  # no count: part of an expression that is


class Program:
    """A test program: what make links it with, how to run it, how long it may take."""

    def __init__(self, build, name, source, arguments, seconds):
        self.name = name
        self.arguments = arguments
        self.path = os.path.join(build, name)
        self.seconds = float(seconds)
        self.cpu_seconds = resource.RLIM_INFINITY
        self.idle_seconds = math.inf
        self.took = self.idle_longest = 0.0  # without a mutant
        self.link = None  # words, set by read_commands
        self.reached = None  # {source: Reached}; None: not known
        with open(source) as file:
            self.forks = "fork(" in file.read()

    def reaches(self, mutant):
        if self.reached is None:
            return True
        return mutant.path in self.reached and self.reached[mutant.path].has(mutant)


def find_programs(build, command, seconds):
    """Those that a row of the table names."""
    pattern, *arguments = command.split()
    if "/" not in pattern:  # a folder of tests/ is one program
        yield Program(build, pattern, f"tests/{pattern}/{pattern}.c", arguments, seconds)
        return
    sources = sorted(glob.glob(pattern + ".c"))
    if not sources:
        sys.exit(f"{TESTS_FILE}: no program {pattern}")
    for source in sources:
        yield Program(build, source[:-len(".c")], source, arguments, seconds)


def choose_programs(build, paths):
    """{source: its programs in order}. Rows of the longest prefix apply; the program of the same
    name as the source comes first."""
    rows, groups, chosen = read_rows(TESTS_FILE, 3), {}, {}
    for path in paths:
        prefixes = [prefix for prefix, _, _ in rows if path.startswith(prefix)]
        if not prefixes:
            sys.exit(f"{path}: {TESTS_FILE} has no row for it")
        prefix = max(prefixes, key=len)
        if prefix not in groups:
            found = {}  # by name: two rows may name the same one, the first counts
            for row in rows:
                for program in find_programs(build, *row[1:]) if row[0] == prefix else ():
                    found.setdefault(program.name, program)
            groups[prefix] = list(found.values())
        own = os.path.basename(path)[:-len(".c")] + "_test"
        chosen[path] = sorted(groups[prefix],
                              key=lambda program: os.path.basename(program.name) != own)
    return chosen


def object_of(build, path):
    return os.path.join(build, "objects", path[:-len(".c")] + ".o")


def read_commands(build, chosen):
    """What make would do: sets each program's link; returns {source: words that compile it}."""
    programs = {program for all_of in chosen.values() for program in all_of}
    objects = {object_of(build, path): path for path in chosen}
    targets = {*objects, *(program.path for program in programs)}
    command = [os.environ.get("MAKE", "make"), "--dry-run", "--always-make", "V=1",
               f"BUILD={build}", *targets]
    result = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                            check=False)
    if result.returncode != 0:
        sys.exit(f"{shlex.join(command)}: {result.stderr}")
    words_of = {}
    for line in result.stdout.splitlines():
        if " -o " not in line:
            continue
        words = [word for word in shlex.split(line) if word not in ("-g", "-MMD", "-MP")]
        words_of[words[words.index("-o") + 1]] = words
    if missing := targets - words_of.keys():
        sys.exit(f"make does not say how to build {', '.join(sorted(missing))}")
    for program in programs:
        program.link = words_of[program.path]
    return {path: words_of[target] for target, path in objects.items()}


class Running:
    """The programs that run now, each a group of processes: nothing outlives this one."""

    def __init__(self):
        self.lock = threading.Lock()
        self.groups = set()
        self.ended = False

    def start(self, words, **options):
        with self.lock:
            if self.ended:
                raise InterruptedError
            process = subprocess.Popen(words, start_new_session=True, **options)
            self.groups.add(process.pid)
        return process

    def kill(self, process):
        with self.lock, contextlib.suppress(ProcessLookupError):
            self.groups.discard(process.pid)
            os.killpg(process.pid, signal.SIGKILL)

    def end(self):
        """Kills all, and lets none start any more."""
        with self.lock:
            self.ended = True
            for group in self.groups:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(group, signal.SIGKILL)


RUNNING = Running()


def end_by_signal(number, _):
    RUNNING.end()  # the main thread, which runs this, starts none: it does not hold the lock
    sys.exit(128 + number)


class Idle:
    """How long a process has been waiting for something but the processor and the disk."""

    def __init__(self, pid):
        self.path = f"/proc/{pid}/task"
        self.since, self.cpu, self.longest = time.monotonic(), 0.0, 0.0

    def look(self):
        """Seconds of processor time that its threads used; does one of them wait for it, or for the
        disk?"""
        cpu, busy = 0.0, False
        for thread in os.listdir(self.path):
            with open(f"{self.path}/{thread}/schedstat") as file:
                cpu += int(file.read().split()[0]) / 1e9
            with open(f"{self.path}/{thread}/stat") as file:
                busy |= file.read().rsplit(")", 1)[1].split()[0] in "RD"
        return cpu, busy

    def seconds(self):
        now = time.monotonic()
        with contextlib.suppress(OSError):  # it, or a thread, has ended
            cpu, busy = self.look()
            if busy or abs(cpu - self.cpu) > IDLE_CPU:
                self.since, self.cpu = now, cpu
        self.longest = max(self.longest, now - self.since)
        return now - self.since


class Workplace:
    """A folder that one worker at a time may use."""

    def __init__(self, folder):
        self.folder = os.path.abspath(folder)

    def link(self, program, *objects_and_flags):
        """The program with these objects before the archive, which then gives no others."""
        out = os.path.join(self.folder, os.path.basename(program.name))
        words = list(program.link)
        words[words.index("-o") + 1] = out
        first = next(i for i, word in enumerate(words) if word.endswith((".o", ".a")))
        words[first:first] = ["-Wl,--strip-debug", *LINKER, *objects_and_flags]
        result = subprocess.run(words, stderr=subprocess.PIPE, text=True, check=False,
                                timeout=COMPILE_SECONDS)
        if result.returncode != 0:
            raise RuntimeError(f"{program.name} does not link: {result.stderr}")
        return out

    def passes(self, program, path, seconds, **environment):
        """Runs it up to its first test that fails; what it leaves running is killed."""
        temporary = os.path.join(self.folder, "tmp")
        shutil.rmtree(temporary, ignore_errors=True)
        os.makedirs(temporary)
        said = os.path.join(self.folder, "said")
        with open(said, "wb") as errors:
            process = RUNNING.start(
                [os.path.abspath(path), *program.arguments], cwd=temporary,
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=errors,
                env={**os.environ, "TMPDIR": temporary, **environment})
        with contextlib.suppress(ProcessLookupError):  # it has ended
            resource.prlimit(process.pid, resource.RLIMIT_CPU,
                             (program.cpu_seconds, program.cpu_seconds))
        ends, idle = time.monotonic() + seconds, Idle(process.pid)
        try:
            while time.monotonic() < ends and idle.seconds() < program.idle_seconds:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    return process.wait(LOOK_EVERY) == 0
                with open(said, "rb") as errors:
                    if FAILED in errors.read(SAID_MAX):
                        return False
            return False
        finally:
            program.idle_longest = max(program.idle_longest, idle.longest)
            RUNNING.kill(process)
            process.wait()
            shutil.rmtree(temporary, ignore_errors=True)


def cpu_of_children():
    """Seconds."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def compile_text(words, path, text, out):
    """Compiles the text as if it were the source; the object's hash, or None if it is no C.
    The text comes by a pipe, so that an object never tells where its source lay."""
    words = list(words)
    words[words.index("-o") + 1] = out
    place = words.index(path)
    words[place:place + 1] = [*WARNINGS, "-x", "c", "-"]
    result = subprocess.run(words, input=f'# 1 "{path}"\n{text}', text=True, check=False,
                            stderr=subprocess.DEVNULL, timeout=COMPILE_SECONDS)
    if result.returncode != 0:
        return None
    with open(out, "rb") as file:
        return hashlib.sha256(file.read()).digest()


def read_reached(counts, objects):
    """{source: what ran of it}, by the counts that a program left in the folder."""
    reached = {}
    for path, object_file in objects.items():
        notes = object_file[:-len(".o")] + ".gcno"
        data = counts + object_file[:-len(".o")] + ".gcda"
        if os.path.exists(data):
            shutil.copy(notes, os.path.dirname(data))
            output = subprocess.run(["gcov", "--json-format", "--stdout", data], check=True,
                                    stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout
            reached[path] = next(Reached(file) for line in output.splitlines()
                                 for file in json.loads(line)["files"] if file["file"] == path)
    return reached


class Worth:
    """Which programs are worth trying first on the mutants of a source."""

    def __init__(self, chosen):
        self.programs = chosen
        self.kills, self.seconds = {}, {}
        for path, programs in chosen.items():
            for place, program in enumerate(programs):
                self.kills[path, program] = OTHER_WORTH if place > 0 else OWN_WORTH
                self.seconds[path, program] = program.took

    def order(self, mutant):
        reaching = [program for program in self.programs[mutant.path] if program.reaches(mutant)]
        return sorted(reaching, key=lambda program: self.seconds[mutant.path, program] /
                      self.kills[mutant.path, program])

    def note(self, mutant, program, seconds, killed):
        self.kills[mutant.path, program] += killed
        self.seconds[mutant.path, program] += seconds


# --- the run --------------------------------------------------------------------------------------

class Run:
    def __init__(self, options):
        self.build = options.build
        self.folder = os.path.join(options.build, "mutate")
        self.jobs = options.jobs
        shutil.rmtree(self.folder, ignore_errors=True)
        self.places = queue.SimpleQueue()
        for number in range(self.jobs):
            place = Workplace(os.path.join(self.folder, str(number)))
            os.makedirs(place.folder)
            self.places.put(place)
        self.tree = Tree()
        self.chosen = choose_programs(self.build, options.files)
        self.compiles = read_commands(self.build, self.chosen)
        self.killed, self.survived, self.explained = [], [], []
        self.uncompiled = self.unchanged = 0

    def each(self, function, items):
        """function(place, item) for all, `jobs` at a time: (item, result) as they come."""
        def work(item):
            place = self.places.get()
            try:
                return item, function(place, item)
            finally:
                self.places.put(place)
        with concurrent.futures.ThreadPoolExecutor(self.jobs) as pool:
            futures = [pool.submit(work, item) for item in items]
            try:
                for future in concurrent.futures.as_completed(futures):
                    yield future.result()
            finally:
                pool.shutdown(wait=True, cancel_futures=True)

    def object_path(self, mutant):
        return os.path.abspath(os.path.join(self.folder, mutant.id + ".o"))

    def check_programs(self, longest):
        """Each must pass without a mutant, and tells what it runs. Slower ones are not tried."""
        counting = {}
        for number, path in enumerate(self.chosen):
            counting[path] = os.path.abspath(os.path.join(self.folder, f"counting-{number}.o"))
            # Not optimised: a line that is merged with another would count as one that never ran.
            words = [*self.compiles[path], "-O0", "--coverage", "-fprofile-update=atomic"]
            compile_text(words, path, self.tree.text(path), counting[path])
        users = collections.defaultdict(list)
        for path, programs in self.chosen.items():
            for program in programs:
                users[program].append(path)

        slow = set()

        def check(place, program):
            objects = {path: counting[path] for path in users[program]}
            counts = os.path.join(place.folder, "counts")
            shutil.rmtree(counts, ignore_errors=True)
            path = place.link(program, *objects.values(), "--coverage")
            began, cpu_began = time.monotonic(), cpu_of_children()
            passed = place.passes(program, path, min(program.seconds, longest), GCOV_PREFIX=counts)
            program.took = time.monotonic() - began
            if program.took >= longest:
                slow.add(program)
                return True
            if not passed:
                return False
            program.seconds = max(program.seconds, SLOWER_MAX * program.took)  # it may be busy
            cpu = cpu_of_children() - cpu_began  # of other jobs, too
            program.idle_seconds = IDLE_MIN + IDLE_LONGER_MAX * program.idle_longest
            program.cpu_seconds = CPU_MIN + math.ceil(CPU_SLOWER_MAX * cpu)
            if not program.forks and os.path.exists(counts):
                program.reached = read_reached(counts, objects)
            return True
        for program, passed in self.each(check, users):
            if not passed:
                sys.exit(f"{program.name} fails, or takes more than {program.seconds:g} s, "
                         "without a mutant")
        for path, programs in self.chosen.items():
            self.chosen[path] = [program for program in programs if program not in slow]
        for program in sorted(slow, key=lambda program: program.name):
            print(f"# not tried: {program.name}: it takes more than {longest:g} s")

    def compile(self, mutants, explanations):
        """Those that count, in order of their place; what is explained is set aside."""
        originals = {path: compile_text(self.compiles[path], path, self.tree.text(path),
                                        os.path.join(self.folder, "original.o"))
                     for path in self.chosen}
        digests = {}

        def work(_, mutant):
            return compile_text(self.compiles[mutant.path], mutant.path,
                                mutant.apply(self.tree.text(mutant.path)), self.object_path(mutant))
        for mutant, digest in self.each(work, mutants):
            digests[mutant.id] = digest
        seen, counted = {(path, digest) for path, digest in originals.items()}, []
        for mutant in sorted(mutants, key=lambda mutant: mutant.key() not in explanations):
            digest = digests[mutant.id]
            if digest is None:
                self.uncompiled += 1
            elif (mutant.path, digest) in seen:
                self.unchanged += 1
            elif mutant.key() in explanations:
                self.explained.append(mutant)
            else:
                counted.append(mutant)
            seen.add((mutant.path, digest))
        return counted

    def test(self, mutants):
        worth = Worth(self.chosen)

        def is_killed(place, mutant):
            for program in worth.order(mutant):
                began = time.monotonic()
                path = place.link(program, self.object_path(mutant))
                killed = not place.passes(program, path, program.seconds)
                worth.note(mutant, program, time.monotonic() - began, killed)
                if killed:
                    return True
            return False
        for done, (mutant, killed) in enumerate(self.each(is_killed, mutants), 1):
            (self.killed if killed else self.survived).append(mutant)
            os.remove(self.object_path(mutant))
            if not killed:
                self.print_survivor(mutant)
            if done % PROGRESS_EVERY == 0 or done == len(mutants):
                print(f"# {done} of {len(mutants)}: {len(self.killed)} killed", flush=True)

    def print_survivor(self, mutant):
        reached = any(program.reaches(mutant) for program in self.chosen[mutant.path])
        note = "" if reached else " (no test runs it)"
        print(f"survived {mutant.id} {mutant.path}:{mutant.line} {mutant.function}{note}\n"
              f"    - {mutant.before}\n    + {mutant.after}", flush=True)


def read_explanations(paths):
    """{(file, function, before, after): reason} for these files."""
    return {tuple(row[:4]): row[4] for row in read_rows(SURVIVORS_FILE, 5) if row[0] in paths}


def draw(mutants, options):
    """A sample is drawn by the mutants' ids: of an unchanged source it stays as it is."""
    if options.only:
        mutants = [mutant for mutant in mutants
                   if mutant.function in options.only or mutant.id in options.only]
    if options.sample is None or options.sample >= len(mutants):
        return mutants
    return random.Random(options.seed).sample(mutants, options.sample)


def run(options):
    began = time.monotonic()
    the_run = Run(options)
    mutants = [mutant for path in options.files for mutant in find_mutants(the_run.tree, path)]
    explanations = read_explanations(options.files)
    drawn = draw(mutants, options)
    if not options.only:
        drawn_ids = {mutant.id for mutant in drawn}
        drawn += [mutant for mutant in mutants
                  if mutant.key() in explanations and mutant.id not in drawn_ids]
    print(f"# {len(mutants)} mutants of {len(options.files)} files, {len(drawn)} taken", flush=True)
    counted = the_run.compile(drawn, explanations)
    the_run.check_programs(options.longest)
    prepared = time.monotonic()
    the_run.test(counted)
    stale = explanations.keys() - {mutant.key() for mutant in mutants}
    for key in sorted(stale):
        print(f"stale: {SURVIVORS_FILE}: no such mutant: {' | '.join(key)}")
    for path, count in sorted(collections.Counter(
            mutant.path for mutant in the_run.survived).items()):
        print(f"{count:5} survived in {path}")
    ended = time.monotonic()
    print(f"mutants {len(counted) + len(the_run.explained)} ({the_run.uncompiled} do not compile, "
          f"{the_run.unchanged} change nothing or the same), killed {len(the_run.killed)}, "
          f"survived {len(the_run.survived)}, explained {len(the_run.explained)}, "
          f"stale {len(stale)}; {prepared - began:.0f} s to prepare, "
          f"{(ended - prepared) / max(len(counted), 1):.2f} s a mutant")
    return 1 if the_run.survived or stale else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default="build")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--sample", type=int, help="so many mutants, drawn at random by the seed")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--longest", type=float, default=float("inf"), metavar="SECONDS",
                        help="programs that take longer without a mutant are not tried")
    parser.add_argument("--only", action="append", metavar="WORD",
                        help="a function or the id of a mutant; may be said again")
    parser.add_argument("files", nargs="+", metavar="FILE")
    options = parser.parse_args()
    options.files = sorted(set(options.files))
    for path in options.files:
        if not path.endswith(".c") or not os.path.exists(path):
            sys.exit(f"{path}: not a C source")
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, end_by_signal)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if not os.environ.get("SANITIZE"):  # a watched program takes address space without end
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_MAX, MEMORY_MAX))
    resource.setrlimit(resource.RLIMIT_FSIZE, (FILE_MAX, FILE_MAX))
    _, files_max = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (files_max, files_max))
    sys.exit(run(options))


if __name__ == "__main__":
    main()
