"""Print what `desdecero run` would do, and write nothing: `desdecero run RECIPE --dry-run`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from desdecero.pipelines.recipe import Recipe
from desdecero.pipelines.run.chain import current_state, stages_until
from desdecero.pipelines.run.run_dir import RunDir

Action = Literal["keep", "build", "rebuild?", "move"]
"""`rebuild?`: rebuilt unless the output of an earlier stage, which is built first, is the same as before."""


@dataclass(frozen=True)
class Step:
    """Planned action for one stage."""

    stage: str
    action: Action
    reason: str
    seconds: float | None
    """Duration of the stage's last build."""


def plan(recipe: Recipe, run: RunDir, first: str | None = None, last: str | None = None) -> list[Step]:
    """Return what `run_chain` would do, stage by stage."""
    steps: list[Step] = []
    redo = False
    for name, stage in stages_until(recipe, first, last).items():
        redo = redo or name == first
        state = current_state(stage, recipe, run)
        rebuilt = [step.stage for step in steps if step.stage in stage.inputs and step.action != "keep"]
        action, reason = _action(state.name, state.reason, rebuilt)
        if redo:
            action, reason = "build", "requested by --from" if name == first else f"it comes after --from {first}"
        elif run.awaits_move(stage, recipe):
            action, reason = "move", "it was sealed, but the run was interrupted before it was moved into place"
        seal = run.seal(name, recipe)
        steps.append(Step(name, action, reason, seal.seconds if seal else None))
    return steps


def _action(state: str, reason: str, rebuilt: list[str]) -> tuple[Action, str]:
    if state == "missing":
        return "build", "it has not been built yet"
    if state == "stale":
        return "build", reason
    if rebuilt:
        return "rebuild?", unless(rebuilt)
    return "keep", reason or "sealed"


def unless(stages: Sequence[str]) -> str:
    """Return a clause such as `unless corpus, tokens and pretrain come out as before`."""
    *first, last = stages
    named = f"{', '.join(first)} and {last} come" if first else f"{last} comes"
    return f"unless {named} out as before"


def print_plan(recipe: Recipe, run: RunDir, first: str | None = None, last: str | None = None) -> None:
    """Print one line for each stage: action, last duration and reason."""
    print(f"{run}  (dry run: nothing is written)\n")
    for step in plan(recipe, run, first, last):
        took = f"{step.seconds:8.1f} s last time" if step.seconds is not None else ""
        print(f"{step.stage:<10} {step.action:<9} {took:<20}  {step.reason}".rstrip())
    if last is None:
        for name, section in recipe.adapters_elsewhere.items():
            print(f"\nThe adapter {name} is on {section.base}: `desdecero finetune` adds it to the run of that model.")
