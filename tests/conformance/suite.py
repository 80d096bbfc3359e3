"""Over all scenarios ours breaks no clause, every watched one is covered, and the page about it is
what the command writes: suite.py BALLONET ROOT. With CONFORMANCE_UPDATE=1 the page is written."""
import json
import os
import pathlib
import subprocess
import sys

PAGE = "docs/prove/conformance.md"


def run(command, root, form):
    result = subprocess.run([command, "conformance", "--format", form], cwd=root, check=False,
                            capture_output=True, text=True)
    return result.returncode, result.stdout, result.stderr


def judge(rows):
    """What is wrong with the rows, a sentence each."""
    for row in rows:
        if row["status"] == "violated":
            yield f"{row['id']} is violated: {row['reason']}"
        elif row["watched"] and row["status"] != "covered":
            yield f"{row['id']} is watched and {row['status']}: {row['reason']}"
        for subject in row["subjects"]:
            who = f"{subject['party']} {subject['name']}"
            if subject["undeclared"]:
                yield f"{who} breaks {row['id']} and does not declare it: {subject['place']}"
            if subject["unbroken"]:
                yield f"{who} declares that it breaks {row['id']}, and never does"
        if row["status"] == "not-applicable" and any(
                subject["name"] == "ballonet" for subject in row["subjects"]):
            yield f"{row['id']} is said not to apply, and was exercised"


def main(command, root):
    code, out, err = run(command, root, "json")
    rows = json.loads(out)
    wrong = list(judge(rows))
    if code != 0 and not wrong:
        wrong.append(f"ballonet conformance ended with {code}: {err}")
    _, page, _ = run(command, root, "markdown")
    path = root / PAGE
    if os.environ.get("CONFORMANCE_UPDATE"):
        path.write_text(page, encoding="utf-8")
    elif not path.is_file() or path.read_text(encoding="utf-8") != page:
        wrong.append(f"{PAGE} is not what the command writes: run this test with "
                     "CONFORMANCE_UPDATE=1")
    count = {}
    for row in rows:
        count[row["status"]] = count.get(row["status"], 0) + 1
    print("\n".join(wrong) if wrong else f"{len(rows)} clauses: {count}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2]).resolve()))
