"""What the suites of an audit are asked with: the model, its recipe, and what it was trained on."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

from transformers import PreTrainedTokenizerFast

from desdecero.eval_suites.baselines import untrained_twin
from desdecero.eval_suites.models.interface import LanguageModel
from desdecero.eval_suites.models.load import load
from desdecero.pipelines.common.progress import progress
from desdecero.pipelines.recipe import Recipe
from desdecero.pipelines.run.run_dir import RunDir
from desdecero.pipelines.tokens.suffix_array import TokenIndex, open_index


@dataclass(frozen=True)
class Asked:
    """An audit that is being made."""

    recipe: Recipe
    run: RunDir
    adapter: str | None
    locked: bool = False
    """True for a stage, whose command has locked the run."""

    @cached_property
    def model(self) -> LanguageModel:
        """The model that is asked."""
        return load(self.run.model_with(self.adapter))

    @cached_property
    def twin(self) -> LanguageModel | None:
        """The same network with random weights; None for one that takes a pass for every token: a twin would cost as
        much again."""
        return None if self.model.pseudo_likelihood else untrained_twin(self.model, self.recipe.seed)

    @cached_property
    def index(self) -> TokenIndex:
        """The index of the training tokens, which is built where there is none."""
        return open_index(self.run, self.recipe, self.locked)

    @cached_property
    def tokenizer(self) -> Any:
        """The tokenizer that the training tokens were made with."""
        return PreTrainedTokenizerFast.from_pretrained(self.run.tokenizer)

    def encodings(self, words: str) -> set[tuple[int, ...]]:
        """Return the tokens of words with a capital or without, after a space or not."""
        forms = {words, words[0].upper() + words[1:], words[0].lower() + words[1:]}
        return {
            tuple(self.tokenizer(before + form, add_special_tokens=False)["input_ids"])
            for form in forms
            for before in ("", " ")
        }

    def occurrences(self, words: str) -> int:
        """Return how often words stand in the training tokens, with a capital or without, after a space or not."""
        return sum(self.index.places(ids, 0)[0] for ids in self.encodings(words))


def bar(what: str, unit: str = "batch") -> Any:
    """Return a function that goes through things and draws how far it is."""
    return partial(progress, title=f"audit: {what}", unit=unit)
