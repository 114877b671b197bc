#!/usr/bin/env python3
"""Sizes of files and functions, guards, format, READMEs, state that outlives a call. An exception
stands with its reason in exceptions.tsv; one that is not needed any more is a fault too."""

import ast
import os
import re
import shutil
import subprocess

from source import EXCEPTIONS_FILE, main

FILE_LINES_MAX = 799
FUNCTION_LINES_MAX = 69
LINE_COLUMNS_MAX = 100
README_LINES_MAX = 60
FORMAT_BATCH = 40  # files given to one clang-format


def files_are_short(tree):
    for path in tree.files(".c", ".h", ".py", ".js", ".sh"):
        lines = tree.text(path).count("\n")
        if lines > FILE_LINES_MAX and not tree.is_excepted("file-lines", path, "*"):
            yield f"{path}: {lines} lines, allowed are {FILE_LINES_MAX}"


def python_functions(tree, path):
    for node in ast.walk(ast.parse(tree.text(path))):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield node.name, node.lineno, node.end_lineno


def functions_are_short(tree):
    for path in tree.files(".c", ".h", ".py"):
        functions = python_functions if path.endswith(".py") else type(tree).functions
        for name, first, last in functions(tree, path):
            lines = last - first + 1
            if lines > FUNCTION_LINES_MAX and not tree.is_excepted("function-lines", path, name):
                yield f"{path}:{first}: {name}: {lines} lines, allowed are {FUNCTION_LINES_MAX}"


def lines_are_short(tree):
    for path in tree.files(".c", ".h", ".py"):
        for number, line in enumerate(tree.text(path).splitlines(), 1):
            if len(line) > LINE_COLUMNS_MAX and not tree.is_excepted("line-columns", path, "*"):
                yield f"{path}:{number}: {len(line)} columns, allowed are {LINE_COLUMNS_MAX}"


def headers_are_guarded(tree):
    """src/a/b.h by HOLDFAST_A_B_H; elsewhere the folder may be left out."""
    for path in tree.files(".h"):
        text = tree.code(path).strip()
        found = re.match(r"#ifndef (\w+)\n#define (\w+)\n", text)
        words = re.sub(r"\W", "_", path.split("/", 1)[1]).upper()
        wanted = f"HOLDFAST_{words}"
        if not found or found.group(1) != found.group(2) or not text.endswith("#endif"):
            yield f"{path}: does not begin and end with a guard {wanted}"
        elif found.group(1) != wanted and path.startswith("src/"):
            yield f"{path}: guard {found.group(1)} should be {wanted}"
        elif not found.group(1).startswith("HOLDFAST_"):
            yield f"{path}: guard {found.group(1)} should begin with HOLDFAST_"


def folders_have_a_readme(tree):
    sources = tree.files(".c", ".h", folders=("src",))
    for folder in sorted({os.path.dirname(path) for path in sources}):
        readme = os.path.join(folder, "README.md")
        if folder == "src":
            continue
        if not os.path.exists(os.path.join(tree.root, readme)):
            yield f"{folder}: has no README.md (purpose, invariants, call path)"
        elif tree.text(readme).count("\n") > README_LINES_MAX:
            yield f"{readme}: more than {README_LINES_MAX} lines"


def sources_are_formatted(tree):
    if not shutil.which("clang-format"):
        yield "clang-format is missing (deps/install test)"
        return
    files = tree.files(".c", ".h")
    wrong = set()
    for start in range(0, len(files), FORMAT_BATCH):
        result = subprocess.run(["clang-format", "--dry-run", *files[start:start + FORMAT_BATCH]],
                                cwd=tree.root, stderr=subprocess.PIPE, text=True, check=False)
        wrong.update(re.findall(r"^(\S+?):\d+:\d+: warning: .*clang-format", result.stderr,
                                re.MULTILINE))
        if result.returncode != 0:
            yield f"clang-format: {result.stderr.strip()}"
    for path in sorted(wrong):
        yield f"{path}: not formatted (clang-format -i {path})"


def symbols(tree):
    """(source, name, type, section) of what the built objects of src/ define."""
    build = os.environ.get("HOLDFAST_BUILD", "build")
    sources = {f"{build}/objects/{path[:-2]}.o": path
               for path in tree.files(".c", folders=("src",))}
    missing = [path for object_file, path in sources.items()
               if not os.path.exists(os.path.join(tree.root, object_file))]
    for path in missing:
        yield path, "", "not built", ""
    if missing or not sources:
        return
    listing = subprocess.run(["nm", "--format=sysv", "--defined-only", "-A", *sources],
                             cwd=tree.root, stdout=subprocess.PIPE, text=True, check=True).stdout
    for line in listing.splitlines():
        columns = [column.strip() for column in line.split("|")]
        if len(columns) == 7:
            object_file, name = columns[0].rsplit(":", 1)
            kind = columns[3] if columns[2].isupper() or columns[3] != "FUNC" else "static FUNC"
            yield sources[object_file], re.sub(r"\.\d+$", "", name), kind, columns[6]


def state_is_local(tree):
    """Looks at the objects: what lies in a writable section is state that outlives a call."""
    for source, name, kind, section in symbols(tree):
        if kind == "not built":
            yield f"{source}: is not built: make first"
        elif kind in ("OBJECT", "TLS") \
                and re.match(r"\.(data|bss|tdata|tbss)(?!\.rel\.ro)", section) \
                and not tree.is_excepted("state", source, name):
            yield f"{source}: {name} is state that outlives a call (section {section})"


def functions_bear_their_files_name(tree):
    """The first word at least; plural and singular are one. What runs a command may begin so."""
    for source, name, kind, _ in symbols(tree):
        if kind != "FUNC" or name == "main" or tree.is_excepted("name", source, name):
            continue
        words = [os.path.basename(source)[:-2].split("_")[0]]
        words += ["command"] if source.startswith("src/commands/") else []
        first = name.split("_")[0]
        if not any(first.startswith(word.rstrip("s")) or word.startswith(first) for word in words):
            yield f"{source}: {name} does not begin with its file's name"


def exceptions_are_needed(tree):
    """Runs last: the checks before it have noted which exceptions they used."""
    if not os.path.exists(os.path.join(tree.root, EXCEPTIONS_FILE)):
        return
    own_rules = {"file-lines", "function-lines", "line-columns", "state", "name"}
    for key in sorted(set(tree.exceptions) - tree.exceptions_used):
        if key[0] in own_rules or not os.path.exists(os.path.join(tree.root, key[1])):
            yield f"{EXCEPTIONS_FILE}: not needed any more: {' '.join(key)}"


CHECKS = [
    ("files are under 800 lines", files_are_short),
    ("functions are under 70 lines", functions_are_short),
    ("lines are at most 100 columns", lines_are_short),
    ("headers are guarded by their path", headers_are_guarded),
    ("every folder of src/ has a short README", folders_have_a_readme),
    ("sources are formatted", sources_are_formatted),
    ("no state outlives a call", state_is_local),
    ("functions begin with their file's name", functions_bear_their_files_name),
    ("no exception is without need", exceptions_are_needed),
]

if __name__ == "__main__":
    main(CHECKS)
