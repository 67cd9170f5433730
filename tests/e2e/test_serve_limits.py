"""What a job may take: memory, processor time, cores; and what its bad data may take of the server."""
import pathlib
import time

from e2e import survival
from e2e.service import chats, write_rows


def failed(service, path, **hyperparameters):
    """(error, last event) of a job that fails."""
    job = service.wait(service.job(training_file=service.upload(path), method={"type": "supervised", "supervised": {
        "hyperparameters": {"n_epochs": 50, "batch_size": 1, **hyperparameters}}}))
    assert job["status"] == "failed", job
    return job["error"], service.events(job["id"])[-1]


def test_more_memory_than_allowed(start, tmp_path):
    # So much that the program itself starts, and sees before the first step that it will not do.
    service = start("--job-memory-mib", "256")
    error, event = failed(service, write_rows(tmp_path / "rows.jsonl", chats(64, "네, 도와드리겠습니다. " * 200)), batch_size=64, n_epochs=1)
    assert error["code"] == "memory_limit_exceeded" and error["param"] is None
    assert "more memory than this server allows" in error["message"] and "batch_size" in error["message"]
    assert event["level"] == "error" and error["message"] in event["message"]
    # One that fits is not in the way of it.
    file = service.upload(write_rows(tmp_path / "small.jsonl", chats(12)))
    assert service.wait(service.job(training_file=file))["status"] == "succeeded"


def test_more_time_than_allowed(start, tmp_path):
    service = start("--job-cpu-seconds", "3")
    error, event = failed(service, write_rows(tmp_path / "rows.jsonl", chats(2000)))
    assert error["code"] == "time_limit_exceeded" and "3 s of processor time" in error["message"]
    assert event["level"] == "error" and error["message"] in event["message"]


def test_as_many_cores_as_allowed_and_after_the_answers(start, tmp_path):
    service = start()
    job = service.job(**survival.submit(service, survival.upload_all(service, tmp_path), "sft"))
    survival.wait_until(lambda: survival.children(service.process.pid))
    worker = pathlib.Path(f"/proc/{survival.children(service.process.pid)[0]}")
    survival.wait_until(lambda: b"--threads\x001\x00" in (worker / "cmdline").read_bytes())
    assert (worker / "stat").read_text().rpartition(")")[2].split()[16] == "10", "nice"
    service.wait(job)


def resident(process):
    text = pathlib.Path(f"/proc/{process}/status").read_text()
    return int(text.split("VmRSS:")[1].split()[0]) << 10


def test_bad_lines_without_end_take_no_memory_and_are_told_once(start, tmp_path):
    service = start()
    lines, limit = 1_000_000, 10_000
    path = tmp_path / "bad.jsonl"
    path.write_text('{"messages": 1}\n' * lines)
    file = service.upload(path)
    before = peak = resident(service.process.pid)
    job = service.job(training_file=file)
    killed = False
    until = time.monotonic() + 120
    while (document := service.get(f"/v1/fine_tuning/jobs/{job}"))["status"] == "validating_files":
        assert time.monotonic() < until
        peak = max(peak, resident(service.process.pid))
        faults = service.get(f"/v1/fine_tuning/jobs/{job}/events?limit=1")["data"][0]
        if not killed and faults["data"].get("line", 0) > 500:
            killed = True
            service.kill()
            service.start()
    assert killed and document["error"]["code"] == "invalid_training_file"
    assert "Line 1, " in document["error"]["message"] and "1000000 faults" in document["error"]["message"].replace(",", "")
    told, after = [], ""
    while True:
        page = service.get(f"/v1/fine_tuning/jobs/{job}/events?limit=1000{after}")
        told += page["data"]
        if not page["has_more"]:
            break
        after = f"&after={page['last_id'] if page.get('last_id') else page['data'][-1]['id']}"
    faults = [event for event in told[::-1] if event["data"].get("param")]
    assert [event["data"].get("line") for event in faults] == [*range(1, limit), None], "each once, in order"
    assert faults[-1]["message"] == "training_file: … and 990,001 more"
    assert all(event["data"]["check"] for event in faults[:-1])
    assert peak - before < 48 << 20, f"{(peak - before) >> 20} MiB more for {path.stat().st_size >> 20} MiB of bad lines"
