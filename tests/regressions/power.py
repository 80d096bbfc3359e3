#!/usr/bin/env python3
"""The power of generated scenarios: for each bug of our own, brought back, a seed that finds it.

    power.py BALLONET MUTANT SOURCE                                  run the seeds of the table again
    power.py BALLONET MUTANT SOURCE update [--to N] [-j N] [NAME...] search for those that are missing

The table is in docs/prove/generator.md. Each mutation whose source is `own-...` has a row: under its seed
the run fails with the mutation and passes without it. `update` keeps what still holds and searches
for the rest, profile by profile.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile

PARTS = [1, 251, 1001, 3001, 7001, 13001]
PROFILES = {
    "usual": None,
    "waiting": "sim/explore/profiles/waiting.yaml",
    "others": "sim/explore/profiles/others.yaml",
}
# What breaks no rule: with the layout of the standard a driver leaves out features whose queues it
# does not find, and says so.
UNSEEN = {"layout-default-fixed"}
PAGE = "docs/prove/generator.md"
BEGIN = "<!-- power: written by tests/regressions/power.py -->\n"
END = "<!-- end of power -->\n"
HEAD = "| mutation | bugs | profile | seed | how it fails |\n|---|---|---|---|---|\n"


class Programs:
    def __init__(self, ballonet, mutant, jobs):
        self.ballonet = ballonet
        self.mutant = mutant
        self.jobs = jobs
        self.usual = {}

    def failures(self, profile, first, last, mutation=None):
        """How each of these seeds fails that does."""
        with tempfile.TemporaryDirectory() as folder:
            command = [self.mutant if mutation else self.ballonet, "run", "--quiet", "-j",
                       str(self.jobs), "--generated", f"{first}..{last}", "--output", folder]
            command += ["--profile", PROFILES[profile]] if PROFILES[profile] else []
            command += ["--mutate", mutation] if mutation else []
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if " generated scenarios: " not in done.stdout:
                sys.exit(f"no summary from {' '.join(command)}: {done.stderr}")
            with open(os.path.join(folder, "failures.tsv"), encoding="utf-8") as file:
                rows = [line.rstrip("\n").split("\t") for line in file]
        return {int(seed): kind for seed, kind in rows}

    def passes(self, profile, first, last):
        """The same without a mutation, asked for once."""
        if (profile, first) not in self.usual:
            self.usual[profile, first] = self.failures(profile, first, last)
        return self.usual[profile, first]

    def search(self, mutation, most):
        """(profile, seed, how it fails), or None."""
        for profile in PROFILES:
            firsts = [part for part in PARTS if part <= most]
            for first, after in zip(firsts, firsts[1:] + [most + 1]):
                usual = self.passes(profile, first, after - 1)
                found = self.failures(profile, first, after - 1, mutation)
                for seed, kind in sorted(found.items()):
                    if seed not in usual:
                        return profile, seed, kind
        return None

    def problem(self, mutation, profile, seed, kind):
        """What is wrong with a row, or None."""
        if profile not in PROFILES:
            return f"there is no profile {profile}"
        found = self.failures(profile, seed, seed, mutation).get(seed, "passes")
        if found != kind:
            return f"seed {seed} with the mutation: {found}"
        without = self.failures(profile, seed, seed).get(seed)
        return without and f"seed {seed} without the mutation: {without}"


def ours(mutant):
    """Bugs by mutation: own-D..., own-G... and own-H... are defects, others are ways of others."""
    done = subprocess.run([mutant, "mutations"], capture_output=True, text=True, check=True)
    rows = [line.split("\t") for line in done.stdout.splitlines()]
    return {
        name: source
        for name, source, _ in rows
        if re.search(r"\bown-[DGH]\d", source) and name not in UNSEEN
    }


def read_page():
    """What is before the table, its rows by mutation, what is after it."""
    with open(PAGE, encoding="utf-8") as file:
        text = file.read()
    before, rest = text.split(BEGIN)
    table, after = rest.split(END)
    rows = [line.strip("|").split("|") for line in table.replace(HEAD, "").splitlines()]
    cells = [[cell.strip() for cell in row] for row in rows]
    return before, {row[0].strip("`"): row[1:] for row in cells}, after


def write_page(before, rows, after):
    lines = [f"| `{name}` | {' | '.join(map(str, row))} |\n" for name, row in rows.items()]
    with open(PAGE, "w", encoding="utf-8") as file:
        file.write(before + BEGIN + HEAD + "".join(lines) + END + after)


def check(programs, mutations, rows):
    problems = [f"{name}: no such mutation" for name in rows if name not in mutations]
    for name, bugs in mutations.items():
        row = rows.get(name)
        if row is None:
            problems.append(f"{name}: no row")
        elif row[0] != bugs:
            problems.append(f"{name}: brings back {bugs}, not {row[0]}")
        else:
            problem = programs.problem(name, row[1], int(row[2]), row[3])
            problems += [f"{name}: {problem}"] if problem else []
    return problems


def update(programs, mutations, rows, most, names):
    """New rows, in the order of the mutations; a name that was asked for is searched again."""
    for name, bugs in mutations.items():
        row = rows.get(name)
        good = row and row[0] == bugs and not programs.problem(name, row[1], int(row[2]), row[3])
        if (good and name not in names) or (names and name not in names):
            continue
        found = programs.search(name, most)
        print(name, *(found or [f"not found in {most}"]), flush=True)
        rows.pop(name, None)
        if found:
            rows[name] = [bugs, *found]
    return {name: rows[name] for name in mutations if name in rows}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("ballonet", type=os.path.abspath)
    parser.add_argument("mutant", type=os.path.abspath)
    parser.add_argument("source")
    parser.add_argument("update", nargs="?", choices=["update"])
    parser.add_argument("names", nargs="*")
    parser.add_argument("--to", type=int, default=20000)
    parser.add_argument("-j", type=int, default=2)
    options = parser.parse_intermixed_args()
    os.chdir(options.source)
    programs = Programs(options.ballonet, options.mutant, options.j)
    mutations = ours(options.mutant)
    before, rows, after = read_page()
    if options.update:
        rows = update(programs, mutations, rows, options.to, set(options.names))
        write_page(before, rows, after)
    problems = check(programs, mutations, rows)
    print("\n".join(problems) or f"{len(rows)} bugs, each found by its seed")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
