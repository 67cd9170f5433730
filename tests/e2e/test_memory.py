"""Memory of a long run levels off, though hardly two of its batches have the same size."""
import json
import subprocess

import pytest

from e2e.test_resume import HONE, write_chats
from parity import reference_models, small_tokenizer


@pytest.mark.parametrize("packing", ["true", "false"])
def test_peak_levels_off(tmp_path, packing):
    folder = tmp_path / "model"
    reference_models.llama(folder, vocab_size=small_tokenizer.VOCABULARY, hidden_size=96, intermediate_size=256, num_hidden_layers=2,
                           max_position_embeddings=1024)
    small_tokenizer.write(folder)
    write_chats(tmp_path / "data.jsonl", 1600, (2, 90), seed=5)
    (tmp_path / "config.yaml").write_text(f"""
model: {{name_or_path: {folder}, compute_dtype: bfloat16}}
data: {{train: {tmp_path}/data.jsonl, max_length: 512, packing: {packing}}}
lora: {{r: 4, lora_dropout: 0.1}}
training: {{output_dir: {tmp_path}/out, max_steps: 400, per_device_train_batch_size: 4, logging_steps: 50, save_strategy: "no"}}
""")
    subprocess.run([HONE, "train", tmp_path / "config.yaml", "--json"], check=True, capture_output=True)
    peaks = [json.loads(line)["peak_memory_bytes"] / 2**20 for line in (tmp_path / "out/metrics.jsonl").read_text().splitlines()]
    assert len(peaks) == 8
    # The matrix library keeps kernels by shape: without a bound on their number (hone's main.cpp) 40 to 180 MiB come.
    assert peaks[-1] - peaks[3] < 16, peaks
