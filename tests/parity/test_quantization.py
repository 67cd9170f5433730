"""Weights in 4 and 8 bits against bitsandbytes and transformers: codes, files in both directions, QLoRA."""
import json
import os
import re
import subprocess

import bitsandbytes as bnb
import bitsandbytes.functional as bnbf
import peft
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, BitsAndBytesConfig

from parity import reference_models
from parity.test_lora import IDS, hone, logits, reference_logits, run
from parity.test_train import assert_curves_equal, losses, make_run, reference_losses, train

KINDS = {"nf4": ("nf4", False), "nf4-double": ("nf4", True), "fp4": ("fp4", False), "fp4-double": ("fp4", True), "int8": ("int8", False)}
# Whole blocks in a row, as any real model has. bitsandbytes' own AVX-512 kernel misreads scales of others.
WHOLE = dict(hidden_size=64, intermediate_size=128, num_attention_heads=4, num_key_value_heads=2)


def flags(kind):
    name, double = KINDS[kind]
    return ["--type", name, *(["--double-quant"] if double else [])]


def reference_settings(kind):
    name, double = KINDS[kind]
    if name == "int8":
        return BitsAndBytesConfig(load_in_8bit=True)
    return BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type=name, bnb_4bit_use_double_quant=double, bnb_4bit_compute_dtype=torch.float32)


def reference_tensors(weight, kind):
    """What bitsandbytes makes of a weight, by the endings of the names on disk."""
    name, double = KINDS[kind]
    if name == "int8":
        codes, scales, _ = bnbf.int8_vectorwise_quant(weight.to(torch.float16))
        return {"weight": codes, "SCB": scales}
    codes, state = bnbf.quantize_4bit(weight, quant_type=name, compress_statistics=double)
    return {"weight": codes, **{f"weight.{key}": value for key, value in state.as_dict(packed=True).items()}}


def odd_weights(shape, name):
    """Weights with something wrong or rare in them, a kind for each tensor of the model."""
    torch.manual_seed(sum(name.encode()))
    plain = torch.randn(shape) * 0.02
    if "q_proj" in name:
        plain.view(-1)[::7] = 0
        return plain
    if "k_proj" in name:
        return torch.zeros(shape)
    if "v_proj" in name:
        return torch.full(shape, -0.375)
    if "o_proj" in name:
        return plain * 1e-42  # denormal
    if "gate" in name:
        plain.view(-1)[torch.randperm(plain.numel())[:20]] *= 3e4  # outliers
        return plain
    if "up" in name:
        return torch.rand(shape) * 2 - 1
    return plain * 1e36 if "down" in name else plain


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("sizes", [dict(hidden_size=64, intermediate_size=160), dict(hidden_size=66, intermediate_size=101, num_attention_heads=3, num_key_value_heads=1)],
                         ids=["even", "odd"])
def test_codes_and_statistics_are_those_of_bitsandbytes(kind, dtype, sizes, tmp_path):
    reference_models.llama(tmp_path / "m", **{"num_attention_heads": 4, "num_key_value_heads": 2, "num_hidden_layers": 2, **sizes})
    weights = {}
    for name, value in load_file(tmp_path / "m" / "model.safetensors").items():
        wide = odd_weights(value.shape, name) if value.dim() == 2 else value
        weights[name] = wide.clamp(-6e4, 6e4).to(dtype) if kind == "int8" or dtype == torch.float16 else wide.to(dtype)
    save_file(weights, tmp_path / "m" / "model.safetensors", metadata={"format": "pt"})
    hone("model", "quantize", "--model", tmp_path / "m", "--output", tmp_path / "q", *flags(kind))
    written = load_file(tmp_path / "q" / "model.safetensors")
    seen = 0
    for name, weight in weights.items():
        if "layers" not in name or weight.dim() != 2:
            assert torch.equal(written[name], weight), name
            continue
        for part, expected in reference_tensors(weight, kind).items():
            found = written[name.removesuffix("weight") + part]
            if "quant_state" in part:
                mine, theirs = (json.loads(bytes(t.tolist())) for t in (found, expected))
                assert mine == theirs, name
            else:
                assert found.dtype == expected.dtype and found.shape == expected.shape, (name, part)
                assert torch.equal(found.view(torch.uint8), expected.contiguous().view(torch.uint8)), (name, part)
        seen += 1
    assert seen == 14


@pytest.mark.parametrize("kind", KINDS)
def test_folder_is_read_by_transformers(kind, tmp_path):
    reference_models.llama(tmp_path / "m", **WHOLE)
    hone("model", "quantize", "--model", tmp_path / "m", "--output", tmp_path / "q", *flags(kind), "--max-shard-size", "40KB")
    assert len(list((tmp_path / "q").glob("*.safetensors"))) > 1, "shards"
    loaded = AutoModelForCausalLM.from_pretrained(tmp_path / "q", dtype=torch.float32, device_map="cpu")
    layers = [m for m in loaded.modules() if isinstance(m, (bnb.nn.Linear4bit, bnb.nn.Linear8bitLt))]
    assert len(layers) == 21, "every linear layer but the head is quantised"
    # bitsandbytes also rounds activations in 8 bits, and uses bf16 arithmetic without gradients where it can.
    loose = 0.15 if kind == "int8" else 0.1
    mine = logits(tmp_path / "q", tmp_path)
    assert (mine - reference_logits(loaded)).abs().max() <= loose * mine.abs().max()
    on_the_way = logits(tmp_path / "m", tmp_path, "--quantization", KINDS[kind][0], *(["--double-quant"] if KINDS[kind][1] else []))
    assert torch.equal(on_the_way, mine), "quantising while loading gives the same"


@pytest.mark.parametrize("kind", KINDS)
def test_folder_of_transformers_is_read(kind, tmp_path):
    reference_models.llama(tmp_path / "m", **WHOLE)
    model = AutoModelForCausalLM.from_pretrained(tmp_path / "m", dtype=torch.float32, device_map="cpu", quantization_config=reference_settings(kind))
    model.save_pretrained(tmp_path / "t")
    hone("model", "quantize", "--model", tmp_path / "m", "--output", tmp_path / "q", *flags(kind))
    theirs, mine = load_file(tmp_path / "t" / "model.safetensors"), load_file(tmp_path / "q" / "model.safetensors")
    assert set(theirs) == set(mine)
    assert torch.equal(logits(tmp_path / "t", tmp_path), logits(tmp_path / "q", tmp_path))
    # With gradients bitsandbytes dequantises and multiplies in fp32, as hone does.
    if kind != "int8":
        expected = model(torch.tensor([IDS]), labels=torch.tensor([IDS])).logits[0].detach()
        prepared = peft.get_peft_model(model, peft.LoraConfig(target_modules=["q_proj"], task_type="CAUSAL_LM"))
        prepared.train()
        expected = prepared(torch.tensor([IDS])).logits[0].detach()
        assert (logits(tmp_path / "t", tmp_path) - expected).abs().max() <= 1e-4


@pytest.mark.parametrize("family", ["gpt2", "llama"])
def test_files_without_the_head(family, tmp_path):
    """As AutoModel saves them, names lack their beginning; what is written has it, and loads on both sides."""
    shape = dict(hidden_size=64, num_attention_heads=4, num_hidden_layers=2, **({} if family == "gpt2" else dict(tie_word_embeddings=True, intermediate_size=128)))
    whole = reference_models.FAMILIES[family](tmp_path / "m", **shape)
    whole.base_model.save_pretrained(tmp_path / "bare")
    hone("model", "quantize", "--model", tmp_path / "m", "--output", tmp_path / "q")
    hone("model", "quantize", "--model", tmp_path / "bare", "--output", tmp_path / "q-bare")
    written, expected = (load_file(tmp_path / folder / "model.safetensors") for folder in ("q-bare", "q"))
    assert set(written) == set(expected) and all(torch.equal(written[name], expected[name]) for name in expected)
    mine = logits(tmp_path / "q-bare", tmp_path)
    assert torch.equal(mine, logits(tmp_path / "q", tmp_path))
    loaded = AutoModelForCausalLM.from_pretrained(tmp_path / "q-bare", dtype=torch.float32, device_map="cpu")
    assert (mine - reference_logits(loaded)).abs().max() <= 0.1 * mine.abs().max()


@pytest.mark.parametrize("kind", ["nf4", "nf4-double", "fp4"])
def test_qlora_curve_equals_bitsandbytes_and_peft(kind, tmp_path):
    folder, tokenizer, data = make_run(tmp_path, **WHOLE)
    name, double = KINDS[kind]
    settings = [f"quantization.load_in_4bit=true", f"quantization.bnb_4bit_quant_type={name}", f"quantization.bnb_4bit_use_double_quant={str(double).lower()}"]
    start = train(folder, data, tmp_path / "start", *settings, "training.max_steps=1", "training.warmup_steps=1")
    assert start.returncode == 0, start.stderr
    base = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, device_map="cpu", quantization_config=reference_settings(kind))
    model = peft.PeftModel.from_pretrained(base, tmp_path / "start", is_trainable=True)
    model.train()
    expected, norms = reference_losses(model, tokenizer, learning_rate=4e-2)
    result = train(folder, data, tmp_path / "run", "training.learning_rate=4e-2", *settings)
    assert result.returncode == 0, result.stderr
    assert_curves_equal(losses(tmp_path / "run"), expected, norms)
    # The same from a folder that lies in few bits; and it learns.
    hone("model", "quantize", "--model", folder, "--output", tmp_path / "q", *flags(kind))
    again = train(tmp_path / "q", data, tmp_path / "again", "training.learning_rate=4e-2")
    assert again.returncode == 0, again.stderr
    mine = [line["loss"] for line in losses(tmp_path / "run") if "loss" in line]
    assert [line["loss"] for line in losses(tmp_path / "again") if "loss" in line] == mine
    assert mine[-1] < 0.95 * mine[0]


@pytest.mark.parametrize("change, words", [
    (lambda t: t.pop("model.layers.1.self_attn.q_proj.weight.absmax"), "q_proj.weight.absmax"),
    (lambda t: t.update({"model.layers.0.mlp.up_proj.weight": torch.zeros(7, 1, dtype=torch.uint8)}), "up_proj.weight"),
    (lambda t: t["model.layers.0.mlp.up_proj.weight.quant_map"].mul_(0.5), "codebook"),
    (lambda t: t.update({"model.layers.0.mlp.up_proj.weight.quant_state.bitsandbytes__nf4": torch.tensor(list(b"{not json"), dtype=torch.uint8)}), "JSON"),
    (lambda t: t.update({"model.layers.0.mlp.up_proj.weight.quant_state.bitsandbytes__nf4": torch.tensor(list(b'{"shape": "x"}'), dtype=torch.uint8)}), "shape"),
    (lambda t: t.update({"model.layers.0.mlp.up_proj.weight.absmax": torch.zeros(128, dtype=torch.uint8)}), "absmax"),
], ids=["missing", "shape", "codebook", "no-json", "bad-json", "dtype"])
def test_broken_folders_are_refused_by_name(change, words, tmp_path):
    reference_models.llama(tmp_path / "m", **WHOLE)
    hone("model", "quantize", "--model", tmp_path / "m", "--output", tmp_path / "q")
    tensors = load_file(tmp_path / "q" / "model.safetensors")
    change(tensors)
    save_file(tensors, tmp_path / "q" / "model.safetensors", metadata={"format": "pt"})
    result = run("model", "logits", "--model", tmp_path / "q", "--ids", "1,2", "--output", tmp_path / "l.safetensors")
    assert result.returncode == 2 and words in result.stderr, result.stderr


def test_what_cannot_be_is_explained(tmp_path):
    folder, _, data = make_run(tmp_path, **WHOLE)
    hone("model", "quantize", "--model", folder, "--output", tmp_path / "q")
    twice = run("model", "quantize", "--model", tmp_path / "q", "--output", tmp_path / "qq")
    assert twice.returncode == 2 and "quantised already" in twice.stderr
    full = train(tmp_path / "q", data, tmp_path / "run", "method=full")
    assert full.returncode == 2 and "quantised" in full.stderr
    for model, settings in ((tmp_path / "q", []), (folder, ["quantization.load_in_8bit=true"])):
        saved = train(model, data, tmp_path / "run", *settings, "lora.modules_to_save=[lm_head, mlp]")
        assert saved.returncode == 2 and "lora.modules_to_save" in saved.stderr and "layers.0.mlp.gate_proj, which lies in few bits" in saved.stderr
    both = train(folder, data, tmp_path / "run", "quantization.load_in_4bit=true", "quantization.load_in_8bit=true")
    assert both.returncode == 2 and "load_in_8bit" in both.stderr
    config = json.loads((tmp_path / "q" / "config.json").read_text())
    config["quantization_config"] = {"quant_method": "gptq", "bits": 4}
    (tmp_path / "q" / "config.json").write_text(json.dumps(config))
    other = run("model", "logits", "--model", tmp_path / "q", "--ids", "1,2", "--output", tmp_path / "l.safetensors")
    assert other.returncode == 2 and "quantization_config" in other.stderr


def test_chosen_modules_stay_dense(tmp_path):
    reference_models.llama(tmp_path / "m", **WHOLE)
    hone("model", "quantize", "--model", tmp_path / "m", "--output", tmp_path / "q", "--modules-to-not-convert", "lm_head", "down_proj", r"model\.layers\.1")
    with safe_open(tmp_path / "q" / "model.safetensors", "pt") as file:
        few = {name for name in file.keys() if file.get_slice(name).get_dtype() == "U8" and name.endswith(".weight")}
    assert few == {f"model.layers.{layer}.{module}.weight" for layer in (0, 2)
                   for module in ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.o_proj", "mlp.gate_proj", "mlp.up_proj")}
    loaded = AutoModelForCausalLM.from_pretrained(tmp_path / "q", dtype=torch.float32, device_map="cpu")
    assert len([m for m in loaded.modules() if isinstance(m, bnb.nn.Linear4bit)]) == 12


def test_merging_into_a_quantised_base_gives_a_dense_model(tmp_path):
    folder, _, data = make_run(tmp_path, **WHOLE)
    hone("model", "quantize", "--model", folder, "--output", tmp_path / "q")
    assert train(tmp_path / "q", data, tmp_path / "run").returncode == 0
    wanted = logits(tmp_path / "q", tmp_path, "--adapter", tmp_path / "run")
    hone("merge", "--model", tmp_path / "q", "--adapter", tmp_path / "run", "--output", tmp_path / "merged", "--dtype", "float32")
    assert "quantization_config" not in json.loads((tmp_path / "merged" / "config.json").read_text())
    assert (logits(tmp_path / "merged", tmp_path) - wanted).abs().max() <= 1e-4
    assert (reference_logits(AutoModelForCausalLM.from_pretrained(tmp_path / "merged", dtype=torch.float32)) - wanted).abs().max() <= 1e-4


def test_memory_of_quantising_and_of_a_quantised_base(tmp_path):
    """A folder of 260 MB in bf16 becomes NF4 with one dense tensor at a time; loaded again it counts at most .29 of it."""
    config = dict(architectures=["LlamaForCausalLM"], model_type="llama", vocab_size=1000, hidden_size=1024, intermediate_size=4096,
                  num_hidden_layers=8, num_attention_heads=8, num_key_value_heads=8, max_position_embeddings=64, rms_norm_eps=1e-5, tie_word_embeddings=True)
    (tmp_path / "config.json").write_text(json.dumps(config))
    hone("model", "new", "--config", tmp_path / "config.json", "--output", tmp_path / "m", "--dtype", "bfloat16")

    def peak(*arguments):
        result = subprocess.run(["/usr/bin/env", "python3", "-c", "import resource, subprocess, sys; subprocess.run(sys.argv[1:], check=True); "
                                 "print('peak', resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)", os.environ["HONE"], *map(str, arguments)],
                                capture_output=True, text=True, check=True)
        return int(re.search(r"peak (\d+)", result.stdout).group(1)) / 1024

    (tmp_path / "tiny.json").write_text(json.dumps({**config, "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 1}))
    hone("model", "new", "--config", tmp_path / "tiny.json", "--output", tmp_path / "tiny", "--dtype", "bfloat16")
    few_bits = ["--double-quant", "--max-shard-size", "20MB", "--output"]
    idle = peak("model", "quantize", "--model", tmp_path / "tiny", *few_bits, tmp_path / "tiny4")
    one_dense = 1024 * 4096 * 4 / 2**20
    quantising = peak("model", "quantize", "--model", tmp_path / "m", *few_bits, tmp_path / "q")
    assert quantising - idle <= 20 + 2 * one_dense, (idle, quantising)
    ids = ["--ids", "1,2,3", "--output", tmp_path / "l.safetensors"]
    idle = peak("model", "logits", "--model", tmp_path / "tiny", "--compute-dtype", "bfloat16", *ids)
    dense = peak("model", "logits", "--model", tmp_path / "m", "--compute-dtype", "bfloat16", *ids)
    few = peak("model", "logits", "--model", tmp_path / "q", "--compute-dtype", "bfloat16", *ids)
    assert few - idle <= 0.29 * (dense - idle) + 2 * one_dense, (idle, dense, few)
