#!/usr/bin/env python3
"""Tokens a second with many adapters on one base: a random model of 135 million parameters, prompts of 32 tokens, greedy.

    build/python-oracles/bin/python bench/serve_adapters.py [--rounds 3] [--write]

A row a number of answers at once; columns: the base alone, one adapter (rank 16 on every linear layer but the head) for
all, 8 and 32 different ones. Cases alternate, the median of the rounds counts. In every case two answers are made
once more alone: their logits must be the same to the bit.
"""
import argparse, datetime, json, os, statistics, subprocess

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PROGRAM = f"{ROOT}/build/release/tests/hone_decode_speed"
STORAGES = [("float32", "none"), ("bfloat16", "none"), ("bfloat16", "nf4")]
CASES = [(1, 0), (1, 1), (8, 0), (8, 1), (8, 8), (32, 0), (32, 1), (32, 8), (32, 32)]


def measure(dtype, bits, batch, adapters):
    tokens = {1: 48, 8: 24, 32: 16}[batch]
    out = subprocess.run([PROGRAM, dtype, bits, str(batch), str(adapters), str(tokens)], cwd=ROOT, capture_output=True, text=True, check=True)
    return json.loads(out.stdout)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    speeds = {}
    for _ in range(options.rounds):
        for storage in STORAGES:
            for case in CASES:
                result = measure(*storage, *case)
                assert result["same"], (storage, case, "an answer depends on its batch")
                speeds.setdefault((storage, case), []).append(result["tokens_per_second"])
    lines = ["| weights | answers at once | base | 1 adapter | 8 adapters | 32 adapters |", "|---|---|---|---|---|---|"]
    for dtype, bits in STORAGES:
        for batch in (1, 8, 32):
            cells = []
            for adapters in (0, 1, 8, 32):
                found = speeds.get(((dtype, bits), (batch, adapters)))
                cells.append(f"{statistics.median(found):.0f}" if found else "")
            lines.append(f"| {dtype if bits == 'none' else bits + ', ' + dtype} | {batch} | {' | '.join(cells)} |")
    text = "\n".join(lines)
    print(text)
    if options.write:
        with open(f"{ROOT}/bench/results/serve_adapters.md", "w") as file:
            file.write("# Many adapters on one base\n\nMade by `bench/serve_adapters.py --write` on "
                       f"{datetime.date.today()}, {os.cpu_count()} cores. New tokens a second, all answers together; the median of "
                       f"{options.rounds} rounds.\n\n{text}\n")


if __name__ == "__main__":
    main()
