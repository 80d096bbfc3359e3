"""The power of generated scenarios: the first seed that finds each bug of our own, brought back.

    power.py [--to N] [--profile FILE] [-j N] BALLONET MUTANT [NAME...]

For each mutation whose source is `own-...` (or the names given) runs generated scenarios until a
seed fails that passes without it, or that fails otherwise, and prints: mutation, bugs, first seed,
how it fails. Exit status 1 if one is not found.
"""

import argparse
import os
import subprocess
import sys
import tempfile

PARTS = [1, 251, 1001, 3001, 7001, 13001]


def run(program, first, last, arguments, mutation=None):
    """How each seed that fails does."""
    with tempfile.TemporaryDirectory() as folder:
        command = [program, "run", "--generated", f"{first}..{last}", "--quiet",
                   "--output", folder, *arguments]
        if mutation:
            command += ["--mutate", mutation]
        out = subprocess.run(command, capture_output=True, text=True, check=False)
        if " generated scenarios: " not in out.stdout:
            raise SystemExit(f"no summary from {' '.join(command)}: {out.stderr}")
        with open(os.path.join(folder, "failures.tsv"), encoding="utf-8") as file:
            rows = [line.rstrip("\n").split("\t") for line in file]
    return {int(seed): signature for seed, signature in rows}


class Search:
    def __init__(self, options):
        self.options = options
        self.arguments = ["-j", str(options.j)]
        if options.profile:
            self.arguments += ["--profile", options.profile]
        self.usual = {}

    def without(self, first, last):
        if first not in self.usual:
            self.usual[first] = run(self.options.ballonet, first, last, self.arguments)
        return self.usual[first]

    def find(self, mutation):
        """(seed, signature), or None."""
        firsts = [part for part in PARTS if part <= self.options.to]
        for first, after in zip(firsts, firsts[1:] + [self.options.to + 1]):
            last = after - 1
            usual = self.without(first, last)
            found = run(self.options.mutant, first, last, self.arguments, mutation)
            for seed, signature in sorted(found.items()):
                if usual.get(seed) != signature:
                    return seed, signature
        return None


def mutations(mutant, names):
    rows = subprocess.run(
        [mutant, "mutations"], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    rows = [row.split("\t") for row in rows]
    unknown = set(names) - {row[0] for row in rows}
    if unknown:
        raise SystemExit(f"no such mutation: {', '.join(sorted(unknown))}")
    return [row for row in rows if (row[0] in names if names else "own-" in row[1])]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("ballonet")
    parser.add_argument("mutant")
    parser.add_argument("--to", type=int, default=20000)
    parser.add_argument("--profile")
    parser.add_argument("-j", type=int, default=2)
    parser.add_argument("names", nargs="*")
    options = parser.parse_intermixed_args()
    search = Search(options)
    missing = 0
    print("| mutation | bugs | first seed | how it fails |\n|---|---|---|---|")
    for name, source, _ in mutations(options.mutant, options.names):
        found = search.find(name)
        missing += found is None
        seed, signature = found or ("none", f"not found in {options.to}")
        print(f"| `{name}` | {source} | {seed} | {signature} |", flush=True)
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
