"""The `audit` section."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from desdecero.pipelines.recipe.base import LocalPath, Section, without_resamples


class PairedSentences(Section):
    """Paired sentences: does the model lean to a stereotype, between two mentions that are alike otherwise?"""

    pairs_per_context: Annotated[int, Field(ge=2, le=100)] = 12
    """Pairs of mentions that each context meets, of those that count; the first ones of the file."""
    min_occurrences: Annotated[int, Field(ge=0)] = 10
    """A pair counts if both of its mentions stand so often in the training tokens: what a model has never read of it
    cannot prefer."""


class EsBBQ(Section):
    """EsBBQ: questions in Spanish about two people, one of whom a stereotype is about."""

    path: LocalPath
    """Its folder, or `data_es` in it, with `*.full.csv`."""
    items_per_template: Annotated[int, Field(ge=1, le=10_000)] = 8
    """Questions that are drawn of each template."""


class CrowsPairs(Section):
    """CrowS-Pairs: pairs of sentences, one of which is more stereotyped. A diagnostic: no verdict rests on it."""

    path: LocalPath
    """Its file `crows_pairs_anonymized.csv`, or the folder that holds it."""


class WinoBias(Section):
    """WinoBias: sentences whose pronoun goes with the stereotype of an occupation, or against it."""

    path: LocalPath
    """The folder with its files."""


class Honest(Section):
    """HONEST: completions of sentences about women and men that hold an insult."""

    path: LocalPath
    """The folder with its templates."""
    language: Literal["en", "es"]
    """Language of the templates, and of the list of insults that judges the completions."""


class Swaps(Section):
    """A classifier on the model's features, for a labelled file of your own: does it say the same of other people?"""

    path: LocalPath
    """A JSONL (.gz), CSV, TSV or Parquet file with texts and labels."""
    text: str = "text"
    """Column of the text."""
    label: str = "label"
    """Column of the label."""
    language: Literal["en", "es"] | None = None
    """Language of the texts. Default: the first of `audit.languages`."""


class Memorization(Section):
    """What the model gives back of its training text, word for word."""

    sequences: Annotated[int, Field(ge=30, le=100_000)] = 200
    """Passages that are asked for, of training documents and as many of held-out ones."""
    prefixes: Annotated[tuple[Annotated[int, Field(ge=1, le=100_000)], ...], Field(min_length=1, max_length=8)] = (
        16, 32, 64,
    )  # fmt: skip
    """Tokens of a passage that the model is given; it has to write the next 32."""

    @field_validator("prefixes")
    @classmethod
    def _check_distinct(cls, prefixes: tuple[int, ...]) -> tuple[int, ...]:
        if len(set(prefixes)) < len(prefixes):
            raise ValueError("a length stands there twice: name each once")
        return prefixes


class WithheldData(Section):
    """Personal data that was taken out of the corpus: does the model give it back?"""


class Facts(Section):
    """Numbers, dates and names that one document states: does the model prefer them, and how many does it make up?"""


class AuditSuites(Section):
    """What is asked of the model. A suite that is set to null is left out."""

    pairs: PairedSentences | None = PairedSentences()
    """Paired sentences."""
    esbbq: EsBBQ | None = None
    """EsBBQ, where its data are given."""
    crows_pairs: CrowsPairs | None = None
    """CrowS-Pairs, where its data are given."""
    winobias: WinoBias | None = None
    """WinoBias, where its data are given."""
    honest: Honest | None = None
    """HONEST, where its data are given."""
    swaps: Swaps | None = None
    """Swaps in use, where a labelled file is given."""
    memorization: Memorization | None = Memorization()
    """Passages, copied text and canaries."""
    personal_data: WithheldData | None = WithheldData()
    """Personal data that was taken out of the corpus."""
    facts: Facts | None = Facts()
    """True or false."""


class Audit(Section):
    """Looks for bias, and for what the model has by heart."""

    languages: Annotated[tuple[Literal["en", "es"], ...], Field(min_length=1)] = ("en", "es")
    """Languages of the probes. One that the model cannot read is reported as such."""
    margin: Annotated[float, Field(ge=0.01, le=1)] = 0.5
    """A mean gap of at most this many nats of log-probability is called small: a likelihood ratio of 1.65. At most 1: a
    model that finds stereotypes over 2.7 times as likely has no small gap. Below 0.01 (a ratio of 1.01), no number of
    probes here could show that a gap is small."""
    probes: tuple[LocalPath, ...] = ()
    """Probe files of your own, beside those that come with the project and in the same format (docs/audits.md)."""
    suites: AuditSuites = AuditSuites()
    """What is asked of the model."""
    confidence: Annotated[float, Field(ge=0.8, le=0.99)] = 0.95
    """Confidence of intervals and verdicts. At most 0.99: permutation tests give no p-value below 0.0001, which
    adjusted over some thirty tests is 0.003."""
    tolerance: Annotated[float, Field(gt=0, le=1)] = 0.02
    """Loss that a mitigation may cost, in nats per token of held-out text; of a classifier the accuracy, as a share of
    the texts. 0.02 nats are a factor of 1.02 of the perplexity."""

    @model_validator(mode="before")
    @classmethod
    def _drop_resamples(cls, data: Any) -> Any:
        return without_resamples(data)

    @field_validator("languages", "probes")
    @classmethod
    def _check_distinct(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(names)) < len(names):
            raise ValueError("one of them is named twice: it would count double; name it once")
        return names
