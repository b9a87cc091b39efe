"""Bring a publication back at one commit: `folder` is whole afterwards, or absent.

    pull(hub, Repository("me/name"), "v1", Path("name"))      # returns the commit

The revision is resolved first, and all files are read at that commit. They arrive in a folder beside the one asked for,
are compared with the Hub's hashes, and the folder is renamed. What a killed call left is removed by the next one.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path, PurePosixPath

from huggingface_hub import snapshot_download

from desdecero.pipelines.common.errors import UserError, printable
from desdecero.pipelines.publishing.connection import Hub
from desdecero.pipelines.publishing.files import OF_THE_HUB
from desdecero.pipelines.publishing.hub import Head, Repository, head


def pull(hub: Hub, repository: Repository, revision: str | None, folder: Path) -> str:
    """Download a repository at a revision (a commit, tag or branch; by default `main`); return its commit.

    Raises `UserError` where the folder exists, the Hub refuses or does not answer, or other bytes arrived.
    """
    check_absent(folder)
    name, partial = repository.repo_id, partial_folder(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(partial, ignore_errors=True)
    try:
        with hub.told(name, f"{folder} was not written; try again when that is mended"):
            at = head(hub, repository, revision)
            if at.oid is None or not at.files:
                raise UserError(f"{name} is empty: there is nothing to bring back")
            _check_names(repository, at)
            snapshot_download(
                name,
                repo_type=repository.kind,
                revision=at.oid,
                local_dir=partial,
                endpoint=hub.endpoint,
                token=hub.token if hub.token is not None else False,
            )
            found = hub.api.verify_repo_checksums(name, repo_type=repository.kind, revision=at.oid, local_dir=partial)
        wrong = [*(one["path"] for one in found.mismatches), *found.missing_paths, *found.extra_paths]
        if wrong:
            raise UserError(
                f"{printable(wrong[0])} of {name} did not arrive as the Hub lists it ({at.oid}): {folder} was not "
                "written; try again"
            )
        shutil.rmtree(partial / ".cache", ignore_errors=True)  # notes of huggingface_hub on what it downloaded
        (partial / OF_THE_HUB).unlink(missing_ok=True)
        os.rename(partial, folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return at.oid


def check_absent(folder: Path) -> None:
    """Raise `UserError` where the folder exists."""
    if folder.exists() or folder.is_symlink():
        raise UserError(f"{folder} exists: name another folder, or remove it")


def partial_folder(folder: Path) -> Path:
    """Return where the files of `folder` arrive."""
    return folder.with_name(f".{folder.name}.partial")


def _check_names(repository: Repository, at: Head) -> None:
    """Refuse names that would lead out of the folder."""
    for name in at.files:
        path = PurePosixPath(name)
        if path.is_absolute() or ".." in path.parts or "\\" in name or not name.isprintable():
            raise UserError(f"{repository.repo_id} names a file outside its folder ({printable(name)}): not pulled")
