#!/usr/bin/python3
"""What COMMAND INFO and COMMAND DOCS say of every command that both servers have must be the same:
clients and proxies find the keys of a command, and whether it writes, from there."""

import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "support"))

from compare import Explanations  # noqa: E402
from pair import Connection, Pair, why_not  # noqa: E402
import resp  # noqa: E402

FIELDS = ("name", "arity", "flags", "first key", "last key", "step", "categories", "tips",
          "key specifications", "subcommands")
DOCS_FIELDS = (b"since", b"group", b"doc_flags", b"deprecated_since")
TITLES = {
    "arity": "COMMAND INFO gives each command the arity it has in Redis 7.0",
    "flags": "COMMAND INFO gives each command the flags it has in Redis 7.0",
    "first key": "COMMAND INFO gives each command the key positions it has in Redis 7.0",
    "categories": "COMMAND INFO gives each command the ACL categories it has in Redis 7.0",
    "tips": "COMMAND INFO gives each command the tips it has in Redis 7.0",
    "key specifications": "COMMAND INFO gives each command the key specifications of Redis 7.0",
    "subcommands": "COMMAND INFO knows every subcommand that Redis 7.0 knows",
    "group": "COMMAND DOCS has a summary, and the group and age of Redis 7.0, of each command",
    "arguments": "COMMAND DOCS knows every option of a command that Redis 7.0 knows",
    "doc_flags": "COMMAND DOCS says which commands are deprecated, as Redis 7.0",
}
TOGETHER = {"last key": "first key", "step": "first key", "since": "group", "summary": "group",
            "deprecated_since": "doc_flags"}


def ask(connection, *command):
    """Both replies as Python values, in RESP3."""
    replies = connection.exchange(resp.encode([word.encode() for word in command]))
    return [resp.value(reply) for reply in replies]


def plain(thing):
    """The same for both servers whatever the order of sets."""
    if isinstance(thing, frozenset):
        return sorted(plain(each) for each in thing)
    if isinstance(thing, dict):
        return {plain(name): plain(each) for name, each in sorted(thing.items())}
    if isinstance(thing, list):
        return [plain(each) for each in thing]
    return thing.decode("latin-1") if isinstance(thing, bytes) else thing


def by_name(subcommands):
    return {plain(each[0]): each for each in subcommands or []}


def compare_info(name, reference, subject, note):
    """Compares field by field and goes on to the subcommands that both have."""
    for field, ours, theirs in zip(FIELDS[1:-1], reference[1:], subject[1:]):
        ours, theirs = plain(ours), plain(theirs)
        if field == "tips":
            ours, theirs = sorted(ours), sorted(theirs)
        note(f"COMMAND INFO {name}", field, ours, theirs)
    one, other = by_name(reference[9]), by_name(subject[9])
    note(f"COMMAND INFO {name}", "subcommands", sorted(one), sorted(set(one) & set(other)))
    for each in sorted(set(one) & set(other)):
        compare_info(each, one[each], other[each], note)


def options(arguments):
    """Every word of a syntax that is sent as it is."""
    found = set()
    for argument in arguments or []:
        if b"token" in argument:
            found.add(plain(argument[b"token"]))
        found |= options(argument.get(b"arguments"))
    return found


def compare_docs(name, reference, subject, note):
    """The texts are our own; facts and options must be there."""
    if not subject.get(b"summary"):
        note(f"COMMAND DOCS {name}", "summary", plain(reference[b"summary"]), "none")
    one, other = options(reference.get(b"arguments")), options(subject.get(b"arguments"))
    note(f"COMMAND DOCS {name}", "arguments", sorted(one), sorted(one & other))
    for field in DOCS_FIELDS:
        if field in reference:
            note(f"COMMAND DOCS {name}", field.decode(), plain(reference[field]),
                 plain(subject.get(field)))
    one, other = reference.get(b"subcommands", {}), subject.get(b"subcommands", {})
    for each in sorted(set(one) & set(other)):
        compare_docs(plain(each), one[each], other[each], note)


def compare_commands(connection, note):
    lists = [{plain(name) for name in reply} for reply in ask(connection, "COMMAND", "LIST")]
    common = sorted(name for name in lists[0] & lists[1] if "|" not in name)
    for name in common:
        one, other = ask(connection, "COMMAND", "INFO", name)
        compare_info(name, one[0], other[0], note)
        one, other = ask(connection, "COMMAND", "DOCS", name)
        key = name.encode()
        if not other or key not in other:
            note(f"COMMAND DOCS {name}", "summary", "documented", "missing")
        else:
            compare_docs(name, one[key], other[key], note)
    return len(common)


def main():
    if reason := why_not():
        print(f"skip - the command table says what that of redis-server 7.0 says: {reason}")
        return 0
    explanations = Explanations()
    found = {title: [] for title in TITLES}

    def note(command, field, ours, theirs):
        if ours == theirs:
            return
        ours, theirs = repr(ours), repr(theirs)
        if not explanations.explain(f"{command} {field}", ours, theirs):
            found[TOGETHER.get(field, field)].append(
                f"{command}, {field}:\n      redis-server: {ours}\n      holdfast:     {theirs}")

    with Pair() as pair:
        connection = Connection(pair)
        ask(connection, "HELLO", "3")
        count = compare_commands(connection, note)
    print(f"  {count} commands compared")
    for field, title in TITLES.items():
        print(f"{'not ok' if found[field] else 'ok'} - {title}")
        for line in found[field]:
            print(f"    {line}")
    for reason, times in sorted(explanations.met.items()):
        print(f"  explained {times} times: {reason}")
    return 1 if any(found.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
