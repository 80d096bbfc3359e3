"""A sample of the prose of the tree, to be judged by a reader: prose_sample.py ROOT [SEED] [--places]

Draws 60 sentences of comments, 30 names of functions, 30 messages and 45 sentences of the documents and scenarios, each kind
with the same chance for each distinct text, and prints the 165 numbered, in an order that is drawn too. The same tree and
seed (default 1) give the same sample. --places prints the kind, file and line of each with it.

How it is judged. The reader knows VIRTIO or Linux mm, reads English as a second language, and has neither opened the code nor
seen the places. Each number gets one mark before the next is read:

    1   clear at the first reading: the reader can say in other words what it states; of a name, what the function does to what
    2   clear only when read again
    0   not clear, or it can be read in two ways

What is unclear only because the neighbours of a sentence are not shown ("it" for something named before) counts as clear when
the reader can say what kind of thing is missing. Then --places shows where to repair. At least 149 of 165 (90 %) are to be 1.
A repair changes the tree, so the next reading takes another seed.
"""
import argparse
import pathlib
import re
import sys

DRAWN = {"comment": 60, "name": 30, "message": 30, "document": 45}
WORDS_MIN = 4  # that are no code
BITS = (1 << 64) - 1

TOKEN = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.DOTALL)
LITERALS = re.compile(r'"(?:\\.|[^"\\\n])*"(?:(?:\s|\\\n)*(?:PRI[a-zA-Z0-9]+\s*)?"(?:\\.|[^"\\\n])*")*')
FUNCTION = re.compile(r"^(?!typedef\b)[A-Za-z_][\w \t*]*?\b(\w+)\([^;{}()]*(?:\([^()]*\)[^;{}()]*)*\)\s*\n\{", re.MULTILINE)
CONVERSION = re.compile(r"%[-+#0-9.*]*(?:hh|h|ll|l|z|j)?[A-Za-z]")
SENTENCE_END = re.compile(r"(?<=[.!?])\s+(?=[A-Z`\"(])")
YAML_PROSE = re.compile(r"^(?:title|shows): *[>|]?-? *(.*(?:\n {2,}.*)*)", re.MULTILINE)


class Draws:
    """SplitMix64: integers only, the same on every machine."""

    def __init__(self, seed):
        self.state = seed & BITS

    def next(self):
        self.state = (self.state + 0x9E3779B97F4A7C15) & BITS
        mixed = self.state
        mixed = ((mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9) & BITS
        mixed = ((mixed ^ (mixed >> 27)) * 0x94D049BB133111EB) & BITS
        return mixed ^ (mixed >> 31)

    def below(self, bound):
        while True:
            value = self.next()
            if value < (BITS + 1) // bound * bound:
                return value % bound

    def some(self, items, count):
        """So many of the items, each once, in the order drawn."""
        items = list(items)
        for index in range(count):
            other = index + self.below(len(items) - index)
            items[index], items[other] = items[other], items[index]
        return items[:count]


def is_prose(text):
    return len(re.findall(r"(?<!\S)[(\"']?[A-Za-z]{2,}[,.:;)?\"']*(?!\S)", re.sub(r"`[^`]*`", "", text))) >= WORDS_MIN


def sentences(text):
    """The sentences of some paragraphs, each on one line. An item of a list is a paragraph."""
    for paragraph in re.split(r"\n\s*\n|\n(?=\s*(?:[-*]|\d+\.) )", text):
        for sentence in SENTENCE_END.split(" ".join(paragraph.split())):
            sentence = re.sub(r"^(?:[-*]|\d+\.) ", "", sentence.strip())
            if is_prose(sentence):
                yield sentence


def from_source(text):
    """(kind, offset, text) of a C file."""
    code = text
    for token in TOKEN.finditer(text):
        word = token.group()
        if word.startswith("/"):
            body = re.sub(r"^\s*\* ?", "", word.strip("/*<-"), flags=re.MULTILINE).strip(" -")
            for sentence in sentences(body):
                yield "comment", token.start(), sentence
            blank = re.sub(r"[^\n]", " ", word)
            code = code[: token.start()] + blank + code[token.end() :]
    for literals in LITERALS.finditer(code):
        line = code[code.rfind("\n", 0, literals.start()) + 1 : literals.start()]
        if not line.lstrip().startswith("#include"):
            message = re.sub(r'"(?:\s|\\\n)*"', "", re.sub(r'"\s*PRI\w+\s*"', "u", literals.group()))[1:-1]
            message = CONVERSION.sub("...", message.replace("\\n", " ").replace('\\"', '"').replace("%%", " percent "))
            if is_prose(message):
                yield "message", literals.start(), '"' + " ".join(message.split()) + '"'
    for function in FUNCTION.finditer(code):
        yield "name", function.start(1), function.group(1) + "()"


def from_document(text):
    """(kind, offset, text) of a Markdown file: paragraphs, items of lists, cells of tables."""
    def blank(found):
        return re.sub(r"[^\n]", " ", found.group())

    text = re.sub(r"^```.*?^```|<!--.*?-->|^#.*?$|^\|[-:| ]+\|$", blank, text, flags=re.MULTILINE | re.DOTALL)
    for block in re.finditer(r"(?:^(?!\|)[^\n]*\S[^\n]*\n?)+|(?<=\|)[^|\n]+(?=\|)", text, re.MULTILINE):
        plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", block.group()).replace("**", "")
        for sentence in sentences(plain):
            yield "document", block.start(), sentence


def from_scenario(text):
    for prose in YAML_PROSE.finditer(text):
        for sentence in sentences(prose.group(1).strip("\"'")):
            yield "document", prose.start(), sentence


def collect(root):
    """{kind: {text: the first place that has it}}, all in a stable order."""
    readers = [(top, f"*{ending}", from_source) for top in ("lib", "sim") for ending in (".c", ".h")]
    readers += [("docs", "*.md", from_document), ("scenarios", "*.yaml", from_scenario)]
    files = [(root / name, from_document) for name in ("README.md", "CONTRIBUTING.md")]
    for top, pattern, reader in readers:
        files += [(path, reader) for path in (root / top).rglob(pattern)]
    found = {kind: {} for kind in DRAWN}
    for path, reader in sorted(files, key=lambda item: item[0].relative_to(root).as_posix()):
        text = path.read_text(encoding="utf-8")
        for kind, offset, sentence in reader(text):
            place = f"{path.relative_to(root).as_posix()}:{text.count(chr(10), 0, offset) + 1}"
            found[kind].setdefault(sentence, place)
    return found


def sample(root, seed):
    """[(kind, place, text)] in the order drawn."""
    found, draws, drawn = collect(root), Draws(seed), []
    for kind, count in DRAWN.items():
        if len(found[kind]) < 4 * count:
            raise SystemExit(f"only {len(found[kind])} of kind {kind} were found: the search itself is broken")
        drawn += [(kind, found[kind][text], text) for text in draws.some(sorted(found[kind]), count)]
    return draws.some(drawn, len(drawn))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("root", type=pathlib.Path)
    parser.add_argument("seed", type=int, nargs="?", default=1)
    parser.add_argument("--places", action="store_true")
    arguments = parser.parse_args()
    for number, (kind, place, text) in enumerate(sample(arguments.root.resolve(), arguments.seed), 1):
        print(f"{number:3}. {f'[{kind}, {place}] ' if arguments.places else ''}{text}")


if __name__ == "__main__":
    sys.exit(main())
