"""Every row works, and two runs are compared: check_rows.py BALLONET-BENCH

The runs are tiny, so nothing here is about speed.
"""
import json
import subprocess
import sys
import tempfile
from pathlib import Path

bench = sys.argv[1]


def run(*options, status=0):
    """What the benchmark printed."""
    done = subprocess.run([bench, "--smoke", *options], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, check=False)
    assert done.returncode == status, (options, done.returncode, done.stdout)
    return done.stdout


def key(row):
    return row["part"], row["name"], row["against"]


def check_rows():
    rows = json.loads(run("--format", "json"))["rows"]
    assert {row["part"] for row in rows} == set("abcdefg"), rows
    assert len({key(row) for row in rows}) == len(rows), "two rows have the same name"
    for row in rows:
        assert len(row["measured_rounds"]) >= 1, row
        assert len(row.get("baseline_rounds", row["measured_rounds"])) == \
            len(row["measured_rounds"]), row
        assert (row["against"] == "") == ("ratio" not in row), row
    print(f"{len(rows)} rows, each with its rounds")


def line_of(text, row):
    """The line of the comparison, which is the last one about the row."""
    start = f"{row['name']:<46} {row['against']:<25} "
    return [line for line in text.splitlines() if line.startswith(start)][-1]


def scale(row, factor):
    row["measured_rounds"] = [value * factor for value in row["measured_rounds"]]
    row["measured"] *= factor


def check_comparison(folder):
    old = Path(folder) / "old.json"
    options = ("--part", "b", "--rounds", "3")
    earlier = json.loads(run("--format", "json", *options))
    same, worse, better, gone = (dict(row) for row in earlier["rows"])
    same["measured_rounds"] = [1e-6, *same["measured_rounds"][1:-1], 1e6]
    scale(worse, 1e-3)
    scale(better, 1e3)
    renamed = dict(gone, name="a row of an earlier version")
    other_part = dict(gone, part="g", name="a row of a part that is not measured")
    earlier["rows"] = [same, worse, better, renamed, other_part]
    old.write_text(json.dumps(earlier), encoding="utf-8")
    text = run("--compare", str(old), *options)
    assert not line_of(text, same).endswith(("worse", "better")), text
    assert line_of(text, worse).endswith("  worse"), text
    assert line_of(text, better).endswith("  better"), text
    assert line_of(text, gone).endswith("only in this run"), text
    assert line_of(text, renamed).endswith("only in the old run"), text
    assert other_part["name"] not in text, text
    print("two runs are compared by the spread of their rounds; rows of one run only are named")

    old.write_text("rows: 7\n", encoding="utf-8")
    assert "is not what" in run("--compare", str(old), *options, status=1)
    old.write_text("{ rows: [\n", encoding="utf-8")
    assert "error" in run("--compare", str(old), *options, status=1)
    assert "No such file" in run("--compare", str(old) + "x", *options, status=1)
    assert "text only" in run("--compare", str(old), "--format", "json", status=2)
    print("a file that is no run is refused")


check_rows()
with tempfile.TemporaryDirectory() as temporary:
    check_comparison(temporary)
