"""Tell what `desdecero run` would do, and write nothing: `desdecero run RECIPE --dry-run`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from desdecero.pipelines.recipe import Recipe
from desdecero.pipelines.run.chain import between, current_state
from desdecero.pipelines.run.run_dir import RunDir

Action = Literal["keep", "build", "rebuild?", "move"]
"""`rebuild?`: unless a stage before it, which is built first, comes out as it was."""


@dataclass(frozen=True)
class Step:
    stage: str
    action: Action
    reason: str
    seconds: float | None
    """That the stage took last time."""


def plan(recipe: Recipe, run: RunDir, first: str | None = None, last: str | None = None) -> list[Step]:
    """What `run_chain` would do, stage by stage."""
    steps: list[Step] = []
    redo = False
    for name, stage in between(recipe, first, last).items():
        redo = redo or name == first
        state = current_state(stage, recipe, run)
        rebuilt = [step.stage for step in steps if step.stage in stage.inputs and step.action != "keep"]
        action, reason = _action(state.name, state.reason, rebuilt)
        if redo:
            action, reason = "build", "--from asks for it" if name == first else f"it comes after --from {first}"
        elif run.awaits_its_place(stage, recipe):
            action, reason = "move", "it was sealed, and interrupted before it was moved into place"
        seal = run.seal(name, recipe)
        steps.append(Step(name, action, reason, seal.seconds if seal else None))
    return steps


def _action(state: str, reason: str, rebuilt: list[str]) -> tuple[Action, str]:
    if state == "missing":
        return "build", "it has not been made yet"
    if state == "stale":
        return "build", reason
    if rebuilt:
        return "rebuild?", unless(rebuilt)
    return "keep", reason or "sealed"


def unless(stages: Sequence[str]) -> str:
    """`unless corpus, tokens and pretrain come out as before`"""
    *first, last = stages
    named = f"{', '.join(first)} and {last} come" if first else f"{last} comes"
    return f"unless {named} out as before"


def print_plan(recipe: Recipe, run: RunDir, first: str | None = None, last: str | None = None) -> None:
    print(f"{run}  (dry run: nothing is written)\n")
    for step in plan(recipe, run, first, last):
        took = f"{step.seconds:8.1f} s last time" if step.seconds is not None else ""
        print(f"{step.stage:<10} {step.action:<9} {took:<20}  {step.reason}".rstrip())
