"""The steps that a recipe asks for, in the order in which every document takes them.

From what mends a text to what judges it to what hides things in it: a judgement sees the text as mended, and what
is counted as personal data is counted in text that stays. A step that a recipe may leave out is imported where the
recipe asks for it: every worker has to start, and dictionaries and detectors take a third of a second.
"""

from __future__ import annotations

from pathlib import Path

from desdecero.pipelines.corpus.blocklist import Blocked
from desdecero.pipelines.corpus.cleaning.quality import Quality
from desdecero.pipelines.corpus.cleaning.unicode import RepairUnicode
from desdecero.pipelines.corpus.draft import Step
from desdecero.pipelines.corpus.licensing.policy import LicensePolicy
from desdecero.pipelines.corpus.sources.reservations import Reservations
from desdecero.pipelines.recipe import Corpus


def build_steps(corpus: Corpus, filters: Path | None = None) -> list[Step]:
    """The steps of a recipe's `corpus` section, ready to be called on drafts.

    filters: the folder into which `train_filters` trained what learns from examples.
    """
    steps: list[Step] = [
        Blocked(corpus.blocklist),
        Reservations(corpus.sources),
        LicensePolicy(corpus.licenses),
        RepairUnicode(),
    ]
    if corpus.lines:
        from desdecero.pipelines.corpus.cleaning.lines import LINE_COUNTS, CleanLines

        steps.append(CleanLines(corpus.lines, filters / LINE_COUNTS if filters else None))
    if corpus.language:
        from desdecero.pipelines.corpus.cleaning.language import IdentifyLanguage

        steps.append(IdentifyLanguage(corpus.language))
    if corpus.spelling:
        from desdecero.pipelines.corpus.cleaning.spelling import CorrectSpelling

        steps.append(CorrectSpelling(corpus.spelling))
    steps.append(Quality(corpus.quality))
    if (corpus.relevance or corpus.toxicity) and filters is None:
        raise ValueError("a recipe with trained filters needs their folder")
    if corpus.relevance and filters:
        from desdecero.pipelines.corpus.cleaning.relevance import RelevanceFilter

        steps.append(RelevanceFilter(filters))
    if corpus.toxicity and filters:
        from desdecero.pipelines.corpus.cleaning.toxicity import ToxicityFilter

        steps.append(ToxicityFilter(corpus.toxicity, filters))
    if corpus.decontamination:
        from desdecero.pipelines.corpus.cleaning.contamination import Decontaminate

        steps.append(Decontaminate(corpus.decontamination))
    if corpus.counterfactual:
        from desdecero.pipelines.corpus.counterfactual.exchange import Counterfactual

        steps.append(Counterfactual(corpus.counterfactual))
    if corpus.personal_data.kinds or corpus.personal_data.named_entities:
        from desdecero.pipelines.corpus.privacy.redaction import Redact

        steps.append(Redact(corpus.personal_data))
    if corpus.blocklist:
        from desdecero.pipelines.corpus.removed_texts import BlockedCopies

        if (copies := BlockedCopies(corpus.blocklist, corpus.deduplication.similarity)).removed:
            steps.append(copies)
    return steps
