#!/usr/bin/env python3
"""The JSON Schema takes every good scenario and refuses every broken one that it can tell.

usage: test_scenario_schema.py SCENARIO_TABLES SOURCE_DIR

Broken files whose mistake no schema can see (places, bounds of sizes, keys against each other) are
listed in tests/invalid/beyond-the-schema.txt; those must pass the schema, so that the list is true.
Exit status 77: a Python module is missing, nothing was tested.
"""
import glob
import json
import os
import re
import subprocess
import sys

try:
    import jsonschema
    import yaml
except ImportError as missing:
    print(f"skipped: {missing} (Debian: python3-jsonschema python3-yaml)")
    sys.exit(77)


class Loader(yaml.SafeLoader):
    """YAML as editors resolve it (1.2 core): `on`, `yes` and 1:30 are text."""


Loader.yaml_implicit_resolvers = {}
for tag, pattern, first in (
    ("bool", r"^(true|false)$", "tf"),
    ("int", r"^(-?(0|[1-9][0-9]*)|0x[0-9a-fA-F]+)$", "-0123456789"),
    ("float", r"^-?[0-9]+\.[0-9]+$", "-0123456789"),
    ("null", r"^(~|null|)$", ["~", "n", ""]),
):
    Loader.add_implicit_resolver("tag:yaml.org,2002:" + tag, re.compile(pattern), list(first))


def main(tables, source):
    schema = json.loads(subprocess.check_output([tables, "schema"]))
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    failed = 0

    def load(path):
        with open(path, "rb") as file:
            return yaml.load(file, Loader)

    good = glob.glob(source + "/scenarios/**/*.yaml", recursive=True)
    good += glob.glob(source + "/tests/valid/*.yaml")
    for path in sorted(good):
        for error in validator.iter_errors(load(path)):
            print(f"{path}: refused by the schema: {error.json_path}: {error.message[:200]}")
            failed += 1

    with open(source + "/tests/invalid/beyond-the-schema.txt", encoding="utf-8") as file:
        beyond = {line.split()[0] for line in file if line.strip() and line[0] != "#"}
    told = 0
    for path in sorted(glob.glob(source + "/tests/invalid/*.yaml")):
        name = os.path.basename(path)[: -len(".yaml")]
        try:
            document = load(path)
        except Exception:
            continue  # not YAML for this parser either
        valid = validator.is_valid(document)
        told += not valid
        if valid != (name in beyond):
            print(f"{path}: the schema {'takes' if valid else 'refuses'} it, see beyond-the-schema.txt")
            failed += 1
    print(f"{len(good)} good files, {told} broken ones that the schema tells, {failed} failures")
    return 1 if failed or not good or not told else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2]))
