#!/usr/bin/env python3
"""The server as a process: Debian's redis.conf, signals, a daemon with its pid file."""
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "support"))
from holdfast import Server, Skip, contains, equal, eventually, free_port, run_tests  # noqa: E402
from holdfast import server_program, test  # noqa: E402

STOCK = "/etc/redis/redis.conf"


def read(path):
    with open(path, errors="replace", encoding="utf-8") as file:
        return file.read()


def answers(port):
    done = subprocess.run(["redis-cli", "-p", str(port), "PING"], stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, check=False)
    return done.stdout == b"PONG\n"


@test("Debian's redis.conf starts it, and what has no effect is named once")
def _(server):
    if server.is_reference():
        raise Skip("this is about Holdfast")
    if not os.access(STOCK, os.R_OK):
        raise Skip(f"there is no {STOCK} to read")
    folder = tempfile.mkdtemp(dir=os.environ.get("TMPDIR"))
    port, log = free_port(), os.path.join(folder, "log")
    process = subprocess.Popen(
        [server_program(), STOCK, "--port", str(port), "--dir", folder, "--daemonize", "no",
         "--logfile", log, "--pidfile", os.path.join(folder, "pid"), "--supervised", "no"])
    try:
        eventually(lambda: answers(port), about="an answer to PING")
        text = read(log)
        equal(text.count("replica-serve-stale-data"), 1, "mentions of a directive without effect")
    finally:
        process.terminate()
        equal(process.wait(20), 0, "exit status")
        shutil.rmtree(folder)


@test("SIGHUP opens the log file anew")
def _(server):
    if server.is_reference():
        raise Skip("Redis opens its log for each line")
    with Server("--logfile", "own.log") as other:
        path = os.path.join(other.folder, "own.log")
        eventually(lambda: os.path.exists(path), about="the log file")
        os.rename(path, path + ".1")
        other.process.send_signal(signal.SIGHUP)
        eventually(lambda: os.path.exists(path), about="the new log file")
        equal(other.stop(signal.SIGTERM), 0, "exit status")
        contains(read(path), "stopping")


@test("SIGTERM and SIGINT end it with status 0, and nothing is lost")
def _(server):
    for by in (signal.SIGTERM, signal.SIGINT):
        with Server("--appendonly", "yes", "--appendfsync", "everysec") as other:
            other.ask("SET", "key", by.name)
            equal(other.stop(by), 0, f"exit status after {by.name}")
            other.start()
            contains(other.ask("GET", "key").decode(), by.name)


def threads_of(pid):
    tasks = f"/proc/{pid}/task"
    return " ".join(read(f"{tasks}/{thread}/comm").strip() for thread in os.listdir(tasks))


@test("a daemon writes its pid file, and takes it away")
def _(server):
    folder = tempfile.mkdtemp(dir=os.environ.get("TMPDIR"))
    port, pid_file, pid = free_port(), os.path.join(folder, "pid"), None
    try:
        done = subprocess.run(
            [server.program, "--port", str(port), "--bind", "127.0.0.1", "--dir", folder, "--save",
             "", "--daemonize", "yes", "--pidfile", pid_file, "--logfile",
             os.path.join(folder, "log")], check=False, timeout=20)
        equal(done.returncode, 0, "exit status of the launcher")
        eventually(lambda: answers(port), about="an answer to PING")
        pid = int(read(pid_file))
        if server.ask("INFO", "memory").find(b"mem_allocator:jemalloc") >= 0:
            # A fork takes no threads along: without this one the loop returns the pages itself.
            contains(threads_of(pid), "jemalloc_bg_thd")
        os.kill(pid, signal.SIGTERM)
        eventually(lambda: not os.path.exists(pid_file), about="the end of the pid file")
        eventually(lambda: not answers(port), about="the end of the daemon")
        pid = None
        time.sleep(0.1)
    finally:
        if pid is not None:  # the test has failed on its way
            os.kill(pid, signal.SIGKILL)
        shutil.rmtree(folder, ignore_errors=True)


run_tests()
