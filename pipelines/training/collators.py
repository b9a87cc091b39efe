"""What is asked of a sequence of tokens: its next ones, hidden ones, or spans that were cut out."""

from __future__ import annotations

import numpy as np
from transformers import PreTrainedTokenizerFast

from pipelines.errors import UserError
from pipelines.recipe import Recipe
from pipelines.training.batches import IGNORED, Collator
from pipelines.training.span_corruption import SpanCorruption


class Causal:
    """Each token's target is the next one; padding is asked for nothing, nor asked for.

    Sequences share a token at their edges, unless they are blocks that documents were `fitted` into.
    """

    def __init__(self, length: int, padding: int, fitted: bool = False):
        self.length, self.span, self.target_length = length, length + 1, length
        self.stride = self.span if fitted else length
        self.padding = padding

    def __call__(self, tokens: np.ndarray, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        inputs, targets = tokens[:, :-1], tokens[:, 1:]
        return inputs, np.where((inputs == self.padding) | (targets == self.padding), IGNORED, targets)


class Masked:
    """A share of the tokens is hidden and asked for.

    All chosen tokens become the mask token (Wettig et al. 2023, §6, found BERT's random and unchanged tokens to cost
    more than they bring).
    """

    def __init__(self, length: int, mask_token: int, padding: int, probability: float):
        self.length = self.span = self.stride = self.target_length = length
        self.mask_token, self.padding, self.probability = mask_token, padding, probability

    def __call__(self, tokens: np.ndarray, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        chosen = (generator.random(tokens.shape) < self.probability) & (tokens != self.padding)
        chosen[:, 0] |= ~chosen.any(axis=1)  # a sequence without a question would teach nothing
        return np.where(chosen, self.mask_token, tokens), np.where(chosen, tokens, IGNORED)


def build_collator(recipe: Recipe, tokenizer: PreTrainedTokenizerFast, fitted: bool = False) -> Collator:
    """The collator of the recipe's objective; for blocks that documents were `fitted` into, or for a stream of them."""
    wanted, length, padding = recipe.pretrain, recipe.model.context_length, tokenizer.pad_token_id
    objective: str = recipe.model.objective
    if objective == "causal":
        return Causal(length, padding, fitted)
    if objective == "masked":
        return Masked(length, tokenizer.mask_token_id, padding, wanted.mask_probability)
    return build_span_corruption(recipe, tokenizer)


def build_span_corruption(recipe: Recipe, tokenizer: PreTrainedTokenizerFast) -> SpanCorruption:
    wanted, length = recipe.pretrain.span_corruption, recipe.model.context_length
    vocabulary = tokenizer.get_vocab()
    sentinels = [vocabulary[token] for token in recipe.tokenizer.sentinel_tokens]
    special = tokenizer.eos_token_id, tokenizer.pad_token_id
    collator = SpanCorruption(length, sentinels, *special, wanted.density, wanted.mean_length)
    if collator.spans > len(sentinels):
        raise UserError(
            f"tokenizer.sentinels {len(sentinels)} are too few: a sequence of model.context_length {length} has "
            f"{collator.spans} spans of noise; raise the first to so many"
        )
    return collator
