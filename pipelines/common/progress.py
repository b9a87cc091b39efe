"""Progress bars: rate and time left for what takes more than two seconds; nothing is printed to a pipe."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any

from tqdm import tqdm


def progress(items: Iterable[Any] | None = None, *, title: str, total: float | None = None, unit: str = "it") -> Any:
    """Return a tqdm bar on standard error that appears after two seconds, and only on a terminal."""
    return tqdm(
        items,
        desc=title,
        total=total,
        unit=unit,
        unit_scale=True,
        delay=2,
        leave=False,
        disable=not sys.stderr.isatty(),
        dynamic_ncols=True,
    )
