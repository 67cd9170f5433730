"""`hone advise`: the lectures' decision tree, methods by data and machine, and the checklists against real files."""
import json
import os
import pathlib
import re
import subprocess

import pytest

HONE = os.environ["HONE"]
ROOT = pathlib.Path(__file__).resolve().parents[2]


def hone(*arguments, **options):
    return subprocess.run([HONE, "advise", *map(str, arguments)], capture_output=True, text=True, timeout=120,
                          stdin=subprocess.DEVNULL, **options)


def advise(*arguments):
    done = hone(*arguments, "--json", "--lang", "en")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("answers, approach, then", [
    ("updates-often=yes", "rag", []), ("updates-often=yes style=yes", "rag", ["fine_tuning"]),
    ("updates-often=no sources=yes", "rag", []), ("updates-often=no style=yes", "fine_tuning", []),
    ("updates-often=no style=no reasoning=yes", "fine_tuning", []), ("latency=yes", "fine_tuning", []),
    ("updates-often=no style=no reasoning=no", "prompt_engineering", []),
    ("prompt-tried=yes", "prompt_engineering", ["rag", "fine_tuning"]), ("updates-often=yes rag-tried=yes", "rag", ["fine_tuning"])])
def test_the_tree(answers, approach, then):
    options = [word for one in answers.split() for word in ("--" + one.split("=")[0], one.split("=")[1])]
    advice = advise(*options)
    assert (advice["approach"], advice["then"]) == (approach, then)
    assert (advice["method"] is not None) == (approach == "fine_tuning" or "fine_tuning" in then)
    assert advice["reasons"] and advice["commands"]
    given = {one.split("=")[0]: one.split("=")[1] == "yes" for one in answers.split()}
    for step in advice["path"]:
        assert step["answer"] == given.get(step["option"], False) and step["assumed"] == (step["option"] not in given)


@pytest.mark.parametrize("parameters, memory, examples, method, in_hone", [
    ("7B", "80GB", 20000, "full", True), ("7B", "80GB", 500, "lora", True), ("7B", "16GB", 20000, "lora", True),
    ("7B", "8GB", 500, "qlora", True), ("65B", "48GB", 500, "qlora", True), ("65B", "24", 500, "prompt", False)])
def test_the_method_follows_the_machine_and_the_data(parameters, memory, examples, method, in_hone):
    advice = advise("--style", "yes", "--parameters", parameters, "--memory", memory, "--examples", examples)
    assert advice["method"]["method"] == method and advice["method"]["in_hone"] == in_hone
    assert any(re.search(r"\d GB", reason) for reason in advice["method"]["reasons"])


def test_the_data_speak_for_themselves(tmp_path):
    rows = [{"prompt": f"q{i}", "chosen": f"good answer {i}", "rejected": f"bad answer {i}"} for i in range(30)]
    (tmp_path / "pairs.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows + rows[:2]))
    advice = advise("--style", "yes", "--data", tmp_path / "pairs.jsonl")
    assert advice["method"]["objective"] == "dpo" and advice["enough_data"] is False
    assert advice["data"]["rows"] == 32 and advice["data"]["duplicates"] == 2 and advice["data"]["preference_pairs"] == 32
    said = " ".join(advice["reasons"] + advice["method"]["reasons"])
    assert "32 examples; 100 or more are wanted" in said and "2 rows are duplicates" in said and "32 rows are preference pairs" in said
    few = advise("--style", "yes", "--examples", 9)
    assert any("fewer than any service accepts" in reason for reason in few["reasons"])


def test_memory_of_users_and_feedback():
    advice = advise("--style", "yes", "--remember-users", "yes", "--feedback", "yes")
    assert advice["with_memory"] and any("KTO" in reason for reason in advice["method"]["reasons"])


def test_korean_in_and_out():
    done = hone("--updates-often", "예", "--style", "아니오", "--lang", "ko")
    assert done.returncode == 0 and "검색 증강 생성(RAG)" in done.stdout and "지식이 자주 바뀝니까? 예" in done.stdout
    assert "권장" in hone("--style", "yes", env={**os.environ, "LC_ALL": "ko_KR.UTF-8"}).stdout


@pytest.mark.parametrize("arguments, said", [(["--style", "maybe"], "neither yes nor no"), (["--memory", "lots"], "no amount"),
                                             (["--parameters", "-8B"], "no amount"), (["everything"], "approach")])
def test_answers_that_are_none_are_refused(arguments, said):
    done = hone(*arguments)
    assert done.returncode == 2 and said in done.stderr, done.stderr


def test_on_a_terminal_it_asks():
    """An answer that is none is asked again, an empty one is left open."""
    ours, theirs = os.openpty()
    with subprocess.Popen([HONE, "advise", "--lang", "ko"], stdin=theirs, stdout=theirs, stderr=theirs) as process:
        os.close(theirs)
        os.write(ours, "예\n글쎄\n아니오\n\n".encode() + b"n\n" * 7)
        shown = b""
        while chunk := read_some(ours):
            shown += chunk
    os.close(ours)
    text = shown.decode()
    assert process.returncode == 0 and text.count("답에 출처가 있어야 합니까? [예/아니오]") == 2
    assert "권장: 검색 증강 생성(RAG)" in text and text.count("답이 없어 그렇게 봄") == 1


def read_some(terminal):
    try:
        return os.read(terminal, 4096)
    except OSError:  # Linux: the other side has closed
        return b""


# The checklist


def items(*arguments):
    done = hone("checklist", *arguments, "--json", "--lang", "en")
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert document["pass"] + document["fail"] + document["open"] == len(document["items"])
    return {item["id"]: item for item in document["items"]}


def test_every_item_is_shown_in_both_languages():
    listed = re.findall(r"^ITEM\(\w+, (\w+),", (ROOT / "src/cli/plain/checklist.def").read_text(encoding="utf-8"), re.M)
    found = items()
    assert list(found) == listed and len(listed) == len(set(listed)) >= 26
    assert {item["state"] for name, item in found.items() if name != "machine"} == {"open"}
    for item in found.values():
        assert item["title"] and item["found"] and item["remedy"]
    korean = json.loads(hone("checklist", "--json", "--lang", "ko").stdout)["items"]
    assert all(re.search("[가-힣]", item["title"]) for item in korean)


def test_good_and_bad_data(tmp_path):
    good = tmp_path / "good.jsonl"
    good.write_text("".join(json.dumps({"prompt": f"question number {i}", "completion": f"answer number {i}"}) + "\n" for i in range(120)))
    found = items("--data", good)
    assert [found[name]["state"] for name in ("enough_examples", "format_valid", "no_duplicates", "cost_known")] == ["pass"] * 4
    assert found["personal_data"]["state"] == "open" and "names and addresses" in found["personal_data"]["found"]
    bad = tmp_path / "bad.jsonl"
    rows = [{"prompt": "same question", "completion": f"call 010-1234-567{i} now"} for i in range(3)] + [{"prompt": "no answer"}]
    bad.write_text("".join(json.dumps(row) + "\n" for row in rows))
    found = items("--data", bad)
    assert [found[name]["state"] for name in ("enough_examples", "format_valid", "no_duplicates", "personal_data")] == ["fail"] * 4
    assert found["no_duplicates"]["found"] == "0 duplicates, 2 other answers to an earlier question"
    assert found["personal_data"]["found"] == "rows with phone 3"


@pytest.mark.parametrize("text, kind", [
    ("mail kim.lee+x@example.co.kr today", "email"), ("전화 02-345-6789", "phone"), ("01012345678입니다", "phone"), ("(031) 031-123-4567", "phone"),
    ("주민번호 900101-1234567", "resident_number"), ("card 4539 1488 0343 6467.", "card"), ("4539148803436467", "card"),
    ("card 4539 1488 0343 6468", None), ("version 1.2.3 of 2024-08-20", None), ("a@b and 90@ and @home", None), ("991301-1234567", None),
    ("id 20240820123456789", None), ("3.14159265358979", None)])
def test_personal_data_by_its_form(tmp_path, text, kind):
    file = tmp_path / "one.jsonl"
    file.write_text(json.dumps({"prompt": "what?", "completion": text}) + "\n", encoding="utf-8")
    personal = advise("--data", file, "--style", "no")["data"]["personal"]
    assert personal == ({kind: 1} if kind else {})


CONFIG = """
model: {name_or_path: %s}
data: {train: %s, validation: %s}
method: lora
training: {output_dir: %s, learning_rate: %s, num_train_epochs: 3}
tracking: %s
"""


def test_configuration(tmp_path):
    data = ROOT / "demo/data/instructions.jsonl"
    config = tmp_path / "run.yaml"
    config.write_text(CONFIG % (ROOT / "demo/base", data, 0.1, tmp_path / "run", "2.0e-4", "[tensorboard]"))
    found = items("--config", config)
    for name in ("split", "settings", "tracking", "evaluation_plan", "checkpoints", "enough_examples", "format_valid", "cost_known"):
        assert found[name]["state"] == "pass", found[name]
    assert "tokenizer and chat template" in found["cost_known"]["found"]
    config.write_text(CONFIG % (tmp_path / "none", data, "null", tmp_path / "run", "3.0e-3", "none"))
    found = items("--config", config)
    for name in ("split", "settings", "tracking", "evaluation_plan", "base_model"):
        assert found[name]["state"] == "fail", found[name]
    assert "training.learning_rate 0.003" in found["settings"]["found"]


def run_folder(folder, losses, test_loss):
    (folder / "checkpoint-5").mkdir(parents=True)
    data = ROOT / "demo/data/instructions.jsonl"
    (folder / "config.yaml").write_text(CONFIG % (ROOT / "demo/base", data, 0.1, folder, "2.0e-4", "[tensorboard]"))
    (folder / "run.json").write_text("{}")
    rows = [{"step": 5 * i, "wall_time": i, "loss": 2 - i / 10, "eval_loss": loss} for i, loss in enumerate(losses)]
    (folder / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "summary.json").write_text(json.dumps({"steps": 20, **({"test_loss": test_loss} if test_loss else {})}))
    return folder


def test_run_and_reports(tmp_path):
    good = items("--run", run_folder(tmp_path / "good", (2.0, 1.5, 1.2, 1.2), 1.25))
    for name in ("losses", "overfitting", "checkpoints", "test_set", "rollback", "versions"):
        assert good[name]["state"] == "pass", good[name]
    bad = items("--run", run_folder(tmp_path / "bad", (2.0, 1.5, 1.8, 2.1), None))
    assert [bad[name]["state"] for name in ("losses", "overfitting", "test_set")] == ["fail"] * 3
    assert bad["overfitting"]["found"] == "best and last validation loss: 1.5, 2.1"
    better, worse = tmp_path / "better.json", tmp_path / "worse.json"
    for file, change in ((better, 20), (worse, -20)):
        file.write_text(json.dumps({"models": ["base", "tuned"], "samples": [], "metrics": {
            "loss": {"base": 1, "tuned": 2, "improvement_percent": change, "p_value": 0.001},
            "bleu": {"base": 1, "tuned": 2, "improvement_percent": -50, "p_value": 0.4}}}))
    found = items("--report", better, "--general-report", worse)
    assert found["compared"]["state"] == "pass" and found["forgetting"]["state"] == "fail"
    assert found["forgetting"]["found"] == "forgotten: loss -20.0%"
    done = hone("checklist", "--report", tmp_path / "good/config.yaml")
    assert done.returncode == 2
