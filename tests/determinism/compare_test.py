"""compare.py sees each kind of difference; the commands are scripts that print what a run prints: compare_test.py"""
import pathlib
import subprocess
import sys
import tempfile
import unittest

COMPARE = pathlib.Path(__file__).resolve().parent / "compare.py"
LINES = [f"PASS scenarios/s{number:02} seed={seed} events=9 time=1s hash={number:08x}{seed:08x}"
         for number in range(26) for seed in (1, 2)]


class Compare(unittest.TestCase):
    def compare(self, new, expected=None, old=None):
        """Exit status and lines of output; `new` and `old` are what the commands print."""
        with tempfile.TemporaryDirectory() as folder:
            work = pathlib.Path(folder)
            options = []
            for name, lines in (("old", old or LINES), ("new", new)):
                text = "\n".join(["a title", *lines, "  again: ballonet run"])
                (work / name).write_text(f"#!/bin/sh\ncat <<'END'\n{text}\nEND\nexit 1\n", encoding="utf-8")
                (work / name).chmod(0o755)
            if expected is not None:
                (work / "expected").write_text(expected, encoding="utf-8")
                options = ["--expected", str(work / "expected")]
            done = subprocess.run([sys.executable, "-B", str(COMPARE), str(work / "old"), str(work / "new"), "2", *options],
                                  capture_output=True, text=True, check=False)
            return done.returncode, (done.stdout + done.stderr).replace(folder + "/", "").splitlines()

    def changed(self, *numbers):
        return [line[:-1] + "x" if number in numbers else line for number, line in enumerate(LINES)]

    def test_equal_in_another_order(self):
        self.assertEqual(self.compare(LINES[::-1]), (0, ["52 runs of 2 seeds: 0 differ, 0 of them as expected"]))

    def test_a_hash_differs(self):
        self.assertEqual(self.compare(self.changed(3)), (1, [
            "DIFFERS scenarios/s01 seed=2", "  old " + LINES[3], "  new " + self.changed(3)[3],
            "52 runs of 2 seeds: 1 differ, 0 of them as expected"]))

    def test_a_verdict_differs(self):
        status, lines = self.compare([LINES[0].replace("PASS", "FAIL"), *LINES[1:]])
        self.assertEqual((status, lines[0]), (1, "DIFFERS scenarios/s00 seed=1"))

    def test_a_run_is_missing_or_new(self):
        status, lines = self.compare(LINES[1:])
        self.assertEqual((status, lines[2]), (1, "  new no such run"))
        status, lines = self.compare(LINES, old=LINES[1:])
        self.assertEqual((status, lines[1]), (1, "  old no such run"))

    def test_expected_differences(self):
        both = self.changed(2, 3)
        status, lines = self.compare(both, "scenarios/s01 # its text changed\n")
        self.assertEqual((status, lines[-1]), (0, "52 runs of 2 seeds: 2 differ, 2 of them as expected"))
        status, lines = self.compare(both, "scenarios/s01 seed=1 # repaired\n")
        self.assertEqual((status, lines[-1]), (1, "52 runs of 2 seeds: 2 differ, 1 of them as expected"))

    def test_the_list_is_exact(self):
        status, lines = self.compare(LINES, "scenarios/s01 # its text changed\n")
        self.assertEqual((status, lines[0]), (1, "expected: scenarios/s01: nothing of it differs"))
        status, lines = self.compare(self.changed(2), "scenarios/s01\n")
        self.assertEqual((status, lines[-2]), (1, "expected: scenarios/s01: there is no reason after '#'"))

    def test_too_few_runs_show_nothing(self):
        status, lines = self.compare(LINES[:4], old=LINES[:4])
        self.assertEqual(status, 1)
        self.assertIn("old: 4 runs of 2 seeds: too few to show anything (exit status 1)", lines[0])


if __name__ == "__main__":
    unittest.main()
