#!/usr/bin/env python3
"""What four bits cost: the demo's fine-tune with LoRA on the base as it is, and on the same base in NF4, scored on the same held-out rows.

    python3 bench/qlora_quality.py [--epochs 1] [--write]

Exits with 1 if the loss on the held-out rows with NF4 is more than 1% above the other.
"""
import argparse, datetime, json, os, pathlib, subprocess, sys, tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
HONE = os.environ.get("HONE", f"{ROOT}/build/release/hone")
WAYS = {
    "LoRA": [],
    "QLoRA, NF4": ["quantization.load_in_4bit=true"],
    "QLoRA, NF4, double quantisation": ["quantization.load_in_4bit=true", "quantization.bnb_4bit_use_double_quant=true"],
}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=float, default=1)
    parser.add_argument("--write", action="store_true", help="write bench/results/qlora_quality.md")
    options = parser.parse_args()
    lines, losses = [], []
    with tempfile.TemporaryDirectory() as folder:
        run = lambda *arguments: subprocess.run([HONE, *map(str, arguments)], check=True, cwd=ROOT, capture_output=True, text=True).stdout
        run("data", "split", "demo/data/instructions.jsonl", "--validation", "0.05", "--test", "0.05", "--output", f"{folder}/data")
        for i, (name, settings) in enumerate(WAYS.items()):
            done = json.loads(run("train", "demo/finetune.yaml", f"data.train={folder}/data/train.jsonl", f"data.validation={folder}/data/validation.jsonl",
                                  f"training.num_train_epochs={options.epochs}", f"training.output_dir={folder}/{i}", "training.eval_on_start=true",
                                  "training.load_best_model_at_end=false", "training.save_strategy=no", "training.eval_strategy=epoch", "tracking=[]",
                                  *settings, "--json"))
            losses.append(done["last_eval_loss"])
            machine = json.loads(pathlib.Path(folder, str(i), "run.json").read_text())["plan"]["machine"]
            lines.append(f"| {name} | {done['first_eval_loss']:.4f} | {losses[-1]:.4f} | {100 * (losses[-1] / losses[0] - 1):+.2f}% |")
            print(lines[-1], flush=True)
    text = "\n".join(["# What four bits cost the demo", "", f"{datetime.date.today()} · {machine} · `bench/qlora_quality.py {' '.join(sys.argv[1:])}`", "",
                      f"The demo's rows, settings and seed, {options.epochs:g} epoch(s); loss of an answer's token on the 350 rows held out for validation.", "",
                      "| base | before | after | against LoRA |", "|---|---|---|---|", *lines, ""])
    if options.write:
        (ROOT / "bench/results/qlora_quality.md").write_text(text)
    if max(losses) > 1.01 * losses[0]:
        sys.exit(1)


if __name__ == "__main__":
    main()
