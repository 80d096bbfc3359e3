"""Every example in a public header compiles without a warning: check_examples.py ROOT CC

An example is an indented block of a comment in which a line ends as a statement does. What it leaves to its reader
(storage, callbacks, a clock) is declared in examples.h.
"""
import pathlib
import re
import subprocess
import sys
import tempfile

STATEMENT = re.compile(r"[;{}]\s*(//.*)?$")
EXPECTED = {"guest": 1, "host": 1, "memory": 1, "personality": 1, "virtqueue": 2}


def blocks(text):
    """Indented blocks of comments, as lists of lines; a blank line within one belongs to it."""
    found, block = [], []
    for line in text.splitlines():
        if line.startswith(" *     "):
            block.append(line[7:])
        elif block and line.rstrip() == " *":
            block.append("")
        elif block:
            found.append(block)
            block = []
    return [block for block in found if any(STATEMENT.search(line) for line in block)]


def compile_one(root, cc, name, block):
    """What the compiler says, or nothing."""
    code = f"#define EXAMPLE_{name}\n#include \"examples.h\"\nvoid example(void);\nvoid example(void)\n{{\n"
    code += "\n".join(block) + "\n}\n"
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder) / f"{name}.c"
        file.write_text(code, encoding="utf-8")
        run = subprocess.run([cc, "-std=c11", "-Wall", "-Wextra", "-Werror", "-fsyntax-only", "-I", root / "lib/include",
                              "-I", root / "tests/docs", file], capture_output=True, text=True, check=False)
    return "" if run.returncode == 0 else run.stderr


def main(root, cc):
    wrong = []
    count = 0
    for header in sorted((root / "lib/include/ballonet").glob("*.h")):
        examples = blocks(header.read_text(encoding="utf-8"))
        if len(examples) != EXPECTED.get(header.stem, 0):
            wrong.append(f"{header.name}: {len(examples)} examples, expected {EXPECTED.get(header.stem, 0)}")
        for block in examples:
            count += 1
            said = compile_one(root, cc, header.stem, block)
            if said:
                wrong.append(f"{header.name}: its example does not compile\n{said}")
    print("\n".join(wrong) if wrong else f"{count} examples compile")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(sys.argv[1]), sys.argv[2]))
