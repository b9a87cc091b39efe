"""`metrics.jsonl`: what a run says of itself, line by line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


class Metrics:
    """`metrics.jsonl`, cut back to where a resumed run goes on."""

    def __init__(self, path: Path, active: bool, keep_until: int):
        self.path, self.active = path, active
        if not active:
            return
        old = path.read_text(encoding="utf-8").splitlines(keepends=True) if path.is_file() else []
        kept = [line for line in old if line.endswith("\n") and json.loads(line)["step"] <= keep_until and keep_until]
        path.write_text("".join(kept), encoding="utf-8")

    def write(self, **values: Any) -> None:
        if self.active:
            with self.path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(values) + "\n")
