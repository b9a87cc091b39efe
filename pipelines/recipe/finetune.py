"""The `finetune` section."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, Field, field_validator, model_validator

from desdecero.pipelines.common.errors import UserError
from desdecero.pipelines.recipe.base import BatchSize, Section
from desdecero.pipelines.recipe.domains import task_of
from desdecero.pipelines.recipe.finetune_data import FinetuneData
from desdecero.pipelines.recipe.identifiers import folder_name
from desdecero.pipelines.recipe.pretrain import Budget


def _text_pack(name: str) -> str:
    """Check that a domain pack is of texts, which adapters are trained on."""
    try:
        task = task_of(name)
    except UserError as error:
        raise ValueError(str(error)) from None
    if task != "text":
        raise ValueError(f"the domain {name} is for {task}, and adapters are trained on texts: leave domain out")
    return name


DomainName = Annotated[str, AfterValidator(_text_pack)]


class Finetune(Section):
    """Trains a LoRA adapter (Hu et al. 2021) on texts of one domain."""

    domain: DomainName | None = None
    """Domain pack (`desdecero domains`), which says what the adapter is for and what it is not to be used for."""
    data: FinetuneData | None = None
    """Texts to train and to measure on. Default, and `corpus`: the corpus' domain slice, which pretraining did not
    see."""
    rank: Annotated[int, Field(ge=1, le=1024)] = 16
    """Rank of the adapter's matrices."""
    alpha: Annotated[float, Field(gt=0, le=65_536)] = 32.0
    """Scale of the adapter: its output is multiplied by alpha / rank."""
    budget: Budget = Budget(steps=100)
    """Length of training, as in `pretrain.budget`. `steps: 100` is read as `budget: {steps: 100}`."""
    batch_size: BatchSize = 16
    """Sequences in an optimiser step."""
    learning_rate: Annotated[float, Field(gt=0)] = 2e-3
    """Highest learning rate of AdamW."""
    max_eval_bytes: Annotated[int, Field(gt=0)] = 300_000
    """Bytes of held-out text that are scored from the domain, and as many from the rest."""

    @field_validator("data", mode="before")
    @classmethod
    def _slice_of_the_corpus(cls, data: Any) -> Any:
        return None if data == "corpus" else data

    @model_validator(mode="before")
    @classmethod
    def _steps_as_budget(cls, data: Any) -> Any:
        match data:
            case {"steps": None, **others}:
                return others
            case {"steps": _, "budget": _}:
                raise ValueError("give steps or budget, not both: `steps: 100` means `budget: {steps: 100}`")
            case {"steps": steps, **others}:
                return {**others, "budget": {"steps": steps}}
        return data


def names_no_adapter(value: Any) -> bool:
    """Tell a section of one adapter, which has the name of the domain slice, from a mapping of names to sections."""
    if not isinstance(value, Mapping) or not value or set(value) & set(Finetune.model_fields):
        return True
    return not all(isinstance(section, Mapping | Finetune) for section in value.values())


AdapterName = Annotated[str, AfterValidator(folder_name)]
Finetuning = Mapping[AdapterName, Finetune] | None
"""Adapters by name."""
