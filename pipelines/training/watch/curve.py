"""Draw the loss curve of a run."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from desdecero.model_cards.formats import grouped
from desdecero.model_cards.words import LANGUAGES, Language, file_in, name, say


def read_metrics(path: Path) -> list[dict[str, Any]]:
    """Read the lines of a `metrics.jsonl`."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def draw_losses(
    metrics: list[dict[str, Any]], folder: Path, title: str, kept: int | None = None, *, steps: int, **named: str
) -> None:
    """Draw `loss.png` in each language. `title` is a key of the catalogue; `steps` and `named` are its values."""
    for language in LANGUAGES:
        written = say(language, title, steps=grouped(language, steps), **named)
        draw_loss(metrics, folder / file_in(language, "loss.png"), written, kept, language)


def draw_loss(
    metrics: list[dict[str, Any]], target: Path, title: str, kept: int | None = None, language: Language = "en"
) -> None:
    """Draw training loss (every logged step, and smoothed) and validation loss against tokens, as a PNG.

    Marks the refused steps, the roll backs and `kept`, the step whose weights early stop kept.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    training = [(line["tokens"], line["loss"]) for line in metrics if "loss" in line]
    validation = [(line["tokens"], line["validation_loss"]) for line in metrics if "validation_loss" in line]
    figure = Figure(figsize=(8, 4.5), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    if training:
        axes.plot(
            *zip(*training, strict=True), color="#b9cbe3", linewidth=0.7, label=name(language, "curve", "training")
        )
        tokens, losses = zip(*training, strict=True)
        axes.plot(tokens, smoothed(losses), color="#1f4e8c", linewidth=1.8, label=name(language, "curve", "smoothed"))
    if validation:
        label = name(language, "curve", "validation")
        axes.plot(*zip(*validation, strict=True), "o-", color="#c8553d", linewidth=1.2, markersize=4, label=label)
        axes.annotate(
            f"{validation[-1][1]:.3f}",
            validation[-1],
            xytext=(6, 0),
            textcoords="offset points",
            color="#c8553d",
            va="center",
            fontsize=9,
            annotation_clip=False,
        )
    axes.set(xlabel=say(language, "term.tokens_axis"), ylabel=say(language, "term.loss_axis"), title=title)
    axes.set_ylim(*_limits([y for _, y in training + validation[1:]]))
    axes.set_xlim(left=0)
    _mark(axes, metrics, kept, language)
    axes.xaxis.set_major_formatter(lambda value, _: _short(value))
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(alpha=0.25)
    axes.legend(facecolor="white", edgecolor="none", framealpha=0.85)
    # Without dates and versions in it, the same metrics give the same bytes.
    figure.savefig(target, dpi=120, metadata={"Software": None})


def _mark(axes: Any, metrics: list[dict[str, Any]], kept: int | None, language: Language) -> None:
    """Mark refused steps, roll backs and the kept weights as thin lines at their tokens."""
    at = {line["step"]: line["tokens"] for line in metrics if "tokens" in line}
    each = max(at.values(), default=0) / max(at, default=1) if at else 0
    marks = {
        "plot.refused": ([line["step"] for line in metrics if "skipped" in line], "#d9a441"),
        "plot.rolled_back": ([line["step"] for line in metrics if "rolled_back_to" in line], "#8a3ffc"),
        "plot.weights_kept": ([kept] if kept else [], "#3b7d4f"),
    }
    for key, (steps, color) in marks.items():
        label = say(language, key)
        for number, step in enumerate(steps):
            axes.axvline(step * each, color=color, linewidth=0.9, linestyle=":", label=label if not number else None)


def _limits(losses: list[float]) -> tuple[float | None, float | None]:
    """Return the limits of the y axis: from the lowest loss to the one that all but a fiftieth of the points lie below.
    The steep fall at the beginning is cut off at the top, so that the rest can be read."""
    if not losses:
        return None, None
    low, high = min(losses), sorted(losses)[int(0.98 * (len(losses) - 1))]
    room = 0.05 * (high - low) or 0.1
    return low - room, high + room


def smoothed(values: Sequence[float]) -> list[float]:
    """Smooth each value by the least-squares line through its neighbours: on either side a tenth as many as there are
    values before it, a twentieth of all at most.

    A mean of past values would lie above a falling curve. A line follows the fall, also at the end of the curve, where
    there are no later values (Cleveland 1979, "LOWESS", without its weights).
    """
    all_values, smooth = np.array(values, dtype=float), []
    for place in range(len(all_values)):
        reach = min(place // 10, len(all_values) // 20)
        first, last = place - reach, min(len(all_values), place + reach + 1)
        offsets = np.arange(first, last) - place
        window, middle = all_values[first:last], offsets.mean()
        spread = ((offsets - middle) ** 2).sum()
        slope = ((offsets - middle) * window).sum() / spread if spread else 0.0
        smooth.append(float(window.mean() - slope * middle))
    return smooth


def _short(number: float) -> str:
    for size, suffix in ((1e9, "B"), (1e6, "M"), (1e3, "k")):
        if number >= size:
            return f"{number / size:g}{suffix}"
    return f"{number:g}"
