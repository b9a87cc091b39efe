"""Origin of a run's recipe, to compare the recipe in its present state with the one that was sealed.

made_from.json    in the run: the recipe's name or file, the base folder of its paths, and the overrides of --set
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
    """The recipe's name or file, the base folder of its paths, and the overrides."""

    recipe: str
    """Name of a shipped recipe, or an absolute path."""
    folder: str
    """Base of a shipped recipe's relative paths."""
    overrides: tuple[str, ...]
    """`section.key=value`, in the order in which they apply."""

    @classmethod
    def of(cls, name_or_path: str | Path, overrides: Sequence[str] = ()) -> Origin:
        """Return the origin of a recipe; raise `UserError` if there is no such recipe."""
        _, _, base, shipped = read_recipe(name_or_path)
        recipe = str(name_or_path) if shipped else str(Path(name_or_path).absolute())
        return cls(recipe, str(base), tuple(overrides))

    def load(self) -> Recipe:
        """Read the recipe in its present state; raise `UserError` if it is missing or no longer valid."""
        return load_recipe(self.recipe, self.overrides, Path(self.folder))

    def overridden(self, key: str, value: Any) -> Origin:
        """Return this origin with one more override, which replaces an earlier one of the same key."""
        return self.with_overrides([f"{key}={json.dumps(value, ensure_ascii=False)}"])

    def with_overrides(self, overrides: Sequence[str]) -> Origin:
        """Return this origin with more overrides, each of which replaces an earlier one of the same key."""
        keys = {override.partition("=")[0] for override in overrides}
        others = (override for override in self.overrides if override.partition("=")[0] not in keys)
        return replace(self, overrides=(*others, *overrides))

    def gives_the_same_as(self, other: Origin) -> bool:
        """Return whether both give the same recipe; the folder counts only if a path of the recipe depends on it."""
        if self == other:
            return True
        return replace(self, folder=other.folder) == other and self.load() == other.load()

    def __str__(self) -> str:
        return " ".join([self.recipe, *(f"--set {override}" for override in self.overrides)])

    @classmethod
    def read(cls, path: Path) -> Origin | None:
        """Read `made_from.json`; None if it is missing, as in runs of earlier versions, or cannot be read."""
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            origin = cls(content["recipe"], content["folder"], tuple(content["overrides"]))
        except (OSError, ValueError, KeyError, TypeError):
            return None
        texts = (origin.recipe, origin.folder, *origin.overrides)
        return origin if all(isinstance(text, str) for text in texts) else None
