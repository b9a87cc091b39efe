"""`metrics.jsonl`: losses, speed and events of a run, one JSON object a line."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any


class Metrics:
    """`metrics.jsonl`, or another file of lines with a step, cut back to the step where a resumed run continues.

    `log`: a function that gets the numbers of each line too, and their step.
    """

    def __init__(self, path: Path | None, active: bool, keep_until: int, log: Callable[..., None] | None = None):
        self.path, self.log = path if active else None, log
        if not path or not active:
            return
        old = path.read_text(encoding="utf-8").splitlines(keepends=True) if path.is_file() else []
        kept = [line for line in old if line.endswith("\n") and json.loads(line)["step"] <= keep_until and keep_until]
        path.write_text("".join(kept), encoding="utf-8")

    def write(self, step: int, **values: Any) -> None:
        """Append a line, and pass its numbers to `log`."""
        if not self.path:
            return
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"step": step, **values}, ensure_ascii=False) + "\n")
        numbers = {name: value for name, value in values.items() if isinstance(value, int | float)}
        if self.log and numbers:
            self.log(numbers, step=step)
