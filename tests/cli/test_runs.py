"""hone runs: what folders of runs tell, and the card of an experiment."""
import json
import os
import re
import subprocess

import pytest

from parity.test_train import make_run, train

HONE = os.environ["HONE"]


def hone(*arguments):
    return subprocess.run([HONE, "runs", *map(str, arguments)], capture_output=True, text=True, timeout=120)


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Two runs that ended, and one that was stopped before its end."""
    folder = tmp_path_factory.mktemp("runs")
    model, _, data = make_run(folder)
    (folder / "all").mkdir()
    for name, extra in {"first": ["training.learning_rate=1e-3"], "second": ["training.learning_rate=2e-3", "lora.r=8"],
                        "third": ["method=partial", "partial.train_last_layers=1"]}.items():
        result = train(model, data, folder / "all" / name, "training.max_steps=3", "data.validation=0.25", *extra)
        assert result.returncode == 0, result.stderr
    (folder / "all/third/summary.json").unlink()
    return folder / "all"


def test_list(runs):
    result = hone("list", runs)
    assert result.returncode == 0, result.stderr
    lines = result.stdout.splitlines()
    assert [line.split()[0] for line in lines[2:]] == ["first", "second", "third"], "oldest first"
    assert lines[2].endswith("done") and lines[4].endswith("not done")
    found = json.loads(hone("list", runs, "--json").stdout)
    assert [run["name"] for run in found] == ["first", "second", "third"]
    assert [run["finished"] for run in found] == [True, True, False]
    assert found[2]["method"] == "partial" and found[2]["figures"]["steps"] == 3
    summary = json.loads((runs / "first/summary.json").read_text())
    for name in ("train_loss", "last_eval_loss", "optimizer_state_bytes", "train_examples"):
        assert found[0]["figures"][name] == summary[name] is not None


def test_compare_and_diff(runs):
    result = hone("compare", runs / "first", runs / "second")
    assert result.returncode == 0, result.stderr
    for name in ("train_loss", "last_eval_loss", "trainable_parameters"):
        assert re.search(rf"^{name}\s+\S+\s+\S+", result.stdout, re.M), result.stdout
    assert re.search(r"^trainable_parameters\s.*\+100\.0%$", result.stdout, re.M)
    document = json.loads(hone("compare", runs / "first", runs / "second", "--json").stdout)
    assert document["differing_settings"] == {"lora.r": {"first": "4", "second": "8"},
                                              "training.learning_rate": {"first": "0.001", "second": "0.002"}}
    difference = hone("diff", runs / "first", runs / "second").stdout
    assert [line.split()[0] for line in difference.splitlines()[2:]] == ["lora.r", "training.learning_rate"]
    assert json.loads(hone("diff", runs / "first", runs / "second", "--json").stdout) == document["differing_settings"]
    assert hone("diff", runs / "first", runs / "first").stdout == "no setting differs\n"


def test_what_is_no_run_is_explained(runs, tmp_path):
    result = hone("compare", runs / "first", runs)
    assert result.returncode == 2 and "lacks config.yaml or run.json" in result.stderr
    assert hone("compare", runs / "first").returncode == 2
    assert hone("list", tmp_path / "none").returncode == 2
    assert hone("list", tmp_path).returncode == 0
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "run.json").write_text("{}")
    (broken / "config.yaml").write_text("a: [1")
    result = hone("list", tmp_path)
    assert result.returncode == 0 and "broken/config.yaml" in result.stderr


def test_the_card_keeps_what_a_person_wrote(runs, tmp_path):
    cards = {name: (runs / name / "experiment.md").read_text() for name in ("first", "second", "third")}
    assert [re.match(r"## 실험 #(\d+)", card)[1] for card in cards.values()] == ["001", "002", "003"]
    assert "r=8, alpha=8" in cards["second"] and "lr=0.002" in cards["second"] and "6 samples" in cards["second"]
    assert "train_last_layers: 1" in cards["third"] and "LoRA" not in cards["third"]
    assert "* last eval loss: " in cards["first"] and "- 다음 실험 (next experiment):" in cards["first"]
    model, _, data = make_run(tmp_path)
    output = tmp_path / "run"
    settings = ["training.max_steps=2", "training.save_strategy=steps", "training.save_steps=1"]
    assert train(model, data, output, *settings).returncode == 0
    card = output / "experiment.md"
    card.write_text(card.read_text().replace("- 다음 실험 (next experiment):", "- 다음 실험 (next experiment): 학습률을 낮춘다"))
    assert train(model, data, output, *settings, "--resume").returncode == 0
    assert "학습률을 낮춘다" in card.read_text() and card.read_text().startswith("## 실험 #001")
