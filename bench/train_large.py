#!/usr/bin/env python3
"""QLoRA steps on models of 1B and 8B shape with random weights in NF4, on this machine: time, peak memory, and what `hone estimate` said before.

    build/python-oracles/bin/python bench/train_large.py [--only 1B 8B] [--write]

A step is one row of 512 tokens, half of them trained; LoRA rank 16 on all linear layers. There is no peer in this table: bitsandbytes + PEFT
holds what bench/train_methods.py measures several times over, and at 8B its activations and dequantised matrices no longer fit beside the rest.
"""
import argparse, datetime, json, os, pathlib, subprocess, sys, tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
HONE = os.environ.setdefault("HONE", f"{ROOT}/build/release/hone")
sys.path.insert(0, str(ROOT / "tests"))
SHAPES = {
    "1B": dict(vocab_size=128256, hidden_size=2048, intermediate_size=8192, num_hidden_layers=16, num_attention_heads=32, num_key_value_heads=8,
               tie_word_embeddings=True),
    "8B": dict(vocab_size=128256, hidden_size=4096, intermediate_size=14336, num_hidden_layers=32, num_attention_heads=32, num_key_value_heads=8,
               tie_word_embeddings=False),
}
STEPS = 3


def make(folder, shape):
    """A folder as `hone model quantize` writes it, layer by layer: codes at random, scales as for weights of deviation 0.02."""
    import torch
    from parity import small_tokenizer
    from safetensors import safe_open
    from safetensors.torch import save_file
    small_tokenizer.write(folder)
    settings = dict(architectures=["LlamaForCausalLM"], model_type="llama", max_position_embeddings=8192, rms_norm_eps=1e-5, rope_theta=500000.0,
                    torch_dtype="bfloat16", **shape)
    with tempfile.TemporaryDirectory() as small:  # where codebook and settings come from
        tiny = {**settings, "vocab_size": 320, "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 1, "num_attention_heads": 4,
                "num_key_value_heads": 2}
        pathlib.Path(small, "config.json").write_text(json.dumps(tiny))
        run = lambda *arguments: subprocess.run([HONE, "model", *arguments], check=True, capture_output=True)
        run("new", "--config", f"{small}/config.json", "--output", f"{small}/m", "--dtype", "bfloat16")
        run("quantize", "--model", f"{small}/m", "--output", f"{small}/q", "--double-quant")
        settings["quantization_config"] = json.loads(pathlib.Path(small, "q/config.json").read_text())["quantization_config"]
        stem = "model.layers.0.mlp.up_proj.weight"
        with safe_open(f"{small}/q/model.safetensors", "pt") as file:
            maps = {part: file.get_tensor(f"{stem}.{part}") for part in ("quant_map", "nested_quant_map")}
            state = json.loads(bytes(file.get_tensor(f"{stem}.quant_state.bitsandbytes__nf4").tolist()))
    (folder / "config.json").write_text(json.dumps(settings))
    torch.manual_seed(0)
    d, f, heads = shape["hidden_size"], shape["intermediate_size"], shape["num_attention_heads"]
    kv = d // heads * shape["num_key_value_heads"]
    linears = {"self_attn.q_proj": (d, d), "self_attn.k_proj": (kv, d), "self_attn.v_proj": (kv, d), "self_attn.o_proj": (d, d),
               "mlp.gate_proj": (f, d), "mlp.up_proj": (f, d), "mlp.down_proj": (d, f)}
    index, total = {}, 0

    def save(name, tensors):
        nonlocal total
        save_file(tensors, folder / name, metadata={"format": "pt"})
        index.update({key: name for key in tensors})
        total += sum(tensor.nbytes for tensor in tensors.values())

    for layer in range(shape["num_hidden_layers"]):
        tensors = {}
        for module, (rows, cols) in linears.items():
            name, count = f"model.layers.{layer}.{module}.weight", rows * cols
            blocks = count // 64
            tensors[name] = torch.randint(0, 256, (count // 2, 1), dtype=torch.uint8)
            tensors[f"{name}.absmax"] = torch.randint(0, 256, (blocks,), dtype=torch.uint8)
            tensors[f"{name}.nested_absmax"] = torch.full(((blocks + 255) // 256,), 0.004)
            for part, values in maps.items():
                tensors[f"{name}.{part}"] = values.clone()
            text = json.dumps({**state, "shape": [rows, cols], "nested_offset": 0.03}).encode()
            tensors[f"{name}.quant_state.bitsandbytes__nf4"] = torch.tensor(list(text), dtype=torch.uint8)
        for norm in ("input_layernorm", "post_attention_layernorm"):
            tensors[f"model.layers.{layer}.{norm}.weight"] = torch.ones(d, dtype=torch.bfloat16)
        save(f"layer-{layer}.safetensors", tensors)
    save("ends.safetensors", {"model.embed_tokens.weight": 0.02 * torch.randn(shape["vocab_size"], d, dtype=torch.bfloat16),
                              "model.norm.weight": torch.ones(d, dtype=torch.bfloat16)})
    if not shape["tie_word_embeddings"]:
        save("head.safetensors", {"lm_head.weight": 0.02 * torch.randn(shape["vocab_size"], d, dtype=torch.bfloat16)})
    (folder / "model.safetensors.index.json").write_text(json.dumps({"metadata": {"total_size": total}, "weight_map": index}))


def measure(name, folder):
    from e2e.test_estimate import write_rows
    make(folder / name, SHAPES[name])
    write_rows(folder / "rows.jsonl", "sft", 512, count=4)
    config = folder / "config.yaml"
    config.write_text(f"""
model: {{name_or_path: {folder / name}}}
data: {{train: {folder}/rows.jsonl, max_length: 512, packing: false}}
lora: {{r: 16, lora_dropout: 0, target_modules: all-linear}}
training: {{output_dir: {folder}/out, max_steps: {STEPS}, per_device_train_batch_size: 1, logging_steps: 1, save_strategy: "no", learning_rate: 1.0e-4}}
tracking: []
""")
    def run(*arguments):
        result = subprocess.run([HONE, *map(str, arguments)], capture_output=True, text=True)
        if result.returncode != 0:
            raise SystemExit(result.stderr[-2000:])
        return json.loads(result.stdout)
    planned = run("estimate", config, "--json")
    done = run("train", config, "--json")
    lines = [json.loads(line) for line in (folder / "out/metrics.jsonl").read_text().splitlines()]
    rates = sorted(line["tokens_per_second"] for line in lines if "loss" in line)
    subprocess.run(["rm", "-rf", folder / name, folder / "out"], check=True)
    memory, rate = planned["memory"], rates[len(rates) // 2]
    return (f"| {name} | {planned['total_parameters'] / 1e9:.2f} B | {512 / rate:.1f} | {planned['time']['step_seconds']:.1f} | {rate:.1f} "
            f"| {done['peak_memory_bytes'] / 2**20:.0f} | {memory['peak'] / 2**20:.0f} | {100 * (memory['peak'] / done['peak_memory_bytes'] - 1):+.1f}% "
            f"| {memory['weights'] / 2**20:.0f} | {lines[0]['loss']:.3f} → {lines[-1]['loss']:.3f} |"), planned["machine"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", default=list(SHAPES), choices=list(SHAPES))
    parser.add_argument("--write", action="store_true", help="write bench/results/train_large.md")
    options = parser.parse_args()
    lines, machine = [], ""
    for name in options.only:
        with tempfile.TemporaryDirectory() as folder:
            line, machine = measure(name, pathlib.Path(folder))
        lines.append(line)
        print(line, flush=True)
    text = "\n".join([
        "# QLoRA steps on 1B and 8B shapes", "", f"{datetime.date.today()} · {machine}, 24 GB · `bench/train_large.py {' '.join(sys.argv[1:])}`", "",
        f"Random weights in NF4 with double quantisation, {STEPS} steps of one row of 512 tokens; seconds of a step (median) and what the probe of "
        "`hone estimate` said, peak memory in MiB and what it predicted.", "",
        "| shape | parameters | s a step | predicted | tok/s | peak MiB | predicted | apart | weights MiB | loss |", "|---|---|---|---|---|---|---|---|---|---|",
        *lines, ""])
    if options.write:
        (ROOT / "bench/results/train_large.md").write_text(text)


if __name__ == "__main__":
    main()
