"""Upload, job, events, checkpoints, result file, answers: the official client, every answer checked against the contract.

python whole_way.py TRAINING_FILE: prints one JSON object with what came of it."""
import json
import sys
import time

import httpx2 as httpx
import openai

from contract import Checking

transport = Checking()
client = openai.OpenAI(http_client=httpx.Client(transport=transport), max_retries=0)
MODEL = "gpt-4o-mini-2024-07-18"

train = client.files.create(file=open(sys.argv[1], "rb"), purpose="fine-tune")
valid = client.files.create(file=open(sys.argv[1], "rb"), purpose="fine-tune")
assert client.files.retrieve(train.id) == train
assert [file.id for file in client.files.list(purpose="fine-tune", order="asc", limit=1)][-2:] == [train.id, valid.id]
assert client.files.content(train.id).content == open(sys.argv[1], "rb").read()

job = client.fine_tuning.jobs.create(
    model=MODEL, training_file=train.id, validation_file=valid.id, suffix="whole way", seed=7, metadata={"team": "지원"},
    method={"type": "supervised", "supervised": {"hyperparameters": {"n_epochs": 2, "batch_size": 4}}})
assert job.status in ("validating_files", "queued"), job
assert job.seed == 7 and job.model == MODEL and job.hyperparameters.n_epochs == 2, job
client.files.delete(valid.id)  # the job has its own
while job.status not in ("succeeded", "failed", "cancelled"):
    time.sleep(0.1)
    job = client.fine_tuning.jobs.retrieve(job.id)
assert job.status == "succeeded", job

answer = client.chat.completions.create(model=job.fine_tuned_model, messages=[{"role": "user", "content": "질문 3"}],
                                        temperature=0, max_tokens=12)  # at once
events = list(client.fine_tuning.jobs.list_events(job.id, limit=5))
checkpoints = list(client.fine_tuning.jobs.checkpoints.list(job.id, limit=1))
of_checkpoint = client.chat.completions.create(
    model=checkpoints[-1].fine_tuned_model_checkpoint, messages=[{"role": "user", "content": "질문 3"}], temperature=0, max_tokens=12)
pieces = client.chat.completions.create(model=job.fine_tuned_model, messages=[{"role": "user", "content": "질문 3"}], temperature=0,
                                        max_tokens=12, stream=True, stream_options={"include_usage": True})
chunks = list(pieces)
many = client.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": "안녕"}], n=3, seed=5, max_tokens=6, logprobs=True,
                                      top_logprobs=2, logit_bias={"65": -100})
again = client.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": "안녕"}], n=3, seed=5, max_tokens=6,
                                       logit_bias={"65": -100})
plain = client.completions.create(model=MODEL, prompt=["Hello", "안녕"], max_tokens=5, temperature=0, echo=True, logprobs=2)
form = client.chat.completions.create(
    model=MODEL, messages=[{"role": "user", "content": "JSON"}], max_tokens=200, seed=1,
    response_format={"type": "json_schema", "json_schema": {"name": "grade", "strict": True, "schema": {
        "type": "object", "properties": {"grade": {"enum": ["A", "B"]}, "points": {"type": "integer", "minimum": 0, "maximum": 100}},
        "required": ["grade", "points"], "additionalProperties": False}}})
listed = [one.id for one in client.fine_tuning.jobs.list(metadata={"team": "지원"}, limit=1)]
models = [one.id for one in client.models.list()]
deleted = client.models.delete(checkpoints[0].fine_tuned_model_checkpoint)

refused = {}
for name, call in {
    "model": lambda: client.chat.completions.create(model="ft:nobody:org::12345678", messages=[{"role": "user", "content": "x"}]),
    "deleted": lambda: client.models.retrieve(checkpoints[0].fine_tuned_model_checkpoint),
    "temperature": lambda: client.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": "x"}], temperature=3),
    "messages": lambda: client.chat.completions.create(model=MODEL, messages=[{"role": "villain", "content": "x"}]),
    "job": lambda: client.fine_tuning.jobs.retrieve("ftjob-none"),
    "file": lambda: client.files.retrieve("file-none"),
    "training_file": lambda: client.fine_tuning.jobs.create(model=MODEL, training_file="file-none"),
    "purpose": lambda: client.files.create(file=b"{}", purpose="cookery"),
    "done": lambda: client.fine_tuning.jobs.cancel(job.id),
    "base": lambda: client.models.delete(MODEL),
    "unknown": lambda: client.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": "x"}], extra_body={"colour": 1}),
    "schema": lambda: client.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": "x"}], response_format={
        "type": "json_schema", "json_schema": {"name": "x", "strict": True, "schema": {"type": "object", "properties": {"a": {}}}}}),
}.items():
    try:
        call()
        raise AssertionError(f"{name}: was not refused")
    except openai.APIStatusError as error:
        refused[name] = [error.status_code, error.code, error.param]

print(json.dumps({
    "job": job.model_dump(), "answer": answer.choices[0].message.content, "of_checkpoint": of_checkpoint.choices[0].message.content,
    "streamed": "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices),
    "roles": [chunk.choices[0].delta.role for chunk in chunks if chunk.choices][:2], "usage": chunks[-1].usage.model_dump(),
    "finish": [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices and chunk.choices[0].finish_reason],
    "answer_usage": answer.usage.model_dump(), "events": [event.message for event in events], "event_ids": [event.id for event in events],
    "metrics": [event.data for event in events if event.type == "metrics"],
    "checkpoints": [[one.step_number, one.fine_tuned_model_checkpoint] for one in checkpoints],
    "results": client.files.content(job.result_files[0]).text, "many": [choice.message.content for choice in many.choices],
    "again": [choice.message.content for choice in again.choices],
    "logprobs": [[len(token.top_logprobs), token.logprob] for token in many.choices[0].logprobs.content],
    "plain": [choice.text for choice in plain.choices], "offsets": plain.choices[0].logprobs.text_offset,
    "form": form.choices[0].message.content, "jobs": listed, "models": models, "deleted": deleted.deleted, "refused": refused,
    "checked": transport.checked}))
