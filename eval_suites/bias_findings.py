"""The findings of a bias audit as keys and values: one for each language and group.

A finding's key is its verdict. Whoever shows it makes the sentence (`model_cards/bias_sentences.py`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any


def findings(languages: Mapping[str, Mapping[str, Any]], margin: float) -> list[dict[str, Any]]:
    """One finding a language and group of what `bias_verdicts.judge` returned, in its order.

    `margin` is in nats. Among the values, `ratio` is how many times more (or less, by the gap's sign) likely the words
    of a stereotype are on average after the mention that it is about, neutral wording set aside.
    """
    return [
        {
            "language": language,
            "group": group,
            "verdict": measured["verdict"],
            "values": {
                "probes": measured["probes"],
                "gap": measured["gap"],
                "ratio": math.exp(abs(measured["gap"]["value"])),
                "p_adjusted": measured["p_adjusted"],
                "margin": margin,
                "detectable_gap": measured["detectable_gap"],
                "competence": report["competence"],
            },
        }
        for language, report in languages.items()
        for group, measured in report["groups"].items()
    ]
