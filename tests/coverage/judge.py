#!/usr/bin/env python3
"""Judges what gcovr counted: judge.py COVERAGE.json LIST [update]

Run in the root of the project. Fails below LINES_LEAST or BRANCHES_LEAST, and unless LIST, whose
rows are `file, function, lines, branches, text, reason`, names each place that is not covered: how
many lines with that text in that function never ran, and how many of their branches were never
taken. Places are found by text, so that an edit elsewhere moves none of them. A row for what is
covered or gone is wrong too, and so is one without a reason.

The two sides of an assertion are not counted: a failed one is a bug of the library.

`update` writes LIST anew, and keeps the reasons; what is new gets none, so it fails until told why.
Exit status: 0, 1, or 2 for a report that cannot be judged.
"""

import json
import re
import sys

LINES_LEAST, BRANCHES_LEAST = 98.0, 90.0
FILES_LEAST = 50
ASSERTION = re.compile(r"\bBNTI_ASSERT(?:_PROGRESS)?\s*\(")
HEADER = (
    "# What the tests of tests/coverage/run.sh do not reach in lib, and why. Tabs between the columns;\n"
    "# `run.sh update` writes it anew. file, function, lines, branches, text of the line, reason.\n"
)


class Unusable(Exception):
    """A report or a list that cannot be judged."""


def assertion_lines(text):
    """Numbers of the lines that belong to an assertion, from its name to its closing parenthesis."""
    numbers = set()
    for match in ASSERTION.finditer(text):
        at, depth = match.end(), 1
        while depth and at < len(text):
            depth += {"(": 1, ")": -1}.get(text[at], 0)
            at += 1
        first = text.count("\n", 0, match.start()) + 1
        numbers.update(range(first, first + text.count("\n", match.start(), at) + 1))
    return numbers


def function_at(functions, number):
    """Name of the function that a line belongs to."""
    started = [f for f in functions if f["lineno"] <= number]
    return max(started, key=lambda f: f["lineno"])["name"] if started else "-"


def measure(report):
    """Covered and all of lines and branches, and the places that are not covered."""
    totals = {"lines": [0, 0], "branches": [0, 0]}
    places = {}
    if len(report["files"]) < FILES_LEAST:
        raise Unusable(f"only {len(report['files'])} files were counted")
    for file in report["files"]:
        with open(file["file"], encoding="utf-8") as source:
            text = source.read()
        rows, assertions = text.split("\n"), assertion_lines(text)
        for line in file["lines"]:
            number = line["line_number"]
            missed_line = 0
            if not line["gcovr/noncode"]:
                missed_line = int(line["count"] == 0)
                totals["lines"][0] += not missed_line
                totals["lines"][1] += 1
            branches = [] if number in assertions else [b["count"] for b in line["branches"]]
            missed = branches.count(0)
            totals["branches"][0] += len(branches) - missed
            totals["branches"][1] += len(branches)
            if missed_line or missed:
                place = (file["file"], function_at(file["functions"], number), rows[number - 1].strip())
                before = places.get(place, (0, 0))
                places[place] = (before[0] + missed_line, before[1] + missed)
    if not totals["lines"][1] or not totals["branches"][1]:
        raise Unusable("no line or no branch was counted")
    return totals, places


def read_list(name):
    """The rows of the list: what is said to be missed, and why, by place."""
    rows = {}
    with open(name, encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            if line.startswith("#") or not line.strip():
                continue
            columns = line.rstrip("\n").split("\t")
            if len(columns) != 6 or not columns[2].isdigit() or not columns[3].isdigit():
                raise Unusable(f"{name}:{number}: not file, function, lines, branches, text, reason")
            place = (columns[0], columns[1], columns[4])
            if place in rows:
                raise Unusable(f"{name}:{number}: the same place twice")
            rows[place] = ((int(columns[2]), int(columns[3])), columns[5].strip())
    return rows


def write_list(name, places, rows):
    """Writes the list anew."""
    with open(name, "w", encoding="utf-8") as file:
        file.write(HEADER)
        for (path, function, text), (lines, branches) in sorted(places.items()):
            reason = rows.get((path, function, text), (None, ""))[1]
            file.write(f"{path}\t{function}\t{lines}\t{branches}\t{text}\t{reason}\n")


def complaints(totals, places, rows):
    """What is wrong, a sentence each."""
    for place, missed in sorted(places.items()):
        where = f"{place[0]}: {place[1]}: {place[2]}"
        if place not in rows:
            yield f"not covered and not listed ({missed[0]} lines, {missed[1]} branches): {where}"
        elif rows[place][0] != missed:
            yield (f"listed with {rows[place][0][0]} lines and {rows[place][0][1]} branches, "
                   f"not covered are {missed[0]} and {missed[1]}: {where}")
    for place, (_, reason) in sorted(rows.items()):
        where = f"{place[0]}: {place[1]}: {place[2]}"
        if place not in places:
            yield f"listed, but covered or gone: {where}"
        elif not reason:
            yield f"listed without a reason: {where}"
    for what, least in (("lines", LINES_LEAST), ("branches", BRANCHES_LEAST)):
        covered, total = totals[what]
        if 100.0 * covered < least * total:
            yield f"{covered} of {total} {what} are fewer than {least:.0f} %"


def main(arguments):
    """Prints the two shares and what is wrong."""
    try:
        with open(arguments[1], encoding="utf-8") as file:
            totals, places = measure(json.load(file))
        rows = read_list(arguments[2])
        if arguments[3:] == ["update"]:
            write_list(arguments[2], places, rows)
            rows = read_list(arguments[2])
    except (Unusable, OSError, KeyError, TypeError, ValueError) as error:
        print(f"cannot judge: {error!r}" if not isinstance(error, Unusable) else f"cannot judge: {error}")
        return 2
    wrong = list(complaints(totals, places, rows))
    for sentence in wrong:
        print(sentence)
    for what, (covered, total) in totals.items():
        print(f"{what}: {covered} of {total}, {100.0 * covered / total:.2f} %")
    print(f"{len(places)} places are not covered, {len(wrong)} complaints")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
