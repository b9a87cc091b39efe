"""Samples of text that a model writes during training: to see it learn, not to measure it.

A causal model continues a prompt; a masked model and an encoder–decoder fill the gaps in it. Tokens are the likeliest
ones, or drawn with a temperature from a separate generator: training's random state is as it was before.
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
    """Answers the recipe's prompts with the model as it is.

    Raises `UserError` for a prompt that does not fit into the context, or that has no gap for a model that fills gaps.
    """

    def __init__(self, task: Pretraining, settings: recipes.Samples):
        self.task, self.settings = task, settings
        self.decoding = Decoding(settings.tokens, settings.temperature)
        recipe = task.recipe
        self.model = kind_of(recipe.model.architecture)(task.model, task.tokenizer, recipe.model.context_length)
        for prompt in settings.prompts:
            self._check(prompt)

    def __call__(self) -> list[dict[str, str]]:
        """Return {"prompt", "text"} of each prompt; the text holds the prompt."""
        with _in_inference(self.task):
            answers = self.model.answer(self.settings.prompts, self.decoding, self.task.recipe.seed)
        return [
            {"prompt": prompt, "text": self.model.decode(answer.ids, skip_special_tokens=True)}
            for prompt, answer in zip(self.settings.prompts, answers, strict=True)
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
def _in_inference(task: Pretraining) -> Iterator[None]:
    """Put the model into the state that `from_pretrained` gives, for a while: no dropout, nothing compiled (each length
    would be compiled anew), and an attention that can use a cache."""
    model: Any = task.model
    attention = model.config._attn_implementation  # noqa: SLF001  # transformers has a public setter and no getter
    task.module.eval()
    if attention == BLOCKWISE:
        model.set_attn_implementation("sdpa")
    try:
        with torch.compiler.set_stance("force_eager"):
            yield
    finally:
        if attention == BLOCKWISE:
            model.set_attn_implementation(attention)
        task.module.train()
