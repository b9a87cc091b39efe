"""The corpus in figures: the content of `report.json`, counted batch by batch, and its charts."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from desdecero.model_cards import words
from desdecero.model_cards.formats import grouped, percent
from desdecero.model_cards.words import Language, say
from desdecero.pipelines.corpus.blocklist import COPY_REASON as BLOCKED_COPY
from desdecero.pipelines.corpus.blocklist import REASON as BLOCKED
from desdecero.pipelines.corpus.privacy.planted import SAMPLE_CHARACTERS, TextSample
from desdecero.pipelines.corpus.privacy.redaction import redacted_kinds
from desdecero.pipelines.corpus.unread import UnreadCount
from desdecero.pipelines.recipe import Corpus
from desdecero.pipelines.run.layout import SPLITS
from desdecero.pipelines.run.reports.corpus import CorpusReport, KindRecall

EXAMPLES, EXCERPT = 3, 200
"""Dropped documents, and edits, shown for each reason and kind; and characters shown of each."""
COPIES_SHOWN = 100
"""Documents shown that were dropped as copies of removed ones; the ledger lists all."""
QUARANTINE_SHOWN = 100
"""Unreadable records shown; the ledger lists all."""
CORRECTIONS_SHOWN = 1000
"""Spelling corrections shown; the documents' own edits count all."""
LARGEST = 20
BARS = 10
"""Licences that the chart shows before it sums up the rest."""
EDIT = pa.struct([pa.field("key", pa.string(), nullable=False), ("value", pa.int32())])
COMPARING = "deduplication"
"""The last step, which compares the documents that all others have left, and their paragraphs."""


@dataclass
class DocumentCount:
    """Number and bytes of the documents of one kind."""

    documents: int = 0
    bytes: int = 0

    def as_dict(self) -> dict[str, int]:
        """Return both as they stand in the report."""
        return {"documents": self.documents, "bytes": self.bytes}


@dataclass
class StepCount:
    """Documents and bytes before and after a step, and the number of documents that it changed."""

    entered: DocumentCount = field(default_factory=DocumentCount)
    left: DocumentCount = field(default_factory=DocumentCount)
    changed: int = 0

    def add(self, sizes: np.ndarray, left: np.ndarray, changed: np.ndarray) -> None:
        """Count documents. sizes: bytes before the step. left: bytes after it, -1 if the step dropped the document."""
        self.entered.documents += len(sizes)
        self.entered.bytes += int(sizes.sum())
        self.left.documents += int((left >= 0).sum())
        self.left.bytes += int(left[left >= 0].sum())
        self.changed += int(changed.sum())


@dataclass
class EditCount:
    """Edits of one kind, and a few examples for people to read."""

    edits: int = 0
    documents: int = 0
    examples: list[dict[str, str]] = field(default_factory=list)


def _counts() -> defaultdict[str, DocumentCount]:
    return defaultdict(DocumentCount)


class CorpusStatistics:
    """Counts batches of the spool's rows, after the decision, and reports on them. Memory: a line for each kind."""

    def __init__(self, seed: int) -> None:
        self.decisions: defaultdict[str, DocumentCount] = _counts()
        self.splits: defaultdict[str, DocumentCount] = _counts()
        self.drops: defaultdict[str, DocumentCount] = _counts()
        self.read_from: defaultdict[str, DocumentCount] = _counts()
        self.kept_from: defaultdict[str, DocumentCount] = _counts()
        self.languages: defaultdict[str, DocumentCount] = _counts()
        self.licenses: defaultdict[str, DocumentCount] = _counts()
        self.names: defaultdict[str, DocumentCount] = _counts()
        self.evidence: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self.examples: defaultdict[str, list[dict[str, str]]] = defaultdict(list)
        self.steps: dict[str, StepCount] = {}
        self.edits: defaultdict[str, EditCount] = defaultdict(EditCount)
        self.corrections: Counter[tuple[str, str]] = Counter()
        self.quarantined: list[dict[str, str]] = []
        self.other_forms: Counter[tuple[str, str]] = Counter()
        self.removed_copies = 0
        self.removed_copies_shown: list[dict[str, str]] = []
        self.unread = UnreadCount()
        self.sample = TextSample(seed)
        """Kept texts on which the recall of personal data is measured."""

    def add(self, rows: pa.RecordBatch) -> None:
        """Count a batch of rows, each with its decision."""
        decision = rows["decision"]
        damaged = rows.filter(pc.equal(decision, "quarantined"))
        self._add(self.decisions, damaged, "decision", "bytes_before")
        self.unread.add(damaged)
        for row in damaged.slice(0, QUARANTINE_SHOWN - len(self.quarantined)).select(["id", "reason"]).to_pylist():
            self.quarantined.append({"place": row["id"], "reason": row["reason"]})
        documents = rows.filter(pc.not_equal(decision, "quarantined"))
        self._add(self.read_from, documents, "source", "bytes_before")
        self._add_steps(documents)
        dropped = documents.filter(pc.equal(documents["decision"], "dropped"))
        self._add(self.decisions, dropped, "decision", "bytes_before")
        self._add(self.drops, dropped, "reason", "bytes_before")
        self._add_drop_examples(dropped)
        self._add_removed_copies(dropped)
        others = dropped.filter(pc.is_valid(dropped["passes_as"])).select(["passes_as", "reason"]).to_pylist()
        self.other_forms.update((row["passes_as"], row["reason"]) for row in others)
        self._add_kept(documents.filter(pc.equal(documents["decision"], "kept")))

    def _add_kept(self, kept: pa.RecordBatch) -> None:
        for counts, column in (
            (self.decisions, "decision"), (self.splits, "split"), (self.kept_from, "source"),
            (self.languages, "language"), (self.licenses, "license"),
        ):  # fmt: skip
            self._add(counts, kept, column, "bytes_after")
        distribution = pc.struct_field(pc.extract_regex(kept["meta"], r'"distribution": "(?P<name>[^"]+)"'), "name")
        self._add(self.names, kept, pc.coalesce(distribution, kept["source"]), "bytes_after")
        known = pa.table({"license": kept["license"], "evidence": kept["license_evidence"]})
        for row in known.group_by(["license", "evidence"]).aggregate([([], "count_all")]).to_pylist():
            self.evidence[row["license"]][row["evidence"]] += row["count_all"]
        texts = pc.utf8_slice_codeunits(kept["text"], 0, SAMPLE_CHARACTERS)
        for identity, text in zip(kept["id"].to_pylist(), texts.to_pylist(), strict=True):
            self.sample.add(identity, text)
        self._add_edits(kept)

    @staticmethod
    def _add(counts: defaultdict[str, DocumentCount], rows: pa.RecordBatch, column: str | pa.Array, size: str) -> None:
        # Arrow's group_by takes 0.2 ms to start, and this runs ten times for each batch of some dozens of rows.
        keys = (rows[column] if isinstance(column, str) else column).fill_null("").dictionary_encode()
        documents = np.bincount(keys.indices)
        sizes = np.bincount(keys.indices, weights=rows[size].fill_null(0))
        for key, number, total in zip(keys.dictionary.to_pylist(), documents.tolist(), sizes.tolist(), strict=True):
            counts[key].documents += number
            counts[key].bytes += int(total)

    def _add_drop_examples(self, dropped: pa.RecordBatch) -> None:
        for reason in pc.unique(dropped["reason"]).to_pylist():
            missing = EXAMPLES - len(self.examples[reason])
            rows = dropped.filter(pc.equal(dropped["reason"], reason)).slice(0, missing)
            for row in rows.select(["id", "text"]).to_pylist():
                self.examples[reason].append({"id": row["id"], "excerpt": _excerpt(row["text"])})

    def _add_removed_copies(self, dropped: pa.RecordBatch) -> None:
        blocked = pc.is_in(dropped["reason"], pa.array([BLOCKED, BLOCKED_COPY]))
        copies = dropped.filter(pc.and_(blocked, pc.is_valid(dropped["duplicate_of"])))
        shown = copies.slice(0, COPIES_SHOWN - len(self.removed_copies_shown)).select(["id", "duplicate_of", "reason"])
        self.removed_copies += len(copies)
        self.removed_copies_shown += [
            {"id": row["id"], "copy_of": row["duplicate_of"], "reason": row["reason"]} for row in shown.to_pylist()
        ]

    def _add_edits(self, kept: pa.RecordBatch) -> None:
        edits = kept["edits"].cast(pa.list_(EDIT)).flatten()
        table = pa.table({"kind": edits.field("key"), "count": edits.field("value")})
        for row in table.group_by("kind").aggregate([("count", "sum"), ("count", "count")]).to_pylist():
            self.edits[row["kind"]].edits += row["count_sum"]
            self.edits[row["kind"]].documents += row["count_count"]
        shown = kept["changes"].flatten().field("kind")
        for change in kept["changes"].flatten().filter(pc.equal(shown, "spelling")).to_pylist():
            self.corrections[change["before"], change["after"]] += 1
        lacking = [k for k in pc.unique(shown).to_pylist() if len(self.edits[k].examples) < EXAMPLES]
        if not lacking:
            return
        wanted = pc.is_in(shown, pa.array(lacking, pa.string()))
        changes = kept["changes"].flatten().filter(wanted).to_pylist()
        ids = kept["id"].take(pc.list_parent_indices(kept["changes"]).filter(wanted)).to_pylist()
        for identity, change in zip(ids, changes, strict=True):
            examples = self.edits[change["kind"]].examples
            if len(examples) < EXAMPLES and all(example["id"] != identity for example in examples):
                examples.append({
                    "id": identity, "before": _excerpt(change["before"]), "after": _excerpt(change["after"]),
                })  # fmt: skip

    def _add_steps(self, documents: pa.RecordBatch) -> None:
        """Count the traces, which hold the bytes after each step that saw a document."""
        if not len(documents):
            return
        trace, lengths = documents["trace"].flatten(), pc.list_value_length(documents["trace"]).to_numpy()
        parents = np.repeat(np.arange(len(documents)), lengths)
        last = np.cumsum(lengths) - 1
        after = trace.field("bytes").to_numpy()
        before = np.concatenate([[0], after[:-1]])
        before[last - lengths + 1] = documents["bytes_before"].to_numpy()
        names = np.array(trace.field("step").to_pylist(), dtype=object)
        dropped_by = np.array(documents["dropped_by"].to_pylist(), dtype=object)
        dropped = names == dropped_by[parents]
        changed = trace.field("changed").to_numpy(zero_copy_only=False)
        for name in dict.fromkeys(names):
            here = names == name
            step = self.steps.setdefault(name, StepCount())
            step.add(before[here], np.where(dropped, -1, after)[here], (changed & ~dropped)[here])
        compared = ~dropped[last]
        kept = np.array(pc.equal(documents["decision"], "kept").to_pylist())[compared]
        sizes = documents["bytes_after"].to_numpy()[compared]
        self.steps.setdefault(COMPARING, StepCount()).add(
            after[last][compared], np.where(kept, sizes, -1), kept & (sizes != after[last][compared])
        )

    def report(self, corpus: Corpus) -> dict[str, Any]:
        """Build the content of `report.json`. Bytes are UTF-8: of dropped documents as read, of kept ones as kept."""
        kept, dropped = self.decisions["kept"], self.decisions["dropped"]
        # The last step, even if no document came to it before the others.
        steps = sorted(self.steps.items(), key=lambda item: item[0] == COMPARING)
        return {
            "documents": {
                "read": kept.documents + dropped.documents, "kept": kept.documents, "dropped": dropped.documents,
                "quarantined": self.decisions["quarantined"].documents,
            },
            "bytes": {"read": sum(count.bytes for count in self.read_from.values()), "kept": kept.bytes},
            "splits": {name: self.splits[name].as_dict() for name in SPLITS if name in self.splits},
            "drops": {
                reason: {**count.as_dict(), "examples": self.examples[reason]} for reason, count in _largest(self.drops)
            },
            "steps": [
                {
                    "step": name, "documents_in": step.entered.documents, "documents_out": step.left.documents,
                    "bytes_in": step.entered.bytes, "bytes_out": step.left.bytes, "changed": step.changed,
                }
                for name, step in steps
            ],
            "edits": {
                "unicode": self.edits["unicode"].documents,
                "redacted": {kind: self.edits[kind].edits for kind in redacted_kinds(corpus.personal_data)},
                "kinds": {
                    kind: {"edits": found.edits, "documents": found.documents, "examples": found.examples}
                    for kind, found in sorted(self.edits.items(), key=lambda item: (-item[1].edits, item[0]))
                    if found.edits
                },
            },
            "corrections": [
                {"word": word, "replacement": replacement, "count": count}
                for (word, replacement), count in sorted(self.corrections.items(), key=lambda item: (-item[1], item[0]))
            ][:CORRECTIONS_SHOWN],
            "sources": [
                {
                    "name": source.name, "kind": source.kind, **self.kept_from[source.name].as_dict(),
                    "read": self.read_from[source.name].as_dict(), "license": getattr(source, "license", None),
                    "terms": getattr(source, "terms", None),
                }
                for source in corpus.sources
            ],
            "languages": [
                {"language": name, **count.as_dict(), "share_bytes": count.bytes / max(1, kept.bytes)}
                for name, count in _largest(self.languages)
            ],
            "licenses": [
                {
                    "license": name, **count.as_dict(), "share_bytes": count.bytes / max(1, kept.bytes),
                    "evidence": dict(sorted(self.evidence[name].items())),
                }
                for name, count in _largest(self.licenses)
            ],
            "largest": [{"name": name, **count.as_dict()} for name, count in _largest(self.names)[:LARGEST]],
            "domain": {"name": corpus.domain.name, "where": dict(corpus.domain.where)} if corpus.domain else None,
            "form": corpus.quality.form,
            "other_forms": [
                {"form": form, "reason": reason, "documents": count}
                for (form, reason), count in sorted(self.other_forms.items(), key=lambda item: (-item[1], item[0]))
            ],
            "quarantined": self.quarantined,
            "removed_copies": {"documents": self.removed_copies, "shown": self.removed_copies_shown},
            "unread": self.unread.report(sum(count.bytes for count in self.read_from.values())),
        }  # fmt: skip


def _excerpt(text: str) -> str:
    return " ".join(text.split())[:EXCERPT]


def _largest(counts: Mapping[str, DocumentCount]) -> list[tuple[str, DocumentCount]]:
    return sorted(counts.items(), key=lambda item: (-item[1].bytes, item[0]))


def draw_overview(report: CorpusReport, path: Path, language: Language) -> None:
    """Draw two bar charts: the decisions on the documents read, and the licences of the kept text."""
    figure = Figure(figsize=(12, 4.5), layout="constrained")
    left, right = figure.subplots(1, 2)
    fates = [(say(language, "plot.kept"), report.documents.kept, report.bytes.kept)]
    fates += [
        (words.name(language, "drop", reason), drop.documents, drop.bytes) for reason, drop in report.drops.items()
    ]
    counts = [grouped(language, number) for _, number, _ in fates]
    _bars(left, [name for name, _, _ in fates], [size / 1e6 for _, _, size in fates], counts)
    left.set_title(say(language, "plot.fates"))
    left.set_xlabel(say(language, "plot.size"))
    shares = [(entry.license, entry.share_bytes) for entry in report.licenses]
    if rest := shares[BARS:]:
        shares = [*shares[:BARS], (say(language, "plot.more", number=len(rest)), sum(share for _, share in rest))]
    names = [name if len(name) <= 40 else name[:39] + "…" for name, _ in shares]
    _bars(right, names, [100 * share for _, share in shares], [percent(language, share) for _, share in shares])
    right.set_title(say(language, "plot.licenses"))
    right.set_xlabel(say(language, "plot.share"))
    figure.savefig(path, dpi=120, metadata={"Software": None})  # equal bytes for every version of matplotlib


def draw_recall(planted: Mapping[str, KindRecall], path: Path, language: Language) -> None:
    """Draw recall on planted data by kind, next to its name and alone, with its interval; the best found first."""
    rows = sorted(planted.items(), key=lambda item: (-item[1].recall, item[0]))
    figure = Figure(figsize=(8, 1 + 0.36 * len(rows)), layout="constrained")
    axes = figure.subplots()
    lowest = 90.0
    parts = (("named", "term.beside_its_name", "#2b6cb0", -0.14), ("alone", "term.alone", "#c05621", 0.14))
    for part, key, color, offset in parts:
        counts = [(place + offset, count) for place, (_, row) in enumerate(rows) if (count := getattr(row, part))]
        values = [100 * count.recall for _, count in counts]
        lows, highs = [100 * count.low for _, count in counts], [100 * count.high for _, count in counts]
        bounds = [
            [value - low for value, low in zip(values, lows, strict=True)],
            [high - value for value, high in zip(values, highs, strict=True)],
        ]
        places = [place for place, _ in counts]
        axes.errorbar(
            values, places, xerr=bounds, fmt="o", color=color, ecolor=color, capsize=3, label=say(language, key)
        )
        lowest = min(lowest, *(low - 2 for low in lows))
    axes.legend(loc="lower left")
    axes.set_yticks(
        range(len(rows)), [f"{words.name(language, 'personal_data', kind)} ({row.planted})" for kind, row in rows]
    )
    axes.invert_yaxis()
    axes.set_xlim(lowest, 101)
    axes.set_title(say(language, "plot.recall"))
    axes.set_xlabel(say(language, "plot.found"))
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=120, metadata={"Software": None})


def _bars(axes: Axes, names: Sequence[str], values: Sequence[float], labels: Sequence[str]) -> None:
    bars = axes.barh(range(len(names)), values, color=["#2b6cb0"] + ["#a0aec0"] * (len(names) - 1))
    axes.bar_label(bars, labels, padding=4, fontsize=9)
    axes.set_yticks(range(len(names)), names)
    axes.invert_yaxis()
    axes.margins(x=0.15)
    axes.spines[["top", "right"]].set_visible(False)
