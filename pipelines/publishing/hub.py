"""Publication on the Hub: one commit that holds all files or none, then a check of every file, then the tag.

    commit = publish(hub, Repository("me/name"), files, private=True, message="Publish quickstart")
    tag(hub, repository, "v1", commit.oid)
    withdraw(hub, repository, {"README.md": notice})

A commit names the one that it follows (`parent_commit`), so the Hub refuses it (412) where somebody else's came in
between. If the answer to a commit is lost, the head is compared with the files: equal means that it was done, an
unchanged head that it was not, and it is sent again. Publishing the same files again makes no commit.
`HfApi.upload_folder` would not do: with Xet it commits in parts.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import httpx2
from huggingface_hub import CommitOperationAdd, CommitOperationDelete
from huggingface_hub.errors import HfHubHTTPError, RevisionNotFoundError
from huggingface_hub.hf_api import RepoFile

from desdecero.pipelines.common.errors import UserError
from desdecero.pipelines.publishing.connection import PASSING, Hub
from desdecero.pipelines.publishing.files import OF_THE_HUB, PublishedFile
from desdecero.pipelines.publishing.withdrawal import with_notice

NOT_PUBLISHED = "nothing was published"
SHOWN = 3

Operation = CommitOperationAdd | CommitOperationDelete


@dataclass(frozen=True)
class Repository:
    """A repository on the Hub."""

    repo_id: str
    kind: Literal["model", "dataset"] = "model"

    def address(self, hub: Hub) -> str:
        """Return its page."""
        return f"{hub.endpoint}/{'datasets/' if self.kind == 'dataset' else ''}{self.repo_id}"


@dataclass(frozen=True)
class Head:
    """A repository at one commit."""

    oid: str | None
    """The commit; None of an empty repository."""
    private: bool
    files: Mapping[str, RepoFile] = field(default_factory=dict)


@dataclass(frozen=True)
class Commit:
    """A commit that holds what was to be published."""

    oid: str
    new: bool
    """False: the Hub had these files already."""


@dataclass(frozen=True)
class Difference:
    """What a publication would change: names of files."""

    added: list[str]
    changed: list[str]
    removed: list[str]
    same: list[str]


def publish(
    hub: Hub,
    repository: Repository,
    files: Mapping[str, PublishedFile],
    private: bool,
    message: str,
    earlier: str | None = None,
    new_tag: str | None = None,
) -> Commit:
    """Have the repository hold these files and no others; return the commit that does.

    earlier: the commit of an earlier publication of this run: as long as it is the head, its files may be removed
    new_tag: the tag that it will get, which must not be at another commit
    Raises `UserError` where the repository has another visibility or somebody else's files, where somebody else commits
    at the same time, and where the Hub refuses or does not answer.
    """
    name = repository.repo_id
    with hub.told(name, f"{NOT_PUBLISHED}; publish again when that is mended"):
        hub.api.create_repo(name, repo_type=repository.kind, private=private, exist_ok=True)
        now = head(hub, repository)
        check_visibility(repository, now, private)
        difference = compare(now, files)
        whole = now.oid is not None and not (difference.added or difference.changed or difference.removed)
        tagged = check_tag(hub, repository, new_tag) if new_tag is not None else None
        if tagged is not None and not (whole and tagged == now.oid):
            raise UserError(
                f"{name} has a tag {new_tag} already, at {tagged}: {NOT_PUBLISHED}; publish with another --tag"
            )
        if now.oid is not None and whole:
            return Commit(now.oid, new=False)
        _check_foreign(repository, now, difference, earlier)

        def operations() -> list[Operation]:
            added = [CommitOperationAdd(each, files[each].source) for each in (*difference.added, *difference.changed)]
            return [*added, *(CommitOperationDelete(each) for each in difference.removed)]

        oid = _commit(hub, repository, now.oid, operations, lambda there: _holds(there, files), message)
    with hub.told(name, f"commit {oid} was made, but its files were not compared; publish again to compare them"):
        _check_arrived(repository, head(hub, repository, oid), files)
    return Commit(oid, new=True)


def _commit(
    hub: Hub,
    repository: Repository,
    parent: str | None,
    operations: Callable[[], list[Operation]],
    done: Callable[[Head], bool],
    message: str,
) -> str:
    """Make one commit on `parent` and return its id, whatever becomes of the answers.

    operations: made anew for each try, since huggingface_hub alters them; done: whether a head is what is wanted
    """
    unknown = "it is not known whether the commit arrived; publish again, which looks first"
    for wait in (*hub.patience.waits, None):
        try:
            return hub.api.create_commit(
                repository.repo_id,
                operations(),
                commit_message=message,
                repo_type=repository.kind,
                parent_commit=parent,
            ).oid
        except (HfHubHTTPError, httpx2.TransportError) as error:
            status = error.response.status_code if isinstance(error, HfHubHTTPError) else None
            if status is not None and status not in (*PASSING, 409, 412):
                raise
            failure: Exception = error
        with hub.told(repository.repo_id, unknown):
            there = head(hub, repository)
        if there.oid is not None and done(there):
            return there.oid
        if there.oid != parent or status in (409, 412):
            raise UserError(
                f"somebody else committed to {repository.repo_id} at the same time ({there.oid}): {NOT_PUBLISHED}, and "
                "that commit was left as it is; look at it, and publish again"
            )
        if wait is None:
            raise failure
        hub.patience.pause(wait, failure)
    raise AssertionError("unreachable: the last try returns or raises")


# --- what is there -----------------------------------------------------------------------------------------------


def head(hub: Hub, repository: Repository, revision: str | None = None) -> Head:
    """Return a repository's visibility and files at a revision, by default the newest commit of `main`."""
    info = hub.api.repo_info(repository.repo_id, repo_type=repository.kind, revision=revision)
    if info.sha is None:
        return Head(None, bool(info.private))
    tree = hub.api.list_repo_tree(
        repository.repo_id, recursive=True, revision=info.sha, repo_type=repository.kind
    )  # at the commit that was named, not at whatever is the newest by now
    files = {entry.path: entry for entry in tree if isinstance(entry, RepoFile)}
    return Head(info.sha, bool(info.private), files)


def compare(there: Head, files: Mapping[str, PublishedFile]) -> Difference:
    """Compare a repository with the files that it is to hold, by size and hash."""
    theirs = {name: entry for name, entry in there.files.items() if name != OF_THE_HUB}
    both = sorted(files.keys() & theirs.keys())
    same = [name for name in both if _is(theirs[name], files[name])]
    changed = [name for name in both if name not in set(same)]
    return Difference(sorted(files.keys() - theirs.keys()), changed, sorted(theirs.keys() - files.keys()), same)


def _is(entry: RepoFile, file: PublishedFile) -> bool:
    """Compare what the Hub says of a file (a sha256 for LFS and Xet, a git blob's id otherwise) with the file."""
    if entry.size != file.size:
        return False
    return entry.lfs.sha256 == file.sha256 if entry.lfs is not None else entry.blob_id == file.blob_id


def _holds(there: Head, files: Mapping[str, PublishedFile]) -> bool:
    found = compare(there, files)
    return not (found.added or found.changed or found.removed)


def check_visibility(repository: Repository, there: Head, private: bool) -> None:
    """Raise `UserError` for a repository that exists with another visibility."""
    if there.private != private:
        requested, actual = ("private", "public") if private else ("public", "private")
        raise UserError(
            f"{repository.repo_id} exists and is {actual}, not {requested}: change it on the Hub, or name another "
            "--repo-id"
        )


def _check_foreign(repository: Repository, there: Head, difference: Difference, earlier: str | None) -> None:
    """Refuse a repository with files that the gate has not judged, and that this run did not publish."""
    if difference.removed and there.oid != earlier:
        raise UserError(
            f"{repository.repo_id} holds files that are not of this run ({_listed(difference.removed)}): "
            "delete them on the Hub, or name another --repo-id"
        )


def _check_arrived(repository: Repository, there: Head, files: Mapping[str, PublishedFile]) -> None:
    found = compare(there, files)
    if wrong := [*found.added, *found.changed, *found.removed]:
        raise UserError(
            f"commit {there.oid} of {repository.repo_id} does not hold what was sent ({_listed(wrong)}): publish "
            "again, and tell the Hub if that does not help"
        )


def _listed(names: list[str]) -> str:
    more = len(names) - SHOWN
    return ", ".join(names[:SHOWN]) + (f" and {more} more" if more > 0 else "")


# --- tags ------------------------------------------------------------------------------------------------------


def check_tag(hub: Hub, repository: Repository, name: str) -> str | None:
    """Return the commit that a tag is at; None where there is no such tag or repository."""
    try:
        return hub.api.repo_info(repository.repo_id, repo_type=repository.kind, revision=name).sha
    except RevisionNotFoundError:
        return None


def tag(hub: Hub, repository: Repository, name: str, oid: str) -> None:
    """Tag a commit. Raises `UserError` where the tag is at another commit, which stays there."""
    with hub.told(repository.repo_id, f"commit {oid} is published, without the tag {name}; publish again to set it"):
        at = check_tag(hub, repository, name)
        if at is None:
            hub.api.create_tag(
                repository.repo_id, tag=name, revision=oid, repo_type=repository.kind, exist_ok=True
            )  # it exists where the answer to an earlier try was lost
            at = check_tag(hub, repository, name)
        if at != oid:
            raise UserError(
                f"{repository.repo_id} has a tag {name} at {at} already: commit {oid} is published without it; publish "
                "again with another --tag"
            )


# --- withdrawal ----------------------------------------------------------------------------------------------


def withdraw(hub: Hub, repository: Repository, notices: Mapping[str, str], message: str) -> str:
    """Make a repository private, and put a notice on top of its cards; return the newest commit.

    notices: name of a card → Markdown. A card that has its notice is left as it is.
    """
    name = repository.repo_id
    with hub.told(name, "it was not withdrawn; try again"):
        if not head(hub, repository).private:
            hub.api.update_repo_settings(name, repo_type=repository.kind, visibility="private")
        now = head(hub, repository)
    with hub.told(name, "it is private now, and its card has no notice yet; try again"):
        cards = {each: _read(hub, repository, now, each) for each in notices if each in now.files}
        noticed = {each: with_notice(text, notices[each]) for each, text in cards.items()}
        changed = {each: PublishedFile(each, text.encode()) for each, text in noticed.items() if text != cards[each]}
        assert now.oid is not None
        if not changed:
            return now.oid

        def done(there: Head) -> bool:
            return all(each in there.files and _is(there.files[each], file) for each, file in changed.items())

        return _commit(
            hub,
            repository,
            now.oid,
            lambda: [CommitOperationAdd(each, file.source) for each, file in changed.items()],
            done,
            message,
        )


def _read(hub: Hub, repository: Repository, there: Head, name: str) -> str:
    with tempfile.TemporaryDirectory() as folder:
        path = hub.api.hf_hub_download(
            repository.repo_id, name, repo_type=repository.kind, revision=there.oid, local_dir=folder
        )
        return Path(path).read_text(encoding="utf-8")
