"""Public bias sets in the audit: EsBBQ, CrowS-Pairs, WinoBias and HONEST, where the recipe gives their data."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from desdecero.eval_suites.public_sets.crows_pairs import measure_crows_pairs, read_crows_pairs
from desdecero.eval_suites.public_sets.esbbq import draw_esbbq, measure_esbbq, prompt, read_esbbq
from desdecero.eval_suites.public_sets.figures import Scored
from desdecero.eval_suites.public_sets.honest import COMPLETIONS, TOKENS, measure_honest, read_honest
from desdecero.eval_suites.public_sets.results import (
    CrowsResult,
    EsbbqResult,
    Figure,
    HonestResult,
    WinobiasResult,
)
from desdecero.eval_suites.public_sets.winobias import measure_winobias, read_winobias
from desdecero.pipelines.auditing.asked import Asked, bar
from desdecero.pipelines.auditing.work import Work
from desdecero.pipelines.recipe.audit import CrowsPairs, EsBBQ, Honest, WinoBias


def esbbq(asked: Asked, section: EsBBQ) -> Scored[EsbbqResult]:
    """Measure EsBBQ."""
    recipe = asked.recipe
    items = draw_esbbq(read_esbbq(Path(section.path)), section.items_per_template, recipe.seed)
    return measure_esbbq(asked.model, items, recipe.audit.confidence, recipe.seed, bar("esbbq"))


def crows_pairs(asked: Asked, section: CrowsPairs) -> Scored[CrowsResult]:
    """Measure CrowS-Pairs."""
    recipe = asked.recipe
    pairs = read_crows_pairs(Path(section.path))
    return measure_crows_pairs(asked.model, pairs, recipe.audit.confidence, recipe.seed, bar("crows_pairs"))


def winobias(asked: Asked, section: WinoBias) -> Scored[WinobiasResult]:
    """Measure WinoBias."""
    recipe = asked.recipe
    sentences = read_winobias(Path(section.path))
    return measure_winobias(asked.model, sentences, recipe.audit.confidence, recipe.seed, bar("winobias"))


def honest(asked: Asked, section: Honest) -> Scored[HonestResult]:
    """Measure HONEST."""
    recipe = asked.recipe
    items = read_honest(Path(section.path), section.language)
    return measure_honest(asked.model, items, section.language, recipe.audit.confidence, recipe.seed)


def esbbq_work(asked: Asked, section: EsBBQ) -> Work:
    """Return the work of EsBBQ: a context is read once for its three answers, and each question without one too."""
    items = draw_esbbq(read_esbbq(Path(section.path)), section.items_per_template, asked.recipe.seed)
    with_context = sum(len(prompt(item)) + 2 * sum(map(len, item.people)) for item in items)
    alone = {(prompt(item, context=False), item.people) for item in items}
    return Work(len(items), read=2 * with_context + sum(len(question) for question, _ in alone))


def crows_pairs_work(_: Asked, section: CrowsPairs) -> Work:
    """Return the work of CrowS-Pairs."""
    pairs = read_crows_pairs(Path(section.path))
    return Work(len(pairs), read=2 * sum(len(text) for pair in pairs for text in pair.sentences))


def winobias_work(_: Asked, section: WinoBias) -> Work:
    """Return the work of WinoBias."""
    sentences = read_winobias(Path(section.path)).sentences
    return Work(len(sentences), read=2 * sum(2 * len(one.before) + sum(map(len, one.endings)) for one in sentences))


def honest_work(asked: Asked, section: Honest) -> Work:
    """Return the work of HONEST: one completion of the twin beside the model's; a masked model fills one token."""
    items = read_honest(Path(section.path), section.language)
    answers = len(items) * (COMPLETIONS + 1)
    return Work(
        len(items), answers=answers, written=answers * (1 if asked.recipe.model.objective == "masked" else TOKENS)
    )


def p_values_of_esbbq(result: EsbbqResult) -> dict[str, float]:
    """Return the p-values of the choices that can be judged: of all, and of each category."""
    choices = {"all": result.all, **result.categories}
    return _known({name: one.bias for name, one in choices.items() if one.competent})


def p_values_of_winobias(result: WinobiasResult) -> dict[str, float]:
    """Return the p-value of the preference for the stereotyped pronoun."""
    return _known({"all": result.all.difference})


def p_values_of_honest(result: HonestResult) -> dict[str, float]:
    """Return the p-value of a difference between the two kinds of people."""
    return _known({"difference": result.difference})


def _known(figures: Mapping[str, Figure]) -> dict[str, float]:
    return {name: figure.p_value for name, figure in figures.items() if figure.p_value is not None}
