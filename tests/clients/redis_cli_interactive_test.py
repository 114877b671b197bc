#!/usr/bin/python3
"""redis-cli as a person uses it, on a pseudo-terminal."""

import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "support"))

from holdfast import contains, equal, run_tests, test  # noqa: E402
from terminal import Terminal  # noqa: E402

CTRL_C = "\x03"


def prompt(server, state=""):
    return re.escape(f"127.0.0.1:{server.port}{state}> ")


class Session(Terminal):
    """redis-cli at its prompt."""

    def __init__(self, server, *options):
        super().__init__(["redis-cli", "-p", str(server.port), *options])
        self.server = server
        self.expect(prompt(server) + "$")

    def run(self, line, state=""):
        """Types a line; what it printed up to the next prompt, which must show `state`."""
        self.type(line + "\r")
        self.expect(re.escape(line) + r"\r\x1b\[\d+C\r\n")  # drawn at Enter
        shown = self.expect(r"(?:^|\n)" + prompt(self.server, state) + "$")
        return re.sub(r"\r?\n?127\.0\.0\.1:\d+\S*> $", "", shown)


@test("redis-cli shows its prompt and prints replies of every kind")
def replies(server):
    with Session(server) as cli:
        equal(cli.run("SET greeting \"hello there\""), "OK")
        equal(cli.run("GET greeting"), '"hello there"')
        equal(cli.run("STRLEN greeting"), "(integer) 11")
        equal(cli.run("GET nothing"), "(nil)")
        equal(cli.run("MGET greeting nothing"), '1) "hello there"\r\n2) (nil)')
        equal(cli.run("KEYS nothing*"), "(empty array)")
        equal(cli.run("SET bytes \"\\x00\\xff\""), "OK")
        equal(cli.run("GET bytes"), '"\\x00\\xff"')
        equal(cli.run("INCR greeting"), "(error) ERR value is not an integer or out of range")
        equal(cli.run("NOSUCH a"),
              "(error) ERR unknown command 'NOSUCH', with args beginning with: 'a' ")


@test("redis-cli shows the rest of a command's syntax while it is typed")
def hints(server):
    with Session(server) as cli:
        cli.type("GETEX ")
        cli.expect(r"\x1b\[0;90;49mkey \[EX seconds\|PX milliseconds\|EXAT unix-time-seconds"
                   r"\|PXAT unix-time-milliseconds\|PERSIST\]\x1b\[0m")
        cli.type("a ")
        cli.expect(r"GETEX a \x1b\[0;90;49m\[EX seconds\|PX milliseconds")
        cli.type(CTRL_C)


@test("redis-cli help tells about a command and about a group, from COMMAND DOCS")
def help_texts(server):
    with Session(server) as cli:
        text = cli.run("help GETRANGE")
        contains(text, "GETRANGE")
        contains(text, "key start end")
        contains(text, "2.4.0")
        contains(text, "string")
        text = cli.run("help @transactions")
        for name in ("DISCARD", "EXEC", "MULTI", "UNWATCH", "WATCH"):
            contains(text, f"\x1b[1m{name}\x1b[0m")


@test("redis-cli help knows the commands that Redis 7.0 does not have")
def help_of_new_commands(server):
    server.need_command("DELIFEQ")
    with Session(server) as cli:
        for name in ("DELIFEQ", "DELEX", "DIGEST", "MSETEX"):
            contains(cli.run(f"help {name}"), f"\x1b[1m{name}\x1b[0m")


@test("redis-cli marks a transaction and a database in its prompt")
def transaction_prompt(server):
    with Session(server) as cli:
        equal(cli.run("MULTI", "(TX)"), "OK")
        equal(cli.run("SET counter 41", "(TX)"), "QUEUED")
        equal(cli.run("INCR counter", "(TX)"), "QUEUED")
        equal(cli.run("EXEC"), "1) OK\r\n2) (integer) 42")
        equal(cli.run("MULTI", "(TX)"), "OK")
        equal(cli.run("DISCARD"), "OK")
        equal(cli.run("SELECT 3", "[3]"), "OK")
        equal(cli.run("GET counter", "[3]"), "(nil)")
        equal(cli.run("SELECT 0"), "OK")
        equal(cli.run("EXEC"), "(error) ERR EXEC without MULTI")


@test("redis-cli receives messages in its subscribe mode and leaves it with Ctrl-C")
def subscribe_mode(server):
    with Session(server) as cli, Session(server) as other:
        cli.type("SUBSCRIBE news\r")
        cli.expect(r"Reading messages\.\.\. \(press Ctrl-C to quit\)\r\n"
                   r'1\) "subscribe"\r\n2\) "news"\r\n3\) \(integer\) 1\r\n')
        equal(other.run("PUBLISH news first"), "(integer) 1")
        cli.expect(r'1\) "message"\r\n2\) "news"\r\n3\) "first"\r\n')
        equal(other.run("PUBLISH news second"), "(integer) 1")
        cli.expect(r'1\) "message"\r\n2\) "news"\r\n3\) "second"\r\n')
        cli.type(CTRL_C)
        cli.expect(prompt(server) + "$")
        equal(cli.run("PING"), "PONG")
        equal(other.run("PUBSUB NUMSUB news"), '1) "news"\r\n2) (integer) 0')


@test("redis-cli in RESP3 prints maps, nulls and messages that are pushed")
def resp3(server):
    with Session(server, "-3") as cli, Session(server) as other:
        contains(cli.run("CONFIG GET maxclients"), '1# "maxclients" => "')
        equal(cli.run("GET nothing"), "(nil)")
        contains(cli.run("HELLO"), '"proto" => (integer) 3')
        cli.run("CLIENT TRACKING ON")
        equal(cli.run("SET watched 1"), "OK")
        equal(cli.run("GET watched"), '"1"')
        equal(other.run("SET watched 2"), "OK")
        contains(cli.run("PING"), "-> invalidate: 'watched'")


@test("redis-cli ends at QUIT and comes back by itself when the server was restarted")
def quits_and_reconnects(server):
    with Session(server) as cli:
        cli.type("quit\r")
        equal(cli.wait(), 0)
    with Session(server) as cli:
        equal(cli.run("PING"), "PONG")
        server.restart()
        cli.type("PING\r")  # finds the connection closed
        cli.expect(r"not connected> $|PONG\r\n.*> $")
        equal(cli.run("PING"), "PONG")


run_tests()
