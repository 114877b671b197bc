"""For tests of the tools: small trees in a temporary folder, and a line a test."""

import os
import sys
import tempfile
import traceback


def write_tree(root, files):
    for path, text in files.items():
        full = os.path.join(root, path)
        os.makedirs(os.path.dirname(full), exist_ok=True)
        with open(full, "w") as file:
            file.write(text)


def run_tests(names):
    """Runs every function test_* of `names`; each gets a folder of its own."""
    failed = False
    for name, function in sorted(names.items()):
        if not name.startswith("test_"):
            continue
        title = name[len("test_"):].replace("_", " ")
        try:
            with tempfile.TemporaryDirectory() as root:
                function(root)
            print(f"ok - {title}", flush=True)
        except Exception:  # whatever it is, it is this test's failure
            traceback.print_exc(file=sys.stdout)
            print(f"not ok - {title}", flush=True)
            failed = True
    sys.exit(1 if failed else 0)
