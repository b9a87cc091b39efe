"""The `finetune` section: adapters by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, field_validator, model_validator

from desdecero.pipelines.common.errors import UserError
from desdecero.pipelines.recipe.base import BatchSize, Section
from desdecero.pipelines.recipe.base_model import OWN_MODEL, BasePlace
from desdecero.pipelines.recipe.domains import Task, task_of
from desdecero.pipelines.recipe.finetune_data import FinetuneData
from desdecero.pipelines.recipe.identifiers import folder_name
from desdecero.pipelines.recipe.pretrain import Budget

Method = Literal["lora", "rslora", "dora", "pissa", "full", "head"]

LOW_RANK: tuple[Method, ...] = ("lora", "rslora", "dora", "pissa")
"""Methods that learn a low-rank change to each matrix."""

DEFAULTS: Mapping[str, Mapping[str, Any]] = {
    "text": {"budget": {"steps": 100}, "batch_size": 16},
    "chat": {"budget": {"epochs": 3}, "batch_size": 16},
    "classification": {"budget": {"epochs": 10}, "batch_size": 32},
    "tokens": {"budget": {"epochs": 10}, "batch_size": 16},
}
"""What a section leaves out, by task."""
RATE = 2e-3
"""Default learning rate."""
RATES: Mapping[str, float] = {"full": 5e-4, "head": 1e-2}
"""Those of the methods that train weights themselves."""


def known_pack(name: str) -> str:
    """Check that there is a domain pack of this name."""
    try:
        task_of(name)
    except UserError as error:
        raise ValueError(str(error)) from None
    return name


def _task_of_pack(name: Any) -> str:
    try:
        return task_of(name) if isinstance(name, str) else "text"
    except UserError:  # `known_pack` reports it
        return "text"


class AdapterBudget(Budget):
    """Length of an adapter's training: give exactly one of these."""

    epochs: Annotated[float, Field(gt=0, le=10_000)] | None = None
    """Times that every example is trained on."""

    @model_validator(mode="after")
    def _check_one(self) -> AdapterBudget:
        if sum(value is not None for value in (self.minutes, self.steps, self.tokens, self.flops, self.epochs)) != 1:
            raise ValueError("give exactly one of epochs, steps, minutes, tokens and flops")
        return self


class Trials(Section):
    """Values to choose among: an adapter is trained for each combination, and the best on validation data is taken."""

    rank: tuple[Annotated[int, Field(ge=1, le=1024)], ...] = ()
    """Ranks to try."""
    alpha: tuple[Annotated[float, Field(gt=0, le=65_536)], ...] = ()
    """Scales to try."""
    learning_rate: tuple[Annotated[float, Field(gt=0)], ...] = ()
    """Learning rates to try."""
    batch_size: tuple[BatchSize, ...] = ()
    """Batch sizes to try."""


class Finetune(Section):
    """Adapts the model to a task: by LoRA (Hu et al. 2021), or by training its weights."""

    domain: Annotated[str, AfterValidator(known_pack)] | None = None
    """Domain pack (`desdecero domains`), which says what the adapter is for and what it is not to be used for."""
    base: BasePlace = OWN_MODEL
    """Model to adapt: `run`, the recipe's own; a folder of transformers; or a model of the Hub, `owner/name@revision`.
    Adapters on another model go into a run of that model's name, `runs/<name>`."""
    task: Task = "text"
    """`text`: texts to continue pretraining on; `chat`: answers in conversations; `classification`: labels of texts;
    `tokens`: labelled spans. Default: the domain pack's, or text."""
    data: FinetuneData | None = None
    """Examples to train and to measure on. Default, and `corpus`: the corpus' domain slice, which pretraining did not
    see; for texts only."""
    method: Method = "lora"
    """`lora`; `rslora` scales it by the root of the rank (Kalajdzievski 2023), `dora` learns magnitudes apart (Liu et
    al. 2024), `pissa` begins with the largest singular values (Meng et al. 2024); `full` trains all weights; `head`
    trains the classification head alone, on frozen features."""
    rank: Annotated[int, Field(ge=1, le=1024)] = 16
    """Rank of the adapter's matrices."""
    alpha: Annotated[float, Field(gt=0, le=65_536)] = 32.0
    """Scale of the adapter: its output is multiplied by alpha / rank (`rslora`: by alpha / √rank)."""
    budget: AdapterBudget = AdapterBudget(steps=100)
    """Length of training, as in `pretrain.budget`, or in `epochs`. `steps: 100` is read as `budget: {steps: 100}`, and
    `epochs: 3` likewise. Default: 100 steps of texts, 3 epochs of conversations, 10 of labelled examples."""
    batch_size: BatchSize = 16
    """Sequences in an optimiser step, or labelled examples. Default: 16, and 32 texts to classify."""
    learning_rate: Annotated[float, Field(gt=0)] | Literal["auto"] = RATE
    """Highest learning rate of AdamW. `auto` tries a third of the default, the default and three times it, and takes
    the best on validation data. Default: 0.002; 0.0005 for `full`, and 0.01 for `head`."""
    sweep: Trials = Trials()
    """Values to try, on validation data, never on test: `{rank: [4, 16]}`."""
    replay: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Share of each batch that is of the base's own training tokens, against forgetting; for texts and
    conversations."""
    seeds: Annotated[int, Field(ge=1, le=20)] = 1
    """Number of trainings that differ in their seed. The first one's adapter is kept; the verdict takes all."""
    quantize: Literal["4bit"] | None = None
    """`4bit` keeps the frozen weights in 4 bits while the adapter is trained (QLoRA, Dettmers et al. 2023): less
    memory, on CUDA alone, for `lora` and `rslora`. What is saved and scored is the adapter on the whole weights."""
    early_stop: bool = False
    """Keep the step with the lowest loss on validation data, and stop after three validations without a lower one."""
    max_eval_bytes: Annotated[int, Field(gt=0)] = 300_000
    """Bytes of held-out text that are scored from the domain, and as many from the rest."""

    @field_validator("data", mode="before")
    @classmethod
    def _slice_of_the_corpus(cls, data: Any) -> Any:
        return None if data == "corpus" else data

    @model_validator(mode="before")
    @classmethod
    def _fill_by_task(cls, data: Any) -> Any:
        """Read `steps` and `epochs` as a budget, and write out what the domain pack, the task and the method decide
        where the section says nothing."""
        if not isinstance(data, Mapping):
            return data
        length = {key: data[key] for key in ("steps", "epochs") if data.get(key) is not None}
        if len(length) + ("budget" in data) > 1:
            raise ValueError("give one of steps, epochs and budget: `steps: 100` means `budget: {steps: 100}`")
        own = {key: value for key, value in data.items() if key not in ("steps", "epochs")}
        task, method = own.get("task") or _task_of_pack(own.get("domain")), own.get("method") or "lora"
        rate = RATES.get(method, RATE) if isinstance(method, str) else RATE
        defaults = DEFAULTS.get(task, {}) if isinstance(task, str) else {}
        return {**defaults, "learning_rate": rate, **own, **({"budget": length} if length else {}), "task": task}

    @model_validator(mode="after")
    def _check_what_goes_together(self) -> Finetune:
        if self.task != "text" and self.data is None:
            raise ValueError(f"the task {self.task} needs data: name a file in data.train")
        if self.base != OWN_MODEL and self.data is None:
            raise ValueError(f"{self.base} comes without a corpus: give the adapter data of its own")
        if self.labels and self.replay:
            raise ValueError(f"replay is for texts and conversations, not for the task {self.task}: leave it out")
        if not self.labels and self.method == "head":
            raise ValueError(f"method head trains a classification head, which the task {self.task} has not: take lora")
        if self.method not in LOW_RANK and (self.sweep.rank or self.sweep.alpha):
            raise ValueError(f"method {self.method} has no rank and no alpha: leave them out of sweep")
        if self.quantize and self.method not in ("lora", "rslora"):
            raise ValueError(f"quantize: {self.quantize} goes with lora and rslora, not with {self.method}")
        if self.tries and self.budget.minutes:
            raise ValueError("trials of equal length need a budget in epochs, steps, tokens or flops, not in minutes")
        return self

    @property
    def labels(self) -> bool:
        """Return whether the adapted model predicts labels, and writes no text."""
        return self.task in ("classification", "tokens")

    @property
    def tries(self) -> bool:
        """Return whether settings are chosen on validation data."""
        return self.learning_rate == "auto" or bool(self.sweep.model_dump(exclude_defaults=True))


def names_no_adapter(value: Any) -> bool:
    """Tell a section of one adapter, which has the name of the domain slice, from a mapping of names to sections."""
    if not isinstance(value, Mapping) or set(value) <= KEYS:
        return True
    return not all(isinstance(section, Mapping | Finetune) for section in value.values())


KEYS = {*Finetune.model_fields, "steps", "epochs"}
"""Keys of a section."""


def _no_key(name: str) -> str:
    """Check that a name is no key of a section, which could be told from a name in some recipes only."""
    if name in KEYS:
        raise ValueError(f"{name} is a key of the section, and no name for an adapter: take another")
    return name


AdapterName = Annotated[str, AfterValidator(folder_name), AfterValidator(_no_key)]
Finetuning = Mapping[AdapterName, Finetune] | None
"""Adapters by name."""
