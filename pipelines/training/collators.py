"""What is asked of a sequence of tokens: its next ones, hidden ones, or spans that were cut out."""

from __future__ import annotations

import numpy as np
from transformers import PreTrainedTokenizerFast

from pipelines.errors import UserError
from pipelines.recipe import Recipe
from pipelines.training.batches import IGNORED, Collator
from pipelines.training.span_corruption import SpanCorruption


class Causal:
    """Each token's target is the next one."""

    def __init__(self, length: int):
        self.length, self.span, self.stride, self.target_length = length, length + 1, length, length

    def __call__(self, tokens: np.ndarray, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        return tokens[:, :-1], tokens[:, 1:]


class Masked:
    """A share of the tokens is hidden and asked for.

    All chosen tokens become the mask token (Wettig et al. 2023, §6, found BERT's random and unchanged tokens to cost
    more than they bring).
    """

    def __init__(self, length: int, mask_token: int, probability: float):
        self.length = self.span = self.stride = self.target_length = length
        self.mask_token, self.probability = mask_token, probability

    def __call__(self, tokens: np.ndarray, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        chosen = generator.random(tokens.shape) < self.probability
        chosen[:, 0] |= ~chosen.any(axis=1)  # a sequence without a question would teach nothing
        return np.where(chosen, self.mask_token, tokens), np.where(chosen, tokens, IGNORED)


def build_collator(recipe: Recipe, tokenizer: PreTrainedTokenizerFast) -> Collator:
    """The collator of the recipe's objective."""
    wanted, length = recipe.pretrain, recipe.model.context_length
    objective: str = recipe.model.objective
    if objective == "causal":
        return Causal(length)
    if objective == "masked":
        return Masked(length, tokenizer.mask_token_id, wanted.mask_probability)
    return build_span_corruption(recipe, tokenizer)


def build_span_corruption(recipe: Recipe, tokenizer: PreTrainedTokenizerFast) -> SpanCorruption:
    wanted, length = recipe.pretrain.span_corruption, recipe.model.context_length
    vocabulary = tokenizer.get_vocab()
    sentinels = [vocabulary[token] for token in recipe.tokenizer.sentinel_tokens]
    collator = SpanCorruption(length, sentinels, tokenizer.eos_token_id, wanted.density, wanted.mean_length)
    if collator.spans > len(sentinels):
        raise UserError(
            f"tokenizer.sentinels {len(sentinels)} are too few: a sequence of model.context_length {length} has "
            f"{collator.spans} spans of noise; raise the first to so many"
        )
    return collator
