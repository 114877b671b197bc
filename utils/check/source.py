"""What the checks share: the files of a tree, C text without comments and strings, exceptions."""

import csv
import functools
import os
import re
import sys

C_FOLDERS = ("src", "tests", "utils")
SKIPPED_FOLDERS = {"build", "node_modules", "__pycache__", ".git"}
EXCEPTIONS_FILE = "utils/check/exceptions.tsv"

TOKEN = re.compile(
    r"""(?P<comment>/\*.*?\*/|//[^\n]*)"""
    r"""|(?P<string>"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*')""", re.DOTALL)
SIGNATURE_LINE = re.compile(r"[\w \t*(),\[\].].*[^;}]\s*$")
ATTRIBUTE = r"__attribute__\s*\(\(.*?\)\)+"


class Tree:
    """The project below `root`. Paths are relative to it."""

    def __init__(self, root="."):
        self.root = root
        self.exceptions = self.read_exceptions()
        self.exceptions_used = set()

    def files(self, *extensions, folders=C_FOLDERS):
        found = []
        for folder in folders:
            for where, names, files in os.walk(os.path.join(self.root, folder)):
                names[:] = [name for name in names if name not in SKIPPED_FOLDERS]
                found += [os.path.relpath(os.path.join(where, file), self.root)
                          for file in files if file.endswith(extensions)]
        return sorted(found)

    @functools.lru_cache(maxsize=None)
    def text(self, path):
        with open(os.path.join(self.root, path), errors="replace") as file:
            return file.read()

    @functools.lru_cache(maxsize=None)
    def code(self, path):
        """The text with comments and strings blanked out, lines kept."""
        def blank(match):
            inner = re.sub(r"[^\n]", " ", match.group(0))
            return inner if match.group("comment") else f'"{inner[1:-1]}"'
        return TOKEN.sub(blank, self.text(path))

    def includes(self, path):
        """(line number, how it is quoted, what is included) of each #include."""
        for number, line in enumerate(self.text(path).splitlines(), 1):
            if found := re.match(r'\s*#\s*include\s*([<"])([^>"]+)[>"]', line):
                yield number, found.group(1), found.group(2)

    def functions(self, path):
        """(name, first line, last line) of each function; its braces stand in column 0."""
        lines = self.code(path).splitlines()
        begin = None
        for number, line in enumerate(lines):
            if line == "{":
                begin = number
            elif line == "}" and begin is not None:
                first = begin
                while first > 0 and SIGNATURE_LINE.match(lines[first - 1]):
                    first -= 1
                signature = re.sub(ATTRIBUTE, "", " ".join(lines[first:begin]))
                found = re.search(r"(\w+)\s*\(", signature)
                yield (found.group(1) if found else "?"), first + 1, number + 1
                begin = None

    # --- exceptions -------------------------------------------------------------------------------

    def read_exceptions(self):
        """{(rule, file, what): reason}. `what` may be "*"."""
        path = os.path.join(self.root, EXCEPTIONS_FILE)
        if not os.path.exists(path):
            return {}
        with open(path, newline="") as file:
            rows = [row for row in csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
                    if row and not row[0].startswith("#")]
        for row in rows:
            if len(row) != 4 or not row[3].strip():
                raise SystemExit(f"{EXCEPTIONS_FILE}: not (rule, file, what, reason): {row}")
        return {(rule, path, what): reason for rule, path, what, reason in rows}

    def is_excepted(self, rule, path, what):
        for key in ((rule, path, what), (rule, path, "*")):
            if key in self.exceptions:
                self.exceptions_used.add(key)
                return True
        return False


def run_checks(checks, tree=None):
    """Prints the complaints of each check and a line "ok" or "not ok"; the exit status."""
    tree = tree or Tree()
    failed = False
    for name, check in checks:
        complaints = list(check(tree))
        for complaint in complaints:
            print(complaint)
        print(f"{'not ok' if complaints else 'ok'} - {name}", flush=True)
        failed = failed or bool(complaints)
    return 1 if failed else 0


def main(checks):
    os.chdir(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
    sys.exit(run_checks(checks))
