#!/usr/bin/env python3
"""The test runner itself: it must count right and see every way in which a program can fail."""

import os
import re
import shutil
import subprocess
import time

from testing import run_tests, write_tree

RUNNER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "tests", "run")


def run(root, scripts, *arguments, suite="clients"):
    """Runs the scripts as tests of a suite: (exit status, last line, whole report)."""
    write_tree(root, {f"tests/{suite}/{name}_test.sh": text for name, text in scripts.items()})
    shutil.copy(RUNNER, os.path.join(root, "tests/run"))
    result = subprocess.run([os.path.join(root, "tests/run"), *arguments, suite],
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                            check=False)
    return result.returncode, result.stdout.splitlines()[-1], result.stdout


def test_what_passed_and_what_was_skipped_is_counted(root):
    status, last, report = run(root, {"a": "echo 'ok - one'; echo 'skip - two: no such disk'",
                                      "b": "echo 'ok 1 - three'; echo noise"})
    assert (status, last) == (0, "2 passed, 0 failed, 1 skipped"), report
    assert "two: no such disk" in report and "noise" not in report


def test_without_a_skip_the_last_line_does_not_speak_of_one(root):
    status, last, report = run(root, {"a": "echo 'ok - one'"})
    assert (status, last) == (0, "1 passed, 0 failed"), report


def test_a_failed_test_is_shown_with_its_output(root):
    status, last, report = run(root, {"a": "echo detail; echo 'not ok - one'; echo 'ok - two'"})
    assert (status, last) == (1, "1 passed, 1 failed"), report
    assert "| detail" in report


def test_a_status_without_a_failed_test_is_a_failure(root):
    status, last, report = run(root, {"a": "echo 'ok - one'; exit 3"})
    assert (status, last) == (1, "1 passed, 1 failed") and "status 3" in report, report


def test_a_death_by_signal_is_a_failure(root):
    status, last, report = run(root, {"a": "echo 'ok - one'; kill -SEGV $$"})
    assert (status, last) == (1, "1 passed, 1 failed") and "SIGSEGV" in report, report


def test_a_program_that_reports_nothing_has_failed(root):
    status, last, report = run(root, {"a": "true"})
    assert (status, last) == (1, "0 passed, 1 failed"), report


def test_a_plan_that_is_not_kept_is_a_failure(root):
    status, last, report = run(root, {"a": "echo 1..3; echo 'ok 1 - one'"})
    assert (status, last) == (1, "1 passed, 1 failed") and "1 of 3" in report, report


def test_cmocka_skips_are_skips(root):
    text = "echo 1..2; echo 'ok 1 - one'; echo 'skip: no IPv6'; echo 'not ok 2 # SKIP two'"
    status, last, report = run(root, {"a": text})
    assert (status, last) == (0, "1 passed, 0 failed, 1 skipped"), report
    assert "two: no IPv6" in report


def test_a_program_that_hangs_is_killed_with_what_it_started(root):
    began = time.monotonic()
    status, last, report = run(root, {
        "a": "# test-options: timeout=1\nsleep 4711 & echo $! > child; echo 'ok - one'; wait"})
    assert (status, last) == (1, "1 passed, 1 failed") and "longer than 1 s" in report, report
    assert time.monotonic() - began < 30
    assert_is_gone(os.path.join(root, "child"))


def test_a_soak_runs_what_takes_seconds_and_tells_it_how_many(root):
    soaks = "# test-options: soak\necho \"# cuts $*\"; echo 'ok - one'"
    status, last, report = run(root, {"a": soaks, "b": soaks, "c": "echo 'ok - two'"},
                               "--hours", "0.1", suite="power")
    assert (status, last) == (0, "2 passed, 0 failed"), report
    assert report.count("cuts --seconds 126\n") == 2, report  # 0.35 x 360, side by side


def test_a_soak_is_of_suites_that_take_seconds(root):
    status, _, report = run(root, {"a": "echo 'ok - one'"}, "--hours", "1")
    assert status == 2 and "with the suites" in report, report


def test_what_a_program_leaves_running_is_killed(root):
    status, last, report = run(root, {"a": "sleep 4711 & echo $! > child; echo 'ok - one'"})
    assert (status, last) == (0, "1 passed, 0 failed"), report
    assert_is_gone(os.path.join(root, "child"))


def assert_is_gone(path):
    with open(path) as file:
        pid = file.read().strip()
    for _ in range(100):
        if not os.path.exists(f"/proc/{pid}"):
            return
        with open(f"/proc/{pid}/stat") as file:
            if re.search(r"\) Z ", file.read()):
                return
        time.sleep(0.05)
    raise AssertionError(f"process {pid} is alive")


def test_those_who_want_the_machine_to_themselves_get_it(root):
    alone = ("# test-options: alone\ntest -e busy && exit 1; touch busy; sleep 0.2; rm busy\n"
             "echo 'ok - x'")
    status, last, report = run(root, {"a": alone, "b": alone, "c": "sleep 0.1; echo 'ok - y'"})
    assert (status, last) == (0, "3 passed, 0 failed"), report


def test_a_fuzz_target_ends_after_its_seconds_of_the_processor_and_steps_back_meanwhile(root):
    program = "build/fuzz/tests/fuzz/one_fuzz"
    write_tree(root, {"tests/fuzz/one_fuzz.c": "", program: (
        "#!/bin/sh\ntrap 'echo number_of_executed_units: 4711; exit 0' USR1\n"
        "case $(chrt -p $$) in *SCHED_IDLE*) while :; do :; done;; esac\n")})
    os.chmod(os.path.join(root, program), 0o755)
    status, last, report = run(root, {}, "--fuzz-seconds", "1", suite="fuzz")
    assert (status, last) == (0, "1 passed, 0 failed") and "4,711 executions" in report, report


def test_an_unknown_option_is_a_failure(root):
    status, last, report = run(root, {"a": "# test-options: solo\necho 'ok - one'"})
    assert (status, last) == (1, "1 passed, 1 failed") and "solo" in report, report


def test_each_program_gets_a_folder_that_is_removed(root):
    text = "echo $TMPDIR > place; touch $TMPDIR/x; test -n \"$HOLDFAST_SERVER\" && echo 'ok - one'"
    status, last, report = run(root, {"a": text})
    assert (status, last) == (0, "1 passed, 0 failed"), report
    with open(os.path.join(root, "place")) as file:
        assert not os.path.exists(file.read().strip())


def test_only_what_is_asked_for_runs(root):
    status, last, report = run(root, {"apple": "echo 'ok - one'", "pear": "exit 1"},
                               "--only", "apple")
    assert (status, last) == (0, "1 passed, 0 failed"), report


def test_no_test_at_all_is_a_failure(root):
    write_tree(root, {"tests/clients/none": ""})
    status, last, report = run(root, {})
    assert (status, last) == (1, "0 passed, 0 failed"), report


def test_a_report_of_a_watcher_is_a_failure(root):
    """The program is happy; its sanitizer wrote a report."""
    write_tree(root, {"tests/unit/a/b_test.c": "", "build/asan/tests/unit/a/b_test":
                      "#!/bin/sh\necho 1..1; echo 'ok 1 - one'; eval \"$(echo $ASAN_OPTIONS | "
                      "tr : '\\n' | grep log_path)\"; echo 'ERROR: leak' > $log_path.1\n"})
    os.chmod(os.path.join(root, "build/asan/tests/unit/a/b_test"), 0o755)
    shutil.copy(RUNNER, os.path.join(root, "tests/run"))
    result = subprocess.run([os.path.join(root, "tests/run"), "asan"], stdout=subprocess.PIPE,
                            text=True, check=False)
    assert result.returncode == 1 and "asan reported: ERROR: leak" in result.stdout, result.stdout
    assert result.stdout.splitlines()[-1] == "1 passed, 1 failed", result.stdout


if __name__ == "__main__":
    run_tests(dict(globals()))
