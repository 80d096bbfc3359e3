"""Every relative link of the documents leads somewhere, every document that a source names exists, and the guide
docs/README.md has each: check_links.py ROOT"""
import pathlib
import re
import sys

LINK = re.compile(r"\[[^\]\n]*\]\(([^)\s]+)\)")
NAMED = re.compile(r"`((?:lib|sim|tests|docs|scenarios|bench)/[A-Za-z0-9_./-]*)`")


def without_code(text):
    return re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)


def anchors(path):
    """What GitHub makes of the headings."""
    heads = re.findall(r"^#+ +(.+?) *$", without_code(path.read_text(encoding="utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


def sources(root):
    """Files that may name a document."""
    yield from (path for path in sorted(root.iterdir()) if path.suffix == ".txt" or path.name == "ballonet")
    for folder in ("bench", "lib", "scenarios", "sim", "tests"):
        for path in sorted((root / folder).rglob("*")):
            if path.suffix in (".c", ".h", ".cpp", ".py", ".sh", ".txt", ".cmake", ".yaml") and path.is_file():
                yield path


def main(root):
    wrong = []
    count = 0
    pages = sorted((root / "docs").rglob("*.md"))
    for path in [*sorted(root.glob("*.md")), *pages]:
        name = path.relative_to(root).as_posix()
        text = without_code(path.read_text(encoding="utf-8"))
        for link in LINK.findall(text):
            if re.match(r"[a-z]+:", link):
                continue
            count += 1
            file, _, anchor = link.partition("#")
            target = (path.parent / file) if file else path
            if not target.exists():
                wrong.append(f"{name}: {link} leads nowhere")
            elif anchor and target.suffix == ".md" and anchor not in anchors(target):
                wrong.append(f"{name}: {link} names no heading of {file or name}")
        for mention in NAMED.findall(text):
            count += 1
            if not (root / mention).exists():
                wrong.append(f"{name}: `{mention}` does not exist")
    for path in sources(root):
        for named in re.findall(r"\bdocs/[a-z/-]+\.md\b", path.read_text(encoding="utf-8", errors="replace")):
            count += 1
            if not (root / named).exists():
                wrong.append(f"{path.relative_to(root).as_posix()}: {named} does not exist")
    guide = (root / "docs/README.md").read_text(encoding="utf-8")
    wrong += [f"docs/README.md has no row for {page.name}" for page in pages
              if page.name != "README.md" and f"| [{page.name}]({page.relative_to(root / 'docs').as_posix()}) |" not in guide]
    if count < 20:
        wrong.append(f"only {count} links found: the search itself is broken")
    print("\n".join(wrong) if wrong else f"{count} links, all in order")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(sys.argv[1]).resolve()))
