"""lib/sources.cmake and lib/sources.mk list the sources that are there, each library's in order: sources.py ROOT"""
import pathlib
import re
import sys

LIBRARIES = ("base", "virtio", "guest", "host")
LIST = {
    "sources.cmake": r"^set\(BNT_(\w+)_SOURCES\n((?:  \S+\n)*)\)$",
    "sources.mk": r"^BNT_(\w+)_SOURCES = \\\n((?:  \S+ \\\n)*  \S+\n)",
}


def listed(text, pattern):
    """{library: its sources} of one of the lists."""
    return {name.lower(): re.findall(r"\S+\.c\b", body) for name, body in re.findall(pattern, text, re.MULTILINE)}


def check(root):
    """What is wrong, a line each."""
    wrong = []
    lib = root / "lib"
    present = {name: sorted(path.relative_to(lib).as_posix() for path in (lib / name).rglob("*.c")) for name in LIBRARIES}
    for file, pattern in LIST.items():
        lists = listed((lib / file).read_text(encoding="utf-8"), pattern)
        for name in sorted(present.keys() | lists.keys()):
            there, told = present.get(name, []), lists.get(name, [])
            wrong += [f"lib/{file}: {source} is missing from the list" for source in there if source not in told]
            wrong += [f"lib/{file}: {source} does not exist" for source in told if source not in there]
            if sorted(told) == there and told != there:
                wrong.append(f"lib/{file}: the sources of {name} are not in alphabetical order")
    return wrong


def main(root):
    wrong = check(root)
    print("\n".join(wrong) if wrong else "both lists are those of the folders")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(sys.argv[1])))
