"""Qwen2, GPT-2 and OPT against transformers and PEFT: logits, gradients, decoding, adapters, training."""
import json
import subprocess
from pathlib import Path

import peft
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM

from parity import reference_models, small_tokenizer
from parity.story_model import add_tokenizer, hone as generate, json_lines, tokenizer, write_lines
from parity.test_generate import PROMPTS, reference
from parity.test_model import HONE, hone, ids_of, logits
from parity.test_train import assert_curves_equal, losses, reference_losses, train, write_rows

# What a family can be told in config.json, one shape a line.
SHAPES = {
    "qwen2": ("qwen2", dict()),
    "qwen2-tied": ("qwen2", dict(tie_word_embeddings=True, num_key_value_heads=6)),
    "qwen2-yarn": ("qwen2", dict(rope="yarn")),
    "qwen2-window-beyond-reach": ("qwen2", dict(use_sliding_window=True, sliding_window=64, max_window_layers=0)),
    "qwen2-window-of-no-layer": ("qwen2", dict(use_sliding_window=True, sliding_window=8, max_window_layers=3)),
    "gpt2": ("gpt2", dict()),
    "gpt2-untied": ("gpt2", dict(tie_word_embeddings=False)),
    "gpt2-inner": ("gpt2", dict(n_inner=80, activation_function="gelu", layer_norm_epsilon=1e-3)),
    "gpt2-scaled-by-layer": ("gpt2", dict(scale_attn_by_inverse_layer_idx=True, reorder_and_upcast_attn=True)),
    "gpt2-unscaled": ("gpt2", dict(scale_attn_weights=False)),
    "opt": ("opt", dict()),
    "opt-untied": ("opt", dict(tie_word_embeddings=False)),
    "opt-350m": ("opt", dict(do_layer_norm_before=False, word_embed_proj_dim=32)),
    "opt-narrow": ("opt", dict(word_embed_proj_dim=32, activation_function="gelu")),
    "opt-without-final-norm": ("opt", dict(_remove_final_layer_norm=True)),
    "opt-without-biases": ("opt", dict(enable_bias=False)),
}
FAMILIES = ("qwen2", "gpt2", "opt", "opt-350m")
TRAINED = ("qwen2-biases", "gpt2-fused", "gpt2-whole-modules", "gpt2-head", "opt-all", "opt-350m-all")  # of ADAPTERS


def make(shape, folder, **more):
    family, settings = SHAPES[shape]
    return reference_models.FAMILIES[family](folder, **{**settings, **more})


def joined(ids):
    return ",".join(map(str, ids))


@pytest.mark.parametrize("shape", SHAPES)
def test_logits(shape, tmp_path):
    model = make(shape, tmp_path / "m")
    for length in (40, 64):  # the second to the last position that a GPT-2 or OPT has
        with torch.no_grad():
            expected = model(torch.tensor([ids_of(length)])).logits[0]
        assert expected.abs().max() > 1, "the reference logits are too small to tell anything"
        assert (logits(tmp_path / "m", ids_of(length), tmp_path) - expected).abs().max() <= 1e-4


@pytest.mark.parametrize("rope", reference_models.ROPES)
def test_rotary_scaling_of_qwen2(rope, tmp_path):
    model = reference_models.qwen2(tmp_path / "m", rope=rope)
    with torch.no_grad():
        expected = model(torch.tensor([ids_of(150)])).logits[0]
    assert (logits(tmp_path / "m", ids_of(150), tmp_path) - expected).abs().max() <= 1e-4


@pytest.mark.parametrize("shape", SHAPES)
def test_gradients_of_every_weight(shape, tmp_path):
    model = make(shape, tmp_path / "m")
    loss = model(torch.tensor([ids_of(40)]), labels=torch.tensor([ids_of(40)])).loss
    loss.backward()
    hone("model", "gradients", "--model", tmp_path / "m", "--ids", joined(ids_of(40)), "--output", tmp_path / "g")
    got = load_file(tmp_path / "g")
    assert abs(got.pop("loss").item() - loss.item()) <= 1e-5
    expected = {n: p.grad for n, p in model.named_parameters() if p.grad is not None}
    assert set(got) == set(expected)
    for name, gradient in expected.items():
        assert (got[name] - gradient).abs().max() <= 1e-4 * max(1, gradient.abs().max().item()), name


@pytest.mark.parametrize("shape", FAMILIES)
def test_greedy_decoding(shape, tmp_path):
    """A batch of prompts through the cache gives what transformers gives for each alone."""
    model = make(shape, tmp_path / "m", vocab_size=512, max_position_embeddings=512)
    add_tokenizer(tmp_path / "m")
    prompts = write_lines(tmp_path / "prompts.jsonl", [{"prompt": p} for p in PROMPTS])
    answers = json_lines(generate("generate", "--model", tmp_path / "m", "--prompts", prompts, "--json", "--max-new-tokens", 30, "--temperature", 0))
    for prompt, answer in zip(PROMPTS, answers, strict=True):
        assert answer["ids"] == reference(model, tokenizer()(prompt).input_ids, 30), prompt


def test_generation_ends_with_the_learned_positions(tmp_path):
    model = make("gpt2", tmp_path / "m", vocab_size=512, max_position_embeddings=20, eos_token_id=None, bos_token_id=None)
    add_tokenizer(tmp_path / "m")
    config = json.loads((tmp_path / "m" / "tokenizer_config.json").read_text())
    ids = tokenizer()("Tom").input_ids
    out = generate("generate", "--model", tmp_path / "m", "--prompt", "Tom", "--max-new-tokens", 50, "--temperature", 0, "--json")
    answer = json.loads(out)
    assert config and answer["finish_reason"] in ("length", "stop")
    assert answer["ids"] == reference(model, ids, 21 - len(ids))[:len(answer["ids"])]
    if answer["finish_reason"] == "length":
        assert len(ids) + len(answer["ids"]) == 21  # the last has no position of its own and needs none


@pytest.mark.parametrize("shape", FAMILIES)
def test_bfloat16_arithmetic_is_close(shape, tmp_path):
    model = make(shape, tmp_path / "m")
    with torch.no_grad():
        expected = model.to(torch.bfloat16)(torch.tensor([ids_of(40)])).logits[0].float()
    got = logits(tmp_path / "m", ids_of(40), tmp_path, "--compute-dtype", "bfloat16")
    assert (got - expected).abs().mean() <= 0.02 * expected.abs().mean()


@pytest.mark.parametrize("shape", FAMILIES)
def test_files_without_the_head(shape, tmp_path):
    """As AutoModel saves them and as many are published: names without "transformer." or "model."."""
    model = make(shape, tmp_path / "m", tie_word_embeddings=True)
    model.base_model.save_pretrained(tmp_path / "bare")
    names = set(load_file(tmp_path / "bare" / "model.safetensors"))
    assert not any(name.startswith(("transformer.", "model.")) for name in names)
    assert json.loads((tmp_path / "bare" / "config.json").read_text())["architectures"] == [type(model.base_model).__name__]
    assert torch.equal(logits(tmp_path / "bare", ids_of(20), tmp_path), logits(tmp_path / "m", ids_of(20), tmp_path))


@pytest.mark.parametrize("shape", [*FAMILIES, "gpt2-untied", "opt-without-biases"])
def test_converted_folders_load_in_transformers(shape, tmp_path):
    model = make(shape, tmp_path / "m")
    hone("model", "convert", "--model", tmp_path / "m", "--output", tmp_path / "c", "--dtype", "float32")
    loaded, report = AutoModelForCausalLM.from_pretrained(tmp_path / "c", output_loading_info=True)
    assert not report["missing_keys"] and not report["unexpected_keys"] and not report["mismatched_keys"]
    for name, parameter in model.named_parameters():
        assert torch.equal(dict(loaded.named_parameters())[name], parameter), name


@pytest.mark.parametrize("shape", FAMILIES)
def test_new_models(shape, tmp_path):
    make(shape, tmp_path / "m")
    hone("model", "new", "--config", tmp_path / "m" / "config.json", "--output", tmp_path / "n")
    loaded, report = AutoModelForCausalLM.from_pretrained(tmp_path / "n", output_loading_info=True)
    assert not report["missing_keys"] and not report["unexpected_keys"]
    with torch.no_grad():
        expected = loaded(torch.tensor([ids_of(30)])).logits[0]
    assert expected.std() > 1e-3
    assert (logits(tmp_path / "n", ids_of(30), tmp_path) - expected).abs().max() <= 1e-4


# Adapters: (shape, settings of PEFT's LoraConfig).
ADAPTERS = {
    "qwen2-biases": ("qwen2", dict(target_modules=["q_proj", "o_proj", "down_proj"], bias="all")),
    "gpt2-all": ("gpt2", dict(target_modules="all-linear")),
    "gpt2-fused": ("gpt2", dict(target_modules=["c_attn"], use_rslora=True, bias="lora_only")),
    "gpt2-whole-modules": ("gpt2", dict(target_modules=["c_attn", "attn.c_proj"], modules_to_save=["mlp.c_proj", "ln_f", "wpe"], bias="all")),
    "gpt2-head": ("gpt2-untied", dict(target_modules=["c_fc"], modules_to_save=["lm_head"])),
    "gpt2-tied-head": ("gpt2", dict(target_modules=["c_fc"], modules_to_save=["lm_head"])),
    "opt-all": ("opt", dict(target_modules="all-linear")),
    "opt-350m-all": ("opt-350m", dict(target_modules="all-linear", modules_to_save=["embed_positions"], bias="all")),
    "opt-fc": ("opt", dict(target_modules=["fc1", "fc2", "v_proj"], layers_to_transform=[0, 2])),
}


def base(folder):
    return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)


def adapter_of_peft(name, tmp_path):
    shape, settings = ADAPTERS[name]
    make(shape, tmp_path / "m")
    torch.manual_seed(3)
    model = peft.get_peft_model(base(tmp_path / "m"), peft.LoraConfig(r=4, task_type="CAUSAL_LM", **settings))
    for parameter in model.parameters():
        if parameter.requires_grad:
            parameter.data += 0.1 * torch.randn_like(parameter)
    model.save_pretrained(tmp_path / "a")
    return model.eval()


def values(model, ids):
    with torch.no_grad():
        return model(torch.tensor([ids])).logits[0]


@pytest.mark.parametrize("name", ADAPTERS)
def test_adapters_of_peft(name, tmp_path):
    model = adapter_of_peft(name, tmp_path)
    ids = ids_of(30)
    wanted = values(model, ids)
    assert (wanted - values(base(tmp_path / "m"), ids)).abs().max() > 0.1, "the adapter must change something"
    assert (logits(tmp_path / "m", ids, tmp_path, "--adapter", tmp_path / "a") - wanted).abs().max() <= 1e-4
    hone("merge", "--model", tmp_path / "m", "--adapter", tmp_path / "a", "--output", tmp_path / "merged")
    assert (logits(tmp_path / "merged", ids, tmp_path) - wanted).abs().max() <= 1e-4
    assert (values(base(tmp_path / "merged"), ids) - wanted).abs().max() <= 1e-4

    loss = model(torch.tensor([ids]), labels=torch.tensor([ids])).loss
    loss.backward()
    hone("model", "gradients", "--model", tmp_path / "m", "--adapter", tmp_path / "a", "--ids", joined(ids), "--output", tmp_path / "g")
    got = load_file(tmp_path / "g")
    assert abs(got.pop("loss").item() - loss.item()) <= 1e-5
    expected = {n.replace(".modules_to_save.default.", ".").replace(".default.", "."): p.grad
                for n, p in model.named_parameters() if p.requires_grad and p.grad is not None}
    assert set(got) == set(expected)
    for tensor, gradient in expected.items():
        assert (got[tensor] - gradient).abs().max() <= 1e-4 * max(1, gradient.abs().max().item()), tensor


def without_idle(name, tensor):
    """Where positions are learned, a bias of the keys adds the same to all scores of a query, which softmax does not
    notice: its gradient is rounding, from which Adam makes steps of full length."""
    if name.endswith("c_attn.base_layer.bias") or name.endswith("c_attn.bias"):
        return torch.cat([tensor.chunk(3)[0], tensor.chunk(3)[2]])
    return tensor[:0] if "k_proj" in name and name.endswith("bias") else tensor


def assert_weights_equal(mine, theirs, learned_positions):
    for name, value in theirs.items():
        difference = mine[name] - value
        if learned_positions:
            difference = without_idle(name, difference)
        assert difference.numel() == 0 or difference.abs().max() <= 2e-3, name


def run_on(shape, tmp_path):
    folder = tmp_path / "model"
    make(shape, folder, vocab_size=small_tokenizer.VOCABULARY, max_position_embeddings=256, initializer_range=0.05)
    return folder, small_tokenizer.write(folder), write_rows(tmp_path)


@pytest.mark.parametrize("name", TRAINED)
def test_adapter_training_equals_peft(name, tmp_path):
    shape, settings = ADAPTERS[name]
    folder, tokens, data = run_on(shape, tmp_path)
    overrides = [f"lora.{key}={json.dumps(value)}" for key, value in settings.items()]
    start = train(folder, data, tmp_path / "start", "training.max_steps=1", "training.warmup_steps=1", *overrides)
    assert start.returncode == 0, start.stderr
    model = peft.PeftModel.from_pretrained(base(folder), tmp_path / "start", is_trainable=True)
    rate = 1e-2 if "modules_to_save" in settings and shape != "opt-350m" else 3e-2
    expected, norms = reference_losses(model, tokens, learning_rate=rate)
    result = train(folder, data, tmp_path / "run", f"training.learning_rate={rate}", *overrides)
    assert result.returncode == 0, result.stderr
    assert_curves_equal(losses(tmp_path / "run"), expected, norms)
    # PEFT writes the same tensors, and what it would say of their layout.
    model.save_pretrained(tmp_path / "theirs", save_embedding_layers=False)
    mine, theirs = (load_file(tmp_path / f / "adapter_model.safetensors") for f in ("run", "theirs"))
    # With bias: all PEFT writes the biases of whole modules twice more.
    theirs = {n: t for n, t in theirs.items() if ".modules_to_save." not in n and ".original_module." not in n}
    assert {n: t.shape for n, t in mine.items()} == {n: t.shape for n, t in theirs.items()}
    assert_weights_equal(mine, theirs, "qwen2" not in shape)
    configs = [json.loads((tmp_path / f / "adapter_config.json").read_text()) for f in ("run", "theirs")]
    assert configs[0]["fan_in_fan_out"] == configs[1]["fan_in_fan_out"] == shape.startswith("gpt2")
    trained = peft.PeftModel.from_pretrained(base(folder), tmp_path / "run").eval()
    assert (logits(folder, ids_of(30), tmp_path, "--adapter", tmp_path / "run") - values(trained, ids_of(30))).abs().max() <= 1e-4


@pytest.mark.parametrize("shape", ["qwen2-tied", "gpt2", "opt-350m"])
def test_full_training_equals_transformers(shape, tmp_path):
    folder, tokens, data = run_on(shape, tmp_path)
    model = base(folder)
    expected, norms = reference_losses(model, tokens)
    result = train(folder, data, tmp_path / "run", "method=full")
    assert result.returncode == 0, result.stderr
    assert_curves_equal(losses(tmp_path / "run"), expected, norms)
    assert_weights_equal(dict(base(tmp_path / "run").named_parameters()), dict(model.named_parameters()), "qwen2" not in shape)


def refused(folder, tmp_path, ids=(1, 2)):
    result = subprocess.run([HONE, "model", "logits", "--model", str(folder), "--ids", joined(ids), "--output", str(tmp_path / "o")],
                            capture_output=True, text=True)
    assert result.returncode == 2 and not (tmp_path / "o").exists()
    return result.stderr


@pytest.mark.parametrize("shape, changes, words", [
    ("qwen2", dict(use_sliding_window=True, sliding_window=16, max_window_layers=1, layer_types=None), ["use_sliding_window", "16 of 64"]),
    ("gpt2", dict(activation_function="gelu_now"), ["activation_function", "gelu_now", "did you mean", "gelu_new"]),
    ("gpt2", dict(n_head=5), ["n_head", "5", "48"]),
    ("gpt2", dict(add_cross_attention=True), ["add_cross_attention"]),
    ("gpt2", dict(n_positions=63), ["transformer.wpe.weight", "[64, 48]", "[63, 48]"]),
    ("opt", dict(layer_norm_elementwise_affine=False), ["layer_norm_elementwise_affine"]),
    ("opt", dict(word_embed_proj_dim=24), ["model.decoder.embed_tokens.weight", "[199, 24]"]),
])
def test_what_cannot_be_is_explained(shape, changes, words, tmp_path):
    make(shape, tmp_path / "m")
    path = tmp_path / "m" / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))
    message = refused(tmp_path / "m", tmp_path)
    for word in words:
        assert word in message, message


def test_too_long_for_learned_positions(tmp_path):
    make("gpt2", tmp_path / "m")
    message = refused(tmp_path / "m", tmp_path, ids_of(65))
    assert "65 tokens" in message and "64 positions" in message
    folder, _, data = run_on("gpt2", tmp_path)
    config = json.loads((folder / "config.json").read_text())
    weights = load_file(folder / "model.safetensors")
    weights["transformer.wpe.weight"] = weights["transformer.wpe.weight"][:60].clone()
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    (folder / "config.json").write_text(json.dumps({**config, "n_positions": 60}))
    result = train(folder, data, tmp_path / "run", "training.max_steps=1", "training.warmup_steps=0")
    assert result.returncode == 2
    for word in ("train.jsonl:1", "60 positions", "data.max_length"):
        assert word in result.stderr
    result = train(folder, data, tmp_path / "run", "training.max_steps=1", "training.warmup_steps=0", "data.max_length=60")
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize("shape", ["gpt2", "opt-350m"])
def test_in_few_bits(shape, tmp_path):
    """GPT-2's matrices lie [in, out] when they are dense and [out, in] in few bits; what is made dense again is what was computed with."""
    make(shape, tmp_path / "m")
    ids = ids_of(30)
    while_loading = logits(tmp_path / "m", ids, tmp_path, "--quantization", "nf4")
    hone("model", "quantize", "--model", tmp_path / "m", "--output", tmp_path / "q")
    assert torch.equal(logits(tmp_path / "q", ids, tmp_path), while_loading)
    assert (logits(tmp_path / "m", ids, tmp_path) - while_loading).abs().max() > 0.01
    hone("model", "convert", "--model", tmp_path / "q", "--output", tmp_path / "c", "--dtype", "float32")
    assert (values(base(tmp_path / "c"), ids) - while_loading).abs().max() <= 1e-4


PUBLISHED = Path(__file__).parent.parent / "data"


def test_published_logits_of_a_trained_gpt2(tmp_path):
    golden = json.loads((PUBLISHED / "nano-gpt-sort" / "expected_logits.json").read_text())
    for ids, expected in zip(golden["input_ids"], golden["logits"], strict=True):
        got = logits(PUBLISHED / "nano-gpt-sort", ids, tmp_path)
        assert (got - torch.tensor(expected)).abs().max() <= 1e-4


def test_published_greedy_ids_of_a_gpt2(tmp_path):
    for case in json.loads((PUBLISHED / "tiny-random-gpt2" / "greedy.json").read_text())["greedy"]["cases"]:
        ids = case["input_ids"]
        while len(ids) < len(case["output_ids"]):
            ids = ids + [logits(PUBLISHED / "tiny-random-gpt2", ids, tmp_path)[-1].argmax().item()]
        assert ids == case["output_ids"]
