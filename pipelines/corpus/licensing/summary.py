"""Licences by documents, bytes and training tokens, and their conditions for the model: `licensing` in a report.

    report(holdings(corpus), recipe.corpus.licenses)                                               of the corpus' report
    report(holdings(corpus, pretrain["exposure"]), recipe.corpus.licenses, recipe.card.license)    of the card

The corpus stage does not read `card.license`, so its report judges the texts without one; the card's stage judges again
with the licence and the tokens that the weights read. Both are pure functions of the counts.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from desdecero.pipelines.corpus.licensing.policy import VERDICTS, Policy
from desdecero.pipelines.licenses.obligations import BASES, Conflict, obligations, row_of
from desdecero.pipelines.recipe import Licenses


@dataclass(frozen=True, slots=True)
class Holding:
    """The part of a corpus under one licence expression."""

    documents: int
    bytes: int
    """UTF-8, as kept."""
    evidence: Mapping[str, int]
    """Documents by evidence for their licence: declared, free_text, classifier, contradictory, unknown."""
    tokens: int | None = None
    """Tokens read in training; None before it."""


def holdings(corpus_report: Mapping[str, Any], read: Mapping[str, Any] | None = None) -> dict[str, Holding]:
    """Join `licenses` of `corpus/report.json` with those of `exposure` in `pretrain/report.json`, by expression.

    Canaries, which the tokens stage adds, are no part of the corpus: the exposure does not count them.

    Raises `ValueError` if tokens are under a licence that the corpus lacks: the reports are of different runs.
    """
    tokens: dict[str, int] = {row["license"]: row["tokens"] for row in (read or {}).get("licenses", ())}
    held = {row["license"] for row in corpus_report["licenses"]}
    if strangers := sorted(set(tokens) - held):
        raise ValueError(f"tokens under licences that the corpus does not hold: {', '.join(strangers)}")
    return {
        row["license"]: Holding(
            documents=row["documents"],
            bytes=row["bytes"],
            evidence=row["evidence"],
            # All of a licence's documents may be held out of training, or come after its last step.
            tokens=tokens.get(row["license"], 0) if read else None,
        )
        for row in corpus_report["licenses"]
    }


@dataclass
class _Sum:
    """Documents, bytes and tokens of several holdings, and their licences."""

    documents: int = 0
    bytes: int = 0
    tokens: int = 0
    licenses: list[str] = field(default_factory=list)

    def add(self, expression: str, holding: Holding) -> None:
        self.documents += holding.documents
        self.bytes += holding.bytes
        self.tokens += holding.tokens or 0
        self.licenses.append(expression)


def report(held: Mapping[str, Holding], licenses: Licenses, intended: str | None = None) -> dict[str, Any]:
    """Build a report's section on licences; its keys are described in `docs/licences.md`.

    intended: the SPDX expression of `card.license`
    """
    total = _Sum()
    for name, holding in held.items():
        total.add(name, holding)
    tokenized = any(holding.tokens is not None for holding in held.values())

    def sizes(part: _Sum | Holding) -> dict[str, Any]:
        found: dict[str, Any] = {
            "documents": part.documents,
            "bytes": part.bytes,
            "share_bytes": _share(part.bytes, total.bytes),
        }
        if tokenized:
            found |= {"tokens": part.tokens or 0, "share_tokens": _share(part.tokens or 0, total.tokens)}
        return found

    def sums(parts: Mapping[Any, _Sum], order: Sequence[Any] = ()) -> list[tuple[Any, _Sum]]:
        if order:
            return [(key, parts[key]) for key in order if key in parts]
        return sorted(parts.items(), key=lambda item: (-item[1].bytes, str(item[0])))

    policy, rows = Policy(licenses), []
    verdicts: defaultdict[str, _Sum] = defaultdict(_Sum)
    bases: defaultdict[str, _Sum] = defaultdict(_Sum)
    asked: defaultdict[str, _Sum] = defaultdict(_Sum)
    conflicts: defaultdict[tuple[str, str, str], _Sum] = defaultdict(_Sum)
    evidence: Counter[str] = Counter()
    for name, holding in sorted(held.items(), key=lambda item: (-item[1].bytes, item[0])):
        found, verdict = obligations(name, intended, licenses.use), policy.verdict(name)
        verdicts[verdict].add(name, holding)
        bases[found.basis].add(name, holding)
        for kind in sorted(found.kinds):
            asked[kind].add(name, holding)
        for key in sorted({(conflict.kind, conflict.against, conflict.certainty) for conflict in found.conflicts}):
            conflicts[key].add(name, holding)
        evidence.update(holding.evidence)
        rows.append({
            "license": name, "chosen": found.chosen, **sizes(holding),
            "evidence": dict(sorted(holding.evidence.items())), "basis": found.basis, "verdict": verdict,
            "asks": [{"kind": ask.kind, "license": ask.license, "origin": ask.origin} for ask in found.asks],
            "conflicts": [_conflict(conflict) for conflict in found.conflicts],
            "notes": _notes([ask.license for ask in found.asks] or [found.chosen]),
        })  # fmt: skip
    return {
        "use": licenses.use,
        "intended": intended,
        "licenses": rows,
        "verdicts": [
            {"verdict": key, **sizes(part), "licenses": part.licenses} for key, part in sums(verdicts, VERDICTS)
        ],
        "asks": [{"kind": key, **sizes(part), "licenses": part.licenses} for key, part in sums(asked)],
        "conflicts": [
            {"kind": kind, "against": against, "certainty": certainty, **sizes(part), "licenses": part.licenses}
            for (kind, against, certainty), part in sums(conflicts)
        ],
        "evidence": dict(sorted(evidence.items())),
        "basis": [{"basis": key, **sizes(part), "licenses": part.licenses} for key, part in sums(bases, BASES)],
    }


def _conflict(conflict: Conflict) -> dict[str, str]:
    return {
        "kind": conflict.kind,
        "license": conflict.license,
        "against": conflict.against,
        "certainty": conflict.certainty,
    }


def _notes(licenses: Sequence[str]) -> list[str]:
    """List the table's notes on these licences."""
    return [note for note in dict.fromkeys(row_of(expression).note for expression in licenses) if note]


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0
