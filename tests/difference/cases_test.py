#!/usr/bin/python3
"""Plays the hand-written cases of cases/*.txt to redis-server 7.0 and to Holdfast and compares
every reply, and whether the connection was closed.

    cases_test.py [WORD ...]      cases that have one of the words in their name or file

A file may begin with "config: arguments for the server". A case is its name and its steps:

    case: a negative bulk length closes the connection
    1> SET a "\\x00 byte"          a command on connection 1, quoted as for redis-cli, and its reply
    1>> b"*1\\r\\n$-5\\r\\n"          raw bytes, a Python expression; cmd("GET", "a") is a command
    1~ CLIENT REPLY OFF           a command, nothing is awaited;  1~~ the same with raw bytes
    1.                            what has come until now
    1= 3                          what has come, as soon as it is three frames or the end
    1| ECHO end                   sends, shuts down the sending side, and awaits the end
    1x                            closes the connection

Connections are opened when they are first named, on servers that are empty."""

import os
import re
import socket
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "support"))

from compare import Comparer, Explanations, show  # noqa: E402
from pair import Connection, Pair, why_not  # noqa: E402
import resp  # noqa: E402

SERVER_CONFIG = ["--enable-debug-command", "yes", "--slowlog-log-slower-than", "-1"]
DIFFERENCES_SHOWN = 5  # of one case
ESCAPES = {"n": b"\n", "r": b"\r", "t": b"\t", "a": b"\a", "b": b"\b"}


def words(line):
    """The arguments of a line as redis-cli would read it."""
    found = []
    for double, single, plain in re.findall(
            r'"((?:[^"\\]|\\.)*)"|\'([^\']*)\'|(\S+)', line):
        if plain:
            found.append(plain.encode())
        else:
            found.append(unescape(double) if double else single.encode())
    return found


def unescape(text):
    def replace(match):
        if match.group(1):
            return bytes([int(match.group(1), 16)]).decode("latin-1")
        return ESCAPES.get(match.group(2), match.group(2).encode()).decode("latin-1")

    return re.sub(r"\\x([0-9a-f]{2})|\\(.)", replace, text).encode("latin-1")


def raw(expression):
    names = {"cmd": lambda *arguments: resp.encode([
        argument if isinstance(argument, bytes) else str(argument).encode()
        for argument in arguments]), "range": range}
    return eval(expression, {"__builtins__": {}}, names)  # from this repository's own files


class Case:
    def __init__(self, file, line, name):
        self.file, self.line, self.name, self.steps = file, line, name, []


def read_file(path):
    """The arguments for the server and the cases."""
    config, cases = [], []
    name = os.path.basename(path)
    with open(path, encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            line = line.rstrip("\n")
            if not line.strip() or line.startswith("#"):
                continue
            if line.startswith("config: "):
                config = [word.decode() for word in words(line[len("config: "):])]
            elif line.startswith("case: "):
                cases.append(Case(name, number, line[len("case: "):]))
            elif step := re.fullmatch(r"(\d+)(>>|>|~~|~|\.|=|\||x) ?(.*)", line):
                cases[-1].steps.append((number, int(step[1]), step[2], step[3]))
            else:
                raise ValueError(f"{path}:{number}: no such step: {line}")
    return config, cases


class Player:
    """Plays one case."""

    def __init__(self, pair, comparer):
        self.pair, self.comparer = pair, comparer
        self.connections = {}
        self.commands = {}  # sent and not yet compared, by connection
        self.in_transaction = set()
        self.found = []  # descriptions of differences

    def play(self, case):
        try:
            for step in case.steps:
                self.step(*step)
        finally:
            for connection in self.connections.values():
                connection.close()
        return self.found

    def step(self, line, number, kind, rest):
        if number not in self.connections:
            self.connections[number] = Connection(self.pair)
            self.commands[number] = []
        connection = self.connections[number]
        data = b""
        if kind in (">>", "~~"):
            data = raw(rest)
            self.commands[number].append([data])
        elif kind in (">", "~", "|") and rest:
            data = resp.encode(words(rest))
            self.commands[number].append(words(rest))
            self.follow_transaction(number, words(rest))
        if kind in ("~", "~~") or kind == ">" and number in self.in_transaction:
            connection.send(data)
        elif kind == "x":
            connection.close()
        elif kind == "=":
            self.compare(line, number, connection.wait_for_frames(int(rest)))
        elif kind == "|":
            self.compare(line, number, self.until_end(connection, data))
        else:
            self.compare(line, number, connection.exchange(data))

    @staticmethod
    def until_end(connection, data):
        connection.send(data)
        for each in connection.lines:
            each.socket.shutdown(socket.SHUT_WR)
        return [each.until(lambda _: False) for each in connection.lines]

    def follow_transaction(self, number, command):
        """Inside a transaction the PING that marks the end of a reply would be queued."""
        name = command[0].upper()
        if name == b"MULTI":
            self.in_transaction.add(number)
        elif name in (b"EXEC", b"DISCARD", b"RESET", b"QUIT"):
            self.in_transaction.discard(number)

    def compare(self, line, number, replies):
        commands = self.commands[number] or [[b"(nothing sent)"]]
        self.commands[number] = []
        for _, command, ours, theirs in self.comparer.differences(commands, *replies):
            self.found.append(f"line {line}: {show(command)}\n"
                              f"      redis-server: {show(ours, 1500)}\n"
                              f"      holdfast:     {show(theirs, 1500)}")


def empty(pair, password):
    """Both servers as they were at the start, once the last case's connections are gone."""
    admin = Connection(pair)
    if password:
        admin.send(resp.encode([b"AUTH", password.encode()]))
        admin.wait_for_frames(1)
    admin.wait_until_alone()
    for command in ("CLIENT UNPAUSE", "FLUSHALL", "CONFIG SET notify-keyspace-events \"\"",
                    "CONFIG RESETSTAT", "SLOWLOG RESET"):
        admin.exchange(resp.encode(words(command)))
    admin.close()


def run_case(pair, password, comparer, case):
    """True unless something differs."""
    try:
        empty(pair, password)
        found = Player(pair, comparer).play(case)
    except (OSError, ValueError) as error:
        found = [f"{error!r}\n      {pair.trouble() or 'both servers still run'}"]
    print(f"{'not ok' if found else 'ok'} - {case.name}")
    for difference in found[:DIFFERENCES_SHOWN]:
        print(f"    {case.file}, {difference}")
    if len(found) > DIFFERENCES_SHOWN:
        print(f"    and {len(found) - DIFFERENCES_SHOWN} more")
    sys.stdout.flush()
    return not found


def run_file(path, chosen, explanations):
    config, cases = read_file(path)
    file = os.path.basename(path)
    cases = [case for case in cases
             if not chosen or any(word in f"{file} {case.name}" for word in chosen)]
    if not cases:
        return True
    passed = True
    password = config[config.index("--requirepass") + 1] if "--requirepass" in config else None
    with Pair(*SERVER_CONFIG, *config) as pair:
        for case in cases:
            passed = run_case(pair, password, Comparer(explanations), case) and passed
            if trouble := pair.trouble():
                print(f"  {trouble}")
                print(f"not ok - both servers live through {file}")
                return False
        if trouble := pair.stop_subject():
            print(f"not ok - the server ends well after {file}\n  {trouble}")
            return False
    return passed


def main():
    if reason := why_not():
        print(f"skip - hand-written cases get the replies of redis-server 7.0: {reason}")
        return 0
    explanations = Explanations()
    folder = os.path.join(HERE, "cases")
    passed = True
    for file in sorted(os.listdir(folder)):
        if file.endswith(".txt"):
            try:
                passed = run_file(os.path.join(folder, file), sys.argv[1:], explanations) and passed
            except RuntimeError as error:
                print(f"not ok - both servers start for {file}\n  {error}")
                passed = False
    for reason, count in sorted(explanations.met.items()):
        print(f"  explained {count} times: {reason}")
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
