"""One dialect of C in lib and sim, where neither .clang-format nor .clang-tidy decides: dialect.py ROOT [--write]

include    a private header is included by its path from the root, "lib/..." or "sim/...", a public one as <ballonet/...>
guard      the guard of a header is the path by which it is included, in capitals: SIM_CLI_CLI_H
sizeof     parentheses stand around a type alone: sizeof(struct bnt_diag), but sizeof diag
comment    no comment begins with //
typedef    an enumeration with a name is a typedef of that name; a struct has a tag and no typedef, save the wire's integers
width      no line is longer than 100 columns, save with a string or a macro, or where clang-format is off

--write    repairs guards, sizeof and enumerations
"""
import argparse
import pathlib
import re

WIDTH = 100
PUBLIC = "lib/include/"
TYPES = re.compile(r"(const\s+)?(struct|enum|union|unsigned|signed|void|bool|char|short|int|long|float|double|\w+_t|bnt_le\d+)\b")
SIZEOF = re.compile(r"\bsizeof\(([&*]?[A-Za-z_]\w*(?:(?:\.|->)\w+|\[[^][]*\])*)\)")
WIRE_INTEGERS = re.compile(r"typedef struct (bnt_le\d+) \{")


def code_of(text):
    """The text with comments and strings blanked; lines keep their numbers, and // comments stay."""

    def blank(match):
        word = match.group(0)
        if word.startswith("/*"):
            return re.sub(r"[^\n]", " ", word)
        return word[0] + " " * (len(word) - 2) + word[-1] if word[0] in "\"'" else word

    return re.sub(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', blank, text, flags=re.DOTALL)


def guard_of(file):
    return re.sub(r"\W", "_", file.removeprefix(PUBLIC)).upper()


def line_of(text, at):
    return text.count("\n", 0, at) + 1


def check_guard(file, text, _code):
    found = re.search(r"^#ifndef (\w+)\n#define \1\n", text, re.MULTILINE)
    if not file.endswith(".h"):
        return
    if not found:
        yield 1, "has no include guard"
    elif found.group(1) != guard_of(file):
        yield line_of(text, found.start()), f"the guard is {found.group(1)}, not {guard_of(file)}"


def check_include(_file, text, _code):
    for found in re.finditer(r'^\s*#\s*include\s+(["<])([^">]+)[">]', text, re.MULTILINE):
        kind, name = found.groups()
        line = line_of(text, found.end())
        if kind == '"' and not name.startswith(("lib/", "sim/")):
            yield line, f'"{name}" is neither "lib/..." nor "sim/..."'
        elif kind == "<" and name.startswith(("lib/", "sim/")):
            yield line, f'<{name}> is a private header: include it as "{name}"'


def check_sizeof(_file, _text, code):
    for found in SIZEOF.finditer(code):
        if not TYPES.match(found.group(1)):
            yield line_of(code, found.start()), f"write sizeof {found.group(1)}: only a type stands in parentheses"


def check_comment(_file, _text, code):
    for found in re.finditer("//", code):
        yield line_of(code, found.start()), "a comment begins with //: write /* ... */"


def check_typedef(_file, _text, code):
    for found in re.finditer(r"\btypedef (struct|union)\b[^;{]*\{", code):
        if not WIRE_INTEGERS.match(found.group(0)):
            yield line_of(code, found.start()), f"a typedef of a {found.group(1)}: give it a tag alone"
    for found in re.finditer(r"(typedef )?\benum (\w+)(\s*\{)?", code):
        typedef, name, body = found.groups()
        line = line_of(code, found.start())
        if body and not typedef:
            yield line, f"enum {name} is no typedef: write typedef enum {name} {{ ... }} {name}"
        elif not body:
            yield line, f"write {name}, not enum {name}"


def check_width(_file, text, _code):
    formatted = True
    for number, line in enumerate(text.splitlines(), 1):
        if "/* clang-format o" in line:
            formatted = "clang-format on" in line
        elif formatted and len(line) > WIDTH and '"' not in line and not line.startswith("#define"):
            yield number, f"is {len(line)} columns wide, {WIDTH} is the most"


RULES = (check_include, check_guard, check_sizeof, check_comment, check_typedef, check_width)


def repaired(file, text):
    found = re.search(r"^#ifndef (\w+)\n#define \1\n", text, re.MULTILINE)
    if file.endswith(".h") and found:
        text = re.sub(rf"\b{found.group(1)}\b", guard_of(file), text)
    text = re.sub(r"^enum (\w+) \{(.*?)^\};", r"typedef enum \1 {\2} \1;", text, flags=re.MULTILINE | re.DOTALL)
    text = re.sub(r"(?<!typedef )\benum (\w+)\b(?! \{)", r"\1", text)
    return SIZEOF.sub(lambda m: m.group(0) if TYPES.match(m.group(1)) else f"sizeof {m.group(1)}", text)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("root", type=pathlib.Path)
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    files = sorted(path for top in ("lib", "sim") for path in (options.root / top).rglob("*.[ch]"))
    wrong = []
    for path in files:
        file = path.relative_to(options.root).as_posix()
        text = path.read_text(encoding="utf-8")
        if options.write and repaired(file, text) != text:
            text = repaired(file, text)
            path.write_text(text, encoding="utf-8")
        code = code_of(text)
        wrong += [f"{file}:{line}: {what}" for rule in RULES for line, what in rule(file, text, code)]
    for line in wrong:
        print(line)
    if wrong or not files:
        raise SystemExit(f"{len(wrong)} places in {len(files)} files are not in the dialect; --write repairs guards, sizeof and enumerations")
    print(f"{len(files)} files of lib and sim are in one dialect")


if __name__ == "__main__":
    main()
