#!/usr/bin/env python3
"""The stack that the public calls of a library reach stays below its documented bound: stack.py ROOT CC

Compiles the libraries with GCC's call graph (-fcallgraph-info=su) and adds the frames up along the deepest chain of calls
from each public function. A call through a pointer leads to every function that a table of the sources puts into the member
that is called, or to the embedder's callbacks, whose stack is the embedder's. Exits 77 where the compiler has no call graph.
"""

import pathlib
import re
import subprocess
import sys
import tempfile

FLAGS = ["-std=c11", "-g", "-ffreestanding", "-fno-stack-protector", "-Wall"]
LIBRARIES = {"guest": ("base", "virtio", "guest"), "host": ("base", "virtio", "host")}
# The source whose last function the control gives a frame above the bound.
GROWN = {"guest": "stats.c", "host": "host_stats.c"}
PUBLIC = {"guest": "bnt_guest_", "host": "bnt_host_"}

# What an embedder may call from inside a callback: the op that is called, and the functions.
CALLBACKS = {"guest": {"ops.pages.alloc": ("bnt_guest_handle_oom", "bnt_guest_reclaim_hinted_pages")}, "host": {}}

FUNCTION = re.compile(r"^[A-Za-z_][^;{}()#]*?\b(\w+)\([^;{}]*\)\n\{$.*?^\}$", re.M | re.S)

# A call through a member, or through an op of the embedder, which keeps the name of its sub-table. An array of functions
# counts as a member of its name.
MEMBER = re.compile(r"(?:\b(ops(?:->|\.)(?:\w+\.)?)|->|\.)(\w+)\(|\b(\w+)\[\w+\]\(")
ARRAY = re.compile(r"\(\*const (\w+)\[\]\)\([^)]*\) = \{([^}]*)\}")


def members_in(text):
    return {ops.replace("->", ".") + member or array for ops, member, array in MEMBER.findall(text)}


def passed(code):
    """(name, function called) for each bare name that is an argument of a call."""
    callees, last = [""], ""
    for word, mark in re.findall(r"(\w+)|([^\w\s])", code):
        if mark in (",", ")") and last:
            yield last, callees[-1]
        if mark == "(":
            callees.append(last)
        elif mark == ")" and len(callees) > 1:
            callees.pop()
        last = word



class Pointers:
    """Calls through pointers, by the member that is called: who calls it, and which functions a table puts there.

    A function also calls what functions of its file call for it, because the compiler may have put them into it. Members
    of two tables that have one name count as one: too many chains are looked at then, never too few."""

    def __init__(self, sources, callbacks):
        self.text = {}
        self.where = {}
        for path, text in sources.items():
            for found in FUNCTION.finditer(text):
                self.text[path, found[1]] = found[0]
                self.where.setdefault(found[1], set()).add(path)
        self.targets = {}
        self.passed = {}
        for path, text in sources.items():
            for member, function in re.findall(r"[.>](\w+) = &?(\w+)\b(?!\()", text):
                if (path, function) in self.text:
                    self.targets.setdefault(member, set()).add((path.name, function))
                elif function in self.where:
                    self.targets.setdefault(member, set()).update((at.name, function) for at in self.where[function])
            for array, functions in ARRAY.findall(text):
                self.targets[array] = {(at.name, f) for f in re.findall(r"\w+", functions) for at in self.where[f]}
        # A function's name without a call after it must be one that a member got, or the chain through it would be missed.
        given = {function for functions in self.targets.values() for _, function in functions}
        for path, text in sources.items():
            code = re.sub(r'/\*.*?\*/|"(?:\\.|[^"\\\n])*"|^#.*?(?<!\\)$|(?:->|\.)\w+', "", text, flags=re.M | re.S)
            for name, callee in passed(code):
                if (path, name) in self.text and callee in self.where:
                    self.passed.setdefault(callee, set()).add((path.name, name))
                    given.add(name)
            for name in sorted(set(re.findall(r"\b[A-Za-z_]\w*\b(?!\s*\()", code)) & set(self.where) - given):
                if (path, name) in self.text:
                    raise SystemExit(f"{path}: {name} is called through a pointer that no member was seen to get")
        called = {member for text in self.text.values() for member in members_in(text)}
        for member, functions in callbacks.items():
            missing = {f for f in functions if f not in self.where} | ({member} - called)
            if missing:
                raise SystemExit(f"CALLBACKS names what does not exist: {', '.join(sorted(missing))}")
            self.targets[member] = {(path.name, f) for f in functions for path in self.where[f]}
        self.called = set()

    def of(self, file, function):
        """The functions, as (file, name), that a function may call through pointers."""
        paths = [path for path in self.where.get(function, ()) if path.name == file]
        reached, queue = set(), [(path, function) for path in paths]
        while queue:
            here = queue.pop()
            if here in reached or here not in self.text:
                continue
            reached.add(here)
            queue += [(here[0], name) for name in re.findall(r"\b(\w+)\(", self.text[here])]
        members = {member for here in reached for member in members_in(self.text[here])}
        self.called |= members & set(self.targets)
        called = {target for member in members for target in self.targets.get(member, ())}
        return called.union(*(self.passed.get(name, ()) for _, name in reached))


# What tells the two wires apart: no chain of calls is on both. On VIRTIO's wire no answer is ready at once.
WIRES = (("bnti_virtio_", "pop_used_buffer"), ("bnti_vmware_", "bnti_guest_apply_ready_answer"))


def wire_of(name):
    """Which wire a function belongs to; None: to both."""
    return next((at for at, prefixes in enumerate(WIRES) if name.startswith(prefixes)), None)


class Graph:
    """Frames and calls of a library's functions; static ones are told apart by their file."""

    def __init__(self):
        self.frame = {}
        self.name = {}
        self.place = {}
        self.calls = {}
        self.indirect = set()

    def read(self, text):
        for title, label in re.findall(r'node: \{ title: "([^"]*)" label: "([^"]*)"', text):
            found = re.search(r"\\n(\d+) bytes \(([a-z,]+)\)", label)
            if found:
                if "dynamic" in found.group(2) and "bounded" not in found.group(2):
                    raise SystemExit(f"{title}: its frame has no bound")
                self.frame[title] = int(found.group(1))
                self.name[title] = label.split("\\n")[0].split(".")[0]
                self.place[title] = (label.split("\\n")[1].split(":")[0].split("/")[-1].split("-", 1)[-1], self.name[title])
        for source, target in re.findall(r'edge: \{ sourcename: "([^"]*)" targetname: "([^"]*)"', text):
            if target == "__indirect_call":
                self.indirect.add(source)
            else:
                self.calls.setdefault(source, set()).add(target)

    def link(self, pointers):
        """Adds the calls through pointers. A table that nobody calls, or a call that reaches nothing, is a broken check."""
        by_place = {}
        for title, place in self.place.items():
            by_place.setdefault(place, set()).add(title)
        for source in self.indirect & set(self.place):
            for target in pointers.of(*self.place[source]):
                self.calls.setdefault(source, set()).update(by_place.get(target, ()))
        unused = set(pointers.targets) - pointers.called
        if unused:
            raise SystemExit(f"no call through these members was found: {', '.join(sorted(unused))}")

    def deepest(self, title, above=()):
        """Bytes of the deepest chain from a function on, and the chain. Recursion without a bound is an error."""
        if title not in self.frame:
            return 0, ()
        wire = next((wire_of(self.name[t]) for t in above if wire_of(self.name[t]) is not None), None)
        if wire is not None and wire_of(self.name[title]) not in (None, wire):
            return 0, ()
        if title in above:
            raise SystemExit("recursion: " + " -> ".join(self.name[t] for t in above + (title,)))
        if (title, wire) not in self.depth:
            best = (0, ())
            for target in sorted(self.calls.get(title, ())):
                best = max(best, self.deepest(target, above + (title,)))
            self.depth[title, wire] = (self.frame[title] + 8 + best[0], (title,) + best[1])
        return self.depth[title, wire]

    def worst(self, prefix):
        self.depth = {}
        return max(self.deepest(t) for t in sorted(self.frame) if self.name[t].startswith(prefix))


def graph_of(root, compiler, optimisation, library, changed):
    """Builds a library, one of its sources (`changed`: a name and a function from text to text) in another wording."""
    graph = Graph()
    sources = {}
    with tempfile.TemporaryDirectory() as work:
        for room in LIBRARIES[library]:
            sources.update((header, header.read_text()) for header in sorted((root / "lib" / room).rglob("*.h")))
            for source in sorted((root / "lib" / room).rglob("*.c")):
                text = source.read_text()
                if changed and source.name == changed[0] and room == library:
                    text = changed[1](text)
                sources[source] = text
                copy = pathlib.Path(work) / f"{room}-{source.name}"
                copy.write_text(text)
                command = [compiler, *FLAGS, optimisation, "-fcallgraph-info=su", f"-I{root}", f"-I{root}/lib/include",
                           f"-I{source.parent}", "-c", str(copy), "-o", str(copy.with_suffix(".o"))]
                if subprocess.run(command, cwd=work, check=False).returncode != 0:
                    raise SystemExit(f"{source} does not build")
                graph.read(copy.with_suffix(".ci").read_text())
    graph.link(Pointers(sources, CALLBACKS[library]))
    return graph


def bound_of(root, library):
    """The bound as the public header documents it."""
    name = f"BNT_{library.upper()}_STACK_BYTES_MAX"
    found = re.search(rf"#define {name} (\d+)", (root / f"lib/include/ballonet/{library}.h").read_text())
    if not found:
        raise SystemExit(f"{library}.h does not define {name}")
    return int(found.group(1))


def grown(text, bytes_more):
    """A source whose last function has a larger frame, also where a leaf lies in the red zone of 128 bytes."""
    bytes_more += 128
    at = text.rindex("\n{\n") + 3
    return text[:at] + f"    volatile char large[{bytes_more}];\n    large[0] = 0;\n    (void)large[0];\n" + text[at:]


def main():
    root, compiler = pathlib.Path(sys.argv[1]), sys.argv[2]
    probe = subprocess.run([compiler, "-fcallgraph-info=su", "-x", "c", "-c", "-o", "/dev/null", "-"], input=b"int x;",
                           cwd=tempfile.gettempdir(), stderr=subprocess.DEVNULL, check=False)
    if probe.returncode != 0:
        print(f"skipped: {compiler} writes no call graph")
        return 77
    failures = 0
    for library in LIBRARIES:
        bound = bound_of(root, library)
        for optimisation in ("-O1", "-O2", "-Os"):
            graph = graph_of(root, compiler, optimisation, library, None)
            most, chain = graph.worst(PUBLIC[library])
            print(f"{library} {optimisation}: {most} of {bound} bytes: "
                  + " -> ".join(f"{graph.name[t]} {graph.frame[t]}" for t in chain))
            failures += most > bound
        control = graph_of(root, compiler, "-O2", library, (GROWN[library], lambda text: grown(text, bound)))
        if control.worst(PUBLIC[library])[0] <= bound:
            print(f"{library}: the check does not see a frame of {bound} bytes")
            failures += 1
    return failures > 0


sys.exit(main())
