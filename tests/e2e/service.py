"""hone serve as a process on a small random model, and requests to it."""
import contextlib
import http.client
import json
import os
import pathlib
import re
import signal
import subprocess
import time
import urllib.error
import urllib.request

from parity import reference_models, small_tokenizer

HONE = os.environ["HONE"]
ROOT = pathlib.Path(__file__).resolve().parents[2]
CLIENTS = ROOT / "build/python-clients/bin/python"
LEGACY_CLIENT = ROOT / "build/python-clients_legacy/bin/python"
MODEL = "gpt-4o-mini-2024-07-18"


def base_model(folder):
    reference_models.llama(folder, vocab_size=small_tokenizer.VOCABULARY, hidden_size=96, intermediate_size=192, num_hidden_layers=2,
                           max_position_embeddings=512)
    small_tokenizer.write(folder)
    return folder


def chats(count, answer="네, 도와드리겠습니다."):
    return [{"messages": [{"role": "system", "content": "친절합니다."}, {"role": "user", "content": f"질문 {i}"},
                          {"role": "assistant", "content": f"{answer} {i % 7}"}]} for i in range(count)]


def write_rows(path, rows):
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path


class Service:
    """One server on a data folder; start() again after kill() goes on with it."""

    def __init__(self, model, data, *options, preexec=None):
        self.preexec = preexec
        self.command = [HONE, "serve", "--model", model, "--served-model-name", MODEL, "--data-dir", data, "--port", "0", "--json",
                        "--threads", "1", "--job-threads", "1", "--job-rank", "4", *options]
        self.data = pathlib.Path(data)
        self.model = MODEL
        self.log_path = pathlib.Path(f"{data}.log")
        self.key = None
        self.process = None

    def start(self):
        self.log = open(self.log_path, "ab")
        self.process = subprocess.Popen(list(map(str, self.command)), stdout=subprocess.PIPE, stderr=self.log, preexec_fn=self.preexec)
        line = self.process.stdout.readline()
        assert line, self.log_path.read_text()
        self.told = json.loads(line)
        self.address, self.key = self.told["address"], self.told.get("api_key", self.key)
        return self

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            assert self.process.wait(timeout=60) == 0, self.log_path.read_text()

    def memory_mib(self):
        """The most that was resident so far."""
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmHWM:\s+(\d+)", status)[1]) / 1024

    def seconds_of_processor(self):
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def environment(self):
        return {**os.environ, "OPENAI_BASE_URL": self.address + "/v1", "OPENAI_API_BASE": self.address + "/v1", "OPENAI_API_KEY": self.key}

    def client(self, script, *arguments, python=CLIENTS, **options):
        return subprocess.run([python, ROOT / "tests/clients" / script, *map(str, arguments)], env=self.environment(),
                              capture_output=True, text=True, timeout=300, **options)

    def call(self, method, path, body=None, key=None, headers=None):
        """(status, document)"""
        data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.address + path, data=data, method=method, headers={
            "authorization": f"Bearer {key or self.key}", "content-type": "application/json", **(headers or {})})
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                text = answer.read()
                return answer.status, json.loads(text) if answer.headers.get_content_type() == "application/json" else text
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read())

    def get(self, path):
        status, document = self.call("GET", path)
        assert status == 200, document
        return document

    def send_file(self, path, purpose="fine-tune"):
        """(status, document)"""
        mark = "hone-boundary"
        body = (f"--{mark}\r\ncontent-disposition: form-data; name=\"purpose\"\r\n\r\n{purpose}\r\n--{mark}\r\n"
                f"content-disposition: form-data; name=\"file\"; filename=\"{path.name}\"\r\n\r\n").encode() + path.read_bytes() + f"\r\n--{mark}--\r\n".encode()
        return self.call("POST", "/v1/files", body, headers={"content-type": f"multipart/form-data; boundary={mark}"})

    def upload(self, path, purpose="fine-tune"):
        status, file = self.send_file(path, purpose)
        assert status == 200, file
        return file["id"]

    def job(self, **settings):
        status, job = self.call("POST", "/v1/fine_tuning/jobs", {"model": MODEL, **settings})
        assert status == 200, job
        return job["id"]

    def wait(self, job, *statuses, seconds=120):
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            with contextlib.suppress(urllib.error.URLError, http.client.HTTPException, ConnectionError):
                document = self.get(f"/v1/fine_tuning/jobs/{job}")
                if document["status"] in (statuses or ("succeeded", "failed", "cancelled")):
                    return document
            time.sleep(0.05)
        raise AssertionError(f"{job} is still {document['status']}: {self.events(job)[-3:]}")

    def events(self, job):
        """The oldest first."""
        return self.get(f"/v1/fine_tuning/jobs/{job}/events?limit=1000")["data"][::-1]

    def results(self, job):
        return self.call("GET", f"/v1/files/{job['result_files'][0]}/content")[1].decode()

    def chat(self, model=MODEL, content="안녕", **settings):
        return self.call("POST", "/v1/chat/completions", {"model": model, "messages": [{"role": "user", "content": content}], **settings})
