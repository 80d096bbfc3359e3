"""Two builds of the command give the same hashes, of every scenario: compare.py OLD NEW [SEEDS] [--expected FILE] [--old-tree DIR]

OLD and NEW run scenarios/ and tests/negative/ under seeds 1 to SEEDS (default 8). Every run whose line differs (verdict, events,
time or hash), and every run that one of them lacks, is printed. Exit status 1 for any difference that is not expected.

--expected FILE   differences that are wanted, one a line: NAME or NAME seed=N, then '#' and the reason. A line without a reason,
                  or of which nothing differs, is an error: the list says exactly what changed.
--old-tree DIR    OLD runs the scenarios of this tree, for a change that renames keys of the grammar
"""
import argparse
import pathlib
import re
import subprocess
import sys

FOLDERS = ("scenarios", "tests/negative")
RUN = re.compile(r"^(?:PASS|FAIL|INCONCLUSIVE) (\S+ seed=\d+) ", re.MULTILINE)
ROOT = pathlib.Path(__file__).resolve().parent.parent.parent


def start(command, tree, seeds):
    arguments = [str(command.resolve()), "run", "--quiet", "--seeds", str(seeds), *FOLDERS]
    return subprocess.Popen(arguments, cwd=tree, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def runs(process, seeds):
    """{'NAME seed=N': its line} of a command that was started."""
    text, errors = process.communicate()
    lines = {found.group(1): text[found.start() :].partition("\n")[0] for found in RUN.finditer(text)}
    if len(lines) < 25 * seeds:
        raise SystemExit(f"{process.args[0]}: {len(lines)} runs of {seeds} seeds: too few to show anything (exit status "
                         f"{process.returncode})\n{errors[:500]}")
    return lines


def read_expected(path):
    """The expected differences, by name; and what is wrong with the list."""
    expected, wrong = set(), []
    for line in path.read_text(encoding="utf-8").splitlines():
        what, _, reason = (part.strip() for part in line.partition("#"))
        if what:
            expected.add(what)
            if not reason:
                wrong.append(f"{path}: {what}: there is no reason after '#'")
    return expected, wrong


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("old", type=pathlib.Path)
    parser.add_argument("new", type=pathlib.Path)
    parser.add_argument("seeds", type=int, nargs="?", default=8)
    parser.add_argument("--expected", type=pathlib.Path, metavar="FILE")
    parser.add_argument("--old-tree", type=pathlib.Path, metavar="DIR", default=ROOT)
    arguments = parser.parse_args()
    both = start(arguments.old, arguments.old_tree, arguments.seeds), start(arguments.new, ROOT, arguments.seeds)
    old, new = (runs(process, arguments.seeds) for process in both)
    expected, wrong = read_expected(arguments.expected) if arguments.expected else (set(), [])
    differ = [run for run in sorted(old.keys() | new.keys()) if old.get(run) != new.get(run)]
    used, surprises = set(), 0
    for run in differ:
        wanted = expected & {run, run.partition(" ")[0]}
        used |= wanted
        surprises += not wanted
        print(f"{'expected' if wanted else 'DIFFERS'} {run}\n  old {old.get(run, 'no such run')}\n  new {new.get(run, 'no such run')}")
    wrong += [f"{arguments.expected}: {name}: nothing of it differs" for name in sorted(expected - used)]
    print("".join(line + "\n" for line in wrong), end="")
    print(f"{len(new)} runs of {arguments.seeds} seeds: {len(differ)} differ, {len(differ) - surprises} of them as expected")
    return 1 if surprises or wrong else 0


if __name__ == "__main__":
    sys.exit(main())
