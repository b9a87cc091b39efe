"""What all sections of a recipe share."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationInfo


class Section(BaseModel):
    """A part of a recipe: frozen, and closed to keys that it does not know."""

    model_config = ConfigDict(frozen=True, defer_build=True, extra="forbid")


def absolute_path(path: str, info: ValidationInfo) -> str:
    base = (info.context or {}).get("base", Path.cwd())
    return str((base / Path(path).expanduser()).absolute())


def path_or_hub_id(name: str, info: ValidationInfo) -> str:
    path = Path(absolute_path(name, info))
    return str(path) if path.is_dir() or name.startswith((".", "/", "~")) else name


def number(value: Any) -> Any:
    """YAML takes 1e15 for a word, and people do not."""
    return float(value) if isinstance(value, str) and re.fullmatch(r"[\d.]+[eE][+-]?\d+", value) else value


ExamplePath = Annotated[str, AfterValidator(absolute_path)]
"""A file, folder or glob, as `files` reads them. Relative to the recipe file; for a shipped recipe, to the current
folder."""
