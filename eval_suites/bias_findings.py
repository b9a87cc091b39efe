"""Findings of a bias audit as keys and values: one for each language and group.

The key of a finding is its verdict. `model_cards/bias_sentences.py` makes the sentence that is shown.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from desdecero.eval_suites.results import Finding, FindingValues, LanguageGaps


def findings(languages: Mapping[str, LanguageGaps], margin: float) -> list[Finding]:
    """Return one finding for each language and group that `bias_verdicts.judge` measured, in its order.

    `margin` is in nats. Among the values, `ratio` is exp(|mean gap|): the factor by which the words of a stereotype
    are more (or less, by the gap's sign) likely on average after the mention that it is about, neutral wording set
    aside.
    """
    return [
        Finding(
            language=language,
            group=group,
            verdict=measured.verdict,
            values=FindingValues(
                probes=measured.probes,
                gap=measured.gap,
                ratio=math.exp(abs(measured.gap.value)),
                p_adjusted=measured.p_adjusted,
                margin=margin,
                detectable_gap=measured.detectable_gap,
                competence=result.competence,
            ),
        )
        for language, result in languages.items()
        for group, measured in result.groups.items()
    ]
