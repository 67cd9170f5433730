#!/usr/bin/env python3
"""One LoRA step (rank 16, all linear layers) of hone against PEFT + transformers, alternating in one run.

    build/python-oracles/bin/python bench/train_lora.py [--only 135M/512/float32 …] [--quick] [--write]

Both read the same random checkpoint and do the same work: forward, loss, backward, clipping, fused AdamW. Workloads:
512          one sequence of 512 tokens
512+dropout  the same with lora_dropout 0.05
512+compile  the same against torch.compile of the PEFT model
packed       four chats of 100-600 tokens, hone side by side, PEFT padded to the longest
seeds        the same four, for PEFT each padded to 2048 as the lecture's script pads, one after the other with
             accumulated gradients (side by side they do not fit into 24 GB); tokens that carry meaning are counted
"""
import argparse, datetime, importlib.metadata, json, os, statistics, subprocess, sys, tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
HONE = os.environ.get("HONE", f"{ROOT}/build/release/hone")
SHAPES = {
    "135M": dict(vocab_size=49152, hidden_size=576, intermediate_size=1536, num_hidden_layers=30, num_attention_heads=9,
                 num_key_value_heads=3, tie_word_embeddings=True),
    "0.5B": dict(vocab_size=151936, hidden_size=896, intermediate_size=4864, num_hidden_layers=24, num_attention_heads=14,
                 num_key_value_heads=2, tie_word_embeddings=True),
}
CHATS = [100, 240, 420, 600]
PEFT = r'''
import json, resource, sys, time, torch
from transformers import AutoModelForCausalLM
from peft import LoraConfig, get_peft_model
job = json.loads(sys.argv[1])
model = AutoModelForCausalLM.from_pretrained(job["folder"], dtype=getattr(torch, job["dtype"]))
model = get_peft_model(model, LoraConfig(r=16, lora_alpha=32, lora_dropout=job["dropout"], target_modules="all-linear", task_type="CAUSAL_LM"))
model.train()
parameters = [p for p in model.parameters() if p.requires_grad]
optimizer = torch.optim.AdamW(parameters, lr=1e-4, fused=True)
if job["compile"]: model.compile()
lengths, width = job["lengths"], job["width"]
ids = torch.randint(0, model.config.vocab_size, (len(lengths), width))
mask = torch.tensor([[1] * n + [0] * (width - n) for n in lengths])
labels = ids.masked_fill(mask == 0, -100)
seconds = []
for step in range(job["warm_up"] + job["steps"]):
    begin = time.perf_counter()
    for i in range(0, len(lengths), job["micro"]):
        part = slice(i, i + job["micro"])
        extra = {} if mask.all() else {"attention_mask": mask[part]}
        share = sum(lengths[part]) / sum(lengths)
        (model(input_ids=ids[part], labels=labels[part], **extra).loss * share).backward()
    torch.nn.utils.clip_grad_norm_(parameters, 1.0)
    optimizer.step(); optimizer.zero_grad()
    if step >= job["warm_up"]: seconds.append(time.perf_counter() - begin)
print(json.dumps({"seconds": seconds, "peak_memory_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024}))
'''
# workload: lengths, padded width and rows at a time for PEFT, dropout, compiled; rounds, steps and warm-up of each
WORKLOADS = {
    "512": ([512], 512, 1, 0.0, False, 3, 3, 1),
    "512+dropout": ([512], 512, 1, 0.05, False, 2, 3, 1),
    "512+compile": ([512], 512, 1, 0.0, True, 2, 5, 2),
    "packed": (CHATS, max(CHATS), 4, 0.0, False, 2, 2, 1),
    "seeds": (CHATS, 2048, 1, 0.0, False, 1, 1, 1),
}
# What fits into 24 GB and into half an hour; compiling alone takes the peer many minutes a run, so that is for --only.
PLAN = [f"135M/{w}/{d}" for w in ("512", "512+dropout", "packed", "seeds") for d in ("float32", "bfloat16")] + [
    "0.5B/512/float32", "0.5B/512/bfloat16", "0.5B/packed/bfloat16"]


def checkpoint(shape):
    folder = os.path.join(tempfile.gettempdir(), f"hone-bench-{shape}")
    if not os.path.exists(f"{folder}/model.safetensors"):
        code = ("import sys, json, torch; from transformers import LlamaConfig, LlamaForCausalLM; torch.manual_seed(0);"
                "LlamaForCausalLM(LlamaConfig(max_position_embeddings=4096, **json.loads(sys.argv[1]))).save_pretrained(sys.argv[2])")
        subprocess.run([sys.executable, "-c", code, json.dumps(SHAPES[shape]), folder], check=True, stderr=subprocess.DEVNULL)
    return folder


def hone(folder, dtype, dropout, lengths, steps, warm_up):
    result = subprocess.run([HONE, "bench", "train", "--model", folder, "--compute-dtype", dtype, "--lora-dropout", str(dropout), "--lengths",
                             ",".join(map(str, lengths)), "--steps", str(steps), "--warm-up", str(warm_up)],
                            check=True, capture_output=True, text=True)
    report = json.loads(result.stdout)
    return report["steps"], report["peak_memory_bytes"], report["machine"]


def peft(**job):
    result = subprocess.run([sys.executable, "-c", PEFT, json.dumps(job)], capture_output=True, text=True)
    if result.returncode != 0:
        raise SystemExit(f"the peer failed ({result.returncode}) at {job}:\n{result.stderr[-2000:]}")
    report = json.loads(result.stdout.splitlines()[-1])
    return report["seconds"], report["peak_memory_bytes"]


def measure(name, quick):
    """A row of the table, and the machine."""
    shape, workload, dtype = name.split("/")
    lengths, width, micro, dropout, compiled, rounds, steps, warm_up = WORKLOADS[workload]
    if quick:
        rounds = 1
    folder = checkpoint(shape)
    mine, theirs, my_peak, their_peak = [], [], 0, 0
    for _ in range(rounds):
        seconds, peak, machine = hone(folder, dtype, dropout, lengths, steps, warm_up)
        mine += seconds
        my_peak = max(my_peak, peak)
        seconds, peak = peft(folder=folder, dtype=dtype, dropout=dropout, lengths=lengths, width=width, micro=micro, compile=compiled,
                             steps=steps, warm_up=warm_up)
        theirs += seconds
        their_peak = max(their_peak, peak)
    tokens = sum(lengths)
    a, b = tokens / statistics.median(mine), tokens / statistics.median(theirs)
    best_a, best_b = tokens / min(mine), tokens / min(theirs)
    return (f"| {shape} | {workload} | {dtype} | {a:.0f} ({best_a:.0f}) | {b:.0f} ({best_b:.0f}) | {a / b:.2f}× ({best_a / best_b:.2f}×) "
            f"| {my_peak / 2**20:.0f} | {their_peak / 2**20:.0f} | {my_peak / their_peak:.2f}× | {len(mine)} |"), machine


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", default=PLAN, metavar="SHAPE/WORKLOAD/DTYPE", help=f"of {', '.join(PLAN)}")
    parser.add_argument("--quick", action="store_true", help="one round of each")
    parser.add_argument("--write", action="store_true", help="write bench/results/train_lora.md")
    options = parser.parse_args()
    lines, machine = [], ""
    for name in options.only:
        line, machine = measure(name, options.quick)
        lines.append(line)
        print(line, flush=True)
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in ("torch", "transformers", "peft"))
    text = "\n".join([
        "# One LoRA step: hone against PEFT + transformers", "",
        f"{datetime.date.today()} · {machine} · {versions} · "
        f"`bench/train_lora.py {' '.join(sys.argv[1:])}`", "",
        "Rank 16 on all linear layers. Tokens that carry meaning per second, median (best) of the steps, the two programs taking turns; "
        "peak resident memory in MiB. What the workloads are stands at the head of the script.", "",
        "| shape | workload | arithmetic | hone tok/s | PEFT tok/s | ratio | hone MiB | PEFT MiB | ratio | steps |",
        "|---|---|---|---|---|---|---|---|---|---|", *lines, ""])
    if options.write:
        with open(f"{ROOT}/bench/results/train_lora.md", "w") as file:
            file.write(text)


if __name__ == "__main__":
    main()
