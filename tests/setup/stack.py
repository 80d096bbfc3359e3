#!/usr/bin/env python3
"""The stack that the public calls of a library reach stays below its documented bound: stack.py ROOT CC

Compiles the libraries with GCC's call graph (-fcallgraph-info=su) and adds the frames up along the deepest chain of calls
from each public function. A call through a pointer leads to the functions listed for its caller below, or to the embedder's
callbacks, whose stack is the embedder's. Exits 77 where the compiler has no call graph.
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

# Calls through pointers inside a library: who calls, and which functions as FILE:NAME are reached. An OS may call
# bnt_guest_handle_oom from inside the callbacks that allocate.
POINTERS = {
    "run_live_step|bnti_guest_run_full_step": r":(poll_wire|bnti_guest_(take_used|poll_queue_resets|settle_doubt|continue_release|oom_continue|size_balloon|features_step|handle_overdue_requests|take_remaining_used))$",
    "poll_wire|run_live_step|bnti_guest_run_full_step": r":bnti_(virtio_poll_config|vmware_poll_tick)$",
    "bnti_guest_run_full_step|bnti_guest_continue_recovery|bnt_guest_attach": r":bnti_(virtio|vmware)_(poll_start|begin_session)$|:bnti_virtio_begin_reset$",
    "bnti_guest_stop_instance|bnti_guest_poll_stop|begin_detach_or_unplug|bnt_guest_(detach|unplugged)": r":bnti_(virtio|vmware)_(must_detach_wait|begin_detach)$|:bnti_virtio_begin_reset$",
    "bnti_guest_take_(remaining_)?used": r":bnti_(virtio|vmware)_take_used$",
    "bnti_guest_apply_ready_answer": r":bnti_vmware_apply_stored_answer$",
    "bnti_guest_continue_release": r":bnti_(virtio|vmware)_end_release$",
    "bnti_guest_submit_request": r":bnti_(virtio|vmware)_submit_request$",
    "bnti_vmware_apply_stored_answer|(complete|handle_overdue)_request|(dispatch|take)_used_buffer|bnti_guest_handle_overdue_requests|release_slot_pages|repeat_deflate|bnti_guest_(mark_queue_doubtful|settle_doubt)": r":bnti_guest_handle_answer$",
    "bnti_guest_handle_answer": r":bnti_(virtio|vmware)_check_answer$",
    "(dispatch|take)_used_buffer": r":(handle_used_(stats|hint|ws_buffer)|handle_used_report_buffer)$",
    "(complete|poll)_queue_reset|bnti_guest_poll_queue_resets|bnt_guest_queue_reset": r":(bnti_guest_mark_queue_outcomes_unknown|restart_stats|restart_reporting)$",
    "bnti_guest_run_features_step": r":run_(report|hint|stats)_step$",
    "bnti_guest_features_(write_config|prepare|start|kick|read_config)": r":(write_poison_value|add_first_stats_buffer|start_(reporting|working_set|huge_pages)|kick_stats_queue|read_hint_command)$",
    "bnti_guest_features_(shrink|give_back)": r":bnti_guest_(shrink|give_back)_hints$",
    "bnti_guest_features_(deadline|release|clear|resume|fill_info|count_pfns)": r":((report|hint|stats)_deadline|clear_(report|hint|stats)_state|abort_report|shift_report_deadlines|(report|hint)_fill_info|count_hinted_pfns)$",
    "bnti_guest_(are_)?features_(limit_wanted|init|valid|have_ops|.*bytes)|(get_rounded_state|get_dma)_bytes": r":(init_hint_state|are_(report|hint|stats)_ops_present|(report|hint|stats|ws)_(state|dma)_bytes|is_(report|hint)_config_valid|is_(device_init|poison|ws)_wanted|are_huge_pages_wanted|has_stats_to_send)$",
    "bnti_guest_write_actual": r":bnti_(virtio|vmware)_write_actual$",
    "bnti_guest_.*|bnt_guest_.*|[a-z_]+": r":bnti_(virtio|vmware)_(request_pages_max|pfn_max|spend_budget|has_huge_pages|serves_oom)$",
    "bnt_vq_drv_.*|read_used_entry|open_used_batch": r"(split|packed)_driver.c:",
    "bnt_vq_dev_.*|return_in_flight|return_completed_in_order|push_tracked_buffer": r"(split|packed)_device.c:",
    "serve_buffer|bnti_host_((read|write)_chain|push_buffer|flush_queue|serve_queue)": r"host-rings.c:rings_",
    "serve_buffer|run_job|bnti_host_serve_queue":
        r"host-host_.*:(begin_(request|hint_buffer|report)|serve_(request|hint|report)_unit|serve_stats_buffer|store_command_buffer|store_ws_report)$",
    "restore_job_judge|is_job_valid|bnti_host_save_or_load_job": r":(restore_request_judge|is_request_valid|bnti_host_job_are_segments_valid)$",
    "reset_queue|try_reset_queue|bnt_host_queue_(reset|disable)": r":reset_(stats|command)_queue$",
    "pack_held_buffers|pack_state": r":holds_(stats|command)_buffer$",
    "pack_state|bnt_host_(state_size|save|load)": r"host-.*:(pack_(identity|status|registers|counters|held_buffers)|bnti_host_\w+_pack)$",
    "bnti_host_save_or_load_features": r"host-host_.*:pack_(stats|hint_state|ws_state)$",
    "bnti_host_init_features": r"host-host_.*:init_stats_timer$",
    "bnti_host_features_clear": r"host-host_.*:(clear_poison|end_(stats|ws|hint)_session)$",
    "bnti_host_resume_features": r"host-host_.*:resume_stats$",
    "bnti_host_features_deadline": r"host-host_.*:stats_poll_deadline$",
    "bnti_host_features_fill_info": r"host-host_.*:fill_hint_info$",
    "bnti_host_features_config_(read|write)": r"host-host_.*:(read|write)_(poison|ws|hint)_config$",
    "bnti_host_validate_config|are_config_\w+": r"host-host_.*:is_\w+_valid$",
    "(bnti_host_|bnt_host_)(target|backing|page|info|config)_\w+|bnti_host_(reset_balloon|acknowledge_epoch|resume_reset|validate_config|backing_discard)|advance_epoch|begin_\w+|apply_target|is_page_discardable|bnt_host_(init|reset)|pack_registers|fill_host":
        r"host-host_(virtio|vmware).c:((is|does|check|announce|fill|virtio|vmware)_\w+|ring_doorbell)$",
    "allocate_pages|allocate_huge_pages|run_sizing_step|bnti_guest_adjust_balloon_size|bnti_guest_inflate_huge_pages|bnti_guest_start_sleeping_alloc": r":bnt_guest_(oom|shrink)$",
}

# What tells the two wires apart: no chain of calls is on both.
WIRES = (("bnti_virtio_", "pop_used_buffer"), ("bnti_vmware_",))


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
                self.place[title] = label.split("\\n")[1].split(":")[0] + ":" + self.name[title]
        for source, target in re.findall(r'edge: \{ sourcename: "([^"]*)" targetname: "([^"]*)"', text):
            if target == "__indirect_call":
                self.indirect.add(source)
            else:
                self.calls.setdefault(source, set()).add(target)

    def link(self):
        for source in self.indirect:
            for caller, callee in POINTERS.items():
                if re.fullmatch(caller, self.name.get(source, "")):
                    targets = {t for t, place in self.place.items() if re.search(callee, place)}
                    self.calls.setdefault(source, set()).update(targets)

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
    with tempfile.TemporaryDirectory() as work:
        for room in LIBRARIES[library]:
            for source in sorted((root / "lib" / room).rglob("*.c")):
                text = source.read_text()
                if changed and source.name == changed[0] and room == library:
                    text = changed[1](text)
                copy = pathlib.Path(work) / f"{room}-{source.name}"
                copy.write_text(text)
                command = [compiler, *FLAGS, optimisation, "-fcallgraph-info=su", f"-I{root}", f"-I{root}/lib/include",
                           f"-I{source.parent}", "-c", str(copy), "-o", str(copy.with_suffix(".o"))]
                if subprocess.run(command, cwd=work, check=False).returncode != 0:
                    raise SystemExit(f"{source} does not build")
                graph.read(copy.with_suffix(".ci").read_text())
    graph.link()
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
