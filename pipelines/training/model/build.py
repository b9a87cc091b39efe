"""Build a model with random weights from a recipe's `model` section, of plain transformers classes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from transformers import (
    AutoConfig,
    GenerationConfig,
    PretrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerFast,
)

from desdecero.eval_suites.models.decoding import TEMPERATURE, TOP_K
from desdecero.eval_suites.models.load import kind_of
from desdecero.pipelines import recipe as recipes
from desdecero.pipelines.common.errors import UserError
from desdecero.pipelines.recipe.architectures import SHAPED
from desdecero.pipelines.recipe.sizing import feed_forward_width
from desdecero.pipelines.training.devices.out_of_memory import is_out_of_memory

LONGEST_ANSWER = 128
"""Tokens that `generate` adds by default, at most; half of a context that is shorter than twice that."""


def build_config(settings: recipes.Model, tokenizer: PreTrainedTokenizerFast) -> PretrainedConfig:
    """Build the transformers configuration; token ids and vocabulary size come from the tokenizer.

    Raises `UserError` for a vocabulary or a context that the model has no room for.
    """
    values: dict[str, Any] = {
        "vocab_size": len(tokenizer),
        "bos_token_id": tokenizer.eos_token_id,  # a text begins where the one before it ended
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
        "tie_word_embeddings": settings.tie_embeddings,
        "max_position_embeddings": settings.context_length,
        **kind_of(settings.architecture).token_settings(tokenizer),
    }
    if settings.architecture in SHAPED:
        values |= _shape(settings, tokenizer)
    try:
        config = AutoConfig.for_model(settings.architecture, **{**values, **settings.overrides})
    except Exception as error:  # each class raises its own kinds when it checks its values
        raise _cannot_be_built(settings.architecture, error) from error
    if config.vocab_size < len(tokenizer):
        raise UserError(
            f"the tokenizer has {len(tokenizer):,} tokens and the model room for {config.vocab_size:,}: raise "
            "model.overrides.vocab_size, or leave it out"
        )
    if config.max_position_embeddings < settings.context_length:
        raise UserError(
            f"model.context_length {settings.context_length} is more than the {config.max_position_embeddings} "
            "positions of the model: lower it, or raise model.overrides.max_position_embeddings"
        )
    return config


def _shape(settings: recipes.Model, tokenizer: PreTrainedTokenizerFast) -> dict[str, Any]:
    """Return layers, widths and dropout under the names of the architecture's configuration."""
    head_size = settings.hidden_size // settings.heads
    feed_forward = settings.intermediate_size or feed_forward_width(settings.architecture, settings.hidden_size)
    sizes = {
        "num_hidden_layers": settings.layers,
        "hidden_size": settings.hidden_size,
        "num_attention_heads": settings.heads,
        "intermediate_size": feed_forward,
    }
    match settings.architecture:
        case "gpt2":
            sizes["n_inner"] = sizes.pop("intermediate_size")
            return sizes | dict.fromkeys(("resid_pdrop", "embd_pdrop", "attn_pdrop"), settings.dropout)
        case "llama" | "qwen3":
            own = {"num_key_value_heads": settings.heads, "head_dim": head_size, "attention_dropout": settings.dropout}
            return sizes | own
        case "modernbert":
            return sizes | {
                **dict.fromkeys(("attention_dropout", "embedding_dropout", "mlp_dropout"), settings.dropout),
                # The published window is 128 of 8,192 tokens; a quarter keeps short contexts from being all global.
                "local_attention": max(16, min(128, settings.context_length // 4)),
                "cls_token_id": tokenizer.eos_token_id,
                "sep_token_id": tokenizer.eos_token_id,
            }
        case "t5":  # version 1.1: gated units, no dropout, and scaled outputs where the embeddings are tied
            return {
                "num_layers": settings.layers,
                "d_model": settings.hidden_size,
                "num_heads": settings.heads,
                "d_kv": head_size,
                "d_ff": feed_forward,
                "feed_forward_proj": "gated-gelu",
                "dropout_rate": settings.dropout,
            }
    return sizes | {
        **dict.fromkeys(("hidden_dropout_prob", "attention_probs_dropout_prob"), settings.dropout),
        "type_vocab_size": 1,  # one segment: no next-sentence task (Liu et al. 2019, §4.2)
    }


def build_model(config: PretrainedConfig) -> PreTrainedModel:
    """Build a model with random weights in float32, drawn from torch's global generator.

    Raises `UserError` where transformers cannot build the configuration.
    """
    kind = kind_of(config.model_type)
    try:
        return kind.random_weights(config)
    except Exception as error:
        if is_out_of_memory(error):
            raise
        raise _cannot_be_built(config.model_type, error) from error


def _cannot_be_built(architecture: str, error: Exception) -> UserError:
    *_, what = str(error).strip().splitlines() or [type(error).__name__]
    return UserError(f"transformers cannot build a {architecture} of this shape ({what.strip()}): fix model.overrides")


def set_generation(model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast, context_length: int) -> None:
    """Set the defaults of plain `generate` in `generation_config.json`: sampling, at the project's temperature.

    A small model that takes the likeliest token each time soon repeats itself (Holtzman et al. 2020). Half of the
    context is left to the prompt, so that the defaults never pass the last position. A masked model has no such file.
    """
    if not model.can_generate():
        return
    config: Any = model.config
    new_config: Callable[..., GenerationConfig] = GenerationConfig  # transformers leaves its constructor untyped
    model.generation_config = new_config(
        do_sample=True,
        temperature=TEMPERATURE,
        top_k=TOP_K,
        max_new_tokens=min(LONGEST_ANSWER, max(1, context_length // 2)),
        bos_token_id=tokenizer.eos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        decoder_start_token_id=getattr(config, "decoder_start_token_id", None),
    )


@torch.no_grad()
def zero_init_residual_outputs(model: PreTrainedModel) -> None:
    """Zero the matrices with which layers write to the residual stream, for architectures built like Llama.

    Each layer starts as the identity and learns at once what to add (Zhang et al. 2019, "Fixup", §2); measured in
    docs/measured/speed.md.
    """
    if model.config.model_type in ("llama", "qwen3"):
        for name, parameter in model.named_parameters():
            if name.endswith(("o_proj.weight", "down_proj.weight")):
                parameter.zero_()


def has_dropout(model: PreTrainedModel) -> bool:
    """Return whether a model's configuration has a dropout above 0."""
    return any("drop" in name and value for name, value in model.config.to_dict().items())


def count_parameters(model: PreTrainedModel) -> tuple[int, int]:
    """Count (all parameters, those outside embeddings and the output layer); tied weights count once."""
    every, tables = {id(p): p.numel() for p in model.parameters()}, table_ids(model)
    return sum(every.values()), sum(count for key, count in every.items() if key not in tables)


def product_shapes(model: PreTrainedModel) -> Counter[tuple[int, int]]:
    """Count the matrices that multiply an activation, the output layer's included, by (inputs, outputs)."""
    tables, head = table_ids(model), output_layer(model)
    matrices = [p for p in model.parameters() if p.ndim == 2 and id(p) not in tables]
    return Counter((matrix.shape[1], matrix.shape[0]) for matrix in (*matrices, *([head.weight] if head else [])))


def training_flops_per_token(
    model: PreTrainedModel, context_length: int, target_length: int = 0, each_weight: float = 6.0
) -> float:
    """Count forward and backward floating-point operations for one token of a full sequence.

    6 per weight that multiplies an activation (Kaplan et al. 2020, §2.1), or `each_weight`, the output layer
    included, plus attention's 12 · layers · width · context, halved for causal models, whose kernels skip the upper
    triangle (Dao 2023, §3.1). For an encoder–decoder: for one token that the encoder reads, when the decoder writes
    `target_length` tokens for every `context_length` of them.
    """
    config: Any = model.config
    output = output_layer(model)
    head = output.weight.numel() if output else 0
    _, inner = count_parameters(model)
    heads = config.num_attention_heads
    width: int = heads * (getattr(config, "head_dim", None) or config.hidden_size // heads)
    square: float = 12.0 * config.num_hidden_layers * width * context_length
    if not config.is_encoder_decoder or output is None:  # with a head for labels, a decoder reads all tokens again
        return each_weight * (inner + head) + square * kind_of(config.model_type).attended_share
    encoder = _inner(model.get_encoder())
    layers = getattr(config, "num_decoder_layers", None) or getattr(config, "decoder_layers", config.num_hidden_layers)
    crossed = 2 * layers * config.hidden_size * width  # keys and values that the decoder makes of what was encoded
    written = target_length / context_length
    decoder: float = each_weight * (inner - encoder - crossed + head) + 12.0 * layers * width * (
        0.5 * target_length + context_length
    )
    total: float = each_weight * (encoder + crossed) + square + written * decoder
    return total


def output_layer(model: PreTrainedModel) -> nn.Linear | None:
    """Return the layer that makes logits of hidden states; None for a model with a head for labels."""
    get: Callable[[], nn.Linear | None] = model.get_output_embeddings  # transformers leaves it untyped
    return get()


def table_ids(model: PreTrainedModel) -> set[int]:
    """Return the `id` of each parameter that is looked up rather than multiplied with (words, positions, segments, T5's
    relative distances), and of the output layer's, if there is one."""
    output = output_layer(model)
    return _embedding_ids(model) | {id(p) for p in (output.parameters() if output else ())}


def _embedding_ids(module: nn.Module) -> set[int]:
    return {id(p) for m in module.modules() if isinstance(m, nn.Embedding) for p in m.parameters()}


def _inner(module: nn.Module) -> int:
    """Count the parameters outside embeddings."""
    tables = _embedding_ids(module)
    return sum(p.numel() for p in module.parameters() if id(p) not in tables)
