"""Attention by plain matrix products, for training on a CPU that is compiled or in bfloat16.

    model.set_attn_implementation(BLOCKWISE)

torch's own kernel for CPUs is written to hold no scores. For the short sequences that a CPU can train on, scores fit
its caches, and what counts is how fast the products go: here they are products that oneDNN multiplies at the
processor's best, with a softmax that the compiler makes one pass of. Queries go a block at a time; where they are
causal, each block against the keys up to its own end, so that most of the upper triangle is never computed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.masking_utils import sdpa_mask

BLOCKWISE = "desdecero_blockwise"
"""Its name in transformers' registry, in this process only: a saved model does not name its attention."""

BLOCK = 128
"""Queries in a block. One layer of 8 × 256 tokens, three heads of 64, forward and backward on one Zen 4 core: torch's
kernel 24.4 ms; blocks of 64, 128 and 256: 9.6, 8.9 and 10.8."""


def blockwise_attention(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor,
    scaling: float,
    dropout: float = 0.0,  # noqa: ARG001  # transformers passes it; see `takes_blockwise`
    **kwargs: Any,  # noqa: ARG001  # transformers passes more than this function needs
) -> tuple[torch.Tensor, None]:
    """Attend as transformers' interface asks: queries, keys and values are (batch, heads, tokens, head size).

    Returns (batch, tokens, heads, head size). `attention_mask`: (batch, 1, tokens, tokens), true where a token may
    look; with a causal module, nowhere ahead of itself. Heads share no keys, and there is no dropout.
    """
    attend: Callable[..., torch.Tensor] = _Attention.apply  # torch leaves it untyped
    length = query.shape[2]
    # Rotary positions are added in float32; under autocast the values, which have none, tell what to multiply in.
    query, key = query.to(value.dtype), key.to(value.dtype)
    outputs = []
    for start in range(0, length, BLOCK):
        end = min(start + BLOCK, length)
        seen = end if module.is_causal else length
        block = query[:, :, start:end], key[:, :, :seen], value[:, :, :seen]
        outputs.append(attend(*block, attention_mask[:, :, start:end, :seen], scaling))
    return torch.cat(outputs, dim=2).transpose(1, 2), None


def whole_mask(**options: Any) -> torch.Tensor | None:
    """Build the mask even if plain attention would do, with a row for each sequence even if all are equal: no mask, or
    other strides, would be another program to compile."""
    mask: torch.Tensor | None = sdpa_mask(
        **{**options, "allow_is_causal_skip": False, "allow_is_bidirectional_skip": False}
    )
    return mask if mask is None else mask.contiguous()


class _Attention(torch.autograd.Function):
    """softmax(QKᵀ · scale)·V; keeps the probabilities in the type of its inputs, and takes sums in float32."""

    @staticmethod
    def forward(
        ctx: Any, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, allowed: torch.Tensor, scale: float
    ) -> torch.Tensor:
        batch, heads = query.shape[:2]
        query, key, value = (part.flatten(0, 1) for part in (query, key, value))
        scores = torch.unflatten(torch.bmm(query, key.mT), 0, (batch, heads)).float() * scale
        scores = torch.where(allowed, scores, -torch.inf)
        weights = (scores - scores.amax(dim=-1, keepdim=True)).exp()
        weights = weights / weights.sum(dim=-1, keepdim=True)
        probabilities = weights.to(query.dtype).flatten(0, 1)
        output = torch.bmm(probabilities, value)
        ctx.save_for_backward(query, key, value, probabilities, output)
        ctx.scale, ctx.batch = scale, batch
        return torch.unflatten(output, 0, (batch, heads))

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        query, key, value, probabilities, output = ctx.saved_tensors
        gradient = gradients[0].flatten(0, 1)
        # Σ over keys of probability × its gradient, which is as well a sum over the head (Dao et al. 2022, §B.2)
        mean = (gradient.float() * output.float()).sum(dim=-1, keepdim=True)
        rising = torch.bmm(gradient, value.mT).float()
        scores = (probabilities.float() * (rising - mean) * ctx.scale).to(query.dtype)
        products = torch.bmm(scores, key), torch.bmm(scores.mT, query), torch.bmm(probabilities.mT, gradient)
        return *(torch.unflatten(part, 0, (ctx.batch, -1)) for part in products), None, None


AttentionInterface.register(BLOCKWISE, blockwise_attention)
AttentionMaskInterface.register(BLOCKWISE, whole_mask)
