"""Logits and gradients of the decoder against transformers on random checkpoints."""
import os
import random
import subprocess

import pytest
import torch
from safetensors.torch import load_file

from parity import reference_models

HONE = os.environ["HONE"]
SHAPES = {
    "grouped": dict(),
    "tied": dict(tie_word_embeddings=True),
    "multi-query": dict(num_key_value_heads=1),
    "no-grouping": dict(num_key_value_heads=6),
    "wide-heads": dict(head_dim=16),
    "biases": dict(attention_bias=True, mlp_bias=True),
}


def hone(*arguments, **options):
    return subprocess.run([HONE, *map(str, arguments)], check=True, capture_output=True, text=True, **options)


def ids_of(length, vocabulary=199):
    return [random.Random(length).randrange(vocabulary) for _ in range(length)]


def logits(folder, ids, tmp_path, *extra):
    output = tmp_path / "logits.safetensors"
    hone("model", "logits", "--model", folder, "--ids", ",".join(map(str, ids)), "--output", output, *extra)
    return load_file(output)["logits"]


@pytest.mark.parametrize("shape", SHAPES)
def test_logits(shape, tmp_path):
    model = reference_models.llama(tmp_path / "m", **SHAPES[shape])
    ids = ids_of(40)
    with torch.no_grad():
        expected = model(torch.tensor([ids])).logits[0]
    got = logits(tmp_path / "m", ids, tmp_path)
    assert expected.abs().max() > 1, "the reference logits are too small to tell anything"
    assert (got - expected).abs().max() <= 1e-4


@pytest.mark.parametrize("rope", reference_models.ROPES)
@pytest.mark.parametrize("length", [20, 64, 150])
def test_rotary_scaling(rope, length, tmp_path):
    model = reference_models.llama(tmp_path / "m", rope=rope)
    ids = ids_of(length)
    with torch.no_grad():
        expected = model(torch.tensor([ids])).logits[0]
    got = logits(tmp_path / "m", ids, tmp_path)
    assert (got - expected).abs().max() <= 1e-4


def test_bfloat16_checkpoint_and_shards(tmp_path):
    model = reference_models.llama(tmp_path / "m").to(torch.bfloat16)
    model.save_pretrained(tmp_path / "b", max_shard_size="40KB")
    assert (tmp_path / "b" / "model.safetensors.index.json").exists()
    with torch.no_grad():
        expected = model.float()(torch.tensor([ids_of(30)])).logits[0]
    assert (logits(tmp_path / "b", ids_of(30), tmp_path) - expected).abs().max() <= 1e-4


@pytest.mark.parametrize("shape", SHAPES)
def test_gradients_of_every_weight(shape, tmp_path):
    model = reference_models.llama(tmp_path / "m", **SHAPES[shape])
    ids = ids_of(40)
    loss = model(torch.tensor([ids]), labels=torch.tensor([ids])).loss
    loss.backward()
    output = tmp_path / "g.safetensors"
    hone("model", "gradients", "--model", tmp_path / "m", "--ids", ",".join(map(str, ids)), "--output", output)
    got = load_file(output)
    assert abs(got.pop("loss").item() - loss.item()) <= 1e-5
    expected = {n: p.grad for n, p in model.named_parameters() if p.grad is not None}
    assert set(got) == set(expected)
    for name, gradient in expected.items():
        assert (got[name] - gradient).abs().max() <= 1e-4 * max(1, gradient.abs().max().item()), name


@pytest.mark.parametrize("kernels", ["portable", "avx2", "avx512", "none"])
def test_every_kernel_variant(kernels, tmp_path):
    model = reference_models.llama(tmp_path / "m")
    with torch.no_grad():
        expected = model(torch.tensor([ids_of(40)])).logits[0]
    os.environ["HONE_KERNELS"] = kernels
    try:
        assert (logits(tmp_path / "m", ids_of(40), tmp_path) - expected).abs().max() <= 1e-4
    finally:
        del os.environ["HONE_KERNELS"]


def test_bfloat16_arithmetic_is_close(tmp_path):
    model = reference_models.llama(tmp_path / "m")
    with torch.no_grad():
        expected = model.to(torch.bfloat16)(torch.tensor([ids_of(40)])).logits[0].float()
    got = logits(tmp_path / "m", ids_of(40), tmp_path, "--compute-dtype", "bfloat16")
    assert (got - expected).abs().mean() <= 0.02 * expected.abs().mean()


@pytest.mark.parametrize("damage, words", [
    (lambda f: (f / "model.safetensors").write_bytes((f / "model.safetensors").read_bytes()[:-100]), ["model.safetensors"]),
    (lambda f: (f / "config.json").write_text((f / "config.json").read_text().replace('"hidden_size": 48', '"hidden_size": 96')),
     ["model.embed_tokens.weight", "[199, 48]", "[199, 96]"]),
    (lambda f: (f / "config.json").write_text((f / "config.json").read_text().replace("LlamaForCausalLM", "LlamaForCausalLN")),
     ["LlamaForCausalLN", "did you mean"]),
])
def test_broken_folders_are_explained(damage, words, tmp_path):
    reference_models.llama(tmp_path / "m")
    damage(tmp_path / "m")
    result = subprocess.run([HONE, "model", "logits", "--model", str(tmp_path / "m"), "--ids", "1,2", "--output",
                             str(tmp_path / "o")], capture_output=True, text=True)
    assert result.returncode == 2
    for word in words:
        assert word in result.stderr
    assert not (tmp_path / "o").exists()
