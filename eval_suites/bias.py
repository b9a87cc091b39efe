"""Bias probes: paired sentences with neutral controls, and a model's gap on each.

    probes = load_probes("es")
    scores = score_probes(load("runs/quickstart/model"), probes, seed=0)
    scores[0].gap        # nats; above 0 the model leans to the stereotype

The gap of a probe is a difference in differences: log P(words | first mention) − log P(words | second mention) on
the stereotype's context, minus the same on a neutral context. It is summed over the shared tokens, not divided by
their number: the likelihood ratio of a continuation is what a reader of the model's text meets. Contexts and their
controls are of about the same length, so that what a mention does to any token cancels; `gap_per_token` divides
each difference by its own number of tokens, to see whether length matters.

The unit of every statistic is the probe, and each probe has a context of its own: n counts contexts, not rows.
`bias_verdicts.py` judges the scores of a group.

A probe's two sentences differ in the mention alone ("The woman" / "The man"), which opens them; the words after it
are shared. They are the continuation, and the mention its context, of `LanguageModel.score`: exact for a causal model
and an encoder–decoder, a pseudo-log-likelihood for a masked one. Compare gaps within a model, never those of different
kinds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from importlib import resources
from typing import Any
from zlib import crc32

import numpy as np
import yaml

from desdecero.eval_suites.models.interface import LanguageModel

GROUPS = ("gender", "origin", "religion", "age", "disability", "class")
LANGUAGES = ("en", "es")
SLOT = "{}"


@dataclass(frozen=True)
class Probe:
    """One stereotype: a context with a slot at its start, the mentions that fill it, and a neutral context."""

    id: str
    language: str
    group: str
    pair: tuple[str, str]
    """Two mentions; the stereotype is about the first."""
    context: str
    neutral: str


@dataclass(frozen=True)
class ProbeScore:
    """A model's score of one probe. All log-probabilities are of the words after the slot, in nats."""

    probe: Probe
    context: tuple[float, float]
    """log P(context's words | first mention) and log P(context's words | second mention)."""
    neutral: tuple[float, float]
    """The same two log-probabilities of the neutral context's words."""
    shuffled: float
    """log P(neutral's words in a random order | first mention)."""
    context_tokens: int
    neutral_tokens: int

    @property
    def context_difference(self) -> float:
        """Log-probability of the stereotype's context: first mention minus second, in nats."""
        return self.context[0] - self.context[1]

    @property
    def neutral_difference(self) -> float:
        """Log-probability of the neutral context: first mention minus second, in nats."""
        return self.neutral[0] - self.neutral[1]

    @property
    def gap(self) -> float:
        """Difference of the two differences, in nats; above 0 the model leans to the stereotype."""
        return self.context_difference - self.neutral_difference

    @property
    def gap_per_token(self) -> float:
        """Gap with each difference divided by its own number of tokens, in nats per token."""
        return self.context_difference / self.context_tokens - self.neutral_difference / self.neutral_tokens

    @property
    def in_order(self) -> bool:
        """True if the model prefers the neutral sentence as written to the same words shuffled.

        It is judged on the neutral sentence, so that bias cannot pass for competence.
        """
        return self.neutral[0] > self.shuffled

    def to_dict(self) -> dict[str, Any]:
        """Return the probe and its scores as plain values for a report."""
        return {
            **asdict(self.probe),
            "log_probability": {"context": self.context, "neutral": self.neutral, "shuffled": self.shuffled},
            "tokens": {"context": self.context_tokens, "neutral": self.neutral_tokens},
            "gap": self.gap,
            "gap_per_token": self.gap_per_token,
            "in_order": self.in_order,
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> ProbeScore:
        """Return the score that `to_dict` gave these values of; raises `KeyError` for one that is missing."""
        probe = {field.name: values[field.name] for field in fields(Probe)}
        found, tokens = values["log_probability"], values["tokens"]
        return cls(
            Probe(**{**probe, "pair": tuple(probe["pair"])}),
            tuple(found["context"]),
            tuple(found["neutral"]),
            found["shuffled"],
            tokens["context"],
            tokens["neutral"],
        )


def load_probes(language: str) -> list[Probe]:
    """Return the probes of one language, in the order of `probes/<language>.yaml`, which documents them."""
    text = (resources.files("desdecero.eval_suites") / "probes" / f"{language}.yaml").read_text(encoding="utf-8")
    return [
        Probe(f"{language}/{group}/{number:02}", language, group, tuple(row["pair"]), row["context"], row["neutral"])
        for group, rows in yaml.safe_load(text).items()
        for number, row in enumerate(rows, start=1)
    ]


def score_probes(model: LanguageModel, probes: Sequence[Probe], seed: int) -> list[ProbeScore]:
    """Score each probe.

    Words beyond the model's context are cut off at the end, the same for both mentions. The shuffled orders depend
    on `seed` and the probe alone, so scoring in pieces gives the same scores.
    """
    mentions, shared = list[str](), list[str]()
    for probe in probes:
        context, neutral = (
            _fitting(model, probe.pair, each.removeprefix(SLOT)) for each in (probe.context, probe.neutral)
        )
        shuffled = shuffle_words(
            probe.neutral.removeprefix(SLOT), np.random.default_rng([seed, crc32(probe.id.encode())])
        )
        mentions += [*probe.pair, *probe.pair, probe.pair[0]]
        shared += [context, context, neutral, neutral, _fitting(model, probe.pair[:1], shuffled)]
    found = model.score(mentions, shared)
    values, lengths = found.log_likelihood.reshape(-1, 5).tolist(), found.tokens.reshape(-1, 5).tolist()
    return [
        ProbeScore(probe, (value[0], value[1]), (value[2], value[3]), value[4], length[0], length[2])
        for probe, value, length in zip(probes, values, lengths, strict=True)
    ]


def _fitting(model: LanguageModel, mentions: Sequence[str], words: str) -> str:
    """Return the beginning of the words that the model can read after each of the mentions.

    Raises `ValueError` if no word fits.
    """
    fitting = min(len(model.beginning(f"{mention}{words}")) - len(mention) for mention in mentions)
    if fitting < 1:
        raise ValueError(f"the mentions {', '.join(mentions)} alone are as long as the model can read")
    return words[:fitting]


def shuffle_words(words: str, generator: np.random.Generator) -> str:
    """Return the words in another order, each after a space, with the full stop kept at the end."""
    written = words.removesuffix(".").split()
    shuffled = written
    while shuffled == written:
        shuffled = generator.permutation(np.array(written)).tolist()
    return "".join(f" {word}" for word in shuffled) + "."
