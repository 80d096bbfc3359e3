"""The steps of docs/understand/inflate.md name functions that are in the files beside them: check_steps.py ROOT

With STEPS_UPDATE=1 in the environment the files are written anew where functions moved.
"""
import os
import pathlib
import re
import sys

PAGE = "docs/understand/inflate.md"
STEP = re.compile(r"^([0-9]+)\. \*\*", re.MULTILINE)
WHERE = re.compile(r"^( +- )`((?:lib|sim)/[a-z0-9_/]+\.c)`: (`\w+`(?:, `\w+`)*)$")
DEFINED = re.compile(r"^[a-z][^;{}()=\n]*\b(\w+)\([^;{}]*\)\n?\s*\{", re.MULTILINE)


def definitions(root):
    """{function: [files that define it]}"""
    found = {}
    for folder in ("lib", "sim"):
        for path in sorted((root / folder).rglob("*.c")):
            for name in DEFINED.findall(path.read_text(encoding="utf-8")):
                found.setdefault(name, []).append(path.relative_to(root).as_posix())
    return found


def moved(line, found, wrong):
    """The lines that stand for `line`, one a file, with each function in the file that defines it."""
    indent, file, names = WHERE.match(line).groups()
    groups = []
    for name in re.findall(r"\w+", names):
        files = found.get(name, [])
        if file not in files:
            wrong.append(f"{PAGE}: {file} does not define {name}; defined in: {', '.join(files) or 'no file'}")
        place = files[0] if len(files) == 1 else file
        if groups and groups[-1][0] == place:
            groups[-1][1].append(name)
        else:
            groups.append((place, [name]))
    return [f"{indent}`{place}`: " + ", ".join(f"`{name}`" for name in names) for place, names in groups]


def main(root):
    page = root / PAGE
    text = page.read_text(encoding="utf-8")
    found = definitions(root)
    wrong = []
    lines = []
    count = 0
    for line in text.splitlines():
        if WHERE.match(line):
            count += len(re.findall(r"`\w+`", line))
            lines += moved(line, found, wrong)
        else:
            lines.append(line)
    if os.environ.get("STEPS_UPDATE"):
        page.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return 0
    if [int(number) for number in STEP.findall(text)] != list(range(1, 11)):
        wrong.append(f"{PAGE}: the steps are not numbered from 1 to 10")
    if count < 20 or len(found) < 500:
        wrong.append(f"only {count} functions named, {len(found)} found in the sources: the search itself is broken")
    if wrong:
        wrong.append("where functions moved only: run this test with STEPS_UPDATE=1")
    print("\n".join(wrong) if wrong else f"{count} functions, all in their files")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(sys.argv[1]).resolve()))
