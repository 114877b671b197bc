#!/usr/bin/python3
"""Tests the difference test itself, redis-server against redis-server: it must find nothing there,
and it must find one reply of which one bit was changed."""

import contextlib
import io
import os
import shutil
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "support"))

from pair import Pair, why_not  # noqa: E402
from random_test import SERVER_CONFIG, Flip, Run  # noqa: E402

COMMANDS = 20_000
FLIPS = 30
FLIP_COMMANDS = 1_000
DEFAULT_SEED = 2  # CI is not decided by chance


def differences(pair, protocol, seed, commands, flip=-1):
    """How many differences a run finds, and what it printed."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        found = Run(pair, protocol, seed, Flip(flip), "general").run(commands)
    return found, printed.getvalue()


def check_equal(pair, protocol, seed):
    sentence = f"redis-server differs in nothing from itself in RESP{protocol}"
    found, printed = differences(pair, protocol, seed, COMMANDS)
    if found:
        print(f"not ok - {sentence}\n  seed {seed}\n{printed}")
        return False
    print(f"ok - {sentence}")
    return True


def check_flips(pair, protocol, seed):
    sentence = f"one bit changed in one reply is found, {FLIPS} times of {FLIPS} in RESP{protocol}"
    missed = []
    for i in range(FLIPS):
        found, _ = differences(pair, protocol, seed + i, FLIP_COMMANDS, flip=i % 4)
        if found != 1:
            missed.append(seed + i)
    if missed:
        print(f"not ok - {sentence}\n  not found once each with the seeds {missed}")
        return False
    print(f"ok - {sentence}")
    return True


def main():
    if reason := why_not():
        print(f"skip - the difference test finds a changed reply: {reason}")
        return 0
    seed = int(sys.argv[1]) if len(sys.argv) > 1 else DEFAULT_SEED
    print(f"  seed {seed}", flush=True)
    passed = True
    with Pair(*SERVER_CONFIG, subject=shutil.which("redis-server")) as pair:
        for protocol in (2, 3):
            passed = check_equal(pair, protocol, seed) and passed
            passed = check_flips(pair, protocol, seed) and passed
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
