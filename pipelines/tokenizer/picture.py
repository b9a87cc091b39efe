"""Plot of the tokenizer's report."""

from __future__ import annotations

from pathlib import Path

from matplotlib.figure import Figure

from desdecero.model_cards.formats import grouped
from desdecero.model_cards.words import Language, say
from desdecero.pipelines.run.reports import TokenizerReport

BARS = 12
"""Bars shown of a group; the report has the rest."""


def draw_bytes_per_token(report: TokenizerReport, path: Path, language: Language) -> None:
    """Plot bytes per token on held-out text as bars: in total, by group, and for other tokenizers."""
    total = (say(language, "tokenizer.all_held_out"), report.bytes_per_token, "#2b6cb0")
    rows: list[tuple[str, float | None, str]] = [total]
    groups = {
        "language": [(row.language, row.bytes_per_token) for row in report.languages],
        "source": [(row.source, row.bytes_per_token) for row in report.sources],
        "variety": [(row.variety, row.bytes_per_token) for row in report.varieties],
    }
    for key, measured in groups.items():
        term, unknown = say(language, f"term.{key}"), say(language, "term.not_known")
        rows += [(f"{term} {name or unknown}", value, "#63b3ed") for name, value in measured[:BARS]]
    for peer in report.compared_with:
        rows.append((f"{peer.name} ({grouped(language, peer.vocab_size)})", peer.bytes_per_token, "#a0aec0"))
    figure = Figure(figsize=(8, 1.2 + 0.3 * len(rows)), layout="constrained")
    axes = figure.subplots()
    bars = axes.barh(range(len(rows)), [row[1] or 0 for row in rows], color=[row[2] for row in rows])
    axes.bar_label(bars, [f"{row[1]:.2f}" if row[1] else "" for row in rows], padding=4, fontsize=9)
    axes.set_yticks(range(len(rows)), [row[0][:48] for row in rows])
    axes.invert_yaxis()
    axes.margins(x=0.12)
    axes.spines[["top", "right"]].set_visible(False)
    tokens = grouped(language, report.vocab_size)
    axes.set_title(say(language, "tokenizer.bars_title", tokens=tokens, kind=report.kind))
    figure.savefig(path, dpi=120, metadata={"Software": None})  # the same picture, whatever matplotlib's version
