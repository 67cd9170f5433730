"""What attackers try on the service, line by line as docs/security.md lists it. Uploads are in test_security_uploads.py, framing and
slow clients in test_http*.py."""
import concurrent.futures
import contextlib
import http.client
import json
import os
import pathlib
import re
import shutil
import socket
import ssl
import struct
import subprocess
import sys

import pytest

from e2e.no_network import forbidden
from e2e.service import HONE, MODEL, Service, chats, write_rows

OPEN_ROUTES = [("GET", "/health")]


@pytest.fixture(scope="module")
def service(model, tmp_path_factory):
    running = Service(model, tmp_path_factory.mktemp("service") / "data").start()
    running.use = running.call("POST", "/v1/keys", {"name": "app", "role": "use"})[1]["key"]
    running.train = running.call("POST", "/v1/keys", {"name": "kim", "role": "train"})[1]["key"]
    yield running
    running.stop()


def raw(service, method, target, headers=None, body=None):
    """(status, headers, text) of a request as it is written here."""
    connection = http.client.HTTPConnection(service.address.removeprefix("http://"), timeout=30)
    with contextlib.closing(connection):
        connection.putrequest(method, target, skip_host="Host" in (headers or {}), skip_accept_encoding=True)
        for name, value in (headers or {}).items():
            connection.putheader(name, value)
        if body is not None:
            connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body)
        answer = connection.getresponse()
        return answer.status, dict(answer.getheaders()), answer.read().decode()


def bearer(key):
    return {"Authorization": f"Bearer {key}"}


def ask(**settings):
    return {"model": MODEL, "messages": [{"role": "user", "content": "안녕"}], "max_tokens": 2, **settings}


def alive(service):
    status, answer = service.chat(max_tokens=2)
    return status == 200 and answer["usage"]["completion_tokens"] > 0 and service.process.poll() is None


# --- keys and routes -------------------------------------------------------------------------------------------------

def test_every_route_asks_for_a_key_and_the_role_it_names(service):
    routes = service.told["routes"]
    assert len(routes) > 25 and len({(one["method"], one["path"]) for one in routes}) == len(routes)
    unguarded = [(one["method"], one["path"]) for one in routes if one["role"] is None]
    page = [(method, path) for method, path in unguarded if method == "GET" and re.fullmatch(r"/|/assets/[\w./-]+", path)]
    assert [one for one in unguarded if one not in page] == OPEN_ROUTES
    ranks = {"use": 0, "train": 1, "admin": 2}
    for one in routes:
        path = re.sub(r"\{\w+\}", "nothing-1", one["path"])
        if one["role"] is None:
            assert raw(service, one["method"], path)[0] == 200
            continue
        for headers in ({}, bearer(""), bearer("sk-hone-" + "a" * 40), {"Authorization": "Basic " + service.key},
                        {"Authorization": service.key}, {"X-Api-Key": service.key}, {"Api-Key": service.key}):
            status, _, text = raw(service, one["method"], path, headers, b"{}")
            assert status == 401 and json.loads(text)["error"]["type"] == "invalid_request_error", (one, headers)
        for name, key in (("use", service.use), ("train", service.train)):
            status, _, text = raw(service, one["method"], path, bearer(key), b"{}")
            assert (status == 403) == (ranks[name] < ranks[one["role"]]), (one, name, status)
            if status == 403:
                assert json.loads(text)["error"]["code"] == "insufficient_permissions"


def test_what_is_no_route_asks_for_a_key_too(service):
    for method, path in (("POST", "/"), ("GET", "/v1"), ("GET", "/metrics"), ("TRACE", "/v1/models"), ("PUT", "/v1/keys"), ("OPTIONS", "/v1/keys"),
                         ("HEAD", "/v1/files"), ("GET", "/v2/models"), ("POST", "/health/x"), ("DELETE", "/v1/models")):
        assert raw(service, method, path)[0] == 401, (method, path)


@pytest.mark.parametrize("path", ["/v1/keys/", "//v1/keys", "/v1//keys", "/v1/%6beys", "/%76%31/keys", "/v1/./keys", "/health/../v1/keys",
                                  "/health/..%2fv1/keys", "/v1%2fkeys", "/v1/keys%2f", "/V1/KEYS", "/v1/keys;a=b", "/v1/keys?/health",
                                  "http://127.0.0.1/v1/keys", "/v1/keys%20", "/v1/k%D0%B5ys", "/v1/%252e%252e/keys", "/\\v1\\keys"])
def test_no_spelling_of_a_path_skips_the_check(service, path):
    assert raw(service, "GET", path)[0] == 401
    assert raw(service, "GET", path, bearer(service.use))[0] in (403, 404)


def test_a_role_that_may_not_is_refused_before_the_body(service):
    """Else anybody with a key for questions could fill the disk with uploads that are refused in the end."""
    head = (f"POST /v1/files HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer {service.use}\r\nContent-Type: multipart/form-data; boundary=b\r\n"
            "Content-Length: 400000000\r\nExpect: 100-continue\r\n\r\n").encode()
    with socket.create_connection(("127.0.0.1", int(service.address.rsplit(":", 1)[1])), timeout=20) as connection:
        connection.sendall(head)
        assert connection.recv(1000).startswith(b"HTTP/1.1 403 ")


def test_keys_are_kept_as_hashes_and_compared_as_they_are(service):
    keys = [service.key, service.use, service.train]
    at_rest = b"".join(path.read_bytes() for path in service.data.glob("hone.db*"))
    assert b"kim" in at_rest, "the rows are in what was read"
    for key in keys:
        assert key.encode() not in at_rest and key.removeprefix("sk-hone-").encode() not in at_rest
    for key in (service.use.upper(), service.use[:-1], service.use + "a", service.use[:-1] + "!", service.use + "\u00a0", "*", "%", "' OR 1=1 --"):
        assert raw(service, "GET", "/v1/models", bearer(key.encode()))[0] == 401, key
    assert raw(service, "GET", "/v1/models", {"Authorization": f"bEaReR   {service.use}  "})[0] == 200
    listed = service.get("/v1/keys")
    assert not any(key in json.dumps(listed) for key in keys)


def test_the_folder_is_its_owners_alone(service):
    assert service.data.stat().st_mode & 0o077 == 0


def test_no_other_origin_is_let_in(service):
    origin = {"Origin": "https://evil.example", "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}
    for method, path, headers in (("OPTIONS", "/v1/models", origin), ("OPTIONS", "/v1/models", {**origin, **bearer(service.key)}),
                                  ("GET", "/v1/models", {**origin, **bearer(service.key)}), ("GET", "/health", origin)):
        _, answered, _ = raw(service, method, path, headers)
        assert not [name for name in answered if name.lower().startswith("access-control")]


def test_without_keys_web_pages_of_others_are_kept_out(start):
    """A page elsewhere can make a browser on this machine ask 127.0.0.1, by a form or by a name that it lets point here."""
    service = start("--no-auth")
    port = service.address.rsplit(":", 1)[1]
    for headers in ({"Host": f"evil.example:{port}"}, {"Host": "evil.example"}, {"Origin": "https://evil.example"}, {"Origin": "null"},
                    {"Origin": "http://127.0.0.1.evil.example"}, {"Host": "127.0.0.1.evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
        for method, path in (("GET", "/v1/models"), ("POST", "/v1/keys")):
            status, _, text = raw(service, method, path, headers, b'{"name": "evil", "role": "admin"}' if method == "POST" else None)
            assert status == 403 and "evil" not in text, headers
    for headers in ({}, {"Host": f"localhost:{port}"}, {"Host": f"[::1]:{port}"}, {"Origin": f"http://127.0.0.1:{port}"},
                    {"Origin": f"http://localhost:{port}", "Host": f"localhost:{port}"}):
        assert raw(service, "GET", "/v1/models", headers)[0] == 200, headers


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1"])
def test_without_keys_no_other_machine_is_served(model, tmp_path, host):
    result = subprocess.run([HONE, "serve", "--model", model, "--data-dir", tmp_path / "data", "--no-auth", "--host", host, "--port", "0"],
                            capture_output=True, text=True, timeout=60)
    assert result.returncode == 2 and "--no-auth" in result.stderr and "127.0.0.1" in result.stderr


def test_other_machines_are_served_with_a_key(start):
    service = start("--host", "0.0.0.0")
    assert service.key.startswith("sk-hone-") and len(service.key) == 48
    service.address = service.address.replace("0.0.0.0", "127.0.0.1")
    assert raw(service, "GET", "/v1/models")[0] == 401 and service.call("GET", "/v1/models")[0] == 200


def test_an_alias_follows_administrators_models_alone(start, tmp_path):
    """Else whoever may train could put a model of his own in the place of the one that everybody asks."""
    service = start("--alias", "helper=latest:helper")
    key = service.call("POST", "/v1/keys", {"name": "mallory", "role": "train"})[1]["key"]
    admin, service.key = service.key, key
    job = service.wait(service.job(training_file=service.upload(write_rows(tmp_path / "rows.jsonl", chats(10))), suffix="helper",
                                   hyperparameters={"n_epochs": 1, "batch_size": 10}))
    assert job["status"] == "succeeded"
    for name in ("helper", "latest:helper"):
        assert service.chat(name, max_tokens=1)[0] == 404
    service.key = admin
    job = service.wait(service.job(training_file=service.upload(tmp_path / "rows.jsonl"), suffix="helper", hyperparameters={"n_epochs": 1, "batch_size": 10}))
    service.key = key
    assert service.chat("helper", max_tokens=1)[1]["model"] == job["fine_tuned_model"]


# --- names are never paths -------------------------------------------------------------------------------------------

TRICKS = ["..%2f..%2f..%2fetc%2fpasswd", "%2fetc%2fpasswd", "..", "%2e%2e", "..%5c..%5cx", "%252e%252e%252f", "hone.db", "..%2fhone.db",
          "file-%2e%2e%2flock", "%C0%AE%C0%AE%2F", "%E2%80%AE", "file-%EF%BC%8E%EF%BC%8E%EF%BC%8Fx", "a%00b", "%0d%0aset-cookie:a=b", "-", "%25", "*", "'",
          "%27%20OR%20%271%27=%271", "a" * 4000, "con", "%F0%9F%92%A9"]


@pytest.mark.parametrize("trick", TRICKS, ids=range(len(TRICKS)))
def test_ids_are_looked_up_and_never_opened(service, trick):
    for method, path in (("GET", "/v1/files/{}"), ("GET", "/v1/files/{}/content"), ("DELETE", "/v1/files/{}"), ("GET", "/v1/models/{}"),
                         ("DELETE", "/v1/models/{}"), ("GET", "/v1/fine_tuning/jobs/{}"), ("GET", "/v1/fine_tuning/jobs/{}/events"),
                         ("POST", "/v1/fine_tuning/jobs/{}/cancel"), ("GET", "/v1/fine-tunes/{}"), ("DELETE", "/v1/keys/{}")):
        status, headers, text = raw(service, method, path.format(trick), bearer(service.key))
        assert status in (400, 404), (path, status)
        assert "set-cookie" not in {name.lower() for name in headers}
        assert str(service.data) not in text and "root:" not in text


@pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/passwd", "..", "hone.db", "a\0b", "ft:x:../../y::", "\u202ecod.jsonl", "．．／x", "x" * 100_000, "%2e%2e"])
def test_names_in_bodies_are_looked_up_and_never_opened(service, name):
    for body in ({"model": MODEL, "training_file": name}, {"model": MODEL, "training_file": "file-x", "validation_file": name}, {"model": name, "training_file": "file-x"}):
        for path in ("/v1/fine_tuning/jobs", "/v1/fine-tunes"):
            status, answer = service.call("POST", path, body)
            assert status in (400, 404) and str(service.data) not in json.dumps(answer)
    status, answer = service.call("POST", "/v1/chat/completions", ask(model=name))
    assert (status, answer["error"]["code"]) in ((404, "model_not_found"), (400, None))


@pytest.mark.parametrize("suffix", ["../../evil", "/etc/cron.d/x", "a\0b", "..", "％２ｅ", "\u202egnp", "a:b:ckpt-step-1", "$(touch x)", "x\r\ny"])
def test_a_suffix_stays_a_word(start, tmp_path, service, suffix):
    file = service.upload(write_rows(tmp_path / "rows.jsonl", chats(10)))
    status, job = service.call("POST", "/v1/fine_tuning/jobs", {"model": MODEL, "training_file": file, "suffix": suffix})
    assert status == 200 and re.fullmatch(r"[A-Za-z0-9_-]{1,64}", job["suffix"])
    service.call("POST", f"/v1/fine_tuning/jobs/{job['id']}/cancel")


def test_metadata_and_headers_are_given_back_as_data(service, tmp_path):
    file = service.upload(write_rows(tmp_path / "rows.jsonl", chats(10)))
    metadata = {"a": "x\r\nSet-Cookie: a=b", "b\r\nX-Evil: 1": "</script><script>alert(1)</script>"}
    status, headers, text = raw(service, "POST", "/v1/fine_tuning/jobs", {**bearer(service.key), "X-Request-Id": "a b;evil"},
                                json.dumps({"model": MODEL, "training_file": file, "metadata": metadata}).encode())
    assert status == 200 and json.loads(text)["metadata"] == metadata and headers["content-type"].startswith("application/json")
    assert not {"set-cookie", "x-evil"} & {name.lower() for name in headers} and re.fullmatch(r"req_[0-9a-f]{32}", headers["x-request-id"])
    service.call("POST", f"/v1/fine_tuning/jobs/{json.loads(text)['id']}/cancel")


# --- requests that ask for too much ----------------------------------------------------------------------------------

def schema(of):
    return {"response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": of}}}


def nested(depth, leaf):
    for _ in range(depth):
        leaf = {"anyOf": [leaf, {"type": "null"}]}
    return leaf


GREEDY = {
    "prompt": {"messages": [{"role": "user", "content": "가 " * 2000}]},
    "prompt of megabytes": {"messages": [{"role": "user", "content": "a" * 8_000_000}]},
    "n of 0": {"n": 0}, "n": {"n": 10**9}, "n is no number": {"n": "many"},
    "max_tokens": {"max_tokens": 2**63}, "negative max_tokens": {"max_tokens": -1}, "max_completion_tokens": {"max_completion_tokens": 1e300},
    "logprobs": {"logprobs": True, "top_logprobs": 21}, "negative logprobs": {"logprobs": True, "top_logprobs": -1}, "all logprobs": {"prompt_logprobs": -1},
    "stop words": {"stop": ["a"] * 5}, "long stop word": {"stop": "a" * 1001}, "empty stop word": {"stop": [""]}, "stop is no text": {"stop": [1]},
    "biases": {"logit_bias": {str(i): 1 for i in range(1025)}}, "bias of no token": {"logit_bias": {"-1": 1}}, "bias beyond": {"logit_bias": {"1": 1e300}},
    "bias of a huge id": {"logit_bias": {"99999999999999999999": 1}}, "bias is a list": {"logit_bias": [[]]},
    "frequency": {"frequency_penalty": 1e308}, "presence": {"presence_penalty": -1e308}, "repetition": {"repetition_penalty": 0}, "temperature": {"temperature": 1e308},
    "negative temperature": {"temperature": -1}, "top_p": {"top_p": 1e9}, "seed": {"seed": 10**40},
    "deep": {"metadata": json.loads("[" * 80 + "]" * 80)}, "members": {"metadata": {str(i): "" for i in range(60_000)}},
    "values": {"logit_bias": {"1": [0] * 1_500_000}}, "objects": {"logit_bias": {"1": [{}] * 900_000}},
    "tools": {"tools": [{"type": "function", "function": {"name": "f"}}] * 129},
    "size of tools": {"tools": [{"type": "function", "function": {"name": f"f{i}", "description": "x" * 60_000}} for i in range(128)]},
    "tools are no tools": {"tools": [1, None, []]},
    "regex": schema({"type": "string", "pattern": "^(a{1,1000}){1,1000}$"}), "regex that explodes": schema({"type": "string", "pattern": "^[ab]*a[ab]{20}$"}),
    "regex of megabytes": schema({"type": "string", "pattern": "a" * 1_000_000}), "regex in groups": schema({"type": "string", "pattern": "(" * 500 + ")" * 500}),
    "broken regex": schema({"type": "string", "pattern": "("}), "schema": schema({"type": "object", "properties": {f"p{i}": {} for i in range(3000)}}),
    "enum": schema({"enum": [f"value {i}" for i in range(40_000)]}), "schema in itself": schema({"$ref": "#"}), "schema elsewhere": schema({"$ref": "http://127.0.0.1:1/x"}),
    "file schema": schema({"$ref": "file:///etc/passwd"}), "min items": schema({"type": "array", "minItems": 10**12}), "deep schema": schema(nested(100, {})),
    "format": {"response_format": {"type": "grammar"}}, "messages": {"messages": [{}] * 1000}, "no messages": {"messages": []},
}


@pytest.mark.parametrize("name", GREEDY)
def test_what_asks_for_too_much_is_400(service, name):
    status, answer = service.call("POST", "/v1/chat/completions", ask(**GREEDY[name]))
    assert status == 400 and answer["error"]["type"] == "invalid_request_error", answer
    assert service.process.poll() is None and service.seconds_of_processor() < service.spent_before_test + 5


@pytest.fixture(autouse=True)
def processor(request):
    if "service" in request.fixturenames:
        running = request.getfixturevalue("service")
        running.spent_before_test = running.seconds_of_processor()


def test_too_many_answers_are_refused_for_good(service):
    """Not 429, which makes clients send it again."""
    status, answer = service.call("POST", "/v1/completions", {"model": MODEL, "prompt": ["hello"] * 64, "n": 128})
    assert (status, answer["error"]["param"]) == (400, "n")


BROKEN_BODIES = [b"", b"null", b"[]", b"{", b"[" * 1_000_000, b'{"a":' * 100_000, b"\xff\xfe{\x00}\x00", b'{"model": "\xff"}', b'{"temperature": NaN}',
                 b'{"temperature": 1e999}', b'{"model": "\\ud800"}', b'{"model": "x", "model": 1}', b"\0" * 1000, b'{"model":"x"}\n{"model":"y"}']


def test_bodies_that_are_no_requests_are_400(service):
    for body in BROKEN_BODIES:
        for path in ("/v1/chat/completions", "/v1/completions", "/v1/fine_tuning/jobs", "/v1/fine-tunes", "/v1/keys"):
            status, answer = service.call("POST", path, body)
            assert status == 400 and set(answer["error"]) == {"message", "type", "param", "code"}, (path, body[:40])
    assert alive(service)


def test_compressed_bodies_are_refused(service):
    import gzip
    bomb = gzip.compress(b"\0" * 50_000_000)
    for coding in ("gzip", "deflate", "br", "zstd", "identity, gzip"):
        assert service.call("POST", "/v1/chat/completions", bomb, headers={"content-encoding": coding})[0] == 415
    # Nor is what clients accept a reason to compress: BREACH.
    assert "content-encoding" not in raw(service, "GET", "/v1/models", {**bearer(service.key), "Accept-Encoding": "gzip, br"})[1]


def test_bodies_have_a_size(service):
    status, answer = service.call("POST", "/v1/chat/completions", b" " * (17 << 20))
    assert (status, answer["error"]["code"]) == (413, "request_too_large")
    assert alive(service)


# --- no connection to anywhere ---------------------------------------------------------------------------------------

def test_the_guard_against_connections_works():
    code = "import socket; socket.create_connection(('127.0.0.1', 1))"
    assert subprocess.run([sys.executable, "-c", code], preexec_fn=forbidden, check=False).returncode == -31  # SIGSYS
    code = "import socket; socket.socket(socket.AF_INET, socket.SOCK_DGRAM)"
    assert subprocess.run([sys.executable, "-c", code], preexec_fn=forbidden, check=False).returncode == -31


def test_nothing_is_fetched_and_nobody_is_called(start, tmp_path):
    """The kernel ends the server, and a job's process, at the first connection that it opens."""
    service = start(preexec=forbidden)
    url = "http://127.0.0.1:9/x.png"
    for content in ([{"type": "image_url", "image_url": {"url": url}}], [{"type": "file", "file": {"file_id": url}}],
                    [{"type": "input_audio", "input_audio": {"data": url, "format": "wav"}}]):
        assert service.call("POST", "/v1/chat/completions", ask(messages=[{"role": "user", "content": content}]))[0] == 400
    rows = chats(10)
    rows[0]["messages"][1]["content"] = url
    file = service.upload(write_rows(tmp_path / "rows.jsonl", rows))
    for extra in ({"integrations": [{"type": "wandb", "wandb": {"project": "x", "entity": url}}]}, {"training_file": url}, {"model": url}):
        assert service.call("POST", "/v1/fine_tuning/jobs", {"model": MODEL, "training_file": file, **extra})[0] in (400, 404)
    job = service.wait(service.job(training_file=file, hyperparameters={"n_epochs": 1, "batch_size": 10}))
    assert job["status"] == "succeeded"
    assert service.chat(job["fine_tuned_model"], url, max_tokens=2)[0] == 200 and alive(service)


# --- adapters that somebody tampered with ----------------------------------------------------------------------------

def tensors_of(path):
    data = path.read_bytes()
    length = struct.unpack("<Q", data[:8])[0]
    return json.loads(data[8:8 + length]), data[8 + length:]


def write_tensors(path, header, data, length=None):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text) if length is None else length) + text + data)


def rewrite(change):
    def tamper(folder):
        path = folder / "adapter_model.safetensors"
        header, data = tensors_of(path)
        data = bytearray(data)
        names = sorted((name for name in header if name != "__metadata__"), key=lambda name: header[name]["data_offsets"])
        header, data = change(header, data, names) or (header, data)
        write_tensors(path, header, bytes(data))
    return tamper


def header_larger_than_the_file(folder):
    path = folder / "adapter_model.safetensors"
    path.write_bytes(struct.pack("<Q", 2**62) + path.read_bytes()[8:])


def overlapping(header, data, names):
    header[names[1]]["data_offsets"] = header[names[0]]["data_offsets"]


def huge_shape(header, data, names):
    header[names[0]]["shape"] = [2**40, 2**40]


def negative(header, data, names):
    header[names[0]]["data_offsets"] = [-8, 8]


def many_tensors(header, data, names):
    return {f"t{i}": {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]} for i in range(50_000)}, b""


def wrong_shape(header, data, names):
    shape = header[names[0]]["shape"]
    header[names[0]]["shape"] = shape[::-1] if shape[0] != shape[1] else [shape[0] * 2, shape[1] // 2]


def value(bits):
    def change(header, data, names):
        kind = header[names[0]]["dtype"]
        begin = header[names[0]]["data_offsets"][0]
        data[begin:begin + 4 if kind == "F32" else begin + 2] = bits if kind == "F32" else bits[2:]
    return change


def cut_short(folder):
    path = folder / "adapter_model.safetensors"
    path.write_bytes(path.read_bytes()[:-100])


def pickle_instead(folder):
    import pickle
    (folder / "adapter_model.safetensors").unlink()
    (folder / "adapter_model.bin").write_bytes(pickle.dumps(Touch(folder / "touched")))


class Touch:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return pathlib.Path.touch, (self.path,)


def link_elsewhere(folder):
    path = folder / "adapter_model.safetensors"
    path.unlink()
    path.symlink_to("/etc/passwd")


def device(folder):
    path = folder / "adapter_model.safetensors"
    path.unlink()
    path.symlink_to("/dev/zero")


def settings(**changed):
    def tamper(folder):
        path = folder / "adapter_config.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), **changed}))
    return tamper


TAMPERED = {"header larger than the file": header_larger_than_the_file, "overlapping": rewrite(overlapping), "huge shape": rewrite(huge_shape),
            "negative offset": rewrite(negative), "huge count": rewrite(many_tensors), "wrong shape": rewrite(wrong_shape),
            "NaN": rewrite(value(struct.pack("<f", float("nan")))), "infinity": rewrite(value(struct.pack("<f", float("inf")))),
            "cut short": cut_short, "pickle": pickle_instead, "link": link_elsewhere, "device": device, "rank": settings(r=3), "huge rank": settings(r=2**62),
            "negative rank": settings(r=-1), "no number": settings(lora_alpha="1"), "expression": settings(target_modules="(((((a*)*)*)*)*)*b"),
            "another method": settings(peft_type="PROMPT_TUNING"), "gone": shutil.rmtree}


def test_tampered_adapters_never_answer_and_harm_nobody(start, tmp_path):
    service = start()
    job = service.wait(service.job(training_file=service.upload(write_rows(tmp_path / "rows.jsonl", chats(10))), hyperparameters={"n_epochs": 1, "batch_size": 10}))
    service.stop()
    folders = list((service.data / "models").iterdir())
    whole = tmp_path / "whole"
    for folder in folders:
        shutil.copytree(folder, whole / folder.name)
    service.start()
    assert service.chat(job["fine_tuned_model"], max_tokens=2)[0] == 200
    service.stop()
    service.start()
    before = service.memory_mib()
    for name, tamper in TAMPERED.items():
        for folder in folders:
            shutil.rmtree(folder, ignore_errors=True)
            shutil.copytree(whole / folder.name, folder)
            tamper(folder)
        status, answer = service.chat(job["fine_tuned_model"], max_tokens=2)
        assert status == 500 and answer["error"]["code"] == "model_unavailable", (name, answer)
        assert str(service.data) not in json.dumps(answer) and not list(tmp_path.rglob("touched"))
        assert alive(service), name
    assert service.memory_mib() < before + 150
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(whole / folder.name, folder)
    assert service.chat(job["fine_tuned_model"], max_tokens=2)[0] == 200, "once it is whole again it answers"


# --- TLS -------------------------------------------------------------------------------------------------------------

@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tls")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost", "-addext",
                    "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", folder / "key.pem", "-out", folder / "cert.pem"], check=True, capture_output=True)
    return folder


def test_tls(start, certificate):
    service = start("--tls-certificate", certificate / "cert.pem", "--tls-key", certificate / "key.pem")
    assert service.address.startswith("https://")
    port = int(service.address.rsplit(":", 1)[1])
    trusting = ssl.create_default_context(cafile=certificate / "cert.pem")

    def speak(context, data=b""):
        with socket.create_connection(("127.0.0.1", port), timeout=20) as plain, context.wrap_socket(plain, server_hostname="localhost") as secure:
            secure.sendall(data)
            return secure.version(), secure.cipher(), secure.recv(10_000)

    asked = f"GET /v1/models HTTP/1.1\r\nHost: h\r\nConnection: close\r\nAuthorization: Bearer {service.key}\r\n\r\n".encode()
    version, cipher, answer = speak(trusting, asked)
    assert version == "TLSv1.3" and cipher[2] >= 128 and answer.startswith(b"HTTP/1.1 200 ")
    assert speak(trusting, asked.replace(b"sk-", b"no-"))[2].startswith(b"HTTP/1.1 401 ")
    older = ssl.create_default_context(cafile=certificate / "cert.pem")
    older.maximum_version = ssl.TLSVersion.TLSv1_2
    version, cipher, _ = speak(older, asked)
    assert version == "TLSv1.2" and ("GCM" in cipher[0] or "POLY1305" in cipher[0]) and cipher[0].startswith("ECDHE")
    for old in (ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.set_ciphers("ALL:@SECLEVEL=0")
        context.minimum_version = context.maximum_version = old
        with pytest.raises(ssl.SSLError):
            speak(context, asked)
    weak = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    weak.check_hostname, weak.verify_mode, weak.maximum_version = False, ssl.CERT_NONE, ssl.TLSVersion.TLSv1_2
    weak.set_ciphers("AES128-SHA:AES256-SHA:@SECLEVEL=0")
    with pytest.raises(ssl.SSLError):
        speak(weak, asked)
    for data in (asked, b"GET / HTTP/1.0\r\n\r\n"):  # plain HTTP to this port
        with socket.create_connection(("127.0.0.1", port), timeout=20) as plain:
            plain.sendall(data)
            answer = b"".join(iter(lambda: plain.recv(10_000), b""))
        assert answer.startswith(b"HTTP/1.1 400 ") and b"https" in answer and b"connection: close" in answer.lower()
    for data in (b"\0" * 100, b"\x16\x03\x01\x02\x00" + os.urandom(200), b"\x80\x2e\x01\x00\x02"):  # neither
        with socket.create_connection(("127.0.0.1", port), timeout=20) as plain:
            plain.sendall(data)
            plain.shutdown(socket.SHUT_WR)
            with contextlib.suppress(ConnectionResetError):
                assert b"HTTP" not in b"".join(iter(lambda: plain.recv(10_000), b""))
    assert speak(trusting, asked)[2].startswith(b"HTTP/1.1 200 ")


def test_tls_files_that_do_not_fit_are_refused(model, certificate, tmp_path):
    subprocess.run(["openssl", "genrsa", "-out", tmp_path / "other.pem", "2048"], check=True, capture_output=True)
    subprocess.run(["openssl", "rsa", "-aes256", "-passout", "pass:secret", "-in", certificate / "key.pem", "-out", tmp_path / "locked.pem"], check=True, capture_output=True)
    for names in (("cert.pem", tmp_path / "other.pem"), ("cert.pem", "cert.pem"), ("key.pem", "key.pem"), ("none.pem", "key.pem"), ("cert.pem", tmp_path / "locked.pem")):
        result = subprocess.run([HONE, "serve", "--model", model, "--data-dir", tmp_path / "data", "--port", "0", "--tls-certificate", certificate / names[0],
                                 "--tls-key", certificate / names[1]], capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL)
        assert result.returncode == 2 and ".pem" in result.stderr, names
    result = subprocess.run([HONE, "serve", "--model", model, "--data-dir", tmp_path / "data", "--port", "0", "--tls-certificate", certificate / "cert.pem"],
                            capture_output=True, text=True, timeout=60)
    assert result.returncode == 2 and "belong together" in result.stderr


# --- what is written down --------------------------------------------------------------------------------------------

MARK = "zebrafisch"  # stands in everything that is nobody's business


def holders(folder, skip):
    return [str(path.relative_to(folder)) for path in sorted(folder.rglob("*"))
            if path.is_file() and not skip(path) and MARK.encode() in path.read_bytes()]


def test_nothing_that_was_said_is_written_down(start, tmp_path):
    """A whole session with a marker in prompts, answers' schemas, training data good and bad, and a key."""
    service = start("--api-key", f"sk-{MARK}-admin-key")
    service.key = f"sk-{MARK}-admin-key"
    said = [{"role": "user", "content": f"{MARK} secret"}]
    for body in (ask(messages=said), ask(messages=said, stream=True), ask(messages=said, stop=f"{MARK}"), ask(messages=[{"role": f"{MARK}", "content": "x"}]),
                 ask(messages=said, tools=[{"type": "function", "function": {"name": MARK, "description": MARK}}]), ask(messages=said, temperature=MARK),
                 ask(messages=said, user=MARK, metadata={"a": MARK}), ask(messages=said, **schema({"type": "string", "pattern": f"({MARK}"})),
                 ask(messages=said, **schema({"enum": [MARK]})), ask(messages=[{"role": "user", "content": MARK * 5000}])):
        service.call("POST", "/v1/chat/completions", body)
    service.call("POST", "/v1/completions", {"model": MODEL, "prompt": f"{MARK} {MARK}"})
    service.call("POST", "/v1/chat/completions", f'{{"messages": "{MARK}'.encode())
    service.call("GET", f"/v1/{MARK}?{MARK}={MARK}")
    service.call("GET", "/v1/models", key=f"{MARK}-wrong-key")
    rows = chats(10, f"{MARK} answer")
    good = service.wait(service.job(training_file=service.upload(write_rows(tmp_path / "rows.jsonl", rows)), hyperparameters={"n_epochs": 1, "batch_size": 5},
                                    validation_file=service.upload(write_rows(tmp_path / "rows.jsonl", rows[:3]))))
    assert good["status"] == "succeeded"
    assert service.chat(good["fine_tuned_model"], f"{MARK} again", max_tokens=2)[0] == 200
    bad = [f'{{"messages": [{{"role": "{MARK}", "content": "x"}}]}}', f'{{"messages": {MARK}}}', f'{{"messages": "{MARK}"}}', f'{MARK}', f'["{MARK}"]', f'"{MARK}"',
           f'{{"messages": [{{"role": "user", "content": "{MARK} \\u0000"}}, {{"role": "assistant", "content": "{MARK}", "weight": "{MARK}"}}]}}',
           f'{{"messages": [{{"role": "user", "content": [{{"type": "{MARK}", "text": "{MARK}"}}]}}]}}', f'{{"text": "{MARK}", "messages": []}}',
           f'{{"prompt": "{MARK}", "completion": ["{MARK}"]}}', f'{{"instruction": {{"a": "{MARK}"}}, "output": 5}}', f'{{"prompt": "{MARK}", "chosen": "{MARK}", "rejected": "{MARK}"}}',
           f'{{"conversations": [{{"from": "{MARK}", "value": "{MARK}"}}]}}', f'{{"messages": [{{"role": "assistant", "content": "{MARK}", "tool_calls": "{MARK}"}}], "tools": "{MARK}"}}']
    path = tmp_path / "bad.jsonl"
    path.write_bytes(("\n".join(["{}", *bad]) + "\n").encode() + f'{{"messages": "{MARK} '.encode() + b'\xff"}\n' + f'{{"a": "{MARK} \0"}}\n'.encode())
    told = []
    for one in (path, write_rows(tmp_path / "few.jsonl", rows[:3])):
        file = service.upload(one)
        for method in ("supervised", "dpo"):
            job = service.wait(service.job(training_file=file, method={"type": method}))
            assert job["status"] == "failed"
            told += [job, service.events(job["id"])]
    assert MARK not in json.dumps(told) and len(json.dumps(told)) > 5000
    service.stop()
    sources = {"train.jsonl", "validation.jsonl"}
    assert holders(service.data, lambda path: path.parent.name == "blobs" or service.data / "blobs" in path.parents or path.name in sources) == []
    assert holders(service.data, lambda path: False), "the marker was there to be found"
    assert MARK not in pathlib.Path(f"{service.data}.log").read_text() and MARK not in json.dumps(service.told)
    assert MARK not in service.process.stdout.read().decode()


def test_faults_of_jobs_name_no_path_of_the_server(start, model, tmp_path):
    service = start("--job-max-length", "8")
    job = service.wait(service.job(training_file=service.upload(write_rows(tmp_path / "rows.jsonl", chats(10)))))
    assert job["status"] == "failed", "eight tokens do not reach the answer"
    for document in (job, service.events(job["id"])):
        assert str(tmp_path) not in json.dumps(document) and str(model) not in json.dumps(document)
    assert "no row is left" in job["error"]["message"] and f"{job['id']}/run/rejected.jsonl" in job["error"]["message"]


def test_many_clients_with_bad_requests_leave_the_server_as_it_was(service):
    """Bad requests beside good ones: every good one is answered."""
    names = [name for name in GREEDY if len(json.dumps(GREEDY[name])) < 5000]
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        bad = [pool.submit(service.call, "POST", "/v1/chat/completions", ask(**GREEDY[name])) for name in names]
        good = [pool.submit(service.chat, max_tokens=3, seed=1, temperature=0) for _ in range(12)]
        assert {one.result()[0] for one in bad} == {400}
        answers = [one.result() for one in good]
    assert {status for status, _ in answers} == {200} and len({answer["choices"][0]["message"]["content"] for _, answer in answers}) == 1
