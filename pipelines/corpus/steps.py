"""The steps that a recipe asks for, in the order in which every document takes them.

From what mends a text to what judges it to what hides things in it: a judgement sees the text as mended, and what
is counted as personal data is counted in text that stays.
"""

from __future__ import annotations

from pipelines.corpus.cleaning.quality import Quality
from pipelines.corpus.cleaning.unicode import RepairUnicode
from pipelines.corpus.draft import Step
from pipelines.corpus.privacy.patterns import Redact
from pipelines.recipe import Corpus


def build_steps(corpus: Corpus) -> list[Step]:
    """The steps of a recipe's `corpus` section, ready to be called on drafts."""
    steps: list[Step] = [RepairUnicode()]
    steps.append(Quality(corpus.quality))
    if corpus.redact:
        steps.append(Redact(corpus.redact))
    return steps
