"""The HTTP server: uploads, streams, clients that leave or stall, TLS, curl. Through raw sockets, nothing is mocked."""
import http.client
import json
import os
import pathlib
import socket
import ssl
import subprocess
import time

import pytest
from http_sample import SERVER, Server, body_of, exchange, fetch, read_all, receive_until, request, start, status_of, statuses


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    running = Server(spool=tmp_path_factory.mktemp("spool"))
    yield running
    running.stop()


# --- uploads ---------------------------------------------------------------------------------------------------------

def form(*parts, boundary=b"XX"):
    pieces = []
    for disposition, body in parts:
        pieces.append(b"--" + boundary + b"\r\nContent-Disposition: form-data; " + disposition + b"\r\n\r\n" + body + b"\r\n")
    return b"".join(pieces) + b"--" + boundary + b"--\r\n"


MULTIPART = {"Content-Type": "multipart/form-data; boundary=XX"}


def test_parts_of_a_form(server):
    body = form((b'name="purpose"', b"fine-tune"), (b'name="file"; filename="../../a.jsonl"', b'{"a": 1}\n'),
                (b'name="empty"; filename="e"', b""))
    answer, content = fetch(server, "POST", "/upload", body, MULTIPART)
    purpose, file, empty = json.loads(content)
    assert (answer.status, purpose["body"], purpose["is_file"]) == (200, "fine-tune", False)
    assert (file["filename"], file["first"], file["bytes"], file["size"]) == ("../../a.jsonl", '{"a": 1}\n', 9, 9)
    assert pathlib.Path(file["file"]).parent == pathlib.Path(empty["file"]).parent
    assert pathlib.Path(file["file"]).name.startswith(".upload-")
    deadline = time.monotonic() + 5  # gone with the request
    while os.path.exists(file["file"]):
        assert time.monotonic() < deadline


def test_forms_that_are_refused(server):
    def status(body, path="/upload/small", headers=MULTIPART):
        return fetch(server, "POST", path, body, headers)[0].status
    part = (b"name=a", b"b")
    assert status(form(*[part] * 30)) == 200
    assert status(form(part)[:-6]) == 400
    assert status(b"") == 400
    assert status(form((b"name=a", b"b" * 20_000))) == 413
    assert status(form(*[part] * 100)) == 413  # an empty field takes room too
    assert status(form(*[(b"name=a; filename=b", b"")] * 1025)) == 400
    assert status(form((b"filename=b", b""))) == 400
    assert status(form(part), headers={"Content-Type": "multipart/form-data"}) == 400
    assert status(b"x" * (2 << 20)) == 413


def test_a_large_upload_takes_little_memory(tmp_path):
    size = 200 << 20
    with start(spool=tmp_path) as server:
        before = server.memory_mib()
        block = os.urandom(1 << 20)
        begin = b'--XX\r\nContent-Disposition: form-data; name="file"; filename="file"\r\n\r\n'
        end = b"\r\n--XX--\r\n"
        with server.connect() as connection:
            connection.sendall(request(b"POST /upload", b"Content-Type: multipart/form-data; boundary=XX",
                                       b"Content-Length: %d" % (len(begin) + size + len(end))) + begin)
            for _ in range(size >> 20):
                connection.sendall(block)
            connection.sendall(end)
            data = read_all(connection)
        assert status_of(data) == 200 and json.loads(body_of(data))[0]["size"] == size
        assert server.memory_mib() < before + 16
    assert list(tmp_path.iterdir()) == []


def test_an_upload_that_breaks_off_leaves_nothing(tmp_path):
    with start(spool=tmp_path) as server:
        with server.connect() as connection:
            connection.sendall(request(b"POST /upload", b"Content-Type: multipart/form-data; boundary=XX",
                                       b"Content-Length: 10000000") + form((b"name=f; filename=g", b"x" * 500_000))[:400_000])
            deadline = time.monotonic() + 5
            while not list(tmp_path.iterdir()):
                assert time.monotonic() < deadline
        while list(tmp_path.iterdir()):
            assert time.monotonic() < deadline


# --- streams ---------------------------------------------------------------------------------------------------------

def test_events_arrive_as_chunks(server):
    answer, content = fetch(server, "GET", "/events?count=1000")
    assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert content == b"".join(b"data: event %d\n\n" % i for i in range(1000))


def test_a_stream_that_is_not_closed_is_seen_to_be_broken(server):
    data = exchange(server, request(b"GET /events?count=3&cut=1"))
    assert not data.endswith(b"0\r\n\r\n")


@pytest.mark.parametrize("path", ["/wait", "/idle"])
def test_a_client_that_leaves_is_noticed_at_once(server, path):
    for how in ("close", "reset"):
        name = f"leaves-{path[1:]}-{how}"
        connection = server.connect()
        connection.sendall(request(f"GET {path}".encode(), b"X-Request-Id: " + name.encode()))
        if path == "/idle":
            receive_until(connection, b": open")
        else:
            time.sleep(0.2)
        if how == "reset":
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        begin = time.monotonic()
        connection.close()
        server.wait_for("gone " + name)
        assert time.monotonic() - begin < 0.1
        server.wait_for(f"done {name} 499 {path}")


def test_a_slow_reader_is_cut_off():
    with start(write_stall_seconds=1) as server:
        before = server.memory_mib()
        connection = server.connect()
        connection.sendall(request(b"GET /flood", b"X-Request-Id: slow"))
        server.wait_for("gone slow")
        sent = int(server.wait_for(r"flood (\d+)")[1])
        assert sent < 64 << 20
        assert server.memory_mib() < before + 16
        connection.close()


def test_a_reader_that_stalls_in_a_whole_answer_is_cut_off(tmp_path):
    with open(tmp_path / "file", "wb") as file:
        file.truncate(1 << 30)
    with start(file=tmp_path / "file", write_stall_seconds=0.5) as server:
        with server.connect() as connection:
            connection.sendall(request(b"GET /file", b"X-Request-Id: stalls"))
            server.wait_for("done stalls 499 /file")


def test_many_streams_on_few_threads():
    count = 500
    with start() as server:
        connections = [server.connect() for _ in range(count)]
        for connection in connections:
            connection.sendall(request(b"GET /idle"))
        for connection in connections:
            receive_until(connection, b": open")
        assert server.threads() < 12
        assert json.loads(fetch(server, "POST", "/tell")[1]) == count
        for connection in connections:
            assert read_all(connection).endswith(b"data: hello\n\n\r\n0\r\n\r\n")
            connection.close()


def test_stopping_lets_requests_finish_and_cuts_what_stays():
    server = Server()
    with server.connect() as late, server.connect() as waits, server.connect() as idle:
        idle.sendall(request(b"GET /show/a", close=False))
        assert statuses(idle.recv(10_000)) == [200]
        late.sendall(request(b"GET /later?seconds=0.5", close=False))
        waits.sendall(request(b"GET /wait", b"X-Request-Id: stays"))
        time.sleep(0.2)
        begin = time.monotonic()
        server.stop(1)
        assert 0.9 < time.monotonic() - begin < 5
        data = read_all(late)
        assert statuses(data) == [200] and b"connection: close" in data
        assert read_all(waits) == b"" and read_all(idle) == b""
    assert "gone stays" in server.lines


# --- TLS, addresses, other clients ---------------------------------------------------------------------------------------

@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tls")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
                    "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", folder / "key.pem",
                    "-out", folder / "cert.pem"], check=True, capture_output=True)
    return folder


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion")
def test_tls(certificate, tmp_path):
    (tmp_path / "file").write_bytes(b"x" * 2_000_000)
    with start(certificate=certificate / "cert.pem", key=certificate / "key.pem", file=tmp_path / "file") as server:
        context = ssl.create_default_context(cafile=certificate / "cert.pem")
        client = http.client.HTTPSConnection("localhost", server.port, context=context, timeout=20)
        for path, size in (("/show/a", 100), ("/events?count=100", 1000), ("/file", 2_000_000)):
            client.request("GET", path, headers={"Authorization": "Bearer good"})
            answer = client.getresponse()
            assert answer.status == 200 and len(answer.read()) > size - 1
        client.close()
        with context.wrap_socket(server.connect(), server_hostname="localhost") as connection:
            connection.sendall(request(b"GET /idle", b"X-Request-Id: tls"))
            assert b"HTTP/1.1 200" in connection.recv(10_000)
            begin = time.monotonic()
        server.wait_for("gone tls")
        assert time.monotonic() - begin < 0.2
        assert statuses(exchange(server, request(b"GET /show/a"))) == [400]  # not HTTP inside TLS
        old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
        old.set_ciphers("ALL:@SECLEVEL=0")
        old.maximum_version = ssl.TLSVersion.TLSv1_1
        with pytest.raises(OSError), server.connect() as connection:
            old.wrap_socket(connection)


def test_what_cannot_be_served_is_explained(certificate, server):
    def failure(**options):
        words = [f"{name}={value}" for name, value in options.items()]
        result = subprocess.run([SERVER, *words], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30)
        assert result.returncode == 2
        return result.stdout
    text = failure(port=server.port)
    assert f"127.0.0.1:{server.port}" in text and "another program listens there" in text
    assert "203.0.113.1" in failure(host="203.0.113.1")
    assert "no.such.host.invalid" in failure(host="no.such.host.invalid")
    assert "belong together" in failure(certificate=certificate / "cert.pem")
    assert "key.pem" in failure(certificate=certificate / "key.pem", key=certificate / "key.pem")
    assert "private key" in failure(certificate=certificate / "cert.pem", key=certificate / "cert.pem")


def test_curl(server, tmp_path):
    (tmp_path / "a.jsonl").write_text('{"a": 1}\n')
    base = ["curl", "-sS", "--fail-with-body", "-H", "Authorization: Bearer good"]
    url = f"http://127.0.0.1:{server.port}"
    upload = subprocess.run([*base, "-H", "Expect: 100-continue", "-F", "purpose=fine-tune", "-F", f"file=@{tmp_path}/a.jsonl",
                             f"{url}/upload"], check=True, capture_output=True)
    purpose, file = json.loads(upload.stdout)
    assert (purpose["body"], file["filename"], file["first"]) == ("fine-tune", "a.jsonl", '{"a": 1}\n')
    two = subprocess.run([*base, f"{url}/show/a", f"{url}/events?count=2"], check=True, capture_output=True).stdout
    assert two.endswith(b"data: event 0\n\ndata: event 1\n\n")
    refused = subprocess.run(["curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}", f"{url}/show/a"], capture_output=True)
    assert refused.stdout == b"401"
