"""Frozen weights in 4 bits, under a low-rank change that is trained: QLoRA (Dettmers et al. 2023, sections 2 and 3).

Every linear layer but the output's keeps its matrix as 4-bit NormalFloat in blocks of 64, whose scales are quantized
again; it is read back for each multiplication. Only training sees these weights: what is saved, and what is scored, is
the change on the weights as they were.
"""

from __future__ import annotations

import importlib
from collections.abc import Collection
from typing import Any

import torch
from transformers import PreTrainedModel
from transformers.pytorch_utils import Conv1D

from desdecero.pipelines.common.errors import UserError

BLOCK = 64
"""Weights that share a scale. Rows that are not whole blocks are read back wrongly by bitsandbytes 0.50 on a CPU: the
error of a matrix of 128 × 96 is 0.2 to 0.3 of its size in place of 0.09. Layers with such rows stay as they are."""


def quantize_linear_layers(model: PreTrainedModel, kept: Collection[str] = ()) -> int:
    """Replace the model's linear layers, where they stand, by layers of 4 bits; return their number.

    kept: names of modules that stay whole, with all inside them. So do the output layer, what the architecture
    keeps in float32, and layers whose rows are not whole blocks. Raises `UserError` where
    bitsandbytes is not installed, and where nothing is left to replace.
    """
    try:
        bitsandbytes: Any = importlib.import_module("bitsandbytes")
    except ImportError:
        raise UserError("quantize: 4bit needs bitsandbytes: pip install 'desdecero[quantize]'") from None
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    computed_in = torch.bfloat16 if device.type == "cuda" and torch.cuda.is_bf16_supported() else torch.float32
    # peft names the output layer by this rule too: it is the embeddings' matrix where both are tied
    written: Any = model
    output = written.get_output_embeddings()
    whole = tuple(f"{name}." for name in kept)
    in_float32 = (
        getattr(model, "_keep_in_fp32_modules", None) or ()
    )  # T5 reads the type of such a layer's weights, and takes it
    found = [
        (name, module)
        for name, module in model.named_modules()
        if isinstance(module, torch.nn.Linear | Conv1D)
        and module is not output
        and not f"{name}.".startswith(whole)
        and name.rpartition(".")[2] not in in_float32
        and _columns(module) % BLOCK == 0
    ]
    if not found:
        raise UserError(f"quantize: no layer of this model has a width of a multiple of {BLOCK}: leave quantize out")
    for name, layer in found:
        # GPT-2 keeps its matrices transposed
        weight = layer.weight.detach().T.contiguous() if isinstance(layer, Conv1D) else layer.weight.detach()
        rows, columns = weight.shape
        quantized = bitsandbytes.nn.Linear4bit(
            columns, rows, bias=layer.bias is not None, compute_dtype=computed_in, quant_type="nf4", device="meta"
        )
        quantized.weight = bitsandbytes.nn.Params4bit(
            weight, requires_grad=False, quant_type="nf4", compress_statistics=True, module=quantized
        ).to(device)
        quantized.bias = layer.bias
        quantized.support_avx512bf16_for_cpu = False  # a form of the weights that gradients do not pass through
        model.set_submodule(name, quantized)
    return len(found)


def _columns(layer: torch.nn.Linear | Conv1D) -> int:
    """Return the number of inputs of a linear layer."""
    return layer.weight.shape[0 if isinstance(layer, Conv1D) else 1]
