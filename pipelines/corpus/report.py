"""The corpus in figures: what `report.json` says, counted row by row, and the same as a picture."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pipelines.corpus.privacy.redaction import redacted_kinds
from pipelines.recipe import Corpus
from pipelines.run_dir import SPLITS

EXAMPLES, EXCERPT = 3, 200
"""Dropped documents shown for each reason, and how many of their characters."""
QUARANTINE_SHOWN = 100
"""Of the records that could not be read; the ledger has them all."""
LARGEST = 20
BARS = 10
"""Licences that the picture shows before it sums up the rest."""


@dataclass
class Count:
    """Documents and bytes of one kind."""

    documents: int = 0
    bytes: int = 0

    def add(self, size: int) -> None:
        self.documents += 1
        self.bytes += size

    def as_dict(self) -> dict[str, int]:
        return {"documents": self.documents, "bytes": self.bytes}


def _counts() -> defaultdict[str, Count]:
    return defaultdict(Count)


@dataclass
class Tally:
    """Counts rows of the ledger (with their texts) and reports on them."""

    read: Count = field(default_factory=Count)
    kept: Count = field(default_factory=Count)
    splits: defaultdict[str, Count] = field(default_factory=_counts)
    drops: defaultdict[str, Count] = field(default_factory=_counts)
    sources: defaultdict[str, Count] = field(default_factory=_counts)
    licenses: defaultdict[str, Count] = field(default_factory=_counts)
    names: defaultdict[str, Count] = field(default_factory=_counts)
    evidence: defaultdict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    examples: defaultdict[str, list[dict[str, str]]] = field(default_factory=lambda: defaultdict(list))
    edits: Counter[str] = field(default_factory=Counter)
    quarantined: list[dict[str, str]] = field(default_factory=list)
    quarantined_total: int = 0

    def add(self, row: Mapping[str, Any]) -> None:
        if row["decision"] == "quarantined":
            self.quarantined_total += 1
            if len(self.quarantined) < QUARANTINE_SHOWN:
                self.quarantined.append({"place": row["id"], "reason": row["reason"]})
            return
        self.read.add(row["bytes_before"])
        if row["decision"] == "kept":
            self._add_kept(row)
        else:
            self._add_dropped(row)

    def _add_kept(self, row: Mapping[str, Any]) -> None:
        name = json.loads(row["meta"]).get("distribution", row["source"])
        for counts, key in (
            (self.splits, row["split"]), (self.sources, row["source"]),
            (self.licenses, row["license"]), (self.names, name),
        ):  # fmt: skip
            counts[key].add(row["bytes_after"])
        self.kept.add(row["bytes_after"])
        self.evidence[row["license"]][row["license_evidence"]] += 1
        self.edits.update(dict(row["edits"]))

    def _add_dropped(self, row: Mapping[str, Any]) -> None:
        self.drops[row["reason"]].add(row["bytes_before"])
        examples = self.examples[row["reason"]]
        if len(examples) < EXAMPLES:
            examples.append({"id": row["id"], "excerpt": " ".join(row["text"].split())[:EXCERPT]})

    def report(self, corpus: Corpus) -> dict[str, Any]:
        """The content of `report.json`. Bytes are UTF-8: of dropped documents as read, of kept ones as kept."""
        return {
            "documents": {
                "read": self.read.documents, "kept": self.kept.documents,
                "dropped": self.read.documents - self.kept.documents, "quarantined": self.quarantined_total,
            },
            "bytes": {"read": self.read.bytes, "kept": self.kept.bytes},
            "splits": {name: self.splits[name].as_dict() for name in SPLITS if name in self.splits},
            "drops": {
                reason: {**count.as_dict(), "examples": self.examples[reason]} for reason, count in _largest(self.drops)
            },
            "edits": {
                "unicode": self.edits["unicode"],
                "redacted": {kind: self.edits[kind] for kind in redacted_kinds(corpus.personal_data)},
            },
            "sources": [
                {"name": source.name, "kind": source.kind, **self.sources[source.name].as_dict()}
                for source in corpus.sources
            ],
            "licenses": [
                {
                    "license": name, **count.as_dict(), "share_bytes": count.bytes / self.kept.bytes,
                    "evidence": dict(sorted(self.evidence[name].items())),
                }
                for name, count in _largest(self.licenses)
            ],
            "largest": [{"name": name, **count.as_dict()} for name, count in _largest(self.names)[:LARGEST]],
            "domain": {"name": corpus.domain.name, "where": dict(corpus.domain.where)} if corpus.domain else None,
            "quarantined": self.quarantined,
        }  # fmt: skip


def _largest(counts: Mapping[str, Count]) -> list[tuple[str, Count]]:
    return sorted(counts.items(), key=lambda item: (-item[1].bytes, item[0]))


def draw_overview(report: Mapping[str, Any], path: Path) -> None:
    """Two bar charts: what became of the documents read, and the licences of the text that was kept."""
    figure = Figure(figsize=(12, 4.5), layout="constrained")
    left, right = figure.subplots(1, 2)
    fates = [("kept", report["documents"]["kept"], report["bytes"]["kept"])]
    fates += [(reason.replace("_", " "), drop["documents"], drop["bytes"]) for reason, drop in report["drops"].items()]
    _bars(left, [name for name, _, _ in fates], [size / 1e6 for _, _, size in fates], [f"{n:,}" for _, n, _ in fates])
    left.set_title("What became of the documents")
    left.set_xlabel("MB of text (the number: documents)")
    shares = [(entry["license"], entry["share_bytes"]) for entry in report["licenses"]]
    if rest := shares[BARS:]:
        shares = [*shares[:BARS], (f"{len(rest)} more", sum(share for _, share in rest))]
    names = [name if len(name) <= 40 else name[:39] + "…" for name, _ in shares]
    _bars(right, names, [100 * share for _, share in shares], [f"{share:.1%}" for _, share in shares])
    right.set_title("Licences of the text that was kept")
    right.set_xlabel("% of bytes")
    figure.savefig(path, dpi=120, metadata={"Software": None})  # the same picture, whatever matplotlib's version


def _bars(axes: Axes, names: Sequence[str], values: Sequence[float], labels: Sequence[str]) -> None:
    bars = axes.barh(range(len(names)), values, color=["#2b6cb0"] + ["#a0aec0"] * (len(names) - 1))
    axes.bar_label(bars, labels, padding=4, fontsize=9)
    axes.set_yticks(range(len(names)), names)
    axes.invert_yaxis()
    axes.margins(x=0.15)
    axes.spines[["top", "right"]].set_visible(False)
