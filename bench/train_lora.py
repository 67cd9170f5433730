#!/usr/bin/env python3
"""One LoRA step (rank 16, all linear layers) of hone against PEFT + transformers, alternating in one run.

    build/python-oracles/bin/python bench/train_lora.py [--rounds 3] [--shapes 135M,0.5B] [--write]

Both read the same random checkpoint and do the same work: forward, loss, backward, clipping, fused AdamW. Workloads:
512        one sequence of 512 tokens, dropout 0 and 0.05
packed     four chats of 100-600 tokens, hone side by side, PEFT padded to the longest
seeds      the same four padded to 2048 as the seeds' script does it; tokens that carry meaning are counted
"""
import argparse, datetime, json, os, statistics, subprocess, sys, tempfile

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
folder, dtype, dropout, lengths, width, steps = sys.argv[1], sys.argv[2], float(sys.argv[3]), json.loads(sys.argv[4]), int(sys.argv[5]), int(sys.argv[6])
model = AutoModelForCausalLM.from_pretrained(folder, dtype=getattr(torch, dtype))
model = get_peft_model(model, LoraConfig(r=16, lora_alpha=32, lora_dropout=dropout, target_modules="all-linear", task_type="CAUSAL_LM"))
model.train()
parameters = [p for p in model.parameters() if p.requires_grad]
optimizer = torch.optim.AdamW(parameters, lr=1e-4, fused=True)
ids = torch.randint(0, model.config.vocab_size, (len(lengths), width))
mask = torch.tensor([[1] * n + [0] * (width - n) for n in lengths])
labels = ids.masked_fill(mask == 0, -100)
extra = {} if mask.all() else {"attention_mask": mask}
seconds = []
for step in range(steps + 1):
    begin = time.perf_counter()
    model(input_ids=ids, labels=labels, **extra).loss.backward()
    torch.nn.utils.clip_grad_norm_(parameters, 1.0)
    optimizer.step(); optimizer.zero_grad()
    if step: seconds.append(time.perf_counter() - begin)
print(json.dumps({"seconds": seconds, "peak_memory_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024}))
'''


def checkpoint(shape):
    folder = os.path.join(tempfile.gettempdir(), f"hone-bench-{shape}")
    if not os.path.exists(f"{folder}/model.safetensors"):
        code = ("import sys, json, torch; from transformers import LlamaConfig, LlamaForCausalLM; torch.manual_seed(0);"
                "LlamaForCausalLM(LlamaConfig(max_position_embeddings=4096, **json.loads(sys.argv[1]))).save_pretrained(sys.argv[2])")
        subprocess.run([sys.executable, "-c", code, json.dumps(SHAPES[shape]), folder], check=True, stderr=subprocess.DEVNULL)
    return folder


def hone(folder, dtype, dropout, lengths, steps):
    result = subprocess.run([HONE, "bench", "train", "--model", folder, "--compute-dtype", dtype, "--lora-dropout", str(dropout), "--lengths",
                             ",".join(map(str, lengths)), "--steps", str(steps), "--warm-up", "1"], check=True, capture_output=True, text=True)
    report = json.loads(result.stdout)
    return report["steps"], report["peak_memory_bytes"], report["machine"]


def peft(folder, dtype, dropout, lengths, width, steps):
    result = subprocess.run([sys.executable, "-c", PEFT, folder, dtype, str(dropout), json.dumps(lengths), str(width), str(steps)],
                            check=True, capture_output=True, text=True)
    report = json.loads(result.stdout.splitlines()[-1])
    return report["seconds"], report["peak_memory_bytes"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=3)
    parser.add_argument("--shapes", default="135M,0.5B")
    parser.add_argument("--workloads", default="512,512+dropout,packed,seeds")
    parser.add_argument("--dtypes", default="float32,bfloat16")
    parser.add_argument("--write", action="store_true", help="write bench/results/train_lora.md")
    options = parser.parse_args()
    workloads = {"512": ([512], 512, 0.0), "512+dropout": ([512], 512, 0.05), "packed": (CHATS, max(CHATS), 0.0), "seeds": (CHATS, 2048, 0.0)}
    lines, machine = [], ""
    for shape in options.shapes.split(","):
        folder = checkpoint(shape)
        for workload in options.workloads.split(","):
            lengths, width, dropout = workloads[workload]
            for dtype in options.dtypes.split(","):
                mine, theirs, my_peak, their_peak = [], [], 0, 0
                for _ in range(options.rounds):
                    seconds, peak, machine = hone(folder, dtype, dropout, lengths, options.steps)
                    mine += seconds; my_peak = max(my_peak, peak)
                    seconds, peak = peft(folder, dtype, dropout, lengths, width, options.steps)
                    theirs += seconds; their_peak = max(their_peak, peak)
                tokens = sum(lengths)
                a, b = tokens / statistics.median(mine), tokens / statistics.median(theirs)
                best_a, best_b = tokens / min(mine), tokens / min(theirs)
                lines.append(f"| {shape} | {workload} | {dtype} | {a:.0f} ({best_a:.0f}) | {b:.0f} ({best_b:.0f}) | {a / b:.2f}× ({best_a / best_b:.2f}×) "
                             f"| {my_peak / 2**20:.0f} | {their_peak / 2**20:.0f} | {my_peak / their_peak:.2f}× |")
                print(lines[-1], flush=True)
    import peft as peft_package, torch, transformers
    text = "\n".join([
        "# One LoRA step: hone against PEFT + transformers", "",
        f"{datetime.date.today()} · {machine} · torch {torch.__version__}, transformers {transformers.__version__}, peft {peft_package.__version__} · "
        f"`{os.path.basename(sys.argv[0])} {' '.join(sys.argv[1:])}`", "",
        "Rank 16 on all linear layers; tokens that carry meaning per second, median (best) of "
        f"{options.rounds}×{options.steps} steps, the two programs taking turns; peak resident memory in MiB.", "",
        "| shape | workload | arithmetic | hone tok/s | PEFT tok/s | ratio | hone MiB | PEFT MiB | ratio |",
        "|---|---|---|---|---|---|---|---|---|", *lines, ""])
    if options.write:
        with open(f"{ROOT}/bench/results/train_lora.md", "w") as file:
            file.write(text)


if __name__ == "__main__":
    main()
