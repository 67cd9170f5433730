"""What a person sees when something is wrong: place, what was expected, how to mend it; nothing half-written."""
import json
import os
import resource
import subprocess

import pytest

from parity import reference_models, small_tokenizer

HONE = os.environ["HONE"]


@pytest.fixture(scope="module")
def ready(tmp_path_factory):
    folder = tmp_path_factory.mktemp("errors")
    reference_models.llama(folder / "model", vocab_size=small_tokenizer.VOCABULARY)
    small_tokenizer.write(folder / "model")
    rows = [{"messages": [{"role": "user", "content": f"질문 {i}번?"}, {"role": "assistant", "content": "네, 그렇습니다."}]} for i in range(30)]
    (folder / "good.jsonl").write_text("".join(json.dumps(r, ensure_ascii=False) + "\n" for r in rows))
    return folder


def train(ready, tmp_path, data="good.jsonl", text=None, **options):
    path = ready / data
    if text is not None:
        path = tmp_path / "data.jsonl"
        path.write_text(text)
    config = tmp_path / "config.yaml"
    config.write_text(f"model: {{name_or_path: {options.pop('model', ready / 'model')}}}\ndata: {{train: {path}}}\n"
                      f"training: {{output_dir: {tmp_path / 'run'}, max_steps: 4, logging_steps: 1, save_strategy: 'no'{options.pop('more', '')}}}\n"
                      + options.pop("extra", ""))
    return subprocess.run([HONE, "train", str(config), *options.pop("arguments", [])], capture_output=True, text=True, **options)


def good_lines(ready):
    return (ready / "good.jsonl").read_text().splitlines(keepends=True)


def test_malformed_json_names_the_line(ready, tmp_path):
    lines = good_lines(ready)
    lines[6] = lines[6].replace('"role"', 'role', 1)
    result = train(ready, tmp_path, text="".join(lines))
    assert result.returncode == 2 and "data.jsonl:7" in result.stderr
    assert not (tmp_path / "run" / "metrics.jsonl").exists()


def test_empty_answer_names_line_and_field(ready, tmp_path):
    lines = good_lines(ready)
    lines[11] = lines[11].replace("네, 그렇습니다.", "")
    result = train(ready, tmp_path, text="".join(lines))
    assert result.returncode == 2
    assert "data.jsonl:12" in result.stderr and "messages[1].content" in result.stderr and "fix:" in result.stderr


def test_bad_rows_can_be_left_out_and_are_kept_with_their_reasons(ready, tmp_path):
    lines = good_lines(ready)
    lines[3] = "not json\n"
    result = train(ready, tmp_path, text="".join(lines), arguments=["data.on_bad_record=skip"])
    assert result.returncode == 0, result.stderr
    rejected = [json.loads(line) for line in (tmp_path / "run" / "rejected.jsonl").read_text().splitlines()]
    assert [r["line"] for r in rejected] == [4] and rejected[0]["row"].startswith("not json")


def test_misspelt_keys_are_all_reported_with_suggestions(ready, tmp_path):
    result = train(ready, tmp_path, more=", learning_rte: 1.0e-3", extra="lora: {rank: 8, lora_alhpa: 3}\n")
    assert result.returncode == 2
    for word in ("learning_rte", "learning_rate", "lora_alhpa", "lora_alpha"):
        assert word in result.stderr


def test_unknown_target_module_lists_the_known(ready, tmp_path):
    result = train(ready, tmp_path, extra="lora: {target_modules: [q_prj]}\n")
    assert result.returncode == 2 and "q_proj" in result.stderr and "q_prj" in result.stderr


def test_missing_model_suggests_its_neighbour(ready, tmp_path):
    result = train(ready, tmp_path, model=ready / "modle")
    assert result.returncode == 2 and "modle" in result.stderr


def test_out_of_memory_is_said_plainly(ready, tmp_path):
    def limit():
        resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30))

    result = subprocess.run([HONE, "bench", "train", "--model", str(ready / "model"), "--lengths", ",".join(["512"] * 4000), "--steps", "1"],
                            capture_output=True, text=True, preexec_fn=limit)
    assert result.returncode == 1
    assert "out of memory" in result.stderr and "fix:" in result.stderr
    assert len(result.stderr.splitlines()) < 6, "no stack trace"


def test_full_disk_leaves_nothing_half_written(ready, tmp_path):
    if os.geteuid() != 0:
        pytest.skip("needs root to mount a small file system")
    disk = tmp_path / "run"
    disk.mkdir()
    script = f"mount -t tmpfs -o size=160k tmpfs {disk} && exec {HONE} train {tmp_path / 'config.yaml'} training.save_strategy=steps training.save_steps=2"
    train(ready, tmp_path, more="", arguments=["--dry-run"])
    result = subprocess.run(["unshare", "-m", "sh", "-c", script + f"; code=$?; ls -A {disk}; exit $code"], capture_output=True, text=True)
    if "unshare" in result.stderr or "mount:" in result.stderr:
        pytest.skip("this machine lets nobody mount: " + result.stderr.splitlines()[0])
    assert result.returncode == 1, result.stderr
    assert "No space left" in result.stderr and "fix:" in result.stderr
