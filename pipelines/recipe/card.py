"""The `card` section."""

from __future__ import annotations

from desdecero.pipelines.recipe.base import Section
from desdecero.pipelines.recipe.identifiers import LicenseExpression


class Card(Section):
    """What people say about the model in its card."""

    license: LicenseExpression | None = None
    """The model's own licence, as an SPDX expression: `Apache 2.0` is read as `Apache-2.0`. Nothing is assumed: without
    one, the card says so."""
    authors: tuple[str, ...] = ()
    """Who made the model."""
    contact: str | None = None
    """Address for questions and complaints."""
    intended_use: str = ""
    """What the model may be used for."""
    out_of_scope: str = ""
    """What it must not be used for."""
    limitations: str = ""
    """What it does badly or cannot do."""
