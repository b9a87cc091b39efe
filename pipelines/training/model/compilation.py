"""Compile the repeated layers of a model, and nothing else.

    compile_parts(model)

A layer is compiled once and serves all layers of the model: with the whole model in one piece the wait grows with
the number of layers, and the steps are hardly faster (docs/measured/speed.md). The softmax of the loss is compiled
where it is, in `losses.py`.
"""

from __future__ import annotations

from typing import Any

from transformers import PreTrainedModel

from desdecero.pipelines.training.model.attention import BLOCKWISE

WITH_BLOCKWISE = ("gpt2", "llama", "qwen3", "bert", "modernbert")
"""Model types whose only attention is of queries and keys of one length."""


def compile_parts(model: PreTrainedModel, dynamic: bool = False) -> None:
    """Compile the layers of a model, in place.

    dynamic: whether batches differ in their length. Without it each length is a program of its own, and beyond eight of
    them torch runs a layer uncompiled.
    """
    layers = layer_classes(model)
    for module in model.modules():
        if type(module).__name__ in layers:
            module.compile(dynamic=dynamic)


def layer_classes(model: PreTrainedModel) -> tuple[str, ...]:
    """Return the names of the classes of a model's layers."""
    return tuple(model._no_split_modules or ())  # noqa: SLF001  # transformers names its layers nowhere else


def attend_blockwise(model: PreTrainedModel) -> None:
    """Switch to blockwise attention, if the model can use it.

    In bfloat16 it is faster than torch's kernel, compiled or not; in float32 only compiled (docs/measured/speed.md).
    """
    if takes_blockwise(model):
        model.set_attn_implementation(BLOCKWISE)


def takes_blockwise(model: PreTrainedModel) -> bool:
    """Return whether a model can use blockwise attention: a type of `WITH_BLOCKWISE` on a CPU, with neither dropout nor
    keys that heads share."""
    config: Any = model.config
    shared = getattr(config, "num_key_value_heads", config.num_attention_heads) != config.num_attention_heads
    dropout = any(
        getattr(config, name, 0.0) for name in ("attention_dropout", "attn_pdrop", "attention_probs_dropout_prob")
    )
    return config.model_type in WITH_BLOCKWISE and not shared and not dropout and model.device.type == "cpu"
