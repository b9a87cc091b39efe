"""Types of what paired sentences find in the training text itself, as reports hold them."""

from __future__ import annotations

from typing import Literal

from desdecero.eval_suites.paired_sentences.results import CrossedEstimate
from desdecero.eval_suites.results import Count, Part, Share


class CorpusGap(Part):
    """The gap of a group in the training text: how the words of its stereotypes stand after its mentions there."""

    gap: CrossedEstimate
    """Mean gap in nats of association, above 0 where the text leans to the stereotypes. It is on another scale than a
    model's: compare the directions."""
    p_value: Share
    """p-value of a mean of 0; not adjusted, because no verdict rests on it."""
    reading: CrossedEstimate
    """The same of the positive controls, which grammar or the meaning of the words decides."""
    p_reading: Share
    """One-sided p-value of a mean of 0 or less: where it does not tell, the text is too small for this measure."""
    ngram: CrossedEstimate
    """Mean gap of an n-gram model of the same tokens, in nats: what tokens near each other tell."""
    leans: Literal["as the model", "the other way", "not shown"]
    """Where the interval of the gap lies, seen from the model's gap."""
    windows: Count
    """Places at which one of the mentions stands, and whose words were counted."""
    documents: Count
    """Documents that have such a place."""
