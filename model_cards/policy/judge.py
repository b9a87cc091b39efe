"""Judge what is to be published, by every rule.

    verdicts = judge(facts, policy, today)
    refused(verdicts)               # rules for which nothing may be published
    sentence("es", verdicts[0])     # one of them in words (`gate_sentences`)

A check is a pure function of plain reports. A rule whose check fails, or has nothing to go by, is waived if waivers
that have not expired cover it: one with licences covers texts under these alone, so the check is asked again without
them.
"""

from __future__ import annotations

import datetime
import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

from desdecero.model_cards.policy import adapter_checks, checks, license_checks
from desdecero.model_cards.policy.rules import NEVER_WAIVED, rules
from desdecero.model_cards.policy.types import Facts, Found, Policy, Rule, Verdict, Waiver

NOT_ON_CARD = ("seals", "signed", "base_licenses")
"""Rules about more than what the card describes: its own seal, a signature made later, another card."""

Check = Callable[[Facts, Mapping[str, float]], Found]
CHECKS: Mapping[str, Check] = {**license_checks.CHECKS, **checks.CHECKS, **adapter_checks.CHECKS}


def judge(facts: Facts, policy: Policy, today: datetime.date, leave_out: Collection[str] = ()) -> list[Verdict]:
    """Apply every rule that is asked of what is published.

    today: the day on which waivers must not have expired; leave_out: rules that are not asked
    """
    asked = [rule for rule in rules().values() if facts.subject in rule.of and rule.name not in leave_out]
    return [_judge_one(facts, rule, policy, today) for rule in asked]


def refused(verdicts: Sequence[Verdict]) -> list[str]:
    """Return the rules for which nothing may be published."""
    return [verdict.rule for verdict in verdicts if verdict.refuses]


def plain(verdict: Verdict) -> dict[str, Any]:
    """Return a verdict as JSON holds it."""
    content: dict[str, Any] = json.loads(json.dumps(asdict(verdict), default=str))  # tuples and days
    return content


def limits_of(rule: Rule, policy: Policy) -> dict[str, float]:
    """Return the limits of a rule: the preset's, and those that the recipe changes."""
    return {**{name: values[policy.preset] for name, values in rule.limits.items()}, **policy.limits.get(rule.name, {})}


def _judge_one(facts: Facts, rule: Rule, policy: Policy, today: datetime.date) -> Verdict:
    rule = replace(rule, **rule.adapter) if facts.adapter is not None else rule
    check, limits = CHECKS[rule.check], limits_of(rule, policy)
    found = check(facts, limits)
    mine = [one for one in policy.waivers if one.rule == rule.name and rule.name not in NEVER_WAIVED]
    valid = [one for one in mine if today <= one.until]
    used = _covering(facts, check, limits, valid) if found.outcome != "pass" else []
    return Verdict(
        rule=rule.name,
        verdict="waived" if used else found.outcome,
        level=policy.levels.get(rule.name, rule.level[policy.preset]),
        unit=rule.unit,
        bound=rule.bound,
        value=found.value,
        threshold=found.threshold,
        report=_place(found.report or rule.report, facts.adapter),
        pointer=found.pointer or " ".join(rule.pointers),
        outcome=found.outcome,
        key=f"{rule.check}.{found.key or found.outcome}",
        values={"adapter": facts.adapter or "", **found.values},
        waivers=tuple(used),
        expired=tuple(one for one in mine if one not in valid),
    )


def _covering(
    facts: Facts, check: Check, limits: Mapping[str, float], valid: Sequence[Waiver]
) -> list[Waiver]:  # fmt: skip
    """Return the waivers that cover what a check does not pass; none where something is left."""
    whole = [one for one in valid if not one.licenses]
    if whole:
        return whole

    def left_by(waivers: Sequence[Waiver]) -> bool:
        excused = frozenset(name for one in waivers for name in one.licenses)
        return check(replace(facts, excused=excused), limits).outcome != "pass"

    if left_by(valid):
        return []
    return [one for one in valid if left_by([other for other in valid if other != one])] or list(valid)


OWN = ("evaluation/report.json", "audit/report.json", "card/licensing.json", "report.json")
"""Files that an adapter has of its own."""


def _place(report: str, adapter: str | None) -> str:
    return f"adapters/{adapter}/{report}" if adapter is not None and report in OWN else report
