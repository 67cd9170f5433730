"""hone score against rouge-score and sacrebleu: the same texts, the same figures, times in turn.

    build/python-oracles/bin/python bench/metrics.py build/release/hone bench/results/metrics.md

Times are for the whole job of each side: hone from starting the program to its JSON, reading files
included; the packages from texts in memory to the figure, imports not counted.
"""
import datetime
import json
import os
import pathlib
import platform
import random
import statistics
import subprocess
import sys
import tempfile
import time

from rouge_score import rouge_scorer
from sacrebleu.metrics import BLEU, CHRF

ROOT = pathlib.Path(__file__).resolve().parent.parent
ROUNDS = 3


def texts(words, count, korean):
    """`count` texts of `words` words from the real ones of the tests, with predictions that keep about 70%."""
    rng = random.Random(words)
    source = [json.loads(line) for line in (ROOT / "tests/data/metrics/texts.jsonl").open(encoding="utf-8")]
    pool = [w for row in source if row["from"].startswith("ko-") == korean for w in row["text"].split()]
    references, predictions = [], []
    for _ in range(count):
        start = rng.randrange(len(pool))
        reference = [pool[(start + i) % len(pool)] for i in range(words)]
        prediction = [rng.choice(pool) if rng.random() < 0.3 else w for w in reference]
        references.append(" ".join(reference))
        predictions.append(" ".join(prediction))
    return predictions, references


def rouge(predictions, references):
    names = ["rouge1", "rouge2", "rougeL"]
    scorer = rouge_scorer.RougeScorer(names)
    scores = [scorer.score(r, p) for r, p in zip(references, predictions)]
    return {n: statistics.fmean(s[n].fmeasure for s in scores) for n in names}


PEERS = {
    "rouge1,rouge2,rougeL": ("rouge-score", rouge),
    "bleu": ("sacrebleu", lambda p, r: {"bleu": BLEU().corpus_score(p, [r]).score}),
    "chrf": ("sacrebleu", lambda p, r: {"chrf": CHRF().corpus_score(p, [r]).score}),
    "chrf++": ("sacrebleu", lambda p, r: {"chrf++": CHRF(word_order=2).corpus_score(p, [r]).score}),
}


def clock(work):
    begin = time.perf_counter()
    result = work()
    return result, time.perf_counter() - begin


def compare(hone, folder, metrics, predictions, references):
    for name, side in [("p", predictions), ("r", references)]:
        (folder / name).write_text("".join(t + "\n" for t in side), encoding="utf-8")
    command = [hone, "score", "--predictions", folder / "p", "--references", folder / "r", "--metrics", metrics,
               "--rouge-tokenizer", "rouge_score", "--json"]
    ours, theirs = [], []
    for _ in range(ROUNDS):
        output, seconds = clock(lambda: subprocess.run(command, capture_output=True, check=True).stdout)
        ours.append(seconds)
        expected, seconds = clock(lambda: PEERS[metrics][1](predictions, references))
        theirs.append(seconds)
    figures = json.loads(output)
    for name, value in expected.items():
        figure = figures[name].get("fmeasure", figures[name].get("score"))
        assert abs(figure - value) <= 1e-12 * max(1, abs(value)), (name, figure, value)
    return ours, theirs, ", ".join(f"{value:.4f}" for value in expected.values())


def processor():
    for line in open("/proc/cpuinfo"):
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.machine()


def main(hone, report):
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for words, count in [(25, 4000), (300, 300)]:
            for korean in [False, True]:
                predictions, references = texts(words, count, korean)
                for metrics, (peer, _) in PEERS.items():
                    # rouge-score has no token for most Korean words, so there is nothing to time there.
                    if korean and metrics.startswith("rouge"):
                        continue
                    ours, theirs, figures = compare(hone, pathlib.Path(folder), metrics, predictions, references)
                    mine, other = statistics.median(ours), statistics.median(theirs)
                    rows.append(f"| {metrics} | {'Korean' if korean else 'English'} | {count:,} × {words} | {figures} | "
                                f"{count / mine:,.0f} ({min(ours):.3f}-{max(ours):.3f} s) | {peer} {count / other:,.0f} "
                                f"({min(theirs):.3f}-{max(theirs):.3f} s) | {other / mine:.0f}× |")
                    print(rows[-1], flush=True)
    pathlib.Path(report).write_text(
        "# hone score against the Python packages\n\n"
        f"{datetime.date.today()}, {processor()}, {os.cpu_count()} cores, one thread each; medians of {ROUNDS} alternating "
        "rounds, with the fastest and slowest. hone's time is the whole program run, files read and all. The figures of both "
        "sides agree to 1e-12, or the script fails. Repeat: `python bench/metrics.py build/release/hone "
        "bench/results/metrics.md`\n\n"
        "| metrics | text | texts × words | figures | hone, texts a second | peer, texts a second | ratio |\n"
        "|---|---|---|---|---|---|---|\n" + "\n".join(rows) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
