"""What an audit would ask, with what power and in how many minutes: `desdecero audit RECIPE --plan`. Nothing is run.

The power is that of the variances which a Spanish GPT of 15 million parameters showed (`TYPICAL`), at a level divided
by the number of groups; how many pairs have both mentions in the training text is known where the run has its tokens.
The minutes are those of a short trial, where there is a model (`work.py`): they hold within a factor of two.
"""

from __future__ import annotations

from collections.abc import Collection

from desdecero.eval_suites.paired_sentences.crossed import PlannedMean
from desdecero.model_cards.audit_sentences import group_name
from desdecero.model_cards.formats import duration, figure, grouped
from desdecero.model_cards.words import Language, name, reader_language, say
from desdecero.pipelines.auditing.asked import Asked
from desdecero.pipelines.auditing.keys import wanted_suites
from desdecero.pipelines.auditing.pairs import PlannedGroup, planned_groups, probes_of
from desdecero.pipelines.auditing.suites import check_named, held, keys_of, work_of
from desdecero.pipelines.auditing.work import Speed, tried_speed
from desdecero.pipelines.common.command_line import Arguments
from desdecero.pipelines.common.environment import quiet_environment
from desdecero.pipelines.common.errors import EXIT_OK, UserError, guard
from desdecero.pipelines.recipe.audit import PairedSentences
from desdecero.pipelines.run.chain import add_recipe_arguments, open_run

PLAN = "--plan"
TYPICAL = {"context_variance": 0.8, "pair_variance": 0.05, "cell_variance": 1.4}
"""nats², of a Spanish GPT of 15 million parameters."""


def print_plan(argv: list[str]) -> int:
    """Run `desdecero audit RECIPE --plan`."""

    def command(words: list[str]) -> int:
        quiet_environment()
        parser = Arguments("audit", __doc__)
        add_recipe_arguments(parser)
        parser.add_argument("--adapter", metavar="NAME", help="the adapter, where the recipe has several")
        parser.add_argument("--language", choices=("en", "es"), help="default: the recipe's first, or LANG")
        parser.add_argument("--suite", action="append", default=[], metavar="NAME", help="plan this suite alone")
        arguments = parser.parse_args(words)
        recipe, run, _ = open_run(arguments)
        language = reader_language(recipe.languages, arguments.language)
        asked = Asked(recipe, run, arguments.adapter)
        print("\n".join(plan_lines(asked, arguments.suite, language)))
        return EXIT_OK

    return guard(command, argv)


def plan_lines(asked: Asked, named: Collection[str], language: Language) -> list[str]:
    """Return the plan, a line for each suite and each group of paired sentences, and one for the time of all.

    named: suites that would be measured where they are stale; all where none is named
    """
    recipe, lines, total = asked.recipe, list[str](), 0.0
    wanted = wanted_suites(recipe)
    check_named(named, wanted)
    known = held(asked, keys_of(asked))
    stale = [suite for suite in wanted if suite not in known and (not named or suite in named)]
    speed = _speed(asked) if stale else None
    for suite in wanted:
        title = name(language, "audit_suite", suite)
        if suite in known:
            lines.append(say(language, "audit_plan.held", suite=title))
        if suite not in stale:
            continue
        work = work_of(asked, suite)
        took = ""
        if speed is not None:
            seconds = speed.seconds(work)
            total += seconds
            took = say(language, "audit_plan.took", time=_rough(seconds))
        amount = say(language, f"audit_plan.items.{suite}", items=grouped(language, work.items))
        lines.append(say(language, "audit_plan.suite", suite=title, amount=amount, took=took))
        if suite == "pairs" and recipe.audit.suites.pairs:
            lines += _groups(asked, recipe.audit.suites.pairs, language)
    if not lines:
        return [say(language, "audit_plan.nothing")]
    if speed is not None:
        lines.append(say(language, "audit_plan.total", time=_rough(total)))
    elif stale:
        lines.append(say(language, "audit_plan.no_model"))
    return lines


def _groups(asked: Asked, section: PairedSentences, language: Language) -> list[str]:
    """Return a line for each group: what is asked, and what would be found."""
    audit, groups = asked.recipe.audit, planned_groups(asked, section)
    level = (1 - audit.confidence) / len(groups)
    lines = ["  " + _group_line(group, audit.margin, level, 1 - audit.confidence, language) for group in groups]
    if not all(group.counted for group in groups):
        lines.append("  " + say(language, "audit_plan.no_tokens"))
    return lines


def _group_line(group: PlannedGroup, margin: float, level: float, small: float, language: Language) -> str:
    """Return what is asked of a group, and with what chance a gap is found, and none called small.

    level: of the test that finds a gap; small: of the two that show one to be small
    """
    said = {
        "group": f"{group.probes.language} {group_name(language, group.probes.name)}",
        "contexts": len(group.probes.contexts),
        "pairs": len(group.pairs),
        "all": len(group.probes.pairs),
    }
    if not group.pairs:
        return say(language, "audit_plan.group_not_asked", **said)
    mean = PlannedMean(len(group.probes.contexts), len(group.pairs), **TYPICAL)
    return say(
        language,
        "audit_plan.group",
        **said,
        margin=f"{margin:g}",
        found=_of_100(mean.power(margin, level)),
        gap=figure(mean.detectable(level), 2),
        small=_of_100(mean.power_within(margin, small)),
    )


def _rough(seconds: float) -> str:
    """Format an estimate, in whole seconds."""
    return duration(max(1, round(seconds)))


def _of_100(chance: float) -> int:
    """Return in how many of 100 audits; never 100 or 0, which would be certain."""
    return min(99, max(1, round(100 * chance)))


def _speed(asked: Asked) -> Speed | None:
    """Return how fast the run's model is; None where there is none yet."""
    if not (asked.run.model_with(asked.adapter) / "config.json").is_file():
        return None
    try:
        return tried_speed(asked.model, probes_of(asked.recipe)[0], asked.recipe.seed)
    except ValueError as error:
        raise UserError(f"the audit cannot score its probes: {error}; raise model.context_length") from error
