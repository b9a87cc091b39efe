"""A training of a tiny run, asked for and looked at."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from desdecero.pipelines.common.files import sha256_file
from desdecero.pipelines.pretrain import main


def pretrain(home: Path, *overrides: str) -> int:
    """`overrides`: of the recipe; or flags, which begin with two hyphens."""
    words = [word for one in overrides for word in ([one] if one.startswith("--") else ["--set", one])]
    return main([str(home / "tiny.yaml"), "--run-dir", str(home / "run"), *words])


def report(home: Path) -> dict[str, Any]:
    return json.loads((home / "run" / "pretrain" / "report.json").read_text())


def weights(home: Path) -> str:
    return sha256_file(home / "run" / "model" / "model.safetensors")
