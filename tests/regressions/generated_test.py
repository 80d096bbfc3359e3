"""Generated scenarios by the command: a bug that is brought back is found, cut down, and told apart.

    generated_test.py BALLONET MUTANT SOURCE
"""

import os
import re
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
BALLONET, MUTANT, SOURCE = (os.path.abspath(argument) for argument in sys.argv[1:4])
PROFILES = ("sim", "explore", "profiles")
MUTATION = "huge-unfilled" if len(sys.argv) < 5 else sys.argv[4]
SUMMARY = re.compile(
    r"^(\d+) generated scenarios: (\d+) passed, (\d+) failed in (\d+) ways; .*$", re.M
)


def run(program, *arguments):
    return subprocess.run(
        [program, *arguments], cwd=SOURCE, capture_output=True, text=True, check=False, timeout=300
    )


def kinds(done):
    found = re.findall(r"^ *(\d+)  first seed (\d+)  (.*)$", done.stdout, re.M)
    return {kind: int(seed) for _, seed, kind in found}


class Generated(unittest.TestCase):
    def test_a_text_is_the_same_each_time_and_valid(self):
        first = run(BALLONET, "generate", "--seed", "5")
        self.assertEqual(first.returncode, 0)
        self.assertEqual(first.stdout, run(BALLONET, "generate", "--seed", "5").stdout)
        self.assertNotEqual(first.stdout, run(BALLONET, "generate", "--seed", "6").stdout)
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "s.yaml")
            with open(path, "w", encoding="utf-8") as file:
                file.write(first.stdout)
            self.assertEqual(run(BALLONET, "check", path).returncode, 0)

    def test_results_do_not_depend_on_how_many_run_at_once(self):
        told = []
        for jobs in ("1", "3"):
            done = run(BALLONET, "run", "--generated", "1..60", "--quiet", "-j", jobs)
            told.append(re.sub(r"; \d+\.\d s, .*", "", done.stdout))
        self.assertEqual(told[0], told[1])
        self.assertEqual(SUMMARY.search(told[0] + "; ")[1], "60")

    def test_a_bug_is_found_and_its_command_and_file_show_it_again(self):
        usual = kinds(run(BALLONET, "run", "--generated", "1..400", "--quiet"))
        mutate = ("--mutate", MUTATION)
        broken = kinds(run(MUTANT, "run", "--generated", "1..400", "--quiet", *mutate))
        new = {kind: seed for kind, seed in broken.items() if kind not in usual}
        self.assertTrue(new, broken)
        kind, seed = min(new.items(), key=lambda item: item[1])
        one = f"{seed}..{seed}"
        with tempfile.TemporaryDirectory() as folder:
            done = run(MUTANT, "run", "--generated", one, "--output", folder, *mutate)
            self.assertIn(done.returncode, (1, 3, 5, 7))
            self.assertIn(f"again: ballonet-mutant run --mutate {MUTATION} --generated {one}",
                          done.stdout)
            self.assertIn("the smallest failing scenario after ", done.stdout)
            self.assertEqual(list(kinds(done)), [kind])
            with open(os.path.join(folder, "failures.tsv"), encoding="utf-8") as file:
                self.assertEqual(file.read(), f"{seed}\t{kind}\n")
            path = os.path.join(folder, f"seed-{seed}.yaml")
            with open(path, encoding="utf-8") as file:
                small = file.read()
            whole = run(BALLONET, "generate", "--seed", str(seed)).stdout
            self.assertLess(len(small.splitlines()), len(whole.splitlines()) + 3)
            self.assertEqual(run(BALLONET, "check", path).returncode, 0)
            self.assertEqual(run(BALLONET, "run", path).returncode, 0, small)
            if not kind.startswith("fail: clause"):
                self.assertEqual(run(MUTANT, "run", path, *mutate).returncode, done.returncode)
        self.assertEqual(run(BALLONET, "run", "--generated", one, "--quiet").returncode, 0)

    def test_the_first_failure_ends_it_and_time_does(self):
        mutate = ("--mutate", MUTATION)
        done = run(MUTANT, "run", "--generated", "1..100000", "--quiet", "--first", *mutate)
        self.assertNotEqual(done.returncode, 0)
        self.assertEqual(SUMMARY.search(done.stdout)[3], "1")
        done = run(BALLONET, "run", "--generated", "1..100000000", "--quiet", "--for", "1s")
        self.assertLess(int(SUMMARY.search(done.stdout)[1]), 100000)

    def test_mistakes_of_usage(self):
        for arguments in (["--generated", "5"], ["--generated", "9..3"], ["--generated", "a..b"],
                          ["--generated", "1..2", "-j", "0"], ["--generated", "1..2", "--for", "5"],
                          ["--generated", "1..2", "--profile", "none.yaml"]):
            self.assertEqual(run(BALLONET, "run", *arguments).returncode, 2, arguments)

    def test_the_profiles_of_the_project_load(self):
        folder = os.path.join(SOURCE, *PROFILES)
        for name in sorted(os.listdir(folder)):
            path = os.path.join(*PROFILES, name)
            done = run(BALLONET, "generate", "--seed", "3", "--profile", path)
            self.assertEqual(done.returncode, 0, done.stderr)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
