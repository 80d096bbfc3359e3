"""The sample of the prose is drawn as it says: prose_sample_test.py ROOT"""
import collections
import pathlib
import re
import subprocess
import sys
import unittest

import prose_sample

ROOT = pathlib.Path(sys.argv[1]).resolve()
SOURCE = """/*
 * The first sentence is here. A second one follows it:
 * over two lines.
 *
 * - an item of a list, say
 */
static int page_of(struct x *x, /* not a sentence */
                   int (*callback)(void *))
{
    fail("page %" PRIu64 " is " /* split */ "not %s at all\\n", "word", '"'); // the last one is this
    return "a/*no comment in here*/b" == 0;
}
int declared_only(int x);
"""


class Sample(unittest.TestCase):
    def sample(self, *arguments):
        command = [sys.executable, "-B", str(pathlib.Path(__file__).with_name("prose_sample.py")), str(ROOT), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()

    def test_the_same_seed_draws_the_same_sample_and_another_seed_another(self):
        self.assertEqual(self.sample(), self.sample("1"))
        self.assertEqual(self.sample("7"), self.sample("7"))
        self.assertLess(len(set(self.sample("1")) & set(self.sample("2"))), 10)

    def test_the_counts_are_those_promised_and_nothing_is_drawn_twice(self):
        for seed in range(3):
            drawn = prose_sample.sample(ROOT, seed)
            self.assertEqual(collections.Counter(kind for kind, _, _ in drawn),
                             {"comment": 60, "name": 30, "message": 30, "document": 45})
            self.assertEqual(len({(kind, text) for kind, _, text in drawn}), 165)

    def test_a_blind_sample_is_numbered_and_has_no_places(self):
        blind, placed = self.sample("5"), self.sample("5", "--places")
        self.assertEqual([int(line.partition(".")[0]) for line in blind], list(range(1, 166)))
        self.assertEqual(blind, [re.sub(r"\[[a-z]+, [^\]]*:\d+\] ", "", line, count=1) for line in placed])
        self.assertNotEqual(blind, placed)

    def test_a_place_is_where_the_text_is(self):
        for kind, place, text in prose_sample.sample(ROOT, 3):
            file, _, line = place.rpartition(":")
            below = "\n".join((ROOT / file).read_text(encoding="utf-8").split("\n")[int(line) - 1 :])
            word = text.removesuffix("()") if kind == "name" else max(re.findall(r"[A-Za-z]+", text), key=len)
            self.assertIn(word, below, place)

    def test_what_counts_as_a_sentence_a_name_and_a_message(self):
        found = [(kind, text) for kind, _, text in prose_sample.from_source(SOURCE)]
        self.assertEqual(found, [
            ("comment", "The first sentence is here."), ("comment", "A second one follows it: over two lines."),
            ("comment", "an item of a list, say"), ("comment", "the last one is this"),
            ("message", '"page ... is not ... at all"'), ("name", "page_of()")])

    def test_numbers_are_those_of_splitmix64(self):
        draws = prose_sample.Draws(1234567)
        self.assertEqual([draws.next() for _ in range(3)],
                         [6457827717110365317, 3203168211198807973, 9817491932198370423])


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
