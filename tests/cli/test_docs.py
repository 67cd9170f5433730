"""The pages that users read: each in English and Korean, with the same commands, and true of this tree."""
import functools
import os
import pathlib
import re
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
HONE = os.environ["HONE"]
FOR_DEVELOPERS = {"docs/features.md", "docs/dependencies.md", "CONTRIBUTING.md", "CHANGELOG.md"}
ENGLISH = ["README.md", *sorted(str(path.relative_to(ROOT)) for path in ROOT.glob("docs/*.md")
                                if not path.name.endswith(".ko.md") and str(path.relative_to(ROOT)) not in FOR_DEVELOPERS)]
USER_PAGES = ENGLISH + [page.replace(".md", ".ko.md") for page in ENGLISH]


@functools.cache
def read(page):
    return (ROOT / page).read_text(encoding="utf-8")


def twin(page):
    return page.replace(".md", ".ko.md")


@functools.cache
def parts(page):
    """(prose lines, code blocks): fenced blocks with their language, indented ones with ""."""
    prose, blocks, fence, previous = [], [], None, ""
    for line in read(page).splitlines():
        if fence is not None:
            if line.startswith("```"):
                blocks.append((fence[0], "\n".join(fence[1:])))
                fence = None
            else:
                fence.append(line)
        elif line.startswith("```"):
            fence = [line[3:].strip()]
        elif line.startswith("    ") and (previous == "" or previous.startswith("    ")):
            if previous.startswith("    "):
                blocks[-1] = ("", blocks[-1][1] + "\n" + line[4:])
            else:
                blocks.append(("", line[4:]))
        else:
            prose.append(line)
        previous = line
    assert fence is None, f"{page}: a code block is not closed"
    return prose, blocks


def headings(page):
    return [len(match[1]) for line in parts(page)[0] if (match := re.match(r"(#+) ", line))]


def commands(page):
    """Every call of hone in code blocks, each part of a pipe its own, continuation lines joined, comments left out."""
    found = []
    for language, block in parts(page)[1]:
        if language in ("", "sh"):
            for line in re.sub(r"\\\n\s*", "", block).splitlines():
                line = re.sub(r"\s+#.*", "", line)
                found += [re.sub(r" +", " ", call.strip()) for call in re.findall(r"(?:^|(?<=\|)) *(hone [a-z][^|]*)", line)]
    return found


def rows(page):
    """The cells of each table row, header and rule included."""
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip()[1:-1])]
            for line in parts(page)[0] if line.lstrip().startswith("|")]


def spans(page):
    """What stands in backticks in the prose."""
    return re.findall(r"`([^`]+)`", "\n".join(parts(page)[0]))


# Two languages, one content


def test_every_user_page_has_its_twin():
    korean = {str(path.relative_to(ROOT)) for path in [*ROOT.glob("*.ko.md"), *ROOT.glob("docs/*.ko.md")]}
    assert korean == {twin(page) for page in ENGLISH}


@pytest.mark.parametrize("page", ENGLISH)
def test_twins_link_each_other_at_the_top(page):
    for here, there in ((page, twin(page)), (twin(page), page)):
        assert f"]({pathlib.Path(there).name})" in "\n".join(read(here).splitlines()[:8]), here


@pytest.mark.parametrize("page", ENGLISH)
def test_twins_have_the_same_headings(page):
    assert headings(page) == headings(twin(page))


@pytest.mark.parametrize("page", ENGLISH)
def test_twins_show_the_same_commands(page):
    def plain(command):
        return re.sub(r'"[^"]*"', '"…"', command)  # a prompt may be in the reader's language

    assert [plain(c) for c in commands(page)] == [plain(c) for c in commands(twin(page))]


@pytest.mark.parametrize("page", ENGLISH)
def test_twins_have_the_same_tables(page):
    """As many rows in the same order; names in the first column are the same."""
    def names(of):
        return [re.findall(r"`([^`]*[a-z][^`]*)`", row[0]) for row in rows(of)]

    mine, other = names(page), names(twin(page))
    assert len(mine) == len(other)
    for english, korean in zip(mine, other, strict=True):
        if all(name.isascii() for name in english + korean):
            assert sorted(english) == sorted(korean)


@pytest.mark.parametrize("page", ENGLISH)
def test_korean_pages_link_korean_pages(page):
    """Where a page has a Korean form, its readers are sent there; the line at the top alone leads to the English one."""
    below = [line for line in read(twin(page)).splitlines() if not re.match(r"\*?\[?English", line)]
    linked = {os.path.normpath(os.path.join(os.path.dirname(page), target)) for target in
              re.findall(r"\]\(([^)#]+\.md)[^)]*\)", "\n".join(below))}
    assert not linked & set(ENGLISH)


# Links, files, names


def slug(heading):
    text = re.sub(r"[^\w\- ]", "", heading.strip().lower())
    return text.replace(" ", "-")


@pytest.mark.parametrize("page", [*USER_PAGES, *sorted(FOR_DEVELOPERS)])
def test_relative_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)\s]+)\)", "\n".join(parts(page)[0])):
        if target.startswith(("http://", "https://")):
            continue
        path, _, anchor = target.partition("#")
        file = (ROOT / page).parent / path if path else ROOT / page
        assert file.exists(), target
        if anchor:
            lines = parts(str(file.resolve().relative_to(ROOT)))[0]
            assert anchor in [slug(line.lstrip("# ")) for line in lines if line.startswith("#")], target


@pytest.mark.parametrize("page", [*USER_PAGES, "CONTRIBUTING.md"])
def test_files_that_are_named_exist(page):
    for span in spans(page) + [line.split("//")[-1].strip() for _, block in parts(page)[1] for line in block.splitlines()
                               if re.search(r"// \w+/\w+\.h$", line)]:
        if re.fullmatch(r"(src|tests|docs|demo|bench|tools|cmake)/[a-z0-9_./-]+", span):
            assert (ROOT / span).exists(), span
        elif re.fullmatch(r"[a-z]+/[a-z_/]+\.h", span):
            assert (ROOT / "src" / span).exists(), span


@functools.cache
def sources():
    return {path: path.read_text(encoding="utf-8") for path in sorted((ROOT / "src").rglob("*"))
            if path.suffix in (".h", ".cpp")}


def declaration(name):
    """The text of the header that defines a class or struct."""
    return next((text for path, text in sources().items()
                 if path.suffix == ".h" and re.search(rf"\b(class|struct) {name}\b[^;]*\{{", text)), None)


@pytest.mark.parametrize("page", USER_PAGES)
def test_members_that_are_named_exist(page):
    for owner, member in re.findall(r"`(?:\w+::)*?([A-Z]\w+)::(\w+)[^`]*`", read(page)):
        text = declaration(owner)
        assert text is not None, f"no class or struct {owner}"
        assert re.search(rf"\b{member}\b", text), f"{owner} has no {member}"


@pytest.mark.parametrize("page", ["docs/one-example.md", "docs/one-example.ko.md"])
def test_what_the_walk_names_is_in_the_code(page):
    names = {word for span in spans(page) for word in re.findall(r"^(?:\w+::)*(\w+)", span)}
    types = {name for name in names if re.fullmatch(r"([A-Z][a-z]+)+", name)}
    functions = {name for name in names if re.fullmatch(r"[a-z]+(_[a-zA-Z]+)+", name)}
    assert len(types) >= 10 and len(functions) >= 5
    for name in types:
        assert declaration(name), f"no class or struct {name}"
    for name in functions:
        assert any(re.search(rf"\b{name}\b", text) for text in sources().values()), name


@pytest.mark.parametrize("page", ["docs/one-example.md", "docs/one-example.ko.md"])
def test_the_walk_shows_types_with_the_fields_they_have(page):
    blocks = [block for language, block in parts(page)[1] if language == "cpp"]
    shown = {name for block in blocks for name in re.findall(r"\b\w+::(\w+)\{", block)}
    assert shown >= {"Row", "Example", "EncodedExample", "MicroBatch", "PackedBatch", "HeadLoss"}
    for block in blocks:
        declared = "\n".join(filter(None, (declaration(name) for name in re.findall(r"\b\w+::(\w+)\{", block))))
        assert declared
        for field in re.findall(r"[{ ,]\.(\w+) *=", block):
            assert re.search(rf"[\w>&] (?:\w+ = \w+, )*{field}\b *(;|=|,)", declared), field
        for namespace, name in re.findall(r"\b(\w+)::(\w+)\{", block):
            assert any(path.is_relative_to(ROOT / "src" / namespace) and re.search(rf"\bstruct {name}\b", text)
                       for path, text in sources().items()), f"{namespace}::{name}"


def test_the_walk_shows_the_same_figures_in_both_languages():
    def figures(page):
        return [re.findall(r"\d+(?:\.\d+)?", block) for _, block in parts(page)[1]]

    assert figures("docs/one-example.md") == figures("docs/one-example.ko.md")


# Settings and lists


def settings(page):
    """(section, name) -> cells of the row, of configuration.md or its twin."""
    found, section = {}, ""
    for line in parts(page)[0]:
        if match := re.match(r"## (?:`(\w+)`)?", line):
            section = match[1] or ""
        elif re.match(r"\| `\w+` \|", line):
            cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip()[1:-1])]
            found[section, cells[0].strip("`")] = cells[1:]
    return found


def test_the_korean_settings_are_those_of_the_program():
    """configuration.md itself is held to the program by TrainConfigs.TheDocumentationListsTheSettingsOfToday."""
    english, korean = settings("docs/configuration.md"), settings("docs/configuration.ko.md")
    assert len(english) > 60 and list(english) == list(korean)
    for key, (kind, default, _) in english.items():
        assert korean[key][1] == default.replace("(required)", "(필수)"), key
        assert re.findall(r"-?\d+", korean[key][0]) == re.findall(r"-?\d+", kind), key
        for choice in re.findall(r"[a-z]\w*", kind.removeprefix("one of ")) if kind.startswith("one of ") else []:
            assert f"`{choice}`" in korean[key][0], (key, choice)
        assert ("null" in kind) == ("null" in korean[key][0]), key


@pytest.mark.parametrize("page", USER_PAGES)
def test_settings_that_are_named_exist(page):
    known = {f"{section}.{name}" for section, name in settings("docs/configuration.md") if section}
    sections = "|".join({name.split(".")[0] for name in known})
    pattern = rf"\b((?:{sections})\.(?!json|safetensors|py\b|md\b|yaml|cpp\b|h\b|ko\b)[a-z]\w+)"
    text = " ".join([*spans(page), *commands(page)])
    for name in re.findall(rf"(?<![\w./]){pattern}(?![\w/.])", text):
        assert name in known, name


@pytest.mark.parametrize("page", ["docs/data.md", "docs/data.ko.md"])
def test_every_check_format_and_shape_of_data_is_described(page):
    named = {name for row in rows(page) for name in re.findall(r"`(\w+)`", row[0])}
    for file, word in (("checks.def", "CHECK"), ("readers/readers.def", "READER"), ("shapes/shapes.def", "SHAPE")):
        listed = re.findall(rf"^{word}\((\w+),", (ROOT / "src/data" / file).read_text(encoding="utf-8"), re.M)
        assert listed and set(listed) <= named, file


@pytest.mark.parametrize("page", USER_PAGES)
def test_yaml_is_a_configuration(page, tmp_path):
    """The program reads it, and stops only at files that the reader has to bring."""
    for language, block in parts(page)[1]:
        if language == "yaml":
            (tmp_path / "run.yaml").write_text(block, encoding="utf-8")
            result = subprocess.run([HONE, "train", "run.yaml", "--dry-run"], capture_output=True, text=True, cwd=tmp_path)
            assert "models/base" in result.stderr and "run.yaml" not in result.stderr, result.stderr


# Commands


@functools.cache
def help_of(*words):
    return subprocess.run([HONE, *words, "--help"], capture_output=True, text=True, check=True, timeout=120).stdout


@pytest.mark.parametrize("page", USER_PAGES)
def test_options_that_are_shown_exist(page):
    for command in commands(page):
        words = command.split()
        names = [words[1]]
        if "\nSubcommands:" in help_of(names[0]):
            names.append(words[2])
        text = help_of(*names)
        for option in re.findall(r"(?<!\S)--[a-z-]+", command):
            assert re.search(rf"^\s+{option}\b(?!-)", text, re.M), f"{' '.join(names)} has no {option}"


@pytest.mark.parametrize("page", USER_PAGES)
def test_lists_that_are_named_exist(page):
    kinds = set(re.findall(r"`hone list (\w+)`", read(page)))
    known = subprocess.run([HONE, "list"], capture_output=True, text=True, check=True, timeout=120).stdout if kinds else ""
    for kind in kinds:
        assert re.search(rf"^{kind}\s", known, re.M), kind
