"""/v1/embeddings through the official client, against what hone embed says of the same folder."""
import base64
import concurrent.futures
import json
import struct
import subprocess

import pytest

from e2e.service import CLIENTS, HONE, LEGACY_CLIENT, MODEL, Service
from parity.story_model import add_tokenizer
from parity.test_embed import bert, sentence_files

pytestmark = pytest.mark.skipif(not CLIENTS.exists(), reason="build/python-clients is not there: tools/setup.sh oracles")

NAME = "text-embedding-3-small"
TEXTS = ["Once upon a time", "안녕하세요", "a", "Lily and Tom went to the park."] * 20  # more than one batch


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("encoder") / "bert"
    bert(folder, vocab_size=512)
    add_tokenizer(folder)
    sentence_files(folder)
    return folder


def embedded(encoder, lines, *options):
    answer = subprocess.run([HONE, "embed", "--model", encoder, *options], input="".join(line + "\n" for line in lines), capture_output=True,
                            text=True, check=True).stdout
    return [json.loads(line)["embedding"] for line in answer.splitlines()]


def apart(some, others):
    assert len(some) == len(others)
    return max(abs(a - b) for one, other in zip(some, others) for a, b in zip(one, other, strict=True))


def test_vectors_are_those_of_embed(start, encoder, tmp_path):
    ids = [[5, 9, 300], [1], [511] * 32]
    (tmp_path / "texts.json").write_text(json.dumps(TEXTS))
    (tmp_path / "ids.json").write_text(json.dumps(ids))
    service = start("--embedding-model", encoder, "--served-embedding-name", NAME)
    result = service.client("embeddings.py", NAME, tmp_path / "texts.json", tmp_path / "ids.json")
    assert result.returncode == 0, result.stderr
    seen = json.loads(result.stdout)
    expected = embedded(encoder, TEXTS)
    assert apart(expected[:1], expected[1:2]) > 0.05, "vectors that hardly differ would show nothing"
    for got in (seen["texts"], seen["floats"]):
        assert apart(got, expected) <= 1e-6
    assert seen["texts"] == seen["floats"], "base64 and numbers are the same float32"
    assert apart(seen["one"], expected[:1]) <= 1e-6
    assert list(struct.unpack("<48f", base64.b64decode(seen["plain"], validate=True))) == seen["one"][0]
    of_ids = embedded(encoder, [json.dumps({"ids": one}) for one in ids], "--ids")
    assert apart(seen["ids"], of_ids) <= 1e-6 and apart(seen["flat"], of_ids[:1]) <= 1e-6
    lines = "".join(json.dumps({"text": text}) + "\n" for text in TEXTS)
    told = subprocess.run([HONE, "tokenize", "--tokenizer", encoder, "--add-special-tokens"], input=lines, capture_output=True, text=True, check=True)
    tokens = sum(len(json.loads(line)["ids"]) for line in told.stdout.splitlines())
    assert seen["usage"] == {"prompt_tokens": tokens, "total_tokens": tokens}
    assert seen["models"] == [MODEL, NAME] and seen["retrieved"] == NAME
    assert seen["refused"] == {
        "model": [404, "model_not_found", "model"], "dimensions": [400, "unsupported_value", "dimensions"],
        "empty": [400, "empty_string", "input"], "nothing": [400, "invalid_value", "input"], "hole": [400, "empty_string", "input"],
        "mixed": [400, "invalid_type", "input"], "id": [400, "invalid_value", "input"], "long": [400, "context_length_exceeded", "input"],
        "many": [400, "invalid_value", "input"], "format": [400, "invalid_value", "encoding_format"],
        "chat": [404, "model_not_found", "model"], "delete": [403, None, "model"]}
    assert seen["checked"] >= 15


def test_without_an_encoder_every_name_is_unknown(start):
    status, document = start().call("POST", "/v1/embeddings", {"model": NAME, "input": "x"})
    assert (status, document["error"]["code"]) == (404, "model_not_found")


def test_too_many_are_turned_away_and_the_rest_answered(start, encoder):
    service = start("--embedding-model", encoder, "--served-embedding-name", NAME, "--max-waiting", "2")
    body = {"model": NAME, "input": [[511] * 32] * 2000}
    with concurrent.futures.ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(lambda _: service.call("POST", "/v1/embeddings", body), range(12)))
    statuses = [status for status, _ in answers]
    assert set(statuses) == {200, 429}, statuses
    assert all(document["error"]["code"] == "rate_limit_exceeded" for status, document in answers if status == 429)
    assert service.call("POST", "/v1/embeddings", {**body, "input": "once more"})[0] == 200


def test_a_name_that_is_taken_is_refused(model, encoder, tmp_path):
    service = Service(model, tmp_path / "data", "--embedding-model", encoder, "--served-embedding-name", MODEL)
    result = subprocess.run(list(map(str, service.command)), capture_output=True, text=True, timeout=60)
    assert result.returncode == 2 and "--served-embedding-name" in result.stderr


@pytest.mark.skipif(not LEGACY_CLIENT.exists(), reason="build/python-clients_legacy is not there")
def test_the_old_client_reads_numbers(start, encoder):
    service = start("--embedding-model", encoder)
    script = ("import json, openai; print(json.dumps(openai.Embedding.create(model='bert', input=['a'], encoding_format='float')"
              ".data[0].embedding))")
    result = subprocess.run([LEGACY_CLIENT, "-c", script], env=service.environment(), capture_output=True, text=True, timeout=60)
    assert result.returncode == 0, result.stderr
    assert apart([json.loads(result.stdout)], embedded(encoder, ["a"])) <= 1e-6
