"""Every example in a public header compiles without a warning: check_examples.py ROOT CC

An example is an indented block of a comment in which a line ends as a statement does. What it leaves to its reader
(storage, callbacks, a clock) is declared in examples.h. A broken example must be refused; otherwise the check itself fails.

check_examples.py ROOT --extract HEADER FILE writes the example of a header to a file, with a check after each statement that
sets `status`: run_guest_example.c and run_host_example.c run these.
"""
import pathlib
import re
import subprocess
import sys
import tempfile

STATEMENT = re.compile(r"[;{}]\s*(//.*)?$")
STATUS_SET = re.compile(r"\bstatus = [^;]*;", re.DOTALL)
EXPECTED = {"guest": 1, "host": 1, "memory": 1, "personality": 1, "virtqueue": 2}
BROKEN = ["status = bnt_guest_compute_footprint(&config, &need);  // `config` is not declared"]


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


def examples_of(root, name):
    return blocks((root / f"lib/include/ballonet/{name}.h").read_text(encoding="utf-8"))


def extract(root, name, file):
    code = "\n".join(examples_of(root, name)[0])
    file.write_text(STATUS_SET.sub(lambda found: found.group() + " CHECK_STATUS()", code) + "\n", encoding="utf-8")
    return 0


def main(root, cc):
    wrong = []
    count = 0
    for header in sorted((root / "lib/include/ballonet").glob("*.h")):
        examples = examples_of(root, header.stem)
        if len(examples) != EXPECTED.get(header.stem, 0):
            wrong.append(f"{header.name}: {len(examples)} examples, expected {EXPECTED.get(header.stem, 0)}")
        for block in examples:
            count += 1
            said = compile_one(root, cc, header.stem, block)
            if said:
                wrong.append(f"{header.name}: its example does not compile\n{said}")
    if not compile_one(root, cc, "guest", BROKEN):
        wrong.append("a broken example compiles: the check finds nothing")
    print("\n".join(wrong) if wrong else f"{count} examples compile, a broken one does not")
    return 1 if wrong else 0


if __name__ == "__main__":
    ROOT = pathlib.Path(sys.argv[1])
    if sys.argv[2] == "--extract":
        sys.exit(extract(ROOT, sys.argv[3], pathlib.Path(sys.argv[4])))
    sys.exit(main(ROOT, sys.argv[2]))
