"""A plain client for tests: commands out, replies in."""
import socket


def encode(*words):
    return b"*%d\r\n" % len(words) + b"".join(
        b"$%d\r\n%s\r\n" % (len(word), word) for word in words)


class Connection:
    """Sends commands, reads one reply each."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=30)
        self.file = self.socket.makefile("rb")

    def send(self, *words):
        self.socket.sendall(encode(*words))

    def read(self):
        """One reply; an error is raised, but one inside an array is an element of it."""
        reply = self.read_reply()
        if isinstance(reply, AssertionError):
            raise reply
        return reply

    def read_reply(self):
        """One reply; an error is an AssertionError."""
        line = self.file.readline()
        if not line.endswith(b"\r\n"):
            raise ConnectionError("closed")
        kind, rest = line[:1], line[1:-2]
        if kind == b"$":
            if rest == b"-1":
                return None
            data = self.file.read(int(rest) + 2)
            if len(data) < int(rest) + 2:
                raise ConnectionError("closed")
            return data[:-2]
        if kind == b"*":
            return [self.read_reply() for _ in range(int(rest))]
        if kind == b"-":
            return AssertionError(line.decode(errors="replace"))
        return int(rest) if kind == b":" else rest

    def ask(self, *words):
        self.send(*words)
        return self.read()
