"""The loss curve: a running mean that does not lag, and a picture that is the same each time."""

from __future__ import annotations

from pathlib import Path

import pytest
from matplotlib.image import imread

from pipelines.training.curve import _limits, _smooth, draw_loss


def test_running_mean_starts_at_the_first_point_and_lags_a_twentieth_at_most() -> None:
    falling = [(x, 9 / x) for x in range(1, 2001)]
    smoothed = dict(_smooth(falling))
    assert smoothed[1] == 9
    # An exponential mean over n/20 points of 1/x lies where the curve was some n/20 points ago.
    assert all(9 / x <= smoothed[x] <= 9 / (0.94 * x - 1) for x in range(20, 2001))


def test_running_mean_of_noise_is_its_mean() -> None:
    assert dict(_smooth([(x, 4 + (-1) ** x) for x in range(1, 401)]))[400] == pytest.approx(4, abs=0.06)


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
