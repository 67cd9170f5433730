"""What must hold after whatever ended a server or a worker: the jobs are those of a run that nothing disturbed."""
import hashlib
import os
import pathlib
import signal
import sqlite3
import time

from e2e.service import chats, write_rows

STEPS_EACH_EPOCH, EPOCHS = 6, 3


def submit(service, files, kind, **settings):
    """A job of 18 steps: "sft" with validation data, or "dpo"."""
    numbers = {"n_epochs": EPOCHS, "batch_size": 4}
    method = {"type": "dpo", "dpo": {"hyperparameters": {**numbers, "beta": 0.2}}} if kind == "dpo" else {
        "type": "supervised", "supervised": {"hyperparameters": numbers}}
    if kind == "sft":
        settings["validation_file"] = files["valid"]
    return {"training_file": files[kind], "seed": 11, "method": method, "suffix": kind, **settings}


def upload_all(service, folder):
    pairs = [{"input": {"messages": [{"role": "user", "content": f"질문 {i}"}]}, "preferred_output": [{"role": "assistant", "content": f"네 {i}"}],
              "non_preferred_output": [{"role": "assistant", "content": "아니요"}]} for i in range(24)]
    rows = {"sft": chats(24), "valid": chats(6, "정말 그렇습니다."), "dpo": pairs}
    return {name: service.upload(write_rows(folder / f"{name}.jsonl", one)) for name, one in rows.items()}


def steps(service, job):
    return [event["data"] for event in service.events(job) if event["type"] == "metrics"]


def outcome(service, job):
    """Everything of a finished job that does not depend on when it ran."""
    document = service.get(f"/v1/fine_tuning/jobs/{job}")
    assert document["status"] == "succeeded", document
    checkpoints = service.get(f"/v1/fine_tuning/jobs/{job}/checkpoints?limit=100")["data"]
    told = [event["message"] for event in service.events(job)]
    adapters = {}
    for folder in (service.data / "models").iterdir():
        if folder.name.split(".")[0] == job:
            adapters[folder.name.removeprefix(job)] = hashlib.sha256((folder / "adapter_model.safetensors").read_bytes()).hexdigest()
    return {"results": service.results(document), "steps": steps(service, job), "adapters": adapters,
            "checkpoints": [(one["step_number"], one["metrics"]) for one in checkpoints][::-1],
            "trained_tokens": document["trained_tokens"], "ends": told.count("The job has successfully completed"),
            "begins": told.count("Fine-tuning job started"), "validated": told.count("Files validated, moving job to queued state")}


def children(process):
    """Numbers of the processes that `process` has started and that still run."""
    found = []
    for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            number, rest = stat.read_text().split(" ", 1)
            state, parent = rest.rpartition(")")[2].split()[:2]
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(parent) == process and state != "Z":
            found.append(int(number))
    return found


def kill_workers(service):
    """How many there were; they are gone when this returns."""
    killed = []
    for number in children(service.process.pid):
        try:
            os.kill(number, signal.SIGKILL)
            killed.append(number)
        except ProcessLookupError:
            pass
    wait_until(lambda: not set(killed) & set(children(service.process.pid)))
    return len(killed)


def wait_until(holds, seconds=180, why="did not come about"):
    until = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < until, why() if callable(why) else why
        time.sleep(0.02)


def nothing_lies_about(service, jobs):
    """`jobs`: all that the data folder has ever seen, each at its end. The server runs."""
    wait_until(lambda: not children(service.process.pid), why="a worker is left over")
    data = service.data
    assert not list((data / "spool").iterdir())
    assert sorted(path.name for path in (data / "jobs").iterdir()) == sorted(jobs)
    assert not [path for path in (data / "jobs").rglob("*") if ".tmp-" in path.name or path.name in ("unsettled", "final")]
    ends = [f".{(epoch + 1) * STEPS_EACH_EPOCH}" for epoch in range(EPOCHS)] + [""]
    assert sorted(path.name for path in (data / "models").iterdir()) == sorted(job + end for job in jobs for end in ends)
    assert all(path.is_dir() for path in (data / "blobs").iterdir()), "a content that was never finished"
    for run in (data / "jobs").glob("*/run"):
        assert [path.name for path in run.glob("checkpoint-*")] == [f"checkpoint-{EPOCHS * STEPS_EACH_EPOCH}"], "checkpoints pile up"
    # SQLite resolves links, so it does not find the way into another process's disk.
    if (data / "hone.db").exists() and data.parts[1] != "proc":
        with sqlite3.connect(f"file:{data / 'hone.db'}?mode=ro", uri=True) as database:
            assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            assert not database.execute("PRAGMA foreign_key_check").fetchall()
