#!/usr/bin/env python3
"""A default of a library stands in one place: a change there is all that scenarios and documents need.

usage: test_scenario_defaults.py SCENARIO_TABLES CHANGED

CHANGED is the same program, of which one source file of the library was compiled with 7 s for the
wait after an OOM deflate. The reference and the JSON Schema must differ in that row
alone, and a scenario that says nothing of it must mean something else.
"""
import difflib
import re
import subprocess
import sys


def told(program, what):
    return subprocess.run([program, what], check=True, capture_output=True, text=True).stdout


def changes(tables, changed, what):
    lines = difflib.unified_diff(told(tables, what).splitlines(), told(changed, what).splitlines(), n=0, lineterm="")
    return [line for line in lines if line[0] in "+-" and not line.startswith(("+++", "---"))]


def main(tables, changed):
    reference = changes(tables, changed, "reference")
    assert len(reference) == 2, reference
    assert all(line[1:].startswith("| `oom_holdoff` |") for line in reference), reference
    was = re.search(r"min \| `(\w+)` \|", reference[0]).group(1)
    assert reference[0].replace(f"`{was}`", "`7s`")[1:] == reference[1][1:], reference
    schema = changes(tables, changed, "schema")
    assert [line.strip("+- ,") for line in schema] == [f'"description": "{was}"', '"description": "7s"'], schema
    assert told(tables, "digest") != told(changed, "digest"), "the scenario means the same"
    print("one source file, one row of the reference, one of the schema")


if __name__ == "__main__":
    main(*sys.argv[1:])
