"""Writes the golden files of this folder with the reference library (safetensors 0.8.0, torch 2.11).

Run in the environment of reference libraries: python tests/data/safetensors/make.py
"""
import pathlib

import torch
from safetensors.torch import save_file

HERE = pathlib.Path(__file__).parent
TYPES = [torch.bool, torch.uint8, torch.int8, torch.float8_e5m2, torch.float8_e4m3fn, torch.int16,
         torch.float16, torch.bfloat16, torch.int32, torch.float32, torch.float64, torch.int64]

tensors = {}
for i, dtype in enumerate(TYPES):
    tensors[f"b.{i}"] = torch.tensor([0, 1, 2], dtype=torch.float32).to(dtype)
    tensors[f"a.{i}"] = torch.tensor([[1, 0]], dtype=torch.float32).to(dtype)
tensors['이름 "\\\n\x01/é'] = torch.tensor(1.5)
tensors["empty"] = torch.zeros(0, 3)
save_file(tensors, HERE / "every_type.safetensors", {"format": "pt"})
save_file({}, HERE / "nothing.safetensors")
save_file({"w": torch.arange(6, dtype=torch.float32).reshape(2, 3)}, HERE / "no_metadata.safetensors")
