"""Types of the results of suites, as reports hold them: keys and values, never sentences.

Every type is frozen and closed to keys that it does not know. This module imports pydantic alone, so that reports can
be read without torch.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=0)]


class Part(BaseModel):
    """A part of a report: frozen, closed to keys that it does not know, and to NaN and infinity."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


# --- any suite -------------------------------------------------------------------------------------------------


class Estimate(Part):
    """A measured value with the ends of its confidence interval; None where too few documents give none."""

    value: float
    low: float | None
    high: float | None

    @property
    def interval(self) -> tuple[float, float] | None:
        """Both ends of the confidence interval, or None."""
        return None if self.low is None or self.high is None else (self.low, self.high)


class Measured(Estimate):
    """A measure of a suite, and how to read it."""

    better: Literal["higher", "lower"]
    share: bool
    """True for a value between 0 and 1, which is written as a percentage."""


class ShareEstimate(Part):
    """A share with its Wilson interval."""

    value: Share
    low: Share
    high: Share


class Comparison(Part):
    """A measure on the same documents before and after."""

    documents: Count
    before: Estimate
    after: Estimate
    change: Estimate
    """Difference after minus before, paired by document."""


ComparisonVerdict = Literal["first better", "second better", "same within the margin", "cannot be told apart"]


class PairedComparison(Part):
    """Two models on the same items of a suite."""

    items: Count
    effective_items: float
    """Items, documents or clusters of equal weight that would tell as much."""
    better: Literal["higher", "lower"]
    margin: Annotated[float, Field(gt=0)]
    """Difference that is of no account, in the unit of the measure."""
    confidence: float
    difference: Estimate
    """First model minus second, paired by item; the interval is that of this comparison alone."""
    effect_size: float | None
    """The difference over the standard deviation of the items' differences (d_z); None where that is 0."""
    p_value: Share | None
    """p-value of a difference of 0; None, as the interval is, where there are too few units."""
    p_adjusted: Share | None
    """The same, adjusted over all comparisons that were made together (Holm 1979)."""
    p_same: Share | None
    """p-value of a difference of the margin or more, by two one-sided tests."""
    p_same_adjusted: Share | None
    """The same, adjusted over all comparisons that were made together (Holm 1979)."""
    needed: Count | None
    """Items with which a difference of the margin would be found with a chance of 80%; None where every item agrees."""
    verdict: ComparisonVerdict


class ModelComparison(PairedComparison):
    """Two models, by their names, on one suite."""

    suite: str
    measure: str
    first: str
    second: str


HELD_OUT = "language_modeling"
"""Kind and name of the suite of held-out text."""


class Group(Part):
    """A part of a suite with a score of its own, such as a paradigm of minimal pairs."""

    items: Count
    score: Measured


class Contamination(Part):
    """Items of a suite that share a passage with the training text."""

    words: Count
    """Number of consecutive words that make a match."""
    items: Count
    """Number of items that match."""
    without: Measured | None
    """The main measure without them; None if none match, or all."""


class CalibrationBin(Part):
    """Tokens whose first choice had a probability in one range, or labels and spans that a model gave."""

    tokens: Count
    """Number of tokens, labels or spans."""
    confidence: Share
    """Mean probability of the first choice."""
    accuracy: Share
    """Share of them for which it was right."""


class Calibration(Part):
    """Whether a model is right as often as it is sure."""

    error: Share
    """Expected calibration error: the mean over tokens of |accuracy − confidence| of their bin (Guo et al. 2017,
    §2)."""
    bins: list[CalibrationBin]
    """Equal ranges of probability, from the lowest; those without tokens are left out."""


class DataFile(Part):
    """Where the items of a suite come from."""

    path: str
    """File, folder, name on the Hub, or `shipped`."""
    sha256: str
    """Digest of the file, or of the names and contents of a folder's files."""


class SuiteResult(Part):
    """Result of one suite on one model."""

    name: str
    """Name that is unique in its report."""
    kind: str
    """Kind of suite: `language_modeling` for held-out text."""
    items: Count
    """Number of scored items; `unit` names what an item is."""
    effective_items: float | None = None
    """Items of equal size that would tell as much: (Σ b)² / Σ b² of documents of b bytes. Below eight, no measure has
    an interval. None where items are of one size and independent."""
    unit: str
    sizes: dict[str, Count]
    """Totals over all items: `bytes` of UTF-8, `tokens` that were predicted."""
    settings: dict[str, float]
    """Settings by which items are made into questions, such as the share of tokens hidden."""
    main: str
    """The measure to quote if only one is quoted."""
    measures: dict[str, Measured]
    not_measured: dict[str, str]
    """Measure → key of the reason for which this model cannot have it."""
    baselines: dict[str, dict[str, float]]
    """Baseline → measure → its value on the same items."""
    given_back: Share | None = None
    """Share of the documents that the tokenizer gives back unchanged when their tokens are decoded; None where no
    measure is by byte."""
    calibration: Calibration | None = None
    """Of the tokens of held-out text; None for other suites, and in reports of older versions."""
    chance: dict[str, float] = Field(default={})
    """Measure → the value that guessing gives, where guessing has one."""
    groups: dict[str, Group] = Field(default={})
    """Parts with a score of their own, such as paradigms. The main measure is the mean over these, each of which weighs
    alike; its interval is for these parts and not for others of their kind."""
    clusters: Count = 0
    """Number of templates that the items were made from, where the data name them: the unit of the intervals."""
    left_out: dict[str, list[str]] = Field(default={})
    """Reason → the items that were not scored, by file and line."""
    shortened: Count = 0
    """Number of items whose context lost tokens on the left because the model cannot read all."""
    signatures: dict[str, str] = Field(default={})
    """Measure → the signature of the library that computed it, with its version and settings."""
    data: DataFile | None = None
    contamination: Contamination | None = None


class SampleMeasures(Part):
    """Measures of the texts that a model wrote, without their prompts."""

    samples: Count
    repetition: Share | None
    """Share of runs of four words that stood in the same text before; None where no text has four words."""
    distinct_1: Share | None
    """Different words, as a share of all."""
    distinct_2: Share | None
    """Different pairs of words, as a share of all."""
    longest_copy: Count | None
    """Tokens of the longest stretch that stands in the training tokens; None where these are not known."""


Dimension = Literal["source", "language", "domain", "length"]
"""What held-out text is divided by."""


class Slice(Part):
    """The main measure on a part of the held-out text."""

    dimension: Dimension
    value: str
    """Name of the source, language or domain slice; the shortest and the longest document in bytes, as in `200-1834`,
    of a quarter of the documents by length. Empty for documents whose language is not known."""
    documents: Count
    bytes: Count
    """Scored bytes of UTF-8."""
    measured: Measured
    """Without an interval where the documents of the slice say too little about how they differ: under eight effective
    documents, (Σ bytes)² / Σ bytes²."""


# --- bias ------------------------------------------------------------------------------------------------------


class Competence(ShareEstimate):
    """Share of sentences preferred to their shuffled words."""

    threshold: Share
    """Share that the interval's lower end must pass."""
    competent: bool


# --- models with labels ----------------------------------------------------------------------------------------


class LabelScore(Part):
    """What a model made of one label."""

    precision: Share
    """Share of right ones among those that it gave; 0 where it gave none."""
    recall: Share
    """Share of right ones among those that are to be given; 0 where none are."""
    f1: Share
    """Harmonic mean of the two."""
    support: Count
    """Number of texts with the label, or spans with it."""
    given: Count
    """Number of texts, or spans, that the model gave it to."""


class LabelScores(Part):
    """What a model with labels scored on a test."""

    items: Count
    """Number of texts."""
    measures: dict[str, Estimate]
    """`accuracy` and `macro_f1`; where a text may have several labels, `exact_match`, `micro_f1` and `macro_f1`; of
    spans, `span_f1`. Intervals are over texts."""
    by_label: dict[str, LabelScore]
    """Each label that is to be given or was given."""
    calibration: Calibration | None
    """Of the labels of texts; of each decision on a label, where a text may have several; of the spans that were found.
    None for a model without probabilities."""


PairedVerdict = Literal["better", "cannot be told apart", "worse"]


class ScoreDifference(Part):
    """Two models on the same texts, by one measure that is better the higher it is."""

    first: float
    second: float
    difference: Estimate
    """First model minus second, paired by text."""
    verdict: PairedVerdict
    """Of the first model: whether the interval leaves out 0."""


# --- what an adapter changes beside its task -------------------------------------------------------------------

SwapVerdict = Literal["differs", "cannot be told apart", "too few texts", "no texts"]
"""Of the texts with the first words of the pairs beside the same texts with the second ones."""


class SwapExample(Part):
    """A text before and after its words were exchanged, and what was predicted of each."""

    before: str
    after: str
    prediction_before: str | list[str] | float
    prediction_after: str | list[str] | float


class WordDifference(Part):
    """The same texts with the first words of the pairs, and with the second ones."""

    texts: Count
    """Texts that have words of one side only: in the others an exchange puts neither side in the place of the other."""
    measure: Literal["accuracy", "score"]
    first: float
    """The measure on the texts with the first words of the pairs."""
    second: float
    """The same with the second words."""
    difference: Estimate
    """Second minus first, paired by text; the interval is that of this group alone."""
    p_value: Share | None
    """p-value of texts that do not care which words they have; None for too few texts."""
    p_adjusted: Share | None
    """The same, adjusted over all groups that are judged (Holm 1979)."""


class SwapResult(Part):
    """What the exchange of a group's words does to the predictions."""

    texts: Count
    """Different texts that have a word of the group; of two that are each other's exchange, one."""
    flips: Count | None
    """Texts of which something else is predicted after the exchange; None where there are none, and for scores, which
    always move a little."""
    share: ShareEstimate | None
    """Flips as a share of the texts."""
    words: WordDifference | None
    """None where no text has words of one side only."""
    examples: list[SwapExample]
    """Some of the flips; for scores, the largest changes."""
    verdict: SwapVerdict


class Memorization(Part):
    """Shares of rows that a model completes verbatim."""

    train: ShareEstimate
    held_out: ShareEstimate
    difference: Estimate
    """Share of training rows minus that of held-out rows. These are different rows, so it is not paired."""


class MemorizationChange(Part):
    """The same rows completed by a base and by its adapter."""

    prompt_tokens: Count
    """Tokens of a row that the model is given."""
    answer_tokens: Count
    """Tokens after these that it has to write as they stand."""
    train_rows: Count
    held_out_rows: Count
    """Rows that were asked for."""
    before: Memorization | None
    after: Memorization | None
    change: Estimate | None
    """Growth of the share of training rows minus that of held-out rows; paired by row between base and adapter."""
    not_measured: Literal["not_causal", "context_too_short", "too_few_rows", "rows_too_short"] | None
    """Key of the reason for which there is nothing else."""


GapVerdict = Literal["grew", "shrank", "cannot be told apart", "model not competent"]
"""Of the distance of a gap from 0."""


class GapChange(Part):
    """The gap of one group in one language before and after, on the same contexts and pairs, in nats."""

    language: str
    group: str
    contexts: Count
    before: float
    after: float
    change: Estimate
    """After minus before, paired by context and pair: above 0 towards the stereotype. The interval is that of this
    group alone."""
    p_value: Share
    """p-value of a gap whose distance from 0 is the same."""
    p_adjusted: Share
    """p-value adjusted over all groups and languages (Holm 1979)."""
    verdict: GapVerdict
