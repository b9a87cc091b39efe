"""Count the tokens of text that a training sequence is made of."""

from __future__ import annotations

from desdecero.pipelines.recipe.model import Model
from desdecero.pipelines.recipe.pretrain import Pretrain


def block_length(model: Model, pretrain: Pretrain) -> int:
    """Tokens that one sequence takes from a text: a causal one has its last target too, spans leave their text out."""
    context, spans = model.context_length, pretrain.span_corruption
    if model.objective == "span_corruption":
        return text_length(context, spans.density, spans.mean_length)
    return context + 1 if model.objective == "causal" else context


def text_length(length: int, density: float, mean: float) -> int:
    """Tokens of the longest text whose inputs fit into `length` when spans of noise have become a sentinel each."""
    text = length
    while _input_length(text + 1, density, mean) <= length:
        text += 1
    return text


def noise_counts(text: int, density: float, mean: float) -> tuple[int, int]:
    """(noise tokens, spans of noise) in a text of so many tokens; at least one of each, and one of text a span."""
    noise = min(max(round(text * density), 1), text - 1)
    return noise, min(max(round(noise / mean), 1), noise, text - noise)


def _input_length(text: int, density: float, mean: float) -> int:
    noise, spans = noise_counts(text, density, mean)
    return text - noise + spans
