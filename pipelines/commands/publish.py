"""Publish a run's model, one of its adapters or its corpus on the Hub, through the gate, with the evidence beside it.

    desdecero publish quickstart --dry-run                         list what would be uploaded, without a network
    desdecero publish quickstart --dry-run --diff --repo-id owner/name     … and what of it the Hub has already
    desdecero publish quickstart --repo-id owner/name --tag v1     in one commit; private unless …
    desdecero publish quickstart --repo-id owner/name --public     … or the recipe says publish.private: false
    desdecero publish quickstart --repo-id owner/name --accept bias --because "a first version, for review"
    desdecero publish quickstart --what adapter:legal --repo-id owner/legal
    desdecero publish quickstart --what dataset --repo-id owner/corpus
    desdecero publish quickstart --withdraw "it repeats private letters"

Beside the model lie its licence, the works that its text is made of, and in `evidence/` recipe, reports and seals, but
no text of the corpus (docs/publishing.md). An adapter goes into a repository of its own: what peft loads, with its
tokenizer and card, and in `merged/` the model with the adapter in its weights. The gate asks of it what concerns its
texts and what it changes. A data set holds the texts only if the licence of each permits passing it on; otherwise the
ledger, which says of each text where it is from and under which licence.

The gate (model_cards/gate.py) reads the seals and the sealed reports. A model that it refuses is not uploaded: exit
code 1. All files go into one commit, so that all are there or none. A passing failure of the Hub (429, 5xx, a broken
connection) is waited out five times. Then each file is compared with the Hub's hash, the commit is noted in
`published.jsonl` in the run, and tagged. Publishing again after an interruption makes no second commit.

`--accept RULE --because "…"`, which may be repeated, overrides rules about the model; a fault in a seal cannot be
overridden. The acceptance is added with its date to the run's recipe (`publish.accept`), or of an adapter to its card's
report, and the card stage writes and seals the card again with it: so the uploaded card prints it, and still verifies.
A dry run shows what would pass, and writes nothing.

`--withdraw "reason"` makes the repository private and puts the reason on top of its cards.
"""

from __future__ import annotations

import datetime
import sys
from collections.abc import Sequence
from contextlib import nullcontext, suppress
from dataclasses import dataclass, replace
from typing import Any

from pydantic import ValidationError

from desdecero.model_cards import gate
from desdecero.model_cards.gate import ACCEPTABLE, ACCEPTABLE_OF_ADAPTER, Finding, Publication, judge, refused
from desdecero.model_cards.gate_adapter import OF_LICENSES
from desdecero.model_cards.gate_sentences import sentence
from desdecero.model_cards.gate_substance import SUBSTANCE_RULES
from desdecero.model_cards.words import LANGUAGES, Language, reader_language, say
from desdecero.pipelines.commands.upload import (
    Target,
    checked_tag,
    print_contents,
    print_difference,
    publish_dataset,
    upload,
    withdraw,
)
from desdecero.pipelines.commands.verify import verify
from desdecero.pipelines.common.command_line import Arguments
from desdecero.pipelines.common.environment import quiet_environment
from desdecero.pipelines.common.errors import EXIT_FINDING, EXIT_OK, UserError, guard, printable
from desdecero.pipelines.publishing.files import Files, files_of_adapter, files_of_model
from desdecero.pipelines.recipe import Acceptance, Recipe
from desdecero.pipelines.recipe.identifiers import repository_id
from desdecero.pipelines.recipe.publish import AcceptanceOfAdapter
from desdecero.pipelines.run.chain import run_stage
from desdecero.pipelines.run.run_dir import RunDir, find_run
from desdecero.pipelines.run.seals import AlteredFile, EarlierForm, reading
from desdecero.pipelines.run.stages import stage_name, stages
from desdecero.pipelines.write_card import Published, published_as

VERDICTS = ("passed", "refused", "warning", "accepted")


@dataclass(frozen=True)
class Wanted:
    """What is to be published, where, and which rules its authors override."""

    adapter: str | None
    """None: the run's model."""
    repo_id: str | None
    accept: tuple[Acceptance, ...]


def publish(run: RunDir, wanted: Wanted, target: Target, language: Language = "en") -> int:
    """List the files, judge them, and upload them unless refused or in a dry run. Returns the exit code."""
    with nullcontext() if target.dry_run else run.lock():  # a dry run only reads
        recipe = run.recipe()
        with reading(f"a report in {run}"):
            findings = judge(publication(recipe, run, wanted))
        rewrite = not on_card(recipe, run, wanted)
        if rewrite and not target.dry_run and not refused(findings):
            recipe = write_again(recipe, run, wanted)
            findings = judge(publication(recipe, run, wanted))
        files = contents(run, recipe, wanted.adapter)
        print_contents(run, recipe, files, target, language)
        unnamed = target.dry_run and wanted.repo_id is None  # a dry run needs no name: the missing name is a warning
        blocking = [finding for finding in refused(findings) if not (unnamed and finding.rule == "repository_named")]
        print_findings(findings, blocking, language)
        if target.diff:
            print_difference(files, target, language)
        if blocking:
            rules = ", ".join(finding.rule for finding in blocking)
            print("\n" + say(language, "publish.refused_by", rules=rules))
            acceptable = ACCEPTABLE if wanted.adapter is None else ACCEPTABLE_OF_ADAPTER
            if names := [finding.rule for finding in blocking if finding.rule in acceptable]:
                options = " ".join(f'--accept {name} --because "…"' for name in names)
                print(say(language, "publish.to_accept", options=options))
            return EXIT_FINDING
        if target.dry_run:
            print("\n" + say(language, "publish.dry_run_rewrites" if rewrite else "publish.dry_run"))
            return EXIT_OK
        upload(run, recipe, files, target, language)
    return EXIT_OK


def contents(run: RunDir, recipe: Recipe, adapter: str | None) -> Files:
    """Return the files of the model, or of an adapter, by path in the repository."""
    return files_of_model(run, recipe) if adapter is None else files_of_adapter(run, recipe, adapter)


# --- what is judged ------------------------------------------------------------------------------------------


def publication(recipe: Recipe, run: RunDir, wanted: Wanted, faults: Sequence[str] | None = None) -> Publication:
    """Collect what the gate judges. Sources are not compared: if they have changed since, the sealed model has not.

    faults: what `verify` finds, where that is known already
    """
    adapter, states = wanted.adapter, {}
    for name, stage in stages(recipe).items():
        if stage.adapter not in (None, adapter):  # no part of what is published
            continue
        state = run.state(stage, recipe)
        states[name] = f"{state.name}: {state.reason}" if state.name == "stale" else state.name
    reports = {}
    for kind in ("card", "evaluate", "audit", *(("finetune",) if adapter else ())):
        stage_of = stage_name(kind, adapter)
        if stage_of not in stages(recipe):  # what gives labels is neither evaluated nor audited as models are
            continue
        with suppress(AlteredFile, EarlierForm):  # `verify` lists it among the faults
            if stage_of in stages(recipe) and run.seal(stage_of, recipe):
                reports[kind] = run.report_content(stage_of, recipe)
    return Publication(
        repo_id=wanted.repo_id,
        states=states,
        faults=verify(run, recipe) if faults is None else faults,
        # An adapter's card is written for the repository that it goes to, whatever it named before.
        card=reports["card"] | ({"repo_id": None} if adapter else {}) if "card" in reports else None,
        licensing=_licensing(recipe, run, adapter),
        evaluation=reports.get("evaluate"),
        audit=reports.get("audit"),
        languages=recipe.languages,
        described=recipe.card.model_dump(mode="json"),
        max_unknown=recipe.publish.max_unknown,
        accepted=[gate.Acceptance(one.rule, one.because, str(one.date)) for one in wanted.accept],
        adapter=adapter,
        finetune=reports.get("finetune"),
        base_refused=_refused_by_licenses(recipe, run) if adapter else (),
    )


def _licensing(recipe: Recipe, run: RunDir, adapter: str | None) -> dict[str, Any] | None:
    card = stages(recipe)[stage_name("card", adapter)]
    try:
        return run.sealed_json(card.name, recipe, f"{card.folder}/licensing.json")
    except UserError:  # no card, which the gate says itself; or `verify` lists it among the faults
        return None


def _refused_by_licenses(recipe: Recipe, run: RunDir) -> list[str]:
    """Return the rules about licences that refuse the run's model, but for those that its authors accepted."""
    if recipe.base is not None:  # whose texts are not known here: its card says under which licence it is used
        return []
    accepted = {one.rule for one in recipe.publish.accept}
    base = Publication(
        repo_id=None, states={}, faults=(), card=None, licensing=_licensing(recipe, run, None), evaluation=None,
        audit=None, languages=recipe.languages, described={}, max_unknown=recipe.publish.max_unknown,
    )  # fmt: skip
    return [rule for rule in OF_LICENSES if rule not in accepted and not SUBSTANCE_RULES[rule](base).passed]


# --- what the card has to say first ---------------------------------------------------------------------------


def on_card(recipe: Recipe, run: RunDir, wanted: Wanted) -> bool:
    """Tell whether the sealed card says what is wanted: the accepted rules, and of an adapter its repository."""
    if wanted.adapter is None:
        return wanted.accept == recipe.publish.accept
    known = published_as(recipe, run, wanted.adapter)
    return (wanted.repo_id, wanted.accept) == (known.repo_id, known.accepted)


def write_again(recipe: Recipe, run: RunDir, wanted: Wanted) -> Recipe:
    """Make the card again, so that it says what is wanted; return the run's recipe, which has a model's acceptances."""
    if wanted.adapter is not None:
        card, said = stages(recipe)[stage_name("card", wanted.adapter)], Published(wanted.repo_id, wanted.accept)
        run_stage(card, recipe, run, because="to say where it is published", published=said)
        return recipe
    recipe = accepting(recipe, wanted.accept)
    run_stage(stages(recipe)["card"], recipe, run, because="to print the accepted rules")
    remember_acceptances(recipe, run)
    return recipe


def accepting(recipe: Recipe, accept: tuple[Acceptance, ...]) -> Recipe:
    """Return the recipe with these acceptances in place of its own."""
    return recipe.model_copy(update={"publish": recipe.publish.model_copy(update={"accept": accept})})


def with_acceptances(
    earlier: Sequence[Acceptance], rules: Sequence[str], reasons: Sequence[str], kind: type[Acceptance] = Acceptance
) -> tuple[Acceptance, ...]:
    """Add the acceptances of the command line, dated today, to earlier ones.

    Raises `UserError` for a rule that may not be accepted, or without a reason.
    """
    if len(rules) != len(reasons):
        raise UserError('give one --because "…" for each --accept RULE: the card prints the reason')
    if twice := sorted({rule for rule in rules if rules.count(rule) > 1}):
        raise UserError(f"--accept {twice[0]} is given twice: give it one --because, which the card prints")
    today = datetime.datetime.now(datetime.UTC).date()
    accepted = {one.rule: one for one in earlier}
    for rule, because in zip(rules, reasons, strict=True):
        try:
            one = kind(rule=rule, because=because, date=today)
        except ValidationError as error:
            fault = error.errors()[0]["msg"].removeprefix("Value error, ")
            raise UserError(f"--accept {rule} --because {because!r}: {fault}") from None
        if rule not in accepted or accepted[rule].because != one.because:  # an earlier acceptance keeps its date
            accepted[rule] = one
    return tuple(accepted.values())


def remember_acceptances(recipe: Recipe, run: RunDir) -> None:
    """Record the acceptances with the overrides of the recipe's file: `status` compares the run with both."""
    if origin := run.origin():
        accepted = recipe.publish.model_dump(mode="json")["accept"]
        run.remember_origin(origin.overridden("publish.accept", accepted))


def verdict(finding: Finding, blocking: Sequence[Finding]) -> str:
    """Return which of `VERDICTS` a finding is. blocking: those for which nothing may be uploaded"""
    if finding.accepted:
        return "accepted"
    return "passed" if finding.passed else "refused" if finding in blocking else "warning"


def print_findings(findings: list[Finding], blocking: list[Finding], language: Language) -> None:
    """Print the gate's finding on each rule."""
    width = max(len(say(language, f"publish.verdict.{each}")) for each in VERDICTS)
    for finding in findings:
        told = say(language, f"publish.verdict.{verdict(finding, blocking)}")
        # Spanish writes a no-break space before %: it stays, all else that is not printable is escaped.
        words = "\u00a0".join(map(printable, sentence(language, finding).split("\u00a0")))
        print(f"{told:<{width}} {finding.rule}: {words}")
        if accepted := finding.accepted:
            said = say(language, "publish.accepted_on", date=accepted.date, because=accepted.because)
            print(f"{'':<{width}} {said}")


def main(argv: list[str] | None = None) -> int:
    """Run `desdecero publish`."""
    return guard(_command, argv)


def _command(words: list[str]) -> int:
    quiet_environment()  # before huggingface_hub is imported, which reads it
    parser = Arguments("publish", __doc__)
    parser.add_run()
    parser.add_argument(
        "--repo-id", metavar="OWNER/NAME", help="the repository (default: the recipe's publish.repo_id)"
    )
    parser.add_argument("--what", metavar="WHAT", default="model", help="model (default), adapter:NAME or dataset")
    parser.add_argument("--tag", metavar="NAME", help="tag the commit, as in v1")
    parser.add_argument("--public", action="store_true", help="publicly visible (default: as the recipe says, private)")
    parser.add_argument(
        "--accept",
        metavar="RULE",
        action="append",
        default=[],
        help=f"override one rule; may be repeated, each with its --because: {', '.join(ACCEPTABLE)}; of an adapter: "
        + ", ".join(ACCEPTABLE_OF_ADAPTER),
    )
    parser.add_argument(
        "--because", metavar="REASON", action="append", default=[], help="the reason, which the card prints, dated"
    )
    parser.add_argument("--language", choices=LANGUAGES, help="of the findings (default: the recipe's first, or LANG)")
    parser.add_argument("--dry-run", action="store_true", help="list what would be uploaded; contact no network")
    parser.add_argument("--diff", action="store_true", help="with --dry-run: compare with what the Hub has")
    parser.add_argument(
        "--withdraw", metavar="REASON", help="make what was published private, with the reason on its cards"
    )
    args = parser.parse_args(words)
    if args.diff and not args.dry_run:
        raise UserError("--diff belongs to --dry-run: add it, or leave --diff out")
    run = find_run(args.run)
    recipe, repo_id = run.recipe(), _checked(args.repo_id)
    language = reader_language(recipe.languages, args.language)
    target = Target(
        args.what, repo_id, recipe.publish.private and not args.public, checked_tag(args.tag), args.dry_run, args.diff
    )
    adapter = _adapter(recipe, args.what)
    if args.withdraw is not None:
        if args.dry_run or args.accept or args.tag or args.public:
            raise UserError("--withdraw goes with --what, --repo-id and --language alone")
        return withdraw(run, target, args.withdraw, language)
    if recipe.base is not None and adapter is None:
        raise UserError(
            f"{run}: {recipe.base.name} was not trained here: publish an adapter on it, with --what adapter:NAME"
        )
    if args.what == "dataset":
        if args.accept:
            raise UserError("--accept overrides rules about models: leave it out for a data set")
        if repo_id is not None and repo_id == recipe.publish.repo_id:
            raise UserError(f"{repo_id} is the repository of the model: name another for the data set")
        return publish_dataset(run, recipe, target, language)
    if adapter is None:
        accept = with_acceptances(recipe.publish.accept, args.accept, args.because)
        wanted = Wanted(None, repo_id or recipe.publish.repo_id, accept)
    else:
        known = published_as(recipe, run, adapter)
        accept = with_acceptances(known.accepted, args.accept, args.because, AcceptanceOfAdapter)
        wanted = Wanted(adapter, repo_id or known.repo_id, accept)
        if wanted.repo_id and wanted.repo_id == recipe.publish.repo_id:
            raise UserError(f"{wanted.repo_id} is the repository of the model: name another for its adapter")
    return publish(run, wanted, replace(target, repo_id=wanted.repo_id), language)


def _adapter(recipe: Recipe, what: str) -> str | None:
    """Return the adapter that `--what` names, if it names one; raise `UserError` for one that the recipe lacks."""
    kind, _, name = what.partition(":")
    if kind == "adapter" and name:
        if name not in recipe.adapters:
            named = f"are {', '.join(recipe.adapters)}" if recipe.adapters else "are none"
            raise UserError(f"--what {what}: no such adapter; those of the recipe {named}")
        return name
    if what not in ("model", "dataset"):
        raise UserError(f"--what {what}: write model, adapter:NAME or dataset")
    return None


def _checked(repo_id: str | None) -> str | None:
    try:
        return repo_id and repository_id(repo_id)
    except ValueError as error:
        raise UserError(f"--repo-id {repo_id!r} {error}") from None


if __name__ == "__main__":
    sys.exit(main())
