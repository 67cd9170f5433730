"""Ten optimiser steps of LoRA and of full fine-tuning against transformers + PEFT, same data, order, start."""
import json
import os
import subprocess

import pytest
import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, get_scheduler

from parity import reference_models, small_tokenizer

HONE = os.environ["HONE"]
ROWS = [("안녕하세요?", "네, 반갑습니다. 오늘은 무엇을 도와 드릴까요?"), ("What is 2 + 3?", "2 + 3 = 5."),
        ("하늘은 왜 파란가요?", "빛이 흩어지기 때문입니다."), ("Name a colour.", "Blue."), ("짧게 말해줘", "네."),
        ("Count to five.", "1, 2, 3, 4, 5"), ("고양이", "야옹 하고 웁니다. 아주 귀엽습니다."), ("Say hi", "Hi there, nice to meet you!")]


def make_run(tmp_path, **model):
    folder = tmp_path / "model"
    settings = dict(vocab_size=small_tokenizer.VOCABULARY, max_position_embeddings=256, initializer_range=0.05)
    reference_models.llama(folder, **{**settings, **model})
    return folder, small_tokenizer.write(folder), write_rows(tmp_path)


def write_rows(tmp_path):
    data = tmp_path / "train.jsonl"
    with data.open("w") as file:
        for question, answer in ROWS:
            file.write(json.dumps({"messages": [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]}) + "\n")
    return data


def train(folder, data, output, *overrides, environment=None):
    config = output.parent / "config.yaml"
    config.write_text(f"""
model: {{name_or_path: {folder}, compute_dtype: float32}}
data: {{train: {data}, packing: false, shuffle: false, max_length: 256}}
method: lora
lora: {{r: 4, lora_alpha: 8, lora_dropout: 0.0, target_modules: all-linear}}
training: {{output_dir: {output}, per_device_train_batch_size: 2, gradient_accumulation_steps: 2, max_steps: 10,
  learning_rate: 5.0e-3, lr_scheduler_type: cosine, warmup_steps: 2, weight_decay: 0.01, max_grad_norm: 1.0, logging_steps: 1,
  save_strategy: "no"}}
""")
    return subprocess.run([HONE, "train", str(config), *overrides, "--json"], capture_output=True, text=True,
                          env={**os.environ, **(environment or {})})


def losses(output):
    return [json.loads(line) for line in (output / "metrics.jsonl").read_text().splitlines()]


def encode(tokenizer, question, answer):
    """Ids and labels: the answer and its end-of-turn token are trained, nothing else."""
    prompt = f"<|im_start|>user\n{question}<|im_end|>\n<|im_start|>assistant\n"
    ids = tokenizer.encode(prompt + answer + "<|im_end|>\n").ids
    start = len(tokenizer.encode(prompt).ids)
    end = len(tokenizer.encode(prompt + answer + "<|im_end|>").ids)
    return ids, [-100] * start + ids[start:end] + [-100] * (len(ids) - end)


def reference_losses(model, tokenizer, steps=10, learning_rate=5e-3, penalty=None):
    parameters = [p for p in model.parameters() if p.requires_grad]
    decayed = [p for p in parameters if p.dim() > 1]
    plain = [p for p in parameters if p.dim() <= 1]
    optimizer = torch.optim.AdamW([{"params": decayed, "weight_decay": 0.01}, {"params": plain, "weight_decay": 0.0}], lr=learning_rate)
    scheduler = get_scheduler("cosine", optimizer, num_warmup_steps=2, num_training_steps=steps)
    encoded = [encode(tokenizer, *row) for row in ROWS]
    found, norms = [], []
    for step in range(steps):
        chunk = [encoded[(step * 4 + i) % len(encoded)] for i in range(4)]
        total = sum(sum(label != -100 for label in labels[1:]) for _, labels in chunk)
        loss = 0.0
        for begin in (0, 2):
            micro = chunk[begin:begin + 2]
            longest = max(len(ids) for ids, _ in micro)
            pad = lambda row, value: row + [value] * (longest - len(row))
            ids = torch.tensor([pad(i, 0) for i, _ in micro])
            labels = torch.tensor([pad(l, -100) for _, l in micro])
            mask = torch.tensor([pad([1] * len(i), 0) for i, _ in micro])
            logits = model(input_ids=ids, attention_mask=mask).logits[:, :-1].flatten(0, 1)
            part = torch.nn.functional.cross_entropy(logits, labels[:, 1:].flatten(), ignore_index=-100, reduction="sum") / total
            part.backward()
            loss += part.item()
        if penalty:
            penalty().backward()
        norms.append(torch.nn.utils.clip_grad_norm_(parameters, 1.0).item())
        optimizer.step()
        scheduler.step()
        optimizer.zero_grad()
        found.append(loss)
    return found, norms


def assert_curves_equal(lines, expected, norms):
    assert len(lines) == len(expected)
    for line, loss, norm in zip(lines, expected, norms):
        assert line["loss"] == pytest.approx(loss, rel=1e-4)
        assert line["grad_norm"] == pytest.approx(norm, rel=1e-3)
    assert expected[-1] < 0.95 * expected[0], "the run must learn, or equality says little"


def test_lora_curve_equals_peft(tmp_path):
    folder, tokenizer, data = make_run(tmp_path)
    # The first step of a warm-up has rate 0: what it leaves is the fresh adapter.
    start = train(folder, data, tmp_path / "start", "training.max_steps=1", "training.warmup_steps=1")
    assert start.returncode == 0, start.stderr
    model = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32), tmp_path / "start", is_trainable=True)
    expected, norms = reference_losses(model, tokenizer, learning_rate=3e-2)
    result = train(folder, data, tmp_path / "run", "training.learning_rate=3e-2")
    assert result.returncode == 0, result.stderr
    assert_curves_equal(losses(tmp_path / "run"), expected, norms)
    summary = json.loads(result.stdout.splitlines()[-1])
    assert summary["trainable_parameters"] == sum(p.numel() for p in model.parameters() if p.requires_grad)
    # What was trained loads in PEFT and gives the weights that PEFT arrived at.
    trained = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32), tmp_path / "run")
    mine = dict(trained.named_parameters())
    for name, parameter in model.named_parameters():
        if "lora" in name:
            assert (mine[name] - parameter).abs().max() <= 2e-3, name


@pytest.mark.parametrize("shape", [dict(tie_word_embeddings=True), dict(attention_bias=True)])
def test_full_curve_equals_transformers(shape, tmp_path):
    folder, tokenizer, data = make_run(tmp_path, **shape)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    expected, norms = reference_losses(model, tokenizer)
    result = train(folder, data, tmp_path / "run", "method=full")
    assert result.returncode == 0, result.stderr
    assert_curves_equal(losses(tmp_path / "run"), expected, norms)
    trained = AutoModelForCausalLM.from_pretrained(tmp_path / "run", dtype=torch.float32)
    mine = dict(trained.named_parameters())
    for name, parameter in model.named_parameters():
        assert (mine[name] - parameter).abs().max() <= 2e-3, name


@pytest.mark.parametrize("method", ["lora", "full"])
def test_training_without_kernels(method, tmp_path):
    """HONE_KERNELS=none: the way of a device that has no kernels, dropout and evaluation included, gives the same losses."""
    folder, _, data = make_run(tmp_path)
    figures = {}
    for kernels in ("none", ""):
        output = tmp_path / f"run-{kernels}"
        result = train(folder, data, output, f"method={method}", "training.max_steps=3", "lora.lora_dropout=0.1",
                       "data.validation=0.25", "training.eval_strategy=epoch", environment={"HONE_KERNELS": kernels})
        assert result.returncode == 0, result.stderr
        figures[kernels] = losses(output)
    assert " no kernels" in json.loads((tmp_path / "run-none" / "run.json").read_text())["plan"]["machine"]
    assert len(figures["none"]) == len(figures[""]) >= 4
    for plain, fused in zip(figures["none"], figures[""]):
        for name in {"loss", "grad_norm", "eval_loss"} & set(fused):
            assert plain[name] == pytest.approx(fused[name], rel=1e-5), (name, plain["step"])


def test_packed_equals_padded(tmp_path):
    """The same examples in one step, packed into rows or one a row: the same loss and gradient."""
    folder, tokenizer, data = make_run(tmp_path)
    figures = {}
    for packing in ("true", "false"):
        output = tmp_path / f"run-{packing}"
        result = train(folder, data, output, f"data.packing={packing}", "training.per_device_train_batch_size=8",
                       "training.gradient_accumulation_steps=1", "training.max_steps=3", "training.warmup_steps=0")
        assert result.returncode == 0, result.stderr
        figures[packing] = losses(output)
    for packed, padded in zip(figures["true"], figures["false"]):
        assert packed["loss"] == pytest.approx(padded["loss"], rel=1e-5)
        assert packed["grad_norm"] == pytest.approx(padded["grad_norm"], rel=1e-4)


def test_accumulation_equals_one_large_batch(tmp_path):
    folder, tokenizer, data = make_run(tmp_path)
    figures = {}
    for rows, accumulation in ((8, 1), (1, 8), (3, 3)):
        output = tmp_path / f"run-{rows}"
        result = train(folder, data, output, f"training.per_device_train_batch_size={rows}",
                       f"training.gradient_accumulation_steps={accumulation}", "training.max_steps=3", "training.warmup_steps=0")
        assert result.returncode == 0, result.stderr
        figures[rows] = losses(output)
    for rows in (1, 3):
        for one, many in zip(figures[8], figures[rows]):
            assert many["loss"] == pytest.approx(one["loss"], rel=1e-5)
            assert many["grad_norm"] == pytest.approx(one["grad_norm"], rel=1e-4)


def test_recomputation_changes_nothing(tmp_path):
    """With dropout on: the repeated forward must draw the same numbers."""
    folder, tokenizer, data = make_run(tmp_path)
    figures = []
    for recompute in ("false", "true"):
        output = tmp_path / f"run-{recompute}"
        result = train(folder, data, output, f"training.gradient_checkpointing={recompute}", "lora.lora_dropout=0.3")
        assert result.returncode == 0, result.stderr
        figures.append([(line["loss"], line["grad_norm"]) for line in losses(output)])
    assert figures[0] == figures[1]
