"""Cross-entropy over a vocabulary without ever holding all its logits."""

from __future__ import annotations

from typing import Any

import torch

CHUNK_BYTES = {"cpu": 8 << 20, "cuda": 512 << 20}
"""Logits held at a time. On a CPU what fits its last cache level; on a GPU few, long kernels."""


def linear_cross_entropy(
    hidden: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None, targets: torch.Tensor,
    label_smoothing: float = 0.0, z_loss: float = 0.0,
) -> tuple[torch.Tensor, torch.Tensor]:  # fmt: skip
    """(sum of what is minimised, sum of −ln p(target)) in nats.

    hidden: (tokens, width), of the type to multiply in. weight: (vocabulary, width). bias: (vocabulary,) or None.
    targets: (tokens,), int64. Logits are `hidden @ weight.T + bias`, taken a chunk of tokens at a time; their
    gradients are computed in the same pass and added up, so that forward and backward together hold one chunk
    (Hsu et al. 2024, §3.2, "Liger"; no recomputation). Softmax and sums are in float32.

    label_smoothing: share of probability that the target gives to all words alike (Szegedy et al. 2016, §7).
    z_loss: factor of ln² Z, which keeps logits from drifting (Chowdhery et al. 2022, §5). Neither is in the
    second sum, which only measures and carries no gradient.
    """
    return _LinearCrossEntropy.apply(hidden, weight, bias, targets, label_smoothing, z_loss)


class _LinearCrossEntropy(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, hidden: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None, targets: torch.Tensor,
        label_smoothing: float, z_loss: float,
    ) -> tuple[torch.Tensor, torch.Tensor]:  # fmt: skip
        wanted = any(ctx.needs_input_grad[:3])
        vocabulary = len(weight)
        rows = max(1, CHUNK_BYTES.get(hidden.device.type, 64 << 20) // (4 * vocabulary))
        multiplied = weight.to(hidden.dtype)
        total = hidden.new_zeros((), dtype=torch.float32)
        measured = torch.zeros_like(total)
        hidden_gradient = torch.empty_like(hidden) if wanted else None
        weight_gradient = torch.zeros_like(weight, dtype=torch.float32) if wanted else None
        bias_gradient = torch.zeros_like(bias, dtype=torch.float32) if wanted and bias is not None else None
        for start in range(0, len(hidden), rows):
            piece, wishes = hidden[start : start + rows], targets[start : start + rows, None]
            logits = (piece @ multiplied.T).float()
            if bias is not None:
                logits += bias
            chosen = logits.gather(1, wishes)
            normalizer = logits.logsumexp(dim=1, keepdim=True)
            nats = (normalizer - chosen).sum()
            measured += nats
            total += (1 - label_smoothing) * nats + z_loss * normalizer.square().sum()
            if label_smoothing:
                total += label_smoothing * (normalizer.sum() - logits.mean(dim=1).sum())
            if wanted:
                gradient = logits.sub_(normalizer).exp_()  # the softmax, in place
                if z_loss:
                    gradient *= 1 + 2 * z_loss * normalizer
                if label_smoothing:
                    gradient -= label_smoothing / vocabulary
                gradient.scatter_add_(1, wishes, torch.full_like(chosen, label_smoothing - 1))
                if bias_gradient is not None:
                    bias_gradient += gradient.sum(dim=0)
                narrow = gradient.to(hidden.dtype)
                assert hidden_gradient is not None and weight_gradient is not None
                torch.mm(narrow, multiplied, out=hidden_gradient[start : start + rows])
                if narrow.dtype == torch.float32:
                    weight_gradient.addmm_(narrow.T, piece)
                else:
                    weight_gradient += narrow.T @ piece
        ctx.save_for_backward(hidden_gradient, weight_gradient, bias_gradient)
        ctx.mark_non_differentiable(measured)
        return total, measured

    @staticmethod
    def backward(ctx: Any, *outputs: torch.Tensor) -> tuple[Any, ...]:
        scale = outputs[0]
        hidden, weight, bias = ctx.saved_tensors
        return (
            hidden * scale.to(hidden.dtype),
            weight * scale,
            bias * scale if bias is not None else None,
            None,
            None,
            None,
        )
