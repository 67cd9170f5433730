"""Full and partial tuning, penalties, noise and grouping: against transformers and torch on the same data and start."""
import json
import re
import shutil

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM

from parity.test_train import ROWS, assert_curves_equal, encode, losses, make_run, reference_losses, train

BIASES = dict(attention_bias=True, mlp_bias=True)
# Shape of the model, settings, and which of transformers' parameters they mean.
CHOICES = {
    "freeze-first": ({}, ["partial.freeze_first_layers=1", "partial.head=true", "partial.norms=final"],
                     r".*layers\.[12]\..*|lm_head\.weight|model\.norm\.weight"),
    "both-ends": (BIASES, ["partial.train_first_layers=1", "partial.train_last_layers=1", "partial.modules=[mlp]"],
                  r".*layers\.[02]\.mlp\..*"),
    "modules": ({}, ["partial.modules=[q_proj, layers.1.mlp]"], r".*q_proj.*|.*layers\.1\.mlp\..*"),
    "expression": ({}, ["partial.modules='.*layers\\.[01]\\.self_attn\\.(k|v)_proj'"], r".*layers\.[01]\.self_attn\.[kv]_proj\..*"),
    "embeddings-and-norms": ({}, ["partial.embeddings=true", "partial.norms=all"], r".*embed_tokens.*|.*norm.*"),
    "tied-head": (dict(tie_word_embeddings=True), ["partial.modules=[lm_head]"], r".*embed_tokens.*"),
    "biases": (BIASES, ["partial.biases=true"], r".*\.bias"),
}


def reference(folder, chosen=".*"):
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(re.fullmatch(chosen, name) is not None)
    return model


def run(folder, data, output, *overrides, threads=1):
    """One thread unless said: for matrices this small a second one only waits."""
    result = train(folder, data, output, *overrides, f"--threads={threads}")
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout.splitlines()[-1])


@pytest.mark.parametrize("choice", CHOICES)
def test_partial_curve_equals_transformers(choice, tmp_path):
    shape, settings, chosen = CHOICES[choice]
    folder, tokenizer, data = make_run(tmp_path, **shape)
    model = reference(folder, chosen)
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    rate = 6e-2 if choice in ("expression", "biases") else 2e-2  # these have little to learn with
    expected, norms = reference_losses(model, tokenizer, learning_rate=rate)
    summary = run(folder, data, tmp_path / "run", "method=partial", f"training.learning_rate={rate}", *settings)
    assert summary["trainable_parameters"] == sum(p.numel() for p in model.parameters() if p.requires_grad)
    assert_curves_equal(losses(tmp_path / "run"), expected, norms)
    mine = dict(AutoModelForCausalLM.from_pretrained(tmp_path / "run", dtype=torch.float32).named_parameters())
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            assert (mine[name] - parameter).abs().max() <= 2e-3, name
            assert not torch.equal(mine[name], before[name]), name
        else:
            assert torch.equal(mine[name], before[name]), name


@pytest.mark.parametrize("method, settings, chosen", [
    ("full", [], ".*"), ("partial", ["partial.train_last_layers=2", "partial.embeddings=true"], r".*layers\.[12]\..*|.*embed_tokens.*"),
    ("partial", ["partial.train_first_layers=1"], r".*layers\.0\..*")])
def test_every_gradient_equals_transformers(method, settings, chosen, tmp_path):
    """After one step AdamW's first moment is a tenth of the gradient, unclipped, by the parameter's name."""
    folder, tokenizer, data = make_run(tmp_path, **BIASES)
    model = reference(folder, chosen)
    rows = [encode(tokenizer, *row) for row in ROWS[:4]]
    total = sum(sum(label != -100 for label in labels[1:]) for _, labels in rows)
    for ids, labels in rows:
        logits = model(input_ids=torch.tensor([ids])).logits[0, :-1]
        (torch.nn.functional.cross_entropy(logits, torch.tensor(labels[1:]), ignore_index=-100, reduction="sum") / total).backward()
    run(folder, data, tmp_path / "run", f"method={method}", *settings, "training.max_steps=1", "training.warmup_steps=1",
        "training.max_grad_norm=0", "training.save_strategy=steps")
    state = load_file(tmp_path / "run/checkpoint-1/optimizer.safetensors")
    trained = {name: p for name, p in model.named_parameters() if p.requires_grad}
    assert {key.removeprefix("exp_avg.") for key in state if key.startswith("exp_avg.")} == set(trained)
    for name, parameter in trained.items():
        expected = 0.1 * parameter.grad
        assert expected.abs().max() > 0, name
        assert (state[f"exp_avg.{name}"] - expected).abs().max() <= 1e-4 * expected.abs().max(), name


@pytest.mark.parametrize("settings", [["method=full"], ["method=partial", "partial.train_last_layers=1", "partial.embeddings=true"]])
def test_recomputation_changes_nothing(settings, tmp_path):
    folder, _, data = make_run(tmp_path)
    curves = []
    for recompute in ("false", "true"):
        run(folder, data, tmp_path / recompute, *settings, f"training.gradient_checkpointing={recompute}",
            "training.neftune_noise_alpha=5", "training.max_steps=4")
        curves.append([(line["loss"], line["grad_norm"]) for line in losses(tmp_path / recompute)])
    assert curves[0] == curves[1]


def bfloat16_copy(folder, to):
    AutoModelForCausalLM.from_pretrained(folder, dtype=torch.bfloat16).save_pretrained(to)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(folder / name, to / name)
    return to


@pytest.mark.parametrize("settings", [["method=full"], ["method=partial", "partial.train_last_layers=1"]])
def test_the_type_of_the_checkpoint_is_kept_when_asked(settings, tmp_path):
    """Training is the same; what is saved is its rounding, and what was frozen is the base's to the bit."""
    folder, _, data = make_run(tmp_path)
    base = bfloat16_copy(folder, tmp_path / "bf16")
    wide, kept = tmp_path / "wide", tmp_path / "kept"
    run(base, data, wide, *settings)
    run(base, data, kept, *settings, "training.save_dtype=auto", "training.save_strategy=steps", "training.save_steps=10")
    assert [(l["loss"], l["grad_norm"]) for l in losses(wide)] == [(l["loss"], l["grad_norm"]) for l in losses(kept)]
    exact, rounded, before = (load_file(f / "model.safetensors") for f in (wide, kept, base))
    assert json.loads((kept / "config.json").read_text())["dtype"] == "bfloat16"
    moved = 0
    for name, tensor in exact.items():
        assert tensor.dtype == torch.float32 and rounded[name].dtype == torch.bfloat16
        assert torch.equal(rounded[name], tensor.bfloat16()), name
        moved += not torch.equal(rounded[name], before[name])
    assert moved == (len(exact) if settings == ["method=full"] else 9)
    assert AutoModelForCausalLM.from_pretrained(kept, dtype="auto").dtype == torch.bfloat16
    # A checkpoint is exact all the same.
    state = kept / "checkpoint-10" / ("model.safetensors" if settings == ["method=full"] else "trained.safetensors")
    for name, tensor in load_file(state).items():
        assert torch.equal(tensor, exact[name]), name


def test_a_base_without_its_head_goes_out_as_it_came_in(tmp_path):
    """Its names lack their beginning: what is frozen is still found in the file, not taken from what bfloat16 arithmetic holds."""
    folder, _, data = make_run(tmp_path, tie_word_embeddings=True)
    bare = tmp_path / "bare"
    AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).base_model.save_pretrained(bare)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(folder / name, bare / name)
    run(bare, data, tmp_path / "run", "method=partial", "partial.train_last_layers=1", "model.compute_dtype=bfloat16", "training.max_steps=2")
    before, after = (load_file(f / "model.safetensors") for f in (bare, tmp_path / "run"))
    assert {name.removeprefix("model.") for name in after} == set(before)
    for name, tensor in after.items():
        assert torch.equal(tensor, before[name.removeprefix("model.")]) == ("layers.2" not in name), name


def test_partial_says_what_is_wrong(tmp_path):
    folder, _, data = make_run(tmp_path)

    def complaint(*settings):
        result = train(folder, data, tmp_path / "run", "method=partial", *settings)
        assert result.returncode == 2
        return result.stderr

    assert "names nothing to train" in complaint()
    assert "4 is more than the 3 layers" in complaint("partial.train_last_layers=4")
    assert 'did you mean "q_proj"?' in complaint("partial.modules=[q_porj]")
    assert "a text that is not in a list is a regular expression" in complaint("partial.modules=q_proj")
    assert "keep one of the two" in complaint("partial.train_last_layers=1", "partial.freeze_first_layers=1")
    assert 'did you mean "adamw_8bit"?' in complaint("partial.train_last_layers=1", "training.optim=adamw8bit")
    assert "use adamw_8bit" in complaint("partial.train_last_layers=1", "training.optim=paged_adamw_8bit")


def test_what_is_frozen_costs_no_memory(tmp_path):
    """Neither gradient, moments nor fp32 copy: 16 bytes a weight; and 6 of the rest's 8 bytes of moments with 8 bits."""
    folder, _, data = make_run(tmp_path, hidden_size=512, intermediate_size=1536, num_hidden_layers=4, num_attention_heads=8)
    peak, summary = {}, {}
    for name, settings in {"full": ["method=full"], "8bit": ["method=full", "training.optim=adamw_8bit"],
                           "partial": ["method=partial", "partial.train_last_layers=1"]}.items():
        summary[name] = run(folder, data, tmp_path / name, *settings, "training.max_steps=3")
        peak[name] = losses(tmp_path / name)[-1]["peak_memory_bytes"]
    weights, trained = (summary[name]["trainable_parameters"] for name in ("full", "partial"))
    assert weights > 12e6 and trained < 0.3 * weights
    assert peak["full"] - peak["partial"] > 12 * (weights - trained)
    assert peak["full"] - peak["8bit"] > 4.5 * weights
    assert summary["full"]["optimizer_state_bytes"] == 8 * weights
    assert summary["8bit"]["optimizer_state_bytes"] < 2.2 * weights


# Penalties


def other_task(tmp_path):
    rows = [("Sing", "La la la."), ("노래해", "랄랄라, 즐겁게."), ("Count", "3, 2, 1")]
    path = tmp_path / "other.jsonl"
    path.write_text("".join(json.dumps({"messages": [{"role": "user", "content": q}, {"role": "assistant", "content": a}]}) + "\n"
                            for q, a in rows))
    return path, rows


def squared_gradients(model, tokenizer, rows):
    """The diagonal of the empirical Fisher information, of unit mean over all weights."""
    sums = {name: torch.zeros_like(p) for name, p in model.named_parameters() if p.requires_grad}
    for row in rows:
        ids, labels = encode(tokenizer, *row)
        model.zero_grad()
        logits = model(input_ids=torch.tensor([ids])).logits[0, :-1]
        torch.nn.functional.cross_entropy(logits, torch.tensor(labels[1:]), ignore_index=-100, reduction="sum").backward()
        for name in sums:
            sums[name] += model.get_parameter(name).grad ** 2
    model.zero_grad()
    mean = sum(s.double().sum() for s in sums.values()) / sum(s.numel() for s in sums.values())
    return {name: (s / mean).float() for name, s in sums.items()}


@pytest.mark.parametrize("kind", ["l2_sp", "ewc"])
def test_penalties_equal_torch(kind, tmp_path):
    folder, tokenizer, data = make_run(tmp_path)
    other, rows = other_task(tmp_path)
    strength = 0.3
    model = reference(folder)
    start = {name: p.detach().clone() for name, p in model.named_parameters()}
    fisher = squared_gradients(model, tokenizer, rows) if kind == "ewc" else {name: 1.0 for name in start}
    penalties = []

    def penalty():
        value = strength / 2 * sum((fisher[n] * (p - start[n]) ** 2).sum() for n, p in model.named_parameters())
        penalties.append(value.item())
        return value

    expected, norms = reference_losses(model, tokenizer, penalty=penalty)
    settings = [f"regularization.type={kind}", f"regularization.lambda={strength}"]
    settings += [f"regularization.data={other}"] if kind == "ewc" else []
    run(folder, data, tmp_path / "run", "method=full", *settings)
    lines = losses(tmp_path / "run")
    assert_curves_equal(lines, expected, norms)
    for line, value in zip(lines, penalties):
        assert line["penalty"] == pytest.approx(value, rel=1e-3, abs=1e-9)
    assert penalties[-1] > 1e-3, "a penalty of nothing proves nothing"
    if kind == "ewc":
        measured = load_file(tmp_path / "run/importance.safetensors")
        for name, value in fisher.items():
            mine = measured[f"importance.{name}"]
            assert (mine - value).abs().max() <= 1e-3 * value.abs().max(), name


def test_a_penalty_holds_the_weights_back(tmp_path):
    folder, _, data = make_run(tmp_path)
    start = load_file(folder / "model.safetensors")
    apart = {}
    for strength in (0, 10):
        output = tmp_path / f"run-{strength}"
        run(folder, data, output, "method=full",
            *([f"regularization.lambda={strength}", "regularization.type=l2_sp"] if strength else []))
        end = load_file(output / "model.safetensors")
        apart[strength] = sum(((end[n] - start[n]) ** 2).sum().item() for n in start)
    assert apart[10] < 0.7 * apart[0]


# Noise, and going on


def test_noise_is_for_training_alone_and_does_not_depend_on_threads(tmp_path):
    folder, _, data = make_run(tmp_path)
    figures = {}
    for name, alpha, threads in (("none", 0, 1), ("noise", 20, 1), ("threads", 20, 2)):
        run(folder, data, tmp_path / name, "method=full", "data.validation=0.25", "training.eval_on_start=true",
            "training.eval_strategy=steps", "training.eval_steps=10", "training.max_steps=2",
            f"training.neftune_noise_alpha={alpha}", threads=threads)
        figures[name] = losses(tmp_path / name)
    before = [next(l for l in figures[n] if "eval_loss" in l) for n in ("none", "noise")]
    assert before[0]["step"] == 0 and before[0]["eval_loss"] == before[1]["eval_loss"]
    first = {n: next(l for l in figures[n] if "loss" in l)["loss"] for n in figures}
    assert first["noise"] != pytest.approx(first["none"], rel=1e-4)
    assert first["threads"] == pytest.approx(first["noise"], rel=1e-6)


EVERYTHING = ["training.neftune_noise_alpha=5", "training.group_by_length=true", "data.shuffle=true", "regularization.type=ewc",
              "regularization.lambda=0.1", "training.learning_rate=1e-3"]


@pytest.mark.parametrize("settings", [
    ["method=full", "training.optim=adamw_8bit"],
    ["method=partial", "partial.train_last_layers=2", "partial.embeddings=true", "training.optim=adamw_8bit"],
    ["method=lora", "training.optim=adamw_bnb_8bit", "lora.lora_dropout=0.1", "lora.r=64"]])
def test_resuming_changes_nothing(settings, tmp_path):
    """Everything that keeps state or draws numbers, at once: cut after step 4 of 8, the end is the same to the bit."""
    folder, _, data = make_run(tmp_path, hidden_size=96, intermediate_size=128)
    other, _ = other_task(tmp_path)
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    common = [*settings, *EVERYTHING, f"regularization.data={other}", "training.max_steps=8", "training.save_strategy=steps",
              "training.save_steps=4"]
    summary = run(folder, data, whole, *common)
    assert summary["optimizer_state_bytes"] < 8 * summary["trainable_parameters"]
    shutil.copytree(whole, cut)
    shutil.rmtree(cut / "checkpoint-8")
    run(folder, data, cut, *common, "--resume")
    timeless = lambda lines: [{k: v for k, v in line.items() if k not in ("wall_time", "tokens_per_second", "peak_memory_bytes")}
                              for line in lines]
    assert timeless(losses(whole)) == timeless(losses(cut)) and len(losses(cut)) == 8
    result = "adapter_model.safetensors" if "method=lora" in settings else "model.safetensors"
    assert (cut / result).read_bytes() == (whole / result).read_bytes()


@pytest.mark.parametrize("optim", ["adamw", "adamw_8bit"])
def test_a_step_that_is_no_number_ends_the_run_and_changes_nothing(optim, tmp_path):
    """The first step throws the weights so far that the next loss or gradient is none."""
    folder, _, data = make_run(tmp_path)
    result = train(folder, data, tmp_path / "run", "method=full", f"training.optim={optim}", "training.learning_rate=1e30",
                   "training.warmup_steps=0", "training.save_strategy=steps", "training.save_steps=1", "--threads=1")
    assert result.returncode == 1
    assert "not a finite number; no weight was changed by this step" in result.stderr
    checkpoint = tmp_path / "run/checkpoint-1"
    assert checkpoint.name in result.stderr
    for file in ("model", "optimizer"):
        for name, tensor in load_file(checkpoint / f"{file}.safetensors").items():
            assert tensor.float().isfinite().all(), name
