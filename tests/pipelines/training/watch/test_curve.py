"""The loss curve: a smooth line that lies among its points, and a picture that is the same each time."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread

from desdecero.pipelines.training.watch.curve import _limits, draw_loss, smoothed

SHAPES = {
    "1/x": lambda x: 4 + 5 / x**0.5,
    "steep, then flat": lambda x: 3 + 6 * np.exp(-x / 60),
    "a straight fall": lambda x: 9 - x / 500,
    "a rise": lambda x: 4 + (x / 1000) ** 2,
}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("count", [40, 300, 1000])
def test_the_mean_lies_among_its_points_from_the_first_to_the_last(shape: str, count: int) -> None:
    """In each twentieth of the run as many points lie above it as below, as far as chance allows."""
    steps = np.arange(1, count + 1)
    curve = SHAPES[shape](1000 * steps / count)
    noisy = curve + np.random.default_rng(0).normal(0, 0.05, count)
    found = np.array(smoothed(noisy.tolist()))
    for part in np.array_split(np.arange(count), 20 if count >= 300 else 4)[1:]:
        error = (found - curve)[part].mean()
        assert abs(error) < 0.05 * 3 / len(part) ** 0.5 + 0.01


def test_the_mean_of_few_points_is_the_points() -> None:
    assert smoothed([]) == []
    assert smoothed([9.0]) == [9.0]
    assert smoothed([9.0, 5.0, 4.0]) == [9.0, 5.0, 4.0]


def test_the_mean_of_noise_is_its_mean() -> None:
    found = smoothed([4 + (-1) ** x for x in range(400)])
    assert found[300] == pytest.approx(4, abs=0.06) and found[-1] == pytest.approx(4, abs=0.2)


def test_the_first_steps_do_not_press_the_rest_flat() -> None:
    low, high = _limits([9.0] * 10 + [4.0] * 990)
    assert low is not None and high is not None and low < 4 < high < 5
    assert _limits([]) == (None, None)


def test_the_same_metrics_give_the_same_picture_with_what_happened_in_it(tmp_path: Path) -> None:
    metrics = [{"step": 0, "tokens": 0, "validation_loss": 6.0}]
    metrics += [{"step": s, "tokens": 10 * s, "loss": 6 / s, "validation_loss": 6 / s} for s in range(1, 50)]
    for name in ("a", "b"):
        draw_loss(metrics, tmp_path / f"{name}.png", "calm")
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    draw_loss([*metrics, {"step": 20, "rolled_back_to": 10}], tmp_path / "c.png", "calm")
    assert _violet(tmp_path / "c.png") > 50 > _violet(tmp_path / "a.png")


def _violet(picture: Path) -> int:
    """Pixels of the colour that only a return to earlier weights has."""
    red, green, blue = imread(picture)[:, :, :3].transpose(2, 0, 1)
    return int(((blue - green > 0.15) & (red - green > 0.05)).sum())
