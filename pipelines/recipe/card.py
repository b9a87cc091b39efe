"""The `card` section."""

from __future__ import annotations

from desdecero.pipelines.recipe.base import LocalPath, Section
from desdecero.pipelines.recipe.identifiers import LicenseExpression
from desdecero.pipelines.recipe.texts import Text


class Card(Section):
    """Statements of the authors in the model card.

    A text is written in one language, or in both: `{en: …, es: …}`. The card in the other language quotes a text that
    is written in one, and names its language.
    """

    license: LicenseExpression | None = None
    """Licence of the model, as an SPDX expression: `Apache 2.0` is read as `Apache-2.0`. There is no default: without
    it, the card states that it is missing."""
    license_file: LocalPath | None = None
    """File with the text of that licence, which is published as `LICENSE`. Without it, `LICENSE` has the licence's name
    and the address of its text."""
    version: str | None = None
    """Version of the model, in the authors' own numbering."""
    authors: tuple[str, ...] = ()
    """Authors of the model."""
    contact: str | None = None
    """Address for questions and complaints."""
    removal_contact: str | None = None
    """Address where the removal of a text or of personal data is asked for."""
    collected: Text = ""
    """When, and how, the texts of the corpus were collected; the date on which they were read is on the card anyway."""
    intended_use: Text = ""
    """Uses that the model is intended for."""
    out_of_scope: Text = ""
    """Uses that it must not be put to."""
    limitations: Text = ""
    """Tasks that it does badly or cannot do."""
