"""Each thing that layers.py and sources.py must notice, on a small tree that is built here: layers_test.py CC

Exits 77 where the compiler is missing or makes other objects than ELF.
"""
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

HERE = pathlib.Path(__file__).resolve().parent
CC = "cc"
HEADERS = "[public headers]\nlib/include/ballonet/low.h lib/low\n"
ARROWS = "[arrows]\nlib/low ->\nlib/high -> lib/low\nsim/top -> lib/low lib/high\n"
LIMITS = "# head\nlimit circle 2\nlimit header 9\nlimit lines 9\nlimit name 1\n"
TREE = {
    "lib/include/ballonet/low.h": "int low_get(void);\n",
    "lib/low/private.h": "int low_other(void);\n",
    "lib/low/low.c": '#include <ballonet/low.h>\n#include "lib/low/private.h"\nint low_get(void) { return low_other(); }\n',
    "lib/low/other.c": '#include "lib/low/private.h"\nint low_other(void) { return 1; }\n',
    "lib/high/high.c": "#include <ballonet/low.h>\nint high_get(void);\nint high_get(void) { return low_get(); }\n",
    "sim/top/top.c": "#include <ballonet/low.h>\nint top_get(void);\nint top_get(void) { return low_get(); }\n",
}
# Calls upwards; calls back, which makes a circle of two; and of three.
CALLS_UP = "int high_get(void);\nint low_other(void);\nint low_other(void) { return high_get(); }\n"
CALLS_BACK = "int low_get(void);\nint low_other(void);\nint low_other(void) { return low_get(); }\n"
CALLS_THIRD = CALLS_BACK.replace("low_get", "low_third")
THIRD = "int low_third(void);\nint low_get(void);\nint low_third(void) { return low_get(); }\n"
TABLE = "int high_get(void);\nextern int (*const table[])(void);\nint (*const table[])(void) = {high_get};\n"
BY_TABLE = "extern int (*const table[])(void);\nint low_other(void);\nint low_other(void) { return table[0](); }\n"


class Layers(unittest.TestCase):
    def layers(self, changes=None, arrows=ARROWS, ceilings=LIMITS, headers=HEADERS, options=(), optimisation="-O0"):
        """Exit status and output on the tree with changes; self.ceilings is that file afterwards."""
        with tempfile.TemporaryDirectory() as folder:
            root = pathlib.Path(folder).resolve()
            commands = []
            tree = {**TREE, **(changes or {})}
            for name, text in tree.items():
                (root / name).parent.mkdir(parents=True, exist_ok=True)
                (root / name).write_text(text, encoding="utf-8")
            for path in map(root.joinpath, tree):
                if path.suffix == ".c":
                    made = path.with_suffix(".o")
                    command = [CC, optimisation, f"-I{root}", f"-I{root}/lib/include", "-o", str(made), "-c", str(path)]
                    subprocess.run(command, check=True)
                    commands.append({"directory": folder, "file": str(path), "command": " ".join(command)})
            (root / "compile_commands.json").write_text(json.dumps(commands), encoding="utf-8")
            (root / "arrows.txt").write_text(headers + arrows, encoding="utf-8")
            (root / "ceilings.txt").write_text(ceilings, encoding="utf-8")
            for name in options:
                if name.startswith("without "):
                    (root / name.split()[1]).unlink()
            options = [option for option in options if not option.startswith("without ")]
            done = subprocess.run([sys.executable, "-B", str(HERE / "layers.py"), folder, folder, "--rules", folder, *options],
                                  capture_output=True, text=True, check=False)
            self.ceilings = (root / "ceilings.txt").read_text(encoding="utf-8")
            return done.returncode, done.stdout + done.stderr

    def passes(self, **what):
        status, text = self.layers(**what)
        self.assertEqual((status, "FAIL" in text), (0, False), text)
        return text

    def fails(self, because, **what):
        """It fails for this reason and no other."""
        status, text = self.layers(**what)
        self.assertEqual((status, [line for line in text.splitlines() if "FAIL" in line]), (1, ["FAIL " + because]), text)

    def test_a_tree_in_order_passes_at_any_optimisation(self):
        for optimisation in ("-O0", "-O2", "-Os"):
            text = self.passes(optimisation=optimisation)
            self.assertRegex(text, r"lib/low +3 +1 +0 +1\n")
            self.assertRegex(text, r"lib/high +1 +0 +1 +1\n")

    def test_an_include_against_the_arrows(self):
        self.fails("lib/low/other.c includes lib/high/high.h: no arrow lib/low -> lib/high",
                   changes={"lib/high/high.h": "", "lib/low/other.c": '#include "lib/high/high.h"\n' + TREE["lib/low/other.c"]})

    def test_an_include_between_two_headers(self):
        self.fails("lib/low/private.h includes lib/high/high.h: no arrow lib/low -> lib/high",
                   changes={"lib/high/high.h": "", "lib/low/private.h": '#include "../high/high.h"\nint low_other(void);\n'})

    def test_a_call_against_the_arrows_that_no_include_shows(self):
        self.fails("lib/low/other.c calls high_get of lib/high/high.c: no arrow lib/low -> lib/high",
                   changes={"lib/low/other.c": CALLS_UP}, ceilings=LIMITS.replace("circle 2", "circle 3"))

    def test_a_call_against_the_arrows_with_optimisation(self):
        self.fails("lib/low/other.c calls high_get of lib/high/high.c: no arrow lib/low -> lib/high",
                   changes={"lib/low/other.c": CALLS_UP}, ceilings=LIMITS.replace("circle 2", "circle 3"), optimisation="-O2")

    def test_a_table_calls_its_functions(self):
        self.fails("lib/low/table.c calls high_get of lib/high/high.c: no arrow lib/low -> lib/high",
                   changes={"lib/low/table.c": TABLE})

    def test_who_calls_by_a_table_does_not_call_its_functions(self):
        self.passes(changes={"lib/low/other.c": BY_TABLE, "sim/top/table.c": TABLE})

    def test_a_private_header_of_lib_in_sim(self):
        self.fails("sim/top/top.c includes lib/low/private.h: sim sees the public headers of lib alone",
                   changes={"sim/top/top.c": '#include "lib/low/private.h"\n'})

    def test_an_include_that_leads_nowhere(self):
        self.fails("sim/top/top.h: includes sim/top/gone.h, which does not exist",
                   changes={"sim/top/top.h": '#include "sim/top/gone.h"\n'})

    def test_a_room_without_a_row(self):
        self.fails("lib/new: the room has no row in arrows.txt", changes={"lib/new/new.c": "int new_get;\n"})

    def test_a_public_header_without_a_room(self):
        self.fails("lib/include/ballonet/new.h: the public header has no room in arrows.txt",
                   changes={"lib/include/ballonet/new.h": ""})

    def test_a_row_of_what_is_gone(self):
        for old in ("lib/old", "lib/old/*"):
            self.fails(f"arrows.txt: {old} is there no more: take it out",
                       arrows=ARROWS.replace("high -> lib/low", "high -> lib/low " + old))
        self.fails("arrows.txt: lib/old is there no more: take it out", arrows=ARROWS + "lib/old ->\n")
        self.fails("arrows.txt: lib/low/old.h is there no more: take it out", headers=HEADERS + "lib/low/old.h lib/low\n")

    def test_a_room_below_another(self):
        below = {"lib/low/deep/deep.c": "int deep_get(void);\nint deep_get(void) { return 1; }\n",
                 "sim/top/top.c": "int deep_get(void);\nint top_get(void);\nint top_get(void) { return deep_get(); }\n"}
        self.fails("sim/top/top.c calls deep_get of lib/low/deep/deep.c: no arrow sim/top -> lib/low/deep",
                   changes=below, arrows=ARROWS + "lib/low/deep ->\n")
        self.passes(changes=below, arrows=ARROWS.replace("top -> lib/low", "top -> lib/low/*") + "lib/low/deep ->\n")

    def test_arrows_that_form_a_circle(self):
        self.fails("arrows.txt: the arrows -> form a circle: lib/high, lib/low",
                   arrows=ARROWS.replace("low ->", "low -> lib/high"))

    def test_an_arrow_against_the_order_is_known_until_it_is_gone(self):
        known = ARROWS + "lib/low ~> lib/high\n"
        self.passes(changes={"lib/low/other.c": CALLS_UP}, arrows=known, ceilings=LIMITS.replace("circle 2", "circle 3"))
        self.fails("arrows.txt: lib/low ~> lib/high is there no more: take it out", arrows=known)

    def test_a_circle_that_is_too_large(self):
        self.passes(changes={"lib/low/other.c": CALLS_BACK})
        self.fails("lib/low: 3 files in its largest circle, at most 2 are allowed",
                   changes={"lib/low/other.c": CALLS_THIRD, "lib/low/third.c": THIRD})

    def test_a_recorded_circle_that_grew(self):
        self.fails("lib/low: 3 files in its largest circle, at most 2 are allowed",
                   changes={"lib/low/other.c": CALLS_THIRD, "lib/low/third.c": THIRD},
                   ceilings=LIMITS.replace("circle 2", "circle 1") + "circle lib/low 2\n")

    def test_a_recorded_circle_that_shrank(self):
        self.fails("ceilings.txt: circle lib/low 4: it has only 3 now; lower it with --lower",
                   changes={"lib/low/other.c": CALLS_THIRD, "lib/low/third.c": THIRD}, ceilings=LIMITS + "circle lib/low 4\n")

    def test_a_circle_through_two_rooms_counts_in_both(self):
        text = self.passes(changes={"lib/low/other.c": CALLS_UP}, arrows=ARROWS + "lib/low ~> lib/high\n",
                           ceilings=LIMITS.replace("circle 2", "circle 3"))
        self.assertRegex(text, r"lib/low +3 +1 +1 +3\n")
        self.assertRegex(text, r"lib/high +1 +0 +1 +3\n")

    def test_the_members_of_a_circle_are_printed(self):
        status, text = self.layers(changes={"lib/low/other.c": CALLS_BACK}, options=["--circle", "lib/low"])
        self.assertEqual((status, text), (0, "lib/low/low.c\n    -> lib/low/other.c: low_other\n"
                                             "lib/low/other.c\n    -> lib/low/low.c: low_get\n"))

    def test_lengths(self):
        long = {"lib/low/long.h": "\n" * 11}
        self.fails("lib/low/long.h: 11 lines, at most 9 are allowed", changes=long)
        self.fails("lib/low/long.h: 11 lines, at most 10 are allowed", changes=long, ceilings=LIMITS + "header lib/low/long.h 10\n")
        self.passes(changes=long, ceilings=LIMITS + "header lib/low/long.h 12\n")
        self.passes(changes={"lib/include/ballonet/low.h": TREE["lib/include/ballonet/low.h"] + "\n" * 11})
        self.fails("sim/top/long.c: 11 lines, at most 9 are allowed", changes={"sim/top/long.c": "\n" * 11})
        self.fails("ceilings.txt: lines lib/low/low.c 12: it has only 3 now; lower it with --lower",
                   ceilings=LIMITS + "lines lib/low/low.c 12\n")

    def test_two_sources_of_one_name(self):
        twice = {"lib/high/low.c": "int high_low;\n"}
        self.fails("low.c: 2 files of this name, at most 1 are allowed", changes=twice)
        self.passes(changes=twice, ceilings=LIMITS + "name low.c 2\n")
        self.fails("ceilings.txt: name low.c 2: it has only 1 now; lower it with --lower", ceilings=LIMITS + "name low.c 2\n")

    def test_lower_never_raises_and_never_adds(self):
        rows = "circle lib/low 4\nheader lib/low/private.h 20\nlines lib/gone.c 11\n"
        circle = {"lib/low/other.c": CALLS_THIRD, "lib/low/third.c": THIRD}
        self.passes(changes=circle, ceilings=LIMITS + rows, options=["--lower"])
        self.assertEqual(self.ceilings, LIMITS + "circle lib/low 3\n")
        self.fails("lib/low/long.h: 11 lines, at most 10 are allowed", changes={"lib/low/long.h": "\n" * 11},
                   ceilings=LIMITS + "header lib/low/long.h 10\n", options=["--lower"])
        self.assertEqual(self.ceilings, LIMITS + "header lib/low/long.h 10\n")

    def test_a_build_that_is_not_complete(self):
        self.fails("sim/top/top.c: has no object in the build; build everything first", options=["without sim/top/top.o"])

    def test_tables_that_are_worded_wrong(self):
        for what in ({"arrows": ARROWS + "lib/low lib/high sim/top\n"}, {"ceilings": LIMITS + "width lib/low 3\n"}):
            status, text = self.layers(**what)
            self.assertEqual(status, 1, text)
            self.assertIn("is neither", text)


class Sources(unittest.TestCase):
    def sources(self, change):
        with tempfile.TemporaryDirectory() as folder:
            root = pathlib.Path(folder)
            shutil.copytree(HERE.parent.parent / "lib", root / "lib")
            change(root / "lib")
            done = subprocess.run([sys.executable, "-B", str(HERE / "sources.py"), folder], capture_output=True, text=True,
                                  check=False)
            return done.returncode, done.stdout.splitlines()

    def test_a_file_that_only_the_folder_has(self):
        self.assertEqual(self.sources(lambda lib: (lib / "guest/zz.c").write_text("")), (1, [
            "lib/sources.cmake: guest/zz.c is missing from the list", "lib/sources.mk: guest/zz.c is missing from the list"]))

    def test_a_file_that_only_the_lists_have(self):
        self.assertEqual(self.sources(lambda lib: (lib / "base/pack.c").unlink()), (1, [
            "lib/sources.cmake: base/pack.c does not exist", "lib/sources.mk: base/pack.c does not exist"]))

    def test_a_file_that_one_list_lacks(self):
        def change(lib):
            path = lib / "sources.mk"
            path.write_text(path.read_text().replace("  virtio/memory.c \\\n", ""))

        self.assertEqual(self.sources(change), (1, ["lib/sources.mk: virtio/memory.c is missing from the list"]))

    def test_nothing(self):
        self.assertEqual(self.sources(lambda lib: None)[0], 0)


if __name__ == "__main__":
    CC = sys.argv.pop(1)
    with tempfile.TemporaryDirectory() as probe:
        made = pathlib.Path(probe) / "x.o"
        compiles = shutil.which(CC) and subprocess.run([CC, "-x", "c", "-c", "-o", str(made), "-"], input=b"int x;",
                                                       check=False).returncode == 0
        if not compiles or made.read_bytes()[:4] != b"\x7fELF":
            print(f"skipped: {CC} makes no ELF objects here")
            sys.exit(77)
    unittest.main()
