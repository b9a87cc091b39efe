"""`published.jsonl` in a run directory: what of the run was published, where and when. It never holds a token."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from desdecero.pipelines.common.errors import UserError
from desdecero.pipelines.recipe import Recipe
from desdecero.pipelines.recipe.identifiers import repository_id
from desdecero.pipelines.run.run_dir import RunDir
from desdecero.pipelines.run.seals import InvalidFile, Sha256, read_file


def _printable(text: str) -> str:
    if not text.isprintable():
        raise ValueError("holds what draws on a terminal")
    return text


class Publication(BaseModel):
    """One line: a commit that was published, or withdrawn."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    repository: Annotated[str, AfterValidator(repository_id)]
    """`owner/name`."""
    kind: Literal["model", "dataset"]
    what: Annotated[str, AfterValidator(_printable)]
    """`model`, `dataset` or `adapter:NAME`."""
    commit: Annotated[str, Field(pattern=r"\A[0-9a-f]{40}\z")]
    tag: Annotated[str, AfterValidator(_printable)] | None = None
    digest: Sha256 | None = None
    """sha256 over the names and hashes of the files; None of a withdrawal."""
    corpus: Sha256 | None = None
    """Digest of the seal of the corpus that it was made from."""
    date: Annotated[str, Field(pattern=r"\A\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ\z")]
    """UTC."""
    withdrawn: Annotated[str, AfterValidator(_printable)] | None = None
    """The reason, where the repository was withdrawn."""


def publications(run: RunDir) -> list[Publication]:
    """Read what was published of a run, the earliest first."""
    path = run.publications
    try:
        content = read_file(path)
    except FileNotFoundError:
        return []
    except InvalidFile as error:
        raise UserError(f"{path} {error}") from None
    found = []
    for number, line in enumerate(content.splitlines(), 1):
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
    with path.open("ab+") as file:
        if file.seek(0, os.SEEK_END):  # an editor may have left the last line without its end
            file.seek(-1, os.SEEK_END)
            line = line if file.read(1) == b"\n" else f"\n{line}"
        file.write(line.encode())
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
