"""Hostile uploads to the service: names, contents, sizes; what becomes of them when the server is killed."""
import http.client
import json
import socket
import time

import pytest

from e2e.service import Service, chats, write_rows

BOUNDARY = "hone-boundary"
MIB = 1 << 20


@pytest.fixture(scope="module")
def service(model, tmp_path_factory):
    running = Service(model, tmp_path_factory.mktemp("service") / "data").start()
    yield running
    running.stop()


def form_head(filename=b"rows.jsonl", purpose=b"fine-tune"):
    return (b"--%s\r\nContent-Disposition: form-data; name=\"purpose\"\r\n\r\n%s\r\n--%s\r\nContent-Disposition: form-data; name=\"file\"; "
            b"filename=%s\r\n\r\n" % (BOUNDARY.encode(), purpose, BOUNDARY.encode(), b'"' + filename.replace(b"\\", b"\\\\").replace(b'"', b'\\"') + b'"'))


FORM_END = f"\r\n--{BOUNDARY}--\r\n".encode()


def connect(service):
    host, port = service.address.removeprefix("http://").split(":")
    return http.client.HTTPConnection(host, int(port), timeout=60)


def send(service, content, **head):
    """(status, document) of an upload whose content is bytes or a list of pieces."""
    pieces = [form_head(**head), *([content] if isinstance(content, bytes) else content), FORM_END]
    connection = connect(service)
    connection.request("POST", "/v1/files", iter(pieces), {"Authorization": f"Bearer {service.key}", "Content-Length": str(sum(map(len, pieces))),
                                                          "Content-Type": f"multipart/form-data; boundary={BOUNDARY}"})
    answer = connection.getresponse()
    document = json.loads(answer.read())
    connection.close()
    return answer.status, document


def spooled(service):
    return [path.name for path in (service.data / "spool").iterdir()]


def listing(folder):
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


NAMES = {b"../../etc/passwd": "passwd", b"/etc/cron.d/evil": "evil", b"..\\..\\boot.ini": "boot.ini", b"..": "file", b".": "file", b"a/..": "file", b"/": "file",
         b"C:\\x\\rows.jsonl": "rows.jsonl", "‮lnosj.exe".encode(): "lnosj.exe", "⁦a⁩.jsonl".encode(): "a.jsonl", "．．／etc／passwd".encode(): "．．／etc／passwd",
         "회원 명단.jsonl".encode(): "회원 명단.jsonl", b"%2e%2e%2fetc%2fpasswd": "%2e%2e%2fetc%2fpasswd", b"a" * 1000 + b".jsonl": None, b"-rf": "-rf", b"<b>x</b>": "b>",
         b"'; DROP TABLE files; --": "'; DROP TABLE files; --", b"x\x7f.jsonl": 400, b"x\x00.jsonl": 400, b"\xff\xfe.jsonl": 400, b"x\tb": "xb"}


@pytest.mark.parametrize("given", NAMES, ids=range(len(NAMES)))
def test_a_filename_is_a_name(service, given):
    before = listing(service.data.parent)
    status, file = send(service, b'{"messages": []}\n', filename=given)
    expected = NAMES[given]
    if expected == 400:
        assert status == 400, file
        return
    assert status == 200 and len(file["filename"]) <= 201 and (expected is None or file["filename"] == expected), file
    assert service.get(f"/v1/files/{file['id']}")["filename"] == file["filename"]
    made = {name for name in listing(service.data.parent) - before if "hone.db" not in name}
    assert all(name.startswith(("data/blobs/", "data/spool/")) for name in made), made
    assert service.call("DELETE", f"/v1/files/{file['id']}")[0] == 200


def test_the_name_of_rfc_8187_too(service):
    body = form_head().replace(b'filename="rows.jsonl"', b"filename*=UTF-8''..%2F..%2Fetc%2Fpasswd") + b'{"a": 1}' + FORM_END
    status, file = service.call("POST", "/v1/files", body, headers={"content-type": f"multipart/form-data; boundary={BOUNDARY}"})
    assert (status, file["filename"]) == (200, "passwd")
    for bad in (b"filename*=UTF-8''a%00b", b"filename*=UTF-8''%FF", b"filename*=UTF-16''a", b"filename*=UTF-8''a%0d%0ab"):
        body = form_head().replace(b'filename="rows.jsonl"', bad) + b'{"a": 1}' + FORM_END
        assert service.call("POST", "/v1/files", body, headers={"content-type": f"multipart/form-data; boundary={BOUNDARY}"})[0] == 400


def one_line(megabytes):
    yield b'{"messages": [{"role": "user", "content": "'
    for _ in range(megabytes):
        yield b"a" * MIB
    yield b'"}, {"role": "assistant", "content": "a"}]}'


GOOD = json.dumps(chats(1)[0], ensure_ascii=False).encode()
# content, what the job's error is to say, and what an event is to say
HOSTILE = {
    "one line of megabytes": (list(one_line(48)), "invalid_training_file", "longer than the limit"),
    "no line break": (GOOD, "invalid_n_examples", None),
    "bad lines by the million": ([b'{"\n' * 500_000], "invalid_training_file", "faults in all"),
    "bad messages by the million": ([b'{"messages": [', b"0," * 2_000_000, b"0]}\n"], "invalid_training_file", "faults in all"),
    "members by the million": ([b"{", b",".join(b'"%d":0' % i for i in range(400_000)), b"}\n"], "invalid_training_file", "fit no known"),
    "NUL": ((GOOD + b"\n") * 12 + b'{"a": "\0"}\n', "invalid_training_file", "a NUL"),
    "invalid UTF-8": ((GOOD + b"\n") * 12 + b'{"a": "\xff"}\n', "invalid_training_file", "not UTF-8"),
    "surrogate": ((GOOD + b"\n") * 12 + b'{"messages": [{"role": "user", "content": "\\ud800"}]}\n', "invalid_training_file", "Line 13"),
    "a key twice": ((GOOD + b"\n") * 12 + b'{"messages": 1, ' + GOOD[1:] + b"\n", "invalid_training_file", "Line 13"),
    "deep": (b'{"messages": ' + b"[" * 1_000_000 + b"]" * 1_000_000 + b"}\n", "invalid_training_file", "Line 1"),
    "UTF-16": ("\ufeff" + GOOD.decode()).encode("utf-16-le"), "gzip": b"\x1f\x8b\x08\0", "zip": b"PK\x03\x04", "pickle": b"\x80\x04\x95",
    "markup": b"<html>", "list": b"[" + GOOD + b"]", "blanks": b" \n" * 100_000,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_contents_are_refused_in_bounded_memory(start, name):
    service = start()
    before = service.memory_mib()
    case = HOSTILE[name]
    if isinstance(case, bytes):  # refused at once
        status, answer = send(service, case)
        assert (status, answer["error"]["code"]) == (400, "invalid_file_format")
        assert service.get("/v1/files")["data"] == [] and spooled(service) == []
        return
    content, code, words = case
    status, file = send(service, content)
    assert status == 200, file
    job = service.wait(service.job(training_file=file["id"]))
    assert job["status"] == "failed" and job["error"]["code"] == code, job["error"]
    events = service.events(job["id"])
    assert len(json.dumps(events)) < 1_000_000 and (words is None or any(words in event["message"] for event in events)), events[-3:]
    assert all(len(event["message"]) < 2000 for event in events)
    assert service.memory_mib() < before + 100, "the file's size does not show in the server's memory"
    assert service.get("/health") == {"status": "ok"}


def test_line_ends_and_marks_of_other_systems_are_read(start):
    """CRLF and a BOM, as Windows writes them, and no line break at the end."""
    service = start()
    rows = [json.dumps(row, ensure_ascii=False) for row in chats(12)]
    status, file = send(service, b"\xef\xbb\xbf" + "\r\n".join(rows).encode())
    job = service.wait(service.job(training_file=file["id"], hyperparameters={"n_epochs": 1, "batch_size": 12}))
    assert status == 200 and job["status"] == "succeeded", job


def test_an_upload_has_a_size(start):
    service = start("--max-upload-mib", "2")
    before = service.memory_mib()
    status, answer = send(service, [b"{" + b"a" * MIB] * 3)
    assert (status, answer["error"]["code"]) == (413, "request_too_large")
    connection = connect(service)  # no length that could be looked at beforehand
    connection.request("POST", "/v1/files", iter([form_head(), *[b"{" + b"a" * MIB] * 6, FORM_END]),
                       {"Authorization": f"Bearer {service.key}", "Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}, encode_chunked=True)
    assert connection.getresponse().status == 413
    connection.close()
    assert service.memory_mib() < before + 30 and service.get("/v1/files")["data"] == [] and spooled(service) == []


def settled(service, content):
    """An upload once those before have given back their room, which they do just after their answer."""
    until = time.monotonic() + 20
    while spooled(service) and time.monotonic() < until:
        time.sleep(0.02)
    time.sleep(0.1)
    return send(service, content)


def test_storage_has_a_limit(start):
    service = start("--max-storage-mib", "4")
    contents = [b'{"n": %d, "a": "' % i + b"a" * (MIB * 13 // 10) + b'"}\n' for i in range(4)]
    first = settled(service, contents[0])[1]
    assert settled(service, contents[1])[0] == 200
    assert settled(service, contents[0])[0] == 200, "the same content takes no more space"
    assert settled(service, contents[2])[0] == 200
    status, answer = settled(service, contents[3])
    assert (status, answer["error"]["code"]) == (413, "storage_limit_exceeded"), answer
    assert len(service.get("/v1/files")["data"]) == 4
    for file in service.get("/v1/files")["data"]:
        if file["bytes"] == first["bytes"]:
            service.call("DELETE", f"/v1/files/{file['id']}")
    assert settled(service, contents[3])[0] == 200, "what was deleted makes room"


def test_uploads_at_work_count_too(start):
    """Many at once must not take the disk that each alone may not."""
    service = start("--max-storage-mib", "4")
    held = []
    port = int(service.address.rsplit(":", 1)[1])
    head = (f"POST /v1/files HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer {service.key}\r\nContent-Type: multipart/form-data; boundary={BOUNDARY}\r\n"
            "Content-Length: 100000000\r\n\r\n").encode() + form_head()
    for _ in range(3):
        connection = socket.create_connection(("127.0.0.1", port), timeout=20)
        connection.sendall(head + b"{" + b"a" * (3 * MIB // 2))
        held.append(connection)
    refused = [connection for connection in held if answered(connection)]
    assert len(refused) == 1 and spool_bytes(service) < 4 * MIB
    for connection in held:
        connection.close()
    until = time.monotonic() + 20
    while spooled(service) and time.monotonic() < until:
        time.sleep(0.05)
    assert spooled(service) == []
    assert send(service, b'{"a": "' + b"a" * MIB + b'"}\n')[0] == 200, "what is over counts no more"


def spool_bytes(service):
    return sum(path.stat().st_size for path in (service.data / "spool").iterdir())


def answered(connection):
    connection.settimeout(3)
    try:
        return connection.recv(100).startswith(b"HTTP/1.1 413 ")
    except TimeoutError:
        return False


def begun(service):
    """An upload that has begun and does not go on."""
    port = int(service.address.rsplit(":", 1)[1])
    connection = socket.create_connection(("127.0.0.1", port), timeout=20)
    connection.sendall((f"POST /v1/files HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer {service.key}\r\nContent-Type: multipart/form-data; "
                        f"boundary={BOUNDARY}\r\nContent-Length: 100000000\r\n\r\n").encode() + form_head() + b"{" + b"a" * MIB)
    until = time.monotonic() + 20
    while not spooled(service):
        assert time.monotonic() < until
        time.sleep(0.02)
    return connection


def test_what_was_half_there_goes(start, tmp_path):
    service = start()
    connection = begun(service)
    connection.close()  # the client leaves
    until = time.monotonic() + 20
    while spooled(service):
        assert time.monotonic() < until
        time.sleep(0.02)
    connection = begun(service)
    service.kill()  # the server is killed
    assert spooled(service) != []
    service.start()
    assert spooled(service) == [] and service.get("/v1/files")["data"] == []
    connection.close()
    status, file = send(service, write_rows(tmp_path / "rows.jsonl", chats(3)).read_bytes())
    service.kill()
    service.start()
    assert status == 200 and service.call("GET", f"/v1/files/{file['id']}/content")[1] == (tmp_path / "rows.jsonl").read_bytes()


def test_forms_that_are_none(service):
    whole = form_head() + GOOD + FORM_END
    for body in (b"", FORM_END, whole[:-10], whole.replace(b"form-data; name=\"file\"", b"attachment"), whole.replace(b'name="file"', b'name="other"'),
                 whole.replace(b"\r\n\r\n", b"\n\n"), form_head() * 2000 + FORM_END, form_head(purpose=b"x" * 2_000_000) + FORM_END,
                 whole.replace(b"\r\n\r\n", b"\r\nContent-Transfer-Encoding: base64\r\n\r\n"), form_head(purpose=b"fine-tune-results") + GOOD + FORM_END):
        status, answer = service.call("POST", "/v1/files", body, headers={"content-type": f"multipart/form-data; boundary={BOUNDARY}"})
        assert status in (400, 411, 413), (body[:100], status)
        assert set(answer["error"]) == {"message", "type", "param", "code"}
    for kind in ("multipart/form-data", "multipart/form-data; boundary=" + "a" * 71, "application/json", "multipart/mixed; boundary=a"):
        assert service.call("POST", "/v1/files", whole, headers={"content-type": kind})[0] in (400, 415)
    assert spooled(service) == []
