"""Each mutation named in tests/conformance/mutations.h breaks its clause, and without it the clause
holds: mutations.py BALLONET-MUTANT ROOT"""
import json
import pathlib
import re
import subprocess
import sys

ROW = re.compile(r"^\s*X\((\w+), *(\d+), *(DRIVER|DEVICE), *\"([^\"]+)\", *\"([^\"]+)\"\)", re.M)


def violated(command, root, clause, party, scenario, mutate):
    """Whether that party breaks the clause, whoever it is."""
    argv = [command, "conformance", *mutate, "--format", "json", scenario]
    result = subprocess.run(argv, cwd=root, check=False, capture_output=True, text=True)
    for row in json.loads(result.stdout):
        if row["id"] == clause:
            return any(subject["violated"] > 0 for subject in row["subjects"]
                       if subject["party"] == party)
    raise SystemExit(f"{clause} is no clause")


def main(command, root):
    text = (root / "tests/conformance/mutations.h").read_text(encoding="utf-8").replace("\\\n", "\n")
    wrong = []
    rows = ROW.findall(text)
    for family, number, party, mutation, scenario in rows:
        clause = f"{family}-{number}"
        given = (command, root, clause, party.lower(), scenario)
        if not violated(*given, ["--mutate", mutation]):
            wrong.append(f"{clause}: mutation {mutation} does not break it in {scenario}")
        if violated(*given, []):
            wrong.append(f"{clause}: broken in {scenario} without any mutation")
    print("\n".join(wrong) if wrong else f"{len(rows)} mutations break their clauses")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2]).resolve()))
