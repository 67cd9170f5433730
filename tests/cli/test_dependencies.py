"""docs/dependencies.md says why for exactly what tools/requirements/ installs and the build looks for."""
import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parents[2]
REQUIREMENTS = ROOT / "tools/requirements"
PAGE = (ROOT / "docs/dependencies.md").read_text(encoding="utf-8")


def tables():
    """Each table of the page as a list of rows, a row as column name -> cell."""
    found, header = [], None
    for line in PAGE.splitlines():
        if not line.startswith("|"):
            header = None
            continue
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if header is None:
            header = cells
            found.append([])
        elif not set("".join(cells)) <= set("-: "):
            found[-1].append(dict(zip(header, cells, strict=True)))
    return found


def entries(path):
    lines = path.read_text(encoding="utf-8").splitlines()
    return [line.strip() for line in lines if line.strip() and not line.startswith("#")]


def quoted(cell):
    return re.findall(r"`([^`]+)`", cell)


def test_every_distribution_package_has_its_reason_and_the_other_way_round():
    documented = [name for table in tables() for row in table if "PyPI" not in row["package"]
                  for name in quoted(row["package"])]
    installed = entries(REQUIREMENTS / "packages.txt")
    assert len(installed) == len(set(installed)) and len(documented) == len(set(documented))
    assert sorted(documented) == sorted(installed)


def test_no_row_is_without_a_reason():
    rows = [row for table in tables() for row in table]
    assert len(rows) > 10
    for row in rows:
        assert all(row.values()), row
        assert len(list(row.values())[-1]) > 10, row
    assert all(re.fullmatch(r"\d+(\.\d+)*", row["version"]) for row in rows if "version" in row)


def test_the_torch_wheel_is_the_one_that_is_documented():
    row = next(row for table in tables() for row in table if row["what"] == "libtorch")
    pins = dict(entry.split("==") for entry in entries(REQUIREMENTS / "engine.txt"))
    assert set(pins) == set(quoted(row["package"]))
    assert row["version"] == pins["torch"]
    # The references must be computed by the library that is linked.
    assert f"torch=={pins['torch']}" in entries(REQUIREMENTS / "oracles.txt")


def test_what_cmake_looks_for_is_documented():
    listed = "\n".join(path.read_text(encoding="utf-8") for path in
                       [ROOT / "CMakeLists.txt", *ROOT.glob("cmake/*.cmake"), *ROOT.glob("src/**/CMakeLists.txt"),
                        *ROOT.glob("tests/**/CMakeLists.txt")])
    wanted = re.findall(r"find_package\((\w+)", listed)
    for modules in re.findall(r"pkg_(?:check|search)_module\(([^)]*)\)", listed):
        wanted += [word for word in modules.split()[1:] if word.islower()]
    known = re.sub(r"[^a-z0-9]", "", PAGE.lower())
    assert len(wanted) > 3
    for name in wanted:
        plain = re.sub(r"[^a-z0-9]|^lib|\d+$", "", name.lower().replace("gtest", "googletest"))
        # Threads are the C library's, and not a package of their own.
        assert plain == "threads" or plain in known, name
