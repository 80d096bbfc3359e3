#!/usr/bin/env python3
"""The contract of the command: usage, exit statuses, what it prints, and that it never lies about it.

    command_test.py COMMAND TRACE_EDIT SOURCE [unittest arguments]
"""
import json
import os
import re
import resource
import shlex
import signal
import subprocess
import sys
import tempfile
import time
import unittest
import xml.etree.ElementTree

COMMAND, EDIT, SOURCE = (os.path.abspath(argument) for argument in sys.argv[1:4])
LINE = re.compile(r"^(PASS|FAIL|INCONCLUSIVE) (.+) seed=(\d+) events=(\d+) "
                  r"time=(0|\d+(?:\.\d+)?(?:ns|us|ms|s|min)) hash=([0-9a-f]{16})$")
LOCATED = re.compile(r"^(.+?):(\d+):(\d+): error: (.+)$")
GOOD = "scenarios/seed/refused-pages.yaml"
FAILS = "tests/negative/one-place.yaml"
NEVER = "tests/negative/converges-driver.yaml"
SMALL = """schema: 1
title: A small balloon
limits: {events: %d}
vms:
  - {name: vm0, memory: 8MiB, kernel: 1MiB}
script:
  - {at: 1ms, do: target, balloon: 2MiB}
phases:
  - {name: run, for: 1s}
expect:
  - finally: ledger == 2MiB
"""


def ballonet(*arguments, **settings):
    settings.setdefault("cwd", SOURCE)
    settings.setdefault("stdout", subprocess.PIPE)
    settings.setdefault("stderr", subprocess.PIPE)
    return subprocess.run([COMMAND, *arguments], text=True, stdin=subprocess.DEVNULL, timeout=120,
                          check=False, **settings)


def in_shell(redirection, *arguments):
    """Through a shell, which can close what Python cannot."""
    line = " ".join(map(shlex.quote, [COMMAND, *arguments])) + " " + redirection
    return subprocess.run(["sh", "-c", line], cwd=SOURCE, text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, timeout=120, check=False)


class Contract(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)

    def write(self, name, text):
        path = os.path.join(self.folder.name, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path

    def trace(self, name, *arguments):
        path = os.path.join(self.folder.name, name)
        ballonet("run", "--quiet", "--trace", path, *arguments)
        return path

    def status(self, wanted, *arguments, **settings):
        done = ballonet(*arguments, **settings)
        self.assertEqual(done.returncode, wanted, f"{arguments}: {done.stdout}{done.stderr}")
        return done


class Usage(Contract):
    def verbs(self):
        usage = self.status(0, "--help").stdout
        verbs = re.findall(r"^  ([a-z]+) +", usage, re.M)
        self.assertGreaterEqual(len(verbs), 7)
        return verbs

    def test_every_verb_has_help(self):
        for verb in self.verbs():
            done = self.status(0, verb, "--help")
            self.assertIn(f"usage: ballonet {verb}", done.stdout)
            self.assertIn("--help", done.stdout)
            self.assertEqual(done.stderr, "")

    def test_options_of_the_help_are_taken(self):
        for verb in self.verbs():
            for option in re.findall(r"^  (--[a-z]+) [A-Za-z]", self.status(0, verb, "--help").stdout, re.M):
                done = ballonet(verb, option)
                self.assertEqual(done.returncode, 2, (verb, option))
                self.assertNotIn("unknown option", done.stderr)

    def test_nothing_that_was_said_is_ignored(self):
        for arguments, word in ((["schema", GOOD], "takes no arguments"), (["generate", GOOD], "takes no arguments"),
                                (["doctor", "x"], "takes no arguments"),
                                (["run", "--generated", "1..2", GOOD], "cannot be used together"),
                                (["run", "--generated", "1..2", "--seed", "1"], "are allowed"),
                                (["run", "--generated", "1..2", "--verbose"], "are allowed"),
                                (["run", GOOD, "--first"], "go with --generated"),
                                (["run", GOOD, "-j", "2"], "go with --generated"),
                                (["run", GOOD, "--profile", "p"], "go with --generated")):
            with self.subTest(arguments=arguments):
                done = self.status(2, *arguments)
                self.assertIn(word, done.stderr)
                self.assertEqual("", done.stdout)

    def test_wrong_usage_is_2_and_names_the_word(self):
        for arguments, word in ((["dance"], "dance"), (["run", "--sed", "1", GOOD], "--sed"),
                                (["run", GOOD, "--seed"], "--seed"), (["run", GOOD, "--seed", "-1"], "-1"),
                                (["run", GOOD, "--seed", "1x"], "1x"), (["run", GOOD, "--seed", ""], "--seed"),
                                (["run", GOOD, "--seed", "18446744073709551616"], "18446744073709551616"),
                                (["run", GOOD, "--seeds", "0"], "--seeds"),
                                (["run", GOOD, "--format", "xml"], "xml"), (["run", GOOD, "--set", "a"], "--set"),
                                (["check", GOOD, "--trace", "t"], "--trace"), (["run"], "nothing to do"),
                                (["run", GOOD, FAILS, "--trace", "/dev/null"], "--trace"),
                                (["run", GOOD, "--set", "vms.0.memry=1MiB"], "memry"),
                                (["run", GOOD, "--set", "vms.9.memory=1MiB"], "vms.9"),
                                (["run", GOOD, "--set", "vms.0.memory=lots"], "lots")):
            done = self.status(2, *arguments)
            self.assertIn(word, done.stderr, arguments)
            self.assertEqual(done.stdout, "", arguments)
        self.assertIn("usage:", self.status(2).stderr)

    def test_a_folder_is_walked_once(self):
        inner = os.path.join(self.folder.name, "inner")
        os.mkdir(inner)
        self.write("inner/a.yaml", SMALL % 1000)
        os.symlink("..", os.path.join(inner, "up"))
        os.symlink("inner", os.path.join(self.folder.name, "twin"))
        os.symlink("a.yaml", os.path.join(inner, "b.yaml"))
        lines = self.status(0, "check", self.folder.name).stdout.splitlines()
        self.assertEqual([line.split(":")[0] for line in lines],
                         [os.path.join(inner, name) for name in ("a.yaml", "b.yaml")])

    def test_files_that_are_not_there(self):
        empty = os.path.join(self.folder.name, "empty")
        os.mkdir(empty)
        for verb in ("run", "check", "verify", "test"):
            for path in ("none.yaml", empty, ""):
                done = self.status(2, verb, path)
                self.assertNotEqual(done.stderr, "")
                self.assertNotIn("ok", done.stdout)
        self.status(6, "replay", "none.trace")
        self.status(2, "run", self.write("a.yaml", SMALL % 1000 + "workloads:\n  - {name: a, kind: recorded, "
                                         "file: none.csv}\n"))

    def test_version(self):
        self.assertRegex(self.status(0, "--version").stdout, r"^ballonet \d+\.\d+\.\d+\n$")

    def test_doctor(self):
        for line in self.status(0, "doctor").stdout.splitlines():
            self.assertRegex(line, "^ok ")


class Results(Contract):
    def test_the_last_line(self):
        done = self.status(0, "run", GOOD)
        lines = done.stdout.splitlines()
        match = LINE.match(lines[-1])
        self.assertTrue(match, lines[-1])
        self.assertEqual(match.group(1, 2, 3), ("PASS", GOOD[:-5], "1"))
        self.assertIn("refused", done.stdout)
        several = self.status(0, "run", "scenarios/faults").stdout.splitlines()
        for line in several:
            self.assertTrue(LINE.match(line), line)
        self.assertEqual(self.status(0, "run", GOOD, "--quiet").stdout.splitlines(), lines[-1:])

    def test_the_seed(self):
        own = self.write("own.yaml", SMALL % 1000 + "seed: 77\n")
        self.assertIn(" seed=77 ", self.status(0, "run", own).stdout)
        self.assertIn(" seed=77 ", self.status(0, "verify", own).stdout)
        self.assertIn(" seed=5 ", self.status(0, "run", own, "--seed", "5").stdout)
        self.assertIn(" seed=18446744073709551615 ",
                      self.status(0, "run", own, "--seed", "18446744073709551615").stdout)
        lines = self.status(0, "run", own, "--seeds", "3").stdout.splitlines()
        self.assertEqual([LINE.match(line).group(3) for line in lines], ["1", "2", "3"])

    def test_observers_change_nothing(self):
        plain = self.status(0, "run", GOOD).stdout.splitlines()[-1]
        trace = os.path.join(self.folder.name, "trace")
        self.assertEqual(plain, self.status(0, "run", GOOD, "--verbose").stdout.splitlines()[-1])
        self.assertEqual(plain, self.status(0, "run", GOOD, "--trace", trace).stdout.splitlines()[-1])
        self.assertEqual(self.status(0, "run", GOOD).stdout, self.status(0, "run", GOOD).stdout)

    def test_a_failure_tells_what_runs_it_again(self):
        odd = self.write("it's an \"odd\" name.yaml", SMALL % 1000)
        for arguments in (["run", FAILS], ["run", FAILS, "--seed", "9"],
                          ["run", FAILS, "--set", "vms.0.memory=64MiB"],
                          ["run", GOOD, "--set", "expect.0.always=held <= 1", "--set", "swarm.link.service=[1us, 2us]"],
                          ["run", odd, "--set", "expect.0.finally=ledger == 4MiB", "--set", "title=it's"]):
            done = self.status(1, *arguments)
            again = re.search(r"^  again: (.*)$", done.stdout, re.M)
            self.assertTrue(again, done.stdout)
            words = shlex.split(again.group(1))
            self.assertEqual(words[0], "ballonet")
            sets = [word for at, word in enumerate(arguments) if arguments[at - 1] == "--set"]
            self.assertEqual([word for at, word in enumerate(words) if words[at - 1] == "--set"], sets)
            self.assertIn("--seed", words)
            repeated = self.status(1, *words[1:])
            self.assertEqual(repeated.stdout.splitlines()[-1], done.stdout.splitlines()[-1])
            self.assertRegex(done.stdout, r"(?m)^  event \d+ at \S+: .+$")

    def test_sets_change_the_run(self):
        plain = self.status(0, "run", GOOD, "--quiet").stdout
        more = self.status(0, "run", GOOD, "--quiet", "--set", "vms.0.memory=128MiB").stdout
        self.assertNotEqual(LINE.match(plain.strip()).group(6), LINE.match(more.strip()).group(6))

    def test_json(self):
        done = self.status(0, "run", "scenarios/seed", "--format", "json", "--verbose")
        rows = [json.loads(line) for line in done.stdout.splitlines()]
        odd = self.write("a \"b\" \\ c\u00e9.yaml", SMALL % 10)
        done = self.status(7, "run", odd, "--format", "json", "--set", "title=\"x\"")
        rows += [json.loads(line) for line in done.stdout.splitlines()]
        self.assertEqual(rows[-1]["scenario"], odd[:-5])
        self.assertEqual(shlex.split(rows[-1]["command"])[2], odd)
        self.assertNotEqual(rows[-1]["reason"], "")
        for row in rows:
            for key in ("hash", "order", "time", "payload", "state", "draws"):
                self.assertRegex(row[key], "^[0-9a-f]{16}$")
            for key in ("seed", "status", "events", "time_ns"):
                self.assertIsInstance(row[key], int)
            self.assertIn(row["verdict"], ("PASS", "FAIL", "INCONCLUSIVE"))
            self.assertIsInstance(row["reason"], str)
            self.assertTrue(row["command"].startswith("ballonet run "))

    def test_json_of_the_other_verbs(self):
        trace = self.trace("trace", GOOD)
        for arguments in (["verify", GOOD], ["replay", trace], ["check", GOOD]):
            lines = self.status(0, *arguments, "--format", "json").stdout.splitlines()
            self.assertEqual(len(lines), 1, lines)
            self.assertIsInstance(json.loads(lines[0]), dict)
        mistakes = self.status(2, "check", "tests/invalid/twenty-mistakes.yaml", "--format", "json").stdout
        for line in mistakes.splitlines():
            self.assertRegex(json.loads(line)["error"], LOCATED.pattern[:-1].replace("$", ""))

    def test_conformance_is_a_row_a_clause(self):
        rows = json.loads(self.status(0, "conformance", "--format", "json", GOOD).stdout)
        known = {"covered", "violated", "not-exercised", "not-applicable"}
        self.assertEqual(len(rows), len({row["id"] for row in rows}))
        for row in rows:
            self.assertTrue({"id", "who", "level", "text", "status", "reason"} <= set(row), row)
            self.assertIn(row["status"], known)
            self.assertEqual(row["reason"] == "", row["status"] == "covered", row)
        status = {row["id"]: row["status"] for row in rows}
        self.assertEqual(status["BD-12"], "covered")
        self.assertEqual(status["VP-1"], "not-exercised")
        self.assertIn("VP-1 ", self.status(0, "conformance", GOOD).stdout)

    def test_tap(self):
        folder = self.folder.name
        self.write("a.yaml", SMALL % 1000)
        self.write("b.yaml", (SMALL % 1000).replace("ledger == 2MiB", "ledger == 3MiB"))
        for arguments, status in ((["test", "scenarios/faults"], 0), (["test", "scenarios/faults", "--seeds", "2"], 0),
                                  (["test", folder], 1)):
            lines = self.status(status, *arguments).stdout.splitlines()
            self.assertEqual(lines[0], "TAP version 13")
            count = int(re.match(r"^1\.\.(\d+)$", lines[1]).group(1))
            results = [re.match(r"^(not )?ok (\d+) - (.+)$", line) for line in lines[2:] if line[0] != "#"]
            self.assertEqual([int(result.group(2)) for result in results], list(range(1, count + 1)))
            failed = sum(result.group(1) is not None for result in results)
            self.assertEqual(failed, status)
            self.assertEqual(lines[-1], f"# {count - failed} passed, {failed} failed")
        self.assertIn("again:", "\n".join(lines))

    def test_junit(self):
        self.write("a.yaml", SMALL % 1000)
        self.write("b&.yaml", (SMALL % 1000).replace("ledger == 2MiB", "ledger == 3MiB"))
        report = os.path.join(self.folder.name, "report.xml")
        self.status(1, "test", self.folder.name, "--junit", report)
        suite = xml.etree.ElementTree.parse(report).getroot()
        self.assertEqual((suite.get("tests"), suite.get("failures")), ("2", "1"))
        failures = [(case.get("name"), case.find("failure").get("message"))
                    for case in suite if case.find("failure") is not None]
        self.assertEqual(len(failures), 1)
        self.assertIn("b&.yaml", failures[0][0])
        self.assertIn("expected finally", failures[0][1])
        self.status(6, "test", os.path.join(self.folder.name, "a.yaml"), "--junit", "/dev/full")


class Status(Contract):
    def files(self):
        return {0: self.write("pass.yaml", SMALL % 1000), 7: self.write("limit.yaml", SMALL % 10),
                1: os.path.join(SOURCE, FAILS), 3: os.path.join(SOURCE, NEVER),
                2: self.write("bad.yaml", "schema: 1\n")}

    def test_each(self):
        for status, path in self.files().items():
            done = self.status(status, "run", path)
            word = {0: "PASS", 1: "FAIL", 3: "FAIL", 7: "INCONCLUSIVE"}.get(status)
            if word:
                self.assertTrue(done.stdout.splitlines()[-1].startswith(word + " "), done.stdout)
            self.assertEqual(self.status(status, "run", path, "--format", "json").stdout != "", status != 2)
        self.status(6, "replay", self.files()[0])

    def test_a_limit_is_never_a_pass(self):
        done = self.status(7, "run", GOOD, "--set", "limits.events=20")
        self.assertRegex(done.stdout, r"(?m)^INCONCLUSIVE ")
        self.assertRegex(done.stdout, r"limit")

    def test_the_first_of_several(self):
        files = self.files()
        for some, status in (((0, 7), 7), ((7, 3), 3), ((3, 7, 0), 3), ((7, 3, 1), 1), ((1, 3), 1), ((0, 1, 0), 1),
                             ((2, 0), 2), ((0, 2), 2), ((0, 0), 0)):
            for order in (some, tuple(reversed(some))):
                self.status(status, "run", *(files[one] for one in order))
                self.status(status, "test", *(files[one] for one in order))

    def test_the_first_of_several_traces(self):
        files = self.files()
        traces = {status: self.trace(f"trace{status}", files[status]) for status in (0, 1, 3, 7)}
        traces[6] = self.write("trace6", "not a trace")
        traces[4] = self.trace("trace4", files[0])
        subprocess.run([EDIT, traces[4], "event", "2"], check=True)
        for some, status in (((0, 6), 6), ((6, 7), 6), ((3, 6), 3), ((1, 6, 3), 1), ((4, 1), 4), ((4, 6, 7), 4)):
            for order in (some, tuple(reversed(some))):
                self.status(status, "replay", *(traces[one] for one in order))


LONG = "scenarios/pressure/kernel-build.yaml"


def children(process):
    try:
        with open(f"/proc/{process}/task/{process}/children", encoding="ascii") as file:
            return [int(child) for child in file.read().split()]
    except (FileNotFoundError, ProcessLookupError):
        return []


def gone(process):
    try:
        with open(f"/proc/{process}/stat", encoding="ascii") as file:
            return file.read().rpartition(")")[2].split()[0] in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return True


class Processes(Contract):
    """Who runs what, and what is left when one of them ends."""

    def start(self, *arguments, **settings):
        settings.setdefault("stdout", subprocess.PIPE)
        run = subprocess.Popen([COMMAND, *arguments], cwd=SOURCE, stderr=subprocess.PIPE, text=True, **settings)
        self.addCleanup(self.end, run)
        return run

    @staticmethod
    def end(run):
        run.kill()
        run.communicate()

    def family(self, run):
        """The command's processes: itself, the verb's, the run's; a single run has no process of the verb."""
        single = run.args[1] == "run" and "--seeds" not in run.args
        for _ in range(2000):
            verbs = [run.pid] if single else children(run.pid)
            workers = children(verbs[0]) if verbs else []
            if workers:
                return [run.pid, verbs[0], workers[0]]
            time.sleep(0.005)
        return self.fail("no worker was seen")

    def wait_gone(self, processes):
        for _ in range(1000):
            if all(map(gone, processes)):
                return
            time.sleep(0.01)
        self.fail(f"still there: {[process for process in processes if not gone(process)]}")

    def test_a_crash_is_a_verdict_and_costs_one_run(self):
        for arguments in (["run"], ["run", "--format", "json"], ["verify"], ["conformance"]):
            run = self.start(*arguments, LONG, "--seeds", "2", "--set", "title=crash")
            os.kill(self.family(run)[2], signal.SIGKILL)  # what no sanitizer catches
            output, error = run.communicate(timeout=100)
            self.assertEqual(run.returncode, 5, (arguments, output, error))
            if "json" in arguments:
                rows = [json.loads(line) for line in output.splitlines()]
                self.assertEqual([row["status"] for row in rows], [5, 0])
                self.assertRegex(rows[0]["reason"], "died of signal")
                self.assertRegex(rows[0]["command"], "--seed 1 --set 'title=crash'")
                continue
            text = output + error
            self.assertRegex(text, r"(?m)^  event \d+ at \S+: the run died of signal 9 \(.+\)$")
            self.assertRegex(text, rf"(?m)^  again: ballonet run {LONG} --seed 1 --set 'title=crash'$")
            self.assertRegex(text, rf"(?m)^FAIL {LONG[:-5]} seed=1 events=\d+ time=\S+ hash=0{{16}}$")
            if arguments == ["run"]:
                self.assertRegex(output, rf"(?m)^PASS {LONG[:-5]} seed=2 ")
            elif arguments == ["verify"]:
                self.assertRegex(output, rf"(?m)^SAME {LONG[:-5]} seed=2 ")
            else:
                self.assertRegex(output, "2 runs, 1 did not pass")

    def test_a_crash_leaves_the_beginning_of_the_trace(self):
        trace = os.path.join(self.folder.name, "trace")
        run = self.start("run", LONG, "--trace", trace)
        worker = self.family(run)[2]
        while not os.path.exists(trace + ".partial") or os.path.getsize(trace + ".partial") < 300000:
            self.assertIsNone(run.poll())
        os.kill(worker, signal.SIGKILL)
        error = run.communicate(timeout=100)[1]
        self.assertEqual(run.returncode, 5)
        self.assertIn(f"the trace up to the crash is {trace}.partial", error)
        self.assertEqual(os.listdir(self.folder.name), ["trace.partial"])
        done = self.status(0, "replay", trace + ".partial")
        events = re.search(r"(?m)^REPRODUCED .*: (\d+) events, \d+ choices; the recording has no end", done.stdout)
        self.assertEqual(int(events.group(1)) % 4096, 0)
        self.assertRegex(done.stdout, rf"(?m)^PASS {LONG[:-5]} ")

    def test_a_crash_is_a_row_of_the_suite(self):
        report = os.path.join(self.folder.name, "report.xml")
        with open(os.path.join(SOURCE, LONG), encoding="utf-8") as long:
            text = long.read().replace("file: ", f"file: {os.path.join(SOURCE, os.path.dirname(LONG))}/")
        self.write("a.yaml", text)
        self.write("b.yaml", SMALL % 1000)
        run = self.start("test", self.folder.name, "--junit", report)
        os.kill(self.family(run)[2], signal.SIGKILL)
        lines = run.communicate(timeout=100)[0].splitlines()
        self.assertEqual(run.returncode, 5)
        self.assertRegex(lines[2], "^#   event .*died of signal 9")
        self.assertRegex(lines[-3], "^not ok 1 - .*/a.yaml$")
        self.assertRegex(lines[-2], "^ok 2 - .*/b.yaml$")
        self.assertEqual(lines[-1], "# 1 passed, 1 failed")
        case = xml.etree.ElementTree.parse(report).getroot()[0]
        self.assertEqual(case.find("failure").get("type"), "5")
        self.assertIn("died of signal 9", case.find("failure").get("message"))

    def test_a_crash_of_the_verb_itself_is_told(self):
        run = self.start("run", LONG, "--seeds", "1000")
        family = self.family(run)
        os.kill(family[1], signal.SIGKILL)
        error = run.communicate(timeout=60)[1]
        self.assertEqual(run.returncode, 5)
        self.assertRegex(error, r"died of signal 9 .*BALLONET_NO_GUARD=1")
        self.wait_gone(family)

    def test_nothing_goes_on_when_the_command_is_ended(self):
        swing = "".join(f"  - {{at: {at}ms, every: 2ms, do: target, balloon: {at}MiB}}\n" for at in (1, 2))
        path = self.write("swing.yaml", (SMALL % 100000000).replace("for: 1s", "for: 20min").replace(
            "  - {at: 1ms, do: target, balloon: 2MiB}\n", swing))
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGKILL):
            trace = os.path.join(self.folder.name, "run.btrace")
            log = os.path.join(self.folder.name, "log")
            with open(log, "w", encoding="utf-8") as file:
                run = self.start("run", path, "--verbose", "--trace", trace, stdout=file)
            family = self.family(run)
            while not os.path.exists(trace + ".partial") or os.path.getsize(log) < 100000:
                self.assertIsNone(run.poll())
            os.kill(run.pid, number)
            self.assertEqual(run.wait(timeout=60), -number)
            self.wait_gone(family)
            self.assertEqual(sorted(os.listdir(self.folder.name)), ["log", "swing.yaml"], number)
            with open(log, "rb") as file:
                self.assertTrue(file.read().endswith(b"\n"), f"{number}: a line is cut")

    def test_verify_leaves_no_temporary_file(self):
        environment = dict(os.environ, TMPDIR=self.folder.name)
        for number in (signal.SIGTERM, None):
            run = self.start("verify", LONG, env=environment)
            family = self.family(run)
            while not os.listdir(self.folder.name):
                self.assertIsNone(run.poll())
            os.kill(run.pid if number else family[2], number or signal.SIGKILL)
            self.assertEqual(run.wait(timeout=60), -number if number else 5)
            self.assertEqual(os.listdir(self.folder.name), [])

    def test_the_folder_of_temporary_files_is_named_by_the_environment(self):
        for folder, reason in (("/nowhere", "No such file or directory"), ("/" + "n" * 2000, "File name too long")):
            done = self.status(6, "verify", GOOD, env=dict(os.environ, TMPDIR=folder))
            self.assertIn(reason, done.stderr)
        self.status(0, "verify", GOOD, env=dict(os.environ, TMPDIR=""))

    def test_a_file_that_may_not_grow(self):
        def small():
            resource.setrlimit(resource.RLIMIT_FSIZE, (65536, 65536))
        trace = os.path.join(self.folder.name, "trace")
        done = self.status(6, "run", LONG, "--trace", trace, preexec_fn=small)
        self.assertIn("File too large", done.stderr)
        self.assertEqual(os.listdir(self.folder.name), [])
        with open(os.path.join(self.folder.name, "log"), "w", encoding="utf-8") as file:
            done = ballonet("run", GOOD, LONG, "--verbose", stdout=file, preexec_fn=small)
        self.assertEqual(done.returncode, 6, done.stderr)
        self.assertIn("standard output", done.stderr)

    def test_without_the_guard(self):
        environment = dict(os.environ, BALLONET_NO_GUARD="1")
        for arguments in (["run", "scenarios/seed"], ["test", "scenarios/seed"], ["verify", GOOD]):
            self.assertEqual(self.status(0, *arguments, env=environment).stdout, self.status(0, *arguments).stdout)


class Mistakes(Contract):
    def test_twenty_mistakes_are_twenty_messages(self):
        path = "tests/invalid/twenty-mistakes.yaml"
        places = set()
        for line in self.status(2, "check", path).stderr.splitlines():
            match = LOCATED.match(line)
            if match:
                self.assertEqual(match.group(1), path)
                places.add(match.groups())
        self.assertGreaterEqual(len(places), 20)
        self.assertGreaterEqual(len({place[1] for place in places}), 15)
        self.assertEqual(self.status(2, "run", path).stdout, "")

    def test_schema(self):
        schema = json.loads(self.status(0, "schema").stdout)
        self.assertIn("$schema", schema)
        self.assertLessEqual({"schema", "title", "vms", "script", "expect", "swarm", "limits"},
                             set(schema["properties"]))


class Output(Contract):
    def test_a_full_disk(self):
        if not os.path.exists("/dev/full"):
            self.skipTest("no /dev/full")
        for arguments in (["run", GOOD], ["run", "scenarios/seed", "--format", "json"], ["check", GOOD], ["schema"],
                          ["doctor"], ["test", "scenarios/faults"], ["verify", GOOD], ["--help"], ["run", "--help"],
                          ["--version"]):
            with open("/dev/full", "w", encoding="utf-8") as full:
                done = ballonet(*arguments, stdout=full)
            self.assertNotEqual(done.returncode, 0, arguments)
            self.assertIn("standard output", done.stderr, arguments)
        with open("/dev/full", "w", encoding="utf-8") as full:
            self.assertEqual(ballonet("run", FAILS, stdout=full).returncode, 1)

    def test_closed_output(self):
        for arguments in (["run", GOOD], ["check", GOOD], ["schema"], ["verify", GOOD]):
            done = in_shell(">&-", *arguments)
            self.assertEqual(done.returncode, 6, (arguments, done.stderr))
            self.assertIn("standard output", done.stderr, arguments)

    def test_closed_output_does_not_end_in_a_trace(self):
        trace = os.path.join(self.folder.name, "trace")
        self.assertEqual(in_shell(">&-", "run", "scenarios/seed/reset-idle.yaml", "--verbose", "--trace",
                                  trace).returncode, 6)
        self.status(0, "replay", trace)
        in_shell("2>&-", "run", GOOD, "--trace", trace)
        self.status(0, "replay", trace)

    def test_closed_input_and_errors(self):
        self.assertEqual(in_shell("<&-", "run", GOOD).returncode, 0)
        self.assertEqual(in_shell("2>&-", "run", "none.yaml").returncode, 2)


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[4:]])
