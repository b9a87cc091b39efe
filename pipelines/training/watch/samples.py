"""What a model writes while it is being trained: to see it learn, not to measure it.

A causal model continues a prompt; a masked model and an encoder–decoder fill the gaps in it. The likeliest token each
time, or drawn with a temperature from a generator of its own: training's random state is as it was before.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from desdecero.eval_suites.models.decoding import Decoding
from desdecero.eval_suites.models.load import kind_of
from desdecero.eval_suites.models.prompts import GAP
from desdecero.pipelines import recipe as recipes
from desdecero.pipelines.common.errors import UserError
from desdecero.pipelines.training.model.attention import BLOCKWISE
from desdecero.pipelines.training.task import Pretraining


class Sampler:
    """Answers the recipe's prompts with the model as it is. Raises `UserError` for a prompt that it cannot see whole
    or, of a model that fills gaps, that has none."""

    def __init__(self, training: Pretraining, wanted: recipes.Samples):
        self.training, self.wanted = training, wanted
        self.decoding = Decoding(wanted.tokens, wanted.temperature)
        recipe = training.recipe
        self.model = kind_of(recipe.model.architecture)(training.model, training.tokenizer, recipe.model.context_length)
        for prompt in wanted.prompts:
            self._check(prompt)

    def __call__(self) -> list[dict[str, str]]:
        """{"prompt", "text"} of each prompt; the text holds the prompt."""
        with _as_a_reader(self.training):
            answers = self.model.answer(self.wanted.prompts, self.decoding, self.training.recipe.seed)
        return [
            {"prompt": prompt, "text": self.model.decode(answer.ids, skip_special_tokens=True)}
            for prompt, answer in zip(self.wanted.prompts, answers, strict=True)
        ]

    def _check(self, prompt: str) -> None:
        model = self.model
        if model.fills_gaps and not 0 < prompt.count(GAP) <= model.max_gaps:
            at_most = f", at most {model.max_gaps} times" if model.max_gaps < float("inf") else ""
            raise UserError(f"pretrain.samples.prompts: {prompt[:60]!r} needs {GAP} in it{at_most}: write one")
        if len(model.prompt_ids(prompt)) > model.room(self.decoding.tokens):
            raise UserError(
                f"pretrain.samples.prompts: {prompt[:60]!r} and its answer take more than the "
                f"{model.context_length} tokens of model.context_length: shorten the prompt"
                + ("" if model.fills_gaps else " or lower pretrain.samples.tokens")
            )


@contextmanager
def _as_a_reader(training: Pretraining) -> Iterator[None]:
    """The model as `from_pretrained` would give it, for a while: no dropout, nothing compiled (each length would be
    compiled anew), and an attention that can look back on a cache."""
    model: Any = training.model
    attention = model.config._attn_implementation
    training.module.eval()
    if attention == BLOCKWISE:
        model.set_attn_implementation("sdpa")
    try:
        with torch.compiler.set_stance("force_eager"):
            yield
    finally:
        if attention == BLOCKWISE:
            model.set_attn_implementation(attention)
        training.module.train()
