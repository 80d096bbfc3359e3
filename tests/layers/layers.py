"""The order of the rooms: layers.py ROOT BUILD [--lower] [--circle ROOM] [--rules FOLDER]

A room is a folder of lib or sim. Every include and every call from one room to another is an arrow that arrows.txt allows;
in the graph of all calls no circle (files that reach each other) is larger than ceilings.txt says, and no file longer.

Includes are read from the sources. Calls are read from the objects of the build: a file calls another when its code or its
data refers to a function that the other defines. So whoever takes a function's address or puts it into a table counts as
calling it, and the figures are the same for each compiler and optimisation (link-time optimisation leaves no such objects).
Not seen is a call through a pointer: who calls by a table of functions has no arrow to them, only who made the table has.
The functions in a header belong to the file that includes it.

--circle ROOM   prints the members of its largest circle, and the calls among them
--lower         writes ceilings.txt anew: rows that have shrunk are lowered, rows of nothing go; none is added or raised
--rules FOLDER  reads arrows.txt and ceilings.txt from there
"""
import argparse
import json
import pathlib
import re
import shlex
import sys

import elf

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]+["<]([^">]+)[">]', re.MULTILINE)
TOP = ("lib", "sim")
PUBLIC = "lib/include/"


def room_of(file):
    return file.rpartition("/")[0]


class Rules:
    """arrows.txt: the rooms of the public headers, and which arrows are allowed."""

    def __init__(self, path):
        self.headers = {}
        self.allowed = {}
        self.against = set()
        part = None
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            line = line.partition("#")[0].split()
            if not line:
                continue
            if line[0].startswith("["):
                part = " ".join(line)
            elif part == "[public headers]" and len(line) == 2:
                self.headers[line[0]] = line[1]
            elif part == "[arrows]" and len(line) >= 2 and line[1] in ("->", "~>"):
                self.allowed.setdefault(line[0], [])
                if line[1] == "->":
                    self.allowed[line[0]] += line[2:]
                else:
                    self.against |= {(line[0], target) for target in line[2:]}
            else:
                raise SystemExit(f"{path}:{number}: is neither a header with its room nor an arrow")

    def allows(self, source, target):
        return any(
            target == to or to.endswith("/*") and (target + "/").startswith(to[:-1]) for to in self.allowed.get(source, ())
        )


class Tree:
    """Files, rooms, includes and calls of lib and sim."""

    def __init__(self, root, build, rules):
        self.wrong = []
        self.rules = rules
        self.lines = {}
        self.includes = {}
        self.calls = {}
        for top in TOP:
            for path in sorted((root / top).rglob("*.[ch]")):
                file = path.relative_to(root).as_posix()
                text = path.read_text(encoding="utf-8")
                self.lines[file] = text.count("\n")
                self.includes[file] = [self.resolve(root, file, name) for name in INCLUDE.findall(text)]
        self.read_objects(root, build)
        self.rooms = sorted({room_of(file) for file in self.lines if not file.startswith(PUBLIC)})

    def resolve(self, root, file, name):
        """The path of what a file includes; None for what is no file of ours."""
        for folder in (room_of(file), ".", "lib/include"):
            path = root / folder / name
            if path.is_file():
                return path.resolve().relative_to(root).as_posix()
        if name.startswith((*(top + "/" for top in TOP), "ballonet/")):
            self.wrong.append(f"{file}: includes {name}, which does not exist")
        return None

    def read_objects(self, root, build):
        """Who calls whom: {file: {file: functions}}."""
        objects = {}
        for entry in json.loads((build / "compile_commands.json").read_text(encoding="utf-8")):
            path = (pathlib.Path(entry["directory"]) / entry["file"]).resolve()
            file = path.relative_to(root).as_posix() if path.is_relative_to(root) else ""
            if file in self.lines:
                words = shlex.split(entry["command"])
                path = pathlib.Path(entry["directory"]) / words[words.index("-o") + 1]
                if path.is_file():
                    objects.setdefault(file, []).append(path)
        owners, uses = {}, {}
        for file in self.lines:
            if not file.endswith(".c"):
                continue
            if file not in objects:
                self.wrong.append(f"{file}: has no object in the build; build everything first")
            for path in objects.get(file, ()):
                try:
                    defined, used = elf.read(path.read_bytes())
                except ValueError as error:
                    raise SystemExit(f"{path}: {error}") from error
                for name in defined:
                    owners.setdefault(name, set()).add(file)
                uses.setdefault(file, set()).update(used)
        for file, names in uses.items():
            for name in names:
                for owner in owners.get(name, set()) - {file}:
                    self.calls.setdefault(file, {}).setdefault(owner, set()).add(name)

    def room(self, file):
        return self.rules.headers.get(file) if file.startswith(PUBLIC) else room_of(file)

    def arrows(self):
        """(from room, to room, what a person reads) of every include and call."""
        for file, included in self.includes.items():
            for other in included:
                if other:
                    yield self.room(file), self.room(other), f"{file} includes {other}"
        for file, others in self.calls.items():
            for other, names in others.items():
                yield self.room(file), self.room(other), f"{file} calls {', '.join(sorted(names))} of {other}"


def circles(graph, nodes):
    """The strongly connected components of {node: nodes}, each sorted, in a stable order."""
    reach = {}

    def visit(start):
        seen, todo = {start}, [start]
        while todo:
            for other in graph.get(todo.pop(), ()):
                if other not in seen:
                    seen.add(other)
                    todo.append(other)
        return seen

    for node in nodes:
        reach[node] = visit(node)
    return sorted({tuple(sorted(other for other in reach[node] if node in reach[other])) for node in nodes})


def check_arrows(tree):
    """(what is wrong) of includes and calls between rooms."""
    rules, used = tree.rules, set()
    wrong = [f"{room}: the room has no row in arrows.txt" for room in tree.rooms if room not in rules.allowed]
    wrong += [f"{file}: the public header has no room in arrows.txt"
              for file in tree.lines if file.startswith(PUBLIC) and file not in rules.headers]
    named = {to for row in rules.allowed.values() for to in row} | rules.allowed.keys()
    there = {*tree.rooms, *(parent.as_posix() + "/*" for room in tree.rooms
                            for parent in (pathlib.PurePosixPath(room), *pathlib.PurePosixPath(room).parents))}
    wrong += [f"arrows.txt: {gone} is there no more: take it out"
              for gone in sorted((rules.headers.keys() - tree.lines.keys()) | (named - there))]
    for source, target, what in tree.arrows():
        if source == target or source is None or target is None:
            continue
        if (source, target) in rules.against:
            used.add((source, target))
        elif not rules.allows(source, target):
            wrong.append(f"{what}: no arrow {source} -> {target}")
    for file, included in tree.includes.items():
        for other in included:
            if file.startswith("sim/") and other and other.startswith("lib/") and other not in rules.headers:
                wrong.append(f"{file} includes {other}: sim sees the public headers of lib alone")
    wrong += [f"arrows.txt: {source} ~> {target} is there no more: take it out"
              for source, target in sorted(rules.against - used)]
    graph = {room: [other for other in tree.rooms if other != room and rules.allows(room, other)] for room in tree.rooms}
    wrong += ["arrows.txt: the arrows -> form a circle: " + ", ".join(circle)
              for circle in circles(graph, tree.rooms) if len(circle) > 1]
    return wrong


def largest_circles(tree):
    """{room: the members of the largest call circle that has one of its files}"""
    largest = {room: () for room in tree.rooms}
    for circle in circles(tree.calls, [file for file in tree.lines if file.endswith(".c")]):
        for room in {room_of(file) for file in circle}:
            largest[room] = max(largest[room], circle, key=len)
    return largest


def measures(tree, largest):
    """{(kind, thing): size} of all that has a ceiling."""
    sizes = {("circle", room): len(circle) for room, circle in largest.items()}
    for file, lines in tree.lines.items():
        if not file.startswith(PUBLIC):
            sizes["header" if file.endswith(".h") else "lines", file] = lines
        if file.startswith("lib/") and file.endswith(".c"):
            key = "name", file.rpartition("/")[2]
            sizes[key] = sizes.get(key, 0) + 1
    return sizes


class Ceilings:
    """ceilings.txt: limits, and what is above them today."""

    def __init__(self, path):
        self.path = path
        self.head = []
        self.limit = {}
        self.rows = {}
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            words = line.split()
            if not words or words[0].startswith("#") or words[0] == "limit":
                self.head.append(line)
            if words and words[0] == "limit":
                self.limit[words[1]] = int(words[2])
            elif words and not words[0].startswith("#"):
                if len(words) != 3 or words[0] not in self.limit:
                    raise SystemExit(f"{path}:{number}: is neither a limit nor a row of one of its kinds")
                self.rows[words[0], words[1]] = int(words[2])

    def check(self, sizes):
        """(what is wrong). A file that shrinks on its way under the limit is not held to each of its lengths."""
        wrong = []
        for (kind, thing), size in sorted(sizes.items()):
            ceiling = self.rows.get((kind, thing), self.limit[kind])
            unit = {"circle": "files in its largest circle", "name": "files of this name"}.get(kind, "lines")
            if size > ceiling:
                wrong.append(f"{thing}: {size} {unit}, at most {ceiling} are allowed")
        for (kind, thing), ceiling in sorted(self.rows.items()):
            size = sizes.get((kind, thing), 0)
            if size <= self.limit[kind] or kind in ("circle", "name") and size < ceiling:
                wrong.append(f"ceilings.txt: {kind} {thing} {ceiling}: it has only {size} now; lower it with --lower")
        return wrong

    def lower(self, sizes):
        """Only downwards: a row that is exceeded stays."""
        lowered = {key: min(ceiling, sizes.get(key, 0)) for key, ceiling in self.rows.items()}
        self.rows = {key: ceiling for key, ceiling in lowered.items() if ceiling > self.limit[key[0]]}
        rows = [f"{kind} {thing} {ceiling}" for (kind, thing), ceiling in sorted(self.rows.items())]
        self.path.write_text("\n".join([*self.head, *rows]).rstrip("\n") + "\n", encoding="utf-8")


def print_figures(tree, largest):
    count = {room: sum(room_of(file) == room for file in tree.lines) for room in tree.rooms}
    calls = {room: [0, 0] for room in tree.rooms}
    for file, others in tree.calls.items():
        for other in others:
            calls[room_of(file)][room_of(file) != room_of(other)] += 1
    width = max(map(len, tree.rooms))
    print(f"{'room':{width}}  files  calls inside  calls out  largest circle")
    for room in tree.rooms:
        print(f"{room:{width}}  {count[room]:5}  {calls[room][0]:12}  {calls[room][1]:9}  {len(largest[room]):14}")
    private = {file: lines for file, lines in tree.lines.items() if not file.startswith(PUBLIC)}
    for what, ending in (("private header", ".h"), ("source", ".c")):
        file = max((file for file in private if file.endswith(ending)), key=lambda file: private[file])
        print(f"longest {what}: {file}, {private[file]} lines")
    print(f"{len(tree.lines)} files, {sum(len(i) for i in tree.includes.values())} includes, "
          f"{sum(len(o) for o in tree.calls.values())} pairs of files that call")


def print_circle(tree, circle):
    for file in circle:
        print(file)
        for other, names in sorted(tree.calls.get(file, {}).items()):
            if other in circle:
                print(f"    -> {other}: {', '.join(sorted(names))}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("root", type=pathlib.Path)
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("--lower", action="store_true")
    parser.add_argument("--circle", metavar="ROOM")
    parser.add_argument("--rules", type=pathlib.Path, metavar="FOLDER", default=pathlib.Path(__file__).parent)
    arguments = parser.parse_args()
    tree = Tree(arguments.root.resolve(), arguments.build, Rules(arguments.rules / "arrows.txt"))
    largest = largest_circles(tree)
    if arguments.circle:
        print_circle(tree, largest[arguments.circle])
        return 0
    sizes = measures(tree, largest)
    ceilings = Ceilings(arguments.rules / "ceilings.txt")
    if arguments.lower:
        ceilings.lower(sizes)
    print_figures(tree, largest)
    wrong = tree.wrong + check_arrows(tree) + ceilings.check(sizes)
    print("\n".join(f"FAIL {line}" for line in wrong) if wrong else "every include and every call follows an arrow")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
