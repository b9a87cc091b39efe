"""Where a run's recipe came from, so that the recipe of today can be compared with the one that was sealed.

made_from.json    in the run: the recipe's name or file, the folder that its paths start at, and what --set changed
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from desdecero.pipelines.recipe.load import load_recipe, read_recipe
from desdecero.pipelines.recipe.recipe import Recipe


@dataclass(frozen=True)
class Origin:
    recipe: str
    """A shipped recipe's name, or an absolute path."""
    folder: str
    """Where the relative paths of a shipped recipe start."""
    overrides: tuple[str, ...]

    @classmethod
    def of(cls, name_or_path: str | Path, overrides: Sequence[str] = ()) -> Origin:
        """Raises `UserError` where there is no such recipe."""
        _, _, base, shipped = read_recipe(name_or_path)
        recipe = str(name_or_path) if shipped else str(Path(name_or_path).absolute())
        return cls(recipe, str(base), tuple(overrides))

    def load(self) -> Recipe:
        """The recipe as it is today. Raises `UserError` where it is gone or no longer valid."""
        return load_recipe(self.recipe, self.overrides, Path(self.folder))

    def overridden(self, key: str, value: Any) -> Origin:
        """The same with one more value set, in the place of what was set there before."""
        others = (override for override in self.overrides if not override.startswith(f"{key}="))
        return replace(self, overrides=(*others, f"{key}={json.dumps(value, ensure_ascii=False)}"))

    def gives_the_same_as(self, other: Origin) -> bool:
        """Whether both say the same recipe: the folder counts only where a path of the recipe starts there."""
        if self == other:
            return True
        return replace(self, folder=other.folder) == other and self.load() == other.load()

    def __str__(self) -> str:
        return " ".join([self.recipe, *(f"--set {override}" for override in self.overrides)])

    @classmethod
    def read(cls, path: Path) -> Origin | None:
        """None where nothing was written, as in runs of earlier versions, or where it cannot be read."""
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            origin = cls(content["recipe"], content["folder"], tuple(content["overrides"]))
        except (OSError, ValueError, KeyError, TypeError):
            return None
        texts = (origin.recipe, origin.folder, *origin.overrides)
        return origin if all(isinstance(text, str) for text in texts) else None
