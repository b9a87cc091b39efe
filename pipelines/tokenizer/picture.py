"""The tokenizer's report as a picture."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

BARS = 12
"""Of a group; the report has the rest."""


def draw_bytes_per_token(report: Mapping[str, Any], path: Path) -> None:
    """Bars: bytes of held-out text that a token holds, over all, by group, and for other tokenizers."""
    rows = [("all held-out text", report["bytes_per_token"], "#2b6cb0")]
    for groups, name in (("languages", "language"), ("sources", "source"), ("varieties", "variety")):
        rows += [(f"{name} {row[name] or 'not known'}", row["bytes_per_token"], "#63b3ed") for row in report[groups]][
            :BARS
        ]
    rows += [(f"{row['name']} ({row['vocab_size']:,})", row["bytes_per_token"], "#a0aec0")
             for row in report["compared_with"]]  # fmt: skip
    figure = Figure(figsize=(8, 1.2 + 0.3 * len(rows)), layout="constrained")
    axes = figure.subplots()
    bars = axes.barh(range(len(rows)), [row[1] or 0 for row in rows], color=[row[2] for row in rows])
    axes.bar_label(bars, [f"{row[1]:.2f}" if row[1] else "" for row in rows], padding=4, fontsize=9)
    axes.set_yticks(range(len(rows)), [row[0][:48] for row in rows])
    axes.invert_yaxis()
    axes.margins(x=0.12)
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_title(f"Bytes a token: {report['vocab_size']:,} tokens, {report['kind']}")
    figure.savefig(path, dpi=120, metadata={"Software": None})  # the same picture, whatever matplotlib's version
