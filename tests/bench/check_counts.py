"""The check of instruction counts fails when it has to: check_counts.py BALLONET-BENCH

Counts one row that takes little time, keeps its number, and changes what is kept.
"""
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

bench = sys.argv[1]
ROW = "split ring round trip, 1 PFN, no answer, by hand"


def count(kept, *options):
    """Exit status and what was printed."""
    run = subprocess.run([bench, "--count", "--only", ROW, "--counts", kept, *options],
                         stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    return run.returncode, run.stdout


def expect(case, got, status, *texts):
    missing = [text for text in texts if text not in got[1]]
    if got[0] != status or missing:
        print(f"FAILED: {case}: status {got[0]}, wanted {status}; not said: {missing}\n{got[1]}")
        sys.exit(1)
    print(f"{case}: as expected")


def main():
    if shutil.which("valgrind") is None:
        print("skipped: there is no valgrind")
        sys.exit(77)
    with tempfile.TemporaryDirectory() as folder:
        kept = Path(folder) / "counts.txt"
        expect("without a file there is nothing to compare with", count(kept, "--check"), 77,
               "no build")
        expect("numbers are kept", count(kept, "--update"), 0)
        good = kept.read_text(encoding="utf-8")
        expect("the same program counts the same", count(kept, "--check"), 0, "0 rows grew")

        def change(case, pattern, replacement, *expected):
            text, changes = re.subn(pattern, replacement, good, flags=re.MULTILINE)
            assert changes == 1, (case, good)
            kept.write_text(text, encoding="utf-8")
            expect(case, count(kept, "--check"), *expected)

        def scaled(factor):
            return lambda found: f"{float(found[1]) * factor:.1f} per"

        change("a count that grew by 6 % fails", r"([0-9.]+) per", scaled(1 / 1.06), 1, "GREW",
               "1 row grew")
        change("a count that grew by 4 % passes", r"([0-9.]+) per", scaled(1 / 1.04), 0,
               "0 rows grew")
        change("a count that fell passes, and says that the number can be lowered",
               r"([0-9.]+) per", scaled(1.1), 0, "can be lowered")
        change("a row without a number fails", r"^.* per trip: .*\n", "", 1, "NOT KEPT")
        change("numbers of another compiler are not compared", r"^build: .*", "build: TCC 1.0", 77,
               "TCC 1.0")


main()
