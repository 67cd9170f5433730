"""`hone ab` as a shell meets it."""
import json
import os
import subprocess

import pytest

HONE = os.environ["HONE"]
SPLIT = ["--split", "control=0.5", "--split", "treatment=0.5"]


def hone(*arguments, **options):
    return subprocess.run([HONE, "ab", *map(str, arguments)], capture_output=True, text=True, timeout=60, **options)


def write(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def test_assign_is_the_documented_rule():
    xxhash = pytest.importorskip("xxhash")
    users = [f"user_{i}" for i in range(50)] + ["사용자 7", ""]
    done = hone("assign", "--experiment", "tone", "--split", "a=0.2", "--split", "b=0.5", "--split", "c=0.3", "--json",
                input="".join(user + "\n" for user in users))
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert [row["user"] for row in rows] == users
    for row in rows:
        fraction = (xxhash.xxh3_64_intdigest(f"tone:{row['user']}".encode()) >> 11) / 2**53
        assert row["fraction"] == fraction
        assert row["variant"] == "abc"[(fraction >= 0.2) + (fraction >= 0.7)]


@pytest.mark.parametrize("split, said", [(["a=0.5", "b=0.4"], "sum to 0.9"), (["a=0.5", "a=0.5"], "twice"), (["a"], "NAME=NUMBER"),
                                         (["a=2", "b=-1"], "share of")])
def test_splits_that_are_none_are_refused(split, said):
    done = hone("assign", *[word for one in split for word in ("--split", one)], "user")
    assert done.returncode == 2 and said in done.stderr


def test_result_with_a_guard_rail(tmp_path):
    rows = [{"variant": name, "thumbs": i % 10 < ups, "latency_ms": ms + i % 7, "user": f"{name}{i}"}
            for name, ups, ms in (("control", 5, 100), ("treatment", 7, 130)) for i in range(600)]
    options = [write(tmp_path / "rows.jsonl", rows), *SPLIT, "--metric", "thumbs", "--metric", "latency_ms",
               "--lower-is-better", "latency_ms"]
    free = json.loads(hone("result", *options, "--json", "--lang", "en").stdout)
    assert free["verdict"] == "winner" and free["winner"] == "treatment" and free["variants"]["control"]["users"] == 600
    guarded = json.loads(hone("result", *options, "--guard", "latency_ms=0.1", "--json", "--lang", "en").stdout)
    assert guarded["verdict"] == "roll_back"
    assert guarded["treatments"]["treatment"]["guard_rails"]["latency_ms"]["state"] == "breached"
    korean = hone("result", *options, "--guard", "latency_ms=0.1", "--lang", "ko")
    assert korean.returncode == 0 and "되돌려야 합니다" in korean.stdout and "가드레일 latency_ms" in korean.stdout


def test_rows_of_one_user_are_told(tmp_path):
    rows = [{"variant": "control", "thumbs": True, "user": "one"}] * 3 + [{"variant": "treatment", "thumbs": False}]
    done = hone("result", write(tmp_path / "rows.jsonl", rows), *SPLIT, "--metric", "thumbs", "--json")
    assert "2 rows are of users seen before" in done.stderr
    assert json.loads(done.stdout)["variants"]["control"]["users"] == 1


@pytest.mark.parametrize("line, said", [('{"variant": "other", "thumbs": true}', "not in --split"), ('{"thumbs": true}', "no variant"),
                                        ('{"variant": "control", "thumbs": "yes"}', "neither true, false nor a number"),
                                        ("{", "rows.jsonl:2")])
def test_bad_rows_are_named(tmp_path, line, said):
    file = tmp_path / "rows.jsonl"
    file.write_text('{"variant": "control", "thumbs": true}\n' + line + "\n")
    done = hone("result", file, *SPLIT, "--metric", "thumbs")
    assert done.returncode == 2 and said in done.stderr and "rows.jsonl:2" in done.stderr


def test_size():
    size = json.loads(hone("size", "--rate", 0.5, "--to", 0.75, "--power", 0.9, "--json").stdout)
    assert size["per_variant"] == 77 < size["per_variant_anytime"]
    assert "63 users a variant" in hone("size", "--difference", 0.5, "--deviation", 1, "--lang", "en").stdout
    assert hone("size", "--rate", 0.5).returncode == 2
