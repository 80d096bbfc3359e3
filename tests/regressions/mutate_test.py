"""What stops the build of ballonet-mutant: mutate_test.py MUTANT ROOT

Each test writes a small tree of sources and mutations, and runs mutate.py on it.
"""
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

MUTANT = os.path.abspath(sys.argv[1])
ROOT = os.path.abspath(sys.argv[2])
FOLDER = pathlib.Path(__file__).resolve().parent

GUEST = """int other(int page);

static int
page_take(int count,
          int page)
{
    if (count == 0) {
        return 0; /* nothing */
    }
    return other(page) +
           count;
}

int both(void)
{
    return 1;
}
"""
HOST = """int both(void)
{
    return 1;
}

int main(void)
{
    return both() + both();
}
"""
HEAD = "bugs: own-X1\ndoes: the \"last\" page is lost\n\n"
HOOKS = "include: mutant.h\n\nin main\n+ begin();\n  return\n"


class Mutate(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = pathlib.Path(folder.name)
        self.write("lib/guest/pages.c", GUEST)
        self.write("sim/host.c", HOST)
        self.write("command.txt", HOOKS)
        (self.root / "mutations").mkdir()

    def write(self, path, text):
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_text(text, encoding="utf-8")

    def mutate(self, **mutations):
        for name, text in mutations.items():
            self.write(f"mutations/{name.replace('_', '-')}.txt", text)
        out = self.root / "out"
        done = subprocess.run(
            [sys.executable, "-B", FOLDER / "mutate.py", self.root, self.root / "mutations",
             self.root / "command.txt", out], capture_output=True, text=True, check=False)
        return done.returncode, done.stdout + done.stderr

    def copied(self, path):
        return (self.root / "out" / path).read_text(encoding="utf-8")

    def refused(self, *texts, **mutations):
        status, told = self.mutate(**mutations)
        self.assertEqual(status, 1, told)
        for text in texts:
            self.assertIn(text, told)
        self.assertFalse((self.root / "out").exists())

    def test_text_is_found_whatever_its_white_space_is(self):
        status, told = self.mutate(last_lost=HEAD + "in page_take\n- other(page)+count\n"
                                   "+ MUTATION ? 0 : other(page) + count\n")
        self.assertEqual((status, told), (0, ""))
        self.assertIn("return \nmutation_last_lost ? 0 : other(page) + count\n;",
                      self.copied("lib/guest/pages.c"))
        self.assertIn("extern bool mutation_last_lost;", self.copied("lib/guest/pages.c"))
        self.assertEqual(self.copied("sim/host.c"),
                         '#include "mutant.h"\n' + HOST.replace("    return both() +",
                                                                "    \nbegin();\nreturn both() +"))
        self.assertIn('{"last-lost", "own-X1",\n     "the \\"last\\" page is lost", &mutation_last_lost}',
                      self.copied("mutations.c"))

    def test_lines_come_before_after_and_around_what_stays(self):
        status, told = self.mutate(
            a=HEAD + "in page_take\n+ if (MUTATION) {\n+     page++;\n+ }\n  return other\n",
            b=HEAD + "in page_take\n+ if (!MUTATION) {\n  return 0;\n+ }\n",
            c=HEAD + "in page_take\n  count == 0\n+ || MUTATION\n",
            d=HEAD + "in page_take\n  count == 0\n+ || (MUTATION && page == 1)\n")
        self.assertEqual((status, told), (0, ""))
        text = " ".join(self.copied("lib/guest/pages.c").split())
        self.assertIn("if (count == 0 || mutation_c || (mutation_d && page == 1) ) { "
                      "if (!mutation_b) { return 0; } /* nothing */ } "
                      "if (mutation_a) { page++; } return other(page) + count;", text)

    def test_a_text_that_is_not_there_names_mutation_function_file_and_text(self):
        self.refused("mutations/last-lost.txt:4: mutation last-lost: page_take (lib/guest/pages.c)",
                     "0 times: other(pages)",
                     last_lost=HEAD + "in page_take\n- other(pages)\n+ MUTATION\n")

    def test_a_part_of_a_word_is_not_the_word(self):
        self.refused("0 times: oun",
                     last_lost=HEAD + "in page_take\n- oun\n+ MUTATION\n")

    def test_a_text_that_is_there_twice_stops_the_build(self):
        self.refused("mutation last-lost: page_take (lib/guest/pages.c)", "2 times: return",
                     last_lost=HEAD + "in page_take\n  return\n+ MUTATION +\n")

    def test_a_function_that_is_gone_stops_the_build(self):
        self.refused("mutation last-lost: there is no function page_give in lib or sim",
                     last_lost=HEAD + "in page_give\n- 1\n+ MUTATION\n")

    def test_functions_of_one_name_are_told_apart_by_their_folder(self):
        self.refused("both (lib/guest/pages.c, sim/host.c) must have this text once",
                     twice=HEAD + "in both\n- 1\n+ MUTATION\n")
        status, told = self.mutate(twice=HEAD + "in both of lib/guest/\n- 1\n+ MUTATION\n")
        self.assertEqual((status, told), (0, ""))
        self.assertIn("mutation_twice", self.copied("lib/guest/pages.c"))
        self.assertNotIn("mutation_twice", self.copied("sim/host.c"))

    def test_two_mutations_that_replace_one_text_are_both_named(self):
        self.refused("mutations one and two replace the same text of lib/guest/pages.c: other(page)",
                     one=HEAD + "in page_take\n- other(page)\n+ MUTATION\n",
                     two=HEAD + "in page_take\n- return other(page)\n+ return MUTATION\n")

    def test_every_problem_is_told_at_once(self):
        self.refused("mutation one: ", "mutation two: ",
                     one=HEAD + "in page_take\n- one\n+ MUTATION\n",
                     two=HEAD + "in page_take\n- two\n+ MUTATION\n")

    def test_a_hook_that_does_not_fit_stops_the_build(self):
        self.write("command.txt", HOOKS.replace("  return", "  throw"))
        self.refused("command.txt:3: mutation command: main (sim/host.c)", "0 times: throw")

    def test_a_file_that_is_no_mutation_stops_the_build(self):
        fits = "in page_take\n- other(page)\n+ MUTATION\n"
        for text, told in ((fits, "it needs the lines 'bugs: IDS' and 'does: SENTENCE'"),
                           (HEAD + fits.replace("MUTATION", "0"), "switched by MUTATION"),
                           (HEAD + "  page\n" + fits, "x.txt:4: this line is no part of the format"),
                           (HEAD + "at page_take\n", "x.txt:4: this line is no part of the format"),
                           (HEAD + "in page_take\n+ MUTATION\n", "no text that tells the place")):
            with self.subTest(text=text):
                self.refused("mutations/x.txt", told, x=text)
        self.refused("the name of a mutation", x=HEAD + fits, No=HEAD + fits)

    def test_only_what_changed_is_written_and_what_is_gone_is_removed(self):
        fits = HEAD + "in page_take\n- other(page)\n+ (MUTATION ? 0 : other(page))\n"
        self.write("lib/old.h", "")
        self.assertEqual(self.mutate(x=fits)[0], 0)
        host = self.root / "out/sim/host.c"
        guest = self.root / "out/lib/guest/pages.c"
        for path in (host, guest):
            os.utime(path, (1, 1))
        (self.root / "lib/old.h").unlink()
        self.assertEqual(self.mutate(x=fits.replace("? 0", "? 1"))[0], 0)
        self.assertEqual(host.stat().st_mtime, 1)
        self.assertNotEqual(guest.stat().st_mtime, 1)
        self.assertFalse((self.root / "out/lib/old.h").exists())


class Command(unittest.TestCase):
    def run_mutant(self, *arguments):
        return subprocess.run([MUTANT, *arguments], cwd=ROOT, capture_output=True, text=True,
                              check=False)

    def test_a_mutation_that_does_not_exist_is_refused(self):
        done = self.run_mutant("run", "--mutate", "oom-holdof-none", "scenarios/seed")
        self.assertEqual(done.returncode, 2)
        self.assertIn("--mutate oom-holdof-none: not a mutation", done.stderr)
        done = self.run_mutant("regressions", "tests/regressions/unknown-mutation.yaml")
        self.assertEqual(done.returncode, 2)
        self.assertIn("unknown-mutation.yaml: regression.switch: there is no mutation "
                      "'oom-holdof-none'; they are in tests/regressions/mutations/", done.stderr)

    def test_each_file_of_the_folder_is_a_mutation_of_the_command(self):
        listed = [row.split("\t")[0] for row in self.run_mutant("mutations").stdout.splitlines()]
        self.assertEqual(listed, sorted(path.stem for path in (FOLDER / "mutations").iterdir()))

    def test_the_sources_that_ship_know_nothing_of_mutations(self):
        for top in ("lib", "sim"):
            for path in (pathlib.Path(ROOT) / top).rglob("*"):
                if path.is_file():
                    text = path.read_text(encoding="utf-8").lower()
                    self.assertNotIn("mutation", text, path)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
