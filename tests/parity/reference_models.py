"""Random checkpoints of every supported shape, written by transformers, for the parity tests."""
import torch
from transformers import (GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM, OPTConfig, OPTForCausalLM, Qwen2Config,
                          Qwen2ForCausalLM)

ROPES = {
    "default": None,
    "linear": {"rope_type": "linear", "factor": 2.0},
    "dynamic": {"rope_type": "dynamic", "factor": 2.0},
    "yarn": {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 32},
    "llama3": {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
               "original_max_position_embeddings": 32},
}




def written(model, folder):
    """`model` in `folder`, with norms and biases that show in the logits."""
    for name, parameter in model.named_parameters():
        if parameter.dim() == 1:
            parameter.data += 0.3 * torch.randn_like(parameter)
    model.save_pretrained(folder)
    return model.eval()


def llama(folder, rope="default", classes=(LlamaConfig, LlamaForCausalLM), **overrides):
    """A random Llama in `folder`; returns the transformers model. Weights are wide enough that a wrong
    operation shows in the logits."""
    torch.manual_seed(7)
    settings = dict(vocab_size=199, hidden_size=48, intermediate_size=112, num_hidden_layers=3, num_attention_heads=6,
                    num_key_value_heads=2, max_position_embeddings=64, rms_norm_eps=1e-5, tie_word_embeddings=False,
                    bos_token_id=1, eos_token_id=2, initializer_range=0.15)
    settings.update(overrides)
    parameters = {"rope_theta": 10000.0, **(ROPES[rope] or {"rope_type": "default"})}
    return written(classes[1](classes[0](rope_parameters=parameters, **settings)), folder)


def qwen2(folder, **overrides):
    return llama(folder, classes=(Qwen2Config, Qwen2ForCausalLM), **overrides)


def gpt2(folder, **overrides):
    torch.manual_seed(7)
    names = {"max_position_embeddings": "n_positions", "num_hidden_layers": "n_layer", "hidden_size": "n_embd"}
    settings = dict(vocab_size=199, n_embd=48, n_layer=3, n_head=6, n_positions=64, bos_token_id=1, eos_token_id=2,
                    initializer_range=0.15)
    settings.update({names.get(key, key): value for key, value in overrides.items()})
    return written(GPT2LMHeadModel(GPT2Config(**settings)), folder)


def opt(folder, initializer_range=0.15, **overrides):
    torch.manual_seed(7)
    settings = dict(vocab_size=199, hidden_size=48, ffn_dim=112, num_hidden_layers=3, num_attention_heads=6,
                    max_position_embeddings=64, bos_token_id=2, eos_token_id=2, pad_token_id=1, init_std=initializer_range)
    settings.update(overrides)
    return written(OPTForCausalLM(OPTConfig(**settings)), folder)


FAMILIES = {"llama": llama, "qwen2": qwen2, "gpt2": gpt2, "opt": opt}
