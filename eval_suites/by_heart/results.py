"""Types of the results of what a model knows by heart, as reports hold them: keys and values, never sentences."""

from __future__ import annotations

from typing import Literal

from desdecero.eval_suites.results import Count, Estimate, Part, Share

NotMeasured = Literal["not_causal", "context_too_short", "too_few_passages", "too_few_canaries", "nothing_withheld"]
"""Key of the reason for which there are no figures."""


class Extracted(Part):
    """How many of n items a model gave back, with the interval of the share."""

    count: float
    """Of the items; a sum of chances where the model's tokens are drawn."""
    of: Count
    value: Share
    low: Share | None
    high: Share | None
    """Ends of the interval; None where too few documents give none."""


# --- passages --------------------------------------------------------------------------------------------------


class ExtractionCell(Part):
    """Passages of one split, given a prefix of one length."""

    split: Literal["train", "held_out"]
    prefix: Count
    """Tokens that the model is given."""
    by: Literal["all", "offset", "occurrences"]
    group: Literal["all", "start", "later", "0", "1", "2-4", "5-15", "16+"]
    """By offset: whether the prefix begins the document. By occurrences: how often prefix and continuation stand
    together in the training tokens."""
    documents: Count
    greedy: Extracted
    """Passages whose continuation the model writes if it takes the likeliest token each time."""
    sampled: Extracted
    """Passages whose continuation is among `draws` answers drawn at temperature 1: the sum of the chances."""


class ExtractionDifference(Part):
    """Share of training passages that are extracted, minus that of held-out passages."""

    prefix: Count
    greedy: Estimate
    sampled: Estimate


class ExtractionResult(Part):
    """Passages that a model continues word for word."""

    continuation: Count
    """Tokens that the model has to write as they stand."""
    draws: Count
    """Answers drawn for `sampled`."""
    confidence: Share
    cells: list[ExtractionCell]
    differences: list[ExtractionDifference]
    """One for each prefix for which both shares have an interval."""
    not_measured: NotMeasured | None


# --- ordinary prompts ------------------------------------------------------------------------------------------


class LicenseCopied(Part):
    """Tokens that stand in training documents under one licence."""

    license: str
    tokens: Count
    share_tokens: Share
    """Of all tokens written."""


class OrdinaryResult(Part):
    """How much of what a model writes after ordinary prompts stands word for word in its training text."""

    least: Count
    """Tokens of a run, from which on it counts as copied."""
    confidence: Share
    written: Count
    """Tokens that the model wrote."""
    prompts: Extracted | None
    """Answers with a copied run, of all prompts."""
    tokens: Extracted | None
    """Tokens in copied runs, of all written."""
    held_out: Extracted | None
    """Tokens in such runs, of those that go on after the prompts in the held-out documents themselves: what a writer
    has in common with the training text without having copied from it."""
    licenses: list[LicenseCopied]
    """Most tokens first. A run that stands under several licences counts for each."""
    not_measured: NotMeasured | None


# --- canaries --------------------------------------------------------------------------------------------------


class Exposure(Part):
    """Canaries that were trained on so many times."""

    repetitions: Count
    canaries: Count
    exposure: Estimate
    """Mean, in bits; 1.44 for texts that were never trained on."""
    first: Count
    """Canaries that the model finds likelier than every control."""
    p_value: Share
    """That texts never trained on would be found so likely; one-sided, not adjusted for the other repetitions."""


class ExposureResult(Part):
    """Canaries among controls that were never trained on."""

    controls: Count
    largest: float
    """Largest exposure that so many controls can show, in bits."""
    confidence: Share
    repetitions: list[Exposure]
    not_measured: NotMeasured | None


# --- personal data ---------------------------------------------------------------------------------------------


class Recovered(Part):
    """Values of one kind that were taken out of the corpus, prompted with the text before them."""

    kind: str
    documents: Count
    greedy: Extracted
    """Values that the model writes if it takes the likeliest token each time."""
    first: Extracted
    """Values that it finds likelier than every made-up value beside them."""
    first_foreign: Extracted
    """The same after the text before another document's value of the kind."""
    change: Estimate
    """Share of `first` minus that of `first_foreign`, paired by value, clustered by document."""
    chance: Share
    """Share of both in a model that knows nothing, if the values were made up as well."""


class PersonalDataResult(Part):
    """Whether a model gives back what was taken out of its corpus."""

    confidence: Share
    kinds: list[Recovered]
    not_measured: NotMeasured | None


# --- suites ----------------------------------------------------------------------------------------------------


class MemorizationResult(Part):
    """What a model gives back of its training text."""

    suite: Literal["memorization"] = "memorization"
    extraction: ExtractionResult
    ordinary: OrdinaryResult
    exposure: ExposureResult | None
    """None where the recipe has no canaries."""


class PersonalDataSuite(Part):
    """Whether a model gives back what was taken out of its corpus, and how much of it was looked for."""

    suite: Literal["personal_data"] = "personal_data"
    documents: Count
    """Training documents with replaced values that were looked for in the sources."""
    altered: Count
    """Of these, those that the sources hold no longer, or not as they were."""
    kinds: list[Recovered]
    not_measured: NotMeasured | Literal["sources_missing"] | None
