#!/usr/bin/env python3
"""A step with nothing to do takes at most 100 instructions, as guest.h says: idle_step.py ROOT CC

Builds the libraries and idle_step.c with optimisation and counts instructions with Valgrind's callgrind, of N steps and of
2N: the difference is that of N steps. A build whose step never returns early must be over the bound: the control. Exits 77
where Valgrind is missing.
"""

import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

STEPS = 2000
CASES = ("split", "packed", "one", "down", "suspended", "broken", "vmware")
ROOMS = ("base", "virtio", "guest")
FAKES = ("fake_device.c", "fake_guest.c", "fake_huge.c", "fake_os.c", "fake_report.c", "fake_vmware.c", "fake_vmware_os.c")
EXIT = "if (bnti_guest_is_idle(guest, now_ns)) {"


def bound_of(root):
    """The bound as the public header documents it."""
    found = re.search(r"\b(\d+) instructions", (root / "lib/include/ballonet/guest.h").read_text().replace("\n * ", " "))
    if not found:
        raise SystemExit("guest.h does not say how many instructions")
    return int(found.group(1))


def build(root, compiler, work, name, early):
    """The program, with the early exit or without it."""
    front = root / "lib/guest/idle.c"
    text = front.read_text()
    if text.count(EXIT) != 1:
        raise SystemExit(f"{front}: the early exit is worded otherwise")
    copy = work / f"{name}.c"
    copy.write_text(text if early else text.replace(EXIT, "if (0) {"))
    sources = [s for room in ROOMS for s in sorted((root / "lib" / room).rglob("*.c")) if s != front]
    sources += [root / "tests/support" / fake for fake in FAKES] + [root / "tests/setup/idle_step.c", copy]
    program = work / name
    command = [compiler, "-std=c11", "-O2", f"-I{root}", f"-I{root}/lib/include", f"-I{root}/lib/guest",
               *map(str, sources), "-o", str(program)]
    if subprocess.run(command, check=False).returncode != 0:
        raise SystemExit("the program does not build")
    return program


def count(program, case, steps):
    """Instructions of a run, inside bnt_guest_step."""
    counter = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", "--toggle-collect=bnt_guest_step"]
    done = subprocess.run([*counter, str(program), case, str(steps)], capture_output=True, text=True, check=False)
    found = re.search(r"Collected : (\d+)", done.stderr)
    if done.returncode != 0 or not found:
        raise SystemExit(f"{case}: {done.stderr}")
    return int(found.group(1))


def each(program, case):
    """Instructions of one idle step."""
    return (count(program, case, 2 * STEPS) - count(program, case, STEPS)) / STEPS


def main():
    root, compiler = pathlib.Path(sys.argv[1]).resolve(), sys.argv[2]
    if shutil.which("valgrind") is None or shutil.which(compiler) is None:
        print(f"skipped: there is no valgrind, or no {compiler}")
        return 77
    bound = bound_of(root)
    failures = 0
    with tempfile.TemporaryDirectory() as folder:
        work = pathlib.Path(folder)
        program = build(root, compiler, work, "early", True)
        for case in CASES:
            instructions = each(program, case)
            print(f"{case}: {instructions:.1f} of {bound} instructions")
            failures += instructions > bound
        control = each(build(root, compiler, work, "full", False), "split")
        print(f"without the early exit: {control:.1f}")
        if control <= bound:
            print("the check does not see a full step")
            failures += 1
    return failures > 0


sys.exit(main())
