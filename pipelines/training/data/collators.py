"""Collators: make inputs and targets of token sequences, for causal, masked and span-corruption objectives."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from transformers import PreTrainedTokenizerFast

from desdecero.eval_suites.models.batching import IGNORED
from desdecero.pipelines.common.errors import UserError
from desdecero.pipelines.recipe import Recipe
from desdecero.pipelines.training.data.batches import Collator
from desdecero.pipelines.training.data.goldfish import Goldfish
from desdecero.pipelines.training.data.span_corruption import SpanCorruption
from desdecero.pipelines.training.data.word_starts import Words

NO_PADDING = -1
"""Of a stream that is not padded. A base of elsewhere may have no padding token, or its end of text for one, which is
to be learned."""


class Causal:
    """Collator whose targets are the next tokens; padding has no target and is never one.

    Sequences share a token at their edges, unless they are blocks that documents were `fitted` into. With `goldfish`,
    some targets are left out; sequences of a stream then hold the earlier tokens that decide which.
    """

    def __init__(self, length: int, padding: int, fitted: bool = False, goldfish: Goldfish | None = None):
        self.earlier = goldfish.context - 1 if goldfish and not fitted else 0
        self.length, self.span, self.target_length = length, self.earlier + length + 1, length
        self.stride = self.span if fitted else length
        self.padding, self.goldfish = padding, goldfish

    def __call__(
        self,
        tokens: NDArray[np.int64],
        generator: np.random.Generator,  # noqa: ARG002  # the protocol's; nothing is drawn here
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return (inputs, targets): see `Collator`."""
        inputs, targets = tokens[:, self.earlier : -1], tokens[:, self.earlier + 1 :]
        ignored = (inputs == self.padding) | (targets == self.padding)
        if self.goldfish:
            ignored |= self.goldfish.left_out(tokens)[:, self.earlier + 1 :]
        return inputs, np.where(ignored, IGNORED, targets)


class Masked:
    """Collator that masks a share of the tokens, which are the targets; with `words`, whole words are masked.

    All chosen tokens become the mask token (Wettig et al. 2023, §6, found BERT's random and unchanged tokens to cost
    more than they bring). Each token, or word, is chosen independently: on average the share of tokens is the same.
    """

    def __init__(self, length: int, mask_token: int, padding: int, probability: float, words: Words | None = None):
        self.length = self.span = self.stride = self.target_length = length
        self.earlier = 0
        self.mask_token, self.padding, self.probability, self.words = mask_token, padding, probability, words

    def __call__(
        self, tokens: NDArray[np.int64], generator: np.random.Generator
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return (inputs, targets): see `Collator`."""
        drawn = generator.random(tokens.shape)
        if self.words:
            number = self.words.begin(tokens).cumsum(axis=1) - 1
            drawn = np.take_along_axis(drawn, number, axis=1)
        chosen = (drawn < self.probability) & (tokens != self.padding)
        # A sequence without a target would teach nothing: its first token, or word, becomes one.
        chosen |= ~chosen.any(axis=1, keepdims=True) & (drawn == drawn[:, :1])
        return np.where(chosen, self.mask_token, tokens), np.where(chosen, tokens, IGNORED)


def build_collator(recipe: Recipe, tokenizer: PreTrainedTokenizerFast) -> Collator:
    """Build the collator of the recipe's objective, for a stream of documents."""
    return _build(recipe, tokenizer, fitted=False, goldfish=None)


def build_training_collator(recipe: Recipe, tokenizer: PreTrainedTokenizerFast) -> Collator:
    """Build the collator of the training split: packed as the recipe says, with its goldfish loss if it has one."""
    settings, special = recipe.pretrain.goldfish, (tokenizer.eos_token_id, tokenizer.pad_token_id)
    goldfish = Goldfish(settings.k, settings.context, *special) if settings else None
    return _build(recipe, tokenizer, recipe.tokens.packing == "best_fit", goldfish)


def _build(recipe: Recipe, tokenizer: PreTrainedTokenizerFast, fitted: bool, goldfish: Goldfish | None) -> Collator:
    settings, length = recipe.pretrain, recipe.model.context_length
    padding = tokenizer.pad_token_id if recipe.base is None else NO_PADDING
    objective: str = recipe.model.objective
    if objective == "causal":
        return Causal(length, padding, fitted, goldfish)
    if objective == "masked":
        words = Words(tokenizer) if settings.mask_whole_words else None
        return Masked(length, tokenizer.mask_token_id, padding, settings.mask_probability, words)
    return build_span_corruption(recipe, tokenizer)


def build_span_corruption(recipe: Recipe, tokenizer: PreTrainedTokenizerFast) -> SpanCorruption:
    """Build the span-corruption collator. Raises `UserError` for too few sentinels."""
    settings, length = recipe.pretrain.span_corruption, recipe.model.context_length
    vocabulary = tokenizer.get_vocab()
    sentinels = [vocabulary[token] for token in recipe.tokenizer.sentinel_tokens]
    special = tokenizer.eos_token_id, tokenizer.pad_token_id
    collator = SpanCorruption(length, sentinels, *special, settings.density, settings.mean_length)
    if collator.spans > len(sentinels):
        if recipe.base is not None:
            raise UserError(
                f"{recipe.base.name} has {len(sentinels)} tokens for spans, and a sequence of model.context_length "
                f"{length} has {collator.spans} spans of noise: lower it with --set model.context_length=…"
            )
        raise UserError(
            f"tokenizer.sentinels {len(sentinels)} are too few: a sequence of model.context_length {length} has "
            f"{collator.spans} spans of noise: raise tokenizer.sentinels to {collator.spans}"
        )
    return collator
