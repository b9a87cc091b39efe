"""Base class, types and validators that all sections of a recipe share."""

from __future__ import annotations

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
    """A part of a recipe: frozen; it rejects unknown keys, NaN and infinity."""

    model_config = ConfigDict(frozen=True, defer_build=True, extra="forbid", allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _true_is_not_a_number(cls, data: Any) -> Any:
        """Turn `true` and `false` in a number field into text, so that pydantic rejects them: it would read 1 and 0."""
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
    """Return the path unchanged; raise `ValueError` for a remote address."""
    if sentence := remote(path):
        raise ValueError(sentence)
    return path


def absolute_path(path: str, info: ValidationInfo) -> str:
    """Return the path as an absolute one, relative to the context's `base`; raise `ValueError` for anything else."""
    if not path.strip() or "\0" in path:
        raise ValueError("not a path: name a file or folder")
    base = (info.context or {}).get("base", Path.cwd())
    return str((base / Path(not_remote(path)).expanduser()).absolute())


def path_or_web_address(path: str, info: ValidationInfo) -> str:
    """Return a web address unchanged, and anything else as `absolute_path`."""
    return path if is_web_address(path) else absolute_path(path, info)


def path_or_hub_id(name: str, info: ValidationInfo) -> str:
    """Return an absolute path for an existing folder or for what is written as a path, else the Hub's name as it is."""
    path = Path(absolute_path(name, info))
    return str(path) if path.is_dir() or name.startswith((".", "/", "~")) else name


def number(value: Any) -> Any:
    """Read text such as `1e15` as a number: YAML 1.1 reads it as text, because it has no decimal point."""
    return float(value) if isinstance(value, str) and re.fullmatch(r"[\d.]+[eE][+-]?\d+", value) else value


Proportion = Annotated[float, Field(ge=0, le=1)]
Seed = Annotated[int, Field(ge=0, lt=2**32)]
"""Range that numpy's and scikit-learn's generators accept."""
BatchSize = Annotated[int, Field(ge=1, le=1_000_000)]
"""Sequences. The largest that is published for a language model is 15,360 (DeepSeek-V3, §4.2)."""
Confidence = Annotated[float, Field(ge=0.8, le=0.999)]
"""Below 0.8, more than one interval in five misses the truth, and findings would rest on chance; above 0.999, the tails
hold too few draws."""


def without_resamples(data: Any) -> Any:
    """Leave out `resamples`, which recipes of older versions and their runs have: intervals draw no samples now."""
    if isinstance(data, Mapping) and "resamples" in data:
        return {key: value for key, value in data.items() if key != "resamples"}
    return data


WITHOUT_PLACES = {"places": False}
"""Serialization context that leaves out the paths of files, and the names derived from them."""


def without_place(path: Any, info: SerializationInfo) -> Any:
    """Serialize a path or name; under `WITHOUT_PLACES` as `True`, unless it is empty or a web address."""
    if info.context != WITHOUT_PLACES or path is None or is_web_address(str(path)):
        return str(path) if isinstance(path, Path) else path
    return True


LocalPath = Annotated[str, AfterValidator(absolute_path), PlainSerializer(without_place)]
"""A file or folder on this machine. Relative to the recipe file; for a shipped recipe, to the current folder."""
ExamplePath = LocalPath
"""A file, folder or glob, read as a `files` source reads it."""
ArchivePath = Annotated[str, AfterValidator(path_or_web_address), PlainSerializer(without_place)]
"""A `LocalPath` or a web address."""
