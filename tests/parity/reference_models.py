"""Random checkpoints of every supported shape, written by transformers, for the parity tests."""
import torch
from transformers import LlamaConfig, LlamaForCausalLM

ROPES = {
    "default": None,
    "linear": {"rope_type": "linear", "factor": 2.0},
    "dynamic": {"rope_type": "dynamic", "factor": 2.0},
    "yarn": {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 32},
    "llama3": {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
               "original_max_position_embeddings": 32},
}


def llama(folder, rope="default", **overrides):
    """A random Llama in `folder`; returns the transformers model. Weights are wide enough that a wrong
    operation shows in the logits."""
    torch.manual_seed(7)
    settings = dict(vocab_size=199, hidden_size=48, intermediate_size=112, num_hidden_layers=3, num_attention_heads=6,
                    num_key_value_heads=2, max_position_embeddings=64, rms_norm_eps=1e-5, tie_word_embeddings=False,
                    bos_token_id=1, eos_token_id=2, initializer_range=0.15)
    settings.update(overrides)
    parameters = {"rope_theta": 10000.0, **(ROPES[rope] or {"rope_type": "default"})}
    model = LlamaForCausalLM(LlamaConfig(rope_parameters=parameters, **settings)).eval()
    for name, parameter in model.named_parameters():
        if "norm" in name or name.endswith("bias"):
            parameter.data += 0.3 * torch.randn_like(parameter)
    model.save_pretrained(folder)
    return model
