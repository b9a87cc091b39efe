"""Count the tokens of text in a training sequence."""

from __future__ import annotations

from desdecero.pipelines.recipe.model import Model
from desdecero.pipelines.recipe.pretrain import Pretrain


def block_length(model: Model, pretrain: Pretrain) -> int:
    """Return the tokens of text in a sequence: a causal one also holds its last target; spans leave tokens out."""
    context, spans = model.context_length, pretrain.span_corruption
    if model.objective == "span_corruption":
        return text_length(context, spans.density, spans.mean_length)
    return context + 1 if model.objective == "causal" else context


def text_length(length: int, density: float, mean: float) -> int:
    """Return the longest text, in tokens, whose inputs fit into `length` after a sentinel replaces each noise span."""
    text = length
    while _input_length(text + 1, density, mean) <= length:
        text += 1
    return text


def noise_counts(text: int, density: float, mean: float) -> tuple[int, int]:
    """Return (noise tokens, noise spans) for `text` tokens: at least one of each, and one other token per span."""
    noise = min(max(round(text * density), 1), text - 1)
    return noise, min(max(round(noise / mean), 1), noise, text - noise)


def _input_length(text: int, density: float, mean: float) -> int:
    noise, spans = noise_counts(text, density, mean)
    return text - noise + spans
