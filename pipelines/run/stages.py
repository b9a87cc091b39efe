"""Stages of a run: the one table that drives the chain, the command line, `status`, the card and the page.

    stages(recipe)      the stages that a recipe asks for, in order, by name
    BASE, OF_ADAPTER    the table: the stages of every model, and those of each adapter; CARD and DOSSIER come last
    ON_BASE             those of an adapter on a model that was not trained here

A recipe has four stages for each of its adapters (`finetune: {legal: {…}, health: {…}}`): `finetune:legal`,
`evaluate:legal`, `audit:legal` and `card:legal`; two for one that gives labels, and writes no text that could be
evaluated and audited as the model's: `finetune:support` and `card:support`. So has each adapter on a base that was not
trained here, and there are no other stages then.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from desdecero.pipelines.recipe import Recipe


BLOCKED = ("desdecero.pipelines.corpus.blocklist:reason_to_rebuild",)
EVALUATED = (*BLOCKED, "desdecero.pipelines.evaluation.suites:reason_to_measure_again")
AUDITED = (*BLOCKED, "desdecero.pipelines.auditing.keys:reason_to_audit_again")
"""What makes a stage stale beside its recipe, inputs and files: the lists of removed documents, the data of suites."""


@dataclass(frozen=True)
class Stage:
    """One stage: a module in `pipelines/` with one function of the same name.

        function(recipe, run, out, **options) -> summary

    It reads sealed folders of `run` and writes its own below `out`.
    """

    name: str
    page: str
    """Name of its module in `pipelines/` and of the function in it."""
    folder: str
    """Path relative to the run directory."""
    reads: tuple[str, ...]
    """Sections of the recipe that its output depends on, or single keys of them, by their path: `evaluate.confidence`;
    `finetune.legal` is the section of one of several adapters."""
    inputs: tuple[str, ...]
    """Stages whose sealed output it reads."""
    version: int
    """Raised when the stage's output changes its meaning: then what an older version sealed is stale."""
    resumable: bool = False
    """Continues its own unfinished work; other stages start from the beginning."""
    launched: bool = False
    """Runs in several processes where there are several devices."""
    model: Literal["", "replaces", "adds"] = ""
    """Effect on `model/`, in addition to its own folder: pretraining replaces it, the card adds its files."""
    flags: tuple[str, ...] = ()
    """Options of its function that `desdecero run` passes to it."""
    sources: str = ""
    """For a stage that reads data from outside the run: `module:class` that compares the data with what was sealed."""
    stale_if: tuple[str, ...] = BLOCKED
    """`module:function`s that return why a stage is stale for a reason other than its recipe, inputs and files. They
    take the run, the recipe and the stage's name."""
    adapter: str | None = None
    """The adapter that it trains, evaluates or audits."""

    @property
    def kind(self) -> str:
        """Its name without that of the adapter: the name of the command."""
        return self.name.partition(":")[0]

    @property
    def module(self) -> str:
        """Import path of its module."""
        return f"desdecero.pipelines.{self.page}"

    @property
    def options(self) -> dict[str, str]:
        """Arguments of its function other than recipe and directories."""
        return {"adapter": self.adapter} if self.adapter is not None else {}

    def command(self, arguments: str) -> str:
        """Return the command line that runs it alone, with these arguments."""
        _, _, adapter = self.name.partition(":")
        return f"desdecero {self.kind} {arguments}{f' --adapter {adapter}' if adapter else ''}"

    def for_adapter(self, adapter: str) -> Stage:
        """Return the stage for one of several adapters: ADAPTER is replaced by its name."""

        def named(templates: tuple[str, ...]) -> tuple[str, ...]:
            return tuple(template.replace("ADAPTER", adapter) for template in templates)

        return replace(
            self,
            name=f"{self.name}:{adapter}",
            folder=self.folder.replace("ADAPTER", adapter),
            reads=named(self.reads),
            inputs=named(self.inputs),
            adapter=adapter,
        )


BASE = (
    Stage(
        "corpus", "build_corpus", "corpus", ("seed", "corpus"), (), 4,
        sources="desdecero.pipelines.corpus.sources.memory:SourceMemory",
    ),
    Stage("tokenizer", "train_tokenizer", "tokenizer", ("seed", "tokenizer"), ("corpus",), 4),
    Stage("tokens", "pack_tokens", "tokens", ("seed", "tokens"), ("corpus", "tokenizer"), 4),
    Stage(
        "pretrain", "pretrain", "pretrain", ("seed", "model", "pretrain"), ("tokenizer", "tokens"), 6,
        resumable=True, launched=True, model="replaces", flags=("anyway",),
    ),
    Stage(
        "evaluate", "evaluate_model", "evaluation",
        ("seed", "evaluate"), ("corpus", "tokenizer", "tokens", "pretrain"), 6,
        resumable=True, stale_if=EVALUATED,
    ),
    Stage("audit", "audit_model", "audit", ("seed", "audit"), ("tokens", "pretrain"), 6, stale_if=AUDITED),
)  # fmt: skip
"""Stages of the model."""

OF_ADAPTER = (
    Stage(
        "finetune", "finetune", "adapters/ADAPTER",
        ("seed", "evaluate.confidence", "finetune.ADAPTER"), ("corpus", "tokens", "pretrain"), 8,
        resumable=True, flags=("anyway",), stale_if=("desdecero.pipelines.finetuning.state:reason_to_train_again",),
    ),
    Stage(
        "evaluate", "evaluate_model", "adapters/ADAPTER/evaluation",
        ("seed", "evaluate"), ("corpus", "tokenizer", "tokens", "evaluate", "finetune:ADAPTER"), 7,
        resumable=True, stale_if=EVALUATED,
    ),
    Stage(
        "audit", "audit_model", "adapters/ADAPTER/audit",
        ("seed", "audit"), ("tokens", "audit", "finetune:ADAPTER"), 7, stale_if=AUDITED,
    ),
    Stage(
        "card", "write_card", "adapters/ADAPTER/card", ("name", "languages", "card", "policy", "publish.repo_id"),
        ("tokens", "pretrain", "evaluate", "audit", "finetune:ADAPTER", "evaluate:ADAPTER", "audit:ADAPTER"), 5,
    ),
)  # fmt: skip
"""Stages of each adapter that writes text; ADAPTER stands for its name."""

CARD_OF_LABELS = replace(OF_ADAPTER[-1], inputs=("tokens", "pretrain", "finetune:ADAPTER"))
"""Card of an adapter that gives labels."""

ON_BASE = (
    replace(
        OF_ADAPTER[0], reads=("seed", "base", "model", "pretrain", "evaluate.confidence", "finetune.ADAPTER"), inputs=()
    ),
    replace(
        OF_ADAPTER[-1], reads=("name", "languages", "base", "card", "policy", "publish.repo_id"),
        inputs=("finetune:ADAPTER",), stale_if=(),
    ),
)  # fmt: skip
"""Stages of each adapter on a base that was not trained here, whose corpus and evaluation are not known."""

CARD = Stage(
    "card", "write_card", "card", ("name", "purpose", "languages", "card", "policy", "publish"),
    tuple(stage.name for stage in BASE), 9, model="adds",
)  # fmt: skip
"""Stage that reads all others of the model, and none of its adapters."""

DOSSIER = Stage(
    "dossier", "write_dossier", "dossier",
    ("name", "purpose", "languages", "card", "publish.repo_id", "publish.private", "dossier"),
    tuple(stage.name for stage in BASE), 2,
)  # fmt: skip
"""Stage of a recipe with a section `dossier`. It quotes what the card quotes, and leaves the card as it is."""

KINDS: dict[str, Stage] = {}
"""Stages that have a command, by its name, in order; where a model's and an adapter's share one, the model's."""
for _stage in (*BASE, OF_ADAPTER[0], CARD, DOSSIER):
    KINDS.setdefault(_stage.kind, _stage)


def stages(recipe: Recipe) -> dict[str, Stage]:
    """Return the stages that a recipe asks for, in order, by name; beside a base, those of its adapters alone."""
    chain = [stage for name in recipe.adapters for stage in stages_of(recipe, name)]
    if recipe.base is None:
        chain = [*BASE, *chain, CARD, *([DOSSIER] if recipe.dossier is not None else [])]
    return {stage.name: stage for stage in chain}


def stages_of(recipe: Recipe, name: str) -> list[Stage]:
    """Return the stages of one adapter, in order."""
    table = (OF_ADAPTER[0], CARD_OF_LABELS) if recipe.adapters[name].labels else OF_ADAPTER
    return [stage.for_adapter(name) for stage in (table if recipe.base is None else ON_BASE)]


def stage_name(kind: str, adapter: str | None) -> str:
    """Return the name of a stage: `evaluate` of the model, `evaluate:legal` of an adapter."""
    return kind if adapter is None else f"{kind}:{adapter}"


def load(reference: str) -> Any:
    """Import the object that `module:name` refers to: stages and their libraries are imported only when called."""
    module, _, name = reference.partition(":")
    return getattr(importlib.import_module(module), name)
