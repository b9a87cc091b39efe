"""What all sections of a recipe share."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    PlainSerializer,
    SerializationInfo,
    ValidationInfo,
    model_validator,
)

from desdecero.pipelines.common.local_paths import is_web_address, remote


class Section(BaseModel):
    """A part of a recipe: frozen, closed to keys that it does not know, and to numbers that are none."""

    model_config = ConfigDict(frozen=True, defer_build=True, extra="forbid", allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _true_is_not_a_number(cls, data: Any) -> Any:
        """Hand `true` on as the word that it is, where a number is wanted: pydantic would take it for 1."""
        if not isinstance(data, Mapping):
            return data
        return {
            key: str(value).lower()
            if isinstance(value, bool) and key in cls.model_fields and _is_number(cls.model_fields[key].annotation)
            else value
            for key, value in data.items()
        }


def _is_number(annotation: Any) -> bool:
    if get_origin(annotation) in (Union, UnionType, Annotated):
        return any(map(_is_number, get_args(annotation)))
    return annotation in (int, float)


def not_remote(path: str) -> str:
    if sentence := remote(path):
        raise ValueError(sentence)
    return path


def absolute_path(path: str, info: ValidationInfo) -> str:
    if not path.strip() or "\0" in path:
        raise ValueError("not a path: name a file or folder")
    base = (info.context or {}).get("base", Path.cwd())
    return str((base / Path(not_remote(path)).expanduser()).absolute())


def path_or_web_address(path: str, info: ValidationInfo) -> str:
    return path if is_web_address(path) else absolute_path(path, info)


def path_or_hub_id(name: str, info: ValidationInfo) -> str:
    path = Path(absolute_path(name, info))
    return str(path) if path.is_dir() or name.startswith((".", "/", "~")) else name


def number(value: Any) -> Any:
    """YAML takes 1e15 for a word, and people do not."""
    return float(value) if isinstance(value, str) and re.fullmatch(r"[\d.]+[eE][+-]?\d+", value) else value


Proportion = Annotated[float, Field(ge=0, le=1)]
Seed = Annotated[int, Field(ge=0, lt=2**32)]
"""As numpy's and scikit-learn's generators take it."""
BatchSize = Annotated[int, Field(ge=1, le=1_000_000)]
"""Sequences. The largest that is published for a language model is 15,360 (DeepSeek-V3, §4.2)."""
Resamples = Annotated[int, Field(ge=100, le=100_000)]
"""Bootstrap draws. 100,000 leave 50 in either tail at the highest confidence, and take minutes for a large suite."""
Confidence = Annotated[float, Field(ge=0.8, le=0.999)]
"""Below 0.8, more than one interval in five misses the truth, and findings would rest on chance; above 0.999, the tails
hold too few draws."""


def check_tails(resamples: int, confidence: float) -> None:
    """Raise `ValueError` where an end of the interval would be a guess: fewer than two draws lie beyond it."""
    needed = math.ceil(2 / ((1 - confidence) / 2) - 1e-6)
    if resamples < needed:
        raise ValueError(f"confidence {confidence} needs resamples {needed} and more: raise resamples")


WITHOUT_PLACES = {"places": False}
"""Context of serialization: a recipe is written without the paths of its files, and the names that stand for them."""


def without_place(path: Any, info: SerializationInfo) -> Any:
    """The path or name; where places are left out, only whether there is one. A web address is no place on disk."""
    if info.context != WITHOUT_PLACES or path is None or is_web_address(str(path)):
        return str(path) if isinstance(path, Path) else path
    return True


LocalPath = Annotated[str, AfterValidator(absolute_path), PlainSerializer(without_place)]
"""A file or folder on this machine. Relative to the recipe file; for a shipped recipe, to the current folder."""
ExamplePath = LocalPath
"""A file, folder or glob, as `files` reads them."""
ArchivePath = Annotated[str, AfterValidator(path_or_web_address), PlainSerializer(without_place)]
"""As `LocalPath`, or an address of the web."""
