"""Upload, fine-tune, events, results, answers by openai 0.28, the client of the API before fine_tuning.jobs.

python legacy_whole_way.py TRAINING_FILE PROMPT: prints one JSON object with what came of it."""
import json
import sys

import openai

MODEL = "gpt-4o-mini-2024-07-18"
rows, prompt = open(sys.argv[1], "rb").read(), sys.argv[2]

train = openai.File.create(file=open(sys.argv[1], "rb"), purpose="fine-tune")
valid = openai.File.create(file=open(sys.argv[1], "rb"), purpose="fine-tune", user_provided_filename="valid.jsonl")
created = openai.FineTune.create(training_file=train.id, validation_file=valid.id, model=MODEL, batch_size=4, learning_rate_multiplier=50,
                                 suffix="old way", prompt_loss_weight=0)
second = openai.FineTune.create(training_file=train.id)  # waits for the first
streamed = [event.to_dict() for event in openai.FineTune.stream_events(created.id)]
job = openai.FineTune.retrieve(created.id)
listed = openai.FineTune.list_events(id=created.id).data
running = openai.FineTune.delete(second.id)
third = openai.FineTune.create(training_file=train.id, n_epochs=50)
cancelled = openai.FineTune.cancel(third.id)
openai.File.delete(valid.id)

ask = dict(temperature=0, max_tokens=12)
chat = dict(model=job.fine_tuned_model, messages=[{"role": "user", "content": prompt}], **ask)
answer = openai.ChatCompletion.create(**chat)
chunks = list(openai.ChatCompletion.create(**chat, stream=True))
tuned = openai.Completion.create(model=job.fine_tuned_model, prompt=prompt, **ask)
pieces = list(openai.Completion.create(model=job.fine_tuned_model, prompt=prompt, stream=True, **ask))
base = openai.Completion.create(model=MODEL, prompt=prompt, **ask)
models = [model.id for model in openai.Model.list().data]
ids = [one.id for one in openai.FineTune.list().data]
results = openai.File.download(job.result_files[0].id).decode()
deleted = openai.FineTune.delete(created.id)

refused = {}
for name, call in {
    "unknown": lambda: openai.FineTune.retrieve("ft-none"),
    "new": lambda: openai.FineTuningJob.retrieve("ftjob-none"),
    "done": lambda: openai.FineTune.cancel(created.id),
    "weight": lambda: openai.FineTune.create(training_file=train.id, prompt_loss_weight=0.01),
    "metrics": lambda: openai.FineTune.create(training_file=train.id, compute_classification_metrics=True),
    "suffix": lambda: openai.FineTune.create(training_file=train.id, suffix="x" * 41),
    "epochs": lambda: openai.FineTune.create(training_file=train.id, n_epochs=0),
    "model": lambda: openai.FineTune.create(training_file=train.id, model="curie"),
    "deleted": lambda: openai.Completion.create(model=job.fine_tuned_model, prompt=prompt, **ask),
    "events": lambda: openai.FineTune.stream_events("ft-none"),
}.items():
    try:
        call()
        raise AssertionError(f"{name}: was not refused")
    except openai.InvalidRequestError as error:
        refused[name] = [error.http_status, error.code, error.param]
try:
    openai.Model.list(api_key="sk-wrong")
    raise AssertionError("a wrong key was let in")
except openai.error.AuthenticationError as error:
    refused["key"] = [error.http_status, error.json_body["error"]["code"]]

print(json.dumps({
    "created": created.to_dict_recursive(), "job": job.to_dict_recursive(), "second": second.to_dict_recursive(), "streamed": streamed,
    "listed": [event.to_dict() for event in listed], "running": running.to_dict(), "cancelled": cancelled.status,
    "after": openai.FineTune.retrieve(created.id).to_dict_recursive(), "third": third.id,
    "downloaded": openai.File.download(train.id) == rows, "filename": [train.filename, valid.filename],
    "answer": answer.choices[0].message.content, "chat": "".join(chunk.choices[0].delta.get("content") or "" for chunk in chunks),
    "tuned": [tuned.choices[0].text, tuned.choices[0].finish_reason], "pieces": "".join(piece.choices[0].text for piece in pieces),
    "base": base.choices[0].text, "models": models, "ids": ids, "results": results, "deleted": deleted.to_dict(), "refused": refused}))
