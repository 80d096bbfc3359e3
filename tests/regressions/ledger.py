#!/usr/bin/env python3
"""The ledger of bugs: ledger.py MUTANT SOURCE [update]

Every bug of bugs.tsv has a scenario below scenarios/regressions/ with a mutation, or a reason in
absent.tsv why it cannot exist here; not both, and nothing is told of a bug that is not listed.
Every mutation has a scenario, and says the same bugs. docs/prove/regressions.md has the table; `update`
writes it. That each mutation is caught is shown by the tests regression.NAME.
"""
import os
import subprocess
import sys

BEGIN = "<!-- table: written by tests/regressions/ledger.py -->\n"
END = "<!-- end of table -->\n"
problems = []


def rows(path, columns):
    """Lines of a file with tabs, without comments."""
    with open(path, encoding="utf-8") as file:
        for line in file:
            if line.startswith("#") or not line.strip():
                continue
            cells = line.rstrip("\n").split("\t")
            if len(cells) != columns or not all(cells):
                problems.append(f"{path}: {columns} cells with tabs between are needed: {line!r}")
                continue
            yield cells


def run(mutant, *arguments):
    """Rows that a verb of the test build prints."""
    done = subprocess.run([mutant, *arguments], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"{mutant} {' '.join(arguments)}: status {done.returncode}\n{done.stderr}")
    return [line.split("\t") for line in done.stdout.splitlines()]


def collect(mutant):
    """Bugs, scenarios by bug, reasons by bug, mutations."""
    bugs = dict(rows("tests/regressions/bugs.tsv", 2))
    absent = {}
    for bug, reason in rows("tests/regressions/absent.tsv", 2):
        if bug in absent:
            problems.append(f"absent.tsv: {bug} is there twice")
        absent[bug] = reason
    mutations = {name: source.split() for name, source, _ in run(mutant, "mutations")}
    scenarios = {}
    used = {}
    for path, source, mutation, _, _ in run(mutant, "regressions", "scenarios/regressions"):
        for bug in source.split():
            scenarios.setdefault(bug, []).append((path, mutation))
            used.setdefault(mutation, set()).add(bug)
    return bugs, scenarios, absent, mutations, used


def check(bugs, scenarios, absent, mutations, used, pending):
    """What contradicts what."""
    for bug in list(scenarios) + list(absent):
        if bug not in bugs:
            problems.append(f"{bug}: not a bug of bugs.tsv")
    for bug in bugs:
        if bug in scenarios and bug in absent:
            problems.append(f"{bug}: it has a scenario and a reason why there is none")
        if bug not in scenarios and bug not in absent and bug not in pending:
            problems.append(f"{bug}: no scenario and no reason: {bugs[bug]}")
    for name, sources in mutations.items():
        if name not in used:
            problems.append(f"mutation {name}: no scenario catches it")
        for bug in sources:
            if bug not in bugs:
                problems.append(f"mutation {name}: {bug} is not a bug of bugs.tsv")
        if name in used and used[name] != set(sources):
            problems.append(f"mutation {name}: its scenarios say {sorted(used[name])}, it {sources}")


def check_itself():
    """Each kind of contradiction is seen."""
    check({"a": "x", "b": "x", "c": "x"},
          {"b": [("p", "m")], "z": [("p", "m")]}, {"b": "reason", "y": "reason"},
          {"m": ["b"], "idle": ["c"], "odd": ["w"]}, {"m": {"b", "z"}}, set())
    seen = len(problems)
    problems.clear()
    if seen != 9:
        sys.exit(f"the ledger's check sees {seen} of 9 contradictions")


def table(bugs, scenarios, absent):
    """The table of docs/prove/regressions.md."""
    lines = ["\n| bug | what it was | here |\n|---|---|---|\n"]
    for bug, text in bugs.items():
        if bug in scenarios:
            here = "<br>".join(f"[{os.path.basename(path)[:-5]}](../../{path}), `{mutation}`"
                               for path, mutation in scenarios[bug])
        else:
            here = absent.get(bug, "")
        lines.append(f"| `{bug}` | {text} | {here} |\n")
    return "".join(lines) + "\n"


def document(text, update):
    """Compares the document with the table, or writes it."""
    path = "docs/prove/regressions.md"
    with open(path, encoding="utf-8") as file:
        old = file.read()
    if BEGIN not in old or END not in old:
        problems.append(f"{path}: no place for the table")
        return
    head = old[: old.index(BEGIN) + len(BEGIN)]
    new = head + text + old[old.index(END):]
    if update:
        with open(path, "w", encoding="utf-8") as file:
            file.write(new)
    elif new != old:
        problems.append(f"{path} is out of date: run ledger.py MUTANT SOURCE update")


def main():
    """Checks all, counts, and fails on any problem."""
    mutant, source = os.path.abspath(sys.argv[1]), sys.argv[2]
    os.chdir(source)
    check_itself()
    pending = set()
    if os.path.exists("tests/regressions/pending"):
        with open("tests/regressions/pending", encoding="utf-8") as file:
            pending = set(file.read().split())
    bugs, scenarios, absent, mutations, used = collect(mutant)
    check(bugs, scenarios, absent, mutations, used, pending)
    open_bugs = [bug for bug in bugs if bug not in scenarios and bug not in absent]
    if not pending or sys.argv[3:] == ["update"]:
        document(table(bugs, scenarios, absent), sys.argv[3:] == ["update"])
    files = {path for found in scenarios.values() for path, _ in found}
    with_scenario = sum(bug in scenarios for bug in bugs)
    print(f"{len(bugs)} bugs listed: {with_scenario} with a scenario ({len(files)} scenarios, "
          f"{len(mutations)} mutations, all caught or a regression.* test fails), "
          f"{sum(bug in absent for bug in bugs)} that cannot exist here, {len(open_bugs)} open")
    if open_bugs:
        print("open:", " ".join(open_bugs))
    for problem in problems:
        print(problem)
    sys.exit(1 if problems else 0)


main()
