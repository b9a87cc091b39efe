"""`tokens/report.json`."""

from __future__ import annotations

from typing import Literal

from desdecero.pipelines.run.reports.base import Count, Part, Share


class SplitTokens(Part):
    """A split as it lies in its files."""

    documents: Count
    tokens: Count
    bytes: Count
    """UTF-8."""
    shards: Count
    """Files."""


class SourceTokens(Part):
    """Training tokens of a source."""

    source: str
    tokens: Count
    share_tokens: Share


class LicenseTokens(Part):
    """Training tokens under a licence."""

    license: str
    """SPDX expression."""
    tokens: Count
    share_tokens: Share


class GroupTokens(Part):
    """Training tokens of a group of the mixture."""

    group: str
    tokens: Count
    share_tokens: Share
    epochs: float
    """Times that its text is trained on."""


class Cuts(Part):
    """Padding and cuts of one way of packing."""

    padding_share: Share
    documents_cut: Count
    documents_cut_that_would_fit: Count
    share_documents_cut: Share
    share_tokens_in_cut_documents: Share


class ComparedPacking(Part):
    """Both ways of packing at one length of sequences."""

    context_length: int
    concatenate: Cuts
    best_fit: Cuts


class Packing(Part):
    """How documents lie in the sequences of training."""

    way: Literal["concatenate", "best_fit"]
    block_length: int | None = None
    """Of `best_fit`, like the next two."""
    blocks: Count | None = None
    padding_share: Share | None = None
    compared: list[ComparedPacking]


class CanaryTokens(Part):
    """Made-up personal data among the training tokens. It stands in `splits`, `sources` and `licenses` too."""

    repetitions: list[Count]
    """How often the canaries of each group stand there."""
    each: Count
    """Canaries in a group."""
    controls: Count
    """Texts of the same form that stand nowhere."""
    copies: Count
    """Of all canaries together."""
    tokens: Count


class TokensReport(Part):
    """Token files that training reads."""

    dtype: Literal["<u2", "<u4"]
    """Of a token in the files, as numpy writes it."""
    splits: dict[str, SplitTokens]
    sources: list[SourceTokens]
    mixture: list[GroupTokens] | None
    """None where the recipe mixes nothing."""
    licenses: list[LicenseTokens]
    packing: Packing
    canaries: CanaryTokens | None = None
    """None where the recipe asks for none."""
