"""What `hone estimate` says of a run before it starts, held to what the system says of it afterwards."""
import json
import os
import subprocess

import pytest

from parity import reference_models, small_tokenizer

HONE = os.environ["HONE"]
MIB = 2**20
# Wide and shallow with a large vocabulary (head and embedding are most of it), narrow and deep with long rows.
SHAPES = {
    "wide": dict(vocab_size=32000, hidden_size=768, intermediate_size=2048, num_hidden_layers=4, num_attention_heads=12,
                 num_key_value_heads=4, tie_word_embeddings=True),
    "deep": dict(vocab_size=8192, hidden_size=512, intermediate_size=1536, num_hidden_layers=14, num_attention_heads=8,
                 num_key_value_heads=8, tie_word_embeddings=False),
}
METHODS = {
    "lora": "method: lora\nlora: {r: 16, lora_dropout: 0.05}",
    "qlora": "method: lora\nlora: {r: 16, lora_dropout: 0.0}\nquantization: {load_in_4bit: true, bnb_4bit_use_double_quant: true}",
    "full": "method: full",
    "dpo": "method: lora\nlora: {r: 16}\nobjective: dpo",
    "full-dpo": "method: full\nobjective: dpo",
    "8bit": "method: full",
    "recompute": "method: lora\nlora: {r: 16}",
}
TRAINING = {"8bit": "optim: adamw_8bit, ", "recompute": "gradient_checkpointing: true, "}
LENGTHS = (128, 512, 1024)


@pytest.fixture(scope="session")
def models(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shapes")
    for name, shape in SHAPES.items():
        reference_models.llama(folder / name, max_position_embeddings=2048, initializer_range=0.02, **shape)
        small_tokenizer.write(folder / name)
    return folder


def write_rows(path, objective, length, count=12):
    """Rows of `length` tokens each: the tokenizer has one for each byte."""
    with path.open("w") as file:
        for i in range(count):
            text = lambda c: (f"{i} {c} " * length)[:2 * length]
            if objective == "dpo":
                row = {"prompt": [{"role": "user", "content": text("q")[:length // 2]}],
                       "chosen": [{"role": "assistant", "content": text("a")}], "rejected": [{"role": "assistant", "content": text("b")}]}
            else:
                row = {"messages": [{"role": "user", "content": text("q")[:length // 2]}, {"role": "assistant", "content": text("a")}]}
            file.write(json.dumps(row) + "\n")


def config_for(tmp_path, model, method, length, rows=2, accumulation=1, compute="auto"):
    dpo = "dpo" in method
    write_rows(tmp_path / "rows.jsonl", "dpo" if dpo else "sft", length)
    config = tmp_path / "config.yaml"
    config.write_text(f"""
model: {{name_or_path: {model}, compute_dtype: {compute}}}
data: {{train: {tmp_path}/rows.jsonl, max_length: {length}, packing: false}}
{METHODS[method]}
training: {{{TRAINING.get(method, "")}output_dir: {tmp_path}/out, max_steps: 3, per_device_train_batch_size: {rows // (2 if dpo else 1)},
  gradient_accumulation_steps: {accumulation}, logging_steps: 1, save_strategy: "no", warmup_steps: 1, learning_rate: 1.0e-5}}
tracking: []
""")
    return config


def hone(*arguments):
    result = subprocess.run([HONE, *map(str, arguments)], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


def compare(config):
    planned = hone("estimate", config, "--json", "--no-probe")
    return planned, hone("train", config, "--json")


CASES = [(shape, method, length) for shape in SHAPES for method in ("lora", "qlora", "full", "dpo") for length in LENGTHS]
CASES += [("wide", "full-dpo", 512), ("deep", "8bit", 512), ("deep", "recompute", 1024)]


@pytest.mark.parametrize("shape, method, length", CASES)
def test_peak(tmp_path, models, shape, method, length):
    accumulation = 2 if (shape, method) == ("wide", "full") else 1
    planned, done = compare(config_for(tmp_path, models / shape, method, length, accumulation=accumulation))
    memory, measured = planned["memory"], done["peak_memory_bytes"]
    print(f"\n{shape} {method:9} {length:5} predicted {memory['peak'] / MIB:7.1f} measured {measured / MIB:7.1f} MiB  {memory['peak'] / measured - 1:+.3f}",
          {k: round(v / MIB, 1) for k, v in memory.items() if v})
    assert abs(memory["peak"] / measured - 1) < 0.1
    assert sum(memory[k] for k in ("weights", "adapters", "gradients", "optimizer", "activations", "loss", "reference", "cache",
                                   "program")) == memory["training"]
    assert planned["trainable_parameters"] == done["trainable_parameters"] and planned["total_parameters"] == done["total_parameters"]
    assert memory["optimizer"] == done["optimizer_state_bytes"]


def test_families(tmp_path):
    for family in ("qwen2", "gpt2", "opt"):
        folder = tmp_path / family
        reference_models.FAMILIES[family](folder, vocab_size=8192, hidden_size=512, num_hidden_layers=6, num_attention_heads=8,
                                          max_position_embeddings=1024, **({"intermediate_size": 2048, "num_key_value_heads": 2} if family == "qwen2" else
                                                                           {"ffn_dim": 2048} if family == "opt" else {}))
        small_tokenizer.write(folder)
        planned, done = compare(config_for(folder, folder, "lora", 512))
        assert abs(planned["memory"]["peak"] / done["peak_memory_bytes"] - 1) < 0.1, family


def test_probe_leads_to_the_time_of_the_run(tmp_path, models):
    config = config_for(tmp_path, models / "deep", "lora", 256)
    planned = hone("train", config, "training.max_steps=12", "--dry-run", "--json")
    priced = hone("estimate", config, "training.max_steps=12", "--cost-per-hour", "3600", "--json")
    assert priced["cost"] == pytest.approx(priced["time"]["run_seconds"])
    assert not (tmp_path / "out").exists()
    done = hone("train", config, "training.max_steps=12", "--json")
    assert 0.4 < planned["time"]["run_seconds"] / done["seconds"] < 2.5
    assert planned["time"]["step_seconds"] == pytest.approx(planned["time"]["run_seconds"] / 12)
    assert planned["fits"] is True and planned["nearest_fits"] == []


def huge(tmp_path):
    """A model of 70B: its settings and tokenizer alone, for nothing else may be read."""
    folder = tmp_path / "huge"
    small_tokenizer.write(folder)
    (folder / "config.json").write_text(json.dumps({
        "architectures": ["LlamaForCausalLM"], "model_type": "llama", "vocab_size": 128256, "hidden_size": 8192, "intermediate_size": 28672,
        "num_hidden_layers": 80, "num_attention_heads": 64, "num_key_value_heads": 8, "max_position_embeddings": 8192,
        "rms_norm_eps": 1e-5, "torch_dtype": "bfloat16", "tie_word_embeddings": False, "rope_theta": 500000.0}))
    return folder


def test_a_run_that_does_not_fit_is_refused_before_it_starts(tmp_path):
    config = config_for(tmp_path, huge(tmp_path), "full", 512, rows=4)
    result = subprocess.run([HONE, "train", config, "--json"], capture_output=True, text=True)
    assert result.returncode == 1 and not (tmp_path / "out").exists()
    error = json.loads(result.stdout)["error"]
    assert error["place"] == "memory" and "TiB at its peak" in error["message"] and "--no-memory-check" in error["fix"]


def test_nearest_settings_that_fit(tmp_path):
    config = config_for(tmp_path, huge(tmp_path), "lora", 1024, rows=8, compute="bfloat16")
    def estimate(*changes, memory):
        return hone("estimate", config, *changes, "--memory", memory, "--no-probe", "--json")
    dense = estimate(memory="1000GiB")
    assert dense["fits"] and dense["total_parameters"] == 70553706496 + dense["trainable_parameters"]
    # The rows of an untied embedding that no token of the data asks for stay in the file.
    assert dense["memory"]["weights"] == pytest.approx((70553706496 - 128256 * 8192) * 2, rel=1e-3)
    for memory in ("160GiB", "60GiB"):
        planned = estimate(memory=memory)
        assert planned["fits"] is False and planned["time"] is None and 1 <= len(planned["nearest_fits"]) <= 3
        for fit in planned["nearest_fits"]:
            again = estimate(*fit["changes"], memory=memory)  # what is proposed can be typed, and holds
            assert again["fits"] and again["memory"]["peak"] == pytest.approx(fit["peak"], rel=0.01)
    # The least first: recomputing alone is enough where weights fit, 4 bits are proposed where they do not.
    assert estimate(memory="160GiB")["nearest_fits"][0]["changes"] == ["training.gradient_checkpointing=true"]
    assert all("quantization.load_in_4bit=true" in fit["changes"] for fit in estimate(memory="60GiB")["nearest_fits"])
    assert estimate(memory="1GiB")["nearest_fits"] == []
    result = subprocess.run([HONE, "estimate", config, "--memory", "60GiB", "--no-probe"], capture_output=True, text=True)
    assert "it does not fit" in result.stderr and "nearest settings that fit" in result.stderr and "weights" in result.stderr
