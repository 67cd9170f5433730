"""hone data check, prepare, split: the forms that scripts read, and what a person sees."""
import csv
import json
import os
import random
import subprocess
import unicodedata
from pathlib import Path

import pytest

HONE = os.environ["HONE"]
ROOT = Path(__file__).resolve().parents[2]
RECORDS = ROOT / "tests/data/records"


def hone(*arguments, code=0, stdin=None):
    done = subprocess.run([HONE, "data", *map(str, arguments)], input=stdin, capture_output=True, timeout=120)
    assert done.returncode == code, done.stdout.decode() + done.stderr.decode()
    return done.stdout.decode()


def lines(path):
    return [json.loads(line) for line in Path(path).read_text(encoding="utf-8").splitlines()]


def write(path, rows):
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path


def chat(question, answer):
    return {"messages": [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]}


def test_check_json_has_the_documented_form_and_byte_offsets(tmp_path):
    good = json.dumps(chat("질문이 하나 있어요", "네, 말씀해 주세요."), ensure_ascii=False)
    bad = json.dumps({"messages": [{"role": "user", "content": "질문이 하나 있어요"}, {"role": "assistant", "content": ""}]}, ensure_ascii=False)
    file = tmp_path / "train.jsonl"
    file.write_text(good + "\n" + bad + '\n{"messages": [}\n', encoding="utf-8")
    report = json.loads(hone("check", file, "--json", "--min-rows", 0, code=2))
    assert list(report) == ["rows", "ok", "errors"]
    assert (report["rows"], report["ok"]) == (3, 1)
    empty, syntax = report["errors"]
    assert list(empty) == ["line", "byte", "path", "check", "severity", "message", "fix"]
    assert (empty["line"], empty["byte"], empty["path"], empty["check"], empty["severity"]) == (
        2, len(good.encode()) + 1, "messages[1].content", "empty_content", "error")
    assert (syntax["line"], syntax["check"]) == (3, "invalid_json")
    assert file.read_bytes()[syntax["byte"]:syntax["byte"] + 1] == b"}"
    assert all(finding["message"] and finding["fix"] for finding in report["errors"])


def test_warnings_alone_are_no_failure():
    report = json.loads(hone("check", RECORDS / "toy_chat_fine_tuning.jsonl", "--json"))
    assert (report["rows"], report["ok"]) == (10, 10)
    assert {finding["severity"] for finding in report["errors"]} == {"warning"}
    duplicates = {finding["line"]: finding["message"] for finding in report["errors"] if finding["check"] == "duplicate_row"}
    assert duplicates == {6: "equal to line 1", 7: "equal to line 2", 8: "equal to line 3", 9: "equal to line 4", 10: "equal to line 4"}


def test_check_table_names_the_first_places(tmp_path):
    file = write(tmp_path / "t.jsonl", [{"instruction": "한 문장으로 요약하세요", "output": None}] * 7)
    shown = hone("check", file, "--show", 1, code=2)
    assert "7 rows (jsonl; alpaca), 0 ok, 7 with errors" in shown
    assert "null_content" in shown and "1, 2, 3, 4, 5, …" in shown
    assert f"error: {file}:1: output: \"output\" is null" in shown


def test_rejects_hold_the_record_and_the_reasons(tmp_path):
    file = tmp_path / "t.jsonl"
    file.write_bytes(json.dumps(chat("Hello there", "General Kenobi")).encode() + b'\n{"messages": 1, "id": 5}\n\xff{}\n')
    hone("check", file, "--reject", tmp_path / "bad.jsonl", code=2)
    first, second = lines(tmp_path / "bad.jsonl")
    assert first["record"] == {"messages": 1, "id": 5} and first["errors"][0]["check"] == "wrong_type"
    assert second["line"] == 3 and second["raw"] == "\ufffd{}" and second["errors"][0]["check"] == "invalid_utf8"


def test_standard_input_and_missing_files(tmp_path):
    report = json.loads(hone("check", "-", "--json", stdin=b'{"text": "words"}\n'))
    assert (report["rows"], report["ok"]) == (1, 1)
    (tmp_path / "train.jsonl").write_text("")
    fault = json.loads(hone("check", tmp_path / "tran.jsonl", "--json", code=2))["error"]
    assert fault["kind"] == "input" and "train.jsonl" in fault["fix"]


def test_csv_is_read_as_pythons_csv_reads_it(tmp_path):
    rng = random.Random(1)
    pieces = ['"', ",", "\n", "가나", "a b", "\r\n", ";", "끝", "'"]
    rows = [["".join(rng.choices(pieces, k=rng.randint(1, 6))) + "문장의 끝" for _ in range(2)] for _ in range(300)]
    file = tmp_path / "qa.csv"
    with open(file, "w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(["question", "answer"])
        writer.writerows(rows)
    hone("prepare", file, "--output", tmp_path / "out.jsonl")
    read = [[m["content"] for m in row["messages"]] for row in lines(tmp_path / "out.jsonl")]
    assert read == rows


def test_prepare_accounts_for_every_row_once(tmp_path):
    rows = [chat("Hello there", "General Kenobi"), {"q": "이름이 뭐예요?", "a": "호네라고 합니다."}, {"messages": []},
            chat("Hello there", "General Kenobi"), {"instruction": "Add these", "input": "1 and 2", "output": "The sum is 3."}, {"x": 1}]
    file = write(tmp_path / "in.jsonl", rows)
    summary = json.loads(hone("prepare", file, "--output", tmp_path / "out.jsonl", "--drop-duplicates", "--json"))
    assert {key: summary[key] for key in ("rows", "kept", "duplicates", "rejected")} == {"rows": 6, "kept": 3, "duplicates": 1, "rejected": 2}
    account = lines(tmp_path / "out.account.jsonl")
    assert [entry["line"] for entry in account] == [1, 2, 3, 4, 5, 6]
    assert [entry["result"] for entry in account] == ["kept", "kept", "rejected", "duplicate", "kept", "rejected"]
    output, rejected = lines(tmp_path / "out.jsonl"), lines(tmp_path / "out.rejected.jsonl")
    assert [entry["output_line"] for entry in account if entry["result"] == "kept"] == [1, 2, 3]
    assert [entry["line"] for entry in rejected] == [3, 4, 6]
    assert output[1] == chat("이름이 뭐예요?", "호네라고 합니다.")
    assert output[2] == chat("Add these\n\n1 and 2", "The sum is 3.")


def test_prepared_rows_prepare_to_themselves(tmp_path):
    for name in ("toy_chat_fine_tuning.jsonl", "glaive_toolcall.json", "chat_tiny.json", "ko_user_instructions.jsonl", "nsmc.tsv"):
        hone("prepare", RECORDS / name, "--output", tmp_path / "once.jsonl")
        hone("prepare", tmp_path / "once.jsonl", "--output", tmp_path / "twice.jsonl")
        assert (tmp_path / "once.jsonl").read_bytes() == (tmp_path / "twice.jsonl").read_bytes(), name


def split_names(folder, part):
    path = folder / f"{part}.jsonl"
    return path.read_text(encoding="utf-8").splitlines() if path.exists() else []


def test_split_leaks_nothing_and_loses_nothing(tmp_path):
    rng = random.Random(2)
    rows = []
    for _ in range(2000):
        question = f"{rng.randint(0, 500)}번 질문은 무엇인가요?"
        question = rng.choice([question, unicodedata.normalize("NFD", question), "  " + question.upper() + " "])
        rows.append(chat(question, f"답은 {rng.randint(0, 9)}입니다."))
    file = write(tmp_path / "in.jsonl", rows)
    hone("split", file, "--validation", 0.1, "--test", 0.2, "--output", tmp_path / "s")
    parts = {part: split_names(tmp_path / "s", part) for part in ("train", "validation", "test")}
    assert sorted(json.loads(line)["messages"][0]["content"] for part in parts.values() for line in part) == sorted(
        row["messages"][0]["content"] for row in rows)
    keys = {part: {unicodedata.normalize("NFKC", json.loads(line)["messages"][0]["content"]).strip() for line in found}
            for part, found in parts.items()}
    assert not keys["train"] & keys["validation"] and not keys["train"] & keys["test"] and not keys["validation"] & keys["test"]
    assert abs(len(parts["validation"]) - 200) <= 8 and abs(len(parts["test"]) - 400) <= 8


def test_split_is_seeded_and_independent_of_order(tmp_path):
    rows = [chat(f"Question number {i}?", f"Answer number {i}.") for i in range(200)]
    hone("split", write(tmp_path / "a.jsonl", rows), "--output", tmp_path / "a")
    random.Random(3).shuffle(rows)
    hone("split", write(tmp_path / "b.jsonl", rows), "--output", tmp_path / "b")
    hone("split", tmp_path / "a.jsonl", "--output", tmp_path / "c", "--seed", 7)
    a, b, c = (set(split_names(tmp_path / name, "validation")) for name in "abc")
    assert len(a) == 20 and a == b and a != c


def test_split_by_stratum_and_group(tmp_path):
    rows = [{**chat(f"Question number {i}?", "A common answer."), "meta": {"label": "rare" if i % 10 == 0 else "common"}, "user": i // 4}
            for i in range(400)]
    file = write(tmp_path / "in.jsonl", rows)
    hone("split", file, "--stratify", "meta.label", "--output", tmp_path / "s")
    found = [json.loads(line)["meta"]["label"] for line in split_names(tmp_path / "s", "validation")]
    assert (found.count("rare"), found.count("common")) == (4, 36)
    hone("split", file, "--group", "user", "--output", tmp_path / "g")
    users = {part: {json.loads(line)["user"] for line in split_names(tmp_path / "g", part)} for part in ("train", "validation")}
    assert users["validation"] and not users["train"] & users["validation"]
    assert "no field" in json.loads(hone("split", file, "--group", "usr", "--output", tmp_path / "x", "--json", code=2))["error"]["message"]


@pytest.mark.parametrize("name", ["instructions.jsonl", "pretrain/nsmc.jsonl", "pretrain/shakespeare.jsonl"])
def test_the_demos_data_is_clean(name):
    report = json.loads(hone("check", ROOT / "demo/data" / name, "--json"))
    assert report["rows"] == report["ok"] > 1000
    assert not [finding for finding in report["errors"] if finding["check"] == "duplicate_row"]
