"""The steps that a recipe asks for, in the order in which every document takes them.

First the steps that repair a text, then those that judge it, then those that redact it: a judgement sees the repaired
text, and personal data is counted in text that is kept. An optional step is imported only if the recipe asks for it:
every worker imports it at start, and dictionaries and detectors take a third of a second.
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
    """Build the steps of a recipe's `corpus` section, ready to be called on drafts.

    filters: the folder of the filters that `train_filters` has trained on examples.
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
