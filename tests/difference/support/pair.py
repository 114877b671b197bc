"""The two servers that are compared, and connections that go to both at once."""

import os
import shutil
import socket
import sys
import time
import uuid

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "..", "..", "clients", "support"))

from holdfast import Server  # noqa: E402
import resp  # noqa: E402

REFERENCE_VERSION = "7.0."
REPLY_SECONDS_MAX = 20
QUIET_SECONDS_MAX = 3
CLOSED = b"<the connection was closed>"


def why_not():
    """The reason why nothing can be compared here, or None."""
    program = shutil.which("redis-server")
    if not program:
        return "redis-server is not installed (apt-get install redis-server)"
    version = os.popen(f"{program} --version").read()
    if f"v={REFERENCE_VERSION}" not in version:
        return f"the reference is redis-server {REFERENCE_VERSION}x, here is {version.strip()}"
    return None


class Pair:
    """The reference and the server under test, started with the same arguments."""

    def __init__(self, *config, subject=None):
        self.reference = Server(*config, program=shutil.which("redis-server"))
        self.subject = Server(*config, program=subject)

    def __enter__(self):
        self.reference.start()
        try:
            self.subject.start()
        except Exception:
            self.reference.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self.subject.__exit__()
        self.reference.__exit__()

    def servers(self):
        return self.reference, self.subject

    def trouble(self):
        """What a server that has ended left in its log, or None."""
        for name, server in (("reference", self.reference), ("server under test", self.subject)):
            if server.process.poll() is not None:
                return f"the {name} has ended ({server.process.returncode}):\n{server.log()}"
        return None

    def stop_subject(self):
        """Ends the server under test; what is wrong with its end, or None."""
        status = self.subject.stop()
        return f"it ended with status {status}:\n{self.subject.log()}" if status else None


class Line:
    """One connection to one server."""

    def __init__(self, server):
        self.socket = socket.create_connection(("127.0.0.1", server.port), REPLY_SECONDS_MAX)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.received = b""
        self.closed = False

    def send(self, data):
        if self.closed:
            return
        try:
            self.socket.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            self.closed = True

    def receive(self):
        """Reads once. False when the connection has been closed; an error when nothing comes."""
        if self.closed:
            return False
        try:
            data = self.socket.recv(1 << 18)
        except (BrokenPipeError, ConnectionResetError):
            data = b""
        self.received += data
        self.closed = not data
        return not self.closed

    def until(self, enough):
        """All that came until enough(bytes) is true or the connection was closed."""
        while not enough(self.received) and self.receive():
            pass
        taken = self.received + (CLOSED if self.closed else b"")
        self.received = b""
        return taken

    def until_mark(self, mark):
        """What came before the reply to a PING with that text. What came after it is kept: it is
        a matter of chance whether more has come yet."""
        bulk = b"$%d\r\n%b\r\n" % (len(mark), mark)
        seen = self.until(lambda received: bulk in received)
        before, found, after = seen.partition(bulk)
        if found and not self.closed:
            self.received = after
        return before.removesuffix(b"*2\r\n$4\r\npong\r\n")  # while subscribed in RESP2


class Connection:
    """A connection to both servers: what is sent goes to both, what they answer comes in two."""

    def __init__(self, pair):
        self.lines = [Line(server) for server in pair.servers()]

    def close(self):
        for line in self.lines:
            line.socket.close()

    def send(self, data):
        for line in self.lines:
            line.send(data)

    def exchange(self, data=b""):
        """Sends and returns both answers up to the reply to a PING that is sent last.

        Not usable while that PING would be queued or not be answered."""
        mark = uuid.uuid4().bytes.hex().encode()
        self.send(data + resp.encode([b"PING", mark]))
        return [line.until_mark(mark) for line in self.lines]

    def wait_until_alone(self):
        """Until both servers have noticed that all other connections were closed."""
        deadline = time.monotonic() + QUIET_SECONDS_MAX
        while time.monotonic() < deadline:
            lists = self.exchange(resp.encode([b"CLIENT", b"LIST"]))
            if all(reply.count(b" addr=") == 1 for reply in lists):
                break
            time.sleep(0.001)

    def wait_for_frames(self, count):
        """Both answers as soon as each has `count` frames or is closed."""
        return [line.until(lambda seen: resp.count_frames(seen) >= count) for line in self.lines]
