"""Upload a run's `model/` folder, or one of its adapters, to the Hub, through the gate.

    desdecero publish quickstart --dry-run                         list what would be uploaded, without a network
    desdecero publish quickstart --repo-id owner/name              in one commit; private unless …
    desdecero publish quickstart --repo-id owner/name --public     … or the recipe says publish.private: false
    desdecero publish quickstart --adapter legal --repo-id owner/legal

An adapter goes into a repository of its own: what peft loads, with its tokenizer and card, and in `merged/` the model
with the adapter in its weights. The gate asks of it what concerns its texts and what it changes.

The gate judges the run again, by every rule of the recipe's policy (`desdecero gate`, docs/gate.md). A model that it
refuses is not uploaded: exit code 1. A person who answers for it may waive a rule in the recipe's `policy.waivers`,
until a day and with a reason that the card prints; `desdecero run` writes the card again with it.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

from desdecero.model_cards.formats import counted, size
from desdecero.model_cards.policy.judge import refused
from desdecero.model_cards.words import LANGUAGES, Language, reader_language, say
from desdecero.pipelines.commands.gate import judge_run, lines
from desdecero.pipelines.commands.upload import upload
from desdecero.pipelines.common.command_line import Arguments
from desdecero.pipelines.common.errors import EXIT_FINDING, EXIT_OK, UserError, guard, printable
from desdecero.pipelines.common.files import sha256_file
from desdecero.pipelines.recipe import Recipe
from desdecero.pipelines.recipe.identifiers import repository_id
from desdecero.pipelines.run.chain import find_stage, run_stage
from desdecero.pipelines.run.run_dir import RunDir, find_run
from desdecero.pipelines.run.stages import stage_name, stages
from desdecero.pipelines.write_card import PAGES, Published, published_as


@dataclass(frozen=True)
class Wanted:
    """What is to be published, and where."""

    adapter: str | None
    """None: the run's model."""
    repo_id: str | None


def publish(run: RunDir, wanted: Wanted, private: bool, dry_run: bool, language: Language = "en") -> int:
    """List the files, judge them, and upload them unless refused or in a dry run. Returns the exit code."""
    with nullcontext() if dry_run else run.lock():  # a dry run only reads
        recipe = run.recipe()
        verdicts = judge_run(recipe, run, wanted.adapter)
        rewrite = not on_card(recipe, run, wanted)
        if rewrite and not dry_run and not refused(verdicts):
            write_again(recipe, run, wanted)
            verdicts = judge_run(recipe, run, wanted.adapter)
        files = contents(run, wanted.adapter)
        print_contents(run, files, wanted, private, language)
        print("\n".join(lines(language, verdicts)))
        if rules := refused(verdicts):
            print("\n" + say(language, "publish.refused_by", rules=", ".join(rules)))
            return EXIT_FINDING
        if dry_run:
            print("\n" + say(language, "publish.dry_run_rewrites" if rewrite else "publish.dry_run"))
            return EXIT_OK
        assert wanted.repo_id is not None  # `_command` asks for one
        what = run.path.name if wanted.adapter is None else f"{run.path.name}: {wanted.adapter}"
        print("\n" + say(language, "publish.published", address=upload(files, wanted.repo_id, private, what)))
    return EXIT_OK


def contents(run: RunDir, adapter: str | None) -> dict[str, Path]:
    """Return path in the repository → file: of a model all of `model/`; of an adapter what peft loads, with its card,
    and in `merged/` the model with the adapter in its weights.

    Of a method that trains the weights themselves, which peft has no part in, the model with its card.

    The card's `adapter_config.json` takes the place of the adapter's, which names a folder of this machine.
    """
    if adapter is None:
        return _below(run.model)
    folder = run.adapter(adapter)
    written = {name: folder / "card" / name for name in (*PAGES, "adapter_config.json")}
    where = "merged/" if (folder / "adapter").is_dir() else ""
    merged = {f"{where}{name}": path for name, path in _below(folder / "merged").items()}
    files = {**_below(folder / "adapter"), **merged, **written}
    return {name: path for name, path in sorted(files.items()) if path.is_file()}


def _below(folder: Path) -> dict[str, Path]:
    return {path.relative_to(folder).as_posix(): path for path in sorted(folder.rglob("*")) if path.is_file()}


def on_card(recipe: Recipe, run: RunDir, wanted: Wanted) -> bool:
    """Tell whether an adapter's sealed card names the repository. A model's is in the recipe."""
    return wanted.adapter is None or published_as(recipe, run, wanted.adapter).repo_id == wanted.repo_id


def write_again(recipe: Recipe, run: RunDir, wanted: Wanted) -> None:
    """Make an adapter's card again, so that it names the repository."""
    card = stages(recipe)[stage_name("card", wanted.adapter)]
    run_stage(card, recipe, run, because="to say where it is published", published=Published(wanted.repo_id))


def print_contents(run: RunDir, files: Mapping[str, Path], wanted: Wanted, private: bool, language: Language) -> None:
    """Print every file of the upload: size, sha256, path in the repository."""
    visibility = say(language, "publish.private" if private else "publish.public")
    folder = run.model if wanted.adapter is None else run.adapter(wanted.adapter)
    print(
        f"{say(language, 'publish.repository'):<12} {wanted.repo_id or say(language, 'publish.unnamed')}, {visibility}"
    )
    print(f"{say(language, 'publish.folder'):<12} {folder}")
    for name, path in files.items():
        print(f"{size(path.stat().st_size):>11}  {sha256_file(path)}  {printable(name)}")
    total = size(sum(path.stat().st_size for path in files.values()))
    print(f"{total:>11}  {counted(language, 'publish.files', len(files))}\n")


def main(argv: list[str] | None = None) -> int:
    """Run `desdecero publish`."""
    return guard(_command, argv)


def _command(words: list[str]) -> int:
    parser = Arguments("publish", __doc__)
    parser.add_run()
    parser.add_argument(
        "--repo-id", metavar="OWNER/NAME", help="the repository (default: the recipe's publish.repo_id)"
    )
    parser.add_argument("--adapter", metavar="NAME", help="publish this adapter, into a repository of its own")
    parser.add_argument("--public", action="store_true", help="publicly visible (default: as the recipe says, private)")
    parser.add_argument("--language", choices=LANGUAGES, help="of the findings (default: the recipe's first, or LANG)")
    parser.add_argument("--dry-run", action="store_true", help="list what would be uploaded; contact no network")
    args = parser.parse_args(words)
    run = find_run(args.run)
    recipe, repo_id = run.recipe(), _checked(args.repo_id)
    if args.adapter is None and recipe.base is not None:
        raise UserError(
            f"{run}: {recipe.base.name} was not trained here: publish an adapter on it, with --adapter NAME"
        )
    if args.adapter is None:
        wanted = Wanted(None, repo_id or recipe.publish.repo_id)
        if recipe.publish.repo_id and wanted.repo_id != recipe.publish.repo_id:
            raise UserError(
                f"the card sends its readers to {recipe.publish.repo_id}, not to {wanted.repo_id}: write the one that "
                "is right into publish.repo_id, and make the card again"
            )
    else:
        find_stage(recipe, "finetune", args.adapter)  # a name that is none is refused with those that there are
        wanted = Wanted(args.adapter, repo_id or published_as(recipe, run, args.adapter).repo_id)
        if wanted.repo_id and wanted.repo_id == recipe.publish.repo_id:
            raise UserError(f"{wanted.repo_id} is the repository of the model: name another for its adapter")
    if wanted.repo_id is None and not args.dry_run:
        raise UserError("no repository is named: use --repo-id owner/name, or the recipe's publish.repo_id")
    private = recipe.publish.private and not args.public
    return publish(run, wanted, private, args.dry_run, reader_language(recipe.languages, args.language))


def _checked(repo_id: str | None) -> str | None:
    try:
        return repo_id and repository_id(repo_id)
    except ValueError as error:
        raise UserError(f"--repo-id {repo_id!r} {error}") from None


if __name__ == "__main__":
    sys.exit(main())
