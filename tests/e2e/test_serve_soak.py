"""kill -9 of the server, of a worker, or of both, at random moments: nothing that a client sees tells of it.

HONE_SOAK=200 kills as often (about two seconds each), HONE_SOAK_SEED=n draws other moments."""
import contextlib
import http.client
import os
import random
import threading
import time
import urllib.error

import pytest

from e2e import survival
from e2e.service import MODEL, Service

KILLS = int(os.environ.get("HONE_SOAK", "10"))
SEED = int(os.environ.get("HONE_SOAK_SEED", "17"))
KINDS = ("sft", "dpo")
GONE = (urllib.error.URLError, http.client.HTTPException, ConnectionError)


@pytest.fixture(scope="module")
def unbroken(model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("unbroken")
    service = Service(model, folder / "data").start()
    files = survival.upload_all(service, folder)
    jobs = {kind: service.job(**survival.submit(service, files, kind)) for kind in KINDS}
    for job in jobs.values():
        service.wait(job)
    found = {kind: survival.outcome(service, job) for kind, job in jobs.items()}
    survival.nothing_lies_about(service, jobs.values())
    service.stop()
    return found


class Soak:
    def __init__(self, service, files, draw):
        self.service, self.files, self.draw = service, files, draw
        self.jobs = {}  # id -> kind
        self.open = []
        self.kills = {"worker": 0, "server": 0, "both": 0, "creating": 0}
        self.fruitless = 0  # kills of a worker in a row: the third without a step in between would fail the job, rightly
        self.seen = 0

    def count(self):
        return sum(self.kills.values())

    def progress(self):
        for job in list(self.open):
            document = self.service.get(f"/v1/fine_tuning/jobs/{job}")
            assert document["status"] not in ("failed", "cancelled"), (document, self.service.events(job)[-5:])
            if document["status"] == "succeeded":
                self.open.remove(job)
        finished = len(self.jobs) - len(self.open)
        return finished * 1000 + sum(len(survival.steps(self.service, job)) for job in self.open)

    def still_open(self):
        self.progress()
        return self.open

    def wait_for_a_step(self):
        # Of the next worker: what the last one did may be told only now, and it ends before there is another.
        survival.wait_until(lambda: survival.children(self.service.process.pid) or not self.still_open())
        before = self.progress()
        survival.wait_until(lambda: self.progress() > before or not self.open)

    def create(self, kind, dies):
        """Creates a job as a client does that tries again; the server `dies` meanwhile or not."""
        body = {"model": MODEL, **survival.submit(self.service, self.files, kind, metadata={"number": str(len(self.jobs))})}
        process = self.service.process
        timer = threading.Timer(self.draw.uniform(0, 0.03), process.kill)
        if dies:
            timer.start()
        headers = {}
        while True:
            try:
                status, job = self.service.call("POST", "/v1/fine_tuning/jobs", body, headers=headers)
                break
            except GONE:
                self.service.process.wait()
                self.service.start()
                headers = {"x-stainless-retry-count": "1"}
        assert status == 200, job
        self.jobs[job["id"]] = kind
        self.open.append(job["id"])
        if not dies:
            return
        timer.join()
        process.wait()
        self.kills["creating"] += 1
        if self.service.process is process:  # it was quicker than the kill
            self.service.start()

    def restart(self):
        self.service.kill()
        self.service.start()

    def kill(self):
        what = self.draw.choice(("worker", "worker", "server", "both"))
        if what != "server" and self.fruitless >= 2:
            self.wait_for_a_step()
            self.fruitless = 0
        time.sleep(self.draw.uniform(0, 1.2))
        found = survival.kill_workers(self.service) if what != "server" else 0
        self.fruitless += found
        if what != "worker":
            self.restart()
        if found or what != "worker":
            self.kills[what] += 1

    def run(self):
        while self.count() < KILLS:
            self.progress()
            while len(self.open) < 2 and self.count() < KILLS:
                self.create(KINDS[len(self.jobs) % 2], dies=self.draw.random() < 0.3)
            self.kill()
        for job in self.open:
            self.service.wait(job)


def test_kills_at_random_moments_change_nothing(model, tmp_path, unbroken):
    print(f"seed {SEED}, {KILLS} kills")
    service = Service(model, tmp_path / "data", "--job-save-seconds", "0.15").start()
    soak = Soak(service, survival.upload_all(service, tmp_path), random.Random(SEED))
    try:
        soak.run()
        print(f"{soak.kills}, {len(soak.jobs)} jobs")
        listed = [job["id"] for job in service.get("/v1/fine_tuning/jobs?limit=100")["data"]]
        assert sorted(listed) == sorted(soak.jobs)[:100] or len(soak.jobs) > 100, "a job was made twice, or lost"
        for job, kind in soak.jobs.items():
            found = survival.outcome(service, job)
            assert found == unbroken[kind], (job, kind)
            assert service.chat(service.get(f"/v1/fine_tuning/jobs/{job}")["fine_tuned_model"], max_tokens=2)[0] == 200
        service.stop()
        service.start()
        survival.nothing_lies_about(service, soak.jobs)
    finally:
        with contextlib.suppress(ProcessLookupError):
            service.stop()
