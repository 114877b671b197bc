#!/usr/bin/env python3
"""The mutation runner: a good test kills what it plants, a test that checks nothing is told of, and
what is not code stays as it is."""

import os
import signal
import subprocess
import sys
import time

from source import Tree
from testing import run_tests, write_tree

TOOL_FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "mutate")
sys.path.insert(0, TOOL_FOLDER)
sys.dont_write_bytecode = True

from mutants import find_mutants  # noqa: E402

MAKEFILE = """
BUILD ?= build
PROGRAM := $(BUILD)/tests/unit/tiny/tiny_test
$(PROGRAM): $(BUILD)/objects/tests/unit/tiny/tiny_test.o $(BUILD)/libtiny.a
	@mkdir -p $(@D)
	gcc -O2 -o $@ $^
$(BUILD)/libtiny.a: $(BUILD)/objects/src/tiny/tiny.o
	ar qcs $@ $<
$(BUILD)/objects/%.o: %.c
	@mkdir -p $(@D)
	gcc -O2 -g -Wall -Werror -Isrc -c -o $@ $<
"""
SOURCE = """/* 1 < 2 && !x */
#include <stdbool.h>
#include <stddef.h>

bool tiny_is_between(int number, int least, int most);
size_t tiny_count(const char *text, char wanted);

bool tiny_is_between(int number, int least, int most)
{
    return number >= least && number <= most; /* "a" == 1 */
}

size_t tiny_count(const char *text, char wanted)
{
    size_t count = 0;
    while (*text != '\\0') {
        if (*text == wanted)
            count++;
        text++;
    }
    return count;
}
"""
HEAD = "void tiny_wait(volatile int *left);\n\n"
TEST = """#include <stdbool.h>
#include <stddef.h>

bool tiny_is_between(int number, int least, int most);
size_t tiny_count(const char *text, char wanted);

int main(void)
{
    bool right = tiny_is_between(1, 1, 2) && tiny_is_between(2, 1, 2) &&
                 !tiny_is_between(0, 1, 2) && !tiny_is_between(3, 1, 2) &&
                 tiny_count("", 'a') == 0 && tiny_count("abcaa", 'a') == 3;
    return right || %s ? 0 : 1;
}
"""
FILES = {"Makefile": MAKEFILE, "src/tiny/tiny.c": SOURCE,
         "tests/unit/tiny/tiny_test.c": TEST % "false",
         "utils/mutate/tests.tsv": "src/tiny/\ttests/unit/tiny/*_test\t5\n"}
BLIND = {"tests/unit/tiny/tiny_test.c": TEST % "true"}


def start(root, files, *arguments):
    """Builds the tree, begins to mutate src/tiny/tiny.c."""
    write_tree(root, {**FILES, **files})
    environment = {name: value for name, value in os.environ.items()
                   if not name.startswith(("BUILD", "MAKE", "MFLAGS"))}
    subprocess.run(["make", "--silent"], cwd=root, env=environment, check=True)
    return subprocess.Popen([os.path.join(TOOL_FOLDER, "mutate.py"), *arguments,
                             "src/tiny/tiny.c"], cwd=root, env=environment,
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def run(root, files, *arguments):
    """(exit status, report)"""
    with start(root, files, *arguments) as process:
        report, _ = process.communicate()
        return process.returncode, report


def test_a_good_test_kills_every_mutant(root):
    status, report = run(root, {})
    assert status == 0 and ", survived 0, explained 0," in report, report
    assert "killed 0" not in report, report


def test_mutants_survive_a_test_that_checks_nothing(root):
    status, report = run(root, BLIND)
    assert status == 1 and "killed 0" in report, report
    assert "src/tiny/tiny.c:10 tiny_is_between\n" \
        "    - return number >= least && number <= most; /* \"a\" == 1 */\n" \
        "    + return number > least && number <= most; /* \"a\" == 1 */\n" \
        in report, report


def test_a_mutant_that_never_ends_is_killed(root):
    source = ("void tiny_wait(volatile int *left)\n{\n    while (*left > 0)\n"
              "        *left = 0;\n}\n")
    test = ("void tiny_wait(volatile int *left);\n"
            "int main(void)\n{\n    int left = 3;\n    tiny_wait(&left);\n    return 0;\n}\n")
    _, report = run(root, {"src/tiny/tiny.c": source.replace("void", HEAD + "void", 1),
                           "tests/unit/tiny/tiny_test.c": test})
    # The statement removed, "= 1", ">=" end never; "> 1" and "!(...)" survive.
    assert "killed 3, survived 2," in report, report


def test_a_mutant_that_waits_without_end_is_killed_long_before_its_limit(root):
    test = ("#include <unistd.h>\n_Bool tiny_is_between(int number, int least, int most);\n"
            "int main(void)\n{\n    while (!tiny_is_between(1, 1, 2))\n        pause();\n"
            "    return 0;\n}\n")
    _, report = run(root, {"tests/unit/tiny/tiny_test.c": test, "utils/mutate/tests.tsv":
                           "src/tiny/\ttests/unit/tiny/*_test\t600\n"}, "--only", "tiny_is_between")
    assert "killed 2, survived 3," in report, report


def test_what_no_test_runs_is_said(root):
    test = TEST % "false"
    status, report = run(root, {"tests/unit/tiny/tiny_test.c": test.replace(
        """tiny_count("", 'a') == 0 && tiny_count("abcaa", 'a') == 3""",
        """tiny_count("", 'a') == 0""")})
    notes = {line.split(":", 1)[1] for line in report.splitlines()
             if line.startswith("survived ")}
    assert status == 1 and "17 tiny_count (no test runs it)" in notes, report
    assert "15 tiny_count (no test runs it)" not in notes, report


def test_a_run_that_is_ended_ends_the_program_it_runs(root):
    place = os.path.join(root, "pid")
    test = ("#include <stdio.h>\n#include <unistd.h>\n"
            "_Bool tiny_is_between(int number, int least, int most);\n"
            "int main(void)\n{\n    if (tiny_is_between(1, 1, 2))\n        return 0;\n"
            f'    FILE *file = fopen("{place}.new", "w");\n'
            '    fprintf(file, "%d", (int)getpid());\n    fclose(file);\n'
            f'    rename("{place}.new", "{place}");\n    for (;;)\n        pause();\n}}\n')
    with start(root, {"tests/unit/tiny/tiny_test.c": test, "utils/mutate/tests.tsv":
                      "src/tiny/\ttests/unit/tiny/*_test\t600\n"}) as process:
        while not os.path.exists(place) and process.poll() is None:
            time.sleep(0.05)
        process.terminate()
        assert process.wait() == 128 + signal.SIGTERM, process.stdout.read()
    with open(place) as file:
        assert not os.path.exists(f"/proc/{file.read()}")


def test_a_sample_is_the_same_for_the_same_seed(root):
    first, again, other = (run(root, BLIND, "--sample", "5", "--seed", seed)[1].splitlines()
                           for seed in ("1", "1", "2"))
    ids = [sorted(line for line in lines if line.startswith("survived "))
           for lines in (first, again, other)]
    assert ids[0] == ids[1] != ids[2] and 0 < len(ids[0]) <= 5, ids


def test_a_survivor_may_be_explained_and_an_explanation_may_be_stale(root):
    _, report = run(root, BLIND)
    rows, lines = [], report.splitlines()
    for number, line in enumerate(lines):
        if line.startswith("survived "):
            rows.append("\t".join(["src/tiny/tiny.c", line.split()[3], lines[number + 1][6:],
                                   lines[number + 2][6:], "known"]))
    path = "utils/mutate/survivors.tsv"
    status, report = run(root, {**BLIND, path: "\n".join(rows) + "\n"})
    assert status == 0 and f"survived 0, explained {len(rows)}, stale 0" in report, report
    rows.append("src/tiny/tiny.c\ttiny_count\tcount--;\tcount++;\tit was so once")
    status, report = run(root, {**BLIND, path: "\n".join(rows) + "\n"})
    assert status == 1 and "no such mutant: src/tiny/tiny.c | tiny_count | count--;" in report
    status, report = run(root, {**BLIND, path: rows[0].rsplit("\t", 1)[0] + "\n"})
    assert status == 1 and "not 5 columns" in report, report


def test_a_test_that_fails_without_a_mutant_ends_the_run(root):
    status, report = run(root, {"tests/unit/tiny/tiny_test.c": "int main(void) { return 1; }\n"})
    assert status == 1 and "tests/unit/tiny/tiny_test fails" in report, report


def test_a_source_without_tests_is_refused(root):
    status, report = run(root, {"utils/mutate/tests.tsv": "src/other/\ttests/x_test\t2\n"})
    assert status == 1 and "src/tiny/tiny.c: utils/mutate/tests.tsv has no row" in report, report


# --- what a mutant is -----------------------------------------------------------------------------

def after(root, body, signature="void x_run(int a)"):
    """What the lines of a function's body become."""
    write_tree(root, {"src/x.c": f"{signature}\n{{\n{body}\n}}\n"})
    return [mutant.after for mutant in find_mutants(Tree(root), "src/x.c")]


def test_what_is_not_code_stays(root):
    assert after(root, '    /* a < 1 && !b */\n    // a + 1\n#define X (1 + 2)\n'
                       '    ASSERT(a < 1 &&\n           !b);\n'
                       '    log_line(LOG_NOTICE, "1", a + 1);\n'
                       '    char text[2 + 3];\n    static_assert(1 < 2, "");') == []
    assert after(root, '    f("a < 1 && x++", \' \');') == [";"]


def test_operators_numbers_and_negations_change(root):
    assert sorted(after(root, "    if (a < 10 && !b)\n        return;")) == [
        "if (!(a < 10 && !b))", "if (a < 10 && b)", "if (a < 10 || !b)", "if (a < 11 && !b)",
        "if (a <= 10 && !b)"]
    assert sorted(after(root, "    int b = a + 0x1f;")) == ["int b = a + 32;", "int b = a - 0x1f;"]


def test_calls_and_assignments_are_removed_and_declarations_stay(root):
    assert after(root, "    for (;;)\n        b->c = f(a,\n               d);") == [";"]
    assert after(root, "    if (a)\n        f(a);\n    else\n        g(a);") == [
        "if (!(a))", ";", ";"]
    assert after(root, "    struct x *b = f(a);\n    goto end;\n    unsigned long c;") == []


def test_results_are_replaced_by_what_the_type_allows(root):
    for signature, results in (("static bool f(int a)", ["return false;", "return true;"]),
                               ("enum error f(int a)", ["return OK;"]),
                               ("struct x *f(int a)", ["return NULL;"]),
                               ("uint64_t f(int a)", ["return 0;"]),
                               ("struct x f(int a)", [])):
        assert after(root, "    return g(a,\n             b);", signature) == results


def test_the_number_of_lines_and_the_id_stay(root):
    def mutants(text):
        write_tree(root, {"src/x.c": text})
        tree = Tree(root)
        found = find_mutants(tree, "src/x.c")
        assert found and all(mutant.apply(text).count("\n") == text.count("\n")
                             for mutant in found)
        return {mutant.id for mutant in found}
    text = "bool x_is(int a)\n{\n    f(a,\n      1);\n    return a > 1 &&\n           a < 3;\n}\n"
    assert mutants(text) == mutants("int x_other;\n\n" + text)


if __name__ == "__main__":
    run_tests(globals())
