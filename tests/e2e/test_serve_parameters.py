"""Every parameter of OpenAI's contract does what docs/service-reference.md says: it changes the answer, changes nothing, or is refused."""
import importlib.util
import json
import re

import pytest

from e2e.service import MODEL, ROOT, Service, base_model, chats, write_rows
from e2e.test_serve_tools import template
from parity.story_model import add_tokenizer
from parity.test_embed import bert, sentence_files

spec = importlib.util.spec_from_file_location("service_reference", ROOT / "tools/service_reference.py")
reference = importlib.util.module_from_spec(spec)
spec.loader.exec_module(reference)

TOOL = {"name": "f", "parameters": {"type": "object", "properties": {"x": {"enum": [1, 2]}}, "required": ["x"], "additionalProperties": False}}
TOOLS = {"tools": [{"type": "function", "function": TOOL}]}
REPEATS = {"logit_bias": {str(id): 40 for id in range(65, 85)}}  # twenty tokens alone, so that penalties have something to punish
# What a request says beside the parameter, and its value; two values where it is supported in part, the second one refused.
CHAT = {
    "model": ({}, "nobody"), "messages": ({}, [{"role": "user", "content": "다른 질문"}]), "temperature": ({}, 0), "top_p": ({}, 0.01), "seed": ({}, 2),
    "n": ({}, 2), "max_tokens": ({}, 3), "max_completion_tokens": ({"max_tokens": None}, 3), "stop": ({"temperature": 0}, None),
    "frequency_penalty": (REPEATS, 2), "presence_penalty": (REPEATS, 2), "logit_bias": ({}, {"65": 100}), "logprobs": ({}, True),
    "top_logprobs": ({"logprobs": True}, 2), "stream": ({}, True), "stream_options": ({"stream": True}, {"include_usage": True}),
    "response_format": ({}, {"type": "json_object"}), "tools": ({}, TOOLS["tools"]), "tool_choice": (TOOLS, "required"),
    "parallel_tool_calls": ({**TOOLS, "tool_choice": "required", "max_tokens": 400, "seed": 5, "temperature": 1.5}, False),
    "functions": ({}, [TOOL]), "function_call": ({"functions": [TOOL]}, {"name": "f"}),
    "metadata": ({}, {"a": "b"}), "user": ({}, ("u", 3)), "safety_identifier": ({}, ("u", 3)), "prompt_cache_key": ({}, "k"),
    "prompt_cache_retention": ({}, "24h"), "prompt_cache_options": ({}, {}), "service_tier": ({}, "auto"), "verbosity": ({}, "low"),
    "reasoning_effort": ({}, "low"), "store": ({}, (True, "yes")), "audio": ({}, {"voice": "alloy", "format": "wav"}), "web_search_options": ({}, {}),
    "prediction": ({}, {"type": "content", "content": "x"}), "moderation": ({}, {"model": "omni-moderation-latest"}),
    "modalities": ({}, (["text"], ["text", "audio"])),
}
TEXT = {**{name: CHAT[name] for name in ("model", "temperature", "top_p", "seed", "n", "max_tokens", "stop", "logit_bias", "stream",
                                         "stream_options", "user", "frequency_penalty", "presence_penalty")},
        "prompt": ({}, "Other"), "echo": ({}, True), "logprobs": ({}, 2), "suffix": ({}, "end"), "best_of": ({}, (1, 3))}
EMBEDDINGS = {"input": ({}, "other"), "model": ({}, "nobody"), "encoding_format": ({}, "base64"), "user": ({}, "u"), "dimensions": ({}, (48, 7))}
HYPER = {"n_epochs": 2}
JOBS = {"model": ({}, "nobody"), "training_file": ({}, "file-nobody"), "validation_file": ({}, "file-nobody"), "seed": ({}, 5), "suffix": ({}, "mine"),
        "hyperparameters": ({}, HYPER), "metadata": ({}, {"a": "b"}), "integrations": ({}, [{"type": "wandb", "wandb": {"project": "p"}}]),
        "method": ({}, ({"type": "supervised", "supervised": {"hyperparameters": HYPER}}, {"type": "reinforcement", "reinforcement": {}}))}
# None: the id of the first in the list.
QUERIES = {
    "GET /files": {"purpose": "batch", "limit": "1", "order": "asc", "after": None},
    "GET /fine_tuning/jobs": {"limit": "1", "metadata": "metadata[a]=b", "after": None},
    "GET /fine_tuning/jobs/{fine_tuning_job_id}/events": {"limit": "1", "after": None},
    "GET /fine_tuning/jobs/{fine_tuning_job_id}/checkpoints": {"limit": "1", "after": None},
}
ENDPOINTS, EXCEPTIONS = reference.endpoints(), reference.exceptions()


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    folder = tmp_path_factory.mktemp("parameters")
    bert(folder / "bert", vocab_size=512)
    add_tokenizer(folder / "bert")
    sentence_files(folder / "bert")
    (folder / "template.jinja").write_text(template("HERMES"))
    running = Service(base_model(folder / "model"), folder / "data", "--chat-template", folder / "template.jinja", "--embedding-model",
                      folder / "bert", "--served-embedding-name", "vectors").start()
    yield running
    running.stop()


@pytest.fixture(scope="module")
def job(service, tmp_path_factory):
    """A job that has checkpoints, and one that failed at once."""
    folder = tmp_path_factory.mktemp("rows")
    few = service.upload(write_rows(folder / "few.jsonl", chats(2)))
    rows = service.upload(write_rows(folder / "rows.jsonl", chats(10)))
    service.wait(service.job(training_file=few, metadata={"a": "b"}))
    done = service.wait(service.job(training_file=rows, hyperparameters={"n_epochs": 2, "batch_size": 10}))
    assert done["status"] == "succeeded", done
    return {"id": done["id"], "few": few, "model": done["fine_tuned_model"]}


def said(answer):
    """An answer without what is new each time."""
    if isinstance(answer, bytes):
        return [said(json.loads(line[6:])) for line in answer.decode().split("\n") if line.startswith("data: {")]
    if isinstance(answer, list):
        return [said(item) for item in answer]
    if isinstance(answer, dict):
        return {key: said(value) for key, value in answer.items() if key not in ("id", "created", "created_at")}
    return answer


def check_body(service, endpoint, base, samples, name):
    kind = EXCEPTIONS.get(endpoint, {}).get(name, ["supported"])[0]
    beside, value = samples[name]
    base = {key: item for key, item in {**base, **beside}.items() if item is not None}
    path = "/v1" + endpoint.split(" ")[1]
    status, plain = service.call("POST", path, base)
    assert status == 200, plain
    bad = None
    if kind == "partly":
        value, bad = value
    if name == "stop" and value is None:
        choice = plain["choices"][0]
        value = (choice["message"]["content"] if "message" in choice else choice["text"])[5]
    status, answer = service.call("POST", path, {**base, name: value})
    if kind == "refused" or isinstance(value, str) and "nobody" in value:
        assert status in (400, 404) and answer["error"]["param"] == name, answer
        return
    assert status == 200, answer
    if kind == "ignored":
        assert said(answer) == said(plain)
    elif kind == "partly":
        status, answer = service.call("POST", path, {**base, name: bad})
        assert status == 400 and answer["error"]["param"].split(".")[0] == name, answer
    else:
        assert said(answer) != said(plain)


def names_of(endpoint, samples):
    assert sorted(samples) == sorted(ENDPOINTS[endpoint]), set(samples) ^ set(ENDPOINTS[endpoint])
    return ENDPOINTS[endpoint]


@pytest.mark.parametrize("name", names_of("POST /chat/completions", CHAT))
def test_chat(service, name):
    base = {"model": MODEL, "messages": [{"role": "user", "content": "안녕"}], "seed": 1, "temperature": 1.2, "max_tokens": 24}
    check_body(service, "POST /chat/completions", base, CHAT, name)


@pytest.mark.parametrize("name", names_of("POST /completions", TEXT))
def test_completions(service, name):
    base = {"model": MODEL, "prompt": "Once", "seed": 1, "temperature": 1.2, "max_tokens": 24}
    check_body(service, "POST /completions", base, TEXT, name)


@pytest.mark.parametrize("name", names_of("POST /embeddings", EMBEDDINGS))
def test_embeddings(service, name):
    check_body(service, "POST /embeddings", {"model": "vectors", "input": "text"}, EMBEDDINGS, name)


@pytest.mark.parametrize("name", names_of("POST /fine_tuning/jobs", JOBS))
def test_jobs(service, job, name):
    check_body(service, "POST /fine_tuning/jobs", {"model": MODEL, "training_file": job["few"], "seed": 1}, JOBS, name)


@pytest.mark.parametrize("endpoint, name", [(endpoint, name) for endpoint, samples in QUERIES.items() for name in samples])
def test_queries(service, job, endpoint, name):
    assert set(QUERIES[endpoint]) == {one for one in ENDPOINTS[endpoint] if "{" + one + "}" not in endpoint}
    path = "/v1" + endpoint.split(" ")[1].replace("{fine_tuning_job_id}", job["id"])
    all_of_it = service.get(path)["data"]
    assert len(all_of_it) > 1
    value = QUERIES[endpoint][name] or all_of_it[0]["id"]
    query = value if "=" in value else f"{name}={value}"
    some = service.get(f"{path}?{query}")["data"]
    if name == "order":
        assert some == all_of_it[::-1]
    elif name == "after":
        assert some == all_of_it[1:]
    else:
        assert len(some) < len(all_of_it) and all(item in all_of_it for item in some)
        assert name != "metadata" or all(item["metadata"] == {"a": "b"} for item in some)
    if name in ("limit", "order"):
        status, answer = service.call("GET", f"{path}?{name}=-x")
        assert status == 400 and answer["error"]["param"] == name


@pytest.mark.parametrize("endpoint", [endpoint for endpoint in ENDPOINTS if "{" in endpoint])
def test_what_a_path_names(service, job, endpoint):
    method, path = endpoint.split(" ")
    one = path[path.index("{"):path.index("}") + 1]
    status, answer = service.call(method, "/v1" + path.replace(one, "nobody"))
    assert status == 404 and answer["error"]["message"], answer
    known = {"{file_id}": job["few"], "{fine_tuning_job_id}": job["id"], "{model}": job["model"]}[one]
    if method == "GET":
        assert service.call("GET", "/v1" + path.replace(one, known))[0] == 200


def test_a_form_of_a_file(service):
    """The parts of POST /files; the two that it must have are in each upload."""
    assert ENDPOINTS["POST /files"] == ["file", "purpose", "expires_after"]

    def post(**fields):
        parts = "".join(f'--b\r\ncontent-disposition: form-data; name="{name}"' + ('; filename="x.jsonl"' if name == "file" else "") +
                        f"\r\n\r\n{value}\r\n" for name, value in fields.items())
        return service.call("POST", "/v1/files", (parts + "--b--\r\n").encode(), headers={"content-type": "multipart/form-data; boundary=b"})
    assert post(file="{}\n", purpose="batch")[1]["purpose"] == "batch"
    for missing in ("file", "purpose"):
        status, answer = post(**{name: value for name, value in {"file": "{}\n", "purpose": "batch"}.items() if name != missing})
        assert status == 400 and answer["error"]["param"] == missing
    file = post(file="{}\n", purpose="batch", **{"expires_after[anchor]": "created_at", "expires_after[seconds]": "3600"})[1]
    assert file["expires_at"] - file["created_at"] == 3600


@pytest.mark.parametrize("endpoint", [endpoint for endpoint in ENDPOINTS if endpoint.startswith("POST") and "{" not in endpoint and "files" not in endpoint])
def test_what_is_not_known_is_refused(service, job, endpoint):
    body = {"model": MODEL, "messages": [], "prompt": "x", "input": "x", "training_file": job["few"], "max_tokes": 3}
    body = {name: value for name, value in body.items() if name in (*ENDPOINTS[endpoint], "max_tokes")}
    status, answer = service.call("POST", "/v1" + endpoint.split(" ")[1], body)
    assert status == 400 and "max_tokes" in answer["error"]["message"]


def test_every_route_of_the_server_is_documented(service):
    """Those that the server itself names: all that the contract has, and others that a page tells of."""
    paths = {route["path"] for route in service.told["routes"]}
    assert {re.sub(r"{\w+}", "{}", "/v1" + endpoint.split(" ")[1]) for endpoint in ENDPOINTS} <= {re.sub(r"{\w+}", "{}", path) for path in paths}
    told = "".join(page.read_text(encoding="utf-8") for page in sorted((ROOT / "docs").glob("*.md")))
    collections = {"/".join(path.split("{")[0].rstrip("/").split("/")[:4]) for path in paths if path.startswith("/v1/")}
    assert len(collections) > 8 and {path for path in collections if path not in told} == set()
