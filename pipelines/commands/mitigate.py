"""Train with a mitigation and without it, over several seeds, and write what it changed and what it cost.

    desdecero mitigate quickstart --method counterfactual        men and women exchanged in half of the documents
    desdecero mitigate quickstart --method reweight --with by=language
    desdecero mitigate quickstart --method goldfish --seeds 5 --with k=3
    desdecero mitigate quickstart --method threshold --seeds 20  the classifier of audit.suites.swaps; or reduction

For each seed a base and a treated model are trained, evaluated and audited below `mitigation/` in the run; they differ
in one setting. What is sealed is not made again, so an interrupted command goes on, and more seeds can be added later.
`mitigation/METHOD.json` has the change of the gaps, of what is extracted, of the loss and of the tasks, each with an
interval over seeds. *Mitigated* is said where the change is shown and the loss worsens by less than `audit.tolerance`.
Three seeds show large effects alone: docs/audits.md. For a classifier no language model is trained: the seeds draw its
texts, and its cost is in accuracy.
"""

from __future__ import annotations

import sys
from contextlib import nullcontext, redirect_stdout

from desdecero.eval_suites.mitigation.receipts import LEAST_SEEDS, TARGETS, judge, worsening
from desdecero.eval_suites.mitigation.results import Change, MitigationReceipt
from desdecero.model_cards.audit_sentences import group_name
from desdecero.model_cards.formats import Scale, figure, interval, percent
from desdecero.model_cards.words import LANGUAGES, Language, name, reader_language, say
from desdecero.pipelines.common.command_line import Arguments
from desdecero.pipelines.common.errors import EXIT_OK, UserError
from desdecero.pipelines.common.files import json_text, write_text
from desdecero.pipelines.mitigation.classifiers import METHODS, mitigated_classifier
from desdecero.pipelines.mitigation.measures import Values
from desdecero.pipelines.mitigation.runs import SECTIONS, paired_runs, seeds_of, settings_of, with_method
from desdecero.pipelines.recipe import Recipe
from desdecero.pipelines.run.chain import add_recipe_arguments, open_run
from desdecero.pipelines.run.reports import content_of
from desdecero.pipelines.run.run_dir import RunDir

SEEDS = 3


def main(argv: list[str]) -> int:
    """Run `desdecero mitigate`."""
    parser = Arguments("mitigate", __doc__)
    add_recipe_arguments(parser)
    parser.add_argument("--method", required=True, choices=list(TARGETS), help="what the treated models differ in")
    parser.add_argument("--seeds", type=int, default=SEEDS, metavar="N", help=f"pairs of models (default: {SEEDS})")
    parser.add_argument(
        "--with", action="append", default=[], metavar="KEY=VALUE", dest="settings",
        help="a setting of the method, as in --with share=1; may be repeated",
    )  # fmt: skip
    parser.add_argument("--json", action="store_true", help="print the receipt as JSON")
    parser.add_argument("--language", choices=LANGUAGES, help="default: the recipe's first, or LANG")
    arguments = parser.parse_args(argv)
    if arguments.seeds < LEAST_SEEDS:
        raise UserError(
            f"--seeds {arguments.seeds}: give {LEAST_SEEDS} or more; what one training changed may be chance alone"
        )
    recipe, run, _ = open_run(arguments)
    with redirect_stdout(sys.stderr) if arguments.json else nullcontext():
        receipt = mitigate(recipe, run, arguments.method, arguments.seeds, arguments.settings)
    if arguments.json:
        print(json_text(content_of(receipt)), end="")
    else:
        print(f"\n{table(receipt, reader_language(recipe.languages, arguments.language))}")
    return EXIT_OK


def mitigate(recipe: Recipe, run: RunDir, method: str, seeds: int, settings: list[str]) -> MitigationReceipt:
    """Make what is missing of the runs, write `mitigation/METHOD.json`, and return it.

    Raises `UserError` for a method that has nothing to act on, or that nothing would measure.
    """
    audit, values, trained = recipe.audit, Values(), seeds_of(recipe, seeds)
    if classified := next((one for one in METHODS if one == method), None):
        if settings:
            raise UserError(f"--with {settings[0]}: {method} has no settings: leave it out")
        changes = mitigated_classifier(recipe, run, classified, trained)
        receipt = judge(classified, {}, trained, changes, {}, audit.tolerance, audit.confidence)
    else:
        chosen = next(one for one in SECTIONS if one == method)
        treated = with_method(recipe, chosen, settings)
        for pair in paired_runs(recipe, run, chosen, seeds, settings):
            values.add(pair)
        receipt = judge(
            chosen, settings_of(treated, chosen), trained, values.changes(audit.confidence), values.not_measured,
            audit.tolerance, audit.confidence,
        )  # fmt: skip
    write_text(run.mitigation / f"{method}.json", json_text(content_of(receipt)))
    return receipt


# --- what is printed -----------------------------------------------------------------------------------------------


def table(receipt: MitigationReceipt, language: Language) -> str:
    """Return the receipt as lines of text: a line a measure, and one for its values by seed."""
    head = say(
        language, "mitigation.head", method=name(language, "mitigation_method", receipt.method),
        count=len(receipt.seeds), confidence=percent(language, receipt.confidence),
    )  # fmt: skip
    lines = [head]
    for one in receipt.changes:
        scale: Scale = "points" if one.share else "signed"
        unit = say(language, "mitigation.points") if one.share else _unit(language, one)
        change = interval(language, content_of(one.change), scale)
        verdict = f" → {name(language, 'mitigation_verdict', one.verdict)}" if one.verdict else ""
        lines.append(f"  {_named(language, one.measure, one.of)}: {change}{unit}{verdict}")
        lines.append(f"    {say(language, 'mitigation.by_seed')}: {_by_seed(language, one)}")
    for what, reason in receipt.not_measured.items():
        measure, _, of = what.partition(":")
        label = _named(language, measure, of)
        lines.append(f"  {label}: {name(language, 'mitigation_reason', reason)}")
    return "\n".join([*lines, "", sentence(receipt, language)])


def sentence(receipt: MitigationReceipt, language: Language) -> str:
    """Return the verdict of a receipt in a sentence."""
    cost = next(one for one in receipt.changes if one.measure == receipt.cost)
    mean, most = worsening(cost)
    unit = say(language, "mitigation.points") if cost.share else _unit(language, cost)
    by = {
        key: f"{figure(100 * value if cost.share else value, 2)}{unit}"
        for key, value in (("mean", mean), ("most", most), ("tolerance", receipt.tolerance))
    }
    return say(
        language, f"mitigation.told.{receipt.verdict}", target=name(language, "mitigation_measure", receipt.target),
        cost=name(language, "mitigation_measure", receipt.cost), **by,
    )  # fmt: skip


def _named(language: Language, measure: str, of: str) -> str:
    """Return the name of a measure, with what it is of: `gap, English: gender`."""
    label = name(language, "mitigation_measure", measure)
    if measure == "gap":
        if not of:
            return f"{label}, {say(language, 'mitigation.all_groups')}"
        spoken, _, group = of.partition("/")
        return f"{label}, {name(language, 'language', spoken)}: {group_name(language, group)}"
    return f"{label}, {name(language, 'suite', of)}" if of else label


def _unit(language: Language, one: Change) -> str:
    return say(language, "mitigation.nats") if one.measure in ("gap", "loss") else ""


def _by_seed(language: Language, one: Change) -> str:
    def shown(value: float) -> str:
        return percent(language, value) if one.share else figure(value, 3)

    return "; ".join(f"{shown(before)} → {shown(after)}" for before, after in zip(one.base, one.treated, strict=True))
