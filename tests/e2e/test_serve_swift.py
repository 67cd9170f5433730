"""What Swift programs send, byte for byte as URLSession and JSONEncoder write it, and whether their types take the answers.

Three clients: the lecture's FineTunedModelService (Codable structs over an APIClient), MacPaw/OpenAI (ChatQuery, ChatResult,
ChatStreamResult) and jamesrochabrun/SwiftOpenAI (files, fine-tuning, models). Requests follow their sources: which members are
written when they are nil (none), in which form JSONEncoder writes text and numbers, parts and boundary of an upload, headers
of CFNetwork. Answers are decoded by the rules of Decodable: a member that is not optional must be there and not be null, a
number for Int must be whole, an unknown case of an enum is a failure, members that are not declared do not matter.
"""
import json
import socket
import uuid

import pytest

from e2e.service import MODEL, Service, base_model, chats

TUNED = "ft:gpt-4o-mini:company:support:abc123"  # as the lecture writes it
ORDER = ("host", "content-type", "connection", "accept", "user-agent", "authorization", "openai-organization", "content-length",
         "accept-language", "accept-encoding")


# JSONEncoder


def swift_json(value, old_numbers=False):
    """Foundation escapes the slash, leaves other characters as they are, and before macOS 14 wrote 0.7 with 17 digits."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":")).replace("/", "\\/")
    return (text.replace("0.7", "0.69999999999999996") if old_numbers else text).encode()


# Decodable: int, float, str, bool; Optional(x); [x]; {member: x}; a set for an enum of texts; any_of for a type of several cases.


class Optional:
    def __init__(self, inner):
        self.inner = inner


class AnyOf:
    def __init__(self, *types):
        self.types = types


def decode(value, kind, path="$"):
    if isinstance(kind, Optional):
        return None if value is None else decode(value, kind.inner, path)
    assert value is not None, f"{path}: null where Swift expects {kind}"
    if isinstance(kind, AnyOf):
        for one in kind.types:
            try:
                return decode(value, one, path)
            except AssertionError:
                pass
        raise AssertionError(f"{path}: {value!r} is none of {kind.types}")
    if isinstance(kind, dict):
        assert isinstance(value, dict), path
        for member, inner in kind.items():
            assert member in value or isinstance(inner, Optional), f"{path}.{member}: keyNotFound"
            decode(value.get(member), inner, f"{path}.{member}")
    elif isinstance(kind, list):
        assert isinstance(value, list), path
        for i, item in enumerate(value):
            decode(item, kind[0], f"{path}[{i}]")
    elif isinstance(kind, set):
        assert value in kind, f"{path}: {value!r} is no case of the enum"
    elif kind is int:
        assert isinstance(value, (int, float)) and not isinstance(value, bool) and value == int(value), f"{path}: {value!r}"
    elif kind is float:
        assert isinstance(value, (int, float)) and not isinstance(value, bool), f"{path}: {value!r}"
    else:
        assert isinstance(value, kind), f"{path}: {value!r}"
    return value


ROLE = {"system", "developer", "user", "assistant", "tool"}
FINISH = {"stop", "length", "tool_calls", "content_filter", "function_call", "error"}
USAGE = {"completion_tokens": int, "prompt_tokens": int, "total_tokens": int}
TOKEN = {"token": str, "bytes": Optional([int]), "logprob": float}
LOGPROBS = {"content": Optional([{**TOKEN, "top_logprobs": [TOKEN]}])}
CALL = {"id": str, "function": {"name": str, "arguments": str}, "type": {"function"}}
LECTURE_RESULT = {"choices": [{"message": {"role": str, "content": str}}]}
LECTURE_CHUNK = {"choices": [{"delta": {"content": Optional(str)}}]}
CHAT_RESULT = {"id": str, "object": str, "created": float, "model": str, "usage": Optional(USAGE), "system_fingerprint": Optional(str),
               "choices": [{"index": int, "logprobs": Optional(LOGPROBS), "finish_reason": Optional(str),
                            "message": {"role": ROLE, "content": Optional(str), "refusal": Optional(str), "tool_calls": Optional([CALL])}}]}
CHUNK_CALL = {"index": int, "id": Optional(str), "type": Optional(str),
              "function": Optional({"name": Optional(str), "arguments": Optional(str)})}
CHAT_STREAM_RESULT = {"id": str, "object": str, "created": float, "model": str, "system_fingerprint": Optional(str), "usage": Optional(USAGE),
                      "choices": [{"index": int, "finish_reason": Optional(FINISH), "logprobs": Optional(LOGPROBS),
                                   "delta": {"content": Optional(str), "role": Optional(ROLE), "tool_calls": Optional([CHUNK_CALL])}}]}
MODEL_RESULT = {"id": str, "created": float, "object": str, "owned_by": str}
FILE = {"id": str, "bytes": Optional(int), "created_at": int, "filename": str, "object": str, "purpose": str, "status": Optional(str),
        "status_details": Optional(str)}
JOB = {"id": str, "created_at": int, "fine_tuned_model": Optional(str), "finished_at": Optional(int),
       "hyperparameters": {"n_epochs": AnyOf(int, str)}, "model": str, "object": str, "organization_id": str, "result_files": [str],
       "status": str, "trained_tokens": Optional(int), "training_file": str, "validation_file": Optional(str)}
EVENT = {"id": str, "created_at": int, "level": str, "message": str, "object": str, "type": Optional(str)}
DELETED = {"id": str, "object": str, "deleted": bool}
API_ERROR = {"error": {"message": str, "type": str, "param": Optional(str), "code": Optional(AnyOf(str, int))}}


# URLSession


class Session:
    """One connection that is kept, as URLSession keeps it; each request is written as one piece of bytes."""

    def __init__(self, service, agent):
        self.service, self.agent = service, agent
        host, port = service.address.removeprefix("http://").split(":")
        self.host = f"{host}:{port}"
        self.socket = socket.create_connection((host, int(port)), timeout=60)
        self.reader = self.socket.makefile("rb")

    def close(self):
        self.reader.close()
        self.socket.close()

    def send(self, method, path, body=None, content_type="application/json", organization=None):
        headers = {"host": self.host, "content-type": content_type, "connection": "keep-alive", "accept": "*/*", "user-agent": self.agent,
                   "authorization": f"Bearer {self.service.key}", "openai-organization": organization,
                   "content-length": None if body is None else len(body), "accept-language": "ko-KR,ko;q=0.9",
                   "accept-encoding": "gzip, deflate"}
        lines = [f"{method} {path} HTTP/1.1"] + [f"{'-'.join(w.capitalize() for w in name.split('-'))}: {headers[name]}"
                                                 for name in ORDER if headers[name] is not None]
        self.socket.sendall("\r\n".join(lines).encode() + b"\r\n\r\n" + (body or b""))
        status = int(self.reader.readline().split()[1])
        self.headers = {}
        while (line := self.reader.readline().strip()):
            name, _, value = line.decode().partition(":")
            self.headers[name.lower()] = value.strip()
        assert "content-encoding" not in self.headers
        if self.headers.get("transfer-encoding") == "chunked":
            text = b""
            while (size := int(self.reader.readline().split(b";")[0], 16)):
                text += self.reader.read(size)
                assert self.reader.read(2) == b"\r\n"
            assert self.reader.readline() == b"\r\n"
        else:
            text = self.reader.read(int(self.headers["content-length"]))
        return status, text

    def json(self, method, path, body=None, kind=None, status=200, **options):
        got, text = self.send(method, path, body, **options)
        assert got == status, text
        return decode(json.loads(text), kind)

    def stream(self, path, body, kind):
        status, text = self.send("POST", path, body)
        assert status == 200 and self.headers["content-type"].startswith("text/event-stream"), text
        lines = [line.removeprefix("data: ") for line in text.decode().split("\n") if line.startswith("data: ")]
        assert lines[-1] == "[DONE]"
        return [decode(json.loads(line), kind) for line in lines[:-1]]


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    folder = tmp_path_factory.mktemp("swift")
    running = Service(base_model(folder / "model"), folder / "data", "--alias", f"{TUNED}={MODEL}").start()
    yield running
    running.stop()


@pytest.fixture
def session(service):
    made = Session(service, "Support/1 CFNetwork/1494.0.7 Darwin/23.4.0")
    yield made
    made.close()


@pytest.mark.parametrize("old_numbers", [False, True])
def test_the_lectures_service(session, old_numbers):
    request = {"model": TUNED, "messages": [{"role": "user", "content": "결제가 안 돼요 (24/7?)"}], "temperature": 0.7, "max_tokens": 500}
    answer = session.json("POST", "/v1/chat/completions", swift_json(request, old_numbers), LECTURE_RESULT)
    assert answer["choices"][0]["message"]["role"] == "assistant"
    chunks = session.stream("/v1/chat/completions", swift_json({"model": TUNED, "messages": request["messages"], "stream": True}), LECTURE_CHUNK)
    assert "".join(chunk["choices"][0]["delta"].get("content") or "" for chunk in chunks if chunk["choices"])


def test_an_encoder_without_snake_case_is_told_which_member_is_wrong(session):
    """An APIClient that forgets keyEncodingStrategy = .convertToSnakeCase."""
    body = swift_json({"model": TUNED, "messages": [{"role": "user", "content": "안녕"}], "temperature": 0.7, "maxTokens": 500})
    fault = session.json("POST", "/v1/chat/completions", body, API_ERROR, status=400)["error"]
    assert "maxTokens" in fault["message"] and fault["type"] == "invalid_request_error"


def test_macpaw_chat(session):
    """ChatQuery: nil members are left out, `stream` never is."""
    query = {"messages": [{"role": "system", "content": "친절합니다."}, {"role": "user", "content": "안녕/하세요"}], "model": TUNED,
             "logit_bias": {"5": -100}, "logprobs": True, "top_logprobs": 2, "max_completion_tokens": 8, "n": 2, "seed": 7,
             "stop": ["끝"], "temperature": 0.7, "user": "u-1", "stream": False}
    result = session.json("POST", "/v1/chat/completions", swift_json(query), CHAT_RESULT, organization="org-company")
    assert len(result["choices"]) == 2 and result["usage"]["completion_tokens"] <= 16
    chunks = session.stream("/v1/chat/completions", swift_json({**query, "stream": True, "stream_options": {"include_usage": True}}), CHAT_STREAM_RESULT)
    assert len({chunk["id"] for chunk in chunks}) == 1 and chunks[-1]["usage"]["total_tokens"] == result["usage"]["total_tokens"]
    for index in (0, 1):
        text = "".join(choice["delta"].get("content") or "" for chunk in chunks for choice in chunk["choices"] if choice["index"] == index)
        assert text == result["choices"][index]["message"]["content"]
    models = session.json("GET", "/v1/models", kind={"object": str, "data": [MODEL_RESULT]})
    assert MODEL in [model["id"] for model in models["data"]]
    session.json("GET", f"/v1/models/{MODEL}", kind=MODEL_RESULT)
    fault = session.json("POST", "/v1/chat/completions", swift_json({**query, "model": "nobody"}), API_ERROR, status=404)["error"]
    assert fault["code"] == "model_not_found"


def upload(session, rows, filename, **options):
    """FileParameters.encode: the file first, as application/x-ndjson; without a name if there is none."""
    boundary = str(uuid.uuid4()).upper()
    named = f"; filename=\"{filename}\"" if filename else ""
    body = (f"--{boundary}\r\nContent-Disposition: form-data; name=\"file\"{named}\r\nContent-Type: application/x-ndjson\r\n\r\n".encode() + rows +
            f"\r\n--{boundary}\r\nContent-Disposition: form-data; name=\"purpose\"\r\n\r\nfine-tune\r\n--{boundary}--\r\n".encode())
    return session.json("POST", "/v1/files", body, **{"kind": FILE, **options}, content_type=f"multipart/form-data; boundary={boundary}")


def test_a_file_without_a_name_is_told_what_it_lacks(session):
    fault = upload(session, b"{}\n", None, kind=API_ERROR, status=400)["error"]
    assert fault["param"] == "file" and "filename" in fault["message"]


def test_swiftopenai_from_the_file_to_the_model(service, session):
    rows = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in chats(12)).encode()
    file = upload(session, rows, "학습.jsonl")
    assert file["bytes"] == len(rows) and file["filename"] == "학습.jsonl"
    assert session.send("GET", f"/v1/files/{file['id']}/content") == (200, rows)
    job = session.json("POST", "/v1/fine_tuning/jobs", swift_json({
        "model": MODEL, "training_file": file["id"], "hyperparameters": {"n_epochs": 1}, "suffix": "support", "seed": 3}), JOB)
    done = service.wait(job["id"])
    assert done["status"] == "succeeded", done
    done = session.json("GET", f"/v1/fine_tuning/jobs/{job['id']}", kind=JOB)
    assert done["trained_tokens"] > 0 and done["finished_at"] >= done["created_at"]
    page = session.json("GET", "/v1/fine_tuning/jobs?limit=1", kind={"object": str, "data": [JOB], "has_more": bool})
    assert page["data"][0]["id"] == job["id"]
    events = session.json("GET", f"/v1/fine_tuning/jobs/{job['id']}/events?limit=2", kind={"object": str, "data": [EVENT], "has_more": bool})
    assert len(events["data"]) == 2 and events["has_more"]
    chat = {"model": done["fine_tuned_model"], "messages": [{"role": "user", "content": "질문 1"}], "max_tokens": 4}
    session.json("POST", "/v1/chat/completions", swift_json(chat), CHAT_RESULT)
    for path in (f"/v1/models/{done['fine_tuned_model']}", f"/v1/files/{file['id']}"):
        assert session.json("DELETE", path, kind=DELETED)["deleted"] is True
