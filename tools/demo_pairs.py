#!/usr/bin/env python3
"""Makes preference pairs for make demo-dpo from the demo's own questions and answers.

    tools/demo_pairs.py demo/data/instructions.jsonl --output runs/demo-dpo/data [--train 800] [--held-out 200] [--seed 42]

The chosen answer is the one that stands in the data. The rejected one is made, nobody judged it: for one half of the
pairs it is the answer to another question of the same language and a like length, for the other half the true answer's
first words, over and over. So these pairs show that the machinery works and that margins grow on questions it has not
seen; they hold no human preference. Licences are those of the instructions (demo/data/README.md).
"""
import argparse
import json
import random
from pathlib import Path


def is_korean(text):
    return any("가" <= c <= "힣" for c in text)


def repeated(answer):
    """The first three words until the answer's length is reached."""
    start = " ".join(answer.split()[:3])
    return " ".join([start] * max(2, round(len(answer) / (len(start) + 1))))


def other_answers(rows):
    """For each row an answer of another question: the next one by length within its language, which differs."""
    order = sorted(range(len(rows)), key=lambda i: (is_korean(rows[i][1]), len(rows[i][1]), rows[i][1]))
    found = {}
    for place, i in enumerate(order):
        candidates = order[place + 1:place + 20] + order[max(0, place - 20):place]
        found[i] = next(rows[j][1] for j in candidates if rows[j][1] != rows[i][1])
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("instructions", type=Path)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--train", type=int, default=800)
    parser.add_argument("--held-out", type=int, default=200)
    parser.add_argument("--seed", type=int, default=42)
    arguments = parser.parse_args()

    rows = [[turn["content"] for turn in json.loads(line)["messages"]] for line in arguments.instructions.read_text(encoding="utf-8").splitlines()]
    rows = [row for row in rows if len(row[1].split()) >= 4]
    random.Random(arguments.seed).shuffle(rows)
    rows = rows[:arguments.train + arguments.held_out]
    others = other_answers(rows)
    pairs = []
    for i, (question, answer) in enumerate(rows):
        wrong = others[i] if i % 2 else repeated(answer)
        pairs.append({"prompt": [{"role": "user", "content": question}], "chosen": [{"role": "assistant", "content": answer}],
                      "rejected": [{"role": "assistant", "content": wrong}], "made_from": "another answer" if i % 2 else "repetition"})
    arguments.output.mkdir(parents=True, exist_ok=True)
    train, held_out = pairs[arguments.held_out:], pairs[:arguments.held_out]
    chosen = [{"messages": pair["prompt"] + pair["chosen"]} for pair in train]  # for the supervised tuning before
    for name, part in (("held-out", held_out), ("train", train), ("chosen", chosen)):
        path = arguments.output / f"{name}.jsonl"
        path.write_text("".join(json.dumps(pair, ensure_ascii=False) + "\n" for pair in part), encoding="utf-8")
        print(f"{path}: {len(part):,} rows")


if __name__ == "__main__":
    main()
