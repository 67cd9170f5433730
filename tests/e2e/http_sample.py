"""hone_http_sample and raw requests to it, for the tests of the HTTP server."""
import contextlib
import http.client
import json
import os
import pathlib
import re
import socket
import subprocess
import threading

SERVER = pathlib.Path(os.environ["HONE"]).parent / "tests" / "hone_http_sample"
KEY = b"Authorization: Bearer good\r\n"


class Server:
    """The sample server; what it prints is collected line by line."""

    def __init__(self, **options):
        words = [f"{name}={value}" for name, value in options.items()]
        self.process = subprocess.Popen([SERVER, *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.lines, self.grown = [], threading.Condition()
        self.reader = threading.Thread(target=self._collect, daemon=True)
        self.reader.start()
        self.port = int(self.wait_for(r"port (\d+)")[1])

    def _collect(self):
        for line in self.process.stdout:
            with self.grown:
                self.lines.append(line.rstrip("\n"))
                self.grown.notify_all()

    def wait_for(self, pattern, seconds=10):
        def find():
            return next((found for line in self.lines if (found := re.fullmatch(pattern, line))), None)
        with self.grown:
            assert self.grown.wait_for(find, seconds), (pattern, self.lines[-10:])
            return find()

    def connect(self):
        return socket.create_connection(("127.0.0.1", self.port), timeout=20)

    def stop(self, seconds=0):
        if self.process.poll() is None:
            self.process.stdin.write(f"stop {seconds}\n")
            self.process.stdin.flush()
        assert self.process.wait(60) == 0
        self.reader.join()
        assert self.lines[-1] == "stopped"

    def memory_mib(self):
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmHWM:\s+(\d+)", status)[1]) / 1024

    def threads(self):
        return len(os.listdir(f"/proc/{self.process.pid}/task"))


@contextlib.contextmanager
def start(**options):
    """A server of its own, stopped with the test."""
    running = Server(**options)
    try:
        yield running
    except BaseException:
        running.process.kill()
        running.process.wait()
        raise
    running.stop()


def read_all(connection):
    data = b""
    try:
        while piece := connection.recv(65536):
            data += piece
    except ConnectionResetError:
        pass
    return data


def receive_until(connection, text):
    received = b""
    while text not in received:
        piece = connection.recv(10_000)
        assert piece, received
        received += piece


def exchange(server, data):
    """What comes back until the server closes."""
    with server.connect() as connection:
        connection.sendall(data)
        return read_all(connection)


def request(line, *fields, body=b"", close=True):
    head = b"".join([line, b" HTTP/1.1\r\nHost: h\r\n", KEY, *(field + b"\r\n" for field in fields)])
    if close:
        head += b"Connection: close\r\n"
    return head + b"\r\n" + body


def statuses(data):
    return [int(code) for code in re.findall(rb"HTTP/1\.1 (\d\d\d) [A-Z]", data)]


def status_of(data):
    found = statuses(data)
    assert len(found) == 1, data
    return found[0]


def body_of(data):
    return data.split(b"\r\n\r\n", 1)[1]


def fetch(server, method, path, body=None, headers=None, **options):
    client = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30, **options)
    client.request(method, path, body, {"Authorization": "Bearer good", **(headers or {})})
    answer = client.getresponse()
    content = answer.read()
    client.close()
    return answer, content
