"""Every clause cited has a row in the table of clauses, docs/prove/conformance.md lists each, and the table
and docs/understand/wire-extension.md name the same clauses of the extension: check_clauses.py ROOT"""
import pathlib
import re
import sys

TABLE = "sim/conformance/clauses*.h"
PAGE = "docs/prove/conformance.md"
CITED = re.compile(r"\b((?:VG|VS|VP|BD|BV|BL|BX)-[0-9]+)\b")
ROW = re.compile(r"\bX\((VG|VS|VP|BD|BV|BL|BX), *([0-9]+), *(?:DRIVER|DEVICE|BOTH),")
SOURCES = ("*.c", "*.h", "*.cpp", "*.md", "*.yaml")


def citations(root):
    """(file, line, id) of each citation."""
    for folder in ("lib", "sim", "tests", "scenarios", "docs", "bench"):
        for pattern in SOURCES:
            for path in sorted((root / folder).rglob(pattern)):
                name = path.relative_to(root).as_posix()
                text = path.read_text(encoding="utf-8", errors="replace")
                for number, line in enumerate(text.splitlines(), 1):
                    for found in CITED.finditer(line):
                        yield name, number, found.group(1)


def gaps(table):
    """Families whose numbers do not run from 1 on."""
    for family in ("VG", "VS", "VP", "BD", "BV", "BL", "BX"):
        numbers = sorted(int(clause[3:]) for clause in table if clause.startswith(family))
        if numbers != list(range(1, len(numbers) + 1)):
            yield f"{TABLE}: the numbers of {family} do not run from 1 on: {numbers}"


def main(root):
    wrong = []
    rows = [f"{family}-{number}"
            for path in sorted(root.glob(TABLE)) for family, number in ROW.findall(path.read_text(encoding="utf-8"))]
    table = set(rows)
    wrong += [f"{TABLE}: {clause} has two rows" for clause in table if rows.count(clause) > 1]
    wrong += gaps(table)
    page = (root / PAGE).read_text(encoding="utf-8")
    listed = set(re.findall(r"^\| ([A-Z]{2}-[0-9]+) \| (?:driver|device|both) \|", page, re.M))
    wrong += [f"{PAGE}: {clause} is in one of table and page only" for clause in table ^ listed]
    extension = (root / "docs/understand/wire-extension.md").read_text(encoding="utf-8")
    defined = set(re.findall(r"^- \*\*(BX-[0-9]+)\*\*", extension, re.M))
    ours = {clause for clause in table if clause.startswith("BX")}
    wrong += [f"docs/understand/wire-extension.md: {clause} is in one of table and page only"
              for clause in defined ^ ours]
    cited = list(citations(root))
    for name, number, clause in cited:
        if clause not in table:
            wrong.append(f"{name}:{number}: {clause} has no row in {TABLE}")
    if len(cited) < 50 or len(table) < 100:
        wrong.append(f"only {len(cited)} citations of {len(table)} rows: the search itself is broken")
    print("\n".join(wrong) if wrong else f"{len(cited)} citations, {len(table)} rows, all in order")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(sys.argv[1]).resolve()))
