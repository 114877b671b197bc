#!/usr/bin/env python3
"""The coverage of a gcov build: a table, what is left, and whether the figures are reached.

    utils/coverage/report.py [--missing PATH] BUILD

Counts come from `gcov --json-format`, out of the .gcda files that programs of BUILD wrote when they
ended; what a killed program ran is in none. A branch is a way out of a condition, as gcc has it
after preprocessing, at -O0. Not counted:
- lines of an ASSERT (found in the source: the statement up to its closing bracket), since the way
  into assertion_failed() is for programmers' errors only;
- of "a || rdb_cursor_fail(...)" and its like the way on which that function returns true: it never
  does;
- lines that exceptions.tsv lists with a reason. An exception that is covered by now is a fault.
"""

import argparse
import collections
import csv
import glob
import json
import os
import re
import subprocess
import sys

EXCEPTIONS_FILE = "utils/coverage/exceptions.tsv"
FOLDERS_BY_FILE = ("src/persist", "src/protocol")  # shown file by file; have a figure to reach
BRANCHES_LEAST = 95.0  # percent of such a folder's branches
LOG_FILES = re.compile(r"src/persist/(log_|recovery)")  # of log code, every branch on an error
ERROR_WORDS = re.compile(r"error|errno|!= OK|== OK|refuse|fail|damage|return false")
ALWAYS_FALSE = re.compile(r"\|\|\s*(rdb_cursor_fail|recovery_refuse\w*|refuse\w*)\(")
GCOV_BATCH = 20  # files given to one gcov


class Line:
    """What all objects together know of a line: how often it ran, its branches."""

    def __init__(self):
        self.count = 0
        self.branches = []

    def add(self, data):
        self.count += data["count"]
        counts = [branch["count"] for branch in data["branches"]]
        if len(self.branches) < len(counts):
            self.branches += [0] * (len(counts) - len(self.branches))
        for i, count in enumerate(counts):
            self.branches[i] += count


def read_counts(build):
    """{path: {line number: Line}} for the sources below src/."""
    files = collections.defaultdict(lambda: collections.defaultdict(Line))
    notes = sorted(glob.glob(os.path.join(build, "objects/src/**/*.gcno"), recursive=True))
    if not notes:
        sys.exit(f"{build}: no build for coverage: make coverage")
    for start in range(0, len(notes), GCOV_BATCH):
        command = ["gcov", "--json-format", "--branch-probabilities", "--stdout"]
        output = subprocess.run(command + notes[start:start + GCOV_BATCH], check=True,
                                stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout
        for document in output.splitlines():
            for file in json.loads(document)["files"]:
                if file["file"].startswith("src/"):
                    for line in file["lines"]:
                        files[file["file"]][line["line_number"]].add(line)
    return files


def assert_lines(text):
    """Numbers of the lines that belong to an ASSERT statement."""
    found = set()
    for match in re.finditer(r"^\s*(?:static_)?ASSERT\(", text, re.MULTILINE):
        depth, at = 1, match.end()
        while depth > 0:
            depth += {"(": 1, ")": -1}.get(text[at], 0)
            at += 1
        first = text.count("\n", 0, match.end()) + 1
        found.update(range(first, text.count("\n", 0, at) + 2))
    return found


class Exceptions:
    """Lines that need not be covered: file, function or "*", text of the line, reason."""

    def __init__(self):
        with open(EXCEPTIONS_FILE, newline="") as file:
            rows = [row for row in csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
                    if row and not row[0].startswith("#")]
        self.reasons = {(path, text.strip()): reason for path, text, reason in rows}
        self.used = set()

    def match(self, path, text):
        key = (path, text.strip())
        self.used.update({key} & self.reasons.keys())
        return key in self.reasons

    def unused(self):
        return sorted(self.reasons.keys() - self.used)


class Sum:
    """Lines and branches of a file or a folder."""

    def __init__(self):
        self.lines = self.lines_run = self.branches = self.branches_run = 0
        self.missing = []  # (path, line number, text, branches, those not taken)

    def add(self, other):
        self.lines += other.lines
        self.lines_run += other.lines_run
        self.branches += other.branches
        self.branches_run += other.branches_run
        self.missing += other.missing

    def row(self, name):
        return (f"{name:<42}{self.lines:7}{percent(self.lines_run, self.lines):8.1f} %"
                f"{self.branches:9}{percent(self.branches_run, self.branches):8.1f} %"
                f"{self.branches - self.branches_run:7}")


def percent(part, whole):
    return 100.0 * part / whole if whole else 100.0


def sum_file(path, lines, exceptions):
    with open(path) as file:
        text = file.read()
    texts, asserts, result = text.splitlines(), assert_lines(text), Sum()
    for number, line in sorted(lines.items()):
        if number in asserts:
            continue
        left = sum(1 for count in line.branches if count == 0)
        branches = len(line.branches)
        if left and branches and ALWAYS_FALSE.search("\n".join(texts[number - 1:number + 2])
                                                     .split(";")[0]):
            left, branches = left - 1, branches - 1
        if (left or not line.count) and exceptions.match(path, texts[number - 1]):
            continue
        result.lines += 1
        result.lines_run += line.count > 0
        result.branches += branches
        result.branches_run += branches - left
        if left or not line.count:
            result.missing.append((path, number, texts[number - 1], branches, left))
    return result


def on_error(path, number):
    """Whether the branches of a line decide on an error: it, or what it guards, says so."""
    with open(path) as file:
        texts = file.read().splitlines()
    return any(ERROR_WORDS.search(text) for text in texts[number - 1:number + 1])


def print_missing(missing):
    for path, number, text, branches, left in missing:
        what = f"{left} of {branches} ways" if branches else "not run"
        print(f"{path}:{number}: {what}: {text.strip()}")


def find_faults(folders, exceptions):
    for folder in FOLDERS_BY_FILE:
        reached = percent(folders[folder].branches_run, folders[folder].branches)
        if reached < BRANCHES_LEAST:
            yield f"{folder}: {reached:.1f} % of the branches, {BRANCHES_LEAST} % is the least"
    for path, number, text, _, left in folders["src/persist"].missing:
        if LOG_FILES.match(path) and left and on_error(path, number):
            yield f"{path}:{number}: a branch on an error is not taken: {text.strip()}"
    for path, text in exceptions.unused():
        yield f"{EXCEPTIONS_FILE}: not needed, or no such line: {path}: {text}"


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--missing", metavar="PATH", help="lists what is not covered below PATH")
    parser.add_argument("build")
    options = parser.parse_args()
    exceptions = Exceptions()
    files = {path: sum_file(path, lines, exceptions)
             for path, lines in sorted(read_counts(options.build).items())}
    if options.missing:
        for path, result in files.items():
            if path.startswith(options.missing):
                print_missing(result.missing)
        return 0
    folders = collections.defaultdict(Sum)
    print(f"{'':<42}{'lines':>7}{'run':>10}{'branches':>9}{'taken':>10}{'left':>7}")
    for path, result in files.items():
        folders[os.path.dirname(path)].add(result)
        if os.path.dirname(path) in FOLDERS_BY_FILE:
            print(result.row(path))
    print()
    for folder, result in sorted(folders.items()):
        print(result.row(folder))
    print(f"\n{len(exceptions.used)} lines are excepted: {EXCEPTIONS_FILE}")
    faults = list(find_faults(folders, exceptions))
    for fault in faults:
        print(f"not ok - {fault}")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
