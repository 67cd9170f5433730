"""Speed of hone's tokenizer against the tokenizers library, in one run, on the same texts; ids are compared first.

    HONE=build/release/hone build/python-oracles/bin/python bench/tokenize_texts.py [ROUNDS]

Both sides are whole programs that read JSON lines and write ids, so starting, loading, parsing and printing count
on both; the library runs in Python as its users run it, on one thread and as a batch over all. Writes
bench/results/tokenize_texts.md.
"""
import datetime
import gzip
import importlib.metadata
import json
import os
import pathlib
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
DATA = ROOT / "tests" / "data" / "tokenizers"
HONE = os.environ.get("HONE", str(ROOT / "build" / "release" / "hone"))
PEER = """
import json, sys
from tokenizers import Tokenizer
tokenizer = Tokenizer.from_file(sys.argv[1])
texts = [json.loads(line)["text"] for line in sys.stdin.buffer]
encodings = tokenizer.encode_batch_fast(texts, add_special_tokens=False)
sys.stdout.write("".join(json.dumps({"ids": e.ids}) + "\\n" for e in encodings))
"""


def texts():
    for name in ("nsmc", "gsm8k_questions", "shakespeare"):
        with open(ROOT / "demo" / "data" / "pretrain" / f"{name}.jsonl", encoding="utf-8") as file:
            for row in file:
                yield from (line for line in json.loads(row)["text"].split("\n") if line)


def timed(command, data, environment):
    """Processor seconds and wall-clock seconds of a program, and what it wrote."""
    before, begin = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(command, input=data, capture_output=True, env={**os.environ, **environment}, check=True)
    wall, after = time.perf_counter() - begin, resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, wall, done.stdout


def measure(name, file, data, rounds):
    sides = {"hone": ([HONE, "tokenize", "--tokenizer", file], {}),
             "1 thread": ([sys.executable, "-c", PEER, file], {"TOKENIZERS_PARALLELISM": "false"}),
             "all threads": ([sys.executable, "-c", PEER, file], {"TOKENIZERS_PARALLELISM": "true"})}
    processor, wall = {side: [] for side in sides}, {side: [] for side in sides}
    for _ in range(rounds):
        outputs = []
        for side, (command, environment) in sides.items():
            spent, waited, output = timed(command, data, environment)
            processor[side].append(spent)
            wall[side].append(waited)
            outputs.append([json.loads(line)["ids"] for line in output.splitlines()])
        if outputs[0] != outputs[1] or outputs[0] != outputs[2]:
            sys.exit(f"{name}: the ids differ")
    middle = {side: statistics.median(values) for side, values in processor.items()}
    clock = {side: statistics.median(values) for side, values in wall.items()}
    spread = "–".join(f"{value:.2f}" for value in (min(processor["hone"]), max(processor["hone"])))
    tokens = sum(map(len, outputs[0]))
    return (f"| {name} | {tokens:,} | {middle['hone']:.2f} ({spread}) | {tokens / middle['hone'] / 1e6:.1f} "
            f"| {middle['1 thread']:.2f} | {middle['1 thread'] / middle['hone']:.1f} "
            f"| {clock['hone']:.2f} | {clock['all threads']:.2f} | {clock['all threads'] / clock['hone']:.1f} |")


def bert():
    """BERT's uncased vocabulary with the settings of BertTokenizer."""
    lines = gzip.decompress((DATA / "bert-uncased.vocab.txt.gz").read_bytes()).decode().split("\n")[:-1]
    vocabulary = {token: i for i, token in enumerate(lines)}
    special = [{"id": vocabulary[token], "content": token, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False,
                "special": True} for token in ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")]
    return json.dumps({
        "version": "1.0", "truncation": None, "padding": None, "added_tokens": special,
        "normalizer": {"type": "BertNormalizer", "clean_text": True, "handle_chinese_chars": True, "strip_accents": None,
                       "lowercase": True},
        "pre_tokenizer": {"type": "BertPreTokenizer"}, "post_processor": None,
        "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": True},
        "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##", "max_input_chars_per_word": 100,
                  "vocab": vocabulary}}).encode()


def main():
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    lines = [json.dumps({"text": text}, ensure_ascii=False) + "\n" for text in texts()]
    data = "".join(lines).encode()
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for name, kind in (("gpt2", "BPE, bytes"), ("phi-3", "BPE"), ("bert-uncased", "WordPiece"), ("t5-small", "Unigram")):
            file = pathlib.Path(folder) / f"{name}.json"
            packed = DATA / f"{name}.tokenizer.json.gz"
            file.write_bytes(gzip.decompress(packed.read_bytes()) if packed.exists() else bert())
            rows.append(measure(f"{name} ({kind})", str(file), data, rounds))
    report = [f"# Tokenizing: hone against tokenizers {importlib.metadata.version('tokenizers')}", "",
              f"{datetime.date.today()}, {platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} at the end; "
              f"{len(lines):,} lines of Korean and English, {len(data) / 1e6:.1f} MB; median of {rounds} rounds in turn, whole "
              "programs, ids equal. hone runs on one thread. Processor seconds where one thread works, for they depend little on "
              "what else the machine does; wall clock where all do. Made by `bench/tokenize_texts.py`.", "",
              "| tokenizer | tokens | hone, s (least–most) | million ids a second | library, 1 thread, s | times faster "
              "| hone, wall s | library, all threads, wall s | times faster |",
              "|---|---|---|---|---|---|---|---|---|", *rows, ""]
    (ROOT / "bench" / "results").mkdir(exist_ok=True)
    (ROOT / "bench" / "results" / "tokenize_texts.md").write_text("\n".join(report), encoding="utf-8")
    print("\n".join(report))


if __name__ == "__main__":
    main()
