"""A run that is killed at random moments and resumed gives the losses and weights of an unbroken one, bit for bit."""
import json
import os
import random
import signal
import subprocess
import time

from parity import reference_models, small_tokenizer

HONE = os.environ["HONE"]
STEPS = 24


def write_chats(path, count, words_between, seed):
    rng = random.Random(seed)
    with path.open("w") as file:
        for i in range(count):
            words = " ".join(rng.choice(["하나", "둘", "셋", "one", "two", "three"]) for _ in range(rng.randrange(*words_between)))
            file.write(json.dumps({"messages": [{"role": "user", "content": f"{i}: {words}"}, {"role": "assistant", "content": words[::-1]}]}) + "\n")
    return path


def make(tmp_path):
    folder = tmp_path / "model"
    reference_models.llama(folder, vocab_size=small_tokenizer.VOCABULARY, hidden_size=96, intermediate_size=256, num_hidden_layers=4,
                           max_position_embeddings=512)
    small_tokenizer.write(folder)
    data = write_chats(tmp_path / "data.jsonl", 150, (3, 30), seed=3)
    config = tmp_path / "config.yaml"
    config.write_text(f"""
model: {{name_or_path: {folder}, compute_dtype: float32}}
data: {{train: {data}, validation: 0.1, max_length: 192}}
lora: {{r: 4, lora_dropout: 0.1}}
training: {{output_dir: OUT, max_steps: {STEPS}, per_device_train_batch_size: 2, gradient_accumulation_steps: 2, learning_rate: 1.0e-3,
  logging_steps: 1, eval_steps: 6, save_steps: 3, save_total_limit: 2}}
""")
    return config


def command(config, output, *extra):
    return [HONE, "train", str(config), f"training.output_dir={output}", "--json", *extra]


def curve(output, every=1):
    lines = [json.loads(line) for line in (output / "metrics.jsonl").read_text().splitlines()]
    timeless = [{k: v for k, v in line.items() if k not in ("wall_time", "tokens_per_second", "peak_memory_bytes")} for line in lines]
    assert [l["step"] for l in timeless if "loss" in l] == list(range(every, STEPS + 1, every)), "each step is logged exactly once"
    return timeless


def kill_and_go_on(tmp_path, config, trials, every=1):
    whole = tmp_path / "whole"
    begin = time.time()
    subprocess.run(command(config, whole), check=True, capture_output=True)
    duration = time.time() - begin
    expected = curve(whole, every)

    rng = random.Random(11)
    for trial in range(trials):
        broken = tmp_path / f"broken-{trial}"
        kills = 0
        for attempt in range(12):
            process = subprocess.Popen(command(config, broken, "--resume"), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            try:
                process.wait(timeout=rng.uniform(0.2, 1.0) * duration if attempt < 6 else None)
                assert process.returncode == 0, process.stderr.read().decode()
                break
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGKILL)
                process.wait()
                kills += 1
        assert process.returncode == 0
        assert curve(broken, every) == expected, f"after {kills} kills"
        assert (broken / "adapter_model.safetensors").read_bytes() == (whole / "adapter_model.safetensors").read_bytes()
        leftovers = [p.name for p in broken.iterdir() if p.name.startswith(".")]
        assert not [n for n in leftovers if not n.startswith(".checkpoint") and not n.startswith(".best")], leftovers


def test_kill_at_random_moments(tmp_path):
    kill_and_go_on(tmp_path, make(tmp_path), trials=4)


def write_pairs(path, count, seed):
    rng = random.Random(seed)
    with path.open("w") as file:
        for i in range(count):
            words = [" ".join(rng.choice(["하나", "둘", "셋", "one", "two", "three"]) for _ in range(rng.randrange(1, 12))) for _ in range(2)]
            file.write(json.dumps({"prompt": [{"role": "user", "content": f"{i}: {words[0]}"}], "chosen": [{"role": "assistant", "content": words[0][::-1]}],
                                   "rejected": [{"role": "assistant", "content": f"{words[1]}?"}]}) + "\n")


def test_kill_while_learning_preferences(tmp_path):
    """The reference of a continued run is the start of the first one, also where the start is an adapter of its own, with dropout."""
    config = make(tmp_path)
    subprocess.run(command(config, tmp_path / "adapter", "training.max_steps=4"), check=True, capture_output=True)
    write_pairs(tmp_path / "data.jsonl", 100, seed=5)
    lora = f"lora: {{adapter_name_or_path: {tmp_path / 'adapter'}}}"
    config.write_text(config.read_text().replace("lora: {r: 4, lora_dropout: 0.1}", lora + "\nobjective: dpo\ndpo: {beta: 0.5, disable_dropout: false}")
                      .replace("logging_steps: 1", "logging_steps: 2, per_device_eval_batch_size: 3"))
    kill_and_go_on(tmp_path, config, trials=2, every=2)  # a line may hold steps from before and after a kill


def test_interrupt_saves_and_says_how_to_go_on(tmp_path):
    config = make(tmp_path)
    output = tmp_path / "run"
    process = subprocess.Popen(command(config, output), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    while not (output / "metrics.jsonl").exists() or not (output / "metrics.jsonl").read_text():
        time.sleep(0.02)
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 130
    assert "--resume" in errors and "saved" in errors
    subprocess.run(command(config, output, "--resume"), check=True, capture_output=True)
    whole = tmp_path / "whole"
    subprocess.run(command(config, whole), check=True, capture_output=True)
    assert curve(output) == curve(whole)


def test_a_continuation_of_another_run_is_refused(tmp_path):
    config = make(tmp_path)
    output = tmp_path / "run"
    subprocess.run(command(config, output, "training.max_steps=6"), check=True, capture_output=True)
    again = subprocess.run(command(config, output), capture_output=True, text=True)
    assert again.returncode == 2 and "--resume" in again.stderr
    other = subprocess.run(command(config, output, "--resume", "training.learning_rate=0.5"), capture_output=True, text=True)
    assert other.returncode == 2 and "other data or settings" in other.stderr


def test_saving_by_the_clock_keeps_the_newest_alone(tmp_path):
    config = make(tmp_path)
    whole, output = tmp_path / "whole", tmp_path / "run"
    subprocess.run(command(config, whole, "training.save_strategy=no", "training.eval_strategy=no"), check=True, capture_output=True)
    assert not list(whole.glob("checkpoint-*"))
    (output / "checkpoint-1000").mkdir(parents=True)  # what somebody keeps without the state of training is nobody's to remove
    (output / "checkpoint-1000/adapter_model.safetensors").write_bytes(b"mine")
    clock = ["training.eval_strategy=no", "training.save_seconds=0.05", "--resume"]
    process = subprocess.Popen(command(config, output, "training.save_strategy=no", *clock), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    until = time.monotonic() + 300
    while not list(output.glob("checkpoint-*/trainer_state.json")):
        assert time.monotonic() < until and process.poll() is None
        time.sleep(0.001)
    process.kill()
    process.wait()
    assert len(list(output.glob("checkpoint-*/trainer_state.json"))) in (1, 2)
    begun = subprocess.run(command(config, output, "training.save_strategy=steps", "training.save_steps=10", *clock), check=True, capture_output=True, text=True)
    assert "resuming from" in begun.stderr
    assert curve(output) == curve(whole)
    assert sorted(path.name for path in output.glob("checkpoint-*")) == ["checkpoint-1000", "checkpoint-20", "checkpoint-24"]
    assert not list(output.glob(".checkpoint-*"))
