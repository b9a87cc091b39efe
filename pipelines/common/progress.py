"""Progress bars: a rate and the time left for whatever takes over two seconds, and silence in a pipe."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any

from tqdm import tqdm


def progress(items: Iterable[Any] | None = None, *, title: str, total: float | None = None, unit: str = "it") -> Any:
    """A tqdm bar on standard error that appears after two seconds, and only on a terminal."""
    return tqdm(
        items, desc=title, total=total, unit=unit, unit_scale=True, delay=2, leave=False,
        disable=not sys.stderr.isatty(), dynamic_ncols=True,
    )  # fmt: skip
