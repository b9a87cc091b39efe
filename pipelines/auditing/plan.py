"""What an audit would ask, with what power and in how many minutes: `desdecero audit RECIPE --plan`. Nothing is run.

The power is that of the variances which a Spanish GPT of 15 million parameters showed (`TYPICAL`); how many pairs have
both mentions in the training text is known where the run has its tokens. The minutes are those of a short trial, where
there is a model.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from desdecero.eval_suites.models.interface import LanguageModel
from desdecero.eval_suites.paired_sentences.crossed import detectable_with
from desdecero.eval_suites.paired_sentences.probes import Pair, Probes
from desdecero.model_cards.audit_sentences import group_name
from desdecero.model_cards.formats import duration, figure
from desdecero.model_cards.words import Language, name, reader_language, say
from desdecero.pipelines.auditing.asked import Asked
from desdecero.pipelines.auditing.keys import wanted_suites
from desdecero.pipelines.auditing.pairs import counted_pairs, probes_of
from desdecero.pipelines.common.command_line import Arguments
from desdecero.pipelines.common.environment import quiet_environment
from desdecero.pipelines.common.errors import EXIT_OK, UserError, guard
from desdecero.pipelines.recipe.audit import PairedSentences
from desdecero.pipelines.run.chain import add_recipe_arguments, open_run

PLAN = "--plan"
TYPICAL = {"context_variance": 0.8, "pair_variance": 0.05, "cell_variance": 1.4}
"""nats², of a Spanish GPT of 15 million parameters."""
TRIED = 64
"""Sentences on which the speed is tried."""


@dataclass(frozen=True)
class PlannedGroup:
    """A group that would be asked."""

    probes: Probes
    pairs: Sequence[Pair]
    counted: bool
    """False where the run has no tokens: then all pairs are taken to count."""

    @property
    def sentences(self) -> int:
        """Sentences that would be scored, the shuffled ones left out."""
        mentions = len({mention for pair in self.pairs for mention in pair})
        return mentions * 2 * (len(self.probes.contexts) + len(self.probes.reading))

    def detectable(self, level: float) -> float | None:
        """Return the mean gap that would be found in 80 of 100 such audits; None where too few pairs count."""
        if not self.pairs:
            return None
        return detectable_with(len(self.probes.contexts), len(self.pairs), level=level, **TYPICAL)


def print_plan(argv: list[str]) -> int:
    """Run `desdecero audit RECIPE --plan`."""

    def command(words: list[str]) -> int:
        quiet_environment()
        parser = Arguments("audit", __doc__)
        add_recipe_arguments(parser)
        parser.add_argument("--adapter", metavar="NAME", help="the adapter, where the recipe has several")
        parser.add_argument("--language", choices=("en", "es"), help="default: the recipe's first, or LANG")
        arguments = parser.parse_args(words)
        recipe, run, _ = open_run(arguments)
        language = reader_language(recipe.languages, arguments.language)
        asked = Asked(recipe, run, arguments.adapter)
        print("\n".join(plan_lines(asked, language)))
        return EXIT_OK

    return guard(command, argv)


def plan_lines(asked: Asked, language: Language) -> list[str]:
    """Return the plan, a line for each group and each suite."""
    recipe, lines = asked.recipe, list[str]()
    for suite in wanted_suites(recipe):
        lines.append(name(language, "audit_suite", suite))
        if suite == "pairs" and recipe.audit.suites.pairs:
            lines += _pairs_lines(asked, recipe.audit.suites.pairs, language)
    return lines or [say(language, "audit_plan.nothing")]


def _pairs_lines(asked: Asked, section: PairedSentences, language: Language) -> list[str]:
    recipe, groups = asked.recipe, planned_groups(asked, section)
    level = (1 - recipe.audit.confidence) / len(groups)
    lines = []
    for group in groups:
        values = {
            "group": f"{group.probes.language} {group_name(language, group.probes.name)}",
            "contexts": len(group.probes.contexts),
            "pairs": len(group.pairs),
            "all": len(group.probes.pairs),
        }
        smallest = group.detectable(level)
        key = "audit_plan.group" if smallest is not None else "audit_plan.group_not_asked"
        lines.append("  " + say(language, key, **values, gap=figure(smallest, 2) if smallest is not None else ""))
    if not all(group.counted for group in groups):
        lines.append("  " + say(language, "audit_plan.no_tokens"))
    lines.append("  " + say(language, "audit_plan.margin", margin=f"{recipe.audit.margin:g}"))
    seconds = planned_seconds(asked, groups)
    took = duration(seconds) if seconds is not None else say(language, "audit_plan.no_model")
    lines.append("  " + say(language, "audit_plan.time", sentences=sum(group.sentences for group in groups), time=took))
    return lines


def planned_groups(asked: Asked, section: PairedSentences) -> list[PlannedGroup]:
    """Return the groups that paired sentences would be asked of."""
    recipe, run = asked.recipe, asked.run
    known = run.recipe_file.is_file() and run.seal("tokens", recipe) is not None
    most = section.pairs_per_context
    return [
        PlannedGroup(probes, counted_pairs(probes, asked, section)[0] if known else probes.pairs[:most], known)
        for probes in probes_of(recipe)
    ]


def planned_seconds(asked: Asked, groups: Sequence[PlannedGroup]) -> float | None:
    """Return how long paired sentences would take, by a trial of some of them; None where there is no model."""
    chosen = next((group for group in groups if group.pairs), None)
    if chosen is None or not (asked.run.model_with(asked.adapter) / "config.json").is_file():
        return None
    texts = [f" {each.context}" for each in chosen.probes.contexts][:TRIED]
    try:
        rate = _rate(asked.model, chosen.pairs[0][0], texts)
    except ValueError as error:
        raise UserError(f"the audit cannot score its probes: {error}; raise model.context_length") from error
    twins = 1 if asked.model.pseudo_likelihood else 2
    return sum(group.sentences for group in groups) * twins / rate


def _rate(model: LanguageModel, mention: str, texts: Sequence[str]) -> float:
    """Return how many sentences a second the model scores, once warm."""
    model.log_likelihood([mention] * len(texts), texts)
    start = time.perf_counter()
    model.log_likelihood([mention] * len(texts), texts)
    return len(texts) / (time.perf_counter() - start)
