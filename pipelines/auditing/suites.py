"""The suites of the audit: what each measures, what it depends on, and which of its p-values are adjusted together.

    measured = measure(asked, [])                           # suite → result and lines; those that still hold are kept
    report = judged(asked, measured)

A suite is measured again where its settings, its data, the model or the training tokens changed; the others are taken
from the audit that is there. The p-values of all suites are adjusted together (Holm 1979): who looks at twenty numbers
finds one in twenty by chance.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from desdecero.eval_suites.paired_sentences.verdicts import judge_gaps
from desdecero.eval_suites.paired_sentences.verdicts import p_values as p_values_of_pairs
from desdecero.eval_suites.public_sets.figures import Scored
from desdecero.eval_suites.results import Part
from desdecero.eval_suites.statistics import holm
from desdecero.pipelines.auditing import by_heart, in_use, pairs, public_sets, true_or_false
from desdecero.pipelines.auditing.asked import Asked
from desdecero.pipelines.auditing.keys import NOT_ASKED, key_of, wanted_suites
from desdecero.pipelines.auditing.work import Work
from desdecero.pipelines.common.errors import UserError
from desdecero.pipelines.run.reports.audit import AuditReport, SuiteResults
from desdecero.pipelines.run.stages import stage_name


@dataclass(frozen=True)
class Suite:
    """A suite of the audit."""

    measure: Callable[[Asked, Any], Scored[Any]]
    """Measures with the suite's section of the recipe."""
    work: Callable[[Asked, Any], Work]
    """How much it asks of the model, for a plan."""
    p_values: Callable[[Any], Mapping[str, float]] = lambda _: {}
    """p-values of a result that are adjusted with those of the other suites, by name."""


SUITES: dict[str, Suite] = {
    "pairs": Suite(pairs.measure_pairs, pairs.pairs_work, p_values_of_pairs),
    "esbbq": Suite(public_sets.esbbq, public_sets.esbbq_work, public_sets.p_values_of_esbbq),
    "crows_pairs": Suite(public_sets.crows_pairs, public_sets.crows_pairs_work),
    "winobias": Suite(public_sets.winobias, public_sets.winobias_work, public_sets.p_values_of_winobias),
    "honest": Suite(public_sets.honest, public_sets.honest_work, public_sets.p_values_of_honest),
    "swaps": Suite(in_use.swaps, in_use.swaps_work, in_use.p_values),
    "memorization": Suite(by_heart.memorization, by_heart.memorization_work, by_heart.p_values_of_memorization),
    "personal_data": Suite(by_heart.personal_data, by_heart.personal_data_work),
    "facts": Suite(true_or_false.facts, true_or_false.facts_work, true_or_false.p_values),
}
"""Name, as in the recipe's `audit.suites`, → suite; in the order in which they are told."""


@dataclass(frozen=True)
class Measured:
    """The result of a suite, its lines, and what it was measured with."""

    result: Part
    lines: list[dict[str, Any]]
    key: str


def measure(asked: Asked, named: Collection[str]) -> dict[str, Measured]:
    """Return what was measured, suite by suite.

    named: suites that are measured where they are stale; all where none is named. The others are kept if they hold

    Raises `UserError` for a name that is none of the recipe's suites, and for data that cannot be read.
    """
    wanted = wanted_suites(asked.recipe)
    check_named(named, wanted)
    keys = keys_of(asked)
    earlier = held(asked, keys)
    found = dict[str, Measured]()
    for name in wanted:
        if name in earlier:
            found[name] = earlier[name]
        elif not named or name in named:
            with _named(name):
                scored = SUITES[name].measure(asked, getattr(asked.recipe.audit.suites, name))
            found[name] = Measured(scored.result, scored.lines, keys[name])
    return found


def check_named(named: Collection[str], wanted: Collection[str]) -> None:
    """Raise `UserError` for a name of `--suite` that is none of the recipe's suites."""
    if unknown := [name for name in named if name not in wanted]:
        raise UserError(
            f"--suite {unknown[0]}: the recipe's audit.suites asks for {', '.join(wanted) or 'none'}; name one of them"
        )


def work_of(asked: Asked, name: str) -> Work:
    """Return how much a suite asks of the model. Raises `UserError` for data that cannot be read."""
    with _named(name):
        return SUITES[name].work(asked, getattr(asked.recipe.audit.suites, name))


@contextmanager
def _named(suite: str) -> Iterator[None]:
    """Name the suite in the error of data that cannot be used."""
    try:
        yield
    except ValueError as error:
        raise UserError(f"audit.suites.{suite}: {error}") from error


def judged(asked: Asked, measured: Mapping[str, Measured]) -> AuditReport:
    """Return the report: the results of all suites, with p-values adjusted over the whole report."""
    audit = asked.recipe.audit
    p_values = {
        f"{name}/{test}": p for name, one in measured.items() for test, p in SUITES[name].p_values(one.result).items()
    }
    adjusted = dict(zip(p_values, holm(list(p_values.values())), strict=True))
    results: dict[str, Any] = {name: one.result for name, one in measured.items()}
    if "pairs" in results:
        of_pairs = {key.removeprefix("pairs/"): p for key, p in adjusted.items() if key.startswith("pairs/")}
        results["pairs"] = judge_gaps(results["pairs"], of_pairs, len(adjusted), audit.confidence)
    return AuditReport(
        confidence=audit.confidence,
        margin=audit.margin,
        p_adjusted=adjusted,
        suites=SuiteResults(**results),
        measured_with={name: one.key for name, one in measured.items()},
        not_measured={name: NOT_ASKED for name in wanted_suites(asked.recipe) if name not in measured},
        changes=None,
    )


def keys_of(asked: Asked) -> dict[str, str]:
    """Return a key of what each wanted suite depends on. Raises `UserError` for data that are not there."""
    recipe = asked.recipe
    return {name: key_of(name, recipe, asked.run, asked.adapter) for name in wanted_suites(recipe)}


def held(asked: Asked, keys: Mapping[str, str]) -> dict[str, Measured]:
    """Return what need not be measured again, of the audit that is there: nothing that it depends on has changed.

    keys: of the suites that are wanted, as `keys_of` returns them
    """
    return {name: one for name, one in _earlier(asked).items() if one.key == keys.get(name)}


def _earlier(asked: Asked) -> dict[str, Measured]:
    """Return what the audit that is sealed has measured; nothing where there is none of this form."""
    stage, run, recipe = stage_name("audit", asked.adapter), asked.run, asked.recipe
    try:
        report = run.report(stage, recipe)
        assert isinstance(report, AuditReport)
        folder = run.place(run.folder(stage, recipe))
        found = {}
        for name, key in report.measured_with.items():
            lines = run.sealed_bytes(stage, recipe, f"{folder}/{name}.jsonl").decode().splitlines()
            found[name] = Measured(getattr(report.suites, name), [json.loads(line) for line in lines], key)
        return found
    except UserError:
        return {}
