"""The `card` section."""

from __future__ import annotations

from desdecero.pipelines.recipe.base import LocalPath, Section
from desdecero.pipelines.recipe.identifiers import LicenseExpression


class Card(Section):
    """Statements of the authors in the model card."""

    license: LicenseExpression | None = None
    """Licence of the model, as an SPDX expression: `Apache 2.0` is read as `Apache-2.0`. There is no default: without
    it, the card states that it is missing."""
    license_file: LocalPath | None = None
    """File with the text of that licence, which is published as `LICENSE`. Without it, `LICENSE` has the licence's name
    and the address of its text."""
    authors: tuple[str, ...] = ()
    """Authors of the model."""
    contact: str | None = None
    """Address for questions and complaints."""
    intended_use: str = ""
    """Uses that the model is intended for."""
    out_of_scope: str = ""
    """Uses that it must not be put to."""
    limitations: str = ""
    """Tasks that it does badly or cannot do."""
