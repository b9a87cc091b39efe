"""What the law asks of who provides a model: *obligatory*, *voluntary* or *unknown*, each with its figures.

The rules are those of Regulation (EU) 2024/1689 (AI Act) with the Commission's guidelines on general-purpose models
(C(2025) 5045): a model counts as one of general purpose above 10^23 FLOP if it writes text, and as one of systemic risk
above 10^25. They are indicative, so a case near a threshold is for a lawyer. Nothing here is legal advice, and nothing
says that a duty was fulfilled.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

Status = Literal["obligatory", "voluntary", "unknown"]

GENERAL_PURPOSE = 1e23
"""FLOP of training above which a model that writes text is presumed to be of general purpose (guidelines, §17)."""
SYSTEMIC_RISK = 1e25
"""FLOP above which its risk is presumed to be systemic (AI Act, art. 51(2))."""
MODIFICATION = 1 / 3
"""Share of the original's FLOP above which who modifies a model becomes its provider (guidelines, §63)."""
ANNEX_III = (
    "biometrics", "critical_infrastructure", "education", "employment", "essential_services", "law_enforcement",
    "migration", "justice",
)  # fmt: skip
"""Areas of Annex III: a system that is used in one of them is presumed to be of high risk (art. 6(2))."""
FREE_LICENSES = {
    "Apache-2.0", "MIT", "BSD-2-Clause", "BSD-3-Clause", "ISC", "0BSD", "CC0-1.0", "CC-BY-4.0", "Unlicense", "Zlib",
    "GPL-2.0-only", "GPL-2.0-or-later", "GPL-3.0-only", "GPL-3.0-or-later", "LGPL-3.0-only", "LGPL-3.0-or-later",
    "AGPL-3.0-only", "AGPL-3.0-or-later", "MPL-2.0", "EUPL-1.2", "CC-BY-SA-4.0",
}  # fmt: skip
"""Licences under which anybody may use, change and pass on a model (art. 53(2)); of any other it is not known."""


@dataclass(frozen=True)
class Case:
    """What decides which duties there are; None is not known."""

    flops: float | None
    writes_text: bool | None
    on_market: bool | None
    """Placed on the market of the Union, on the date that the provider states."""
    free: bool | None
    """Passed on in public, under a free and open-source licence."""
    public_demo: bool | None
    uses: tuple[str, ...]
    """Areas of use that the provider names."""


@dataclass(frozen=True)
class Duty:
    """One duty, whether it is owed, and why."""

    name: str
    status: Status
    reason: str
    """Key of a sentence in the catalogue, below `duty_reason`."""
    figures: dict[str, Any] = field(default_factory=dict)


def duties(case: Case) -> list[Duty]:
    """Return every duty that the dossier speaks of, in the order of its articles."""
    return [*_transparency(case), *_of_general_purpose(case), *_high_risk(case)]


def _of_general_purpose(case: Case) -> Iterator[Duty]:
    """Articles 53 to 55, for which only the computation of training and the market count."""
    for name in ("technical_documentation", "downstream_information"):
        yield _general(name, case, exempt=True)
    for name in ("copyright_policy", "training_summary"):
        yield _general(name, case, exempt=False)
    representative = _general("representative", case, exempt=True)
    if representative.status == "obligatory":  # only of a provider outside the Union (art. 54(1))
        representative = Duty("representative", "unknown", "place_unknown")
    yield representative
    if case.flops is None:
        yield Duty("systemic_risk", "unknown", "flops_unknown")
    else:
        above = case.flops > SYSTEMIC_RISK
        status: Status = "obligatory" if above and case.on_market else "unknown" if above else "voluntary"
        reason = ("systemic" if case.on_market else "market_unknown") if above else "below_systemic"
        yield Duty("systemic_risk", status, reason, _share(case.flops, SYSTEMIC_RISK))


def _general(name: str, case: Case, exempt: bool) -> Duty:
    """Judge a duty of providers of general-purpose models.

    exempt: whether a free and open-source release is exempt from it (art. 53(2), 54(6))
    """
    if case.writes_text is False:
        return Duty(name, "voluntary", "writes_no_text")
    if case.flops is None or case.writes_text is None:
        return Duty(name, "unknown", "flops_unknown")
    figures = _share(case.flops, GENERAL_PURPOSE)
    if case.flops <= GENERAL_PURPOSE:
        return Duty(name, "voluntary", "below_threshold", figures)
    if case.on_market is None:
        return Duty(name, "unknown", "market_unknown", figures)
    if exempt and case.flops <= SYSTEMIC_RISK:
        if case.free:
            return Duty(name, "voluntary", "free_release", figures)
        if case.free is None:
            return Duty(name, "unknown", "license_unknown", figures)
    return Duty(name, "obligatory", "above_threshold", figures)


def _transparency(case: Case) -> Iterator[Duty]:
    """Article 50, which applies whatever the computation and the licence: to systems, not to weights."""
    writes = case.writes_text is not False
    spoken = "conversation" in case.uses
    for name, concerned in (("disclosure", True), ("marking", writes)):
        if not concerned:
            yield Duty(name, "voluntary", "writes_no_text")
        elif case.public_demo:
            yield Duty(name, "obligatory", "demo")
        elif spoken or (name == "marking" and "public_information" in case.uses):
            yield Duty(name, "obligatory", "used_with_people")
        elif case.public_demo is None or not case.uses:
            yield Duty(name, "unknown", "demo_unknown" if case.public_demo is None else "uses_unknown")
        else:
            yield Duty(name, "voluntary", "no_people")
    if "public_information" in case.uses:
        yield Duty("published_text", "obligatory", "informs_public")
    else:
        yield Duty("published_text", *(("voluntary", "informs_nobody") if case.uses else ("unknown", "uses_unknown")))


def _high_risk(case: Case) -> Iterator[Duty]:
    areas = [use for use in case.uses if use in ANNEX_III]
    for area in areas:
        yield Duty("high_risk", "obligatory", "annex_iii", {"area": area})
    if not areas:
        yield Duty("high_risk", *(("voluntary", "no_area") if case.uses else ("unknown", "uses_unknown")))


def _share(flops: float, threshold: float) -> dict[str, float]:
    return {"flops": flops, "threshold": threshold, "share": flops / threshold}
