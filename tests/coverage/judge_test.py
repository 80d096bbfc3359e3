"""The judge of coverage: each thing that it must notice, on a made-up report of one function.

    judge_test.py
"""

import json
import os
import subprocess
import sys
import tempfile
import unittest

JUDGE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "judge.py")
SOURCE = """\
int f(int a)
{
    BNTI_ASSERT(a !=
                0);
    if (a > 1) {
        return 1;
    }
    return 2;
}
"""
GOOD = "lib/f.c\tf\t0\t1\tif (a > 1) {\tno caller has more\n" "lib/f.c\tf\t1\t0\treturn 1;\tthe same\n"


def line(number, count, branches=()):
    return {
        "line_number": number,
        "count": count,
        "branches": [{"count": taken} for taken in branches],
        "gcovr/noncode": False,
    }


def report(files=60, missed=1):
    """So many files of 100 lines that ran, and lib/f.c, of which `missed` lines did not."""
    lines = [line(1, 5), line(3, 5, (5, 0)), line(4, 5, (0, 5)), line(5, 5, (0, 5))]
    lines += [line(6, 0 if missed else 5), line(8, 5)]
    found = [{"file": "lib/f.c", "functions": [{"name": "f", "lineno": 1}], "lines": lines}]
    for number in range(1, files):
        found.append(
            {
                "file": "lib/g.c",
                "functions": [{"name": "g", "lineno": 1}],
                "lines": [line(1, 1, (1, 1)) for _ in range(100)],
            }
        )
    return {"files": found}


class Judge(unittest.TestCase):
    def judge(self, rows, counted=None, mode=()):
        """Status and output of the judge, and the list after it."""
        with tempfile.TemporaryDirectory() as folder:
            os.mkdir(os.path.join(folder, "lib"))
            for name, text in (("lib/f.c", SOURCE), ("lib/g.c", "int g;\n"), ("list", rows)):
                with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
                    file.write(text)
            with open(os.path.join(folder, "report"), "w", encoding="utf-8") as file:
                counted = report() if counted is None else counted
                file.write(counted if isinstance(counted, str) else json.dumps(counted))
            done = subprocess.run(
                [sys.executable, "-B", JUDGE, "report", "list", *mode],
                cwd=folder, capture_output=True, text=True, check=False,
            )
            with open(os.path.join(folder, "list"), encoding="utf-8") as file:
                return done.returncode, done.stdout, file.read()

    def refused(self, rows, sentence, counted=None):
        status, output, _ = self.judge(rows, counted)
        self.assertEqual(status, 1, output)
        self.assertIn(sentence, output)

    def test_what_is_listed_with_reasons_passes(self):
        status, output, _ = self.judge("# why\n" + GOOD)
        self.assertEqual(status, 0, output)
        self.assertIn("lines: 5905 of 5906", output)
        self.assertIn("branches: 11801 of 11802", output)  # those of the assertion do not count

    def test_a_row_that_lacks_is_noticed(self):
        self.refused(GOOD.split("\n", 1)[1], "not covered and not listed (0 lines, 1 branches)")
        self.refused(GOOD.split("\n", 1)[0] + "\n", "not covered and not listed (1 lines, 0 branches)")

    def test_a_row_without_its_reason_is_noticed(self):
        self.refused(GOOD.replace("the same", ""), "listed without a reason: lib/f.c: f: return 1;")

    def test_a_row_of_what_is_covered_or_gone_is_noticed(self):
        self.refused(GOOD + "lib/f.c\tf\t1\t0\treturn 2;\tnever\n", "listed, but covered or gone")
        self.refused(GOOD + "lib/h.c\th\t1\t0\treturn;\tnever\n", "listed, but covered or gone")

    def test_another_count_is_noticed(self):
        self.refused(GOOD.replace("\t0\t1\t", "\t0\t2\t"), "listed with 0 lines and 2 branches")

    def test_too_few_lines_and_branches_are_noticed(self):
        few = report()
        few["files"][1]["lines"] = [line(1, 0, (1, 0)) for _ in range(1000)]
        rows = GOOD + "lib/g.c\tg\t1000\t1000\tint g;\tnone\n"
        self.refused(rows, "of 6806 lines are fewer than 98 %", few)
        few["files"][1]["lines"] = [line(1, 1, (1, 0)) for _ in range(2000)]
        self.refused(rows.replace("\t1000\t1000\t", "\t0\t2000\t"), "branches are fewer than 90 %", few)

    def test_an_empty_or_broken_report_is_an_error(self):
        for counted in (report(files=1), {"files": []}, {}, "", "[]"):
            status, output, _ = self.judge(GOOD, counted)
            self.assertEqual(status, 2, output)
            self.assertIn("cannot judge", output)

    def test_a_list_that_makes_no_sense_is_an_error(self):
        for rows in ("lib/f.c\tf\t1\n", GOOD + GOOD, GOOD.replace("\t1\t0\t", "\tx\t0\t")):
            status, output, _ = self.judge(rows)
            self.assertEqual(status, 2, output)

    def test_an_update_keeps_reasons_and_gives_none_of_its_own(self):
        old = "lib/f.c\tf\t0\t9\tif (a > 1) {\tkept\nlib/f.c\tf\t1\t0\treturn 2;\tnever\n"
        status, _, rows = self.judge(old, mode=("update",))
        self.assertEqual(status, 1)
        self.assertIn("lib/f.c\tf\t0\t1\tif (a > 1) {\tkept\n", rows)
        self.assertIn("lib/f.c\tf\t1\t0\treturn 1;\t\n", rows)
        self.assertNotIn("return 2;", rows)


if __name__ == "__main__":
    unittest.main(verbosity=0)
