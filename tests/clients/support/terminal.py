"""A program run on a pseudo-terminal, as a person would see it."""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import termios
import time

EXPECT_SECONDS_MAX = 20
ROWS, COLUMNS = 50, 200


class Terminal:
    """Starts `command`; `expect` waits for text, `type` presses keys."""

    def __init__(self, command):
        self.pid, self.descriptor = pty.fork()
        if self.pid == 0:
            os.environ.update(TERM="xterm", LC_ALL="C.UTF-8", REDISCLI_HISTFILE="/dev/null")
            try:
                # The size must be there before the program asks for it.
                fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
                os.execvp(command[0], command)
            finally:
                os._exit(127)
        self.text = ""  # what has come and was not expected yet

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.pid:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        os.close(self.descriptor)

    def type(self, keys):
        os.write(self.descriptor, keys.encode())

    def expect(self, pattern):
        """Waits until `pattern` stands in what came since the last call; all up to its end."""
        deadline = time.monotonic() + EXPECT_SECONDS_MAX
        while True:
            found = re.search(pattern, self.text)
            if found:
                seen = self.text[:found.end()]
                self.text = self.text[found.end():]
                return seen
            left = deadline - time.monotonic()
            if left <= 0 or not self.read(left):
                raise AssertionError(f"waited for /{pattern}/, the terminal shows {self.text!r}")

    def read(self, seconds):
        """False when nothing came or the program has ended."""
        if not select.select([self.descriptor], [], [], seconds)[0]:
            return False
        try:
            data = os.read(self.descriptor, 65536)
        except OSError:
            return False
        self.text += data.decode(errors="replace")
        return bool(data)

    def wait(self):
        """Waits for the program's end; its exit status."""
        deadline = time.monotonic() + EXPECT_SECONDS_MAX
        while time.monotonic() < deadline:
            self.read(0.05)
            ended, status = os.waitpid(self.pid, os.WNOHANG)
            if ended:
                self.pid = 0
                return os.waitstatus_to_exitcode(status)
        raise AssertionError("the program did not end")
