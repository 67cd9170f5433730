"""Optimisers, a hundred steps on given gradients: 32 bits against torch.optim.AdamW, 8 bits against bitsandbytes."""
import os
import subprocess

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, Trainer, TrainingArguments

from parity import reference_models, small_tokenizer
from parity.test_train import train, write_rows

STEPS_PROGRAM = os.path.join(os.path.dirname(os.environ["HONE"]), "tests", "hone_optim_steps")
RATE, DECAY, STEPS = 1e-3, 0.01, 100


def problem(shapes, steps=STEPS, seed=5):
    """Values, and gradients as training makes them: of sizes that differ between elements and drift between steps."""
    torch.manual_seed(seed)
    values = {name: 0.1 * torch.randn(shape) for name, shape in shapes.items()}
    gradients = {}
    for name, shape in shapes.items():
        spread = torch.exp(2 * torch.randn(shape))
        drift = torch.randn(shape)
        gradients[name] = torch.stack([1e-3 * spread * (torch.randn(shape) + 0.3 * drift) for _ in range(steps)])
    return values, gradients


def run_hone(tmp_path, optim, values, gradients, rate=RATE, decay=DECAY, threads=2, environment=None):
    save_file({**{f"value.{n}": v for n, v in values.items()}, **{f"gradient.{n}": g for n, g in gradients.items()}},
              tmp_path / "in.safetensors")
    result = subprocess.run([STEPS_PROGRAM, optim, tmp_path / "in.safetensors", tmp_path / "out.safetensors", str(rate),
                             str(decay), str(threads)], capture_output=True, text=True, env={**os.environ, **(environment or {})})
    assert result.returncode == 0, result.stderr
    return load_file(tmp_path / "out.safetensors")


def run_reference(make, values, gradients, decay=DECAY):
    parameters = {n: torch.nn.Parameter(v.clone()) for n, v in values.items()}
    optimizer = make([{"params": [p], "weight_decay": decay if p.dim() > 1 else 0.0} for p in parameters.values()])
    for step in range(len(next(iter(gradients.values())))):
        for name, parameter in parameters.items():
            parameter.grad = gradients[name][step].clone()
        optimizer.step()
    return {n: p.detach() for n, p in parameters.items()}, {n: optimizer.state[p] for n, p in parameters.items()}


def test_adamw_equals_torch(tmp_path):
    values, gradients = problem({"w": (96, 80), "norm": (80,)})
    mine = run_hone(tmp_path, "adamw", values, gradients)
    expected, state = run_reference(lambda p: torch.optim.AdamW(p, lr=RATE), values, gradients)
    for name in values:
        assert torch.allclose(mine[f"value.{name}"], expected[name], rtol=1e-6, atol=1e-7), name
        assert torch.allclose(mine[f"exp_avg.{name}"], state[name]["exp_avg"], rtol=1e-5, atol=1e-9), name


@pytest.fixture(scope="module")
def bitsandbytes():
    """A hundred steps of bitsandbytes: blocks that are whole and not, a tensor too small for a byte, one without decay, an
    embedding as transformers tells bitsandbytes to treat it."""
    import bitsandbytes

    values, gradients = problem({"w": (96, 80), "odd": (4099,), "small": (63, 65), "embedding": (64, 80)})

    def make(groups):
        manager = bitsandbytes.optim.GlobalOptimManager.get_instance()
        manager.override_config(groups[list(values).index("embedding")]["params"][0], "optim_bits", 32)
        return bitsandbytes.optim.AdamW(groups, lr=RATE, optim_bits=8)

    return values, gradients, *run_reference(make, values, gradients)


@pytest.mark.parametrize("kernels", ["", "avx2", "portable", "none"])
def test_adamw_8bit_equals_bitsandbytes(bitsandbytes, kernels, tmp_path):
    values, gradients, expected, state = bitsandbytes
    mine = run_hone(tmp_path, "adamw_8bit", values, gradients, environment={"HONE_KERNELS": kernels})
    for name in values:
        moved = (expected[name] - values[name]).abs().max()
        difference = (mine[f"value.{name}"] - expected[name]).abs().max()
        assert moved > 10 * RATE
        assert difference <= 1e-6, (name, difference)
    for name in ("w", "odd"):
        assert state[name]["state1"].dtype == torch.uint8
        for part in ("state1", "state2"):
            assert (mine[f"{part}.{name}"] != state[name][part].flatten()).sum() <= 2, (name, part)
        assert torch.allclose(mine[f"absmax1.{name}"], state[name]["absmax1"], rtol=1e-6)
        assert torch.allclose(mine[f"absmax2.{name}"], state[name]["absmax2"], rtol=1e-6)
    for name in ("small", "embedding"):
        assert state[name]["state1"].dtype == torch.float32 and f"exp_avg.{name}" in mine


def test_adamw_8bit_is_not_adamw(tmp_path):
    """What the equality above is worth: in 32 bits the same steps end elsewhere."""
    values, gradients = problem({"w": (96, 80)})
    eight, wide = (run_hone(tmp_path, optim, values, gradients)["value.w"] for optim in ("adamw_8bit", "adamw"))
    assert (eight - wide).abs().max() > 1e-4


@pytest.mark.parametrize("family", ["gpt2", "opt", "llama"])
def test_which_moments_take_a_byte_is_what_transformers_decides(family, tmp_path):
    """Tables of tokens and of learned positions keep 32 bits, the matrix between a small embedding and OPT does not."""
    shape = dict(vocab_size=small_tokenizer.VOCABULARY, hidden_size=64, num_attention_heads=4, num_hidden_layers=2, max_position_embeddings=256)
    if family == "opt":
        shape |= dict(ffn_dim=128, word_embed_proj_dim=72)
    reference_models.FAMILIES[family](tmp_path / "m", **shape)
    small_tokenizer.write(tmp_path / "m")
    result = train(tmp_path / "m", write_rows(tmp_path), tmp_path / "run", "method=full", "training.optim=adamw_8bit", "training.max_steps=1",
                   "training.warmup_steps=1", "training.save_strategy=steps")
    assert result.returncode == 0, result.stderr
    state = load_file(tmp_path / "run/checkpoint-1/optimizer.safetensors")
    mine = {key.removeprefix("state1.") for key in state if key.startswith("state1.")}

    import bitsandbytes

    bitsandbytes.optim.GlobalOptimManager.get_instance().initialize()  # it knows tensors by their id(), also those of models long gone
    model = AutoModelForCausalLM.from_pretrained(tmp_path / "m", dtype=torch.float32)
    trainer = Trainer(model, TrainingArguments(str(tmp_path / "t"), optim="adamw_bnb_8bit", use_cpu=True, report_to=[]))
    optimizer = trainer.create_optimizer()
    for parameter in model.parameters():
        parameter.grad = 1e-3 * torch.randn_like(parameter)
    optimizer.step()
    theirs = {name for name, parameter in model.named_parameters() if optimizer.state[parameter]["state1"].dtype == torch.uint8}
    assert mine == theirs and len(mine) >= 8
    assert family != "opt" or "model.decoder.project_in.weight" in mine
    assert not any("embed" in name or "wpe" in name or "wte" in name for name in mine)
