"""The tables of features in the documents say what BNT_BALLOON_FEATURE_MAP says: check_features.py ROOT

Each feature of the extension and of the drafts has one row in one of PAGES: its name, its default
bit, the features that it depends on and those that it excludes. The offsets in the pages' tables of
configuration space are those of lib/include/ballonet/balloon.h.
"""
import pathlib
import re
import sys

HEADER = "lib/include/ballonet/balloon.h"
PAGES = ("docs/understand/wire-extension.md", "docs/understand/drafts.md")
FEATURE = re.compile(r"^    E\((\w+), \w+, (\d+), \"[a-z-]+\", (.*?), (.*?), ", re.MULTILINE)
WITH = re.compile(r"BNT_BALLOON_WITH\((\w+)\)")
OFFSET = re.compile(r"^#define BNT_BALLOON_CONFIG_(\w+) +(\d+)u?\b", re.MULTILINE)
NAME = re.compile(r"`(\w+)`")


def features(text):
    """{feature: (bit, the features that it needs, those that it excludes)}"""
    joined = re.sub(r" *\\\n +", " ", re.sub(r" *\\\n    ([SE])\(", r"\n    \1(", text))
    return {name: (bit, set(WITH.findall(needs)), set(WITH.findall(excludes)))
            for name, bit, needs, excludes in FEATURE.findall(joined)}


def tables(text):
    """The rows of each table, each row as {heading: cell}."""
    for lines in re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE):
        rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines.splitlines()]
        yield [dict(zip(rows[0], row)) for row in rows[2:]]


def judge(page, text, wanted, offsets, found):
    """What is wrong with a page, a sentence each; notes in `found` which features have a row."""
    for rows in tables(text):
        for row in rows:
            if "default bit" in row:
                name = row["feature"].strip("`")
                says = (row["default bit"], set(NAME.findall(row.get("depends on", ""))),
                        set(NAME.findall(row.get("excludes", ""))))
                if name in found:
                    yield f"{page}: {name} has a second row"
                found.add(name)
                if wanted.get(name) != says:
                    yield f"{page}: {name} has {says}, in {HEADER} it has {wanted.get(name)}"
            if "offset" in row and "field" in row:
                name = NAME.search(row["field"]).group(1).upper()
                if offsets.get(name) != row["offset"]:
                    yield (f"{page}: {name} is at offset {row['offset']}, "
                           f"in {HEADER} at {offsets.get(name)}")


def main(root):
    header = (root / HEADER).read_text(encoding="utf-8")
    wanted, offsets, found, wrong = features(header), dict(OFFSET.findall(header)), set(), []
    if len(wanted) != len(re.findall(r"^    E\(", header, re.MULTILINE)) or len(wanted) < 5:
        wrong.append(f"{HEADER}: only {len(wanted)} features were read: the search itself is broken")
    for page in PAGES:
        wrong += judge(page, (root / page).read_text(encoding="utf-8"), wanted, offsets, found)
    wrong += [f"{name} has a row in none of {', '.join(PAGES)}" for name in sorted(set(wanted) - found)]
    print("\n".join(wrong) if wrong else f"{len(found)} features, all as {HEADER} has them")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(sys.argv[1])))
