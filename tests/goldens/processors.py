"""Writes tests/data/generate/processors.json: scores after transformers' own LogitsProcessorList.

    build/python-oracles/bin/python tests/goldens/processors.py > tests/data/generate/processors.json

Scores that were ruled out are null. Made with transformers 5.23.0, torch 2.11.0.
"""
import json

import torch
from transformers import (LogitsProcessorList, MinPLogitsWarper, RepetitionPenaltyLogitsProcessor,
                          TemperatureLogitsWarper, TopKLogitsWarper, TopPLogitsWarper)

MAKERS = {
    "repetition_penalty": RepetitionPenaltyLogitsProcessor,
    "temperature": TemperatureLogitsWarper,
    "top_k": TopKLogitsWarper,
    "top_p": TopPLogitsWarper,
    "min_p": MinPLogitsWarper,
}
CASES = [
    {"temperature": 1.0},
    {"temperature": 0.7},
    {"temperature": 1.6},
    {"temperature": 1.0, "top_k": 1},
    {"temperature": 1.0, "top_k": 7},
    {"temperature": 1.0, "top_k": 500},
    {"temperature": 1.0, "top_p": 0.0},
    {"temperature": 1.0, "top_p": 0.3},
    {"temperature": 1.0, "top_p": 0.9},
    {"temperature": 0.5, "top_p": 0.999},
    {"temperature": 1.0, "min_p": 0.05},
    {"temperature": 1.3, "min_p": 1.0},
    {"temperature": 1.0, "repetition_penalty": 1.3},
    {"temperature": 1.0, "repetition_penalty": 0.8},
    {"temperature": 0.8, "top_k": 40, "top_p": 0.95},
    {"temperature": 0.8, "top_k": 40, "top_p": 0.95, "min_p": 0.02, "repetition_penalty": 1.2},
]


def chain(case):
    # The order of GenerationMixin._get_logits_processor.
    return LogitsProcessorList([MAKERS[name](case[name]) for name in MAKERS
                                if name in case and not (name == "temperature" and case[name] == 1.0)])


def main():
    torch.manual_seed(11)
    vocabulary = 200
    ids = torch.randint(0, vocabulary, (30,))
    rows = {
        "wide": torch.randn(vocabulary) * 3,
        "flat": torch.randn(vocabulary) * 0.2,
        # Half precision gives many equal scores, at the borders of top_k and top_p too.
        "ties": (torch.randn(vocabulary) * 2).round() / 2,
        "peaked": torch.randn(vocabulary) + torch.nn.functional.one_hot(torch.tensor(17), vocabulary) * 30,
    }
    document = {"ids": ids.tolist(), "rows": {name: row.tolist() for name, row in rows.items()}, "cases": []}
    for case in CASES:
        for name, row in rows.items():
            scores = chain(case)(ids[None], row[None].clone())[0]
            document["cases"].append({"options": case, "row": name,
                                      "scores": [None if s == float("-inf") else s for s in scores.tolist()]})
    print(json.dumps(document))


main()
