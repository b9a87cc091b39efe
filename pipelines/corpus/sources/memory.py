"""A run's record of its sources: the state that its sealed corpus was built from, and the hashes of files.

    sources.json    {"sealed": the sources as they were, "hashes": {inode, size and times of a file: sha256}}

It lies next to the sealed folders, because times do not belong to a corpus. The seal holds its digest: a list that does
not match is ignored, and then the files are read and hashed again.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from desdecero.pipelines.common.files import write_text
from desdecero.pipelines.corpus.sources import consulted, look, names_that_count
from desdecero.pipelines.corpus.sources.contents import (
    SeenSource,
    difference,
    digest,
    from_json,
    hashed,
    renamed,
    same_sizes,
    to_json,
)
from desdecero.pipelines.recipe import Recipe


@dataclass(frozen=True)
class Comparison:
    """The sources of a recipe compared with those of a sealed corpus."""

    changes: str
    """Difference between the corpus and these sources; "" if there is none."""
    now: Sequence[SeenSource]
    renamed: bool = False
    """True if files or sources have other names than in the ledger, and the same content."""


class SourceMemory:
    """Reads and writes the record of one run."""

    def __init__(self, path: Path):
        self._path = path
        self._sealed: list[SeenSource] | None = None
        self._hashes: dict[str, str] = {}
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            self._sealed = from_json(content["sealed"]) if content["sealed"] is not None else None
            self._hashes = {str(stamp): str(sha256) for stamp, sha256 in content["hashes"].items()}
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            pass  # not written yet, or damaged: files are hashed again

    def compare(self, recipe: Recipe, sealed: str) -> Comparison:
        """Compare today's sources with those that a corpus was sealed with, by its seal's digest. Writes nothing.

        Reads the files whose size or times changed, unless the sizes already show a difference.
        """
        before, now = self._sealed, look(recipe.corpus, self._hashes)
        if before is None or digest(before) != sealed:
            now = hashed(now)
            return Comparison("" if digest(now) == sealed else "they are not those that it was built from", now)
        if len(before) != len(now):
            return Comparison("the files that filters learn from are others", now)
        if same_sizes(before, now):
            now = hashed(now)
        sources = (*recipe.corpus.sources, *consulted(recipe.corpus))
        changes = [
            difference(old, new, names_that_count(recipe, source, new), recipe.calls_sources_by_name)
            for source, old, new in zip(sources, before, now, strict=True)
        ]
        difference_found = "; ".join(filter(None, changes))
        return Comparison(difference_found, now, not difference_found and any(map(renamed, before, now)))

    def look(self, recipe: Recipe) -> list[SeenSource]:
        """List the sources as they are now, every file hashed; hashes are stored, so that an interruption loses
        none."""
        now = hashed(look(recipe.corpus, self._hashes))
        self.keep_hashes(now)
        return now

    @staticmethod
    def digest(sources: Sequence[SeenSource]) -> str:
        """Return the digest that a seal holds of these sources."""
        return digest(sources)

    def seal(self, sources: Sequence[SeenSource]) -> None:
        """Record these as the sources that the corpus was built from."""
        self._keep(list(sources), sources)

    def keep_hashes(self, sources: Sequence[SeenSource]) -> None:
        """Record the files of these sources, so that they are not read again while unchanged."""
        self._keep(self._sealed, sources)

    def _keep(self, sealed: list[SeenSource] | None, now: Sequence[SeenSource]) -> None:
        hashes = {file.stamp: file.sha256 for source in now for file in source.files if file.stamp and file.sha256}
        if (sealed, hashes) == (self._sealed, self._hashes):
            return
        self._sealed, self._hashes = sealed, hashes
        content = {"sealed": to_json(sealed) if sealed is not None else None, "hashes": hashes}
        write_text(self._path, json.dumps(content))  # ASCII: names of files may be invalid Unicode
