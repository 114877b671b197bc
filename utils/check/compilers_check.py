#!/usr/bin/env python3
"""Every header compiles alone, and every source with gcc and with clang, without a warning. What
has not changed since it last did is not compiled again."""

import concurrent.futures
import os
import shutil
import subprocess

from source import main

COMPILERS = ("gcc", "clang")
INCLUDES = {"tests/unit": ["tests/unit"], "tests/server": ["tests/server"],
            "tests/fault": ["tests/fault", "tests/server", "tests/unit"],
            "tests/fuzz": ["tests/fuzz"],
            "tests/simulation": ["tests/simulation"], "utils": ["utils"]}


def house_flags(tree):
    """As the Makefile has them, so that there is one list."""
    result = subprocess.run(["make", "-s", "--no-print-directory", "show-flags"], cwd=tree.root,
                            stdout=subprocess.PIPE, text=True, check=True,
                            env={**os.environ, "MAKEFLAGS": "", "MAKELEVEL": "1"})
    return result.stdout.split()


def command(flags, compiler, path):
    includes = ["-Isrc"] + [f"-I{folder}" for prefix, folders in INCLUDES.items()
                            if path.startswith(prefix + "/") for folder in folders]
    return [compiler, *flags, *includes, "-fsyntax-only"]


def is_unchanged(tree, stamp):
    """The stamp is the compiler's list of what it read."""
    if not os.path.exists(stamp):
        return False
    with open(stamp) as file:
        words = file.read().replace("\\\n", " ").split()
    made = os.path.getmtime(stamp)
    for word in words[1:]:
        path = os.path.join(tree.root, word)
        if not os.path.exists(path) or os.path.getmtime(path) >= made:
            return False
    return True


def compile_one(tree, flags, compiler, path):
    """The complaint, or None."""
    stamp = os.path.join(tree.root, os.environ.get("HOLDFAST_BUILD", "build"), "check", compiler,
                         path + ".d")
    if is_unchanged(tree, stamp):
        return None
    os.makedirs(os.path.dirname(stamp), exist_ok=True)
    text = f'#include "{path}"\n' if path.endswith(".h") else None
    words = command(flags, compiler, path) + ["-MD", "-MF", stamp + ".new"]
    words += ["-I.", "-x", "c", "-"] if text else [path]
    result = subprocess.run(words, cwd=tree.root, input=text, stderr=subprocess.PIPE, text=True,
                            check=False)
    if result.returncode == 0 and not result.stderr.strip():
        if os.path.exists(stamp + ".new"):
            os.replace(stamp + ".new", stamp)
        return None
    return f"{path}: {compiler}:\n{result.stderr.strip()}"


def compile_all(tree, paths, flags=None):
    flags = flags or house_flags(tree)
    missing = [compiler for compiler in COMPILERS if not shutil.which(compiler)]
    if missing:
        yield f"missing: {' '.join(missing)} (deps/install build test)"
        return
    jobs = [(tree, flags, compiler, path) for path in paths for compiler in COMPILERS]
    with concurrent.futures.ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        for complaint in pool.map(lambda job: compile_one(*job), jobs):
            if complaint:
                yield complaint


def headers_compile_alone(tree, flags=None):
    return compile_all(tree, tree.files(".h"), flags)


def sources_compile_with_both(tree, flags=None):
    return compile_all(tree, tree.files(".c"), flags)


CHECKS = [
    ("every header compiles alone", headers_compile_alone),
    ("every source compiles with gcc and clang without a warning", sources_compile_with_both),
]

if __name__ == "__main__":
    main(CHECKS)
