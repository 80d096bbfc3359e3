"""Each thing that dialect.py must notice, and what it must let pass, on a file that is written here: dialect_test.py"""
import pathlib
import subprocess
import sys
import tempfile
import unittest

HERE = pathlib.Path(__file__).resolve().parent
GUARD = "#ifndef SIM_TOP_A_H\n#define SIM_TOP_A_H\n"


class Dialect(unittest.TestCase):
    def dialect(self, text, file="sim/top/a.c", options=()):
        """Exit status and output for one file; self.text is the file afterwards."""
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / file
            path.parent.mkdir(parents=True)
            path.write_text(text, encoding="utf-8")
            done = subprocess.run([sys.executable, "-B", str(HERE / "dialect.py"), folder, *options],
                                  capture_output=True, text=True, check=False)
            self.text = path.read_text(encoding="utf-8")
            return done.returncode, done.stdout

    def refused(self, text, what, file="sim/top/a.c"):
        status, output = self.dialect(text, file)
        self.assertEqual(status, 1, output)
        self.assertIn(what, output)

    def passes(self, text, file="sim/top/a.c"):
        self.assertEqual(self.dialect(text, file)[0], 0, text)

    def test_include(self):
        self.passes('#include <ballonet/base.h>\n#include "sim/top/a.h"\n#include <string.h>\n')
        self.refused('#include "a.h"\n', 'a.c:1: "a.h" is neither')
        self.refused('#include "ballonet/base.h"\n', "is neither")
        self.refused("#include <sim/top/a.h>\n", "is a private header")

    def test_guard(self):
        self.passes(GUARD + "#endif\n", "sim/top/a.h")
        self.passes("#ifndef BALLONET_A_H\n#define BALLONET_A_H\n#endif\n", "lib/include/ballonet/a.h")
        self.refused("int a;\n", "has no include guard", "sim/top/a.h")
        self.refused("#ifndef A_H\n#define A_H\n#endif\n", "the guard is A_H, not SIM_TOP_A_H", "sim/top/a.h")

    def test_sizeof(self):
        self.passes("int a = sizeof b + sizeof(struct c) + sizeof(uint8_t) + sizeof((d)->e) + sizeof(char *);\n")
        for of in ("b", "b->c", "b.c[0]", "*b"):
            self.refused(f"int a = sizeof({of});\n", f"write sizeof {of}")

    def test_comment(self):
        self.passes('/* http://a // b */\nconst char *a = "//";\n')
        self.refused("int a; // b\n", "a.c:1: a comment begins with //")

    def test_typedef(self):
        self.passes("typedef enum a { B } a;\nenum { C };\nstruct d { a e; };\n")
        self.passes("typedef struct bnt_le16 {\n    uint8_t bytes[2];\n} bnt_le16;\n")
        self.refused("typedef struct a {\n    int b;\n} a;\n", "a typedef of a struct")
        self.refused("enum a { B };\n", "write typedef enum a")
        self.refused("typedef enum a { B } a;\nvoid c(enum a d);\n", "a.c:2: write a, not enum a")

    def test_width(self):
        self.passes("/* " + "a" * 94 + " */\n")
        self.passes(f'const char *a = "{"a" * 99}";\n')
        self.passes("/* clang-format off */\n/* " + "a" * 95 + " */\n/* clang-format on */\n")
        self.refused("/* " + "a" * 95 + " */\n", "is 101 columns wide")

    def test_write(self):
        text = "#ifndef A_H\n#define A_H\nenum a {\n    B\n};\nint c(enum a d);\nint e = sizeof(f);\n#endif\n"
        self.assertEqual(self.dialect(text, "sim/top/a.h", ("--write",))[0], 0)
        self.assertEqual(self.text, GUARD + "typedef enum a {\n    B\n} a;\nint c(a d);\nint e = sizeof f;\n#endif\n")

    def test_no_file(self):
        self.assertEqual(self.dialect("int a;\n", "other/a.c")[0], 1)


if __name__ == "__main__":
    unittest.main()
