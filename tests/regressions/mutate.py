#!/usr/bin/env python3
"""Writes the sources of ballonet-mutant: mutate.py ROOT MUTATIONS HOOKS OUTPUT

Copies the C files of ROOT/lib and ROOT/sim to OUTPUT, and puts into the copy the mutations, one a
file of the folder MUTATIONS, and the hooks of the file HOOKS. OUTPUT/mutations.c is their table.
tests/regressions/README.md describes the format. A file whose text would stay the same is not
written, so that only what changed is compiled again.

Each replacement must fit in exactly one place. Otherwise nothing is written, every problem is
printed with the mutation, the function and the text, and the exit status is 1.
"""
import bisect
import pathlib
import re
import sys

NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
PLACE = re.compile(r"in (\w+)(?: of (\S+))?")
TOKEN = re.compile(r"\w+|[^\w\s]")
# A function as our format has it: it begins and ends in the first column.
FUNCTION = re.compile(r"^[A-Za-z_][^;{}()#]*?\b(\w+)\([^;{}]*\)\n\{$.*?^\}$", re.M | re.S)


class Problem(Exception):
    """What stops the build, with the place in a file of mutations."""


class Replacement:
    """Lines of one `in FUNCTION`: text that stays, and before it, between and after it what changes."""

    def __init__(self, where, function, prefix):
        self.where = where
        self.function = function
        self.prefix = prefix
        self.runs = []  # [stays, text that is there, text that comes]

    def add(self, mark, text):
        if not self.runs or self.runs[-1][0] != (mark == " "):
            self.runs.append([mark == " ", [], []])
        if mark != "+":
            self.runs[-1][1].append(text)
        if mark != "-":
            self.runs[-1][2].append(text)

    def before(self):
        """The text to be found, on one line."""
        return " ".join(" ".join(line.split()) for run in self.runs for line in run[1])

    def pattern(self):
        """Finds the text whatever the white space between its tokens is; a group for each run."""
        groups = []
        for _, there, _ in self.runs:
            tokens = TOKEN.findall("\n".join(there))
            joined = "".join(
                (r"\s*" if i and not (a[-1:].isalnum() and b[0].isalnum()) else r"\s+" if i else "")
                + re.escape(b)
                for i, (a, b) in enumerate(zip([""] + tokens, tokens))
            )
            groups.append(f"({joined})")
        return re.compile(r"(?<!\w)" * self.before()[0].isalnum() + r"\s*".join(groups)
                          + r"(?!\w)" * self.before()[-1].isalnum())

    def edits(self, match):
        """(first, last, text) for each run that changes."""
        for i, (stays, _, comes) in enumerate(self.runs):
            if not stays:
                first, last = match.span(i + 1)
                if first == last:  # only added: it belongs to what stands before it, if anything does
                    first = last = match.end(i) if i else match.start(i + 2)
                yield first, last, "\n" + "\n".join(comes) + "\n"


class Mutation:
    """One file: a mutation with its bugs and its sentence, or the hooks of the command."""

    def __init__(self, path, shown):
        self.name = path.stem
        self.variable = "mutation_" + self.name.replace("-", "_")
        self.head = {}
        self.replacements = []
        self.includes = ""
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            try:
                self.read(line, f"{shown}:{number}")
            except (AttributeError, IndexError, ValueError) as error:
                raise Problem(f"{shown}:{number}: this line is no part of the format") from error

    def read(self, line, where):
        if not line.strip() or line.startswith("#"):
            return
        if line[:2] in ("- ", "+ ", "  "):
            self.replacements[-1].add(line[0], line[2:])
        elif line.startswith("in "):
            self.replacements.append(Replacement(where, *PLACE.fullmatch(line).groups()))
        else:
            key, value = re.fullmatch(r"(bugs|does|include): (\S.*)", line).groups()
            self.head[key] = value


def read_mutations(root, folder, hooks):
    """The mutations by name, and the hooks."""
    mutations = []
    for path in sorted(folder.glob("*")):
        shown = path.relative_to(root).as_posix()
        mutation = Mutation(path, shown)
        text = " ".join(line for r in mutation.replacements for run in r.runs for line in run[2])
        if path.suffix != ".txt" or not NAME.fullmatch(mutation.name):
            raise Problem(f"{shown}: the name of a mutation is made of small letters, digits and '-'")
        if set(mutation.head) != {"bugs", "does"}:
            raise Problem(f"{shown}: it needs the lines 'bugs: IDS' and 'does: SENTENCE'")
        if not re.search(r"\bMUTATION\b", text):
            raise Problem(f"{shown}: nothing in it is switched by MUTATION")
        mutation.includes = f"#include <stdbool.h>\nextern bool {mutation.variable};\n"
        mutations.append(mutation)
    hook = Mutation(hooks, hooks.relative_to(root).as_posix())
    hook.includes = f'#include "{hook.head["include"]}"\n'
    return mutations, hook


def read_sources(root):
    """Text by path, and for each function its places: path, first and last character."""
    texts, functions = {}, {}
    for path in sorted(p for top in ("lib", "sim") for p in (root / top).rglob("*.[ch]")):
        name = path.relative_to(root).as_posix()
        texts[name] = path.read_text(encoding="utf-8")
        for match in FUNCTION.finditer(texts[name]):
            functions.setdefault(match[1], []).append((name, *match.span()))
    return texts, functions


def locate(replacement, texts, functions):
    """The path and the match of a replacement, which are the only ones."""
    places = [place for place in functions.get(replacement.function, ())
              if place[0].startswith(replacement.prefix or "")]
    if not replacement.before():
        raise Problem("there is no text that tells the place")
    if not places:
        raise Problem(f"there is no function {replacement.function} in lib or sim"
                      + (f" below {replacement.prefix}" if replacement.prefix else ""))
    pattern = replacement.pattern()
    found = [(path, match) for path, first, last in places
             for match in pattern.finditer(texts[path], first, last)]
    if len(found) != 1:
        paths = ", ".join(sorted({place[0] for place in places}))
        raise Problem(f"{replacement.function} ({paths}) must have this text once, and has it "
                      f"{len(found)} times: {replacement.before()}")
    return found[0]


def place_all(mutations, texts, functions, problems):
    """For each path its edits, in order: first, last, text, mutation."""
    edits = {}
    for mutation in mutations:
        for replacement in mutation.replacements:
            try:
                path, match = locate(replacement, texts, functions)
            except Problem as problem:
                problems.append(f"{replacement.where}: mutation {mutation.name}: {problem}")
                continue
            for first, last, text in replacement.edits(match):
                text = re.sub(r"\bMUTATION\b", mutation.variable, text)
                bisect.insort(edits.setdefault(path, []), (first, last, mutation.name, text),
                              key=lambda edit: edit[:3])
    for path, ordered in edits.items():
        for left, right in zip(ordered, ordered[1:]):
            if right[0] < left[1]:
                names = " and ".join(sorted((left[2], right[2])))
                problems.append(f"mutations {names} replace the same text of {path}: "
                                + " ".join(texts[path][right[0]:left[1]].split()))
    return edits


def mutated(text, edits, includes):
    """The text with its edits, behind the declarations that they need."""
    parts, at = [includes], 0
    for first, last, _, new in edits:
        parts += [text[at:first], new]
        at = last
    return "".join(parts) + text[at:]


def table(mutations):
    """The table that the command reads."""
    lines = ["/* Written by tests/regressions/mutate.py. */\n", '#include "mutant.h"\n\n']
    lines += [f"bool {m.variable};\n" for m in mutations]
    lines.append("\nconst struct mutation mutations[] = {\n")
    for m in mutations:
        does = m.head["does"].replace("\\", "\\\\").replace('"', '\\"')
        lines.append(f'    {{"{m.name}", "{m.head["bugs"]}",\n     "{does}", &{m.variable}}},\n')
    lines += ["};\n", f"const size_t mutation_count = {len(mutations)};\n"]
    return "".join(lines)


def write_all(output, files):
    """Writes what changed, and removes what is no file any more."""
    for path in output.rglob("*.[ch]"):
        if path.relative_to(output).as_posix() not in files:
            path.unlink()
    for name, text in files.items():
        path = output / name
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")


def main(root, folder, hooks, output):
    problems = []
    try:
        mutations, hook = read_mutations(root, folder, hooks)
    except Problem as problem:
        print(problem)
        return 1
    texts, functions = read_sources(root)
    edits = place_all([*mutations, hook], texts, functions, problems)
    if problems:
        print("\n".join(problems))
        return 1
    includes = {mutation.name: mutation.includes for mutation in [*mutations, hook]}
    files = {"mutations.c": table(mutations)}
    for name, text in texts.items():
        used = sorted({edit[2] for edit in edits.get(name, ())})
        files[name] = mutated(text, edits.get(name, ()), "".join(includes[u] for u in used))
    write_all(output, files)
    return 0


if __name__ == "__main__":
    sys.exit(main(*(pathlib.Path(argument) for argument in sys.argv[1:5])))
