#!/usr/bin/env python3
"""Every pair of capability sets on VMware's wire: pairs.py BALLONET SOURCE

Runs scenarios/vmware/capabilities.yaml with each set that a driver can ask for and each that a host
can offer; what they agree on is what both have, and the balloon works by it. BASIC is what every
driver asks for: one that does not has no way to lock a page when batches are not agreed. A host
cannot offer 2 MiB without batches: those sets are errors. Bits without a name are shown by
tests/unit/host/test_host_vmware.c.
"""
import itertools
import subprocess
import sys

NAMES = ["basic", "batched", "batched-2m", "signalled-wakeup", "64-bit-target"]
BITS = {name: 2 << i for i, name in enumerate(NAMES)}


def sets():
    for count in range(1, len(NAMES) + 1):
        yield from itertools.combinations(NAMES, count)


def run(command, driver, device):
    common = sum(BITS[name] for name in set(driver) & set(device) | {"basic"})
    done = subprocess.run(
        [command, "run", "--quiet", "scenarios/vmware/capabilities.yaml",
         "--set", f"vms.0.driver.vmware_capabilities=[{', '.join(driver)}]",
         "--set", f"vms.0.device.vmware_capabilities=[{', '.join(device)}]",
         "--set", f"expect.0.finally=capabilities == {common}"],
        capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def main(command):
    pairs = refused = failures = 0
    drivers = [names for names in sets() if "basic" in names]
    for driver, device in itertools.product(drivers, sets()):
        impossible = "batched-2m" in device and "batched" not in device
        status, output = run(command, driver, device)
        pairs += 1
        refused += impossible
        if status != (2 if impossible else 0):
            failures += 1
            print(f"driver {driver}, device {device}: status {status}\n{output}")
    print(f"{pairs} pairs, {refused} of them errors, {failures} failed")
    return failures > 0 or pairs != 16 * 31


if __name__ == "__main__":
    import os
    os.chdir(sys.argv[2])
    sys.exit(main(os.path.abspath(sys.argv[1]) if os.sep in sys.argv[1] else sys.argv[1]))
