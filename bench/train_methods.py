#!/usr/bin/env python3
"""QLoRA, full tuning and DPO with hone against the libraries that people use for them, alternating in one run.

    build/python-oracles/bin/python bench/train_methods.py [--only qlora/135M/bfloat16 …] [--write]

qlora   NF4 with double quantisation, LoRA rank 16 on all linear layers; against bitsandbytes + PEFT
full    every weight, fp32 masters (bfloat16: the peer under autocast); against transformers
dpo     LoRA rank 16, the sigmoid loss, the reference by switching the adapter off; against TRL's DPOTrainer

Both sides read the same random checkpoint, the same start adapter and the same rows of text, and take the same steps with fused AdamW:
the losses of the two are compared. A step is two rows of 512 tokens, half of them trained (dpo: two pairs of 256 + 256).
"""
import argparse, datetime, importlib.metadata, json, os, pathlib, resource, statistics, subprocess, sys, tempfile, time

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "bench"))
from train_lora import SHAPES, checkpoint  # noqa: E402

HONE = os.environ.get("HONE", f"{ROOT}/build/release/hone")
PLAN = ["qlora/135M/float32", "qlora/135M/bfloat16", "qlora/0.5B/bfloat16", "full/135M/float32", "full/135M/bfloat16", "dpo/135M/float32", "dpo/135M/bfloat16"]
STEPS, WARM_UP, ROUNDS, RATE, WIDTH = 3, 1, 2, 1e-3, 512
PEERS = {"qlora": "bitsandbytes + PEFT", "full": "transformers", "dpo": "TRL"}
TURN = "<|im_start|>{}\n{}<|im_end|>\n"


def texts(i, length, kind):
    words = ["하나", "둘", "three", "four", "다섯", "six", "seven", "여덟"]
    text, k = f"{kind} {i}", i * 7 + len(kind)
    while len(text.encode()) < length:
        k = (k * 1103515245 + 12345) % 2**31
        text += " " + words[k // 65536 % len(words)]
    data = text.encode()[:length].decode(errors="ignore")
    return data + "." * (length - len(data.encode()))


def rows(method):
    """Question, answer (and the worse answer) whose tokens fill a row: the tokenizer has one for each byte."""
    frame = len((TURN.format("user", "") + "<|im_start|>assistant\n<|im_end|>\n").encode()) - 4 * len("<|im_start|>") - 0
    width = WIDTH // 2 if method == "dpo" else WIDTH
    half = (width - frame) // 2
    made = [(texts(i, half, "q"), texts(i, half, "a"), texts(i, half, "b")) for i in range(8)]
    return made if method == "dpo" else [row[:2] for row in made]


def write_data(method, file):
    turn = lambda role, content: [{"role": role, "content": content}]
    with open(file, "w") as out:
        for q, a, *b in rows(method):
            row = ({"prompt": turn("user", q), "chosen": turn("assistant", a), "rejected": turn("assistant", b[0])} if b
                   else {"messages": turn("user", q) + turn("assistant", a)})
            out.write(json.dumps(row, ensure_ascii=False) + "\n")


def prepare(method, shape, folder):
    """Model with a tokenizer of bytes, rows, and an adapter that both sides start from."""
    sys.path.insert(0, str(ROOT / "tests"))
    from parity import small_tokenizer
    small_tokenizer.write(pathlib.Path(checkpoint(shape)))
    write_data(method, folder / "rows.jsonl")
    if method != "full":
        hone(method, shape, "float32", folder, "training.max_steps=1", "training.lr_scheduler_type=constant_with_warmup",
             "training.warmup_steps=1", output="start")


def hone(method, shape, dtype, folder, *overrides, output="out"):
    config = folder / "config.yaml"
    config.write_text(f"""
model: {{name_or_path: {checkpoint(shape)}, compute_dtype: {dtype}}}
data: {{train: {folder}/rows.jsonl, max_length: 1024, packing: false, shuffle: false}}
method: {"full" if method == "full" else "lora"}
objective: {"dpo" if method == "dpo" else "sft"}
lora: {{r: 16, lora_alpha: 32, lora_dropout: 0, target_modules: all-linear}}
quantization: {{load_in_4bit: {str(method == "qlora").lower()}, bnb_4bit_use_double_quant: true}}
training: {{output_dir: {folder / output}, max_steps: {STEPS + WARM_UP}, per_device_train_batch_size: 2, learning_rate: {RATE / (20 if method == "full" else 1)},
  lr_scheduler_type: constant, warmup_ratio: 0, logging_steps: 1, save_strategy: "no"}}
""")
    subprocess.run(["rm", "-rf", folder / output], check=True)
    result = subprocess.run([HONE, "train", config, *overrides, "--json"], capture_output=True, text=True)
    if result.returncode != 0:
        raise SystemExit(result.stderr[-2000:])
    lines = [json.loads(line) for line in (folder / output / "metrics.jsonl").read_text().splitlines()]
    lines = [line for line in lines if "loss" in line]
    tokens = [b["tokens"] - a["tokens"] for a, b in zip([{"tokens": 0}, *lines], lines)]
    seconds = [n / line["tokens_per_second"] for n, line in zip(tokens, lines)]
    return {"seconds": seconds[WARM_UP:], "losses": [line["loss"] for line in lines], "tokens": tokens[-1],
            "peak": json.loads(result.stdout)["peak_memory_bytes"], "machine": json.loads((folder / output / "run.json").read_text())["plan"]["machine"]}


def peer(method, shape, dtype, folder):
    job = dict(method=method, model=checkpoint(shape), dtype=dtype, folder=str(folder))
    result = subprocess.run([sys.executable, __file__, "--peer", json.dumps(job)], capture_output=True, text=True, env={**os.environ, "HF_HUB_OFFLINE": "1"})
    if result.returncode != 0:
        raise SystemExit(f"the peer failed at {job}:\n{result.stderr[-2000:]}")
    return json.loads(result.stdout.splitlines()[-1])


def run_peer(job):
    import torch
    from transformers import AutoModelForCausalLM, BitsAndBytesConfig
    dtype = getattr(torch, job["dtype"])
    settings = {}
    if job["method"] == "qlora":
        settings = dict(device_map="cpu", quantization_config=BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type="nf4",
                                                                               bnb_4bit_use_double_quant=True, bnb_4bit_compute_dtype=dtype))
    model = AutoModelForCausalLM.from_pretrained(job["model"], dtype=torch.float32 if job["method"] == "full" else dtype, **settings)
    if job["method"] != "full":
        import peft
        model = peft.PeftModel.from_pretrained(model, f"{job['folder']}/start", is_trainable=True)
    seconds, losses = (run_trl if job["method"] == "dpo" else run_torch)(job, model)
    print(json.dumps({"seconds": seconds[WARM_UP:], "losses": losses, "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024}))


def run_torch(job, model):
    import contextlib, torch
    from tokenizers import Tokenizer
    tokenizer = Tokenizer.from_file(f"{job['model']}/tokenizer.json")
    model.train()
    parameters = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(parameters, lr=RATE / (20 if job["method"] == "full" else 1), weight_decay=0, fused=True)
    arithmetic = (lambda: torch.autocast("cpu", torch.bfloat16)) if job["method"] == "full" and job["dtype"] == "bfloat16" else contextlib.nullcontext
    batches, all_rows = [], rows(job["method"])
    for question, answer in all_rows:
        prompt = TURN.format("user", question) + "<|im_start|>assistant\n"
        ids = tokenizer.encode(prompt + answer + "<|im_end|>\n").ids
        begin, end = len(tokenizer.encode(prompt).ids), len(tokenizer.encode(prompt + answer + "<|im_end|>").ids)
        batches.append((ids, [-100] * begin + ids[begin:end] + [-100] * (len(ids) - end)))
    seconds, losses = [], []
    for step in range(STEPS + WARM_UP):
        begin = time.perf_counter()
        part = [batches[(2 * step + i) % len(batches)] for i in range(2)]
        ids, labels = (torch.tensor([row[k] for row in part]) for k in (0, 1))
        with arithmetic():
            loss = model(input_ids=ids, labels=labels).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
        seconds.append(time.perf_counter() - begin)
    return seconds, losses


def run_trl(job, model):
    from datasets import Dataset
    from transformers import PreTrainedTokenizerFast, TrainerCallback
    from trl import DPOConfig, DPOTrainer
    folder = job["folder"]
    tokenizer = PreTrainedTokenizerFast(tokenizer_file=f"{job['model']}/tokenizer.json", eos_token="<|im_end|>", pad_token="<|endoftext|>",
                                        chat_template=json.load(open(f"{job['model']}/tokenizer_config.json"))["chat_template"])
    data = Dataset.from_list([json.loads(line) for line in open(f"{folder}/rows.jsonl")])

    class Clock(TrainerCallback):
        seconds, losses = [], []
        def on_step_begin(self, *_, **__):
            self.begin = time.perf_counter()
        def on_step_end(self, *_, **__):
            self.seconds.append(time.perf_counter() - self.begin)
        def on_log(self, args, state, control, logs=None, **_):
            if "loss" in logs:
                self.losses.append(logs["loss"])

    from torch.utils.data import SequentialSampler
    DPOTrainer._get_train_sampler = lambda self, dataset=None: SequentialSampler(self.train_dataset)
    arguments = DPOConfig(output_dir=f"{folder}/trl", per_device_train_batch_size=2, max_length=1024, max_steps=STEPS + WARM_UP, learning_rate=RATE,
                          lr_scheduler_type="constant", optim="adamw_torch_fused", report_to="none", use_cpu=True, bf16=job["dtype"] == "bfloat16",
                          gradient_checkpointing=False, logging_steps=1, save_strategy="no", beta=0.1, disable_tqdm=True)
    clock = Clock()
    DPOTrainer(model=model, args=arguments, train_dataset=data, processing_class=tokenizer, callbacks=[clock]).train()
    return clock.seconds, clock.losses


def measure(name):
    method, shape, dtype = name.split("/")
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        prepare(method, shape, folder)
        mine, theirs = [], []
        for _ in range(ROUNDS):
            mine.append(hone(method, shape, dtype, folder))
            theirs.append(peer(method, shape, dtype, folder))
    tokens = mine[0]["tokens"]
    rate = lambda runs, of: tokens / of([s for run in runs for s in run["seconds"]])
    peak = lambda runs: max(run["peak"] for run in runs)
    apart = max(abs(a / b - 1) for a, b in zip(mine[0]["losses"], theirs[0]["losses"], strict=True))
    return (f"| {method} | {shape} | {dtype} | {PEERS[method]} | {rate(mine, statistics.median):.0f} ({rate(mine, min):.0f}) "
            f"| {rate(theirs, statistics.median):.0f} ({rate(theirs, min):.0f}) "
            f"| {rate(mine, statistics.median) / rate(theirs, statistics.median):.2f}× ({rate(mine, min) / rate(theirs, min):.2f}×) "
            f"| {peak(mine) / 2**20:.0f} | {peak(theirs) / 2**20:.0f} | {peak(mine) / peak(theirs):.2f}× | {apart:.1e} |"), mine[0]["machine"]


BOUND = """Full tuning in bf16 is the one row above half of the peer's memory: of hone's peak four fifths are what both must hold, 16 bytes a parameter (fp32 masters, gradients, two moments; of 135M: 2.0 GiB). `optim: adamw_8bit` takes two thirds of the moments away."""


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", default=PLAN, metavar="METHOD/SHAPE/DTYPE", help=f"of {', '.join(PLAN)}")
    parser.add_argument("--write", action="store_true", help="write bench/results/train_methods.md")
    parser.add_argument("--peer", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.peer:
        return run_peer(json.loads(options.peer))
    lines, machine = [], ""
    for name in options.only:
        line, machine = measure(name)
        lines.append(line)
        print(line, flush=True)
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in ("torch", "transformers", "peft", "bitsandbytes", "trl"))
    text = "\n".join([
        "# QLoRA, full tuning and DPO: hone against bitsandbytes + PEFT, transformers, TRL", "",
        f"{datetime.date.today()} · {machine} · {versions} · `bench/train_methods.py {' '.join(sys.argv[1:])}`", "",
        f"Tokens per second, median (best) of {STEPS} steps in each of {ROUNDS} rounds, the two taking turns; peak resident memory in MiB; the last column "
        f"is how far the losses of {STEPS + WARM_UP} steps lie apart at most, relatively. What the methods are stands at the head of the script.", "",
        "| method | shape | arithmetic | peer | hone tok/s | peer tok/s | ratio | hone MiB | peer MiB | ratio | losses apart |",
        "|---|---|---|---|---|---|---|---|---|---|---|", *lines, "", BOUND, ""])
    if options.write:
        (ROOT / "bench/results/train_methods.md").write_text(text)


if __name__ == "__main__":
    main()
