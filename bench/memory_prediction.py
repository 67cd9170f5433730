#!/usr/bin/env python3
"""What `hone estimate` predicts of a run's peak memory against what the system counts (VmHWM), for the shapes of tests/e2e/test_estimate.py.

    build/python-oracles/bin/python bench/memory_prediction.py [--write]
"""
import argparse, datetime, json, os, pathlib, subprocess, sys, tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
os.environ.setdefault("HONE", f"{ROOT}/build/release/hone")
sys.path.insert(0, str(ROOT / "tests"))
from e2e import test_estimate as cases  # noqa: E402
from parity import reference_models, small_tokenizer  # noqa: E402


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lengths", nargs="+", type=int, default=cases.LENGTHS)
    parser.add_argument("--write", action="store_true", help="write bench/results/memory_prediction.md")
    options = parser.parse_args()
    lines, worst, machine = [], 0, ""
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        for shape, settings in cases.SHAPES.items():
            reference_models.llama(folder / shape, max_position_embeddings=2048, initializer_range=0.02, **settings)
            small_tokenizer.write(folder / shape)
            for method in cases.METHODS:
                for length in options.lengths:
                    run = folder / f"{shape}-{method}-{length}"
                    run.mkdir()
                    config = cases.config_for(run, folder / shape, method, length)
                    planned, done = cases.compare(config)
                    other = subprocess.run([os.environ["HONE"], "train", config, f"training.output_dir={run}/malloc", "--json"], check=True,
                                           capture_output=True, text=True, env={**os.environ, "HONE_ALLOCATOR": "malloc"})
                    other = json.loads(other.stdout)["peak_memory_bytes"]
                    memory, measured, machine = planned["memory"], done["peak_memory_bytes"], planned["machine"]
                    worst = max(worst, abs(memory["peak"] / measured - 1))
                    classes = " · ".join(f"{name} {memory[name] / 2**20:.0f}" for name in
                                         ("weights", "adapters", "gradients", "optimizer", "activations", "loss", "reference", "program") if memory[name])
                    lines.append(f"| {shape} | {method} | {length} | {memory['peak'] / 2**20:.0f} | {measured / 2**20:.0f} | {100 * (memory['peak'] / measured - 1):+.1f}% | {other / 2**20:.0f} | {classes} |")
                    print(lines[-1], flush=True)
                    subprocess.run(["rm", "-rf", run], check=True)
    text = "\n".join([
        "# Memory of a run: predicted before, measured after", "",
        f"{datetime.date.today()} · {machine} · `bench/memory_prediction.py {' '.join(sys.argv[1:])}`", "",
        f"MiB. A step is two rows (dpo: one pair) of the given length. The shapes are those of `tests/e2e/test_estimate.py`. Furthest apart: {100 * worst:.1f}%. "
        "The last figure before the classes is the same run with the system's allocator in place of hone's heap.", "",
        "| shape | method | length | predicted | measured | apart | measured with malloc | of it |", "|---|---|---|---|---|---|---|---|", *lines, ""])
    if options.write:
        (ROOT / "bench/results/memory_prediction.md").write_text(text)


if __name__ == "__main__":
    main()
