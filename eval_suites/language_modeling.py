"""The suite that asks how well a model knows held-out text, with intervals and beside its yardsticks.

causal   bits per byte, perplexity, token accuracy; beside an untrained twin, a unigram model and xz
masked   masked-token accuracy and loss on a fixed set of hidden tokens; beside a twin and a unigram model
spans    the same of an encoder–decoder, on the tokens of a fixed set of spans that were cut out

suite = LanguageModeling("causal", resamples=2000, confidence=0.95, seed=0)
report, scores = suite.run(model, tokenizer, texts, train_counts)
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import evaluate
import numpy as np
from numpy.typing import NDArray
from transformers import PreTrainedModel, PreTrainedTokenizerFast

from desdecero.eval_suites.scoring import (
    DocumentScore,
    Objective,
    Progress,
    hidden_spans,
    masked_positions,
    score_causal,
    score_masked,
    score_spans,
    sentinel_ids,
)
from desdecero.eval_suites.statistics import bootstrap_ratio, paired_bootstrap_ratio
from desdecero.eval_suites.yardsticks import (
    Hide,
    unigram_hidden_scores,
    unigram_scores,
    untrained_twin,
    xz_bits_per_byte,
)

MASK_PROBABILITY = 0.15
"""Of the tokens, hidden for evaluation, whatever share training hides: BERT's (Devlin et al. 2019, §3.1). All of
them become the mask token, so that the question is the same for every token."""

SPAN_DENSITY, MEAN_SPAN_LENGTH = 0.15, 3.0
"""Likewise for spans: T5's (Raffel et al. 2020, §3.3.4)."""

Estimate = dict[str, float | None]
"""{"value", "low", "high"}; the ends are None where there is but one document to draw from."""


@dataclass(frozen=True)
class Measure:
    """A metric module of `metrics/`, as a rising function of Σ numerator / Σ denominator over documents."""

    name: str
    numerator: str
    denominator: str
    largest: float = math.inf
    """Of the ratio; intervals end here, and at 0."""

    def value(self, numerators: Any, denominators: Any) -> float:
        inputs = {self.numerator: list(numerators), self.denominator: list(denominators)}
        return float(_metric(self.name).compute(**inputs)[self.name])

    def ratio(self, scores: Sequence[DocumentScore]) -> tuple[list[float], list[float]]:
        return [getattr(s, self.numerator) for s in scores], [getattr(s, self.denominator) for s in scores]


MEASURES: dict[Objective, tuple[Measure, ...]] = {
    "causal": (
        Measure("bits_per_byte", "nll", "bytes"),
        Measure("perplexity", "nll", "tokens"),
        Measure("token_accuracy", "correct", "tokens", largest=1),
    ),
    "masked": (
        Measure("masked_accuracy", "correct", "tokens", largest=1),
        Measure("masked_loss", "nll", "tokens"),
    ),
    "span_corruption": (
        Measure("span_accuracy", "correct", "tokens", largest=1),
        Measure("span_loss", "nll", "tokens"),
    ),
}


NO_LIKELIHOOD = "a model that fills gaps gives no probability to a whole text"
NOT_MEASURED: dict[Objective, dict[str, str]] = {
    "causal": {},
    "masked": {"bits_per_byte": NO_LIKELIHOOD, "perplexity": NO_LIKELIHOOD},
    "span_corruption": {"bits_per_byte": NO_LIKELIHOOD, "perplexity": NO_LIKELIHOOD},
}
"""Measure → why it is not taken."""


@dataclass(frozen=True)
class LanguageModeling:
    """The suite, for one objective at one seed. `seed` draws the masks, the twin's weights and the resamples."""

    objective: Objective
    resamples: int
    confidence: float
    seed: int

    def score(
        self,
        model: PreTrainedModel,
        tokenizer: PreTrainedTokenizerFast,
        texts: Sequence[str],
        progress: Progress = iter,
        overlap: float = 0.5,
    ) -> list[DocumentScore]:
        context = model.config.max_position_embeddings
        if self.objective == "causal":
            return score_causal(model, tokenizer, texts, context, overlap, progress)
        if self.objective == "span_corruption":
            return score_spans(
                model, tokenizer, texts, context, SPAN_DENSITY, MEAN_SPAN_LENGTH, self.seed, progress
            )  # fmt: skip
        return score_masked(model, tokenizer, texts, context, MASK_PROBABILITY, self.seed, progress)

    def estimate(self, measure: Measure, scores: Sequence[DocumentScore]) -> Estimate:
        """A measure over documents, with its interval."""
        above, below = measure.ratio(scores)
        value = measure.value(above, below)
        if len(scores) < 2:
            return {"value": value, "low": None, "high": None}
        interval = bootstrap_ratio(above, below, self.resamples, self.confidence, self.seed)
        low, high = (measure.value([end], [1]) for end in np.clip([interval.low, interval.high], 0, measure.largest))
        return {"value": value, "low": low, "high": high}

    def change(self, measure: Measure, before: Sequence[DocumentScore], after: Sequence[DocumentScore]) -> Estimate:
        """A measure after minus before on the same documents, with its paired interval.

        For measures proportional to their ratio (bits per byte, losses, accuracies), not for perplexity.
        """
        (old, below), (new, _) = measure.ratio(before), measure.ratio(after)
        value = measure.value(new, below) - measure.value(old, below)
        if len(before) < 2:
            return {"value": value, "low": None, "high": None}
        interval = paired_bootstrap_ratio(old, new, below, self.resamples, self.confidence, self.seed)
        return {"value": value, "low": measure.value([interval.low], [1]), "high": measure.value([interval.high], [1])}

    def run(
        self,
        model: PreTrainedModel,
        tokenizer: PreTrainedTokenizerFast,
        texts: Sequence[str],
        train_counts: NDArray[np.int64],
        progress: Progress = iter,
    ) -> tuple[dict[str, Any], list[DocumentScore]]:
        """(report, one score a document). `train_counts`: how often training read each token of the vocabulary."""
        scores = self.score(model, tokenizer, texts, progress)
        # Random weights make nothing of their context, so the twin is spared the overlap: half of its cost.
        twin = self.score(untrained_twin(model, self.seed), tokenizer, texts, progress, overlap=0.0)
        yardsticks = {
            "untrained": self._values(twin),
            "unigram": self._values(self._unigram(model, tokenizer, texts, train_counts)),
        }
        if self.objective == "causal":
            yardsticks["xz"] = {"bits_per_byte": xz_bits_per_byte(texts)}
        estimates = {measure.name: self.estimate(measure, scores) for measure in MEASURES[self.objective]}
        report = {
            "objective": self.objective,
            "documents": len(scores),
            "bytes": sum(score.bytes for score in scores),
            "tokens": sum(score.tokens for score in scores),
            "mask_probability": {"masked": MASK_PROBABILITY, "span_corruption": SPAN_DENSITY}.get(self.objective),
            "mean_span_length": MEAN_SPAN_LENGTH if self.objective == "span_corruption" else None,
            "confidence": self.confidence,
            "resamples": self.resamples,
            **{measure.name: estimates.get(measure.name) for every in MEASURES.values() for measure in every},
            "not_measured": NOT_MEASURED[self.objective],
            "yardsticks": yardsticks,
        }
        return report, scores

    def _unigram(
        self,
        model: PreTrainedModel,
        tokenizer: PreTrainedTokenizerFast,
        texts: Sequence[str],
        train_counts: NDArray[np.int64],
    ) -> list[DocumentScore]:
        if self.objective == "causal":
            return unigram_scores(tokenizer, texts, train_counts)
        return unigram_hidden_scores(tokenizer, texts, train_counts, self._hide(model, tokenizer))

    def _hide(self, model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast) -> Hide:
        """What `score` hides from the model."""
        if self.objective == "masked":
            return lambda length, document: masked_positions(length, MASK_PROBABILITY, self.seed, document)
        context, most = model.config.max_position_embeddings, len(sentinel_ids(tokenizer))
        return lambda length, document: hidden_spans(
            length, context, SPAN_DENSITY, MEAN_SPAN_LENGTH, most, self.seed, document
        )

    def _values(self, scores: Sequence[DocumentScore]) -> dict[str, float]:
        return {measure.name: measure.value(*measure.ratio(scores)) for measure in MEASURES[self.objective]}


@cache
def _metric(name: str) -> evaluate.EvaluationModule:
    return evaluate.load(str(Path(__file__).parent / "metrics" / name), keep_in_memory=True)
