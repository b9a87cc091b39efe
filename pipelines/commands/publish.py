"""Publish a run's model, one of its adapters or its corpus on the Hub, through the gate, with the evidence beside it.

    desdecero publish quickstart --dry-run                         list what would be uploaded, without a network
    desdecero publish quickstart --dry-run --diff --repo-id owner/name     … and what of it the Hub has already
    desdecero publish quickstart --repo-id owner/name --tag v1     in one commit; private unless …
    desdecero publish quickstart --repo-id owner/name --public     … or the recipe says publish.private: false
    desdecero publish quickstart --what adapter:legal --repo-id owner/legal
    desdecero publish quickstart --what dataset --repo-id owner/corpus
    desdecero publish quickstart --withdraw "it repeats private letters"

Beside the model lie its licence, the works that its text is made of, and in `evidence/` recipe, reports and seals, but
no text of the corpus (docs/publishing.md). An adapter goes into a repository of its own: what peft loads, with its
tokenizer and card, and in `merged/` the model with the adapter in its weights. The gate asks of it what concerns its
texts and what it changes. A data set holds the texts only if the licence of each permits passing it on; otherwise the
ledger, which says of each text where it is from and under which licence.

The gate judges the run again, by every rule of the recipe's policy (`desdecero gate`, docs/gate.md). A model that it
refuses is not uploaded: exit code 1. A person who answers for it may waive a rule in the recipe's `policy.waivers`,
until a day and with a reason that the card prints; `desdecero run` writes the card again with it.

All files go into one commit, so that all are there or none. A passing failure of the Hub (429, 5xx, a broken
connection) is waited out five times. Then each file is compared with the Hub's hash, the commit is noted in
`published.jsonl` in the run, and tagged. Publishing again after an interruption makes no second commit.

`--withdraw "reason"` makes the repository private and puts the reason on top of its cards.
"""

from __future__ import annotations

import sys
from contextlib import nullcontext
from dataclasses import dataclass, replace

from desdecero.model_cards.policy.judge import refused
from desdecero.model_cards.words import LANGUAGES, Language, reader_language, say
from desdecero.pipelines.commands.gate import judge_run, lines
from desdecero.pipelines.commands.upload import (
    Target,
    checked_tag,
    print_contents,
    print_difference,
    publish_dataset,
    upload,
    withdraw,
)
from desdecero.pipelines.common.command_line import Arguments
from desdecero.pipelines.common.environment import quiet_environment
from desdecero.pipelines.common.errors import EXIT_FINDING, EXIT_OK, UserError, guard
from desdecero.pipelines.publishing.files import Files, files_of
from desdecero.pipelines.recipe import Recipe
from desdecero.pipelines.recipe.identifiers import repository_id
from desdecero.pipelines.run.chain import run_stage
from desdecero.pipelines.run.run_dir import RunDir, find_run
from desdecero.pipelines.run.stages import stage_name, stages
from desdecero.pipelines.write_card import Published, published_as


@dataclass(frozen=True)
class Wanted:
    """What is to be published, and where."""

    adapter: str | None
    """None: the run's model."""
    repo_id: str | None


def publish(run: RunDir, wanted: Wanted, target: Target, language: Language = "en") -> int:
    """List the files, judge them, and upload them unless refused or in a dry run. Returns the exit code."""
    with nullcontext() if target.dry_run else run.lock():  # a dry run only reads
        recipe = run.recipe()
        verdicts = judge_run(recipe, run, wanted.adapter)
        rewrite = not on_card(recipe, run, wanted)
        if rewrite and not target.dry_run and not refused(verdicts):
            write_again(recipe, run, wanted)
            verdicts = judge_run(recipe, run, wanted.adapter)
        files = contents(run, recipe, wanted.adapter)
        print_contents(run, recipe, files, target, language)
        print("\n".join(lines(language, verdicts)))
        if target.diff:
            print_difference(files, target, language)
        if rules := refused(verdicts):
            print("\n" + say(language, "publish.refused_by", rules=", ".join(rules)))
            return EXIT_FINDING
        if target.dry_run:
            print("\n" + say(language, "publish.dry_run_rewrites" if rewrite else "publish.dry_run"))
            return EXIT_OK
        upload(run, recipe, files, target, language)
    return EXIT_OK


def contents(run: RunDir, recipe: Recipe, adapter: str | None) -> Files:
    """Return the files of the model, or of an adapter, by path in the repository."""
    return files_of("model" if adapter is None else f"adapter:{adapter}", run, recipe)


def on_card(recipe: Recipe, run: RunDir, wanted: Wanted) -> bool:
    """Tell whether an adapter's sealed card names the repository. A model's is in the recipe."""
    return wanted.adapter is None or published_as(recipe, run, wanted.adapter).repo_id == wanted.repo_id


def write_again(recipe: Recipe, run: RunDir, wanted: Wanted) -> None:
    """Make an adapter's card again, so that it names the repository."""
    card = stages(recipe)[stage_name("card", wanted.adapter)]
    run_stage(card, recipe, run, because="to say where it is published", published=Published(wanted.repo_id))


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
        if args.dry_run or args.tag or args.public:
            raise UserError("--withdraw goes with --what, --repo-id and --language alone")
        return withdraw(run, target, args.withdraw, language)
    if recipe.base is not None and adapter is None:
        raise UserError(
            f"{run}: {recipe.base.name} was not trained here: publish an adapter on it, with --what adapter:NAME"
        )
    if args.what == "dataset":
        if repo_id is not None and repo_id == recipe.publish.repo_id:
            raise UserError(f"{repo_id} is the repository of the model: name another for the data set")
        return publish_dataset(run, recipe, target, language)
    if adapter is None:
        wanted = Wanted(None, repo_id or recipe.publish.repo_id)
        if recipe.publish.repo_id and wanted.repo_id != recipe.publish.repo_id:
            raise UserError(
                f"the card sends its readers to {recipe.publish.repo_id}, not to {wanted.repo_id}: write the one that "
                "is right into publish.repo_id, and make the card again"
            )
    else:
        wanted = Wanted(adapter, repo_id or published_as(recipe, run, adapter).repo_id)
        if wanted.repo_id and wanted.repo_id == recipe.publish.repo_id:
            raise UserError(f"{wanted.repo_id} is the repository of the model: name another for its adapter")
    if wanted.repo_id is None and not args.dry_run:
        raise UserError("no repository is named: use --repo-id owner/name, or the recipe's publish.repo_id")
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
        return None if repo_id is None else repository_id(repo_id)
    except ValueError as error:
        raise UserError(f"--repo-id {repo_id!r} {error}") from None


if __name__ == "__main__":
    sys.exit(main())
