"""A full disk under the service: what cannot be kept is refused or waits, and nothing is half there."""
import os
import pathlib
import resource

import pytest

from e2e import survival
from e2e.service import Service, chats, write_rows
from e2e.small_disk import SmallDisk, why_not

pytestmark = pytest.mark.skipif(why_not() != "", reason=why_not())


@pytest.fixture
def small(model, tmp_path):
    """(service, disk): the whole data folder on a disk of 24 MiB."""
    disk = SmallDisk(tmp_path / "disk", 24)
    service = Service(model, disk.at / "data", "--job-save-seconds", "0.2")
    service.command = disk.prefix() + service.command
    service.data = disk.seen / "data"
    service.log_path = tmp_path / "log"
    yield service, disk
    service.stop()
    disk.close()


def files_in(folder):
    return {path for path in folder.rglob("*") if path.is_file() and "hone.db" not in path.name}


def is_no_space(answer):
    status, refused = answer
    return (status, refused["error"]["code"], refused["error"]["type"]) == (507, "insufficient_storage", "server_error")


def test_what_does_not_fit_is_refused_and_leaves_nothing(small, tmp_path):
    service, disk = small
    service.start()
    small_file = service.upload(write_rows(tmp_path / "small.jsonl", chats(12)))
    before = files_in(service.data)
    large = write_rows(tmp_path / "large.jsonl", chats(12, "가" * 600_000))
    assert large.stat().st_size > 20 << 20
    disk.fill(leave=8 << 20)
    assert is_no_space(service.send_file(large))
    assert files_in(service.data) == before
    disk.fill()
    assert is_no_space(service.send_file(tmp_path / "small.jsonl"))
    # Rows that find no place either: refused, not lost. What is there is still read.
    answers = [service.call("POST", "/v1/fine_tuning/jobs", {"model": service.model, "training_file": small_file, "metadata": {"n": f"{i}" * 500}})
               for i in range(3)]
    assert all(is_no_space(answer) for answer in answers), answers
    assert service.get(f"/v1/files/{small_file}")["id"] == small_file and service.chat(max_tokens=2)[0] == 200
    assert service.get("/v1/fine_tuning/jobs")["data"] == []
    assert files_in(service.data) == before and not list((service.data / "jobs").iterdir())
    disk.empty()
    job = service.wait(service.job(training_file=service.upload(tmp_path / "small.jsonl")))
    assert job["status"] == "succeeded", job


def test_a_job_on_a_full_disk_waits_and_loses_nothing(small, tmp_path):
    service, disk = small
    service.start()
    files = survival.upload_all(service, tmp_path)
    reference = service.job(**survival.submit(service, files, "sft"))
    service.wait(reference)
    job = service.job(**survival.submit(service, files, "sft", metadata={"disk": "full"}))
    survival.wait_until(lambda: survival.steps(service, job))
    disk.fill()
    told = service.log_path
    survival.wait_until(lambda: "No space left" in told.read_text() or "disk is full" in told.read_text(), why=told.read_text)
    assert service.get(f"/v1/fine_tuning/jobs/{job}")["status"] in ("running", "paused")
    disk.empty()
    document = service.wait(job, "paused", "succeeded", "failed")
    if document["status"] == "paused":  # and not where the worker never came to write
        event = next(one for one in service.events(job) if one["level"] == "error")
        assert "disk is full" in event["message"] and "No space left on device" in event["message"] and "resume" in event["message"]
        assert service.call("POST", f"/v1/fine_tuning/jobs/{job}/resume")[0] == 200
    service.wait(job)
    assert survival.outcome(service, job) == survival.outcome(service, reference)
    survival.nothing_lies_about(service, [reference, job])


def test_a_limit_on_the_size_of_files_is_a_full_disk(model, tmp_path):
    service = Service(model, tmp_path / "data")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4 << 20, hard))
    try:
        service.start()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert is_no_space(service.send_file(write_rows(tmp_path / "large.jsonl", chats(12, "가" * 200_000))))
    assert not list((service.data / "spool").iterdir())
    assert service.call("GET", "/v1/files")[1]["data"] == []
    service.stop()
    assert pathlib.Path(f"/proc/{service.process.pid}").exists() is False and os.path.exists(service.data)
