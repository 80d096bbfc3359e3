"""docs/understand/waiting.md holds the tables that tests/matrix/waiting_rows.h makes: check_waiting.py ROOT
With WAITING_UPDATE=1 in the environment they are written anew."""
import os
import pathlib
import re
import sys

ROWS = "tests/matrix/waiting_rows.h"
PAGE = "docs/understand/waiting.md"
BEGIN = "<!-- tables: begin -->\n"
END = "<!-- tables: end -->\n"


def table(text, name):
    """Arguments of each X() of a map of the header."""
    body = re.search(rf"#define {name}\(X\)((?: *\\\n.*X\(.*\))+)", text).group(1)
    rows = re.findall(r"X\((.*)\)", body)
    return [[cell.strip().strip('"') for cell in re.split(r', *(?=(?:[^"]*"[^"]*")*[^"]*$)', row)]
            for row in rows]


def pairs(text, name, names, words, reasons):
    rows = table(text, name)
    seconds = list(dict.fromkeys(row[1] for row in rows))
    firsts = list(dict.fromkeys(row[0] for row in rows))
    cell = {(row[0], row[1]): row for row in rows}
    numbers = {reason: i + 1 for i, reason in enumerate(reasons)}
    lines = ["| under way | " + " | ".join(names[second][0] for second in seconds) + " |",
             "|---" * (len(seconds) + 1) + "|"]
    for first in firsts:
        line = f"| **{names[first][0]}** "
        for second in seconds:
            _, _, outcome, status, reason = cell[first, second]
            word = words[outcome] + (f" `{status}`" if status != "OK" else "")
            line += f"| {word} ({numbers[reason]}) "
        lines.append(line + "|")
    return lines


def tables(text):
    names = {row[0]: row[1:] for row in table(text, "WAITING_OPERATION_MAP")}
    outcomes = table(text, "WAITING_OUTCOME_MAP")
    words = {row[0]: row[1] for row in outcomes}
    reasons = {row[0]: row[1] for row in table(text, "WAITING_REASON_MAP")}
    firsts = {row[0] for name in ("VIRTIO", "VMWARE") for row in table(text, f"WAITING_{name}_MAP")}
    lines = ["| operation | the operation waits while |", "|---|---|"]
    lines += [f"| {row[0]} | {row[1]} |" for name, row in names.items() if name in firsts]
    lines += ["", "| outcome | meaning (the second operation is the one that begins) |", "|---|---|"]
    lines += [f"| {row[1]} | {row[2]} |" for row in outcomes]
    lines += ["", "## On VIRTIO's wire", ""]
    lines += pairs(text, "WAITING_VIRTIO_MAP", names, words, reasons)
    lines += ["", "## On VMware's wire", ""]
    lines += pairs(text, "WAITING_VMWARE_MAP", names, words, reasons)
    lines += ["", "## Why", ""]
    lines += [f"{i + 1}. {sentence[0].upper()}{sentence[1:]}." for i, sentence in enumerate(reasons.values())]
    return "\n".join(lines) + "\n"


def main(root):
    page = (root / PAGE).read_text(encoding="utf-8")
    before, rest = page.split(BEGIN)
    found, after = rest.split(END)
    wanted = tables((root / ROWS).read_text(encoding="utf-8"))
    if os.environ.get("WAITING_UPDATE"):
        (root / PAGE).write_text(before + BEGIN + wanted + END + after, encoding="utf-8")
        return 0
    if found != wanted:
        print(f"{PAGE}: its tables are not those of {ROWS}: run this test with WAITING_UPDATE=1")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(sys.argv[1])))
