"""docs/prove/bench.md shows a run of this version: check_page.py BALLONET-BENCH

The page has the kept counts of instructions, which CI compares with the program, and a run that
names their digest. Its rows, units, comparisons and aims are those of the program. With
BENCH_UPDATE=1 in the environment the page gets a new run, which takes some minutes.
"""
import json
import os
import re
import subprocess
import sys
from pathlib import Path

bench = sys.argv[1]
page = Path("docs/prove/bench.md")
counts = Path("bench/counts.txt")


def block(text, name):
    """The span of what a program writes between two comments."""
    found = re.search(rf"<!-- {name}: written by [^>]* -->\n(.*?)<!-- end -->", text, re.DOTALL)
    assert found, f"{page} has no block {name}"
    return found.span(1)


def fenced(text):
    return "```\n" + "".join(f"{line.rstrip()}\n" for line in text.strip().splitlines()) + "```\n"


def kept_counts():
    return "".join(line for line in counts.read_text(encoding="utf-8").splitlines(True)
                   if not line.startswith("#"))


def run(*options):
    return subprocess.run([bench, *options], stdout=subprocess.PIPE, text=True, check=True).stdout


def update(text):
    build = re.search(r"^build: (.*)$", kept_counts(), re.MULTILINE)[1]
    output = run()
    assert output.startswith(f"# {build}, "), \
        f"the kept counts are of the build {build}: renew the page with that build"
    for name, content in (("counts", kept_counts()), ("run", output)):
        begin, end = block(text, name)
        text = text[:begin] + fenced(content) + text[end:]
    page.write_text(text, encoding="utf-8")
    return text


def is_row(line, row):
    aim = row.get("aim", "")
    wide = line.ljust(200)
    return wide.startswith(f"{row['name']:<46} ") and \
        f" {row['unit']:<8}  {row['against']:<25} " in wide and \
        (f" {aim} " in wide and line.endswith(("met", "missed")) if aim else "<=" not in line)


def problems(text, program):
    """What in the page is not of this version."""
    begin, end = block(text, "counts")
    if text[begin:end] != fenced(kept_counts()):
        yield f"the instructions are not those of {counts}"
    begin, end = block(text, "run")
    lines = text[begin:end].splitlines()
    build = re.search(r"^build: (.*)$", kept_counts(), re.MULTILINE)[1]
    first = f"# {build}, counts {program['counts']}"
    if first not in lines:
        yield f"the run is not of the kept counts: its first line is not {first}"
    shown = [line for line in lines[1:] if line and line[0] not in "#(`"]
    missed = shown.pop() if shown else ""
    if missed.split(" aim")[0] != str(sum(line.endswith(" missed") for line in shown)):
        yield f"the number of missed aims is wrong: {missed}"
    for row in program["rows"]:
        line = next((line for line in shown if is_row(line, row)), None)
        if line is None:
            yield f"the run has no row: {row['name']}, {row['unit']}, {row['against'] or 'alone'}, " \
                  f"{row.get('aim', 'no aim')}"
        else:
            shown.remove(line)
    for line in shown:
        yield f"the program has no such row: {line}"


def main():
    text = page.read_text(encoding="utf-8")
    program = json.loads(run("--smoke", "--format", "json"))
    if os.environ.get("BENCH_UPDATE") == "1":
        text = update(text)
    found = list(problems(text, program))
    for problem in found:
        print(f"{page}: {problem}")
    if found:
        print("renew it: BENCH_UPDATE=1 ctest --preset release -R bench.page")
        sys.exit(1)
    # A page with one thing changed must not pass.
    begin, end = block(text, "run")
    row = next(line for line in text[begin:end].splitlines() if "bare pipeline" in line)
    digest = program["counts"]
    for old, new in ((row, row.replace("bare pipeline", "plain loop  ")), (row + "\n", ""),
                     (row, row + "\n" + row), (row, row.replace("<= 2x", "<= 9x")),
                     (row, re.sub("<=.*", "", row)),
                     (f"counts {digest}", "counts 00000000"), (" per page: ", "1 per page: ")):
        changed = text.replace(old, new, 1)
        assert changed != text and list(problems(changed, program)), f"not noticed: {old} -> {new}"
    print(f"{len(program['rows'])} rows, and the kept counts, are those of the program")


main()
