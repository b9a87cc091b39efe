"""Judge by the policy whether a run's model may be published, and say what to do about what refuses it.

    desdecero gate quickstart                          every rule: value, limit, report, how to fix
    desdecero gate quickstart --preset open_release    by another preset than the recipe's
    desdecero gate quickstart --adapter legal          an adapter
    desdecero gate quickstart --json                   the same for a program

The rules and their levels are in model_cards/policy/rules.yaml; the recipe's `policy` chooses a preset, changes rules
and names waivers (docs/gate.md). A rule that is not measured counts as failed. Nothing is written.

Exit code 0 if nothing refuses, 1 if a rule does, 2 for wrong input.
"""

from __future__ import annotations

import datetime
import json
from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from typing import Any, get_args

from desdecero.model_cards.gate_sentences import fix, measured, sentence, tag, waiver_sentence
from desdecero.model_cards.policy.judge import judge, plain, refused
from desdecero.model_cards.policy.rules import BY_LICENSE
from desdecero.model_cards.policy.types import Preset, Verdict
from desdecero.model_cards.words import LANGUAGES, Language, reader_language, say
from desdecero.pipelines.common.command_line import Arguments
from desdecero.pipelines.common.errors import EXIT_FINDING, EXIT_OK, UserError, shown
from desdecero.pipelines.recipe import Recipe
from desdecero.pipelines.run.attestation import check_signature
from desdecero.pipelines.run.chain import find_stage
from desdecero.pipelines.run.gate import facts_of
from desdecero.pipelines.run.run_dir import RunDir, find_run
from desdecero.pipelines.run.seals import AlteredFile, EarlierForm, reading
from desdecero.pipelines.run.stages import stage_name, stages
from desdecero.pipelines.verification.of_run import verify
from desdecero.pipelines.verification.seals import read_seals


def judge_run(
    recipe: Recipe,
    run: RunDir,
    adapter: str | None = None,
    preset: Preset | None = None,
    faults: Sequence[str] | None = None,
    leave_out: Collection[str] = (),
) -> list[Verdict]:
    """Judge a run's model, or an adapter, by every rule, as of today.

    preset: in place of the recipe's. faults: what `verify` finds, where that is known already. Sources are not
    compared: if they have changed since, the sealed model has not.
    """
    states = {}
    for name, stage in stages(recipe).items():
        if stage.adapter not in (None, adapter):  # no part of what is published
            continue
        state = run.state(stage, recipe)
        states[name] = f"{state.name}: {state.reason}" if state.name == "stale" else state.name
    reports = {}
    for name in states:
        with suppress(AlteredFile, EarlierForm):  # `verify` lists it among the faults
            if run.seal(name, recipe):
                reports[name] = run.report_content(name, recipe)
    seals, _ = read_seals(run, recipe)
    today = datetime.datetime.now(datetime.UTC).date()
    missing = reports.get(stage_name("card", adapter), {}).get("missing", [])
    others: dict[str, Any] = {
        "seals": {
            "states": states,
            "faults": list(verify(run, recipe) if faults is None else faults),
            "missing": missing,
        },
        "attestation": {"state": check_signature(run, recipe, seals, None).state},
        "base": {"refused": _base_refused(recipe, run, today) if adapter else []},
    }
    with reading(f"a report in {run}"):
        facts = facts_of(recipe, reports, _licensing(recipe, run, adapter), adapter, **others)
        return judge(facts, recipe.policy.judged(adapter, preset), today, leave_out)


def _licensing(recipe: Recipe, run: RunDir, adapter: str | None) -> dict[str, Any] | None:
    card = stages(recipe)[stage_name("card", adapter)]
    try:
        return run.sealed_json(card.name, recipe, f"{card.folder}/licensing.json")
    except UserError:  # no card, which `seals` says itself; or `verify` lists it among the faults
        return None


def _base_refused(recipe: Recipe, run: RunDir, today: datetime.date) -> list[str]:
    """Return the rules about licences that refuse the run's model, by its own waivers."""
    if recipe.base is not None:  # whose texts are not known here: its card says under which licence it is used
        return []
    facts = facts_of(recipe, {}, _licensing(recipe, run, None), seals={"states": {}, "faults": [], "missing": []})
    verdicts = judge(facts, recipe.policy.judged(), today)
    return [rule for rule in refused(verdicts) if rule in BY_LICENSE]


def lines(language: Language, verdicts: Sequence[Verdict]) -> Iterator[str]:
    """Yield what the gate says: of each rule what was found, and where it does not pass how to fix it."""
    width = max(len(say(language, f"gate.tag.{each}")) for each in ("pass", "waived", "refuse", "warn", "off"))
    for verdict in verdicts:
        yield f"{tag(language, verdict):<{width}} {verdict.rule}: {shown(sentence(language, verdict))}"
        below = [measured(language, verdict)]
        if verdict.outcome != "pass":
            below.append(say(language, "gate.to_fix", fix=fix(language, verdict)))
        below += [waiver_sentence(language, one, expired=False) for one in verdict.waivers]
        below += [waiver_sentence(language, one, expired=True) for one in verdict.expired]
        yield from (f"{'':<{width}} {shown(text)}" for text in below)


def main(argv: list[str]) -> int:
    """Run `desdecero gate`."""
    parser = Arguments("gate", __doc__)
    parser.add_run()
    parser.add_argument("--preset", choices=get_args(Preset), help="how much is asked (default: the recipe's)")
    parser.add_argument("--adapter", metavar="NAME", help="judge this adapter")
    parser.add_argument("--language", choices=LANGUAGES, help="of the findings (default: the recipe's first, or LANG)")
    parser.add_argument("--json", action="store_true", help="print JSON, for programs")
    args = parser.parse_args(argv)
    run = find_run(args.run)
    recipe = run.recipe()
    if args.adapter is not None:
        find_stage(recipe, "finetune", args.adapter)  # a name that is none is refused with those that there are
    elif recipe.base is not None:
        raise UserError(f"{run}: {recipe.base.name} was not trained here: judge an adapter on it, with --adapter NAME")
    language = reader_language(recipe.languages, args.language)
    verdicts = judge_run(recipe, run, args.adapter, args.preset)
    rules, preset = refused(verdicts), args.preset or recipe.policy.preset
    if args.json:
        content = {"preset": preset, "refused": rules, "verdicts": [plain(verdict) for verdict in verdicts]}
        print(json.dumps(content, indent=2, ensure_ascii=False))
        return EXIT_FINDING if rules else EXIT_OK
    print(say(language, "gate.preset", preset=preset) + "\n")
    print("\n".join(lines(language, verdicts)))
    print("\n" + (say(language, "gate.refused_by", rules=", ".join(rules)) if rules else say(language, "gate.open")))
    return EXIT_FINDING if rules else EXIT_OK
