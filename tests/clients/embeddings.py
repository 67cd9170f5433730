"""/v1/embeddings by the official client, every answer of JSON numbers checked against the contract.

python embeddings.py MODEL TEXTS.json IDS.json: prints one JSON object with what came of it."""
import json
import sys

import httpx2 as httpx
import openai

from contract import Checking

name = sys.argv[1]
texts, ids = (json.load(open(path, encoding="utf-8")) for path in sys.argv[2:4])
client = openai.OpenAI(max_retries=0)  # asks for base64 by itself: the contract knows lists of numbers alone
transport = Checking()
checked = openai.OpenAI(http_client=httpx.Client(transport=transport), max_retries=0)


def vectors(answer):
    assert [one.index for one in answer.data] == list(range(len(answer.data))) and answer.model == name
    return [one.embedding for one in answer.data]


many = client.embeddings.create(model=name, input=texts)
seen = {
    "texts": vectors(many), "usage": many.usage.model_dump(),
    "one": vectors(client.embeddings.create(model=name, input=texts[0])),
    "floats": vectors(checked.embeddings.create(model=name, input=texts, encoding_format="float")),
    "plain": client.embeddings.create(model=name, input=texts[0], encoding_format="base64").data[0].embedding,
    "ids": vectors(client.embeddings.create(model=name, input=ids)),
    "flat": vectors(client.embeddings.create(model=name, input=ids[0], dimensions=len(many.data[0].embedding), user="someone")),
    "models": [model.id for model in checked.models.list()], "retrieved": checked.models.retrieve(name).id}
seen["refused"] = {}
for what, call in {
    "model": lambda: checked.embeddings.create(model="ada", input="x"),
    "dimensions": lambda: checked.embeddings.create(model=name, input="x", dimensions=8),
    "empty": lambda: checked.embeddings.create(model=name, input=""),
    "nothing": lambda: checked.embeddings.create(model=name, input=[]),
    "hole": lambda: checked.embeddings.create(model=name, input=["a", ""]),
    "mixed": lambda: checked.embeddings.create(model=name, input=["a", None]),
    "id": lambda: checked.embeddings.create(model=name, input=[1, 1 << 40]),
    "long": lambda: checked.embeddings.create(model=name, input="word " * 100),
    "many": lambda: checked.embeddings.create(model=name, input=["a"] * 2049),
    "format": lambda: checked.embeddings.create(model=name, input="x", encoding_format="hex"),
    "chat": lambda: checked.chat.completions.create(model=name, messages=[{"role": "user", "content": "x"}]),
    "delete": lambda: checked.models.delete(name),
}.items():
    try:
        call()
        raise AssertionError(f"{what}: was not refused")
    except openai.APIStatusError as error:
        seen["refused"][what] = [error.status_code, error.code, error.param]
seen["checked"] = transport.checked
print(json.dumps(seen))
