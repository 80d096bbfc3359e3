#!/usr/bin/env python3
"""Every point at which memory or I/O can fail fails once, for each verb.

    failures.py COMMAND SHIM [--all] [--only VERB]

First a run is counted, then run again with its first point failing, its second, and so on; where
there are more than fit into the budget, with a stride, which is told. Each time: no signal, a
status that docs/use/command.md has for it, a message unless it passed, no partial file, no file under
the final name unless it passed, no block of malloc more than without the failure, no hang.
"""
import os
import re
import struct
import subprocess
import sys
import tempfile

COMMAND, SHIM = (os.path.abspath(argument) for argument in sys.argv[1:3])
BUDGET = 1000  # runs of a verb in the suite: about half a minute for all of them
SCENARIO = """schema: 1
title: A small balloon
vms:
  - {name: vm0, memory: 1MiB, kernel: 64KiB, features: [stats, verdicts, reporting], driver: {queue_size_max: 16}}
workloads:
  - {name: w, kind: recorded, file: w.csv}
script:
  - {at: 1ms, do: target, balloon: 128KiB}
phases:
  - {name: run, for: 10ms}
expect:
  - finally: ledger == 128KiB
"""
CSV_COLUMNS = ("time_ms,memtotal_kib,memfree_kib,memavailable_kib,cached_kib,buffers_kib,anonpages_kib,"
               "active_file_kib,inactive_file_kib,slab_kib,sreclaimable_kib,dirty_kib,pagetables_kib,pgfault,"
               "pgmajfault,pgalloc_normal,pgfree,pswpin,pswpout,allocstall_normal,pgscan_kswapd")
CSV = CSV_COLUMNS + "".join(f"\n{time},1024,900,900,{time + 4},4,8,4,4,8,4,0,4,0,0,0,0,0,0,0,0" for time in (1, 5)) + "\n"
# status: what its message must say
MEANS = {2: r"error:|: ", 6: r"written|read|file|trace|output|open", 7: r"memory|no \w+:|INCONCLUSIVE"}


class Case:
    def __init__(self, name, arguments, needs_trace=False):
        self.name = name
        self.arguments = arguments
        self.needs_trace = needs_trace


CASES = [Case("check", ["check", "s.yaml"]), Case("run", ["run", "s.yaml"]),
         Case("trace", ["run", "s.yaml", "--trace", "out.btrace"]),
         Case("replay", ["replay", "in.btrace"], True), Case("verify", ["verify", "s.yaml"])]


def temporaries(folder):
    return set(os.listdir(os.path.join(folder, "tmp")))


def run(folder, arguments, at):
    """Status, output, points, blocks left, and which function failed."""
    state = os.path.join(folder, "state")
    with open(state, "wb") as file:
        file.write(bytes(4096))
    temporary = os.path.join(folder, "tmp")
    os.makedirs(temporary, exist_ok=True)
    environment = dict(os.environ, LD_PRELOAD=SHIM, FAILURES_STATE=state, FAILURES_AT=str(at), TMPDIR=temporary)
    try:
        done = subprocess.run([COMMAND, *arguments], cwd=folder, env=environment, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60, check=False)
        status, output = done.returncode, (done.stdout + done.stderr).decode(errors="replace")
    except subprocess.TimeoutExpired:
        status, output = "hang", ""
    with open(state, "rb") as file:
        points, live = struct.unpack("<QQ", file.read(16))
        failed = file.read(48).rstrip(b"\0").decode()
    return status, output, points, live, failed


def judge(case, folder, result, normal):
    """What is wrong with a run in which a point failed, or None."""
    status, output, _, live, _ = result
    left = sorted(set(os.listdir(folder)) - {"s.yaml", "w.csv", "in.btrace", "state", "tmp"})
    if status == 0:
        if output != normal[1]:
            return "it passed with another output"
        if left != (["out.btrace"] if case.name == "trace" else []):
            return f"it passed and left {left}"
    elif status not in MEANS:
        return f"status {status}"
    elif left and not (left == ["out.btrace"] and "standard output cannot be written" in output):
        return f"status {status}, and left {left}"
    elif not re.search(MEANS[status], output) or "not YAML" in output:
        return f"status {status} without a message that says why"
    if "died of signal" in output or "were not freed" in output or "bug:" in output:
        return "it crashed, or lost memory"
    if status != 7 and live > normal[3]:
        return f"{live} blocks are left in a process, {normal[3]} without the failure"
    return None


def try_case(case, folder, budget):
    """(points, runs, problems)."""
    for name in ("out.btrace", "out.btrace.partial"):
        if os.path.exists(os.path.join(folder, name)):
            os.remove(os.path.join(folder, name))
    normal = run(folder, case.arguments, 0)
    if normal[0] != 0:
        return normal[2], 0, [f"{case.name}: it does not pass: {normal[0]} {normal[1]}"]
    points = normal[2]
    if points < 100:
        return points, 0, [f"{case.name}: only {points} points were counted: the shim is not there"]
    stride = 1 if budget is None else max(1, -(-points // budget))
    problems = []
    runs = 0
    for at in range(1, points + 1, stride):
        for name in ("out.btrace", "out.btrace.partial"):
            if os.path.exists(os.path.join(folder, name)):
                os.remove(os.path.join(folder, name))
        before = temporaries(folder)
        result = run(folder, case.arguments, at)
        runs += 1
        problem = judge(case, folder, result, normal)
        if problem is None and temporaries(folder) - before:
            problem = f"it left {temporaries(folder) - before}"
        if problem is not None:
            problems.append(f"{case.name}: point {at} ({result[4]}): {problem}\n    {result[1].strip()[:400]}")
    print(f"{case.name}: {points} points, {runs} of them failed once"
          f"{'' if stride == 1 else f' (every {stride}th; --all for all)'}: {len(problems)} problems", flush=True)
    return points, runs, problems


def sees_what_is_wrong():
    """The judge would notice: a signal, an undocumented status, a leftover, silence, a leak."""
    case = CASES[2]
    normal = (0, "PASS", 10, 3, "")
    with tempfile.TemporaryDirectory() as folder:
        for result in ((-11, "", 0, 0, "x"), (5, "crash", 0, 0, "x"), (4, "DIFFERENT", 0, 0, "x"), (6, "", 0, 0, "x"),
                       (2, "x: error: not YAML: ", 0, 0, "x"), ("hang", "", 0, 0, "x"), (0, "FAIL", 0, 0, "x"),
                       (0, "PASS", 0, 0, "x"), (6, "trace could not be written", 0, 4, "x")):
            if judge(case, folder, result, normal) is None:
                sys.exit(f"the judge does not see what is wrong with {result}")
        with open(os.path.join(folder, "out.btrace.partial"), "wb"):
            pass
        if judge(case, folder, (6, "trace could not be written", 0, 3, "x"), normal) is None:
            sys.exit("the judge does not see a partial file")


def main():
    sees_what_is_wrong()
    everything = "--all" in sys.argv
    only = sys.argv[sys.argv.index("--only") + 1] if "--only" in sys.argv else None
    problems = []
    with tempfile.TemporaryDirectory() as folder:
        for name, text in (("s.yaml", SCENARIO), ("w.csv", CSV)):
            with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
                file.write(text)
        subprocess.run([COMMAND, "run", "--quiet", "s.yaml", "--trace", "in.btrace"], cwd=folder, check=True,
                       stdout=subprocess.DEVNULL)
        cases = [case for case in CASES if only in (None, case.name)]
        for case in cases:
            problems += try_case(case, folder, None if everything else BUDGET)[2]
    for problem in problems[:40]:
        print(problem)
    sys.exit(1 if problems else 0)


if __name__ == "__main__":
    main()
