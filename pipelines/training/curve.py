"""The loss curve of a run as a picture."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def read_metrics(path: Path) -> list[dict[str, Any]]:
    """The lines of a `metrics.jsonl`."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def draw_loss(metrics: list[dict[str, Any]], target: Path, title: str) -> None:
    """Training loss (every logged step, and a running mean) and validation loss against tokens, as a PNG."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    training = [(line["tokens"], line["loss"]) for line in metrics if "loss" in line]
    validation = [(line["tokens"], line["validation_loss"]) for line in metrics if "validation_loss" in line]
    figure = Figure(figsize=(7, 4), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    if training:
        axes.plot(*zip(*training, strict=True), color="#9db8d9", linewidth=0.8, label="training, each step")
        axes.plot(*zip(*_smooth(training), strict=True), color="#1f4e8c", linewidth=1.8, label="training, running mean")
    if validation:
        axes.plot(*zip(*validation, strict=True), "o-", color="#c8553d", linewidth=1.2, markersize=4, label="held out")
    axes.set(xlabel="tokens seen", ylabel="loss (nats per token)", title=title)
    axes.xaxis.set_major_formatter(lambda value, _: _short(value))
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(alpha=0.25)
    axes.legend(frameon=False)
    # Without dates and versions in it, the same metrics give the same bytes.
    figure.savefig(target, dpi=120, metadata={"Software": None})


def _smooth(points: list[tuple[int, float]]) -> list[tuple[int, float]]:
    """Exponential running mean over about a twentieth of the curve."""
    rate = 1 / max(1, len(points) / 20)
    smoothed, mean = [], points[0][1]
    for x, y in points:
        mean += rate * (y - mean)
        smoothed.append((x, mean))
    return smoothed


def _short(number: float) -> str:
    for size, suffix in ((1e9, "B"), (1e6, "M"), (1e3, "k")):
        if number >= size:
            return f"{number / size:g}{suffix}"
    return f"{number:g}"
