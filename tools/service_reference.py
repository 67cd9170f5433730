#!/usr/bin/env python3
"""Writes the tables of docs/service-reference.md and its Korean twin, and demo/serve.yaml.

    build/python-oracles/bin/python tools/service_reference.py            says whether they are those of the program ($HONE, or
                                                                          build/release/hone)
    build/python-oracles/bin/python tools/service_reference.py --write    brings them up to date

Sources are what the program says of its settings (hone serve --print-config), OpenAI's contract for endpoints and parameters
(tests/clients/openai-subset.yaml), and tools/service_parameters.json for what of it is ignored or refused. A sentence of the
Korean page stays as long as its row does; a row that is new stands there in English until somebody translates it.
"""
import argparse
import functools
import json
import os
import pathlib
import re
import subprocess
import sys

import yaml

ROOT = pathlib.Path(__file__).resolve().parents[1]
HONE = os.environ.get("HONE", ROOT / "build/release/hone")
PAGES = ("docs/service-reference.md", "docs/service-reference.ko.md")
CONTRACT = ROOT / "tests/clients/openai-subset.yaml"
EXAMPLE = "demo/serve.yaml"
EXAMPLE_HEAD = """\
# Every setting of `hone serve`, as it is when nothing is said; what stands here but for model and names can be left out.
#   hone serve --config demo/serve.yaml
#   hone serve --config demo/serve.yaml --port 9000        # the command line wins
"""
EXAMPLE_OPTIONS = ("--model", "demo/base", "--served-model-name", "gpt-4o-mini-2024-07-18", "--alias", "my-bot=latest:customer-support")


def print_config(*options):
    environment = {name: value for name, value in os.environ.items() if not name.startswith("HONE_API")}
    return subprocess.run([HONE, "serve", "--print-config", *options], check=True, capture_output=True, text=True, env=environment).stdout


def contract():
    return yaml.load(CONTRACT.read_text(encoding="utf-8"), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))


def parameters_of(schema, document):
    """Names of an object's members, through $ref and what schemas are put together from."""
    while "$ref" in schema:
        schema = functools.reduce(lambda at, key: at[key], schema["$ref"][2:].split("/"), document)
    names = list(schema.get("properties", {}))
    for part in [part for word in ("allOf", "oneOf", "anyOf") for part in schema.get(word, [])]:
        names += [name for name in parameters_of(part, document) if name not in names]
    return names


def endpoints():
    """{"POST /files": [parameter, ...]}, those of path, query and body, in the order of the contract."""
    document, found = contract(), {}
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            bodies = operation.get("requestBody", {}).get("content", {}).values()
            found[f"{method.upper()} {path}"] = [parameter["name"] for parameter in operation.get("parameters", [])] + [
                name for body in bodies for name in parameters_of(body["schema"], document)]
    return found


def exceptions():
    """{"POST /files": {parameter: [what becomes of it, note, note in Korean]}}; a name that the contract does not have is an error."""
    told = json.loads((ROOT / "tools/service_parameters.json").read_text(encoding="utf-8"))
    del told["about"]
    known = endpoints()
    for endpoint, parameters in told.items():
        for name, (kind, *_) in parameters.items():
            if name not in known.get(endpoint, ()) or kind not in ("ignored", "refused", "partly"):
                sys.exit(f"tools/service_parameters.json: {endpoint} {name}: not in the contract, or {kind} is unknown")
    return told


def endpoint_rows(korean):
    told = exceptions()
    for endpoint, parameters in endpoints().items():
        method, path = endpoint.split(" ")
        other = told.get(endpoint, {})
        ignored = [f"`{name}`" for name in parameters if other.get(name, [""])[0] == "ignored"]
        rest = [f"`{name}`: " + (("거절" if korean else "refused") if other[name][0] == "refused" else other[name][2 if korean else 1])
                for name in parameters if other.get(name, ["ignored"])[0] != "ignored"]
        yield [f"`{method} /v1{path}`", ", ".join(f"`{name}`" for name in parameters if name not in other), ", ".join(ignored), "; ".join(rest)]


def settings():
    """[(key, default, meaning)]"""
    return [(key, value, meaning) for meaning, key, value in re.findall(r"^# (.*)\n(\w+): (.*)$", print_config(), re.M)]


def settings_rows():
    for key, value, meaning in settings():
        yield [f"`{key}`", f"`{value}`", meaning.replace("|", "\\|")]


def old_meanings(page, name):
    """First cell -> last cell of the table `name` of a page."""
    match = re.search(rf"<!-- {name} -->\n(.*?)<!-- end -->", page, re.S)
    rows = [re.split(r"(?<!\\)\|", line.strip()[1:-1]) for line in match[1].splitlines() if line.startswith("|")]
    return {row[0].strip(): row[-1].strip() for row in rows}


def with_table(page, name, head, rows, keep=False):
    """`keep`: the last cell of a row that is there already stays."""
    old = old_meanings(page, name) if keep else {}
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    lines += ["| " + " | ".join([*row[:-1], old.get(row[0], row[-1])]) + " |" for row in rows]
    table = "".join(line + "\n" for line in lines)
    return re.sub(rf"(<!-- {name} -->\n).*?(<!-- end -->)", lambda match: match[1] + table + match[2], page, flags=re.S)


def pages():
    """Path -> what the file should be."""
    wanted = {EXAMPLE: EXAMPLE_HEAD + print_config(*EXAMPLE_OPTIONS)}
    for path in PAGES:
        korean = path.endswith(".ko.md")
        head = ("키", "기본값", "뜻") if korean else ("key", "default", "meaning")
        page = (ROOT / path).read_text(encoding="utf-8")
        page = with_table(page, "settings", head, settings_rows(), keep=korean)
        head = ("엔드포인트", "지원", "무시", "일부만, 또는 거절") if korean else ("endpoint", "supported", "ignored", "in part, or refused")
        wanted[path] = with_table(page, "endpoints", head, endpoint_rows(korean))
    return wanted


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--write", action="store_true")
    write = parser.parse_args().write
    behind = 0
    for path, text in pages().items():
        file = ROOT / path
        if file.exists() and file.read_text(encoding="utf-8") == text:
            continue
        behind += 1
        if write:
            file.write_text(text, encoding="utf-8")
        print(f"{path}: {'written' if write else 'is behind; tools/service_reference.py --write mends it'}")
    return 0 if write else min(behind, 1)


if __name__ == "__main__":
    sys.exit(main())
