"""Every clause cited has its row in docs/clauses.md, and what a row names exists: check_clauses.py ROOT"""
import pathlib
import re
import sys

CITED = re.compile(r"\b((?:VG|VS|VP|BD|BV|BL|BX)-[0-9]+)\b")
SOURCES = ("*.c", "*.h", "*.cpp", "*.md", "*.yaml")


def rows(text):
    """The rows of the tables of clauses: (id, cells)."""
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if len(cells) == 6 and re.fullmatch(r"(VG|VS|VP|BD|BV|BL)-[0-9]+", cells[0]):
            yield cells[0], cells


def citations(root):
    """(file, line, id) of each citation, but those of the table itself."""
    for folder in ("lib", "sim", "tests", "scenarios", "docs", "bench"):
        for pattern in SOURCES:
            for path in sorted((root / folder).rglob(pattern)):
                name = path.relative_to(root).as_posix()
                if name == "docs/clauses.md":
                    continue
                text = path.read_text(encoding="utf-8", errors="replace")
                for number, line in enumerate(text.splitlines(), 1):
                    for found in CITED.finditer(line):
                        yield name, number, found.group(1)


def main(root):
    wrong = []
    table = {}
    for clause, cells in rows((root / "docs/clauses.md").read_text(encoding="utf-8")):
        if clause in table:
            wrong.append(f"docs/clauses.md: {clause} has two rows")
        table[clause] = cells
    extension = (root / "docs/wire-extension.md").read_text(encoding="utf-8")
    known = set(table) | set(re.findall(r"^- \*\*(BX-[0-9]+)\*\*", extension, re.MULTILINE))
    tests = set()
    for path in (root / "tests/unit").glob("*.c"):
        tests |= set(re.findall(r"\b(test_[a-z0-9_]+)\b", path.read_text(encoding="utf-8")))

    cited = list(citations(root))
    for name, number, clause in cited:
        if clause not in known:
            wrong.append(f"{name}:{number}: {clause} has no row in docs/clauses.md")
    for clause, cells in table.items():
        for path in re.findall(r"`([^`]+)`", cells[4]):
            if not (root / path).is_file():
                wrong.append(f"docs/clauses.md: {clause} names {path}, which does not exist")
        named = re.findall(r"`([^`]+)`", cells[5])
        if not named and cells[5] != "no test yet":
            wrong.append(f"docs/clauses.md: {clause} names no test")
        for test in named:
            if test not in tests:
                wrong.append(f"docs/clauses.md: {clause} names {test}, which does not exist")
    must = [f"VG-{n}" for n in range(1, 29)] + [f"VS-{n}" for n in range(1, 18)]
    must += [f"VP-{n}" for n in range(1, 10)]
    wrong += [f"docs/clauses.md: {clause} has no row" for clause in must if clause not in table]

    if len(cited) < 50:
        wrong.append(f"only {len(cited)} citations found: the search itself is broken")
    print("\n".join(wrong) if wrong else f"{len(cited)} citations, {len(table)} rows, all in order")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(sys.argv[1]).resolve()))
