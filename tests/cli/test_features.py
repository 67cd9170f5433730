"""docs/features.md promises only what a test of this tree shows."""
import ast
import functools
import pathlib
import re

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BEGUN = {"D1", "D2", "D3", "D8", "M1", "M2", "M3", "M4", "T1", "T2", "T7", "T8", "T10", "E1", "E2", "E5", "U1", "U2"}


def rows():
    found = []
    for line in (ROOT / "docs/features.md").read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("|") and re.fullmatch(r"[A-Z]\d+", cells[0]):
            found.append(cells)
    return found


@functools.cache
def names_in(path):
    """Names of the tests of a file: test_x of pytest, Suite.Case of GoogleTest."""
    text = (ROOT / path).read_text(encoding="utf-8")
    if path.endswith(".py"):
        return {node.name for node in ast.walk(ast.parse(text)) if isinstance(node, ast.FunctionDef)}
    return {f"{suite}.{case}" for suite, case in re.findall(r"^TEST(?:_[FP])?\(\s*(\w+),\s*(\w+)\)", text, re.M)}


def test_every_feature_that_has_begun_has_one_row():
    ids = [row[0] for row in rows()]
    assert len(ids) == len(set(ids)) and BEGUN <= set(ids)


@pytest.mark.parametrize("row", rows(), ids=lambda row: row[0])
def test_the_tests_of_a_row_exist_and_run(row):
    assert len(row) == 4 and all(row), row
    named = re.findall(r"`(\S+?)::(\S+?)`", row[3])
    assert named and row[3] == " ".join(f"`{path}::{name}`" for path, name in named)
    for path, name in named:
        assert name.startswith("test_") or path.endswith(".cpp"), name
        assert (ROOT / path).is_file(), path
        assert name in names_in(path), f"{path} has no {name}"
        # Where ctest looks for tests: tests/CMakeLists.txt.
        assert re.fullmatch(r"tests/((parity|cli|e2e)/test_\w+\.py|\w+/(\w+/)*\w+_test\.cpp)", path), path


@pytest.mark.parametrize("page", ["docs/security.md", "docs/security.ko.md"])
def test_every_line_of_the_security_page_is_shown_by_a_test(page):
    lines = [line for line in (ROOT / page).read_text(encoding="utf-8").splitlines() if line.startswith("|") and "::" in line]
    assert len(lines) > 30
    for line in lines:
        for path, name in re.findall(r"`(tests/\S+?)::(\S+?)`", line.strip("|").split("|")[-1]):
            assert name in names_in(path), f"{path} has no {name}"
    rows = [line for line in (ROOT / page).read_text(encoding="utf-8").splitlines() if re.match(r"\| (?!expectation|기대)", line)]
    assert rows == lines, "a line without a test"
