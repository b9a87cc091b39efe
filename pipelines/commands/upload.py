"""What `desdecero publish` does once the gate has agreed: upload, record and tag; list and compare files; withdraw."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

from desdecero.model_cards.formats import counted, size
from desdecero.model_cards.words import LANGUAGES, Language, file_in, say
from desdecero.pipelines.common.errors import EXIT_FINDING, EXIT_OK, UserError, printable
from desdecero.pipelines.common.signals import run_ending_at_once
from desdecero.pipelines.publishing import record
from desdecero.pipelines.publishing.dataset import files_of_dataset, forbidding
from desdecero.pipelines.publishing.files import Files, digest
from desdecero.pipelines.publishing.record import Publication
from desdecero.pipelines.publishing.withdrawal import notice
from desdecero.pipelines.recipe import Recipe
from desdecero.pipelines.run.run_dir import RunDir
from desdecero.pipelines.run.seals import now
from desdecero.pipelines.run.stages import stages
from desdecero.pipelines.verification.of_run import verify


@dataclass(frozen=True)
class Target:
    """Where something is published, and how."""

    what: str
    """`model`, `adapter:NAME` or `dataset`."""
    repo_id: str | None
    private: bool
    tag: str | None = None
    dry_run: bool = False
    diff: bool = False
    """Compare with what the Hub has, in a dry run."""

    @property
    def kind(self) -> Any:
        """Kind of the repository, as the Hub names it."""
        return "dataset" if self.what == "dataset" else "model"


def checked_tag(tag: str | None) -> str | None:
    """Return a tag's name; raise `UserError` for one that git refuses, or that is a branch."""
    if tag is not None and (
        not re.fullmatch(r"[A-Za-z0-9][\w.-]*", tag, re.ASCII)
        or tag == "main"
        or ".." in tag
        or tag.endswith((".", ".lock"))
    ):
        raise UserError(f"--tag {tag!r}: write letters, digits, `.`, `_` and `-`, as in v1; main is a branch")
    return tag


def upload(run: RunDir, recipe: Recipe, files: Files, target: Target, language: Language) -> None:
    """Publish the files in one commit, note it in `published.jsonl`, tag it, and print where it is."""
    from desdecero.pipelines.publishing.connection import connect
    from desdecero.pipelines.publishing.hub import Commit, Repository, publish, tag

    assert target.repo_id is not None  # otherwise the gate has refused
    hub, repository = connect(), Repository(target.repo_id, target.kind)
    earlier = record.latest(run, target.what, target.repo_id)
    corpus = run.seal("corpus", recipe) if "corpus" in stages(recipe) else None

    def work() -> Commit:
        commit = publish(
            hub,
            repository,
            files,
            target.private,
            f"Publish {run.path.name} ({target.what})",
            earlier.commit if earlier else None,
            target.tag,
        )
        published = Publication(
            repository=repository.repo_id,
            kind=repository.kind,
            what=target.what,
            commit=commit.oid,
            digest=digest(files),
            corpus=corpus.digest if corpus else None,
            date=now(),
        )
        record.remember(run, published)
        if target.tag is not None:
            tag(hub, repository, target.tag, commit.oid)
            record.remember(run, published.model_copy(update={"tag": target.tag}))
        return commit

    commit = run_ending_at_once(work)
    key = "publish.published" if commit.new else "publish.unchanged"
    print("\n" + say(language, key, address=repository.address(hub), commit=commit.oid))
    if target.tag is not None:
        print(say(language, "publish.tagged", tag=target.tag))


# --- what would be uploaded --------------------------------------------------------------------------------------


def print_contents(run: RunDir, recipe: Recipe, files: Files, target: Target, language: Language) -> None:
    """Print every file of the upload: size, sha256, path in the repository."""
    visibility = say(language, "publish.private" if target.private else "publish.public")
    named = target.repo_id or say(language, "publish.unnamed")
    print(f"{say(language, 'publish.repository'):<12} {named}, {visibility}")
    print(f"{say(language, 'publish.folder'):<12} {run.path}")
    for name, file in files.items():
        print(f"{size(file.size):>11}  {file.sha256}  {printable(name)}")
    total = size(sum(file.size for file in files.values()))
    print(f"{total:>11}  {counted(language, 'publish.files', len(files))}")
    if folders := sorted(set(_places(recipe.model_dump(mode="json"), recipe.content()))):
        print(say(language, "publish.names_folders", folders=printable(", ".join(folders))))
    print()


def _places(whole: Any, content: Any) -> Iterator[str]:
    """Yield the paths of a recipe: what `Recipe.content` leaves out."""
    if isinstance(whole, Mapping):
        for key, value in whole.items():
            yield from _places(value, content.get(key) if isinstance(content, Mapping) else None)
    elif isinstance(whole, list | tuple) and isinstance(content, list | tuple):
        for one, other in zip(whole, content, strict=True):
            yield from _places(one, other)
    elif isinstance(whole, str) and content is True and "/" in whole:
        yield whole


def print_difference(files: Files, target: Target, language: Language) -> None:
    """Print what a publication would change on the Hub."""
    from huggingface_hub.errors import RepositoryNotFoundError

    from desdecero.pipelines.publishing.connection import connect
    from desdecero.pipelines.publishing.hub import Head, Repository, compare, head

    if target.repo_id is None:
        raise UserError("--diff compares with a repository: name it with --repo-id OWNER/NAME")
    hub, repository = connect(needs_token=False), Repository(target.repo_id, target.kind)

    def there() -> Head:
        with hub.told(repository.repo_id, "nothing was compared"):
            try:
                return head(hub, repository)
            except RepositoryNotFoundError:
                return Head(None, target.private)

    found = compare(run_ending_at_once(there), files)
    print()
    for kind, names in (("added", found.added), ("changed", found.changed), ("removed", found.removed)):
        for name in names:
            print(f"{say(language, f'publish.difference.{kind}'):<10} {printable(name)}")
    print(f"{say(language, 'publish.difference.same'):<10} {counted(language, 'publish.files', len(found.same))}")


# --- data sets and withdrawals -----------------------------------------------------------------------------------


def publish_dataset(run: RunDir, recipe: Recipe, target: Target, language: Language) -> int:
    """Publish the corpus, with its texts where their licences permit it. Returns the exit code."""
    with nullcontext() if target.dry_run else run.lock():
        state = run.state(stages(recipe)["corpus"], recipe)
        why = f"{state.name}: {state.reason}" if state.reason else state.name
        faults = [f"corpus: {why}"] if state.name != "sealed" else []
        faults += [fault for fault in verify(run, recipe) if fault.startswith(("corpus", "recipe.yaml"))]
        if faults:
            print("\n".join([*faults, "", say(language, "publish.data_refused")]))
            return EXIT_FINDING
        if target.repo_id is None and not target.dry_run:
            raise UserError("name the repository of the data set with --repo-id OWNER/NAME")
        forbidden = forbidding(run.report("corpus", recipe))
        files = files_of_dataset(run, recipe)
        print_contents(run, recipe, files, target, language)
        if forbidden:
            print(say(language, "publish.texts_stay", licenses=", ".join(forbidden)))
        else:
            print(say(language, "publish.texts_go"))
        if target.diff:
            print_difference(files, target, language)
        if target.dry_run:
            print("\n" + say(language, "publish.dry_run"))
            return EXIT_OK
        upload(run, recipe, files, target, language)
    return EXIT_OK


def withdraw(run: RunDir, target: Target, reason: str, language: Language) -> int:
    """Make what was published private, with a notice on top of its cards; note it. Returns the exit code."""
    from desdecero.pipelines.publishing import hub as on_hub
    from desdecero.pipelines.publishing.connection import connect

    reason = "".join(letter for letter in " ".join(reason.split()) if letter.isprintable())
    if not any(letter.isalnum() for letter in reason):
        raise UserError('--withdraw "…" needs the reason: the card prints it')
    known = record.latest(run, target.what, target.repo_id)
    name = target.repo_id or (known.repository if known else None)
    if name is None:
        raise UserError(
            f"{run} has no publication of {target.what} in published.jsonl: name it with --repo-id OWNER/NAME"
        )
    date = known.date if known and known.withdrawn == reason else now()
    notices = {file_in(each, "README.md"): notice(each, date[:10], reason) for each in LANGUAGES}
    repository = on_hub.Repository(name, target.kind)
    with run.lock():
        hub = connect()
        oid = run_ending_at_once(lambda: on_hub.withdraw(hub, repository, notices, "Withdraw"))
        record.remember(
            run,
            Publication(repository=name, kind=target.kind, what=target.what, commit=oid, date=date, withdrawn=reason),
        )
    print(say(language, "publish.withdrawn", address=repository.address(hub)))
    return EXIT_OK
