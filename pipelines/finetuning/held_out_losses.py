"""Losses on held-out text, of the model as it was and of what became of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property, partial

from desdecero.eval_suites.language_modeling import LanguageModeling, Measure, loss_measure
from desdecero.eval_suites.models.interface import LanguageModel
from desdecero.eval_suites.models.load import load
from desdecero.eval_suites.models.windows import DocumentScore
from desdecero.eval_suites.results import Comparison
from desdecero.pipelines.common.progress import progress
from desdecero.pipelines.corpus.documents import Drawn, pieces
from desdecero.pipelines.recipe import Recipe
from desdecero.pipelines.run.reports.finetune import AdapterScore
from desdecero.pipelines.run.run_dir import RunDir


class HeldOutLosses:
    """The losses of one run's model, and of models made of it, on groups of documents."""

    def __init__(self, recipe: Recipe, run: RunDir, drawn: Mapping[str, Sequence[Drawn]]):
        self._run, self._texts = run, {group: pieces(documents) for group, documents in drawn.items()}
        self._suite = LanguageModeling(recipe.evaluate.confidence, recipe.seed)
        self._after: tuple[LanguageModel, dict[str, list[DocumentScore]]] | None = None

    def compare(self, model: LanguageModel, group: str) -> Comparison:
        """Return the measure on a group of documents, before and after, paired by document."""
        if self._after is None or self._after[0] is not model:
            self._after = model, self._scores(model, "after")
        return self._suite.compare(self.measure, self._before[group], self._after[1][group])

    @cached_property
    def measure(self) -> Measure:
        """The measure that the losses are given in."""
        return loss_measure(self.base, [text for texts, _ in self._texts.values() for text in texts])

    @cached_property
    def base(self) -> LanguageModel:
        """The model as it was."""
        return load(self._run.model)

    @cached_property
    def _before(self) -> dict[str, list[DocumentScore]]:
        return self._scores(self.base, "before")

    def _scores(self, model: LanguageModel, title: str) -> dict[str, list[DocumentScore]]:
        bar = partial(progress, title=f"finetune: {title}", unit="batch")
        return {group: self._suite.score(model, texts, bar, owners) for group, (texts, owners) in self._texts.items()}


def nats_a_byte(model: LanguageModel, texts: Sequence[str], seed: int) -> list[float]:
    """Return the loss of each text, over its length in UTF-8; of tokens that were hidden, where a model fills gaps."""
    scores = model.score_documents(texts, seed)
    return [score.nll / max(1, score.bytes) for score in scores]


def judged(comparison: Comparison) -> AdapterScore:
    """Return a loss as the score of an adapter: it is better where the whole interval of the change is below 0."""
    interval = comparison.change.interval
    low, high = interval or (-1.0, 1.0)
    return AdapterScore(
        against="base",
        score=comparison.after,
        change=comparison.change,
        verdict="better" if high < 0 else "worse" if low > 0 else "cannot be told apart",
    )
