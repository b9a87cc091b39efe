"""The `card` section."""

from __future__ import annotations

from desdecero.pipelines.recipe.base import Section
from desdecero.pipelines.recipe.identifiers import LicenseExpression


class Card(Section):
    license: LicenseExpression | None = None
    """The model's own licence, as an SPDX expression: `Apache 2.0` is read as `Apache-2.0`. Nothing is assumed: without
    one, the card says so."""
    authors: tuple[str, ...] = ()
    contact: str | None = None
    intended_use: str = ""
    out_of_scope: str = ""
    limitations: str = ""
