"""`published.jsonl` in a run directory: what of the run was published, where and when. It never holds a token."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from desdecero.pipelines.common.errors import UserError
from desdecero.pipelines.recipe import Recipe
from desdecero.pipelines.run.run_dir import RunDir


class Publication(BaseModel):
    """One line: a commit that was published, or withdrawn."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    repository: str
    """`owner/name`."""
    kind: Literal["model", "dataset"]
    what: str
    """`model`, `dataset` or `adapter:NAME`."""
    commit: str
    tag: str | None = None
    digest: str | None = None
    """sha256 over the names and hashes of the files; None of a withdrawal."""
    corpus: str | None = None
    """Digest of the seal of the corpus that it was made from."""
    date: str
    """UTC."""
    withdrawn: str | None = None
    """The reason, where the repository was withdrawn."""


def now() -> str:
    """Return the time as the seals write it."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def publications(run: RunDir) -> list[Publication]:
    """Read what was published of a run, the earliest first."""
    path = run.publications
    if not path.is_file():
        return []
    found = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        try:
            found.append(Publication.model_validate_json(line))
        except ValidationError:
            raise UserError(f"{path}, line {number}: not as `publish` wrote it: restore or remove the line") from None
    return found


def remember(run: RunDir, publication: Publication) -> None:
    """Add a line, unless there is one that says the same at another time; it is on the disk when this returns."""
    same = publication.model_dump(exclude={"date"})
    if any(known.model_dump(exclude={"date"}) == same for known in publications(run)):
        return
    _append(run.publications, publication.model_dump_json() + "\n")


def _append(path: Path, line: str) -> None:
    with path.open("a", encoding="utf-8") as file:
        file.write(line)
        file.flush()
        os.fsync(file.fileno())


def latest(run: RunDir, what: str, repository: str | None = None) -> Publication | None:
    """Return the last publication of something, in one repository or in any."""
    found = [one for one in publications(run) if one.what == what and repository in (None, one.repository)]
    return found[-1] if found else None


def copies_on_hub(run: RunDir, recipe: Recipe) -> Iterator[str]:
    """Yield a sentence for each published commit of a run: whether it was made from the corpus that is there now.

    For those who look for a document in that corpus. A withdrawn commit is still on the Hub.
    """
    seal, everything = run.seal("corpus", recipe), publications(run)
    withdrawn = {one.repository for one in everything if one.withdrawn is not None}
    for one in {(one.repository, one.commit): one for one in everything if one.withdrawn is None}.values():
        if one.corpus is not None and seal is not None and one.corpus == seal.digest:
            held = "made from these documents"
        else:
            held = "made from an earlier corpus, which may have held them"
        told = ", withdrawn since: private, but not deleted" if one.repository in withdrawn else ""
        yield f"{one.repository} at {one.commit[:12]} ({one.what}, {one.date[:10]}): {held}{told}"
    if not everything and (repository := recipe.publish.repo_id):
        yield f"{repository}, if it was published there before published.jsonl was kept"
