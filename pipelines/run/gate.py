"""What the gate judges of a run: its sealed reports as plain data, and the verdicts that stand in `card/gate.json`.

facts = facts_of(recipe, {"audit": {…}, …}, licensing)
card_verdicts(recipe, facts, today)            # card/gate.json
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any

from desdecero.model_cards.policy.judge import NOT_ON_CARD, judge, plain, refused
from desdecero.model_cards.policy.types import Facts
from desdecero.pipelines.recipe import Recipe
from desdecero.pipelines.run.stages import stage_name

PLACES = {
    "corpus": "corpus/report.json",
    "pretrain": "pretrain/report.json",
    "evaluate": "evaluation/report.json",
    "audit": "audit/report.json",
    "finetune": "report.json",
}
"""Kind of stage → its report, as `rules.yaml` names it."""
OF_ADAPTER = ("evaluate", "audit", "finetune")
"""Kinds of which an adapter has its own."""


def facts_of(
    recipe: Recipe,
    reports: Mapping[str, Mapping[str, Any]],
    licensing: Mapping[str, Any] | None,
    adapter: str | None = None,
    **others: Any,
) -> Facts:
    """Collect what is judged of a model, or of an adapter.

    reports: by stage; those that are not there are left out. licensing: `licensing.json` of its card. others: what
    `verify` and the base say, by the names of `rules.yaml`
    """
    found = {
        place: reports.get(stage_name(kind, adapter if kind in OF_ADAPTER else None)) for kind, place in PLACES.items()
    }
    found |= {"recipe.yaml": recipe.model_dump(mode="json"), "card/licensing.json": licensing, **others}
    labels = adapter is not None and bool(recipe.adapters[adapter].labels)
    return Facts({name: report for name, report in found.items() if report is not None}, adapter, labels)


def card_verdicts(recipe: Recipe, facts: Facts, today: datetime.date) -> dict[str, Any]:
    """Return the content of `gate.json`: every verdict but those on the card's own seal and signature.

    The day stands there only if there are waivers, which are compared with it: all else is the same on every day.
    """
    policy = recipe.policy.judged(facts.adapter)
    verdicts = judge(facts, policy, today, leave_out=NOT_ON_CARD)
    return {
        "preset": policy.preset,
        "judged": str(today) if policy.waivers else None,
        "refused": refused(verdicts),
        "verdicts": [plain(verdict) for verdict in verdicts],
    }
