#!/usr/bin/env python3
"""Writes the tables of docs/service-reference.md and its Korean twin, and demo/serve.yaml.

    tools/service_reference.py            says whether they are those of the program (build/release/hone, or $HONE)
    tools/service_reference.py --write    brings them up to date

What the program says of itself is the source: its settings (hone serve --print-config). A sentence of the Korean page
stays as long as its row does; a row that is new stands there in English until somebody translates it.
"""
import argparse
import os
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]
HONE = os.environ.get("HONE", ROOT / "build/release/hone")
PAGES = ("docs/service-reference.md", "docs/service-reference.ko.md")
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


def with_table(page, name, head, rows, korean):
    old = old_meanings(page, name) if korean else {}
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
        wanted[path] = with_table(page, "settings", head, settings_rows(), korean)
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
