"""Cross-entropy over a vocabulary, computed in chunks so that the logits of all tokens are never held at once."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import torch
import torch.nn.functional as F

CHUNK_BYTES = {"cpu": 4 << 20, "cuda": 512 << 20}
"""Bytes of logits held at a time, counted in float32. On a CPU they fit its last cache level, with the results of the
softmax' six passes, each as large; on a GPU few, long kernels."""

COMPILED_CHUNK_BYTES = 32 << 20
"""The same on a CPU where the softmax is one pass: few sums of weight gradients. 2,048 tokens of 4,096 words at width
128 took one Zen 4 core 64 ms in chunks of 8 MB, 52 in one of 32 MB."""


def linear_cross_entropy(
    hidden: torch.Tensor,
    weight: torch.Tensor,
    bias: torch.Tensor | None,
    targets: torch.Tensor,
    label_smoothing: float = 0.0,
    z_loss: float = 0.0,
    compiled: bool = False,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return (loss to minimise, negative log-likelihood), summed over targets, in nats.

    hidden: (tokens, width), of the type to multiply in. weight: (vocabulary, width). bias: (vocabulary,) or None.
    targets: (tokens,), int64. Logits are `hidden @ weight.T + bias`, taken a chunk of tokens at a time; their
    gradients are computed in the same pass and added up, so that forward and backward together hold one chunk
    (Hsu et al. 2024, §3.2, "Liger"; no recomputation). Softmax and sums are in float32.

    label_smoothing: share of probability that the target gives to all words alike (Szegedy et al. 2016, §7).
    z_loss: factor of ln² Z, which keeps logits from drifting (Chowdhery et al. 2022, §5). Neither is in the
    second sum, which only measures and carries no gradient. compiled: softmax and gradient in one compiled pass.
    """
    apply: Callable[..., tuple[torch.Tensor, torch.Tensor]] = _LinearCrossEntropy.apply  # torch leaves it untyped
    return apply(hidden, weight, bias, targets, label_smoothing, z_loss, compiled)


def chunk_bytes(device: torch.device, compiled: bool) -> int:
    """Return the bytes of logits to hold at a time."""
    return COMPILED_CHUNK_BYTES if compiled and device.type == "cpu" else CHUNK_BYTES.get(device.type, 64 << 20)


def softmax_and_gradient(
    logits: torch.Tensor, bias: torch.Tensor | None, targets: torch.Tensor, label_smoothing: float, z_loss: float
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return (loss to minimise, negative log-likelihood, gradient of the loss in the logits); both losses are sums.

    logits: (tokens, vocabulary), without the bias; float32 ones are written over. targets: (tokens, 1).
    """
    scores = logits.float() if bias is None else logits.float() + bias
    chosen = scores.gather(1, targets)
    normalizer = scores.logsumexp(dim=1, keepdim=True)
    nats = (normalizer - chosen).sum()
    total = (1 - label_smoothing) * nats + z_loss * normalizer.square().sum()
    if label_smoothing:
        total = total + label_smoothing * (normalizer.sum() - scores.mean(dim=1).sum())
    gradient = scores.sub_(normalizer).exp_()
    if z_loss:
        gradient *= 1 + 2 * z_loss * normalizer
    if label_smoothing:
        gradient -= label_smoothing / logits.shape[1]
    if torch.compiler.is_compiling():  # a comparison in the same pass; a scatter would be another
        hit = torch.arange(logits.shape[1], device=logits.device) == targets
        gradient = torch.where(hit, gradient - (1 - label_smoothing), gradient)
    else:
        gradient.scatter_(1, targets, gradient.gather(1, targets) - (1 - label_smoothing))
    return total, nats, gradient.to(logits.dtype)


@cache
def compiled_softmax() -> Any:
    """Compile `softmax_and_gradient` for any number of tokens: a masked model's changes from step to step."""
    return torch.compile(softmax_and_gradient, dynamic=True)


def cross_entropy(
    logits: torch.Tensor, targets: torch.Tensor, label_smoothing: float = 0.0, z_loss: float = 0.0
) -> tuple[torch.Tensor, torch.Tensor]:
    """Compute the losses of `linear_cross_entropy` from logits, (tokens, vocabulary)."""
    logits = logits.float()
    measured = F.cross_entropy(logits, targets, reduction="sum")
    total = F.cross_entropy(logits, targets, reduction="sum", label_smoothing=label_smoothing)
    if z_loss:
        total = total + z_loss * logits.logsumexp(dim=1).square().sum()
    return total, measured.detach()


class _LinearCrossEntropy(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        hidden: torch.Tensor,
        weight: torch.Tensor,
        bias: torch.Tensor | None,
        targets: torch.Tensor,
        label_smoothing: float,
        z_loss: float,
        compiled: bool,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        trained = any(ctx.needs_input_grad[:3])
        softmax = compiled_softmax() if compiled else softmax_and_gradient
        rows = max(1, chunk_bytes(hidden.device, compiled) // (4 * len(weight)))
        multiplied = weight.to(hidden.dtype)
        total = hidden.new_zeros((), dtype=torch.float32)
        measured = torch.zeros_like(total)
        hidden_gradient = torch.empty_like(hidden) if trained else None
        # Under an adapter the output layer is frozen.
        weight_gradient = torch.zeros_like(weight, dtype=torch.float32) if ctx.needs_input_grad[1] else None
        bias_gradient = (
            torch.zeros_like(bias, dtype=torch.float32) if bias is not None and ctx.needs_input_grad[2] else None
        )
        for start in range(0, len(hidden), rows):
            piece, ids = hidden[start : start + rows], targets[start : start + rows, None]
            logits = piece @ multiplied.T
            loss, nats, gradient = softmax(logits, bias, ids, label_smoothing, z_loss)
            total += loss
            measured += nats
            if trained:
                assert hidden_gradient is not None
                if bias_gradient is not None:
                    bias_gradient += gradient.sum(dim=0, dtype=torch.float32)
                torch.mm(gradient, multiplied, out=hidden_gradient[start : start + rows])
                if weight_gradient is None:
                    continue
                if gradient.dtype == torch.float32:
                    weight_gradient.addmm_(gradient.T, piece)
                else:
                    weight_gradient += gradient.T @ piece
        ctx.save_for_backward(hidden_gradient, weight_gradient, bias_gradient)
        ctx.mark_non_differentiable(measured)
        return total, measured

    @staticmethod
    def backward(ctx: Any, *outputs: torch.Tensor) -> tuple[Any, ...]:
        """Scale the gradients in place: only this function holds them, and they are as large as their tables."""
        scale = outputs[0]
        hidden, weight, bias = ctx.saved_tensors
        return (
            hidden.mul_(scale.to(hidden.dtype)),
            weight.mul_(scale) if weight is not None else None,
            bias.mul_(scale) if bias is not None else None,
            *[None] * 4,
        )
