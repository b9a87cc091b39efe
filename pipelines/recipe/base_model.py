"""The `base` section: a model that was not trained here, on which adapters are trained."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field

from desdecero.pipelines.recipe.base import Section

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
