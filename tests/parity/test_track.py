"""What the trackers write, read by TensorBoard itself, by csv and by json."""
import csv
import json
import math
import os
import pathlib
import subprocess

import numpy
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.backend.event_processing.event_file_loader import RawEventFileLoader
from tensorboard.util import tensor_util

WRITER = pathlib.Path(os.environ["HONE"]).parent / "tests" / "hone_track_sample"


def write(folder, lines, *resume):
    return subprocess.run([WRITER, folder, *map(str, resume)], input="\n".join(lines) + "\n", text=True).returncode


def events(folder):
    accumulator = EventAccumulator(str(folder), size_guidance={"scalars": 0, "tensors": 0})
    accumulator.Reload()
    return accumulator


def test_scalars_and_texts(tmp_path):
    values = {step: 3.0 / (step + 1) for step in range(0, 3000, 7)}
    lines = [f"scalar {step} train/loss {value!r} 손실 {-value!r}" for step, value in values.items()]
    assert write(tmp_path, lines + ["text 5 samples 파인튜닝의 주요 이점은 …", "text 6 samples b"]) == 0
    read = events(tmp_path)
    assert sorted(read.Tags()["scalars"]) == ["train/loss", "손실"]
    for tag, sign in [("train/loss", 1), ("손실", -1)]:
        rows = read.Scalars(tag)
        assert [(row.step, row.value) for row in rows] == [(s, float(numpy.float32(sign * v))) for s, v in values.items()]
        assert [row.wall_time for row in rows] == [1.7e9 + step for step in values]
    texts = read.Tensors("samples")
    assert [row.step for row in texts] == [5, 6]
    assert tensor_util.make_ndarray(texts[0].tensor_proto)[0].decode() == "파인튜닝의 주요 이점은 …"
    assert read.SummaryMetadata("samples").plugin_data.plugin_name == "text"


def test_values_without_a_number(tmp_path):
    assert write(tmp_path, ["scalar 1 x nan", "scalar 2 x inf", "scalar 3 x -inf", "scalar 4 x 1e300", "scalar 5 x 1e-300"]) == 0
    values = [row.value for row in events(tmp_path).Scalars("x")]
    assert math.isnan(values[0]) and values[1:] == [math.inf, -math.inf, math.inf, 0.0]
    rows = [json.loads(line, parse_constant=lambda name: pytest.fail(name))
            for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert [row["x"] for row in rows] == ["NaN", "Infinity", "-Infinity", 1e300, 1e-300]
    with (tmp_path / "metrics.csv").open(newline="") as file:
        table = list(csv.DictReader(file))
    assert math.isnan(float(table[0]["value"]))
    assert [float(row["value"]) for row in table[1:]] == [math.inf, -math.inf, 1e300, 1e-300]


def test_resuming_after_a_kill_shows_no_step_twice(tmp_path):
    first = [f"scalar {step} loss {step}" for step in range(1, 31)]
    assert write(tmp_path, first + ["kill 0"]) == -9
    assert len((tmp_path / "metrics.jsonl").read_text().splitlines()) == 30  # nothing logged is lost
    assert write(tmp_path, [f"scalar {step} loss {-step}" for step in range(21, 41)], 20) == 0
    expected = [(step, float(step if step <= 20 else -step)) for step in range(1, 41)]
    assert len(list(tmp_path.glob("events.out.tfevents.*"))) == 2
    assert [(row.step, row.value) for row in events(tmp_path).Scalars("loss")] == expected
    rows = map(json.loads, (tmp_path / "metrics.jsonl").read_text().splitlines())
    assert [(row["step"], row["loss"]) for row in rows] == expected
    with (tmp_path / "metrics.csv").open(newline="") as file:
        assert [(int(row["step"]), float(row["value"])) for row in csv.DictReader(file)] == expected


def test_torn_event_file_keeps_its_whole_records(tmp_path):
    assert write(tmp_path, [f"scalar {step} loss {step}" for step in range(1, 6)]) == 0
    [file] = tmp_path.glob("events.out.tfevents.*")
    file.write_bytes(file.read_bytes()[:-3])
    assert len(list(RawEventFileLoader(str(file)).Load())) == 5  # the version and four rows
    assert [row.step for row in events(tmp_path).Scalars("loss")] == [1, 2, 3, 4]
