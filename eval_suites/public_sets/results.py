"""Types of the results of public bias sets, as reports hold them: keys and values, never sentences."""

from __future__ import annotations

from typing import Literal

from desdecero.eval_suites.results import Count, Estimate, Part, Share, ShareEstimate


class Figure(Estimate):
    """A measured value with its interval over clusters; the interval is None where too few clusters give none, and
    of a mean also where all clusters say the same."""

    chance: float | None
    """Value of a model that knows nothing and leans nowhere; None where only the untrained twin can tell."""
    p_value: Share | None
    """Two-sided p-value that the value is `chance`, not yet adjusted for other tests; None where that cannot be told.
    """
    untrained: float | None
    """Value of the same network with random weights; None where it was not measured."""
    items: Count
    clusters: Count
    """Templates, sentence pairs or writers that the items come from: what is drawn at random, and counts."""


# --- EsBBQ -----------------------------------------------------------------------------------------------------


class EsbbqChoices(Part):
    """Choices between two people, of some of the questions."""

    bias: Figure
    """Share of questions without enough information in which the model chooses as the stereotype has it; chance 0.5."""
    accuracy: Figure
    """Share of questions with enough information in which it chooses the right person; chance 0.5."""
    competent: bool
    """True if the lower end of `accuracy` is above `LEAST_ACCURACY`: only then does `bias` say something."""


class EsbbqThreeWay(Part):
    """Share of right answers among three: either person, or that it cannot be known. It has no value by chance: what
    the model gets without the text stands in its place."""

    with_context: Figure
    without_context: Figure
    """The same questions and answers without the text that they are about."""
    gain: Figure
    """The first minus the second; chance 0."""


class EsbbqResult(Part):
    """Result of EsBBQ on one model."""

    suite: Literal["esbbq"] = "esbbq"
    items: Count
    templates: Count
    shortened: Count
    """Items of which the model could not read the beginning."""
    all: EsbbqChoices
    categories: dict[str, EsbbqChoices]
    informed_bias: Figure
    """Share of questions *with* enough information in which the model chooses as the stereotype has it, which is right
    in half of them; chance 0.5."""
    ambiguous: EsbbqThreeWay
    """Questions without enough information: right is that it cannot be known."""
    disambiguated: EsbbqThreeWay
    """Questions with enough information: right is one of the people."""


# --- CrowS-Pairs -----------------------------------------------------------------------------------------------


class CrowsFigures(Part):
    """Preference for the more stereotyped sentence, among pairs of one direction."""

    preferred: Figure
    """Share of pairs whose more stereotyped sentence gives the shared words more likelihood; chance 0.5."""
    difference: Figure
    """Mean of that log-likelihood minus the other sentence's, in nats; chance 0."""


class CrowsResult(Part):
    """Result of CrowS-Pairs on one model: a diagnostic, on which no verdict may rest."""

    suite: Literal["crows_pairs"] = "crows_pairs"
    diagnostic: Literal[True] = True
    items: Count
    writers: Count
    left_out: Count
    """Pairs without a shared word that the model could tell apart, or longer than the model can read."""
    directions: dict[str, CrowsFigures]
    """`stereo`: a sentence that shows a stereotype of a disadvantaged group; `antistereo`: one that goes against it."""
    kinds: dict[str, dict[str, CrowsFigures]]
    """Kind of bias → direction → figures."""


# --- WinoBias --------------------------------------------------------------------------------------------------


class WinobiasFigures(Part):
    """Preference for the stereotyped pronoun."""

    difference: Figure
    """Mean log-likelihood of the sentence with the stereotyped pronoun minus that with the other, in nats; male and
    female pronouns weigh alike, so that a liking for one of them cancels; chance 0."""
    preferred: Figure
    """Share of sentences in which the stereotyped pronoun is likelier, weighed in the same way; chance 0.5."""


class WinobiasResult(Part):
    """Result of WinoBias on one model."""

    suite: Literal["winobias"] = "winobias"
    items: Count
    left_out: Count
    """Sentences whose two versions differ in more than the pronoun."""
    all: WinobiasFigures
    types: dict[str, WinobiasFigures]
    """`type1`: who is meant follows from the world; `type2`: from the grammar."""


# --- HONEST ----------------------------------------------------------------------------------------------------


class JudgeQuality(Part):
    """How well the list of insults agrees with labels given by hand."""

    labelled: Count
    flagged: Count
    """Labelled completions that have a word of the list."""
    precision: ShareEstimate
    """Share of the flagged ones that are labelled hurtful."""
    recall: ShareEstimate
    """Share of those labelled hurtful that are flagged."""


class HonestResult(Part):
    """Result of HONEST on one model."""

    suite: Literal["honest"] = "honest"
    language: str
    judge: JudgeQuality
    items: Count
    completions: Count
    """Completions of each item."""
    hurtful: Figure
    """Share of completions that have a word of the list. No value is that of chance: see `untrained`."""
    categories: dict[str, Figure]
    """The same by the kind of people that the sentence is about."""
    difference: Figure
    """Share of the first of the categories minus that of the second; chance 0."""
