"""The picture of the layers in docs/understand/architecture.md is that of tests/layers/arrows.txt: check_picture.py ROOT

An arrow that follows from others is left out of the picture. With PICTURE_UPDATE=1 in the environment the picture is
written anew.
"""
import os
import pathlib
import re
import sys

ARROWS = "tests/layers/arrows.txt"
PAGE = "docs/understand/architecture.md"
BEGIN = "<!-- picture: written by tests/docs/check_picture.py -->\n"
END = "<!-- end of picture -->\n"


def room(path):
    """lib/guest of lib/guest/features or lib/guest/*"""
    return "/".join(path.split("/")[:2])


def arrows(text):
    """{room: the rooms that it may call}"""
    found = {}
    for line in re.sub(r"#.*", "", text).splitlines():
        words = line.split()
        if len(words) >= 2 and words[1] == "->":
            targets = found.setdefault(room(words[0]), set())
            targets.update(room(word) for word in words[2:])
            targets.discard(room(words[0]))
    return found


def reached(graph, start):
    """All rooms to which a way leads."""
    seen, todo = set(), list(graph.get(start, ()))
    while todo:
        here = todo.pop()
        if here not in seen:
            seen.add(here)
            todo += graph.get(here, ())
    return seen


def picture(graph):
    lines = ["```mermaid", "flowchart TD"]
    for top in ("sim", "lib"):
        lines.append(f"    subgraph {top}")
        lines += [f"        {name.split('/')[1]}" for name in reversed(graph) if name.startswith(top + "/")]
        lines.append("    end")
    for source in reversed(graph):
        targets = graph[source]
        beyond = set().union(*(reached(graph, target) for target in targets))
        lines += [f"    {source.split('/')[1]} --> {target.split('/')[1]}" for target in sorted(targets - beyond)]
    return "\n".join(lines) + "\n```\n"


def main(root):
    text = (root / PAGE).read_text(encoding="utf-8")
    before, rest = text.split(BEGIN)
    shown, after = rest.split(END)
    graph = arrows((root / ARROWS).read_text(encoding="utf-8"))
    wrong = []
    if os.environ.get("PICTURE_UPDATE"):
        (root / PAGE).write_text(before + BEGIN + picture(graph) + END + after, encoding="utf-8")
    elif shown != picture(graph):
        wrong.append(f"{PAGE}: its picture is not that of {ARROWS}: run this test with PICTURE_UPDATE=1")
    rows = set(re.findall(r"^\| `((?:lib|sim)/[a-z]+)/` \|", text, re.MULTILINE))
    wrong += [f"{PAGE}: {name} is only one of: a row of the table, a room in {ARROWS}" for name in sorted(rows ^ set(graph))]
    print("\n".join(wrong) if wrong else f"{len(graph)} rooms, as they are")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(sys.argv[1]).resolve()))
