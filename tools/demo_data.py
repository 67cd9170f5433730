#!/usr/bin/env python3
"""Makes demo/data from public data sets: an instruction set and raw corpora that do not overlap it.

    tools/demo_data.py DATASETS [--output demo/data] [--seed 42]

DATASETS is a folder holding ko-chatbot/ChatbotData.csv, gsm8k/train.jsonl, self-instruct/seed_tasks.jsonl,
ko-nsmc/dev.tsv, ko-law/constitution.txt, en-books/botchan.txt and en-shakespeare/tinyshakespeare.txt
(where each comes from is said in demo/data/README.md). Only the standard library is used and every choice
follows from the seed, so the same sources give the same files byte for byte.
"""
import argparse
import csv
import json
import random
import re
import unicodedata
from pathlib import Path

KOREAN_ROWS = 4200
ENGLISH_ROWS = 2800
ENGLISH_MAX_CHARS = 385      # question and answer together
DOCUMENT_CHARS = (300, 800)  # aim of a pre-training document; one long line may exceed it
OVERLAP_CHARS = 15           # a shorter message may appear inside another text by chance


def normalised(text):
    """What two texts share when a reader would call them the same."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def row(source, user, assistant):
    return {"messages": [{"role": "user", "content": user}, {"role": "assistant", "content": assistant}], "source": source}


def korean_rows(folder, rng):
    """One answer for each question: rows that contradict an earlier one teach a small model nothing."""
    seen, rows = set(), []
    with open(folder / "ko-chatbot/ChatbotData.csv", encoding="utf-8", newline="") as file:
        for number, record in enumerate(csv.DictReader(file), start=2):
            question, answer = record["Q"].strip(), record["A"].strip()
            key = normalised(question)
            if question and answer and key not in seen:
                seen.add(key)
                rows.append(row(f"songys/Chatbot_data:{number}", question, answer))
    rng.shuffle(rows)
    return rows[:KOREAN_ROWS]


def self_instruct_rows(folder):
    rows = []
    for line in (folder / "self-instruct/seed_tasks.jsonl").read_text(encoding="utf-8").splitlines():
        task = json.loads(line)
        first = task["instances"][0]
        user = task["instruction"].strip()
        if first["input"].strip():
            user += "\n\n" + first["input"].strip()
        answer = first["output"].strip()
        if answer and len(user) + len(answer) <= ENGLISH_MAX_CHARS:
            rows.append(row(f"yizhongw/self-instruct:{task['id']}", user, answer))
    return rows


def worked_answer(text):
    """GSM8K's answer without its calculator marks: "48/2 = <<48/2=24>>24" -> "48/2 = 24"."""
    return re.sub(r"<<[^<>]*>>", "", text).strip()


def gsm8k(folder, wanted, rng):
    """`wanted` short problems as rows, and the questions of all the others."""
    problems = []
    for number, line in enumerate((folder / "gsm8k/train.jsonl").read_text(encoding="utf-8").splitlines(), start=1):
        problem = json.loads(line)
        problems.append((number, problem["question"].strip(), worked_answer(problem["answer"])))
    short = [p for p in problems if len(p[1]) + len(p[2]) <= ENGLISH_MAX_CHARS]
    rng.shuffle(short)
    chosen = short[:wanted]
    taken = {number for number, _, _ in chosen}
    rows = [row(f"openai/grade-school-math:train:{number}", question, answer) for number, question, answer in chosen]
    return rows, [question for number, question, _ in problems if number not in taken]


def documents(pieces, separator="\n"):
    """Joins pieces, in order, to documents of about DOCUMENT_CHARS."""
    low, high = DOCUMENT_CHARS
    result, current = [], ""
    for piece in pieces:
        joined = current + separator + piece if current else piece
        if current and len(joined) > high:
            result.append(current)
            current = piece
        elif len(joined) >= low:
            result.append(joined)
            current = ""
        else:
            current = joined
    if current:
        result.append(current)
    return result


def nsmc(folder, rng):
    """Reviews of one sentiment share a document, so that its context means something."""
    by_label = {"0": [], "1": []}
    for line in (folder / "ko-nsmc/dev.tsv").read_text(encoding="utf-8").splitlines()[1:]:
        _, review, label = line.split("\t")
        if review.strip():
            by_label[label].append(review.strip())
    for reviews in by_label.values():
        rng.shuffle(reviews)
    return by_label


def constitution(folder):
    lines = (folder / "ko-law/constitution.txt").read_text(encoding="utf-8").splitlines()
    return [line.strip() for line in lines if line.strip()]


def botchan(folder):
    """The novel without Project Gutenberg's front and back matter, its hard line breaks undone."""
    text = (folder / "en-books/botchan.txt").read_text(encoding="utf-8-sig")
    text = text.split("*** START OF THIS PROJECT GUTENBERG EBOOK", 1)[1].split("\n", 2)[2]
    text = text.split("End of Project Gutenberg's", 1)[0]
    paragraphs, current = [], []
    for line in text.splitlines():
        current.append(line.strip())
        if len(line) < 55 and re.search(r"[.!?\"')\]]$", line):  # a short last line ends its paragraph
            paragraphs.append(" ".join(current))
            current = []
    paragraphs.append(" ".join(current))
    pieces = []
    for paragraph in filter(None, paragraphs):
        if len(paragraph) <= DOCUMENT_CHARS[1]:
            pieces.append(paragraph)
        else:
            pieces += documents(re.split(r"(?<=[.!?]) +", paragraph), " ")
    return pieces


def shakespeare(folder):
    text = (folder / "en-shakespeare/tinyshakespeare.txt").read_text(encoding="utf-8")
    pieces = []
    for speech in filter(None, (part.strip() for part in text.split("\n\n"))):
        pieces += [speech] if len(speech) <= DOCUMENT_CHARS[1] else documents(speech.split("\n"))
    return pieces


def without(pieces, taken):
    """The pieces that are no message of the instruction set."""
    return [piece for piece in pieces if normalised(piece) not in taken]


def assert_disjoint(rows, corpora):
    lines, everything = set(), []
    for texts in corpora.values():
        for text in texts:
            lines.update(normalised(line) for line in text.split("\n"))
            everything.append(normalised(text))
    haystack = "\n".join(everything)
    for entry in rows:
        for message in entry["messages"]:
            needle = normalised(message["content"])
            assert needle not in lines, f"{entry['source']}: {needle!r} is a line of a corpus"
            assert len(needle) < OVERLAP_CHARS or needle not in haystack, f"{entry['source']}: {needle!r} is in a corpus"


def write_lines(path, entries):
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w", encoding="utf-8", newline="\n") as file:
        for entry in entries:
            file.write(json.dumps(entry, ensure_ascii=False, separators=(",", ":")) + "\n")
    print(f"{path}: {len(entries):,} lines, {path.stat().st_size:,} bytes")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("datasets", type=Path)
    parser.add_argument("--output", type=Path, default=Path(__file__).resolve().parent.parent / "demo/data")
    parser.add_argument("--seed", type=int, default=42)
    arguments = parser.parse_args()
    folder, rng = arguments.datasets, random.Random(arguments.seed)

    rows = korean_rows(folder, rng)
    english = self_instruct_rows(folder)
    problems, unused_questions = gsm8k(folder, ENGLISH_ROWS - len(english), rng)
    rows += english + problems
    rng.shuffle(rows)

    taken = {normalised(message["content"]) for entry in rows for message in entry["messages"]}
    reviews = nsmc(folder, rng)
    corpora = {
        "nsmc": [doc for label in ("0", "1") for doc in documents(without(reviews[label], taken))],
        "constitution": documents(constitution(folder)),
        "botchan": documents(botchan(folder)),
        "shakespeare": documents(shakespeare(folder), "\n\n"),
        "gsm8k_questions": documents(without(unused_questions, taken), "\n\n"),
    }
    assert_disjoint(rows, corpora)

    write_lines(arguments.output / "instructions.jsonl", rows)
    for name, texts in corpora.items():
        write_lines(arguments.output / f"pretrain/{name}.jsonl", [{"text": text} for text in texts])


if __name__ == "__main__":
    main()
