"""What the service says of a file before a job is made of it, and of costs: against a job's own check, the reference
tokenizer and `hone cost`."""
import json
import subprocess

import pytest
import transformers

from e2e.service import HONE, MODEL, Service, chats, write_rows


@pytest.fixture(scope="module")
def service(model, tmp_path_factory):
    service = Service(model, tmp_path_factory.mktemp("service") / "data", "--job-max-length", "300").start()
    yield service
    service.stop()


def validation(service, path, query=""):
    return service.get(f"/v1/files/{service.upload(path)}/validation{query}")


def pairs(count):
    return [{"input": {"messages": [{"role": "user", "content": f"질문 {i}"}]},
             "preferred_output": [{"role": "assistant", "content": f"자세한 답 {i}"}],
             "non_preferred_output": [{"role": "assistant", "content": "몰라요"}]} for i in range(count)]


def test_tokens_are_those_of_the_reference(service, model, tmp_path):
    rows = chats(40) + [{"messages": [{"role": "user", "content": "길다"}, {"role": "assistant", "content": "아주 " * 200}]}]
    tokenizer = transformers.AutoTokenizer.from_pretrained(model)
    lengths = [len(tokenizer.apply_chat_template(row["messages"], return_dict=False)) for row in rows]
    said = validation(service, write_rows(tmp_path / "train.jsonl", rows))
    assert said["valid"] and said["method"] == "supervised" and said["examples"] == said["rows"] == 41
    assert said["tokens"]["total"] == sum(lengths) and said["tokens"]["max"] == max(lengths)
    assert said["tokens"]["mean"] == pytest.approx(sum(lengths) / 41)
    assert said["truncated"] == sum(length > 300 for length in lengths) == 1 and said["max_length"] == 300
    assert said["hyperparameters"]["n_epochs"] == 3 and said["trained_tokens"] == 3 * sum(lengths)


def test_pairs_are_for_dpo(service, tmp_path):
    said = validation(service, write_rows(tmp_path / "pairs.jsonl", pairs(12)))
    assert said["valid"] and said["method"] == "dpo" and said["hyperparameters"]["beta"] == 0.1
    mixed = validation(service, write_rows(tmp_path / "mixed.jsonl", pairs(12) + chats(12)))
    assert not mixed["valid"] and mixed["method"] is None and mixed["faults"][-1]["code"] == "invalid_file_format"


def test_every_fault_has_its_line_and_a_job_agrees(service, tmp_path):
    path = tmp_path / "bad.jsonl"
    lines = [json.dumps(row, ensure_ascii=False) for row in chats(20)]
    lines[3] = '{"messages": [{"role": "user", "content": "?"}]}'
    lines[7] = "{not json"
    lines[11] = '{"messages": [{"content": "누구?"}, {"role": "assistant", "content": "저요"}]}'
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    file = service.upload(path)
    said = service.get(f"/v1/files/{file}/validation")
    assert not said["valid"] and said["examples"] == 17
    assert [(fault["line"], fault["code"]) for fault in said["faults"]] == [(4, "no_assistant"), (8, "invalid_json"), (12, "missing_field")]
    assert all(fault["message"] and fault["fix"] for fault in said["faults"]) and "누구" not in json.dumps(said, ensure_ascii=False)
    short = service.get(f"/v1/files/{file}/validation?limit=1")
    assert len(short["faults"]) == 1 and short["faults_total"] == 3
    job = service.wait(service.job(training_file=file))
    assert job["status"] == "failed" and job["error"]["code"] == "invalid_training_file"
    assert [event["message"].split(":")[1].split(",")[0].strip() for event in service.events(job["id"]) if "Line" in event["message"]][:3] == \
        ["Line 4", "Line 8", "Line 12"]


def test_too_few_examples(service, tmp_path):
    said = validation(service, write_rows(tmp_path / "few.jsonl", chats(9)))
    assert [fault["code"] for fault in said["faults"]] == ["invalid_n_examples"] and not said["valid"]


def test_what_is_anothers_or_not_there(service, tmp_path):
    file = service.upload(write_rows(tmp_path / "train.jsonl", chats(10)))
    status, key = service.call("POST", "/v1/keys", {"name": "other", "role": "train"})
    assert status == 200
    assert service.call("GET", f"/v1/files/{file}/validation", key=key["key"])[0] == 404
    assert service.call("GET", "/v1/files/file-x/validation")[0] == 404
    assert service.call("GET", f"/v1/files/{file}/validation?limit=0")[0] == 400


def test_costs_are_those_of_the_command(service):
    body = {"models": [MODEL], "examples": 500, "tokens_per_example": 500, "n_epochs": 3, "requests_per_day": 10000, "input_tokens": 200,
            "output_tokens": 300, "training_tokens_per_second": 4000, "hardware": {"price_per_hour": 0.8, "watts": 400, "price_per_kwh": 0.2}}
    status, said = service.call("POST", "/v1/costs", body)
    command = [HONE, "cost", "--json", "--model", MODEL, "--examples", "500", "--tokens-per-example", "500", "--requests-per-day", "10000",
               "--input-tokens", "200", "--output-tokens", "300", "--training-tokens-per-second", "4000", "--price-per-hour", "0.8", "--watts", "400",
               "--price-per-kwh", "0.2"]
    assert said.pop("object") == "cost" and status == 200
    assert said == json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    assert said["training"][0]["training_cost_usd"] == 2.25 and len(said["break_even"]) == 1


@pytest.mark.parametrize(("body", "param"), [
    ({"models": ["gpt-9"]}, None), ({"examples": -1}, "examples"), ({"n_epochs": 0}, "n_epochs"), ({"tokens_per_example": 5}, "examples"),
    ({"hardware": {"price": 1}}, None), ({"model": "x"}, None), ({"requests_per_day": 1e300}, "requests_per_day"), ({"models": [1]}, "models"),
    ({"examples": 1 << 50, "tokens_per_example": 1 << 50}, "tokens_per_example")])
def test_what_cannot_be_reckoned(service, body, param):
    status, said = service.call("POST", "/v1/costs", body)
    assert status == 400 and said["error"]["message"]
    if param:
        assert said["error"]["param"] == param
