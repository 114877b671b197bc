"""What every client test in Python needs: a server of its own, and a way to report.

A test program is a list of functions marked @test("a sentence"). `run_tests()` gives each of them
the same server and prints a line for each: ok, not ok with what happened, or skip with the reason.

    HOLDFAST_SERVER   the program to test; build/holdfast-server if unset. With redis-server the
                      tests test themselves: nearly all must pass."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import traceback

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", "..", ".."))
START_SECONDS_MAX = 30
STOP_SECONDS_MAX = 20
START_ATTEMPTS = 5  # a port that was free a moment ago may have been taken since
LOG_LINES_SHOWN = 40


class Skip(Exception):
    """Raised by a test that cannot be run here; its text is the reason."""


def scratch_folder():
    return tempfile.mkdtemp(prefix="clients-", dir=os.environ.get("TMPDIR"))


def server_program():
    program = os.environ.get("HOLDFAST_SERVER") or os.path.join(ROOT, "build", "holdfast-server")
    return shutil.which(program) or os.path.abspath(program)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    """A server process on a port of its own, stopped by its own process id."""

    def __init__(self, *config, program=None):
        """`config`: further arguments for the server, e.g. "--maxclients", "100"."""
        self.program = os.path.abspath(program) if program else server_program()
        self.config = list(config)
        self.folder = scratch_folder()
        self.log_path = os.path.join(self.folder, "server.log")
        self.process = None
        self.port = None

    def __enter__(self):
        try:
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def start(self, port=None):
        """Returns when the server answers. `port`: to come back where it was before."""
        for attempt in range(START_ATTEMPTS):
            self.port = port or free_port()
            self.launch()
            if self.wait_until_answering():
                return
            taken = "in use" in self.log()
            self.stop()
            if not taken:
                break
        raise RuntimeError(f"{self.program} did not start; its log:\n{self.log()}")

    def launch(self):
        """Starts the process on self.port and does not wait for it."""
        command = [self.program, "--port", str(self.port), "--bind", "127.0.0.1", "--save", "",
                   "--dir", self.folder] + self.config
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log,
                                            stderr=subprocess.STDOUT, cwd=self.folder)

    def wait_until_answering(self):
        deadline = time.monotonic() + START_SECONDS_MAX
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                with socket.create_connection(("127.0.0.1", self.port), timeout=5) as connection:
                    connection.sendall(b"PING\r\n")
                    if connection.recv(64).startswith((b"+PONG", b"-NOAUTH")):
                        return True
            except OSError:
                pass
            time.sleep(0.02)
        return False

    def stop(self, by=signal.SIGTERM):
        """Returns the exit status, None if it was not running."""
        if self.process is None:
            return None
        if self.process.poll() is None:
            self.process.send_signal(by)
        try:
            self.process.wait(STOP_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        status, self.process = self.process.returncode, None
        return status

    def restart(self):
        """Stops it and starts it anew on the same port, as after a crash."""
        self.stop(signal.SIGKILL)
        self.start(self.port)

    def log(self):
        with open(self.log_path, errors="replace") as log:
            return "".join(log.readlines()[-LOG_LINES_SHOWN:])

    def ask(self, *command):
        """One inline command over a connection of its own; the reply's bytes. For set-up only."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=10) as connection:
            connection.sendall(" ".join(command).encode() + b"\r\nQUIT\r\n")
            reply = b""
            while data := connection.recv(65536):
                reply += data
            return reply

    def is_reference(self):
        """Is this Redis, standing in for Holdfast to prove the tests?"""
        return b"holdfast_version" not in self.ask("INFO", "server")

    def has_command(self, name):
        return not self.ask("COMMAND", "INFO", name).startswith((b"*1\r\n*-1", b"*1\r\n$-1"))

    def need_command(self, name):
        """For tests of commands younger than the reference: Holdfast must have them all."""
        if self.is_reference() and not self.has_command(name):
            raise Skip(f"this redis-server has no {name}")


TESTS = []
TEST_SECONDS_MAX = 90


def test(sentence, seconds=TEST_SECONDS_MAX):
    """Marks a function as a test named by a sentence; it is given the server."""
    def mark(function):
        TESTS.append((sentence, seconds, function))
        return function
    return mark


def equal(found, expected, about=""):
    if found != expected:
        raise AssertionError(f"{about + ': ' if about else ''}found {shorten(found)}, "
                             f"expected {shorten(expected)}")


def contains(text, part, about=""):
    if part not in text:
        about = about + ": " if about else ""
        raise AssertionError(f"{about}{shorten(part)} not in {shorten(text)}")


def matches(text, pattern, about=""):
    found = re.search(pattern, text, re.MULTILINE)
    if not found:
        raise AssertionError(f"{about + ': ' if about else ''}/{pattern}/ not in {shorten(text)}")
    return found


def shorten(value, length_max=2000):
    text = repr(value)
    return text if len(text) <= length_max else f"{text[:length_max]}... ({len(text)} characters)"


def eventually(condition, seconds=20, about="the condition"):
    """Waits for something that must happen but need not have happened yet; its value."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"{about} did not come true in {seconds} s")
        time.sleep(0.01)


def on_alarm(*_):
    raise TimeoutError("the test took longer than it may")


def run_test(server, sentence, seconds, function):
    """True unless it failed."""
    signal.signal(signal.SIGALRM, on_alarm)
    signal.alarm(seconds)
    try:
        function(server)
        print(f"ok - {sentence}", flush=True)
    except Skip as reason:
        print(f"skip - {sentence}: {reason}", flush=True)
    except Exception:
        signal.alarm(0)
        print(f"not ok - {sentence}")
        print_failure()
        return False
    finally:
        signal.alarm(0)
    return True


def print_failure():
    """What was raised, and the way to it from the test inwards."""
    kind, error, trace = sys.exc_info()
    for frame in traceback.extract_tb(trace)[1:]:
        print(f"  {os.path.basename(frame.filename)}:{frame.lineno}: {frame.line}")
    text = str(error) or kind.__name__
    if kind is not AssertionError:
        text = f"{kind.__name__}: {text}"
    print("  " + text.replace("\n", "\n  "))


def run_tests(*config):
    """Runs every test marked so far on one server and ends the program."""
    failed = 0
    words = sys.argv[1:]
    try:
        with Server(*config) as server:
            for sentence, seconds, function in TESTS:
                if words and not any(word in sentence for word in words):
                    continue
                if server.process.poll() is not None:
                    print("  the server has ended; a new one is started for the next test")
                    failed += 1
                    server.start()
                if not run_test(server, sentence, seconds, function):
                    failed += 1
            if status := server.stop():
                print(f"not ok - the server ends well when it is told to\n  its status is {status}")
                failed += 1
            if failed:
                print("  the server's log ends:\n    " + server.log().replace("\n", "\n    "))
    except (RuntimeError, OSError) as error:
        print("not ok - the server starts")
        print("  " + str(error).replace("\n", "\n  "))
        failed += 1
    sys.exit(1 if failed else 0)
