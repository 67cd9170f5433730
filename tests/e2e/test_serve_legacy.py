"""The API before fine_tuning.jobs through openai 0.28.1: prompt and completion, from the file to the answer."""
import json
import re
import threading
import urllib.request

import pytest

from e2e.service import LEGACY_CLIENT, MODEL, base_model, write_rows

pytestmark = pytest.mark.skipif(not LEGACY_CLIENT.exists(), reason="build/python-clients_legacy is not there: tools/setup.sh oracles")

COMPLETION = " 네, 그렇습니다."


def pairs(count):
    return [{"prompt": f"질문 {i} ->", "completion": COMPLETION} for i in range(count)]


def without_template(folder):
    settings = json.loads((folder / "tokenizer_config.json").read_text())
    del settings["chat_template"]
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    return folder


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    folder = tmp_path_factory.mktemp("base")
    return {"chat": base_model(folder / "chat"), "raw": without_template(base_model(folder / "raw"))}


@pytest.fixture(scope="module")
def model(models):
    return models["chat"]


@pytest.fixture
def start(start, models):
    return lambda kind="chat", *options: start(*options, base=models[kind])


def tokens(rows):
    """Of the bytes of each row as one text, and its end token."""
    return sum(len((row["prompt"] + row["completion"]).encode()) + 1 for row in rows)


def fine_tune(service, rows, **settings):
    status, job = service.call("POST", "/v1/fine-tunes", {"training_file": service.upload(rows), **settings})
    assert status == 200, job
    return job["id"]


def follow(service, job, seen=None):
    """Every data line of the stream, until it ends."""
    request = urllib.request.Request(f"{service.address}/v1/fine-tunes/{job}/events?stream=true", headers={"authorization": f"Bearer {service.key}"})
    lines = []
    with urllib.request.urlopen(request, timeout=120) as answer:
        for line in answer:
            if line.startswith(b"data: "):
                lines.append(line[6:].decode().strip())
                if seen:
                    seen.set()
    return lines


def test_the_old_client_from_the_file_to_the_answer(start, tmp_path):
    rows = pairs(24)
    seen_by = start().client("legacy_whole_way.py", write_rows(tmp_path / "rows.jsonl", rows), rows[3]["prompt"], python=LEGACY_CLIENT)
    assert seen_by.returncode == 0, seen_by.stderr
    seen = json.loads(seen_by.stdout)
    created, job = seen["created"], seen["job"]
    assert re.fullmatch("ft-[A-Za-z0-9]{24}", created["id"]) and created["object"] == "fine-tune" and created["status"] == "pending"
    assert created["hyperparams"] == {"n_epochs": 4, "batch_size": 4, "learning_rate_multiplier": 50, "prompt_loss_weight": 0}
    assert created["fine_tuned_model"] is None and created["result_files"] == []
    assert [file["object"] for file in created["training_files"] + created["validation_files"]] == ["file", "file"]
    assert [event["message"] for event in created["events"]][0] == f"Created fine-tuning job: {created['id']}"
    assert seen["second"]["hyperparams"]["batch_size"] is None, "auto, until the data are known"
    assert job["status"] == "succeeded" and re.fullmatch(rf"ft:{MODEL}:org:old-way:[A-Za-z0-9]{{8}}", job["fine_tuned_model"])
    assert job["updated_at"] >= job["created_at"] and job["result_files"][0]["purpose"] == "fine-tune-results"
    # The stream, the list and the job tell the same, the oldest first.
    assert seen["streamed"] == seen["listed"] == job["events"]
    assert {event["object"] for event in job["events"]} == {"fine-tune-event"}
    assert job["events"][-1]["message"] == "The job has successfully completed"
    assert sum("training loss" in event["message"] for event in job["events"]) == 24
    assert seen["running"] == {"id": seen["second"]["id"], "object": "fine-tune", "deleted": False, "status": "cancelled"}
    assert seen["cancelled"] == "cancelled" and seen["ids"] == [created["id"], seen["second"]["id"], seen["third"]]
    assert seen["downloaded"] and seen["filename"] == ["file", "valid.jsonl"]
    assert seen["after"]["validation_files"] == [{"id": job["validation_files"][0]["id"], "object": "file", "status": "deleted"}]
    # The base has a chat template, yet what was trained is the raw text, which is what completions ask for.
    assert seen["tuned"] == [COMPLETION[:len(seen["tuned"][0])], "length"] and seen["tuned"][0] == seen["pieces"]
    assert seen["base"] != seen["tuned"][0] and seen["answer"] == seen["chat"]
    assert MODEL in seen["models"] and job["fine_tuned_model"] in seen["models"]
    lines = [line.split(",") for line in seen["results"].splitlines()]
    assert lines[0] == ["step", "elapsed_tokens", "elapsed_examples", "training_loss", "training_sequence_accuracy", "training_token_accuracy",
                        "validation_loss", "validation_sequence_accuracy", "validation_token_accuracy"]
    assert len(lines) == 25 and lines[-1][:3] == ["24", str(4 * tokens(rows)), "96"]
    assert float(lines[-1][3]) < float(lines[1][3]) and 0 <= float(lines[-1][5]) <= 1 and lines[6][6] and not lines[1][6]
    assert seen["deleted"] == {"id": created["id"], "object": "fine-tune", "deleted": True, "status": "succeeded"}
    assert seen["refused"] == {
        "unknown": [404, "fine_tune_not_found", "fine_tune_id"], "new": [404, "fine_tune_not_found", "fine_tuning_job_id"],
        "done": [400, "invalid_fine_tune_status", "fine_tune_id"], "weight": [400, "unsupported_value", "prompt_loss_weight"],
        "metrics": [400, "unsupported_value", "compute_classification_metrics"], "suffix": [400, "string_above_max_length", "suffix"],
        "epochs": [400, "integer_below_min_value", "n_epochs"], "model": [404, "model_not_found", "model"],
        "deleted": [404, "model_not_found", "model"], "events": [404, "fine_tune_not_found", "fine_tune_id"],
        "key": [401, "invalid_api_key"]}


def test_a_base_without_chat_template_is_trained_and_asked_raw(start, tmp_path):
    service, rows = start("raw"), pairs(14)
    job = fine_tune(service, write_rows(tmp_path / "rows.jsonl", rows), batch_size=4, n_epochs=12, learning_rate_multiplier=50)
    assert follow(service, job)[-1] == "[DONE]"
    document = service.get(f"/v1/fine-tunes/{job}")
    assert document["status"] == "succeeded", document["events"][-3:]
    lines = [line.split(",") for line in service.call("GET", f"/v1/files/{document['result_files'][0]['id']}/content")[1].decode().splitlines()[1:]]
    assert [int(line[2]) for line in lines[:5]] == [4, 8, 12, 14, 18] and [int(n) for n in lines[-1][:3]] == [48, 12 * tokens(rows), 12 * 14]
    asked = {"model": document["fine_tuned_model"], "prompt": "질문 5 ->", "max_tokens": 60, "temperature": 0}
    status, answer = service.call("POST", "/v1/completions", asked)
    assert status == 200 and [answer["choices"][0][key] for key in ("text", "finish_reason")] == [COMPLETION, "stop"]
    assert service.chat(document["fine_tuned_model"])[0] == 400, "there is no template to render a chat with"


def test_chats_are_rendered_by_the_template(start, tmp_path):
    """A row of messages means the same in both APIs: what it costs in tokens shows the template's marks."""
    service = start()
    rows = [{"messages": [{"role": "user", "content": "가"}, {"role": "assistant", "content": "나"}]}] * 12
    job = fine_tune(service, write_rows(tmp_path / "rows.jsonl", rows), n_epochs=1)
    follow(service, job)
    document = service.get(f"/v1/fine-tunes/{job}")
    last = service.call("GET", f"/v1/files/{document['result_files'][0]['id']}/content")[1].decode().splitlines()[-1].split(",")
    rendered = 2 + len("user\n가\n".encode()) + 2 + len("assistant\n나\n".encode())
    assert last[0] == "12" and int(last[1]) in (12 * rendered, 12 * (rendered - 1)), last


def test_many_streams_take_no_worker(start, tmp_path):
    """The server has four workers; ten streams of a job that runs leave it answering, and all hear the same."""
    service = start()
    job = fine_tune(service, write_rows(tmp_path / "rows.jsonl", pairs(48)), n_epochs=50)
    heard, seen = [], [threading.Event() for _ in range(10)]
    listeners = [threading.Thread(target=lambda one=one: heard.append(follow(service, job, one))) for one in seen]
    for listener in listeners:
        listener.start()
    assert all(one.wait(30) for one in seen)
    assert service.call("GET", "/health")[0] == 200
    assert service.call("POST", f"/v1/fine-tunes/{job}/cancel")[1]["status"] == "cancelled"
    for listener in listeners:
        listener.join(30)
    assert len(heard) == 10 and all(lines == heard[0] for lines in heard)
    assert heard[0][-1] == "[DONE]" and json.loads(heard[0][-2])["message"] == "Fine-tuning job cancelled"
    assert service.call("GET", f"/v1/fine_tuning/jobs/{job}")[1]["status"] == "cancelled", "the same job underneath"


def test_a_long_story_is_told_whole(start, tmp_path):
    """More events than are sent at once, to one who comes when the job has ended."""
    service = start()
    job = fine_tune(service, write_rows(tmp_path / "rows.jsonl", pairs(12)), n_epochs=50, batch_size=1)
    first = follow(service, job)
    listed = service.get(f"/v1/fine-tunes/{job}/events")["data"]
    assert len(listed) > 600 and first == follow(service, job)
    assert [json.loads(line) for line in first[:-1]] == listed and first[-1] == "[DONE]"


def test_a_server_that_ends_cuts_its_streams(start, tmp_path):
    service = start()
    job = fine_tune(service, write_rows(tmp_path / "rows.jsonl", pairs(48)), n_epochs=50)
    seen, ended = threading.Event(), []

    def listen():
        try:
            ended.append(follow(service, job, seen))
        except Exception as error:  # noqa: BLE001 - whichever way a client notices
            ended.append(error)

    listener = threading.Thread(target=listen)
    listener.start()
    assert seen.wait(30)
    service.stop()
    listener.join(30)
    assert ended and (isinstance(ended[0], Exception) or ended[0][-1] != "[DONE]")
