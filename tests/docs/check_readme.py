"""What the README shows is true: check_readme.py ROOT [BALLONET]

Its code is the code of tests/embed. With the command: its scenario, run, prints what it shows, hash included, and so
do the excerpts of docs/use/command.md. With README_UPDATE=1 in the environment the output in the README and the closing
lines in both pages are written anew.
"""
import os
import pathlib
import re
import subprocess
import sys
import tempfile

BLOCK = re.compile(r"(?:<!-- (\S+) -->\n)?^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)


CLOSING = r"^{} balloon seed=.* hash=[0-9a-f]{{16}}$"


def run(command, folder, *arguments):
    """Standard output and error, joined."""
    done = subprocess.run([command, *arguments], cwd=folder, capture_output=True, text=True, timeout=60)
    return done.stdout + done.stderr


def check_code(root, blocks):
    """(what is wrong) of blocks that show files."""
    wrong = []
    shown = {name: body for name, _, body in blocks if name}
    for name in ("tests/embed/host/host.c", "tests/embed/guest/guest.c"):
        if name not in shown:
            wrong.append(f"README.md does not show {name}")
    for name, body in shown.items():
        if body != (root / name).read_text(encoding="utf-8"):
            wrong.append(f"README.md shows {name} otherwise than it is")
    cmake = [body for _, language, body in blocks if language == "cmake"]
    if cmake != [(root / "tests/embed/host/CMakeLists.txt").read_text(encoding="utf-8")]:
        wrong.append("README.md shows tests/embed/host/CMakeLists.txt otherwise than it is")
    printed = (root / "tests/embed/run.sh").read_text(encoding="utf-8")
    for line in re.findall(r"prints\s+`([^`]+)`", " ".join((root / "README.md").read_text(encoding="utf-8").split())):
        if line not in printed:
            wrong.append(f"README.md says that an example prints '{line}'")
    return wrong


def update(root, shown, passed, failed):
    """Writes what the command prints into the pages."""
    readme = root / "README.md"
    readme.write_text(readme.read_text(encoding="utf-8").replace(shown, passed), encoding="utf-8")
    page = root / "docs/use/command.md"
    text = page.read_text(encoding="utf-8")
    for verdict, output in (("PASS", passed), ("FAIL", failed)):
        pattern = re.compile(CLOSING.format(verdict), re.MULTILINE)
        text = pattern.sub(pattern.search(output).group(), text)
    page.write_text(text, encoding="utf-8")


def check_output(root, command, blocks):
    """(what is wrong) of blocks that show what the command prints."""
    scenario = next(body for _, language, body in blocks if language == "yaml")
    shown = next(body for _, language, body in blocks if language == "text")
    wrong = []
    if len(scenario.splitlines()) != 10:
        wrong.append(f"README.md: the scenario has {len(scenario.splitlines())} lines, not 10")
    manual = (root / "docs/use/command.md").read_text(encoding="utf-8")
    excerpts = [body for _, _, body in BLOCK.findall(manual)]
    with tempfile.TemporaryDirectory() as folder:
        def said(text, verb):
            (pathlib.Path(folder) / "balloon.yaml").write_text(text, encoding="utf-8")
            return run(command, folder, verb, "balloon.yaml")

        passed = said(scenario, "run")
        failed = said(scenario.replace("returned == 2", "returned == 3"), "run")
        refused = said(scenario.replace("balloon: 16MiB", "ballon: 16MiB"), "check")
    if os.environ.get("README_UPDATE"):
        update(root, shown, passed, failed)
        return []
    if passed != shown:
        wrong.append(f"README.md shows\n{shown}but it prints\n{passed}")
    for excerpt in excerpts:
        if not any(excerpt in output for output in (passed, failed, refused)):
            wrong.append(f"docs/use/command.md shows\n{excerpt}which is no part of\n{passed}{failed}{refused}")
    if len(excerpts) != 3:
        wrong.append(f"docs/use/command.md has {len(excerpts)} excerpts, not 3")
    return wrong


def main(root, command):
    blocks = BLOCK.findall((root / "README.md").read_text(encoding="utf-8"))
    wrong = check_code(root, blocks)
    if command is not None:
        wrong += check_output(root, command, blocks)
    print("\n".join(wrong) if wrong else f"{len(blocks)} blocks, all in order")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(sys.argv[1]).resolve(), sys.argv[2] if len(sys.argv) > 2 else None))
