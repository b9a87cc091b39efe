"""How much a suite asks of a model, and how long that takes, by a short trial: what `desdecero audit --plan` tells.

Twins that are asked too are in the numbers. Text is counted in characters, so that a plan can be made before there is a
tokenizer. What a suite does beside asking (the search of values in the corpus, permutations) is not in them.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from desdecero.eval_suites.models.decoding import TEMPERATURE, TOP_K, Decoding
from desdecero.eval_suites.models.interface import LanguageModel
from desdecero.eval_suites.models.prompts import GAP
from desdecero.eval_suites.paired_sentences.probes import Probes

CHARACTERS = 4
"""Of a token, where texts are known by their tokens alone; rough: 3.2 in the quickstart's held-out text (493 kB,
152,711 tokens), and more in prose with a larger vocabulary."""
TRIED, ANSWERED, TOKENS, TRIALS = 64, 4, 16, 4
"""Sentences that are scored in a trial; answers that are written, and tokens of each; trials, the first to warm up."""


@dataclass(frozen=True)
class Work:
    """What a suite asks of a model and its twin."""

    items: int
    """Number of what the suite counts in: sentences, questions, pairs, passages."""
    read: float = 0
    """Characters of the texts that are scored."""
    answers: int = 0
    """Answers that are written."""
    written: int = 0
    """Tokens of all answers, each with a pass of its own."""


@dataclass(frozen=True)
class Speed:
    """How fast a model is on this machine."""

    read: float
    """Characters a second, of short texts that are scored."""
    answer: float
    """Seconds that an answer takes beside its tokens."""
    token: float
    """Seconds that each token of an answer takes."""

    def seconds(self, work: Work) -> float:
        """Return how long it takes."""
        return work.read / self.read + work.answers * self.answer + work.written * self.token


def tried_speed(model: LanguageModel, probes: Probes, seed: int) -> Speed:
    """Score and continue some sentences of the probes.

    Raises `ValueError` for a sentence that is longer than the model can read.
    """
    mention = probes.pairs[0][0]
    texts = [f" {each.context}" for each in probes.contexts][:TRIED]
    prompts = [f"{mention} {GAP}." if model.fills_gaps else mention] * ANSWERED

    def answers(tokens: int) -> tuple[float, float]:
        """Return the seconds of an answer of so many tokens at most, and how many it has."""
        decoding, written = Decoding(tokens, TEMPERATURE, TOP_K), list[int]()

        def write() -> None:
            written.extend(len(ids) for answer in model.answer(prompts, decoding, seed) for ids in answer.written)

        return _seconds(write) / ANSWERED, sum(written) / len(written)

    read = _seconds(lambda: model.log_likelihood([mention] * len(texts), texts))
    (short, few), (long, many) = answers(1), answers(min(TOKENS, model.context_length // 2))
    token = (long - short) / (many - few) if long > short and many > few else 0.0
    return Speed(sum(len(mention) + len(text) for text in texts) / read, max(0.0, short - few * token), token)


def _seconds(does: Callable[[], object]) -> float:
    """Return how long the shortest of `TRIALS` took: the others waited."""
    times = []
    for _ in range(TRIALS):
        start = time.perf_counter()
        does()
        times.append(time.perf_counter() - start)
    return min(times)
