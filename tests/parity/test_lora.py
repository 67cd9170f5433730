"""LoRA adapters against PEFT: what is trained, how it starts, the files in both directions, every setting."""
import dataclasses
import json
import os
import subprocess

import peft
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM

from parity import reference_models
from parity.test_train import assert_curves_equal, losses, make_run, reference_losses, train

HONE = os.environ["HONE"]
IDS = [1, 5, 77, 130, 42, 9, 5, 3]
BIASES = dict(attention_bias=True, mlp_bias=True)
# (shape of the model, settings of the adapter)
KINDS = {
    "bias-all": (BIASES, dict(target_modules=["q_proj", "v_proj"], bias="all")),
    "bias-lora-only": (BIASES, dict(target_modules=["q_proj", "down_proj"], bias="lora_only")),
    "embedding-head-norms": ({}, dict(target_modules=["q_proj"], modules_to_save=["embed_tokens", "lm_head", "norm"])),
    "whole-module-and-biases": (BIASES, dict(target_modules="all-linear", bias="all", modules_to_save=["layers.1.mlp", "k_proj"])),
    "tied-embedding": (dict(tie_word_embeddings=True), dict(target_modules=["q_proj"], modules_to_save=["embed_tokens"])),
    "tied-head": (dict(tie_word_embeddings=True), dict(target_modules=["q_proj"], modules_to_save=["lm_head"])),
    "tied-both": (dict(tie_word_embeddings=True), dict(target_modules=["q_proj"], modules_to_save=["embed_tokens", "lm_head"])),
    "tied-kept": (dict(tie_word_embeddings=True),
                  dict(target_modules=["q_proj"], modules_to_save=["lm_head"], ensure_weight_tying=True)),
}
# What PEFT can also write, though a run here would not.
READ_ALONE = {
    "head-as-target": ({}, dict(target_modules=["q_proj", "lm_head"])),
    "tied-head-as-target": (dict(tie_word_embeddings=True), dict(target_modules=["q_proj", "lm_head"])),
    "first-pattern-counts": ({}, dict(target_modules=["q_proj"], rank_pattern={"layers.1.self_attn.q_proj": 5, "q_proj": 3},
                                      alpha_pattern={".*1.*q_proj": 20, "q_proj": 4})),
}


def run(*arguments):
    return subprocess.run([HONE, *map(str, arguments)], capture_output=True, text=True)


def hone(*arguments):
    result = run(*arguments)
    assert result.returncode == 0, result.stderr
    return result.stdout


def logits(folder, tmp_path, *extra):
    hone("model", "logits", "--model", folder, "--ids", ",".join(map(str, IDS)), "--output", tmp_path / "l.safetensors", *extra)
    return load_file(tmp_path / "l.safetensors")["logits"]


def reference_logits(model):
    with torch.no_grad():
        return model.eval()(torch.tensor([IDS])).logits[0]


def base(folder):
    return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)


def adapter_of_peft(tmp_path, shape, settings, moved=True):
    """A base and an adapter with values in everything that PEFT trains; returns PEFT's model."""
    reference_models.llama(tmp_path / "m", **shape)
    torch.manual_seed(3)
    model = peft.get_peft_model(base(tmp_path / "m"), peft.LoraConfig(**{"r": 4, "task_type": "CAUSAL_LM", **settings}))
    if moved:
        for parameter in model.parameters():
            if parameter.requires_grad:
                parameter.data += 0.1 * torch.randn_like(parameter)
    model.save_pretrained(tmp_path / "a")
    return model


def yaml_lora(settings):
    """The settings as overrides of the test's configuration."""
    return [f"lora.{key}={json.dumps(value)}" for key, value in {"init_lora_weights": "true", **settings}.items()]


@pytest.mark.parametrize("kind", KINDS)
def test_curve_equals_peft(kind, tmp_path):
    shape, settings = KINDS[kind]
    folder, tokenizer, data = make_run(tmp_path, **shape)
    # The first step of a warm-up has rate 0: what it leaves is the fresh adapter.
    start = train(folder, data, tmp_path / "start", "training.max_steps=1", "training.warmup_steps=1", *yaml_lora(settings))
    assert start.returncode == 0, start.stderr
    model = peft.PeftModel.from_pretrained(base(folder), tmp_path / "start", is_trainable=True)
    before = {name: p.detach().clone() for name, p in model.named_parameters() if p.requires_grad}
    trainable, everything = model.get_nb_trainable_parameters()
    rate = 1e-2 if "modules_to_save" in settings else 4e-2
    expected, norms = reference_losses(model, tokenizer, learning_rate=rate)
    result = train(folder, data, tmp_path / "run", f"training.learning_rate={rate}", *yaml_lora(settings))
    assert result.returncode == 0, result.stderr
    assert_curves_equal(losses(tmp_path / "run"), expected, norms)
    line = f"trainable params: {trainable:,d} || all params: {everything:,d} || trainable%: {100 * trainable / everything:.4f}"
    assert line in result.stderr

    # What was trained loads in PEFT, under the names that PEFT itself would use, and gives what PEFT arrived at.
    names = set(load_file(tmp_path / "run" / "adapter_model.safetensors"))
    assert names == {n for n in peft.get_peft_model_state_dict(model) if ".modules_to_save." not in n and ".original_module." not in n}
    trained = peft.PeftModel.from_pretrained(base(folder), tmp_path / "run")
    mine = dict(trained.named_parameters())
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            assert (mine[name] - parameter).abs().max() <= 2e-3, name
            if "lora" not in name:
                assert (parameter - before[name]).abs().max() > 1e-3, f"{name} was not trained"
    wanted = reference_logits(trained)
    assert (logits(folder, tmp_path, "--adapter", tmp_path / "run") - wanted).abs().max() <= 1e-4
    hone("merge", "--model", folder, "--adapter", tmp_path / "run", "--output", tmp_path / "merged")
    assert (reference_logits(base(tmp_path / "merged")) - wanted).abs().max() <= 1e-4


@pytest.mark.parametrize("kind", {**KINDS, **READ_ALONE})
def test_adapter_of_peft(kind, tmp_path):
    shape, settings = {**KINDS, **READ_ALONE}[kind]
    model = adapter_of_peft(tmp_path, shape, settings)
    wanted = reference_logits(model)
    assert (wanted - reference_logits(base(tmp_path / "m"))).abs().max() > 0.1, "the adapter must change something"
    assert (logits(tmp_path / "m", tmp_path, "--adapter", tmp_path / "a") - wanted).abs().max() <= 1e-4
    report = json.loads(hone("merge", "--model", tmp_path / "m", "--adapter", tmp_path / "a", "--output", tmp_path / "merged", "--json"))
    assert report["max_logit_difference"] <= 1e-4
    assert (logits(tmp_path / "merged", tmp_path) - wanted).abs().max() <= 1e-4
    merged = base(tmp_path / "merged")
    assert (reference_logits(merged) - wanted).abs().max() <= 1e-4
    tied = shape.get("tie_word_embeddings", False)
    assert merged.config.tie_word_embeddings == (kind == "tied-kept" if tied else False)


@pytest.mark.parametrize("kind", KINDS)
def test_gradients_equal_pefts(kind, tmp_path):
    model = adapter_of_peft(tmp_path, *KINDS[kind])
    loss = model(torch.tensor([IDS]), labels=torch.tensor([IDS])).loss
    loss.backward()
    hone("model", "gradients", "--model", tmp_path / "m", "--adapter", tmp_path / "a", "--ids", ",".join(map(str, IDS)),
         "--output", tmp_path / "g.safetensors")
    got = load_file(tmp_path / "g.safetensors")
    assert abs(got.pop("loss").item() - loss.item()) <= 1e-5
    expected = {name.replace(".modules_to_save.default.", ".").replace(".default.", "."): parameter.grad
                for name, parameter in model.named_parameters() if parameter.requires_grad}
    assert set(got) == set(expected)
    for name, gradient in expected.items():
        assert (got[name] - gradient).abs().max() <= 1e-4 * max(1, gradient.abs().max().item()), name


@pytest.mark.parametrize("kind", ["bias-all", "embedding-head-norms", "tied-embedding", "tied-kept"])
def test_training_goes_on_from_an_adapter_of_peft(kind, tmp_path):
    shape, settings = KINDS[kind]
    folder, tokenizer, data = make_run(tmp_path, **shape)
    torch.manual_seed(5)
    model = peft.get_peft_model(base(folder), peft.LoraConfig(r=3, lora_alpha=5, task_type="CAUSAL_LM", **settings))
    for parameter in model.parameters():
        if parameter.requires_grad:
            parameter.data += 0.02 * torch.randn_like(parameter)
    model.save_pretrained(tmp_path / "a")
    rate = 1e-2 if "modules_to_save" in settings else 4e-2
    expected, norms = reference_losses(model, tokenizer, learning_rate=rate)
    config = tmp_path / "go-on.yaml"
    config.write_text(f"""
model: {{name_or_path: {folder}, compute_dtype: float32}}
data: {{train: {data}, packing: false, shuffle: false, max_length: 256}}
lora: {{adapter_name_or_path: {tmp_path / "a"}}}
training: {{output_dir: {tmp_path / "run"}, per_device_train_batch_size: 2, gradient_accumulation_steps: 2, max_steps: 10,
  learning_rate: {rate}, warmup_steps: 2, weight_decay: 0.01, logging_steps: 1, save_strategy: "no"}}
tracking: []
""")
    hone("train", config)
    assert_curves_equal(losses(tmp_path / "run"), expected, norms)
    trained = peft.PeftModel.from_pretrained(base(folder), tmp_path / "run")
    mine = dict(trained.named_parameters())
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            assert (mine[name] - parameter).abs().max() <= 2e-3, name
    # The adapter's settings are its own: others beside it are refused, and the written configuration reads back.
    refused = run("train", config, "lora.r=8", "--dry-run")
    assert refused.returncode == 2 and "lora.r" in refused.stderr and "adapter_name_or_path" in refused.stderr
    hone("train", tmp_path / "run" / "config.yaml", f"training.output_dir={tmp_path / 'again'}", "--dry-run")


def test_resuming_takes_whole_weights_along(tmp_path):
    folder, _, data = make_run(tmp_path, **BIASES, tie_word_embeddings=True)
    settings = ["lora.bias=all", "lora.modules_to_save=[embed_tokens, norm]", "lora.ensure_weight_tying=true", "lora.lora_dropout=0.1",
                "training.save_strategy=steps", "training.save_steps=4"]
    whole = train(folder, data, tmp_path / "whole", *settings)
    assert whole.returncode == 0, whole.stderr
    go_on = train(folder, data, tmp_path / "rest", *settings, f"training.resume_from_checkpoint={tmp_path / 'whole' / 'checkpoint-4'}")
    assert go_on.returncode == 0, go_on.stderr
    figures = [[(line["step"], line["loss"], line["grad_norm"]) for line in losses(tmp_path / run)] for run in ("whole", "rest")]
    assert figures[1] == figures[0][4:]
    for name, tensor in load_file(tmp_path / "whole" / "adapter_model.safetensors").items():
        assert torch.equal(tensor, load_file(tmp_path / "rest" / "adapter_model.safetensors")[name]), name


def test_whole_weights_start_as_they_are_stored(tmp_path):
    """Not as rounded for the arithmetic."""
    mine = fresh(tmp_path, "lora.modules_to_save=[lm_head, norm]", "lora.bias=all", "model.compute_dtype=bfloat16", **BIASES)
    stored = load_file(tmp_path / "model" / "model.safetensors")
    whole = {n.removeprefix("base_model.model.").replace(".base_layer", ""): t for n, t in mine.items() if "lora" not in n}
    assert len(whole) == 1 + 7 + 3 * 7
    for name, tensor in whole.items():
        assert tensor.dtype == torch.float32 and torch.equal(tensor, stored[name]), name


@pytest.mark.parametrize("tied", [False, True])
def test_embeddings_that_peft_saved_along(tied, tmp_path):
    model = adapter_of_peft(tmp_path, dict(tie_word_embeddings=tied), dict(target_modules=["v_proj"]))
    model.save_pretrained(tmp_path / "a", save_embedding_layers=True)
    assert any("embed_tokens" in name for name in load_file(tmp_path / "a" / "adapter_model.safetensors"))
    assert (logits(tmp_path / "m", tmp_path, "--adapter", tmp_path / "a") - reference_logits(model)).abs().max() <= 1e-4
    hone("model", "gradients", "--model", tmp_path / "m", "--adapter", tmp_path / "a", "--ids", "1,2,3", "--output", tmp_path / "g")
    assert all("lora" in name or name == "loss" for name in load_file(tmp_path / "g"))
    # Another embedding than the base's counts, but cannot be gone on from: nothing would save it again.
    file = tmp_path / "a" / "adapter_model.safetensors"
    tensors = load_file(file)
    tensors["base_model.model.model.embed_tokens.weight"] *= 0.5
    save_file(tensors, file)
    moved = logits(tmp_path / "m", tmp_path, "--adapter", tmp_path / "a")
    assert (moved - reference_logits(peft.PeftModel.from_pretrained(base(tmp_path / "m"), tmp_path / "a"))).abs().max() <= 1e-4 or tied
    result = run("model", "gradients", "--model", tmp_path / "m", "--adapter", tmp_path / "a", "--ids", "1,2,3", "--output", tmp_path / "h")
    assert result.returncode == 2 and "embed_tokens" in result.stderr and "merge" in result.stderr


def fresh(tmp_path, *overrides, **shape):
    """The names and values of an adapter that was not trained (rate 0)."""
    folder, _, data = make_run(tmp_path, **shape)
    result = train(folder, data, tmp_path / "run", "training.max_steps=1", "training.warmup_steps=1", *overrides)
    assert result.returncode == 0, result.stderr
    return load_file(tmp_path / "run" / "adapter_model.safetensors")


@pytest.mark.parametrize("start", ["true", "gaussian", "false"])
def test_start_is_drawn_as_peft_draws(start, tmp_path):
    mine = fresh(tmp_path, "lora.r=16", f"lora.init_lora_weights={start}")
    torch.manual_seed(1)
    value = {"true": True, "false": False}.get(start, start)
    config = peft.LoraConfig(r=16, target_modules="all-linear", init_lora_weights=value, task_type="CAUSAL_LM")
    theirs = peft.get_peft_model_state_dict(peft.get_peft_model(base(tmp_path / "model"), config))
    assert set(mine) == set(theirs)
    for name, tensor in mine.items():
        other = theirs[name].float()
        if not other.any():
            assert not tensor.any(), name
            continue
        # Both are n draws of the same distribution: mean and deviation within 5 standard errors of each other.
        deviation, n = other.std().item(), tensor.numel()
        assert abs(tensor.mean().item()) <= 5 * deviation / n ** 0.5, name
        assert tensor.std().item() == pytest.approx(deviation, rel=5 / n ** 0.5), name
        # The largest tells a uniform draw (1.73 deviations) from a normal one (about 3 of these many).
        assert (tensor.abs().max() / deviation < 2.2) == (other.abs().max() / deviation < 2.2), name
    if start == "false":
        assert all(tensor.any() for tensor in mine.values())
    assert json.loads((tmp_path / "run" / "adapter_config.json").read_text())["init_lora_weights"] == value


@pytest.mark.parametrize("start", ["pissa", "olora", "eva", "loftq"])
def test_other_starts_are_refused(start, tmp_path):
    folder, _, data = make_run(tmp_path)
    result = train(folder, data, tmp_path / "run", f"lora.init_lora_weights={start}")
    assert result.returncode == 2
    for word in ("lora.init_lora_weights", start, "gaussian"):
        assert word in result.stderr


@pytest.mark.parametrize("settings", [
    dict(target_modules="all-linear", exclude_modules=["o_proj", "layers.0.mlp.up_proj"]),
    dict(target_modules="all-linear", exclude_modules=r".*\.(1|2)\..*"),
    dict(target_modules=["q_proj", "lm_head"], exclude_modules=["lm_head"]),
    dict(target_modules=r"model\.layers\.[02]\..*(up|down)_proj"),
    dict(target_modules=["q_proj", "lm_head"], layers_to_transform=[0, 2]),
    dict(target_modules=["mlp.gate_proj"], layers_to_transform=[1], layers_pattern=["h", "layers"]),
    dict(target_modules=["v_proj"], layers_to_transform=[2], layers_pattern="lay.*"),
    dict(target_modules="all-linear", modules_to_save=["mlp", "1.self_attn.q_proj"]),
    dict(target_modules=["q_proj", "v_proj"], modules_to_save=["q_proj"]),
    dict(target_modules=["q_proj", "v_proj"], rank_pattern={"layers.1.*q_proj": 2, "v_proj": 7}),
])
def test_the_same_modules_as_peft(settings, tmp_path):
    mine = fresh(tmp_path, *yaml_lora({"r": 4, **settings}))
    model = peft.get_peft_model(base(tmp_path / "model"), peft.LoraConfig(r=4, task_type="CAUSAL_LM", **settings))
    theirs = peft.get_peft_model_state_dict(model, save_embedding_layers=False)
    assert {n: tuple(t.shape) for n, t in mine.items()} == {n: tuple(t.shape) for n, t in theirs.items()}
    # And the configuration that was written means the same to PEFT.
    peft.PeftModel.from_pretrained(base(tmp_path / "model"), tmp_path / "run")


def test_all_linear_with_numbers_of_layers_loads_in_peft(tmp_path):
    """PEFT itself takes the two together from nobody; what is written is the list that they come to."""
    mine = fresh(tmp_path, "lora.layers_to_transform=[1]")
    assert len(mine) == 14 and all(".layers.1." in name for name in mine)
    model = peft.PeftModel.from_pretrained(base(tmp_path / "model"), tmp_path / "run")
    assert {n for n, _ in model.named_parameters() if "lora" in n} == {n.replace(".weight", ".default.weight") for n in mine}


@pytest.mark.parametrize("overrides, words", [
    (["lora.target_modules=q_prj"], ["target_modules", "regular expression", "q_prj", "did you mean", "q_proj"]),
    (["lora.target_modules=q_proj"], ["whole name", "model.layers.0.self_attn.q_proj", "list"]),
    (["lora.target_modules=[q_prj]"], ["q_prj", "did you mean", "q_proj"]),
    (["lora.exclude_modules=[o_prj]"], ["exclude_modules", "o_prj", "did you mean", "o_proj"]),
    (["lora.exclude_modules='(o_proj'"], ["exclude_modules", "regular expression"]),
    (["lora.target_modules=[q_proj]", "lora.exclude_modules=[q_proj]"], ["target_modules", "remains"]),
    (["lora.modules_to_save=[embed_token]"], ["modules_to_save", "embed_token", "did you mean", "embed_tokens"]),
    (["lora.modules_to_save=[layers]"], ["modules_to_save", "list of modules"]),
    (["lora.modules_to_save=[proj]"], ["modules_to_save", "adapted at once"]),
    (["lora.layers_to_transform=[0]", "lora.target_modules='.*q_proj'"], ["layers_to_transform", "regular expression"]),
    (["lora.layers_pattern=[layers]"], ["layers_pattern", "layers_to_transform"]),
    (["lora.layers_to_transform=[9]"], ["target_modules", "remains"]),
    (["lora.rank_pattern={q_proj: 2, layers.1.self_attn.q_proj: 3}"], ["rank_pattern", "two values"]),
    (["lora.rank_pattern={'(q': 2}"], ["rank_pattern", "regular expression"]),
    (["method=full", "lora.adapter_name_or_path=somewhere"], ["adapter_name_or_path", "full"]),
])
def test_settings_that_cannot_be_are_explained(overrides, words, tmp_path):
    folder, _, data = make_run(tmp_path)
    result = train(folder, data, tmp_path / "run", *overrides)
    assert result.returncode == 2
    for word in words:
        assert word in result.stderr, result.stderr
    assert not (tmp_path / "run" / "adapter_config.json").exists()


APPLIED = {"peft_type", "base_model_name_or_path", "r", "lora_alpha", "lora_dropout", "target_modules", "exclude_modules",
           "use_rslora", "layers_to_transform", "layers_pattern", "rank_pattern", "alpha_pattern", "bias", "modules_to_save",
           "ensure_weight_tying", "init_lora_weights"}
# Another value changes nothing in what a finished adapter computes.
WITHOUT_EFFECT = {"task_type": "SEQ_CLS", "inference_mode": False, "auto_mapping": {"base_model_class": "X"}, "revision": "main",
                  "peft_version": "9.9", "megatron_core": "other", "loftq_config": {"loftq_bits": 4}, "qalora_group_size": 8,
                  "eva_config": {"rho": 2.0}, "corda_config": {"cache_file": "x"}, "lora_ga_config": {"direction": "ArB2r"},
                  "fan_in_fan_out": True}
REFUSED = {"use_dora": True, "lora_bias": True, "use_qalora": True, "layer_replication": [[0, 2], [1, 3]], "megatron_config": {"a": 1},
           "trainable_token_indices": [1, 2], "alora_invocation_tokens": [5], "target_parameters": ["q_proj.weight"],
           "monteclora_config": {"a": 1}, "use_bdlora": {"a": 1}, "arrow_config": {"a": 1}, "kasa_config": {"a": 1},
           "velora_config": {"a": 1}}


def test_every_setting_of_the_installed_peft_is_known():
    """A new one must be put into one of the three groups, here and in src/exchange/lora_settings.cpp."""
    fields = set(peft.LoraConfig().to_dict()) | {f.name for f in dataclasses.fields(peft.LoraConfig)} - {"runtime_config"}
    assert fields == APPLIED | set(WITHOUT_EFFECT) | set(REFUSED)


def adapter_with(tmp_path, **changes):
    adapter_of_peft(tmp_path, {}, dict(target_modules=["q_proj"]))
    path = tmp_path / "a" / "adapter_config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))
    return run("model", "logits", "--model", tmp_path / "m", "--adapter", tmp_path / "a", "--ids", "1,2", "--output", tmp_path / "o")


def test_settings_without_effect_are_accepted(tmp_path):
    assert adapter_with(tmp_path, **WITHOUT_EFFECT).returncode == 0


@pytest.mark.parametrize("key, value", [*REFUSED.items(), ("bias", "some"), ("r", 0), ("lora_dropout", 1.5), ("rank_pattern", {"q_proj": 0}),
                                        ("target_modules", None), ("peft_type", "LOHA"), ("of_tomorrow", {"a": 1}),
                                        *[("init_lora_weights", start) for start in ("pissa", "pissa_niter_4", "olora", "corda", "loftq", "mica")]])
def test_settings_that_cannot_be_applied_are_refused_by_name(key, value, tmp_path):
    result = adapter_with(tmp_path, **{key: value})
    assert result.returncode == 2 and f"adapter_config.json: {key}" in result.stderr


def test_the_adapter_must_be_whole(tmp_path):
    model = adapter_of_peft(tmp_path, BIASES, dict(target_modules=["q_proj"], bias="lora_only", modules_to_save=["lm_head"]))
    file = tmp_path / "a" / "adapter_model.safetensors"
    whole = load_file(file)
    read = ["model", "logits", "--model", tmp_path / "m", "--adapter", tmp_path / "a", "--ids", "1,2", "--output", tmp_path / "o"]
    prefix = "base_model.model."
    for name in (f"{prefix}lm_head.weight", f"{prefix}model.layers.1.self_attn.q_proj.lora_B.weight",
                 f"{prefix}model.layers.1.self_attn.q_proj.base_layer.bias"):
        save_file({n: t for n, t in whole.items() if n != name}, file)
        result = run(*read)
        assert result.returncode == 2 and name in result.stderr
    for extra in (f"{prefix}model.layers.7.self_attn.q_proj.lora_A.weight", "lm_head.weight", f"{prefix}score.weight"):
        save_file({**whole, extra: torch.ones(4, 48)}, file)
        result = run(*read)
        assert result.returncode == 2 and extra in result.stderr and "belongs to no module" in result.stderr
    save_file({**whole, f"{prefix}lm_head.weight": torch.ones(5, 48)}, file)
    result = run(*read)
    assert result.returncode == 2 and "[5, 48]" in result.stderr and "[199, 48]" in result.stderr
    file.unlink()
    result = run(*read)
    assert result.returncode == 2 and "adapter_model.safetensors" in result.stderr
    assert model is not None


def test_compare_gives_the_base_back_after_an_adapter_with_weights_of_its_own(tmp_path):
    folder, _, data = make_run(tmp_path)
    result = train(folder, data, tmp_path / "run", "lora.modules_to_save=[lm_head]")
    assert result.returncode == 0, result.stderr
    compared = json.loads(hone("compare", "--data", data, "--model", f"tuned={folder}+{tmp_path / 'run'}", "--model", f"base={folder}",
                               "--metrics", "loss", "--json"))
    alone = json.loads(hone("evaluate", "--data", data, "--model", folder, "--metrics", "loss", "--json"))
    assert compared["metrics"]["loss"]["base"] == pytest.approx(alone["metrics"]["loss"], rel=1e-6)
    assert compared["metrics"]["loss"]["tuned"] < 0.99 * compared["metrics"]["loss"]["base"]


def test_merge_refuses_a_whole_weight_that_is_not_finite(tmp_path):
    adapter_of_peft(tmp_path, {}, dict(target_modules=["q_proj"], modules_to_save=["model.norm"]))
    file = tmp_path / "a" / "adapter_model.safetensors"
    tensors = load_file(file)
    tensors["base_model.model.model.norm.weight"][3] = float("inf")
    save_file(tensors, file)
    result = run("merge", "--model", tmp_path / "m", "--adapter", tmp_path / "a", "--output", tmp_path / "merged")
    assert result.returncode == 1 and "model.norm.weight" in result.stderr and "not finite" in result.stderr
    assert not (tmp_path / "merged").exists()


@pytest.mark.parametrize("index", ["as-written", "adapter_model"])
def test_shards(index, tmp_path):
    """transformers' save_pretrained writes an adapter in shards when it is larger than max_shard_size."""
    model = reference_models.llama(tmp_path / "m")
    torch.manual_seed(2)
    model.add_adapter(peft.LoraConfig(r=4, target_modules=["q_proj", "down_proj"], init_lora_weights=False, task_type="CAUSAL_LM"))
    model.save_pretrained(tmp_path / "a", max_shard_size="4KB")
    assert len(list((tmp_path / "a").glob("adapter_model-*.safetensors"))) > 2
    if index == "adapter_model":
        (tmp_path / "a" / "model.safetensors.index.json").rename(tmp_path / "a" / "adapter_model.safetensors.index.json")
    assert (logits(tmp_path / "m", tmp_path, "--adapter", tmp_path / "a") - reference_logits(model)).abs().max() <= 1e-4
    next((tmp_path / "a").glob("adapter_model-00002*")).unlink()
    result = run("model", "logits", "--model", tmp_path / "m", "--adapter", tmp_path / "a", "--ids", "1,2", "--output", tmp_path / "o")
    assert result.returncode == 2 and "adapter_model-00002" in result.stderr
