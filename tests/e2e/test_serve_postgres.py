"""The whole service on a PostgreSQL server of the distribution, and what happens when that server goes away."""
import json
import random
import signal
import time

import pytest

from e2e import survival
from e2e.postgres import Postgres, programs
from e2e.service import CLIENTS, Service, chats, write_rows

pytestmark = pytest.mark.skipif(programs() is None, reason="no PostgreSQL server is installed")


@pytest.fixture(scope="module")
def postgres():
    server = Postgres()
    yield server
    server.close()


@pytest.fixture
def start(start, postgres, request):
    def make(*options):
        return start("--database", postgres.new_database(f"test_{abs(hash(request.node.name)) % 10**9}"), *options)
    return make


@pytest.fixture(scope="module")
def unbroken(model, tmp_path_factory):
    """On SQLite: which database it was must not be seen either."""
    folder = tmp_path_factory.mktemp("unbroken")
    service = Service(model, folder / "data").start()
    job = service.job(**survival.submit(service, survival.upload_all(service, folder), "sft"))
    service.wait(job)
    found = survival.outcome(service, job)
    service.stop()
    return found


def begin(service, folder):
    return service.job(**survival.submit(service, survival.upload_all(service, folder), "sft"))


def wait_for_step(service, job, step):
    survival.wait_until(lambda: len(survival.steps(service, job)) >= step)


@pytest.mark.skipif(not CLIENTS.exists(), reason="build/python-clients is not there: tools/setup.sh oracles")
def test_from_the_upload_to_the_answer(start, tmp_path):
    service = start()
    result = service.client("whole_way.py", write_rows(tmp_path / "rows.jsonl", chats(24)))
    assert result.returncode == 0, result.stderr
    seen = json.loads(result.stdout)
    assert [step["step"] for step in seen["metrics"]] == list(range(12, 0, -1))
    assert [step for step, _ in seen["checkpoints"]] == [12, 6]
    assert seen["checked"] > 40 and not (service.data / "hone.db").exists()
    # Keys live in the same place: they are there after a restart.
    key = service.call("POST", "/v1/keys", {"name": "kim", "role": "use"})[1]["key"]
    service.stop()
    service.start()
    assert service.call("GET", "/v1/models", key=key)[0] == 200


def test_jobs_are_those_of_sqlite_through_kills_and_restarts_of_the_database(start, postgres, tmp_path, unbroken):
    service = start("--job-save-seconds", "0.2")
    job = begin(service, tmp_path)
    draw = random.Random(3)
    for how in (signal.SIGINT, signal.SIGQUIT):
        wait_for_step(service, job, 2)
        time.sleep(draw.uniform(0, 0.3))
        postgres.stop(how)
        time.sleep(draw.uniform(0, 1))
        postgres.start()
    service.kill()
    service.start()
    service.wait(job)
    assert survival.outcome(service, job) == unbroken
    survival.nothing_lies_about(service, [job])


def test_a_long_outage_fails_no_job(start, postgres, tmp_path, unbroken):
    service = start()
    job = begin(service, tmp_path)
    wait_for_step(service, job, 1)
    postgres.stop(signal.SIGQUIT)
    log = tmp_path / "data.log"
    try:
        # Requests are not kept waiting for ever, and are told that it is the server's trouble.
        status, refused = service.call("GET", "/v1/fine_tuning/jobs")
        assert status >= 500 and refused["error"]["type"] == "server_error"
        assert str(postgres.folder) not in json.dumps(refused)
        survival.wait_until(lambda: "jobs: waiting, then trying again" in log.read_text(), why=log.read_text)
    finally:
        postgres.start()
    service.wait(job)
    assert survival.outcome(service, job) == unbroken
    assert "jobs: going on" in log.read_text()
    survival.nothing_lies_about(service, [job])
