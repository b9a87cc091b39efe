"""True or false in the audit: facts that one document alone states, and values that the model makes up."""

from __future__ import annotations

from typing import Any

from desdecero.eval_suites.public_sets.figures import Scored
from desdecero.eval_suites.true_or_false.facts import OTHERS, measure_facts
from desdecero.eval_suites.true_or_false.made_up import continue_passages, measure_made_up, not_measured
from desdecero.eval_suites.true_or_false.results import TrueOrFalseResult
from desdecero.pipelines.auditing.asked import Asked, bar
from desdecero.pipelines.auditing.facts import BEFORE, FACTS, PASSAGES, TOKENS, draw_facts, draw_passages, standing
from desdecero.pipelines.auditing.work import Work
from desdecero.pipelines.recipe.audit import Facts


def facts(asked: Asked, _: Facts) -> Scored[TrueOrFalseResult]:
    """Measure what the model knows of its documents, and what it makes up; a line for each fact and each passage."""
    recipe, run, confidence = asked.recipe, asked.run, asked.recipe.audit.confidence
    drawn = draw_facts(recipe, run, FACTS)
    stated = measure_facts(asked.model, drawn.trained, drawn.held_out, confidence, recipe.seed, bar("facts"))
    lines: list[dict[str, Any]] = [{"asked": "fact", **line} for line in stated.lines]
    if reason := not_measured(asked.model):
        return Scored(TrueOrFalseResult(stated=stated.result, made_up=reason), lines)
    passages = draw_passages(recipe, run, PASSAGES)
    written = continue_passages(asked.model, passages, TOKENS, recipe.seed, bar("facts", "passage"))
    made_up = measure_made_up(written, lambda values: standing(run, values), confidence)
    lines += [{"asked": "passage", **line} for line in made_up.lines]
    return Scored(TrueOrFalseResult(stated=stated.result, made_up=made_up.result), lines)


def facts_work(asked: Asked, _: Facts) -> Work:
    """Return the work of the facts of both sides, by the model and its twin, and of the passages that are continued."""
    continued = PASSAGES if asked.recipe.model.objective == "causal" else 0
    return Work(2 * FACTS, 2 * 2 * FACTS * (1 + OTHERS) * BEFORE, continued, continued * TOKENS)


def p_values(result: TrueOrFalseResult) -> dict[str, float]:
    """Return `stated` and `made_up` → p-value of the difference."""
    return result.p_values
