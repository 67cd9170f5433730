"""hone ft against hone serve, and against a scripted server for what ours does not show."""
import contextlib
import fcntl
import http.client
import http.server
import json
import os
import pty
import re
import signal
import struct
import subprocess
import termios
import threading
import time
import urllib.parse

import pytest

from e2e.service import HONE, MODEL, Service, chats, write_rows


@pytest.fixture(scope="module")
def service(model, tmp_path_factory):
    running = Service(model, tmp_path_factory.mktemp("service") / "data").start()
    yield running
    running.stop()


@pytest.fixture
def own_service(model, tmp_path):
    running = Service(model, tmp_path / "data").start()
    yield running
    running.stop()


def environment(address, key="sk-of-the-test"):
    """Nothing but what is said here: no proxy, no home."""
    return {"OPENAI_BASE_URL": address + "/v1", "OPENAI_API_KEY": key, "TZ": "UTC"}


def ft(where, *words, code=0, env=None, **options):
    settings = environment(where.address, where.key) if where else {}
    result = subprocess.run([HONE, "ft", *map(str, words)], env={**settings, **(env or {})}, capture_output=True, text=True, timeout=300, **options)
    assert result.returncode == code, (words, result)
    assert not where or where.key not in result.stdout + result.stderr
    return result


def ft_json(where, *words, **options):
    return json.loads(ft(where, *words, "--json", **options).stdout)


@pytest.fixture(scope="module")
def done(service, tmp_path_factory):
    """(result, job) of a job that was created and followed to its end."""
    rows = write_rows(tmp_path_factory.mktemp("data") / "학습 data.jsonl", chats(24))
    result = ft(service, "create", "--training-file", rows, "--validation-file", rows, "--model", MODEL, "--suffix", "support", "--seed", 7,
                "--n-epochs", 2, "--batch-size", 4, "--learning-rate-multiplier", 2, "--metadata", "team=고객", "--wait", "--json", "--interval", 0.1)
    return result, json.loads(result.stdout)


def long_job(service, folder):
    rows = write_rows(folder / "rows.jsonl", chats(48))
    return ft_json(service, "create", "--training-file", rows, "--model", MODEL, "--n-epochs", 6, "--batch-size", 4)["id"]


def ids(events):
    return [event["id"] for event in events]


def lines(text):
    return [json.loads(line) for line in text.splitlines()]


def test_from_the_file_to_the_model(service, done):
    result, job = done
    assert job["status"] == "succeeded" and job["seed"] == 7 and job["metadata"] == {"team": "고객"}
    assert job["hyperparameters"] == {"batch_size": 4, "learning_rate_multiplier": 2, "n_epochs": 2}
    assert re.fullmatch(rf"ft:{MODEL}:org:support:\w{{8}}", job["fine_tuned_model"])
    assert f"created {job['id']}" in result.stderr and "The job has successfully completed" in result.stderr
    assert service.get(f"/v1/files/{job['training_file']}")["filename"] == "학습 data.jsonl"
    assert ft_json(service, "retrieve", job["id"]) == job
    text = ft(service, "retrieve", job["id"]).stdout
    assert f"model           {job['fine_tuned_model']}\n" in text and f"{job['trained_tokens']:,}" in text


def test_list(service, done):
    job = done[1]
    listed = ft_json(service, "list", "--limit", 100)
    assert job["id"] in ids(listed["data"]) and listed["has_more"] is False
    row = next(line for line in ft(service, "list").stdout.splitlines() if job["id"] in line)
    assert re.fullmatch(rf"{job['id']} +{job['fine_tuned_model']} +succeeded +{job['trained_tokens']:,} tokens +\d+ (s|min)", row)
    assert job["id"] not in ids(ft_json(service, "list", "--after", job["id"])["data"])


def test_events(service, done):
    job = done[1]["id"]
    every = lines(ft(service, "events", job, "--follow", "--json").stdout)
    assert every == service.events(job)
    assert lines(ft(service, "events", job, "--limit", 3, "--json").stdout) == every[-3:]
    older = ft(service, "events", job, "--limit", 3, "--after", every[-3]["id"], "--json")
    assert lines(older.stdout) == every[-6:-3] and "there are older ones" in older.stderr
    assert re.search(r"^\d\d:\d\d:\d\d  Created fine-tuning job: ftjob-", ft(service, "events", job, "--follow").stdout)


def test_download(service, done, tmp_path):
    job = done[1]
    result = ft(service, "download", job["id"], cwd=tmp_path)
    name = service.get(f"/v1/files/{job['result_files'][0]}")["filename"]
    assert (tmp_path / name).read_text() == service.results(job) and name in result.stdout
    assert "is there already" in ft(service, "download", job["id"], cwd=tmp_path, code=2).stderr
    (tmp_path / name).write_text("old")
    assert ft_json(service, "download", job["id"], "--force", cwd=tmp_path)["bytes"] == len(service.results(job))
    ft(service, "download", job["training_file"], "--output", tmp_path / "rows.jsonl")
    assert (tmp_path / "rows.jsonl").read_text().count("\n") == 24
    assert "No such File" in ft(service, "download", "file-nothing", "--output", tmp_path / "none", code=2).stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([name, "rows.jsonl"])


def test_a_job_that_fails_says_why(service, tmp_path):
    rows = write_rows(tmp_path / "rows.jsonl", chats(2))
    result = ft(service, "create", "--training-file", rows, "--model", MODEL, "--wait", "--interval", 0.1, code=1)
    assert "failed: Training file has 2 example(s), but must have at least 10 examples" in result.stderr
    assert "(invalid_n_examples)" in result.stdout and "hone ft events ftjob-" in result.stderr


def test_delete(own_service, tmp_path):
    job = long_job(own_service, tmp_path)
    own_service.wait(job, "running")
    assert ft(own_service, "delete", job).stdout == f"cancelled {job}\n"
    assert own_service.get(f"/v1/fine_tuning/jobs/{job}")["status"] == "cancelled"
    assert "is over (cancelled)" in ft(own_service, "delete", job, code=2).stderr
    file = ft_json(own_service, "retrieve", job)["training_file"]
    assert ft_json(own_service, "delete", file) == {"id": file, "object": "file", "deleted": True}
    short = ft_json(own_service, "create", "--training-file", write_rows(tmp_path / "few.jsonl", chats(12)), "--model", MODEL, "--n-epochs", 1,
                    "--wait", "--interval", 0.1)
    assert ft(own_service, "delete", short["fine_tuned_model"]).stdout == f"deleted {short['fine_tuned_model']}\n"
    assert own_service.chat(short["fine_tuned_model"])[0] == 404
    assert f"delete what it made: {short['fine_tuned_model']}" in ft(own_service, "delete", short["id"], code=2).stderr


def test_following_through_a_killed_server(own_service, tmp_path):
    job = long_job(own_service, tmp_path)
    address = own_service.address
    own_service.command[own_service.command.index("--port") + 1] = address.rsplit(":", 1)[1]  # it comes back where it was
    following = subprocess.Popen([HONE, "ft", "events", job, "--follow", "--json", "--interval", "0.1"], env=environment(address, own_service.key),
                                 stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    own_service.wait(job, "running")
    for _ in range(2):
        own_service.kill()
        time.sleep(0.5)
        own_service.start()
        time.sleep(1)
    out, err = following.communicate(timeout=200)
    assert following.returncode == 0, err
    assert "gave no answer" in err and "the job is looked for until it answers" in err
    told = own_service.events(job)
    assert lines(out) == told and told[-1]["message"] == "The job has successfully completed"


def test_interrupting_leaves_the_job_running(own_service, tmp_path):
    rows = write_rows(tmp_path / "rows.jsonl", chats(48))
    waiting = subprocess.Popen([HONE, "ft", "create", "--training-file", rows, "--model", MODEL, "--n-epochs", "6", "--batch-size", "4", "--wait",
                                "--interval", "0.1"], env=environment(own_service.address, own_service.key), stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, text=True)
    job = re.fullmatch(r"created (ftjob-\S+)\n", waiting.stderr.readline())[1]
    waiting.send_signal(signal.SIGINT)
    _, err = waiting.communicate(timeout=60)
    assert waiting.returncode == 130, err
    assert f"{job}: goes on; only looking at it has ended" in err and f"hone ft cancel {job}" in err
    assert "saving" not in err  # the note of training, which would be wrong here
    assert own_service.get(f"/v1/fine_tuning/jobs/{job}")["status"] in ("validating_files", "queued", "running")
    assert "cancelled" in ft(own_service, "cancel", job).stdout


@pytest.mark.parametrize("columns", [70, 120])
def test_a_bar_on_a_terminal(service, tmp_path, columns):
    rows = write_rows(tmp_path / "rows.jsonl", chats(48))
    screen, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    shown = b""
    process = subprocess.Popen([HONE, "ft", "create", "--training-file", rows, "--model", MODEL, "--n-epochs", "1", "--wait", "--interval", "0.05"],
                               env={**environment(service.address, service.key), "TERM": "xterm"}, stdout=subprocess.DEVNULL, stderr=terminal)
    os.close(terminal)
    with contextlib.suppress(OSError):
        while piece := os.read(screen, 4096):
            shown += piece
    os.close(screen)
    assert process.wait(60) == 0, shown
    bars = [line for line in re.split(r"\r\x1b\[K|\r\n", shown.decode()) if line.startswith("training ")]
    assert all(len(line) < columns for line in bars)
    assert columns == 70 or any(re.fullmatch(r"training [━╌]+ .*steps · .*/s · .* left · loss \d\.\d{4}", line) for line in bars), bars


def test_what_is_wrong_is_said(service, done, tmp_path):
    job = done[1]["id"]
    wrong = ft(None, "list", env=environment(service.address, "sk-secret-wrong"), code=2)
    assert "status 401" in wrong.stderr and "OPENAI_API_KEY" in wrong.stderr and "sk-secret-wrong" not in wrong.stderr
    without = ft(None, "list", env={"OPENAI_BASE_URL": service.address + "/v1"}, code=2)
    assert "fix: set OPENAI_API_KEY" in without.stderr
    unknown = ft(service, "retrieve", job[:-1] + "#", code=2)
    assert "Could not find fine tune" in unknown.stderr and f'did you mean "{job}"?' in unknown.stderr
    base = ft(service, "create", "--training-file", done[1]["training_file"], "--model", "gpt-5", code=2)
    assert "model_not_found" in base.stderr and f"known models: {MODEL}" in base.stderr
    assert "ftjob-" in ft(service, "events", "ftjob-x", "--follow", code=2).stderr
    for given, said in (("rows.jsonl", "does not exist"), (".", "is no file"), ("/dev/null", "is no file")):
        assert said in ft(service, "create", "--training-file", given, "--model", MODEL, cwd=tmp_path, code=2).stderr
    document = json.loads(ft(service, "retrieve", "ftjob-x", "--json", code=2).stdout)
    assert document["error"]["kind"] == "input" and "fine_tune_not_found" in document["error"]["message"]


def test_no_server():
    nothing = ft(None, "list", "--retries", 0, env=environment("http://127.0.0.1:9"), code=1)
    assert "http://127.0.0.1:9/v1" in nothing.stderr and "hone serve" in nothing.stderr
    hidden = ft(None, "list", "--base-url", "http://me:topsecret@127.0.0.1:9/v1", code=2)
    assert "topsecret" not in hidden.stderr + hidden.stdout


def test_no_proxy_sees_what_is_for_this_machine(service):
    ft(service, "list", env={"http_proxy": "http://127.0.0.1:9", "HTTP_PROXY": "http://127.0.0.1:9", "all_proxy": "http://127.0.0.1:9"})


def test_help_of_every_command():
    for name in ("create", "list", "retrieve", "cancel", "delete", "download", "events"):
        text = ft(None, name, "--help", env={"OPENAI_API_KEY": "sk-of-the-environment"}).stdout
        assert f"hone ft {name}" in text.split("Example: ")[1] and "sk-of" not in text


class Scripted:
    """Answers each request with the next step of a script: a function (request) -> (status, headers, bytes) or None, which cuts the
    connection. `seen` keeps (method, path, headers, body)."""

    key = "sk-of-the-test"

    def __init__(self, *script):
        steps, self.seen = iter(script), []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self):
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                outer.seen.append((self.command, self.path, self.headers, body))
                step = next(steps)
                answer = step(outer.seen[-1]) if callable(step) else step
                if answer is None:
                    self.close_connection = True
                    return
                status, headers, content = answer
                content = content if isinstance(content, bytes) else json.dumps(content).encode()
                self.send_response(status)
                for name, value in {"content-type": "application/json", "content-length": len(content), **headers}.items():
                    self.send_header(name, str(value))
                self.end_headers()
                self.wfile.write(content)
                self.close_connection = "cut" in headers

            do_GET = do_POST = do_DELETE = answer

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.server.server_port}"

    def __enter__(self):
        self.thread = threading.Thread(target=self.server.serve_forever)
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


JOB = {"id": "ftjob-1", "object": "fine_tuning.job", "status": "succeeded", "model": "m"}
NOTHING = {"object": "list", "data": [], "has_more": False}


def refusal(status, message="no", **headers):
    return status, {name.replace("_", "-"): value for name, value in headers.items()}, {"error": {"message": message, "code": 7, "param": None, "type": "x"}}


def test_too_many_requests_are_waited_for():
    with Scripted(refusal(429, retry_after="2"), (200, {}, NOTHING)) as server:
        begin = time.monotonic()
        result = ft(server, "list")
        assert time.monotonic() - begin >= 2 and "trying again in 2 s" in result.stderr and result.stdout == "no jobs\n"
    with Scripted(refusal(429, "slow down", retry_after="500")) as server:  # longer than anybody waits
        result = ft(server, "list", code=1)
        assert "slow down (status 429, 7)" in result.stderr and "try again after 500 s" in result.stderr


def test_failures_of_the_server_pass():
    with Scripted(refusal(500), refusal(503), (200, {}, JOB)) as server:
        assert ft_json(server, "retrieve", "ftjob-1") == JOB
        assert [request[2].get("x-stainless-retry-count") for request in server.seen] == [None, "1", "2"]
        assert {request[2]["authorization"] for request in server.seen} == {f"Bearer {server.key}"}
    with Scripted(refusal(500, "key sk-of-the-test is no good")) as server:
        assert "key … is no good" in ft(server, "list", "--retries", 0, code=1).stderr
    with Scripted((302, {"location": "http://elsewhere/v1"}, b"")) as server:
        assert "http://elsewhere/v1" in ft(server, "list", code=2).stderr and len(server.seen) == 1


def test_answers_that_are_none():
    for answer in ([], {"data": 3}, {"data": [{"id": 5}]}, {"data": [None]}, b"<html>", b""):
        with Scripted((200, {}, answer)) as server:
            assert "did not answer" in ft(server, "list", code=1).stderr
    with Scripted((404, {}, b"<html>nothing</html>")) as server:
        assert "as a rule it ends in /v1" in ft(server, "retrieve", "a/../b", code=2).stderr
        assert server.seen[0][1] == "/v1/fine_tuning/jobs/a%2F..%2Fb"


def test_a_file_arrives_whole_or_not_at_all(tmp_path):
    file = {"id": "file-1", "filename": "../../.ssh/keys", "object": "file", "bytes": 10}
    short = (200, {"content-length": 10, "cut": "yes"}, b"12345")
    with Scripted((200, {}, file), short, (200, {}, b"1234567890")) as server:
        ft(server, "download", "file-1", cwd=tmp_path)
        assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"keys": b"1234567890"}
    with Scripted(short, short, short) as server:
        ft(server, "download", "file-1", "--output", tmp_path / "new", code=1)
        assert [path.name for path in tmp_path.iterdir()] == ["keys"]


def test_a_lost_answer_makes_no_second_job(service, done):
    """The first request reaches the service, but its answer is lost on the way."""
    def passed_on(request):
        method, path, headers, body = request
        connection = http.client.HTTPConnection(urllib.parse.urlsplit(service.address).netloc, timeout=60)
        connection.request(method, path, body, {name: value for name, value in headers.items() if name.lower() not in ("host", "content-length")})
        answer = connection.getresponse()
        passed.append((answer.status, answer.read()))
        connection.close()
        return None if len(passed) == 1 else (passed[-1][0], {}, passed[-1][1])

    passed = []
    before = len(service.get("/v1/fine_tuning/jobs?limit=100")["data"])
    with Scripted(passed_on, passed_on) as server:
        server.key = service.key
        job = ft_json(server, "create", "--training-file", done[1]["training_file"], "--model", MODEL, "--n-epochs", 1)
    assert [json.loads(body)["id"] for _, body in passed] == [job["id"]] * 2
    assert len(service.get("/v1/fine_tuning/jobs?limit=100")["data"]) == before + 1
    service.wait(job["id"])
