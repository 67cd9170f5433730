"""docs/one-example.md is run as it stands: its commands, in order, give the figures that it prints."""
import json
import os
import pathlib
import re
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
HONE = pathlib.Path(os.environ["HONE"])
PAGE = (ROOT / "docs/one-example.md").read_text(encoding="utf-8")


def blocks():
    """Indented blocks in the order of the page."""
    return [block.replace("\n    ", "\n").strip() for block in re.findall(r"^\n((?: {4}\S.*\n(?: {4}.*\n)*)+)", PAGE, re.M)]


def is_command(block):
    return re.match(r"(hone|sed|echo) ", block) is not None


@pytest.fixture(scope="module")
def walk(tmp_path_factory):
    """The folder in which all commands were run, and what each block of commands printed."""
    folder = tmp_path_factory.mktemp("walk")
    (folder / "demo").symlink_to(ROOT / "demo")
    environment = {**os.environ, "PATH": f"{HONE.parent}:{os.environ['PATH']}"}
    printed = {}
    for block in filter(is_command, blocks()):
        result = subprocess.run(["bash", "-ec", block], capture_output=True, text=True, cwd=folder, env=environment, timeout=300)
        assert result.returncode == 0, f"{block}\n{result.stderr}"
        printed[block] = result.stdout
    return folder, printed


def pieces(text):
    """The strings and numbers of a text that looks like JSON, in order."""
    return [word if word.startswith('"') else float(word)
            for word in re.findall(r'"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?', text)]


def assert_shown(expected, actual):
    """All that the page prints is in the output, in that order; the page leaves things out and rounds."""
    wanted, rest = pieces(expected), iter(pieces(actual))
    assert wanted
    for piece in wanted:
        for found in rest:
            if found == piece if isinstance(piece, str) or isinstance(found, str) else found == pytest.approx(piece, rel=2e-3):
                break
        else:
            raise AssertionError(f"{piece!r} of\n{expected}\nis not, or not in this order, in\n{actual}")


def test_commands_print_what_the_page_shows(walk):
    _, printed = walk
    shown = 0
    for block, following in zip(blocks(), blocks()[1:]):
        if is_command(block) and block.rstrip().endswith(("--json", "float32")) and not is_command(following):
            assert_shown(following, printed[block])
            shown += 1
    assert shown == 6  # template, show, evaluate, generate, merge, compare


def test_the_line_is_where_the_page_says(walk):
    folder, _ = walk
    line, before, size = map(int, re.search(r"Line (\d+) of the file, from byte (\d+) on, (\d+) bytes", PAGE).groups())
    content = (folder / "runs/one/data/train.jsonl").read_bytes().splitlines(keepends=True)
    assert len(b"".join(content[:line - 1])) == before and len(content[line - 1]) == size
    assert content[line - 1].decode().strip() in blocks()


def test_losses_rates_and_norms(walk):
    folder, _ = walk
    logged = {row["step"]: row for row in map(json.loads, (folder / "runs/one/run/metrics.jsonl").read_text().splitlines())}
    table = re.findall(r"^\| (\d+) \| ([\d.]+) \| ([\d.]+) \| ([\d.]+) \|$", PAGE, re.M)
    assert len(table) >= 6
    for step, *figures in table:
        for name, figure in zip(("loss", "learning_rate", "grad_norm"), figures):
            # Half a unit of the last place shown.
            assert logged[int(step)][name] == pytest.approx(float(figure), abs=0.6 * 10 ** -len(figure.partition(".")[2])), (step, name)
    line = next(block for block in blocks() if block.startswith('{"step":'))
    assert_shown(line, json.dumps(logged[10]))


def test_what_is_left_on_disk(walk):
    folder, _ = walk
    listing = next(block for block in blocks() if block.startswith("runs/one/run/adapter_model.safetensors"))

    def tensors(file):
        content = (folder / "runs/one/run" / file).read_bytes()
        header = json.loads(content[8:8 + int.from_bytes(content[:8], "little")])
        return {name: entry["shape"] for name, entry in header.items() if name != "__metadata__"}

    adapter, moments = tensors("adapter_model.safetensors"), tensors("checkpoint-10/optimizer.safetensors")
    assert [len(adapter), len(moments)] == [int(count) for count in re.findall(r"(\d+) tensors", listing)]
    for name, shape in re.findall(r"(base_model\S+) +(\[\d+, \d+\])", listing):
        assert adapter[name] == json.loads(shape) == moments[f"exp_avg.{name}"] == moments[f"exp_avg_sq.{name}"]
    state = (folder / "runs/one/run/checkpoint-10/trainer_state.json").read_text()
    assert_shown(re.search(r"\{.*", listing)[0], state)
    plan = json.loads((folder / "runs/one/run/run.json").read_text())["plan"]
    trained, frozen = (int(n.replace(",", "")) for n in re.search(r"that is ([\d,]+) trained numbers beside ([\d,]+) frozen", PAGE).groups())
    assert plan["trainable_parameters"] == trained and plan["total_parameters"] == trained + frozen


def test_the_merged_model_gives_the_same_answer(walk):
    folder, _ = walk
    answer = next(block for block in blocks() if block.startswith('{"text":"감기'))
    result = subprocess.run([HONE, "generate", "--model", "runs/one/model", "--prompts", "runs/one/question.jsonl", "--json",
                             "--compute-dtype", "float32"], capture_output=True, text=True, cwd=folder, check=True, timeout=300)
    assert json.loads(result.stdout) == json.loads(answer)
