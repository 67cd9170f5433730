"""The program as a shell meets it: help, version, mistakes, exit codes, and how fast it starts."""
import json
import os
import pathlib
import re
import statistics
import subprocess
import time

import pytest

HONE = os.environ["HONE"]


def hone(*arguments, **options):
    return subprocess.run([HONE, *arguments], capture_output=True, text=True, timeout=120, **options)


def commands():
    """Name -> "PLAIN" or "ENGINE", out of the list that the program itself is built from."""
    source = pathlib.Path(__file__).parents[2] / "src/cli/commands.def"
    return {name: kind for kind, name in re.findall(r"^(PLAIN|ENGINE)_COMMAND\((\w+),", source.read_text(), re.M)}


def test_help_lists_every_command():
    result = hone("--help")
    assert result.returncode == 0 and result.stderr == ""
    for name in commands():
        assert re.search(rf"^\s+{name}\s+\S", result.stdout, re.M), name
    assert "Exit codes" in result.stdout


def test_version():
    result = hone("--version")
    assert result.returncode == 0
    assert re.fullmatch(r"\d+\.\d+\.\d+\n", result.stdout)


def test_no_command_is_a_wrong_input():
    result = hone()
    assert result.returncode == 2
    assert result.stderr.startswith("error: ") and "--help" in result.stderr and result.stdout == ""


@pytest.mark.parametrize("word, meant", [("scroe", "score"), ("scor", "score")])
def test_a_misspelt_command_is_suggested(word, meant):
    result = hone(word)
    assert result.returncode == 2
    assert f'unknown command "{word}"; did you mean "{meant}"?' in result.stderr


def test_an_unknown_command_lists_the_known_ones():
    result = hone("zzzzzz")
    assert result.returncode == 2
    assert "did you mean" not in result.stderr
    for name in commands():
        assert name in result.stderr


def test_a_korean_command_is_shown_as_it_was_written():
    result = hone("채점")
    assert result.returncode == 2 and 'unknown command "채점"' in result.stderr


@pytest.mark.parametrize("name", sorted(commands()))
def test_every_command_has_help(name):
    result = hone(name, "--help")
    assert result.returncode == 0, result.stderr
    assert result.stderr == "" and f"hone {name}" in result.stdout


@pytest.mark.parametrize("name", sorted(commands()))
def test_an_unknown_option_is_a_wrong_input(name):
    result = hone(name, "--no-such-option-anywhere")
    assert result.returncode == 2, result.stdout
    assert "error: hone" in result.stderr and "fix: " in result.stderr


def test_errors_are_json_too_when_asked():
    result = hone("score", "--predictions", "/no/such/predictions.txt", "--references", "/no/such/references.txt", "--json")
    assert result.returncode == 2
    error = json.loads(result.stdout)["error"]
    assert error["kind"] == "input" and "/no/such/" in error["place"] and error["message"]
    assert result.stderr.startswith("error: ")


def test_without_json_standard_output_stays_empty_on_errors():
    result = hone("score", "--predictions", "/no/such/file", "--references", "/no/such/file")
    assert result.returncode == 2 and result.stdout == "" and "/no/such/file" in result.stderr


def test_plain_commands_never_load_libtorch():
    environment = {**os.environ, "LD_DEBUG": "libs"}
    for name, kind in commands().items():
        if kind != "PLAIN":
            continue
        loaded = hone(name, "--help", env=environment).stderr
        assert "libstdc++" in loaded, "LD_DEBUG tells nothing here"
        assert "libtorch" not in loaded and "libc10" not in loaded, name


def test_a_plain_command_starts_in_fifty_milliseconds():
    seconds = []
    for _ in range(15):
        begin = time.perf_counter()
        assert hone("score", "--help").returncode == 0
        seconds.append(time.perf_counter() - begin)
    # The fastest is what the program needs; the others also tell of what else the machine is doing.
    assert min(seconds) < 0.050, f"min {min(seconds):.3f} s, median {statistics.median(seconds):.3f} s"
