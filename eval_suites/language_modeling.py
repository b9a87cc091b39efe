"""Measure how well a model predicts held-out text, with intervals and beside baselines.

causal   bits per byte, perplexity a word and a token, token accuracy; beside a twin, a unigram and an n-gram model, xz;
         no bits per byte where the tokenizer does not give the texts back, because the model is asked about other texts
masked   masked-token accuracy and loss on a fixed set of hidden tokens; beside a twin and a unigram model
spans    the same of an encoder–decoder, on the tokens of a fixed set of spans that were cut out

suite = LanguageModeling(confidence=0.95, seed=0)
result, scores = suite.run(load("runs/quickstart/model"), texts, train_counts)
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from desdecero.eval_suites.baselines import ngram_scores, unigram_scores, untrained_twin, xz_bits_per_byte
from desdecero.eval_suites.calibration import calibration
from desdecero.eval_suites.metrics import compute
from desdecero.eval_suites.models.batching import Progress, given_back
from desdecero.eval_suites.models.interface import LanguageModel
from desdecero.eval_suites.models.kinds import Objective
from desdecero.eval_suites.models.windows import DocumentScore, summed
from desdecero.eval_suites.ngram import NGram
from desdecero.eval_suites.results import HELD_OUT, Comparison, Estimate, Measured, SuiteResult
from desdecero.eval_suites.statistics import effective_documents, jackknife_difference, jackknife_ratio


@dataclass(frozen=True)
class Measure:
    """Metric module of `metrics/`, as a rising function of Σ numerator / Σ denominator over documents."""

    name: str
    numerator: str
    denominator: str
    largest: float = math.inf
    """Upper bound of the ratio; intervals end here, and at 0."""

    @property
    def is_share(self) -> bool:
        """True for an accuracy, the share of tokens that were right; the other measures are losses."""
        return self.largest == 1

    def value(self, numerators: Any, denominators: Any) -> float:
        """Return the measure of all documents together, from one numerator and one denominator per document."""
        inputs = {self.numerator: list(numerators), self.denominator: list(denominators)}
        return float(compute([self.name], inputs)[self.name])

    def ratio(self, scores: Sequence[DocumentScore]) -> tuple[list[float], list[float]]:
        """Return the numerators and the denominators, one of each per document."""
        return [getattr(s, self.numerator) for s in scores], [getattr(s, self.denominator) for s in scores]


MEASURES: dict[Objective, tuple[Measure, ...]] = {
    "causal": (
        Measure("bits_per_byte", "nll", "bytes"),
        Measure("word_perplexity", "nll", "words"),
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

TOKEN_LOSS = Measure("token_loss", "nll", "tokens")
"""The loss of a causal model whose tokenizer does not keep the bytes of a text."""

NO_LIKELIHOOD = "no_text_probability"
"""Key for the reason that a model which fills gaps gives no probability to a whole text."""
LIKELIHOODS = ("bits_per_byte", "word_perplexity", "perplexity")
"""Measures that need the probability of a text."""

TEXT_CHANGED = "text_changed"
"""Key for the reason that decoding a text's tokens does not give its bytes back."""
CHANGED_SHARE = 0.01
"""Largest share of the bytes that may lie in texts which do not come back. If these texts cost the model nothing, bits
per byte would then be 1% too low, as much as two models may differ by default and count as the same."""

NO_WORDS = "no_words"
"""Key for the reason that the texts have no spaces between words, as in Chinese or Thai."""
LONGEST_WORDS = 30
"""Mean length of a word in bytes beyond which the texts have no spaces between words. Of the languages that have, the
longest words are those of South India: Malayalam has some 9 letters of 3 bytes."""


Baselines = Mapping[str, Mapping[str, float]]
"""Baseline → measure → value."""


@dataclass(frozen=True)
class LanguageModeling:
    """Suite at one seed, which draws the hidden tokens and the twin's weights."""

    confidence: float
    seed: int

    def score(
        self,
        model: LanguageModel,
        texts: Sequence[str],
        progress: Progress = iter,
        owners: Sequence[int] | None = None,
        numbers: Sequence[int] | None = None,
    ) -> list[DocumentScore]:
        """Return one score per document.

        `owners` has the document's number of each text, from 0, where texts are pieces of documents. `numbers` has the
        places of the texts where they are some of more, which decide what tokens are hidden.
        """
        scores = model.score_documents(texts, self.seed, progress=progress, numbers=numbers)
        return scores if owners is None else summed(scores, owners)

    def estimate(self, measure: Measure, scores: Sequence[DocumentScore]) -> Estimate:
        """Return a measure over documents, with its interval, or without where there are too few of them."""
        above, below = measure.ratio(scores)
        value = measure.value(above, below)
        interval = jackknife_ratio(above, below, self.confidence)
        if interval is None:
            return Estimate(value=value, low=None, high=None)
        low, high = (measure.value([end], [1]) for end in np.clip([interval.low, interval.high], 0, measure.largest))
        return Estimate(value=value, low=low, high=high)

    def _measured(self, measure: Measure, scores: Sequence[DocumentScore]) -> Measured:
        estimate = self.estimate(measure, scores)
        return Measured(
            value=estimate.value,
            low=estimate.low,
            high=estimate.high,
            better="higher" if measure.is_share else "lower",
            share=measure.is_share,
        )

    def change(self, measure: Measure, before: Sequence[DocumentScore], after: Sequence[DocumentScore]) -> Estimate:
        """Return a measure after minus before on the same documents, with its paired interval.

        For measures proportional to their ratio (bits per byte, losses, accuracies), not for perplexity.
        """
        (old, below), (new, _) = measure.ratio(before), measure.ratio(after)
        value = measure.value(new, below) - measure.value(old, below)
        interval = jackknife_difference(old, new, below, self.confidence)
        if interval is None:
            return Estimate(value=value, low=None, high=None)
        return Estimate(value=value, low=measure.value([interval.low], [1]), high=measure.value([interval.high], [1]))

    def compare(self, measure: Measure, before: Sequence[DocumentScore], after: Sequence[DocumentScore]) -> Comparison:
        """Return a measure on the same documents before and after."""
        return Comparison(
            documents=len(before),
            before=self.estimate(measure, before),
            after=self.estimate(measure, after),
            change=self.change(measure, before, after),
        )

    def run(
        self,
        model: LanguageModel,
        texts: Sequence[str],
        train_counts: NDArray[np.int64] | None,
        progress: Progress = iter,
        ngram: NGram | None = None,
        owners: Sequence[int] | None = None,
        known: Baselines | None = None,
    ) -> tuple[SuiteResult, list[DocumentScore]]:
        """Return the result of the suite, and one score per document.

        `train_counts`, of shape (vocabulary,), is the number of times that training read each token; None for a
        model that others trained. `ngram`, trained on the same tokens, is a baseline of models that give a probability
        to a text. `owners`: see `score`. `known` has the baselines' values where they were measured on these texts
        before, with the same tokenizer.
        """
        own, scores = MEASURES[model.objective], self.score(model, texts, progress, owners)
        back = given_back(model.tokenizer, texts) if model.text_probability else []
        by_byte = _keeps_bytes(texts, back)
        not_measured = {} if model.text_probability else dict.fromkeys(LIKELIHOODS, NO_LIKELIHOOD)
        if not by_byte:
            not_measured |= {each.name: TEXT_CHANGED for each in own if each.denominator in ("bytes", "words")}
        elif sum(score.bytes for score in scores) > LONGEST_WORDS * sum(score.words for score in scores):
            not_measured |= {each.name: NO_WORDS for each in own if each.denominator == "words"}
        measures = [measure for measure in own if measure.name not in not_measured]
        baselines = (
            {name: dict(values) for name, values in known.items()}
            if known is not None
            else self._baselines(model, texts, measures, train_counts, progress, ngram, by_byte)
        )
        settings = {"mask_probability": model.hidden_share, "mean_span_length": model.mean_span_length}
        result = SuiteResult(
            name=HELD_OUT,
            kind=HELD_OUT,
            items=len(scores),
            effective_items=effective_documents(measures[0].ratio(scores)[1]),
            unit="document",
            sizes={"bytes": sum(score.bytes for score in scores), "tokens": sum(score.tokens for score in scores)},
            settings={name: value for name, value in settings.items() if value is not None},
            main=measures[0].name,
            measures={measure.name: self._measured(measure, scores) for measure in measures},
            not_measured=not_measured,
            baselines=baselines,
            given_back=_share_of_documents(back, owners) if back else None,
            calibration=calibration(scores),
        )
        return result, scores

    def _baselines(
        self, model: LanguageModel, texts: Sequence[str], measures: Sequence[Measure],
        train_counts: NDArray[np.int64] | None, progress: Progress, ngram: NGram | None, by_byte: bool,
    ) -> dict[str, dict[str, float]]:  # fmt: skip
        # Random weights make nothing of their context, so the twin is spared the overlap: half of its cost.
        twin = untrained_twin(model, self.seed).score_documents(texts, self.seed, overlap=0.0, progress=progress)
        baselines = {"untrained": _values(measures, twin)}
        if train_counts is not None:
            baselines["unigram"] = _values(measures, unigram_scores(model, texts, train_counts, self.seed))
        if model.text_probability and ngram is not None:
            baselines["ngram"] = _values(measures, ngram_scores(model, texts, ngram, self.seed))
        if model.text_probability and by_byte:
            baselines["xz"] = {"bits_per_byte": xz_bits_per_byte(texts)}
        return baselines


def loss_measure(model: LanguageModel, texts: Sequence[str] = ()) -> Measure:
    """Return the measure that is proportional to the mean loss on these texts.

    That is bits per byte, or nats per hidden token; nats per token, where the tokenizer does not give the texts back.
    """
    if model.text_probability and not _keeps_bytes(texts, given_back(model.tokenizer, texts)):
        return TOKEN_LOSS
    return next(measure for measure in MEASURES[model.objective] if measure.numerator == "nll")


def _share_of_documents(back: Sequence[bool], owners: Sequence[int] | None) -> float:
    """Return the share of documents of which all pieces come back."""
    whole: dict[int, bool] = {}
    for owner, unchanged in zip(owners or range(len(back)), back, strict=True):
        whole[owner] = whole.get(owner, True) and unchanged
    return sum(whole.values()) / len(whole)


def _keeps_bytes(texts: Sequence[str], back: Sequence[bool]) -> bool:
    """Tell whether all but `CHANGED_SHARE` of the bytes lie in texts that come `back`; True where none was tried."""
    sizes = [len(text.encode()) for text, _ in zip(texts, back, strict=False)]
    changed = sum(size for size, unchanged in zip(sizes, back, strict=True) if not unchanged)
    return changed <= CHANGED_SHARE * sum(sizes)


def _values(measures: Sequence[Measure], scores: Sequence[DocumentScore]) -> dict[str, float]:
    columns = {column for measure in measures for column in (measure.numerator, measure.denominator)}
    inputs = {column: [getattr(score, column) for score in scores] for column in columns}
    return compute([measure.name for measure in measures], inputs)
