"""`tokenizer/report.json`."""

from __future__ import annotations

from typing import Literal

from desdecero.pipelines.run.reports.base import Count, Part, Share


class Measured(Part):
    """Measures of a tokenizer on held-out text; None where there is nothing to divide by."""

    documents: Count
    bytes: Count
    words: Count
    bytes_per_token: float | None
    fertility: float | None
    """Tokens per word."""
    whole_words: Share | None
    """Share of words that are one token."""
    unknown_words: Share | None
    single_bytes: Share | None
    """Share of bytes that are a token each."""
    broken_bytes: Share | None
    """Share of bytes in tokens that end inside a character."""


class OfLanguage(Part):
    """Name of a group of text."""

    language: str


class MeasuredLanguage(Measured, OfLanguage):  # in this order, the name comes first
    """Measures on one language."""


class OfSource(Part):
    """Name of a group of text."""

    source: str


class MeasuredSource(Measured, OfSource):  # in this order, the name comes first
    """Measures on one source."""


class OfVariety(Part):
    """Name of a group of text."""

    variety: str


class MeasuredVariety(Measured, OfVariety):  # in this order, the name comes first
    """Measures on one variety of a language."""


class SampleRow(Part):
    """Text that the tokenizer was trained on."""

    source: str
    language: str
    bytes: Count


class BadSplit(Part):
    """A frequent word that is cut into three tokens or more."""

    word: str
    occurrences: Count
    cuts: list[str]


class DeadTokens(Part):
    """Tokens that the training text never uses."""

    tokens: Count
    examples: list[str]


class RareToken(Part):
    """A token and its occurrences."""

    token: str
    uses: Count


class RareTokens(Part):
    """Tokens that the training text uses fewer than `below` times."""

    below: int
    tokens: Count
    examples: list[RareToken]


class TokenUse(Part):
    """How often the training text uses the tokens that were learned from it."""

    learnt: Count
    tokens_read: Count
    dead: DeadTokens
    rare: RareTokens


class LongWords(Part):
    """Words of the training text that are too long for WordPiece to learn from."""

    letters: int
    """The longest that it learns from."""
    occurrences: Count


class TrialSize(Part):
    """A model trained with a vocabulary of one size."""

    vocab_size: Count
    parameters: Count
    steps: Count
    tokens: Count
    epochs: float
    bytes_per_token: float
    bits_per_byte: float


class SizeSearch(Part):
    """The choice of the vocabulary's size by trial: the model's shape, and what came out."""

    architecture: str
    layers: int
    hidden_size: int
    heads: int
    context_length: int
    batch_size: int
    flops: float
    scored_bytes: Count
    sizes: list[TrialSize]
    chosen: Count
    next: Count
    ahead_of_next: float
    """Bits per byte of the next best over those of the best, minus 1."""
    at_an_end: bool
    """The best is the smallest or the largest that was tried."""


class Peer(Part):
    """Another tokenizer on the same text."""

    name: str
    vocab_size: Count
    bytes_per_token: float
    fertility: float
    whole_words: Share
    lossless: bool


class CutText(Part):
    """A line of text and the tokens that it is cut into."""

    text: str
    tokens: list[str]


class TokenizerReport(Part):
    """A tokenizer, and its measures on held-out text."""

    kind: Literal["bpe", "unigram", "wordpiece"]
    vocab_size: Count
    special_tokens: dict[str, str]
    """Role → token."""
    added_tokens: list[str]
    training_bytes: Count
    training_share: Share
    """Of the training text."""
    training_sample: list[SampleRow]
    measured: Measured
    bytes_per_token: float
    """On held-out text; that of `measured`."""
    lossless: bool
    languages: list[MeasuredLanguage]
    sources: list[MeasuredSource]
    varieties: list[MeasuredVariety]
    bad_splits: list[BadSplit]
    use: TokenUse
    long_words: LongWords | None
    """Of WordPiece alone."""
    sweep: SizeSearch | None
    compared_with: list[Peer]
    examples: list[CutText]
