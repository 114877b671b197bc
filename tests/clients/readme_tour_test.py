#!/usr/bin/env python3
"""The README's tour, typed into redis-cli as it stands there, gives the answers it shows."""
import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "support"))
from holdfast import ROOT, equal, run_tests, test  # noqa: E402

PROMPT = re.compile(r"^    127\.0\.0\.1:6379(?:\(TX\))?> (.*)$")
LISTENS = "SUBSCRIBE"  # does not come back: its answers are read one by one
LOOKS = ("INFO", "COMMAND COUNT", "SLOWLOG", "LATENCY")  # shown without an answer


def tour():
    """Pairs of a command and the lines that answer it."""
    with open(os.path.join(ROOT, "README.md"), encoding="utf-8") as file:
        text = file.read()
    text = text[text.index("## A tour"):text.index("## What is kept")]
    steps = []
    for line in text.splitlines():
        typed = PROMPT.match(line)
        if typed:
            steps.append((typed.group(1), []))
        elif steps and line.startswith("    ") and not line.startswith("    $"):
            steps[-1][1].append(line[4:])
    return steps



def listen(server, command, expected):
    with subprocess.Popen(["redis-cli", "-p", str(server.port), "--no-raw", *command.split()],
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        lines = []
        while len(lines) < len(expected):
            line = process.stdout.readline().decode().rstrip("\n")
            if not line.startswith("Reading messages"):
                lines.append(line)
        process.kill()
    equal(lines, expected, command)


@test("every command of the README's tour answers as it is shown there")
def _(server):
    steps = tour()
    equal(len(steps) > 15, True, "steps of the tour")
    for_pipe = [step for step in steps if not step[0].startswith((LISTENS,) + LOOKS)]
    done = subprocess.run(["redis-cli", "-p", str(server.port), "--no-raw"],
                          input="\n".join(command for command, _ in for_pipe) + "\n",
                          stdout=subprocess.PIPE, check=True, text=True)
    shown = [line for _, answer in for_pipe for line in answer]
    found = done.stdout.splitlines()
    for i, line in enumerate(shown):
        if line == "(integer) 30" and found[i] == "(integer) 29":
            found[i] = line  # a second may have passed
    equal(found, shown)


@test("the event of the tour comes when the key goes")
def _(server):
    command, expected = next(step for step in tour() if step[0].startswith(LISTENS))
    server.ask("CONFIG", "SET", "notify-keyspace-events", "Ex")
    server.ask("SET", "short", "lived", "PX", "1000")
    listen(server, command, expected)


@test("what the tour only looks at is answered")
def _(server):
    for command, _ in tour():
        if command.startswith(LOOKS):
            answer = server.ask(*command.split())
            equal(answer[:1] in (b"$", b":", b"*"), True, f"{command}: {answer[:60]!r}")


run_tests()
