"""The `base` section: a model that was not trained here, on which adapters are trained."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import AfterValidator, Field, PlainSerializer, ValidationInfo

from desdecero.pipelines.recipe.base import Section, path_or_hub_id, without_place

OWN_MODEL = "run"
"""Base of adapters on the recipe's own model."""


def _place_of_base(name: str, info: ValidationInfo) -> str:
    return name if name == OWN_MODEL else path_or_hub_id(name, info)


BasePlace = Annotated[str, AfterValidator(_place_of_base), PlainSerializer(without_place)]
"""`run`; a folder of transformers, relative to the recipe file; or `owner/name@revision`."""

Sha256 = Annotated[str, Field(pattern=r"\A[0-9a-f]{64}\z")]


class Base(Section):
    """A model that was not trained here. `desdecero finetune PLACE --data …` writes this section."""

    name: str
    """Repository on the Hub, `owner/name`, or the folder that the model was copied from."""
    revision: str | None = None
    """Commit on the Hub; none for a folder."""
    sha256: Sha256
    """Digest of the weights, `model.safetensors`."""
    tokenizer_sha256: Sha256
    """Digest of `tokenizer.json`."""
    files: Mapping[str, Sha256]
    """Digests of all files of `model/`, by their names."""
    writes: bool = True
    """Whether the weights have the output layer of a language model. Without it, adapters can only give labels."""
