#!/usr/bin/env python3
"""A check that cannot fail is worth nothing: each is given what it must refuse, and what it must
not."""

import os
import subprocess

import compilers_check
import layers_check
import limits_check
from source import EXCEPTIONS_FILE, Tree
from testing import run_tests, write_tree

FLAGS = ["-std=c17", "-Wall", "-Wextra", "-Wmissing-prototypes", "-Werror"]
GUARDED = "#ifndef {0}\n#define {0}\n\n{1}\n\n#endif\n"


def expect(check, root, files, *wanted, **arguments):
    """Each of `wanted` stands in a complaint of its own, and there is no other."""
    write_tree(root, files)
    complaints = list(check(Tree(root), **arguments))
    assert len(complaints) == len(wanted), complaints
    for text in wanted:
        assert any(text in complaint for complaint in complaints), (text, complaints)


def header(guard, text=""):
    return GUARDED.format(guard, text)


# --- layers ---------------------------------------------------------------------------------------

def test_an_include_upward_is_refused(root):
    expect(layers_check.includes_point_down, root,
           {"src/base/slice.h": "", "src/net/connection.h": "", "src/keyspace/entry.h": "",
            "src/base/x.c": '#include "base/slice.h"\n#include "net/connection.h"\n',
            "src/values/x.c": '#include "keyspace/entry.h"\n',
            "src/net/x.c": '  #  include "keyspace/entry.h"\n'},
           'src/base/x.c:2: base may not include "net/connection.h"',
           'values may not include "keyspace/entry.h"', 'net may not include "keyspace/entry.h"')


def test_includes_downward_and_of_single_headers_are_allowed(root):
    expect(layers_check.includes_point_down, root,
           {"src/base/slice.h": "", "src/system/clock.h": "", "src/system/file.h": "",
            "src/server/config/x.h": "",
            "src/server/config/x.c": '#include "server/config/x.h"\n#include "system/file.h"\n',
            "src/keyspace/a.c": '#include "system/clock.h"\n#include "base/slice.h"\n',
            "src/main.c": '#include "server/config/x.h"\n',
            "src/keyspace/b.c": '#include "system/file.h"\n'},
           'src/keyspace/b.c:1: keyspace may not include "system/file.h"')


def test_an_unknown_folder_and_a_missing_header_are_refused(root):
    expect(layers_check.includes_point_down, root,
           {"src/helpers/x.c": "", "src/base/y.c": '#include "y.h"\n'},
           "src/helpers/x.c: not in a folder", '"y.h" is not a path below src/')


def test_a_circle_of_headers_is_refused(root):
    expect(layers_check.headers_include_in_no_circle, root,
           {"src/base/a.h": '#include "base/b.h"\n', "src/base/b.h": '#include "base/c.h"\n',
            "src/base/c.h": '#include "base/a.h"\n', "src/base/d.h": '#include "base/a.h"\n'},
           "base/a.h -> base/b.h -> base/c.h -> base/a.h")


def test_libev_and_jemalloc_are_known_to_one_file_each(root):
    expect(layers_check.libraries_have_one_owner, root,
           {"src/system/event_loop.c": "#include <ev.h>\n", "src/net/x.c": "#include <ev.h>\n",
            "src/base/memory.c": "#include <jemalloc/jemalloc.h>\n",
            "src/base/y.c": "#include <jemalloc/jemalloc.h>\n"},
           "src/net/x.c:1", "src/base/y.c:1")


def test_touching_the_world_outside_system_is_refused(root):
    code = ("/* time() in a comment */\nstatic long f(struct s *s)\n{\n    s->open(1);\n"
            "    log(\"fork()\");\n    return s.time(2) + server_open(3);\n}\n")
    expect(layers_check.only_system_touches_the_world, root,
           {"src/system/clock.c": "long f(void) { return time(0); }\n", "src/net/fine.c": code,
            "src/commands/bad.c": "void g(void)\n{\n    if (!fork ())\n        x = time(0);\n}\n"},
           "src/commands/bad.c:3: fork()", "src/commands/bad.c:4: time()")


def test_allocation_outside_memory_is_refused(root):
    expect(layers_check.only_memory_allocates, root,
           {"src/base/memory.c": "void f(void) { free(0); }\n", "tests/unit/a_test.c": "free(x);\n",
            "src/values/x.c": "void f(void)\n{\n  memory_free(x);\n  strdup(x);\n  free(x);\n"},
           "src/values/x.c:4: strdup()", "src/values/x.c:5: free()")


def test_unsafe_calls_are_refused(root):
    expect(layers_check.no_call_is_unsafe, root,
           {"src/system/x.c": "sprintf(x);\nsnprintf(x);\n"}, "src/system/x.c:1: sprintf()")


def test_an_exception_allows_one_call_in_one_file(root):
    expect(layers_check.only_system_touches_the_world, root,
           {EXCEPTIONS_FILE: "# why\nworld\tsrc/base/log.c\topen\tthe sink is opened here\n",
            "src/base/log.c": "open(x);\nfork();\n", "src/base/y.c": "open(x);\n"},
           "src/base/log.c:2: fork()", "src/base/y.c:1: open()")


def test_an_exception_without_a_reason_is_refused(root):
    write_tree(root, {EXCEPTIONS_FILE: "world\tsrc/base/log.c\topen\t\n"})
    try:
        Tree(root)
    except SystemExit:
        return
    raise AssertionError("accepted")


# --- limits ---------------------------------------------------------------------------------------

def function(name, lines):
    return f"static int {name}(int a,\n{' ' * 12}int b)\n{{\n" + "    a++;\n" * (lines - 4) + "}\n"


def test_a_file_of_800_lines_is_refused(root):
    expect(limits_check.files_are_short, root,
           {"src/base/a.c": "\n" * 799, "src/base/b.c": "\n" * 800, "tests/unit/c.h": "\n" * 900,
            "build/d.c": "\n" * 900, "tests/clients/node_modules/e.js": "\n" * 900},
           "src/base/b.c: 800", "tests/unit/c.h: 900")


def test_a_function_of_70_lines_is_refused(root):
    expect(limits_check.functions_are_short, root,
           {"src/base/a.c": "int x[] = {\n" + "1,\n" * 99 + "};\n" + function("fine", 69)
                            + "\n" + function("too_long", 70),
            "utils/a.py": "def long():\n" + "    pass\n" * 70},
           "src/base/a.c:172: too_long: 70 lines", "utils/a.py:1: long: 71 lines")


def test_a_long_function_may_be_excepted_by_name(root):
    expect(limits_check.functions_are_short, root,
           {"src/base/a.c": function("known", 99) + "\n" + function("other", 99),
            EXCEPTIONS_FILE: "function-lines\tsrc/base/a.c\tknown\tone switch\n"}, "other")


def test_an_exception_that_is_not_needed_is_refused(root):
    write_tree(root, {"src/base/a.c": "", EXCEPTIONS_FILE: "file-lines\tsrc/base/a.c\t*\tlarge\n"})
    tree = Tree(root)
    assert not list(limits_check.files_are_short(tree))
    assert len(list(limits_check.exceptions_are_needed(tree))) == 1


def test_a_line_of_101_columns_is_refused(root):
    expect(limits_check.lines_are_short, root,
           {"src/base/a.c": "x" * 100 + "\n" + "é" * 100 + "\n" + "x" * 101 + "\n"},
           "src/base/a.c:3: 101")


def test_guards_follow_the_path(root):
    expect(limits_check.headers_are_guarded, root,
           {"src/base/a.h": "/* what */\n" + header("HOLDFAST_BASE_A_H"),
            "src/base/b.h": header("HOLDFAST_B_H"), "src/base/c.h": "#pragma once\nint x;\n",
            "src/server/config/d.h": header("HOLDFAST_SERVER_CONFIG_D_H"),
            "src/base/e.h": "int before;\n" + header("HOLDFAST_BASE_E_H"),
            "tests/server/support/f.h": header("HOLDFAST_TESTS_F_H")},
           "src/base/b.h: guard HOLDFAST_B_H should be HOLDFAST_BASE_B_H", "src/base/c.h",
           "src/base/e.h")


def test_a_folder_without_a_readme_is_refused(root):
    expect(limits_check.folders_have_a_readme, root,
           {"src/base/a.c": "", "src/net/a.c": "", "src/net/README.md": "short\n",
            "src/server/x/a.c": "", "src/server/x/README.md": "long\n" * 200, "src/main.c": ""},
           "src/base: has no README.md", "src/server/x/README.md: more than")


def test_an_unformatted_file_is_refused(root):
    with open(".clang-format") as file:
        style = file.read()
    expect(limits_check.sources_are_formatted, root,
           {".clang-format": style, "src/base/a.c": "int x;\n", "src/base/b.c": "int  y ;\n"},
           "src/base/b.c: not formatted")


def build(root, name):
    target = os.path.join(root, f"build/objects/src/{name}.o")
    os.makedirs(os.path.dirname(target), exist_ok=True)
    subprocess.run(["gcc", "-c", "-fPIE", "-O1", "-o", target, f"{root}/src/{name}.c"], check=True)
    os.environ["HOLDFAST_BUILD"] = f"{root}/build"


def test_a_function_of_another_name_than_its_files_is_refused(root):
    files = {"src/base/glob.c": "void glob_match(void) {}\nvoid matches(void) {}\n"
                                "static void any(void) {}\nvoid glob(void) { any(); }\n",
             "src/server/sessions.c": "void session_end(void) {}\nvoid sessions_end(void) {}\n",
             "src/commands/string.c": "void command_get(void) {}\nvoid get(void) {}\n"}
    write_tree(root, files)
    for path in files:
        build(root, path[len("src/"):-2])
    expect(limits_check.functions_bear_their_files_name, root, {}, "matches", "string.c: get")


def test_what_is_not_built_is_not_taken_for_clean(root):
    os.environ["HOLDFAST_BUILD"] = f"{root}/build"
    expect(limits_check.state_is_local, root, {"src/base/a.c": "int x;\n"}, "a.c: is not built")


def test_state_that_outlives_a_call_is_refused(root):
    code = ("static const char *const names[] = {\"a\"};\nstatic int kept;\nint shared = 3;\n"
            "static _Thread_local int mine;\nint f(void);\nint f(void)\n{\n    static int calls;\n"
            "    return calls++ + kept++ + mine++ + (int)names[kept][0];\n}\n")
    write_tree(root, {"src/base/a.c": code,
                      EXCEPTIONS_FILE: "state\tsrc/base/a.c\tshared\tthe log sink\n"})
    build(root, "base/a")
    complaints = list(limits_check.state_is_local(Tree(root)))
    found = sorted(complaint.split(": ")[1].split()[0] for complaint in complaints)
    assert found == ["calls", "kept", "mine"], complaints


# --- compilers ------------------------------------------------------------------------------------

def test_a_header_that_needs_another_first_is_refused(root):
    os.environ["HOLDFAST_BUILD"] = f"{root}/build"
    expect(compilers_check.headers_compile_alone, root,
           {"src/base/a.h": header("A_H", "size_t f(void);"),
            "src/base/b.h": header("B_H", "#include <stddef.h>\nsize_t g(void);")},
           "src/base/a.h: gcc", "src/base/a.h: clang", flags=FLAGS)


def test_a_warning_of_either_compiler_is_refused(root):
    os.environ["HOLDFAST_BUILD"] = f"{root}/build"
    files = {"src/base/a.c": "int f(void)\n{\n    return 1;\n}\n",
             "src/base/b.c": "static int g(void)\n{\n    return 1;\n}\nint h(void);\n"
                             "int h(void)\n{\n    int x = 1;\n    x = x;\n    return g();\n}\n"}
    expect(compilers_check.sources_compile_with_both, root, files, "src/base/a.c: gcc",
           "src/base/a.c: clang", "src/base/b.c: clang", flags=FLAGS)


def test_what_changed_is_compiled_again(root):
    os.environ["HOLDFAST_BUILD"] = f"{root}/build"
    source = {"src/base/a.c": '#include "base/a.h"\nint f(void)\n{\n    return A;\n}\n'}
    check = compilers_check.sources_compile_with_both
    expect(check, root, {**source, "src/base/a.h": "int f(void);\n#define A 1\n"}, flags=FLAGS)
    expect(check, root, {}, flags=FLAGS)
    expect(check, root, {"src/base/a.h": "int f(void);\n"}, "a.c: gcc", "a.c: clang", flags=FLAGS)


if __name__ == "__main__":
    os.chdir(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
    run_tests(dict(globals()))
