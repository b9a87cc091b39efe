"""A model's gaps on paired sentences: how much likelier it finds a stereotype after the mention that it is about.

    scores = score_probes(load("runs/quickstart/model"), probes, probes.pairs, seed=0)
    scores.contexts[0].gaps        # (pairs,), nats; above 0 the model leans to the stereotype

A gap is a difference of differences: log P(words | the mention that they are about) − log P(words | the other mention)
on the context, minus the same on the neutral sentence. It is summed over tokens, not divided by their number: the
likelihood ratio of a continuation is what a reader of the model's text meets. Words that context and neutral sentence
begin with are in both and cancel, and so does what a mention does to any words.

The mention is the context, and the words after it the continuation, of `LanguageModel.score`: exact for a causal model
and an encoder–decoder, a pseudo-log-likelihood for a masked one. Compare gaps within a model, never those of different
kinds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from desdecero.eval_suites.models.batching import Progress
from desdecero.eval_suites.paired_sentences.probes import Context, Pair, Probes

Nats = NDArray[np.float64]


class Scorer(Protocol):
    """What probes can be put to: a `LanguageModel`, or counts of the training text (`attribution.py`)."""

    def log_likelihood(self, contexts: Sequence[str], continuations: Sequence[str]) -> Nats:
        """Return the log-likelihood of each continuation after its context: nats, (texts,)."""
        ...

    def beginning(self, text: str) -> str:
        """Return the part of a text, from its beginning, that can be read at once."""
        ...


LONGER = " and so on, for as many words again as the longest text may have beyond what it has in letters"
"""What is put after the longest text, to see at once that every text fits."""


@dataclass(frozen=True, eq=False)
class ContextScore:
    """Log-probabilities of a context's words after each mention, in nats."""

    context: Context
    of_context: Nats
    """(pairs, 2): after the first and after the second mention."""
    of_neutral: Nats
    """The same of the neutral sentence."""

    @property
    def gaps(self) -> Nats:
        """Gaps, (pairs,); above 0 the model finds the context likelier after the mention that it is about."""
        towards_first = (self.of_context[:, 0] - self.of_context[:, 1]) - (
            self.of_neutral[:, 0] - self.of_neutral[:, 1]
        )
        return towards_first if self.context.side == "first" else -towards_first


@dataclass(frozen=True)
class WordOrder:
    """Log-probabilities of a neutral sentence and of its words in a random order, after the same mention."""

    mention: str
    shuffled: str
    nats: tuple[float, float]
    """In order, shuffled."""

    @property
    def in_order(self) -> bool:
        """Whether the sentence is the likelier one."""
        return self.nats[0] > self.nats[1]


@dataclass(frozen=True)
class ProbeScores:
    """A model's scores of the probes of one group in one language."""

    language: str
    name: str
    group: str
    pairs: tuple[Pair, ...]
    """Pairs that were asked; none where too few count."""
    contexts: tuple[ContextScore, ...]
    reading: tuple[ContextScore, ...]
    order: tuple[WordOrder, ...]
    """Of each context's neutral sentence, after the first mention of the file. Bias cannot pass for competence, because
    these are neutral."""

    @property
    def gaps(self) -> Nats:
        """Gaps of the contexts, (contexts, pairs)."""
        return np.array([score.gaps for score in self.contexts])

    @property
    def reading_gaps(self) -> Nats:
        """Gaps of the positive controls, (controls, pairs)."""
        return np.array([score.gaps for score in self.reading])

    def lines(self) -> list[dict[str, Any]]:
        """Return a line for each context and control: what a reviewer reads, and what can be scored again."""
        return [
            {
                **asdict(score.context),
                "language": self.language,
                "group": self.name,
                "part": part,
                "pairs": [list(pair) for pair in self.pairs],
                "context_nats": score.of_context.tolist(),
                "neutral_nats": score.of_neutral.tolist(),
                "gaps": score.gaps.tolist(),
                **({"order": asdict(self.order[place])} if part == "contexts" else {}),
            }
            for part, scores in (("contexts", self.contexts), ("reading", self.reading))
            for place, score in enumerate(scores)
        ]


def scores_of_lines(lines: Sequence[Mapping[str, Any]]) -> list[ProbeScores]:
    """Return the scores that these lines were made of; raises `KeyError` for a value that is missing."""
    found = list[ProbeScores]()
    for language, name in dict.fromkeys((line["language"], line["group"]) for line in lines):
        mine = [line for line in lines if (line["language"], line["group"]) == (language, name)]
        parts = {part: [line for line in mine if line["part"] == part] for part in ("contexts", "reading")}
        found.append(
            ProbeScores(
                language=language,
                name=name,
                group=name.partition(":")[0],
                pairs=tuple((pair[0], pair[1]) for pair in mine[0]["pairs"]),
                contexts=tuple(map(_context_score, parts["contexts"])),
                reading=tuple(map(_context_score, parts["reading"])),
                order=tuple(_word_order(line["order"]) for line in parts["contexts"]),
            )
        )
    return found


def _context_score(line: Mapping[str, Any]) -> ContextScore:
    context = Context(line["id"], line["side"], line["context"], line["neutral"], line["region"])
    return ContextScore(context, np.array(line["context_nats"]), np.array(line["neutral_nats"]))


def _word_order(order: Mapping[str, Any]) -> WordOrder:
    return WordOrder(order["mention"], order["shuffled"], (order["nats"][0], order["nats"][1]))


def score_probes(
    model: Scorer, probes: Probes, pairs: Sequence[Pair], seed: int, progress: Progress = iter
) -> ProbeScores:
    """Score every context and control with each of these pairs of the probes.

    seed: of the random orders of words, each of which depends on it and the context alone
    progress: goes over the mentions

    Raises `ValueError` for a sentence that is longer than the model can read.
    """
    asked, first = (*probes.contexts, *probes.reading), probes.pairs[0][0]
    texts = list(dict.fromkeys(f" {text}" for each in asked for text in (each.context, each.neutral)))
    mentions = list(dict.fromkeys(mention for pair in pairs for mention in pair))
    read = fitting(model, [first, *mentions], texts)
    scores = {
        mention: dict(zip(texts, model.log_likelihood([mention] * len(texts), read).tolist(), strict=True))
        for mention in progress(mentions)
    }
    neutral = [f" {each.neutral}" for each in probes.contexts]
    shuffled = [shuffled_words(each.neutral, seed, each.id) for each in probes.contexts]
    of_order = (
        model.log_likelihood([first] * len(written), fitting(model, [first], written)).tolist()
        for written in (neutral, [f" {words}" for words in shuffled])
    )

    def score(each: Context) -> ContextScore:
        of_both = (
            np.array([[scores[mention][f" {text}"] for mention in pair] for pair in pairs]).reshape(-1, 2)
            for text in (each.context, each.neutral)
        )
        return ContextScore(each, *of_both)

    return ProbeScores(
        language=probes.language,
        name=probes.name,
        group=probes.group,
        pairs=tuple(pairs),
        contexts=tuple(map(score, probes.contexts)),
        reading=tuple(map(score, probes.reading)),
        order=tuple(
            WordOrder(first, words, nats) for words, nats in zip(shuffled, zip(*of_order, strict=True), strict=True)
        ),
    )


def fitting(model: Scorer, mentions: Sequence[str], texts: Sequence[str]) -> list[str]:
    """Return the beginning of each text that the model can read after every mention: the same for all of them.

    Raises `ValueError` if no word fits.
    """
    longest = f"{max(mentions, key=len)}{max(texts, key=len)}{LONGER}"
    if model.beginning(longest) == longest:
        return list(texts)
    found = []
    for text in texts:
        fitting = min(len(model.beginning(f"{mention}{text}")) - len(mention) for mention in mentions)
        if fitting < 2:
            raise ValueError(f"a mention such as {max(mentions, key=len)!r} alone is as long as the model can read")
        found.append(text[:fitting])
    return found


def shuffled_words(text: str, seed: int, name: str) -> str:
    """Return the words of a sentence in another order, with the full stop kept at the end."""
    words = text.removesuffix(".").split()
    generator, shuffled = np.random.default_rng([seed, crc32(name.encode())]), words
    while shuffled == words and len(set(words)) > 1:
        shuffled = generator.permutation(np.array(words)).tolist()
    return " ".join(shuffled) + "."
